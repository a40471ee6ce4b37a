#include "fake_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/json.h"

_Atomic int fake_gate;
_Atomic int fake_runs;

typedef struct runtime {
    whi_buf body;
} runtime;

static int open_runtime(void **out, const wh_limits *limits, void *payload) {
    runtime *made = whi_calloc(1, sizeof *made);

    (void)limits;
    (void)payload;
    *out = made;
    if (made == NULL) {
        return whi_fail_memory();
    }
    whi_buf_init(&made->body, 1 << 24);
    return WH_OK;
}

static void close_runtime(void *handle) {
    runtime *self = handle;

    whi_buf_free(&self->body);
    whi_free(self);
}

static int begins(const char *text, const char *word) {
    return strncmp(text, word, strlen(word)) == 0;
}

static int is_known(const char *source) {
    static const char *const words[] = { "pass",  "drop",   "fail",  "memory", "project ", "tell",
                                         "pick ", "extras", "slow ", "gate",   "broken",   "burn " };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (begins(source, words[i])) {
            return 1;
        }
    }
    return 0;
}

static int compile(void *handle, const char *owner, const char *source, size_t size, void **out, wh_rule_error *error) {
    char *rule = whi_strdup(source, size);

    (void)handle;
    (void)owner;
    *out = rule;
    if (rule == NULL) {
        return whi_fail_memory();
    }
    if (!is_known(rule)) {
        whi_free(rule);
        error->line = 2;
        snprintf(error->text, sizeof error->text, "what");
        return WH_ERULE_SYNTAX;
    }
    return WH_OK;
}

static void release(void *handle, void *rule) {
    (void)handle;
    whi_free(rule);
}

static void tell(runtime *self, const wh_rule_input *input) {
    whi_buf *out = &self->body;

    whi_buf_format(out,
                   "{\"event\":\"%s\",\"type\":\"%s\",\"tenant\":\"%s\",\"source\":\"%s\",\"key\":\"%s\",\"time\":%lld",
                   input->event_id, input->event_type, input->event_tenant, input->event_source, input->event_key,
                   (long long)input->event_time);
    whi_buf_format(out, ",\"subscription\":\"%s\",\"name\":\"%s\",\"meta\":%.*s,\"payload\":%.*s}",
                   input->subscription_id, input->subscription_name != NULL ? input->subscription_name : "",
                   input->subscription_meta != NULL ? (int)input->subscription_meta_size : 4,
                   input->subscription_meta != NULL ? input->subscription_meta : "null", (int)input->payload->size,
                   input->payload->text);
}

static int fail(wh_rule_verdict *out, int code, int line, const char *sentence) {
    out->error.line = line;
    snprintf(out->error.text, sizeof out->error.text, "%s", sentence);
    return code;
}

/* As long as it says, or until it is broken off. 0: it was. */
static int take_time(const char *source, const wh_rule_input *input, wh_rule_verdict *out) {
    int64_t began = whi_monotonic_us(), most = begins(source, "slow ") ? strtoll(source + 5, NULL, 10) : INT64_MAX;

    for (;;) {
        int64_t us = whi_monotonic_us() - began;
        out->cpu_us = us;
        if (input->cpu_us > 0 && most > input->cpu_us && us >= input->cpu_us) {
            return 0; /* also where the thread was kept waiting for longer than both */
        }
        if (us >= most || (begins(source, "gate") && fake_gate)) {
            return 1;
        }
    }
}

/* By the thread's own clock, so that a busy machine does not make it cheaper. */
static void burn(int64_t us) {
    int64_t until = whi_thread_cpu_us() + us;

    while (whi_thread_cpu_us() < until) {}
}

static int run(void *handle, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    runtime *self = handle;
    const char *source = rule;

    fake_runs++;
    out->cpu_us = 7;
    out->memory = 99;
    whi_buf_clear(&self->body);
    if (begins(source, "fail")) {
        return fail(out, WH_ERULE_RUNTIME, 3, "no");
    }
    if (begins(source, "memory")) {
        return fail(out, WH_ERULE_MEMORY, 0, "too much");
    }
    if ((begins(source, "slow ") || begins(source, "gate")) && !take_time(source, input, out)) {
        return fail(out, WH_ERULE_TIME, 0, "too long");
    }
    if (begins(source, "burn ")) {
        burn(strtoll(source + 5, NULL, 10));
    }
    if (begins(source, "broken") && !fake_gate) {
        return input->cpu_us > 0 ? fail(out, WH_ERULE_TIME, 0, "too long") : WH_ECORRUPT;
    }
    out->action = begins(source, "drop") ? WH_RULE_DROP : WH_RULE_PASS;
    if (begins(source, "project ")) {
        out->action = WH_RULE_PROJECT;
        whi_buf_text(&self->body, source + strlen("project "));
    } else if (begins(source, "tell")) {
        out->action = WH_RULE_PROJECT;
        tell(self, input);
    } else if (begins(source, "pick ") &&
               whi_json_member(input->payload, 0, source + 5, strlen(source + 5)) == WHI_JSON_NONE) {
        out->action = WH_RULE_DROP;
    } else if (begins(source, "extras")) {
        out->key = "k";
        out->headers = "{\"X-A\":\"b\"}";
        out->headers_size = strlen(out->headers);
        out->delay = 1000;
    }
    out->body = self->body.data;
    out->body_size = self->body.size;
    return whi_buf_status(&self->body);
}

const wh_rule_engine fake_rules = {
    sizeof fake_rules, open_runtime, close_runtime, compile, release, run, NULL, NULL, NULL
};
