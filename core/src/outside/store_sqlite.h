/* Inside the SQLite store: what its files share. Each calls only those below it:
 *
 *   store_sqlite.c        opening, closing, transactions
 *   store_sqlite_moved.c  whether the file is still where it was
 *   store_sqlite_check.c  whether a file has all that is needed
 *   store_sqlite_facts.c  the list of facts
 *   store_sqlite_token.c  tokens and secrets of tenants
 *   store_sqlite_source.c documents of sources
 *   store_sqlite_seal.c   secrets encrypted, and encrypted anew
 *   store_sqlite_worker.c  writing workers, partitions and positions
 *   store_sqlite_admin.c  writing subscriptions; outbox and purge
 *   store_sqlite_health.c  how receivers answer
 *   store_sqlite_poll.c   what polls have seen
 *   store_sqlite_write.c  writing events, deliveries and attempts
 *   store_sqlite_idempotency.c  one event for one id
 *   store_sqlite_order.c  whose turn it is among deliveries with one key
 *   store_sqlite_waiting.c  reading what waits: lanes, what is due, work, news
 *   store_sqlite_figures.c  how much there is
 *   store_sqlite_read.c   the reading side
 *   store_sqlite_listen.c  hearing of others' commits
 *   store_sqlite_run.c    running statements, errors
 *   store_sqlite_schema.c the tables, and how they are made of former ones
 *   store_sqlite_sql.c    every statement
 *
 * A file has two connections: the writer's, locked from begin to commit, and the
 * readers', locked for one call. So readers never wait for a transaction, and a
 * transaction never waits for readers. ":memory:" has one connection for both:
 * there a reader waits for the end of a transaction, unless it is the transaction's
 * own thread, which then sees what is not committed yet.
 *
 * A store that is opened beside another one, to be read alone (open_reader), has only a readers'
 * connection. It waits for nobody, and is refused instead. */
#ifndef WHI_STORE_SQLITE_H
#define WHI_STORE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/table.h"
#include "outside/store.h"
#include "pure/seal.h"

/* Each is prepared when it is first used and kept. Their texts: store_sqlite_sql.c. */
enum whi_sql {
    WHI_SQL_BEGIN,
    WHI_SQL_COMMIT,
    WHI_SQL_ROLLBACK,
    WHI_SQL_CHANGES,
    WHI_SQL_NEWS,
    WHI_SQL_TELL,

    WHI_SQL_EVENT_ADD,
    WHI_SQL_LAST,
    WHI_SQL_EVENT_LAST,
    WHI_SQL_EVENT_OWN_ID,
    WHI_SQL_ID_ADD,
    WHI_SQL_ID_FIND,
    WHI_SQL_EVENT_KNOWN,

    WHI_SQL_DELIVERY_ADD,
    WHI_SQL_DELIVERY_CHANGE,
    WHI_SQL_DELIVERY_CHANGE_FIRST,
    WHI_SQL_DELIVERY_IS,
    WHI_SQL_DELIVERY_DROP,
    WHI_SQL_DELIVERY_CANCEL,
    WHI_SQL_BODY_LAST,
    WHI_SQL_BODY_ADD,
    WHI_SQL_BODY_LOOK,
    WHI_SQL_BODY_CHANGE,
    WHI_SQL_BODY_NAME,
    WHI_SQL_ATTEMPT_FIRST,
    WHI_SQL_ATTEMPT_ADD,
    WHI_SQL_ATTEMPT_APPEND,
    WHI_SQL_ATTEMPT_COUNT,

    WHI_SQL_WORKER_ADD,
    WHI_SQL_WORKER_BEAT,
    WHI_SQL_WORKER_HOLDS,
    WHI_SQL_WORKER_LIST,
    WHI_SQL_WORKER_REMOVE,

