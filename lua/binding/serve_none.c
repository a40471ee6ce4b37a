/* A build without an HTTP server. */
#include "api.h"

#include "base/error.h"

int whl_serve(lua_State *L) {
    whl_engine_open(L);
    return whl_fail(L, whi_fail(WH_EINVALID,
                                "this build has no HTTP server: libmicrohttpd was not there when it was built "
                                "(apt-get install libmicrohttpd-dev, then build again); hooks:handle works"));
}

void whl_servers_stop(whl_engine *self) {
    (void)self;
}

void whl_serve_types(lua_State *L) {
    (void)L;
}
