/* The string library gives what Lua's own gives: random patterns and arguments, both
 * in one process. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "rule_fixture.h"
#include "rule_state.h"

static uint64_t seed = 88172645463325252u;

/* xorshift64: the same cases every time. */
static unsigned pick(unsigned below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % below;
}

/* Compares what the function called name of both libraries answers to the arguments.
 * `ours` is a state made as a rule's is. Both get one chunk that gives one text. */
static const char *answer(lua_State *L, const char *chunk) {
    lua_settop(L, 0);
    if (luaL_loadstring(L, chunk) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
        return lua_tostring(L, -1);
    }
    return lua_tostring(L, -1);
}

static lua_State *stock_state(void) {
    lua_State *L = luaL_newstate();

    luaL_openlibs(L);
    return L;
}

static lua_State *our_state(whi_rule *rule) {
    lua_State *L = luaL_newstate();

    *(whi_rule **)lua_getextraspace(L) = rule;
    rule->L = L;
    whi_rule_open_libraries(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_GLOBALS);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    return L;
}

static void append(char *out, const char *piece) {
    size_t used = strlen(out);

    memcpy(out + used, piece, strlen(piece) + 1);
}

static void random_text(char *out, unsigned maximum) {
    static const char *const pieces[] = { "a", "b", "aa", "ab", "x", "1", " ", "%", ".",
                                          "(", ")", "[",  "]",  "-", "A", "Z", "_" };
    unsigned count = pick(maximum);

    out[0] = '\0';
    while (count--) {
        append(out, pieces[pick(sizeof pieces / sizeof pieces[0])]);
    }
}

static void random_pattern(char *out) {
    static const char *const pieces[] = {
        "a",  "b",  "x",  ".",    "%a",   "%d",    "%s",    "%w",    "%p",   "%u",     "%l",     "%x",
        "%A", "%S", "%W", "[ab]", "[^a]", "[a-z]", "[%a_]", "[%w-]", "[]]",  "[^]]",   "[a-]",   "%%",
        "%.", "%(", "(",  ")",    "()",   "(a",    "b)",    "%b()",  "%bxy", "%f[%w]", "%f[^a]", "%1",
        "%2", "^",  "$",  "*",    "+",    "-",     "?",     "%g",    "%c",   "[%",     "[",      "%",
    };
    unsigned count = 1 + pick(7);

    out[0] = '\0';
    while (count--) {
        append(out, pieces[pick(sizeof pieces / sizeof pieces[0])]);
        if (pick(4) == 0) {
            static const char *const suffixes[] = { "*", "+", "-", "?" };
            append(out, suffixes[pick(4)]);
        }
    }
}

static const char gather[] = "local function show(ok, ...) local t = table.pack(...) "
                             "for i = 1, t.n do t[i] = tostring(t[i]):gsub('^.-:%d+: ', '') end "
                             "return tostring(ok) .. ':' .. t.n .. ':' .. table.concat(t, '|') end ";

static void random_chunk(char *out, size_t size) {
    static const char *const replacements[] = { "'<%0>'",
                                                "'%1'",
                                                "'%%'",
                                                "'%2'",
                                                "'%'",
                                                "''",
                                                "{a = 'A', b = false}",
                                                "function(a, b) return b or a end",
                                                "function() end",
                                                "7" };
    char text[64], pattern[128];
    int init = (int)pick(12) - 4;

    random_text(text, 14);
    random_pattern(pattern);
    switch (pick(5)) {
    case 0:
        snprintf(out, size, "%s return show(pcall(string.find, [==[%s]==], [==[%s]==], %d))", gather, text, pattern,
                 init);
        break;
    case 1:
        snprintf(out, size, "%s return show(pcall(string.match, [==[%s]==], [==[%s]==], %d))", gather, text, pattern,
                 init);
        break;
    case 2:
        snprintf(out, size, "%s return show(pcall(string.gsub, [==[%s]==], [==[%s]==], %s, %s))", gather, text, pattern,
                 replacements[pick(sizeof replacements / sizeof replacements[0])], pick(3) ? "nil" : "2");
        break;
    case 3:
        snprintf(out, size, "%s return show(pcall(string.find, [==[%s]==], [==[%s]==], %d, true))", gather, text,
                 text + (strlen(text) > 2 ? pick(3) : 0), init);
        break;
    default:
        snprintf(out, size,
                 "%s return show(pcall(function() local r = {} for a, b in string.gmatch([==[%s]==], [==[%s]==]) do "
                 "r[#r + 1] = tostring(a) .. '=' .. tostring(b) end return table.concat(r, ';') end))",
                 gather, text, pattern);
    }
}

