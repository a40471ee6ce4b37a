/* pairs and next in an order that does not depend on addresses.
 *
 * Lua hashes texts with a seed that differs from process to process. So a table is
 * walked in a fixed order instead: numbers ascending, texts bytewise, false, true,
 * parts of the payload by position. Other keys (tables, functions) have no order but
 * their address; a table that has one can be used, but not walked. The keys are those
 * of the moment when pairs is called. A part of the payload is walked in its own order. */
#include <string.h>

#include "rule_state.h"

typedef struct key {
    int rank;          /* of its kind */
    lua_Integer index; /* its place in the table of keys */
    double number;     /* an integer's is rounded; */
    uint64_t exact;    /* then this decides, for a position alone */
    const char *text;
    size_t size; /* of the text; of a number: 1 for a float */
} key;

enum { RANK_NUMBER, RANK_TEXT, RANK_FALSE, RANK_TRUE, RANK_POSITION };

/* Describes the key at stack index at. The text is held by the table. */
static key describe(lua_State *L, int at) {
    key found = { RANK_NUMBER, 0, 0, 0, NULL, 0 };

    switch (lua_type(L, at)) {
    case LUA_TNUMBER:
        found.number = lua_tonumber(L, at);
        found.size = !lua_isinteger(L, at); /* 2^63, a float, comes behind the integers that round to it */
        found.exact = lua_isinteger(L, at) ? (uint64_t)lua_tointeger(L, at) ^ UINT64_C(1) << 63 : UINT64_MAX;
        break;
    case LUA_TSTRING:
        found.rank = RANK_TEXT;
        found.text = lua_tolstring(L, at, &found.size);
        break;
    case LUA_TBOOLEAN:
        found.rank = lua_toboolean(L, at) ? RANK_TRUE : RANK_FALSE;
        break;
    case LUA_TLIGHTUSERDATA:
        found.rank = RANK_POSITION;
        found.exact = (uintptr_t)lua_touserdata(L, at);
        break;
    default:
        luaL_error(L, "a table with a %s as key cannot be walked: it has no stable order", whi_rule_type(L, at));
    }
    return found;
}

static int compare(const key *a, const key *b) {
    size_t common = a->size < b->size ? a->size : b->size;
    int order;

    if (a->rank != b->rank) {
        return a->rank - b->rank;
    }
    if (a->rank == RANK_TEXT) {
        order = memcmp(a->text, b->text, common);
    } else {
        order = (a->number > b->number) - (a->number < b->number);
        order = order != 0 ? order : (a->exact > b->exact) - (a->exact < b->exact);
    }
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static size_t cost(const key *a) {
    return 8 + a->size / 16;
}

static void sift(lua_State *L, key *keys, size_t at, size_t count) {
    key moved = keys[at];

    for (;;) {
        size_t child = 2 * at + 1;
        whi_rule_charge(L, cost(&moved));
        if (child >= count) {
            break;
        }
        if (child + 1 < count && compare(&keys[child], &keys[child + 1]) < 0) {
            child++;
        }
        if (compare(&moved, &keys[child]) >= 0) {
            break;
        }
        keys[at] = keys[child];
        at = child;
    }
    keys[at] = moved;
}

static void sort(lua_State *L, key *keys, size_t count) {
    for (size_t i = count / 2; i-- > 0;) {
        sift(L, keys, i, count);
    }
    for (size_t i = count; i-- > 1;) {
        key top = keys[0];
        keys[0] = keys[i];
        keys[i] = top;
        sift(L, keys, 0, i);
    }
}

/* Pushes an array of the table's keys as Lua gives them; 1 if they stand in order. */
static int collect(lua_State *L, int table, lua_Integer *count) {
    key last = { RANK_NUMBER, 0, 0, 0, NULL, 0 };
    int ordered = 1;

    *count = 0;
    lua_createtable(L, 0, 0);
    int keys = lua_gettop(L);
    whi_rule_charge_walk(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        key now = describe(L, -1);
        whi_rule_charge(L, cost(&now));
        ordered = ordered && (*count == 0 || compare(&last, &now) < 0);
        last = now;
        lua_pushvalue(L, -1);
        lua_rawseti(L, keys, ++*count);
    }
    return ordered;
}

/* Replaces the array of keys on top by an ordered one. */
static void order(lua_State *L, lua_Integer count) {
    int keys = lua_gettop(L);
    key *sorted = lua_newuserdatauv(L, (size_t)count * sizeof *sorted, 0);

    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, keys, i);
        sorted[i - 1] = describe(L, -1);
        sorted[i - 1].index = i;
        lua_pop(L, 1);
        whi_rule_charge(L, 4);
    }
    sort(L, sorted, (size_t)count);
    lua_createtable(L, count < 1000 ? (int)count : 1000, 0);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, keys, sorted[i - 1].index);
        lua_rawseti(L, -2, i);
        whi_rule_charge(L, 4);
    }
    lua_replace(L, keys);
    lua_settop(L, keys);
}

