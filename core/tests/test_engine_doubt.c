/* An engine of whose commit it stays unknown whether it was made. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine_fixture.h"
#include "life_kit.h"
#include "log_sql.h"

/* In front of the C library's: the writer's pauses take no time. */
__attribute__((visibility("default"))) int nanosleep(const struct timespec *time, struct timespec *left) {
    (void)time;
    (void)left;
    return 0;
}

/* A store that makes one commit with such a fact, and cannot say so. */
static whi_store_vtable mute;
static const whi_store_vtable *sound;
static enum wh_backend_fact_kind kind;
static int left, ended;

static int has_kind(const whi_fact *facts, size_t count) {
    int found = 0;

    for (size_t i = 0; i < count; i++) {
        found |= facts[i].kind == kind;
    }
    return found;
}

static int seen; /* a fact of the kind was done before the commit */

static int write_seen(whi_store *store, whi_fact *facts, size_t count) {
    seen |= has_kind(facts, count);
    return sound->write(store, facts, count);
}

static int commit_unsaid(whi_store *store, whi_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    int wanted = left > 0 && (seen || has_kind(facts, count));
    int code = sound->commit(store, facts, count, outcome);

    if (code != WH_OK || !wanted) {
        return code;
    }
    left--;
    ended = 1;
    *outcome = WH_COMMIT_UNKNOWN;
    return whi_fail(WH_ESTORE, "the connection broke");
}

static void cannot_see(whi_store *store, enum wh_backend_commit *outcome) {
    (void)store;
    *outcome = WH_COMMIT_UNKNOWN;
}

static void roll_back_once(whi_store *store) {
    if (!ended) {
        sound->rollback(store);
    }
    ended = 0;
}

static void make_mute(wh_engine *engine, enum wh_backend_fact_kind of) {
    sound = engine->store->vtable;
    mute = *sound;
    mute.write = write_seen;
    mute.commit = commit_unsaid;
    mute.settle = cannot_see;
    mute.rollback = roll_back_once;
    engine->store->vtable = &mute;
    kind = of;
    left = 1;
    seen = 0;
}

static void step_until(wh_engine *engine, size_t count) {
    int64_t end = whi_monotonic_us() + 60000000;

    while (fixture_sent_count < count && whi_monotonic_us() < end) {
        atomic_fetch_add(&fixture_time, 1000);
        (void)wh_step(engine); /* tells once that the store failed */
    }
    assert_int_equal(fixture_sent_count, count);
    assert_int_equal(left, 0);
}

/* The same of an event; it is sent once, since nobody sent it before. */
static void so_is_an_event(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event event = WH_EVENT_INIT;

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/hook\"}", NULL);
    fixture_run(engine);
    make_mute(engine, WH_FACT_EVENT);
    event.type = "a";
    event.payload = "1";
    event.payload_size = 1;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_ESTORE);
    assert_has(wh_last_error(), "cannot be seen");
    step_until(engine, 1);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    engine->store->vtable = sound;
    wh_close(engine);
}

/* It is in the store and was not told of; what comes then goes to it. */
static void a_subscription_of_which_nothing_is_known_is_read(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);

    (void)state;
    fixture_publish(engine, "a", "0", NULL);
    fixture_run(engine);
    make_mute(engine, WH_FACT_SUBSCRIPTION);
    assert_int_equal(wh_subscribe(engine, "{\"url\":\"https://example.com/hook\"}", WH_ZSTR, NULL), WH_ESTORE);
    assert_int_equal(left, 0);
    engine->store->vtable = sound;
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void one_that_was_removed_gets_nothing(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/hook\"}", id);
    fixture_run(engine);
    make_mute(engine, WH_FACT_SUBSCRIPTION_REMOVE);
    assert_int_equal(wh_subscription_delete(engine, id), WH_ESTORE);
    assert_int_equal(left, 0);
    engine->store->vtable = sound;
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    wh_close(engine);
}

/* Its beat takes them, from whoever had decided nothing yet, and is not told of it; and the process ends. */
static void partitions_of_which_nothing_is_known_begin_where_they_were(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/hook\"}", NULL);
    fixture_publish(engine, "a", "1", NULL);
    for (int i = 0; i < 100 && (fixture_sent_count < 1 || life_sql(file, LOG_UNDECIDED) > 0); i++) {
        fixture_turn(engine);
    }
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    life_sql(file, "DELETE FROM webhook_deliveries");
    life_sql(file, "UPDATE webhook_partitions SET owner = 0, position = 0");
    make_mute(engine, WH_FACT_PARTITION_TAKE);
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
    for (int64_t end = whi_monotonic_us() + 30000000; atomic_load(&engine->lease->doubted) == 0;) {
        assert_true(whi_monotonic_us() < end);
        sched_yield();
    }
    wh_close(engine);
    assert_int_equal(left, 0);
    engine = fixture_open(file, NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(so_is_an_event),
        TEST(a_subscription_of_which_nothing_is_known_is_read),
        TEST(one_that_was_removed_gets_nothing),
        TEST(partitions_of_which_nothing_is_known_begin_where_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
