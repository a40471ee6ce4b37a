#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pure/link.h"

static void the_target_of_a_relation_is_found(void **state) {
    static const char *const rows[][2] = {
        { "<https://a/?page=2>; rel=\"next\", <https://a/?page=9>; rel=\"last\"", "https://a/?page=2" },
        { "<https://a/?page=1>; rel=\"prev\", <https://a/?page=3>; rel=\"next\"", "https://a/?page=3" },
        { "</b>;rel=next", "/b" },
        { "<b> ; REL = \"Last NEXT\"", "b" },
        { "<a,b;c>; rel=next", "a,b;c" },
        { "<a>; title=\"x; rel=prev, \\\"<c>\"; rel=next", "a" },
        { "<a>; rel=\"prev\"; rel=\"next\", <b>; rel=next", "b" }, /* of one link the first rel counts */
        { "<a>; rel=next; anchor=\"#x\", <b>; rel=next", "b" },
        { ",, <a>; rel=next", "a" },
        { "<>; rel=next", "" },
        { "<a>; rel=nextly", NULL },
        { "<a>; x; rel=prev", NULL },
        { "<a>; title=\"a \\\"b\"; x=1; y; z*=UTF-8''c; rel=next", "a" },
        { "<a>; rel=next, b", "a" },
        { "<a>; rel=prev, ", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf out;
        int found;

        whi_buf_init(&out, 1000);
        found = whi_link_find(rows[i][0], "next", &out);
        assert_int_equal(found, rows[i][1] != NULL);
        assert_string_equal(out.size > 0 ? out.data : "", found ? rows[i][1] : "");
        whi_buf_free(&out);
    }
}

static void what_cannot_be_read_is_not_taken_for_none(void **state) {
    static const char *const rows[] = {
        "<a>; rel=\"next",
        "<a; rel=next",
        "a; rel=next",
        "<a> x, <b>; rel=next",
        "<a>; title=\"x\" y, <b>; rel=next",
        "<a>; rel=\"next\"; title=\"a \\\"b",
        "<a>; rel=prev, b",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf out;

        whi_buf_init(&out, 1000);
        assert_int_equal(whi_link_find(rows[i], "next", &out), -1);
        assert_int_equal(out.size, 0);
        whi_buf_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_target_of_a_relation_is_found),
        cmocka_unit_test(what_cannot_be_read_is_not_taken_for_none),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
