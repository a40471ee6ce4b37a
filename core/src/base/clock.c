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
