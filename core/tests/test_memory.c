/* What waits in memory: pots of bytes that tenants share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/memory.h"
#include "engine_fixture.h"
#include "work/lane.h"
#include "work/worker.h"

#define LIMIT 100000

/* How much a tenant gets that takes as long as it may, a piece after the other; it keeps it. */
static long long take(whi_memory *memory, whi_account *account, long long piece) {
    long long got = 0;

    for (;;) {
        whi_memory_count(memory, account, WHI_POT_BODIES, piece);
        if (!whi_memory_may_keep(memory, account, WHI_POT_BODIES, piece, WHI_MEMORY_GREED)) {
            whi_memory_count(memory, account, WHI_POT_BODIES, -piece);
            return got;
        }
        got += piece;
    }
}

static void one_tenant_gets_most_of_a_pot_and_never_all(void **state) {
    whi_memory memory;
    whi_account *acme;
    long long got;

    (void)state;
    whi_memory_init(&memory, LIMIT);
    acme = whi_memory_open(&memory, "acme");
    got = take(&memory, acme, 100);
    assert_true(got > LIMIT * 8 / 10 && got <= LIMIT * 7 / 8);
    assert_int_equal(whi_memory_used(&memory, WHI_POT_BODIES), got);
    assert_int_equal(whi_memory_used(&memory, WHI_POT_EVENTS), 0);
    whi_memory_count(&memory, acme, WHI_POT_BODIES, -got);
    whi_memory_close(&memory, acme);
    assert_int_equal(memory.all.count, 0);
    whi_memory_end(&memory);
}

/* The greedy one goes back to its share as what it has is sent: what it gives back it does not get again. */
static void who_comes_later_gets_as_much_in_the_end(void **state) {
    whi_memory memory;
    whi_account *first, *second;
    long long of_first, of_second;

    (void)state;
    whi_memory_init(&memory, LIMIT);
    first = whi_memory_open(&memory, "first");
    second = whi_memory_open(&memory, "second");
    of_first = take(&memory, first, 100);
    of_second = take(&memory, second, 100);
    assert_true(of_second > 0);
    for (int i = 0; i < 10000; i++) {
        if (of_first >= 100) {
            whi_memory_count(&memory, first, WHI_POT_BODIES, -100);
            of_first += take(&memory, first, 100) - 100;
        }
        of_second += take(&memory, second, 100);
    }
    assert_true(of_first * 10 > of_second * 9 && of_second * 10 > of_first * 9);
    assert_true(of_first + of_second < LIMIT);
    whi_memory_count(&memory, first, WHI_POT_BODIES, -of_first);
    whi_memory_count(&memory, second, WHI_POT_BODIES, -of_second);
    whi_memory_close(&memory, first);
    whi_memory_close(&memory, second);
    whi_memory_end(&memory);
}

static void into_an_empty_pot_fits_one_piece_of_any_size(void **state) {
    whi_memory memory;
    whi_account *acme;

    (void)state;
    whi_memory_init(&memory, 1);
    acme = whi_memory_open(&memory, "acme");
    whi_memory_count(&memory, acme, WHI_POT_EVENTS, 5000);
    assert_true(whi_memory_may_keep(&memory, acme, WHI_POT_EVENTS, 5000, WHI_MEMORY_GREED));
    assert_true(whi_memory_is_full(&memory, WHI_POT_EVENTS));
    whi_memory_count(&memory, acme, WHI_POT_EVENTS, 5000);
    assert_false(whi_memory_may_keep(&memory, acme, WHI_POT_EVENTS, 5000, WHI_MEMORY_GREED));
    whi_memory_count(&memory, acme, WHI_POT_EVENTS, -10000);
    whi_memory_close(&memory, acme);
    whi_memory_end(&memory);
}

static void accounts_of_many_tenants_leave_nothing_behind(void **state) {
    static whi_account *accounts[5000];
    whi_memory memory;
    char name[16];

    (void)state;
    whi_memory_init(&memory, LIMIT);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "t%d", i);
        accounts[i] = whi_memory_open(&memory, name);
        assert_non_null(accounts[i]);
    }
    assert_ptr_equal(whi_memory_open(&memory, "t7"), accounts[7]);
    whi_memory_close(&memory, accounts[7]);
    for (int i = 0; i < 5000; i++) {
        whi_memory_close(&memory, accounts[i]);
    }
    assert_int_equal(memory.all.count, 0);
    assert_true(memory.all.capacity <= 128);
    whi_memory_end(&memory);
}

/* As take, but a part of the tenant's. */
static long long take_part(whi_memory *memory, whi_account *account, long long piece) {
    long long got = 0;

    for (;;) {
        whi_memory_count(memory, account, WHI_POT_BODIES, piece);
        if (!whi_memory_may_share(memory, account, WHI_POT_BODIES, got + piece, WHI_MEMORY_GREED)) {
            whi_memory_count(memory, account, WHI_POT_BODIES, -piece);
            return got;
        }
        got += piece;
    }
}

static void a_part_of_a_tenants_leaves_as_much_to_the_next_in_the_end(void **state) {
    whi_memory memory;
    whi_account *acme, *other;
    long long first, second, of_other;

    (void)state;
    whi_memory_init(&memory, LIMIT);
    acme = whi_memory_open(&memory, "acme");
    other = whi_memory_open(&memory, "other");
    first = take_part(&memory, acme, 100);
    assert_in_range(first, LIMIT * 6 / 10, LIMIT * 7 / 8 * 3 / 4);
    second = take_part(&memory, acme, 100);
    assert_in_range(second, LIMIT * 7 / 8 / 8, LIMIT * 7 / 8 / 4);
    of_other = take(&memory, other, 100);
    assert_true(of_other > 0);
    whi_memory_count(&memory, acme, WHI_POT_BODIES, -first);
    second += take_part(&memory, acme, 100);
    first = take_part(&memory, acme, 100);
    assert_true(first > 0);
    whi_memory_count(&memory, acme, WHI_POT_BODIES, -whi_memory_used(&memory, WHI_POT_BODIES) + of_other);
    whi_memory_count(&memory, other, WHI_POT_BODIES, -of_other);
    whi_memory_close(&memory, acme);
    whi_memory_close(&memory, other);
    whi_memory_end(&memory);
}

