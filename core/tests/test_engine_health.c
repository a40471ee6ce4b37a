/* Health as it is seen from outside: each change is told once, whoever has the work, and is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "life_kit.h"

#define HOUR INT64_C(3600000)
#define URL "\"url\":\"https://example.com/hook\""
#define HEALTH(what) "SELECT coalesce((SELECT " what " FROM webhook_health), 0)"
#define OWN "SELECT count(*) FROM webhook_events WHERE type LIKE 'webhook.%'"

/* The log's lines, one behind the other. */
static char lines[8192];
static int line_count;

static void note_line(int level, const char *line, void *payload) {
    size_t used = strlen(lines);

    (void)payload;
    line_count++;
    snprintf(lines + used, sizeof lines - used, "%d %s\n", level, line);
}

static wh_engine *opened(const char *file) {
    wh_options options = WH_OPTIONS_INIT;

    options.log = note_line;
    return fixture_open(file, &options);
}

static int begin(void **state) {
    lines[0] = '\0';
    line_count = 0;
    return fixture_setup(state);
}

static void try_at(wh_engine *engine, int status, int64_t later) {
    fixture_script.status = status;
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    atomic_fetch_add(&fixture_time, later);
}

/* What came last to the receiver of notices. */
static char last_payload[2048];

static void take_notice(whi_request *request, void *payload) {
    (void)payload;
    if (strstr(request->url, "/ops") == NULL) {
        request->status = fixture_script.status;
        return;
    }
    request->status = 200;
    snprintf(last_payload, sizeof last_payload, "%.*s", (int)request->body_size, (const char *)request->body);
}

static void a_change_is_told_once_in_the_log(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0,1000000000]}", NULL);
    try_at(engine, 500, 1000);
    try_at(engine, 500, 1000);
    assert_int_equal(line_count, 0);
    for (int i = 0; i < 14; i++) {
        try_at(engine, 500, 1000);
    }
    assert_int_equal(line_count, 1);
    assert_has(lines, "2 subscription is failing subscription=sub_");
    assert_has(lines, " tenant=\"\" reason=status failing_since=");
    assert_has(lines, " failures=3 exhausted=0 event=msg_");
    assert_has(lines, " error=\"status: answered 500\"\n");
    assert_int_equal(life_sql(file, HEALTH("state")), 2);
    assert_int_equal(life_sql(file, HEALTH("failures")), 16);
    try_at(engine, 200, 1000);
    try_at(engine, 200, 1000);
    assert_int_equal(line_count, 2);
    assert_has(lines, "3 subscription has recovered subscription=sub_");
    assert_int_equal(life_sql(file, HEALTH("state")), 0);
    wh_close(engine);
}

static void a_healthy_one_has_no_row_and_one_failure_is_no_news(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    for (int i = 0; i < 5; i++) {
        try_at(engine, 200, 1000);
    }
    assert_int_equal(life_sql(file, HEALTH("count(*)")), 0);
    try_at(engine, 500, 5500);
    assert_int_equal(life_sql(file, HEALTH("state")), 1);
    try_at(engine, 200, 1000);
    assert_int_equal(life_sql(file, HEALTH("count(*)")), 0);
    assert_int_equal(line_count, 0);
    wh_close(engine);
}

static void two_failures_days_apart_disable_nothing(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", id);
    for (int i = 0; i < 20; i++) {
        try_at(engine, 500, 6 * 24 * HOUR);
    }
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":null");
    wh_free(text);
    assert_int_equal(line_count, 1);
    wh_close(engine);
}

/* Each by an engine of its own. */
static void it_is_kept_over_a_restart(void **state) {
    const char *file = fixture_file();
    char id[WH_ID_SIZE];
    wh_engine *engine = opened(file);
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", id);
    wh_close(engine);
    for (int i = 0; i < 6 * 24; i += 4) {
        engine = opened(file);
        try_at(engine, 500, 4 * HOUR);
        wh_close(engine);
    }
    engine = opened(file);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"failing\"");
    wh_free(text);
    assert_int_equal(line_count, 2);
    assert_has(lines, "subscription is failing");
    assert_has(lines, "subscription is disabled");
    assert_has(lines, "reason=failing");
    assert_int_equal(life_sql(file, HEALTH("state")), 3);
    wh_close(engine);
}

