/* Keeping: a vtable over whatever holds everything.
 *
 * Two sides. The writing side is used by one thread of this process at a time, the engine's writer,
 * which puts the work of many callers into one commit. A commit is a list of facts, and each fact
 * comes back with an answer:
 *
 *     whi_store_begin
 *     whi_store_add(fact, place for its answer) ...   for who can wait for the answers
 *     whi_store_event_add(...) ...                    for who decides by the answer: now
 *     whi_store_commit
 *
 * Facts are done in the order in which they were added, each as if those before it were done. What
 * is added waits until somebody needs an answer now, or for the commit, so that a back end at the
 * other end of a wire needs one round trip for all that waits, and a commit in which nobody decides
 * needs one alone. What is asked on the writing side (the facts that only look) sees what the list
 * has done so far.
 *
 * A fact that must not happen for who has lost its lease says whose (owner, holder): without a row
 * of that worker in the same transaction it does not happen, or is anybody's. So no answer of an
 * earlier time has to be trusted.
 *
 * The reading side may be used by any thread at any time, also during a transaction, and sees what
 * is committed. A function that fails has set the sentence; after a failure inside a transaction the
 * writer rolls back. (WH_ENOTFOUND, WH_ECONFLICT and WH_ELIMIT alone have changed nothing: the
 * writer may go on.) The thread that begins ends. A store that has no file or server of its own may
 * keep readers of other threads waiting meanwhile.
 *
 * Time. The store compares no clocks: a worker's row has a beat that counts, and each process counts
 * by its own clock how long another's stood still (engine/lease.h). Times in rows are the engine's.
 *
 * A store is a public place: the table webhook_outbox is for every program (store_sqlite_sql.c says
 * how), and may stand in an application's own database, beside its tables.
 *
 * Numbers are those of base/ident.h, times are ms. Texts in rows that the store hands to a callback
 * are the store's, valid during the callback; texts of facts that were added are valid until the
 * commit or the roll-back. A callback on the writing side does not write. */
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
    int64_t owner; /* pending: the worker that will fan it out, if it has its row; 0: any */
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
    int64_t holder;              /* writing: only if this worker has its row; 0: in any case */
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

/* ------------------------------------------------------------------------- facts */

enum whi_fact_kind {
    /* Adds an event and its pending mark. of.event.number 0: it is given one; numbers are in the order
     * of commits and grow with time (accepted_at). Answer: number; owner, of the mark; done 0: its id
     * (the caller's own, or "msg_…" of a number that is there) is known, nothing is added. */
    WHI_FACT_EVENT,
    /* Takes the pending mark of of.mark away, if its owner has its row. Fine if it is gone. */
    WHI_FACT_EVENT_DONE,
    /* Gives at most of.claim.limit pending events without an owner to this one, oldest first. Answer:
     * done 0: the owner has no row, nothing is given; number: how many marks were looked at; of some a
     * hand may have deleted the event. */
    WHI_FACT_EVENT_CLAIM,
    /* Moves at most of.outbox.limit rows out of the outbox, in its order. judge looks at each, and may
     * fill in its times: 0: it becomes an event of this owner and is given to each with its number,
     * unless its id is known; WHI_OUTBOX_REFUSED: it is put into outbox_rejected with the
     * sentence of wh_last_error. Answer: done 0: the owner has no row, nothing is moved; number: how
     * many were moved. */
    WHI_FACT_OUTBOX,

