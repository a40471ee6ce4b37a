/* Who asks: a token by Bearer or by Basic, and how often one may guess. */
#include "faces/api.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

/* -------------------------------------------------------------------- the limiter */

/* Peers hash to a set of slots; in a full set the one with the fewest failures makes room. So
 * its memory is fixed, and a flood of addresses forgets others before it forgets a guesser. */
#define SETS 512
#define WAYS 8
#define WINDOW_MS 60000
#define PEER_BYTES 16

typedef struct slot {
    unsigned char peer[PEER_BYTES];
    int64_t until; /* ms, end of its minute; 0: free */
    int64_t failures;
} slot;

struct whi_limiter {
    pthread_mutex_t lock;
    slot slots[SETS][WAYS];
};

int whi_limiter_new(whi_limiter **out) {
    *out = whi_calloc(1, sizeof **out);
    if (*out == NULL) {
        return whi_fail_memory();
    }
    pthread_mutex_init(&(*out)->lock, NULL);
    return WH_OK;
}

void whi_limiter_free(whi_limiter *limiter) {
    if (limiter != NULL) {
        pthread_mutex_destroy(&limiter->lock);
        whi_free(limiter);
    }
}

/* An IPv4 address (mapped ones too) is itself, an IPv6 address its /64, which one customer has
 * as a whole; another text is its hash. */
static void read_peer(const char *text, unsigned char out[PEER_BYTES]) {
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    struct in6_addr six;
    struct in_addr four;
    uint64_t other = whi_hash(WHI_HASH_BEGIN, text, strlen(text));

    memset(out, 0, PEER_BYTES);
    if (inet_pton(AF_INET, text, &four) == 1) {
        out[0] = 4;
        memcpy(out + 1, &four, sizeof four);
    } else if (inet_pton(AF_INET6, text, &six) == 1) {
        int is_mapped = memcmp(&six, mapped, sizeof mapped) == 0;
        out[0] = is_mapped ? 4 : 6;
        memcpy(out + 1, (const char *)&six + (is_mapped ? 12 : 0), is_mapped ? 4 : 8);
    } else {
        memcpy(out + 1, &other, sizeof other);
    }
}

/* The peer's slot. With make 0 NULL if it has none. */
static slot *find(whi_limiter *limiter, const unsigned char *peer, int64_t now, int make) {
    slot *set = limiter->slots[whi_hash(WHI_HASH_BEGIN, peer, PEER_BYTES) % SETS], *worst = &set[0];

    for (int i = 0; i < WAYS; i++) {
        if (set[i].until <= now || set[i].until - now > WINDOW_MS) { /* over, or the clock was set back */
            set[i] = (slot){ { 0 }, 0, 0 };
        }
        if (set[i].until > 0 && memcmp(set[i].peer, peer, PEER_BYTES) == 0) {
            return &set[i];
        }
        worst = set[i].failures < worst->failures ? &set[i] : worst;
    }
    if (make) {
        memcpy(worst->peer, peer, PEER_BYTES);
        worst->until = now + WINDOW_MS;
        worst->failures = 0;
    }
    return make ? worst : NULL;
}

/* ms until the peer may try again, 0 for now. */
static int64_t wait_of(const whi_call *call, const unsigned char *peer, int64_t now) {
    whi_limiter *limiter = call->api->limiter;
    int64_t wait = 0;
    slot *found;

    pthread_mutex_lock(&limiter->lock);
    found = find(limiter, peer, now, 0);
    if (found != NULL && found->failures >= call->api->failures) {
        wait = found->until - now;
    }
    pthread_mutex_unlock(&limiter->lock);
    return wait;
}

static void count_failure(const whi_call *call, const unsigned char *peer, int64_t now) {
    whi_limiter *limiter = call->api->limiter;

    pthread_mutex_lock(&limiter->lock);
    find(limiter, peer, now, 1)->failures++;
    pthread_mutex_unlock(&limiter->lock);
}

/* ------------------------------------------------------------------ the credentials */

#define TOKEN_MAXIMUM 512

static int unauthorized(whi_call *call, const char *field, const char *why) {
    whi_call_header_text(call, "WWW-Authenticate", "%s realm=\"webhook\"", call->system->challenge);
    return whi_refuse(call, 401, field, "%s", why);
}

/* "name:token", or "token:" as with other services' keys. */
static int read_basic(const char *text, size_t size, char out[TOKEN_MAXIMUM]) {
    char plain[TOKEN_MAXIMUM], *colon;
    size_t used;
    int code = WH_EINVALID;

    if (whi_base64_decode(text, size, plain, sizeof plain - 1, &used) != WH_OK) {
        return WH_EINVALID;
    }
    plain[used] = '\0';
    colon = strchr(plain, ':');
    if (colon != NULL) {
        const char *token = colon[1] != '\0' ? colon + 1 : plain;
        *colon = '\0';
        memcpy(out, token, strlen(token) + 1);
        code = WH_OK;
    }
    whi_wipe(plain, sizeof plain);
    return code;
}

