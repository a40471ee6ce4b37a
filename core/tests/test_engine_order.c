/* Order, the rule's headers, single use, expiry, sources: what a subscription may ask for
 * beyond which events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "engine_fixture.h"
#include "pure/json.h"

#define URL "\"url\":\"https://example.com/hook\""

static void publish_as(wh_engine *engine, const char *type, const char *key, const char *source, const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = type;
    event.key = key;
    event.source = source;
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* The bodies that arrived so far, joined. */
static const char *arrived(void) {
    static char text[1024];
    size_t size = 0;

    text[0] = '\0';
    for (size_t i = 0; i < fixture_sent_count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s ", fixture_sent[i].body);
    }
    return text;
}

static void pass_time(wh_engine *engine, int64_t ms) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
}

static int count_state(wh_engine *engine, const char *state) {
    wh_query query = WH_QUERY_INIT;
    char *page = NULL;
    int count = 0;

    query.state = state;
    assert_int_equal(wh_deliveries(engine, &query, &page, NULL), WH_OK);
    for (const char *at = strstr(page, "\"id\":\"dlv_"); at != NULL; at = strstr(at + 1, "\"id\":\"dlv_")) {
        count++;
    }
    wh_free(page);
    return count;
}

/* A rule engine that understands one thing: what the payload's members key, headers and delay
 * say is the rule's second result. "strict" fails where there is a member bad. */
static char strict;

static int echo_open(void **out, const wh_limits *limits, void *payload) {
    (void)limits;
    *out = payload;
    return WH_OK;
}

static void echo_close(void *runtime) {
    (void)runtime;
}

static int echo_compile(void *runtime, const char *owner, const char *source, size_t size, void **out,
                        wh_rule_error *error) {
    (void)owner;
    (void)error;
    *out = size == 6 && memcmp(source, "strict", size) == 0 ? &strict : runtime;
    return WH_OK;
}

static void echo_release(void *runtime, void *rule) {
    (void)runtime;
    (void)rule;
}

static const char *member(const whi_json *json, const char *name, size_t *size) {
    uint32_t node = whi_json_member(json, 0, name, strlen(name));

    return node != WHI_JSON_NONE ? whi_json_span(json, node, size) : NULL;
}

static int echo_run(void *runtime, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    static char key[64];
    const char *text;
    size_t size;

    (void)runtime;
    memset(out, 0, sizeof *out);
    out->action = WH_RULE_PASS;
    text = member(input->payload, "key", &size);
    if (rule == &strict && member(input->payload, "bad", &size) != NULL) {
        return WH_ERULE_RUNTIME;
    }
    if (text != NULL) {
        snprintf(key, sizeof key, "%.*s", (int)size - 2, text + 1);
        out->key = key;
    }
    out->headers = member(input->payload, "headers", &out->headers_size);
    text = member(input->payload, "delay", &size);
    out->delay = text != NULL ? strtol(text, NULL, 10) : 0;
    return WH_OK;
}

static const wh_rule_engine echo = { sizeof echo, echo_open,       echo_close, echo_compile, echo_release,
                                     echo_run,    &fixture_script, NULL,       NULL };

static wh_engine *open_with_rules(void) {
    wh_options options = WH_OPTIONS_INIT;

    options.rules = &echo;
    return fixture_open(":memory:", &options);
}

static void the_rules_key_orders_before_the_events(void **state) {
    wh_engine *engine = open_with_rules();

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"order\":\"key\",\"rule\":\"x\",\"retry\":[0,60000]}", NULL);
    publish_as(engine, "a", "same", NULL, "{\"key\":\"x\",\"n\":1}");
    publish_as(engine, "a", "same", NULL, "{\"key\":\"y\",\"n\":2}");
    publish_as(engine, "a", "other", NULL, "{\"key\":\"x\",\"n\":3}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_null(strstr(arrived(), "\"n\":3"));
    wh_close(engine);
}

