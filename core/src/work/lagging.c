/* Tests: test_engine_fair. */
#include "work/lagging.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/budget.h"
#include "engine/lag.h"
#include "engine/lease.h"
#include "engine/memory.h"
#include "engine/registry.h"
#include "work/aside.h"
#include "work/fanout.h"
#include "work/lagging_state.h"
#include "work/record.h"

#define QUANTUM_US 10000 /* of a tenant, and of a subscription */
#define TURN_US 2000     /* of looking, in one turn of the worker */
#define CALM 64          /* so many decisions that take little are enough to keep up with the others */
#define CALM_US 1000     /* little */
#define QUIET_US                                                                                                       \
    INT64_C(60000000)             /* with nothing to decide: if it still is slow, that is found out by the next one    \
                                   */
#define AGAIN_US INT64_C(1000000) /* after what could not be done */
#define LOOK_SHARE 20             /* looking at each that lags takes one part in so many of the time */
#define ASKED_US 1000             /* of CPU that what is asked may take: the thread aside does not wait for answers */

static uint32_t hash_tenant(const void *entry) {
    return whi_table_spread_text(0, ((const whi_lag_tenant *)entry)->name);
}

static int is_tenant(const void *entry, const void *key) {
    return strcmp(((const whi_lag_tenant *)entry)->name, key) == 0;
}

static const whi_table_kind tenant_kind = { hash_tenant, is_tenant };

static whi_lag_tenant *tenant_of(whi_lagging *self, const char *name) {
    whi_lag_tenant *tenant = whi_table_get(&self->tenants, &tenant_kind, whi_table_spread_text(0, name), name);
    size_t size = strlen(name) + 1;

    if (tenant != NULL || whi_table_reserve(&self->tenants, &tenant_kind) != WH_OK) {
        return tenant;
    }
    tenant = whi_calloc(1, sizeof *tenant + size);
    if (tenant != NULL) {
        memcpy(tenant->name, name, size);
        whi_table_put(&self->tenants, &tenant_kind, tenant);
    }
    return tenant;
}

static void leave_tenant(whi_lagging *self, whi_lag *lag) {
    whi_lag_tenant *tenant = lag->tenant;

    if (tenant == NULL) {
        return;
    }
    lag->tenant = NULL;
    whi_fair_leave(&tenant->lags, &lag->turn);
    if (tenant->lags.first == NULL) {
        whi_fair_leave(&self->fair, &tenant->turn);
    }
    if (--tenant->count == 0) {
        self->waiting -= tenant->waits;
        (void)whi_table_take(&self->tenants, &tenant_kind, whi_table_spread_text(0, tenant->name), tenant->name);
        whi_free(tenant);
    }
}

/* ------------------------------------------------------------------------ coming, going */

static void drop_page(whi_worker *worker, whi_lag *lag) {
    for (int i = 0; i < lag->page_count; i++) {
        whi_event_unref(worker->engine, lag->page[i]);
    }
    if (lag->page_count > 0) {
        worker->lagging->pages--;
        whi_position_release(worker->engine->position, lag->subscription);
    }
    lag->page_count = lag->page_at = 0;
}

/* A subscription that is no more has nothing to decide: its row goes. */
static void end_with_subscription(whi_worker *worker, whi_lag *lag) {
    if (lag->written < 0) {
        whi_lagging_release(worker, lag, 0, 0);
    }
    whi_lagging_set_state(worker->lagging, lag, WHI_LAG_STOPS);
    lag->until = 0;
}

static void meet(whi_worker *worker, whi_lag *lag) {
    whi_lagging *self = worker->lagging;
    whi_registration *registration = whi_registry_get(worker->engine->registry, lag->subscription);

    if (registration == NULL && whi_registry_sync(worker->engine->registry) != WH_OK) {
        return; /* it may be newer than what is known here */
    }
    registration = registration != NULL ? registration : whi_registry_get(worker->engine->registry, lag->subscription);
    if (registration != NULL) {
        lag->tenant = tenant_of(self, registration->subscription->tenant);
        if (lag->tenant != NULL) {
            lag->tenant->count++;
            lag->calm =
                lag->fresh ? 0 : CALM; /* of what another left behind nobody knows how slow it is: it is tried */
            lag->busy_us = whi_monotonic_us();
            whi_lagging_set_state(self, lag, lag->written < 0 ? WHI_LAG_ROWLESS : WHI_LAG_READY);
        }
    } else {
        end_with_subscription(worker, lag);
    }
    whi_registration_unref(registration);
}

