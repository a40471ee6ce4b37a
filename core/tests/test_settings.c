/* Settings: what decides over the data of a store is the store's, whoever has it open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"

#define DAY INT64_C(86400000)
#define GOOD "SELECT count(*) FROM webhook_events WHERE type = 'good'"
#define BAD "SELECT count(*) FROM webhook_events WHERE type = 'bad'"
#define SETTINGS "SELECT count(*) FROM webhook_settings"

static char said[4][512];
static int said_count;

static void hear(int level, const char *line, void *payload) {
    (void)payload;
    if (strncmp(line, "subscription ", 13) == 0) { /* how they are is not asked here */
        return;
    }
    assert_int_equal(level, WH_LOG_WARNING);
    assert_true(said_count < 4);
    snprintf(said[said_count++], sizeof said[0], "%s", line);
}

static wh_engine *open_with(const char *file, int64_t retain, int64_t retain_failed) {
    wh_options options = WH_OPTIONS_INIT;

    options.retain = retain;
    options.retain_failed = retain_failed;
    options.log = hear;
    said_count = 0;
    return fixture_open(file, &options);
}

static void assert_settings(wh_engine *engine, int64_t retain, int64_t retain_failed) {
    char expected[288], *found = DOCUMENT(wh_settings(engine, &fixture_handed, &fixture_size));

    snprintf(
        expected, sizeof expected,
        "{\"retain\":%lld,\"retain_failed\":%lld,\"payload_bytes\":1048576,\"subscription_bytes\":262144,"
        "\"subscriptions\":1000000,\"tenant_quota_events\":null,\"tenant_quota_bytes\":null,\"tenant_cpu_ms\":null}",
        (long long)retain, (long long)retain_failed);
    assert_string_equal(found, expected);
    assert_int_equal(fixture_size, strlen(expected));
    wh_free(found);
}

static void publish_all(wh_engine *engine) {
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"retry\":[0]}", NULL);
    fixture_publish(engine, "good", "1", NULL);
    fixture_run(engine);
    fixture_script.status = 500;
    fixture_publish(engine, "bad", "1", NULL);
    fixture_run(engine);
    fixture_script.status = 200;
    fixture_publish(engine, "last", "1", NULL); /* from which numbers go on: it always stays */
    fixture_run(engine);
}

static void pass_days(wh_engine *engine, int days) {
    for (int i = 0; i < days; i++) {
        atomic_fetch_add(&fixture_time, DAY);
        fixture_run(engine);
    }
}

/* ----------------------------------------------------------------------------- opening */

static void where_nobody_said_anything_the_defaults_hold_and_are_not_written(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with(file, 0, 0);

    (void)state;
    assert_settings(engine, 7 * DAY, 30 * DAY);
    assert_int_equal(life_sql(file, SETTINGS), 0);
    wh_close(engine);
}

static void the_first_who_says_something_says_it_for_all(void **state) {
    const char *file = fixture_file();
    wh_engine *silent = open_with(file, 0, 0), *first = open_with(file, 365 * DAY, 0);

    (void)state;
    assert_settings(silent, 365 * DAY, 30 * DAY);
    assert_settings(first, 365 * DAY, 30 * DAY);
    assert_int_equal(life_sql(file, SETTINGS), 1);
    wh_close(first);
    first = open_with(file, 365 * DAY, 90 * DAY);
    assert_settings(silent, 365 * DAY, 90 * DAY);
    assert_int_equal(said_count, 0);
    wh_close(first);
    wh_close(silent);
}

static void who_says_otherwise_later_is_told_and_goes_by_what_is_there(void **state) {
    const char *file = fixture_file();
    wh_engine *first = open_with(file, 365 * DAY, 366 * DAY), *second = open_with(file, DAY, 366 * DAY);

    (void)state;
    assert_settings(second, 365 * DAY, 366 * DAY);
    assert_int_equal(said_count, 1);
    assert_has(said[0], "retain: the store says 31536000000 ms");
    assert_has(said[0], "not the 86400000 ms");
    assert_has(said[0], "webhook settings");
    wh_close(second);
    wh_close(first);
}

