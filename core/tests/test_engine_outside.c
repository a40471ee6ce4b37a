/* What other programs do to the file of an engine that works: they lock it, move it, damage it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"

#define URL "\"url\":\"https://example.com/hook\""
#define LOOP_MS 500 /* no turn of an event loop is longer, whoever has the lock */
#define LOCKED_MS 1200

/* A heartbeat is due now. */
static void beat_now(wh_engine *engine) {
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
}

/* ------------------------------------------------------------------------------ locked */

static sqlite3 *lock_file(const char *file) {
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void unlock_file(sqlite3 *db) {
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t longer(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* What an event loop does; the longest of its calls in ms. */
static int64_t loop_once(wh_engine *engine) {
    int64_t started = whi_monotonic_us(), step, rest;

    assert_true(wh_step(engine) >= 0);
    step = life_ms_since(started);
    started = whi_monotonic_us();
    assert_true(wh_timeout(engine) >= -1);
    assert_true(wh_fd(engine) >= 0);
    rest = life_ms_since(started);
    return longer(step, rest);
}

static int64_t loop_for(wh_engine *engine, int64_t ms) {
    int64_t started = whi_monotonic_us(), longest = 0;

    while (life_ms_since(started) < ms) {
        longest = longer(longest, loop_once(engine));
        usleep(1000);
    }
    return longest;
}

static wh_engine *open_with_events(const char *file, int events) {
    wh_engine *engine = fixture_open(file, NULL);

    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_run(engine);
    assert_true(wh_step(engine) >= 0); /* it is in a loop */
    for (int i = 0; i < events; i++) {
        fixture_publish(engine, "a", "{}", NULL);
    }
    return engine;
}

static void a_loop_does_not_wait_for_who_holds_the_lock(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 50);
    sqlite3 *other = lock_file(file);

    (void)state;
    beat_now(engine);
    assert_true(loop_for(engine, LOCKED_MS) < LOOP_MS);
    assert_int_equal(fixture_sent_count, 50); /* what is in memory goes out under the lease */
    unlock_file(other);
    fixture_run(engine);
    life_assert_delivered(engine, 50);
    assert_int_equal(fixture_sent_count, 50);
    wh_close(engine);
}

static void without_a_lease_nothing_goes_out_until_the_lock_is_free(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 20);
    sqlite3 *other = lock_file(file);

    (void)state;
    beat_now(engine);
    atomic_store(&engine->lease->until, 0); /* as after five seconds of that */
    assert_true(loop_for(engine, LOCKED_MS / 3) < LOOP_MS);
    assert_int_equal(fixture_sent_count, 0);
    unlock_file(other);
    fixture_run(engine);
    life_assert_delivered(engine, 20);
    assert_int_equal(fixture_sent_count, 20);
    wh_close(engine);
}

static void an_engine_is_started_while_another_holds_the_lock(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    sqlite3 *other;
    int64_t started;

    (void)state;
    for (int i = 0; i < 4; i++) {
        fixture_subscribe(engine, "{" URL "}", NULL);
    }
    fixture_publish(engine, "a", "{}", NULL);
    other = lock_file(file);
    started = whi_monotonic_us();
    assert_int_equal(wh_start(engine, 4), WH_OK);
    assert_true(life_ms_since(started) < LOOP_MS);
    usleep(300000);
    unlock_file(other);
    fixture_publish(engine, "a", "{}", NULL);
    life_wait_idle(engine);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    life_assert_delivered(engine, 8);
    assert_int_equal(fixture_sent_count, 8);
    wh_close(engine);
}

/* ------------------------------------------------------------------------------- moved */

static const char *beside(const char *file) {
    static char name[80];

    snprintf(name, sizeof name, "%s-beside", file);
    return name;
}

/* All that the other hand can do; the sentence says it. */
static void assert_moved(wh_engine *engine) {
    int64_t started = whi_monotonic_us();
    int code;

    assert_int_equal(life_publish(engine, "a", NULL, "{}"), WH_EMOVED);
    assert_has(wh_last_error(), "moved");
    beat_now(engine);
    do {
        code = wh_step(engine);
        usleep(1000);
    } while (code >= 0 && life_ms_since(started) < 3000);
    assert_int_equal(code, WH_EMOVED);
    assert_has(wh_last_error(), "moved");
}

static void a_file_that_was_moved_takes_nothing_until_it_is_back(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 1);

    (void)state;
    fixture_run(engine);
    assert_int_equal(rename(file, beside(file)), 0);
    assert_moved(engine);
    assert_int_equal(rename(beside(file), file), 0);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_events"), 1);
    while (wh_step(engine) < 0) {}
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    life_assert_delivered(engine, 2);
    wh_close(engine);
}

