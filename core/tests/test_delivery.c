#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pure/delivery.h"
#include "webhook.h"

#define FIRST WHI_WAITING
#define LAST WHI_CANCELLED

/* Written out once more, by state, so that a slip in the table shows. */
static void each_move_leads_where_it_must_and_the_others_are_refused(void **state) {
    static const struct {
        int from, move, to;
    } rows[] = {
        { WHI_WAITING, WHI_CLAIM, WHI_SENDING },    { WHI_WAITING, WHI_REPLAY, WHI_WAITING },
        { WHI_WAITING, WHI_CANCEL, WHI_CANCELLED }, { WHI_SENDING, WHI_SUCCEED, WHI_DELIVERED },
        { WHI_SENDING, WHI_RETRY, WHI_WAITING },    { WHI_SENDING, WHI_EXHAUST, WHI_EXHAUSTED },
        { WHI_SENDING, WHI_RELEASE, WHI_WAITING },  { WHI_SENDING, WHI_CANCEL, WHI_CANCELLED },
        { WHI_DELIVERED, WHI_REPLAY, WHI_WAITING }, { WHI_EXHAUSTED, WHI_REPLAY, WHI_WAITING },
        { WHI_HELD, WHI_RELEASE, WHI_WAITING },     { WHI_HELD, WHI_REPLAY, WHI_WAITING },
        { WHI_HELD, WHI_CANCEL, WHI_CANCELLED },    { WHI_CANCELLED, WHI_REPLAY, WHI_WAITING },
    };

    (void)state;
    for (int from = FIRST; from <= LAST; from++) {
        for (int move = WHI_CLAIM; move <= WHI_CANCEL; move++) {
            int next = -1, to = 0;
            for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                to = rows[i].from == from && rows[i].move == move ? rows[i].to : to;
            }
            assert_int_equal(whi_delivery_next(from, move, &next), to ? WH_OK : WH_ECONFLICT);
            assert_int_equal(next, to ? to : -1);
        }
    }
}

static void a_refusal_names_the_state_and_the_move(void **state) {
    int next = 5;

    (void)state;
    assert_int_equal(whi_delivery_next(WHI_SENDING, WHI_REPLAY, &next), WH_ECONFLICT);
    assert_string_equal(wh_last_error(), "a delivery that is sending cannot be replayed");
    assert_int_equal(whi_delivery_next(0, WHI_REPLAY, &next), WH_EINTERNAL);
    assert_int_equal(whi_delivery_next(LAST + 1, WHI_REPLAY, &next), WH_EINTERNAL);
    assert_int_equal(whi_delivery_next(WHI_WAITING, -1, &next), WH_EINTERNAL);
    assert_int_equal(whi_delivery_next(WHI_WAITING, WHI_CANCEL + 1, &next), WH_EINTERNAL);
    assert_int_equal(next, 5);
}

static void every_state_can_be_replayed_but_the_one_that_is_being_sent(void **state) {
    int next;

    (void)state;
    for (int from = FIRST; from <= LAST; from++) {
        int code = whi_delivery_next(from, WHI_REPLAY, &next);
        assert_int_equal(code, from == WHI_SENDING ? WH_ECONFLICT : WH_OK);
    }
}

static void names_are_those_of_the_manual_and_read_back(void **state) {
    static const char *const names[] = { "waiting", "sending", "delivered", "exhausted", "held", "cancelled" };
    int number = 0;

    (void)state;
    for (int i = FIRST; i <= LAST; i++) {
        assert_string_equal(whi_delivery_name(i), names[i - FIRST]);
        assert_int_equal(whi_delivery_state(names[i - FIRST], &number), WH_OK);
        assert_int_equal(number, i);
    }
    assert_string_equal(whi_delivery_name(0), "unknown");
    assert_string_equal(whi_delivery_name(-1), "unknown");
    assert_string_equal(whi_delivery_name(LAST + 1), "unknown");
}

static void a_wrong_name_is_told_and_the_right_ones_are_listed(void **state) {
    int number = 9;

    (void)state;
    assert_int_equal(whi_delivery_state("unknown", &number), WH_EINVALID);
    assert_int_equal(whi_delivery_state("", &number), WH_EINVALID);
    assert_int_equal(whi_delivery_state("Waiting", &number), WH_EINVALID);
    assert_string_equal(wh_last_error(), "state: expected waiting, sending, delivered, exhausted, held or cancelled, "
                                         "found \"Waiting\"");
    assert_int_equal(number, 9);
}

static void an_answer_means_what_the_manual_says(void **state) {
    static const struct {
        int error, status, outcome, code;
    } rows[] = {
        { WH_OK, 200, WHI_OUTCOME_SUCCESS, WH_OK },         { WH_OK, 204, WHI_OUTCOME_SUCCESS, WH_OK },
        { WH_OK, 299, WHI_OUTCOME_SUCCESS, WH_OK },         { WH_OK, 199, WHI_OUTCOME_RETRY, WH_ESTATUS },
        { WH_OK, 300, WHI_OUTCOME_RETRY, WH_EREDIRECT },    { WH_OK, 301, WHI_OUTCOME_RETRY, WH_EREDIRECT },
        { WH_OK, 308, WHI_OUTCOME_RETRY, WH_EREDIRECT },    { WH_OK, 399, WHI_OUTCOME_RETRY, WH_EREDIRECT },
        { WH_OK, 400, WHI_OUTCOME_RETRY, WH_ESTATUS },      { WH_OK, 404, WHI_OUTCOME_RETRY, WH_ESTATUS },
        { WH_OK, 410, WHI_OUTCOME_GONE, WH_EGONE },         { WH_OK, 429, WHI_OUTCOME_RETRY, WH_ESTATUS },
        { WH_OK, 500, WHI_OUTCOME_RETRY, WH_ESTATUS },      { WH_OK, 999, WHI_OUTCOME_RETRY, WH_ESTATUS },
        { WH_OK, 0, WHI_OUTCOME_RETRY, WH_ESTATUS },        { WH_ETIMEOUT, 0, WHI_OUTCOME_RETRY, WH_ETIMEOUT },
        { WH_EIO, 200, WHI_OUTCOME_RETRY, WH_EIO },         { WH_ETLS, 410, WHI_OUTCOME_RETRY, WH_ETLS },
        { WH_EADDRESS, 0, WHI_OUTCOME_RETRY, WH_EADDRESS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = 1;
        assert_int_equal(whi_delivery_outcome(rows[i].error, rows[i].status, &code), rows[i].outcome);
        assert_int_equal(code, rows[i].code);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_move_leads_where_it_must_and_the_others_are_refused),
        cmocka_unit_test(a_refusal_names_the_state_and_the_move),
        cmocka_unit_test(every_state_can_be_replayed_but_the_one_that_is_being_sent),
        cmocka_unit_test(names_are_those_of_the_manual_and_read_back),
        cmocka_unit_test(a_wrong_name_is_told_and_the_right_ones_are_listed),
        cmocka_unit_test(an_answer_means_what_the_manual_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