static void delay_and_latest_together_wait_for_quiet(void **state) {
    wh_engine *engine = open_with_rules();

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"latest\",\"rule\":\"x\"}", NULL);
    for (int i = 1; i <= 3; i++) {
        char payload[64];
        snprintf(payload, sizeof payload, "{\"key\":\"k\",\"delay\":5000,\"n\":%d}", i);
        publish_as(engine, "a", NULL, NULL, payload);
        fixture_run(engine);
        pass_time(engine, 3000);
        assert_int_equal(fixture_sent_count, 0);
    }
    pass_time(engine, 2000);
    assert_int_equal(fixture_sent_count, 1);
    assert_has(fixture_sent[0].body, "\"n\":3");
    wh_close(engine);
}

/* What its rule held back comes when the newer one of its key has arrived. */
static void release_behind(const char *rule_key, const char *event_key) {
    wh_engine *engine = open_with_rules();
    char id[WH_ID_SIZE], bad[64], good[64];

    snprintf(bad, sizeof bad, "{%s\"bad\":1,\"n\":1}", rule_key);
    snprintf(good, sizeof good, "{%s\"n\":2}", rule_key);
    fixture_subscribe(engine, "{" URL ",\"order\":\"latest\",\"rule\":\"strict\"}", id);
    publish_as(engine, "a", event_key, NULL, bad);
    publish_as(engine, "a", event_key, NULL, good);
    publish_as(engine, "a", "other", NULL, "{\"key\":\"other\",\"bad\":1,\"n\":3}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(count_state(engine, "held"), 2);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"x\"}", WH_ZSTR), WH_OK);
    pass_time(engine, 1000);
    assert_int_equal(count_state(engine, "cancelled"), 1);
    assert_null(strstr(arrived(), "\"n\":1"));
    assert_has(arrived(), "\"n\":3");
    wh_close(engine);
}

static void the_latest_stays_the_last_when_an_older_one_is_released(void **state) {
    release_behind("\"key\":\"k\",", NULL);
    assert_int_equal(fixture_setup(state), 0);
    release_behind("", "k");
}

static void the_rules_headers_are_sent_and_win(void **state) {
    wh_engine *engine = open_with_rules();
    char *page;

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(
        engine, "{" URL ",\"rule\":\"x\",\"retry\":[0,1000],\"headers\":{\"X-Env\":\"own\",\"X-Own\":\"1\"}}", NULL);
    publish_as(engine, "a", NULL, NULL, "{\"headers\":{\"x-env\":\"rule\",\"X-\\u0041\":\"a \\\"b\\\"\"}}");
    fixture_run(engine);
    pass_time(engine, 2000);
    assert_int_equal(fixture_sent_count, 2);
    for (int i = 0; i < 2; i++) { /* the retry, too */
        assert_string_equal(fixture_header(&fixture_sent[i], "X-Env"), "rule");
        assert_string_equal(fixture_header(&fixture_sent[i], "X-A"), "a \"b\"");
        assert_string_equal(fixture_header(&fixture_sent[i], "X-Own"), "1");
        assert_non_null(fixture_header(&fixture_sent[i], "webhook-signature"));
    }
    page = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(page, "\"headers\":{\"x-env\":\"rule\"");
    wh_free(page);
    wh_close(engine);
}

/* ------------------------------------------------------------------------- order */

static void fail_body_1(whi_request *request, void *payload) {
    request->status = *(const char *)request->body == '1' ? *(int *)payload : 200;
}

static void first_in_first_out_waits_for_the_one_that_fails(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int status = 500;

    (void)state;
    fixture_script.answer = fail_body_1;
    fixture_script.payload = &status;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"retry\":[0,60000]}", NULL);
    publish_as(engine, "a", NULL, NULL, "1");
    publish_as(engine, "a", NULL, NULL, "2");
    publish_as(engine, "a", NULL, NULL, "3");
    fixture_run(engine);
    assert_string_equal(arrived(), "1 ");
    pass_time(engine, 30000);
    assert_string_equal(arrived(), "1 ");
    status = 200;
    pass_time(engine, 60000);
    assert_string_equal(arrived(), "1 1 2 3 ");
    wh_close(engine);
}

