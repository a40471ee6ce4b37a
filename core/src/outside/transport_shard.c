/* Tests: test_transport. */
#include "outside/transport_curl.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/socket.h"
#include "outside/scarce.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELD_MAXIMUM 1000000L

/* ----------------------------------------------------------------------- timers */

int whi_timer_reserve(whi_transport *transport) {
    return whi_heap_reserve(&transport->timers,
                            transport->shard_count + transport->transfers + transport->connections + 1);
}

void whi_timer_set(whi_transport *transport, whi_timer *timer, int64_t due) {
    (void)whi_heap_set(&transport->timers, &timer->item, due);
}

void whi_timer_stop(whi_transport *transport, whi_timer *timer) {
    whi_heap_leave(&transport->timers, &timer->item);
}

/* ---------------------------------------------------------------------- sockets */

static whi_socket *socket_of(whi_transport *transport, int fd) {
    size_t room = transport->socket_room ? transport->socket_room : 64;
    whi_socket *sockets;

    if ((size_t)fd < transport->socket_room) {
        return &transport->sockets[fd];
    }
    while (room <= (size_t)fd) {
        room *= 2;
    }
    sockets = whi_realloc(transport->sockets, room * sizeof *sockets);
    if (sockets == NULL) {
        return NULL;
    }
    memset(sockets + transport->socket_room, 0, (room - transport->socket_room) * sizeof *sockets);
    transport->sockets = sockets;
    transport->socket_room = room;
    return &sockets[fd];
}

/* Where connections of ours are open, one that closes makes room. */
static void note_failure(whi_transfer *transfer, int number) {
    whi_transport *transport = transfer->transport;

    if ((number == EMFILE || number == ENFILE) && transport->socket_count > 0) {
        transfer->ending = WHI_NO_ROOM;
        transport->pressed = 1;
    } else if (whi_scarce_errno(number)) {
        transfer->scarce = WH_ERESOURCE;
        snprintf(transfer->refused, sizeof transfer->refused, "no socket can be had: %s", strerror(number));
    }
}

curl_socket_t whi_socket_open(void *payload, curlsocktype purpose, struct curl_sockaddr *address) {
    whi_transfer *transfer = payload;
    whi_transport *transport = transfer->transport;
    whi_socket *entry;
    int fd;

    (void)purpose;
    if (!whi_transfer_allows(transfer, &address->addr)) {
        return CURL_SOCKET_BAD;
    }
    if (transport->socket_count >= transport->socket_maximum) {
        transfer->ending = WHI_NO_ROOM;
        transport->pressed = 1;
        return CURL_SOCKET_BAD;
    }
    fd = whi_socket_new(address->family, address->socktype, address->protocol);
    if (fd < 0) {
        note_failure(transfer, errno);
        return CURL_SOCKET_BAD;
    }
    entry = socket_of(transport, fd);
    if (entry == NULL) {
        transfer->scarce = WH_ENOMEM;
        close(fd);
        return CURL_SOCKET_BAD;
    }
    memcpy(&transfer->peer, &address->addr,
           address->addrlen < sizeof transfer->peer ? address->addrlen : sizeof transfer->peer);
    *entry = (whi_socket){ .shard = transfer->shard, .ours = 1 };
    transfer->opened++;
    transfer->shard->sockets++;
    transport->socket_count++;
    transport->pressed |= transport->socket_count > transport->socket_maximum - transport->socket_maximum / 16;
    return fd;
}

int whi_socket_close(void *payload, curl_socket_t fd) {
    whi_transport *transport = payload;
    whi_socket *entry = socket_of(transport, fd);

    if (entry == NULL || entry->shard == NULL) {
        return close(fd);
    }
    entry->shard->sockets -= (size_t)entry->ours;
    entry->shard->closed -= (size_t)entry->closed;
    entry->shard = NULL;
    if (entry->taken) {
        transport->taken++;
    } else {
        whi_socket_release(transport, fd);
    }
    return 0;
}

int whi_socket_watch(whi_transport *transport, int fd, int what) {
    whi_socket *entry = &transport->sockets[fd];
    int code = WH_OK;

    if (what != entry->watched) {
        code = whi_poller_watch(transport->poller, fd, entry->watched, what);
        entry->watched = code == WH_OK ? what : entry->watched;
    }
    return code;
}

void whi_socket_release(whi_transport *transport, int fd) {
    whi_socket *entry = &transport->sockets[fd];

    whi_poller_watch(transport->poller, fd, entry->watched, 0);
    transport->socket_count -= entry->ours;
    transport->taken -= entry->taken;
    transport->room_changed = 1;
    memset(entry, 0, sizeof *entry);
    close(fd);
}

/* Nothing will be heard of it: it ends by its timeout, and that is then no fault of the receiver. */
static void note_unwatched(CURL *easy) {
    char *transfer = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) == CURLE_OK && transfer != NULL) {
        ((whi_transfer *)transfer)->scarce = WH_ERESOURCE;
    }
}

