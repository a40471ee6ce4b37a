#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pure/match.h"
#include "webhook.h"

#define MANY 100000

static whi_match *fresh(void) {
    whi_match *match;

    assert_int_equal(whi_match_new(&match), WH_OK);
    return match;
}

struct finds {
    void *values[64];
    size_t count, stop_at;
};

static int note(void *value, void *payload) {
    struct finds *finds = payload;

    if (finds->count < 64) {
        finds->values[finds->count] = value;
    }
    finds->count++;
    return finds->count == finds->stop_at ? 7 : 0;
}

static size_t finds_of(const whi_match *match, const char *tenant, const char *type) {
    struct finds finds = { { NULL }, 0, 0 };

    assert_int_equal(whi_match_find(match, tenant, type, note, &finds), 0);
    return finds.count;
}

/* ------------------------------------------------------------------------ checks */

static void only_types_are_types(void **state) {
    char text[200];

    (void)state;
    assert_int_equal(whi_type_check("order.paid"), WH_OK);
    assert_int_equal(whi_type_check("a"), WH_OK);
    assert_int_equal(whi_type_check("A-z_0:9/x."), WH_OK);
    assert_int_equal(whi_type_check(NULL), WH_EINVALID);
    assert_int_equal(whi_type_check(""), WH_EINVALID);
    assert_int_equal(whi_type_check("order.*"), WH_EINVALID);
    assert_int_equal(whi_type_check("a b"), WH_EINVALID);
    assert_int_equal(whi_type_check("\xc3\xa4"), WH_EINVALID);
    memset(text, 'a', sizeof text);
    text[128] = '\0';
    assert_int_equal(whi_type_check(text), WH_OK);
    text[128] = 'a';
    text[129] = '\0';
    assert_int_equal(whi_type_check(text), WH_EINVALID);
}

static void ids_and_tenants_have_at_most_64_letters_and_no_slash(void **state) {
    char text[100];

    (void)state;
    assert_int_equal(whi_tenant_check(""), WH_OK);
    assert_int_equal(whi_id_check(""), WH_EINVALID);
    assert_int_equal(whi_id_check("a.B_9:-"), WH_OK);
    assert_int_equal(whi_id_check("a/b"), WH_EINVALID);
    assert_int_equal(whi_tenant_check("a/b"), WH_EINVALID);
    assert_int_equal(whi_tenant_check(NULL), WH_EINVALID);
    memset(text, 'a', sizeof text);
    text[64] = '\0';
    assert_int_equal(whi_tenant_check(text), WH_OK);
    assert_int_equal(whi_id_check(text), WH_OK);
    text[64] = 'a';
    text[65] = '\0';
    assert_int_equal(whi_tenant_check(text), WH_EINVALID);
    assert_int_equal(whi_id_check(text), WH_EINVALID);
}

static void a_star_stands_alone_or_at_the_end_behind_a_separator(void **state) {
    static const char *const good[] = { "*", "a", "a.*", "a:*", "a.b.*", "a:b.c/d.*", "..*" };
    static const char *const bad[] = {
        "", "**", "a*", "*.a", "a.*.b", "a/*", "a-*", ".*", ":*", "a.**", "a .*", "a.*\n"
    };
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(whi_pattern_check(good[i]), WH_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(whi_pattern_check(bad[i]), WH_EINVALID);
    }
    assert_int_equal(whi_pattern_check(NULL), WH_EINVALID);
    memset(text, 'a', sizeof text);
    memcpy(text + 126, ".*", 3);
    assert_int_equal(whi_pattern_check(text), WH_OK);
    memset(text, 'a', sizeof text);
    memcpy(text + 127, ".*", 3);
    assert_int_equal(whi_pattern_check(text), WH_EINVALID);
}

/* ----------------------------------------------------------------------- finding */

