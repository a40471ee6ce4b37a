/* The HTTP API as a whole: routes, limits, tenants, and what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"
#include "base/ident.h"
#include "base/mem.h"
#include "faces/api.h"
#include "fault.h"
#include "samples.h"
#include "systems/registry.h"

static const char made_a[] = "{\"url\":\"https://example.com/h\",\"events\":[\"order.*\"]}";

/* -------------------------------------------------------------------------- routing */

static void a_request_without_one_of_its_parts_is_answered_500(void **state) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_response response = WH_API_RESPONSE_INIT;
    wh_api_needs needs = WH_API_NEEDS_INIT;

    (void)state;
    assert_int_equal(wh_api_handle(NULL, &request, &response), 500);
    assert_int_equal(response.status, 500);
    assert_int_equal(wh_api_handle(api, NULL, &response), 500);
    assert_int_equal(wh_api_handle(api, &request, NULL), 500);
    wh_api_look(NULL, &request, &needs);
    wh_api_look(api, NULL, &needs);
    wh_api_look(api, &request, NULL);
    assert_int_equal(wh_api_body_bytes(NULL), 0);
    assert_int_equal(needs.body_bytes, 0);
}

static void what_is_not_there_is_told_in_the_shape_of_its_prefix(void **state) {
    (void)state;
    api_expect(404, "GET", "/page", api_a, NULL);
    api_expect(404, "GET", "/nothing", NULL, NULL);
    api_expect(404, "GET", "/v1/nothing", api_a, NULL);
    api_expect(404, "GET", "/unified/nothing", api_a, NULL);
    api_expect(404, "GET", "/webhook/a/b", api_a, NULL);
    api_expect(404, "GET", "/v2/nothing", api_a, NULL);
    api_expect(404, "GET", "/v2/v1/events", api_a, NULL);
    api_expect(404, "GET", "/webhooks/1/2/3", api_a, NULL);
    api_expect(404, "GET", "/a/b/c/d/e/f/g/h/i/j/k", api_a, NULL);
    api_expect(400, "GET", "/v1/events/%zz", api_a, NULL);
    api_expect(400, "GET", "/v1/events/a%00b", api_a, NULL);
    api_expect(400, "GET", "/v1/events/%ff", api_a, NULL);
    api_expect(400, "GET", "/v1/events/%4", api_a, NULL);
    api_expect(400, "GET", "v1/events", api_a, NULL);
    api_expect(404, "GET", "/v1/events/a%2Fpayload", api_a, NULL);
    api_expect(404, "GET", "/v1%2Fsubscriptions", api_a, NULL);
    api_expect(404, "GET", "/webhooks/resources%2F", api_a, NULL);
}

static void other_methods_are_refused_with_those_that_are_there(void **state) {
    (void)state;
    api_expect(405, "DELETE", "/v1/events", api_a, NULL);
    assert_string_equal(api_header("Allow"), "GET, HEAD, POST");
    api_expect(405, "OPTIONS", "/unified/webhook/x", api_a, NULL);
    assert_string_equal(api_header("Allow"), "GET, HEAD, PUT, PATCH, DELETE");
    api_expect(405, "", "/webhook", api_a, NULL);
    api_expect(405, "PATCH", "/v2/webhooks/1", api_a, NULL);
    api_expect(405, "GET", "/unified/webhook/x/trigger", api_a, NULL);
}

static void head_is_get_without_a_body(void **state) {
    (void)state;
    api_expect(200, "HEAD", "/v1/subscriptions", api_a, NULL);
    assert_null(api_answer.body);
    assert_string_equal(api_answer.content_type, "application/json");
    api_expect(404, "HEAD", "/v1/subscriptions/sub_0000000000001", api_a, NULL);
    assert_null(api_answer.body);
}

