/* Tests: test_engine_ruling. */
#include "work/rulings.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fair.h"
#include "base/mem.h"
#include "engine/budget.h"
#include "engine/result.h"
#include "pure/delivery.h"
#include "work/aside.h"

#define QUANTUM_US 2000
#define BUDGET_US INT64_C(20000)         /* until who has spent its budget is looked at again */
#define ANSWER_MAXIMUM ((size_t)1 << 20) /* as a rule sees it: escapes make six bytes of one */

/* A tenant's answers that wait. */
typedef struct line {
    whi_turn turn; /* first */
    struct asking *first, **end;
    int waits; /* 1: out of the ring, for its budget */
    char tenant[];
} line;

typedef struct asking {
    whi_question question; /* first */
    struct asking *next;
    line *line;
    whi_parcel *parcel;
    void (*ruled)(whi_parcel *parcel);
    whi_buf answer; /* as the rule sees it */
    char kept[];    /* the parcel's answer, which is gone when its sink has told it */
} asking;

/* Of a worker, from the first answer on. */
typedef struct whi_rulings {
    struct whi_aside *aside; /* NULL: it has ended */
    whi_fair fair;
    whi_table lines;
    int waiting; /* lines that wait for their budget */
    asking *asked;
    whi_question *unanswered;
} whi_rulings;

static uint32_t hash_line(const void *entry) {
    return whi_table_spread_text(0, ((const line *)entry)->tenant);
}

static int is_line(const void *entry, const void *key) {
    return strcmp(((const line *)entry)->tenant, key) == 0;
}

static const whi_table_kind line_kind = { hash_line, is_line };

static line *line_of(whi_rulings *self, const char *tenant) {
    line *found = whi_table_get(&self->lines, &line_kind, whi_table_spread_text(0, tenant), tenant);
    size_t size = strlen(tenant) + 1;

    if (found != NULL || whi_table_reserve(&self->lines, &line_kind) != WH_OK) {
        return found;
    }
    found = whi_calloc(1, sizeof *found + size);
    if (found != NULL) {
        memcpy(found->tenant, tenant, size);
        found->end = &found->first;
        whi_table_put(&self->lines, &line_kind, found);
    }
    return found;
}

static void free_lines(whi_rulings *self) {
    for (uint32_t i = 0; i < self->lines.capacity; i++) {
        whi_free(self->lines.slots[i]);
    }
    whi_table_free(&self->lines);
}

static void free_asking(asking *one) {
    whi_decision_free(&one->question.decision);
    whi_buf_free(&one->answer);
    whi_free(one);
}

/* -------------------------------------------------------------------- what it came to */

/* Behind the sentence that there is, or the status, of which otherwise nobody says anything. */
static void say(whi_parcel *parcel, const char *note) {
    size_t size = strlen(parcel->sentence);

    if (size == 0 && parcel->outcome != WHI_OUTCOME_SUCCESS) {
        size = (size_t)snprintf(parcel->sentence, WHI_SENTENCE, "%s: answered %d", wh_error_name(parcel->code),
                                parcel->status);
    }
    if (size < WHI_SENTENCE) {
        snprintf(parcel->sentence + size, WHI_SENTENCE - size, "%s%s", size > 0 ? "; " : "", note);
    }
}

static void succeed(whi_parcel *parcel) {
    parcel->outcome = WHI_OUTCOME_SUCCESS;
    parcel->code = WH_OK;
    parcel->answers = 1;
    parcel->overloaded = 0;
}

static void fail(whi_parcel *parcel, enum whi_outcome outcome) {
    parcel->outcome = outcome;
    parcel->code = parcel->code == WH_OK ? WH_ESTATUS : parcel->code;
    parcel->aborts = 0;
}

static void apply(whi_parcel *parcel, const whi_ruling *ruling) {
    char note[WHI_RULING_SENTENCE];

    parcel->ruling = *ruling;
    if (ruling->outcome == WHI_RULED_SUCCESS) {
        succeed(parcel);
    } else if (ruling->outcome == WHI_RULED_RETRY) {
        fail(parcel, WHI_OUTCOME_RETRY);
    } else if (ruling->outcome != WHI_RULED_ORDINARY) {
        fail(parcel, WHI_OUTCOME_GIVE_UP);
    }
    whi_ruling_say(ruling, note);
    if (note[0] != '\0') {
        say(parcel, note);
    }
}

