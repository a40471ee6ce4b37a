/* Tests: test_transport_faults. */
#include "outside/transport_curl.h"

#include "base/error.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------------- targets */

void whi_target_unref(whi_target *target) {
    if (target == NULL || --target->refs > 0) {
        return;
    }
    whi_free(target->given);
    whi_free(target->text);
    whi_free(target->proxy);
    whi_free(target->host);
    whi_free(target);
}

/* Whom we connect to: names and addresses of the receiver are the proxy's to find. */
static int set_proxy(whi_target *target, const char *proxy) {
    char host[WHI_URL_SIZE];
    struct in6_addr address;
    int code = whi_peer_proxy(proxy, "proxy.url", host, &target->port);

    if (code != WH_OK) {
        return code;
    }
    whi_free(target->host);
    target->proxy = whi_strdup(proxy, WH_ZSTR);
    target->host = whi_strdup(host, WH_ZSTR);
    target->literal = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    return target->proxy != NULL && target->host != NULL ? WH_OK : whi_fail_memory();
}

static whi_target *copy_target(const whi_url *url, const char *given) {
    whi_target *target = whi_calloc(1, sizeof *target);

    if (target == NULL) {
        return NULL;
    }
    target->refs = 1;
    target->given = whi_strdup(given, WH_ZSTR);
    target->text = whi_strdup(url->text, WH_ZSTR);
    target->host = whi_strdup(url->host, WH_ZSTR);
    target->port = url->port;
    target->https = url->https;
    target->literal = url->literal;
    if (target->given == NULL || target->text == NULL || target->host == NULL) {
        whi_target_unref(target);
        return NULL;
    }
    return target;
}

static int read_target(whi_target **out, const char *given, const char *proxy) {
    whi_url url;
    int code = whi_url_parse(&url, given);

    if (code != WH_OK) {
        return code;
    }
    *out = copy_target(&url, given);
    if (*out == NULL) {
        return whi_fail_memory();
    }
    code = proxy != NULL ? set_proxy(*out, proxy) : WH_OK;
    if (code != WH_OK) {
        whi_target_unref(*out);
    }
    return code;
}

/* ------------------------------------------------------------------------- pins */

/* Takes it out of libcurl with the next request of the shard. Without memory for
 * that the entry stays in libcurl, unused, until the shard is renewed. */
static void drop_pin(whi_pin *pin) {
    struct curl_slist *drop = whi_calloc(1, sizeof *drop);
    size_t size = strlen(pin->host) + 8;
    char *text = whi_alloc(size);

    if (drop == NULL || text == NULL) {
        whi_free(drop);
        whi_free(text);
        return;
    }
    snprintf(text, size, "-%s:%u", pin->host, pin->port);
    drop->data = text;
    drop->next = pin->shard->drops;
    pin->shard->drops = drop;
}

void whi_pin_unref(whi_pin *pin) {
    whi_pin **link;

    if (pin == NULL || --pin->refs > 0) {
        return;
    }
    if (pin->told) {
        drop_pin(pin);
    }
    for (link = &pin->shard->pins; *link != pin; link = &(*link)->next) {}
    *link = pin->next;
    whi_free(pin->node.data);
    whi_free(pin->host);
    whi_free(pin);
}

/* What is to be dropped and is wanted again stays. */
static void forget_drop(whi_shard *shard, const char *host, uint16_t port) {
    char text[WHI_HOST_SIZE + 16];

    snprintf(text, sizeof text, "-%s:%u", host, port);
    for (struct curl_slist **link = &shard->drops; *link != NULL; link = &(*link)->next) {
        struct curl_slist *drop = *link;
        if (strcmp(drop->data, text) == 0) {
            *link = drop->next;
            whi_free(drop->data);
            whi_free(drop);
            return;
        }
    }
}

static int use_pin(whi_pin **out, whi_shard *shard, const whi_target *target) {
    whi_pin *pin = shard->pins;

    while (pin != NULL && (pin->port != target->port || strcmp(pin->host, target->host) != 0)) {
        pin = pin->next;
    }
    if (pin == NULL) {
        pin = whi_calloc(1, sizeof *pin);
        if (pin == NULL || (pin->host = whi_strdup(target->host, WH_ZSTR)) == NULL) {
            whi_free(pin);
            return whi_fail_memory();
        }
        pin->shard = shard;
        pin->port = target->port;
        pin->next = shard->pins;
        shard->pins = pin;
        forget_drop(shard, pin->host, pin->port);
    }
    pin->refs++;
    *out = pin;
    return WH_OK;
}

/* "127.0.0.1,::1" of those that are allowed; returns its length. */
static size_t list_allowed(const whi_transport *transport, const whi_addresses *addresses, char *out, size_t room,
                           const char **reason) {
    size_t size = 0;

    for (size_t i = 0; i < addresses->count; i++) {
        const whi_address *address = &addresses->list[i];
        const void *bytes = address->any.sa_family == AF_INET6 ? (const void *)&address->v6.sin6_addr
                                                               : (const void *)&address->v4.sin_addr;
        char text[INET6_ADDRSTRLEN];

        if (inet_ntop(address->any.sa_family, bytes, text, sizeof text) == NULL) {
            continue;
        }
        if (whi_policy_allows(transport->policy, &address->any, reason) && size + strlen(text) + 2 < room) {
            size += (size_t)snprintf(out + size, room - size, "%s%s", size ? "," : "", text);
        }
    }
    return size;
}

