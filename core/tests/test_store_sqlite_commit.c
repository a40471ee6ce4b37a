/* What a COMMIT that fails has come to, by a file system that fails when it is told to. */
#include <errno.h>

#include "store_file_kit.h"

/* ------------------------------------------------------- a file system with faults */

static int fail_write, fail_sync; /* of the log: what it answers; SQLITE_OK: all is well */
static int fail_map;              /* of the log's index, where it grows */
static int remembered;            /* errno of the last failure of the log; 0: the real one */

typedef struct faulty {
    sqlite3_file base; /* first */
    int is_log;
} faulty; /* the real file stands behind it */

static sqlite3_vfs *real_vfs;
static sqlite3_io_methods methods;

static sqlite3_file *real(sqlite3_file *file) {
    return (sqlite3_file *)((faulty *)file + 1);
}

static int f_close(sqlite3_file *f) {
    return real(f)->pMethods->xClose(real(f));
}

static int f_read(sqlite3_file *f, void *out, int size, sqlite3_int64 at) {
    return real(f)->pMethods->xRead(real(f), out, size, at);
}

static int f_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 at) {
    return fail_write != SQLITE_OK && ((faulty *)f)->is_log ? fail_write
                                                            : real(f)->pMethods->xWrite(real(f), data, size, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size) {
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int f_sync(sqlite3_file *f, int flags) {
    return fail_sync != SQLITE_OK && ((faulty *)f)->is_log ? fail_sync : real(f)->pMethods->xSync(real(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size) {
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int f_lock(sqlite3_file *f, int level) {
    return real(f)->pMethods->xLock(real(f), level);
}

static int f_unlock(sqlite3_file *f, int level) {
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int f_reserved(sqlite3_file *f, int *out) {
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg) {
    if (op == SQLITE_FCNTL_LAST_ERRNO && ((faulty *)f)->is_log && remembered != 0) {
        *(int *)arg = remembered;
        return SQLITE_OK;
    }
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int f_sector(sqlite3_file *f) {
    return real(f)->pMethods->xSectorSize(real(f));
}

static int f_device(sqlite3_file *f) {
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int f_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    if (fail_map != SQLITE_OK && page > 0 && extend) {
        *out = NULL;
        return fail_map;
    }
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void f_barrier(sqlite3_file *f) {
    real(f)->pMethods->xShmBarrier(real(f));
}

static int f_unmap(sqlite3_file *f, int remove) {
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static int f_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    int result = real_vfs->xOpen(real_vfs, name, real(file), flags, out);

    (void)vfs;
    ((faulty *)file)->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    file->pMethods = real(file)->pMethods != NULL ? &methods : NULL;
    return result;
}

static void install(void) {
    static sqlite3_vfs vfs;

    real_vfs = sqlite3_vfs_find(NULL);
    methods = (sqlite3_io_methods){ .iVersion = 2,
                                    .xClose = f_close,
                                    .xRead = f_read,
                                    .xWrite = f_write,
                                    .xTruncate = f_truncate,
                                    .xSync = f_sync,
                                    .xFileSize = f_size,
                                    .xLock = f_lock,
                                    .xUnlock = f_unlock,
                                    .xCheckReservedLock = f_reserved,
                                    .xFileControl = f_control,
                                    .xSectorSize = f_sector,
                                    .xDeviceCharacteristics = f_device,
                                    .xShmMap = f_map,
                                    .xShmLock = f_shm_lock,
                                    .xShmBarrier = f_barrier,
                                    .xShmUnmap = f_unmap };
    vfs = *real_vfs;
    vfs.zName = "faulty";
    vfs.szOsFile += (int)sizeof(faulty);
    vfs.xOpen = f_open;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

static int mend(void **state) {
    fail_write = fail_sync = fail_map = SQLITE_OK;
    remembered = 0;
    return scrub(state);
}

/* ------------------------------------------------------------------------- the tests */

/* A store whose log has been begun. */
static whi_store *begun(void) {
    whi_store *store = opened(path);

    OK(whi_store_begin(store));
    OK(add_event(store, number_at(NOW, 1), NULL, NULL));
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    OK(add_event(store, number_at(NOW, 2), NULL, NULL));
    return store;
}

static void copy_file(const char *tail) {
    char command[400];

    snprintf(command, sizeof command, "cp '%s%s' '%s/copy.db%s'", path, tail, folder, tail);
    assert_int_equal(system(command), 0);
}

/* What would be there if all who have the file open died now. */
static int64_t left_after_a_death(void) {
    char kept[sizeof path];
    int64_t count;

    copy_file("");
    copy_file("-wal");
    memcpy(kept, path, sizeof kept);
    snprintf(path, sizeof path, "%s/copy.db", folder);
    count = asked("SELECT count(*) FROM webhook_events");
    scrub(NULL);
    memcpy(path, kept, sizeof kept);
    return count;
}

static void goes_on(whi_store *store) {
    OK(whi_store_begin(store));
    OK(add_event(store, number_at(NOW, 3), NULL, NULL));
    OK(whi_store_commit(store, NULL));
    assert_false(is_there(store, number_at(NOW, 2)));
    assert_int_equal(left_after_a_death(), 2);
    whi_store_close(store);
}

static void settles_and_goes_on(whi_store *store) {
    enum wh_backend_commit outcome = WH_COMMIT_UNKNOWN;

    whi_store_settle(store, &outcome);
    assert_int_equal(outcome, WH_NOT_COMMITTED);
    whi_store_rollback(store);
    goes_on(store);
}

static void of_a_flush_that_fails_nothing_is_known_until_it_is_written_over(void **state) {
    whi_store *store = begun();
    enum wh_backend_commit outcome;

    (void)state;
    fail_sync = SQLITE_IOERR_FSYNC;
    assert_int_equal(whi_store_commit(store, &outcome), WH_ESTORE);
    assert_int_equal(outcome, WH_COMMIT_UNKNOWN);
    fail_sync = SQLITE_OK;
    assert_false(is_there(store, number_at(NOW, 2)));
    assert_int_equal(left_after_a_death(), 2); /* and yet */
    whi_store_settle(store, &outcome);
    assert_int_equal(outcome, WH_NOT_COMMITTED);
    assert_int_equal(left_after_a_death(), 1);
    whi_store_rollback(store);
    goes_on(store);
}

static void while_the_disk_fails_it_stays_unknown(void **state) {
    whi_store *store = begun();
    enum wh_backend_commit outcome;

    (void)state;
    fail_sync = SQLITE_IOERR_FSYNC;
    assert_int_equal(whi_store_commit(store, &outcome), WH_ESTORE);
    for (int i = 0; i < 3; i++) {
        whi_store_settle(store, &outcome);
        assert_int_equal(outcome, WH_COMMIT_UNKNOWN);
    }
    fail_sync = SQLITE_OK;
    settles_and_goes_on(store);
}

static void what_cannot_be_written_whole_is_not_committed(void **state) {
    whi_store *store = begun();
    enum wh_backend_commit outcome;

    (void)state;
    fail_write = SQLITE_FULL;
    assert_int_equal(whi_store_commit(store, &outcome), WH_EFULL);
    assert_int_equal(outcome, WH_NOT_COMMITTED);
    fail_write = SQLITE_OK;
    whi_store_rollback(store);
    assert_int_equal(left_after_a_death(), 1);
    goes_on(store);
}

/* The kernel may have written what it says it has not. */
static void of_a_write_that_fails_nothing_is_known(void **state) {
    whi_store *store = begun();
    enum wh_backend_commit outcome;

    (void)state;
    fail_write = SQLITE_IOERR_WRITE;
    assert_int_equal(whi_store_commit(store, &outcome), WH_ESTORE);
    assert_int_equal(outcome, WH_COMMIT_UNKNOWN);
    fail_write = SQLITE_OK;
    settles_and_goes_on(store);
}

/* A network's disk may say so when it flushes, and an error of long ago is remembered as well. */
static void of_a_flush_that_fails_for_want_of_space_nothing_is_known(void **state) {
    whi_store *store = begun();
    enum wh_backend_commit outcome;

    (void)state;
    fail_sync = SQLITE_IOERR_FSYNC;
    remembered = ENOSPC;
    assert_int_equal(whi_store_commit(store, &outcome), WH_EFULL);
    assert_int_equal(outcome, WH_COMMIT_UNKNOWN);
    fail_sync = SQLITE_OK;
    assert_int_equal(left_after_a_death(), 2);
    settles_and_goes_on(store);
}

static void of_a_write_for_want_of_space_it_is_known(void **state) {
    whi_store *store = begun();
    enum wh_backend_commit outcome;

    (void)state;
    fail_write = SQLITE_IOERR_WRITE;
    remembered = EDQUOT;
    assert_int_equal(whi_store_commit(store, &outcome), WH_EFULL);
    assert_int_equal(outcome, WH_NOT_COMMITTED);
    fail_write = SQLITE_OK;
    whi_store_rollback(store);
    assert_int_equal(left_after_a_death(), 1);
    goes_on(store);
}

#define GROWN 600 /* events of a large payload, at most, until the log's index has a second page */

/* The index grows after the frames were written and flushed. */
static void fail_where_the_index_grows(int result) {
    static char large[100000];
    whi_store *store = opened(path);
    enum wh_backend_commit outcome = WH_COMMITTED;
    sqlite3 *reader;
    int code = WH_OK, n = 0;

    memset(large, '1', sizeof large);
    OK(whi_store_begin(store));
    OK(add_event(store, number_at(NOW, 1), NULL, NULL));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK); /* so that the log is not begun anew */
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM webhook_events", NULL, NULL, NULL), SQLITE_OK);
    fail_map = result;
    for (n = 1; code == WH_OK && n < GROWN; n++) {
        whi_event_row row = { .number = number_at(NOW, n + 1),
                              .type = "a",
                              .tenant = "",
                              .time = NOW,
                              .accepted_at = NOW,
                              .payload = large,
                              .payload_size = sizeof large };
        int known;
        OK(whi_store_begin(store));
        OK(whi_store_event_add(store, &row, &known));
        code = whi_store_commit(store, &outcome);
    }
    assert_int_not_equal(code, WH_OK);
    assert_int_equal(outcome, WH_COMMIT_UNKNOWN);
    fail_map = SQLITE_OK;
    assert_int_equal(left_after_a_death(), n);
    whi_store_rollback(store);
    sqlite3_close(reader);
    whi_store_close(store);
}

static void of_an_index_that_cannot_grow_nothing_is_known(void **state) {
    (void)state;
    fail_where_the_index_grows(SQLITE_IOERR_SHMMAP);
}

static void nor_is_it_without_memory_for_the_index(void **state) {
    (void)state;
    fail_where_the_index_grows(SQLITE_NOMEM);
}

/* It was never at the commit. */
static void a_fact_that_fails_is_not_committed(void **state) {
    whi_store *store = begun();
    enum wh_backend_commit outcome = WH_COMMIT_UNKNOWN;
    whi_fact *fact;

    (void)state;
    OK(whi_store_add(store, WH_FACT_EVENT, NULL, &fact));
    fact->of.event = (whi_event_row){ .number = number_at(NOW, 2), .payload = "1", .payload_size = 1 }; /* no type */
    assert_int_equal(whi_store_commit(store, &outcome), WH_ESTORE);
    assert_int_equal(outcome, WH_NOT_COMMITTED);
    whi_store_rollback(store);
    goes_on(store);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(of_a_flush_that_fails_nothing_is_known_until_it_is_written_over, mend),
        cmocka_unit_test_teardown(while_the_disk_fails_it_stays_unknown, mend),
        cmocka_unit_test_teardown(what_cannot_be_written_whole_is_not_committed, mend),
        cmocka_unit_test_teardown(of_a_write_that_fails_nothing_is_known, mend),
        cmocka_unit_test_teardown(of_a_flush_that_fails_for_want_of_space_nothing_is_known, mend),
        cmocka_unit_test_teardown(of_a_write_for_want_of_space_it_is_known, mend),
        cmocka_unit_test_teardown(of_an_index_that_cannot_grow_nothing_is_known, mend),
        cmocka_unit_test_teardown(nor_is_it_without_memory_for_the_index, mend),
        cmocka_unit_test_teardown(a_fact_that_fails_is_not_committed, mend),
    };

    install();
    return RUN_STORE_TESTS(tests);
}
