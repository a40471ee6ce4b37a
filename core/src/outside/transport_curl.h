/* Inside the libcurl transport: what its files share. transport_direct.h stands on it.
 *
 *   transport_curl.c    the vtable: sending, turning, answering, closing
 *   transport_easy.c    one transfer: options, callbacks, what an error means
 *   transport_shard.c   multi handles, their sockets, timers, and connections in all
 *   transport_route.c   which shard a lane uses, and the addresses of its host
 *   transport_policy.c  where a transfer may go
 *   resolve.c           host names, looked up by other threads
 *   certificate.c       certificates of authorities
 *   scarce.c            whether a failure is for want of something here
 *
 * Why it is so: every walk in libcurl that grows with the connections of a multi
 * handle is kept short by having many (shards); an idle connection stays in the
 * poller, so that a request costs no system call there; libcurl never resolves a
 * name itself, so the address that the policy judged is the one that is used.
 *
 * Why a shard is made anew: libcurl has no call that closes an idle connection, and looks at their age
 * with its next request only. So a shard without requests whose connections the other side has closed,
 * or that nobody has used for a minute, or that are wanted elsewhere (limits.connections), gets another
 * multi handle, and the old one takes its connections along. A shard in use closes by itself what is
 * too old, and loses one with each request that ends while there are too many.
 *
 * Two checks of the address policy: at the opening of each socket, on the very
 * address, and before each request on the address of its connection, new or kept.
 *
 * Subscriptions that want other TLS settings or HTTP/2 use shards of their own
 * (kinds), so that no connection made under one setting serves another. Those with a
 * certificate, authorities or pins of their own, or a proxy, are one kind; between them libcurl
 * tells connections apart, by the bytes of all that (since 7.83.1), and no session of TLS is kept. */
#ifndef WHI_TRANSPORT_CURL_H
#define WHI_TRANSPORT_CURL_H

#include <curl/curl.h>

#include "base/heap.h"
#include "outside/resolve.h"
#include "outside/transport.h"
#include "pure/url.h"

#define WHI_KIND_INSECURE 1
#define WHI_KIND_HTTP2 2
#define WHI_KIND_CONNECT 4        /* it connects and sends nothing: transport_direct.h */
#define WHI_KIND_OWN 8            /* with a peer of pure/peer.h: made for one request, and never pooled */
#define WHI_KINDS 16              /* those, each on or off */
#define WHI_SHARD_CONNECTIONS 250 /* libcurl walks them all after each request: 2.5 us at 250 */
#define WHI_SHARD_ACTIVE 200      /* requests of one shard; with 250 connections some idle ones stay */
#define WHI_SHARD_ROUTES 64       /* then another shard is made */
#define WHI_SHARDS_MAXIMUM 256
#define WHI_ROUTE_SLOTS 8 /* shards that one lane may use */

typedef struct whi_shard whi_shard;
typedef struct whi_route whi_route;
typedef struct whi_transfer whi_transfer;

enum whi_timer_kind {
    WHI_TIMER_SHARD = 0, /* libcurl's timer */
    WHI_TIMER_TRANSFER,  /* waits for an address or for room */
    WHI_TIMER_CONNECTION
};

/* A moment in the transport's heap. */
typedef struct whi_timer {
    whi_heap_item item; /* first; us of whi_monotonic_us; 0: at once */
    enum whi_timer_kind kind;
} whi_timer;

/* Where a subscription sends, read once. Shared by its route and by the transfers
 * whose handle has this URL set. */
typedef struct whi_target {
    int refs;
    char *given; /* as the request had it */
    char *text;  /* normalised */
    char *proxy; /* NULL: none; else host, port and literal are the proxy's, which is whom we connect to */
    char *host;
    uint16_t port;
    int https, literal;
    int asks; /* 1: it has asked for a client's certificate */
} whi_target;

/* A host's addresses as this shard's libcurl knows them: an entry of
 * CURLOPT_RESOLVE, which stays until it is taken back. */
typedef struct whi_pin {
    struct whi_pin *next;
    whi_shard *shard;
    char *host;
    uint16_t port;
    int refs;               /* routes and transfers */
    int told;               /* 1: libcurl may have an entry of it */
    int loaded;             /* 1: libcurl has this very text */
    unsigned texts;         /* counts them */
    int64_t expires;        /* us: then the resolver is asked again */
    struct curl_slist node; /* "host:port:address,address" */
} whi_pin;

/* A lane in a shard. Kept while it is among the last used, so that its requests
 * find their connections. */
