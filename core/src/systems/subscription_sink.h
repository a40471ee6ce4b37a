/* What a subscription's document says of where its deliveries go: `url`, `database`, and `credentials`, which stand in
 * the store's documents alone. */
#ifndef WHI_SUBSCRIPTION_SINK_H
#define WHI_SUBSCRIPTION_SINK_H

#include "pure/json.h"
#include "pure/subscription.h"

/* Takes a URL of any kind, the password of a database's apart from it. A masked one is taken if the rest is as it was:
 * with another host a password would go to whoever changed it. stored: the store's own, whose password stands in
 * credentials. WH_EINVALID, of the field "url". */
int whi_subscription_take_url(whi_subscription *subscription, const char *text, int stored);

/* Takes {"schema":"crm","prefix":"u_","create":"full","removes":false,"times":false,"check":true}, or null.
 * WH_EINVALID. */
int whi_subscription_take_database(whi_subscription *subscription, const whi_json *json, uint32_t node);

/* A schema or a prefix, or null for none. WH_EINVALID, of the field. */
int whi_subscription_take_name(const whi_json *json, uint32_t node, const char *field, char out[WHI_DATABASE_NAME]);

/* Takes {"url":"postgresql://…","database":{…}}, or null, and passes over what is written beside them. A masked URL is
 * taken if it is the one that was there, or that of the subscription itself. WH_EINVALID, of "also" or within. */
int whi_subscription_take_also(whi_subscription *subscription, const whi_json *json, uint32_t node);

/* Takes ["password"] out of the store's document. */
int whi_subscription_take_credentials(whi_subscription *subscription, const whi_json *json, uint32_t node);

/* Appends the object of `database`: what is as it is by default too, or, if brief, without that. */
void whi_subscription_put_database(const whi_database_settings *database, int brief, whi_buf *out);

#endif
