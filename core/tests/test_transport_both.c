/* HTTP/1.1 of our own beside libcurl: what leaves by each, and what each makes of the same receivers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "receiver.h"
#include "wire.h"

#define HEAD "HTTP/1.1 200 OK\r\n"

typedef struct fixture {
    receiver *r;
} fixture;

static int setup(void **state) {
    static fixture f;

    f.r = receiver_new(NULL, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    receiver_free(f->r);
    return 0;
}

static void set_raw(receiver *r, const char *path, const char *bytes, int fault) {
    receiver_set(r, path, (receiver_answer){ .body = bytes, .body_size = strlen(bytes), .fault = fault });
}

/* ------------------------------------------------------------------------ one request */

/* What came of one request by a transport of its own. */
static void by(const whi_transport_vtable *vtable, sending *s, const char *url, const char *const *lines,
               size_t count) {
    wire w;

    wire_init(&w);
    w.vtable = vtable;
    wire_open(&w, NULL, 0);
    wire_fill(&w, s, url);
    for (size_t i = 0; i < count; i++) {
        s->request.lines[i] = lines[i];
    }
    s->request.line_count = count;
    s->request.timeout = 2000;
    assert_int_equal(wire_send(s), WH_OK);
    wire_run(&w, 1);
    wire_close(&w);
}

/* On its way, and being connected. */
static void cut_one_of(fixture *f, const whi_transport_vtable *vtable) {
    sending s[3];
    wire w;

    wire_init(&w);
    w.vtable = vtable;
    wire_open(&w, NULL, 0);
    for (int i = 0; i < 3; i++) {
        wire_fill(&w, &s[i], receiver_url(f->r, i < 2 ? "/hang" : "/"));
        assert_int_equal(wire_send(&s[i]), WH_OK);
    }
    vtable->cut(w.transport, &s[1].request, "room for others");
    wire_run(&w, 2);
    assert_int_equal(s[1].request.error, WH_ECLOSED);
    assert_string_equal(s[1].request.message, "room for others");
    assert_int_equal(s[2].request.status, 200);
    vtable->cut(w.transport, &s[0].request, "and once more");
    wire_run(&w, 3);
    assert_string_equal(s[0].request.message, "and once more");
    wire_close(&w);
}

static void one_that_is_cut_leaves_the_others_alone_by_both(void **state) {
    fixture *f = *state;

    receiver_set(f->r, "/hang", (receiver_answer){ .fault = RECEIVER_HANG });
    cut_one_of(f, &whi_transport_curl);
    cut_one_of(f, &whi_transport_auto);
}

static void the_same_bytes_leave_by_both(void **state) {
    static const char *const lines[][6] = {
        { "Content-Type: application/json", "webhook-id: msg_1", "X: a;b", "X-Empty;", "X-None:", "X-Blank: \t" },
        { "User-Agent: mine", "Accept: a/b" },
        { "user-agent;", "accept:", "Accept-Language: de" },
        { "Host: other.example", "Authorization: a b" },
        { "Cookie: a=b", "Range: bytes=1-" },
        { "x", "no colon" },
    };
    static const char *const paths[] = { "/", "/a/../b?c=d%20e&f=\xc3\xa4#g", "", "?q=1", "//x//y", "/%7e;p" };
    fixture *f = *state;
    size_t count = 0;
    sending s;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        for (size_t j = 0; j < sizeof paths / sizeof paths[0]; j++) {
            size_t have = 0;
            while (have < 6 && lines[i][have] != NULL) {
                have++;
            }
            by(&whi_transport_curl, &s, receiver_url(f->r, paths[j]), lines[i], have);
            assert_int_equal(s.request.status, 200);
            by(&whi_transport_auto, &s, receiver_url(f->r, paths[j]), lines[i], have);
            assert_int_equal(s.request.status, 200);
            assert_string_equal(receiver_get(f->r, count + 1)->head, receiver_get(f->r, count)->head);
            assert_memory_equal(receiver_get(f->r, count + 1)->body, receiver_get(f->r, count)->body, 2);
            count += 2;
        }
    }
}

