#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine_fixture.h"

#define URL "\"url\":\"https://example.com/hook\""
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define HOUR INT64_C(3600000)

static int count_of(const char *text, const char *part) {
    int count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

/* ------------------------------------------------------------------- the way of an event */

static void an_event_is_delivered_signed_and_byte_for_byte(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    const char *payload = "{ \"id\" : 9007199254740993, \"rate\":1.10,\"list\":[ ],\"o\":{} }";
    const char *const secrets[] = { SECRET };
    wh_header headers[3];
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"events\":[\"order.*\"],\"secrets\":[\"" SECRET "\"]}", NULL);
    fixture_publish(engine, "order.paid", payload, id);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].body, payload);
    assert_string_equal(fixture_header(&fixture_sent[0], "webhook-id"), id);
    assert_string_equal(fixture_header(&fixture_sent[0], "Content-Type"), "application/json");
    headers[0] = (wh_header){ "webhook-id", fixture_header(&fixture_sent[0], "webhook-id") };
    headers[1] = (wh_header){ "webhook-timestamp", fixture_header(&fixture_sent[0], "webhook-timestamp") };
    headers[2] = (wh_header){ "webhook-signature", fixture_header(&fixture_sent[0], "webhook-signature") };
    assert_int_equal(wh_verify(secrets, 1, headers, 3, payload, strlen(payload), 0, atomic_load(&fixture_time)), WH_OK);
    wh_close(engine);
}

static void only_those_who_want_it_get_it(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event other = WH_EVENT_INIT;

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/all\"}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/order\",\"events\":[\"order.*\"]}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/tenant\",\"tenant\":\"t1\"}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/paused\",\"paused\":true}", NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_publish(engine, "user.created", "{}", NULL);
    other.type = "order.paid";
    other.tenant = "t1";
    other.payload = "[]";
    other.payload_size = 2;
    assert_int_equal(wh_publish(engine, &other, NULL), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 4);
    for (size_t i = 0; i < fixture_sent_count; i++) {
        int is_tenant = strcmp(fixture_sent[i].body, "[]") == 0;
        assert_int_equal(strstr(fixture_sent[i].url, "tenant") != NULL, is_tenant);
    }
    wh_close(engine);
}

static void filters_and_fields_work_without_a_rule(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"filters\":{\"customer.country\":\"DE\"},\"fields\":\"id,customer(name)\"}",
                      NULL);
    fixture_publish(engine, "a", "{\"id\":1,\"customer\":{\"country\":\"FR\",\"name\":\"Ann\"}}", NULL);
    fixture_publish(engine, "a", "{\"id\":1.10,\"customer\":{\"country\":\"DE\",\"name\":\"Ann\"},\"x\":0}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].body, "{\"id\":1.10,\"customer\":{\"name\":\"Ann\"}}");
    wh_close(engine);
}

static void the_same_id_is_accepted_once(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;
    char made[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    event.id = "order-7";
    event.type = "order.paid";
    event.payload = "{}";
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, &receipt), WH_OK);
    assert_int_equal(receipt.duplicate, 0);
    assert_int_equal(wh_publish(engine, &event, &receipt), WH_OK);
    assert_int_equal(receipt.duplicate, 1);
    assert_string_equal(receipt.id, "order-7");
    fixture_publish(engine, "b", "1", made);
    event.id = made; /* an operator, who sees all tenants' ids, would find either of the two */
    assert_int_equal(wh_publish(engine, &event, &receipt), WH_EINVALID);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(engine);
}

/* A tenant could ask for the names of our network otherwise. */
static void a_name_that_is_not_there_is_told_as_one_that_is_refused(void **state) {
    static const int errors[] = { WH_ERESOLVE, WH_EADDRESS };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        wh_engine *engine = fixture_open(":memory:", NULL);
        char *text;
        fixture_reset();
        fixture_script.error = errors[i];
        fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", NULL);
        fixture_publish(engine, "a", "{}", NULL);
        fixture_run(engine);
        text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
        assert_has(text, "\"error\":\"address: the host has no address that may be reached\"");
        wh_free(text);
        wh_close(engine);
    }
}

