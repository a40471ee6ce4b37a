/* The engine as a Lua object: a userdata "webhook.engine" whose user values are the log function
 * and the table of async.c. */
#ifndef WHL_ENGINE_H
#define WHL_ENGINE_H

#include "binding.h"
#include "clock.h"
#include "log.h"

#define WHL_ENGINE "webhook.engine"
#define WHL_ENGINE_LOG 1 /* user values */
#define WHL_ENGINE_ASYNC 2
#define WHL_ENGINE_SOURCES 3

typedef struct whl_server whl_server; /* serve.c */

typedef struct whl_engine {
    wh_engine *engine; /* NULL: closed */
    whl_clock *clock;  /* or NULL; must outlive the engine, as the queue must */
    whl_log *log;
    wh_api *api;                              /* or NULL until it is used */
    whl_server *servers;                      /* that run; before the engine is closed they are stopped */
    struct whl_async *told_first, *told_last; /* published without waiting: to be told to Lua */
    int waiting;                              /* so published, and not told to Lua */
    int depth;                                /* json_depth: how deep a published table may nest */
    struct whl_sources *sources;              /* source.c; NULL: it has none */
    int busy;                                 /* calls under way that call back into Lua: it may not be closed */
} whl_engine;

/* Argument 1; raises if it is no engine, or closed. */
whl_engine *whl_engine_self(lua_State *L);
wh_engine *whl_engine_open(lua_State *L);

/* Fills options of the table at index (or nil), which must stay on the stack until
 * wh_open has copied them; self takes the clock, the queue and the log function. 0, or
 * what whl_fail returned. */
int whl_options(lua_State *L, int index, int self_index, wh_options *out, wh_limits *limits);

/* The `limits` of the options at index, which may be absent. */
void whl_limits(lua_State *L, int table, wh_limits *out);

/* Levels of objects whose nulls are left out: the record itself, or the page, its list, and
 * the records in it. */
#define WHL_BARE_RECORD 1
#define WHL_BARE_PAGE 3

/* Ends a method whose call put a document into the box. */
int whl_push_document(lua_State *L, int code, whl_box *box, int bare);

/* Pushes what is to be encoded for the subscription at index. */
void whl_push_subscription(lua_State *L, int index);

/* The query at index (or nil); its texts stay on the stack. 0, or what whl_fail returned. */
int whl_query(lua_State *L, int index, wh_query *out);

/* Methods of records.c, publish.c, explain.c, tokens.c, sources.c and api.c, for the metatable's __index. */
extern const luaL_Reg whl_record_methods[];
extern const luaL_Reg whl_publish_methods[];
extern const luaL_Reg whl_explain_methods[];
extern const luaL_Reg whl_token_methods[];
extern const luaL_Reg whl_source_document_methods[];
extern const luaL_Reg whl_api_methods[];

/* Closes the API of an engine, whose servers are stopped before. */
void whl_api_close(whl_engine *self);
void whl_servers_stop(whl_engine *self);

#endif
