/* The SQLite store: a file that processes share, a disk, memory, and the plans of its statements. */
#include "store_file_kit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "outside/store_sqlite.h"

static char own_program[512];

/* -------------------------------------------------------- several processes */

/* This program again, with a role; its standard output is in *output. */
static pid_t start(const char *role, int *output) {
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", own_program, role, path, (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    *output = ends[0];
    return child;
}

static int ended(pid_t child, int output) {
    int status = -1;

    close(output);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int check(int code) {
    if (code != WH_OK) {
        fprintf(stderr, "%s: %s\n", wh_error_name(code), wh_last_error());
        exit(1);
    }
    return 0;
}

/* Opens, makes the tables if it is first, and adds 100 events in 20 transactions. */
static int role_writer(void) {
    whi_store *store;
    int64_t owner, first;

    check(whi_store_sqlite.open(&store, path, NULL));
    check(whi_store_begin(store));
    check(add_worker(store, &owner));
    check(whi_store_commit(store, NULL));
    first = whi_ident_first(NOW) + owner * 4096;
    for (int i = 0; i < 100; i++) {
        if (i % 5 == 0) {
            check(whi_store_begin(store));
        }
        check(add_event(store, first + i, NULL, NULL));
        if (i % 5 == 4) {
            check(whi_store_commit(store, NULL));
        }
    }
    whi_store_close(store);
    return 0;
}

static int role_half(void) {
    whi_store *store;
    int64_t event = number_at(NOW, 1);

    check(whi_store_sqlite.open(&store, path, NULL));
    check(whi_store_begin(store));
    check(add_event(store, event, "whole", NULL));
    check(whi_store_commit(store, NULL));
    check(whi_store_begin(store));
    for (int i = 1; i < 3000; i++) { /* more than the page cache, so that the log has pages of it */
        check(add_event(store, event + i, NULL, NULL));
    }
    if (write(STDOUT_FILENO, "x", 1) != 1) {
        return 1;
    }
    for (;;) {
        pause();
    }
}

static void processes_share_it(void) {
    enum { PROCESSES = 6 };
    pid_t children[PROCESSES];
    int outputs[PROCESSES], failed = 0;
    whi_store *store;
    whi_store_query query = { 0 };
    whi_store_place place;
    int total = 0;

    for (int i = 0; i < PROCESSES; i++) {
        children[i] = start("writer", &outputs[i]);
    }
    for (int i = 0; i < PROCESSES; i++) {
        failed += ended(children[i], outputs[i]) != 0;
    }
    assert_int_equal(failed, 0);
    store = opened(path);
    do {
        seen all = { 0 };

        query.limit = 50;
        OK(V(store)->event_list(store, &query, see_event, &all, &place));
        query.before_event = place.event;
        total += all.count;
    } while (place.more);
    assert_int_equal(total, PROCESSES * 100);
    whi_store_close(store);
}

static void processes_that_open_a_new_file_at_once_share_it(void **state) {
    (void)state;
    processes_share_it();
    assert_int_equal(asked("PRAGMA application_id"), WHI_SQLITE_APPLICATION);
    assert_int_equal(asked("PRAGMA page_size"), 8192);
}

static void processes_that_adopt_a_database_at_once_share_it(void **state) {
    (void)state;
    execute("CREATE TABLE orders (id)");
    processes_share_it();
    assert_int_equal(asked("PRAGMA application_id"), 0);
}

static void a_process_that_is_killed_in_a_transaction_leaves_nothing_of_it(void **state) {
    int output;
    char byte;
    pid_t child = start("half", &output);
    whi_store *store;
    whi_store_query query = { 0 };
    whi_store_place place;
    seen all = { 0 };

    (void)state;
    assert_int_equal(read(output, &byte, 1), 1);
    kill(child, SIGKILL);
    ended(child, output);
    store = opened(path);
    OK(V(store)->event_list(store, &query, see_event, &all, &place));
    assert_int_equal(all.count, 1);
    assert_string_equal(all.id, "whole");
    OK(whi_store_begin(store));
    OK(add_event(store, number_at(NOW, 2), NULL, NULL));
    OK(whi_store_commit(store, NULL));
    whi_store_close(store);
}

/* ------------------------------------------------------------------ trouble */

static int role_reader(void) {
    whi_store *store;

    if (geteuid() == 0 && setuid(65534) != 0) { /* root may write everything */
        return 1;
    }
    if (whi_store_sqlite.open(&store, path, NULL) != WH_ESTORE) {
        return 2;
    }
    return strstr(wh_last_error(), "can only be read") == NULL || strstr(wh_last_error(), path) == NULL;
}

static void a_file_that_can_only_be_read_is_named(void **state) {
    whi_store *store = opened(path);
    int output;
    pid_t child;

    (void)state;
    whi_store_close(store);
    chmod(path, 0444);
    chmod(folder, 0755);
    child = start("reader", &output);
    assert_int_equal(ended(child, output), 0);
}

/* A limit on the size of files makes write fail as a full disk does. */
static void a_full_disk_is_told_and_what_was_committed_stays(void **state) {
    whi_store *store = opened(path);
    struct rlimit old, small;
    int64_t event = number_at(NOW, 1);
    int code = WH_OK, i;

    (void)state;
    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    OK(whi_store_commit(store, NULL));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 400000;
    setrlimit(RLIMIT_FSIZE, &small);
    for (i = 1; i < 100000 && code == WH_OK; i++) {
        OK(whi_store_begin(store));
        code = add_event(store, event + i, NULL, NULL);
        if (code == WH_OK) {
            code = whi_store_commit(store, NULL);
        }
    }
    assert_int_equal(code, WH_EFULL);
    assert_non_null(strstr(wh_last_error(), path));
    whi_store_rollback(store);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(is_there(store, event + i - 2));
    assert_false(is_there(store, event + i - 1));
    OK(whi_store_begin(store)); /* room again */
    OK(add_event(store, event + i, NULL, NULL));
    OK(whi_store_commit(store, NULL));
    whi_store_close(store);
}

static void another_transaction_is_waited_for(void **state) {
    whi_store *store = opened(path);
    sqlite3 *db = ((whi_sqlite *)store)->writer.db;

    (void)state;
    sqlite3_busy_timeout(db, 20); /* not the ten seconds of everyday */
    execute("BEGIN IMMEDIATE; COMMIT");
    {
        whi_store *other = opened(path);

        OK(whi_store_begin(other));
        assert_int_equal(whi_store_begin(store), WH_ELOCKED);
        whi_store_rollback(other);
        whi_store_close(other);
    }
    OK(whi_store_begin(store));
    whi_store_rollback(store);
    whi_store_close(store);
}

/* ------------------------------------------------------------------- memory */

static int countdown = -1;

static int fails(void) {
    return countdown >= 0 && countdown-- == 0;
}

static int see_partition(const whi_partition_row *row, void *payload) {
    seen *all = payload;

    all->deleted[0] += row->owner != 0;
    return 0;
}

/* A little of everything; the code of the first failure. */
static int tour(whi_store *store, seen *all) {
    int64_t event = number_at(NOW, 1), owner, position, after = 0, upto, next;
    whi_delivery_row row = delivery(event, 1, WHI_WAITING, NOW);
    whi_store_waiting asked = { 1, NOW, 5, knows_none, see_delivery, all };
    whi_subscription_row subscription = { .version = 1, .tenant = "t", .status = 1, .document = "{}" };
    whi_store_query query = { .subscription = 1, .state = WHI_WAITING };
    whi_store_place place;
    whi_attempt_row attempt = { .event = event, .subscription = 1, .n = 1 };
    int known, count, code;

    subscription.document_size = 2;
    row.body = "[]";
    row.body_size = 2;
    row.key = "k";
    code = whi_store_begin(store);
    if (code != WH_OK) {
        return code;
    }
    if ((code = add_worker(store, &owner)) != 0 || (code = whi_store_subscription_put(store, &subscription)) != 0 ||
        (code = add_event(store, event, "own", &known)) != 0 ||
        (code = whi_store_partition_take(store, owner, 9, &position, &count)) != 0 ||
        (code = whi_store_partition_list(store, see_partition, all)) != 0 ||
        (code = whi_store_position(store, owner, event)) != 0 ||
        (code = whi_store_partition_give(store, owner, -1, event)) != 0 || (code = write_row(store, &row)) != 0 ||
        (code = whi_store_attempt_add(store, &attempt)) != 0 ||
        (code = whi_store_delivery_again(store, event - 1, 1, "k", NOW, 0, &known)) != 0 ||
        (code = whi_store_delivery_drop(store, event, 1, &known)) != 0 ||
        (code = whi_store_worker_remove(store, owner)) != 0 ||
        (code = whi_store_purge(store, event, event, 5, &after, &count)) != 0 ||
        (code = whi_store_commit(store, NULL)) != 0) {
        whi_store_rollback(store);
        return code;
    }
    if ((code = V(store)->delivery_list(store, &query, see_delivery, all, &place)) != 0 ||
        (code = V(store)->waiting(store, &asked, &next)) != 0 ||
        (code = V(store)->event_log(store, 0, 5, NULL, see_event, all, &upto)) != 0 ||
        (code = V(store)->lanes(store, see_lane, all)) != 0) {
        return code;
    }
    after = 0;
    return V(store)->subscription_changes(store, &after, see_subscription, all);
}

static int whole_tour(const char *name) {
    whi_store *store;
    seen all = { 0 };
    int code = whi_store_sqlite.open(&store, name, NULL);

    if (code == WH_OK) {
        code = tour(store, &all);
        whi_store_close(store);
    }
    if (code == WH_OK && all.count != 5) {
        return 1;
    }
    return code;
}

static void an_allocation_that_fails_is_told(void **state) {
    int n = 0, code;

    (void)state;
    whi_mem_fault = fails;
    do {
        countdown = n++;
        code = whole_tour(":memory:");
        assert_true(code == WH_OK || code == WH_ENOMEM);
    } while (countdown < 0);
    whi_mem_fault = NULL;
    countdown = -1;
    assert_int_equal(code, WH_OK);
    assert_true(n > 3);
}

static sqlite3_mem_methods plain;

static void *failing_malloc(int size) {
    return fails() ? NULL : plain.xMalloc(size);
}

static void *failing_realloc(void *memory, int size) {
    return fails() ? NULL : plain.xRealloc(memory, size);
}

/* In a process of its own, because SQLite takes its allocator before its first use. */
static int role_memory(void) {
    sqlite3_mem_methods failing;
    int code, hit;

    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) != SQLITE_OK) {
        return 1;
    }
    failing = plain;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK || sqlite3_initialize() != SQLITE_OK) {
        return 1;
    }
    for (int n = 0;; n++) {
        countdown = n;
        code = whole_tour(":memory:");
        hit = countdown < 0;
        countdown = -1;
        if (code != WH_OK && (code != WH_ENOMEM || wh_last_error()[0] == '\0')) {
            fprintf(stderr, "allocation %d: %d %s\n", n, code, wh_last_error());
            return 1;
        }
        if (!hit) {
            return code != WH_OK || n < 100;
        }
    }
}

