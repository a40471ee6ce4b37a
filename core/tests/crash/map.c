#include "map.h"

#include <stdlib.h>
#include <string.h>

#include "crash.h"

static map_entry *place(const map *self, const char *name) {
    size_t at = (size_t)hash_of(name, strlen(name)) & (self->slots - 1);

    while (self->entries[at].name != NULL && strcmp(self->entries[at].name, name) != 0) {
        at = (at + 1) & (self->slots - 1);
    }
    return &self->entries[at];
}

static void grow(map *self) {
    map before = *self;

    self->slots = before.slots == 0 ? 1024 : before.slots * 2;
    self->entries = calloc(self->slots, sizeof *self->entries);
    if (self->entries == NULL) {
        die("memory");
    }
    for (size_t i = 0; i < before.slots; i++) {
        if (before.entries[i].name != NULL) {
            *place(self, before.entries[i].name) = before.entries[i];
        }
    }
    free(before.entries);
}

void *map_find(map *self, const char *name) {
    return self->slots == 0 ? NULL : place(self, name)->value;
}

void *map_at(map *self, const char *name) {
    map_entry *entry;

    if (self->used * 2 >= self->slots) {
        grow(self);
    }
    entry = place(self, name);
    if (entry->name == NULL) {
        entry->name = strdup(name);
        entry->value = calloc(1, self->value_size);
        if (entry->name == NULL || entry->value == NULL) {
            die("memory");
        }
        self->used++;
    }
    return entry->value;
}

void map_free(map *self) {
    for (size_t i = 0; i < self->slots; i++) {
        free(self->entries[i].name);
        free(self->entries[i].value);
    }
    free(self->entries);
    *self = (map){ self->value_size, 0, 0, NULL };
}
