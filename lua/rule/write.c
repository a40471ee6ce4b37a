/* A rule's value as JSON text.
 *
 * Parts of the payload are copied byte for byte. Members of a table are written in
 * the bytewise order of their names, because Lua's own order depends on a seed. The
 * names are sorted first, so that the first error is the same everywhere too. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rule_state.h"

static const whi_rule_path *const ROOT = NULL;

/* ------------------------------------------------------------------- refusal */

static size_t path_text(const whi_rule_path *path, char *out, size_t size) {
    size_t used;
    int more;

    if (path == ROOT) {
        return 0;
    }
    used = path_text(path->parent, out, size);
    if (path->name == NULL) {
        more = snprintf(out + used, size - used, "[%lld]", (long long)path->index);
    } else {
        more = snprintf(out + used, size - used, "%s%.*s", used ? "." : "", (int)(path->size < 64 ? path->size : 64),
                        path->name);
    }
    used += more > 0 ? (size_t)more : 0;
    return used < size ? used : size - 1;
}

int whi_rule_refuse(lua_State *L, const whi_rule_path *path, const char *format, ...) {
    char where[256] = "", what[256];
    va_list arguments;

    path_text(path, where, sizeof where);
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    whi_rule_of(L)->bad_result = 1;
    lua_pushfstring(L, "%s%s%s", where, where[0] ? ": " : "", what);
    return lua_error(L);
}

void whi_rule_check_buffer(lua_State *L, const whi_buf *buf) {
    if (buf->failed == WH_ELIMIT) {
        whi_rule_refuse(L, ROOT, "the result is larger than %lld bytes",
                        (long long)whi_rule_of(L)->runtime->limits.payload_bytes);
    }
    if (buf->failed != 0) {
        whi_rule_stop(L, WH_ENOMEM);
    }
}

/* ------------------------------------------------------------------- scalars */

static void write_string(lua_State *L, const char *text, size_t size, whi_buf *out) {
    whi_rule_charge(L, 2 + size / 4);
    whi_json_write_string(out, text, size);
}

static void write_double(lua_State *L, double number, const whi_rule_path *path, whi_buf *out) {
    const char *text = NULL;
    size_t size = 0;
    int found;

    whi_rule_charge(L, 20);
    found = whi_rule_number_text(whi_rule_of(L)->runtime, number, &text, &size);
    if (found == 1) {
        whi_buf_add(out, text, size);
        return;
    }
    if (found == -1 && fabs(number) >= 9223372036854775808.0) {
        whi_rule_refuse(L, path,
                        "several numbers of the payload are alike when read; return this one as part of the "
                        "payload, with only(payload, \"...\")");
    }
    if (!isfinite(number)) {
        whi_rule_refuse(L, path, "%s is no JSON number", isnan(number) ? "nan" : "an infinite number");
    }
    whi_json_write_double(out, number);
}

/* Levels of nesting that a part may add where tables have left room for depth. Tables stop
 * at WHI_RULE_DEPTH, parts do not. */
static uint32_t levels_left(lua_State *L, int depth) {
    int64_t allowed = whi_rule_of(L)->runtime->limits.json_depth;

    return (uint32_t)depth + (uint32_t)(allowed > WHI_RULE_DEPTH ? allowed - WHI_RULE_DEPTH : 0);
}

static void write_view(lua_State *L, int index, const whi_rule_path *path, int depth, whi_buf *out) {
    const whi_json *json;
    unsigned document;
    uint32_t node;
    const char *text;
    size_t size;

    if (!whi_rule_to_view(L, index, &document, &node)) {
        whi_buf_add(out, "null", 4);
        return;
    }
    if (document >= WHI_RULE_EVENT) {
        whi_rule_refuse(L, path, "%s cannot be sent whole: name the fields that you want",
                        document == WHI_RULE_EVENT ? "event" : "subscription");
    }
    json = whi_rule_of(L)->runtime->documents[document];
    if (whi_json_is_deeper(json, node, levels_left(L, depth))) {
        whi_rule_refuse(L, path, "nested too deep: %lld levels are allowed",
                        (long long)whi_rule_of(L)->runtime->limits.json_depth);
    }
    text = whi_json_span(json, node, &size);
    whi_rule_charge(L, size / 32);
    whi_buf_add(out, text, size);
}

