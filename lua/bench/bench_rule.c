/* bench_rule - one filter and projection on payloads of 1 KB and 10 KB: ours (scan, run,
 * write) against decoding with lua-cjson, plain Lua and encoding, and against libjq with
 * the program compiled once; then 100 rules on one payload, and the price of the limits:
 * the same rule in the same libraries without clock, hook and counting allocator. CPU time,
 * measured in turn within each round; medians of the rounds. */
#include <jq.h>
#include <jv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "rule_state.h"
#include "webhook_rule.h"

#define ROUNDS 9
#define ROUND_S 0.02 /* of one measurement */
#define MANY 100

#define RULE                                                                                                           \
    "if e.type ~= 'invoice.paid' then return false end\n"                                                              \
    "local d = e.data\n"                                                                                               \
    "if d.amount < 1000 or d.currency ~= 'usd' or d.customer.country == 'US' then return false end\n"                  \
    "return { id = e.id, type = e.type, amount = d.amount / 100, status = d.status, paid_at = d.paid_at,\n"            \
    "  customer = { email = d.customer.email, name = d.customer.name }, items = #d.lines,\n"                           \
    "  first_sku = d.lines[1].metadata.sku }\n"
#define OURS "local e = payload\n" RULE
#define PLAIN "local e = ...\n" RULE
#define FILTER "return payload.type == 'invoice.paid'"
#define JQ                                                                                                             \
    "select(.type == \"invoice.paid\" and .data.amount >= 1000 and .data.currency == \"usd\" and "                     \
    ".data.customer.country != \"US\") | {id, type, amount: (.data.amount/100), status: .data.status, "                \
    "paid_at: .data.paid_at, customer: {email: .data.customer.email, name: .data.customer.name}, "                     \
    "items: (.data.lines|length), first_sku: .data.lines[0].metadata.sku}"

static char payload[16384];
static size_t payload_size;
static whi_json json;
static void *runtime;

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_rule: %s\n", what);
        exit(1);
    }
}

static const wh_rule_input *input(void) {
    static const wh_rule_input value = { &json, "msg_1", "invoice.paid", "", 1790000000000, "sub_1", "n", NULL, 0 };

    return &value;
}

/* An invoice of exactly this size. */
static void make_payload(size_t size) {
    int lines = size > 5000 ? 56 : 3;
    int used = snprintf(payload, sizeof payload,
                        "{\"id\":\"evt_1PqX7y2eZvKYlo2C9d3kLmNo\",\"type\":\"invoice.paid\",\"created\":1790000000,"
                        "\"livemode\":true,\"data\":{\"id\":\"in_1PqX7y2eZvKYlo2CAbCdEfGh\",\"amount\":125000,"
                        "\"currency\":\"usd\",\"status\":\"paid\",\"customer\":{\"id\":\"cus_Q7abcDEFghiJKL\","
                        "\"name\":\"Ada Lovelace\",\"email\":\"ada@example.com\",\"country\":\"GB\",\"tax_ids\":[]},"
                        "\"due\":null,\"paid_at\":1790000001.25,\"lines\":[");

    for (int i = 0; i < lines; i++) {
        used += snprintf(payload + used, sizeof payload - (size_t)used,
                         "%s{\"id\":\"il_%06d\",\"description\":\"Pro plan seat, monthly\",\"quantity\":%d,"
                         "\"unit_amount\":1250,\"amount\":%d,\"currency\":\"usd\",\"metadata\":{\"sku\":\"PRO-%04d\","
                         "\"region\":\"eu-west-1\"}}",
                         i ? "," : "", i, i + 1, 1250 * (i + 1), i);
    }
    used += snprintf(payload + used, sizeof payload - (size_t)used, "],\"note\":\"");
    while ((size_t)used < size - 3) {
        payload[used++] = '.';
    }
    memcpy(payload + used, "\"}}", 4);
    payload_size = (size_t)used + 3;
}

/* --------------------------------------------------------------------- ways */

static void *rule, *filter, *rules[MANY], *filters[MANY];
static lua_State *plain, *bare;
static jq_state *jq;
static size_t answer_size;

static void scan(void) {
    need(whi_json_scan(&json, payload, payload_size, 64) == WH_OK, wh_last_error());
}

static void run(void *which) {
    wh_rule_verdict verdict;

    need(wh_rule_lua()->run(runtime, which, input(), &verdict) == WH_OK, "a rule failed");
    answer_size = verdict.body_size;
}

static void way_ours(void) {
    scan();
    run(rule);
}

static void way_filter(void) {
    scan();
    run(filter);
}

static void way_many(void) {
    scan();
    for (int i = 0; i < MANY; i++) {
        run(rules[i]);
    }
}

static void way_many_filters(void) {
    scan();
    for (int i = 0; i < MANY; i++) {
        run(filters[i]);
    }
}

static void way_run(void) {
    run(rule);
}

/* As the engine calls a rule, without the limits. */
static int bare_call(lua_State *L) {
    wh_rule_verdict verdict = { 0 };

    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_FUNCTION);
    lua_createtable(L, 0, 4);
    whi_rule_push_node(L, WHI_RULE_PAYLOAD, 0);
    lua_setfield(L, -2, "payload");
    whi_rule_push_view(L, WHI_RULE_EVENT, 0);
    lua_setfield(L, -2, "event");
    whi_rule_push_view(L, WHI_RULE_SUBSCRIPTION, 0);
    lua_setfield(L, -2, "subscription");
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_ENV_META);
    lua_setmetatable(L, -2);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, LUA_MULTRET);
    whi_rule_read_verdict(L, &verdict);
    answer_size = verdict.body_size;
    return 0;
}

