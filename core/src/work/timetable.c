/* Tests: test_engine_later. */
#include "work/timetable.h"

#include "base/error.h"

#define OWN 16 /* of the worker, at most */

int whi_timetable_init(whi_timetable *timetable) {
    int code = whi_heap_reserve(&timetable->by_clock, OWN);

    return code == WH_OK ? whi_heap_reserve(&timetable->by_machine, OWN) : code;
}

void whi_timetable_end(whi_timetable *timetable) {
    whi_heap_free(&timetable->lanes);
    whi_heap_free(&timetable->by_clock);
    whi_heap_free(&timetable->by_machine);
}

void whi_timetable_again(whi_timetable *timetable, whi_entry *entry, int64_t due_us) {
    (void)whi_heap_set(&timetable->by_machine, &entry->item, due_us); /* there is room */
}

void whi_timetable_at(whi_timetable *timetable, whi_entry *entry, int64_t due_ms) {
    (void)whi_heap_set(&timetable->by_clock, &entry->item, due_ms);
}

int whi_timetable_lane(whi_timetable *timetable, whi_entry *entry, int64_t due_ms) {
    return whi_heap_set(&timetable->lanes, &entry->item, due_ms);
}

void whi_timetable_run(struct whi_worker *worker, whi_heap *heap, int64_t now, int most) {
    whi_heap_item *first;

    while (most-- > 0 && (first = whi_heap_first(heap)) != NULL && first->due <= now) {
        whi_entry *entry = (whi_entry *)first;
        whi_heap_leave(heap, first);
        entry->call(worker, entry);
    }
}

int64_t whi_timetable_next(const whi_heap *heap) {
    const whi_heap_item *first = whi_heap_first(heap);

    return first != NULL ? first->due : INT64_MAX;
}
