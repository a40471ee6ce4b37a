/* Databases that are delivered to: what of a subscription and of an event they are opened and written with. */
#ifndef WHI_DATABASE_H
#define WHI_DATABASE_H

#include "engine/context.h"
#include "engine/looking.h"
#include "outside/destinations.h"
#include "pure/subscription.h"

#define WHI_OBJECT_TYPE_SIZE 129 /* of an event's type, and a zero byte */

/* "crm_contact.updated" is of the type "crm_contact", and "crm_contact.deleted" too; what is no letter, digit or '_' in
 * it is '_' there. deleted, which may be NULL, receives 1 for the latter. */
void whi_database_type(const char *event_type, char out[WHI_OBJECT_TYPE_SIZE], int *deleted);

/* Opens the database of a subscription; nothing is connected yet. WH_EINVALID, of the field "url": it is not built in,
 * the URL is wrong, its file is in none of the option's folders; WH_ENOMEM. */
int whi_database_open(wh_engine *engine, const whi_subscription *subscription, whi_destination **out);

/* Asks it, unless the subscription wants it not to be asked, into result. WH_EINVALID as above. See engine/look.h. */
int whi_database_look(wh_engine *engine, const whi_subscription *subscription, struct whi_looking *looking,
                      whi_object_result *result);

/* Fills the list of folders of wh_options.files: absolute, and there. WH_EINVALID names the item. */
int whi_database_folders(char ***out, const char *const *given, size_t count);
void whi_database_folders_free(char **folders, size_t count);

#endif