static void way_bare(void) {
    static int calls;
    whi_rule_runtime *r = runtime;

    r->input = input();
    r->generation++;
    r->documents[WHI_RULE_PAYLOAD] = &json;
    r->documents[WHI_RULE_META] = NULL;
    r->document_count = WHI_RULE_MADE;
    r->number_count = r->member_count = 0;
    r->cursor_document = UINT32_MAX;
    lua_pushcfunction(bare, bare_call);
    need(lua_pcall(bare, 0, 0, 0) == LUA_OK, "the bare rule failed");
    if (++calls % 40 == 0) { /* as often as the engine sweeps 64 KB of garbage */
        lua_gc(bare, LUA_GCCOLLECT);
    }
}

static void way_cjson(void) {
    lua_State *L = plain;
    size_t size;

    lua_settop(L, 3); /* decode, encode, rule */
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 1);
    lua_pushlstring(L, payload, payload_size);
    need(lua_pcall(L, 1, 1, 0) == LUA_OK && lua_pcall(L, 1, 1, 0) == LUA_OK && lua_pcall(L, 1, 1, 0) == LUA_OK,
         lua_tostring(L, -1));
    lua_tolstring(L, -1, &size);
    answer_size = size;
}

static void way_jq(void) {
    jq_start(jq, jv_parse_sized(payload, (int)payload_size), 0);
    jv text = jv_dump_string(jq_next(jq), 0);
    answer_size = strlen(jv_string_value(text));
    jv_free(text);
}

/* ------------------------------------------------------------------ measuring */

static double once(void (*way)(void)) {
    double start = bench_cpu(), spent;
    long count = 0;

    do {
        for (int i = 0; i < 16; i++) {
            way();
        }
        count += 16;
        spent = bench_cpu() - start;
    } while (spent < ROUND_S);
    return spent / (double)count * 1e6;
}

static void measure(void (*const *ways)(void), double *medians, int count) {
    double rounds[8][ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        for (int way = 0; way < count; way++) {
            rounds[way][round] = once(ways[way]);
        }
    }
    for (int way = 0; way < count; way++) {
        medians[way] = bench_median(rounds[way], ROUNDS);
    }
}

static void compile(const char *source, void **out) {
    char error[WH_RULE_ERROR_SIZE];

    need(wh_rule_lua()->compile(runtime, "", source, strlen(source), out, error) == WH_OK, error);
}

static void open_bare(void) {
    static whi_rule unlimited;

    unlimited.runtime = runtime;
    unlimited.limit = SIZE_MAX;
    bare = luaL_newstate();
    *(whi_rule **)lua_getextraspace(bare) = &unlimited;
    unlimited.L = bare;
    lua_gc(bare, LUA_GCSTOP);
    whi_rule_open_libraries(bare);
    need(luaL_loadbufferx(bare, OURS, strlen(OURS), "=rule", "t") == LUA_OK, "compiling");
    lua_rawseti(bare, LUA_REGISTRYINDEX, WHI_RULE_AT_FUNCTION);
    unlimited.wall_last = INT64_MAX / 2; /* the clocks are never due */
}

static void open_all(void) {
    wh_limits limits = { 0 };

    need(wh_rule_lua()->open(&runtime, &limits, NULL) == WH_OK, "opening");
    compile(OURS, &rule);
    compile(FILTER, &filter);
    for (int i = 0; i < MANY; i++) {
        compile(OURS, &rules[i]);
        compile(FILTER, &filters[i]);
    }
    open_bare();
    plain = luaL_newstate();
    luaL_openlibs(plain);
    need(luaL_dostring(plain, "local c = require 'cjson' return c.decode, c.encode") == LUA_OK,
         "lua-cjson is needed (apt-get install lua-cjson)");
    need(luaL_loadstring(plain, PLAIN) == LUA_OK, "compiling");
    jq = jq_init();
    need(jq_compile(jq, JQ), "jq does not compile its program");
}

static void compare(size_t size) {
    static void (*const ways[])(void) = { way_ours, way_cjson,        way_jq,  way_filter,
                                          way_many, way_many_filters, way_run, way_bare };
    double us[8];

    make_payload(size);
    scan();
    measure(ways, us, 8);
    printf("%zu bytes\n", payload_size);
    printf("  ours, scan + filter + projection      %8.2f us\n", us[0]);
    printf("  lua-cjson, plain Lua, no limits       %8.2f us   %.1f x ours\n", us[1], us[1] / us[0]);
    printf("  libjq, compiled once                  %8.2f us   %.1f x ours\n", us[2], us[2] / us[0]);
    printf("  ours, scan + one-field filter         %8.2f us\n", us[3]);
    printf("  %d rules, one scan, per rule          %8.2f us, one-field filter %.2f us\n", MANY, us[4] / MANY,
           us[5] / MANY);
    printf("  run alone with limits / without       %8.2f us / %.2f us   price of the limits %.0f %%\n", us[6], us[7],
           (us[6] / us[7] - 1) * 100);
}

int main(void) {
    open_all();
    compare(1024);
    compare(10240);
    return 0;
}
