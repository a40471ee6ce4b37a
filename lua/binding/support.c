/* Boxes, arguments, failures. */
#include "binding.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define BOX "webhook.core.box"
#define ZERO_BYTE "expected text without a zero byte"

/* ----------------------------------------------------------------------- failures */

static void push_parts(lua_State *L) {
    const whi_error *error = whi_error_last();

    lua_createtable(L, 0, 4);
    if (error->field[0] != '\0') {
        lua_pushstring(L, error->field);
        lua_setfield(L, -2, "field");
    }
    if (error->index >= 0) {
        lua_pushinteger(L, error->index + 1);
        lua_setfield(L, -2, "index");
    }
    if (error->line > 0) {
        lua_pushinteger(L, error->line);
        lua_setfield(L, -2, "line");
    }
    lua_pushstring(L, error->sentence + error->reason);
    lua_setfield(L, -2, "reason");
}

/* The library counts from 0, Lua from 1: the sentence too, or it would name another item than
 * its parts. */
static void push_sentence(lua_State *L) {
    const whi_error *error = whi_error_last();
    char begin[WHI_PLACE_SIZE];
    size_t size;

    whi_error_place(error, begin);
    size = strlen(begin);
    if (error->index < 0 || error->is_of_event || strncmp(error->sentence, begin, size) != 0) {
        lua_pushstring(L, error->sentence);
    } else {
        lua_pushfstring(L, "%s[%I]%s", error->field, (LUAI_UACINT)(error->index + 1), error->sentence + size);
    }
}

int whl_fail(lua_State *L, int code) {
    luaL_checkstack(L, 6, "failure");
    lua_pushnil(L);
    push_sentence(L);
    lua_pushstring(L, wh_error_name(code));
    push_parts(L);
    return 4;
}

int whl_wrong(lua_State *L, int index, const char *name, const char *expected) {
    const char *found = lua_isnone(L, index) ? "nil" : luaL_typename(L, index);

    if (lua_type(L, index) == LUA_TNUMBER && !lua_isinteger(L, index)) {
        found = "a number with a fraction";
    }
    return luaL_error(L, "%s: expected %s, found %s", name, expected, found);
}

/* ---------------------------------------------------------------------- arguments */

const char *whl_bytes(lua_State *L, int index, const char *name, size_t *size) {
    if (lua_type(L, index) != LUA_TSTRING) {
        whl_wrong(L, index, name, "a string");
    }
    return lua_tolstring(L, index, size);
}

int whl_text_check(const char *text, size_t size, const char *name) {
    return strlen(text) == size ? WH_OK : whi_fail_field(WH_EINVALID, name, ZERO_BYTE);
}

int whl_text(lua_State *L, int index, const char *name, const char **out) {
    size_t size;

    *out = whl_bytes(L, index, name, &size);
    return whl_text_check(*out, size, name) == WH_OK ? 0 : whl_fail(L, WH_EINVALID);
}

int64_t whl_integer(lua_State *L, int index, const char *name) {
    int is_integer = 0;
    lua_Integer number = 0;

    if (lua_type(L, index) == LUA_TNUMBER) {
        number = lua_tointegerx(L, index, &is_integer);
    }
    if (!is_integer) {
        whl_wrong(L, index, name, "an integer");
    }
    return number;
}

int whl_boolean(lua_State *L, int index, const char *name) {
    if (!lua_isboolean(L, index)) {
        whl_wrong(L, index, name, "true or false");
    }
    return lua_toboolean(L, index);
}

int whl_field_flag(lua_State *L, int table, const char *name) {
    int flag;

    lua_pushstring(L, name);
    flag = lua_rawget(L, table) != LUA_TNIL && whl_boolean(L, lua_gettop(L), name);
    lua_pop(L, 1);
    return flag;
}

static int is_among(const char *name, const char *const *names) {
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0) {
            return 1;
        }
    }
    return 0;
}

static int unknown_name(lua_State *L, const char *owner, const char *found, const char *const *names) {
    luaL_Buffer text;

    luaL_buffinit(L, &text);
    for (const char *const *at = names; *at != NULL; at++) {
        luaL_addstring(&text, at == names ? "" : ", ");
        luaL_addstring(&text, *at);
    }
    luaL_pushresult(&text);
    return luaL_error(L, "%s: unknown name '%s', expected one of: %s", owner, found, lua_tostring(L, -1));
}

