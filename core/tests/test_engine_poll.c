/* Virtual subscriptions: what is listed becomes events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "calls/insight.h"
#include "life_kit.h"
#include "poll_kit.h"
#include "work/poll.h"

#define ALL "[\"crm_contact.*\"]"
#define CREATED "[\"crm_contact.created\"]"
#define UPDATED "[\"crm_contact.updated\"]"
#define DELETED "[\"crm_contact.deleted\"]"

static wh_engine *engine;

static wh_engine *opened_with(const char *file, unsigned can) {
    wh_source source = poll_source(can);
    wh_engine *made = fixture_open(file, NULL);

    assert_int_equal(wh_source_add(made, "crm_contact", &source), WH_OK);
    return made;
}

static int begin(void **state) {
    poll_reset();
    fixture_setup(state);
    engine = opened_with(":memory:", WH_SOURCE_ALL);
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    poll_reset();
    return 0;
}

/* ------------------------------------------------------------------ what is told */

static void what_is_there_at_first_is_remembered_and_changes_are_told(void **state) {
    (void)state;
    poll_many(1, 3);
    poll_subscribe(engine, "c", CREATED, "", NULL);
    poll_subscribe(engine, "u", UPDATED, "", NULL);
    poll_subscribe(engine, "d", DELETED, "", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    assert_int_equal(poll_said.asked, 1);
    poll_put(4, "new");
    poll_put(2, "other");
    poll_take(1);
    fixture_run(engine);
    assert_int_equal(poll_said.asked, 1);
    poll_later(engine);
    assert_int_equal(poll_said.asked, 2);
    assert_string_equal(poll_sent("c"), "VIRTUAL [{\"id\":4,\"name\":\"new\"}];");
    assert_string_equal(poll_sent("u"), "VIRTUAL [{\"id\":2,\"name\":\"other\"}];");
    assert_string_equal(poll_sent("d"), "VIRTUAL [{\"id\":1}];");
    poll_later(engine);
    assert_int_equal(fixture_sent_count, 3);
}

static void those_who_want_the_same_share_a_poll_and_others_get_nothing_of_it(void **state) {
    (void)state;
    fixture_subscribe(engine,
                      "{\"url\":\"https://example.com/f\",\"events\":[\"crm_contact.created\"],\"source\":\"con\","
                      "\"profile\":\"unified\",\"filters\":{\"name\":\"no\"},\"poll\":{\"type\":\"crm_contact\"}}",
                      NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/n\",\"profile\":\"unified\",\"source\":\"con\"}", NULL);
    poll_subscribe(engine, "a", CREATED, "", NULL);
    poll_subscribe(engine, "b", CREATED, ",\"interval\":7200000", NULL);
    fixture_run(engine);
    assert_int_equal(poll_said.asked, 2);
    poll_put(1, "yes");
    poll_put(2, "no");
    fixture_publish(engine, "crm_contact.created", "[{\"id\":9}]", NULL);
    poll_later(engine);
    assert_int_equal(poll_said.asked, 4);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"yes\"},{\"id\":2,\"name\":\"no\"}];");
    assert_string_equal(poll_sent("b"), "VIRTUAL [{\"id\":1,\"name\":\"yes\"},{\"id\":2,\"name\":\"no\"}];");
    assert_string_equal(poll_sent("f"), "VIRTUAL [{\"id\":2,\"name\":\"no\"}];");
    assert_string_equal(poll_sent("n"), "");
}

static void a_page_is_cut_to_what_a_receiver_takes(void **state) {
    (void)state;
    poll_subscribe(engine, "a", CREATED, ",\"limit\":2", NULL);
    fixture_run(engine);
    poll_many(1, 5);
    poll_later(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_has(poll_sent("a"), "[{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}]");
}

static void many_pages_are_read(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    poll_said.page = 10;
    poll_many(1, 95);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_int_equal(poll_said.asked, 10);
    assert_string_equal(poll_run_text(engine, id), "ok pages=10 objects=95 sent=0 ");
    poll_put(96, "x");
    poll_later(engine);
    assert_int_equal(poll_said.asked, 20);
    assert_string_equal(poll_run_text(engine, id), "ok pages=10 objects=96 sent=1 ");
}

/* ------------------------------------------------------------------------- when */

static void a_wish_is_fulfilled_at_once(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    poll_subscribe(engine, "a", CREATED, "", id);
    fixture_run(engine);
    poll_put(1, "x");
    assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"x\"}];");
    assert_int_equal(wh_poll_now(engine, "sub_0000000000000", 0), WH_ENOTFOUND);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/n\"}", id);
    assert_int_equal(wh_poll_now(engine, id, 0), WH_ECONFLICT);
}

