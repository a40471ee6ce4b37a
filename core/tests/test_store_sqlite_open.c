/* Whose file it is: new, ours, an application's that is adopted, and what is refused;
 * and the outbox, which an application writes in its own transaction. */
#include "store_file_kit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "outside/store_sqlite.h"

/* ------------------------------------------------------------------- outbox */

static int judge(whi_event_row *row, void *payload) {
    see_event(row, payload);
    if (strcmp(row->type, "bad type") == 0) {
        return whi_fail(WH_EINVALID, "type: no blank is allowed") != WH_OK ? WH_OUTBOX_REFUSED : WH_OK;
    }
    row->accepted_at = row->time = NOW;
    return WH_OK;
}

static int shell(const char *script) {
    char command[256];
    FILE *pipe;

    snprintf(command, sizeof command, "sqlite3 -batch -bail '%s'", path);
    pipe = popen(command, "w");
    assert_non_null(pipe);
    fputs(script, pipe);
    return pclose(pipe);
}

static void the_sqlite3_shell_emits_events_in_the_transaction_of_its_own_table(void **state) {
    whi_store *store;
    seen all = { 0 };
    int64_t upto;
    whi_store_work work;
    int count;

    (void)state;
    if (system("command -v sqlite3 >/dev/null") != 0) {
        fail_msg("this test needs the sqlite3 shell: install the package sqlite3");
    }
    assert_int_equal(shell("CREATE TABLE orders (id INTEGER PRIMARY KEY, total);"
                           "INSERT INTO orders VALUES (6, 5);"),
                     0);
    store = opened(path);
    assert_int_equal(shell("BEGIN; INSERT INTO orders VALUES (7, 1200);"
                           "INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', '{\"id\":7}'); COMMIT;"
                           "BEGIN; INSERT INTO orders VALUES (8, 1);"
                           "INSERT INTO webhook_outbox (type, payload) VALUES ('order.lost', '{\"id\":8}'); ROLLBACK;"
                           "INSERT INTO webhook_outbox (id, type, tenant, time, payload)"
                           " VALUES ('k1', 'bad type', 't', 5, x'7b7d');"),
                     0);
    OK(V(store)->work(store, &work));
    assert_int_equal(work.outbox, 1);
    OK(whi_store_begin(store));
    OK(whi_store_outbox_take(store, 10, judge, &all, &count));
    assert_int_equal(count, 2);
    assert_int_equal(all.count, 2);
    OK(whi_store_outbox_take(store, 10, judge, &all, &count));
    assert_int_equal(count, 0);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(all.count, 2);
    assert_string_equal(all.text, "{}");
    assert_string_equal(all.id, "k1");
    all.count = 0;
    OK(V(store)->event_log(store, 0, 10, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 1);
    assert_string_equal(all.text, "{\"id\":7}");
    OK(V(store)->work(store, &work));
    assert_int_equal(work.outbox, 0);
    assert_int_equal(work.events, 1);
    assert_int_equal(shell("CREATE TEMP TABLE t (ok CHECK (ok));"
                           "INSERT INTO t SELECT count(*) = 2 AND max(id) = 7 FROM orders;"
                           "INSERT INTO t SELECT error = 'type: no blank is allowed' AND payload = '{}'"
                           " AND id = 'k1' FROM webhook_outbox_rejected;"),
                     0);
    whi_store_close(store);
}

/* ---------------------------------------------------------------- whose file */

static void refused(const char *name, int code, const char *words) {
    whi_store *store;

    assert_int_equal(whi_store_sqlite.open(&store, name, NULL), code);
    assert_null(store);
    if (strstr(wh_last_error(), words) == NULL || (name != NULL && strstr(wh_last_error(), name) == NULL)) {
        fail_msg("'%s' does not say '%s' or the name", wh_last_error(), words);
    }
}

static void what_is_no_store_is_refused_and_not_touched(void **state) {
    char name[200], text[8192];
    whi_store *store;
    int file;

    (void)state;
    refused(NULL, WH_EINVALID, "file name");
    refused("", WH_EINVALID, "file name");
    refused(folder, WH_ESTORE, "is a directory");
    snprintf(name, sizeof name, "%s/none/x.db", folder);
    refused(name, WH_ESTORE, "No such file");
    memset(text, 'x', sizeof text);
    file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(file, text, sizeof text), sizeof text);
    close(file);
    refused(path, WH_ECORRUPT, "not a database");
    scrub(NULL);
    file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    store = opened(path); /* an empty file becomes one */
    whi_store_close(store);
}

#define OUR_TABLES "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'webhook%'"
#define IS_WAL "SELECT journal_mode = 'wal' FROM pragma_journal_mode"

/* What only the application's own connection knows must not keep our tables away. */
static void half(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    sqlite3_result_int64(context, sqlite3_value_int64(values[0]) / 2);
}

