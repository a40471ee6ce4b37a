/* An event is decided by the versions in force at its number, whenever and by whomever it is fanned out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/mem.h"
#include "engine/registry.h"
#include "engine/writer.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "fault.h"

#define URL "\"url\":\"https://example.com/hook\""

static wh_engine *opened(const char *file) {
    wh_options options = WH_OPTIONS_INIT;

    options.rules = &fake_rules;
    return fixture_open(file, &options);
}

static void update(wh_engine *engine, const char *id, const char *document) {
    if (wh_subscription_update(engine, id, document, WH_ZSTR) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
}

/* A rule that sends this whatever comes. */
static void set_rule(wh_engine *engine, const char *id, const char *body) {
    char document[128];

    snprintf(document, sizeof document, "{\"rule\":\"project %s\"}", body);
    update(engine, id, document);
}

static void publish(wh_engine *engine) {
    fixture_publish(engine, "a", "{}", NULL);
}

static size_t looked_at; /* of what was sent */

static int setup(void **state) {
    looked_at = 0;
    return fixture_setup(state);
}

/* What was sent since the last time, in whatever order, each a digit. */
static void assert_sent(const char *digits) {
    int wanted[10] = { 0 };

    for (const char *at = digits; *at != '\0'; at++) {
        wanted[*at - '0']++;
    }
    while (looked_at < fixture_sent_count) {
        wanted[fixture_sent[looked_at++].body[0] - '0']--;
    }
    for (int i = 0; i < 10; i++) {
        if (wanted[i] != 0) {
            fail_msg("%d more or less of %d", wanted[i], i);
        }
    }
}

/* ------------------------------------------------------------------------ one process */

static void the_rule_of_an_events_number_decides(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    publish(engine); /* nobody works yet */
    set_rule(engine, id, "2");
    fixture_run(engine);
    assert_sent("1");
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"version\":1");
    wh_free(text);
    publish(engine);
    fixture_run(engine);
    assert_sent("2");
    wh_close(engine);
}

static void of_one_that_was_changed_twice_each_version_has_its_events(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    publish(engine);
    set_rule(engine, id, "2");
    publish(engine);
    publish(engine);
    set_rule(engine, id, "3");
    publish(engine);
    fixture_run(engine);
    assert_sent("1223");
    wh_close(engine);
}

static void so_do_types_filters_and_sources(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"filters\":{\"n\":1}}", id);
    fixture_publish(engine, "a", "{\"n\":1}", NULL);
    fixture_publish(engine, "a", "{\"n\":2}", NULL);
    fixture_publish(engine, "b", "{\"n\":2}", NULL);
    update(engine, id, "{\"events\":[\"b\"],\"filters\":{\"n\":2},\"source\":\"shop\"}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].body, "{\"n\":1}");
    wh_close(engine);
}

static void where_it_goes_and_whether_is_of_the_present(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE], paused[WH_ID_SIZE], over[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 3\"}", paused);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 4\"}", over);
    publish(engine);
    update(engine, id, "{\"url\":\"https://example.com/moved\",\"headers\":{\"X-A\":\"b\"},\"rule\":\"drop\"}");
    update(engine, paused, "{\"paused\":true}");
    update(engine, over, "{\"expires_at\":100000000000}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].url, "https://example.com/moved");
    assert_string_equal(fixture_header(&fixture_sent[0], "X-A"), "b");
    assert_sent("1");
    wh_close(engine);
}

static void so_is_how_much_goes_there_at_once(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"concurrency\":8}", id);
    publish(engine);
    while (atomic_load(&engine->count.delivered) < 1) { /* who is not known gets one at a time */
        fixture_turn(engine);
    }
    fixture_script.hang = 1;
    for (int i = 0; i < 4; i++) {
        publish(engine);
    }
    update(engine, id, "{\"concurrency\":2}");
    for (int i = 0; i < 1000 && fixture_count() < 1 + 2; i++) {
        fixture_turn(engine);
    }
    for (int i = 0; i < 20; i++) {
        fixture_turn(engine);
    }
    assert_int_equal(fixture_count(), 1 + 2);
    wh_close(engine);
}

static void what_was_paused_for_a_while_takes_what_it_wanted_before(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    publish(engine);
    update(engine, id, "{\"paused\":true,\"rule\":\"project 2\"}");
    publish(engine);
    update(engine, id, "{\"paused\":false,\"rule\":\"project 3\"}");
    fixture_run(engine);
    assert_sent("12"); /* nobody had looked at the second before the pause was over */
    wh_close(engine);
}

