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
 *   - wh_publish returns when the event is durable; nothing that it accepted is lost by a crash. Work is done by
 *     wh_step, wh_run or the threads of wh_start, never inside wh_publish.
 *   - Every function of an engine may be called from any thread, at any time between wh_open and wh_close, except
 *     where it says otherwise.
 *   - A process that forks must open its engines after the fork. In the child those of the parent are closed
 *     (WH_ECLOSED; wh_close leaves them alone), and a file that the parent has open at the fork cannot be opened:
 *     SQLite's locks would not hold.
 *   - A process may end while threads work (exit, a return from main): they leave first, which takes two seconds at
 *     most, and what was under way is made again. _exit and signals that kill lose nothing that was accepted either.
 *   - All processes of a store take turns at writing. A turn takes milliseconds; of a batch of 10,000 events half a
 *     second; of megabytes as long as the disk takes for them. A process that is stopped inside its turn (SIGSTOP, a
 *     debugger, a container that is frozen) stops all others: after 10 s their calls fail with WH_ELOCKED and change
 *     nothing; what they sent is recorded when it goes on. Reading is not held up. core/docs/operating.md says how to
 *     find that process.
 *   - 0 is success; a negative code says what failed, wh_last_error says it in words, wh_last_error_field and its
 *     like where. A call that fails changes nothing.
 *   - Records (subscription, event, delivery, attempt) cross this interface as
 *     JSON: the same documents in C, in Lua, in the command. Text is UTF-8.
 *   - Times are milliseconds since 1970-01-01 UTC; durations are milliseconds. What a caller says as seconds or
 *     microseconds is refused: times are from 1973-03-03 to the year 9999. As text they are
 *     2026-11-21T10:00:00.000Z, also with another zone, with a blank for the T, without seconds, or the date alone.
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

/* What this library was built with: {"version":"0.1.0","sinks":["http","https","sqlite"]}, the schemes of URLs that
 * can be delivered to, to be freed with wh_free. Any thread. Errors: invalid, memory. */
WH_API int wh_features(char **out, size_t *size);

/* What stays, and what does not
 *
 * A program that was built against this header runs with every later library of the same soname (libwebhook.so.1),
 * without being built again. So long as that number stays, functions keep their meaning and their arguments, codes
 * and constants their numbers, structs what they have; functions, codes and members of structs are added. When one
 * of these cannot be kept, the soname's number moves, which in 0.x a minor version may do (0.2.0) and a patch
 * (0.1.1) never does; from 1.0.0 on a major version alone. Building again may need changes then;
 * core/docs/changes.md names them. What webhook_backend.h has is promised to programs that are built again with each
 * minor version.
 *
 * Structs begin with their size, which WH_…_INIT sets; that is how both sides know what the other one has. Members are
 * appended, never moved or taken away, and 0 or NULL in a member is its default. Of a struct from a program with an
 * older header the library takes what there is. What a newer one has beyond that is fine while it is 0; if it is set,
 * the call fails (invalid, field "size", and of a struct that hangs on another "limits.size", "clock.size",
 * "rules.size") rather than leave out what was asked for. Into a struct that is to be filled it writes no further
 * than its size, and 0 where it knows nothing. wh_header and wh_receipt have no size and stay as they are. A program
 * that fills a struct without its _INIT sets the size itself. */

/* As a size: the text ends at its zero byte. */
#define WH_ZSTR ((size_t)-1)

/* ------------------------------------------------------------------ errors */

/* One table: code, name, group. A caller acts on the group: mend the call
 * (usage), send less (limit), look at the disk (store), wait (network, remote),
 * tell the rule's owner (rule), refuse the request (signature). */
#define WH_ERRORS(X)                                                                                                   \
    X(WH_EINVALID, -101, "invalid", "usage", "a value is not allowed")                                                 \
    X(WH_ENOTFOUND, -102, "not_found", "usage", "no such record")                                                      \
    X(WH_ECONFLICT, -103, "conflict", "usage", "the record's state forbids this")                                      \
    X(WH_ECLOSED, -104, "closed", "usage", "the engine is closed or stopping")                                         \
    X(WH_EJSON, -105, "json", "usage", "the text is not JSON")                                                         \
    X(WH_EBUSY, -106, "busy", "usage", "another thread does this already")                                             \
    X(WH_ELIMIT, -201, "limit", "limit", "larger than a limit allows")                                                 \
    X(WH_ENOMEM, -202, "memory", "limit", "out of memory")                                                             \
    X(WH_ERESOURCE, -203, "resource", "limit", "the system has no descriptor, port or thread left")                    \
    X(WH_EQUOTA, -204, "quota", "limit", "the tenant has stored what it may")                                          \
    X(WH_ESTORE, -301, "store", "store", "the store failed")                                                           \
    X(WH_EFULL, -302, "full", "store", "the disk is full")                                                             \
    X(WH_ELOCKED, -303, "locked", "store", "the store is locked by another process")                                   \
    X(WH_ECORRUPT, -304, "corrupt", "store", "the file is not a store, or damaged")                                    \
    X(WH_EVERSION, -305, "version", "store", "the store was made by a newer version")                                  \
    X(WH_EMOVED, -306, "moved", "store", "the store's file was moved, removed or replaced")                            \
    X(WH_EKEY, -307, "key", "store", "a key that opens the store's secrets is missing, or another one")                \
    X(WH_ERESOLVE, -401, "resolve", "network", "the host name has no address")                                         \
    X(WH_ECONNECT, -402, "connect", "network", "no connection")                                                        \
    X(WH_ETLS, -403, "tls", "network", "the TLS handshake or certificate failed")                                      \
    X(WH_ETIMEOUT, -404, "timeout", "network", "no answer in time")                                                    \
    X(WH_EADDRESS, -405, "address", "network", "the host has no address that may be reached")                          \
    X(WH_EIO, -406, "io", "network", "the connection broke, or did not speak HTTP")                                    \
    X(WH_ESTATUS, -501, "status", "remote", "the receiver answered with a failure")                                    \
    X(WH_EREDIRECT, -502, "redirect", "remote", "the receiver redirects, which is not followed")                       \
    X(WH_EGONE, -503, "gone", "remote", "the receiver answered 410 Gone")                                              \
    X(WH_ERULE_SYNTAX, -601, "rule_syntax", "rule", "the rule does not compile")                                       \
    X(WH_ERULE_RUNTIME, -602, "rule_runtime", "rule", "the rule raised an error")                                      \
    X(WH_ERULE_TIME, -603, "rule_time", "rule", "the rule used its CPU time up")                                       \
    X(WH_ERULE_MEMORY, -604, "rule_memory", "rule", "the rule used its memory up")                                     \
    X(WH_ERULE_RESULT, -605, "rule_result", "rule", "the rule's result is not allowed")                                \
    X(WH_ERULE_ENGINE, -606, "rule_engine", "rule", "this engine was opened without a rule engine")                    \
    X(WH_ESIG_HEADER, -701, "signature_header", "signature", "a signature header is missing")                          \
    X(WH_ESIG_FORMAT, -702, "signature_format", "signature", "a signature header cannot be read")                      \
    X(WH_ESIG_OLD, -703, "signature_old", "signature", "the timestamp is too old")                                     \
    X(WH_ESIG_NEW, -704, "signature_new", "signature", "the timestamp is in the future")                               \
    X(WH_ESIG_MISMATCH, -705, "signature_mismatch", "signature", "no signature matches")                               \
    X(WH_ESECRET, -706, "secret", "signature", "a secret cannot be read")                                              \
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
 * found, what was expected. One line, without a secret. Valid until the thread's next call of this
 * library, but for wh_free and the wh_error_… and wh_last_error… functions: a call that succeeds
 * may change it, too. "" before the first failure. */
