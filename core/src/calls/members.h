/* A caller's document, member by member. */
#ifndef WHI_MEMBERS_H
#define WHI_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "pure/json.h"

/* Given the node of a member's name, and what the caller of whi_members_read has given. Not 0 ends the reading. */
typedef int (*whi_member_fn)(const whi_json *json, uint32_t name, void *payload);

/* Reads an object with plain values (of size bytes, or WH_ZSTR). Errors have the field "document": invalid (NULL, or
 * no object), json, limit, memory; and what each answers. */
int whi_members_read(const char *document, size_t size, whi_member_fn each, void *payload);

#endif
