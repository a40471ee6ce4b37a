/* What single use and order come to when something fails on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "store_fault.h"

#define URL "\"url\":\"https://example.com/hook\""

static int count_state(wh_engine *engine, const char *state) {
    wh_query query = WH_QUERY_INIT;
    char *page = NULL;
    int count = 0;

    query.state = state;
    query.limit = 1000;
    assert_int_equal(wh_deliveries(engine, &query, &page, NULL), WH_OK);
    for (const char *at = strstr(page, "\"id\":\"dlv_"); at != NULL; at = strstr(at + 1, "\"id\":\"dlv_")) {
        count++;
    }
    wh_free(page);
    return count;
}

static void pass_time(wh_engine *engine, int64_t ms) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
}

static void publish_key(wh_engine *engine, const char *key, const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.key = key;
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* Steps until so many requests have arrived, or for 5 s. */
static void step_until(wh_engine *engine, size_t count) {
    int64_t end = whi_monotonic_us() + 60000000;

    while (fixture_sent_count < count && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
}

static void of_many_held_ones_a_single_use_subscription_sends_one(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;
    char id[WH_ID_SIZE], *text = NULL;

    (void)state;
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{" URL ",\"single_use\":true,\"rule\":\"fail\"}", id);
    fixture_publish(engine, "a", "1", NULL);
    fixture_publish(engine, "a", "2", NULL);
    fixture_publish(engine, "a", "3", NULL);
    fixture_run(engine);
    assert_int_equal(count_state(engine, "held"), 3);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"pass\"}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(count_state(engine, "delivered"), 1);
    assert_int_equal(count_state(engine, "cancelled"), 2);
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    wh_close(engine);
}

/* It has no bytes to be sent again. */
static void what_a_mended_rule_drops_is_not_sent_by_a_replay(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_query query = WH_QUERY_INIT;
    wh_engine *engine;
    char id[WH_ID_SIZE];

    (void)state;
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"drop\"}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_int_equal(count_state(engine, "cancelled"), 1);
    query.state = "cancelled";
    assert_int_equal(wh_replay_query(engine, &query, NULL), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    assert_int_equal(count_state(engine, "cancelled"), 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"pass\"}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_replay_query(engine, &query, NULL), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void a_test_does_not_use_a_subscription_up(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char error[256], id[WH_ID_SIZE], *text;
    int64_t number;
    int status;

    (void)state;
    number = fixture_subscribe(engine, "{" URL ",\"single_use\":true}", id);
    assert_int_equal(whi_engine_test(engine, number, "test", "{}", 2, 5000, &status, error, sizeof error), WH_OK);
    fixture_run(engine);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    wh_free(text);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    wh_close(engine);
}

static void an_event_that_could_not_use_up_a_subscription_does_later(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true}", NULL);
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_run(engine);
    fail_facts(engine, FACT(WH_FACT_SUBSCRIPTION), WH_EFULL, 2);
    fixture_publish(engine, "a", "1", NULL);
    step_until(engine, 2);
    assert_int_equal(fixture_sent_count, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    wh_close(engine);
}

static int log_failures;

static int fail_to_read(whi_store *store, int64_t after, int limit, const char *tenant, whi_event_fn each,
                        void *payload, int64_t *upto) {
    return log_failures-- > 0 ? whi_fail(WH_ESTORE, "the log cannot be read")
                              : sound->event_log(store, after, limit, tenant, each, payload, upto);
}

static void events_that_could_not_be_read_are_read_later(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_publish(engine, "a", "1", NULL); /* nobody works yet: the store has it */
    fail_facts(engine, 0, WH_EFULL, 0);
    failing.event_log = fail_to_read;
    log_failures = 1;
    step_until(engine, 1);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void a_change_by_another_process_does_not_lose_the_event(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true}", NULL);
    fixture_run(engine);
    fail_facts(engine, FACT(WH_FACT_SUBSCRIPTION), WH_ECONFLICT, 2);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void a_change_by_another_process_does_not_refuse_ours(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    fail_facts(engine, FACT(WH_FACT_SUBSCRIPTION), WH_ECONFLICT, 2);
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"x\"}", WH_ZSTR), WH_OK);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"name\":\"x\"");
    assert_has(text, "\"version\":2");
    wh_free(text);
    failure.left = 1;
    assert_int_equal(whi_subscription_update(engine, id, 2, "{\"name\":\"y\"}", WH_ZSTR), WH_ECONFLICT);
    wh_close(engine);
}

static wh_engine *other_process;
static const char *changed;

static int begin_late(whi_store *store) {
    if (failure.left-- > 0) {
        assert_int_equal(wh_subscription_update(other_process, changed, "{\"name\":\"x\"}", WH_ZSTR), WH_OK);
    }
    return sound->begin(store);
}

static void of_two_changes_at_once_none_is_lost(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    char id[WH_ID_SIZE], *text;

    (void)state;
    other_process = fixture_open(file, NULL);
    changed = id;
    fixture_subscribe(engine, "{" URL "}", id);
    fail_facts(engine, 0, WH_EFULL, 1);
    failing.begin = begin_late;
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"name\":\"x\"");
    assert_has(text, "\"paused\":true");
    assert_has(text, "\"version\":3");
    wh_free(text);
    wh_close(engine);
    wh_close(other_process);
}