static void a_file_that_was_removed_takes_nothing(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 1);

    (void)state;
    fixture_run(engine);
    assert_int_equal(unlink(file), 0);
    assert_moved(engine);
    assert_moved(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void what_took_the_place_of_the_file_is_left_alone(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with_events(file, 1);
    struct stat about;
    FILE *other;

    (void)state;
    fixture_run(engine);
    assert_int_equal(rename(file, beside(file)), 0);
    other = fopen(file, "w");
    assert_non_null(other);
    fclose(other);
    assert_moved(engine);
    wh_close(engine);
    assert_int_equal(stat(file, &about), 0);
    assert_int_equal(about.st_size, 0);
    unlink(beside(file));
}

static atomic_int lines;

static void count_line(int level, const char *line, void *payload) {
    (void)level;
    (void)line;
    (void)payload;
    atomic_fetch_add(&lines, 1);
}

static wh_engine *open_logged(const char *file) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.log = count_line;
    atomic_store(&lines, 0);
    engine = fixture_open(file, &options);
    fixture_subscribe(engine, "{" URL "}", NULL);
    return engine;
}

/* ----------------------------------------------------------------------------- damaged */

#define WEEK_MS INT64_C(604800000) /* behind every time of a retry */

static int run_for_3_s(wh_engine *engine) {
    int64_t started = whi_monotonic_us();
    int code = WH_OK;

    while (code == WH_OK && life_ms_since(started) < 3000) {
        code = wh_run(engine);
    }
    return code;
}

/* With a first attempt and a second one to be recorded: they have different tables. */
static void a_table_that_is_gone_ends_a_run(const char *table) {
    const char *file = fixture_file();
    wh_engine *engine = open_logged(file);
    char drop[64];

    fixture_script.status = 500;
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    fixture_script.status = 200;
    fixture_time += WEEK_MS;
    snprintf(drop, sizeof drop, "DROP TABLE %s", table);
    fixture_publish(engine, "a", "{}", NULL);
    life_sql(file, drop);
    assert_int_equal(run_for_3_s(engine), WH_ECORRUPT);
    assert_has(wh_last_error(), table);
    wh_close(engine);
    fixture_reset();
}

static void a_run_ends_with_the_name_of_the_table_that_is_gone(void **state) {
    static const char *const tables[] = { "webhook_deliveries", "webhook_attempts", "webhook_workers",
                                          "webhook_partitions", "webhook_events",   "webhook_outbox" };

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        print_message("%s\n", tables[i]);
        a_table_that_is_gone_ends_a_run(tables[i]);
    }
}

/* What cannot be mended is said now and then, not by a processor that is kept busy. */
static void threads_do_not_spin_when_a_table_is_gone(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_logged(file);

    (void)state;
    assert_int_equal(wh_start(engine, 2), WH_OK);
    fixture_publish(engine, "a", "{}", NULL);
    life_wait_idle(engine);
    life_sql(file, "DROP TABLE webhook_deliveries");
    fixture_publish(engine, "a", "{}", NULL);
    usleep(1500000);
    print_message("%d lines\n", atomic_load(&lines));
    assert_true(atomic_load(&lines) > 0);
    assert_true(atomic_load(&lines) < 50);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(a_loop_does_not_wait_for_who_holds_the_lock),
        TEST(without_a_lease_nothing_goes_out_until_the_lock_is_free),
        TEST(an_engine_is_started_while_another_holds_the_lock),
        TEST(a_file_that_was_moved_takes_nothing_until_it_is_back),
        TEST(a_file_that_was_removed_takes_nothing),
        TEST(what_took_the_place_of_the_file_is_left_alone),
        TEST(a_run_ends_with_the_name_of_the_table_that_is_gone),
        TEST(threads_do_not_spin_when_a_table_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
