/* Hostile rules: each is stopped with the right code, in time, and leaves the
 * runtime usable. */
#include "rule_fixture.h"

#define MEMORY (8 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_INSTRUMENTED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_INSTRUMENTED
#endif
#endif
#ifdef IS_INSTRUMENTED /* such code is slower, the more so where memory is busy: the plain build has the verdict on    \
                          time */
#define LIMIT_MS 150
#define OVERRUN_MS 1000
#else
#define LIMIT_MS 30
#define OVERRUN_MS 20
#endif

#define T WH_ERULE_TIME
#define M WH_ERULE_MEMORY
#define R WH_ERULE_RUNTIME
#define S WH_ERULE_SYNTAX
#define V WH_ERULE_RESULT
#define STOPPED 1 /* by whichever limit comes first */

static const struct attack {
    int code;
    const char *source;
} attacks[] = {
    /* loops that catch their own end */
    { T, "while true do end" },
    { T, "while true do pcall(function() while true do end end) end" },
    { T, "local function f() pcall(f) while true do end end f()" },
    { T, "while true do pcall(error) end" },
    { T, "repeat local ok = pcall(string.rep) until ok" },
    { T, "while true do pcall(pcall, pcall, error, {}) end" },
    { T, "for i = 1, math.huge do end" },
    { T, "for i = 1, math.maxinteger do local x = i * i end" },
    { T, "goto a ::a:: goto a" },
    { T, "local function f() return f() end return f()" },
    { T, "while true do local ok, e = pcall(function() error(setmetatable) end) end" },
    { T, "pcall(function() while true do end end) while true do end" },
    { T, "local t = {} while true do t[#t + 1] = pcall(function() while true do end end) end" },
    { T, "select('#', pcall(function() while true do end end)) return true" },
    { T, "for _ in function() return pcall(function() while true do end end) end do end" },
    { T, "local t = table.pack(pcall(string.gsub, ('a'):rep(1e5), '', function() while true do end end)) return true" },
    { T, "table.sort({3, 2, 1}, function() while true do end end)" },
    /* what is not there */
    { R, "coroutine.wrap(function() end)" },
    { R, "xpcall(error, function() while true do end end)" },
    { R, "setmetatable({}, {__gc = function() while true do end end})" },
    { R, "load('return 1')()" },
    { R, "loadstring('return 1')()" },
    { R, "require 'os'" },
    { R, "os.exit(1)" },
    { R, "io.write('x')" },
    { R, "debug.getregistry()" },
    { R, "package.loadlib('x', 'y')" },
    { R, "dofile('/etc/passwd')" },
    { R, "collectgarbage()" },
    { R, "getmetatable('').__index = nil" },
    { R, "string.dump(function() end)" },
    { R, "rawset(string, 'rep', 1)" },
    { R, "print('x')" },
    { R, "math.random()" },
    { R, "table.move({}, 1, 2^40, 2)" },
    { R, "string.pack('i16', 1)" },
    /* long calls */
    { WH_OK, "string.rep('', 1 << 62) return true" },
    { T, "while true do string.rep('', 1 << 62) end" },
    { M, "return string.rep('x', 1 << 30)" },
    { M, "return string.rep('x', math.maxinteger)" },
    { M, "return string.rep('xyz', math.maxinteger // 3 + 1)" },
    { STOPPED, "return string.rep('x', 2, string.rep('y', 1 << 22))" },
    { STOPPED, "local s = 'x' while true do s = s .. s end" },
    { STOPPED, "local s = 'x' while true do s = s:rep(2) end" },
    { STOPPED, "local t = {} for i = 1, math.huge do t[i] = i end" },
    { STOPPED, "local t = {} while true do t = {t} end" },
    { STOPPED, "local t = {} for i = 1, math.huge do t['k' .. i] = i end" },
    { STOPPED, "local t = {} while true do t[#t + 1] = function() return t end end" },
    { STOPPED, "while true do pcall(string.rep, 'x', 1 << 30) end" },
    { STOPPED, "local t = {} while true do pcall(function() for i = 1, 1e9 do t[#t + 1] = {} end end) end" },
    { R, "return table.unpack({}, 1, 9e5)" },
    { R, "return table.unpack({}, math.mininteger, math.maxinteger)" },
    { R, "return table.unpack({}, 1, 1e6 | 0)" },
    { R, "return ('x'):rep(2e5):byte(1, -1)" },
    { STOPPED, "local function f(n) return n + f(n + 1) end return f(1)" },
    { T, "local function f() return pcall(f) end while true do f() end" },
    { R, "local t = {} table.insert(t, 1 << 40, 1)" },
    { T, "local t = {} for i = 1, 1e5 do t[i] = 1 end while true do table.insert(t, 1, 1) table.remove(t, 1) end" },
    { T, "local t = {} for i = 1, 2e4 do t[i] = 1 end while true do table.remove(t, 1) table.insert(t, 1, 1) end" },
    { R, "return table.concat({}, 'x', 1, math.maxinteger)" },
    { R, "return table.concat({}, ',', math.maxinteger - 1, math.maxinteger)" },
    { T, "local t = {} for i = 1, 60000 do t[i] = (i * 7919) % 60013 end while true do table.sort(t) end" },
    { T, "local t = {} for i = 1, 60000 do t[i] = (i * 7919) % 60013 end "
         "table.sort(t, function(a, b) local x = 0 for i = 1, 20 do x = x + i end return a < b end) return true" },
    { T,
      "local t = {} for i = 1, 60000 do t[i] = i end while true do table.sort(t, function(a, b) return true end) end" },
    { STOPPED, "local t = {} for i = 1, 50000 do t['k' .. i] = i end while true do for k in pairs(t) do end end" },
    { STOPPED, "local t = {} for i = 1, 50000 do t['k' .. i] = i end local k while true do k = next(t, k) end" },
    /* patterns */
    { T,
      "return string.find(string.rep('a', 300), '.-.-.-b') ~= nil or string.find(string.rep('a', 3000), '.-.-.-b')" },
    { T, "return string.find(string.rep('a', 65536), '.-%.com$')" },
    { T, "return string.match(string.rep('a', 20000), '(.-)(.-)(.-)b')" },
    { T, "return string.gsub(string.rep('a', 1 << 20), '.-b', '')" },
    { T, "return string.find(string.rep('(', 100000), '%b()')" },
    { T, "for x in string.gmatch(string.rep('a', 1 << 20), '.-b') do end" },
    { T, "return string.find(string.rep('a', 1 << 18), string.rep('a?', 199) .. string.rep('a', 199) .. 'b')" },
    { T, "return string.find(string.rep('a', 50000), '[' .. string.rep('b', 50000) .. ']')" },
    { T, "return string.find(string.rep('a', 1 << 20), string.rep('a', 1 << 19) .. 'b', 1, true)" },
    { T, "return string.find(('a'):rep(1 << 20), '(a*)*%1%1%1%1b')" },
    { T, "while true do string.find('abc', '^(.*)%f[%w]$') end" },
    { R, "return string.find(string.rep('a', 1 << 18), string.rep('a-', 300) .. 'b')" },
    { R, "return string.rep('(', 100):find(string.rep('(', 100))" },
    { R, "return string.find('a', '[a')" },
    { R, "return string.find('a', '%')" },
    { R, "return string.find('a', '(()')" },
    { R, "return string.gsub('a', '(', '%1')" },
    { R, "return string.find('a', '%9')" },
    { R, "return string.gsub('a', 'a', '%2')" },
    /* few instructions, much work */
    { T, "local s = string.rep('x', 1 << 20) while true do s:gsub('x', 'y') end" },
    { T, "local s = string.rep('x', 1 << 20) while true do s:upper() end" },
    { T, "local s = string.rep('x', 1 << 20) while true do s:reverse() end" },
    { T, "local s = string.rep('x', 1 << 20) while true do local t = s:rep(2) end" },
    { T, "local s = string.rep('x', 1 << 20) while true do local t = s .. 'y' end" },
    { T, "local s = string.rep('x', 2 << 20) while true do local t = s .. 'y' end" },
    { T, "local s = string.rep('x', 1 << 20) while true do utf8.len(s) end" },
    { T, "local s = string.rep('x', 1 << 20) while true do utf8.offset(s, -1000000) end" },
    { T, "local s = string.rep('x', 1 << 20) while true do for _ in utf8.codes(s) do end end" },
    { T, "local s = string.rep('x', 1 << 20) while true do s:format(1) end" },
    { T, "local s = string.rep('x', 1 << 20) while true do string.format('%s', s) end" },
    { T, "local s = string.rep('x', 1 << 20) while true do s:sub(2) end" },
    { T, "local s = string.rep('x', 1 << 20) while true do tonumber(s) end" },
    { R, "local s = '1.' .. string.rep('0', 1 << 20) while true do local x = s | 0 end" },
    { T, "local s = '1.' .. string.rep('0', 1 << 20) while true do pcall(math.floor, s) end" },
    { T, "local s = '1.' .. string.rep('0', 1 << 20) while true do pcall(math.tointeger, s) end" },
    { T, "local s = '1.' .. string.rep('0', 1 << 20) while true do pcall(string.rep, 'x', s) end" },
    { STOPPED, "local s = string.rep('0', 1 << 22) while true do s = s .. 'x' end" },
    { T, "local a, b = ('x'):rep(1200000) .. 'y', ('x'):rep(1200000) .. 'y' while true do local c = a == b end" },
    { T, "local a, b = ('x'):rep(1200000), ('x'):rep(1200000) .. 'y' while true do local c = a < b end" },
    { T, "local s, t = ('x'):rep(1 << 20), {} while true do t[s .. #t] = 1 t = {} end" },
    { T, "local s = ('x'):rep(1 << 20) while true do local a = mask(s) end" },
    { T, "local s = ('x'):rep(1 << 20) while true do local a = matches(s, s .. '*') end" },
    { T, "local t = {} for i = 1, 1e5 do t[i] = 'x' end while true do table.concat(t) end" },
    { T, "while true do string.format('%99.99f', 1e308) end" },
    { T, "local t = {} for i = 1, 5e4 do t[i] = i end while true do table.unpack(t) end" },
    { T, "local t = {} for i = 1, 5e4 do t[i] = i end local function f(...) return select('#', ...) end "
         "while true do f(table.unpack(t)) end" },
    { T, "local t = {} for i = 1, 5e4 do t[i] = i end local function f(...) local n = 0 "
         "for i = 1, 5e4 do n = n + (select(i, ...)) end return n end while true do f(table.unpack(t)) end" },
    { T, "local t = {} for i = 1, 5e4 do t[i] = i end while true do math.max(table.unpack(t)) end" },
    { R, "while true do only(payload, 'a') end" },
    { T, "while true do merge = nil pcall = nil pcall(only, payload, 'a') pcall(without, payload, 'b') end" },
    { T, "local i = 0 while true do i = i + 1 local x = payload.list[i % 3 + 1] end" },
    { T, "while true do for k, v in pairs(payload) do end end" },
    { T, "while true do tostring(payload) end" },
    /* results */
    { STOPPED, "local t = {} for i = 1, 60 do t = {t, t} end return t" },
    { V, "local t = {} t.t = t return t" },
    { V, "local t = {} t[1] = t return t" },
    { V, "local t = {} for i = 1, 1000 do t = {t} end return t" },
    { STOPPED, "local s = ('x'):rep(1 << 20) return {s, s}" },
    { STOPPED, "local s = ('\\1'):rep(1 << 19) return {s}" },
    { V, "return {tostring}" },
    { V, "return {0/0}" },
    { V, "return {a = {b = {1, 2, -1/0}}}" },
    { V, "return {[1.5] = 1}" },
    { V, "return {[true] = 1}" },
    { V, "return {[2] = 1}" },
    { V, "return {1, nil, 3}" },
    { V, "return {1, a = 2}" },
    { V, "return string" },
    { V, "return 1" },
    { V, "return 'x'" },
    { V, "return null" },
    { V, "return event" },
    { V, "return {subscription}" },
    { V, "return true, 1" },
    { V, "return true, {}, {}" },
    /* errors */
    { R, "error()" },
    { R, "error({})" },
    { R, "error(nil)" },
    { R, "error(payload)" },
    { R, "error('x', 1 << 62)" },
    { R, "assert(false)" },
    { R, "assert(nil, {})" },
    { R, "local x <close> = {}" },
    { R, "local x <close> = payload" },
    { R, "return nil + 1" },
    { R, "return 1 // 0" },
    { R, "return 1 % 0" },
    { R, "payload.a = 1" },
    { R, "event.id = 1" },
    { R, "string.rep = 1" },
    { R, "table.insert(string, 1)" },
    { R, "table.insert(_ENV, 1)" },
    { R, "table.sort(math)" },
    { R, "array(string)" },
    { R, "('x').y = 1" },
    { R, "null.x = 1" },
    { R, "return #null" },
    { R, "return payload + 1" },
    { R, "return payload .. 'x'" },
    { R, "return payload < payload" },
    { R, "return payload()" },
    { R, "return -null" },
    { S, "return"
         " return" },
    { S, "return 1 +" },
    { S, "\x1bLua" },
    { S, "goto nowhere" },
    { S, "x = 'abc" },
    { S, "break" },
};

