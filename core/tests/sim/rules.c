/* Rules without a language: "KIND COST". They cost the thread simulated time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/json.h"
#include "sim.h"

typedef struct runtime {
    char body[64];
} runtime;

typedef struct rule {
    char kind;
    int64_t cost;
} rule;

static int open_runtime(void **out, const wh_limits *limits, void *payload) {
    (void)limits;
    (void)payload;
    *out = whi_calloc(1, sizeof(runtime));
    return *out != NULL ? WH_OK : whi_fail_memory();
}

static void close_runtime(void *handle) {
    whi_free(handle);
}

static int compile(void *handle, const char *owner, const char *source, size_t size, void **out, wh_rule_error *error) {
    rule *made = whi_calloc(1, sizeof *made);
    char text[64];

    (void)handle;
    (void)owner;
    (void)error;
    *out = made;
    if (made == NULL) {
        return whi_fail_memory();
    }
    snprintf(text, sizeof text, "%.*s", (int)size, source);
    made->kind = text[0];
    made->cost = strtoll(text + strcspn(text, " "), NULL, 10);
    return WH_OK;
}

static void release(void *handle, void *made) {
    (void)handle;
    whi_free(made);
}

static int has(const wh_rule_input *input, const char *what) {
    size_t size = strlen(what);
    const char *text = input->payload->text;

    for (size_t i = 0; i + size <= input->payload->size && i < 100; i++) {
        if (memcmp(text + i, what, size) == 0) {
            return 1;
        }
    }
    return 0;
}

static int number_of(const wh_rule_input *input) {
    return (int)strtol(input->payload->text + strlen("{\"n\":"), NULL, 10);
}

static int run(void *handle, void *made, const wh_rule_input *input, wh_rule_verdict *out) {
    runtime *self = handle;
    const rule *self_rule = made;

    if (self_rule->cost > 0) {
        sim_result_now->faults[SIM_rule]++;
        if (input->cpu_us > 0 && self_rule->cost > input->cpu_us) {
            sim_sleep(input->cpu_us);
            return WH_ERULE_TIME;
        }
        sim_sleep(self_rule->cost);
    }
    out->cpu_us = 7;
    out->memory = 99;
    out->action = WH_RULE_PASS;
    if (self_rule->kind == 'd' && has(input, "\"drop\":true")) {
        out->action = WH_RULE_DROP;
    } else if (self_rule->kind == 'j') {
        out->action = WH_RULE_PROJECT;
        out->body_size = (size_t)snprintf(self->body, sizeof self->body, "{\"n\":%d,\"p\":1}", number_of(input));
        out->body = self->body;
    } else if (self_rule->kind == 'f' && has(input, "\"bad\":true")) {
        out->error.line = 1;
        snprintf(out->error.text, sizeof out->error.text, "bad");
        return WH_ERULE_RUNTIME;
    }
    return WH_OK;
}

const wh_rule_engine sim_rules = {
    sizeof sim_rules, open_runtime, close_runtime, compile, release, run, NULL, NULL, NULL
};