static int rows_of_deleted_subscriptions(const char *file) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    int count;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM webhook_subscriptions WHERE deleted = 1", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

#define DAY (24 * 3600 * INT64_C(1000))

/* Frozen for a month, it wakes up with a subscription that nobody remembers. */
static void one_that_was_away_learns_of_a_deletion_that_was_forgotten(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    char gone[WH_ID_SIZE];
    size_t before;

    (void)state;
    other_process = fixture_open(file, NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/gone\"}", gone);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/stays\"}", NULL);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    fixture_run(other_process);
    assert_int_equal(wh_subscription_delete(engine, gone), WH_OK);
    assert_int_equal(rows_of_deleted_subscriptions(file), 1);
    for (int day = 0; day < 40; day++) {
        atomic_fetch_add(&fixture_time, DAY);
        fixture_publish(engine, "a", "2", NULL);
        assert_int_equal(wh_run(engine), WH_OK);
    }
    assert_int_equal(rows_of_deleted_subscriptions(file), 0);
    before = fixture_sent_count;
    fixture_publish(other_process, "a", "3", NULL);
    fixture_run(other_process);
    assert_int_equal(fixture_sent_count, before + 1);
    assert_string_equal(fixture_sent[before].url, "https://example.com/stays");
    wh_close(engine);
    wh_close(other_process);
}

/* Whoever makes and deletes many does not fill the memory with their lanes; one of a receiver that fails
 * included. */
static void lanes_of_what_was_deleted_are_given_back(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_worker *worker = engine->workers[0];
    char ids[8][WH_ID_SIZE], stays[WH_ID_SIZE];

    (void)state;
    for (int i = 0; i < 8; i++) {
        fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"retry\":[0]}", ids[i]);
    }
    fixture_subscribe(engine, "{" URL ",\"events\":[\"b\"]}", stays);
    fixture_publish(engine, "b", "1", NULL);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "1", NULL);
    step_until(engine, 9);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(wh_subscription_delete(engine, ids[i]), WH_OK);
    }
    for (int i = 0; i < 100 && worker->lanes.count > 1; i++) {
        fixture_turn(engine);
        whi_lanes_tidy(worker, &worker->tidy);
    }
    assert_int_equal(worker->lanes.count, 1);
    wh_close(engine);
}

static void assert_sent_in_order(const char *const *bodies, size_t count) {
    assert_int_equal(fixture_sent_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(fixture_sent[i].body, bodies[i]);
    }
}

