/* Tests: test_transport, test_transport_both, test_transport_direct. */
#include "outside/transport_direct.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"

/* ---------------------------------------------------------------------- in a table */

typedef struct key {
    int64_t lane;
    int insecure;
} key;

static uint32_t hash_of(int64_t lane, int insecure) {
    return whi_table_spread((uint64_t)lane * 2 + (unsigned)insecure);
}

static uint32_t endpoint_hash(const void *entry) {
    const whi_endpoint *endpoint = entry;

    return hash_of(endpoint->lane, endpoint->insecure);
}

static int endpoint_is(const void *entry, const void *wanted) {
    const whi_endpoint *endpoint = entry;
    const key *is = wanted;

    return endpoint->lane == is->lane && endpoint->insecure == is->insecure;
}

static const whi_table_kind endpoints = { endpoint_hash, endpoint_is };

static void unlink_age(whi_direct *direct, whi_endpoint *endpoint) {
    *(endpoint->newer ? &endpoint->newer->older : &direct->newest) = endpoint->older;
    *(endpoint->older ? &endpoint->older->newer : &direct->oldest) = endpoint->newer;
}

static void link_newest(whi_direct *direct, whi_endpoint *endpoint) {
    endpoint->newer = NULL;
    endpoint->older = direct->newest;
    *(direct->newest ? &direct->newest->newer : &direct->oldest) = endpoint;
    direct->newest = endpoint;
}

static void free_endpoint(whi_direct *direct, whi_endpoint *endpoint) {
    key is = { endpoint->lane, endpoint->insecure };

    whi_table_take(&direct->endpoints, &endpoints, hash_of(is.lane, is.insecure), &is);
    unlink_age(direct, endpoint);
    whi_destination_unref(endpoint->destination);
    whi_free(endpoint);
}

void whi_endpoints_free(whi_direct *direct) {
    while (direct->newest != NULL) {
        free_endpoint(direct, direct->newest);
    }
    whi_table_free(&direct->endpoints);
}

static void free_oldest(whi_direct *direct, size_t most) {
    whi_endpoint *endpoint = direct->oldest;

    while (endpoint != NULL && direct->endpoints.count >= most) {
        whi_endpoint *newer = endpoint->newer;
        if (endpoint->connections == 0) {
            free_endpoint(direct, endpoint);
        }
        endpoint = newer;
    }
}

/* -------------------------------------------------------------------- destinations */

void whi_destination_unref(whi_destination *destination) {
    if (destination == NULL || --destination->refs > 0) {
        return;
    }
    whi_free(destination->given);
    whi_free(destination->start);
    whi_free(destination->host);
    whi_peer_unref(destination->peer);
    whi_free(destination);
}

int whi_destination_same(const whi_destination *one, const whi_destination *other) {
    return one == other || (one->https == other->https && one->port == other->port &&
                            strcmp(one->host, other->host) == 0 && whi_peer_same(one->peer, other->peer));
}

/* The host as a request names it: the port of the scheme is not told. */
static void add_host(whi_buf *out, const whi_url *url) {
    const char *host = strstr(url->text, "://") + 3;
    size_t size = strcspn(host, "/?#");
    const char *port = url->https ? ":443" : ":80";
    size_t tail = strlen(port);

    whi_buf_add(out, host, size > tail && memcmp(host + size - tail, port, tail) == 0 ? size - tail : size);
}

static int make_start(const whi_url *url, whi_destination *out) {
    const char *path = strstr(url->text, "://") + 3;
    whi_buf start;

    path += strcspn(path, "/?#");
    whi_buf_init(&start, WHI_URL_SIZE * 2);
    whi_buf_text(&start, *path == '/' ? "POST " : "POST /");
    whi_buf_text(&start, path);
    whi_buf_text(&start, " HTTP/1.1\r\nHost: ");
    add_host(&start, url);
    whi_buf_text(&start, "\r\n");
    return whi_buf_take(&start, &out->start, &out->start_size);
}

static int make_destination(const char *given, whi_peer *peer, whi_destination **out) {
    whi_destination *destination;
    whi_url url;
    int code = whi_url_parse(&url, given);

    if (code != WH_OK) {
        return code;
    }
    destination = whi_calloc(1, sizeof *destination);
    if (destination == NULL) {
        return whi_fail_memory();
    }
    destination->refs = 1;
    destination->peer = whi_peer_ref(peer);
    destination->port = url.port;
    destination->https = url.https;
    destination->given = whi_strdup(given, WH_ZSTR);
    destination->host = whi_strdup(url.host, WH_ZSTR);
    code = make_start(&url, destination);
    if (code != WH_OK || destination->given == NULL || destination->host == NULL) {
        whi_destination_unref(destination);
        return code != WH_OK ? code : whi_fail_memory();
    }
    *out = destination;
    return WH_OK;
}

/* What is under way keeps what it has; idle connections that lead elsewhere are closed when one is wanted. */
static int set_destination(whi_endpoint *endpoint, const whi_request *request) {
    whi_destination *destination = NULL, *former = endpoint->destination;
    int code = make_destination(request->url, request->peer, &destination);

    if (code != WH_OK) {
        return code;
    }
    if (former != NULL && !whi_destination_same(former, destination)) {
        endpoint->odd = 0;
    }
    endpoint->destination = destination;
    whi_destination_unref(former);
    return WH_OK;
}

/* ------------------------------------------------------------------------- finding */

