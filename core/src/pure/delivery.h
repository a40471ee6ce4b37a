/* The life of a delivery: its states, what moves it, and the one function that says where to. What
 * a store moves by itself (the turns of a key) follows the same table. */
#ifndef WHI_DELIVERY_H
#define WHI_DELIVERY_H

#include <stdint.h>

/* Stores keep these numbers. They are macros so that SQL, which must have them in its text where an
 * index is for some states alone, can be made of them. */
#define WHI_WAITING_NUMBER 1
#define WHI_DELIVERED_NUMBER 3
#define WHI_EXHAUSTED_NUMBER 4
#define WHI_HELD_NUMBER 5
#define WHI_CANCELLED_NUMBER 6

enum whi_delivery_state {
    WHI_ABSENT,                           /* not made yet */
    WHI_WAITING = WHI_WAITING_NUMBER,     /* will be sent when its time comes */
    WHI_SENDING,                          /* a worker has it: in memory alone, where there is a row it waits */
    WHI_DELIVERED = WHI_DELIVERED_NUMBER, /* the receiver answered with success */
    WHI_EXHAUSTED = WHI_EXHAUSTED_NUMBER, /* the retry list is used up; kept for replay */
    WHI_HELD = WHI_HELD_NUMBER,           /* the rule failed under the policy "hold"; nothing was sent */
    WHI_CANCELLED = WHI_CANCELLED_NUMBER, /* the subscription was deleted or switched off while it waited */
    WHI_STATES
};

enum whi_delivery_move {
    WHI_CLAIM,     /* a worker has read it, or makes it to send it at once */
    WHI_SUCCEED,   /* the receiver has it, as its sink tells */
    WHI_RETRY,     /* failed, the list has a next time */
    WHI_EXHAUST,   /* failed, the list is used up */
    WHI_RELEASE,   /* the worker gives it back; or the rule of a held one was mended; or it is
                      made to be sent later */
    WHI_REPLAY,    /* somebody asks to send it again */
    WHI_CANCEL,    /* its subscription is gone or switched off, or a newer delivery of its key takes its place */
    WHI_SET_ASIDE, /* its rule failed, or its receiver will not take it as it is */
    WHI_MOVES
};

/* The state after a move, or WH_ECONFLICT with both names in the sentence. */
int whi_delivery_next(int state, int move, int *next);

const char *whi_delivery_name(int state);           /* "waiting"; "unknown" */
int whi_delivery_state(const char *name, int *out); /* WH_EINVALID lists the names */

/* What an attempt's outcome means. */
enum whi_outcome {
    WHI_OUTCOME_SUCCESS,   /* the receiver has it */
    WHI_OUTCOME_RETRY,     /* not now */
    WHI_OUTCOME_GONE,      /* not this one, and none after it: the receiver is no more */
    WHI_OUTCOME_GIVE_UP,   /* not this one, whenever */
    WHI_OUTCOME_SET_ASIDE, /* not as it is: somebody has to look at it */
    WHI_OUTCOME_NONE,      /* it has not left, for want of something here: that is no attempt */
    WHI_OUTCOME_CUT,       /* ended from here: it may have arrived, and is to go again; no word about the receiver */
};

/* error: WH_OK when there was an answer. Success is 2xx, 410 is gone, and all else is tried
 * again; a system may say otherwise. code receives WH_OK, error, WH_ESTATUS, WH_EREDIRECT or
 * WH_EGONE. */
int whi_delivery_outcome(int error, int status, int *code);

#endif
