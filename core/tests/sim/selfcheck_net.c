/* Requests that no engine may make are found out: they are made by hand, beside an engine that has the work. */
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "engine/context.h"
#include "engine/lease.h"
#include "outside/transport.h"
#include "selfcheck.h"

int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport);

static wh_engine *engine;
static whi_transport *transport;
static int64_t lane;

static void publish(int key) {
    model_event *event = self_event(0, key);
    wh_event given = WH_EVENT_INIT;
    wh_receipt receipt;

    given.type = model_types[0];
    given.key = model_keys[key];
    given.payload = event->payload;
    given.payload_size = event->payload_size;
    self_expect(wh_publish(engine, &given, &receipt) == WH_OK, "an event");
    model_accepted(event, receipt.id);
}

static void turn_until_settled(void) {
    char why[200];

    while (!judge_settled(why, sizeof why) || !wh_idle(engine)) {
        self_expect(wh_step(engine) >= 0, "work");
        sim_sleep(1000);
    }
}

static void open_by_hand(void) {
    whi_transport_options options = { 0 };

    self_expect(sim_transport.open(&transport, &options) == WH_OK, "a transport");
    sim_transport.tick(transport);
}

/* Two events of a key, the newest of which counts, are delivered, and the engine stands by, with its lease. */
static void deliver_two(void) {
    wh_options options = WH_OPTIONS_INIT;
    char id[WH_ID_SIZE];

    model_excuse();
    self_expect(whi_open(&engine, STORE, &options, &sim_transport) == WH_OK, "an engine");
    self_expect(judge_begin(), "a judge who sees each commit");
    self_expect(wh_subscribe(engine,
                             "{\"url\":\"http://r.test/0\",\"events\":[\"a.x\"],\"retry\":[0],\"order\":\"latest\"}",
                             WH_ZSTR, id) == WH_OK,
                "a subscription");
    self_subscription()->order = MODEL_LATEST;
    model_made(model_subscriptions[0], id);
    self_expect(whi_ident_parse("sub_", id, &lane) == WH_OK, "a number");
    sim_self_process()->engine = engine;
    publish(1);
    turn_until_settled();
    publish(1);
    turn_until_settled();
    open_by_hand();
}

static void done(whi_request *request, void *payload) {
    (void)request;
    (void)payload;
}

static void send_one(int n) {
    static char id[2][WH_ID_SIZE + 20];
    static whi_request requests[2];
    whi_request *request = &requests[n];

    snprintf(id[n], sizeof id[n], "webhook-id: %s", model_events[n]->id);
    *request = (whi_request){ .url = "http://r.test/0", .line_count = 1, .lane = lane, .timeout = 1000, .done = done };
    request->lines[0] = id[n];
    request->body = model_events[n]->payload;
    request->body_size = model_events[n]->payload_size;
    self_expect(sim_transport.send(transport, request) == WH_OK, "a request");
}

static void send_and_hear(int n) {
    send_one(n);
    sim_sleep(10000);
    sim_transport.tick(transport);
}

static void let_wait(void) {
    self_tamper("UPDATE webhook_deliveries SET state = 1, turn = turn + 1");
}

/* ---------------------------------------------------------------------- what is sent */

static void test_what_waits_may_be_sent(void) {
    deliver_two();
    let_wait();
    send_and_hear(0);
}

static void break_sending_what_was_delivered(void) {
    deliver_two();
    send_one(0);
}

static void break_sending_what_is_exhausted(void) {
    deliver_two();
    self_tamper("UPDATE webhook_deliveries SET state = 4, turn = turn + 1");
    send_one(0);
}

static void break_sending_what_was_superseded(void) {
    deliver_two();
    self_tamper("UPDATE webhook_deliveries SET state = 6, error = 'superseded', turn = turn + 1");
    sim_sleep(4 * SIM_SECOND);
    sim_transport.tick(transport);
    send_one(0);
}

static void cancel_by(int process) {
    deliver_two();
    self_tamper("UPDATE webhook_deliveries SET state = 6, turn = turn + 1");
    model_delete(model_subscriptions[0]);
    model_subscriptions[0]->deleted_by = process;
    model_subscriptions[0]->deleted_at = sim_now;
    sim_sleep(1000);
    sim_transport.tick(transport);
}

static void break_sending_what_it_cancelled_itself(void) {
    cancel_by(sim_self_process()->number);
    send_one(0);
}

static void test_what_another_cancels_is_not_known_at_once(void) {
    cancel_by(77);
    send_one(0);
}

static void break_sending_what_another_cancelled_long_ago(void) {
    cancel_by(77);
    model_subscriptions[0]->deleted_at -= 20 * SIM_SECOND;
    send_one(0);
}

