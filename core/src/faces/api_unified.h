/* The handlers of Unified.to's routes that have a file of their own. */
#ifndef WHI_API_UNIFIED_H
#define WHI_API_UNIFIED_H

#include "faces/api.h"

int whi_serve_unified_calls(whi_call *call);
int whi_serve_unified_call(whi_call *call);
int whi_serve_unified_notifications(whi_call *call);

#endif
