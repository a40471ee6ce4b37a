/* Hexadecimal digits: written small, read in either case. */
#ifndef WHI_HEX_H
#define WHI_HEX_H

#include <stddef.h>
#include <stdint.h>

/* What a text of so many bytes takes, with its zero byte. */
#define WHI_HEX_SIZE(bytes) (2 * (bytes) + 1)

/* Writes WHI_HEX_SIZE(size) letters, the zero byte among them. */
void whi_hex_write(const void *bytes, size_t size, char *out);

/* 0 to 15, or -1 for what is no digit. */
int whi_hex_digit(char letter);

/* Reads 2 * size letters. 1, or 0 if one of them is no digit. */
int whi_hex_read(const char *text, size_t size, uint8_t *out);

#endif
