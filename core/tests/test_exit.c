/* Processes that end while the engine's threads deliver: no signal, no hanging, whoever
 * initialised OpenSSL first. Each is this program again, so that it begins without threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include "base/clock.h"
#include "certificates.h"
#include "insides.h"
#include "nginx.h"
#include "receiver.h"
#include "webhook.h"
#include "webhook_source.h"

#define PROCESSES 40
#define AT_ONCE 4
#define EVENTS 400
#define GRACE_MS 4000
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static const char *self;

/* ---------------------------------------------------------- the process that ends */

/* What a process is told: where to deliver, and words of how. */
typedef struct orders {
    const char *url, *ca_file, *words;
    long pause; /* us from the first delivery to the end */
} orders;

static int is_told(const orders *told, const char *word) {
    return strstr(told->words, word) != NULL;
}

static void need(int code) {
    if (code < 0) {
        fprintf(stderr, "%s\n", wh_last_error());
        _exit(3);
    }
}

static wh_engine *open_one(const orders *told) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.allow = allow;
    options.allow_count = 1;
    options.ca_file = told->ca_file[0] != '\0' ? told->ca_file : NULL;
    need(wh_open(&engine, ":memory:", &options));
    return engine;
}

static void fill(wh_engine *engine, const orders *told) {
    wh_event event = WH_EVENT_INIT;
    char document[400];

    event.type = "order.paid";
    event.payload = "{\"n\":1}";
    event.payload_size = WH_ZSTR;
    for (int i = 0; i < 4; i++) {
        snprintf(document, sizeof document, "{\"url\":\"%s\",\"secrets\":[\"" SECRET "\"]}", told->url);
        need(wh_subscribe(engine, document, WH_ZSTR, NULL));
    }
    for (int i = 0; i < EVENTS; i++) {
        need(wh_publish(engine, &event, NULL));
    }
}

static void *run(void *engine) {
    wh_run(engine);
    return NULL;
}

static void begin(wh_engine *engine, const orders *told) {
    pthread_t thread;

    if (is_told(told, "run")) {
        need(-pthread_create(&thread, NULL, run, engine));
    } else {
        need(wh_start(engine, 3));
    }
}

static void wait_for_first(wh_engine *engine) {
    for (int i = 0; i < 20000 && atomic_load(&engine->count.delivered) == 0; i++) {
        usleep(1000);
    }
}

static wh_engine *closed_at_exit;

static void close_at_exit(void) {
    wh_close(closed_at_exit);
}

static void end_in_the_midst(const orders *told) {
    wh_engine *engine;

    if (is_told(told, "close")) {
        atexit(close_at_exit);
    }
    if (is_told(told, "early")) {
        OPENSSL_init_ssl(0, NULL);
    }
    engine = open_one(told);
    fill(engine, told);
    begin(engine, told);
    closed_at_exit = engine;
    wait_for_first(engine);
    usleep((useconds_t)told->pause);
    exit(0);
}

/* Its threads have left by now: nobody is waited for who could end what is under way. */
static void stop_at_exit(void) {
    int64_t started = whi_monotonic_us();

    wh_stop(closed_at_exit, GRACE_MS);
    wh_close(closed_at_exit);
    if (whi_monotonic_us() - started > GRACE_MS * INT64_C(500)) {
        _exit(5);
    }
}

/* The receiver never answers. */
static void end_with_a_stop(const orders *told) {
    atexit(stop_at_exit);
    closed_at_exit = open_one(told);
    fill(closed_at_exit, told);
    need(wh_start(closed_at_exit, 1));
    for (int i = 0; i < 20000 && atomic_load(&closed_at_exit->flights_open) == 0; i++) {
        usleep(1000);
    }
    exit(0);
}

static atomic_int reading, cuts;

/* It answers when it is cut. */
static void list_until_cut(void *payload, const wh_source_query *query, wh_source_call *call) {
    const wh_source_page page = { .size = sizeof page, .code = WH_ECLOSED, .error = "cut", .retry_after = -1 };

    (void)payload;
    (void)query;
    atomic_store(&reading, 1);
    while (atomic_load(&cuts) == 0) {
        usleep(1000);
    }
    call->answer(call, &page);
}

static void count_cut(void *payload) {
    (void)payload;
    atomic_fetch_add(&cuts, 1);
}

/* Runs behind the engine's own handler. */
static void need_a_cut(void) {
    if (atomic_load(&cuts) == 0) {
        _exit(6);
    }
}

