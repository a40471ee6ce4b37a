/* Whether the file that is open is still the one that its name leads to.
 *
 * SQLite's own question (SQLITE_FCNTL_HAS_MOVED) looks at the database alone, needs its
 * connection, and so waits for whoever is using it. Asked here is the system, about all three
 * files: while one connection has them open SQLite keeps each of them, so another inode under
 * a name, or none, is somebody else's doing. Tests: test_store_sqlite_check. */
#include "outside/store_sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fork.h"
#include "base/mem.h"

/* ---------------------------------------------------------------------------- forks
 *
 * A child has a copy of what SQLite remembers of its parent's locks, and none of the locks. A
 * connection of its own to the same file would rely on them: the parent could take the log
 * away from under it. So such a file is refused. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static whi_sqlite *all; /* under the lock */

static void lock_list(void) {
    pthread_mutex_lock(&lock);
}

static void unlock_list(void) {
    pthread_mutex_unlock(&lock);
}

static void watch(void) {
    pthread_atfork(lock_list, unlock_list, unlock_list);
}

int whi_sqlite_check_fork(const whi_sqlite *store) {
    unsigned generation = whi_fork_generation();
    struct stat about;
    int parents = 0;

    if (stat(store->name, &about) != 0) {
        return WH_OK; /* a new one, or SQLite will say */
    }
    pthread_mutex_lock(&lock);
    for (const whi_sqlite *one = all; one != NULL; one = one->next_open) {
        const whi_sqlite_file *file = &one->files[0];
        parents |= one->generation != generation && file->inode == (uint64_t)about.st_ino &&
                   file->device == (uint64_t)about.st_dev;
    }
    pthread_mutex_unlock(&lock);
    return parents ? whi_fail(WH_ESTORE,
                              "store '%s': the process that this one was forked from has it open, and SQLite's locks do"
                              " not survive a fork: open it there after the fork, or in a program of its own",
                              store->name)
                   : WH_OK;
}

static void enter_list(whi_sqlite *store) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch);
    store->generation = whi_fork_generation();
    pthread_mutex_lock(&lock);
    store->next_open = all;
    all = store;
    pthread_mutex_unlock(&lock);
}

static void leave_list(whi_sqlite *store) {
    pthread_mutex_lock(&lock);
    for (whi_sqlite **link = &all; *link != NULL; link = &(*link)->next_open) {
        if (*link == store) {
            *link = store->next_open;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------------------- names */

static const char *const tails[WHI_SQLITE_FILES] = { "", "-wal", "-shm" };

static int note_file(whi_sqlite_file *file, const char *path, const char *tail) {
    size_t size = strlen(path) + strlen(tail) + 1;
    struct stat about;

    file->path = whi_alloc(size);
    if (file->path == NULL) {
        return whi_fail_memory();
    }
    snprintf(file->path, size, "%s%s", path, tail);
    file->known = stat(file->path, &about) == 0; /* without WAL there is the first alone */
    file->inode = file->known ? (uint64_t)about.st_ino : 0;
    file->device = file->known ? (uint64_t)about.st_dev : 0;
    return WH_OK;
}

/* Replaced between SQLite's opening and our look, it would be taken for the right one. */
static int check_first(whi_sqlite *store) {
    int moved = 0;

    (void)sqlite3_file_control(store->writer.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved ? whi_fail(WH_EMOVED, "store '%s': the file was replaced while it was opened", store->name) : WH_OK;
}

int whi_sqlite_note_files(whi_sqlite *store) {
    const char *path = sqlite3_db_filename(store->writer.db, "main"); /* absolute, without links */
    int code = WH_OK;

    if (path == NULL || path[0] == '\0') {
        return WH_OK; /* ":memory:" */
    }
    for (int i = 0; i < WHI_SQLITE_FILES && code == WH_OK; i++) {
        code = note_file(&store->files[i], path, tails[i]);
    }
    code = code == WH_OK ? check_first(store) : code;
    if (code == WH_OK) {
        enter_list(store);
    }
    return code;
}

void whi_sqlite_forget_files(whi_sqlite *store) {
    leave_list(store);
    for (int i = 0; i < WHI_SQLITE_FILES; i++) {
        whi_free(store->files[i].path);
    }
}

int whi_sqlite_moved(whi_store *base, int *moved) {
    const whi_sqlite *store = whi_sqlite_of(base);
    struct stat about;

    *moved = 0;
    for (int i = 0; i < WHI_SQLITE_FILES && !*moved; i++) {
        const whi_sqlite_file *file = &store->files[i];
        if (!file->known) {
            continue;
        }
        if (stat(file->path, &about) == 0) {
            *moved = (uint64_t)about.st_ino != file->inode;
        } else if (errno == ENOENT || errno == ENOTDIR) {
            *moved = 1;
        } else {
            return whi_fail(WH_ESTORE, "store '%s': '%s' cannot be looked at: %s", store->name, file->path,
                            strerror(errno));
        }
    }
    return WH_OK;
}
