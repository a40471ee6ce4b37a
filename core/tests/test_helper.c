/* A thread that does for a caller what may wait: base/helper.h. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include <cmocka.h>

#include "base/helper.h"
#include "webhook.h"

typedef struct seen {
    pthread_t thread;
    int times, nice;
} seen;

static int note(void *payload) {
    seen *self = payload;

    self->thread = pthread_self();
    self->times++;
#ifdef __linux__
    self->nice = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
#endif
    return WH_OK;
}

static int refuse(void *payload) {
    (void)payload;
    return whi_fail_field(WH_EINVALID, "what", "expected something else");
}

static void it_does_one_thing_after_the_other_beside_the_caller(void **state) {
    seen what = { 0 };
    whi_helper helper;

    (void)state;
    assert_int_equal(whi_helper_start(&helper), WH_OK);
    assert_int_equal(whi_helper_do(&helper, note, &what), WH_OK);
    assert_int_equal(whi_helper_do(&helper, note, &what), WH_OK);
    assert_int_equal(what.times, 2);
    assert_false(pthread_equal(what.thread, pthread_self()));
    whi_helper_end(&helper);
}

static void its_error_is_the_callers(void **state) {
    whi_helper helper;

    (void)state;
    assert_int_equal(whi_helper_start(&helper), WH_OK);
    assert_int_equal(whi_helper_do(&helper, refuse, NULL), WH_EINVALID);
    assert_string_equal(whi_error_last()->sentence, "what: expected something else");
    assert_string_equal(whi_error_last()->field, "what");
    whi_helper_end(&helper);
}

#ifdef __linux__
static void it_comes_after_the_others_and_the_caller_does_not(void **state) {
    int own = getpriority(PRIO_PROCESS, 0), most = own + 10 < 19 ? own + 10 : 19;
    seen what = { 0 };
    whi_helper helper;

    (void)state;
    assert_int_equal(whi_helper_start(&helper), WH_OK);
    assert_int_equal(whi_helper_do(&helper, note, &what), WH_OK);
    whi_helper_end(&helper);
    assert_int_equal(what.nice, most);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_one_thing_after_the_other_beside_the_caller),
        cmocka_unit_test(its_error_is_the_callers),
#ifdef __linux__
        cmocka_unit_test(it_comes_after_the_others_and_the_caller_does_not),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