/* What others get meanwhile is in no order with it. */
static void assert_sent_to_hook(const char *bodies) {
    for (size_t i = 0; i < fixture_sent_count; i++) {
        if (strstr(fixture_sent[i].url, "hook") != NULL) {
            assert_int_equal(fixture_sent[i].body[0], *bodies++);
        }
    }
    assert_int_equal(*bodies, 0);
}

static void what_could_not_be_recorded_keeps_its_place_in_the_order(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"key\"}", NULL);
    fixture_run(engine);
    fail_facts(engine, FACT(WH_FACT_DELIVERY), WH_EFULL, 1);
    publish_key(engine, "x", "1");
    fixture_turn(engine);
    assert_int_equal(failure.left, 0);
    publish_key(engine, "x", "2");
    publish_key(engine, "x", "3");
    step_until(engine, 3);
    assert_sent_in_order((const char *const[]){ "1", "2", "3" }, 3);
    wh_close(engine);
}

static void an_event_that_could_not_be_fanned_out_keeps_its_place_in_the_order(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/once\",\"single_use\":true}", NULL);
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\"}", NULL);
    fixture_run(engine);
    fail_facts(engine, FACT(WH_FACT_SUBSCRIPTION), WH_EFULL, 1);
    fixture_publish(engine, "a", "1", NULL);
    fixture_turn(engine);
    assert_true(failure.left <= 0);
    fixture_publish(engine, "a", "2", NULL);
    fixture_publish(engine, "a", "3", NULL);
    step_until(engine, 4);
    assert_sent_to_hook("123");
    wh_close(engine);
}

static void a_used_up_subscription_goes_although_the_disk_was_full(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text = NULL;
    int64_t end = whi_monotonic_us() + 60000000;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true}", id);
    fixture_run(engine);
    fail_facts(engine, FACT(WH_FACT_SUBSCRIPTION_REMOVE), WH_EFULL, 2);
    fixture_publish(engine, "a", "1", NULL);
    while (failure.left > 0 && whi_monotonic_us() < end) {
        fixture_turn(engine);
    }
    fixture_run(engine);
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    assert_int_equal(count_state(engine, "delivered"), 1);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void a_rule_that_could_not_be_set_aside_is_at_its_next_failure(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    char id[WH_ID_SIZE], *text;

    (void)state;
    options.rules = &fake_rules;
    options.limits = &limits;
    limits.rule_failures = 2;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    fixture_run(engine);
    fail_facts(engine, FACT(WH_FACT_SUBSCRIPTION), WH_EFULL, 1);
    for (int i = 0; i < 3; i++) {
        fixture_publish(engine, "a", "1", NULL);
        fixture_run(engine);
    }
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"rule\"");
    wh_free(text);
    wh_close(engine);
}

static void a_subscription_is_removed_with_what_waits_or_not_at_all(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0,60000]}", id);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(count_state(engine, "waiting"), 1);
    fail_facts(engine, FACT(WH_FACT_DELIVERY_CANCEL), WH_EFULL, 1);
    assert_int_equal(wh_subscription_delete(engine, id), WH_EFULL);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    wh_free(text);
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    assert_int_equal(count_state(engine, "waiting"), 0);
    wh_close(engine);
}

/* As when the process dies between the removal and the cancelling of what waited. */
static void those_behind_are_cancelled_with_a_subscription_that_is_gone(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_store *store = engine->store;
    int64_t number;

    (void)state;
    fixture_script.status = 500;
    number = fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"retry\":[0,60000]}", NULL);
    for (int i = 0; i < 600; i++) {
        fixture_publish(engine, "a", "1", NULL);
    }
    fixture_run(engine);
    assert_int_equal(whi_store_begin(store), WH_OK);
    assert_int_equal(whi_store_subscription_remove(store, number, 0), WH_OK);
    assert_int_equal(whi_store_commit(store, NULL), WH_OK);
    assert_int_equal(whi_registry_sync(engine->registry), WH_OK);
    pass_time(engine, 120000); /* the retry is spread */
    pass_time(engine, 1000);
    assert_int_equal(count_state(engine, "waiting"), 0);
    wh_close(engine);
}

