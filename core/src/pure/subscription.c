#include "pure/subscription.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/sink_url.h"

const char *const whi_rule_failure_names[] = { "hold", "skip", "send", NULL };
const char *const whi_order_names[] = { "none", "fifo", "key", "latest", NULL };
const char *const whi_compress_names[] = { "", "gzip", NULL };

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

static void free_secret(char *text) {
    whi_free_secret(text, text != NULL ? strlen(text) : 0);
}

void whi_subscription_free(whi_subscription *s) {
    if (s == NULL) {
        return;
    }
    whi_free(s->tenant);
    whi_free(s->name);
    whi_free(s->url);
    free_secret(s->password);
    free_secret(s->auth);
    free_secret(s->tls);
    free_secret(s->proxy);
    whi_free(s->content_type);
    whi_free(s->signature);
    whi_free(s->database);
    whi_subscription_free_texts(s->events, s->event_count);
    whi_free(s->rule);
    whi_free(s->response_rule);
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
    whi_subscription_free(s->also);
    whi_free(s);
}

int whi_subscription_is_enabled(const whi_subscription *subscription) {
    return !subscription->paused && subscription->disabled == NULL;
}

int whi_subscription_may_take(const whi_subscription *subscription) {
    return subscription->paused != WHI_PAUSE_DROPS && subscription->disabled == NULL;
}

int whi_subscription_is_fetched(const whi_subscription *subscription) {
    return subscription->url != NULL && strcmp(subscription->url, WHI_FETCHED_URL) == 0;
}

int whi_subscription_may_send(const whi_subscription *subscription) {
    if (whi_subscription_is_fetched(subscription)) {
        return 0;
    }
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

/* They come in the order of acceptance whatever is said, one rule more would only hold some back; and nobody decides
 * once more what a rule has held. */
static int check_fetched(const whi_subscription *s) {
    if (s->order != WHI_ORDER_NONE) {
        return whi_fail_field(WH_EINVALID, "order", "expected none, since what is fetched comes in order");
    }
    if (s->single_use) {
        return whi_fail_field(WH_EINVALID, "single_use", "expected false of one that is fetched");
    }
    if (s->rule != NULL && s->on_rule_error == WHI_HOLD) {
        return whi_fail_field(WH_EINVALID, "on_rule_error", "expected \"skip\" or \"send\" of one that is fetched");
    }
    return s->auth == NULL && s->tls == NULL && s->proxy == NULL
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "url", "of one that is fetched there is no auth, tls or proxy");
}

/* Of what is no HTTP there is no answer to look at. */
static int check_response_rule(const whi_subscription *s) {
    int answers = !whi_subscription_is_fetched(s) && !whi_subscription_is_waited_for(s);

    return answers || s->response_rule == NULL
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "response_rule", "expected none, since the url is not of HTTP");
}

static int check_place(const whi_subscription *subscription) {
    if (whi_subscription_is_fetched(subscription)) {
        return check_fetched(subscription);
    }
    if (whi_subscription_is_waited_for(subscription) &&
        (subscription->auth != NULL || subscription->tls != NULL || subscription->proxy != NULL)) {
        return whi_fail_field(WH_EINVALID, "url", "of a database or a queue there is no auth, tls or proxy");
    }
    return subscription->database == NULL || whi_subscription_is_database(subscription)
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "database", "expected none, since the url is no database's");
}

int whi_subscription_check(const whi_subscription *subscription) {
    if (subscription->url == NULL) {
        return whi_fail_field(WH_EINVALID, "url", "expected one, found none");
    }
    if (subscription->also != NULL && subscription->single_use) { /* each of the two would have an event of its own */
        return whi_fail_field(WH_EINVALID, "also", "expected none of a subscription for one event (single_use)");
    }
    return check_response_rule(subscription) != WH_OK ? WH_EINVALID : check_place(subscription);
}
