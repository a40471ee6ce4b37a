"""A small CRM without webhooks, on Bottle: accounts whose contacts are made, changed and deleted over HTTP, and listed
in pages. It keeps them in memory.

    python3 service.py [PORT [KEY]]

    GET    /ACCOUNT/contacts?limit=50&after=17&updated_since=2026-11-30T07:00:00Z&tombstones=yes
    POST   /ACCOUNT/contacts        {"name":"Ann","email":"ann@example.com"}
    PATCH  /ACCOUNT/contacts/ID     {"email":null}
    DELETE /ACCOUNT/contacts/ID

A list says what was deleted, as {"id":17,"deleted":true}, to who asks for tombstones; else it only leaves it out.
"""
import datetime
import sys

from bottle import Bottle, abort, request, response, run


def now():
    return datetime.datetime.now(datetime.timezone.utc)


class Account:
    def __init__(self):
        self.rows, self.last = {}, 0

    def list(self, after, since, tombstones):
        return [row for key, row in sorted(self.rows.items())
                if key > after and row["updated_at"] >= since and (tombstones or "deleted" not in row)]

    def live(self, key):
        row = self.rows.get(key)
        if row is None or "deleted" in row:
            abort(404, "no such contact")
        return row


def make(key, clock=now):
    """The service as a WSGI application; clock() is the time by which it dates changes."""
    app, accounts = Bottle(), {}

    def account(name):
        return accounts.setdefault(name, Account())

    def stamp():
        return clock().astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @app.hook("before_request")
    def check_key():
        if request.get_header("Authorization") != f"Bearer {key}":
            abort(401, "expected the key as a bearer token")

    @app.get("/<name>/contacts")
    def contacts(name):
        limit = min(request.query.get("limit", 50, type=int), 100)
        found = account(name).list(request.query.get("after", 0, type=int), request.query.get("updated_since", ""),
                                   "tombstones" in request.query)
        page = found[:limit]
        return {"contacts": page, "next": page[-1]["id"] if len(found) > limit else None}

    @app.post("/<name>/contacts")
    def add(name):
        of = account(name)
        of.last += 1
        of.rows[of.last] = {"id": of.last, **request.json, "updated_at": stamp()}
        response.status = 201
        return of.rows[of.last]

    @app.route("/<name>/contacts/<key:int>", "PATCH")
    def change(name, key):
        row = account(name).live(key)
        row.update(request.json, updated_at=stamp())
        return row

    @app.delete("/<name>/contacts/<key:int>")
    def remove(name, key):
        account(name).live(key)
        account(name).rows[key] = {"id": key, "deleted": True, "updated_at": stamp()}
        response.status = 204

    return app


if __name__ == "__main__":
    run(make(sys.argv[2] if len(sys.argv) > 2 else "crm-key"), host="127.0.0.1",
        port=int(sys.argv[1]) if len(sys.argv) > 1 else 8090, quiet=True)
