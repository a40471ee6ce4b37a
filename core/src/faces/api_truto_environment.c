/* Truto's environments: whose they are. Tests: test_api_truto. */
#include "faces/api_truto.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "systems/truto.h"

#define STRIDE 64

static int is_of(const whi_registration *registration, const char *environment, int *out) {
    char own[WHI_UUID_SIZE];
    int code = whi_truto_environment(registration->subscription->tenant, own);

    *out = code == WH_OK && whi_ascii_same(own, environment);
    return code;
}

static int look_through(whi_call *call, whi_registration **some, size_t count, const char *environment,
                        const char **out) {
    int code = WH_OK, found;

    for (size_t i = 0; i < count; i++) {
        code = code == WH_OK ? is_of(some[i], environment, &found) : code;
        if (code == WH_OK && found && *out == environment) {
            const char *tenant = some[i]->subscription->tenant;
            *out = whi_call_keep(call, tenant, strlen(tenant));
            code = *out != NULL ? WH_OK : whi_fail_memory();
        }
        whi_registration_unref(some[i]);
    }
    return code;
}

/* A UUID that was made of a name does not tell it: it is looked for among the tenants that have webhooks. */
int whi_truto_tenant(whi_call *call, const char *environment, const char **out) {
    whi_page page = { 0, 0, 0, STRIDE };
    whi_registration *some[STRIDE];
    size_t count = STRIDE;
    int code = WH_OK;

    *out = environment;
    while (code == WH_OK && count == STRIDE && *out == environment && whi_truto_is_uuid(environment)) {
        code = whi_insight_page(call->engine, NULL, &page, some, &count, NULL);
        page.from = code == WH_OK && count > 0 ? some[count - 1]->subscription->id : 0;
        code = code == WH_OK ? look_through(call, some, count, environment, out) : code;
    }
    return code;
}
