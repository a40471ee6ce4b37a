/* Two processes on one file: what one publishes the other one delivers, driven by its descriptor alone. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"

#define URL "\"url\":\"https://example.com/hook\""
#define HOUR_US INT64_C(3600000000)
#define PATIENCE_MS 20000 /* for what comes at once, or never */

/* A program that publishes whenever it is told to, until the pipe is closed. It is there before the
 * file is opened here: SQLite's locks do not survive a fork. */
typedef struct publisher {
    pid_t pid;
    int order;
} publisher;

static void publish_on_order(const char *file, int order) {
    wh_event event = WH_EVENT_INIT;
    wh_engine *engine = NULL;
    int code = WH_OK;
    char byte;

    event.type = "a";
    event.payload = "1";
    event.payload_size = WH_ZSTR;
    while (code == WH_OK && read(order, &byte, 1) == 1) {
        code = engine == NULL ? wh_open(&engine, file, NULL) : WH_OK;
        code = code == WH_OK ? wh_publish(engine, &event, NULL) : code;
    }
    wh_close(engine);
    _exit(code != WH_OK);
}

static publisher begin_publisher(const char *file) {
    publisher self;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    self.pid = fork();
    assert_true(self.pid >= 0);
    if (self.pid == 0) {
        close(ends[1]);
        publish_on_order(file, ends[0]);
    }
    close(ends[0]);
    self.order = ends[1];
    return self;
}

static void order(const publisher *self) {
    assert_int_equal(write(self->order, "x", 1), 1);
}

static void end_publisher(const publisher *self) {
    int status;

    close(self->order);
    assert_int_equal(waitpid(self->pid, &status, 0), self->pid);
    assert_int_equal(status, 0);
}

/* An engine that nothing but a wake-up makes look soon, where the store wakes. */
static wh_engine *open_listener(const char *file) {
    wh_engine *engine = fixture_open(file, NULL);

    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_run(engine);
    if (engine->store->ability.wakes) {
        engine->store->ability.look_us = HOUR_US;
    }
    return engine;
}

/* What a program's own loop does. */
static void wait_and_step(wh_engine *engine) {
    struct pollfd one = { wh_fd(engine), POLLIN, 0 };
    int timeout = wh_timeout(engine);

    assert_true(poll(&one, 1, timeout < PATIENCE_MS ? timeout : PATIENCE_MS) >= 0);
    assert_true(wh_step(engine) >= 0);
}

static void settle(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + PATIENCE_MS * INT64_C(1000);

    do {
        assert_true(wh_step(engine) >= 0);
    } while (wh_timeout(engine) < 1000 && engine->store->ability.wakes && whi_monotonic_us() < end);
}

static void wait_for(wh_engine *engine, size_t count) {
    int64_t end = whi_monotonic_us() + PATIENCE_MS * INT64_C(1000);

    while (fixture_sent_count < count && whi_monotonic_us() < end) {
        wait_and_step(engine);
    }
    assert_int_equal(fixture_sent_count, count);
}

static void what_another_process_publishes_wakes_the_loop(void **state) {
    const char *file = fixture_file();
    publisher other = begin_publisher(file);
    wh_engine *engine = open_listener(file);

    (void)state;
    for (size_t i = 1; i <= 5; i++) {
        settle(engine);
        assert_int_equal(fixture_sent_count, i - 1);
        order(&other);
        wait_for(engine, i);
    }
    wh_close(engine);
    end_publisher(&other);
}

static void what_another_process_publishes_wakes_the_threads(void **state) {
    const char *file = fixture_file();
    publisher other = begin_publisher(file);
    wh_engine *engine = open_listener(file);
    int64_t end = whi_monotonic_us() + PATIENCE_MS * INT64_C(1000);

    (void)state;
    assert_int_equal(wh_start(engine, 2), WH_OK);
    for (size_t i = 1; i <= 5; i++) {
        order(&other);
        while (fixture_count() < i && whi_monotonic_us() < end) {
            usleep(1000);
        }
        assert_int_equal(fixture_count(), i);
    }
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    wh_close(engine);
    end_publisher(&other);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(what_another_process_publishes_wakes_the_loop),
        TEST(what_another_process_publishes_wakes_the_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
