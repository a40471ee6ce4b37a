/* What a rule can reach is what libs.c lists, and extreme arguments to all of it do
 * no harm. */
#include "rule_fixture.h"

/* Every global and every member of a library, by name. A new one must be added here,
 * and its reason in libs.c. */
static const char *const allowed[] = {
    "array",
    "assert",
    "error",
    "event",
    "hash",
    "ipairs",
    "mask",
    "matches",
    "math",
    "math.abs",
    "math.ceil",
    "math.floor",
    "math.fmod",
    "math.huge",
    "math.max",
    "math.maxinteger",
    "math.min",
    "math.mininteger",
    "math.modf",
    "math.pi",
    "math.sqrt",
    "math.tointeger",
    "math.type",
    "math.ult",
    "merge",
    "next",
    "null",
    "object",
    "only",
    "pairs",
    "payload",
    "pcall",
    "select",
    "string",
    "string.byte",
    "string.char",
    "string.find",
    "string.format",
    "string.gmatch",
    "string.gsub",
    "string.len",
    "string.lower",
    "string.match",
    "string.rep",
    "string.reverse",
    "string.sub",
    "string.upper",
    "subscription",
    "table",
    "table.concat",
    "table.insert",
    "table.pack",
    "table.remove",
    "table.sort",
    "table.unpack",
    "tonumber",
    "tostring",
    "type",
    "utf8",
    "utf8.char",
    "utf8.charpattern",
    "utf8.codepoint",
    "utf8.codes",
    "utf8.len",
    "utf8.offset",
    "without",
};

/* Names that any Lua since 5.1, LuaJIT or a usual host has somewhere. */
static const char *const probed[] = {
    "_G",           "_VERSION",     "arg",       "bit",      "bit32",      "collectgarbage",
    "coroutine",    "cjson",        "debug",     "dofile",   "ffi",        "getfenv",
    "getmetatable", "io",           "jit",       "load",     "loadfile",   "loadstring",
    "module",       "newproxy",     "ngx",       "os",       "package",    "print",
    "rawequal",     "rawget",       "rawlen",    "rawset",   "redis",      "require",
    "setfenv",      "setmetatable", "unpack",    "warn",     "webhook",    "xpcall",
    "dump",         "move",         "pack",      "packsize", "random",     "randomseed",
    "maxn",         "getn",         "foreach",   "foreachi", "setn",       "gfind",
    "sin",          "cos",          "tan",       "asin",     "acos",       "atan",
    "exp",          "log",          "pow",       "deg",      "rad",        "cosh",
    "sinh",         "tanh",         "frexp",     "ldexp",    "log10",      "mod",
    "traceback",    "getinfo",      "sethook",   "__index",  "__newindex", "__metatable",
    "__gc",         "__name",       "_LOADED",   "_PRELOAD", "_CLIBS",     "stdin",
    "stdout",       "loadlib",      "searchers", "path",     "cpath",      "clock",
    "time",         "date",         "getenv",    "execute",  "exit",       "remove_",
    "open",         "popen",
};

