/* Hearing of others' commits: the system tells who writes to the -wal.
 *
 * Every commit is written there, whoever makes it, another program's as well. The word comes with the
 * first bytes, before the flush and so before the commit can be seen: WH_WAKES_EARLY. Our own commits
 * are told of like all others.
 *
 * The name is safe to watch: while we have the log open SQLite neither removes nor replaces it (a
 * checkpoint may cut it to nothing, which is the same file). Where somebody else does, writing is refused
 * (store_sqlite_moved.c), and others' commits are seen by looking, as where nothing tells at all.
 *
 * A watch tells once, and is set again when we are asked to be silent: so a process that does not
 * care, because it only publishes or has more to do than it can, pays for none of its writes but one.
 * A child has our descriptor too: so a watch is never taken away by name, which would take it from the
 * parent. Tests: test_store_sqlite_listen. */
#include "outside/store_sqlite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#ifdef __linux__

#include <sys/inotify.h>

#define CAN_TELL 1
#define LOG 1         /* in the store's files */
#define TOLD_SIZE 256 /* bytes: of the two events that a watch gives, and some to spare */

static int make(void) {
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

static int has_told(const whi_sqlite *store) {
    char told[TOLD_SIZE];

    return read(store->wake_fd, told, sizeof told) > 0;
}

static int watch(const whi_sqlite *store) {
    return inotify_add_watch(store->wake_fd, store->files[LOG].path, IN_MODIFY | IN_ONESHOT) >= 0;
}

#else

#define CAN_TELL 0
#define LOG 1

static int make(void) {
    errno = ENOSYS;
    return -1;
}

static int has_told(const whi_sqlite *store) {
    (void)store;
    return 0;
}

static int watch(const whi_sqlite *store) {
    (void)store;
    return 0;
}

#endif

/* Without a log (":memory:") there is nobody else. */
int whi_sqlite_can_listen(const whi_sqlite *store) {
    return CAN_TELL && store->files[LOG].known;
}

int whi_sqlite_listen(whi_store *base, int *fd) {
    whi_sqlite *store = whi_sqlite_of(base);

    *fd = -1;
    if (!base->ability.wakes) {
        return WH_OK;
    }
    if (store->wake_fd < 0) {
        store->wake_fd = make();
    }
    if (store->wake_fd < 0) {
        return whi_fail(WH_ERESOURCE, "store '%s': the system does not tell of others' commits: %s", store->name,
                        strerror(errno));
    }
    if (has_told(store)) {
        store->wake_set = 0;
    }
    if (!store->wake_set) {
        store->wake_set = watch(store); /* a file that is away now may be back when we are asked again */
    }
    *fd = store->wake_fd;
    return WH_OK;
}

void whi_sqlite_listen_end(whi_sqlite *store) {
    if (store->wake_fd >= 0) {
        close(store->wake_fd);
    }
}
