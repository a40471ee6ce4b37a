/* All routes, the systems' and ours, and how a request finds its own. Tests: test_api. */
#include "faces/api.h"

#include "base/sized.h"

#include <string.h>

#include "base/error.h"
#include "systems/registry.h"

#define OPEN WHI_ROUTE_OPEN
#define OPERATOR WHI_ROUTE_OPERATOR
#define BODY WHI_ROUTE_BODY
#define SLOW WHI_ROUTE_SLOW
#define EVENT (WHI_ROUTE_BODY | WHI_ROUTE_PAYLOAD)
#define BATCH (WHI_ROUTE_BODY | WHI_ROUTE_BATCH)
#define OPTIONAL (WHI_ROUTE_BODY | WHI_ROUTE_OPTIONAL)

/* Those of events, deliveries and whatever is no system's. What is written out comes before what
 * stands for anything, here as in the systems' tables. */
static const struct {
    const char *method, *path;
    int flags;
    whi_serve_fn run;
} own[] = {
    { "GET", "/v1/events", 0, whi_serve_event_list },
    { "POST", "/v1/events", EVENT, whi_serve_event_publish },
    { "POST", "/v1/events/batch", BATCH, whi_serve_event_batch },
    { "GET", "/v1/events/{id}", 0, whi_serve_event_get },
    { "GET", "/v1/events/{id}/payload", 0, whi_serve_event_payload },
    { "GET", "/v1/events/{id}/explain", SLOW, whi_serve_event_explain },
    { "GET", "/v1/deliveries", 0, whi_serve_delivery_list },
    { "POST", "/v1/deliveries/replay", BODY | SLOW, whi_serve_delivery_replay_query },
    { "POST", "/v1/deliveries/cancel", BODY | SLOW, whi_serve_delivery_cancel },
    { "GET", "/v1/deliveries/{id}", 0, whi_serve_delivery_get },
    { "GET", "/v1/deliveries/{id}/attempts", 0, whi_serve_delivery_attempts },
    { "GET", "/v1/deliveries/{id}/body", 0, whi_serve_delivery_body },
    { "POST", "/v1/deliveries/{id}/replay", OPTIONAL, whi_serve_delivery_replay },
    { "POST", "/v1/rules/try", EVENT | SLOW, whi_serve_rule_try },
    { "GET", "/v1/tokens", OPERATOR, whi_serve_token_list },
    { "POST", "/v1/tokens", OPERATOR | BODY, whi_serve_token_make },
    { "POST", "/v1/portal", OPERATOR | BODY, whi_serve_portal },
    { "GET", "/v1/me", 0, whi_serve_me },
    { "DELETE", "/v1/tokens/{id}", OPERATOR, whi_serve_token_remove },
    { "GET", "/v1/sources", OPERATOR, whi_serve_source_list },
    { "POST", "/v1/sources", OPERATOR | BODY, whi_serve_source_make },
    { "GET", "/v1/sources/{id}", OPERATOR, whi_serve_source_get },
    { "PUT", "/v1/sources/{id}", OPERATOR | BODY, whi_serve_source_put },
    { "DELETE", "/v1/sources/{id}", OPERATOR, whi_serve_source_remove },
    { "PUT", "/v1/sources/{id}/connections/{connection}", OPERATOR | BODY, whi_serve_source_connection_put },
    { "DELETE", "/v1/sources/{id}/connections/{connection}", OPERATOR, whi_serve_source_connection_remove },
    { "POST", "/v1/sources/{id}/test", OPERATOR | OPTIONAL | SLOW, whi_serve_source_test },
    { "GET", "/v1/stats", OPERATOR, whi_serve_stats },
    { "GET", "/v1/settings", OPERATOR, whi_serve_settings },
    { "PATCH", "/v1/settings", OPERATOR | BODY, whi_serve_settings_change },
    { "GET", "/v1/tenants/{tenant}", OPERATOR, whi_serve_tenant },
    { "PATCH", "/v1/tenants/{tenant}", OPERATOR | BODY, whi_serve_tenant_change },
    { "GET", "/v1/health", OPEN, whi_serve_health },
    { "GET", "/v1/metrics", OPERATOR, whi_serve_metrics },
    { "GET", "/openapi.json", OPEN, whi_serve_openapi },
    { "GET", "/", OPEN, whi_serve_page },
    { "GET", "/page/{file}", OPEN, whi_serve_page },
};

#define OWN (sizeof own / sizeof own[0])

static void take_own(size_t index, whi_api_route *out) {
    *out =
        (whi_api_route){ whi_system_default(), own[index].method, own[index].path, own[index].flags, own[index].run };
}

static void take_systems(const whi_system *system, const whi_route *route, whi_api_route *out) {
    *out = (whi_api_route){ system, route->method, route->path, route->flags, whi_api_handler(system, route->handler) };
}

int whi_api_route_at(size_t index, whi_api_route *out) {
    const whi_system *system;

    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        for (const whi_route *route = system->routes; route->method != NULL; route++) {
            if (index-- == 0) {
                take_systems(system, route, out);
                return 1;
            }
        }
    }
    if (index < OWN) {
        take_own(index, out);
    }
    return index < OWN;
}

