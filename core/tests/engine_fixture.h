/* An engine for tests: in memory or on a file, a clock that stands until it is moved,
 * and a transport that answers as the test says and remembers what was sent. */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "insides.h"
#include "webhook.h"

/* One request that the transport saw. */
typedef struct sent {
    char *url, *body;
    size_t body_size;
    char *lines[WHI_REQUEST_LINES];
    size_t line_count;
    int64_t at; /* virtual ms */
} sent;

/* What the test's receiver answers; set status or error before the step. */
typedef struct script {
    int status; /* 200 */
    int error;  /* WH_OK or a network code */
    const char *retry_after;
    const char *response;
    atomic_int hang; /* 1: requests stay open */
    /* NULL, or which stay open, until their time-out of virtual time. */
    int (*hangs)(const whi_request *request);
    /* NULL, or decides by request. */
    void (*answer)(whi_request *request, void *payload);
    void *payload;
} script;

extern script fixture_script;
extern sent *fixture_sent;
extern size_t fixture_sent_count;
extern _Atomic int64_t fixture_time;
extern wh_clock fixture_clock;
extern const whi_transport_vtable fixture_transport;

/* How much was sent, while threads send. */
size_t fixture_count(void);

/* Forgets what was sent, the script and sets the clock. */
void fixture_reset(void);

/* An engine on this store with the fixture's clock and transport. options may be NULL. With
 * WEBHOOK_TEST_STORE=file in the environment ":memory:" is a fresh file. */
wh_engine *fixture_open(const char *store, const wh_options *options);

/* Subscribes a document; asserts success. Its number. */
int64_t fixture_subscribe(wh_engine *engine, const char *document, char *id);

/* Publishes a type with a payload; asserts success. */
void fixture_publish(wh_engine *engine, const char *type, const char *payload, char *id);

/* Runs until idle; asserts success. */
void fixture_run(wh_engine *engine);
/* One turn, and what it wanted written is written and told. */
void fixture_turn(wh_engine *engine);

/* The value of a header of a request, or NULL. */
const char *fixture_header(const sent *request, const char *name);

/* A fresh file name that is removed, with its companions, at exit. */
const char *fixture_file(void);

/* Fails unless text holds part. */
void assert_has(const char *text, const char *part);

/* The text that a call hands over through DOCUMENT(wh_x(…, &fixture_handed, &fixture_size));
 * asserts success; freed by the caller with wh_free. */
#define DOCUMENT(call) fixture_text((call), &fixture_handed, &fixture_size)
extern char *fixture_handed;
extern size_t fixture_size;
char *fixture_text(int code, char **text, const size_t *size);

/* For cmocka: before and after each test. */
int fixture_setup(void **state);

#endif
