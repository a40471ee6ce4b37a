/* Deliveries to a real database, one of SQLite: over the HTTP API, and with a process that is killed while it writes.
 * Covers what test_database has a fake for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "api_kit.h"
#include "base/clock.h"
#include "engine/database.h"
#include "insides.h"

static char folder[32], file[64], url[96];

static int make_folder(void) {
    memcpy(folder, "/tmp/webhook-rows-XXXXXX", 25);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(file, sizeof file, "%s/rows.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", file);
    return 0;
}

static void remove_folder(void) {
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char path[80];

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "%s%s", file, ends[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* A number that a statement gives; -1: there is no such table yet. */
static int64_t ask(const char *sql) {
    sqlite3_stmt *statement = NULL;
    sqlite3 *database;
    int64_t number = -1;

    if (sqlite3_open_v2(file, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(database, 5000);
        if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW) {
            number = sqlite3_column_int64(statement, 0);
        }
        sqlite3_finalize(statement);
    }
    sqlite3_close(database);
    return number;
}

/* ----------------------------------------------------------------------- over HTTP */

static int begin(void **state) {
    if (make_folder() != 0 || api_setup(state) != 0) {
        return -1;
    }
    api_engine->options.file_count = 1;
    return whi_database_folders(&api_engine->options.files, (const char *const[]){ folder }, 1);
}

static int end(void **state) {
    int code = api_teardown(state);

    remove_folder();
    return code;
}

static void publish(const char *type, const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = type;
    event.tenant = "a";
    event.source = "c1";
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(api_engine, &event, NULL), WH_OK);
}

static void make(const char *event) {
    char body[512];

    snprintf(body, sizeof body,
             "{\"connection_id\":\"c1\",\"object_type\":\"crm_contact\",\"event\":\"%s\",\"db_url\":\"%s\","
             "\"db_name_prefix\":\"u_\",\"hook_url\":\"\",\"is_paused\":false}",
             event, url);
    api_expect(200, "POST", "/unified/webhook", api_a, body);
    assert_null(api_member("hook_url"));
    api_has("db_url", url);
}

static void a_webhook_with_a_db_url_makes_rows(void **state) {
    char line[192];

    (void)state;
    make("created");
    make("updated");
    make("deleted");
    publish("crm_contact.created", "[{\"id\":\"1\",\"name\":\"Ann\"},{\"id\":\"2\",\"name\":\"Bob\"}]");
    publish("crm_contact.updated", "{\"id\":\"1\",\"name\":\"Anna\",\"age\":7}");
    fixture_run(api_engine);
    assert_int_equal(ask("SELECT count(*) FROM u_crm_contact"), 2);
    assert_int_equal(ask("SELECT age FROM u_crm_contact WHERE id = '1' AND name = 'Anna' AND _connection_id = 'c1'"),
                     7);
    publish("crm_contact.deleted", "{\"id\":\"2\"}");
    fixture_run(api_engine);
    assert_int_equal(ask("SELECT count(*) FROM u_crm_contact WHERE _deleted_at IS NOT NULL AND id = '2'"), 1);
    api_expect(200, "GET", "/v1/metrics", api_operator, NULL);
    snprintf(line, sizeof line, "\nwebhook_database_rows_total{url=\"%s\"} 4\n", url);
    assert_non_null(strstr(api_text, line));
    snprintf(line, sizeof line, "\nwebhook_database_busy{url=\"%s\"} 0\n", url);
    assert_non_null(strstr(api_text, line));
}

/* A list that is longer than a call usually is, with one object at both of its ends. */
static void of_an_object_twice_in_a_long_list_the_last_counts(void **state) {
    enum { COUNT = 1200, SIZE = 64 };
    char *list = malloc(COUNT * SIZE);
    size_t used = 1;

    (void)state;
    make("updated");
    memcpy(list, "[", 2);
    for (int i = 0; i < COUNT; i++) {
        used +=
            (size_t)snprintf(list + used, SIZE, "%s{\"id\":\"%d\",\"age\":%d}", i > 0 ? "," : "", i % (COUNT - 1), i);
    }
    memcpy(list + used, "]", 2);
    publish("crm_contact.updated", list);
    fixture_run(api_engine);
    assert_int_equal(ask("SELECT count(*) FROM u_crm_contact"), COUNT - 1);
    assert_int_equal(ask("SELECT age FROM u_crm_contact WHERE id = '0'"), COUNT - 1);
    free(list);
}

