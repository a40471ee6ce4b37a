/* A workspace's secret, as Unified.to has it: one for all webhooks of a tenant. */
#ifndef WHI_WORKSPACE_H
#define WHI_WORKSPACE_H

#include "webhook.h"

/* The tenant's secret; one is made where there is none. */
int whi_workspace_secret(wh_engine *engine, const char *tenant, char out[WH_SECRET_SIZE]);

/* Keeps another one. */
int whi_workspace_keep(wh_engine *engine, const char *tenant, const char *secret);

#endif
