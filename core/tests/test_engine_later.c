/* What comes later, after something failed, neither stops for ever nor overtakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine_fixture.h"
#include "fault.h"
#include "life_kit.h"
#include "store_fault.h"
#include "work/later.h"

#define URL "\"url\":\"https://example.com/hook\""
#define BURST 128 /* events that a worker fans out in one turn */

/* Until full is 0. */
static whi_worker *fill_disk(wh_engine *engine) {
    fail_facts(engine, FACT(WH_FACT_SUBSCRIPTION) | FACT(WH_FACT_DELIVERY), WH_EFULL, INT32_MAX);
    return engine->workers[0];
}

static void empty_disk(void) {
    failure.left = 0;
}

/* Whatever waits for its time has waited long enough. */
static void hurry(whi_worker *worker) {
    whi_entry *entries[] = { &worker->record_again, &worker->later_again, &worker->reading_again };

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (whi_entry_is_set(entries[i])) {
            whi_timetable_again(&worker->timetable, entries[i], 0);
        }
    }
    atomic_fetch_add(&fixture_time, 1000);
}

static void step_until(wh_engine *engine, size_t count) {
    int64_t end = whi_monotonic_us() + 60000000;

    while (fixture_sent_count < count && whi_monotonic_us() < end) {
        hurry(engine->workers[0]);
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(fixture_sent_count, count);
}

static wh_engine *turning;

/* Our row is gone, once. */
static int begin_without_row(whi_store *store) {
    whi_fact gone = { .kind = WH_FACT_WORKER_REMOVE, .of.owner = atomic_load(&turning->lease->owner) };
    int code = sound->begin(store);

    failing.begin = sound->begin;
    return code == WH_OK ? sound->write(store, &gone, 1) : code;
}

/* Of one event a delivery waits to be recorded and another to be made; others have its work by now. */
static void an_event_that_others_have_by_now_is_not_waited_for(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_worker *worker;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"single_use\":true,\"events\":[\"first\"]}", NULL);
    fixture_run(engine);
    worker = fill_disk(engine);
    fixture_publish(engine, "first", "1", NULL);
    fixture_turn(engine);
    assert_non_null(worker->later_tasks);
    assert_non_null(worker->failed_records);
    turning = engine;
    failing.begin = begin_without_row;
    empty_disk();
    fixture_publish(engine, "second", "2", NULL);
    step_until(engine, 3);
    assert_null(worker->failed_records);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_int_equal(atomic_load(&engine->events_open), 0);
    wh_close(engine);
}

static void publish_burst(wh_engine *engine, const char *key, const char *payload) {
    wh_event events[BURST];

    for (int i = 0; i < BURST; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "a";
        events[i].key = key;
        events[i].payload = payload;
        events[i].payload_size = strlen(payload);
    }
    assert_int_equal(wh_publish_batch(engine, events, BURST, NULL), WH_OK);
}

static int begins;

/* Between the first record's failure and the second's a turn of the worker makes a third. */
static int begin_and_turn(whi_store *store) {
    if (++begins == 3) { /* 1: both together, 2: the first alone */
        whi_worker *worker = turning->workers[0];
        assert_true(whi_worker_step(worker, 0) >= 0);
        assert_int_equal(worker->records_open, 1);
        hurry(worker);
        assert_true(whi_worker_step(worker, 0) >= 0); /* its time has come, and nothing can be done */
        whi_timetable_again(&worker->timetable, &worker->look, INT64_MAX);
        assert_true(whi_worker_timeout(worker) > 0);
    }
    return sound->begin(store);
}

static void what_is_recorded_later_overtakes_nothing_under_way(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_worker *worker;

    (void)state;
    turning = engine;
    begins = 0;
    fixture_subscribe(engine, "{" URL ",\"order\":\"key\"}", NULL);
    fixture_run(engine);
    publish_burst(engine, "x", "1");
    publish_burst(engine, "y", "2");
    publish_burst(engine, "y", "3");
    worker = fill_disk(engine);
    whi_writer_stop(engine->writer); /* so that a turn is not written */
    assert_true(whi_worker_step(worker, 0) >= 0);
    assert_true(whi_worker_step(worker, 0) >= 0);
    assert_int_equal(worker->records_open, 2);
    failing.begin = begin_and_turn;
    whi_writer_drain(engine->writer);
    failing.begin = sound->begin;
    empty_disk();
    step_until(engine, (size_t)BURST * 3);
    for (size_t i = 0, y = 0; i < fixture_sent_count; i++) {
        if (fixture_sent[i].body[0] != '1') {
            assert_int_equal(fixture_sent[i].body[0], y++ < BURST ? '2' : '3');
        }
    }
    wh_close(engine);
}

