/* A subscription as a value. Its documents are described in webhook.h at wh_subscribe, read by
 * systems/subscription_read.h and written by systems/subscription_write.h. */
#ifndef WHI_SUBSCRIPTION_H
#define WHI_SUBSCRIPTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/breaker.h"
#include "pure/json.h"
#include "pure/rate.h"
#include "pure/retry_policy.h"
#include "pure/url.h"

enum whi_rule_failure { WHI_HOLD = 0, WHI_SKIP, WHI_SEND };
extern const char *const whi_rule_failure_names[]; /* "hold", "skip", "send" */

enum whi_order { WHI_ORDER_NONE = 0, WHI_ORDER_FIFO, WHI_ORDER_KEY, WHI_ORDER_LATEST };
extern const char *const whi_order_names[]; /* "none", "fifo", "key", "latest", NULL */

/* What becomes of events that come meanwhile. */
enum whi_pause { WHI_RUNS = 0, WHI_PAUSE_DROPS, WHI_PAUSE_HOLDS };

enum whi_data { WHI_DATA_DEFAULT = 0, WHI_DATA_EXACT };

enum whi_encoding { WHI_ENCODING_DEFAULT = 0, WHI_ENCODING_HEX, WHI_ENCODING_BASE64 };

enum whi_compress { WHI_COMPRESS_NONE = 0, WHI_COMPRESS_GZIP };
extern const char *const whi_compress_names[]; /* "", "gzip", NULL */

#define WHI_SUBSCRIPTION_SECRETS 10
#define WHI_SUBSCRIPTION_EVENTS 1000
#define WHI_SUBSCRIPTION_HEADERS 50
#define WHI_CONCURRENCY_DEFAULT 64
#define WHI_CONCURRENCY_MAXIMUM 1000

#define WHI_DATABASE_NAME 64 /* bytes of a schema or prefix, with the zero byte */

/* How a database is written to. */
typedef struct whi_database_settings {
    char schema[WHI_DATABASE_NAME], prefix[WHI_DATABASE_NAME]; /* "": none */
    int create;                                                /* enum whi_destination_create */
    int removes;                                               /* 1: the row of a deleted object goes; 0: it says so */
    int times; /* 1: texts of ISO 8601 in fields whose names end in "_at" become times of the database */
} whi_database_settings;

/* Of the parts of an attempt, ms. */
typedef struct whi_timeouts {
    int64_t connect; /* 0: the engine's */
    int64_t answer;  /* until the first byte of the answer, from the beginning of the attempt; 0: that of the whole */
} whi_timeouts;

typedef struct whi_subscription {
    int64_t id;      /* 0 until stored */
    int64_t version; /* 0 until stored */
    int64_t created_at, updated_at;
    int64_t expires_at;              /* ms; 0: never */
    char *tenant;                    /* "" for none */
    char *source;                    /* NULL: any */
    char *name;                      /* NULL */
    char *url;                       /* of a database with WHI_PASSWORD_MASK where its password is */
    char *password;                  /* NULL, or that; wiped when freed */
    whi_database_settings *database; /* NULL: as it is by default */
    int is_password_said;            /* 1: the document that was applied has it; not kept */
    int unchecked;                   /* 1: the document that was applied wants its database not looked at; not kept */
    struct whi_subscription *also;   /* NULL, or where its deliveries go besides, for who changes it: url, password,
                                        database and unchecked; kept by its twin */
    int64_t twin;                    /* who has those deliveries (calls/twin.h), a subscription's number; 0: nobody */
    int64_t twin_of;                 /* of a twin: whose; 0: it is none */
    char **events;                   /* NULL, 0: all */
    size_t event_count;
    char *rule; /* NULL: none */
    size_t rule_size;
    char *fields;   /* NULL: everything */
    char *filters;  /* NULL, or a JSON object */
    char *metadata; /* NULL, or a JSON object */
    char *details;  /* NULL, or a JSON object: what a system keeps of its own */
    char **headers; /* "Name: value" lines */
    size_t header_count;
    char *auth, *tls, *proxy; /* NULL, or an object of systems/access.h; wiped when freed */
    char *content_type;       /* NULL: application/json */
    char *signature;          /* NULL: the system's; else a form of systems/form.h, or the name of one, as JSON */
    int compress;             /* enum whi_compress */
    char **secrets;           /* wiped when freed; texts of the kind that its system has */
    size_t secret_count;      /* 0: not signed */
    int64_t *retry;           /* NULL: the system's list */
    size_t retry_count;
    whi_retry_policy retrying;
    int64_t timeout; /* ms; 0: the engine's */
    whi_timeouts timeouts;
    int concurrency;
    whi_rate rate;                   /* count 0: none */
    whi_breaker_rule breaker;        /* failures 0: none */
    const struct whi_system *system; /* systems/system.h; "profile" in documents */
    int on_rule_error;               /* enum whi_rule_failure */
    int order;                       /* enum whi_order */
    int encoding;                    /* enum whi_encoding */
    int data;                        /* enum whi_data */
    int paused;                      /* enum whi_pause */
    int is_paused_said;              /* 1: a document that was applied has named it */
    int insecure, http2, single_use;
    char *poll_type;       /* NULL: it takes what is published; else the object type that a source lists for it */
    int64_t poll_interval; /* ms */
    int64_t poll_limit;    /* objects in one delivery; 0: as the pages come */
    int poll_history;      /* 1: it is sent what is there first, and has not got all of that */
    char *disabled;        /* NULL, or the reason */
} whi_subscription;

/* systems/subscription_make.h makes one. NULL is fine. */
void whi_subscription_free(whi_subscription *subscription);

/* Frees a list of texts and wipes them: secrets, and headers that carry a receiver's tokens. */
void whi_subscription_free_texts(char **texts, size_t count);

/* 1 while it works: neither paused by its owner nor disabled by the engine. */
int whi_subscription_is_enabled(const whi_subscription *subscription);

/* 1 while it takes events: as above, or in a pause that holds them. */
int whi_subscription_may_take(const whi_subscription *subscription);

/* 1 while what waits for it may be sent: as above, or used up and about to be deleted. */
int whi_subscription_may_send(const whi_subscription *subscription);

#define WHI_FETCHED_URL "poll:"

/* 1 if its deliveries are sent nowhere: they wait until somebody fetches them (calls/fetch.c). */
int whi_subscription_is_fetched(const whi_subscription *subscription);

/* 1 if its deliveries are written to a database. */
int whi_subscription_is_database(const whi_subscription *subscription);

/* 1 if they are messages to a queue. */
int whi_subscription_is_queue(const whi_subscription *subscription);

/* 1 if it is one or the other: what is connected to with a user and a password, and can be asked before. */
int whi_subscription_is_waited_for(const whi_subscription *subscription);

/* What holds between the fields: url is there, fields and filters can be read. */
int whi_subscription_check(const whi_subscription *subscription);

#endif
