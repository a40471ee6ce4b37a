/* disk.h - files as a machine keeps them: what programs see, and what would be left of it
 * if the power went now. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "sim.h"

#define SIM_SECTOR 512
#define SIM_SHM_LOCKS 8
#define SIM_REGIONS 16

struct sim_handle;

typedef struct sim_file {
    char name[64];
    int exists;
    unsigned char *data, *safe; /* seen; left after a power cut */
    size_t size, safe_size, room;
    unsigned char *dirty; /* a byte a sector: 1 where data is not safe */
    struct sim_handle *handles;
    void *regions[SIM_REGIONS]; /* shared memory */
    int sharers;
} sim_file;

/* A file that a connection has open. */
typedef struct sim_handle {
    struct sim_handle *next;
    sim_file *file;
    sim_process *process;
    int gone;                         /* its process died, or the machine */
    int level;                        /* SQLITE_LOCK_... */
    int shares;                       /* has the shared memory */
    int remove;                       /* when closed */
    unsigned shared_locks, own_locks; /* of the shared memory, bits */
} sim_handle;

sim_file *sim_disk_file(const char *name, int create);
void sim_disk_open(sim_handle *handle, sim_file *file, sim_process *process);
void sim_disk_close(sim_handle *handle);
void sim_disk_write(sim_file *file, const void *data, size_t size, size_t at);
size_t sim_disk_read(const sim_file *file, void *out, size_t size, size_t at); /* how many were there */
void sim_disk_truncate(sim_file *file, size_t size);
void sim_disk_sync(sim_file *file);
void sim_disk_delete(sim_file *file);
int sim_disk_lock(sim_handle *handle, int level); /* 1, or 0: somebody else has it */
void sim_disk_unlock(sim_handle *handle, int level);
int sim_disk_reserved(const sim_handle *handle);
int sim_disk_shm_lock(sim_handle *handle, unsigned mask, int exclusive);
void sim_disk_shm_unlock(sim_handle *handle, unsigned mask);
void sim_disk_unshare(sim_handle *handle);

#endif
