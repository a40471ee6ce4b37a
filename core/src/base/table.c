#include "base/table.h"

#include "base/error.h"
#include "base/mem.h"

#define CAPACITY_LEAST 4
#define CAPACITY_MOST ((uint32_t)1 << 31)

/* Fibonacci hashing: the bits above are mixed by all below. */
uint32_t whi_table_spread(uint64_t number) {
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

uint32_t whi_table_spread_text(uint64_t begin, const char *text) {
    while (*text != '\0') {
        begin = begin * 31 + (unsigned char)*text++;
    }
    return whi_table_spread(begin);
}

/* Where it is, or would be. The table is not empty, and never full. */
static uint32_t slot_of(const whi_table *table, const whi_table_kind *kind, uint32_t hash, const void *key) {
    uint32_t mask = table->capacity - 1, at = hash & mask;

    while (table->slots[at] != NULL && !kind->is(table->slots[at], key)) {
        at = (at + 1) & mask;
    }
    return at;
}

static void insert(whi_table *table, uint32_t hash, void *entry) {
    uint32_t mask = table->capacity - 1, at = hash & mask;

    while (table->slots[at] != NULL) {
        at = (at + 1) & mask;
    }
    table->slots[at] = entry;
}

void *whi_table_get(const whi_table *table, const whi_table_kind *kind, uint32_t hash, const void *key) {
    return table->capacity > 0 ? table->slots[slot_of(table, kind, hash, key)] : NULL;
}

int whi_table_resize(whi_table *table, const whi_table_kind *kind, uint32_t capacity) {
    whi_table wider = { whi_calloc(capacity, sizeof(void *)), table->count, capacity };

    if (wider.slots == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != NULL) {
            insert(&wider, kind->hash(table->slots[i]), table->slots[i]);
        }
    }
    whi_free(table->slots);
    *table = wider;
    return WH_OK;
}

int whi_table_reserve(whi_table *table, const whi_table_kind *kind) {
    if (table->count < table->capacity / 4 * 3) {
        return WH_OK;
    }
    if (table->capacity == CAPACITY_MOST) {
        return whi_fail_memory();
    }
    return whi_table_resize(table, kind, table->capacity > 0 ? table->capacity * 2 : CAPACITY_LEAST);
}

void whi_table_put(whi_table *table, const whi_table_kind *kind, void *entry) {
    insert(table, kind->hash(entry), entry);
    table->count++;
}

/* Those behind the gap move up, so that probing still finds them. */
static void close_gap(whi_table *table, const whi_table_kind *kind, uint32_t gap) {
    uint32_t mask = table->capacity - 1;

    table->slots[gap] = NULL;
    for (uint32_t at = (gap + 1) & mask; table->slots[at] != NULL; at = (at + 1) & mask) {
        void *moved = table->slots[at];
        table->slots[at] = NULL;
        insert(table, kind->hash(moved), moved);
    }
}

void *whi_table_take(whi_table *table, const whi_table_kind *kind, uint32_t hash, const void *key) {
    uint32_t at = table->capacity > 0 ? slot_of(table, kind, hash, key) : 0;
    void *entry = table->capacity > 0 ? table->slots[at] : NULL;

    if (entry != NULL) {
        close_gap(table, kind, at);
        table->count--;
    }
    return entry;
}

void whi_table_free(whi_table *table) {
    whi_free(table->slots);
    *table = (whi_table){ 0 };
}