static void meet_new(whi_worker *worker) {
    for (whi_lag *lag = worker->lagging->list; lag != NULL; lag = lag->following) {
        if (lag->state == WHI_LAG_NEW) {
            meet(worker, lag);
        }
    }
}

static void take_gone(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    whi_lag *gone = whi_lags_take_gone(worker->engine->lags);

    while (gone != NULL) {
        whi_lag *next = gone->next;
        leave_tenant(self, gone);
        gone->next = self->gone;
        self->gone = gone;
        gone = next;
    }
}

/* What is under way may still lead there. */
static void free_gone(whi_worker *worker) {
    whi_lagging *self = worker->lagging;

    while (self->gone != NULL && self->asked == 0 && !self->writing) {
        whi_lag *next = self->gone->next;
        drop_page(worker, self->gone);
        whi_lag_free(worker->engine, self->gone);
        self->gone = next;
    }
}

static void note(whi_lag *lag, void *payload) {
    whi_lagging *self = payload;

    lag->following = self->list;
    self->list = lag;
    self->count++;
}

/* The list is of those that are in the table: it is made anew, which is rare. What goes while it is made stays in
 * it, and is taken the next time. */
static void look_for_news(whi_worker *worker) {
    whi_lagging *self = worker->lagging;

    if (atomic_exchange(&worker->engine->lags->news, 0)) {
        take_gone(worker);
        self->list = NULL;
        self->count = 0;
        whi_lags_each(worker->engine->lags, note, self);
    }
    free_gone(worker);
}

/* ------------------------------------------------------------------------------- pages */

static int take_event(const whi_event_row *row, void *payload) {
    whi_worker *worker = payload;
    whi_lag *lag = worker->lagging->reading;
    whi_event *event = whi_event_new(worker->engine, row);

    if (event == NULL) {
        return whi_fail_memory();
    }
    event->seen_before = event->lags = 1;
    event->owner = worker->owner;
    lag->page[lag->page_count++] = event;
    return WH_OK;
}

/* One that was purged meanwhile was decided by somebody. */
static int read_numbers(whi_worker *worker, const int64_t *numbers, size_t count) {
    whi_store *store = worker->engine->reader;
    int code = WH_OK;

    for (size_t i = 0; i < count && code == WH_OK; i++) {
        code = store->vtable->event_get(store, numbers[i], take_event, worker);
        code = code == WH_ENOTFOUND ? WH_OK : code;
    }
    return code;
}

static int read_log(whi_worker *worker, whi_lag *lag) {
    whi_store *store = worker->engine->reader;
    int code =
        store->vtable->event_log(store, lag->at, WHI_LAG_PAGE, lag->tenant->name, take_event, worker, &lag->page_upto);

    return code == WH_OK ? whi_registry_sync(worker->engine->registry) : code;
}

/* While workers may still meet it in events up to `from`, it does not read beyond. */
static int read_page(whi_worker *worker, whi_lag *lag) {
    int beyond = whi_lagging_has_passed(worker, lag->from), code = WH_OK;

    worker->lagging->reading = lag;
    lag->page_upto = lag->at;
    lag->page_numbered = lag->fresh ? whi_lags_numbers(worker->engine->lags, lag, lag->page_numbers, WHI_LAG_PAGE) : 0;
    if (lag->page_numbered > 0) {
        code = read_numbers(worker, lag->page_numbers, lag->page_numbered);
    } else if (beyond) {
        code = read_log(worker, lag);
    }
    worker->lagging->reading = NULL;
    if (lag->page_count > 0) {
        lag->busy_us = whi_monotonic_us();
        worker->lagging->pages++;
        whi_position_hold(worker->engine->position, lag->subscription);
    }
    return code;
}

static void end_page(whi_worker *worker, whi_lag *lag) {
    drop_page(worker, lag);
    if (lag->page_numbered > 0) {
        whi_lags_forget(worker->engine->lags, lag, lag->page_numbers, lag->page_numbered);
    } else {
        lag->at = lag->page_upto;
    }
}

static int is_settled(const whi_lag *lag) {
    for (int i = 0; i < lag->page_count; i++) {
        if (atomic_load(&lag->page[i]->unwritten) > 1) {
            return 0;
        }
    }
    return 1;
}