WH_API const char *wh_last_error(void);

/* Its parts, for programs: nobody needs to read a sentence. Of the same failure, of the same
 * thread and as long valid. A function that fails sets all of them.
 *   field   the argument, option or member that is wrong, as its caller writes it: "type",
 *           "headers.X-Env", "limits.in_flight"; "" when it is none
 *   index   which item of the field where that is a list ("secrets", "events", "allow"), or which
 *           event of a wh_publish_batch; counted from 0, -1 for none
 *   line    of the rule's source, counted from 1; 0 for none */
WH_API const char *wh_last_error_field(void);
WH_API int64_t wh_last_error_index(void);
WH_API int64_t wh_last_error_line(void);

/* Frees what a function of this library handed over. NULL does nothing. */
WH_API void wh_free(void *memory);

/* ------------------------------------------------------------------- limits */

/* Every limit, its default and what it bounds. All can be changed in
 * wh_options.limits (0 there means the default); none is infinite. Those that say what may be stored (payload_bytes,
 * subscription_bytes, subscriptions) are the store's, and 0 means what it says: see wh_settings.
 *
 * connections and in_flight follow the machine, as it is at wh_open: `connections` is three quarters of the files that
 * the process may have open (the soft limit of RLIMIT_NOFILE), or an eighth of the memory at 64 KiB each, or 16,384,
 * whichever is least, and 16 at least; `in_flight` is half of `connections`, or 1,024 where there are as many, else all
 * of them. With 1,024 files both are 768; with 20,000 they are 15,000 and 7,500. Each worker has as many: raise the
 * soft limit for many receivers, since one whose connection had to be closed costs three times as much. Where there is
 * no descriptor left, deliveries wait, and no attempt is counted. */
#define WH_LIMITS(X)                                                                                                   \
    X(payload_bytes, 1048576, "one event's payload")                                                                   \
    X(json_depth, 64, "nesting of arrays and objects")                                                                 \
    X(batch_events, 10000, "events in one wh_publish_batch")                                                           \
    X(rule_source_bytes, 65536, "one rule's source")                                                                   \
    X(rule_memory_bytes, 8388608, "memory of one rule")                                                                \
    X(rule_cpu_ms, 50, "CPU time of one run of a rule")                                                                \
    X(rule_failures, 100, "failures of a rule in a row, then its subscription is disabled")                            \
    X(response_read_bytes, 65536, "read of one response, then the connection is closed")                               \
    X(response_kept_bytes, 4096, "kept of one response")                                                               \
    X(response_header_bytes, 16384, "headers of one response")                                                         \
    X(subscription_bytes, 262144, "one subscription's document")                                                       \
    X(subscriptions, 1000000, "subscriptions of one store")                                                            \
    X(page_items, 1000, "items of one page of a list")                                                                 \
    X(memory_bytes, 67108864, "payloads kept in memory between accept and first attempt")                              \
    X(in_flight, 0, "requests at once of one worker; 0: by connections")                                               \
    X(connections, 0, "connections of one worker, idle ones included; 0: by files and memory")                         \
    X(rules_bytes, 67108864, "compiled rules kept by one thread")

typedef struct wh_limits {
    size_t size; /* WH_LIMITS_INIT */
#define WH_X(name, value, what) int64_t name;
    WH_LIMITS(WH_X)
#undef WH_X
} wh_limits;

#define WH_LIMIT_ZERO(name, value, what) 0,
#define WH_LIMITS_INIT                                                                                                 \
    { sizeof(wh_limits), WH_LIMITS(WH_LIMIT_ZERO) }

/* ------------------------------------------------------------------- opening */

#define WH_ID_SIZE 72      /* any id of this library and its zero byte */
#define WH_SECRET_SIZE 128 /* any secret, key or token that this library makes, and its zero byte */

typedef struct wh_engine wh_engine;
typedef struct wh_rule_engine wh_rule_engine; /* webhook_backend.h, webhook_rule.h */
typedef struct wh_clock wh_clock;             /* webhook_backend.h */

enum wh_durability {
    WH_FULL = 0, /* every commit is on the disk before the call returns */
    WH_NORMAL,   /* survives a crash of the process; a power cut may lose the last commits */
};

enum wh_level { WH_LOG_ERROR = 1, WH_LOG_WARNING, WH_LOG_INFO, WH_LOG_DEBUG };

