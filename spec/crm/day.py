# day.py ROOT BUILD WORK - a day of the example's CRM, with a reading every six minutes, and the engine's process killed
# twenty times. The service stands still while it is read, so each reading sees one state of it, however often it is
# begun. Receivers have to get, of each object and in this order, each state that a reading saw, once, and the last one;
# the table in PostgreSQL has to have the service's own rows in the end.
#
# Contacts of "north" are asked for by what changed, with tombstones; those of "south" (leads) are listed whole, and what
# was deleted is missing.
import base64
import hashlib
import hmac
import http.server
import json
import os
import random
import signal
import socketserver
import subprocess
import sys
import threading
import urllib.request
from datetime import datetime, timezone
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

ROOT, BUILD, WORK = (os.path.abspath(each) for each in sys.argv[1:4])
sys.path[:0] = [os.path.join(ROOT, "examples/crm"), os.path.join(ROOT, "spec/crm")]
import receiver
import service
import subscribe
from postgres import Postgres

KEY, TENANT = "crm-key", "acme"
STORE = os.path.join(WORK, "store.db")
WORDS = [os.path.join(ROOT, "spec/lua"), BUILD]
START, MINUTE, TICKS = 1767225600000, 60000, 24 * 10
GROUPS, GROUP = 2, 10  # kills: that somebody is dead is told after some seconds, so they come in groups
KILLS = GROUPS * GROUP
CONNECTIONS = {"north": "crm_contact", "south": "crm_lead"}
chance = random.Random(7)


def command(*words):
    done = subprocess.run([*WORDS, os.path.join(ROOT, "lua/bin/webhook"), *words, "--json", "--store", STORE], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[0]) if done.stdout else None


class Killer:
    """Kills a process while it waits for the answer to one of its requests."""
    lock, left, process = threading.Lock(), 0, None

    def arm(self, process, requests):
        with self.lock:
            self.left, self.process = requests, process

    def pass_by(self):
        with self.lock:
            if self.left == 1:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
            self.left -= self.left > 0


killer = Killer()


