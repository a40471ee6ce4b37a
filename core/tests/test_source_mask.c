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
        { "{\"auth\":{\"\\u0074oken\":\"a\"}}", "{\"auth\":{\"\\u0074oken\":\"" M "\"}}" },
        { "{\"\\u0061uth\":{\"PASSWORD\":\"a\"}}", "{\"\\u0061uth\":{\"PASSWORD\":\"" M "\"}}" },
        { "{\"query\":{\"api_\\u004bey\":\"a\"}}", "{\"query\":{\"api_\\u004bey\":\"" M "\"}}" },
        { "{\"query\":{\"key\":\"\\u007bpage}\"}}", "{\"query\":{\"key\":\"\\u007bpage}\"}}" },
        { "{\"headers\":{\"\\u0061ccept-Language\":\"a\",\"user\\u002dagent\":\"b\"}}",
          "{\"headers\":{\"\\u0061ccept-Language\":\"a\",\"user\\u002dagent\":\"b\"}}" },
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

/* With a token that is masked: fine, or the member that leads elsewhere. */
static void where_secrets_go_is_what_the_texts_mean(void **state) {
#define TO(url) "{\"url\":\"" url "\",\"auth\":{\"token\":\"" M "\"}}"
#define TOKEN(url) "{\"auth\":{\"client_secret\":\"" M "\",\"token_url\":\"" url "\"}}"
#define HOSTS(list) "{\"auth\":{\"token\":\"" M "\"},\"hosts\":" list "}"
    static const char *const rows[][3] = {
        { TO("https://a.io\\u002eevil.io/"), TO("https://a.io/"), "url" },
        { TO("https:\\/\\/evil.io\\/"), TO("https:\\/\\/a.io\\/"), "url" },
        { TO("https:\\/\\/a.io\\/y"), TO("https://a.io/x"), NULL },
        { TO("https://A.io:443/y"), TO("https://a.io"), NULL },
        { TO("https://a.io:444/"), TO("https://a.io/"), "url" },
        { TO("http://a.io/"), TO("https://a.io/"), "url" },
        { TO("https://a.io@evil.io/"), TO("https://a.io/"), "url" },
        { TO("https://a.io\\u0000.evil.io/"), TO("https://a.io/"), "url" },
        { TO("https://{tenant}.a.io/{page}"), TO("https://{tenant}.a.io/"), NULL },
        { TO("https://{tenant}.evil.io/"), TO("https://{tenant}.a.io/"), "url" },
        { TO("https://{connection}.a.io/"), TO("https://{tenant}.a.io/"), "url" },
        { TO("https://a.io?x"), TO("https://a.io#y"), NULL },
        { TO("nowhere"), TO("https://a.io/"), "url" },
        { TOKEN("https://b.io\\u002eevil.io/"), TOKEN("https://b.io/"), "auth.token_url" },
        { TOKEN("https:\\/\\/evil.io"), TOKEN("https:\\/\\/b.io"), "auth.token_url" },
        { TOKEN("https://B.io/y"), TOKEN("https://b.io/x"), NULL },
        { HOSTS("[\"a.io\\u002eevil.io\"]"), HOSTS("[\"a.io\"]"), "hosts" },
        { HOSTS("[\"b.io\", \"\\u0061.io\"]"), HOSTS("[\"a.io\",\"b.io\",\"c.io\"]"), NULL },
        { HOSTS("[\"a.io\",7]"), HOSTS("[\"a.io\"]"), "hosts" },
        { HOSTS("[\"a.io\"]"), HOSTS("null"), "hosts" },
        { "{\"auth\":{\"token\":\"" M "\",\"token_url\":null}}", "{\"auth\":{\"token\":\"t\"}}", NULL },
        { HOSTS("null"), HOSTS("[\"a.io\"]"), NULL },
        { HOSTS("[\"a.io\"],\"hosts\":null"), HOSTS("null"), "hosts" }, /* each of two members counts */
        { TOKEN("https://evil.io/\",\"token_url\":\"https://b.io/"), TOKEN("https://b.io/"), "auth.token_url" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf out;
        int code;

        whi_buf_init(&out, 1000);
        code = whi_source_unmask(rows[i][0], strlen(rows[i][0]), rows[i][1], strlen(rows[i][1]), &out);
        if (code != (rows[i][2] != NULL ? WH_EINVALID : WH_OK)) {
            fail_msg("%s: %d", rows[i][0], code);
        }
        assert_string_equal(code != WH_OK ? wh_last_error_field() : "", rows[i][2] != NULL ? rows[i][2] : "");
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
        cmocka_unit_test(where_secrets_go_is_what_the_texts_mean),
        cmocka_unit_test(another_path_and_a_new_secret_are_fine),
    };
    return cmocka_run_group_tests_name("source_mask", tests, NULL, NULL);
}