/* One line, without a line end and without secrets. Called from any thread of the engine; must not call back into the
 * engine. A line that comes again within a minute is counted instead: "41 more times: …" says so when the minute is
 * over, with the next line, or when the engine is closed. */
typedef void (*wh_log_fn)(int level, const char *line, void *payload);

/* The same with its parts, for who writes JSON or counts: valid during the call. */
typedef struct wh_log_field {
    const char *name; /* "subscription", "event", "status", "failures", "error", … */
    const char *text; /* NULL: it is the number */
    int64_t number;   /* names that end in _at and _since: ms since 1970 */
} wh_log_field;

typedef struct wh_log_record {
    size_t size;
    const char *message; /* the same words each time: "subscription is failing" */
    const char *line;    /* the message and the fields behind it, as wh_log_fn gets it */
    const wh_log_field *fields;
    size_t field_count;
    int64_t time; /* ms */
    int64_t level;
} wh_log_record;

typedef void (*wh_log_record_fn)(const wh_log_record *record, void *payload);

/* Options of wh_open. Begin with WH_OPTIONS_INIT; what stays 0 is the default.
 * The engine copies what it keeps, of a clock and a rule engine too; what their
 * payloads point to must outlive it. */
typedef struct wh_options {
    size_t size;              /* WH_OPTIONS_INIT */
    int durability;           /* enum wh_durability */
    const wh_limits *limits;  /* NULL, or 0 in a field: the default; copied */
    const char *const *allow; /* address ranges that are delivered to although the policy
                                 refuses them: "127.0.0.1", "10.1.0.0/16", "fd00::/8" */
    size_t allow_count;
    int64_t connect_timeout;     /* ms, default 5000 */
    int64_t timeout;             /* ms for a whole attempt, default 15000 */
    int64_t retain;              /* ms that a delivered event is kept; 0: as the store says, see wh_settings */
    int64_t retain_failed;       /* the same of an event with a failed delivery */
    int64_t disable_after;       /* ms of nothing but failed attempts that disable a subscription, default 5 days; a gap
                                    of more than a quarter of it between two of them does not count */
    const char *user_agent;      /* default "webhook/0.1.0" */
    const char *ca_file;         /* PEM bundle; default: the system's */
    const wh_rule_engine *rules; /* NULL: subscriptions with a rule are refused */
    const wh_clock *clock;       /* NULL: the machine's */
    wh_log_fn log;
    void *log_payload;           /* of both */
    wh_log_record_fn log_record; /* not NULL: called in place of log */
    int64_t log_level;           /* WH_LOG_ERROR to WH_LOG_DEBUG, which tells of each attempt; default WH_LOG_INFO */
    const char *key_file;        /* keys that encrypt the store's secrets, see wh_rotate_key; NULL: none */
    const char *transport;       /* "auto", the default: HTTP/1.1 of the library's own over libcurl's connections, and
                                    libcurl for what is out of the ordinary; "libcurl": that for everything */
    const char *const *files;    /* folders in which a subscription may write a database ("sqlite:/path"), and no folder
                                    of the store's: absolute; NULL: files are delivered to nowhere */
    size_t file_count;
    const char *proxy; /* by which deliveries leave that have none of their own: a subscription's `proxy`, the object as
                          JSON, or its url alone: "http://10.0.0.1:3128"; NULL: none, whatever the environment says */
} wh_options;

#define WH_OPTIONS_INIT                                                                                                \
    {                                                                                                                  \
        sizeof(wh_options), 0, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL,  \
            NULL, 0, NULL                                                                                              \
    }

/* The life of an engine
 *
 *   rests     after wh_open and wh_stop: accepts events, and makes no delivery. It has nothing in
 *             memory that the store does not have
 *   steps     one thread is in wh_step or wh_run
 *   works     the threads of wh_start do what wh_step does
 *
 * From rest wh_step, wh_run and wh_start lead on; who finds another one busy is told so (busy). All
 * other functions may be called in each state and while it changes. An engine that begins to work
 * takes a row in the store and counts a beat in it, from a thread of its own that commits for those
 * who must not wait; what it has in work bears the row's number. When the beat stands still during
 * three beats of another engine (six to eight seconds), that one takes the row away and does the
 * work: so it is when a process dies or is paused for long. Who comes back finds his row gone at the
 * next commit, and drops what others have by now. A step engine beats while somebody calls wh_step at
 * least every ten seconds; else it gives its work back until it is stepped again.
 *
 * A host that leaves main or calls exit while threads work needs to do nothing: they leave before the
 * libraries that they use are torn down. */

/* Opens, and creates if need be, the store: a file name for SQLite ("orders.db", or
 * "sqlite:orders.db"), ":memory:" for one that ends with the engine. What stands behind "sqlite:" is
 * a path, as a name without a scheme is, and never a URI: "file:a.db" is a file of that name, and
 * "sqlite://…" is refused. Schemes have no case. A name that begins with another scheme
 * ("postgresql://…") names a back end that this library does not have: invalid. Several engines, also of
 * other processes on this machine, may have one file open. options may be NULL. The file may be the database of your
 * program: the engine's tables, which begin with "webhook_", are made beside yours, and it is switched to WAL. So a row
 * that you insert into webhook_outbox in a transaction of your own becomes an event when that transaction commits. Its
 * texts must be UTF-8, SQLite's default. Errors: invalid, memory, store, full, corrupt, version, locked, key. */
WH_API int wh_open(wh_engine **out, const char *store, const wh_options *options);

/* Stops the threads, waits for what is being written, hands work that is not
 * finished back to the store and frees the engine. Requests in flight are cut
 * off; they will be made again. Call it once, when no other call runs. NULL does
 * nothing. */
WH_API void wh_close(wh_engine *engine);

