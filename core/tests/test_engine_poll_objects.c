/* Polling and what objects say of themselves, in whatever order, size and number: each with what the run tells of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poll_kit.h"

#define ALL "[\"crm_contact.*\"]"

static wh_engine *engine;
static char id[WH_ID_SIZE];

static void open_with(unsigned can) {
    wh_source source = poll_source(can);

    engine = fixture_open(":memory:", NULL);
    assert_int_equal(wh_source_add(engine, "crm_contact", &source), WH_OK);
}

static int begin(void **state) {
    poll_reset();
    fixture_setup(state);
    open_with(WH_SOURCE_ALL | WH_SOURCE_DELETED);
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    poll_reset();
    return 0;
}

/* So many objects are known, and the poll is at rest. */
static void known(int count) {
    poll_many(1, count);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_has(poll_run_text(engine, id), "ok ");
}

/* ---------------------------------------------------------------------- large and deep */

/* An object of this id that no payload has room for, or that nests too deeply for one. */
static void put_large(int number, const char *more) {
    size_t size = ((size_t)1 << 20) + 100;
    char *text = malloc(size);

    snprintf(text, size, "{\"id\":%d%s,\"text\":\"%01048576d\"}", number, more, 0);
    poll_take(number);
    poll_text(text);
    free(text);
}

static void put_deep(int number, size_t levels) {
    char *text = malloc(2 * levels + 100);
    int head = snprintf(text, 100, "{\"id\":%d,\"deep\":", number);

    memset(text + head, '[', levels);
    memset(text + head + levels, ']', levels);
    memcpy(text + (size_t)head + 2 * levels, "}", 2);
    poll_take(number);
    poll_text(text);
    free(text);
}

static void what_grows_too_large_is_not_told_as_deleted(void **state) {
    (void)state;
    known(5);
    put_large(1, "");
    put_deep(2, 100);
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=3 sent=0 large=2 ");
    assert_string_equal(poll_sent("a"), "");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "");
    poll_put(1, "x");
    poll_put(2, "y");
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=5 sent=1 ");
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2,\"name\":\"y\"}];"); /* the 1st says what was told of it */
}

static void what_nests_beyond_all_bounds_is_left_out_alone(void **state) {
    (void)state;
    known(3);
    put_deep(1, 5000);
    poll_put(2, "y");
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=2 sent=1 large=1 ");
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2,\"name\":\"y\"}];");
    poll_put(1, "shallow");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"shallow\"}];");
    poll_take(1);
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1}];");
}

static void what_is_too_large_is_deleted_when_it_says_so_or_is_gone(void **state) {
    (void)state;
    known(3);
    put_large(1, ",\"deleted\":true");
    put_large(2, "");
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=1 sent=1 large=2 ");
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"deleted\":true}];");
    poll_take(2);
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2}];");
}

static void what_is_too_large_at_first_is_told_when_it_fits(void **state) {
    (void)state;
    put_large(3, "");
    known(2);
    put_large(4, "");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "");
    poll_put(3, "small");
    poll_put(4, "small");
    poll_later(engine);
    assert_string_equal(poll_sent("a"),
                        "VIRTUAL [{\"id\":4,\"name\":\"small\"}];VIRTUAL [{\"id\":3,\"name\":\"small\"}];");
}

static void digits_beyond_a_double_are_a_change(void **state) {
    (void)state;
    poll_text("{\"id\":1,\"n\":1.0000000000000000001,\"m\":1.10}");
    known(0);
    poll_take(1);
    poll_text("{\"id\":1,\"n\":1.0000000000000000001,\"m\":11e-1}");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "");
    poll_take(1);
    poll_text("{\"id\":1,\"n\":1.0000000000000000002,\"m\":1.1}");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"n\":1.0000000000000000002,\"m\":1.1}];");
}

/* ------------------------------------------------------------------- order and times */

