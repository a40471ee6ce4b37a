/* A store that lost a part is told from a good one when it is opened, not by the first
 * statement that needs the part; and a file that is lost while it is open. */
#include "store_file_kit.h"

#include "outside/store_sqlite.h"

#include <time.h>

#define PARTS 64

static char names[PARTS][64];
static int count;

static void open_once(void) {
    whi_store *store = opened(path);

    whi_store_close(store);
}

/* Names of what the query lists of a fresh store. */
static void list(const char *query) {
    sqlite3_stmt *statement;
    sqlite3 *db;

    open_once();
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
    for (count = 0; count < PARTS && sqlite3_step(statement) == SQLITE_ROW; count++) {
        snprintf(names[count], sizeof names[0], "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    scrub(NULL);
}

static void make_without(const char *kind, const char *name, const char *more) {
    char sql[400];

    open_once();
    snprintf(sql, sizeof sql, "DROP %s %.60s; %s", kind, name, more);
    execute(sql);
}

static void refused(const char *words) {
    whi_store *store = NULL;
    int code = whi_store_sqlite.open(&store, path, NULL);

    if (code != WH_ECORRUPT || store != NULL || strstr(wh_last_error(), words) == NULL) {
        fail_msg("expected corrupt with %s, found %s: %s", words, wh_error_name(code), wh_last_error());
    }
}

static void each_table_that_is_missing_is_named(void **state) {
    (void)state;
    list("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'webhook%'");
    assert_true(count >= 14);
    for (int i = 0; i < count; i++) {
        make_without("TABLE", names[i], "");
        refused(names[i]);
        refused("missing");
        scrub(NULL);
    }
}

static void each_index_that_is_missing_is_made_again(void **state) {
    char question[400];

    (void)state;
    list("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL");
    assert_true(count >= 7);
    for (int i = 0; i < count; i++) {
        make_without("INDEX", names[i], "");
        open_once();
        snprintf(question, sizeof question, "SELECT count(*) FROM sqlite_schema WHERE name = '%.60s'", names[i]);
        assert_int_equal(asked(question), 1);
        scrub(NULL);
    }
}

static void each_trigger_that_is_missing_is_made_again(void **state) {
    (void)state;
    list("SELECT name FROM sqlite_schema WHERE type = 'trigger'");
    assert_int_equal(count, 3);
    for (int i = 0; i < count; i++) {
        make_without("TRIGGER", names[i], "");
        open_once();
        assert_int_equal(asked("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), 3);
        scrub(NULL);
    }
}

static void an_index_that_is_another_one_is_named(void **state) {
    (void)state;
    make_without("INDEX", "webhook_deliveries_open",
                 "CREATE INDEX webhook_deliveries_open ON webhook_deliveries (updated_at)");
    refused("webhook_deliveries_open");
    scrub(NULL);
    make_without("INDEX", "webhook_deliveries_open",
                 "CREATE TABLE o (o); CREATE INDEX webhook_deliveries_open ON o (o)");
    refused("webhook_deliveries_open");
}

static void a_column_that_is_missing_is_named(void **state) {
    (void)state;
    open_once();
    execute("ALTER TABLE webhook_events DROP COLUMN source");
    refused("webhook_events");
    refused("source");
    scrub(NULL);
    open_once();
    execute("ALTER TABLE webhook_attempts DROP COLUMN response");
    refused("response");
}

/* As a copy by CREATE TABLE … AS leaves it. */
static void a_key_that_is_missing_is_noticed(void **state) {
    (void)state;
    make_without(
        "INDEX", "webhook_deliveries_open",
        "ALTER TABLE webhook_partitions RENAME TO p; CREATE TABLE webhook_partitions AS SELECT * FROM p; DROP TABLE p");
    refused("webhook_partitions");
}

static void what_an_application_adds_does_not_matter(void **state) {
    (void)state;
    open_once();
    execute("CREATE INDEX theirs ON webhook_events (type); ALTER TABLE webhook_outbox ADD COLUMN note TEXT;"
            "CREATE TABLE webhook_of_theirs (a)");
    open_once();
}

/* Of the processor: other tests run beside it. */
static int64_t used_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void looking_takes_little_time(void **state) {
    int64_t best = INT64_MAX, started;

    (void)state;
    for (int i = 0; i < 10; i++) {
        whi_store *store;
        started = used_us();
        store = opened(path);
        started = used_us() - started;
        best = started < best ? started : best;
        whi_store_close(store);
    }
    print_message("an open takes %lld us\n", (long long)best);
    assert_true(best < 50000); /* 2.5 ms here, without a sanitizer */
}

/* ---------------------------------------------------------------- the file itself */

static int has_moved(whi_store *store) {
    int moved = -1;

    OK(whi_sqlite_moved(store, &moved));
    return moved;
}

static const char *beside(const char *tail) {
    static char named[160];

    snprintf(named, sizeof named, "%s%s", path, tail);
    return named;
}

/* One of its files is put away, then back; put away and replaced; and removed. */
static void lose(const char *tail) {
    char away[160];
    whi_store *store = opened(path);
    FILE *other;

    snprintf(away, sizeof away, "%s/away", folder);
    assert_int_equal(has_moved(store), 0);
    rename(beside(tail), away);
    assert_int_equal(has_moved(store), 1);
    assert_int_equal(whi_store_begin(store), WH_EMOVED);
    rename(away, beside(tail));
    assert_int_equal(has_moved(store), 0);
    rename(beside(tail), away);
    other = fopen(beside(tail), "w");
    fclose(other);
    assert_int_equal(has_moved(store), 1);
    unlink(beside(tail));
    assert_int_equal(has_moved(store), 1);
    whi_store_close(store);
    unlink(away);
    scrub(NULL);
}

static void a_file_that_was_moved_or_replaced_is_noticed(void **state) {
    (void)state;
    lose("");
    lose("-wal");
    lose("-shm");
}

static void a_file_that_is_used_by_others_has_not_moved(void **state) {
    whi_store *store = opened(path), *second = opened(path);

    (void)state;
    execute("INSERT INTO webhook_outbox (type, payload) VALUES ('a.b', '1'); PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(has_moved(store), 0);
    whi_store_close(second);
    execute("VACUUM");
    assert_int_equal(has_moved(store), 0);
    whi_store_close(store);
}

static void a_link_that_goes_elsewhere_does_not_matter(void **state) {
    char link[160];
    whi_store *store;

    (void)state;
    open_once();
    snprintf(link, sizeof link, "%s/link.db", folder);
    assert_int_equal(symlink(path, link), 0);
    store = opened(link);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(has_moved(store), 0);
    whi_store_close(store);
}

/* The answer must not wait for a transaction: the heartbeat asks. */
static void it_is_answered_during_a_transaction(void **state) {
    whi_store *store = opened(path), *memory = opened(":memory:");

    (void)state;
    OK(whi_store_begin(store));
    assert_int_equal(has_moved(store), 0);
    whi_store_rollback(store);
    whi_store_close(store);
    assert_int_equal(has_moved(memory), 0);
    whi_store_close(memory);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_table_that_is_missing_is_named, scrub),
        cmocka_unit_test_teardown(each_index_that_is_missing_is_made_again, scrub),
        cmocka_unit_test_teardown(each_trigger_that_is_missing_is_made_again, scrub),
        cmocka_unit_test_teardown(an_index_that_is_another_one_is_named, scrub),
        cmocka_unit_test_teardown(a_column_that_is_missing_is_named, scrub),
        cmocka_unit_test_teardown(a_key_that_is_missing_is_noticed, scrub),
        cmocka_unit_test_teardown(what_an_application_adds_does_not_matter, scrub),
        cmocka_unit_test_teardown(looking_takes_little_time, scrub),
        cmocka_unit_test_teardown(a_file_that_was_moved_or_replaced_is_noticed, scrub),
        cmocka_unit_test_teardown(a_file_that_is_used_by_others_has_not_moved, scrub),
        cmocka_unit_test_teardown(a_link_that_goes_elsewhere_does_not_matter, scrub),
        cmocka_unit_test_teardown(it_is_answered_during_a_transaction, scrub),
    };

    return RUN_STORE_TESTS(tests);
}
