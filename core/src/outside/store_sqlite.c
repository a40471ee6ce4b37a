/* Tests: test_store_sqlite, test_store_sqlite_commit, test_store_sqlite_open. */
#include "outside/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/refusal.h"

#define SETTLE_BUSY_MS 100
#define LOOK_US 100000          /* a look at what others have committed costs a few us */
#define BUSY_STEP_MS 5          /* between tries where SQLite does not wait by itself */
#define WRITER_CACHE_KIB "6144" /* at most */
#define READER_CACHE_KIB "2048" /* of each of two: what is not there the system's cache has */
#define PAGE_SIZE "8192"        /* 15 % less CPU for a cycle than 4096 */
#define WAL_LIMIT "67108864"

/* ------------------------------------------------------------- transactions */

static void unlock(whi_sqlite *store) {
    pthread_mutex_unlock(&store->writer.lock);
}

static int simple(whi_sqlite *store, enum whi_sql which, const char *doing) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, &store->writer, which, &statement);

    return code == WH_OK ? whi_sqlite_run(store, &store->writer, statement, doing) : code;
}

/* What is written into a file that has no name any more is lost with the last process that has it open. */
static int check_place(whi_sqlite *store) {
    int moved, code = whi_sqlite_moved(&store->base, &moved);

    if (code != WH_OK) {
        return code;
    }
    return moved ? whi_fail(WH_EMOVED,
                            "store '%s': the file was moved, removed or replaced while it was open: nothing more is"
                            " written to it; put it back, or open the store again",
                            store->name)
                 : WH_OK;
}

static int begin(whi_store *base) {
    whi_sqlite *store = whi_sqlite_of(base);
    int64_t changes = 0;
    int code;

    pthread_mutex_lock(&store->writer.lock);
    store->next_body = store->last_number = store->holds = store->there_event = 0;
    store->last_event = -1;
    store->healths = 0;
    store->told = 0;
    code = check_place(store);
    code = code == WH_OK ? simple(store, WHI_SQL_BEGIN, "beginning a transaction") : code;
    if (code == WH_OK) {
        code = whi_sqlite_number(store, &store->writer, WHI_SQL_CHANGES, &changes);
        if (code == WH_OK) {
            atomic_store(&store->changes, changes);
            return WH_OK;
        }
        (void)simple(store, WHI_SQL_ROLLBACK, "rolling back");
    }
    unlock(store);
    return code;
}

static int write_facts(whi_store *base, whi_fact *facts, size_t count) {
    return whi_sqlite_write_facts(whi_sqlite_of(base), facts, count);
}

/* A COMMIT that failed left nothing behind, but for one case: all of it was written, and the flush, or
 * what follows it (the index of the log grows, in memory or in its file), failed. For this process and
 * its neighbours it is rolled back. But it stands in the log, and if all of them ended now, who opens
 * the file next would find it there, whole. What SQLite says decides, not what the file remembers of
 * errors: an earlier one may be that.
 *
 * Known to come before the last frame is whole are what is read and locked first, and a disk, a quota
 * or a limit of files that is full at a write. All else is unknown until it is written over. */
static int left_nothing(int result, int code) {
    switch (result) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_ACCESS:
    case SQLITE_IOERR_FSTAT:
    case SQLITE_IOERR_LOCK:
    case SQLITE_IOERR_RDLOCK:
    case SQLITE_IOERR_SHMLOCK:
        return 1;
    case SQLITE_IOERR_WRITE:
        return code == WH_EFULL;
    default:
        return (result & 0xff) != SQLITE_IOERR && (result & 0xff) != SQLITE_NOMEM;
    }
}

static enum wh_backend_commit became(whi_sqlite *store, int code) {
    return sqlite3_get_autocommit(store->writer.db) && !left_nothing(sqlite3_extended_errcode(store->writer.db), code)
               ? WH_COMMIT_UNKNOWN
               : WH_NOT_COMMITTED;
}