/* How long events are kept is the store's, and holds for all who have it open: `retain` and `retain_failed`, 7 and 30
 * days where nobody said so. So are the limits of what may be stored, `payload_bytes`, `subscription_bytes` and
 * `subscriptions`. The first engine that is opened with a value in wh_options writes it; one that comes with another
 * value goes by the store's, and a warning in its log says so. wh_settings gives what holds:
 * {"retain":604800000,"retain_failed":2592000000,"payload_bytes":1048576,"subscription_bytes":262144,
 * "subscriptions":1000000,"tenant_quota_events":null,"tenant_quota_bytes":null,"tenant_cpu_ms":null}, to be freed with
 * wh_free; the last three are each tenant's that has none of its own, null: no bound, see wh_tenant. wh_settings_set
 * changes what the document names, null back to the default: each process deletes by that from then on, and accepts by
 * it within a tenth of a second. What is stored stays, also where it is larger than a limit that was lowered; what a
 * rule makes is bounded by payload_bytes as it was when its process opened the store. WH_SETTINGS has their names, each
 * as a constant has it and as documents do. Errors: json, invalid, store. */
#define WH_SETTINGS(X)                                                                                                 \
    X(RETAIN, retain)                                                                                                  \
    X(RETAIN_FAILED, retain_failed)                                                                                    \
    X(PAYLOAD_BYTES, payload_bytes)                                                                                    \
    X(SUBSCRIPTION_BYTES, subscription_bytes)                                                                          \
    X(SUBSCRIPTIONS, subscriptions)                                                                                    \
    X(TENANT_QUOTA_EVENTS, tenant_quota_events)                                                                        \
    X(TENANT_QUOTA_BYTES, tenant_quota_bytes)                                                                          \
    X(TENANT_CPU_MS, tenant_cpu_ms)
WH_API int wh_settings(wh_engine *engine, char **out, size_t *size);
WH_API int wh_settings_set(wh_engine *engine, const char *document, size_t size);

/* Secrets in the store. Without key_file they are in clear. With it the secrets, headers, auth, tls and proxy of
 * subscriptions, of former versions too, tenants' secrets and documents of sources are encrypted (AES-256-GCM) whenever
 * they are written. The file has a key a line, an id and 32 bytes as base64; empty lines and those that begin with #
 * are passed over. The first key encrypts, each decrypts. The file is read by wh_open alone; a warning in the log says
 * that others than its owner may read it. A store that has a key is opened by those alone who have it, too: else
 * wh_open fails (key) and names its id. A process without key_file that had the store open before can read nothing that
 * is encrypted, and change no subscription (key). Subscriptions that a process cannot read are left out by it until it
 * can: nothing is delivered to them, what waits for them stays, the log says so once, and wh_stats counts them
 * (unreadable). Who encrypts by a key that a rotation has taken out of the store since is refused (key).
 *
 * wh_rotate_key encrypts by the first key all that is not: what is in clear, and what another key encrypted. Some
 * hundreds of values are a commit, others work meanwhile, and where it is interrupted another call goes on. count,
 * which may be NULL, receives how many values' rows it wrote, also with an error. When it returns 0, the other keys may
 * leave the file. Errors: invalid (no key_file), key, corrupt (names the row and its member), conflict (another
 * process encrypts by another key still), of the store. */
WH_API int wh_rotate_key(wh_engine *engine, int64_t *count);

/* A fresh line of a key file: the id, and 32 random bytes. id: 1 to 32 of A-Z a-z 0-9 . _ -; NULL: the day,
 * "2026-11-21". Errors: invalid, internal. */
WH_API int wh_store_key(const char *id, char out[WH_SECRET_SIZE]);

/* -------------------------------------------------------------- subscriptions */

