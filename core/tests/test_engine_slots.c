/* Receivers that hang keep nobody waiting but each other: work/slots.h, work/queue.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "life_kit.h"
#include "work/lane.h"

#define SLOTS 64
#define TIMEOUT 15000 /* ms, of a request */

static int good_hang; /* 1: those under /good/ hang, too */

static int hang_but_good(const whi_request *request) {
    return strstr(request->url, "/new/") == NULL && (good_hang || strstr(request->url, "/good/") == NULL);
}

static wh_engine *opened(const char *store) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;

    limits.in_flight = SLOTS;
    options.limits = &limits;
    engine = fixture_open(store, &options);
    fixture_script.hangs = hang_but_good;
    good_hang = 0;
    return engine;
}

/* So many, each with events of its own: "good.3" goes to /good/3. */
static void subscribe(wh_engine *engine, const char *name, int from, int to) {
    char document[160];

    for (int i = from; i < to; i++) {
        snprintf(document, sizeof document,
                 "{\"url\":\"https://example.com/%s/%d\",\"events\":[\"%s.%d\",\"%s.all\"],\"retry\":[0,1000,1000]}",
                 name, i, name, i, name);
        fixture_subscribe(engine, document, NULL);
    }
}

static size_t sent_to(const char *name) {
    char url[80];
    size_t count = 0;

    snprintf(url, sizeof url, "https://example.com/%s/", name);
    for (size_t i = 0; i < fixture_count(); i++) {
        count += strncmp(fixture_sent[i].url, url, strlen(url)) == 0;
    }
    return count;
}

static void turns(wh_engine *engine, int count) {
    for (int i = 0; i < count; i++) {
        fixture_turn(engine);
    }
}

static void age(whi_slot_list *list, int64_t us) {
    for (whi_slot *slot = list->first; slot != NULL; slot = slot->next) {
        slot->since_us -= us;
    }
}

/* So much time passes, in which nobody turns it. */
static void pass(wh_engine *engine, int64_t ms) {
    for (int i = 0; i < atomic_load(&engine->worker_count); i++) {
        age(&engine->workers[i]->slots.fresh, ms * 1000);
    }
    atomic_fetch_add(&fixture_time, ms);
    turns(engine, 3);
}

/* Both kinds are known for what they are. */
static wh_engine *with_hung(int good, int hung) {
    wh_engine *engine = opened(":memory:");

    subscribe(engine, "good", 0, good);
    subscribe(engine, "hung", 0, hung);
    fixture_run(engine);
    fixture_publish(engine, "good.all", "1", NULL);
    turns(engine, 10);
    assert_int_equal(sent_to("good"), good);
    fixture_publish(engine, "hung.all", "1", NULL);
    for (int i = 0; i < 2 * hung / SLOTS + 4; i++) {
        pass(engine, 300);
        pass(engine, TIMEOUT);
    }
    assert_true(sent_to("hung") >= (size_t)hung);
    return engine;
}

static void those_that_hang_keep_nobody_waiting(void **state) {
    wh_engine *engine = with_hung(1, 4 * SLOTS);
    size_t before = sent_to("good");

    (void)state;
    fixture_publish(engine, "hung.all", "1", NULL);
    pass(engine, 300);
    pass(engine, 300);
    for (int i = 0; i < 100; i++) {
        fixture_publish(engine, "good.0", "1", NULL);
    }
    turns(engine, 30);
    assert_int_equal(sent_to("good"), before + 100);
    wh_close(engine);
}

/* Nobody has heard of them yet, neither of the good ones nor of the others. */
static void those_that_turn_out_to_hang_keep_no_known_one_waiting(void **state) {
    wh_engine *engine = opened(":memory:");

    (void)state;
    subscribe(engine, "good", 0, 1);
    subscribe(engine, "hung", 0, 20 * SLOTS);
    fixture_run(engine);
    fixture_publish(engine, "good.0", "1", NULL);
    turns(engine, 5);
    for (int i = 0; i < 3; i++) {
        fixture_publish(engine, "hung.all", "1", NULL);
        for (int k = 0; k < 5; k++) {
            fixture_publish(engine, "good.0", "1", NULL);
            pass(engine, 300);
        }
    }
    assert_int_equal(sent_to("good"), 16);
    assert_true(engine->workers[0]->in_flight <= SLOTS);
    wh_close(engine);
}

