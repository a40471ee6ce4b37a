/* Stores of earlier versions of the tables, with something in every state. What is to come of it is the same
 * whatever version it was: what was decided stays decided, and what was not is in the log. */
#include "store_file_kit.h"

#include "outside/store_sqlite.h"

#define FORMER_WORKER 7
#define TEXT_SIZE 8192

static int64_t e(int i) {
    return number_at(NOW, i);
}

/* ------------------------------------------------------------------- making former stores */

static void make_of(const char *name) {
    static char text[16384];
    char place[512];
    FILE *file;
    size_t size;

    snprintf(place, sizeof place, "%s/%s", WEBHOOK_TEST_DATA, name);
    file = fopen(place, "r");
    assert_non_null(file);
    size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_true(size < sizeof text);
    text[size] = '\0';
    execute(text);
}

static void make_tables(int version) {
    char name[64];

    snprintf(name, sizeof name, "store_version_%d.sql", version);
    make_of(name);
}

static void write_event(int i) {
    char sql[400];

    snprintf(sql, sizeof sql,
             "INSERT INTO webhook_events (number, id, type, tenant, time, accepted_at, payload)"
             " VALUES (%lld, %s, 'order.paid', 'acme', 5, 6, '{\"id\":%d}')",
             (long long)e(i), i == 1 ? "'k1'" : "NULL", i);
    execute(sql);
}

static void write_mark(int version, int64_t owner, int i) {
    char sql[200];

    if (version > 3) {
        snprintf(sql, sizeof sql, "INSERT INTO webhook_undecided (event) VALUES (%lld)", (long long)e(i));
    } else {
        snprintf(sql, sizeof sql, "INSERT INTO webhook_pending (owner, event) VALUES (%lld, %lld)", (long long)owner,
                 (long long)e(i));
    }
    execute(sql);
}

/* As a store of version 4 was that had been one of version 3. */
static void write_positions(void) {
    char sql[200];

    snprintf(sql, sizeof sql,
             "UPDATE webhook_partitions SET position = %lld;"
             "UPDATE webhook_meta SET value = %lld WHERE name = 'upgraded'",
             (long long)e(2) - 1, (long long)e(9));
    execute(sql);
}

/* The last: where the tables have it. What was being sent waited from version 5 on. */
static void write_delivery(int version, int i, int subscription, int state, int64_t due, int64_t owner,
                           const char *key) {
    int sending = state == WHI_SENDING && version > 4;
    char sql[600];

    state = sending ? WHI_WAITING : state;
    due = sending ? 200 : due;
    owner = sending ? 0 : owner;
    snprintf(sql, sizeof sql,
             "INSERT INTO webhook_deliveries (event, subscription, version, state, attempts, tries, due, %s,"
             " created_at, updated_at, status, error, body%s) VALUES (%lld, %d, 3, %d, 1, 1, %lld, %lld, 100, 200, 503,"
             " 'no', NULL%s%s%s)",
             version > 4 ? "turn" : "owner", key ? ", key" : "", (long long)e(i), subscription, state, (long long)due,
             (long long)owner, key ? ", '" : "", key ? key : "", key ? "'" : "");
    execute(sql);
}

static void write_worker(int version) {
    static const char *const texts[] = {
        [1] = "INSERT INTO webhook_workers (id, heartbeat, token) VALUES (7, 9, 9)",
        [2] = "INSERT INTO webhook_workers (id, heartbeat, token) VALUES (7, 9, 9)",
        [3] = "INSERT INTO webhook_workers (id, beat) VALUES (7, 9)",
        [4] = "INSERT INTO webhook_workers (id, beat, share, position) VALUES (7, 9, 0, 9223372036854775807)",
        [5] = "INSERT INTO webhook_workers (id, beat, share, position) VALUES (7, 9, 0, 9223372036854775807)",
        [6] = "INSERT INTO webhook_workers (id, beat, share, position) VALUES (7, 9, 0, 9223372036854775807)",
    };

    execute(texts[version]);
}