static void the_same_hosts_are_named_by_both(void **state) {
    static const char *const hosts[] = { "127.0.0.1", "localhost", "LOCALHOST", "2130706433", "[::ffff:127.0.0.1]" };
    fixture *f = *state;
    char url[100];
    sending s;

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        snprintf(url, sizeof url, "HTTP://%s:%d/A", hosts[i], receiver_port(f->r));
        by(&whi_transport_curl, &s, url, NULL, 0);
        by(&whi_transport_auto, &s, url, NULL, 0);
        assert_int_equal(s.request.status, 200);
        assert_string_equal(receiver_get(f->r, 2 * i + 1)->head, receiver_get(f->r, 2 * i)->head);
    }
}

static void compare(fixture *f, const char *bytes, int fault) {
    static sending ours, theirs;

    set_raw(f->r, "/", bytes, fault);
    by(&whi_transport_curl, &theirs, receiver_url(f->r, "/"), NULL, 0);
    by(&whi_transport_auto, &ours, receiver_url(f->r, "/"), NULL, 0);
    if (ours.request.error != theirs.request.error || ours.request.status != theirs.request.status ||
        strcmp(ours.request.retry_after, theirs.request.retry_after) != 0 ||
        ours.request.response_size != theirs.request.response_size || strcmp(ours.response, theirs.response) != 0 ||
        (ours.request.message[0] == '\0') != (theirs.request.message[0] == '\0')) {
        fail_msg("%d, %d, %s, not %d, %d, %s: %s", ours.request.error, ours.request.status, ours.request.message,
                 theirs.request.error, theirs.request.status, theirs.request.message, bytes);
    }
}

/* Whatever a receiver answers: the attempt ends as it does with libcurl. */
static void the_same_answers_are_understood_by_both(void **state) {
    static const char *const all[] = {
        HEAD "Content-Length: 5\r\n\r\nhello",
        HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        HEAD "Content-Length: 5\r\n\r\nhel",
        HEAD "Content-Length: 2\r\n\r\nhello",
        HEAD "\r\nto the end",
        "HTTP/1.0 503 Busy\r\nRetry-After: 7\r\n\r\nlater",
        "HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nRetry-After: 9\r\n\r\n" HEAD "Content-Length: 1\r\n\r\na",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
        HEAD "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n",
        HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz",
        HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        HEAD "retry-after: 120\r\nRETRY-AFTER: 60 \r\nContent-Length: 0\r\n\r\n",
        HEAD "Content-Length: 0\r\n",
        HEAD,
        "HTTP/1.1 2",
        "",
        "hello\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nab",
        "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 503\nRetry-After: 7\nContent-Length: 2\n\nab",
        HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    };
    fixture *f = *state;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        compare(f, all[i], RECEIVER_RAW_CLOSE);
    }
    compare(f, HEAD "Content-Length: 5\r\nRetry-After: 3\r\n\r\nhello", RECEIVER_RAW_DRIP);
    compare(f, "HTTP/1.1 100 \r\n\r\n" HEAD "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n",
            RECEIVER_RAW_DRIP);
}

