/* What is secret in a source's document is never given back: it is shown as a mask, and a mask that is written back
 * leaves what was there. So a document can be read, changed and written by who does not know its secrets; but not by
 * who would have them sent elsewhere: with another host a mask is refused. */
#ifndef WHI_SOURCE_MASK_H
#define WHI_SOURCE_MASK_H

#include "base/buf.h"

#define WHI_SOURCE_MASK "********"

/* Appends the document with masks for: token, password, value and client_secret of auth; the values of headers but for
 * Accept…, Content-Type and User-Agent; values of the query whose name has key, token, secret, password, auth or sig
 * in it, and which are no template. WH_EJSON, WH_ENOMEM. */
int whi_source_mask(const char *text, size_t size, whi_buf *out);

/* Appends the document with what the former one has in the place of masks. former NULL: there is none. WH_EINVALID of
 * the member: nothing was there, or url, hosts or auth.token_url lead to another host than before; WH_EJSON. */
int whi_source_unmask(const char *text, size_t size, const char *former, size_t former_size, whi_buf *out);

#endif