/* Keeps the lock when it fails: rollback gives it back. */
static int commit(whi_store *base, whi_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    int code = whi_sqlite_write_facts(store, facts, count);

    *outcome = WH_NOT_COMMITTED;
    code = code == WH_OK ? whi_sqlite_usage_write(store) : code;
    code = code == WH_OK ? whi_sqlite_write(store, WHI_SQL_COMMIT, &statement) : code;
    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_run(store, &store->writer, statement, "committing");
    *outcome = code == WH_OK ? WH_COMMITTED : became(store, code);
    if (code == WH_OK) {
        unlock(store);
    }
    return code;
}

/* Not through a kept statement where that could fail: it must work without memory. */
static void rollback(whi_store *base) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement = store->writer.statements[WHI_SQL_ROLLBACK];

    if (!sqlite3_get_autocommit(store->writer.db) && statement != NULL) {
        (void)sqlite3_step(statement);
        (void)sqlite3_reset(statement);
    }
    whi_sqlite_usage_forget(store);
    unlock(store);
}

/* Another transaction takes the place of the one in question in the log, which ends what could be
 * found there: its first frame breaks the chain of checksums that the old ones stand in. It has to
 * change something, else SQLite writes no frame. */
static int write_over(whi_sqlite *store) {
    int64_t change;
    int code = simple(store, WHI_SQL_BEGIN, "beginning a transaction");

    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_number(store, &store->writer, WHI_SQL_CHANGE_NEXT, &change);
    code = code == WH_OK ? simple(store, WHI_SQL_COMMIT, "committing") : code;
    if (code != WH_OK && !sqlite3_get_autocommit(store->writer.db)) {
        (void)simple(store, WHI_SQL_ROLLBACK, "rolling back");
    }
    return code;
}

/* The writer asks again; one that waited for another program's lock would keep all others waiting. */
static void settle(whi_store *base, enum wh_backend_commit *outcome) {
    whi_sqlite *store = whi_sqlite_of(base);

    sqlite3_busy_timeout(store->writer.db, SETTLE_BUSY_MS);
    *outcome = write_over(store) == WH_OK ? WH_NOT_COMMITTED : WH_COMMIT_UNKNOWN;
    sqlite3_busy_timeout(store->writer.db, WHI_SQLITE_BUSY_MS);
}

/* ------------------------------------------------------------------ closing */

static void side_close(whi_sqlite_side *side) {
    for (int i = 0; i < WHI_SQL_STATEMENTS; i++) {
        sqlite3_finalize(side->statements[i]);
    }
    sqlite3_close(side->db);
    if (side->locks) {
        pthread_mutex_destroy(&side->lock);
    }
}

static void close_store(whi_store *base) {
    whi_sqlite *store = whi_sqlite_of(base);

    if (store == NULL) {
        return;
    }
    side_close(&store->second);
    side_close(&store->writer); /* last: it moves the log into the file */
    whi_sqlite_listen_end(store);
    whi_sqlite_forget_files(store);
    whi_free(store->name);
    whi_free(store);
}

/* ------------------------------------------------------------------ opening */

static int lock_make(whi_sqlite_side *side) {
    pthread_mutexattr_t kind;
    int failed;

    if (pthread_mutexattr_init(&kind) != 0) {
        return whi_fail_memory();
    }
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    failed = pthread_mutex_init(&side->lock, &kind);
    pthread_mutexattr_destroy(&kind);
    side->locks = failed == 0;
    return failed == 0 ? WH_OK : whi_fail_memory();
}

static int cannot_open(whi_sqlite *store, int result) {
    int readonly = (result & 0xff) == SQLITE_READONLY && result != SQLITE_READONLY_DBMOVED;

    if (readonly || (result & 0xff) == SQLITE_CANTOPEN) {
        return whi_refusal(store->name, readonly ? EACCES : sqlite3_system_errno(store->writer.db));
    }
    return whi_sqlite_fail(store, &store->writer, result, "opening");
}