static void an_exhausted_one_gives_way(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int status = 500;

    (void)state;
    fixture_script.answer = fail_body_1;
    fixture_script.payload = &status;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"retry\":[0]}", NULL);
    publish_as(engine, "a", NULL, NULL, "1");
    publish_as(engine, "a", NULL, NULL, "2");
    fixture_run(engine);
    assert_string_equal(arrived(), "1 2 ");
    wh_close(engine);
}

static void each_key_has_an_order_of_its_own(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int status = 500;

    (void)state;
    fixture_script.answer = fail_body_1;
    fixture_script.payload = &status;
    fixture_subscribe(engine, "{" URL ",\"order\":\"key\",\"retry\":[0,60000]}", NULL);
    publish_as(engine, "a", "x", NULL, "1");
    publish_as(engine, "a", "x", NULL, "2");
    publish_as(engine, "a", "y", NULL, "3");
    publish_as(engine, "a", NULL, NULL, "4");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_null(strchr(arrived(), '2')); /* the others are not held up */
    status = 200;
    pass_time(engine, 70000);
    assert_non_null(strstr(arrived(), "1 2 "));
    wh_close(engine);
}

static void without_an_order_a_key_means_nothing(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int status = 500;

    (void)state;
    fixture_script.answer = fail_body_1;
    fixture_script.payload = &status;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0,60000]}", NULL);
    publish_as(engine, "a", "x", NULL, "1");
    publish_as(engine, "a", "x", NULL, "2");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(engine);
}

static void the_latest_of_a_key_replaces_what_waits(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int status = 500;

    (void)state;
    fixture_script.answer = fail_body_1;
    fixture_script.payload = &status;
    fixture_subscribe(engine, "{" URL ",\"order\":\"latest\",\"retry\":[0,60000]}", NULL);
    publish_as(engine, "a", "x", NULL, "1");
    fixture_run(engine);
    publish_as(engine, "a", "x", NULL, "2");
    publish_as(engine, "a", "x", NULL, "3");
    fixture_run(engine);
    assert_string_equal(arrived(), "1 3 ");
    assert_int_equal(count_state(engine, "cancelled"), 2);
    wh_close(engine);
}

static void a_thousand_keep_their_order(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = fixture_open(":memory:", &options);
    char payload[16];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\"}", NULL);
    for (int i = 0; i < 1000; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        publish_as(engine, i % 2 ? "a" : "b", NULL, NULL, payload);
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(atol(fixture_sent[i].body), i);
    }
    wh_close(engine);
}

/* --------------------------------------------------------- once, until, from where */

static void a_single_use_subscription_takes_one_event_and_goes(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text = NULL;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true,\"filters\":{\"ok\":true}}", id);
    publish_as(engine, "a", NULL, NULL, "{\"ok\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    for (int i = 0; i < 5; i++) {
        publish_as(engine, "a", NULL, NULL, "{\"ok\":true}");
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    wh_close(engine);
}

static void a_single_use_subscription_retries_before_it_goes(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text = NULL;

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true,\"retry\":[0,1000]}", id);
    publish_as(engine, "a", NULL, NULL, "1");
    publish_as(engine, "a", NULL, NULL, "2");
    fixture_run(engine);
    assert_string_equal(arrived(), "1 ");
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"used\"");
    wh_free(text);
    pass_time(engine, 2000);
    assert_string_equal(arrived(), "1 1 ");
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    assert_int_equal(count_state(engine, "exhausted"), 1);
    wh_close(engine);
}

/* A client that writes back the object that it read before the event came. */
static void what_is_used_is_not_switched_on_again(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text = NULL;

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true,\"retry\":[0,1000]}", id);
    publish_as(engine, "a", NULL, NULL, "1");
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"x\",\"paused\":false}", WH_ZSTR), WH_OK);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"used\"");
    wh_free(text);
    publish_as(engine, "a", NULL, NULL, "2");
    fixture_run(engine);
    fixture_script.status = 200;
    pass_time(engine, 2000);
    assert_string_equal(arrived(), "1 1 ");
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    wh_close(engine);
}

