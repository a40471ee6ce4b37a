/* HTTP/1.1 of our own: what it decides. Beside libcurl it stands in test_transport_both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "outside/transport_direct.h"
#include "receiver.h"
#include "wire.h"

#define HEAD "HTTP/1.1 200 OK\r\n"
#define FOLDED HEAD "X: a\r\n b\r\nContent-Length: 2\r\n\r\nab" /* libcurl takes it */

typedef struct fixture {
    wire w;
    receiver *r;
} fixture;

static int setup(void **state) {
    static fixture f;

    wire_init(&f.w);
    f.w.vtable = &whi_transport_auto;
    wire_open(&f.w, NULL, 0);
    f.r = receiver_new(NULL, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    wire_close(&f->w);
    receiver_free(f->r);
    return 0;
}

static void set_raw(receiver *r, const char *path, const char *bytes, int fault) {
    receiver_set(r, path, (receiver_answer){ .body = bytes, .body_size = strlen(bytes), .fault = fault });
}

/* ------------------------------------------------------------------- odd receivers */

/* The receiver has got it: in the same attempt nobody sends it once more. */
static void what_libcurl_alone_understands_is_libcurls_from_then_on(void **state) {
    fixture *f = *state;
    sending s;

    set_raw(f->r, "/", FOLDED, RECEIVER_RAW);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_EIO);
    assert_string_equal(s.request.message, "the answer is no plain HTTP/1.1");
    assert_int_equal(receiver_count(f->r), 1);
    for (size_t i = 2; i <= 4; i++) {
        wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
        assert_int_equal(s.request.error, WH_OK);
        assert_string_equal(s.response, "ab");
        assert_int_equal(receiver_count(f->r), i);
    }
    assert_int_equal(f->w.transport->connections, 0);
}

static void on_a_used_connection_what_is_odd_is_a_failure(void **state) {
    fixture *f = *state;
    sending s;

    set_raw(f->r, "/odd", FOLDED, RECEIVER_RAW);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    wire_exchange(&f->w, &s, receiver_url(f->r, "/odd"));
    assert_int_equal(s.request.error, WH_EIO);
    assert_int_equal(receiver_count(f->r), 2);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/odd"));
    assert_int_equal(s.request.status, 200);
    assert_int_equal(receiver_count(f->r), 3);
}

static void another_place_is_given_a_new_chance(void **state) {
    fixture *f = *state;
    receiver *other = receiver_new(NULL, NULL);
    sending s;

    set_raw(f->r, "/", FOLDED, RECEIVER_RAW);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    wire_exchange(&f->w, &s, receiver_url(other, "/"));
    assert_int_equal(s.request.status, 200);
    assert_int_equal(f->w.transport->connections, 1);
    receiver_free(other);
}

/* ------------------------------------------------------------- using a connection again */

