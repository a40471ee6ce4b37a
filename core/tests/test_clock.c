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
        "2026",
        "2026-11-21",
        "2026-11-21T10:00:00",
        "2026-11-21T10:00:00+00:00",
        "2026-11-21t10:00:00z",
        "2026-11-21 10:00:00Z",
        "2026-11-21T10:00:00.5Z",
        "2026-11-21T10:00:00.1234Z",
        "2026-11-21T10:00:00.000Z ",
        " 2026-11-21T10:00:00Z",
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
    }
    assert_int_equal(whi_time_parse("1970-01-01T00:00:00Z", &ms), WH_OK);
    assert_int_equal(ms, 0);
    assert_int_equal(whi_time_parse("2024-02-29T23:59:60.001Z", &ms), WH_OK);
    assert_true(ms == INT64_C(1709251200001));
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
        cmocka_unit_test(a_time_beyond_the_years_is_written_as_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