/* Keeps the poller as libcurl wants it. A socket of ours stays watched for reading
 * when libcurl has no use for it: it comes back with the next request, and that then
 * costs no system call. Others (of libcurl's own making) may be closed unheard. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *payload, void *unused) {
    whi_shard *shard = payload;
    whi_socket *entry = socket_of(shard->transport, fd);
    int need;

    (void)unused;
    if (entry == NULL) {
        note_unwatched(easy);
        return 0;
    }
    entry->want = what == CURL_POLL_REMOVE ? 0 : what & (WHI_READ | WHI_WRITE);
    need = entry->ours ? entry->want | WHI_READ : entry->want;
    entry->shard = shard;
    if (need != entry->watched && whi_poller_watch(shard->transport->poller, fd, entry->watched, need) == WH_OK) {
        entry->watched = need;
    } else if (need != entry->watched && what != CURL_POLL_REMOVE) {
        note_unwatched(easy);
    }
    if (!entry->ours && need == 0) {
        memset(entry, 0, sizeof *entry);
    }
    return 0;
}

static void renew(whi_shard *shard);

static void mark_acted(whi_shard *shard) {
    if (!shard->acted) {
        shard->acted = 1;
        shard->acted_next = shard->transport->acted;
        shard->transport->acted = shard;
    }
}

/* An idle socket became readable: not again until it is wanted. When the other side
 * has closed it, libcurl will notice with its next request only, which may never come:
 * so a shard with nothing but closed connections is made anew. */
static void note_idle(whi_transport *transport, whi_socket *entry, int fd) {
    whi_shard *shard = entry->shard;
    char byte;

    if (whi_poller_watch(transport->poller, fd, entry->watched, entry->want) == WH_OK) {
        entry->watched = entry->want;
    }
    if (entry->want == 0 && entry->ours && !entry->closed && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        entry->closed = 1;
        shard->closed++;
    }
    if (shard->active == 0 && shard->sockets > 0 && shard->closed == shard->sockets) {
        renew(shard);
    }
}

void whi_shard_ready(whi_transport *transport, const whi_ready *ready) {
    whi_socket *entry;
    int mask, running;

    if (ready->fd < 0 || (size_t)ready->fd >= transport->socket_room) {
        return;
    }
    entry = &transport->sockets[ready->fd];
    if (entry->connection != NULL) {
        transport->above->ready(entry->connection, ready->what);
        return;
    }
    if (entry->shard == NULL) {
        return;
    }
    if ((ready->what & entry->want) == 0) {
        note_idle(transport, entry, ready->fd);
        return;
    }
    mask = (ready->what & WHI_READ ? CURL_CSELECT_IN : 0) | (ready->what & WHI_WRITE ? CURL_CSELECT_OUT : 0);
    mark_acted(entry->shard);
    curl_multi_socket_action(entry->shard->multi, ready->fd, mask, &running);
}

/* -------------------------------------------------------------------- libcurl's timer */

/* Rounded up: libcurl does not ask again for a moment that it has asked for. */
static int on_timer(CURLM *multi, long wait, void *payload) {
    whi_shard *shard = payload;

    (void)multi;
    if (wait < 0) {
        whi_timer_stop(shard->transport, &shard->timer);
    } else {
        whi_timer_set(shard->transport, &shard->timer, wait == 0 ? 0 : whi_monotonic_us() + wait * 1000 + 999);
    }
    return 0;
}

/* A timer that libcurl thinks is still set would never come again. */
static void rearm(whi_shard *shard) {
    long wait = -1;

    if (shard->timer.item.at == 0 && curl_multi_timeout(shard->multi, &wait) == CURLM_OK && wait >= 0) {
        on_timer(shard->multi, wait > 0 ? wait : 1, shard);
    }
}

/* A shard without requests wakes when its connections have been kept for long enough:
 * libcurl looks at their age with its next request only. */
static void rest(whi_shard *shard) {
    if (shard->timer.item.at == 0 && shard->sockets > 0) {
        whi_timer_set(shard->transport, &shard->timer, shard->used_at + shard->transport->kept_us);
    }
}

static void end_rest(whi_shard *shard) {
    int64_t now_us = whi_monotonic_us();

    if (now_us - shard->used_at >= shard->transport->kept_us) {
        shard->used_at = now_us; /* without memory for another handle it is tried again then */
        renew(shard);
    }
    rest(shard);
}

void whi_shard_due(whi_shard *shard) {
    int running;

    whi_timer_stop(shard->transport, &shard->timer);
    mark_acted(shard);
    curl_multi_socket_action(shard->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    if (shard->active == 0) {
        end_rest(shard);
    } else {
        rearm(shard);
    }
}

/* ----------------------------------------------------------------------- shards */

/* A connection that is held for us is none that libcurl may close to make room. */
static long cache_of(const whi_shard *shard) {
    return shard->kind & WHI_KIND_CONNECT ? HELD_MAXIMUM : shard->transport->cache_size;
}

static CURLM *make_multi(whi_shard *shard) {
    CURLM *multi = curl_multi_init();

    if (multi == NULL) {
        return NULL;
    }
    if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, shard) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, shard) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, cache_of(shard)) != CURLM_OK) {
        curl_multi_cleanup(multi);
        return NULL;
    }
    return multi;
}