static void a_connection_is_used_again_when_all_is_well(void **state) {
    static const struct {
        const char *answer;
        int again;
    } all[] = {
        { HEAD "Content-Length: 2\r\n\r\nab", 1 },
        { HEAD "Content-Length: 0\r\n\r\n", 1 },
        { HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n", 1 },
        { "HTTP/1.1 204 None\r\n\r\n", 1 },
        { "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 1 },
        { "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 1 },
        { "HTTP/1.1 200 OK\nContent-Length: 0\n\n", 0 },
        { HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 0 },
        { "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 1 },
        { HEAD "Keep-Alive: timeout=5, max=100\r\nContent-Length: 0\r\n\r\n", 1 },
        { HEAD "Connection: close\r\nContent-Length: 2\r\n\r\nab", 0 },
        { HEAD "Connection: x, CLOSE\r\nContent-Length: 2\r\n\r\nab", 0 },
        { "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
        { "HTTP/1.1 204 None\r\nContent-Length: 2\r\n\r\n", 0 },
        { HEAD "Keep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n", 0 },
        { HEAD "Keep-Alive: max=0\r\nContent-Length: 0\r\n\r\n", 0 },
        { HEAD "Content-Length: 2\r\n\r\nab\r\n", 0 },
        { HEAD "Content-Length: 0\r\n\r\n" HEAD "Content-Length: 0\r\n\r\n", 0 },
        { HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nx", 0 },
        { HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", 0 },
    };
    fixture *f = *state;
    sending s;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        set_raw(f->r, "/", all[i].answer, RECEIVER_RAW);
        wire_fill(&f->w, &s, receiver_url(f->r, "/"));
        s.request.lane = (int64_t)i;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, (int)(2 * i + 1));
        assert_int_equal(s.request.error, WH_OK);
        set_raw(f->r, "/", "HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n", RECEIVER_RAW);
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, (int)(2 * i + 2));
        assert_int_equal(s.request.status, 202);
        if ((receiver_get(f->r, 2 * i)->connection == receiver_get(f->r, 2 * i + 1)->connection) != all[i].again) {
            fail_msg("not %d: %s", all[i].again, all[i].answer);
        }
    }
}

static int64_t left(const whi_connection *connection) {
    return connection->idle_until - whi_monotonic_us();
}

static void a_connection_is_kept_no_longer_than_the_other_side_keeps_it(void **state) {
    fixture *f = *state;
    whi_direct *direct;
    sending s;

    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    direct = f->w.transport->direct;
    assert_in_range(left(direct->idle_newest), 30000000, 60000000);
    set_raw(f->r, "/", HEAD "Keep-Alive: timeout=9\r\nContent-Length: 0\r\n\r\n", RECEIVER_RAW);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_in_range(left(direct->idle_newest), 1000000, 8500000);
    set_raw(f->r, "/", HEAD "Keep-Alive: timeout=999999999999\r\nContent-Length: 0\r\n\r\n", RECEIVER_RAW);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_in_range(left(direct->idle_newest), 30000000, 60000000);
    assert_int_equal(receiver_connections(f->r), 1);
    direct->idle_newest->idle_until = 1; /* its time is over, and nobody has looked yet */
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.status, 200);
    assert_int_equal(receiver_connections(f->r), 2);
    assert_int_equal(f->w.transport->connections, 1);
}

static void closes_those_at_rest(const received *request, receiver_answer *answer, void *payload) {
    (void)payload;
    answer->delay = strcmp(request->path, "/slow") == 0 ? 100 : 0;
    if (strcmp(request->path, "/dead") == 0 && request->connection <= 3) {
        answer->fault = RECEIVER_CLOSE;
    }
}

/* They are as old as the one that was closed. */
static void with_a_used_connection_that_breaks_its_fellows_go(void **state) {
    fixture *f = *state;
    receiver *r = receiver_new(closes_those_at_rest, NULL);
    static sending s[3];

    for (int i = 0; i < 3; i++) {
        wire_post(&f->w, &s[i], receiver_url(r, "/slow"));
    }
    wire_run(&f->w, 3);
    assert_int_equal(receiver_connections(r), 3);
    wire_exchange(&f->w, &s[0], receiver_url(r, "/dead"));
    assert_int_equal(s[0].request.status, 200);
    assert_int_equal(receiver_connections(r), 4);
    assert_int_equal(receiver_wait_open(r, 1), 0);
    assert_int_equal(f->w.transport->connections, 1);
    assert_int_equal(f->w.transport->socket_count, 1);
    receiver_free(r);
}

static int descriptors(void) {
    int count = 0;

    for (int fd = 0; fd < 4096; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* One here, one at the receiver's, which is of this process. libcurl has nothing of it any more. */
static void a_plain_connection_is_one_descriptor(void **state) {
    enum { MORE = 40 };
    static sending s[MORE + 1];
    fixture *f = *state;
    int before;

    receiver_set(f->r, "/", (receiver_answer){ .delay = 200 });
    wire_exchange(&f->w, &s[0], receiver_url(f->r, "/"));
    before = descriptors();
    for (int i = 0; i <= MORE; i++) {
        wire_post(&f->w, &s[i], receiver_url(f->r, "/"));
    }
    wire_run(&f->w, MORE + 2);
    assert_int_equal(descriptors(), before + 2 * MORE);
    assert_int_equal(f->w.transport->socket_count, MORE + 1);
    assert_int_equal(f->w.transport->taken, MORE + 1);
    for (size_t i = 0; i < f->w.transport->shard_count; i++) {
        assert_int_equal(f->w.transport->shards[i]->sockets, 0);
        assert_int_equal(f->w.transport->shards[i]->active, 0);
    }
}

/* The idle ones of others make room, the longest unused first. */
static void idle_connections_give_way_at_the_limit(void **state) {
    enum { LANES = 24, MOST = 8 };
    fixture *f = *state;
    sending s;

    wire_close(&f->w);
    wire_init(&f->w);
    f->w.vtable = &whi_transport_auto;
    f->w.limits.connections = MOST;
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < LANES; i++) {
        wire_fill(&f->w, &s, receiver_url(f->r, "/"));
        s.request.lane = i;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, i + 1);
        assert_int_equal(s.request.error, WH_OK);
        assert_true(f->w.transport->socket_count <= MOST);
    }
    assert_int_equal(receiver_connections(f->r), LANES);
    wire_fill(&f->w, &s, receiver_url(f->r, "/"));
    s.request.lane = LANES - 1;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_run(&f->w, LANES + 1);
    assert_int_equal(receiver_connections(f->r), LANES); /* the last one is still there */
}

/* The one connection that may be is idle when somebody else has waited for it long enough. */
static void who_waits_for_room_gets_that_of_an_idle_one(void **state) {
    static sending s[3];
    fixture *f = *state;

    wire_close(&f->w);
    wire_init(&f->w);
    f->w.vtable = &whi_transport_auto;
    f->w.limits.connections = 1;
    wire_open(&f->w, NULL, 0);
    receiver_set(f->r, "/", (receiver_answer){ .delay = 50 });
    for (int i = 0; i < 3; i++) {
        wire_fill(&f->w, &s[i], receiver_url(f->r, "/"));
        s[i].request.lane = i;
        assert_int_equal(wire_send(&s[i]), WH_OK);
    }
    wire_run(&f->w, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s[i].request.status, 200);
        assert_true(s[i].request.duration_us < 5000000);
    }
}

static void a_connection_leads_to_one_place(void **state) {
    fixture *f = *state;
    receiver *other = receiver_new(NULL, NULL);
    sending s;

    for (int i = 0; i < 3; i++) {
        wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
        wire_exchange(&f->w, &s, receiver_url(other, "/"));
        assert_int_equal(f->w.transport->connections, 1);
    }
    assert_int_equal(receiver_count(f->r), 3);
    assert_int_equal(receiver_count(other), 3);
    receiver_free(other);
}

static void one_that_breaks_is_tried_again_once(void **state) {
    fixture *f = *state;
    sending s;

    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_CLOSE });
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_EIO);
    assert_string_equal(s.request.message, "the receiver closed the connection without an answer");
    assert_int_equal(receiver_count(f->r), 3);
    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_RESET });
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_EIO);
    assert_non_null(strstr(s.request.message, "the connection broke before an answer: "));
    assert_int_equal(receiver_count(f->r), 4);
}

