/* Pauses of a process, and another program's lock: the lease ends meanwhile. Time is not waited for:
 * what the lease says of it is set back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"
#include "log_sql.h"

#define ROWS "SELECT count(*) FROM webhook_workers"
#define UNDELIVERED                                                                                                    \
    "SELECT count(*) FROM webhook_events WHERE number NOT IN \
(SELECT event FROM webhook_deliveries)"

/* Subscribes /0, /1 and so on, each with the rest of its document. */
static void subscribe_many(wh_engine *engine, int count, const char *rest) {
    char document[200];

    for (int i = 0; i < count; i++) {
        snprintf(document, sizeof document, "{\"url\":\"https://example.com/%d\"%s}", i, rest);
        fixture_subscribe(engine, document, NULL);
    }
}

/* Begins a beat and waits until it is told. */
static void beat(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 30000000;

    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
    while (atomic_load(&engine->lease->next_beat) == 0 || atomic_load(&engine->lease->beating)) {
        assert_true(whi_monotonic_us() < end);
        usleep(500);
    }
}

/* --------------------------------------------------------------- asleep with very much work */

#define MANY 4000 /* of which a commit sweeps 512, and a lane has half in memory */
#define BATCH 500

static void publish_batches(wh_engine *engine, int count) {
    wh_event events[BATCH];

    for (int i = 0; i < BATCH; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = i % 2 ? "odd" : "even";
        events[i].payload = "1";
        events[i].payload_size = 1;
    }
    for (int i = 0; i < count / BATCH; i++) {
        assert_int_equal(wh_publish_batch(engine, events, BATCH, NULL), WH_OK);
    }
}

/* As if nobody had turned it for as long: it gives its work back, a commit's worth at once, and what is
 * queued has waited too long for memory. */
static void fall_asleep(wh_engine *engine) {
    whi_worker *worker = engine->workers[0];

    for (uint32_t i = 0; i < worker->lanes.capacity; i++) {
        const whi_lane *lane = worker->lanes.slots[i];
        for (whi_delivery *d = lane != NULL ? lane->head : NULL; d != NULL; d = d->next) {
            d->queued_at -= WHI_ASLEEP_US;
        }
    }
    whi_timetable_again(&worker->timetable, &worker->spill, 0);
    atomic_store(&engine->lease->turned_at, whi_monotonic_us() - WHI_ASLEEP_US - 1);
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
}

/* As if no time passed: what waits for long, or for a receiver that is slow, is not kept in memory. */
static void stay_young(whi_worker *worker) {
    for (uint32_t i = 0; i < worker->lanes.capacity; i++) {
        const whi_lane *lane = worker->lanes.slots[i];
        for (whi_delivery *d = lane != NULL ? lane->head : NULL; d != NULL; d = d->next) {
            d->queued_at = whi_monotonic_us();
        }
    }
    for (whi_slot *slot = worker->slots.fresh.first; slot != NULL; slot = slot->next) {
        slot->since_us = whi_monotonic_us() + 60000000;
    }
}

static wh_engine *loaded;

/* A step may be many turns, and long on a slow machine. */
static int send_and_stay_young(whi_transport *transport, whi_request *request) {
    int code = fixture_transport.send(transport, request);

    stay_young(loaded->workers[0]);
    return code;
}

static void who_sleeps_on_more_than_a_sweep_loses_nothing(void **state) {
    const char *file = fixture_file();
    whi_transport_vtable staying = fixture_transport;
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    (void)state;
    staying.send = send_and_stay_young;
    options.clock = &fixture_clock;
    assert_int_equal(whi_open(&engine, file, &options, &staying), WH_OK);
    loaded = engine;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"events\":[\"even\"]}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"events\":[\"odd\"]}", NULL);
    fixture_run(engine);
    atomic_store(&fixture_script.hang, 1);
    publish_batches(engine, MANY);
    for (int i = 0; i < 100000 && engine->workers[0]->queued < MANY - 100; i++) {
        stay_young(engine->workers[0]);
        assert_true(wh_step(engine) >= 0);
    }
    whi_writer_drain(engine->writer);
    fall_asleep(engine);
    life_wait_sql(file, ROWS, 0);
    assert_true(life_sql(file, LOG_UNDECIDED) > 0);
    atomic_store(&fixture_script.hang, 0);
    fixture_run(engine);
    assert_int_equal(life_sql(file, UNDELIVERED), 0);
    life_assert_delivered(engine, MANY);
    wh_close(engine);
}

