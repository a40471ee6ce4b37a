/* A queue that receives messages: a stream of Redis or NATS, a queue or an exchange of RabbitMQ, a topic of Kafka.
 * Nothing here knows of subscriptions or deliveries; sinks/queue_batch.c does.
 *
 * A queue belongs to one thread that may wait, and waits at most as long as its time-outs say; whi_queue_cut alone may
 * be called by another. */
#ifndef WHI_QUEUE_H
#define WHI_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "outside/destination.h"
#include "pure/address.h"

typedef struct whi_queue whi_queue;

/* Texts are copied. */
typedef struct whi_queue_options {
    const char *url;                          /* pure/queue_url.h, with its password */
    int64_t connect_timeout, publish_timeout; /* ms; the latter for all of a write. 0: 10 and 15 s */
    int64_t check_timeout;                    /* ms, of a whole check; 0: the others say */
    const whi_policy *policy;                 /* which addresses may be connected to; the caller's, until close */
    const char *ca_file;                      /* PEM of authorities for TLS; NULL: the system's */
    int insecure;                             /* 1: TLS with whomever */
} whi_queue_options;

#define WHI_MESSAGE_LINES 128 /* as many as a request has */

/* Texts are the caller's during the call. */
typedef struct whi_message {
    const char *id;           /* the same whenever it is sent again */
    const char *type;         /* of the event */
    const char *key;          /* what orders it, or NULL */
    const char *const *lines; /* "Name: value", as a request has them; the first WHI_MESSAGE_LINES */
    size_t line_count;
    const char *body;
    size_t size;
    int64_t sent_at; /* ms */
} whi_message;

/* 0, or WH_EINVALID with a sentence: what is wrong with the URL, without its secrets; which scheme is not built.
 * Nothing is connected yet. */
int whi_queue_open(whi_queue **out, const whi_queue_options *options);

/* Sends all in their order, each with its result: WHI_OBJECT_WRITTEN where the queue has confirmed it; WHI_OBJECT_AGAIN
 * where it has it perhaps, or not. */
void whi_queue_write(whi_queue *queue, const whi_message *messages, size_t count, whi_object_result *results);

/* Connects and looks whether messages would arrive. result->sentence says what is missing. */
void whi_queue_check(whi_queue *queue, whi_object_result *result);

/* From any thread: what waits for the queue ends soon with WHI_OBJECT_AGAIN. Where nothing waits, the next call ends
 * so, unless whi_queue_rest comes before. */
void whi_queue_cut(whi_queue *queue);

/* Closes the connection; the next write makes one. */
void whi_queue_rest(whi_queue *queue);

void whi_queue_close(whi_queue *queue);

/* 1 if URLs of this scheme ("amqps") are built in; 0: known and not built; -1: unknown. */
int whi_queue_has(const char *scheme);

#endif
