/* Aside: decisions that take long are made on a thread of their own, one after the other, so that no turn of a worker
 * waits for one. The first worker has it. The thread is there from the first of them on. Where there is less CPU than
 * is wanted it comes after the others (base/thread.h): what is sent goes before what is found out. */
#ifndef WHI_ASIDE_H
#define WHI_ASIDE_H

#include "engine/decide.h"
#include "engine/event.h"
#include "engine/inbox.h"
#include "work/worker.h"

/* One decision: what is asked, and what it came to. */
typedef struct whi_question {
    whi_task task;                  /* first: `back` is called on the worker's thread; its code is that of whi_decide */
    struct whi_question *following; /* that was asked after it and is not answered */
    void *asker;                    /* the caller's */
    whi_event *event;
    whi_registration *registration;
    const char *payload; /* what is decided about; NULL: the event's */
    size_t payload_size;
    whi_decision decision;
    int64_t us; /* of CPU that it took */
} whi_question;

struct whi_aside;

int whi_aside_new(struct whi_aside **out, wh_engine *engine);
/* Waits for the one that is being made. What was asked and did not come back comes back no more: the list of that, by
 * following, is the caller's again. */
whi_question *whi_aside_free(struct whi_aside *aside);

/* Any number at a time; they are answered in this order, and those that take little come back together. The question,
 * and what it has, stays until it is back. Fails where the system starts no thread. */
int whi_aside_ask(struct whi_aside *aside, whi_worker *worker, whi_question *question);

#endif
