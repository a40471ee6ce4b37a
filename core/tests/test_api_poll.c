/* Unified.to's virtual webhooks at the API: made where a source is, read on a trigger, and what is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <time.h>

#include "api_kit.h"
#include "poll_kit.h"
#include "webhook_sign.h"

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
    api_has("is_healthy", "true");
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

/* ---------------------------------------------------------------------- what it is asked for */

static void a_source_is_asked_for_a_connection_by_filters_and_fields(void **state) {
    (void)state;
    made("", "{" BASIC ",\"event\":\"created\",\"filters\":{\"type\":\"lead\",\"owner_id\":\"\"},"
             "\"fields\":\"id, name(first)\"}");
    fixture_run(api_engine);
    assert_string_equal(poll_said.connection, "con");
    assert_string_equal(poll_said.filters, "{\"type\":\"lead\"}");
    assert_string_equal(poll_said.fields, "id, name(first)");
    assert_int_equal(poll_said.changed_since, 0);
    poll_text("{\"id\":1,\"type\":\"lead\",\"name\":{\"first\":\"Ann\",\"last\":\"B\"}}");
    poll_text("{\"id\":2,\"type\":\"deal\",\"name\":{\"first\":\"Ben\"}}");
    poll_later(api_engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":{\"first\":\"Ann\"}}];");
}

static void what_the_source_had_comes_to_who_names_raw(void **state) {
    (void)state;
    made("", CREATED);
    made("", "{\"hook_url\":\"https://example.com/r\",\"connection_id\":\"con\",\"object_type\":\"crm_contact\","
             "\"event\":\"created\",\"fields\":\"id,raw\"}");
    fixture_subscribe(api_engine,
                      "{\"url\":\"https://example.com/own\",\"tenant\":\"a\",\"source\":\"con\","
                      "\"events\":[\"crm_contact.*\"],\"poll\":{\"type\":\"crm_contact\"}}",
                      NULL);
    fixture_run(api_engine);
    poll_text("{\"id\":1,\"name\":\"Ann\",\"raw\":{\"Id\":\"1\"}}");
    poll_later(api_engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"Ann\"}];");
    assert_string_equal(poll_sent("r"), "VIRTUAL [{\"id\":1,\"raw\":{\"Id\":\"1\"}}];");
    assert_int_equal(fixture_sent_count, 3);
    for (size_t i = 0; i < fixture_sent_count; i++) { /* ours has all of the object */
        if (strcmp(fixture_sent[i].url, "https://example.com/own") == 0) {
            assert_string_equal(fixture_sent[i].body, "[{\"id\":1,\"name\":\"Ann\",\"raw\":{\"Id\":\"1\"}}]");
        }
    }
}

static void without_a_filter_that_is_required_none_is_made(void **state) {
    static const char *const required[] = { "company_id", "list_id", NULL };
    wh_source source = poll_source(WH_SOURCE_ALL);
    const char *id;

    (void)state;
    source.required = required;
    assert_int_equal(wh_source_add(api_engine, "crm_deal", &source), WH_OK);
#define DEAL                                                                                                           \
    "{\"hook_url\":\"https://e.com/\",\"connection_id\":\"con\",\"object_type\":\"crm_deal\",\"event\":\"created\""
    api_expect(400, "POST", "/unified/webhook", api_a, DEAL "}");
    api_has("field", "filters.company_id");
    api_has("message", "filters.company_id: expected a text: objects of this object_type are listed by it");
    api_expect(400, "POST", "/unified/webhook", api_a, DEAL ",\"filters\":{\"company_id\":\"7\",\"list_id\":\"\"}}");
    api_has("field", "filters.list_id");
    made("", DEAL ",\"webhook_type\":\"native\"}");
    id = made("", DEAL ",\"filters\":{\"company_id\":\"7\",\"list_id\":\"8\",\"other\":\"x\"}}");
    api_has("filters.other", "x"); /* of a name that it does not know */
    api_expect(400, "PATCH", of(id, ""), api_a, "{\"filters\":{\"list_id\":\"8\"}}");
    api_has("field", "filters.company_id");
#undef DEAL
}

/* What was in the object before 2024. */
static void what_clients_of_former_years_send_beside_is_ignored(void **state) {
    (void)state;
    made("", "{" BASIC ",\"event\":\"created\",\"events\":[\"updated\"],\"includeRaw\":true,\"subscriptions\":[1]}");
    api_has("event", "created");
    assert_null(api_member("events"));
    assert_null(api_member("includeRaw"));
    assert_null(api_member("subscriptions"));
}

