/* Order: whose turn it is among a subscription's deliveries with one order key. (The key is the rule's,
 * the event's or the system's: work/fanout.c chooses.)
 *
 * One of them at a time has its turn: it is due, or it is under way. The others wait behind it, in
 * the order of their events. Nothing has to be known of them but the first of the key, which has its
 * turn or comes next, and, where the latest alone counts, whether there is a newer one. A store looks
 * that up, asks here, and writes what it is told, all in the transaction that writes the delivery:
 * so it holds for any number of processes, and for whatever the store is made of. */
#ifndef WHI_ORDER_H
#define WHI_ORDER_H

#include "webhook_backend.h"

#define WHI_DUE_BEHIND INT64_MAX /* due of one that waits for its turn */
#define WHI_DUE_ABORTED -1       /* due of an ended one that took its key with it: the mark of an aborted run */
#define WHI_DUE_NEWEST -2        /* due of a delivered one: of a key of which the latest alone counts the newest */

/* Among the others of the key: the mark of an aborted run, else what waits, by due and then by event. What
 * is under way waits, too, and stands before those that wait behind it. */
typedef wh_backend_first whi_order_first;

/* Where a delivery with a key goes that is about to be written. */
enum whi_order_place {
    WHI_PLACE_OWN,        /* as it is */
    WHI_PLACE_BEHIND,     /* it waits, with WHI_DUE_BEHIND */
    WHI_PLACE_SUPERSEDED, /* cancelled: a newer one is there */
    WHI_PLACE_ABORTED,    /* cancelled: the run was aborted */
};

/* newer: the latest alone counts, and there is a later event that waits; or, where this one comes to its key with this
 * writing, that was delivered. Else first is asked for when those before this one have been superseded. */
enum whi_order_place whi_order_place(int state, int newer, const whi_order_first *first);

const char *whi_order_reason(enum whi_order_place place); /* why it is cancelled; NULL: it is not */

/* What a delivery with a key that was written does to the others. */
enum whi_order_next {
    WHI_NEXT_NOTHING,
    WHI_NEXT_TURN,  /* the first gets its turn */
    WHI_NEXT_ABORT, /* those that wait are cancelled, and this one gets the mark for those that come */
};

/* 1: it has ended. Only then the others matter. */
int whi_order_has_ended(int state);

/* abort: it ended the run. first is not looked at then. */
enum whi_order_next whi_order_next(int state, int abort, const whi_order_first *first);

#endif
