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
#include "work/record.h"

#define QUANTUM_US 10000 /* of a tenant, and of a subscription */
#define TURN_US 2000     /* of looking, in one turn of the worker */
#define CALM 64          /* so many decisions that take little are enough to keep up with the others */
#define CALM_US 1000     /* little */
#define QUIET_US                                                                                                       \
    INT64_C(60000000)             /* with nothing to decide: if it still is slow, that is found out by the next one    \
                                   */
#define AGAIN_US INT64_C(1000000) /* after what could not be done */
#define ROWS_US INT64_C(50000)    /* between two commits for positions alone */

/* Where a lag is. */
enum {
    NEW,     /* its tenant is not known yet */
    ROWLESS, /* it has no row yet */
    READY,   /* in the ring */
    ASKED,   /* a decision is being made */
    SETTLES, /* its page is decided, and not all is written */
    IDLE,    /* there is nothing more for it at the moment, or no memory */
    FAILS,   /* it could not go on, and tries again at its time */
    STOPS,   /* it ends */
};

/* Those of one tenant. */
typedef struct whi_lag_tenant {
    whi_turn turn; /* first */
    whi_fair lags;
    int count;
    int waits; /* 1: for its budget, out of the ring */
    char name[];
} whi_lag_tenant;

/* The positions of a commit. */
typedef struct rows {
    whi_task task;
    int64_t owner;
    size_t count;
    struct row {
        whi_lag *lag;
        int64_t subscription, position; /* -1: it lags no more */
        int fresh;                      /* 1: the first, at the position of the engine */
        int waits;                      /* 1: for its tenant's budget */
        whi_answer answer;
    } list[];
} rows;

typedef struct whi_lagging {
    struct whi_aside *aside;
    whi_table tenants;
    whi_fair fair;
    whi_lag *list; /* by following */
    size_t count;
    int waiting;   /* tenants that wait for their budgets */
    whi_lag *gone; /* to be freed when nothing is under way */
    whi_question question;
    whi_lag *asked; /* whose question is being answered */
    int writing;    /* rows are under way */
    int pages;      /* of events that are in memory for them */
    int64_t rows_us;
    int64_t over_us; /* when it was last asked which subscriptions are no more */
} whi_lagging;

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

static void set_state(whi_lagging *self, whi_lag *lag, int state) {
    lag->state = state;
    if (state == READY) {
        whi_fair_join(&lag->tenant->lags, &lag->turn);
        if (!lag->tenant->waits) {
            whi_fair_join(&self->fair, &lag->tenant->turn);
        }
    } else if (lag->tenant != NULL) {
        whi_fair_leave(&lag->tenant->lags, &lag->turn);
        if (lag->tenant->lags.first == NULL) {
            whi_fair_leave(&self->fair, &lag->tenant->turn);
        }
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

/* Its events were held for nothing: they are undecided for it no more. */
static void release(whi_worker *worker, whi_lag *lag, int64_t position, int64_t from) {
    whi_event **held;
    size_t count = whi_lags_written(worker->engine->lags, lag, position, from, &held);

    for (size_t i = 0; i < count; i++) {
        whi_record_written(worker->engine, held[i]);
        whi_event_unref(worker->engine, held[i]);
    }
    whi_free(held);
}

/* A subscription that is no more has nothing to decide: its row goes. */
static void end_with_subscription(whi_worker *worker, whi_lag *lag) {
    if (lag->written < 0) {
        release(worker, lag, 0, 0);
    }
    set_state(worker->lagging, lag, STOPS);
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
            set_state(self, lag, lag->written < 0 ? ROWLESS : READY);
        }
    } else {
        end_with_subscription(worker, lag);
    }
    whi_registration_unref(registration);
}

