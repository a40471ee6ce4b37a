#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "certificates.h"
#include "pure/peer.h"
#include "subscription_kit.h"
#include "systems/access.h"
#include "systems/subscription_access.h"
#include "webhook.h"

static int apply(const char *document) {
    return apply_as(document, 0);
}

static void refused(const char *document, const char *field) {
    assert_int_equal(apply(document), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), field);
    assert_null(strstr(wh_last_error(), "s3cret"));
}

#define URL "\"url\":\"https://a.example/h\""
#define BEARER "\"auth\":{\"type\":\"bearer\",\"token\":\"s3cret\"}"
#define MASKED "\"auth\":{\"type\":\"bearer\",\"token\":\"********\"}"

static void secrets_are_shown_to_the_store_alone(void **state) {
    (void)state;
    assert_int_equal(
        apply("{" URL "," BEARER
              ",\"proxy\":{\"url\":\"http://p.example:3128\",\"username\":\"u\",\"password\":\"s3cret\"}}"),
        WH_OK);
    written_as(0, MASKED, "s3cret");
    written_as(WHI_WRITE_SECRETS, "\"password\":\"********\"", "s3cret");
    written_as(WHI_WRITE_SECRETS | WHI_WRITE_CREDENTIALS | WHI_WRITE_BRIEF, BEARER, NULL);
    assert_int_equal(apply("{\"auth\":{\"type\":\"headers\",\"headers\":{\"X-Key\":\"s3cret\"}}}"), WH_OK);
    written_as(0, "\"headers\":{\"X-Key\":\"********\"}", NULL);
}

static void a_mask_that_is_written_back_leaves_what_was(void **state) {
    (void)state;
    assert_int_equal(apply("{" URL "," BEARER "}"), WH_OK);
    assert_int_equal(apply("{" URL "," MASKED ",\"name\":\"n\"}"), WH_OK);
    assert_non_null(strstr(subscription->auth, "s3cret"));
    assert_int_equal(apply("{\"auth\":null}"), WH_OK);
    assert_null(subscription->auth);
    refused("{" MASKED "}", "auth");
}

static void a_login_goes_to_no_other_host_than_it_was_given_for(void **state) {
    (void)state;
    assert_int_equal(apply("{" URL "," BEARER "}"), WH_OK);
    assert_int_equal(apply("{\"url\":\"https://a.example/other\"}"), WH_OK);
    refused("{\"url\":\"https://evil.example/h\"}", "url");
    assert_int_equal(apply("{" URL "," BEARER "}"), WH_OK); /* what failed may be half done */
    refused("{" MASKED ",\"url\":\"https://evil.example/h\"}", "url");
    assert_int_equal(apply("{\"url\":\"https://b.example/h\"," BEARER "}"), WH_OK);
    assert_int_equal(apply("{\"url\":\"https://c.example/h\",\"auth\":null}"), WH_OK);
}

/* Who says by which proxy a request leaves sees what it carries. */
/* What a subscription with a login had, and has: as it would be without any new secret beside it. */
static void a_login_goes_to_nobody_who_was_not_trusted_when_it_was_given(void **state) {
    static const struct {
        char *before;
        int was_insecure;
        char *now;
        int is_insecure;
        const char *field; /* NULL: it may be */
    } cases[] = {
        { NULL, 0, NULL, 0, NULL },
        { NULL, 0, NULL, 1, "insecure" },
        { NULL, 1, NULL, 1, NULL },
        { NULL, 1, NULL, 0, NULL },
        { NULL, 1, "{\"ca\":\"one\"}", 0, NULL },
        { NULL, 0, "{\"ca\":\"one\"}", 0, "tls.ca" },
        { "{\"ca\":\"one\"}", 0, "{\"ca\":\"two\"}", 0, "tls.ca" },
        { "{\"ca\":\"one\"}", 0, NULL, 0, "tls.ca" },
        { "{\"ca\":\"one\"}", 0, "{\"ca\":null}", 0, "tls.ca" },
        { "{\"ca\":null}", 0, NULL, 0, NULL },
        { "{\"ca\":\"one\"}", 0, "{\"key\":\"k\",\"ca\":\"one\"}", 0, NULL },
        { "{\"pin\":\"p\"}", 0, "{\"pin\":\"q\"}", 0, "tls.pin" },
        { "{\"pin\":\"p\"}", 0, NULL, 0, "tls.pin" },
        { NULL, 0, "{\"pin\":\"p\"}", 0, NULL }, /* fewer than before */
    };
    char url[] = "https://a.example/h", auth[] = "{}";

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const whi_access_before before = { url, NULL, cases[i].before, cases[i].was_insecure };
        whi_subscription s = { .url = url, .auth = auth, .tls = cases[i].now, .insecure = cases[i].is_insecure };
        int code = whi_subscription_check_access(&s, &before, 0);

        assert_int_equal(code, cases[i].field != NULL ? WH_EINVALID : WH_OK);
        if (cases[i].field != NULL) {
            assert_string_equal(wh_last_error_field(), cases[i].field);
        }
        assert_int_equal(whi_subscription_check_access(&s, &before, 1), WH_OK);
        s.auth = NULL;
        assert_int_equal(whi_subscription_check_access(&s, &before, 0), WH_OK);
    }
}

