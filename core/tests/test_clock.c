#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "webhook.h"

/* Against the C library's gmtime, over the years 0 to 9999. */
static void a_time_is_written_as_gmtime_has_it_and_reads_back(void **state) {
    const int64_t first = INT64_C(-62167219200), last = INT64_C(253402300799);

    (void)state;
    for (int64_t second = first; second <= last; second += 86399 * INT64_C(101)) {
        time_t when = (time_t)second;
        struct tm parts;
        char text[WHI_TIME_SIZE], wanted[40];
        int64_t back;
        whi_time_text(second * 1000 + 7, text);
        assert_non_null(gmtime_r(&when, &parts));
        parts.tm_year += 1900;
        assert_int_equal(text[4], '-');
        strftime(wanted, sizeof wanted, "-%m-%dT%H:%M:%S.007Z", &parts);
        assert_string_equal(text + 4, wanted);
        assert_int_equal((text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0',
                         parts.tm_year);
        assert_int_equal(whi_time_parse(text, &back), WH_OK);
        assert_true(back == second * 1000 + 7);
    }
}

static void a_time_is_read_strictly(void **state) {
    static const char *const bad[] = {
        "",
        "now",
        "-1",
        "1.5",
        "1e12",
        "1234567890123456789",
        "2026-11",
        "2026-11-21T",
        "2026-11-21T10",
        "2026-11-21T10:0",
        "2026-11-21T10:00:",
        "2026-11-21T10:00.5",
        "2026-11-21T10:00:00.Z",
        "2026-11-21T10:00:00.1234567890Z",
        "2026-11-21T10:00:00.000Z ",
        " 2026-11-21T10:00:00Z",
        "2026-11-21  10:00:00",
        "2026-11-21T10:00:00+",
        "2026-11-21T10:00:00+1",
        "2026-11-21T10:00:00+01:",
        "2026-11-21T10:00:00+24:00",
        "2026-11-21T10:00:00+01:60",
        "2026-11-21T10:00:00+01000",
        "2026-11-21+01:00",
        "2026-11-21Z",
        "+026-11-21T10:00:00Z",
        "2026-11-21T10:00: 0Z",
        "2026-11-21T10:00:-1Z",
        "2026-00-21T10:00:00Z",
        "2026-13-21T10:00:00Z",
        "2026-11-00T10:00:00Z",
        "2026-11-31T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T10:60:00Z",
        "2026-11-21T10:00:61Z",
        "0000-00-00T00:00:00.000Z",
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (whi_time_parse(bad[i], &ms) != WH_EINVALID) {
            fail_msg("\"%s\" was read", bad[i]);
        }
        assert_int_equal(whi_time_read("time", bad[i], &ms), WH_EINVALID);
    }
}

/* What ISO 8601 has, what SQLite's CURRENT_TIMESTAMP is, and what our own lists print. */
static void a_time_is_read_in_each_of_its_forms(void **state) {
    static const struct {
        const char *text;
        int64_t ms;
    } all[] = { { "1970-01-01T00:00:00Z", 0 },
                { "2024-02-29T23:59:60.001Z", INT64_C(1709251200001) },
                { "2026-11-18T11:06:40.000Z", INT64_C(1795000000000) },
                { "2026-11-18 11:06:40", INT64_C(1795000000000) },
                { "2026-11-18 11:06:40.123", INT64_C(1795000000123) },
                { "2026-11-18t11:06:40,5z", INT64_C(1795000000500) },
                { "2026-11-18T11:06:40.123999999", INT64_C(1795000000123) },
                { "2026-11-18T11:06Z", INT64_C(1794999960000) },
                { "2026-11-18T12:36:40+01:30", INT64_C(1795000000000) },
                { "2026-11-18T09:36:40-0130", INT64_C(1795000000000) },
                { "2026-11-18T12:06:40+01", INT64_C(1795000000000) },
                { "2026-11-18", INT64_C(1794960000000) },
                { "1795000000000", INT64_C(1795000000000) } };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (whi_time_parse(all[i].text, &ms) != WH_OK || ms != all[i].ms) {
            fail_msg("\"%s\" was read as %lld", all[i].text, (long long)ms);
        }
    }
}

static void a_time_that_nobody_means_is_refused_with_a_hint(void **state) {
    int64_t ms;

    (void)state;
    assert_int_equal(whi_time_check("time", WHI_TIME_LEAST), WH_OK);
    assert_int_equal(whi_time_check("time", WHI_TIME_MOST), WH_OK);
    assert_int_equal(whi_time_read("since", "1795000000", &ms), WH_EINVALID);
    assert_string_equal(wh_last_error(), "since: expected milliseconds since 1970, found 1795000000, which looks like "
                                         "seconds: 1795000000000");
    assert_int_equal(whi_time_check("time", INT64_C(1795000000000000)), WH_EINVALID);
    assert_non_null(strstr(wh_last_error(), "beyond the year 9999: perhaps microseconds"));
    assert_int_equal(whi_time_check("time", WHI_TIME_MOST + 1), WH_EINVALID);
    assert_int_equal(whi_time_check("time", WHI_TIME_LEAST - 1), WH_EINVALID);
    assert_int_equal(whi_time_check("time", 0), WH_EINVALID);
    assert_int_equal(whi_time_check("time", -1), WH_EINVALID);
    assert_non_null(strstr(wh_last_error(), "found -1, which is before 1973-03-03"));
}

static void a_time_beyond_the_years_is_written_as_none(void **state) {
    char text[WHI_TIME_SIZE];

    (void)state;
    whi_time_text(INT64_MAX, text);
    assert_string_equal(text, "0000-00-00T00:00:00.000Z");
    whi_time_text(INT64_MIN, text);
    assert_string_equal(text, "0000-00-00T00:00:00.000Z");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_as_gmtime_has_it_and_reads_back),
        cmocka_unit_test(a_time_is_read_strictly),
        cmocka_unit_test(a_time_is_read_in_each_of_its_forms),
        cmocka_unit_test(a_time_that_nobody_means_is_refused_with_a_hint),
        cmocka_unit_test(a_time_beyond_the_years_is_written_as_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
