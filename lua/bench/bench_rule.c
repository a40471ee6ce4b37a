/* bench_rule [PAYLOADS SCRIPT] - one filter and projection on payloads of 1 KB and 10 KB:
 * ours (scan, run, write) against decoding with lua-cjson, plain Lua and encoding, against
 * libjq with the program compiled once, and against V8 (bench_rule.mjs is SCRIPT); then 100
 * rules on one payload, and the price of the limits: the same rule in the same libraries
 * without clock, hook and counting allocator. PAYLOADS: real ones, api.github.com/index.json
 * of the npm package @octokit/webhooks-examples. CPU time, measured in turn within each round;
 * medians of the rounds. */
#include <jq.h>
#include <jv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bench.h"
#include "remote.h"
#include "rule_state.h"
#include "webhook_rule.h"

#define ROUNDS 15
#define ROUND_S 0.02 /* of one measurement */
#define MANY 100
#define PAYLOAD_SIZE 16384

/* One decision in three languages. Lua's and JavaScript's see the payload as e. */
typedef struct subject {
    const char *lua, *filter, *jq, *javascript;
} subject;

static const subject invoice = {
    "if e.type ~= 'invoice.paid' then return false end\n"
    "local d = e.data\n"
    "if d.amount < 1000 or d.currency ~= 'usd' or d.customer.country == 'US' then return false end\n"
    "return { id = e.id, type = e.type, amount = d.amount / 100, status = d.status, paid_at = d.paid_at,\n"
    "  customer = { email = d.customer.email, name = d.customer.name }, items = #d.lines,\n"
    "  first_sku = d.lines[1].metadata.sku }\n",
    "return payload.type == 'invoice.paid'",
    "select(.type == \"invoice.paid\" and .data.amount >= 1000 and .data.currency == \"usd\" and "
    ".data.customer.country != \"US\") | {id, type, amount: (.data.amount/100), status: .data.status, "
    "paid_at: .data.paid_at, customer: {email: .data.customer.email, name: .data.customer.name}, "
    "items: (.data.lines|length), first_sku: .data.lines[0].metadata.sku}",
    "(e) => { if (e.type !== 'invoice.paid') return false; const d = e.data; "
    "if (d.amount < 1000 || d.currency !== 'usd' || d.customer.country === 'US') return false; "
    "return { id: e.id, type: e.type, amount: d.amount / 100, status: d.status, paid_at: d.paid_at, "
    "customer: { email: d.customer.email, name: d.customer.name }, items: d.lines.length, "
    "first_sku: d.lines[0].metadata.sku } }",
};

static const subject advisory = {
    "if e.action ~= 'published' then return false end\n"
    "local a = e.security_advisory\n"
    "local v = a.vulnerabilities\n"
    "if a.severity == 'low' or v[1].package.ecosystem ~= 'pip' then return false end\n"
    "return { id = a.ghsa_id, summary = a.summary, severity = a.severity, published = a.published_at,\n"
    "  package = v[1].package.name, ranges = #v, fixed = v[1].first_patched_version.identifier }\n",
    "return payload.action == 'published'",
    "select(.action == \"published\") | .security_advisory | .vulnerabilities as $v | "
    "select(.severity != \"low\" and $v[0].package.ecosystem == \"pip\") | {id: .ghsa_id, summary, severity, "
    "published: .published_at, package: $v[0].package.name, ranges: ($v|length), "
    "fixed: $v[0].first_patched_version.identifier}",
    "(e) => { if (e.action !== 'published') return false; const a = e.security_advisory, v = a.vulnerabilities; "
    "if (a.severity === 'low' || v[0].package.ecosystem !== 'pip') return false; "
    "return { id: a.ghsa_id, summary: a.summary, severity: a.severity, published: a.published_at, "
    "package: v[0].package.name, ranges: v.length, fixed: v[0].first_patched_version.identifier } }",
};

static const subject issue = {
    "if e.action ~= 'unlabeled' then return false end\n"
    "local i = e.issue\n"
    "if i.state ~= 'open' or i.user.type ~= 'User' then return false end\n"
    "return { number = i.number, title = i.title, url = i.html_url, label = e.label.name, labels = #i.labels,\n"
    "  by = e.sender.login, repository = { id = e.repository.id, name = e.repository.full_name } }\n",
    "return payload.action == 'unlabeled'",
    "select(.action == \"unlabeled\" and .issue.state == \"open\" and .issue.user.type == \"User\") | "
    "{number: .issue.number, title: .issue.title, url: .issue.html_url, label: .label.name, "
    "labels: (.issue.labels|length), by: .sender.login, "
    "repository: {id: .repository.id, name: .repository.full_name}}",
    "(e) => { if (e.action !== 'unlabeled') return false; const i = e.issue; "
    "if (i.state !== 'open' || i.user.type !== 'User') return false; "
    "return { number: i.number, title: i.title, url: i.html_url, label: e.label.name, labels: i.labels.length, "
    "by: e.sender.login, repository: { id: e.repository.id, name: e.repository.full_name } } }",
};

