# A PostgreSQL of the test's own, in a folder that goes with it.
import os
import shutil
import socket
import subprocess
import tempfile

PLACES = ":".join(f"/usr/lib/postgresql/{version}/bin" for version in (15, 16, 17))


class Postgres:
    def __init__(self):
        self.folder = tempfile.mkdtemp(dir="/tmp")
        self.user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.more = {"cwd": self.folder, "env": {"PATH": f"{PLACES}:{os.environ['PATH']}", "LC_ALL": "C"}, **self.user}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __enter__(self):
        self.run("initdb", "-D", "data", "-U", "owner", "-A", "trust", "--no-sync")
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o",
                 f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories= -c fsync=off", "start")
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def run(self, *words):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=words[0] != "pg_ctl", text=True, **self.more,
                              **({"stdout": subprocess.DEVNULL} if words[0] == "pg_ctl" else {}))
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]}: {done.stderr}")
        return done.stdout

    @property
    def url(self):
        return f"postgresql://owner:password@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def ask(self, statement):
        return self.run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-d", "postgres", "-At", "-c", statement)
