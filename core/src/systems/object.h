/* Objects: a subscription as a system's clients send it and read it, by the system's table of
 * fields. Reading is object_read.c, writing object_write.c. */
#ifndef WHI_OBJECT_H
#define WHI_OBJECT_H

#include "systems/system.h"

/* What a server knows beside the subscription. */
typedef struct whi_facts {
    int healthy;                  /* 1: the last delivery that ended arrived, or there was none */
    int64_t checked_at;           /* ms: when its source was read last; 0: never, or it has none */
    const char *runs;             /* NULL, or the texts of these readings as a JSON list */
    const whi_subscription *also; /* NULL, or where its deliveries go besides */
} whi_facts;

enum {
    WHI_OBJECT_PATCH = 1,  /* reading: a change of `present`, not a new one */
    WHI_OBJECT_SECRET = 2, /* writing: with the secret */
    WHI_OBJECT_SENT = 4,   /* writing: for an envelope, so without what may hold a password (db_url) */
};

/* Reads an object as a client of the system sends it, and appends the canonical document for
 * wh_subscribe, or with WHI_OBJECT_PATCH for wh_subscription_update, where present is the
 * subscription as it is. "profile" is set on creation. Read-only fields are ignored. Types are
 * checked, closed enums too (CallFire's resources and events, without regard to case); open ones
 * keep what they are given. Unknown fields are ignored, as the systems' clients expect it; a
 * canonical document is copied, and judged where it is applied. WH_EJSON, WH_EINVALID with the
 * field's wire name first and what was expected. */
int whi_object_read(const whi_system *system, const char *document, size_t size, int flags,
                    const whi_subscription *present, whi_buf *out);

#define WHI_FILTER_NAME 65 /* of a source's filter */

/* What a server knows while it reads an object. */
typedef struct whi_asker {
    int (*lists)(void *payload, const char *object_type); /* 1: objects of this type can be listed */
    void *payload;
    int history; /* 1: what is there is asked for first */
    /* The nth filter without which its source lists nothing, 1: there is one. */
    int (*requires)(void *payload, const char *object_type, size_t nth, char out[WHI_FILTER_NAME]);
    const whi_subscription *also; /* of a change: NULL, or where its deliveries go besides */
} whi_asker;

/* The same for who knows that. */
int whi_object_read_for(const whi_system *system, const char *document, size_t size, int flags,
                        const whi_subscription *present, const whi_asker *asker, whi_buf *out);

/* Appends the system's object for a subscription of whatever system. tenant is the workspace,
 * the environment. facts may be NULL: then only `disabled` tells of health. */
int whi_object_write(const whi_system *system, const whi_subscription *subscription, const whi_facts *facts, int flags,
                     whi_buf *out);

/* 1: its objects tell of health. */
int whi_object_has_health(const whi_system *system);

#endif
