/* The sources that this process has, by the object types that they list. What a subscription polls is a matter of the
 * store; whether anybody can read it is a matter of this list: a process without the source leaves the poll to others.
 *
 * A type may have two: one that the host has registered, and one that a document of the store describes
 * (engine/source_kept.h). The host's is the one that is found.
 *
 * A source is counted by reference: who reads has one, and so has each question that is out. Its payload is freed with
 * the last of them. Each source has a reference to the list, which an answer may so outlive its engine by. Any thread.
 */
#ifndef WHI_SOURCE_H
#define WHI_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "webhook_source.h"

typedef struct whi_source {
    struct whi_source *next;
    struct whi_sources *home;
    wh_source own;
    char *object_type;
    char **filters, **without, **required; /* copies of what own points to */
    int is_kept;                           /* of a document */
    int refs;                              /* what follows under the lock */
    int readers;                           /* threads that ask it */
    long long round;                       /* the last cut of all that met it */
} whi_source;

typedef struct whi_sources {
    pthread_mutex_t lock;
    whi_source *first;
    long long rounds; /* of cuts */
    atomic_int refs;  /* the engine, and each source */
    atomic_int count;
    atomic_llong news; /* counts what polling has to look at: a source came or went, somebody wishes a run */

    atomic_int swept;   /* 1: it was looked whether a process that ended has left rows of polls that nobody wants */
    atomic_int settled; /* 1: the first worker has found nothing due of what is polled, and nothing being read */

    pthread_mutex_t look_lock; /* around the documents that were taken, and those sources of theirs that come and go */
    struct whi_source_kept *kept;
    int64_t seen;     /* the count of changes that they are of; -1: nobody has looked */
    atomic_int again; /* 1: the last look has failed */
} whi_sources;

/* NULL: no memory. */
whi_sources *whi_sources_new(void);
/* Drops all of them; the list itself goes with the last reference to one. */
void whi_sources_end(whi_sources *sources);

/* WH_EINVALID, WH_ECONFLICT, WH_ENOMEM. */
int whi_source_put(whi_sources *sources, const char *object_type, const wh_source *given);

/* No new reading of it begins; what is out is cut. WH_ENOTFOUND. */
int whi_source_drop(whi_sources *sources, const char *object_type);

/* The same of one that a document describes. */
int whi_source_put_kept(whi_sources *sources, const char *object_type, const wh_source *given);
int whi_source_drop_kept(whi_sources *sources, const char *object_type);

/* With a reference; NULL: there is none. */
whi_source *whi_source_get(whi_sources *sources, const char *object_type);
void whi_source_ref(whi_source *source);
void whi_source_unref(whi_source *source);

/* 1: there is one; the host has registered one. */
int whi_source_is(whi_sources *sources, const char *object_type);
int whi_source_is_hosts(whi_sources *sources, const char *object_type);

/* 1: subscriptions of this tenant may name this connection, or there is no such source here. */
int whi_source_allows(whi_sources *sources, const char *object_type, const char *tenant, const char *connection);
int whi_source_is_allowed(const whi_source *source, const char *tenant, const char *connection);

/* One more thread asks it, if so many do not yet: 1. */
int whi_source_enter(whi_source *source, int most);
void whi_source_leave(whi_source *source);

/* What is out of any of them is given up. */
void whi_sources_cut(whi_sources *sources);

#endif
