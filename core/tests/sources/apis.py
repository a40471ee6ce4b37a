"""Lists of objects in the shapes of well-known APIs, and their faults: for the tests of sources.

Listens on a free port of the loopback and writes it to stdout; ends when stdin does, with "stay" when it is stopped.
"""
import gzip
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

COUNT = 7
BASE = 1764500000
lock = threading.Condition()
seen = []  # of each request: its path with the query
tokens = {"made": 0, "good": set(), "uses": 0}


def iso(n):
    return "2025-11-30T11:%02d:00.123456+01:00" % n


def part(items, start, limit):
    return items[start : start + limit], start + limit < len(items)


def since(items, text, field):
    return [one for one in items if not text or one[field] >= text]


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def answer(self, status, value=None, headers=None, body=None):
        body = json.dumps(value).encode() if body is None else body
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def run_one(self):
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        url = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.here = "http://127.0.0.1:%d" % self.server.server_address[1]
        with lock:
            seen.append(self.path)
            lock.notify_all()
        name = url.path.strip("/").replace("/", "_").replace("-", "_")
        getattr(self, "api_" + name, self.nothing)()

    do_GET = run_one
    do_POST = run_one

    def nothing(self):
        self.answer(404, {"message": "no such list"})

    # ------------------------------------------------------------------ for the tests

    def api_seen(self):
        with lock:
            found = [path for path in seen if path.startswith(self.query["path"])]
        self.answer(200, {"count": len(found), "last": found[-1] if found else None})

    def api_await(self):
        with lock:
            lock.wait_for(lambda: any(path.startswith(self.query["path"]) for path in seen))
        self.answer(200, {})

    # ------------------------------------------------------------------------- shapes

    def api_github(self):
        if self.headers.get("X-Connection") != "octo":
            return self.answer(404, {"message": "Not Found"})
        items = [{"id": 9007199254740993 + n, "title": "issue %d" % n, "updated_at": iso(n)} for n in range(COUNT)]
        items = since(items, self.query.get("since"), "updated_at")
        page, size = int(self.query.get("page", 1)), int(self.query.get("per_page", 30))
        found, more = part(items, (page - 1) * size, size)
        tag = 'W/"%d"' % len(items)
        if self.headers.get("If-None-Match") == tag:
            return self.answer(304, headers={"ETag": tag})
        headers = {"ETag": tag, "X-RateLimit-Remaining": "59", "X-RateLimit-Reset": str(BASE + 60)}
        if more:
            link = '<%s/github?per_page=%d&page=%d>; rel="next", <%s/github?page=9>; rel="last"'
            headers["Link"] = link % (self.here, size, page + 1, self.here)
        self.answer(200, found, headers)

    def api_stripe(self):
        if self.headers.get("Authorization") != "Bearer sk_test_1":
            return self.answer(401, {"error": {"type": "invalid_request_error"}})
        items = [{"id": "cus_%d" % n, "object": "customer", "created": BASE + n} for n in range(COUNT)]
        items = [one for one in items if one["created"] >= int(self.query.get("created[gte]", 0))]
        after = self.query.get("starting_after")
        start = 0 if after is None else [one["id"] for one in items].index(after) + 1
        found, more = part(items, start, int(self.query["limit"]))
        self.answer(200, {"object": "list", "data": found, "has_more": more})

    def api_hubspot(self):
        items = [
            {
                "id": str(100 + n),
                "properties": {"firstname": "Name %d" % n, "email": "a%d@example.com" % n},
                "updatedAt": iso(n),
                "archived": n == 2,
            }
            for n in range(COUNT)
        ]
        start = int(self.query.get("after", 0))
        found, more = part(items, start, int(self.query["limit"]))
        value = {"results": found}
        if more:
            value["paging"] = {"next": {"after": str(start + len(found)), "link": "https://api.example.com/?after=x"}}
        self.answer(200, value)

    def api_shopify(self):
        if self.headers.get("X-Shopify-Access-Token") != "shpat_1":
            return self.answer(401, {"errors": "[API] Invalid API key or access token"})
        if "page_info" in self.query and len(self.query) > 2:
            return self.answer(400, {"errors": "page_info goes with limit alone"})
        start = int(self.query.get("page_info", "at0")[2:])
        found, more = part([{"id": n, "updated_at": iso(n)} for n in range(COUNT)], start, int(self.query["limit"]))
        link = '<%s/shopify?limit=%s&page_info=at%d>; rel="next"'
        headers = {"Link": link % (self.here, self.query["limit"], start + len(found))} if more else {}
        self.answer(200, {"products": found}, headers)

    def api_graphql(self):
        asked = json.loads(self.body)
        variables = asked["variables"]
        if not isinstance(variables["first"], int) or "orders(first:" not in asked["query"]:
            return self.answer(200, {"data": None, "errors": [{"message": "Int expected"}]})
        start = int(variables["after"] or 0)
        found, more = part([{"id": "gid://%d" % n, "total": 10 * n} for n in range(COUNT)], start, variables["first"])
        edges = [{"cursor": "c", "node": node} for node in found]
        info = {"hasNextPage": more, "endCursor": str(start + len(found))}
        self.answer(200, {"data": {"orders": {"edges": edges, "pageInfo": info}}})

    def api_offset(self):
        start = int(self.query["offset"])
        found, _ = part([{"key": n} for n in range(COUNT)], start, int(self.query["limit"]))
        self.answer(200, {"records": found, "total": COUNT})

    def api_pages(self):
        page = int(self.query["page"])
        found, _ = part([{"id": n, "ms": (BASE + n) * 1000} for n in range(COUNT)], (page - 1) * 2, 2)
        self.answer(200, found)

    def api_delta(self):
        state = self.query.get("token")
        if state == "forgotten":
            return self.answer(410, {"error": "full sync required"})
        items = [{"id": 1}, {"id": 2}] if state is None else [{"id": 2, "status": "cancelled"}]
        if state is None and "page" not in self.query:
            return self.answer(200, {"items": items[:1], "nextPageToken": "p2"})
        self.answer(200, {"items": items[-1:], "nextSyncToken": "s%s" % (state or "0")})

    def api_odata(self):
        start = int(self.query.get("$skip", 0))
        found, more = part([{"id": n} for n in range(COUNT)], start, 3)
        value = {"value": found}
        if more:
            value["@odata.nextLink"] = "/odata?$skip=%d" % (start + 3)
        self.answer(200, value)

    def api_key(self):
        if self.query.get("api key") != "k&1":
            return self.answer(403, {})
        self.answer(200, [{"id": self.headers.get("X-Extra"), "filter": self.query.get("status")}])

    # ------------------------------------------------------------------------- OAuth2

    def api_accounts(self):
        """Whose account it is, and who asks."""
        self.answer(200, [{"id": self.query.get("account"), "as": self.headers.get("Authorization")}])

    def api_token(self):
        form = parse_qs(self.body.decode())
        if form.get("grant_type") != ["client_credentials"] or form.get("scope") != ["read"]:
            return self.answer(400, {"error": "invalid_request"})
        if self.headers.get("Authorization") != "Basic YSUyMGI6cyUzQTE=":  # "a%20b:s%3A1"
            return self.answer(401, {"error": "invalid_client"})
        with lock:
            tokens["made"] += 1
            token = "token-%d" % tokens["made"]
            tokens["good"] = {token}
        self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def api_guarded(self):
        with lock:
            good = self.headers.get("Authorization", "")[7:] in tokens["good"]
            tokens["uses"] += good
            if tokens["uses"] == 2:  # it ends in the middle of a reading
                tokens["good"] = set()
        if not good:
            return self.answer(401, {"error": "invalid_token"})
        start = int(self.query["offset"])
        found, _ = part([{"id": n} for n in range(COUNT)], start, 2)
        self.answer(200, {"d": found, "total": COUNT})

    # ------------------------------------------------------------------------- faults

    def api_hang(self):
        self.rfile.read(1)  # until the other side goes away

    def api_status(self):
        headers = {name: self.query[name] for name in self.query if name != "code"}
        self.answer(int(self.query["code"]), {"message": "as asked"}, headers)

    def api_redirect(self):
        self.answer(302, {}, {"Location": "/pages?page=1"})

    def api_broken(self):
        self.answer(200, body=b'[{"id":1},')

    def api_huge(self):
        self.answer(200, [{"id": n, "text": "x" * 1000} for n in range(2000)])

    def api_endless(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"1000\r\n" + b" " * 4096 + b"\r\n")

    def api_bomb(self):
        self.answer(200, body=gzip.compress(b"[" + b" " * (64 << 20) + b"]"), headers={"Content-Encoding": "gzip"})

    def api_zipped(self):
        self.answer(200, body=gzip.compress(b'[{"id":1}]'), headers={"Content-Encoding": "gzip"})

    def api_head(self):
        self.send_response(200)
        for n in range(90):
            self.send_header("X-%d" % n, "y" * 1000)
        self.end_headers()

    def api_circle(self):
        at = int(self.query.get("at", 0))
        self.answer(200, {"items": [{"id": at}], "next": (at + 1) % 3 + 1})

    def api_forever(self):
        at = int(self.query.get("at", 0))
        self.answer(200, {"items": [{"id": at}], "next": at + 1})

    def api_elsewhere(self):
        self.answer(200, [{"id": 1}], {"Link": "<%s>; rel=next" % self.query["to"]})


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    if "stay" in sys.argv:
        threading.Event().wait()
    sys.stdin.read()


main()
