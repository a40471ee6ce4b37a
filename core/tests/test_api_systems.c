/* The API and the engine for every system of the list, whichever they are: the same program runs
 * on the list with one more (fifth/). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"
#include "faces/api.h"
#include "pure/delivery.h"
#include "samples.h"
#include "systems/check.h"
#include "systems/envelope.h"
#include "systems/registry.h"

#define SECRET "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" /* a text that every system takes for one */
#define PAYLOAD "{\"id\":\"r\", \"account\":7,\"n\":1.10}"

/* ------------------------------------------------------------------- the routes by their handlers */

static const whi_route *route_of(const whi_system *system, const char *handler) {
    const whi_route *route = system->routes;

    while (route->method != NULL && strcmp(route->handler, handler) != 0) {
        route++;
    }
    assert_non_null(route->method);
    return route;
}

/* Asks for it as tenant "a" or another, with the id in place of {id}. */
static int ask_as(const char *token, const whi_system *system, const char *handler, int64_t number, const char *body) {
    const whi_route *route = route_of(system, handler);
    char id[WH_ID_SIZE], target[256];
    size_t size = strcspn(route->path, "{");

    system->ident(number, id);
    snprintf(target, sizeof target, "%.*s%s", (int)size, route->path, route->path[size] == '{' ? id : "");
    return api_send(route->method, target, token, body);
}

static int ask(const whi_system *system, const char *handler, int64_t number, const char *body) {
    return ask_as(api_a, system, handler, number, body);
}

static const char *least(size_t i) {
    static char text[512];

    snprintf(text, sizeof text, "{%s}", sample_at(i)->least);
    return text;
}

static whi_registration *newest(void) {
    whi_page page = { 0, 1, 0, 1 };
    whi_registration *found;
    size_t count;

    assert_int_equal(whi_registry_sync(api_engine->registry), WH_OK);
    assert_int_equal(whi_registry_page(api_engine->registry, NULL, &page, &found, &count, NULL), WH_OK);
    assert_int_equal(count, 1);
    return found;
}

/* Makes one of tenant "a"; its number. */
static int64_t make(const whi_system *system, size_t i) {
    whi_registration *made;
    int64_t number;
    int status = ask(system, "make", 1, least(i));

    if (status != 200 && status != 201) {
        fail_msg("%s: %d %s", system->name, status, api_text);
    }
    made = newest();
    number = made->subscription->id;
    assert_ptr_equal(made->subscription->system, system);
    assert_string_equal(made->subscription->tenant, "a");
    whi_registration_unref(made);
    return number;
}

static void update(int64_t number, const char *document) {
    char id[WH_ID_SIZE];

    whi_ident_format("sub_", number, id);
    assert_int_equal(wh_subscription_update(api_engine, id, document, WH_ZSTR), WH_OK);
}

static void remove_it(const whi_system *system, int64_t number) {
    int status = ask(system, "remove", number, NULL);

    assert_true(status == 200 || status == 204);
}

/* ------------------------------------------------------------------- objects */

static void every_route_has_its_handler(void **state) {
    whi_api_route route;
    size_t i = 0;

    (void)state;
    for (; whi_api_route_at(i, &route); i++) {
        if (route.run == NULL) {
            fail_msg("%s %s: no handler", route.method, route.path);
        }
        assert_ptr_equal(whi_api_route_system(route.path), route.system);
    }
    assert_true(i > 40);
}

static void a_webhook_is_made_read_listed_changed_and_removed(void **state) {
    const whi_system *system;
    char id[WH_ID_SIZE];

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int64_t number = make(system, i);
        system->ident(number, id);
        assert_int_equal(ask(system, "get", number, NULL), 200);
        assert_non_null(strstr(api_text, "https://example.com/h"));
        assert_non_null(strstr(api_text, id));
        assert_null(strstr(api_text, "whsec_"));
        assert_int_equal(ask(system, "list", number, NULL), 200);
        assert_non_null(strstr(api_text, id));
        assert_int_equal(ask(system, "change", number, least(i)), 200);
        remove_it(system, number);
        assert_int_equal(ask(system, "get", number, NULL), 404);
    }
}