/* Upvalues: the keys, the index of the last one given. */
static int table_step(lua_State *L) {
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));

    whi_rule_check_type(L, 1, LUA_TTABLE);
    for (;;) {
        whi_rule_charge(L, 4);
        lua_settop(L, 1);
        if (lua_rawgeti(L, lua_upvalueindex(1), ++i) == LUA_TNIL) {
            return 1;
        }
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL) {
            break; /* otherwise it was taken away since */
        }
    }
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(2));
    return 2;
}

/* Upvalues: document, the next name's or item's node, how many are left, index. */
static int view_step(lua_State *L) {
    unsigned document = (unsigned)lua_tointeger(L, lua_upvalueindex(1));
    uint32_t node = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
    lua_Integer left = lua_tointeger(L, lua_upvalueindex(3)), index = lua_tointeger(L, lua_upvalueindex(4));
    const whi_json *json = whi_rule_of(L)->runtime->documents[document];

    whi_rule_charge(L, 4);
    if (left == 0) {
        lua_pushnil(L);
        return 1;
    }
    if (index > 0) {
        lua_pushinteger(L, index);
        lua_pushinteger(L, index + 1);
        lua_replace(L, lua_upvalueindex(4));
    } else {
        whi_rule_push_node(L, document, node++);
    }
    whi_rule_push_node(L, document, node);
    lua_pushinteger(L, json->nodes[node].next);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushinteger(L, left - 1);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

static int view_pairs(lua_State *L) {
    unsigned document = 0;
    uint32_t node;
    const whi_json *json = whi_rule_check_part(L, 1, &node);

    whi_rule_to_view(L, 1, &document, &node);
    lua_pushinteger(L, document);
    lua_pushinteger(L, node + 1);
    lua_pushinteger(L, json->nodes[node].count);
    lua_pushinteger(L, json->nodes[node].type == WHI_JSON_ARRAY ? 1 : 0);
    lua_pushcclosure(L, view_step, 4);
    return 1;
}

int whi_rule_pairs(lua_State *L) {
    lua_Integer count;

    if (lua_type(L, 1) == LUA_TLIGHTUSERDATA) {
        return view_pairs(L);
    }
    whi_rule_check_type(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!collect(L, 1, &count)) {
        order(L, count);
    }
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, table_step, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* The first member; the ones behind it only pairs can give, since a name may come twice. */
static int view_next(lua_State *L) {
    if (!lua_isnoneornil(L, 2)) {
        return luaL_error(L, "next gives the first member of a part of the payload: walk it with pairs");
    }
    lua_settop(L, 1);
    view_pairs(L);
    lua_call(L, 0, 2);
    return 2;
}

/* The smallest key that is larger than the given one: a walk over all, so pairs is
 * the better way, but next(t) == nil asks at little cost whether t is empty. */
int whi_rule_next(lua_State *L) {
    key after = { RANK_NUMBER, 0, 0, 0, NULL, 0 }, best = after, now;
    int have_after, have_best = 0;

    if (lua_type(L, 1) == LUA_TLIGHTUSERDATA) {
        return view_next(L);
    }
    whi_rule_check_type(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    have_after = !lua_isnil(L, 2);
    if (have_after) {
        after = describe(L, 2);
    }
    whi_rule_charge_walk(L);
    lua_pushnil(L); /* 3: the best so far */
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        now = describe(L, 4);
        whi_rule_charge(L, cost(&now));
        if ((!have_after || compare(&now, &after) > 0) && (!have_best || compare(&now, &best) < 0)) {
            have_best = 1;
            best = now;
            lua_pushvalue(L, 4);
            lua_replace(L, 3);
        }
    }
    if (!have_best) {
        lua_pushnil(L);
        return 1;
    }
    lua_settop(L, 3);
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}
