/* Stores, for those who write a back end: what is kept, the facts that a commit is made of, and the vtable. With the
 * weaker promise of webhook_backend.h, which includes this header; the structs here go by the version of the vtable. */
#ifndef WEBHOOK_STORE_H
#define WEBHOOK_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "webhook.h"
#include "webhook_source.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------- stores */

/* Keeping: whatever holds everything. A back end is a vtable, entered by the scheme of its names:
 *
 *     wh_backend_register("mine:", &mine);
 *     wh_open(&hooks, "mine:whatever it is told", NULL);
 *
 * Two sides. The writing side is used by one thread of this process at a time, the engine's writer,
 * which puts the work of many callers into one commit. A commit is a list of facts, and each fact
 * comes back with an answer. They are done in the order of the list, each as if those before it were
 * done. The engine asks for answers before the commit only where somebody decides by them, so that a
 * back end at the other end of a wire needs one round trip for all that waits, and a commit in which
 * nobody decides needs one alone. What is asked on the writing side (the facts that only look) sees
 * what the list has done so far.
 *
 * A fact that must not happen for who has lost its lease says whose (owner, holder): without a row
 * of that worker in the same transaction it does not happen. So no answer of an earlier time has to be
 * trusted.
 *
 * The log. Events have their numbers in the order of commits. Subscriptions belong to WH_PARTITIONS
 * partitions, each of which has one worker at a time, or none; a worker has one position in the log:
 * what lies beyond it has yet to be decided, or to be written, for its partitions. A partition without a
 * worker has a position of its own, and so has a subscription that lags: no other position waits for it. The
 * least of all these is how far the log is done.
 *
 * The reading side may be used by any thread at any time, also during a transaction, and sees what
 * is committed. A function that fails has set the sentence; after a failure inside a transaction the
 * writer rolls back. (WH_ENOTFOUND, WH_ECONFLICT and WH_ELIMIT alone have changed nothing: the
 * writer may go on.) The thread that begins ends. A store that has no file or server of its own may
 * keep readers of other threads waiting meanwhile.
 *
 * Time. The store compares no clocks: a worker's row has a beat that counts, and each process counts
 * by its own clock how long another's stood still. Times in rows are the engine's.
 *
 * A store is a public place: the table webhook_outbox is for every program, and may stand in an
 * application's own database, beside its tables.
 *
 * Numbers of events are given by wh_backend_number_after, and so are those of changes of subscriptions:
 * there is one count for both, in the order of commits. So each event has, of each subscription, one
 * version that was in force at its number: the one that was made before it, and ended after it. The
 * last number is the largest of the events', the versions' and their ends', whatever was deleted since
 * of the others. Times are ms. Texts in rows that the store
 * hands to a callback are the store's, valid during the callback; texts of facts that were added are
 * valid until the commit or the roll-back. A callback on the writing side does not write. */

/* What a store must have in common with others. */

enum wh_backend_state {
    WH_STATE_WAITING = 1,   /* will be sent when its time comes, or is under way: who sends it knows */
    WH_STATE_DELIVERED = 3, /* 2 was a state until tables of version 5 */
    WH_STATE_EXHAUSTED,     /* the retry list is used up; kept for replay */
    WH_STATE_HELD,          /* its rule failed, nothing was sent */
    WH_STATE_CANCELLED,
};

/* The number of the next event, or change of a subscription, where the last one's is last (0: none), at
 * this time (ms): larger than all before, also when the clock stands still or goes back. */
WH_API int64_t wh_backend_number_after(int64_t last, int64_t now);

/* The number that a made id ("msg_…") stands for; 0, or WH_EINVALID: it is none. */
WH_API int wh_backend_number_of(const char *id, int64_t *number);

/* Order: of a subscription's deliveries with one key one at a time has its turn. A store looks up the
 * first of the others, asks, and writes what it is told, in one transaction. */
typedef struct wh_backend_first {
    int found;
    int64_t event, due; /* of the first of these: an aborted run's mark (due -1), what waits, by due and then by
                           event */
} wh_backend_first;

enum wh_backend_place {
    WH_PLACE_OWN,        /* as it is */
    WH_PLACE_BEHIND,     /* it waits, with due INT64_MAX */
    WH_PLACE_SUPERSEDED, /* cancelled, with the error "superseded": a newer one is there */
    WH_PLACE_ABORTED,    /* cancelled, with the error "aborted" */
};

/* Of one that is to be written in this state. newer: it is `latest`, and a later event of its key waits, or was
 * delivered and this one had no key before (a new row, or one that was held and is released); else, of a `latest`,
 * those before it that wait (but the one that is under way) are cancelled ("superseded") before first is looked up. */
WH_API enum wh_backend_place wh_backend_order_place(int state, int newer, const wh_backend_first *first);

