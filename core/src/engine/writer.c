#include "engine/writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/error.h"
#include "base/mem.h"

struct whi_writer {
    whi_store *store;
    whi_pulse_fn pulse;
    void *pulse_payload;
    void (*doubt)(void *payload);     /* NULL, or told of what stays unknown */
    void (*committed)(void *payload); /* NULL, or told of each commit */
    pthread_mutex_t lock;
    pthread_cond_t change; /* a waiting job is done, or the lead is free */
    pthread_cond_t work;   /* for the thread */
    whi_job *head, **tail;
    whi_job *riders;    /* what rides, the last one first: there is hardly more than one */
    int64_t ride_until; /* monotonic us: when those go alone; INT64_MAX: there are none */
    int led;            /* somebody leads */
    int waiters;        /* threads in whi_writer_run */
    int nudged;         /* the pulse is to be asked again */
    int has_thread, stop;
    pthread_t thread;
    atomic_uint turns;
};

#define SETTLE_TRIES 50 /* looks at what became of a commit, SETTLE_PAUSE_MS apart */
#define SETTLE_PAUSE_MS 100

/* A job whose caller waits. */
typedef struct waiting {
    whi_job outer;
    whi_job *inner;
    whi_writer *writer;
    int finished, code;
    whi_error error; /* set where the code is one */
} waiting;

int whi_writer_new(whi_writer **out, whi_store *store, whi_pulse_fn pulse, void *payload) {
    whi_writer *writer = whi_calloc(1, sizeof *writer);

    *out = writer;
    if (writer == NULL) {
        return whi_fail_memory();
    }
    writer->store = store;
    writer->pulse = pulse;
    writer->pulse_payload = payload;
    writer->tail = &writer->head;
    writer->ride_until = INT64_MAX;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->change, NULL);
    whi_condition_init(&writer->work);
    return WH_OK;
}

void whi_writer_on_doubt(whi_writer *writer, void (*doubt)(void *payload)) {
    writer->doubt = doubt;
}

void whi_writer_on_commit(whi_writer *writer, void (*committed)(void *payload)) {
    writer->committed = committed;
}

void whi_writer_free(whi_writer *writer) {
    if (writer == NULL) {
        return;
    }
    whi_writer_stop(writer);
    whi_writer_drain(writer);
    pthread_cond_destroy(&writer->change);
    pthread_cond_destroy(&writer->work);
    pthread_mutex_destroy(&writer->lock);
    whi_free(writer);
}

static void pause_ms(int ms) {
    struct timespec pause = { 0, ms * 1000000L };

    nanosleep(&pause, NULL);
}

/* Looks what became of a commit until it is known: till then nobody is told anything. A store that
 * cannot be asked for some seconds is not waited for; then a failure is told that says so. */
static void settle(whi_writer *writer, enum wh_backend_commit *outcome) {
    int64_t until_us = whi_monotonic_us() + (int64_t)SETTLE_TRIES * SETTLE_PAUSE_MS * 1000;

    for (int tries = 0;
         *outcome == WH_COMMIT_UNKNOWN && tries < SETTLE_TRIES && (tries == 0 || whi_monotonic_us() < until_us);
         tries++) {
        if (tries > 0) {
            pause_ms(SETTLE_PAUSE_MS);
        }
        whi_store_settle(writer->store, outcome);
    }
}

/* The sentence stays that of what failed. What may be there is not done once more. */
static int undo(whi_writer *writer, int code, enum wh_backend_commit outcome, int *again) {
    whi_error error = *whi_error_last();

    settle(writer, &outcome);
    if (outcome == WH_COMMITTED) {
        return WH_OK;
    }
    *again = outcome == WH_NOT_COMMITTED;
    whi_store_rollback(writer->store);
    if (outcome == WH_COMMIT_UNKNOWN && writer->doubt != NULL) {
        writer->doubt(writer->pulse_payload);
    }
    return outcome == WH_COMMIT_UNKNOWN ? whi_fail(code, "%s (whether it was committed cannot be seen)", error.sentence)
                                        : whi_error_again(code, &error);
}

