/* What a rule can reach: every entry with its reason, and what is left out.
 *
 * Left out of Lua's globals:
 *   collectgarbage   steers the collector, and shows the memory of the machine
 *   coroutine        a new thread resets the hook's counter; a rule has nothing to wait for
 *   debug            reaches everything
 *   dofile, loadfile, require, package, io, os   reach outside
 *   getmetatable, setmetatable   metamethods would run where the host reads raw; the
 *                    metatable of texts is shared by the whole state; no __gc, no __close
 *   load             the compiler is the largest surface of attack; a rule is compiled once
 *   print, warn      there is no one to read it
 *   rawequal, rawget, rawlen, rawset   without metatables they add nothing, and rawset
 *                    would write into what is read-only
 *   xpcall           its handler runs while the hook is off
 *   _G, _VERSION     the one is no table of this state, the other differs by version
 * Left out of string: dump (bytecode), pack, unpack, packsize (sizes of the machine, and
 *   where the interpreters' overflows were). The arithmetic of texts ("10" + 1) is left
 *   out too: tonumber says what is meant.
 * Left out of table: move (a loop of any length over nothing), create (5.5; memory before
 *   there is anything to keep).
 * Left out of math: random, randomseed (chance); sin, cos, tan, asin, acos, atan, exp, log
 *   and the old cosh, sinh, tanh, pow, log10 (the last digit depends on the machine's
 *   library); deg, rad (no use without those); frexp, ldexp (old, or new again in 5.5).
 * Left out of utf8: nothing.
 * Left out of every library: what a later Lua adds. No library of Lua's own is opened, so
 *   nothing comes with a new version. */
#include <math.h>
#include <string.h>

#include "rule_state.h"

#define NUMBER_TEXT_MAXIMUM 200 /* longer texts are no numbers */

const char *whi_rule_type(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TLIGHTUSERDATA) {
        return lua_touserdata(L, index) == NULL ? "null" : "table";
    }
    return luaL_typename(L, index);
}

const char *whi_rule_kind(lua_State *L, int index) {
    int part = lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) != NULL;

    return part ? "a part of the payload" : whi_rule_type(L, index);
}

/* As Lua 5.4 writes it, in any version. */
static void push_double(lua_State *L, double number) {
    char text[40];
    int used;

    if (isnan(number)) {
        lua_pushliteral(L, "nan");
        return;
    }
    used = snprintf(text, sizeof text - 2, "%.14g", number);
    if (isfinite(number) && strpbrk(text, ".e") == NULL) {
        memcpy(text + used, ".0", 3);
    }
    lua_pushstring(L, text);
}

static void push_view_text(lua_State *L, int index) {
    unsigned document;
    uint32_t node;
    const char *text;
    size_t size;

    if (!whi_rule_to_view(L, index, &document, &node)) {
        lua_pushliteral(L, "null");
    } else if (document >= WHI_RULE_EVENT) {
        lua_pushstring(L, document == WHI_RULE_EVENT ? "event" : "subscription");
    } else {
        text = whi_json_span(whi_rule_of(L)->runtime->documents[document], node, &size);
        whi_rule_charge(L, 1 + size / 32);
        lua_pushlstring(L, text, size);
    }
}

/* Never an address: a table is "table". */
void whi_rule_push_text(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        lua_pushvalue(L, index);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            lua_pushfstring(L, "%I", (LUAI_UACINT)lua_tointeger(L, index));
        } else {
            push_double(L, lua_tonumber(L, index));
        }
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TLIGHTUSERDATA:
        push_view_text(L, index);
        break;
    default:
        lua_pushstring(L, whi_rule_type(L, index));
    }
}

const char *whi_rule_check_text(lua_State *L, int index, size_t *size) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        whi_rule_push_text(L, index);
        lua_replace(L, index);
    } else if (lua_type(L, index) != LUA_TSTRING) {
        whi_rule_wrong_type(L, index, "string");
    }
    return lua_tolstring(L, index, size);
}

