/* Another sink than HTTP: what it says of a delivery is all that lanes, retries and records know.
 * Covers sinks/sink.c; sinks/http.c is what all tests of deliveries send by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine_fixture.h"
#include "insides.h"

#define QUEUE 64

/* A sink that has threads or batches of its own tells later, from its tick. */
struct whi_sink {
    whi_parcel *queue[QUEUE];
    size_t count;
};

static struct {
    int outcome, code, status, answers, at_once;
    int64_t retry_after;
    const char *sentence;
    int submitted, forgotten, open;
    char bodies[4096];
} fake;

static int fake_open(whi_sink **out, wh_engine *engine, whi_poller *poller) {
    (void)engine;
    (void)poller;
    fake.open++;
    *out = whi_calloc(1, sizeof **out);
    return *out != NULL ? WH_OK : WH_ENOMEM;
}

static void fake_close(whi_sink *sink) {
    fake.open -= sink != NULL;
    whi_free(sink);
}

static void tell(whi_parcel *parcel) {
    parcel->outcome = fake.outcome;
    parcel->code = fake.code;
    parcel->status = fake.status;
    parcel->retry_after = fake.retry_after;
    parcel->duration_us = 5;
    parcel->answers = fake.answers;
    parcel->overloaded = parcel->aborts = 0;
    snprintf(parcel->sentence, sizeof parcel->sentence, "%s", fake.sentence);
    parcel->answer = "row 7";
    parcel->answer_size = 5;
    parcel->done(parcel, parcel->payload);
}

static void fake_submit(whi_sink *sink, whi_parcel *const *parcels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t size, had = strlen(fake.bodies);
        const char *bytes = whi_delivery_bytes(parcels[i]->delivery, &size);
        snprintf(fake.bodies + had, sizeof fake.bodies - had, "%.*s;", (int)size, bytes);
        fake.submitted++;
        if (*parcels[i]->kept == NULL) {
            *parcels[i]->kept = whi_alloc(1);
        }
        if (fake.at_once || sink->count == QUEUE) {
            tell(parcels[i]);
        } else {
            sink->queue[sink->count++] = parcels[i];
        }
    }
}

static void fake_ready(whi_sink *sink, const whi_ready *ready, int count) {
    (void)sink;
    (void)ready;
    (void)count;
}

static void fake_tick(whi_sink *sink) {
    size_t count = sink->count;

    sink->count = 0;
    for (size_t i = 0; i < count; i++) {
        tell(sink->queue[i]);
    }
}

static int fake_timeout(const whi_sink *sink) {
    return sink->count > 0 ? 0 : -1;
}

static void fake_forget(void *kept) {
    fake.forgotten++;
    whi_free(kept);
}

static void fake_cut(whi_sink *sink, const whi_parcel *only, const char *sentence) {
    (void)only;
    (void)sentence;
    fake_tick(sink);
}

static const whi_sink_vtable fake_sink = { fake_open,    fake_close,  fake_submit, fake_ready, fake_tick,
                                           fake_timeout, fake_forget, fake_cut,    0 };

static wh_engine *open_with_fake(void) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_worker *worker = engine->workers[0];

    memset(&fake, 0, sizeof fake);
    fake.retry_after = -1;
    fake.sentence = "";
    fake.answers = 1;
    whi_worker_shut(worker);
    worker->sinks[WHI_SINK_HTTP].vtable = &fake_sink;
    return engine;
}

/* One event to one subscription; its delivery as a document. */
static char *deliver(wh_engine *engine) {
    char key[80];
    wh_query query = WH_QUERY_INIT;
    char *page, *at, *text;

    fixture_publish(engine, "order.paid", "{\"n\":1}", NULL);
    fixture_run(engine);
    page = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    at = strstr(page, "\"id\":\"");
    assert_non_null(at);
    snprintf(key, sizeof key, "%.*s", (int)strcspn(at + 6, "\""), at + 6);
    wh_free(page);
    text = DOCUMENT(wh_delivery(engine, key, &fixture_handed, &fixture_size));
    return text;
}

static const char document[] = "{\"url\":\"http://127.0.0.1:9/\",\"events\":[\"order.*\"],\"retry\":[0,0]}";

static char *outcome_of(int outcome, const char *sentence, wh_engine **out) {
    *out = open_with_fake();
    fake.outcome = outcome;
    fake.code = outcome == WHI_OUTCOME_SUCCESS ? WH_OK : WH_ESTATUS;
    fake.status = 7;
    fake.sentence = sentence;
    fixture_subscribe(*out, document, NULL);
    return deliver(*out);
}

static void success_is_recorded_with_what_the_receiver_said(void **state) {
    wh_engine *engine;
    char *text = outcome_of(WHI_OUTCOME_SUCCESS, "", &engine);

    (void)state;
    assert_has(text, "\"state\":\"delivered\"");
    assert_has(text, "\"status\":7");
    assert_string_equal(fake.bodies, "{\"n\":1};");
    assert_int_equal(fixture_sent_count, 0);
    wh_free(text);
    wh_close(engine);
    assert_int_equal(fake.forgotten, 1);
    assert_int_equal(fake.open, 0);
}

