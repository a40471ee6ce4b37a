/* A reading that is under way: what poll_run.c, poll_take.c and poll_end.c share. */
#ifndef WHI_POLL_RUNNING_H
#define WHI_POLL_RUNNING_H

#include "pure/poll_page.h"
#include "work/poll_ask.h"
#include "work/poll_commit.h"
#include "work/poll_run.h"
#include "work/poll_same.h"

#define WHI_POLL_JOINING 64 /* histories that one reading takes along */

typedef struct whi_poll_running {
    const whi_poll_job *job;
    wh_engine *engine;
    whi_poll_result *out;
    const whi_subscription *wants; /* one of those that share the poll, which all want the same */
    const whi_filter *filter;
    whi_poll_target own, joins[WHI_POLL_JOINING];
    whi_poll_target *targets[WHI_POLL_JOINING + 1];
    size_t count;
    int64_t joined[WHI_POLL_JOINING];
    whi_poll_commit commit;
    wh_limits limits;
    int64_t asked; /* wishes that were there when it began */
    int goes_on;   /* it had begun before: a wish is for the reading behind it, which begins with the first page */
    int compares;  /* 1: a page that says the same as before is not looked into */
    int64_t began; /* ms, of this turn */
    int64_t barren, round, power;
    char *mark; /* a page's name: who comes there again walks in a circle */
} whi_poll_running;

/* ---- poll_take.c: what a page says */

/* Reads the answer's objects for a target, by its key. */
int whi_poll_items(whi_poll_running *self, const whi_poll_target *target, const whi_poll_answer *answer,
                   whi_poll_page *page);
/* Collects what it comes to, for all who are read for; page is as the own target reads it. */
int whi_poll_take(whi_poll_running *self, const whi_poll_answer *answer, const whi_poll_page *page);
void whi_poll_count_page(whi_poll_running *self, const whi_poll_page *page);
/* The last event of a history says that it is the last; where there is none, one without objects is. */
void whi_poll_tell_last(whi_poll_running *self);

/* ---- poll_end.c: how it ends */

int whi_poll_is_stopped(const whi_poll_running *self);
int whi_poll_write_rows(whi_poll_running *self);
int whi_poll_add_run(whi_poll_running *self, const char *text);
/* It begins with the first page, and marks what it meets. */
void whi_poll_begin_marks(whi_poll_running *self);
/* Marks of complete readings go on to the next number. */
void whi_poll_step_scans(whi_poll_running *self, int again);
/* answer: NULL, or what the source has said to it. */
void whi_poll_fail(whi_poll_running *self, int stage, const char *error, const whi_poll_answer *answer);
/* Nothing could be written, or the row is another's. */
void whi_poll_fail_writing(whi_poll_running *self, int code);
void whi_poll_finish(whi_poll_running *self, const char *state, int suspicious);
void whi_poll_tell_gone(whi_poll_running *self, const char *state);
/* All pages were read. 1: it is to be read once more. */
int whi_poll_end_pages(whi_poll_running *self, const char *state);

#endif