/* again: 1 when the jobs may be run once more, each alone: one of them may be at fault. */
static int transact(whi_writer *writer, whi_job *batch, int *again) {
    enum wh_backend_commit outcome = WH_NOT_COMMITTED;
    int code = whi_store_begin(writer->store);

    *again = code == WH_OK;
    if (code != WH_OK) {
        return code;
    }
    for (whi_job *job = batch; job != NULL && code == WH_OK; job = job->next) {
        code = job->run(job, writer->store);
    }
    if (code == WH_OK) {
        code = whi_store_commit(writer->store, &outcome);
    }
    code = code == WH_OK ? WH_OK : undo(writer, code, outcome, again);
    if (code == WH_OK && writer->committed != NULL) {
        writer->committed(writer->pulse_payload);
    }
    return code;
}

static int run_all(whi_writer *writer, whi_job *batch, int *again) {
    int code;

    atomic_fetch_add(&writer->turns, 1);
    code = transact(writer, batch, again);
    atomic_fetch_add(&writer->turns, 1);
    return code;
}

static void tell(whi_job *job, int code) {
    job->next = NULL;
    if (job->done != NULL) {
        job->done(job, code, code == WH_OK ? "" : wh_last_error());
    }
}

static void run_batch(whi_writer *writer, whi_job *batch) {
    int again, code = run_all(writer, batch, &again);
    int alone = batch->next == NULL || !again;
    whi_error error;

    if (code != WH_OK) {
        error = *whi_error_last();
    }
    while (batch != NULL) {
        whi_job *next = batch->next;
        batch->next = NULL;
        if (code != WH_OK && !alone) {
            tell(batch, run_all(writer, batch, &again));
        } else {
            tell(batch, code == WH_OK ? code : whi_error_again(code, &error));
        }
        batch = next;
    }
}

static void queue(whi_writer *writer, whi_job *job) {
    job->next = NULL;
    *writer->tail = job;
    writer->tail = &job->next;
}

/* The lock is held: those that ride are the last ones of the queue. */
static void let_ride(whi_writer *writer) {
    while (writer->riders != NULL) {
        whi_job *job = writer->riders;
        writer->riders = job->next;
        queue(writer, job);
    }
    writer->ride_until = INT64_MAX;
}

/* The lock is held: takes the jobs of one transaction off the queue. */
static whi_job *take(whi_writer *writer) {
    whi_job *batch, *last = NULL;
    int rows = 0;
    size_t bytes = 0;

    let_ride(writer);
    batch = writer->head;
    for (whi_job *job = batch; job != NULL; job = job->next) {
        if (last != NULL && (rows + job->rows > WHI_WRITER_ROWS || bytes + job->bytes > WHI_WRITER_BYTES)) {
            break;
        }
        rows += job->rows;
        bytes += job->bytes;
        last = job;
    }
    if (last == NULL) {
        return NULL;
    }
    writer->head = last->next;
    if (writer->head == NULL) {
        writer->tail = &writer->head;
    }
    last->next = NULL;
    return batch;
}

/* The lock is held and the lead is free: leads until the queue is empty or *enough. */
static void lead(whi_writer *writer, const int *enough) {
    writer->led = 1;
    while (writer->head != NULL && (enough == NULL || !*enough)) {
        whi_job *batch = take(writer);
        pthread_mutex_unlock(&writer->lock);
        run_batch(writer, batch);
        pthread_mutex_lock(&writer->lock);
        if (writer->waiters > 0) {
            pthread_cond_broadcast(&writer->change);
        }
    }
    writer->led = 0;
    if (writer->has_thread && (writer->head != NULL || writer->riders != NULL || writer->stop)) {
        pthread_cond_signal(&writer->work); /* which was not woken for what came meanwhile */
    }
    pthread_cond_broadcast(&writer->change);
}

static int run_waiting(whi_job *job, whi_store *store) {
    waiting *self = (waiting *)job;

    return self->inner->run(self->inner, store);
}

static void done_waiting(whi_job *job, int code, const char *sentence) {
    waiting *self = (waiting *)job;

    if (code != WH_OK) {
        self->error = *whi_error_last();
    }
    if (self->inner->done != NULL) {
        self->inner->done(self->inner, code, sentence);
    }
    pthread_mutex_lock(&self->writer->lock);
    self->code = code;
    self->finished = 1;
    pthread_mutex_unlock(&self->writer->lock);
}