static void insecure_wants_the_login_anew(void **state) {
    (void)state;
    assert_int_equal(apply("{" URL "," BEARER "}"), WH_OK);
    refused("{\"insecure\":true}", "insecure");
    assert_int_equal(apply("{\"insecure\":false," BEARER "}"), WH_OK);
    refused("{\"insecure\":true," MASKED "}", "insecure");
    assert_int_equal(apply("{\"insecure\":true," BEARER "}"), WH_OK);
}

static void a_login_goes_by_no_other_proxy_than_it_was_given_for(void **state) {
    (void)state;
    assert_int_equal(apply("{\"url\":\"http://a.example/h\"," BEARER "}"), WH_OK);
    refused("{\"proxy\":{\"url\":\"http://evil.example:1\"}}", "proxy");
    assert_int_equal(apply("{\"proxy\":{\"url\":\"http://p.example:1\"}," BEARER "}"), WH_OK);
    assert_int_equal(apply("{\"proxy\":{\"url\":\"http://p.example:1\",\"username\":\"u\",\"password\":\"p\"}}"),
                     WH_OK);
    refused("{" MASKED ",\"proxy\":{\"url\":\"http://evil.example:1\"}}", "proxy");
    assert_int_equal(apply("{\"proxy\":null," BEARER "}"), WH_OK); /* what failed may be half done */
    assert_int_equal(apply("{\"proxy\":{\"url\":\"http://p.example:1\"},\"auth\":null}"), WH_OK);
    assert_int_equal(apply("{\"proxy\":null}"), WH_OK);
}

static void a_masked_secret_stays_with_what_it_was_given_with(void **state) {
    (void)state;
    assert_int_equal(apply("{" URL ",\"auth\":{\"type\":\"oauth2\",\"token_url\":\"https://t.example/\","
                           "\"client_id\":\"i\",\"client_secret\":\"s3cret\"}}"),
                     WH_OK);
    refused("{\"auth\":{\"type\":\"oauth2\",\"token_url\":\"https://evil.example/\",\"client_id\":\"i\","
            "\"client_secret\":\"********\"}}",
            "auth");
    assert_int_equal(apply("{\"auth\":null,\"proxy\":{\"url\":\"http://p.example:1\",\"username\":\"u\","
                           "\"password\":\"s3cret\"}}"),
                     WH_OK);
    refused("{\"proxy\":{\"url\":\"http://evil.example:1\",\"username\":\"u\",\"password\":\"********\"}}", "proxy");
}