void whl_check_names(lua_State *L, int index, const char *owner, const char *const *names) {
    if (!lua_istable(L, index)) {
        whl_wrong(L, index, owner, "a table");
    }
    luaL_checkstack(L, 4, owner);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            luaL_error(L, "%s: expected names, found a %s as a name", owner, luaL_typename(L, -2));
        }
        if (!is_among(lua_tostring(L, -2), names)) {
            unknown_name(L, owner, lua_tostring(L, -2), names);
        }
        lua_pop(L, 1);
    }
}

static int push_field(lua_State *L, int table, const char *name) {
    luaL_checkstack(L, 4, name);
    lua_pushstring(L, name);
    return lua_rawget(L, table);
}

int whl_field_text(lua_State *L, int table, const char *name, const char **out) {
    return push_field(L, table, name) == LUA_TNIL ? 0 : whl_text(L, lua_gettop(L), name, out);
}

void whl_field_integer(lua_State *L, int table, const char *name, int64_t *out) {
    if (push_field(L, table, name) != LUA_TNIL) {
        *out = whl_integer(L, lua_gettop(L), name);
    }
    lua_pop(L, 1);
}

int whl_time(lua_State *L, int index, const char *shown, const char *name, int64_t *out) {
    size_t size;
    const char *text;
    int code;

    if (lua_type(L, index) != LUA_TSTRING) {
        if (lua_type(L, index) != LUA_TNUMBER || !lua_isinteger(L, index)) {
            whl_wrong(L, index, shown, "an integer or a text");
        }
        *out = lua_tointeger(L, index);
        return *out == 0 ? WH_OK : whi_time_check(name, *out);
    }
    text = lua_tolstring(L, index, &size);
    code = whl_text_check(text, size, name);
    return code == WH_OK ? whi_time_read(name, text, out) : code;
}

int whl_field_time(lua_State *L, int table, const char *name, int64_t *out) {
    int code = WH_OK;

    if (push_field(L, table, name) != LUA_TNIL) {
        code = whl_time(L, lua_gettop(L), name, name, out);
    }
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pop(L, 1);
    return 0;
}

/* The text at the top of the stack, an item of the list name or, with -1, name itself. */
static int take_item(lua_State *L, const char *name, int64_t at, const char **out) {
    size_t size;

    *out = whl_bytes(L, lua_gettop(L), name, &size);
    if (at < 0 || strlen(*out) == size) {
        return whl_text_check(*out, size, name) == WH_OK ? 0 : whl_fail(L, WH_EINVALID);
    }
    return whl_fail(L, whi_fail_item(WH_EINVALID, name, (size_t)at, ZERO_BYTE));
}

/* The userdata owns the texts by a table in its user value. */
int whl_texts(lua_State *L, int index, const char *name, const char *const **out, size_t *count) {
    int is_list = lua_istable(L, index);
    size_t size = is_list ? lua_rawlen(L, index) : 1;
    const char **list;
    int owner;

    luaL_checkstack(L, 6, name);
    list = lua_newuserdatauv(L, (size + 1) * sizeof *list, 1);
    lua_newtable(L);
    owner = lua_gettop(L);
    for (size_t i = 0; i < size; i++) {
        int failed;
        if (is_list) {
            lua_rawgeti(L, index, (lua_Integer)i + 1);
        } else {
            lua_pushvalue(L, index);
        }
        failed = take_item(L, name, is_list ? (int64_t)i : -1, &list[i]);
        if (failed) {
            return failed;
        }
        lua_rawseti(L, owner, (lua_Integer)i + 1);
    }
    lua_setiuservalue(L, owner - 1, 1);
    *out = list;
    *count = size;
    return 0;
}

/* -------------------------------------------------------------------------- boxes */

void whl_box_empty(whl_box *box) {
    wh_free(box->text);
    box->text = NULL;
    whi_json_free(&box->json);
    memset(&box->json, 0, sizeof box->json);
    whi_buf_free(&box->buf);
    whi_buf_init(&box->buf, WHI_JSON_MAXIMUM);
}

static int box_gc(lua_State *L) {
    whl_box_empty(lua_touserdata(L, 1));
    return 0;
}

whl_box *whl_box_new(lua_State *L) {
    whl_box *box;

    luaL_checkstack(L, 4, "box");
    box = lua_newuserdatauv(L, sizeof *box, 0);
    memset(box, 0, sizeof *box);
    whi_buf_init(&box->buf, WHI_JSON_MAXIMUM);
    luaL_setmetatable(L, BOX);
    return box;
}

void whl_support_types(lua_State *L) {
    luaL_newmetatable(L, BOX);
    lua_pushcfunction(L, box_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
