/* What the store keeps of polls: written only by who knows the row as it is, and forgotten as a whole. */
#include "store_file_kit.h"

#include <stdlib.h>

#include "outside/store_sqlite.h"

#define POLL INT64_C(0x4000000000000007)

static const unsigned char salt[WH_POLL_SALT] = "0123456789abcdef";

static whi_store *fresh(void) {
    whi_store *store;

    OK(whi_store_open(&store, ":memory:", &(whi_store_options){ 0 }));
    return store;
}

static int write_poll(whi_store *store, wh_backend_poll row, int64_t *number) {
    whi_answer answer = { 0 };
    whi_fact fact = { .kind = WH_FACT_POLL };

    row.salt = salt;
    fact.of.poll = row;
    OK(whi_store_begin(store));
    OK(whi_store_write(store, &fact, &answer));
    OK(whi_store_commit(store, NULL));
    if (number != NULL) {
        *number = answer.number;
    }
    return answer.done;
}

static void write_one(whi_store *store, whi_fact fact, whi_answer *answer) {
    whi_answer own;

    OK(whi_store_begin(store));
    OK(whi_store_write(store, &fact, answer != NULL ? answer : &own));
    OK(whi_store_commit(store, NULL));
}

static int copy_poll(const wh_backend_poll *row, void *payload) {
    *(wh_backend_poll *)payload = *row;
    return WH_OK;
}

static int names_page(const wh_backend_poll *row, void *payload) {
    snprintf(payload, 64, "%s %s %s", row->page != NULL ? row->page : "-", row->state != NULL ? row->state : "-",
             row->runs != NULL ? row->runs : "-");
    assert_memory_equal(row->salt, salt, sizeof salt);
    return WH_OK;
}

static void a_poll_is_written_by_who_knows_its_turn(void **state) {
    whi_store *store = fresh();
    wh_backend_poll row = { .id = POLL, .turn = WH_TURN_ABSENT, .page = "p1", .runs = "[]", .sequence = 9 };
    char text[64];
    int64_t number = 0;

    (void)state;
    assert_true(write_poll(store, row, &number));
    assert_int_equal(number, 1);
    assert_false(write_poll(store, row, NULL));
    row.turn = 0;
    row.page = NULL;
    row.state = "s";
    row.failures = 3;
    row.sequence = 10;
    assert_true(write_poll(store, row, NULL));
    assert_false(write_poll(store, row, NULL));
    OK(V(store)->poll_get(store, POLL, names_page, text));
    assert_string_equal(text, "- s []");
    OK(V(store)->poll_get(store, POLL, copy_poll, &row));
    assert_int_equal(row.turn, 1);
    assert_int_equal(row.failures, 3);
    assert_int_equal(row.sequence, 10);
    assert_int_equal(V(store)->poll_get(store, POLL + 1, copy_poll, &row), WH_ENOTFOUND);
    whi_store_close(store);
}

static void who_has_no_row_among_the_workers_writes_none(void **state) {
    whi_store *store = fresh();
    wh_backend_poll row = { .id = POLL, .turn = WH_TURN_ABSENT, .holder = 77 };
    int64_t owner;

    (void)state;
    assert_false(write_poll(store, row, NULL));
    OK(whi_store_begin(store));
    OK(whi_store_worker_add(store, 1, &owner));
    OK(whi_store_commit(store, NULL));
    row.holder = owner;
    assert_true(write_poll(store, row, NULL));
    whi_store_close(store);
}

static int count(const wh_backend_poll *row, void *payload) {
    (void)row;
    ++*(int *)payload;
    return WH_OK;
}

static void wishes_are_added_and_those_that_were_fulfilled_taken_back(void **state) {
    whi_store *store = fresh();
    wh_backend_poll row = { .id = POLL, .turn = WH_TURN_ABSENT };
    whi_fact ask = { .kind = WH_FACT_POLL_ASK };
    whi_answer answer;
    int asked = 0;

    (void)state;
    ask.of.poll_ask.id = POLL;
    ask.of.poll_ask.bits = WH_POLL_NOW;
    write_one(store, ask, &answer);
    assert_false(answer.done);
    assert_true(write_poll(store, row, NULL));
    write_one(store, ask, &answer);
    assert_true(answer.done);
    ask.of.poll_ask.bits = WH_POLL_CONFIRM;
    write_one(store, ask, NULL);
    OK(V(store)->poll_list(store, 0, 1, 10, count, &asked));
    assert_int_equal(asked, 1);
    row.turn = 0;
    row.asked = WH_POLL_NOW;
    assert_true(write_poll(store, row, NULL)); /* a wish changes no turn */
    OK(V(store)->poll_get(store, POLL, copy_poll, &row));
    assert_int_equal(row.asked, WH_POLL_CONFIRM);
    whi_store_close(store);
}

static void remember(whi_store *store, int64_t number, const char *id, int64_t content, int64_t scan) {
    whi_fact fact = { .kind = WH_FACT_SEEN };

    fact.of.object = (wh_backend_seen){ number, id, strlen(id), content, scan };
    write_one(store, fact, NULL);
}

