/* Templates of a source's document: texts with {names} in them, which each request fills in.
 *
 *   {changed_since}          the time from which on changes are wanted, in the document's time format;
 *   {changed_since.iso}      ISO 8601; {changed_since.seconds}, {changed_since.milliseconds}: since 1970
 *   {page}                   what leads to the next page: a cursor, a number, an offset
 *   {limit}                  most items of a page
 *   {state}                  the token that the last complete reading ended with
 *   {connection} {tenant} {object_type} {fields} {filters.NAME}
 *   {variables.NAME}         of the connection (pure/source_connection.h); not in a host
 *
 * "{{" is a brace. What is filled in never leaves its place: in a query and a path it is percent-encoded, in a host
 * it is one label and nothing else, in a header it has no line end, in a body it is a JSON text or number. A template
 * whose value is not there (no page yet, no state) is missing as a whole, and its caller leaves out what it is for. */
#ifndef WHI_SOURCE_TEMPLATE_H
#define WHI_SOURCE_TEMPLATE_H

#include <stdint.h>

#include "pure/json.h"

enum whi_source_time { WHI_SOURCE_ISO, WHI_SOURCE_SECONDS, WHI_SOURCE_MILLISECONDS };

/* What is asked for, as of wh_source_query; NULL, "" and a changed_since of 0 are not there. */
typedef struct whi_source_values {
    const char *tenant, *connection, *object_type, *fields, *page, *state;
    int page_is_number; /* in a body it is a number then */
    int64_t changed_since, limit;
    enum whi_source_time time;
    const whi_json *filters;   /* NULL, or an object of texts */
    const whi_json *variables; /* NULL, or the document that has those of the connection as this node */
    uint32_t variables_at;
} whi_source_values;

/* Names that a template has, or-ed. */
enum whi_source_use {
    WHI_SOURCE_USES_CHANGED = 1,
    WHI_SOURCE_USES_PAGE = 2,
    WHI_SOURCE_USES_STATE = 4,
    WHI_SOURCE_USES_OTHER = 8,
    WHI_SOURCE_USES_CONNECTION = 16,
    WHI_SOURCE_USES_TENANT = 32,
};

/* Names that a document makes up: NULL at the end, or NULL for none. */
typedef struct whi_source_known {
    const char *const *filters, *const *variables;
    int any_variable; /* 1: no connection is there yet, whose variables would tell */
} whi_source_known;

enum whi_source_place { WHI_SOURCE_IN_QUERY, WHI_SOURCE_IN_PATH, WHI_SOURCE_IN_HOST, WHI_SOURCE_IN_HEADER };

/* Adds what it has to uses. known: names that may stand behind "filters." and "variables.". WH_EINVALID, of this field:
 * an unknown name, a brace without an end. */
int whi_source_template_check(const char *field, const char *text, const whi_source_known *known, unsigned *uses);

/* Appends it filled in. *missing 1: a value is not there, and what was appended is of no use. WH_EINVALID, of this
 * field: the value cannot stand there. */
int whi_source_fill(whi_buf *out, const char *field, const char *text, enum whi_source_place place,
                    const whi_source_values *values, int *missing);

/* The same of a URL: what stands in its host, its path and its query, each by its own rules. A value that is not there
 * is "" in the query, and an error before. */
int whi_source_fill_url(whi_buf *out, const char *text, const whi_source_values *values);

/* Appends a JSON value, with each text in it (names are left alone) filled in. A text that is one name and nothing else
 * becomes a number where its value is one, and null where it is missing; a name within a text that is missing is "". */
int whi_source_fill_json(whi_buf *out, const whi_json *json, uint32_t node, const whi_source_values *values);

/* Whether the host of a URL may be filled in: behind each name there stands a dot and more of the host, and it is none
 * of the variables, which may be changed by who does not know the secrets that go there. WH_EINVALID, of "url". */
int whi_source_host_check(const char *text);

/* Appends text with all but letters, digits, "-", "." and "_" percent-encoded. */
void whi_source_percent(whi_buf *out, const char *text, size_t size);

#endif