const char *whi_rule_opt_text(lua_State *L, int index, size_t *size) {
    if (lua_isnoneornil(L, index)) {
        *size = 0;
        return "";
    }
    return whi_rule_check_text(L, index, size);
}

void whi_rule_plain_table(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TLIGHTUSERDATA && !whi_rule_is_null(L, index)) {
        luaL_error(L, "the payload cannot be changed: build a new table of its parts");
    }
    whi_rule_check_type(L, index, LUA_TTABLE);
    if (whi_rule_mark_of(L, index) == WHI_RULE_LIBRARY) {
        luaL_error(L, "a library cannot be changed");
    }
}

/* ------------------------------------------------------------------- globals */

static int base_assert(lua_State *L) {
    luaL_checkany(L, 1);
    if (lua_toboolean(L, 1)) {
        return lua_gettop(L);
    }
    if (lua_gettop(L) < 2) {
        return luaL_error(L, "assertion failed!");
    }
    lua_settop(L, 2);
    return lua_error(L);
}

static int base_error(lua_State *L) {
    lua_Integer level = whi_rule_opt_integer(L, 2, 1);

    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TSTRING && level > 0) {
        luaL_where(L, level < 100 ? (int)level : 100);
        lua_insert(L, 1);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* Catches what the rule or a library raised, never the end of the run. */
static int base_pcall(lua_State *L) {
    whi_rule *rule = whi_rule_of(L);
    size_t members = rule->runtime->member_count;
    int status;

    luaL_checkany(L, 1);
    whi_rule_charge(L, 20);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
    if (rule->stop != 0) {
        return whi_rule_stopped(L);
    }
    if (status == LUA_ERRMEM) {
        return whi_rule_stop(L, rule->starved ? WH_ENOMEM : WH_ERULE_MEMORY);
    }
    if (status != LUA_OK) {
        rule->bad_result = 0;
        rule->runtime->member_count = members;
        lua_pushboolean(L, 0);
        lua_replace(L, 1);
    }
    whi_rule_look(L);
    return lua_gettop(L);
}

static int base_select(lua_State *L) {
    int top = lua_gettop(L);
    lua_Integer n;

    if (lua_type(L, 1) == LUA_TSTRING && *lua_tostring(L, 1) == '#') {
        lua_pushinteger(L, top - 1);
        return 1;
    }
    n = whi_rule_check_integer(L, 1);
    if (n < 0) {
        n = n < -top ? 0 : top + n;
    } else if (n > top) {
        n = top;
    }
    luaL_argcheck(L, n >= 1, 1, "index out of range");
    whi_rule_charge(L, (size_t)(top - n) / 4);
    return top - (int)n;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 32;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static int number_in_base(lua_State *L, const char *text, size_t size, lua_Integer base) {
    const char *end = text + size;
    lua_Unsigned number = 0;
    int negative, digits = 0;

    luaL_argcheck(L, base >= 2 && base <= 36, 2, "base out of range");
    text += strspn(text, " \f\n\r\t\v");
    negative = *text == '-';
    text += *text == '-' || *text == '+';
    for (; digit_of(*text) < base; text++, digits++) {
        number = number * (lua_Unsigned)base + (lua_Unsigned)digit_of(*text);
    }
    text += strspn(text, " \f\n\r\t\v");
    if (digits == 0 || text != end) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, (lua_Integer)(negative ? 0u - number : number));
    }
    return 1;
}

static int base_tonumber(lua_State *L) {
    size_t size;
    const char *text;

    luaL_checkany(L, 1);
    if (lua_type(L, 1) == LUA_TNUMBER && lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        return 1;
    }
    if (lua_type(L, 1) != LUA_TSTRING) {
        lua_pushnil(L);
        return 1;
    }
    text = lua_tolstring(L, 1, &size);
    if (size > NUMBER_TEXT_MAXIMUM) {
        lua_pushnil(L);
        return 1;
    }
    whi_rule_charge(L, 4 + size);
    if (!lua_isnoneornil(L, 2)) {
        return number_in_base(L, text, size, whi_rule_check_integer(L, 2));
    }
    if (lua_stringtonumber(L, text) != size + 1) {
        lua_pushnil(L);
    }
    return 1;
}

