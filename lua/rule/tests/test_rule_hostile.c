/* Hostile rules, second part: what they keep busy other than the interpreter's loop (the
 * compiler, the collector, helpers and conversions of large texts), with the limits as
 * they are by default; values of another kind than expected; and what is left behind. */
#include <pthread.h>

#include "base/mem.h"
#include "rule_fixture.h"
#include "rule_state.h"

#define LIMIT_MS 50
#define MEMORY (8 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OVERRUN_MS 400 /* instrumented code is slower */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OVERRUN_MS 400
#endif
#endif
#ifndef OVERRUN_MS
#define OVERRUN_MS 20
#endif

/* Tries it, and allows any end but a crash, a hang or too much memory. */
static int stopped(fixture *f, const char *source, const char *payload) {
    double start = thread_ms(), took;
    int code = fixture_try(f, source, payload);

    took = thread_ms() - start;
    if (took > LIMIT_MS + OVERRUN_MS) {
        fail_msg("%.100s\ntook %.1f ms of CPU time, the limit is %d ms", source, took, LIMIT_MS);
    }
    if (f->verdict.memory > MEMORY) {
        fail_msg("%.100s\ntook %lld bytes", source, (long long)f->verdict.memory);
    }
    if ((code == WH_OK) != (f->said[0] == '\0')) {
        fail_msg("%.100s\n%s without a sentence", source, wh_error_name(code));
    }
    TRUE(f, "return payload.a == 1", "{\"a\":1}");
    return code;
}

/* ------------------------------------------------------------------- sources */

static char *source;
static size_t used;

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    used += (size_t)vsnprintf(source + used, 65536 - used, format, arguments);
    va_end(arguments);
    assert_true(used < 65536);
}

/* Each name is looked up through the locals of 90 functions: 200 ms without a clock. */
static void many_functions(void) {
    for (int i = 0; i < 90; i++) {
        add("local function f() local v0");
        for (int j = 1; j < 90; j++) {
            add(",v%d", j);
        }
        add("\n");
    }
    while (used < 60000) {
        add("x=x ");
    }
    for (int i = 0; i < 90; i++) {
        add(" end");
    }
}

static void many_branches(void) {
    add("if x then ");
    while (used < 65000) {
        add("elseif x then ");
    }
    add("end");
}

static void many_labels(void) {
    for (int i = 0; used < 65000; i++) {
        add("do goto a%d end ::a%d:: ", i, i);
    }
}

static void many_jumps(void) {
    for (int i = 0; used < 32000; i++) {
        add("goto z ");
    }
    for (int i = 0; used < 65000; i++) {
        add(" do ::b%d:: end", i);
    }
    add("::z::");
}

static void many_constants(void) {
    add("return {");
    for (int i = 0; used < 65000; i++) {
        add("%d.5,", i);
    }
    add("}");
}

static void one_long_name(void) {
    memset(source, 'x', 65000);
    used = 65000;
    source[used] = '\0';
}

static void one_long_number(void) {
    add("return ");
    memset(source + used, '9', 65000);
    used += 65000;
    source[used] = '\0';
}

static void one_long_escape(void) {
    add("return '");
    while (used < 65000) {
        add("\\u{7FFFFFFF}");
    }
    add("'");
}

static void one_long_comparison(void) {
    add("return x");
    while (used < 65000) {
        add(" or x");
    }
}

static void compilers_are_stopped(void **state) {
    static void (*const makers[])(void) = { many_functions,  many_branches,   many_labels,
                                            many_jumps,      many_constants,  one_long_name,
                                            one_long_number, one_long_escape, one_long_comparison };
    fixture f;

    (void)state;
    source = malloc(65536);
    fixture_open(&f, LIMIT_MS, MEMORY);
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        used = 0;
        makers[i]();
        stopped(&f, source, "{}");
    }
    used = 0;
    many_functions();
    if (OVERRUN_MS == 20) {
        wh_limits limits = { .size = sizeof limits, .rule_cpu_ms = 5 };
        void *runtime = NULL, *rule = NULL;
        wh_rule_error error;
        assert_int_equal(wh_rule_lua()->open(&runtime, &limits, NULL), WH_OK);
        assert_int_equal(wh_rule_lua()->compile(runtime, "", source, used, &rule, &error), WH_ERULE_TIME);
        assert_string_equal(error.text, "stopped after 5 ms of CPU time");
        wh_rule_lua()->close(runtime);
    }
    fixture_close(&f);
    free(source);
}

