/* The timetable of a worker: all that is due by time, lanes and upkeep alike, and whatever comes to it.
 *
 * It has heaps for two clocks. By the engine's clock, in ms, go times that stand in the store or are
 * compared with them: the lanes (apart, since they are looked at under the lease alone), purging. That
 * clock may be set, and in tests it stands. By the machine's clock, in us, which only ever grows, goes
 * what this process does again after a while: tries, looks, spills.
 *
 * An entry is in its heap or not; when its time has come it is taken out and called, and puts itself
 * back if there is more. */
#ifndef WHI_TIMETABLE_H
#define WHI_TIMETABLE_H

#include <stdint.h>

#include "base/heap.h"

struct whi_worker;

typedef struct whi_entry {
    whi_heap_item item; /* first */
    void (*call)(struct whi_worker *worker, struct whi_entry *entry);
} whi_entry;

typedef struct whi_timetable {
    whi_heap lanes;      /* ms of whi_now */
    whi_heap by_clock;   /* ms of whi_now */
    whi_heap by_machine; /* us of whi_monotonic_us */
} whi_timetable;

/* Room for the worker's own entries: setting those cannot fail. */
int whi_timetable_init(whi_timetable *timetable);
void whi_timetable_end(whi_timetable *timetable);

/* One of the worker's own, by the machine's clock, or by the engine's. */
void whi_timetable_again(whi_timetable *timetable, whi_entry *entry, int64_t due_us);
void whi_timetable_at(whi_timetable *timetable, whi_entry *entry, int64_t due_ms);

/* A lane's. WH_ENOMEM. */
int whi_timetable_lane(whi_timetable *timetable, whi_entry *entry, int64_t due_ms);

static inline int whi_entry_is_set(const whi_entry *entry) {
    return entry->item.at != 0;
}

/* Calls what is due in this heap, the earliest first, at most so many. */
void whi_timetable_run(struct whi_worker *worker, whi_heap *heap, int64_t now, int most);

/* When the next is due; INT64_MAX: nothing is. */
int64_t whi_timetable_next(const whi_heap *heap);

#endif
