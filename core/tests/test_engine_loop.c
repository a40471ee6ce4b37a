/* An engine in a host's event loop, beside threads that publish with and without waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"

#define URL "\"url\":\"https://example.com/hook\""
#define TURN_MS 500

/* ---------------------------------------------------------------- a commit that is long */

#define BATCH 10000

typedef struct publisher {
    wh_engine *engine;
    wh_event *events;
    atomic_int batches, failed;
} publisher;

static void *publish_batches(void *payload) {
    publisher *self = payload;

    for (int i = 0; i < 3; i++) {
        if (wh_publish_batch(self->engine, self->events, BATCH, NULL) != WH_OK) {
            atomic_fetch_add(&self->failed, 1);
        }
        atomic_fetch_add(&self->batches, 1);
    }
    return NULL;
}

static wh_event *make_batch(void) {
    wh_event *events = calloc(BATCH, sizeof *events);

    assert_non_null(events);
    for (int i = 0; i < BATCH; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "nobody.wants.it";
        events[i].payload = "{}";
        events[i].payload_size = 2;
    }
    return events;
}

static void a_long_commit_of_a_publisher_does_not_hold_a_turn_up(void **state) {
    publisher self = { 0 };
    int64_t longest = 0, started;
    pthread_t thread;

    (void)state;
    self.events = make_batch();
    self.engine = fixture_open(fixture_file(), NULL);
    fixture_subscribe(self.engine, "{" URL ",\"events\":[\"a\"]}", NULL);
    fixture_run(self.engine);
    assert_int_equal(pthread_create(&thread, NULL, publish_batches, &self), 0);
    while (atomic_load(&self.batches) < 3) {
        int64_t ms;
        started = whi_monotonic_us();
        assert_true(wh_step(self.engine) >= 0);
        assert_true(wh_timeout(self.engine) >= -1);
        ms = life_ms_since(started);
        longest = ms > longest ? ms : longest;
    }
    pthread_join(thread, NULL);
    print_message("the longest turn: %lld ms\n", (long long)longest);
    assert_true(longest < TURN_MS);
    assert_int_equal(atomic_load(&self.failed), 0);
    wh_close(self.engine);
    free(self.events);
}

/* -------------------------------------------------------------------- told exactly once */

#define THREADS 4
#define EACH 1000

/* One publication: how often it was told, and as what. */
typedef struct promise {
    atomic_int accepted, told, durable;
} promise;

static promise promises[THREADS][EACH];
static wh_engine *engine;
static atomic_int at_work;

static void tell(int code, const char *error, const wh_receipt *receipt, void *payload) {
    promise *self = payload;

    (void)error;
    (void)receipt;
    atomic_fetch_add(&self->told, 1);
    atomic_store(&self->durable, code == WH_OK);
}

static int promise_one(wh_published_fn told, void *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.payload = "{}";
    event.payload_size = 2;
    return wh_publish_async(engine, &event, told, payload);
}

static void *promise_many(void *payload) {
    promise *list = payload;

    for (int i = 0; i < EACH; i++) {
        if (promise_one(tell, &list[i]) == WH_OK) {
            atomic_store(&list[i].accepted, 1);
        } else {
            usleep(200);
        }
        if (i % 50 == 0) {
            usleep(1000);
        }
    }
    atomic_fetch_sub(&at_work, 1);
    return NULL;
}

static void begin(pthread_t threads[THREADS], const char *store) {
    memset(promises, 0, sizeof promises);
    engine = fixture_open(store, NULL);
    fixture_subscribe(engine, "{" URL "}", NULL);
    atomic_store(&at_work, THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, promise_many, promises[i]), 0);
    }
}

