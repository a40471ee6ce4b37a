/* Tests: test_settings. */
#include "engine/setting.h"

#include "base/clock.h"
#include "engine/writer.h"

#define TENANTS_OWN "tenants_own" /* how often one was given limits of its own, or others */
#define DAY INT64_C(86400000)
#define LOOK_US INT64_C(100000) /* as long as a process may take to hear of what another one commits */

_Static_assert(WHI_SETTINGS <= sizeof((wh_engine *)0)->settings / sizeof((wh_engine *)0)->settings[0],
               "a place for each");

const char *const whi_setting_names[WHI_SETTINGS] = {
#define WH_X(constant, name) #name,
    WH_SETTINGS(WH_X)
#undef WH_X
};

enum {
#define WH_X(name, value, what) DEFAULT_##name = value,
    WH_LIMITS(WH_X)
#undef WH_X
};

static const int64_t defaults[WHI_SETTINGS] = {
    [WHI_RETAIN] = 7 * DAY,
    [WHI_RETAIN_FAILED] = 30 * DAY,
    [WHI_PAYLOAD_BYTES] = DEFAULT_payload_bytes,
    [WHI_SUBSCRIPTION_BYTES] = DEFAULT_subscription_bytes,
    [WHI_SUBSCRIPTIONS] = DEFAULT_subscriptions,
    [WHI_TENANT_QUOTA_EVENTS] = INT64_MAX,
    [WHI_TENANT_QUOTA_BYTES] = INT64_MAX,
    [WHI_TENANT_CPU_MS] = INT64_MAX,
};

int64_t whi_setting_most(enum whi_setting which) {
    return which == WHI_PAYLOAD_BYTES        ? INT64_C(1) << 27
           : which == WHI_SUBSCRIPTION_BYTES ? INT64_C(1) << 28
           : which == WHI_TENANT_CPU_MS      ? INT64_C(1000000)
                                             : INT64_MAX;
}

/* Less than 1 is a hand's work, and would delete all; so is more than there may be. */
static int64_t in_force(enum whi_setting which, int64_t kept) {
    return kept > 0 && kept <= whi_setting_most(which) ? kept : defaults[which];
}

int whi_setting_read(wh_engine *engine, enum whi_setting which, int64_t *out) {
    int64_t kept = 0;
    int code = engine->store->vtable->setting(engine->store, whi_setting_names[which], &kept);

    *out = in_force(which, kept);
    return code;
}

int whi_setting_now(whi_store *store, enum whi_setting which, int64_t *out) {
    int64_t kept = 0;
    int code = whi_store_setting_put(store, whi_setting_names[which], 0, 0, &kept);

    *out = in_force(which, kept);
    return code;
}

int whi_setting_put(whi_store *store, enum whi_setting which, int64_t value) {
    int64_t kept;

    return whi_store_setting_put(store, whi_setting_names[which], value, 1, &kept);
}

/* ------------------------------------------------------------------------ offering */

typedef struct offer {
    whi_job job;
    const char *name;
    int64_t value, kept;
} offer;

static int run_offer(whi_job *job, whi_store *store) {
    offer *self = (offer *)job;

    return whi_store_setting_put(store, self->name, self->value, 0, &self->kept);
}

int whi_setting_offer(wh_engine *engine, enum whi_setting which, int64_t value) {
    offer self = { .job = { .run = run_offer, .rows = 1 }, .name = whi_setting_names[which], .value = value };
    int code = engine->store->vtable->setting(engine->store, self.name, &self.kept);

    if (code == WH_OK && self.kept == 0) {
        code = whi_writer_run(engine->writer, &self.job); /* somebody may be faster: kept is his then */
    }
    if (code == WH_OK && self.kept != value) {
        const char *unit = which <= WHI_RETAIN_FAILED ? " ms" : "";

        whi_log(&engine->log, WH_LOG_WARNING,
                "%s: the store says %lld%s, which holds for all of its processes, and not the %lld%s that this one was "
                "opened with; wh_settings_set, hooks:settings or `webhook settings` changes it",
                self.name, (long long)in_force(which, self.kept), unit, (long long)value, unit);
    }
    return code;
}

/* --------------------------------------------------------------------- remembering */

/* By the reader, which waits for nobody. */
int whi_setting_look(wh_engine *engine) {
    int code = WH_OK;

    atomic_store(&engine->settings_us, whi_monotonic_us());
    for (int i = 0; code == WH_OK && i < WHI_SETTINGS; i++) {
        int64_t kept = 0;

        code = engine->reader->vtable->setting(engine->reader, whi_setting_names[i], &kept);
        if (code == WH_OK) {
            atomic_store(&engine->settings[i], in_force(i, kept));
        }
    }
    if (code == WH_OK) {
        int64_t own = 0;

        code = engine->reader->vtable->setting(engine->reader, TENANTS_OWN, &own);
        if (code == WH_OK) {
            atomic_store(&engine->tenants_own, own);
        }
    }
    return code;
}

static void look_if_old(wh_engine *engine) {
    if (whi_monotonic_us() - atomic_load(&engine->settings_us) > LOOK_US) {
        (void)whi_setting_look(engine);
    }
}

int whi_setting_put_own(whi_store *store) {
    int64_t kept = 0;
    int code = whi_store_setting_put(store, TENANTS_OWN, 0, 0, &kept);

    return code == WH_OK ? whi_store_setting_put(store, TENANTS_OWN, kept + 1, 1, &kept) : code;
}

int64_t whi_setting_own(wh_engine *engine) {
    look_if_old(engine);
    return atomic_load(&engine->tenants_own);
}

int whi_setting_has_own(wh_engine *engine) {
    return whi_setting_own(engine) != 0;
}

int64_t whi_setting_known(wh_engine *engine, enum whi_setting which) {
    look_if_old(engine);
    return atomic_load(&engine->settings[which]);
}

void whi_setting_limits(wh_engine *engine, wh_limits *out) {
    *out = engine->options.limits;
    out->payload_bytes = whi_setting_known(engine, WHI_PAYLOAD_BYTES);
    out->subscription_bytes = whi_setting_known(engine, WHI_SUBSCRIPTION_BYTES);
    out->subscriptions = whi_setting_known(engine, WHI_SUBSCRIPTIONS);
}
