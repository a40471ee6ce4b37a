/* webhook.h - the webhook engine that programs embed.
 *
 * An engine keeps subscriptions, accepts events, runs each subscription's rule
 * on every payload, signs, delivers, retries, and shows what it did and why.
 *
 *     wh_engine *hooks;
 *     char id[WH_ID_SIZE];
 *     wh_event event = WH_EVENT_INIT;
 *
 *     wh_open(&hooks, "orders.db", NULL);
 *     wh_subscribe(hooks, "{\"url\":\"https://example.com/h\",\"events\":[\"order.*\"]}", WH_ZSTR, id);
 *     event.type = "order.paid";
 *     event.payload = "{\"id\":7}";
 *     event.payload_size = WH_ZSTR;
 *     wh_publish(hooks, &event, NULL);
 *     wh_run(hooks);
 *     wh_close(hooks);
 *
 * The words
 *   event         id, type, tenant, time and a JSON payload
 *   subscription  where to send, which events, a rule, secrets, policies
 *   rule          a Lua script that drops, passes or projects a payload
 *   delivery      one event for one subscription
 *   attempt       one HTTP request of a delivery
 *
 * What to know before the first call
 *   - Delivery is at least once. A receiver tells a repeat by its event id, the
 *     `webhook-id` header.
 *   - wh_publish returns when the event is durable; nothing that it accepted is
 *     lost by a crash. Work is done by wh_step, wh_run or the threads of
 *     wh_start, never inside wh_publish.
 *   - Every function of an engine may be called from any thread, at any time
 *     between wh_open and wh_close, except where it says otherwise.
 *   - A process that forks must open its engines after the fork.
 *   - 0 is success; a negative code says what failed, wh_last_error says it in
 *     words. A call that fails changes nothing.
 *   - Records (subscription, event, delivery, attempt) cross this interface as
 *     JSON: the same documents in C, in Lua, in the command. Text is UTF-8.
 *   - Times are milliseconds since 1970-01-01 UTC; durations are milliseconds.
 */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WH_VERSION_MAJOR 0
#define WH_VERSION_MINOR 1
#define WH_VERSION_PATCH 0
#define WH_VERSION "0.1.0"

#if defined(WH_STATIC) || !defined(__GNUC__)
#define WH_API
#else
#define WH_API __attribute__((visibility("default")))
#endif

/* The version of the library that runs, "0.1.0"; WH_VERSION is the header's. */
WH_API const char *wh_version(void);

/* As a size: the text ends at its zero byte. */
#define WH_ZSTR ((size_t)-1)

/* ------------------------------------------------------------------ errors */

/* One table: code, name, group. A caller acts on the group: mend the call
 * (usage), send less (limit), look at the disk (store), wait (network, remote),
 * tell the rule's owner (rule), refuse the request (signature). */
