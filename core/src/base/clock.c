#include "base/clock.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ascii.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/utf8.h"

int64_t whi_clock_now(const wh_clock *clock) {
    struct timespec now;

    if (clock != NULL && clock->now != NULL) {
        return clock->now(clock->payload);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int whi_clock_random(const wh_clock *clock, void *out, size_t size) {
    if (clock != NULL && clock->random != NULL) {
        return clock->random(out, size, clock->payload);
    }
    whi_crypto_begin();
    if (RAND_bytes(out, (int)size) != 1) {
        return whi_fail(WH_EINTERNAL, "the system's random source failed");
    }
    return WH_OK;
}

int64_t whi_monotonic_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t whi_thread_cpu_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Days since 1970 to year, month, day: Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", civil_from_days. */
static void civil(int64_t days, int *year, int *month, int *day) {
    int64_t era, yoe, doy, mp;
    int64_t doe;

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

/* Lists have two times an item: a format would be half of their cost. */
static void put_digits(char *out, int count, int number) {
    while (count > 0) {
        out[--count] = (char)('0' + number % 10);
        number /= 10;
    }
}

void whi_time_text(int64_t ms, char out[WHI_TIME_SIZE]) {
    int64_t days = ms / 86400000, rest = ms % 86400000;
    int year, month, day;

    if (rest < 0) {
        rest += 86400000;
        days -= 1;
    }
    civil(days, &year, &month, &day);
    if (year < 0 || year > 9999) {
        memcpy(out, "0000-00-00T00:00:00.000Z", WHI_TIME_SIZE);
        return;
    }
    memcpy(out, "0000-00-00T00:00:00.000Z", WHI_TIME_SIZE);
    put_digits(out, 4, year);
    put_digits(out + 5, 2, month);
    put_digits(out + 8, 2, day);
    put_digits(out + 11, 2, (int)(rest / 3600000));
    put_digits(out + 14, 2, (int)(rest / 60000 % 60));
    put_digits(out + 17, 2, (int)(rest / 1000 % 60));
    put_digits(out + 20, 3, (int)(rest % 1000));
}

/* Year, month, day to days since 1970: as above, days_from_civil. */
static int64_t days_since(int year, int month, int day) {
    int64_t era, yoe, doy;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    yoe = year - era * 400;
    doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int days_of(int year, int month) {
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (leap && month == 2);
}

/* text begins with the form, where '0' stands for a digit and all else for itself. */
static int has_form(const char *text, const char *form) {
    for (; *form != '\0'; form++, text++) {
        if (*form == '0' ? !whi_ascii_is_digit(*text) : *text != *form) {
            return 0;
        }
    }
    return 1;
}

static int number_at(const char *text, size_t digits) {
    int value = 0;

    while (digits-- > 0) {
        value = value * 10 + (*text++ - '0');
    }
    return value;
}

/* A text of nothing but digits. */
static int read_ms(const char *text, int64_t *out) {
    size_t size = strspn(text, "0123456789");

    *out = 0;
    if (size == 0 || size > 18 || text[size] != '\0') {
        return WH_EINVALID;
    }
    for (size_t i = 0; i < size; i++) {
        *out = *out * 10 + (text[i] - '0');
    }
    return WH_OK;
}

static int read_date(const char **text, int64_t *days) {
    int year, month, day;

    if (!has_form(*text, "0000-00-00")) {
        return WH_EINVALID;
    }
    year = number_at(*text, 4);
    month = number_at(*text + 5, 2);
    day = number_at(*text + 8, 2);
    if (month < 1 || month > 12 || day < 1 || day > days_of(year, month)) {
        return WH_EINVALID;
    }
    *days = days_since(year, month, day);
    *text += 10;
    return WH_OK;
}

/* ".5" to ".999999999" in ms, cut off; nothing is 0. */
static int read_fraction(const char **text, int64_t *ms) {
    int worth = 100, digits = 0;

    if (**text != '.' && **text != ',') {
        return WH_OK;
    }
    for (++*text; whi_ascii_is_digit(**text); ++*text, digits++) {
        *ms += (int64_t)(**text - '0') * worth;
        worth /= 10;
    }
    return digits >= 1 && digits <= 9 ? WH_OK : WH_EINVALID;
}

/* "10:00", "10:00:00", "10:00:00.000", behind the date. */
static int read_hours(const char **text, int64_t *ms) {
    int hour, minute, second = 0;

    if (!has_form(*text, "00:00")) {
        return WH_EINVALID;
    }
    hour = number_at(*text, 2);
    minute = number_at(*text + 3, 2);
    *text += 5;
    if (has_form(*text, ":00")) {
        second = number_at(*text + 1, 2);
        *text += 3;
    } else if (**text == ':' || **text == '.' || **text == ',') {
        return WH_EINVALID;
    }
    *ms = (hour * 60 + minute) * INT64_C(60000) + second * INT64_C(1000);
    return hour < 24 && minute < 60 && second <= 60 ? read_fraction(text, ms) : WH_EINVALID;
}

/* "Z", "+02:00" in ms, or nothing, which is UTC too: the end. */
static int read_zone(const char *text, int64_t *ms) {
    int colon = has_form(text + (*text != '\0'), "00:00"), short_form = has_form(text + (*text != '\0'), "0000");
    int hours, minutes = 0;

    if (text[0] == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        return WH_OK;
    }
    if ((text[0] != '+' && text[0] != '-') || !has_form(text + 1, "00") ||
        strlen(text) != (colon        ? 6u
                         : short_form ? 5u
                                      : 3u)) {
        return WH_EINVALID;
    }
    hours = number_at(text + 1, 2);
    minutes = colon ? number_at(text + 4, 2) : short_form ? number_at(text + 3, 2) : 0;
    *ms -= (hours * 60 + minutes) * INT64_C(60000) * (text[0] == '-' ? -1 : 1);
    return hours < 24 && minutes < 60 ? WH_OK : WH_EINVALID;
}

int whi_time_parse(const char *text, int64_t *out) {
    int64_t days = 0, ms = 0;
    int code;

    if (read_ms(text, out) == WH_OK) {
        return WH_OK;
    }
    code = read_date(&text, &days);
    if (code == WH_OK && *text != '\0') {
        code = strchr("Tt ", *text) != NULL ? WH_OK : WH_EINVALID;
        text++;
        code = code == WH_OK ? read_hours(&text, &ms) : code;
        code = code == WH_OK ? read_zone(text, &ms) : code;
    }
    *out = code == WH_OK ? days * 86400000 + ms : 0;
    return code;
}

int whi_time_check(const char *field, int64_t ms) {
    if (ms >= WHI_TIME_LEAST && ms <= WHI_TIME_MOST) {
        return WH_OK;
    }
    if (ms > WHI_TIME_MOST) {
        return whi_fail_field(WH_EINVALID, field,
                              "expected milliseconds since 1970, found %lld, which is beyond the year 9999: perhaps "
                              "microseconds",
                              (long long)ms);
    }
    if (ms >= WHI_TIME_LEAST / 1000) {
        return whi_fail_field(WH_EINVALID, field,
                              "expected milliseconds since 1970, found %lld, which looks like seconds: %lld",
                              (long long)ms, (long long)ms * 1000);
    }
    return whi_fail_field(WH_EINVALID, field,
                          "expected milliseconds since 1970, found %lld, which is before 1973-03-03", (long long)ms);
}

int whi_time_read(const char *field, const char *text, int64_t *out) {
    char found[48];

    if (whi_time_parse(text, out) != WH_OK) {
        return whi_fail_field(WH_EINVALID, field,
                              "expected a time like 2026-11-21T10:00:00.000Z, or milliseconds since 1970, found \"%s\"",
                              whi_text_shown(text, found, sizeof found));
    }
    return whi_time_check(field, *out);
}
