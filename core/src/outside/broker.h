/* What a kind of queue does itself, behind outside/queue.h: each knows one client library. */
#ifndef WHI_BROKER_H
#define WHI_BROKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "outside/queue.h"
#include "outside/reach.h"
#include "pure/queue_url.h"

typedef struct whi_broker whi_broker;

struct whi_queue {
    const whi_broker *broker;
    whi_queue_url url;
    whi_reach reach;
    int64_t connect_timeout, publish_timeout, check_timeout; /* ms */
    int64_t until; /* us of whi_monotonic_us that no wait goes beyond: the end of a check; 0: none is under way */
    const whi_policy *policy;
    char *ca_file; /* NULL: the system's */
    int insecure;
    atomic_int is_cut;
    pthread_mutex_t lock;
    int shown; /* locked: of a client that waits by itself, a copy of its socket; -1: none */
};

struct whi_broker {
    int has_tls;
    size_t size; /* of the broker's own struct, which begins with a whi_queue and is zeroed */

    /* Nothing to do where it is connected. */
    void (*connect)(whi_queue *queue, whi_object_result *result);
    /* It is connected. Fills all results, which are WHI_OBJECT_AGAIN with a sentence at first. */
    void (*send)(whi_queue *queue, const whi_message *messages, size_t count, whi_object_result *results);
    /* It is connected. */
    void (*check)(whi_queue *queue, whi_object_result *result);
    void (*rest)(whi_queue *queue);
    /* What the client library waits for by itself ends soon. From any thread, under the queue's lock. NULL: nothing but
     * the socket that is shown. */
    void (*cut)(whi_queue *queue);
};

extern const whi_broker whi_broker_redis;
extern const whi_broker whi_broker_rabbitmq;
extern const whi_broker whi_broker_nats;
extern const whi_broker whi_broker_kafka;

/* The time in so many ms, in us, or the end of the check that is under way where that comes before. */
int64_t whi_queue_until(const whi_queue *queue, int64_t ms);

/* The result, of which what a server said may be a part. Where the password is in it, the sentence is left out; bytes
 * that are no text are '?'. */
void whi_queue_tell(const whi_queue *queue, whi_object_result *result, int outcome, const char *state,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The socket that a client waits for by itself: a cut shuts it down. -1: none. The caller's, as before. */
void whi_queue_show(whi_queue *queue, int fd);

/* A socket that is connected to one of the host's addresses that may be reached, and does not block; -1 with the
 * result. The caller's to close. */
int whi_queue_dial(whi_queue *queue, whi_object_result *result);

#endif
