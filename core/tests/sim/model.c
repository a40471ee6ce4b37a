#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

model_event *model_events[MODEL_EVENTS];
int model_event_count;
model_subscription *model_subscriptions[MODEL_SUBSCRIPTIONS];
int model_subscription_count;
const char *const model_tenants[MODEL_TENANTS] = { "", "acme", "zebra" };
const char *const model_types[MODEL_TYPES] = { "a.x", "a.y", "b.x", "b.y" };
const char *const model_keys[MODEL_KEYS + 1] = { "", "k1", "k2", "k3" };
void (*model_complain)(const char *invariant, const char *sentence);

static model_pair pairs[MODEL_EVENTS][MODEL_SUBSCRIPTIONS];
static int excused, out_of_order, arrivals;

static void broken(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void broken(const char *invariant, const char *format, ...) {
    char sentence[300];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (model_complain != NULL) {
        model_complain(invariant, sentence);
        return;
    }
    sim_fail(invariant, "%s", sentence);
}

int model_rates_tenant(void) {
    return sim_plan_now != NULL && sim_plan_now->seed % 4 == 3;
}

void model_begin(void) {
    memset(pairs, 0, sizeof pairs);
    model_event_count = model_subscription_count = 0;
    excused = out_of_order = arrivals = 0;
    keys_begin();
}

void model_excuse(void) {
    excused = 1;
}

void model_excuse_order(void) {
    out_of_order = 1;
}

int model_excused(void) {
    return excused;
}

model_pair *model_pair_of(int n, int k) {
    return &pairs[n][k];
}

/* ------------------------------------------------------------------------- deciding */

static unsigned by_rule(const model_config *config, const model_event *event) {
    static const unsigned on_failure[MODEL_POLICIES] = { MODEL_HELD, MODEL_NOT, MODEL_SEND };

    if (config->rule == MODEL_DROP && event->marked) {
        return MODEL_NOT;
    }
    return config->rule == MODEL_FAIL && event->bad ? on_failure[config->policy] : MODEL_SEND;
}

unsigned model_decide(const model_subscription *subscription, const model_config *config, const model_event *event) {
    if (subscription->tenant != event->tenant || !(config->types & 1u << event->type) || config->paused) {
        return MODEL_NOT;
    }
    return config->filter && !event->filter ? MODEL_NOT : by_rule(config, event);
}

static unsigned body_of(const model_config *config) {
    return config->rule == MODEL_PROJECT ? 2 : 1;
}

static uint64_t bit_of(model_subscription *subscription, const model_config *config) {
    int i = 0;

    while (i < subscription->shape_count && memcmp(&subscription->shapes[i], config, sizeof *config) != 0) {
        i++;
    }
    if (i == MODEL_SHAPES) {
        sim_fail("simulator", "a subscription with too many shapes in all");
    }
    subscription->shapes[i] = *config;
    subscription->shape_count += i == subscription->shape_count;
    return UINT64_C(1) << i;
}

/* It has its number. A row of the outbox gets one when it is taken, and nobody says when. */
static int is_numbered(const model_event *event) {
    return event->status == MODEL_ACCEPTED && !event->from_outbox;
}

/* Shapes that the subscription may have now. */
static void look_at_shapes(const model_event *event, model_subscription *subscription, model_pair *pair) {
    for (int i = 0; i < subscription->possible_count; i++) {
        const model_config *config = &subscription->possible[i];

        pair->rests |= config->paused ? 2 : 1;
        if (!is_numbered(event)) {
            pair->deciders |= bit_of(subscription, config);
        }
    }
}

/* The same, with the bytes that come of it. */
static unsigned want_by(const model_config *config, model_pair *pair, unsigned want) {
    if (want & MODEL_SEND) {
        pair->bodies |= (unsigned char)body_of(config);
    }
    return want;
}

static unsigned by_deciders(const model_event *event, const model_subscription *subscription, model_pair *pair) {
    unsigned all = pair->deciders == 0 ? MODEL_NOT : 0; /* it was made later */

    for (int i = 0; i < subscription->shape_count; i++) {
        for (int paused = 0; paused <= 1 && pair->deciders >> i & 1; paused++) {
            model_config config = subscription->shapes[i];

            config.paused = paused;
            all |=
                pair->rests & (paused ? 2 : 1) ? want_by(&config, pair, model_decide(subscription, &config, event)) : 0;
        }
    }
    return all;
}

/* What was held back a mended rule lets go, or drops. */
static unsigned by_mended(const model_event *event, const model_subscription *subscription, model_pair *pair) {
    unsigned all = 0;

    for (int i = 0; i < subscription->possible_count; i++) {
        const model_config *config = &subscription->possible[i];

        all |= config->filter && !event->filter ? MODEL_NOT : want_by(config, pair, by_rule(config, event));
    }
    return all;
}

/* What may come of the pair. */
static void widen(const model_event *event, model_subscription *subscription) {
    model_pair *pair = model_pair_of(event->n, subscription->k);
    unsigned all;

    look_at_shapes(event, subscription, pair);
    all = by_deciders(event, subscription, pair);
    if ((pair->want | all) & MODEL_HELD) {
        all |= by_mended(event, subscription, pair);
    }
    if (subscription->deleted || subscription->gone || subscription->unknown || !subscription->made ||
        subscription->single_use) {
        all |= MODEL_NOT;
    }
    pair->want |= (unsigned char)all;
    pair->apart |= (unsigned char)all;
}

static void widen_all(model_subscription *subscription) {
    for (int n = 0; n < model_event_count; n++) {
        widen(model_events[n], subscription);
    }
}

/* --------------------------------------------------------------------------- events */

static char *write_payload(const model_event *event, size_t pad, size_t *size) {
    char *text = sim_alloc(pad + 128);
    int head = snprintf(text, 128, "{\"n\":%d,\"drop\":%s,\"bad\":%s,\"f\":%d,\"pad\":\"", event->n,
                        event->marked ? "true" : "false", event->bad ? "true" : "false", event->filter);

    memset(text + head, 'x', pad);
    memcpy(text + head + pad, "\"}", 3);
    *size = (size_t)head + pad + 2;
    return text;
}

/* Of one key only the newest is kept. */
static void replace_older(const model_event *event, const model_subscription *subscription) {
    for (int n = 0; n < event->n; n++) {
        if (model_events[n]->key == event->key && event->key != 0) {
            model_pair_of(n, subscription->k)->want |= MODEL_NOT;
        }
    }
    if (event->key != 0) {
        model_pair_of(event->n, subscription->k)->want |= MODEL_NOT; /* numbers are not made in our order */
    }
}

model_event *model_event_new(const model_event *shape, size_t pad) {
    model_event *made = sim_alloc(sizeof *made);

    *made = *shape;
    made->n = model_event_count;
    made->begun = sim_step;
    made->status = MODEL_ASKED;
    made->payload = write_payload(made, pad, &made->payload_size);
    model_events[model_event_count++] = made;
    for (int k = 0; k < model_subscription_count; k++) {
        widen(made, model_subscriptions[k]);
        if (model_subscriptions[k]->order == MODEL_LATEST) {
            replace_older(made, model_subscriptions[k]);
        }
    }
    return made;
}

void model_accepted(model_event *event, const char *id) {
    event->status = MODEL_ACCEPTED;
    event->answered = sim_step;
    event->accepted_us = sim_now;
    if (event->id[0] != '\0' && id != NULL && strcmp(event->id, id) != 0) {
        broken("id", "event %d was accepted as %s, and before that as %s", event->n, id, event->id);
    }
    if (id != NULL) {
        snprintf(event->id, sizeof event->id, "%s", id);
    }
}

void model_refused(model_event *event, int status) {
    event->status = status;
    event->answered = sim_step;
    for (int k = 0; k < model_subscription_count; k++) {
        if (status == MODEL_NEVER && model_pair_of(event->n, k)->arrivals > 0) {
            broken("rolled_back", "event %d was taken back, and had arrived at %d", event->n, k);
        }
    }
}

/* --------------------------------------------------------------------- subscriptions */

model_subscription *model_subscription_new(const model_subscription *shape) {
    model_subscription *made = sim_alloc(sizeof *made);

    *made = *shape;
    made->k = model_subscription_count;
    model_subscriptions[model_subscription_count++] = made;
    widen_all(made);
    return made;
}

void model_made(model_subscription *subscription, const char *id) {
    widen_all(subscription); /* what was asked for meanwhile may be too early */
    snprintf(subscription->id, sizeof subscription->id, "%s", id);
    subscription->made = 1;
}

void model_change(model_subscription *subscription, const model_config *config) {
    subscription->changing = 1;
    for (int i = 0; i < subscription->possible_count; i++) {
        if (memcmp(&subscription->possible[i], config, sizeof *config) == 0) {
            widen_all(subscription);
            return;
        }
    }
    if (subscription->possible_count == MODEL_CONFIGS) {
        sim_fail("simulator", "a subscription with too many shapes");
    }
    subscription->possible[subscription->possible_count++] = *config;
    widen_all(subscription);
}

void model_changed(model_subscription *subscription, const model_config *config, int known) {
    subscription->changing = 0;
    if (known) {
        subscription->possible[0] = *config;
        subscription->possible_count = 1;
    }
}

void model_delete(model_subscription *subscription) {
    subscription->deleted = 1;
    subscription->deleted_by = sim_self_process()->number;
    subscription->deleted_at = SIM_NEVER;
    widen_all(subscription);
}

void model_replay(int n, int k, int again) {
    model_pair *pair = model_pair_of(n, k);

    pair->replays++;
    pair->extra += again;
}

void model_replay_missed(int n, int k, int again) {
    model_pair *pair = model_pair_of(n, k);

    pair->replays--;
    pair->extra -= again;
}

void model_replayed(int n, int k, int again) {
    model_pair *pair = model_pair_of(n, k);

    pair->replayed++;
    pair->extras += again;
}

/* ---------------------------------------------------------------------- the receiver */

static uint64_t hash_of(const char *body, size_t size) {
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)body[i]) * UINT64_C(1099511628211);
    }
    return hash | 1;
}