/* -------------------------------------------------------------------- tables */

static void add_member(lua_State *L, const whi_rule_member *member) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;

    if (runtime->member_count == runtime->member_capacity) {
        size_t capacity = runtime->member_capacity ? runtime->member_capacity * 2 : 64;
        whi_rule_member *more;
        whi_rule_hold(L, (capacity - runtime->member_capacity) * sizeof *more);
        more = whi_realloc(runtime->members, capacity * sizeof *more);
        if (more == NULL) {
            whi_rule_stop(L, WH_ENOMEM);
        }
        runtime->members = more;
        runtime->member_capacity = capacity;
    }
    runtime->members[runtime->member_count++] = *member;
}

static uint64_t first_bytes(const char *name, size_t size) {
    const unsigned char *bytes = (const unsigned char *)name;
    size_t count = size < sizeof(uint64_t) ? size : sizeof(uint64_t);
    uint64_t first = 0;

    for (size_t i = 0; i < count; i++) {
        first |= (uint64_t)bytes[i] << (56 - 8 * i);
    }
    return first;
}

static int member_before(const whi_rule_member *a, const whi_rule_member *b) {
    size_t common = a->size < b->size ? a->size : b->size;
    int order;

    if (a->first != b->first) { /* two names rarely begin alike */
        return a->first < b->first;
    }
    order = memcmp(a->name, b->name, common);
    return order != 0 ? order < 0 : a->size < b->size;
}

/* What a comparison with this one costs, at most. */
static size_t cost(const whi_rule_member *member) {
    return 4 + member->size / 16;
}

static void sift(lua_State *L, whi_rule_member *members, size_t at, size_t count) {
    whi_rule_member moved = members[at];

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && member_before(&members[child], &members[child + 1])) {
            child++;
        }
        whi_rule_charge(L, 2 * cost(&members[child]));
        if (!member_before(&moved, &members[child])) {
            break;
        }
        members[at] = members[child];
        at = child;
    }
    members[at] = moved;
}

/* Heapsort: its worst case is bounded, and each step is charged. */
static void sort_many(lua_State *L, whi_rule_member *members, size_t count) {
    for (size_t i = count / 2; i-- > 0;) {
        sift(L, members, i, count);
    }
    for (size_t i = count; i-- > 1;) {
        whi_rule_member top = members[0];
        members[0] = members[i];
        members[i] = top;
        sift(L, members, 0, i);
    }
}

static void sort_few(lua_State *L, whi_rule_member *members, size_t count) {
    for (size_t i = 1; i < count; i++) {
        whi_rule_member moved = members[i];
        size_t at = i;
        for (; at > 0 && member_before(&moved, &members[at - 1]); at--) {
            members[at] = members[at - 1];
        }
        members[at] = moved;
        whi_rule_charge(L, (i - at + 1) * cost(&moved));
    }
}

/* Raises for a table whose keys do not make JSON. The sentence depends on what keys
 * there are, not on which of them Lua gives first. */
static void refuse_keys(lua_State *L, int table, const whi_rule_path *path) {
    static const int kinds[] = { LUA_TBOOLEAN, LUA_TLIGHTUSERDATA, LUA_TTABLE, LUA_TFUNCTION };
    int seen = 0;

    whi_rule_charge_walk(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        whi_rule_charge(L, 2);
        lua_pop(L, 1);
        seen |= 1 << lua_type(L, -1);
    }
    if (seen & 1 << LUA_TNUMBER) {
        whi_rule_refuse(L, path, "a table needs either names or the indexes 1 to n without holes (null fills one)");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (seen & 1 << kinds[i]) {
            const char *found =
                kinds[i] == LUA_TLIGHTUSERDATA ? "null or a part of the payload" : lua_typename(L, kinds[i]);
            whi_rule_refuse(L, path, "a name must be a text, not %s", found);
        }
    }
}