static void a_batch_is_accepted_whole_or_not_at_all(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event events[3] = { WH_EVENT_INIT, WH_EVENT_INIT, WH_EVENT_INIT };
    wh_receipt receipts[3];

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    for (int i = 0; i < 3; i++) {
        events[i].type = "a";
        events[i].payload = "{}";
        events[i].payload_size = 2;
    }
    events[1].payload = "{,";
    assert_int_equal(wh_publish_batch(engine, events, 3, receipts), WH_EJSON);
    assert_memory_equal(wh_last_error(), "event 1: payload: ", 18);
    events[1].payload = "[]";
    assert_int_equal(wh_publish_batch(engine, events, 3, receipts), WH_OK);
    assert_string_not_equal(receipts[0].id, receipts[1].id);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_int_equal(wh_publish_batch(engine, NULL, 0, NULL), WH_OK);
    wh_close(engine);
}

/* ------------------------------------------------------------------------------ retries */

static void retries_keep_to_the_list_and_send_the_same_bytes_under_the_same_id(void **state) {
    static const int64_t after[] = { 0,        5000,      300000,    1800000,   2 * HOUR,
                                     5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR };
    wh_options options = WH_OPTIONS_INIT;
    int64_t last = 0;
    wh_engine *engine;
    char *page;

    (void)state;
    options.disable_after = 1000 * HOUR;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "{\"n\":1}", NULL);
    for (int i = 0; i < 9000; i++) { /* seconds, then minutes: more than three days */
        fixture_run(engine);
        atomic_fetch_add(&fixture_time, fixture_sent_count < 4 ? 1000 : 60000);
    }
    assert_int_equal(fixture_sent_count, 10);
    last = fixture_sent[0].at;
    for (size_t i = 1; i < 10; i++) {
        int64_t waited = fixture_sent[i].at - last;
        assert_true(waited >= after[i] && waited <= after[i] + after[i] / 10 + 61000);
        assert_string_equal(fixture_header(&fixture_sent[i], "webhook-id"),
                            fixture_header(&fixture_sent[0], "webhook-id"));
        assert_string_equal(fixture_sent[i].body, "{\"n\":1}");
        last = fixture_sent[i].at;
    }
    page = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(page, "\"state\":\"exhausted\"");
    assert_has(page, "\"attempts\":10");
    assert_has(page, "\"error\":\"status: answered 500\"");
    wh_free(page);
    wh_close(engine);
}

static void an_own_retry_list_wins(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0,1000]}", NULL);
    fixture_script.error = WH_ECONNECT;
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    atomic_fetch_add(&fixture_time, 1100);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    atomic_fetch_add(&fixture_time, 100 * HOUR);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(engine);
}

static void retry_after_makes_the_wait_longer(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_script.status = 503;
    fixture_script.retry_after = "60";
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    atomic_fetch_add(&fixture_time, 59000);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    fixture_script.status = 200;
    atomic_fetch_add(&fixture_time, 7000);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(engine);
}

/* The subscription at /hook is gone, all others are well. */
static void hook_is_gone(whi_request *request, void *payload) {
    (void)payload;
    request->status = strstr(request->url, "/hook") != NULL ? 410 : 200;
}

static void gone_switches_the_subscription_off_and_says_so(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.*\"]}", NULL);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"]}", id);
    fixture_script.answer = hook_is_gone;
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"gone\"");
    wh_free(text);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2); /* one to it, one notice */
    assert_has(fixture_sent[1].url, "/ops");
    assert_has(fixture_sent[1].body, "\"reason\":\"gone\",\"failing_since\":");
    fixture_script.answer = NULL;
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 4); /* and that it is resumed */
    wh_close(engine);
}

static void nothing_but_failures_for_days_switch_it_off(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    fixture_script.status = 500;
    for (int i = 0; i < 6 * 24; i++) {
        fixture_publish(engine, "a", "{}", NULL);
        assert_int_equal(wh_run(engine), WH_OK); /* an engine that is stopped forgets since when */
        atomic_fetch_add(&fixture_time, HOUR);
    }
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"failing\"");
    wh_free(text);
    wh_close(engine);
}

/* ----------------------------------------------------------------------- subscriptions */

static void documents_come_back_without_their_secrets(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"name\":\"shop\",\"secrets\":[\"" SECRET "\"]}", id);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"name\":\"shop\"");
    assert_has(text, id);
    assert_null(strstr(text, "whsec_"));
    wh_free(text);
    text = DOCUMENT(wh_subscription_secrets(engine, id, &fixture_handed, &fixture_size));
    assert_string_equal(text, "{\"secrets\":[\"" SECRET "\"],\"public_keys\":[]}");
    wh_free(text);
    text = DOCUMENT(wh_subscriptions(engine, NULL, &fixture_handed, &fixture_size));
    assert_null(strstr(text, "whsec_"));
    wh_free(text);
    wh_close(engine);
}