static int limit_of(const model_pair *pair, const model_subscription *subscription) {
    return subscription->retry_count * (1 + pair->replays);
}

static int is_finished(const model_pair *pair, const model_subscription *subscription) {
    return pair->successes > 0 || pair->failures >= subscription->retry_count;
}

/* Those that were accepted before this one was asked for, whoever accepted them. (Rows of the outbox are
 * accepted when somebody takes them: judge.c knows in which order.) */
static void check_order(const model_event *event, const model_subscription *subscription) {
    if (out_of_order || subscription->order == MODEL_NONE || subscription->order == MODEL_LATEST ||
        (subscription->order == MODEL_KEY && event->key == 0)) {
        return;
    }
    for (int n = 0; n < event->n; n++) {
        const model_event *before = model_events[n];
        const model_pair *pair = model_pair_of(n, subscription->k);
        if (before->status != MODEL_ACCEPTED || before->answered >= event->begun || before->from_outbox ||
            event->from_outbox || pair->want != MODEL_SEND ||
            (subscription->order == MODEL_KEY && before->key != event->key)) {
            continue;
        }
        if (!is_finished(pair, subscription)) {
            broken("order", "event %d arrives at %d before %d, which was accepted earlier, is finished", event->n,
                   subscription->k, n);
        }
    }
}

