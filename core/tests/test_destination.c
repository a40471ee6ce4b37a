#include "destination_kit.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

static char folder[] = "/tmp/webhook-destination-XXXXXX";
static char path[128];

static sqlite3 *open_db(void) {
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static char *ask(const char *sql) {
    sqlite3 *db = open_db();
    sqlite3_stmt *statement;
    char *found;
    int code;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);

        found = strdup(text != NULL ? text : "(null)");
    } else {
        found = strdup("(none)");
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return found;
}

static void run_sql(const char *sql) {
    sqlite3 *db = open_db();
    char *message = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    sqlite3_close(db);
}

/* --------------------------------------------------------- of SQLite and of all */

static void check_refused(const whi_destination_options *options, const char *words) {
    whi_destination *destination;

    assert_int_equal(whi_destination_open(&destination, options), WH_EINVALID);
    assert_null(destination);
    if (strstr(wh_last_error(), words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, wh_last_error());
    }
}

static void a_file_needs_the_operator(void **state) {
    whi_destination_options options = usual_options();

    (void)state;
    options.allow_files = 0;
    check_refused(&options, "operator");
    options.allow_files = 1;
    options.schema = "temp";
    check_refused(&options, "main");
    options.schema = NULL;
    options.url = "sqlite:relative.db";
    check_refused(&options, "absolute");
}

static void a_scheme_is_known_or_not(void **state) {
    (void)state;
    assert_int_equal(whi_destination_has("sqlite"), 1);
    assert_int_equal(whi_destination_has("oracle"), -1);
    assert_int_equal(whi_destination_has(""), -1);
    assert_int_equal(whi_destination_has(NULL), -1);
    assert_in_range(whi_destination_has("postgresql"), 0, 1);
    assert_in_range(whi_destination_has("mysql"), 0, 1);
}

