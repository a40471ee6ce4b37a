/* What an HTTP message signature is over (RFC 9421 section 2.5): a line for each component
 * that it covers, and one for its parameters. */
#ifndef WHI_SIGNATURE_BASE_H
#define WHI_SIGNATURE_BASE_H

#include "base/buf.h"
#include "pure/structured.h"
#include "systems/check.h"

#define WHI_SIGNATURE_BASE_MAXIMUM 131072

/* Appends it, for the inner list and parameters of a label in Signature-Input. Components are
 * headers, and of the request (options.method, options.url) @method, @target-uri, @authority,
 * @scheme, @request-target, @path and @query; none may have parameters. A url of a path alone
 * ("/hooks?x=1") serves those that need no more; @authority is then the Host header's.
 * WH_ESIG_HEADER for a header that is not there, WH_ESIG_FORMAT for what is not as above. */
int whi_signature_base(const whi_check *check, const whi_sf_member *input, whi_buf *out);

#endif