enum wh_backend_next {
    WH_NEXT_NOTHING,
    WH_NEXT_TURN,  /* the first gets its turn: its due becomes its created_at */
    WH_NEXT_ABORT, /* those that wait are cancelled ("aborted"), and this one's due becomes -1 */
};

/* Of one that was written in this state; abort: of its row. */
WH_API enum wh_backend_next wh_backend_order_next(int state, int abort, const wh_backend_first *first);

typedef struct wh_backend_event {
    int64_t number; /* writing, 0: given, larger than all before; else a number that is free */
    const char *id; /* the caller's own, or NULL: "msg_" and the number */
    const char *type;
    const char *tenant;       /* "" for none */
    const char *source, *key; /* NULL or "" for none; the store gives "" */
    int64_t time, accepted_at;
    const char *payload;
    size_t payload_size;
    int alone;             /* writing, 1: it is nobody's but by the delivery that is added with it: not in the log */
    int pending;           /* reading only: 1 while it lies beyond somebody's position */
    const char *time_text; /* of a row of the outbox: what stands there as its time, "" for nothing */
} wh_backend_event;

typedef struct wh_backend_attempt {
    int64_t event, subscription;
    int n; /* 1, 2, … */
    int64_t at, duration_us;
    int code;             /* WH_OK or what failed */
    int status;           /* 0 without an answer */
    const char *error;    /* NULL or the sentence */
    const char *response; /* NULL or the first bytes of the answer */
    size_t response_size;
} wh_backend_attempt;

/* The turn of a row counts its changes, by whomever. Who writes says what it must be: that of the row as it was
 * read, or one of these. */
enum wh_backend_turn {
    WH_TURN_ABSENT = -1, /* there is no row: it is added, with turn 0 */
    WH_TURN_ANY = -2,    /* added or replaced: for who has the store alone */
};

typedef struct wh_backend_delivery {
    int64_t event, subscription; /* together: its key */
    int64_t turn;                /* writing: what it must be, see above; it becomes one more */
    int64_t holder;              /* writing: only if this worker has its row; 0: in any case */
    int64_t version;             /* of the subscription, that made the bytes; 0: not made yet */
    int state;                   /* enum wh_backend_state */
    int attempts;                /* made in all; numbers them */
    int tries;                   /* made since the start of the retry list: a replay starts it again */
    int64_t due;                 /* ms, when waiting */
    int64_t created_at, updated_at;
    int status;          /* the last answer's, 0 for none */
    const char *error;   /* NULL, or what went wrong last */
    const char *body;    /* NULL: the event's payload is sent as it is */
    size_t body_size;    /* writing: NULL leaves what is stored */
    const char *key;     /* NULL: no order. Of a subscription's deliveries with one key one at a time is due; a
                            further one waits with due INT64_MAX until it has its turn */
    const char *headers; /* NULL, or a JSON object of texts that are sent with it */
    int latest;          /* writing, with a key: others of the key that wait are cancelled, and the newest that was
                            delivered is remembered */
    int64_t under_way;   /* writing, latest: but for the delivery of this event; 0: none */
    int abort;           /* writing, ended, with a key: those of the key that wait, and that come, are cancelled */
    const wh_backend_attempt
        *attempt;   /* writing: NULL, or the attempt that it tells of, of the same key; as valid as texts */
    int goes_first; /* writing, waiting, with a key: nothing of it is sent now, so one of a later event that has
                       its turn gives it up (its due becomes INT64_MAX), and first is none */
} wh_backend_delivery;

/* How its receiver answers: kept of a subscription that is not well. */
typedef struct wh_backend_health {
    int64_t subscription;
    int state;          /* 1 troubled, 2 failing, 3 disabled; 0: well, there is no row */
    int64_t since;      /* ms: the first failed attempt in a row */
    int64_t failed_at;  /* ms: the last one */
    int64_t failures;   /* how many */
    int64_t exhausted;  /* deliveries that were given up meanwhile */
    int64_t lasted;     /* ms that count as failing */
    int64_t steady;     /* ms of the last one, by a clock that neither jumps nor sleeps */
    int64_t success_at; /* ms: when it was last well, as it is kept; 0: not known */
    const char *error;  /* of the last failure; NULL: none is known */
} wh_backend_health;

/* What was seen of a receiver. */
typedef struct wh_backend_sight {
    int64_t subscription;
    int64_t holder;            /* only if this worker has its row; 0: in any case */
    int what;                  /* 0 success, 1 failure, 2 a delivery given up, 3 gone, 4 its owner resumes it */
    int64_t at, steady;        /* ms */
    int64_t disable_after;     /* ms */
    int keep;                  /* success, 1: it is to be kept when that was */
    const char *error;         /* NULL, or of a failure */
    wh_backend_health *became; /* NULL, or where the row is put as it is told, without its error */
} wh_backend_sight;