static void a_list_has_a_hundred_webhooks_unless_a_limit_is_said(void **state) {
    (void)state;
    for (int i = 0; i < 101; i++) {
        made("", CREATED);
    }
    api_expect(200, "GET", "/unified/webhook", api_a, NULL);
    assert_non_null(api_member("99.id"));
    assert_null(api_member("100.id"));
    api_expect(200, "GET", "/unified/webhook?limit=101.0&offset=0.0", api_a, NULL);
    assert_non_null(api_member("100.id"));
}

/* ----------------------------------------------------------------------------- when */

static void an_hour_is_between_two_readings_unless_an_interval_is_said(void **state) {
    static const struct {
        const char *interval, *ms;
    } rows[] = {
        { "", "3600000" },
        { ",\"interval\":1", "60000" },
        { ",\"interval\":62.5", "3750000" },
        { ",\"interval\":525600", "31536000000" },
    };
    char target[100];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[300];
        snprintf(body, sizeof body, "{" BASIC ",\"event\":\"created\"%s}", rows[i].interval);
        snprintf(target, sizeof target, "/v1/subscriptions/%s", made("", body));
        api_expect(200, "GET", target, api_a, NULL);
        api_has("poll.interval", rows[i].ms);
    }
    api_expect(400, "POST", "/unified/webhook", api_a, "{" BASIC ",\"event\":\"created\",\"interval\":0}");
    api_has("field", "interval");
    fixture_run(api_engine);
    assert_int_equal(poll_said.asked, 1); /* one reading for all of them */
    atomic_fetch_add(&fixture_time, POLL_MINUTE);
    fixture_run(api_engine);
    assert_int_equal(poll_said.asked, 2); /* as often as the most eager one wants */
}

/* Of one that was made or changed by our own routes, too. */
static void the_webhook_says_how_it_is_read(void **state) {
    char target[100], id[WH_ID_SIZE];

    (void)state;
    api_expect(
        201, "POST", "/v1/subscriptions", api_a,
        "{\"url\":\"https://e.com/\",\"profile\":\"unified\",\"source\":\"con\",\"events\":[\"crm_contact.created\"],"
        "\"poll\":{\"type\":\"crm_contact\",\"interval\":80000,\"limit\":7}}");
    snprintf(id, sizeof id, "%s", api_member("id"));
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("webhook_type", "virtual");
    api_has("interval", "1.333333");
    api_has("page_max_limit", "7");
    api_expect(200, "PUT", of(id, ""), api_a, "{\"interval\":1.333333,\"page_max_limit\":8}"); /* as it was read */
    snprintf(target, sizeof target, "/v1/subscriptions/%s", id);
    api_expect(200, "GET", target, api_a, NULL);
    api_has("poll.interval", "80000");
    api_has("poll.limit", "8");
    api_expect(200, "PATCH", target, api_a, "{\"poll\":{\"type\":\"crm_contact\",\"interval\":600000},\"details\":{}}");
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("interval", "10");
    api_has("webhook_type", "virtual");
}

static void who_is_paused_is_not_read(void **state) {
    const char *id = made("", CREATED);

    (void)state;
    fixture_run(api_engine);
    api_expect(200, "PATCH", of(id, ""), api_a, "{\"is_paused\":true}");
    poll_put(1, "x");
    poll_later(api_engine);
    assert_int_equal(poll_said.asked, 1);
    api_expect(200, "PATCH", of(id, ""), api_a, "{\"is_paused\":false}");
    fixture_run(api_engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"x\"}];");
}

static const char *asks_again, *asks_beside;
static atomic_int asked_beside;

static void list_beside(void *payload, const wh_source_query *query, wh_source_call *call) {
    const wh_source_page page = { .size = sizeof page, .items = "[]", .items_size = 2, .retry_after = -1 };

    (void)payload;
    (void)query;
    atomic_fetch_add(&asked_beside, 1);
    call->answer(call, &page);
}

/* Whoever begins to read the other one has seen both wishes: this one's while it is read. */
static int asks_while_it_is_read(const wh_source_query *query, wh_source_page *page) {
    const struct timespec pause = { 0, 1000000 };
    const char *id = asks_again;
    int failed;

    (void)query;
    (void)page;
    asks_again = NULL;
    if (id == NULL) {
        return 0; /* the page is as usual */
    }
    atomic_store(&asked_beside, 0);
    failed = wh_poll_now(api_engine, id, 0) != WH_OK || wh_poll_now(api_engine, asks_beside, 0) != WH_OK;
    for (int i = 0; i < 30000 && !failed && atomic_load(&asked_beside) == 0; i++) {
        nanosleep(&pause, NULL);
    }
    return failed;
}

