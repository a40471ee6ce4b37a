/* A source described by data: how a REST or GraphQL list is asked for, and where in its answers things stand.
 * core/docs/sources.md says what each member means; here it is read, with an error that names the member and what was
 * expected of it. */
#ifndef WHI_SOURCE_DOCUMENT_H
#define WHI_SOURCE_DOCUMENT_H

#include "pure/projection.h"
#include "pure/source_template.h"

#define WHI_SOURCE_BYTES ((size_t)1 << 20) /* of a document */
#define WHI_SOURCE_DEPTH 64
#define WHI_SOURCE_PAIRS 50 /* headers, parameters, members of a map */
#define WHI_SOURCE_NAMES 50 /* filters, hosts, variables of a connection */

typedef struct whi_source_pair {
    const char *name, *value;
} whi_source_pair;

typedef struct whi_source_pairs {
    size_t count;
    whi_source_pair list[WHI_SOURCE_PAIRS];
} whi_source_pairs;

typedef struct whi_source_names {
    size_t count;
    const char *list[WHI_SOURCE_NAMES + 1]; /* NULL behind the last */
} whi_source_names;

enum whi_source_login {
    WHI_SOURCE_OPEN,
    WHI_SOURCE_BEARER, /* token */
    WHI_SOURCE_BASIC,  /* username, password */
    WHI_SOURCE_HEADER, /* name, value */
    WHI_SOURCE_PARAMETER,
    WHI_SOURCE_OAUTH2, /* token_url, client_id, client_secret */
    WHI_SOURCE_LOGINS
};

typedef struct whi_source_auth {
    int type; /* enum whi_source_login */
    const char *token, *username, *password, *name, *value;
    const char *token_url, *client_id, *client_secret, *scope, *audience;
    int in_body; /* OAuth2: the client's id and secret stand in the form, and not in Authorization */
} whi_source_auth;

enum whi_source_paging {
    WHI_SOURCE_ONE_PAGE,
    WHI_SOURCE_CURSOR, /* {page} is what stands at next, or at last in the last item */
    WHI_SOURCE_OFFSET, /* {page} is how many objects came before */
    WHI_SOURCE_NUMBER, /* {page} counts */
    WHI_SOURCE_LINK,   /* the Link header has the next URL */
    WHI_SOURCE_URL,    /* next has it */
    WHI_SOURCE_PAGINGS
};

typedef struct whi_source_pages {
    int by;                                             /* enum whi_source_paging */
    const char *next, *last, *more, *total, *last_page; /* NULL: none */
    int64_t first;                                      /* -1: it was not said */
} whi_source_pages;

typedef struct whi_source_most {
    int64_t pages, bytes, seconds, page_bytes, request_seconds;
} whi_source_most;

/* Whose account it is that a reading is of (pure/source_connection.h). */
typedef struct whi_source_connection {
    const char *id;
    const char *tenant; /* "": of subscriptions without one */
    int has_auth;
    whi_source_auth auth; /* in the place of the document's */
    uint32_t variables;   /* WHI_JSON_NONE, or an object of texts */
} whi_source_connection;

enum whi_source_etag { WHI_SOURCE_ETAG_ONE_PAGE, WHI_SOURCE_ETAG_FIRST, WHI_SOURCE_ETAG_NEVER };

typedef struct whi_source_document {
    char *text; /* its own copy */
    whi_json json;
    char **owned; /* texts that the rest points to */
    size_t owned_count, owned_room;

    const char *object_type, *name, *url, *method;
    whi_source_pairs query, headers, map;
    uint32_t body; /* WHI_JSON_NONE: none; of GraphQL its variables */
    const char *graphql;
    whi_source_auth auth;
    const char *items, *id, *updated_at, *created_at, *deleted, *state;
    uint32_t deleted_is; /* WHI_JSON_NONE, or what stands there when it was */
    int time;            /* enum whi_source_time */
    whi_source_pages paging;
    int64_t limit, full_every;
    whi_source_most most;
    whi_source_names hosts, filters, required;
    const char **tenants; /* NULL: it does not say; in order */
    size_t tenant_count;
    whi_source_connection *connections; /* NULL: it does not say; by their ids */
    size_t connection_count;
    whi_source_names variables; /* names that each connection has */
    int etag;                   /* enum whi_source_etag */
    int raw;
    unsigned can;  /* enum wh_source_ability */
    unsigned uses; /* of all templates: enum whi_source_use */
    const char *fields, *rule;
    whi_projection *projection; /* of fields; NULL: none */
} whi_source_document;

/* Reads a document; out is to be freed in any case. WH_EJSON, WH_EINVALID (with the member as the field), WH_ELIMIT,
 * WH_ENOMEM. */
int whi_source_document_read(whi_source_document *out, const char *text, size_t size);
void whi_source_document_free(whi_source_document *document);

#endif
