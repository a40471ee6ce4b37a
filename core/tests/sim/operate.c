/* What publishers and operators ask of an engine, and what the model is told of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neighbours.h"
#include "polls.h"
#include "world.h"

#define BATCH 3

/* ------------------------------------------------------------------------- publishing */

model_event *event_drawn(sim_chance *chance, sim_process *process, int from_outbox) {
    model_event shape = { 0 };
    size_t pad = sim_one_in(chance, 6) ? (size_t)sim_spread(chance, 100, 8000) : (size_t)sim_below(chance, 40);

    shape.tenant = sim_one_in(chance, 2) ? 0 : (int)sim_below(chance, MODEL_TENANTS);
    shape.tenant = neighbours_tenant(model_event_count, shape.tenant);
    shape.type = (int)sim_below(chance, MODEL_TYPES);
    shape.marked = sim_one_in(chance, 3);
    shape.bad = sim_one_in(chance, sim_plan_now->mended ? 2 : 8);
    shape.filter = sim_one_in(chance, 2);
    shape.key = (int)sim_below(chance, MODEL_KEYS + 1);
    shape.own_id = sim_one_in(chance, 2);
    shape.from_outbox = from_outbox;
    shape.slot = process->slot;
    if (shape.own_id) {
        snprintf(shape.id, sizeof shape.id, "e%d", model_event_count);
    }
    world_events_left--;
    return model_event_new(&shape, pad);
}

static void fill_event(wh_event *out, const model_event *event) {
    static const wh_event empty = WH_EVENT_INIT;

    *out = empty;
    out->id = event->id[0] != '\0' ? event->id : NULL;
    out->type = model_types[event->type];
    out->tenant = model_tenants[event->tenant];
    out->payload = event->payload;
    out->payload_size = event->payload_size;
    out->key = event->key != 0 ? model_keys[event->key] : NULL;
}

/* A call that fails changes nothing; where the disk or the machine fails, who knows. */
static void tell_outcome(model_event **events, const wh_receipt *receipts, int count, int code) {
    for (int i = 0; i < count; i++) {
        if (code != WH_OK) {
            model_refused(events[i], model_excused() ? MODEL_UNKNOWN : MODEL_NEVER);
            continue;
        }
        if (receipts[i].duplicate) {
            sim_fail("duplicate", "event %d is new, and is called a duplicate", events[i]->n);
        }
        model_accepted(events[i], receipts[i].id);
    }
}

/* The same id again is the same event, as long as that is kept. */
static void publish_again(sim_process *process, sim_chance *chance) {
    model_event *event = model_event_count > 0 ? model_events[sim_below(chance, model_event_count)] : NULL;
    wh_receipt receipt;
    wh_event again;

    if (sim_plan_now->retain_ms != 0 || event == NULL || !event->own_id || event->status != MODEL_ACCEPTED ||
        event->from_outbox) {
        return;
    }
    fill_event(&again, event);
    if (wh_publish(process->engine, &again, &receipt) == WH_OK && !receipt.duplicate) {
        sim_fail("duplicate", "event %d was accepted as %s, and is accepted again", event->n, event->id);
    }
}

void publish_some(sim_process *process, sim_chance *chance) {
    int count = sim_one_in(chance, 4) ? 1 + (int)sim_below(chance, BATCH) : 1, code;
    model_event *events[BATCH] = { NULL };
    wh_event given[BATCH];
    wh_receipt receipts[BATCH];

    if (sim_one_in(chance, 12)) {
        publish_again(process, chance);
        return;
    }
    for (int i = 0; i < count; i++) {
        events[i] = event_drawn(chance, process, 0);
        fill_event(&given[i], events[i]);
    }
    sim_note("publishes %d from %d", count, events[0]->n);
    process->publishes++;
    code = count == 1 ? wh_publish(process->engine, given, receipts)
                      : wh_publish_batch(process->engine, given, (size_t)count, receipts);
    process->publishes--;
    sim_note("published %d: %d %s", events[0]->n, code, code != WH_OK ? wh_last_error() : "");
    tell_outcome(events, receipts, count, code);
}

/* ------------------------------------------------------------------------ subscriptions */

