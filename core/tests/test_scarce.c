/* What the machine lacks says nothing about a receiver: without descriptors or ports nobody's
 * attempts are spent. The deliveries are made by this program again, because its receivers need
 * descriptors of their own. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "certificates.h"
#include "engine_fixture.h"
#include "nginx.h"
#include "receiver.h"
#include "wire.h"

#define EVENTS 50
#define DESCRIPTORS 256
#define SCARCITY 1500000 /* us that it lasts: more than one retry */
#define RUN "scarce"

static const char *self;
static atomic_int lines; /* of the log */

/* ---------------------------------------------------------- the process without any */

static int hoard[DESCRIPTORS], hoarded;

static void take_all(void) {
    int fd;

    while (hoarded < DESCRIPTORS && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        hoard[hoarded++] = fd;
    }
}

static void give_all(void) {
    while (hoarded > 0) {
        close(hoard[--hoarded]);
    }
}

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, wh_last_error());
        _exit(3);
    }
}

static void on_line(int level, const char *line, void *payload) {
    (void)level;
    (void)payload;
    if (strstr(line, "webhook.") == NULL) {
        atomic_fetch_add(&lines, 1);
    }
}

static wh_engine *open_one(const char *store, const char *ca_file) {
    static const char *const allow[] = { "127.0.0.1", "::1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.allow = allow;
    options.allow_count = 2;
    options.timeout = 4000;
    options.ca_file = ca_file[0] != '\0' ? ca_file : NULL;
    options.log = on_line;
    need(wh_open(&engine, store, &options) == WH_OK, "open");
    return engine;
}

static void publish_all(wh_engine *engine, const char *url, int count) {
    wh_event event = WH_EVENT_INIT;
    char document[300];

    snprintf(document, sizeof document, "{\"url\":\"%s\",\"retry\":[0,100,100]}", url);
    need(wh_subscribe(engine, document, WH_ZSTR, NULL) == WH_OK, "subscribe");
    event.type = "order.paid";
    event.payload = "{\"n\":1}";
    event.payload_size = WH_ZSTR;
    for (int i = 0; i < count; i++) {
        need(wh_publish(engine, &event, NULL) == WH_OK, "publish");
    }
}

static int occurrences(const char *text, const char *part) {
    int count = 0;

    for (; (text = strstr(text, part)) != NULL; text++) {
        count++;
    }
    return count;
}

/* How many have been delivered; those by another than the first attempt end the test. */
static int delivered(wh_engine *engine) {
    wh_query query = WH_QUERY_INIT;
    int count, first;
    size_t size;
    char *list;

    query.limit = 1000;
    need(wh_deliveries(engine, &query, &list, &size) == WH_OK, "list");
    count = occurrences(list, "\"state\":\"delivered\"");
    first = occurrences(list, "\"attempts\":1,");
    if (count != first || strstr(list, "exhausted") != NULL) {
        fprintf(stderr, "%s\n", list);
        _exit(3);
    }
    wh_free(list);
    return count;
}

static void wait_for_all(wh_engine *engine) {
    int count = 0;

    for (int i = 0; i < 1000 && count < EVENTS; i++) {
        usleep(20000);
        count = delivered(engine);
    }
    need(count == EVENTS, "not all were delivered");
}

/* Nothing is open to the receiver yet when they are gone, nor is any look-up's thread. */
static void deliver_later(const char *url, const char *ca_file, const char *store) {
    struct rlimit few = { DESCRIPTORS, DESCRIPTORS };
    wh_engine *engine;

    setrlimit(RLIMIT_NOFILE, &few);
    engine = open_one(store, ca_file);
    publish_all(engine, url, EVENTS);
    take_all();
    need(wh_start(engine, 1) == WH_OK, "start");
    usleep(SCARCITY);
    give_all();
    wait_for_all(engine);
    need(atomic_load(&lines) > 0, "nothing was said");
    wh_close(engine);
    _exit(0);
}

/* ----------------------------------------------------------------------- the tests */

static void assert_delivers_later(const char *url, const char *ca_file) {
    const char *store = fixture_file();
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        execl(self, self, RUN, url, ca_file, store, (char *)NULL);
        _exit(4);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void without_descriptors_no_attempt_is_spent(void **state) {
    receiver *to = receiver_new(NULL, NULL);

    (void)state;
    assert_delivers_later(receiver_url(to, "/"), "");
    assert_int_equal(receiver_count(to), EVENTS);
    receiver_free(to);
}

static void nor_when_the_name_cannot_be_looked_up_for_that(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://localhost:%d/", receiver_port(to));
    assert_delivers_later(url, "");
    receiver_free(to);
}

/* The bundle is read with the first request: SSL_CERT_FILE names it. */
static void nor_when_certificates_cannot_be_read_for_that(void **state) {
    nginx *to;
    char url[64];

    (void)state;
    certificates_make("own", "DNS:localhost,IP:127.0.0.1", NULL);
    to = nginx_new("own", 0, 1000);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", nginx_port(to));
    setenv("SSL_CERT_FILE", certificates_file("own.pem"), 1);
    assert_delivers_later(url, "");
    unsetenv("SSL_CERT_FILE");
    nginx_free(to);
}

/* ---- ports: a network of its own with two of them */

static void raise_loopback(void) {
    struct ifreq request = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags |= IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

static int set_ports(const char *range) {
    int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
    int good = fd >= 0 && write(fd, range, strlen(range)) == (ssize_t)strlen(range);

    close(fd);
    return good;
}

/* Two connections of somebody else to the receiver take both. */
static void use_ports(int port, int fds[2]) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof address), 0);
    }
}

