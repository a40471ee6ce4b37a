/* A rule is a function of its input: the same answer and the same sentence in every state
 * (each has a seed of its own, which decides how Lua lays tables out), in every locale. */

#include "rule_fixture.h"
#include "tongue.h"

#define PAYLOAD                                                                                                        \
    "{\"a\":1,\"list\":[3,1,2],\"object\":{\"x\":1.10,\"y\":null,\"z\":[]},"                                           \
    "\"n9007199254740993\":9007199254740993,\"t\":\"\\u00e9\"}"
#define KEYS "for i = 1, 40 do t[('k%d'):format(i * 7919 % 101)] = i end "

static const char *const rules[] = {
    "local t = {} " KEYS "return t",
    "local t = {} " KEYS "local s = '' for k, v in pairs(t) do s = s .. k .. v end return {s}",
    "local t, s = {}, '' " KEYS "local k repeat k = next(t, k) s = s .. tostring(k) until not k return {s}",
    /* the first error among several */
    "local t = {} " KEYS "t.k1 = tostring t.k2 = 0/0 t.k3 = {[true] = 1} return t",
    "return {a = tostring, b = tostring, c = {type}, d = 0/0, e = 1/0}",
    "return {[1] = 1, [3] = 1, x = 1, [true] = 1}",
    "return {[true] = 1, [payload] = 2, [type] = 3, [{}] = 4}",
    "return {[5] = 1, x = 2}",
    "return {x = 1, [1.5] = 2, [-1] = 3, [2^60] = 4}",
    "return true, {kye = 1, hedders = 2, dellay = 3, [1] = 4}",
    "return true, {key = {}, headers = 1, delay = 'x'}",
    "return true, {headers = {a = 1, b = 2, c = 3, ['d d'] = 4}}",
    "return true, {headers = {['X-B'] = 'b', ['x-b'] = 'c', ['X-A'] = 'd', ['x-a'] = 'e'}}",
    "return true, {headers = {['X-B'] = 'b', ['X-A'] = 'a', ['X-C'] = 'c'}, key = 'k', delay = 5}",
    "return merge(payload, {q = tostring, r = type, a = {s = next, t = pairs}})",
    "return merge(payload, {q = 1, r = 2, p = {z = 1, y = 2, x = 3}, object = {x = 2, w = 1, v = 2}})",
    "return {select(2, pcall(merge, payload, {q = tostring, r = type, s = 0/0}))}",
    /* keys of several kinds, and numbers that one float cannot tell apart */
    "local t, s = {}, {} t[2^53] = 1 t[9007199254740993] = 2 t[9007199254740992] = 3 t[0.5] = 4 t[-1/0] = 5 t[1/0] = 6 "
    "t[math.maxinteger] = 7 t[math.mininteger] = 8 t[2^63] = 9 t[math.maxinteger - 1] = 10 t[-2^63] = 11 "
    "for k, v in pairs(t) do s[#s + 1] = v end return s",
    "local t, s = {}, {} for k, v in pairs(payload) do t[v] = k end "
    "for k, v in pairs(t) do s[#s + 1] = v end return s",
    "local t = {} for k in pairs(_ENV) do t[#t + 1] = k end return t",
    "local t = {} for i = 1, 300 do t[i] = {i * 7919 % 37, i} end "
    "table.sort(t, function(a, b) return a[1] < b[1] end) return t",
    "local t = {} for i = 1, 50 do t[i] = i * 7919 % 13 end table.sort(t, function(a, b) return true end) return t",
    "local t = {} for i = 1, 20 do t[i] = i % 3 == 0 and 0/0 or -i end table.sort(t) "
    "for i = 1, 20 do t[i] = tostring(t[i]) end return t",
    "local s = '' for k in pairs(payload) do s = s .. k end return {s, #payload}",
    /* texts and numbers */
    "return {'a' < 'B', 'Z' < 'a', 'a' < '\\u{e4}', '\\u{e4}' < 'b', 'a-b' < 'ab', 'a\\0b' < 'a\\0c'}",
    "return {tostring(0.1), tostring(1e15), tostring(2^53), tostring(-0.0), tostring(1/0), tostring(0/0), "
    "tostring(-(0/0)), ('%s %g %.3f %5.1e'):format(1.5, 0.1, 1/3, 1e100), ('%d'):format(3.0), ('x'):rep(2, 0.5)}",
    "return {tonumber('1.5'), tonumber('1,5') or null, tonumber('0x1p4'), tonumber('1e2'), 0.1 + 0.2, 1e15, 100 / 3}",
    "return {table.concat({1.5, 0.1, 2^53, 1e100}, ' '), (('x'):gsub('x', 0.1)), #tostring(0.1), (0.1):type()}",
    "return {table.concat({1.5, 0.1, 2^53, 1e100}, ' '), (('x'):gsub('x', 0.1)), string.len(0.1), string.upper(1e100), "
    "(string.gsub('abc', '%w', {a = 0.1, b = 1e15, c = 7}))}",
    "return {('\\u{e9}E'):upper(), ('\\u{c9}E'):lower(), ('\\u{e9} a1_'):gsub('%w', '.'), ('\\xe9'):find('%a') or "
    "null}",
    "return {utf8.len('h\\u{e9}'), utf8.len('\\xff') or null, utf8.offset('h\\u{e9}llo', 3)}",
    "return {math.floor(2^70), math.ceil(-0.5), math.fmod(-7, 3), -7 % 3, math.fmod(7, -3), 7 % -3, -7 // 2, 2^0.5}",
    "local n = 0 for i = math.maxinteger - 2, math.maxinteger do n = n + 1 end "
    "for i = math.mininteger + 2, math.mininteger, -1 do n = n + 1 end for i = 1, 3.9 do n = n + 1 end "
    "for i = 1, -1/0 do n = n + 100 end for i = 3, 1 do n = n + 100 end for i = 0.5, 2 do n = n + 1 end return {n}",
    "return {math.maxinteger + 1 == math.mininteger, math.mininteger // -1, math.mininteger % -1, 1 << 63, 1 << 64, "
    "math.abs(math.mininteger), math.maxinteger * 2.0, math.tointeger(2^53), math.ult(1, -1)}",
    "return {select(2, pcall(table.concat, {{}})), select(2, pcall(next, payload, 'a')), select(2, pcall(hash, 1))}",
    "return {tostring(payload), tostring(payload.object.y), payload.n9007199254740993, payload.object.x}",
    "error({})",
    "error(payload)",
    "return nil + 1",
};

