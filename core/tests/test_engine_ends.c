/* Ends that come at once: a stop right after a start, a close while promises are told or a
 * subscription is being switched off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"

#define SUBSCRIPTION "{\"url\":\"https://example.com/\"}"

/* ------------------------------------------------------------------ a stop after a start */

/* For 15 s at most. */
static void step_until_sent(wh_engine *engine, size_t count) {
    int64_t end = whi_monotonic_us() + 15000000;

    while (fixture_sent_count < count) {
        assert_true(whi_monotonic_us() < end);
        assert_true(wh_step(engine) >= 0);
        usleep(500);
    }
}

/* A beat that was under way is committed and told before anything is published. */
static void assert_goes_on(wh_engine *engine) {
    usleep(5000);
    while (atomic_load(&engine->lease->beating)) {
        usleep(500);
    }
    assert_int_equal(atomic_load(&engine->lease->owner), 0);
    fixture_publish(engine, "a", "1", NULL);
    step_until_sent(engine, 1);
    fixture_run(engine);
    life_assert_delivered(engine, 1);
    wh_close(engine);
    fixture_reset();
}

static void what_is_stepped_after_a_start_and_a_stop_at_once_delivers(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        wh_engine *engine = fixture_open(fixture_file(), NULL);
        fixture_subscribe(engine, SUBSCRIPTION, NULL);
        assert_int_equal(wh_start(engine, 1), WH_OK);
        usleep((useconds_t)i * 200);
        assert_int_equal(wh_stop(engine, 0), WH_OK);
        assert_goes_on(engine);
    }
}

/* A store whose next commit waits until the stop has begun. */
static whi_store_vtable slow;
static const whi_store_vtable *sound;
static wh_engine *stopping;
static atomic_int waits;

static int commit_slowly(whi_store *store, whi_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    int64_t end = whi_monotonic_us() + 2000000;

    while (atomic_load(&waits) && !atomic_load(&stopping->lease->off) && whi_monotonic_us() < end) {
        usleep(500);
    }
    atomic_store(&waits, 0);
    return sound->commit(store, facts, count, outcome);
}

static void a_stop_while_the_first_beat_is_being_committed_leaves_no_row(void **state) {
    const char *file = fixture_file();

    (void)state;
    stopping = fixture_open(file, NULL);
    fixture_subscribe(stopping, SUBSCRIPTION, NULL);
    sound = stopping->store->vtable;
    slow = *sound;
    slow.commit = commit_slowly;
    stopping->store->vtable = &slow;
    atomic_store(&waits, 1);
    assert_int_equal(wh_start(stopping, 1), WH_OK);
    while (!atomic_load(&stopping->lease->beating)) {
        usleep(500);
    }
    usleep(20000);
    assert_int_equal(wh_stop(stopping, 0), WH_OK);
    assert_goes_on(stopping);
}

/* --------------------------------------------------------------------- told by the close */

static wh_engine *closing;
static int told, codes[4];

static void use_it_again(int code, const char *error, const wh_receipt *receipt, void *payload) {
    wh_event event = WH_EVENT_INIT;

    (void)code;
    (void)error;
    (void)receipt;
    (void)payload;
    event.type = "a";
    event.payload = "1";
    event.payload_size = 1;
    if (told++ == 0) {
        codes[0] = wh_publish(closing, &event, NULL);
        codes[1] = wh_publish_async(closing, &event, use_it_again, NULL);
        codes[2] = wh_publish_batch(closing, &event, 1, NULL);
        codes[3] = wh_step(closing);
    }
}

static void a_promise_told_by_the_close_finds_the_engine_closed(void **state) {
    const char *file = fixture_file();
    wh_event event = WH_EVENT_INIT;

    (void)state;
    closing = fixture_open(file, NULL);
    event.type = "a";
    event.payload = "1";
    event.payload_size = 1;
    told = 0;
    assert_int_equal(wh_publish_async(closing, &event, use_it_again, NULL), WH_OK);
    wh_close(closing);
    assert_int_equal(told, 1);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(codes[i], WH_ECLOSED);
    }
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_events"), 1);
}

/* ------------------------------------------------------------------- what is under way then */

#define NOTICES "SELECT count(*) FROM webhook_events WHERE type = 'webhook.subscription.disabled'"

/* The other one hears of it. */
static void all_but_ops_are_gone(whi_request *request, void *payload) {
    (void)payload;
    request->status = strstr(request->url, "/ops") != NULL ? 200 : fixture_script.status;
}

/* Its receiver is gone: it is to be switched off, and that to be told. */
static void close_after_the_answer(const char *file, int status) {
    wh_engine *engine = fixture_open(file, NULL);

    fixture_subscribe(engine, SUBSCRIPTION, NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/ops\",\"events\":[\"webhook.*\"]}", NULL);
    fixture_script.status = status;
    fixture_script.answer = all_but_ops_are_gone;
    fixture_publish(engine, "a", "1", NULL);
    while (atomic_load(&engine->count.attempts) == 0) {
        assert_true(wh_step(engine) >= 0);
    }
    wh_close(engine);
}

static void a_close_right_after_an_answer_that_ends_a_subscription_forgets_nothing(void **state) {
    const char *file = fixture_file();
    wh_engine *engine;

    (void)state;
    close_after_the_answer(file, 410);
    engine = fixture_open(file, NULL);
    assert_true(life_sql(file, NOTICES) <= 1);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "exhausted"), 1);
    assert_int_equal(life_sql(file, NOTICES), 1);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(what_is_stepped_after_a_start_and_a_stop_at_once_delivers),
        TEST(a_stop_while_the_first_beat_is_being_committed_leaves_no_row),
        TEST(a_promise_told_by_the_close_finds_the_engine_closed),
        TEST(a_close_right_after_an_answer_that_ends_a_subscription_forgets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
