/* What Unified.to sends: the envelope with its signature in it, and how that is verified. */
#ifndef WHI_UNIFIED_SENT_H
#define WHI_UNIFIED_SENT_H

#include "systems/check.h"
#include "systems/envelope.h"

/* {"data":[…],"webhook":{…},"nonce","sig256","sig","type","external_xref"}: data is the payload
 * if that is an array, or the payload in one. sig256 and sig are over the bytes of data and the
 * nonce. type "NATIVE", or what the payload's source said. The webhook object without db_url. */
int whi_unified_body(const whi_envelope *envelope, whi_buf *out);

extern const whi_format whi_unified_format;

#endif
