/* Keeping: a vtable over the file or the database that holds everything.
 *
 * Two sides. The writing side (begin … commit) is used by one thread at a time,
 * the engine's writer, which puts the work of many callers into one commit. The
 * reading side may be used by any thread at any time, also during a transaction,
 * and sees what is committed. A function that fails has set the sentence; after a
 * failure inside a transaction the writer rolls back. (WH_ENOTFOUND, WH_ECONFLICT and
 * WH_ELIMIT alone have changed nothing: the writer may go on.) The thread that begins
 * ends; ":memory:" keeps readers of other threads waiting meanwhile.
 *
 * The file is a public place, and may be an application's own database, which was there
 * before: our tables begin with "webhook_" and stand beside its own. The table
 * webhook_outbox is for every program (its comment in store_sqlite_sql.c says how), and
 * an operator may look at all of them with the sqlite3 shell.
 *
 * Numbers are those of base/ident.h, times are ms. Texts in rows that the store
 * hands to a callback are the store's, valid during the callback. */
#ifndef WHI_STORE_H
#define WHI_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "pure/order.h"
#include "webhook.h"

typedef struct whi_event_row {
    int64_t number; /* writing, 0: given, larger than all before; else a number that is free */
    const char *id; /* the caller's own, or NULL: "msg_" and the number */
    const char *type;
    const char *tenant; /* "" for none */
    const char *source, *key; /* NULL or "" for none; the store gives "" */
    int64_t time, accepted_at;
    const char *payload;
    size_t payload_size;
    int64_t owner; /* pending: the worker that will fan it out, 0: any */
    int pending;   /* reading only: 1 while it is not fanned out */
} whi_event_row;

/* What a delivery must be for a change to be made; or one of its states. */
enum whi_delivery_was {
    WHI_WAS_ABSENT = 0, /* it is added */
    WHI_WAS_ANY = -1,   /* added or replaced: for who has the store alone */
};

typedef struct whi_delivery_row {
    int64_t event, subscription; /* together: its key */
    int was;                     /* writing: what it must be: see above */
    int64_t was_owner;           /* writing, was sending: by whom */
    int64_t version;             /* of the subscription, that made the bytes; 0: not made yet */
    int state;                   /* enum whi_delivery_state */
    int attempts;                /* made in all; numbers them */
    int tries;                   /* made since the start of the retry list: a replay starts it again */
    int64_t due;                 /* ms, when waiting */
    int64_t owner;               /* when sending: the worker */
    int64_t created_at, updated_at;
    int status;            /* the last answer's, 0 for none */
    const char *error;     /* NULL, or what went wrong last */
    const char *body;      /* NULL: the event's payload is sent as it is */
    size_t body_size;      /* writing: NULL leaves what is stored */
    const char *key;       /* NULL: no order. Of a subscription's deliveries with one key one at a time is due or
                              sending; a further one waits with due INT64_MAX until it has its turn */
    const char *headers;   /* NULL, or a JSON object of texts that are sent with it */
    int latest;            /* writing, waiting, with a key: others of the key that wait are cancelled */
    int abort;             /* writing, ended, with a key: those of the key that wait, and that come, are cancelled */
} whi_delivery_row;

typedef struct whi_attempt_row {
    int64_t event, subscription;
    int n; /* 1, 2, … */
    int64_t at, duration_us;
    int code;   /* WH_OK or what failed */
    int status; /* 0 without an answer */
    const char *error;    /* NULL or the sentence */
    const char *response; /* NULL or the first bytes of the answer */
    size_t response_size;
} whi_attempt_row;

typedef struct whi_subscription_row {
    int64_t id, version;
    int64_t least;        /* of a new one: its id is this, or the next that is larger than all before */
    const char *tenant;
    int status;           /* 1 enabled, 2 paused, 3 disabled by the engine */
    int deleted;          /* change feed only */
    const char *document; /* with secrets */
    size_t document_size;
} whi_subscription_row;

#define WHI_TOKEN_HASH 32
typedef struct whi_token_row {
    const char *id;     /* "tok_…" */
    const char *tenant; /* NULL: all of them */
    const char *name;
    unsigned char hash[WHI_TOKEN_HASH]; /* SHA-256 of the token */
    int64_t created_at;
} whi_token_row;

/* What to list. 0 or NULL does not restrict. before: numbers below this (the page
 * goes on there). rows: give up after looking at so many. */
typedef struct whi_store_query {
    const char *tenant, *type;
    int64_t subscription, event;
    int state; /* of deliveries, or the status of subscriptions */
    int64_t since, until; /* event numbers: since <= number < until; 0: open */
    int64_t before_event, before_subscription; /* exclusive; 0: from the newest */
    int64_t limit, rows;
} whi_store_query;

