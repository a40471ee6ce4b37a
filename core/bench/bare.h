/* The yardsticks of sending: the same POSTs by raw sockets on epoll, and by libcurl driven
 * as it is fastest (socket interface, lazy registration, a multi handle for 64 endpoints),
 * without store, signature, policy, limits or time-outs. */
#ifndef BARE_H
#define BARE_H

#include "sink.h"

#define BARE_IN_FLIGHT 64
#define BARE_BODY 1024
#define BARE_ENDPOINTS 10000
#define BARE_LINES 4

extern const char *const bare_lines[BARE_LINES];

typedef struct bare_state {
    const char *body;
    sink *receiver;
    int endpoints;
    char urls[BARE_ENDPOINTS][64];
    long left, under_way, bad; /* requests to be started, started, not answered with 200 */
} bare_state;

extern bare_state bare;

/* Says where to send. */
void bare_endpoints(sink *receiver, int count);

/* Ends the program unless good. */
void bare_need(int good, const char *what);

void bare_raw_open(void);
void bare_raw_run(long count);
void bare_raw_close(void);

void bare_curl_open(void);
void bare_curl_run(long count);
void bare_curl_close(void);

#endif
