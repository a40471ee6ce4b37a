"""front.py haproxy|apache2 KEY CERTIFICATE - that server, plain and with TLS, in front of Python's of python.py, with
early refusals of its own; prints both ports."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import python

HAPROXY = """
global
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend front
  bind fd@{plain}
  bind fd@{secure} ssl crt {folder}/both.pem
  http-request return status 413 content-type text/plain string big hdr Connection close if {{ path /early }}
  default_backend back
backend back
  server back 127.0.0.1:{backend}
"""

APACHE = """
ServerName localhost
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
{modules}
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{secure}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ProxyPass /early !
ProxyPass / http://127.0.0.1:{backend}/
<Location /early>
  LimitRequestBody 1000
  ErrorDocument 413 big
</Location>
<VirtualHost 127.0.0.1:{secure}>
  SSLEngine on
  SSLCertificateFile {certificate}
  SSLCertificateKeyFile {key}
</VirtualHost>
"""
MODULES = "mpm_event authz_core socache_shmcb ssl proxy proxy_http".split()


class Handler(python.Handler):
    disable_nagle_algorithm = True  # otherwise each answer waits for an acknowledgement, 40 ms


class Server(python.Server):
    def handle_error(self, request, client_address):
        pass  # whoever is in front ends connections as it likes


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def write(folder, text, **values):
    path = os.path.join(folder, "configuration")
    with open(path, "w", encoding="ascii") as file:
        file.write(text.format(folder=folder, **values))
    return path


def haproxy(program, folder, key, certificate, backend):
    """It takes listeners over, so that no port has to be guessed."""
    (plain, plain_port), (secure, secure_port) = listen(), listen()
    with open(os.path.join(folder, "both.pem"), "w", encoding="ascii") as file:
        for name in certificate, key:
            with open(name, encoding="ascii") as part:
                file.write(part.read())
    path = write(folder, HAPROXY, plain=plain.fileno(), secure=secure.fileno(), backend=backend)
    child = subprocess.Popen([program, "-db", "-q", "-f", path], pass_fds=[plain.fileno(), secure.fileno()])
    return child, plain_port, secure_port


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def apache2(program, folder, key, certificate, backend):
    """It opens its ports itself: where somebody else was quicker it ends, and others are tried."""
    lib = os.path.join(os.path.dirname(os.path.dirname(program)), "lib/apache2/modules")
    modules = "\n".join(f"LoadModule {name}_module {lib}/mod_{name}.so" for name in MODULES)
    while True:
        (plain, plain_port), (secure, secure_port) = listen(), listen()
        path = write(folder, APACHE, modules=modules, plain=plain_port, secure=secure_port, backend=backend,
                     certificate=os.path.abspath(certificate), key=os.path.abspath(key))
        plain.close()
        secure.close()
        child = subprocess.Popen([program, "-D", "FOREGROUND", "-f", path])
        while child.poll() is None and not (answers(plain_port) and answers(secure_port)):
            time.sleep(0.02)
        if child.poll() is None:
            return child, plain_port, secure_port


def main():
    kind, key, certificate = sys.argv[1:]
    backend = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    folder = tempfile.mkdtemp()
    start = {"haproxy": haproxy, "apache2": apache2}[kind]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    child = None
    try:
        child, *ports = start(shutil.which(kind), folder, key, certificate, backend.server_port)
        print(*ports, flush=True)
        sys.exit(child.wait())
    finally:
        if child is not None:
            child.terminate()
            child.wait()
        shutil.rmtree(folder)


main()
