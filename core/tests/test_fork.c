/* A child after fork(): what its parent opened is closed to it, and it leaves it alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/fork.h"
#include "engine_fixture.h"
#include "receiver.h"

/* What a child leaves alone the leak checker of the address sanitizer would count. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

#define FORKS 30
#define PATIENCE 60 /* s, then a child that hangs is ended by SIGALRM */

static char store[64];

/* Not fixture_file: a child's exit would remove it. */
static int make_store(void **state) {
    int fd;

    (void)state;
    snprintf(store, sizeof store, "/tmp/webhook-fork-XXXXXX");
    fd = mkstemp(store);
    close(fd);
    return fd < 0;
}

static int remove_store(void **state) {
    static const char *const tails[] = { "", "-wal", "-shm" };
    char name[80];

    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(name, sizeof name, "%s%s", store, tails[i]);
        unlink(name);
    }
    return 0;
}

static wh_engine *open_one(void) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    options.allow = allow;
    options.allow_count = 1;
    if (wh_open(&engine, store, &options) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    return engine;
}

static void subscribe(wh_engine *engine, receiver *to) {
    char document[200];

    snprintf(document, sizeof document, "{\"url\":\"%s\"}", receiver_url(to, "/"));
    fixture_subscribe(engine, document, NULL);
}

/* ------------------------------------------------------------------------ children */

static int publish(wh_engine *engine) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a.b";
    event.payload = "1";
    event.payload_size = WH_ZSTR;
    return wh_publish(engine, &event, NULL);
}

/* Each public function of an engine says the same. How many did not. */
static int open_doors(wh_engine *engine) {
    char text[WH_SECRET_SIZE], *out;
    wh_query query = WH_QUERY_INIT;
    wh_backtest backtest = WH_BACKTEST_INIT;
    wh_event event = WH_EVENT_INIT;
    size_t size;
    int64_t count;
    int all;
    const int codes[] = {
        publish(engine),
        wh_publish_async(engine, &event, NULL, NULL),
        wh_publish_batch(engine, &event, 1, NULL),
        wh_step(engine),
        wh_run(engine),
        wh_start(engine, 1),
        wh_stop(engine, 0),
        wh_fd(engine),
        wh_idle(engine),
        wh_subscribe(engine, "{}", WH_ZSTR, text),
        wh_subscription(engine, "sub_1", &out, &size),
        wh_subscription_version(engine, "sub_1", 1, &out, &size),
        wh_subscription_secrets(engine, "sub_1", &out, &size),
        wh_subscription_update(engine, "sub_1", "{}", WH_ZSTR),
        wh_subscription_delete(engine, "sub_1"),
        wh_subscriptions(engine, &query, &out, &size),
        wh_events(engine, &query, &out, &size),
        wh_event_get(engine, "e", &out, &size),
        wh_deliveries(engine, &query, &out, &size),
        wh_delivery(engine, "d", &out, &size),
        wh_delivery_body(engine, "d", &out, &size),
        wh_attempts(engine, "d", &out, &size),
        wh_replay(engine, "d"),
        wh_replay_query(engine, &query, &count),
        wh_replay_missed(engine, "s", &query, 0, &count),
        wh_explain(engine, "e", NULL, &query, &out, &size),
        wh_backtest_run(engine, &backtest, &out, &size),
        wh_token_add(engine, NULL, "n", text),
        wh_tokens(engine, NULL, &out, &size),
        wh_token_revoke(engine, "t"),
        wh_token_check(engine, "t", NULL, NULL, &all),
        wh_tenant_secret(engine, "t", NULL, text),
        wh_settings(engine, &out, &size),
        wh_settings_set(engine, "{}", WH_ZSTR),
        wh_tenant(engine, "a", &out, &size),
        wh_tenant_set(engine, "a", "{}", WH_ZSTR),
        wh_rotate_key(engine, &count),
        wh_subscribe_since(engine, "{}", WH_ZSTR, &query, 0, text, &count),
    };
    int open = 0;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] != WH_ECLOSED) {
            fprintf(stderr, "function %zu: %s\n", i, wh_error_name(codes[i]));
            open++;
        }
    }
    return open + (wh_timeout(engine) != -1) + (strstr(wh_last_error(), "forked") == NULL);
}

