/* Tests: test_settings. */
#include "engine/setting.h"

#include "engine/writer.h"

#define DAY INT64_C(86400000)

const char *const whi_setting_names[WHI_SETTINGS] = {
    [WHI_RETAIN] = "retain",
    [WHI_RETAIN_FAILED] = "retain_failed",
};

static const int64_t defaults[WHI_SETTINGS] = {
    [WHI_RETAIN] = 7 * DAY,
    [WHI_RETAIN_FAILED] = 30 * DAY,
};

/* Less than 1 is a hand's work, and would delete all. */
static int64_t in_force(enum whi_setting which, int64_t kept) {
    return kept > 0 ? kept : defaults[which];
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
        whi_log(
            &engine->log, WH_LOG_WARNING,
            "%s: the store says %lld ms, which holds for all of its processes, and not the %lld ms that this one was "
            "opened with; wh_settings_set, hooks:settings or `webhook settings` changes it",
            self.name, (long long)in_force(which, self.kept), (long long)value);
    }
    return code;
}
