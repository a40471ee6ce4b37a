/* The file system as SQLite sees it: disk.c with a scheduler before each call, and faults. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "disk.h"

#define WRITE_LOCK 0 /* of SQLite's log, by https://sqlite.org/walformat.html */

typedef struct open_file {
    sqlite3_file base;
    int last_errno;
    sim_handle handle;
} open_file;

static sim_handle *handle_of(sqlite3_file *file) {
    return &((open_file *)file)->handle;
}

/* Each call is a step. A connection whose process is gone reads and writes nothing. */
static int enter(sqlite3_file *file) {
    if (sim_now < sim_disk_slow_until && !sim_is_quiet()) {
        sim_sleep(sim_spread(&sim_disk_chance, 1, 50000));
    }
    sim_yield();
    return handle_of(file)->gone ? SQLITE_IOERR : SQLITE_OK;
}

static int trouble(sqlite3_file *file, int code) {
    const sim_process *process = sim_self_process();

    if (sim_is_quiet()) {
        return SQLITE_OK;
    }
    if (code == SQLITE_IOERR_WRITE && sim_now < process->full_until && sim_one_in(&sim_disk_chance, 2)) {
        ((open_file *)file)->last_errno = ENOSPC;
        return SQLITE_FULL;
    }
    if (sim_now < process->io_until && sim_one_in(&sim_disk_chance, 6)) {
        ((open_file *)file)->last_errno = EIO;
        return code;
    }
    return SQLITE_OK;
}

static int close_file(sqlite3_file *file) {
    sim_yield();
    sim_disk_close(handle_of(file));
    return SQLITE_OK;
}

static int read_file(sqlite3_file *file, void *out, int size, sqlite3_int64 at) {
    int code = enter(file);

    code = code == SQLITE_OK ? trouble(file, SQLITE_IOERR_READ) : code;
    if (code != SQLITE_OK) {
        return code;
    }
    return sim_disk_read(handle_of(file)->file, out, (size_t)size, (size_t)at) == (size_t)size
               ? SQLITE_OK
               : SQLITE_IOERR_SHORT_READ;
}

/* One that fails may have written a part. */
static int write_file(sqlite3_file *file, const void *data, int size, sqlite3_int64 at) {
    int code = enter(file), failed;

    if (code != SQLITE_OK) {
        return code;
    }
    failed = trouble(file, SQLITE_IOERR_WRITE);
    if (failed != SQLITE_OK) {
        size = (int)sim_below(&sim_disk_chance, size + 1);
    }
    sim_disk_write(handle_of(file)->file, data, (size_t)size, (size_t)at);
    return failed;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size) {
    int code = enter(file);

    code = code == SQLITE_OK ? trouble(file, SQLITE_IOERR_TRUNCATE) : code;
    if (code == SQLITE_OK) {
        sim_disk_truncate(handle_of(file)->file, (size_t)size);
    }
    return code;
}

static int sync_file(sqlite3_file *file, int flags) {
    int code = enter(file);

    (void)flags;
    code = code == SQLITE_OK ? trouble(file, SQLITE_IOERR_FSYNC) : code;
    if (code == SQLITE_OK) {
        sim_spend(50 + sim_below(&sim_disk_chance, 400));
        sim_disk_sync(handle_of(file)->file);
        sim_yield();
    }
    return code;
}

static int size_file(sqlite3_file *file, sqlite3_int64 *out) {
    int code = enter(file);

    *out = (sqlite3_int64)handle_of(file)->file->size;
    return code;
}

/* --------------------------------------------------------------------------- locks */

static int lock_file(sqlite3_file *file, int level) {
    int code = enter(file);

    if (code != SQLITE_OK) {
        return code;
    }
    return sim_disk_lock(handle_of(file), level) ? SQLITE_OK : SQLITE_BUSY;
}

static int unlock_file(sqlite3_file *file, int level) {
    sim_disk_unlock(handle_of(file), level);
    sim_yield();
    return SQLITE_OK;
}

static int reserved_file(sqlite3_file *file, int *out) {
    int code = enter(file);

    *out = sim_disk_reserved(handle_of(file));
    return code;
}

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out) {
    sim_handle *handle = handle_of(file);
    int code = enter(file);

    *out = NULL;
    if (code != SQLITE_OK) {
        return code;
    }
    if (region >= SIM_REGIONS) {
        sim_fail("simulator", "the log is longer than the simulator's shared memory");
    }
    if (!handle->shares) {
        handle->shares = 1;
        handle->file->sharers++;
    }
    if (handle->file->regions[region] == NULL && extend) {
        handle->file->regions[region] = sim_alloc((size_t)size);
    }
    *out = handle->file->regions[region];
    return SQLITE_OK;
}

