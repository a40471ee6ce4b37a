/* The HTTP API of an engine, made at its first use, and the servers that answer by it. */
#ifndef WHL_API_H
#define WHL_API_H

#include "engine.h"

/* The engine's API; a code. */
int whl_api(whl_engine *self, wh_api **out);

/* serve.c, or serve_none.c where there is no libmicrohttpd. */
int whl_serve(lua_State *L);

#endif
