/* What cannot be merged into the store's file, because somebody reads it for long, is told of once. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "work/unmerged.h"

static whi_store_vtable measured;
static int64_t log_bytes;
static int told;

static int figures(whi_store *store, int64_t now, int64_t most, whi_store_figures *out) {
    (void)store;
    (void)now;
    assert_int_equal(most, 0); /* nothing is counted */
    *out = (whi_store_figures){ .log_bytes = log_bytes };
    return WH_OK;
}

static void on_line(int level, const char *line, void *payload) {
    (void)payload;
    told += level == WH_LOG_WARNING && strstr(line, "write-ahead log has") != NULL;
}

static wh_engine *opened(void) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.log = on_line;
    engine = fixture_open(":memory:", &options);
    measured = *engine->store->vtable;
    measured.figures = figures;
    engine->store->vtable = &measured;
    told = 0;
    return engine;
}

static int told_after(wh_engine *engine, int64_t bytes) {
    log_bytes = bytes;
    fixture_time += 60001;
    fixture_run(engine);
    return told;
}

static void what_stays_much_is_told_of_once(void **state) {
    wh_engine *engine = opened();

    (void)state;
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH), 0); /* as a large transaction leaves it */
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH), 1);
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH * 4), 1);
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH - 1), 1); /* not over yet */
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH * 4), 1);
    wh_close(engine);
}

static void when_it_was_over_it_is_told_of_again(void **state) {
    wh_engine *engine = opened();

    (void)state;
    (void)told_after(engine, WHI_UNMERGED_MUCH);
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH), 1);
    assert_int_equal(told_after(engine, 0), 1);
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH), 1);
    assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH * 2), 2); /* another line: the same one would be counted */
    wh_close(engine);
}

static void a_large_transaction_is_no_reader(void **state) {
    wh_engine *engine = opened();

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH), 0);
        assert_int_equal(told_after(engine, WHI_UNMERGED_MUCH - 1), 0);
    }
    wh_close(engine);
}

static long long log_bytes_of(wh_engine *engine) {
    char *text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));
    const char *found = strstr(text, "\"log_bytes\":");
    long long bytes = found != NULL ? strtoll(found + 12, NULL, 10) : -1;

    wh_free(text);
    return bytes;
}

static void publish_much(wh_engine *engine) {
    static char body[200002];

    memset(body, '1', sizeof body - 1);
    for (int i = 0; i < 60; i++) {
        fixture_publish(engine, "a", body, NULL);
    }
}

/* SQLite merges after 1,000 pages, if nobody reads. */
static void statistics_have_what_a_reader_keeps_from_being_merged(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    long long without;
    sqlite3 *reader;

    (void)state;
    publish_much(engine);
    without = log_bytes_of(engine);
    assert_int_equal(sqlite3_open(file, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM webhook_events", NULL, NULL, NULL), SQLITE_OK);
    publish_much(engine);
    publish_much(engine);
    assert_true(log_bytes_of(engine) > without + 20000000);
    sqlite3_close(reader);
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_stays_much_is_told_of_once, fixture_setup),
        cmocka_unit_test_setup(when_it_was_over_it_is_told_of_again, fixture_setup),
        cmocka_unit_test_setup(a_large_transaction_is_no_reader, fixture_setup),
        cmocka_unit_test_setup(statistics_have_what_a_reader_keeps_from_being_merged, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
