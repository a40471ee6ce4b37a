#include "pure/delivery.h"

#include <string.h>

#include "base/error.h"

static const char *const state_names[] = { "unknown",   "waiting", "sending",  "delivered",
                                           "exhausted", "held",    "cancelled" };
static const char *const move_names[] = { "claimed",  "delivered", "retried",   "exhausted",
                                          "released", "replayed",  "cancelled", "held" };

_Static_assert(sizeof state_names / sizeof state_names[0] == WHI_STATES, "a name for each state");
_Static_assert(sizeof move_names / sizeof move_names[0] == WHI_MOVES, "a name for each move");

/* Row: the state; column: the move; 0: not allowed. */
static const unsigned char table[WHI_STATES][WHI_MOVES] = {
    [WHI_ABSENT] = { [WHI_CLAIM] = WHI_SENDING, [WHI_RELEASE] = WHI_WAITING, [WHI_SET_ASIDE] = WHI_HELD },
    [WHI_WAITING] = { [WHI_CLAIM] = WHI_SENDING, [WHI_REPLAY] = WHI_WAITING, [WHI_CANCEL] = WHI_CANCELLED },
    [WHI_SENDING] = { [WHI_SUCCEED] = WHI_DELIVERED,
                      [WHI_RETRY] = WHI_WAITING,
                      [WHI_EXHAUST] = WHI_EXHAUSTED,
                      [WHI_RELEASE] = WHI_WAITING,
                      [WHI_CANCEL] = WHI_CANCELLED,
                      [WHI_SET_ASIDE] = WHI_HELD },
    [WHI_DELIVERED] = { [WHI_REPLAY] = WHI_WAITING },
    [WHI_EXHAUSTED] = { [WHI_REPLAY] = WHI_WAITING },
    [WHI_HELD] = { [WHI_RELEASE] = WHI_WAITING, [WHI_REPLAY] = WHI_WAITING, [WHI_CANCEL] = WHI_CANCELLED },
    [WHI_CANCELLED] = { [WHI_REPLAY] = WHI_WAITING },
};

int whi_delivery_next(int state, int move, int *next) {
    if (state < WHI_ABSENT || state >= WHI_STATES || move < 0 || move >= WHI_MOVES) {
        return whi_fail(WH_EINTERNAL, "a delivery has no state %d and no move %d", state, move);
    }
    if (table[state][move] == 0) {
        return whi_fail(WH_ECONFLICT, "a delivery that is %s cannot be %s",
                        state != WHI_ABSENT ? state_names[state] : "not made", move_names[move]);
    }
    *next = table[state][move];
    return WH_OK;
}

const char *whi_delivery_name(int state) {
    return state_names[state >= 1 && state < WHI_STATES ? state : 0];
}

int whi_delivery_state(const char *name, int *out) {
    for (int i = 1; i < WHI_STATES; i++) {
        if (i != WHI_SENDING && strcmp(name, state_names[i]) == 0) {
            *out = i;
            return WH_OK;
        }
    }
    return whi_fail_field(WH_EINVALID, "state",
                          "expected waiting, delivered, exhausted, held or cancelled, found \"%.40s\"", name);
}

int whi_delivery_outcome(int error, int status, int *code) {
    if (error != WH_OK) {
        *code = error;
        return WHI_OUTCOME_RETRY;
    }
    if (status >= 200 && status < 300) {
        *code = WH_OK;
        return WHI_OUTCOME_SUCCESS;
    }
    if (status == 410) {
        *code = WH_EGONE;
        return WHI_OUTCOME_GONE;
    }
    *code = status >= 300 && status < 400 ? WH_EREDIRECT : WH_ESTATUS;
    return WHI_OUTCOME_RETRY;
}