/* By whichever route they ask. */
static void another_tenant_sees_and_changes_nothing(void **state) {
    static const char *const handlers[] = { "get", "change", "remove" };
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int64_t number = make(system, i);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(ask_as(api_b, system, handlers[k], number, least(i)), 404);
        }
        assert_int_equal(ask_as(api_b, system, "list", number, NULL), 200);
        assert_null(strstr(api_text, "https://example.com/h"));
        assert_int_equal(ask(system, "get", number, NULL), 200);
        remove_it(system, number);
    }
}

/* The status, and the webhook is there or not. */
static void is_answered(int status, const char *token, const whi_system *system, const char *rest, int64_t number,
                        int is_there) {
    const whi_route *route = route_of(system, rest[0] == '{' ? "get" : "list");
    char id[WH_ID_SIZE], target[256];

    system->ident(number, id);
    snprintf(target, sizeof target, "%.*s%s%s", (int)strcspn(route->path, "{"), route->path, rest[0] == '{' ? id : "",
             rest + (rest[0] == '{'));
    api_expect(status, "GET", target, token, NULL);
    assert_int_equal(strstr(api_text, "https://example.com/h") != NULL, is_there);
}

/* A client of one system sees, and reaches, nothing of another's; an operator may. Our own documents
 * tell of all. */
static void what_one_system_made_no_other_shows_or_reaches(void **state) {
    static const char *const handlers[] = { "get", "change", "remove" };
    const whi_system *system, *other;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int64_t number = make(system, i);
        for (size_t k = 0; (other = whi_system_at(k)) != NULL; k++) {
            int sees = other == system || other->fields == NULL;
            is_answered(sees ? 200 : 404, api_a, other, "{", number, sees);
            is_answered(200, api_a, other, "", number, sees);
            for (size_t m = 0; m < 3 && !sees; m++) {
                assert_int_equal(ask(other, handlers[m], number, least(k)), 404);
            }
            if (other->fields != NULL) {
                is_answered(403, api_a, other, "?all=true", number, 0);
                is_answered(200, api_operator, other, "?all=true", number, 1);
                is_answered(200, api_operator, other, "{?all=true", number, 1);
                is_answered(200, api_operator, other, "?all=false", number, sees);
            }
        }
        remove_it(system, number);
    }
}

/* Clients whose numbers are floats write 2.0, and some 2e0. */
static void a_whole_number_of_a_query_is_an_integer_however_it_is_written(void **state) {
    static const char *const good[] = { "1", "2.0", "1e1", "1000.000", "0.5E1", "1001", "1e30" };
    static const char *const bad[] = { "0", "0.0", "-1", "1.5", "1e-1", "2.", "1e", ".5", "0x1", "%201", "1,0" };
    static const char *const lists[] = { "/v1/subscriptions", "/v1/events", "/v1/deliveries",       "/unified/webhook",
                                         "/webhook",          "/webhooks",  "/log?log_type=webhook" };
    char target[128];

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char mark = strchr(lists[i], '?') != NULL ? '&' : '?';
        for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
            snprintf(target, sizeof target, "%s%climit=%s", lists[i], mark, good[k]);
            api_expect(200, "GET", target, api_a, NULL);
        }
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            snprintf(target, sizeof target, "%s%climit=%s", lists[i], mark, bad[k]);
            api_expect(400, "GET", target, api_a, NULL);
            assert_non_null(strstr(api_text, "limit: expected an integer of 1 to 1"));
        }
    }
    api_expect(200, "GET", "/webhooks?limit=5000.0&offset=2e0", api_a, NULL);
    api_has("limit", "1000"); /* the most that there is */
    api_has("offset", "2");
    api_expect(200, "GET", "/v1/events?since=1795000002000.0", api_a, NULL);
    api_expect(400, "GET", "/v1/events?since=1795000002000.5", api_a, NULL);
}

static void errors_have_the_systems_shape_and_challenge(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        assert_int_equal(ask(system, "make", 1, "{}"), 400); /* api_send looks at the shape */
        assert_int_equal(ask(system, "make", 1, "[]"), 400);
        assert_int_equal(ask(system, "get", 4711, NULL), 404);
        assert_int_equal(ask_as(NULL, system, "list", 1, NULL), 401);
        assert_memory_equal(api_header("WWW-Authenticate"), system->challenge, strlen(system->challenge));
    }
}

