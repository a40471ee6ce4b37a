/* webhook.h as it was, for a program of that time: the declarations of the first header whose
 * structs begin with their size, without the member that each has got last. See former.c. */
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

WH_API const char *wh_version(void);

#define WH_ZSTR ((size_t)-1)

#define WH_ERRORS(X) \
    X(WH_EINVALID, -101, "invalid", "usage", "a value is not allowed") \
    X(WH_ENOTFOUND, -102, "not_found", "usage", "no such record") \
    X(WH_ECONFLICT, -103, "conflict", "usage", "the record's state forbids this") \
    X(WH_ECLOSED, -104, "closed", "usage", "the engine is closed or stopping") \
    X(WH_EJSON, -105, "json", "usage", "the text is not JSON") \
    X(WH_EBUSY, -106, "busy", "usage", "another thread does this already") \
    X(WH_ELIMIT, -201, "limit", "limit", "larger than a limit allows") \
    X(WH_ENOMEM, -202, "memory", "limit", "out of memory") \
    X(WH_ERESOURCE, -203, "resource", "limit", "the system has no descriptor, port or thread left") \
    X(WH_ESTORE, -301, "store", "store", "the store failed") \
    X(WH_EFULL, -302, "full", "store", "the disk is full") \
    X(WH_ELOCKED, -303, "locked", "store", "the store is locked by another process") \
    X(WH_ECORRUPT, -304, "corrupt", "store", "the file is not a store, or damaged") \
    X(WH_EVERSION, -305, "version", "store", "the store was made by a newer version") \
    X(WH_EMOVED, -306, "moved", "store", "the store's file was moved, removed or replaced") \
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

WH_API const char *wh_error_name(int code);
WH_API const char *wh_error_group(int code);
WH_API const char *wh_error_text(int code);

WH_API const char *wh_last_error(void);

WH_API const char *wh_last_error_field(void);
WH_API int64_t wh_last_error_index(void);
WH_API int64_t wh_last_error_line(void);

WH_API void wh_free(void *memory);

#define WH_LIMITS(X) \
    X(payload_bytes, 1048576, "one event's payload") \
    X(json_depth, 64, "nesting of arrays and objects") \
    X(batch_events, 10000, "events in one wh_publish_batch") \
    X(rule_source_bytes, 65536, "one rule's source") \
    X(rule_memory_bytes, 8388608, "memory of one rule") \
    X(rule_cpu_ms, 50, "CPU time of one run of a rule") \
    X(rule_failures, 100, "failures of a rule in a row, then its subscription is disabled") \
    X(response_read_bytes, 65536, "read of one response, then the connection is closed") \
    X(response_kept_bytes, 4096, "kept of one response") \
    X(response_header_bytes, 16384, "headers of one response") \
    X(subscription_bytes, 262144, "one subscription's document") \
    X(subscriptions, 1000000, "subscriptions of one store") \
    X(page_items, 1000, "items of one page of a list") \
    X(memory_bytes, 67108864, "payloads kept in memory between accept and first attempt") \
    X(in_flight, 1024, "requests at once of one worker")

typedef struct wh_limits {
    size_t size;
#define WH_X(name, value, what) int64_t name;
    WH_LIMITS(WH_X)
#undef WH_X
} wh_limits;

#define WH_LIMIT_ZERO(name, value, what) 0,
#define WH_LIMITS_INIT { sizeof(wh_limits), WH_LIMITS(WH_LIMIT_ZERO) }

typedef struct wh_engine wh_engine;
typedef struct wh_rule_engine wh_rule_engine;
typedef struct wh_clock wh_clock;

enum wh_durability {
    WH_FULL = 0,
    WH_NORMAL,
};

enum wh_level { WH_LOG_ERROR = 1, WH_LOG_WARNING, WH_LOG_INFO, WH_LOG_DEBUG };

typedef void (*wh_log_fn)(int level, const char *line, void *payload);

