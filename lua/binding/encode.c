/* Writing JSON. */
#include "codec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

#define PATH_SIZE 256 /* of an error; what is longer is cut */

/* Where the value stands: names and indexes up to the root. */
typedef struct place {
    const struct place *up; /* NULL: the root */
    const char *name;       /* NULL: an item */
    lua_Integer index;
} place;

typedef struct writer {
    lua_State *L;
    whi_buf *out;
    const char *root;
    int depth, is_document;
    const void *array, *object;            /* metatables that say so */
    const void *cjson_array, *cjson_empty; /* lua-cjson's, the second for empty tables alone; NULL: not loaded */
    const void *empty_array;               /* lua-cjson's light userdata */
} writer;

typedef struct member {
    const char *name;
    size_t size;
    lua_Integer at; /* in the table that owns the names */
} member;

static int write_value(const writer *w, int index, const place *where, int level);

/* ------------------------------------------------------------------------- errors */

static int is_plain(const char *name) {
    return *name != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

static void write_path(const writer *w, const place *where, char *out) {
    size_t used;

    if (where->up == NULL) {
        snprintf(out, PATH_SIZE, "%s", w->root);
        return;
    }
    write_path(w, where->up, out);
    if (where->up->up == NULL && where->name != NULL && w->is_document) {
        *out = '\0'; /* its members are fields */
    }
    used = strlen(out);
    if (used == 0 && is_plain(where->name)) {
        snprintf(out, PATH_SIZE, "%s", where->name);
    } else if (where->name == NULL) {
        snprintf(out + used, PATH_SIZE - used, "[%lld]", (long long)where->index);
    } else {
        snprintf(out + used, PATH_SIZE - used, is_plain(where->name) ? ".%s" : "[\"%.60s\"]", where->name);
    }
}

static int refuse(const writer *w, const place *where, const char *sentence, const char *found) {
    char path[PATH_SIZE];

    write_path(w, where, path);
    for (char *at = path; *at != '\0'; at++) {
        *at = *at >= ' ' && *at < 127 ? *at : '?'; /* a name may be anything */
    }
    return whi_fail_field(WH_EINVALID, path, "%s%s", sentence, found);
}

/* ------------------------------------------------------------------------ scalars */

static int is_utf8(const char *text, size_t size) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;

    while (at < size) {
        size_t length = bytes[at] < 0x80 ? 1 : whi_utf8_length(bytes + at, size - at);
        if (length == 0) {
            return 0;
        }
        at += length;
    }
    return 1;
}

static int write_string(const writer *w, int index, const place *where) {
    size_t size;
    const char *text = lua_tolstring(w->L, index, &size);

    if (!is_utf8(text, size)) {
        return refuse(w, where, "expected UTF-8, found a string that is not", "");
    }
    whi_json_write_string(w->out, text, size);
    return WH_OK;
}

static int write_number(const writer *w, int index, const place *where) {
    if (lua_isinteger(w->L, index)) {
        whi_buf_int(w->out, lua_tointeger(w->L, index));
        return WH_OK;
    }
    if (!isfinite(lua_tonumber(w->L, index))) {
        return refuse(w, where, "expected a finite number, found ", isnan(lua_tonumber(w->L, index)) ? "nan" : "inf");
    }
    whi_json_write_double(w->out, lua_tonumber(w->L, index));
    return WH_OK;
}

static int write_userdata(const writer *w, int index, const place *where) {
    const void *pointer = lua_touserdata(w->L, index);

    if (!lua_islightuserdata(w->L, index) || (pointer != NULL && pointer != w->empty_array)) {
        return refuse(w, where, "expected a value that JSON has, found a ", "userdata");
    }
    whi_buf_text(w->out, pointer == NULL ? "null" : "[]");
    return WH_OK;
}

static int write_raw(const writer *w, const char *text, size_t size, const place *where, int level) {
    int code = whi_json_check(text, size, w->depth > level ? w->depth - level : 1);
    char path[PATH_SIZE];

    if (code != WH_OK) {
        write_path(w, where, path);
        return whi_fail_within_field(code, path);
    }
    whi_buf_add(w->out, text, size);
    return WH_OK;
}

/* ------------------------------------------------------------------------- tables */

enum kind { PLAIN, ARRAY, OBJECT };

static enum kind marked(const writer *w, int index, int is_empty) {
    const void *mark;

    if (!lua_getmetatable(w->L, index)) {
        return PLAIN;
    }
    mark = lua_topointer(w->L, -1);
    lua_pop(w->L, 1);
    if (mark == w->array || mark == w->cjson_array || (mark == w->cjson_empty && is_empty)) {
        return ARRAY;
    }
    return mark == w->object ? OBJECT : PLAIN;
}

