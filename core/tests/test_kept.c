/* Compiled rules are kept within so many bytes, and who has most of them gives them up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/kept.h"

#define SIZE 1000 /* of a rule, as its engine says */
#define MOST 10000

/* A rule is a number of bytes. */
static int compiled, released;
static size_t grown; /* what a rule takes more, once it was run */

static int compile(void *runtime, const char *owner, const char *source, size_t size, void **out,
                   wh_rule_error *error) {
    (void)runtime;
    (void)owner;
    (void)error;
    if (size > 0 && source[0] == '?') {
        return WH_ERULE_SYNTAX;
    }
    compiled++;
    *out = malloc(sizeof(int));
    return *out != NULL ? WH_OK : WH_ENOMEM;
}

static void release(void *runtime, void *rule) {
    (void)runtime;
    released++;
    free(rule);
}

static size_t bytes(void *runtime, const void *rule) {
    (void)runtime;
    (void)rule;
    return SIZE + grown;
}

static const wh_rule_engine engine = { .size = sizeof engine, .compile = compile, .release = release, .bytes = bytes };

static int setup(void **state) {
    (void)state;
    compiled = released = 0;
    grown = 0;
    return 0;
}

static int get(whi_kept *kept, const char *tenant, int n) {
    char source[32];
    whi_subscription s = { 0 };
    whi_registration registration = { .subscription = &s };
    wh_rule_error error;
    void *rule;
    int before = compiled, code;

    s.rule_size = (size_t)snprintf(source, sizeof source, "rule %d", n);
    s.rule = source;
    s.tenant = (char *)(uintptr_t)tenant;
    registration.rule_hash = (uint64_t)(n % 3); /* some collide */
    code = whi_kept_get(kept, &registration, &rule, &error);
    assert_int_equal(code, WH_OK);
    return compiled > before;
}

static void a_rule_is_compiled_once(void **state) {
    whi_kept kept;

    (void)state;
    whi_kept_init(&kept, &engine, NULL, MOST);
    assert_int_equal(get(&kept, "a", 1), 1);
    assert_int_equal(get(&kept, "a", 1), 0);
    assert_int_equal(get(&kept, "b", 1), 1); /* tenants share nothing */
    assert_int_equal(get(&kept, "a", 4), 1); /* of the same hash */
    assert_int_equal(get(&kept, "a", 1), 0);
    whi_kept_end(&kept);
    assert_int_equal(released, 3);
}

static void no_more_are_kept_than_fit_and_the_last_used_stay(void **state) {
    whi_kept kept;

    (void)state;
    whi_kept_init(&kept, &engine, NULL, MOST);
    for (int i = 0; i < 100; i++) {
        get(&kept, "a", i);
        assert_int_equal(get(&kept, "a", 0), 0); /* used again and again */
        assert_true(kept.bytes <= MOST);
    }
    assert_true(kept.bytes > MOST / 2);
    assert_int_equal(get(&kept, "a", 99), 0);
    assert_int_equal(get(&kept, "a", 50), 1);
    whi_kept_end(&kept);
    assert_int_equal(released, compiled);
}

static void one_with_many_rules_evicts_its_own(void **state) {
    whi_kept kept;

    (void)state;
    whi_kept_init(&kept, &engine, NULL, MOST);
    get(&kept, "small", 1);
    get(&kept, "small", 2);
    for (int i = 0; i < 1000; i++) {
        get(&kept, "large", i);
    }
    assert_int_equal(get(&kept, "small", 1), 0);
    assert_int_equal(get(&kept, "small", 2), 0);
    assert_int_equal(get(&kept, "large", 999), 0);
    whi_kept_end(&kept);
}

static void a_rule_that_grows_when_it_runs_makes_others_go(void **state) {
    whi_kept kept;

    (void)state;
    whi_kept_init(&kept, &engine, NULL, MOST);
    for (int i = 0; i < 5; i++) {
        get(&kept, "a", i);
    }
    assert_int_equal(released, 0);
    grown = MOST;
    get(&kept, "a", 2);
    whi_kept_ran(&kept);
    assert_int_equal(released, 4);
    assert_int_equal(get(&kept, "a", 2), 0); /* it is the one that is in use, whatever it takes */
    grown = 0;
    whi_kept_ran(&kept);
    assert_true(kept.bytes <= MOST);
    whi_kept_end(&kept);
    assert_int_equal(released, 5);
}

static void a_rule_that_does_not_compile_is_not_kept(void **state) {
    whi_subscription s = { 0 };
    whi_registration registration = { .subscription = &s };
    wh_rule_error error;
    whi_kept kept;
    char source[] = "?", tenant[] = "a";
    void *rule;

    (void)state;
    s.rule = source;
    s.rule_size = 1;
    s.tenant = tenant;
    whi_kept_init(&kept, &engine, NULL, MOST);
    assert_int_equal(whi_kept_get(&kept, &registration, &rule, &error), WH_ERULE_SYNTAX);
    whi_kept_ran(&kept);
    assert_int_equal(kept.bytes, 0);
    assert_int_equal(kept.rules.count, 0);
    assert_int_equal(kept.owners.count, 0);
    whi_kept_end(&kept);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_rule_is_compiled_once, setup),
        cmocka_unit_test_setup(no_more_are_kept_than_fit_and_the_last_used_stay, setup),
        cmocka_unit_test_setup(one_with_many_rules_evicts_its_own, setup),
        cmocka_unit_test_setup(a_rule_that_grows_when_it_runs_makes_others_go, setup),
        cmocka_unit_test_setup(a_rule_that_does_not_compile_is_not_kept, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
