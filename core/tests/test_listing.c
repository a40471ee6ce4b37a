/* Ids in order, against a sorted array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/listing.h"
#include "fault.h"
#include "webhook.h"

#define IDS 3000
#define TENANTS 5

/* Where each id is: its tenant, or -1. Index 0 is not used. */
static int model[IDS + 1];

static uint32_t drawn = 1;

static uint32_t draw(uint32_t below) {
    drawn = drawn * UINT32_C(1664525) + UINT32_C(1013904223);
    return (drawn >> 8) % below;
}

static const char *name(int tenant) {
    static const char *const names[TENANTS] = { "", "a", "b", "c", "a.longer:name" };

    return tenant < 0 ? NULL : names[tenant];
}

static size_t expected(int tenant, const whi_page *page, int64_t *out) {
    size_t skip = page->skip, count = 0;
    int64_t id = page->descending ? (page->from ? page->from - 1 : IDS) : page->from + 1;

    for (; id >= 1 && id <= IDS && count < page->limit; id += page->descending ? -1 : 1) {
        if (model[id] < 0 || (tenant >= 0 && model[id] != tenant)) {
            continue;
        }
        if (skip > 0) {
            skip--;
        } else {
            out[count++] = id;
        }
    }
    return count;
}

static void compare(const whi_listing *listing) {
    for (int tenant = -1; tenant < TENANTS; tenant++) {
        whi_page page = { draw(3) ? draw(IDS) + 1 : 0, (int)draw(2), draw(2) ? draw(900) : 0, draw(700) };
        int64_t found[700], wanted[700];
        size_t count = whi_listing_page(listing, name(tenant), &page, found), all = 0;

        assert_int_equal(count, expected(tenant, &page, wanted));
        assert_memory_equal(found, wanted, count * sizeof *found);
        for (int id = 1; id <= IDS; id++) {
            all += model[id] >= 0 && (tenant < 0 || model[id] == tenant);
        }
        assert_int_equal(whi_listing_count(listing, name(tenant)), all);
    }
}

static void change(whi_listing *listing) {
    int id = (int)draw(IDS) + 1, tenant = (int)draw(TENANTS);

    if (model[id] < 0) {
        assert_int_equal(whi_listing_add(listing, name(tenant), id), WH_OK);
        model[id] = tenant;
    } else if (draw(3) == 0) {
        whi_listing_remove(listing, name(model[id]), id);
        model[id] = -1;
    } else if (tenant != model[id]) {
        assert_int_equal(whi_listing_add(listing, name(tenant), id), WH_OK);
        whi_listing_leave(listing, name(model[id]), id);
        model[id] = tenant;
    } else {
        assert_int_equal(whi_listing_add(listing, name(tenant), id), WH_OK); /* it is there */
    }
}

static void pages_are_those_of_a_sorted_array(void **state) {
    whi_listing *listing;

    (void)state;
    for (int id = 0; id <= IDS; id++) {
        model[id] = -1;
    }
    assert_int_equal(whi_listing_new(&listing), WH_OK);
    compare(listing);
    for (int i = 0; i < 20000; i++) {
        change(listing);
        if (i % 100 == 0) {
            compare(listing);
        }
    }
    whi_listing_free(listing);
}

static void ids_that_grow_are_found(void **state) {
    whi_page page = { 0, 1, 1500, 2 };
    whi_listing *listing;
    int64_t ids[2];

    (void)state;
    assert_int_equal(whi_listing_new(&listing), WH_OK);
    for (int id = 1; id <= 2000; id++) {
        assert_int_equal(whi_listing_add(listing, "t", id), WH_OK);
    }
    assert_int_equal(whi_listing_page(listing, "t", &page, ids), 2);
    assert_int_equal(ids[0], 500);
    assert_int_equal(ids[1], 499);
    for (int id = 1; id <= 2000; id++) {
        whi_listing_remove(listing, "t", id);
    }
    assert_int_equal(whi_listing_count(listing, NULL), 0);
    assert_int_equal(whi_listing_page(listing, NULL, &page, ids), 0);
    whi_listing_free(listing);
}

static void a_failed_allocation_adds_nothing(void **state) {
    (void)state;
    for (long n = 0, failed = 1; failed; n++) {
        whi_listing *listing;
        int code = WH_OK, id = 0;

        assert_int_equal(whi_listing_new(&listing), WH_OK);
        fault_set(n);
        while (code == WH_OK && id < 1200) {
            id++;
            code = whi_listing_add(listing, id % 40 ? "t" : "u", id);
        }
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        assert_int_equal(whi_listing_count(listing, NULL), id - failed);
        assert_int_equal(whi_listing_count(listing, "t") + whi_listing_count(listing, "u"), id - failed);
        whi_listing_free(listing);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_those_of_a_sorted_array),
        cmocka_unit_test(ids_that_grow_are_found),
        cmocka_unit_test(a_failed_allocation_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