/* A new file is its owner's alone, since secrets lie in it as they are; SQLite gives -wal, -shm and journals
 * the mode of the file. One that is there keeps its own. Only where SQLite's own way to the disk is used. */
static void make_private(const char *name) {
    const sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int fd = -1;

    if (vfs != NULL && strncmp(vfs->zName, "unix", 4) == 0 && strcmp(name, ":memory:") != 0) {
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int connect_side(whi_sqlite *store, whi_sqlite_side *side) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int code = lock_make(side), result;

    if (code != WH_OK) {
        return code;
    }
    make_private(store->name);
    result = sqlite3_open_v2(store->name, &side->db, flags, NULL);
    if (result != SQLITE_OK) {
        return side == &store->writer ? cannot_open(store, result)
                                      : whi_sqlite_fail(store, side, result, "opening for reading");
    }
    sqlite3_extended_result_codes(side->db, 1);
    /* A damaged or planted schema must not reach functions with effects. */
    sqlite3_db_config(side->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_busy_timeout(side->db, WHI_SQLITE_BUSY_MS);
    return WH_OK;
}

static int execute(whi_sqlite *store, whi_sqlite_side *side, const char *sql) {
    int result = sqlite3_exec(side->db, sql, NULL, NULL, NULL);

    if (result == SQLITE_OK) {
        return WH_OK;
    }
    return side == &store->writer ? cannot_open(store, result) : whi_sqlite_fail(store, side, result, "opening");
}

/* The number that a statement outside of the kept ones gives, 0 for none. */
static int ask(whi_sqlite *store, const char *sql, int64_t *out) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->writer.db, sql, -1, &statement, NULL), code = WH_OK;

    *out = 0;
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            *out = sqlite3_column_int64(statement, 0);
        }
    }
    if (result != SQLITE_OK && result != SQLITE_ROW && result != SQLITE_DONE) {
        code = cannot_open(store, result);
    }
    sqlite3_finalize(statement);
    return code;
}

/* Whose tables a file has. */
enum whose {
    NOBODYS, /* a new file: all of it will be ours */
    THEIRS,  /* another program's: our tables go beside its own, the rest is left alone */
    OLD,     /* ours, of an earlier version */
    OURS
};

static int check_meta(whi_sqlite *store, enum whose *out) {
    int64_t version;
    int code = ask(store, "SELECT value FROM webhook_meta WHERE name = 'schema'", &version);
    int other = code != WH_OK && (sqlite3_errcode(store->writer.db) & 0xff) == SQLITE_ERROR; /* other columns */

    if (other || (code == WH_OK && version < 1)) {
        return whi_fail(WH_ECORRUPT,
                        "store '%s': the table webhook_meta is another program's, or damaged: its row 'schema' is"
                        " expected to say the version of the tables",
                        store->name);
    }
    if (code == WH_OK && version > WHI_SQLITE_VERSION) {
        return whi_fail(WH_EVERSION, "store '%s': has tables of version %lld, this library knows up to %d", store->name,
                        (long long)version, WHI_SQLITE_VERSION);
    }
    store->version = version;
    *out = version < WHI_SQLITE_VERSION ? OLD : OURS;
    return code;
}

static int check_encoding(whi_sqlite *store) {
    int64_t other;
    int code = ask(store, "SELECT encoding <> 'UTF-8' FROM pragma_encoding", &other);

    if (code == WH_OK && other) { /* SQLite would convert each payload, and not give all of them back as they were */
        return whi_fail(WH_ESTORE, "store '%s': its texts are UTF-16, a database with the encoding UTF-8 is expected",
                        store->name);
    }
    return code;
}

