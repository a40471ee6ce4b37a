/* Requests out of bytes, in whole and byte after byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pure/http1.h"

#define MAXIMUM 1000
#define HOST "Host: a\r\n"

static whi_http1 found;
static char kept[70000];

static int read_bytes(const char *bytes, size_t size) {
    assert_true(size < sizeof kept);
    memcpy(kept, bytes, size);
    return whi_http1_read(&found, kept, size, MAXIMUM);
}

static int read_text(const char *text) {
    return read_bytes(text, strlen(text));
}

static void is_text(const whi_http1_text *text, const char *wanted) {
    assert_int_equal(text->size, strlen(wanted));
    assert_memory_equal(text->text, wanted, text->size);
}

/* All of it, and none of what is shorter. */
static void whole(const char *text) {
    for (size_t size = 0; size < strlen(text); size++) {
        if (read_bytes(text, size) != 0 || memcmp(kept, text, size) != 0) {
            fail_msg("%zu bytes of %s", size, text);
        }
    }
    assert_int_equal(read_text(text), 1);
    assert_int_equal(found.size, strlen(text));
}

static void a_request_is_read_in_whole(void **state) {
    (void)state;
    whole("POST /a?b=1 HTTP/1.1\r\nHost: a\r\nX-One:\t two  words \t\r\nx-empty:\r\nContent-Length: 5\r\n\r\nhe\r\no");
    is_text(&found.method, "POST");
    is_text(&found.target, "/a?b=1");
    assert_int_equal(found.field_count, 4);
    is_text(&found.fields[1].name, "X-One");
    is_text(&found.fields[1].value, "two  words");
    is_text(&found.fields[2].value, "");
    is_text(&found.body, "he\r\no");
    assert_int_equal(found.keeps, 1);
    assert_int_equal(found.minor, 1);
    whole("GET / HTTP/1.1\r\n" HOST "\r\n");
    is_text(&found.body, "");
    whole("\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(read_text("GET / HTTP/1.1\r\n" HOST "\r\nGET /2"), 1);
    assert_int_equal(found.size, strlen("GET / HTTP/1.1\r\n" HOST "\r\n"));
}

static void chunks_become_one_body(void **state) {
    (void)state;
    whole("POST / HTTP/1.1\r\n" HOST
          "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n");
    is_text(&found.body, "abc0123456789");
    whole("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1 \r\n\n\r\n0\r\nX-Sum: 1\r\nX: 2\r\n\r\n");
    is_text(&found.body, "\n");
    whole("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    is_text(&found.body, "");
}

static void a_client_that_waits_is_told_apart(void **state) {
    static const char *const heads[] = { "Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n" };
    char text[200];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n%s\r\n", heads[i]);
        assert_int_equal(read_bytes(text, strlen(text) - 1), 0);
        assert_int_equal(found.waits, 0);
        assert_int_equal(read_text(text), 0);
        assert_int_equal(found.waits, 1);
    }
    assert_int_equal(read_text("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"), 1);
    assert_int_equal(found.waits, 0);
    assert_int_equal(read_text("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"), 0);
    assert_int_equal(found.waits, 0);
}

static void a_connection_is_kept_where_nobody_says_otherwise(void **state) {
    static const struct {
        const char *head;
        int keeps;
    } all[] = { { "GET / HTTP/1.1\r\n" HOST "\r\n", 1 },
                { "GET / HTTP/1.1\r\n" HOST "Connection: Close\r\n\r\n", 0 },
                { "GET / HTTP/1.1\r\n" HOST "Connection: x, close\r\n\r\n", 0 },
                { "GET / HTTP/1.1\r\n" HOST "Connection: closed, x-close\r\n\r\n", 1 },
                { "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n", 0 },
                { "GET / HTTP/1.0\r\n\r\n", 0 } };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(read_text(all[i].head), 1);
        assert_int_equal(found.keeps, all[i].keeps);
    }
}

