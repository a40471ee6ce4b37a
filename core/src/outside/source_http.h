/* A source of webhook_source.h out of a document (pure/source_document.h): each page is one request to somebody's API,
 * and the logins that OAuth2 needs in between.
 *
 * What it keeps of a reading is in the texts that the engine hands back (pure/source_token.h), so any number of threads
 * and of readings share a source, and nothing is lost with a process. A client's token of OAuth2 is kept in memory,
 * renewed a little before its end and once after a 401; threads that want one wait for the one that asks. */
#ifndef WHI_SOURCE_HTTP_H
#define WHI_SOURCE_HTTP_H

#include "pure/address.h"
#include "webhook_backend.h"
#include "webhook_source.h"

typedef struct whi_source_options {
    const whi_policy *policy;    /* outlives the source; NULL: nothing special is allowed */
    const char *user_agent;      /* "" or NULL for none */
    const char *ca_file;         /* NULL: the system's */
    const wh_clock *clock;       /* outlives the source; NULL: the machine's */
    const wh_rule_engine *rules; /* outlives the source; NULL: documents with a rule are refused */
    const wh_limits *limits;     /* of rules: outlives the source; NULL without rules */
} whi_source_options;

/* Fills out with a source that blocks in list on the calling thread; out->free frees it. Once it was cut, it answers
 * WH_ECLOSED to all. Errors: those of whi_source_document_read; WH_ERULE_SYNTAX, WH_ERULE_ENGINE; WH_ENOMEM. */
int whi_source_http_make(wh_source *out, const char *document, size_t size, const whi_source_options *options);

/* The same checks without a source; object_type, of WH_ID_SIZE bytes, receives the document's. */
int whi_source_http_check(const char *document, size_t size, const whi_source_options *options, char *object_type);

#endif
