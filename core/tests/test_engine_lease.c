/* Work that changes hands: an engine that nobody turns, one whose row is taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "life_kit.h"
#include "log_sql.h"

#define URL "\"url\":\"https://example.com/hook\""
#define ROWS "SELECT count(*) FROM webhook_workers"
#define TAKE_ROWS "DELETE FROM webhook_workers"
#define FIRST_ATTEMPTS "SELECT count(first_at) FROM webhook_deliveries"
#define LATER_ATTEMPTS "SELECT count(*) FROM webhook_attempts WHERE n = 2"
#define SENDING "SELECT count(*) FROM webhook_deliveries WHERE state = 2"

static void publish_many(wh_engine *engine, int count) {
    for (int i = 0; i < count; i++) {
        fixture_publish(engine, i % 2 ? "odd" : "even", "{}", NULL);
    }
}

/* -------------------------------------------------------------------------------- asleep */

/* As if nobody had turned it for as long. */
static void fall_asleep(wh_engine *engine) {
    atomic_store(&engine->lease->turned_at, whi_monotonic_us() - WHI_ASLEEP_US - 1);
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
}

/* Turned, and not run: an engine whose run has ended gives its partitions back soon. */
static void begin_work(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (atomic_load(&engine->position->count) < WH_PARTITIONS && whi_monotonic_us() < end) {
        fixture_turn(engine);
        usleep(500);
    }
}

static void who_is_not_stepped_gives_its_work_back(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(one, "{" URL "}", NULL);
    begin_work(one);
    assert_int_equal(life_sql(file, ROWS), 1);
    publish_many(one, 20);
    assert_true(life_sql(file, LOG_UNDECIDED) > 0);
    assert_int_equal(life_sql(file, LOG_OWNED), WH_PARTITIONS);
    fall_asleep(one);
    life_wait_sql(file, ROWS, 0);
    assert_int_equal(life_sql(file, LOG_OWNED), 0);
    assert_true(life_sql(file, LOG_UNDECIDED) > 0);
    fixture_run(two);
    life_assert_delivered(two, 20);
    publish_many(one, 10);
    fixture_run(one); /* it is awake again, and has nothing of what it had */
    fixture_run(two);
    life_assert_delivered(one, 30);
    assert_int_equal(fixture_sent_count, 30);
    wh_close(one);
    wh_close(two);
}

static void who_sleeps_with_requests_under_way_forgets_them(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(one, "{" URL ",\"events\":[\"even\"]}", NULL);
    fixture_subscribe(one, "{" URL ",\"events\":[\"odd\"]}", NULL);
    begin_work(one);
    atomic_store(&fixture_script.hang, 1);
    publish_many(one, 20);
    fixture_turn(one);
    assert_int_equal(fixture_sent_count, 2);
    fall_asleep(one);
    life_wait_sql(file, ROWS, 0);
    atomic_store(&fixture_script.hang, 0);
    fixture_run(two);
    life_assert_delivered(two, 20);
    fixture_run(one);
    life_assert_delivered(one, 20);
    assert_int_equal(fixture_sent_count, 22);
    wh_close(one);
    wh_close(two);
}

static void threads_that_have_nothing_to_do_are_not_asleep(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    assert_int_equal(wh_start(engine, 2), WH_OK);
    life_wait_sql(file, ROWS, 1);
    for (int i = 0; i < 20; i++) {
        fall_asleep(engine);
        usleep(2000);
    }
    assert_int_equal(life_sql(file, ROWS), 1);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    assert_int_equal(life_sql(file, ROWS), 0);
    wh_close(engine);
}

/* ----------------------------------------------------------------------------- taken away */

/* Everything was delivered, and the lanes go on with what comes. */
static void assert_all_went(wh_engine *engine, const char *file, size_t count) {
    fixture_run(engine);
    life_assert_delivered(engine, count);
    assert_int_equal(life_sql(file, SENDING) + life_sql(file, LOG_UNDECIDED), 0);
    publish_many(engine, 2);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), 0);
    assert_true(life_states(engine, "delivered") > count);
}

/* Some under way, the others queued in memory behind a full lane, or in the store. */
static wh_engine *fill_lanes(const char *file, const char *document, int events, int turns) {
    wh_engine *engine = fixture_open(file, NULL);

    fixture_subscribe(engine, document, NULL);
    fixture_run(engine);
    atomic_store(&fixture_script.hang, 1);
    publish_many(engine, events);
    for (int i = 0; i < turns; i++) {
        fixture_turn(engine);
    }
    return engine;
}

static void lose_row(const char *document, int events, int turns) {
    const char *file = fixture_file();
    wh_engine *engine = fill_lanes(file, document, events, turns);

    life_sql(file, TAKE_ROWS);
    atomic_store(&fixture_script.hang, 0);
    assert_all_went(engine, file, (size_t)events);
    assert_true(fixture_sent_count <= (size_t)events * 2 + 2);
    wh_close(engine);
    fixture_reset();
}