/* ---------------------------------------------------------------------- runs */

#define MEGABYTES "local s = ('1'):rep(1 << 21) "
#define EMPTIED "local t, r = {}, {} for i = 1, 65537 do t[i + 0.5] = 1 end for i = 1, 65537 do t[i + 0.5] = nil end "
#define CATCH(what) "while true do pcall(function() " what " end) end"

static void runs_are_stopped(void **state) {
    static const char *const sources[] = {
        /* the collector, with much alive and with nothing to gain */
        "local t = {} for i = 1, 1e9 do t[i] = {} end",
        "local t = {} for i = 1, 60000 do t[i] = {i} end while true do local x = {1, 2, 3, 4} end",
        "local t = {} for i = 1, 60000 do t[i] = 'abc' .. i end while true do local x = {} end",
        "local t = {} pcall(function() while true do t = {t} end end)",
        "local t = {} for i = 1, 1e9 do t[i] = function() return t end end",
        "local t = {} for i = 1, 40000 do t['k' .. i] = i end while true do for k in pairs(t) do t.z = 1 break end end",
        "local t = {} for i = 1, 1e5 do t[i] = i end while true do t[#t + 1] = nil t[100001] = 1 t[100001] = nil end",
        /* texts of megabytes where a number, a name or a key is wanted */
        MEGABYTES "while true do s = s .. 'x' end",
        MEGABYTES CATCH("local x = ('x'):rep(s)"),
        MEGABYTES CATCH("for i = 1, s do end"),
        MEGABYTES CATCH("for i = s, 2 do end"),
        MEGABYTES CATCH("return s + 1"),
        MEGABYTES CATCH("return ('0x' .. s) + 1"),
        MEGABYTES CATCH("return -s"),
        MEGABYTES CATCH("return s | 1"),
        MEGABYTES CATCH("return s // 1"),
        MEGABYTES CATCH("return math.floor(s)"),
        MEGABYTES CATCH("return math.max(s, 1)"),
        MEGABYTES CATCH("return utf8.char(s)"),
        MEGABYTES CATCH("return ({})[s]"),
        MEGABYTES CATCH("return payload[s].x"),
        MEGABYTES CATCH("return null[s]"),
        MEGABYTES CATCH("return event[s]"),
        MEGABYTES CATCH("return s.b.c"),
        MEGABYTES CATCH("return ('%' .. s):format(1)"),
        MEGABYTES CATCH("error(s)"),
        MEGABYTES CATCH("return matches(s, s)"),
        MEGABYTES "while true do hash(s) end",
        MEGABYTES "while true do mask(s) end",
        MEGABYTES "while true do utf8.len(s) end",
        MEGABYTES "while true do utf8.codepoint(s, 1, 99999) end",
        MEGABYTES "while true do utf8.offset(s, -(1 << 21)) end",
        "local s = 'a' .. ('\\x80'):rep(1 << 21) while true do pcall(function() for _ in utf8.codes(s) do end end) end",
        "local s = ('\\u{7FFFFFFF}'):rep(1 << 18) while true do utf8.len(s, 1, -1, true) end",
        "local s = ('x'):rep(1 << 20) while true do local a = ({[s] = 1})[s] end",
        "local s, t = ('x'):rep(1 << 20), {} for i = 1, 1e9 do t[s .. i] = 1 end",
        "local s = ('x'):rep(1 << 20) return {[s] = tostring}",
        "local s = ('x'):rep(1 << 20) return true, {[s] = tostring}",
        "local s = ('x'):rep(1 << 20) return true, {headers = {[s] = tostring}}",
        "error(('\\255'):rep(3e6))",
        /* depth */
        "local function f(...) return f(1, ...) end f()",
        "local function f(n) if n == 0 then return 0 end return (f(n - 1)) end while true do pcall(f, 150000) end",
        "local function f(a) return string.gsub('x', 'x', function() return f(a) end) end f(1)",
        "local function f(x) return (string.gsub('x', '.', f)) end while true do pcall(f) end",
        "local function f() table.sort({2, 1}, f) end f()",
        "local function f() return pcall(f) end f() return true",
        "local function f() return pcall(pcall, f) end f() while true do f() end",
        "local function f() for _ in function() f() end do end end f()",
        /* lists of names */
        "local e = ('('):rep(1e6) while true do pcall(only, payload, 'a' .. e) end",
        "local e = (','):rep(1e6) while true do pcall(only, payload, 'a' .. e) end",
        "local e = ('a.'):rep(1e6) while true do pcall(only, payload, e) end",
        "local t = {} for i = 1, 1000 do t[('x'):rep(2000) .. i] = i end while true do pcall(merge, payload, t) end",
        "local t = {} for i = 1, 1500 do t[('x'):rep(2000) .. i] = i end while true do for k in pairs(t) do break end "
        "end",
        "local t = {} for i = 1, 1500 do t[('x'):rep(2000) .. i] = i end while true do next(t) end",
        "local t = {} for i = 1, 1500 do t[i] = ('x'):rep(2000) .. (i * 7919 % 1500) end while true do table.sort(t) "
        "end",
        "local t = {} for i = 1, 3e5 do t[i] = i end return t",
        /* tables that were large and are empty: each walk passes all of their places */
        EMPTIED "for i = 1, 20000 do r[i] = t end return r",
        EMPTIED "for i = 1, 20000 do r['k' .. i] = t end return r",
        EMPTIED "for i = 1, 20000 do r['k' .. i] = t end merge(payload, r)",
        EMPTIED "for i = 1, 20000 do r[i] = t end table.sort(r, pairs)",
        EMPTIED "for i = 1, 20000, 2 do r[i], r[i + 1] = 'x', t end table.sort(r, next)",
        "local t = {} for i = 1, 4e4 do t[i .. ''] = i end return t",
        "local t = {} for i = 1, 1000 do t[('x'):rep(2000) .. (i * 7919 % 1009)] = {} end return t",
    };
    fixture f;

    (void)state;
    fixture_open(&f, LIMIT_MS, MEMORY);
    f.secret = "secret";
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        int code = stopped(&f, sources[i], "{\"a\":1}");
        assert_int_not_equal(code, WH_ERULE_SYNTAX);
        assert_int_not_equal(code, WH_ENOMEM);
    }
    fixture_close(&f);
}