/* As if it were under way for as long. */
static void wait_long(wh_engine *engine) {
    whi_worker *worker = engine->workers[0];
    whi_parcel *parcel = (whi_parcel *)worker->flying; /* its first member */

    parcel->delivery->queued_at -= 10 * WHI_BEAT_US;
    whi_timetable_again(&worker->timetable, &worker->early, 0);
    for (int i = 0; i < 5; i++) {
        fixture_turn(engine);
        usleep(20000); /* the position is written now and then */
    }
}

static void a_receiver_that_hangs_keeps_no_position_back(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"fields\":\"a\"}", NULL);
    fixture_run(engine);
    atomic_store(&fixture_script.hang, 1);
    fixture_publish(engine, "a", "{\"a\":1,\"b\":2}", NULL);
    while (fixture_sent_count < 1) {
        fixture_turn(engine);
    }
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 1);
    wait_long(engine);
    assert_int_equal(life_states(engine, "waiting"), 1);
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    assert_int_equal(wh_idle(engine), 0);
    whi_stir(engine);
    wait_long(engine); /* its row is not fetched, nor written once more */
    assert_int_equal(fixture_sent_count, 1);
    atomic_store(&fixture_script.hang, 0);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    life_assert_delivered(engine, 1);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_deliveries WHERE attempts = 1 AND first_status = 200"
                                    " AND body IS NOT NULL"),
                     1);
    assert_int_equal(whi_memory_used(engine->memory, WHI_POT_BODIES), 0);
    assert_int_equal(whi_memory_used(engine->memory, WHI_POT_RECORDS), 0);
    wh_close(engine);
}

/* Another gets its row, with its bytes, from the store. */
static void what_is_under_way_for_long_is_sent_by_others_as_it_was(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"fields\":\"a\"}", NULL);
    fixture_run(engine);
    atomic_store(&fixture_script.hang, 1);
    fixture_publish(engine, "a", "{\"a\":1,\"b\":2}", NULL);
    while (fixture_sent_count < 1) {
        fixture_turn(engine);
    }
    wait_long(engine);
    wh_close(engine);
    atomic_store(&fixture_script.hang, 0);
    engine = fixture_open(file, NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_string_equal(fixture_sent[1].body, "{\"a\":1}");
    life_assert_delivered(engine, 1);
    wh_close(engine);
}

/* Whoever has lost its lease waits for no answer: another may have sent it again by then. It says nothing of the
 * receiver. */
static void what_is_under_way_when_the_lease_ends_is_cut(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"retry\":[0]}", NULL);
    fixture_run(engine);
    atomic_store(&fixture_script.hang, 1);
    fixture_publish(engine, "a", "1", NULL);
    while (fixture_sent_count < 1) {
        fixture_turn(engine);
    }
    atomic_store(&engine->lease->until, 0);
    assert_true(wh_step(engine) >= 0);
    assert_int_equal(engine->workers[0]->in_flight, 0);
    atomic_store(&fixture_script.hang, 0);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    life_assert_delivered(engine, 1);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_deliveries WHERE attempts = 2 AND tries = 1"), 1);
    wh_close(engine);
}