size_t whi_rule_collect_names(lua_State *L, int table, const whi_rule_path *path, const whi_json *json, uint32_t node) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    size_t first = runtime->member_count, count;

    luaL_checkstack(L, 24, NULL);
    whi_rule_charge_walk(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        whi_rule_member member;
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            refuse_keys(L, table, path);
        }
        member.name = lua_tolstring(L, -1, &member.size);
        member.first = first_bytes(member.name, member.size);
        member.slot = lua_gettop(L);
        whi_rule_charge(L, 4);
        if (json != NULL) {
            whi_rule_charge(L, json->nodes[node].count + member.size);
            if (whi_json_member(json, node, member.name, member.size) != WHI_JSON_NONE) {
                continue;
            }
        }
        add_member(L, &member);
        if (runtime->member_count % 16 == 0) {
            luaL_checkstack(L, 24, NULL);
        }
        lua_pushvalue(L, -1); /* the name stays below */
    }
    count = runtime->member_count - first;
    if (count > 1) {
        (count <= 16 ? sort_few : sort_many)(L, runtime->members + first, count);
    }
    return count;
}

/* Writes the members that were collected and takes them off the list. */
static void write_members(lua_State *L, int table, size_t count, const whi_rule_path *path, int depth, whi_buf *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    size_t first = runtime->member_count - count;

    for (size_t i = first; i < first + count; i++) {
        whi_rule_member member = runtime->members[i];
        whi_rule_path here = { path, member.name, member.size, 0 };
        if (i > first) {
            whi_buf_char(out, ',');
        }
        write_string(L, member.name, member.size, out);
        whi_buf_char(out, ':');
        lua_pushvalue(L, member.slot);
        lua_rawget(L, table);
        whi_rule_write(L, lua_gettop(L), &here, depth, out);
        lua_pop(L, 1);
    }
    runtime->member_count = first;
}

static void write_object(lua_State *L, int table, const whi_rule_path *path, int depth, whi_buf *out) {
    int top = lua_gettop(L);

    whi_buf_char(out, '{');
    write_members(L, table, whi_rule_collect_names(L, table, path, NULL, 0), path, depth, out);
    whi_buf_char(out, '}');
    lua_settop(L, top);
}

static void write_array(lua_State *L, int table, lua_Integer count, const whi_rule_path *path, int depth,
                        whi_buf *out) {
    whi_buf_char(out, '[');
    for (lua_Integer i = 1; i <= count; i++) {
        whi_rule_path here = { path, NULL, 0, i };
        if (i > 1) {
            whi_buf_char(out, ',');
        }
        lua_rawgeti(L, table, i);
        whi_rule_write(L, lua_gettop(L), &here, depth, out);
        lua_pop(L, 1);
    }
    whi_buf_char(out, ']');
}

/* How many items the table has as an array, -1 if it is an object. */
static lua_Integer array_size(lua_State *L, int table, const whi_rule_path *path) {
    lua_Integer highest = 0, count = 0;

    whi_rule_charge_walk(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        int integral;
        lua_Integer key = lua_tointegerx(L, -2, &integral);
        if (lua_type(L, -2) != LUA_TNUMBER || !integral || key < 1) {
            lua_pop(L, 2);
            return -1; /* the object's writer refuses what is no name */
        }
        highest = key > highest ? key : highest;
        count++;
        whi_rule_charge(L, 2);
        lua_pop(L, 1);
    }
    if (highest != count) {
        whi_rule_refuse(L, path, "an array has holes: %lld items, the last at %lld (null fills one)", (long long)count,
                        (long long)highest);
    }
    return count;
}

int whi_rule_mark_of(lua_State *L, int table) {
    static const int marks[] = { WHI_RULE_AT_ARRAY, WHI_RULE_AT_OBJECT };

    if (!lua_getmetatable(L, table)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        int same;
        lua_rawgeti(L, LUA_REGISTRYINDEX, marks[i]);
        same = lua_rawequal(L, -1, -2);
        lua_pop(L, 1);
        if (same) {
            lua_pop(L, 1);
            return marks[i];
        }
    }
    lua_pop(L, 1);
    return WHI_RULE_LIBRARY;
}

