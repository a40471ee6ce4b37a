/* Tests: test_engine. */
#include "work/upkeep.h"

#include <limits.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/registry.h"
#include "work/claim.h"
#include "work/later.h"
#include "work/purge.h"
#include "work/queue.h"
#include "work/record.h"

#define REST_US INT64_C(60000000)

/* Versions that have ended decide nothing any more when what waited for them is decided. */
static void let_former_go(wh_engine *engine) {
    if (whi_registry_has_former(engine->registry)) {
        (void)whi_registry_sync(engine->registry);
    }
}

static void look_at_store(whi_worker *worker) {
    wh_engine *engine = worker->engine;
    int64_t changes = 0;
    int code;

    if (engine->store->vtable->changes(engine->store, &changes) != WH_OK) {
        return;
    }
    if (changes == worker->seen_changes) {
        let_former_go(engine);
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

/* A store that wakes, and says nothing of looks, needs none but against its own mistakes. */
static int64_t look_after(const whi_store_ability *ability) {
    if (ability->look_us > 0) {
        return ability->look_us;
    }
    return ability->wakes ? REST_US : WHI_LOOK_US;
}

static void look(whi_worker *worker, whi_entry *entry) {
    whi_timetable_again(&worker->timetable, entry, whi_monotonic_us() + look_after(&worker->engine->store->ability));
    look_at_store(worker);
}

int whi_upkeep_listen(whi_worker *worker) {
    whi_store *store = worker->engine->store;
    int code = WH_OK;

    worker->store_fd = -1;
    if (worker->index == 0) {
        code = store->vtable->listen(store, &worker->store_fd);
    }
    return code == WH_OK && worker->store_fd >= 0 ? whi_poller_watch(worker->poller, worker->store_fd, 0, WHI_READ)
                                                  : code;
}

void whi_upkeep_hear(whi_worker *worker, const whi_ready *ready, int count) {
    for (int i = 0; i < count; i++) {
        if (ready[i].fd == worker->store_fd) {
            (void)worker->engine->store->vtable->listen(worker->engine->store, &worker->store_fd);
            look_at_store(worker);
        }
    }
}

int whi_upkeep_begin(whi_worker *worker) {
    int code = whi_timetable_init(&worker->timetable);

    worker->look.call = look;
    worker->spill.call = whi_queue_spill;
    worker->purge.call = whi_purge;
    worker->record_again.call = whi_record_again;
    worker->later_again.call = whi_later_again;
    worker->claim_again.call = whi_claim_again;
    worker->lane_due = whi_claim_lane;
    if (code == WH_OK && worker->index == 0) {
        whi_timetable_again(&worker->timetable, &worker->look, 0);
        whi_timetable_at(&worker->timetable, &worker->purge, 0);
    }
    return code;
}

void whi_upkeep(whi_worker *worker) {
    whi_timetable_run(worker, &worker->timetable.by_machine, whi_monotonic_us(), INT_MAX);
    whi_timetable_run(worker, &worker->timetable.by_clock, whi_now(worker->engine), INT_MAX);
}

/* A search or a claim that was asked for, by whoever wakes nobody or in vain, is made soon. */
static int is_asked(const whi_worker *worker) {
    return atomic_load(&worker->inbox.rescan) || (worker->index == 0 && atomic_load(&worker->engine->more_events));
}

int64_t whi_upkeep_next(const whi_worker *worker) {
    int64_t next = whi_timetable_next(&worker->timetable.by_machine), now_us = whi_monotonic_us();
    int64_t most = now_us + (is_asked(worker) ? WHI_LOOK_US : REST_US);

    return next < most ? next : most;
}
