/* News from other processes, where the store tells and where one has to look. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "work/upkeep.h"

#define URL "\"url\":\"https://example.com/hook\""

/* A store that tells: what is written into one end of a pipe. */
static whi_store_vtable telling;
static const whi_store_vtable *sound;
static int ends[2];

static int listen_at_pipe(whi_store *store, int *fd) {
    char byte;

    (void)store;
    while (read(ends[0], &byte, 1) == 1) {}
    *fd = ends[0];
    return WH_OK;
}

/* An engine that would look by itself in an hour. */
static wh_engine *listener(const char *file) {
    wh_engine *engine = fixture_open(file, NULL);

    fixture_subscribe(engine, "{" URL "}", NULL);
    engine->store->ability.look_us = INT64_C(3600000000);
    fixture_run(engine);
    return engine;
}

static void turn_a_while(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 300000;

    while (fixture_sent_count == 0 && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
}

static void what_the_store_tells_is_heard_at_once(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = listener(file), *other;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    sound = engine->store->vtable;
    telling = *sound;
    telling.listen = listen_at_pipe;
    engine->store->vtable = &telling;
    assert_int_equal(whi_upkeep_listen(engine->workers[0]), WH_OK);
    other = fixture_open(file, NULL);
    fixture_publish(other, "a", "1", NULL);
    wh_close(other);
    turn_a_while(engine);
    assert_int_equal(fixture_sent_count, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    turn_a_while(engine);
    assert_int_equal(fixture_sent_count, 1);
    engine->store->vtable = sound;
    wh_close(engine);
    close(ends[0]);
    close(ends[1]);
}

static void where_nothing_tells_the_store_says_how_often_to_look(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL), *other = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    engine->store->ability.look_us = 1000;
    fixture_run(engine);
    fixture_publish(other, "a", "1", NULL);
    turn_a_while(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(other);
    wh_close(engine);
}

/* 0 is no time to wait: the engine does not spin. */
static void a_store_that_names_no_time_is_looked_at_all_the_same(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);

    (void)state;
    for (int wakes = 0; wakes <= 1; wakes++) {
        engine->store->ability.look_us = 0;
        engine->store->ability.wakes = wakes;
        whi_timetable_again(&engine->workers[0]->timetable, &engine->workers[0]->look, 0);
        fixture_run(engine);
        assert_true(wh_step(engine) >= 0);
        assert_true(wh_step(engine) >= 0);
        assert_true(wh_timeout(engine) > 0);
    }
    wh_close(engine);
}

static void what_is_due_by_the_engines_clock_is_waited_for(void **state) {
    wh_engine *engine = listener(fixture_file());
    whi_worker *worker = engine->workers[0];

    (void)state;
    assert_true(wh_step(engine) >= 0);
    whi_timetable_again(&worker->timetable, &worker->look, INT64_MAX);
    whi_timetable_at(&worker->timetable, &worker->purge, fixture_time + 100);
    assert_true(wh_timeout(engine) <= 100);
    wh_close(engine);
}

/* Whoever asks for events to be claimed may be another worker's thread, which wakes nobody. */
static void a_claim_that_was_asked_for_is_made_soon(void **state) {
    wh_engine *engine = listener(fixture_file());
    whi_worker *worker = engine->workers[0];

    (void)state;
    assert_true(wh_step(engine) >= 0);
    whi_timetable_again(&worker->timetable, &worker->look, INT64_MAX);
    atomic_store(&engine->more_events, 1);
    assert_true(wh_timeout(engine) <= 100);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(what_the_store_tells_is_heard_at_once),
        TEST(where_nothing_tells_the_store_says_how_often_to_look),
        TEST(a_store_that_names_no_time_is_looked_at_all_the_same),
        TEST(what_is_due_by_the_engines_clock_is_waited_for),
        TEST(a_claim_that_was_asked_for_is_made_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
