/* Many subscriptions to one database that hangs: work/crowd.c. A fake stands for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "fake_destination.h"
#include "insides.h"
#include "work/slots.h"

#define LEFT 20

static const char document[] = "{\"url\":\"postgresql://db.example/app\",\"events\":[\"crm_contact.*\"]}";
static wh_engine *engine;

static int begin(void **state) {
    fixture_setup(state);
    fake_reset();
    engine = fixture_open(":memory:", NULL);
    engine->destinations = &fake_destinations;
    return 0;
}

static int end(void **state) {
    (void)state;
    fake_hang(0);
    wh_close(engine);
    assert_int_equal(fake_db.opened, fake_db.closed);
    return 0;
}

static void publish_many(int count) {
    for (int i = 0; i < count; i++) {
        fixture_publish(engine, "crm_contact.updated", "{\"id\":\"a\"}", NULL);
    }
}

static void wait_for(int (*is_so)(void)) {
    int64_t end_us = whi_monotonic_us() + 60000000;

    while (!is_so()) {
        assert_true(whi_monotonic_us() < end_us);
        assert_true(wh_step(engine) >= 0);
    }
}

static int one_hangs(void) {
    return fake_waiting() > 0;
}

static int has_its_share(void) {
    return engine->workers[0]->in_flight >= LEFT / 2;
}

#define LANES 4

/* Many subscriptions to one that hangs have together what one of them may have; one delivery of each is always taken.
 */
static void many_to_one_that_hangs_take_no_more_than_one(void **state) {
    int *used = &engine->workers[0]->slots.used[WHI_SLOT_BATCH];

    (void)state;
    for (int i = 0; i < LANES; i++) {
        fixture_subscribe(engine, document, NULL);
    }
    publish_many(60);
    fixture_run(engine);
    *used += WHI_SLOTS_BATCHED - LEFT;
    fake_hang(1);
    publish_many(1);
    wait_for(one_hangs);
    publish_many(60);
    wait_for(has_its_share);
    for (int i = 0; i < 100; i++) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_in_range(engine->workers[0]->in_flight, LEFT / 2, LEFT / 2 + LANES - 1);
    *used -= WHI_SLOTS_BATCHED - LEFT;
    fake_hang(0);
    fixture_run(engine);
    assert_int_equal(fake_db.count, LANES * 121);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_to_one_that_hangs_take_no_more_than_one, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
