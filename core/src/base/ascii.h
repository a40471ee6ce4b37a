/* Letters and digits as ASCII has them. What the C library knows of letters is the program's locale: in
 * Turkish "ID" and "id" are two words, and a header would be missing, or a reserved name get through. All
 * names of the wire are ASCII, so nothing else is asked. Inline, since the HTTP server has no other
 * part of the library in it. */
#ifndef WHI_ASCII_H
#define WHI_ASCII_H

#include <stddef.h>

static inline char whi_ascii_lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A')) : letter;
}

static inline int whi_ascii_is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

static inline int whi_ascii_is_letter(char letter) {
    return whi_ascii_lower(letter) >= 'a' && whi_ascii_lower(letter) <= 'z';
}

/* Space, tab and the ends of lines. */
static inline int whi_ascii_is_space(char letter) {
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

/* The first size bytes of both are the same word in any case; a zero byte ends them. */
static inline int whi_ascii_same_part(const char *a, const char *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (whi_ascii_lower(a[i]) != whi_ascii_lower(b[i])) {
            return 0;
        }
        if (a[i] == '\0') {
            return 1;
        }
    }
    return 1;
}

/* Both are the same word in any case. */
static inline int whi_ascii_same(const char *a, const char *b) {
    return whi_ascii_same_part(a, b, (size_t)-1);
}

#endif