struct whi_route {
    whi_route *hash_next, *newer, *older;
    int64_t lane;
    unsigned slot, kind;
    whi_shard *shard;
    whi_target *target; /* of its last request */
    whi_pin *pin;       /* NULL for a literal address */
    size_t active;      /* its requests under way */
    int64_t used_at;    /* us */
};

struct whi_shard {
    whi_timer timer; /* first: a timer's pointer is its shard's */
    CURLM *multi;
    whi_transport *transport;
    unsigned kind;
    size_t routes, active, sockets;
    size_t closed; /* idle sockets that the other side has closed */
    whi_pin *pins;
    struct curl_slist *drops; /* "-host:port": to be told to libcurl with the next request */
    int acted;                /* 1: in the transport's list of shards that may have ended requests */
    whi_shard *acted_next;
    int64_t used_at; /* us */
};

/* A socket of ours, by its number. */
typedef struct whi_socket {
    whi_shard *shard;                  /* NULL: not ours */
    int ours;                          /* 1: made by us, so its closing will be heard of */
    int watched;                       /* what the poller watches */
    int want;                          /* what libcurl waits for; 0: idle */
    int closed;                        /* 1: idle, and closed by the other side */
    int taken;                         /* 1: libcurl is to let go of it without closing it */
    struct whi_connection *connection; /* who is told of it instead of libcurl, or NULL */
} whi_socket;

enum whi_ending {
    WHI_GOES_ON = 0,
    WHI_BODY_ENOUGH, /* read as much as is allowed: the answer counts */
    WHI_HEADERS_TOO_MUCH,
    WHI_REFUSED, /* by the address policy */
    WHI_NO_ROOM, /* as many connections as are allowed */
};

/* One request and the handle that makes it. */
struct whi_transfer {
    whi_timer timer; /* first: waiting for an address, for room, or for the first byte of the answer */
    whi_waiter waiter;
    CURL *easy;
    whi_transport *transport;
    unsigned kind;
    whi_request *request;
    whi_route *route;
    whi_shard *shard;   /* NULL while it waits */
    whi_target *target; /* whose URL the handle has */
    whi_pin *pin;
    struct curl_slist *drops;
    whi_transfer *next, *previous; /* pool, or under way */
    whi_transfer *queue_next;      /* room or finished */
    int64_t started;               /* us */
    int64_t deadline, connect_by;  /* us */
    int64_t answer_by;             /* us: the first byte of the answer; 0: by the deadline */
    long timeout_set, connect_set; /* ms, as the handle has them */
    int resolve_set;
    unsigned pin_text; /* which text of the pin the handle carries */
    long cache_set;    /* CURLOPT_DNS_CACHE_TIMEOUT, as the handle has it */
    int waits_for_room, has_ended;
    int connected, opened; /* the request was on its way; sockets were opened */
    int headed;            /* the answer's head is there in whole */
    enum whi_ending ending;
    int socket;       /* of WHI_KIND_CONNECT: the connection that was made; -1: none yet, or libcurl does not tell */
    int own_trust;    /* 1: its peer's authorities, and no others */
    int scarce;       /* WH_OK, or the code of what a socket could not be had for */
    whi_address peer; /* of the last socket */
    size_t header_bytes, body_bytes;
    char *kept;
    size_t kept_size;
    char refused[160];
    char message[CURL_ERROR_SIZE];
    struct curl_slist lines[WHI_REQUEST_LINES + 2];
};

/* What stands on libcurl here and is told of what it holds: transport_direct.c. */
typedef struct whi_above {
    void (*connected)(whi_transfer *transfer); /* one that was to connect has ended */
    void (*ready)(struct whi_connection *connection, int what);
    void (*due)(whi_timer *timer);
    void (*relieve)(whi_transport *transport, int64_t enough); /* so many connections may stay open in all */
} whi_above;

struct whi_transport {
    wh_limits limits;
    const whi_policy *policy;
    whi_poller *poller;
    char *user_agent, *ca_file;
    struct whi_certificates *trust; /* NULL until the first https request, or without OpenSSL */
    int trust_by_file;              /* 1: libcurl reads ca_file itself */
    whi_resolver *resolver;
    CURLSH *share; /* TLS sessions */

    whi_shard *shards[WHI_SHARDS_MAXIMUM];
    size_t shard_count, shard_maximum;
    whi_shard *acted;

