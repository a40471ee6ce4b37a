/* A breaker: whether a receiver is still asked. It is closed while attempts are made as ever, and opens when of those
 * within its window so many have failed. Then none is made until a pause is over; the next one is a probe, alone. What
 * comes of that closes it, or lets it wait for twice as long.
 *
 * The window is counted in halves, of which the older one is forgotten when the younger one is full: so an attempt
 * counts for half the window at least, and for the whole one at most.
 *
 * Pure: who keeps a breaker tells the time, in ms. A clock that is set back makes no pause longer than it was to be. */
#ifndef WHI_BREAKER_H
#define WHI_BREAKER_H

#include <stdint.h>

typedef struct whi_breaker_rule {
    int failures;           /* percent of the attempts; 0: there is no breaker, and all else means nothing */
    int least;              /* attempts within the window, of fewer nothing is said */
    int64_t window;         /* ms */
    int64_t pause, longest; /* ms before the first probe, and at most */
} whi_breaker_rule;

/* All zero: closed. */
typedef struct whi_breaker {
    int is_open, probing;    /* probing: an attempt is under way that decides */
    int count[2], failed[2]; /* closed: of this half of the window, and of the one before */
    int64_t begun;           /* this half; ms */
    int64_t until, pause;    /* open: when the next probe may begin, and how long that was put off; ms */
} whi_breaker;

/* What came of a probe; NOTHING: it was cut, or has not left. */
enum whi_probed { WHI_PROBED_NOTHING, WHI_PROBED_WELL, WHI_PROBED_BADLY };

/* An attempt has ended that was no probe. 1: that opens it. */
int whi_breaker_note(whi_breaker *breaker, const whi_breaker_rule *rule, int64_t now, int failed);

/* How many attempts may begin now: any number, one, or none. */
int whi_breaker_left(whi_breaker *breaker, int64_t now);

/* 1: it says no more than one that was never asked: it is closed, and nothing has ended within the window. */
int whi_breaker_is_new(whi_breaker *breaker, const whi_breaker_rule *rule, int64_t now);

/* When one may: ms, not before now; INT64_MAX: when the probe has ended. */
int64_t whi_breaker_when(whi_breaker *breaker, int64_t now);

/* One begins, which may. 1: it is a probe. */
int whi_breaker_take(whi_breaker *breaker);
void whi_breaker_probed(whi_breaker *breaker, const whi_breaker_rule *rule, int64_t now, enum whi_probed what);

/* The next probe may begin at once: what is known was about another address, or another rule. */
void whi_breaker_hurry(whi_breaker *breaker, int64_t now);

#endif
