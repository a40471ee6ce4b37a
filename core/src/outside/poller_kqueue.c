/* The poller on macOS and the BSDs. Tests: test_poller. */
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) ||                       \
    defined(__DragonFly__) || defined(WHI_POLLER_KQUEUE)

#include "base/error.h"
#include "base/mem.h"
#include "outside/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

#define BATCH 256 /* events of one wait; what is left is ready in the next one */

struct whi_poller {
    int queue;
    int wake[2];      /* a pipe: EVFILT_USER is not in every BSD */
    atomic_int woken; /* 1: the pipe holds a wake-up that no wait has taken */
};

static int fail(const char *doing) {
    int number = errno;

    if (number == ENOMEM) {
        return whi_fail_memory();
    }
    return whi_fail(number == EMFILE || number == ENFILE ? WH_ERESOURCE : WH_EINTERNAL, "%s: %s", doing,
                    strerror(number));
}

static int change(const whi_poller *poller, int fd, short filter, unsigned short flags) {
    struct kevent event;

    EV_SET(&event, (uintptr_t)fd, filter, flags, 0, 0, 0);
    return kevent(poller->queue, &event, 1, NULL, 0, NULL);
}

static int make_wake(whi_poller *poller) {
    if (pipe(poller->wake) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(poller->wake[i], F_SETFL, O_NONBLOCK);
        fcntl(poller->wake[i], F_SETFD, FD_CLOEXEC);
    }
    return change(poller, poller->wake[0], EVFILT_READ, EV_ADD);
}

int whi_poller_new(whi_poller **out) {
    whi_poller *poller = whi_calloc(1, sizeof *poller);
    int code;

    *out = NULL;
    if (poller == NULL) {
        return whi_fail_memory();
    }
    atomic_init(&poller->woken, 0);
    poller->wake[0] = poller->wake[1] = -1;
    poller->queue = kqueue();
    if (poller->queue < 0 || fcntl(poller->queue, F_SETFD, FD_CLOEXEC) != 0 || make_wake(poller) != 0) {
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
    for (int i = 0; i < 2; i++) {
        if (poller->wake[i] >= 0) {
            close(poller->wake[i]);
        }
    }
    if (poller->queue >= 0) {
        close(poller->queue);
    }
    whi_free(poller);
}

int whi_poller_fd(const whi_poller *poller) {
    return poller->queue;
}

static int set(const whi_poller *poller, int fd, short filter, int was, int what) {
    if (was == what) {
        return 0;
    }
    if (what) {
        return change(poller, fd, filter, EV_ADD);
    }
    if (change(poller, fd, filter, EV_DELETE) == 0 || errno == ENOENT || errno == EBADF) {
        return 0;
    }
    return -1;
}

int whi_poller_watch(whi_poller *poller, int fd, int was, int what) {
    if (set(poller, fd, EVFILT_READ, !!(was & WHI_READ), !!(what & WHI_READ)) != 0 ||
        set(poller, fd, EVFILT_WRITE, !!(was & WHI_WRITE), !!(what & WHI_WRITE)) != 0) {
        return fail("watching a descriptor");
    }
    return WH_OK;
}

/* Emptied first, then marked: a wake-up in between belongs to this wait, which is
 * about to return; the other way round it could be emptied and stay marked. */
static void take_wake(whi_poller *poller) {
    char bytes[64];

    while (read(poller->wake[0], bytes, sizeof bytes) > 0) {}
    atomic_exchange(&poller->woken, 0);
}

static int what_of(const struct kevent *event) {
    if (event->flags & (EV_ERROR | EV_EOF)) {
        return WHI_READ | WHI_WRITE;
    }
    return event->filter == EVFILT_READ ? WHI_READ : WHI_WRITE;
}

int whi_poller_wait(whi_poller *poller, whi_ready *ready, int maximum, int timeout) {
    struct kevent events[BATCH];
    struct timespec span = { timeout / 1000, (timeout % 1000) * 1000000L };
    int count, found = 0;

    count = kevent(poller->queue, NULL, 0, events, maximum < BATCH ? maximum : BATCH, timeout < 0 ? NULL : &span);
    if (count < 0) {
        return errno == EINTR ? 0 : fail("waiting for descriptors");
    }
    for (int i = 0; i < count; i++) {
        int fd = (int)events[i].ident;
        if (fd == poller->wake[0]) {
            take_wake(poller);
        } else if (found > 0 && ready[found - 1].fd == fd) {
            ready[found - 1].what |= what_of(&events[i]);
        } else {
            ready[found].fd = fd;
            ready[found++].what = what_of(&events[i]);
        }
    }
    return found;
}

void whi_poller_wake(whi_poller *poller) {
    ssize_t put;

    if (atomic_exchange(&poller->woken, 1) == 0) {
        put = write(poller->wake[1], "", 1);
        (void)put;
    }
}

#else

typedef int whi_poller_is_not_kqueue; /* ISO C wants something in every file */

#endif
