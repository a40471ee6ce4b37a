#include "disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define FILES 64
#define LARGEST ((size_t)64 << 20)

static sim_file files[FILES];
static int file_count;
int64_t sim_disk_slow_until;

sim_file *sim_disk_file(const char *name, int create) {
    sim_file *file = NULL;

    for (int i = 0; i < file_count; i++) {
        if (strcmp(files[i].name, name) == 0) {
            file = &files[i];
        }
    }
    if (file == NULL && create) {
        if (file_count == FILES) {
            sim_fail("simulator", "more than %d files", FILES);
        }
        file = &files[file_count++];
        snprintf(file->name, sizeof file->name, "%s", name);
    }
    if (file != NULL && create) {
        file->exists = 1;
    }
    return file != NULL && file->exists ? file : NULL;
}

void sim_disk_open(sim_handle *handle, sim_file *file, sim_process *process) {
    handle->file = file;
    handle->process = process;
    handle->next = file->handles;
    file->handles = handle;
}

static void forget(sim_handle *handle) {
    sim_handle **place = &handle->file->handles;

    while (*place != NULL && *place != handle) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        *place = handle->next;
    }
}

void sim_disk_unshare(sim_handle *handle) {
    sim_file *file = handle->file;

    handle->shared_locks = handle->own_locks = 0;
    if (!handle->shares) {
        return;
    }
    handle->shares = 0;
    if (--file->sharers == 0) {
        /* The system keeps the memory; the next one who comes finds nobody and begins anew. */
        for (int i = 0; i < SIM_REGIONS; i++) {
            file->regions[i] = NULL;
        }
    }
}

void sim_disk_close(sim_handle *handle) {
    if (!handle->gone) {
        sim_disk_unshare(handle);
        forget(handle);
        handle->gone = 1;
        if (handle->remove) {
            sim_disk_delete(handle->file);
        }
    }
}

/* -------------------------------------------------------------------------- content */

static void make_room(sim_file *file, size_t size) {
    size_t room = file->room > 0 ? file->room : 65536;
    unsigned char *data, *safe, *dirty;

    if (size <= file->room) {
        return;
    }
    while (room < size) {
        room *= 2;
    }
    if (room > LARGEST) {
        sim_fail("simulator", "the file %s grows beyond %zu bytes", file->name, LARGEST);
    }
    data = sim_alloc(room);
    safe = sim_alloc(room);
    dirty = sim_alloc(room / SIM_SECTOR);
    if (file->room > 0) {
        memcpy(data, file->data, file->room);
        memcpy(safe, file->safe, file->room);
        memcpy(dirty, file->dirty, file->room / SIM_SECTOR);
        sim_free(file->data);
        sim_free(file->safe);
        sim_free(file->dirty);
    }
    file->data = data;
    file->safe = safe;
    file->dirty = dirty;
    file->room = room;
}

void sim_disk_write(sim_file *file, const void *data, size_t size, size_t at) {
    if (size == 0) {
        return;
    }
    make_room(file, at + size);
    memcpy(file->data + at, data, size);
    memset(file->dirty + at / SIM_SECTOR, 1, (at + size - 1) / SIM_SECTOR - at / SIM_SECTOR + 1);
    file->size = at + size > file->size ? at + size : file->size;
}

size_t sim_disk_read(const sim_file *file, void *out, size_t size, size_t at) {
    size_t there = at < file->size ? file->size - at : 0;

    there = there < size ? there : size;
    if (there > 0) {
        memcpy(out, file->data + at, there);
    }
    memset((char *)out + there, 0, size - there);
    return there;
}

void sim_disk_truncate(sim_file *file, size_t size) {
    make_room(file, size);
    if (size < file->size) {
        memset(file->data + size, 0, file->size - size);
        memset(file->dirty + size / SIM_SECTOR, 1, (file->size - 1) / SIM_SECTOR - size / SIM_SECTOR + 1);
    }
    file->size = size;
}

