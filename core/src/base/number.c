/* Tests: test_json. */
#include "base/number.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

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
