/* The error of a thread: code, sentence and parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/error.h"

static void assert_parts(const char *field, int64_t index, int64_t line) {
    assert_string_equal(wh_last_error_field(), field);
    assert_int_equal(wh_last_error_index(), index);
    assert_int_equal(wh_last_error_line(), line);
}

static void assert_place(const char *place) {
    char found[WHI_PLACE_SIZE];

    whi_error_place(whi_error_last(), found);
    assert_string_equal(found, place);
}

static void assert_reason(const char *reason) {
    assert_string_equal(wh_last_error() + whi_error_last()->reason, reason);
}

static void every_code_has_a_name_a_group_and_a_text(void **state) {
    (void)state;
#define WH_X(code, number, name, group, text)                                                                          \
    assert_string_equal(wh_error_name(code), name);                                                                    \
    assert_string_equal(wh_error_group(number), group);                                                                \
    assert_true(strlen(wh_error_text(code)) > 0);
    WH_ERRORS(WH_X)
#undef WH_X
    assert_string_equal(wh_error_name(0), "ok");
    assert_string_equal(wh_error_name(-7), "unknown");
}

static void an_error_keeps_its_sentence_and_takes_words_in_front(void **state) {
    (void)state;
    assert_int_equal(whi_fail(WH_EINVALID, "url: %s", "no host"), WH_EINVALID);
    assert_int_equal(whi_fail_within(WH_EINVALID, "event %d", 3), WH_EINVALID);
    assert_string_equal(wh_last_error(), "event 3: url: no host");
    assert_parts("", -1, 0);
    whi_error_clear();
    assert_string_equal(wh_last_error(), "");
}

static void a_long_sentence_is_cut_and_stays_terminated(void **state) {
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    whi_fail(WH_EINVALID, "%s", text);
    whi_fail_within(WH_EINVALID, "%s", text);
    assert_int_equal(strlen(wh_last_error()), WHI_ERROR_SIZE - 1);
}

static void a_sentence_is_one_line_whatever_name_stands_in_it(void **state) {
    (void)state;
    whi_fail_field(WH_EINVALID, "headers.a\n", "found \"\r\x7f\"");
    assert_string_equal(wh_last_error(), "headers.a?: found \"??\"");
    whi_fail_within(WH_EINVALID, "subscription\tb");
    assert_string_equal(wh_last_error(), "subscription?b: headers.a?: found \"??\"");
}

static void a_failure_sets_all_parts_anew(void **state) {
    (void)state;
    whi_fail_item(WH_EINVALID, "secrets", 2, "given twice");
    assert_string_equal(wh_last_error(), "secrets[2]: given twice");
    assert_parts("secrets", 2, 0);
    assert_place("secrets[2]");
    assert_reason("given twice");
    assert_int_equal(whi_fail_field(WH_ENOTFOUND, "id", "no such %s", "token"), WH_ENOTFOUND);
    assert_string_equal(wh_last_error(), "id: no such token");
    assert_parts("id", -1, 0);
    assert_place("id");
    assert_reason("no such token");
    whi_fail(WH_ENOMEM, "url: not a field");
    assert_parts("", -1, 0);
    assert_place("");
    assert_reason("url: not a field");
    whi_fail_field(WH_EINVALID, NULL, "expected a text");
    assert_string_equal(wh_last_error(), "expected a text");
    assert_parts("", -1, 0);
}

static void a_field_that_the_sentence_has_is_not_said_twice(void **state) {
    (void)state;
    whi_fail_field(WH_EINVALID, "id", "expected digits");
    assert_int_equal(wh_fail_field(WH_EINVALID, "id", wh_last_error()), WH_EINVALID);
    assert_string_equal(wh_last_error(), "id: expected digits");
    assert_parts("id", -1, 0);
    assert_reason("expected digits");
    wh_fail_field(WH_EINVALID, "id", "ids: expected");
    assert_string_equal(wh_last_error(), "id: ids: expected");
    wh_fail_field(WH_EINVALID, "id", "id:expected");
    assert_string_equal(wh_last_error(), "id: id:expected");
}

static void a_field_in_front_is_the_part(void **state) {
    (void)state;
    whi_fail_field(WH_ESECRET, "secret", "expected base64");
    assert_int_equal(whi_fail_within_item(WH_ESECRET, "secrets", 1), WH_ESECRET);
    assert_string_equal(wh_last_error(), "secrets[1]: secret: expected base64");
    assert_parts("secrets", 1, 0);
    assert_reason("secret: expected base64");
    whi_fail(WH_EJSON, "at byte 3: expected a value");
    whi_fail_within_field(WH_EJSON, "payload");
    assert_string_equal(wh_last_error(), "payload: at byte 3: expected a value");
    assert_parts("payload", -1, 0);
    whi_fail_within_event(WH_EJSON, 7);
    assert_string_equal(wh_last_error(), "event 7: payload: at byte 3: expected a value");
    assert_parts("payload", 7, 0);
    assert_place("events[7].payload");
    assert_reason("at byte 3: expected a value");
}

static void an_event_without_a_field_is_a_place_too(void **state) {
    (void)state;
    whi_fail(WH_EINVALID, "expected an object");
    whi_fail_within_event(WH_EINVALID, 0);
    assert_parts("", 0, 0);
    assert_place("events[0]");
    assert_reason("expected an object");
}

static void a_rules_line_stays_with_the_field(void **state) {
    wh_rule_error error = { 3, "no" }, nowhere = { 0, "" };

    (void)state;
    assert_int_equal(whi_fail_rule(WH_ERULE_SYNTAX, &error), WH_ERULE_SYNTAX);
    assert_string_equal(wh_last_error(), "rule: line 3: no");
    assert_parts("rule", -1, 3);
    assert_reason("no");
    whi_fail_within_field(WH_ERULE_SYNTAX, "subscription");
    assert_parts("subscription", -1, 3);
    assert_reason("no");
    whi_fail_rule(WH_ERULE_TIME, &nowhere);
    assert_string_equal(wh_last_error(), "rule: the rule used its CPU time up");
    assert_parts("rule", -1, 0);
}

static void a_field_can_get_another_name(void **state) {
    (void)state;
    whi_fail_field(WH_EINVALID, "url", "no host");
    assert_int_equal(whi_fail_renamed(WH_EINVALID, "hook_url"), WH_EINVALID);
    assert_string_equal(wh_last_error(), "hook_url: no host");
    assert_parts("hook_url", -1, 0);
}

static void what_was_said_can_be_said_again_with_a_field(void **state) {
    (void)state;
    whi_fail(WH_EIO, "no room");
    assert_int_equal(wh_fail_field(WH_EIO, "disk", wh_last_error()), WH_EIO);
    assert_string_equal(wh_last_error(), "disk: no room");
    assert_parts("disk", -1, 0);
    assert_int_equal(wh_fail(WH_EIO, wh_last_error() + 6), WH_EIO);
    assert_string_equal(wh_last_error(), "no room");
    assert_parts("", -1, 0);
}

static void an_item_can_take_the_fields_place(void **state) {
    (void)state;
    whi_fail_field(WH_ESECRET, "secret", "expected base64");
    assert_int_equal(whi_fail_renamed_item(WH_ESECRET, "secrets", 1), WH_ESECRET);
    assert_string_equal(wh_last_error(), "secrets[1]: expected base64");
    assert_parts("secrets", 1, 0);
}

static void too_many_bytes_are_known_as_such_wherever_they_were(void **state) {
    (void)state;
    assert_int_equal(whi_fail_size("payload", 12, 10), WH_ELIMIT);
    assert_string_equal(wh_last_error(), "payload: 12 bytes are more than the limit of 10");
    assert_true(whi_error_last()->is_of_size);
    whi_fail_within_event(WH_ELIMIT, 1);
    assert_true(whi_error_last()->is_of_size);
    whi_fail_within_field(WH_ELIMIT, "event");
    assert_true(whi_error_last()->is_of_size);
    whi_fail_field(WH_ELIMIT, "count", "3 events are more than the limit of 2");
    assert_false(whi_error_last()->is_of_size);
}

static void an_error_is_kept_and_made_the_last_again(void **state) {
    whi_error kept;

    (void)state;
    whi_fail_item(WH_EINVALID, "allow", 4, "expected an address");
    kept = *whi_error_last();
    whi_fail(WH_ESTORE, "the disk");
    assert_int_equal(whi_error_again(WH_EINVALID, &kept), WH_EINVALID);
    assert_string_equal(wh_last_error(), "allow[4]: expected an address");
    assert_parts("allow", 4, 0);
    assert_int_equal(whi_error_again(WH_EINVALID, whi_error_last()), WH_EINVALID);
    assert_parts("allow", 4, 0);
}

static void a_part_that_is_too_long_is_cut_and_the_sentence_is_not(void **state) {
    char name[300];

    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    whi_fail_field(WH_EINVALID, name, "unknown");
    assert_int_equal(strlen(wh_last_error_field()), WHI_FIELD_SIZE - 1);
    assert_int_equal(strlen(wh_last_error()), sizeof name - 1 + strlen(": unknown"));
    assert_reason("unknown");
    for (int i = 0; i < 5; i++) { /* pushed out at the end, bit by bit */
        whi_fail_within(WH_EINVALID, "%s", name);
        assert_true(whi_error_last()->reason <= strlen(wh_last_error()));
    }
    whi_fail_field(WH_EINVALID, "field", "%s%s", name, name);
    whi_fail_within_field(WH_EINVALID, wh_last_error_field());
    assert_parts("field", -1, 0);
    assert_int_equal(strlen(wh_last_error()), WHI_ERROR_SIZE - 1);
}

