/* Tests: test_transport. */
#include "outside/transport_curl.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "outside/certificate.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define POOL_MAXIMUM 1024     /* idle handles kept, 6 KB each */
#define KEPT_MS 60000         /* below the 75 s after which nginx closes: closing first meets no request */
#define DESCRIPTORS_LEFT 64   /* of the process, for everything else */
#define WAIT_MAXIMUM 86400000 /* ms; longer timeouts are cut to a day */

/* --------------------------------------------------------------------- finishing */

void whi_transfer_finished(whi_transfer *transfer) {
    whi_transport *transport = transfer->transport;

    whi_timer_stop(transport, &transfer->timer);
    transfer->queue_next = NULL;
    transfer->has_ended = 1;
    *transport->finished_end = transfer;
    transport->finished_end = &transfer->queue_next;
}

/* Leaves libcurl and the lists of what is under way. */
static void put_down(whi_transfer *transfer) {
    if (transfer->shard != NULL) {
        whi_shard_remove(transfer->shard, transfer);
    }
    whi_timer_stop(transfer->transport, &transfer->timer);
    whi_resolver_cancel(&transfer->waiter);
    whi_transfer_reset(transfer);
}

static void unlink_under_way(whi_transfer *transfer) {
    *(transfer->previous ? &transfer->previous->next : &transfer->transport->under_way) = transfer->next;
    if (transfer->next != NULL) {
        transfer->next->previous = transfer->previous;
    }
}

void whi_transfer_give_back(whi_transfer *transfer) {
    whi_transport *transport = transfer->transport;

    if (transport->pooled >= POOL_MAXIMUM || transfer->kind & WHI_KIND_OWN) {
        transport->transfers--;
        whi_transfer_free(transfer);
        return;
    }
    transport->pooled++;
    transfer->next = transport->pool[transfer->kind];
    transport->pool[transfer->kind] = transfer;
}

/* The request is the caller's again from here on, and the transfer may not be
 * touched by what done starts: it goes back after. */
static void call_done(whi_transfer *transfer) {
    whi_request *request = transfer->request;

    unlink_under_way(transfer);
    transfer->route->active--;
    if (transfer->kind & WHI_KIND_CONNECT) {
        transfer->transport->above->connected(transfer);
        return;
    }
    request->duration_us = whi_monotonic_us() - transfer->started;
    request->done(request, request->payload);
    transfer->request = NULL;
    whi_transfer_give_back(transfer);
}

/* Only those that had ended before: done may send, and that may fail at once. */
static void answer(whi_transport *transport) {
    whi_transfer *transfer = transport->finished;

    transport->finished = NULL;
    transport->finished_end = &transport->finished;
    while (transfer != NULL) {
        whi_transfer *next = transfer->queue_next;
        call_done(transfer);
        transfer = next;
    }
}

static void fail_transfer(whi_transfer *transfer, int code, const char *message) {
    put_down(transfer);
    whi_transfer_fail(transfer, code, message);
    whi_transfer_finished(transfer);
}

/* ---------------------------------------------------------------------- starting */

static void wait_for_room(whi_transfer *transfer) {
    whi_transport *transport = transfer->transport;

    transfer->queue_next = NULL;
    transfer->waits_for_room = 1;
    *transport->room_end = transfer;
    transport->room_end = &transfer->queue_next;
    whi_timer_set(transport, &transfer->timer, transfer->deadline);
}

static int start(whi_transfer *transfer, int64_t now) {
    whi_shard *shard = transfer->route->shard;
    int code = whi_transfer_prepare(transfer, now);

    if (code == WH_OK) {
        shard->used_at = now;
        code = whi_shard_add(shard, transfer);
    }
    if (code != WH_OK) {
        whi_transfer_reset(transfer);
    } else if (transfer->answer_by != 0) {
        whi_timer_set(transfer->transport, &transfer->timer, transfer->answer_by);
    }
    return code;
}

static void start_or_fail(whi_transfer *transfer, int64_t now) {
    int code = start(transfer, now);

    if (code != WH_OK) {
        fail_transfer(transfer, code == WH_ENOMEM ? code : WH_ECONNECT, wh_last_error());
    }
}