static void what_cannot_be_is_refused_by_name(void **state) {
    (void)state;
    assert_int_equal(apply("{" URL "}"), WH_OK);
    refused("{\"auth\":\"s3cret\"}", "auth");
    refused("{\"auth\":{}}", "auth.type");
    refused("{\"auth\":{\"type\":\"digest\"}}", "auth.type");
    refused("{\"auth\":{\"type\":\"bearer\"}}", "auth.token");
    refused("{\"auth\":{\"type\":\"bearer\",\"token\":\"s3cret s3cret\"}}", "auth.token");
    refused("{\"auth\":{\"type\":\"bearer\",\"token\":\"s\",\"more\":\"s3cret\"}}", "auth");
    refused("{\"auth\":{\"type\":\"basic\",\"username\":\"a:b\",\"password\":\"s3cret\"}}", "auth.username");
    refused("{\"auth\":{\"type\":\"headers\",\"headers\":{}}}", "auth.headers");
    refused("{\"auth\":{\"type\":\"headers\",\"headers\":{\"Host\":\"s3cret\"}}}", "auth.headers.Host");
    refused(
        "{\"auth\":{\"type\":\"oauth2\",\"token_url\":\"ftp://x\",\"client_id\":\"i\",\"client_secret\":\"s3cret\"}}",
        "auth.token_url");
    refused("{\"tls\":{\"certificate\":\"x\"}}", "tls");
    refused("{\"tls\":{\"certificate\":\"x\",\"key\":\"s3cret\"}}", "tls.certificate");
    refused("{\"tls\":{\"ca\":\"x\"}}", "tls.ca");
    refused("{\"tls\":{\"pin\":\"sha256//abc\"}}", "tls.pin");
    refused("{\"tls\":{\"pin\":\"/etc/passwd\"}}", "tls.pin");
    refused("{\"proxy\":{\"url\":\"ftp://p:1\"}}", "proxy.url");
    refused("{\"proxy\":{\"url\":\"http://u:s3cret@p:1\"}}", "proxy.url");
    refused("{\"proxy\":{\"url\":\"http://p\"}}", "proxy.url");
    refused("{\"content_type\":\"json\"}", "content_type");
    refused("{\"content_type\":\"a/b c\"}", "content_type");
    refused("{\"compress\":\"zstd\"}", "compress");
}

static const char *file(const char *name, char *out, size_t room) {
    FILE *from = fopen(certificates_file(name), "r");
    size_t size = from != NULL ? fread(out, 1, room - 1, from) : 0;

    assert_true(size > 0);
    fclose(from);
    out[size] = '\0';
    return out;
}

static void a_key_is_the_certificates_own(void **state) {
    char certificate[4096], key[4096], other[4096];

    (void)state;
    certificates_make("one", "DNS:one.test", NULL);
    certificates_make("two", "DNS:two.test", NULL);
    file("one.pem", certificate, sizeof certificate);
    file("one.key", key, sizeof key);
    file("two.key", other, sizeof other);
    assert_int_equal(whi_peer_check_pair(certificate, key), WH_OK);
    assert_int_equal(whi_peer_check_pair(certificate, other), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "tls.key");
    assert_int_equal(whi_peer_check_authorities(certificate), WH_OK);
    assert_int_equal(whi_peer_check_pins("sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;"
                                         "sha256//BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="),
                     WH_OK);
}

static void a_proxy_has_a_host_and_a_port(void **state) {
    char host[2049];
    uint16_t port;

    (void)state;
    assert_int_equal(whi_peer_proxy("socks5://proxy.example:1080", "proxy", host, &port), WH_OK);
    assert_string_equal(host, "proxy.example");
    assert_int_equal(port, 1080);
    assert_int_equal(whi_peer_proxy("http://[::1]:3128", "proxy", host, &port), WH_OK);
    assert_string_equal(host, "::1");
    assert_int_equal(whi_peer_proxy("http://p:3128/path", "proxy", host, &port), WH_EINVALID);
    assert_int_equal(whi_peer_proxy("p:3128", "proxy", host, &port), WH_EINVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secrets_are_shown_to_the_store_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_mask_that_is_written_back_leaves_what_was, begin, end),
        cmocka_unit_test_setup_teardown(a_login_goes_to_no_other_host_than_it_was_given_for, begin, end),
        cmocka_unit_test_setup_teardown(a_login_goes_to_nobody_who_was_not_trusted_when_it_was_given, begin, end),
        cmocka_unit_test_setup_teardown(insecure_wants_the_login_anew, begin, end),
        cmocka_unit_test_setup_teardown(a_login_goes_by_no_other_proxy_than_it_was_given_for, begin, end),
        cmocka_unit_test_setup_teardown(a_masked_secret_stays_with_what_it_was_given_with, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused_by_name, begin, end),
        cmocka_unit_test(a_key_is_the_certificates_own),
        cmocka_unit_test(a_proxy_has_a_host_and_a_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