static void every_change_makes_a_version_and_deliveries_name_theirs(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"name\":\"one\"}", id);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"two\"}", WH_ZSTR), WH_OK);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    text = DOCUMENT(wh_subscription_version(engine, id, 1, &fixture_handed, &fixture_size));
    assert_has(text, "\"name\":\"one\"");
    wh_free(text);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"name\":\"two\"");
    assert_has(text, "\"version\":2");
    wh_free(text);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_int_equal(count_of(text, "\"version\":1"), 1);
    assert_int_equal(count_of(text, "\"version\":2"), 1);
    wh_free(text);
    wh_close(engine);
}

static void a_refused_change_changes_nothing(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];
    char *before, *after;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"name\":\"one\"}", id);
    before = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"two\",\"url\":\"ftp://x\"}", WH_ZSTR),
                     WH_EINVALID);
    assert_memory_equal(wh_last_error(), "url: ", 5);
    assert_int_equal(wh_subscription_update(engine, id, "{\"colour\":1}", WH_ZSTR), WH_EINVALID);
    assert_int_equal(wh_subscription_update(engine, id, "{", WH_ZSTR), WH_EJSON);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"return true\"}", WH_ZSTR), WH_ERULE_ENGINE);
    after = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_string_equal(before, after);
    wh_free(before);
    wh_free(after);
    wh_close(engine);
}

static void a_deleted_subscription_gets_nothing_more(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];
    char *page;

    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    assert_int_equal(wh_subscription_delete(engine, id), WH_ENOTFOUND);
    assert_int_equal(wh_subscription_update(engine, id, "{}", 2), WH_ENOTFOUND);
    atomic_fetch_add(&fixture_time, 100 * HOUR);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    page = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(page, "\"state\":\"cancelled\"");
    wh_free(page);
    wh_close(engine);
}

static void what_waits_for_a_paused_subscription_goes_out_when_it_resumes(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    fixture_script.status = 200;
    atomic_fetch_add(&fixture_time, HOUR);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(engine);
}

/* ------------------------------------------------------------------------ looking back */

static void attempts_and_bodies_can_be_looked_at(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char event[WH_ID_SIZE];
    char delivery[WH_ID_SIZE];
    wh_query query = WH_QUERY_INIT;
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"fields\":\"id\"}", NULL);
    fixture_script.status = 503;
    fixture_script.response = "try \"later\"";
    fixture_publish(engine, "a", "{\"id\":1,\"b\":2}", event);
    fixture_run(engine);
    fixture_script.status = 200;
    atomic_fetch_add(&fixture_time, 10000);
    fixture_run(engine);
    query.event = event;
    text = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    assert_has(text, "\"state\":\"delivered\"");
    memcpy(delivery, strstr(text, "dlv_"), 30);
    delivery[30] = '\0';
    wh_free(text);
    text = DOCUMENT(wh_attempts(engine, delivery, &fixture_handed, &fixture_size));
    assert_has(text, "\"n\":1,");
    assert_has(text, "\"n\":2,");
    assert_has(text, "\"response\":\"try \\\"later\\\"\"");
    assert_has(text, "\"duration_ms\":1.5");
    wh_free(text);
    text = DOCUMENT(wh_delivery_body(engine, delivery, &fixture_handed, &fixture_size));
    assert_string_equal(text, "{\"id\":1}");
    wh_free(text);
    text = DOCUMENT(wh_event_get(engine, event, &fixture_handed, &fixture_size));
    assert_has(text, "\"payload\":{\"id\":1,\"b\":2}");
    assert_has(text, "\"pending\":false");
    wh_free(text);
    wh_close(engine);
}