    WHI_SQL_PARTITION_LEAST,
    WHI_SQL_PARTITION_TAKE,
    WHI_SQL_PARTITION_GIVE,
    WHI_SQL_PARTITION_GIVE_ALL,
    WHI_SQL_PARTITION_LEAVE,
    WHI_SQL_PARTITION_LIST,
    WHI_SQL_PARTITION_OWNER,
    WHI_SQL_LAG_PUT,
    WHI_SQL_LAG_DROP,
    WHI_SQL_LAG_LIST,
    WHI_SQL_POSITION,
    WHI_SQL_POSITION_LOWER,
    WHI_SQL_POSITION_NONE,

    WHI_SQL_CHANGE_NEXT,
    WHI_SQL_CHANGE_LAST,
    WHI_SQL_COUNT_ADD,
    WHI_SQL_SUBSCRIPTION_ADD,
    WHI_SQL_SUBSCRIPTION_NEXT,
    WHI_SQL_SUBSCRIPTION_CURRENT,
    WHI_SQL_SUBSCRIPTION_CHANGE,
    WHI_SQL_SUBSCRIPTION_REMOVE,
    WHI_SQL_VERSION_PUT,
    WHI_SQL_VERSION_END,

    WHI_SQL_HEALTH_ANY,
    WHI_SQL_HEALTH_GET,
    WHI_SQL_HEALTH_PUT,
    WHI_SQL_HEALTH_CALM,
    WHI_SQL_HEALTH_DROP,
    WHI_SQL_HEALTH_LIST,
    WHI_SQL_HEALTH_CLOSE,
    WHI_SQL_RECEIVER_PUT,
    WHI_SQL_RECEIVER_GET,
    WHI_SQL_RECEIVER_DROP,

    WHI_SQL_OUTBOX_LIST,
    WHI_SQL_OUTBOX_DROP,
    WHI_SQL_OUTBOX_REJECT,

    WHI_SQL_PURGE_PICK,
    WHI_SQL_PURGE_STATES,
    WHI_SQL_PURGE_GOING,
    WHI_SQL_PURGE_ID,
    WHI_SQL_PURGE_BODIES,
    WHI_SQL_PURGE_DELIVERIES,
    WHI_SQL_PURGE_ATTEMPTS,
    WHI_SQL_PURGE_UNDECIDED,
    WHI_SQL_PURGE_EVENT,
    WHI_SQL_PURGE_VERSIONS,
    WHI_SQL_FORGET_CHANGE,
    WHI_SQL_FORGET,
    WHI_SQL_FORGOTTEN,

    WHI_SQL_SUBSCRIPTION_FEED,
    WHI_SQL_SUBSCRIPTION_GET,
    WHI_SQL_SUBSCRIPTION_VERSION,
    WHI_SQL_SUBSCRIPTION_THEN,
    WHI_SQL_SUBSCRIPTION_LIST,
    WHI_SQL_SUBSCRIPTION_OF_TENANT,
    WHI_SQL_SUBSCRIPTION_RESTING,
    WHI_SQL_SUBSCRIPTION_COUNT,
    WHI_SQL_LANES,
    WHI_SQL_WORK,
    WHI_SQL_WAITING_COUNT,
    WHI_SQL_FIGURES_WAITING,
    WHI_SQL_FIGURES_KEPT,
    WHI_SQL_FIGURES_HEALTH,
    WHI_SQL_HEALTH_WORST,
    WHI_SQL_EVENT_GET,
    WHI_SQL_EVENT_LOG,
    WHI_SQL_EVENT_LOG_TENANT,
    WHI_SQL_EVENT_LOG_NOBODYS,
    WHI_SQL_EVENT_LIST,
    WHI_SQL_EVENT_OF_TENANT,
    WHI_SQL_EVENT_OF_TYPE,
    WHI_SQL_EVENT_OF_TENANT_TYPE,
    WHI_SQL_DELIVERY_GET,
    WHI_SQL_DELIVERY_LIST,
    WHI_SQL_DELIVERY_OF_TENANT,
    WHI_SQL_DELIVERY_OF_TYPE,
    WHI_SQL_DELIVERY_OF_TENANT_TYPE,
    WHI_SQL_DELIVERY_OF_ONE_TENANT,
    WHI_SQL_DELIVERY_OF_ONE_TYPE,
    WHI_SQL_DELIVERY_OF_ONE_TENANT_TYPE,
    WHI_SQL_DELIVERY_OF_EVENT,
    WHI_SQL_DELIVERY_WAITING,
    WHI_SQL_DELIVERY_KEPT,
    WHI_SQL_DELIVERY_CANCELLED,
    WHI_SQL_DELIVERY_BEYOND,
    WHI_SQL_DELIVERY_FEW,
    WHI_SQL_DELIVERY_HEAD,
    WHI_SQL_DELIVERY_SEND,
    WHI_SQL_DELIVERY_DUE,
    WHI_SQL_ATTEMPT_LIST,

