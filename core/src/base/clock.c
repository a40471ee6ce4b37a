#include "base/clock.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
    char text[64];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day, (int)(rest / 3600000),
             (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
    memcpy(out, text, WHI_TIME_SIZE);
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

int whi_time_parse(const char *text, int64_t *out) {
    int year, month, day, hour, minute, second, ms = 0, used = 0;
    int count = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used);

    if (count == 6 && text[used] == '.') {
        int more = 0;
        count += sscanf(text + used, ".%3d%n", &ms, &more) - 1;
        used += more == 4 ? more : 0;
    }
    if (count != 6 || strcmp(text + used, "Z") != 0 || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 || ms < 0) {
        return WH_EINVALID;
    }
    *out = ((days_since(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000 + ms;
    return WH_OK;
}
