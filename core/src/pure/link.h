/* The Link header (RFC 8288), as far as a client of pages needs it: the target of a relation. */
#ifndef WHI_LINK_H
#define WHI_LINK_H

#include "base/buf.h"

/* Appends the target of the first link with this relation (compared without regard to case; one of several in its
 * rel), as it stands between < and >. Of links with an anchor none is taken: they speak of something else. Returns 1
 * if there is one, 0 if there is none, and -1 at what is no link: what is behind it nobody knows. */
int whi_link_find(const char *value, const char *relation, whi_buf *out);

#endif
