"""nats_reader.py BUILD PORT FOLDER - what nats-py reads of what was delivered to a stream."""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import common
import nats

build, port, folder = sys.argv[1:]
URL = f"nats://writer:pass%25%2Fword@127.0.0.1:{port}"


async def read():
    client = await nats.connect(f"nats://127.0.0.1:{port}", user="reader", password="reader")
    streams = client.jetstream()
    await streams.add_stream(name="ORDERS", subjects=["order.>"])
    await asyncio.to_thread(common.deliver, build, folder, URL)  # without a subject: it is the event's type
    consumer = await streams.pull_subscribe("order.>", durable="group")
    messages = []
    for message in await consumer.fetch(2, timeout=60):
        headers = dict(message.headers)
        assert message.subject == headers["webhook-type"]
        messages.append((headers["Nats-Msg-Id"], headers["webhook-type"], headers, message.data))
        await message.ack()
    assert (await consumer.consumer_info()).num_pending == 0
    await client.close()
    return messages


found = asyncio.run(read())
common.check(found)
print("nats-py read", len(found))
