/* The table library of a rule. Access to tables is raw, no metamethod can run. A
 * part of the payload may be read by concat and unpack, and be changed by none. */
#include <string.h>

#include "rule_state.h"

/* The length of argument 1, a table or an array of the payload. */
static lua_Integer length_of(lua_State *L) {
    if (lua_type(L, 1) == LUA_TLIGHTUSERDATA) {
        return luaL_len(L, 1);
    }
    whi_rule_check_type(L, 1, LUA_TTABLE);
    return (lua_Integer)lua_rawlen(L, 1);
}

static void push_item(lua_State *L, lua_Integer i) {
    if (lua_type(L, 1) == LUA_TTABLE) {
        lua_rawgeti(L, 1, i);
    } else {
        lua_geti(L, 1, i);
    }
}

static int table_concat(lua_State *L) {
    size_t gap;
    const char *between;
    lua_Integer length = length_of(L), i, last;
    whi_rule_text buffer;

    between = whi_rule_opt_text(L, 2, &gap);
    i = whi_rule_opt_integer(L, 3, 1);
    last = whi_rule_opt_integer(L, 4, length);
    whi_rule_text_init(L, &buffer);
    for (int first = 1; i <= last; first = 0) {
        whi_rule_charge(L, 4 + gap / 32);
        if (!first) {
            whi_rule_text_add(&buffer, between, gap);
        }
        push_item(L, i);
        if (!lua_isstring(L, -1)) {
            return luaL_error(L, "invalid value (a %s) at index %I in table for 'concat'", whi_rule_type(L, -1),
                              (LUAI_UACINT)i);
        }
        whi_rule_text_value(&buffer);
        if (i++ == last) {
            break; /* LUA_MAXINTEGER */
        }
    }
    whi_rule_text_push(&buffer);
    return 1;
}

