/* Doubles as text, with a dot in every locale: the only door to strtod and to printf's %g. */
#ifndef WHI_NUMBER_H
#define WHI_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* The double that the text begins with. */
double whi_number_read(const char *text);

/* 1 and the double nearest to digits times ten to the power, the one that whi_number_read gives, where that is
 * one step of arithmetic; 0 where it is not. A zero has no sign. */
int whi_number_make(int64_t digits, int64_t power, double *out);

/* Writes the fewest digits, at least so many as that of small ones, that are read as this finite number, as
 * printf's %g writes them ("1.5", "1e+300"). A room of 40 bytes is enough for any. */
void whi_number_write_shortest(char *out, size_t room, double number);

/* Writes so many significant digits; a room of 40 bytes is enough for any. */
void whi_number_write(char *out, size_t room, int digits, double number);

/* The same as "d.ddde+dd", whatever its size. */
void whi_number_write_power(char *out, size_t room, int digits, double number);

#endif
