/* A row of a poll in memory, with texts of its own, and whom its events are for. */
#ifndef WHI_POLL_STATE_H
#define WHI_POLL_STATE_H

#include "engine/context.h"
#include "engine/registry.h"
#include "pure/poll.h"

typedef struct whi_poll_target {
    wh_backend_poll row; /* its texts are those below */
    char *name, *page, *state, *runs;
    unsigned char salt[WH_POLL_SALT];
    int there; /* 0: the row is to be made */
    int first; /* 1: nothing is told, since nothing is known yet */
    int is_history;
    int joins;                   /* 1: reads along with its poll */
    int wants[WHI_POLL_CHANGES]; /* 1: somebody takes events of this type */
    int64_t chunk;               /* objects of one event */
    int64_t subscription;        /* of a history */
    enum whi_poll_state told;    /* how it is doing by the row as it is in the store: what is told of it so far */
} whi_poll_target;

/* Reads the row of this id; without one it is as a new one is. */
int whi_poll_target_read(wh_engine *engine, whi_poll_target *target, int64_t id);

/* By the row as it is here. */
enum whi_poll_state whi_poll_target_state(const whi_poll_target *target);

/* What these want of it. */
int whi_poll_target_want(whi_poll_target *target, whi_registration *const *list, size_t count);

/* A text of the row; NULL: none. */
int whi_poll_target_set(char **place, const char **member, const char *text);
void whi_poll_target_free(whi_poll_target *target);

#endif