static void what_is_made_after_an_event_does_not_get_it(void **state) {
    wh_engine *engine = opened(":memory:");

    (void)state;
    publish(engine);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", NULL);
    fixture_run(engine);
    assert_sent("");
    publish(engine);
    fixture_run(engine);
    assert_sent("1");
    wh_close(engine);
}

static void what_is_deleted_by_now_gets_nothing(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    publish(engine);
    set_rule(engine, id, "2");
    publish(engine);
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    fixture_run(engine);
    assert_sent("");
    wh_close(engine);
}

static void a_former_version_is_let_go_when_nothing_waits_for_it(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    set_rule(engine, id, "2");
    assert_false(whi_registry_has_former(engine->registry));
    publish(engine);
    set_rule(engine, id, "3");
    assert_true(whi_registry_has_former(engine->registry));
    fixture_run(engine);
    assert_int_equal(whi_registry_sync(engine->registry), WH_OK);
    assert_false(whi_registry_has_former(engine->registry));
    assert_sent("2");
    wh_close(engine);
}

/* ---------------------------------------------------------------- rules that failed */

static void what_a_mended_rule_would_have_held_back_is_made_by_the_present_one(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    publish(engine);
    set_rule(engine, id, "2");
    fixture_run(engine);
    assert_sent("2");
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"version\":2");
    wh_free(text);
    wh_close(engine);
}

static void what_is_changed_otherwise_does_not_mend_a_rule(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    publish(engine);
    update(engine, id, "{\"name\":\"x\"}");
    fixture_run(engine);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"state\":\"held\"");
    assert_has(text, "\"version\":1");
    wh_free(text);
    wh_close(engine);
}

static void failures_of_a_former_rule_do_not_switch_off_the_mended_one(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    char id[WH_ID_SIZE], *text;

    (void)state;
    options.rules = &fake_rules;
    options.limits = &limits;
    limits.rule_failures = 2;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\",\"on_rule_error\":\"skip\"}", id);
    for (int i = 0; i < 5; i++) {
        publish(engine);
    }
    set_rule(engine, id, "2");
    fixture_run(engine);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":null");
    wh_free(text);
    publish(engine);
    fixture_run(engine);
    assert_sent("2");
    wh_close(engine);
}

/* ------------------------------------------------------------------- for one event alone */

static void one_event_is_one_whichever_version_decides(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE], *text = NULL;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\",\"single_use\":true}", id);
    publish(engine);
    publish(engine);
    set_rule(engine, id, "2");
    publish(engine);
    fixture_run(engine);
    assert_sent("1");
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    wh_close(engine);
}

static void what_is_for_many_by_now_is_not_used_up(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\",\"single_use\":true}", id);
    publish(engine);
    update(engine, id, "{\"single_use\":false,\"rule\":\"project 2\"}");
    publish(engine);
    fixture_run(engine);
    assert_sent("12");
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":null");
    wh_free(text);
    wh_close(engine);
}

static void what_is_for_one_by_now_is_not_used_up_by_an_earlier_event(void **state) {
    wh_engine *engine = opened(":memory:");
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    publish(engine);
    update(engine, id, "{\"single_use\":true,\"rule\":\"project 2\"}");
    fixture_run(engine);
    assert_sent("1");
    publish(engine);
    publish(engine);
    fixture_run(engine);
    assert_sent("2");
    wh_close(engine);
}

/* ------------------------------------------------------------------------ several times */

static void after_a_start_it_is_as_before(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    char id[WH_ID_SIZE], other[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 0\"}", id);
    set_rule(engine, id, "1");
    publish(engine);
    set_rule(engine, id, "2");
    publish(engine);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 9\"}", other);
    set_rule(engine, other, "8");
    set_rule(engine, id, "3");
    wh_close(engine);
    engine = opened(file);
    fixture_run(engine);
    assert_sent("12");
    publish(engine);
    fixture_run(engine);
    assert_sent("38");
    wh_close(engine);
}

static void in_another_process_too(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file), *other = opened(file);
    char id[WH_ID_SIZE], second[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    publish(engine);
    fixture_run(engine);
    assert_sent("1"); /* engine knows version 1, and works */
    fixture_subscribe(other, "{" URL ",\"rule\":\"project 5\"}", second);
    publish(other);
    set_rule(other, id, "2");
    publish(other);
    set_rule(other, id, "3");
    set_rule(other, second, "6");
    publish(other);
    fixture_run(engine);
    assert_sent("125536");
    wh_close(engine);
    wh_close(other);
}