#define COUNT (sizeof rules / sizeof rules[0])
#define ROUNDS 12

static char *outcome(fixture *f, const char *rule) {
    int code = fixture_try(f, rule, PAYLOAD);
    const wh_rule_verdict *v = &f->verdict;
    size_t size = v->body_size + v->headers_size + WH_RULE_ERROR_SIZE + 512;
    char *text = malloc(size);

    assert_non_null(text);
    snprintf(text, size, "%s %d %.*s %s %s %lld %s", wh_error_name(code), v->action, (int)v->body_size,
             v->body ? v->body : "", v->key ? v->key : "", v->headers ? v->headers : "", (long long)v->delay,
             v->error.text);
    return text;
}

static void same_outcome(fixture *f, char *expected[COUNT]) {
    for (size_t i = 0; i < COUNT; i++) {
        char *text = outcome(f, rules[i]);
        if (strcmp(text, expected[i]) != 0) {
            fail_msg("%s\nonce %s\nnow  %s", rules[i], expected[i], text);
        }
        free(text);
    }
}

/* What compiles to nothing would prove nothing. */
static void check_codes(char *expected[COUNT]) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strncmp(expected[i], "rule_syntax", 11) == 0) {
            fail_msg("%s\n%s", rules[i], expected[i]);
        }
    }
}

static void every_state_and_every_locale_gives_the_same(void **state) {
    char *expected[COUNT];
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    for (size_t i = 0; i < COUNT; i++) {
        expected[i] = outcome(&f, rules[i]);
    }
    check_codes(expected);
    for (int round = 0; round < ROUNDS; round++) {
        same_outcome(&f, expected);
    }
    tongue_speak("de_DE.UTF-8");
    same_outcome(&f, expected);
    tongue_speak("C");
    for (size_t i = 0; i < COUNT; i++) {
        free(expected[i]);
    }
    fixture_close(&f);
}

/* So that a change of the language's meaning is seen, and every version of Lua is held to
 * the same: the answers themselves. */
static void answers_are_those_written_here(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    BODY(&f, "return {[1.0] = 'a', 'b'}", "{}", "[\"b\"]");
    BODY(&f,
         "return {tostring(0.1), tostring(100 / 3), ('%.17g'):format(0.1), table.concat({100 / 3}), #tostring(1e15)}",
         "{}", "[\"0.1\",\"33.333333333333\",\"0.10000000000000001\",\"33.333333333333\",5]");
    BODY(&f, "return {100 / 3, 0.1, 1e15, 2^53, 1e300, 5e-324}", "{}",
         "[33.333333333333336,0.1,1e+15,9007199254740992,1e+300,5e-324]");
    BODY(&f, "return {'a' < 'B', 'Z' < 'a', 'a' < '\\u{e4}', 'z' < '\\u{e4}', 'a-b' < 'ab'}", "{}",
         "[false,true,true,true,true]");
    BODY(&f,
         "local t, s = {}, {} t[9007199254740993] = 2 t[9007199254740992] = 1 t[0.5] = 0 t[math.maxinteger] = 4 "
         "t[2^63] = "
         "5 t[math.maxinteger - 1] = 3 for k, v in pairs(t) do s[#s + 1] = v end return s",
         "{}", "[0,1,2,3,4,5]");
    ERROR(&f, "return {a = tostring, b = type}", "{}", WH_ERULE_RESULT, "a: function is no JSON value");
    ERROR(&f, "return {[5] = 1, x = 2, [true] = 3}", "{}", WH_ERULE_RESULT,
          "a table needs either names or the indexes");
    ERROR(&f, "return {[type] = 1, [true] = 2}", "{}", WH_ERULE_RESULT, "a name must be a text, not boolean");
    ERROR(&f, "return {[payload] = 1}", "{}", WH_ERULE_RESULT, "a name must be a text, not null or a part");
    ERROR(&f, "return true, {kye = 1, b = 2}", "{}", WH_ERULE_RESULT, "options.b: is not known");
    ERROR(&f, "return math.floor('1')", "{}", WH_ERULE_RUNTIME, "number expected, got string");
    ERROR(&f, "return ('x'):rep('2')", "{}", WH_ERULE_RUNTIME, "number expected, got string");
    ERROR(&f, "return merge(payload, {1})", "{}", WH_ERULE_RUNTIME, "merge: the second value must be a table of names");
    ERROR(&f, "return next(payload, 'a')", "{\"a\":1}", WH_ERULE_RUNTIME, "walk it with pairs");
    TRUE(&f, "local k, v = next(payload) return k == 'a' and v == 1 and next(payload.b) == nil", "{\"a\":1,\"b\":[]}");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_every_locale_gives_the_same),
        cmocka_unit_test(answers_are_those_written_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