static void without_a_taker_no_event_of_ours_is_kept(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", NULL);
    fixture_subscribe(engine, "{" URL ",\"tenant\":\"other\",\"events\":[\"webhook.*\"]}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.*\"],\"paused\":true}", NULL);
    for (int i = 0; i < 20; i++) {
        try_at(engine, 500, HOUR);
    }
    try_at(engine, 410, HOUR);
    assert_int_equal(life_sql(file, OWN), 0);
    assert_int_equal(life_states(engine, "exhausted"), 21);
    wh_close(engine);
}

static void who_takes_them_gets_each_change_with_its_counts(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.*\"]}", NULL);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"retry\":[0]}", NULL);
    fixture_script.answer = take_notice;
    for (int i = 0; i < 3; i++) {
        try_at(engine, 500, 1000);
    }
    assert_int_equal(life_sql(file, OWN), 1);
    assert_has(last_payload, "\"reason\":\"status\"");
    assert_has(last_payload, "\"failures\":1,\"exhausted\":1,\"error\":\"status: answered 500\"");
    try_at(engine, 200, 1000);
    assert_has(last_payload, "\"reason\":\"delivered\"");
    assert_has(last_payload, "\"failures\":3,\"exhausted\":3");
    try_at(engine, 410, 1000);
    assert_has(last_payload, "\"reason\":\"gone\"");
    assert_int_equal(life_sql(file, OWN), 3);
    wh_close(engine);
}

static void each_delivery_that_is_given_up_is_told_to_who_names_it(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.delivery.exhausted\"]}",
                      NULL);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"retry\":[0]}", NULL);
    fixture_script.answer = take_notice;
    for (int i = 0; i < 3; i++) {
        try_at(engine, 500, 1000);
    }
    assert_int_equal(life_sql(file, OWN), 3);
    assert_has(last_payload, "\"event\":\"msg_");
    wh_close(engine);
}

static void one_that_is_resumed_is_told_of_and_begins_anew(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", id);
    try_at(engine, 410, 1000);
    assert_int_equal(line_count, 1);
    assert_has(lines, "subscription is disabled");
    assert_has(lines, "reason=gone");
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"x\"}", WH_ZSTR), WH_OK);
    assert_int_equal(life_sql(file, HEALTH("state")), 3);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    assert_int_equal(life_sql(file, HEALTH("count(*)")), 0);
    assert_int_equal(line_count, 2);
    assert_has(lines, "reason=resumed");
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    assert_int_equal(line_count, 2);
    wh_close(engine);
}

static int64_t items_of(int code, char **text, const size_t *size) {
    char *page = fixture_text(code, text, size);
    int64_t count = 0;

    for (const char *at = page; (at = strstr(at, "\"id\":\"")) != NULL; at++) {
        count++;
    }
    wh_free(page);
    return count;
}

#define ITEMS(call) items_of((call), &fixture_handed, &fixture_size)

/* Two of a, one that tells of failing, and a delivery of each. */
static void events_of_ours_are_listed_where_they_are_asked_for(void **state) {
    wh_engine *engine = opened(":memory:");
    wh_query query = WH_QUERY_INIT;
    char ops[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.*\"]}", ops);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"retry\":[0]}", NULL);
    fixture_script.answer = take_notice;
    try_at(engine, 500, 1000);
    try_at(engine, 500, 1000);
    assert_int_equal(ITEMS(wh_events(engine, &query, &fixture_handed, &fixture_size)), 2);
    assert_int_equal(ITEMS(wh_deliveries(engine, &query, &fixture_handed, &fixture_size)), 2);
    query.own = 1;
    assert_int_equal(ITEMS(wh_events(engine, &query, &fixture_handed, &fixture_size)), 3);
    assert_int_equal(ITEMS(wh_deliveries(engine, &query, &fixture_handed, &fixture_size)), 3);
    query.own = 0;
    query.type = "webhook.subscription.failing";
    assert_int_equal(ITEMS(wh_events(engine, &query, &fixture_handed, &fixture_size)), 1);
    query.type = NULL;
    query.subscription = ops;
    assert_int_equal(ITEMS(wh_deliveries(engine, &query, &fixture_handed, &fixture_size)), 1);
    wh_close(engine);
}