#define WH_ERRORS(X) \
    X(WH_EINVALID, -101, "invalid", "usage", "a value is not allowed") \
    X(WH_ENOTFOUND, -102, "not_found", "usage", "no such record") \
    X(WH_ECONFLICT, -103, "conflict", "usage", "the record's state forbids this") \
    X(WH_ECLOSED, -104, "closed", "usage", "the engine is closed or stopping") \
    X(WH_EJSON, -105, "json", "usage", "the text is not JSON") \
    X(WH_EBUSY, -106, "busy", "usage", "another thread does this already") \
    X(WH_ELIMIT, -201, "limit", "limit", "larger than a limit allows") \
    X(WH_ENOMEM, -202, "memory", "limit", "out of memory") \
    X(WH_ESTORE, -301, "store", "store", "the store failed") \
    X(WH_EFULL, -302, "full", "store", "the disk is full") \
    X(WH_ELOCKED, -303, "locked", "store", "the store is locked by another process") \
    X(WH_ECORRUPT, -304, "corrupt", "store", "the file is not a store, or damaged") \
    X(WH_EVERSION, -305, "version", "store", "the store was made by a newer version") \
    X(WH_ERESOLVE, -401, "resolve", "network", "the host name has no address") \
    X(WH_ECONNECT, -402, "connect", "network", "no connection") \
    X(WH_ETLS, -403, "tls", "network", "the TLS handshake or certificate failed") \
    X(WH_ETIMEOUT, -404, "timeout", "network", "no answer in time") \
    X(WH_EADDRESS, -405, "address", "network", "the address policy refuses this address") \
    X(WH_EIO, -406, "io", "network", "the connection broke, or did not speak HTTP") \
    X(WH_ESTATUS, -501, "status", "remote", "the receiver answered with a failure") \
    X(WH_EREDIRECT, -502, "redirect", "remote", "the receiver redirects, which is not followed") \
    X(WH_EGONE, -503, "gone", "remote", "the receiver answered 410 Gone") \
    X(WH_ERULE_SYNTAX, -601, "rule_syntax", "rule", "the rule does not compile") \
    X(WH_ERULE_RUNTIME, -602, "rule_runtime", "rule", "the rule raised an error") \
    X(WH_ERULE_TIME, -603, "rule_time", "rule", "the rule used its CPU time up") \
    X(WH_ERULE_MEMORY, -604, "rule_memory", "rule", "the rule used its memory up") \
    X(WH_ERULE_RESULT, -605, "rule_result", "rule", "the rule's result is not allowed") \
    X(WH_ERULE_ENGINE, -606, "rule_engine", "rule", "this engine was opened without a rule engine") \
    X(WH_ESIG_HEADER, -701, "signature_header", "signature", "a signature header is missing") \
    X(WH_ESIG_FORMAT, -702, "signature_format", "signature", "a signature header cannot be read") \
    X(WH_ESIG_OLD, -703, "signature_old", "signature", "the timestamp is too old") \
    X(WH_ESIG_NEW, -704, "signature_new", "signature", "the timestamp is in the future") \
    X(WH_ESIG_MISMATCH, -705, "signature_mismatch", "signature", "no signature matches") \
    X(WH_ESECRET, -706, "secret", "signature", "a secret cannot be read") \
    X(WH_EINTERNAL, -901, "internal", "internal", "a fault of this library")

enum wh_code {
    WH_OK = 0,
#define WH_X(code, number, name, group, text) code = number,
    WH_ERRORS(WH_X)
#undef WH_X
};

/* Static texts for a code; an unknown code gives "unknown". Any thread. */
WH_API const char *wh_error_name(int code);  /* "invalid" */
WH_API const char *wh_error_group(int code); /* "usage" */
WH_API const char *wh_error_text(int code);  /* "a value is not allowed" */

/* What the last failed call of this thread had to say: the field, what was
 * found, what was expected. Never holds a secret. Valid until the thread's next
 * call that fails; "" before the first. */
WH_API const char *wh_last_error(void);

/* Frees what a function of this library handed over. NULL does nothing. */
WH_API void wh_free(void *memory);

/* ------------------------------------------------------------------- limits */

/* Every limit, its default and what it bounds. All can be changed in
 * wh_options.limits (0 there means the default); none is infinite. */
#define WH_LIMITS(X) \
    X(payload_bytes, 1048576, "one event's payload") \
    X(json_depth, 64, "nesting of arrays and objects") \
    X(batch_events, 10000, "events in one wh_publish_batch") \
    X(rule_source_bytes, 65536, "one rule's source") \
    X(rule_memory_bytes, 8388608, "memory of one rule") \
    X(rule_cpu_ms, 50, "CPU time of one run of a rule") \
    X(response_read_bytes, 65536, "read of one response, then the connection is closed") \
    X(response_kept_bytes, 4096, "kept of one response") \
    X(response_header_bytes, 16384, "headers of one response") \
    X(subscription_bytes, 262144, "one subscription's document") \
    X(subscriptions, 1000000, "subscriptions of one store") \
    X(page_items, 1000, "items of one page of a list") \
    X(memory_bytes, 67108864, "payloads kept in memory between accept and first attempt") \
    X(in_flight, 1024, "requests at once of one worker") \
    X(connections, 4096, "connections of one worker, idle ones included")

typedef struct wh_limits {
#define WH_X(name, value, what) int64_t name;
    WH_LIMITS(WH_X)
#undef WH_X
} wh_limits;

/* ------------------------------------------------------------------- opening */

typedef struct wh_engine wh_engine;
typedef struct wh_rule_engine wh_rule_engine; /* webhook_backend.h, webhook_rule.h */
typedef struct wh_clock wh_clock;             /* webhook_backend.h */

enum wh_durability {
    WH_FULL = 0, /* every commit is on the disk before the call returns */
    WH_NORMAL,   /* survives a crash of the process; a power cut may lose the last commits */
};