/* New is a file that has never had a table or a number in its header. */
static int look_without_meta(whi_sqlite *store, int64_t application, enum whose *out) {
    int64_t used;
    int code =
        ask(store, "SELECT schema_version <> 0 OR user_version <> 0 FROM pragma_schema_version, pragma_user_version",
            &used);

    if (code == WH_OK && application == WHI_SQLITE_APPLICATION) {
        return whi_fail(WH_ECORRUPT, "store '%s': damaged: the table webhook_meta is missing", store->name);
    }
    *out = application != 0 || used ? THEIRS : NOBODYS;
    return code;
}

/* The application_id first: whoever makes a new file writes it and the tables at once. */
static int look(whi_sqlite *store, enum whose *out) {
    int64_t application, meta = 0;
    int code = ask(store, "PRAGMA application_id", &application);

    *out = OURS;
    if (code == WH_OK) {
        code = check_encoding(store);
    }
    if (code == WH_OK) {
        code = ask(store, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND lower(name) = 'webhook_meta'",
                   &meta);
    }
    if (code != WH_OK) {
        return code;
    }
    return meta ? check_meta(store, out) : look_without_meta(store, application, out);
}

/* SQLite does not wait by itself when two processes switch one new file to WAL. */
static int switch_to_wal(whi_sqlite *store) {
    sqlite3 *db = store->writer.db;
    int result = SQLITE_BUSY;

    for (int waited = 0; waited < WHI_SQLITE_BUSY_MS; waited += BUSY_STEP_MS) {
        result = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if ((result & 0xff) != SQLITE_BUSY) {
            break;
        }
        sqlite3_sleep(BUSY_STEP_MS);
    }
    return result == SQLITE_OK ? WH_OK : whi_sqlite_fail(store, &store->writer, result, "opening");
}

/* A name of ours that is taken is no error of SQLite's but of this file: "table
 * webhook_events already exists". */
static int make_tables(whi_sqlite *store) {
    int result = sqlite3_exec(store->writer.db, whi_sqlite_schema, NULL, NULL, NULL);

    if ((result & 0xff) == SQLITE_ERROR) {
        return whi_fail(WH_ECORRUPT, "store '%s': the tables cannot be made: %s", store->name,
                        sqlite3_errmsg(store->writer.db));
    }
    return result == SQLITE_OK ? WH_OK : whi_sqlite_fail(store, &store->writer, result, "making the tables");
}