static int base_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    whi_rule_charge(L, 10);
    whi_rule_push_text(L, 1);
    return 1;
}

static int base_type(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushstring(L, whi_rule_type(L, 1));
    return 1;
}

static int ipairs_step(lua_State *L) {
    lua_Integer i = (lua_Integer)((lua_Unsigned)whi_rule_check_integer(L, 2) + 1);

    luaL_checkany(L, 1);
    lua_pushinteger(L, i);
    return lua_geti(L, 1, i) == LUA_TNIL ? 1 : 2;
}

static int base_ipairs(lua_State *L) {
    if (lua_type(L, 1) != LUA_TLIGHTUSERDATA) {
        whi_rule_check_type(L, 1, LUA_TTABLE);
    }
    lua_pushcfunction(L, ipairs_step);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

static const luaL_Reg base_functions[] = {
    { "assert", base_assert },     /* ends the rule with a message */
    { "error", base_error },       /* the same */
    { "ipairs", base_ipairs },     /* loops; over arrays of the payload too */
    { "next", whi_rule_next },     /* is a table empty; in a stable order */
    { "pairs", whi_rule_pairs },   /* loops, in a stable order */
    { "pcall", base_pcall },       /* catches errors, but not a limit */
    { "select", base_select },     /* varargs */
    { "tonumber", base_tonumber }, /* texts to numbers */
    { "tostring", base_tostring }, /* without addresses */
    { "type", base_type },         /* "null" for null, "table" for a part of the payload */
    { NULL, NULL },
};

/* -------------------------------------------------------------------- opening */

static int refuse_write(lua_State *L) {
    return luaL_error(L, "a library cannot be changed");
}

/* Sets global name to a face of the library on top: an empty table that shows it and
 * refuses writes. The library itself is reachable by nobody. */
static void set_library(lua_State *L, int globals, const char *name) {
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 2);
    lua_rotate(L, -3, -1); /* face, metatable, library */
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_setfield(L, globals, name);
}

static void set_registry(lua_State *L, int place) {
    lua_rawseti(L, LUA_REGISTRYINDEX, place);
}

static void open_string(lua_State *L, int globals) {
    lua_createtable(L, 0, 13);
    luaL_setfuncs(L, whi_rule_string_functions, 0);
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2); /* of all texts: text:upper() */
    lua_pop(L, 1);
    set_library(L, globals, "string");
}

void whi_rule_open_libraries(lua_State *L) {
    int globals;

    lua_createtable(L, 0, 32);
    globals = lua_gettop(L);
    luaL_setfuncs(L, base_functions, 0);
    luaL_setfuncs(L, whi_rule_helper_functions, 0);
    open_string(L, globals);
    lua_createtable(L, 0, 6);
    luaL_setfuncs(L, whi_rule_table_functions, 0);
    set_library(L, globals, "table");
    whi_rule_push_math(L);
    set_library(L, globals, "math");
    whi_rule_push_utf8(L);
    set_library(L, globals, "utf8");
    whi_rule_view_metatable(L);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, globals, "null");

    lua_createtable(L, 0, 1);
    lua_pushvalue(L, globals);
    lua_setfield(L, -2, "__index");
    set_registry(L, WHI_RULE_AT_ENV_META);
    set_registry(L, WHI_RULE_AT_GLOBALS);
    lua_pushliteral(L, "the run was stopped");
    set_registry(L, WHI_RULE_AT_STOP);
    lua_createtable(L, 0, 0);
    set_registry(L, WHI_RULE_AT_ARRAY);
    lua_createtable(L, 0, 0);
    set_registry(L, WHI_RULE_AT_OBJECT);
}