static void nothing_is_read_while_all_rest(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    poll_subscribe(engine, "a", CREATED, "", id);
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    poll_put(1, "x");
    poll_later(engine);
    assert_int_equal(poll_said.asked, 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"x\"}];");
}

static void without_a_source_it_waits_for_one(void **state) {
    wh_source source = poll_source(WH_SOURCE_ALL);

    (void)state;
    poll_subscribe(engine, "a", CREATED, "", NULL);
    fixture_run(engine);
    assert_int_equal(wh_source_remove(engine, "crm_contact"), WH_OK);
    assert_int_equal(wh_source_remove(engine, "crm_contact"), WH_ENOTFOUND);
    poll_put(1, "x");
    poll_later(engine);
    assert_int_equal(poll_said.asked, 1);
    assert_int_equal(wh_source_add(engine, "crm_contact", &source), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"x\"}];");
}

static void a_poll_goes_with_its_last_subscription(void **state) {
    const char *file = fixture_file();
    char a[WH_ID_SIZE], b[WH_ID_SIZE];
    wh_engine *other = opened_with(file, WH_SOURCE_ALL);

    (void)state;
    poll_many(1, 9);
    poll_subscribe(other, "a", CREATED, "", a);
    poll_subscribe(other, "b", UPDATED, "", b);
    fixture_run(other);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_seen"), 9);
    assert_int_equal(wh_subscription_delete(other, a), WH_OK);
    fixture_run(other);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_seen"), 9);
    assert_int_equal(wh_subscription_delete(other, b), WH_OK);
    fixture_run(other);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_seen"), 0);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_poll"), 0);
    wh_close(other);
}

static void another_engine_goes_on_where_one_has_stopped(void **state) {
    const char *file = fixture_file();
    wh_engine *other = opened_with(file, WH_SOURCE_ALL);

    (void)state;
    poll_many(1, 9);
    poll_subscribe(other, "a", ALL, "", NULL);
    fixture_run(other);
    wh_close(other);
    poll_put(10, "x");
    poll_take(1);
    other = opened_with(file, WH_SOURCE_ALL);
    poll_later(other);
    assert_has(poll_sent("a"), "VIRTUAL [{\"id\":10,\"name\":\"x\"}];");
    assert_int_equal(poll_said.asked, 2);
    wh_close(other);
}

/* -------------------------------------------------------------------- what is there first */

static void a_history_is_sent_in_pages_and_then_what_changes(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    poll_said.page = 2;
    poll_many(1, 5);
    poll_subscribe(engine, "h", CREATED, ",\"history\":true", id);
    poll_subscribe(engine, "a", CREATED, "", NULL);
    fixture_run(engine);
    assert_string_equal(poll_sent("h"), "INITIAL-PARTIAL [{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}];"
                                        "INITIAL-PARTIAL [{\"id\":3,\"name\":\"x\"},{\"id\":4,\"name\":\"x\"}];"
                                        "INITIAL-COMPLETE [{\"id\":5,\"name\":\"x\"}];");
    assert_string_equal(poll_sent("a"), "");
    assert_null(strstr(poll_document(engine, id), "history"));
    poll_put(6, "x");
    poll_later(engine);
    assert_string_equal(poll_sent("h"), "VIRTUAL [{\"id\":6,\"name\":\"x\"}];");
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":6,\"name\":\"x\"}];");
}

static void an_empty_history_is_complete(void **state) {
    (void)state;
    fixture_subscribe(engine,
                      "{\"url\":\"https://example.com/h\",\"events\":[\"crm_contact.updated\"],\"source\":\"con\","
                      "\"profile\":\"unified\",\"filters\":{\"name\":\"no\"},"
                      "\"poll\":{\"type\":\"crm_contact\",\"history\":true}}",
                      NULL);
    fixture_run(engine);
    assert_string_equal(poll_sent("h"), "INITIAL-COMPLETE [];");
}