static void a_file_that_is_not_there_is_made_by_full_alone(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    char url[256];

    (void)state;
    snprintf(url, sizeof url, "sqlite:%s/none.db", folder);
    options.url = url;
    options.create = WHI_CREATE_NEVER;
    destination = open_with(&options);
    write_one(destination, object_of("t", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
    assert_int_not_equal(access(url + 7, F_OK), 0);
    snprintf(url, sizeof url, "sqlite:%s/none/none.db", folder);
    options.create = WHI_CREATE_FULL;
    destination = open_with(&options);
    write_one(destination, object_of("t", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
}

static void what_is_no_database_is_the_owners_matter(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    char url[256];
    FILE *file;

    (void)state;
    snprintf(url, sizeof url, "sqlite:%s/letter.txt", folder);
    file = fopen(url + 7, "w");
    fputs("this is not a database, and it is longer than the header of one, so that one can tell it; really longer",
          file);
    fclose(file);
    options.url = url;
    destination = open_with(&options);
    write_one(destination, object_of("t", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
    unlink(url + 7);
}

static void a_lock_of_somebody_else_ends_by_its_time(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    sqlite3 *db = open_db();

    (void)state;
    options.lock_timeout = 20;
    destination = open_with(&options);
    put(destination, "locked", "{\"id\":\"a\"}", 1);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    write_one(destination, object_of("locked", "{\"id\":\"b\"}", 1), WHI_OBJECT_AGAIN);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    put(destination, "locked", "{\"id\":\"b\"}", 1);
    sqlite3_close(db);
    whi_destination_close(destination);
}

/* What may be written is as large as the file is: there is no room for more. */
static void a_disk_that_is_full_is_waited_for(void **state) {
    enum { SIZE = 1 << 20 };
    whi_destination *destination = open_usual();
    char *bytes = malloc(SIZE + 64);
    size_t used = (size_t)snprintf(bytes, 64, "{\"id\":\"b\",\"text\":\"");
    struct rlimit before, full;
    struct stat file;

    (void)state;
    memset(bytes + used, 'x', SIZE);
    memcpy(bytes + used + SIZE, "\"}", 3);
    put(destination, "full", "{\"id\":\"a\",\"text\":\"a\"}", 1);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = before;
    full.rlim_cur = (rlim_t)file.st_size;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    write_one(destination, object_of("full", bytes, 1), WHI_OBJECT_AGAIN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    check_value("SELECT count(*) FROM \"full\"", "1");
    put(destination, "full", bytes, 1);
    check_value("SELECT count(*) FROM \"full\"", "2");
    free(bytes);
    whi_destination_close(destination);
}

static void a_long_statement_ends_by_its_time(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "slow", "{\"id\":\"a\"}", 1);
    whi_destination_close(destination);
    run_sql("CREATE TRIGGER endless AFTER INSERT ON slow BEGIN SELECT count(*) FROM (WITH RECURSIVE c(n) AS (SELECT 1 "
            "UNION ALL SELECT n + 1 FROM c) SELECT n FROM c); END");
    options.statement_timeout = 20;
    destination = open_with(&options);
    write_one(destination, object_of("slow", "{\"id\":\"b\"}", 1), WHI_OBJECT_AGAIN);
    whi_destination_close(destination);
    check_value("SELECT count(*) FROM slow", "1");
}

/* 1 if an allocation failed on the way. */
static int write_without(long allocations, int64_t version) {
    whi_object objects[] = { object_of("faulty", "{\"id\":\"a\",\"x\":\"\\n\",\"y\":1.5}", version),
                             object_of("faulty", "{\"id\":\"\\tb\",\"z\":[1]}", version) };
    whi_destination_options options = usual_options();
    whi_destination *destination;
    whi_object_result results[2] = { 0 };
    int code, struck;

    options.prefix = "p_";
    fault_set(allocations);
    code = whi_destination_open(&destination, &options);
    if (code == WH_OK) {
        code = whi_destination_write(destination, objects, 2, results);
    }
    struck = fault_clear();
    assert_true(code == WH_OK || (struck && code == WH_ENOMEM));
    for (size_t i = 0; i < 2; i++) {
        assert_true(results[i].outcome == WHI_OBJECT_WRITTEN || (struck && results[i].outcome == WHI_OBJECT_AGAIN));
    }
    if (code == WH_OK) {
        assert_int_equal(whi_destination_write(destination, objects, 2, results), WH_OK);
        check_outcome(&results[0], WHI_OBJECT_WRITTEN);
        check_outcome(&results[1], WHI_OBJECT_WRITTEN);
    }
    whi_destination_close(destination);
    return struck;
}

static void without_memory_nothing_is_lost(void **state) {
    long allocations = 0;

    (void)state;
    while (write_without(allocations, allocations + 1)) {
        run_sql("DROP TABLE IF EXISTS p_faulty");
        allocations++;
    }
    assert_true(allocations > 15);
    check_value("SELECT count(*) FROM p_faulty WHERE y = '1.5' OR z = '[1]'", "2");
}

static int begin(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/test.db", folder);
    snprintf(kit_url, sizeof kit_url, "sqlite:%s", path);
    kit_keeps_zero = kit_big_decimals = 1;
    return 0;
}

static int end(void **state) {
    (void)state;
    unlink(path);
    rmdir(folder);
    return 0;
}

int main(void) {
    static const struct CMUnitTest own_tests[] = {
        cmocka_unit_test(a_file_needs_the_operator),
        cmocka_unit_test(a_scheme_is_known_or_not),
        cmocka_unit_test(a_file_that_is_not_there_is_made_by_full_alone),
        cmocka_unit_test(what_is_no_database_is_the_owners_matter),
        cmocka_unit_test(a_lock_of_somebody_else_ends_by_its_time),
        cmocka_unit_test(a_disk_that_is_full_is_waited_for),
        cmocka_unit_test(a_long_statement_ends_by_its_time),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };
    struct CMUnitTest all[sizeof destination_tests / sizeof *destination_tests + sizeof own_tests / sizeof *own_tests];

    memcpy(all, destination_tests, sizeof destination_tests);
    memcpy((char *)all + sizeof destination_tests, own_tests, sizeof own_tests);
    return cmocka_run_group_tests(all, begin, end);
}
