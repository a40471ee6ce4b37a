/* The handler of Truto's routes that has a file of its own. */
#ifndef WHI_API_TRUTO_H
#define WHI_API_TRUTO_H

#include "faces/api.h"

int whi_serve_truto_log(whi_call *call);

#endif