/* 1 if the path's first segment is this one, of size letters. */
static int begins(const char *path, const char *segment, size_t size) {
    return path[0] == '/' && strncmp(path + 1, segment, size) == 0 && (path[size + 1] == '\0' || path[size + 1] == '/');
}

static int is_of(const whi_system *system, const char *path) {
    for (const whi_route *route = system->routes; route->method != NULL; route++) {
        if (begins(path, route->path + 1, strcspn(route->path + 1, "/"))) {
            return 1;
        }
    }
    return system->prefix != NULL && begins(path, system->prefix, strlen(system->prefix));
}

const whi_system *whi_api_route_system(const char *path) {
    const whi_system *system;
    size_t i = 0;

    while ((system = whi_system_at(i)) != NULL && !is_of(system, path)) {
        i++;
    }
    return system != NULL ? system : whi_system_default();
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
static int matches(const whi_path *path, size_t first, size_t count, const char *pattern, const char *values[2]) {
    size_t i = first, found = 0;

    values[0] = values[1] = NULL;
    if (strcmp(pattern, "/") == 0) {
        return count == 0;
    }
    for (; *pattern == '/'; i++) {
        pattern++;
        if (i == count) {
            return 0;
        }
        if (pattern[0] == '{') {
            values[found++] = path->segments[i];
            pattern += strcspn(pattern, "/");
        } else if (!is_segment(path->segments[i], &pattern)) {
            return 0;
        }
    }
    return i == count;
}

/* A place among all routes: the systems', one behind the other, then those that are no system's. */
typedef struct place {
    size_t system, route;
    size_t count; /* of the path's segments: those that a route must have */
} place;

/* With or without the system's prefix. */
static int next_of_system(const whi_path *path, place *at, const whi_system *system, const char *values[2],
                          whi_api_route *out) {
    const char *prefix = system->prefix;
    size_t first = prefix != NULL && path->count > 0 && strcmp(path->segments[0], prefix) == 0;

    while (system->routes[at->route].method != NULL) {
        const whi_route *route = &system->routes[at->route++];
        if (matches(path, first, at->count, route->path, values)) {
            take_systems(system, route, out);
            return 1;
        }
    }
    return 0;
}

static int next_own(const whi_path *path, place *at, const char *values[2], whi_api_route *out) {
    while (at->route < OWN) {
        size_t i = at->route++;
        if (matches(path, 0, at->count, own[i].path, values)) {
            take_own(i, out);
            return 1;
        }
    }
    return 0;
}

/* The next route of the path, whatever its method; or 0. */
static int next_of(const whi_path *path, place *at, const char *values[2], whi_api_route *out) {
    const whi_system *system;

    while ((system = whi_system_at(at->system)) != NULL) {
        if (next_of_system(path, at, system, values, out)) {
            return 1;
        }
        *at = (place){ at->system + 1, 0, at->count };
    }
    return next_own(path, at, values, out);
}

static int match(const char *method, const whi_path *path, size_t count, const char *values[2], whi_api_route *out) {
    place at = { 0, 0, count };
    int found;

    do {
        found = next_of(path, &at, values, out);
    } while (found && strcmp(out->method, method) != 0);
    return found;
}

/* A slash at the end is what a client makes of an empty id: a list would not be what it asked for. Where no
 * id can stand the slash does not matter. */
int whi_api_route_match(const char *method, const whi_path *path, const char *values[2], whi_api_route *out) {
    method = method == NULL ? "" : strcmp(method, "HEAD") == 0 ? "GET" : method;
    return (path->slash && match(method, path, path->count + 1, values, out)) ||
           match(method, path, path->count, values, out);
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
    whi_api_route route;
    const char *values[2];
    char allowed[64] = "";
    place at = { 0, 0, call->path.count };

    while (next_of(&call->path, &at, values, &route)) {
        allow(allowed, sizeof allowed, route.method);
        if (route.method[0] == 'G') {
            allow(allowed, sizeof allowed, "HEAD");
        }
    }
    if (allowed[0] == '\0') {
        return whi_refuse(call, 404, "path", "nothing is here");
    }
    whi_call_header_text(call, "Allow", "%s", allowed);
    return whi_refuse(call, 405, "method", "expected one of %s", allowed);
}

int whi_api_route_find(whi_call *call) {
    const char *values[2];

    if (!whi_api_route_match(call->request->method, &call->path, values, &call->found)) {
        return refuse(call);
    }
    call->route = &call->found;
    call->system = call->found.system;
    call->id = values[0];
    call->second = values[1];
    return WH_OK;
}

void wh_api_look(const wh_api *api, const wh_api_request *given, wh_api_needs *out) {
    wh_api_request request;
    whi_api_route route;
    const char *values[2];
    whi_path path;
    int found;

    if (out == NULL || !whi_sized_clear(out, WHI_SIZED_END(wh_api_needs, body_bytes)) || api == NULL || given == NULL) {
        return;
    }
    whi_sized_read(&request, sizeof request, given);
    found = whi_path_read(request.path, &path) == 0 && whi_api_route_match(request.method, &path, values, &route);
    out->slow = found && (route.flags & (WHI_ROUTE_SLOW | WHI_ROUTE_ASIDE)) != 0;
    out->body_bytes = whi_api_route_bytes(api, found ? &route : NULL, 0);
}