/* Step by step, in one transaction. Some SQLite libraries guard the texts of tables unless they are told not to. */
static int upgrade(whi_sqlite *store) {
    int guarded = 0, code = WH_OK;

    sqlite3_db_config(store->writer.db, SQLITE_DBCONFIG_DEFENSIVE, -1, &guarded);
    sqlite3_db_config(store->writer.db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    for (int64_t version = store->version; version < WHI_SQLITE_VERSION && code == WH_OK; version++) {
        code = execute(store, &store->writer, whi_sqlite_upgrade[version]);
    }
    sqlite3_db_config(store->writer.db, SQLITE_DBCONFIG_DEFENSIVE, guarded, NULL);
    return code;
}

/* Under the write lock, where the file is looked at once more: of several processes
 * that find it without our tables, or with old ones, one makes them. */
static int make_ours(whi_sqlite *store) {
    char identify[64];
    enum whose whose;
    int code = look(store, &whose);

    if (code != WH_OK || whose == OURS) {
        return code;
    }
    if (whose == OLD) {
        return upgrade(store);
    }
    code = make_tables(store);
    if (code != WH_OK || whose == THEIRS) {
        return code;
    }
    sqlite3_snprintf(sizeof identify, identify, "PRAGMA application_id = %d", WHI_SQLITE_APPLICATION);
    return execute(store, &store->writer, identify);
}

static int create(whi_sqlite *store) {
    int code = execute(store, &store->writer, "BEGIN IMMEDIATE");

    if (code != WH_OK) {
        return code;
    }
    code = make_ours(store);
    if (code == WH_OK) {
        code = execute(store, &store->writer, "COMMIT");
    }
    if (code != WH_OK) {
        (void)sqlite3_exec(store->writer.db, "ROLLBACK", NULL, NULL, NULL);
    }
    return code;
}

/* secure_delete: Debian's default overwrites each deleted row, a second write of
 * pages that a queue frees all the time; FAST does so where it costs no more I/O. */
#define PRAGMAS "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST;"

/* The tables come before the log: a file that is refused stays as it was. */
static int prepare_file(whi_sqlite *store) {
    enum whose whose;
    int code = look(store, &whose);

    if (code == WH_OK && whose == NOBODYS) { /* before the first page is written */
        code = execute(store, &store->writer, "PRAGMA page_size = " PAGE_SIZE);
    }
    if (code == WH_OK && whose != OURS) {
        code = create(store);
    }
    if (code == WH_OK && whose != NOBODYS) {
        code = whi_sqlite_check(store);
    }
    return code == WH_OK ? switch_to_wal(store) : code;
}

static int prepare_writer(whi_sqlite *store, const whi_store_options *options) {
    int normal = options != NULL && options->durability == WH_NORMAL;
    int code;

    if (sqlite3_db_readonly(store->writer.db, "main") == 1) {
        return whi_refusal(store->name, EACCES);
    }
    code = prepare_file(store);
    if (code == WH_OK) {
        code = execute(store, &store->writer,
                       PRAGMAS "PRAGMA cache_size = -" WRITER_CACHE_KIB "; PRAGMA wal_autocheckpoint = 1000;"
                               " PRAGMA journal_size_limit = " WAL_LIMIT);
    }
    if (code == WH_OK) {
        code = execute(store, &store->writer, normal ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
    }
    return code;
}

static int prepare_reader(whi_sqlite *store) {
    int code;

    if (strcmp(store->name, ":memory:") == 0) {
        store->reader = &store->writer;
        return WH_OK;
    }
    store->reader = &store->second;
    code = connect_side(store, store->reader);
    if (code == WH_OK) {
        code =
            execute(store, store->reader, PRAGMAS "PRAGMA cache_size = -" READER_CACHE_KIB "; PRAGMA query_only = ON");
    }
    return code;
}

/* What a transaction ends with is there before it begins, whatever happens to memory. */
static int prepare_ends(whi_sqlite *store) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, &store->writer, WHI_SQL_ROLLBACK, &statement);

    return code == WH_OK ? whi_sqlite_use(store, &store->writer, WHI_SQL_COMMIT, &statement) : code;
}

/* A name is a path, also to an SQLite that was built to read "file:…" as a URI. */
static char *path_of(const char *name) {
    int is_uri = strncmp(name, "file:", 5) == 0;
    size_t size = strlen(name) + 3;
    char *path = whi_alloc(size);

    if (path != NULL) {
        snprintf(path, size, "%s%s", is_uri ? "./" : "", name);
    }
    return path;
}

static int open_into(whi_sqlite *store, const char *name, const whi_store_options *options) {
    int code;

    store->base.vtable = &whi_store_sqlite;
    store->base.ability.shared = strcmp(name, ":memory:") != 0;
    store->base.ability.look_us = LOOK_US;
    store->base.ability.seals = 1;
    store->keyring = options != NULL ? options->keyring : NULL;
    store->name = path_of(name);
    if (store->name == NULL) {
        return whi_fail_memory();
    }
    code = whi_sqlite_check_fork(store);
    if (code == WH_OK) {
        code = connect_side(store, &store->writer);
    }
    if (code == WH_OK) {
        code = prepare_writer(store, options);
    }
    if (code == WH_OK) {
        code = prepare_reader(store);
    }
    if (code == WH_OK) {
        code = whi_sqlite_note_files(store);
    }
    store->base.ability.wakes = whi_sqlite_can_listen(store) ? WH_WAKES_EARLY : 0;
    code = code == WH_OK ? prepare_ends(store) : code;
    return code == WH_OK ? whi_sqlite_keys_begin(store) : code;
}

