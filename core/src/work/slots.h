/* Slots: the requests that a worker may have under way (limits.in_flight), divided so that each kind of lane waits
 * for its own kind alone.
 *
 *   quick    the lane's last request was answered, within 250 ms
 *   unknown  nothing came of it yet, it failed within 250 ms, or was answered within two seconds: who pauses for a
 *            moment does not wait for its turn among all that hang
 *   slow     the last request took longer, or one that is under way is older than 250 ms
 *
 * A quarter of the slots is each kind's own, and the last quarter anybody's. With two kinds, the unknown among the
 * quick ones or among the slow ones, either the good ones stand behind all that were not tried yet, or whoever is new
 * stands behind all that hang.
 *
 * What is lent must come back. A quick lane gives a slot back within 250 ms, so it also borrows what the two others
 * do not use: half of their parts, and none of the part of a kind that has a lane waiting. The two others may hold
 * what they have until the time-out of a request, so they borrow of the common quarter alone: however many receivers
 * hang, a quarter of the slots goes on serving those that answer, and a quarter those that nobody knows.
 *
 * A request that gets older than 250 ms is charged to the slow ones, where they have room for it, also in the common
 * quarter; and one to a lane that was quick, also in the half of the other parts that may be lent, or all receivers of
 * a network that fails would stop the rest. Where there is no room it stays charged to the kind that sent it, and moves
 * before any slow lane begins another: so what a kind itself has sent is all that can keep its own part from it.
 *
 * Those that nobody knows keep it from each other: as many of them that hang as there are slots would have all who come
 * later wait for a time-out. So where one of them waits and may not begin, the oldest of theirs that has no room with
 * the slow ones yields: it is cut, which is no failure, goes again with the slow ones, and has its whole time there.
 * More slots for newcomers would only need more that hang; and who was cut and does answer, within two seconds, is not
 * tried among the unknown again as long as slots are short: it gets a delivery twice for that once. Whoever is new
 * begins, with n before it and half of the unknown's part at least (the quick ones that hang may have the rest), within
 * 250 ms for each part of n that is as large.
 *
 * With less than four slots all of them are common.
 *
 * What goes to a sink that takes batches (sinks/sink.h) is of a fourth kind, which has no part in this: it is bounded
 * by WHI_SLOTS_BATCHED alone, and never becomes old. A lane of it, with all others to its receiver (crowd.h), never has
 * more of them than it leaves free: n receivers that hang, with however much to send, leave one part in n + 1 to the
 * others. One thread. */
#ifndef WHI_SLOTS_H
#define WHI_SLOTS_H

#include <stdint.h>

/* From here on a request says that its receiver is slow. The answer of a good one is there long before, also from
 * the other side of the world with a new connection and TLS; what takes longer costs time, and no CPU. */
#define WHI_SLOW_US INT64_C(250000)

/* Within that an answer shows that the receiver works, and its next request may be tried. */
#define WHI_PAUSE_US INT64_C(2000000)

enum whi_slot_kind {
    WHI_SLOT_UNKNOWN,
    WHI_SLOT_QUICK,
    WHI_SLOT_SLOW,
    WHI_SLOT_SHARING, /* how many share the slots */
    WHI_SLOT_BATCH = WHI_SLOT_SHARING,
    WHI_SLOT_KINDS
};

/* Deliveries at once with sinks that take batches. */
#define WHI_SLOTS_BATCHED 16384

/* Of a request under way. All zero: it has none. */
typedef struct whi_slot {
    struct whi_slot *next, **link; /* of those as old, the oldest first */
    struct whi_slot_list *list;
    int64_t since_us;
    enum whi_slot_kind charged;
    int old;    /* stays when it has ended */
    int yields; /* 1: it is being cut */
} whi_slot;

typedef struct whi_slot_list {
    whi_slot *first, **end;
} whi_slot_list;

typedef struct whi_slots {
    int most;
    int used[WHI_SLOT_KINDS];
    int young[WHI_SLOT_KINDS];             /* of those, not older than WHI_SLOW_US */
    int waiting[WHI_SLOT_KINDS];           /* lanes that want one: whoever has the lanes counts them */
    whi_slot_list fresh;                   /* young ones */
    whi_slot_list overdue[WHI_SLOT_KINDS]; /* older, and charged to the kind that sent them */
    whi_slot_list held;                    /* older, and charged to the slow ones */
    whi_slot_list yielding;                /* older, of the unknown, and to be cut */
    int yielding_count;
} whi_slots;

/* most > 0. */
void whi_slots_init(whi_slots *slots, int most);

/* 1: a lane of this kind may begin a request. */
int whi_slots_may(const whi_slots *slots, enum whi_slot_kind kind);

/* 1: a lane of this kind, that has so many under way, may have one more of what there is for its kind. Who has none may
 * always wait for one; who has some asks again when one of them has ended. */
int whi_slots_share(const whi_slots *slots, enum whi_slot_kind kind, int own);

/* A request begins, which may. The time never goes back. */
void whi_slots_take(whi_slots *slots, whi_slot *slot, enum whi_slot_kind kind, int64_t now_us);

/* It has ended. */
void whi_slots_give(whi_slots *slots, whi_slot *slot);

/* The next one that has become old, told once; NULL: there is none. */
whi_slot *whi_slots_old(whi_slots *slots, int64_t now_us);

/* One that is to be cut for a lane that nobody knows, told once; NULL: there is none. It has its slot until it is
 * given. */
whi_slot *whi_slots_yield(whi_slots *slots);

/* 1: some of the unknown that hang have no room with the slow ones. */
int whi_slots_are_short(const whi_slots *slots);

/* When the next one becomes old: us; INT64_MAX: none is young. */
int64_t whi_slots_next(const whi_slots *slots);

#endif
