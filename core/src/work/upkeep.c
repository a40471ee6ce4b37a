/* Tests: test_engine. */
#include "work/upkeep.h"

#include <limits.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "engine/source_kept.h"
#include "engine/writer.h"
#include "work/fetch.h"
#include "work/lagging.h"
#include "work/lane.h"
#include "work/later.h"
#include "work/poll.h"
#include "work/purge.h"
#include "work/queue.h"
#include "work/reading.h"
#include "work/record.h"
#include "work/rulings.h"
#include "work/send.h"

#define REST_US INT64_C(60000000)

/* Of a row of looks: a flush takes from a fraction of a millisecond to some dozens. With pauses that grow by
 * a quarter it is seen late by a quarter of its time, and twelve of them take 55 ms. */
#define LOOKS 12
#define PAUSE_US 1000
#define OWN_LOOKS 2
#define OWN_PAUSE_US 5000
#define CLOSE_US 3000 /* pauses beyond this are interrupted by the next wake-up */
/* Versions that have ended decide nothing any more when what waited for them is decided. */
static void let_former_go(wh_engine *engine) {
    if (whi_registry_has_former(engine->registry)) {
        (void)whi_registry_sync(engine->registry);
    }
}

/* What another process publishes is the worker's next work. *told: see wh_backend_news; -1: all is to be looked at. */
static void look_for_events(whi_worker *worker, int64_t *told) {
    wh_engine *engine = worker->engine;
    whi_store_news news = { -1, -1, 1 };

    if (engine->reader->vtable->news != NULL && engine->reader->vtable->news(engine->reader, &news) != WH_OK) {
        news = (whi_store_news){ -1, -1, 1 };
    }
    if (news.last != worker->seen_last || news.last < 0) {
        worker->seen_last = news.last;
        atomic_store(&engine->more_events, 1);
    }
    if (news.outbox) {
        atomic_store(&engine->more_rows, 1);
    }
    *told = news.told;
}

/* Once, and again when there are more. What waits for those that are read now is looked for. */
static void tell_left_out(whi_worker *worker) {
    wh_engine *engine = worker->engine;
    char why[WHI_ERROR_SIZE];
    int count = whi_registry_left_out(engine->registry, why);

    if (count > worker->left_out) {
        whi_log(
            &engine->log, WH_LOG_WARNING,
            "%d subscriptions cannot be read and are left out; what waits for them stays, and they get nothing from "
            "this process until it can read them: %s",
            count, why);
    }
    if (count < worker->left_out) {
        whi_stir(engine);
    }
    worker->left_out = count;
}

