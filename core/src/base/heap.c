#include "base/heap.h"

#include "base/error.h"
#include "base/mem.h"

#define ROOM_FIRST 64

static void place(whi_heap *heap, whi_heap_item *item, size_t at) {
    heap->items[at] = item;
    item->at = at;
}

static void sift_up(whi_heap *heap, whi_heap_item *item) {
    size_t at = item->at;

    while (at > 1 && heap->items[at / 2]->due > item->due) {
        place(heap, heap->items[at / 2], at);
        at /= 2;
    }
    place(heap, item, at);
}

static void sift_down(whi_heap *heap, whi_heap_item *item) {
    size_t at = item->at, child;

    while ((child = 2 * at) <= heap->count) {
        if (child < heap->count && heap->items[child + 1]->due < heap->items[child]->due) {
            child++;
        }
        if (heap->items[child]->due >= item->due) {
            break;
        }
        place(heap, heap->items[child], at);
        at = child;
    }
    place(heap, item, at);
}

int whi_heap_reserve(whi_heap *heap, size_t count) {
    size_t room = heap->room ? heap->room : ROOM_FIRST;
    whi_heap_item **items;

    if (count < heap->room) {
        return WH_OK;
    }
    while (room <= count) {
        room *= 2;
    }
    items = whi_realloc(heap->items, room * sizeof(whi_heap_item *));
    if (items == NULL) {
        return whi_fail_memory();
    }
    heap->items = items;
    heap->room = room;
    return WH_OK;
}

int whi_heap_set(whi_heap *heap, whi_heap_item *item, int64_t due) {
    if (item->at == 0) {
        if (whi_heap_reserve(heap, heap->count + 1) != WH_OK) {
            return WH_ENOMEM;
        }
        place(heap, item, ++heap->count);
    }
    item->due = due;
    sift_up(heap, item);
    sift_down(heap, item);
    return WH_OK;
}

/* Whoever was not later than another is not now either: all stay in their places. */
void whi_heap_hasten(whi_heap *heap, int64_t due) {
    for (size_t i = 1; i <= heap->count; i++) {
        whi_heap_item *item = heap->items[i];
        item->due = item->due < due ? item->due : due;
    }
}

void whi_heap_leave(whi_heap *heap, whi_heap_item *item) {
    size_t at = item->at;
    whi_heap_item *last;

    if (at == 0) {
        return;
    }
    item->at = 0;
    last = heap->items[heap->count--];
    if (last != item) {
        place(heap, last, at);
        sift_up(heap, last);
        sift_down(heap, last);
    }
}

whi_heap_item *whi_heap_first(const whi_heap *heap) {
    return heap->count > 0 ? heap->items[1] : NULL;
}

void whi_heap_free(whi_heap *heap) {
    whi_free(heap->items);
    *heap = (whi_heap){ NULL, 0, 0 };
}