static void nor_are_they_missed_or_backtested_where_they_are_not(void **state) {
    wh_engine *engine = opened(":memory:");
    wh_backtest backtest = WH_BACKTEST_INIT;
    wh_query query = WH_QUERY_INIT;
    char late[WH_ID_SIZE];
    int64_t count = 0;
    char *text;

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.*\"]}", NULL);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"retry\":[0]}", NULL);
    fixture_script.answer = take_notice;
    try_at(engine, 500, 1000);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"*\",\"webhook.*\"]}", late);
    assert_int_equal(wh_replay_missed(engine, late, &query, 1, &count), WH_OK);
    assert_int_equal(count, 1);
    query.own = 1;
    assert_int_equal(wh_replay_missed(engine, late, &query, 1, &count), WH_OK);
    assert_int_equal(count, 2);
    backtest.subscription = late;
    backtest.document = "{\"fields\":\"id\"}";
    backtest.document_size = WH_ZSTR;
    text = DOCUMENT(wh_backtest_run(engine, &backtest, &fixture_handed, &fixture_size));
    assert_has(text, "\"events\":1,");
    wh_free(text);
    backtest.own = 1;
    text = DOCUMENT(wh_backtest_run(engine, &backtest, &fixture_handed, &fixture_size));
    assert_has(text, "\"events\":2,");
    wh_free(text);
    wh_close(engine);
}

static char *document_of(wh_engine *engine, const char *id) {
    return DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
}

static void a_document_says_how_it_is_going(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    atomic_store(&fixture_time, INT64_C(1790000000000)); /* 2026-09-21T14:13:20Z */
    fixture_subscribe(engine, "{" URL "}", id);
    text = document_of(engine, id);
    assert_has(text, "\"health\":\"healthy\",\"failing_since\":null,\"last_success_at\":null,\"last_failure_at\":null,"
                     "\"last_error\":null,\"waiting\":0,\"oldest_waiting_at\":null}");
    wh_free(text);
    try_at(engine, 200, 1000);
    for (int i = 0; i < 3; i++) {
        try_at(engine, 500, 1000);
    }
    text = document_of(engine, id);
    assert_has(text,
               "\"health\":\"failing\",\"failing_since\":\"2026-09-21T14:13:21.000Z\","
               "\"last_success_at\":\"2026-09-21T14:13:20.000Z\",\"last_failure_at\":\"2026-09-21T14:13:23.000Z\","
               "\"last_error\":\"status: answered 500\",\"waiting\":3,"
               "\"oldest_waiting_at\":\"2026-09-21T14:13:21.000Z\"}");
    assert_int_equal(wh_subscription_update(engine, id, text, WH_ZSTR), WH_OK); /* as it was given */
    wh_free(text);
    fixture_script.status = 200;
    atomic_fetch_add(&fixture_time, 10000);
    fixture_run(engine);
    text = document_of(engine, id);
    assert_has(text, "\"health\":\"healthy\",\"failing_since\":null,");
    assert_has(
        text,
        "\"last_failure_at\":\"2026-09-21T14:13:23.000Z\",\"last_error\":\"status: answered 500\",\"waiting\":0,");
    wh_free(text);
    try_at(engine, 410, 0);
    text = document_of(engine, id);
    assert_has(text, "\"disabled\":\"gone\"");
    assert_has(text, "\"health\":\"disabled\"");
    wh_free(text);
    wh_close(engine);
}

static int64_t those(wh_engine *engine, const char *tenant, const char *state) {
    wh_query query = WH_QUERY_INIT;

    query.tenant = tenant;
    query.state = state;
    return ITEMS(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size));
}

/* By their paths: those of /hook fail, and those of /gone are gone. */
static void answer_by_path(whi_request *request, void *payload) {
    (void)payload;
    request->status = strstr(request->url, "/hook") != NULL ? 500 : strstr(request->url, "/gone") != NULL ? 410 : 200;
}

static void those_that_fail_are_a_list(void **state) {
    wh_engine *engine = opened(":memory:");
    wh_query query = WH_QUERY_INIT;
    char first[WH_ID_SIZE], cursor[WH_ID_SIZE];
    char *page, *next;

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/well\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", first);
    fixture_subscribe(engine, "{" URL ",\"retry\":[0],\"tenant\":\"other\"}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/gone\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/well\",\"paused\":true}", NULL);
    fixture_script.answer = answer_by_path;
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(those(engine, NULL, "failing"), 2);
    assert_int_equal(those(engine, "", "failing"), 2);
    assert_int_equal(those(engine, "other", "failing"), 0);
    assert_int_equal(those(engine, NULL, "healthy"), 2); /* the other tenant's as well */
    assert_int_equal(those(engine, "", "healthy"), 1);
    assert_int_equal(those(engine, NULL, "disabled"), 1);
    assert_int_equal(those(engine, NULL, "paused"), 1);
    assert_int_equal(those(engine, NULL, "enabled"), 4);
    query.state = "failing";
    query.limit = 1;
    page = DOCUMENT(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size));
    next = strstr(page, "\"next\":\"");
    assert_non_null(next);
    snprintf(cursor, sizeof cursor, "%.*s", (int)strcspn(next + 8, "\""), next + 8);
    wh_free(page);
    query.cursor = cursor;
    page = DOCUMENT(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size));
    assert_has(page, first);
    wh_free(page);
    query.state = "ill";
    assert_int_equal(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size), WH_EINVALID);
    wh_close(engine);
}

