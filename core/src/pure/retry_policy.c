/* Tests: test_subscription_control. */
#include "pure/retry_policy.h"

#include "base/mem.h"
#include "pure/match.h"
#include "pure/retry.h"
#include "webhook.h"

#define PARTS 100 /* of one retry */

static void fill(whi_retry_budget *budget, int64_t now, int64_t more) {
    int64_t most = WHI_RETRY_SAVED * PARTS, passed = now > budget->at ? now - budget->at : 0;
    int64_t dripped = passed / (WHI_RETRY_DRIP / PARTS);

    if (budget->at == 0 || dripped > most - budget->parts) {
        *budget = (whi_retry_budget){ now, most };
    } else {
        budget->parts += dripped;
        budget->at = now < budget->at ? now : budget->at + dripped * (WHI_RETRY_DRIP / PARTS);
    }
    budget->parts = budget->parts + more < most ? budget->parts + more : most;
}

void whi_retry_budget_earn(whi_retry_budget *budget, int percent, int64_t now) {
    fill(budget, now, percent);
}

int whi_retry_budget_is_full(whi_retry_budget *budget, int64_t now) {
    fill(budget, now, 0);
    return budget->parts >= WHI_RETRY_SAVED * PARTS;
}

int64_t whi_retry_budget_take(whi_retry_budget *budget, int64_t now, int64_t wait) {
    int64_t due;

    fill(budget, now, 0);
    budget->parts -= PARTS;
    due = budget->parts < 0 ? -budget->parts * (WHI_RETRY_DRIP / PARTS) : 0;
    due = due < WHI_RETRY_DELAY_MAXIMUM ? due : WHI_RETRY_DELAY_MAXIMUM;
    return due > wait ? due : wait;
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        whi_free(texts[i]);
    }
    whi_free(texts);
}

void whi_retry_lists_free(whi_retry_list *lists, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free_texts(lists[i].events, lists[i].event_count);
        whi_free(lists[i].delays);
    }
    whi_free(lists);
}

static int is_for(const whi_retry_list *list, const char *type) {
    int found = list->event_count == 0;

    for (size_t i = 0; i < list->event_count && !found; i++) {
        found = whi_pattern_takes(list->events[i], type);
    }
    return found;
}

const whi_retry_list *whi_retry_list_of(const whi_retry_policy *policy, const char *type) {
    for (size_t i = 0; i < policy->list_count; i++) {
        if (is_for(&policy->lists[i], type)) {
            return &policy->lists[i];
        }
    }
    return NULL;
}

void whi_retry_on_add(whi_retry_on *on, int status) {
    int bit = status - WHI_RETRY_STATUS_LEAST;

    on->statuses[bit / 8] |= (unsigned char)(1 << bit % 8);
}

int whi_retry_on_has(const whi_retry_on *on, int status) {
    int bit = status - WHI_RETRY_STATUS_LEAST;

    return status >= WHI_RETRY_STATUS_LEAST && status <= WHI_RETRY_STATUS_MOST &&
           (on->statuses[bit / 8] >> bit % 8 & 1);
}

static int is_network(int code) {
    return code == WH_ERESOLVE || code == WH_ECONNECT || code == WH_ETLS || code == WH_EADDRESS || code == WH_EIO;
}

int whi_retry_on_allows(const whi_retry_on *on, int code, int status) {
    if (!on->given) {
        return 1;
    }
    if (code == WH_ETIMEOUT) {
        return on->timeout;
    }
    if (is_network(code)) {
        return on->network;
    }
    return status < WHI_RETRY_STATUS_LEAST || status > WHI_RETRY_STATUS_MOST || whi_retry_on_has(on, status);
}
