/* Polling, as far as it can be decided without a clock, a store or a source: who shares a poll, when it is due,
 * what a page tells of an object, when too much has vanished, and what is written of a run.
 *
 * A poll is one reading of a connection's objects of one type for all subscriptions that want the same of it: tenant,
 * source, object type, filters and fields. Its number is a hash of these, so every process knows it. What was seen of
 * an object is its id and a keyed hash of its content: an object that says the same again is not told again. Its own
 * time of change is part of the content (of a file in a folder nothing else may tell), unless the source leaves it out.
 *
 * Events that polling makes have ids of a form of their own, which says for whom they are: for all that share a poll,
 * or for one subscription alone (its history). So an event of a poll finds its receivers by its id, wherever it is
 * decided, and who publishes the same type by hand reaches nobody who polls. */
#ifndef WHI_POLL_H
#define WHI_POLL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/subscription.h"

/* ------------------------------------------------------------------- who it is for */

enum whi_poll_kind {
    WHI_POLL_NONE = 0, /* not an event of a poll */
    WHI_POLL_CHANGE,   /* what a reading has found */
    WHI_POLL_PART,     /* a page of what was there already */
    WHI_POLL_LAST,     /* the last of these */
};

/* The number of a subscription's poll, larger than any subscription's; 0: it does not poll. WH_ENOMEM. */
int whi_poll_number(const whi_subscription *subscription, int64_t *out);

/* address: a poll's number, or a subscription's; sequence: its own among those of this address. */
void whi_poll_event_id(int64_t address, int kind, int64_t sequence, char out[WH_ID_SIZE]);

/* The kind, and the address (NULL: not wanted); WHI_POLL_NONE: any other id. */
int whi_poll_event_kind(const char *id, int64_t *address);

/* 1: an event of this id is for a subscription with this number that has this poll (0: none). */
int whi_poll_is_for(const char *id, int64_t subscription, int64_t poll);

enum whi_poll_change { WHI_POLL_IS_CREATED, WHI_POLL_IS_UPDATED, WHI_POLL_IS_DELETED, WHI_POLL_CHANGES };
extern const char *const whi_poll_change_names[WHI_POLL_CHANGES];

/* wants[change] is 1 from now on where a subscription that polls takes events of this change; the others stay.
 * WH_ENOMEM. */
int whi_poll_wants(const whi_subscription *subscription, int wants[WHI_POLL_CHANGES]);

/* ------------------------------------------------------------------------ when */

#define WHI_POLL_FAILURES 20 /* of readings in a row; then its subscriptions are not healthy */

/* When a poll that has just been read is due again: every interval (ms), each at its own place within it. */
int64_t whi_poll_next(int64_t now, int64_t interval, int64_t number);

/* ms to wait after so many failures in a row: Fibonacci's numbers in minutes, 1, 2, 3, 5 … 10946. */
int64_t whi_poll_backoff(int64_t failures);

/* ms that times of ours may be ahead of the clock before it counts as put back: what was planned by it is not waited
 * for then, and what was asked for since is asked for whole. */
#define WHI_POLL_PUT_BACK INT64_C(60000)

/* From when on changes are asked for: what is dated by a clock that is late, or was written while it was read, is
 * seen twice rather than never. newest: the latest time that an object has had, 0: none; at least 0. */
int64_t whi_poll_since(int64_t checked_at, int64_t newest);

/* ------------------------------------------------------------------------ how it is doing */

/* Of a poll's row. What is in none of the others is well: one failure is no news, as of a subscription's (health.h). */
enum whi_poll_state { WHI_POLL_WELL, WHI_POLL_FAILING, WHI_POLL_SUSPICIOUS, WHI_POLL_STATES };

/* refused: the right to read is missing, which no waiting mends. */
enum whi_poll_state whi_poll_state(int64_t failures, int64_t refused, int64_t suspicious);

/* The type of the event that tells of this move; NULL: it is no news. */
const char *whi_poll_news(enum whi_poll_state from, enum whi_poll_state to);

/* ------------------------------------------------------------------------ what */

enum whi_poll_verdict {
    WHI_POLL_SAME = 0, /* nothing is to be written */
    WHI_POLL_MARK,     /* it is there: its row is marked as seen in this scan */
    WHI_POLL_KEEP,     /* remembered, and not told */
    WHI_POLL_FORGET,   /* not looked at any more, and not told: it fits the filters no longer */
    WHI_POLL_CREATED,
    WHI_POLL_UPDATED,
    WHI_POLL_DELETED,
};

/* What is remembered of an object. */
typedef struct whi_poll_memory {
    int known;
    int64_t content, scan;
} whi_poll_memory;

/* An object as it was read. */
typedef struct whi_poll_sight {
    int deleted; /* it says so itself */
    int wanted;  /* the filters hold */
    int large;   /* no payload has room for it: it is there, and cannot be told */
    int64_t content;
} whi_poll_sight;

/* first: nothing is told, since nothing is known yet. What is too large stays remembered as it was told last, so that
 * it is told when it has become smaller, as what it is then. scan: of this reading where it is a complete one, else 0.
 */
enum whi_poll_verdict whi_poll_judge(const whi_poll_memory *memory, const whi_poll_sight *sight, int first,
                                     int64_t scan);

/* 1: so many of all vanished at once that it is rather the source that is wrong. */
int whi_poll_is_suspicious(int64_t gone, int64_t all);

/* Scans are numbered 1 to 120, so that the mark takes one byte in the store. */
int64_t whi_poll_scan_after(int64_t scan);

/* ------------------------------------------------------------------------ runs */

#define WHI_POLL_RUNS 20      /* kept */
#define WHI_POLL_RUN_SIZE 400 /* bytes of one */

enum whi_poll_stage { WHI_POLL_REFRESH, WHI_POLL_READ, WHI_POLL_DISPATCH, WHI_POLL_PROCESS };

typedef struct whi_poll_run {
    int64_t at, took; /* ms */
    int64_t pages, objects, sent, gone, skipped, large;
    const char *outcome;       /* "ok", "failed", "waits", "suspicious" */
    enum whi_poll_stage stage; /* of a failure */
    const char *error;         /* NULL: none */
} whi_poll_run;

void whi_poll_run_text(const whi_poll_run *run, char out[WHI_POLL_RUN_SIZE]);

/* Appends the list with this text in front, and no more than are kept. runs: a JSON list of texts, or NULL. */
int whi_poll_runs_add(const char *runs, const char *text, whi_buf *out);

#endif