static int join(const wh_backend_seen *row, void *payload) {
    size_t used = strlen(payload);

    snprintf((char *)payload + used, 64 - used, "%.*s ", (int)row->id_size, (const char *)row->id);
    return WH_OK;
}

static void what_a_reading_has_not_met_is_found(void **state) {
    whi_store *store = fresh();
    wh_backend_unseen asked = { .seen = 1, .scan = 7, .limit = 10 };
    wh_backend_seen one = { .seen = 1, .id = "tb", .id_size = 2 };
    char text[64] = "";
    int64_t gone, all;
    int found;

    (void)state;
    remember(store, 1, "ta", 5, 7);
    remember(store, 1, "tb", 6, 6);
    remember(store, 1, "tc", 7, 5);
    remember(store, 2, "td", 7, 5);
    OK(V(store)->seen_get(store, &one, &found));
    assert_true(found && one.content == 6 && one.scan == 6);
    OK(V(store)->unseen_count(store, &asked, &gone, &all));
    assert_true(gone == 2 && all == 3);
    OK(V(store)->unseen_list(store, &asked, join, text));
    assert_string_equal(text, "tb tc ");
    asked.other = 6;
    text[0] = '\0';
    OK(V(store)->unseen_list(store, &asked, join, text));
    assert_string_equal(text, "tc ");
    asked.after = "tc";
    asked.after_size = 2;
    text[0] = '\0';
    OK(V(store)->unseen_list(store, &asked, join, text));
    assert_string_equal(text, "");
    remember(store, 1, "tb", 0, -1);
    OK(V(store)->seen_get(store, &one, &found));
    assert_false(found);
    whi_store_close(store);
}

static void a_poll_is_forgotten_in_steps_and_as_a_whole(void **state) {
    whi_store *store = fresh();
    wh_backend_poll row = { .id = POLL, .turn = WH_TURN_ABSENT };
    whi_fact drop = { .kind = WH_FACT_POLL_DROP };
    whi_answer answer;
    int64_t number, gone, all;

    (void)state;
    assert_true(write_poll(store, row, &number));
    for (int i = 0; i < 5; i++) {
        remember(store, number, (const char *[]){ "ta", "tb", "tc", "td", "te" }[i], 1, 1);
    }
    drop.of.poll_drop.id = POLL;
    drop.of.poll_drop.seen = number;
    drop.of.poll_drop.limit = 3;
    drop.of.poll_drop.row = 1;
    write_one(store, drop, &answer);
    assert_false(answer.done);
    OK(V(store)->poll_get(store, POLL, copy_poll, &row));
    write_one(store, drop, &answer);
    assert_true(answer.done);
    assert_int_equal(V(store)->poll_get(store, POLL, copy_poll, &row), WH_ENOTFOUND);
    OK(V(store)->unseen_count(store, &(wh_backend_unseen){ .seen = number }, &gone, &all));
    assert_int_equal(all, 0);
    whi_store_close(store);
}

/* Ids that come in no order leave pages a third empty. */
static void an_object_takes_at_most_48_bytes_on_the_disk(void **state) {
    enum { OBJECTS = 20000, BATCH = 500 };
    whi_store *store = fresh();
    sqlite3 *db = whi_sqlite_of(store)->writer.db;
    sqlite3_stmt *statement;
    int64_t before, after;
    uint64_t drawn = 88172645463325252u;
    unsigned char id[17] = "u";

    (void)state;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA page_count", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    before = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    for (int i = 0; i < OBJECTS / BATCH; i++) {
        OK(whi_store_begin(store));
        for (int k = 0; k < BATCH; k++) {
            whi_fact fact = { .kind = WH_FACT_SEEN };
            whi_answer answer;
            for (int b = 1; b < 17; b += 8) {
                drawn ^= drawn << 13;
                drawn ^= drawn >> 7;
                drawn ^= drawn << 17;
                memcpy(id + b, &drawn, 8);
            }
            fact.of.object = (wh_backend_seen){ 2, id, sizeof id, (int64_t)(drawn >> 17), 100 };
            OK(whi_store_write(store, &fact, &answer));
        }
        OK(whi_store_commit(store, NULL));
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    after = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA page_size", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_true((after - before) * sqlite3_column_int64(statement, 0) <= INT64_C(48) * OBJECTS);
    sqlite3_finalize(statement);
    whi_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_poll_is_written_by_who_knows_its_turn),
        cmocka_unit_test(who_has_no_row_among_the_workers_writes_none),
        cmocka_unit_test(wishes_are_added_and_those_that_were_fulfilled_taken_back),
        cmocka_unit_test(what_a_reading_has_not_met_is_found),
        cmocka_unit_test(a_poll_is_forgotten_in_steps_and_as_a_whole),
        cmocka_unit_test(an_object_takes_at_most_48_bytes_on_the_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