static void an_engine_in_memory_keeps_what_it_was_opened_with(void **state) {
    wh_engine *engine = open_with(":memory:", 2 * DAY, 3 * DAY);

    (void)state;
    assert_settings(engine, 2 * DAY, 3 * DAY);
    assert_int_equal(said_count, 0);
    wh_close(engine);
}

/* ---------------------------------------------------------------------------- changing */

static void a_change_is_for_all_and_null_is_the_default(void **state) {
    const char *file = fixture_file();
    wh_engine *one = open_with(file, 365 * DAY, 366 * DAY), *other = open_with(file, 0, 0);

    (void)state;
    assert_int_equal(wh_settings_set(other, "{\"retain\":1000.0}", WH_ZSTR), WH_OK);
    assert_settings(one, 1000, 366 * DAY);
    assert_int_equal(wh_settings_set(other, "{\"retain\":null,\"retain_failed\":5}", WH_ZSTR), WH_OK);
    assert_settings(one, 7 * DAY, 5);
    assert_int_equal(life_sql(file, SETTINGS), 1);
    assert_int_equal(wh_settings_set(one, "{}", WH_ZSTR), WH_OK);
    assert_settings(other, 7 * DAY, 5);
    wh_close(other);
    wh_close(one);
}

static void assert_refused(wh_engine *engine, const char *document, int code, const char *field) {
    assert_int_equal(wh_settings_set(engine, document, WH_ZSTR), code);
    assert_string_equal(wh_last_error_field(), field);
}

static void a_wrong_change_changes_nothing(void **state) {
    wh_engine *engine = open_with(":memory:", 2 * DAY, 3 * DAY);

    (void)state;
    assert_refused(engine, NULL, WH_EINVALID, "document");
    assert_refused(engine, "{", WH_EJSON, "document");
    assert_refused(engine, "[]", WH_EINVALID, "document");
    assert_refused(engine, "{\"retain\":1,\"retains\":1}", WH_EINVALID, "document");
    assert_has(wh_last_error(), "unknown setting \"retains\"");
    assert_refused(engine, "{\"retain\":1,\"retain_failed\":0}", WH_EINVALID, "retain_failed");
    assert_refused(engine, "{\"retain\":-1}", WH_EINVALID, "retain");
    assert_refused(engine, "{\"retain\":1.5}", WH_EINVALID, "retain");
    assert_refused(engine, "{\"retain\":\"7d\"}", WH_EINVALID, "retain");
    assert_has(wh_last_error(), "found \"7d\"");
    assert_int_equal(wh_settings(engine, NULL, NULL), WH_EINVALID);
    assert_settings(engine, 2 * DAY, 3 * DAY);
    wh_close(engine);
}

/* ---------------------------------------------------------------------------- purging */

static void what_one_keeps_for_a_year_no_other_purges_sooner(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with(file, 365 * DAY, 365 * DAY);

    (void)state;
    publish_all(engine);
    wh_close(engine);
    engine = open_with(file, 0, 0);
    pass_days(engine, 100);
    assert_int_equal(life_sql(file, GOOD), 1);
    assert_int_equal(life_sql(file, BAD), 1);
    wh_close(engine);
    engine = open_with(file, DAY, DAY); /* nor one that says less */
    pass_days(engine, 2);
    assert_int_equal(life_sql(file, GOOD), 1);
    pass_days(engine, 300);
    assert_int_equal(life_sql(file, GOOD), 0);
    assert_int_equal(life_sql(file, BAD), 0);
    wh_close(engine);
}