/* Errors are compared by their being there: the sentences may differ in detail. */
static int differ(const char *a, const char *b) {
    return strncmp(a, "false:", 6) == 0 ? strncmp(b, "false:", 6) != 0 : strcmp(a, b) != 0;
}

static void patterns_answer_as_those_of_lua(void **state) {
    whi_rule_runtime *runtime = NULL;
    whi_rule rule = { 0 };
    wh_limits limits = WH_LIMITS_INIT;
    lua_State *stock = stock_state(), *ours;
    char chunk[2048], kept[2048];
    int raised = 0;

    (void)state;
    limits.rule_cpu_ms = 600000;
    assert_int_equal(wh_rule_lua()->open((void **)&runtime, &limits, NULL), WH_OK);
    rule.runtime = runtime;
    rule.limit = SIZE_MAX;
    ours = our_state(&rule);
    for (int i = 0; i < 40000; i++) {
        const char *theirs, *mine;
        random_chunk(chunk, sizeof chunk);
        theirs = answer(stock, chunk);
        snprintf(kept, sizeof kept, "%s", theirs ? theirs : "(none)");
        mine = answer(ours, chunk);
        raised += strncmp(kept, "false:", 6) == 0;
        if (mine == NULL || differ(kept, mine)) {
            fail_msg("%s\nLua  %s\nours %s", chunk + sizeof gather - 1, kept, mine ? mine : "(none)");
        }
    }
    assert_true(raised < 30000);
    lua_close(stock);
    lua_close(ours);
    wh_rule_lua()->close(runtime);
}

static void the_other_functions_answer_as_those_of_lua(void **state) {
    static const char *const calls[] = {
        "string.sub('hello', %d, %d)",
        "string.byte('hello', %d, %d)",
        "string.rep('ab', %d, ('-'):rep(%d))",
        "string.format('%%5d|%%-5d', %d, %d)",
        "string.format('%%x %%X', %d, %d)",
        "string.format('%%g %%.3f', %d / 7, %d / 3)",
        "string.format('%%e|%%10.2f', %d / 7, %d * 1e10)",
        "string.format('%%s %%10s', %d, %d)",
        "string.format('%%+d %%05d', %d, %d)",
        "string.format('%%#x|%%o', %d, %d)",
        "string.format('%%q', %d, %d)",
        "string.format('%%.2s|%%-8s', 'hello' .. %d, %d)",
        "string.upper('aZ' .. %d .. %d)",
        "string.reverse('ab' .. %d .. %d)",
        "table.concat({1, 2, 'x', 4}, ',', %d, %d)",
        "table.unpack({1, 2, 3}, %d, %d)",
        "select(%d, 1, 2, %d)",
        "tonumber('%d', %d)",
        "tonumber(' 1%d.5e%d ')",
        "tostring(%d / %d)",
        "tostring(%d // 1 * %d)",
        "math.fmod(%d, %d)",
        "math.ult(%d, %d)",
        "math.abs(%d), math.abs(%d / 3)",
        "math.floor(%d / 3), math.ceil(%d / 3)",
        "math.floor(%d * 1e18), math.ceil(%d * 1e19)",
        "math.fmod(%d / 3, %d / 7 + 0.25)",
        "math.max(%d, %d, 0.5), math.min(0.5, 2)",
        "math.min(%d, %d, -0.5)",
        "math.modf(%d / 4), math.modf(%d)",
        "math.sqrt(math.abs(%d * %d)) // 0.001",
        "math.tointeger(%d / 4), math.type(%d)",
        "math.type(%d / 1), math.type('%d')",
        "utf8.char(math.abs(%d), math.abs(%d) * 1000)",
        "utf8.codepoint('h\\u{e9}llo', %d, %d)",
        "utf8.len('h\\u{e9}llo', %d, %d)",
        "utf8.offset('h\\u{e9}llo', %d, %d)",
        "string.len('x' .. %d .. %d)",
        "string.lower('ABC' .. %d .. %d)",
        "string.char(%d, %d)",
        "table.remove({1, 2, 3}, %d), %d",
        "(function() local t = {1, 2, 3} table.insert(t, %d, 'x') return table.concat(t, ',') end)(), %d",
        "(function() local t = {5, %d, 3, %d, 4} table.sort(t) return table.concat(t, ',') end)()",
        ("(function() local t = {'b', 'a', '%d', '%d'} table.sort(t, function(x, y) return x > y end) "
         "return table.concat(t, ',') end)()"),
    };
    whi_rule_runtime *runtime = NULL;
    whi_rule rule = { 0 };
    wh_limits limits = WH_LIMITS_INIT;
    lua_State *stock = stock_state(), *ours;
    char chunk[2048], call[512], kept[2048];

    (void)state;
    limits.rule_cpu_ms = 600000;
    assert_int_equal(wh_rule_lua()->open((void **)&runtime, &limits, NULL), WH_OK);
    rule.runtime = runtime;
    rule.limit = SIZE_MAX;
    ours = our_state(&rule);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (int a = -8; a <= 8; a++) {
            for (int b = -8; b <= 8; b++) {
                snprintf(call, sizeof call, calls[i], a, b);
                if (strstr(call, "%q") != NULL || strstr(call, "/ 0)") != NULL) {
                    continue; /* left out; "-nan" there */
                }
                if (LUA_VERSION_NUM > 504 && (strstr(call, "/ ") != NULL || strstr(call, "utf8.offset") != NULL)) {
                    continue; /* 5.5 writes floats with 17 digits, and its offset gives two values */
                }
                snprintf(chunk, sizeof chunk, "%s return show(pcall(function() return %s end))", gather, call);
                snprintf(kept, sizeof kept, "%s", answer(stock, chunk));
                if (differ(kept, answer(ours, chunk))) {
                    fail_msg("%s\nLua  %s\nours %s", call, kept, answer(ours, chunk));
                }
            }
        }
    }
    lua_close(stock);
    lua_close(ours);
    wh_rule_lua()->close(runtime);
}

