#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <curl/curl.h>

#include "pure/retry.h"
#include "systems/list.h"
#include "systems/system.h"

#define NOW INT64_C(784111777000) /* Sun, 06 Nov 1994 08:49:37 GMT */

static void the_standard_list_is_that_of_the_specification(void **state) {
    static const int64_t seconds[] = { 0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400 };

    (void)state;
    assert_int_equal(whi_system_standard.retry_count, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(whi_retry_delay(whi_system_standard.retry, whi_system_standard.retry_count, i, 0, 10, 0),
                         seconds[i] * 1000);
    }
    assert_int_equal(whi_retry_delay(whi_system_standard.retry, whi_system_standard.retry_count, 10, 0, 10, 0), -1);
    assert_int_equal(whi_retry_delay(whi_system_standard.retry, whi_system_standard.retry_count, INT32_MAX, 0, 10, 0),
                     -1);
}

static void an_empty_list_is_used_up_at_once(void **state) {
    (void)state;
    assert_int_equal(whi_retry_delay(NULL, 0, 0, 0, 10, 0), -1);
    assert_int_equal(whi_retry_delay(NULL, 0, 0, 60000, 10, 0), -1);
}

static void chance_adds_up_to_a_tenth_but_never_to_the_first(void **state) {
    static const int64_t list[] = { 1000, 1000, WHI_RETRY_DELAY_MAXIMUM };

    (void)state;
    assert_int_equal(whi_retry_delay(list, 3, 0, 0, 10, UINT32_MAX), 1000);
    assert_int_equal(whi_retry_delay(list, 3, 1, 0, 10, 0), 1000);
    assert_int_equal(whi_retry_delay(list, 3, 1, 0, 10, UINT32_MAX / 2 + 1), 1050);
    assert_int_equal(whi_retry_delay(list, 3, 1, 0, 10, UINT32_MAX), 1099);
    assert_in_range(whi_retry_delay(list, 3, 2, 0, 10, UINT32_MAX), WHI_RETRY_DELAY_MAXIMUM,
                    WHI_RETRY_DELAY_MAXIMUM / 10 * 11);
}

static void retry_after_only_makes_a_delay_longer(void **state) {
    static const int64_t list[] = { 0, 5000 };

    (void)state;
    assert_int_equal(whi_retry_delay(list, 2, 1, 1000, 10, 0), 5000);
    assert_int_equal(whi_retry_delay(list, 2, 1, 60000, 10, 0), 60000);
    assert_in_range(whi_retry_delay(list, 2, 1, 60000, 10, UINT32_MAX), 60001, 66000);
    assert_int_equal(whi_retry_delay(list, 2, 1, -1, 10, 0), 5000);
    assert_int_equal(whi_retry_delay(list, 2, 1, INT64_MAX, 10, 0), WHI_RETRY_AFTER_MAXIMUM);
}

static void a_delay_outside_the_limits_is_brought_inside(void **state) {
    static const int64_t list[] = { INT64_MIN, INT64_MAX };

    (void)state;
    assert_int_equal(whi_retry_delay(list, 2, -1, 0, 10, 0), 0);
    assert_int_equal(whi_retry_delay(list, 2, 0, 0, 10, 0), 0);
    assert_int_equal(whi_retry_delay(list, 2, 1, 0, 10, 0), WHI_RETRY_DELAY_MAXIMUM);
}

static void retry_after_in_seconds_is_read_and_capped(void **state) {
    (void)state;
    assert_int_equal(whi_retry_after("0", NOW), 0);
    assert_int_equal(whi_retry_after("120", NOW), 120000);
    assert_int_equal(whi_retry_after(" \t120 ", NOW), 120000);
    assert_int_equal(whi_retry_after("00000000000000000000000000000000000000000000000007", NOW), 7000);
    assert_int_equal(whi_retry_after("86400", NOW), WHI_RETRY_AFTER_MAXIMUM);
    assert_int_equal(whi_retry_after("86401", NOW), WHI_RETRY_AFTER_MAXIMUM);
    assert_int_equal(whi_retry_after("99999999999999999999999999999999999999999999999999", NOW),
                     WHI_RETRY_AFTER_MAXIMUM);
}

