/* The subscriptions in memory: what the store has, made ready to be matched.
 *
 * Why it is a copy in memory: each event asks which of up to 100,000 subscriptions want it, and that
 * must cost a few look-ups and no statement. What other processes change is read from the store's feed
 * of changes, at the latest when an event is accepted that was committed after the change (expect);
 * what this one changes, before anybody gets an event that was committed after it (doubt).
 *
 * An event is decided by the versions that were in force at its number, whenever that is, and whoever
 * does it: deciding twice says the same. So a version that has ended stays while events that it decides
 * may wait. The smallest number that is not decided is the bound: it is asked for after the changes were
 * read, and an event that came before one of them is committed by then. Versions that this process has
 * not seen are read from the store: at the start, and where others made several changes at once. What
 * follows from the present state alone is that of the present version, also for such an event: whether
 * the subscription is there, paused, disabled or over, and where its deliveries go.
 *
 * A document that is encrypted by a key that this process lacks does not stop the feed. The subscription is left out
 * until it can be read: it takes no events here and nothing is sent to it, as with one that is disabled ("key"), and
 * what waits for it stays. It is tried again with each reading.
 */
#ifndef WHI_REGISTRY_H
#define WHI_REGISTRY_H

#include <stdatomic.h>
#include <stdint.h>

#include "engine/listing.h"
#include "engine/registration.h"
#include "outside/store.h"

typedef struct whi_registry whi_registry;

/* reader: what reads the changes, without waiting; may be the store itself. Both outlive it. */
int whi_registry_new(whi_registry **out, whi_store *store, whi_store *reader);
void whi_registry_free(whi_registry *registry);

/* Reads what has changed in the store since the last time. Any thread. */
int whi_registry_sync(whi_registry *registry);

/* Inside the transaction that takes an event: what other processes committed before it is read
 * before the next search. */
int whi_registry_expect(whi_registry *registry);

/* Something was committed by this process, or may have been: it is read before the next search. Any
 * thread. */
void whi_registry_doubt(whi_registry *registry);

/* The change up to which it was read: it has not changed while this has not. Any thread. */
int64_t whi_registry_place(const whi_registry *registry);

/* 1: something was committed that is not read yet. */
int whi_registry_is_behind(const whi_registry *registry);

/* An event that is to be decided: its id, which says of an event of a poll whose it is, its tenant, type and source
 * ("" for none); of all subscriptions, or of this one only. */
typedef struct whi_sought {
    int64_t number, accepted_at;
    const char *id, *tenant, *type, *source;
    int64_t only; /* 0: all */
} whi_sought;

/* References to the registrations that were in force at the event's number and want it, of
 * subscriptions that are enabled now. found receives an array (for whi_free; each to be
 * unreferenced), count its size. */
int whi_registry_find(whi_registry *registry, const whi_sought *sought, whi_registration ***found, size_t *count);

/* 0: nobody takes such an event of the engine's own now. Also 1 where that cannot be told: something was committed
 * that is not read yet. Inside a transaction, whose last change of subscriptions is `last`; does not wait. */
int whi_registry_takes(whi_registry *registry, const char *tenant, const char *type, int64_t last);

/* 1 if a subscription has an order, or what is not read yet may bring one: events must be fanned out one after
 * the other. */
int whi_registry_may_have_order(const whi_registry *registry);

/* 1 if a subscription's deliveries wait until somebody fetches them. */
int whi_registry_may_be_fetched(const whi_registry *registry);

/* Calls each with those that poll, which stay if it takes a reference. Its non-zero answer ends that and is returned.
 */
int whi_registry_polls(whi_registry *registry, int (*each)(whi_registration *registration, void *payload),
                       void *payload);

/* The same with all that there are, as they are known. */
int whi_registry_walk(whi_registry *registry, int (*each)(whi_registration *registration, void *payload),
                      void *payload);

/* Counts changes of those that poll; what is not read yet is read before. */
int64_t whi_registry_poll_changes(whi_registry *registry);

/* 1 while there are versions that have ended; reading the changes lets go of those that decide nothing
 * any more. */
int whi_registry_has_former(const whi_registry *registry);

/* The present version, with a reference, or NULL. */
whi_registration *whi_registry_get(whi_registry *registry, int64_t id);

size_t whi_registry_count(whi_registry *registry);

/* How many are left out; why (WHI_ERROR_SIZE bytes, or NULL) receives what was wrong with one of them. */
int whi_registry_left_out(whi_registry *registry, char *why);

/* A page of a tenant's (NULL: of all) registrations by id, each with a reference: at most
 * page->limit into out. total, which may be NULL, receives how many there are in all. */
int whi_registry_page(whi_registry *registry, const char *tenant, const whi_page *page, whi_registration **out,
                      size_t *count, size_t *total);

#endif