static void an_event_that_memory_has_is_decided_by_its_own_version(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file), *other = opened(file);
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    fixture_run(engine); /* it works from now on, and keeps what it accepts */
    publish(engine);
    set_rule(other, id, "2");
    publish(engine);
    set_rule(engine, id, "3");
    publish(engine);
    fixture_run(engine);
    assert_sent("123");
    wh_close(engine);
    wh_close(other);
}

static whi_store_vtable busy;
static const whi_store_vtable *sound;
static wh_engine *other_process;
static const char *changed_there;

/* Others accept an event and change what would have taken it, between two looks. */
static int read_late(whi_store *store, int64_t *after, whi_subscription_fn each, void *payload) {
    if (changed_there != NULL) {
        const char *id = changed_there;

        changed_there = NULL;
        publish(other_process);
        set_rule(other_process, id, "2");
    }
    return sound->subscription_changes(store, after, each, payload);
}

static void an_event_that_comes_while_changes_are_read_has_its_version(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    char id[WH_ID_SIZE];

    (void)state;
    other_process = opened(file);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
    sound = engine->reader->vtable;
    busy = *sound;
    busy.subscription_changes = read_late;
    engine->reader->vtable = &busy;
    changed_there = id;
    assert_int_equal(whi_registry_sync(engine->registry), WH_OK);
    fixture_run(engine);
    assert_sent("1");
    wh_close(engine);
    wh_close(other_process);
}

static int64_t changed_here;

/* As when a worker switches something off: nobody reads it at once. */
static int commit_change(whi_job *job, whi_store *store) {
    static const char document[] = "{" URL ",\"rule\":\"project 2\",\"version\":2}";
    whi_subscription_row row = { .id = changed_here, .version = 2, .tenant = "", .status = 1 };

    (void)job;
    row.document = document;
    row.document_size = sizeof document - 1;
    return whi_store_subscription_put(store, &row);
}

static void what_was_committed_here_decides_the_next_event_though_nobody_has_read_it(void **state) {
    wh_engine *engine = opened(":memory:");
    whi_job job = { .rows = 3, .run = commit_change };
    whi_sought next = { INT64_MAX, 1, "", "", "a", "", 0 };
    whi_registration **found;
    size_t count;

    (void)state;
    changed_here = fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", NULL);
    assert_int_equal(whi_writer_run(engine->writer, &job), WH_OK);
    assert_int_equal(whi_registry_find(engine->registry, &next, &found, &count), WH_OK);
    assert_int_equal(count, 1);
    assert_int_equal(found[0]->subscription->version, 2);
    whi_registration_unref(found[0]);
    whi_free(found);
    wh_close(engine);
}

/* As the library before it left it: see test_store_sqlite_open. */
static void make_store_of_version_3(const char *file) {
    FILE *in = fopen(WEBHOOK_TEST_DATA "/store_version_3_changes.sql", "r");
    char sql[16384];
    sqlite3 *db;

    assert_non_null(in);
    sql[fread(sql, 1, sizeof sql - 1, in)] = '\0';
    fclose(in);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int times_sent(const char *url, const char *body) {
    int count = 0;

    for (size_t i = 0; i < fixture_sent_count; i++) {
        count += strstr(fixture_sent[i].url, url) != NULL && strcmp(fixture_sent[i].body, body) == 0;
    }
    return count;
}

static void what_waits_in_a_store_of_version_3_is_decided_by_its_own_version(void **state) {
    const char *file = fixture_file();
    wh_engine *engine;

    (void)state;
    make_store_of_version_3(file);
    engine = opened(file);
    atomic_store(&fixture_time, INT64_C(1796000000000));
    fixture_run(engine);
    assert_int_equal(times_sent("changed", "{\"a\":1}"), 1);
    assert_int_equal(times_sent("changed", "{\"b\":2}"), 1);
    assert_int_equal(times_sent("made", "{\"a\":1,\"b\":1,\"c\":1}"), 1); /* nothing says that it came later */
    assert_int_equal(times_sent("made", "{\"a\":2,\"b\":2,\"c\":2}"), 1);
    assert_int_equal(fixture_sent_count, 4);
    fixture_publish(engine, "a", "{\"a\":3,\"b\":3,\"c\":3}", NULL);
    fixture_run(engine);
    assert_int_equal(times_sent("changed", "{\"c\":3}"), 1);
    wh_close(engine);
}

/* Whichever allocation fails: what is read is read whole, or once more. */
static void want_of_memory_changes_no_version(void **state) {
    int failed = 1;

    (void)state;
    for (long n = 0; failed; n++) {
        const char *file = fixture_file();
        wh_engine *engine = opened(file), *other = opened(file);
        char id[WH_ID_SIZE];

        fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\"}", id);
        assert_int_equal(whi_registry_sync(other->registry), WH_OK);
        publish(engine);
        update(engine, id, "{\"paused\":true,\"rule\":\"project 2\"}");
        publish(engine);
        update(engine, id, "{\"paused\":false,\"rule\":\"project 3\"}");
        publish(engine);
        fault_set(n);
        (void)whi_registry_sync(other->registry);
        failed = fault_clear();
        fixture_run(other);
        assert_sent("123");
        wh_close(other);
        wh_close(engine);
    }
}

