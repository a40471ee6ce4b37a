/* A page of a source, whatever it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pure/poll_page.h"
#include "webhook.h"

static const unsigned char salt[WHI_POLL_SALT] = "0123456789abcdef";
static const char *const fetched[] = { "fetched_at", NULL };

static whi_poll_page page;

#define OPEN "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
#define CLOSED "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"

static int read_with(const char *items, const whi_filter *filter, const char *const *without) {
    whi_poll_reader reader = { salt, without, filter, 1000, 64 };

    whi_poll_page_free(&page);
    return whi_poll_page_read(&page, &reader, items, strlen(items));
}

static void reads(const char *items) {
    assert_int_equal(read_with(items, NULL, NULL), WH_OK);
}

static int end(void **state) {
    (void)state;
    whi_poll_page_free(&page);
    return 0;
}

static void an_id_comes_back_as_it_was(void **state) {
    static const char *const ids[] = { "\"7\"",
                                       "7",
                                       "90071992547409931234",
                                       "\"\xc3\xa4/\\\"\"",
                                       "\"507f1f77bcf86cd799439011\"",
                                       "\"123e4567-e89b-12d3-a456-426614174000\"",
                                       "\"123E4567-e89b-12d3-a456-426614174000\"",
                                       "\"507f1f77bcf86cd79943901\"",
                                       "\"123e4567-e89b-12d3-a456x426614174000\"" };
    static const size_t sizes[] = { 2, 2, 21, 5, 13, 17, 37, 24, 37 };
    char items[100];

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        whi_buf out;
        snprintf(items, sizeof items, "[{\"id\":%s}]", ids[i]);
        reads(items);
        assert_int_equal(page.count, 1);
        assert_int_equal(page.list[0].id_size, sizes[i]);
        whi_buf_init(&out, 1000);
        whi_poll_id_write(whi_poll_page_id(&page, &page.list[0]), page.list[0].id_size, &out);
        whi_buf_char(&out, '\0');
        assert_string_equal(out.data, ids[i]);
        whi_buf_free(&out);
    }
}

static void objects_that_cannot_be_kept_are_counted(void **state) {
    char *items = malloc(3000);

    (void)state;
    reads("[{\"id\":null},{\"name\":1},{\"id\":\"\"},{\"id\":true},7,\"x\",[],{\"id\":1}]");
    assert_int_equal(page.skipped, 7);
    assert_int_equal(page.count, 1);
    snprintf(items, 3000, "[{\"text\":\"%01000d\"}]", 0);
    reads(items);
    assert_int_equal(page.skipped, 1);
    snprintf(items, 3000, "[{\"id\":\"%0513d\"},{\"id\":\"%0512d\"}]", 0, 0);
    assert_int_equal(page.skipped, 1);
    free(items);
}

static void what_is_too_large_or_too_deep_is_in_the_list(void **state) {
    char *items = malloc(3000);

    (void)state;
    snprintf(items, 3000,
             "[{\"id\":1,\"text\":\"%01000d\"},{\"id\":2,\"deleted\":true,\"text\":\"%01000d\"},{\"id\":3}]", 0, 0);
    reads(items);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.large, 2);
    assert_true(page.list[0].large && page.list[1].large && !page.list[2].large);
    assert_true(page.list[1].deleted);
    snprintf(items, 3000, "[{\"id\":1,\"a\":%.63s%.63s},{\"id\":2,\"a\":[%.63s%.63s]}]", OPEN, CLOSED, OPEN, CLOSED);
    reads(items);
    assert_int_equal(page.count, 2);
    assert_true(!page.list[0].large && page.list[1].large);
    free(items);
}

/* Opens an object that has so many levels in it; the end's place. */
static size_t write_deep(char *out, size_t levels) {
    static const char head[] = "[{\"id\":1,\"deleted\":true,\"a\":";
    size_t at = sizeof head - 1;

    memcpy(out, head, at);
    memset(out + at, '[', levels);
    memset(out + at + levels, ']', levels);
    return at + 2 * levels;
}

/* One value of any depth; the others are read. */
static void what_nests_beyond_all_bounds_hides_nothing(void **state) {
    size_t levels = 3000;
    char *items = malloc(2 * levels + 200), *at = items + write_deep(items, levels);

    (void)state;
    memcpy(at, "},{\"id\":2}]", 12);
    reads(items);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.large, 1);
    assert_true(page.list[0].large && page.list[0].deleted && !page.list[1].large);
    free(items);
}

static void what_is_no_page_is_said(void **state) {
    (void)state;
    assert_int_equal(read_with("[{\"id\":1}", NULL, NULL), WH_EJSON);
    assert_int_equal(read_with("{\"id\":1}", NULL, NULL), WH_EINVALID);
    assert_int_equal(read_with("", NULL, NULL), WH_EJSON);
}