static void write_ids_and_bodies(int version) {
    char sql[500];

    snprintf(sql, sizeof sql,
             "INSERT INTO webhook_event_ids (id, number%s) VALUES ('k1', %lld%s);"
             "INSERT INTO webhook_bodies VALUES (1, '[1]');"
             "UPDATE webhook_deliveries SET body = 1 WHERE event = %lld",
             version > 1 ? ", tenant" : "", (long long)e(1), version > 1 ? ", 'acme'" : "", (long long)e(1));
    execute(sql);
}

static void write_attempt(int version, int i, int subscription, int n, const char *values) {
    char sql[300];

    if (version > 3 && n == 1) {
        snprintf(sql, sizeof sql,
                 "UPDATE webhook_deliveries SET (first_at, first_us, first_code, first_status, first_error,"
                 " first_response) = (%s) WHERE event = %lld AND subscription = %d",
                 values, (long long)e(i), subscription);
    } else {
        snprintf(sql, sizeof sql, "INSERT INTO webhook_attempts VALUES (%lld, %d, %d, %s)", (long long)e(i),
                 subscription, n, values);
    }
    execute(sql);
}

/* The last two have no delivery: a hand deleted it, and of the last one its event as well. */
static void write_attempts(int version) {
    write_attempt(version, 1, 5, 1, "100, 7, 0, 200, NULL, 'yes'");
    write_attempt(version, 8, 5, 1, "101, 8, -301, 501, 'no', x'610062'");
    write_attempt(version, 8, 5, 2, "102, 9, -302, 502, 'nor', NULL");
    write_attempt(version, 8, 5, 3, "103, 10, -303, 503, 'never', 'c'");
    write_attempt(version, 6, 6, 1, "104, 11, -304, 0, 'silence', NULL");
    write_attempt(version, 9, 6, 1, "105, 12, 0, 200, NULL, 'lost'");
    write_attempt(version, 77, 5, 1, "106, 13, 0, 200, NULL, 'lost'");
}

/* 2 and 5 are not decided yet: nobody's the one, of a worker that is there the other. */
static void make_former(int version) {
    make_tables(version);
    /* The file of version 1 has rows of its own, for the engine. */
    execute("DELETE FROM webhook_events; DELETE FROM webhook_deliveries; DELETE FROM webhook_event_ids");
    for (int i = 1; i <= 9; i++) {
        write_event(i);
    }
    write_mark(version, 0, 2);
    write_mark(version, FORMER_WORKER, 5);
    write_worker(version);
    write_delivery(version, 1, 5, WHI_DELIVERED, 0, 0, NULL);
    write_delivery(version, 4, 5, WHI_DELIVERED, 0, 0, NULL); /* and of 3 nobody wanted anything */
    write_delivery(version, 5, 5, WHI_SENDING, 0, FORMER_WORKER, NULL);
    write_delivery(version, 6, 5, WHI_SENDING, 0, FORMER_WORKER, NULL);
    write_delivery(version, 6, 6, WHI_WAITING, 300, 0, NULL);
    write_delivery(version, 7, 8, WHI_WAITING, 300, 0, version > 1 ? "a" : NULL);
    write_delivery(version, 8, 8, WHI_WAITING, version > 1 ? INT64_MAX : 400, 0, version > 1 ? "a" : NULL);
    write_delivery(version, 8, 5, WHI_EXHAUSTED, 0, 0, NULL);
    write_delivery(version, 8, 6, WHI_HELD, 0, 0, NULL);
    write_delivery(version, 9, 5, WHI_CANCELLED, 0, 0, NULL);
    write_ids_and_bodies(version);
    write_attempts(version);
    if (version > 3) {
        write_positions();
    }
}

/* --------------------------------------------------------------------- what is to come of it */

static int state_of(whi_store *store, int i, int subscription, seen *all) {
    OK(V(store)->delivery_get(store, e(i), subscription, see_delivery, all));
    return all->last.state;
}