/* Paths of `without` were read to their end for every member. */
static void long_paths_are_stopped_on_large_payloads(void **state) {
    char *payload = malloc(1 << 20);
    size_t size = 1;
    fixture f;

    (void)state;
    payload[0] = '{';
    for (int i = 0; size < 900000; i++) {
        size += (size_t)snprintf(payload + size, 64, "\"k%d\":%d,", i, i);
    }
    memcpy(payload + size - 1, "}", 2);
    fixture_open(&f, LIMIT_MS, MEMORY);
    stopped(&f,
            "local p, t = ('x'):rep(1 << 20), {} for i = 1, 32 do t[i] = p end "
            "while true do without(payload, table.unpack(t)) end",
            payload);
    stopped(&f,
            "local p, t = ('k1234567'):rep(1 << 17), {} for i = 1, 32 do t[i] = p end "
            "while true do without(payload, table.unpack(t)) end",
            payload);
    stopped(&f, "while true do for k, v in pairs(payload) do t = {hash(k)} end end", payload);
    stopped(&f, "return merge(payload, payload)", payload);
    fixture_close(&f);
    free(payload);
}

/* A name is compared decoded, with as many names as the table has. */
static void long_names_with_escapes_are_stopped(void **state) {
    char *payload = malloc(1 << 20);
    size_t size = 2;
    fixture f;

    (void)state;
    memcpy(payload, "{\"", 2);
    for (int i = 0; i < 500000; i++, size += 2) {
        memcpy(payload + size, "\\n", 2);
    }
    memcpy(payload + size, "\":1}", 5);
    fixture_open(&f, LIMIT_MS / 2, MEMORY);
    fixture_try(&f, "local t, p = {}, ('\\n'):rep(499999) for i = 1, 12 do t[p .. i] = 1 end merge(payload, t)",
                payload);
    assert_true(f.cpu_ms < LIMIT_MS / 2 + OVERRUN_MS);
    stopped(&f, "local p = ('\\n'):rep(499999) .. 'x' while true do local x = payload[p] end", payload);
    fixture_close(&f);
    free(payload);
}

