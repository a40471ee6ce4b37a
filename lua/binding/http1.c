/* A request out of bytes, for servers in Lua. */
#include "http1.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

static void push_lower(lua_State *L, const whi_http1_text *name) {
    luaL_Buffer text;

    luaL_buffinit(L, &text);
    for (size_t i = 0; i < name->size; i++) {
        luaL_addchar(&text, whi_ascii_lower(name->text[i]));
    }
    luaL_pushresult(&text);
}

/* Into the table on top of the stack. */
static void push_field(lua_State *L, const whi_http1_field *field) {
    int table = lua_gettop(L);

    push_lower(L, &field->name);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, table) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushlstring(L, field->value.text, field->value.size);
    } else {
        lua_pushliteral(L, ", ");
        lua_pushlstring(L, field->value.text, field->value.size);
        lua_concat(L, 3);
    }
    lua_rawset(L, table);
}

static void set_text(lua_State *L, const char *name, const whi_http1_text *text) {
    lua_pushlstring(L, text->text, text->size);
    lua_setfield(L, -2, name);
}

void whl_http1_push(lua_State *L, const whi_http1 *found) {
    luaL_checkstack(L, 8, "request");
    lua_createtable(L, 0, 7);
    set_text(L, "method", &found->method);
    set_text(L, "path", &found->target);
    set_text(L, "url", &found->target);
    lua_createtable(L, 0, (int)found->field_count);
    for (size_t i = 0; i < found->field_count; i++) {
        push_field(L, &found->fields[i]);
    }
    lua_setfield(L, -2, "headers");
    set_text(L, "body", &found->body);
    lua_pushboolean(L, found->keeps);
    lua_setfield(L, -2, "keep");
}

int whl_read_request(lua_State *L) {
    size_t size;
    const char *bytes = whl_bytes(L, 1, "bytes", &size);
    int64_t maximum = lua_isnoneornil(L, 2) ? 1048576 : whl_integer(L, 2, "maximum");
    char *copy;
    whi_http1 found;
    int code;

    luaL_argcheck(L, maximum >= 0, 2, "expected 0 or more");
    copy = lua_newuserdatauv(L, size + 1, 0); /* chunks are moved together in it */
    memcpy(copy, bytes, size);
    code = whi_http1_read(&found, copy, size, (size_t)maximum);
    if (code == 1) {
        whl_http1_push(L, &found);
        lua_pushinteger(L, (lua_Integer)found.size);
        return 2;
    }
    if (code == 0) {
        lua_pushnil(L);
        lua_pushboolean(L, found.waits);
        return 2;
    }
    lua_pushboolean(L, 0);
    lua_pushinteger(L, code);
    return 2;
}