static int make_endpoint(whi_transport *transport, const key *is, whi_endpoint **out) {
    whi_direct *direct = transport->direct;
    whi_endpoint *endpoint;

    if (direct->endpoints.count >= transport->route_maximum) {
        free_oldest(direct, transport->route_maximum);
    }
    if (whi_table_reserve(&direct->endpoints, &endpoints) != WH_OK) {
        return WH_ENOMEM;
    }
    endpoint = whi_calloc(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return whi_fail_memory();
    }
    endpoint->lane = is->lane;
    endpoint->insecure = is->insecure;
    whi_table_put(&direct->endpoints, &endpoints, endpoint);
    link_newest(direct, endpoint);
    *out = endpoint;
    return WH_OK;
}

static int leads_there(const whi_destination *destination, const whi_request *request) {
    return destination != NULL && strcmp(destination->given, request->url) == 0 &&
           whi_peer_same(destination->peer, request->peer);
}

int whi_endpoint_find(whi_transport *transport, const whi_request *request, whi_endpoint **out) {
    whi_direct *direct = transport->direct;
    key is = { request->lane, request->insecure != 0 };
    whi_endpoint *endpoint = whi_table_get(&direct->endpoints, &endpoints, hash_of(is.lane, is.insecure), &is);
    int code = WH_OK;

    if (endpoint == NULL) {
        code = make_endpoint(transport, &is, &endpoint);
    } else if (direct->newest != endpoint) {
        unlink_age(direct, endpoint);
        link_newest(direct, endpoint);
    }
    if (code == WH_OK && !leads_there(endpoint->destination, request)) {
        code = set_destination(endpoint, request);
        if (code != WH_OK && endpoint->destination == NULL) {
            free_endpoint(direct, endpoint);
        }
    }
    *out = endpoint;
    return code;
}

/* ------------------------------------------------------------------- idle connections */

void whi_endpoint_put_idle(whi_direct *direct, whi_connection *connection) {
    whi_endpoint *endpoint = connection->endpoint;

    connection->is_idle = 1;
    connection->above = NULL;
    connection->below = endpoint->idle;
    if (endpoint->idle != NULL) {
        endpoint->idle->above = connection;
    }
    endpoint->idle = connection;
    connection->newer = NULL;
    connection->older = direct->idle_newest;
    *(direct->idle_newest ? &direct->idle_newest->newer : &direct->idle_oldest) = connection;
    direct->idle_newest = connection;
}

void whi_endpoint_take_idle(whi_direct *direct, whi_connection *connection) {
    connection->is_idle = 0;
    *(connection->above ? &connection->above->below : &connection->endpoint->idle) = connection->below;
    if (connection->below != NULL) {
        connection->below->above = connection->above;
    }
    *(connection->newer ? &connection->newer->older : &direct->idle_newest) = connection->older;
    *(connection->older ? &connection->older->newer : &direct->idle_oldest) = connection->newer;
}

/* -------------------------------------------------------------------------- the head */

#define SAYS_AGENT 1
#define SAYS_ACCEPT 2
#define SAYS_OTHER 4 /* what frames the message or the connection */

static int is_named(const char *line, const char *name) {
    size_t size = strlen(name);

    return whi_ascii_same_part(line, name, size) && (line[size] == ':' || line[size] == ';');
}

static int is_among(const char *line, const char *const *names) {
    while (*names != NULL && !is_named(line, *names)) {
        names++;
    }
    return *names != NULL;
}

static unsigned say(const char *line) {
    static const char *const others[] = { "connection", "content-length",    "expect",  "host",    "keep-alive",
                                          "te",         "transfer-encoding", "trailer", "upgrade", NULL };

    switch (line[0] | 32) {
    case 'a':
        return is_named(line, "accept") ? SAYS_ACCEPT : 0;
    case 'u':
        if (is_named(line, "user-agent")) {
            return SAYS_AGENT;
        }
        return is_among(line, others) ? SAYS_OTHER : 0;
    case 'c':
    case 'e':
    case 'h':
    case 'k':
    case 't':
        return is_among(line, others) ? SAYS_OTHER : 0;
    default:
        return 0;
    }
}

static unsigned say_all(const whi_request *request) {
    unsigned says = 0;

    for (size_t i = 0; i < request->line_count; i++) {
        says |= say(request->lines[i]);
    }
    return says;
}

int whi_endpoint_is_unusual(const whi_request *request) {
    return (say_all(request) & SAYS_OTHER) != 0;
}

/* As libcurl has it: "Name;" is a field without a value, "Name:" none at all. */
static void add_line(whi_buf *head, const char *line) {
    const char *colon = strchr(line, ':');
    size_t size = strlen(line);

    if (colon != NULL && colon[1 + strspn(colon + 1, " \t")] != '\0') {
        whi_buf_add(head, line, size);
        whi_buf_add(head, "\r\n", 2);
    } else if (colon == NULL && size > 1 && line[size - 1] == ';') {
        whi_buf_add(head, line, size - 1);
        whi_buf_add(head, ":\r\n", 3);
    }
}

int whi_endpoint_head(whi_direct *direct, const whi_destination *destination, const whi_request *request) {
    static const char accept[] = "Accept: */*\r\n", length[] = "Content-Length: ";
    unsigned says = say_all(request);
    whi_buf *head = &direct->head;

    whi_buf_clear(head);
    whi_buf_add(head, destination->start, destination->start_size);
    if (!(says & SAYS_AGENT)) {
        whi_buf_text(head, direct->agent);
    }
    if (!(says & SAYS_ACCEPT)) {
        whi_buf_add(head, accept, sizeof accept - 1);
    }
    for (size_t i = 0; i < request->line_count; i++) {
        add_line(head, request->lines[i]);
    }
    whi_buf_add(head, length, sizeof length - 1);
    whi_buf_int(head, (int64_t)request->body_size);
    whi_buf_add(head, "\r\n\r\n", 4);
    return whi_buf_status(head);
}