static void for_more_than_one_event_it_is_switched_on_again(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true,\"retry\":[0,1000]}", id);
    publish_as(engine, "a", NULL, NULL, "1");
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"single_use\":false,\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_script.status = 200;
    publish_as(engine, "a", NULL, NULL, "2");
    fixture_run(engine);
    assert_string_equal(arrived(), "1 2 ");
    wh_close(engine);
}

static void switched_on_again_during_its_delivery_it_stays(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_script.hang = 1;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true}", id);
    publish_as(engine, "a", NULL, NULL, "1");
    for (int i = 0; i < 10; i++) {
        fixture_turn(engine);
    }
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"single_use\":false,\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_script.hang = 0;
    fixture_run(engine);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":null");
    wh_free(text);
    wh_close(engine);
}

static void of_two_engines_one_uses_a_single_use_subscription(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(one, "{" URL ",\"single_use\":true}", NULL);
    pass_time(two, 0);
    for (int i = 0; i < 3; i++) {
        publish_as(one, "a", NULL, NULL, "1");
        publish_as(two, "a", NULL, NULL, "1");
    }
    for (int i = 0; i < 50; i++) {
        fixture_turn(one);
        fixture_turn(two);
    }
    fixture_run(one);
    fixture_run(two);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(one);
    wh_close(two);
}

static void after_its_end_a_subscription_takes_nothing(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char document[128];

    (void)state;
    snprintf(document, sizeof document, "{" URL ",\"expires_at\":%lld}", (long long)atomic_load(&fixture_time) + 1000);
    fixture_subscribe(engine, document, NULL);
    publish_as(engine, "a", NULL, NULL, "1");
    fixture_run(engine);
    pass_time(engine, 1000);
    publish_as(engine, "a", NULL, NULL, "2");
    fixture_run(engine);
    assert_string_equal(arrived(), "1 ");
    wh_close(engine);
}

static void a_source_gets_to_those_who_want_it(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"source\":\"shop/1\"}", NULL);
    publish_as(engine, "a", NULL, "shop/1", "1");
    publish_as(engine, "a", NULL, "shop/2", "2");
    publish_as(engine, "a", NULL, NULL, "3");
    fixture_run(engine);
    assert_string_equal(arrived(), "1 ");
    wh_close(engine);
}

static void a_wrong_source_or_key_is_refused(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event event = WH_EVENT_INIT;
    char longest[300];

    (void)state;
    event.type = "a";
    event.payload = "1";
    event.payload_size = 1;
    event.source = "a b";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "source: ");
    event.source = NULL;
    event.key = "a\nb";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "key: ");
    memset(longest, 'k', 257);
    longest[257] = '\0';
    event.key = longest;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    longest[256] = '\0';
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
    wh_close(engine);
}

/* ------------------------------------------------------------------------ profiles */

static void a_run_that_is_refused_ends(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"profile\":\"truto\"}", NULL);
    fixture_script.status = 400;
    publish_as(engine, "sync_job_run:started", NULL, NULL, "{\"id\":\"run_1\"}");
    publish_as(engine, "sync_job_run:record", NULL, NULL, "{\"sync_job_run_id\":\"run_1\"}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    fixture_script.status = 200;
    publish_as(engine, "sync_job_run:record", NULL, NULL, "{\"sync_job_run_id\":\"run_1\"}");
    publish_as(engine, "sync_job_run:started", NULL, NULL, "{\"id\":\"run_2\"}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_has(fixture_sent[1].body, "run_2");
    assert_int_equal(count_state(engine, "cancelled"), 2);
    wh_close(engine);
}

static void a_run_that_is_refused_is_told(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"profile\":\"truto\",\"events\":[\"sync_job_run:*\"]}", NULL);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"webhook.run.aborted\"]}", NULL);
    fixture_script.status = 400;
    publish_as(engine, "sync_job_run:started", NULL, NULL, "{\"id\":\"run_1\"}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_has(fixture_sent[0].body, "\"event\":\"sync_job_run:started\"");
    assert_has(fixture_sent[1].body, "\"reason\":\"run_1\"");
    wh_close(engine);
}

