/* The page in the browser, as its files come over the API. How it behaves: spec/browser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"
#include "faces/api.h"

static int get(const char *path, const char *known) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_header header = { "if-none-match", known };

    request.method = "GET";
    request.path = path;
    request.headers = &header;
    request.header_count = known != NULL;
    wh_free(api_answer.body);
    return wh_api_handle(api, &request, &api_answer);
}

static void is_guarded(void) {
    assert_non_null(strstr(api_header("Content-Security-Policy"), "default-src 'none'"));
    assert_null(strstr(api_header("Content-Security-Policy"), "unsafe"));
    assert_string_equal(api_header("Referrer-Policy"), "no-referrer");
    assert_string_equal(api_header("Cache-Control"), "no-cache");
}

static void everybody_may_have_the_files(void **state) {
    char path[128];

    (void)state;
    for (const whi_page_file *file = whi_page_files; file->name != NULL; file++) {
        snprintf(path, sizeof path, "/page/%s", file->name);
        assert_int_equal(get(path, NULL), 200);
        assert_int_equal(api_answer.body_size, file->size);
        assert_memory_equal(api_answer.body, file->bytes, file->size);
        assert_string_equal(api_answer.content_type, file->type);
        is_guarded();
    }
    assert_int_equal(get("/", NULL), 200);
    assert_string_equal(api_answer.content_type, "text/html; charset=utf-8");
    assert_non_null(strstr(api_answer.body, "<script type=\"module\" src=\"page/app.js\">"));
    is_guarded();
}

static void what_is_known_is_not_sent_again(void **state) {
    char mark[64], list[200];

    (void)state;
    get("/page/app.js", NULL);
    snprintf(mark, sizeof mark, "%s", api_header("ETag"));
    assert_int_equal(get("/page/app.js", mark), 304);
    assert_int_equal(api_answer.body_size, 0);
    assert_string_equal(api_header("ETag"), mark);
    snprintf(list, sizeof list, "\"other\", W/%s", mark);
    assert_int_equal(get("/page/app.js", list), 304);
    assert_int_equal(get("/page/app.js", "*"), 304);
    assert_int_equal(get("/page/app.js", "\"other\""), 200);
    assert_int_equal(get("/page/api.js", mark), 200);
}

static void nothing_else_is_there(void **state) {
    (void)state;
    api_expect(404, "GET", "/page/", NULL, NULL);
    api_expect(404, "GET", "/page/nothing.js", NULL, NULL);
    api_expect(404, "GET", "/page/..%2Fapp.js", NULL, NULL);
    api_expect(404, "GET", "/page/page/app.js", NULL, NULL);
    api_expect(405, "POST", "/", api_operator, "{}");
    api_expect(405, "DELETE", "/page/app.js", api_operator, NULL);
}

/* All of them at once are less than many a picture. */
static void it_is_small_and_needs_nobody_else(void **state) {
    size_t size = 0;

    (void)state;
    for (const whi_page_file *file = whi_page_files; file->name != NULL; file++) {
        size += file->size;
        assert_null(strstr(file->bytes, "https://cdn"));
        assert_null(strstr(file->bytes, "@import"));
    }
    assert_true(size > 10000 && size < 150000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(everybody_may_have_the_files),
        TEST(what_is_known_is_not_sent_again),
        TEST(nothing_else_is_there),
        TEST(it_is_small_and_needs_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
