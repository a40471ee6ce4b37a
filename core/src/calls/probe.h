/* A probe: one event for one subscription alone, to see whether its receiver answers. */
#ifndef WHI_PROBE_H
#define WHI_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "webhook.h"

/* Sends a payload to this subscription alone, whatever it wants, and waits for the answer of
 * its first attempt, at most timeout ms, doing the work itself where nobody else does. 0 when
 * it was a success; else the attempt's code (WH_ETIMEOUT also when there was none in time), with
 * the answer's status (0: none) and a sentence. */
int whi_engine_test(wh_engine *engine, int64_t subscription, const char *type, const char *payload, size_t size,
                    int64_t timeout, int *status, char *error, size_t error_size);

#endif
