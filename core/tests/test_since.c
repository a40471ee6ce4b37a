/* Subscriptions that are made with what is stored. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "fake_rules.h"
#include "fault.h"
#include "life_kit.h"

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

static void publish_as(const char *event, const char *tenant, const char *type, const char *payload) {
    wh_event made = WH_EVENT_INIT;

    made.id = event;
    made.tenant = tenant;
    made.type = type;
    made.payload = payload;
    made.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &made, NULL), WH_OK);
}

static void publish_numbers(int from, int count) {
    char payload[24];

    for (int i = from; i < from + count; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        publish_as(NULL, NULL, "a", payload);
    }
}

static int subscribe(const char *document, int64_t since, const char *event, int dry_run, int64_t *count) {
    wh_query query = WH_QUERY_INIT;

    query.since = since;
    query.event = event;
    *count = -1;
    return wh_subscribe_since(engine, document, WH_ZSTR, &query, dry_run, id, count);
}

/* Also a time of the fixture's beginning. */
static int64_t all(const char *document, int dry_run) {
    int64_t count;

    assert_int_equal(subscribe(document, atomic_load(&fixture_time) - INT64_C(864000000), NULL, dry_run, &count),
                     WH_OK);
    return count;
}

static size_t subscriptions(void) {
    wh_query query = WH_QUERY_INIT;
    char *page = DOCUMENT(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size));
    size_t count = 0;

    for (const char *at = page; (at = strstr(at, "\"url\"")) != NULL; at++) {
        count++;
    }
    wh_free(page);
    return count;
}

static void assert_document(const char *part) {
    char *text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));

    assert_has(text, part);
    wh_free(text);
}

static void assert_sent_ascend(size_t count) {
    assert_int_equal(fixture_count(), count);
    for (size_t i = 1; i < count; i++) {
        if (atol(fixture_sent[i - 1].body) >= atol(fixture_sent[i].body)) {
            fail_msg("%s before %s", fixture_sent[i - 1].body, fixture_sent[i].body);
        }
    }
}

static void it_gets_what_is_stored_once_and_what_is_new(void **state) {
    (void)state;
    publish_numbers(1, 5);
    fixture_run(engine);
    assert_int_equal(all("{" URL "}", 1), 5);
    assert_int_equal(subscriptions(), 0);
    assert_int_equal(fixture_count(), 0);
    assert_int_equal(all("{" URL "}", 0), 5);
    publish_numbers(6, 2);
    fixture_run(engine);
    life_assert_delivered(engine, 7);
    assert_document("\"paused\":false");
    assert_int_equal(wh_replay_missed(engine, id, NULL, 1, NULL), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_count(), 7);
}

static void with_an_order_what_is_old_goes_before_what_is_new(void **state) {
    (void)state;
    publish_numbers(100, 600); /* several pages */
    fixture_run(engine);
    assert_int_equal(all("{" URL ",\"order\":\"fifo\"}", 0), 600);
    assert_document("\"paused\":false");
    publish_numbers(700, 20);
    fixture_run(engine);
    assert_sent_ascend(620);
}

typedef struct publisher {
    pthread_t thread;
    atomic_int stop;
    int count;
} publisher;

static void *keep_publishing(void *payload) {
    publisher *self = payload;
    char text[24];

    while (!atomic_load(&self->stop) && self->count < 2000) {
        snprintf(text, sizeof text, "%d", 10000 + self->count++);
        (void)life_publish(engine, "a", NULL, text);
    }
    return NULL;
}

/* Nobody knows where among them the subscription comes: none is lost, none comes twice, and they ascend. */
static void so_it_is_while_others_publish(void **state) {
    publisher self = { .stop = 0 };

    (void)state;
    publish_numbers(1000, 300);
    fixture_run(engine);
    assert_int_equal(pthread_create(&self.thread, NULL, keep_publishing, &self), 0);
    assert_true(all("{" URL ",\"order\":\"fifo\"}", 0) >= 300);
    atomic_store(&self.stop, 1);
    pthread_join(self.thread, NULL);
    fixture_run(engine);
    assert_sent_ascend(300 + (size_t)self.count);
}

/* What came while it held has rows already when what is older gets its own. */
static void what_is_older_goes_before_what_was_held(void **state) {
    int64_t count = 0;

    (void)state;
    publish_numbers(1, 3);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"paused\":\"hold\"}", id);
    publish_numbers(4, 2);
    fixture_run(engine);
    assert_int_equal(wh_replay_missed(engine, id, NULL, 0, &count), WH_OK);
    assert_int_equal(count, 3);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_sent_ascend(5);
}

/* While the engine works, and not only before and after. */
static void so_it_is_while_it_delivers(void **state) {
    publisher self = { .stop = 0 };

    (void)state;
    publish_numbers(1000, 3000);
    fixture_run(engine);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    assert_int_equal(pthread_create(&self.thread, NULL, keep_publishing, &self), 0);
    (void)all("{" URL ",\"order\":\"fifo\"}", 0);
    atomic_store(&self.stop, 1);
    pthread_join(self.thread, NULL);
    assert_int_equal(wh_stop(engine, 5000), WH_OK);
    fixture_run(engine);
    assert_sent_ascend(3000 + (size_t)self.count);
}