static void forget_changes_up_to(const char *file, int change) {
    char sql[100];
    sqlite3 *db;

    snprintf(sql, sizeof sql, "UPDATE webhook_meta SET value = %d WHERE name = 'forgotten'", change);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Who was away reads all anew, and has no memory for the half of it. */
static void what_is_deleted_between_two_readings_of_all_is_gone(void **state) {
    int failed = 1;

    (void)state;
    for (long n = 0; failed; n++) {
        const char *file = fixture_file();
        wh_engine *engine = opened(file), *other;
        char id[WH_ID_SIZE];

        fixture_subscribe(engine, "{" URL "}", id);
        other = opened(file);
        fixture_subscribe(engine, "{" URL ",\"events\":[\"b\"]}", NULL);
        fixture_subscribe(engine, "{" URL ",\"events\":[\"c\"]}", NULL);
        forget_changes_up_to(file, 2);
        fault_set(n);
        (void)whi_registry_sync(other->registry);
        failed = fault_clear();
        assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
        assert_int_equal(whi_registry_sync(other->registry), WH_OK);
        assert_int_equal(whi_registry_count(other->registry), 2);
        wh_close(other);
        wh_close(engine);
    }
}

static void publish_keyed(wh_engine *engine, const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    event.key = "k";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* Nobody has read yet that there is an order, and without memory to read it the first event waits. */
static void want_of_memory_changes_no_order(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file), *other = opened(file);

    (void)state;
    fixture_turn(other); /* it has a row, and partitions */
    fixture_turn(other);
    fixture_subscribe(engine, "{" URL ",\"order\":\"key\"}", NULL);
    publish_keyed(other, "1");
    publish_keyed(other, "2");
    fault_set(0);
    (void)wh_step(other);
    assert_true(fault_clear());
    fixture_run(other);
    assert_int_equal(fixture_sent_count, 2);
    assert_string_equal(fixture_sent[0].body, "1");
    assert_string_equal(fixture_sent[1].body, "2");
    wh_close(other);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(the_rule_of_an_events_number_decides),
        TEST(of_one_that_was_changed_twice_each_version_has_its_events),
        TEST(so_do_types_filters_and_sources),
        TEST(where_it_goes_and_whether_is_of_the_present),
        TEST(so_is_how_much_goes_there_at_once),
        TEST(what_was_paused_for_a_while_takes_what_it_wanted_before),
        TEST(what_is_made_after_an_event_does_not_get_it),
        TEST(what_is_deleted_by_now_gets_nothing),
        TEST(a_former_version_is_let_go_when_nothing_waits_for_it),
        TEST(what_a_mended_rule_would_have_held_back_is_made_by_the_present_one),
        TEST(what_is_changed_otherwise_does_not_mend_a_rule),
        TEST(failures_of_a_former_rule_do_not_switch_off_the_mended_one),
        TEST(one_event_is_one_whichever_version_decides),
        TEST(what_is_for_many_by_now_is_not_used_up),
        TEST(what_is_for_one_by_now_is_not_used_up_by_an_earlier_event),
        TEST(after_a_start_it_is_as_before),
        TEST(in_another_process_too),
        TEST(an_event_that_memory_has_is_decided_by_its_own_version),
        TEST(an_event_that_comes_while_changes_are_read_has_its_version),
        TEST(what_was_committed_here_decides_the_next_event_though_nobody_has_read_it),
        TEST(what_waits_in_a_store_of_version_3_is_decided_by_its_own_version),
        TEST(want_of_memory_changes_no_version),
        TEST(want_of_memory_changes_no_order),
        TEST(what_is_deleted_between_two_readings_of_all_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
