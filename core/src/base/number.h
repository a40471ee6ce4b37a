/* Doubles as text, with a dot in every locale: the only door to strtod and to printf's %g. */
#ifndef WHI_NUMBER_H
#define WHI_NUMBER_H

#include <stddef.h>

/* The double that the text begins with. */
double whi_number_read(const char *text);

/* Writes so many significant digits; a room of 40 bytes is enough for any. */
void whi_number_write(char *out, size_t room, int digits, double number);

/* The same as "d.ddde+dd", whatever its size. */
void whi_number_write_power(char *out, size_t room, int digits, double number);

#endif
