#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/table.h"
#include "fault.h"
#include "webhook.h"

#define ENTRIES 3000

typedef struct thing {
    int number, in;
} thing;

static uint32_t hash_well(const void *entry) {
    return whi_table_spread((uint64_t)((const thing *)entry)->number);
}

/* Long runs of neighbours, which all ends of a table fall into. */
static uint32_t hash_badly(const void *entry) {
    return UINT32_MAX - (uint32_t)((const thing *)entry)->number / 100;
}

static int is_thing(const void *entry, const void *key) {
    return ((const thing *)entry)->number == *(const int *)key;
}

static void follow(const whi_table_kind *kind, int steps) {
    static thing things[ENTRIES];
    whi_table table = { 0 };
    uint32_t count = 0;

    srand(3);
    for (int i = 0; i < ENTRIES; i++) {
        things[i] = (thing){ i, 0 };
    }
    for (int i = 0; i < steps; i++) {
        thing *one = &things[rand() % ENTRIES];
        thing *found = whi_table_get(&table, kind, kind->hash(one), &one->number);
        assert_ptr_equal(found, one->in ? one : NULL);
        if (one->in) {
            assert_ptr_equal(whi_table_take(&table, kind, kind->hash(one), &one->number), one);
            count--;
        } else {
            assert_int_equal(whi_table_reserve(&table, kind), WH_OK);
            whi_table_put(&table, kind, one);
            count++;
        }
        one->in = !one->in;
        assert_int_equal(table.count, count);
        assert_true(table.count <= table.capacity / 4 * 3);
    }
    for (int i = 0; i < ENTRIES; i++) {
        assert_ptr_equal(whi_table_get(&table, kind, kind->hash(&things[i]), &i), things[i].in ? &things[i] : NULL);
    }
    whi_table_free(&table);
    assert_int_equal(table.count, 0);
}

static void what_was_put_in_is_found_until_it_is_taken_out(void **state) {
    static const whi_table_kind kind = { hash_well, is_thing };

    (void)state;
    follow(&kind, 60000);
}

static void hashes_that_are_alike_cost_time_and_nothing_else(void **state) {
    static const whi_table_kind kind = { hash_badly, is_thing };

    (void)state;
    follow(&kind, 4000);
}

static void an_empty_one_has_nothing(void **state) {
    static const whi_table_kind kind = { hash_well, is_thing };
    whi_table table = { 0 };
    int key = 1;

    (void)state;
    assert_null(whi_table_get(&table, &kind, 1, &key));
    assert_null(whi_table_take(&table, &kind, 1, &key));
    whi_table_free(&table);
}

static void without_memory_it_stays_as_it_is(void **state) {
    static const whi_table_kind kind = { hash_well, is_thing };
    thing things[4] = { { 0, 0 }, { 1, 0 }, { 2, 0 }, { 3, 0 } };
    whi_table table = { 0 };

    (void)state;
    fault_set(0);
    assert_int_equal(whi_table_reserve(&table, &kind), WH_ENOMEM);
    assert_true(fault_clear());
    for (int i = 0; i < 3; i++) {
        assert_int_equal(whi_table_reserve(&table, &kind), WH_OK);
        whi_table_put(&table, &kind, &things[i]);
    }
    fault_set(0);
    assert_int_equal(whi_table_reserve(&table, &kind), WH_ENOMEM);
    assert_true(fault_clear());
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(whi_table_get(&table, &kind, hash_well(&things[i]), &i), i < 3 ? &things[i] : NULL);
    }
    assert_int_equal(whi_table_resize(&table, &kind, 64), WH_OK);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(whi_table_get(&table, &kind, hash_well(&things[i]), &i), i < 3 ? &things[i] : NULL);
    }
    whi_table_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_in_is_found_until_it_is_taken_out),
        cmocka_unit_test(hashes_that_are_alike_cost_time_and_nothing_else),
        cmocka_unit_test(an_empty_one_has_nothing),
        cmocka_unit_test(without_memory_it_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