static void what_is_under_way_when_it_is_stopped_is_an_attempt(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"retry\":[0]}", NULL);
    fixture_run(engine);
    atomic_store(&fixture_script.hang, 1);
    fixture_publish(engine, "a", "1", NULL);
    while (fixture_sent_count < 1) {
        fixture_turn(engine);
    }
    wh_close(engine);
    atomic_store(&fixture_script.hang, 0);
    engine = fixture_open(file, NULL);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_deliveries WHERE attempts = 1 AND tries = 0 AND"
                                    " first_error LIKE '%stopped%'"),
                     1);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    life_assert_delivered(engine, 1);
    wh_close(engine);
}

static void publish_latest(wh_engine *engine, const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.key = "k";
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* What it sent may have come behind the newer one, which another has sent. */
static void a_late_owner_that_stops_has_the_newest_sent_again(void **state) {
    const char *file = fixture_file();
    wh_engine *late = fixture_open(file, NULL), *other;

    (void)state;
    fixture_subscribe(late, "{\"url\":\"https://example.com/\",\"order\":\"latest\"}", NULL);
    fixture_run(late);
    atomic_store(&fixture_script.hang, 1);
    publish_latest(late, "1");
    while (fixture_sent_count < 1) {
        fixture_turn(late);
    }
    life_sql(file, "UPDATE webhook_partitions SET owner = 0, epoch = epoch + 1");
    life_sql(file, "DELETE FROM webhook_workers");
    atomic_store(&fixture_script.hang, 0);
    other = fixture_open(file, NULL);
    publish_latest(other, "2");
    fixture_run(other);
    assert_string_equal(fixture_sent[fixture_sent_count - 1].body, "2");
    assert_int_equal(life_states(other, "waiting"), 0);
    wh_close(late);
    assert_int_equal(life_states(other, "waiting"), 1);
    fixture_run(other);
    assert_string_equal(fixture_sent[fixture_sent_count - 1].body, "2");
    assert_int_equal(life_states(other, "waiting"), 0);
    wh_close(other);
}

/* ------------------------------------------------------------------ what is to be looked for */

static int scans;
static const whi_store_vtable *scanned;

static int count_scan(whi_store *store, wh_backend_lane_fn each, void *payload) {
    scans++;
    return scanned->lanes(store, each, payload);
}

static void fail_body_1(whi_request *request, void *payload) {
    (void)payload;
    request->status = request->body_size == 1 && *(const char *)request->body == '1' ? 500 : 204;
}

/* A run gives them back when it has ended for a while, which on a busy machine is soon; a step keeps them. */
static void hold_all(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (atomic_load(&engine->position->count) < WH_PARTITIONS || atomic_load(&engine->lease->beating)) {
        assert_true(whi_monotonic_us() < end);
        fixture_turn(engine);
    }
    fixture_turn(engine); /* which looks for what waits in them */
}

/* However many lanes have something that waits: who changes one of them says which. */
static void one_lane_that_goes_on_costs_no_look_at_all_of_them(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);
    whi_store_vtable counting;
    char id[WH_ID_SIZE], event[WH_ID_SIZE], delivery[WH_ID_SIZE * 2];

    (void)state;
    subscribe_many(engine, 20, ",\"retry\":[0,9000000]");
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"events\":[\"b\"],\"retry\":[0,9000000]}", id);
    fixture_script.answer = fail_body_1;
    fixture_publish(engine, "a", "1", NULL);
    fixture_publish(engine, "b", "1", event);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), 41);
    hold_all(engine);
    scanned = engine->reader->vtable;
    counting = *scanned;
    counting.lanes = count_scan;
    engine->reader->vtable = &counting;
    scans = 0;
    snprintf(delivery, sizeof delivery, "dlv_%s%s", event + 4, id + 4);
    assert_int_equal(wh_replay(engine, delivery), WH_OK);
    fixture_turn(engine);
    assert_int_equal(fixture_sent_count, 42);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_publish(engine, "b", "3", NULL);
    fixture_turn(engine);
    assert_int_equal(fixture_sent_count, 63);
    assert_int_equal(scans, 0);
    engine->reader->vtable = scanned;
    wh_close(engine);
}