static whi_sqlite *new_store(void) {
    whi_sqlite *store = whi_calloc(1, sizeof *store);

    if (store != NULL) {
        store->wake_fd = -1;
    }
    return store;
}

static int open_store(whi_store **out, const char *name, const whi_store_options *options) {
    whi_sqlite *store;
    int code;

    *out = NULL;
    if (name == NULL || name[0] == '\0') {
        return whi_fail_field(WH_EINVALID, "store", "a file name or \":memory:\" is expected, found %s",
                              name ? "an empty text" : "NULL");
    }
    if (!sqlite3_threadsafe()) {
        return whi_fail(WH_ESTORE, "store '%s': the SQLite library is compiled without threads", name);
    }
    store = new_store();
    if (store == NULL) {
        return whi_fail_memory();
    }
    code = open_into(store, name, options);
    if (code != WH_OK) {
        close_store(&store->base);
        return code;
    }
    *out = &store->base;
    return WH_OK;
}

/* It waits for nobody: what is locked now (a file that another process recovers) is tried again later. */
static int open_reader(whi_store *base, whi_store **out) {
    const whi_sqlite *origin = whi_sqlite_of(base);
    whi_sqlite *store;
    int code;

    *out = base;
    if (origin->reader == &origin->writer) {
        return WH_OK;
    }
    *out = NULL;
    store = new_store();
    if (store == NULL) {
        return whi_fail_memory();
    }
    store->base.vtable = base->vtable;
    store->base.ability = base->ability;
    store->base.ability.wakes = 0; /* who opened the other one hears */
    store->keyring = origin->keyring;
    store->name = whi_strdup(origin->name, WH_ZSTR);
    code = store->name != NULL ? prepare_reader(store) : whi_fail_memory();
    if (code != WH_OK) {
        close_store(&store->base);
        return code;
    }
    sqlite3_busy_timeout(store->second.db, 0);
    *out = &store->base;
    return WH_OK;
}

const whi_store_vtable whi_store_sqlite = {
    .size = sizeof(whi_store_vtable),
    .version = WH_STORE_VERSION,
    .open = open_store,
    .close = close_store,
    .reader = open_reader,
    .listen = whi_sqlite_listen,
    .begin = begin,
    .write = write_facts,
    .commit = commit,
    .settle = settle,
    .rollback = rollback,
    .token_list = whi_sqlite_token_list,
    .tenant_secret = whi_sqlite_tenant_secret,
    .setting = whi_sqlite_setting,
    .source_list = whi_sqlite_source_list,
    .usage = whi_sqlite_usage,
    .changes = whi_sqlite_changes,
    .news = whi_sqlite_news,
    .subscription_changes = whi_sqlite_subscription_changes,
    .subscription_get = whi_sqlite_subscription_get,
    .subscription_then = whi_sqlite_subscription_then,
    .subscription_list = whi_sqlite_subscription_list,
    .subscription_count = whi_sqlite_subscription_count,
    .health_get = whi_sqlite_health_get,
    .health_list = whi_sqlite_health_list,
    .lag_waits = whi_sqlite_lag_waits,
    .waiting_count = whi_sqlite_waiting_count,
    .figures = whi_sqlite_figures,
    .worst = whi_sqlite_worst,
    .lanes = whi_sqlite_lanes,
    .waiting = whi_sqlite_waiting,
    .work = whi_sqlite_work,
    .event_number = whi_sqlite_event_number,
    .event_get = whi_sqlite_event_get,
    .event_log = whi_sqlite_event_log,
    .event_list = whi_sqlite_event_list,
    .delivery_get = whi_sqlite_delivery_get,
    .delivery_list = whi_sqlite_delivery_list,
    .attempt_list = whi_sqlite_attempt_list,
    .poll_get = whi_sqlite_poll_get,
    .poll_list = whi_sqlite_poll_list,
    .seen_get = whi_sqlite_seen_get,
    .unseen_list = whi_sqlite_unseen_list,
    .unseen_count = whi_sqlite_unseen_count,
};