static void draw_config(model_config *out, sim_chance *chance) {
    int slow = (sim_plan_now->kinds & 1u << SIM_rule) != 0 && sim_one_in(chance, 2);

    memset(out, 0, sizeof *out);
    out->types = sim_one_in(chance, 3) ? 15 : 1 + (unsigned)sim_below(chance, 15);
    out->rule = (int)sim_below(chance, MODEL_RULES);
    out->policy = (int)sim_below(chance, MODEL_POLICIES);
    out->filter = sim_one_in(chance, 5);
    if (sim_plan_now->mended) {
        out->types = 15;
        out->rule = sim_one_in(chance, 2) ? MODEL_FAIL : MODEL_PASS;
        out->policy = MODEL_HOLD;
    }
    out->cost = slow && out->rule != MODEL_NO_RULE ? sim_spread(chance, 1000, sim_plan_now->rule_us) : 0;
}

static void draw_subscription(model_subscription *out, sim_chance *chance) {
    memset(out, 0, sizeof *out);
    out->tenant = sim_one_in(chance, 2) ? 0 : (int)sim_below(chance, MODEL_TENANTS);
    out->order = sim_one_in(chance, 2) ? MODEL_NONE : (int)sim_below(chance, MODEL_ORDERS);
    if ((sim_plan_now->late_ones || sim_plan_now->mended) && sim_one_in(chance, 2)) {
        out->order = MODEL_LATEST;
    }
    out->cap = sim_one_in(chance, 2) && !sim_plan_now->backlog ? 64 : 1 + (int)sim_below(chance, 3);
    out->single_use = sim_one_in(chance, 7);
    out->timeout = sim_spread(chance, 500, 15000);
    out->retry_count = 1 + (int)sim_below(chance, MODEL_RETRIES);
    for (int i = 1; i < out->retry_count; i++) {
        out->retry[i] = sim_spread(chance, 1, 5000);
    }
    draw_config(&out->possible[0], chance);
    out->possible_count = 1;
}

/* {"events":…,"rule":…}: what a change names, and the end of a new one. */
static int write_config(char *out, size_t size, const model_config *config) {
    static const char *const rules[MODEL_RULES] = { NULL, "pass", "drop", "ject", "fail" };
    static const char *const policies[MODEL_POLICIES] = { "hold", "skip", "send" };
    int used = snprintf(out, size, "\"events\":[");

    for (int i = 0, first = 1; i < MODEL_TYPES; i++) {
        if (config->types & 1u << i) {
            used += snprintf(out + used, size - (size_t)used, "%s\"%s\"", first ? "" : ",", model_types[i]);
            first = 0;
        }
    }
    used +=
        snprintf(out + used, size - (size_t)used, "],\"paused\":%s,\"on_rule_error\":\"%s\",\"filters\":%s",
                 config->paused ? "true" : "false", policies[config->policy], config->filter ? "{\"f\":1}" : "null");
    if (rules[config->rule] != NULL) {
        return used + snprintf(out + used, size - (size_t)used, ",\"rule\":\"%s %lld\"", rules[config->rule],
                               (long long)config->cost);
    }
    return used + snprintf(out + used, size - (size_t)used, ",\"rule\":null");
}

static void write_subscription(char *out, size_t size, const model_subscription *s) {
    static const char *const orders[MODEL_ORDERS] = { "none", "fifo", "key", "latest" };
    int used = snprintf(out, size,
                        "{\"url\":\"http://r.test/%d\",\"tenant\":\"%s\",\"order\":\"%s\",\"concurrency\":%d,"
                        "\"single_use\":%s,\"timeout\":%lld,\"retry\":[",
                        s->k, model_tenants[s->tenant], orders[s->order], s->cap, s->single_use ? "true" : "false",
                        (long long)s->timeout);

    for (int i = 0; i < s->retry_count; i++) {
        used += snprintf(out + used, size - (size_t)used, "%s%lld", i ? "," : "", (long long)s->retry[i]);
    }
    used += snprintf(out + used, size - (size_t)used, "],");
    if (s->rated) {
        used += snprintf(out + used, size - (size_t)used, "\"rate\":{\"count\":%d,\"per\":1,\"burst\":%d},", MODEL_RATE,
                         MODEL_BURST);
    }
    if (s->breaks) {
        used += snprintf(out + used, size - (size_t)used,
                         "\"retry_budget\":100,\"breaker\":{\"failures\":1,\"least\":%d,\"window\":3600,\"pause\":1,"
                         "\"longest\":4},",
                         MODEL_BREAKER);
    }
    used += write_config(out + used, size - (size_t)used, &s->possible[0]);
    snprintf(out + used, size - (size_t)used, "}");
}

