/* Tests: test_engine_trouble, test_engine_health. */
#include "work/disable.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/version.h"
#include "systems/subscription_make.h"

/* A version that has ended may have been for one event alone, have had another rule, or another receiver: none is a
 * reason to switch off what its owner has made of it since. */
static int is_no_reason(const whi_registration *registration, const char *reason, const whi_registration *now) {
    if (strcmp(reason, "used") == 0) {
        return !now->subscription->single_use;
    }
    if (strcmp(reason, "response_rule") == 0) {
        return now->response == NULL || registration->response == NULL ||
               now->response->rule_hash != registration->response->rule_hash;
    }
    if (strcmp(reason, "rule") != 0) {
        return strcmp(registration->subscription->url, now->subscription->url) != 0;
    }
    return now->rule_hash != registration->rule_hash;
}

static int switch_off(wh_engine *engine, whi_store *store, whi_subscription *subscription, const char *reason,
                      int *off) {
    *off = subscription->disabled != NULL;
    if (*off) {
        return WH_OK;
    }
    subscription->disabled = whi_strdup(reason, WH_ZSTR);
    return subscription->disabled != NULL ? whi_version_keep(engine, store, subscription) : whi_fail_memory();
}

int whi_disable(wh_engine *engine, whi_store *store, const whi_registration *registration, const char *reason,
                int *found, int *off) {
    whi_registration *now = NULL;
    whi_subscription *subscription = NULL;
    int code = whi_store_subscription_now(store, registration->subscription->id, whi_registration_read, (void *)&now);

    *found = code == WH_OK;
    *off = 0;
    if (code != WH_OK) {
        return code == WH_ENOTFOUND ? WH_OK : code;
    }
    if (is_no_reason(registration, reason, now)) {
        *off = strcmp(reason, "used") != 0 ? WHI_DISABLE_NO_REASON : 0; /* of a used one its delivery is one of many */
    } else {
        code = whi_subscription_copy(&subscription, now->subscription);
        code = code == WH_OK ? switch_off(engine, store, subscription, reason, off) : code;
    }
    whi_subscription_free(subscription);
    whi_registration_unref(now);
    return code;
}