    WHI_SQL_KEY_FIRST,
    WHI_SQL_KEY_NEWER,
    WHI_SQL_KEY_NEWEST,
    WHI_SQL_KEY_FORMER,
    WHI_SQL_KEY_BEHIND,
    WHI_SQL_KEY_TURN,
    WHI_SQL_KEY_CANCEL,
    WHI_SQL_KEY_DELIVERED,
    WHI_SQL_KEY_AGAIN,
    WHI_SQL_KEY_HASTEN,

    WHI_SQL_TOKEN_ADD,
    WHI_SQL_TOKEN_PURGE,
    WHI_SQL_TOKEN_REMOVE,
    WHI_SQL_TOKEN_LIST,
    WHI_SQL_TOKEN_GET,
    WHI_SQL_TENANT_SECRET,
    WHI_SQL_TENANT_PUT,
    WHI_SQL_TENANT_ADD,
    WHI_SQL_SEAL_NEXT,
    WHI_SQL_SEALS,
    WHI_SQL_KEY_USED,
    WHI_SQL_KEY_ADD,
    WHI_SQL_KEY_LIST,
    WHI_SQL_KEY_DROP,
    WHI_SQL_KEY_OTHERS,
    WHI_SQL_RESEAL_PICK,
    WHI_SQL_RESEAL_GET,
    WHI_SQL_RESEAL_PUT,
    WHI_SQL_RESEAL_PICK_VERSION,
    WHI_SQL_RESEAL_GET_VERSION,
    WHI_SQL_RESEAL_PUT_VERSION,
    WHI_SQL_RESEAL_TENANT,
    WHI_SQL_SOURCE_PUT,
    WHI_SQL_SOURCE_REMOVE,
    WHI_SQL_SOURCE_LIST,
    WHI_SQL_SOURCE_GET,
    WHI_SQL_RESEAL_SOURCE,
    WHI_SQL_RESEAL_PUT_SOURCE,
    WHI_SQL_SETTING_GET,
    WHI_SQL_SETTING_PUT,
    WHI_SQL_SETTING_DROP,
    WHI_SQL_USAGE_GET,
    WHI_SQL_USAGE_ADD,
    WHI_SQL_USAGE_OF,
    WHI_SQL_USAGE_LIMIT,
    WHI_SQL_LAG_WAITS,
    WHI_SQL_FIGURES_BUDGET,

    WHI_SQL_POLL_GET,
    WHI_SQL_POLL_LIST,
    WHI_SQL_POLL_ASKED,
    WHI_SQL_POLL_ADD,
    WHI_SQL_POLL_CHANGE,
    WHI_SQL_POLL_ASK,
    WHI_SQL_POLL_DROP,
    WHI_SQL_SEEN_GET,
    WHI_SQL_SEEN_PUT,
    WHI_SQL_SEEN_DROP,
    WHI_SQL_SEEN_DROP_ALL,
    WHI_SQL_UNSEEN_LIST,
    WHI_SQL_UNSEEN_COUNT,

    WHI_SQL_STATEMENTS /* how many */
};

extern const char *const whi_sqlite_text[WHI_SQL_STATEMENTS];
extern const char whi_sqlite_schema[];

