/* The HTTP API in a test: one engine of the fixture, an API on it, tokens of an operator and of
 * two tenants, and requests in one line. */
#ifndef API_KIT_H
#define API_KIT_H

#include "engine_fixture.h"
#include "pure/json.h"
#include "webhook.h"

extern wh_engine *api_engine;
extern wh_api *api;
extern char api_operator[WH_SECRET_SIZE], api_a[WH_SECRET_SIZE], api_b[WH_SECRET_SIZE]; /* tenants "a" and "b" */

/* What the last request was answered; freed by the next. */
extern wh_api_response api_answer;
extern const char *api_text; /* its body, "" for none */

/* For cmocka: before and after each test. */
int api_setup(void **state);
int api_teardown(void **state);

/* "/v1/events?limit=2", a token or NULL, a body or NULL. Returns the status; the shape of an
 * error is checked on the way. */
int api_send(const char *method, const char *target, const char *token, const char *body);

/* The same, and the status must be this. */
void api_expect(int status, const char *method, const char *target, const char *token, const char *body);

/* A header of the last answer, or NULL. */
const char *api_header(const char *name);

/* The text of a member of the last answer, by a path of names and indexes: "items.0.id". A
 * string's content, anything else as it is written; NULL when it is not there. Good until the
 * next call but three. */
const char *api_member(const char *path);

/* Fails unless the member is this. */
void api_has(const char *path, const char *value);

/* Everything that the store has, as one text, to be freed. */
char *api_dump(void);

#endif
