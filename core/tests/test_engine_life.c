/* An engine that is started, stopped, replayed and closed while others use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "life_kit.h"

#define URL "\"url\":\"https://example.com/hook\""
#define RETRY "\"retry\":[0,1000,1000,1000,1000,1000,1000,1000,1000,1000]"

/* What others do to an engine meanwhile. */
typedef struct bustle {
    wh_engine *engine;
    char id[WH_ID_SIZE];
    atomic_int over, publishers, requests;
    atomic_long accepted, refused;
    pthread_t threads[16];
    int count;
} bustle;

static void begin(bustle *self, void *(*what)(void *)) {
    assert_int_equal(pthread_create(&self->threads[self->count++], NULL, what, self), 0);
}

static void end(bustle *self) {
    atomic_store(&self->over, 1);
    while (self->count > 0) {
        pthread_join(self->threads[--self->count], NULL);
    }
    assert_int_equal(atomic_load(&self->refused), 0);
}

static void note(bustle *self, const char *what, int code) {
    if (code < 0 && atomic_fetch_add(&self->refused, 1) == 0) {
        fprintf(stderr, "%s: %s\n", what, wh_last_error());
    }
}

/* ------------------------------------------------------- starting and stopping in a loop */

#define ROUNDS 200
#define KEYS 8
#define PUBLISHERS 2

static void *publish(void *payload) {
    bustle *self = payload;
    int first = atomic_fetch_add(&self->publishers, 1) * KEYS;

    for (int n = 0; !atomic_load(&self->over); n++) {
        char key[16], body[48];
        int code;
        snprintf(key, sizeof key, "%d", first + n % KEYS);
        snprintf(body, sizeof body, "{\"k\":%s,\"n\":%d}", key, n / KEYS);
        code = life_publish(self->engine, "a", key, body);
        note(self, "publish", code);
        atomic_fetch_add(&self->accepted, code == WH_OK);
        usleep(1000);
    }
    return NULL;
}

static void *update(void *payload) {
    bustle *self = payload;

    while (!atomic_load(&self->over)) {
        note(self, "update", wh_subscription_update(self->engine, self->id, "{\"name\":\"x\"}", WH_ZSTR));
        usleep(3000);
    }
    return NULL;
}

static void *replay(void *payload) {
    bustle *self = payload;
    wh_query query = WH_QUERY_INIT;

    query.state = "waiting";
    while (!atomic_load(&self->over)) {
        note(self, "replay", wh_replay_query(self->engine, &query, NULL));
        usleep(1000);
    }
    return NULL;
}

static void *ask(void *payload) {
    bustle *self = payload;

    while (!atomic_load(&self->over)) {
        note(self, "idle", wh_idle(self->engine));
        usleep(500);
    }
    return NULL;
}

static void fail_some(whi_request *request, void *payload) {
    bustle *self = payload;

    request->status = atomic_fetch_add(&self->requests, 1) % 7 == 3 ? 500 : 200;
}

/* Each of a key after the one before it; what was cut off comes again, but not after a later one. */
static void assert_in_order(void) {
    int last[KEYS * PUBLISHERS], key, n;

    memset(last, -1, sizeof last);
    for (size_t i = 0; i < fixture_sent_count; i++) {
        if (strstr(fixture_sent[i].url, "ordered") == NULL) {
            continue;
        }
        assert_int_equal(sscanf(fixture_sent[i].body, "{\"k\":%d,\"n\":%d}", &key, &n), 2);
        assert_true(n == last[key] || n == last[key] + 1);
        last[key] = n;
    }
}

static void run_to_the_end(wh_engine *engine) {
    do {
        atomic_fetch_add(&fixture_time, 3600000);
        fixture_run(engine);
    } while (life_states(engine, "waiting") > 0);
}

