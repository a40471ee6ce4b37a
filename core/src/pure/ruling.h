/* Rulings: what a subscription's response rule says of an answer. lua/docs/rules.md is the manual for those who write
 * one.
 *
 * A response rule is a rule like any other, in the same sandbox. It sees an answer where the other one sees a payload,
 * and what it returns is read here: nothing, or an object of
 *
 *     outcome   "success", "retry", "give_up" or "disable"; without it the ordinary one counts
 *     after     seconds until the next attempt, or at: ms since 1970; with "retry" alone
 *     pause     seconds in which nothing else is sent to the subscription's receiver
 *     reason    a text that is told with the attempt
 *
 * A retry takes the place of one in the retry list, whose length bounds how often: so no rule sends for ever. */
#ifndef WHI_RULING_H
#define WHI_RULING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define WHI_RULING_REASON 128   /* bytes with the zero byte: what is longer is cut */
#define WHI_RULING_SENTENCE 224 /* with the longest reason */
#define WHI_RULING_HEADERS 100  /* lines that a rule sees: a receiver may send any number */
#define WHI_RULING_LINES 16384  /* bytes of them */
#define WHI_RULING_WAIT 2592000 /* s: 30 days, as a delay of a retry list */
#define WHI_RULING_PAUSE 86400  /* s: a day, as a receiver's Retry-After */

enum whi_ruled { WHI_RULED_ORDINARY = 0, WHI_RULED_SUCCESS, WHI_RULED_RETRY, WHI_RULED_GIVE_UP, WHI_RULED_DISABLE };
extern const char *const whi_ruled_names[]; /* "ordinary", "success", "retry", "give_up", "disable", NULL */

typedef struct whi_ruling {
    int outcome;   /* enum whi_ruled */
    int64_t wait;  /* ms until the next attempt; -1: as the retry list says */
    int64_t pause; /* ms; 0: none */
    char reason[WHI_RULING_REASON];
} whi_ruling;

/* Nothing is said. */
#define WHI_RULING_NONE                                                                                                \
    (whi_ruling) {                                                                                                     \
        .wait = -1                                                                                                     \
    }

/* Reads what a rule returned, JSON; now: ms since 1970. WH_ERULE_RESULT names the member and what was expected of it;
 * WH_ENOMEM. */
int whi_ruling_read(whi_ruling *out, const char *text, size_t size, int64_t now);

/* "response rule: retry in 30000 ms, pause of 60000 ms: busy"; "" where it says nothing. */
void whi_ruling_say(const whi_ruling *ruling, char out[WHI_RULING_SENTENCE]);

/* Appends an answer as a response rule sees it: {"status","headers","body","attempt"}. lines: "Name: value", each with
 * a line feed; names become small letters, and what comes twice is one, with commas. */
void whi_ruling_answer(whi_buf *out, int status, const whi_buf *lines, const char *body, size_t body_size, int attempt);

#endif
