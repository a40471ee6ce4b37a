#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pure/canonical.h"
#include "webhook.h"

static void same(const char *text, const char *const *without, const char *expected) {
    whi_json json = { 0 };
    whi_buf out;

    whi_buf_init(&out, 4096);
    assert_int_equal(whi_json_scan(&json, text, strlen(text), 64), WH_OK);
    assert_int_equal(whi_canonical(&json, 0, without, &out), WH_OK);
    assert_string_equal(out.data, expected);
    whi_buf_free(&out);
    whi_json_free(&json);
}

static void what_means_the_same_is_written_the_same(void **state) {
    (void)state;
    same("{ \"b\" : [ 1 , {\"z\":1,\"y\":2} ] , \"a\":\"\\u0041\\/\" }", NULL,
         "{\"a\":\"A/\",\"b\":[1,{\"y\":2,\"z\":1}]}");
    same("[1.0,1e2,1.10,12345678901234567890,-3]", NULL, "[1,1e2,11e-1,1234567890123456789e1,-3]");
    same("{\"a\":2,\"a\":1,\"aa\":null}", NULL, "{\"a\":2,\"a\":1,\"aa\":null}");
    same("{}", NULL, "{}");
    same("[]", NULL, "[]");
    same("\"x\"", NULL, "\"x\"");
}

static void a_number_is_its_value_to_the_last_digit(void **state) {
    (void)state;
    same("[1.10,1.1,11e-1,0.11E+1,110e-02,1100000e-6]", NULL, "[11e-1,11e-1,11e-1,11e-1,11e-1,11e-1]");
    same("[100,1e2,1E2,0.1e+3,100.00]", NULL, "[1e2,1e2,1e2,1e2,1e2]");
    same("[0,-0,0.0,0e5,-0.00e-9]", NULL, "[0,0,0,0,0]");
    same("[1.0000000000000000001,1.0000000000000000002]", NULL, "[10000000000000000001e-19,10000000000000000002e-19]");
    same("[-1.05,10.5,1e400,1e-400]", NULL, "[-105e-2,105e-1,1e400,1e-400]");
    same("[1e00000000000000000000000007]", NULL, "[1e7]");
    same("[1e123456789012345678,1e-99999999999999999]", NULL, "[1e123456789012345678,1e-99999999999999999]");
}

static void members_are_left_out_of_the_outermost_object_alone(void **state) {
    static const char *const names[] = { "at", "b", NULL };

    (void)state;
    same("{\"at\":1,\"c\":{\"at\":2},\"b\":3}", names, "{\"c\":{\"at\":2}}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_means_the_same_is_written_the_same),
        cmocka_unit_test(a_number_is_its_value_to_the_last_digit),
        cmocka_unit_test(members_are_left_out_of_the_outermost_object_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