/* What is made of it: the row as it was (state 0: there was none) becomes what it is to be. Returns what is to be
 * told of that, 0: nothing. */
WH_API int wh_backend_health_next(wh_backend_health *health, const wh_backend_sight *sight);

typedef struct wh_backend_subscription {
    int64_t id, version;
    int64_t least; /* of a new one: its id is this, or the next that is larger than all before */
    const char *tenant;
    int status;           /* 1 enabled, 2 paused, 3 disabled by the engine */
    int deleted;          /* change feed only */
    int64_t changed_at;   /* writing: ms, when the change is made, for its number; 0: the next number */
    int64_t since;        /* reading: number of the change that made this version (which deleted it, where it
                             is): it decides events with larger ones; 0: all */
    const char *document; /* with secrets, as they are */
    size_t document_size;
} wh_backend_subscription;

#define WH_TOKEN_HASH 32
/* Where objects of this type are read: the document of an HTTP source. */
typedef struct wh_backend_source {
    const char *object_type, *document;
    size_t document_size;
    int64_t created_at, updated_at; /* writing: created_at is not looked at */
} wh_backend_source;

typedef struct wh_backend_token {
    const char *id;     /* "tok_…" */
    const char *tenant; /* NULL: all of them */
    const char *name;
    unsigned char hash[WH_TOKEN_HASH]; /* SHA-256 of the token */
    int64_t created_at;
    int64_t expires_at; /* ms; 0: it has no end. Adding one may remove those that are over for a day */
} wh_backend_token;

/* What is kept of a tenant, and what it may have; 0: as for all. */
typedef struct wh_backend_usage {
    int64_t events, bytes; /* bytes: of payloads, and of what rules made of them */
    int64_t quota_events, quota_bytes;
    int64_t cpu_ms;                           /* for its rules, of each second and in each process */
    int64_t rate_count, rate_per, rate_burst; /* requests in so many ms, and at once; rate_count 0: no rate */
} wh_backend_usage;

/* What to list. 0 or NULL does not restrict. before: numbers below this (the page
 * goes on there). rows: give up after looking at so many. */
typedef struct wh_backend_query {
    const char *tenant, *type;
    int64_t subscription, event;
    int state;                                 /* of deliveries, or the status of subscriptions */
    int64_t since, until;                      /* event numbers: since <= number < until; 0: open */
    int64_t before_event, before_subscription; /* exclusive; 0: from the newest */
    int64_t limit, rows;
    int foreign; /* 1: of events, and deliveries of them, whose type does not begin with "webhook." */
} wh_backend_query;

/* Where a list stopped: key of the last row looked at; more is 0 at the end. */
typedef struct wh_backend_page {
    int64_t event, subscription;
    int more;
} wh_backend_page;

/* A callback's non-zero answer stops the walk and is returned. */
typedef int (*wh_backend_event_fn)(const wh_backend_event *row, void *payload);
typedef int (*wh_backend_delivery_fn)(const wh_backend_delivery *row, const wh_backend_event *event, void *payload);
typedef int (*wh_backend_attempt_fn)(const wh_backend_attempt *row, void *payload);
/* What there is, of each kind counted no further than asked. */
typedef struct wh_backend_figures {
    int64_t waiting, due, oldest; /* deliveries; the smallest number of an event among those that wait, 0: none */
    int64_t held, exhausted;      /* deliveries */
    int64_t failing, disabled;    /* subscriptions, by their health */
    int64_t over_budget;          /* subscriptions that lag, and wait for their tenants' budgets */
    int64_t bytes, log_bytes;     /* of the store, and of what is not merged into it yet; 0: not known */
} wh_backend_figures;

/* What others' commits may have brought, for who has seen that there were some. */
typedef struct wh_backend_news {
    int64_t told; /* raised by each transaction that may leave other processes something to do for subscriptions that
                     are theirs: one that has written a delivery without a holder, sent one again or cancelled some,
                     or changed a subscription. What a worker writes of its own raises it not */
    int64_t last; /* number of the last event; 0: there is none */
    int outbox;   /* 1: the outbox has rows */
} wh_backend_news;

typedef int (*wh_backend_health_fn)(const wh_backend_health *row, void *payload);
typedef int (*wh_backend_subscription_fn)(const wh_backend_subscription *row, void *payload);
typedef int (*wh_backend_source_fn)(const wh_backend_source *row, void *payload);
typedef int (*wh_backend_token_fn)(const wh_backend_token *row, void *payload);
typedef int (*wh_backend_lane_fn)(int64_t subscription, int64_t due, void *payload);
typedef int (*wh_backend_known_fn)(int64_t event, void *payload);

