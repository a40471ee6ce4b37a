"""python.py KEY CERTIFICATE - Python's http.server, as HTTP/1.1 plain and with TLS, and as HTTP/1.0; prints the ports."""
import http.server
import socketserver
import ssl
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunked(self):
        self.send_response(200)
        if self.protocol_version == "HTTP/1.1":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\none,\r\n3;x=y\r\ntwo\r\n0\r\n\r\n")
        else:
            self.end_headers()
            self.wfile.write(b"one,two")

    def do_POST(self):
        if self.path == "/early":
            self.close_connection = True
            return self.reply(413, b"big", Connection="close")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/chunked":
            return self.chunked()
        if self.path == "/none":
            return self.reply(204, b"")
        if self.path == "/error":
            return self.reply(503, b"later", Retry_After="7")
        if self.path == "/closing":
            return self.reply(200, b"bye", Connection="close")
        return self.reply(200, b"read %d" % len(body))


class Old(Handler):
    protocol_version = "HTTP/1.0"


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def main():
    key, certificate = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    servers = [Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Old)]
    servers[1].socket = context.wrap_socket(servers[1].socket, server_side=True)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*(server.server_port for server in servers), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