static void check_usable(fixture *f) {
    TRUE(f, "return payload.a == 1", "{\"a\":1,\"list\":[1,2,3]}");
}

/* How many were not handled as they should be; each is told. */
static int run_attack(fixture *f, const struct attack *attack) {
    int code = fixture_try(f, attack->source, "{\"a\":1,\"list\":[1,2,3]}");
    int right = attack->code == STOPPED ? code == T || code == M || code == R || code == V : code == attack->code;

    if (!right) {
        print_error("%s\nexpected %s, got %s: %s\n", attack->source, wh_error_name(attack->code), wh_error_name(code),
                    f->said);
        return 1;
    }
    if (f->cpu_ms > LIMIT_MS + OVERRUN_MS) {
        print_error("%s\ntook %.1f ms of CPU time, the limit is %d ms\n", attack->source, f->cpu_ms, LIMIT_MS);
        return 1;
    }
    if (f->verdict.memory > MEMORY + 65536) {
        print_error("%s\ntook %lld bytes\n", attack->source, (long long)f->verdict.memory);
        return 1;
    }
    if (code != WH_OK && (f->said[0] == '\0' || strstr(f->said, "0x") != NULL)) {
        print_error("%s\nsays %s\n", attack->source, f->said);
        return 1;
    }
    return 0;
}