static int table_insert(lua_State *L) {
    lua_Integer last, place;

    whi_rule_plain_table(L, 1);
    last = (lua_Integer)lua_rawlen(L, 1) + 1;
    switch (lua_gettop(L)) {
    case 2:
        place = last;
        break;
    case 3:
        place = whi_rule_check_integer(L, 2);
        luaL_argcheck(L, place >= 1 && place <= last, 2, "position out of bounds");
        for (lua_Integer i = last; i > place; i--) {
            whi_rule_charge(L, 4);
            lua_rawgeti(L, 1, i - 1);
            lua_rawseti(L, 1, i);
        }
        break;
    default:
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    whi_rule_charge(L, 4);
    lua_rawseti(L, 1, place);
    return 0;
}

static int table_remove(lua_State *L) {
    lua_Integer size, place;

    whi_rule_plain_table(L, 1);
    size = (lua_Integer)lua_rawlen(L, 1);
    place = whi_rule_opt_integer(L, 2, size);
    if (lua_gettop(L) >= 2) {
        luaL_argcheck(L, (size == 0 && place == 0) || (place >= 1 && place <= size + 1), 2, "position out of bounds");
    }
    lua_rawgeti(L, 1, place);
    for (; place < size; place++) {
        whi_rule_charge(L, 4);
        lua_rawgeti(L, 1, place + 1);
        lua_rawseti(L, 1, place);
    }
    lua_pushnil(L);
    lua_rawseti(L, 1, place);
    return 1;
}

static int table_pack(lua_State *L) {
    int count = lua_gettop(L);

    whi_rule_charge(L, (size_t)count * 2);
    lua_createtable(L, count, 1);
    lua_insert(L, 1);
    for (int i = count; i >= 1; i--) {
        lua_rawseti(L, 1, i);
    }
    lua_pushinteger(L, count);
    lua_setfield(L, 1, "n");
    return 1;
}

static int table_unpack(lua_State *L) {
    lua_Integer first = whi_rule_opt_integer(L, 2, 1), last;

    last = lua_isnoneornil(L, 3) ? length_of(L) : whi_rule_check_integer(L, 3);
    length_of(L); /* the check of argument 1 */
    if (first > last) {
        return 0;
    }
    lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first;
    if (count >= WHI_RULE_RESULTS || !lua_checkstack(L, (int)count + 2)) {
        return luaL_error(L, "too many results to unpack");
    }
    for (lua_Unsigned i = 0; i <= count; i++) {
        whi_rule_charge(L, 4);
        push_item(L, (lua_Integer)((lua_Unsigned)first + i));
    }
    return (int)count + 1;
}

/* ---------------------------------------------------------------------- sort */

/* 1 if the value at a goes before the one at b (indexes from the top, negative). */
static int goes_before(lua_State *L, int a, int b) {
    int result;

    whi_rule_charge(L, 10);
    if (lua_isnil(L, 2)) {
        if (lua_type(L, a) == LUA_TSTRING && lua_type(L, b) == LUA_TSTRING) {
            size_t size_a, size_b, common;
            const char *text_a = lua_tolstring(L, a, &size_a), *text_b = lua_tolstring(L, b, &size_b);
            common = size_a < size_b ? size_a : size_b;
            whi_rule_charge(L, common / 16);
            result = memcmp(text_a, text_b, common); /* not the locale's order */
            return result != 0 ? result < 0 : size_a < size_b;
        }
        if (lua_type(L, a) == LUA_TNUMBER && lua_type(L, b) == LUA_TNUMBER) {
            return lua_compare(L, a, b, LUA_OPLT);
        }
        return luaL_error(L, "attempt to compare a %s with a %s in 'sort'", whi_rule_type(L, a), whi_rule_type(L, b));
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, a - 1);
    lua_pushvalue(L, b - 2);
    lua_call(L, 2, 1);
    result = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
}

/* Merges from[low, middle) and from[middle, high) into to. 3 and 4 are tables. */
static void merge_runs(lua_State *L, int from, int to, lua_Integer low, lua_Integer middle, lua_Integer high) {
    lua_Integer left = low, right = middle;

    for (lua_Integer at = low; at < high; at++) {
        int take_right;
        whi_rule_charge(L, 6);
        if (left < middle && right < high) {
            lua_rawgeti(L, from, left);
            lua_rawgeti(L, from, right);
            take_right = goes_before(L, -1, -2);
            lua_pop(L, take_right ? 0 : 1);
            lua_rawseti(L, to, at);
            lua_pop(L, take_right ? 1 : 0);
            left += !take_right;
            right += take_right;
            continue;
        }
        lua_rawgeti(L, from, left < middle ? left++ : right++);
        lua_rawseti(L, to, at);
    }
}

static void copy_items(lua_State *L, int from, int to, lua_Integer size) {
    for (lua_Integer i = 1; i <= size; i++) {
        whi_rule_charge(L, 4);
        lua_rawgeti(L, from, i);
        lua_rawseti(L, to, i);
    }
}

/* A merge sort: stable, its work is bounded whatever the comparison answers, and
 * unlike Lua's it chooses nothing by the clock. It works on copies, so a comparison
 * that changes the table does no harm. */
static int table_sort(lua_State *L) {
    lua_Integer size;
    int from = 3, to = 4;

    whi_rule_plain_table(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        whi_rule_check_type(L, 2, LUA_TFUNCTION);
    }
    lua_settop(L, 2);
    size = (lua_Integer)lua_rawlen(L, 1);
    luaL_argcheck(L, size < 0x7fffffff, 1, "array too big");
    lua_createtable(L, (int)size, 0);
    lua_createtable(L, (int)size, 0);
    copy_items(L, 1, from, size);
    for (lua_Integer width = 1; width < size; width *= 2) {
        for (lua_Integer low = 1; low <= size; low += 2 * width) {
            lua_Integer middle = low + width <= size + 1 ? low + width : size + 1;
            lua_Integer high = low + 2 * width <= size + 1 ? low + 2 * width : size + 1;
            merge_runs(L, from, to, low, middle, high);
        }
        from = 7 - from;
        to = 7 - to;
    }
    copy_items(L, from, 1, size);
    return 0;
}

const luaL_Reg whi_rule_table_functions[] = {
    { "concat", table_concat }, /* texts of many parts, without a copy for each */
    { "insert", table_insert }, /* lists; each item moved is charged */
    { "pack", table_pack },     /* varargs with their count */
    { "remove", table_remove }, /* lists */
    { "sort", table_sort },     /* lists in order; stable, bounded, stopped in the middle */
    { "unpack", table_unpack }, /* a list as arguments, up to WHI_RULE_RESULTS */
    { NULL, NULL },
};