static void end_while_a_source_is_read(const orders *told) {
    wh_source source = { .size = sizeof source, .can = WH_SOURCE_ALL, .list = list_until_cut, .cut = count_cut };
    wh_engine *engine;

    atexit(need_a_cut);
    engine = open_one(told);
    need(wh_source_add(engine, "thing", &source));
    need(wh_subscribe(engine,
                      "{\"url\":\"http://127.0.0.1:1/\",\"profile\":\"unified\",\"events\":[\"thing.created\"],"
                      "\"poll\":{\"type\":\"thing\"}}",
                      WH_ZSTR, NULL));
    need(wh_start(engine, 1));
    for (int i = 0; i < 20000 && atomic_load(&reading) == 0; i++) {
        usleep(1000);
    }
    exit(atomic_load(&reading) ? 0 : 7);
}

/* --------------------------------------------------------------------- the tests */

static pid_t spawn(const char *url, const char *ca_file, const char *words, int number) {
    char pause[24];
    pid_t child;

    snprintf(pause, sizeof pause, "%d", number * 1500);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(self, self, url, ca_file, words, pause, (char *)NULL);
        _exit(4);
    }
    return child;
}

static void assert_ended_well(void) {
    int status;

    assert_true(wait(&status) > 0);
    if (WIFSIGNALED(status)) {
        fail_msg("a process ended by signal %d", WTERMSIG(status));
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void end_many(const char *url, const char *ca_file, const char *words) {
    int64_t started = whi_monotonic_us();

    for (int i = 0; i < PROCESSES; i++) {
        spawn(url, ca_file, words, i);
        if (i >= AT_ONCE) {
            assert_ended_well();
        }
    }
    for (int i = 0; i < AT_ONCE; i++) {
        assert_ended_well();
    }
    if (whi_monotonic_us() - started > INT64_C(240000000)) {
        fail_msg("ending takes long");
    }
}

static void end_many_plain(const char *words) {
    receiver *to = receiver_new(NULL, NULL);

    end_many(receiver_url(to, "/"), "", words);
    assert_true(receiver_count(to) > 0);
    receiver_free(to);
}

static void end_many_tls(const char *words) {
    nginx *to;
    char url[64];

    certificates_make("own", "DNS:localhost,IP:127.0.0.1", NULL);
    to = nginx_new("own", 0, 20);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", nginx_port(to));
    end_many(url, certificates_file("own.pem"), words);
    nginx_free(to);
}

static void main_may_end_while_threads_sign(void **state) {
    (void)state;
    end_many_plain("start");
}

static void main_may_end_while_threads_deliver_over_tls(void **state) {
    (void)state;
    end_many_tls("start");
}

static void a_host_may_have_initialised_openssl_before(void **state) {
    (void)state;
    end_many_plain("early start");
}

static void so_it_may_when_threads_deliver_over_tls(void **state) {
    (void)state;
    end_many_tls("early start");
}

static void a_thread_of_the_host_may_be_inside_run(void **state) {
    (void)state;
    end_many_plain("run");
    end_many_tls("early run");
}

/* As a static object of C++ does: after the handlers of all that was initialised later. */
static void a_host_may_close_in_a_handler_of_its_own(void **state) {
    (void)state;
    end_many_plain("close start");
    end_many_tls("close start");
    end_many_tls("close early start");
}

/* A socket that takes connections, and whose owner reads nothing. */
static int listen_to_nobody(char *url, size_t size) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    return fd;
}

static void a_stop_in_a_handler_of_the_host_does_not_wait_for_its_grace(void **state) {
    char url[64];
    int fd = listen_to_nobody(url, sizeof url);

    (void)state;
    spawn(url, "", "stop", 0);
    assert_ended_well();
    close(fd);
}

static void sources_that_are_read_are_cut(void **state) {
    (void)state;
    spawn("", "", "source", 0);
    assert_ended_well();
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_may_end_while_threads_sign),
        cmocka_unit_test(main_may_end_while_threads_deliver_over_tls),
        cmocka_unit_test(a_host_may_have_initialised_openssl_before),
        cmocka_unit_test(so_it_may_when_threads_deliver_over_tls),
        cmocka_unit_test(a_thread_of_the_host_may_be_inside_run),
        cmocka_unit_test(a_host_may_close_in_a_handler_of_its_own),
        cmocka_unit_test(sources_that_are_read_are_cut),
        cmocka_unit_test(a_stop_in_a_handler_of_the_host_does_not_wait_for_its_grace),
    };

    self = arguments[0];
    if (count == 5) {
        orders told = { arguments[1], arguments[2], arguments[3], strtol(arguments[4], NULL, 10) };
        if (is_told(&told, "stop")) {
            end_with_a_stop(&told);
        }
        if (is_told(&told, "source")) {
            end_while_a_source_is_read(&told);
        }
        end_in_the_midst(&told);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