static void pages_go_on_where_the_last_one_ended(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_query query = WH_QUERY_INIT;
    char cursor[WH_ID_SIZE];
    int pages = 0, items = 0;

    (void)state;
    for (int i = 0; i < 25; i++) {
        fixture_publish(engine, i % 2 ? "odd" : "even", "{}", NULL);
    }
    query.limit = 4;
    query.type = "even";
    for (;;) {
        char *text = DOCUMENT(wh_events(engine, &query, &fixture_handed, &fixture_size));
        const char *next = strstr(text, "\"next\":\"");
        items += count_of(text, "\"id\":");
        assert_true(count_of(text, "\"id\":") <= 4);
        assert_true(++pages < 30);
        if (next == NULL) {
            wh_free(text);
            break;
        }
        memcpy(cursor, next + 8, 17);
        cursor[17] = '\0';
        query.cursor = cursor;
        wh_free(text);
    }
    assert_int_equal(items, 13);
    wh_close(engine);
}

static void replay_sends_the_same_bytes_again(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0],\"fields\":\"id\"}", NULL);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "{\"id\":1,\"x\":2}", NULL);
    fixture_publish(engine, "a", "{\"id\":2,\"x\":2}", NULL);
    fixture_run(engine);
    fixture_script.status = 200;
    assert_int_equal(wh_replay_count(engine, &query, &count), WH_OK);
    assert_int_equal(count, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 2);
    assert_int_equal(wh_replay_count(engine, &query, &count), WH_OK);
    assert_int_equal(count, 0);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 4);
    assert_true(strcmp(fixture_sent[2].body, "{\"id\":1}") == 0 || strcmp(fixture_sent[2].body, "{\"id\":2}") == 0);
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 0);
    query.state = "delivered";
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 6);
    wh_close(engine);
}

static void old_events_are_purged_and_failed_ones_later(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char good[WH_ID_SIZE], bad[WH_ID_SIZE];
    char *out;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", NULL);
    fixture_publish(engine, "a", "{}", good);
    fixture_run(engine);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "{}", bad);
    fixture_publish(engine, "a", "{}", NULL); /* the last one is never purged */
    fixture_run(engine);
    for (int day = 0; day < 8; day++) {
        atomic_fetch_add(&fixture_time, 24 * HOUR);
        assert_int_equal(wh_run(engine), WH_OK);
    }
    assert_int_equal(wh_event_get(engine, good, &out, NULL), WH_ENOTFOUND);
    out = DOCUMENT(wh_event_get(engine, bad, &fixture_handed, &fixture_size));
    wh_free(out);
    for (int day = 0; day < 24; day++) {
        atomic_fetch_add(&fixture_time, 24 * HOUR);
        assert_int_equal(wh_run(engine), WH_OK);
    }
    assert_int_equal(wh_event_get(engine, bad, &out, NULL), WH_ENOTFOUND);
    wh_close(engine);
}

/* -------------------------------------------------------------------------- durability */

/* Another process looks for news ten times a second; what comes earlier is no less new. */
static void a_subscription_gets_what_another_process_accepts_right_after(void **state) {
    const char *file = fixture_file();
    wh_engine *here = fixture_open(file, NULL), *there = fixture_open(file, NULL);
    char id[WH_ID_SIZE];

    (void)state;
    fixture_run(there);
    fixture_subscribe(here, "{\"url\":\"https://example.com/a\"}", id);
    fixture_publish(there, "a", "1", NULL);
    fixture_run(there);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(wh_subscription_update(here, id, "{\"events\":[\"b\"]}", WH_ZSTR), WH_OK);
    fixture_publish(there, "b", "2", NULL);
    fixture_run(there);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(here);
    wh_close(there);
}