static void after_the_first_byte_nothing_is_tried_again(void **state) {
    fixture *f = *state;
    sending s;

    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    set_raw(f->r, "/", "H", RECEIVER_RAW_CLOSE);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_EIO);
    assert_string_equal(s.request.message, "the answer's head was cut");
    assert_int_equal(receiver_count(f->r), 2);
}

static void a_request_goes_where_it_was_sent_to(void **state) {
    fixture *f = *state;
    receiver *other = receiver_new(NULL, NULL);
    sending one, two, three;

    wire_post(&f->w, &one, receiver_url(f->r, "/one"));
    wire_post(&f->w, &two, receiver_url(f->r, "/two"));
    wire_post(&f->w, &three, receiver_url(other, "/three"));
    wire_run(&f->w, 3);
    assert_int_equal(receiver_count(f->r), 2);
    assert_non_null(strstr("/one /two", receiver_get(f->r, 0)->path));
    assert_string_not_equal(receiver_get(f->r, 0)->path, receiver_get(f->r, 1)->path);
    assert_string_equal(receiver_get(other, 0)->path, "/three");
    assert_int_equal(f->w.transport->connections, 1); /* those of the former place are not kept */
    receiver_free(other);
}

/* ---------------------------------------------------------- a receiver of bare sockets */