static void patterns_match_as_the_manual_says(void **state) {
    static const struct {
        const char *pattern, *type;
        size_t found;
    } rows[] = {
        { "order.paid", "order.paid", 1 },
        { "order.paid", "order.paid.x", 0 },
        { "order.paid", "order", 0 },
        { "order.*", "order.paid", 1 },
        { "order.*", "order.paid.late", 1 },
        { "order.*", "order", 0 },
        { "order.*", "order.", 1 },
        { "order.*", "order:paid", 0 },
        { "order.*", "orders.paid", 0 },
        { "order:*", "order:paid", 1 },
        { "order:*", "order.paid", 0 },
        { "a.b.*", "a.b.c", 1 },
        { "a.b.*", "a.c.b", 0 },
        { "a.b:*", "a.b:c.d", 1 },
        { "*", "order.paid", 1 },
        { "*", "x", 1 },
        { "*", "webhook.disabled", 0 },
        { "*", "webhook:x", 1 },
        { "*", "webhook", 1 },
        { "*", "webhooks.x", 1 },
        { "*", "webhook.", 0 },
        { "webhook.*", "webhook.disabled", 1 },
        { "webhook.disabled", "webhook.disabled", 1 },
        { "webhook.a.*", "webhook.a.b", 1 },
        { "webhook.*", "webhook.delivery.exhausted", 0 },
        { "webhook.*", "webhook.deliveries", 1 },
        { "webhook.delivery.*", "webhook.delivery.exhausted", 1 },
        { "webhook.delivery.exhausted", "webhook.delivery.exhausted", 1 },
        { "Order.*", "order.paid", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_match *match = fresh();

        assert_int_equal(whi_match_add(match, "", &rows[i].pattern, 1, match), WH_OK);
        if (finds_of(match, "", rows[i].type) != rows[i].found) {
            fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].type);
        }
        whi_match_free(match);
    }
}

static void no_patterns_mean_all_but_the_engines_own(void **state) {
    whi_match *match = fresh();

    (void)state;
    assert_int_equal(whi_match_add(match, "", NULL, 0, match), WH_OK);
    assert_int_equal(finds_of(match, "", "order.paid"), 1);
    assert_int_equal(finds_of(match, "", "webhook.disabled"), 0);
    whi_match_remove(match, "", NULL, 0, match);
    assert_int_equal(finds_of(match, "", "order.paid"), 0);
    whi_match_free(match);
}

static void a_tenant_sees_its_own_events_only(void **state) {
    static const char *const tenants[] = { "", "a", "ab" };
    static const char *const patterns[] = { "order.paid", "b.*", "*" };
    whi_match *match = fresh();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(whi_match_add(match, tenants[i], patterns, 3, (void *)&tenants[i]), WH_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        struct finds finds = { { NULL }, 0, 0 };
        assert_int_equal(whi_match_find(match, tenants[i], "order.paid", note, &finds), 0);
        assert_int_equal(finds.count, 1);
        assert_ptr_equal(finds.values[0], &tenants[i]);
    }
    assert_int_equal(finds_of(match, "abc", "order.paid"), 0);
    assert_int_equal(finds_of(match, "A", "order.paid"), 0);
    whi_match_free(match);
}

static void a_value_with_several_patterns_that_match_is_found_once(void **state) {
    static const char *const patterns[] = { "a.b.c", "*", "a.*", "a.b.*", "a.b.c", "webhook.*", "webhook.x", "*" };
    whi_match *match = fresh();

    (void)state;
    for (size_t first = 0; first < 8; first++) {
        const char *turned[8];
        for (size_t i = 0; i < 8; i++) {
            turned[i] = patterns[(i + first) % 8];
        }
        assert_int_equal(whi_match_add(match, "t", turned, 8, match), WH_OK);
        assert_int_equal(finds_of(match, "t", "a.b.c"), 1);
        assert_int_equal(finds_of(match, "t", "a.b.d"), 1);
        assert_int_equal(finds_of(match, "t", "q"), 1);
        assert_int_equal(finds_of(match, "t", "webhook.x"), 1);
        assert_int_equal(finds_of(match, "t", "webhook.y"), 1);
        whi_match_remove(match, "t", turned, 8, match);
        assert_int_equal(finds_of(match, "t", "a.b.c"), 0);
        assert_int_equal(finds_of(match, "t", "webhook.x"), 0);
    }
    whi_match_free(match);
}