static void check_body(const model_event *event, int k, const char *body, size_t size, model_pair *pair) {
    uint64_t hash = hash_of(body, size);
    char projected[64];
    int length = snprintf(projected, sizeof projected, "{\"n\":%d,\"p\":1}", event->n);
    int is_payload = size == event->payload_size && memcmp(body, event->payload, size) == 0;
    int is_projected = size == (size_t)length && memcmp(body, projected, size) == 0;

    if (!(is_payload && (pair->bodies & 1)) && !(is_projected && (pair->bodies & 2))) {
        broken("bytes", "event %d arrives at %d with bytes that no rule of it made", event->n, k);
    }
    if (pair->body != 0 && pair->body != hash && !excused) {
        broken("bytes", "event %d arrives at %d with other bytes than before", event->n, k);
    }
    pair->body = hash;
}

static void check_repeat(const model_event *event, const model_subscription *subscription, const model_pair *pair) {
    if (excused) {
        return;
    }
    if (pair->open > 0) {
        broken("twice", "event %d is sent to %d while an earlier request of it is open", event->n, subscription->k);
    }
    if (pair->successes > pair->extra) {
        broken("twice", "event %d is sent to %d again, which had taken it", event->n, subscription->k);
    }
    if (pair->failures >= limit_of(pair, subscription)) {
        broken("retries", "event %d is sent to %d a %dth time, its retry list has %d", event->n, subscription->k,
               pair->failures + 1, subscription->retry_count);
    }
}