static void join(pthread_t threads[THREADS]) {
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* How many became durable; each that was taken was told once, and no other. */
static int count_durable(void) {
    int count = 0;

    for (int i = 0; i < THREADS; i++) {
        for (int k = 0; k < EACH; k++) {
            promise *one = &promises[i][k];
            assert_int_equal(atomic_load(&one->told), atomic_load(&one->accepted));
            count += atomic_load(&one->durable);
        }
    }
    return count;
}

/* As a host does: it waits for the descriptor, or until it is time. */
static void wait_for_turn(void) {
    struct pollfd one = { wh_fd(engine), POLLIN, 0 };
    int timeout = wh_timeout(engine);

    poll(&one, 1, timeout < 0 || timeout > 1000 ? 1000 : timeout);
}

static void what_threads_publish_beside_a_loop_is_told_once(void **state) {
    pthread_t threads[THREADS];

    (void)state;
    begin(threads, fixture_file());
    while (atomic_load(&at_work) > 0) {
        assert_true(wh_step(engine) >= 0);
        wait_for_turn();
    }
    join(threads);
    fixture_run(engine);
    assert_int_equal(count_durable(), THREADS * EACH);
    life_assert_delivered(engine, THREADS * EACH);
    assert_int_equal(fixture_sent_count, THREADS * EACH);
    wh_close(engine);
}

/* In those of wh_start it is refused; what was taken before is told after wh_stop. */
static void what_is_published_around_a_start_is_told_once(void **state) {
    pthread_t threads[THREADS];
    int durable;

    (void)state;
    begin(threads, fixture_file());
    while (atomic_load(&at_work) > 0) {
        assert_int_equal(wh_start(engine, 2), WH_OK);
        usleep(2000);
        assert_int_equal(wh_stop(engine, 0), WH_OK);
        for (int i = 0; i < 20; i++) {
            assert_true(wh_step(engine) >= 0);
        }
    }
    join(threads);
    fixture_run(engine);
    durable = count_durable();
    assert_true(durable > 0);
    life_assert_delivered(engine, (size_t)durable);
    wh_close(engine);
}

static void closing_tells_each_once(void **state) {
    const char *file = fixture_file();
    pthread_t threads[THREADS];
    int durable;

    (void)state;
    begin(threads, file);
    join(threads);
    wh_close(engine);
    durable = count_durable();
    engine = fixture_open(file, NULL);
    fixture_run(engine);
    life_assert_delivered(engine, (size_t)durable);
    wh_close(engine);
}

/* --------------------------------------------------------- publishing from within `done` */

static int chained, refused, open_doors, chain_left;

static void tell_and_go_on(int code, const char *error, const wh_receipt *receipt, void *payload) {
    (void)code;
    (void)error;
    (void)receipt;
    chained++;
    open_doors += wh_step(engine) >= 0 || wh_start(engine, 1) == WH_OK;
    if (chain_left-- > 0 && promise_one(tell_and_go_on, payload) != WH_OK) {
        refused++;
    }
}

static void begin_chain(const char *store, int length) {
    chained = refused = open_doors = 0;
    chain_left = length;
    engine = fixture_open(store, NULL);
    fixture_subscribe(engine, "{" URL "}", NULL);
    assert_int_equal(promise_one(tell_and_go_on, NULL), WH_OK);
}

static void who_is_told_may_publish_the_next(void **state) {
    (void)state;
    begin_chain(":memory:", 100);
    while (chained < 101) {
        assert_true(wh_step(engine) >= 0);
    }
    fixture_run(engine);
    assert_int_equal(refused, 0);
    life_assert_delivered(engine, 101);
    wh_close(engine);
}

static void who_is_told_by_a_close_is_refused_more(void **state) {
    const char *file = fixture_file();

    (void)state;
    begin_chain(file, 3);
    wh_close(engine);
    assert_int_equal(chained, 1);
    assert_int_equal(refused, 1);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_workers"), 0);
    assert_int_equal(open_doors, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(a_long_commit_of_a_publisher_does_not_hold_a_turn_up),
        TEST(what_threads_publish_beside_a_loop_is_told_once),
        TEST(what_is_published_around_a_start_is_told_once),
        TEST(closing_tells_each_once),
        TEST(who_is_told_may_publish_the_next),
        TEST(who_is_told_by_a_close_is_refused_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
