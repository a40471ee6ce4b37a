/* What the tests of the SQLite store share: a file, and what any other program does to it. */
#ifndef STORE_FILE_KIT_H
#define STORE_FILE_KIT_H

#include <sqlite3.h>

#include "store_kit.h"

static char folder[] = "/tmp/webhook-store-XXXXXX";
static char path[128];

KIT static int scrub(void **state) {
    static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
    char name[160];

    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
    return 0;
}

KIT static void execute(const char *sql) {
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

KIT static int64_t asked(const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t number;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* The tests of a file, in a folder of their own. */
#define RUN_STORE_TESTS(tests)                                                                                         \
    (mkdtemp(folder) == NULL ? 1 : (in_folder(), left_folder(cmocka_run_group_tests(tests, NULL, NULL))))

KIT static void in_folder(void) {
    snprintf(path, sizeof path, "%s/test.db", folder);
}

KIT static int left_folder(int failed) {
    rmdir(folder);
    return failed;
}

#endif