static void routes_are_found_behind_the_systems_prefix_alone(void **state) {
    const whi_system *system, *other;
    char target[256];

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        for (size_t k = 0; (other = whi_system_at(k)) != NULL; k++) {
            if (other->prefix != NULL) {
                snprintf(target, sizeof target, "/%s%s", other->prefix, route_of(system, "list")->path);
                api_expect(other == system ? 200 : 404, "GET", target, api_a, NULL);
            }
        }
    }
}

/* ------------------------------------------------------------------- deliveries */

static size_t before; /* requests that were sent before */

/* The receiver answers this from now on. */
static void begin(int status) {
    before = fixture_sent_count;
    fixture_script.status = status;
}

static size_t sent_count(void) {
    return fixture_sent_count - before;
}

static const sent *sent_at(size_t i) {
    return &fixture_sent[before + i];
}

/* As from the connection "c", for those who take nothing else. */
static void publish(const char *type) {
    wh_event event = WH_EVENT_INIT;

    event.type = type;
    event.tenant = "a";
    event.source = "c";
    event.payload = PAYLOAD;
    event.payload_size = strlen(PAYLOAD);
    assert_int_equal(wh_publish(api_engine, &event, NULL), WH_OK);
}

static void send_all(void) {
    fixture_run(api_engine);
    atomic_fetch_add(&fixture_time, INT64_C(30) * 24 * 3600 * 1000); /* whatever waits is due */
    fixture_run(api_engine);
}

/* The request verifies with this secret, under this name; the signature under no other. */
static void verifies(const whi_system *system, const sent *request, const char *secret) {
    wh_verify_options options = WH_VERIFY_INIT;
    wh_header headers[WHI_REQUEST_LINES];
    char names[WHI_REQUEST_LINES][128];
    const char *found = NULL;

    for (size_t i = 0; i < request->line_count; i++) {
        snprintf(names[i], sizeof names[i], "%.*s", (int)strcspn(request->lines[i], ":"), request->lines[i]);
        headers[i] = (wh_header){ names[i], request->lines[i] + strlen(names[i]) + 2 };
    }
    options.format = system->name;
    options.now = request->at;
    if (wh_verify_as(&options, &secret, 1, headers, request->line_count, request->body, request->body_size, &found) !=
        WH_OK) {
        fail_msg("%s: %s: %s", system->name, wh_last_error(), request->body);
    }
    assert_string_equal(found, system->name);
    secret = "TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_int_equal(
        wh_verify_as(&options, &secret, 1, headers, request->line_count, request->body, request->body_size, NULL),
        WH_ESIG_MISMATCH);
}

static void what_is_sent_verifies_at_each_attempt(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int64_t number = make(system, i);
        update(number, "{\"secrets\":[\"" SECRET "\"],\"data\":\"exact\"}");
        begin(500);
        publish(sample_at(i)->type);
        send_all();
        assert_true(sent_count() >= 2);
        for (size_t k = 0; k < sent_count(); k++) {
            verifies(system, sent_at(k), SECRET);
            assert_string_equal(sent_at(k)->body, sent_at(0)->body);
            assert_non_null(strstr(sent_at(k)->body, PAYLOAD));
            assert_string_equal(fixture_header(sent_at(k), "Content-Type"), "application/json");
            if (system->agent != NULL) {
                assert_string_equal(fixture_header(sent_at(k), "User-Agent"), system->agent + 12);
            }
        }
        remove_it(system, number);
    }
}

static void without_a_secret_goes_who_may(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int64_t number = make(system, i);
        whi_registration *made = newest();
        assert_int_equal(made->subscription->secret_count, system->asks & WHI_MAY_GO_UNSIGNED ? 0 : 1);
        whi_registration_unref(made);
        remove_it(system, number);
    }
}

/* The system's own way of drawing it is that of its check. */
static void a_tenants_secret_is_that_of_all_its_subscriptions(void **state) {
    char secret[WH_SECRET_SIZE];
    const whi_system *system;

    (void)state;
    assert_int_equal(wh_tenant_secret(api_engine, "a", NULL, secret), WH_OK);
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int of_tenant = (system->asks & WHI_SECRET_OF_TENANT) != 0;
        int64_t number = make(system, i);
        whi_registration *made = newest();
        const char *first = made->subscription->secret_count > 0 ? made->subscription->secrets[0] : "";
        assert_int_equal(strcmp(first, secret) == 0, of_tenant);
        whi_registration_unref(made);
        assert_int_equal(wh_tenant_secret(api_engine, "a", SECRET, NULL), WH_OK);
        made = newest();
        first = made->subscription->secret_count > 0 ? made->subscription->secrets[0] : "";
        assert_int_equal(strcmp(first, SECRET) == 0, of_tenant);
        whi_registration_unref(made);
        assert_int_equal(wh_tenant_secret(api_engine, "a", secret, NULL), WH_OK);
        remove_it(system, number);
    }
}

