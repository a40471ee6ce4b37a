/* Overtakings. An event is overtaken at a receiver when it was acknowledged before
 * another one, of the same key, was handed over, and that one arrives before this one
 * arrives with success. Counted apart:
 *   within    both are of one thread of a process that works itself: the order that the
 *             engine promises today
 *   between   any other two, of published ones; rows of the outbox are compared with
 *             each other only, since they are accepted when a worker takes them */
#ifndef CRASH_ORDER_H
#define CRASH_ORDER_H

#include "check.h"

/* Once for each request, in the order of the log; `status` is the answer's. */
void order_see(enum route route, const known *one, int first, int status, int64_t at);

/* For each acknowledged event of a key, after the log was read. */
void order_accepted(const known *one);

typedef struct order_report {
    long within[ROUTES], between[ROUTES];
    long keys;         /* of ROUTE_LATEST */
    long never;        /* keys of which nothing arrived: lost */
    long older;        /* keys that ended with an older event than the newest, */
    long older_within; /* of the same thread as that, */
    long excused;      /* and of those: some process was disturbed from when the older one
                          was published to when it arrived last */
} order_report;

void order_tell(const campaign_tally *tally, order_report *out);

#endif