static void its_patterns_filters_and_rule_decide(void **state) {
    (void)state;
    publish_as(NULL, NULL, "a", "{\"n\":1}");
    publish_as(NULL, NULL, "b", "{\"n\":1}");
    publish_as(NULL, NULL, "a", "{\"n\":2}");
    publish_as(NULL, "acme", "a", "{\"n\":1}");
    fixture_run(engine);
    assert_int_equal(all("{" URL ",\"events\":[\"a\"],\"filters\":{\"n\":1},\"rule\":\"project 5\"}", 0), 1);
    fixture_run(engine);
    assert_int_equal(fixture_count(), 1);
    assert_string_equal(fixture_sent[0].body, "5");
}

static void it_begins_at_a_time_or_with_an_event(void **state) {
    int64_t count, then;

    (void)state;
    publish_numbers(1, 3);
    fixture_run(engine);
    atomic_fetch_add(&fixture_time, 5000);
    then = atomic_load(&fixture_time);
    publish_as("four", NULL, "a", "4");
    publish_as("five", NULL, "a", "5");
    publish_as("four", "acme", "a", "6");
    fixture_run(engine);
    assert_int_equal(subscribe("{" URL "}", then, NULL, 1, &count), WH_OK);
    assert_int_equal(count, 2);
    assert_int_equal(subscribe("{" URL "}", 0, "five", 1, &count), WH_OK);
    assert_int_equal(count, 1);
    assert_int_equal(subscribe("{" URL "}", 0, "four", 0, &count), WH_OK);
    assert_int_equal(count, 2);
    fixture_run(engine);
    assert_int_equal(fixture_count(), 2);
    assert_int_equal(subscribe("{" URL ",\"tenant\":\"acme\"}", 0, "four", 0, &count), WH_OK);
    assert_int_equal(count, 1);
}

static void what_is_paused_stays_so(void **state) {
    (void)state;
    publish_numbers(1, 2);
    fixture_run(engine);
    assert_int_equal(all("{" URL ",\"order\":\"fifo\",\"paused\":true}", 0), 2);
    assert_document("\"paused\":true");
    assert_int_equal(all("{" URL ",\"order\":\"fifo\",\"paused\":\"hold\"}", 0), 2);
    assert_document("\"paused\":\"hold\"");
    publish_numbers(3, 1);
    fixture_run(engine);
    assert_int_equal(fixture_count(), 0);
    assert_int_equal(life_states(engine, "waiting"), 2 + 3);
}

static void refuse(const char *document, int64_t since, const char *event, int code, const char *field) {
    for (int dry_run = 0; dry_run < 2; dry_run++) {
        int64_t count;

        assert_int_equal(subscribe(document, since, event, dry_run, &count), code);
        assert_string_equal(wh_last_error_field(), field);
        assert_int_equal(count, dry_run ? 0 : count);
    }
    assert_int_equal(subscriptions(), 0);
}

static void what_is_wrong_makes_no_subscription(void **state) {
    int64_t now = atomic_load(&fixture_time);
    wh_query query = WH_QUERY_INIT;

    (void)state;
    publish_as("one", NULL, "a", "1");
    fixture_run(engine);
    refuse("{" URL ",\"single_use\":true}", now, NULL, WH_EINVALID, "single_use");
    refuse("{\"url\":\"ftp://example.com\"}", now, NULL, WH_EINVALID, "url");
    refuse("{" URL "}", 0, NULL, WH_EINVALID, "since");
    refuse("{" URL "}", now, "one", WH_EINVALID, "since");
    refuse("{" URL "}", 17, NULL, WH_EINVALID, "since");
    refuse("{" URL "}", 0, "two", WH_ENOTFOUND, "event");
    refuse("{" URL ",\"tenant\":\"acme\"}", 0, "one", WH_ENOTFOUND, "event");
    query.since = now;
    query.until = now;
    assert_int_equal(wh_subscribe_since(engine, "{" URL "}", WH_ZSTR, &query, 1, NULL, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "until");
    assert_int_equal(wh_subscribe_since(engine, NULL, 0, &query, 0, NULL, NULL), WH_EINVALID);
    assert_int_equal(wh_subscribe_since(NULL, "{" URL "}", WH_ZSTR, &query, 0, NULL, NULL), WH_EINVALID);
}

/* Whatever allocation fails: there is the subscription with all, or none. */
static void what_fails_on_the_way_leaves_no_subscription(void **state) {
    size_t before = 0;
    int failed = 1;

    (void)state;
    publish_numbers(1, 3);
    fixture_run(engine);
    for (long n = 0; failed; n++) {
        int64_t count;
        int code;

        fault_set(n);
        code = subscribe("{" URL ",\"order\":\"fifo\"}", atomic_load(&fixture_time) - 1000, NULL, 0, &count);
        failed = fault_clear();
        if (code == WH_OK) { /* also where what failed was to be made up for */
            fixture_run(engine);
            assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
            assert_int_equal(fixture_count(), before + 3);
            before = fixture_count();
        } else {
            assert_int_equal(code, WH_ENOMEM);
        }
        assert_int_equal(subscriptions(), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(it_gets_what_is_stored_once_and_what_is_new),
        TEST(with_an_order_what_is_old_goes_before_what_is_new),
        TEST(so_it_is_while_others_publish),
        TEST(what_is_older_goes_before_what_was_held),
        TEST(so_it_is_while_it_delivers),
        TEST(its_patterns_filters_and_rule_decide),
        TEST(it_begins_at_a_time_or_with_an_event),
        TEST(what_is_paused_stays_so),
        TEST(what_is_wrong_makes_no_subscription),
        TEST(what_fails_on_the_way_leaves_no_subscription),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
