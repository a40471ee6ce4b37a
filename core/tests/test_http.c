/* The HTTP server, against an API of the test's own: what arrives there, and what clients see
 * who are slow, wrong, or gone. */
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
#include <sys/resource.h>
#include <sys/wait.h>

#include "http_kit.h"

/* ------------------------------------------------------------------------ what arrives */

static void a_request_arrives_as_it_was_sent(void **state) {
    (void)state;
    start();
    ask("POST /v1/a%2Fb%20c?x=%41&y=+ HTTP/1.1\r\nX-Test: one\r\nContent-Length: 7\r\n" HOST
        "Connection: close\r\n\r\n{\"a\":1}");
    expect(heard, "HTTP/1.1 201 ");
    expect(heard, "Content-Type: text/plain\r\n");
    expect(heard, "X-Said: yes\r\n");
    expect(heard, "X-Content-Type-Options: nosniff\r\n");
    expect(heard, "\r\n\r\nPOST /v1/a%2Fb%20c?x=%41&y=+ 127.0.0.1 one 7:{\"a\":1}");
    expect(ask("GET http://other.example/path HTTP/1.1\r\n" CLOSE), "GET /path?- ");
    expect(ask("PROPFIND / HTTP/1.1\r\n" CLOSE), "PROPFIND /?- ");
}

static void an_answer_without_a_body_has_none(void **state) {
    (void)state;
    start();
    ask("DELETE /empty HTTP/1.1\r\n" CLOSE);
    expect(heard, "HTTP/1.1 204 ");
    assert_null(strstr(heard, "Content-Type"));
    assert_non_null(strstr(heard, "\r\n\r\n"));
    assert_string_equal(strstr(heard, "\r\n\r\n") + 4, "");
}

static void head_is_get_without_its_body(void **state) {
    (void)state;
    start();
    ask("HEAD /v1 HTTP/1.1\r\n" CLOSE);
    expect(heard, "HTTP/1.1 201 ");
    expect(heard, "Content-Length: 24\r\n");
    assert_string_equal(strstr(heard, "\r\n\r\n") + 4, "");
}

static void a_connection_carries_one_request_after_the_other(void **state) {
    int fd;

    (void)state;
    start();
    fd = dial();
    say(fd, "GET /1 HTTP/1.1\r\n" HOST "\r\n");
    hear(fd, "GET /1");
    say(fd, "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}GET /3 HTTP/1.1\r\n" HOST
            "\r\nGET /4 HTTP/1.1\r\n" HOST "\r\n");
    hear(fd, "GET /4");
    assert_true(strstr(heard, "POST /2") < strstr(heard, "GET /3"));
    assert_true(strstr(heard, "GET /3") < strstr(heard, "GET /4"));
    close(fd);
}