    whi_socket *sockets; /* by descriptor */
    size_t socket_room;
    int64_t socket_count, socket_maximum;
    long cache_size;  /* CURLMOPT_MAXCONNECTS in force */
    int64_t kept_us;  /* how long an idle connection is kept */
    int64_t active;   /* requests with libcurl */
    int pressed;      /* 1: connections are to be closed */
    int room_changed; /* 1: those that wait for room may try again */

    whi_heap timers;

    whi_route **routes; /* hash */
    size_t route_room, route_count, route_maximum;
    whi_route *newest, *oldest;

    whi_transfer *pool[WHI_KINDS];
    whi_transfer *under_way;
    size_t pooled, transfers; /* idle ones; all that exist */
    whi_transfer *room, **room_end;
    whi_transfer *finished, **finished_end;

    const whi_above *above;    /* NULL: all requests are libcurl's */
    struct whi_direct *direct; /* its own */
    size_t connections;        /* its own, each with a timer */
    int64_t taken;             /* sockets that are its own alone */
};

/* ---- transport_curl.c */

/* Starts a request, which began at a time (us), in a kind of its own if `more` has WHI_KIND_CONNECT: then it ends when
 * it is connected, and who is above is told in place of done. */
int whi_curl_submit(whi_transport *transport, whi_request *request, unsigned more, int64_t started);

/* WH_EINVALID if its lines are too many, or one holds a line end. */
int whi_request_check(const whi_request *request);

/* us of a request's ms. */
int64_t whi_span_us(int64_t ms);

/* A transfer that was handed over comes back; it is in no shard any more. */
void whi_transfer_give_back(whi_transfer *transfer);

/* Puts a transfer in the line of those whose done is called next. */
void whi_transfer_finished(whi_transfer *transfer);

/* ---- transport_easy.c */
int whi_transfer_new(whi_transfer **out, whi_transport *transport, unsigned kind);
void whi_transfer_free(whi_transfer *transfer);

/* Sets the handle up for its request. */
int whi_transfer_prepare(whi_transfer *transfer, int64_t now);

/* Fills the request's results from what libcurl says. */
void whi_transfer_judge(whi_transfer *transfer, CURLcode result);

/* Takes back what only this request needed. */
void whi_transfer_reset(whi_transfer *transfer);

/* Fills the results of a request that never came to libcurl. */
void whi_transfer_fail(whi_transfer *transfer, int code, const char *message);

/* Fills error and message of a request whose connection this transfer holds, and on which libcurl has failed. */
void whi_transfer_blame(whi_transfer *transfer, whi_request *request, CURLcode result);

/* The sentence of what came of it. */
void whi_request_say(whi_request *request, const char *text);

/* ---- transport_policy.c */

/* 1 if the address policy lets it go there; else notes the refusal. */
int whi_transfer_allows(whi_transfer *transfer, const struct sockaddr *address);

/* ---- transport_shard.c */
whi_shard *whi_shard_new(whi_transport *transport, unsigned kind);
void whi_shard_free(whi_shard *shard);
int whi_shard_add(whi_shard *shard, whi_transfer *transfer);
void whi_shard_remove(whi_shard *shard, whi_transfer *transfer);

/* Lets libcurl work: on a descriptor that is ready, or on what is due by time. */
void whi_shard_ready(whi_transport *transport, const whi_ready *ready);
void whi_shard_due(whi_shard *shard);

/* Opens and closes sockets for libcurl. */
curl_socket_t whi_socket_open(void *payload, curlsocktype purpose, struct curl_sockaddr *address);
int whi_socket_close(void *payload, curl_socket_t fd);

/* What the poller is to tell of a socket of ours. */
int whi_socket_watch(whi_transport *transport, int fd, int what);

/* Closes one that was taken from libcurl. */
void whi_socket_release(whi_transport *transport, int fd);

/* Closes connections that are not used when there are too many. */
void whi_shards_relieve(whi_transport *transport);

/* Room for every timer that can be and one more, so that setting one cannot fail. */
int whi_timer_reserve(whi_transport *transport);
void whi_timer_set(whi_transport *transport, whi_timer *timer, int64_t due);
void whi_timer_stop(whi_transport *transport, whi_timer *timer);

/* ---- transport_route.c */

/* The route of a request, with its target read. */
int whi_route_find(whi_transport *transport, const whi_request *request, unsigned more, int64_t now_us,
                   whi_route **out);
void whi_routes_free(whi_transport *transport);
void whi_target_unref(whi_target *target);

/* Writes the addresses that the policy allows into the route's pin. WH_EADDRESS
 * with the sentence when none is left. */
int whi_route_pin(whi_route *route, const whi_addresses *addresses);
void whi_pin_unref(whi_pin *pin);

#endif