static atomic_int told;

typedef struct peer {
    int listener, port, times; /* so many connections, one after the other */
    pthread_t thread;
    void (*talk)(int fd);
} peer;

static void *accept_all(void *payload) {
    peer *p = payload;

    for (int i = 0; i < p->times; i++) {
        int fd = accept(p->listener, NULL, NULL);
        p->talk(fd);
        close(fd);
    }
    return NULL;
}

static void peer_start_for(peer *p, int times, void (*talk)(int fd)) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    p->talk = talk;
    p->times = times;
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &size), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, accept_all, p), 0);
}

static void peer_start(peer *p, void (*talk)(int fd)) {
    peer_start_for(p, 1, talk);
}

static void peer_end(peer *p) {
    pthread_join(p->thread, NULL);
    close(p->listener);
}

/* Up to the empty line; what came behind it is lost. */
static void read_head(int fd) {
    char bytes[65536];
    size_t size = 0;

    while (size < sizeof bytes - 1) {
        ssize_t got = recv(fd, bytes + size, sizeof bytes - 1 - size, 0);
        if (got <= 0) {
            return;
        }
        size += (size_t)got;
        bytes[size] = '\0';
        if (strstr(bytes, "\r\n\r\n") != NULL) {
            return;
        }
    }
}

static void put_text(int fd, const char *text) {
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* The body is not read, so closing resets the connection. */
static void refuses_early(int fd) {
    read_head(fd);
    put_text(fd, "HTTP/1.1 413 Too large\r\nRetry-After: 5\r\nContent-Length: 3\r\n\r\nbig");
}

static void answers_before_the_request(int fd) {
    put_text(fd, HEAD "Content-Length: 0\r\n\r\n");
    read_head(fd);
}

static void send_large(fixture *f, const peer *p, sending *s, size_t size) {
    char *body = calloc(1, size), url[64];

    assert_non_null(body);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", p->port);
    wire_fill(&f->w, s, url);
    s->request.body = body;
    s->request.body_size = size;
    assert_int_equal(wire_send(s), WH_OK);
    wire_run(&f->w, f->w.done_count + 1);
    free(body);
}

static void an_answer_before_the_request_is_out_is_taken(void **state) {
    fixture *f = *state;
    sending s;
    peer p;

    peer_start(&p, refuses_early);
    send_large(f, &p, &s, 8 * 1024 * 1024);
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 413);
    assert_string_equal(s.request.retry_after, "5");
    assert_string_equal(s.response, "big");
    assert_int_equal(f->w.transport->connections, 0);
    peer_end(&p);
}

/* What it leaves unread would be taken for the next request's beginning. */
static void refuses_early_and_stays(int fd) {
    char byte;

    read_head(fd);
    put_text(fd, "HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n");
    while (recv(fd, &byte, 1, MSG_PEEK) > 0 && !atomic_load(&told)) {
        usleep(1000);
    }
}

static void a_connection_with_half_a_request_is_not_kept(void **state) {
    fixture *f = *state;
    sending s;
    peer p;

    atomic_store(&told, 0);
    peer_start(&p, refuses_early_and_stays);
    send_large(f, &p, &s, 32 * 1024 * 1024);
    atomic_store(&told, 1);
    assert_int_equal(s.request.status, 413);
    assert_int_equal(f->w.transport->connections, 0);
    peer_end(&p);
}