static void an_allocation_that_fails_inside_sqlite_is_told(void **state) {
    int output;
    pid_t child = start("memory", &output);

    (void)state;
    assert_int_equal(ended(child, output), 0);
}

/* -------------------------------------------------------------------- plans */

/* Tables of a few rows, or walked from their beginning and no further than needed. */
static int may_scan(const char *detail) {
    static const char *const names[] = { "SCAN CONSTANT ROW",
                                         "SCAN lane",
                                         "SCAN o",
                                         "SCAN webhook_lags",
                                         "SCAN webhook_keys",
                                         "SCAN had",
                                         "SCAN few",
                                         "SCAN log",
                                         "SCAN webhook_workers",
                                         "SCAN webhook_partitions",
                                         "SCAN webhook_outbox",
                                         "SCAN webhook_tokens",
                                         "SCAN webhook_sources",
                                         "SCAN sqlite_sequence" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(detail, names[i]) == 0) {
            return 1;
        }
    }
    return strncmp(detail, "SCAN ", 5) != 0;
}

/* So many rows at most, or those of one subscription. */
static int may_sort(int which) {
    return which == WHI_SQL_DELIVERY_WAITING || which == WHI_SQL_DELIVERY_FEW || which == WHI_SQL_HEALTH_WORST;
}

