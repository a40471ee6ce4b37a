/* A rate as a value of a document, {"count": 100, "per": 60, "burst": 10} or null, of a subscription and of a tenant:
 * per is in seconds, and who names no burst has count. */
#ifndef WHI_RATE_DOCUMENT_H
#define WHI_RATE_DOCUMENT_H

#include "base/buf.h"
#include "pure/rate.h"
#include "systems/value.h"

/* null is none, count 0. WH_EINVALID, of the field "rate" or one below it. */
int whi_rate_read(const whi_values *from, uint32_t node, whi_rate *out);

/* The burst is told where it is not the count: so what was read is written. */
void whi_rate_write(const whi_rate *rate, whi_buf *out);

#endif