static void what_can_be_read_in_two_ways_is_refused(void **state) {
    static const struct {
        int status;
        const char *text;
    } all[] = {
        { 400, "GET / HTTP/1.1\n" HOST "\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST "X: a\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n" },
        { 400, "GET  / HTTP/1.1\r\n" HOST "\r\n" },
        { 400, "GET / x HTTP/1.1\r\n" HOST "\r\n" },
        { 400, "GET /\r\n\r\n" },
        { 400, "G(T / HTTP/1.1\r\n" HOST "\r\n" },
        { 400, "GET /\x80 HTTP/1.1\r\n" HOST "\r\n" },
        { 400, "GET / http/1.1\r\n" HOST "\r\n" },
        { 400, "GET / HTTP/1.12\r\n" HOST "\r\n" },
        { 400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n" },
        { 505, "GET / HTTP/2.0\r\n" HOST "\r\n" },
        { 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" },
        { 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +2\r\n\r\n{}" },
        { 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 2, 2\r\n\r\n{}" },
        { 400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n{}" },
        { 413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n" },
        { 413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999999\r\n\r\n" },
        { 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { 501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
        { 501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n" },
        { 417, "POST / HTTP/1.1\r\n" HOST "Expect: a miracle\r\nContent-Length: 0\r\n\r\n" },
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        { 400, CHUNKED "2\n{}\r\n0\r\n\r\n" },
        { 400, CHUNKED "2\r\n{}\n0\r\n\r\n" },
        { 400, CHUNKED "2\r\n{}x\r\n0\r\n\r\n" },
        { 400, CHUNKED "2 x\r\n{}\r\n0\r\n\r\n" },
        { 400, CHUNKED "0x2\r\n{}\r\n0\r\n\r\n" },
        { 400, CHUNKED "-2\r\n{}\r\n0\r\n\r\n" },
        { 400, CHUNKED "\r\n\r\n" },
        { 400, CHUNKED "0\r\nX\r\n\r\n" },
        { 413, CHUNKED "3e9\r\n" },
        { 413, CHUNKED "fffffffff\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int code = read_text(all[i].text);
        if (code != all[i].status) {
            fail_msg("%d, not %d: %s", code, all[i].status, all[i].text);
        }
    }
    assert_int_equal(read_bytes("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29), 400);
    assert_int_equal(read_bytes("GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", 28), 400);
}

static void what_does_not_end_is_refused(void **state) {
    size_t size = (size_t)snprintf(kept, sizeof kept, "GET / HTTP/1.1\r\n" HOST "X: ");

    (void)state;
    memset(kept + size, 'x', sizeof kept - size);
    assert_int_equal(whi_http1_read(&found, kept, WHI_HTTP1_HEAD, MAXIMUM), 0);
    assert_int_equal(whi_http1_read(&found, kept, WHI_HTTP1_HEAD + 1, MAXIMUM), 431);
    size = (size_t)snprintf(kept, sizeof kept, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < WHI_HTTP1_FIELDS; i++) {
        size += (size_t)snprintf(kept + size, sizeof kept - size, "X: y\r\n");
    }
    assert_int_equal(whi_http1_read(&found, kept, size, MAXIMUM), 431);
    size = (size_t)snprintf(kept, sizeof kept, CHUNKED "1;");
    memset(kept + size, 'x', sizeof kept - size);
    assert_int_equal(whi_http1_read(&found, kept, size + WHI_HTTP1_LINE, MAXIMUM), 400);
    size = (size_t)snprintf(kept, sizeof kept, CHUNKED "0\r\nX: ");
    memset(kept + size, 'x', sizeof kept - size);
    assert_int_equal(whi_http1_read(&found, kept, size + WHI_HTTP1_HEAD, MAXIMUM), 431);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_in_whole),
        cmocka_unit_test(chunks_become_one_body),
        cmocka_unit_test(a_client_that_waits_is_told_apart),
        cmocka_unit_test(a_connection_is_kept_where_nobody_says_otherwise),
        cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
        cmocka_unit_test(what_does_not_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
