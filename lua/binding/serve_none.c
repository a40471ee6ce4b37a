/* A build without an HTTP server. */
#include "api.h"

int whl_serve(lua_State *L) {
    whl_engine_open(L);
    lua_pushnil(L);
    lua_pushliteral(L, "this build has no HTTP server: libmicrohttpd was not there when it was built "
                       "(apt-get install libmicrohttpd-dev, then build again); hooks:handle works");
    lua_pushstring(L, wh_error_name(WH_EINVALID));
    return 3;
}

void whl_servers_stop(whl_engine *self) {
    (void)self;
}

void whl_serve_types(lua_State *L) {
    (void)L;
}