static void meet_new(whi_worker *worker) {
    for (whi_lag *lag = worker->lagging->list; lag != NULL; lag = lag->following) {
        if (lag->state == NEW) {
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

    while (self->gone != NULL && self->asked == NULL && !self->writing) {
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

/* ------------------------------------------------------------------------------- rows */

static int run_rows(whi_job *job, whi_store *store) {
    rows *self = (rows *)job;
    wh_engine *engine = self->task.worker->engine;
    int code = WH_OK;

    self->owner = atomic_load(&engine->lease->owner);
    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        struct row *row = &self->list[i];
        whi_fact *fact;
        row->answer = (whi_answer){ 0 };
        if (row->fresh) {
            row->position = whi_position_now(engine->position, self->owner, NULL);
        }
        if (self->owner == 0 || row->position == WHI_NOWHERE) {
            continue;
        }
        code = whi_store_add(store, WH_FACT_LAG, &row->answer, &fact);
        if (code == WH_OK) {
            fact->of.lag.owner = self->owner;
            fact->of.lag.subscription = row->subscription;
            fact->of.lag.partition = whi_partition_of(row->subscription);
            fact->of.lag.position = row->position;
            fact->of.lag.waits = row->waits;
        }
    }
    return code;
}

/* The engine's position goes on without it from here on. */
static void begin_reading(whi_worker *worker, whi_lag *lag, int64_t position) {
    int64_t owner, from = whi_position_next(worker->engine->position, &owner);

    release(worker, lag, position, from);
    if (!lag->gone) {
        set_state(worker->lagging, lag, READY);
    }
}

static void row_is_written(whi_worker *worker, const struct row *row) {
    whi_lag *lag = row->lag;

    if (row->position < 0) {
        whi_lags_remove(worker->engine->lags, lag);
    } else if (!row->answer.done) {
        worker->lagging->rows_us += ROWS_US; /* another's by now, or its subscription is no more: it will be told of */
    } else if (row->fresh && lag->state == ROWLESS) {
        begin_reading(worker, lag, row->position);
    } else if (!row->fresh) {
        lag->written = row->position;
    }
}

static void rows_back(whi_task *task) {
    rows *self = (rows *)task;
    whi_worker *worker = task->worker;

    worker->lagging->writing = 0;
    worker->lagging->rows_us = whi_monotonic_us();
    if (task->code != WH_OK) {
        whi_log(&worker->engine->log, WH_LOG_ERROR, "what lags cannot be recorded now: %s", task->sentence);
        whi_trouble(worker->engine, task->code, task->sentence);
        worker->lagging->rows_us += AGAIN_US;
    }
    for (size_t i = 0; i < self->count && task->code == WH_OK; i++) {
        row_is_written(worker, &self->list[i]);
    }
    worker->done_count++;
    whi_free(self);
}

/* All that was handed over up to this number is decided. Of `from` it is asked before the numbers are looked at: until
 * then workers may add to them. */
static int has_passed(whi_worker *worker, int64_t number) {
    int64_t passed = whi_position_now(worker->engine->position, worker->owner, NULL);

    return passed != WHI_NOWHERE && passed >= number;
}

static int has_no_numbers(whi_worker *worker, const whi_lag *lag) {
    return !lag->fresh || whi_lags_numbers(worker->engine->lags, lag, NULL, 1) == 0;
}

/* 1: it has something for its row. */
static int wants_row(whi_worker *worker, whi_lag *lag) {
    if (lag->gone) {
        return 0;
    }
    switch (lag->state) {
    case NEW:
        return 0;
    case ROWLESS:
        return 1;
    case STOPS:
        return has_passed(worker, lag->until);
    default:
        return lag->at > lag->written && has_passed(worker, lag->from) && has_no_numbers(worker, lag);
    }
}

static void add_row(whi_worker *worker, rows *self, whi_lag *lag) {
    struct row *row = &self->list[self->count++];

    row->lag = lag;
    row->subscription = lag->subscription;
    row->fresh = lag->state == ROWLESS;
    row->position = lag->state == STOPS ? -1 : lag->at;
    row->waits = lag->tenant != NULL && whi_budget_is_spent(worker->engine, lag->tenant->name);
}

static void write_rows(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    rows *task;

    if (self->writing || self->count == 0) {
        return;
    }
    task = whi_calloc(1, sizeof *task + self->count * sizeof(struct row));
    for (whi_lag *lag = self->list; lag != NULL && task != NULL; lag = lag->following) {
        if (wants_row(worker, lag)) {
            add_row(worker, task, lag);
        }
    }
    if (task == NULL || task->count == 0) {
        whi_free(task);
        return;
    }
    task->task.job.run = run_rows;
    task->task.job.rows = (int)task->count;
    task->task.back = rows_back;
    self->writing = 1;
    whi_worker_submit(worker, &task->task);
}

static int may_write_rows(const whi_worker *worker) {
    const whi_lagging *self = worker->lagging;

    return !atomic_load(&worker->engine->lease->share) || whi_monotonic_us() >= self->rows_us + ROWS_US;
}

static int has_rowless(const whi_lagging *self) {
    for (const whi_lag *lag = self->list; lag != NULL; lag = lag->following) {
        if (lag->state == ROWLESS && !lag->gone) {
            return 1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------------- pages */

static int take_event(const whi_event_row *row, void *payload) {
    whi_worker *worker = payload;
    whi_lag *lag = worker->lagging->asked;
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
    int beyond = has_passed(worker, lag->from), code = WH_OK;

    worker->lagging->asked = lag;
    lag->page_upto = lag->at;
    lag->page_numbered = lag->fresh ? whi_lags_numbers(worker->engine->lags, lag, lag->page_numbers, WHI_LAG_PAGE) : 0;
    if (lag->page_numbered > 0) {
        code = read_numbers(worker, lag->page_numbers, lag->page_numbered);
    } else if (beyond) {
        code = read_log(worker, lag);
    }
    worker->lagging->asked = NULL;
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
    int beyond = has_passed(worker, lag->from);

    return has_no_numbers(worker, lag) && (!beyond || lag->at >= read);
}

static int is_quiet(const whi_lag *lag) {
    return whi_monotonic_us() - lag->busy_us >= QUIET_US;
}

static void rest(whi_worker *worker, whi_lag *lag) {
    wh_engine *engine = worker->engine;

    if ((lag->calm >= CALM || is_quiet(lag)) && has_passed(worker, lag->from) &&
        whi_lags_stop(engine->lags, engine->position, lag)) {
        set_state(worker->lagging, lag, STOPS);
    } else {
        set_state(worker->lagging, lag, IDLE);
    }
}

/* -------------------------------------------------------------------------- decisions */

static whi_registration *wanting(whi_worker *worker, const whi_event *event, int64_t subscription, int *code) {
    whi_sought sought = { event->number, event->accepted_at, event->id, event->tenant, event->type, event->source };
    whi_registration **found = NULL, *wants = NULL;
    size_t count = 0;

    *code = whi_registry_find(worker->engine->registry, &sought, &found, &count);
    for (size_t i = 0; i < count; i++) {
        if (found[i]->subscription->id == subscription && wants == NULL) {
            wants = found[i];
        } else {
            whi_registration_unref(found[i]);
        }
    }
    whi_free(found);
    return wants;
}

/* The others do. */
static void cannot_go_on(whi_worker *worker, whi_lag *lag, int code) {
    whi_log(&worker->engine->log, WH_LOG_ERROR, "a subscription that lags cannot go on now: %s", wh_last_error());
    whi_trouble(worker->engine, code, wh_last_error());
    lag->again_us = whi_monotonic_us() + AGAIN_US;
    set_state(worker->lagging, lag, FAILS);
}

static void charge(whi_worker *worker, whi_lag *lag, int64_t us) {
    lag->turn.credit -= us;
    lag->tenant->turn.credit -= us;
    whi_budget_spend(worker->engine, lag->tenant->name, us);
    lag->calm = us <= CALM_US ? lag->calm + 1 : 0;
}

static void answered(whi_task *task) {
    whi_question *question = (whi_question *)task;
    whi_worker *worker = task->worker;
    whi_lagging *self = worker->lagging;
    whi_lag *lag = self->asked;
    int code = task->code;

    self->asked = NULL;
    worker->done_count++;
    if (!lag->gone && worker->inbox.open) {
        charge(worker, lag, question->us);
        code = code == WH_OK ? whi_fanout_take(worker, question->event, question->registration, &question->decision)
                             : code;
        lag->page_at += code == WH_OK;
        set_state(self, lag, READY);
        if (code != WH_OK) {
            cannot_go_on(worker, lag, code);
        }
    }
    whi_decision_free(&question->decision);
    whi_registration_unref(question->registration);
}

static int ask(whi_worker *worker, whi_lag *lag, whi_registration *registration) {
    whi_lagging *self = worker->lagging;
    int code;

    self->question = (whi_question){ .event = lag->page[lag->page_at], .registration = registration };
    self->question.task.back = answered;
    self->asked = lag;
    set_state(self, lag, ASKED);
    code = whi_aside_ask(self->aside, worker, &self->question);
    if (code != WH_OK) {
        self->asked = NULL;
        whi_registration_unref(registration);
    }
    return code;
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

    if (lag->page_at < lag->page_count) {
        return decide_next(worker, lag);
    }
    if (lag->page_count > 0) {
        set_state(worker->lagging, lag, SETTLES);
        return WH_OK;
    }
    if (!has_memory(worker)) {
        set_state(worker->lagging, lag, IDLE);
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
    return lag->page_count == 0 && (lag->state == READY || lag->state == IDLE || lag->state == ROWLESS);
}

/* 1: its time has come to go on. */
static int is_awake(whi_worker *worker, whi_lag *lag) {
    return (lag->state == IDLE && (!has_caught_up(worker, lag) || is_quiet(lag))) ||
           (lag->state == FAILS && whi_monotonic_us() >= lag->again_us);
}

static void wake(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    int64_t now_us = whi_monotonic_us();
    int asks = now_us - self->over_us >= ROWS_US;

    self->over_us = asks ? now_us : self->over_us;
    for (whi_lag *lag = self->list; lag != NULL; lag = lag->following) {
        if (asks && may_be_over(lag) && is_over(worker, lag)) {
            end_with_subscription(worker, lag);
        } else if (lag->state == SETTLES && is_settled(lag)) {
            end_page(worker, lag);
            set_state(self, lag, READY);
        } else if (is_awake(worker, lag)) {
            set_state(self, lag, READY);
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

static void decide_some(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    int64_t now_us = whi_monotonic_us(), until_us = now_us + TURN_US;
    whi_lag *lag;

    while (self->asked == NULL && now_us < until_us && (lag = next_lag(worker)) != NULL) {
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
        int64_t soon_us = self->fair.first != NULL && self->asked == NULL ? 0 : ROWS_US;
        whi_timetable_again(&worker->timetable, &worker->lagging_again, whi_monotonic_us() + soon_us);
    }
}

void whi_lagging_turn(whi_worker *worker) {
    const whi_lags *lags = worker->engine->lags;

    if (worker->index != 0 || (worker->lagging == NULL && atomic_load(&lags->count) == 0)) {
        return;
    }
    if (worker->lagging == NULL && begin(worker) != WH_OK) {
        return;
    }
    look_for_news(worker);
    meet_new(worker);
    wake(worker);
    wake_tenants(worker);
    decide_some(worker);
    if (may_write_rows(worker) || (has_rowless(worker->lagging) && whi_monotonic_us() >= worker->lagging->rows_us)) {
        write_rows(worker);
    }
    look_again(worker);
}

void whi_lagging_again(whi_worker *worker, whi_entry *entry) {
    (void)worker;
    (void)entry; /* it is out of the timetable now, and whi_lagging_turn looks again */
}

void whi_lagging_stop(whi_worker *worker) {
    whi_lagging *self = worker->lagging;

    if (self == NULL) {
        return;
    }
    whi_aside_free(self->aside);
    self->aside = NULL;
}

void whi_lagging_end(whi_worker *worker) {
    whi_lagging *self = worker->lagging;

    if (self == NULL) {
        return;
    }
    if (self->asked != NULL) {
        whi_decision_free(&self->question.decision);
        whi_registration_unref(self->question.registration);
        self->asked = NULL;
    }
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
