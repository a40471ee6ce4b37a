/* Truto's environments, for its routes. */
#ifndef WHI_TRUTO_H
#define WHI_TRUTO_H

#include "webhook.h"

#define WHI_UUID_SIZE 37 /* a UUID's text and its zero byte */

/* 1 if the text is written as a UUID is. */
int whi_truto_is_uuid(const char *text);

/* A tenant as an environment: its name if that is a UUID, which typed clients want, else one that is made
 * of the name alone. WH_ENOMEM and the like: OpenSSL could not. */
int whi_truto_environment(const char *tenant, char out[WHI_UUID_SIZE]);

#endif
