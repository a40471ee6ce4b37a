#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/heap.h"
#include "webhook.h"

#define ITEMS 500
#define MOVES 20000

static unsigned chance = 7;

static unsigned draw(unsigned below) {
    chance = chance * 1664525u + 1013904223u;
    return (chance >> 8) % below;
}

static int64_t least_of(const whi_heap_item *items) {
    int64_t least = INT64_MAX;

    for (int i = 0; i < ITEMS; i++) {
        least = items[i].at != 0 && items[i].due < least ? items[i].due : least;
    }
    return least;
}

static void the_first_is_always_the_earliest(void **state) {
    static whi_heap_item items[ITEMS];
    whi_heap heap = { 0 };
    size_t in = 0;

    (void)state;
    for (int i = 0; i < MOVES; i++) {
        whi_heap_item *one = &items[draw(ITEMS)];
        if (draw(3) == 0) {
            in -= one->at != 0;
            whi_heap_leave(&heap, one);
            assert_int_equal(one->at, 0);
        } else {
            in += one->at == 0;
            assert_int_equal(whi_heap_set(&heap, one, draw(1000)), WH_OK);
            assert_true(one->at > 0);
        }
        assert_int_equal(heap.count, in);
        assert_true(in == 0 ? whi_heap_first(&heap) == NULL : whi_heap_first(&heap)->due == least_of(items));
    }
    whi_heap_free(&heap);
}

static void taken_out_one_by_one_they_come_in_order(void **state) {
    static whi_heap_item items[ITEMS];
    whi_heap heap = { 0 };
    int64_t last = -1;

    (void)state;
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(whi_heap_set(&heap, &items[i], draw(100)), WH_OK);
    }
    while (heap.count > 0) {
        whi_heap_item *first = whi_heap_first(&heap);
        assert_true(first->due >= last);
        last = first->due;
        whi_heap_leave(&heap, first);
    }
    whi_heap_free(&heap);
}

static void what_is_hastened_stays_in_order(void **state) {
    static whi_heap_item items[ITEMS];
    whi_heap heap = { 0 };
    int64_t last = -1;

    (void)state;
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(whi_heap_set(&heap, &items[i], draw(1000)), WH_OK);
    }
    whi_heap_hasten(&heap, 500);
    while (heap.count > 0) {
        whi_heap_item *first = whi_heap_first(&heap);
        assert_in_range(first->due, last < 0 ? 0 : last, 500);
        last = first->due;
        whi_heap_leave(&heap, first);
    }
    assert_int_equal(last, 500);
    whi_heap_free(&heap);
}

static void what_is_reserved_does_not_move(void **state) {
    static whi_heap_item items[ITEMS];
    whi_heap heap = { 0 };
    whi_heap_item **place;

    (void)state;
    assert_int_equal(whi_heap_reserve(&heap, ITEMS), WH_OK);
    place = heap.items;
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(whi_heap_set(&heap, &items[i], i), WH_OK);
    }
    assert_ptr_equal(heap.items, place);
    whi_heap_free(&heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_always_the_earliest),
        cmocka_unit_test(taken_out_one_by_one_they_come_in_order),
        cmocka_unit_test(what_is_hastened_stays_in_order),
        cmocka_unit_test(what_is_reserved_does_not_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