static void start_and_stop_often(const char *store) {
    bustle self = { 0 };

    self.engine = fixture_open(store, NULL);
    fixture_script.answer = fail_some;
    fixture_script.payload = &self;
    fixture_subscribe(self.engine, "{" URL "," RETRY "}", self.id);
    fixture_subscribe(self.engine, "{\"url\":\"https://example.com/ordered\",\"order\":\"key\"," RETRY "}", NULL);
    begin(&self, publish);
    begin(&self, publish);
    begin(&self, update);
    begin(&self, replay);
    begin(&self, ask);
    for (int i = 0; i < ROUNDS; i++) {
        note(&self, "start", wh_start(self.engine, 4));
        usleep((useconds_t)(i % 5) * 1000);
        note(&self, "stop", wh_stop(self.engine, 0));
    }
    end(&self);
    assert_true(atomic_load(&self.accepted) > 0);
    run_to_the_end(self.engine);
    life_assert_delivered(self.engine, 2 * (size_t)atomic_load(&self.accepted));
    assert_in_order();
    wh_close(self.engine);
}

static void an_engine_in_memory_is_started_and_stopped_while_others_use_it(void **state) {
    (void)state;
    start_and_stop_often(":memory:");
}

static void so_is_one_on_a_file(void **state) {
    (void)state;
    start_and_stop_often(fixture_file());
}

/* --------------------------------------------------------------------- how long it takes */

#define BATCH 100
#define SOON_MS                                                                                                        \
    10000 /* a turn of slow rules, and a few commits of a slow disk and a busy machine; once it was 30 s               \
           */

static void *publish_batches(void *payload) {
    bustle *self = payload;
    wh_event events[BATCH];

    for (int i = 0; i < BATCH; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "a";
        events[i].payload = "{}";
        events[i].payload_size = 2;
    }
    while (!atomic_load(&self->over)) {
        note(self, "publish", wh_publish_batch(self->engine, events, BATCH, NULL));
        atomic_fetch_add(&self->accepted, BATCH);
    }
    return NULL;
}

static int run_slowly(void *handle, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    usleep(30000);
    return fake_rules.run(handle, rule, input, out);
}

static void load(bustle *self, const char *document, const wh_options *options) {
    self->engine = fixture_open(fixture_file(), options);
    for (int i = 0; i < 20; i++) {
        fixture_subscribe(self->engine, document, NULL);
    }
    assert_int_equal(wh_start(self->engine, 2), WH_OK);
    for (int i = 0; i < 8; i++) {
        begin(self, publish_batches);
    }
    life_wait_sent(10);
}

static void assert_soon(const char *what, int64_t started) {
    int64_t ms = life_ms_since(started);

    print_message("%s: %lld ms\n", what, (long long)ms);
    assert_true(ms < SOON_MS);
}

static void stop_under_load(const char *document, const wh_options *options) {
    bustle self = { 0 };
    int64_t started;

    load(&self, document, options);
    started = whi_monotonic_us();
    assert_int_equal(wh_stop(self.engine, 0), WH_OK);
    assert_soon("wh_stop", started);
    assert_int_equal(wh_start(self.engine, 2), WH_OK);
    end(&self);
    started = whi_monotonic_us();
    wh_close(self.engine);
    assert_soon("wh_close", started);
}

static void stopping_is_quick_while_many_publish(void **state) {
    (void)state;
    stop_under_load("{" URL "}", NULL);
}

static void stopping_is_quick_while_rules_are_slow(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_rule_engine slow = fake_rules;

    (void)state;
    slow.run = run_slowly;
    options.rules = &slow;
    stop_under_load("{" URL ",\"rule\":\"pass\"}", &options);
}

/* A turn is not as long as all the rules of all events that wait. */
static void a_turn_with_slow_rules_is_short(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_rule_engine slow = fake_rules;
    wh_engine *engine;
    int64_t started;

    (void)state;
    slow.run = run_slowly;
    options.rules = &slow;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"pass\"}", NULL);
    fixture_run(engine);
    for (int i = 0; i < 50; i++) {
        fixture_publish(engine, "a", "{}", NULL);
    }
    started = whi_monotonic_us();
    assert_true(wh_step(engine) > 0);
    assert_true(life_ms_since(started) < 700); /* all of them: 1500 */
    assert_true(fixture_sent_count > 0);
    fixture_run(engine);
    life_assert_delivered(engine, 50);
    wh_close(engine);
}