static void *fail_elsewhere(void *payload) {
    (void)payload;
    assert_parts("", -1, 0);
    whi_fail_item(WH_EINVALID, "retry", 9, "expected an integer");
    return NULL;
}

static void each_thread_has_its_own(void **state) {
    pthread_t thread;

    (void)state;
    whi_fail_field(WH_EINVALID, "mine", "wrong");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_parts("mine", -1, 0);
}

static void parts_of_others_can_name_their_field(void **state) {
    (void)state;
    assert_int_equal(wh_fail_field(WH_EINVALID, "port", "expected 0 to 65535"), WH_EINVALID);
    assert_string_equal(wh_last_error(), "port: expected 0 to 65535");
    assert_parts("port", -1, 0);
    assert_int_equal(wh_fail(WH_EIO, "port 5: in use"), WH_EIO);
    assert_parts("", -1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_a_group_and_a_text),
        cmocka_unit_test(an_error_keeps_its_sentence_and_takes_words_in_front),
        cmocka_unit_test(a_long_sentence_is_cut_and_stays_terminated),
        cmocka_unit_test(a_sentence_is_one_line_whatever_name_stands_in_it),
        cmocka_unit_test(a_failure_sets_all_parts_anew),
        cmocka_unit_test(a_field_that_the_sentence_has_is_not_said_twice),
        cmocka_unit_test(a_field_in_front_is_the_part),
        cmocka_unit_test(an_event_without_a_field_is_a_place_too),
        cmocka_unit_test(a_rules_line_stays_with_the_field),
        cmocka_unit_test(a_field_can_get_another_name),
        cmocka_unit_test(what_was_said_can_be_said_again_with_a_field),
        cmocka_unit_test(an_item_can_take_the_fields_place),
        cmocka_unit_test(too_many_bytes_are_known_as_such_wherever_they_were),
        cmocka_unit_test(an_error_is_kept_and_made_the_last_again),
        cmocka_unit_test(a_part_that_is_too_long_is_cut_and_the_sentence_is_not),
        cmocka_unit_test(each_thread_has_its_own),
        cmocka_unit_test(parts_of_others_can_name_their_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