/* What is to be sent of a subscription. */
typedef struct wh_backend_waiting {
    int64_t subscription, now;
    int limit;
    wh_backend_known_fn known;   /* 1: the caller has the delivery of this event already */
    wh_backend_delivery_fn each; /* the row with its body if it has its own, and the event with its payload; NULL:
                                    somebody deleted it by hand */
    void *payload;               /* of both */
} wh_backend_waiting;

#define WH_PARTITIONS 256

/* Whose log it is: an engine that works. */
typedef struct wh_backend_worker {
    int64_t owner;    /* its number, never used again */
    int64_t beat;     /* counts; who sees it stand still takes the row away */
    int share;        /* 1: it stays, and wants its share of the partitions; 0: it takes what nobody has */
    int64_t position; /* of all its partitions; INT64_MAX: it has none */
} wh_backend_worker;

typedef struct wh_backend_partition {
    int id;           /* 0 … WH_PARTITIONS - 1 */
    int64_t owner;    /* a worker; without its row: nobody */
    int64_t position; /* when it last changed hands: its own, while nobody has it */
} wh_backend_partition;

typedef int (*wh_backend_worker_fn)(const wh_backend_worker *row, void *payload);
typedef int (*wh_backend_partition_fn)(const wh_backend_partition *row, void *payload);

/* What waits in the store; each 0 or 1, but for first. */
typedef struct wh_backend_work {
    int events; /* there are some beyond the least position */
    int outbox;
    int free;      /* there are partitions that nobody has */
    int64_t first; /* number of the first event beyond the least position; 0: there is none */
} wh_backend_work;

/* ------------------------------------------------------------------------- facts */

enum wh_backend_fact_kind {
    /* Adds an event to the log. of.event.number 0: it is given one; numbers, those of changes of
     * subscriptions too, are in the order of commits and grow with time (accepted_at). Answer: number; before, of
     * the last event before it, 0 for none; done 0: its id (the caller's own, or "msg_…" of a number that is there)
     * is known, nothing is added. */
    WH_FACT_EVENT,
    /* Moves at most of.outbox.limit rows out of the outbox, in its order. judge looks at each, and
     * fills in its times (time from time_text): 0: it becomes an event, unless its id is known; WH_OUTBOX_REFUSED: it
     * is put into outbox_rejected with the sentence of wh_last_error. Answer: number: how many were moved. */
    WH_FACT_OUTBOX,

    /* Writes of.delivery if it is what it was said to be (answer: done 1; else 0, and nothing is
     * changed): adds it, or replaces all of the row but created_at, and the body only if there is one.
     * Takes it out of its former place in the waiting list. With a key, wh_backend_order_place says
     * where it goes, and wh_backend_order_next what becomes of the others.
     * Its attempt, if it has one, is kept with it. Where the row is not written (it is somebody else's
     * by now) the attempt was made all the same, and is kept as by WH_FACT_ATTEMPT. The row's answer
     * does not tell of it. */
    WH_FACT_DELIVERY,
    /* Keeps of.attempt if its delivery and event are there (answer: done), and counts the row's attempts on, not its
     * turn. An n that is there already (two workers made it) is recorded as the next one, and counted, too, where it
     * came with its row. */
    WH_FACT_ATTEMPT,
    /* Deletes the delivery of of.key's event and subscription, of which the event is not there any more (a hand's
     * work); the next of its key has its turn. Answer: done. */
    WH_FACT_DELIVERY_DROP,
    /* One of of.again's event arrived late, maybe behind a newer one. Of this subscription's deliveries with this key
     * and a larger event the newest that waits or was delivered is sent (again): it waits, due at of.again.now if
     * it has its turn, with its retry list from the start. One that waits behind another, or was delivered in a run
     * that is aborted, stays as it is.
     * Nothing happens while the worker of.again.unless has its row. Answer: done: there was one. */
    WH_FACT_DELIVERY_AGAIN,
    /* Cancels at most of.cancel.limit waiting and held deliveries of a subscription. Answer: number, of
     * those that were. */
    WH_FACT_DELIVERY_CANCEL,

    /* Makes of a subscription's row of health what wh_backend_health_next says; one that is well has none, and of
     * one that is deleted there is none. Answer: done 1: it is another; number: what that function returned. */
    WH_FACT_HEALTH,

    /* A row for this engine: a number that nobody had before, a beat that counts from 0, its of.worker.share,
     * and no partition. Answer: number. */
    WH_FACT_WORKER_ADD,
    /* Counts on, and keeps the share; WH_ENOTFOUND: the row of of.worker.owner is gone; what it had is
     * anybody's. */
    WH_FACT_WORKER_BEAT,
    /* Takes the row away, if it is there: its partitions are nobody's, each at the worker's position. */
    WH_FACT_WORKER_REMOVE,

