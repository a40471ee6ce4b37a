# Truto's Python SDK against `webhook serve`. It needs Python 3.12; where there is none its calls are made as they were
# recorded from it, and the last line says so.
import asyncio
import sys
import uuid
from urllib.parse import quote

from common import Server, call, check, finish, token

try:
    from truto_python_sdk import TrutoApi
    from truto_python_sdk.dict_to_query_string import dict_to_query_string
except ImportError:
    TrutoApi = None

TARGET = "https://example.com/truto"

# What the SDK writes of its keyword arguments.
QUERIES = [
    ({"limit": 2}, "limit=2"),
    ({"limit": 2.0, "is_active": True}, "limit=2.0&is_active=true"),
    ({"id": {"in": ["A", "B"]}}, "id%5Bin%5D%5B%5D=A&id%5Bin%5D%5B%5D=B"),
    ({"id": {"nin": ["A", "B"]}}, "id%5Bnin%5D%5B%5D=A&id%5Bnin%5D%5B%5D=B"),
    ({"event_types": {"in": ["record:created"]}}, "event_types%5Bin%5D%5B%5D=record%3Acreated"),
    ({"environment_id": "E"}, "environment_id=E"),
]


class Failed(Exception):
    pass


class Recorded:
    """The SDK's words; what it sends, as it was recorded."""

    def __init__(self, secret, url):
        self.url, self.authorization = url, f"Bearer {secret}"

    def _call(self, method, target, body=None):
        status, _, document = call(f"{self.url}/{target}", method, self.authorization, body)
        if status >= 400:
            raise Failed(status)
        return document

    def _list(self, query, **values):
        query = quote(query, safe="%&=") if "%" not in query else query
        for name, value in values.items():
            query = query.replace(f"={name}", f"={quote(str(value))}")
        found, cursor = [], ""
        while cursor is not None:
            page = self._call("GET", f"webhook?{query}{cursor and '&next_cursor=' + cursor}")
            found += page["result"]
            cursor = page["next_cursor"]
        return found


class Sdk:
    """The same words, by the SDK."""

    def __init__(self, secret, url):
        self.api = TrutoApi(secret, url)

    def _call(self, method, target, body=None):
        webhooks = self.api.webhooks
        if target == "webhook":
            run = webhooks.create(body)
        elif target == "webhook/test":
            run = webhooks.test(body["id"])
        else:
            run = getattr(webhooks, {"GET": "get", "PATCH": "update", "DELETE": "delete"}[method])(
                *([target.split("/")[1]] + ([body] if body else [])))
        try:
            return asyncio.run(self._wait(run))
        except Exception as error:
            raise Failed(error.status) from error

    async def _wait(self, run):
        return await run

    def _list(self, query, **values):
        def put(value):
            if isinstance(value, dict):
                return {name: put(each) for name, each in value.items()}
            if isinstance(value, list):
                return [put(each) for each in value]
            return values.get(value, value) if isinstance(value, str) else value

        words = put(next(words for words, text in QUERIES if text == query))
        return asyncio.run(self.api.webhooks.list(**words).to_array())


def is_uuid(text):
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def status_of(run):
    try:
        run()
    except Failed as error:
        return error.args[0]
    return 200


def a_webhook(api):
    made = api._call("POST", "webhook", {"target_url": TARGET, "event_types": ["record:created"]})
    secret = made.pop("secret")
    check("create", [is_uuid(made["id"]), is_uuid(secret), made["is_active"]], [True, True, True])
    check("environment_id is a UUID", is_uuid(made["environment_id"]), True)
    check("get", api._call("GET", f"webhook/{made['id']}"), made)
    changed = api._call("PATCH", f"webhook/{made['id']}", {"is_active": False})
    check("update", [changed["is_active"], changed["event_types"]], [False, ["record:created"]])
    check("an inactive one is not tested", status_of(lambda: api._call("POST", "webhook/test", {"id": made["id"]})), 409)
    check("delete", api._call("DELETE", f"webhook/{made['id']}"), {"id": made["id"]})
    check("gone", status_of(lambda: api._call("GET", f"webhook/{made['id']}")), 404)


def lists(api):
    made = [api._call("POST", "webhook", {"target_url": TARGET, "event_types": [kind]})
            for kind in ("record:created", "record:updated", "record:deleted")]
    known = [each["id"] for each in made]

    def ids(index, **values):
        return sorted(each["id"] for each in api._list(QUERIES[index][1], **values))

    check("list: pages", ids(0), sorted(known))
    check("list: a number as the SDK writes floats", ids(1), sorted(known))
    check("list: id[in][]", ids(2, A=known[0], B=known[2]), sorted([known[0], known[2]]))
    check("list: id[nin][]", ids(3, A=known[0], B=known[2]), [known[1]])
    check("list: event_types[in][]", ids(4), [known[0]])
    check("list: environment_id", ids(5, E=made[0]["environment_id"]), sorted(known))
    for each in known:
        api._call("DELETE", f"webhook/{each}")


with Server("--no-deliver") as server:
    if TrutoApi:
        for words, text in QUERIES:
            check("what was recorded is what the SDK writes", dict_to_query_string(words), text)
    client = (Sdk if TrutoApi else Recorded)(token("acme"), server.url)
    a_webhook(client)
    lists(client)
finish("truto-python-sdk" if TrutoApi else "truto-python-sdk's calls as recorded, since there is no Python 3.12")
