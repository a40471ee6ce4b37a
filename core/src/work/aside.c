/* Tests: test_engine_fair. */
#include "work/aside.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "base/thread.h"

#define NICER 5          /* a third of what the others get */
#define TOGETHER_US 1000 /* answers that take less come back together: each wakes the worker */

typedef struct whi_aside {
    wh_engine *engine;
    pthread_t thread;
    int has_thread; /* the worker's */
    pthread_mutex_t lock;
    pthread_cond_t work;
    whi_question *asked, **asked_end;
    int stop;
    whi_question *answered, **answered_end; /* the thread's, as what follows: not given back yet */
    int64_t given_us;                       /* CPU: when some were */
    whi_decider decider;                    /* the thread's */
} whi_aside;

int whi_aside_new(whi_aside **out, wh_engine *engine) {
    whi_aside *aside = whi_calloc(1, sizeof *aside);

    *out = aside;
    if (aside == NULL) {
        return whi_fail_memory();
    }
    aside->engine = engine;
    aside->asked_end = &aside->asked;
    aside->answered_end = &aside->answered;
    pthread_mutex_init(&aside->lock, NULL);
    pthread_cond_init(&aside->work, NULL);
    whi_decider_init(&aside->decider, engine->options.rules, &engine->options.limits);
    return WH_OK;
}

static int answer(whi_aside *aside, whi_question *question) {
    const whi_event *event = question->event;
    whi_subject subject = { event->id, event->type, event->tenant, event->source, event->key, event->time };
    const char *payload = question->payload != NULL ? question->payload : event->payload;
    size_t size = question->payload != NULL ? question->payload_size : event->payload_size;
    int code = whi_decider_scan_stored(&aside->decider, payload, size);

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

static void append(whi_question ***end, whi_question *question) {
    question->following = NULL;
    **end = question;
    *end = &question->following;
}

/* The lock is held, as in what follows. */
static whi_question *take(whi_aside *self) {
    whi_question *question = self->asked;

    if (question != NULL) {
        self->asked = question->following;
        self->asked_end = self->asked == NULL ? &self->asked : self->asked_end;
    }
    return question;
}

static void give_back(whi_aside *self) {
    whi_question *question = self->answered;

    self->answered = NULL;
    self->answered_end = &self->answered;
    while (question != NULL) {
        whi_question *following = question->following; /* it is the worker's then */
        whi_inbox_give_task(question->task.inbox, &question->task);
        question = following;
    }
}

static void answer_next(whi_aside *self, whi_question *question) {
    int64_t began_us, now_us;

    pthread_mutex_unlock(&self->lock);
    began_us = whi_thread_cpu_us();
    question->task.code = answer_in_time(self, question);
    now_us = whi_thread_cpu_us();
    question->us = now_us - began_us;
    pthread_mutex_lock(&self->lock);
    append(&self->answered_end, question);
    if (!self->stop && (self->asked == NULL || now_us - self->given_us >= TOGETHER_US)) {
        give_back(self);
        self->given_us = now_us;
    }
}

static void *serve(void *payload) {
    whi_aside *self = payload;

    whi_thread_comes_after(NICER);
    pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        whi_question *question = take(self);
        if (question != NULL) {
            answer_next(self, question);
        } else {
            pthread_cond_wait(&self->work, &self->lock);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static void stop(whi_aside *self) {
    if (self->has_thread) {
        pthread_mutex_lock(&self->lock);
        self->stop = 1;
        pthread_cond_signal(&self->work);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
}

whi_question *whi_aside_free(whi_aside *aside) {
    whi_question *left;

    if (aside == NULL) {
        return NULL;
    }
    stop(aside);
    *aside->answered_end = aside->asked;
    left = aside->answered;
    for (const whi_question *one = left; one != NULL; one = one->following) {
        atomic_fetch_sub(&aside->engine->jobs_open, 1);
    }
    whi_decider_close(&aside->decider);
    pthread_cond_destroy(&aside->work);
    pthread_mutex_destroy(&aside->lock);
    whi_free(aside);
    return left;
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
    append(&aside->asked_end, question);
    pthread_cond_signal(&aside->work);
    pthread_mutex_unlock(&aside->lock);
    return WH_OK;
}
