/* A rule's value as JSON text.
 *
 * Parts of the payload are copied byte for byte. Members of a table are written in
 * the bytewise order of their names, because Lua's own order depends on addresses:
 * they are written as Lua gives them, then moved to their place. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rule_state.h"

#define DEPTH_MAXIMUM 180 /* of tables, below Lua's own limit of nested C calls */

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

    if (!isfinite(number)) {
        whi_rule_refuse(L, path, "%s is no JSON number", isnan(number) ? "nan" : "an infinite number");
    }
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
    whi_json_write_double(out, number);
}

static void write_view(lua_State *L, int index, const whi_rule_path *path, whi_buf *out) {
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
    text = whi_json_span(whi_rule_of(L)->runtime->documents[document], node, &size);
    whi_rule_charge(L, size / 32);
    whi_buf_add(out, text, size);
}

/* -------------------------------------------------------------------- tables */

static whi_rule_member *new_member(lua_State *L) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;

    if (runtime->member_count == runtime->member_capacity) {
        size_t capacity = runtime->member_capacity ? runtime->member_capacity * 2 : 64;
        whi_rule_member *more = whi_realloc(runtime->members, capacity * sizeof *more);
        if (more == NULL) {
            whi_rule_stop(L, WH_ENOMEM);
        }
        runtime->members = more;
        runtime->member_capacity = capacity;
    }
    return &runtime->members[runtime->member_count++];
}

static int member_before(const whi_rule_member *a, const whi_rule_member *b) {
    size_t common = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = memcmp(a->name, b->name, common);

    return order != 0 ? order < 0 : a->name_size < b->name_size;
}

static void sift(whi_rule_member *members, size_t at, size_t count) {
    whi_rule_member moved = members[at];

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && member_before(&members[child], &members[child + 1])) {
            child++;
        }
        if (!member_before(&moved, &members[child])) {
            break;
        }
        members[at] = members[child];
        at = child;
    }
    members[at] = moved;
}

/* Heapsort: its worst case is bounded, and each step is charged. */
static void sort_members(lua_State *L, whi_rule_member *members, size_t count) {
    size_t step = 10 + (count > 1 ? members[0].name_size / 8 : 0);

    for (size_t i = count / 2; i-- > 0;) {
        whi_rule_charge(L, step);
        sift(members, i, count);
    }
    for (size_t i = count; i-- > 1;) {
        whi_rule_member top = members[0];
        whi_rule_charge(L, step * 4);
        members[0] = members[i];
        members[i] = top;
        sift(members, 0, i);
    }
}

static void insertion_sort(whi_rule_member *members, size_t count) {
    for (size_t i = 1; i < count; i++) {
        whi_rule_member moved = members[i];
        size_t at = i;
        for (; at > 0 && member_before(&moved, &members[at - 1]); at--) {
            members[at] = members[at - 1];
        }
        members[at] = moved;
    }
}

/* Puts the members written from start on into the order of their names. */
static void order_members(lua_State *L, size_t first, size_t start, whi_buf *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    size_t count = runtime->member_count - first, sorted = 1;
    whi_rule_member *members;

    if (out->failed || count < 2) {
        return;
    }
    members = runtime->members + first;
    while (sorted < count && member_before(&members[sorted - 1], &members[sorted])) {
        sorted++;
    }
    if (sorted == count) {
        return;
    }
    if (count <= 16) {
        insertion_sort(members, count);
    } else {
        sort_members(L, members, count);
    }
    whi_buf_clear(&runtime->shuffle);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            whi_buf_char(&runtime->shuffle, ',');
        }
        whi_buf_add(&runtime->shuffle, out->data + members[i].start, members[i].end - members[i].start);
    }
    whi_rule_check_buffer(L, &runtime->shuffle);
    whi_rule_charge(L, runtime->shuffle.size / 32);
    memcpy(out->data + start, runtime->shuffle.data, runtime->shuffle.size);
}

static void refuse_key(lua_State *L, const whi_rule_path *path) {
    if (lua_type(L, -2) == LUA_TNUMBER) {
        whi_rule_refuse(L, path, "a table needs either names or the indexes 1 to n without holes (null fills one)");
    }
    whi_rule_refuse(L, path, "a name must be a text, not %s", whi_rule_type(L, -2));
}