static pid_t begin_child(void) {
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm(PATIENCE);
    }
    return child;
}

static void assert_ended(pid_t child) {
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0) {
        fail_msg("a child ended with %x", (unsigned)status);
    }
}

static int64_t asked(const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t number;

    assert_int_equal(sqlite3_open(store, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* --------------------------------------------------------------------------- tests */

static void each_process_has_a_generation(void **state) {
    unsigned mine = whi_fork_generation();
    pid_t child = begin_child();

    (void)state;
    if (child == 0) {
        _exit(whi_fork_generation() == mine);
    }
    assert_ended(child);
    assert_int_equal(whi_fork_generation(), mine);
}

/* In the child all is refused, and neither closing nor exit touches what the parent works with. */
static void a_child_leaves_the_parents_engine_alone(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine;

    (void)state;
    engine = open_one();
    subscribe(engine, to);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    for (int i = 0; i < FORKS; i++) {
        pid_t child;
        assert_int_equal(publish(engine), WH_OK);
        child = begin_child();
        if (child == 0) {
            int open = open_doors(engine);
            wh_close(engine);
            if (i % 2) {
                exit(open); /* with all handlers */
            }
            _exit(open);
        }
        assert_int_equal(publish(engine), WH_OK);
        assert_ended(child);
    }
    assert_int_equal(receiver_wait(to, 2 * FORKS), 0);
    assert_int_equal(asked("SELECT count(*) FROM webhook_workers"), 1);
    assert_int_equal(asked("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    wh_close(engine);
    receiver_free(to);
}

/* Whatever lock another thread had at that moment, the child does not wait for it. */
static atomic_int ended;

static void *publish_for_ever(void *engine) {
    while (!atomic_load(&ended)) {
        publish(engine);
    }
    return NULL;
}

static void a_child_waits_for_no_lock(void **state) {
    wh_engine *engine;
    pthread_t threads[2];

    (void)state;
    engine = open_one();
    atomic_store(&ended, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, publish_for_ever, engine), 0);
    }
    for (int i = 0; i < FORKS; i++) {
        pid_t child = begin_child();
        if (child == 0) {
            int open = open_doors(engine);
            wh_close(engine);
            exit(open);
        }
        assert_ended(child);
    }
    atomic_store(&ended, 1);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    wh_close(engine);
}

/* What SQLite remembers of the parent's locks would be believed. */
static void a_child_may_not_open_what_its_parent_has_open(void **state) {
    wh_engine *engine = open_one();
    pid_t child = begin_child();

    (void)state;
    if (child == 0) {
        wh_engine *own;
        int code = wh_open(&own, store, NULL);
        exit(code != WH_ESTORE || own != NULL || strstr(wh_last_error(), "fork") == NULL);
    }
    assert_ended(child);
    assert_int_equal(publish(engine), WH_OK);
    wh_close(engine);
}

static void a_child_may_open_what_its_parent_has_closed(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_one();
    pid_t child;

    (void)state;
    subscribe(engine, to);
    wh_close(engine);
    child = begin_child();
    if (child == 0) {
        wh_engine *own = open_one();
        int code = publish(own);
        code = code == WH_OK ? wh_run(own) : code;
        wh_close(own);
        exit(code != WH_OK);
    }
    assert_ended(child);
    assert_int_equal(receiver_count(to), 1);
    receiver_free(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_process_has_a_generation),
        cmocka_unit_test_setup_teardown(a_child_leaves_the_parents_engine_alone, make_store, remove_store),
        cmocka_unit_test_setup_teardown(a_child_waits_for_no_lock, make_store, remove_store),
        cmocka_unit_test_setup_teardown(a_child_may_not_open_what_its_parent_has_open, make_store, remove_store),
        cmocka_unit_test_setup_teardown(a_child_may_open_what_its_parent_has_closed, make_store, remove_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
