/* The systems by their names, and the formats that can be verified. */
#ifndef WHI_SYSTEMS_REGISTRY_H
#define WHI_SYSTEMS_REGISTRY_H

#include "systems/check.h"
#include "systems/system.h"

/* In the order of list.h; NULL at the end. */
const whi_system *whi_system_at(size_t index);

/* The one of documents that name none, and of the API's own routes. */
const whi_system *whi_system_default(void);

/* NULL at the end. */
extern const char *const whi_system_names[];

/* The systems' formats in the same order, then those that are only received; NULL at the end. */
const whi_format *whi_format_at(size_t index);

#endif