    /* Writes of.delivery if it is what it was said to be (answer: done 1; else 0, and nothing is
     * changed): adds it, or replaces all of the row but created_at, and the body only if there is one.
     * Takes it out of its former place in the waiting list. With a key, pure/order.h says where it goes
     * and what becomes of the others. */
    WHI_FACT_DELIVERY,
    /* Keeps of.attempt if its delivery and event are there (answer: done). An n that is there already
     * (two workers made it) is recorded as the next one. */
    WHI_FACT_ATTEMPT,
    /* Turns at most of.claim.limit waiting deliveries of a subscription with due <= now into sending
     * ones of this owner, longest due first. each gets row and event (with payload; row->body if it has
     * its own). Answer: done 0: the owner has no row, nothing is claimed; number: the next due, as of
     * WHI_FACT_LANE_DUE. */
    WHI_FACT_DELIVERY_CLAIM,
    /* Cancels at most of.cancel.limit waiting and held deliveries of a subscription. Answer: number, of
     * those that were. */
    WHI_FACT_DELIVERY_CANCEL,

    /* A row for this engine: a number that nobody had before, and a beat that counts from 0. Answer:
     * number. */
    WHI_FACT_WORKER_ADD,
    /* Counts on; WH_ENOTFOUND: the row of of.owner is gone; what it had is anybody's. */
    WHI_FACT_WORKER_BEAT,
    /* Takes the row away, if it is there. */
    WHI_FACT_WORKER_REMOVE,
    /* Frees what has an owner without a row, at most of.sweep.limit rows: sending deliveries become
     * waiting and due now, pending events anybody's. Answer: number, of those that were freed. */
    WHI_FACT_WORKER_SWEEP,

    /* Adds (id 0: given, at least of.subscription.least; answer: number) or replaces a subscription and
     * keeps this version. WH_ENOTFOUND; WH_ECONFLICT: its version is not larger than the one in force
     * (another process changed it). */
    WHI_FACT_SUBSCRIPTION,
    /* WH_ENOTFOUND. Its versions stay while deliveries name them. */
    WHI_FACT_SUBSCRIPTION_REMOVE,

    /* Deletes at most of.purge.limit events with their deliveries and attempts, none of which is
     * waiting, sending or pending: with number < failed_before where one is exhausted or held, else with
     * number < done_before; never the last one, from which numbers go on. Looks at no more than limit.
     * after: where the last step stopped, 0 at the start. Answer: number: where this one did, 0 at the
     * end; count. */
    WHI_FACT_PURGE,

    WHI_FACT_TOKEN_ADD,
    WHI_FACT_TOKEN_REMOVE, /* WH_ENOTFOUND */
    /* Keeps a tenant's secret: replace 0 leaves the one that is there. */
    WHI_FACT_TENANT_SECRET,

    /* Those that only look, as the transaction sees it. */
    WHI_FACT_WORKER_HOLDS,       /* WH_ENOTFOUND: of.owner has no row */
    WHI_FACT_WORKER_LIST,        /* by their numbers */
    WHI_FACT_DELIVERY_NOW,       /* as delivery_get, without bodies. WH_ENOTFOUND */
    WHI_FACT_LANE_DUE,           /* number: the earliest due of of.owner's (a subscription's) waiting deliveries,
                                    INT64_MAX for none */
    WHI_FACT_SUBSCRIPTION_NOW,   /* the version in force. WH_ENOTFOUND */
    WHI_FACT_SUBSCRIPTION_COUNT, /* number */

    WHI_FACT_KINDS /* how many */
};

#define WHI_OUTBOX_REFUSED 1

/* Looks at a row of the outbox before it becomes an event, and may change it. */
typedef int (*whi_outbox_fn)(whi_event_row *row, void *payload);

typedef struct whi_answer {
    int code; /* WH_OK, or what changed nothing: see above */
    int done; /* 1: it happened */
    int64_t number;
    union {
        int64_t owner, count;
    };
} whi_answer;

