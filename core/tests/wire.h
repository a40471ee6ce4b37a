/* A transport on a poller of its own, for tests: the one that $WEBHOOK_TEST_TRANSPORT names, "libcurl" or "auto", which
 * is meant without it. */
#ifndef WIRE_H
#define WIRE_H

#include "outside/transport.h"

typedef struct wire {
    const whi_transport_vtable *vtable;
    whi_poller *poller;
    whi_transport *transport;
    whi_policy *policy;
    wh_limits limits;
    int64_t kept_ms; /* 0: the default */
    int done_count;
} wire;

/* A request and what came of it. */
typedef struct sending {
    whi_request request;
    wire *wire;
    int done;
    char response[8192]; /* a copy, terminated */
} sending;

/* Limits as they are by default; to be changed before wire_open. */
void wire_init(wire *w);

/* ca_file may be NULL. Loopback is allowed unless strict. Asserts success. */
void wire_open(wire *w, const char *ca_file, int strict);
void wire_close(wire *w);

/* A request of "{}" to the URL, lane 1, 10 s; to be changed before wire_send. */
void wire_fill(wire *w, sending *s, const char *url);
int wire_send(sending *s);

/* Both, asserting that it was started. */
void wire_post(wire *w, sending *s, const char *url);

/* One turn, waiting at most ms. */
void wire_turn(wire *w, int ms);

/* Turns until so many are done in all; fails the test after 20 s. */
void wire_run(wire *w, int count);

/* Both of the above for one request. */
void wire_exchange(wire *w, sending *s, const char *url);

#endif
