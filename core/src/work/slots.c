/* Tests: test_slots. */
#include "work/slots.h"

#include <stddef.h>

static void list_init(whi_slot_list *list) {
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(whi_slot_list *list, whi_slot *slot) {
    slot->next = NULL;
    slot->link = list->end;
    slot->list = list;
    *list->end = slot;
    list->end = &slot->next;
}

static void list_remove(whi_slot *slot) {
    *slot->link = slot->next;
    if (slot->next != NULL) {
        slot->next->link = slot->link;
    } else {
        slot->list->end = slot->link;
    }
}

void whi_slots_init(whi_slots *slots, int most) {
    *slots = (whi_slots){ .most = most };
    list_init(&slots->fresh);
    for (enum whi_slot_kind kind = 0; kind < WHI_SLOT_KINDS; kind++) {
        list_init(&slots->overdue[kind]);
    }
    list_init(&slots->held);
    list_init(&slots->yielding);
}

/* ------------------------------------------------------------------------ the rule */

static int part_of(const whi_slots *slots) {
    return slots->most / 4;
}

static int free_of(const whi_slots *slots) {
    return slots->most - slots->used[WHI_SLOT_UNKNOWN] - slots->used[WHI_SLOT_QUICK] - slots->used[WHI_SLOT_SLOW];
}

static int left_of(const whi_slots *slots, enum whi_slot_kind kind, int part) {
    return part > slots->used[kind] ? part - slots->used[kind] : 0;
}

/* What of another's part may not be borrowed. */
static int unlent(const whi_slots *slots, enum whi_slot_kind other, enum whi_slot_kind borrower) {
    return borrower == WHI_SLOT_QUICK && slots->waiting[other] == 0 ? part_of(slots) / 2 : part_of(slots);
}

/* All that must stay free beside what this kind has beyond its part. */
static int left_by(const whi_slots *slots, enum whi_slot_kind borrower) {
    int left = 0;

    for (enum whi_slot_kind other = 0; other < WHI_SLOT_SHARING; other++) {
        left += other != borrower ? left_of(slots, other, unlent(slots, other, borrower)) : 0;
    }
    return left;
}

static int has_overdue(const whi_slots *slots) {
    return slots->overdue[WHI_SLOT_QUICK].first != NULL || slots->overdue[WHI_SLOT_UNKNOWN].first != NULL;
}

int whi_slots_may(const whi_slots *slots, enum whi_slot_kind kind) {
    int free = free_of(slots);

    if (kind == WHI_SLOT_BATCH) {
        return slots->used[kind] < WHI_SLOTS_BATCHED;
    }
    if (kind == WHI_SLOT_SLOW && has_overdue(slots)) {
        return 0;
    }
    return slots->used[kind] < part_of(slots) ? free > 0 : free > left_by(slots, kind);
}

int whi_slots_share(const whi_slots *slots, enum whi_slot_kind kind, int own) {
    return kind != WHI_SLOT_BATCH || own == 0 || own < WHI_SLOTS_BATCHED - slots->used[kind];
}

/* ------------------------------------------------------------------------- moving */

/* 1 if the slow ones may have one more of what this kind holds: that frees nothing, so only the parts count. */
static int may_move(whi_slots *slots, enum whi_slot_kind from) {
    int part = from == WHI_SLOT_QUICK ? part_of(slots) / 2 : part_of(slots);
    int free = free_of(slots), left;

    slots->used[from]--;
    left = left_of(slots, WHI_SLOT_QUICK, part) + left_of(slots, WHI_SLOT_UNKNOWN, part);
    slots->used[from]++;
    return slots->used[WHI_SLOT_SLOW] < part_of(slots) || free >= left;
}

static void hold(whi_slots *slots, whi_slot *slot) {
    slots->used[slot->charged]--;
    slot->charged = WHI_SLOT_SLOW;
    slots->used[WHI_SLOT_SLOW]++;
    list_remove(slot);
    list_add(&slots->held, slot);
}

static void settle_kind(whi_slots *slots, enum whi_slot_kind kind) {
    whi_slot *slot;

    while ((slot = slots->overdue[kind].first) != NULL && may_move(slots, kind)) {
        hold(slots, slot);
    }
}

static void settle(whi_slots *slots) {
    settle_kind(slots, WHI_SLOT_QUICK);
    settle_kind(slots, WHI_SLOT_UNKNOWN);
}

void whi_slots_take(whi_slots *slots, whi_slot *slot, enum whi_slot_kind kind, int64_t now_us) {
    slot->since_us = now_us;
    slot->charged = kind;
    slot->old = slot->yields = 0;
    slots->used[kind]++;
    if (kind == WHI_SLOT_BATCH) {
        return;
    }
    slots->young[kind]++;
    list_add(&slots->fresh, slot);
}

void whi_slots_give(whi_slots *slots, whi_slot *slot) {
    slots->used[slot->charged]--;
    if (slot->charged == WHI_SLOT_BATCH) {
        return;
    }
    slots->young[slot->charged] -= !slot->old;
    slots->yielding_count -= slot->yields;
    list_remove(slot);
    settle(slots);
}

whi_slot *whi_slots_old(whi_slots *slots, int64_t now_us) {
    whi_slot *slot = slots->fresh.first;

    if (slot == NULL || now_us - slot->since_us < WHI_SLOW_US) {
        return NULL;
    }
    slot->old = 1;
    slots->young[slot->charged]--;
    list_remove(slot);
    if (slot->charged == WHI_SLOT_SLOW) {
        list_add(&slots->held, slot);
    } else {
        list_add(&slots->overdue[slot->charged], slot);
        settle(slots);
    }
    return slot;
}

int whi_slots_are_short(const whi_slots *slots) {
    return slots->overdue[WHI_SLOT_UNKNOWN].first != NULL || slots->yielding_count > 0;
}

whi_slot *whi_slots_yield(whi_slots *slots) {
    whi_slot *slot = slots->overdue[WHI_SLOT_UNKNOWN].first;

    if (slot == NULL || slots->waiting[WHI_SLOT_UNKNOWN] <= slots->yielding_count ||
        whi_slots_may(slots, WHI_SLOT_UNKNOWN)) {
        return NULL;
    }
    slot->yields = 1;
    slots->yielding_count++;
    list_remove(slot);
    list_add(&slots->yielding, slot);
    return slot;
}

int64_t whi_slots_next(const whi_slots *slots) {
    return slots->fresh.first != NULL ? slots->fresh.first->since_us + WHI_SLOW_US : INT64_MAX;
}