typedef struct whi_fact {
    enum whi_fact_kind kind;
    union {
        whi_event_row event;
        whi_delivery_row delivery;
        whi_attempt_row attempt;
        whi_subscription_row subscription;
        const whi_token_row *token;
        const char *id; /* of a token */
        int64_t owner;  /* or a subscription */
        struct {
            int64_t owner, number;
        } mark;
        struct {
            int64_t owner, subscription, now;
            int limit;
            whi_event_fn each_event;
            whi_delivery_fn each;
            void *payload;
        } claim;
        struct {
            int64_t owner;
            int limit;
            whi_outbox_fn judge;
            whi_event_fn each;
            void *payload;
        } outbox;
        struct {
            int64_t subscription, now; /* now alone: of a sweep */
            int limit;
        } cancel, sweep;
        struct {
            int64_t done_before, failed_before, after;
            int limit;
        } purge;
        struct {
            const char *tenant, *secret;
            int replace;
        } secret;
        struct {
            int64_t event, subscription;
            whi_delivery_fn each_delivery;
            whi_subscription_fn each_subscription;
            whi_worker_fn each_worker;
            void *payload;
        } look;
    } of;
    whi_answer answer;
    whi_answer *to; /* NULL, or where the answer is wanted as well */
} whi_fact;

/* -------------------------------------------------------------------- the vtable */

typedef struct whi_store whi_store;

typedef struct whi_store_options {
    int durability; /* enum wh_durability */
} whi_store_options;

/* What became of a commit. */
enum whi_commit {
    WHI_COMMITTED,
    WHI_NOT_COMMITTED, /* nothing of it is there, nor will be */
    WHI_COMMIT_UNKNOWN /* what was asked for may be there, or come to be there: see settle */
};

/* What a store can, filled in when it is opened. */
typedef struct whi_store_ability {
    int shared;      /* 1: other processes may open it, and write */
    int wakes;       /* 1: listen gives a descriptor */
    size_t facts;    /* at most so many in one list; 0: as many as there are */
    int64_t look_us; /* how often it is worth a look for what others have written, where nothing wakes */
} whi_store_ability;

struct whi_store_vtable {
    unsigned version; /* WHI_STORE_VERSION */
    /* name: without the scheme by which the back end was chosen. */
    int (*open)(whi_store **out, const char *name, const whi_store_options *options);
    void (*close)(whi_store *store);
    /* Another handle that can only read, by a connection of its own, so that it waits for nobody:
     * who has to wait is refused, WH_ELOCKED. Where there can be none, *out is store itself. */
    int (*reader)(whi_store *store, whi_store **out);
    /* A descriptor that becomes readable when others may have committed, and silent when this is asked
     * again (before the look); -1: there is none, and it is worth a look every ability.look_us. It is
     * the store's own, and stays the same. */
    int (*listen)(whi_store *store, int *fd);

    /* ---- writing: one thread at a time, between begin and commit or rollback */
    int (*begin)(whi_store *store);
    /* Does the facts and gives their answers. An error (all but those that answer.code has) ends the
     * list: the caller rolls back. A callback's non-zero answer is one. */
    int (*write)(whi_store *store, whi_fact *facts, size_t count);
    /* Does the rest of the list, and commits. With an error, *outcome says what became of it: after
     * WHI_NOT_COMMITTED the caller rolls back, after WHI_COMMIT_UNKNOWN it asks settle. */
    int (*commit)(whi_store *store, whi_fact *facts, size_t count, enum whi_commit *outcome);
    /* After a commit of which nothing is known: looks, and makes what it finds final. While it cannot be
     * seen: WHI_COMMIT_UNKNOWN, and it may be asked again. Once it is known, or nobody wants to know
     * any more, rollback follows where it was not committed. */
    void (*settle)(whi_store *store, enum whi_commit *outcome);
    void (*rollback)(whi_store *store);

