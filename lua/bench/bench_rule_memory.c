/* bench_rule_memory - what a compiled rule takes, and an engine with 100,000 subscriptions
 * that have 1,000 distinct rules between them, all of them compiled, since an event came to
 * every one. Its store is a file. Goal: under 200 MB. */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "engine/context.h"
#include "engine/decide.h"
#include "engine/registry.h"
#include "life/open.h"
#include "webhook_rule.h"

#define RULES 1000
#define SUBSCRIPTIONS 100000
#define SOURCE_SIZE 512

/* Rules as people write them, each its own. */
static void make_rule(int n, char out[SOURCE_SIZE]) {
    snprintf(out, SOURCE_SIZE,
             "if payload.kind ~= 'invoice' or payload.amount < %d then return false end\n"
             "local customer = payload.customer or {}\n"
             "return { id = payload.id, amount = payload.amount / 100, currency = payload.currency:upper(),\n"
             "  email = customer.email and mask(customer.email), region = 'r%d' }\n",
             100000 + n, n);
}

static double of_one_rule(void) {
    static void *rules[RULES];
    wh_limits limits = WH_LIMITS_INIT;
    char source[SOURCE_SIZE];
    wh_rule_error error;
    double before;
    void *runtime;

    bench_check(wh_rule_lua()->open(&runtime, &limits, NULL), "open");
    before = bench_rss_mb();
    for (int i = 0; i < RULES; i++) {
        make_rule(i, source);
        bench_check(wh_rule_lua()->compile(runtime, "", source, WH_ZSTR, &rules[i], &error), error.text);
    }
    before = bench_rss_mb() - before;
    for (int i = 0; i < RULES; i++) {
        wh_rule_lua()->release(runtime, rules[i]);
    }
    wh_rule_lua()->close(runtime);
    return before * 1024 / RULES;
}

/* The rule as a JSON text: the only characters of ours that need a backslash are line ends. */
static void write_rule(int n, char *out, size_t size) {
    char source[SOURCE_SIZE];
    size_t used = 0;

    make_rule(n, source);
    for (const char *at = source; *at != '\0' && used + 3 < size; at++) {
        if (*at == '\n') {
            out[used++] = '\\';
        }
        out[used++] = *at == '\n' ? 'n' : *at;
    }
    out[used] = '\0';
}

static void subscribe(wh_engine *engine) {
    char document[SOURCE_SIZE * 2], rule[SOURCE_SIZE];

    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        write_rule(i % RULES, rule, sizeof rule);
        snprintf(document, sizeof document,
                 "{\"url\":\"http://example.com/%d\",\"events\":[\"invoice.*\"],\"rule\":\"%s\"}", i, rule);
        bench_check(wh_subscribe(engine, document, WH_ZSTR, NULL), "subscribe");
    }
}

int main(void) {
    wh_options options = WH_OPTIONS_INIT;
    wh_event event = WH_EVENT_INIT;
    wh_engine *engine;
    double one = of_one_rule(), before, registered, start;
    char file[256];

    bench_file(file, sizeof file);
    options.rules = wh_rule_lua();
    options.durability = WH_NORMAL;
    before = bench_rss_mb();
    bench_check(whi_open(&engine, file, &options, &bench_transport_null), "open");
    subscribe(engine);
    registered = bench_rss_mb() - before;
    event.type = "invoice.paid";
    event.payload = "{\"kind\":\"invoice\",\"amount\":1000,\"id\":1,\"currency\":\"eur\"}";
    event.payload_size = WH_ZSTR;
    bench_check(wh_publish(engine, &event, NULL), "publish");
    start = bench_cpu();
    bench_check(wh_run(engine), "run");
    printf("memory   a compiled rule %.1f KB\n", one);
    printf("memory   %d subscriptions with %d rules: %.0f MB more than before, %.0f MB when each has run; that event "
           "took %.2f us of CPU a subscription\n",
           SUBSCRIPTIONS, RULES, registered, bench_rss_mb() - before, (bench_cpu() - start) / SUBSCRIPTIONS * 1e6);
    wh_close(engine);
    bench_remove(file);
    return 0;
}
