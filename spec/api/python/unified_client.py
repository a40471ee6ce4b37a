# Unified.to's Python SDK against `webhook serve`, in two ages: the newest, and one whose enumerations are closed, so
# that a single object with another value breaks the whole list. Both write numbers in queries as 100.0.
from importlib.metadata import version

from unified_python_sdk import UnifiedTo
from unified_python_sdk.models import errors, operations, shared

from common import Listing, Receiver, Server, call, check, finish, raises, token, until

HOOK = "https://example.com/hook"
CONTACT = {"connection_id": "c1", "object_type": "crm_contact", "event": "updated", "hook_url": HOOK}


def client(url, secret):
    return UnifiedTo(security=shared.Security(jwt=f"bearer {secret}"), server_url=url)


def make(sdk, **more):
    return sdk.webhook.create_unified_webhook(request={"webhook": {**CONTACT, **more}}).webhook


def ids(sdk, **query):
    return [each.id for each in sdk.webhook.list_unified_webhooks(request=query).webhooks]


def refuses(what, status, run):
    raises(what, errors.SDKError, lambda error: error.raw_response.status_code if hasattr(error, "raw_response")
           else error.status_code, status, run)


def a_webhook(sdk):
    made = make(sdk, interval=60, fields="id,name", filters={"type": "x"}, webhook_type="native", page_max_limit=50)
    check("create", [made.connection_id, made.interval, made.filters, made.is_healthy], ["c1", 60, {"type": "x"}, True])
    check("get", sdk.webhook.get_unified_webhook(request={"id": made.id}).webhook, made)
    webhook = {**CONTACT, "fields": "id", "is_paused": True}
    check("update", sdk.webhook.update_unified_webhook(request={"id": made.id, "webhook": webhook}).webhook.is_paused, True)
    webhook["is_paused"] = False
    check("patch", sdk.webhook.patch_unified_webhook(request={"id": made.id, "webhook": webhook}).webhook.is_paused, False)
    for run in (sdk.webhook.update_unified_webhook_trigger, sdk.webhook.patch_unified_webhook_trigger):
        answer = run(request={"id": made.id})
        check("trigger", [answer.status_code, answer.content_type], [200, "application/json"])
    refuses("what there is not", 404, lambda: sdk.webhook.get_unified_webhook(request={"id": "sub_none"}))
    answer = sdk.webhook.remove_unified_webhook(request={"id": made.id})
    check("remove", [answer.status_code, answer.content_type], [200, "application/json"])
    refuses("what is removed is gone", 404, lambda: sdk.webhook.get_unified_webhook(request={"id": made.id}))


def pages(sdk):
    made = [make(sdk, connection_id=f"c{i}").id for i in range(5)]
    check("list", ids(sdk), made)
    check("pages", [ids(sdk, limit=2, offset=at) for at in (0, 2, 4)], [made[:2], made[2:4], made[4:]])
    check("the most that there is", ids(sdk, limit=1e6), made)
    check("list: sorted", ids(sdk, sort="created_at", order="desc"), made[::-1])
    check("list: sorted by name, in whatever order", sorted(ids(sdk, sort="name")), sorted(made))
    refuses("no item", 400, lambda: ids(sdk, limit=0))
    refuses("an empty id is not the list", 404, lambda: sdk.webhook.get_unified_webhook(request={"id": ""}))
    for each in made:
        sdk.webhook.remove_unified_webhook(request={"id": each})


