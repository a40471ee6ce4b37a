"""rabbitmq_reader.py BUILD PORT FOLDER - what pika gets of what was delivered to a queue."""

import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import common
import pika

build, port, folder = sys.argv[1:]
login = pika.PlainCredentials("writer", "pass%/word")
connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(port), credentials=login))
channel = connection.channel()
channel.exchange_declare("events", "topic")
channel.queue_declare("orders", durable=True)
channel.queue_bind("orders", "events", "order.#")
common.deliver(build, folder, f"amqp://writer:pass%25%2Fword@127.0.0.1:{port}/?exchange=events")
messages = []
while True:
    method, properties, body = channel.basic_get("orders", auto_ack=True)
    if method is None:
        break
    assert method.routing_key == properties.type
    headers = dict(properties.headers, **{"content-type": properties.content_type})
    messages.append((properties.message_id, properties.type, headers, body))
common.check(messages)
print("pika got", len(messages))
