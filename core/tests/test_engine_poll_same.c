/* Pages that say what they said before are not looked into; what has changed, come or vanished is told all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life_kit.h"
#include "poll_kit.h"

#define ALL "[\"crm_contact.*\"]"
#define BY_PAGES 2 /* webhook_poll.full */

static const char *file;
static wh_engine *engine;
static char id[WH_ID_SIZE];

static wh_engine *opened(void) {
    wh_source source = poll_source(WH_SOURCE_ALL | WH_SOURCE_DELETED);
    wh_engine *made = fixture_open(file, NULL);

    assert_int_equal(wh_source_add(made, "crm_contact", &source), WH_OK);
    return made;
}

/* Thirty objects on three pages were read twice: first, and by marks. */
static int begin(void **state) {
    poll_reset();
    fixture_setup(state);
    file = fixture_file();
    engine = opened();
    poll_said.page = 10;
    poll_many(1, 30);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    poll_later(engine);
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    poll_reset();
    return 0;
}

static int64_t number(const char *sql) {
    return life_sql(file, sql);
}

/* Reads once more: how many pages were asked for. */
static int read_again(void) {
    int before = atomic_load(&poll_said.asked);

    poll_later(engine);
    return atomic_load(&poll_said.asked) - before;
}

static void told(int pages, int64_t full, const char *what) {
    assert_int_equal(read_again(), pages);
    assert_string_equal(poll_sent("a"), what);
    assert_int_equal(number("SELECT full FROM webhook_poll"), full);
}

static void what_says_the_same_is_not_marked(void **state) {
    int64_t scan = number("SELECT scan FROM webhook_poll");

    (void)state;
    for (int i = 0; i < 3; i++) {
        told(3, BY_PAGES, "");
        assert_string_equal(poll_run_text(engine, id), "ok pages=3 objects=30 sent=0 ");
        assert_int_equal(number("SELECT scan FROM webhook_poll"), scan);
        assert_int_equal(number("SELECT count(*) FROM webhook_seen s, webhook_poll p WHERE s.scan = p.scan"), 30);
    }
}

static void what_changes_or_comes_on_a_later_page_is_told(void **state) {
    (void)state;
    poll_put(25, "y");
    told(3, BY_PAGES, "VIRTUAL [{\"id\":25,\"name\":\"y\"}];");
    poll_put(31, "new");
    told(4, BY_PAGES, "VIRTUAL [{\"id\":31,\"name\":\"new\"}];");
    assert_string_equal(poll_run_text(engine, id), "ok pages=4 objects=31 sent=1 ");
    told(4, BY_PAGES, "");
}

static void what_changes_on_the_first_page_is_told(void **state) {
    (void)state;
    poll_put(5, "y");
    told(3, 1, "VIRTUAL [{\"id\":5,\"name\":\"y\"}];");
    told(3, BY_PAGES, "");
}

/* That something is missing is seen; what it is is found by marks, and believed when it was read twice. */
static void what_vanishes_from_a_later_page_is_told(void **state) {
    (void)state;
    poll_take(25);
    told(9, 1, "VIRTUAL [{\"id\":25}];");
    told(3, 1, "");
    told(3, BY_PAGES, "");
}

static void what_vanishes_while_another_comes_is_told(void **state) {
    (void)state;
    poll_take(25);
    poll_put(31, "new");
    told(9, 1, "VIRTUAL [{\"id\":31,\"name\":\"new\"}];VIRTUAL [{\"id\":25}];");
}

static void what_says_that_it_is_deleted_is_missing_no_more(void **state) {
    (void)state;
    poll_take(30);
    poll_text("{\"id\":30,\"deleted\":true}");
    told(3, BY_PAGES, "VIRTUAL [{\"id\":30,\"deleted\":true}];");
    told(3, BY_PAGES, "");
    poll_take(30);
    told(3, BY_PAGES, "");
}

static void what_has_moved_is_where_it_was(void **state) {
    (void)state;
    poll_take(15);
    poll_put(15, "x"); /* at the end */
    told(3, BY_PAGES, "");
}

