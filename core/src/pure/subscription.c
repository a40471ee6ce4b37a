#include "pure/subscription.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/sink_url.h"

const char *const whi_rule_failure_names[] = { "hold", "skip", "send", NULL };
const char *const whi_order_names[] = { "none", "fifo", "key", "latest", NULL };

/* One name for each number, and the NULL. */
#define NAMES(names, last) (sizeof(names) / sizeof((names)[0]) == (last) + 2)
_Static_assert(WHI_HOLD == 0 && NAMES(whi_rule_failure_names, WHI_SEND), "a name for each policy");
_Static_assert(WHI_ORDER_NONE == 0 && NAMES(whi_order_names, WHI_ORDER_LATEST), "a name for each order");

void whi_subscription_free_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        whi_free_secret(texts[i], texts[i] != NULL ? strlen(texts[i]) : 0);
    }
    whi_free(texts);
}

void whi_subscription_free(whi_subscription *s) {
    if (s == NULL) {
        return;
    }
    whi_free(s->tenant);
    whi_free(s->name);
    whi_free(s->url);
    whi_free_secret(s->password, s->password != NULL ? strlen(s->password) : 0);
    whi_free(s->database);
    whi_subscription_free_texts(s->events, s->event_count);
    whi_free(s->rule);
    whi_free(s->fields);
    whi_free(s->filters);
    whi_free(s->metadata);
    whi_free(s->details);
    whi_free(s->source);
    whi_subscription_free_texts(s->headers, s->header_count);
    whi_subscription_free_texts(s->secrets, s->secret_count);
    whi_free(s->retry);
    whi_retry_lists_free(s->retrying.lists, s->retrying.list_count);
    whi_free(s->disabled);
    whi_free(s->poll_type);
    whi_free(s);
}

int whi_subscription_is_enabled(const whi_subscription *subscription) {
    return !subscription->paused && subscription->disabled == NULL;
}

int whi_subscription_may_take(const whi_subscription *subscription) {
    return subscription->paused != WHI_PAUSE_DROPS && subscription->disabled == NULL;
}

int whi_subscription_may_send(const whi_subscription *subscription) {
    return whi_subscription_is_enabled(subscription) ||
           (subscription->disabled != NULL && strcmp(subscription->disabled, "used") == 0 && !subscription->paused);
}

int whi_subscription_is_database(const whi_subscription *subscription) {
    return subscription->url != NULL && whi_url_kind_of(subscription->url, NULL) == WHI_URL_DATABASE;
}

int whi_subscription_is_queue(const whi_subscription *subscription) {
    return subscription->url != NULL && whi_url_kind_of(subscription->url, NULL) == WHI_URL_QUEUE;
}

int whi_subscription_is_waited_for(const whi_subscription *subscription) {
    return whi_subscription_is_database(subscription) || whi_subscription_is_queue(subscription);
}

int whi_subscription_check(const whi_subscription *subscription) {
    if (subscription->url == NULL) {
        return whi_fail_field(WH_EINVALID, "url", "expected one, found none");
    }
    return subscription->database == NULL || whi_subscription_is_database(subscription)
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "database", "expected none, since the url is no database's");
}
