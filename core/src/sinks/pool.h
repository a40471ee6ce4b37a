/* The sink of receivers that are waited for: databases and queues, whose libraries wait for their answers.
 *
 *   pool.c             the sink, on the worker's thread: pools, what goes to them, and what came of it
 *   pool_thread.c      the threads that may wait, and which pool has one
 *   database_batch.c   a batch of rows: objects out of payloads, results into parcels
 *   queue_batch.c      a batch of messages
 *
 * The worker's thread waits for nobody, so it gives deliveries to pools. A pool is one receiver as one user writes to
 * it (URL, password, schema, prefix and the like), for all lanes that go there: it has one connection, and one batch at
 * a time. What comes while a batch is under way makes the next one, in the order of coming: a batch waits for nothing,
 * and grows by itself with what there is to do, up to WHI_BATCH_PARCELS deliveries or WHI_BATCH_BYTES.
 *
 * A worker has at most WHI_POOL_THREADS threads for all its pools, which serve them in turn, a batch each. A receiver
 * that hangs holds a thread until its time-out. So pools are of three kinds, as lanes are (work/slots.h): quick ones,
 * unknown ones, and slow ones, whose last batch failed. What was written counts as quick within WHI_POOL_SLOW_US and
 * WHI_POOL_ROW_US a row, and as unknown beyond: a good receiver that takes its time does not wait behind those that
 * hang. Slow ones never have more than half of the threads, and together with the unknown ones not more than three
 * quarters: however many hang, those that answer have threads. Quick ones may begin to hang, all at once: a batch of
 * theirs that is older than WHI_POOL_SLOW_US is held, which does not count for WHI_POOL_THREADS, and another thread
 * goes on in its place; of such there are WHI_POOL_HELD at most. Nothing of this takes slots of those that are sent
 * over HTTP.
 *
 * A pool that nobody has written to for WHI_POOL_REST_US closes its connection; one to which no lane goes any more is
 * closed. */
#ifndef WHI_POOL_H
#define WHI_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/database.h"
#include "engine/written.h"
#include "sinks/sink.h"

#define WHI_BATCH_PARCELS 500
#define WHI_BATCH_OBJECTS 500 /* in one call of the destination, unless one payload has more */
#define WHI_BATCH_BYTES ((size_t)4 << 20)
#define WHI_POOL_THREADS 16
#define WHI_POOL_HELD 48 /* batches of quick ones that hang, each with a thread beside those */
#define WHI_POOL_SLOW_US INT64_C(1000000)
#define WHI_POOL_ROW_US INT64_C(20000) /* far more than a row costs with a database that is well */
#define WHI_POOL_REST_US INT64_C(30000000)

enum whi_pool_kind { WHI_POOL_QUICK, WHI_POOL_UNKNOWN, WHI_POOL_SLOW, WHI_POOL_KINDS };

/* A delivery on its way to a pool, and back. */
typedef struct whi_ticket {
    struct whi_ticket *next;
    whi_parcel *parcel;
    size_t size; /* bytes of its payload */

    /* Of a database: its objects. */
    size_t first, count;
    int deleted;
    char type[WHI_OBJECT_TYPE_SIZE];

    struct whi_sealed *message; /* of a queue: what is sent. NULL: none */
    size_t message_size;        /* bytes of it, counted in WHI_POT_BODIES */
} whi_ticket;

typedef struct whi_ticket_list {
    whi_ticket *first, **end;
} whi_ticket_list;

typedef struct whi_pool whi_pool;

/* Deliveries on their way at once. */
typedef struct whi_batch {
    whi_pool *pool;
    whi_ticket_list tickets;
    size_t count;
    int was_cut; /* 1: the pool's last batch was */
    int is_cut;  /* 1: it was ended from here, as the sentence says */
    char sentence[WHI_SENTENCE];
} whi_batch;

/* What a pool's receiver is: how it is opened and written to. All but open, prepare and cut are called on a thread that
 * may wait, by one at a time. */