/* GET /webhooks/ is what a client makes of "/webhooks/" + id without an id: a list is not what it asked for. */
static void a_slash_at_the_end_is_an_empty_id_where_one_can_stand(void **state) {
    static const char *const lists[] = { "/v1/subscriptions/", "/v1/events/", "/v1/deliveries/", "/unified/webhook/",
                                         "/webhook/",          "/webhooks/",  "/v2/webhooks/" };
    static const char *const methods[] = { "GET", "HEAD" };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            api_expect(404, methods[k], lists[i], api_a, NULL);
        }
    }
    api_expect(404, "DELETE", "/unified/webhook/", api_a, NULL);
    api_expect(404, "PATCH", "/webhook/", api_a, "{}");
    api_expect(404, "PUT", "/webhooks/", api_a, "{}");
    api_expect(404, "PUT", "/unified/webhook//trigger", api_a, NULL);
    api_expect(404, "GET", "/v1/subscriptions//", api_a, NULL);
    api_expect(200, "GET", "/v1/health/", api_a, NULL);
    api_expect(201, "POST", "/webhooks/", api_a, "{\"callback\":\"http://e.com\"}");
    api_expect(405, "DELETE", "/v1/health/", api_a, NULL);
}

/* --------------------------------------------------------------------------- limits */

static void what_is_too_long_is_refused(void **state) {
    static char target[20000];

    (void)state;
    memset(target, 'x', sizeof target - 1);
    memcpy(target, "/v1/", 4);
    target[2049] = '\0';
    api_expect(414, "GET", target, api_a, NULL);
    memset(target, 'x', sizeof target - 1);
    memcpy(target, "/webhook?", 9);
    target[9 + 8193] = '\0';
    api_expect(414, "GET", target, api_a, NULL);
    memcpy(target, "/webhook?a&a", 13);
    api_expect(400, "GET", target, api_a, NULL);
    target[0] = '\0';
    strncat(target, "/webhook?", 10);
    for (int i = 0; i < 257; i++) {
        snprintf(target + strlen(target), 16, "a%d=1&", i);
    }
    api_expect(400, "GET", target, api_a, NULL);
}

static int with_headers(const wh_header *headers, size_t count, const char *path, const char *body, size_t size) {
    wh_api_request request = WH_API_REQUEST_INIT;

    request.method = "POST";
    request.path = path;
    request.headers = headers;
    request.header_count = count;
    request.body = body;
    request.body_size = size;
    request.tenant = "a";
    wh_free(api_answer.body);
    return wh_api_handle(api, &request, &api_answer);
}

/* Who has to say who it is has to say what it sends: a page of a browser may leave both out. */
static void api_without_type(int status) {
    wh_api_request request = WH_API_REQUEST_INIT;
    char bearer[WH_SECRET_SIZE + 16];
    wh_header header = { "Authorization", bearer };

    snprintf(bearer, sizeof bearer, "Bearer %s", api_a);
    request.method = "POST";
    request.path = "/v1/subscriptions";
    request.headers = &header;
    request.header_count = 1;
    request.body = made_a;
    request.body_size = sizeof made_a - 1;
    wh_free(api_answer.body);
    assert_int_equal(wh_api_handle(api, &request, &api_answer), status);
}

