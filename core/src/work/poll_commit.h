/* What a page comes to, and the commit that makes it so: events, what was seen, and the rows of who is read for,
 * all or nothing. */
#ifndef WHI_POLL_COMMIT_H
#define WHI_POLL_COMMIT_H

#include "base/buf.h"
#include "engine/writer.h"
#include "pure/poll_page.h"
#include "work/poll_state.h"

typedef struct whi_poll_event {
    whi_poll_target *target;
    int change, kind; /* enum whi_poll_change, enum whi_poll_kind */
    size_t at, size;  /* of its payload, in the text */
    size_t objects;
} whi_poll_event;

typedef struct whi_poll_note {
    whi_poll_target *target;
    size_t at, size;       /* of the id, in the ids */
    int64_t content, scan; /* scan -1: forgotten */
} whi_poll_note;

/* Collected and then written. */
typedef struct whi_poll_commit {
    whi_job job; /* first */
    wh_engine *engine;
    int64_t owner; /* under whose number */
    const char *object_type, *tenant, *source;
    size_t event_bytes; /* of one payload at most */
    whi_poll_target **targets;
    size_t target_count;
    whi_buf text, ids;
    whi_poll_event *events;
    size_t event_count, event_room;
    whi_poll_note *notes;
    size_t note_count, note_room;
    const int64_t *joined; /* subscriptions whose history ends with it */
    size_t joined_count;
    int64_t ask; /* a poll that is to run now; 0: none */
    int taken;   /* 1: a row in the middle of a reading is taken from who has died */
    int leaves;  /* 1: whoever comes first goes on, where a reading has stopped */
    int64_t now;
    int failed;                      /* collecting */
    const whi_subscription *example; /* who polls: whose source it is */
    const char *error;               /* NULL, or the sentence of the failure that it writes */
} whi_poll_commit;

void whi_poll_commit_begin(whi_poll_commit *commit, wh_engine *engine);
void whi_poll_commit_end(whi_poll_commit *commit);

/* An object of this text is told to the target: into its open event of this kind, or a new one. */
void whi_poll_commit_tell(whi_poll_commit *commit, whi_poll_target *target, int change, int kind, const char *object,
                          size_t size);

/* An event without objects. */
void whi_poll_commit_tell_none(whi_poll_commit *commit, whi_poll_target *target, int change, int kind);
void whi_poll_commit_note(whi_poll_commit *commit, whi_poll_target *target, const unsigned char *id, size_t size,
                          int64_t content, int64_t scan);

/* Writes, and empties it; the rows of targets have another turn and sequence then. WH_ECONFLICT: a row was written
 * by another meanwhile, or this process has no lease when it begins to write: nothing is written. Within the
 * transaction the turn alone guards: who loses the lease then writes all the same, if the turn is still its own. */
int whi_poll_commit_write(whi_poll_commit *commit);

#endif
