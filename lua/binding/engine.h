/* The engine as a Lua object: a userdata "webhook.engine" whose user value is the log
 * function. */
#ifndef WHL_ENGINE_H
#define WHL_ENGINE_H

#include "binding.h"
#include "clock.h"
#include "log.h"

#define WHL_ENGINE "webhook.engine"

typedef struct whl_engine {
    wh_engine *engine; /* NULL: closed */
    whl_clock *clock;  /* or NULL; must outlive the engine, as the queue must */
    whl_log *log;
    int depth; /* json_depth: how deep a published table may nest */
} whl_engine;

/* Argument 1; raises if it is no engine, or closed. */
whl_engine *whl_engine_self(lua_State *L);
wh_engine *whl_engine_open(lua_State *L);

/* Fills options of the table at index (or nil), which must stay on the stack until
 * wh_open has copied them; self takes the clock, the queue and the log function. 0, or
 * what whl_fail returned. */
int whl_options(lua_State *L, int index, int self_index, wh_options *out);

/* Methods of records.c and publish.c, for the metatable's __index. */
extern const luaL_Reg whl_record_methods[];
extern const luaL_Reg whl_publish_methods[];

#endif