static void what_was_accepted_survives_a_close(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_publish(engine, "a", "{\"n\":1}", NULL);
    wh_close(engine);
    engine = fixture_open(file, NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
    engine = fixture_open(file, NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void what_was_under_way_at_close_is_sent_again(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_script.hang = 1;
    fixture_publish(engine, "a", "{\"n\":1}", NULL);
    for (int i = 0; i < 10; i++) {
        fixture_turn(engine);
    }
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
    fixture_script.hang = 0;
    engine = fixture_open(file, NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_string_equal(fixture_header(&fixture_sent[0], "webhook-id"), fixture_header(&fixture_sent[1], "webhook-id"));
    wh_close(engine);
}

static void two_engines_on_one_file_share_the_work(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(one, "{" URL "}", NULL);
    for (int i = 0; i < 20; i++) {
        fixture_publish(one, "a", "{}", NULL);
    }
    for (int i = 0; i < 200 && fixture_sent_count < 20; i++) {
        wh_run(two);
    }
    wh_run(one);
    assert_int_equal(fixture_sent_count, 20);
    wh_close(one);
    wh_close(two);
}

/* The largest size that a file may have, as a stand-in for a full disk. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* What is refused is refused whole; what was accepted is delivered; what was sent while
 * nothing could be recorded is recorded later. */
static void a_full_disk_loses_nothing(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);
    wh_event event = WH_EVENT_INIT;
    char *page, payload[20001];
    int accepted = 0, code;

    (void)state;
    memset(payload, 'x', sizeof payload);
    payload[0] = payload[19999] = '"';
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_run(engine);
    event.type = "a";
    event.payload = payload;
    event.payload_size = 20000;
    limit_files(1000000);
    while ((code = wh_publish(engine, &event, NULL)) == WH_OK && accepted < 1000) {
        accepted++;
    }
    assert_int_equal(code, WH_EFULL);
    assert_true(accepted > 0);
    for (int i = 0; i < 20; i++) {
        fixture_turn(engine);
    }
    limit_files(RLIM_INFINITY);
    fixture_publish(engine, "a", "{}", NULL);
    usleep(1100000); /* records that were refused are tried again after a second */
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, accepted + 1);
    page = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_int_equal(count_of(page, "\"delivered\""), accepted + 1);
    wh_free(page);
    wh_close(engine);
}

static void a_receiver_that_hangs_costs_the_others_nothing(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://slow.example.com/\",\"events\":[\"slow\"]}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://fast.example.com/\",\"events\":[\"fast\"]}", NULL);
    fixture_script.hang = 1;
    for (int i = 0; i < 500; i++) {
        fixture_publish(engine, "slow", "{}", NULL);
    }
    for (int i = 0; i < 20; i++) {
        fixture_turn(engine);
    }
    assert_true(fixture_sent_count <= 64);
    fixture_publish(engine, "fast", "{}", NULL);
    for (int i = 0; i < 5; i++) {
        fixture_turn(engine);
    }
    assert_has(fixture_sent[fixture_sent_count - 1].url, "fast");
    wh_close(engine);
}

static void threads_deliver_everything_once(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    (void)state;
    if (whi_open(&engine, fixture_file(), &options, &fixture_transport) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    for (int i = 0; i < 7; i++) {
        fixture_subscribe(engine, "{" URL "}", NULL);
    }
    assert_int_equal(wh_start(engine, 3), WH_OK);
    assert_int_equal(wh_step(engine), WH_EBUSY);
    assert_int_equal(wh_start(engine, 3), WH_EBUSY);
    for (int i = 0; i < 200; i++) {
        fixture_publish(engine, "a", "{}", NULL);
    }
    while (!wh_idle(engine)) {
        usleep(1000);
    }
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    assert_int_equal(fixture_sent_count, 1400);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1407);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_delivered_signed_and_byte_for_byte),
        TEST(only_those_who_want_it_get_it),
        TEST(filters_and_fields_work_without_a_rule),
        TEST(the_same_id_is_accepted_once),
        TEST(a_name_that_is_not_there_is_told_as_one_that_is_refused),
        TEST(a_batch_is_accepted_whole_or_not_at_all),
        TEST(retries_keep_to_the_list_and_send_the_same_bytes_under_the_same_id),
        TEST(an_own_retry_list_wins),
        TEST(retry_after_makes_the_wait_longer),
        TEST(gone_switches_the_subscription_off_and_says_so),
        TEST(nothing_but_failures_for_days_switch_it_off),
        TEST(documents_come_back_without_their_secrets),
        TEST(every_change_makes_a_version_and_deliveries_name_theirs),
        TEST(a_refused_change_changes_nothing),
        TEST(a_deleted_subscription_gets_nothing_more),
        TEST(what_waits_for_a_paused_subscription_goes_out_when_it_resumes),
        TEST(attempts_and_bodies_can_be_looked_at),
        TEST(pages_go_on_where_the_last_one_ended),
        TEST(replay_sends_the_same_bytes_again),
        TEST(old_events_are_purged_and_failed_ones_later),
        TEST(a_subscription_gets_what_another_process_accepts_right_after),
        TEST(what_was_accepted_survives_a_close),
        TEST(what_was_under_way_at_close_is_sent_again),
        TEST(two_engines_on_one_file_share_the_work),
        TEST(a_full_disk_loses_nothing),
        TEST(a_receiver_that_hangs_costs_the_others_nothing),
        TEST(threads_deliver_everything_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
