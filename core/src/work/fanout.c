/* Tests: test_engine_trouble. */
#include "work/fanout.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/budget.h"
#include "engine/decide.h"
#include "engine/lag.h"
#include "engine/lease.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "engine/result.h"
#include "pure/delivery.h"
#include "work/later.h"
#include "work/queue.h"
#include "work/record.h"
#include "work/retire.h"

#define HANDED_OVER 1             /* a delivery is no longer the caller's */
#define SLICE_US 2000             /* who takes longer is left to a thread beside this one */
#define LAGS_US INT64_C(10000000) /* for so long at least: what begins and ends costs rows */

void whi_fanout_close(whi_worker *worker) {
    whi_decider_close(&worker->decider);
}

/* What becomes of its subscription, by what its rule said. */
static void note_rule(whi_worker *worker, const whi_event *event, whi_registration *registration,
                      const whi_decision *decision) {
    if (decision->verdict == WHI_FAILED) {
        char sentence[WH_RULE_ERROR_SIZE];
        whi_result_sentence(decision, sentence);
        whi_retire_for_rule(worker, event, registration, sentence);
    } else if (registration->subscription->rule != NULL && decision->verdict != WHI_FILTERED) {
        atomic_store_explicit(&registration->rule_failures, 0, memory_order_relaxed);
    }
}

static whi_subject subject_of(const whi_event *event) {
    return (whi_subject){ event->id, event->type, event->tenant, event->source, event->key, event->time };
}

static int scan_anew(whi_worker *worker, const whi_event *event) {
    worker->scanned = NULL;
    return whi_decider_scan_stored(&worker->decider, event->payload, event->payload_size);
}

/* An event that is decided in parts is scanned once, if nothing comes in between. */
static int scan(whi_worker *worker, const whi_event *event) {
    int code = worker->scanned != event ? whi_decider_scan_stored(&worker->decider, event->payload, event->payload_size)
                                        : WH_OK;

    worker->scanned = code == WH_OK ? event : NULL;
    return code;
}

/* slice_us: 0, or what may come of it is WHI_SLOW. */
static int decide(whi_worker *worker, const whi_event *event, whi_registration *registration, int64_t slice_us,
                  whi_decision *out) {
    whi_subject subject = subject_of(event);
    int code;

    worker->decider.slice_us = slice_us;
    code = whi_decide(&worker->decider, &subject, registration, out);
    if (code == WH_OK && out->verdict != WHI_SLOW) {
        note_rule(worker, event, registration, out);
    }
    return code;
}

/* A decision without a key leaves the one that it has. */
static int take_key(whi_worker *worker, whi_delivery *delivery, const whi_decision *decision) {
    whi_subject subject = subject_of(delivery->event);
    char *key;
    int code = whi_result_key(&worker->decider, &subject, delivery->registration->subscription, decision, &key);

    if (code == WH_OK && key != NULL) {
        whi_free(delivery->key);
        delivery->key = key;
    }
    return code;
}

/* The decision's bytes, key and headers become the delivery's. */
static int take_decision(whi_worker *worker, whi_delivery *delivery, whi_decision *decision) {
    char sentence[WH_RULE_ERROR_SIZE];

    whi_delivery_take_body(worker->engine, delivery, decision->body, decision->body_size);
    whi_free(delivery->headers);
    delivery->headers = decision->headers;
    decision->body = decision->headers = NULL;
    if (decision->verdict == WHI_FAILED) {
        whi_result_sentence(decision, sentence);
        whi_free(delivery->error);
        delivery->error = whi_strdup(sentence, WH_ZSTR);
    }
    return whi_result_state(delivery->registration->subscription, decision) == WHI_SENDING
               ? take_key(worker, delivery, decision)
               : WH_OK;
}

/* Another rule is in force by now: what the one that failed held back was tried with it when it came. */
static int was_mended(whi_worker *worker, const whi_registration *registration) {
    whi_registration *now = whi_registry_get(worker->engine->registry, registration->subscription->id);
    int mended = now != NULL && now->rule_hash != registration->rule_hash;

    whi_registration_unref(now);
    return mended;
}

