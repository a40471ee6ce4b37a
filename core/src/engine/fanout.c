/* Fan-out: which subscriptions get an event, and which bytes.
 *
 * Filters, then the rule, then fields, in the order of their price. The payload is
 * scanned once, and only if one of the subscriptions looks into it. A rule that fails
 * touches its own subscription alone. */
#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"

#include <string.h>

#define RULES_MAXIMUM 4096 /* compiled rules kept by a worker */

/* ------------------------------------------------------------- compiled rules */

static const wh_rule_engine *rule_engine(const whi_worker *worker) {
    return worker->engine->options.rules;
}

static void forget_rules(whi_worker *worker) {
    for (size_t i = 0; i < worker->rule_slot_capacity; i++) {
        whi_rule_slot *slot = &worker->rule_slots[i];
        if (slot->owner != NULL) {
            rule_engine(worker)->release(worker->rules, slot->rule);
            whi_free(slot->owner);
            whi_free(slot->source);
        }
    }
    whi_free(worker->rule_slots);
    worker->rule_slots = NULL;
    worker->rule_slot_count = worker->rule_slot_capacity = 0;
}

void whi_fanout_close(whi_worker *worker) {
    whi_json_free(&worker->json);
    if (worker->rules != NULL) {
        forget_rules(worker);
        rule_engine(worker)->close(worker->rules);
        worker->rules = NULL;
    }
}

static whi_rule_slot *find_slot(whi_worker *worker, const whi_registration *registration) {
    const whi_subscription *s = registration->subscription;
    size_t mask = worker->rule_slot_capacity - 1;
    size_t at = (size_t)registration->rule_hash & mask;

    for (;; at = (at + 1) & mask) {
        whi_rule_slot *slot = &worker->rule_slots[at];
        if (slot->owner == NULL ||
            (slot->hash == registration->rule_hash && slot->source_size == s->rule_size &&
             strcmp(slot->owner, s->tenant) == 0 && memcmp(slot->source, s->rule, s->rule_size) == 0)) {
            return slot;
        }
    }
}

static int room_for_rule(whi_worker *worker) {
    if (worker->rule_slot_count >= RULES_MAXIMUM) {
        forget_rules(worker);
    }
    if (worker->rule_slots == NULL) {
        worker->rule_slots = whi_calloc(RULES_MAXIMUM * 2, sizeof *worker->rule_slots);
        if (worker->rule_slots == NULL) {
            return whi_fail_memory();
        }
        worker->rule_slot_capacity = RULES_MAXIMUM * 2;
    }
    return WH_OK;
}

static int compiled(whi_worker *worker, const whi_registration *registration, void **out, char *error) {
    const whi_subscription *s = registration->subscription;
    whi_rule_slot *slot;
    int code = room_for_rule(worker);

    if (code != WH_OK) {
        return code;
    }
    slot = find_slot(worker, registration);
    if (slot->owner == NULL) {
        code = rule_engine(worker)->compile(worker->rules, s->tenant, s->rule, s->rule_size, &slot->rule, error);
        if (code != WH_OK) {
            return code;
        }
        slot->source = whi_strdup(s->rule, s->rule_size);
        slot->owner = slot->source != NULL ? whi_strdup(s->tenant, WH_ZSTR) : NULL;
        if (slot->owner == NULL) {
            rule_engine(worker)->release(worker->rules, slot->rule);
            whi_free(slot->source);
            memset(slot, 0, sizeof *slot);
            return whi_fail_memory();
        }
        slot->hash = registration->rule_hash;
        slot->source_size = s->rule_size;
        worker->rule_slot_count++;
    }
    *out = slot->rule;
    return WH_OK;
}

/* ------------------------------------------------------------------- decisions */

/* What is decided for one subscription. */
typedef struct decision {
    int state;  /* 0: nothing is sent; WHI_SENDING; WHI_HELD */
    char *body; /* owned; NULL: the payload */
    size_t body_size;
    int64_t delay;
    char error[WH_RULE_ERROR_SIZE];
} decision;

