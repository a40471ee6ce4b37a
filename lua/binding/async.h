/* What is published without waiting, until its function was called.
 *
 * The library tells of each one inside wh_step, wh_run or wh_close. There it is only noted: the
 * Lua functions are called after that has returned, protected. */
#ifndef WHL_ASYNC_H
#define WHL_ASYNC_H

#include <lua.h>

#include "engine.h"

/* Publishes the event; what it became is told to the function at index. Pushes true, or what
 * whl_fail does; returns their number. */
int whl_publish_async(lua_State *L, whl_engine *self, const wh_event *event, int function);

/* Calls the functions of those that are told, for the engine at index 1; one may close it. Then
 * raises the first error that one of them raised; more than one become warnings. */
void whl_async_drain(lua_State *L);

#endif
