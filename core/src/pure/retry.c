#include "pure/retry.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define YEAR_10000 INT64_C(253402300800000) /* a clock beyond is broken; dates end here */

static int64_t clamp(int64_t value, int64_t maximum) {
    return value < 0 ? 0 : value > maximum ? maximum : value;
}

/* Chance comes on top of Retry-After as well: all that were told "60" at the same
 * moment would otherwise come back at the same moment. */
int64_t whi_retry_delay(const int64_t *list, size_t count, int attempts, int64_t retry_after, int jitter,
                        uint32_t chance) {
    int64_t delay, after = clamp(retry_after, WHI_RETRY_AFTER_MAXIMUM);

    if (attempts < 0) {
        attempts = 0;
    }
    if ((size_t)attempts >= count) {
        return -1;
    }
    delay = clamp(list[attempts], WHI_RETRY_DELAY_MAXIMUM);
    if (after > delay) {
        delay = after;
    }
    if (attempts > 0) {
        delay += (int64_t)((uint64_t)(delay * jitter / 100) * chance >> 32);
    }
    return delay;
}

/* ----------------------------------------------------------------- HTTP-date */

/* A date as it was read; month from 1. */
struct date {
    int64_t year;
    int month, day, hour, minute, second;
};

/* Each reader below takes what it expects from *at, or returns 0. */
static int take(const char **at, const char *text) {
    size_t size = strlen(text);

    if (strncmp(*at, text, size) != 0) {
        return 0;
    }
    *at += size;
    return 1;
}

static int take_digits(const char **at, int count, int *out) {
    int number = 0;

    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return 0;
        }
        number = number * 10 + (**at - '0');
    }
    *out = number;
    return 1;
}

/* The place of the name in the list, from 1. */
static int take_name(const char **at, const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        if (take(at, names[i])) {
            return i + 1;
        }
    }
    return 0;
}

static int take_month(const char **at, int *out) {
    static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

    *out = take_name(at, names, 12);
    return *out != 0;
}

static int take_weekday(const char **at) {
    static const char *const names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

    return take_name(at, names, 7);
}

static int take_long_weekday(const char **at) {
    static const char *const names[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };

    return take_name(at, names, 7);
}

static int take_time(const char **at, struct date *date) {
    return take_digits(at, 2, &date->hour) && take(at, ":") && take_digits(at, 2, &date->minute) && take(at, ":") &&
           take_digits(at, 2, &date->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static int read_fixdate(const char *at, struct date *date) {
    int year;

    if (!(take_weekday(&at) && take(&at, ", ") && take_digits(&at, 2, &date->day) && take(&at, " ") &&
          take_month(&at, &date->month) && take(&at, " ") && take_digits(&at, 4, &year) && take(&at, " ") &&
          take_time(&at, date) && take(&at, " GMT"))) {
        return 0;
    }
    date->year = year;
    return *at == '\0';
}

/* "Sun Nov  6 08:49:37 1994", what C's asctime() writes */
static int read_asctime(const char *at, struct date *date) {
    int year;

    if (!(take_weekday(&at) && take(&at, " ") && take_month(&at, &date->month) && take(&at, " ") &&
          take_digits(&at, take(&at, " ") ? 1 : 2, &date->day) && take(&at, " ") && take_time(&at, date) &&
          take(&at, " ") && take_digits(&at, 4, &year))) {
        return 0;
    }
    date->year = year;
    return *at == '\0';
}

/* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
static int64_t days_from_civil(int64_t year, int month, int day) {
    int64_t era, yoe, doy;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    yoe = year - era * 400;
    doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* The year of a moment, by the mean length of a year: for choosing a century. */
static int64_t year_near(int64_t now_ms) {
    return 1970 + now_ms / INT64_C(31556952000);
}

/* "Sunday, 06-Nov-94 08:49:37 GMT". RFC 9110 5.6.7: a year that looks more than
 * 50 years ahead is the last one in the past with these digits. */
static int read_rfc850(const char *at, struct date *date, int64_t now_ms) {
    int64_t near = year_near(now_ms);
    int year;

    if (!(take_long_weekday(&at) && take(&at, ", ") && take_digits(&at, 2, &date->day) && take(&at, "-") &&
          take_month(&at, &date->month) && take(&at, "-") && take_digits(&at, 2, &year) && take(&at, " ") &&
          take_time(&at, date) && take(&at, " GMT"))) {
        return 0;
    }
    date->year = near - near % 100 + year;
    if (date->year > near + 50) {
        date->year -= 100;
    }
    return *at == '\0';
}

static int is_date(const struct date *date) {
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap = (date->year % 4 == 0 && date->year % 100 != 0) || date->year % 400 == 0;

    return date->day >= 1 && date->day <= days[date->month - 1] + (leap && date->month == 2) && date->hour <= 23 &&
           date->minute <= 59 && date->second <= 60; /* 60: a leap second */
}

static int64_t date_ms(const struct date *date) {
    int64_t days = days_from_civil(date->year, date->month, date->day);

    return days * 24 * HOUR + date->hour * HOUR + date->minute * MINUTE + date->second * SECOND;
}

/* --------------------------------------------------------------- Retry-After */

static int64_t after_seconds(const char *digits, size_t size) {
    int64_t seconds = 0;

    for (size_t i = 0; i < size; i++) {
        seconds = seconds * 10 + (digits[i] - '0');
        if (seconds > WHI_RETRY_AFTER_MAXIMUM / SECOND) {
            return WHI_RETRY_AFTER_MAXIMUM;
        }
    }
    return seconds * SECOND;
}

static int64_t after_date(const char *text, int64_t now_ms) {
    struct date date;

    if (now_ms < 0 || now_ms >= YEAR_10000) {
        return 0;
    }
    if (!(read_fixdate(text, &date) || read_rfc850(text, &date, now_ms) || read_asctime(text, &date)) ||
        !is_date(&date)) {
        return 0;
    }
    return clamp(date_ms(&date) - now_ms, WHI_RETRY_AFTER_MAXIMUM);
}

int64_t whi_retry_after(const char *value, int64_t now_ms) {
    char text[40]; /* the longest date has 33 letters */
    size_t size, digits;

    if (value == NULL) {
        return 0;
    }
    value += strspn(value, " \t");
    digits = strspn(value, "0123456789");
    size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
        size--;
    }
    if (size > 0 && size == digits) {
        return after_seconds(value, digits);
    }
    if (size == 0 || size >= sizeof text) {
        return 0;
    }
    memcpy(text, value, size);
    text[size] = '\0';
    return after_date(text, now_ms);
}