/* A subscription's document (* written by the engine, refused nowhere, ignored
 * on input):
 *
 *   id*          "sub_…"
 *   url          where deliveries go. Required. "poll:": nowhere, they are fetched by wh_fetch. http or https, without
 * user info: a POST for each. A database
 *                ("postgresql://user:password@host/name", "sqlite:/path"; which ones are built in, wh_features says): a
 *                row for each object. A queue ("amqp://user:password@host/vhost?queue=name",
 *                "redis://user:password@host/0?stream=name", "nats://user:password@host/subject",
 *                "kafka://user:password@host/topic"): a message for each, with the headers, the signature and
 *                the body that a request would have. A password is kept apart, sealed like secrets, and shown
 *                nowhere: "***" stands in its place, and leaves it as it is when it is written back with an URL that
 *                is else the same
 *   database     of a database: {"schema": null, "prefix": null, "create": "full", "removes": false, "times": false,
 *                "check": true}: the schema, and what tables' names begin with; "full": tables and columns are made,
 *                "add": columns alone, "never"; removes true: the row of a deleted object goes, which a table
 *                "_removed_..." remembers, else it says that it was deleted; times true: texts of ISO 8601 in
 *                fields that end in "_at" become times of the database. With check (not kept) the database is
 *                asked whether all that is allowed, before the subscription is made or its database changed, on the
 *                caller's thread and for five seconds at most: three are asked at once, two for one tenant, and who
 *                comes then is told `busy`.
 *   also         {"url": …, "database": …} of a database or a queue that gets all of it besides: another lane, with
 *                deliveries, an order, retries and a health of its own, so that neither waits for the other. What is
 *                read has its "id"*, by which calls know its deliveries alone, "disabled"*, "health"* and what waits*,
 *                see below; calls that name this subscription mean both. It counts as one more subscription. null:
 *                nothing. Not with single_use
 *   twin_of*     of what "also" is: the subscription that says so, with which it is made, changed and removed
 *   events       ["order.*"]: exact types, "*", "prefix.*", "prefix:*"; none means all
 *   tenant       only events of this tenant; "" by default; never changed
 *   source       only events of this source; null: of any and of none
 *   name         free text
 *   rule         Lua source, see lua/docs/rules.md
 *   fields       "id,customer.email,items(sku,price)": what to keep of the payload
 *   filters      {"customer.country": "DE", "total": {"$gte": 100}}: conditions on paths, all of which must hold, 100
 *                at most. At a path stands a value; a list, of which any; operators: $eq $ne $in $nin, $gt $gte $lt
 *                $lte (numbers exactly, or texts), $startsWith $endsWith $contains (a part of a text, or an item of
 *                an array), $exist; $or $and (a list) and $not of such; or an object of further paths, which in an
 *                array all hold of one item. $or, $and and $not also stand beside paths. A text holds for a number
 *                written the same way
 *   on_rule_error  "hold" (default), "skip" or "send"
 *   headers      {"X-Env": "test"}: sent with each request; reserved names are refused
 *   auth         how the receiver is logged in to, see below; null: not at all
 *   tls          {"certificate","key","ca","pin"}: texts of PEM, the first two for a receiver that asks for a client's
 *                certificate, `ca` whom to trust for this receiver, and nobody else; pin: "sha256//" and the base64 of
 *                the SHA-256 of its public key, several with ; between, as CURLOPT_PINNEDPUBLICKEY has it. Connections
 *                are shared with nobody whose tls says anything else
 *   proxy        {"url": "http://10.0.0.1:3128", "username", "password"}: by which requests leave; http, https, or
 *                socks5, which resolves names too; null: wh_options.proxy
 *   content_type "application/cloudevents+json"; null: application/json
 *   compress     "gzip": bodies of 1,024 bytes or more are compressed, if that makes them smaller, with
 *                Content-Encoding. They are signed as they were before: a receiver verifies what it has unpacked
 *   signature    how requests are signed in place of Standard Webhooks: "github", "shopify", "slack", "stripe", "svix",
 *                or a form, see webhook_sign.h. The secrets' kind is the form's: any text, or base64
 *   metadata     any JSON object, for you and for rules (`subscription.meta`)
 *   paused       true: events are not taken for it; what waits, waits. "hold": they are taken, and wait, too, a row
 *                each, however many, and no event is deleted meanwhile that one waits for; when it is resumed they go
 *                out, in their order. true leaves one that holds as it is; "drop" makes it one that does not
 *   secrets      ["whsec_…", "whsk_…"]: each signs. Made if absent. Only the
 *                answers of wh_subscribe and wh_subscription_secrets carry them
 *   retry        [0, 5000, 300000]: ms before each attempt; default: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h,
 *                20 h, 24 h. Or lists by type, of which the first that is for an event's type counts:
 *                [{"events": ["order.*"], "delays": [0, 5000], "within": 3600}, {"delays": [0]}], 32 at most; without
 *                "events" for all types, without "delays" the default's; "within" (1 to 31622400 seconds after the
 *                delivery was made) lets no attempt begin later
 *   retry_on     ["network", "timeout", "3xx", "4xx", "5xx", 429]: which failures are tried again; all others are given
 *                up at once, []: every one. "network" is a name without an address, no connection, a failure of TLS,
 *                one that broke; statuses are 300 to 599. null: all are tried again. What 410 and a profile's own
 *                answers mean they mean before
 *   jitter       percent of a delay that chance adds at most, 0 to 100, default 10; the first attempt has none
 *   timeout      ms for a whole attempt
 *   timeouts     {"connect": 2000, "answer": 5000}: ms for connecting (default: connect_timeout of wh_options), and
 *                from the beginning of the attempt to the first byte of the answer (default: as long as the whole),
 *                1 to 300000
 *   concurrency  requests at once to this subscription, 1 to 1000, default 64; of a database it says nothing: that is
 *                written in batches, of up to 500 deliveries
 *   rate         {"count": 100, "per": 60}: at most so many requests, retries and replays too, in so many seconds (1 to
 *                1000000 in 1 to 86400); null: no limit. Evenly, one each per / count, but for what has not been used:
 *                as many at once as "burst" says (1 to count, by default count). So within any such time there are at
 *                most count + burst. What waits for it is due and not failing, and wh_run waits for it, too. Exact for
 *                all processes together, since one sends for a subscription: but that one knows nothing of what was
 *                sent before it came to it, and begins with no burst then, as after a start
 *   breaker      {"failures": 50, "least": 10, "window": 60, "pause": 10, "longest": 600}: these are the defaults, {}
 *                says them all; null: none. When of the attempts within so many seconds (1 to 86400) at least so many
 *                (1 to 10000) were made and so many percent (1 to 100) have failed, it opens: nothing is sent until the
 *                pause (1 to 3600 s) is over. Then one probe goes; if it fails the pause doubles, up to longest (at
 *                least the pause, at most 86400 s), else all goes on. What waits meanwhile is not tried, so it uses up
 *                no retry list and says nothing of the receiver; wh_run does not wait for it. After a change of the
 *                subscription the next probe may go at once. It is of the process that sends: one that takes over
 *                begins with a closed one
 *   retry_budget percent: at most so many retries (1 to 1000) for each hundred deliveries, besides ten, and one more
 *                each ten seconds; null: no limit. One beyond it waits for longer than its list says
 *   order        "none" (default); "fifo": one after the other, as they were accepted;
 *                "key": so for each key, which the rule or the event gives (without a
 *                key: no order); "latest": as "key", and a newer one takes the place of
 *                those of its key that wait. The next one is sent when the one before
 *                is delivered, exhausted or cancelled; a `delay` counts only for one that has
 *                none of its key before it. The order is that of acceptance,
 *                in whichever process. A request in an order carries its number: wh_sequence
 *   single_use   true: takes one event, and is deleted when that is delivered or exhausted
 *   expires_at   events accepted from this time on are not taken; text or ms; null: never
 *   profile      "standard" (default), "unified", "truto", "callfire": body, headers,
 *                signature, retry list and successes of what is sent
 *   encoding     "hex" or "base64": the digest in signatures of "unified" (default hex) and
 *                "truto" (default base64), which do not publish it; null: that default
 *   data         "exact": "unified" sends the payload's own bytes; null: as JSON.stringify writes
 *                them where that changes no value, so that a receiver can write them anew to verify
 *   details      any JSON object: what a profile keeps of its own (object_type, ...)
 *   poll         {"type","interval","limit","history"}: it gets what a source lists of this object type, and what
 *                changes of it, read every interval (ms, 1000 to a year, default an hour); limit: most objects in a
 *                delivery; history true: what is there is sent first, which is false when all of it is. The type
 *                stays. null: it takes what is published, which one that polls does not. See webhook_source.h
 *   insecure     true: the receiver's certificate is not checked
 *   http2        true: HTTP/2 if the receiver offers it (https only)
 *   version*     1, 2, …: each change makes one; deliveries name theirs
 *   disabled*    null, or why the engine switched it off: "gone", "failing", "rule"; "used":
 *                single_use, and its event is on the way
 *   created_at*, updated_at*   "2026-11-21T10:00:00.000Z"
 *
 * auth is one of these, with texts as values:
 *
 *   {"type": "basic", "username", "password"}
 *   {"type": "bearer", "token"}
 *   {"type": "headers", "headers": {"X-Api-Key": "…"}}: up to 10; neither a rule's nor `headers` take their places
 *   {"type": "oauth2", "token_url", "client_id", "client_secret", "scope", "audience", "client_in"}: a token of
 *                client credentials (RFC 6749 4.4) is fetched with a POST, kept while it is good, shared by all with
 *                the same auth, and renewed once in an attempt that the receiver answers 401. client_in "body": id and
 *                secret stand in the form, else in Authorization. The policy judges token_url's addresses, too
 *
 * auth, tls and proxy are secrets as a whole in the store (see wh_rotate_key). In documents password, token,
 * client_secret, key and the values of auth's headers are "********"; where that is written back, what was there
 * stays, if the rest says the same as before. An url of another host, another proxy, insecure where it was
 * not, another tls.ca or tls.pin, or none any more, want auth anew: else whoever may change the one would learn the
 * other. So does insecure want the URL of a queue, in url or also, with its password.
 *
 * and how it is going, which is looked up when it is asked for (of a former version it is not there):
 *
 *   health*      "healthy"; "failing": three attempts in a row have failed, or a delivery was given
 *                up, since failing_since*; "disabled": it was switched off for that
 *   last_success_at*     null, or when an attempt succeeded: kept once in 15 minutes at most, so it
 *                may be so much later
 *   last_failure_at*, last_error*   null, or when and why an attempt failed last; kept when it has recovered
 *   waiting*     deliveries that wait, counted to 100,000, in a list to 1,000 for each
 *   oldest_waiting_at*   null, or when the oldest event of those was accepted
 *   polled*      of one that polls: {"checked_at","next_at","lag","failures","healthy","suspicious","runs"}: when the
 *                last reading that succeeded began, and how many seconds ago, failures in a row, texts of the newest 20
 */