static void who_is_new_waits_for_no_known_one(void **state) {
    wh_engine *engine = with_hung(1, 4 * SLOTS);
    size_t before = sent_to("good");

    (void)state;
    fixture_publish(engine, "hung.all", "1", NULL);
    pass(engine, 300);
    subscribe(engine, "good", 1, 11);
    fixture_publish(engine, "good.all", "1", NULL);
    turns(engine, 20);
    assert_int_equal(sent_to("good"), before + 11);
    wh_close(engine);
}

/* They have all the slots that they may have, and are told from it by nothing. */
static void who_is_new_waits_for_no_new_one_that_hangs(void **state) {
    wh_engine *engine = opened(":memory:");

    (void)state;
    subscribe(engine, "hung", 0, 3 * SLOTS / 4);
    subscribe(engine, "new", 0, SLOTS / 4);
    fixture_publish(engine, "hung.all", "1", NULL);
    turns(engine, 5);
    pass(engine, 300);
    pass(engine, 300);
    assert_int_equal(sent_to("hung"), 3 * SLOTS / 4);
    fixture_publish(engine, "new.all", "1", NULL);
    turns(engine, 10);
    assert_int_equal(sent_to("new"), SLOTS / 4);
    assert_int_equal(atomic_load(&engine->count.delivered), SLOTS / 4);
    assert_int_equal(atomic_load(&engine->count.failed), 0);
    assert_int_equal(life_states(engine, "waiting"), SLOTS / 4);
    pass(engine, TIMEOUT);
    assert_int_equal(sent_to("hung"), SLOTS);
    wh_close(engine);
}

static void answer_late(whi_request *request, void *payload) {
    (void)payload;
    request->duration_us = 1000000;
}

/* What it was sent it got twice, once. */
static void who_has_made_room_and_pauses_is_not_cut_again(void **state) {
    wh_engine *engine = opened(":memory:");
    int64_t good = fixture_subscribe(
        engine, "{\"url\":\"https://example.com/good/0\",\"events\":[\"good.0\"],\"concurrency\":1}", NULL);
    whi_lane *lane;

    (void)state;
    subscribe(engine, "hung", 0, SLOTS);
    good_hang = 1;
    fixture_publish(engine, "good.0", "1", NULL);
    turns(engine, 5);
    lane = whi_lane_get(engine->workers[0], good, 0);
    assert_non_null(lane);
    lane->yielded = 1;
    fixture_publish(engine, "hung.all", "1", NULL);
    turns(engine, 5);
    pass(engine, 300);
    pass(engine, 300);
    pass(engine, 300);
    assert_true(whi_slots_are_short(&engine->workers[0]->slots));
    fixture_script.answer = answer_late;
    good_hang = 0;
    turns(engine, 2);
    assert_int_equal(atomic_load(&engine->count.delivered), 1);
    assert_int_equal(lane->kind, WHI_SLOT_SLOW);
    wh_close(engine);
}

/* What waits for them is more than fits into memory, and no reason to decide nothing. */
static void what_waits_for_those_that_hang_stops_no_events(void **state) {
    enum { EVENTS = 3000 };
    wh_engine *engine = with_hung(1, 4);
    wh_event events[EVENTS];
    size_t before = sent_to("good");

    (void)state;
    fixture_publish(engine, "hung.all", "1", NULL);
    pass(engine, 300);
    for (int i = 0; i < EVENTS; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "hung.all";
        events[i].payload = "1";
        events[i].payload_size = 1;
    }
    assert_int_equal(wh_publish_batch(engine, events, EVENTS, NULL), WH_OK);
    fixture_publish(engine, "good.0", "1", NULL);
    for (int i = 0; i < 200 && sent_to("good") == before; i++) {
        fixture_turn(engine);
    }
    assert_int_equal(sent_to("good"), before + 1);
    assert_true(engine->workers[0]->queued < 100);
    wh_close(engine);
}