/* It is met twice, so what is met is not what is known. */
static void what_is_on_two_pages_hides_nothing_that_vanishes(void **state) {
    (void)state;
    poll_take(25);
    poll_text("{\"id\":12,\"name\":\"x\"}");
    told(9, 1, "VIRTUAL [{\"id\":25}];");
}

static int third_page_is_down(const wh_source_query *query, wh_source_page *page) {
    if (query->page == NULL || strcmp(query->page, "20") != 0) {
        return 0;
    }
    page->code = WH_ESTATUS;
    page->error = "answered 503";
    return 1;
}

static int read_after_minutes(int minutes) {
    int before = atomic_load(&poll_said.asked);

    atomic_fetch_add(&fixture_time, minutes * POLL_MINUTE);
    fixture_run(engine);
    return atomic_load(&poll_said.asked) - before;
}

static void a_reading_that_failed_goes_on_at_its_page(void **state) {
    (void)state;
    poll_said.answer = third_page_is_down;
    poll_put(15, "y");
    told(3, BY_PAGES, "VIRTUAL [{\"id\":15,\"name\":\"y\"}];");
    poll_said.answer = NULL;
    poll_put(25, "y");
    assert_int_equal(read_after_minutes(1), 1);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":25,\"name\":\"y\"}];");
    assert_int_equal(number("SELECT full FROM webhook_poll"), BY_PAGES);
    told(3, BY_PAGES, "");
}

static void one_that_begins_anew_marks(void **state) {
    (void)state;
    poll_said.answer = third_page_is_down;
    poll_put(15, "y");
    told(3, BY_PAGES, "VIRTUAL [{\"id\":15,\"name\":\"y\"}];");
    assert_int_equal(read_after_minutes(1), 1); /* and once more: from the first page, then */
    poll_said.answer = NULL;
    poll_take(25);
    assert_int_equal(read_after_minutes(2), 6);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":25}];");
}

/* Who does not know what another has met reads all of it, from the first page. */
static void another_engine_marks(void **state) {
    (void)state;
    told(3, BY_PAGES, "");
    wh_close(engine);
    engine = opened();
    poll_take(25);
    told(6, 1, "VIRTUAL [{\"id\":25}];");
}

static void another_engine_begins_what_was_left_with_the_first_page(void **state) {
    (void)state;
    poll_said.answer = third_page_is_down;
    told(3, BY_PAGES, "");
    poll_said.answer = NULL;
    wh_close(engine);
    engine = opened();
    poll_take(5);
    assert_int_equal(read_after_minutes(1), 6);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":5}];");
}

/* Alike is what was read last by whomever: what another has told meanwhile is not as it was. */
static void what_another_engine_has_read_meanwhile_is_told_when_it_is_as_before(void **state) {
    wh_engine *other = opened();

    (void)state;
    told(3, BY_PAGES, "");
    poll_put(25, "y");
    poll_later(other);
    assert_int_equal(number("SELECT full FROM webhook_poll"), 1);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":25,\"name\":\"y\"}];");
    poll_put(25, "x");
    poll_later(engine);
    fixture_run(other);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":25,\"name\":\"x\"}];");
    wh_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_says_the_same_is_not_marked, begin, end),
        cmocka_unit_test_setup_teardown(what_changes_or_comes_on_a_later_page_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_changes_on_the_first_page_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_vanishes_from_a_later_page_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_vanishes_while_another_comes_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_says_that_it_is_deleted_is_missing_no_more, begin, end),
        cmocka_unit_test_setup_teardown(what_has_moved_is_where_it_was, begin, end),
        cmocka_unit_test_setup_teardown(what_is_on_two_pages_hides_nothing_that_vanishes, begin, end),
        cmocka_unit_test_setup_teardown(a_reading_that_failed_goes_on_at_its_page, begin, end),
        cmocka_unit_test_setup_teardown(one_that_begins_anew_marks, begin, end),
        cmocka_unit_test_setup_teardown(another_engine_marks, begin, end),
        cmocka_unit_test_setup_teardown(what_another_engine_has_read_meanwhile_is_told_when_it_is_as_before, begin,
                                        end),
        cmocka_unit_test_setup_teardown(another_engine_begins_what_was_left_with_the_first_page, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
