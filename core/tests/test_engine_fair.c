/* Rules that take long keep nobody waiting but their own subscription: engine/lag.h, work/lagging.h. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/lag.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "life_kit.h"
#include "log_sql.h"

#define SLOW "https://example.com/slow"
#define FAST "https://example.com/fast"
#define LAGS "SELECT count(*) FROM webhook_lags"

static wh_engine *opened(const char *file) {
    wh_options options = WH_OPTIONS_INIT;

    options.rules = &fake_rules;
    return fixture_open(file, &options);
}

static size_t sent_to(const char *url) {
    size_t count = 0;

    for (size_t i = 0; i < fixture_count(); i++) {
        count += strcmp(fixture_sent[i].url, url) == 0;
    }
    return count;
}

static void subscribe(wh_engine *engine, const char *url, const char *more, char *id) {
    char document[256];

    snprintf(document, sizeof document, "{\"url\":\"%s\"%s}", url, more);
    fixture_subscribe(engine, document, id);
}

static void publish(wh_engine *engine, const char *tenant, int n) {
    wh_event event = WH_EVENT_INIT;
    char body[16];

    snprintf(body, sizeof body, "%d", n);
    event.type = "a";
    event.tenant = tenant;
    event.payload = body;
    event.payload_size = strlen(body);
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

static void step_until(wh_engine *engine, const char *url, size_t count) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (sent_to(url) < count && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(sent_to(url), count);
}

/* The one that hangs until it is let go would keep the worker for good. */
static void one_that_takes_long_keeps_no_other_waiting(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fake_gate = 0;
    subscribe(engine, SLOW, ",\"rule\":\"gate\"", NULL);
    subscribe(engine, FAST, "", NULL);
    fixture_run(engine);
    for (int i = 0; i < 100; i++) {
        publish(engine, NULL, i);
    }
    step_until(engine, FAST, 100);
    assert_int_equal(sent_to(SLOW), 0);
    life_wait_sql(file, LAGS, 1);
    assert_int_equal(wh_idle(engine), 0);
    fake_gate = 1;
    fixture_run(engine);
    assert_int_equal(sent_to(SLOW), 100);
    life_assert_delivered(engine, 200);
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    wh_close(engine);
}

static void what_lags_keeps_its_order(void **state) {
    wh_engine *engine = opened(fixture_file());

    (void)state;
    fake_gate = 0;
    subscribe(engine, SLOW, ",\"rule\":\"slow 3000\",\"order\":\"fifo\"", NULL);
    fixture_run(engine);
    for (int i = 0; i < 100; i++) {
        publish(engine, NULL, i);
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal((int)strtol(fixture_sent[i].body, NULL, 10), i);
    }
    life_assert_delivered(engine, 100);
    wh_close(engine);
}

/* It decides what the others have decided long ago, whoever has it by then. */
static void who_comes_after_goes_on_where_it_was(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    fake_gate = 0;
    subscribe(engine, SLOW, ",\"rule\":\"gate\"", NULL);
    subscribe(engine, FAST, "", NULL);
    fixture_run(engine);
    for (int i = 0; i < 50; i++) {
        publish(engine, NULL, i);
    }
    step_until(engine, FAST, 50);
    life_wait_sql(file, LAGS, 1);
    while (life_states(engine, "delivered") < 50) {
        fixture_turn(engine);
    }
    fake_gate = 1; /* or the rule that is run now, which nobody would let run for so long, would not end */
    wh_close(engine);
    engine = opened(file);
    for (int i = 50; i < 60; i++) {
        publish(engine, NULL, i);
    }
    fixture_run(engine);
    assert_int_equal(sent_to(SLOW), 60);
    assert_int_equal(sent_to(FAST), 60);
    life_assert_delivered(engine, 120);
    wh_close(engine);
}

/* When it has been fast for a while, and has read what they have, the workers decide it again. */
static void who_is_slow_no_more_lags_no_more(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    char id[WH_ID_SIZE];

    (void)state;
    subscribe(engine, SLOW, ",\"rule\":\"slow 3000\"", id);
    fixture_run(engine);
    publish(engine, NULL, 0);
    fixture_run(engine);
    assert_int_equal(life_sql(file, LAGS), 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"pass\"}", WH_ZSTR), WH_OK);
    for (int i = 1; i <= 200; i++) {
        publish(engine, NULL, i);
    }
    for (int i = 0; i < 1000 && life_sql(file, LAGS) > 0; i++) {
        fixture_run(engine);
        usleep(10000);
    }
    assert_int_equal(life_sql(file, LAGS), 0);
    assert_int_equal(atomic_load(&engine->lags->count), 0);
    publish(engine, NULL, 201);
    fixture_run(engine);
    assert_int_equal(sent_to(SLOW), 202);
    life_assert_delivered(engine, 202);
    wh_close(engine);
}

