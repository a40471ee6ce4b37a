/* Notices: the engine's own events: "webhook.subscription.disabled", "webhook.delivery.exhausted"
 * and their like. Each is written in the transaction that makes it true, without an owner: whoever
 * has time takes it. They take the way of every other event and go to subscriptions whose
 * patterns begin with "webhook."; about a delivery of such an event none is made. */
#ifndef WHI_NOTICE_H
#define WHI_NOTICE_H

#include "engine/context.h"
#include "engine/registry.h"
#include "outside/store.h"

/* In a transaction: tells of a subscription, and of a delivery of this event if there is one. */
int whi_notice(wh_engine *engine, whi_store *store, const whi_registration *registration, const char *type,
               const char *event_id, const char *reason);

#endif
