/* What the processes of the crash test agree on: where things are, which receivers there
 * are and which events they want. Everything else stays in its file:
 *
 *   crash.c     the program: options, roles
 *   people.c    the processes: starting, killing, pausing them
 *   act.c       what each of them does; write.c and sql.c publish
 *   campaign.c  kills and pauses by chance
 *   journal.c   what was acknowledged, as the publishers wrote it down
 *   receive.c   the receiver and its log
 *   settle.c    waits for the end
 *   check.c     compares both; order.c counts overtakings; closed.c looks into the store;
 *               rows.c into the database beside it; forge.c tries the judge
 *   soak.c      memory, descriptors and the file's size over hours; sample.c measures
 *   map.c       a table by text */
#ifndef CRASH_H
#define CRASH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "webhook.h"

#define SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3" /* of every subscription */

/* A page that all processes see; the driver writes `hot`. */
typedef struct control {
    atomic_int hot;       /* publish without a rest: a pause is about to begin */
    atomic_int silent;    /* publish nothing: the end is near */
    atomic_long accepted; /* publishes and SQL transactions that returned well, */
    atomic_long refused;  /* and that did not: the file was locked for too long */
} control;

typedef struct setup {
    char store[256], journal[280], log[280], messages[280], control[280];
    char folder[280], rows[300]; /* of the database that events go to besides, and its file */
    int port;                    /* of the receiver */
    int rate;                    /* events a second, of all together, while it is not hot */
    int number;                  /* of this process among all that were started */
    int64_t retain;              /* ms; 0: the default, nothing goes */
    control *shared;
} setup;

extern setup here;

/* Ends the program; from errno, or from the library's words if that is 0. */
_Noreturn void die(const char *what);

/* Fills the names and maps the page; the driver makes it first. */
void setup_names(const char *store);
void setup_share(int make);
void setup_remove(void);

int64_t now_us(void); /* monotonic: the same clock in all processes */
void rest_us(int64_t us);
uint64_t hash_of(const char *bytes, size_t size);

/* ------------------------------------------------------------- receivers and events */

enum type { TYPE_PAID, TYPE_FIFO, TYPE_KEYED, TYPE_CAPPED, TYPE_FAILS, TYPE_HANGS, TYPES };

extern const char *const type_names[TYPES];

enum route {
    ROUTE_ALL,      /* every event */
    ROUTE_KEPT,     /* its rule drops some */
    ROUTE_FILTERED, /* its filters drop them, and fields project */
    ROUTE_FIFO,     /* one after the other */
    ROUTE_KEY,      /* so for each key */
    ROUTE_LATEST,   /* and a newer one replaces those that wait */
    ROUTE_CAPPED,   /* two requests at once */
    ROUTE_FAILS,    /* answers every third request with 500 */
    ROUTE_HANGS,    /* leaves every fourth request without an answer */
    ROUTES
};

typedef struct route_info {
    const char *path;
    unsigned types;   /* bits of enum type that it takes */
    int drops;        /* it wants nothing that says "drop" */
    int same;         /* the body is the payload, byte for byte */
    const char *more; /* the rest of its document */
} route_info;

extern const route_info routes[ROUTES];

#define ONCE_PATH "/once/" /* the single_use ones: paths below */

int route_wants(enum route route, enum type type, int drop);

/* Subscribes the receivers of `routes`; a single_use one at this path. */
void subscribe_all(wh_engine *engine);
int subscribe_once(wh_engine *engine, const char *path, char *id); /* WH_ID_SIZE bytes */

/* Waits for a store that somebody has locked, for a minute. */
wh_engine *open_engine(void);

#endif