#define WHI_SQLITE_APPLICATION 0x7762686b /* "wbhk", at byte 68 of a file that we made */
#define WHI_SQLITE_VERSION 7              /* of the tables, in webhook_meta */

extern const char *const whi_sqlite_upgrade[WHI_SQLITE_VERSION]; /* from the version of its index to the next */

typedef struct whi_sqlite_side {
    sqlite3 *db;
    pthread_mutex_t lock; /* recursive: a callback may read */
    int locks;            /* 1: lock was made */
    sqlite3_stmt *statements[WHI_SQL_STATEMENTS];
} whi_sqlite_side;

#define WHI_SQLITE_BUSY_MS 10000 /* how long another process's transaction is waited for */

#define WHI_SQLITE_FILES 3 /* the database, its -wal and -shm */
typedef struct whi_sqlite_file {
    char *path;
    uint64_t inode, device;
    int known; /* 1: it was there when the store was opened */
} whi_sqlite_file;

/* How far an event with very many deliveries was looked at, whether it may go. */
typedef struct whi_sqlite_look {
    int64_t event, upto; /* 0: none; and the last subscription whose delivery was looked at */
    int failed;          /* 1: one of them has */
} whi_sqlite_look;

typedef struct whi_sqlite {
    whi_store base; /* first: a whi_store pointer is a whi_sqlite pointer */
    char *name;     /* as given, for sentences */
    whi_sqlite_side writer, second;
    whi_sqlite_side *reader;                 /* &second; for ":memory:" &writer */
    struct whi_sqlite *next_open;            /* in the list of this process's stores */
    unsigned generation;                     /* see base/fork.h */
    whi_sqlite_file files[WHI_SQLITE_FILES]; /* never change once the store is open */
    _Atomic int64_t changes;                 /* as last seen by the writer */
    int wake_fd;                             /* readable when somebody has written to the log; -1: nobody asked yet */
    int wake_set;                            /* 1: a watch is set, and has not told yet */
    int64_t version;                         /* of the tables that were found */
    const whi_keyring *keyring;              /* NULL: secrets are kept as they are */
    whi_sqlite_look purge_look;              /* of the purge's last step */
    /* Of this transaction; 0: not known yet. */
    int64_t next_body;                       /* number of the next row of webhook_bodies */
    int64_t last_number;                     /* of events and changes; 1 when there is none */
    int64_t last_event;                      /* number of the last event, 0 when there is none; -1: not known yet */
    int64_t holds;                           /* the worker that has its row */
    int64_t there_event, there_subscription; /* a delivery that was just written */
    int healths;                             /* 1: no subscription has a row of health; 2: some have */
    int told;                                /* 1: others are told of it */
    whi_table brought;                       /* what it has added of each tenant: store_sqlite_usage.c */
    struct whi_sqlite_sum *brought_last;     /* of the tenant that was counted last; NULL: none was */
} whi_sqlite;

static inline whi_sqlite *whi_sqlite_of(whi_store *store) {
    return (whi_sqlite *)store;
}

/* ---- store_sqlite_run.c */

/* The code of this library for a code of SQLite, with the sentence set: "store
 * 'orders.db': adding an event: database or disk is full". */
int whi_sqlite_fail(whi_sqlite *store, whi_sqlite_side *side, int result, const char *doing);

/* The statement, ready to be bound. */
int whi_sqlite_use(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, sqlite3_stmt **out);

/* The same for the writing side. */
static inline int whi_sqlite_write(whi_sqlite *store, enum whi_sql which, sqlite3_stmt **out) {
    *out = store->writer.statements[which];
    return *out != NULL ? WH_OK : whi_sqlite_use(store, &store->writer, which, out);
}

/* Runs a statement that gives no rows and resets it. */
int whi_sqlite_run(whi_sqlite *store, whi_sqlite_side *side, sqlite3_stmt *statement, const char *doing);

/* Next row: 1 if there is one; 0 at the end or an error, and then it is reset. */
int whi_sqlite_step(whi_sqlite *store, whi_sqlite_side *side, sqlite3_stmt *statement, const char *doing);

