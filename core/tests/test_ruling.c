/* What a response rule may say, and what it sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "insides.h"
#include "pure/ruling.h"

#define NOW INT64_C(1795000000000)

static whi_ruling ruling;

static int read(const char *text) {
    return whi_ruling_read(&ruling, text, strlen(text), NOW);
}

static void assert_refused(const char *text, const char *sentence) {
    assert_int_equal(read(text), WH_ERULE_RESULT);
    assert_non_null(strstr(wh_last_error(), sentence));
    assert_int_equal(ruling.outcome, WHI_RULED_ORDINARY);
    assert_int_equal(ruling.wait, -1);
}

static void each_outcome_is_read(void **state) {
    (void)state;
    assert_int_equal(read("{}"), WH_OK);
    assert_int_equal(ruling.outcome, WHI_RULED_ORDINARY);
    assert_int_equal(read("{\"outcome\":\"success\"}"), WH_OK);
    assert_int_equal(ruling.outcome, WHI_RULED_SUCCESS);
    assert_int_equal(read("{\"outcome\":\"retry\"}"), WH_OK);
    assert_int_equal(ruling.outcome, WHI_RULED_RETRY);
    assert_int_equal(ruling.wait, -1);
    assert_int_equal(read("{\"outcome\":\"give_up\"}"), WH_OK);
    assert_int_equal(ruling.outcome, WHI_RULED_GIVE_UP);
    assert_int_equal(read("{\"outcome\":\"disable\"}"), WH_OK);
    assert_int_equal(ruling.outcome, WHI_RULED_DISABLE);
}

static void times_are_in_seconds_or_a_moment(void **state) {
    (void)state;
    assert_int_equal(read("{\"outcome\":\"retry\",\"after\":1.5}"), WH_OK);
    assert_int_equal(ruling.wait, 1500);
    assert_int_equal(read("{\"outcome\":\"retry\",\"at\":1795000007000}"), WH_OK);
    assert_int_equal(ruling.wait, 7000);
    assert_int_equal(read("{\"outcome\":\"retry\",\"at\":1}"), WH_OK);
    assert_int_equal(ruling.wait, 0);
    assert_int_equal(read("{\"pause\":60}"), WH_OK);
    assert_int_equal(ruling.pause, 60000);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    assert_refused("[]", "a response rule returns nothing, or a table");
    assert_refused("{\"outcome\":\"maybe\"}", "outcome: expected");
    assert_refused("{\"outcome\":1}", "outcome: expected");
    assert_refused("{\"outcome\":\"retry\",\"after\":-1}", "after: expected 0 to 2592000 seconds");
    assert_refused("{\"outcome\":\"retry\",\"after\":2592001}", "after: expected");
    assert_refused("{\"outcome\":\"retry\",\"after\":\"1\"}", "after: expected");
    assert_refused("{\"outcome\":\"retry\",\"at\":1797592001000}", "at: expected");
    assert_refused("{\"outcome\":\"retry\",\"at\":9223372036854775807}", "at: expected");
    assert_refused("{\"outcome\":\"retry\",\"at\":1,\"after\":1}", "at: expected none beside after");
    assert_refused("{\"after\":1}", "without the outcome");
    assert_refused("{\"pause\":86401}", "pause: expected 0 to 86400 seconds");
    assert_refused("{\"reason\":{}}", "reason: expected a text");
    assert_refused("{\"outcom\":\"retry\"}", "expected no members but");
}

static void assert_said(const char *text, const char *sentence) {
    char said[WHI_RULING_SENTENCE];

    assert_int_equal(read(text), WH_OK);
    whi_ruling_say(&ruling, said);
    assert_string_equal(said, sentence);
}

static void what_it_says_is_told(void **state) {
    (void)state;
    assert_said("{}", "");
    assert_said("{\"outcome\":\"success\"}", "response rule: success");
    assert_said("{\"outcome\":\"retry\",\"after\":30,\"pause\":60,\"reason\":\"a\\nb\"}",
                "response rule: retry in 30000 ms, pause of 60000 ms: a b");
    assert_said("{\"reason\":\"seen\"}", "response rule: ordinary: seen");
}

static void a_long_reason_is_cut_between_letters(void **state) {
    whi_buf text;

    (void)state;
    whi_buf_init(&text, 400);
    whi_buf_text(&text, "{\"reason\":\"");
    for (int i = 0; i < 100; i++) {
        whi_buf_text(&text, "\xc3\xa4");
    }
    whi_buf_text(&text, "\"}");
    assert_int_equal(read(text.data), WH_OK);
    whi_buf_free(&text);
    assert_int_equal(strlen(ruling.reason), 126);
    assert_int_equal((unsigned char)ruling.reason[125], 0xa4);
}

static void assert_answer(const char *lines, const char *body, const char *expected) {
    whi_buf given, out;

    whi_buf_init(&given, WHI_RULING_LINES);
    whi_buf_init(&out, 65536);
    whi_buf_text(&given, lines);
    whi_ruling_answer(&out, 429, &given, body, strlen(body), 3);
    assert_int_equal(whi_buf_status(&out), WH_OK);
    assert_string_equal(out.data, expected);
    whi_buf_free(&given);
    whi_buf_free(&out);
}

static void an_answer_is_a_document(void **state) {
    (void)state;
    assert_answer("", "", "{\"status\":429,\"headers\":{},\"body\":\"\",\"attempt\":3}");
    assert_answer("Retry-After:  5 \r\nX-A: 1\r\nno field\r\nx-a: 2\r\n", "{\"e\":1}\xff",
                  "{\"status\":429,\"headers\":{\"retry-after\":\"5\",\"x-a\":\"1, 2\"},"
                  "\"body\":\"{\\\"e\\\":1}\xef\xbf\xbd\",\"attempt\":3}");
}

static void so_many_lines_are_seen(void **state) {
    whi_buf given, out;

    (void)state;
    whi_buf_init(&given, WHI_RULING_LINES);
    whi_buf_init(&out, 65536);
    for (int i = 0; i < WHI_RULING_HEADERS + 1; i++) {
        whi_buf_format(&given, "h%d: x\n", i);
    }
    whi_ruling_answer(&out, 200, &given, NULL, 0, 1);
    assert_non_null(strstr(out.data, "\"h99\":"));
    assert_null(strstr(out.data, "\"h100\":"));
    whi_buf_free(&given);
    whi_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_outcome_is_read),
        cmocka_unit_test(times_are_in_seconds_or_a_moment),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(what_it_says_is_told),
        cmocka_unit_test(a_long_reason_is_cut_between_letters),
        cmocka_unit_test(an_answer_is_a_document),
        cmocka_unit_test(so_many_lines_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
