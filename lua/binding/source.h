/* Sources in Lua: questions of the engine's threads wait here until the host steps, and are answered by its own
 * state. */
#ifndef WHL_SOURCE_H
#define WHL_SOURCE_H

#include "engine.h"

/* What waits is begun: each question is given to the function that hooks:source was given. How many there were. The
 * engine is at 1. */
int whl_source_drain(lua_State *L);

/* 1: something waits to be begun. */
int whl_source_waits(whl_engine *self);

/* How many questions have been begun and not answered. */
int whl_source_out(whl_engine *self);

/* No question comes any more. */
void whl_source_release(whl_engine *self);

void whl_source_types(lua_State *L);

extern const luaL_Reg whl_source_methods[];

#endif