static int is_allowed(const char *name) {
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (strcmp(allowed[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

static void only_listed_names_are_reachable(void **state) {
    static const char *const libraries[] = { "", "string", "table", "math", "utf8" };
    char source[512], name[128];
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 0);
    for (size_t l = 0; l < sizeof libraries / sizeof libraries[0]; l++) {
        for (size_t i = 0; i < sizeof probed / sizeof probed[0] + sizeof allowed / sizeof allowed[0]; i++) {
            const char *word =
                i < sizeof probed / sizeof probed[0] ? probed[i] : allowed[i - sizeof probed / sizeof probed[0]];
            word = strchr(word, '.') ? strchr(word, '.') + 1 : word;
            snprintf(name, sizeof name, "%s%s%s", libraries[l], l ? "." : "", word);
            snprintf(source, sizeof source, "return %s['%s'] ~= nil", l ? libraries[l] : "_ENV", word);
            assert_int_equal(fixture_try(&f, source, "{}"), WH_OK);
            if ((f.verdict.action == WH_RULE_PASS) != is_allowed(name)) {
                fail_msg("%s is %s", name, is_allowed(name) ? "missing" : "reachable but not listed");
            }
        }
    }
    fixture_close(&f);
}

/* The other way round: what the state's globals and libraries hold is listed. The walk
 * is made by the host, on a state built as a rule's is. */
#include "rule_state.h"

static void check_value(lua_State *L, const char *name) {
    switch (lua_type(L, -1)) {
    case LUA_TFUNCTION:
        if (!lua_iscfunction(L, -1) || lua_getupvalue(L, -1, 1) != NULL) {
            fail_msg("%s holds a value that a rule may reach", name);
        }
        break;
    case LUA_TUSERDATA:
    case LUA_TTHREAD:
        fail_msg("%s is a %s", name, luaL_typename(L, -1));
        break;
    case LUA_TLIGHTUSERDATA:
        assert_null(lua_touserdata(L, -1)); /* null, no address */
        break;
    default:
        break;
    }
}

/* The table on top has these names and no others. */
static void expect_names(lua_State *L, const char *const *names, size_t count, const char *what) {
    size_t found = 0;

    lua_pushnil(L);
    while (lua_next(L, -2)) {
        size_t i = 0;
        assert_int_equal(lua_type(L, -2), LUA_TSTRING);
        while (i < count && strcmp(names[i], lua_tostring(L, -2)) != 0) {
            i++;
        }
        if (i == count) {
            fail_msg("%s has %s", what, lua_tostring(L, -2));
        }
        found++;
        lua_pop(L, 1);
    }
    assert_int_equal(found, count);
}

static void walk(lua_State *L, int depth, const char *prefix) {
    static const char *const face[] = { "__index", "__newindex" };
    char name[256];

    lua_pushnil(L);
    while (lua_next(L, -2)) {
        assert_int_equal(lua_type(L, -2), LUA_TSTRING);
        snprintf(name, sizeof name, "%s%s", prefix, lua_tostring(L, -2));
        if (!is_allowed(name)) {
            fail_msg("%s is reachable and not listed", name);
        }
        check_value(L, name);
        if (lua_type(L, -1) == LUA_TTABLE) {
            assert_int_equal(depth, 0); /* a face: empty, its metatable shows the library */
            lua_pushnil(L);
            assert_int_equal(lua_next(L, -2), 0);
            assert_true(lua_getmetatable(L, -1));
            expect_names(L, face, 2, name);
            lua_getfield(L, -1, "__index");
            assert_false(lua_getmetatable(L, -1));
            snprintf(name + strlen(name), 2, ".");
            walk(L, 1, name);
            lua_pop(L, 2);
        }
        lua_pop(L, 1);
    }
}

/* Metatables of kinds of values, which all values of the kind share. */
static void check_shared_metatables(lua_State *L) {
    static const char *const text[] = { "__index" };
    static const char *const view[] = { "__index",  "__newindex", "__len",  "__name", "__add", "__sub",
                                        "__mul",    "__div",      "__mod",  "__pow",  "__unm", "__idiv",
                                        "__band",   "__bor",      "__bxor", "__bnot", "__shl", "__shr",
                                        "__concat", "__lt",       "__le",   "__call" };

    lua_settop(L, 0);
    lua_pushnil(L);
    lua_pushboolean(L, 1);
    lua_pushinteger(L, 1);
    lua_pushcfunction(L, lua_error);
    for (int i = 1; i <= 4; i++) {
        assert_false(lua_getmetatable(L, i));
    }
    lua_pushliteral(L, "");
    assert_true(lua_getmetatable(L, -1));
    expect_names(L, text, 1, "the metatable of texts");
    lua_getfield(L, -1, "__index"); /* the string library, which was walked */
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_GLOBALS);
    lua_getfield(L, -1, "string");
    assert_true(lua_getmetatable(L, -1));
    lua_getfield(L, -1, "__index");
    assert_true(lua_rawequal(L, -1, -5));
    lua_pushlightuserdata(L, NULL);
    assert_true(lua_getmetatable(L, -1));
    expect_names(L, view, sizeof view / sizeof view[0], "the metatable of views");
}

static void everything_in_the_state_is_listed(void **state) {
    whi_rule_runtime *runtime = NULL;
    whi_rule rule = { 0 };
    wh_limits limits = WH_LIMITS_INIT;
    lua_State *L;

    (void)state;
    assert_int_equal(wh_rule_lua()->open((void **)&runtime, &limits, NULL), WH_OK);
    rule.runtime = runtime;
    rule.limit = SIZE_MAX;
    L = luaL_newstate();
    assert_non_null(L);
    *(whi_rule **)lua_getextraspace(L) = &rule;
    rule.L = L;
    whi_rule_open_libraries(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_GLOBALS);
    assert_false(lua_getmetatable(L, -1));
    walk(L, 0, "");
    check_shared_metatables(L);
    lua_close(L);
    wh_rule_lua()->close(runtime);
}

/* What a rule finds when it walks its own globals, libraries left aside: they are empty. */
static void a_run_adds_three_globals(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 0);
    BODY(&f, "local t = {} for k in pairs(_ENV) do t[#t + 1] = k end return t", "{}",
         "[\"event\",\"payload\",\"subscription\"]");
    fixture_close(&f);
}

static void no_library_can_be_changed(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 0);
    TRUE(&f,
         "local a, b = {}, {} for _, l in ipairs{string, table, math, utf8} do a[#a + 1] = l end "
         "for _, l in ipairs(a) do if pcall(function() l.x = 1 end) then return false end "
         "if pcall(table.insert, l, 1) or pcall(table.remove, l) or pcall(array, l) or pcall(table.sort, l) then "
         "return false end for _ in pairs(l) do return false end if #l ~= 0 then return false end end return true",
         "{}");
    fixture_close(&f);
}

