/* Notices: the engine's own events: "webhook.subscription.failing", "webhook.source.suspicious",
 * "webhook.delivery.exhausted" and their like. Each is written in the transaction that makes it true, without an owner:
 * whoever has time takes it. They take the way of every other event and go to subscriptions whose patterns begin with
 * "webhook."; about a delivery of such an event none is made.
 *
 * Where nobody takes it, none is written: a receiver that fails for thousands of deliveries would fill the log of
 * events, and whatever looks through it, with what nobody reads. */
#ifndef WHI_NOTICE_H
#define WHI_NOTICE_H

#include "engine/context.h"
#include "engine/registry.h"
#include "outside/store.h"

#define WHI_NOTICE_PREFIX "webhook."

typedef struct whi_notice {
    const whi_subscription *about;
    const char *type;
    const char *event;            /* NULL, or the id of the event whose delivery it is about */
    const char *reason;           /* a word */
    const whi_health_row *health; /* NULL, or how its receiver answers */
    const char *error;            /* NULL, or the sentence of the last failure */
    const wh_backend_poll *poll;  /* NULL, or: it is about the source that `about` polls, and this is its row */
} whi_notice;

/* In a transaction: *out 0: nobody of this tenant takes this type. Asked before a subscription is changed in it,
 * which is a change that nobody has read yet. */
int whi_notice_ask(wh_engine *engine, whi_store *store, const char *tenant, const char *type, int *out);

/* In a transaction: tells of a subscription. */
int whi_notice_add(wh_engine *engine, whi_store *store, const whi_notice *notice);

/* Both. */
int whi_notice_write(wh_engine *engine, whi_store *store, const whi_notice *notice);

/* 1: a type of the engine's own. */
int whi_notice_is(const char *type);

#endif
