/* Tests: test_engine_versions, test_keys. */
#include "engine/registration.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/ident.h"
#include "base/mem.h"
#include "pure/poll.h"
#include "systems/subscription_make.h"
#include "systems/subscription_read.h"

/* Its texts are the subscription's own. */
static void free_response(whi_registration *response) {
    if (response != NULL) {
        whi_free(response->subscription);
        whi_free(response);
    }
}

void whi_registration_unref(whi_registration *registration) {
    if (registration == NULL || atomic_fetch_sub(&registration->refs, 1) != 1) {
        return;
    }
    free_response(registration->response);
    whi_subscription_free(registration->subscription);
    whi_filter_free(registration->filter);
    whi_projection_free(registration->fields);
    whi_free(registration);
}

static uint64_t hash_of(const whi_subscription *s) {
    return s->rule != NULL ? whi_hash(WHI_HASH_BEGIN, s->rule, s->rule_size) : 0;
}

static int prepare_response(whi_registration *made) {
    whi_registration *response = whi_calloc(1, sizeof *response);
    whi_subscription *s = whi_alloc(sizeof *s);

    if (response == NULL || s == NULL) {
        whi_free(response);
        whi_free(s);
        return whi_fail_memory();
    }
    *s = *made->subscription;
    s->rule = s->response_rule;
    s->rule_size = strlen(s->rule);
    s->response_rule = s->fields = s->filters = s->poll_type = NULL;
    response->subscription = s;
    response->is_response = 1;
    response->rule_hash = hash_of(s);
    memcpy(response->id, made->id, sizeof response->id);
    made->response = response;
    return WH_OK;
}

static int prepare(whi_registration *made) {
    const whi_subscription *subscription = made->subscription;
    int code = WH_OK;

    whi_ident_format("sub_", subscription->id, made->id);
    if (subscription->fields != NULL) {
        code = whi_projection_parse(&made->fields, subscription->fields, strlen(subscription->fields));
    }
    if (code == WH_OK && subscription->filters != NULL) {
        code = whi_filter_parse(&made->filter, subscription->filters, strlen(subscription->filters));
    }
    made->rule_hash = hash_of(subscription);
    if (code == WH_OK && subscription->response_rule != NULL) {
        code = prepare_response(made);
    }
    code = code == WH_OK ? whi_poll_number(subscription, &made->poll) : code;
    made->hears = subscription->poll_history ? subscription->id : made->poll;
    return code;
}

int whi_registration_of(whi_registration **out, whi_subscription *subscription) {
    whi_registration *made = whi_calloc(1, sizeof *made);
    int code;

    *out = NULL;
    if (made == NULL) {
        whi_subscription_free(subscription);
        return whi_fail_memory();
    }
    atomic_init(&made->refs, 1);
    made->subscription = subscription;
    code = prepare(made);
    if (code != WH_OK) {
        whi_registration_unref(made);
        return code;
    }
    *out = made;
    return WH_OK;
}

int whi_registration_new(whi_registration **out, const whi_subscription_row *row) {
    whi_subscription *subscription;
    int code = whi_subscription_new(&subscription);

    *out = NULL;
    if (code != WH_OK) {
        return code;
    }
    code = whi_subscription_apply(subscription, row->document, row->document_size, SIZE_MAX, 1);
    if (code != WH_OK) {
        whi_subscription_free(subscription);
        return code;
    }
    subscription->id = row->id;
    subscription->version = row->version;
    code = whi_registration_of(out, subscription);
    if (code == WH_OK) {
        (*out)->since = row->since;
    }
    return code;
}

int whi_registration_left_out(whi_registration **out, const whi_subscription_row *row) {
    whi_subscription *subscription;
    int code = whi_subscription_new(&subscription);

    if (code != WH_OK) {
        return code;
    }
    whi_free(subscription->tenant);
    subscription->tenant = whi_strdup(row->tenant, WH_ZSTR);
    subscription->url = whi_strdup("", 0);
    subscription->disabled = whi_strdup("key", WH_ZSTR);
    subscription->id = row->id;
    subscription->version = row->version;
    if (subscription->tenant == NULL || subscription->url == NULL || subscription->disabled == NULL) {
        whi_subscription_free(subscription);
        return whi_fail_memory();
    }
    code = whi_registration_of(out, subscription);
    if (code == WH_OK) {
        (*out)->since = row->since;
        (*out)->left_out = 1;
    }
    return code;
}

int whi_registration_read(const whi_subscription_row *row, void *payload) {
    return whi_registration_new(payload, row);
}
