/* Each promise of the model is broken once, by a history that is made up. */
#include <string.h>

#include "selfcheck.h"

static model_pair *last;

model_subscription *self_subscription(void) {
    model_subscription shape = { 0 };
    model_subscription *made;

    shape.cap = 2;
    shape.retry_count = 1;
    shape.possible_count = 1;
    shape.possible[0].types = 1;
    made = model_subscription_new(&shape);
    model_made(made, "sub_1");
    return made;
}

model_event *self_event(int type, int key) {
    model_event shape = { 0 };

    shape.type = type;
    shape.key = key;
    sim_step++;
    return model_event_new(&shape, 0);
}

static void arrives(const model_event *event, int open) {
    model_arrives(0, "id", event->payload, event->payload_size, 0, open, &last);
}

static void break_unwanted(void) {
    self_subscription();
    arrives(self_event(1, 0), 0);
}

/* A change that comes after an event was accepted decides nothing about it. */
static model_event *change_after(int accepted) {
    model_subscription *subscription = self_subscription();
    model_event *event = self_event(1, 0);
    model_config config = { 0 };

    if (accepted) {
        model_accepted(event, "id");
    }
    config.types = 2;
    model_change(subscription, &config);
    model_changed(subscription, &config, 1);
    return event;
}

static void break_unwanted_then(void) {
    arrives(change_after(1), 0);
}

static void test_what_is_on_its_way_may_be_decided_by_a_change(void) {
    arrives(change_after(0), 0);
}

static void break_made_later(void) {
    model_event *event = self_event(0, 0);

    model_accepted(event, "id");
    self_subscription();
    arrives(event, 0);
}

static void break_rolled_back(void) {
    model_event *event;

    self_subscription();
    event = self_event(0, 0);
    model_refused(event, MODEL_NEVER);
    arrives(event, 0);
}

static void break_arrived_and_rolled_back(void) {
    model_event *event;

    self_subscription();
    event = self_event(0, 0);
    arrives(event, 0);
    model_refused(event, MODEL_NEVER);
}

static void break_twice_at_once(void) {
    model_event *event;

    self_subscription();
    event = self_event(0, 0);
    arrives(event, 0);
    arrives(event, 1);
}

static void break_twice(void) {
    model_event *event;

    self_subscription();
    event = self_event(0, 0);
    arrives(event, 0);
    model_answers(last, 0, 200, 0);
    arrives(event, 0);
}

static void test_a_pause_excuses_a_repeat(void) {
    model_event *event;

    self_subscription();
    event = self_event(0, 0);
    arrives(event, 0);
    model_answers(last, 0, 200, 0);
    model_excuse();
    arrives(event, 0);
}

static void break_retries(void) {
    model_event *event;

    self_subscription();
    event = self_event(0, 0);
    arrives(event, 0);
    model_answers(last, 0, 500, 0);
    arrives(event, 0);
}

static void break_single_use(void) {
    self_subscription()->single_use = 1;
    arrives(self_event(0, 0), 0);
    arrives(self_event(0, 0), 0);
}

static void break_bytes(void) {
    char text[] = "{\"n\":0,\"what\":1}";

    self_subscription();
    self_event(0, 0);
    model_arrives(0, "id", text, strlen(text), 0, 0, &last);
}

static void break_id(void) {
    model_event *event;

    self_subscription();
    event = self_event(0, 0);
    model_accepted(event, "another");
    arrives(event, 0);
}

static void break_unknown(void) {
    char text[] = "{\"n\":7,\"what\":1}";

    self_subscription();
    model_arrives(0, "id", text, strlen(text), 0, 0, &last);
}

static void break_cap(void) {
    self_subscription();
    arrives(self_event(0, 0), 2);
}

static void break_order(void) {
    model_event *early, *late;

    self_subscription()->order = MODEL_KEY;
    early = self_event(0, 1);
    sim_step++;
    model_accepted(early, "id");
    late = self_event(0, 1);
    arrives(late, 0);
}

/* It was decided by the former shape, and is released by the new one, which by itself does not want it. */
static void test_what_comes_during_a_change_may_be_held_and_go_after_it(void) {
    model_subscription *s = self_subscription();
    model_event shape = { .bad = 1 }, *event;
    model_config mended = { .types = 2 };

    s->possible[0].rule = MODEL_FAIL;
    s->possible[0].policy = MODEL_HOLD;
    model_change(s, &mended);
    sim_step++;
    event = model_event_new(&shape, 0);
    model_changed(s, &mended, 1);
    arrives(event, 0);
}

/* ------------------------------------------------------------------------------ the list */

const sim_check self_model_checks[] = {
    BREAKS(unwanted, "unwanted"),
    BREAKS(unwanted_then, "unwanted"),
    HOLDS(what_is_on_its_way_may_be_decided_by_a_change),
    BREAKS(made_later, "unwanted"),
    BREAKS(rolled_back, "rolled_back"),
    BREAKS(arrived_and_rolled_back, "rolled_back"),
    BREAKS(twice_at_once, "twice"),
    BREAKS(twice, "twice"),
    HOLDS(a_pause_excuses_a_repeat),
    BREAKS(retries, "retries"),
    BREAKS(single_use, "single_use"),
    BREAKS(bytes, "bytes"),
    BREAKS(id, "id"),
    BREAKS(unknown, "unknown"),
    BREAKS(cap, "cap"),
    BREAKS(order, "order"),
    HOLDS(what_comes_during_a_change_may_be_held_and_go_after_it),
    { NULL, NULL, NULL },
};
