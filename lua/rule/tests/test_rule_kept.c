/* What compiled rules take is known, and bounded: rules_bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/decide.h"
#include "webhook_rule.h"

#define MIB ((size_t)1 << 20)
#define RULES 60

/* As large as a rule may be, and each its own. */
static void make_source(int n, char out[65536]) {
    size_t used = 0;

    for (int i = 0; used < 65000; i++) {
        used += (size_t)snprintf(out + used, 65536 - used, "if payload.a == 'r%d-%d' then return false end\n", n, i);
    }
    snprintf(out + used, 65536 - used, "return { n = %d }", n);
}

static void what_is_kept_is_bounded_in_bytes(void **state) {
    static char source[65536];
    char tenant[] = "acme";
    wh_limits limits = { .size = sizeof limits, .json_depth = 64, .rules_bytes = (int64_t)(4 * MIB) };
    whi_subject subject = { "evt", "a", "acme", "", "", 1 };
    whi_subscription s = { .tenant = tenant, .rule = source };
    whi_registration registration = { .subscription = &s };
    whi_decision decision;
    whi_decider decider;
    size_t one = 0;

    (void)state;
    whi_decider_init(&decider, wh_rule_lua(), &limits);
    assert_int_equal(whi_decider_scan(&decider, "{\"a\":1}", 7), WH_OK);
    for (int i = 0; i < RULES; i++) {
        make_source(i, source);
        s.rule_size = strlen(source);
        registration.rule_hash = (uint64_t)i;
        assert_int_equal(whi_decide(&decider, &subject, &registration, &decision), WH_OK);
        assert_int_equal(decision.verdict, WHI_PROJECT);
        whi_decision_free(&decision);
        one = i == 0 ? decider.kept.bytes : one;
        assert_true(decider.kept.bytes <= 4 * MIB);
    }
    assert_true(one > 2 * sizeof source); /* a source grows when it is compiled */
    assert_true(decider.kept.rules.count >= 2 && decider.kept.rules.count <= 4 * MIB / one + 1);
    whi_decider_close(&decider);
}

int main(void) {
    static const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_kept_is_bounded_in_bytes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
