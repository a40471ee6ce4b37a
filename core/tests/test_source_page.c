#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pure/source_page.h"

#define BEGIN "{\"object_type\":\"o\",\"url\":\"https://a/\","

static int upper(void *payload, const char *item, size_t size, whi_buf *out, int *dropped) {
    (void)payload;
    (void)size;
    *dropped = strstr(item, "drop") == item + 2;
    whi_buf_text(out, "{\"id\":0,\"made\":1}");
    return WH_OK;
}

static const whi_source_maker maker = { upper, NULL };

/* The items, "\n" and the next page, or the sentence of what was wrong. */
static void read_page(const char *document, const char *page, const whi_source_place_of_page *place, char out[2000]) {
    whi_source_document read;
    whi_source_found found;
    whi_json json = { 0 };
    int code = whi_source_document_read(&read, document, strlen(document));

    assert_int_equal(code, WH_OK);
    assert_int_equal(whi_json_scan(&json, page, strlen(page), 100), WH_OK);
    code = whi_source_page_read(&found, &read, &json, place, &maker);
    if (code == WH_OK) {
        snprintf(out, 2000, "%s\n%s%s%s", found.items.data, found.has_next ? found.next.data : "",
                 found.has_state ? "\n" : "", found.has_state ? found.state.data : "");
    } else {
        snprintf(out, 2000, "%s", wh_last_error());
    }
    whi_source_found_free(&found);
    whi_json_free(&json);
    whi_source_document_free(&read);
}

static void check_page(const char *document, const char *page, const char *expected) {
    static const whi_source_place_of_page first = { 0, 0, NULL };
    char out[2000];

    read_page(document, page, &first, out);
    assert_string_equal(out, expected);
}

static void items_become_objects(void **state) {
    (void)state;
    check_page(BEGIN "\"items\":\"d\"}", "{\"d\":[{\"id\":1,\"x\":1.10}]}", "[{\"id\":1,\"x\":1.10}]\n");
    check_page(BEGIN "\"id\":\"k.n\"}", "[{\"k\":{\"n\":90071992547409931234}}]",
               "[{\"id\":90071992547409931234,\"k\":{\"n\":90071992547409931234}}]\n");
    check_page(BEGIN "\"updated_at\":\"u\",\"created_at\":\"c\",\"time\":\"seconds\"}",
               "[{\"id\":\"a\",\"u\":1764500000.5,\"c\":\"1764500000\",\"created_at\":7}]",
               "[{\"id\":\"a\",\"updated_at\":\"2025-11-30T10:53:20.500Z\",\"created_at\":\"2025-11-30T10:53:20.000Z\","
               "\"u\":1764500000.5,\"c\":\"1764500000\"}]\n");
    check_page(BEGIN "\"updated_at\":\"u\"}", "[{\"id\":1,\"u\":\"2025-11-30T11:53:20+01:00\"},{\"id\":2,\"u\":null}]",
               "[{\"id\":1,\"updated_at\":\"2025-11-30T10:53:20.000Z\",\"u\":\"2025-11-30T11:53:20+01:00\"},"
               "{\"id\":2,\"u\":null}]\n");
    check_page(BEGIN "\"items\":\"e.node\"}", "{\"e\":[{\"node\":{\"id\":1}},{\"node\":{\"id\":2}}]}",
               "[{\"id\":1},{\"id\":2}]\n");
    check_page(
        BEGIN "\"fields\":\"a,b.c\",\"map\":{\"n\":\"p.first\",\"m\":\"none\"},\"raw\":true}",
        "[{\"id\":1,\"a\":1,\"b\":{\"c\":2,\"d\":3},\"p\":{\"first\":\"F\"}}]",
        "[{\"id\":1,\"a\":1,\"b\":{\"c\":2},\"n\":\"F\",\"raw\":{\"id\":1,\"a\":1,\"b\":{\"c\":2,\"d\":3},\"p\":{"
        "\"first\":\"F\"}}}]\n");
    check_page(BEGIN "\"rule\":\"r\"}", "[{\"id\":1},{\"drop\":1,\"id\":2},{\"id\":\"3\"}]",
               "[{\"id\":1,\"made\":1},{\"id\":\"3\",\"made\":1}]\n");
}

static void what_was_deleted_is_marked(void **state) {
    (void)state;
    check_page(BEGIN "\"deleted\":\"gone\"}",
               "[{\"id\":1,\"gone\":true},{\"id\":2,\"gone\":false},{\"id\":3},{\"id\":4,\"gone\":\"2025-01-01\"},"
               "{\"id\":5,\"gone\":null},{\"id\":6,\"gone\":0}]",
               "[{\"id\":1,\"deleted\":true,\"gone\":true},{\"id\":2,\"gone\":false},{\"id\":3},"
               "{\"id\":4,\"deleted\":true,\"gone\":\"2025-01-01\"},{\"id\":5,\"gone\":null},{\"id\":6,\"gone\":0}]\n");
    check_page(BEGIN "\"deleted\":{\"path\":\"st\",\"is\":\"off\"}}",
               "[{\"id\":1,\"st\":\"off\"},{\"id\":2,\"st\":\"on\"}]",
               "[{\"id\":1,\"deleted\":true,\"st\":\"off\"},{\"id\":2,\"st\":\"on\"}]\n");
}