static void headers_and_types_of_content_are_checked(void **state) {
    wh_header headers[101];

    (void)state;
    for (int i = 0; i < 101; i++) {
        headers[i] = (wh_header){ "X", "y" };
    }
    assert_int_equal(with_headers(headers, 101, "/v1/subscriptions", made_a, sizeof made_a - 1), 431);
    assert_int_equal(with_headers(headers, 100, "/v1/subscriptions", made_a, sizeof made_a - 1), 201);
    headers[0] = (wh_header){ "content-type", "Application/JSON; charset=utf-8" };
    assert_int_equal(with_headers(headers, 1, "/v1/subscriptions", made_a, sizeof made_a - 1), 201);
    headers[0].value = "text/json";
    assert_int_equal(with_headers(headers, 1, "/v1/subscriptions", made_a, sizeof made_a - 1), 201);
    headers[0].value = "application/x-www-form-urlencoded";
    assert_int_equal(with_headers(headers, 1, "/v1/subscriptions", made_a, sizeof made_a - 1), 415);
    assert_int_equal(with_headers(headers, 1, "/webhook", made_a, sizeof made_a - 1), 415);
    headers[0] = (wh_header){ "Content-Type", "application/json" };
    headers[1] = headers[0];
    assert_int_equal(with_headers(headers, 2, "/v1/subscriptions", made_a, sizeof made_a - 1), 415);
    api_without_type(415);
    assert_int_equal(with_headers(NULL, 0, "/v1/subscriptions", NULL, (size_t)wh_api_body_bytes(api) + 1), 413);
    assert_int_equal(with_headers(NULL, 0, "/v1/subscriptions", NULL, 0), 400);
}

static wh_api_needs look(const char *method, const char *path) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_needs needs = WH_API_NEEDS_INIT;

    request.method = method;
    request.path = path;
    wh_api_look(api, &request, &needs);
    return needs;
}

static void a_server_learns_what_a_request_needs_from_its_first_line(void **state) {
    static const char *const nowhere[] = { NULL, "", "x", "/", "/v1/%", "/v1/rules//try", "/1/2/3/4/5/6/7/8/9" };
    int64_t common = look("GET", "/v1/events").body_bytes;

    (void)state;
    assert_true(look("POST", "/v1/rules/try").slow && look("POST", "/v1/rules/tr%79/").slow);
    assert_true(look("GET", "/v1/events/x/explain").slow && look("HEAD", "/v1/events/x/explain").slow);
    assert_false(look("GET", "/v1/rules/try").slow || look("POST", "/v1/deliveries/x/replay").slow);
    assert_false(look("GET", "/webhook/test").slow || look(NULL, "/v1/rules/try").slow);
    assert_true(look("PUT", "/unified/webhook/x/trigger").slow && look("PATCH", "/unified/webhook/x/trigger").slow);
    assert_true(look("POST", "/v1/subscriptions").slow && look("PATCH", "/v1/subscriptions/x").slow);
    assert_true(look("POST", "/unified/webhook").slow && look("PUT", "/unified/webhook/x").slow);
    assert_false(look("GET", "/v1/subscriptions").slow || look("DELETE", "/v1/subscriptions/x").slow);
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        assert_false(look("POST", nowhere[i]).slow);
        assert_int_equal(look("POST", nowhere[i]).body_bytes, common);
    }
    assert_true(common < look("POST", "/v1/events").body_bytes);
    assert_int_equal(look("POST", "/v1/events/batch").body_bytes, wh_api_body_bytes(api));
    assert_int_equal(with_headers(NULL, 0, "/v1/events", NULL, (size_t)look("POST", "/v1/events").body_bytes + 1), 413);
    assert_int_equal(with_headers(NULL, 0, "/v1/events", NULL, (size_t)look("POST", "/v1/events").body_bytes), 400);
}

/* ---------------------------------------------------------------- strangers, and nonsense */

/* Something of everything, of tenant "a"; the ids that routes name. */
typedef struct things {
    int64_t number;
    char subscription[WH_ID_SIZE], uuid[WH_ID_SIZE]; /* as two systems write the number */
    char event[WH_ID_SIZE], delivery[WH_ID_SIZE];
} things;

static void make_things(things *out) {
    api_expect(201, "POST", "/v1/subscriptions", api_a, made_a);
    snprintf(out->subscription, WH_ID_SIZE, "%s", api_member("id"));
    assert_int_equal(whi_ident_parse("sub_", out->subscription, &out->number), WH_OK);
    whi_system_truto.ident(out->number, out->uuid);
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.paid\",\"payload\":{\"n\":1.10},\"id\":\"e-1\"}");
    snprintf(out->event, WH_ID_SIZE, "%s", api_member("id"));
    fixture_run(api_engine);
    api_expect(200, "GET", "/v1/deliveries", api_a, NULL);
    snprintf(out->delivery, WH_ID_SIZE, "%s", api_member("items.0.id"));
}