/* Any bytes, many of them broken UTF-8. */
static void random_bytes(char *out, unsigned maximum) {
    static const char *const pieces[] = {
        "a",     "\\u{e9}",    "\\u{20ac}",       "\\u{1f600}",           "\\x80",
        "\\xc3", "\\xe2\\x82", "\\xed\\xa0\\x80", "\\xf4\\x90\\x80\\x80", "\\xc0\\x80",
        "\\xff", "\\0",        "\\u{7fffffff}",   "\\u{200000}"
    };
    unsigned count = pick(maximum);

    out[0] = '\0';
    while (count--) {
        append(out, pieces[pick(sizeof pieces / sizeof pieces[0])]);
    }
}

static void utf8_answers_as_that_of_lua_for_any_bytes(void **state) {
    static const char *const calls[] = {
        "utf8.len('%s', %d, %d, %s)",
        "utf8.codepoint('%s', %d, %d, %s)",
        "utf8.offset('%s', %d, %d, %s)",
    };
    whi_rule_runtime *runtime = NULL;
    whi_rule rule = { 0 };
    wh_limits limits = WH_LIMITS_INIT;
    lua_State *stock = stock_state(), *ours;
    char chunk[4096], call[2048], text[1024], kept[4096];

    (void)state;
    limits.rule_cpu_ms = 600000;
    assert_int_equal(wh_rule_lua()->open((void **)&runtime, &limits, NULL), WH_OK);
    rule.runtime = runtime;
    rule.limit = SIZE_MAX;
    ours = our_state(&rule);
    for (int i = 0; i < 20000; i++) {
        size_t which = pick(4);
        random_bytes(text, 8);
        if ((LUA_VERSION_NUM > 504 && which == 2) || (LUA_VERSION_RELEASE_NUM < 50406 && which == 3)) {
            continue; /* offset gives a second value there; codes lets broken texts pass */
        }
        int first = (int)pick(14) - 5, second = (int)pick(14) - 5;
        const char *lax = pick(2) ? "true" : "false";
        if (which == 3) {
            snprintf(call, sizeof call,
                     "(function() local t = {} for p, c in utf8.codes('%s', %s) do t[#t + 1] = p .. ':' .. c end "
                     "return table.concat(t, ' ') end)()",
                     text, lax);
        } else {
            snprintf(call, sizeof call, calls[which], text, first, second, lax);
        }
        snprintf(chunk, sizeof chunk, "%s return show(pcall(function() return %s end))", gather, call);
        snprintf(kept, sizeof kept, "%s", answer(stock, chunk));
        if (differ(kept, answer(ours, chunk))) {
            fail_msg("%s\nLua  %s\nours %s", call, kept, answer(ours, chunk));
        }
    }
    lua_close(stock);
    lua_close(ours);
    wh_rule_lua()->close(runtime);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_answer_as_those_of_lua),
        cmocka_unit_test(the_other_functions_answer_as_those_of_lua),
        cmocka_unit_test(utf8_answers_as_that_of_lua_for_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
