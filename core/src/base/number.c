/* Tests: test_number. */
#include "base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __APPLE__
#include <xlocale.h>
#endif

/* A thread's own locale, while a number is read or written: the process's may change at any time. Made
 * once; of the name "C" that takes no memory which could be short. */
static locale_t plain;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_plain(void) {
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t enter(void) {
    pthread_once(&once, make_plain);
    return uselocale(plain);
}

double whi_number_read(const char *text) {
    locale_t host = enter();
    double number = strtod(text, NULL);

    uselocale(host);
    return number;
}

void whi_number_write(char *out, size_t room, int digits, double number) {
    locale_t host = enter();

    snprintf(out, room, "%.*g", digits, number);
    uselocale(host);
}

void whi_number_write_power(char *out, size_t room, int digits, double number) {
    locale_t host = enter();

    snprintf(out, room, "%.*e", digits - 1, number);
    uselocale(host);
}

/* ------------------------------------------------------------------ few digits, without a text in between */

#define POWERS 23                   /* of ten are doubles themselves: 5^22 is below 2^53 */
#define WHOLE (INT64_C(1) << 53)    /* up to which whole numbers are */
#define FIXED_FROM 1e-4             /* %g writes smaller ones with an exponent, */
#define FIXED_TO 1e15               /* and, with DBL_DIG digits, those from here on */
#define POINT_MAXIMUM (DBL_DIG + 4) /* digits behind the point of the smallest of them */

static const double powers[POWERS] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

/* Of two doubles that are exact the machine's product or quotient is the nearest to the true one (W. D. Clinger,
 * How to read floating point numbers accurately, 1990), unless it computes with more digits in between. */
int whi_number_make(int64_t digits, int64_t power, double *out) {
    if (FLT_EVAL_METHOD != 0 || power <= -POWERS || power >= POWERS || digits > WHOLE || digits < -WHOLE) {
        return 0;
    }
    *out = power < 0 ? (double)digits / powers[-power] : (double)digits * powers[power];
    return 1;
}

/* Digits with so many of them behind the point, from the end of the room. Returns where they begin. */
static char *write_digits(char *end, uint64_t digits, int behind) {
    do {
        *--end = (char)('0' + digits % 10);
        digits /= 10;
        if (--behind == 0) {
            *--end = '.';
        }
    } while (digits != 0 || behind >= 0);
    return end;
}

/* 1 where DBL_DIG digits are enough, and %g would write no exponent; -1 where they are too few, 0 where that is
 * not known. There is one number of so many digits at most that is read as this double, so it is the one that
 * printf finds. */
static int write_few(char *out, size_t room, double number) {
    double size = fabs(number), back;
    char text[40], *end = text + sizeof text, *at;
    uint64_t digits;
    int behind = 0;

    if (!(size >= FIXED_FROM && size < FIXED_TO)) {
        return 0;
    }
    if (size != (double)(uint64_t)size) {
        while (behind < POINT_MAXIMUM && size * powers[behind] < FIXED_TO / 10) {
            behind++;
        }
    }
    digits = (uint64_t)(size * powers[behind] + 0.5);
    if (!whi_number_make((int64_t)digits, -behind, &back)) {
        return 0;
    }
    if (back != size) {
        return -1;
    }
    for (; behind > 0 && digits % 10 == 0; behind--) {
        digits /= 10;
    }
    at = write_digits(end, digits, behind);
    if (number < 0) {
        *--at = '-';
    }
    if ((size_t)(end - at) >= room) {
        return 0;
    }
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return 1;
}

/* Every text of DBL_DIG digits is one double's own, except below DBL_MIN; DBL_DECIMAL_DIG tell any two apart. */
void whi_number_write_shortest(char *out, size_t room, double number) {
    int few, digits = fabs(number) < DBL_MIN ? 1 : DBL_DIG;

    if (number == 0) {
        snprintf(out, room, "%s", signbit(number) ? "-0" : "0");
        return;
    }
    few = write_few(out, room, number);
    if (few > 0) {
        return;
    }
    for (digits += few < 0; digits < DBL_DECIMAL_DIG; digits++) {
        whi_number_write(out, room, digits, number);
        if (whi_number_read(out) == number) {
            return;
        }
    }
    whi_number_write(out, room, DBL_DECIMAL_DIG, number);
}