/* As one that was held and is replayed: the present rule makes its bytes when it is fetched. */
static void leave_to_mended(whi_worker *worker, whi_delivery *delivery) {
    delivery->version = 0;
    whi_delivery_wait(worker->engine, delivery, delivery->created_at);
}

/* From being made, or from being sent, to what the decision wants. */
static void move_as_decided(whi_worker *worker, whi_delivery *delivery, const whi_decision *decision) {
    int wanted = whi_result_state(delivery->registration->subscription, decision);

    if (wanted == WHI_HELD && delivery->state == WHI_ABSENT && was_mended(worker, delivery->registration)) {
        leave_to_mended(worker, delivery);
    } else if (wanted == WHI_HELD) {
        whi_delivery_move(worker->engine, delivery, WHI_SET_ASIDE, 0);
    } else if (wanted == WHI_ABSENT) {
        whi_delivery_move(worker->engine, delivery, WHI_CANCEL, 0);
    } else if (delivery->state == WHI_ABSENT) {
        whi_delivery_move(worker->engine, delivery, WHI_CLAIM, 0);
    }
}

/* ---------------------------------------------------------------------- fan-out */

/* An event that was seen before, by a worker that died or by this one when something failed,
 * may have deliveries already. */
int whi_fanout_exists(whi_worker *worker, const whi_event *event, const whi_registration *registration, int *known) {
    *known = 0;
    return event->seen_before
               ? whi_store_has_delivery(worker->engine->reader, event->number, registration->subscription->id, known)
               : WH_OK;
}

/* What has its place in an order, or its time later, waits in the store. */
static void put_off(whi_worker *worker, whi_delivery *delivery, int64_t delay) {
    if (delivery->state == WHI_SENDING && (delivery->key != NULL || delay > 0 || delivery->event->lags)) {
        whi_delivery_wait(worker->engine, delivery, delivery->created_at + delay);
    }
}

/* Queues it, or records at once what is not sent now. The event's counter was raised. */
static void dispatch(whi_worker *worker, whi_delivery *delivery) {
    whi_inbox *home = whi_inbox_of(worker->engine, delivery->registration->subscription->id);

    if (delivery->state != WHI_SENDING) {
        whi_record_delivery(worker, delivery);
    } else if (home == &worker->inbox) {
        whi_queue_push(worker, delivery);
    } else {
        whi_inbox_give_delivery(home, delivery);
    }
}

/* A subscription for one event alone: whoever switches it off has the event. The event's counter
 * was raised. */
static int use_up(whi_worker *worker, whi_delivery *delivery, int64_t delay) {
    int code;

    whi_delivery_wait(worker->engine, delivery, delivery->created_at + delay);
    code = whi_retire_used(worker, delivery);
    if (code != WH_OK) {
        atomic_fetch_sub(&delivery->event->unwritten, 1);
        whi_delivery_free(worker->engine, delivery);
    }
    return code;
}

static int make_delivery(whi_worker *worker, whi_event *event, whi_registration *registration, whi_decision *decided) {
    whi_delivery *delivery = whi_delivery_new(worker->engine, event, registration);
    int code;

    if (delivery == NULL) {
        return whi_fail_memory();
    }
    code = take_decision(worker, delivery, decided);
    if (code != WH_OK) {
        whi_delivery_free(worker->engine, delivery);
        return code;
    }
    move_as_decided(worker, delivery, decided);
    atomic_fetch_add(&event->unwritten, 1);
    if (registration->subscription->single_use && delivery->state == WHI_SENDING) {
        return use_up(worker, delivery, decided->delay);
    }
    put_off(worker, delivery, decided->delay);
    dispatch(worker, delivery);
    return WH_OK;
}

/* 1: it lags, and this event is left to it. 0: a former lag of it is still ending. */
static int leave_to_lag(whi_worker *worker, whi_event *event, whi_registration *registration, whi_decision *decided) {
    int left = whi_lags_begin(worker->engine->lags, event, registration->subscription->id, 0);

    whi_decision_free(decided);
    return left != 0 ? left : decide(worker, event, registration, 0, decided);
}