static void break_trying_again_before_a_newer_one(void) {
    deliver_two();
    self_tamper("UPDATE webhook_deliveries SET state = 1, turn = turn + 1, due = sim_wall() + 1000");
    send_one(0);
}

static void test_the_newest_is_tried_again(void) {
    deliver_two();
    self_tamper("UPDATE webhook_deliveries SET state = 1, turn = turn + 1, due = sim_wall() + 1000");
    send_one(1);
}

/* ------------------------------------------------------------------- one of a key */

static void break_two_of_a_key(void) {
    deliver_two();
    let_wait();
    send_one(0);
    send_one(1);
}

static void break_the_next_before_the_record(void) {
    deliver_two();
    let_wait();
    send_and_hear(0);
    send_one(1);
}

static void test_the_next_comes_after_the_record(void) {
    deliver_two();
    let_wait();
    send_and_hear(0);
    let_wait();
    send_one(1);
}

static void break_superseding_what_is_under_way(void) {
    deliver_two();
    let_wait();
    send_one(0);
    sim_sleep(3 * SIM_SECOND);
    self_tamper("UPDATE webhook_deliveries SET state = 6, error = 'superseded', turn = turn + 1");
    sim_transport.tick(transport);
}

/* ---------------------------------------------------------------- the end of a lease */

static void break_no_cut(void) {
    deliver_two();
    let_wait();
    send_one(0);
    atomic_store(&engine->lease->until, 1);
    sim_transport.tick(transport);
    sim_transport.tick(transport);
}

static void break_no_cut_by_another_number(void) {
    deliver_two();
    let_wait();
    send_one(0);
    atomic_store(&engine->lease->owner, 77);
    sim_transport.tick(transport);
    sim_transport.tick(transport);
}

static void test_what_was_cut_is_over(void) {
    deliver_two();
    let_wait();
    send_one(0);
    atomic_store(&engine->lease->until, 1);
    sim_transport.tick(transport);
    sim_transport.cut(transport, NULL, "cut");
    sim_transport.tick(transport);
    self_expect(model_pair_of(0, 0)->failures == 0, "a cut is no failure");
}

/* --------------------------------------------------------------- the last of a key */

/* By one who stood still, and has lost its partitions meanwhile. */
static void send_late(void) {
    char sql[200];

    deliver_two();
    self_tamper("UPDATE webhook_partitions SET owner = 0");
    sim_self_process()->paused_until = sim_now + 1000;
    send_one(0);
    snprintf(sql, sizeof sql, "UPDATE webhook_partitions SET owner = %lld, epoch = epoch + 1",
             (long long)atomic_load(&engine->lease->owner));
    self_tamper(sql);
}

static void break_an_older_one_last(void) {
    send_late();
    judge_end(engine);
}

static void test_who_dies_says_no_word(void) {
    send_late();
    sim_self_process()->dead = 1;
    judge_end(engine);
}

static void test_an_older_one_that_was_replayed_may_be_last(void) {
    send_late();
    model_replay(0, 0, 1);
    model_replayed(0, 0, 1);
    judge_end(engine);
}

static void break_an_older_one_last_of_a_death_in_time(void) {
    deliver_two();
    let_wait();
    send_and_hear(0);
    self_tamper("UPDATE webhook_deliveries SET state = 3, turn = turn + 1");
    sim_self_process()->dead = 1;
    judge_end(engine);
}

/* ------------------------------------------------------------------------------ the list */

const sim_check self_net_checks[] = {
    HOLDS(what_waits_may_be_sent),
    BREAKS(sending_what_was_delivered, "lease"),
    BREAKS(sending_what_is_exhausted, "lease"),
    BREAKS(sending_what_was_superseded, "lease"),
    BREAKS(sending_what_it_cancelled_itself, "lease"),
    HOLDS(what_another_cancels_is_not_known_at_once),
    BREAKS(sending_what_another_cancelled_long_ago, "lease"),
    BREAKS(trying_again_before_a_newer_one, "latest"),
    HOLDS(the_newest_is_tried_again),
    BREAKS(two_of_a_key, "key"),
    BREAKS(the_next_before_the_record, "key"),
    HOLDS(the_next_comes_after_the_record),
    BREAKS(superseding_what_is_under_way, "key"),
    BREAKS(no_cut, "cut"),
    BREAKS(no_cut_by_another_number, "cut"),
    HOLDS(what_was_cut_is_over),
    BREAKS(an_older_one_last, "latest"),
    HOLDS(who_dies_says_no_word),
    HOLDS(an_older_one_that_was_replayed_may_be_last),
    BREAKS(an_older_one_last_of_a_death_in_time, "latest"),
    { NULL, NULL, NULL },
};
