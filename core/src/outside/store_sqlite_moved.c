/* Whether the file that is open is still the one that its name leads to.
 *
 * SQLite's own question (SQLITE_FCNTL_HAS_MOVED) looks at the database alone, needs its
 * connection, and so waits for whoever is using it. Asked here is the system, about all three
 * files: while one connection has them open SQLite keeps each of them, so another inode under
 * a name, or none, is somebody else's doing. */
#include "outside/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"

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
    return code == WH_OK ? check_first(store) : code;
}

void whi_sqlite_forget_files(whi_sqlite *store) {
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