static void make_application(void) {
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_create_function(db, "half", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, half, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA page_size = 1024; PRAGMA application_id = 77; PRAGMA user_version = 12;"
                                  "CREATE TABLE events (id INTEGER PRIMARY KEY, total CHECK (half(total) < 1000));"
                                  "CREATE INDEX events_half ON events (half(total));"
                                  "CREATE TABLE meta (name, value); INSERT INTO meta VALUES ('schema', 99);"
                                  "CREATE TRIGGER counts AFTER INSERT ON events BEGIN"
                                  "  UPDATE meta SET value = value + half(2); END;"
                                  "INSERT INTO events VALUES (1, 10), (2, 20);",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void the_database_of_an_application_is_adopted_and_stays_its_own(void **state) {
    whi_store *store;

    (void)state;
    make_application();
    for (int i = 1; i <= 2; i++) { /* adopted, and opened again */
        store = opened(path);
        OK(whi_store_begin(store));
        OK(add_event(store, number_at(NOW, i), NULL, NULL));
        OK(whi_store_commit(store, NULL));
        whi_store_close(store);
    }
    assert_int_equal(asked("SELECT count(*) FROM webhook_events"), 2);
    assert_int_equal(asked("SELECT sum(total) FROM events"), 30);
    assert_int_equal(asked("SELECT value FROM meta"), 101);
    assert_int_equal(asked("PRAGMA application_id"), 77);
    assert_int_equal(asked("PRAGMA user_version"), 12);
    assert_int_equal(asked("PRAGMA page_size"), 1024);
    assert_int_equal(asked(IS_WAL), 1);
    assert_int_equal(asked("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'webhook%' AND name NOT LIKE"
                           " 'sqlite%'"),
                     4);
}

/* Two that the library did not make, without an application_id: a file of tables and
 * a file that has only a number. */
static void a_file_that_is_not_new_keeps_the_numbers_of_its_header(void **state) {
    static const char *const texts[] = { "CREATE TABLE t (x)", "PRAGMA user_version = 3",
                                         "CREATE TABLE t (x); DROP TABLE t" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        int64_t version;
        whi_store *store;

        execute(texts[i]);
        version = asked("PRAGMA user_version");
        store = opened(path);
        whi_store_close(store);
        assert_int_equal(asked("PRAGMA user_version"), version);
        assert_int_equal(asked("PRAGMA application_id"), 0);
        assert_int_equal(asked("PRAGMA page_size"), 4096);
        assert_true(asked(OUR_TABLES) > 12);
        scrub(NULL);
    }
}

static void a_new_file_tells_whose_it_is(void **state) {
    whi_store *store = opened(path);

    (void)state;
    whi_store_close(store);
    assert_int_equal(asked("PRAGMA application_id"), WHI_SQLITE_APPLICATION);
    assert_int_equal(asked("PRAGMA page_size"), 8192);
    assert_int_equal(asked(IS_WAL), 1);
    assert_int_equal(asked("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'webhook_%'"
                           " AND name NOT LIKE 'sqlite_%'"),
                     0);
}

static mode_t mode_of(const char *suffix) {
    struct stat about = { .st_mode = 07777 };
    char name[256];

    snprintf(name, sizeof name, "%s%s", path, suffix);
    assert_int_equal(stat(name, &about), 0);
    return about.st_mode & 07777;
}

static void expect_modes(mode_t mode) {
    assert_int_equal(mode_of(""), mode);
    assert_int_equal(mode_of("-wal"), mode);
    assert_int_equal(mode_of("-shm"), mode);
}

static void a_new_file_is_its_owners_alone_and_another_keeps_its_mode(void **state) {
    mode_t mask = umask(0);
    whi_store *store = opened(path);

    (void)state;
    expect_modes(0600);
    whi_store_close(store);
    assert_int_equal(chmod(path, 0640), 0);
    store = opened(path);
    expect_modes(0640);
    whi_store_close(store);
    scrub(NULL);
    close(open(path, O_CREAT | O_RDWR, 0664)); /* made before, for several */
    store = opened(path);
    expect_modes(0664);
    whi_store_close(store);
    umask(mask);
}

/* Refused, and afterwards as it was: none of our tables, no log. */
static void refused_untouched(const char *sql, int code, const char *words) {
    struct stat before, after;
    int64_t tables;

    execute(sql);
    tables = asked(OUR_TABLES);
    stat(path, &before);
    refused(path, code, words);
    stat(path, &after);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(asked(OUR_TABLES), tables);
    assert_int_equal(asked(IS_WAL), 0);
    scrub(NULL);
}

static void an_application_that_uses_our_names_is_refused_and_not_touched(void **state) {
    (void)state;
    refused_untouched("CREATE TABLE webhook_meta (name, value)", WH_ECORRUPT, "webhook_meta");
    refused_untouched("CREATE TABLE Webhook_Meta (a)", WH_ECORRUPT, "webhook_meta");
    refused_untouched("CREATE TABLE webhook_meta (name, value); INSERT INTO webhook_meta VALUES ('schema', 'x')",
                      WH_ECORRUPT, "webhook_meta");
    refused_untouched("CREATE VIEW webhook_meta AS SELECT 'schema' AS name, 1 AS value", WH_ECORRUPT, "webhook_meta");
    refused_untouched("CREATE TABLE webhook_workers (a)", WH_ECORRUPT, "webhook_workers");
    refused_untouched("CREATE TABLE a (a); CREATE INDEX webhook_deliveries_open ON a (a)", WH_ECORRUPT,
                      "webhook_deliveries_open");
    refused_untouched("PRAGMA encoding = 'UTF-16'; CREATE TABLE a (a)", WH_ESTORE, "UTF-16");
}

static void a_newer_or_broken_set_of_tables_is_refused(void **state) {
    whi_store *store = opened(path);

    (void)state;
    whi_store_close(store);
    execute("UPDATE webhook_meta SET value = 99 WHERE name = 'schema'");
    refused(path, WH_EVERSION, "version 99");
    execute("DELETE FROM webhook_meta");
    refused(path, WH_ECORRUPT, "webhook_meta");
    execute("DROP TABLE webhook_meta");
    refused(path, WH_ECORRUPT, "webhook_meta");
}

static void make_version_3(void) {
    FILE *in = fopen(WEBHOOK_TEST_DATA "/store_version_3_changes.sql", "r");
    char sql[16384];

    assert_non_null(in);
    sql[fread(sql, 1, sizeof sql - 1, in)] = '\0';
    fclose(in);
    execute(sql);
}

/* The version in force at an event; 0: none. */
static int64_t version_then(whi_store *store, int64_t subscription, int64_t event) {
    seen all = { 0 };
    int code = V(store)->subscription_then(store, subscription, event, see_subscription, &all);

    assert_true(code == WH_OK || code == WH_ENOTFOUND);
    return code == WH_OK ? all.dues[0] : 0;
}

/* From the ends of versions, which it had; what has no former version is in force from ever. */
static void in_a_store_of_version_3_it_is_found_when_versions_began(void **state) {
    const int64_t changed = 94111177821084, made = 94111177849829;
    const int64_t events[] = { 385479384397512704, 385479384493981696 };
    whi_store *store;
    int64_t next;

    (void)state;
    make_version_3();
    store = opened(path);
    assert_int_equal(version_then(store, changed, events[0]), 1);
    assert_int_equal(version_then(store, changed, events[1]), 2);
    assert_int_equal(version_then(store, made, events[0]), 1);
    OK(whi_store_begin(store));
    OK(whi_sqlite_next_number(whi_sqlite_of(store), NOW, &next));
    OK(whi_store_commit(store, NULL));
    assert_true(next > events[1]);
    assert_int_equal(version_then(store, changed, next), 3);
    whi_store_close(store);
    store = opened(path); /* once */
    assert_int_equal(version_then(store, changed, events[1]), 2);
    whi_store_close(store);
}

static void a_table_that_goes_missing_is_a_damaged_store(void **state) {
    whi_store *store = opened(path);

    (void)state;
    execute("DROP TABLE webhook_events");
    OK(whi_store_begin(store));
    assert_int_equal(add_event(store, 1, NULL, NULL), WH_ECORRUPT);
    whi_store_rollback(store);
    whi_store_close(store);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_sqlite3_shell_emits_events_in_the_transaction_of_its_own_table, scrub),
        cmocka_unit_test_teardown(what_is_no_store_is_refused_and_not_touched, scrub),
        cmocka_unit_test_teardown(the_database_of_an_application_is_adopted_and_stays_its_own, scrub),
        cmocka_unit_test_teardown(a_file_that_is_not_new_keeps_the_numbers_of_its_header, scrub),
        cmocka_unit_test_teardown(a_new_file_tells_whose_it_is, scrub),
        cmocka_unit_test_teardown(a_new_file_is_its_owners_alone_and_another_keeps_its_mode, scrub),
        cmocka_unit_test_teardown(an_application_that_uses_our_names_is_refused_and_not_touched, scrub),
        cmocka_unit_test_teardown(a_newer_or_broken_set_of_tables_is_refused, scrub),
        cmocka_unit_test_teardown(in_a_store_of_version_3_it_is_found_when_versions_began, scrub),
        cmocka_unit_test_teardown(a_table_that_goes_missing_is_a_damaged_store, scrub),
    };

    return RUN_STORE_TESTS(tests);
}
