#include "life_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "engine_fixture.h"

#define PATIENCE_US INT64_C(30000000)

void life_settle(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    for (int quiet = 0; quiet < 10 && whi_monotonic_us() < end;) {
        int done = wh_step(engine);
        assert_true(done >= 0);
        whi_writer_drain(engine->writer);
        quiet = done > 0 || atomic_load(&engine->position->count) < WH_PARTITIONS ? 0 : quiet + 1;
    }
}

int life_publish(wh_engine *engine, const char *type, const char *key, const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = type;
    event.key = key;
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    return wh_publish(engine, &event, NULL);
}

int64_t life_sql(const char *file, const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    int result;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    result = result == SQLITE_OK ? sqlite3_step(statement) : result;
    if (result == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    } else if (result != SQLITE_DONE) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

sqlite3 *life_lock(const char *file) {
    sqlite3 *other;

    assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
    sqlite3_busy_timeout(other, 10000);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return other;
}

void life_unlock(sqlite3 *other) {
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}

/* Counts a page's items; 1: there is another, after cursor. */
static int count_page(const char *page, size_t *count, char cursor[64]) {
    const char *next = strstr(page, "\"next\":\"");

    for (const char *at = strstr(page, "\"id\":\"dlv_"); at != NULL; at = strstr(at + 1, "\"id\":\"dlv_")) {
        ++*count;
    }
    return next != NULL && sscanf(next, "\"next\":\"%63[^\"]", cursor) == 1;
}

size_t life_states(wh_engine *engine, const char *state) {
    wh_query query = WH_QUERY_INIT;
    char cursor[64], *page;
    size_t count = 0;
    int more;

    query.state = state;
    query.limit = 1000;
    do {
        page = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
        more = count_page(page, &count, cursor);
        query.cursor = cursor;
        wh_free(page);
    } while (more);
    return count;
}

void life_wait_idle(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;
    int idle = wh_idle(engine);

    while (idle != 1 && whi_monotonic_us() < end) {
        usleep(2000);
        idle = wh_idle(engine);
    }
    assert_int_equal(idle, 1);
}

void life_wait_sent(size_t count) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    while (fixture_count() < count && whi_monotonic_us() < end) {
        usleep(2000);
    }
    assert_true(fixture_count() >= count);
}

void life_wait_sql(const char *file, const char *sql, int64_t number) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    while (life_sql(file, sql) != number && whi_monotonic_us() < end) {
        usleep(5000);
    }
    assert_int_equal(life_sql(file, sql), number);
}

int64_t life_ms_since(int64_t us) {
    return (whi_monotonic_us() - us) / 1000;
}

void life_assert_delivered(wh_engine *engine, size_t count) {
    assert_int_equal(life_states(engine, "waiting"), 0);
    assert_int_equal(life_states(engine, "delivered"), count);
    assert_int_equal(wh_idle(engine), 1);
}