static void a_retry_goes_by_the_list(void **state) {
    wh_engine *engine;
    char *text = outcome_of(WHI_OUTCOME_RETRY, "status: the table is locked", &engine);

    (void)state;
    assert_int_equal(fake.submitted, 2);
    assert_has(text, "\"state\":\"exhausted\"");
    assert_has(text, "the table is locked");
    wh_free(text);
    wh_close(engine);
}

static void what_is_given_up_is_not_tried_again(void **state) {
    wh_engine *engine;
    char *text = outcome_of(WHI_OUTCOME_GIVE_UP, "status: no such column", &engine);

    (void)state;
    assert_int_equal(fake.submitted, 1);
    assert_has(text, "\"state\":\"exhausted\"");
    assert_has(text, "no such column");
    wh_free(text);
    wh_close(engine);
}

static void what_is_set_aside_is_held_and_can_be_replayed(void **state) {
    wh_engine *engine;
    char *text = outcome_of(WHI_OUTCOME_SET_ASIDE, "status: no text for a number", &engine), *key;

    (void)state;
    assert_int_equal(fake.submitted, 1);
    assert_has(text, "\"state\":\"held\"");
    assert_has(text, "no text for a number");
    key = strstr(text, "\"id\":\"") + 6;
    key[strcspn(key, "\"")] = '\0';
    fake.outcome = WHI_OUTCOME_SUCCESS;
    fake.code = WH_OK;
    assert_int_equal(wh_replay(engine, key), WH_OK);
    fixture_run(engine);
    assert_int_equal(fake.submitted, 2);
    assert_string_equal(fake.bodies, "{\"n\":1};{\"n\":1};");
    wh_free(text);
    wh_close(engine);
}

static void of_one_that_is_gone_the_subscription_is_switched_off(void **state) {
    wh_engine *engine;
    char *text = outcome_of(WHI_OUTCOME_GONE, "gone: the database was dropped", &engine), *page;
    wh_query query = WH_QUERY_INIT;

    (void)state;
    assert_int_equal(fake.submitted, 1);
    assert_has(text, "\"state\":\"exhausted\"");
    page = DOCUMENT(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size));
    assert_has(page, "\"disabled\":\"gone\"");
    wh_free(page);
    wh_free(text);
    wh_close(engine);
}

static void what_has_not_left_is_no_attempt(void **state) {
    wh_engine *engine = open_with_fake();
    wh_query query = WH_QUERY_INIT;
    char *page;

    (void)state;
    fake.outcome = WHI_OUTCOME_NONE;
    fake.sentence = "no descriptor";
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    for (int i = 0; i < 5; i++) {
        fixture_turn(engine);
    }
    assert_int_equal(fake.submitted, 1);
    page = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    assert_has(page, "\"state\":\"waiting\"");
    assert_has(page, "\"attempts\":0");
    wh_free(page);
    fixture_time += 1000;
    fake.outcome = WHI_OUTCOME_SUCCESS;
    fake.at_once = 1;
    fixture_run(engine);
    assert_int_equal(fake.submitted, 2);
    assert_int_equal(atomic_load(&engine->count.delivered), 1);
    wh_close(engine);
}

/* As long as it asks for, if the list says less. */
static void the_receiver_may_ask_to_be_left_alone(void **state) {
    wh_engine *engine = open_with_fake();

    (void)state;
    fake.outcome = WHI_OUTCOME_RETRY;
    fake.code = WH_ESTATUS;
    fake.retry_after = 60000;
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fake.submitted, 1);
    fixture_time += 59000;
    fixture_run(engine);
    assert_int_equal(fake.submitted, 1);
    fixture_time += 8000; /* and up to a tenth by chance */
    fixture_run(engine);
    assert_int_equal(fake.submitted, 2);
    wh_close(engine);
}

static void what_is_under_way_when_it_closes_is_dropped(void **state) {
    wh_engine *engine = open_with_fake();

    (void)state;
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    for (int i = 0; i < 20 && fake.submitted == 0; i++) {
        whi_writer_drain(engine->writer);
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(fake.submitted, 1);
    wh_close(engine);
    assert_int_equal(fake.open, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, fixture_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(success_is_recorded_with_what_the_receiver_said),
        TEST(a_retry_goes_by_the_list),
        TEST(what_is_given_up_is_not_tried_again),
        TEST(what_is_set_aside_is_held_and_can_be_replayed),
        TEST(of_one_that_is_gone_the_subscription_is_switched_off),
        TEST(what_has_not_left_is_no_attempt),
        TEST(the_receiver_may_ask_to_be_left_alone),
        TEST(what_is_under_way_when_it_closes_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
