/* A clock that stands until it is set: webhook.clock(ms). Workers read it from their
 * threads, so it outlives the Lua object while an engine holds it. */
#ifndef WHL_CLOCK_H
#define WHL_CLOCK_H

#include "binding.h"

typedef struct whl_clock whl_clock;

/* The clock of the object at index, held once more; raises if it is none. */
whl_clock *whl_clock_hold(lua_State *L, int index);
void whl_clock_release(whl_clock *clock); /* NULL does nothing */
const wh_clock *whl_clock_face(const whl_clock *clock);

#endif
