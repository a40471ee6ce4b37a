/* An engine whose threads do not start: it rests, can be stepped, and be started again. The linker
 * puts __wrap_pthread_create in the place of the system's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>

#include "engine_fixture.h"
#include "life_kit.h"

#define EVENTS 20
#define SUBSCRIPTIONS 4

typedef void *(*thread_fn)(void *);

static int made, fail_from; /* 0: none fails */
static useconds_t pause_us; /* before one fails: those that were started have had time */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *kind, thread_fn serve, void *payload);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *kind, thread_fn serve, void *payload);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *kind, thread_fn serve, void *payload) {
    made++;
    if (fail_from > 0 && made >= fail_from) {
        usleep(pause_us);
        return EAGAIN;
    }
    return __real_pthread_create(thread, kind, serve, payload);
}

static void fail_threads_from(int n) {
    made = 0;
    fail_from = n;
}

static wh_engine *open_with_subscriptions(const char *store) {
    wh_engine *engine = fixture_open(store, NULL);

    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        fixture_subscribe(engine, "{\"url\":\"https://example.com/hook\"}", NULL);
    }
    return engine;
}

static void publish_some(wh_engine *engine) {
    for (int i = 0; i < EVENTS; i++) {
        fixture_publish(engine, "a", "{}", NULL);
    }
}

static void fail_a_start(wh_engine *engine, int n) {
    fail_threads_from(n);
    assert_int_equal(wh_start(engine, 4), WH_ENOMEM);
    assert_has(wh_last_error(), "thread");
    fail_threads_from(0);
}

static void fall_back_to_run(const char *store, int n) {
    wh_engine *engine = open_with_subscriptions(store);

    publish_some(engine);
    fail_a_start(engine, n);
    publish_some(engine);
    fixture_run(engine);
    life_assert_delivered(engine, 2 * EVENTS * SUBSCRIPTIONS);
    assert_int_equal(wh_start(engine, 4), WH_OK);
    publish_some(engine);
    life_wait_idle(engine);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    life_assert_delivered(engine, 3 * EVENTS * SUBSCRIPTIONS);
    assert_int_equal(fixture_sent_count, 3 * EVENTS * SUBSCRIPTIONS);
    wh_close(engine);
    fixture_reset();
}

static void an_engine_that_could_not_be_started_can_be_run_and_started(void **state) {
    (void)state;
    for (int n = 1; n <= 5; n++) {
        fall_back_to_run(":memory:", n);
        fall_back_to_run(fixture_file(), n);
    }
}

static void a_start_that_failed_can_be_made_again_at_once(void **state) {
    wh_engine *engine = open_with_subscriptions(":memory:");

    (void)state;
    for (int n = 1; n <= 4; n++) { /* from the second on the writer's thread is there */
        fail_a_start(engine, n);
    }
    publish_some(engine);
    assert_int_equal(wh_start(engine, 4), WH_OK);
    life_wait_idle(engine);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    assert_int_equal(fixture_sent_count, EVENTS * SUBSCRIPTIONS);
    wh_close(engine);
}

/* What was sent by threads that are taken back would be sent again. */
static void a_start_that_fails_late_has_sent_nothing(void **state) {
    wh_engine *engine = open_with_subscriptions(fixture_file());

    (void)state;
    publish_some(engine);
    pause_us = 100000;
    fail_a_start(engine, 5);
    pause_us = 0;
    assert_int_equal(fixture_sent_count, 0);
    fixture_run(engine);
    life_assert_delivered(engine, EVENTS * SUBSCRIPTIONS);
    assert_int_equal(fixture_sent_count, EVENTS * SUBSCRIPTIONS);
    wh_close(engine);
}

/* Whose workers are shut: a step opens them. */
static void an_engine_that_rests_says_when_to_step(void **state) {
    wh_engine *engine = open_with_subscriptions(":memory:");

    (void)state;
    assert_int_equal(wh_start(engine, 2), WH_OK);
    assert_int_equal(wh_timeout(engine), -1); /* the threads do the work */
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    assert_int_equal(wh_timeout(engine), 0);
    assert_true(wh_fd(engine) >= 0);
    fail_a_start(engine, 3);
    assert_int_equal(wh_timeout(engine), 0);
    fail_threads_from(0);
    assert_true(wh_step(engine) >= 0);
    wh_close(engine);
}

static void a_start_that_failed_leaves_no_row(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_subscriptions(file);

    (void)state;
    publish_some(engine);
    fail_a_start(engine, 5);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_workers"), 0);
    wh_close(engine);
}

static void a_step_without_the_writers_thread_fails_and_goes_on_later(void **state) {
    wh_engine *engine = open_with_subscriptions(":memory:");

    (void)state;
    publish_some(engine);
    fail_threads_from(1);
    assert_int_equal(wh_step(engine), WH_ENOMEM);
    assert_int_equal(wh_run(engine), WH_ENOMEM);
    assert_has(wh_last_error(), "thread");
    publish_some(engine); /* who waits for a commit needs no thread for it */
    fail_threads_from(0);
    fixture_run(engine);
    life_assert_delivered(engine, 2 * EVENTS * SUBSCRIPTIONS);
    wh_close(engine);
}

static void tell(int code, const char *error, const wh_receipt *receipt, void *payload) {
    (void)code;
    (void)error;
    (void)receipt;
    ++*(int *)payload;
}

static void without_the_writers_thread_nothing_is_promised(void **state) {
    wh_engine *engine = open_with_subscriptions(":memory:");
    wh_event event = WH_EVENT_INIT;
    int told = 0;

    (void)state;
    event.type = "a";
    event.payload = "{}";
    event.payload_size = 2;
    fail_threads_from(1);
    assert_int_equal(wh_publish_async(engine, &event, tell, &told), WH_ENOMEM);
    fail_threads_from(0);
    fixture_run(engine);
    assert_int_equal(told, 0);
    assert_int_equal(wh_publish_async(engine, &event, tell, &told), WH_OK);
    fixture_run(engine);
    assert_int_equal(told, 1);
    assert_int_equal(fixture_sent_count, SUBSCRIPTIONS);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(an_engine_that_could_not_be_started_can_be_run_and_started),
        TEST(a_start_that_failed_can_be_made_again_at_once),
        TEST(a_start_that_fails_late_has_sent_nothing),
        TEST(an_engine_that_rests_says_when_to_step),
        TEST(a_start_that_failed_leaves_no_row),
        TEST(a_step_without_the_writers_thread_fails_and_goes_on_later),
        TEST(without_the_writers_thread_nothing_is_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
