/* The HTTP API on a port of its own: a userdata "webhook.server" whose user value is the
 * engine. Either may be closed first. */
#include <limits.h>
#include <string.h>

#include "api.h"
#include "base/error.h"
#include "webhook_http.h"

#define SERVER "webhook.server"
#define GRACE 10000 /* ms, of stop() */

struct whl_server {
    wh_http *http; /* NULL: stopped */
    whl_engine *owner;
    whl_server *next; /* of its engine's */
};

static void leave(whl_server *self) {
    whl_server **at = &self->owner->servers;

    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
}

static void stop(whl_server *self, int64_t grace) {
    wh_http *http = self->http;

    if (http != NULL) {
        self->http = NULL;
        leave(self);
        wh_http_stop(http, grace);
    }
}

void whl_servers_stop(whl_engine *self) {
    while (self->servers != NULL) {
        stop(self->servers, 0);
    }
}

/* A number that the library can take, which knows how large it may be. */
static int take_number(lua_State *L, int table, const char *name, int64_t least, int64_t *out) {
    whl_field_integer(L, table, name, out);
    if (*out < least) {
        return whl_fail(L, whi_fail_field(WH_EINVALID, name, "expected 0 or more, found %lld", (long long)*out));
    }
    if (*out > INT_MAX) {
        return whl_fail(L, whi_fail_field(WH_EINVALID, name, "expected less, found %lld", (long long)*out));
    }
    return 0;
}

static int take_numbers(lua_State *L, int table, wh_http_options *out) {
    int64_t port = 0, threads = 0, connections = 0;
    int failed = take_number(L, table, "port", INT_MIN, &port);

    failed = failed ? failed : take_number(L, table, "threads", 0, &threads);
    failed = failed ? failed : take_number(L, table, "connections", 0, &connections);
    out->port = (int)port;
    out->threads = (unsigned)threads;
    out->connections = (unsigned)connections;
    return failed;
}

static int take_options(lua_State *L, int table, wh_http_options *out) {
    static const char *const names[] = { "address",      "port",      "threads",
                                         "connections",  "timeout",   "address_connections",
                                         "header_bytes", "forwarded", NULL };
    int failed;

    if (lua_isnil(L, table)) {
        return 0;
    }
    whl_check_names(L, table, "options", names);
    whl_field_integer(L, table, "timeout", &out->timeout);
    whl_field_integer(L, table, "header_bytes", &out->header_bytes);
    whl_field_integer(L, table, "address_connections", &out->address_connections);
    failed = take_numbers(L, table, out);
    failed = failed ? failed : whl_field_text(L, table, "address", &out->address);
    return failed ? failed : whl_field_text(L, table, "forwarded", &out->forwarded);
}

int whl_serve(lua_State *L) {
    whl_engine *engine = whl_engine_self(L);
    wh_http_options options = WH_HTTP_OPTIONS_INIT;
    whl_server *self;
    wh_api *api;
    int failed, code;

    lua_settop(L, 2);
    self = lua_newuserdatauv(L, sizeof *self, 1);
    memset(self, 0, sizeof *self);
    luaL_setmetatable(L, SERVER);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 3, 1);
    failed = take_options(L, 2, &options);
    if (failed) {
        return failed;
    }
    code = whl_api(engine, &api);
    code = code == WH_OK ? wh_http_start(&self->http, api, &options) : code;
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    self->owner = engine;
    self->next = engine->servers;
    engine->servers = self;
    lua_settop(L, 3);
    return 1;
}

/* -------------------------------------------------------------------------- methods */

static int server_port(lua_State *L) {
    const whl_server *self = luaL_checkudata(L, 1, SERVER);

    if (self->http == NULL) {
        return luaL_error(L, "the server is stopped");
    }
    lua_pushinteger(L, wh_http_port(self->http));
    return 1;
}

static int server_stop(lua_State *L) {
    whl_server *self = luaL_checkudata(L, 1, SERVER);

    stop(self, lua_isnoneornil(L, 2) ? GRACE : whl_integer(L, 2, "grace"));
    lua_pushboolean(L, 1);
    return 1;
}

static int server_close(lua_State *L) {
    stop(luaL_checkudata(L, 1, SERVER), GRACE);
    return 0;
}

static int server_gc(lua_State *L) {
    stop(luaL_checkudata(L, 1, SERVER), 0);
    return 0;
}

static int server_tostring(lua_State *L) {
    const whl_server *self = luaL_checkudata(L, 1, SERVER);

    if (self->http == NULL) {
        lua_pushliteral(L, SERVER " (stopped)");
    } else {
        lua_pushfstring(L, SERVER " (port %d)", wh_http_port(self->http));
    }
    return 1;
}

static const luaL_Reg methods[] = {
    { "port", server_port },
    { "stop", server_stop },
    { NULL, NULL },
};

static const luaL_Reg meta[] = {
    { "__gc", server_gc },
    { "__close", server_close },
    { "__tostring", server_tostring },
    { NULL, NULL },
};

void whl_serve_types(lua_State *L) {
    luaL_newmetatable(L, SERVER);
    luaL_setfuncs(L, meta, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
