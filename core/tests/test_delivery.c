#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/event.h"
#include "pure/delivery.h"
#include "webhook.h"

/* By state, in the order of whi_delivery_move: claim, succeed, retry, exhaust, release,
 * replay, cancel, hold. "-": not allowed; else the first letter of the next state. */
static const char *const wanted[] = {
    [WHI_ABSENT] = "s---w--h",    [WHI_WAITING] = "s----wc-",   [WHI_SENDING] = "-dwew-ch",
    [WHI_DELIVERED] = "-----w--", [WHI_EXHAUSTED] = "-----w--", [WHI_HELD] = "----wwc-",
    [WHI_CANCELLED] = "-----w--",
};

static void every_move_leads_where_the_table_says(void **state) {
    (void)state;
    for (int from = WHI_ABSENT; from < WHI_STATES; from++) {
        for (int move = 0; move < WHI_MOVES; move++) {
            int next = -1, code = whi_delivery_next(from, move, &next);
            if (wanted[from][move] == '-') {
                assert_int_equal(code, WH_ECONFLICT);
                assert_int_equal(next, -1);
                assert_non_null(strstr(wh_last_error(), from != WHI_ABSENT ? whi_delivery_name(from) : "not made"));
            } else {
                assert_int_equal(code, WH_OK);
                assert_int_equal(whi_delivery_name(next)[0], wanted[from][move]);
            }
        }
    }
}

static void a_refused_move_is_told_in_words(void **state) {
    int next;

    (void)state;
    assert_int_equal(whi_delivery_next(WHI_DELIVERED, WHI_CLAIM, &next), WH_ECONFLICT);
    assert_string_equal(wh_last_error(), "a delivery that is delivered cannot be claimed");
    assert_int_equal(whi_delivery_next(WHI_SENDING, WHI_REPLAY, &next), WH_ECONFLICT);
    assert_string_equal(wh_last_error(), "a delivery that is sending cannot be replayed");
    assert_int_equal(whi_delivery_next(WHI_ABSENT, WHI_SUCCEED, &next), WH_ECONFLICT);
    assert_string_equal(wh_last_error(), "a delivery that is not made cannot be delivered");
    assert_int_equal(whi_delivery_next(-1, WHI_CLAIM, &next), WH_EINTERNAL);
    assert_int_equal(whi_delivery_next(WHI_CANCELLED + 1, WHI_CLAIM, &next), WH_EINTERNAL);
    assert_int_equal(whi_delivery_next(WHI_WAITING, WHI_MOVES, &next), WH_EINTERNAL);
    assert_int_equal(whi_delivery_next(WHI_WAITING, -1, &next), WH_EINTERNAL);
}

static void a_forbidden_move_is_counted_and_the_state_stays(void **state) {
    wh_engine engine = { 0 };
    whi_event event = { 0 };
    whi_delivery delivery = { .event = &event };

    (void)state;
    whi_delivery_move(&engine, &delivery, WHI_CLAIM, 7);
    assert_int_equal(delivery.state, WHI_SENDING);
    assert_int_equal(delivery.due, 0);
    whi_delivery_wait(&engine, &delivery, 8);
    whi_delivery_wait(&engine, &delivery, 9);
    assert_int_equal(delivery.state, WHI_WAITING);
    assert_int_equal(delivery.due, 9);
    assert_int_equal(atomic_load(&engine.count.forbidden), 0);
    whi_delivery_move(&engine, &delivery, WHI_SUCCEED, 0);
    assert_int_equal(atomic_load(&engine.count.forbidden), 1);
    assert_int_equal(delivery.state, WHI_WAITING);
    assert_int_equal(delivery.due, 9);
}

static void names_and_states_belong_together(void **state) {
    int found = 0;

    (void)state;
    for (int i = WHI_WAITING; i <= WHI_CANCELLED; i++) {
        found = 0;
        assert_int_equal(whi_delivery_state(whi_delivery_name(i), &found), i != WHI_SENDING ? WH_OK : WH_EINVALID);
        assert_int_equal(found, i != WHI_SENDING ? i : 0);
    }
    assert_string_equal(whi_delivery_name(0), "unknown");
    assert_string_equal(whi_delivery_name(-1), "unknown");
    assert_string_equal(whi_delivery_name(WHI_CANCELLED + 1), "unknown");
    assert_int_equal(whi_delivery_state("unknown", &found), WH_EINVALID);
    assert_int_equal(whi_delivery_state("", &found), WH_EINVALID);
    assert_string_equal(wh_last_error(),
                        "state: expected waiting, delivered, exhausted, held or cancelled, found \"\"");
}

static void an_outcome_is_success_gone_or_another_try(void **state) {
    static const struct {
        int error, status, outcome, code;
    } rows[] = {
        { WH_OK, 200, WHI_OUTCOME_SUCCESS, WH_OK },       { WH_OK, 204, WHI_OUTCOME_SUCCESS, WH_OK },
        { WH_OK, 299, WHI_OUTCOME_SUCCESS, WH_OK },       { WH_OK, 300, WHI_OUTCOME_RETRY, WH_EREDIRECT },
        { WH_OK, 301, WHI_OUTCOME_RETRY, WH_EREDIRECT },  { WH_OK, 399, WHI_OUTCOME_RETRY, WH_EREDIRECT },
        { WH_OK, 400, WHI_OUTCOME_RETRY, WH_ESTATUS },    { WH_OK, 410, WHI_OUTCOME_GONE, WH_EGONE },
        { WH_OK, 429, WHI_OUTCOME_RETRY, WH_ESTATUS },    { WH_OK, 503, WHI_OUTCOME_RETRY, WH_ESTATUS },
        { WH_OK, 199, WHI_OUTCOME_RETRY, WH_ESTATUS },    { WH_OK, 0, WHI_OUTCOME_RETRY, WH_ESTATUS },
        { WH_ENOMEM, 200, WHI_OUTCOME_RETRY, WH_ENOMEM }, { WH_ENOMEM, 410, WHI_OUTCOME_RETRY, WH_ENOMEM },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = -1;
        assert_int_equal(whi_delivery_outcome(rows[i].error, rows[i].status, &code), rows[i].outcome);
        assert_int_equal(code, rows[i].code);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_move_leads_where_the_table_says),
        cmocka_unit_test(a_refused_move_is_told_in_words),
        cmocka_unit_test(a_forbidden_move_is_counted_and_the_state_stays),
        cmocka_unit_test(names_and_states_belong_together),
        cmocka_unit_test(an_outcome_is_success_gone_or_another_try),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
