/* A payload under fixed rules, which together use every helper and every way to read a
 * part. The first byte picks the rule, an optional line behind it is a text that the rule
 * finds as subscription.meta.t, the rest is the payload. The event's own texts and the
 * verdict are checked as for any rule, and the second run must end as the first. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "pure/json.h"
#include "webhook_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WALK                                                                                                           \
    "local function walk(v, f, depth) f(v) if type(v) ~= 'table' or depth > 8 then return end "                        \
    "for k, w in pairs(v) do f(k) walk(w, f, depth + 1) end end "
#define META "local t = subscription.meta.t or '' "

static const char *const rules[] = {
    "return payload",
    "return {payload}",
    "return {p = payload, n = #payload, t = tostring(payload)}",
    WALK "local n = 0 walk(payload, function(v) n = n + #tostring(v) end, 0) return {n}",
    WALK "local t = {} walk(payload, function(v) t[#t + 1] = v end, 0) return t",
    WALK "local t = {} walk(payload, function(v) t[v] = true end, 0) local s = {} "
         "for k in pairs(t) do s[#s + 1] = k end return s",
    "local t = {} for i, v in ipairs(payload) do t[i] = v end for i = #payload, 1, -1 do t[i] = payload[i] end return "
    "t",
    "local t = {} for k, v in pairs(payload) do t[k] = payload[k] end return t",
    "local t = {} for k, v in pairs(payload) do if type(v) == 'table' then t[tostring(k)] = {v, #v, next(v)} end end "
    "return t",
    META "return only(payload, t)",
    META "return only(payload, 'a', 'b.c', 'd(e,f)')",
    META "return without(payload, t)",
    META "return without(payload, 'a', 'b.c', t, '', '.')",
    "return merge(payload, {a = 1, b = {c = 2.5, d = null}, e = payload, f = array{}, g = object{}})",
    META "return merge(payload, {[t] = t})",
    "return merge(merge(without(payload, 'a'), {b = only(payload, 'a')}), {c = {payload}, d = {e = {f = payload}}})",
    "local m = merge(payload, {a = {b = 1}}) local n = merge(m, {a = {c = payload.a}}) return {m.a, n.a, n == m, m}",
    WALK
    "walk(payload, function(v) if type(v) == 'string' then mask(v) hash(v) matches(v, v) matches(v, 'a.*') v:upper() "
    "v:find('%w+') v:gsub('.', '%0%0') v:rep(2) v:reverse() v:byte(1, 3) tonumber(v) utf8.len(v) end end, 0) return "
    "true",
    WALK META
    "local s = {} walk(payload, function(v) if type(v) == 'string' then s[#s + 1] = mask(v) s[#s + 1] = hash(v) "
    "s[#s + 1] = v:match(t) or null end end, 0) return s",
    META "local s = tostring(payload) return {pcall(s.find, s, t)}",
    META "local s = tostring(payload) return {(pcall(s.gsub, s, t, '<%0>'))}",
    META "return {pcall(string.format, t, payload.a, payload.b, payload.c)}",
    "local s = tostring(payload) local t = {} for p, c in utf8.codes(s) do t[#t + 1] = c end return "
    "{utf8.char(table.unpack(t))}",
    "local t = {} for k, v in pairs(payload) do t[#t + 1] = tostring(v) end table.sort(t) return {table.concat(t, "
    "',')}",
    "local t = {table.unpack(payload)} table.sort(t, function(a, b) return tostring(a) < tostring(b) end) return t",
    "return {table.concat(payload, ',')}",
    "return payload.a, {key = payload.b, headers = payload.c and {['X-C'] = payload.c}, delay = payload.d}",
    META "return true, {key = t, headers = {[t] = t, ['X-Env'] = t}, delay = #t}",
    WALK
    "local s = 0 walk(payload, function(v) if type(v) == 'number' then s = s + v end end, 0) return {s, math.floor(s)}",
    WALK "local l = {} walk(payload, function(v) if type(v) == 'number' then l[#l + 1] = v l[#l + 1] = v * 2 "
         "l[#l + 1] = math.max(v, 1) l[#l + 1] = math.tointeger(v) or null l[#l + 1] = ('%d'):format(v // 1) end end, "
         "0) return l",
    "payload.a = 1",
    "return payload.a.b.c.d, payload[1], payload",
    "return {payload + 1, payload .. '', payload < payload, -payload, payload()}",
    "return {event.id, event.type, event.tenant, event.time, event.source, event.key, subscription.id, "
    "subscription.name, "
    "subscription.meta}",
};

#define COUNT (sizeof rules / sizeof rules[0])
#define TEXT_MAXIMUM 256

static const wh_rule_engine *engine;
static void *runtime;
static void *compiled[COUNT];

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void open_runtime(void) {
    wh_limits limits = WH_LIMITS_INIT;
    wh_rule_error error;

    limits.rule_cpu_ms = 20;
    limits.rule_memory_bytes = 1 << 20;
    limits.payload_bytes = 1 << 16;
    engine = wh_rule_lua();
    must(engine->open(&runtime, &limits, NULL) == WH_OK);
    for (size_t i = 0; i < COUNT; i++) {
        must(engine->compile(runtime, "owner", rules[i], strlen(rules[i]), &compiled[i], &error) == WH_OK);
    }
}

static int is_limit(int code) {
    return code == WH_ERULE_TIME || code == WH_ERULE_MEMORY;
}

static void check_verdict(int code, const wh_rule_verdict *verdict) {
    must(code == WH_OK || code == WH_ERULE_RUNTIME || code == WH_ERULE_RESULT || is_limit(code));
    must(memchr(verdict->error.text, '\0', sizeof verdict->error.text) != NULL);
    if (code == WH_OK && verdict->action == WH_RULE_PROJECT) {
        must(whi_json_check(verdict->body, verdict->body_size, 256) == WH_OK);
    }
    if (verdict->headers != NULL) {
        must(whi_json_check(verdict->headers, verdict->headers_size, 2) == WH_OK);
        must(memchr(verdict->headers, '\n', verdict->headers_size) == NULL);
    }
}

static void run_twice(void *rule, wh_rule_input *input) {
    wh_rule_verdict verdict = { .size = sizeof verdict };
    int first = engine->run(runtime, rule, input, &verdict), second, action = verdict.action;
    size_t size = verdict.body_size;

    check_verdict(first, &verdict);
    second = engine->run(runtime, rule, input, &verdict);
    check_verdict(second, &verdict);
    if (!is_limit(first) && !is_limit(second)) {
        must(first == second && action == verdict.action && size == verdict.body_size);
    }
}

/* {"t": the line} */
static void make_meta(whi_buf *out, const uint8_t *line, size_t size) {
    whi_buf_clear(out);
    whi_buf_text(out, "{\"t\":");
    whi_json_write_string(out, (const char *)line, size);
    whi_buf_char(out, '}');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static whi_json json;
    static whi_buf meta;
    const uint8_t *line_end, *end = data + size;
    wh_rule_input input = { .size = sizeof input,
                            .payload = &json,
                            .event_id = "msg_1",
                            .event_type = "order.paid",
                            .event_tenant = "acme",
                            .event_time = 1790000000000,
                            .subscription_id = "sub_1",
                            .subscription_name = "x",
                            .event_source = "",
                            .event_key = "k",
                            .hash_key = "whsec_test",
                            .hash_key_size = 10 };

    if (runtime == NULL) {
        open_runtime();
        whi_buf_init(&meta, 8 * TEXT_MAXIMUM);
    }
    line_end = size > 0 ? memchr(data, '\n', size < TEXT_MAXIMUM ? size : TEXT_MAXIMUM) : NULL;
    if (line_end == NULL || size > 65536) {
        return 0;
    }
    make_meta(&meta, data + 1, line_end > data ? (size_t)(line_end - data) - 1 : 0);
    if (whi_json_scan(&json, (const char *)line_end + 1, (size_t)(end - line_end) - 1, 64) != WH_OK) {
        return 0;
    }
    input.subscription_meta = meta.data;
    input.subscription_meta_size = meta.size;
    run_twice(compiled[data[0] % COUNT], &input);
    return 0;
}
