/* Receivers that lie, break off, or never end; and memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "receiver.h"
#include "wire.h"

typedef struct fixture {
    wire w;
    receiver *r;
} fixture;

static int setup(void **state) {
    static fixture f;

    wire_init(&f.w);
    f.r = receiver_new(NULL, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    if (f->w.transport != NULL) {
        wire_close(&f->w);
    }
    receiver_free(f->r);
    return 0;
}

static void meet(fixture *f, sending *s, int fault, int64_t timeout) {
    receiver_set(f->r, "/", (receiver_answer){ .fault = fault, .body_size = 10 });
    wire_fill(&f->w, s, receiver_url(f->r, "/"));
    s->request.timeout = timeout;
    assert_int_equal(wire_send(s), WH_OK);
    wire_run(&f->w, f->w.done_count + 1);
}

/* ---------------------------------------------------------------------- no HTTP */

static void an_answer_that_does_not_come_is_an_io_error(void **state) {
    static const int faults[] = { RECEIVER_CLOSE, RECEIVER_RESET, RECEIVER_GARBAGE, RECEIVER_CUT_HEAD };
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        meet(f, &s, faults[i], 10000);
        assert_int_equal(s.request.error, WH_EIO);
        assert_true(strlen(s.request.message) > 10);
        assert_null(strstr(s.request.message, "application/json"));
    }
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
}

static void a_closed_port_is_no_connection(void **state) {
    fixture *f = *state;
    receiver *gone = receiver_new(NULL, NULL);
    char url[64];
    sending s;

    snprintf(url, sizeof url, "http://127.0.0.1:%d/", receiver_port(gone));
    receiver_free(gone);
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, url);
    assert_int_equal(s.request.error, WH_ECONNECT);
    assert_int_equal(s.request.status, 0);
    assert_non_null(strstr(s.request.message, "127.0.0.1"));
}

/* ------------------------------------------------------------------------ time */

static void silence_ends_by_the_timeout(void **state) {
    static const int faults[] = { RECEIVER_HANG, RECEIVER_DRIP_HEADERS };
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        meet(f, &s, faults[i], 150);
        assert_int_equal(s.request.error, WH_ETIMEOUT);
        assert_string_equal(s.request.message, "no complete answer within 150 ms (timeout)");
        assert_in_range(s.request.duration_us, 149000, 5000000);
    }
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
}

static void a_first_byte_that_does_not_come_ends_it_sooner(void **state) {
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_HANG });
    receiver_set(f->r, "/well", (receiver_answer){ .status = 200 });
    for (int kept = 0; kept < 2; kept++) { /* over a new connection, and over one that an answer came by */
        wire_fill(&f->w, &s, receiver_url(f->r, "/"));
        s.request.timeout = 60000;
        s.request.answer_timeout = 150;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, f->w.done_count + 1);
        assert_int_equal(s.request.error, WH_ETIMEOUT);
        assert_string_equal(s.request.message, "no answer within 150 ms (answer timeout)");
        assert_true(s.request.duration_us >= 149000);
        wire_fill(&f->w, &s, receiver_url(f->r, "/well"));
        s.request.timeout = 60000;
        s.request.answer_timeout = 59000;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, f->w.done_count + 1);
        assert_int_equal(s.request.status, 200);
    }
}

/* A listener whose queue is full drops what comes, so a connect gets no answer. */
static void a_connect_that_hangs_ends_by_its_own_timeout(void **state) {
    fixture *f = *state;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fill[8];
    char url[64];
    sending s;

    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM, 0);
        fcntl(fill[i], F_SETFL, O_NONBLOCK);
        connect(fill[i], (struct sockaddr *)&address, size);
    }
    wire_open(&f->w, NULL, 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    wire_fill(&f->w, &s, url);
    s.request.connect_timeout = 200;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_run(&f->w, 1);
    assert_int_equal(s.request.error, WH_ETIMEOUT);
    assert_string_equal(s.request.message, "no connection within 200 ms (connect timeout)");
    for (int i = 0; i < 8; i++) {
        close(fill[i]);
    }
    close(listener);
}

static void who_hangs_keeps_nobody_waiting(void **state) {
    enum { HUNG = 100 };
    static sending hung[HUNG];
    fixture *f = *state;
    receiver *good = receiver_new(NULL, NULL);
    sending s;

    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_HANG });
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < HUNG; i++) {
        wire_fill(&f->w, &hung[i], receiver_url(f->r, "/"));
        hung[i].request.lane = 2;
        assert_int_equal(wire_send(&hung[i]), WH_OK);
    }
    for (int i = 0; i < 100; i++) {
        wire_exchange(&f->w, &s, receiver_url(good, "/"));
        assert_int_equal(s.request.status, 200);
        assert_true(s.request.duration_us < 5000000);
    }
    assert_int_equal(f->w.done_count, 100);
    receiver_free(good);
}

