/* A receiver for benchmarks: an HTTP/1.1 keep-alive server on many ports of 127.0.0.1,
 * in a process of its own, that answers every POST with 200 as cheaply as epoll allows
 * and counts what came. */
#ifndef SINK_H
#define SINK_H

#include <stdint.h>

typedef struct sink sink;

typedef struct sink_counts {
    uint64_t requests, connections;
    uint64_t distinct, repeated; /* values of the webhook-id header, if they are counted */
    uint64_t cpu_us;             /* of the sink's process, up to its last request */
} sink_counts;

typedef struct sink_options {
    int ports;    /* listening sockets, one endpoint each */
    int cpu;      /* to pin it to; -1: not */
    int delay;    /* ms before each answer */
    uint64_t ids; /* room for so many different webhook-id values; 0: they are not counted */
} sink_options;

/* Forks; call it before threads are made. Ends the program when it fails. The child
 * ends with its parent. */
sink *sink_new(const sink_options *options);
void sink_free(sink *s);

int sink_port(const sink *s, int i); /* of the i-th endpoint */

/* What it has counted so far: a request is counted before it is answered. */
void sink_read(const sink *s, sink_counts *out);

/* Pins the calling process to a CPU; -1 does nothing. */
void sink_pin(int cpu);

#endif
