/* Publishing without waiting: what is promised of wh_publish_async. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine_fixture.h"

#define MANY 1000

static wh_engine *engine;

/* What one event became. */
typedef struct outcome {
    int called, code, order, has_error;
    wh_receipt receipt;
} outcome;

static outcome outcomes[MANY];
static int order;

static void tell(int code, const char *error, const wh_receipt *receipt, void *payload) {
    outcome *self = payload;

    self->called++;
    self->code = code;
    self->order = order++;
    self->has_error = error != NULL && error[0] != '\0';
    assert_int_equal(receipt != NULL, code == WH_OK);
    if (receipt != NULL) {
        self->receipt = *receipt;
    }
}

static int setup(void **state) {
    (void)state;
    fixture_reset();
    memset(outcomes, 0, sizeof outcomes);
    order = 0;
    engine = fixture_open(":memory:", NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    wh_close(engine);
    engine = NULL;
    return 0;
}

static int publish(const char *type, const char *id, const char *payload, outcome *out) {
    wh_event event = WH_EVENT_INIT;

    event.type = type;
    event.id = id;
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    return wh_publish_async(engine, &event, tell, out);
}

static void run_until_told(const outcome *of) {
    for (int i = 0; i < 1000 && !of->called; i++) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(wh_run(engine), WH_OK);
}

static void an_event_is_told_once_when_it_is_durable_and_is_delivered(void **state) {
    char payload[] = "{\"n\":1}", type[] = "a.b", id[] = "e1", *text;
    size_t size;

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\"}", NULL);
    assert_int_equal(publish(type, id, payload, &outcomes[0]), WH_OK);
    memset(payload, 'x', sizeof payload - 1); /* it was copied */
    memset(type, 'x', sizeof type - 1);
    memset(id, 'x', sizeof id - 1);
    run_until_told(&outcomes[0]);
    assert_int_equal(outcomes[0].called, 1);
    assert_int_equal(outcomes[0].code, WH_OK);
    assert_false(outcomes[0].has_error);
    assert_string_equal(outcomes[0].receipt.id, "e1");
    assert_false(outcomes[0].receipt.duplicate);
    assert_int_equal(wh_event_get(engine, "e1", &text, &size), WH_OK);
    wh_free(text);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].body, "{\"n\":1}");
}

static void an_id_that_is_taken_is_a_duplicate(void **state) {
    (void)state;
    assert_int_equal(publish("a", "e1", "1", &outcomes[0]), WH_OK);
    assert_int_equal(publish("a", "e1", "2", &outcomes[1]), WH_OK);
    run_until_told(&outcomes[1]);
    assert_false(outcomes[0].receipt.duplicate);
    assert_true(outcomes[1].receipt.duplicate);
    assert_string_equal(outcomes[1].receipt.id, "e1");
}

static void what_is_wrong_is_said_at_once_and_not_told(void **state) {
    wh_event event = WH_EVENT_INIT;

    (void)state;
    assert_int_equal(publish("a b", NULL, "1", &outcomes[0]), WH_EINVALID);
    assert_int_equal(publish("a", "no id", "1", &outcomes[0]), WH_EINVALID);
    assert_int_equal(publish("a", NULL, NULL, &outcomes[0]), WH_EINVALID);
    assert_int_equal(publish("a", NULL, "{", &outcomes[0]), WH_EJSON);
    assert_int_equal(wh_publish_async(engine, NULL, tell, NULL), WH_EINVALID);
    assert_int_equal(wh_publish_async(NULL, &event, tell, NULL), WH_EINVALID);
    assert_int_equal(wh_publish_async(engine, &event, NULL, NULL), WH_EINVALID);
    assert_int_equal(wh_run(engine), WH_OK);
    assert_int_equal(outcomes[0].called, 0);
}

static void each_is_told_in_the_order_of_the_calls(void **state) {
    char id[16];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "e%d", i);
        assert_int_equal(publish("a", id, "1", &outcomes[i]), WH_OK);
    }
    run_until_told(&outcomes[MANY - 1]);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "e%d", i);
        assert_int_equal(outcomes[i].called, 1);
        assert_int_equal(outcomes[i].order, i);
        assert_string_equal(outcomes[i].receipt.id, id);
    }
}

static void closing_tells_of_what_is_outstanding(void **state) {
    const char *file = fixture_file();
    char id[16], *text;
    size_t size;

    (void)state;
    wh_close(engine);
    engine = fixture_open(file, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "e%d", i);
        assert_int_equal(publish("a", id, "1", &outcomes[i]), WH_OK);
    }
    wh_close(engine);
    engine = fixture_open(file, NULL);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(outcomes[i].called, 1);
        assert_true(outcomes[i].code == WH_OK || (outcomes[i].code == WH_ECLOSED && outcomes[i].has_error));
        if (outcomes[i].code == WH_OK) {
            assert_int_equal(wh_event_get(engine, outcomes[i].receipt.id, &text, &size), WH_OK);
            wh_free(text);
        }
    }
}

static void threads_that_work_refuse_it(void **state) {
    (void)state;
    assert_int_equal(wh_start(engine, 1), WH_OK);
    assert_int_equal(publish("a", NULL, "1", &outcomes[0]), WH_EBUSY);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    assert_int_equal(publish("a", NULL, "1", &outcomes[0]), WH_OK);
    run_until_told(&outcomes[0]);
    assert_int_equal(outcomes[0].code, WH_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_told_once_when_it_is_durable_and_is_delivered),
        TEST(an_id_that_is_taken_is_a_duplicate),
        TEST(what_is_wrong_is_said_at_once_and_not_told),
        TEST(each_is_told_in_the_order_of_the_calls),
        TEST(closing_tells_of_what_is_outstanding),
        TEST(threads_that_work_refuse_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
