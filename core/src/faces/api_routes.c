/* All routes, in one table, and how a request finds its own. */
#include "faces/api.h"

#include <string.h>

#include "base/error.h"

#define OPEN WHI_ROUTE_OPEN
#define OPERATOR WHI_ROUTE_OPERATOR
#define BODY WHI_ROUTE_BODY
#define SLOW WHI_ROUTE_SLOW
#define EVENT (WHI_ROUTE_BODY | WHI_ROUTE_PAYLOAD)
#define BATCH (WHI_ROUTE_BODY | WHI_ROUTE_BATCH)
#define OPTIONAL (WHI_ROUTE_BODY | WHI_ROUTE_OPTIONAL)

/* What is written out comes before what stands for anything. CallFire's are found behind /v2 too. */
static const whi_api_route routes[] = {
    { "GET", "/unified/webhook", WHI_UNIFIED, 0, whi_serve_unified_list },
    { "POST", "/unified/webhook", WHI_UNIFIED, BODY, whi_serve_unified_make },
    { "GET", "/unified/webhook/{id}", WHI_UNIFIED, 0, whi_serve_unified_get },
    { "PUT", "/unified/webhook/{id}", WHI_UNIFIED, BODY, whi_serve_unified_change },
    { "PATCH", "/unified/webhook/{id}", WHI_UNIFIED, BODY, whi_serve_unified_change },
    { "DELETE", "/unified/webhook/{id}", WHI_UNIFIED, 0, whi_serve_unified_remove },
    { "PUT", "/unified/webhook/{id}/trigger", WHI_UNIFIED, OPTIONAL | SLOW, whi_serve_unified_trigger },
    { "PATCH", "/unified/webhook/{id}/trigger", WHI_UNIFIED, OPTIONAL | SLOW, whi_serve_unified_trigger },

    { "GET", "/webhook", WHI_TRUTO, 0, whi_serve_truto_list },
    { "POST", "/webhook", WHI_TRUTO, BODY, whi_serve_truto_make },
    { "POST", "/webhook/test", WHI_TRUTO, BODY | SLOW, whi_serve_truto_test },
    { "GET", "/webhook/{id}", WHI_TRUTO, 0, whi_serve_truto_get },
    { "PATCH", "/webhook/{id}", WHI_TRUTO, BODY, whi_serve_truto_change },
    { "DELETE", "/webhook/{id}", WHI_TRUTO, 0, whi_serve_truto_remove },
    { "GET", "/log", WHI_TRUTO, 0, whi_serve_truto_log },

    { "GET", "/webhooks", WHI_CALLFIRE, 0, whi_serve_callfire_list },
    { "POST", "/webhooks", WHI_CALLFIRE, BODY, whi_serve_callfire_make },
    { "GET", "/webhooks/resources", WHI_CALLFIRE, 0, whi_serve_callfire_resources },
    { "GET", "/webhooks/resources/{resource}", WHI_CALLFIRE, 0, whi_serve_callfire_resource },
    { "GET", "/webhooks/{id}", WHI_CALLFIRE, 0, whi_serve_callfire_get },
    { "PUT", "/webhooks/{id}", WHI_CALLFIRE, BODY, whi_serve_callfire_change },
    { "DELETE", "/webhooks/{id}", WHI_CALLFIRE, 0, whi_serve_callfire_remove },

    { "GET", "/v1/subscriptions", WHI_STANDARD, 0, whi_serve_subscription_list },
    { "POST", "/v1/subscriptions", WHI_STANDARD, BODY, whi_serve_subscription_make },
    { "GET", "/v1/subscriptions/{id}", WHI_STANDARD, 0, whi_serve_subscription_get },
    { "PATCH", "/v1/subscriptions/{id}", WHI_STANDARD, BODY, whi_serve_subscription_change },
    { "DELETE", "/v1/subscriptions/{id}", WHI_STANDARD, 0, whi_serve_subscription_remove },
    { "GET", "/v1/subscriptions/{id}/secrets", WHI_STANDARD, 0, whi_serve_subscription_secrets },
    { "GET", "/v1/subscriptions/{id}/versions/{version}", WHI_STANDARD, 0, whi_serve_subscription_version },
    { "POST", "/v1/subscriptions/{id}/backtest", WHI_STANDARD, BODY | SLOW, whi_serve_subscription_backtest },

    { "GET", "/v1/events", WHI_STANDARD, 0, whi_serve_event_list },
    { "POST", "/v1/events", WHI_STANDARD, EVENT, whi_serve_event_publish },
    { "POST", "/v1/events/batch", WHI_STANDARD, BATCH, whi_serve_event_batch },
    { "GET", "/v1/events/{id}", WHI_STANDARD, 0, whi_serve_event_get },
    { "GET", "/v1/events/{id}/payload", WHI_STANDARD, 0, whi_serve_event_payload },
    { "GET", "/v1/events/{id}/explain", WHI_STANDARD, SLOW, whi_serve_event_explain },

    { "GET", "/v1/deliveries", WHI_STANDARD, 0, whi_serve_delivery_list },
    { "POST", "/v1/deliveries/replay", WHI_STANDARD, BODY | SLOW, whi_serve_delivery_replay_query },
    { "GET", "/v1/deliveries/{id}", WHI_STANDARD, 0, whi_serve_delivery_get },
    { "GET", "/v1/deliveries/{id}/attempts", WHI_STANDARD, 0, whi_serve_delivery_attempts },
    { "GET", "/v1/deliveries/{id}/body", WHI_STANDARD, 0, whi_serve_delivery_body },
    { "POST", "/v1/deliveries/{id}/replay", WHI_STANDARD, OPTIONAL, whi_serve_delivery_replay },

    { "POST", "/v1/rules/try", WHI_STANDARD, EVENT | SLOW, whi_serve_rule_try },
    { "GET", "/v1/tokens", WHI_STANDARD, OPERATOR, whi_serve_token_list },
    { "POST", "/v1/tokens", WHI_STANDARD, OPERATOR | BODY, whi_serve_token_make },
    { "DELETE", "/v1/tokens/{id}", WHI_STANDARD, OPERATOR, whi_serve_token_remove },
    { "GET", "/v1/health", WHI_STANDARD, OPEN, whi_serve_health },
    { "GET", "/v1/metrics", WHI_STANDARD, OPERATOR, whi_serve_metrics },
    { "GET", "/openapi.json", WHI_STANDARD, OPEN, whi_serve_openapi },
};