int whi_route_pin(whi_route *route, const whi_addresses *addresses) {
    char list[WHI_ADDRESSES * (INET6_ADDRSTRLEN + 1)], text[WHI_HOST_SIZE + 16 + sizeof list];
    const char *reason = "not allowed";
    whi_pin *pin = route->pin;
    char *copy;

    if (list_allowed(route->shard->transport, addresses, list, sizeof list, &reason) == 0) {
        return whi_fail(WH_EADDRESS, "%s is refused: %s; allow it with the option \"allow\"", pin->host, reason);
    }
    pin->expires = addresses->expires;
    snprintf(text, sizeof text, "%s:%u:%s", pin->host, pin->port, list);
    if (pin->node.data != NULL && strcmp(pin->node.data, text) == 0) {
        return WH_OK;
    }
    copy = whi_strdup(text, WH_ZSTR);
    if (copy == NULL) {
        return whi_fail_memory();
    }
    whi_free(pin->node.data);
    pin->node.data = copy;
    pin->texts++;
    pin->loaded = 0;
    return WH_OK;
}

/* ----------------------------------------------------------------------- shards */

static whi_shard *least(const whi_transport *transport, unsigned kind, size_t (*load)(const whi_shard *)) {
    whi_shard *found = NULL;

    for (size_t i = 0; i < transport->shard_count; i++) {
        whi_shard *shard = transport->shards[i];
        if (shard->kind == kind && (found == NULL || load(shard) < load(found))) {
            found = shard;
        }
    }
    return found;
}

static size_t routes_of(const whi_shard *shard) {
    return shard->active < WHI_SHARD_ACTIVE ? shard->routes : SIZE_MAX;
}

static size_t active_of(const whi_shard *shard) {
    return shard->active;
}

/* ----------------------------------------------------------------------- routes */

static size_t hash_of(const whi_transport *transport, int64_t lane, unsigned slot, unsigned kind) {
    uint64_t value = (uint64_t)lane * WHI_ROUTE_SLOTS * WHI_KINDS + slot * WHI_KINDS + kind;

    value *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio: Fibonacci hashing */
    return (size_t)(value >> 32) & (transport->route_room - 1);
}

static whi_route **route_link(const whi_transport *transport, int64_t lane, unsigned slot, unsigned kind) {
    whi_route **link = &transport->routes[hash_of(transport, lane, slot, kind)];

    while (*link != NULL && ((*link)->lane != lane || (*link)->slot != slot || (*link)->kind != kind)) {
        link = &(*link)->hash_next;
    }
    return link;
}

static int grow(whi_transport *transport) {
    size_t old_room = transport->route_room, room = old_room ? old_room * 2 : 256;
    whi_route **old = transport->routes, **routes = whi_calloc(room, sizeof *routes);

    if (routes == NULL) {
        return whi_fail_memory();
    }
    transport->routes = routes;
    transport->route_room = room;
    for (size_t i = 0; i < old_room; i++) {
        while (old[i] != NULL) {
            whi_route *route = old[i];
            whi_route **slot = &routes[hash_of(transport, route->lane, route->slot, route->kind)];
            old[i] = route->hash_next;
            route->hash_next = *slot;
            *slot = route;
        }
    }
    whi_free(old);
    return WH_OK;
}

static void unlink_age(whi_transport *transport, whi_route *route) {
    *(route->newer ? &route->newer->older : &transport->newest) = route->older;
    *(route->older ? &route->older->newer : &transport->oldest) = route->newer;
}

static void link_newest(whi_transport *transport, whi_route *route) {
    route->newer = NULL;
    route->older = transport->newest;
    *(transport->newest ? &transport->newest->newer : &transport->oldest) = route;
    transport->newest = route;
}

static void touch(whi_transport *transport, whi_route *route, int64_t now_us) {
    route->used_at = now_us;
    if (transport->newest != route) {
        unlink_age(transport, route);
        link_newest(transport, route);
    }
}

static void free_route(whi_transport *transport, whi_route *route) {
    *route_link(transport, route->lane, route->slot, route->kind) = route->hash_next;
    unlink_age(transport, route);
    transport->route_count--;
    route->shard->routes--;
    whi_pin_unref(route->pin);
    whi_target_unref(route->target);
    whi_free(route);
}

/* Keeps the number of routes bounded; their connections age in libcurl. */
static void free_oldest(whi_transport *transport) {
    whi_route *route = transport->oldest;

    while (route != NULL && transport->route_count >= transport->route_maximum) {
        whi_route *newer = route->newer;
        if (route->active == 0) {
            free_route(transport, route);
        }
        route = newer;
    }
}

