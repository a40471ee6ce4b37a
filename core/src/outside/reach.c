/* Tests: test_destination_postgres, test_destination_hung, test_destination_lying. */
#include "outside/reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/tcp.h>
#else
#include <netinet/tcp.h>
#endif

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/socket.h"
#include "outside/dialect.h"

int whi_reach_init(whi_reach *reach, const atomic_int *is_cut) {
    reach->is_cut = is_cut;
    return whi_poller_new(&reach->poller);
}

void whi_reach_free(whi_reach *reach) {
    whi_poller_free(reach->poller);
    reach->poller = NULL;
}

void whi_reach_wake(const whi_reach *reach) {
    whi_poller_wake(reach->poller);
}

/* -------------------------------------------------------------------- waiting */

static int left_ms(int64_t until) {
    int64_t left = (until - whi_monotonic_us() + 999) / 1000;

    return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

/* One wait; a wake-up ends it early. */
static enum whi_reach_end wait_once(const whi_reach *reach, int64_t until, int *ready) {
    whi_ready found;
    int count;

    if (atomic_load(reach->is_cut)) {
        return WHI_REACH_CUT;
    }
    if (whi_monotonic_us() >= until) {
        return WHI_REACH_LATE;
    }
    count = whi_poller_wait(reach->poller, &found, 1, left_ms(until));
    *ready = count > 0 ? found.what : 0;
    return count < 0 ? WHI_REACH_BROKEN : WHI_REACH_READY;
}

enum whi_reach_end whi_reach_wait(const whi_reach *reach, int fd, int what, int64_t until, int *ready) {
    enum whi_reach_end end = WHI_REACH_READY;
    int found = 0;

    if (whi_poller_watch(reach->poller, fd, 0, what) != WH_OK) {
        return WHI_REACH_BROKEN;
    }
    while (end == WHI_REACH_READY && found == 0) {
        end = wait_once(reach, until, &found);
    }
    (void)whi_poller_watch(reach->poller, fd, what, 0); /* the client may close it, and open another one */
    if (ready != NULL) {
        *ready = found;
    }
    return end;
}

#ifdef __linux__
uint64_t whi_reach_received(int fd) {
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}
#else
uint64_t whi_reach_received(int fd) {
    (void)fd;
    return 0;
}
#endif

void whi_reach_tell(enum whi_reach_end end, const char *doing, whi_object_result *result) {
    char flood[64];
    const char *why = end == WHI_REACH_LATE ? "no answer in time" : end == WHI_REACH_CUT ? "cut" : wh_last_error();

    if (end == WHI_REACH_FLOODED) {
        snprintf(flood, sizeof flood, "the server answers with more than %d MiB", (int)(WHI_ANSWER_MAXIMUM >> 20));
        why = flood;
    }
    whi_result_set(result, WHI_OBJECT_AGAIN, "");
    snprintf(result->sentence, sizeof result->sentence, "%s: %s", doing, why);
}

/* ------------------------------------------------------------------ addresses */

struct question {
    whi_waiter waiter; /* first */
    whi_addresses answer;
    int is_answered;
};

static void answered(whi_waiter *waiter, const whi_addresses *addresses) {
    struct question *question = (struct question *)waiter;

    question->answer = *addresses;
    question->is_answered = 1;
}

static enum whi_reach_end look_up(const whi_reach *reach, whi_resolver *resolver, const char *host, int64_t until,
                                  struct question *question) {
    const whi_addresses *known;
    enum whi_reach_end end = WHI_REACH_READY;
    int ready;

    if (whi_resolver_ask(resolver, host, &question->waiter, &known) != WH_OK) {
        return WHI_REACH_BROKEN;
    }
    if (known != NULL) {
        answered(&question->waiter, known);
    }
    while (!question->is_answered && end == WHI_REACH_READY) {
        end = wait_once(reach, until, &ready);
        whi_resolver_collect(resolver);
    }
    whi_resolver_cancel(&question->waiter);
    return question->is_answered ? WHI_REACH_READY : end;
}

static void keep_allowed(const whi_policy *policy, whi_addresses *addresses) {
    size_t kept = 0;

    for (size_t i = 0; i < addresses->count; i++) {
        if (whi_policy_allows(policy, &addresses->list[i].any, NULL)) {
            addresses->list[kept++] = addresses->list[i];
        }
    }
    addresses->count = kept;
}

/* Whether a name is there, and what it means in here, is not everybody's to know: both are told as one. */
static void judge(const whi_policy *policy, whi_addresses *addresses, whi_object_result *result) {
    if (addresses->code == WH_OK) {
        keep_allowed(policy, addresses);
    }
    if (addresses->code != WH_OK || addresses->count == 0) {
        whi_result_set(result, WHI_OBJECT_AGAIN,
                       "the host has no address that may be reached; an operator allows more with \"allow\"");
    }
}

void whi_reach_look(const whi_reach *reach, const whi_policy *policy, const char *host, int64_t until,
                    whi_addresses *out, whi_object_result *result) {
    whi_resolver *resolver;
    struct question question = { .waiter = { .ready = answered } };
    enum whi_reach_end end = WHI_REACH_BROKEN;

    if (whi_resolver_new(&resolver, reach->poller) == WH_OK) {
        end = look_up(reach, resolver, host, until, &question);
        whi_resolver_free(resolver);
    }
    if (end != WHI_REACH_READY) {
        whi_reach_tell(end, "looking up the host", result);
        return;
    }
    *out = question.answer;
    judge(policy, out, result);
}

void whi_reach_text(const whi_address *address, char *out, size_t room) {
    const void *bytes =
        address->any.sa_family == AF_INET6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr;

    if (inet_ntop(address->any.sa_family, bytes, out, (socklen_t)room) == NULL) {
        out[0] = '\0';
    }
}

int whi_reach_is_loopback(const whi_address *address) {
    const struct in6_addr *v6 = &address->v6.sin6_addr;

    if (address->any.sa_family == AF_INET) {
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* -------------------------------------------------------------------- dialling */

static int start(const whi_address *address, uint16_t port, int *is_under_way) {
    whi_address to = *address;
    int one = 1, fd = whi_socket_new(to.any.sa_family, SOCK_STREAM, 0);

    *is_under_way = 0;
    if (fd < 0) {
        return -1;
    }
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        close(fd);
        return -1;
    }
    if (to.any.sa_family == AF_INET6) {
        to.v6.sin6_port = htons(port);
    } else {
        to.v4.sin_port = htons(port);
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, &to.any, to.any.sa_family == AF_INET6 ? sizeof to.v6 : sizeof to.v4) == 0) {
        return fd;
    }
    *is_under_way = errno == EINPROGRESS;
    if (!*is_under_way) {
        close(fd);
    }
    return *is_under_way ? fd : -1;
}

/* One address: a socket, or -1 with why not. */
static int dial(const whi_reach *reach, const whi_address *address, uint16_t port, int64_t until,
                whi_object_result *result) {
    int error = 0, is_under_way, fd = start(address, port, &is_under_way);
    enum whi_reach_end end = WHI_REACH_READY;
    socklen_t size = sizeof error;

    if (fd >= 0 && is_under_way) {
        end = whi_reach_wait(reach, fd, WHI_WRITE, until, NULL);
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (fd >= 0 && end == WHI_REACH_READY && error == 0) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (end != WHI_REACH_READY) {
        whi_reach_tell(end, "connecting", result);
    } else {
        whi_result_set(result, WHI_OBJECT_AGAIN, "connecting: nobody listens at this port, or it cannot be reached");
    }
    return -1;
}

int whi_reach_dial(const whi_reach *reach, const whi_addresses *addresses, uint16_t port, int64_t until,
                   whi_object_result *result) {
    int fd = -1;

    for (size_t i = 0; i < addresses->count && fd < 0; i++) {
        fd = dial(reach, &addresses->list[i], port, until, result);
    }
    if (fd >= 0) {
        memset(result, 0, sizeof *result);
    }
    return fd;
}
