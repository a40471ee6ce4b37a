/* What a rule's writer is told, and what an editor puts into a file that is no fault of his. */
#include "rule_fixture.h"

#define R WH_ERULE_RUNTIME

static void a_misused_null_says_which_field_it_was(void **state) {
    static const char payload[] =
        "{\"total\":null,\"a\":{\"b\":[1,null]},\"c\":null,\"d\":null,\"\\u0001x\":{\"y\":null}}";
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    f.meta = "{\"rate\":null}";
    ERROR(&f, "return {payload.total + 1}", payload, R, "this operation is not for null (payload.total is null)");
    ERROR(&f, "return {1 .. payload.a.b[2]}", payload, R, "not for null (payload.a.b[2] is null)");
    ERROR(&f, "return {payload.total < 1}", payload, R, "not for null (payload.total is null)");
    ERROR(&f, "return {payload.total()}", payload, R, "not for null (payload.total is null)");
    ERROR(&f, "return {payload.total.x}", payload, R,
          "null has no field 'x': compare with null first (payload.total is");
    ERROR(&f, "return {#payload.total}", payload, R, "null has no length: compare with null first (payload.total is");
    ERROR(&f, "payload.total.x = 1", payload, R, "null cannot be changed (payload.total is null)");
    ERROR(&f, "return {payload['\\1x'].y + 1}", payload, R, "(payload. x.y is null)");
    ERROR(&f, "return {subscription.meta.rate * 2}", payload, R, "(subscription.meta.rate is null)");
    ERROR(&f, "return {without(payload, 'a').total * 2}", payload, R, "(total of a made part is null)");
    ERROR(&f, "for _, v in pairs(payload) do local x = v + 1 end", payload, R, "(payload.total is null)");
    ERROR(&f, "return {payload + 1}", "null", R, "(payload is null)");
    fixture_close(&f);
}

/* Which of them it was Lua does not tell; what is said is true of each. */
static void of_several_nulls_the_last_are_named(void **state) {
    static const char payload[] = "{\"a\":null,\"b\":null,\"c\":null,\"d\":null}";
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    ERROR(&f, "local a, b = payload.a, payload.b return {a + 1}", payload, R, "(payload.a and payload.b are null)");
    ERROR(&f, "local a, b = payload.a, payload.b a = payload.a return {a + 1}", payload, R,
          "(payload.b and payload.a are null)");
    ERROR(&f, "local _ = payload.a == payload.b, payload.c == payload.d return {payload.d + 1}", payload, R,
          "(payload.b, payload.c and payload.d are null)");
    ERROR(&f, "return {null + 1}", payload, R, "this operation is not for null");
    assert_null(strchr(f.said, '('));
    fixture_close(&f);
}

static void an_argument_that_is_null_says_so_too(void **state) {
    static const char payload[] = "{\"a\":null,\"o\":{}}";
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    ERROR(&f, "return {string.upper(payload.a)}", payload, R,
          "bad argument #1 to 'upper' (string expected, got null: payload.a is null)");
    ERROR(&f, "return {math.floor(payload.a)}", payload, R, "(number expected, got null: payload.a is null)");
    ERROR(&f, "return {table.concat({}, payload.a)}", payload, R, "(string expected, got null: payload.a is null)");
    ERROR(&f, "table.sort(payload.a)", payload, R, "(table expected, got null: payload.a is null)");
    ERROR(&f, "for i in ipairs(payload.o.x) do end", payload, R, "(table expected, got nil)");
    ERROR(&f, "for i in pairs(payload.a) do end", payload, R, "expected, not null (payload.a is null)");
    ERROR(&f, "return {math.floor(payload.o)}", payload, R, "(number expected, got a part of the payload)");
    ERROR(&f, "return {math.floor()}", payload, R, "(number expected, got no value)");
    ERROR(&f, "return {hash(payload.a)}", payload, R, "hash: a text was expected, not null (payload.a is null)");
    ERROR(&f, "return {only(payload.a, 'x')}", payload, R, "was expected, not null (payload.a is null)");
    fixture_close(&f);
}

static void what_an_editor_puts_in_front_is_no_part_of_the_rule(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    TRUE(&f, "\xef\xbb\xbfreturn true", "{}");
    TRUE(&f, "#!/usr/bin/env lua\nreturn true", "{}");
    TRUE(&f, "\xef\xbb\xbf#!/usr/bin/env lua\r\nreturn true", "{}");
    ERROR(&f, "#!/usr/bin/env lua\nreturn payload.a.b", "{}", R, "line 2: ");
    ERROR(&f, "\xef\xbb\xbfreturn (", "{}", WH_ERULE_SYNTAX, "line 1: unexpected symbol near <eof>");
    ERROR(&f, "\xef\xbbreturn true", "{}", WH_ERULE_SYNTAX, "line 1: ");
    CODE(&f, "#!/usr/bin/env lua", "{}", WH_OK);
    CODE(&f, "\xef\xbb\xbf", "{}", WH_OK);
    fixture_close(&f);
}

