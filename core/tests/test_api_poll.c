/* Unified.to's virtual webhooks at the API: made where a source is, read on a trigger, and what is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"
#include "poll_kit.h"

#define BASIC "\"hook_url\":\"https://example.com/a\",\"connection_id\":\"con\",\"object_type\":\"crm_contact\""
#define CREATED "{" BASIC ",\"event\":\"created\"}"

static int begin(void **state) {
    wh_source source = poll_source(WH_SOURCE_ALL);

    poll_reset();
    api_setup(state);
    return wh_source_add(api_engine, "crm_contact", &source);
}

static int end(void **state) {
    int code = api_teardown(state);

    poll_reset();
    return code;
}

static const char *made(const char *rest, const char *body) {
    static char id[WH_ID_SIZE];
    char target[100];

    snprintf(target, sizeof target, "/unified/webhook%s", rest);
    api_expect(200, "POST", target, api_a, body);
    snprintf(id, sizeof id, "%s", api_member("id"));
    return id;
}

static const char *of(const char *id, const char *rest) {
    static char target[160];

    snprintf(target, sizeof target, "/unified/webhook/%s%s", id, rest);
    return target;
}

static void a_webhook_is_virtual_where_its_objects_can_be_listed(void **state) {
    (void)state;
    made("", CREATED);
    api_has("webhook_type", "virtual");
    made("", "{" BASIC ",\"event\":\"created\",\"webhook_type\":\"native\"}");
    api_has("webhook_type", "native");
    made("", "{\"hook_url\":\"https://e.com/\",\"connection_id\":\"con\",\"object_type\":\"crm_deal\","
             "\"event\":\"created\",\"interval\":60}");
    api_has("webhook_type", "native");
    api_expect(400, "POST", "/unified/webhook", api_a,
               "{\"hook_url\":\"https://e.com/\",\"connection_id\":\"con\",\"object_type\":\"crm_deal\","
               "\"event\":\"created\",\"webhook_type\":\"virtual\"}");
    api_has("field", "webhook_type");
    api_has("message", "webhook_type: expected \"native\": no source lists objects of this object_type");
}

static void a_trigger_reads_and_the_webhook_tells_of_it(void **state) {
    const char *id = made("", "{" BASIC ",\"event\":\"created\",\"interval\":30,\"page_max_limit\":2}");

    (void)state;
    assert_string_equal(api_member("runs"), "[]");
    assert_null(api_member("checked_at"));
    fixture_run(api_engine);
    poll_many(1, 3);
    api_expect(200, "PUT", of(id, "/trigger"), api_a, NULL);
    fixture_run(api_engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}];"
                                        "VIRTUAL [{\"id\":3,\"name\":\"x\"}];");
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("checked_at", "2026-11-18T11:06:40Z");
    assert_has(api_member("runs.0"), "2026-11-18T11:06:40Z ok pages=1 objects=3 sent=3 ");
    assert_has(api_member("runs.1"), "2026-11-18T11:06:40Z ok pages=1 objects=0 sent=0 ");
    assert_null(api_member("runs.2"));
    api_has("is_healthy", "true");
}

static void an_interval_may_change_and_the_kind_may_not(void **state) {
    const char *id = made("", CREATED);
    char target[100];

    (void)state;
    api_expect(200, "PATCH", of(id, ""), api_a, "{\"interval\":5,\"webhook_type\":\"native\"}");
    api_has("webhook_type", "virtual");
    snprintf(target, sizeof target, "/v1/subscriptions/%s", id);
    api_expect(200, "GET", target, api_a, NULL);
    api_has("poll.interval", "300000");
    api_has("poll.type", "crm_contact");
    api_expect(400, "PATCH", of(id, ""), api_a, "{\"object_type\":\"crm_deal\"}");
}

static void with_include_all_what_is_there_comes_first(void **state) {
    (void)state;
    poll_many(1, 2);
    made("?include_all=true", CREATED);
    fixture_run(api_engine);
    assert_string_equal(poll_sent("a"), "INITIAL-COMPLETE [{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}];");
}

static int is_refused(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->code = WH_ESTATUS;
    page->is_refused = 1;
    return 1;
}

static void one_that_may_not_read_is_unhealthy_until_it_is_resumed(void **state) {
    const char *id = made("", CREATED);

    (void)state;
    poll_said.answer = is_refused;
    fixture_run(api_engine);
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "false");
    assert_has(api_member("runs.0"), " failed pages=0 objects=0 sent=0 ");
    poll_said.answer = NULL;
    api_expect(200, "PUT", of(id, "/resume"), api_a, NULL);
    fixture_run(api_engine);
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "true");
    assert_has(api_member("runs.0"), " ok ");
}

static void what_vanishes_in_crowds_is_let_through(void **state) {
    const char *id = made("", "{" BASIC ",\"event\":\"deleted\"}");

    (void)state;
    poll_many(1, 200);
    fixture_run(api_engine);
    for (int i = 1; i <= 150; i++) {
        poll_take(i);
    }
    api_expect(200, "PUT", of(id, "/trigger"), api_a, NULL);
    fixture_run(api_engine);
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    assert_has(api_member("runs.0"), " suspicious pages=1 objects=50 sent=0 gone=150 ");
    api_has("is_healthy", "false");
    assert_int_equal(fixture_sent_count, 0);
    api_expect(200, "PATCH", of(id, "/trigger?confirm=true"), api_a, NULL);
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "true");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_webhook_is_virtual_where_its_objects_can_be_listed, begin, end),
        cmocka_unit_test_setup_teardown(a_trigger_reads_and_the_webhook_tells_of_it, begin, end),
        cmocka_unit_test_setup_teardown(an_interval_may_change_and_the_kind_may_not, begin, end),
        cmocka_unit_test_setup_teardown(with_include_all_what_is_there_comes_first, begin, end),
        cmocka_unit_test_setup_teardown(one_that_may_not_read_is_unhealthy_until_it_is_resumed, begin, end),
        cmocka_unit_test_setup_teardown(what_vanishes_in_crowds_is_let_through, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