whi_shard *whi_shard_new(whi_transport *transport, unsigned kind) {
    whi_shard *shard;

    if (transport->shard_count == WHI_SHARDS_MAXIMUM || whi_timer_reserve(transport) != WH_OK) {
        return NULL;
    }
    shard = whi_calloc(1, sizeof *shard);
    if (shard == NULL) {
        return NULL;
    }
    shard->transport = transport;
    shard->kind = kind;
    shard->multi = make_multi(shard);
    if (shard->multi == NULL) {
        whi_free(shard);
        return NULL;
    }
    transport->shards[transport->shard_count++] = shard;
    return shard;
}

static void free_drops(struct curl_slist *drops) {
    while (drops != NULL) {
        struct curl_slist *next = drops->next;
        whi_free(drops->data);
        whi_free(drops);
        drops = next;
    }
}

void whi_shard_free(whi_shard *shard) {
    curl_multi_cleanup(shard->multi);
    whi_timer_stop(shard->transport, &shard->timer);
    free_drops(shard->drops);
    whi_free(shard);
}

int whi_shard_add(whi_shard *shard, whi_transfer *transfer) {
    CURLMcode code;

    transfer->shard = shard;
    code = curl_multi_add_handle(shard->multi, transfer->easy);
    if (code != CURLM_OK) {
        transfer->shard = NULL;
        return whi_fail(code == CURLM_OUT_OF_MEMORY ? WH_ENOMEM : WH_EINTERNAL, "libcurl does not take the request: %s",
                        curl_multi_strerror(code));
    }
    shard->active++;
    shard->transport->active++;
    return WH_OK;
}

void whi_shard_remove(whi_shard *shard, whi_transfer *transfer) {
    curl_multi_remove_handle(shard->multi, transfer->easy);
    shard->active--;
    transfer->shard = NULL;
    transfer->transport->active--;
    transfer->transport->room_changed = 1;
    if (shard->active == 0) {
        shard->used_at = whi_monotonic_us();
        rest(shard);
    }
}

/* --------------------------------------------------------------------- pressure */

/* libcurl has no call that closes an idle connection; a new multi handle does it. */
static void renew(whi_shard *shard) {
    CURLM *multi = make_multi(shard);

    if (multi == NULL) {
        return;
    }
    curl_multi_cleanup(shard->multi);
    whi_timer_stop(shard->transport, &shard->timer);
    shard->multi = multi;
    free_drops(shard->drops);
    shard->drops = NULL;
    for (whi_pin *pin = shard->pins; pin != NULL; pin = pin->next) {
        pin->told = pin->loaded = 0;
    }
}

static whi_shard *longest_quiet(const whi_transport *transport) {
    whi_shard *found = NULL;

    for (size_t i = 0; i < transport->shard_count; i++) {
        whi_shard *shard = transport->shards[i];
        if (shard->active == 0 && shard->sockets > 0 && (found == NULL || shard->used_at < found->used_at)) {
            found = shard;
        }
    }
    return found;
}

static void set_cache(whi_transport *transport, long size) {
    if (size == transport->cache_size) {
        return;
    }
    transport->cache_size = size;
    for (size_t i = 0; i < transport->shard_count; i++) {
        curl_multi_setopt(transport->shards[i]->multi, CURLMOPT_MAXCONNECTS, cache_of(transport->shards[i]));
    }
}

static void close_quiet(whi_transport *transport, int64_t enough) {
    whi_shard *shard;

    while (transport->socket_count > enough && (shard = longest_quiet(transport)) != NULL) {
        size_t before = shard->sockets;
        renew(shard);
        if (shard->sockets == before) {
            return; /* no memory for it */
        }
    }
}

/* Shards at rest lose all their connections, the longest unused first; the others
 * close one for each request that ends, until each has its share. Somebody who waits
 * gets one place at least. */
void whi_shards_relieve(whi_transport *transport) {
    int64_t most = transport->socket_maximum, enough = most - most / 8, part;

    if (transport->room != NULL && enough >= transport->socket_count) {
        enough = transport->socket_count - 1;
    }
    if (transport->above != NULL) {
        transport->above->relieve(transport, enough);
    }
    if (transport->socket_count > enough) {
        close_quiet(transport, enough);
        part = enough / (int64_t)(transport->shard_count ? transport->shard_count : 1);
        set_cache(transport, part < 1 ? 1 : part > WHI_SHARD_CONNECTIONS ? WHI_SHARD_CONNECTIONS : (long)part);
    } else if (transport->room == NULL) {
        set_cache(transport, WHI_SHARD_CONNECTIONS);
    }
    transport->pressed = 0;
}