/* A rule remembers the text of each number it reads, by its bits. These were written to
 * collide under a multiplication by the golden ratio. */
static void numbers_cannot_be_made_to_collide(void **state) {
    uint64_t golden = UINT64_C(0x9e3779b97f4a7c15), inverse = 1;
    char *payload = malloc(1 << 20);
    size_t size = 1;
    fixture f;

    (void)state;
    for (int i = 0; i < 6; i++) {
        inverse *= 2 - golden * inverse; /* Newton's: twice as many bits are right each time */
    }
    assert_true(golden * inverse == 1);
    payload[0] = '[';
    for (uint64_t i = 1; size < 1000000; i++) {
        uint64_t bits = ((i & 0x3fff) << 50 | i) * inverse;
        double number;
        memcpy(&number, &bits, sizeof number);
        if (number - number == 0) { /* finite */
            size += (size_t)snprintf(payload + size, 64, "%.17g,", number);
        }
    }
    memcpy(payload + size - 1, "]", 2);
    fixture_open(&f, OVERRUN_MS == 20 ? LIMIT_MS : 1000, MEMORY);
    TRUE(&f, "local n = 0 for i, v in ipairs(payload) do n = i end return n > 30000", payload);
    fixture_close(&f);
    free(payload);
}

static const fixture *watched;
static size_t most_numbers, most_nodes;

static int watch(void) {
    const whi_rule_runtime *runtime = watched->runtime;
    size_t nodes = 0;

    for (size_t i = WHI_RULE_MADE; i < WHI_RULE_DOCS; i++) {
        nodes += runtime->made[i].json.capacity;
    }
    most_nodes = nodes > most_nodes ? nodes : most_nodes;
    most_numbers = runtime->number_capacity > most_numbers ? runtime->number_capacity : most_numbers;
    return 0;
}

/* What a run takes outside of its state is limited before it is taken. */
static void memory_outside_of_the_state_is_limited_too(void **state) {
    const size_t memory = 2 << 20;
    char *payload = malloc(1 << 20);
    size_t size = 1;
    fixture f;

    (void)state;
    fixture_open(&f, 5000, (int64_t)memory);
    payload[0] = '[';
    for (; size < 900000; size += 3) {
        memcpy(payload + size, "{},", 3);
    }
    memcpy(payload + size - 1, "]", 2);
    watched = &f;
    whi_mem_fault = watch;
    CODE(&f, "return without(payload, 'a')", payload, WH_ERULE_MEMORY);
    CODE(&f, "return only(payload, 'a')", payload, WH_ERULE_MEMORY);
    for (size = 1; size < 1000000;) {
        size += (size_t)snprintf(payload + size, 64, "%zu.5,", size);
    }
    memcpy(payload + size - 1, "]", 2);
    CODE(&f, "for i, v in ipairs(payload) do end local t = {} return true", payload, WH_ERULE_MEMORY);
    whi_mem_fault = NULL;
    assert_in_range(most_nodes * sizeof(whi_json_node), 1, memory);
    assert_in_range(most_numbers * sizeof(whi_rule_number), 1, memory);
    fixture_close(&f);
    free(payload);
}

/* What is held outside is taken from what garbage fills. */
static void garbage_does_not_starve_the_helpers(void **state) {
    char payload[100002] = "[";
    fixture f;

    (void)state;
    memset(payload + 1, ' ', 100000);
    payload[100000] = ']';
    payload[100001] = '\0';
    memcpy(payload, "{\"a\":[", 6);
    memcpy(payload + 99998, "1]}", 4);
    fixture_open(&f, 1000, 1 << 20);
    for (int kib = 600; kib < 1024; kib += 8) {
        char rule[200];
        snprintf(rule, sizeof rule,
                 "for i = 1, %d do local s = ('x'):rep(500, i .. '') end return {#merge(payload, {}).a}", kib);
        CODE(&f, rule, payload, WH_OK);
    }
    fixture_close(&f);
}