typedef struct whi_pool_work {
    /* Fills pool->receiver from the subscription; nothing is connected yet. On the worker's thread. */
    int (*open)(whi_pool *pool, const whi_subscription *subscription);
    void (*close)(whi_pool *pool);

    /* What has to be made of a delivery on the worker's thread; kept: of its lane, NULL at first. NULL: nothing. */
    int (*prepare)(whi_pool *pool, whi_ticket *ticket, void **kept);

    /* What waits for the receiver ends soon. Any thread. */
    void (*cut)(whi_pool *pool);

    /* Closes the connection; the next batch makes one. */
    void (*rest)(whi_pool *pool);

    /* Sends a batch, and fills the results of all its parcels. What it says of the pool. */
    enum whi_pool_kind (*run)(whi_batch *batch);
} whi_pool_work;

extern const whi_pool_work whi_pool_database, whi_pool_queue;

struct whi_pool {
    struct whi_pool *next;       /* in the sink */
    struct whi_pool *next_ready; /* waits for a thread */
    struct whi_sink *sink;       /* NULL: it is closed, and lanes have it still */
    const whi_pool_work *work;
    int refs;             /* of the worker's: the sink's, and those of lanes */
    char *url, *password; /* as the subscription has them */
    whi_database_settings settings;
    int64_t timeout;
    int insecure;

    /* ---- under the sink's lock */
    whi_ticket_list queue;
    enum whi_pool_kind kind;
    int is_ready, is_running;
    int is_held;                /* it runs, and does not count for WHI_POOL_THREADS */
    enum whi_pool_kind runs_as; /* what it was when its batch began */
    int64_t began_us;           /* monotonic: when that was */
    int is_cut;                 /* 1: its batch was ended from here, or the last one was */
    int is_connected;           /* something was written since it rested */
    int64_t settled_us;         /* monotonic: when its last batch had ended */

    whi_written *written; /* NULL: nothing is counted */
    void *receiver;       /* of whoever runs it; only `cut` is called by others */
};

struct whi_sink {
    wh_engine *engine;
    whi_poller *poller;
    whi_pool *pools;
    whi_ticket *free_tickets;
    struct whi_http_request *making; /* of messages; NULL until there is one */

    pthread_mutex_t lock;
    pthread_cond_t work; /* a pool is ready, or the sink closes */
    pthread_cond_t left; /* a pool is done with its batch */
    pthread_t threads[WHI_POOL_THREADS + WHI_POOL_HELD];
    int thread_count, idle, ready_count, closing;
    whi_pool *ready[WHI_POOL_KINDS], **ready_end[WHI_POOL_KINDS];
    int running[WHI_POOL_KINDS]; /* without those that are held */
    int held;
    int64_t slow_us; /* WHI_POOL_SLOW_US; tests have others */
    int waits;       /* of the worker's: a pool waits while all threads have something to do */
    whi_ticket_list ended;
    atomic_int has_ended;
    char sentence[WHI_SENTENCE]; /* why it was cut */
};

/* ---- pool_thread.c */

void whi_tickets_init(whi_ticket_list *list);
void whi_tickets_add(whi_ticket_list *list, whi_ticket *ticket);
void whi_tickets_move(whi_ticket_list *list, whi_ticket_list *from); /* all of from, behind */

/* Puts a pool in the line for threads, if it has something to do and does not stand there. Under the lock. */
void whi_pool_ready(whi_pool *pool);

/* 1: no more may run beside those that do. Under the lock. */
int whi_pool_is_full(const whi_sink *sink);

/* 1: its batch is held from now on. Under the lock. */
int whi_pool_hold(whi_pool *pool, int64_t now_us);

/* What a batch of so many rows or messages says of its pool. */
enum whi_pool_kind whi_pool_judge(int fails, size_t rows, int64_t took_us);

/* The body of a thread; payload: the sink. */
void *whi_pool_serve(void *payload);

/* 1: the batch was ended from here; its sentence says why. */
int whi_batch_is_cut(whi_batch *batch);

/* No memory: what it lacked was here, so it is no attempt. */
void whi_batch_put_back(whi_batch *batch, int code);

/* For looking on: so many were written, and so many set aside. */
void whi_batch_count(const whi_batch *batch, size_t written, size_t set_aside);

/* What came of a delivery. */
void whi_parcel_tell(whi_parcel *parcel, int outcome, int code, const char *sentence);

/* The same, by what was said of it. others: so many more failed with it. */
void whi_parcel_tell_result(whi_parcel *parcel, const whi_object_result *result, size_t others);

/* It was ended from here. */
void whi_parcel_cut(whi_parcel *parcel, const char *sentence);

#endif
