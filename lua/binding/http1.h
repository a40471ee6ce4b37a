/* Requests of HTTP/1.1 as tables. */
#ifndef WHL_HTTP1_H
#define WHL_HTTP1_H

#include "binding.h"
#include "pure/http1.h"

/* Pushes {method, path, url, headers, body, keep}: names of headers in lower case, what came several times
 * joined by ", ". */
void whl_http1_push(lua_State *L, const whi_http1 *found);

/* read_request(bytes, maximum): a request and how many bytes it has; nil when more are needed, and true when the
 * client waits for "100 Continue"; false and a status when it is to be refused. */
int whl_read_request(lua_State *L);

#endif