/* What libcurl makes more of than we do fails once, with one request for each attempt; then it is libcurl's. */
static void what_one_does_not_understand_is_the_others_next_time(void **state) {
    static const char *const all[] = {
        HEAD "X: a\r\n folded\r\nContent-Length: 2\r\n\r\nab",
        HEAD "X : a\r\nContent-Length: 2\r\n\r\nab",
        HEAD "no colon\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nab",
    };
    fixture *f = *state;
    static sending theirs, ours;
    wire w;

    wire_init(&w);
    w.vtable = &whi_transport_auto;
    wire_open(&w, NULL, 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int before = (int)receiver_count(f->r);
        set_raw(f->r, "/", all[i], RECEIVER_RAW_CLOSE);
        by(&whi_transport_curl, &theirs, receiver_url(f->r, "/"), NULL, 0);
        wire_fill(&w, &ours, receiver_url(f->r, "/"));
        ours.request.lane = (int64_t)i;
        assert_int_equal(wire_send(&ours), WH_OK);
        wire_run(&w, w.done_count + 1);
        assert_int_equal(ours.request.error, WH_EIO);
        assert_int_equal(receiver_count(f->r), before + 2);
        assert_int_equal(wire_send(&ours), WH_OK);
        wire_run(&w, w.done_count + 1);
        assert_int_equal(ours.request.error, theirs.request.error);
        assert_int_equal(ours.request.status, theirs.request.status);
        assert_int_equal(receiver_count(f->r), before + 3);
    }
    wire_close(&w);
}

/* --------------------------------------------------------------------- one after the other */

enum { STEPS = 400 };

typedef struct step {
    int error, status;
    char retry_after[64];
} step;

/* None that closes what it says it keeps: which request meets that is a matter of luck. */
static const receiver_answer moods[] = {
    { .status = 200 },
    { .status = 200, .body_size = 70000 },
    { .status = 204 },
    { .status = 503, .headers = "Retry-After: 3\r\n", .body_size = 10 },
    { .status = 200, .headers = "Connection: close\r\n" },
    { .status = 200, .headers = "Keep-Alive: timeout=0\r\n" },
    { .fault = RECEIVER_CLOSE },
    { .fault = RECEIVER_RESET },
    { .fault = RECEIVER_SHORT_BODY },
    { .fault = RECEIVER_BAD_CHUNK },
    { .fault = RECEIVER_ENDLESS_BODY },
    { .fault = RECEIVER_CUT_HEAD },
    { .fault = RECEIVER_MANY_HEADERS },
    { .fault = RECEIVER_HANG },
};

/* A walk through the moods over whatever connections are left by the last one, the same for both. */
static void walk(const whi_transport_vtable *vtable, step *out) {
    receiver *r = receiver_new(NULL, NULL);
    uint32_t chance = 7;
    sending s;
    wire w;

    wire_init(&w);
    w.vtable = vtable;
    wire_open(&w, NULL, 0);
    for (int i = 0; i < STEPS; i++) {
        chance = chance * 1664525 + 1013904223;
        receiver_set(r, "/", moods[(chance >> 16) % (sizeof moods / sizeof moods[0])]);
        wire_fill(&w, &s, receiver_url(r, "/"));
        s.request.lane = (chance >> 8) % 3;
        s.request.timeout =
            moods[(chance >> 16) % (sizeof moods / sizeof moods[0])].fault == RECEIVER_HANG ? 30 : 10000;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&w, i + 1);
        out[i].error = s.request.error;
        out[i].status = s.request.status;
        snprintf(out[i].retry_after, sizeof out[i].retry_after, "%s", s.request.retry_after);
    }
    wire_close(&w);
    receiver_free(r);
}

static void one_request_after_the_other_ends_the_same_by_both(void **state) {
    static step ours[STEPS], theirs[STEPS];

    (void)state;
    walk(&whi_transport_curl, theirs);
    walk(&whi_transport_auto, ours);
    for (int i = 0; i < STEPS; i++) {
        if (ours[i].error != theirs[i].error || ours[i].status != theirs[i].status ||
            strcmp(ours[i].retry_after, theirs[i].retry_after) != 0) {
            fail_msg("step %d: %d, %d, not %d, %d", i, ours[i].error, ours[i].status, theirs[i].error,
                     theirs[i].status);
        }
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_that_is_cut_leaves_the_others_alone_by_both),
        TEST(the_same_bytes_leave_by_both),
        TEST(the_same_hosts_are_named_by_both),
        TEST(the_same_answers_are_understood_by_both),
        TEST(what_one_does_not_understand_is_the_others_next_time),
        TEST(one_request_after_the_other_ends_the_same_by_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