static atomic_llong taken;

/* It is content with the head, and reads the body all the same. */
static void takes_early(int fd) {
    static char bytes[65536];
    ssize_t got;

    atomic_store(&taken, 0);
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        if (atomic_fetch_add(&taken, got) == 0) {
            put_text(fd, HEAD "Content-Length: 0\r\n\r\n");
            usleep(20000);
        }
    }
}

static void behind_an_early_success_the_rest_is_sent(void **state) {
    fixture *f = *state;
    sending s;
    peer p;

    peer_start(&p, takes_early);
    send_large(f, &p, &s, 8 * 1024 * 1024);
    assert_int_equal(s.request.status, 200);
    assert_int_equal(f->w.transport->connections, 0);
    peer_end(&p);
    assert_true(atomic_load(&taken) > 8 * 1024 * 1024);
}

/* Answers once more when nobody has asked; another connection is answered as it should be. */
static void answers_twice(int fd) {
    char byte;

    read_head(fd);
    put_text(fd, HEAD "Content-Length: 0\r\n\r\n");
    if (atomic_load(&told) == 2) {
        return;
    }
    while (atomic_load(&told) == 0) {
        usleep(1000);
    }
    put_text(fd, "HTTP/1.1 299 Stray\r\nContent-Length: 0\r\n\r\n");
    atomic_store(&told, 2);
    recv(fd, &byte, 1, 0);
}

/* Nobody has looked at the connection since the stray one came. */
static void a_stray_answer_is_not_the_next_requests(void **state) {
    fixture *f = *state;
    sending s;
    peer p;

    atomic_store(&told, 0);
    peer_start_for(&p, 2, answers_twice);
    send_large(f, &p, &s, 0);
    assert_int_equal(s.request.status, 200);
    atomic_store(&told, 1);
    while (atomic_load(&told) != 2) {
        usleep(1000);
    }
    usleep(20000);
    send_large(f, &p, &s, 0);
    assert_int_equal(s.request.status, 200);
    peer_end(&p);
}

static void an_answer_to_nothing_is_the_first_requests(void **state) {
    fixture *f = *state;
    sending s;
    peer p;

    peer_start(&p, answers_before_the_request);
    send_large(f, &p, &s, 10);
    assert_int_equal(s.request.status, 200);
    peer_end(&p);
}

/* Says something that nobody asked for, once it was told to. */
static void speaks_unasked(int fd) {
    char byte;

    read_head(fd);
    put_text(fd, HEAD "Content-Length: 0\r\n\r\n");
    while (!atomic_load(&told)) {
        usleep(1000);
    }
    put_text(fd, HEAD "Content-Length: 0\r\n\r\n");
    recv(fd, &byte, 1, 0);
}

static void a_connection_on_which_bytes_come_unasked_is_closed(void **state) {
    fixture *f = *state;
    sending s;
    peer p;

    atomic_store(&told, 0);
    peer_start(&p, speaks_unasked);
    send_large(f, &p, &s, 0);
    assert_int_equal(f->w.transport->connections, 1);
    atomic_store(&told, 1);
    for (int i = 0; i < 1000 && f->w.transport->connections > 0; i++) {
        wire_turn(&f->w, 10);
    }
    assert_int_equal(f->w.transport->connections, 0);
    assert_int_equal(f->w.transport->socket_count, 0);
    peer_end(&p);
}

/* ---------------------------------------------------------------------------- ends */