/* It is told, with the attempt and to the log, and changes nothing. */
static void tell_failure(whi_worker *worker, whi_parcel *parcel, const char *sentence) {
    char note[WHI_SENTENCE];
    const wh_log_field fields[] = { { "subscription", parcel->delivery->registration->id, 0 },
                                    { "event", parcel->delivery->event->id, 0 },
                                    { "error", sentence, 0 } };

    whi_log_fields(&worker->engine->log, WH_LOG_WARNING, "response rule failed", fields, 3);
    atomic_fetch_add_explicit(&worker->engine->count.rule_failures, 1, memory_order_relaxed);
    snprintf(note, sizeof note, "response rule failed: %.200s", sentence);
    say(parcel, note);
}

static void take_decision(whi_worker *worker, whi_parcel *parcel, const whi_decision *decision) {
    char sentence[WH_RULE_ERROR_SIZE];
    whi_ruling ruling = WHI_RULING_NONE;
    int code = WH_OK;

    if (decision->verdict == WHI_FAILED) {
        whi_result_sentence(decision, sentence);
        tell_failure(worker, parcel, sentence);
        return;
    }
    if (decision->verdict == WHI_PROJECT) {
        code = whi_ruling_read(&ruling, decision->body, decision->body_size, whi_now(worker->engine));
    }
    if (code == WH_OK) {
        apply(parcel, &ruling);
    } else {
        tell_failure(worker, parcel, wh_last_error());
    }
}

static void end(whi_worker *worker, asking *one, int code) {
    whi_parcel *parcel = one->parcel;

    if (code == WH_OK) {
        take_decision(worker, parcel, &one->question.decision);
    } else {
        tell_failure(worker, parcel, wh_last_error());
    }
    one->ruled(parcel);
    free_asking(one);
    worker->done_count++;
}

/* ----------------------------------------------------------------------------- asking */

/* Debts are forgotten when nobody waits. */
static line *next_line(whi_worker *worker) {
    whi_rulings *self = worker->rulings;
    line *next;

    while ((next = (line *)whi_fair_next(&self->fair, QUANTUM_US)) != NULL) {
        if (next->tenant[0] == '\0' || !whi_budget_is_spent(worker->engine, next->tenant)) {
            return next;
        }
        next->waits = 1;
        self->waiting++;
        whi_fair_leave(&self->fair, &next->turn);
    }
    if (self->waiting == 0) {
        free_lines(self);
    } else if (!whi_entry_is_set(&worker->rulings_again)) {
        whi_timetable_again(&worker->timetable, &worker->rulings_again, whi_monotonic_us() + BUDGET_US);
    }
    return NULL;
}

static asking *take_first(whi_rulings *self, line *of) {
    asking *one = of->first;

    of->first = one->next;
    if (of->first == NULL) {
        of->end = &of->first;
        whi_fair_leave(&self->fair, &of->turn);
    }
    return one;
}

/* Where nobody can be asked the ordinary outcome counts. */
static void ask_next(whi_worker *worker) {
    whi_rulings *self = worker->rulings;
    line *next;

    while (self->asked == NULL && (next = next_line(worker)) != NULL) {
        asking *one = take_first(self, next);
        int code = whi_aside_ask(self->aside, worker, &one->question);
        self->asked = code == WH_OK ? one : NULL;
        if (code != WH_OK) {
            end(worker, one, code);
        }
    }
}

static void answered(whi_task *task) {
    asking *one = (asking *)task;
    whi_worker *worker = task->worker;
    whi_rulings *self = worker->rulings;

    self->asked = NULL;
    one->line->turn.credit -= one->question.us;
    if (one->line->tenant[0] != '\0') {
        whi_budget_spend(worker->engine, one->line->tenant, one->question.us);
    }
    if (!worker->inbox.open) {
        free_asking(one);
        return;
    }
    end(worker, one, task->code);
    if (self->aside != NULL) {
        ask_next(worker);
    }
}

