/* Tests: test_database_crowd. */
#include "work/crowd.h"

#include "base/mem.h"

static uint32_t hash_crowd(const void *entry) {
    return whi_table_spread(((const whi_crowd *)entry)->key);
}

static int is_crowd(const void *entry, const void *key) {
    return ((const whi_crowd *)entry)->key == *(const uint64_t *)key;
}

static const whi_table_kind crowd_kind = { hash_crowd, is_crowd };

static whi_crowd *find(const whi_worker *worker, uint64_t key) {
    return whi_table_get(&worker->crowds, &crowd_kind, whi_table_spread(key), &key);
}

static whi_crowd *make(whi_worker *worker, uint64_t key) {
    whi_crowd *crowd = whi_table_reserve(&worker->crowds, &crowd_kind) == WH_OK ? whi_calloc(1, sizeof *crowd) : NULL;

    if (crowd != NULL) {
        crowd->key = key;
        whi_table_put(&worker->crowds, &crowd_kind, crowd);
    }
    return crowd;
}

whi_crowd *whi_crowd_join(whi_worker *worker, uint64_t key) {
    whi_crowd *crowd = find(worker, key);

    crowd = crowd != NULL ? crowd : make(worker, key);
    if (crowd != NULL) {
        crowd->count++;
    }
    return crowd;
}

void whi_crowd_leave(whi_worker *worker, whi_crowd *crowd) {
    if (crowd != NULL && --crowd->count == 0) {
        whi_table_take(&worker->crowds, &crowd_kind, whi_table_spread(crowd->key), &crowd->key);
        whi_free(crowd);
    }
}

int whi_crowd_count(const whi_worker *worker, uint64_t key) {
    const whi_crowd *crowd = find(worker, key);

    return crowd != NULL ? crowd->count : 0;
}

void whi_crowds_free(whi_worker *worker) {
    for (uint32_t i = 0; i < worker->crowds.capacity; i++) {
        whi_free(worker->crowds.slots[i]);
    }
    whi_table_free(&worker->crowds);
}
