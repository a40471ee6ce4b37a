/* What one more rule on the same payload costs: the first, and each of a hundred. Without Lua there are none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "pure/json.h"

#ifdef BENCH_HAS_RULES
#include "webhook_rule.h"

#define MANY 100
#define RUNS 2000 /* payloads of one measurement */

static const char payload[] = "{\"id\":7,\"type\":\"invoice.paid\",\"amount\":125000,\"currency\":\"usd\",\"customer\":"
                              "{\"email\":\"a@example.com\","
                              "\"country\":\"DE\"},\"lines\":[{\"sku\":\"A-1\",\"n\":2},{\"sku\":\"B-2\",\"n\":1}]}";

static const char source[] = "if payload.amount < 1000 or payload.customer.country == 'US' then return false end\n"
                             "return { id = payload.id, amount = payload.amount / 100, first = payload.lines[1].sku,\n"
                             "  email = payload.customer.email, lines = #payload.lines }";

static void *runtime, *rules[MANY];
static whi_json json;

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench: %s\n", what);
        exit(1);
    }
}

/* us of one rule, where so many look at each payload; the payload is read before. */
static double rules_of(int count) {
    static const wh_rule_input input = {
        sizeof input, &json, "msg_1", "invoice.paid", "", 1790000000000, "sub_1", "n", NULL, 0, "", "", NULL, 0, 0, NULL
    };
    double spent = 0;

    for (int i = 0; i < RUNS; i++) {
        double began;

        bench_check(whi_json_scan(&json, payload, sizeof payload - 1, 64), "scan");
        began = bench_cpu();
        for (int k = 0; k < count; k++) {
            wh_rule_verdict verdict = { .size = sizeof verdict };
            need(wh_rule_lua()->run(runtime, rules[k], &input, &verdict) == WH_OK, "a rule failed");
        }
        spent += bench_cpu() - began;
    }
    return spent / (double)RUNS / count * 1e6;
}

void grow_rules(int rounds) {
    double little[GROW_ROUNDS], much[GROW_ROUNDS];
    wh_limits limits = WH_LIMITS_INIT;
    wh_rule_error error;

    need(wh_rule_lua()->open(&runtime, &limits, NULL) == WH_OK, "opening");
    for (int i = 0; i < MANY; i++) {
        need(wh_rule_lua()->compile(runtime, "", source, WH_ZSTR, &rules[i], &error) == WH_OK, error.text);
    }
    for (int i = 0; i < rounds; i++) {
        little[i] = rules_of(1);
        much[i] = rules_of(MANY);
    }
    grow_rounds("100 rules on a payload, not 1", "a run of one of them", "us", little, much, rounds);
    for (int i = 0; i < MANY; i++) {
        wh_rule_lua()->release(runtime, rules[i]);
    }
    whi_json_free(&json);
    wh_rule_lua()->close(runtime);
}

#else

void grow_rules(int rounds) {
    (void)rounds;
}

#endif