/* Reads the single number of a statement without parameters. */
int whi_sqlite_number(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, int64_t *out);

/* Runs a statement of the writing side. */
static inline int whi_sqlite_run_write(whi_sqlite *store, sqlite3_stmt *statement, const char *doing) {
    return whi_sqlite_run(store, &store->writer, statement, doing);
}

/* Rows that the last statement of the writing side changed. */
static inline int whi_sqlite_changed(whi_sqlite *store) {
    return sqlite3_changes(store->writer.db);
}

/* A statement whose parameters are count numbers. */
int whi_sqlite_run_numbers(whi_sqlite *store, enum whi_sql which, const int64_t *numbers, int count, const char *doing);

/* The number that a statement with one parameter gives; 0, and found 0, without a row. */
int whi_sqlite_read_number(whi_sqlite *store, enum whi_sql which, int64_t key, int64_t *out, int *found);

/* The numbers that a bound statement gives, at most limit, in out (to be freed, also
 * after a failure). Kept, because what is picked is changed next, and changing rows
 * under an open SELECT has no defined result. */
int whi_sqlite_pick(whi_sqlite *store, sqlite3_stmt *statement, int limit, int64_t **out, int *count);

/* A limit within what whi_sqlite_pick may hold. */
int whi_sqlite_bounded(int limit);

/* NULL for NULL, else size bytes (never NULL). A failed allocation is found by the next step. */
const char *whi_sqlite_bytes(sqlite3_stmt *statement, int column, size_t *size);
const char *whi_sqlite_word(sqlite3_stmt *statement, int column);                /* "" for NULL */
void whi_sqlite_bind_word(sqlite3_stmt *statement, int index, const char *text); /* NULL stays NULL */

/* ---- store_sqlite_read.c */

/* A row of WHI_SQL_EVENT_GET, and of WHI_SQL_DELIVERY_GET or _HEAD. Texts are
 * valid until the statement is stepped or reset. */
void whi_sqlite_event_row(sqlite3_stmt *statement, whi_event_row *row);
void whi_sqlite_delivery_row(sqlite3_stmt *statement, whi_delivery_row *row, whi_event_row *event);

/* A call of the reading side: it has the connection from enter to leave, which returns code. */
whi_sqlite_side *whi_sqlite_enter(whi_sqlite *store);
int whi_sqlite_leave(whi_sqlite *store, int code);

/* Gives the event of this number to each. found receives 0 if there is none. */
int whi_sqlite_give_event(whi_sqlite *store, whi_sqlite_side *side, int64_t number, whi_event_fn each, void *payload,
                          int *found);

/* The same for a delivery: which is WHI_SQL_DELIVERY_GET (with bytes), _HEAD, or _SEND (with bytes, and also without
 * its event). */
int whi_sqlite_give_delivery(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, int64_t event,
                             int64_t subscription, whi_delivery_fn each, void *payload, int *found);

/* ---- store_sqlite_check.c */

/* All tables and columns are there, else WH_ECORRUPT names one that is not; indexes too, or
 * they are made. */
int whi_sqlite_check(whi_sqlite *store);

/* ---- store_sqlite_moved.c */
/* Before SQLite touches the file: WH_ESTORE if a parent of this process has it open. */
int whi_sqlite_check_fork(const whi_sqlite *store);
int whi_sqlite_note_files(whi_sqlite *store); /* when all is open */
void whi_sqlite_forget_files(whi_sqlite *store);
int whi_sqlite_moved(whi_store *store, int *moved);

/* ---- store_sqlite_listen.c */
int whi_sqlite_can_listen(const whi_sqlite *store); /* when its files are noted */
int whi_sqlite_listen(whi_store *store, int *fd);
void whi_sqlite_listen_end(whi_sqlite *store);

/* ---- store_sqlite_facts.c */
int whi_sqlite_write_facts(whi_sqlite *store, whi_fact *facts, size_t count);