/* How many keys of which kind a table has. */
typedef struct keys {
    size_t texts, indexes;
    lua_Integer highest;
    const char *other; /* the type of a key that is neither */
} keys;

static void count_keys(lua_State *L, int index, keys *out) {
    memset(out, 0, sizeof *out);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            out->texts++;
        } else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) > 0) {
            out->indexes++;
            out->highest = lua_tointeger(L, -1) > out->highest ? lua_tointeger(L, -1) : out->highest;
        } else {
            out->other = lua_type(L, -1) == LUA_TNUMBER ? "a number below 1 or with a fraction" : luaL_typename(L, -1);
        }
    }
}

static int choose_kind(const writer *w, int index, const place *where, const keys *found, enum kind *kind) {
    *kind = marked(w, index, found->texts + found->indexes == 0);
    if (*kind == PLAIN) {
        *kind = found->indexes > 0 ? ARRAY : OBJECT;
    }
    if (found->other != NULL) {
        return refuse(w, where, "expected names or indexes as keys, found ", found->other);
    }
    if (found->texts > 0 && found->indexes > 0) {
        return refuse(w, where, "expected an array or an object, found a table with both indexes and names", "");
    }
    if (*kind == ARRAY && found->texts > 0) {
        return refuse(w, where, "expected an array, found names as keys", "");
    }
    if (*kind == OBJECT && found->indexes > 0) {
        return refuse(w, where, "expected an object, found indexes as keys", "");
    }
    if ((size_t)found->highest != found->indexes) {
        return refuse(w, where, "expected an array without holes (webhook.null fills one), found a sparse one", "");
    }
    return WH_OK;
}

static int write_array(const writer *w, int index, const place *where, size_t count, int level) {
    place item = { where, NULL, 0 };
    int code = WH_OK;

    whi_buf_char(w->out, '[');
    for (size_t i = 0; i < count && code == WH_OK; i++) {
        if (i > 0) {
            whi_buf_char(w->out, ',');
        }
        item.index = (lua_Integer)i + 1;
        lua_rawgeti(w->L, index, item.index);
        code = write_value(w, lua_gettop(w->L), &item, level);
        lua_pop(w->L, 1);
    }
    whi_buf_char(w->out, ']');
    return code;
}

static int compare(const void *left, const void *right) {
    const member *a = left, *b = right;
    int order = memcmp(a->name, b->name, a->size < b->size ? a->size : b->size);

    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Pushes the table that owns the names and the userdata with their order. */
static member *sort_names(lua_State *L, int index, size_t *count) {
    size_t room = *count;
    member *list;

    lua_createtable(L, (int)room, 0);
    list = lua_newuserdatauv(L, (room + 1) * sizeof *list, 0);
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (*count == room || lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1); /* a finalizer has changed the table meanwhile */
            break;
        }
        list[*count].name = lua_tolstring(L, -1, &list[*count].size);
        list[*count].at = (lua_Integer)*count + 1;
        lua_pushvalue(L, -1);
        lua_rawseti(L, -4, list[*count].at);
        *count += 1;
    }
    qsort(list, *count, sizeof *list, compare);
    return list;
}

static int write_member(const writer *w, int index, int names, const member *one, const place *where, int level) {
    place here = { where, one->name, 0 };
    int code;

    if (!is_utf8(one->name, one->size)) {
        return refuse(w, &here, "expected UTF-8, found a name that is not", "");
    }
    whi_json_write_string(w->out, one->name, one->size);
    whi_buf_char(w->out, ':');
    lua_rawgeti(w->L, names, one->at);
    lua_rawget(w->L, index);
    code = write_value(w, lua_gettop(w->L), &here, level);
    lua_pop(w->L, 1);
    return code;
}

static int write_object(const writer *w, int index, const place *where, size_t count, int level) {
    int names = lua_gettop(w->L) + 1;
    member *list = sort_names(w->L, index, &count);
    int code = WH_OK;

    whi_buf_char(w->out, '{');
    for (size_t i = 0; i < count && code == WH_OK; i++) {
        if (i > 0) {
            whi_buf_char(w->out, ',');
        }
        code = write_member(w, index, names, &list[i], where, level);
    }
    whi_buf_char(w->out, '}');
    lua_settop(w->L, names - 1);
    return code;
}

