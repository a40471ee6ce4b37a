#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pure/path.h"

static void what_is_written_so_elsewhere_is_found(void **state) {
    static const char *const found[] = {
        "*",
        "$",
        "$.id",
        "items[0].sku",
        "items[12]",
        "a.items[*].sku",
        "items[]",
        "a.*.b",
        "[\"id\",\"total\"]",
        "[0]",
        "\"id\"",
        ".id",
        "[]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        if (!whi_path_is_misread(found[i], strlen(found[i]))) {
            fail_msg("not found: %s", found[i]);
        }
    }
}

static void what_may_be_a_name_is_not(void **state) {
    static const char *const names[] = {
        "id",    "customer.email", "First Name", "user[name]", "$ref", "a*", "**", "x]", "a[1",
        "a[1]b", "it's",           "a\"b",       "0",          "",     ".",  "..", "a.",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (whi_path_is_misread(names[i], strlen(names[i]))) {
            fail_msg("found: %s", names[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_so_elsewhere_is_found),
        cmocka_unit_test(what_may_be_a_name_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
