/* The handlers of the systems' routes: a table in each one's file, api_<name>.c. */
#include "faces/api.h"

#include <string.h>

#include "systems/list.h"
#include "systems/registry.h"

#define WHI_X(name, header) extern const whi_handler whi_handlers_##name[];
WHI_SYSTEMS(WHI_X)
#undef WHI_X

static const whi_handler *const handlers[] = {
#define WHI_X(name, header) whi_handlers_##name,
    WHI_SYSTEMS(WHI_X)
#undef WHI_X
};

whi_serve_fn whi_api_handler(const whi_system *system, const char *name) {
    const whi_handler *handler;
    size_t i = 0;

    while (whi_system_at(i) != system) {
        i++;
    }
    handler = handlers[i];
    while (handler->name != NULL && strcmp(handler->name, name) != 0) {
        handler++;
    }
    return handler->run;
}