/* One after the other, whatever else waits for each. */
static void those_that_hang_take_turns(void **state) {
    enum { HUNG = 4 * SLOTS };
    wh_engine *engine = with_hung(1, HUNG);
    int counts[HUNG] = { 0 };
    size_t before = fixture_count();

    (void)state;
    for (int i = 0; i < 30; i++) {
        fixture_publish(engine, "hung.0", "1", NULL);
    }
    for (int i = 0; i < 3; i++) {
        fixture_publish(engine, "hung.all", "1", NULL);
    }
    for (int i = 0; i < 20; i++) {
        pass(engine, 300);
        pass(engine, TIMEOUT);
    }
    for (size_t i = before; i < fixture_count(); i++) {
        int which;
        if (sscanf(fixture_sent[i].url, "https://example.com/hung/%d", &which) == 1) {
            counts[which]++;
        }
    }
    for (int i = 0; i < HUNG; i++) {
        assert_true(counts[i] >= 1);
        assert_true(counts[i] <= counts[HUNG - 1] + 2 && counts[i] + 2 >= counts[HUNG - 1]);
    }
    wh_close(engine);
}

static int nobody_hangs(const whi_request *request) {
    (void)request;
    return 0;
}

static void those_that_come_back_get_all_that_waits(void **state) {
    enum { HUNG = 4 * SLOTS };
    wh_engine *engine = with_hung(1, HUNG);

    (void)state;
    for (int i = 0; i < 5; i++) {
        fixture_publish(engine, "hung.all", "1", NULL);
    }
    pass(engine, 300);
    fixture_script.hangs = nobody_hangs;
    atomic_fetch_add(&fixture_time, 10000);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), 0);
    assert_int_equal(life_states(engine, "delivered") + life_states(engine, "exhausted"), 1 + 6 * HUNG);
    assert_true(life_states(engine, "delivered") >= 1 + 5 * HUNG);
    assert_int_equal(engine->workers[0]->slots.used[WHI_SLOT_SLOW], 0);
    wh_close(engine);
}

/* As when a network fails behind which they all are. */
static void good_ones_that_hang_at_once_leave_the_rest_alone(void **state) {
    wh_engine *engine = with_hung(5 * SLOTS / 8, 2);

    (void)state;
    subscribe(engine, "new", 0, 20);
    fixture_publish(engine, "new.all", "1", NULL);
    turns(engine, 10);
    assert_int_equal(sent_to("new"), 20);
    good_hang = 1;
    fixture_publish(engine, "good.all", "1", NULL);
    turns(engine, 5);
    assert_int_equal(engine->workers[0]->slots.used[WHI_SLOT_QUICK], 5 * SLOTS / 8);
    pass(engine, 300);
    assert_int_equal(engine->workers[0]->slots.used[WHI_SLOT_QUICK], 0);
    for (int i = 0; i < 5; i++) {
        fixture_publish(engine, "new.all", "1", NULL);
        turns(engine, 10);
    }
    assert_int_equal(sent_to("new"), 6 * 20);
    wh_close(engine);
}

static void wait_delivered(wh_engine *engine, long long count) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (atomic_load(&engine->count.delivered) < count && whi_monotonic_us() < end) {
        usleep(2000);
    }
    assert_int_equal(atomic_load(&engine->count.delivered), count);
}

/* Its answer comes late, and it is one of them no more. */
static void who_pauses_for_a_moment_does_not_wait_with_those_that_hang(void **state) {
    wh_engine *engine = with_hung(1, 4 * SLOTS);
    size_t before = sent_to("good");

    (void)state;
    fixture_publish(engine, "hung.all", "1", NULL);
    pass(engine, 300);
    good_hang = 1;
    fixture_publish(engine, "good.0", "1", NULL);
    turns(engine, 3);
    pass(engine, 300);
    fixture_publish(engine, "good.0", "1", NULL);
    turns(engine, 3);
    good_hang = 0;
    turns(engine, 10);
    assert_int_equal(sent_to("good"), before + 2);
    assert_int_equal(whi_slots_may(&engine->workers[0]->slots, WHI_SLOT_SLOW), 0);
    wh_close(engine);
}

