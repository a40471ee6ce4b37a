/* Servers that take a connection and say nothing, in every database that has a server. */
#include "destination_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pure/address.h"

static char *ask(const char *sql) {
    return strdup(sql);
}

static void run_sql(const char *sql) {
    (void)sql;
}

static int listener;

static int listen_free(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void *cut_when_connected(void *payload) {
    int fd = accept(listener, NULL, NULL);
    char byte;

    (void)recv(fd, &byte, 1, MSG_DONTWAIT);
    whi_destination_cut(payload);
    while (recv(fd, &byte, 1, 0) > 0) {}
    close(fd);
    return NULL;
}

static void check_scheme(const char *scheme) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    pthread_t thread;

    snprintf(kit_url, sizeof kit_url, "%s://u:p@127.0.0.1:%d/d", scheme, listen_free());
    options.connect_timeout = 50;
    destination = open_with(&options);
    write_one(destination, object_of("t", "{\"id\":\"a\"}", 1), WHI_OBJECT_AGAIN);
    whi_destination_close(destination);
    close(accept(listener, NULL, NULL));
    options.connect_timeout = 3600000;
    destination = open_with(&options);
    assert_int_equal(pthread_create(&thread, NULL, cut_when_connected, destination), 0);
    write_one(destination, object_of("t", "{\"id\":\"a\"}", 1), WHI_OBJECT_AGAIN);
    pthread_join(thread, NULL);
    whi_destination_close(destination);
    close(listener);
}

static void a_server_that_says_nothing_ends_by_its_time_or_by_a_cut(void **state) {
    static const char *const schemes[] = { "postgresql", "mysql" };

    (void)state;
    (void)destination_tests;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (whi_destination_has(schemes[i])) {
            check_scheme(schemes[i]);
        }
    }
}

static void what_is_not_built_says_so(void **state) {
    static const char *const schemes[] = { "postgresql", "mysql" };

    (void)state;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        whi_destination_options options = usual_options();
        whi_destination *destination;
        int code;

        snprintf(kit_url, sizeof kit_url, "%s://u:p@h/d", schemes[i]);
        code = whi_destination_open(&destination, &options);
        assert_int_equal(code, whi_destination_has(schemes[i]) ? WH_OK : WH_EINVALID);
        assert_true(code == WH_OK || strstr(wh_last_error(), schemes[i]) != NULL);
        whi_destination_close(destination);
    }
}

int main(void) {
    static const char *const loopback[] = { "127.0.0.1" };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_says_nothing_ends_by_its_time_or_by_a_cut),
        cmocka_unit_test(what_is_not_built_says_so),
    };
    int failed;

    if (whi_policy_new(&kit_policy, loopback, 1) != WH_OK) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    whi_policy_free(kit_policy);
    return failed;
}