static void a_retry_in_a_profile_sends_the_same_bytes_though_the_subscription_changed(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *body, *page, *at;
    char delivery[WH_ID_SIZE];

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine,
                      "{" URL ",\"profile\":\"unified\",\"events\":[\"crm_contact.updated\"],\"source\":\"conn\","
                      "\"retry\":[0,1000]}",
                      id);
    publish_as(engine, "crm_contact.updated", NULL, "conn", "{\"id\":9007199254740993}");
    fixture_run(engine);
    assert_has(fixture_sent[0].body, "{\"data\":[{\"id\":9007199254740993}]");
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true,\"name\":\"x\"}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_script.status = 200;
    pass_time(engine, 2000);
    assert_int_equal(fixture_sent_count, 2);
    assert_string_equal(fixture_sent[0].body, fixture_sent[1].body);
    page = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    at = strstr(page, "dlv_");
    snprintf(delivery, sizeof delivery, "%.*s", (int)strcspn(at, "\""), at);
    body = DOCUMENT(wh_delivery_body(engine, delivery, &fixture_handed, &fixture_size));
    assert_string_equal(body, fixture_sent[0].body);
    wh_free(body);
    wh_free(page);
    wh_close(engine);
}

/* The webhook stands in each delivery of Unified.to, whatever its client keeps in it. */
static void a_webhook_larger_than_payloads_may_be_is_sent(void **state) {
    static char document[100400];
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    size_t used = (size_t)snprintf(document, 256, "{" URL ",\"profile\":\"unified\",\"details\":{\"meta\":\"");

    (void)state;
    memset(document + used, 'm', 100000);
    memcpy(document + used + 100000, "\"}}", 4);
    options.limits = &limits;
    limits.payload_bytes = 1024;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, document, NULL);
    publish_as(engine, "crm_contact.updated", NULL, NULL, "{}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void trutos_deliveries_name_themselves_unless_the_subscription_does(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    const char *agents[2];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"profile\":\"truto\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"profile\":\"truto\",\"headers\":{\"user-agent\":\"ours\"}}", NULL);
    publish_as(engine, "integrated_account:active", NULL, NULL, "{}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    for (int i = 0; i < 2; i++) {
        agents[i] = fixture_header(&fixture_sent[i], "User-Agent");
        assert_non_null(agents[i]);
        assert_string_equal(fixture_header(&fixture_sent[i], "Content-Type"), "application/json");
    }
    assert_true(strcmp(agents[0], "truto") == 0 || strcmp(agents[1], "truto") == 0);
    assert_true(strcmp(agents[0], "ours") == 0 || strcmp(agents[1], "ours") == 0);
    wh_close(engine);
}

static void callfire_without_a_secret_is_not_signed(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"profile\":\"callfire\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"profile\":\"callfire\",\"secrets\":[\"mysecrets\"]}", NULL);
    publish_as(engine, "OutboundCall.Finished", NULL, NULL, "{\"id\":7420017300281076000}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal((fixture_header(&fixture_sent[0], "X-CallFire-Signature") != NULL) +
                         (fixture_header(&fixture_sent[1], "X-CallFire-Signature") != NULL),
                     1);
    assert_null(fixture_header(&fixture_sent[0], "webhook-signature"));
    assert_has(fixture_sent[0].body, "\"resource\":{\"id\":7420017300281076000}");
    wh_close(engine);
}

/* ------------------------------------------------------------- tokens and workspaces */