/* A process may stand still where it hurts most: what it knows it knew before, and is about to write. */
static void stall(unsigned mask, int flags) {
    sim_process *process = sim_self_process();

    if (process->stall_us > 0 && (mask & 1u << WRITE_LOCK) && (flags & SQLITE_SHM_EXCLUSIVE) && !sim_is_quiet() &&
        (!process->stall_publishes || process->publishes > 0)) {
        sim_note("process %d stands still before it has the lock, for %lld us", process->number,
                 (long long)process->stall_us);
        process->paused_until = sim_now + process->stall_us;
        process->stall_us = 0;
    }
}

static int shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    unsigned mask = ((1u << count) - 1) << offset;
    int code;

    if (flags & SQLITE_SHM_UNLOCK) {
        sim_disk_shm_unlock(handle_of(file), mask);
        sim_yield();
        return SQLITE_OK;
    }
    stall(mask, flags);
    code = enter(file);
    if (code != SQLITE_OK) {
        return code;
    }
    return sim_disk_shm_lock(handle_of(file), mask, (flags & SQLITE_SHM_EXCLUSIVE) != 0) ? SQLITE_OK : SQLITE_BUSY;
}

static void shm_barrier(sqlite3_file *file) {
    (void)file;
    sim_yield();
}

static int shm_unmap(sqlite3_file *file, int remove) {
    (void)remove;
    sim_yield();
    sim_disk_unshare(handle_of(file));
    return SQLITE_OK;
}

/* ------------------------------------------------------------------------- the rest */

static int control(sqlite3_file *file, int what, void *out) {
    switch (what) {
    case SQLITE_FCNTL_LAST_ERRNO:
        *(int *)out = ((open_file *)file)->last_errno;
        return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED:
        *(int *)out = 0;
        return SQLITE_OK;
    case SQLITE_FCNTL_LOCKSTATE:
        *(int *)out = handle_of(file)->level;
        return SQLITE_OK;
    default:
        return SQLITE_NOTFOUND;
    }
}

static int sector(sqlite3_file *file) {
    (void)file;
    return SIM_SECTOR;
}

static int traits(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = reserved_file,
    .xFileControl = control,
    .xSectorSize = sector,
    .xDeviceCharacteristics = traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static const char *short_name(const char *name) {
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;

    return slash != NULL ? slash + 1 : name;
}

static int open_by(sqlite3_vfs *vfs, const char *name, sqlite3_file *out, int flags, int *out_flags) {
    static int temporary;
    open_file *self = (open_file *)out;
    char made[32];
    sim_file *file;

    (void)vfs;
    memset(self, 0, sizeof *self);
    sim_yield();
    if (name == NULL) {
        snprintf(made, sizeof made, "temporary-%d", temporary++);
    }
    file = sim_disk_file(name != NULL ? short_name(name) : made, (flags & SQLITE_OPEN_CREATE) != 0 || name == NULL);
    if (file == NULL) {
        return SQLITE_CANTOPEN;
    }
    sim_disk_open(&self->handle, file, sim_is_quiet() ? sim_process_at(0) : sim_self_process());
    self->handle.remove = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    self->base.pMethods = &methods;
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int delete_by(sqlite3_vfs *vfs, const char *name, int sync) {
    sim_file *file;

    (void)vfs;
    (void)sync;
    sim_yield();
    file = sim_disk_file(short_name(name), 0);
    if (file == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    sim_disk_delete(file);
    return SQLITE_OK;
}

static int access_by(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    const sim_file *file;

    (void)vfs;
    sim_yield();
    file = sim_disk_file(short_name(name), 0);
    *out = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->size > 0);
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    (void)vfs;
    snprintf(out, (size_t)size, "/sim/%s", short_name(name));
    return SQLITE_OK;
}

/* Called with a lock of SQLite's own held: nobody is asked. */
static int chance_by(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    for (int i = 0; i < size; i++) {
        out[i] = (char)(sim_draw(&sim_disk_chance) >> 16);
    }
    return size;
}

static int sleep_by(sqlite3_vfs *vfs, int us) {
    (void)vfs;
    sim_sleep(us);
    return us;
}

static int time_by(sqlite3_vfs *vfs, sqlite3_int64 *out) {
    (void)vfs;
    *out = INT64_C(24405875) * 8640000 + sim_wall_us() / 1000;
    return SQLITE_OK;
}

static int day_by(sqlite3_vfs *vfs, double *out) {
    sqlite3_int64 ms;

    time_by(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int last_error_by(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    (void)size;
    (void)out;
    return 0;
}

void sim_vfs_register(void) {
    static sqlite3_vfs vfs;

    sqlite3_initialize();
    vfs.iVersion = 2;
    vfs.szOsFile = sizeof(open_file);
    vfs.mxPathname = 128;
    vfs.zName = "sim";
    vfs.xOpen = open_by;
    vfs.xDelete = delete_by;
    vfs.xAccess = access_by;
    vfs.xFullPathname = full_name;
    vfs.xRandomness = chance_by;
    vfs.xSleep = sleep_by;
    vfs.xCurrentTime = day_by;
    vfs.xGetLastError = last_error_by;
    vfs.xCurrentTimeInt64 = time_by;
    sqlite3_vfs_register(&vfs, 1);
}