static void too_many_objects_are_refused(void **state) {
    size_t room = (WHI_POLL_OBJECTS + 2) * 3;
    char *items = malloc(room), *at = items;

    (void)state;
    *at++ = '[';
    for (int i = 0; i <= WHI_POLL_OBJECTS; i++) {
        memcpy(at, i > 0 ? ",{}" : "{}", i > 0 ? 3 : 2);
        at += i > 0 ? 3 : 2;
    }
    memcpy(at, "]", 2);
    assert_int_equal(read_with(items, NULL, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error(), "a page of 10001 objects, expected at most 10000");
    free(items);
}

static void an_objects_content_is_what_it_says(void **state) {
    int64_t content;

    (void)state;
    assert_int_equal(read_with("[{\"id\":1,\"a\":[1,2],\"fetched_at\":5}]", NULL, fetched), WH_OK);
    content = page.list[0].content;
    assert_true(content > 0 && content < INT64_C(1) << 47);
    assert_int_equal(read_with("[{ \"fetched_at\":6, \"a\" : [1.0, 2] , \"id\":1}]", NULL, fetched), WH_OK);
    assert_true(page.list[0].content == content);
    assert_int_equal(read_with("[{\"id\":1,\"a\":[2,1],\"fetched_at\":5}]", NULL, fetched), WH_OK);
    assert_true(page.list[0].content != content);
    assert_int_equal(read_with("[{\"id\":1,\"a\":[1,2],\"fetched_at\":5}]", NULL, NULL), WH_OK);
    assert_true(page.list[0].content != content);
}

static void of_equal_ids_the_last_one_counts(void **state) {
    (void)state;
    reads("[{\"id\":\"a\",\"n\":1},{\"id\":\"b\"},{\"id\":\"a\",\"n\":2},{\"id\":\"a\",\"n\":3}]");
    assert_int_equal(page.list[0].former, 1);
    assert_int_equal(page.list[1].former, 0);
    assert_int_equal(page.list[2].former, 1);
    assert_int_equal(page.list[3].former, 0);
}

static void times_are_read_however_they_are_written(void **state) {
    (void)state;
    reads("[{\"id\":1,\"updated_at\":\"2026-11-21T10:00:00Z\"},{\"id\":2,\"updated_at\":1795255200000},"
          "{\"id\":3,\"updated_at\":1795255200},{\"id\":4,\"updated_at\":\"soon\"},{\"id\":5,\"updated_at\":-7},"
          "{\"id\":6,\"deleted\":true},{\"id\":7,\"deleted\":1}]");
    assert_true(page.list[0].updated_at == INT64_C(1795255200000));
    assert_true(page.list[1].updated_at == INT64_C(1795255200000));
    assert_true(page.list[2].updated_at == INT64_C(1795255200000));
    assert_true(page.list[3].updated_at == 0 && page.list[4].updated_at == 0);
    assert_true(page.list[5].deleted && !page.list[6].deleted);
}

static void filters_ask_each_object(void **state) {
    whi_filter *filter;

    (void)state;
    assert_int_equal(whi_filter_parse(&filter, "{\"type\":\"x\"}", 12), WH_OK);
    assert_int_equal(read_with("[{\"id\":1,\"type\":\"x\"},{\"id\":2}]", filter, NULL), WH_OK);
    assert_true(page.list[0].wanted && !page.list[1].wanted);
    whi_filter_free(filter);
}

/* It may be all that tells: of a file in a folder, say. */
static void another_time_of_change_is_a_change_unless_it_is_left_out(void **state) {
    static const char *const left_out[] = { "updated_at", NULL };
    int64_t content;

    (void)state;
    reads("[{\"id\":1,\"updated_at\":\"2026-11-30T00:00:00Z\"}]");
    content = page.list[0].content;
    reads("[{\"id\":1,\"updated_at\":\"2026-11-30T00:00:01Z\"}]");
    assert_true(page.list[0].content != content);
    assert_int_equal(read_with("[{\"id\":1,\"updated_at\":\"2026-11-30T00:00:00Z\"}]", NULL, left_out), WH_OK);
    content = page.list[0].content;
    assert_int_equal(read_with("[{\"id\":1,\"updated_at\":\"2026-11-30T00:00:01Z\"}]", NULL, left_out), WH_OK);
    assert_true(page.list[0].content == content);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(another_time_of_change_is_a_change_unless_it_is_left_out, end),
        cmocka_unit_test_teardown(an_id_comes_back_as_it_was, end),
        cmocka_unit_test_teardown(objects_that_cannot_be_kept_are_counted, end),
        cmocka_unit_test_teardown(what_is_too_large_or_too_deep_is_in_the_list, end),
        cmocka_unit_test_teardown(what_nests_beyond_all_bounds_hides_nothing, end),
        cmocka_unit_test_teardown(what_is_no_page_is_said, end),
        cmocka_unit_test_teardown(too_many_objects_are_refused, end),
        cmocka_unit_test_teardown(an_objects_content_is_what_it_says, end),
        cmocka_unit_test_teardown(of_equal_ids_the_last_one_counts, end),
        cmocka_unit_test_teardown(times_are_read_however_they_are_written, end),
        cmocka_unit_test_teardown(filters_ask_each_object, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