static void a_token_opens_its_tenant_and_no_other(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char token[WH_SECRET_SIZE], operators[WH_SECRET_SIZE], id[WH_ID_SIZE], tenant[WH_ID_SIZE], *list;
    int all = 1;

    (void)state;
    assert_int_equal(wh_token_add(engine, "acme", "ci", token), WH_OK);
    assert_int_equal(wh_token_add(engine, NULL, NULL, operators), WH_OK);
    assert_int_equal(wh_token_check(engine, token, id, tenant, &all), WH_OK);
    assert_string_equal(tenant, "acme");
    assert_int_equal(all, 0);
    assert_int_equal(wh_token_check(engine, operators, NULL, NULL, &all), WH_OK);
    assert_int_equal(all, 1);
    token[strlen(token) - 1] ^= 1;
    assert_int_equal(wh_token_check(engine, token, NULL, NULL, NULL), WH_ENOTFOUND);
    token[strlen(token) - 1] ^= 1;
    assert_int_equal(wh_token_check(engine, "", NULL, NULL, NULL), WH_ENOTFOUND);
    list = DOCUMENT(wh_tokens(engine, "acme", &fixture_handed, &fixture_size));
    assert_has(list, "\"tenant\":\"acme\",\"name\":\"ci\"");
    assert_null(strstr(list, token + 22)); /* nor its hash */
    wh_free(list);
    assert_int_equal(wh_token_revoke(engine, id), WH_OK);
    assert_int_equal(wh_token_check(engine, token, NULL, NULL, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_token_revoke(engine, id), WH_ENOTFOUND);
    assert_int_equal(wh_token_add(engine, "a b", NULL, token), WH_EINVALID);
    wh_close(engine);
}

static void a_workspace_has_one_secret_for_all_its_subscriptions(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char secret[WH_SECRET_SIZE], again[WH_SECRET_SIZE], id[2][WH_ID_SIZE], *text;

    (void)state;
    for (int i = 0; i < 2; i++) {
        fixture_subscribe(engine, "{" URL ",\"profile\":\"unified\",\"tenant\":\"w\"}", id[i]);
    }
    assert_int_equal(wh_tenant_secret(engine, "w", NULL, secret), WH_OK);
    assert_int_equal(wh_tenant_secret(engine, "w", NULL, again), WH_OK);
    assert_string_equal(secret, again);
    text = DOCUMENT(wh_subscription_secrets(engine, id[1], &fixture_handed, &fixture_size));
    assert_has(text, secret);
    wh_free(text);
    assert_int_equal(wh_tenant_secret(engine, "w", "a \"new\" one", NULL), WH_OK);
    for (int i = 0; i < 2; i++) {
        text = DOCUMENT(wh_subscription_secrets(engine, id[i], &fixture_handed, &fixture_size));
        assert_has(text, "[\"a \\\"new\\\" one\"]");
        wh_free(text);
    }
    wh_close(engine);
}

/* ----------------------------------------------------------------------- a probe */

static void a_probe_reaches_one_subscription_and_tells_what_it_answered(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char error[128];
    int64_t number, other;
    int status;

    (void)state;
    number = fixture_subscribe(engine, "{" URL ",\"events\":[\"never\"]}", NULL);
    other = fixture_subscribe(engine, "{\"url\":\"https://example.com/all\"}", NULL);
    assert_int_equal(whi_engine_test(engine, number, "test", "{}", 2, 5000, &status, error, sizeof error), WH_OK);
    assert_int_equal(status, 200);
    assert_int_equal(fixture_sent_count, 1);
    fixture_script.status = 503;
    assert_int_equal(whi_engine_test(engine, number, "test", "{}", 2, 5000, &status, error, sizeof error), WH_ESTATUS);
    assert_int_equal(status, 503);
    assert_has(error, "503");
    assert_int_equal(whi_engine_test(engine, 9, "test", "{}", 2, 5000, &status, error, sizeof error), WH_ENOTFOUND);
    fixture_script.hang = 1;
    assert_int_equal(whi_engine_test(engine, other, "test", "{}", 2, 50, &status, error, sizeof error), WH_ETIMEOUT);
    wh_close(engine);
}

/* ------------------------------------------------------------------------ old stores */

/* Whether an event with this id was known. */
static int is_known(wh_engine *engine, const char *id) {
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;

    event.id = id;
    event.type = "order.paid";
    event.payload = "{}";
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, &receipt), WH_OK);
    return receipt.duplicate;
}

