/* A hash table of pointers: open addressing, at most three quarters full, without marks of what
 * was taken out. What an entry's hash is and when it is the one that is looked for, its owner says
 * in a whi_table_kind; the hash is used from its lowest bit on. Not locked. To walk all: slots that
 * are not NULL, below capacity. */
#ifndef WHI_TABLE_H
#define WHI_TABLE_H

#include <stdint.h>

/* All zero is an empty one. */
typedef struct whi_table {
    void **slots;             /* NULL in one: free */
    uint32_t count, capacity; /* a power of two, or 0 */
} whi_table;

typedef struct whi_table_kind {
    uint32_t (*hash)(const void *entry);
    int (*is)(const void *entry, const void *key);
} whi_table_kind;

/* A hash for numbers that come one after the other, and for pointers. */
uint32_t whi_table_spread(uint64_t number);

/* A hash for texts; of what is told apart by a number and a text, begin is the number. */
uint32_t whi_table_spread_text(uint64_t begin, const char *text);

/* The entry, or NULL. */
void *whi_table_get(const whi_table *table, const whi_table_kind *kind, uint32_t hash, const void *key);

/* Room for one more, so that the next put cannot fail. WH_ENOMEM: nothing changed. */
int whi_table_reserve(whi_table *table, const whi_table_kind *kind);

/* Another capacity, a power of two with room for what is there. WH_ENOMEM: nothing changed. */
int whi_table_resize(whi_table *table, const whi_table_kind *kind, uint32_t capacity);

/* An entry that is not there yet; there is room. */
void whi_table_put(whi_table *table, const whi_table_kind *kind, void *entry);

/* Takes it out: the entry, or NULL if it is not there. */
void *whi_table_take(whi_table *table, const whi_table_kind *kind, uint32_t hash, const void *key);

/* The entries stay the caller's. */
void whi_table_free(whi_table *table);

#endif