static void check_plan(sqlite3 *db, int which) {
    char sql[2048];
    sqlite3_stmt *plan;

    assert_non_null(whi_sqlite_text[which]);
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", whi_sqlite_text[which]);
    if (sqlite3_prepare_v2(db, sql, -1, &plan, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);

        if (!may_scan(detail) || (strstr(detail, "TEMP B-TREE") != NULL && !may_sort(which))) {
            fail_msg("%s\n  %s", whi_sqlite_text[which], detail);
        }
    }
    sqlite3_finalize(plan);
}

static void every_statement_uses_an_index(void **state) {
    whi_store *store = opened(path);
    sqlite3 *db = ((whi_sqlite *)store)->writer.db;

    (void)state;
    for (int i = WHI_SQL_CHANGES + 1; i < WHI_SQL_STATEMENTS; i++) {
        check_plan(db, i);
    }
    whi_store_close(store);
}

#define MANY 3000

/* A backlog that nobody has decided is not looked through again and again. */
static void what_lies_beyond_the_least_position_costs_a_purge_nothing(void **state) {
    whi_store *store = opened(path);
    int64_t after = 0;
    int count;

    (void)state;
    OK(whi_store_begin(store));
    for (int i = 0; i < MANY; i++) {
        OK(add_event(store, number_at(NOW, i), NULL, NULL));
    }
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 10, &after, &count));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(count, 0);
    assert_in_range(
        sqlite3_stmt_status(((whi_sqlite *)store)->writer.statements[WHI_SQL_PURGE_PICK], SQLITE_STMTSTATUS_VM_STEP, 0),
        1, 20 * WH_PARTITIONS);
    whi_store_close(store);
}