static int object_changes_meanwhile(const wh_source_query *query, wh_source_page *page) {
    if (query->page != NULL && strcmp(query->page, "4") == 0 && poll_said.objects[0][16] == 'x') {
        poll_said.objects[0][16] = 'y'; /* it has been sent already */
    }
    (void)page;
    return 0;
}

static void what_changes_during_a_history_comes_after_it(void **state) {
    (void)state;
    poll_said.page = 2;
    poll_many(1, 5);
    poll_said.answer = object_changes_meanwhile;
    poll_subscribe(engine, "h", ALL, ",\"history\":true", NULL);
    fixture_run(engine);
    assert_string_equal(poll_sent("h"), "INITIAL-PARTIAL [{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}];"
                                        "INITIAL-PARTIAL [{\"id\":3,\"name\":\"x\"},{\"id\":4,\"name\":\"x\"}];"
                                        "INITIAL-COMPLETE [{\"id\":5,\"name\":\"x\"}];"
                                        "VIRTUAL [{\"id\":1,\"name\":\"y\"}];");
}

static void a_history_waits_for_its_receiver_and_nobody_else_does(void **state) {
    (void)state;
    poll_said.page = 2;
    poll_many(1, 6);
    poll_subscribe(engine, "a", CREATED, "", NULL);
    fixture_run(engine);
    fixture_script.status = 500;
    poll_subscribe(engine, "h", CREATED, ",\"history\":true", NULL);
    fixture_run(engine);
    assert_has(poll_sent("h"), "INITIAL-PARTIAL [{\"id\":1,");
    assert_int_equal(poll_said.asked, 3 + 1);
    fixture_script.status = 200;
    poll_put(7, "new");
    atomic_fetch_add(&fixture_time, 61 * POLL_MINUTE);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":7,\"name\":\"new\"}];");
    assert_has(poll_sent("h"), "INITIAL-COMPLETE [{\"id\":7,\"name\":\"new\"}];");
}

/* --------------------------------------------------------------------- tenants take turns */

static atomic_int greedy_out, modest_asked, given_up;

/* The greedy one's source does not answer until it is cut. */
static void list_by_tenant(void *payload, const wh_source_query *query, wh_source_call *call) {
    wh_source_page page = { .size = sizeof page, .items = "[]", .items_size = 2, .retry_after = -1 };
    const struct timespec pause = { 0, 1000000 };

    (void)payload;
    if (strcmp(query->tenant, "greedy") == 0) {
        atomic_fetch_add(&greedy_out, 1);
        while (atomic_load(&given_up) == 0) {
            nanosleep(&pause, NULL);
        }
        page.code = WH_ECLOSED;
    } else {
        atomic_fetch_add(&modest_asked, 1);
    }
    call->answer(call, &page);
}

static void give_up(void *payload) {
    (void)payload;
    atomic_store(&given_up, 1);
}

static void subscribe_tenant_to(const char *tenant, int number, const char *object_type) {
    char document[300];

    snprintf(document, sizeof document,
             "{\"url\":\"https://example.com/t\",\"tenant\":\"%s\",\"source\":\"con-%d\","
             "\"poll\":{\"type\":\"%s\"}}",
             tenant, number, object_type);
    fixture_subscribe(engine, document, NULL);
}

static void subscribe_tenant(const char *tenant, int number) {
    subscribe_tenant_to(tenant, number, "crm_deal");
}

static void a_tenant_whose_sources_hang_takes_no_more_than_its_share(void **state) {
    wh_source source = { .size = sizeof source, .can = WH_SOURCE_ALL, .list = list_by_tenant, .cut = give_up };
    const struct timespec pause = { 0, 1000000 };

    (void)state;
    atomic_store(&greedy_out, 0);
    atomic_store(&modest_asked, 0);
    atomic_store(&given_up, 0);
    assert_int_equal(wh_source_add(engine, "crm_deal", &source), WH_OK);
    for (int i = 0; i < 30; i++) {
        subscribe_tenant("greedy", i);
    }
    for (int i = 0; i < 5; i++) {
        subscribe_tenant("modest", i);
    }
    assert_int_equal(wh_start(engine, 1), WH_OK);
    for (int i = 0; i < 30000 && (atomic_load(&greedy_out) == 0 || atomic_load(&modest_asked) < 5); i++) {
        nanosleep(&pause, NULL);
    }
    assert_int_equal(modest_asked, 5);
    assert_int_equal(greedy_out, 1);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
}