static void every_attack_is_stopped_in_time_and_harms_nothing(void **state) {
    fixture f;
    double worst = 0;
    int failures = 0;
    const char *which = "";

    (void)state;
    fixture_open(&f, LIMIT_MS, MEMORY);
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        double before = thread_ms(), took;
        failures += run_attack(&f, &attacks[i]);
        took = thread_ms() - before;
        if (took > worst) {
            worst = took;
            which = attacks[i].source;
        }
        check_usable(&f);
    }
    print_message("worst of %zu: %.1f ms with a limit of %d ms: %s\n", sizeof attacks / sizeof attacks[0], worst,
                  LIMIT_MS, which);
    fixture_close(&f);
    assert_int_equal(failures, 0);
}

static void attacks_are_stopped_on_large_payloads_too(void **state) {
    static const char *const sources[] = {
        "local n = 0 while true do for i = 1, #payload do n = n + payload[i] end end",
        "while true do for i = #payload, 1, -1 do local x = payload[i] end end",
        "while true do for k, v in pairs(payload) do end end",
        "while true do for k, v in ipairs(payload) do end end",
        "while true do local s = tostring(payload) end",
        "while true do local s = table.concat(payload, ',') end",
        "local t = {} while true do for i, v in ipairs(payload) do t[i] = v end end",
        "while true do local x = payload.missing end",
    };
    char *payload = malloc(1 << 20);
    size_t used = 1;
    fixture f;

    (void)state;
    payload[0] = '[';
    while (used < 700000) {
        used += (size_t)snprintf(payload + used, 32, "%zu.5,", used);
    }
    memcpy(payload + used, "0]", 3);
    fixture_open(&f, LIMIT_MS, MEMORY);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        int code = fixture_try(&f, sources[i], payload);
        if (code != WH_ERULE_TIME && code != WH_ERULE_MEMORY) {
            fail_msg("%s: %s %s", sources[i], wh_error_name(code), f.said);
        }
        if (f.cpu_ms > LIMIT_MS + OVERRUN_MS) {
            fail_msg("%s took %.1f ms", sources[i], f.cpu_ms);
        }
        check_usable(&f);
    }
    fixture_close(&f);
    free(payload);
}

