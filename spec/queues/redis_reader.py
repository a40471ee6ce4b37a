"""redis_reader.py BUILD PORT FOLDER - what redis-py reads of what was delivered to a stream."""

import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import common
import redis

build, port, folder = sys.argv[1:]
client = redis.Redis(host="127.0.0.1", port=int(port))
client.execute_command("ACL", "SETUSER", "writer", "on", ">pass%/word", "~orders", "+xadd", "+xlen", "+ping")
common.deliver(build, folder, f"redis://writer:pass%25%2Fword@127.0.0.1:{port}/0?stream=orders")
messages = []
for _, fields in client.xrange("orders"):
    body = fields.pop(b"body")
    headers = {name.decode(): value.decode() for name, value in fields.items()}
    messages.append((headers["id"], headers["type"], headers, body))
common.check(messages)
client.xgroup_create("orders", "group", id="0")
assert len(client.xreadgroup("group", "one", {"orders": ">"})[0][1]) == 2
print("redis-py read", len(messages))
