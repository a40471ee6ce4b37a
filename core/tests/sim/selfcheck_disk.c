/* What the simulated disk must do to be one. */
#include <sqlite3.h>
#include <string.h>

#include "disk.h"
#include "selfcheck.h"

static int holds(const sim_file *file, const char *text) {
    char found[8] = "";

    sim_disk_read(file, found, 3, 0);
    return memcmp(found, text, 3) == 0;
}

static void test_synced_bytes_outlive_the_machine(void) {
    sim_file *file = sim_disk_file("f", 1);
    int lost = 0, kept = 0;

    for (int i = 0; i < 40; i++) {
        sim_disk_write(file, "old", 3, 0);
        sim_disk_write(file, "old", 3, 5000);
        sim_disk_sync(file);
        sim_disk_write(file, "new", 3, 0);
        sim_disk_machine_dies(&sim_disk_chance);
        self_expect(holds(file, "old") || holds(file, "new"), "what was synced, or what was written");
        lost += holds(file, "old");
        kept += holds(file, "new");
        self_expect(file->size == 5003, "the size that was synced");
    }
    self_expect(lost > 0 && kept > 0, "unsynced bytes are sometimes lost and sometimes kept");
}

static void test_a_write_may_be_half_there(void) {
    sim_file *file = sim_disk_file("f", 1);
    unsigned char block[4 * SIM_SECTOR], found[4 * SIM_SECTOR];
    int torn = 0;

    for (int i = 0; i < 60; i++) {
        memset(block, 'a', sizeof block);
        sim_disk_write(file, block, sizeof block, 0);
        sim_disk_sync(file);
        memset(block, 'b', sizeof block);
        sim_disk_write(file, block, sizeof block, 0);
        sim_disk_machine_dies(&sim_disk_chance);
        sim_disk_read(file, found, sizeof found, 0);
        torn += memchr(found, 'a', sizeof found) != NULL && memchr(found, 'b', sizeof found) != NULL;
    }
    self_expect(torn > 0, "a write that is half there");
}

static void test_a_process_takes_no_bytes_with_it(void) {
    sim_file *file = sim_disk_file("f", 1);
    sim_process *process = sim_process_new(1);
    sim_handle handle = { 0 };

    sim_disk_open(&handle, file, process);
    sim_disk_write(file, "new", 3, 0);
    self_expect(sim_disk_lock(&handle, SQLITE_LOCK_SHARED) && sim_disk_shm_lock(&handle, 1, 1), "locks");
    sim_kill(process);
    self_expect(holds(file, "new"), "what it wrote");
    self_expect(handle.gone && handle.level == 0 && handle.own_locks == 0, "no lock of it");
}

static void test_locks_exclude(void) {
    sim_file *file = sim_disk_file("f", 1);
    sim_handle a = { 0 }, b = { 0 };

    sim_disk_open(&a, file, sim_self_process());
    sim_disk_open(&b, file, sim_self_process());
    self_expect(sim_disk_lock(&a, SQLITE_LOCK_SHARED) && sim_disk_lock(&b, SQLITE_LOCK_SHARED), "two readers");
    self_expect(sim_disk_lock(&a, SQLITE_LOCK_RESERVED) && !sim_disk_lock(&b, SQLITE_LOCK_RESERVED), "one writer");
    self_expect(!sim_disk_lock(&a, SQLITE_LOCK_EXCLUSIVE), "no other reader beside one who has it alone");
    sim_disk_unlock(&b, SQLITE_LOCK_NONE);
    self_expect(!sim_disk_lock(&b, SQLITE_LOCK_SHARED), "no new reader while one waits to have it alone");
    self_expect(sim_disk_lock(&a, SQLITE_LOCK_EXCLUSIVE), "alone");
    self_expect(sim_disk_shm_lock(&a, 6, 0) && sim_disk_shm_lock(&b, 2, 0), "two share");
    self_expect(!sim_disk_shm_lock(&b, 4, 1) && sim_disk_shm_lock(&b, 8, 1), "one has it alone");
    self_expect(!sim_disk_shm_lock(&a, 8, 0), "nobody shares what one has alone");
}

sqlite3 *self_connect(const char *name) {
    sqlite3 *db = NULL;

    self_expect(sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) ==
                    SQLITE_OK,
                "a connection");
    sqlite3_busy_timeout(db, 100);
    return db;
}

int self_sql(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) & 0xff;
}

static int count_rows(sqlite3 *db) {
    sqlite3_stmt *row = NULL;
    int count = -1;

    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        count = sqlite3_column_int(row, 0);
    }
    sqlite3_finalize(row);
    return count;
}

static void test_what_was_committed_outlives_the_machine(void) {
    for (int i = 1; i <= 10; i++) {
        sqlite3 *db = self_connect("db");

        self_sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t (x)");
        self_expect(self_sql(db, "INSERT INTO t VALUES (1)") == SQLITE_OK, "a row");
        self_expect(self_sql(db, "BEGIN IMMEDIATE; INSERT INTO t VALUES (2)") == SQLITE_OK, "a row, not committed");
        sim_disk_machine_dies(&sim_disk_chance);
        db = self_connect("db");
        self_expect(count_rows(db) == i, "the rows that were committed, and no others");
        sqlite3_close(db);
    }
}

static void test_writers_exclude_each_other(void) {
    sqlite3 *a = self_connect("db"), *b = self_connect("db");
    int64_t before = sim_now;

    self_sql(a, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
    self_expect(self_sql(a, "BEGIN IMMEDIATE") == SQLITE_OK, "the lock");
    self_expect(self_sql(b, "BEGIN IMMEDIATE") == SQLITE_BUSY, "no second lock");
    self_expect(sim_now - before > 90000, "simulated time that was waited");
    self_expect(self_sql(a, "COMMIT") == SQLITE_OK, "a commit");
    self_expect(self_sql(b, "BEGIN IMMEDIATE") == SQLITE_OK, "the lock, one after the other");
    self_sql(b, "COMMIT");
    sqlite3_close(a);
    sqlite3_close(b);
}

static void test_a_disk_can_be_full(void) {
    sqlite3 *db = self_connect("db");
    int failed = 0;

    self_sql(db, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
    sim_self_process()->full_until = sim_now + SIM_SECOND;
    for (int i = 0; i < 5; i++) {
        failed += self_sql(db, "INSERT INTO t VALUES (zeroblob(20000))") == SQLITE_FULL;
    }
    sim_self_process()->full_until = 0;
    self_expect(failed > 0, "a full disk");
    self_expect(self_sql(db, "INSERT INTO t VALUES (1)") == SQLITE_OK, "room again");
    sqlite3_close(db);
}

/* ------------------------------------------------------------------------------ the list */

const sim_check self_disk_checks[] = {
    HOLDS(synced_bytes_outlive_the_machine),
    HOLDS(a_write_may_be_half_there),
    HOLDS(a_process_takes_no_bytes_with_it),
    HOLDS(locks_exclude),
    HOLDS(what_was_committed_outlives_the_machine),
    HOLDS(writers_exclude_each_other),
    HOLDS(a_disk_can_be_full),
    { NULL, NULL, NULL },
};