static int deliver(whi_worker *worker, whi_event *event, whi_registration *registration, whi_decision *decided) {
    return whi_result_state(registration->subscription, decided) != WHI_ABSENT
               ? make_delivery(worker, event, registration, decided)
               : WH_OK;
}

static int deliver_to(whi_worker *worker, whi_event *event, whi_registration *registration) {
    whi_decision decided = { 0 };
    int known, code = whi_fanout_exists(worker, event, registration, &known);

    if (code != WH_OK || known) {
        return code;
    }
    code = decide(worker, event, registration, SLICE_US, &decided);
    if (code == WH_OK && decided.verdict == WHI_SLOW) {
        code = leave_to_lag(worker, event, registration, &decided);
    }
    code = code == WH_OK ? deliver(worker, event, registration, &decided) : code;
    whi_decision_free(&decided);
    return code == 1 ? WH_OK : code;
}

int whi_fanout_take(whi_worker *worker, whi_event *event, whi_registration *registration, whi_decision *decided) {
    int code = scan_anew(worker, event);

    if (code == WH_OK) {
        note_rule(worker, event, registration, decided);
        code = deliver(worker, event, registration, decided);
    }
    return code;
}

static int is_to_be_sent(const whi_delivery *delivery) {
    return delivery->state == WHI_SENDING || delivery->state == WHI_WAITING;
}

/* Of several that were held one has the subscription. */
static int use_up_remade(whi_worker *worker, whi_delivery *delivery) {
    int code;

    whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine));
    code = whi_retire_used(worker, delivery);
    return code == WH_OK ? HANDED_OVER : code;
}

static void take_remade(whi_worker *worker, whi_delivery *delivery, const whi_decision *decided) {
    delivery->body_is_new = 1;
    move_as_decided(worker, delivery, decided);
    if (delivery->state != WHI_CANCELLED) { /* whose version stays 0: a replay asks the rule again */
        delivery->version = delivery->registration->subscription->version;
    }
    if (delivery->key != NULL) {
        delivery->created_at = whi_now(worker->engine);
        put_off(worker, delivery, 0);
    }
}

static int give_remade(whi_worker *worker, whi_delivery *delivery, whi_decision *decided, int *handed_over) {
    int code = take_decision(worker, delivery, decided);

    if (code != WH_OK) {
        return code;
    }
    take_remade(worker, delivery, decided);
    if (delivery->registration->subscription->single_use && is_to_be_sent(delivery)) {
        code = use_up_remade(worker, delivery);
    }
    *handed_over = code == HANDED_OVER;
    return *handed_over ? WH_OK : code;
}

/* A delivery that was held has no bytes yet: the present rule makes them. Its event is
 * as it was, so another try costs nothing but the rule. */
int whi_fanout_remake(whi_worker *worker, whi_delivery *delivery, int *handed_over) {
    whi_decision decided = { 0 };
    int code = scan_anew(worker, delivery->event);

    code = code == WH_OK ? decide(worker, delivery->event, delivery->registration, SLICE_US, &decided) : code;
    if (code == WH_OK) {
        code = decided.verdict == WHI_SLOW ? WHI_FANOUT_SLOW : give_remade(worker, delivery, &decided, handed_over);
    }
    whi_decision_free(&decided);
    return code;
}

int whi_fanout_remade(whi_worker *worker, whi_delivery *delivery, whi_decision *decided, int *handed_over) {
    int code = scan_anew(worker, delivery->event);

    if (code == WH_OK) {
        note_rule(worker, delivery->event, delivery->registration, decided);
        code = give_remade(worker, delivery, decided, handed_over);
    }
    return code;
}

/* 1: of this event's tenant, those who look into payloads lag. */
static int must_lag(const whi_worker *worker) {
    return worker->budget_is_spent || worker->tenant_is_costly;
}

static int scan_if_needed(whi_worker *worker, const whi_event *event) {
    whi_subject subject = subject_of(event);
    int code = WH_OK;

    if (must_lag(worker) || worker->scanned == event) {
        return WH_OK;
    }
    worker->decider.scanned = WH_OK;
    worker->scanned = NULL;
    for (size_t i = event->found_at; i < event->found_count; i++) {
        if (whi_result_looks_inside(&subject, event->found[i])) {
            code = scan(worker, event);
            break;
        }
    }
    return code;
}