static const char *id_for(const whi_api_route *route, const things *some) {
    static char id[WH_ID_SIZE];

    if (strstr(route->path, "/events/")) {
        return some->event;
    }
    if (strstr(route->path, "{resource}")) {
        return "InboundCall";
    }
    route->system->ident(some->number, id);
    return strstr(route->path, "/deliveries/") ? some->delivery
           : strstr(route->path, "/tokens/")   ? "tok_0123456789abcdef"
                                               : id;
}

static void write_target(const whi_api_route *route, const things *some, char *out, size_t size) {
    const char *at = strchr(route->path, '{'), *end = at != NULL ? strchr(at, '}') + 1 : "";
    const char *rest = strchr(end, '{');

    snprintf(out, size, "%.*s%s%.*s%s", at != NULL ? (int)(at - route->path) : (int)strlen(route->path), route->path,
             at != NULL ? id_for(route, some) : "", rest != NULL ? (int)(rest - end) : (int)strlen(end), end,
             rest != NULL ? "1" : "");
}

/* A body that the route takes. */
static const char *body_for(const whi_api_route *route, const things *some) {
    static char text[256];

    if (!(route->flags & WHI_ROUTE_BODY)) {
        return NULL;
    }
    if (strcmp(route->path, "/webhook/test") == 0) {
        snprintf(text, sizeof text, "{\"id\":\"%s\"}", some->uuid);
        return text;
    }
    if (strstr(route->path, "/backtest")) {
        return "{\"document\":{\"events\":[\"*\"]}}";
    }
    return "{}";
}

static int names_one(const whi_api_route *route) {
    return strchr(route->path, '{') != NULL && strstr(route->path, "{resource}") == NULL;
}

/* Nothing of tenant "a" may be in an answer to "b". */
static void assert_tells_nothing(const things *some) {
    const char *secrets[] = { some->subscription, some->uuid, some->event,  some->delivery,
                              "order.paid",       "1.10",     "example.com" };

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        if (strstr(api_text, secrets[i]) != NULL) {
            fail_msg("%s is in %s", secrets[i], api_text);
        }
    }
}

static void name_nothing(things *out) {
    out->number = 99999;
    whi_ident_format("sub_", out->number, out->subscription);
    whi_system_truto.ident(out->number, out->uuid);
    snprintf(out->event, WH_ID_SIZE, "e-none");
    whi_ident_delivery(5, 5, out->delivery);
}

/* A thing of tenant "a" is to "b" what is not there, to the letter. */
static void assert_absent(const whi_api_route *route, const things *some, const things *none) {
    char target[256], *foreign;

    write_target(route, some, target, sizeof target);
    if (route->flags & WHI_ROUTE_OPERATOR) {
        api_expect(403, route->method, target, api_b, body_for(route, some));
        return;
    }
    api_expect(404, route->method, target, api_b, body_for(route, some));
    foreign = strdup(api_text);
    write_target(route, none, target, sizeof target);
    api_expect(404, route->method, target, api_b, body_for(route, none));
    assert_string_equal(foreign, api_text);
    free(foreign);
}

static void foreign_tenants_see_nothing_on_any_route(void **state) {
    whi_api_route one;
    const whi_api_route *route = &one;
    char *before, *after;
    things some, none;

    (void)state;
    make_things(&some);
    name_nothing(&none);
    before = api_dump();
    for (size_t i = 0; whi_api_route_at(i, &one); i++) {
        if (names_one(route) || strcmp(route->path, "/webhook/test") == 0) {
            assert_absent(route, &some, &none);
        } else if (strcmp(route->method, "GET") == 0 && strchr(route->path, '{') == NULL &&
                   !(route->flags & (WHI_ROUTE_OPERATOR | WHI_ROUTE_OPEN))) {
            api_expect(200, "GET", strcmp(route->path, "/log") == 0 ? "/log?log_type=webhook" : route->path, api_b,
                       NULL);
            assert_tells_nothing(&some);
        }
    }
    after = api_dump();
    assert_string_equal(before, after);
    wh_free(before);
    wh_free(after);
}

