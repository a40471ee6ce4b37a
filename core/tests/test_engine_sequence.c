/* The number of an ordered request: the line webhook-sequence, by which a receiver knows an older
 * request of a key that comes late. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "systems/registry.h"

#define NUMBERED "https://example.com/numbered"
#define PLAIN "https://example.com/plain"

/* The event's number. */
static int64_t publish_as(wh_engine *engine, const char *type, const char *key, const char *payload) {
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;
    int64_t number = 0;

    event.type = type;
    event.key = key;
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, &receipt), WH_OK);
    assert_int_equal(whi_ident_parse("msg_", receipt.id, &number), WH_OK);
    return number;
}

static void subscribe_to(wh_engine *engine, const char *url, const char *more, char *id) {
    char document[256];

    snprintf(document, sizeof document, "{\"url\":\"%s\"%s}", url, more);
    fixture_subscribe(engine, document, id);
}

static void assert_number(const sent *request, int64_t number) {
    char expected[24];
    const char *found = fixture_header(request, "webhook-sequence");

    snprintf(expected, sizeof expected, "%" PRId64, number);
    assert_non_null(found);
    assert_string_equal(found, expected);
}

/* All that was sent: to NUMBERED with this number, to PLAIN without one. */
static void assert_sent(int64_t number, size_t numbered, size_t plain) {
    size_t with = 0;

    for (size_t i = 0; i < fixture_sent_count; i++) {
        if (strcmp(fixture_sent[i].url, NUMBERED) == 0) {
            assert_number(&fixture_sent[i], number);
            with++;
        } else {
            assert_null(fixture_header(&fixture_sent[i], "webhook-sequence"));
        }
    }
    assert_int_equal(with, numbered);
    assert_int_equal(fixture_sent_count, numbered + plain);
}

static void pass_time(wh_engine *engine, int64_t ms) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
}

static void every_system_numbers_what_it_sends_in_an_order(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        wh_engine *engine = fixture_open(":memory:", NULL);
        char more[128];

        snprintf(more, sizeof more, ",\"profile\":\"%s\"", system->name);
        subscribe_to(engine, PLAIN, more, NULL);
        snprintf(more, sizeof more, ",\"profile\":\"%s\",\"order\":\"fifo\"", system->name);
        subscribe_to(engine, NUMBERED, more, NULL);
        int64_t number = publish_as(engine, "crm_contact.updated", NULL, "{}");
        fixture_run(engine);
        assert_sent(number, 1, 1);
        wh_close(engine);
        fixture_reset();
    }
}

static void a_key_is_numbered_where_it_orders(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int64_t number;

    (void)state;
    subscribe_to(engine, NUMBERED, ",\"order\":\"key\"", NULL);
    subscribe_to(engine, NUMBERED, ",\"order\":\"latest\"", NULL);
    subscribe_to(engine, PLAIN, "", NULL);
    subscribe_to(engine, PLAIN, ",\"order\":\"none\"", NULL);
    number = publish_as(engine, "a", "k", "1");
    fixture_run(engine);
    assert_sent(number, 2, 2);
    wh_close(engine);
}

static void without_a_key_there_is_no_number(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    subscribe_to(engine, PLAIN, ",\"order\":\"key\"", NULL);
    subscribe_to(engine, PLAIN, ",\"order\":\"latest\"", NULL);
    publish_as(engine, "a", NULL, "1");
    fixture_run(engine);
    assert_sent(0, 0, 2);
    wh_close(engine);
}

static void a_systems_own_order_is_numbered(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int64_t number;

    (void)state;
    subscribe_to(engine, NUMBERED, ",\"profile\":\"truto\",\"events\":[\"sync_job_run:*\"]", NULL);
    subscribe_to(engine, PLAIN, ",\"profile\":\"truto\",\"events\":[\"record:*\"]", NULL);
    number = publish_as(engine, "sync_job_run:record", NULL, "{\"sync_job_run_id\":\"run_1\"}");
    publish_as(engine, "record:created", NULL, "{\"id\":\"run_1\"}");
    fixture_run(engine);
    assert_sent(number, 1, 1);
    wh_close(engine);
}

/* The first, its retry, another process's, and a replay, by when the subscription has no order any more. */
static void every_request_of_a_delivery_has_one_number(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    wh_query query = WH_QUERY_INIT;
    char id[WH_ID_SIZE];
    int64_t number, count;

    (void)state;
    fixture_script.status = 500;
    subscribe_to(engine, NUMBERED, ",\"order\":\"fifo\",\"retry\":[0,1000,60000]", id);
    number = publish_as(engine, "a", NULL, "1");
    fixture_run(engine);
    pass_time(engine, 2000);
    assert_sent(number, 2, 0);
    wh_close(engine);
    engine = fixture_open(file, NULL);
    assert_int_equal(wh_subscription_update(engine, id, "{\"order\":\"none\"}", WH_ZSTR), WH_OK);
    pass_time(engine, 120000);
    assert_sent(number, 3, 0);
    query.state = "exhausted";
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    fixture_script.status = 200;
    fixture_run(engine);
    assert_sent(number, 4, 0);
    wh_close(engine);
}

static void the_numbers_of_a_key_ascend_also_when_the_clock_goes_back(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int64_t numbers[6];

    (void)state;
    subscribe_to(engine, NUMBERED, ",\"order\":\"key\"", NULL);
    for (int i = 0; i < 6; i++) {
        char payload[8];

        snprintf(payload, sizeof payload, "%d", i);
        numbers[i] = publish_as(engine, "a", "k", payload);
        atomic_fetch_add(&fixture_time, i % 2 ? 1 : -60000);
        assert_true(i == 0 || numbers[i] > numbers[i - 1]);
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(atol(fixture_sent[i].body), i);
        assert_number(&fixture_sent[i], numbers[i]);
    }
    wh_close(engine);
}

static void nobody_else_sets_the_number(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_buf lines;

    (void)state;
    assert_int_equal(
        wh_subscribe(engine, "{\"url\":\"" PLAIN "\",\"headers\":{\"Webhook-Sequence\":\"1\"}}", WH_ZSTR, NULL),
        WH_EINVALID);
    assert_has(wh_last_error(), "headers.Webhook-Sequence: reserved");
    whi_buf_init(&lines, 1024); /* what a rule engine of somebody else's may hand over */
    assert_int_equal(whi_wrap_rule_headers("{\"WEBHOOK-SEQUENCE\":\"1\"}", &lines), WH_EINVALID);
    assert_int_equal(lines.size, 0);
    whi_buf_free(&lines);
    wh_close(engine);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_system_numbers_what_it_sends_in_an_order, fixture_setup),
        cmocka_unit_test_setup(a_key_is_numbered_where_it_orders, fixture_setup),
        cmocka_unit_test_setup(without_a_key_there_is_no_number, fixture_setup),
        cmocka_unit_test_setup(a_systems_own_order_is_numbered, fixture_setup),
        cmocka_unit_test_setup(every_request_of_a_delivery_has_one_number, fixture_setup),
        cmocka_unit_test_setup(the_numbers_of_a_key_ascend_also_when_the_clock_goes_back, fixture_setup),
        cmocka_unit_test_setup(nobody_else_sets_the_number, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
