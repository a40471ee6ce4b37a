#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/gate.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "fault.h"
#include "outside/capacity.h"

#define URL "\"url\":\"https://example.com/hook\""

static wh_engine *engine;
static char id[WH_ID_SIZE];

static int setup(void **state) {
    wh_options options = WH_OPTIONS_INIT;

    fixture_setup(state);
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static wh_backtest options_of(const char *subscription, const char *document) {
    wh_backtest options = WH_BACKTEST_INIT;

    options.subscription = subscription;
    options.document = document;
    options.document_size = WH_ZSTR;
    return options;
}

static char *run(const wh_backtest *options) {
    return DOCUMENT(wh_backtest_run(engine, options, &fixture_handed, &fixture_size));
}

static void assert_report(const char *subscription, const char *document, const char *expected) {
    wh_backtest options = options_of(subscription, document);
    char *text = run(&options);

    assert_string_equal(text, expected);
    wh_free(text);
}

static void assert_part(const char *subscription, const char *document, const char *part) {
    wh_backtest options = options_of(subscription, document);
    char *text = run(&options);

    assert_has(text, part);
    wh_free(text);
}

static void publish_as(const char *event, const char *type, const char *tenant, const char *payload) {
    wh_event made = WH_EVENT_INIT;

    made.id = event;
    made.type = type;
    made.tenant = tenant;
    made.payload = payload;
    made.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &made, NULL), WH_OK);
}

/* Four events: two of them orders. */
static void publish_four(void) {
    publish_as("e1", "order.paid", NULL, "{\"id\":1,\"total\":5}");
    publish_as("e2", "note", NULL, "{}");
    publish_as("e3", "order.paid", NULL, "{\"total\": 12}");
    publish_as("e4", "order.paid", "acme", "{\"id\":4,\"total\":5}");
}

static void both_sides_are_counted_and_compared(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"events\":[\"order.*\"],\"rule\":\"pass\"}", id);
    publish_four();
    assert_report(id, "{\"rule\":\"pick id\",\"fields\":\"id\"}",
                  "{\"events\":3,\"matched\":{\"now\":2,\"then\":2},\"sent\":{\"now\":2,\"then\":1},"
                  "\"failed\":{\"now\":0,\"then\":0},\"bytes\":{\"now\":31,\"then\":8,\"saved\":23},"
                  "\"cpu_us\":{\"now\":14,\"then\":14,\"worst\":7},\"memory\":{\"worst\":99},\"differ\":2,"
                  "\"cancelled\":false,\"differences\":["
                  "{\"event\":\"e3\",\"type\":\"order.paid\",\"now\":\"sent\",\"then\":\"dropped\",\"diff\":[]},"
                  "{\"event\":\"e1\",\"type\":\"order.paid\",\"now\":\"sent\",\"then\":\"sent\","
                  "\"diff\":[\"- total: 5\"]}],\"errors\":[]}");
}

static void what_means_the_same_does_not_differ(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project {\\\"a\\\":1,\\\"b\\\":\\\"x\\\"}\"}", id);
    publish_as("e1", "a", NULL, "{}");
    assert_part(id, "{\"rule\":\"project { \\\"b\\\": \\\"\\\\u0078\\\", \\\"a\\\": 1 }\"}", "\"differ\":0");
    assert_part(id, "{\"rule\":\"project {\\\"a\\\":1.0,\\\"b\\\":\\\"x\\\"}\"}",
                "\"differ\":1,\"cancelled\":false,\"differences\":[{\"event\":\"e1\",\"type\":\"a\",\"now\":\"sent\","
                "\"then\":\"sent\",\"diff\":[\"- a: 1\",\"+ a: 1.0\"]}]");
}

