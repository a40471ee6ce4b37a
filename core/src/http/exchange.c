/* One request: collected by libmicrohttpd's thread, answered by one of ours. Tests: test_http. */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "http/httpd.h"

#define BODY_FIRST 4096  /* bytes of a body that are made room for at first */
#define BODY_SMALL 65536 /* up to this a body is not counted */
#define BODIES 16        /* of the largest size, in whose room all others must be */

/* -------------------------------------------------------------------- begin and end */

/* The target may be a whole URI: its path begins behind the authority. */
static void split(whi_exchange *self) {
    char *authority, *path;

    self->query = strchr(self->target, '?');
    if (self->query != NULL) {
        *self->query++ = '\0';
    }
    authority = self->target[0] == '/' ? NULL : strstr(self->target, "://");
    path = authority != NULL ? strchr(authority + 3, '/') : self->target;
    self->path = path != NULL ? path : self->target;
}

void *whi_exchange_begin(void *cls, const char *uri, struct MHD_Connection *connection) {
    wh_http *http = cls;
    whi_exchange *self = whi_calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    self->http = http;
    self->connection = connection;
    self->target = whi_strdup(uri, strlen(uri));
    if (self->target == NULL) {
        whi_free(self);
        return NULL;
    }
    split(self);
    pthread_mutex_lock(&http->lock);
    http->active++;
    pthread_mutex_unlock(&http->lock);
    return self;
}

void whi_exchange_end(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode reason) {
    wh_http *http = cls;
    whi_exchange *self = *context;

    (void)reason;
    if (self == NULL) {
        return;
    }
    *context = NULL;
    pthread_mutex_lock(&http->lock);
    whi_line_wait(http, connection, 0);
    http->reserved -= self->reserved;
    http->active--;
    if (http->active == 0) {
        pthread_cond_broadcast(&http->quiet);
    }
    pthread_mutex_unlock(&http->lock);
    if (self->reply != NULL) {
        MHD_destroy_response(self->reply);
    }
    whi_free(self->target);
    whi_free(self->headers);
    whi_free_secret(self->body, self->capacity);
    whi_free(self);
}

/* ------------------------------------------------------------------------- the head */

typedef struct head {
    whi_exchange *exchange;
    size_t bytes;
    int lengths, encodings; /* headers that say where the body ends */
    int hosts;
    int chunked; /* the encoding is the one that there is */
    int wrong;   /* a name that is none */
    uint64_t length;
} head;

/* libmicrohttpd takes any: "Content-Length " would hide a body's length from us alone. */
static int is_name(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";

    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

/* A host and perhaps a port (RFC 9112 3.2): what else stands there, proxies read in ways of their own. */
static int is_host(const char *value) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=%:[]";

    return value[strspn(value, letters)] == '\0';
}

static enum MHD_Result see_header(void *payload, enum MHD_ValueKind kind, const char *name, const char *value) {
    head *seen = payload;
    whi_exchange *self = seen->exchange;

    (void)kind;
    value = value != NULL ? value : "";
    seen->bytes += strlen(name) + strlen(value) + 4; /* ": " and the line's end */
    seen->wrong |= !is_name(name);
    if (whi_ascii_same(name, "Host")) {
        seen->hosts++;
        seen->wrong |= !is_host(value);
    } else if (whi_ascii_same(name, "Content-Length")) {
        seen->lengths++;
        seen->length = strtoull(value, NULL, 10);
    } else if (whi_ascii_same(name, "Transfer-Encoding")) {
        seen->encodings++;
        seen->chunked = whi_ascii_same(value, "chunked");
    }
    self->headers[self->header_count].name = name;
    self->headers[self->header_count++].value = value;
    return MHD_YES;
}

/* A status, or 0. A body with two ends is how requests are smuggled past a proxy; one in an
 * encoding that libmicrohttpd does not know it would read until the connection's end, and
 * with it the requests behind it. */
static int judge(const whi_exchange *self, const head *seen, const char *version) {
    if (seen->bytes > self->http->header_bytes) {
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    if (seen->wrong || seen->lengths + seen->encodings > 1 || seen->hosts > 1 ||
        (seen->hosts == 0 && strcmp(version, "HTTP/1.0") != 0) ||
        (seen->encodings > 0 && strcmp(version, "HTTP/1.0") == 0)) {
        return MHD_HTTP_BAD_REQUEST;
    }
    return seen->encodings > 0 && !seen->chunked ? MHD_HTTP_NOT_IMPLEMENTED : 0;
}

/* The API alone knows its routes: which of them take long, and what their bodies may be. */
static void ask_needs(whi_exchange *self) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_needs needs = WH_API_NEEDS_INIT;

    request.method = self->method;
    request.path = self->path;
    wh_api_look(self->http->api, &request, &needs);
    self->slow = needs.slow;
    self->limit = (size_t)needs.body_bytes;
}