static char payload[PAYLOAD_SIZE];
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
    static const wh_rule_input value = {
        sizeof value, &json, "msg_1", "invoice.paid", "", 1790000000000, "sub_1", "n", NULL, 0, "", "", NULL, 0
    };

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

/* ------------------------------------------------------------ real payloads */

static char *file_text;
static whi_json file_json;

static void read_payloads(const char *name) {
    FILE *file = fopen(name, "rb");
    long size;

    need(file != NULL && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0, name);
    rewind(file);
    file_text = whi_alloc((size_t)size);
    need(file_text != NULL && fread(file_text, 1, (size_t)size, file) == (size_t)size, name);
    fclose(file);
    need(whi_json_scan(&file_json, file_text, (size_t)size, 64) == WH_OK, wh_last_error());
}

/* A value without the blanks outside of its strings; 0 if it does not fit. */
static size_t squeeze(uint32_t node, char *out) {
    size_t size, used = 0;
    const char *text = whi_json_span(&file_json, node, &size);
    int inside = 0;

    for (size_t i = 0; i < size; i++) {
        if (!inside && strchr(" \t\r\n", text[i]) != NULL) {
            continue;
        }
        if (used + 2 > PAYLOAD_SIZE) {
            return 0;
        }
        out[used++] = text[i];
        if (inside && text[i] == '\\') {
            out[used++] = text[++i];
        } else if (text[i] == '"') {
            inside = !inside;
        }
    }
    out[used] = '\0';
    return used;
}

/* The example of this group with this size. */
static void take_payload(const char *group, size_t size) {
    for (uint32_t at = 1; at < file_json.nodes[0].next; at = file_json.nodes[at].next) {
        uint32_t name = whi_json_member(&file_json, at, "name", 4);
        uint32_t list = whi_json_member(&file_json, at, "examples", 8);
        if (!whi_json_string_is(&file_json, name, group, strlen(group))) {
            continue;
        }
        for (uint32_t item = list + 1; item < file_json.nodes[list].next; item = file_json.nodes[item].next) {
            payload_size = squeeze(item, payload);
            if (payload_size == size) {
                return;
            }
        }
    }
    need(0, "the payload is not in the file");
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
    wh_rule_verdict verdict = { .size = sizeof verdict };

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
    wh_rule_verdict verdict = { .size = sizeof verdict };

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
    while (jv_is_valid(text = jq_next(jq))) {
        jv_free(text);
    }
    jv_free(text);
}

/* ------------------------------------------------------------------ measuring */

typedef enum way {
    OURS,
    CJSON,
    JQ,
    FILTER,
    MANY_RULES,
    MANY_FILTERS,
    RUN,
    BARE,
    WAYS,
} way;

static void (*const ways[WAYS])(void) = { way_ours, way_cjson,        way_jq,  way_filter,
                                          way_many, way_many_filters, way_run, way_bare };

static double once(void (*function)(void)) {
    double start = bench_cpu(), spent;
    long count = 0;

    do {
        for (int i = 0; i < 16; i++) {
            function();
        }
        count += 16;
        spent = bench_cpu() - start;
    } while (spent < ROUND_S);
    return spent / (double)count * 1e6;
}

/* The last two of the medians are V8's, 0 without it: strings in and out, or bytes. */
static void measure(double medians[WAYS + 2], int has_v8) {
    double rounds[WAYS + 2][ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WAYS; i++) {
            rounds[i][round] = once(ways[i]);
            need(answer_size > 2 || i == FILTER || i == MANY_FILTERS, "a way sends nothing");
        }
        rounds[WAYS][round] = has_v8 ? remote_ask("strings") : 0;
        rounds[WAYS + 1][round] = has_v8 ? remote_ask("bytes") : 0;
    }
    for (int i = 0; i < WAYS + 2; i++) {
        medians[i] = bench_median(rounds[i], ROUNDS);
    }
}

static void compile(const char *source, void **out) {
    wh_rule_error error;

    need(wh_rule_lua()->compile(runtime, "", source, strlen(source), out, &error) == WH_OK, error.text);
}

static const char *joined(const char *head, const char *tail) {
    static char text[2048];

    snprintf(text, sizeof text, "%s%s", head, tail);
    return text;
}

