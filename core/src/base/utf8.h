/* UTF-8, checked as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
#ifndef WHI_UTF8_H
#define WHI_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence of 2 to 4 bytes that begins at s, of which `left` are there;
 * 0 if it is none. ASCII is the caller's. */
size_t whi_utf8_length(const unsigned char *s, size_t left);

/* 1 if all of it is UTF-8. */
int whi_utf8_check(const char *text, size_t size);

/* The code point of a sequence of 2 to 4 bytes that has been checked. */
uint32_t whi_utf8_read(const unsigned char *s);

/* Writes a code point, out has 4 bytes; returns how many were used. */
size_t whi_utf8_write(uint32_t point, char *out);

/* The start of a stranger's text for a sentence, in out of so many bytes: one line, no broken
 * letter at its end. Returns out. */
const char *whi_text_shown(const char *text, char *out, size_t room);

/* 1 if one letter more, less or other makes the one of the other. */
int whi_text_is_near(const char *a, const char *b);

#endif