/* Who is not known gets one at a time, so each of them is another's. */
static wh_engine *start_with_ten_under_way(void) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    atomic_store(&fixture_script.hang, 1);
    for (int i = 0; i < 10; i++) {
        fixture_subscribe(engine, "{" URL "}", NULL);
    }
    assert_int_equal(wh_start(engine, 1), WH_OK);
    fixture_publish(engine, "a", "{}", NULL);
    life_wait_sent(10);
    return engine;
}

static void what_hangs_is_waited_for_no_longer_than_the_grace(void **state) {
    wh_engine *engine = start_with_ten_under_way();
    int64_t started = whi_monotonic_us();

    (void)state;
    assert_int_equal(wh_stop(engine, 300), WH_OK);
    assert_true(life_ms_since(started) >= 300);
    assert_soon("wh_stop with a grace of 300 ms", started);
    atomic_store(&fixture_script.hang, 0);
    fixture_run(engine);
    life_assert_delivered(engine, 10);
    assert_int_equal(fixture_sent_count, 20);
    wh_close(engine);
}

static void *let_answer(void *payload) {
    (void)payload;
    usleep(100000);
    atomic_store(&fixture_script.hang, 0);
    return NULL;
}

static void what_is_answered_within_the_grace_is_not_sent_again(void **state) {
    wh_engine *engine = start_with_ten_under_way();
    int64_t started = whi_monotonic_us();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, let_answer, NULL), 0);
    assert_int_equal(wh_stop(engine, 20000), WH_OK);
    assert_soon("wh_stop when all is answered after 100 ms", started);
    pthread_join(thread, NULL);
    fixture_run(engine);
    life_assert_delivered(engine, 10);
    assert_int_equal(fixture_sent_count, 10);
    wh_close(engine);
}

/* ----------------------------------------------------------------------------- replaying */

#define EVENTS 400

static atomic_int tries[EVENTS];

static void fail_once(whi_request *request, void *payload) {
    long n = strtol(request->body, NULL, 10);

    (void)payload;
    request->status = atomic_fetch_add(&tries[n], 1) == 0 ? 500 : 200;
}

static void what_was_delivered_is_not_replayed_as_waiting(void **state) {
    bustle self = { 0 };

    (void)state;
    memset(tries, 0, sizeof tries);
    self.engine = fixture_open(fixture_file(), NULL);
    fixture_script.answer = fail_once;
    fixture_subscribe(self.engine, "{" URL "," RETRY "}", self.id);
    assert_int_equal(wh_start(self.engine, 2), WH_OK);
    begin(&self, replay);
    begin(&self, replay);
    for (int i = 0; i < EVENTS; i++) {
        char body[16];
        snprintf(body, sizeof body, "%d", i);
        assert_int_equal(life_publish(self.engine, "a", NULL, body), WH_OK);
    }
    life_wait_sent(2 * EVENTS);
    life_wait_idle(self.engine);
    usleep(50000); /* a replay that comes too late would be seen now */
    end(&self);
    life_wait_idle(self.engine);
    assert_int_equal(wh_stop(self.engine, 1000), WH_OK);
    assert_int_equal(fixture_sent_count, 2 * EVENTS);
    life_assert_delivered(self.engine, EVENTS);
    wh_close(self.engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(an_engine_in_memory_is_started_and_stopped_while_others_use_it),
        TEST(so_is_one_on_a_file),
        TEST(stopping_is_quick_while_many_publish),
        TEST(stopping_is_quick_while_rules_are_slow),
        TEST(a_turn_with_slow_rules_is_short),
        TEST(what_hangs_is_waited_for_no_longer_than_the_grace),
        TEST(what_is_answered_within_the_grace_is_not_sent_again),
        TEST(what_was_delivered_is_not_replayed_as_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