const whi_api_route *whi_api_route_at(size_t index) {
    return index < sizeof routes / sizeof routes[0] ? &routes[index] : NULL;
}

static int begins(const char *path, const char *segment) {
    size_t size = strlen(segment);

    return strncmp(path, segment, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

int whi_api_route_shape(const char *path) {
    if (begins(path, "/unified")) {
        return WHI_UNIFIED;
    }
    if (begins(path, "/webhook") || begins(path, "/log")) {
        return WHI_TRUTO;
    }
    return begins(path, "/webhooks") || begins(path, "/v2") ? WHI_CALLFIRE : WHI_STANDARD;
}

/* Whether a segment is the pattern's, which goes on to its next one then. A slash in a segment was
 * an escape, and is none of the pattern's. */
static int is_segment(const char *segment, const char **pattern) {
    const char *at = *pattern;

    while (*at != '\0' && *at != '/' && *at == *segment) {
        at++;
        segment++;
    }
    *pattern = at;
    return *segment == '\0' && (*at == '\0' || *at == '/');
}

/* 1 if the segments from `first` on are the route's; what stands for {…} goes to values. */
static int matches(const whi_path *path, size_t first, const char *pattern, const char *values[2]) {
    size_t i = first, found = 0;

    for (; *pattern == '/'; i++) {
        pattern++;
        if (i == path->count) {
            return 0;
        }
        if (pattern[0] == '{') {
            values[found++] = path->segments[i];
            pattern += strcspn(pattern, "/");
        } else if (!is_segment(path->segments[i], &pattern)) {
            return 0;
        }
    }
    return i == path->count;
}

/* The next route of the path from `at` on, whatever its method, or NULL. */
static const whi_api_route *next_of(const whi_path *path, size_t *at, const char *values[2]) {
    size_t first = path->count > 0 && strcmp(path->segments[0], "v2") == 0;

    while (*at < sizeof routes / sizeof routes[0]) {
        const whi_api_route *route = &routes[(*at)++];
        values[0] = values[1] = NULL;
        if ((!first || route->shape == WHI_CALLFIRE) && matches(path, first, route->path, values)) {
            return route;
        }
    }
    return NULL;
}

const whi_api_route *whi_api_route_match(const char *method, const whi_path *path, const char *values[2]) {
    const whi_api_route *route;
    size_t at = 0;

    method = method == NULL ? "" : strcmp(method, "HEAD") == 0 ? "GET" : method;
    do {
        route = next_of(path, &at, values);
    } while (route != NULL && strcmp(route->method, method) != 0);
    return route;
}

/* A path that is there without the method: those that it has, for `Allow`. */
static void allow(char *list, size_t size, const char *method) {
    size_t used = strlen(list), more = strlen(method);

    if (strstr(list, method) == NULL && used + more + 3 < size) {
        memcpy(list + used, used > 0 ? ", " : "", used > 0 ? 3 : 1);
        memcpy(list + strlen(list), method, more + 1);
    }
}

static int refuse(whi_call *call) {
    const whi_api_route *route;
    const char *values[2];
    char allowed[64] = "";
    size_t at = 0;

    while ((route = next_of(&call->path, &at, values)) != NULL) {
        allow(allowed, sizeof allowed, route->method);
        if (route->method[0] == 'G') {
            allow(allowed, sizeof allowed, "HEAD");
        }
    }
    if (allowed[0] == '\0') {
        return whi_refuse(call, 404, "path: nothing is here");
    }
    whi_call_header_text(call, "Allow", "%s", allowed);
    return whi_refuse(call, 405, "method: expected one of %s", allowed);
}

int whi_api_route_find(whi_call *call) {
    const char *values[2];

    call->route = whi_api_route_match(call->request->method, &call->path, values);
    if (call->route == NULL) {
        return refuse(call);
    }
    call->shape = call->route->shape;
    call->id = values[0];
    call->second = values[1];
    return WH_OK;
}

void wh_api_look(const wh_api *api, const wh_api_request *request, wh_api_needs *out) {
    const whi_api_route *route = NULL;
    const char *values[2];
    whi_path path;

    if (whi_path_read(request->path, &path) == 0) {
        route = whi_api_route_match(request->method, &path, values);
    }
    out->slow = route != NULL && route->flags & WHI_ROUTE_SLOW;
    out->body_bytes = whi_api_route_bytes(api, route);
}