static int subscribe(wh_engine *engine, sim_chance *chance) {
    model_subscription shape, *made;
    char text[1024], id[WH_ID_SIZE];
    int code;

    if (model_subscription_count == MODEL_SUBSCRIPTIONS) {
        return WH_OK;
    }
    draw_subscription(&shape, chance);
    if (sim_plan_now->crowded) {
        neighbours_subscription(&shape, model_subscription_count);
    }
    made = model_subscription_new(&shape);
    made->rated =
        !sim_plan_now->crowded && made->k % 3 == 1; /* nothing is drawn for it: other histories stay what they are */
    made->breaks = !sim_plan_now->crowded && made->k % 3 == 2;
    write_subscription(text, sizeof text, made);
    code = wh_subscribe(engine, text, WH_ZSTR, id);
    sim_note("subscribed %s: %d", text, code);
    if (code == WH_OK) {
        model_made(made, id);
    } else {
        made->unknown = 1;
    }
    return code;
}

/* One of each tenant, in every other history: in the others mostly nobody takes what is told. */
static void subscribe_takers(wh_engine *engine) {
    char text[200];

    for (int i = 0; i < MODEL_TENANTS && sim_plan_now->seed % 2 == 0; i++) {
        snprintf(text, sizeof text,
                 "{\"url\":\"http://r.test/%d\",\"tenant\":\"%s\",\"events\":[\"webhook.subscription.*\"],"
                 "\"retry\":[0,100,200,300,400,500]}",
                 SIM_TAKER, model_tenants[i]);
        if (wh_subscribe(engine, text, WH_ZSTR, NULL) != WH_OK) {
            sim_fail("setup", "subscribing: %s", wh_last_error());
        }
    }
}

static void rate_tenant(wh_engine *engine) {
    char text[80];

    snprintf(text, sizeof text, "{\"rate\":{\"count\":%d,\"per\":1,\"burst\":%d}}", MODEL_TENANT_RATE,
             MODEL_TENANT_BURST);
    if (model_rates_tenant() && wh_tenant_set(engine, model_tenants[MODEL_RATED_TENANT], text, WH_ZSTR) != WH_OK) {
        sim_fail("setup", "setting a rate: %s", wh_last_error());
    }
}

void operate_setup(wh_engine *engine) {
    sim_chance chance;

    rate_tenant(engine);
    subscribe_takers(engine);
    polls_subscribe(engine);
    sim_chance_seed(&chance, sim_plan_now->seed, 9);
    for (int i = 0; i < sim_plan_now->subscriptions; i++) {
        if (subscribe(engine, &chance) != WH_OK) {
            sim_fail("setup", "subscribing: %s", wh_last_error());
        }
    }
}

static model_subscription *any_subscription(sim_chance *chance) {
    model_subscription *s = model_subscriptions[sim_below(chance, model_subscription_count)];

    return s->made && !s->deleted && !s->changing && s->possible_count < MODEL_CONFIGS - 1 &&
                   s->shape_count < MODEL_SHAPES - 2
               ? s
               : NULL;
}

static int change(wh_engine *engine, model_subscription *s, const model_config *config) {
    char text[512] = "{";
    int used = 1 + write_config(text + 1, sizeof text - 2, config), code;

    memcpy(text + used, "}", 2);
    model_change(s, config);
    code = wh_subscription_update(engine, s->id, text, WH_ZSTR);
    sim_note("changed %d %s: %d", s->k, text, code);
    model_changed(s, config, code == WH_OK);
    if (code == WH_ENOTFOUND) {
        if (!s->single_use && !s->deleted) {
            sim_fail("vanished", "subscription %d is gone, and nobody deleted it", s->k);
        }
        model_delete(s);
        return WH_OK;
    }
    return code;
}

static void change_one(wh_engine *engine, sim_chance *chance) {
    model_subscription *s = any_subscription(chance);
    model_config config;

    if (s == NULL) {
        return;
    }
    config = s->possible[s->possible_count - 1];
    if (!sim_plan_now->mended && sim_one_in(chance, 2)) {
        config.paused = !config.paused;
    } else {
        draw_config(&config, chance);
    }
    (void)change(engine, s, &config);
}

static void delete_one(wh_engine *engine, sim_chance *chance) {
    model_subscription *s = any_subscription(chance);

    if (s != NULL && s->k >= 2) { /* two stay, so that there is something to promise */
        model_delete(s);
        sim_note("deletes %d", s->k);
        s->stays = 1; /* until it is known better */
        s->stays = wh_subscription_delete(engine, s->id) != WH_OK;
        s->deleted_at = sim_now;
    }
}

/* ------------------------------------------------------------------------------ replays */

static int read_text(const char *from, const char *name, char out[WH_ID_SIZE * 2]) {
    const char *at = strstr(from, name);

    return at != NULL && sscanf(at + strlen(name), "%140[^\"]", out) == 1;
}