/* Whoever has no source to be read from takes no share of the readers: all eight are the other's, of four sources. */
static void a_tenant_without_a_source_takes_no_share(void **state) {
    wh_source source = { .size = sizeof source, .can = WH_SOURCE_ALL, .list = list_by_tenant, .cut = give_up };
    const struct timespec pause = { 0, 1000000 };

    (void)state;
    atomic_store(&greedy_out, 0);
    atomic_store(&given_up, 0);
    for (int i = 0; i < 4; i++) {
        char type[20];
        snprintf(type, sizeof type, "crm_%d", i);
        assert_int_equal(wh_source_add(engine, type, &source), WH_OK);
        subscribe_tenant_to("greedy", i, type);
    }
    subscribe_tenant_to("a", 0, "crm_none");
    subscribe_tenant_to("b", 0, "crm_none");
    assert_int_equal(wh_start(engine, 1), WH_OK);
    for (int i = 0; i < 30000 && atomic_load(&greedy_out) < 4; i++) {
        nanosleep(&pause, NULL);
    }
    assert_int_equal(greedy_out, 4);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
}

static int polls_pending(void) {
    whi_insight now;

    assert_int_equal(whi_insight_read(engine, &now), WH_OK);
    return now.polls_pending;
}

/* A thread may turn before the others are there, and before anything may begin. */
static void what_is_polled_is_pending_until_it_was_looked_at(void **state) {
    (void)state;
    poll_put(1, "a");
    poll_subscribe(engine, "a", ALL, "", NULL);
    atomic_store(&engine->stop, 1);
    whi_polls_turn(engine);
    atomic_store(&engine->stop, 0);
    assert_int_equal(polls_pending(), 1);
    fixture_run(engine);
    assert_int_equal(poll_said.asked, 1);
    assert_int_equal(wh_step(engine) < 0, 0);
    assert_int_equal(polls_pending(), 0);
    assert_int_equal(wh_start(engine, 1), WH_OK);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    assert_int_equal(polls_pending(), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_polled_is_pending_until_it_was_looked_at, begin, end),
        cmocka_unit_test_setup_teardown(what_is_there_at_first_is_remembered_and_changes_are_told, begin, end),
        cmocka_unit_test_setup_teardown(those_who_want_the_same_share_a_poll_and_others_get_nothing_of_it, begin, end),
        cmocka_unit_test_setup_teardown(a_page_is_cut_to_what_a_receiver_takes, begin, end),
        cmocka_unit_test_setup_teardown(many_pages_are_read, begin, end),
        cmocka_unit_test_setup_teardown(a_wish_is_fulfilled_at_once, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_read_while_all_rest, begin, end),
        cmocka_unit_test_setup_teardown(without_a_source_it_waits_for_one, begin, end),
        cmocka_unit_test_setup_teardown(a_poll_goes_with_its_last_subscription, begin, end),
        cmocka_unit_test_setup_teardown(another_engine_goes_on_where_one_has_stopped, begin, end),
        cmocka_unit_test_setup_teardown(a_history_is_sent_in_pages_and_then_what_changes, begin, end),
        cmocka_unit_test_setup_teardown(an_empty_history_is_complete, begin, end),
        cmocka_unit_test_setup_teardown(what_changes_during_a_history_comes_after_it, begin, end),
        cmocka_unit_test_setup_teardown(a_history_waits_for_its_receiver_and_nobody_else_does, begin, end),
        cmocka_unit_test_setup_teardown(a_tenant_whose_sources_hang_takes_no_more_than_its_share, begin, end),
        cmocka_unit_test_setup_teardown(a_tenant_without_a_source_takes_no_share, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
