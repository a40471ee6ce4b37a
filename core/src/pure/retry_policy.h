/* What a subscription says of trying again beside one list for all: a list for each type of event, what is tried again
 * at all, and how far apart those are kept that failed at the same moment.
 *
 * Pure. The members of the document are read and written by systems/subscription_control.h. */
#ifndef WHI_RETRY_POLICY_H
#define WHI_RETRY_POLICY_H

#include <stddef.h>
#include <stdint.h>

#define WHI_RETRY_LISTS 32                         /* of one subscription */
#define WHI_RETRY_WITHIN_SECONDS INT64_C(31622400) /* a leap year: beyond it nothing is stored that long */
#define WHI_JITTER_PERCENT 10                      /* where nobody says otherwise */
#define WHI_RETRY_STATUS_LEAST 300                 /* below it an answer is no failure */
#define WHI_RETRY_STATUS_MOST 599

/* For events of some types. */
typedef struct whi_retry_list {
    char **events; /* patterns (pure/match.h); 0: all */
    size_t event_count;
    int64_t *delays; /* ms before each attempt; NULL: as where no list is for it */
    size_t delay_count;
    int64_t within; /* s after the delivery was made no attempt is begun any more; 0: by the delays alone */
} whi_retry_list;

/* Which failures are tried again; all zero: every one. */
typedef struct whi_retry_on {
    int given; /* 1: these alone */
    int network, timeout;
    unsigned char statuses[(WHI_RETRY_STATUS_MOST - WHI_RETRY_STATUS_LEAST) / 8 + 1]; /* a bit each */
} whi_retry_on;

typedef struct whi_retry_policy {
    whi_retry_list *lists; /* the first that is for a type counts; NULL: none */
    size_t list_count;
    whi_retry_on on;
    int jitter; /* percent of a delay that chance adds at most */
    int budget; /* retries for each hundred deliveries; 0: as many as the lists say */
} whi_retry_policy;

/* How many retries are still within the budget, in hundredths; below 0: so many were granted in advance. All zero: none
 * was asked for. */
typedef struct whi_retry_budget {
    int64_t at; /* ms: when it had so much; 0: it is new, and has all that it may save */
    int64_t parts;
} whi_retry_budget;

#define WHI_RETRY_SAVED 10            /* retries that are there at the beginning, and may be saved */
#define WHI_RETRY_DRIP INT64_C(10000) /* ms in which one comes without any delivery: a few failures are no load */
#define WHI_RETRY_BUDGET_PERCENT 1000

/* A delivery was tried for the first time: percent hundredths more. */
void whi_retry_budget_earn(whi_retry_budget *budget, int percent, int64_t now);

/* 1: it has all that it may save, as a new one. */
int whi_retry_budget_is_full(whi_retry_budget *budget, int64_t now);

/* Takes one retry that is to be made after wait (ms). Returns how long it waits to be within the budget: as long, or
 * longer. */
int64_t whi_retry_budget_take(whi_retry_budget *budget, int64_t now, int64_t wait);

void whi_retry_lists_free(whi_retry_list *lists, size_t count);

/* NULL: none is for this type. */
const whi_retry_list *whi_retry_list_of(const whi_retry_policy *policy, const char *type);

void whi_retry_on_add(whi_retry_on *on, int status);
int whi_retry_on_has(const whi_retry_on *on, int status);

/* 1: a failure of this code, with this status (0: there was no answer), is tried again. What is none of the classes
 * that can be named, such as an error of a database, is always. */
int whi_retry_on_allows(const whi_retry_on *on, int code, int status);

#endif