/* The news are read before the subscriptions: those that were told of are known here when the lanes are asked for. */
static void look_at_store(whi_worker *worker) {
    wh_engine *engine = worker->engine;
    int64_t changes = 0, told;
    int code;

    if (engine->store->vtable->changes(engine->store, &changes) != WH_OK) {
        return;
    }
    if (changes == worker->seen_changes) {
        let_former_go(engine);
        return;
    }
    look_for_events(worker, &told);
    code = whi_registry_sync(engine->registry);
    if (code != WH_OK) {
        whi_log(&engine->log, WH_LOG_ERROR, "subscriptions cannot be read now: %s", wh_last_error());
        whi_trouble(engine, code, wh_last_error());
        return;
    }
    (void)whi_sources_look(engine);
    whi_polls_doubt(engine);
    tell_left_out(worker);
    worker->seen_changes = worker->heard_changes = changes;
    worker->acted_us = whi_monotonic_us();
    if (told != worker->seen_told || told < 0) {
        worker->seen_told = told;
        (void)whi_setting_look(engine); /* what waits for a tenant's rate goes by the present one */
        whi_stir(engine);
    }
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

static void hush(whi_worker *worker) {
    int fd;

    (void)worker->engine->store->vtable->listen(worker->engine->store, &fd);
}

/* What is seen without having been told of: the store may have ceased to listen (its file was away for a
 * while), and listens again when it is asked. */
static void look_by_time(whi_worker *worker, whi_entry *entry) {
    int64_t heard = worker->heard_changes;

    look(worker, entry);
    if (worker->store_fd >= 0 && worker->heard_changes != heard && !whi_entry_is_set(&worker->look_again)) {
        hush(worker);
    }
}

/* ------------------------------------------------------------------- wake-ups */

static void look_early(whi_worker *worker) {
    wh_engine *engine = worker->engine;
    int64_t changes = 0, told;

    if (engine->store->vtable->changes(engine->store, &changes) != WH_OK || changes == worker->heard_changes) {
        return;
    }
    worker->heard_changes = changes;
    if (whi_monotonic_us() - worker->acted_us >= look_after(&engine->store->ability)) {
        look(worker, &worker->look);
    } else {
        look_for_events(worker, &told);
    }
}

static int watch_store(whi_worker *worker, int what) {
    int code = whi_poller_watch(worker->poller, worker->store_fd, worker->store_watch, what);

    worker->store_watch = code == WH_OK ? what : worker->store_watch;
    return code;
}

/* 1 if this process has written since it was last asked. The count is read before the silence: what is written
 * here behind it is told of, and known as our own. */
static int hush_early(whi_worker *worker) {
    unsigned turns = whi_writer_turns(worker->engine->writer);
    int own = turns != worker->writer_turns || turns % 2 != 0;

    worker->writer_turns = turns;
    hush(worker);
    return own;
}

/* What was told while the looks were close, our own answers to the news above all, is done with: the looks
 * that are left are for what of it cannot be seen yet. */
static void listen_again(whi_worker *worker) {
    if (worker->store_watch == 0) {
        (void)hush_early(worker);
        (void)watch_store(worker, WHI_READ);
    }
}

static void look_again(whi_worker *worker, whi_entry *entry) {
    worker->look_pause += worker->look_pause / 4;
    if (worker->look_pause > CLOSE_US) {
        listen_again(worker);
    }
    if (--worker->looks_left > 0) {
        whi_timetable_again(&worker->timetable, entry, whi_monotonic_us() + worker->look_pause);
    }
    look_early(worker);
}

static void hear_early(whi_worker *worker) {
    int own = hush_early(worker);

    (void)watch_store(worker, 0);
    worker->looks_left = own ? OWN_LOOKS : LOOKS;
    worker->look_pause = own ? OWN_PAUSE_US : PAUSE_US;
    whi_timetable_again(&worker->timetable, &worker->look_again, whi_monotonic_us() + worker->look_pause);
    if (!own) {
        look_early(worker);
    }
}

static void hear(whi_worker *worker) {
    if (worker->engine->store->ability.wakes == WH_WAKES_EARLY) {
        hear_early(worker);
    } else {
        hush(worker);
        look_at_store(worker);
    }
}

void whi_upkeep_hear(whi_worker *worker, const whi_ready *ready, int count) {
    for (int i = 0; i < count; i++) {
        if (ready[i].fd == worker->store_fd) {
            hear(worker);
        }
    }
}

static int ask_to_be_told(whi_worker *worker) {
    whi_store *store = worker->engine->store;
    int code = store->vtable->listen(store, &worker->store_fd);

    return code == WH_OK && worker->store_fd >= 0 ? watch_store(worker, WHI_READ) : code;
}

/* Without it (the system gives a user so many descriptors of this kind, and no more) the looks are left. */
void whi_upkeep_listen(whi_worker *worker) {
    worker->store_fd = -1;
    worker->store_watch = 0;
    if (worker->index == 0 && ask_to_be_told(worker) != WH_OK) {
        worker->store_fd = -1;
        whi_log(&worker->engine->log, WH_LOG_WARNING, "others' commits are seen a little later: %s", wh_last_error());
    }
}

int whi_upkeep_begin(whi_worker *worker) {
    int code = whi_timetable_init(&worker->timetable);

    worker->look.call = look_by_time;
    worker->look_again.call = look_again;
    worker->spill.call = whi_queue_spill;
    worker->early.call = whi_send_early;
    worker->slots_again.call = whi_send_again;
    worker->lagging_again.call = whi_lagging_again;
    worker->rulings_again.call = whi_rulings_again;
    worker->tidy.call = whi_lanes_tidy;
    worker->purge.call = whi_purge;
    worker->record_again.call = whi_record_again;
    worker->position_again.call = whi_record_position;
    worker->later_again.call = whi_later_again;
    worker->reading_again.call = whi_reading_again;
    worker->lane_due = whi_fetch_lane;
    worker->seen_told = worker->seen_last = -1;
    if (code == WH_OK) {
        whi_timetable_again(&worker->timetable, &worker->tidy, 0);
    }
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

/* A search that was asked for, by whoever wakes nobody or in vain, is made soon. */
static int is_asked(const whi_worker *worker) {
    return atomic_load(&worker->inbox.rescan) || (worker->index == 0 && (atomic_load(&worker->engine->more_events) ||
                                                                         atomic_load(&worker->engine->more_rows)));
}

int64_t whi_upkeep_next(const whi_worker *worker) {
    int64_t next = whi_timetable_next(&worker->timetable.by_machine), now_us = whi_monotonic_us();
    int64_t most = now_us + (is_asked(worker) ? WHI_LOOK_US : REST_US);

    return next < most ? next : most;
}
