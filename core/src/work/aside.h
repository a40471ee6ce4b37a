/* Aside: decisions that take long are made on a thread of their own, one after the other, so that no turn of a worker
 * waits for one. The first worker has it. The thread is there from the first of them on. */
#ifndef WHI_ASIDE_H
#define WHI_ASIDE_H

#include "engine/decide.h"
#include "engine/event.h"
#include "engine/inbox.h"
#include "work/worker.h"

/* One decision: what is asked, and what it came to. */
typedef struct whi_question {
    whi_task task; /* first: `back` is called on the worker's thread; its code is that of whi_decide */
    whi_event *event;
    whi_registration *registration;
    whi_decision decision;
    int64_t us; /* of CPU that it took */
} whi_question;

struct whi_aside;

int whi_aside_new(struct whi_aside **out, wh_engine *engine);
/* Waits for the one that is being made. The question that was asked goes, and comes not back. */
void whi_aside_free(struct whi_aside *aside);

/* One at a time: not before the one before has come back. The question stays the caller's, and what it has stays
 * until then. Fails where the system starts no thread. */
int whi_aside_ask(struct whi_aside *aside, whi_worker *worker, whi_question *question);

#endif