static void check_log(whi_store *store) {
    seen all = { 0 }, page = { 0 }, of_tenant = { 0 };
    whi_store_work work;
    int64_t upto;

    OK(V(store)->event_log(store, 0, 9, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.events[0], e(2));
    assert_int_equal(all.events[1], e(5));
    assert_int_equal(upto, e(9));
    OK(V(store)->event_log(store, 0, 9, "acme", see_event, &of_tenant, &upto));
    assert_int_equal(of_tenant.count, 2);
    OK(V(store)->event_log(store, 0, 1, NULL, see_event, &page, &upto));
    assert_int_equal(upto, e(2));
    OK(V(store)->event_log(store, upto, 1, NULL, see_event, &page, &upto));
    assert_int_equal(page.count, 2);
    assert_int_equal(upto, e(5));
    assert_int_equal(page.event.pending, 1);
    for (int i = 1; i <= 9; i++) {
        OK(V(store)->event_get(store, e(i), see_event, &page));
        assert_int_equal(page.event.pending, i == 2 || i == 5);
    }
    OK(V(store)->work(store, &work));
    assert_int_equal(work.events, 1);
}

static void check_deliveries(whi_store *store) {
    seen all = { 0 };

    assert_int_equal(state_of(store, 1, 5, &all), WHI_DELIVERED);
    assert_string_equal(all.body, "[1]");
    assert_int_equal(state_of(store, 4, 5, &all), WHI_DELIVERED);
    for (int i = 5; i <= 6; i++) { /* were being sent */
        assert_int_equal(state_of(store, i, 5, &all), WHI_WAITING);
        assert_int_equal(all.last.turn, 0);
        assert_int_equal(all.last.due, 200);
    }
    assert_int_equal(state_of(store, 6, 6, &all), WHI_WAITING);
    assert_int_equal(all.last.due, 300);
    assert_int_equal(state_of(store, 8, 5, &all), WHI_EXHAUSTED);
    assert_int_equal(state_of(store, 8, 6, &all), WHI_HELD);
    assert_int_equal(state_of(store, 9, 5, &all), WHI_CANCELLED);
}

typedef struct told {
    char text[300];
} told;

static int tell_attempt(const whi_attempt_row *row, void *payload) {
    told *all = payload;
    size_t used = strlen(all->text);

    snprintf(all->text + used, sizeof all->text - used, "%d at %d for %d: %d %d %s %d %s; ", row->n, (int)row->at,
             (int)row->duration_us, row->code, row->status, row->error != NULL ? row->error : "-",
             (int)row->response_size, row->response != NULL ? "said" : "-");
    return 0;
}

static void check_attempts_of(whi_store *store, int i, int subscription, const char *text) {
    told all = { "" };

    OK(V(store)->attempt_list(store, e(i), subscription, tell_attempt, &all));
    assert_string_equal(all.text, text);
}

/* All three of one, and each where it belongs now. */
static void check_attempts(whi_store *store) {
    check_attempts_of(store, 1, 5, "1 at 100 for 7: 0 200 - 3 said; ");
    check_attempts_of(store, 6, 6, "1 at 104 for 11: -304 0 silence 0 -; ");
    check_attempts_of(store, 8, 5,
                      "1 at 101 for 8: -301 501 no 3 said; 2 at 102 for 9: -302 502 nor 0 -; "
                      "3 at 103 for 10: -303 503 never 1 said; ");
    check_attempts_of(store, 4, 5, "");
    check_attempts_of(store, 9, 6, "");
    check_attempts_of(store, 77, 5, "");
    assert_int_equal(asked("SELECT count(*) FROM webhook_attempts"), 2);
    assert_int_equal(asked("SELECT count(*) FROM webhook_deliveries WHERE first_at IS NOT NULL"), 3);
}

static void check_ids(whi_store *store) {
    int64_t number;
    int known;

    OK(V(store)->event_number(store, "k1", "acme", &number));
    assert_int_equal(number, e(1));
    OK(whi_store_begin(store));
    OK(add_event(store, 0, "k1", &known));
    assert_int_equal(known, 1);
    whi_store_rollback(store);
}

/* Those with a key keep their order. */
static void check_due(whi_store *store, int version) {
    whi_delivery_row row = delivery(e(7), 8, WHI_DELIVERED, 0);
    seen all = { 0 };

    row.key = version > 1 ? "a" : NULL;
    (void)see_due(store, 5, NOW, 9, &all);
    assert_int_equal(all.count, 2);
    all.count = 0;
    (void)see_due(store, 8, NOW, 1, &all);
    assert_int_equal(all.events[0], e(7));
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
    (void)see_due(store, 8, NOW, 1, &all);
    assert_int_equal(all.events[1], e(8));
}

static void check_worker(whi_store *store) {
    int64_t owner;

    OK(whi_store_begin(store));
    OK(add_worker(store, &owner));
    assert_true(owner > FORMER_WORKER); /* who has that number still believes in it */
    whi_store_rollback(store);
}

/* All partitions are nobody's, and this is the least position. */
static void check_new_position(whi_store *store, int64_t least) {
    int64_t owner, position;
    int count;

    OK(whi_store_begin(store));
    OK(add_worker(store, &owner));
    OK(whi_store_partition_take(store, owner, WH_PARTITIONS + 1, &position, &count));
    assert_int_equal(count, WH_PARTITIONS);
    assert_int_equal(position, least);
    whi_store_rollback(store);
}

/* As from the first that was not decided. */
static void check_partitions(whi_store *store) {
    check_new_position(store, e(2) - 1);
}

static void check_purge(whi_store *store) {
    int64_t after = 0;
    int count;

    OK(whi_store_begin(store));
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 100, &after, &count));
    OK(whi_store_commit(store, NULL));
    assert_false(is_there(store, e(1)));
    for (int i = 2; i <= 9; i++) {
        assert_true(is_there(store, e(i)));
    }
}

