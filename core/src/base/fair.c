/* Tests: test_fair. */
#include "base/fair.h"

#include <stddef.h>

void whi_fair_join(whi_fair *fair, whi_turn *turn) {
    if (turn->in_ring) {
        return;
    }
    turn->in_ring = 1;
    if (fair->first == NULL) {
        turn->next = turn->previous = turn;
        fair->first = turn;
        return;
    }
    turn->next = fair->first;
    turn->previous = fair->first->previous;
    turn->previous->next = turn;
    fair->first->previous = turn;
}

void whi_fair_leave(whi_fair *fair, whi_turn *turn) {
    if (!turn->in_ring) {
        return;
    }
    turn->in_ring = 0;
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
        first = fair->first = first->next;
    }
    return first;
}