static int rule_failed(const whi_subscription *s, int code, const char *sentence, decision *out) {
    static const int states[] = { [WHI_HOLD] = WHI_HELD, [WHI_SKIP] = 0, [WHI_SEND] = WHI_SENDING };
    size_t size = strlen(wh_error_name(code));

    out->state = states[s->on_rule_error];
    memcpy(out->error, wh_error_name(code), size);
    if (sentence[0] != '\0') {
        size_t rest = strlen(sentence);
        memcpy(out->error + size, ": ", 2);
        size += 2;
        rest = rest < sizeof out->error - size - 1 ? rest : sizeof out->error - size - 1;
        memcpy(out->error + size, sentence, rest);
        size += rest;
    }
    out->error[size] = '\0';
    return WH_OK;
}

static int run_rule(whi_worker *worker, const whi_event *event, whi_registration *registration, decision *out) {
    const whi_subscription *s = registration->subscription;
    wh_rule_input input = { &worker->json, event->id,   event->type,
                            event->tenant, event->time, registration->id,
                            s->name,       s->metadata, s->metadata ? strlen(s->metadata) : 0 };
    wh_rule_verdict verdict;
    void *rule = NULL;
    int code;

    memset(&verdict, 0, sizeof verdict);
    if (worker->rules == NULL) {
        return rule_failed(s, WH_ERULE_ENGINE, "", out);
    }
    code = compiled(worker, registration, &rule, verdict.error);
    if (code == WH_OK) {
        code = rule_engine(worker)->run(worker->rules, rule, &input, &verdict);
    }
    if (code != WH_OK) {
        return code == WH_ENOMEM ? code : rule_failed(s, code, verdict.error, out);
    }
    atomic_store_explicit(&registration->rule_failures, 0, memory_order_relaxed);
    out->state = verdict.action == WH_RULE_DROP ? 0 : WHI_SENDING;
    out->delay = verdict.delay;
    if (verdict.action == WH_RULE_PROJECT) {
        out->body = whi_strdup(verdict.body, verdict.body_size);
        out->body_size = verdict.body_size;
        return out->body != NULL ? WH_OK : whi_fail_memory();
    }
    return WH_OK;
}

/* `fields` of what the rule said, or of the payload. */
static int keep_fields(whi_worker *worker, const whi_registration *registration, decision *out) {
    whi_json said = { 0 };
    const whi_json *json = &worker->json;
    whi_buf kept;
    int code = WH_OK;

    if (registration->fields == NULL || out->state != WHI_SENDING || out->error[0] != '\0') {
        return WH_OK;
    }
    if (out->body != NULL) {
        code = whi_json_scan(&said, out->body, out->body_size, (int)worker->engine->options.limits.json_depth);
        json = &said;
    }
    whi_buf_init(&kept, (size_t)worker->engine->options.limits.payload_bytes * 2);
    if (code == WH_OK) {
        code = whi_fields_project(registration->fields, json, 0, &kept);
    }
    if (code == WH_OK) {
        whi_free(out->body);
        code = whi_buf_take(&kept, &out->body, &out->body_size);
    }
    whi_buf_free(&kept);
    whi_json_free(&said);
    return code;
}

static int looks_inside(const whi_registration *registration) {
    return registration->filter != NULL || registration->fields != NULL || registration->subscription->rule != NULL;
}

static int decide(whi_worker *worker, const whi_event *event, whi_registration *registration, decision *out) {
    int code = WH_OK;

    memset(out, 0, offsetof(decision, error));
    out->error[0] = '\0';
    out->state = WHI_SENDING;
    if (!looks_inside(registration)) {
        return WH_OK;
    }
    if (registration->filter != NULL && !whi_filter_match(registration->filter, &worker->json, NULL)) {
        out->state = 0;
        return WH_OK;
    }
    if (registration->subscription->rule != NULL) {
        code = run_rule(worker, event, registration, out);
    }
    if (code == WH_OK) {
        code = keep_fields(worker, registration, out);
    }
    if (code != WH_OK) {
        whi_free(out->body);
        out->body = NULL;
    }
    return code;
}

/* ---------------------------------------------------------------------- fan-out */

static int found_row(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    (void)row;
    (void)event;
    *(int *)payload = 1;
    return 0;
}

/* An event that was taken over from a worker that died may have deliveries already. */
static int exists_already(whi_worker *worker, const whi_event *event, const whi_registration *registration) {
    whi_store *store = worker->engine->store;
    int known = 0;

    if (event->seen_before) {
        store->vtable->delivery_get(store, event->number, registration->subscription->id, found_row, &known);
    }
    return known;
}

