/* What a complete reading has met, so that the next one need not look at each object again: of each page a keyed digest
 * of its bytes. Most pages say the same as in the reading before; their objects are all known, and none is read, looked
 * up or marked.
 *
 * What has vanished is found by a sum. Each page has the sum of its objects' hashes, by their ids; as long as what is
 * met comes to what is known (what the reading before has met, with what was created since and without what was
 * forgotten) nothing is missing. Where it does not, the list is read once more, and each object is marked as ever
 * (poll_run.h). So what is told as deleted is found by marks alone, and an object that was on two pages costs a reading
 * and no mistake.
 *
 * It is this process's own, in memory, some 50 bytes a page and bounded, and goes by the row's turn: where anybody else
 * has written the row, or nobody is left who knows, all is marked. */
#ifndef WHI_POLL_SAME_H
#define WHI_POLL_SAME_H

#include "engine/context.h"
#include "pure/poll_page.h"
#include "work/poll_state.h"

typedef struct whi_poll_same whi_poll_same;

/* NULL: no memory. */
whi_poll_same *whi_poll_same_new(wh_engine *engine);
void whi_poll_same_ref(whi_poll_same *same);
void whi_poll_same_unref(whi_poll_same *same); /* NULL: nothing */

/* A complete reading of the row begins, or (again 1) begins anew with marks. 1: pages may be compared: the row is as
 * the last whole reading has left it. NULL: 0. */
int whi_poll_same_begin(whi_poll_same *same, const whi_poll_target *target, const wh_limits *limits, int again);

/* What is written from here on is no complete reading of its, or it has failed. */
void whi_poll_same_forget(whi_poll_same *same);

/* A reading goes on: 1 if this is who has read so far. */
int whi_poll_same_goes_on(whi_poll_same *same, const whi_poll_target *target);

/* The row was written. */
void whi_poll_same_wrote(whi_poll_same *same, const whi_poll_target *target);

enum whi_poll_sameness {
    WHI_POLL_OTHER = 0, /* to be looked at */
    WHI_POLL_ALIKE,     /* the same: what is counted of it is in the row */
    WHI_POLL_UNLIKE,    /* the very first page is another: it is no use to compare */
};

/* The next page, of these bytes. compares 0: only its digest is kept. */
enum whi_poll_sameness whi_poll_same_page(whi_poll_same *same, int compares, const char *items, size_t size,
                                          wh_backend_poll *row);

/* 1: the list before had a page at this place, so that it is no list without an end. */
int whi_poll_same_expects_more(const whi_poll_same *same);

/* What the page was found to be, that is not alike; the verdicts are enum whi_poll_verdict's. */
void whi_poll_same_object(whi_poll_same *same, const unsigned char *id, size_t size, int verdict, int is_there);
void whi_poll_same_counted(whi_poll_same *same, const whi_poll_page *page);

/* 1: nothing that is known is missing. */
int whi_poll_same_is_whole(const whi_poll_same *same);

/* The reading is over, and the row written: the next one may compare with it. */
void whi_poll_same_end(whi_poll_same *same);

#endif