/* The three forms of one moment in RFC 9110 5.6.7. */
static void retry_after_is_read_in_all_three_forms_of_a_date(void **state) {
    (void)state;
    assert_int_equal(whi_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", NOW - 5000), 5000);
    assert_int_equal(whi_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", NOW - 5000), 5000);
    assert_int_equal(whi_retry_after("Sun Nov  6 08:49:37 1994", NOW - 5000), 5000);
    assert_int_equal(whi_retry_after("Wed Nov 16 08:49:37 1994", NOW + INT64_C(863999000)), 1000);
    assert_int_equal(whi_retry_after(" Sun, 06 Nov 1994 08:49:37 GMT\t", NOW - 1), 1);
    assert_int_equal(whi_retry_after("Sun, 06 Nov 1994 08:49:60 GMT", NOW), 23000);
    assert_int_equal(whi_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", NOW), WHI_RETRY_AFTER_MAXIMUM);
}

static void a_date_in_the_past_asks_for_nothing(void **state) {
    (void)state;
    assert_int_equal(whi_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", NOW), 0);
    assert_int_equal(whi_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", NOW + 1), 0);
    assert_int_equal(whi_retry_after("Sat, 01 Jan 0000 00:00:00 GMT", NOW), 0);
}

static void two_digits_of_a_year_lie_at_most_50_years_ahead(void **state) {
    int64_t y2026 = INT64_C(1767225600000), y1999 = INT64_C(946684790000); /* 2026-01-01, 1999-12-31 23:59:50 */

    (void)state;
    assert_int_equal(whi_retry_after("Thursday, 01-Jan-26 00:01:00 GMT", y2026), 60000);
    assert_int_equal(whi_retry_after("Wednesday, 01-Jan-76 00:00:00 GMT", y2026), WHI_RETRY_AFTER_MAXIMUM);
    assert_int_equal(whi_retry_after("Saturday, 01-Jan-77 00:00:00 GMT", y2026), 0);
    assert_int_equal(whi_retry_after("Friday, 31-Dec-99 23:59:59 GMT", y1999), 9000);
}

static void what_is_no_retry_after_counts_as_none(void **state) {
    static const char *const wrong[] = {
        "",
        " ",
        "soon",
        "-1",
        "+1",
        "1.5",
        "1 2",
        "1s",
        "0x10",
        "Sun, 06 Nov 2094 08:49:37",
        "Sun, 06 Nov 2094 08:49:37 UTC",
        "Sun, 06 Nov 2094 08:49:37 GMT+1",
        "Sun,  06 Nov 2094 08:49:37 GMT",
        "Sun, 6 Nov 2094 08:49:37 GMT",
        "Sun, 31 Nov 2094 08:49:37 GMT",
        "Sun, 00 Nov 2094 08:49:37 GMT",
        "Sun, 29 Feb 2095 08:49:37 GMT",
        "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Nov 2094 24:49:37 GMT",
        "Sun, 06 Nov 2094 08:60:37 GMT",
        "Sun, 06 Nov 2094 08:49:61 GMT",
        "sun, 06 nov 2094 08:49:37 gmt",
        "Son, 06 Nov 2094 08:49:37 GMT",
        "06 Nov 2094 08:49:37 GMT",
        "2094-11-06T08:49:37Z",
        "Sun Nov 006 08:49:37 2094",
        "Sun Nov  6 08:49:37 2094 GMT",
        "Sunday, 06-Nov-2094 08:49:37 GMT",
    };

    (void)state;
    assert_int_equal(whi_retry_after(NULL, NOW), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(whi_retry_after(wrong[i], NOW), 0);
    }
    assert_int_equal(whi_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MIN), 0);
    assert_int_equal(whi_retry_after("Sun, 06 Nov 0000 08:49:37 GMT", INT64_MAX), 0);
}

/* Every day of a century and a bit, against libcurl's reader and the C library's writer. */
static void dates_are_read_as_libcurl_reads_them(void **state) {
    static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y" };
    char text[64];

    (void)state;
    for (int64_t seconds = 86400; seconds < INT64_C(4200000000); seconds += 86400 * 3 + 3671) {
        time_t moment = (time_t)seconds;
        struct tm parts;

        gmtime_r(&moment, &parts);
        for (int form = 0; form < 2; form++) {
            strftime(text, sizeof text, forms[form], &parts);
            assert_int_equal(curl_getdate(text, NULL), seconds);
            assert_int_equal(whi_retry_after(text, seconds * 1000 - 1234), 1234);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_list_is_that_of_the_specification),
        cmocka_unit_test(an_empty_list_is_used_up_at_once),
        cmocka_unit_test(chance_adds_up_to_a_tenth_but_never_to_the_first),
        cmocka_unit_test(retry_after_only_makes_a_delay_longer),
        cmocka_unit_test(a_delay_outside_the_limits_is_brought_inside),
        cmocka_unit_test(retry_after_in_seconds_is_read_and_capped),
        cmocka_unit_test(retry_after_is_read_in_all_three_forms_of_a_date),
        cmocka_unit_test(a_date_in_the_past_asks_for_nothing),
        cmocka_unit_test(two_digits_of_a_year_lie_at_most_50_years_ahead),
        cmocka_unit_test(what_is_no_retry_after_counts_as_none),
        cmocka_unit_test(dates_are_read_as_libcurl_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
