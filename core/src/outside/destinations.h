/* The functions of destination.h as one value, so that a test can put others in their place. */
#ifndef WHI_DESTINATIONS_H
#define WHI_DESTINATIONS_H

#include "outside/destination.h"

typedef struct whi_destinations {
    int (*open)(whi_destination **out, const whi_destination_options *options);
    int (*write)(whi_destination *destination, const whi_object *objects, size_t count, whi_object_result *results);
    void (*check)(whi_destination *destination, const char *type, whi_object_result *result);
    void (*cut)(whi_destination *destination);
    void (*rest)(whi_destination *destination);
    void (*close)(whi_destination *destination);
    int (*has)(const char *scheme);
} whi_destinations;

/* Those that are built in. */
extern const whi_destinations whi_destinations_built;

#endif
