/* FNV-1a of 64 bits, by Fowler, Noll and Vo (http://www.isthe.com/chongo/tech/comp/fnv/): a hash of bytes for tables
 * and for what is compared later, stored too; not against somebody who chooses the bytes, unless it begins with a
 * seed. Its low bits depend on the low bits of the bytes alone: whi_table_spread mixes them. Inline, since it is in
 * the innermost loops. */
#ifndef WHI_HASH_H
#define WHI_HASH_H

#include <stddef.h>
#include <stdint.h>

#define WHI_HASH_BEGIN UINT64_C(14695981039346656037) /* the authors' offset basis */

static inline uint64_t whi_hash_byte(uint64_t hash, char byte) {
    return (hash ^ (unsigned char)byte) * UINT64_C(1099511628211); /* the authors' prime */
}

/* Goes on from what was hashed before, WHI_HASH_BEGIN or a seed. */
static inline uint64_t whi_hash(uint64_t hash, const void *bytes, size_t size) {
    const char *at = bytes;

    for (size_t i = 0; i < size; i++) {
        hash = whi_hash_byte(hash, at[i]);
    }
    return hash;
}

#endif