static void the_next_page_is_found(void **state) {
    static const char cursor[] = BEGIN "\"items\":\"d\",\"query\":{\"p\":\"{page}\"},\"paging\":{\"by\":\"cursor\","
                                       "\"next\":\"p.next\"},\"state\":\"sync\"}";
    static const char last[] = BEGIN "\"items\":\"d\",\"query\":{\"p\":\"{page}\"},\"paging\":{\"by\":\"cursor\","
                                     "\"last\":\"id\",\"more\":\"more\"}}";
    static const char relay[] = BEGIN "\"items\":\"d\",\"query\":{\"p\":\"{page}\"},\"paging\":{\"by\":\"cursor\","
                                      "\"next\":\"p.end\",\"more\":\"p.more\"}}";

    (void)state;
    check_page(cursor, "{\"d\":[],\"p\":{\"next\":\"a\\u0062\"}}", "[]\nab");
    check_page(cursor, "{\"d\":[],\"p\":{\"next\":12345678901234567890}}", "[]\n12345678901234567890");
    check_page(cursor, "{\"d\":[],\"p\":{\"next\":\"\"},\"sync\":\"s\"}", "[]\n\ns");
    check_page(cursor, "{\"d\":[],\"p\":null}", "[]\n");
    check_page(last, "{\"d\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"more\":true}", "[{\"id\":\"a\"},{\"id\":\"b\"}]\nb");
    check_page(last, "{\"d\":[{\"id\":\"a\"}],\"more\":false}", "[{\"id\":\"a\"}]\n");
    check_page(last, "{\"d\":[],\"more\":true}",
               "paging.next: expected what leads to the next page, since there are more, found nothing");
    check_page(relay, "{\"d\":[],\"p\":{\"end\":\"x\",\"more\":false}}", "[]\n");
    check_page(relay, "{\"d\":[],\"p\":{\"end\":\"x\",\"more\":\"true\"}}", "[]\nx");
}

static void an_answer_that_does_not_say_where_it_ends_is_refused(void **state) {
#define ENDS(more) BEGIN "\"items\":\"d\",\"query\":{\"p\":\"{page}\"},\"paging\":{" more "}}"
    static const char more[] = "paging.more: expected whether there are more, found nothing";
    static const char total[] = "paging.total: expected a count, found none";
    static const char pages[] = "paging.pages: expected a count, found none";

    (void)state;
    check_page(ENDS("\"by\":\"cursor\",\"next\":\"n\",\"more\":\"m\""), "{\"d\":[],\"n\":\"x\"}", more);
    check_page(ENDS("\"by\":\"cursor\",\"last\":\"id\",\"more\":\"m\""), "{\"d\":[{\"id\":1}],\"m\":null}", more);
    check_page(ENDS("\"by\":\"offset\",\"more\":\"m\""), "{\"d\":[{\"id\":1}]}", more);
    check_page(ENDS("\"by\":\"offset\",\"total\":\"t\""), "{\"d\":[]}", total);
    check_page(ENDS("\"by\":\"page\",\"total\":\"t\""), "{\"d\":[{\"id\":1}],\"t\":\"many\"}", total);
    check_page(ENDS("\"by\":\"page\",\"pages\":\"n\""), "{\"d\":[{\"id\":1}]}", pages);
}

