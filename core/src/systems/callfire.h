/* CallFire's resources, for the routes that list them. */
#ifndef WHI_CALLFIRE_H
#define WHI_CALLFIRE_H

#include <stddef.h>

typedef struct whi_callfire_resource {
    const char *name;
    const char *const *events; /* ends with NULL */
} whi_callfire_resource;

/* Item of a static table, NULL at the end. */
const whi_callfire_resource *whi_callfire_resource_at(size_t index);

#endif
