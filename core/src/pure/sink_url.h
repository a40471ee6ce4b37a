/* Where a subscription's deliveries go, by the scheme of its URL; and the URLs of databases and queues, whose password
 * is kept apart: in the text that everybody may see stands WHI_PASSWORD_MASK in its place. */
#ifndef WHI_SINK_URL_H
#define WHI_SINK_URL_H

#include <stddef.h>

#include "pure/url.h"

#define WHI_PASSWORD_MASK "***"
#define WHI_PASSWORD_SIZE 513 /* as it stands in a URL */
#define WHI_SCHEME_SIZE 16

enum whi_url_kind {
    WHI_URL_HTTP,     /* http, https, and whatever is no scheme that we know: pure/url.h tells what is wrong with it */
    WHI_URL_DATABASE, /* postgresql, postgres, mysql, mariadb, sqlite; whether it is built in, its builder says */
    WHI_URL_QUEUE,    /* amqp, redis, nats, kafka, and those over TLS; the same */
    WHI_URL_ABSENT,   /* of a system that we know, and that no delivery goes to yet */
};

/* scheme, which may be NULL, receives its name in lower case; "" without one that is known. */
enum whi_url_kind whi_url_kind_of(const char *text, char scheme[WHI_SCHEME_SIZE]);

typedef struct whi_sink_url {
    char scheme[WHI_SCHEME_SIZE];
    char text[WHI_URL_SIZE];          /* masked; the scheme is in lower case, all else as it was given */
    char password[WHI_PASSWORD_SIZE]; /* as it was given, with its %XX; "": none. Wiped by the caller */
    int is_masked;                    /* 1: the mask stands where the password would be */
} whi_sink_url;

/* Reads "postgresql://user:password@host/database?sslmode=verify-full" or "sqlite:/path". WH_EINVALID, of the field
 * "url", says what is wrong and repeats nothing that may be a secret: also a password that stands elsewhere than in
 * front of the host, where nobody would find it to hide it. */
int whi_sink_url_parse(whi_sink_url *out, const char *text);

/* The URL with its password (NULL: none) where the mask is, into out, which the caller wipes. WH_EINVALID: the two do
 * not belong together. */
int whi_sink_url_join(const char *masked, const char *password, char out[WHI_URL_SIZE + WHI_PASSWORD_SIZE]);

/* The file of "sqlite:/path", or NULL: it is another database. */
const char *whi_sink_url_file(const char *masked);

#endif