/* ---- store_sqlite_idempotency.c */

/* Notes the id of an event whose number was given; duplicate 1: it was there, nothing is noted. */
int whi_sqlite_idempotency(whi_sqlite *store, const whi_event_row *row, int *duplicate);

/* ---- store_sqlite_write.c */

/* The number that the next event, or change of a subscription, gets at this time. */
int whi_sqlite_next_number(whi_sqlite *store, int64_t now, int64_t *number);
/* before: number of the last event before it. */
int whi_sqlite_event_add(whi_store *store, whi_event_row *row, int64_t *before, int *duplicate);
/* kept 1: the attempt that the row tells of stands in it. */
int whi_sqlite_delivery_put(whi_store *store, const whi_delivery_row *row, int *done, int *kept);
int whi_sqlite_delivery_now(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload);
/* Its delivery is there. counted 1: its row has been written with it. */
int whi_sqlite_attempt_add(whi_store *store, const whi_attempt_row *row, int counted);
/* done 0: it is not there, or its event is. */
int whi_sqlite_delivery_drop(whi_store *store, int64_t event, int64_t subscription, int *done);
int whi_sqlite_delivery_cancel(whi_store *store, int64_t subscription, int64_t now, int limit, int *count);

/* ---- store_sqlite_order.c */

/* What the order of its key makes of a delivery that is about to be written: *out is a copy
 * that is to wait for its turn, or is cancelled, or is marked as the newest that was delivered. in_place: it had
 * a key, and something to send, before. Without a key, the row itself. */
int whi_sqlite_order_place(whi_sqlite *store, const whi_delivery_row *row, int in_place, whi_delivery_row *out);
/* It was written: one that has ended gives its turn to the next, or takes all with it. */
int whi_sqlite_order_next(whi_sqlite *store, const whi_delivery_row *row);
/* The newest of the row's key behind its event, that waits or was delivered, is sent (again), now. done 0: there
 * is none. */
int whi_sqlite_order_again(whi_sqlite *store, const whi_delivery_row *row, int64_t now, int *done);

/* ---- store_sqlite_token.c */
int whi_sqlite_token_add(whi_store *store, const whi_token_row *row);
int whi_sqlite_token_remove(whi_store *store, const char *id);
int whi_sqlite_token_list(whi_store *store, const char *id, whi_token_fn each, void *payload);
int whi_sqlite_tenant_secret(whi_store *store, const char *tenant, char *out);
int whi_sqlite_tenant_secret_put(whi_store *store, const char *tenant, const char *secret, int replace);
/* ---- store_sqlite_seal.c */

/* For a store that is being opened: all of its keys are there, and the first of ours is known to it. WH_EKEY. */
int whi_sqlite_keys_begin(whi_sqlite *store);
/* The row with its secrets as they are: valid until each returns, and wiped then. */
int whi_sqlite_give_row(whi_sqlite *store, whi_subscription_row *row, whi_subscription_fn each, void *payload);
/* The document as it is to be kept; out is to be freed. In a transaction; the row has its id. */
int whi_sqlite_seal_row(whi_sqlite *store, const whi_subscription_row *row, whi_buf *out);
/* Binds a tenant's secret as it is to be kept; kept is to be freed, when the statement has run. */
int whi_sqlite_bind_secret(whi_sqlite *store, sqlite3_stmt *statement, int index, const char *tenant,
                           const char *secret, whi_buf *kept);
/* The secret in a column, as it is. */
int whi_sqlite_secret_of(whi_sqlite *store, sqlite3_stmt *statement, int column, const char *tenant,
                         char out[WH_SECRET_SIZE]);
/* The same of any text that is secret as a whole and is told by its being a BLOB; place: where it stands. */
int whi_sqlite_bind_sealed(whi_sqlite *store, sqlite3_stmt *statement, int index, const char *place, const char *text,
                           size_t size, whi_buf *kept);