/* Those that nobody has used for as long as their connections are kept. 1: some were freed. */
static int free_unused(whi_transport *transport, int64_t now_us) {
    whi_route *route = transport->oldest;
    size_t before = transport->route_count;

    while (route != NULL && now_us - route->used_at >= transport->kept_us) {
        whi_route *newer = route->newer;
        if (route->active == 0) {
            free_route(transport, route);
        }
        route = newer;
    }
    return transport->route_count < before;
}

static whi_shard *with_room(const whi_transport *transport, unsigned kind) {
    whi_shard *shard = least(transport, kind, routes_of);

    return shard != NULL && routes_of(shard) < WHI_SHARD_ROUTES ? shard : NULL;
}

/* A shard for a route that has none: one more when all have their fill. Each has descriptors of its own
 * beside its connections, so the routes of lanes that are no more give way first. */
static whi_shard *choose_shard(whi_transport *transport, unsigned kind, int64_t now_us) {
    whi_shard *shard = with_room(transport, kind);

    if (shard == NULL && free_unused(transport, now_us)) {
        shard = with_room(transport, kind);
    }
    if (shard != NULL) {
        return shard;
    }
    shard = least(transport, kind, routes_of);
    if (shard != NULL && transport->shard_count >= transport->shard_maximum) {
        return routes_of(shard) != SIZE_MAX ? shard : least(transport, kind, active_of);
    }
    shard = whi_shard_new(transport, kind);
    return shard != NULL ? shard : least(transport, kind, active_of);
}

static int new_route(whi_transport *transport, int64_t lane, unsigned slot, unsigned kind, int64_t now_us,
                     whi_route **out) {
    whi_route *route, **link;
    whi_shard *shard;

    if (transport->route_count >= transport->route_maximum) {
        free_oldest(transport);
    }
    if (transport->route_count >= transport->route_room && grow(transport) != WH_OK) {
        return WH_ENOMEM;
    }
    shard = choose_shard(transport, kind, now_us);
    route = shard != NULL ? whi_calloc(1, sizeof *route) : NULL;
    if (route == NULL) {
        return whi_fail_memory();
    }
    route->lane = lane;
    route->slot = slot;
    route->kind = kind;
    route->shard = shard;
    route->used_at = now_us;
    shard->routes++;
    link = &transport->routes[hash_of(transport, lane, slot, kind)];
    route->hash_next = *link;
    *link = route;
    transport->route_count++;
    link_newest(transport, route);
    *out = route;
    return WH_OK;
}

/* The first of a lane's slots whose shard has room for one more request. */
static int find_slot(whi_transport *transport, int64_t lane, unsigned kind, int64_t now_us, whi_route **out) {
    for (unsigned slot = 0;; slot++) {
        whi_route *route = transport->route_room ? *route_link(transport, lane, slot, kind) : NULL;

        if (route == NULL) {
            return new_route(transport, lane, slot, kind, now_us, out);
        }
        if (route->shard->active < WHI_SHARD_ACTIVE || slot == WHI_ROUTE_SLOTS - 1) {
            touch(transport, route, now_us);
            *out = route;
            return WH_OK;
        }
    }
}

/* A route whose URL changed keeps its shard; what is under way keeps what it uses. */
static int retarget(whi_route *route, const char *url, const char *proxy) {
    whi_target *target;
    whi_pin *pin = NULL;
    int code = read_target(&target, url, proxy);

    if (code == WH_OK && !target->literal) {
        code = use_pin(&pin, route->shard, target);
        if (code != WH_OK) {
            whi_target_unref(target);
        }
    }
    if (code != WH_OK) {
        return code;
    }
    whi_pin_unref(route->pin);
    whi_target_unref(route->target);
    route->pin = pin;
    route->target = target;
    return WH_OK;
}

static int leads_there(const whi_target *target, const char *url, const char *proxy) {
    if (target == NULL || strcmp(target->given, url) != 0 || (target->proxy == NULL) != (proxy == NULL)) {
        return 0;
    }
    return proxy == NULL || strcmp(target->proxy, proxy) == 0;
}

int whi_route_find(whi_transport *transport, const whi_request *request, unsigned more, int64_t now_us,
                   whi_route **out) {
    unsigned kind = (request->insecure ? WHI_KIND_INSECURE : 0) | (request->http2 ? WHI_KIND_HTTP2 : 0) |
                    (request->peer != NULL ? WHI_KIND_OWN : 0) | more;
    const char *proxy = request->peer != NULL ? request->peer->proxy : NULL;
    int code = find_slot(transport, request->lane, kind, now_us, out);

    if (code != WH_OK || leads_there((*out)->target, request->url, proxy)) {
        return code;
    }
    code = retarget(*out, request->url, proxy);
    if (code != WH_OK && (*out)->target == NULL) {
        free_route(transport, *out);
    }
    return code;
}

void whi_routes_free(whi_transport *transport) {
    while (transport->newest != NULL) {
        free_route(transport, transport->newest);
    }
    whi_free(transport->routes);
}