static void finding_stops_when_it_is_told_to(void **state) {
    struct finds finds = { { NULL }, 0, 3 };
    char values[10];
    whi_match *match = fresh();

    (void)state;
    for (size_t i = 0; i < sizeof values; i++) {
        static const char *const pattern = "a.*";
        assert_int_equal(whi_match_add(match, "", &pattern, 1, &values[i]), WH_OK);
    }
    assert_int_equal(whi_match_find(match, "", "a.b", note, &finds), 7);
    assert_int_equal(finds.count, 3);
    whi_match_free(match);
}

static void what_is_no_pattern_is_refused_and_what_is_no_type_is_not_found(void **state) {
    static const char *const patterns[] = { "a", "b*" };
    char text[300];
    whi_match *match = fresh();

    (void)state;
    assert_int_equal(whi_match_add(match, "", patterns, 2, match), WH_EINVALID);
    assert_int_equal(strncmp(wh_last_error(), "events[1]: ", 11), 0);
    assert_int_equal(whi_match_add(match, "a b", patterns, 1, match), WH_EINVALID);
    assert_int_equal(finds_of(match, "", "a"), 0);
    assert_int_equal(whi_match_add(match, "", NULL, 0, match), WH_OK);
    memset(text, '.', sizeof text);
    text[128] = '\0';
    assert_int_equal(finds_of(match, "", text), 1);
    text[128] = '.';
    text[299] = '\0';
    assert_int_equal(finds_of(match, "", text), 0);
    whi_match_free(match);
}

/* ------------------------------------------------------------------------- oracle */

#define VALUES 200

static uint32_t chance = 1;

static uint32_t draw(uint32_t below) {
    chance = chance * 1664525u + 1013904223u; /* Numerical Recipes */
    return (chance >> 8) % below;
}

static const char *const some_tenants[] = { "", "a", "b" };
static const char *const some_patterns[] = { "*",
                                             "a.*",
                                             "a.b.*",
                                             "a:*",
                                             "a",
                                             "a.b",
                                             "a.b.c",
                                             "b",
                                             "b.a.*",
                                             "b.a.c",
                                             "a.b:c.*",
                                             "webhook.*",
                                             "webhook.b.*",
                                             "webhook.b",
                                             "webhook.delivery.*",
                                             "webhook.delivery.x" };
static const char *const some_types[] = { "a",       "a.",          "a.b",       "a.b.c",
                                          "a:b",     "a.b:c.d",     "b",         "b.a",
                                          "b.a.c",   "b.a.d",       "c",         "webhook",
                                          "webhook", "webhook.b.c", "webhook.b", "webhook.delivery.x" };

#define COUNT(of) ((uint32_t)(sizeof(of) / sizeof(of)[0]))

struct known {
    const char *tenant, *patterns[6];
    size_t count;
    int added;
};

/* As the manual says it, without a thought for speed. */
static int wants(const struct known *known, const char *tenant, const char *type) {
    int each = strncmp(type, "webhook.delivery.", 17) == 0;
    int own = strncmp(type, "webhook.", 8) == 0;

    for (size_t i = 0; i < known->count || i == 0; i++) {
        const char *pattern = known->count > 0 ? known->patterns[i] : "*";
        size_t size = strlen(pattern);
        int hit = strcmp(pattern, type) == 0;
        if (strcmp(pattern, "*") == 0) {
            hit = !own;
        } else if (pattern[size - 1] == '*') {
            hit = strncmp(pattern, type, size - 1) == 0 && (!each || size > 17);
        }
        if (hit) {
            return known->added && strcmp(known->tenant, tenant) == 0;
        }
    }
    return 0;
}

static int count_up(void *value, void *payload) {
    (void)payload;
    ((struct known *)value)->added += 100;
    return 0;
}