/* Some clients send what they were given as it is, with "bearer" before it or not. */
static int read_token(const char *value, char out[TOKEN_MAXIMUM]) {
    size_t scheme = strcspn(value, " "), size;
    const char *rest = value + scheme + strspn(value + scheme, " ");

    size = strcspn(rest, " ");
    if (scheme == 5 && whi_ascii_same_part(value, "Basic", 5)) {
        return read_basic(rest, size, out);
    }
    if (rest[0] == '\0') {
        rest = value;
        size = scheme;
    } else if (scheme != 6 || !whi_ascii_same_part(value, "Bearer", 6)) {
        return WH_EINVALID;
    }
    if (size == 0 || size >= TOKEN_MAXIMUM) {
        return WH_EINVALID;
    }
    memcpy(out, rest, size);
    out[size] = '\0';
    return WH_OK;
}

/* A wrong one takes the same time as any other. */
static int check(whi_call *call, const char *value, int *expired) {
    char token[TOKEN_MAXIMUM] = "";
    whi_token_owner owner = { .all = 0 };
    int code = read_token(value, token) == WH_OK ? whi_insight_token(call->engine, token, &owner) : WH_ENOTFOUND;

    whi_wipe(token, sizeof token);
    *expired = owner.expired;
    if (code == WH_OK) {
        memcpy(call->tenant, owner.tenant, sizeof call->tenant);
        call->all = owner.all;
        call->expires_at = owner.expires_at;
    }
    return code;
}

/* A right token is let in whatever came from its address before: nobody locks out who sits behind
 * the same proxy, and 256 bits are not guessed. */
static int check_counted(whi_call *call, const char *value, int *expired) {
    unsigned char peer[PEER_BYTES];
    int64_t now = whi_insight_now(call->engine), wait;
    int code;

    if (call->request->peer == NULL) {
        return check(call, value, expired);
    }
    code = check(call, value, expired);
    if (code != WH_ENOTFOUND) {
        return code;
    }
    read_peer(call->request->peer, peer);
    wait = wait_of(call, peer, now);
    if (wait > 0) {
        whi_call_header_text(call, "Retry-After", "%lld", (long long)(wait + 999) / 1000);
        return whi_refuse(call, 429, NULL, "too many failed logins; try again later");
    }
    count_failure(call, peer, now);
    return code;
}

/* ------------------------------------------------------------------- without a token */

/* "localhost", "127.0.0.1", "[::1]", with a port or without. */
static int is_loopback(const char *host) {
    size_t size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    size_t left = strlen(host) - (size < strlen(host) ? size : strlen(host));
    int is_port = left == 0 || (host[size] == ':' && strspn(host + size + 1, "0123456789") == left - 1);

    return is_port && ((size == 9 && whi_ascii_same_part(host, "localhost", size)) ||
                       (size == 5 && strncmp(host, "[::1]", size) == 0) ||
                       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == size));
}

static int is_own(const char *origin, const char *host) {
    return host != NULL && ((whi_ascii_same_part(origin, "http://", 7) && whi_ascii_same(origin + 7, host)) ||
                            (whi_ascii_same_part(origin, "https://", 8) && whi_ascii_same(origin + 8, host)));
}

/* Where no token is asked for, any page that a browser shows could ask on behalf of whoever sits before it:
 * from its own origin, or under a name of its own that it has pointed at the loopback. */
int whi_call_check_page(whi_call *call) {
    int hosts, origins;
    const char *host = whi_call_header(call, "Host", &hosts), *origin = whi_call_header(call, "Origin", &origins);

    if (!call->api->open || call->request->tenant != NULL) {
        return WH_OK;
    }
    if (hosts > 1 || (host != NULL && !is_loopback(host))) {
        return whi_refuse(call, 403, "Host", "expected that of the loopback, since no token is asked for");
    }
    if (origins > 1 || (origin != NULL && !is_own(origin, host))) {
        return whi_refuse(call, 403, "Origin", "expected none, or this server's, since no token is asked for");
    }
    return WH_OK;
}

int whi_call_authenticate(whi_call *call) {
    const char *tenant = call->request->tenant, *value;
    int count, expired, code;

    if (tenant != NULL) {
        size_t size = strlen(tenant);
        if (size >= sizeof call->tenant) {
            return whi_fail_field(WH_EINVALID, "tenant", "expected at most 64 letters, found %zu", size);
        }
        memcpy(call->tenant, tenant, size + 1);
        return WH_OK;
    }
    if (call->api->open || call->api->metrics) {
        call->all = 1;
        return WH_OK;
    }
    value = whi_call_header(call, "Authorization", &count);
    if (count != 1) {
        return count == 0 ? unauthorized(call, NULL, "a token is needed")
                          : unauthorized(call, "Authorization", "given twice");
    }
    code = check_counted(call, value, &expired);
    return code == WH_ENOTFOUND ? unauthorized(call, NULL, expired ? "the token has expired" : "the token is not known")
                                : code;
}
