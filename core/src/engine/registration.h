/* A registration: one version of a subscription, ready to decide.
 *
 * It never changes and is counted by reference: whoever fans out, sends or records with it keeps it alive while the
 * registry has moved on to the next version. */
#ifndef WHI_REGISTRATION_H
#define WHI_REGISTRATION_H

#include <stdatomic.h>
#include <stdint.h>

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
    struct whi_registration *response; /* NULL, or the same with its response rule in the place of filters, rule and
                                          fields: what decides about its answers */
    int64_t poll;                      /* whi_poll_number; 0: it does not poll */
    int64_t hears;         /* whose events of polls are for it: the same, or its own number while it has a history */
    int64_t since;         /* number of the change that made it */
    _Atomic int64_t ended; /* of the change that came after it; 0: none that is known */
    int round, indexed;    /* the registry's own */
    struct whi_registration *next_former;
    atomic_int rule_failures;  /* in a row */
    atomic_int retiring;       /* 1: it is being switched off */
    atomic_llong rated_until;  /* ms: what is due waits for its rate until then; of who sends for it */
    atomic_llong rests_until;  /* the same, for a pause that its response rule has asked for */
    atomic_llong tenant_until; /* the same, for its tenant's rate */
    atomic_llong probe_at;     /* ms: its breaker is open, and the next probe may go then, INT64_MAX: one is under way;
                                  0: it is closed; of who sends for it */
    int is_response;           /* 1: it is such a `response` */
    int left_out;              /* 1: its document cannot be decrypted here: one that is disabled stands for it */
    char id[WH_ID_SIZE];
} whi_registration;

/* NULL does nothing. Any thread. */
void whi_registration_unref(whi_registration *registration);

/* What `filters`, the rule and `fields` would say of a subscription as a value; freed as any
 * registration. For candidates that are not stored. Takes the subscription over, also on
 * failure. */
int whi_registration_of(whi_registration **out, whi_subscription *subscription);

/* The subscription that a stored document describes, for all who read the store. */
int whi_registration_new(whi_registration **out, const whi_subscription_row *row);
/* The same as a callback of the store; payload: where it goes. */
int whi_registration_read(const whi_subscription_row *row, void *payload);

/* What stands for one whose document cannot be read: disabled, for want of the key. */
int whi_registration_left_out(whi_registration **out, const whi_subscription_row *row);

#endif
