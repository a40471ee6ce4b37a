#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "outside/poller.h"
#include "webhook.h"

typedef struct fixture {
    whi_poller *poller;
    int pair[2];
} fixture;

static int setup(void **state) {
    static fixture f;

    *state = &f;
    return whi_poller_new(&f.poller) == WH_OK && socketpair(AF_UNIX, SOCK_STREAM, 0, f.pair) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    fixture *f = *state;

    whi_poller_free(f->poller);
    close(f->pair[0]);
    close(f->pair[1]);
    return 0;
}

static void what_is_ready_is_told_and_nothing_else(void **state) {
    fixture *f = *state;
    whi_ready ready[4];

    assert_int_equal(whi_poller_watch(f->poller, f->pair[0], 0, WHI_READ), WH_OK);
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, 0), 0);
    assert_int_equal(write(f->pair[1], "x", 1), 1);
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, -1), 1);
    assert_int_equal(ready[0].fd, f->pair[0]);
    assert_int_equal(ready[0].what, WHI_READ);
}

static void what_is_watched_can_be_changed_and_stopped(void **state) {
    fixture *f = *state;
    whi_ready ready[4];

    assert_int_equal(whi_poller_watch(f->poller, f->pair[0], 0, WHI_READ), WH_OK);
    assert_int_equal(whi_poller_watch(f->poller, f->pair[0], WHI_READ, WHI_READ | WHI_WRITE), WH_OK);
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, -1), 1);
    assert_int_equal(ready[0].what, WHI_WRITE);
    assert_int_equal(whi_poller_watch(f->poller, f->pair[0], WHI_READ | WHI_WRITE, 0), WH_OK);
    assert_int_equal(write(f->pair[1], "x", 1), 1);
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, 0), 0);
}

static void a_hang_up_shows_as_both(void **state) {
    fixture *f = *state;
    whi_ready ready[4];

    assert_int_equal(whi_poller_watch(f->poller, f->pair[0], 0, WHI_READ), WH_OK);
    shutdown(f->pair[1], SHUT_RDWR);
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, -1), 1);
    assert_int_equal(ready[0].what, WHI_READ | WHI_WRITE);
}

static void no_more_than_asked_for_is_given_and_the_rest_stays(void **state) {
    fixture *f = *state;
    whi_ready ready[2];

    assert_int_equal(whi_poller_watch(f->poller, f->pair[0], 0, WHI_WRITE), WH_OK);
    assert_int_equal(whi_poller_watch(f->poller, f->pair[1], 0, WHI_WRITE), WH_OK);
    assert_int_equal(whi_poller_wait(f->poller, ready, 1, -1), 1);
    assert_int_equal(whi_poller_wait(f->poller, ready, 2, -1), 2);
}

static void a_wake_before_the_wait_ends_it_once(void **state) {
    fixture *f = *state;
    whi_ready ready[4];
    int64_t start = whi_monotonic_us();

    for (int i = 0; i < 100; i++) {
        whi_poller_wake(f->poller);
    }
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, 10000), 0);
    assert_true(whi_monotonic_us() - start < 5000000);
    start = whi_monotonic_us();
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, 30), 0);
    assert_true(whi_monotonic_us() - start >= 29000);
}

static void an_outer_loop_sees_what_is_ready(void **state) {
    fixture *f = *state;
    struct pollfd outer = { whi_poller_fd(f->poller), POLLIN, 0 };
    whi_ready ready[4];

    assert_int_equal(poll(&outer, 1, 0), 0);
    whi_poller_wake(f->poller);
    assert_int_equal(poll(&outer, 1, -1), 1);
    assert_int_equal(whi_poller_wait(f->poller, ready, 4, 0), 0);
    assert_int_equal(poll(&outer, 1, 0), 0);
}

/* -------------------------------------------------------------------- threads */

#define ROUNDS 20000

static whi_poller *shared;
static atomic_int given, taken;

static void *give(void *payload) {
    (void)payload;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&given, 1);
        whi_poller_wake(shared);
    }
    return NULL;
}

static void no_wake_is_lost_between_threads(void **state) {
    fixture *f = *state;
    pthread_t threads[2];
    whi_ready ready[4];

    shared = f->poller;
    atomic_store(&given, 0);
    atomic_store(&taken, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, give, NULL), 0);
    }
    while (atomic_load(&taken) < 2 * ROUNDS) {
        int64_t start = whi_monotonic_us();
        assert_int_equal(whi_poller_wait(f->poller, ready, 4, 10000), 0);
        assert_true(whi_monotonic_us() - start < 9000000);
        atomic_store(&taken, atomic_load(&given));
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

static int always(void) {
    return 1;
}

static void without_memory_there_is_no_poller(void **state) {
    whi_poller *poller;

    (void)state;
    whi_mem_fault = always;
    assert_int_equal(whi_poller_new(&poller), WH_ENOMEM);
    whi_mem_fault = NULL;
    assert_null(poller);
    whi_poller_free(NULL);
}

static void watching_what_is_closed_is_an_error(void **state) {
    fixture *f = *state;
    int fd = dup(f->pair[0]);

    close(fd);
    assert_int_equal(whi_poller_watch(f->poller, fd, 0, WHI_READ), WH_EINTERNAL);
    assert_int_equal(whi_poller_watch(f->poller, fd, WHI_READ, 0), WH_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_ready_is_told_and_nothing_else),
        TEST(what_is_watched_can_be_changed_and_stopped),
        TEST(a_hang_up_shows_as_both),
        TEST(no_more_than_asked_for_is_given_and_the_rest_stays),
        TEST(a_wake_before_the_wait_ends_it_once),
        TEST(an_outer_loop_sees_what_is_ready),
        TEST(no_wake_is_lost_between_threads),
        TEST(without_memory_there_is_no_poller),
        TEST(watching_what_is_closed_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