/* Appends the text in a column, as it is. What was opened is the caller's to wipe. */
int whi_sqlite_open_sealed(whi_sqlite *store, sqlite3_stmt *statement, int column, const char *place, whi_buf *out);
/* Wipes what it held. */
void whi_sqlite_free_secret(whi_buf *buf);
#define WHI_SQLITE_SEAL_PREFIX (WHI_SEAL_ID + 16)
/* Before values of a table are sealed anew; prefix receives what those that are by the first key begin with. */
int whi_sqlite_reseal_begin(whi_sqlite *store, whi_fact *fact, char prefix[WHI_SQLITE_SEAL_PREFIX]);
int whi_sqlite_reseal(whi_sqlite *store, whi_fact *fact); /* all tables but that of sources */
int whi_sqlite_seals(whi_sqlite *store, whi_fact *fact);

/* ---- store_sqlite_source.c */
int whi_sqlite_source(whi_sqlite *store, whi_fact *fact);     /* WH_FACT_SOURCE */
int whi_sqlite_source_now(whi_sqlite *store, whi_fact *fact); /* WH_FACT_SOURCE_NOW */
int whi_sqlite_source_list(whi_store *store, const char *object_type, whi_source_fn each, void *payload);
int whi_sqlite_reseal_sources(whi_sqlite *store, whi_fact *fact);

/* ---- store_sqlite_setting.c */
/* value and replace as of WH_FACT_SETTING; *now receives what is kept then. */
int whi_sqlite_setting_put(whi_sqlite *store, const char *name, int64_t value, int replace, int64_t *now);
int whi_sqlite_setting(whi_store *store, const char *name, int64_t *out);

/* ---- store_sqlite_usage.c */
int whi_sqlite_usage_now(whi_sqlite *store, whi_fact *fact);
/* The transaction has added an event, or a body of one; written by whi_sqlite_usage_write before it commits. */
int whi_sqlite_usage_event(whi_sqlite *store, const char *tenant, size_t bytes);
int whi_sqlite_usage_body(whi_sqlite *store, int64_t event, size_t bytes);
int whi_sqlite_usage_write(whi_sqlite *store);
void whi_sqlite_usage_forget(whi_sqlite *store); /* what was not written */
int whi_sqlite_usage_limit(whi_sqlite *store, whi_fact *fact);
int whi_sqlite_usage(whi_store *store, const char *tenant, wh_backend_usage *out);

/* ---- store_sqlite_worker.c */
int whi_sqlite_worker_add(whi_store *store, int share, int64_t *owner);
int whi_sqlite_worker_beat(whi_store *store, int64_t owner, int share);
int whi_sqlite_worker_holds(whi_store *store, int64_t owner);
int whi_sqlite_worker_list(whi_store *store, whi_worker_fn each, void *payload);
int whi_sqlite_worker_remove(whi_store *store, int64_t owner);
int whi_sqlite_partition_take(whi_store *store, int64_t owner, int limit, int64_t *position, int *count);
int whi_sqlite_partition_give(whi_store *store, int64_t owner, int partition, int64_t position, int *done);
int whi_sqlite_partition_list(whi_store *store, whi_partition_fn each, void *payload);
int whi_sqlite_position(whi_store *store, int64_t owner, int64_t position, int *done);
/* The owner has its row. */
int whi_sqlite_lag(whi_sqlite *store, whi_fact *fact);
int whi_sqlite_lag_waits(whi_store *store, int64_t subscription, int *out);
int whi_sqlite_lag_list(whi_store *store, whi_lane_fn each, void *payload);

/* ---- store_sqlite_health.c */
/* The owner, if it is one's business, has its row. */
int whi_sqlite_health(whi_sqlite *store, whi_fact *fact);
int whi_sqlite_health_drop(whi_sqlite *store, int64_t subscription);
int whi_sqlite_health_get(whi_store *store, int64_t subscription, whi_health_fn each, void *payload);
int whi_sqlite_worst(whi_store *store, int64_t most, int limit, whi_health_fn each, void *payload);
int whi_sqlite_health_list(whi_store *store, int64_t before, int limit, whi_health_fn each, void *payload);