void whi_rulings_again(whi_worker *worker, whi_entry *entry) {
    whi_rulings *self = worker->rulings;

    (void)entry;
    if (self == NULL || self->aside == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->lines.capacity; i++) {
        line *one = self->lines.slots[i];
        if (one != NULL && one->waits && !whi_budget_is_spent(worker->engine, one->tenant)) {
            one->waits = 0;
            self->waiting--;
            whi_fair_join(&self->fair, &one->turn);
        }
    }
    if (self->asked == NULL) {
        ask_next(worker);
    }
}

static int begin(whi_worker *worker) {
    whi_rulings *self = worker->rulings;

    if (self == NULL) {
        self = whi_calloc(1, sizeof *self);
        if (self == NULL) {
            return whi_fail_memory();
        }
        worker->rulings = self;
    }
    return self->aside != NULL ? WH_OK : whi_aside_new(&self->aside, worker->engine);
}

static int asking_new(asking **out, const whi_parcel *parcel) {
    asking *one = whi_calloc(1, sizeof *one + parcel->answer_size);
    int code;

    *out = NULL;
    if (one == NULL) {
        return whi_fail_memory();
    }
    if (parcel->answer_size > 0) {
        memcpy(one->kept, parcel->answer, parcel->answer_size);
    }
    whi_buf_init(&one->answer, ANSWER_MAXIMUM);
    whi_ruling_answer(&one->answer, parcel->status, parcel->headers, one->kept, parcel->answer_size,
                      (int)parcel->delivery->attempts + 1);
    code = whi_buf_status(&one->answer);
    if (code != WH_OK) {
        free_asking(one);
        return code;
    }
    *out = one;
    return WH_OK;
}

static void append(whi_rulings *self, line *of, asking *one) {
    one->line = of;
    *of->end = one;
    of->end = &one->next;
    if (!of->waits) {
        whi_fair_join(&self->fair, &of->turn);
    }
}

int whi_rulings_ask(whi_worker *worker, whi_parcel *parcel, void (*ruled)(whi_parcel *parcel)) {
    whi_registration *registration = parcel->delivery->registration;
    asking *one = NULL;
    line *of = NULL;
    int code = begin(worker);

    code = code == WH_OK ? asking_new(&one, parcel) : code;
    of = code == WH_OK ? line_of(worker->rulings, registration->subscription->tenant) : NULL;
    if (of == NULL) {
        if (one != NULL) {
            free_asking(one);
        }
        return code != WH_OK ? code : whi_fail_memory();
    }
    one->parcel = parcel;
    one->ruled = ruled;
    one->question.event = parcel->delivery->event;
    one->question.registration = registration->response;
    one->question.payload = one->answer.data;
    one->question.payload_size = one->answer.size;
    one->question.task.back = answered;
    parcel->answer = one->kept;
    parcel->headers = NULL;
    append(worker->rulings, of, one);
    if (worker->rulings->asked == NULL) {
        ask_next(worker);
    }
    return WH_OK;
}

/* ---------------------------------------------------------------------------- the end */

void whi_rulings_stop(whi_worker *worker) {
    whi_rulings *self = worker->rulings;

    if (self != NULL && self->aside != NULL) {
        self->unanswered = whi_aside_free(self->aside);
        self->aside = NULL;
    }
}

/* What was asked and did not come back, then what waits. NULL: none is left. */
static asking *take_any(whi_rulings *self) {
    asking *one = (asking *)self->unanswered;

    if (one != NULL) {
        self->unanswered = self->unanswered->following;
        self->asked = NULL;
        return one;
    }
    for (uint32_t i = 0; i < self->lines.capacity; i++) {
        line *of = self->lines.slots[i];
        if (of != NULL && of->first != NULL) {
            return take_first(self, of);
        }
    }
    return NULL;
}

void whi_rulings_settle(whi_worker *worker) {
    whi_rulings *self = worker->rulings;
    asking *one;

    whi_rulings_stop(worker);
    while (self != NULL && (one = take_any(self)) != NULL) {
        int code = one->question.decision.verdict != 0
                       ? WH_OK /* it was being asked */
                       : whi_fail(WH_ECLOSED, "it was not asked, since this process was stopped");
        end(worker, one, code);
    }
}

void whi_rulings_end(whi_worker *worker) {
    whi_rulings *self = worker->rulings;
    asking *one;

    if (self == NULL) {
        return;
    }
    while ((one = take_any(self)) != NULL) {
        free_asking(one);
    }
    free_lines(self);
    whi_free(self);
    worker->rulings = NULL;
}
