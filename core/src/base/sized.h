/* Structs of the interface that begin with their size.
 *
 * A program and the library that it runs with may have been built from headers of different
 * ages. Members are only ever appended, so of two such structs the smaller one is the beginning
 * of the larger: the library works on a struct of its own, into which it copies what was given;
 * what the other side does not know stays zero, which is the default of everything. What is given
 * beyond our own end must be zero too, or it would be silently left out.
 *
 * wh_struct_take, of webhook_backend.h, is in this file. */
#ifndef WHI_SIZED_H
#define WHI_SIZED_H

#include <stddef.h>

#include "webhook_backend.h"

/* Where a member of a struct ends. */
#define WHI_SIZED_END(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/* Takes what there is, whatever the rest says: for what the library hands to a part. Returns the
 * size that given claims; out has its own, full. */
size_t whi_sized_read(void *out, size_t full, const void *given);

/* wh_struct_take for a struct that hangs on another, in the member owner: the field is "owner.size". */
int whi_struct_take_part(void *out, size_t full, const void *given, const char *init, const char *owner);

/* A struct that is to be filled: all behind its size becomes zero. 0 if it has not even `least`
 * bytes, and is left alone. */
int whi_sized_clear(void *out, size_t least);

#endif