/* ---- store_sqlite_poll.c */
int whi_sqlite_poll(whi_sqlite *store, whi_fact *fact); /* the holder has its row */
int whi_sqlite_poll_ask(whi_sqlite *store, whi_fact *fact);
int whi_sqlite_poll_drop(whi_sqlite *store, whi_fact *fact);
int whi_sqlite_seen(whi_sqlite *store, whi_fact *fact);
int whi_sqlite_poll_get(whi_store *store, int64_t id, wh_backend_poll_fn each, void *payload);
int whi_sqlite_poll_list(whi_store *store, int64_t after, int asked, int limit, wh_backend_poll_fn each, void *payload);
int whi_sqlite_seen_get(whi_store *store, wh_backend_seen *sight, int *found);
int whi_sqlite_unseen_list(whi_store *store, const wh_backend_unseen *asked, wh_backend_seen_fn each, void *payload);
int whi_sqlite_unseen_count(whi_store *store, const wh_backend_unseen *asked, int64_t *gone, int64_t *all);

/* ---- store_sqlite_figures.c */
int whi_sqlite_figures(whi_store *store, int64_t now, int64_t most, whi_store_figures *out);

/* ---- store_sqlite_admin.c */
int whi_sqlite_subscription_now(whi_store *store, int64_t id, whi_subscription_fn each, void *payload);
int whi_sqlite_subscription_put(whi_store *store, whi_subscription_row *row);
int whi_sqlite_subscription_remove(whi_store *store, int64_t id, int64_t at);
int whi_sqlite_outbox_take(whi_sqlite *store, whi_fact *fact);
int whi_sqlite_purge(whi_store *store, int64_t done_before, int64_t failed_before, int limit, int64_t *after,
                     int *count);

/* ---- store_sqlite_waiting.c */
int whi_sqlite_lanes(whi_store *store, whi_lane_fn each, void *payload);
int whi_sqlite_waiting(whi_store *store, const whi_store_waiting *asked, int64_t *next);
int whi_sqlite_waiting_count(whi_store *store, int64_t subscription, int64_t limit, int64_t *count, int64_t *oldest);
int whi_sqlite_work(whi_store *store, whi_store_work *out);
int whi_sqlite_news(whi_store *store, whi_store_news *out);

/* ---- store_sqlite_read.c */
int whi_sqlite_changes(whi_store *store, int64_t *out);
int whi_sqlite_subscription_changes(whi_store *store, int64_t *after, whi_subscription_fn each, void *payload);
int whi_sqlite_subscription_get(whi_store *store, int64_t id, int64_t version, whi_subscription_fn each, void *payload);
int whi_sqlite_subscription_then(whi_store *store, int64_t id, int64_t number, whi_subscription_fn each, void *payload);
int whi_sqlite_subscription_list(whi_store *store, const whi_store_query *query, whi_subscription_fn each,
                                 void *payload, whi_store_place *place);
int whi_sqlite_subscription_count(whi_store *store, int64_t *count);
int whi_sqlite_subscription_count_now(whi_store *store, int64_t *count);
int whi_sqlite_event_number(whi_store *store, const char *id, const char *tenant, int64_t *number);
int whi_sqlite_event_get(whi_store *store, int64_t number, whi_event_fn each, void *payload);
int whi_sqlite_event_log(whi_store *store, int64_t after, int limit, const char *tenant, whi_event_fn each,
                         void *payload, int64_t *upto);
int whi_sqlite_event_list(whi_store *store, const whi_store_query *query, whi_event_fn each, void *payload,
                          whi_store_place *place);
int whi_sqlite_delivery_get(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload);
int whi_sqlite_delivery_list(whi_store *store, const whi_store_query *query, whi_delivery_fn each, void *payload,
                             whi_store_place *place);
int whi_sqlite_attempt_list(whi_store *store, int64_t event, int64_t subscription, whi_attempt_fn each, void *payload);

#endif
