#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/condition.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition;
static int told;

static void a_wait_ends_when_its_time_has_come(void **state) {
    int64_t until = whi_monotonic_us() + 5000;

    (void)state;
    whi_condition_init(&condition);
    pthread_mutex_lock(&lock);
    while (!whi_condition_wait(&condition, &lock, until)) {}
    assert_true(whi_monotonic_us() >= until);
    assert_true(whi_condition_wait(&condition, &lock, until)); /* long over */
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&condition);
}

static void *tell(void *payload) {
    (void)payload;
    pthread_mutex_lock(&lock);
    told = 1;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void a_wait_ends_when_it_is_told_to(void **state) {
    int64_t until = whi_monotonic_us() + 60000000;
    int over = 0;
    pthread_t thread;

    (void)state;
    whi_condition_init(&condition);
    pthread_mutex_lock(&lock);
    assert_int_equal(pthread_create(&thread, NULL, tell, NULL), 0);
    while (!told && !over) {
        over = whi_condition_wait(&condition, &lock, until);
    }
    pthread_mutex_unlock(&lock);
    assert_int_equal(over, 0);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&condition);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_when_its_time_has_come),
        cmocka_unit_test(a_wait_ends_when_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
