/* Tests: test_engine_fair. */
#include "work/aside.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"

typedef struct whi_aside {
    wh_engine *engine;
    pthread_t thread;
    int has_thread; /* the worker's */
    pthread_mutex_t lock;
    pthread_cond_t work;
    whi_question *question; /* NULL: none is asked */
    int stop;
    int dropped;         /* a question that nobody waits for any more was not answered */
    whi_decider decider; /* the thread's */
} whi_aside;

int whi_aside_new(whi_aside **out, wh_engine *engine) {
    whi_aside *aside = whi_calloc(1, sizeof *aside);

    *out = aside;
    if (aside == NULL) {
        return whi_fail_memory();
    }
    aside->engine = engine;
    pthread_mutex_init(&aside->lock, NULL);
    pthread_cond_init(&aside->work, NULL);
    whi_decider_init(&aside->decider, engine->options.rules, &engine->options.limits);
    return WH_OK;
}

static int answer(whi_aside *aside, whi_question *question) {
    const whi_event *event = question->event;
    whi_subject subject = { event->id, event->type, event->tenant, event->source, event->key, event->time };
    int code = whi_decider_scan_stored(&aside->decider, event->payload, event->payload_size);

    return code == WH_OK ? whi_decide(&aside->decider, &subject, question->registration, &question->decision) : code;
}

/* The end of the process waits for a rule that is being run: it may be signing. */
static int answer_in_time(whi_aside *aside, whi_question *question) {
    int code = whi_halt_enter();

    if (code == WH_OK) {
        code = answer(aside, question);
        whi_halt_leave();
    }
    return code;
}

static void *serve(void *payload) {
    whi_aside *aside = payload;

    pthread_mutex_lock(&aside->lock);
    while (!aside->stop) {
        whi_question *question = aside->question;
        int64_t began;
        if (question == NULL) {
            pthread_cond_wait(&aside->work, &aside->lock);
            continue;
        }
        pthread_mutex_unlock(&aside->lock);
        began = whi_thread_cpu_us();
        question->task.code = answer_in_time(aside, question);
        question->us = whi_thread_cpu_us() - began;
        pthread_mutex_lock(&aside->lock);
        aside->question = NULL;
        if (!aside->stop) {
            whi_inbox_give_task(question->task.inbox, &question->task);
        } else {
            aside->dropped = 1;
        }
    }
    pthread_mutex_unlock(&aside->lock);
    return NULL;
}

void whi_aside_free(whi_aside *aside) {
    if (aside == NULL) {
        return;
    }
    if (aside->has_thread) {
        pthread_mutex_lock(&aside->lock);
        aside->stop = 1;
        pthread_cond_signal(&aside->work);
        pthread_mutex_unlock(&aside->lock);
        pthread_join(aside->thread, NULL);
        atomic_fetch_sub(&aside->engine->jobs_open, aside->dropped || aside->question != NULL);
    }
    whi_decider_close(&aside->decider);
    pthread_cond_destroy(&aside->work);
    pthread_mutex_destroy(&aside->lock);
    whi_free(aside);
}

static int start(whi_aside *aside) {
    if (aside->has_thread) {
        return WH_OK;
    }
    if (pthread_create(&aside->thread, NULL, serve, aside) != 0) {
        return whi_fail(WH_ERESOURCE, "the system starts no more threads");
    }
    aside->has_thread = 1;
    return WH_OK;
}

int whi_aside_ask(whi_aside *aside, whi_worker *worker, whi_question *question) {
    int code = start(aside);

    if (code != WH_OK) {
        return code;
    }
    question->task.worker = worker;
    question->task.inbox = &worker->inbox;
    atomic_fetch_add(&aside->engine->jobs_begun, 1);
    atomic_fetch_add(&aside->engine->jobs_open, 1);
    pthread_mutex_lock(&aside->lock);
    aside->question = question;
    pthread_cond_signal(&aside->work);
    pthread_mutex_unlock(&aside->lock);
    return WH_OK;
}
