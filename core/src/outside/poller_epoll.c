/* The poller on Linux. WHI_POLLER_KQUEUE takes the other one, to try it with libkqueue. Tests: test_poller. */
#if defined(__linux__) && !defined(WHI_POLLER_KQUEUE)

#include "base/error.h"
#include "base/mem.h"
#include "outside/poller.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH 256 /* descriptors of one wait; what is left is ready in the next one */

struct whi_poller {
    int epoll, event;
    atomic_int woken; /* 1: the eventfd holds a wake-up that no wait has taken */
};

static int fail(const char *doing) {
    int number = errno;

    if (number == ENOMEM) {
        return whi_fail_memory();
    }
    return whi_fail(number == ENOSPC || number == EMFILE || number == ENFILE ? WH_ERESOURCE : WH_EINTERNAL, "%s: %s",
                    doing, strerror(number));
}

static int change(const whi_poller *poller, int operation, int fd, int what) {
    struct epoll_event event = { 0 };

    event.events = (what & WHI_READ ? EPOLLIN : 0u) | (what & WHI_WRITE ? EPOLLOUT : 0u);
    event.data.fd = fd;
    return epoll_ctl(poller->epoll, operation, fd, &event);
}

int whi_poller_new(whi_poller **out) {
    whi_poller *poller = whi_calloc(1, sizeof *poller);
    int code;

    *out = NULL;
    if (poller == NULL) {
        return whi_fail_memory();
    }
    atomic_init(&poller->woken, 0);
    poller->event = -1;
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll >= 0) {
        poller->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (poller->event < 0 || change(poller, EPOLL_CTL_ADD, poller->event, WHI_READ) != 0) {
        code = fail("making a poller");
        whi_poller_free(poller);
        return code;
    }
    *out = poller;
    return WH_OK;
}

void whi_poller_free(whi_poller *poller) {
    if (poller == NULL) {
        return;
    }
    if (poller->event >= 0) {
        close(poller->event);
    }
    if (poller->epoll >= 0) {
        close(poller->epoll);
    }
    whi_free(poller);
}

int whi_poller_fd(const whi_poller *poller) {
    return poller->epoll;
}

/* A descriptor that was closed and opened again has left epoll without a word, and
 * one that the caller forgot may still be there: both are put right. */
int whi_poller_watch(whi_poller *poller, int fd, int was, int what) {
    int operation = was == 0 ? EPOLL_CTL_ADD : what == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    if (was == what || change(poller, operation, fd, what) == 0) {
        return WH_OK;
    }
    if (operation == EPOLL_CTL_DEL && (errno == ENOENT || errno == EBADF)) {
        return WH_OK;
    }
    if (operation == EPOLL_CTL_ADD && errno == EEXIST && change(poller, EPOLL_CTL_MOD, fd, what) == 0) {
        return WH_OK;
    }
    if (operation == EPOLL_CTL_MOD && errno == ENOENT && change(poller, EPOLL_CTL_ADD, fd, what) == 0) {
        return WH_OK;
    }
    return fail("watching a descriptor");
}

/* Emptied first, then marked: a wake-up in between belongs to this wait, which is
 * about to return; the other way round it could be emptied and stay marked. */
static void take_wake(whi_poller *poller) {
    uint64_t count;
    ssize_t got = read(poller->event, &count, sizeof count);

    (void)got;
    atomic_exchange(&poller->woken, 0);
}

static int what_of(uint32_t events) {
    if (events & (EPOLLERR | EPOLLHUP)) {
        return WHI_READ | WHI_WRITE;
    }
    return (events & EPOLLIN ? WHI_READ : 0) | (events & EPOLLOUT ? WHI_WRITE : 0);
}

int whi_poller_wait(whi_poller *poller, whi_ready *ready, int maximum, int timeout) {
    struct epoll_event events[BATCH];
    int count, found = 0;

    count = epoll_wait(poller->epoll, events, maximum < BATCH ? maximum : BATCH, timeout);
    if (count < 0) {
        return errno == EINTR ? 0 : fail("waiting for descriptors");
    }
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == poller->event) {
            take_wake(poller);
            continue;
        }
        ready[found].fd = events[i].data.fd;
        ready[found++].what = what_of(events[i].events);
    }
    return found;
}

void whi_poller_wake(whi_poller *poller) {
    static const uint64_t one = 1;
    ssize_t put;

    if (atomic_exchange(&poller->woken, 1) == 0) {
        put = write(poller->event, &one, sizeof one);
        (void)put;
    }
}

#else

typedef int whi_poller_is_not_epoll; /* ISO C wants something in every file */

#endif