/* Half of the memory is for what is new, whatever lags; one page is always read. */
static int has_memory(const whi_worker *worker) {
    const wh_engine *engine = worker->engine;

    return worker->lagging->pages == 0 ||
           whi_memory_used(engine->memory, WHI_POT_EVENTS) < engine->options.limits.memory_bytes / 2;
}

/* 1: it has nothing to read now. */
static int has_caught_up(whi_worker *worker, whi_lag *lag) {
    int64_t owner, read = whi_position_next(worker->engine->position, &owner);
    int beyond = whi_lagging_has_passed(worker, lag->from);

    return whi_lagging_has_no_numbers(worker, lag) && (!beyond || lag->at >= read);
}

static int is_quiet(const whi_lag *lag) {
    return whi_monotonic_us() - lag->busy_us >= QUIET_US;
}

/* 1: it is slow no more, and has lagged for as long as it should. */
static int is_calm(const whi_lag *lag) {
    return lag->calm >= CALM && whi_monotonic_us() >= lag->least_us;
}

/* It may be that it cannot end yet, since others have read more, or what was handed over is not decided. */
static void rest(whi_worker *worker, whi_lag *lag) {
    wh_engine *engine = worker->engine;

    if ((is_calm(lag) || is_quiet(lag)) && whi_lagging_has_passed(worker, lag->from) &&
        whi_lags_stop(engine->lags, engine->position, lag)) {
        whi_lagging_set_state(worker->lagging, lag, WHI_LAG_STOPS);
    } else {
        lag->again_us = whi_monotonic_us() + AGAIN_US;
        whi_lagging_set_state(worker->lagging, lag, WHI_LAG_IDLE);
    }
}

/* -------------------------------------------------------------------------- decisions */

/* NULL: it is not for it, or *code says why nobody knows. */
static whi_registration *wanting(whi_worker *worker, const whi_event *event, int64_t subscription, int *code) {
    whi_sought sought = { event->number, event->accepted_at, event->id,   event->tenant,
                          event->type,   event->source,      subscription };
    whi_registration **found = NULL, *wants = NULL;
    size_t count = 0;

    *code = whi_registry_find(worker->engine->registry, &sought, &found, &count);
    for (size_t i = 0; i < count; i++) {
        whi_registration_unref(wants);
        wants = found[i];
    }
    whi_free(found);
    return wants;
}

/* The others do. */
static void cannot_go_on(whi_worker *worker, whi_lag *lag, int code) {
    whi_log(&worker->engine->log, WH_LOG_ERROR, "a subscription that lags cannot go on now: %s", wh_last_error());
    whi_trouble(worker->engine, code, wh_last_error());
    lag->again_us = whi_monotonic_us() + AGAIN_US;
    whi_lagging_set_state(worker->lagging, lag, WHI_LAG_FAILS);
}

static void charge(whi_worker *worker, whi_lag *lag, int64_t us) {
    lag->turn.credit -= us;
    lag->tenant->turn.credit -= us;
    whi_budget_spend(worker->engine, lag->tenant->name, us);
    lag->calm = us <= CALM_US ? lag->calm + 1 : 0;
}

static void free_question(whi_question *question) {
    whi_decision_free(&question->decision);
    whi_registration_unref(question->registration);
    whi_free(question);
}

static int64_t expected_us(const whi_lag *lag) {
    return lag->took_us > 0 ? lag->took_us : ASKED_US;
}

static void answered(whi_task *task) {
    whi_question *question = (whi_question *)task;
    whi_worker *worker = task->worker;
    whi_lagging *self = worker->lagging;
    whi_lag *lag = question->asker;
    int code = task->code;

    self->asked--;
    self->asked_us -= expected_us(lag);
    worker->done_count++;
    if (!lag->gone && worker->inbox.open) {
        charge(worker, lag, question->us);
        code = code == WH_OK ? whi_fanout_take(worker, question->event, question->registration, &question->decision)
                             : code;
        lag->page_at += code == WH_OK;
        whi_lagging_set_state(self, lag, WHI_LAG_READY);
        if (code != WH_OK) {
            cannot_go_on(worker, lag, code);
        }
    }
    lag->took_us = question->us;
    free_question(question);
}

static int ask(whi_worker *worker, whi_lag *lag, whi_registration *registration) {
    whi_lagging *self = worker->lagging;
    whi_question *question = whi_calloc(1, sizeof *question);
    int code = question != NULL ? WH_OK : whi_fail_memory();

    if (code == WH_OK) {
        question->event = lag->page[lag->page_at];
        question->registration = registration;
        question->task.back = answered;
        question->asker = lag;
        code = whi_aside_ask(self->aside, worker, question);
    }
    if (code != WH_OK) {
        whi_registration_unref(registration);
        whi_free(question);
        return code;
    }
    self->asked++;
    self->asked_us += expected_us(lag);
    whi_lagging_set_state(self, lag, WHI_LAG_ASKED);
    return WH_OK;
}