static void compare(const whi_match *match, struct known *all, const char *tenant, const char *type) {
    whi_match_find(match, tenant, type, count_up, NULL);
    for (size_t i = 0; i < VALUES; i++) {
        int found = all[i].added / 100;
        all[i].added %= 100;
        if (found != wants(&all[i], tenant, type)) {
            fail_msg("value %zu was found %d times for \"%s\" of \"%s\"", i, found, type, tenant);
        }
    }
}

static void flip(whi_match *match, struct known *one) {
    if (one->added) {
        whi_match_remove(match, one->tenant, one->patterns, one->count, one);
        one->added = 0;
        return;
    }
    one->tenant = some_tenants[draw(COUNT(some_tenants))];
    one->count = draw(7);
    for (size_t i = 0; i < one->count; i++) {
        one->patterns[i] = some_patterns[draw(COUNT(some_patterns))];
    }
    assert_int_equal(whi_match_add(match, one->tenant, one->patterns, one->count, one), WH_OK);
    one->added = 1;
}

static void it_finds_what_a_plain_list_finds(void **state) {
    static struct known all[VALUES];
    whi_match *match = fresh();

    (void)state;
    for (size_t i = 0; i < 20000; i++) {
        flip(match, &all[draw(VALUES)]);
        if (i % 10 == 0) {
            compare(match, all, some_tenants[draw(COUNT(some_tenants))], some_types[draw(COUNT(some_types))]);
        }
    }
    for (size_t i = 0; i < VALUES; i++) {
        if (all[i].added) {
            flip(match, &all[i]);
        }
    }
    for (size_t i = 0; i < COUNT(some_types); i++) {
        assert_int_equal(finds_of(match, "", some_types[i]), 0);
    }
    whi_match_free(match);
}

/* --------------------------------------------------------------------------- size */

static int count_one(void *value, void *payload) {
    (void)value;
    ++*(size_t *)payload;
    return 0;
}

/* Quadratic removal would take 10 s and more here; the bound is far above what is needed. */
static void one_of_100000_under_one_pattern_leaves_at_once(void **state) {
    char *values = malloc(MANY);
    whi_match *match = fresh();
    size_t count = 0;
    int64_t began = whi_monotonic_us();

    (void)state;
    assert_non_null(values);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(whi_match_add(match, "t", NULL, 0, &values[i]), WH_OK);
    }
    whi_match_find(match, "t", "x", count_one, &count);
    assert_int_equal(count, MANY);
    for (size_t i = 0; i < MANY - 1; i++) {
        whi_match_remove(match, "t", NULL, 0, &values[i]);
    }
    assert_int_equal(finds_of(match, "t", "x"), 1);
    assert_in_range(whi_monotonic_us() - began, 0, 3000000);
    for (size_t i = 0; i < MANY; i++) { /* what is left stands in a short list again */
        assert_int_equal(finds_of(match, "t", "x"), 1);
    }
    assert_in_range(whi_monotonic_us() - began, 0, 6000000);
    whi_match_free(match);
    free(values);
}

static size_t in_use(void) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

/* The dearest case: no two subscriptions share a tenant. */
static void subscriptions_with_3_patterns_take_300_bytes(void **state) {
    static const char *const patterns[] = { "order.paid", "customer.*", "invoice.sent" };
    char *values = malloc(MANY), tenant[32];
    size_t before = in_use(), used;
    whi_match *match = fresh();

    (void)state;
    assert_non_null(values);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(tenant, sizeof tenant, "tenant%zu", i);
        assert_int_equal(whi_match_add(match, tenant, patterns, 3, &values[i]), WH_OK);
    }
    used = in_use() - before;
    print_message("%d subscriptions of as many tenants, 3 patterns each: %.1f MB\n", MANY, (double)used / 1e6);
    assert_in_range(used, 0, 30000000);
    assert_int_equal(finds_of(match, "tenant99999", "customer.new"), 1);
    whi_match_free(match);
    free(values);
}

/* ------------------------------------------------------------------------ failures */

static int countdown;

static int fault(void) {
    return countdown-- == 0;
}