static void exchange(const char *url, int error) {
    sending s;
    wire w;

    wire_init(&w);
    wire_open(&w, NULL, 0);
    wire_exchange(&w, &s, url);
    if (s.request.error != error) {
        fail_msg("expected %s, found %s: %s", wh_error_name(error), wh_error_name(s.request.error), s.request.message);
    }
    wire_close(&w);
}

static void without_ports_it_is_no_fault_of_the_receiver(void **state) {
    receiver *to;
    int fds[2];

    (void)state;
    if (unshare(CLONE_NEWNET) != 0) {
        skip();
    }
    raise_loopback();
    to = receiver_new(NULL, NULL);
    if (!set_ports("61000 61001")) {
        receiver_free(to);
        skip();
    }
    use_ports(receiver_port(to), fds);
    exchange(receiver_url(to, "/"), WH_ERESOURCE);
    close(fds[0]);
    close(fds[1]);
    receiver_free(to);
}

/* The same error of the system, but no waiting helps: the loopback has only one address here. */
static void an_address_that_is_not_ours_to_reach_is_no_connection(void **state) {
    (void)state;
    if (unshare(CLONE_NEWNET) != 0) {
        skip();
    }
    exchange("http://[::1]:9/", WH_ECONNECT);
}

/* ---- the engine's side */

static int see_health(const whi_health_row *row, void *payload) {
    *(int *)payload |= row->failures > 0;
    return WH_OK;
}

static int has_health(wh_engine *engine) {
    int has = 0;

    assert_int_equal(engine->store->vtable->health_list(engine->store, 0, 9, see_health, &has), WH_OK);
    return has;
}

static void a_lane_keeps_its_order_and_its_good_name(void **state) {
    wh_engine *engine;

    fixture_setup(state);
    engine = fixture_open(fixture_file(), NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"order\":\"fifo\"}", NULL);
    fixture_publish(engine, "a.b", "1", NULL);
    fixture_publish(engine, "a.b", "2", NULL);
    fixture_script.error = WH_ERESOURCE;
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    fixture_script.error = WH_ENOMEM;
    atomic_fetch_add(&fixture_time, 1000);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    fixture_script.error = WH_OK;
    atomic_fetch_add(&fixture_time, 1000);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 4);
    assert_string_equal(fixture_sent[2].body, "1");
    assert_string_equal(fixture_sent[3].body, "2");
    assert_int_equal(atomic_load(&engine->count.attempts), 2);
    assert_int_equal(atomic_load(&engine->count.failed), 0);
    assert_false(has_health(engine));
    wh_close(engine);
    fixture_reset();
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_descriptors_no_attempt_is_spent),
        cmocka_unit_test(nor_when_the_name_cannot_be_looked_up_for_that),
        cmocka_unit_test(nor_when_certificates_cannot_be_read_for_that),
        cmocka_unit_test(without_ports_it_is_no_fault_of_the_receiver),
        cmocka_unit_test(an_address_that_is_not_ours_to_reach_is_no_connection),
        cmocka_unit_test(a_lane_keeps_its_order_and_its_good_name),
    };

    self = arguments[0];
    if (count == 5 && strcmp(arguments[1], RUN) == 0) {
        deliver_later(arguments[2], arguments[3], arguments[4]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