/* Each has slots of its own. */
static void with_threads_each_worker_keeps_slots_for_good_ones(void **state) {
    wh_engine *engine = opened(fixture_file());

    (void)state;
    subscribe(engine, "good", 0, 8);
    subscribe(engine, "hung", 0, 8 * SLOTS);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    fixture_publish(engine, "good.all", "1", NULL);
    life_wait_sent(8);
    fixture_publish(engine, "hung.all", "1", NULL);
    life_wait_sent(8 + 2 * (SLOTS / 2));
    for (int i = 0; i < 20; i++) {
        fixture_publish(engine, "good.all", "1", NULL);
    }
    wait_delivered(engine, 21 * 8);
    assert_true(atomic_load(&engine->flights_open) <= 2 * SLOTS);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    wh_close(engine);
}

/* ------------------------------------------------------------------------------ pacing */

static void take_long(whi_request *request, void *payload) {
    request->duration_us = *(const int64_t *)payload;
}

/* The most that were allowed at once while 2,000 answers came, each of which took so long. */
static int most_allowed(int64_t took_us) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    const whi_worker *worker = engine->workers[0];
    int most = 0;

    fixture_script.answer = take_long;
    fixture_script.payload = &took_us;
    subscribe(engine, "good", 0, 50);
    for (int i = 0; i < 40; i++) {
        fixture_publish(engine, "good.all", "1", NULL);
    }
    while (atomic_load(&engine->count.delivered) < 2000) {
        engine->workers[0]->paced_us -= 50000; /* it looks at what came with each turn */
        fixture_turn(engine);
        most = worker->flight_limit > most ? worker->flight_limit : most;
    }
    assert_true(worker->flight_limit >= worker->flight_least);
    wh_close(engine);
    return most;
}

static void more_go_at_once_to_receivers_that_are_far(void **state) {
    (void)state;
    assert_true(most_allowed(200000) > 2 * WHI_FLIGHTS_LEAST);
}

static void no_more_go_to_receivers_that_are_near(void **state) {
    (void)state;
    assert_int_equal(most_allowed(100), WHI_FLIGHTS_LEAST);
}

/* As when a receiver on this machine has too little CPU: what was quick once stays near. */
static void waiting_for_cpu_makes_nobody_far(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int64_t took_us = 100;

    (void)state;
    fixture_script.answer = take_long;
    fixture_script.payload = &took_us;
    subscribe(engine, "good", 0, 50);
    fixture_publish(engine, "good.all", "1", NULL);
    fixture_run(engine);
    took_us = 200000;
    for (int i = 0; i < 10; i++) {
        fixture_publish(engine, "good.all", "1", NULL);
    }
    while (atomic_load(&engine->count.delivered) < 550) {
        engine->workers[0]->paced_us -= 50000;
        fixture_turn(engine);
        assert_int_equal(engine->workers[0]->flight_limit, WHI_FLIGHTS_LEAST);
    }
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(those_that_hang_keep_nobody_waiting),
        TEST(those_that_turn_out_to_hang_keep_no_known_one_waiting),
        TEST(who_is_new_waits_for_no_known_one),
        TEST(who_is_new_waits_for_no_new_one_that_hangs),
        TEST(who_has_made_room_and_pauses_is_not_cut_again),
        TEST(what_waits_for_those_that_hang_stops_no_events),
        TEST(those_that_hang_take_turns),
        TEST(those_that_come_back_get_all_that_waits),
        TEST(good_ones_that_hang_at_once_leave_the_rest_alone),
        TEST(who_pauses_for_a_moment_does_not_wait_with_those_that_hang),
        TEST(with_threads_each_worker_keeps_slots_for_good_ones),
        TEST(more_go_at_once_to_receivers_that_are_far),
        TEST(no_more_go_to_receivers_that_are_near),
        TEST(waiting_for_cpu_makes_nobody_far),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
