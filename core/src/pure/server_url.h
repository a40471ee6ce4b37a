/* "//user:password@host:port/path?query": the part of a URL behind its scheme, of a server that is not ours to trust.
 * Read by us, since what clients' own readers take (files, sockets, several hosts) is more than a stranger may say. */
#ifndef WHI_SERVER_URL_H
#define WHI_SERVER_URL_H

#include <stddef.h>
#include <stdint.h>

#define WHI_SERVER_URL_MAXIMUM 4096 /* bytes */

/* Holds a password: whi_wipe it. path and query point into what was read, and are percent-encoded. */
typedef struct whi_server_url {
    int has_password;
    uint16_t port;  /* 0: not said */
    char host[256]; /* lower case, without brackets */
    char user[256];
    char password[1024];
    const char *path; /* behind the first '/' */
    size_t path_size;
    const char *query; /* behind the '?' */
} whi_server_url;

/* WH_EINVALID, of the field "url", says what is wrong, and shows nothing of the URL: any part of one that is written
 * wrongly may be its password. */
int whi_server_url_read(whi_server_url *out, const char *rest);

/* A part, percent-decoded: UTF-8 without control characters. what: its name for the sentence of WH_EINVALID. */
int whi_server_url_part(char *out, size_t room, const char *text, size_t size, const char *what);

/* Calls take for each "name=value" of a query, both decoded, until one fails. */
#define WHI_OPTION_SIZE 256
int whi_server_url_options(const char *query, int (*take)(void *payload, const char *name, const char *value),
                           void *payload);

#endif