static void what_is_queued_when_the_row_goes_is_delivered(void **state) {
    (void)state;
    lose_row("{" URL ",\"concurrency\":1}", 100, 2);
    lose_row("{" URL "}", 300, 3);
}

static void what_is_not_fanned_out_when_the_row_goes_is_delivered(void **state) {
    (void)state;
    lose_row("{" URL "}", 100, 0);
}

static void an_order_survives_the_loss_of_the_row(void **state) {
    (void)state;
    lose_row("{" URL ",\"order\":\"fifo\"}", 30, 2);
}

/* More than a lane keeps in memory: the rest waits in the store, and is claimed. */
static void what_waits_behind_a_full_lane_when_the_row_goes_is_delivered(void **state) {
    (void)state;
    lose_row("{" URL ",\"concurrency\":2}", 2200, 25);
}

/* Another has taken it over meanwhile: that it was made twice is told. */
static void an_answer_that_comes_after_the_row_went_is_an_attempt(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fill_lanes(file, "{" URL "}", 1, 1), *two = fixture_open(file, NULL);

    (void)state;
    assert_int_equal(fixture_sent_count, 1);
    life_sql(file, TAKE_ROWS);
    atomic_store(&fixture_script.hang, 0);
    fixture_run(two);
    life_assert_delivered(two, 1);
    assert_int_equal(life_sql(file, FIRST_ATTEMPTS), 1);
    assert_int_equal(life_sql(file, LATER_ATTEMPTS), 0);
    fixture_run(one);
    life_assert_delivered(one, 1);
    assert_int_equal(life_sql(file, "SELECT attempts FROM webhook_deliveries"), 2); /* two's row counts both */
    assert_int_equal(life_sql(file, FIRST_ATTEMPTS), 1);
    assert_int_equal(life_sql(file, LATER_ATTEMPTS), 1);
    wh_close(one);
    wh_close(two);
}

static atomic_int requests;

static void fail_first(whi_request *request, void *payload) {
    int most = *(const int *)payload;

    request->status = atomic_fetch_add(&requests, 1) < most ? 500 : 200;
}

/* They were tried, wait, fall due and are claimed, and then the row goes. */
static void what_is_claimed_when_the_row_goes_is_delivered(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    int events = 40;

    (void)state;
    atomic_store(&requests, 0);
    fixture_script.answer = fail_first;
    fixture_script.payload = &events;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0,1000,1000]}", NULL);
    fixture_run(engine);
    publish_many(engine, events);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), events);
    atomic_fetch_add(&fixture_time, 60000);
    assert_true(wh_step(engine) >= 0); /* the claim is on its way or done, and not taken in */
    life_sql(file, TAKE_ROWS);
    assert_all_went(engine, file, (size_t)events);
    wh_close(engine);
}

static void who_takes_rows_cannot_make_two_engines_forget_anything(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(one, "{" URL ",\"concurrency\":3}", NULL);
    for (int round = 0; round < 10; round++) {
        publish_many(round % 2 ? one : two, 20);
        fixture_turn(one);
        fixture_turn(two);
        life_sql(file, TAKE_ROWS);
    }
    for (int i = 0; i < 1000 && life_states(one, "delivered") < 200; i++) {
        assert_true(wh_step(one) >= 0);
        assert_true(wh_step(two) >= 0);
    }
    fixture_run(one);
    life_assert_delivered(one, 200);
    wh_close(one);
    wh_close(two);
}

static void *take_rows(void *payload) {
    for (int i = 0; i < 20; i++) {
        life_sql(payload, TAKE_ROWS);
        usleep(20000);
    }
    return NULL;
}

static void threads_whose_row_goes_again_and_again_deliver_everything(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    pthread_t thread;

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"events\":[\"even\"]}", NULL);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    assert_int_equal(pthread_create(&thread, NULL, take_rows, (void *)file), 0);
    publish_many(engine, 300);
    pthread_join(thread, NULL);
    life_wait_idle(engine);
    life_assert_delivered(engine, 450);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    assert_int_equal(life_sql(file, SENDING) + life_sql(file, LOG_UNDECIDED), 0);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(who_is_not_stepped_gives_its_work_back),
        TEST(who_sleeps_with_requests_under_way_forgets_them),
        TEST(threads_that_have_nothing_to_do_are_not_asleep),
        TEST(what_is_queued_when_the_row_goes_is_delivered),
        TEST(what_is_not_fanned_out_when_the_row_goes_is_delivered),
        TEST(an_order_survives_the_loss_of_the_row),
        TEST(what_waits_behind_a_full_lane_when_the_row_goes_is_delivered),
        TEST(an_answer_that_comes_after_the_row_went_is_an_attempt),
        TEST(what_is_claimed_when_the_row_goes_is_delivered),
        TEST(who_takes_rows_cannot_make_two_engines_forget_anything),
        TEST(threads_whose_row_goes_again_and_again_deliver_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