static void a_store_of_version_1_is_taken_over(void **state) {
    const char *file = fixture_file(), *slash = strrchr(__FILE__, '/');
    char name[512], sql[16384];
    wh_engine *engine;
    sqlite3 *db;
    FILE *in;

    (void)state;
    snprintf(name, sizeof name, "%.*sdata/store_version_1.sql", slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__);
    in = fopen(name, "r");
    assert_non_null(in);
    sql[fread(sql, 1, sizeof sql - 1, in)] = '\0';
    fclose(in);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    engine = fixture_open(file, NULL);
    atomic_store(&fixture_time, INT64_C(1790000001000));
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(count_state(engine, "delivered"), 2);
    wh_close(engine);
    engine = fixture_open(file, NULL);
    publish_as(engine, "a", "k", "s", "3");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_int_equal(is_known(engine, "old-1"), 1);
    assert_int_equal(is_known(engine, "new-1"), 0);
    assert_int_equal(is_known(engine, "new-1"), 1);
    wh_close(engine);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_rules_key_orders_before_the_events, fixture_setup),
        cmocka_unit_test_setup(delay_and_latest_together_wait_for_quiet, fixture_setup),
        cmocka_unit_test_setup(the_latest_stays_the_last_when_an_older_one_is_released, fixture_setup),
        cmocka_unit_test_setup(the_rules_headers_are_sent_and_win, fixture_setup),
        cmocka_unit_test_setup(first_in_first_out_waits_for_the_one_that_fails, fixture_setup),
        cmocka_unit_test_setup(an_exhausted_one_gives_way, fixture_setup),
        cmocka_unit_test_setup(each_key_has_an_order_of_its_own, fixture_setup),
        cmocka_unit_test_setup(without_an_order_a_key_means_nothing, fixture_setup),
        cmocka_unit_test_setup(the_latest_of_a_key_replaces_what_waits, fixture_setup),
        cmocka_unit_test_setup(a_thousand_keep_their_order, fixture_setup),
        cmocka_unit_test_setup(a_single_use_subscription_takes_one_event_and_goes, fixture_setup),
        cmocka_unit_test_setup(a_single_use_subscription_retries_before_it_goes, fixture_setup),
        cmocka_unit_test_setup(what_is_used_is_not_switched_on_again, fixture_setup),
        cmocka_unit_test_setup(for_more_than_one_event_it_is_switched_on_again, fixture_setup),
        cmocka_unit_test_setup(switched_on_again_during_its_delivery_it_stays, fixture_setup),
        cmocka_unit_test_setup(of_two_engines_one_uses_a_single_use_subscription, fixture_setup),
        cmocka_unit_test_setup(after_its_end_a_subscription_takes_nothing, fixture_setup),
        cmocka_unit_test_setup(a_source_gets_to_those_who_want_it, fixture_setup),
        cmocka_unit_test_setup(a_wrong_source_or_key_is_refused, fixture_setup),
        cmocka_unit_test_setup(a_run_that_is_refused_ends, fixture_setup),
        cmocka_unit_test_setup(a_run_that_is_refused_is_told, fixture_setup),
        cmocka_unit_test_setup(a_retry_in_a_profile_sends_the_same_bytes_though_the_subscription_changed,
                               fixture_setup),
        cmocka_unit_test_setup(a_webhook_larger_than_payloads_may_be_is_sent, fixture_setup),
        cmocka_unit_test_setup(trutos_deliveries_name_themselves_unless_the_subscription_does, fixture_setup),
        cmocka_unit_test_setup(callfire_without_a_secret_is_not_signed, fixture_setup),
        cmocka_unit_test_setup(a_token_opens_its_tenant_and_no_other, fixture_setup),
        cmocka_unit_test_setup(a_workspace_has_one_secret_for_all_its_subscriptions, fixture_setup),
        cmocka_unit_test_setup(a_probe_reaches_one_subscription_and_tells_what_it_answered, fixture_setup),
        cmocka_unit_test_setup(a_store_of_version_1_is_taken_over, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
