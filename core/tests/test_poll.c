/* What is decided about polling without a clock, a store or a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pure/poll.h"
#include "webhook.h"

#define MINUTE INT64_C(60000)
#define POLL (INT64_C(1) << 62 | 77)

static whi_subscription wants(const char *filters, const char *fields) {
    whi_subscription s = { .id = 5 };

    s.tenant = (char *)(uintptr_t) "acme";
    s.source = (char *)(uintptr_t) "con_1";
    s.poll_type = (char *)(uintptr_t) "crm_contact";
    s.filters = (char *)(uintptr_t)filters;
    s.fields = (char *)(uintptr_t)fields;
    return s;
}

static int64_t number_of(const whi_subscription *s) {
    int64_t number;

    assert_int_equal(whi_poll_number(s, &number), WH_OK);
    return number;
}

static void those_who_want_the_same_share_a_poll(void **state) {
    whi_subscription a = wants("{\"a\":\"x\",\"b\":1}", NULL), b = wants("{ \"b\":1,\"a\":\"\\u0078\"}", NULL),
                     c = wants("{\"a\":\"y\"}", NULL), d = wants("{\"a\":\"x\",\"b\":1}", "id"), none = { 0 };

    (void)state;
    assert_true(number_of(&a) == number_of(&b));
    assert_true(number_of(&a) != number_of(&c));
    assert_true(number_of(&a) != number_of(&d));
    assert_true(number_of(&a) > INT64_C(1) << 53);
    assert_int_equal(number_of(&none), 0);
}

static void an_events_id_says_for_whom_it_is(void **state) {
    char id[WH_ID_SIZE];
    int64_t address = 0;

    (void)state;
    whi_poll_event_id(POLL, WHI_POLL_CHANGE, 1, id);
    assert_int_equal(strlen(id), 32);
    assert_int_equal(whi_poll_event_kind(id, &address), WHI_POLL_CHANGE);
    assert_true(address == POLL);
    assert_true(whi_poll_is_for(id, 5, POLL));
    assert_false(whi_poll_is_for(id, 5, POLL + 1));
    assert_false(whi_poll_is_for(id, 5, 0));
    assert_false(whi_poll_is_for("msg_0000000000001", 5, POLL));
    assert_true(whi_poll_is_for("msg_0000000000001", 5, 0));
    assert_true(whi_poll_is_for("", 5, 0));
    whi_poll_event_id(5, WHI_POLL_LAST, 2, id);
    assert_int_equal(whi_poll_event_kind(id, NULL), WHI_POLL_LAST);
    assert_true(whi_poll_is_for(id, 5, POLL));
    assert_false(whi_poll_is_for(id, 6, POLL));
    id[18] = 'x';
    assert_int_equal(whi_poll_event_kind(id, NULL), WHI_POLL_NONE);
}

static void the_next_reading_comes_within_the_interval_and_each_at_its_own_place(void **state) {
    int64_t now = INT64_C(1790000000000), hour = 60 * MINUTE;
    int minutes[60] = { 0 };

    (void)state;
    for (int64_t i = 0; i < 1000; i++) {
        int64_t number = POLL + i * INT64_C(7919000), next = whi_poll_next(now, hour, number);
        assert_true(next > now && next <= now + hour);
        assert_true(whi_poll_next(next, hour, number) == next + hour);
        minutes[(next - now - 1) / MINUTE]++;
    }
    for (int i = 0; i < 60; i++) {
        assert_in_range(minutes[i], 5, 40);
    }
}

static void failures_are_waited_for_by_fibonaccis_numbers(void **state) {
    static const int64_t expected[] = { 1, 2, 3, 5, 8, 13 };

    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(whi_poll_backoff(i + 1), expected[i] * MINUTE);
    }
    assert_int_equal(whi_poll_backoff(20), 10946 * MINUTE);
    assert_int_equal(whi_poll_backoff(1000), 10946 * MINUTE);
}

static void changes_are_asked_for_with_an_overlap_by_the_earlier_clock(void **state) {
    (void)state;
    assert_int_equal(whi_poll_since(100 * MINUTE, 0), 95 * MINUTE);
    assert_int_equal(whi_poll_since(100 * MINUTE, 40 * MINUTE), 35 * MINUTE);
    assert_int_equal(whi_poll_since(100 * MINUTE, 4000 * MINUTE), 95 * MINUTE);
    assert_int_equal(whi_poll_since(0, 0), 0);
}

static void an_object_is_judged_by_what_is_remembered(void **state) {
    const whi_poll_memory none = { 0 }, known = { 1, 7, 3 };
    const whi_poll_sight same = { 0, 1, 0, 7 }, other = { 0, 1, 0, 8 }, gone = { 1, 1, 0, 8 },
                         unwanted = { 0, 0, 0, 7 };

    (void)state;
    assert_int_equal(whi_poll_judge(&none, &same, 0, 0), WHI_POLL_CREATED);
    assert_int_equal(whi_poll_judge(&none, &same, 1, 3), WHI_POLL_KEEP);
    assert_int_equal(whi_poll_judge(&known, &same, 0, 0), WHI_POLL_SAME);
    assert_int_equal(whi_poll_judge(&known, &same, 0, 3), WHI_POLL_SAME);
    assert_int_equal(whi_poll_judge(&known, &same, 0, 4), WHI_POLL_MARK);
    assert_int_equal(whi_poll_judge(&known, &other, 0, 4), WHI_POLL_UPDATED);
    assert_int_equal(whi_poll_judge(&known, &other, 1, 4), WHI_POLL_KEEP);
    assert_int_equal(whi_poll_judge(&known, &gone, 0, 0), WHI_POLL_DELETED);
    assert_int_equal(whi_poll_judge(&known, &gone, 1, 0), WHI_POLL_FORGET);
    assert_int_equal(whi_poll_judge(&none, &gone, 0, 0), WHI_POLL_SAME);
    assert_int_equal(whi_poll_judge(&known, &unwanted, 0, 0), WHI_POLL_FORGET);
    assert_int_equal(whi_poll_judge(&none, &unwanted, 0, 0), WHI_POLL_SAME);
}

static void what_is_too_large_is_there_and_not_told(void **state) {
    const whi_poll_memory none = { 0 }, known = { 1, 7, 3 };
    const whi_poll_sight large = { 0, 1, 1, 8 }, gone = { 1, 1, 1, 8 }, unwanted = { 0, 0, 1, 8 };

    (void)state;
    assert_int_equal(whi_poll_judge(&none, &large, 0, 4), WHI_POLL_SAME);
    assert_int_equal(whi_poll_judge(&none, &large, 1, 4), WHI_POLL_KEEP);
    assert_int_equal(whi_poll_judge(&known, &large, 0, 0), WHI_POLL_SAME);
    assert_int_equal(whi_poll_judge(&known, &large, 0, 3), WHI_POLL_SAME);
    assert_int_equal(whi_poll_judge(&known, &large, 0, 4), WHI_POLL_MARK);
    assert_int_equal(whi_poll_judge(&known, &gone, 0, 4), WHI_POLL_DELETED);
    assert_int_equal(whi_poll_judge(&known, &unwanted, 0, 4), WHI_POLL_FORGET);
}

static void many_that_vanish_at_once_are_suspicious(void **state) {
    (void)state;
    assert_false(whi_poll_is_suspicious(100, 100));
    assert_true(whi_poll_is_suspicious(101, 101));
    assert_false(whi_poll_is_suspicious(300, 1000));
    assert_true(whi_poll_is_suspicious(301, 1000));
    assert_int_equal(whi_poll_scan_after(0), 1);
    assert_int_equal(whi_poll_scan_after(120), 1);
    assert_int_equal(whi_poll_scan_after(7), 8);
}

static void a_run_is_told_in_a_fixed_form(void **state) {
    whi_poll_run run = { .at = INT64_C(1795756777123), .took = 412, .pages = 3, .objects = 120, .sent = 7 };
    char text[WHI_POLL_RUN_SIZE];

    (void)state;
    run.outcome = "ok";
    whi_poll_run_text(&run, text);
    assert_string_equal(text, "2026-11-27T05:19:37Z ok pages=3 objects=120 sent=7 412ms");
    run.outcome = "failed";
    run.error = "answered 500";
    run.stage = WHI_POLL_READ;
    run.skipped = 2;
    run.gone = 1;
    run.large = 4;
    whi_poll_run_text(&run, text);
    assert_string_equal(
        text,
        "2026-11-27T05:19:37Z failed pages=3 objects=120 sent=7 gone=1 skipped=2 large=4 412ms read: answered 500");
    for (int stage = WHI_POLL_REFRESH; stage <= WHI_POLL_PROCESS; stage++) {
        static const char *const ends[] = { " refresh: x", " read: x", " dispatch: x", " process: x" };
        run.stage = (enum whi_poll_stage)stage;
        run.error = "x";
        whi_poll_run_text(&run, text);
        assert_string_equal(text + strlen(text) - strlen(ends[stage]), ends[stage]);
    }
}

static void the_newest_runs_are_kept(void **state) {
    char name[32], *runs = NULL;
    size_t size;

    (void)state;
    for (int i = 0; i < 25; i++) {
        whi_buf out;
        whi_buf_init(&out, 65536);
        snprintf(name, sizeof name, "run \"%d\"", i);
        assert_int_equal(whi_poll_runs_add(runs, name, &out), WH_OK);
        whi_free(runs);
        assert_int_equal(whi_buf_take(&out, &runs, &size), WH_OK);
    }
    assert_non_null(strstr(runs, "[\"run \\\"24\\\"\",\"run \\\"23\\\"\""));
    assert_non_null(strstr(runs, "run \\\"5\\\"\"]"));
    whi_free(runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_want_the_same_share_a_poll),
        cmocka_unit_test(an_events_id_says_for_whom_it_is),
        cmocka_unit_test(the_next_reading_comes_within_the_interval_and_each_at_its_own_place),
        cmocka_unit_test(failures_are_waited_for_by_fibonaccis_numbers),
        cmocka_unit_test(changes_are_asked_for_with_an_overlap_by_the_earlier_clock),
        cmocka_unit_test(an_object_is_judged_by_what_is_remembered),
        cmocka_unit_test(what_is_too_large_is_there_and_not_told),
        cmocka_unit_test(many_that_vanish_at_once_are_suspicious),
        cmocka_unit_test(a_run_is_told_in_a_fixed_form),
        cmocka_unit_test(the_newest_runs_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
