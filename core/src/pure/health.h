/* Health: what its receiver's answers make of a subscription. One state machine, a table and a function
 * of values; a store keeps the row that it makes, in the commit that keeps the attempt.
 *
 * A subscription that is well has no row. With the first failed attempt it is troubled, which is told
 * to nobody: one failure is no news. After WHI_HEALTH_REPEATED in a row, or with a delivery that is given
 * up, it is failing. Any success makes it well again. When it has failed for disable_after, or its receiver
 * says that it is gone, it is disabled, until its owner resumes it.
 *
 * Failing for so long is added up from one failed attempt to the next. A gap of more than a quarter of
 * disable_after is silence, a machine that slept or a clock that jumped, and adds nothing; nor does a clock
 * that went back. So it takes five failed attempts at least, and they lie apart. */
#ifndef WHI_HEALTH_H
#define WHI_HEALTH_H

#include <stdint.h>

#include "webhook_backend.h"

#define WHI_HEALTH_REPEATED 3 /* failed attempts in a row that are news */
#define WHI_HEALTH_GAPS 4     /* disable_after through the longest gap that counts */

/* Stores keep these numbers. */
enum whi_health_state {
    WHI_HEALTHY,      /* there is no row */
    WHI_TROUBLED,     /* the last attempt failed; counts as healthy */
    WHI_FAILING,      /* attempts fail, and go on */
    WHI_HEALTH_ENDED, /* it failed for too long, or its receiver is gone: disabled */
    WHI_HEALTH_STATES
};

/* What is seen. */
enum whi_health_sight {
    WHI_SAW_NOTHING = -1,
    WHI_SAW_SUCCESS,
    WHI_SAW_FAILURE,   /* a failed attempt */
    WHI_SAW_EXHAUSTED, /* the same, and its delivery is given up */
    WHI_SAW_GONE,      /* the same, and the receiver says that it is no more */
    WHI_SAW_RESUMED,   /* its owner wants it to go on */
    WHI_SIGHTS
};

/* What a move is told as; each once, in the transaction that makes it. */
enum whi_health_news { WHI_NO_NEWS, WHI_NEWS_FAILING, WHI_NEWS_RECOVERED, WHI_NEWS_DISABLED, WHI_NEWS_KINDS };

typedef wh_backend_health whi_health;
typedef wh_backend_sight whi_sight;

/* Moves it on, and says what is to be told. The error is the caller's to keep. */
enum whi_health_news whi_health_next(whi_health *health, const whi_sight *sight);

/* "failing", "recovered", "disabled"; "" for no news. */
const char *whi_health_news_name(enum whi_health_news news);

/* Why it was disabled, as the subscription's document says it: "failing", or "gone". */
const char *whi_health_reason(int what);

/* 1: it can deliver, or may still recover by itself: nothing was given up since the last success. */
int whi_health_is_hopeful(const whi_health *health);

#endif
