/* A receiver for development and tests: a small HTTP/1.1 listener on loopback, in the
 * thread that asks it. Not a web server: it serves `webhook listen`, examples, specs. */
#ifndef WHL_LISTEN_H
#define WHL_LISTEN_H

#include <lua.h>

/* listener(port) -> listener object, or nil, message, code. Port 0: a free one.
 *   :port()                     its port
 *   :next(seconds)              the next request as a table {method, path, headers, body,
 *                               connection}, header names in lower case, or nil in time
 *   :respond(connection, status, body, headers)   answers it; headers: list of "Name: value"
 *   :close() */
int whl_listener(lua_State *L);

/* Makes its metatable. */
void whl_listen_types(lua_State *L);

#endif
