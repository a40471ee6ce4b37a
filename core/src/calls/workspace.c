/* Tests: test_api_unified. */
#include "calls/workspace.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "engine/context.h"
#include "engine/writer.h"
#include "pure/sign.h"

#define CHANCE_BYTES 32

typedef struct keeping {
    whi_job job;
    const char *tenant, *secret;
    int replace;
} keeping;

static int run_keeping(whi_job *job, whi_store *store) {
    const keeping *self = (const keeping *)job;

    return whi_store_tenant_secret_put(store, self->tenant, self->secret, self->replace);
}

static int commit(wh_engine *engine, keeping *self) {
    self->job.rows = 1;
    self->job.run = run_keeping;
    return whi_writer_run(engine->writer, &self->job);
}

/* Two callers at once both try to add; the store keeps one. */
int whi_workspace_secret(wh_engine *engine, const char *tenant, char out[WH_SECRET_SIZE]) {
    unsigned char chance[CHANCE_BYTES];
    keeping self = { .tenant = tenant, .secret = out };
    int code = engine->store->vtable->tenant_secret(engine->store, tenant, out);

    if (code != WH_ENOTFOUND) {
        return code;
    }
    code = whi_clock_random(engine->clock, chance, sizeof chance);
    if (code != WH_OK) {
        return code;
    }
    whi_hex_write(chance, sizeof chance, out);
    whi_wipe(chance, sizeof chance);
    code = commit(engine, &self);
    return code == WH_OK ? engine->store->vtable->tenant_secret(engine->store, tenant, out) : code;
}

int whi_workspace_keep(wh_engine *engine, const char *tenant, const char *secret) {
    keeping self = { .tenant = tenant, .secret = secret, .replace = 1 };

    return commit(engine, &self);
}