static void note_quiet(whi_lag *lag, void *payload) {
    (void)payload;
    lag->busy_us = INT64_MIN / 2; /* as if it had had nothing to decide for long */
}

/* Until it is idle. Unlike a run it keeps its partitions then: what lags is not given back and found again meanwhile,
 * which on a busy machine would be soon. */
static void step_all(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 60000000;

    do {
        assert_true(whi_monotonic_us() < end);
        assert_true(wh_step(engine) >= 0);
    } while (wh_idle(engine) != 1);
}

/* It would be looked at with each turn for ever. */
static void who_gets_nothing_any_more_lags_no_more(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    subscribe(engine, SLOW, ",\"rule\":\"slow 3000\",\"events\":[\"a\"]", NULL);
    subscribe(engine, FAST, ",\"events\":[\"b\"]", NULL);
    fixture_run(engine);
    publish(engine, NULL, 0);
    step_all(engine);
    assert_int_equal(life_sql(file, LAGS), 1);
    fixture_publish(engine, "b", "1", NULL);
    step_all(engine);
    assert_int_equal(life_sql(file, LAGS), 1);
    whi_lags_each(engine->lags, note_quiet, NULL);
    for (int i = 0; i < 1000 && life_sql(file, LAGS) > 0; i++) {
        step_all(engine);
        usleep(10000);
    }
    assert_int_equal(life_sql(file, LAGS), 0);
    assert_int_equal(atomic_load(&engine->lags->count), 0);
    publish(engine, NULL, 1);
    step_all(engine);
    assert_int_equal(sent_to(SLOW), 2);
    assert_int_equal(life_sql(file, LAGS), 1); /* it still is slow */
    wh_close(engine);
}

static void one_that_is_deleted_lags_no_more(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);
    char id[WH_ID_SIZE];

    (void)state;
    fake_gate = 0;
    subscribe(engine, SLOW, ",\"rule\":\"gate\"", id);
    subscribe(engine, FAST, "", NULL);
    fixture_run(engine);
    for (int i = 0; i < 20; i++) {
        publish(engine, NULL, i);
    }
    step_until(engine, FAST, 20);
    life_wait_sql(file, LAGS, 1);
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    fake_gate = 1;
    fixture_run(engine);
    assert_int_equal(life_sql(file, LAGS), 0);
    assert_int_equal(sent_to(SLOW), 0);
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    wh_close(engine);
}

/* Before it has its row: what it was met in is held for nobody any more. */
static void one_that_is_deleted_at_once_holds_nothing_up(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file), *other = opened(file);
    char id[WH_ID_SIZE];

    (void)state;
    fake_gate = 0;
    subscribe(engine, SLOW, ",\"rule\":\"gate\"", id);
    subscribe(engine, FAST, "", NULL);
    fixture_run(engine);
    publish(engine, NULL, 0);
    whi_writer_stop(engine->writer); /* so that the row waits */
    while (atomic_load(&engine->lags->count) == 0) {
        assert_true(whi_worker_step(engine->workers[0], 0) >= 0);
    }
    assert_int_equal(wh_subscription_delete(other, id), WH_OK);
    wh_close(other);
    fake_gate = 1;
    fixture_run(engine);
    assert_int_equal(life_sql(file, LAGS), 0);
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    assert_int_equal(sent_to(FAST), 1);
    wh_close(engine);
}

/* One event for which that is true, and no more. */
static void a_single_use_one_that_takes_long_gets_one(void **state) {
    wh_engine *engine = opened(fixture_file());

    (void)state;
    fake_gate = 0;
    subscribe(engine, SLOW, ",\"rule\":\"gate\",\"single_use\":true", NULL);
    subscribe(engine, FAST, "", NULL);
    fixture_run(engine);
    for (int i = 0; i < 20; i++) {
        publish(engine, NULL, i);
    }
    step_until(engine, FAST, 20);
    fake_gate = 1;
    fixture_run(engine);
    assert_int_equal(sent_to(SLOW), 1);
    wh_close(engine);
}