/* Three subscriptions of two tenants: two fail, of which one has more failures; what was refused was no request. */
static void stats_tell_what_waits_and_who_is_worst(void **state) {
    wh_engine *engine = opened(":memory:");
    char worst[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/well\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"retry\":[0,1000000]}", worst);
    fixture_subscribe(engine, "{" URL ",\"retry\":[0],\"tenant\":\"acme\"}", NULL);
    fixture_script.answer = answer_by_path;
    for (int i = 0; i < 4; i++) {
        fixture_publish(engine, "a", "1", NULL);
    }
    assert_int_equal(
        wh_publish(
            engine,
            &(wh_event){ .size = sizeof(wh_event), .type = "a", .tenant = "acme", .payload = "1", .payload_size = 1 },
            NULL),
        WH_OK);
    fixture_run(engine);
    fixture_script.answer = NULL;
    fixture_script.error = WH_EADDRESS;
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));
    assert_has(text, "{\"version\":\"" WH_VERSION "\",\"opened_at\":\"");
    assert_has(text, "\"counts\":{\"events\":6,\"attempts\":9,\"delivered\":4,\"failed\":7,\"exhausted\":1,"
                     "\"rule_failures\":0,\"failing\":2,\"recovered\":0,\"disabled\":0},"
                     "\"failures\":{\"network\":0,\"remote\":5,\"refused\":2,\"other\":0},\"rates\":{\"events\":");
    assert_has(
        text,
        "\"store\":{\"subscriptions\":3,\"failing\":2,\"disabled\":0,\"lagging\":0,\"unreadable\":0,\"over_budget\":0,"
        "\"waiting\":6,\"due\":0,"
        "\"oldest_waiting_at\":\"");
    assert_has(text, "\"held\":0,\"exhausted\":1,\"pending\":false,\"outbox\":false,\"lag_ms\":0,");
    assert_has(text, "\"worst\":{\"subscriptions\":[{\"subscription\":\"");
    assert_has(strstr(text, "\"worst\""), worst);
    assert_true(strstr(strstr(text, "\"worst\""), worst) < strstr(text, "\"tenant\":\"acme\""));
    assert_has(text, "\"tenants\":[{\"tenant\":\"\",\"failing\":1},{\"tenant\":\"acme\",\"failing\":1}]}}");
    wh_free(text);
    assert_int_equal(wh_stats(engine, NULL, NULL), WH_EINVALID);
    wh_close(engine);
}

/* Two engines on one file: whoever has the partition goes on where the other was. */
static void it_goes_with_the_work_from_one_engine_to_another(void **state) {
    const char *file = fixture_file();
    wh_engine *one = opened(file), *two;

    (void)state;
    fixture_subscribe(one, "{" URL ",\"retry\":[0,1000000000]}", NULL);
    try_at(one, 500, 1000);
    try_at(one, 500, 1000);
    wh_close(one);
    two = opened(file);
    try_at(two, 500, 1000);
    assert_int_equal(life_sql(file, HEALTH("failures")), 3);
    assert_int_equal(line_count, 1);
    assert_int_equal(wh_stop(two, 0), WH_OK);
    wh_close(two);
    one = opened(file);
    try_at(one, 500, 1000);
    assert_int_equal(line_count, 1);
    try_at(one, 200, 1000);
    assert_int_equal(line_count, 2);
    wh_close(one);
}

static void a_success_is_kept_now_and_then(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    int64_t first;

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    try_at(engine, 200, 1000);
    first = life_sql(file, "SELECT success_at FROM webhook_receivers");
    assert_true(first > 0);
    try_at(engine, 200, 1000);
    assert_int_equal(life_sql(file, "SELECT success_at FROM webhook_receivers"), first);
    atomic_fetch_add(&fixture_time, HOUR);
    try_at(engine, 200, 1000);
    assert_true(life_sql(file, "SELECT success_at FROM webhook_receivers") > first);
    wh_close(engine);
}

/* ------------------------------------------------------------------- what its owner does meanwhile */