static void counted_pages_end_where_the_answer_says_so(void **state) {
#define COUNTED(by, more) BEGIN "\"items\":\"d\",\"query\":{\"p\":\"{page}\"},\"paging\":{\"by\":\"" by "\"" more "}}"
    static const struct {
        const char *document, *page;
        whi_source_place_of_page place;
        const char *next;
    } rows[] = {
        { COUNTED("offset", ""), "{\"d\":[{\"id\":1}]}", { 2, 200, NULL }, "201" },
        { COUNTED("offset", ""), "{\"d\":[]}", { 2, 200, NULL }, "" },
        { COUNTED("offset", ",\"total\":\"t\""), "{\"d\":[{\"id\":1}],\"t\":201}", { 2, 200, NULL }, "" },
        { COUNTED("offset", ",\"total\":\"t\",\"first\":1"),
          "{\"d\":[{\"id\":1}],\"t\":202}",
          { 2, 200, NULL },
          "202" },
        { COUNTED("offset", ",\"more\":\"m\""), "{\"d\":[{\"id\":1}],\"m\":false}", { 0, 0, NULL }, "" },
        { COUNTED("page", ""), "{\"d\":[{\"id\":1}]}", { 0, 0, NULL }, "2" },
        { COUNTED("page", ",\"first\":0"), "{\"d\":[{\"id\":1}]}", { 2, 20, NULL }, "3" },
        { COUNTED("page", ",\"pages\":\"n\""), "{\"d\":[{\"id\":1}],\"n\":3}", { 1, 20, NULL }, "3" },
        { COUNTED("page", ",\"pages\":\"n\""), "{\"d\":[{\"id\":1}],\"n\":\"3\"}", { 2, 20, NULL }, "" },
        { BEGIN "\"items\":\"d\",\"paging\":{\"by\":\"link\"}}", "{\"d\":[]}", { 0, 0, "/x?y" }, "/x?y" },
        { BEGIN "\"items\":\"d\",\"paging\":{\"by\":\"link\"}}", "{\"d\":[]}", { 0, 0, NULL }, "" },
        { BEGIN "\"items\":\"d\",\"paging\":{\"by\":\"url\",\"next\":\"@odata\\\\.nextLink\"}}",
          "{\"d\":[],\"@odata.nextLink\":\"https://a/n\"}",
          { 0, 0, NULL },
          "https://a/n" },
    };
    char out[2000];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_page(rows[i].document, rows[i].page, &rows[i].place, out);
        assert_non_null(strchr(out, '\n'));
        assert_string_equal(strchr(out, '\n') + 1, rows[i].next);
    }
}

static void what_does_not_fit_is_named(void **state) {
    (void)state;
    check_page(BEGIN "\"items\":\"d\"}", "{\"data\":[]}", "items: expected a list at \"d\", found nothing");
    check_page(BEGIN "\"items\":\"d\"}", "{\"d\":null,\"error\":\"x\"}",
               "items: expected a list at \"d\", found nothing");
    check_page(BEGIN "\"items\":\"d\"}", "{\"d\":{}}",
               "items: expected a list of objects at \"d\", found something else");
    check_page(BEGIN "\"id\":\"key\"}", "[{\"key\":1},{\"id\":2}]",
               "items[1]: id: expected a text or a number, found nothing");
    check_page(BEGIN "\"id\":\"id\"}", "[{\"id\":\"\"}]", "items[0]: id: expected a text or a number, found \"\"");
    check_page(BEGIN "\"id\":\"id\"}", "[{\"id\":true}]", "items[0]: id: expected a text or a number, found true");
    check_page(BEGIN "\"id\":\"id\"}", "[7]", "items[0]: item: expected an object, found 7");
    check_page(BEGIN "\"updated_at\":\"u\"}", "[{\"id\":1,\"u\":1764500000}]",
               "items[0]: updated_at: expected a time as ISO 8601, found 1764500000");
    check_page(BEGIN "\"updated_at\":\"u\",\"time\":\"seconds\"}", "[{\"id\":1,\"u\":\"2025-01-01\"}]",
               "items[0]: updated_at: expected seconds since 1970, found \"2025-01-01\"");
    check_page(BEGIN "\"graphql\":{\"query\":\"{a}\"},\"items\":\"data\"}",
               "{\"data\":[],\"errors\":[{\"message\":\"no \\nfield\"}]}", "GraphQL's errors: \"no \\nfield\"");
}

static void each_allocation_may_fail(void **state) {
    static const char document[] = BEGIN
        "\"items\":\"d\",\"fields\":\"a\",\"raw\":true,\"query\":{\"p\":\"{page}\"},\"paging\":{\"by\":\"cursor\","
        "\"next\":\"n\"},\"state\":\"s\"}";
    static const char page[] = "{\"d\":[{\"id\":1,\"a\":2},{\"id\":3}],\"n\":\"a\\u0062\",\"s\":\"x\"}";
    static const whi_source_place_of_page first = { 0, 0, NULL };
    whi_source_document read;
    whi_json json = { 0 };
    int failed = 1;

    (void)state;
    assert_int_equal(whi_source_document_read(&read, document, sizeof document - 1), WH_OK);
    assert_int_equal(whi_json_scan(&json, page, sizeof page - 1, 100), WH_OK);
    for (long n = 0; failed; n++) {
        whi_source_found found;
        int code;

        fault_set(n);
        code = whi_source_page_read(&found, &read, &json, &first, &maker);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        whi_source_found_free(&found);
    }
    whi_json_free(&json);
    whi_source_document_free(&read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_become_objects),
        cmocka_unit_test(what_was_deleted_is_marked),
        cmocka_unit_test(the_next_page_is_found),
        cmocka_unit_test(counted_pages_end_where_the_answer_says_so),
        cmocka_unit_test(an_answer_that_does_not_say_where_it_ends_is_refused),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("source_page", tests, NULL, NULL);
}
