/* Opening and closing; the options with their defaults. */
#ifndef WHI_OPEN_H
#define WHI_OPEN_H

#include "outside/transport.h"
#include "webhook.h"

/* wh_open with another transport: tests answer without a network. NULL: the one of the options. */
int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport);

#endif
