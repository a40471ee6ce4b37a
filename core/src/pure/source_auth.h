/* How a source logs in, as its document says it: of the document, or of one of its connections. */
#ifndef WHI_SOURCE_AUTH_H
#define WHI_SOURCE_AUTH_H

#include "pure/source_reader.h"

/* to: whi_source_auth *. */
int whi_source_read_auth(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);

/* Whether what its type needs is there. place: "auth". WH_EINVALID of the member. */
int whi_source_auth_check(const char *place, const whi_source_document *document, const whi_source_auth *auth);

/* A header that a document may set: its name (RFC 9110), and its value. WH_EINVALID of the field. */
int whi_source_header_check(const char *field, const whi_source_pair *pair);

#endif