static void helpers_are_stopped_on_large_objects(void **state) {
    static const char *const sources[] = {
        ("local n = {} for i = 1, 900 do n[i] = 'x' .. i end n = table.concat(n, ',') "
         "while true do pcall(only, payload, n) end"),
        "local n = {} for i = 1, 30 do n[i] = 'x' .. i end n = table.concat(n, ',') while true do only(payload, n) end",
        "local n = {} for i = 1, 32 do n[i] = 'x' .. i end while true do without(payload, table.unpack(n)) end",
        "local n = {} for i = 1, 20000 do n['k' .. i] = i end while true do merge(payload, n) end",
        "local n = {} for k, v in pairs(payload) do n[k] = v end while true do merge(payload, n) end",
        "while true do for k in pairs(payload) do local x = payload[k] end end",
        "local t = {} for k, v in pairs(payload) do t[k] = v end for i = 1, 100 do t = {a = t} end return t",
        "while true do local x = payload.k99 end",
    };
    char *payload = malloc(1 << 20);
    size_t used = 1;
    fixture f;

    (void)state;
    payload[0] = '{';
    for (int i = 0; used < 900000; i++) {
        used += (size_t)snprintf(payload + used, 64, "\"k%d\":%d.25,", i, i);
    }
    memcpy(payload + used - 1, "}", 2);
    fixture_open(&f, LIMIT_MS, 32 << 20);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        int code = fixture_try(&f, sources[i], payload);
        if (code == WH_OK || code == WH_ERULE_SYNTAX) {
            fail_msg("%s: %s %s", sources[i], wh_error_name(code), f.said);
        }
        print_message("%.1f ms %s: %.60s\n", f.cpu_ms, f.said, sources[i]);
        if (f.cpu_ms > LIMIT_MS + OVERRUN_MS) {
            fail_msg("%s took %.1f ms", sources[i], f.cpu_ms);
        }
        check_usable(&f);
    }
    fixture_close(&f);
    free(payload);
}