/* Until something is committed, by whomever, or the time of something has come. */
static void who_asks_again_whether_it_is_idle_costs_one_look_at_all_lanes(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL), *other;
    whi_store_vtable counting;

    (void)state;
    subscribe_many(engine, 20, ",\"retry\":[0,9000000]");
    fixture_script.answer = fail_body_1;
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    scanned = engine->reader->vtable;
    counting = *scanned;
    counting.lanes = count_scan;
    engine->reader->vtable = &counting;
    scans = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(wh_idle(engine), 1);
    }
    assert_in_range(scans, 0, 1);
    fixture_publish(engine, "nobodys", "2", NULL);
    fixture_run(engine);
    assert_int_equal(wh_idle(engine), 1);
    other = fixture_open(file, NULL);
    assert_int_equal(wh_replay_query(other, NULL, NULL), WH_OK);
    wh_close(other);
    assert_int_equal(wh_idle(engine), 1);
    atomic_fetch_add(&fixture_time, 7000000);
    assert_int_equal(wh_idle(engine), 1);
    atomic_fetch_add(&fixture_time, 4000000);
    assert_int_equal(wh_idle(engine), 0);
    engine->reader->vtable = scanned;
    wh_close(engine);
}

static int scan_for_long(whi_store *store, wh_backend_lane_fn each, void *payload) {
    int64_t began_us = whi_thread_cpu_us();

    while (whi_thread_cpu_us() - began_us < 20000) {}
    return count_scan(store, each, payload);
}

/* As where a hundred thousand lanes have something that waits, and another process commits again and again. */
static void looking_at_very_many_lanes_leaves_time_for_all_else(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);
    whi_store_vtable counting;

    (void)state;
    fixture_run(engine);
    scanned = engine->reader->vtable;
    counting = *scanned;
    counting.lanes = scan_for_long;
    engine->reader->vtable = &counting;
    scans = 0;
    for (int i = 0; i < 20; i++) {
        whi_stir(engine);
        assert_true(wh_step(engine) >= 0);
    }
    assert_in_range(scans, 1, 10);
    engine->reader->vtable = scanned;
    wh_close(engine);
}

/* ------------------------------------------------------------------------ within a turn */

static wh_engine *paused;

/* As if the process had been stopped here for longer than its lease. */
static int send_and_lapse(whi_transport *transport, whi_request *request) {
    atomic_store(&paused->lease->until, 0);
    return fixture_transport.send(transport, request);
}

static void no_request_is_begun_after_the_lease_ended_within_a_turn(void **state) {
    whi_transport_vtable lapsing = fixture_transport;
    wh_options options = WH_OPTIONS_INIT;

    (void)state;
    lapsing.send = send_and_lapse;
    options.clock = &fixture_clock;
    assert_int_equal(whi_open(&paused, fixture_file(), &options, &lapsing), WH_OK);
    subscribe_many(paused, 20, "");
    for (int i = 0; i < 1000 && atomic_load(&paused->position->count) < WH_PARTITIONS; i++) {
        fixture_turn(paused);
    }
    fixture_publish(paused, "a", "1", NULL);
    beat(paused);
    for (int i = 0; i < 10; i++) {
        assert_true(wh_step(paused) >= 0);
    }
    assert_int_equal(fixture_sent_count, 1);
    for (int i = 0; i < 100 && life_states(paused, "delivered") < 20; i++) {
        beat(paused);
        assert_true(wh_step(paused) >= 0);
        assert_true(wh_step(paused) >= 0);
    }
    assert_int_equal(fixture_sent_count, 20);
    wh_close(paused);
}

/* ----------------------------------------------------------------------- after a lapse */

static void fail_all(whi_request *request, void *payload) {
    (void)payload;
    request->status = 500;
}

static struct {
    whi_transport *transport;
    atomic_int ticks;
} turned[2]; /* of the workers, in any order */