/* The addresses of a host have come. */
static int use_addresses(whi_transfer *transfer, const whi_addresses *addresses) {
    if (addresses->code != WH_OK) {
        return whi_fail(addresses->code, "%s", addresses->message);
    }
    return whi_route_pin(transfer->route, addresses);
}

static void on_addresses(whi_waiter *waiter, const whi_addresses *addresses) {
    whi_transfer *transfer = (whi_transfer *)((char *)waiter - offsetof(whi_transfer, waiter));
    int code = use_addresses(transfer, addresses);

    whi_timer_stop(transfer->transport, &transfer->timer);
    if (code != WH_OK) {
        fail_transfer(transfer, code, wh_last_error());
    } else {
        start_or_fail(transfer, whi_monotonic_us());
    }
}

/* Starts it, or lets it wait for its addresses. */
static int resolve(whi_transfer *transfer, int64_t now) {
    whi_pin *pin = transfer->route->pin;
    const whi_addresses *addresses;
    int code;

    if (pin == NULL || (pin->node.data != NULL && pin->expires > now)) {
        return start(transfer, now);
    }
    transfer->waiter.ready = on_addresses;
    code = whi_resolver_ask(transfer->transport->resolver, pin->host, &transfer->waiter, &addresses);
    if (code != WH_OK) {
        return code;
    }
    if (addresses == NULL) {
        whi_timer_set(transfer->transport, &transfer->timer,
                      transfer->connect_by < transfer->deadline ? transfer->connect_by : transfer->deadline);
        return WH_OK;
    }
    code = use_addresses(transfer, addresses);
    if (code == WH_OK) {
        return start(transfer, now);
    }
    whi_transfer_fail(transfer, code, wh_last_error());
    whi_transfer_finished(transfer);
    return WH_OK;
}

/* ----------------------------------------------------------------------- sending */

/* A line end in a header would let its owner write headers of their own. */
int whi_request_check(const whi_request *request) {
    if (request->line_count > WHI_REQUEST_LINES) {
        return whi_fail_field(WH_EINVALID, "headers", "%zu of them, expected at most %d", request->line_count,
                              WHI_REQUEST_LINES);
    }
    for (size_t i = 0; i < request->line_count; i++) {
        if (strpbrk(request->lines[i], "\r\n") != NULL) {
            return whi_fail_field(WH_EINVALID, "headers", "line %zu holds a line end", i);
        }
    }
    return WH_OK;
}

static int is_https(const whi_target *target) {
    return target->https || (target->proxy != NULL && strncmp(target->proxy, "https:", 6) == 0);
}

static int trust(whi_transport *transport, const whi_route *route) {
    if (!is_https(route->target) || (route->kind & WHI_KIND_INSECURE) || transport->trust != NULL ||
        transport->trust_by_file) {
        return WH_OK;
    }
    return whi_certificates_get(&transport->trust, transport->ca_file);
}

static int take_transfer(whi_transport *transport, unsigned kind, whi_transfer **out) {
    whi_transfer *transfer = transport->pool[kind];
    int code;

    if (transfer == NULL) {
        code = whi_timer_reserve(transport);
        code = code == WH_OK ? whi_transfer_new(&transfer, transport, kind) : code;
        if (code != WH_OK) {
            return code;
        }
        transport->transfers++;
    } else {
        transport->pool[kind] = transfer->next;
        transport->pooled--;
    }
    transfer->has_ended = 0;
    transfer->previous = NULL;
    transfer->next = transport->under_way;
    if (transfer->next != NULL) {
        transfer->next->previous = transfer;
    }
    transport->under_way = transfer;
    *out = transfer;
    return WH_OK;
}

int64_t whi_span_us(int64_t ms) {
    return (ms < 1 ? 1 : ms > WAIT_MAXIMUM ? WAIT_MAXIMUM : ms) * 1000;
}

