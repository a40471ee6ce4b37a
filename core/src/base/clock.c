#include "base/clock.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/error.h"

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

/* text has the form, where '0' stands for a digit and all else for itself. */
static int has_form(const char *text, const char *form) {
    for (; *form != '\0'; form++, text++) {
        if (*form == '0' ? (unsigned)(*text - '0') > 9 : *text != *form) {
            return 0;
        }
    }
    return *text == '\0';
}

static int number_at(const char *text, size_t digits) {
    int value = 0;

    while (digits-- > 0) {
        value = value * 10 + (*text++ - '0');
    }
    return value;
}

int whi_time_parse(const char *text, int64_t *out) {
    int fraction = has_form(text, "0000-00-00T00:00:00.000Z");
    int year, month, day, hour, minute, second;

    if (!fraction && !has_form(text, "0000-00-00T00:00:00Z")) {
        return WH_EINVALID;
    }
    year = number_at(text, 4);
    month = number_at(text + 5, 2);
    day = number_at(text + 8, 2);
    hour = number_at(text + 11, 2);
    minute = number_at(text + 14, 2);
    second = number_at(text + 17, 2);
    if (month < 1 || month > 12 || day < 1 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 60) {
        return WH_EINVALID;
    }
    *out = ((days_since(year, month, day) * 24 + hour) * 60 + minute) * 60000 + (int64_t)second * 1000;
    *out += fraction ? number_at(text + 20, 3) : 0;
    return WH_OK;
}
