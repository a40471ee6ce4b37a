/* A table by text that only grows: values are zeroed memory of one size that stays where
 * it is. For the judge, which ends with the program. */
#ifndef CRASH_MAP_H
#define CRASH_MAP_H

#include <stddef.h>

typedef struct map_entry {
    char *name;
    void *value;
} map_entry;

typedef struct map {
    size_t value_size; /* set this, and the rest to 0 */
    size_t used, slots;
    map_entry *entries; /* name NULL: free */
} map;

void *map_at(map *self, const char *name);   /* made if it is not there */
void *map_find(map *self, const char *name); /* or NULL */
void map_free(map *self);

#endif
