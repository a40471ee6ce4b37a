/* What the next reading of a source would send to a subscription: read now, compared with what its poll remembers, and
 * neither kept nor sent. It decides by the functions that polling decides by (pure/poll.h), on the calling thread. */
#ifndef WHI_SOURCE_PREVIEW_H
#define WHI_SOURCE_PREVIEW_H

#include <stdatomic.h>

#include "base/buf.h"
#include "engine/context.h"
#include "webhook_source.h"

/* Appends {"ok":true,"code":null,"error":null,"first":false,"suspicious":false,"held":0,"complete":true,"pages":1,
 * "objects":2,"skipped":0,"created":1,"updated":0,"deleted":0,"would_send":[{"type":"a.created","object":{…}},…],"more":false,
 * "duration_ms":12}. Asks for no further page once *stop is set. Errors: not_found, conflict (it does not poll, or
 * objects of another type), of the store. */
int whi_source_preview(wh_engine *engine, const wh_source *source, const char *object_type, const char *subscription,
                       const atomic_int *stop, whi_buf *out);

#endif
