#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"

static void a_socket_is_not_inherited(void **state) {
    int fd = whi_socket_new(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    assert_int_equal(whi_socket_new(-1, SOCK_STREAM, 0), -1);
}

/* The process would end by the signal. */
static void who_has_closed_sends_no_signal(void **state) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = whi_socket_new(AF_INET, SOCK_STREAM, 0), client = whi_socket_new(AF_INET, SOCK_STREAM, 0), server;
    socklen_t size = sizeof address;
    struct linger at_once = { 1, 0 };

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    server = whi_socket_accept(listener);
    assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(whi_socket_send(server, "x", 1), 1);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(client);
    while (whi_socket_send(server, "x", 1) == 1) {}
    assert_int_equal(whi_socket_send(server, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(server);
    close(listener);
    assert_int_equal(whi_socket_accept(-1), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_is_not_inherited),
        cmocka_unit_test(who_has_closed_sends_no_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
