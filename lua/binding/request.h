/* What the command itself asks of others, as a client of its user's: a server's API, or where `webhook listen` hands
 * requests on to. */
#ifndef WHL_REQUEST_H
#define WHL_REQUEST_H

#include "binding.h"

/* request{url, method, headers, body, timeout}: headers is a list of lines, timeout in seconds (30). Waits, and
 * returns {status, headers, body}, names of headers in lower case; or nil, a sentence and "connect" or "timeout".
 * Whom it names it reaches, wherever that is: no address is refused, no redirection followed, no proxy asked. */
int whl_request(lua_State *L);

#endif