void sim_disk_sync(sim_file *file) {
    size_t used = file->size > file->safe_size ? file->size : file->safe_size;

    for (size_t i = 0; i * SIM_SECTOR < used; i++) {
        if (file->dirty[i]) {
            memcpy(file->safe + i * SIM_SECTOR, file->data + i * SIM_SECTOR, SIM_SECTOR);
            file->dirty[i] = 0;
        }
    }
    file->safe_size = file->size;
}

void sim_disk_delete(sim_file *file) {
    if (file->room > 0) {
        memset(file->data, 0, file->room);
        memset(file->safe, 0, file->room);
        memset(file->dirty, 0, file->room / SIM_SECTOR);
    }
    file->size = file->safe_size = 0;
    file->exists = 0;
}

/* ---------------------------------------------------------------------------- deaths */

static void drop_handle(sim_handle *handle) {
    sim_disk_unshare(handle);
    forget(handle);
    handle->level = SQLITE_LOCK_NONE;
    handle->gone = 1;
}

static void drop_handles(sim_process *process) {
    for (int i = 0; i < file_count; i++) {
        sim_handle *next;
        for (sim_handle *handle = files[i].handles; handle != NULL; handle = next) {
            next = handle->next;
            if (process == NULL || handle->process == process) {
                drop_handle(handle);
            }
        }
    }
}

/* The system's cache outlives a process. */
void sim_disk_process_dies(sim_process *process) {
    drop_handles(process);
}

/* What was not synced is there, or not, or half of it, sector by sector. */
static void lose(sim_file *file, sim_chance *chance) {
    int how = (int)sim_below(chance, 3); /* nothing was written, all was, or some of it */
    size_t used = file->size > file->safe_size ? file->size : file->safe_size;
    int longer = how == 0 ? 0 : how == 1 ? 1 : (int)sim_below(chance, 2);

    for (size_t i = 0; i * SIM_SECTOR < used; i++) {
        if (file->dirty[i] && (how == 0 || (how == 2 && sim_one_in(chance, 2)))) {
            memcpy(file->data + i * SIM_SECTOR, file->safe + i * SIM_SECTOR, SIM_SECTOR);
        }
    }
    if (!longer) {
        sim_disk_truncate(file, file->safe_size);
    }
    sim_disk_sync(file);
}

void sim_disk_machine_dies(sim_chance *chance) {
    drop_handles(NULL);
    for (int i = 0; i < file_count; i++) {
        if (files[i].exists) {
            lose(&files[i], chance);
        }
    }
}

/* ----------------------------------------------------------------------------- locks */

static int others_above(const sim_handle *handle, int level) {
    for (const sim_handle *other = handle->file->handles; other != NULL; other = other->next) {
        if (other != handle && other->level > level) {
            return 1;
        }
    }
    return 0;
}

int sim_disk_lock(sim_handle *handle, int level) {
    if (handle->level >= level) {
        return 1;
    }
    if (level == SQLITE_LOCK_SHARED && others_above(handle, SQLITE_LOCK_RESERVED)) {
        return 0;
    }
    if (level >= SQLITE_LOCK_RESERVED && others_above(handle, SQLITE_LOCK_SHARED)) {
        return 0;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE && others_above(handle, SQLITE_LOCK_NONE)) {
        handle->level = SQLITE_LOCK_PENDING;
        return 0;
    }
    handle->level = level;
    return 1;
}

void sim_disk_unlock(sim_handle *handle, int level) {
    if (handle->level > level) {
        handle->level = level;
    }
}

int sim_disk_reserved(const sim_handle *handle) {
    return handle->level > SQLITE_LOCK_SHARED || others_above(handle, SQLITE_LOCK_SHARED);
}

int sim_disk_shm_lock(sim_handle *handle, unsigned mask, int exclusive) {
    for (const sim_handle *other = handle->file->handles; other != NULL; other = other->next) {
        if (other != handle && ((other->own_locks & mask) || (exclusive && (other->shared_locks & mask)))) {
            return 0;
        }
    }
    if (exclusive) {
        handle->own_locks |= mask;
    } else {
        handle->shared_locks |= mask;
    }
    return 1;
}

void sim_disk_shm_unlock(sim_handle *handle, unsigned mask) {
    handle->own_locks &= ~mask;
    handle->shared_locks &= ~mask;
}
