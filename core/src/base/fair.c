/* Tests: test_fair. */
#include "base/fair.h"

#include <stddef.h>

static void insert_before(whi_turn *turn, whi_turn *next) {
    turn->next = next;
    turn->previous = next->previous;
    turn->previous->next = turn;
    next->previous = turn;
}

void whi_fair_join(whi_fair *fair, whi_turn *turn) {
    if (turn->in_ring) {
        return;
    }
    turn->in_ring = 1;
    if (fair->first == NULL) {
        turn->next = turn->previous = turn;
        fair->first = turn;
    } else {
        insert_before(turn, fair->first);
    }
}

void whi_fair_join_first(whi_fair *fair, whi_turn *turn, int64_t quantum) {
    whi_turn *next = fair->last_early != NULL ? fair->last_early->next : fair->first;

    if (turn->credit <= 0 || turn->in_ring || fair->first == NULL) {
        turn->credit += turn->credit <= 0 && !turn->in_ring ? quantum : 0;
        whi_fair_join(fair, turn);
        return;
    }
    turn->in_ring = 1;
    insert_before(turn, next);
    fair->first = fair->last_early == NULL ? turn : fair->first;
    fair->last_early = turn;
}

void whi_fair_leave(whi_fair *fair, whi_turn *turn) {
    if (!turn->in_ring) {
        return;
    }
    turn->in_ring = 0;
    if (fair->last_early == turn) {
        fair->last_early = fair->first != turn ? turn->previous : NULL;
    }
    if (turn->next == turn) {
        fair->first = NULL;
        return;
    }
    turn->previous->next = turn->next;
    turn->next->previous = turn->previous;
    fair->first = fair->first == turn ? turn->next : fair->first;
}

/* With nobody beside it its debts are worth nothing. */
whi_turn *whi_fair_next(whi_fair *fair, int64_t quantum) {
    whi_turn *first = fair->first;

    if (first == NULL) {
        return NULL;
    }
    if (first->next == first && first->credit <= 0) {
        first->credit = quantum;
    }
    while (first->credit <= 0) {
        first->credit += quantum;
        fair->last_early = fair->last_early != first ? fair->last_early : NULL;
        first = fair->first = first->next;
    }
    return first;
}
