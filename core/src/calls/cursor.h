/* Cursors: where the next page of a list begins. A list gives one as "next": the id of the last record
 * that the page has looked at, so it stays true while records come and go. */
#ifndef WHI_CURSOR_H
#define WHI_CURSOR_H

#include <stdint.h>

#include "webhook.h"

/* The number of the record that the query's cursor names, by the ids of its list ("msg_", "sub_");
 * without a cursor out stays as it is. WH_EINVALID. */
int whi_cursor_read(const wh_query *query, const char *prefix, int64_t *out);

/* The same of a list of deliveries. */
int whi_cursor_read_delivery(const wh_query *query, int64_t *event, int64_t *subscription);

#endif
