/* webhook.core: what init.lua builds the face of. */
#include "binding.h"
#include "engine.h"
#include "http1.h"
#include "listen.h"
#include "machine.h"
#include "process.h"
#include "request.h"
#include "source.h"

/* Every function of the module and its name in it. */
static const luaL_Reg functions[] = {
    { "open", whl_open },
    { "clock", whl_clock_new },
    { "sign", whl_sign },
    { "verify", whl_verify },
    { "secret", whl_secret },
    { "keypair", whl_keypair },
    { "store_key", whl_store_key },
    { "features", whl_features },
    { "encode", whl_encode },
    { "decode", whl_decode },
    { "array", whl_array },
    { "object", whl_object },
    { "raw", whl_raw },
    { "rule_check", whl_rule_check },
    { "rule_try", whl_rule_try },
    { "listener", whl_listener },
    { "read_request", whl_read_request },
    { "request", whl_request },
    { "file_facts", whl_file_facts },
    { "store_version", whl_store_version },
    { "disk_facts", whl_disk_facts },
    { "file_limit", whl_file_limit },
    { "resolve", whl_resolve },
    { "catch_signals", whl_catch_signals },
    { "wait_signal", whl_wait_signal },
    { "monotonic", whl_monotonic },
    { NULL, NULL },
};

/* The Lua side adds its methods here. */
static void push_engine_methods(lua_State *L) {
    luaL_getmetatable(L, WHL_ENGINE);
    lua_getfield(L, -1, "__index");
    lua_remove(L, -2);
}

__attribute__((visibility("default"))) int luaopen_webhook_core(lua_State *L);

int luaopen_webhook_core(lua_State *L) {
    luaL_checkversion(L);
    whl_support_types(L);
    whl_codec_types(L);
    whl_clock_types(L);
    whl_engine_types(L);
    whl_serve_types(L);
    whl_listen_types(L);
    whl_source_types(L);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushstring(L, wh_version());
    lua_setfield(L, -2, "version");
    push_engine_methods(L);
    lua_setfield(L, -2, "engine");
    return 1;
}