/* Connects to the database or the queue of a subscription's document ("url", "database", "events") and asks whether
 * all that it is to do is allowed; nothing is stored. For some seconds at most, on this thread. Errors: json, invalid,
 * which says what is missing. */
WH_API int wh_sink_test(wh_engine *engine, const char *document, size_t size);

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
 * default. {"paused":false} also clears `disabled`, but not "used" while
 * single_use stands. Deliveries that exist keep their bytes; those that a failing
 * rule held back are tried with a changed rule.
 * Events that were accepted before the change are decided by the version before it, however
 * late that is: its events, source, filters, rule, fields, order, on_rule_error and single_use.
 * Where they go, and whether (url, secrets, headers, concurrency, rate, paused, expires_at), is the present version's.
 * A subscription that was made after an event does not get it, one that is deleted gets none. Errors: as wh_subscribe,
 * and not_found. */
WH_API int wh_subscription_update(wh_engine *engine, const char *id, const char *document, size_t size);

/* Deletes it; its deliveries that wait are dropped. not_found. */
WH_API int wh_subscription_delete(wh_engine *engine, const char *id);

/* ------------------------------------------------------------------ publishing */

typedef struct wh_event {
    size_t size;         /* WH_EVENT_INIT */
    const char *id;      /* idempotency key of its tenant: 1 to 64 of A-Z a-z 0-9 . _ : - ; NULL: made.
                            No digits alone behind a full stop ("a.1"): the signature
                            joins id and time by one. Not of the form of a made one ("msg_" and
                            13 letters; of a poll "poll_" and 27), which nobody else's may shadow */
    const char *type;    /* "order.paid": 1 to 128 of A-Z a-z 0-9 . _ : - / */
    const char *tenant;  /* same letters as the id, NULL or "" for none */
    int64_t time;        /* ms; 0: now; from 1973-03-03, since what is smaller are seconds, to the year 9999 */
    const char *payload; /* JSON, kept byte for byte */
    size_t payload_size; /* or WH_ZSTR */
    const char *source;  /* where it comes from (a connection, a shop): same letters as the
                            type, NULL or "" for none */
    const char *key;     /* what it is about, for subscriptions with an order: 1 to 256 bytes
                            without control characters, NULL or "" for none */
} wh_event;

#define WH_EVENT_INIT                                                                                                  \
    { sizeof(wh_event), NULL, NULL, NULL, 0, NULL, 0, NULL, NULL }

typedef struct wh_receipt {
    char id[WH_ID_SIZE];
    int duplicate; /* 1: this id was published before; the first one stands */
} wh_receipt;

/* Accepts an event: durable when it returns. receipt may be NULL. Calls of
 * several threads share commits. Errors: invalid, json, limit, memory; closed: wh_close
 * has begun; of the store, whose sentences name the file: full, locked (after 10 s, see above),
 * moved, corrupt, store. An error means that the event is not accepted; but with "store", where the
 * disk fails for several seconds, it may be that nobody can see what became of the commit: the
 * sentence says so. Publish it again with the same id then: one id is accepted once. Without an id
 * in the first call the second may make a second event. */
WH_API int wh_publish(wh_engine *engine, const wh_event *event, wh_receipt *receipt);

/* Accepts all of the events, which are of one size, in one commit, or none. receipts: count of them, or
 * NULL. Errors as wh_publish; wh_last_error_index says which of them, and the sentence begins
 * with "event 3: ". */
WH_API int wh_publish_batch(wh_engine *engine, const wh_event *events, size_t count, wh_receipt *receipts);

/* Tells what became of an event of wh_publish_async. code 0: it is durable, and error NULL; else
 * receipt is NULL, and error says what failed: closed, or one of the store's, as of wh_publish.
 * Both are valid during the call. May call any function of its engine but wh_close; from within
 * wh_close nothing is begun any more, and publishing, wh_step and wh_run are told closed. */