int whi_curl_submit(whi_transport *transport, whi_request *request, unsigned more, int64_t started) {
    whi_transfer *transfer = NULL;
    whi_route *route = NULL;
    int64_t now_us = whi_monotonic_us();
    int code = whi_route_find(transport, request, more, now_us, &route);

    code = code == WH_OK ? trust(transport, route) : code;
    code = code == WH_OK ? take_transfer(transport, route->kind, &transfer) : code;
    if (code != WH_OK) {
        return code;
    }
    request->retry_after[0] = '\0';
    transfer->request = request;
    transfer->route = route;
    transfer->socket = -1;
    transfer->started = started;
    transfer->deadline = started + whi_span_us(request->timeout);
    transfer->connect_by = now_us + whi_span_us(request->connect_timeout);
    transfer->answer_by = request->answer_timeout != 0 ? started + whi_span_us(request->answer_timeout) : 0;
    route->active++;
    code = resolve(transfer, now_us);
    if (code != WH_OK) {
        route->active--;
        unlink_under_way(transfer);
        whi_transfer_give_back(transfer);
    }
    return code;
}

static int curl_send(whi_transport *transport, whi_request *request) {
    int code = whi_request_check(request);

    return code == WH_OK ? whi_curl_submit(transport, request, 0, whi_monotonic_us()) : code;
}

/* ------------------------------------------------------------------------ turning */

/* Of a connection that was made libcurl lets go of the socket, unless there is TLS on it, which it goes on to do.
 * 1: so the transfer stays in its shard. Without a socket (socket is -1) it has nothing to stay for. */
static int hand_over(whi_transfer *transfer) {
    curl_socket_t fd = CURL_SOCKET_BAD;

    transfer->socket = -1;
    if (curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD) {
        return 0;
    }
    transfer->socket = fd;
    transfer->transport->sockets[fd].taken = !transfer->target->https;
    return transfer->target->https;
}

static void take_result(whi_transfer *transfer, CURLcode result) {
    whi_shard *shard = transfer->shard;

    if (transfer->ending == WHI_NO_ROOM && result == CURLE_COULDNT_CONNECT && whi_monotonic_us() < transfer->deadline) {
        put_down(transfer);
        wait_for_room(transfer);
        return;
    }
    if (!(transfer->kind & WHI_KIND_CONNECT) || result != CURLE_OK || !hand_over(transfer)) {
        whi_shard_remove(shard, transfer);
    }
    whi_transfer_judge(transfer, result);
    whi_transfer_reset(transfer);
    whi_transfer_finished(transfer);
}

static void reap_shard(whi_shard *shard) {
    CURLMsg *message;
    char *payload;
    int left;

    while ((message = curl_multi_info_read(shard->multi, &left)) != NULL) {
        CURLcode result = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &payload) == CURLE_OK) {
            take_result((whi_transfer *)payload, result);
        }
    }
}

static void reap(whi_transport *transport) {
    while (transport->acted != NULL) {
        whi_shard *shard = transport->acted;
        transport->acted = shard->acted_next;
        shard->acted = 0;
        reap_shard(shard);
    }
}

static void curl_ready(whi_transport *transport, const whi_ready *ready, int count) {
    for (int i = 0; i < count; i++) {
        whi_shard_ready(transport, &ready[i]);
    }
    reap(transport);
    answer(transport);
}

static void unlink_room(whi_transfer *transfer) {
    whi_transport *transport = transfer->transport;
    whi_transfer **link = &transport->room;

    while (*link != transfer) {
        link = &(*link)->queue_next;
    }
    *link = transfer->queue_next;
    if (*link == NULL) {
        transport->room_end = link;
    }
    transfer->waits_for_room = 0;
}

/* It is under way, and the first byte should be there. */
static void answer_time_out(whi_transfer *transfer) {
    char message[64];

    if (transfer->header_bytes > 0 || transfer->has_ended) {
        return;
    }
    snprintf(message, sizeof message, "no answer within %lld ms (answer timeout)",
             (long long)transfer->request->answer_timeout);
    fail_transfer(transfer, WH_ETIMEOUT, message);
}

static void time_out(whi_transfer *transfer) {
    int code = transfer->waits_for_room ? WH_ERESOURCE : WH_ETIMEOUT;
    char message[128];

    if (transfer->waits_for_room) {
        unlink_room(transfer);
        snprintf(message, sizeof message, "no room for a connection within %lld ms: %lld are open",
                 (long long)transfer->request->timeout, (long long)transfer->transport->socket_count);
    } else {
        snprintf(message, sizeof message, "the host name has no answer in time (%s)",
                 transfer->connect_by < transfer->deadline ? "connect timeout" : "timeout");
    }
    fail_transfer(transfer, code, message);
}