/* Where a list stopped: key of the last row looked at; more is 0 at the end. */
typedef struct whi_store_place {
    int64_t event, subscription;
    int more;
} whi_store_place;

/* A callback's non-zero answer stops the walk and is returned. */
typedef int (*whi_event_fn)(const whi_event_row *row, void *payload);
typedef int (*whi_delivery_fn)(const whi_delivery_row *row, const whi_event_row *event, void *payload);
typedef int (*whi_attempt_fn)(const whi_attempt_row *row, void *payload);
typedef int (*whi_subscription_fn)(const whi_subscription_row *row, void *payload);
typedef int (*whi_token_fn)(const whi_token_row *row, void *payload);
typedef int (*whi_lane_fn)(int64_t subscription, int64_t due, void *payload);
typedef int (*whi_worker_fn)(int64_t owner, int64_t beat, void *payload);

/* What waits in the store; each 0 or 1. */
typedef struct whi_store_work {
    int events; /* pending events without an owner */
    int outbox;
    int owned; /* pending events or sending deliveries that have an owner */
} whi_store_work;

typedef struct whi_store whi_store;

typedef struct whi_store_options {
    int durability; /* enum wh_durability */
} whi_store_options;

struct whi_store_vtable {
    int (*open)(whi_store **out, const char *name, const whi_store_options *options);
    void (*close)(whi_store *store);
    /* Another handle that can only read, by a connection of its own, so that it waits for nobody:
     * who has to wait is refused, WH_ELOCKED. ":memory:" has none: *out is store itself. */
    int (*reader)(whi_store *store, whi_store **out);

    /* ---- writing: one thread at a time, between begin and commit or rollback */
    int (*begin)(whi_store *store);
    int (*commit)(whi_store *store); /* an error means that nothing was committed; roll back */
    void (*rollback)(whi_store *store);

    /* Adds an event and its pending mark, and gives it its number: numbers are in the order of
     * commits and grow with time (accepted_at). duplicate receives 1 when its id (the caller's
     * own, or "msg_…" of a number that is there) is known: nothing is added. */
    int (*event_add)(whi_store *store, whi_event_row *row, int *duplicate);
    /* Takes the pending mark away. Fine if it is gone. */
    int (*event_done)(whi_store *store, int64_t owner, int64_t number);
    /* Gives pending events without an owner to this one, oldest first. picked: how many marks were
     * looked at; of some a hand may have deleted the event. */
    int (*event_claim)(whi_store *store, int64_t owner, int limit, whi_event_fn each, void *payload, int *picked);

    /* Writes a delivery if it is what row->was says (done 1; else 0, and nothing is changed):
     * adds it, or replaces all of the row but created_at, and the body only if there is one.
     * Takes it out of its former place in the waiting list.
     * One with a key that waits is put behind another one of its key that is due or
     * sending; one that has ended gives the turn to the key's oldest. */
    int (*delivery_put)(whi_store *store, const whi_delivery_row *row, int *done);
    /* As delivery_get, without bodies, and as the transaction sees it. */
    int (*delivery_now)(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload);
    /* An n that is there already (two workers made it) is recorded as the next one. */
    int (*attempt_add)(whi_store *store, const whi_attempt_row *row);
    /* Turns at most limit waiting deliveries of a subscription with due <= now into
     * sending ones of this owner, longest due first. each gets row and event (with
     * payload; row->body if it has its own). */
    int (*delivery_claim)(whi_store *store, int64_t owner, int64_t subscription, int64_t now, int limit,
                          whi_delivery_fn each, void *payload);
    /* The earliest due of a subscription's waiting deliveries, INT64_MAX for none. */
    int (*lane_due)(whi_store *store, int64_t subscription, int64_t *due);
    /* Cancels at most limit waiting and held deliveries of a subscription. */
    int (*delivery_cancel)(whi_store *store, int64_t subscription, int64_t now, int limit, int *count);

    /* A row for this engine: a number that nobody had before, and a beat that counts from 0. */
    int (*worker_add)(whi_store *store, int64_t *owner);
    /* Counts on, or only looks. WH_ENOTFOUND: the row is gone; what it had is anybody's. */
    int (*worker_beat)(whi_store *store, int64_t owner);
    int (*worker_holds)(whi_store *store, int64_t owner);
    int (*worker_list)(whi_store *store, whi_worker_fn each, void *payload);
    /* Takes the row away, if it is there. */
    int (*worker_remove)(whi_store *store, int64_t owner);
    /* Frees what has an owner without a row, at most limit rows, count of them: sending
     * deliveries become waiting and due now, pending events anybody's. */
    int (*worker_sweep)(whi_store *store, int64_t now, int limit, int *count);