    /* Gives at most of.take.limit partitions that nobody has to this worker, whose position becomes the
     * least of its own and theirs. Answer: done 0: it has no row, nothing is given; number: the least
     * position of those it got, INT64_MAX for none; count: how many. */
    WH_FACT_PARTITION_TAKE,
    /* This partition (-1: all) of this worker is nobody's any more, at this position. Answer: done 0: it
     * was not this worker's. */
    WH_FACT_PARTITION_GIVE,
    /* The worker's position is this from now on, if it has its row and a partition (answer: done). */
    WH_FACT_POSITION,
    /* Of of.lag.subscription events up to this position are decided, and it lags behind its worker's position; -1: it
     * lags no more. Only if the worker has its row, the subscription's partition (the caller says which) is the
     * worker's, and the subscription is not deleted (answer: done). */
    WH_FACT_LAG,

    /* Adds (id 0: given, at least of.subscription.least; answer: number) or replaces a subscription and
     * keeps this version. The change takes a number, which is where the former version ends and this
     * one begins. WH_ENOTFOUND; WH_ECONFLICT: its version is not larger than the one in force
     * (another process changed it). */
    WH_FACT_SUBSCRIPTION,
    /* Of of.subscription's id, at its changed_at. Takes a number, where its last version ends; its lag goes.
     * So does its health. WH_ENOTFOUND. Its versions stay while events are there that they were in force at. */
    WH_FACT_SUBSCRIPTION_REMOVE,

    /* Deletes at most of.purge.limit events with their deliveries and attempts, none of which is
     * waiting or pending: with number < failed_before where one is exhausted or held, else with
     * number < done_before; never the last one, from which numbers go on. Looks at no more than limit.
     * Of an event with very many deliveries a part may go, if it is not in the log any more from then on (event_log
     * does not give it); the next step goes on with it. What is replayed of it by then stays until it is done.
     * after: where the last step stopped, 0 at the start. Answer: number: where this one did, 0 at the
     * end; count. */
    WH_FACT_PURGE,

    WH_FACT_TOKEN_ADD,
    WH_FACT_TOKEN_REMOVE, /* WH_ENOTFOUND */
    /* Keeps a tenant's secret: replace 0 leaves the one that is there. */
    WH_FACT_TENANT_SECRET,
    /* Keeps of.setting.value under its name, where it is not 0, and there is none yet or replace is 1. With
     * replace 1 and value 0 there is none any more; with both 0 nothing changes. Answer: number, what is
     * kept now; 0: nothing. */
    WH_FACT_SETTING,

    /* Keeps the document of of.source's object type, in the place of one that is there: created_at stays then. A
     * document of NULL: there is none any more; WH_ENOTFOUND: there was none. */
    WH_FACT_SOURCE,

    /* of.usage.tenant may have what of.usage.row says, whose counts are not looked at: those are the store's own, of
     * each tenant's events, with what is added, moved out of the outbox and purged. */
    WH_FACT_USAGE_LIMIT,
    /* Only looks, as the transaction sees it: fills of.usage.row; all 0: nothing is known of the tenant. */
    WH_FACT_USAGE_NOW,

    /* Of a back end that encrypts (ability.seals) alone. Encrypts by the first key, and counts, at most of.reseal.limit
     * rows of this table, from the one behind of.reseal.after (0 at first), that are not; looks at no more than limit
     * of them, but for tenants'. Answer: count; number: where it stopped; done 1: at the end of the table. */
    WH_FACT_RESEAL,
    /* of.seals -1: asks how many times something was encrypted, by anybody. Else forgets the keys, but for the first,
     * that have encrypted nothing since there were so many. Answer: number; done 1: there is none but the first. */
    WH_FACT_SEALS,

    WH_FACT_POLL,      /* writes of.poll, if turn, salt and holder are as it says (answer: done; number: its seen) */
    WH_FACT_POLL_ASK,  /* somebody wishes it to run. Answer: done 0: there is no such row */
    WH_FACT_POLL_DROP, /* forgets at most limit of its objects. Answer: done 1: nothing is left */
    WH_FACT_SEEN,      /* remembers of.object; with scan -1 forgets it */

    /* Those that only look, as the transaction sees it. */
    WH_FACT_WORKER_HOLDS,       /* WH_ENOTFOUND: of.owner has no row */
    WH_FACT_WORKER_LIST,        /* by their numbers */
    WH_FACT_PARTITION_LIST,     /* all of them */
    WH_FACT_LAG_LIST,           /* of.look.each_lag, by subscriptions, with its position */
    WH_FACT_DELIVERY_NOW,       /* as delivery_get, without bodies. WH_ENOTFOUND */
    WH_FACT_SUBSCRIPTION_NOW,   /* the version in force. WH_ENOTFOUND */
    WH_FACT_SUBSCRIPTION_COUNT, /* number */
    WH_FACT_SOURCE_NOW,         /* of.look.each_source, of of.look.object_type; not called where there is none */
    WH_FACT_SUBSCRIPTION_LAST,  /* number of the last change, as of subscription_changes; 0: there was none */