static void what_fails_is_told_with_its_line(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"events\":[\"order.*\"]}", id);
    publish_four();
    assert_part(id, "{\"rule\":\"fail\"}",
                "\"sent\":{\"now\":2,\"then\":0},\"failed\":{\"now\":0,\"then\":2},"
                "\"bytes\":{\"now\":31,\"then\":0,\"saved\":31}");
    assert_part(id, "{\"rule\":\"fail\"}",
                "\"errors\":[{\"event\":\"e3\",\"type\":\"order.paid\",\"code\":\"rule_runtime\",\"line\":3,"
                "\"message\":\"no\"},{\"event\":\"e1\"");
}

static void what_fails_and_is_sent_by_policy_counts_as_both(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    publish_four();
    assert_part(id, "{\"on_rule_error\":\"send\"}",
                "\"sent\":{\"now\":0,\"then\":3},\"failed\":{\"now\":3,\"then\":3},"
                "\"bytes\":{\"now\":0,\"then\":33,\"saved\":-33}");
    assert_part(id, "{\"on_rule_error\":\"send\"}", "\"differ\":3");
}

static void patterns_filters_and_sources_are_told_apart(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"events\":[\"order.*\"]}", id);
    publish_four();
    assert_part(id, "{\"events\":[\"note\"]}", "\"matched\":{\"now\":2,\"then\":1},\"sent\":{\"now\":2,\"then\":1}");
    assert_part(id, "{\"events\":[\"note\"]}",
                "{\"event\":\"e2\",\"type\":\"note\",\"now\":\"type\",\"then\":\"sent\",\"diff\":[]}");
    assert_part(id, "{\"filters\":{\"total\":5}}",
                "{\"event\":\"e3\",\"type\":\"order.paid\",\"now\":\"sent\",\"then\":\"filtered\",\"diff\":[]}");
    assert_part(id, "{\"source\":\"shop\"}",
                "{\"event\":\"e3\",\"type\":\"order.paid\",\"now\":\"sent\",\"then\":\"source\",\"diff\":[]}");
    assert_part(id, "{\"events\":null}", "\"matched\":{\"now\":2,\"then\":3}");
}

static void without_a_subscription_it_is_compared_with_everything(void **state) {
    (void)state;
    publish_four();
    assert_part(NULL, "{\"rule\":\"pick id\",\"events\":[\"order.paid\"],\"fields\":\"id\"}",
                "{\"events\":3,\"matched\":{\"now\":3,\"then\":2},\"sent\":{\"now\":3,\"then\":1},"
                "\"failed\":{\"now\":0,\"then\":0},\"bytes\":{\"now\":33,\"then\":8,\"saved\":25}");
    assert_part(NULL, "{\"tenant\":\"acme\",\"fields\":\"id\"}",
                "{\"events\":1,\"matched\":{\"now\":1,\"then\":1},\"sent\":{\"now\":1,\"then\":1}");
}

static void a_paused_subscription_is_looked_at_all_the_same(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"paused\":true,\"expires_at\":100000000000}", id);
    publish_four();
    assert_part(id, "{\"rule\":\"drop\"}", "\"sent\":{\"now\":3,\"then\":0}");
}

static void the_present_version_is_compared_with_not_what_was_sent(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"drop\"}", id);
    publish_four();
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"pass\"}", WH_ZSTR), WH_OK);
    assert_part(id, "{}", "\"sent\":{\"now\":3,\"then\":3}");
    assert_part(id, "{}", "\"differ\":0");
    assert_int_equal(fixture_sent_count, 0);
}

static void the_mask_of_callfire_is_over_the_envelope(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"profile\":\"callfire\"}", id);
    publish_as("e1", "OutboundCall.Finished", NULL, "{\"n\":1,\"m\":2}");
    assert_part(id, "{\"fields\":\"events(resource(n))\"}", "\"differ\":1");
    assert_part(id, "{\"fields\":\"events(resource(n))\"}", "\"- events[0].resource.m: 2\"");
    assert_part(id, "{\"fields\":\"events(resource(n))\"}", "\"then\":33,");
    assert_part(id, "{\"name\":null}", "\"differ\":0");
}

