/* publisher - a program that sends webhooks.
 *
 *   publisher STORE URL SECRET
 *
 * Subscribes URL with a Lua rule, publishes three orders, delivers them, and prints what
 * became of each. */
#include <stdio.h>
#include <stdlib.h>
#include <webhook.h>
#include <webhook_rule.h>

static void check(int code, const char *what) {
    if (code < 0) {
        fprintf(stderr, "%s: %s (%s)\n", what, wh_last_error(), wh_error_name(code));
        exit(1);
    }
}

static void subscribe(wh_engine *hooks, const char *url, const char *secret) {
    char document[1024], id[WH_ID_SIZE];

    snprintf(
        document, sizeof document,
        "{\"url\":\"%s\",\"events\":[\"order.*\"],\"secrets\":[\"%s\"],"
        "\"rule\":\"if payload.total < 1000 then return false end return {id = payload.id, total = payload.total}\"}",
        url, secret);
    check(wh_subscribe(hooks, document, WH_ZSTR, id), "subscribe");
    printf("subscription %s\n", id);
}

static void publish(wh_engine *hooks, const char *type, const char *payload) {
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;

    event.type = type;
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    check(wh_publish(hooks, &event, &receipt), "publish");
    printf("published %s\n", receipt.id);
}

int main(int argc, char **argv) {
    static const char *const allow[] = { "127.0.0.1" }; /* this example's receiver is on this machine */
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *hooks;
    char *page;

    if (argc != 4) {
        fprintf(stderr, "usage: %s STORE URL SECRET\n", argv[0]);
        return 2;
    }
    options.allow = allow;
    options.allow_count = 1;
    options.rules = wh_rule_lua();
    check(wh_open(&hooks, argv[1], &options), "open");
    subscribe(hooks, argv[2], argv[3]);
    publish(hooks, "order.paid", "{\"id\":9007199254740993,\"total\":1200.50,\"note\":\"kept out by the rule\"}");
    publish(hooks, "order.paid", "{\"id\":2,\"total\":12}"); /* dropped by the rule */
    publish(hooks, "user.created", "{\"id\":3}");            /* another type */
    check(wh_run(hooks), "run");
    check(wh_deliveries(hooks, NULL, &page, NULL), "deliveries");
    printf("%s\n", page);
    wh_free(page);
    wh_close(hooks);
    return 0;
}