static int decide_next(whi_worker *worker, whi_lag *lag) {
    whi_event *event = lag->page[lag->page_at];
    int known = 0, code;
    whi_registration *registration = wanting(worker, event, lag->subscription, &code);

    if (code == WH_OK && registration != NULL) {
        code = whi_fanout_exists(worker, event, registration, &known);
    }
    if (code == WH_OK && registration != NULL && !known) {
        return ask(worker, lag, registration);
    }
    whi_registration_unref(registration);
    lag->page_at += code == WH_OK;
    return code;
}

/* One step: a page, or a decision. */
static int go_on(whi_worker *worker, whi_lag *lag) {
    int code = WH_OK;

    if (lag->gone) {
        whi_lagging_set_state(worker->lagging, lag, WHI_LAG_IDLE); /* until that is looked for */
        return WH_OK;
    }
    if (lag->page_at < lag->page_count) {
        return decide_next(worker, lag);
    }
    if (lag->page_count > 0) {
        whi_lagging_set_state(worker->lagging, lag, WHI_LAG_SETTLES);
        return WH_OK;
    }
    if (!has_memory(worker)) {
        whi_lagging_set_state(worker->lagging, lag, WHI_LAG_IDLE);
        return WH_OK;
    }
    code = read_page(worker, lag);
    if (code != WH_OK) {
        drop_page(worker, lag);
    } else if (lag->page_count == 0) {
        end_page(worker, lag);
        if (has_caught_up(worker, lag)) {
            rest(worker, lag);
        }
    }
    return code;
}

/* Its subscription is no more. */
static int is_over(whi_worker *worker, const whi_lag *lag) {
    whi_registration *registration = whi_registry_get(worker->engine->registry, lag->subscription);

    whi_registration_unref(registration);
    return registration == NULL;
}

/* 1: it is between two things, so that it can end. */
static int may_be_over(const whi_lag *lag) {
    return lag->page_count == 0 &&
           (lag->state == WHI_LAG_READY || lag->state == WHI_LAG_IDLE || lag->state == WHI_LAG_ROWLESS);
}

/* 1: its time has come to go on. */
static int is_awake(whi_worker *worker, whi_lag *lag) {
    if (lag->state == WHI_LAG_IDLE) {
        return !has_caught_up(worker, lag) || is_quiet(lag) || (is_calm(lag) && whi_monotonic_us() >= lag->again_us);
    }
    return lag->state == WHI_LAG_FAILS && whi_monotonic_us() >= lag->again_us;
}

static void wake(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    int64_t now_us = whi_monotonic_us();
    int asks = now_us - self->over_us >= WHI_LAG_ROWS_US;

    self->over_us = asks ? now_us : self->over_us;
    for (whi_lag *lag = self->list; lag != NULL; lag = lag->following) {
        if (asks && may_be_over(lag) && is_over(worker, lag)) {
            end_with_subscription(worker, lag);
        } else if (lag->state == WHI_LAG_SETTLES && is_settled(lag)) {
            end_page(worker, lag);
            whi_lagging_set_state(self, lag, WHI_LAG_READY);
        } else if (is_awake(worker, lag)) {
            whi_lagging_set_state(self, lag, WHI_LAG_READY);
        }
    }
}

/* Who has spent its budget leaves the ring until there is something again. */
static whi_lag_tenant *next_tenant(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    whi_lag_tenant *tenant;

    while ((tenant = (whi_lag_tenant *)whi_fair_next(&self->fair, QUANTUM_US)) != NULL) {
        if (!whi_budget_is_spent(worker->engine, tenant->name)) {
            return tenant;
        }
        tenant->waits = 1;
        self->waiting++;
        whi_fair_leave(&self->fair, &tenant->turn);
    }
    return NULL;
}

static void wake_tenants(whi_worker *worker) {
    whi_lagging *self = worker->lagging;

    for (uint32_t i = 0; self->waiting > 0 && i < self->tenants.capacity; i++) {
        whi_lag_tenant *tenant = self->tenants.slots[i];
        if (tenant == NULL || !tenant->waits || whi_budget_is_spent(worker->engine, tenant->name)) {
            continue;
        }
        tenant->waits = 0;
        self->waiting--;
        if (tenant->lags.first != NULL) {
            whi_fair_join(&self->fair, &tenant->turn);
        }
    }
}