/* Signatures that depend on the data are no difference of their own. */
static void of_other_envelopes_the_data_are_compared(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"profile\":\"unified\"}", id);
    publish_as("e1", "a", NULL, "{\"n\":1,\"m\":2}");
    fixture_run(engine);
    assert_part(id, "{\"fields\":\"n\"}", "\"then\":\"sent\",\"diff\":[\"- m: 2\"]}]");
    assert_part(NULL, "{\"profile\":\"unified\",\"fields\":\"n\"}", "\"diff\":[\"- m: 2\"]}]");
    assert_part(NULL, "{\"profile\":\"truto\",\"fields\":\"n\"}", "\"saved\":6");
}

/* ----------------------------------------------------------------------- which events */

static void only_the_last_events_are_looked_at(void **state) {
    wh_backtest options = options_of(NULL, "{\"rule\":\"drop\"}");
    char *text;

    (void)state;
    publish_four();
    options.last = 2;
    text = run(&options);
    assert_has(text, "{\"events\":2,");
    assert_has(text, "\"differences\":[{\"event\":\"e3\"");
    wh_free(text);
}

static void or_those_of_a_span_of_time(void **state) {
    wh_backtest options = options_of(NULL, "{\"rule\":\"drop\"}");
    int64_t start = atomic_load(&fixture_time);

    (void)state;
    for (int i = 0; i < 5; i++) {
        publish_as(NULL, "a", NULL, "{}");
        atomic_fetch_add(&fixture_time, 1000);
    }
    options.since = start + 1000;
    options.until = start + 4000;
    assert_has(run(&options), "{\"events\":3,");
    wh_free(fixture_handed);
    options.until = 0;
    assert_has(run(&options), "{\"events\":4,");
    wh_free(fixture_handed);
    options.since = 0;
    options.until = WHI_TIME_LEAST; /* 1973 */
    assert_has(run(&options), "{\"events\":0,");
    wh_free(fixture_handed);
}

static void no_more_differences_than_asked_are_told(void **state) {
    wh_backtest options = options_of(NULL, "{\"rule\":\"fail\"}");
    char *text, *at;
    int told = 0;

    (void)state;
    for (int i = 0; i < 30; i++) {
        publish_as(NULL, "a", NULL, "{}");
    }
    options.shown = 3;
    text = run(&options);
    assert_has(text, "\"differ\":30");
    for (at = text; (at = strstr(at, "\"event\":")) != NULL; at++) {
        told++;
    }
    assert_int_equal(told, 6);
    wh_free(text);
}

/* Large payloads make small batches; each event is seen once. */
static void batches_of_any_size_see_every_event_once(void **state) {
    static char payload[400004];

    (void)state;
    memset(payload, 'x', sizeof payload - 1);
    payload[0] = payload[sizeof payload - 2] = '"';
    for (int i = 0; i < 10; i++) {
        publish_as(NULL, "a", NULL, payload);
    }
    for (int i = 0; i < 190; i++) {
        publish_as(NULL, "a", i % 2 ? "acme" : NULL, "1");
    }
    assert_part(NULL, "{\"rule\":\"drop\"}", "{\"events\":105,\"matched\":{\"now\":105,\"then\":105}");
    assert_part(NULL, "{\"rule\":\"drop\"}", "\"bytes\":{\"now\":4000125,");
}

/* --------------------------------------------------------------------------- progress */

typedef struct watch {
    int calls, stop_at;
    int64_t done, total;
} watch;

static int progress(int64_t done, int64_t total, void *payload) {
    watch *self = payload;

    assert_true(done >= self->done && done - self->done <= 100 && done <= total);
    self->done = done;
    self->total = total;
    wh_free(DOCUMENT(wh_events(engine, NULL, &fixture_handed, &fixture_size))); /* the engine may be asked */
    return ++self->calls == self->stop_at;
}

static void publish_many(int count) {
    for (int i = 0; i < count; i++) {
        publish_as(NULL, "a", NULL, "{}");
    }
}