static int open_counted(whi_transport **out, const whi_transport_options *options) {
    int code = fixture_transport.open(out, options);
    int i = turned[0].transport != NULL;

    turned[i].transport = *out;
    return code;
}

static void tick_counted(whi_transport *transport) {
    atomic_fetch_add(&turned[turned[1].transport == transport].ticks, 1);
    fixture_transport.tick(transport);
}

/* Each has begun a turn after one that has begun after this was called. */
static void await_turns(wh_engine *engine) {
    for (int i = 0; i < 2; i++) {
        int before = atomic_load(&turned[i].ticks);
        while (atomic_load(&turned[i].ticks) < before + 2) {
            whi_inbox_wake(&engine->workers[0]->inbox);
            whi_inbox_wake(&engine->workers[1]->inbox);
            usleep(500);
        }
    }
}

/* What was under way is looked at once more after half a second, which would have them go on as well. A machine that is
 * slower than this lets a fault pass, and makes none. */
#define EARLY_US 700000

/* Their turns that fall into the lapse find that they may do nothing, and when they would look again
 * is a minute away: longer than is waited for them. */
static void after_a_lapse_all_workers_go_on_at_once(void **state) {
    whi_transport_vtable counted = fixture_transport;
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    (void)state;
    memset(turned, 0, sizeof turned);
    counted.open = open_counted;
    counted.tick = tick_counted;
    options.clock = &fixture_clock;
    assert_int_equal(whi_open(&engine, fixture_file(), &options, &counted), WH_OK);
    subscribe_many(engine, 8, ",\"retry\":[0,9000,9000]");
    fixture_script.answer = fail_all;
    assert_int_equal(wh_start(engine, 2), WH_OK);
    fixture_publish(engine, "a", "1", NULL);
    life_wait_sent(8);
    life_wait_idle(engine);
    usleep(EARLY_US);
    atomic_store(&engine->lease->until, 0);
    atomic_fetch_add(&fixture_time, 10000);
    await_turns(engine);
    beat(engine);
    life_wait_sent(16);
    assert_int_equal(fixture_count(), 16);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    wh_close(engine);
}

/* ------------------------------------------------------------------------- another's beats */

/* So much time passes for both, in which who is stopped does not beat. */
static void pass(wh_engine *stopped, wh_engine *other, int64_t us) {
    atomic_fetch_sub(&stopped->lease->until, us);
    other->lease->seen_us -= us;
}

static int trusts(wh_engine *engine) {
    return whi_lease_owner(engine->lease) != 0;
}

static void stop(wh_engine *engine) {
    beat(engine);
    atomic_store(&engine->lease->next_beat, INT64_MAX);
    whi_writer_nudge(engine->writer);
}

/* It is begun while another program has the lock, and comes to look when that lets go, 1.9 s later. */
static void beat_behind_a_lock(wh_engine *engine, const char *file) {
    sqlite3 *other = life_lock(file);

    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
    while (!atomic_load(&engine->lease->beating)) {
        usleep(500);
    }
    usleep(20000);
    whi_writer_nudge(engine->writer); /* behind the writer's lock: it is queued by now */
    engine->lease->started_us -= 1900000;
    engine->lease->seen_us -= 1900000;
    life_unlock(other);
    while (atomic_load(&engine->lease->beating)) {
        usleep(500);
    }
}

static void nobody_takes_a_row_while_its_owner_trusts_in_it(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *other = fixture_open(file, NULL);
    int beats = 0;

    (void)state;
    fixture_run(one);
    fixture_run(other);
    beat(other);
    stop(one);
    beat_behind_a_lock(other, file);
    pass(one, other, 100000);
    other->lease->started_us -= 100000;
    while (life_sql(file, ROWS) == 2) {
        assert_true(beats++ < 60); /* a beat of a busy machine may be late, and count for nothing */
        beat(other);
        assert_true(life_sql(file, ROWS) == 2 || !trusts(one));
        pass(one, other, 2000000);
    }
    assert_true(beats >= WHI_STILL);
    wh_close(one);
    wh_close(other);
}

