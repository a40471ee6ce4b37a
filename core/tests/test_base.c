#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/utf8.h"

static void a_buffer_grows_up_to_its_maximum_and_then_fails_for_good(void **state) {
    whi_buf buf;
    char *out;

    (void)state;
    whi_buf_init(&buf, 10);
    whi_buf_text(&buf, "12345");
    whi_buf_int(&buf, -42);
    assert_string_equal(buf.data, "12345-42");
    whi_buf_text(&buf, "abc");
    assert_int_equal(whi_buf_status(&buf), WH_ELIMIT);
    whi_buf_char(&buf, 'x');
    assert_int_equal(whi_buf_take(&buf, &out, NULL), WH_ELIMIT);
    assert_null(out);
}

static void integers_are_written_whole(void **state) {
    whi_buf buf;

    (void)state;
    whi_buf_init(&buf, 100);
    whi_buf_int(&buf, INT64_MIN);
    whi_buf_char(&buf, ' ');
    whi_buf_int(&buf, INT64_MAX);
    whi_buf_format(&buf, " %s", "end");
    assert_string_equal(buf.data, "-9223372036854775808 9223372036854775807 end");
    whi_buf_free(&buf);
}

static void times_are_written_as_iso_8601(void **state) {
    char text[WHI_TIME_SIZE];

    (void)state;
    whi_time_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    whi_time_text(INT64_C(1709210096789), text);
    assert_string_equal(text, "2024-02-29T12:34:56.789Z");
    whi_time_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    whi_time_text(INT64_MAX, text);
    assert_string_equal(text, "0000-00-00T00:00:00.000Z");
}

static void ids_read_back_as_they_were_written(void **state) {
    const int64_t numbers[] = { 0, 1, 31, 32, INT64_C(1) << 40, INT64_MAX };
    char text[WH_ID_SIZE];
    int64_t number, other;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        whi_ident_format("msg_", numbers[i], text);
        assert_int_equal(strlen(text), 17);
        assert_int_equal(whi_ident_parse("msg_", text, &number), 0);
        assert_int_equal(number, numbers[i]);
        whi_ident_delivery(numbers[i], 7, text);
        assert_int_equal(whi_ident_parse_delivery(text, &number, &other), 0);
        assert_int_equal(number, numbers[i]);
        assert_int_equal(other, 7);
    }
}

static void ids_of_another_form_are_refused(void **state) {
    const char *bad[] = { NULL,
                          "",
                          "msg_",
                          "msg_00000000000001",
                          "msg_0000000000O01",
                          "msg_zzzzzzzzzzzzz",
                          "sub_0000000000001",
                          "msg_000000000000",
                          "MSG_0000000000001" };
    int64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(whi_ident_parse("msg_", bad[i], &number), WH_EINVALID);
    }
}

static void event_numbers_grow_even_when_the_clock_does_not(void **state) {
    int64_t last = 0, now = INT64_C(1795000000000);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t number = whi_ident_after(last, i < 5000 ? now : now - 1000);
        assert_true(number > last);
        last = number;
    }
    assert_int_equal(whi_ident_time(whi_ident_first(now)), now);
    assert_int_equal(whi_ident_time(last), now);
    assert_int_equal(whi_ident_after(last, now + 5), whi_ident_first(now + 5));
}

static void every_allocation_goes_through_one_door(void **state) {
    (void)state;
    char *copy = whi_strdup("secret", 3);
    assert_string_equal(copy, "sec");
    whi_free_secret(copy, 3);
    assert_null(whi_strdup(NULL, 3));
    void *empty = whi_alloc(0);
    assert_non_null(empty);
    whi_free(empty);
}

static void a_strangers_text_is_shown_in_one_line_of_whole_letters(void **state) {
    char out[8];

    (void)state;
    assert_string_equal(whi_text_shown("a\nb\x7f", out, sizeof out), "a?b?");
    assert_string_equal(whi_text_shown("abcdefghi", out, sizeof out), "abcdefg");
    assert_string_equal(whi_text_shown("abcdef\xc3\xa9", out, sizeof out), "abcdef");
    assert_string_equal(whi_text_shown("abcde\xc3\xa9", out, sizeof out), "abcde\xc3\xa9");
    assert_string_equal(whi_text_shown("", out, sizeof out), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_up_to_its_maximum_and_then_fails_for_good),
        cmocka_unit_test(integers_are_written_whole),
        cmocka_unit_test(times_are_written_as_iso_8601),
        cmocka_unit_test(ids_read_back_as_they_were_written),
        cmocka_unit_test(ids_of_another_form_are_refused),
        cmocka_unit_test(event_numbers_grow_even_when_the_clock_does_not),
        cmocka_unit_test(every_allocation_goes_through_one_door),
        cmocka_unit_test(a_strangers_text_is_shown_in_one_line_of_whole_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
