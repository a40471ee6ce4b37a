/* What the command needs of the operating system. */
#ifndef WHL_PROCESS_H
#define WHL_PROCESS_H

#include <lua.h>

/* catch_signals(at_once): from now on the first SIGINT or SIGTERM is only noted, and a second one
 * of either ends the process, should it hang. at_once: the first one does so. The exit code is
 * then 128 and the signal's number, as a shell has it. */
int whl_catch_signals(lua_State *L);

/* wait_signal(seconds) -> true as soon as one was noted, false when the time is over. */
int whl_wait_signal(lua_State *L);

/* monotonic() -> seconds that only ever grow. */
int whl_monotonic(lua_State *L);

#endif