static void who_works_hears_of_a_change(void **state) {
    const char *file = fixture_file();
    wh_engine *working = open_with(file, 0, 0), *other = open_with(file, 0, 0);

    (void)state;
    publish_all(working);
    assert_int_equal(wh_settings_set(other, "{\"retain\":2592000000}", WH_ZSTR), WH_OK);
    pass_days(working, 20);
    assert_int_equal(life_sql(file, GOOD), 1);
    assert_int_equal(wh_settings_set(other, "{\"retain_failed\":86400000}", WH_ZSTR), WH_OK);
    pass_days(working, 1);
    assert_int_equal(life_sql(file, GOOD), 1);
    assert_int_equal(life_sql(file, BAD), 0);
    assert_int_equal(wh_settings_set(other, "{\"retain\":null}", WH_ZSTR), WH_OK);
    pass_days(working, 1);
    assert_int_equal(life_sql(file, GOOD), 0);
    wh_close(other);
    wh_close(working);
}

/* Nothing at all would be kept by it. */
static void a_hand_s_zero_is_no_setting(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with(file, 30 * DAY, 30 * DAY);

    (void)state;
    publish_all(engine);
    life_sql(file, "UPDATE webhook_settings SET value = -5 WHERE name = 'retain'");
    life_sql(file, "UPDATE webhook_settings SET value = 0 WHERE name = 'retain_failed'");
    assert_settings(engine, 7 * DAY, 30 * DAY);
    pass_days(engine, 2);
    assert_int_equal(life_sql(file, GOOD), 1);
    assert_int_equal(life_sql(file, BAD), 1);
    wh_close(engine);
}

/* ------------------------------------------------------------------------------ limits */

#define HOOK "\"url\":\"https://example.com/\""

static wh_engine *open_limited(const char *file, int64_t payload_bytes, int64_t subscription_bytes,
                               int64_t subscriptions) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;

    limits.payload_bytes = payload_bytes;
    limits.subscription_bytes = subscription_bytes;
    limits.subscriptions = subscriptions;
    options.limits = &limits;
    options.log = hear;
    said_count = 0;
    return fixture_open(file, &options);
}

/* An event with so many bytes. */
static int publish_bytes(wh_engine *engine, size_t size) {
    char payload[256];

    assert_true(size < sizeof payload && size > 2);
    memset(payload, 'x', size);
    payload[0] = payload[size - 1] = '"';
    payload[size] = '\0';
    return life_publish(engine, "a", NULL, payload);
}

static void set(wh_engine *engine, const char *document) {
    assert_int_equal(wh_settings_set(engine, document, WH_ZSTR), WH_OK);
}

/* What another engine has said is heard within a tenth of a second. */
static void wait_for(wh_engine *engine, size_t size, int code) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (publish_bytes(engine, size) != code) {
        assert_true(whi_monotonic_us() < end);
        usleep(1000);
    }
}

static void how_large_an_event_may_be_is_the_store_s(void **state) {
    const char *file = fixture_file();
    wh_engine *first = open_limited(file, 20, 0, 0), *other;

    (void)state;
    assert_int_equal(publish_bytes(first, 20), WH_OK);
    assert_int_equal(publish_bytes(first, 21), WH_ELIMIT);
    other = open_limited(file, 0, 0, 0);
    assert_int_equal(said_count, 0);
    assert_int_equal(publish_bytes(other, 21), WH_ELIMIT);
    wh_close(other);
    other = open_limited(file, 100, 0, 0);
    assert_int_equal(said_count, 1);
    assert_has(said[0], "payload_bytes: the store says 20, which holds for all of its processes, and not the 100 ");
    assert_int_equal(publish_bytes(other, 21), WH_ELIMIT);
    set(other, "{\"payload_bytes\":50}");
    assert_int_equal(publish_bytes(other, 50), WH_OK);
    assert_int_equal(publish_bytes(other, 51), WH_ELIMIT);
    wait_for(first, 50, WH_OK);
    set(other, "{\"payload_bytes\":10}");
    wait_for(first, 11, WH_ELIMIT);
    set(other, "{\"payload_bytes\":null}");
    assert_int_equal(publish_bytes(other, 200), WH_OK);
    wh_close(other);
    wh_close(first);
}