    /* Adds (row->id 0: given, at least row->least) or replaces a subscription and keeps this version.
     * WH_ENOTFOUND; WH_ECONFLICT: its version is not larger than the one in force
     * (another process changed it). */
    int (*subscription_put)(whi_store *store, whi_subscription_row *row);
    /* The version in force, as the transaction sees it. WH_ENOTFOUND. */
    int (*subscription_now)(whi_store *store, int64_t id, whi_subscription_fn each, void *payload);
    int (*subscription_count_now)(whi_store *store, int64_t *count);
    /* WH_ENOTFOUND. Its versions stay while deliveries name them. */
    int (*subscription_remove)(whi_store *store, int64_t id);

    /* Moves at most limit rows out of the table webhook_outbox, in its order. each fills
     * nothing: the caller calls event_add for good ones, and reject for bad ones. */
    int (*outbox_take)(whi_store *store, int limit, whi_event_fn each, void *payload, int *count);
    int (*outbox_reject)(whi_store *store, const whi_event_row *row, const char *error);

    /* Deletes at most limit events with their deliveries and attempts, none of which is waiting,
     * sending or pending: with number < failed_before where one is exhausted or held, else with
     * number < done_before; never the last one, from which numbers go on. Looks at
     * no more than limit. after: where
     * the last step stopped, 0 at the start; receives where this one did, 0 at the end. */
    int (*purge)(whi_store *store, int64_t done_before, int64_t failed_before, int limit, int64_t *after, int *count);

    /* Tokens: token_remove WH_ENOTFOUND. */
    int (*token_add)(whi_store *store, const whi_token_row *row);
    int (*token_remove)(whi_store *store, const char *id);
    /* Keeps a tenant's secret: replace 0 leaves the one that is there. */
    int (*tenant_secret_put)(whi_store *store, const char *tenant, const char *secret, int replace);

    /* ---- reading: any thread */
    /* All, or one id's (id NULL: all). */
    int (*token_list)(whi_store *store, const char *id, whi_token_fn each, void *payload);
    /* out has WH_SECRET_SIZE bytes. WH_ENOTFOUND. */
    int (*tenant_secret)(whi_store *store, const char *tenant, char *out);
    /* moved receives 1 if the file that is open is not any more what its name leads to: it was
     * removed, renamed or replaced, or what belongs to it was (for SQLite its -wal). What is
     * written from then on is lost to whoever opens the name. ":memory:" has no file: 0. Asks
     * the system, not the store: never waits for a lock. */
    int (*moved)(whi_store *store, int *moved);
    /* A number that changes when another process (or engine) has committed. */
    int (*changes)(whi_store *store, int64_t *out);
    /* Subscriptions that changed after this change number, deleted ones included;
     * after is moved on. 0 at first: all that are not deleted. */
    int (*subscription_changes)(whi_store *store, int64_t *after, whi_subscription_fn each, void *payload);
    int (*subscription_get)(whi_store *store, int64_t id, int64_t version, whi_subscription_fn each, void *payload);
    int (*subscription_list)(whi_store *store, const whi_store_query *query, whi_subscription_fn each, void *payload,
                             whi_store_place *place);
    int (*subscription_count)(whi_store *store, int64_t *count);
    /* Every subscription that has waiting deliveries, with the earliest due: costs as
     * many look-ups as there are such subscriptions. */
    int (*lanes)(whi_store *store, whi_lane_fn each, void *payload);
    int (*work)(whi_store *store, whi_store_work *out);
    /* By the caller's own id, "msg_…", or "#" and the number; of this tenant, NULL: of any (the
     * first by name where several gave one id). WH_ENOTFOUND. */
    int (*event_number)(whi_store *store, const char *id, const char *tenant, int64_t *number);
    int (*event_get)(whi_store *store, int64_t number, whi_event_fn each, void *payload);
    int (*event_list)(whi_store *store, const whi_store_query *query, whi_event_fn each, void *payload,
                      whi_store_place *place);
    /* The row's body is given only here and in claims; event has no payload when body is set. */
    int (*delivery_get)(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload);
    /* Newest first. The event in the callback has id and type, no payload. */
    int (*delivery_list)(whi_store *store, const whi_store_query *query, whi_delivery_fn each, void *payload,
                         whi_store_place *place);
    int (*attempt_list)(whi_store *store, int64_t event, int64_t subscription, whi_attempt_fn each, void *payload);
};

struct whi_store {
    const struct whi_store_vtable *vtable;
};

extern const struct whi_store_vtable whi_store_sqlite; /* a file name, or ":memory:" */

#endif