typedef void (*wh_published_fn)(int code, const char *error, const wh_receipt *receipt, void *payload);

/* Like wh_publish, without waiting: the event is copied, committed by the writer's thread, and
 * `done` is called with the result, once, inside a later wh_step or wh_run of this engine (wh_fd
 * becomes readable). For loops that must not wait for a disk: what is published meanwhile shares
 * a commit. Events of one thread become durable in the order of these calls. What is outstanding
 * when wh_start is called is told by the wh_step or wh_run after wh_stop; at the latest wh_close
 * tells it, from within, as closed where it was not committed before.
 * Errors, at once and without a call of `done`: invalid, json, limit, memory, closed; busy where
 * the threads of wh_start do the work: there wh_publish is the one to use. Any thread. */
WH_API int wh_publish_async(wh_engine *engine, const wh_event *event, wh_published_fn done, void *payload);

/* ------------------------------------------------------------------------ work */

/* Does what can be done now: takes new events, runs rules, sends, reads answers, hands over what is
 * to be recorded. It waits for no lock, no commit and no network: what it wants written is written by
 * the writer's thread, which is made at the first call, and comes back through wh_fd. Returns how many
 * things it did, 0 when there was nothing, or an error: what time does not mend (corrupt, moved), or
 * memory. It may be called again after an error. One thread at a time (busy). */
WH_API int wh_step(wh_engine *engine);

/* A descriptor that becomes readable when wh_step has something to do. It stays
 * the same and belongs to the engine. */
WH_API int wh_fd(wh_engine *engine);

/* Milliseconds until wh_step has something to do by the clock, 0 for now, -1 if
 * only the descriptor can tell. Call it after wh_step. */
WH_API int wh_timeout(wh_engine *engine);

/* Steps until nothing is due: all that was published has been attempted, retries
 * that wait for their time are left waiting. Where deliveries fail and fall due again
 * faster than all of them can be tried, it ends when all that was due at its beginning
 * has been tried. It waits for what other engines have in work, and for the rates of subscriptions. Returns 0 or an
 * error, as wh_step. */
WH_API int wh_run(wh_engine *engine);

/* Starts worker threads (1 to 64) that do all this until wh_stop or wh_close.
 * Once. Waits for no lock: while another program holds the store they try again. After
 * an error the engine rests, as before. Errors: invalid, busy, memory, closed. */
WH_API int wh_start(wh_engine *engine, unsigned threads);

/* Stops the threads of wh_start: finishes what is in flight for at most grace
 * milliseconds, cuts off the rest (it will be sent again), and gives all of it back to the
 * store with one commit. It takes at most grace, the rest of a turn and that commit, which waits
 * for the store's lock like any other. Where that fails (a full disk), the work is free when
 * others notice. Nothing to stop is no error. busy: another thread starts or stops it. */
WH_API int wh_stop(wh_engine *engine, int64_t grace);

/* 1 when nothing is due in the store: no event to be decided, nothing in flight or to be
 * recorded, in this engine or in another, and also of one that died, no delivery whose
 * time has come. 0 if there is, or if the store cannot be read now. Any thread. */
WH_API int wh_idle(wh_engine *engine);

/* ------------------------------------------------------------------ looking back */

/* What to list; begin with WH_QUERY_INIT, what stays NULL or 0 does not restrict. */
typedef struct wh_query {
    size_t size;              /* WH_QUERY_INIT */
    const char *tenant;       /* subscriptions, events, deliveries */
    const char *subscription; /* deliveries: by subscription id */
    const char *event;        /* deliveries, attempts: by event id, of `tenant` if that is given */
    const char *type;         /* events: exact type */
    const char *state;        /* deliveries: waiting, delivered, exhausted, held, cancelled;
                                 subscriptions: enabled, paused, disabled, healthy, failing */
    int64_t since, until;     /* events, deliveries: by the event's time of acceptance */
    int64_t limit;            /* items of the page, default 100 */
    const char *cursor;       /* "next" of the page before */
    int64_t own;              /* 1: events of the engine's own ("webhook.*") and their deliveries, too. Without it they
                                 are left out, unless the query names an event or such a type, or, of deliveries, a
                                 subscription */
} wh_query;

#define WH_QUERY_INIT                                                                                                  \
    { sizeof(wh_query), NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL, 0 }

/* Each gives a page {"items":[…],"next":"…" or null}, newest first, to be freed with wh_free. One page looks at no
 * more than a bounded number of rows, so a page may hold fewer items than asked, even none, and still have a next
 * one. query may be NULL. Errors: invalid, not_found, store, memory.
 *
 * event     {"id","type","tenant","source","key","time","accepted_at","pending"};
 *           wh_event_get adds "payload"
 * delivery  {"id","event","subscription","type","version","state","attempts",
 *            "created_at","due_at","updated_at","status","error","key","headers"}
 * attempt   {"delivery","n","at","duration_ms","status","code","error","response"} */
WH_API int wh_subscriptions(wh_engine *engine, const wh_query *query, char **out, size_t *size);
WH_API int wh_events(wh_engine *engine, const wh_query *query, char **out, size_t *size);
WH_API int wh_deliveries(wh_engine *engine, const wh_query *query, char **out, size_t *size);

/* The attempts of one delivery, oldest first, as a page. */
WH_API int wh_attempts(wh_engine *engine, const char *delivery, char **out, size_t *size);

/* One record as a document. An event's id that several tenants gave finds the first tenant's,
 * in the order of their names. not_found. */
WH_API int wh_event_get(wh_engine *engine, const char *id, char **out, size_t *size);
WH_API int wh_delivery(wh_engine *engine, const char *id, char **out, size_t *size);

