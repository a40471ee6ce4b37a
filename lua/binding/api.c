/* The HTTP API as a function: a request goes in as a table, status, headers and body come out. */
#include <string.h>

#include "api.h"

#include "base/error.h"

void whl_api_close(whl_engine *self) {
    wh_api *api = self->api;

    self->api = NULL;
    wh_api_close(api);
}

int whl_api(whl_engine *self, wh_api **out) {
    int code = self->api != NULL ? WH_OK : wh_api_open(&self->api, self->engine, NULL);

    *out = self->api;
    return code;
}

/* Says how before it is used. */
static int api(lua_State *L) {
    static const char *const names[] = { "open", "failures", "body_bytes", "metrics", NULL };
    whl_engine *self = whl_engine_self(L);
    wh_api_options options = WH_API_OPTIONS_INIT;
    int code;

    lua_settop(L, 2);
    whl_check_names(L, 2, "options", names);
    whl_field_integer(L, 2, "failures", &options.failures);
    whl_field_integer(L, 2, "body_bytes", &options.body_bytes);
    if (lua_getfield(L, 2, "open") != LUA_TNIL) {
        options.open = whl_boolean(L, 3, "open");
    }
    if (lua_getfield(L, 2, "metrics") != LUA_TNIL) {
        options.metrics = whl_boolean(L, 4, "metrics");
    }
    if (self->servers != NULL) {
        return whl_fail(L, whi_fail(WH_ECONFLICT, "a server is running with this API: stop it first"));
    }
    whl_api_close(self);
    code = wh_api_open(&self->api, self->engine, &options);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* -------------------------------------------------------------------------- request */

/* The value on top of the stack as one text: servers give a header that comes twice as a
 * list. What is pushed stays in the table at keep. */
static int header_value(lua_State *L, int keep, const char *name, const char **out) {
    int top = lua_gettop(L);

    if (lua_istable(L, top)) {
        luaL_Buffer joined;
        lua_Integer count = (lua_Integer)lua_rawlen(L, top);
        luaL_buffinit(L, &joined);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, top, i);
            if (lua_type(L, -1) != LUA_TSTRING) {
                return luaL_error(L, "headers: %s: expected texts, found a %s", name, luaL_typename(L, -1));
            }
            luaL_addvalue(&joined);
            luaL_addstring(&joined, i < count ? ", " : "");
        }
        luaL_pushresult(&joined);
        lua_replace(L, top);
        lua_settop(L, top);
        lua_pushvalue(L, top);
        lua_rawseti(L, keep, (lua_Integer)lua_rawlen(L, keep) + 1);
    }
    return whl_text(L, top, name, out);
}

static size_t count_members(lua_State *L, int table) {
    size_t count = 0;

    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        count++;
    }
    return count;
}

/* Leaves the table, the list and what keeps its texts on the stack. */
static int take_headers(lua_State *L, int table, wh_api_request *out) {
    wh_header *list;
    int headers, keep, failed = 0;

    if (lua_getfield(L, table, "headers") == LUA_TNIL) {
        return 0;
    }
    headers = lua_gettop(L);
    if (!lua_istable(L, headers)) {
        return whl_wrong(L, headers, "headers", "a table");
    }
    list = lua_newuserdatauv(L, (count_members(L, headers) + 1) * sizeof *list, 0);
    lua_newtable(L);
    keep = lua_gettop(L);
    out->headers = list;
    for (lua_pushnil(L); !failed && lua_next(L, headers) != 0; lua_settop(L, keep + 1)) {
        wh_header *header = &list[out->header_count++];
        if (lua_type(L, keep + 1) != LUA_TSTRING) {
            return luaL_error(L, "headers: expected names as keys, found a %s", luaL_typename(L, keep + 1));
        }
        failed = whl_text(L, keep + 1, "headers", &header->name);
        failed = failed ? failed : header_value(L, keep, header->name, &header->value);
        if (failed) {
            return failed;
        }
    }
    return 0;
}

/* Some servers have the query in the path. */
static void split_path(lua_State *L, wh_api_request *out) {
    const char *mark = strchr(out->path, '?');

    if (mark != NULL) {
        out->path = lua_pushlstring(L, out->path, (size_t)(mark - out->path));
        out->query = out->query != NULL ? out->query : mark + 1;
    }
}

static int take_request(lua_State *L, int table, wh_api_request *out) {
    static const char *const names[] = { "method", "path", "query", "headers", "body", "peer", "tenant", NULL };
    int failed;

    whl_check_names(L, table, "request", names);
    out->method = "GET";
    out->path = "/";
    failed = whl_field_text(L, table, "method", &out->method);
    failed = failed ? failed : whl_field_text(L, table, "path", &out->path);
    failed = failed ? failed : whl_field_text(L, table, "query", &out->query);
    failed = failed ? failed : whl_field_text(L, table, "peer", &out->peer);
    failed = failed ? failed : whl_field_text(L, table, "tenant", &out->tenant);
    failed = failed ? failed : take_headers(L, table, out);
    if (failed) {
        return failed;
    }
    split_path(L, out);
    if (lua_getfield(L, table, "body") != LUA_TNIL) {
        out->body = whl_bytes(L, lua_gettop(L), "body", &out->body_size);
    }
    return 0;
}

/* --------------------------------------------------------------------------- answer */

static void push_headers(lua_State *L, const wh_api_response *answer) {
    lua_createtable(L, 0, (int)answer->header_count + 1);
    if (answer->content_type != NULL) {
        lua_pushstring(L, answer->content_type);
        lua_setfield(L, -2, "Content-Type");
    }
    for (size_t i = 0; i < answer->header_count; i++) {
        lua_pushstring(L, answer->headers[i].value);
        lua_setfield(L, -2, answer->headers[i].name);
    }
}

static int handle(lua_State *L) {
    whl_engine *self = whl_engine_self(L);
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_response *answer;
    whl_box *box;
    wh_api *made;
    int failed, code;

    lua_settop(L, 2);
    failed = take_request(L, 2, &request);
    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    answer = lua_newuserdatauv(L, sizeof *answer, 0);
    *answer = (wh_api_response)WH_API_RESPONSE_INIT;
    code = whl_api(self, &made);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    wh_api_handle(made, &request, answer);
    box->text = answer->body;
    lua_pushinteger(L, answer->status);
    push_headers(L, answer);
    lua_pushlstring(L, box->text != NULL ? box->text : "", box->text != NULL ? answer->body_size : 0);
    whl_box_empty(box);
    return 3;
}

const luaL_Reg whl_api_methods[] = {
    { "api", api },
    { "handle", handle },
    { "serve", whl_serve },
    { NULL, NULL },
};