typedef struct wh_options {
    size_t size;
    int durability;
    const wh_limits *limits;
    const char *const *allow;
    size_t allow_count;
    int64_t connect_timeout;
    int64_t timeout;
    int64_t retain;
    int64_t retain_failed;
    int64_t disable_after;
    const char *user_agent;
    const char *ca_file;
    const wh_rule_engine *rules;
    const wh_clock *clock;
} wh_options;

#define WH_OPTIONS_INIT \
    { sizeof(wh_options), 0, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL }

WH_API int wh_open(wh_engine **out, const char *store, const wh_options *options);

WH_API void wh_close(wh_engine *engine);

#define WH_ID_SIZE 72
#define WH_SECRET_SIZE 128

WH_API int wh_subscribe(wh_engine *engine, const char *document, size_t size, char *id);

WH_API int wh_subscription(wh_engine *engine, const char *id, char **out, size_t *size);

WH_API int wh_subscription_version(wh_engine *engine, const char *id, int64_t version, char **out, size_t *size);

WH_API int wh_subscription_secrets(wh_engine *engine, const char *id, char **out, size_t *size);

WH_API int wh_subscription_update(wh_engine *engine, const char *id, const char *document, size_t size);

WH_API int wh_subscription_delete(wh_engine *engine, const char *id);

typedef struct wh_event {
    size_t size;
    const char *id;
    const char *type;
    const char *tenant;
    int64_t time;
    const char *payload;
    size_t payload_size;
    const char *source;
} wh_event;

#define WH_EVENT_INIT { sizeof(wh_event), NULL, NULL, NULL, 0, NULL, 0, NULL }

typedef struct wh_receipt {
    char id[WH_ID_SIZE];
    int duplicate;
} wh_receipt;

WH_API int wh_publish(wh_engine *engine, const wh_event *event, wh_receipt *receipt);

WH_API int wh_publish_batch(wh_engine *engine, const wh_event *events, size_t count, wh_receipt *receipts);

typedef void (*wh_published_fn)(int code, const char *error, const wh_receipt *receipt, void *payload);

WH_API int wh_publish_async(wh_engine *engine, const wh_event *event, wh_published_fn done, void *payload);

WH_API int wh_step(wh_engine *engine);

WH_API int wh_fd(wh_engine *engine);

WH_API int wh_timeout(wh_engine *engine);

WH_API int wh_run(wh_engine *engine);

WH_API int wh_start(wh_engine *engine, unsigned threads);

WH_API int wh_stop(wh_engine *engine, int64_t grace);

WH_API int wh_idle(wh_engine *engine);

typedef struct wh_query {
    size_t size;
    const char *tenant;
    const char *subscription;
    const char *event;
    const char *type;
    const char *state;
    int64_t since, until;
    int64_t limit;
} wh_query;

#define WH_QUERY_INIT { sizeof(wh_query), NULL, NULL, NULL, NULL, NULL, 0, 0, 0 }

WH_API int wh_subscriptions(wh_engine *engine, const wh_query *query, char **out, size_t *size);
WH_API int wh_events(wh_engine *engine, const wh_query *query, char **out, size_t *size);
WH_API int wh_deliveries(wh_engine *engine, const wh_query *query, char **out, size_t *size);

WH_API int wh_attempts(wh_engine *engine, const char *delivery, char **out, size_t *size);

WH_API int wh_event_get(wh_engine *engine, const char *id, char **out, size_t *size);
WH_API int wh_delivery(wh_engine *engine, const char *id, char **out, size_t *size);

WH_API int wh_delivery_body(wh_engine *engine, const char *id, char **out, size_t *size);

WH_API int wh_replay(wh_engine *engine, const char *delivery);

WH_API int wh_replay_query(wh_engine *engine, const wh_query *query, int64_t *count);

WH_API int wh_explain(wh_engine *engine, const char *event, const char *subscription, const wh_query *query,
                      char **out, size_t *size);

