/* Answers out of bytes: each in whole, in two parts at every place, and byte after byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pure/answer.h"

#define HEADS 4096
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

/* What came of the bytes. */
typedef struct outcome {
    int code;    /* the last */
    size_t used; /* bytes of the answer */
    int ends;    /* asked where the bytes end */
    whi_answer answer;
    char body[1024];
    size_t body_size;
} outcome;

static void feed(outcome *out, const char *bytes, size_t size) {
    whi_answer_bytes from = { bytes, size }, body;

    do {
        out->code = whi_answer_read(&out->answer, &from, &body);
        if (out->code == WHI_ANSWER_BODY) {
            assert_true(body.size > 0 && out->body_size + body.size <= sizeof out->body);
            assert_true(body.text >= bytes && body.text + body.size <= bytes + size);
            memcpy(out->body + out->body_size, body.text, body.size);
            out->body_size += body.size;
        } else {
            assert_int_equal(body.size, 0);
        }
    } while (out->code == WHI_ANSWER_BODY);
    out->used += size - from.size;
}

/* In two parts, or byte after byte with `split` of SIZE_MAX. */
static void read_parts(outcome *out, const char *bytes, size_t size, size_t maximum, size_t split) {
    size_t part = split == SIZE_MAX ? 1 : split;

    memset(out, 0, sizeof *out);
    memset(&out->answer, 0x55, sizeof out->answer);
    whi_answer_begin(&out->answer, maximum);
    for (size_t at = 0; at < size && out->code == WHI_ANSWER_MORE; at += part) {
        part = split == SIZE_MAX ? 1 : at == 0 ? split : size - at;
        feed(out, bytes + at, part);
    }
    out->ends = whi_answer_ends(&out->answer);
}

static void same(const outcome *one, const outcome *other, const char *bytes, size_t split) {
    int head = !one->answer.headed ||
               (one->answer.status == other->answer.status && one->answer.minor == other->answer.minor &&
                one->answer.keeps == other->answer.keeps && one->answer.keep_seconds == other->answer.keep_seconds &&
                strcmp(one->answer.retry_after, other->answer.retry_after) == 0);

    if (!head || one->code != other->code || one->used != other->used || one->ends != other->ends ||
        one->answer.headed != other->answer.headed || one->answer.head_bytes != other->answer.head_bytes ||
        one->body_size != other->body_size || memcmp(one->body, other->body, one->body_size) != 0) {
        fail_msg("otherwise when it is split at %zu: %s", split, bytes);
    }
}

static outcome read_bytes(const char *bytes, size_t size, size_t maximum) {
    static outcome whole, parts;

    read_parts(&whole, bytes, size, maximum, size);
    for (size_t split = 1; split < size; split++) {
        read_parts(&parts, bytes, size, maximum, split);
        same(&whole, &parts, bytes, split);
    }
    read_parts(&parts, bytes, size, maximum, SIZE_MAX);
    same(&whole, &parts, bytes, SIZE_MAX);
    return whole;
}

static outcome read_text(const char *text) {
    return read_bytes(text, strlen(text), HEADS);
}

/* The whole text is an answer with this body, and no shorter part of it is. */
static outcome whole(const char *text, const char *body) {
    outcome out = read_text(text), part;

    if (out.code != WHI_ANSWER_WHOLE || out.used != strlen(text) || !out.answer.headed ||
        out.body_size != strlen(body) || memcmp(out.body, body, out.body_size) != 0) {
        fail_msg("%d, %zu bytes of %s", out.code, out.used, text);
    }
    for (size_t size = 1; size < strlen(text); size++) {
        read_parts(&part, text, size, HEADS, size);
        if (part.code != WHI_ANSWER_MORE || part.ends) {
            fail_msg("%zu bytes of %s", size, text);
        }
    }
    return out;
}