static void cutting_ends_what_is_under_way_and_nothing_else(void **state) {
    fixture *f = *state;
    static sending s[4];
    sending kept;

    receiver_set(f->r, "/hang", (receiver_answer){ .fault = RECEIVER_HANG });
    wire_exchange(&f->w, &kept, receiver_url(f->r, "/"));
    for (int i = 0; i < 4; i++) {
        wire_fill(&f->w, &s[i], receiver_url(f->r, "/hang"));
        s[i].request.lane = 2;
        assert_int_equal(wire_send(&s[i]), WH_OK);
        if (i == 1) {
            while (receiver_count(f->r) < 3) {
                wire_turn(&f->w, 10);
            }
        }
    }
    f->w.vtable->cut(f->w.transport, NULL, "cut off");
    wire_run(&f->w, 5);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s[i].request.error, WH_ECLOSED);
        assert_string_equal(s[i].request.message, "cut off");
    }
    assert_int_equal(f->w.transport->connections, 1);
    wire_exchange(&f->w, &kept, receiver_url(f->r, "/"));
    assert_int_equal(kept.request.status, 200);
    assert_int_equal(receiver_get(f->r, receiver_count(f->r) - 1)->connection, 1);
}

static atomic_int countdown;

static int fails_once(void) {
    return atomic_fetch_sub(&countdown, 1) == 0;
}

/* Over a connection that is kept, for a URL that is another one, by libcurl for what is odd. */
static int exchange_all(fixture *f) {
    static const char *const paths[] = { "/", "/", "/other", "/odd", "/odd" };
    int good = 1;
    sending s;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        wire_fill(&f->w, &s, receiver_url(f->r, paths[i]));
        s.request.lane = i >= 3 ? 2 : 1;
        if (wire_send(&s) != WH_OK) {
            good = 0;
            continue;
        }
        wire_run(&f->w, f->w.done_count + 1);
        assert_true(s.request.error == WH_OK || s.request.error == WH_ENOMEM || s.request.error == WH_ERESOURCE ||
                    s.request.error == WH_ECONNECT || (s.request.error == WH_EIO && i >= 3));
        good &= s.request.error == WH_OK || i == 3;
    }
    return good;
}

static void every_allocation_may_fail_and_the_next_request_goes_well(void **state) {
    fixture *f = *state;
    int n = 0, good = 0;
    sending s;

    receiver_set(f->r, "/", (receiver_answer){ .body = "hello", .body_size = 5 });
    set_raw(f->r, "/odd", FOLDED, RECEIVER_RAW);
    while (!good) {
        wire_close(&f->w);
        wire_init(&f->w);
        f->w.vtable = &whi_transport_auto;
        wire_open(&f->w, NULL, 0);
        atomic_store(&countdown, n++);
        whi_mem_fault = fails_once;
        good = exchange_all(f) && atomic_load(&countdown) >= 0;
        whi_mem_fault = NULL;
        wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
        assert_int_equal(s.request.error, WH_OK);
        assert_true(n < 200);
    }
    assert_true(n > 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_libcurl_alone_understands_is_libcurls_from_then_on),
        TEST(on_a_used_connection_what_is_odd_is_a_failure),
        TEST(another_place_is_given_a_new_chance),
        TEST(a_connection_is_used_again_when_all_is_well),
        TEST(a_connection_is_kept_no_longer_than_the_other_side_keeps_it),
        TEST(with_a_used_connection_that_breaks_its_fellows_go),
        TEST(a_plain_connection_is_one_descriptor),
        TEST(idle_connections_give_way_at_the_limit),
        TEST(who_waits_for_room_gets_that_of_an_idle_one),
        TEST(a_connection_leads_to_one_place),
        TEST(one_that_breaks_is_tried_again_once),
        TEST(after_the_first_byte_nothing_is_tried_again),
        TEST(a_request_goes_where_it_was_sent_to),
        TEST(an_answer_before_the_request_is_out_is_taken),
        TEST(a_connection_with_half_a_request_is_not_kept),
        TEST(behind_an_early_success_the_rest_is_sent),
        TEST(a_stray_answer_is_not_the_next_requests),
        TEST(an_answer_to_nothing_is_the_first_requests),
        TEST(a_connection_on_which_bytes_come_unasked_is_closed),
        TEST(cutting_ends_what_is_under_way_and_nothing_else),
        TEST(every_allocation_may_fail_and_the_next_request_goes_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