static void progress_is_told_and_the_end(void **state) {
    wh_backtest options = options_of(NULL, "{\"rule\":\"drop\"}");
    watch seen = { 0, 0, 0, 0 };

    (void)state;
    publish_many(250);
    options.progress = progress;
    options.payload = &seen;
    options.last = 600;
    assert_has(run(&options), "\"cancelled\":false");
    wh_free(fixture_handed);
    assert_true(seen.calls >= 3);
    assert_int_equal(seen.done, 250);
    assert_int_equal(seen.total, 600);
}

static void progress_may_stop_it(void **state) {
    wh_backtest options = options_of(NULL, "{\"rule\":\"drop\"}");
    watch seen = { 0, 1, 0, 0 };

    (void)state;
    publish_many(250);
    options.progress = progress;
    options.payload = &seen;
    assert_has(run(&options), "\"cancelled\":true");
    assert_null(strstr(fixture_handed, "\"events\":250,"));
    wh_free(fixture_handed);
    assert_int_equal(seen.calls, 1);
}

/* ------------------------------------------------------------------------------- turns */

static void *run_aside(void *payload) {
    wh_backtest options = options_of(NULL, "{\"rule\":\"pass\"}");
    char **text = payload;
    size_t size;

    (void)wh_backtest_run(engine, &options, text, &size);
    return NULL;
}

static int somebody_waits(void) {
    int waits;

    pthread_mutex_lock(&engine->gate->lock);
    waits = engine->gate->fair.first != NULL;
    pthread_mutex_unlock(&engine->gate->lock);
    return waits;
}

/* Half of the cores have as many as they can take: nothing is decided until there is room. */
static void it_waits_at_the_gate(void **state) {
    int cores = whi_capacity_cores(), most = cores > 1 ? cores / 2 : 1;
    whi_gate_call *others = calloc((size_t)most, sizeof *others);
    char *text = NULL;
    pthread_t thread;

    (void)state;
    publish_many(3);
    assert_int_equal(engine->gate->room, most);
    for (int i = 0; i < most; i++) {
        assert_int_equal(whi_gate_open(engine->gate, &others[i], "another"), WH_OK);
        whi_gate_enter(&others[i]);
    }
    atomic_store(&fake_runs, 0);
    assert_int_equal(pthread_create(&thread, NULL, run_aside, &text), 0);
    while (!somebody_waits()) {
        usleep(100);
    }
    assert_int_equal(atomic_load(&fake_runs), 0);
    for (int i = 0; i < most; i++) {
        whi_gate_leave(&others[i], 0);
        whi_gate_close(&others[i]);
    }
    pthread_join(thread, NULL);
    assert_non_null(text);
    wh_free(text);
    assert_int_equal(atomic_load(&fake_runs), 3);
    assert_int_equal(engine->gate->room, most);
    assert_null(engine->gate->lines);
    free(others);
}

/* The host's function is called where the host called, and what is computed is not. */
typedef struct place {
    pthread_t caller;
    int elsewhere;
} place;

static int note_place(int64_t done, int64_t total, void *payload) {
    place *self = payload;

    (void)done;
    (void)total;
    self->elsewhere += !pthread_equal(pthread_self(), self->caller);
    return 0;
}

static void progress_is_told_on_the_callers_thread(void **state) {
    wh_backtest options = options_of(NULL, "{\"rule\":\"drop\"}");
    place seen = { pthread_self(), 0 };

    (void)state;
    publish_many(250);
    options.progress = note_place;
    options.payload = &seen;
    wh_free(run(&options));
    assert_int_equal(seen.elsewhere, 0);
}

/* ------------------------------------------------------------------------------ wrong */

static void assert_refused(const wh_backtest *options, int code, const char *sentence) {
    char *text = (char *)"";

    assert_int_equal(wh_backtest_run(engine, options, &text, NULL), code);
    assert_has(wh_last_error(), sentence);
    assert_null(text);
}