static void nor_do_they_by_parameters_and_bodies(void **state) {
    char target[256], *before, *after;
    things some;

    (void)state;
    make_things(&some);
    before = api_dump();
    snprintf(target, sizeof target, "/v1/deliveries?event=%s", some.event);
    api_expect(404, "GET", target, api_b, NULL);
    snprintf(target, sizeof target, "/v1/deliveries?subscription=%s", some.subscription);
    api_expect(404, "GET", target, api_b, NULL);
    api_expect(403, "GET", "/v1/events?tenant=a", api_b, NULL);
    api_expect(200, "GET", "/log?log_type=webhook&environment_id=a", api_b, NULL);
    assert_tells_nothing(&some);
    api_expect(200, "POST", "/v1/deliveries/replay", api_b, "{\"state\":\"delivered\"}");
    api_has("replayed", "0");
    api_expect(200, "POST", "/v1/deliveries/replay", api_b, "{\"state\":\"delivered\",\"tenant\":\"a\"}");
    api_has("replayed", "0");
    after = api_dump();
    assert_string_equal(before, after);
    wh_free(before);
    wh_free(after);
}

/* Each tenant's ids are its own: that another one used it is not to be told. */
static void an_id_that_another_tenant_gave_is_free(void **state) {
    things some;

    (void)state;
    make_things(&some); /* with an event "e-1" of a */
    api_expect(201, "POST", "/v1/events", api_b, "{\"type\":\"t\",\"payload\":1,\"id\":\"e-1\"}");
    api_expect(200, "POST", "/v1/events", api_b, "{\"type\":\"t\",\"payload\":2,\"id\":\"e-1\"}");
    api_expect(201, "POST", "/v1/events/batch", api_b,
               "{\"events\":[{\"type\":\"t\",\"payload\":1},{\"type\":\"t\",\"payload\":1,\"id\":\"e-1\"}]}");
    api_expect(200, "GET", "/v1/events/e-1", api_b, NULL);
    api_has("type", "t");
    api_expect(200, "GET", "/v1/events/e-1", api_a, NULL);
    api_has("type", "order.paid");
    api_expect(200, "GET", "/v1/events/e-1/explain", api_b, NULL);
    assert_null(strstr(api_text, some.subscription));
    api_expect(200, "GET", "/v1/deliveries?event=e-1", api_b, NULL);
    assert_null(strstr(api_text, "dlv_"));
    api_expect(200, "GET", "/v1/events/e-1/payload", api_a, NULL);
    assert_string_equal(api_text, "{\"n\":1.10}");
    api_expect(404, "GET", "/v1/events/%231", api_a, NULL); /* numbers are ours alone */
}

/* Bodies that no route takes. */
static const char *const nonsense[] = {
    "",
    "{",
    "[]",
    "null",
    "\"text\"",
    "1",
    "{\"a\":1}x",
    "{\"url\":\"http://a\",\"url\":\"http://b\"}",
    "{\"a\":\xff}",
    ("{\"type\":5,\"url\":5,\"target_url\":5,\"callback\":5,\"hook_url\":5,\"id\":5,\"events\":5,\"document\":5,"
     "\"subscription\":5,\"tenant\":5}"),
};