/* Queues it, or records at once what is not sent now. The event's counter was raised. */
static void dispatch(whi_worker *worker, whi_delivery *delivery, const decision *decided) {
    whi_worker *home = whi_worker_of(worker->engine, delivery->registration->subscription->id);

    delivery->state = decided->state;
    if (decided->state == WHI_SENDING && decided->delay > 0) {
        delivery->state = WHI_WAITING;
        delivery->due = delivery->created_at + decided->delay;
    }
    if (delivery->state != WHI_SENDING) {
        whi_record_delivery(worker, delivery);
    } else if (home == worker) {
        whi_lane_push(worker, delivery);
    } else {
        whi_worker_give_delivery(home, delivery);
    }
}

static int deliver_to(whi_worker *worker, whi_event *event, whi_registration *registration) {
    decision decided;
    whi_delivery *delivery;
    int code;

    if (exists_already(worker, event, registration)) {
        return WH_OK;
    }
    code = decide(worker, event, registration, &decided);
    if (code != WH_OK) {
        return code;
    }
    if (decided.error[0] != '\0') {
        whi_rule_error(worker, event, registration, decided.error);
    }
    if (decided.state == 0) {
        return WH_OK;
    }
    delivery = whi_delivery_new(worker->engine, event, registration);
    if (delivery == NULL) {
        whi_free(decided.body);
        return whi_fail_memory();
    }
    delivery->body = decided.body;
    delivery->body_size = decided.body_size;
    if (decided.error[0] != '\0') {
        delivery->error = whi_strdup(decided.error, WH_ZSTR);
    }
    atomic_fetch_add(&event->unwritten, 1);
    dispatch(worker, delivery, &decided);
    return WH_OK;
}

/* A delivery that was held has no bytes yet: the present rule makes them. Its event is
 * as it was, so another try costs nothing but the rule. */
int whi_fanout_remake(whi_worker *worker, whi_delivery *delivery) {
    whi_event *event = delivery->event;
    decision decided;
    int code = whi_json_scan(&worker->json, event->payload, event->payload_size,
                             (int)worker->engine->options.limits.json_depth);

    code = code == WH_OK ? decide(worker, event, delivery->registration, &decided) : code;
    if (code != WH_OK) {
        return code;
    }
    if (decided.error[0] != '\0') {
        whi_rule_error(worker, event, delivery->registration, decided.error);
        whi_free(delivery->error);
        delivery->error = whi_strdup(decided.error, WH_ZSTR);
    }
    delivery->version = delivery->registration->subscription->version;
    delivery->body = decided.body;
    delivery->body_size = decided.body_size;
    delivery->body_is_new = 1;
    delivery->state = decided.state != 0 ? decided.state : WHI_CANCELLED;
    return WH_OK;
}

static int scan_if_needed(whi_worker *worker, const whi_event *event, whi_registration *const *found, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (looks_inside(found[i])) {
            return whi_json_scan(&worker->json, event->payload, event->payload_size,
                                 (int)worker->engine->options.limits.json_depth);
        }
    }
    return WH_OK;
}

void whi_fanout(whi_worker *worker, whi_event *event) {
    wh_engine *engine = worker->engine;
    whi_registration **found = NULL;
    size_t count = 0;
    int code;

    if (!whi_lease_holds(engine, event)) {
        whi_event_unref(engine, event);
        return;
    }
    code = whi_registry_find(engine->registry, event->tenant, event->type, &found, &count);
    if (code == WH_OK) {
        code = scan_if_needed(worker, event, found, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (code == WH_OK) {
            code = deliver_to(worker, event, found[i]);
        }
        whi_registration_unref(found[i]);
    }
    whi_free(found);
    if (code != WH_OK) {
        /* The mark stays: the event is looked at again when somebody takes it over. */
        whi_log(engine, WH_LOG_ERROR, "event %s cannot be fanned out now: %s", event->id, wh_last_error());
    } else if (atomic_fetch_sub(&event->unwritten, 1) == 1) {
        whi_record_finished(worker, event);
    }
    whi_event_unref(engine, event);
}
