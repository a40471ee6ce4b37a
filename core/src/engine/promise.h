/* Promises: what became of events that were published without waiting, told on the host's own
 * thread, in wh_step, wh_run or wh_close. */
#ifndef WHI_PROMISE_H
#define WHI_PROMISE_H

#include "engine/context.h"
#include "webhook.h"

/* The first member of who publishes without waiting; freed by telling. */
typedef struct whi_promise {
    struct whi_promise *next;
    int code;
    char error[WHI_ERROR_SIZE];
    wh_receipt receipt;
    wh_published_fn done;
    void *payload;
} whi_promise;

/* It was decided, with code, error and receipt. In this order: before it is counted nobody may take the
 * engine for idle, so it is counted first, and queued when the event may be worked on. Any thread. */
void whi_promise_count(wh_engine *engine);
void whi_promise_queue(wh_engine *engine, whi_promise *promise);

/* Tells all. How many. */
int whi_promise_tell(wh_engine *engine);

#endif
