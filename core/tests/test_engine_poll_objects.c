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

static void put_deep(int number) {
    char text[300];

    snprintf(text, sizeof text, "{\"id\":%d,\"deep\":%0100d%0100d}", number, 0, 0);
    for (char *at = strstr(text, "deep") + 6; *at != '}'; at++) {
        *at = at < strchr(text, '}') - 100 ? '[' : ']';
    }
    poll_take(number);
    poll_text(text);
}

static void what_grows_too_large_is_not_told_as_deleted(void **state) {
    (void)state;
    known(5);
    put_large(1, "");
    put_deep(2);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_grows_too_large_is_not_told_as_deleted, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_deleted_when_it_says_so_or_is_gone, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_at_first_is_told_when_it_fits, begin, end),
        cmocka_unit_test_setup_teardown(digits_beyond_a_double_are_a_change, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
