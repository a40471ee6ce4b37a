"""kafka_reader.py BUILD PORT FOLDER - what kafka-python, which is none of the library's, reads of a topic."""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import common
import kafka
from kafka.admin import KafkaAdminClient, NewTopic

build, port, folder = sys.argv[1:]
server = f"127.0.0.1:{port}"
users = os.environ["WEBHOOK_QUEUE_USERS"]
KafkaAdminClient(bootstrap_servers=server).create_topics([NewTopic("orders", 1, 1)])
common.deliver(build, folder, f"kafka://writer:pass%25%2Fword@127.0.0.1:{users}/orders?compression=gzip")
consumer = kafka.KafkaConsumer(bootstrap_servers=server, auto_offset_reset="earliest", consumer_timeout_ms=60000)
partition = kafka.TopicPartition("orders", 0)
consumer.assign([partition])
consumer.seek_to_beginning(partition)
messages = []
while len(messages) < consumer.end_offsets([partition])[partition]:
    for record in consumer.poll(timeout_ms=60000).get(partition, []):
        headers = {name: value.decode() for name, value in record.headers}
        messages.append((headers["webhook-message-id"], headers["webhook-type"], headers, record.value))
common.check(messages)
print("kafka-python read", len(messages))