enum wh_level { WH_LOG_ERROR = 1, WH_LOG_WARNING, WH_LOG_INFO, WH_LOG_DEBUG };

/* One line, without a line end and without secrets. Called from any thread of
 * the engine; must not call back into the engine. */
typedef void (*wh_log_fn)(int level, const char *line, void *payload);

/* Options of wh_open. Begin with WH_OPTIONS_INIT; what stays 0 is the default.
 * The engine copies what it keeps; pointers to a clock or a rule engine must
 * outlive it. */
typedef struct wh_options {
    unsigned version;                /* 1 */
    int durability;                  /* enum wh_durability */
    wh_limits limits;                /* 0 in a field: the default */
    const char *const *allow;        /* address ranges that are delivered to although the policy
                                        refuses them: "127.0.0.1", "10.1.0.0/16", "fd00::/8" */
    size_t allow_count;
    int64_t connect_timeout;         /* ms, default 5000 */
    int64_t timeout;                 /* ms for a whole attempt, default 15000 */
    int64_t retain;                  /* ms that a delivered event is kept, default 7 days */
    int64_t retain_failed;           /* ms that an event with a failed delivery is kept, default 30 days */
    int64_t disable_after;           /* ms of nothing but failures that disable a subscription, default 5 days */
    const char *user_agent;          /* default "webhook/0.1.0" */
    const char *ca_file;             /* PEM bundle; default: the system's */
    const wh_rule_engine *rules;     /* NULL: subscriptions with a rule are refused */
    const wh_clock *clock;           /* NULL: the machine's */
    wh_log_fn log;
    void *log_payload;
} wh_options;

#define WH_LIMIT_ZERO(name, value, what) 0,
#define WH_OPTIONS_INIT { 1, 0, { WH_LIMITS(WH_LIMIT_ZERO) }, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/* Opens, and creates if need be, the store: a file name for SQLite, ":memory:"
 * for one that ends with the engine. Several engines, also of other processes
 * on this machine, may have one file open. options may be NULL.
 * The file may be the database of your program: the engine's tables, which begin
 * with "webhook_", are made beside yours, and it is switched to WAL. So a row that
 * you insert into webhook_outbox in a transaction of your own becomes an event when
 * that transaction commits. Its texts must be UTF-8, SQLite's default.
 * Errors: invalid, memory, store, corrupt, version, locked. */
WH_API int wh_open(wh_engine **out, const char *store, const wh_options *options);

/* Stops the threads, waits for what is being written, hands work that is not
 * finished back to the store and frees the engine. Requests in flight are cut
 * off; they will be made again. Call it once, when no other call runs. NULL does
 * nothing. */
WH_API void wh_close(wh_engine *engine);

/* -------------------------------------------------------------- subscriptions */

#define WH_ID_SIZE 72 /* any id of this library and its zero byte */

/* A subscription's document (* written by the engine, refused nowhere, ignored
 * on input):
 *
 *   id*          "sub_…"
 *   url          where to POST: http or https, no user info. Required.
 *   events       ["order.*"]: exact types, "*", "prefix.*", "prefix:*"; none means all
 *   tenant       only events of this tenant; "" by default
 *   name         free text
 *   rule         Lua source, see the README's chapter on rules
 *   fields       "id,customer.email,items(sku,price)": what to keep of the payload
 *   filters      {"customer.country": "DE"}: paths that must have this value
 *   on_rule_error  "hold" (default), "skip" or "send"
 *   headers      {"X-Env": "test"}: sent with each request; reserved names are refused
 *   metadata     any JSON object, for you and for rules (`subscription.meta`)
 *   paused       true: events are not taken for it; what waits, waits
 *   secrets      ["whsec_…", "whsk_…"]: each signs. Made if absent. Only the
 *                answers of wh_subscribe and wh_subscription_secrets carry them
 *   retry        [0, 5000, 300000]: ms before each attempt; default see README
 *   timeout      ms for a whole attempt
 *   concurrency  requests at once to this subscription, 1 to 1000, default 64
 *   insecure     true: the receiver's certificate is not checked
 *   http2        true: HTTP/2 if the receiver offers it (https only)
 *   version*     1, 2, …: each change makes one; deliveries name theirs
 *   disabled*    null, or why the engine switched it off: "gone", "failing", "rule"
 *   created_at*, updated_at*   "2026-11-21T10:00:00.000Z"
 */

