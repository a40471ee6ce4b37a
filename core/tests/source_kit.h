/* APIs that are asked by sources: sources/apis.py, as a process of the test. */
#ifndef SOURCE_KIT_H
#define SOURCE_KIT_H

#include "outside/source_http.h"

/* Starts it, once; it ends with the test. Returns its port. */
int source_kit_port(void);

/* A policy that lets 127.0.0.1 be reached, and nothing else. */
const whi_policy *source_kit_policy(void);

/* Replaces each @ in the text by the API's "http://127.0.0.1:PORT". Valid until the next call. */
const char *source_kit_text(const char *text);

/* One page of what was read. */
typedef struct source_page {
    wh_source_call call;
    int answers, code, is_refused, is_unchanged;
    int64_t retry_after;
    char error[512];
    char *items, *next, *state; /* NULL: none */
} source_page;

/* Asks for a page; free_page before the next one. */
void source_kit_list(const wh_source *source, const wh_source_query *query, source_page *out);
void source_kit_free(source_page *page);

/* Reads all pages: ids with blanks between in ids, pages counted; the last page stays in out. */
int source_kit_read(const wh_source *source, wh_source_query query, char *ids, size_t room, source_page *out);

/* How many requests the API has seen whose path begins so. */
int source_kit_seen(const char *path);

#endif
