"""What the readers of queues share: the command of a build tree, and a signature verified without this library."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes, thus.").decode()
EVENTS = [("order.created", {"n": 1, "text": "a \u00e4 \u20ac"}), ("order.paid", {"n": 2}), ("invoice.sent", {"n": 3})]


def webhook(build, *words):
    """Runs the command; what it says on the standard output."""
    done = subprocess.run([ROOT + "/spec/lua", build, ROOT + "/lua/bin/webhook", *words], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"webhook {words[0]}: {done.returncode}: {done.stderr}")
    return done.stdout


def deliver(build, folder, url):
    """Subscribes the queue at the shell, publishes all of EVENTS, and delivers those that it takes."""
    store = folder + "/store.db"
    secret = folder + "/secret"
    with open(secret, "w") as file:
        file.write(SECRET)
    os.chmod(secret, 0o600)
    webhook(build, "sinks", "test", url, "--allow", "127.0.0.1")
    webhook(build, "subscriptions", "add", url, "--events", "order.*", "--allow", "127.0.0.1", "--secret-file", secret, "--store", store)
    for index, (name, payload) in enumerate(EVENTS):
        path = f"{folder}/{index}.json"
        with open(path, "w") as file:
            json.dump(payload, file)
        webhook(build, "publish", name, path, "--store", store)
    webhook(build, "run", "--until-idle", "--quiet", "--allow", "127.0.0.1", "--store", store)
    shown = webhook(build, "subscriptions", "list", "--store", store)
    assert "***" in shown, shown


def verify(headers, body):
    """Standard Webhooks: base64 of the HMAC-SHA-256 of id, time and body."""
    key = base64.b64decode(SECRET[len("whsec_"):])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert expected in headers["webhook-signature"].split(" "), headers


def check(messages):
    """messages: (id, type, headers, body) in the order of their coming."""
    assert [name for _, name, _, _ in messages] == ["order.created", "order.paid"], messages
    for (identity, _, headers, body), (_, payload) in zip(messages, EVENTS):
        verify(headers, body)
        assert json.loads(body) == payload
        assert headers["content-type"] == "application/json"
        assert identity.startswith(headers["webhook-id"] + ".sub_"), identity
