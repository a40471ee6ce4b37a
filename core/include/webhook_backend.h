/* webhook_backend.h - what an engine stands on, for those who replace a part.
 *
 * A weaker promise than webhook.h: what is here may change with a minor version. The structs
 * begin with their size as well, and a part looks at no more of one than that: a member behind
 * it is not there. wh_rule_error, wh_json and wh_json_node have no size and stay as they are. Nor have
 * those of stores, which go by the version of the vtable instead: wh_backend_store with its
 * wh_backend_ability, wh_backend_options, wh_backend_first, and the rows, facts, answers and questions. */
#ifndef WEBHOOK_BACKEND_H
#define WEBHOOK_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "webhook.h"
#include "webhook_source.h"
#include "webhook_store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------- errors */

/* For parts that are libraries of their own: makes this what wh_last_error says in this
 * thread. Returns code. */
WH_API int wh_fail(int code, const char *sentence);

/* "field: " and the sentence, with the field for wh_last_error_field. */
WH_API int wh_fail_field(int code, const char *field, const char *sentence);

/* --------------------------------------------------------------------- sizes */

/* For parts with structs of their own that begin with a size_t: copies what a program gave into
 * out, of `full` bytes, and what it did not give becomes 0; out's size is full. Errors: invalid,
 * naming init, if given does not begin with a size, or if what is beyond out is not 0. */
WH_API int wh_struct_take(void *out, size_t full, const void *given, const char *init);

/* --------------------------------------------------------------------- clock */

/* Time and chance. A NULL function means the machine's. Called from any thread. */
struct wh_clock {
    size_t size;                                          /* sizeof(wh_clock) */
    int64_t (*now)(void *payload);                        /* ms since 1970 */
    int (*random)(void *out, size_t size, void *payload); /* fills size bytes; 0 or an error */
    void *payload;
};

/* --------------------------------------------------------------------- rules */

#define WH_RULE_ERROR_SIZE 512

/* A text that was scanned: one node per value and per member name, in the order of the text. A
 * container's node is followed by its contents: an array's values, an object's names, each with its
 * value behind it; `next` jumps over them. Strings keep their escapes and numbers their text, so a
 * part of the text can be copied byte for byte. */
enum wh_json_type {
    WH_JSON_NULL = 0,
    WH_JSON_FALSE,
    WH_JSON_TRUE,
    WH_JSON_NUMBER,
    WH_JSON_STRING,
    WH_JSON_ARRAY,
    WH_JSON_OBJECT,
};

typedef struct wh_json_node {
    uint32_t start;      /* offset of the value's first byte (a string's: its quote) */
    uint32_t end;        /* offset behind its last byte */
    uint32_t next;       /* index of the node behind this value and its contents */
    uint32_t count : 28; /* array: items; object: members; string: 1 if it has escapes */
    uint32_t type : 4;   /* enum wh_json_type */
} wh_json_node;

typedef struct wh_json {
    const char *text;    /* not its own: outlives the nodes */
    size_t size;         /* less than 256 MiB */
    wh_json_node *nodes; /* the root is the first */
    uint32_t count, capacity;
    uint32_t depth;   /* of the deepest array or object: 1 for [] */
    uint32_t maximum; /* of nodes; 0: any number */
} wh_json;

/* What a rule sees. All of it outlives the run. */
typedef struct wh_rule_input {
    size_t size;
    const wh_json *payload;
    const char *event_id, *event_type, *event_tenant;
    int64_t event_time; /* ms */
    const char *subscription_id, *subscription_name;
    const char *subscription_meta; /* JSON object text, or NULL */
    size_t subscription_meta_size;
    const char *event_source; /* "" for none */
    const char *event_key;    /* "" for none */
    const void *hash_key;     /* what hash(text) is keyed by: the subscription's first secret as it is
                                 written; NULL: hash is an error */
    size_t hash_key_size;
    int64_t cpu_us; /* 0, or stop earlier than the limits say, with WH_ERULE_TIME: it is run again elsewhere */
    const char *payload_name; /* NULL: "payload"; else what the rule has it as: "answer" of a response rule */
} wh_rule_input;

enum wh_rule_action { WH_RULE_DROP = 0, WH_RULE_PASS, WH_RULE_PROJECT };

/* Why a rule failed: the line, 0 where none is known, and the sentence without it. */
typedef struct wh_rule_error {
    int64_t line;
    char text[WH_RULE_ERROR_SIZE];
} wh_rule_error;

/* What a rule says. The texts belong to the runtime until its next call. */
typedef struct wh_rule_verdict {
    size_t size; /* of what the engine waits for: not to be changed */
    int action;
    const char *body; /* JSON to send instead, when WH_RULE_PROJECT */
    size_t body_size;
    const char *key;     /* NULL, or the order key */
    const char *headers; /* NULL, or a JSON object of texts */
    size_t headers_size;
    int64_t delay;       /* ms */
    int64_t cpu_us;      /* what the run cost */
    int64_t memory;      /* bytes at the highest */
    wh_rule_error error; /* when the run failed */
} wh_rule_verdict;

/* A rule engine. One runtime per thread: a runtime and its rules are used by one
 * thread at a time. The functions in front of payload are needed: wh_open refuses an engine that lacks
 * one (invalid, with the field "rules.run"). */
struct wh_rule_engine {
    size_t size; /* sizeof(wh_rule_engine) */

    /* A runtime with these limits (rule_memory_bytes, rule_cpu_ms). */
    int (*open)(void **out, const wh_limits *limits, void *payload);
    void (*close)(void *runtime);

    /* A rule of its source. Fails with WH_ERULE_SYNTAX and the reason in error, WH_ELIMIT,
     * WH_ENOMEM.
     * Rules of different owners share nothing that either can change. */
    int (*compile)(void *runtime, const char *owner, const char *source, size_t size, void **out, wh_rule_error *error);
    void (*release)(void *runtime, void *rule);

    /* Runs it. 0, or WH_ERULE_RUNTIME, _TIME, _MEMORY, _RESULT with out->error. */
    int (*run)(void *runtime, void *rule, const wh_rule_input *input, wh_rule_verdict *out);

    void *payload;

    /* NULL, or what is wrong with a source that compiles, for the person who writes it:
     * WH_ERULE_SYNTAX with the reason in error. Asked when a subscription is given the rule, or one is
     * tried; what is stored already runs. */
    int (*check)(void *runtime, const char *source, size_t size, wh_rule_error *error);

    size_t (*bytes)(void *runtime, const void *rule); /* NULL, or what the rule takes between two runs */
};

#ifdef __cplusplus
}
#endif

#endif