static whi_lag *next_lag(whi_worker *worker) {
    whi_lag_tenant *tenant = next_tenant(worker);

    if (tenant == NULL) {
        return NULL;
    }
    return (whi_lag *)((char *)whi_fair_next(&tenant->lags, QUANTUM_US) - offsetof(whi_lag, turn));
}

/* Those that are gone are freed when nothing is asked. */
static int may_ask(const whi_lagging *self) {
    return self->asked == 0 || (self->asked_us < ASKED_US && self->gone == NULL);
}

static void decide_some(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    int64_t now_us = whi_monotonic_us(), until_us = now_us + TURN_US;
    whi_lag *lag;

    while (may_ask(self) && now_us < until_us && (lag = next_lag(worker)) != NULL) {
        int64_t began_us = now_us;
        int code = go_on(worker, lag);
        now_us = whi_monotonic_us();
        if (lag->tenant != NULL) {
            lag->turn.credit -= now_us - began_us;
            lag->tenant->turn.credit -= now_us - began_us;
            whi_budget_spend(worker->engine, lag->tenant->name, now_us - began_us);
        }
        if (code != WH_OK) {
            cannot_go_on(worker, lag, code);
        }
    }
}

static int begin(whi_worker *worker) {
    whi_lagging *self = whi_calloc(1, sizeof *self);
    int code = self != NULL ? whi_aside_new(&self->aside, worker->engine) : whi_fail_memory();

    if (code != WH_OK) {
        whi_free(self);
        return code;
    }
    worker->lagging = self;
    return WH_OK;
}

/* Something is to be done soon, though nobody may wake the worker. */
static void look_again(whi_worker *worker) {
    const whi_lagging *self = worker->lagging;

    if (self->count > 0 && !whi_entry_is_set(&worker->lagging_again)) {
        int64_t now_us = whi_monotonic_us();
        int64_t at_us = self->fair.first != NULL && may_ask(self) ? now_us
                        : self->look_us > now_us                  ? self->look_us
                                                                  : now_us + WHI_LAG_ROWS_US;
        whi_timetable_again(&worker->timetable, &worker->lagging_again, at_us);
    }
}

/* All that is asked of each of them. With very many that takes longer than a turn should with each wake-up. (By CPU
 * time: on a busy machine it does not wait for what it has waited for.) */
static void look_at_all(whi_worker *worker) {
    int64_t began_us = whi_thread_cpu_us();

    if (whi_monotonic_us() < worker->lagging->look_us) {
        return;
    }
    look_for_news(worker);
    meet_new(worker);
    wake(worker);
    whi_lagging_write_rows(worker);
    worker->lagging->look_us = whi_monotonic_us() + (whi_thread_cpu_us() - began_us) * LOOK_SHARE;
}

void whi_lagging_turn(whi_worker *worker) {
    const whi_lags *lags = worker->engine->lags;

    if (worker->index != 0 || (worker->lagging == NULL && atomic_load(&lags->count) == 0)) {
        return;
    }
    if (worker->lagging == NULL && begin(worker) != WH_OK) {
        return;
    }
    look_at_all(worker);
    wake_tenants(worker);
    decide_some(worker);
    look_again(worker);
}

void whi_lagging_again(whi_worker *worker, whi_entry *entry) {
    (void)worker;
    (void)entry; /* it is out of the timetable now, and whi_lagging_turn looks again */
}

void whi_lagging_stop(whi_worker *worker) {
    whi_lagging *self = worker->lagging;

    if (self != NULL) {
        self->unanswered = whi_aside_free(self->aside);
        self->aside = NULL;
    }
}

void whi_lagging_end(whi_worker *worker) {
    whi_lagging *self = worker->lagging;

    if (self == NULL) {
        return;
    }
    while (self->unanswered != NULL) {
        whi_question *next = self->unanswered->following;
        free_question(self->unanswered);
        self->unanswered = next;
    }
    self->asked = 0;
    self->writing = 0;
    for (whi_lag *lag = self->list; lag != NULL; lag = lag->following) {
        drop_page(worker, lag);
        leave_tenant(self, lag);
    }
    take_gone(worker);
    free_gone(worker);
    whi_table_free(&self->tenants);
    whi_free(self);
    worker->lagging = NULL;
}