def others(sdk, url, secret):
    """A list in which another system's webhook stood, with an empty event, could not be read by the older one."""
    made = make(sdk)
    for path, body in (("/webhook", {"target_url": HOOK}), ("/v1/subscriptions", {"url": HOOK, "events": ["order.*"]}),
                       ("/v1/subscriptions", {"url": HOOK, "profile": "unified", "source": "c1"})):
        check("another's", call(url + path, "POST", f"Bearer {secret}", body)[0] // 100, 2)
    check("list: beside others'", ids(sdk), [made.id])
    check("not only by its length", call(f"{url}/v1/subscriptions", "GET", f"Bearer {secret}")[2]["items"][3]["id"], made.id)
    sdk.webhook.remove_unified_webhook(request={"id": made.id})


def health(sdk):
    """What the newer one has beside."""
    if not hasattr(sdk.webhook, "update_unified_webhook_resume"):
        return
    made = make(sdk)
    for run in (sdk.webhook.update_unified_webhook_resume, sdk.webhook.patch_unified_webhook_resume):
        check("resume", [run(request={"id": made.id}).webhook.id, run(request={"id": made.id}).webhook.is_healthy],
              [made.id, True])
    check("list: healthy", [ids(sdk, is_healthy=True), ids(sdk, is_healthy=False)], [[made.id], []])
    sdk.webhook.remove_unified_webhook(request={"id": made.id})


def words(url):
    """What there is not is named."""
    for name, value, words in (("event", "archived", '"created", "updated" or "deleted"'),
                               ("webhook_type", "push", '"native" or "virtual"'), ("db_type", "cassandra", '"mysql"'),
                               ("interval", 1e9, "525600"), ("filters", {"type": 1}, "filters.type")):
        status, _, error = call(f"{url}/unified/webhook", "POST", f"Bearer {secret}", {**CONTACT, name: value})
        check(f"another {name}", [status, error["field"].split(".")[0], words in error["message"]], [400, name, True])


def views(url):
    """What became of deliveries, also of those that were given up."""
    secret = token("views")
    sdk = client(url, secret)
    receiver, broken = Receiver(), Receiver(500)
    good, bad = make(sdk, hook_url=receiver.url), make(sdk, hook_url=broken.url)
    call(f"{url}/v1/events", "POST", f"Bearer {secret}",
         {"type": "crm_contact.updated", "source": "c1", "payload": [{"id": "1", "n": 1.5}]})

    def calls(**query):
        return sdk.apicall.list_unified_apicalls(request=query).api_calls

    failed = until("a delivery that is given up", lambda: calls(error=True, limit=1))
    until("a delivery", lambda: calls(webhook_id=good.id, error=False))
    check("calls", sorted([each.webhook_id, each.status, each.type.value] for each in calls()),
          sorted([[good.id, "200", "webhook"], [bad.id, "500", "webhook"]]))
    check("a call", sdk.apicall.get_unified_apicall(request={"id": failed[0].id}).api_call, failed[0])
    check("what came", [[each["data"], each["webhook"]["id"]] for each in receiver.got], [[[{"id": "1", "n": 1.5}], good.id]])
    if hasattr(sdk.webhook, "update_unified_webhook_resume"):
        told = until("a notification",
                     lambda: sdk.notification.list_unified_notifications(request={"limit": 5}).notifications)
        check("notifications", [[each.webhook_id, each.event.value] for each in told], [[bad.id, "WEBHOOK_UNHEALTHY"]])
        check("unhealthy", ids(sdk, is_healthy=False), [bad.id])
        check("resumed", sdk.webhook.patch_unified_webhook_resume(request={"id": bad.id}).webhook.is_healthy, True)


def ann(number, name="Ann"):
    return {"id": number, "name": name}


def virtual(url):
    """Webhooks of what can only be listed: what is there, what changes, what fails."""
    sdk, people, receiver = client(url, token("virtual")), Listing(), Receiver()
    people.items = [ann(1), ann(2), ann(3)]
    people.add_source("hris_employee")
    asked = {"connection_id": "c7", "object_type": "hris_employee", "event": "created", "hook_url": receiver.url,
             "page_max_limit": 2, "interval": 5}

    def got():
        return sdk.webhook.get_unified_webhook(request={"id": made.id}).webhook

    def came():
        return [[each["type"], each["data"]] for each in receiver.got]

    made = sdk.webhook.create_unified_webhook(request={"include_all": True, "webhook": asked}).webhook
    check("virtual: made", [made.webhook_type.value, made.interval, made.page_max_limit, made.is_healthy],
          ["virtual", 5, 2, True])
    until("what is there", lambda: len(receiver.got) >= 2 and got().checked_at and got().runs)
    check("virtual: what is there", came(), [["INITIAL-PARTIAL", [ann(1), ann(2)]], ["INITIAL-COMPLETE", [ann(3)]]])
    check("virtual: the webhook that comes with it", receiver.got[0]["webhook"]["id"], made.id)
    check("virtual: a run", [word in got().runs[0] for word in (" ok ", " objects=3 ")], [True, True])
    check("virtual: of its connection", [ids(sdk, connection_id="c7"), ids(sdk, connection_id="c8")], [[made.id], []])
    refuses("virtual: what nobody lists", 400, lambda: make(sdk, object_type="hris_group", webhook_type="virtual"))

    for number, trigger in ((4, sdk.webhook.update_unified_webhook_trigger), (5, sdk.webhook.patch_unified_webhook_trigger)):
        people.items.append(ann(number))
        before = len(receiver.got)
        check("virtual: trigger", trigger(request={"id": made.id}).status_code, 200)
        until("what is new", lambda: len(receiver.got) > before)
        check("virtual: what is new", came()[before:], [["VIRTUAL", [ann(number)]]])

    changed = sdk.webhook.update_unified_webhook(request={"id": made.id, "webhook": {**asked, "interval": 7, "webhook_type": "native"}})
    check("virtual: update", [changed.webhook.interval, changed.webhook.webhook_type.value], [7, "virtual"])
    changed = sdk.webhook.patch_unified_webhook(request={"id": made.id, "webhook": {**asked, "is_paused": True}}).webhook
    check("virtual: patch", [changed.is_paused, changed.interval], [True, 5])
    sdk.webhook.patch_unified_webhook(request={"id": made.id, "webhook": {**asked, "is_paused": False}})

    people.refuses = True
    sdk.webhook.update_unified_webhook_trigger(request={"id": made.id})
    until("that it may not read", lambda: not got().is_healthy)
    check("virtual: a run that failed", " refresh: " in got().runs[0], True)
    people.refuses = False
    if hasattr(sdk.webhook, "update_unified_webhook_resume"):
        sdk.webhook.update_unified_webhook_resume(request={"id": made.id})
    else:
        sdk.webhook.update_unified_webhook_trigger(request={"id": made.id})
    until("that it may read again", lambda: got().is_healthy)
    sdk.webhook.remove_unified_webhook(request={"id": made.id})
    check("virtual: remove", ids(sdk), [])


def run(server):
    sdk = client(server.url, secret)
    a_webhook(sdk)
    pages(sdk)
    health(sdk)
    words(server.url)
    others(sdk, server.url, secret)


secret = token("acme")
with Server("--no-deliver") as server:
    run(server)
with Server() as server:
    views(server.url)
    virtual(server.url)
finish(f"unified-python-sdk {version('unified-python-sdk')}")
