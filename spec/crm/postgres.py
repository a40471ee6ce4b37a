# A PostgreSQL of the test's own, in a folder that goes with it. It ends with the test, however that ends: pg_ctl would have
# made a daemon of it, which a test that is killed leaves behind.
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from spare_port import spare_port  # noqa: E402

PLACES = ":".join(f"/usr/lib/postgresql/{version}/bin" for version in (15, 16, 17))


class Postgres:
    def __init__(self, work):
        self.folder = os.path.join(work, "postgres")
        os.mkdir(self.folder)
        os.chmod(work, 0o711)
        self.user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.more = {"cwd": self.folder, "env": {"PATH": f"{PLACES}:{os.environ['PATH']}", "LC_ALL": "C"},
                     "stdin": subprocess.DEVNULL, **self.user}
        self.port = spare_port()

    def __enter__(self):
        self.run("initdb", "-D", "data", "-U", "owner", "-A", "trust", "--no-sync")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "QUIT", "postgres", "-D", "data", "-c", "listen_addresses=127.0.0.1",
                 "-c", f"port={self.port}", "-c", "unix_socket_directories=", "-c", "fsync=off"],
                stdout=log, stderr=log, **self.more)
        while self.call("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)).returncode != 0:
            if self.child.poll() is not None:
                with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
                    raise RuntimeError(f"postgres: {log.read()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGQUIT)  # at once
        self.child.wait()

    def call(self, *words):
        return subprocess.run(words, capture_output=True, text=True, **self.more)

    def run(self, *words):
        done = self.call(*words)
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]}: {done.stderr}")
        return done.stdout

    @property
    def url(self):
        return f"postgresql://owner:password@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def ask(self, statement):
        return self.run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-d", "postgres", "-At", "-c", statement)
