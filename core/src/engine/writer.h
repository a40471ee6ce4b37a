/* One writer: the work of all threads in as few commits as possible (batch commit, group commit).
 *
 * A job is a piece of work inside a transaction. Whoever finds no leader leads: it
 * takes all jobs that wait (up to a number of rows and of bytes), runs them in one
 * transaction, commits, tells each in the order in which they were written, and goes on while its
 * own job is not done. Those who come meanwhile wait for the next commit, so that under
 * load one fsync serves many. There is no timer.
 *
 * Who may wait for a commit (a publisher, a change of a subscription) calls
 * whi_writer_run. Who may not (an event loop, a worker) calls whi_writer_submit: a
 * thread of the writer's own leads for it, so that neither another program's lock nor a
 * slow disk stops its turns. The same thread does what is due by the clock whether or
 * not anybody turns: the pulse, see lease.h.
 *
 * What is in no hurry, and is not worth a flush that others would wait for, rides: it goes along with the next commit
 * that somebody wants, or has one of its own when there was none for WHI_WRITER_RIDE_US.
 *
 * If a job fails, the transaction is rolled back and each job of the batch runs in
 * one of its own, so that nobody suffers from another's fault. If the transaction
 * cannot begin, all of the batch fail at once: none of them is at fault.
 *
 * Of a commit of which the store cannot say whether it was made (its connection broke, its flush
 * failed) nobody is told until the store has looked. If it cannot look for some seconds, all of the
 * batch fail, with a sentence that says so, and nothing is run again: it may be there. */
#ifndef WHI_WRITER_H
#define WHI_WRITER_H

#include "outside/store.h"

/* What shares a transaction: each waits for all of it, and so does every other process of the store. */
#define WHI_WRITER_ROWS 512
#define WHI_WRITER_BYTES (8 << 20)
#define WHI_WRITER_RIDE_US INT64_C(10000)

typedef struct whi_job {
    struct whi_job *next;
    int rows;     /* about how many rows it writes */
    size_t bytes; /* 0, or about how many bytes of payloads and bodies, where they may be large */
    int rides;    /* 1: it goes along with the next job, behind it, and alone only if none comes for a while */
    /* Inside the transaction; may be called again after a roll-back. */
    int (*run)(struct whi_job *job, whi_store *store);
    /* After the commit, or with an error and its sentence. The leader's thread, whichever it is;
     * before the jobs after it are told. May free the job. NULL: nobody is told. */
    void (*done)(struct whi_job *job, int code, const char *sentence);
} whi_job;

/* Called by the writer's thread: does what is due and says when to call again, in monotonic us;
 * INT64_MAX: when it is nudged. Must not wait. */
typedef int64_t (*whi_pulse_fn)(void *payload, int64_t now_us);

typedef struct whi_writer whi_writer;

int whi_writer_new(whi_writer **out, whi_store *store, whi_pulse_fn pulse, void *payload);

/* Called, with the pulse's payload, when it stays unknown whether a commit was made; before its jobs
 * are told. The leader's thread. */
void whi_writer_on_doubt(whi_writer *writer, void (*doubt)(void *payload));

/* Called, with the pulse's payload, after each commit, before its jobs are told. The leader's thread. */
void whi_writer_on_commit(whi_writer *writer, void (*committed)(void *payload));

/* Stops the thread after what is queued. No other call may run. */
void whi_writer_free(whi_writer *writer);

/* Runs a job and returns its result when it is durable and was told. */
int whi_writer_run(whi_writer *writer, whi_job *job);

/* Queues a job; done is called. Without the thread somebody must call whi_writer_drain. */
void whi_writer_submit(whi_writer *writer, whi_job *job);

/* Runs all that is queued, if nobody else is doing so. */
void whi_writer_drain(whi_writer *writer);

/* The thread; where there is one already, nothing. Any thread. */
int whi_writer_start(whi_writer *writer);

/* Ends it after what is queued. Not while anybody starts it. */
void whi_writer_stop(whi_writer *writer);

/* Counts on when a transaction begins and when it has ended: odd while there is one. Who has seen an even
 * number, and sees it again, knows that nothing was written here meanwhile. Any thread. */
unsigned whi_writer_turns(const whi_writer *writer);

/* The pulse is asked for its time again. Any thread. */
void whi_writer_nudge(whi_writer *writer);

#endif