/* How it goes, for who looks on: {"version","opened_at","counts","failures","rates","work","store","databases",
 * "backlogs","sources","worst"}, to be freed with wh_free. counts and failures (by what failed: network, remote,
 * refused, other) are of this engine since it was opened, rates are per second since the call before that is at
 * least ten seconds old. store counts what waits, is due, held, exhausted, failing and disabled, each to 100,000: an
 * index entry each, a few ms at most; lag_ms is how far deciding is behind. databases has at most 100 that this
 * engine writes to: {"url","rows","set_aside","batches", "connections","busy","lag_ms","rows_per_second"}: as many
 * connections at most, batches under way, and from acceptance to the row, of the oldest in the last batch. backlogs
 * has at most 100 databases and queues for which something waits in the store, whoever writes there, that which
 * waits longest first: {"url","waiting","oldest_waiting_at", "lag_seconds"}; of the first 1,000 subscriptions that
 * go there 10,000 each are counted. sources has at most 100 that are polled (webhook_source.h). worst has the ten
 * subscriptions with the most failures in a row, and the ten tenants with the most that fail, of the first 1,000 of
 * these. Errors: store, memory. */
WH_API int wh_stats(wh_engine *engine, char **out, size_t *size);

/* The exact bytes that a delivery sends. not_found. */
WH_API int wh_delivery_body(wh_engine *engine, const char *id, char **out, size_t *size);

/* Deliveries of a subscription with the url "poll:", which are sent nowhere: they wait in the store until they are
 * fetched, in the order of acceptance. Gives at most `limit` of those that wait (0: 100; 250 at most, and about 4 MiB):
 *
 *   {"items": [{"event", "delivery", "type", "headers": {"webhook-id": …}, "body": "…"}], "cursor": "…"}
 *
 * headers and body are what would have been sent, signed now; body is a text, whose bytes are signed. cursor (NULL:
 * none) is that of a former answer: what was given with it is delivered by that, if it has not been replayed since,
 * before anything is read. What no cursor acknowledged comes again, after a kill -9 as well, and what one has never
 * again; a cursor may be given twice. Several who fetch from one subscription at once without each other's cursors get
 * the same. "cursor" of an answer without items is null. wait: ms, at most 60,000, that an empty answer is held back
 * for something to come; the calling thread waits.
 *
 * What nobody fetches within the store's retain_failed is exhausted. Until then it counts for its tenant's quota. Such
 * a subscription has no order, single_use, auth, tls or proxy, and its rule does not hold: what one held before, when
 * the url was another, stays held, and is given to nobody. Errors: invalid, not_found, conflict (its url is another),
 * of the store. */
WH_API int wh_fetch(wh_engine *engine, const char *subscription, const char *cursor, int64_t limit, int64_t wait,
                    char **out, size_t *size);

/* Sends one delivery again, from the start of its retry list, whatever its state
 * (conflict while it is being sent, or if a rule held it and its subscription is fetched by now). */
WH_API int wh_replay(wh_engine *engine, const char *delivery);

/* Sends again all deliveries that the query names (state defaults to "exhausted"; "held" runs the present rule on
 * what it held back; "waiting" sends now what waits for its time); count receives how many, may be NULL. */
WH_API int wh_replay_query(wh_engine *engine, const wh_query *query, int64_t *count);

/* How many deliveries wh_replay_query would send again now; nothing is changed. Errors: invalid, not_found, store. */
WH_API int wh_replay_count(wh_engine *engine, const wh_query *query, int64_t *count);

/* Cancels all deliveries that the query names and that wait (state "waiting", the default, or "held"): they are not
 * sent, explain tells of them as "cancelled", and a replay sends them all the same. The next one of an order has its
 * turn, and a single_use subscription goes with its only delivery. What a worker has in its hands by then may still
 * arrive, and stays cancelled here. The query names a subscription, event, type, tenant, since or until at least, and
 * no limit or cursor. Some hundreds are a commit, newest first, others work meanwhile; where it is interrupted what was
 * cancelled stays so. dry_run 1: counts alone. count, which may be NULL, receives how many, also with an error. Errors:
 * invalid, not_found, store, memory. */
WH_API int wh_cancel(wh_engine *engine, const wh_query *query, int dry_run, int64_t *count);

/* Sends what a subscription never got, since it was paused, disabled or not made yet: makes the deliveries
 * that its present version gives for stored events, due at once, and such as its failing rule holds. Of the query
 * since, until, event, type and own are used, NULL: all. Nothing is made where a delivery is, whatever its state, nor
 * of what is not fanned out yet and will be. A few events are decided and committed at a time, oldest first: what was
 * made stays when it is interrupted, and another call goes on. dry_run 1: counts alone. count, which may be NULL,
 * receives how many, also with an error. Errors: invalid (also for single_use), not_found, conflict (disabled). */
WH_API int wh_replay_missed(wh_engine *engine, const char *subscription, const wh_query *query, int dry_run,
                            int64_t *count);

/* As wh_subscribe, and what is stored already is for the new subscription too: the events that were accepted since the
 * query's `since`, or from its `event` on (its id, of the subscription's tenant), whichever of the two is there. Each
 * that it wants, by its patterns, source, filters, rule and end, is sent once, in the order of acceptance. Without an
 * order new events go beside them; with one they wait: until all of them have their deliveries, it holds (`paused`).
 * As many of them as wh_replay_missed are a commit; others work meanwhile. dry_run 1: counts, and makes nothing, also
 * no subscription. id as of wh_subscribe; count, which may be NULL, receives how many. After an error there is no
 * subscription, though some may have been sent; where the process dies, or the store fails for the deletion too, it
 * stays, with an order on hold: wh_replay_missed makes the rest. Errors: as wh_subscribe and wh_replay_missed;
 * invalid: single_use, or not one of since and event; not_found: the event. */
WH_API int wh_subscribe_since(wh_engine *engine, const char *document, size_t size, const wh_query *query, int dry_run,
                              char *id, int64_t *count);

/* A request's or an answer's header. */
typedef struct wh_header {
    const char *name; /* compared without regard to case */
    const char *value;
} wh_header;

#ifdef __cplusplus
}
#endif

#include "webhook_api.h"     /* tenants, tokens, and the HTTP API */
#include "webhook_explain.h" /* why, and what if */
#include "webhook_sign.h"    /* secrets and signatures */

#endif
