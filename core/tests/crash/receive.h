/* The crash test's receiver: answers POSTs on a free port of 127.0.0.1, checks each
 * request's signature, and writes a line for it into the log, before it answers. It lives
 * in the driver, which is never killed. Each path fails in its own way, see receive.c. */
#ifndef RECEIVE_H
#define RECEIVE_H

#include <stdint.h>

#include "crash.h"

typedef struct arrival {
    int64_t at; /* us */
    char path[48], id[WH_ID_SIZE];
    int status; /* that it was answered with; 0: not answered */
    int verified;
    int drop;      /* its payload says so */
    uint64_t hash; /* of the body */
} arrival;

/* Starts it in threads of this process; returns the port. log NULL: nothing is written. */
int receive_start(const char *log);

long receive_quiet_ms(void);   /* since the last request */
long receive_requests(void);   /* so far */
int receive_most_capped(void); /* requests to ROUTE_CAPPED at once, at most */

/* Writes a line into the log; it does so for each request. -1 when it cannot. */
int receive_note(const arrival *one);

/* Calls for each line of the log, in the order of arrival. */
void receive_read(const char *log, void (*each)(const arrival *one, void *payload), void *payload);

#endif