/* A tenant with many rules, each below what is too long, has its share and no more. */
static void a_tenant_takes_no_more_than_its_share(void **state) {
    wh_engine *engine = opened(":memory:");
    size_t slow;

    (void)state;
    for (int i = 0; i < 20; i++) {
        subscribe(engine, SLOW, ",\"tenant\":\"big\",\"rule\":\"slow 1500\"", NULL);
    }
    subscribe(engine, FAST, ",\"tenant\":\"small\"", NULL);
    fixture_run(engine);
    for (int i = 0; i < 50; i++) {
        publish(engine, "big", i);
    }
    publish(engine, "small", 0);
    step_until(engine, FAST, 1);
    slow = sent_to(SLOW);
    assert_true(slow <= 40); /* of 1,000: two events' */
    fixture_run(engine);
    assert_int_equal(sent_to(SLOW), 1000);
    wh_close(engine);
}

/* Also where they are another process's events, which are read in the log: who has more than is read at once keeps
 * from nobody that what comes behind is read. */
static void a_tenant_keeps_nobody_from_the_log(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file), *other = opened(file);

    (void)state;
    for (int i = 0; i < 20; i++) {
        subscribe(engine, SLOW, ",\"tenant\":\"big\",\"rule\":\"slow 1500\"", NULL);
    }
    subscribe(engine, FAST, ",\"tenant\":\"small\"", NULL);
    fixture_run(engine);
    for (int i = 0; i < 300; i++) {
        publish(other, "big", i);
    }
    publish(other, "small", 0);
    step_until(engine, FAST, 1);
    assert_true(sent_to(SLOW) <= 200); /* of 6,000: ten events' */
    wh_close(other);
    wh_close(engine);
}

/* No turn is longer than a slice and the rule that is run in it, whatever there is to do. (By CPU time: the machine
 * may be busy.) */
static void no_turn_takes_long(void **state) {
    wh_engine *engine = opened(":memory:");
    int64_t longest = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        subscribe(engine, SLOW, ",\"rule\":\"slow 20000\"", NULL);
    }
    fixture_run(engine);
    for (int i = 0; i < 2; i++) {
        publish(engine, NULL, i);
    }
    while (sent_to(SLOW) < 100) {
        int64_t began = whi_thread_cpu_us();
        assert_true(wh_step(engine) >= 0);
        began = whi_thread_cpu_us() - began;
        longest = began > longest ? began : longest;
    }
    print_message("the longest turn took %lld us\n", (long long)longest);
    assert_true(longest < 20000); /* of 2,000,000 that the rules take */
    wh_close(engine);
}

/* Unlike a run it keeps them. */
static void hold_all(wh_engine *engine) {
    while (atomic_load(&engine->position->count) < WH_PARTITIONS || atomic_load(&engine->more_events)) {
        assert_true(wh_step(engine) >= 0);
    }
}

static whi_store_vtable quiet;

static int no_changes(whi_store *store, int64_t *changes) {
    (void)store;
    *changes = 0;
    return WH_OK;
}

/* Another process has made it, met events for it and gone, all since this one has looked. */
static void one_that_is_not_known_yet_is_not_over(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file), *other;
    int64_t number;
    whi_lag *lag;
    char sql[160];

    (void)state;
    fixture_run(engine);
    quiet = *engine->store->vtable;
    quiet.changes = no_changes;
    engine->store->vtable = &quiet;
    hold_all(engine);
    other = opened(file);
    number = fixture_subscribe(other, "{\"url\":\"" SLOW "\",\"rule\":\"pass\"}", NULL);
    wh_close(other);
    snprintf(sql, sizeof sql, "INSERT INTO webhook_lags (subscription, position) VALUES (%lld, %lld)",
             (long long)number, (long long)number);
    life_sql(file, sql);
    assert_int_equal(whi_lag_new(&lag, number, number), WH_OK);
    whi_lags_load(engine->lags, engine, lag);
    assert_true(wh_step(engine) >= 0);
    assert_true(lag->until > 0);
    wh_close(engine);
}

/* One whose decisions fail for reasons of its own. */
static void one_that_cannot_go_on_keeps_no_other_waiting(void **state) {
    wh_engine *engine = opened(":memory:");
    int64_t end;

    (void)state;
    fake_gate = 0;
    subscribe(engine, FAST, ",\"rule\":\"broken\"", NULL);
    subscribe(engine, SLOW, ",\"rule\":\"slow 3000\"", NULL);
    fixture_run(engine);
    for (int i = 0; i < 10; i++) {
        publish(engine, NULL, i);
    }
    end = whi_monotonic_us() + 5000000;
    while (sent_to(SLOW) < 10 && whi_monotonic_us() < end) {
        (void)wh_step(engine);
    }
    assert_int_equal(sent_to(SLOW), 10);
    fake_gate = 1;
    end = whi_monotonic_us() + 10000000;
    while (sent_to(FAST) < 10 && whi_monotonic_us() < end) {
        (void)wh_step(engine);
    }
    assert_int_equal(sent_to(FAST), 10);
    wh_close(engine);
}

