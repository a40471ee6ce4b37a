/* More connections to the HTTP server than are allowed: who is idle makes room, and an address for itself alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <limits.h>
#include <stdatomic.h>

#include "http_kit.h"

#define OTHER 0x7f000002 /* of the loopback, too */

static int dial_from(uint32_t address) {
    struct sockaddr_in from = { 0 }, to = { 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    from.sin_family = to.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(address);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)wh_http_port(http));
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void use(int fd) {
    say(fd, "GET /use HTTP/1.1\r\n" HOST "\r\n");
    hear(fd, "GET /use");
}

static void dial_and_use(int *fds, int count, uint32_t address) {
    for (int i = 0; i < count; i++) {
        fds[i] = dial_from(address);
        use(fds[i]);
    }
}

static void close_all(const int *fds, int count) {
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void assert_closed(int fd) {
    hear(fd, NULL);
    assert_string_equal(heard, "");
}

static int is_closed(int fd) {
    struct pollfd look = { fd, POLLIN, 0 };

    return poll(&look, 1, 0) > 0; /* nothing else is to come */
}

/* Which ones, the threads of a busy server say: one of them may not have noted yet that its request is over. */
static void await_closed(const int *fds, int count, int expected) {
    int closed = 0;

    for (int waited = 0; closed != expected && waited < PATIENCE; waited++) {
        closed = 0;
        for (int i = 0; i < count; i++) {
            closed += is_closed(fds[i]);
        }
        usleep(1000);
    }
    assert_int_equal(closed, expected);
}

/* By one thread, which has noted the end of a request before it takes the next. */
static void the_one_that_is_idle_for_longest_makes_room(void **state) {
    int fds[4], fifth;

    (void)state;
    options.threads = 1;
    options.connections = 4;
    options.address_connections = 4;
    start();
    dial_and_use(fds, 4, INADDR_LOOPBACK);
    use(fds[0]);
    dial_and_use(&fifth, 1, INADDR_LOOPBACK);
    assert_closed(fds[1]);
    use(fds[0]);
    use(fds[2]);
    use(fds[3]);
    use(fifth);
    close_all(fds, 4);
    close(fifth);
}

/* Of which there are many more than may be; and each has sent a part of a request. */
static void strangers_that_say_nothing_keep_nobody_out(void **state) {
    enum { STRANGERS = 100 };
    int fds[STRANGERS], good;

    (void)state;
    options.connections = 20;
    options.threads = 2;
    start();
    for (int i = 0; i < STRANGERS; i++) {
        fds[i] = dial_from(OTHER + (uint32_t)i);
        say(fds[i], "GET /stranger HTTP/1.1\r\nHost:");
    }
    dial_and_use(&good, 1, INADDR_LOOPBACK);
    close_all(fds, STRANGERS);
    close(good);
}

static void whose_request_is_under_way_makes_no_room(void **state) {
    int fds[3];

    (void)state;
    options.connections = 2;
    options.address_connections = 2;
    api.held = 1;
    start();
    for (int i = 0; i < 3; i++) {
        fds[i] = dial();
        say(fds[i], "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        await_inside(i < 2 ? i + 1 : 2);
    }
    let_all_go();
    for (int i = 0; i < 3; i++) {
        hear(fds[i], "GET /hold");
    }
    close_all(fds, 3);
}

static void an_address_makes_room_for_itself_alone(void **state) {
    int good, fds[8];

    (void)state;
    options.connections = 8;
    start();
    dial_and_use(&good, 1, INADDR_LOOPBACK);
    dial_and_use(fds, 8, OTHER);
    await_closed(fds, 8, 4);
    use(good);
    for (int i = 0; i < 8; i++) {
        if (!is_closed(fds[i])) {
            use(fds[i]);
        }
    }
    close_all(fds, 8);
    close(good);
}

/* None of its own can make room: the one that comes is closed, and nobody else's. */
static void an_address_with_its_share_under_way_gets_no_more(void **state) {
    int fds[2], third, good;

    (void)state;
    options.connections = 4;
    api.held = 1;
    start();
    for (int i = 0; i < 2; i++) {
        fds[i] = dial_from(OTHER);
        say(fds[i], "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        await_inside(i + 1);
    }
    dial_and_use(&good, 1, INADDR_LOOPBACK);
    third = dial_from(OTHER);
    assert_closed(third);
    use(good);
    let_all_go();
    for (int i = 0; i < 2; i++) {
        hear(fds[i], "GET /hold");
    }
    close_all(fds, 2);
    close(third);
    close(good);
}

static void behind_a_proxy_an_address_has_all(void **state) {
    int fds[4];

    (void)state;
    options.connections = 4;
    options.forwarded = "X-Forwarded-For";
    start();
    dial_and_use(fds, 4, INADDR_LOOPBACK);
    for (int i = 0; i < 4; i++) {
        use(fds[i]);
    }
    close_all(fds, 4);
}

static void a_share_that_cannot_be_is_refused(void **state) {
    (void)state;
    options.address_connections = -1;
    assert_int_equal(wh_http_start(&http, &api, &options), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "address_connections");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_one_that_is_idle_for_longest_makes_room),
        TEST(strangers_that_say_nothing_keep_nobody_out),
        TEST(whose_request_is_under_way_makes_no_room),
        TEST(an_address_makes_room_for_itself_alone),
        TEST(an_address_with_its_share_under_way_gets_no_more),
        TEST(behind_a_proxy_an_address_has_all),
        TEST(a_share_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