typedef struct wh_backtest {
    size_t size;
    const char *subscription;
    const char *document;
    size_t document_size;
    int64_t last;
    int64_t since, until;
    int64_t shown;
} wh_backtest;

#define WH_BACKTEST_INIT { sizeof(wh_backtest), NULL, NULL, 0, 0, 0, 0, 0 }

WH_API int wh_backtest_run(wh_engine *engine, const wh_backtest *backtest, char **out, size_t *size);

WH_API int wh_rule_try(const wh_rule_engine *rules, const wh_limits *limits, const char *document, size_t size,
                       const wh_event *event, char **out, size_t *out_size);

WH_API int wh_secret(char out[WH_SECRET_SIZE]);

WH_API int wh_secret_pair(char secret[WH_SECRET_SIZE], char public_key[WH_SECRET_SIZE]);

WH_API int wh_sign(const char *const *secrets, size_t count, const char *id, int64_t timestamp,
                   const void *body, size_t size, char **out);

typedef struct wh_header {
    const char *name;
    const char *value;
} wh_header;

WH_API int wh_verify(const char *const *secrets, size_t secret_count, const wh_header *headers, size_t header_count,
                     const void *body, size_t size, int64_t tolerance, int64_t now);

typedef struct wh_verify_options {
    size_t size;
    const char *format;
    int64_t tolerance;
    int64_t now;
    const char *method;
} wh_verify_options;

#define WH_VERIFY_INIT { sizeof(wh_verify_options), NULL, 0, 0, NULL }

WH_API int wh_verify_as(const wh_verify_options *options, const char *const *secrets, size_t secret_count,
                        const wh_header *headers, size_t header_count, const void *body, size_t size,
                        const char **found);

WH_API int wh_token_add(wh_engine *engine, const char *tenant, const char *name, char token[WH_SECRET_SIZE]);

WH_API int wh_tokens(wh_engine *engine, const char *tenant, char **out, size_t *size);

WH_API int wh_token_revoke(wh_engine *engine, const char *id);

WH_API int wh_token_check(wh_engine *engine, const char *token, char *id, char *tenant, int *all);

WH_API int wh_tenant_secret(wh_engine *engine, const char *tenant, const char *secret, char *out);

typedef struct wh_api wh_api;

typedef struct wh_api_options {
    size_t size;
    int64_t body_bytes;
    int64_t failures;
} wh_api_options;

#define WH_API_OPTIONS_INIT { sizeof(wh_api_options), 0, 0 }

WH_API int wh_api_open(wh_api **out, wh_engine *engine, const wh_api_options *options);
WH_API void wh_api_close(wh_api *api);

WH_API int64_t wh_api_body_bytes(const wh_api *api);

typedef struct wh_api_request {
    size_t size;
    const char *method;
    const char *path;
    const char *query;
    const wh_header *headers;
    size_t header_count;
    const void *body;
    size_t body_size;
    const char *peer;
} wh_api_request;

#define WH_API_REQUEST_INIT { sizeof(wh_api_request), NULL, NULL, NULL, NULL, 0, NULL, 0, NULL }

typedef struct wh_api_response {
    size_t size;
    int status;
    const char *content_type;
    char *body;
    size_t body_size;
    wh_header headers[4];
    size_t header_count;
    char text[160];
} wh_api_response;

#define WH_API_RESPONSE_INIT { sizeof(wh_api_response), 0, NULL, NULL, 0, { { NULL, NULL } }, 0, { 0 } }

typedef struct wh_api_needs {
    size_t size;
    int slow;
    int64_t body_bytes;
} wh_api_needs;

#define WH_API_NEEDS_INIT { sizeof(wh_api_needs), 0, 0 }

WH_API void wh_api_look(const wh_api *api, const wh_api_request *request, wh_api_needs *out);

WH_API int wh_api_handle(wh_api *api, const wh_api_request *request, wh_api_response *out);

#ifdef __cplusplus
}
#endif

#endif