static void write_object(lua_State *L, int table, const whi_rule_path *path, int depth, whi_buf *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    size_t first = runtime->member_count, start;

    whi_buf_char(out, '{');
    start = out->size;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        whi_rule_path here = { path, NULL, 0, 0 };
        whi_rule_member member;
        if (lua_type(L, -2) != LUA_TSTRING) {
            refuse_key(L, path);
        }
        here.name = lua_tolstring(L, -2, &here.size);
        if (out->size > start) {
            whi_buf_char(out, ',');
        }
        member = (whi_rule_member){ here.name, here.size, out->size, 0 };
        write_string(L, here.name, here.size, out);
        whi_buf_char(out, ':');
        whi_rule_write(L, lua_gettop(L), &here, depth, out);
        member.end = out->size;
        *new_member(L) = member;
        lua_pop(L, 1);
    }
    order_members(L, first, start, out);
    runtime->member_count = first;
    whi_buf_char(out, '}');
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

    lua_pushnil(L);
    while (lua_next(L, table)) {
        int integral;
        lua_Integer key = lua_tointegerx(L, -2, &integral);
        if (lua_type(L, -2) == LUA_TSTRING && count == 0) {
            lua_pop(L, 2);
            return -1; /* should another kind follow, the object's writer refuses it */
        }
        if (lua_type(L, -2) != LUA_TNUMBER || !integral || key < 1) {
            refuse_key(L, path);
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

static int marked(lua_State *L, int table, int mark) {
    int same;

    if (!lua_getmetatable(L, table)) {
        return 0;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, mark);
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

static void write_table(lua_State *L, int table, const whi_rule_path *path, int depth, whi_buf *out) {
    lua_Integer count;
    int object, array;

    if (depth <= 0) {
        whi_rule_refuse(L, path, "nested too deep, or a table that contains itself");
    }
    luaL_checkstack(L, 8, NULL);
    object = marked(L, table, WHI_RULE_AT_OBJECT);
    array = !object && marked(L, table, WHI_RULE_AT_ARRAY);
    if (!object && !array && lua_getmetatable(L, table)) {
        whi_rule_refuse(L, path, "a library is no JSON value");
    }
    count = object ? -1 : array_size(L, table, path);
    if (count > 0 || (count == 0 && array)) {
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
        write_view(L, index, path, out);
        break;
    case LUA_TTABLE:
        write_table(L, index, path, depth < DEPTH_MAXIMUM ? depth : DEPTH_MAXIMUM, out);
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
    here.name = lua_tostring(L, -1);
    here.size = size;
    text = whi_json_span(json, name, &size);
    whi_buf_add(out, text, size);
    whi_buf_char(out, ':');
    if (lua_rawget(L, table) == LUA_TNIL) {
        text = whi_json_span(json, name + 1, &size);
        whi_buf_add(out, text, size);
    } else {
        whi_rule_write_merged(L, lua_gettop(L), json, name + 1, &here, depth - 1, out);
    }
    lua_pop(L, 1);
}

/* The members of the table that the object has not, ordered. */
static void merge_new(lua_State *L, int table, const whi_json *json, uint32_t node, const whi_rule_path *path,
                      int depth, whi_buf *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    size_t first = runtime->member_count, start;

    if (json->nodes[node].count > 0) {
        whi_buf_char(out, ',');
    }
    start = out->size;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        whi_rule_path here = { path, NULL, 0, 0 };
        whi_rule_member member;
        if (lua_type(L, -2) != LUA_TSTRING) {
            refuse_key(L, path);
        }
        here.name = lua_tolstring(L, -2, &here.size);
        whi_rule_charge(L, 4 + json->nodes[node].count);
        if (whi_json_member(json, node, here.name, here.size) == WHI_JSON_NONE) {
            if (out->size > start) {
                whi_buf_char(out, ',');
            }
            member = (whi_rule_member){ here.name, here.size, out->size, 0 };
            write_string(L, here.name, here.size, out);
            whi_buf_char(out, ':');
            whi_rule_write(L, lua_gettop(L), &here, depth - 1, out);
            member.end = out->size;
            *new_member(L) = member;
        }
        lua_pop(L, 1);
    }
    order_members(L, first, start, out);
    runtime->member_count = first;
    if (out->size == start && start > 0 && out->data[start - 1] == ',') {
        out->size--;
    }
}

void whi_rule_write_merged(lua_State *L, int index, const whi_json *json, uint32_t node, const whi_rule_path *path,
                           int depth, whi_buf *out) {
    if (lua_type(L, index) != LUA_TTABLE || json->nodes[node].type != WHI_JSON_OBJECT ||
        marked(L, index, WHI_RULE_AT_ARRAY) || lua_rawlen(L, index) > 0) {
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