static void a_length_ends_the_body(void **state) {
    outcome out = whole(OK "Content-Length: 5\r\n\r\nhe\r\no", "he\r\no");

    (void)state;
    assert_int_equal(out.answer.status, 200);
    assert_int_equal(out.answer.minor, 1);
    assert_int_equal(out.answer.keeps, 1);
    assert_int_equal(out.answer.keep_seconds, -1);
    assert_string_equal(out.answer.retry_after, "");
    whole("HTTP/1.1 500 \r\ncontent-LENGTH:0\r\n\r\n", "");
    whole(OK "Content-Length: 3\r\nX: y\r\nContent-Length:\t003 \r\n\r\nabc", "abc");
    whole("HTTP/1.1 999 A b\tc \xc3\xa4!\r\nContent-Length: 00\r\n\r\n", "");
}

static void chunks_become_one_body(void **state) {
    (void)state;
    whole(CHUNKED "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n", "abc0123456789");
    whole(OK "transfer-encoding: CHUNKED\r\n\r\n1 \r\n\n\r\n0\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n", "\n");
    whole(CHUNKED "0;last\r\n\r\n", "");
    whole(OK "Transfer-Encoding: gzip\r\nTransfer-Encoding: x, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "a");
    assert_int_equal(whole(CHUNKED "0\r\nRetry-After: 7\r\nConnection: close\r\n\r\n", "").answer.keeps, 1);
    assert_string_equal(whole(CHUNKED "0\r\nRetry-After: 7\r\n\r\n", "").answer.retry_after, "");
}

static void some_answers_have_no_body_whatever_they_say(void **state) {
    (void)state;
    assert_int_equal(whole("HTTP/1.1 204 No Content\r\n\r\n", "").answer.keeps, 1);
    assert_int_equal(whole("HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", "").answer.keeps, 1);
    assert_int_equal(whole("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "").answer.keeps, 0);
    assert_int_equal(whole("HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n", "").answer.keeps, 0);
}

static void to_the_end(const char *head, const char *body) {
    char text[300];
    outcome out;

    snprintf(text, sizeof text, "%s%s", head, body);
    out = read_text(text);
    assert_int_equal(out.code, WHI_ANSWER_MORE);
    assert_int_equal(out.ends, 1);
    assert_int_equal(out.answer.headed, 1);
    assert_int_equal(out.answer.keeps, 0);
    assert_int_equal(out.body_size, strlen(body));
    assert_memory_equal(out.body, body, out.body_size);
}

static void without_a_length_the_end_of_the_stream_is_the_bodys(void **state) {
    (void)state;
    to_the_end(OK "\r\n", "all of it\r\n");
    to_the_end(OK "\r\n", "");
    to_the_end("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", "a");
    to_the_end(OK "Transfer-Encoding: chunked, gzip\r\n\r\n", "5\r\n");
    to_the_end(OK "Transfer-Encoding: identity\r\n\r\n", "a");
    assert_int_equal(read_text(OK "Content-Length: 3\r\n\r\nab").ends, 0);
    assert_int_equal(read_text(CHUNKED "0\r\n").ends, 0);
    assert_int_equal(read_text(OK).ends, 0);
}

static void informational_heads_are_passed_over(void **state) {
    outcome out = whole("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nRetry-After: 9\r\nConnection: close\r\n"
                        "Content-Length: 7\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
                        "a");

    (void)state;
    assert_int_equal(out.answer.status, 200);
    assert_int_equal(out.answer.minor, 0);
    assert_string_equal(out.answer.retry_after, "");
    assert_int_equal(read_text("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n").code, WHI_ANSWER_OTHER);
    assert_int_equal(read_text("HTTP/1.1 102 \r\n\r\n").answer.headed, 0);
}

static void a_connection_is_kept_as_both_sides_say(void **state) {
    static const struct {
        const char *head;
        int keeps;
    } all[] = {
        { "HTTP/1.1 200 \r\n", 1 },
        { "HTTP/1.1 200 \r\nConnection: Close\r\n", 0 },
        { "HTTP/1.1 200 \r\nConnection: x,\tclose\r\n", 0 },
        { "HTTP/1.1 200 \r\nConnection: x\r\nCONNECTION:  , CLOSE ,\r\n", 0 },
        { "HTTP/1.1 200 \r\nConnection: closed, x-close\r\n", 1 },
        { "HTTP/1.1 200 \r\nConnection: keep-alive, close\r\n", 0 },
        { "HTTP/1.1 200 \r\nX-Connection: close\r\n", 1 },
        { "HTTP/1.0 200 \r\n", 0 },
        { "HTTP/1.0 200 \r\nConnection: Keep-Alive\r\n", 1 },
        { "HTTP/1.0 200 \r\nConnection: x , keep-alive\r\n", 1 },
        { "HTTP/1.0 200 \r\nConnection: keep-alives\r\n", 0 },
        { "HTTP/1.0 200 \r\nKeep-Alive: timeout=5\r\n", 0 },
        { "HTTP/1.1 200 \r\nKeep-Alive: timeout=5, max=0\r\n", 0 },
        { "HTTP/1.1 200 \r\nKeep-Alive: max=1\r\n", 1 },
    };
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        snprintf(text, sizeof text, "%sContent-Length: 0\r\n\r\n", all[i].head);
        if (whole(text, "").answer.keeps != all[i].keeps) {
            fail_msg("not %d: %s", all[i].keeps, text);
        }
    }
}

static void how_long_it_is_kept_is_read_in_all_its_spellings(void **state) {
    static const struct {
        const char *value;
        int64_t seconds;
    } all[] = {
        { "timeout=5", 5 },
        { "timeout=5, max=100", 5 },
        { "max=100,Timeout = 7", 7 },
        { "TIMEOUT=\"15\"", 15 },
        { "timeout=0", 0 },
        { "timeout=9, timeout=3", 3 },
        { "300", -1 },
        { "timeout", -1 },
        { "timeout=", -1 },
        { "timeout=-5", -1 },
        { "timeout=5s", -1 },
        { "timeout=\"", -1 },
        { "timeout=99999999999999999999", -1 },
        { "xtimeout=5", -1 },
        { "", -1 },
    };
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        snprintf(text, sizeof text, OK "Keep-Alive: %s\r\nContent-Length: 0\r\n\r\n", all[i].value);
        if (whole(text, "").answer.keep_seconds != all[i].seconds) {
            fail_msg("not %d: %s", (int)all[i].seconds, text);
        }
    }
}

static void retry_after_is_handed_on(void **state) {
    char text[400], value[100];

    (void)state;
    assert_string_equal(whole(OK "retry-AFTER:   120 \r\nContent-Length: 0\r\n\r\n", "").answer.retry_after, "120");
    assert_string_equal(
        whole(OK "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n", "").answer.retry_after,
        "Fri, 31 Dec 1999 23:59:59 GMT");
    memset(value, 'x', sizeof value);
    snprintf(text, sizeof text, OK "Retry-After: %.63s\r\nContent-Length: 0\r\n\r\n", value);
    assert_int_equal(strlen(whole(text, "").answer.retry_after), 63);
    snprintf(text, sizeof text, OK "Retry-After: 1\r\nRetry-After: %.64s\r\nContent-Length: 0\r\n\r\n", value);
    assert_string_equal(whole(text, "").answer.retry_after, "");
}

/* What has so many letters that nobody looks at it may frame nothing. */
static void values_without_measure_are_refused_or_passed_over(void **state) {
    static const struct {
        const char *name;
        int code;
    } all[] = { { "Connection", WHI_ANSWER_BAD },        { "Content-Length", WHI_ANSWER_BAD },
                { "Transfer-Encoding", WHI_ANSWER_BAD }, { "Keep-Alive", WHI_ANSWER_WHOLE },
                { "Retry-After", WHI_ANSWER_WHOLE },     { "X-Other", WHI_ANSWER_WHOLE } };
    char text[600], value[WHI_ANSWER_VALUE + 1];

    (void)state;
    memset(value, '0', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        snprintf(text, sizeof text, OK "Content-Length: 0\r\n%s: %s\r\n\r\n", all[i].name, value);
        assert_int_equal(read_text(text).code, all[i].code);
    }
}

/* Its status is beyond doubt, and whatever else is not, the connection does not matter any more. */
static void what_servers_often_do_is_an_answer(void **state) {
    static const struct {
        const char *head, *body;
        int keeps;
    } all[] = {
        { "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", 1 },
        { "HTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", "a", 1 },
        { "HTTP/1.1 100\r\n\r\nHTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", 1 },
        { "HTTP/1.1 200\nContent-Length: 2\n\nab", "ab", 0 },
        { "HTTP/1.1 200 OK\nContent-Length: 2\n\nab", "ab", 0 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nab", "ab", 0 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nab", "ab", 0 },
        { "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 0 },
        { OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        outcome out = whole(all[i].head, all[i].body);
        if (out.answer.status != 200 || out.answer.keeps != all[i].keeps) {
            fail_msg("%d, kept %d: %s", out.answer.status, out.answer.keeps, all[i].head);
        }
    }
    assert_string_equal(whole("HTTP/1.1 503\nRetry-After: 7\nContent-Length: 0\n\n", "").answer.retry_after, "7");
}

static void what_is_no_plain_answer_is_refused(void **state) {
    static const char *const all[] = {
        "\r\n" OK "\r\n",
        "hello\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 \x01\r\n\r\n",
        OK "X: a\r\r\n\r\n",
        OK "X: a\rb\r\n\r\n",
        OK "X: a\r\n b\r\n\r\n",
        OK "X: a\r\n\tb\r\n\r\n",
        OK " X: a\r\n\r\n",
        OK "X : a\r\n\r\n",
        OK "X\r\n\r\n",
        OK ": a\r\n\r\n",
        OK "X(: a\r\n\r\n",
        OK "X\x80: a\r\n\r\n",
        OK "X: a\x7f\r\n\r\n",
        OK "X: a\r\n\rb",
        OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\n",
        OK "Content-Length: 2, 2\r\n\r\n",
        OK "Content-Length: +2\r\n\r\n",
        OK "Content-Length: -2\r\n\r\n",
        OK "Content-Length: 0x2\r\n\r\n",
        OK "Content-Length:\r\n\r\n",
        OK "Content-Length: 9223372036854775808\r\n\r\n",
        OK "Content-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\n",
        OK "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n",
        OK "Transfer-Encoding:\r\n\r\n",
        OK "Transfer-Encoding: chunked,\r\n\r\n",
        OK "Transfer-Encoding: chunked, chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        outcome out = read_text(all[i]);
        if (out.code != WHI_ANSWER_BAD || out.answer.headed) {
            fail_msg("%d: %s", out.code, all[i]);
        }
    }
    assert_int_equal(read_bytes(OK "X: a\0b\r\n\r\n", strlen(OK) + 10, HEADS).code, WHI_ANSWER_BAD);
    assert_int_equal(read_bytes(OK "X\0: ab\r\n\r\n", strlen(OK) + 11, HEADS).code, WHI_ANSWER_BAD);
    assert_int_equal(read_bytes("HTTP/1.1 200 \0\r\n\r\n", 18, HEADS).code, WHI_ANSWER_BAD);
}

static void a_body_that_is_framed_badly_leaves_the_head_as_it_is(void **state) {
    static const char *const all[] = {
        CHUNKED "2\n{}\r\n0\r\n\r\n",
        CHUNKED "2\r\n{}\n0\r\n\r\n",
        CHUNKED "2\r\n{}x\r\n0\r\n\r\n",
        CHUNKED "2 x\r\n{}\r\n0\r\n\r\n",
        CHUNKED "0x2\r\n{}\r\n0\r\n\r\n",
        CHUNKED "-2\r\n{}\r\n0\r\n\r\n",
        CHUNKED "\r\n\r\n",
        CHUNKED "0\r\nX\r\n\r\n",
        CHUNKED "0\r\nX: a\n\r\n",
        CHUNKED "0\r\n\n",
        CHUNKED "0\r\n folded\r\n\r\n",
        CHUNKED "zz\r\nxx\r\n",
        CHUNKED "1000000000000000\r\n",
        CHUNKED "0000000000000001\r\n",
        CHUNKED "2;a\n{}\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        outcome out = read_text(all[i]);
        if (out.code != WHI_ANSWER_BAD || !out.answer.headed || out.answer.status != 200) {
            fail_msg("%d: %s", out.code, all[i]);
        }
    }
    assert_int_equal(read_text(CHUNKED "fffffffffffffff\r\nab").body_size, 2);
}

static void what_lies_behind_it_is_none_of_it(void **state) {
    static const char *const all[] = { OK "Content-Length: 2\r\n\r\nab", CHUNKED "2\r\nab\r\n0\r\nX: y\r\n\r\n",
                                       "HTTP/1.1 204 \r\n\r\n", OK "Content-Length: 0\r\n\r\n" };
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        outcome out;
        snprintf(text, sizeof text, "%s%s", all[i], OK);
        out = read_text(text);
        assert_int_equal(out.code, WHI_ANSWER_WHOLE);
        assert_int_equal(out.used, strlen(all[i]));
    }
}

static void heads_and_trailers_have_a_limit_together(void **state) {
    static const char text[] = "HTTP/1.1 100 \r\n\r\n" CHUNKED "2\r\nab\r\n0\r\nX: y\r\n\r\n";
    size_t heads = strlen("HTTP/1.1 100 \r\n\r\n" CHUNKED), trailers = strlen("X: y\r\n\r\n");

    (void)state;
    assert_int_equal(read_bytes(text, strlen(text), heads + trailers).code, WHI_ANSWER_WHOLE);
    for (size_t maximum = 0; maximum < heads + trailers; maximum++) {
        outcome out = read_bytes(text, strlen(text), maximum);
        assert_int_equal(out.code, WHI_ANSWER_LONG);
        assert_int_equal(out.answer.headed, maximum >= heads);
        assert_int_equal(out.answer.head_bytes, maximum);
    }
}

static void what_stands_between_chunks_has_a_limit_each_time(void **state) {
    char text[3 * WHI_ANSWER_CHUNK_LINE], extension[WHI_ANSWER_CHUNK_LINE];
    outcome out;
    int size;

    (void)state;
    memset(extension, 'x', sizeof extension);
    size = snprintf(text, sizeof text, CHUNKED "1;%.*s\r\na\r\n1;%.*s\r\nb\r\n0\r\n\r\n", WHI_ANSWER_CHUNK_LINE - 4,
                    extension, WHI_ANSWER_CHUNK_LINE - 6, extension);
    read_parts(&out, text, (size_t)size, HEADS, (size_t)size);
    assert_int_equal(out.code, WHI_ANSWER_WHOLE);
    assert_int_equal(out.body_size, 2);
    size = snprintf(text, sizeof text, CHUNKED "1;%.*s\r\n", WHI_ANSWER_CHUNK_LINE - 3, extension);
    read_parts(&out, text, (size_t)size, HEADS, (size_t)size);
    assert_int_equal(out.code, WHI_ANSWER_LONG);
    read_parts(&out, text, (size_t)size, HEADS, SIZE_MAX);
    assert_int_equal(out.code, WHI_ANSWER_LONG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_ends_the_body),
        cmocka_unit_test(chunks_become_one_body),
        cmocka_unit_test(some_answers_have_no_body_whatever_they_say),
        cmocka_unit_test(without_a_length_the_end_of_the_stream_is_the_bodys),
        cmocka_unit_test(informational_heads_are_passed_over),
        cmocka_unit_test(a_connection_is_kept_as_both_sides_say),
        cmocka_unit_test(how_long_it_is_kept_is_read_in_all_its_spellings),
        cmocka_unit_test(retry_after_is_handed_on),
        cmocka_unit_test(values_without_measure_are_refused_or_passed_over),
        cmocka_unit_test(what_servers_often_do_is_an_answer),
        cmocka_unit_test(what_is_no_plain_answer_is_refused),
        cmocka_unit_test(a_body_that_is_framed_badly_leaves_the_head_as_it_is),
        cmocka_unit_test(what_lies_behind_it_is_none_of_it),
        cmocka_unit_test(heads_and_trailers_have_a_limit_together),
        cmocka_unit_test(what_stands_between_chunks_has_a_limit_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