static void nonsense_is_refused_on_every_route_and_changes_nothing(void **state) {
    static char deep[1000], many[5000];
    whi_api_route one;
    const whi_api_route *route = &one;
    char target[256], *before, *after;
    things some;

    (void)state;
    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', 500);
    for (int i = 0; i < 300; i++) {
        snprintf(many + strlen(many), 16, "%c\"m%d\":1", i ? ',' : '{', i);
    }
    memcpy(many + strlen(many), "}", 2);
    make_things(&some);
    before = api_dump();
    for (size_t i = 0; whi_api_route_at(i, &one); i++) {
        write_target(route, &some, target, sizeof target);
        for (size_t k = 0; k < sizeof nonsense / sizeof nonsense[0] + 2; k++) {
            const char *body = k < sizeof nonsense / sizeof nonsense[0] ? nonsense[k] : k % 2 ? deep : many;
            int status;
            if (!(route->flags & WHI_ROUTE_BODY) || (body[0] == '\0' && route->flags & WHI_ROUTE_OPTIONAL)) {
                continue;
            }
            status = api_send(route->method, target, api_operator, body);
            if (route->flags & WHI_ROUTE_OPTIONAL && status == 200) {
                continue; /* any object will do: nothing of it is used */
            }
            if (status < 400 || status >= 500) {
                fail_msg("%s %s %s: %d %s", route->method, target, body, status, api_text);
            }
        }
        if (route->flags & WHI_ROUTE_OPTIONAL) {
            wh_free(before);
            before = api_dump();
        }
    }
    after = api_dump();
    assert_string_equal(before, after);
    wh_free(before);
    wh_free(after);
}

/* ------------------------------------------------------------------------- memory */

/* One that makes something where the route can. */
static const char *good_body_for(const whi_api_route *route, const things *some) {
    static char text[512];

    if (strcmp(route->path, "/v1/events") == 0) {
        return "{\"type\":\"t\",\"payload\":[1]}";
    }
    if (strcmp(route->path, "/v1/events/batch") == 0) {
        return "{\"events\":[{\"type\":\"t\",\"payload\":[1]}]}";
    }
    for (size_t i = 0; whi_system_at(i) != NULL; i++) {
        if (whi_system_at(i) == route->system && strcmp(route->method, "POST") == 0 &&
            route->run == whi_api_handler(route->system, "make")) {
            snprintf(text, sizeof text, "{%s}", sample_at(i)->least);
            return text;
        }
    }
    return body_for(route, some);
}

/* Each with the n-th allocation failing, until none does. What was refused has changed nothing. */
static void a_failed_allocation_is_500_and_changes_nothing(void **state) {
    whi_api_route one;
    const whi_api_route *route = &one;
    char target[256];
    things some;

    (void)state;
    make_things(&some);
    for (size_t i = 0; whi_api_route_at(i, &one); i++) {
        const char *body = good_body_for(route, &some);
        if (strcmp(route->method, "DELETE") == 0 || strstr(route->path, "/test")) {
            continue;
        }
        write_target(route, &some, target, sizeof target);
        if (strcmp(route->path, "/log") == 0) {
            snprintf(target, sizeof target, "/log?log_type=webhook");
        }
        for (long n = 0, failed = 1; failed; n++) {
            char *before = api_dump(), *after;
            wh_api_request request = WH_API_REQUEST_INIT;
            char path[256];
            snprintf(path, sizeof path, "%s", target);
            request.method = route->method;
            request.path = strtok_r(path, "?", &after);
            request.query = after;
            request.tenant = route->flags & WHI_ROUTE_OPERATOR ? NULL : "a";
            request.body = route->flags & WHI_ROUTE_BODY ? body : NULL;
            request.body_size = request.body != NULL ? strlen(body) : 0;
            wh_free(api_answer.body);
            fault_set(n);
            wh_api_handle(api, &request, &api_answer);
            failed = fault_clear();
            after = api_dump();
            if (api_answer.status >= 400 && strcmp(before, after) != 0) {
                fail_msg("%s %s: %d, and changed: %ld", route->method, target, api_answer.status, n);
            }
            wh_free(before);
            wh_free(after);
        }
    }
}

