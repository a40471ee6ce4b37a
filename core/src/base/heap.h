/* A heap of what has a time: the earliest is at hand, and any may be moved or taken out, each in
 * the logarithm of their number. The items are part of the caller's structs; one item is in one heap
 * at most. Not locked. */
#ifndef WHI_HEAP_H
#define WHI_HEAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct whi_heap_item {
    int64_t due; /* in whatever unit and by whatever clock the heap's owner has */
    size_t at;   /* place in the heap, from 1; 0: in none */
} whi_heap_item;

typedef struct whi_heap {
    whi_heap_item **items; /* [1 … count] */
    size_t count, room;
} whi_heap;

/* Room for so many in all, so that setting them cannot fail. WH_ENOMEM: nothing changed. */
int whi_heap_reserve(whi_heap *heap, size_t count);

/* Puts the item in, or moves it, to this time. WH_ENOMEM: nothing changed; not with room. */
int whi_heap_set(whi_heap *heap, whi_heap_item *item, int64_t due);

/* What is later than this is at this time now. */
void whi_heap_hasten(whi_heap *heap, int64_t due);

/* Takes it out, if it is in. */
void whi_heap_leave(whi_heap *heap, whi_heap_item *item);

/* The earliest, or NULL. */
whi_heap_item *whi_heap_first(const whi_heap *heap);

/* The items stay the caller's, and think that they are in. */
void whi_heap_free(whi_heap *heap);

#endif