/* A text that nests too deep was kept with its tape, one for each number of helpers called. */
static void what_a_helper_could_not_make_is_not_kept(void **state) {
    char *payload = malloc(200100);
    size_t size = 6;
    fixture f;

    (void)state;
    memcpy(payload, "{\"a\":[", 6);
    for (; size < 200000; size += 2) {
        memcpy(payload + size, "0,", 2);
    }
    memcpy(payload + size, "0],\"n\":[[[]]]}", 15);
    fixture_open(&f, 1000, MEMORY);
    for (int i = 0; i < 3; i++) {
        char rule[300];
        snprintf(rule, sizeof rule,
                 "for i = 1, %d do only(payload, 'n') end local t = payload.n for i = 1, 61 do t = {t, payload.n} end "
                 "return merge(payload, {z = t})",
                 i);
        assert_int_not_equal(fixture_try(&f, rule, payload), WH_OK);
    }
    for (size_t i = WHI_RULE_MADE; i < WHI_RULE_DOCS; i++) {
        const whi_rule_made *made = &((const whi_rule_runtime *)f.runtime)->made[i];
        assert_in_range(made->text.capacity, 0, 65536);
        assert_int_equal(made->json.capacity, 0);
    }
    fixture_close(&f);
    free(payload);
}

/* ------------------------------------------------------------ what is no text */

static void what_has_zeros_or_no_kind_is_no_name(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, LIMIT_MS, MEMORY);
    BODY(&f, "return without(payload, 'a\\0b')", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}");
    BODY(&f, "return without(payload, 'a\\0b')", "{\"a\\u0000b\":1,\"b\":2}", "{\"b\":2}");
    BODY(&f, "return without(payload, 'a.b', '')", "{\"a.b\":1,\"b\":2,\"\":3}", "{\"b\":2}");
    BODY(&f, "return {payload['a\\0b'], payload.a == nil}", "{\"a\\u0000b\":1}", "[1,true]");
    TRUE(&f, "return payload.__index == 1 and payload.__gc == nil and payload.__name == 'x' and payload.__len == null",
         "{\"__index\":1,\"__name\":\"x\",\"__len\":null,\"__metatable\":{}}");
    TRUE(&f, "local t = {} for k, v in pairs(payload) do t[k] = v end return #t == 0 and t.x == nil and t == t",
         "{\"__index\":1,\"__len\":2,\"__eq\":3,\"__gc\":4,\"__close\":5,\"__call\":6}");
    TRUE(&f, "return payload.a == payload.a and payload.a ~= payload.b and payload.a ~= merge(payload.a, {})",
         "{\"a\":{},\"b\":{}}");
    TRUE(&f, "return null == null and payload.a == null and payload.b ~= null and null ~= false and null ~= 0",
         "{\"a\":null}");
    TRUE(&f,
         "local t = {} t[null] = 1 t[payload] = 2 t[event] = 3 return t[payload.a] == 1 and t[payload] == 2 and "
         "t[event] == 3",
         "{\"a\":null}");
    TRUE(&f,
         "local a = payload.list return a[0/0] == nil and a[1/0] == nil and a[-1] == nil and a[2^53] == nil and "
         "a[math.mininteger] == nil and a[math.maxinteger] == nil and a[1.5] == nil and a[true] == nil and a[type] == "
         "nil",
         "{\"list\":[1,2]}");
    fixture_close(&f);
}

/* A name beyond 40 letters is no interned text: the copy that merge looks it up by was
 * collected while the path still showed it. Under a sanitizer. */
static void the_path_of_a_refused_value_outlives_the_collector(void **state) {
    static const char *const fill[] = { "0", "20000", "60000", "100000" };
    char rule[1024];
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 1 << 20);
    for (size_t i = 0; i < sizeof fill / sizeof fill[0]; i++) {
        snprintf(rule, sizeof rule,
                 "local n = ('n'):rep(60) local t = {} for i = 1, %s do t = {t} end t = nil "
                 "return merge(payload, {[n] = {[n] = {[n] = {x = ('y'):rep(50), z = tostring}}}})",
                 fill[i]);
        int code = fixture_try(&f, rule,
                               "{\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\":"
                               "{\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\":"
                               "{\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\":{}}}}");
        assert_true(code == WH_ERULE_RESULT || code == WH_ERULE_MEMORY);
    }
    fixture_close(&f);
}