static void open_bare(const char *source) {
    static whi_rule unlimited;

    unlimited = (whi_rule){ 0 };
    unlimited.runtime = runtime;
    unlimited.limit = SIZE_MAX;
    bare = luaL_newstate();
    *(whi_rule **)lua_getextraspace(bare) = &unlimited;
    unlimited.L = bare;
    lua_gc(bare, LUA_GCSTOP);
    whi_rule_open_libraries(bare);
    need(luaL_loadbufferx(bare, source, strlen(source), "=rule", "t") == LUA_OK, "compiling");
    lua_rawseti(bare, LUA_REGISTRYINDEX, WHI_RULE_AT_FUNCTION);
    unlimited.wall_last = INT64_MAX / 2; /* the clocks are never due */
}

static void open_rules(const subject *s) {
    const char *source = joined("local e = payload\n", s->lua);
    wh_limits limits = WH_LIMITS_INIT;

    need(wh_rule_lua()->open(&runtime, &limits, NULL) == WH_OK, "opening");
    compile(source, &rule);
    compile(s->filter, &filter);
    for (int i = 0; i < MANY; i++) {
        compile(source, &rules[i]);
        compile(s->filter, &filters[i]);
    }
    open_bare(source);
}

static void close_rules(void) {
    wh_rule_lua()->release(runtime, rule);
    wh_rule_lua()->release(runtime, filter);
    for (int i = 0; i < MANY; i++) {
        wh_rule_lua()->release(runtime, rules[i]);
        wh_rule_lua()->release(runtime, filters[i]);
    }
    lua_close(bare);
    wh_rule_lua()->close(runtime);
    lua_close(plain);
    jq_teardown(&jq);
}

static void open_yardsticks(const subject *s, int has_v8) {
    plain = luaL_newstate();
    luaL_openlibs(plain);
    need(luaL_dostring(plain, "local c = require 'cjson' return c.decode, c.encode") == LUA_OK,
         "lua-cjson is needed (apt-get install lua-cjson)");
    need(luaL_loadstring(plain, joined("local e = ...\n", s->lua)) == LUA_OK, "compiling");
    jq = jq_init();
    need(jq != NULL && jq_compile(jq, s->jq), "jq does not compile its program");
    if (has_v8) {
        remote_tell("case");
        remote_tell(s->javascript);
        remote_tell(payload);
    }
}

static void compare(const char *what, const subject *s, int has_v8) {
    double us[WAYS + 2];

    open_rules(s);
    open_yardsticks(s, has_v8);
    scan();
    measure(us, has_v8);
    printf("%s, %zu bytes\n", what, payload_size);
    printf("  ours, scan + filter + projection      %8.2f us\n", us[OURS]);
    printf("  lua-cjson, plain Lua, no limits       %8.2f us   %.1f x ours\n", us[CJSON], us[CJSON] / us[OURS]);
    printf("  libjq, compiled once                  %8.2f us   %.1f x ours\n", us[JQ], us[JQ] / us[OURS]);
    if (has_v8) {
        printf("  V8, compiled once, from bytes to bytes%8.2f us   %.1f x ours\n", us[WAYS + 1],
               us[WAYS + 1] / us[OURS]);
        printf("  V8, without making strings of bytes   %8.2f us   %.1f x ours\n", us[WAYS], us[WAYS] / us[OURS]);
    }
    printf("  ours, scan + one-field filter         %8.2f us, each of %d more on the same scan %.2f us\n", us[FILTER],
           MANY - 1, (us[MANY_FILTERS] - us[FILTER]) / (MANY - 1));
    printf("  each of %d more filters + projections %8.2f us\n", MANY - 1, (us[MANY_RULES] - us[OURS]) / (MANY - 1));
    printf("  run alone with limits / without       %8.2f us / %.2f us   price of the limits %.0f %%\n", us[RUN],
           us[BARE], (us[RUN] / us[BARE] - 1) * 100);
    close_rules();
}

int main(int argc, char **argv) {
    int has_v8 = argc > 2 && remote_start("node", argv[2]);

    if (!has_v8) {
        printf("V8 is left out: node was not found\n");
    }
    make_payload(1024);
    compare("an invoice", &invoice, has_v8);
    make_payload(10240);
    compare("an invoice", &invoice, has_v8);
    if (argc < 2) {
        return 0;
    }
    read_payloads(argv[1]);
    take_payload("security_advisory", 1098);
    compare("GitHub's security_advisory", &advisory, has_v8);
    take_payload("issues", 10060);
    compare("GitHub's issues", &issue, has_v8);
    return 0;
}
