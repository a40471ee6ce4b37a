/* The URL of a queue that is delivered to, with the options that each kind knows; all others are refused.
 *
 *     redis://user:password@host:6379/0?stream=orders&maxlen=100000
 *     amqp://user:password@host:5672/vhost?queue=orders
 *     amqp://user:password@host:5672/vhost?exchange=events&routing_key=orders&mandatory=false
 *     nats://user:password@host:4222/subject
 *     kafka://user:password@host:9092/topic?sasl=scram-sha-512&compression=lz4
 *
 * rediss, amqps, tls (or nats+tls) and kafka+ssl are the same over TLS, on 6379, 5671, 4222 and 9093. A token of NATS
 * is a password without a user, "nats://:token@host". User, password, path and values are percent-decoded. */
#ifndef WHI_QUEUE_URL_H
#define WHI_QUEUE_URL_H

#include <stdint.h>

#include "pure/server_url.h"

enum whi_queue_scheme { WHI_QUEUE_REDIS, WHI_QUEUE_RABBITMQ, WHI_QUEUE_NATS, WHI_QUEUE_KAFKA, WHI_QUEUE_SCHEMES };

/* Holds a password: whi_wipe it. */
typedef struct whi_queue_url {
    int scheme; /* enum whi_queue_scheme */
    int is_tls;
    int has_password;
    uint16_t port;
    char host[256], user[256], password[1024];
    char space[WHI_OPTION_SIZE]; /* the virtual host; "/" by default. Of Redis the number of the database */
    char name[WHI_OPTION_SIZE];  /* the stream, queue or topic; "": an exchange is meant. The subject of NATS, or "" */
    char exchange[WHI_OPTION_SIZE]; /* of RabbitMQ */
    char key[WHI_OPTION_SIZE];      /* the routing key; "": the event's type */
    int64_t maximum;                /* entries that a stream keeps, more or less; 0: all */
    int is_optional;                /* 1: a message that no queue takes is as good as delivered */
    const char *mechanism;          /* of Kafka, as SASL names it, static; NULL: without a user */
    const char *compression;        /* of Kafka, static; NULL: none */
} whi_queue_url;

/* The scheme that a URL, or a word without the colon, begins with; -1 for one that is unknown. is_tls may be NULL. */
int whi_queue_scheme_of(const char *text, int *is_tls);

/* "redis", "amqp", "nats", "kafka" */
const char *whi_queue_scheme_name(int scheme);

/* WH_EINVALID, of the field "url", says what is wrong, and shows nothing of the URL. */
int whi_queue_url_parse(whi_queue_url *out, const char *text);

#endif