static void utf_16_is_named(void **state) {
    static const char little[] = "\xff\xfer\0e\0", big[] = "\xfe\xff\0r\0e";
    const char *const texts[] = { little, big };
    fixture f;
    void *rule;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(wh_rule_lua()->compile(f.runtime, "", texts[i], 6, &rule, &f.error), WH_ERULE_SYNTAX);
        assert_string_equal(f.error.text, "the source is UTF-16, and rules are UTF-8");
    }
    fixture_close(&f);
}

static int check(fixture *f, const char *source) {
    f->error.line = 0;
    f->error.text[0] = '\0';
    return wh_rule_lua()->check(f->runtime, source, strlen(source), &f->error);
}

static void a_rule_that_never_returns_is_told_to_its_writer(void **state) {
    static const char *const never[] = {
        "",
        " \n",
        "-- return true",
        "--[[ return true ]]",
        "--[==[ ]] return true ]==]",
        "#!return true",
        "; ; --x",
        "local x = { id = payload.id }",
        "local s = 'return true'",
        "local s = \"a\\\"return true\"",
        "local s = [[return true]]",
        "local s = [==[ ]] return ]==]",
        "local returned = 1",
        "x.return_ = 1",
        "local s = 'a\\\nreturn true'",
        "--[[ never closed return true",
        "\xef\xbb\xbf-- return",
    };
    static const char *const does[] = {
        "return true",
        "if payload.a then return end",
        "--[[ ]] return",
        "-- x\nreturn",
        "local s = '' return s",
        "local s = [[ ]] return",
        "--[=x\nreturn true",
        "local t = {} t[1]=[[]]return true",
        "do return(payload) end",
        "local f = function() return 1 end error(f())",
        "#!x\nreturn",
        "error('no')",
        "assert(payload.a)",
    };
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if (check(&f, never[i]) != WH_ERULE_SYNTAX) {
            fail_msg("accepted: %s", never[i]);
        }
        assert_string_equal(f.error.text, "it has no return, so nothing would ever be sent; if that is meant, write: "
                                          "return false");
    }
    for (size_t i = 0; i < sizeof does / sizeof does[0]; i++) {
        if (check(&f, does[i]) != WH_OK) {
            fail_msg("refused: %s", does[i]);
        }
    }
    fixture_close(&f);
}

/* Who stored it before it was refused keeps what it did. */
static void a_rule_that_never_returns_still_runs(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    CODE(&f, "-- nothing", "{}", WH_OK);
    assert_int_equal(f.verdict.action, WH_RULE_DROP);
    fixture_close(&f);
}

static void a_payload_that_is_no_container_can_be_returned(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    TRUE(&f, "return payload", "\"text\"");
    TRUE(&f, "return payload", "\"\\u00e9\"");
    TRUE(&f, "return payload", " 12 ");
    TRUE(&f, "return payload", "1.10");
    TRUE(&f, "return payload", "1e400");
    TRUE(&f, "return payload", "true");
    TRUE(&f, "return payload", "null");
    TRUE(&f, "return payload, { delay = 1 }", "\"text\"");
    assert_int_equal(f.verdict.delay, 1);
    ERROR(&f, "return payload:upper()", "\"text\"", WH_ERULE_RESULT, "a rule returns false, true, a table or a part");
    ERROR(&f, "return payload + 1", "12", WH_ERULE_RESULT, "a part of the payload, not number");
    ERROR(&f, "return payload.a", "{\"a\":\"x\"}", WH_ERULE_RESULT, "not string");
    ERROR(&f, "return null", "{}", WH_ERULE_RESULT, "not null");
    fixture_close(&f);
}

static void a_number_beyond_doubles_keeps_its_text(void **state) {
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    BODY(&f, "return { a = payload.a }", "{\"a\":1e400}", "{\"a\":1e400}");
    BODY(&f, "return { payload[1] }", "[-1E+999]", "[-1E+999]");
    BODY(&f, "return merge(payload, { b = payload.a })", "{\"a\":1e400}", "{\"a\":1e400,\"b\":1e400}");
    ERROR(&f, "return { payload.a, payload.b }", "{\"a\":1e400,\"b\":1e401}", WH_ERULE_RESULT, "[1]: several numbers");
    ERROR(&f, "return { a = 1/0 }", "{\"a\":1e400}", WH_ERULE_RESULT, "a: an infinite number is no JSON number");
    ERROR(&f, "return { a = -payload.a }", "{\"a\":1e400}", WH_ERULE_RESULT, "a: an infinite number is no JSON");
    ERROR(&f, "return { a = payload.a - payload.a }", "{\"a\":1e400}", WH_ERULE_RESULT, "a: nan is no JSON number");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misused_null_says_which_field_it_was),
        cmocka_unit_test(of_several_nulls_the_last_are_named),
        cmocka_unit_test(an_argument_that_is_null_says_so_too),
        cmocka_unit_test(what_an_editor_puts_in_front_is_no_part_of_the_rule),
        cmocka_unit_test(utf_16_is_named),
        cmocka_unit_test(a_rule_that_never_returns_is_told_to_its_writer),
        cmocka_unit_test(a_rule_that_never_returns_still_runs),
        cmocka_unit_test(a_payload_that_is_no_container_can_be_returned),
        cmocka_unit_test(a_number_beyond_doubles_keeps_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
