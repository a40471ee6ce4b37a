/* Reading a subscription's document. */
#ifndef WHI_SUBSCRIPTION_READ_H
#define WHI_SUBSCRIPTION_READ_H

#include "pure/json.h"
#include "pure/subscription.h"

/* Scans what is to be an object at most so deep; what is none is wrong in the field "document". */
int whi_document_scan(whi_json *json, const char *document, size_t size, int depth);

/* Applies a document: the fields that it names are set, null takes one back to its
 * default, server-written ones (id, version, disabled, created_at, updated_at) are
 * ignored. An unknown field is WH_EINVALID, as is every value that is not allowed:
 * the sentence begins with the field's name and says what was expected. On failure
 * the subscription may be half changed: apply to a copy. size: not WH_ZSTR.
 * stored: 1 reads server-written fields too, as the store keeps them. */
int whi_subscription_apply(whi_subscription *subscription, const char *document, size_t size, size_t rule_maximum,
                           int stored);

#endif
