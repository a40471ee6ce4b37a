/* A database for tests behind outside/destinations.h: it keeps rows as a real one does, answers as it is told, and
 * remembers what was written. Any thread. */
#ifndef FAKE_DESTINATION_H
#define FAKE_DESTINATION_H

#include <stddef.h>
#include <stdint.h>

#include "outside/destinations.h"

#define FAKE_ROWS 4096

typedef struct fake_row {
    char connection[32], type[64], bytes[128];
    int64_t version;
    int deleted;
} fake_row;

typedef struct fake_database {
    /* NULL: all is written; else it fills the result of an object. Under the fake's lock. */
    void (*judge)(const whi_object *object, whi_object_result *result);
    int hangs;                 /* see fake_hang */
    const char *refuses;       /* NULL, or why open fails */
    whi_object_result checked; /* what check answers */
    int opened, closed, writes, cuts, rests, checks;
    size_t largest;                                    /* objects in a write */
    char url[4096], schema[64], prefix[64], asked[64]; /* of the last one opened; and the type that was checked */
    int create, removes;
    fake_row rows[FAKE_ROWS]; /* as they were written, one after the other */
    size_t count;
} fake_database;

extern fake_database fake_db;
extern const whi_destinations fake_destinations;

/* As at the beginning. */
void fake_reset(void);

/* How many rows were written, and are being waited for, while threads write. */
size_t fake_count(void);
int fake_waiting(void);

/* 1: writing and checking wait until they are cut; 2: what waits does so still, and what begins does not; 0: nothing
 * waits. */
void fake_hang(int hangs);

#endif