static int grows(const wh_source_query *query, wh_source_page *page) {
    (void)page;
    if (query->page != NULL && strcmp(query->page, "10") == 0 && poll_said.count == 30) {
        memmove(&poll_said.objects[1], &poll_said.objects[0], poll_said.count++ * sizeof poll_said.objects[0]);
        poll_said.objects[0] = strdup("{\"id\":31}"); /* all others move down: the 10th comes once more */
    }
    return 0;
}

static void a_list_that_grows_while_it_is_read_tells_each_once(void **state) {
    (void)state;
    poll_said.page = 10;
    known(30);
    poll_said.answer = grows;
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=4 objects=31 sent=0 ");
    poll_said.answer = NULL;
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=4 objects=31 sent=1 ");
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":31}];");
}

static void objects_that_come_in_another_order_have_not_changed(void **state) {
    (void)state;
    known(3);
    poll_take(1);
    poll_text("{\"name\":\"x\", \"id\":1}");
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=3 sent=0 ");
}

static void a_change_is_told_whatever_its_time_says(void **state) {
    static const char *const said[] = { "{\"id\":1,\"n\":2,\"updated_at\":\"2026-11-27T00:00:00Z\"}",
                                        "{\"id\":1,\"n\":3,\"updated_at\":\"2026-11-20T00:00:00Z\"}",
                                        "{\"id\":1,\"n\":4,\"updated_at\":\"2999-01-01T00:00:00Z\"}",
                                        "{\"id\":1,\"n\":5,\"updated_at\":\"when it was\"}" };
    char expected[200];

    (void)state;
    poll_text("{\"id\":1,\"n\":1,\"updated_at\":\"2026-11-27T00:00:00Z\"}");
    known(0);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        poll_take(1);
        poll_text(said[i]);
        poll_later(engine);
        snprintf(expected, sizeof expected, "VIRTUAL [%s];", said[i]);
        assert_string_equal(poll_sent("a"), expected);
        assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=1 sent=1 ");
    }
}

static void of_equal_ids_on_one_page_the_last_one_counts(void **state) {
    (void)state;
    known(1);
    poll_text("{\"id\":2,\"name\":\"former\"}");
    poll_text("{\"id\":2,\"name\":\"last\"}");
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=3 sent=1 ");
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2,\"name\":\"last\"}];");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "");
}

static void a_wish_is_fulfilled_also_when_the_clock_was_put_back_by_a_day(void **state) {
    (void)state;
    known(1);
    atomic_fetch_sub(&fixture_time, 24 * 60 * POLL_MINUTE);
    poll_put(2, "x");
    assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=2 sent=1 ");
    poll_put(3, "x");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2,\"name\":\"x\"}];VIRTUAL [{\"id\":3,\"name\":\"x\"}];");
}

/* Nobody wishes it: it was due in an hour. */
static void a_clock_that_is_put_back_by_a_day_keeps_nobody_waiting(void **state) {
    (void)state;
    known(1);
    atomic_fetch_sub(&fixture_time, 24 * 60 * POLL_MINUTE);
    poll_put(2, "x");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2,\"name\":\"x\"}];");
    poll_put(3, "x");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":3,\"name\":\"x\"}];");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_grows_too_large_is_not_told_as_deleted, begin, end),
        cmocka_unit_test_setup_teardown(what_nests_beyond_all_bounds_is_left_out_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_clock_that_is_put_back_by_a_day_keeps_nobody_waiting, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_deleted_when_it_says_so_or_is_gone, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_at_first_is_told_when_it_fits, begin, end),
        cmocka_unit_test_setup_teardown(digits_beyond_a_double_are_a_change, begin, end),
        cmocka_unit_test_setup_teardown(a_list_that_grows_while_it_is_read_tells_each_once, begin, end),
        cmocka_unit_test_setup_teardown(objects_that_come_in_another_order_have_not_changed, begin, end),
        cmocka_unit_test_setup_teardown(a_change_is_told_whatever_its_time_says, begin, end),
        cmocka_unit_test_setup_teardown(of_equal_ids_on_one_page_the_last_one_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_wish_is_fulfilled_also_when_the_clock_was_put_back_by_a_day, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