/* Their events are in memory page by page, of which there is never more than is allowed, and some is left. */
static void many_that_lag_leave_memory_to_the_others(void **state) {
    enum { LAGGING = 12, SIZE = 4000 };
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    char body[SIZE + 1];
    long long most = 0;

    (void)state;
    memset(body, '1', SIZE);
    body[SIZE] = '\0';
    options.rules = &fake_rules;
    limits.memory_bytes = 200000;
    options.limits = &limits;
    engine = fixture_open(":memory:", &options);
    for (int i = 0; i < LAGGING; i++) {
        subscribe(engine, SLOW, ",\"rule\":\"slow 2500\"", NULL);
    }
    fixture_run(engine);
    for (int i = 0; i < 30; i++) {
        fixture_publish(engine, "a", body, NULL);
    }
    while (sent_to(SLOW) < 30 * LAGGING) {
        assert_true(wh_step(engine) >= 0);
        long long used = whi_memory_used(engine->memory, WHI_POT_EVENTS);
        most = used > most ? used : most;
    }
    print_message("at most %lld bytes\n", most);
    assert_true(most < 250000);
    wh_close(engine);
}

/* Each worker meets events for it, and all of them stop and start in between. */
static void threads_that_stop_and_start_lose_none(void **state) {
    enum { EVENTS = 60, ROUNDS = 3 };
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    subscribe(engine, SLOW, ",\"rule\":\"slow 3000\"", NULL);
    subscribe(engine, FAST, "", NULL);
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(wh_start(engine, 3), WH_OK);
        for (int i = 0; i < EVENTS / ROUNDS; i++) {
            publish(engine, NULL, round * EVENTS + i);
        }
        life_wait_sql(file, LAGS, 1);
        if (round == ROUNDS - 1) {
            life_wait_idle(engine);
        }
        assert_int_equal(wh_stop(engine, 1000), WH_OK);
    }
    assert_int_equal(sent_to(SLOW), EVENTS);
    assert_int_equal(sent_to(FAST), EVENTS);
    life_assert_delivered(engine, (size_t)2 * EVENTS);
    wh_close(engine);
}

typedef struct wandering {
    pthread_t thread;
    wh_engine *engine;
    int64_t subscription;
    atomic_int over;
    int code;
} wandering;

static void *come_and_go(void *payload) {
    wandering *self = payload;
    whi_lag *lag;

    while (!atomic_load(&self->over) && self->code == WH_OK) {
        self->code = whi_lag_new(&lag, self->subscription, self->subscription);
        if (self->code == WH_OK) {
            whi_lags_load(self->engine->lags, self->engine, lag);
            whi_lags_drop(self->engine->lags, self->engine->position, 1);
        }
    }
    return NULL;
}

/* The lease's thread takes partitions and loses them whenever it likes. */
static void what_is_lost_in_a_turn_is_not_touched_in_it(void **state) {
    wh_engine *engine = opened(":memory:");
    wandering other = { .engine = engine };

    (void)state;
    other.subscription = fixture_subscribe(engine, "{\"url\":\"" SLOW "\"}", NULL);
    fixture_run(engine);
    assert_int_equal(pthread_create(&other.thread, NULL, come_and_go, &other), 0);
    for (int64_t end = whi_monotonic_us() + 1000000; whi_monotonic_us() < end;) {
        assert_true(wh_step(engine) >= 0);
    }
    atomic_store(&other.over, 1);
    pthread_join(other.thread, NULL);
    assert_int_equal(other.code, WH_OK);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(one_that_takes_long_keeps_no_other_waiting),
        TEST(what_lags_keeps_its_order),
        TEST(who_comes_after_goes_on_where_it_was),
        TEST(who_is_slow_no_more_lags_no_more),
        TEST(who_gets_nothing_any_more_lags_no_more),
        TEST(one_that_is_deleted_lags_no_more),
        TEST(one_that_is_deleted_at_once_holds_nothing_up),
        TEST(a_single_use_one_that_takes_long_gets_one),
        TEST(a_tenant_takes_no_more_than_its_share),
        TEST(a_tenant_keeps_nobody_from_the_log),
        TEST(no_turn_takes_long),
        TEST(one_that_is_not_known_yet_is_not_over),
        TEST(one_that_cannot_go_on_keeps_no_other_waiting),
        TEST(many_that_lag_leave_memory_to_the_others),
        TEST(threads_that_stop_and_start_lose_none),
        TEST(what_is_lost_in_a_turn_is_not_touched_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