static int find_pair(const char *event, const char *subscription, int *n, int *k) {
    for (*n = 0; *n < model_event_count; ++*n) {
        for (*k = 0; *k < model_subscription_count; ++*k) {
            if (strcmp(model_events[*n]->id, event) == 0 && strcmp(model_subscriptions[*k]->id, subscription) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* One of the newest deliveries. */
static void replay_one(wh_engine *engine, sim_chance *chance) {
    char *text = NULL, id[WH_ID_SIZE * 2], event[WH_ID_SIZE * 2], subscription[WH_ID_SIZE * 2];
    wh_query query = WH_QUERY_INIT;
    size_t size;
    int n, k;

    query.limit = 1 + sim_below(chance, 20);
    if (wh_deliveries(engine, &query, &text, &size) != WH_OK) {
        return;
    }
    if (read_text(text, "\"id\":\"", id) && read_text(text, "\"event\":\"", event) &&
        read_text(text, "\"subscription\":\"", subscription) && find_pair(event, subscription, &n, &k)) {
        model_replay(n, k, 1);
        sim_note("replays event %d at %d", n, k);
        sim_note("replayed %s: %d", id, wh_replay(engine, id));
        model_replayed(n, k, 1);
    }
    wh_free(text);
}

/* k: a subscription's, or -1: all of them. With those that come while it runs. */
static void note_replay(void (*note)(int n, int k, int again), int from, int until, int k) {
    for (int other = 0; other < MODEL_SUBSCRIPTIONS; other++) {
        for (int n = from; n < until && (k < 0 || other == k); n++) {
            note(n, other, 0);
        }
    }
}

static void replay_many(wh_engine *engine, sim_chance *chance) {
    static const char *const states[] = { "exhausted", "waiting", "waiting", "held" };
    model_subscription *s = any_subscription(chance);
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;
    int code, k;

    if (s == NULL) {
        return;
    }
    query.state = states[sim_below(chance, 4)];
    k = sim_one_in(chance, 2) ? s->k : -1;
    query.subscription = k < 0 ? NULL : s->id;
    note_replay(model_replay, 0, MODEL_EVENTS, k);
    if (sim_one_in(chance, 2)) {
        sim_hold_up(1 + (int)sim_below(chance, 30), sim_spread(chance, 10000, 8 * SIM_SECOND));
    }
    code = wh_replay_query(engine, &query, &count);
    sim_hold_up(0, 0);
    note_replay(model_replayed, 0, model_event_count, k);
    note_replay(model_replay_missed, model_event_count, MODEL_EVENTS, k);
    sim_note("replayed %s of %d: %d, %lld", query.state, k, code, (long long)count);
}

/* ---------------------------------------------------------------------------- looking */

static void ask_idle(sim_process *process) {
    int64_t since = sim_step;

    if (wh_idle(process->engine) == 1) {
        judge_idle(since);
    }
}

static void explain_one(wh_engine *engine, sim_chance *chance) {
    model_event *event = model_event_count > 0 ? model_events[sim_below(chance, model_event_count)] : NULL;
    char *text = NULL;
    size_t size;

    if (event != NULL && event->id[0] != '\0' && wh_explain(engine, event->id, NULL, NULL, &text, &size) == WH_OK) {
        wh_free(text);
    }
}

void operate_once(sim_process *process, sim_chance *chance) {
    int may_change = (sim_plan_now->kinds & 1u << SIM_change) != 0;
    int what = sim_plan_now->mended ? 4 : (int)sim_below(chance, may_change ? 12 : 4);

    sim_result_now->faults[SIM_change] += what >= 4;
    if (what < 3) {
        ask_idle(process);
    } else if (what == 3) {
        explain_one(process->engine, chance);
    } else if (what < 7) {
        change_one(process->engine, chance);
    } else if (what == 7) {
        delete_one(process->engine, chance);
    } else if (what == 8) {
        (void)subscribe(process->engine, chance);
    } else if (what == 9) {
        replay_one(process->engine, chance);
    } else {
        replay_many(process->engine, chance);
    }
}

int operate_heal(wh_engine *engine) {
    int left = 0;

    for (int k = 0; k < model_subscription_count; k++) {
        model_subscription *s = model_subscriptions[k];
        model_config config = s->possible[s->possible_count - 1];
        int rests = s->gone;

        for (int i = 0; i < s->possible_count; i++) {
            rests += s->possible[i].paused;
        }
        if (s->made && (!s->deleted || s->stays) && rests > 0) {
            config.paused = 0;
            left += change(engine, s, &config) != WH_OK;
        }
    }
    return left;
}