static void heard(int code, const char *error, const wh_receipt *receipt, void *payload) {
    (void)error;
    (void)receipt;
    assert_int_equal(code, WH_OK);
    ++*(int *)payload;
}

static int publish_large(wh_engine *engine, const char *tenant, int *count) {
    static char payload[5000];
    wh_event event = WH_EVENT_INIT;

    memset(payload, '1', sizeof payload);
    event.type = "a";
    event.tenant = tenant;
    event.payload = payload;
    event.payload_size = sizeof payload;
    return wh_publish_async(engine, &event, heard, count);
}

/* What is promised is in memory until it is written, and not handed on before the next step. */
static void a_tenant_that_promises_much_leaves_memory_to_the_next(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    int told = 0, promised = 0;

    (void)state;
    options.limits = &limits;
    limits.memory_bytes = LIMIT;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\"}", NULL);
    fixture_run(engine);
    while (publish_large(engine, "first", &told) == WH_OK) {
        promised++;
    }
    assert_string_equal(wh_last_error_field(), "limits.memory_bytes");
    assert_in_range(promised, LIMIT / 2 / 5000, LIMIT * 7 / 8 / 5000);
    assert_int_equal(publish_large(engine, "second", &told), WH_OK);
    fixture_run(engine);
    assert_int_equal(told, promised + 1);
    assert_int_equal(whi_memory_used(engine->memory, WHI_POT_EVENTS), 0);
    wh_close(engine);
}

#define HUNG "https://example.com/hung"
#define GOOD "https://example.com/good"

static int hangs(const whi_request *request) {
    return strcmp(request->url, HUNG) == 0;
}

static void publish_of(wh_engine *engine, const char *type) {
    static char payload[5000];
    wh_event event = WH_EVENT_INIT;

    memset(payload, '1', sizeof payload);
    event.type = type;
    event.payload = payload;
    event.payload_size = sizeof payload;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* None of them has a tenant. What one of them would have beyond its part is in the store. */
static void a_subscription_whose_receiver_hangs_leaves_memory_to_the_next(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    int64_t hung;
    const whi_lane *lane;

    (void)state;
    options.limits = &limits;
    limits.memory_bytes = LIMIT;
    engine = fixture_open(":memory:", &options);
    hung = fixture_subscribe(engine, "{\"url\":\"" HUNG "\",\"events\":[\"hung\"]}", NULL);
    fixture_subscribe(engine, "{\"url\":\"" GOOD "\",\"events\":[\"good\"]}", NULL);
    fixture_run(engine);
    fixture_script.hangs = hangs;
    for (int i = 0; i < 40; i++) {
        publish_of(engine, "hung");
        fixture_turn(engine);
    }
    lane = whi_lane_get(engine->workers[0], hung, 0);
    assert_non_null(lane);
    assert_in_range(lane->bytes[WHI_POT_EVENTS], 5000, LIMIT * 7 / 8 * 3 / 4);
    assert_true(whi_memory_used(engine->memory, WHI_POT_EVENTS) < LIMIT * 3 / 4);
    for (int i = 0; i < 10; i++) {
        publish_of(engine, "good");
        for (int k = 0; k < 4; k++) {
            fixture_turn(engine);
        }
        assert_int_equal(fixture_sent_count, i + 2);
    }
    wh_close(engine);
}

#define LANES 16384 /* that are kept though nothing waits for them */

/* A lane for each subscription that ever got something would be as many as there are subscriptions. */
static void of_very_many_lanes_those_that_rest_are_given_up(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_worker *worker = engine->workers[0];
    int64_t last = LANES + 100;

    (void)state;
    fixture_run(engine);
    for (int64_t i = 1; i <= LANES; i++) {
        assert_non_null(whi_lane_get(worker, i, 1));
    }
    whi_lanes_sweep(worker);
    assert_int_equal(worker->lanes.count, LANES);
    for (int64_t i = LANES + 1; i <= last; i++) {
        assert_non_null(whi_lane_get(worker, i, 1));
    }
    whi_lane_stored(worker, whi_lane_get(worker, last, 0), INT64_MAX - 1);
    whi_lanes_sweep(worker);
    assert_int_equal(worker->lanes.count, 1);
    assert_non_null(whi_lane_get(worker, last, 0)); /* something waits for it */
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_tenant_gets_most_of_a_pot_and_never_all),
        cmocka_unit_test(who_comes_later_gets_as_much_in_the_end),
        cmocka_unit_test(into_an_empty_pot_fits_one_piece_of_any_size),
        cmocka_unit_test(a_part_of_a_tenants_leaves_as_much_to_the_next_in_the_end),
        cmocka_unit_test_setup_teardown(a_subscription_whose_receiver_hangs_leaves_memory_to_the_next, fixture_setup,
                                        fixture_setup),
        cmocka_unit_test_setup_teardown(a_tenant_that_promises_much_leaves_memory_to_the_next, fixture_setup,
                                        fixture_setup),
        cmocka_unit_test_setup_teardown(of_very_many_lanes_those_that_rest_are_given_up, fixture_setup, fixture_setup),
        cmocka_unit_test(accounts_of_many_tenants_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