static void a_body_may_come_in_chunks_and_after_a_continue(void **state) {
    int fd;

    (void)state;
    start();
    fd = dial();
    say(fd, "POST /c HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, "HTTP/1.1 100 ");
    say(fd, "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n");
    hear(fd, "7:{\"a\":1}");
    say(fd, "POST /d HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n7");
    hear(fd, "POST /d?- 127.0.0.1 - 1:7");
    close(fd);
}

static void the_peer_is_who_a_trusted_proxy_says(void **state) {
    (void)state;
    options.forwarded = "x-forwarded-for";
    start();
    expect(ask("GET / HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7, 2001:db8::1 \r\n" CLOSE),
           "- 2001:db8::1 -");
    expect(ask("GET / HTTP/1.1\r\n" CLOSE), "- 127.0.0.1 -");
    expect(ask("GET / HTTP/1.1\r\nX-Forwarded-For: 7.7.7.7,\r\n" CLOSE), "- 127.0.0.1 -");
    wh_http_stop(http, 0);
    options.forwarded = NULL;
    start();
    expect(ask("GET / HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6\r\n" CLOSE), "- 127.0.0.1 -");
}

/* --------------------------------------------------------------------------- limits */

static void a_body_beyond_the_limit_is_refused_before_it_is_read(void **state) {
    int fd;

    (void)state;
    start();
    fd = dial();
    say(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, NULL);
    expect(heard, "HTTP/1.1 413 ");
    assert_null(strstr(heard, " 100 "));
    close(fd);
    expect(ask("POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n"), "HTTP/1.1 4");
}

static void a_body_beyond_what_its_route_can_use_is_refused_before_it_is_read(void **state) {
    char body[SMALL + 1];
    int fd;

    (void)state;
    start();
    fd = dial();
    say(fd, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, NULL);
    expect(heard, "HTTP/1.1 413 ");
    assert_null(strstr(heard, " 100 "));
    close(fd);
    fd = dial();
    memset(body, 'a', sizeof body - 1);
    body[SMALL] = '\0';
    say(fd, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n");
    say(fd, body);
    hear(fd, "POST /small?- 127.0.0.1 - 100:");
    say(fd, "POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n64\r\n");
    say(fd, body);
    say(fd, "\r\n1\r\na\r\n0\r\n\r\n");
    hear(fd, NULL);
    expect(heard, "HTTP/1.1 413 ");
    close(fd);
}

static void say_chunks(int fd, int kilobytes) {
    char chunk[1024 + 16];
    int size = snprintf(chunk, sizeof chunk, "400\r\n%01024d\r\n", 7);

    for (int i = 0; i < kilobytes && say_bytes(fd, chunk, (size_t)size); i++) {}
}

static void chunks_beyond_the_limit_are_refused_and_an_endless_body_is_cut_off(void **state) {
    int fd;

    (void)state;
    start();
    fd = dial();
    say(fd, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    say_chunks(fd, 97);
    say(fd, "0\r\n\r\n");
    hear(fd, "POST /?- 127.0.0.1 - 99328:0000");
    say(fd, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    say_chunks(fd, 98);
    say(fd, "0\r\n\r\n");
    hear(fd, NULL);
    expect(heard, "HTTP/1.1 413 ");
    close(fd);
    assert_int_equal(api.handled, 2);
    fd = dial();
    say(fd, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    say_chunks(fd, 100000);
    assert_string_equal(hear(fd, NULL), "");
    close(fd);
    assert_int_equal(api.handled, 2);
}

static void headers_beyond_the_limit_are_refused(void **state) {
    char request[6000];

    (void)state;
    options.header_bytes = 2048;
    start();
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nX-Long: %01900d\r\n" CLOSE, 7);
    expect(ask(request), "HTTP/1.1 201 ");
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nX-Long: %02100d\r\n" CLOSE, 7);
    expect(ask(request), "HTTP/1.1 431 ");
    snprintf(request, sizeof request, "GET /%03000d HTTP/1.1\r\n" CLOSE, 7);
    expect(ask(request), "HTTP/1.1 4");
    assert_int_equal(api.handled, 1);
}

static void what_is_no_http_is_refused(void **state) {
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: two\r\n\r\n{}",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\r\n\r\n\r\nnothing at all\r\n\r\n",
        "GET / HTTP/9.9\r\n" CLOSE,
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };

    (void)state;
    options.timeout = 500;
    start();
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        ask(requests[i]);
        if (heard[0] != '\0' && strncmp(heard, "HTTP/1.", 7) != 0) {
            fail_msg("request %zu: %s", i, heard);
        }
        assert_null(strstr(heard, " 201 "));
    }
    assert_int_equal(api.handled, 0);
    expect(ask("GET / HTTP/1.1\r\n" CLOSE), "HTTP/1.1 201 ");
}

/* What another server in front of this one may part into requests in another way. */
static void what_parts_requests_in_two_ways_is_refused_and_ends_the_connection(void **state) {
    static const char second[] = "GET /second HTTP/1.1\r\n" HOST "\r\n";
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \r\n\r\n",
        "POST / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length : 2\r\n\r\n{}",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "GET / HTTP/1.1\r\n" HOST "X(Y): z\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "host: other\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    };
    char bytes[512];

    (void)state;
    start();
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        snprintf(bytes, sizeof bytes, "%s%s", heads[i], second);
        ask(bytes);
        if (strncmp(heard, "HTTP/1.", 7) != 0 ||
            (strncmp(heard + 8, " 400 ", 5) != 0 && strncmp(heard + 8, " 501 ", 5) != 0)) {
            fail_msg("request %zu: %s", i, heard);
        }
        assert_null(strstr(heard, "/second"));
        assert_null(strstr(heard + 8, "HTTP/1.")); /* one head */
        expect(heard, "Content-Type: application/json\r\n");
        expect(heard, "{\"error\":{\"code\":\"");
    }
    assert_int_equal(api.handled, 0);
    expect(ask("GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n"), "HTTP/1.1 201 ");
    expect(ask("GET / HTTP/1.0\r\nConnection: close\r\n\r\n"), "HTTP/1.1 201 ");
    expect(ask("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n" CLOSE "0\r\n\r\n"), "HTTP/1.1 201 ");
}

/* --------------------------------------------------------------------- slow and gone */

/* Sends a byte every 20 ms; returns the ms until the other side ended it. */
static int64_t drip(const char *head, char byte) {
    struct pollfd wait = { dial(), POLLIN, 0 };
    struct timespec begin, end;
    int drops = 0;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    say(wait.fd, head);
    while (poll(&wait, 1, 20) == 0 && drops++ < PATIENCE / 20) {
        say_bytes(wait.fd, &byte, 1);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    close(wait.fd);
    return (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
}

static void a_client_that_drips_is_cut_off(void **state) {
    (void)state;
    options.timeout = 200;
    start();
    assert_in_range(drip("GET / HTTP/1.1\r\nX-Slow: ", 'a'), 390, PATIENCE / 2);
    assert_in_range(drip("POST / HTTP/1.1\r\n" HOST "Content-Length: 90000\r\n\r\n", 'a'), 390, PATIENCE / 2);
    assert_in_range(drip("", 'G'), 390, PATIENCE / 2);
    assert_int_equal(api.handled, 0);
}

static void a_silent_connection_is_closed(void **state) {
    int fd;

    (void)state;
    options.timeout = 100;
    start();
    fd = dial();
    assert_string_equal(hear(fd, NULL), "");
    close(fd);
}

static void slow_clients_hold_no_thread(void **state) {
    int slow[40];

    (void)state;
    options.threads = 1;
    start();
    for (int i = 0; i < 40; i++) {
        slow[i] = dial();
        say(slow[i], i % 2 ? "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n{" : "GET / HT");
    }
    expect(ask("GET /quick HTTP/1.1\r\n" CLOSE), "GET /quick");
    for (int i = 0; i < 40; i++) {
        close(slow[i]);
    }
    expect(ask("GET /quick HTTP/1.1\r\n" CLOSE), "GET /quick");
}

static void what_may_take_long_keeps_nobody_waiting(void **state) {
    int fd;

    (void)state;
    options.threads = 1;
    start();
    api.held = 1;
    fd = dial();
    say(fd, "POST /hold/test HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
    await_inside(1);
    expect(ask("GET /quick HTTP/1.1\r\n" CLOSE), "GET /quick");
    let_all_go();
    hear(fd, "POST /hold/test?- 127.0.0.1 - 2:{}");
    say(fd, "GET /next HTTP/1.1\r\n" HOST "\r\n");
    hear(fd, "GET /next");
    close(fd);
}

static void a_half_closed_client_gets_its_answer_and_one_that_left_harms_nobody(void **state) {
    int fd;

    (void)state;
    start();
    fd = dial();
    say(fd, "GET /half HTTP/1.1\r\n" HOST "\r\n");
    shutdown(fd, SHUT_WR);
    hear(fd, "GET /half");
    close(fd);
    api.held = 1;
    fd = dial();
    say(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    await_inside(1);
    close(fd);
    let_all_go();
    expect(ask("GET /after HTTP/1.1\r\n" CLOSE), "GET /after");
}

static void as_many_requests_as_there_are_threads_are_in_the_api_at_once(void **state) {
    int fds[16];

    (void)state;
    api.together = 16;
    start();
    for (int i = 0; i < 16; i++) {
        fds[i] = dial();
        say(fds[i], "POST /wait HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
    }
    for (int i = 0; i < 16; i++) {
        hear(fds[i], "POST /wait");
        close(fds[i]);
    }
    assert_int_equal(api.inside, 16);
}

/* Which of the idle ones goes is not asked here: one whose answer has come may, to the server, still be at it. */
static void no_more_connections_than_allowed_are_kept(void **state) {
    int fds[5], gone = 0;

    (void)state;
    options.connections = 4;
    options.address_connections = 4;
    start();
    for (int i = 0; i < 5; i++) {
        fds[i] = dial();
        say(fds[i], "GET / HTTP/1.1\r\n" HOST "\r\n");
        hear(fds[i], "GET /");
    }
    for (int i = 0; i < 5; i++) {
        say_bytes(fds[i], "GET /again HTTP/1.1\r\n" CLOSE, strlen("GET /again HTTP/1.1\r\n" CLOSE));
        gone += strstr(hear(fds[i], NULL), "GET /again") == NULL;
        close(fds[i]);
    }
    assert_int_equal(gone, 1);
}

static void strangers_bodies_together_take_little_memory(void **state) {
    static char body[90000];
    int fds[60], cut = 0;

    (void)state;
    start();
    for (int i = 0; i < 60; i++) {
        fds[i] = dial();
        say(fds[i], "POST /large HTTP/1.1\r\nContent-Length: 90000\r\n" CLOSE);
        say_bytes(fds[i], body, sizeof body - 1);
    }
    expect(ask("POST /small HTTP/1.1\r\nContent-Length: 2\r\n" CLOSE "{}"), "POST /small");
    for (int i = 0; i < 60; i++) {
        say_bytes(fds[i], body, 1);
        cut += strstr(hear(fds[i], NULL), " 201 ") == NULL;
        close(fds[i]);
    }
    assert_in_range(cut, 1, 59);
    expect(ask("POST /after HTTP/1.1\r\nContent-Length: 2\r\n" CLOSE "{}"), "POST /after");
}

/* In a process of its own, whose files are not counted with the server's: connects so often,
 * and stays until the other end of the pipe is closed. */
static pid_t flood(int count, int *end) {
    int ends[2];
    char byte;
    pid_t made;

    assert_int_equal(pipe(ends), 0);
    made = fork();
    assert_true(made >= 0);
    if (made == 0) {
        close(ends[1]);
        while (count-- > 0 && dial() >= 0) {}
        _exit((int)read(ends[0], &byte, 1));
    }
    close(ends[0]);
    *end = ends[1];
    return made;
}

/* How many more files can be opened, of at most so many. */
static int files_left(int most) {
    int fds[256], count = 0;

    while (count < most && (fds[count] = dup(0)) >= 0) {
        count++;
    }
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
    return count;
}

static void a_flood_of_connections_leaves_files_for_others(void **state) {
    struct rlimit was, few;
    pid_t child;
    int end, still;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &was);
    few = was;
    few.rlim_cur = 300;
    setrlimit(RLIMIT_NOFILE, &few);
    options.threads = 4;
    options.address_connections = 150;
    start();
    child = flood(280, &end);
    for (int i = 0; i < PATIENCE / 20 && files_left(200) > 140; i++) {
        poll(NULL, 0, 20);
    }
    poll(NULL, 0, 200); /* in which no more may be taken */
    still = files_left(200);
    close(end);
    waitpid(child, NULL, 0);
    setrlimit(RLIMIT_NOFILE, &was);
    assert_in_range(still, 50, 140);
}

/* ------------------------------------------------------------------ starting, stopping */

static void *let_go(void *payload) {
    struct pollfd nobody = { -1, 0, 0 };

    (void)payload;
    poll(&nobody, 1, 100); /* while the other thread waits in wh_http_stop */
    let_all_go();
    return NULL;
}

static void stopping_lets_a_request_finish_and_waits_for_no_idle_connection(void **state) {
    int idle, fd;
    pthread_t thread;

    (void)state;
    start();
    idle = dial();
    say(idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
    hear(idle, "GET /");
    api.held = 1;
    fd = dial();
    say(fd, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
    await_inside(1);
    pthread_create(&thread, NULL, let_go, NULL);
    wh_http_stop(http, PATIENCE * 10);
    http = NULL;
    pthread_join(thread, NULL);
    hear(fd, NULL);
    expect(heard, "HTTP/1.1 201 ");
    expect(heard, "POST /hold");
    assert_string_equal(hear(idle, NULL), "");
    close(fd);
    close(idle);
}

static void stopping_waits_as_long_as_it_is_told_however_long_that_is(void **state) {
    pthread_t thread;
    int fd;

    (void)state;
    start();
    api.held = 1;
    fd = dial();
    say(fd, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
    await_inside(1);
    pthread_create(&thread, NULL, let_go, NULL);
    wh_http_stop(http, INT64_MAX);
    http = NULL;
    pthread_join(thread, NULL);
    expect(hear(fd, NULL), "HTTP/1.1 201 ");
    close(fd);
}

static void stopping_cuts_off_what_does_not_end_in_time(void **state) {
    int fd;

    (void)state;
    start();
    fd = dial();
    say(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n{");
    expect(ask("GET / HTTP/1.1\r\n" CLOSE), "GET /");
    wh_http_stop(http, 50);
    http = NULL;
    assert_string_equal(hear(fd, NULL), "");
    close(fd);
    assert_int_equal(api.handled, 1);
}

static void a_server_that_stopped_takes_no_connection(void **state) {
    int port;

    (void)state;
    start();
    port = wh_http_port(http);
    wh_http_stop(http, 0);
    options.port = port;
    start();
    assert_int_equal(wh_http_port(http), port);
    expect(ask("GET / HTTP/1.1\r\n" CLOSE), "GET /");
}

static void refuses(int code, const char *part) {
    assert_int_equal(wh_http_start(&http, &api, &options), code);
    assert_null(http);
    expect(wh_last_error(), part);
    setup(NULL);
}

static void what_is_not_given_is_named(void **state) {
    wh_http *none;

    (void)state;
    assert_int_equal(wh_http_start(&none, NULL, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "api");
    assert_int_equal(wh_http_start(NULL, NULL, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "out");
    assert_int_equal(wh_http_port(NULL), 0);
}

static void options_that_cannot_be_are_refused_by_name(void **state) {
    (void)state;
    options.size = 2;
    refuses(WH_EINVALID, "size: ");
    options.address = "localhost:80";
    refuses(WH_EINVALID, "address: expected an IPv4 or IPv6 address, found \"localhost:80\"");
    options.port = 65536;
    refuses(WH_EINVALID, "port: expected a number from 0 to 65535, found 65536");
    options.threads = 1000;
    refuses(WH_EINVALID, "threads");
    options.connections = 1000000;
    refuses(WH_EINVALID, "connections");
    options.timeout = -1;
    refuses(WH_EINVALID, "timeout");
    options.header_bytes = 10;
    refuses(WH_EINVALID, "header_bytes");
    options.address = "192.0.2.1";
    refuses(WH_EIO, "cannot listen at 192.0.2.1, port 0: ");
}

static void a_port_in_use_is_refused(void **state) {
    wh_http *other = NULL;

    (void)state;
    start();
    options.port = wh_http_port(http);
    assert_int_equal(wh_http_start(&other, &api, &options), WH_EIO);
    expect(wh_last_error(), "in use");
    assert_null(other);
}

static void it_listens_at_ipv6(void **state) {
    struct sockaddr_in6 to = { 0 };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    (void)state;
    options.address = "::1";
    start();
    to.sin6_family = AF_INET6;
    to.sin6_addr = in6addr_loopback;
    to.sin6_port = htons((uint16_t)wh_http_port(http));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    say(fd, "GET /six HTTP/1.1\r\n" HOST "\r\n");
    hear(fd, "GET /six?- ::1 ");
    close(fd);
}

/* --------------------------------------------------------------------- want of memory */

static atomic_long left;

static int strike(void) {
    return atomic_fetch_sub(&left, 1) == 0;
}

static void starting_survives_the_want_of_memory(void **state) {
    int code = WH_ENOMEM;

    (void)state;
    options.forwarded = "X-Forwarded-For";
    for (long n = 0; code != WH_OK; n++) {
        atomic_store(&left, n);
        whi_mem_fault = strike;
        code = wh_http_start(&http, &api, &options);
        whi_mem_fault = NULL;
        assert_true(code == WH_OK || code == WH_ENOMEM);
        assert_true((code == WH_OK) == (http != NULL));
    }
}

/* 1 when the request was answered as it should be; else it was refused or cut off. */
static int try_request(long n) {
    int fd = dial();

    atomic_store(&left, n);
    say(fd, "POST /m HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: 2\r\n\r\n{}");
    hear(fd, NULL);
    close(fd);
    return strstr(heard, "HTTP/1.1 201 ") != NULL && atomic_exchange(&left, LONG_MAX) >= 0;
}

static void a_request_survives_the_want_of_memory(void **state) {
    long n = 0;

    (void)state;
    atomic_store(&left, LONG_MAX);
    whi_mem_fault = strike;
    start();
    while (!try_request(n)) {
        n++;
        assert_true(n < 100);
    }
    assert_true(n > 3);
    wh_http_stop(http, 5000);
    http = NULL;
    whi_mem_fault = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_request_arrives_as_it_was_sent),
        TEST(an_answer_without_a_body_has_none),
        TEST(head_is_get_without_its_body),
        TEST(a_connection_carries_one_request_after_the_other),
        TEST(a_body_may_come_in_chunks_and_after_a_continue),
        TEST(the_peer_is_who_a_trusted_proxy_says),
        TEST(a_body_beyond_the_limit_is_refused_before_it_is_read),
        TEST(a_body_beyond_what_its_route_can_use_is_refused_before_it_is_read),
        TEST(chunks_beyond_the_limit_are_refused_and_an_endless_body_is_cut_off),
        TEST(headers_beyond_the_limit_are_refused),
        TEST(what_is_no_http_is_refused),
        TEST(what_parts_requests_in_two_ways_is_refused_and_ends_the_connection),
        TEST(a_client_that_drips_is_cut_off),
        TEST(a_silent_connection_is_closed),
        TEST(slow_clients_hold_no_thread),
        TEST(what_may_take_long_keeps_nobody_waiting),
        TEST(a_half_closed_client_gets_its_answer_and_one_that_left_harms_nobody),
        TEST(as_many_requests_as_there_are_threads_are_in_the_api_at_once),
        TEST(no_more_connections_than_allowed_are_kept),
        TEST(strangers_bodies_together_take_little_memory),
        TEST(a_flood_of_connections_leaves_files_for_others),
        TEST(stopping_lets_a_request_finish_and_waits_for_no_idle_connection),
        TEST(stopping_waits_as_long_as_it_is_told_however_long_that_is),
        TEST(stopping_cuts_off_what_does_not_end_in_time),
        TEST(a_server_that_stopped_takes_no_connection),
        TEST(what_is_not_given_is_named),
        TEST(options_that_cannot_be_are_refused_by_name),
        TEST(a_port_in_use_is_refused),
        TEST(it_listens_at_ipv6),
        TEST(starting_survives_the_want_of_memory),
        TEST(a_request_survives_the_want_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
