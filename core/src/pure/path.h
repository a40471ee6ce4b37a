/* Paths into a payload, as they are often written elsewhere: items[0].sku, items[*].sku, $.id, *.
 *
 * Here a path is names with dots between, and goes into each item of an array by itself. As a name,
 * each of these could stand in a payload, and hardly ever does: so a path with one of them found
 * nothing, and said nothing. Who gives a path is told. */
#ifndef WHI_PATH_H
#define WHI_PATH_H

#include <stddef.h>

/* 1 if the name is "*" or "$", begins with '[' or '"', or ends with [], [*] or [digits]. */
int whi_name_is_misread(const char *name, size_t size);

/* 1 if one of the names between the dots is so, or if a dot stands in front of the first (.id). */
int whi_path_is_misread(const char *path, size_t size);

/* Behind what was found. */
#define WHI_PATH_ADVICE "a path is names with dots between, and goes into each item of an array by itself: items.sku"

#endif