static void no_memory_leaves_it_as_it_was(void **state) {
    static const char *const patterns[] = { "a", "a.*", "b.c", "*", "webhook.*" };
    char values[4];
    int done = 0;

    (void)state;
    for (int n = 0; !done; n++) {
        whi_match *match = NULL;
        int code;
        countdown = n;
        whi_mem_fault = fault;
        code = whi_match_new(&match);
        for (size_t i = 0; i < sizeof values && code == WH_OK; i++) {
            code = whi_match_add(match, "t", patterns, 5, &values[i]);
            if (code != WH_OK) {
                whi_mem_fault = NULL;
                assert_int_equal(finds_of(match, "t", "a"), i);
                assert_int_equal(finds_of(match, "t", "b.c"), i);
                assert_int_equal(finds_of(match, "t", "webhook.x"), i);
            }
        }
        whi_mem_fault = NULL;
        done = code == WH_OK;
        assert_true(done || code == WH_ENOMEM);
        assert_true(match != NULL || !done);
        whi_match_free(match);
    }
}

static void growing_fails_without_harm_and_shrinking_without_notice(void **state) {
    char values[1000];
    whi_match *match = fresh();
    size_t added = 0;

    (void)state;
    for (size_t i = 0; i < sizeof values; i++) {
        countdown = 0;
        whi_mem_fault = fault;
        if (whi_match_add(match, "", NULL, 0, &values[i]) == WH_OK) {
            added++;
        } else {
            whi_mem_fault = NULL;
            assert_int_equal(whi_match_add(match, "", NULL, 0, &values[i]), WH_OK);
        }
        whi_mem_fault = NULL;
        assert_int_equal(finds_of(match, "", "x"), i + 1);
    }
    assert_in_range(added, 900, 999);
    for (size_t i = 0; i < sizeof values; i++) {
        countdown = 0;
        whi_mem_fault = fault;
        whi_match_remove(match, "", NULL, 0, &values[i]);
        whi_mem_fault = NULL;
        assert_int_equal(finds_of(match, "", "x"), sizeof values - i - 1);
    }
    whi_match_free(match);
}

static void *find_often(void *payload) {
    size_t count = 0;

    for (int i = 0; i < 1000; i++) {
        whi_match_find(payload, "t", "a.b", count_one, &count);
    }
    return (void *)(uintptr_t)count;
}

static void several_threads_may_find_at_once(void **state) {
    static const char *const patterns[] = { "a.b", "a.*", "*" };
    pthread_t threads[4];
    char values[3];
    whi_match *match = fresh();

    (void)state;
    for (size_t i = 0; i < sizeof values; i++) {
        assert_int_equal(whi_match_add(match, "t", patterns, 3, &values[i]), WH_OK);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, find_often, match), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *count;
        pthread_join(threads[i], &count);
        assert_int_equal((uintptr_t)count, 3000);
    }
    whi_match_free(match);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_types_are_types),
        cmocka_unit_test(ids_and_tenants_have_at_most_64_letters_and_no_slash),
        cmocka_unit_test(a_star_stands_alone_or_at_the_end_behind_a_separator),
        cmocka_unit_test(patterns_match_as_the_manual_says),
        cmocka_unit_test(no_patterns_mean_all_but_the_engines_own),
        cmocka_unit_test(a_tenant_sees_its_own_events_only),
        cmocka_unit_test(a_value_with_several_patterns_that_match_is_found_once),
        cmocka_unit_test(finding_stops_when_it_is_told_to),
        cmocka_unit_test(what_is_no_pattern_is_refused_and_what_is_no_type_is_not_found),
        cmocka_unit_test(it_finds_what_a_plain_list_finds),
        cmocka_unit_test(one_of_100000_under_one_pattern_leaves_at_once),
        cmocka_unit_test(subscriptions_with_3_patterns_take_300_bytes),
        cmocka_unit_test(no_memory_leaves_it_as_it_was),
        cmocka_unit_test(growing_fails_without_harm_and_shrinking_without_notice),
        cmocka_unit_test(several_threads_may_find_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