/* Reads the headers, whose texts live as long as the request. */
static enum MHD_Result read_head(whi_exchange *self, const char *version) {
    int count = MHD_get_connection_values(self->connection, MHD_HEADER_KIND, NULL, NULL);
    head seen = { .exchange = self, .bytes = strlen(self->path) };

    self->headers = whi_calloc((size_t)count + 1, sizeof *self->headers);
    if (self->headers == NULL) {
        return MHD_NO;
    }
    MHD_get_connection_values(self->connection, MHD_HEADER_KIND, see_header, &seen);
    seen.bytes += self->query != NULL ? strlen(self->query) : 0;
    self->refused = judge(self, &seen, version);
    if (self->refused == 0) {
        ask_needs(self);
        self->excess = seen.length > self->limit;
    }
    return MHD_YES;
}

static void own_peer(whi_exchange *self) {
    const struct sockaddr *address =
        MHD_get_connection_info(self->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    socklen_t size = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (getnameinfo(address, size, self->peer, sizeof self->peer, NULL, 0, NI_NUMERICHOST) != 0) {
        self->peer[0] = '\0';
    }
}

/* The last item of the last such header: the proxy wrote it, what is before it anybody may
 * have. */
static void find_peer(whi_exchange *self) {
    const char *value = NULL, *comma;
    size_t size;

    for (size_t i = 0; self->http->forwarded != NULL && i < self->header_count; i++) {
        if (whi_ascii_same(self->headers[i].name, self->http->forwarded)) {
            value = self->headers[i].value;
        }
    }
    own_peer(self);
    if (value == NULL) {
        return;
    }
    comma = strrchr(value, ',');
    value = comma != NULL ? comma + 1 : value;
    value += strspn(value, " \t");
    size = strcspn(value, " \t");
    if (size > 0 && size < sizeof self->peer) {
        memcpy(self->peer, value, size);
        self->peer[size] = '\0';
    }
}

/* ------------------------------------------------------------------------- the body */

/* Nobody has asked yet who sends this: all together must not take all the memory. */
static int reserve(whi_exchange *self, size_t capacity) {
    wh_http *http = self->http;
    size_t more = capacity - self->reserved;
    int has_room;

    if (capacity <= BODY_SMALL) {
        return 1;
    }
    pthread_mutex_lock(&http->lock);
    has_room = more <= BODIES * (http->body_bytes + BODY_SMALL) - http->reserved;
    if (has_room) {
        http->reserved += more;
        self->reserved = capacity;
    }
    pthread_mutex_unlock(&http->lock);
    return has_room;
}

/* Beyond the limit nothing is kept, and no more is read than once as much again: to a client
 * that goes on sending, an answer would be lost. */
static enum MHD_Result keep(whi_exchange *self, const char *data, size_t size) {
    size_t limit = self->limit, capacity = self->capacity ? self->capacity : BODY_FIRST;
    char *body;

    if (self->excess > 0 || size > limit - self->size) {
        self->excess += size;
        return self->excess <= limit ? MHD_YES : MHD_NO;
    }
    while (capacity < self->size + size) {
        capacity *= 2;
    }
    if (capacity > self->capacity) {
        body = reserve(self, capacity) ? whi_realloc(self->body, capacity) : NULL;
        if (body == NULL) {
            return MHD_NO;
        }
        self->body = body;
        self->capacity = capacity;
    }
    memcpy(self->body + self->size, data, size);
    self->size += size;
    return MHD_YES;
}

/* ----------------------------------------------------------------------- the answer */

/* libmicrohttpd leaves the body of an answer to HEAD away by itself. A body beyond the limit
 * is only counted: the API says so in the caller's own shape. */
static void ask(whi_exchange *self, wh_api_response *out) {
    wh_api_request request = WH_API_REQUEST_INIT;

    find_peer(self);
    request.method = strcmp(self->method, "HEAD") == 0 ? "GET" : self->method;
    request.path = self->path;
    request.query = self->query;
    request.headers = self->headers;
    request.header_count = self->header_count;
    request.body = self->body != NULL ? self->body : "";
    request.body_size = self->excess > 0 ? self->limit + 1 : self->size;
    request.peer = self->peer;
    wh_api_handle(self->http->api, &request, out);
}

static struct MHD_Response *make_reply(wh_api_response *answer) {
    struct MHD_Response *made;

    if (answer->body == NULL) {
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    made = MHD_create_response_from_buffer_with_free_callback(answer->body_size, answer->body, wh_free);
    if (made == NULL) {
        wh_free(answer->body);
    }
    return made;
}

static int add_headers(whi_exchange *self, const wh_api_response *answer, int closes) {
    int good = answer->content_type == NULL ||
               (MHD_add_response_header(self->reply, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type) == MHD_YES &&
                MHD_add_response_header(self->reply, "X-Content-Type-Options", "nosniff") == MHD_YES);

    for (size_t i = 0; i < answer->header_count; i++) {
        good =
            good && MHD_add_response_header(self->reply, answer->headers[i].name, answer->headers[i].value) == MHD_YES;
    }
    return good && (!closes || MHD_add_response_header(self->reply, "Connection", "close") == MHD_YES);
}

static const char *refusal_of(int status) {
    switch (status) {
    case MHD_HTTP_BAD_REQUEST:
        return "{\"error\":{\"code\":\"invalid\",\"message\":\"headers: a name that is none, no Host or another than "
               "one, or two ends of the body\"}}";
    case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
        return "{\"error\":{\"code\":\"limit\",\"message\":\"headers: more bytes than the limit\"}}";
    case MHD_HTTP_NOT_IMPLEMENTED:
        return "{\"error\":{\"code\":\"invalid\",\"message\":\"Transfer-Encoding: expected chunked\"}}";
    default:
        return "{\"error\":{\"code\":\"closed\",\"message\":\"the server is stopping\"}}";
    }
}

/* What never came to the API, in the shape of the standard one; without memory it has no body. */
static void refuse(int status, wh_api_response *out) {
    out->status = status;
    out->body = whi_strdup(refusal_of(status), WH_ZSTR);
    if (out->body != NULL) {
        out->body_size = strlen(out->body);
        out->content_type = "application/json";
    }
}

static void answer(whi_exchange *self, int stopping, int ended) {
    wh_api_response response = WH_API_RESPONSE_INIT;

    if (ended || self->refused) {
        refuse(ended ? MHD_HTTP_SERVICE_UNAVAILABLE : self->refused, &response);
    } else {
        ask(self, &response);
    }
    self->status = response.status;
    self->reply = make_reply(&response);
    if (self->reply != NULL && !add_headers(self, &response, stopping || self->refused || self->excess > 0)) {
        MHD_destroy_response(self->reply);
        self->reply = NULL;
    }
}

static enum MHD_Result reply(whi_exchange *self) {
    enum MHD_Result queued = MHD_NO;

    pthread_mutex_lock(&self->http->lock);
    whi_line_wait(self->http, self->connection, 1);
    pthread_mutex_unlock(&self->http->lock);
    if (self->reply != NULL) {
        queued = MHD_queue_response(self->connection, (unsigned)self->status, self->reply);
    }
    return queued;
}

/* ------------------------------------------------------------------------ the queue */

/* Under the lock. */
static void enqueue(whi_exchange *self) {
    wh_http *http = self->http;

    MHD_suspend_connection(self->connection);
    if (http->first == NULL) {
        http->first = self;
    } else {
        http->last->next = self;
    }
    http->last = self;
    pthread_cond_signal(&http->work);
}

static enum MHD_Result submit(whi_exchange *self) {
    wh_http *http = self->http;
    int stopping, ended;

    pthread_mutex_lock(&http->lock);
    stopping = http->stopping;
    ended = http->ended;
    if (!ended) {
        self->state = WHI_HTTP_WAITING;
        whi_line_work(http, self->connection);
        if (self->slow) {
            enqueue(self);
        }
    }
    pthread_mutex_unlock(&http->lock);
    if (ended || self->slow) {
        return ended ? MHD_NO : MHD_YES;
    }
    answer(self, stopping, 0);
    return reply(self);
}

void *whi_exchange_answer(void *payload) {
    wh_http *http = payload;

    pthread_mutex_lock(&http->lock);
    for (;;) {
        whi_exchange *self = http->first;
        int stopping = http->stopping, ended = http->ended;
        if (self == NULL && ended) {
            break;
        }
        if (self == NULL) {
            pthread_cond_wait(&http->work, &http->lock);
            continue;
        }
        http->first = self->next;
        pthread_mutex_unlock(&http->lock);
        answer(self, stopping, ended);
        self->state = WHI_HTTP_ANSWERED;
        MHD_resume_connection(self->connection);
        pthread_mutex_lock(&http->lock);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

/* ---------------------------------------------------------------- libmicrohttpd calls */

enum MHD_Result whi_exchange_go(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **context) {
    whi_exchange *self = *context;
    enum MHD_Result result;

    (void)cls;
    (void)connection;
    (void)url;
    if (self == NULL) {
        return MHD_NO;
    }
    if (self->state == WHI_HTTP_ANSWERED) {
        return reply(self);
    }
    if (self->state == WHI_HTTP_NEW) {
        self->state = WHI_HTTP_READING;
        self->method = method;
        result = read_head(self, version);
        return result == MHD_YES && (self->refused || self->excess > 0) ? submit(self) : result;
    }
    if (*size == 0) {
        return submit(self);
    }
    result = keep(self, data, *size);
    *size = 0;
    return result;
}
