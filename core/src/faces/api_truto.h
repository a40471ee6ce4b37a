/* What the files of Truto's routes share. */
#ifndef WHI_API_TRUTO_H
#define WHI_API_TRUTO_H

#include "faces/api.h"

int whi_serve_truto_log(whi_call *call);

/* For an operator: the tenant that an environment_id is of, its own name or the UUID that was made of it.
 * One that no webhook's tenant has is a name. Lives as long as the call. */
int whi_truto_tenant(whi_call *call, const char *environment, const char **out);

#endif
