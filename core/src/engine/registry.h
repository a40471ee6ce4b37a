/* The subscriptions in memory: what the store has, made ready to be matched.
 *
 * Why it is a copy in memory: each event asks which of up to 100,000 subscriptions want it, and that
 * must cost a few look-ups and no statement. What other processes change is read from the store's feed
 * of changes, at the latest when an event is accepted that was committed after the change (expect),
 * so an event is never decided by subscriptions older than itself.
 *
 * A registration is one version of a subscription. It never changes and is counted
 * by reference: whoever fans out, sends or records with it keeps it alive while the
 * registry has moved on to the next version. */
#ifndef WHI_REGISTRY_H
#define WHI_REGISTRY_H

#include <stdatomic.h>
#include <stdint.h>

#include "engine/listing.h"
#include "outside/store.h"
#include "pure/filter.h"
#include "pure/projection.h"
#include "pure/subscription.h"
#include "systems/system.h"

typedef struct whi_registration {
    atomic_int refs;
    whi_subscription *subscription;
    whi_filter *filter;     /* NULL: everything passes */
    whi_projection *fields; /* NULL: everything is kept */
    uint64_t rule_hash;
    int round;                /* the registry's own */
    atomic_int rule_failures; /* in a row */
    atomic_int failing;       /* 1: the last attempt that this process made failed */
    atomic_int retiring;      /* 1: it is being switched off */
    char id[WH_ID_SIZE];
} whi_registration;

void whi_registration_unref(whi_registration *registration);

typedef struct whi_registry whi_registry;

/* reader: what reads the changes, without waiting; may be the store itself. Both outlive it. */
int whi_registry_new(whi_registry **out, whi_store *store, whi_store *reader);
void whi_registry_free(whi_registry *registry);

/* Reads what has changed in the store since the last time. Any thread. */
int whi_registry_sync(whi_registry *registry);

/* Inside the transaction that takes an event: what other processes committed before it is read
 * before the next search. */
int whi_registry_expect(whi_registry *registry);

/* Something may have been committed, by this process, that it was not told of: it is read before the
 * next search. Any thread. */
void whi_registry_doubt(whi_registry *registry);

/* 1: something was committed that is not read yet. */
int whi_registry_is_behind(const whi_registry *registry);

/* References to the registrations that are enabled and want an event of this tenant, type and
 * source ("" for none), accepted then. found receives an array (for whi_free; each to be
 * unreferenced), count its size. */
int whi_registry_find(whi_registry *registry, const char *tenant, const char *type, const char *source,
                      int64_t accepted_at, whi_registration ***found, size_t *count);

/* 1 if a subscription has an order, so that a tenant's events must be fanned out one after the other. */
int whi_registry_has_order(const whi_registry *registry);

/* The present version, with a reference, or NULL. */
whi_registration *whi_registry_get(whi_registry *registry, int64_t id);

size_t whi_registry_count(whi_registry *registry);

/* A page of a tenant's (NULL: of all) registrations by id, each with a reference: at most
 * page->limit into out. total, which may be NULL, receives how many there are in all. */
int whi_registry_page(whi_registry *registry, const char *tenant, const whi_page *page, whi_registration **out,
                      size_t *count, size_t *total);

/* The subscription that a stored document describes, for all who read the store. */
int whi_registration_new(whi_registration **out, const whi_subscription_row *row);

#endif
