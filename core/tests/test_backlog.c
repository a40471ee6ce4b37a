/* What waits for databases, for which a fake stands, as it is told. Covers calls/backlog.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calls/insight.h"
#include "engine_fixture.h"
#include "fake_destination.h"
#include "insides.h"

static wh_engine *engine;

static int begin(void **state) {
    fixture_setup(state);
    fake_reset();
    engine = fixture_open(":memory:", NULL);
    engine->destinations = &fake_destinations;
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    return 0;
}

static void publish(int number) {
    char payload[64];

    snprintf(payload, sizeof payload, "{\"id\":\"%d\"}", number);
    fixture_publish(engine, "crm_contact.updated", payload, NULL);
}

static void all_again(const whi_object *object, whi_object_result *result) {
    (void)object;
    result->outcome = WHI_OBJECT_AGAIN;
}

static void subscribe_prefixed(const char *prefix, const char *path) {
    char text[256];

    snprintf(text, sizeof text,
             "{\"url\":\"postgresql://u:s3cret@db.example/%s\",\"database\":{\"prefix\":\"%s\"},\"retry\":[0,100000]}",
             path, prefix);
    fixture_subscribe(engine, text, NULL);
}

/* By its URL, of all that go there; what went long ago is no part of it. */
static void what_waits_for_each_database_is_told(void **state) {
    whi_buf buf;
    char *text;

    (void)state;
    subscribe_prefixed("a_", "app");
    publish(1);
    fixture_run(engine);
    text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));
    assert_has(text, "\"backlogs\":[]");
    wh_free(text);

    fixture_time += 1000;
    fake_db.judge = all_again;
    publish(2);
    fixture_run(engine);
    subscribe_prefixed("b_", "app");
    subscribe_prefixed("c_", "other");
    fixture_time += 2000;
    publish(3);
    fixture_run(engine);
    fixture_time += 3000;
    text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));
    assert_has(text,
               "\"backlogs\":[{\"url\":\"postgresql://u:***@db.example/app\",\"waiting\":3,\"oldest_waiting_at\":\"");
    assert_has(text, "\"lag_seconds\":5},{\"url\":\"postgresql://u:***@db.example/other\",\"waiting\":1,");
    assert_has(text, "\"lag_seconds\":3}]");
    wh_free(text);

    whi_buf_init(&buf, 65536);
    assert_int_equal(whi_insight_measure(engine, &buf), WH_OK);
    whi_buf_char(&buf, '\0');
    assert_has(buf.data, "\nwebhook_backlog_deliveries{url=\"postgresql://u:***@db.example/app\"} 3\n");
    assert_has(buf.data, "\nwebhook_backlog_lag_seconds{url=\"postgresql://u:***@db.example/other\"} 3\n");
    whi_buf_free(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_waits_for_each_database_is_told, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