/* ------------------------------------------------------------------------- order of acceptance */

#define PAIRS 5        /* whose large one was accepted first, */
#define PAIRS_MOST 100 /* of so many */

typedef struct publication {
    wh_engine *engine;
    const char *type, *payload;
    size_t size;
    wh_receipt receipt;
    int code;
} publication;

static void *publish(void *payload) {
    publication *self = payload;
    wh_event event = WH_EVENT_INIT;

    event.type = self->type;
    event.payload = self->payload;
    event.payload_size = self->size;
    self->code = wh_publish(self->engine, &event, &self->receipt);
    return NULL;
}

static int64_t number_of(const publication *one) {
    int64_t number;

    assert_int_equal(one->code, WH_OK);
    assert_int_equal(whi_ident_parse("msg_", one->receipt.id, &number), WH_OK);
    return number;
}

static void publish_pair(const char *file, publication *large, publication *small) {
    sqlite3 *other = life_lock(file);
    pthread_t threads[2];

    assert_int_equal(pthread_create(&threads[0], NULL, publish, large), 0);
    usleep(20000);
    assert_int_equal(pthread_create(&threads[1], NULL, publish, small), 0);
    usleep(20000);
    life_unlock(other);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

/* The first is too large for memory: the store alone has it. The second has room in memory, and is
 * accepted behind it. */
static void what_memory_has_no_room_for_is_not_overtaken_by_what_is_accepted_later(void **state) {
    static char bytes[40000];
    const char *file = fixture_file();
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    publication large = { .type = "large", .payload = bytes, .size = sizeof bytes };
    publication small = { .type = "small", .payload = "1", .size = 1 };
    int large_first = 0;

    (void)state;
    memset(bytes, '1', sizeof bytes);
    options.limits = &limits;
    limits.memory_bytes = 20000;
    large.engine = small.engine = fixture_open(file, &options);
    fixture_subscribe(large.engine, "{\"url\":\"https://example.com/\",\"order\":\"fifo\"}", NULL);
    fixture_run(large.engine);
    for (size_t i = 0; large_first < PAIRS; i++) {
        const publication *first = &large, *second = &small;
        assert_true(i < PAIRS_MOST);
        publish_pair(file, &large, &small);
        if (number_of(&small) < number_of(&large)) { /* a busy machine may let the second thread go first */
            first = &small;
            second = &large;
        } else {
            large_first++;
        }
        fixture_run(large.engine);
        assert_int_equal(fixture_sent_count, 2 * i + 2);
        assert_string_equal(fixture_header(&fixture_sent[2 * i], "webhook-id"), first->receipt.id);
        assert_string_equal(fixture_header(&fixture_sent[2 * i + 1], "webhook-id"), second->receipt.id);
    }
    wh_close(large.engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(who_sleeps_on_more_than_a_sweep_loses_nothing),
        TEST(no_request_is_begun_after_the_lease_ended_within_a_turn),
        TEST(after_a_lapse_all_workers_go_on_at_once),
        TEST(a_receiver_that_hangs_keeps_no_position_back),
        TEST(what_is_under_way_for_long_is_sent_by_others_as_it_was),
        TEST(what_is_under_way_when_the_lease_ends_is_cut),
        TEST(what_is_under_way_when_it_is_stopped_is_an_attempt),
        TEST(a_late_owner_that_stops_has_the_newest_sent_again),
        TEST(one_lane_that_goes_on_costs_no_look_at_all_of_them),
        TEST(who_asks_again_whether_it_is_idle_costs_one_look_at_all_lanes),
        TEST(looking_at_very_many_lanes_leaves_time_for_all_else),
        TEST(nobody_takes_a_row_while_its_owner_trusts_in_it),
        TEST(what_memory_has_no_room_for_is_not_overtaken_by_what_is_accepted_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
