/* Tests: test_engine_lapse. */
#include "engine/inbox.h"

#include <string.h>

static void given_init(whi_given *given) {
    given->due_count = 0;
    given->events = NULL;
    given->deliveries = NULL;
    given->tasks = NULL;
    given->events_end = &given->events;
    given->deliveries_end = &given->deliveries;
    given->tasks_end = &given->tasks;
}

void whi_inbox_init(whi_inbox *inbox, wh_engine *engine) {
    inbox->engine = engine;
    pthread_mutex_init(&inbox->lock, NULL);
    given_init(&inbox->given);
}

void whi_inbox_end(whi_inbox *inbox) {
    pthread_mutex_destroy(&inbox->lock);
}

void whi_inbox_open(whi_inbox *inbox, int open) {
    pthread_mutex_lock(&inbox->lock);
    inbox->open = open;
    pthread_mutex_unlock(&inbox->lock);
}

/* ------------------------------------------------------------------------ waking */

/* The lock is held. A worker that was woken and has not looked yet needs no more. */
static void wake_once(whi_inbox *inbox) {
    if (!inbox->woken) {
        inbox->woken = 1;
        whi_poller_wake(inbox->poller);
    }
}

void whi_inbox_wake(whi_inbox *inbox) {
    pthread_mutex_lock(&inbox->lock);
    wake_once(inbox);
    pthread_mutex_unlock(&inbox->lock);
}

int whi_inbox_was_woken(whi_inbox *inbox) {
    int woken;

    pthread_mutex_lock(&inbox->lock);
    woken = inbox->woken;
    pthread_mutex_unlock(&inbox->lock);
    return woken;
}

void whi_stir(wh_engine *engine) {
    for (int i = 0; i < atomic_load(&engine->worker_count); i++) {
        atomic_store(&engine->inboxes[i]->rescan, 1);
        whi_inbox_wake(engine->inboxes[i]);
    }
}

whi_inbox *whi_inbox_of(wh_engine *engine, int64_t subscription) {
    return engine->inboxes[(uint64_t)subscription % (uint64_t)atomic_load(&engine->worker_count)];
}

/* ------------------------------------------------------------------------ giving */

int whi_inbox_give_event(whi_inbox *inbox, whi_event *event) {
    int open;

    event->next = NULL;
    pthread_mutex_lock(&inbox->lock);
    open = inbox->open;
    if (open) {
        *inbox->given.events_end = event;
        inbox->given.events_end = &event->next;
        wake_once(inbox);
    }
    pthread_mutex_unlock(&inbox->lock);
    if (!open) {
        whi_event_unref(inbox->engine, event);
    }
    return open;
}

int whi_inbox_give_delivery(whi_inbox *inbox, whi_delivery *delivery) {
    int open;

    delivery->next = NULL;
    pthread_mutex_lock(&inbox->lock);
    open = inbox->open;
    if (open) {
        *inbox->given.deliveries_end = delivery;
        inbox->given.deliveries_end = &delivery->next;
        wake_once(inbox);
    }
    pthread_mutex_unlock(&inbox->lock);
    if (!open) {
        whi_delivery_free(inbox->engine, delivery);
    }
    return open;
}

void whi_inbox_give_due(wh_engine *engine, int64_t subscription, int64_t due) {
    whi_inbox *inbox = whi_inbox_of(engine, subscription);

    pthread_mutex_lock(&inbox->lock);
    if (inbox->given.due_count < WHI_DUES) {
        inbox->given.dues[inbox->given.due_count++] = (whi_due){ subscription, due };
    } else {
        atomic_store(&inbox->rescan, 1);
    }
    if (inbox->open) {
        wake_once(inbox);
    }
    pthread_mutex_unlock(&inbox->lock);
}

void whi_inbox_give_task(whi_inbox *inbox, whi_task *task) {
    task->next = NULL;
    pthread_mutex_lock(&inbox->lock);
    *inbox->given.tasks_end = task;
    inbox->given.tasks_end = &task->next;
    wake_once(inbox);
    pthread_mutex_unlock(&inbox->lock);
}

static void task_done(whi_job *job, int code, const char *sentence) {
    whi_task *task = (whi_task *)job;
    whi_inbox *inbox = task->inbox;
    size_t size = strlen(sentence);

    task->code = code;
    size = size < sizeof task->sentence ? size : sizeof task->sentence - 1;
    memcpy(task->sentence, sentence, size);
    task->sentence[size] = '\0';
    if (code != WH_OK && task->failed != NULL) {
        task->failed(task);
    }
    whi_inbox_give_task(inbox, task);
}

static void refuse(whi_task *task) {
    task->code = WH_ECLOSED;
    task->sentence[0] = '\0';
    task->back(task);
}

void whi_inbox_submit(whi_inbox *inbox, whi_task *task) {
    task->inbox = inbox;
    if (!inbox->open) {
        refuse(task);
        return;
    }
    task->job.done = task_done;
    atomic_fetch_add(&inbox->engine->jobs_begun, 1);
    atomic_fetch_add(&inbox->engine->jobs_open, 1);
    whi_writer_submit(inbox->engine->writer, &task->job);
}

/* ------------------------------------------------------------------------ taking */

/* The ends of empty lists point into the struct that they stand in. */
static void move(whi_given *from, whi_given *to) {
    memcpy(to->dues, from->dues, (size_t)from->due_count * sizeof *to->dues);
    to->due_count = from->due_count;
    to->events = from->events;
    to->deliveries = from->deliveries;
    to->tasks = from->tasks;
    to->events_end = from->events != NULL ? from->events_end : &to->events;
    to->deliveries_end = from->deliveries != NULL ? from->deliveries_end : &to->deliveries;
    to->tasks_end = from->tasks != NULL ? from->tasks_end : &to->tasks;
    given_init(from);
}

void whi_inbox_take(whi_inbox *inbox, whi_given *out) {
    pthread_mutex_lock(&inbox->lock);
    inbox->woken = 0;
    move(&inbox->given, out);
    pthread_mutex_unlock(&inbox->lock);
}
