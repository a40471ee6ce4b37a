#include "work/upkeep.h"

#include "base/clock.h"
#include "base/error.h"
#include "engine/registry.h"
#include "work/lane.h"
#include "work/later.h"
#include "work/purge.h"
#include "work/queue.h"
#include "work/record.h"

#define SPILL_US INT64_C(250000)

static void look(whi_worker *worker) {
    wh_engine *engine = worker->engine;
    int64_t changes = 0;
    int code;

    if (engine->store->vtable->changes(engine->store, &changes) != WH_OK || changes == worker->seen_changes) {
        return;
    }
    code = whi_registry_sync(engine->registry);
    if (code != WH_OK) {
        whi_log(&engine->log, WH_LOG_ERROR, "subscriptions cannot be read now: %s", wh_last_error());
        whi_trouble(engine, code, wh_last_error());
        return;
    }
    worker->seen_changes = changes;
    atomic_store(&engine->more_events, 1);
    whi_stir(engine);
}

void whi_upkeep(whi_worker *worker, int64_t now_us) {
    if (worker->retry_claim_at != 0 && now_us >= worker->retry_claim_at) {
        worker->retry_claim_at = 0;
    }
    whi_record_retry(worker, now_us);
    whi_later_retry(worker, now_us);
    if (now_us >= worker->next_spill) {
        worker->next_spill = now_us + SPILL_US;
        whi_queue_spill_old(worker, now_us);
        whi_lanes_sweep(worker);
    }
    if (worker->index != 0) {
        return;
    }
    if (now_us >= worker->next_look) {
        worker->next_look = now_us + WHI_LOOK_US;
        look(worker);
    }
    whi_purge(worker, whi_now(worker->engine));
}

int64_t whi_upkeep_next(const whi_worker *worker) {
    int64_t next = whi_record_next(worker), later = whi_later_next(worker);

    next = later < next ? later : next;
    if (worker->retry_claim_at != 0 && worker->retry_claim_at < next) {
        next = worker->retry_claim_at;
    }
    if (atomic_load(&worker->inbox.rescan)) {
        int64_t soon = whi_monotonic_us() + WHI_LOOK_US; /* it was asked for in vain, or comes with a wake-up */
        next = soon < next ? soon : next;
    }
    if (worker->queued > 0 && worker->next_spill < next) {
        next = worker->next_spill;
    }
    if (worker->index == 0) {
        next = worker->next_look < next ? worker->next_look : next;
    }
    return next == INT64_MAX ? whi_monotonic_us() + INT64_C(60000000) : next;
}