    /* ---- reading: any thread */
    /* All, or one id's (id NULL: all). */
    int (*token_list)(whi_store *store, const char *id, whi_token_fn each, void *payload);
    /* out has WH_SECRET_SIZE bytes. WH_ENOTFOUND. */
    int (*tenant_secret)(whi_store *store, const char *tenant, char *out);
    /* moved receives 1 if what is open is not any more what its name leads to: it was removed,
     * renamed or replaced. What is written from then on is lost to whoever opens the name. Never
     * waits for a lock. */
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

#define WHI_STORE_VERSION 1

/* The facts that wait. */
typedef struct whi_fact_list {
    whi_fact *list;
    size_t count, room;
} whi_fact_list;

/* Comes first in a back end's own. */
struct whi_store {
    const struct whi_store_vtable *vtable;
    whi_store_ability ability;
    whi_fact_list facts; /* of store.c */
};

extern const struct whi_store_vtable whi_store_sqlite; /* a file name, or ":memory:" */

/* ----------------------------------------------------------------------- store.c */

/* Opens what the name says: "sqlite:FILE", a FILE, ":memory:". WH_EINVALID: no back end has its scheme. */
int whi_store_open(whi_store **out, const char *name, const whi_store_options *options);
void whi_store_close(whi_store *store);

int whi_store_begin(whi_store *store);
/* With an error *outcome (or NULL) tells what became of it; rolled back is nothing yet. */
int whi_store_commit(whi_store *store, enum whi_commit *outcome);
/* After WHI_COMMIT_UNKNOWN: see the vtable. Those whose facts are committed have their answers then. */
void whi_store_settle(whi_store *store, enum whi_commit *outcome);
void whi_store_rollback(whi_store *store);

/* Adds a fact to the list: *out, whose `of` the caller fills in before it adds another. to, if it is
 * not NULL, receives the answer when it is done. Fails without memory, and where the list is full and
 * what stands in it fails. */
int whi_store_add(whi_store *store, enum whi_fact_kind kind, whi_answer *to, whi_fact **out);
/* Does all that was added. */
int whi_store_flush(whi_store *store);
/* Does all that was added and this one; returns its code. */
int whi_store_write(whi_store *store, const whi_fact *fact, whi_answer *answer);

/* One fact each, done now: for who decides by the answer. */
int whi_store_event_add(whi_store *store, whi_event_row *row, int *duplicate);
int whi_store_event_done(whi_store *store, int64_t owner, int64_t number);
int whi_store_event_claim(whi_store *store, int64_t owner, int limit, whi_event_fn each, void *payload, int *picked);
int whi_store_outbox_take(whi_store *store, int64_t owner, int limit, whi_outbox_fn judge, whi_event_fn each,
                          void *payload, int *count);
int whi_store_delivery_put(whi_store *store, const whi_delivery_row *row, int *done);
int whi_store_delivery_now(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload);
int whi_store_attempt_add(whi_store *store, const whi_attempt_row *row);
int whi_store_delivery_claim(whi_store *store, int64_t owner, int64_t subscription, int64_t now, int limit,
                             whi_delivery_fn each, void *payload, int64_t *due);
int whi_store_delivery_cancel(whi_store *store, int64_t subscription, int64_t now, int limit, int *count);
int whi_store_lane_due(whi_store *store, int64_t subscription, int64_t *due);
int whi_store_worker_add(whi_store *store, int64_t *owner);
int whi_store_worker_beat(whi_store *store, int64_t owner);
int whi_store_worker_holds(whi_store *store, int64_t owner);
int whi_store_worker_list(whi_store *store, whi_worker_fn each, void *payload);
int whi_store_worker_remove(whi_store *store, int64_t owner);
int whi_store_worker_sweep(whi_store *store, int64_t now, int limit, int *count);
int whi_store_subscription_put(whi_store *store, whi_subscription_row *row);
int whi_store_subscription_now(whi_store *store, int64_t id, whi_subscription_fn each, void *payload);
int whi_store_subscription_count(whi_store *store, int64_t *count);
int whi_store_subscription_remove(whi_store *store, int64_t id);
int whi_store_purge(whi_store *store, int64_t done_before, int64_t failed_before, int limit, int64_t *after,
                    int *count);
int whi_store_token_add(whi_store *store, const whi_token_row *row);
int whi_store_token_remove(whi_store *store, const char *id);
int whi_store_tenant_secret_put(whi_store *store, const char *tenant, const char *secret, int replace);

#endif
