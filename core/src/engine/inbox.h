/* The inbox of a worker: what other threads give to it. All that passes from a caller to a worker,
 * from one worker to another and from the writer back to a worker goes through here.
 *
 * A worker that nobody turns (before the first turn, after wh_stop) has a closed inbox: what would
 * be given to it is dropped, and stands in the store, where the next turn finds it. */
#ifndef WHI_INBOX_H
#define WHI_INBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "engine/event.h"
#include "engine/writer.h"
#include "outside/poller.h"
#include "webhook.h"

#define WHI_TASK_SENTENCE 256

/* A job on a worker's behalf: it comes back to the inbox, and `back` is called there with the
 * result. */
typedef struct whi_task {
    whi_job job; /* first */
    struct whi_task *next;
    struct whi_worker *worker;
    struct whi_inbox *inbox;
    int code;
    char sentence[WHI_TASK_SENTENCE];
    void (*back)(struct whi_task *task);   /* on the worker's thread; frees the task */
    void (*failed)(struct whi_task *task); /* NULL, or told at once, on the writer's thread */
} whi_task;

#define WHI_DUES 32

/* A subscription has something in the store. */
typedef struct whi_due {
    int64_t subscription, due; /* ms */
} whi_due;

/* What was given and not taken yet. */
typedef struct whi_given {
    whi_due dues[WHI_DUES]; /* of more at once the store is asked */
    int due_count;
    whi_event *events, **events_end;
    whi_delivery *deliveries, **deliveries_end;
    whi_task *tasks, **tasks_end; /* finished by the writer */
} whi_given;

typedef struct whi_inbox {
    wh_engine *engine;
    whi_poller *poller; /* the worker's, woken when something comes */
    atomic_int rescan;  /* 1: ask the store for all lanes */

    pthread_mutex_t lock; /* around what follows */
    int open;             /* 0: nobody turns the worker, nothing may be given to it but tasks */
    int woken;            /* since it last looked */
    whi_given given;
} whi_inbox;

void whi_inbox_init(whi_inbox *inbox, wh_engine *engine);
void whi_inbox_end(whi_inbox *inbox);
void whi_inbox_open(whi_inbox *inbox, int open);

void whi_inbox_wake(whi_inbox *inbox);
int whi_inbox_was_woken(whi_inbox *inbox);

/* Hands over, if it is open; takes the reference, or the delivery, in any case. Any thread. What is
 * not taken is dropped: the store has it. 1: taken. */
int whi_inbox_give_event(whi_inbox *inbox, whi_event *event);
int whi_inbox_give_delivery(whi_inbox *inbox, whi_delivery *delivery);

/* The worker of the subscription's lane looks for what it has in the store when that is due. Any thread. */
void whi_inbox_give_due(wh_engine *engine, int64_t subscription, int64_t due);

/* The task has been done elsewhere, for its worker: `back` is called by it. jobs_open was raised. Any thread. */
void whi_inbox_give_task(whi_inbox *inbox, whi_task *task);

/* Gives the task's job to the writer. By the worker's thread. Of a worker that is shut nothing is
 * written any more: `back` is called at once, with WH_ECLOSED. */
void whi_inbox_submit(whi_inbox *inbox, whi_task *task);

/* Moves all that was given into out, which was empty. By the worker's thread. */
void whi_inbox_take(whi_inbox *inbox, whi_given *out);

/* Where a subscription's lane is. */
whi_inbox *whi_inbox_of(wh_engine *engine, int64_t subscription);

/* All workers ask the store for all lanes: it costs as much as there are lanes in which something waits. Any thread. */
void whi_stir(wh_engine *engine);

#endif