static void no_address_is_shown(void **state) {
    static const char *const sources[] = {
        ("return {tostring(tostring), tostring({}), tostring(string), tostring(payload), tostring(event), "
         "tostring(null)}"),
        "return {('%s %s'):format(type, {})}",
        "return {select(2, pcall(string.format, '%p', {}))}",
        "return {select(2, pcall(function() return {} + 1 end))}",
        "return {select(2, pcall(function() return {} < {} end))}",
        "return {select(2, pcall(function() return {} .. 'x' end))}",
        "return {select(2, pcall(function() return payload < 1 end))}",
        "return {select(2, pcall(string.rep, {}))}",
        "return {select(2, pcall(table.concat, {{}}))}",
        "return {select(2, pcall(next, {}, {}))}",
        "return {tostring(pairs({})), tostring(ipairs({})), tostring(('x'):gmatch('x'))}",
        "return {select(2, pcall(error, 'x'))}",
        "error(tostring({}))",
        "return {tostring(tostring), tostring(string.rep), tostring(payload.a), tostring(pcall)}",
        "return {('%s'):rep(4):format(tostring, payload, null, {})}",
        "return {select(2, pcall(function() for i = {}, 1 do end end))}",
        "return {select(2, pcall(function() for _ in {} do end end))}",
        "return {select(2, pcall(function() return #tostring end))}",
        "return {select(2, pcall(function() return ({}).x.y end))}",
        "return {select(2, pcall(function() return payload.z.y end))}",
        "return {select(2, pcall(function() return null() end))}",
        "return {select(2, pcall(function() return {} | 1 end))}",
        "return {select(2, pcall(function() local t = {} t[0/0] = 1 end))}",
        "return {select(2, pcall(string.gsub, 'x', 'x', {x = {}}))}",
        "return {select(2, pcall(string.gsub, 'x', 'x', function() return type end))}",
        "return {select(2, pcall(math.floor, {}))}",
        "return {select(2, pcall(utf8.char, payload))}",
        "return {select(2, pcall(only, type, {}))}",
        "return {select(2, pcall(merge, payload, {a = {type}}))}",
        "return {select(2, pcall(hash, {}))}",
        "return {[{}] = 1}",
        "return {[payload] = 1}",
        "return true, {[type] = 1}",
        "return true, {key = type}",
        "return type",
        "return {type, {}}",
        "error({})",
        "local t = {} t.t = t return t",
    };
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 0);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        int code = fixture_try(&f, sources[i], "{\"a\":1}");
        const char *text = code == WH_OK ? f.verdict.body : f.said;
        if (text == NULL || strstr(text, "0x") != NULL || strstr(text, "7f") != NULL) {
            fail_msg("%s: %s", sources[i], text ? text : "no text");
        }
    }
    fixture_close(&f);
}