/* What is published from now on stands behind it. */
static void check_new_events(whi_store *store) {
    whi_answer answer;
    whi_event_row row = { .type = "order.paid", .tenant = "acme", .time = 1, .accepted_at = 1 };
    seen all = { 0 };
    int64_t upto;
    whi_fact *fact;

    row.payload = "{}";
    row.payload_size = 2;
    OK(whi_store_begin(store));
    OK(whi_store_add(store, WH_FACT_EVENT, &answer, &fact));
    fact->of.event = row;
    OK(whi_store_commit(store, NULL));
    assert_true(answer.number > e(9));
    assert_int_equal(answer.before, e(9));
    OK(V(store)->event_log(store, e(2), 9, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.events[0], e(5));
    assert_int_equal(all.events[1], answer.number);
}

static void check_all(int version) {
    whi_store *store = opened(path);

    check_log(store);
    check_deliveries(store);
    check_attempts(store);
    check_ids(store);
    check_partitions(store);
    check_worker(store);
    check_due(store, version);
    check_purge(store);
    check_new_events(store);
    whi_store_close(store);
    store = opened(path); /* which is as if it had always been so */
    whi_store_close(store);
}

/* Of every table its columns, every index, and what is counted. */
static void list_columns(char *out) {
    sqlite3 *db;
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT group_concat(word, ' ') FROM (SELECT m.name || '.' || c.name || ' ' ||"
                           " c.type || c.\"notnull\" || c.pk AS word FROM sqlite_schema m JOIN"
                           " pragma_table_info(m.name) c WHERE m.name LIKE 'webhook_%'"
                           " UNION ALL SELECT sql FROM sqlite_schema WHERE type <> 'table' AND sql NOT NULL"
                           " UNION ALL SELECT name FROM webhook_meta ORDER BY 1)",
                           -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(out, TEXT_SIZE, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* Each index has an entry for each row that it is for, and no page is lost. */
#define IS_SOUND "SELECT integrity_check = 'ok' FROM pragma_integrity_check LIMIT 1"

static void check_tables(int version) {
    char mine[TEXT_SIZE], fresh[TEXT_SIZE];

    if (version < 5) {
        make_former(version);
    } else {
        make_tables(version);
    }
    whi_store_close(opened(path));
    list_columns(mine);
    assert_int_equal(asked("SELECT value FROM webhook_meta WHERE name = 'schema'"), WHI_SQLITE_VERSION);
    assert_int_equal(asked("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%sending%'"), 0);
    assert_int_equal(asked(IS_SOUND), 1);
    scrub(NULL);
    whi_store_close(opened(path));
    list_columns(fresh);
    assert_string_equal(mine, fresh);
    scrub(NULL);
}

/* ------------------------------------------------------------------------------------ tests */

static void a_store_of_version_1_is_taken_over_as_it_stood(void **state) {
    (void)state;
    make_former(1);
    check_all(1);
}

static void a_store_of_version_2_is_taken_over_as_it_stood(void **state) {
    (void)state;
    make_former(2);
    check_all(2);
}

static void a_store_of_version_3_is_taken_over_as_it_stood(void **state) {
    (void)state;
    make_former(3);
    check_all(3);
}

static void a_store_of_version_4_is_taken_over_as_it_stood(void **state) {
    (void)state;
    make_former(4);
    check_all(4);
}

static void a_store_of_version_5_is_taken_over_as_it_stood(void **state) {
    (void)state;
    make_former(5);
    check_all(5);
}

static void a_store_of_version_6_is_taken_over_as_it_stood(void **state) {
    (void)state;
    make_former(6);
    check_all(6);
}

static void tokens_of_a_store_of_version_6_have_no_end(void **state) {
    (void)state;
    make_tables(6);
    execute(
        "INSERT INTO webhook_tokens (id, tenant, name, hash, created_at) VALUES ('tok_1', NULL, '', zeroblob(32), 5)");
    whi_store_close(opened(path));
    assert_int_equal(asked("SELECT count(*) FROM webhook_tokens WHERE expires_at IS NULL AND created_at = 5"), 1);
}

/* A former library left the row of a subscription that it deleted in the store for good. */
static void what_is_over_is_forgotten_then(void **state) {
    (void)state;
    make_tables(6);
    execute("INSERT INTO webhook_subscriptions VALUES (7, '', 1, 1, '', 8, 1, 1), (8, '', 1, 1, '', 9, 1, 1),"
            " (9, '', 1, 1, '{}', 3, 0, 1);"
            "INSERT INTO webhook_subscription_versions VALUES (1, 8, 1, '{}', 5, 1)");
    whi_store_close(opened(path));
    assert_int_equal(asked("SELECT count(*) FROM webhook_subscriptions"), 2);
    assert_int_equal(asked("SELECT count(*) FROM webhook_subscriptions WHERE id = 7"), 0);
    assert_int_equal(asked("SELECT value FROM webhook_meta WHERE name = 'forgotten'"), 8);
}

/* Their payloads are not read for it: what comes later is counted, and of that what goes. */
static void what_a_former_store_had_is_counted_neither_up_nor_down(void **state) {
    wh_backend_usage usage;
    whi_store *store;

    (void)state;
    make_former(6);
    store = opened(path);
    check_purge(store);
    OK(V(store)->usage(store, "acme", &usage));
    assert_int_equal(usage.events, 0);
    assert_int_equal(usage.bytes, 0);
    check_new_events(store);
    OK(V(store)->usage(store, "acme", &usage));
    assert_int_equal(usage.events, 1);
    assert_int_equal(usage.bytes, 2);
    whi_store_close(store);
}

static void the_tables_are_then_those_of_a_new_store(void **state) {
    (void)state;
    for (int version = 1; version < WHI_SQLITE_VERSION; version++) {
        check_tables(version);
    }
}

/* ---- a store as the library of version 4 left it, when its process died */

/* "2 5 ": of subscription 5, what is due by then. */
static const char *due_by(whi_store *store, int64_t now) {
    static char text[64];
    seen all = { 0 };
    size_t used = 0;

    (void)see_due(store, 5, now, 9, &all);
    text[0] = '\0';
    for (int i = 0; i < all.count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%d ", (int)(all.events[i] - e(0)));
    }
    return text;
}

static void end_turn(whi_store *store, int i, const char *key) {
    whi_delivery_row row = delivery(e(i), 5, WHI_DELIVERED, 0);
    int done;

    row.key = key;
    OK(whi_store_begin(store));
    OK(whi_store_delivery_put(store, &row, &done)); /* in turn 0, as it was taken over */
    OK(whi_store_commit(store, NULL));
    assert_int_equal(done, 1);
}

static void what_was_under_way_is_due_and_keeps_its_turn(void **state) {
    whi_store *store;
    seen all = { 0 }, attempts = { 0 };

    (void)state;
    make_of("store_version_4_sending.sql");
    store = opened(path);
    assert_string_equal(due_by(store, NOW), "1 2 ");
    OK(V(store)->delivery_get(store, e(2), 5, see_delivery, &all));
    assert_string_equal(all.body, "[2]");
    end_turn(store, 2, "a");
    assert_string_equal(due_by(store, NOW), "3 1 "); /* which is due since it was made */
    assert_int_equal(turn_of(store, e(3), 5), 1);
    assert_string_equal(due_by(store, NOW + 5000), "3 1 5 ");
    assert_int_equal(state_of(store, 4, 5, &all), WHI_DELIVERED);
    assert_int_equal(state_of(store, 6, 5, &all), WHI_CANCELLED);
    assert_int_equal(all.last.due, WHI_DUE_ABORTED);
    assert_int_equal(state_of(store, 7, 5, &all), WHI_EXHAUSTED);
    OK(V(store)->attempt_list(store, e(7), 5, see_attempt, &attempts));
    assert_int_equal(attempts.count, 1);
    assert_int_equal(attempts.attempt.status, 500);
    assert_int_equal(state_of(store, 8, 5, &all), WHI_HELD);
    OK(whi_store_begin(store));
    OK(whi_store_worker_holds(store, 1)); /* whoever sees its beat stand still takes it away */
    OK(whi_store_worker_remove(store, 1));
    OK(whi_store_commit(store, NULL));
    check_new_position(store, e(8));
    whi_store_close(store);
    assert_int_equal(asked(IS_SOUND), 1);
}

static int accept(whi_event_row *row, void *payload) {
    int64_t *numbers = payload;

    numbers[numbers[0]++] = row->number;
    row->time = row->accepted_at = NOW;
    assert_string_equal(row->tenant, "");
    assert_string_equal(row->source, "");
    assert_string_equal(row->key, "");
    assert_true(row->id == NULL);
    return WH_OK;
}

static void check_outbox(int version) {
    int64_t numbers[9] = { 1 };
    whi_store *store;
    int count;

    make_tables(version);
    execute("DELETE FROM webhook_outbox; DELETE FROM sqlite_sequence WHERE name = 'webhook_outbox';"
            "INSERT INTO webhook_outbox (type, payload) VALUES ('a', '1'), ('a', '2'), ('a', '3');"
            "DELETE FROM webhook_outbox WHERE number = 3");
    store = opened(path);
    execute("INSERT INTO webhook_outbox (id, type, tenant, time, payload) VALUES (NULL, 'a', NULL, NULL, '4');"
            "INSERT INTO webhook_outbox (id, type, payload, source, key) VALUES ('', 'a', '5', NULL, NULL)");
    OK(whi_store_begin(store));
    OK(whi_store_outbox_take(store, 9, accept, numbers, &count));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(count, 4);
    assert_int_equal(numbers[1], 1);
    assert_int_equal(numbers[2], 2);
    assert_int_equal(numbers[3], 4); /* 3 was used before */
    assert_int_equal(numbers[4], 5);
    whi_store_close(store);
    scrub(NULL);
}

static void the_outbox_keeps_its_rows_and_its_count_and_takes_null(void **state) {
    (void)state;
    for (int version = 1; version < WHI_SQLITE_VERSION; version++) {
        check_outbox(version);
    }
}

/* A trigger and a column of the outbox, and a view that had lost its table long before. */
static void what_an_application_added_stays(void **state) {
    whi_store *store;

    (void)state;
    make_tables(4);
    execute("CREATE TABLE seen (payload); ALTER TABLE webhook_outbox ADD COLUMN note TEXT NOT NULL DEFAULT 'n';"
            "INSERT INTO webhook_outbox (type, payload, note) VALUES ('a', '1', 'm');"
            "CREATE TRIGGER look AFTER INSERT ON webhook_outbox BEGIN INSERT INTO seen VALUES (new.payload); END;"
            "CREATE VIEW broken AS SELECT * FROM gone");
    store = opened(path);
    execute("INSERT INTO webhook_outbox (type, payload) VALUES ('a', '2')");
    assert_int_equal(asked("SELECT count(*) FROM seen WHERE payload = '2'"), 1);
    assert_int_equal(asked("SELECT count(*) FROM webhook_outbox WHERE note = 'm' AND payload = '1'"), 1);
    whi_store_close(store);
}

/* As a process of the former library does when this one opens its store. */
static void who_has_a_store_open_that_another_version_takes_over_hears_of_it(void **state) {
    whi_store *store = opened(path);
    whi_delivery_row row = delivery(e(1), 5, WHI_WAITING, NOW);
    whi_store_waiting asked = { 5, NOW, 9, knows_none, see_delivery, NULL };
    int64_t next;

    (void)state;
    OK(whi_store_begin(store));
    OK(add_event(store, e(1), NULL, NULL));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
    execute("ALTER TABLE webhook_deliveries RENAME COLUMN turn TO turns");
    OK(whi_store_begin(store));
    assert_int_equal(write_row(store, &row), WH_ECORRUPT);
    assert_non_null(strstr(wh_last_error(), "turn"));
    whi_store_rollback(store);
    assert_int_equal(V(store)->waiting(store, &asked, &next), WH_ECORRUPT);
    assert_non_null(strstr(wh_last_error(), "turn"));
    whi_store_close(store);
}

/* Whoever runs on with the former library finds that its row is gone, and takes no other for it. */
static void a_worker_of_the_former_library_finds_no_row_of_its_number(void **state) {
    whi_store *store;
    int64_t owner;

    (void)state;
    make_tables(3);
    execute("INSERT INTO webhook_workers (id, beat) VALUES (1, 9)");
    store = opened(path);
    OK(whi_store_begin(store));
    assert_int_equal(whi_store_worker_holds(store, 1), WH_ENOTFOUND);
    OK(add_worker(store, &owner));
    assert_true(owner > 1);
    OK(whi_store_commit(store, NULL));
    whi_store_close(store);
}

static void check_empty_log(int64_t position) {
    whi_store *store = opened(path);
    whi_store_work work;
    seen all = { 0 };
    int64_t upto;

    OK(V(store)->work(store, &work));
    assert_int_equal(work.events, 0);
    OK(V(store)->event_log(store, 0, 9, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 0);
    assert_int_equal(upto, position);
    OK(whi_store_begin(store));
    OK(add_event(store, e(20), NULL, NULL));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->event_log(store, position, 9, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 1);
    OK(V(store)->work(store, &work));
    assert_int_equal(work.events, 1);
    whi_store_close(store);
}

static void where_all_was_decided_nothing_is_decided_again(void **state) {
    (void)state;
    make_tables(3);
    check_empty_log(0);
    scrub(NULL);
    make_tables(3);
    write_event(1);
    write_event(2);
    check_empty_log(e(2));
}

/* What was to be decided when the store was taken over is forgotten with its events. */
static void marks_of_a_former_store_go_with_their_events(void **state) {
    whi_store *store;
    int64_t after = 0;
    int count;

    (void)state;
    make_tables(3);
    write_event(1);
    write_event(2); /* the last one stays */
    write_mark(3, 0, 1);
    store = opened(path);
    assert_int_equal(asked("SELECT count(*) FROM webhook_undecided"), 1);
    execute("UPDATE webhook_partitions SET position = (SELECT max(number) FROM webhook_events)");
    OK(whi_store_begin(store));
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 100, &after, &count));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(count, 1);
    assert_int_equal(asked("SELECT count(*) FROM webhook_undecided"), 0);
    whi_store_close(store);
}

/* A mark outlives an event that a hand deleted; and the first stores of version 3 counted no forgotten changes. */
static void what_a_former_store_lacks_does_not_matter(void **state) {
    whi_store *store;
    seen all = { 0 };
    int64_t upto, after = 7;

    (void)state;
    make_former(3);
    execute("DELETE FROM webhook_events WHERE number IN (SELECT min(event) FROM webhook_pending);"
            "DELETE FROM webhook_meta WHERE name = 'forgotten'");
    store = opened(path);
    OK(V(store)->event_log(store, 0, 9, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.events[0], e(5));
    OK(V(store)->subscription_changes(store, &after, see_subscription, &all));
    check_partitions(store);
    whi_store_close(store);
}

/* As this one will be for the next. */
static void a_library_refuses_the_tables_of_the_next_version(void **state) {
    whi_store *store = opened(path);
    char sql[100], words[40];

    (void)state;
    whi_store_close(store);
    snprintf(sql, sizeof sql, "UPDATE webhook_meta SET value = %d WHERE name = 'schema'", WHI_SQLITE_VERSION + 1);
    snprintf(words, sizeof words, "version %d", WHI_SQLITE_VERSION + 1);
    execute(sql);
    assert_int_equal(whi_store_open(&store, path, NULL), WH_EVERSION);
    assert_null(store);
    assert_non_null(strstr(wh_last_error(), words));
    assert_int_equal(asked("SELECT value FROM webhook_meta WHERE name = 'schema'"), WHI_SQLITE_VERSION + 1);
}

/* The secrets that stand in it in clear are read as they are, and its keys are counted from now on. */
static void a_store_of_version_5_is_taken_over_with_its_secrets(void **state) {
    char secret[WH_SECRET_SIZE];
    whi_store *store;
    seen all = { 0 };

    (void)state;
    make_tables(5);
    execute("INSERT INTO webhook_subscriptions VALUES (7, 'acme', 1, 1, '{\"secrets\":[\"whsec_AAAA\"]}', 1, 0, 1);"
            "INSERT INTO webhook_subscription_versions VALUES (1, 7, 1, '{\"secrets\":[\"whsec_AAAA\"]}', NULL, 1);"
            "INSERT INTO webhook_tenants VALUES ('acme', 'seal:1:k1:AAAA');");
    store = opened(path);
    OK(V(store)->subscription_get(store, 7, 1, see_subscription, &all));
    assert_int_equal(all.count, 1);
    assert_string_equal(all.text, "{\"secrets\":[\"whsec_AAAA\"]}");
    OK(V(store)->tenant_secret(store, "acme", secret));
    assert_string_equal(secret, "seal:1:k1:AAAA");
    whi_store_close(store);
    assert_int_equal(asked("SELECT value FROM webhook_meta WHERE name = 'schema'"), WHI_SQLITE_VERSION);
    assert_int_equal(asked("SELECT value FROM webhook_meta WHERE name = 'seals'"), 0);
    assert_int_equal(asked("SELECT count(*) FROM webhook_keys"), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_store_of_version_1_is_taken_over_as_it_stood, scrub),
        cmocka_unit_test_teardown(a_store_of_version_2_is_taken_over_as_it_stood, scrub),
        cmocka_unit_test_teardown(a_store_of_version_3_is_taken_over_as_it_stood, scrub),
        cmocka_unit_test_teardown(a_store_of_version_4_is_taken_over_as_it_stood, scrub),
        cmocka_unit_test_teardown(a_store_of_version_5_is_taken_over_as_it_stood, scrub),
        cmocka_unit_test_teardown(a_store_of_version_5_is_taken_over_with_its_secrets, scrub),
        cmocka_unit_test_teardown(a_store_of_version_6_is_taken_over_as_it_stood, scrub),
        cmocka_unit_test_teardown(tokens_of_a_store_of_version_6_have_no_end, scrub),
        cmocka_unit_test_teardown(what_is_over_is_forgotten_then, scrub),
        cmocka_unit_test_teardown(what_a_former_store_had_is_counted_neither_up_nor_down, scrub),
        cmocka_unit_test_teardown(what_was_under_way_is_due_and_keeps_its_turn, scrub),
        cmocka_unit_test_teardown(the_outbox_keeps_its_rows_and_its_count_and_takes_null, scrub),
        cmocka_unit_test_teardown(what_an_application_added_stays, scrub),
        cmocka_unit_test_teardown(who_has_a_store_open_that_another_version_takes_over_hears_of_it, scrub),
        cmocka_unit_test_teardown(the_tables_are_then_those_of_a_new_store, scrub),
        cmocka_unit_test_teardown(a_worker_of_the_former_library_finds_no_row_of_its_number, scrub),
        cmocka_unit_test_teardown(where_all_was_decided_nothing_is_decided_again, scrub),
        cmocka_unit_test_teardown(marks_of_a_former_store_go_with_their_events, scrub),
        cmocka_unit_test_teardown(what_a_former_store_lacks_does_not_matter, scrub),
        cmocka_unit_test_teardown(a_library_refuses_the_tables_of_the_next_version, scrub),
    };

    return RUN_STORE_TESTS(tests);
}
