#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pure/source_mask.h"
#include "webhook.h"

#define M WHI_SOURCE_MASK

static const char whole[] = "{ \"url\":\"https://a.io/x\",\"auth\":{\"type\":\"oauth2\",\"client_id\":\"i\","
                            "\"client_secret\":\"hush1\",\"token_url\":\"https://b.io/t\"},"
                            "\"headers\":{\"Accept\":\"a\",\"X-Key\":\"hush2\"},"
                            "\"query\":{\"api_key\":\"hush3\",\"page_token\":\"{page}\",\"n\":\"1\"} }";
static const char masked[] = "{ \"url\":\"https://a.io/x\",\"auth\":{\"type\":\"oauth2\",\"client_id\":\"i\","
                             "\"client_secret\":\"" M "\",\"token_url\":\"https://b.io/t\"},"
                             "\"headers\":{\"Accept\":\"a\",\"X-Key\":\"" M "\"},"
                             "\"query\":{\"api_key\":\"" M "\",\"page_token\":\"{page}\",\"n\":\"1\"} }";

static void secrets_are_masked_and_come_back(void **state) {
    whi_buf out;

    (void)state;
    whi_buf_init(&out, 10000);
    assert_int_equal(whi_source_mask(whole, sizeof whole - 1, &out), WH_OK);
    assert_string_equal(out.data, masked);
    whi_buf_clear(&out);
    assert_int_equal(whi_source_unmask(masked, sizeof masked - 1, whole, sizeof whole - 1, &out), WH_OK);
    assert_string_equal(out.data, whole);
    whi_buf_free(&out);
}

static void each_kind_of_login_is_masked(void **state) {
    static const char *const rows[][2] = {
        { "{\"auth\":{\"token\":\"a\"}}", "{\"auth\":{\"token\":\"" M "\"}}" },
        { "{\"auth\":{\"username\":\"u\",\"password\":\"\"}}",
          "{\"auth\":{\"username\":\"u\",\"password\":\"" M "\"}}" },
        { "{\"auth\":{\"name\":\"n\",\"value\":\"v\"}}", "{\"auth\":{\"name\":\"n\",\"value\":\"" M "\"}}" },
        { "{\"auth\":{\"token\":null}}", "{\"auth\":{\"token\":null}}" },
        { "{\"headers\":{\"a\":\"b\",\"a\":\"c\"}}", "{\"headers\":{\"a\":\"" M "\",\"a\":\"" M "\"}}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf out;

        whi_buf_init(&out, 1000);
        assert_int_equal(whi_source_mask(rows[i][0], strlen(rows[i][0]), &out), WH_OK);
        assert_string_equal(out.data, rows[i][1]);
        whi_buf_free(&out);
    }
}

static void a_mask_without_a_secret_is_refused(void **state) {
    static const char *const rows[][3] = {
        { "{\"url\":\"https://a.io/\",\"auth\":{\"token\":\"" M "\"}}", NULL, "auth.token" },
        { "{\"url\":\"https://a.io/\",\"headers\":{\"X\":\"" M "\"}}",
          "{\"url\":\"https://a.io/\",\"headers\":{\"Y\":\"1\"}}", "headers.X" },
        { "{\"url\":\"https://evil.io/\",\"auth\":{\"token\":\"" M "\"}}",
          "{\"url\":\"https://a.io/\",\"auth\":{\"token\":\"t\"}}", "url" },
        { "{\"url\":\"https://a.io.evil.io/\",\"auth\":{\"token\":\"" M "\"}}",
          "{\"url\":\"https://a.io/\",\"auth\":{\"token\":\"t\"}}", "url" },
        { "{\"url\":\"https://a.io/\",\"auth\":{\"client_secret\":\"" M "\",\"token_url\":\"https://evil.io/\"}}",
          "{\"url\":\"https://a.io/\",\"auth\":{\"client_secret\":\"t\",\"token_url\":\"https://b.io/\"}}",
          "auth.token_url" },
        { "{\"url\":\"https://a.io/\",\"auth\":{\"token\":\"" M "\"},\"hosts\":[\"evil.io\"]}",
          "{\"url\":\"https://a.io/\",\"auth\":{\"token\":\"t\"}}", "hosts" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf out;

        whi_buf_init(&out, 1000);
        assert_int_equal(whi_source_unmask(rows[i][0], strlen(rows[i][0]), rows[i][1],
                                           rows[i][1] != NULL ? strlen(rows[i][1]) : 0, &out),
                         WH_EINVALID);
        assert_string_equal(wh_last_error_field(), rows[i][2]);
        whi_buf_free(&out);
    }
}

static void another_path_and_a_new_secret_are_fine(void **state) {
    static const char now[] = "{\"url\":\"https://a.io/y\",\"auth\":{\"token\":\"" M "\"},\"headers\":{\"X\":\"new\"}}";
    static const char before[] = "{\"url\":\"https://a.io/x\",\"auth\":{\"token\":\"t\\u0041\"}}";
    whi_buf out;

    (void)state;
    whi_buf_init(&out, 1000);
    assert_int_equal(whi_source_unmask(now, sizeof now - 1, before, sizeof before - 1, &out), WH_OK);
    assert_string_equal(out.data,
                        "{\"url\":\"https://a.io/y\",\"auth\":{\"token\":\"t\\u0041\"},\"headers\":{\"X\":\"new\"}}");
    whi_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked_and_come_back),
        cmocka_unit_test(each_kind_of_login_is_masked),
        cmocka_unit_test(a_mask_without_a_secret_is_refused),
        cmocka_unit_test(another_path_and_a_new_secret_are_fine),
    };
    return cmocka_run_group_tests_name("source_mask", tests, NULL, NULL);
}
