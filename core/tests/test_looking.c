/* Looks at receivers that are ended, whenever that comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/looking.h"
#include "engine_fixture.h"

static void count(wh_engine *engine, void *receiver) {
    (void)engine;
    ++*(int *)receiver;
}

static void one_that_waits_is_cut(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    struct whi_looking look = { .tenant = "" };
    int cuts = 0;

    (void)state;
    assert_int_equal(whi_looking_begin(engine, &look), WH_OK);
    whi_looking_show(engine, &look, &cuts, count);
    assert_int_equal(cuts, 0);
    whi_looking_cut(engine);
    assert_int_equal(cuts, 1);
    whi_looking_show(engine, &look, NULL, NULL);
    whi_looking_cut(engine);
    assert_int_equal(cuts, 1);
    whi_looking_end(engine, &look);
    wh_close(engine);
}

/* It had begun, and its receiver was not open yet: nobody else would tell it. */
static void one_that_has_just_begun_is_cut_when_it_waits(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    struct whi_looking early = { .tenant = "a" }, late = { .tenant = "b" };
    int cuts = 0, others = 0;

    (void)state;
    assert_int_equal(whi_looking_begin(engine, &early), WH_OK);
    whi_looking_cut(engine);
    assert_int_equal(whi_looking_begin(engine, &late), WH_OK);
    whi_looking_show(engine, &early, &cuts, count);
    assert_int_equal(cuts, 1);
    whi_looking_show(engine, &late, &others, count);
    assert_int_equal(others, 0);
    whi_looking_show(engine, &early, NULL, NULL);
    whi_looking_show(engine, &late, NULL, NULL);
    whi_looking_end(engine, &early);
    whi_looking_end(engine, &late);
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_waits_is_cut),
        cmocka_unit_test(one_that_has_just_begun_is_cut_when_it_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
