/* A request leaves once and ends once, whatever runs out on the way: memory, descriptors, time, or the patience of
 * whoever cuts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "fault.h"
#include "outside/transport_direct.h"
#include "receiver.h"
#include "wire.h"

typedef struct fixture {
    wire w;
    receiver *r;
} fixture;

/* Who asks for "/dies" over a connection that has served before gets nothing but its end. */
static void dies_when_used(const received *request, receiver_answer *answer, void *payload) {
    int *last = payload;

    if (strcmp(request->path, "/dies") == 0 && request->connection == *last) {
        answer->fault = RECEIVER_CLOSE;
    }
    *last = request->connection;
}

static int setup(void **state) {
    static fixture f;
    static int last;

    last = 0;
    wire_init(&f.w);
    f.w.vtable = &whi_transport_auto;
    wire_open(&f.w, NULL, 0);
    f.r = receiver_new(dies_when_used, &last);
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

/* A request that has left over a used connection, which has ended without an answer: nobody has looked yet. */
static void leave_in_vain(fixture *f, sending *s, int64_t lane) {
    size_t before = receiver_count(f->r);

    wire_fill(&f->w, s, receiver_url(f->r, "/"));
    s->request.lane = lane;
    assert_int_equal(wire_send(s), WH_OK);
    wire_run(&f->w, f->w.done_count + 1);
    assert_int_equal(s->request.status, 200);
    wire_fill(&f->w, s, receiver_url(f->r, "/dies"));
    s->request.lane = lane;
    assert_int_equal(wire_send(s), WH_OK);
    assert_int_equal(receiver_wait(f->r, before + 2), 0);
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
}

static int descriptors(void) {
    int count = 0;

    for (int fd = 0; fd < 4096; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* ------------------------------------------------------------------ what may have arrived */

static void want_of_memory_behind_a_request_that_has_left_is_an_attempt(void **state) {
    fixture *f = *state;
    int struck = 1, failures = 0;
    static sending s;

    for (long n = 0; struck; n++) {
        leave_in_vain(f, &s, n);
        fault_set(n);
        wire_run(&f->w, f->w.done_count + 1);
        struck = fault_clear();
        assert_true(s.request.error == WH_OK || s.request.error == WH_EIO || s.request.error == WH_ECONNECT);
        failures += s.request.error == WH_EIO;
        assert_true(strlen(s.request.message) > 5 || s.request.error == WH_OK);
        wire_close(&f->w);
        wire_init(&f->w);
        f->w.vtable = &whi_transport_auto;
        wire_open(&f->w, NULL, 0);
    }
    assert_true(failures > 0);
}

static void want_of_descriptors_behind_a_request_that_has_left_is_an_attempt(void **state) {
    fixture *f = *state;
    struct rlimit usual, none;
    static sending s;

    leave_in_vain(f, &s, 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = usual;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    wire_run(&f->w, f->w.done_count + 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(s.request.error, WH_EIO);
    assert_int_equal(receiver_count(f->r), 2);
}

static void want_of_descriptors_before_anything_has_left_is_none(void **state) {
    fixture *f = *state;
    struct rlimit usual, none;
    static sending s;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    wire_post(&f->w, &s, receiver_url(f->r, "/"));
    none = usual;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    wire_run(&f->w, f->w.done_count + 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(s.request.error, WH_ERESOURCE);
}

/* -------------------------------------------------------------------------------- time */

static void the_second_try_has_the_time_of_the_attempt(void **state) {
    fixture *f = *state;
    whi_connection *connection;
    int64_t deadline;
    static sending s;

    leave_in_vain(f, &s, 1);
    receiver_set(f->r, "/dies", (receiver_answer){ .fault = RECEIVER_HANG });
    connection = f->w.transport->direct->all;
    deadline = connection->deadline;
    while (receiver_count(f->r) < 3) {
        wire_turn(&f->w, 10);
    }
    assert_ptr_equal(f->w.transport->direct->all, connection);
    assert_int_equal(connection->deadline, deadline);
    assert_true(connection->timer.item.due <= deadline);
}

static void there_is_no_second_try_when_the_time_is_over(void **state) {
    fixture *f = *state;
    static sending s;

    leave_in_vain(f, &s, 1);
    f->w.transport->direct->all->deadline = 1;
    wire_run(&f->w, f->w.done_count + 1);
    assert_int_equal(s.request.error, WH_ETIMEOUT);
    assert_string_equal(s.request.message, "no complete answer within 10000 ms (timeout)");
    assert_int_equal(receiver_count(f->r), 2);
    assert_int_equal(receiver_connections(f->r), 1);
}

static void who_connects_when_the_time_is_over_sends_nothing(void **state) {
    fixture *f = *state;
    static sending s;

    wire_post(&f->w, &s, receiver_url(f->r, "/"));
    f->w.transport->direct->all->deadline = 1;
    wire_run(&f->w, 1);
    assert_int_equal(s.request.error, WH_ETIMEOUT);
    assert_int_equal(f->w.transport->connections, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(receiver_count(f->r), 1);
}

/* That there was no room here says nothing about how fast the receiver connects. */
static void who_has_waited_for_room_has_all_the_time_to_connect(void **state) {
    fixture *f = *state;
    static sending s[2];
    whi_transfer *waits;

    wire_close(&f->w);
    wire_init(&f->w);
    f->w.vtable = &whi_transport_auto;
    f->w.limits.connections = 1;
    wire_open(&f->w, NULL, 0);
    receiver_set(f->r, "/", (receiver_answer){ .delay = 50 });
    for (int i = 0; i < 2; i++) {
        wire_fill(&f->w, &s[i], receiver_url(f->r, "/"));
        s[i].request.lane = i;
        assert_int_equal(wire_send(&s[i]), WH_OK);
    }
    while (f->w.transport->room == NULL) {
        wire_turn(&f->w, 10);
    }
    waits = f->w.transport->room;
    waits->connect_by = 1;
    wire_run(&f->w, 2);
    assert_int_equal(s[0].request.status, 200);
    assert_int_equal(s[1].request.status, 200);
    assert_in_range(waits->connect_set, 5000, 10000);
}

/* ------------------------------------------------------------------------ the rest of it */

/* A receiver that answers one request, and lets what comes then lie. */
typedef struct silent {
    int listener, fd;
    char url[64];
} silent;

static void silent_open(silent *out) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    out->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(out->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(out->listener, 8), 0);
    assert_int_equal(getsockname(out->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(out->url, sizeof out->url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
}

static void silent_answer(fixture *f, silent *r, sending *s) {
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char bytes[4096];

    wire_post(&f->w, s, r->url);
    wire_turn(&f->w, 1000);
    r->fd = accept(r->listener, NULL, NULL);
    fcntl(r->fd, F_SETFL, O_NONBLOCK);
    while (recv(r->fd, bytes, sizeof bytes, 0) < 0) {
        wire_turn(&f->w, 10);
    }
    assert_int_equal(send(r->fd, text, sizeof text - 1, 0), sizeof text - 1);
    wire_run(&f->w, 1);
    assert_int_equal(s->request.status, 200);
}

static void silent_close(silent *r) {
    close(r->fd);
    close(r->listener);
}

/* While `fd` stands in its place, epoll refuses whatever it is asked. */
static int put_away(int epoll) {
    int kept = dup(epoll), null = open("/dev/null", O_RDONLY);

    assert_true(kept >= 0 && dup2(null, epoll) == epoll);
    close(null);
    return kept;
}

static void bring_back(int epoll, int kept) {
    assert_int_equal(dup2(kept, epoll), epoll);
    close(kept);
}

static void a_request_whose_rest_nobody_would_send_ends_at_once(void **state) {
    enum { SIZE = 32 * 1024 * 1024 };
    fixture *f = *state;
    char *body = calloc(1, SIZE);
    int epoll = whi_poller_fd(f->w.poller), kept;
    static sending s;
    silent r;

    assert_non_null(body);
    silent_open(&r);
    silent_answer(f, &r, &s);
    wire_fill(&f->w, &s, r.url);
    s.request.body = body;
    s.request.body_size = SIZE;
    kept = put_away(epoll);
    assert_int_equal(wire_send(&s), WH_OK);
    bring_back(epoll, kept);
    assert_int_equal(f->w.vtable->timeout(f->w.transport), 0);
    wire_run(&f->w, 2);
    assert_int_equal(s.request.error, WH_EIO); /* some of it has left */
    assert_non_null(strstr(s.request.message, "the request cannot be sent"));
    assert_int_equal(f->w.transport->connections, 0);
    silent_close(&r);
    free(body);
}

/* ------------------------------------------------------------------- made, and not told */

static sending second;

/* Lets libcurl connect here and now. */
static void connect_now(whi_transport *transport) {
    whi_shard *shard = transport->shards[transport->shard_count - 1];

    assert_true(shard->kind & WHI_KIND_CONNECT);
    whi_shard_due(shard);
    for (size_t fd = 0; fd < transport->socket_room; fd++) {
        if (transport->sockets[fd].shard == shard) {
            whi_shard_ready(transport, &(whi_ready){ (int)fd, WHI_WRITE });
        }
    }
}

/* What is connected behind this is told of in the next turn. */
static void send_second(whi_request *request, void *payload) {
    sending *s = payload;

    (void)request;
    s->wire->done_count++;
    assert_int_equal(wire_send(&second), WH_OK);
    connect_now(s->wire->transport);
}

/* Leaves the second request's connection in that state. */
static void make_untold(fixture *f, sending *first) {
    receiver_set(f->r, "/hang", (receiver_answer){ .fault = RECEIVER_HANG });
    wire_fill(&f->w, first, receiver_url(f->r, "/hang"));
    first->request.lines[first->request.line_count++] = "TE: trailers"; /* so it is libcurl's */
    first->request.timeout = 20;
    first->request.done = send_second;
    wire_fill(&f->w, &second, receiver_url(f->r, "/"));
    second.request.lane = 2;
    assert_int_equal(wire_send(first), WH_OK);
    wire_run(&f->w, 1);
    assert_non_null(f->w.transport->direct->all->dial);
    assert_int_equal(f->w.transport->under_way->has_ended, 1);
    assert_int_equal(second.done, 0);
}

static void a_connection_that_nobody_was_told_of_is_cut_with_its_request(void **state) {
    fixture *f = *state;
    static sending first;

    make_untold(f, &first);
    f->w.vtable->cut(f->w.transport, NULL, "cut off");
    wire_run(&f->w, 2);
    assert_int_equal(second.request.error, WH_ECLOSED);
    assert_string_equal(second.request.message, "cut off");
    assert_int_equal(f->w.transport->connections, 0);
    assert_int_equal(f->w.transport->socket_count, 0);
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
    assert_int_equal(receiver_count(f->r), 1); /* the first one */
}

static void a_connection_that_nobody_was_told_of_is_closed_with_the_transport(void **state) {
    fixture *f = *state;
    static sending first;
    int before;

    wire_close(&f->w);
    f->w.transport = NULL;
    before = descriptors();
    wire_init(&f->w);
    f->w.vtable = &whi_transport_auto;
    wire_open(&f->w, NULL, 0);
    make_untold(f, &first);
    wire_close(&f->w);
    f->w.transport = NULL;
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
    assert_int_equal(descriptors(), before);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(want_of_memory_behind_a_request_that_has_left_is_an_attempt),
        TEST(want_of_descriptors_behind_a_request_that_has_left_is_an_attempt),
        TEST(want_of_descriptors_before_anything_has_left_is_none),
        TEST(the_second_try_has_the_time_of_the_attempt),
        TEST(there_is_no_second_try_when_the_time_is_over),
        TEST(who_connects_when_the_time_is_over_sends_nothing),
        TEST(who_has_waited_for_room_has_all_the_time_to_connect),
        TEST(a_request_whose_rest_nobody_would_send_ends_at_once),
        TEST(a_connection_that_nobody_was_told_of_is_cut_with_its_request),
        TEST(a_connection_that_nobody_was_told_of_is_closed_with_the_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