/* It is not fetched again meanwhile. When its row was changed, what comes of it does not count: behind a replay there
 * is an attempt that began after it. */
static void check_changed_under_way(const char *change, int replay, size_t count, const char *attempts) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    char event[WH_ID_SIZE], delivery[WH_ID_SIZE], *text;
    int64_t number, subscription;

    subscription = fixture_subscribe(engine, "{" URL ",\"retry\":[0,1000]}", NULL);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "1", event);
    fixture_run(engine);
    fixture_script.status = 200;
    fixture_script.hang = 1;
    atomic_fetch_add(&fixture_time, 5000);
    step_until(engine, 2);
    assert_int_equal(whi_ident_parse("msg_", event, &number), WH_OK);
    assert_true(whi_underway_has(engine->underway, number, subscription));
    whi_ident_delivery(number, subscription, delivery);
    assert_int_equal(replay ? wh_replay(engine, delivery) : WH_OK, WH_OK);
    life_sql(file, change);
    whi_stir(engine);
    for (int i = 0; i < 5; i++) {
        fixture_turn(engine);
    }
    assert_int_equal(fixture_sent_count, 2);
    fixture_script.hang = 0;
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, count);
    text = DOCUMENT(wh_delivery(engine, delivery, &fixture_handed, &fixture_size));
    assert_has(text, "\"state\":\"delivered\"");
    assert_has(text, attempts);
    wh_free(text);
    assert_false(whi_underway_has(engine->underway, number, subscription));
    wh_close(engine);
}

static void what_is_changed_while_it_is_under_way_goes_once_more(void **state) {
    (void)state;
    check_changed_under_way("UPDATE webhook_deliveries SET turn = turn + 1", 0, 3, "\"attempts\":3");
    fixture_reset();
    check_changed_under_way("SELECT 1", 1, 3, "\"attempts\":3");
    fixture_reset();
    check_changed_under_way("SELECT 1", 0, 2, "\"attempts\":2");
}

/* One allocation after the other fails in the turns that follow an event's acceptance. */
static void without_memory_nothing_stops_for_ever(void **state) {
    int struck = 1;

    (void)state;
    for (long n = 0; struck; n++) {
        wh_engine *engine = fixture_open(":memory:", NULL);
        fixture_reset();
        fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\"}", NULL);
        fixture_subscribe(engine, "{" URL ",\"filters\":{\"a\":1}}", NULL);
        fixture_run(engine);
        fixture_publish(engine, "a", "{\"a\":1}", NULL);
        fault_set(n);
        for (int i = 0; i < 4; i++) {
            fixture_turn(engine);
        }
        struck = fault_clear();
        fixture_publish(engine, "a", "{\"a\":1,\"b\":2}", NULL);
        step_until(engine, 4);
        fixture_run(engine);
        assert_int_equal(atomic_load(&engine->events_open), 0);
        wh_close(engine);
    }
}

/* One that fails after another does not put it off. */
static void what_fails_later_puts_nothing_off(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_worker *worker = engine->workers[0];
    int64_t first = 0;

    (void)state;
    fixture_run(engine);
    for (int i = 1; i <= 3; i++) {
        whi_event_row row = { .type = "a", .tenant = "", .number = i, .payload = "1", .payload_size = 1 };
        whi_later_event(worker, whi_event_new(engine, &row));
        assert_true(whi_entry_is_set(&worker->later_again));
        first = first != 0 ? first : worker->later_again.item.due;
        assert_int_equal(worker->later_again.item.due, first);
        usleep(1000);
    }
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_event_that_others_have_by_now_is_not_waited_for, fixture_setup),
        cmocka_unit_test_setup(what_is_recorded_later_overtakes_nothing_under_way, fixture_setup),
        cmocka_unit_test_setup(what_is_changed_while_it_is_under_way_goes_once_more, fixture_setup),
        cmocka_unit_test_setup(what_fails_later_puts_nothing_off, fixture_setup),
        cmocka_unit_test_setup(without_memory_nothing_stops_for_ever, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