static void each_pair_alone(fixture *f, const char *source) {
    void *rule = NULL;
    char payload[128];

    assert_int_equal(wh_rule_lua()->compile(f->runtime, "o", source, strlen(source), &rule, &f->error), WH_OK);
    for (int i = 0; i < 72; i++) {
        for (int j = 0; j < 72; j++) {
            snprintf(payload, sizeof payload, "{\"i\":%d,\"j\":%d,\"list\":[1],\"object\":{}}", i, j);
            int code = fixture_run(f, rule, payload);
            assert_true(code == WH_OK || code == WH_ERULE_MEMORY);
        }
    }
    wh_rule_lua()->release(f->runtime, rule);
}

/* Every function with every pair, and many triples, of awkward values: none may do
 * more than raise or answer. The sanitizers watch. */
static void extreme_arguments_do_no_harm(void **state) {
    static const char head[] =
        "local v = {1, 0, -1, 2, math.maxinteger, math.mininteger, math.maxinteger - 1, 1e308, -1e308, 0/0, 1/0, -1/0, "
        "0.5, "
        "2^53, 2^63, -2^63, 1 << 31, 1 << 32, (1 << 31) - 1, '', 'a', '\\0', 'a\\0b', ('x'):rep(300), '%', '%d', '%s', "
        "'%99.99f', '%5.1s', '%c', '[', '(', '()', '%b', '%bxy', '%f', '%f[a]', '^', '$', '.-', '[^]', '[a-', '%1', "
        "'\\255\\254', '\\u{7FFFFFFF}', '\\u{10FFFF}', 'a.b', 'a(b', ',', '10', '0x1p4', '1e999', true, false, null, "
        "payload, "
        "payload.list, payload.object, event, subscription, {}, {1, 2, 3}, {a = 1}, {1, nil, 3}, array{}, object{}, "
        "string, type, function() end, function() error('x') end, function() return payload end}\n"
        "local n, f = #v, ";
    static const char tail[] = "\nlocal function try(i, j)\n"
                               "  pcall(f, v[i], v[j]) pcall(f, v[i], v[j], v[(i * 7 + j * 13) % n + 1])\n"
                               "  pcall(f, v[i], v[j], v[(i * 31 + j) % n + 1], v[(i + j * 5) % n + 1])\n"
                               "end\n"
                               "if payload.i then try(payload.i % n + 1, payload.j % n + 1) return true end\n"
                               "pcall(f)\n"
                               "for i = 1, n do pcall(f, v[i]) pcall(f, v[i], nil) pcall(f, nil, v[i])\n"
                               "  for j = 1, n do try(i, j) end end\n"
                               "return true";
    char *source = malloc(8192);
    fixture f;

    (void)state;
    fixture_open(&f, 60000, 64 << 20);
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        const char *name = allowed[i];
        snprintf(source, 8192, "%s%s%s", head, name, tail);
        int code = fixture_try(&f, source, "{\"list\":[1,[2],\"x\"],\"object\":{\"a\":1.10,\"b\":null}}");
        if (code == WH_ERULE_MEMORY) {
            each_pair_alone(&f, source); /* the limit cannot be caught, so the rest was not run */
        } else if (code != WH_OK && code != WH_ERULE_RUNTIME) {
            fail_msg("%s: %s %s", name, wh_error_name(code), f.said);
        }
    }
    fixture_close(&f);
    free(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_listed_names_are_reachable),
        cmocka_unit_test(everything_in_the_state_is_listed),
        cmocka_unit_test(a_run_adds_three_globals),
        cmocka_unit_test(no_library_can_be_changed),
        cmocka_unit_test(no_address_is_shown),
        cmocka_unit_test(extreme_arguments_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