static void who_takes_notices_and_holds_gets_them(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.*\"],\"paused\":\"hold\"}",
                      NULL);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"retry\":[0]}", NULL);
    for (int i = 0; i < 3; i++) {
        try_at(engine, 500, 1000);
    }
    assert_int_equal(life_sql(file, OWN), 1);
    wh_close(engine);
}

static wh_engine *moved_engine;
static char moved_id[WH_ID_SIZE];

/* Its owner gives another URL while the old one answers that it is gone. */
static void answer_gone_and_move(whi_request *request, void *payload) {
    (void)payload;
    if (strstr(request->url, "/new") != NULL) {
        request->status = 200;
        return;
    }
    if (request->status != 410) {
        assert_int_equal(
            wh_subscription_update(moved_engine, moved_id, "{\"url\":\"https://example.com/new\"}", WH_ZSTR), WH_OK);
    }
    request->status = 410;
}

static void an_old_url_that_is_gone_says_nothing_of_the_new_one(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    char *text;

    (void)state;
    moved_engine = engine;
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"]}", moved_id);
    fixture_script.answer = answer_gone_and_move;
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    text = document_of(engine, moved_id);
    assert_has(text, "\"disabled\":null");
    assert_has(text, "\"health\":\"healthy\"");
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_health"), 0);
    wh_free(text);
    wh_close(engine);
}

static void what_was_held_against_a_receiver_is_forgotten_with_its_resuming(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", id);
    for (int i = 0; i < 26; i++) {
        try_at(engine, 500, 4 * HOUR);
    }
    assert_int_equal(life_sql(file, HEALTH("lasted")) / HOUR, 100);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    atomic_fetch_add(&fixture_time, 20 * HOUR);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    try_at(engine, 500, 1000);
    assert_int_equal(life_sql(file, HEALTH("lasted")), 0);
    text = document_of(engine, id);
    assert_has(text, "\"disabled\":null");
    wh_free(text);
    wh_close(engine);
}

/* Truto takes 200 alone for success. */
static void who_answers_and_gets_nothing_delivered_is_failing(void **state) {
    wh_engine *engine = opened(fixture_file());
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"profile\":\"truto\",\"retry\":[0]}", id);
    for (int i = 0; i < 5; i++) {
        try_at(engine, 204, HOUR);
    }
    text = document_of(engine, id);
    assert_has(text, "\"health\":\"failing\"");
    wh_free(text);
    wh_close(engine);
}

/* What is stored stays, and can be switched off. */
static void a_lower_limit_of_documents_holds_no_record_up(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    static char large[12000];
    char id[WH_ID_SIZE], *text;
    size_t size = (size_t)snprintf(large, sizeof large, "{" URL ",\"events\":[\"a\"],\"metadata\":{\"x\":\"");

    (void)state;
    memset(large + size, 'x', 9000);
    snprintf(large + size + 9000, sizeof large - size - 9000, "\"}}");
    fixture_subscribe(engine, large, id);
    assert_int_equal(wh_settings_set(engine, "{\"subscription_bytes\":1000}", WH_ZSTR), WH_OK);
    fixture_script.status = 410;
    fixture_publish(engine, "a", "{}", NULL);
    for (int i = 0; i < 10; i++) {
        fixture_turn(engine);
    }
    text = document_of(engine, id);
    assert_has(text, "\"disabled\":\"gone\"");
    wh_free(text);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_told_once_in_the_log),
        TEST(a_healthy_one_has_no_row_and_one_failure_is_no_news),
        TEST(two_failures_days_apart_disable_nothing),
        TEST(it_is_kept_over_a_restart),
        TEST(without_a_taker_no_event_of_ours_is_kept),
        TEST(who_takes_them_gets_each_change_with_its_counts),
        TEST(each_delivery_that_is_given_up_is_told_to_who_names_it),
        TEST(one_that_is_resumed_is_told_of_and_begins_anew),
        TEST(events_of_ours_are_listed_where_they_are_asked_for),
        TEST(nor_are_they_missed_or_backtested_where_they_are_not),
        TEST(a_document_says_how_it_is_going),
        TEST(those_that_fail_are_a_list),
        TEST(stats_tell_what_waits_and_who_is_worst),
        TEST(it_goes_with_the_work_from_one_engine_to_another),
        TEST(a_success_is_kept_now_and_then),
        TEST(who_takes_notices_and_holds_gets_them),
        TEST(an_old_url_that_is_gone_says_nothing_of_the_new_one),
        TEST(what_was_held_against_a_receiver_is_forgotten_with_its_resuming),
        TEST(who_answers_and_gets_nothing_delivered_is_failing),
        TEST(a_lower_limit_of_documents_holds_no_record_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