static int play(const char *role) {
    static const struct {
        const char *name;
        int (*run)(void);
    } roles[] = {
        { "writer", role_writer }, { "half", role_half }, { "reader", role_reader }, { "memory", role_memory }
    };

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i].name) == 0) {
            return roles[i].run();
        }
    }
    return 98;
}

static int64_t cache_kib(sqlite3 *db) {
    sqlite3_stmt *statement;
    int64_t kib;

    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA cache_size", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    kib = -sqlite3_column_int64(statement, 0); /* below 0: KiB, else pages */
    sqlite3_finalize(statement);
    return kib;
}

/* With 100,000 deliveries that wait this is most of what an engine has in memory. */
static void caches_of_pages_are_small_together(void **state) {
    whi_store *store = opened(path), *reader;
    int64_t kib;

    (void)state;
    OK(V(store)->reader(store, &reader));
    kib = cache_kib(whi_sqlite_of(store)->writer.db) + cache_kib(whi_sqlite_of(store)->second.db) +
          cache_kib(whi_sqlite_of(reader)->second.db);
    assert_in_range(kib, 1024, 10 * 1024);
    whi_store_close(reader);
    whi_store_close(store);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(processes_that_open_a_new_file_at_once_share_it, scrub),
        cmocka_unit_test_teardown(processes_that_adopt_a_database_at_once_share_it, scrub),
        cmocka_unit_test_teardown(a_process_that_is_killed_in_a_transaction_leaves_nothing_of_it, scrub),
        cmocka_unit_test_teardown(a_file_that_can_only_be_read_is_named, scrub),
        cmocka_unit_test_teardown(a_full_disk_is_told_and_what_was_committed_stays, scrub),
        cmocka_unit_test_teardown(another_transaction_is_waited_for, scrub),
        cmocka_unit_test_teardown(an_allocation_that_fails_is_told, scrub),
        cmocka_unit_test_teardown(an_allocation_that_fails_inside_sqlite_is_told, scrub),
        cmocka_unit_test_teardown(every_statement_uses_an_index, scrub),
        cmocka_unit_test_teardown(caches_of_pages_are_small_together, scrub),
        cmocka_unit_test_teardown(what_lies_beyond_the_least_position_costs_a_purge_nothing, scrub),
    };
    int failed;

    snprintf(own_program, sizeof own_program, "%s", argv[0]);
    if (argc == 3) {
        snprintf(path, sizeof path, "%s", argv[2]);
        return play(argv[1]);
    }
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/test.db", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