class Engine:
    """Its process, which works for one time of the day after the other."""
    killed = owed = 0

    def __init__(self, ms):
        self.start(ms)

    def start(self, ms):
        self.child = subprocess.Popen([*WORDS, os.path.join(ROOT, "spec/crm/engine.lua"), STORE, str(ms)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.child.stdout.readline().strip()}"

    def answers(self, ms):
        """What it says to a time, line by line, to its end or to "done"."""
        try:
            self.child.stdin.write(f"{ms}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            return
        for line in self.child.stdout:
            yield line
            if line == "done\n":
                return

    def settle(self, ms):
        """Works to that time's end; where it is killed, by another process. As long as kills are owed, the first dies in
        the middle of a request, and those behind it while they wait for it to be known as dead."""
        is_done, dead = False, 0
        killer.arm(self.child, chance.randrange(1, 3) if self.owed else 0)
        while not is_done:
            waits, most = 0, chance.randrange(1, 4)
            for line in self.answers(ms):
                waits += line == "waits\n"
                if self.owed and dead and waits == most:
                    self.child.send_signal(signal.SIGKILL)
                is_done = line == "done\n"
            if not is_done:
                if self.child.wait() != -signal.SIGKILL:
                    raise RuntimeError("the engine has ended")
                dead, self.killed, self.owed = dead + 1, self.killed + 1, self.owed - 1
                self.start(ms)

    def close(self):
        self.child.stdin.close()
        self.child.wait()


class Crm:
    """The service, on the day's clock, and what changes in it."""

    def __init__(self):
        self.ms = START
        app = service.make(KEY, lambda: datetime.fromtimestamp(self.ms / 1000, timezone.utc))

        def counted(environ, begin):
            if environ["REQUEST_METHOD"] == "GET":
                killer.pass_by()
            return app(environ, begin)

        class Quiet(WSGIRequestHandler):
            disable_nagle_algorithm = True  # an answer is written in two parts

            def log_message(self, *_):
                pass

        class Threads(socketserver.ThreadingMixIn, WSGIServer):
            daemon_threads, handle_error = True, lambda *_: None  # who was killed reads no answer

        self.server = make_server("127.0.0.1", 0, counted, Threads, Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(), method=method,
                                         headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def live(self, name):
        """By ids. A time is a part of what an object says: the same with another time is another state."""
        rows, after = {}, 0
        while after is not None:
            page = self.call("GET", f"/{name}/contacts?after={after}")
            rows.update({row["id"]: row for row in page["contacts"]})
            after = page["next"]
        return rows

    def add(self, name):
        word = f"{chance.choice(['Ann', 'Ben', 'Zoë', '李'])} {chance.randrange(1000)}"
        self.call("POST", f"/{name}/contacts", {"name": word, "email": chance.choice([None, f"{chance.randrange(1000)}@example.com"])})

    def change(self, name, key):
        self.call("PATCH", f"/{name}/contacts/{key}", {chance.choice(["name", "email"]): f"changed {chance.randrange(4)}"})

    def some_changes(self, name):
        """Now and then several of one object, or none of any."""
        keys = list(self.live(name))
        for _ in range(chance.choice([0, 0, 1, 2, 5])):
            key = chance.choice(keys)
            what = chance.randrange(10)
            if what < 3:
                self.add(name)
            elif what < 4 and len(keys) > 20:
                self.call("DELETE", f"/{name}/contacts/{key}")
                keys.remove(key)
            else:
                for _ in range(chance.randrange(1, 4)):
                    self.change(name, key)


class Told:
    """What the readings saw, and what came: for each object what happened to it, in order."""

    def __init__(self):
        self.seen, self.came, self.last, self.ids = {}, {}, {}, set()

    def see(self, rows):
        for key, row in rows.items():
            if row != self.last.get(key):
                self.seen.setdefault(key, []).append(("created" if key not in self.last else "updated", row))
        for key in self.last.keys() - rows.keys():
            self.seen[key].append(("deleted", None))
        self.last = rows

    def take(self, event, identity, objects):
        if identity in self.ids:
            return  # it was killed before it could note that this one has arrived
        self.ids.add(identity)
        for each in objects:
            self.came.setdefault(each["id"], []).append((event, None if event == "deleted" else each))


def start_receiver(secret, told):
    def take(document):
        killer.pass_by()
        webhook = document["webhook"]
        told[webhook["connection_id"]].take(webhook["event"], (webhook["id"], document["nonce"]), document["data"])

    server = receiver.serve(0, secret, take)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def start_mail(came):
    """Standard Webhooks, verified without code of ours. The secret comes when there is one."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            made = hmac.new(base64.b64decode(came["secret"].removeprefix("whsec_")), signed, hashlib.sha256).digest()
            fits = self.headers["webhook-signature"] == "v1," + base64.b64encode(made).decode()
            if fits:
                came.setdefault(self.headers["webhook-id"], json.loads(body))
            self.send_response(204 if fits else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def add_source(crm, object_type, leave_out=()):
    with open(os.path.join(ROOT, "examples/crm/contacts.json"), encoding="utf-8") as file:
        document = json.load(file)
    document["object_type"] = object_type
    document["url"] = document["url"].replace("http://127.0.0.1:8090", crm.url)
    for name in leave_out:
        del document["query"][name]
    if leave_out:
        del document["deleted"]
    path = os.path.join(WORK, f"{object_type}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    command("sources", "add", path)


def check(what, found, expected):
    if found != expected:
        both = f"{what}:\n  found    {found!r}\n  expected {expected!r}"
        sys.exit(both if len(both) < 4000 else both[:4000] + " …")


def check_objects(name, told):
    check(f"{name}: objects", sorted(told.came), sorted(told.seen))
    for key, expected in told.seen.items():
        check(f"{name}: {key}", told.came[key], expected)


def expected_mail(told):
    rows = [[(key, row["email"]) for event, row in list_ if row and row["email"]] for key, list_ in told.seen.items()]
    return sorted(each for list_ in rows for each in list_)


def live_through(crm, engine, told):
    groups = set(chance.sample(range(1, TICKS - KILLS), GROUPS))
    for tick in range(1, TICKS + 1):
        crm.ms = START + tick * 6 * MINUTE  # longer than the interval: what came late is in time again
        for name in CONNECTIONS:
            crm.some_changes(name)
            told[name].see(crm.live(name))
        engine.owed += GROUP if tick in groups else 0
        engine.settle(crm.ms)


def main():
    crm, told, mail = Crm(), {name: Told() for name in CONNECTIONS}, {}
    token, secret = command("tokens", "add", "--tenant", TENANT)["token"], command("tenant-secret", TENANT)["secret"]
    add_source(crm, "crm_contact")
    add_source(crm, "crm_lead", ("updated_since", "tombstones"))
    for name in CONNECTIONS:
        for _ in range(120):
            crm.add(name)
        told[name].see(crm.live(name))
    hook, post = start_receiver(secret, told), start_mail(mail)
    with Postgres(WORK) as postgres:
        engine = Engine(START)
        for name, object_type in CONNECTIONS.items():  # north's contacts are sent to both
            rows = {"db_url": postgres.url, "db_type": "postgres"} if name == "north" else {}
            subscribe.subscribe(engine.url, token, name, object_type, hook_url=hook, **rows)
        mail["secret"] = command("subscriptions", "add", post, "--tenant", TENANT, "--source", "north", "--poll", "crm_contact",
                                 "--interval", "5", "--history", "--rule", os.path.join(ROOT, "examples/crm/mail.lua"),
                                 "--events", "crm_contact.created", "--events", "crm_contact.updated")["secrets"][0]
        engine.settle(START)
        live_through(crm, engine, told)
        engine.close()
        check("kills", engine.killed, KILLS)
        for name in CONNECTIONS:
            check_objects(name, told[name])
        del mail["secret"]
        check("mail", sorted((each["id"], each["email"]) for list_ in mail.values() for each in list_), expected_mail(told["north"]))
        rows = json.loads(postgres.ask("SELECT json_agg(json_build_object('id', id, 'name', name, 'email', email)) FROM crm_contact"
                                       " WHERE _deleted_at IS NULL"))
        check("rows", sorted((int(row["id"]), row["name"], row["email"]) for row in rows),
              sorted((row["id"], row["name"], row["email"]) for row in crm.live("north").values()))
    changes = sum(len(each) for name in told for each in told[name].seen.values())
    print(f"crm: {TICKS} readings, {changes} changes, {KILLS} kills")


main()