    WH_FACT_KINDS /* how many */
};

enum wh_backend_sealed {
    WH_SEALED_SUBSCRIPTIONS,
    WH_SEALED_VERSIONS,
    WH_SEALED_TENANTS,
    WH_SEALED_SOURCES,
    WH_SEALED_TABLES
};

#define WH_OUTBOX_REFUSED 1

/* Looks at a row of the outbox before it becomes an event, and may change it. */
typedef int (*wh_backend_outbox_fn)(wh_backend_event *row, void *payload);

typedef struct wh_backend_answer {
    int code; /* WH_OK, or what changed nothing: see above */
    int done; /* 1: it happened */
    int64_t number;
    union {
        int64_t before, count;
    };
} wh_backend_answer;

typedef struct wh_backend_fact {
    enum wh_backend_fact_kind kind;
    union {
        wh_backend_event event;
        wh_backend_delivery delivery;
        wh_backend_attempt attempt;
        wh_backend_subscription subscription;
        wh_backend_sight sight;
        wh_backend_poll poll;
        wh_backend_seen object;
        struct {
            int64_t id, bits;
        } poll_ask;
        struct {
            int64_t id, seen;
            int limit, row; /* row 1: of this id, too */
        } poll_drop;
        const wh_backend_token *token;
        wh_backend_source source;
        const char *id; /* of a token */
        int64_t owner;  /* or a subscription */
        struct {
            int64_t owner;
            int share;
        } worker;
        struct {
            int64_t owner;
            int limit;
        } take;
        struct {
            int64_t owner, position;
            int partition;
        } give, position;
        struct {
            int64_t owner, subscription, position;
            int partition;
            int waits; /* 1: for its tenant's budget */
        } lag;
        struct {
            int64_t event, subscription;
        } key;
        struct {
            int64_t event, subscription, now;
            int64_t unless; /* 0: in any case */
            const char *key;
        } again;
        struct {
            int limit;
            wh_backend_outbox_fn judge;
            void *payload;
        } outbox;
        struct {
            int64_t subscription, now;
            int limit;
        } cancel;
        struct {
            int64_t done_before, failed_before, after;
            int limit;
        } purge;
        struct {
            const char *tenant, *secret;
            int replace;
        } secret;
        struct {
            const char *name;
            int64_t value;
            int replace;
        } setting;
        struct {
            const char *tenant;
            wh_backend_usage *row;
        } usage;
        struct {
            enum wh_backend_sealed table;
            int64_t after;
            int limit;
        } reseal;
        int64_t seals;
        struct {
            int64_t event, subscription;
            wh_backend_delivery_fn each_delivery;
            wh_backend_subscription_fn each_subscription;
            wh_backend_worker_fn each_worker;
            wh_backend_partition_fn each_partition;
            wh_backend_lane_fn each_lag;
            wh_backend_source_fn each_source;
            const char *object_type;
            void *payload;
        } look;
    } of;
    wh_backend_answer answer;
    wh_backend_answer *to; /* NULL, or where the answer is wanted as well */
} wh_backend_fact;

/* -------------------------------------------------------------------- the vtable */

typedef struct wh_backend_store wh_backend_store;

typedef struct wh_backend_options {
    int durability; /* enum wh_durability */
    const struct whi_keyring
        *keyring; /* of the library's own back ends alone: keys that outlive the store; NULL: none */
} wh_backend_options;

/* What became of a commit. */
enum wh_backend_commit {
    WH_COMMITTED,
    WH_NOT_COMMITTED, /* nothing of it is there, nor will be */
    WH_COMMIT_UNKNOWN /* what was asked for may be there, or come to be there: see settle */
};

/* Of wakes: the descriptor may be readable before what others commit can be seen, and is so after commits of
 * one's own as well. Who is woken looks for a while. */
#define WH_WAKES_EARLY 2

/* What a store can, filled in when it is opened. */
typedef struct wh_backend_ability {
    int shared;      /* 1: other processes may open it, and write */
    int wakes;       /* 1: listen gives a descriptor; or WH_WAKES_EARLY */
    size_t facts;    /* at most so many in one list; 0: as many as there are */
    int64_t look_us; /* how often it is worth a look for what others have written, where nothing wakes */
    int seals;       /* 1: it encrypts secrets where there are keys. An engine with keys opens no other */
} wh_backend_ability;

