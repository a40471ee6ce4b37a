/* A source that a test writes: a list of objects that it changes, in pages, with whatever fault it wishes. */
#ifndef POLL_KIT_H
#define POLL_KIT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_fixture.h"
#include "webhook_source.h"

#define POLL_OBJECTS 4000
#define POLL_MINUTE INT64_C(60000)

typedef struct poll_script {
    char *objects[POLL_OBJECTS]; /* each a JSON text */
    size_t count;
    size_t page;           /* objects in one; 0: all */
    atomic_int asked;      /* how many questions there were */
    atomic_int out;        /* questions that hang */
    atomic_int cut;        /* times that it was told to give up */
    int64_t changed_since; /* of the last question */
    char filters[200], fields[100], state[100], connection[100], last_page[100];
    /* NULL, or fills the page itself: 1; 0: as usual. */
    int (*answer)(const wh_source_query *query, wh_source_page *page);
    atomic_int hang; /* 1: does not answer until it is cut */
} poll_script;

extern poll_script poll_said;

/* The script is empty, and a source of it. */
void poll_reset(void);
wh_source poll_source(unsigned can);

/* An object of this id and text; one that is there is replaced. */
void poll_put(int id, const char *text);
void poll_text(const char *json); /* as it is */
void poll_take(int id);
void poll_many(int first, int last);

/* A document of a subscription to https://example.com/NAME that polls "crm_contact" of "con", every 60 minutes; more:
 * members with a comma in front, or "". Its number. */
int64_t poll_subscribe(wh_engine *engine, const char *name, const char *events, const char *more, char *id);

/* What was sent to the receiver of this name since it was last asked, as "type:body " each; the types without the
 * objects' own. */
const char *poll_sent(const char *name);

/* A minute more than an hour later, run. */
void poll_later(wh_engine *engine);

/* The newest text of the runs of a subscription's poll, without its times. */
const char *poll_run_text(wh_engine *engine, const char *id);
const char *poll_document(wh_engine *engine, const char *id); /* valid until the next */

#endif