int whi_writer_run(whi_writer *writer, whi_job *job) {
    waiting self = { .outer = { NULL, job->rows, job->bytes, 0, run_waiting, done_waiting },
                     .inner = job,
                     .writer = writer };

    pthread_mutex_lock(&writer->lock);
    queue(writer, &self.outer);
    writer->waiters++;
    while (!self.finished) {
        if (!writer->led) {
            lead(writer, &self.finished);
        } else {
            pthread_cond_wait(&writer->change, &writer->lock);
        }
    }
    writer->waiters--;
    pthread_mutex_unlock(&writer->lock);
    return self.code == WH_OK ? WH_OK : whi_error_again(self.code, &self.error);
}

void whi_writer_submit(whi_writer *writer, whi_job *job) {
    pthread_mutex_lock(&writer->lock);
    if (job->rides && writer->has_thread && !writer->stop) {
        job->next = writer->riders;
        writer->riders = job;
        writer->ride_until = whi_monotonic_us() + WHI_WRITER_RIDE_US;
    } else {
        queue(writer, job);
    }
    if (writer->has_thread && !writer->led) {
        pthread_cond_signal(&writer->work);
    }
    pthread_mutex_unlock(&writer->lock);
}

void whi_writer_drain(whi_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    let_ride(writer);
    while (writer->head != NULL || writer->led) {
        if (!writer->led) {
            lead(writer, NULL);
        } else {
            pthread_cond_wait(&writer->change, &writer->lock);
        }
    }
    pthread_mutex_unlock(&writer->lock);
}

/* The lock is held: waits for work, or for the time that the pulse said. */
static void wait_for_work(whi_writer *writer, int64_t until_us) {
    if (until_us == INT64_MAX) {
        pthread_cond_wait(&writer->work, &writer->lock);
    } else {
        whi_condition_wait(&writer->work, &writer->lock, until_us);
    }
}

/* The lock is held. */
static int64_t ask_pulse(whi_writer *writer) {
    int64_t next;

    writer->nudged = 0;
    if (writer->pulse == NULL || writer->stop) {
        return INT64_MAX;
    }
    pthread_mutex_unlock(&writer->lock);
    next = writer->pulse(writer->pulse_payload, whi_monotonic_us());
    pthread_mutex_lock(&writer->lock);
    return writer->nudged ? 0 : next;
}

static void *serve(void *payload) {
    whi_writer *writer = payload;
    int64_t next = 0;

    pthread_mutex_lock(&writer->lock);
    while (!writer->stop || writer->head != NULL || writer->riders != NULL) {
        if (writer->nudged || whi_monotonic_us() >= next) {
            next = ask_pulse(writer);
        }
        if (writer->stop || whi_monotonic_us() >= writer->ride_until) {
            let_ride(writer);
        }
        if (writer->head != NULL && !writer->led) {
            lead(writer, NULL);
        } else if (!writer->stop || writer->led) {
            wait_for_work(writer, next < writer->ride_until ? next : writer->ride_until);
        }
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

int whi_writer_start(whi_writer *writer) {
    int code = WH_OK;

    pthread_mutex_lock(&writer->lock);
    if (!writer->has_thread) {
        writer->stop = 0;
        writer->nudged = 1;
        code = pthread_create(&writer->thread, NULL, serve, writer) == 0
                   ? WH_OK
                   : whi_fail(WH_ENOMEM, "the system starts no more threads");
        writer->has_thread = code == WH_OK;
    }
    pthread_mutex_unlock(&writer->lock);
    return code;
}

void whi_writer_stop(whi_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    if (!writer->has_thread) {
        pthread_mutex_unlock(&writer->lock);
        return;
    }
    writer->stop = 1;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->has_thread = 0;
}

unsigned whi_writer_turns(const whi_writer *writer) {
    return atomic_load(&writer->turns);
}

void whi_writer_nudge(whi_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    writer->nudged = 1;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
}