static int64_t answered;

static void answer_late(whi_request *request, void *payload) {
    wh_engine *engine = payload;

    if (*(const char *)request->body == '1') { /* meanwhile another process takes the newer one in */
        whi_store *store = engine->store;
        whi_event_row event = { .number = INT64_C(4000000000000000000),
                                .type = "a",
                                .tenant = "",
                                .key = "x",
                                .alone = 1,
                                .time = 1,
                                .accepted_at = 1,
                                .payload = "2",
                                .payload_size = 1 };
        whi_delivery_row row = { .event = event.number,
                                 .subscription = answered,
                                 .version = 1,
                                 .state = WHI_WAITING,
                                 .created_at = atomic_load(&fixture_time),
                                 .due = atomic_load(&fixture_time),
                                 .key = "x",
                                 .latest = 1,
                                 .turn = WHI_TURN_ABSENT };
        int duplicate, done;

        assert_int_equal(whi_store_begin(store), WH_OK);
        assert_int_equal(whi_store_event_add(store, &event, &duplicate), WH_OK);
        assert_int_equal(whi_store_delivery_put(store, &row, &done), WH_OK);
        assert_int_equal(whi_store_commit(store, NULL), WH_OK);
        request->status = 500;
    }
}

static void the_latest_goes_as_soon_as_the_one_before_it_failed(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    fixture_script.answer = answer_late;
    fixture_script.payload = engine;
    answered = fixture_subscribe(engine, "{" URL ",\"order\":\"latest\",\"retry\":[0,60000]}", NULL);
    publish_key(engine, "x", "1");
    fixture_run(engine);
    step_until(engine, 2);
    assert_int_equal(fixture_sent_count, 2);
    assert_string_equal(fixture_sent[1].body, "2");
    assert_int_equal(count_state(engine, "cancelled"), 1);
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(of_many_held_ones_a_single_use_subscription_sends_one, fixture_setup),
        cmocka_unit_test_setup(what_a_mended_rule_drops_is_not_sent_by_a_replay, fixture_setup),
        cmocka_unit_test_setup(a_test_does_not_use_a_subscription_up, fixture_setup),
        cmocka_unit_test_setup(a_change_by_another_process_does_not_lose_the_event, fixture_setup),
        cmocka_unit_test_setup(a_change_by_another_process_does_not_refuse_ours, fixture_setup),
        cmocka_unit_test_setup(of_two_changes_at_once_none_is_lost, fixture_setup),
        cmocka_unit_test_setup(lanes_of_what_was_deleted_are_given_back, fixture_setup),
        cmocka_unit_test_setup(one_that_was_away_learns_of_a_deletion_that_was_forgotten, fixture_setup),
        cmocka_unit_test_setup(an_event_that_could_not_use_up_a_subscription_does_later, fixture_setup),
        cmocka_unit_test_setup(events_that_could_not_be_read_are_read_later, fixture_setup),
        cmocka_unit_test_setup(those_behind_are_cancelled_with_a_subscription_that_is_gone, fixture_setup),
        cmocka_unit_test_setup(what_could_not_be_recorded_keeps_its_place_in_the_order, fixture_setup),
        cmocka_unit_test_setup(an_event_that_could_not_be_fanned_out_keeps_its_place_in_the_order, fixture_setup),
        cmocka_unit_test_setup(a_used_up_subscription_goes_although_the_disk_was_full, fixture_setup),
        cmocka_unit_test_setup(a_rule_that_could_not_be_set_aside_is_at_its_next_failure, fixture_setup),
        cmocka_unit_test_setup(a_subscription_is_removed_with_what_waits_or_not_at_all, fixture_setup),
        cmocka_unit_test_setup(the_latest_goes_as_soon_as_the_one_before_it_failed, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
