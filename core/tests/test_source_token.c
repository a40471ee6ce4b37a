#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pure/source_token.h"
#include "webhook.h"

static void progress_comes_back_as_it_went(void **state) {
    whi_source_progress one = {
        3, 250, 1 << 20, 1764500000123, 1, UINT64_MAX - 5, 7, (char *)"a\"b\n", (char *)"W/\"x\""
    };
    whi_source_progress back;
    whi_buf text;

    (void)state;
    whi_buf_init(&text, 1000);
    assert_int_equal(whi_source_progress_write(&one, &text), WH_OK);
    assert_int_equal(whi_source_progress_read(&back, text.data), WH_OK);
    assert_int_equal(back.pages, 3);
    assert_int_equal(back.items, 250);
    assert_int_equal(back.bytes, 1 << 20);
    assert_int_equal(back.started_at, 1764500000123);
    assert_int_equal(back.afresh, 1);
    assert_true(back.mark == UINT64_MAX - 5 && back.request == 7);
    assert_string_equal(back.page, one.page);
    assert_string_equal(back.etag, one.etag);
    whi_source_progress_free(&back);
    whi_buf_free(&text);
}

static void another_text_is_no_page(void **state) {
    static const char *const rows[] = {
        "", "x", "{}", "[]", "{\"p\":1}", "{\"n\":-1,\"p\":\"a\"}", "{\"m\":\"a\",\"p\":\"a\"}"
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_source_progress back;

        assert_int_equal(whi_source_progress_read(&back, rows[i]), WH_EINVALID);
        assert_string_equal(wh_last_error_field(), "page");
        whi_source_progress_free(&back);
    }
}

static void a_state_comes_back_and_another_text_is_none(void **state) {
    whi_source_state one = { (char *)"s1", (char *)"\"e\"", 99 }, back;
    whi_buf text;

    (void)state;
    whi_buf_init(&text, 1000);
    assert_int_equal(whi_source_state_write(&one, &text), WH_OK);
    assert_int_equal(whi_source_state_read(&back, text.data), WH_OK);
    assert_string_equal(back.token, "s1");
    assert_string_equal(back.etag, "\"e\"");
    assert_int_equal(back.request, 99);
    whi_source_state_free(&back);
    whi_buf_free(&text);
    assert_int_equal(whi_source_state_read(&back, "of another source"), WH_OK);
    assert_null(back.token);
    assert_null(back.etag);
}

/* A walk over pages of which the last leads back to one before. */
static int pages_until_found(int length, int back_to) {
    whi_source_progress progress = { .page = NULL };
    char next[20], page[20];
    int at = 0;

    for (int pages = 1; pages < 1000; pages++) {
        progress.pages = pages;
        at = at + 1 < length ? at + 1 : back_to;
        snprintf(next, sizeof next, "p%d", at);
        if (whi_source_progress_turns(&progress, next)) {
            return pages;
        }
        memcpy(page, next, sizeof page);
        progress.page = page;
    }
    return -1;
}

static void a_circle_is_found_soon(void **state) {
    (void)state;
    for (int length = 2; length < 40; length++) {
        for (int back_to = 0; back_to < length; back_to++) {
            int pages = pages_until_found(length, back_to);

            assert_true(pages >= length && pages <= 4 * length);
        }
    }
    assert_int_equal(pages_until_found(2000, 0), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_comes_back_as_it_went),
        cmocka_unit_test(another_text_is_no_page),
        cmocka_unit_test(a_state_comes_back_and_another_text_is_none),
        cmocka_unit_test(a_circle_is_found_soon),
    };
    return cmocka_run_group_tests_name("source_token", tests, NULL, NULL);
}