static void what_is_wrong_is_refused(void **state) {
    static const struct {
        const char *document, *sentence;
        int code;
    } cases[] = {
        { NULL, "document", WH_EINVALID },
        { "{oops", "", WH_EJSON },
        { "{\"rule\":\"oops\"}", "rule: line 2: what", WH_ERULE_SYNTAX },
        { "{\"filters\":{\"\":1}}", "filters", WH_EINVALID },
        { "{\"colour\":1}", "colour", WH_EINVALID },
        { "{\"tenant\":\"acme\"}", "tenant", WH_EINVALID },
    };
    wh_backtest options;

    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options = options_of(id, cases[i].document);
        assert_refused(&options, cases[i].code, cases[i].sentence);
    }
    options = options_of("sub_0000000000009", "{}");
    assert_refused(&options, WH_ENOTFOUND, "subscription: no such subscription");
    options = options_of(id, "{}");
    options.size = 2;
    assert_refused(&options, WH_EINVALID, "size");
    options = options_of(id, "{}");
    options.last = 1000001;
    assert_refused(&options, WH_EINVALID, "last: expected 1 to 1000000, found 1000001");
    options = options_of(id, "{}");
    options.shown = 101;
    assert_refused(&options, WH_EINVALID, "shown");
    options = options_of(id, "{}");
    options.until = -1;
    assert_refused(&options, WH_EINVALID, "until");
}

static void no_secret_is_told(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"secrets\":[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]}", id);
    publish_four();
    wh_backtest options = options_of(id, "{\"rule\":\"tell\"}");
    assert_null(strstr(run(&options), "MfKQ"));
    wh_free(fixture_handed);
}

static void memory_that_runs_out_is_told(void **state) {
    int failed = 1;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"filters\":{\"id\":[1,4]}}", id);
    publish_four();
    for (long n = 0; failed; n++) {
        wh_backtest options = options_of(id, "{\"rule\":\"tell\",\"fields\":\"payload(id),name\"}");
        char *text = NULL;
        int code;
        fault_set(n);
        code = wh_backtest_run(engine, &options, &text, NULL);
        failed = fault_clear();
        assert_true(code == WH_OK || (failed && (code == WH_ENOMEM || code == WH_ESTORE)));
        assert_true((code == WH_OK) == (text != NULL));
        wh_free(text);
    }
}

static void *publish_along(void *payload) {
    (void)payload;
    publish_many(200);
    return NULL;
}

static void it_runs_while_others_publish_and_deliver(void **state) {
    wh_backtest options;
    pthread_t thread;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"tell\"}", id);
    publish_many(50);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    assert_int_equal(pthread_create(&thread, NULL, publish_along, NULL), 0);
    options = options_of(id, "{\"rule\":\"drop\"}");
    for (int i = 0; i < 10; i++) {
        wh_free(run(&options));
    }
    pthread_join(thread, NULL);
    assert_int_equal(wh_stop(engine, 5000), WH_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(both_sides_are_counted_and_compared),
        TEST(what_means_the_same_does_not_differ),
        TEST(what_fails_is_told_with_its_line),
        TEST(what_fails_and_is_sent_by_policy_counts_as_both),
        TEST(patterns_filters_and_sources_are_told_apart),
        TEST(without_a_subscription_it_is_compared_with_everything),
        TEST(a_paused_subscription_is_looked_at_all_the_same),
        TEST(the_present_version_is_compared_with_not_what_was_sent),
        TEST(the_mask_of_callfire_is_over_the_envelope),
        TEST(of_other_envelopes_the_data_are_compared),
        TEST(only_the_last_events_are_looked_at),
        TEST(or_those_of_a_span_of_time),
        TEST(no_more_differences_than_asked_are_told),
        TEST(batches_of_any_size_see_every_event_once),
        TEST(progress_is_told_and_the_end),
        TEST(progress_may_stop_it),
        TEST(it_waits_at_the_gate),
        TEST(progress_is_told_on_the_callers_thread),
        TEST(what_is_wrong_is_refused),
        TEST(no_secret_is_told),
        TEST(memory_that_runs_out_is_told),
        TEST(it_runs_while_others_publish_and_deliver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
