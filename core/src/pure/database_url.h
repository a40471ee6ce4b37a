/* The URL of a database that is not ours to trust: read by us, since what the clients' own readers take (files,
 * sockets, several hosts, options that run or open something) is more than a stranger may say.
 *
 *     postgresql://user:password@host:port/database?sslmode=verify-full     also postgres://
 *     mysql://user:password@host:port/database                             also mariadb://
 *     sqlite:/path                                                          also sqlite:///path
 *
 * User, password and database are percent-decoded. Of options there are sslmode (disable, require, verify-ca,
 * verify-full) and application_name; all others are refused. */
#ifndef WHI_DATABASE_URL_H
#define WHI_DATABASE_URL_H

#include <stdint.h>

enum whi_database_scheme { WHI_DATABASE_SQLITE, WHI_DATABASE_POSTGRES, WHI_DATABASE_MARIADB, WHI_DATABASE_SCHEMES };

enum whi_database_tls {
    WHI_TLS_USUAL = 0,   /* nothing said: as VERIFY_FULL, but not asked for on a loopback address */
    WHI_TLS_NONE,        /* disable */
    WHI_TLS_ANY,         /* require: encrypted, with whomever */
    WHI_TLS_VERIFY_CA,   /* the certificate is good */
    WHI_TLS_VERIFY_FULL, /* and it is the host's */
};

#define WHI_DATABASE_URL_MAXIMUM 4096 /* bytes */

/* Holds a password: whi_wipe it. */
typedef struct whi_database_url {
    int scheme; /* enum whi_database_scheme */
    int tls;    /* enum whi_database_tls */
    int has_password;
    uint16_t port;
    char host[256]; /* lower case, without brackets; "" for sqlite */
    char user[256], database[256];
    char password[1024];
    char application[64];
    char path[1024]; /* of sqlite, absolute */
} whi_database_url;

/* The scheme that a URL, or a word without the colon, begins with; -1 for one that is unknown. */
int whi_database_scheme_of(const char *text);

/* "sqlite", "postgresql", "mysql" */
const char *whi_database_scheme_name(int scheme);

/* WH_EINVALID says what is wrong, and shows nothing of the URL: any part of one that is written wrongly may be its
 * password. */
int whi_database_url_parse(whi_database_url *out, const char *text);

#endif