typedef struct wh_backend_store_vtable {
    size_t size;      /* sizeof(wh_backend_store_vtable) */
    unsigned version; /* WH_STORE_VERSION, which changes with any of these structs */
    /* name: without the scheme by which the back end was chosen. */
    int (*open)(wh_backend_store **out, const char *name, const wh_backend_options *options);
    void (*close)(wh_backend_store *store);
    /* Another handle that can only read, by a connection of its own, so that it waits for nobody:
     * who has to wait is refused, WH_ELOCKED. Where there can be none, *out is store itself. */
    int (*reader)(wh_backend_store *store, wh_backend_store **out);
    /* A descriptor that becomes readable when others may have committed, and silent when this is asked
     * again (before the look); -1: there is none, and it is worth a look every ability.look_us. It is
     * the store's own, and stays the same. An error: there is none now, and one looks. One thread. */
    int (*listen)(wh_backend_store *store, int *fd);

    /* ---- writing: one thread at a time, between begin and commit or rollback */
    int (*begin)(wh_backend_store *store);
    /* Does the facts and gives their answers. An error (all but those that answer.code has) ends the
     * list: the caller rolls back. A callback's non-zero answer is one. */
    int (*write)(wh_backend_store *store, wh_backend_fact *facts, size_t count);
    /* Does the rest of the list, and commits. With an error, *outcome says what became of it: after
     * WH_NOT_COMMITTED the caller rolls back, after WH_COMMIT_UNKNOWN it asks settle. */
    int (*commit)(wh_backend_store *store, wh_backend_fact *facts, size_t count, enum wh_backend_commit *outcome);
    /* After a commit of which nothing is known: looks, and makes what it finds final. While it cannot be
     * seen: WH_COMMIT_UNKNOWN, and it may be asked again. Once it is known, or nobody wants to know
     * any more, rollback follows where it was not committed. */
    void (*settle)(wh_backend_store *store, enum wh_backend_commit *outcome);
    void (*rollback)(wh_backend_store *store);

    /* ---- reading: any thread */
    /* All, or one id's (id NULL: all). */
    int (*token_list)(wh_backend_store *store, const char *id, wh_backend_token_fn each, void *payload);
    /* out has WH_SECRET_SIZE bytes. WH_ENOTFOUND. */
    int (*tenant_secret)(wh_backend_store *store, const char *tenant, char *out);
    /* What is kept under this name; 0: nothing. */
    int (*setting)(wh_backend_store *store, const char *name, int64_t *out);
    /* Documents of sources, with what is secret in them, by object types; all (NULL), or that of one: not called where
     * there is none. Of all, one that cannot be read is given with document NULL, and wh_last_error says why. NULL: it
     * keeps none. */
    int (*source_list)(wh_backend_store *store, const char *object_type, wh_backend_source_fn each, void *payload);
    /* Of a tenant, as WH_FACT_USAGE_NOW, by what is committed. */
    int (*usage)(wh_backend_store *store, const char *tenant, wh_backend_usage *out);
    /* A number that changes when another process (or engine) has committed. */
    int (*changes)(wh_backend_store *store, int64_t *out);
    /* Reads a row or two, however much there is. NULL: it is not known, and all is looked at after each commit. */
    int (*news)(wh_backend_store *store, wh_backend_news *out);
    /* Subscriptions that changed after this change number, deleted ones included;
     * after is moved on. 0 at first: all that are not deleted. A deleted one may be forgotten when none of
     * its versions is kept; WH_ENOTFOUND: of those after this number some are. The caller begins again
     * with 0, and what it does not hear of then is gone. One that is encrypted by a key that is not here comes with
     * document NULL, and wh_last_error says why: it is asked for by subscription_get until there is one. */
    int (*subscription_changes)(wh_backend_store *store, int64_t *after, wh_backend_subscription_fn each,
                                void *payload);
    int (*subscription_get)(wh_backend_store *store, int64_t id, int64_t version, wh_backend_subscription_fn each,
                            void *payload);
    /* The version that was in force at this number of an event: since < number, and it ended at number or
     * later, or is in force. WH_ENOTFOUND: there was none, or it is not kept. */
    int (*subscription_then)(wh_backend_store *store, int64_t id, int64_t number, wh_backend_subscription_fn each,
                             void *payload);
    int (*subscription_list)(wh_backend_store *store, const wh_backend_query *query, wh_backend_subscription_fn each,
                             void *payload, wh_backend_page *place);
    int (*subscription_count)(wh_backend_store *store, int64_t *count);
    /* What is known of a subscription's receiver: its row of health, or, of one that is well, when it last was
     * and when it last failed. each is not called where nothing is known. */
    int (*health_get)(wh_backend_store *store, int64_t subscription, wh_backend_health_fn each, void *payload);
    /* 1: it lags, and waited for its tenant's budget when that was last written. */
    int (*lag_waits)(wh_backend_store *store, int64_t subscription, int *out);
    /* How many of a subscription's deliveries wait, counted no further than limit, and the smallest number of an
     * event among them, 0: none waits. */
    int (*waiting_count)(wh_backend_store *store, int64_t subscription, int64_t limit, int64_t *count, int64_t *oldest);
    /* Each figure costs an index entry for what it counts, of which there are at most `most`. */
    int (*figures)(wh_backend_store *store, int64_t now, int64_t most, wh_backend_figures *out);
    /* Those that are failing, most failures first, at most limit; of the first `most` rows of health. */
    int (*worst)(wh_backend_store *store, int64_t most, int limit, wh_backend_health_fn each, void *payload);
    /* Rows of health of subscriptions below before (0: of all), largest first, at most limit. */
    int (*health_list)(wh_backend_store *store, int64_t before, int limit, wh_backend_health_fn each, void *payload);
    /* Every subscription that has waiting deliveries, with the earliest due: costs as
     * many look-ups as there are such subscriptions. */
    int (*lanes)(wh_backend_store *store, wh_backend_lane_fn each, void *payload);
    /* Its waiting deliveries with due <= now, longest due first, at most limit that are not known. *next receives
     * the due of the first that waits and was neither given nor known, INT64_MAX for none. */
    int (*waiting)(wh_backend_store *store, const wh_backend_waiting *asked, int64_t *next);
    int (*work)(wh_backend_store *store, wh_backend_work *out);
    /* The log beyond a number: its next events in their order, at most limit, each with its payload; with a tenant
     * ("": none) its own alone, NULL: all. *upto receives how far it was read: beyond that there may be more. Where
     * there were fewer than limit, that is as far as the whole log went. */
    int (*event_log)(wh_backend_store *store, int64_t after, int limit, const char *tenant, wh_backend_event_fn each,
                     void *payload, int64_t *upto);
    /* By the caller's own id, "msg_…", or "#" and the number; of this tenant, NULL: of any (the
     * first by name where several gave one id). WH_ENOTFOUND. */
    int (*event_number)(wh_backend_store *store, const char *id, const char *tenant, int64_t *number);
    int (*event_get)(wh_backend_store *store, int64_t number, wh_backend_event_fn each, void *payload);
    int (*event_list)(wh_backend_store *store, const wh_backend_query *query, wh_backend_event_fn each, void *payload,
                      wh_backend_page *place);
    /* The row's body is given only here and by waiting; event has no payload when body is set. */
    int (*delivery_get)(wh_backend_store *store, int64_t event, int64_t subscription, wh_backend_delivery_fn each,
                        void *payload);
    /* Newest first. The event in the callback has id and type, no payload. */
    int (*delivery_list)(wh_backend_store *store, const wh_backend_query *query, wh_backend_delivery_fn each,
                         void *payload, wh_backend_page *place);
    int (*attempt_list)(wh_backend_store *store, int64_t event, int64_t subscription, wh_backend_attempt_fn each,
                        void *payload);
    /* A poll's row. WH_ENOTFOUND. Then: those behind this id, by their ids, at most limit, with their ids, turns,
     * salts and wishes alone; asked 1: of which somebody wishes something. */
    int (*poll_get)(wh_backend_store *store, int64_t id, wh_backend_poll_fn each, void *payload);
    int (*poll_list)(wh_backend_store *store, int64_t after, int asked, int limit, wh_backend_poll_fn each, void *more);
    /* What is remembered of an object, whose seen and id are given; *found 0: nothing. */
    int (*seen_get)(wh_backend_store *store, wh_backend_seen *object, int *found);
    int (*unseen_list)(wh_backend_store *store, const wh_backend_unseen *asked, wh_backend_seen_fn each, void *payload);
    int (*unseen_count)(wh_backend_store *store, const wh_backend_unseen *asked, int64_t *gone, int64_t *all);
} wh_backend_store_vtable;

#define WH_STORE_VERSION 4

/* The facts that wait. */
typedef struct wh_backend_facts {
    wh_backend_fact *list;
    size_t count, room;
    int changes; /* of subscriptions, in this transaction */
} wh_backend_facts;

/* Comes first in a back end's own. */
struct wh_backend_store {
    const wh_backend_store_vtable *vtable;
    wh_backend_ability ability;
    wh_backend_facts facts; /* the engine's: zeroed by the back end, and not looked at */
};

/* Stores whose names begin with scheme ("mine:") are this back end's from now on, in this process. The
 * vtable stays, of the scheme a copy is kept. WH_EINVALID, WH_ECONFLICT: the scheme is taken; WH_ELIMIT: more than 8.
 */
WH_API int wh_backend_register(const char *scheme, const wh_backend_store_vtable *vtable);

#ifdef __cplusplus
}
#endif

#endif