/* Also what is sent may be as large as what came in. */
static void who_was_opened_before_sends_what_is_larger_by_now(void **state) {
    const char *file = fixture_file();
    wh_engine *working = open_limited(file, 10, 0, 0), *other = open_limited(file, 0, 0, 0);
    char *payload = malloc(600001);

    (void)state;
    fixture_subscribe(working, "{" HOOK ",\"profile\":\"truto\"}", NULL); /* in an envelope */
    set(other, "{\"payload_bytes\":600000}");
    fixture_subscribe(working, "{" HOOK ",\"fields\":\"a\"}", NULL);
    memset(payload, 'x', 600000);
    memcpy(payload, "{\"a\":\"", 6);
    memcpy(payload + 599998, "\"}", 3);
    assert_int_equal(life_publish(other, "a", NULL, payload), WH_OK);
    free(payload);
    fixture_run(working);
    assert_int_equal(fixture_sent_count, 2);
    assert_true(fixture_sent[0].body_size >= 600000 && fixture_sent[1].body_size >= 600000);
    assert_int_not_equal(fixture_sent[0].body_size, fixture_sent[1].body_size);
    wh_close(other);
    wh_close(working);
}

static void how_many_subscriptions_there_may_be_is_the_store_s(void **state) {
    const char *file = fixture_file();
    wh_engine *first = open_limited(file, 0, 0, 1), *other = open_limited(file, 0, 0, 5);

    (void)state;
    assert_int_equal(said_count, 1);
    assert_int_equal(wh_subscribe(other, "{" HOOK "}", WH_ZSTR, NULL), WH_OK);
    assert_int_equal(wh_subscribe(other, "{" HOOK "}", WH_ZSTR, NULL), WH_ELIMIT);
    set(first, "{\"subscriptions\":2}");
    assert_int_equal(wh_subscribe(other, "{" HOOK "}", WH_ZSTR, NULL), WH_OK); /* by the transaction: at once */
    assert_int_equal(wh_subscribe(first, "{" HOOK "}", WH_ZSTR, NULL), WH_ELIMIT);
    wh_close(other);
    wh_close(first);
}

static void how_large_a_subscription_may_be_is_the_store_s(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_limited(file, 0, 60, 0);
    static const char document[] = "{" HOOK ",\"name\":\"a name of some more bytes\"}";

    (void)state;
    wh_close(engine);
    engine = open_limited(file, 0, 0, 0);
    assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, NULL), WH_ELIMIT);
    set(engine, "{\"subscription_bytes\":1000}");
    assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, NULL), WH_OK);
    assert_refused(engine, "{\"payload_bytes\":134217729}", WH_EINVALID, "payload_bytes");
    assert_refused(engine, "{\"subscriptions\":0}", WH_EINVALID, "subscriptions");
    assert_refused(engine, "{\"in_flight\":5}", WH_EINVALID, "document");
    life_sql(file, "INSERT INTO webhook_settings VALUES ('payload_bytes', 999999999999)"); /* by a hand */
    wh_close(engine);
    engine = open_limited(file, 0, 0, 0);
    assert_int_equal(publish_bytes(engine, 200), WH_OK);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(where_nobody_said_anything_the_defaults_hold_and_are_not_written),
        TEST(the_first_who_says_something_says_it_for_all),
        TEST(who_says_otherwise_later_is_told_and_goes_by_what_is_there),
        TEST(an_engine_in_memory_keeps_what_it_was_opened_with),
        TEST(a_change_is_for_all_and_null_is_the_default),
        TEST(a_wrong_change_changes_nothing),
        TEST(what_one_keeps_for_a_year_no_other_purges_sooner),
        TEST(who_works_hears_of_a_change),
        TEST(a_hand_s_zero_is_no_setting),
        TEST(how_large_an_event_may_be_is_the_store_s),
        TEST(who_was_opened_before_sends_what_is_larger_by_now),
        TEST(how_many_subscriptions_there_may_be_is_the_store_s),
        TEST(how_large_a_subscription_may_be_is_the_store_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
