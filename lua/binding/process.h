/* What the command needs of the operating system. */
#ifndef WHL_PROCESS_H
#define WHL_PROCESS_H

#include <lua.h>

/* catch_signals(): from now on the first SIGINT and the first SIGTERM are only noted;
 * a second one ends the process, should it hang. */
int whl_catch_signals(lua_State *L);

/* wait_signal(seconds) -> true as soon as one was noted, false when the time is over. */
int whl_wait_signal(lua_State *L);

/* monotonic() -> seconds that only ever grow. */
int whl_monotonic(lua_State *L);

#endif