/* A full disk, a locked file, no memory. All else is written in the store as it must not be (a hand's
 * work): the event waits until somebody mends that. */
static int is_of_the_world(int code) {
    return code == WH_ENOMEM || code == WH_EFULL || code == WH_ESTORE || code == WH_ELOCKED || code == WH_EMOVED ||
           code == WH_EKEY;
}

/* The threads are to leave: what is begun stays in the store. */
static int is_leaving(const wh_engine *engine) {
    return atomic_load(&engine->stop) == 2;
}

static int find(whi_worker *worker, whi_event *event) {
    whi_sought sought = { event->number, event->accepted_at, event->id, event->tenant, event->type, event->source, 0 };

    return event->found == NULL
               ? whi_registry_find(worker->engine->registry, &sought, &event->found, &event->found_count)
               : WH_OK;
}

/* What looks into no payload costs its tenant nothing that counts. 1: it waits for the budget, or the time, and lags.
 * 0: a former lag of it is still ending, so it is decided after all. */
static int wait_for_share(whi_worker *worker, whi_event *event, whi_registration *registration) {
    whi_subject subject = subject_of(event);
    int left;

    if (!must_lag(worker) || !whi_result_looks_inside(&subject, registration)) {
        return 0;
    }
    left = whi_lags_begin(worker->engine->lags, event, registration->subscription->id,
                          worker->budget_is_spent ? 0 : LAGS_US);
    return left == 0 ? scan(worker, event) : left;
}

static int decide_one(whi_worker *worker, whi_event *event, whi_registration *registration) {
    wh_engine *engine = worker->engine;
    int64_t subscription = registration->subscription->id;
    int lags;

    if (!whi_position_decides(engine->position, subscription, &event->mark, event->number)) {
        return WH_OK;
    }
    if (is_leaving(engine)) {
        return WH_ECLOSED;
    }
    lags = whi_lags_meet(engine->lags, event, subscription);
    lags = lags == 0 ? wait_for_share(worker, event, registration) : lags;
    return lags == 0 ? deliver_to(worker, event, registration) : lags == 1 ? WH_OK : lags;
}

/* 1 in more: that time has come before the last of them. */
static int decide_all(whi_worker *worker, whi_event *event, int64_t until_us, int *more) {
    int code = WH_OK;

    *more = 0;
    while (code == WH_OK && event->found_at < event->found_count && !*more) {
        whi_registration *registration = event->found[event->found_at];
        code = decide_one(worker, event, registration);
        event->found_at += code == WH_OK;
        if (code == WH_OK) {
            whi_registration_unref(registration);
        }
        *more = event->found_at < event->found_count && whi_monotonic_us() >= until_us;
    }
    return code;
}

static void try_later(whi_worker *worker, whi_event *event, int code) {
    wh_engine *engine = worker->engine;

    whi_log(&engine->log, WH_LOG_ERROR, "event %s cannot be fanned out now: %s", event->id, wh_last_error());
    whi_trouble(engine, is_of_the_world(code) ? code : WH_ECORRUPT, wh_last_error());
    whi_event_forget_found(event);
    whi_later_event(worker, event);
}

int whi_fanout(whi_worker *worker, whi_event *event, int64_t until_us) {
    wh_engine *engine = worker->engine;
    int code, more = 0;

    if (!whi_lease_has(engine->lease, event->owner)) {
        whi_event_unref(engine, event);
        return 1;
    }
    worker->budget_is_spent = whi_budget_is_spent(engine, event->tenant);
    code = find(worker, event);
    code = code == WH_OK ? scan_if_needed(worker, event) : code;
    code = code == WH_OK ? decide_all(worker, event, until_us, &more) : code;
    if (code == WH_OK && more) {
        return 0;
    }
    worker->scanned = NULL;
    if (code != WH_OK && code != WH_ECLOSED) {
        try_later(worker, event, code);
        return 1;
    }
    whi_event_forget_found(event);
    if (code == WH_OK) {
        whi_record_written(engine, event);
    }
    whi_event_unref(engine, event);
    return 1;
}
