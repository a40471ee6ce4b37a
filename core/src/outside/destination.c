/* No database is built in: nothing can be opened, so nothing is ever written. Tests: test_database. */
#include "outside/destination.h"

#include <stdio.h>

#include "base/error.h"
#include "webhook.h"

int whi_destination_open(whi_destination **out, const whi_destination_options *options) {
    (void)options;
    *out = NULL;
    return whi_fail_field(WH_EINVALID, "url", "this library was built without databases");
}

int whi_destination_write(whi_destination *destination, const whi_object *objects, size_t count,
                          whi_object_result *results) {
    (void)destination;
    (void)objects;
    for (size_t i = 0; i < count; i++) {
        results[i] = (whi_object_result){ .outcome = WHI_OBJECT_AGAIN };
    }
    return WH_OK;
}

void whi_destination_check(whi_destination *destination, const char *type, whi_object_result *result) {
    (void)destination;
    (void)type;
    *result = (whi_object_result){ .outcome = WHI_OBJECT_OWNER };
}

void whi_destination_cut(whi_destination *destination) {
    (void)destination;
}

void whi_destination_rest(whi_destination *destination) {
    (void)destination;
}

void whi_destination_close(whi_destination *destination) {
    (void)destination;
}

int whi_destination_has(const char *scheme) {
    return scheme[0] != '\0' ? 0 : -1;
}