static void a_trigger_during_a_reading_is_for_one_behind_it(void **state) {
    wh_source beside = { .size = sizeof beside, .can = WH_SOURCE_ALL, .list = list_beside };
    char other[WH_ID_SIZE];
    const char *id;

    (void)state;
    assert_int_equal(wh_source_add(api_engine, "crm_deal", &beside), WH_OK);
    snprintf(other, sizeof other, "%s",
             made("", "{\"hook_url\":\"https://example.com/b\",\"connection_id\":\"con\","
                      "\"object_type\":\"crm_deal\",\"event\":\"created\"}"));
    asks_beside = other;
    id = made("", CREATED);
    fixture_run(api_engine);
    asks_again = id;
    poll_said.answer = asks_while_it_is_read;
    api_expect(200, "PATCH", of(id, "/trigger"), api_a, NULL);
    fixture_run(api_engine);
    assert_null(asks_again);
    assert_int_equal(asked_beside, 1);
    assert_int_equal(poll_said.asked, 3);
}

static int is_down(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->code = WH_ESTATUS;
    page->error = "answered 503";
    return 1;
}

static void checked_at_is_when_the_last_reading_that_succeeded_began(void **state) {
    const char *id = made("", CREATED);

    (void)state;
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    assert_null(api_member("checked_at"));
    fixture_run(api_engine);
    poll_said.answer = is_down;
    poll_later(api_engine);
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("checked_at", "2026-11-18T11:06:40Z");
    api_has("is_healthy", "true"); /* it is tried again */
    assert_has(api_member("runs.0"), "2026-11-18T12:07:40Z failed pages=0 objects=0 sent=0 ");
    assert_has(api_member("runs.0"), " read: answered 503");
    poll_said.answer = NULL;
    atomic_fetch_add(&fixture_time, POLL_MINUTE);
    fixture_run(api_engine);
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("checked_at", "2026-11-18T12:07:40Z"); /* what failed has gone on at its page */
}

static int third_page_is_refused(const wh_source_query *query, wh_source_page *page) {
    if (query->page == NULL || strcmp(query->page, "4") != 0) {
        return 0;
    }
    page->code = WH_ESTATUS;
    page->is_refused = 1;
    return 1;
}

/* The vendor's ends after seven days, and may send again. */
static void a_resume_goes_on_where_it_stopped_however_long_ago(void **state) {
    const char *id;

    (void)state;
    poll_said.page = 2;
    poll_many(1, 5);
    poll_said.answer = third_page_is_refused;
    id = made("?include_all=true", CREATED);
    fixture_run(api_engine);
    for (int day = 0; day < 30; day++) {
        atomic_fetch_add(&fixture_time, 24 * 60 * POLL_MINUTE);
        fixture_run(api_engine);
    }
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "false");
    poll_said.answer = NULL;
    api_expect(200, "PUT", of(id, "/resume"), api_a, NULL);
    fixture_run(api_engine);
    assert_string_equal(poll_sent("a"), "INITIAL-PARTIAL [{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}];"
                                        "INITIAL-PARTIAL [{\"id\":3,\"name\":\"x\"},{\"id\":4,\"name\":\"x\"}];"
                                        "INITIAL-COMPLETE [{\"id\":5,\"name\":\"x\"}];");
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "true");
}

/* As if it had never failed: the next failure is the first one. */
static void a_resume_forgets_what_has_failed(void **state) {
    const char *id = made("", CREATED);

    (void)state;
    poll_said.answer = is_down;
    for (int i = 0; i <= 20; i++) {
        atomic_fetch_add(&fixture_time, 11000 * POLL_MINUTE);
        fixture_run(api_engine);
    }
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "false");
    api_expect(200, "PATCH", of(id, "/resume"), api_a, NULL);
    api_has("is_healthy", "true");
    fixture_run(api_engine);
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "true");
}

/* --------------------------------------------------------------------------- what is sent */