/* Makes a subscription of a document; id receives its id (WH_ID_SIZE bytes, may
 * be NULL). Errors: json, invalid (names the field and what was expected), limit,
 * rule_syntax (with the line), rule_engine, store. */
WH_API int wh_subscribe(wh_engine *engine, const char *document, size_t size, char *id);

/* The document, to be freed with wh_free. Without secrets. not_found. */
WH_API int wh_subscription(wh_engine *engine, const char *id, char **out, size_t *size);

/* The document as a former version had it, without secrets. not_found. */
WH_API int wh_subscription_version(wh_engine *engine, const char *id, int64_t version, char **out, size_t *size);

/* {"secrets":["whsec_…"],"public_keys":["whpk_…"]}. Guard it. not_found. */
WH_API int wh_subscription_secrets(wh_engine *engine, const char *id, char **out, size_t *size);

/* Changes the fields that the document names; null takes a field back to its
 * default. {"paused":false} also clears `disabled`. Deliveries that exist keep
 * their bytes; those that a failing rule held back are tried with a changed rule.
 * Errors: as wh_subscribe, and not_found. */
WH_API int wh_subscription_update(wh_engine *engine, const char *id, const char *document, size_t size);

/* Deletes it; its deliveries that wait are dropped. not_found. */
WH_API int wh_subscription_delete(wh_engine *engine, const char *id);

/* ------------------------------------------------------------------ publishing */

typedef struct wh_event {
    unsigned version;    /* 1 */
    const char *id;      /* idempotency key: 1 to 64 of A-Z a-z 0-9 . _ : - ; NULL: made.
                            No digits alone behind a full stop ("a.1"): the signature
                            joins id and time by one */
    const char *type;    /* "order.paid": 1 to 128 of A-Z a-z 0-9 . _ : - / */
    const char *tenant;  /* same letters as the id, NULL or "" for none */
    int64_t time;        /* ms; 0: now */
    const char *payload; /* JSON, kept byte for byte */
    size_t payload_size; /* or WH_ZSTR */
} wh_event;

#define WH_EVENT_INIT { 1, NULL, NULL, NULL, 0, NULL, 0 }

typedef struct wh_receipt {
    char id[WH_ID_SIZE];
    int duplicate; /* 1: this id was published before; the first one stands */
} wh_receipt;

/* Accepts an event: durable when it returns. receipt may be NULL. Calls of
 * several threads share commits. Errors: invalid, json, limit, memory, closed,
 * store, full. */
WH_API int wh_publish(wh_engine *engine, const wh_event *event, wh_receipt *receipt);

/* Accepts all of the events in one commit, or none. receipts: count of them, or
 * NULL. An error's message begins with "event 3: ", counted from 0. */
WH_API int wh_publish_batch(wh_engine *engine, const wh_event *events, size_t count, wh_receipt *receipts);

/* ------------------------------------------------------------------------ work */

/* Does what can be done now, without waiting: takes new events, runs rules,
 * sends, reads answers, records. Returns how many things it did, 0 when there
 * was nothing, or an error. One thread at a time (busy). */
WH_API int wh_step(wh_engine *engine);

/* A descriptor that becomes readable when wh_step has something to do. It stays
 * the same and belongs to the engine. */
WH_API int wh_fd(wh_engine *engine);

/* Milliseconds until wh_step has something to do by the clock, 0 for now, -1 if
 * only the descriptor can tell. Call it after wh_step. */
WH_API int wh_timeout(wh_engine *engine);

/* Steps until nothing is due: all that was published has been attempted, retries
 * that wait for their time are left waiting. Returns 0 or an error. */
WH_API int wh_run(wh_engine *engine);

/* Starts worker threads (1 to 64) that do all this until wh_stop or wh_close.
 * Once. Errors: invalid, busy, memory. */
WH_API int wh_start(wh_engine *engine, unsigned threads);

/* Stops the threads of wh_start: finishes what is in flight for at most grace
 * milliseconds, cuts off the rest (it will be sent again). */
WH_API int wh_stop(wh_engine *engine, int64_t grace);

/* 1 when nothing is due: no event to fan out, nothing in flight, nothing to
 * record, no delivery whose time has come. 0 if there is. Any thread. */
WH_API int wh_idle(wh_engine *engine);

/* ------------------------------------------------------------------ looking back */

