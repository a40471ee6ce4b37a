/* The list of sources: who is in it, and when what it points to is freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/source.h"

static int cut_count, free_count;

static void list(void *payload, const wh_source_query *query, wh_source_call *call) {
    (void)payload;
    (void)query;
    (void)call;
}

static void cut(void *payload) {
    (void)payload;
    cut_count++;
}

static void end(void *payload) {
    (void)payload;
    free_count++;
}

static wh_source usual(void) {
    static const char *const filters[] = { "type", NULL };
    wh_source source = { .size = sizeof source, .can = WH_SOURCE_ALL, .list = list, .cut = cut, .free = end };

    source.filters = filters;
    cut_count = free_count = 0;
    return source;
}

static void a_type_has_one_source(void **state) {
    wh_source source = usual();
    whi_sources *sources = whi_sources_new();

    (void)state;
    assert_false(whi_source_is(sources, "crm_contact"));
    assert_int_equal(whi_source_put(sources, "crm_contact", &source), WH_OK);
    assert_int_equal(whi_source_put(sources, "crm_contact", &source), WH_ECONFLICT);
    assert_int_equal(whi_source_put(sources, "crm_deal", &source), WH_OK);
    assert_true(whi_source_is(sources, "crm_contact"));
    assert_int_equal(whi_source_drop(sources, "crm_contact"), WH_OK);
    assert_int_equal(whi_source_drop(sources, "crm_contact"), WH_ENOTFOUND);
    assert_false(whi_source_is(sources, "crm_contact"));
    assert_int_equal(free_count, 1);
    whi_sources_end(sources);
    assert_int_equal(free_count, 2);
}

static void what_is_no_source_is_refused(void **state) {
    wh_source source = usual();
    whi_sources *sources = whi_sources_new();

    (void)state;
    assert_int_equal(whi_source_put(sources, "crm contact", &source), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "object_type");
    assert_int_equal(whi_source_put(sources, NULL, &source), WH_EINVALID);
    assert_int_equal(whi_source_put(sources, "a", NULL), WH_EINVALID);
    source.full_every = -1;
    assert_int_equal(whi_source_put(sources, "a", &source), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "source.full_every");
    source.full_every = 0;
    source.list = NULL;
    assert_int_equal(whi_source_put(sources, "a", &source), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "source.list");
    source.size = 0;
    assert_int_equal(whi_source_put(sources, "a", &source), WH_EINVALID);
    assert_int_equal(free_count, 0);
    whi_sources_end(sources);
}

/* A program of an older header has no `without`. */
static void an_older_program_says_less(void **state) {
    wh_source source = usual();
    whi_sources *sources = whi_sources_new();
    whi_source *found;

    (void)state;
    source.size = offsetof(wh_source, without);
    source.without = (const char *const *)(uintptr_t)1;
    assert_int_equal(whi_source_put(sources, "a", &source), WH_OK);
    found = whi_source_get(sources, "a");
    assert_string_equal(found->own.filters[0], "type");
    assert_null(found->own.without[0]);
    whi_source_unref(found);
    whi_sources_end(sources);
}

static void a_source_stays_while_somebody_reads_it(void **state) {
    wh_source source = usual();
    whi_sources *sources = whi_sources_new();
    whi_source *found;

    (void)state;
    assert_int_equal(whi_source_put(sources, "a", &source), WH_OK);
    found = whi_source_get(sources, "a");
    assert_null(whi_source_get(sources, "b"));
    assert_true(whi_source_enter(found, 1));
    assert_false(whi_source_enter(found, 1));
    assert_int_equal(whi_source_drop(sources, "a"), WH_OK);
    assert_int_equal(cut_count, 1);
    assert_int_equal(free_count, 0);
    whi_source_leave(found);
    whi_source_unref(found);
    assert_int_equal(free_count, 1);
    whi_sources_end(sources);
}

/* An answer may come when nobody has the list any more. */
static void a_question_that_is_out_outlives_the_list(void **state) {
    wh_source source = usual();
    whi_sources *sources = whi_sources_new();
    whi_source *found;

    (void)state;
    assert_int_equal(whi_source_put(sources, "a", &source), WH_OK);
    found = whi_source_get(sources, "a");
    whi_sources_end(sources);
    assert_int_equal(cut_count, 1);
    assert_int_equal(free_count, 0);
    whi_source_unref(found);
    assert_int_equal(free_count, 1);
}

static void cut_and_drop(void *payload) {
    cut_count++;
    (void)whi_source_drop(payload, "a");
    (void)whi_source_drop(payload, "b");
}

static void sources_may_be_dropped_while_all_are_cut(void **state) {
    wh_source other = usual(), source = usual();
    whi_sources *sources = whi_sources_new();

    (void)state;
    source.payload = sources;
    source.free = NULL;
    source.cut = cut_and_drop;
    assert_int_equal(whi_source_put(sources, "c", &other), WH_OK);
    assert_int_equal(whi_source_put(sources, "b", &other), WH_OK);
    assert_int_equal(whi_source_put(sources, "a", &source), WH_OK);
    whi_sources_cut(sources);
    assert_false(whi_source_is(sources, "a"));
    assert_false(whi_source_is(sources, "b"));
    assert_int_equal(cut_count, 4); /* all at once and "a" as it went; "b" as it went; "c" */
    assert_int_equal(free_count, 1);
    whi_sources_end(sources);
    assert_int_equal(free_count, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_has_one_source),
        cmocka_unit_test(what_is_no_source_is_refused),
        cmocka_unit_test(an_older_program_says_less),
        cmocka_unit_test(a_source_stays_while_somebody_reads_it),
        cmocka_unit_test(a_question_that_is_out_outlives_the_list),
        cmocka_unit_test(sources_may_be_dropped_while_all_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
