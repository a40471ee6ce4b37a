"""Receives webhooks of Unified.to's form and verifies them: prints each object, and what has become of it.

    python3 receiver.py PORT SECRET

SECRET is the workspace's: `webhook tenant-secret TENANT`.
"""
import hashlib
import hmac
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def verify(body, secret):
    """The document, or None where its signature is not by this secret. What was signed is `data` as JSON.stringify
    writes it, and the nonce."""
    document = json.loads(body)
    signed = json.dumps(document["data"], separators=(",", ":"), ensure_ascii=False) + document["nonce"]
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return document if hmac.compare_digest(expected, document.get("sig256", "")) else None


def serve(port, secret, take):
    """A server that gives what is verified to take(document). Where a delivery is repeated its nonce is the same."""
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            document = verify(self.rfile.read(int(self.headers["Content-Length"])), secret)
            if document is not None:
                take(document)
            self.send_response(401 if document is None else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def show(document):
    for each in document["data"]:
        print(document["type"], document["webhook"]["event"], json.dumps(each), flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], show).serve_forever()