static void a_rule_works_again_after_it_hit_a_limit(void **state) {
    const char *source = "if payload.bad then while true do end end return true";
    void *rule = NULL;
    fixture f;

    (void)state;
    fixture_open(&f, 5, MEMORY);
    assert_int_equal(wh_rule_lua()->compile(f.runtime, "o", source, strlen(source), &rule, &f.error), WH_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_run(&f, rule, "{\"bad\":true}"), WH_ERULE_TIME);
        assert_int_equal(fixture_run(&f, rule, "{}"), WH_OK);
        assert_int_equal(f.verdict.action, WH_RULE_PASS);
    }
    wh_rule_lua()->release(f.runtime, rule);
    fixture_close(&f);
}

static void the_sentence_of_a_limit_names_line_and_limit(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 5, 1 << 20);
    ERROR(&f, "\n\nwhile true do\nend", "{}", WH_ERULE_TIME, ": stopped after 5 ms of CPU time");
    ERROR(&f, "local x = 1\nlocal s = ('a'):rep(1e5):find('.-.-.-b')", "{}", WH_ERULE_TIME,
          "line 2: stopped after 5 ms");
    ERROR(&f, "return string.rep('x', 1 << 30)", "{}", WH_ERULE_MEMORY, "more than 1048576 bytes of memory");
    fixture_close(&f);
}

static void a_limit_may_be_as_large_as_its_type(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, INT64_MAX, INT64_MAX);
    TRUE(&f, "local n = 0 for i = 1, 1e6 do n = n + 1 end return #('x'):rep(100000) == 100000", "{}");
    fixture_close(&f);
}

static void nothing_survives_a_run(void **state) {
    const char *source = "local before = leak\n"
                         "leak = payload\n"
                         "_ENV.other = 1\n"
                         "return before == nil and not string.leak";
    void *rule = NULL;
    fixture f;

    (void)state;
    fixture_open(&f, 50, MEMORY);
    assert_int_equal(wh_rule_lua()->compile(f.runtime, "o", source, strlen(source), &rule, &f.error), WH_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fixture_run(&f, rule, "{}"), WH_OK);
        assert_int_equal(f.verdict.action, WH_RULE_PASS);
    }
    wh_rule_lua()->release(f.runtime, rule);
    fixture_close(&f);
}

static void a_source_that_is_too_large_is_refused(void **state) {
    char *source = malloc(100000);
    fixture f;

    (void)state;
    memset(source, ' ', 99999);
    source[99999] = '\0';
    fixture_open(&f, 50, MEMORY);
    ERROR(&f, source, "{}", WH_ELIMIT, "at most 65536");
    fixture_close(&f);
    free(source);
}

/* The parser's own limits, not ours, but nothing may crash. */
static void deep_sources_are_refused(void **state) {
    static const char *const pieces[] = {
        "(", "{", "a=function() ", "if x then ", "- ", "not ", "x[", "f{", "a.", "::a"
    };
    char *source = malloc(65537);
    fixture f;

    (void)state;
    fixture_open(&f, 50, MEMORY);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        size_t used = 0, size = strlen(pieces[i]);
        while (used + size < 60000) {
            memcpy(source + used, pieces[i], size);
            used += size;
        }
        source[used] = '\0';
        assert_int_not_equal(fixture_try(&f, source, "{}"), WH_OK);
        check_usable(&f);
    }
    fixture_close(&f);
    free(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attack_is_stopped_in_time_and_harms_nothing),
        cmocka_unit_test(attacks_are_stopped_on_large_payloads_too),
        cmocka_unit_test(helpers_are_stopped_on_large_objects),
        cmocka_unit_test(a_rule_works_again_after_it_hit_a_limit),
        cmocka_unit_test(the_sentence_of_a_limit_names_line_and_limit),
        cmocka_unit_test(a_limit_may_be_as_large_as_its_type),
        cmocka_unit_test(nothing_survives_a_run),
        cmocka_unit_test(a_source_that_is_too_large_is_refused),
        cmocka_unit_test(deep_sources_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