/* What is sent again changes no newer row. */
static void a_replay_leaves_what_is_newer(void **state) {
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;

    (void)state;
    make("updated");
    publish("crm_contact.updated", "{\"id\":\"1\",\"age\":1}");
    publish("crm_contact.updated", "{\"id\":\"1\",\"age\":2}");
    fixture_run(api_engine);
    query.state = "delivered";
    assert_int_equal(wh_replay_query(api_engine, &query, &count), WH_OK);
    assert_int_equal(count, 2);
    fixture_run(api_engine);
    assert_int_equal(ask("SELECT age FROM u_crm_contact"), 2);
    assert_int_equal(ask("SELECT count(*) FROM u_crm_contact"), 1);
}

static void who_subscribes_a_folder_that_is_not_his_is_refused(void **state) {
    (void)state;
    api_expect(400, "POST", "/unified/webhook", api_a,
               "{\"connection_id\":\"c1\",\"object_type\":\"crm_contact\",\"event\":\"created\","
               "\"db_url\":\"sqlite:/tmp/elsewhere.db\"}");
    api_expect(400, "POST", "/v1/subscriptions", api_a, "{\"url\":\"sqlite:/tmp/elsewhere.db\"}");
    assert_null(strstr(api_text, folder));
}

/* ------------------------------------------------------------------------ a kill */

#define EVENTS 2000
#define OBJECTS 50

static wh_engine *open_real(const char *store) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;
    const char *folders[] = { folder };

    options.durability = WH_NORMAL; /* what is killed leaves its pages with the system */
    options.files = folders;
    options.file_count = 1;
    return wh_open(&engine, store, &options) == WH_OK ? engine : NULL;
}

static int publish_all(wh_engine *engine) {
    wh_event event = WH_EVENT_INIT;
    char payload[64];
    int code = WH_OK;

    event.type = "crm_contact.updated";
    event.payload = payload;
    for (int i = 0; i < EVENTS && code == WH_OK; i++) {
        event.payload_size = (size_t)snprintf(payload, sizeof payload, "{\"id\":\"%d\",\"n\":%d}", i % OBJECTS, i);
        code = wh_publish(engine, &event, NULL);
    }
    return code;
}

/* The rows of this batch are there, and nobody has been told. */
static int write_and_die(whi_destination *destination, const whi_object *objects, size_t count,
                         whi_object_result *results) {
    static int batches;
    int code = whi_destination_write(destination, objects, count, results);

    if (++batches == 5) {
        kill(getpid(), SIGKILL);
    }
    return code;
}

/* In a process of its own, which never returns. */
static void work_until_killed(const char *store) {
    wh_engine *engine = open_real(store);
    whi_destinations deadly = whi_destinations_built;

    deadly.write = write_and_die;
    if (engine != NULL) {
        engine->destinations = &deadly;
        wh_run(engine);
    }
    _exit(1);
}

static void prepare(const char *store) {
    wh_engine *engine = open_real(store);
    char document[160];

    assert_non_null(engine);
    snprintf(document, sizeof document, "{\"url\":\"%s\"}", url);
    assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, NULL), WH_OK);
    assert_int_equal(publish_all(engine), WH_OK);
    wh_close(engine);
}