/* ---------------------------------------------------------------------- amounts */

static void a_body_without_end_is_cut_and_its_status_counts(void **state) {
    fixture *f = *state;
    sending s;

    f->w.limits.response_kept_bytes = 100;
    wire_open(&f->w, NULL, 0);
    meet(f, &s, RECEIVER_ENDLESS_BODY, 10000);
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 200);
    assert_int_equal(s.request.response_size, 100);
    assert_string_equal(s.request.message, "");
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
}

/* The head is the answer; what fails behind it costs the connection, and nothing else. */
static void a_head_is_an_answer_whatever_its_body_is(void **state) {
    static const int faults[] = { RECEIVER_SHORT_BODY, RECEIVER_BAD_CHUNK, RECEIVER_BAD_CODING, RECEIVER_DRIP_BODY };
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        meet(f, &s, faults[i], 300);
        assert_int_equal(s.request.error, WH_OK);
        assert_int_equal(s.request.status, 200);
        assert_string_equal(s.request.message, "");
    }
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
    receiver_set(f->r, "/",
                 (receiver_answer){
                     .status = 503, .headers = "Retry-After: 7\r\n", .body_size = 10, .fault = RECEIVER_SHORT_BODY });
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 503);
    assert_string_equal(s.request.retry_after, "7");
}

static void headers_without_end_are_an_io_error(void **state) {
    static const int faults[] = { RECEIVER_HUGE_HEADER, RECEIVER_MANY_HEADERS, RECEIVER_FLOOD_100 };
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        meet(f, &s, faults[i], 10000);
        assert_int_equal(s.request.error, WH_EIO);
        assert_true(s.request.duration_us < 9000000);
    }
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
}

static void headers_are_counted_together(void **state) {
    fixture *f = *state;
    sending s;

    receiver_set(f->r, "/", (receiver_answer){ .headers = "X-A: 0123456789012345678901234567890123456789\r\n" });
    f->w.limits.response_header_bytes = 60;
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_EIO);
    assert_string_equal(s.request.message, "the answer's headers are longer than 60 bytes");
}

/* ----------------------------------------------------------------------- memory */

static atomic_int countdown;

static int fails_from_now(void) {
    return atomic_fetch_sub(&countdown, 1) <= 0;
}

static int fails_once(void) {
    return atomic_fetch_sub(&countdown, 1) == 0;
}

/* Opens, sends, waits, closes; 1 if all went well. */
static int attempt(fixture *f, const char *url) {
    whi_transport_options options = { &f->w.limits, f->w.policy, "webhook/test", NULL, f->w.poller, 0 };
    sending s;
    int good = 0;

    if (f->w.vtable->open(&f->w.transport, &options) != WH_OK) {
        return 0;
    }
    wire_fill(&f->w, &s, url);
    if (wire_send(&s) == WH_OK) {
        wire_run(&f->w, f->w.done_count + 1);
        good = s.request.error == WH_OK;
    }
    f->w.vtable->close(f->w.transport);
    return good;
}

static void fail_each(fixture *f, const char *url, int (*fault)(void)) {
    int n = 0, good = 0;

    while (!good) {
        atomic_store(&countdown, n++);
        whi_mem_fault = fault;
        good = attempt(f, url);
        good = good && atomic_load(&countdown) >= 0;
        whi_mem_fault = NULL;
        assert_true(n < 200);
    }
    assert_true(n > 5);
}

static void every_allocation_may_fail(void **state) {
    fixture *f = *state;
    char named[64];

    receiver_set(f->r, "/", (receiver_answer){ .body = "hello", .body_size = 5 });
    snprintf(named, sizeof named, "http://localhost:%d/", receiver_port(f->r));
    wire_open(&f->w, NULL, 0);
    f->w.vtable->close(f->w.transport);
    fail_each(f, receiver_url(f->r, "/"), fails_from_now);
    fail_each(f, named, fails_from_now);
    fail_each(f, receiver_url(f->r, "/"), fails_once);
    fail_each(f, named, fails_once);
    whi_poller_free(f->w.poller);
    whi_policy_free(f->w.policy);
    f->w.transport = NULL;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_that_does_not_come_is_an_io_error),
        TEST(a_closed_port_is_no_connection),
        TEST(silence_ends_by_the_timeout),
        TEST(a_first_byte_that_does_not_come_ends_it_sooner),
        TEST(a_connect_that_hangs_ends_by_its_own_timeout),
        TEST(who_hangs_keeps_nobody_waiting),
        TEST(a_head_is_an_answer_whatever_its_body_is),
        TEST(a_body_without_end_is_cut_and_its_status_counts),
        TEST(headers_without_end_are_an_io_error),
        TEST(headers_are_counted_together),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
