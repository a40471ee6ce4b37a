/* Base64 of RFC 4648 section 4: the standard alphabet, always padded. */
#ifndef WHI_BASE64_H
#define WHI_BASE64_H

#include <stddef.h>

/* Letters that size bytes become, without a zero byte. */
#define WHI_BASE64_SIZE(size) (((size) + 2) / 3 * 4)

/* Writes WHI_BASE64_SIZE(size) letters and a zero byte; returns the letters. */
size_t whi_base64_encode(const void *bytes, size_t size, char *out);

/* Reads exactly size letters into at most room bytes. Strict, so that bytes have
 * one text only: no blanks, no missing padding, no stray bits in the last letter.
 * Its time tells nothing about the letters (only about their number and the
 * padding), since secrets pass through it. 0, or WH_EINVALID without a sentence
 * and nothing told about out. */
int whi_base64_decode(const char *text, size_t size, void *out, size_t room, size_t *out_size);

#endif
