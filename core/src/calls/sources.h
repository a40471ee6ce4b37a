/* What others than the program ask of sources and polls. */
#ifndef WHI_CALLS_SOURCES_H
#define WHI_CALLS_SOURCES_H

#include "base/buf.h"
#include "engine/registry.h"
#include "pure/poll.h"

/* 1: this process lists objects of the type. */
int whi_source_lists(wh_engine *engine, const char *object_type);

/* Whether a subscription may name its connection, if it is another than it was: before NULL: it is new. It may wait for
 * the store: without a lock. WH_EINVALID of "source". */
int whi_source_check_connection(wh_engine *engine, const whi_subscription *before, const whi_subscription *now);

/* The nth filter (from 0) that a source of this type cannot do without: 1, and its name in out, cut to what has room.
 */
int whi_source_requires(wh_engine *engine, const char *object_type, size_t nth, char *out, size_t size);

/* What is wished (enum wh_backend_poll_ask) of the poll of a subscription that has one. */
int whi_poll_wish(wh_engine *engine, const whi_registration *registration, int64_t bits);

typedef struct whi_poll_standing {
    int there; /* 0: it does not poll, or has not begun to */
    int healthy, refused, suspicious;
    int64_t started_at, checked_at, next_at, failures;
    int64_t held; /* objects that have vanished, and are not told until somebody says to believe it */
    whi_buf runs; /* a JSON list; without bytes: none */
} whi_poll_standing;

/* out begins zeroed but for runs, which the caller has made and frees. */
int whi_poll_standing_read(wh_engine *engine, const whi_subscription *subscription, whi_poll_standing *out);

#endif