/* --------------------------------------------------------------- one after another */

static void nothing_is_left_of_a_run_whatever_its_end(void **state) {
    static const char rule_source[] =
        "if kept ~= nil or _ENV.kept ~= nil or string.kept ~= nil or ('x').kept ~= nil then return false end\n"
        "kept = payload\n"
        "local held = {payload, event, subscription.meta, merge(payload, {b = 1})}\n"
        "only, pcall2 = nil, pcall\n"
        "if payload.how == 'error' then error(held) end\n"
        "if payload.how == 'time' then while true do end end\n"
        "if payload.how == 'memory' then return ('x'):rep(1 << 30) end\n"
        "if payload.how == 'result' then return {held, tostring} end\n"
        "return true";
    static const struct {
        const char *payload;
        int code;
    } runs[] = { { "{\"how\":\"error\"}", WH_ERULE_RUNTIME },
                 { "{\"how\":\"time\"}", WH_ERULE_TIME },
                 { "{\"how\":\"memory\"}", WH_ERULE_MEMORY },
                 { "{\"how\":\"result\"}", WH_ERULE_RESULT },
                 { "{\"how\":\"good\"}", WH_OK } };
    void *rule = NULL;
    fixture f;

    (void)state;
    fixture_open(&f, 5, MEMORY);
    assert_int_equal(wh_rule_lua()->compile(f.runtime, "o", rule_source, sizeof rule_source - 1, &rule, &f.error),
                     WH_OK);
    for (int i = 0; i < 25; i++) {
        size_t at = (size_t)(i * 7 + i / 5) % 5;
        assert_int_equal(fixture_run(&f, rule, runs[at].payload), runs[at].code);
        assert_int_equal(f.verdict.action, runs[at].code == WH_OK ? WH_RULE_PASS : WH_RULE_DROP);
        assert_true(runs[at].code == WH_OK || (f.verdict.body == NULL && f.verdict.key == NULL));
    }
    wh_rule_lua()->release(f.runtime, rule);
    fixture_close(&f);
}

/* Threads of some systems have little: musl gives 128 KB. Only what the deepest calls need. */
static void *deepest(void *payload) {
    static const char *const sources[] = {
        "local function f(a) return string.gsub('x', 'x', function() return f(a) end) end f(1)",
        "local function f() table.sort({2, 1}, f) end f()",
        "local t = {} for i = 1, 170 do t = {a = t} end return t",
        "return string.rep('(', 30):find(string.rep('(', 30))",
        "return ('a'):rep(300):find(('a?'):rep(190) .. 'b')",
        "local function f() return pcall(string.gsub, 'x', '.', f) end f() return true",
    };
    fixture *f = payload;

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        fixture_try(f, sources[i], "{}");
    }
    return NULL;
}

static void a_thread_of_little_stack_is_enough(void **state) {
    size_t stack = OVERRUN_MS == 20 ? 512 << 10 : 8 << 20; /* sanitizers put guards into each frame */
    pthread_attr_t attributes;
    pthread_t thread;
    fixture f;

    (void)state;
    fixture_open(&f, 1000, MEMORY);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack);
    assert_int_equal(pthread_create(&thread, &attributes, deepest, &f), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compilers_are_stopped),
        cmocka_unit_test(runs_are_stopped),
        cmocka_unit_test(long_paths_are_stopped_on_large_payloads),
        cmocka_unit_test(long_names_with_escapes_are_stopped),
        cmocka_unit_test(numbers_cannot_be_made_to_collide),
        cmocka_unit_test(memory_outside_of_the_state_is_limited_too),
        cmocka_unit_test(garbage_does_not_starve_the_helpers),
        cmocka_unit_test(what_a_helper_could_not_make_is_not_kept),
        cmocka_unit_test(what_has_zeros_or_no_kind_is_no_name),
        cmocka_unit_test(the_path_of_a_refused_value_outlives_the_collector),
        cmocka_unit_test(nothing_is_left_of_a_run_whatever_its_end),
        cmocka_unit_test(a_thread_of_little_stack_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
