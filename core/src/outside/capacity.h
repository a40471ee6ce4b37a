/* How many connections this machine has room for: the defaults of limits.connections and limits.in_flight.
 *
 * Keep-alive is what makes a delivery cheap, so there should be a connection for each receiver where that can be, and
 * requests under way enough for many that hang at once. What bounds both is files and memory:
 *
 *   files    three quarters of what the process may have open (the soft limit of RLIMIT_NOFILE): the rest is for
 *            the program, the store, and those who call the HTTP API
 *   memory   an eighth of the machine's, at 64 KiB: about what libcurl, OpenSSL and the kernel's buffers take for one
 *            with TLS
 *
 * and 16,384, beyond which libcurl's many handles are more than was measured. Half of them may be under way, and 1,024
 * where there are as many. */
#ifndef WHI_CAPACITY_H
#define WHI_CAPACITY_H

#include <stdint.h>

/* Of a process that may open so many files on a machine with so much memory (bytes); INT64_MAX: no bound. */
int64_t whi_capacity_connections(int64_t files, int64_t memory);

/* Of this process. Reads the limits as they are now. */
int64_t whi_capacity_here(void);

/* How many of these connections may be under way at once. */
int64_t whi_capacity_in_flight(int64_t connections);

/* Cores that this process may use, at least 1. */
int whi_capacity_cores(void);

#endif