static void write_table(lua_State *L, int table, const whi_rule_path *path, int depth, whi_buf *out) {
    lua_Integer count;
    int mark;

    if (depth <= 0) {
        whi_rule_refuse(L, path, "nested too deep, or a table that contains itself");
    }
    luaL_checkstack(L, 8, NULL);
    mark = whi_rule_mark_of(L, table);
    if (mark == WHI_RULE_LIBRARY) {
        whi_rule_refuse(L, path, "a library is no JSON value");
    }
    count = mark == WHI_RULE_AT_OBJECT ? -1 : array_size(L, table, path);
    if (count > 0 || (count == 0 && mark == WHI_RULE_AT_ARRAY)) {
        write_array(L, table, count, path, depth - 1, out);
    } else {
        write_object(L, table, path, depth - 1, out);
    }
}

void whi_rule_write(lua_State *L, int index, const whi_rule_path *path, int depth, whi_buf *out) {
    const char *text;
    size_t size;

    whi_rule_charge(L, 4);
    if (out->failed) {
        whi_rule_check_buffer(L, out);
    }
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        whi_buf_text(out, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            whi_buf_int(out, lua_tointeger(L, index));
        } else {
            write_double(L, lua_tonumber(L, index), path, out);
        }
        break;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &size);
        write_string(L, text, size, out);
        break;
    case LUA_TLIGHTUSERDATA:
        write_view(L, index, path, depth, out);
        break;
    case LUA_TTABLE:
        write_table(L, index, path, depth < WHI_RULE_DEPTH ? depth : WHI_RULE_DEPTH, out);
        break;
    default:
        whi_rule_refuse(L, path, "%s is no JSON value", whi_rule_type(L, index));
    }
}

/* -------------------------------------------------------------------- merging */

/* A member of the document: its own bytes, or what the table has for its name. */
static void merge_member(lua_State *L, int table, const whi_json *json, uint32_t name, const whi_rule_path *path,
                         int depth, whi_buf *out) {
    whi_rule_path here = { path, NULL, 0, 0 };
    const char *text;
    size_t size;

    text = whi_json_string(json, name, &whi_rule_of(L)->runtime->shuffle, &size);
    if (text == NULL) {
        whi_rule_stop(L, WH_ENOMEM);
    }
    whi_rule_charge(L, 4 + size / 8);
    lua_pushlstring(L, text, size);
    here.name = lua_tostring(L, -1); /* stays on the stack: the path shows it */
    here.size = size;
    text = whi_json_span(json, name, &size);
    whi_buf_add(out, text, size);
    whi_buf_char(out, ':');
    lua_pushvalue(L, -1);
    if (lua_rawget(L, table) == LUA_TNIL) {
        text = whi_json_span(json, name + 1, &size);
        whi_buf_add(out, text, size);
    } else {
        whi_rule_write_merged(L, lua_gettop(L), json, name + 1, &here, depth - 1, out);
    }
    lua_pop(L, 2);
}

/* The members of the table that the object has not, ordered. */
static void merge_new(lua_State *L, int table, const whi_json *json, uint32_t node, const whi_rule_path *path,
                      int depth, whi_buf *out) {
    int top = lua_gettop(L);
    size_t count = whi_rule_collect_names(L, table, path, json, node);

    if (count > 0 && json->nodes[node].count > 0) {
        whi_buf_char(out, ',');
    }
    write_members(L, table, count, path, depth - 1, out);
    lua_settop(L, top);
}

void whi_rule_write_merged(lua_State *L, int index, const whi_json *json, uint32_t node, const whi_rule_path *path,
                           int depth, whi_buf *out) {
    if (lua_type(L, index) != LUA_TTABLE || json->nodes[node].type != WHI_JSON_OBJECT ||
        whi_rule_mark_of(L, index) == WHI_RULE_AT_ARRAY || lua_rawlen(L, index) > 0) {
        whi_rule_write(L, index, path, depth, out);
        return;
    }
    if (depth <= 0) {
        whi_rule_refuse(L, path, "nested too deep, or a table that contains itself");
    }
    luaL_checkstack(L, 8, NULL);
    whi_buf_char(out, '{');
    uint32_t name = whi_json_first(json, node);
    for (uint32_t i = 0; i < json->nodes[node].count; i++) {
        if (i > 0) {
            whi_buf_char(out, ',');
        }
        merge_member(L, index, json, name, path, depth, out);
        name = json->nodes[name + 1].next;
    }
    merge_new(L, index, json, node, path, depth, out);
    whi_buf_char(out, '}');
    whi_rule_check_buffer(L, out);
}
