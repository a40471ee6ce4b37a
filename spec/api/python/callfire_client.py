# CallFire's Python client against `webhook serve`. The client reads the service's description when it starts, and makes
# its calls of that; the description here has the calls and the types that the vendor's own has for webhooks.
import json
import os
import sys
from importlib.metadata import version
from urllib.parse import urlsplit

from bravado.exception import HTTPError
from callfire.client import CallfireClient

from common import WORK, Server, basic, call, check, finish, raises, token

CALLBACK = "https://example.com/cb"
TEXT, FLAG, INTEGER = {"type": "string"}, {"type": "boolean"}, {"type": "integer", "format": "int64"}
TEXTS = {"type": "array", "items": TEXT}
WEBHOOK = {
    "id": INTEGER, "name": TEXT, "resource": TEXT, "events": TEXTS, "callback": TEXT, "fields": TEXT, "secret": TEXT,
    "enabled": FLAG, "nonStrictSsl": FLAG, "singleUse": FLAG, "expiresAt": INTEGER, "createdAt": INTEGER,
    "updatedAt": INTEGER,
}
ERROR = {"httpStatusCode": {"type": "integer", "format": "int32"}, "internalCode": TEXT, "message": TEXT,
         "developerMessage": TEXT, "helpLink": TEXT}


def of(name):
    return {"$ref": f"#/definitions/{name}"}


def operation(name, parameters=(), success=(200, None)):
    responses = {str(status): {"description": "an error", "schema": of("Error")} for status in (400, 401, 403, 404, 500)}
    status, schema = success
    responses[str(status)] = {"description": "done", **({"schema": schema} if schema else {})}
    return {"operationId": name, "tags": ["webhooks"], "parameters": list(parameters), "responses": responses}


def description(url):
    identity = {"name": "id", "in": "path", "required": True, **INTEGER}
    body = {"name": "body", "in": "body", "schema": of("Webhook")}
    queries = [{"name": name, "in": "query", "required": False, **kind} for name, kind in {
        "fields": TEXT, "name": TEXT, "resource": TEXT, "event": TEXT, "callback": TEXT, "enabled": FLAG,
        "limit": {"type": "number", "format": "double"}, "offset": INTEGER}.items()]
    page = {"items": {"type": "array", "items": of("Webhook")}, "limit": INTEGER, "offset": INTEGER,
            "totalCount": INTEGER}
    resources = {"items": {"type": "array", "items": of("Resource")}}
    return {
        "swagger": "2.0", "info": {"title": "webhooks", "version": "2"}, "host": urlsplit(url).netloc,
        "basePath": "/v2", "schemes": ["http"], "consumes": ["application/json"], "produces": ["application/json"],
        "paths": {
            "/webhooks": {"get": operation("findWebhooks", queries, (200, of("Page"))),
                          "post": operation("createWebhook", [body], (201, of("Webhook")))},
            "/webhooks/resources": {"get": operation("findWebhookResources", [], (200, of("Resources")))},
            "/webhooks/{id}": {"get": operation("getWebhook", [identity], (200, of("Webhook"))),
                               "put": operation("updateWebhook", [identity, body]),
                               "delete": operation("deleteWebhook", [identity], (204, None))},
        },
        "definitions": {name: {"type": "object", "properties": properties} for name, properties in {
            "Webhook": WEBHOOK, "Error": ERROR, "Page": page, "Resources": resources,
            "Resource": {"resource": TEXT, "supportedEvents": TEXTS}}.items()},
    }


def client(url, name, secret):
    path = os.path.join(WORK, "swagger.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(description(url), file)

    class Here(CallfireClient):
        @staticmethod
        def swagger_url():
            return f"file://{path}"

    made = Here(name, secret)
    made.http_client.set_basic_auth(urlsplit(url).netloc, name, secret)
    return made.webhooks


def refuses(what, status, run):
    def found(error):
        return [error.status_code, error.swagger_result.httpStatusCode, type(error.swagger_result.internalCode),
                error.swagger_result.internalCode.isdigit()]

    raises(what, HTTPError, found, [status, status, str, True], run)


def a_webhook(webhooks):
    sent = {"name": "n", "resource": "CallBroadcast", "events": ["Started"], "callback": CALLBACK, "secret": "s",
            "expiresAt": 4102444800000, "singleUse": False}
    made = webhooks.createWebhook(body=sent).result()
    got = webhooks.getWebhook(id=made.id).result()
    check("create, get", {name: getattr(got, name) for name in sent},
          {**sent, "secret": None})
    check("types", [type(got.id), type(got.createdAt), type(got.updatedAt)], [int, int, int])
    webhooks.updateWebhook(id=made.id, body={"name": "m", "events": ["Started", "Finished"]}).result()
    got = webhooks.getWebhook(id=made.id).result()
    check("update", [got.name, got.events], ["m", ["Started", "Finished"]])
    refuses("a resource that there is not", 400, lambda: webhooks.createWebhook(
        body={"callback": CALLBACK, "resource": "Fax"}).result())
    webhooks.deleteWebhook(id=made.id).result()
    refuses("what is deleted is gone", 404, lambda: webhooks.getWebhook(id=made.id).result())
    resources = webhooks.findWebhookResources().result().items
    check("resources", [len(resources), resources[0].supportedEvents], [11, ["Finished", "Failed"]])


def pages(webhooks):
    made = [webhooks.createWebhook(body={"callback": CALLBACK, "name": f"n{i}", "resource": "InboundCall"}).result().id
            for i in range(3)]

    def found(**query):
        page = webhooks.findWebhooks(**query).result()
        return [[each.id for each in page.items], page.limit, page.offset, page.totalCount]

    check("list", found(), [made, 100, 0, 3])
    check("pages", found(limit=2.0, offset=2), [made[2:], 2, 2, 3])
    check("the most that there is", found(limit=1e6), [made, 1000, 0, 3])
    check("by name", found(name="n1"), [made[1:2], 100, 0, 1])
    check("events in small letters, as the description writes them", found(event="finished"), [made, 100, 0, 3])
    check("enabled", found(enabled=False), [[], 100, 0, 0])
    refuses("no item", 400, lambda: found(limit=0))
    for each in made:
        webhooks.deleteWebhook(id=each).result()


def errors(url):
    webhooks = client(url, "acme", "wrong")
    refuses("a wrong password", 401, lambda: webhooks.findWebhooks().result())


with Server("--no-deliver") as server:
    acme = client(server.url, "acme", token("acme"))
    a_webhook(acme)
    pages(acme)
    errors(server.url)
finish(f"callfire-api-client-python {version('callfire-api-client-python')}")