static int write_table(const writer *w, int index, const place *where, int level) {
    enum kind kind;
    keys found;
    int code;

    if (level > w->depth) {
        char deepest[24];
        snprintf(deepest, sizeof deepest, "%d", w->depth);
        return refuse(w, where, "nested too deep, or a table within itself; levels allowed: ", deepest);
    }
    luaL_checkstack(w->L, 10, "a table is nested too deep");
    count_keys(w->L, index, &found);
    code = choose_kind(w, index, where, &found, &kind);
    if (code != WH_OK) {
        return code;
    }
    return kind == ARRAY ? write_array(w, index, where, found.indexes, level)
                         : write_object(w, index, where, found.texts, level);
}

static int write_value(const writer *w, int index, const place *where, int level) {
    size_t size;
    const char *raw;

    if (w->out->failed) {
        return whi_buf_status(w->out);
    }
    switch (lua_type(w->L, index)) {
    case LUA_TBOOLEAN:
        whi_buf_text(w->out, lua_toboolean(w->L, index) ? "true" : "false");
        return WH_OK;
    case LUA_TNUMBER:
        return write_number(w, index, where);
    case LUA_TSTRING:
        return write_string(w, index, where);
    case LUA_TTABLE:
        return write_table(w, index, where, level + 1);
    case LUA_TLIGHTUSERDATA:
        return write_userdata(w, index, where);
    case LUA_TUSERDATA:
        raw = whl_raw_text(w->L, index, &size);
        return raw != NULL ? write_raw(w, raw, size, where, level) : write_userdata(w, index, where);
    default:
        return refuse(w, where, "expected a value that JSON has, found ", luaL_typename(w->L, index));
    }
}

/* ---------------------------------------------------------------------- beginning */

static const void *registered(lua_State *L, const char *name) {
    const void *mark;

    luaL_getmetatable(L, name);
    mark = lua_topointer(L, -1);
    lua_pop(L, 1);
    return mark;
}

static const void *member_pointer(lua_State *L, const char *name) {
    const void *pointer;

    lua_pushstring(L, name);
    lua_rawget(L, -2);
    pointer = lua_topointer(L, -1);
    lua_pop(L, 1);
    return pointer;
}

/* lua-cjson's marks, if the program has loaded it under this name. */
static void find_marks(lua_State *L, writer *w, const char *module) {
    if (luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE)) {
        lua_pushstring(L, module);
        if (lua_rawget(L, -2) == LUA_TTABLE) {
            w->cjson_array = member_pointer(L, "array_mt");
            w->cjson_empty = member_pointer(L, "empty_array_mt");
            w->empty_array = member_pointer(L, "empty_array");
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int write_root(lua_State *L, int index, writer *w) {
    place top = { NULL, NULL, 0 };
    int code;

    luaL_checkstack(L, 10, w->root);
    w->array = registered(L, "webhook.array");
    w->object = registered(L, "webhook.object");
    find_marks(L, w, "cjson.safe");
    find_marks(L, w, "cjson");
    code = write_value(w, lua_absindex(L, index), &top, 0);
    return code == WH_OK ? whi_buf_status(w->out) : code;
}

int whl_write(lua_State *L, int index, const char *root, int depth, whi_buf *out) {
    writer w = { .L = L, .out = out, .root = root, .depth = depth };

    return write_root(L, index, &w);
}

static int is_json_text(lua_State *L, int index) {
    size_t size, blanks;
    const char *text;

    if (lua_type(L, index) != LUA_TSTRING) {
        return 0;
    }
    text = lua_tolstring(L, index, &size);
    blanks = strspn(text, " \t\r\n");
    return (text[blanks] == '{' || text[blanks] == '[') && whi_json_check(text, size, WHL_DECODE_DEPTH) == WH_OK;
}

int whl_write_payload(lua_State *L, int index, int depth, whi_buf *out) {
    if (is_json_text(L, index)) {
        return whi_fail_field(WH_EINVALID, "payload",
                              "found a string that holds JSON: webhook.raw(text) publishes what it holds, "
                              "webhook.raw(webhook.encode(text)) the string");
    }
    return whl_write(L, index, "payload", depth, out);
}

int whl_write_document(lua_State *L, int index, whi_buf *out) {
    writer w = { .L = L, .out = out, .root = "document", .depth = WHL_ENCODE_DEPTH, .is_document = 1 };

    return write_root(L, index, &w);
}

int whl_encode(lua_State *L) {
    whl_box *box;
    int code;

    luaL_checkany(L, 1);
    box = whl_box_new(L);
    code = whl_write(L, 1, "value", WHL_ENCODE_DEPTH, &box->buf);
    if (code == WH_OK) {
        lua_pushlstring(L, box->buf.data, box->buf.size);
    }
    whl_box_empty(box);
    return code == WH_OK ? 1 : whl_fail(L, code);
}
