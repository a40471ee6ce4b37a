/* What a server of NATS says, whole, in parts, and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pure/nats.h"
#include "webhook.h"

static whi_nats_said read_text(const char *text) {
    whi_nats_said said;

    whi_nats_read(text, strlen(text), &said);
    return said;
}

static void check_text(const char *found, size_t size, const char *expected) {
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(found, expected, size);
}

static void lines_and_messages_are_told_apart(void **state) {
    static const char message[] = "MSG _INBOX.a.7 1 11\r\n{\"seq\":\r\n1}\r\nPING\r\n";
    static const char empty[] = "HMSG _INBOX.a.7 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";
    static const char headed[] = "hmsg a 1 reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
    whi_nats_said said;

    (void)state;
    assert_int_equal(read_text("PING\r\n").kind, WHI_NATS_PING);
    assert_int_equal(read_text("PONG\r\n").kind, WHI_NATS_PONG);
    assert_int_equal(read_text("+OK\r\n").kind, WHI_NATS_OK);
    said = read_text("-ERR 'Authorization Violation'\r\n");
    assert_int_equal(said.kind, WHI_NATS_ERROR);
    check_text(said.text, said.size, "Authorization Violation");
    said = read_text("INFO {\"a\":1} \r\nrest");
    assert_int_equal(said.kind, WHI_NATS_INFO);
    assert_int_equal(said.taken, 15);
    check_text(said.text, said.size, "{\"a\":1}");
    said = read_text(message);
    assert_int_equal(said.kind, WHI_NATS_MESSAGE);
    assert_int_equal(said.taken, sizeof message - 1 - 6);
    check_text(said.subject, said.subject_size, "_INBOX.a.7");
    check_text(said.text, said.size, "{\"seq\":\r\n1}");
    assert_int_equal(said.status, 0);
    said = read_text(empty);
    assert_int_equal(said.status, 503);
    assert_int_equal(said.size, 0);
    said = read_text(headed);
    assert_int_equal(said.kind, WHI_NATS_MESSAGE);
    assert_int_equal(said.status, 0);
    check_text(said.text, said.size, "hi");
}

static void what_has_not_come_is_waited_for(void **state) {
    static const char all[] = "HMSG a 1 16 18\r\nNATS/1.0 408\r\n\r\nhi\r\n";
    whi_nats_said said;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof all - 1; i++) {
        char *part = malloc(i + 1); /* where more is read, the address sanitizer says so */
        assert_non_null(part);
        memcpy(part, all, i);
        whi_nats_read(part, i, &said);
        assert_int_equal(said.kind, WHI_NATS_MORE);
        assert_int_equal(said.taken, 0);
        free(part);
    }
    assert_int_equal(read_text(all).status, 408);
}

static void what_is_wrong_or_too_much_is_said_at_once(void **state) {
    static const char *const wrong[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "\r\n",
        "PING\n",
        "PINGS\r\n",
        "MSG a 1\r\n",
        "MSG a 1 b c 3\r\nabc\r\n",
        "MSG a 1 -3\r\n",
        "MSG a 1 65537\r\n",
        "MSG a 1 99999999999999999999999\r\n",
        "MSG a 1 2\r\nabc\r\n",
        "HMSG a 1 4 3\r\nabc\r\n",
        "HMSG a 1 3\r\nabc\r\n",
    };
    static char line[WHI_NATS_LINE_MAXIMUM + 2];
    whi_nats_said said;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (read_text(wrong[i]).kind != WHI_NATS_WRONG) {
            fail_msg("%s", wrong[i]);
        }
    }
    memset(line, 'x', sizeof line);
    whi_nats_read(line, WHI_NATS_LINE_MAXIMUM - 1, &said);
    assert_int_equal(said.kind, WHI_NATS_MORE);
    whi_nats_read(line, WHI_NATS_LINE_MAXIMUM, &said);
    assert_int_equal(said.kind, WHI_NATS_WRONG);
}

static void subjects_are_names_with_dots_between(void **state) {
    static const char *const good[] = { "a", "order.created", "a.b-c_d.E9", "\xc3\xa4.b", "$JS.API.INFO" };
    static const char *const bad[] = { "", ".", ".a", "a.", "a..b", "a.*", "a.>", "a b", "a\t", "a\n", "a\x7f", "*" };
    char longest[WHI_NATS_SUBJECT_SIZE + 1];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(whi_nats_subject_is_good(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(whi_nats_subject_is_good(bad[i]));
    }
    memset(longest, 'a', sizeof longest);
    longest[WHI_NATS_SUBJECT_SIZE] = '\0';
    assert_false(whi_nats_subject_is_good(longest));
    longest[WHI_NATS_SUBJECT_SIZE - 1] = '\0';
    assert_true(whi_nats_subject_is_good(longest));
}

static void documents_say_what_a_server_is_and_what_a_stream_has(void **state) {
    static const char info[] = "{\"max_payload\":1048576,\"tls_available\":true,\"headers\":true}";
    static const char taken[] = "{\"stream\":\"S\",\"seq\":7,\"duplicate\":true}";
    static const char refused[] =
        "{\"type\":\"x\",\"error\":{\"code\":400,\"err_code\":10054,\"description\":\"too \\u0022big\"}}";
    static const char both[] = "{\"stream\":\"S\",\"error\":{}}";
    whi_json scratch = { 0 };
    whi_nats_answer answer;
    whi_nats_info found;

    (void)state;
    assert_int_equal(whi_nats_info_read(&found, &scratch, info, sizeof info - 1), WH_OK);
    assert_int_equal(found.max_payload, 1048576);
    assert_int_equal(found.has_tls, 1);
    assert_int_equal(found.wants_tls, 0);
    assert_int_equal(found.has_headers, 1);
    assert_int_equal(whi_nats_answer_read(&answer, &scratch, taken, sizeof taken - 1), WH_OK);
    assert_int_equal(answer.has_stream, 1);
    assert_int_equal(answer.code, 0);
    assert_int_equal(whi_nats_answer_read(&answer, &scratch, refused, sizeof refused - 1), WH_OK);
    assert_int_equal(answer.has_stream, 0);
    assert_int_equal(answer.code, 400);
    assert_int_equal(answer.err_code, WHI_NATS_TOO_LARGE);
    assert_string_equal(answer.description, "too \"big");
    assert_int_equal(whi_nats_answer_read(&answer, &scratch, both, sizeof both - 1), WH_OK);
    assert_int_equal(answer.has_stream, 0);
    assert_int_equal(whi_nats_answer_read(&answer, &scratch, "[]", 2), WH_EJSON);
    assert_int_equal(whi_nats_answer_read(&answer, &scratch, "+ACK", 4), WH_EJSON);
    whi_json_free(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_messages_are_told_apart),
        cmocka_unit_test(what_has_not_come_is_waited_for),
        cmocka_unit_test(what_is_wrong_or_too_much_is_said_at_once),
        cmocka_unit_test(subjects_are_names_with_dots_between),
        cmocka_unit_test(documents_say_what_a_server_is_and_what_a_stream_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