/* A mask that fits nothing leaves nothing: of the body, or of the data in its envelope. */
static void fields_are_a_mask_of_the_body_or_of_the_data(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int all = system->asks & WHI_MASKS_ENVELOPE || system->body == NULL;
        int64_t number = make(system, i);
        update(number, "{\"fields\":\"nothing\"}");
        begin(200);
        publish(sample_at(i)->type);
        send_all();
        assert_int_equal(sent_count(), 1);
        assert_null(strstr(sent_at(0)->body, "1.10"));
        assert_int_equal(strcmp(sent_at(0)->body, "{}") == 0, all);
        remove_it(system, number);
    }
}

/* And not of the data first. */
static void a_mask_of_the_body_leaves_the_data_whole(void **state) {
    const whi_system *system;
    char document[64];

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        const char *mask = sample_at(i)->mask;
        int64_t number;
        assert_int_equal(mask != NULL, (system->asks & WHI_MASKS_ENVELOPE) != 0);
        if (mask == NULL) {
            continue;
        }
        number = make(system, i);
        begin(200);
        publish(sample_at(i)->type);
        snprintf(document, sizeof document, "{\"fields\":\"%s\"}", mask);
        send_all();
        update(number, document);
        publish(sample_at(i)->type);
        send_all();
        assert_int_equal(sent_count(), 2);
        assert_non_null(strstr(sent_at(1)->body, PAYLOAD));
        assert_true(strlen(sent_at(1)->body) < strlen(sent_at(0)->body));
        remove_it(system, number);
    }
}

/* Nobody asked for it: the second waits until the first has arrived. */
static void a_system_orders_its_types_by_itself(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        const char *type = sample_at(i)->ordered;
        int64_t number = make(system, i);
        assert_int_equal(type != NULL, system->is_ordered != NULL);
        assert_false(whi_system_is_ordered(system, sample_at(i)->type));
        assert_int_equal(whi_registry_may_have_order(api_engine->registry), type != NULL);
        if (type == NULL) {
            remove_it(system, number);
            continue;
        }
        assert_true(whi_system_is_ordered(system, type));
        begin(500);
        publish(type);
        fixture_run(api_engine);
        publish(type);
        fixture_run(api_engine);
        assert_int_equal(sent_count(), 1);
        fixture_script.status = 200;
        send_all();
        assert_int_equal(sent_count(), 3);
        assert_string_equal(sent_at(1)->body, sent_at(0)->body);
        remove_it(system, number);
    }
}

static void gone_switches_off_and_its_client_sees_it(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        int64_t number = make(system, i);
        whi_registration *now;
        begin(410);
        publish(sample_at(i)->type);
        send_all();
        assert_int_equal(sent_count(), 1);
        now = whi_registry_get(api_engine->registry, number);
        assert_string_equal(now->subscription->disabled, "gone");
        whi_registration_unref(now);
        assert_int_equal(ask(system, "get", number, NULL), 200);
        remove_it(system, number);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_route_has_its_handler),
        TEST(a_webhook_is_made_read_listed_changed_and_removed),
        TEST(another_tenant_sees_and_changes_nothing),
        TEST(what_one_system_made_no_other_shows_or_reaches),
        TEST(a_whole_number_of_a_query_is_an_integer_however_it_is_written),
        TEST(errors_have_the_systems_shape_and_challenge),
        TEST(routes_are_found_behind_the_systems_prefix_alone),
        TEST(what_is_sent_verifies_at_each_attempt),
        TEST(without_a_secret_goes_who_may),
        TEST(a_tenants_secret_is_that_of_all_its_subscriptions),
        TEST(fields_are_a_mask_of_the_body_or_of_the_data),
        TEST(a_mask_of_the_body_leaves_the_data_whole),
        TEST(a_system_orders_its_types_by_itself),
        TEST(gone_switches_off_and_its_client_sees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
