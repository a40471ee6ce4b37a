/* Servers that take a connection and say nothing, in every database that has a server. */
#include "destination_kit.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "outside/resolve.h"
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

/* The time of a whole check comes before those of its parts. */
static void check_ends(whi_destination_options *options) {
    whi_destination *destination;
    whi_object_result result;

    options->check_timeout = 50;
    destination = open_with(options);
    whi_destination_check(destination, "t", &result);
    check_outcome(&result, WHI_OBJECT_AGAIN);
    assert_string_equal(strstr(result.sentence, "no answer in time"), "no answer in time");
    whi_destination_close(destination);
    close(accept(listener, NULL, NULL));
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
    check_ends(&options);
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

static int look_up_nothing(const char *host, whi_address *list, size_t *count) {
    (void)host;
    (void)list;
    *count = 0;
    return EAI_NONAME;
}

static int look_up_private(const char *host, whi_address *list, size_t *count) {
    (void)host;
    memset(&list[0], 0, sizeof list[0]);
    list[0].v4.sin_family = AF_INET;
    list[0].v4.sin_addr.s_addr = htonl(0x0a000001);
    *count = 1;
    return 0;
}

/* Who names a database does not learn what a name means in here. */
static void a_name_without_address_and_one_that_is_refused_are_told_as_one(void **state) {
    static const char *const schemes[] = { "postgresql", "mysql" };
    struct whi_resolve_settings before = whi_resolve_settings;

    (void)state;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        whi_destination_options options = usual_options();
        whi_object object = object_of("t", "{\"id\":\"a\"}", 1);
        whi_object_result results[2];

        for (int is_private = 0; whi_destination_has(schemes[i]) && is_private <= 1; is_private++) {
            whi_destination *destination;

            whi_resolve_settings.lookup = is_private ? look_up_private : look_up_nothing;
            snprintf(kit_url, sizeof kit_url, "%s://u:secret@name.example/d", schemes[i]);
            destination = open_with(&options);
            assert_int_equal(whi_destination_write(destination, &object, 1, &results[is_private]), WH_OK);
            check_outcome(&results[is_private], WHI_OBJECT_AGAIN);
            whi_destination_close(destination);
            assert_string_equal(results[is_private].sentence, results[0].sentence);
        }
    }
    whi_resolve_settings = before;
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
        cmocka_unit_test(a_name_without_address_and_one_that_is_refused_are_told_as_one),
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
