# What the tests with the vendors' Python clients share: the server, requests without a client, comparing.
import base64
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT, BUILD, WORK = (os.path.abspath(each) for each in sys.argv[1:4])
STORE = os.path.join(WORK, "store.db")
WORDS = [os.path.join(ROOT, "spec/lua"), BUILD, os.path.join(ROOT, "lua/bin/webhook")]


def command(*rest):
    """Runs the command; what it prints, as a document, or None."""
    done = subprocess.run([*WORDS, *rest, "--json", "--store", STORE], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[0]) if done.stdout else None


def token(tenant):
    return command("tokens", "add", *(("--tenant", tenant) if tenant else ()))["token"]


def basic(name, secret):
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


class Server:
    """`webhook serve` on a free port."""

    def __init__(self, *options):
        self.child = subprocess.Popen(
            [*WORDS, "serve", "--port", "0", "--json", "--store", STORE, "--allow", "127.0.0.1", *options],
            stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.child.stdout.readline())["url"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()


class Receiver:
    """Answers with a status; `got` has the bodies that came."""

    def __init__(self, status=200):
        receiver, self.got = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Listing:
    """An API that can only be asked: `items` is what it lists; it refuses while `refuses` is true."""

    def __init__(self):
        listing, self.items, self.refuses = self, [], False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(listing.items).encode()
                self.send_response(401 if listing.refuses else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add_source(self, object_type):
        path = os.path.join(WORK, f"{object_type}.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"object_type": object_type, "url": f"http://127.0.0.1:{self.server.server_port}/"}, file)
        command("sources", "add", path)


def until(what, look):
    """What look() gives, once that is something."""
    end = time.monotonic() + 60
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)
    return found


def call(url, method, authorization, body=None):
    """A request without a client: status, headers, document."""
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method, headers={
        "Authorization": authorization, **({} if body is None else {"Content-Type": "application/json"})})
    try:
        with urllib.request.urlopen(request) as answer:
            status, headers, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        status, headers, text = answer.code, answer.headers, answer.read()
    return status, headers, json.loads(text) if text else None


passed = failed = 0


def check(what, found, expected):
    global passed, failed
    if found == expected:
        passed += 1
        return
    failed += 1
    print(f"{what}:\n  found    {found!r}\n  expected {expected!r}")


def raises(what, kind, status_of, expected, run):
    try:
        run()
    except kind as error:
        check(what, status_of(error), expected)
        return
    check(f"{what}: raised", False, True)


def finish(name):
    print(f"{name}: {passed} checks passed, {failed} failed")
    sys.exit(0 if failed == 0 and passed > 0 else 1)
