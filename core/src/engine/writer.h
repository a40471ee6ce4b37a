/* One writer: the work of all threads in as few commits as possible.
 *
 * A job is a piece of work inside a transaction. Whoever finds no leader leads: it
 * takes all jobs that wait (up to a number of rows), runs them in one transaction,
 * commits, tells each, and goes on while its own job is not done. Those who come
 * meanwhile wait for the next commit, so that under load one fsync serves many.
 * There is no timer.
 *
 * If a job fails, the transaction is rolled back and each job of the batch runs in
 * one of its own, so that nobody suffers from another's fault. */
#ifndef WHI_WRITER_H
#define WHI_WRITER_H

#include "outside/store.h"

#define WHI_WRITER_ROWS 512

typedef struct whi_job {
    struct whi_job *next;
    int rows; /* about how many rows it writes */
    /* Inside the transaction; may be called again after a roll-back. */
    int (*run)(struct whi_job *job, whi_store *store);
    /* After the commit, or with an error and its sentence. Any thread. May free the job. */
    void (*done)(struct whi_job *job, int code, const char *sentence);
} whi_job;

typedef struct whi_writer whi_writer;

int whi_writer_new(whi_writer **out, whi_store *store);

/* Stops the thread after what is queued. No other call may run. */
void whi_writer_free(whi_writer *writer);

/* Runs a job and returns its result when it is durable; done is not called. */
int whi_writer_run(whi_writer *writer, whi_job *job);

/* Queues a job; done is called. Without a thread somebody must call whi_writer_drain. */
void whi_writer_submit(whi_writer *writer, whi_job *job);

/* Runs all that is queued, if nobody else is doing so. */
void whi_writer_drain(whi_writer *writer);

/* A thread that does so for the jobs of whi_writer_submit; stopped by _free or _stop. */
int whi_writer_start(whi_writer *writer);
void whi_writer_stop(whi_writer *writer);

#endif
