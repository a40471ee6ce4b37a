#include "pure/order.h"

#include <stddef.h>

#include "pure/delivery.h"

enum whi_order_place whi_order_place(int state, int newer, const whi_order_first *first) {
    if (state != WHI_WAITING) {
        return WHI_PLACE_OWN;
    }
    if (newer) {
        return WHI_PLACE_SUPERSEDED;
    }
    if (!first->found) {
        return WHI_PLACE_OWN;
    }
    if (first->due == WHI_DUE_ABORTED) {
        return WHI_PLACE_ABORTED;
    }
    return first->due < WHI_DUE_BEHIND ? WHI_PLACE_BEHIND : WHI_PLACE_OWN;
}

const char *whi_order_reason(enum whi_order_place place) {
    switch (place) {
    case WHI_PLACE_SUPERSEDED:
        return "superseded";
    case WHI_PLACE_ABORTED:
        return "aborted";
    default:
        return NULL;
    }
}

int whi_order_has_ended(int state) {
    return state != WHI_WAITING;
}

enum whi_order_next whi_order_next(int state, int abort, const whi_order_first *first) {
    if (!whi_order_has_ended(state)) {
        return WHI_NEXT_NOTHING;
    }
    if (abort) {
        return WHI_NEXT_ABORT;
    }
    return first->found && first->due == WHI_DUE_BEHIND ? WHI_NEXT_TURN : WHI_NEXT_NOTHING;
}