static void check_single(const model_event *event, model_subscription *subscription) {
    if (!subscription->single_use) {
        return;
    }
    if (subscription->used_by != 0 && subscription->used_by != event->n + 1) {
        broken("single_use", "%d is for one event, and gets %d and %d", subscription->k, subscription->used_by - 1,
               event->n);
    }
    subscription->used_by = event->n + 1;
}

static model_event *event_of(const char *body, size_t size) {
    int n;
    char head[32];

    snprintf(head, sizeof head, "%.*s", (int)(size < 31 ? size : 31), body);
    if (sscanf(head, "{\"n\":%d,", &n) != 1) {
        return NULL;
    }
    if (n < 0 || n >= model_event_count) {
        broken("unknown", "an event %d arrives that nobody made", n);
        return NULL;
    }
    return model_events[n];
}

static void check_id(model_event *event, const char *id) {
    if (event->id[0] == '\0') {
        snprintf(event->id, sizeof event->id, "%s", id);
    } else if (strcmp(event->id, id) != 0) {
        broken("id", "event %d has the id %s, and arrives as %s", event->n, event->id, id);
    }
}

void model_arrives(int k, const char *id, const char *body, size_t size, int slot, int open, model_pair **out) {
    model_subscription *subscription = k < model_subscription_count ? model_subscriptions[k] : NULL;
    model_event *event = event_of(body, size);
    model_pair *pair;

    *out = NULL;
    (void)slot;
    if (event == NULL || subscription == NULL) {
        return;
    }
    pair = *out = model_pair_of(event->n, k);
    sim_note("event %d arrives at %d, %s", event->n, k, pair->arrivals ? "again" : "at first");
    check_id(event, id);
    if (event->status == MODEL_NEVER) {
        broken("rolled_back", "event %d arrives at %d, and was rolled back", event->n, k);
    }
    if (!(pair->want & MODEL_SEND)) {
        broken("unwanted", "event %d (type %s, drop %d, bad %d, f %d) arrives at %d, which does not want it (%d)",
               event->n, model_types[event->type], event->marked, event->bad, event->filter, k, pair->want);
    }
    if (!excused && open >= subscription->cap) {
        broken("cap", "%d has %d requests open, its cap is %d", k, open + 1, subscription->cap);
    }
    check_single(event, subscription);
    check_repeat(event, subscription, pair);
    check_body(event, k, body, size, pair);
    check_order(event, subscription);
    pair->first = pair->first ? pair->first : ++arrivals;
    pair->arrivals++;
    pair->open++;
}

void model_cut(model_pair *pair) {
    pair->open--;
}

void model_answers(model_pair *pair, int k, int status, int error) {
    model_subscription *subscription = model_subscriptions[k];

    pair->open--;
    if (error == 0 && status >= 200 && status < 300) {
        pair->successes++;
        return;
    }
    pair->failures++;
    if (status == 410) {
        subscription->gone = 1;
        widen_all(subscription);
    }
}
