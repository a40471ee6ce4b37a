/* A poll whose last subscription has gone, or a history that has joined: its row goes, with all that it remembers.
 *
 * That takes as many commits as there is to remember, and in between somebody may subscribe again. So the first one
 * says in the row that it is being dropped (WHI_POLL_DROPPED), and each goes by the turn that the one before has made.
 * Who subscribes again finds such a row, drops the rest, and begins with nothing: half of a memory would tell the other
 * half as created. The same where the process that dropped it has died. */
#ifndef WHI_POLL_FORGET_H
#define WHI_POLL_FORGET_H

#include "engine/context.h"

/* A row as somebody has seen it: a later row of the same id has another salt. */
typedef struct whi_poll_version {
    int64_t id, turn;
    unsigned char salt[WH_POLL_SALT];
} whi_poll_version;

/* WH_OK also where there is none. WH_ECONFLICT: somebody has written it since, or this process has no lease. Waits
 * for the disk; any thread but the writer's. */
int whi_poll_forget(wh_engine *engine, const whi_poll_version *version);

#endif