/* What to list; begin with WH_QUERY_INIT, what stays NULL or 0 does not restrict. */
typedef struct wh_query {
    unsigned version;         /* 1 */
    const char *tenant;       /* subscriptions, events */
    const char *subscription; /* deliveries: by subscription id */
    const char *event;        /* deliveries, attempts: by event id */
    const char *type;         /* events: exact type */
    const char *state;        /* deliveries: waiting, sending, delivered, exhausted, held, cancelled;
                                 subscriptions: enabled, paused, disabled */
    int64_t since, until;     /* events, deliveries: by the event's time of acceptance */
    int64_t limit;            /* items of the page, default 100 */
    const char *cursor;       /* "next" of the page before */
} wh_query;

#define WH_QUERY_INIT { 1, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL }

/* Each gives a page {"items":[…],"next":"…" or null}, newest first, to be freed
 * with wh_free. One page looks at no more than a bounded number of rows, so a
 * page may hold fewer items than asked, even none, and still have a next one.
 * query may be NULL. Errors: invalid, not_found, store, memory.
 *
 * event     {"id","type","tenant","time","accepted_at","pending"}; wh_event_get adds "payload"
 * delivery  {"id","event","subscription","type","version","state","attempts",
 *            "created_at","due_at","updated_at","status","error"}
 * attempt   {"delivery","n","at","duration_ms","status","code","error","response"} */
WH_API int wh_subscriptions(wh_engine *engine, const wh_query *query, char **out, size_t *size);
WH_API int wh_events(wh_engine *engine, const wh_query *query, char **out, size_t *size);
WH_API int wh_deliveries(wh_engine *engine, const wh_query *query, char **out, size_t *size);

/* The attempts of one delivery, oldest first, as a page. */
WH_API int wh_attempts(wh_engine *engine, const char *delivery, char **out, size_t *size);

/* One record as a document. not_found. */
WH_API int wh_event_get(wh_engine *engine, const char *id, char **out, size_t *size);
WH_API int wh_delivery(wh_engine *engine, const char *id, char **out, size_t *size);

/* The exact bytes that a delivery sends. not_found. */
WH_API int wh_delivery_body(wh_engine *engine, const char *id, char **out, size_t *size);

/* Sends one delivery again, from the start of its retry list, whatever its state
 * (conflict while it is being sent). */
WH_API int wh_replay(wh_engine *engine, const char *delivery);

/* Sends again all deliveries that the query names (state defaults to
 * "exhausted"); count receives how many, may be NULL. */
WH_API int wh_replay_query(wh_engine *engine, const wh_query *query, int64_t *count);

/* ------------------------------------------------------------ secrets, signatures */

#define WH_SECRET_SIZE 128 /* any secret or key that this library makes, and its zero byte */

/* A fresh symmetric secret of 24 random bytes, "whsec_…". */
WH_API int wh_secret(char out[WH_SECRET_SIZE]);

/* A fresh ed25519 pair, "whsk_…" and "whpk_…". */
WH_API int wh_secret_pair(char secret[WH_SECRET_SIZE], char public_key[WH_SECRET_SIZE]);

/* The value of the `webhook-signature` header of Standard Webhooks: one
 * signature per secret, in order, space-separated. "whsec_…" (or bare base64)
 * signs v1, "whsk_…" v1a. timestamp is in seconds. out is freed with wh_free.
 * Errors: invalid, secret, memory. */
WH_API int wh_sign(const char *const *secrets, size_t count, const char *id, int64_t timestamp,
                   const void *body, size_t size, char **out);

typedef struct wh_header {
    const char *name; /* compared without regard to case */
    const char *value;
} wh_header;

/* Checks a request that was received against Standard Webhooks: headers
 * webhook-id, webhook-timestamp, webhook-signature (or svix-…). secrets may be
 * "whsec_…" and "whpk_…"; one match suffices. tolerance in seconds either way
 * (0: 300, negative: the time is not checked); now in ms, 0 for the machine's
 * clock. Compares in constant time. Errors say which check failed:
 * signature_header, _format, _old, _new, _mismatch, secret. */
WH_API int wh_verify(const char *const *secrets, size_t secret_count, const wh_header *headers, size_t header_count,
                     const void *body, size_t size, int64_t tolerance, int64_t now);

#ifdef __cplusplus
}
#endif

#endif
