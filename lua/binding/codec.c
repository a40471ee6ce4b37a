/* Reading JSON, and the marks. encode.c writes. */
#include "codec.h"

#include <string.h>

#include "base/error.h"

#define RAW "webhook.raw"

typedef struct reader {
    lua_State *L;
    const whi_json *json;
    whi_buf *scratch;
    int array_mark; /* stack index of the metatable */
    int bare;
    const char *raw; /* members of the outermost object with this name stay text; NULL: none */
} reader;

static int push_value(const reader *r, uint32_t at, int level);

static int push_string(const reader *r, uint32_t at) {
    size_t size;
    const char *text = whi_json_string(r->json, at, r->scratch, &size);

    if (text == NULL) {
        return whi_fail_memory();
    }
    lua_pushlstring(r->L, text, size);
    return WH_OK;
}

static void push_number(const reader *r, uint32_t at) {
    int64_t number;

    if (whi_json_int(r->json, at, &number)) {
        lua_pushinteger(r->L, number);
    } else {
        lua_pushnumber(r->L, whi_json_double(r->json, at));
    }
}

static int push_array(const reader *r, uint32_t at, int level) {
    const whi_json_node *node = &r->json->nodes[at];
    uint32_t item = at + 1;
    int code;

    lua_createtable(r->L, (int)node->count, 0);
    for (lua_Integer i = 1; item < node->next; i++) {
        code = push_value(r, item, level);
        if (code != WH_OK) {
            return code;
        }
        lua_rawseti(r->L, -2, i);
        item = r->json->nodes[item].next;
    }
    lua_pushvalue(r->L, r->array_mark);
    lua_setmetatable(r->L, -2);
    return WH_OK;
}

/* A webhook.raw of the text on top of the stack, in its place. */
static void make_raw(lua_State *L) {
    lua_newuserdatauv(L, 0, 1);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, RAW);
}

static int push_member(const reader *r, uint32_t name, int level) {
    const char *text;
    size_t size;

    if (level != 1 || r->raw == NULL || !whi_json_string_is(r->json, name, r->raw, strlen(r->raw))) {
        return push_value(r, name + 1, level);
    }
    text = whi_json_span(r->json, name + 1, &size);
    lua_pushlstring(r->L, text, size);
    make_raw(r->L);
    return WH_OK;
}

static int push_object(const reader *r, uint32_t at, int level) {
    const whi_json_node *node = &r->json->nodes[at];
    int code;

    lua_createtable(r->L, 0, (int)node->count);
    for (uint32_t name = at + 1; name < node->next; name = r->json->nodes[name + 1].next) {
        if (level <= r->bare && r->json->nodes[name + 1].type == WHI_JSON_NULL) {
            continue;
        }
        code = push_string(r, name);
        code = code == WH_OK ? push_member(r, name, level) : code;
        if (code != WH_OK) {
            return code;
        }
        lua_rawset(r->L, -3);
    }
    return WH_OK;
}

static int push_value(const reader *r, uint32_t at, int level) {
    luaL_checkstack(r->L, 6, "JSON is nested too deep");
    switch (r->json->nodes[at].type) {
    case WHI_JSON_NULL:
        lua_pushlightuserdata(r->L, NULL);
        return WH_OK;
    case WHI_JSON_FALSE:
        lua_pushboolean(r->L, 0);
        return WH_OK;
    case WHI_JSON_TRUE:
        lua_pushboolean(r->L, 1);
        return WH_OK;
    case WHI_JSON_NUMBER:
        push_number(r, at);
        return WH_OK;
    case WHI_JSON_STRING:
        return push_string(r, at);
    case WHI_JSON_ARRAY:
        return push_array(r, at, level + 1);
    default:
        return push_object(r, at, level + 1);
    }
}

static int read_text(lua_State *L, whl_box *box, const char *text, size_t size, int bare, const char *raw) {
    int top = lua_gettop(L);
    reader r = { L, &box->json, &box->buf, top + 1, bare, raw };
    int code = whi_json_scan(&box->json, text, size, WHL_DECODE_DEPTH);

    if (code != WH_OK) {
        return code;
    }
    luaL_getmetatable(L, "webhook.array");
    code = push_value(&r, 0, 0);
    if (code != WH_OK) {
        lua_settop(L, top);
        return code;
    }
    lua_remove(L, r.array_mark);
    return WH_OK;
}

int whl_read(lua_State *L, whl_box *box, const char *text, size_t size, int bare) {
    return read_text(L, box, text, size, bare, NULL);
}

int whl_decode(lua_State *L) {
    static const char *const names[] = { "raw", NULL };
    const char *text, *raw = NULL;
    whl_box *box;
    size_t size;
    int code, failed = 0;

    lua_settop(L, 2);
    text = whl_bytes(L, 1, "text", &size);
    if (!lua_isnil(L, 2)) {
        whl_check_names(L, 2, "options", names);
        failed = whl_field_text(L, 2, "raw", &raw);
    }
    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    code = read_text(L, box, text, size, 0, raw);
    whl_box_empty(box);
    return code == WH_OK ? 1 : whl_fail(L, code);
}

/* -------------------------------------------------------------------------- marks */

static int mark(lua_State *L, const char *name) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    if (!lua_istable(L, 1)) {
        return whl_wrong(L, 1, "table", "a table");
    }
    lua_settop(L, 1);
    luaL_setmetatable(L, name);
    return 1;
}

int whl_array(lua_State *L) {
    return mark(L, "webhook.array");
}

int whl_object(lua_State *L) {
    return mark(L, "webhook.object");
}

/* ---------------------------------------------------------------------------- raw */

int whl_raw(lua_State *L) {
    whl_bytes(L, 1, "text", NULL);
    lua_settop(L, 1);
    make_raw(L);
    return 1;
}

const char *whl_raw_text(lua_State *L, int index, size_t *size) {
    const char *text;

    if (luaL_testudata(L, index, RAW) == NULL) {
        return NULL;
    }
    lua_getiuservalue(L, index, 1);
    text = lua_tolstring(L, -1, size); /* owned by the userdata, which stays */
    lua_pop(L, 1);
    return text;
}

static int raw_tostring(lua_State *L) {
    luaL_checkudata(L, 1, RAW);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

/* Pushes lua-cjson's array_mt, one table in all of a program's cjsons; nil where there is none: lua-cjson is not
 * installed, or is one of before 2.1.0.5 (Debian's). */
static void push_array_mt(lua_State *L) {
    int top = lua_gettop(L);

    lua_getglobal(L, "require");
    lua_pushliteral(L, "cjson");
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_istable(L, -1)) {
        lua_pushliteral(L, "array_mt");
        lua_rawget(L, -2);
    }
    if (!lua_istable(L, -1)) {
        lua_pushnil(L);
    }
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

/* The mark of our arrays is lua-cjson's own, so that its encode keeps what we have decoded. */
static void make_array_mark(lua_State *L) {
    push_array_mt(L);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        luaL_newmetatable(L, "webhook.array");
    } else {
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, "webhook.array");
    }
}

void whl_codec_types(lua_State *L) {
    make_array_mark(L);
    luaL_newmetatable(L, "webhook.object");
    luaL_newmetatable(L, RAW);
    lua_pushcfunction(L, raw_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 3);
}
