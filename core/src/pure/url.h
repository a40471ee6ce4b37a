/* What a subscription's URL may look like, decided by libcurl's own parser so
 * that what is checked is what will be used. */
#ifndef WHI_URL_H
#define WHI_URL_H

#include <stdint.h>

#define WHI_URL_SIZE 2049

typedef struct whi_url {
    char text[WHI_URL_SIZE]; /* normalised, without a fragment */
    char host[256];          /* without brackets, lower case */
    uint16_t port;
    int https;
    int literal; /* 1: the host is an address, not a name */
} whi_url;

/* WH_EINVALID names what is wrong: not http or https, user info, no host, a
 * control character, a port of 0, longer than 2048 bytes. */
int whi_url_parse(whi_url *out, const char *text);

#endif