/* ------------------------------------------------------------------------- threads */

static void *publish_and_look(void *payload) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_response answer = WH_API_RESPONSE_INIT;
    long *good = payload;

    request.tenant = "a";
    for (int i = 0; i < 40; i++) {
        static const char *const paths[] = { "/v1/events", "/webhook", "/v2/webhooks", "/v1/subscriptions" };
        static const char *const bodies[] = { "{\"type\":\"order.paid\",\"payload\":{}}",
                                              "{\"target_url\":\"http://e\"}", "{\"callback\":\"http://e\"}",
                                              "{\"url\":\"http://e\"}" };
        request.method = i % 3 == 0 ? "GET" : "POST";
        request.path = paths[i % 4];
        request.body = bodies[i % 4];
        request.body_size = strlen(bodies[i % 4]);
        *good += wh_api_handle(api, &request, &answer) < 300;
        wh_free(answer.body);
    }
    return NULL;
}

static void threads_may_ask_at_once(void **state) {
    pthread_t threads[4];
    long good[4] = { 0 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, publish_and_look, &good[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 40);
    }
}

typedef struct writer {
    const char *path, *field;
    int lost;
} writer;

/* Writes a field that nobody else writes, and looks whether it stays. */
static void *write_own_field(void *payload) {
    writer *self = payload;
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_response answer = WH_API_RESPONSE_INIT;

    request.path = self->path;
    request.tenant = "a";
    for (int i = 0; i < 60; i++) {
        char body[64], part[64];
        request.method = "PATCH";
        request.body = body;
        request.body_size = (size_t)snprintf(body, sizeof body, "{\"%s\":\"v%d\"}", self->field, i);
        snprintf(part, sizeof part, "\"%s\":\"v%d\"", self->field, i);
        self->lost += wh_api_handle(api, &request, &answer) != 200;
        wh_free(answer.body);
        request.method = "GET";
        request.body = NULL;
        request.body_size = 0;
        for (int k = 0; k < 5; k++) {
            wh_api_handle(api, &request, &answer);
            self->lost += answer.body == NULL || strstr(answer.body, part) == NULL;
            wh_free(answer.body);
        }
    }
    return NULL;
}

static void changes_at_once_of_different_fields_all_stand(void **state) {
    writer writers[2] = { { NULL, "db_schema", 0 }, { NULL, "db_name_prefix", 0 } };
    pthread_t threads[2];
    char target[128];

    (void)state;
    api_expect(200, "POST", "/unified/webhook", api_a,
               "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\",\"hook_url\":\"https://e/\"}");
    snprintf(target, sizeof target, "/unified/webhook/%s", api_member("id"));
    for (int i = 0; i < 2; i++) {
        writers[i].path = target;
        assert_int_equal(pthread_create(&threads[i], NULL, write_own_field, &writers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(writers[0].lost, 0);
    assert_int_equal(writers[1].lost, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_there_is_told_in_the_shape_of_its_prefix),
        TEST(other_methods_are_refused_with_those_that_are_there),
        TEST(head_is_get_without_a_body),
        TEST(a_slash_at_the_end_is_an_empty_id_where_one_can_stand),
        TEST(what_is_too_long_is_refused),
        TEST(a_request_without_one_of_its_parts_is_answered_500),
        TEST(headers_and_types_of_content_are_checked),
        TEST(a_server_learns_what_a_request_needs_from_its_first_line),
        TEST(foreign_tenants_see_nothing_on_any_route),
        TEST(nor_do_they_by_parameters_and_bodies),
        TEST(an_id_that_another_tenant_gave_is_free),
        TEST(nonsense_is_refused_on_every_route_and_changes_nothing),
        TEST(a_failed_allocation_is_500_and_changes_nothing),
        TEST(threads_may_ask_at_once),
        TEST(changes_at_once_of_different_fields_all_stand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
