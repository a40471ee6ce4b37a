/* Turns are counted: where nothing can be done, whoever turns the engine sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"

#define WATCHED_US INT64_C(250000)
#define FEW 40 /* turns in this time: it looks for news ten times a second */

/* As a host's loop: it waits for the descriptor, or until it is time. How many turns. */
static int count_turns(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + WATCHED_US;
    int turns = 0;

    while (whi_monotonic_us() < end) {
        struct pollfd one = { wh_fd(engine), POLLIN, 0 };
        int timeout = wh_timeout(engine);
        poll(&one, 1, timeout < 0 || timeout > 50 ? 50 : timeout);
        assert_true(wh_step(engine) >= 0);
        turns++;
    }
    return turns;
}

/* --------------------------------------------------------------- while another has the lock */

/* No beat can be committed, and the lease is over. */
static sqlite3 *lock_beyond_the_lease(wh_engine *engine, const char *file) {
    sqlite3 *other = life_lock(file);

    atomic_store(&engine->lease->until, 0);
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
    return other;
}

static wh_engine *open_with_events(const char *file, int events) {
    wh_engine *engine = fixture_open(file, NULL);

    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"retry\":[0,1000,1000]}", NULL);
    fixture_run(engine);
    for (int i = 0; i < events; i++) {
        fixture_publish(engine, "a", "1", NULL);
    }
    return engine;
}

static void go_on(wh_engine *engine, sqlite3 *other, size_t delivered) {
    life_unlock(other);
    fixture_run(engine);
    life_assert_delivered(engine, delivered);
    wh_close(engine);
}

static void a_loop_sleeps_that_may_not_claim_while_another_has_the_lock(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 0);
    sqlite3 *other;

    (void)state;
    life_sql(file, "INSERT INTO webhook_outbox (type, payload) VALUES ('a', '1')");
    other = lock_beyond_the_lease(engine, file);
    whi_timetable_again(&engine->workers[0]->timetable, &engine->workers[0]->reading_again,
                        whi_monotonic_us() + 20000); /* a claim has failed */
    assert_true(count_turns(engine) < FEW);
    go_on(engine, other, 1);
}

static void a_loop_sleeps_that_has_events_to_fan_out_and_no_lease(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 300);
    sqlite3 *other = lock_beyond_the_lease(engine, file);

    (void)state;
    assert_true(count_turns(engine) < FEW);
    go_on(engine, other, 300);
}

static void fail_all(whi_request *request, void *payload) {
    (void)payload;
    request->status = 500;
}

static void a_loop_sleeps_that_has_deliveries_due_and_no_lease(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 10);
    sqlite3 *other;

    (void)state;
    fixture_script.answer = fail_all;
    fixture_run(engine);
    fixture_script.answer = NULL;
    other = lock_beyond_the_lease(engine, file);
    atomic_fetch_add(&fixture_time, 60000);
    assert_true(count_turns(engine) < FEW);
    go_on(engine, other, 10);
}

/* ---------------------------------------------------------------------- while it is stopped */

static wh_engine *stopped;
static atomic_int ticks; /* since wh_stop has begun */
static atomic_int slow;  /* 1: whoever sends waits for it */

/* What waits falls due as soon as nothing new may begin. */
static void tick(whi_transport *transport) {
    if (atomic_load(&stopped->stop) == 1 && atomic_fetch_add(&ticks, 1) == 0) {
        atomic_fetch_add(&fixture_time, 10000);
    }
    fixture_transport.tick(transport);
}

/* A turn that lasts until the stop has begun. */
static int send_slowly(whi_transport *transport, whi_request *request) {
    int code = fixture_transport.send(transport, request);

    while (atomic_load(&slow) && atomic_load(&stopped->stop) == 0) {
        usleep(1000);
    }
    return code;
}

static void fail_zeros(whi_request *request, void *payload) {
    (void)payload;
    request->status = *(const char *)request->body == '0' ? 500 : 200;
}

static void open_counted(void) {
    static whi_transport_vtable counted;
    wh_options options = WH_OPTIONS_INIT;

    counted = fixture_transport;
    counted.tick = tick;
    counted.send = send_slowly;
    options.clock = &fixture_clock;
    atomic_store(&ticks, 0);
    atomic_store(&slow, 0);
    assert_int_equal(whi_open(&stopped, fixture_file(), &options, &counted), WH_OK);
    fixture_subscribe(stopped, "{\"url\":\"https://example.com/\",\"retry\":[0,5000],\"concurrency\":2}", NULL);
}

static void threads_sleep_during_the_grace_of_a_stop_while_something_falls_due(void **state) {
    (void)state;
    open_counted();
    fixture_script.answer = fail_zeros;
    assert_int_equal(wh_start(stopped, 1), WH_OK);
    fixture_publish(stopped, "a", "0", NULL);
    life_wait_sent(1);
    life_wait_idle(stopped);
    atomic_store(&fixture_script.hang, 1);
    fixture_publish(stopped, "a", "1", NULL);
    life_wait_sent(2);
    assert_int_equal(wh_stop(stopped, WATCHED_US / 1000), WH_OK);
    assert_true(atomic_load(&ticks) > 0);
    assert_true(atomic_load(&ticks) < FEW);
    wh_close(stopped);
}

/* There is a request under way, and others to fan out behind it, when the stop begins. */
static void threads_sleep_during_the_grace_of_a_stop_with_events_to_fan_out(void **state) {
    static wh_event events[500];

    (void)state;
    for (int i = 0; i < 500; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "a";
        events[i].payload = "1";
        events[i].payload_size = 1;
    }
    open_counted();
    atomic_store(&slow, 1);
    atomic_store(&fixture_script.hang, 1);
    assert_int_equal(wh_start(stopped, 1), WH_OK);
    assert_int_equal(wh_publish_batch(stopped, events, 500, NULL), WH_OK);
    life_wait_sent(1);
    assert_int_equal(wh_stop(stopped, WATCHED_US / 1000), WH_OK);
    assert_true(atomic_load(&ticks) > 0);
    assert_true(atomic_load(&ticks) < FEW);
    wh_close(stopped);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(a_loop_sleeps_that_may_not_claim_while_another_has_the_lock),
        TEST(a_loop_sleeps_that_has_events_to_fan_out_and_no_lease),
        TEST(a_loop_sleeps_that_has_deliveries_due_and_no_lease),
        TEST(threads_sleep_during_the_grace_of_a_stop_while_something_falls_due),
        TEST(threads_sleep_during_the_grace_of_a_stop_with_events_to_fan_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