static void what_is_sent_has_its_webhook_and_verifies(void **state) {
    char id[WH_ID_SIZE], target[100], secret[WH_SECRET_SIZE], *part;
    const char *const secrets[] = { secret };
    wh_verify_options options = WH_VERIFY_INIT;
    const sent *request;

    (void)state;
    snprintf(id, sizeof id, "%s", made("", "{" BASIC ",\"event\":\"updated\",\"interval\":5,\"meta\":{\"a\":1}}"));
    snprintf(target, sizeof target, "/v1/subscriptions/%s", id);
    api_expect(200, "PATCH", target, api_a, "{\"details\":{\"external_xref\":\"user-7\"}}");
    assert_int_equal(wh_tenant_secret(api_engine, "a", NULL, secret), WH_OK);
    poll_put(1, "x");
    fixture_run(api_engine);
    poll_put(1, "y");
    poll_later(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    request = &fixture_sent[0];
    assert_string_equal(fixture_header(request, "Content-Type"), "application/json");
    part = strstr(request->body, "\"webhook\":");
    assert_memory_equal(request->body, "{\"data\":[{\"id\":1,\"name\":\"y\"}],", 30);
    assert_non_null(part);
    assert_has(part, id);
    assert_has(part, "\"connection_id\":\"con\",\"object_type\":\"crm_contact\",\"event\":\"updated\"");
    assert_has(part, "\"webhook_type\":\"virtual\"");
    assert_has(part, "\"interval\":5");
    assert_has(part, "\"nonce\":\"");
    assert_has(part, "\"sig256\":\"");
    assert_has(part, "\"sig\":\"");
    assert_has(part, "\"type\":\"VIRTUAL\"");
    assert_has(part, "\"external_xref\":\"user-7\"");
    assert_null(fixture_header(request, "x-unified-signature")); /* nothing of the vendor's tells of one */
    options.format = "unified";
    options.now = request->at;
    assert_int_equal(wh_verify_as(&options, secrets, 1, NULL, 0, request->body, request->body_size, NULL), WH_OK);
    strstr(request->body, "\"y\"")[1] = 'z';
    assert_int_equal(wh_verify_as(&options, secrets, 1, NULL, 0, request->body, request->body_size, NULL),
                     WH_ESIG_MISMATCH);
}

static void what_was_read_is_sent_again_after_fibonaccis_minutes(void **state) {
    static const int minutes[] = { 1,   2,   3,   5,   8,   13,   21,   34,   55,   89,
                                   144, 233, 377, 610, 987, 1597, 2584, 4181, 6765, 10946 };
    const char *id = made("", "{" BASIC ",\"event\":\"created\",\"interval\":525600}");

    (void)state;
    fixture_run(api_engine);
    poll_put(1, "x");
    fixture_script.status = 500;
    api_expect(200, "PUT", of(id, "/trigger"), api_a, NULL);
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    for (size_t i = 0; i < 20; i++) {
        api_expect(200, "GET", of(id, ""), api_a, NULL);
        api_has("is_healthy", "true");
        atomic_fetch_add(&fixture_time, minutes[i] * POLL_MINUTE - 1000);
        fixture_run(api_engine);
        assert_int_equal(fixture_sent_count, i + 1);
        atomic_fetch_add(&fixture_time, 1000 + minutes[i] * POLL_MINUTE / 10); /* chance adds up to a tenth */
        fixture_run(api_engine);
        assert_int_equal(fixture_sent_count, i + 2);
    }
    api_expect(200, "GET", of(id, ""), api_a, NULL);
    api_has("is_healthy", "false");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_webhook_is_virtual_where_its_objects_can_be_listed, begin, end),
        cmocka_unit_test_setup_teardown(a_trigger_reads_and_the_webhook_tells_of_it, begin, end),
        cmocka_unit_test_setup_teardown(an_interval_may_change_and_the_kind_may_not, begin, end),
        cmocka_unit_test_setup_teardown(with_include_all_what_is_there_comes_first, begin, end),
        cmocka_unit_test_setup_teardown(one_that_may_not_read_is_unhealthy_until_it_is_resumed, begin, end),
        cmocka_unit_test_setup_teardown(what_vanishes_in_crowds_is_let_through, begin, end),
        cmocka_unit_test_setup_teardown(a_source_is_asked_for_a_connection_by_filters_and_fields, begin, end),
        cmocka_unit_test_setup_teardown(what_the_source_had_comes_to_who_names_raw, begin, end),
        cmocka_unit_test_setup_teardown(without_a_filter_that_is_required_none_is_made, begin, end),
        cmocka_unit_test_setup_teardown(what_clients_of_former_years_send_beside_is_ignored, begin, end),
        cmocka_unit_test_setup_teardown(a_list_has_a_hundred_webhooks_unless_a_limit_is_said, begin, end),
        cmocka_unit_test_setup_teardown(an_hour_is_between_two_readings_unless_an_interval_is_said, begin, end),
        cmocka_unit_test_setup_teardown(the_webhook_says_how_it_is_read, begin, end),
        cmocka_unit_test_setup_teardown(who_is_paused_is_not_read, begin, end),
        cmocka_unit_test_setup_teardown(a_trigger_during_a_reading_is_for_one_behind_it, begin, end),
        cmocka_unit_test_setup_teardown(checked_at_is_when_the_last_reading_that_succeeded_began, begin, end),
        cmocka_unit_test_setup_teardown(a_resume_goes_on_where_it_stopped_however_long_ago, begin, end),
        cmocka_unit_test_setup_teardown(a_resume_forgets_what_has_failed, begin, end),
        cmocka_unit_test_setup_teardown(what_is_sent_has_its_webhook_and_verifies, begin, end),
        cmocka_unit_test_setup_teardown(what_was_read_is_sent_again_after_fibonaccis_minutes, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