static void run_timer(whi_transport *transport, whi_timer *timer) {
    switch (timer->kind) {
    case WHI_TIMER_TRANSFER:
        if (((whi_transfer *)timer)->shard != NULL) {
            answer_time_out((whi_transfer *)timer);
        } else {
            time_out((whi_transfer *)timer);
        }
        return;
    case WHI_TIMER_CONNECTION:
        transport->above->due(timer);
        return;
    default:
        whi_shard_due((whi_shard *)timer);
    }
}

/* Each at most once: a shard whose timer is due again at once waits for the next turn,
 * so that descriptors and callers get theirs. */
static void run_due(whi_transport *transport) {
    int64_t now = whi_monotonic_us();
    size_t count = transport->timers.count;

    while (count-- > 0 && transport->timers.count > 0 && whi_heap_first(&transport->timers)->due <= now) {
        whi_timer *timer = (whi_timer *)whi_heap_first(&transport->timers);
        whi_timer_stop(transport, timer);
        run_timer(transport, timer);
    }
}

/* As many as there may be requests: each finds a kept connection or makes a new one.
 * One that finds neither comes back to the end of the line. How long it had to wait here is no
 * word about how fast the other side connects. */
static void use_room(whi_transport *transport) {
    int64_t count = transport->socket_maximum - transport->active - transport->taken;
    int64_t now = whi_monotonic_us();

    transport->room_changed = 0;
    while (transport->room != NULL && count-- > 0) {
        whi_transfer *transfer = transport->room;
        unlink_room(transfer);
        whi_timer_stop(transport, &transfer->timer);
        transfer->connect_by = now + whi_span_us(transfer->request->connect_timeout);
        transfer->answer_by = transfer->answer_by != 0 ? now + whi_span_us(transfer->request->answer_timeout) : 0;
        start_or_fail(transfer, now);
    }
}

static void curl_tick(whi_transport *transport) {
    whi_resolver_collect(transport->resolver);
    run_due(transport);
    reap(transport);
    if (transport->pressed || transport->cache_size != WHI_SHARD_CONNECTIONS) {
        whi_shards_relieve(transport);
    }
    if (transport->room != NULL && transport->room_changed) {
        use_room(transport);
    }
    answer(transport);
    /* What done has sent goes out at once. */
    run_due(transport);
    reap(transport);
}

static void curl_cut(whi_transport *transport, const whi_request *only, const char *message) {
    for (whi_transfer *transfer = transport->under_way; transfer != NULL; transfer = transfer->next) {
        if (transfer->has_ended || (only != NULL && transfer->request != only)) {
            continue;
        }
        if (transfer->waits_for_room) {
            unlink_room(transfer);
        }
        fail_transfer(transfer, WH_ECLOSED, message);
    }
}

static int curl_timeout(const whi_transport *transport) {
    int64_t wait;

    if (transport->finished != NULL || transport->pressed || (transport->room != NULL && transport->room_changed)) {
        return 0;
    }
    if (transport->timers.count == 0) {
        return -1;
    }
    if (whi_heap_first(&transport->timers)->due == 0) {
        return 0;
    }
    wait = (whi_heap_first(&transport->timers)->due - whi_monotonic_us() + 999) / 1000;
    return wait < 0 ? 0 : wait > WAIT_MAXIMUM ? WAIT_MAXIMUM : (int)wait;
}

/* ---------------------------------------------------------------- opening, closing */

static CURLcode global_code;

/* Ours alone: libcurl counts how often it is initialised, and guards that against other
 * threads of the host since 7.84. */
static void init_curl(void) {
    whi_crypto_begin();
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* One connection is one descriptor, so there cannot be more than these. */
static int64_t most_sockets(int64_t wanted) {
    struct rlimit limit;
    int64_t most = wanted;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        most = (int64_t)limit.rlim_cur - DESCRIPTORS_LEFT;
    }
    most = most < wanted ? most : wanted;
    return most < 1 ? 1 : most;
}

