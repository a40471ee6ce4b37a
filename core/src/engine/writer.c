#include "engine/writer.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

struct whi_writer {
    whi_store *store;
    pthread_mutex_t lock;
    pthread_cond_t change; /* a waiting job is done, or the lead is free */
    pthread_cond_t work;   /* for the thread */
    whi_job *head, **tail;
    int led;     /* somebody leads */
    int waiters; /* threads in whi_writer_run */
    int has_thread, stop;
    pthread_t thread;
};

/* A job whose caller waits. */
typedef struct waiting {
    whi_job outer;
    whi_job *inner;
    whi_writer *writer;
    int finished, code;
    char sentence[WHI_ERROR_SIZE];
} waiting;

int whi_writer_new(whi_writer **out, whi_store *store) {
    whi_writer *writer = whi_calloc(1, sizeof *writer);

    *out = writer;
    if (writer == NULL) {
        return whi_fail_memory();
    }
    writer->store = store;
    writer->tail = &writer->head;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->change, NULL);
    pthread_cond_init(&writer->work, NULL);
    return WH_OK;
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

static int run_all(whi_writer *writer, whi_job *batch) {
    const struct whi_store_vtable *store = writer->store->vtable;
    int code = store->begin(writer->store);

    if (code != WH_OK) {
        return code;
    }
    for (whi_job *job = batch; job != NULL && code == WH_OK; job = job->next) {
        code = job->run(job, writer->store);
    }
    if (code == WH_OK) {
        code = store->commit(writer->store);
    }
    if (code != WH_OK) {
        char sentence[WHI_ERROR_SIZE];
        memcpy(sentence, wh_last_error(), sizeof sentence - 1);
        sentence[sizeof sentence - 1] = '\0';
        store->rollback(writer->store);
        whi_fail(code, "%s", sentence);
    }
    return code;
}

static void run_batch(whi_writer *writer, whi_job *batch) {
    int code = run_all(writer, batch);
    int alone = batch->next == NULL;

    while (batch != NULL) {
        whi_job *next = batch->next;
        batch->next = NULL;
        if (code != WH_OK && !alone) {
            int own = run_all(writer, batch);
            batch->done(batch, own, own == WH_OK ? "" : wh_last_error());
        } else {
            batch->done(batch, code, code == WH_OK ? "" : wh_last_error());
        }
        batch = next;
    }
}

/* The lock is held: takes the jobs of one transaction off the queue. */
static whi_job *take(whi_writer *writer) {
    whi_job *batch = writer->head, *last = NULL;
    int rows = 0;

    for (whi_job *job = batch; job != NULL; job = job->next) {
        if (last != NULL && rows + job->rows > WHI_WRITER_ROWS) {
            break;
        }
        rows += job->rows;
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
    if (writer->has_thread && (writer->head != NULL || writer->stop)) {
        pthread_cond_signal(&writer->work);
    }
    pthread_cond_broadcast(&writer->change);
}

static void queue(whi_writer *writer, whi_job *job) {
    job->next = NULL;
    *writer->tail = job;
    writer->tail = &job->next;
}

static int run_waiting(whi_job *job, whi_store *store) {
    waiting *self = (waiting *)job;

    return self->inner->run(self->inner, store);
}

static void done_waiting(whi_job *job, int code, const char *sentence) {
    waiting *self = (waiting *)job;

    memcpy(self->sentence, "", 1);
    if (code != WH_OK) {
        size_t size = strlen(sentence);
        size = size < sizeof self->sentence ? size : sizeof self->sentence - 1;
        memcpy(self->sentence, sentence, size);
        self->sentence[size] = '\0';
    }
    pthread_mutex_lock(&self->writer->lock);
    self->code = code;
    self->finished = 1;
    pthread_mutex_unlock(&self->writer->lock);
}

int whi_writer_run(whi_writer *writer, whi_job *job) {
    waiting self = { { NULL, job->rows, run_waiting, done_waiting }, job, writer, 0, 0, "" };

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
    return self.code == WH_OK ? WH_OK : whi_fail(self.code, "%s", self.sentence);
}

void whi_writer_submit(whi_writer *writer, whi_job *job) {
    pthread_mutex_lock(&writer->lock);
    queue(writer, job);
    if (writer->has_thread && !writer->led) {
        pthread_cond_signal(&writer->work);
    }
    pthread_mutex_unlock(&writer->lock);
}

void whi_writer_drain(whi_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    while (writer->head != NULL || writer->led) {
        if (!writer->led) {
            lead(writer, NULL);
        } else {
            pthread_cond_wait(&writer->change, &writer->lock);
        }
    }
    pthread_mutex_unlock(&writer->lock);
}

static void *serve(void *payload) {
    whi_writer *writer = payload;

    pthread_mutex_lock(&writer->lock);
    while (!writer->stop || writer->head != NULL) {
        if (writer->head == NULL || writer->led) {
            pthread_cond_wait(&writer->work, &writer->lock);
        } else {
            lead(writer, NULL);
        }
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

int whi_writer_start(whi_writer *writer) {
    writer->stop = 0;
    if (pthread_create(&writer->thread, NULL, serve, writer) != 0) {
        return whi_fail(WH_ENOMEM, "the system starts no more threads");
    }
    pthread_mutex_lock(&writer->lock);
    writer->has_thread = 1;
    pthread_mutex_unlock(&writer->lock);
    return WH_OK;
}

void whi_writer_stop(whi_writer *writer) {
    if (!writer->has_thread) {
        return;
    }
    pthread_mutex_lock(&writer->lock);
    writer->stop = 1;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->has_thread = 0;
}
