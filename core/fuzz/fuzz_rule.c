/* A rule and its payload: the source up to the first 0xff byte (which no Lua source and no
 * JSON needs), the payload behind it. Low limits, and two runs: the second must end as the
 * first did unless that one hit a limit, and what is projected must be JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/json.h"
#include "webhook_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const wh_rule_engine *engine;
static void *runtime;

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void open_runtime(void) {
    wh_limits limits = WH_LIMITS_INIT;

    if (runtime != NULL) {
        return;
    }
    limits.rule_cpu_ms = 20;
    limits.rule_memory_bytes = 1 << 20;
    limits.payload_bytes = 1 << 16;
    engine = wh_rule_lua();
    must(engine->open(&runtime, &limits, NULL) == WH_OK);
}

static int is_limit(int code) {
    return code == WH_ERULE_TIME || code == WH_ERULE_MEMORY;
}

static void check_verdict(int code, const wh_rule_verdict *verdict) {
    must(memchr(verdict->error.text, '\0', sizeof verdict->error.text) != NULL);
    must((code == WH_OK) == (verdict->error.text[0] == '\0') || code == WH_ERULE_RUNTIME);
    if (code == WH_OK && verdict->action == WH_RULE_PROJECT) {
        must(whi_json_check(verdict->body, verdict->body_size, 256) == WH_OK);
    }
    if (verdict->headers != NULL) {
        must(whi_json_check(verdict->headers, verdict->headers_size, 2) == WH_OK);
    }
}

static void run_twice(void *rule, const whi_json *json) {
    static const char meta[] = "{\"a\":[1,2.50],\"b\":null}";
    wh_rule_input input = { .size = sizeof input,
                            .payload = json,
                            .event_id = "msg_1",
                            .event_type = "order.paid",
                            .event_tenant = "acme",
                            .event_time = 1790000000000,
                            .subscription_id = "sub_1",
                            .subscription_name = "x",
                            .subscription_meta = meta,
                            .subscription_meta_size = sizeof meta - 1,
                            .event_source = "billing",
                            .event_key = "",
                            .hash_key = "whsec_test",
                            .hash_key_size = 10 };
    wh_rule_verdict verdict = { .size = sizeof verdict };
    int first = engine->run(runtime, rule, &input, &verdict), second, action = verdict.action;

    check_verdict(first, &verdict);
    second = engine->run(runtime, rule, &input, &verdict);
    check_verdict(second, &verdict);
    if (!is_limit(first) && !is_limit(second)) {
        must(first == second && action == verdict.action);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static whi_json json;
    const uint8_t *split = size ? memchr(data, 0xff, size) : NULL;
    size_t source_size = split ? (size_t)(split - data) : size;
    const char *payload = split ? (const char *)split + 1 : "{\"a\":{\"b\":[1,2.50,\"x\"]},\"c\":null}";
    size_t payload_size = split ? size - source_size - 1 : strlen(payload);
    wh_rule_error error;
    void *rule = NULL;

    open_runtime();
    if (payload_size > 65536 || whi_json_scan(&json, payload, payload_size, 64) != WH_OK) {
        return 0;
    }
    if (engine->compile(runtime, "owner", (const char *)data, source_size, &rule, &error) == WH_OK) {
        run_twice(rule, &json);
        engine->release(runtime, rule);
    }
    return 0;
}