static void run_and_be_killed(const char *store) {
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        work_until_killed(store);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void a_kill_in_the_middle_of_a_batch_loses_and_doubles_nothing(void **state) {
    const char *store;
    wh_engine *engine;

    (void)state;
    assert_int_equal(make_folder(), 0);
    store = fixture_file();
    prepare(store);
    run_and_be_killed(store);
    assert_true(ask("SELECT count(*) FROM crm_contact") > 0);
    engine = open_real(store);
    assert_non_null(engine);
    assert_int_equal(wh_run(engine), WH_OK);
    wh_close(engine);
    assert_int_equal(ask("SELECT count(*) FROM crm_contact"), OBJECTS);
    assert_int_equal(ask("SELECT min(n) FROM crm_contact"), EVENTS - OBJECTS);
    assert_int_equal(ask("SELECT max(n) FROM crm_contact"), EVENTS - 1);
    assert_int_equal(ask("SELECT count(*) FROM crm_contact WHERE n % 50 <> CAST(id AS INTEGER)"), 0);
    remove_folder();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* ------------------------------------------------------------------- both at once */

static const char *change_both(const char *id, const char *change) {
    static char body[512];
    char target[160];

    snprintf(target, sizeof target, "/unified/webhook/%s", id);
    snprintf(body, sizeof body, change, url);
    api_expect(200, "PATCH", target, api_a, body);
    return api_text;
}

static void a_webhook_with_both_is_sent_and_written(void **state) {
    char id[WH_ID_SIZE], target[160], body[512];

    (void)state;
    snprintf(body, sizeof body,
             "{\"connection_id\":\"c1\",\"object_type\":\"crm_contact\",\"event\":\"created\","
             "\"hook_url\":\"https://e.com/both\",\"db_url\":\"%s\",\"db_name_prefix\":\"u_\"}",
             url);
    api_expect(200, "POST", "/unified/webhook", api_a, body);
    api_has("hook_url", "https://e.com/both");
    api_has("db_url", url);
    api_has("db_name_prefix", "u_");
    snprintf(id, sizeof id, "%s", api_member("id"));
    publish("crm_contact.created", "{\"id\":\"1\",\"name\":\"Ann\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].url, "https://e.com/both");
    assert_int_equal(ask("SELECT count(*) FROM u_crm_contact WHERE id = '1' AND name = 'Ann'"), 1);

    api_expect(200, "GET", "/unified/webhook", api_a, NULL);
    api_has("0.id", id);
    api_has("0.hook_url", "https://e.com/both");
    api_has("0.db_url", url);
    assert_null(api_member("1.id"));
    snprintf(target, sizeof target, "/unified/apicall?webhook_id=%s", id);
    api_expect(200, "GET", target, api_a, NULL);
    api_has("0.webhook_id", id); /* of the rows, too */
    api_has("1.webhook_id", id);
    assert_null(api_member("2.id"));
    snprintf(target, sizeof target, "/unified/webhook/%s", id);
    api_expect(200, "DELETE", target, api_a, NULL);
    publish("crm_contact.created", "{\"id\":\"2\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(ask("SELECT count(*) FROM u_crm_contact"), 1);
}

static void either_place_of_a_webhook_may_come_and_go(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    make("created");
    snprintf(id, sizeof id, "%s", api_member("id"));
    change_both(id, "{\"hook_url\":\"https://e.com/later\"}");
    api_has("db_url", url);
    api_has("hook_url", "https://e.com/later");
    publish("crm_contact.created", "{\"id\":\"1\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(ask("SELECT count(*) FROM u_crm_contact"), 1);

    change_both(id, "{\"db_name_prefix\":\"v_\"}"); /* of the one that is there */
    api_has("db_name_prefix", "v_");
    publish("crm_contact.created", "{\"id\":\"2\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(ask("SELECT count(*) FROM v_crm_contact"), 1);

    change_both(id, "{\"hook_url\":\"\"}");
    assert_null(api_member("hook_url"));
    api_has("db_name_prefix", "v_");
    publish("crm_contact.created", "{\"id\":\"3\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(ask("SELECT count(*) FROM v_crm_contact"), 2);

    change_both(id, "{\"hook_url\":\"https://e.com/again\",\"db_url\":null}");
    assert_null(api_member("db_url"));
    publish("crm_contact.created", "{\"id\":\"4\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_int_equal(ask("SELECT count(*) FROM v_crm_contact"), 2);
    change_both(id, "{\"db_url\":\"%s\"}");
    publish("crm_contact.created", "{\"id\":\"5\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 4);
}

static void what_is_wrong_with_the_second_place_is_said_by_its_name(void **state) {
    (void)state;
    api_expect(400, "POST", "/unified/webhook", api_a,
               "{\"connection_id\":\"c1\",\"object_type\":\"crm_contact\",\"event\":\"created\","
               "\"hook_url\":\"https://e.com/\",\"db_url\":\"sqlite:/tmp/elsewhere.db\"}");
    api_has("field", "db_url");
    api_expect(200, "GET", "/unified/webhook", api_a, NULL);
    assert_null(api_member("0.id"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_in_the_middle_of_a_batch_loses_and_doubles_nothing),
        TEST(a_webhook_with_a_db_url_makes_rows),
        TEST(a_webhook_with_both_is_sent_and_written),
        TEST(either_place_of_a_webhook_may_come_and_go),
        TEST(what_is_wrong_with_the_second_place_is_said_by_its_name),
        TEST(of_an_object_twice_in_a_long_list_the_last_counts),
        TEST(a_replay_leaves_what_is_newer),
        TEST(who_subscribes_a_folder_that_is_not_his_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
