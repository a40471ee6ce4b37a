/* A rule, a payload, a run: for the tests of the rule engine. */
#ifndef RULE_FIXTURE_H
#define RULE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pure/json.h"
#include "webhook_rule.h"

typedef struct fixture {
    void *runtime;
    whi_json json;
    wh_rule_verdict verdict;
    wh_rule_error error;                      /* of the compilation */
    char said[WH_RULE_ERROR_SIZE + 40];       /* what failed, with its line */
    const char *meta, *source, *key, *secret; /* NULL: none */
    double cpu_ms;                            /* of the last run, as the thread's clock says */
} fixture;

static inline void fixture_open(fixture *f, int64_t cpu_ms, int64_t memory) {
    wh_limits limits = WH_LIMITS_INIT;

    memset(f, 0, sizeof *f);
    limits.rule_cpu_ms = cpu_ms;
    limits.rule_memory_bytes = memory;
    assert_int_equal(wh_rule_lua()->open(&f->runtime, &limits, NULL), WH_OK);
}

static inline void fixture_close(fixture *f) {
    wh_rule_lua()->close(f->runtime);
    whi_json_free(&f->json);
}

static inline double thread_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static inline void fixture_say(fixture *f, const wh_rule_error *error) {
    char place[40] = "";

    if (error->line > 0) {
        snprintf(place, sizeof place, "line %lld: ", (long long)error->line);
    }
    snprintf(f->said, sizeof f->said, "%s%s", place, error->text);
}

static inline int fixture_run(fixture *f, void *rule, const char *payload) {
    wh_rule_input input = {
        .size = sizeof input,
        .payload = &f->json,
        .event_id = "msg_1",
        .event_type = "order.paid",
        .event_tenant = "acme",
        .event_time = 1790000000000,
        .event_source = f->source ? f->source : "",
        .event_key = f->key ? f->key : "",
        .subscription_id = "sub_1",
        .subscription_name = "first",
        .subscription_meta = f->meta,
        .subscription_meta_size = f->meta ? strlen(f->meta) : 0,
        .hash_key = f->secret,
        .hash_key_size = f->secret ? strlen(f->secret) : 0,
    };
    int code;

    assert_int_equal(whi_json_scan(&f->json, payload, strlen(payload), 64), WH_OK);
    f->cpu_ms = thread_ms();
    code = wh_rule_lua()->run(f->runtime, rule, &input, &f->verdict);
    fixture_say(f, &f->verdict.error);
    f->cpu_ms = thread_ms() - f->cpu_ms;
    return code;
}

/* Compiles and runs once. The verdict's texts stay until the next call. */
static inline int fixture_try(fixture *f, const char *source, const char *payload) {
    void *rule = NULL;
    int code = wh_rule_lua()->compile(f->runtime, "owner", source, strlen(source), &rule, &f->error);

    if (code != WH_OK) {
        fixture_say(f, &f->error);
        return code;
    }
    code = fixture_run(f, rule, payload);
    wh_rule_lua()->release(f->runtime, rule);
    return code;
}

static inline void expect_code(fixture *f, const char *source, const char *payload, int expected, int line) {
    int code = fixture_try(f, source, payload);

    if (code != expected) {
        fail_msg("line %d: %s\nexpected %s, got %s: %s", line, source, wh_error_name(expected), wh_error_name(code),
                 f->said);
    }
}

static inline void expect_body(fixture *f, const char *source, const char *payload, const char *body, int line) {
    expect_code(f, source, payload, WH_OK, line);
    if (f->verdict.action != WH_RULE_PROJECT || strcmp(f->verdict.body, body) != 0) {
        fail_msg("line %d: %s\nexpected %s\ngot      %s", line, source, body,
                 f->verdict.action == WH_RULE_PROJECT ? f->verdict.body : "no body");
    }
}

static inline void expect_error(fixture *f, const char *source, const char *payload, int code, const char *sentence,
                                int line) {
    expect_code(f, source, payload, code, line);
    if (strstr(f->said, sentence) == NULL) {
        fail_msg("line %d: %s\nexpected %s\ngot      %s", line, source, sentence, f->said);
    }
}

#define CODE(f, source, payload, code) expect_code(f, source, payload, code, __LINE__)
#define BODY(f, source, payload, body) expect_body(f, source, payload, body, __LINE__)
#define ERROR(f, source, payload, code, sentence) expect_error(f, source, payload, code, sentence, __LINE__)
/* The rule is a chunk that returns true. */
#define TRUE(f, source, payload)                                                                                       \
    do {                                                                                                               \
        expect_code(f, source, payload, WH_OK, __LINE__);                                                              \
        if ((f)->verdict.action != WH_RULE_PASS) {                                                                     \
            fail_msg("line %d: not true: %s", __LINE__, source);                                                       \
        }                                                                                                              \
    } while (0)

#endif
