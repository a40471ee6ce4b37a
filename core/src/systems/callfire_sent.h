/* What CallFire sends: the envelope, the line that signs it, and how that is verified. */
#ifndef WHI_CALLFIRE_SENT_H
#define WHI_CALLFIRE_SENT_H

#include "systems/check.h"
#include "systems/envelope.h"

/* {"timestamp","webhookId","webhookName","resourceType","events":[{…}]}, then the mask. */
int whi_callfire_body(const whi_envelope *envelope, whi_buf *out);

int whi_callfire_sign(const whi_envelope *envelope, const void *body, size_t size, whi_buf *out);

extern const whi_format whi_callfire_format;

#endif