static void set_sizes(whi_transport *transport) {
    int64_t most = most_sockets(transport->limits.connections);
    int64_t shards = most / (WHI_SHARD_ROUTES / 2) + WHI_KINDS;

    transport->socket_maximum = most;
    transport->cache_size = WHI_SHARD_CONNECTIONS;
    /* Each kind may have one beyond that. */
    shards = shards < WHI_SHARDS_MAXIMUM - WHI_KINDS ? shards : WHI_SHARDS_MAXIMUM - WHI_KINDS;
    transport->shard_maximum = (size_t)shards;
    transport->route_maximum = (size_t)(most < 512 ? 1024 : most * 2);
}

static int copy_options(whi_transport *transport, const whi_transport_options *options) {
    transport->limits = *options->limits;
    transport->policy = options->policy;
    transport->poller = options->poller;
    transport->kept_us = (options->kept_ms > 0 ? options->kept_ms : KEPT_MS) * 1000;
    transport->user_agent = whi_strdup(options->user_agent, WH_ZSTR);
    transport->ca_file = whi_strdup(options->ca_file, WH_ZSTR);
    if ((options->user_agent != NULL && transport->user_agent == NULL) ||
        (options->ca_file != NULL && transport->ca_file == NULL)) {
        return whi_fail_memory();
    }
    return WH_OK;
}

/* A file that was named is read now, so that a wrong name is known now; the system's
 * with the first request that needs it. */
static int open_tls(whi_transport *transport) {
    transport->share = curl_share_init();
    if (transport->share == NULL ||
        curl_share_setopt(transport->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_NOMEM) {
        return whi_fail_memory();
    }
    transport->trust_by_file = !whi_certificates_usable();
    if (transport->ca_file == NULL || transport->trust_by_file) {
        return WH_OK;
    }
    return whi_certificates_get(&transport->trust, transport->ca_file);
}

static void free_transfers(whi_transport *transport) {
    while (transport->under_way != NULL) {
        whi_transfer *transfer = transport->under_way;
        transport->under_way = transfer->next;
        put_down(transfer);
        whi_transfer_free(transfer);
    }
    for (size_t kind = 0; kind < WHI_KINDS; kind++) {
        while (transport->pool[kind] != NULL) {
            whi_transfer *transfer = transport->pool[kind];
            transport->pool[kind] = transfer->next;
            whi_transfer_free(transfer);
        }
    }
}

static void curl_close(whi_transport *transport) {
    if (transport == NULL) {
        return;
    }
    free_transfers(transport);
    whi_routes_free(transport);
    for (size_t i = 0; i < transport->shard_count; i++) {
        whi_shard_free(transport->shards[i]);
    }
    curl_share_cleanup(transport->share);
    whi_certificates_put(transport->trust);
    whi_resolver_free(transport->resolver);
    whi_heap_free(&transport->timers);
    whi_free(transport->sockets);
    whi_free(transport->user_agent);
    whi_free(transport->ca_file);
    whi_free(transport);
}

static int curl_open(whi_transport **out, const whi_transport_options *options) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    whi_transport *transport;
    int code;

    *out = NULL;
    pthread_once(&once, init_curl);
    if (global_code != CURLE_OK) {
        return whi_fail(WH_EINTERNAL, "libcurl does not start: %s", curl_easy_strerror(global_code));
    }
    transport = whi_calloc(1, sizeof *transport);
    if (transport == NULL) {
        return whi_fail_memory();
    }
    transport->room_end = &transport->room;
    transport->finished_end = &transport->finished;
    code = copy_options(transport, options);
    set_sizes(transport);
    code = code == WH_OK ? open_tls(transport) : code;
    code = code == WH_OK ? whi_resolver_new(&transport->resolver, options->poller) : code;
    if (code != WH_OK) {
        curl_close(transport);
        return code;
    }
    *out = transport;
    return WH_OK;
}

const whi_transport_vtable whi_transport_curl = { curl_open, curl_close,   curl_send, curl_ready,
                                                  curl_tick, curl_timeout, curl_cut };
