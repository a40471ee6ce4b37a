#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "base/error.h"
#include "systems/check.h"
#include "verify_kit.h"

/* ------------------------------------------------------------- published vectors */

/* developers.callfire.com, "webhook security" */
static const struct request callfire = {
    "callfire",
    "mysecrets",
    "{\"name\":\"test webhook\", \"callback\":\"sms:callfire\"}",
    { { "X-CallFire-Signature", "v14pF7d5C1+CHNIEWlg+sw9v0Xg=" } },
    0,
    0,
    NULL,
    NULL,
};

/* docs.github.com, "validating webhook deliveries" */
static const struct request github = {
    "github",
    "It's a Secret to Everybody",
    "Hello, World!",
    { { "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" } },
    0,
    0,
    NULL,
    NULL,
};

/* api.slack.com, "verifying requests from Slack" */
static const struct request slack = {
    "slack",
    "8f742231b10e8888abcd99yyyzzz85a5",
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
    "foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks."
    "slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
    "803a0bc887a14d10d2c447fce8b6703c",
    { { "X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503" },
      { "X-Slack-Request-Timestamp", "1531420618" } },
    INT64_C(1531420618) * 1000,
    0,
    NULL,
    NULL,
};

#define TRUTO_SECRET "d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff"
#define TRUTO_HEX "b326aa30098297ff1ccb73bd0f59d903607b2ee3a8a8c5dad55dc7a219328fe9"

/* Computed with the command openssl; Truto publishes none. */
static const struct request truto = {
    "truto",
    TRUTO_SECRET,
    "{\"id\":\"e1\",\"event\":\"test\",\"payload\":{\"foo\":\"bar\"}}",
    { { "X-Truto-Signature", "format=sha256,v=syaqMAmCl/8cy3O9D1nZA2B7LuOoqMXa1V3Hohkyj+k=" } },
    0,
    0,
    NULL,
    NULL,
};

#define SIG256_HEX "5669ff753c5cac595816f5623859677b5e016b0d78d0564b10cc5f13810ea04f"
#define SIG256_BASE64 "Vmn/dTxcrFlYFvViOFlne14Baw140FZLEMxfE4EOoE8="
#define SIG_HEX "e5f61797a747f21df9a2de1bd917d89c5193ec64"
#define SIG_BASE64 "5fYXl6dH8h35ot4b2RfYnFGT7GQ="
#define UNIFIED(data, signature) "{\"data\":" data ",\"nonce\":\"abc123\"," signature ",\"type\":\"NATIVE\"}"

/* Computed with the command openssl; Unified.to publishes none. */
static struct request unified_of(const char *body) {
    struct request r = { "unified", "workspace-secret", body, { { NULL, NULL } }, 0, 0, NULL, NULL };

    return r;
}

static const struct request shopify = {
    "shopify", "hush", "{}", { { "X-Shopify-Hmac-Sha256", NULL } }, 0, 0, NULL, NULL,
};

static struct request shopify_of(const char *body) {
    static char value[100];
    struct request r = shopify;

    snprintf(value, sizeof value, "%s", hmac(r.secret, body, 0, 0));
    r.body = body;
    set(&r, "X-Shopify-Hmac-Sha256", value);
    return r;
}

#define STRIPE_SECRET "whsec_test_secret"
#define STRIPE_BODY "{\"id\":\"evt_1\"}"

static struct request stripe_of(const char *signature) {
    static char value[400];
    struct request r = { "stripe", STRIPE_SECRET, STRIPE_BODY, { { NULL, NULL } }, 0, 0, NULL, NULL };

    snprintf(value, sizeof value, "t=1700000000,v1=%s",
             signature != NULL ? signature : hmac(STRIPE_SECRET, "1700000000." STRIPE_BODY, 0, 1));
    set(&r, "Stripe-Signature", value);
    return r;
}

static void the_vendors_own_examples_verify(void **state) {
    (void)state;
    assert_int_equal(verify(&callfire), WH_OK);
    assert_int_equal(verify(&github), WH_OK);
    assert_int_equal(verify(&slack), WH_OK);
}

static void the_formats_without_an_example_verify_too(void **state) {
    struct request r = shopify_of("{\"n\":1}");

    (void)state;
    assert_int_equal(verify(&r), WH_OK);
    r = stripe_of(NULL);
    assert_int_equal(verify(&r), WH_OK);
    assert_int_equal(verify(&truto), WH_OK);
    assert_int_equal(verify_with(&truto, "X-Truto-Signature", "format=sha256,v=" TRUTO_HEX), WH_OK);
    assert_int_equal(verify_with(&truto, "X-Truto-Signature", "v=" TRUTO_HEX ", format=sha256, more=1"), WH_OK);
}

static const char *const unified_good[] = {
    UNIFIED("[{\"id\":\"1\"}]", "\"sig256\":\"" SIG256_HEX "\""),
    UNIFIED("[{\"id\":\"1\"}]", "\"sig256\":\"" SIG256_BASE64 "\""),
    UNIFIED("[{\"id\":\"1\"}]", "\"sig\":\"" SIG_HEX "\""),
    UNIFIED("[{\"id\":\"1\"}]", "\"sig\":\"" SIG_BASE64 "\""),
    UNIFIED("[{\"id\":\"1\"}]", "\"sig256\":null,\"sig\":\"" SIG_HEX "\""),
    UNIFIED("[{\"id\":\"1\"}]", "\"sig\":\"wrong\",\"sig256\":\"" SIG256_HEX "\""),
    UNIFIED(" [\n { \"id\" :\t\"1\" } ] ", "\"sig256\":\"" SIG256_HEX "\""),
    "{\"sig256\":\"" SIG256_HEX "\",\"n\\u006fnce\":\"abc\\u003123\",\"data\":[{\"id\":\"1\"}]}",
    "{\"sig256\":\"Vmn\\/dTxcrFlYFvViOFlne14Baw140FZLEMxfE4EOoE8=\",\"nonce\":\"abc123\",\"data\":[{\"id\":\"1\"}]}",
};

static void unified_is_signed_over_data_and_nonce(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof unified_good / sizeof unified_good[0]; i++) {
        struct request r = unified_of(unified_good[i]);

        assert_int_equal(verify(&r), WH_OK);
        r.secret = "another";
        assert_int_equal(verify(&r), WH_ESIG_MISMATCH);
    }
}

static void blanks_within_strings_of_unifieds_data_are_kept(void **state) {
    static const char data[] = "[{\"a\":\" b \\\" c \",\"d\":1}]";
    char body[400], text[200];

    (void)state;
    snprintf(text, sizeof text, "%sn", data);
    snprintf(body, sizeof body, "{\"nonce\":\"n\",\"data\": [ { \"a\": \" b \\\" c \", \"d\": 1 } ],\"sig256\":\"%s\"}",
             hmac("workspace-secret", text, 0, 1));
    struct request r = unified_of(body);
    assert_int_equal(verify(&r), WH_OK);
    *strstr(body, " c ") = '\t';
    assert_int_equal(verify(&r), WH_ESIG_FORMAT);
}

static void a_body_that_is_not_unifieds_is_refused(void **state) {
    static const struct {
        const char *body;
        int code;
    } wrong[] = {
        { "", WH_ESIG_FORMAT },
        { "[]", WH_ESIG_FORMAT },
        { "{", WH_ESIG_FORMAT },
        { "{}", WH_ESIG_HEADER },
        { "{\"nonce\":\"n\",\"data\":[]}", WH_ESIG_HEADER },
        { UNIFIED("[{\"id\":\"2\"}]", "\"sig256\":\"" SIG256_HEX "\""), WH_ESIG_MISMATCH },
        { UNIFIED("[{\"id\":\"1\"}]", "\"sig256\":7"), WH_ESIG_FORMAT },
        { UNIFIED("[{\"id\":\"1\"}]", "\"sig256\":\"\""), WH_ESIG_FORMAT },
        { UNIFIED("[{\"id\":\"1\"}]", "\"sig256\":\"" SIG_HEX "\""), WH_ESIG_FORMAT },
        { UNIFIED("[{\"id\":\"1\"}]", "\"sig\":\"" SIG256_HEX "\""), WH_ESIG_FORMAT },
        { UNIFIED("1", "\"sig256\":\"" SIG256_HEX "\""), WH_ESIG_FORMAT },
        { UNIFIED("[{\"id\":\"1\"}]", "\"data\":[],\"sig256\":\"" SIG256_HEX "\""), WH_ESIG_FORMAT },
        { UNIFIED("[{\"id\":\"1\"}]", "\"d\\u0061ta\":[],\"sig256\":\"" SIG256_HEX "\""), WH_ESIG_FORMAT },
        { UNIFIED("[{\"id\":\"1\"}]", "\"type\":\"x\",\"sig256\":\"" SIG256_HEX "\""), WH_ESIG_FORMAT },
        { "{\"data\":[],\"sig256\":\"" SIG256_HEX "\"}", WH_ESIG_HEADER },
        { "{\"data\":[],\"nonce\":1,\"sig256\":\"" SIG256_HEX "\"}", WH_ESIG_FORMAT },
        { "{\"data\":[],\"nonce\":\"\",\"sig256\":\"" SIG256_HEX "\"}", WH_ESIG_FORMAT },
        { "{\"data\":[],\"nonce\":\" \\r\\n\\t\",\"sig256\":\"" SIG256_HEX "\"}", WH_ESIG_FORMAT },
        { "{\"nonce\":\"n\",\"sig256\":\"" SIG256_HEX "\"}", WH_ESIG_HEADER },
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct request r = unified_of(wrong[i].body);

        assert_int_equal(verify(&r), wrong[i].code);
        assert_true(strncmp(wh_last_error(), "body", 4) == 0);
    }
}

/* ----------------------------------------------------------- what may be wrong */

static void all_simple(void (*each)(const struct request *)) {
    struct request r = shopify_of("{}");

    each(&callfire);
    each(&github);
    each(&slack);
    each(&truto);
    each(&r);
    r = stripe_of(NULL);
    each(&r);
}

static void each_changed(const struct request *given) {
    struct request r = *given;

    assert_int_equal(verify(&r), WH_OK);
    r.body = "other";
    assert_int_equal(verify(&r), WH_ESIG_MISMATCH);
    r = *given;
    r.secret = "other";
    assert_int_equal(verify(&r), WH_ESIG_MISMATCH);
    r.secret = "";
    assert_int_equal(verify(&r), WH_ESECRET);
    assert_true(strncmp(wh_last_error(), "secrets[0]: ", 12) == 0);
    r.secret = NULL;
    assert_int_equal(verify(&r), WH_ESECRET);
}

static void a_changed_body_or_secret_is_a_mismatch(void **state) {
    (void)state;
    all_simple(each_changed);
}

/* Every text that is shorter, and one that is longer. */
static void each_length(const struct request *given) {
    struct request r = *given;
    char value[500];

    for (size_t size = 0; size < strlen(given->headers[0].value); size++) {
        snprintf(value, sizeof value, "%.*s", (int)size, given->headers[0].value);
        r.headers[0].value = value;
        assert_int_equal(verify(&r), WH_ESIG_FORMAT);
    }
    snprintf(value, sizeof value, "%s=", given->headers[0].value);
    assert_int_equal(verify(&r), WH_ESIG_FORMAT);
}

static void a_header_cut_short_is_a_format_error(void **state) {
    (void)state;
    all_simple(each_length);
}

static void each_blank(const struct request *given) {
    struct request r = *given;
    static char padded[WHI_CHECK_HEADER_MAXIMUM];

    snprintf(padded, sizeof padded, " \t%s\t ", given->headers[0].value);
    r.headers[0].value = padded;
    assert_int_equal(verify(&r), WH_OK);
}

/* RFC 9110 5.5 */
static void blanks_around_a_value_are_no_part_of_it(void **state) {
    (void)state;
    all_simple(each_blank);
    assert_int_equal(verify_with(&slack, "X-Slack-Request-Timestamp", "\t1531420618 "), WH_OK);
}

static void each_count(const struct request *given) {
    struct request r = *given;
    static char large[WHI_CHECK_HEADER_MAXIMUM + 2];

    r.headers[0].name = "x-other";
    assert_int_equal(verify(&r), WH_ESIG_HEADER);
    assert_non_null(strstr(wh_last_error(), "signature") != NULL ? "" : strstr(wh_last_error(), "hmac"));
    r.format = NULL;
    assert_int_equal(verify(&r), WH_ESIG_HEADER);
    r = *given;
    r.headers[5] = r.headers[0];
    assert_int_equal(verify(&r), WH_ESIG_FORMAT);
    assert_non_null(strstr(wh_last_error(), "found twice"));
    r.format = NULL;
    assert_int_equal(verify(&r), WH_ESIG_FORMAT);
    r = *given;
    memset(large, 'a', sizeof large - 1);
    r.headers[0].value = large;
    assert_int_equal(verify(&r), WH_ESIG_FORMAT);
}

static void a_header_that_is_missing_twice_or_too_large_is_refused(void **state) {
    (void)state;
    all_simple(each_count);
}

static void each_detected(const struct request *given) {
    struct request r = *given;

    r.format = NULL;
    assert_int_equal(verify(&r), WH_OK);
    assert_string_equal(found, given->format);
    r.headers[6] = (wh_header){ "webhook-id", "msg_1" };
    assert_int_equal(verify(&r), WH_OK);
    r.headers[7] = (wh_header){ "Webhook-Signature", "v1,AA==" };
    assert_int_equal(verify(&r), WH_ESIG_FORMAT);
    assert_null(found);
    assert_non_null(strstr(wh_last_error(), given->format));
    assert_non_null(strstr(wh_last_error(), "standard"));
    r.format = given->format;
    assert_int_equal(verify(&r), WH_OK);
}

static void the_format_is_told_by_the_headers_unless_they_are_of_two(void **state) {
    struct request r = unified_of(unified_good[0]);

    (void)state;
    all_simple(each_detected);
    r.format = NULL;
    assert_int_equal(verify(&r), WH_OK);
    assert_string_equal(found, "unified");
    r.body = "{\"nonce\":\"n\"}";
    assert_int_equal(verify(&r), WH_ESIG_HEADER);
    r.body = "not {json";
    assert_int_equal(verify(&r), WH_ESIG_HEADER);
    r.format = "nobody";
    assert_int_equal(verify(&r), WH_EINVALID);
}

static void standard_is_as_ever(void **state) {
    struct request r = { NULL,
                         "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                         "{\"test\": 2432232314}",
                         { { "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek" },
                           { "webhook-timestamp", "1614265330" },
                           { "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" } },
                         INT64_C(1614265330) * 1000,
                         0,
                         NULL,
                         NULL };

    (void)state;
    assert_int_equal(verify(&r), WH_OK);
    assert_string_equal(found, "standard");
    assert_int_equal(wh_verify_as(NULL, &r.secret, 1, r.headers, 3, r.body, WH_ZSTR, NULL), WH_ESIG_OLD);
    r.headers[0].name = "svix-id";
    r.headers[1].name = "svix-timestamp";
    r.headers[2].name = "svix-signature";
    assert_int_equal(verify(&r), WH_OK);
    r.format = "standard";
    assert_int_equal(verify(&r), WH_OK);
    r.secret = "plain text";
    assert_int_equal(verify(&r), WH_ESECRET);
}

static void one_of_several_secrets_suffices_and_a_broken_one_is_told(void **state) {
    const char *secrets[] = { "other", "It's a Secret to Everybody", "third" };
    wh_verify_options options = WH_VERIFY_INIT;

    (void)state;
    assert_int_equal(wh_verify_as(&options, secrets, 3, github.headers, 1, github.body, WH_ZSTR, NULL), WH_OK);
    assert_int_equal(wh_verify_as(&options, secrets, 1, github.headers, 1, github.body, WH_ZSTR, NULL),
                     WH_ESIG_MISMATCH);
    secrets[2] = "";
    assert_int_equal(wh_verify_as(&options, secrets, 3, github.headers, 1, github.body, WH_ZSTR, NULL), WH_ESECRET);
    assert_true(strncmp(wh_last_error(), "secrets[2]: ", 12) == 0);
    assert_int_equal(wh_verify_as(&options, secrets, 0, github.headers, 1, "", 0, NULL), WH_EINVALID);
    assert_int_equal(wh_verify_as(&options, NULL, 1, github.headers, 1, "", 0, NULL), WH_EINVALID);
    assert_int_equal(wh_verify_as(&options, secrets, 1, NULL, 1, "", 0, NULL), WH_EINVALID);
    assert_int_equal(wh_verify_as(&options, secrets, 1, github.headers, 1, NULL, 1, NULL), WH_EINVALID);
    options.size = 2;
    assert_int_equal(wh_verify_as(&options, secrets, 1, github.headers, 1, "", 0, NULL), WH_EINVALID);
}

static void each_time(const struct request *given, int64_t at) {
    struct request r = *given;

    r.now = (at + 300) * 1000;
    assert_int_equal(verify(&r), WH_OK);
    r.now = (at + 301) * 1000;
    assert_int_equal(verify(&r), WH_ESIG_OLD);
    r.tolerance = 400;
    assert_int_equal(verify(&r), WH_OK);
    r.now = (at - 401) * 1000;
    assert_int_equal(verify(&r), WH_ESIG_NEW);
    r.tolerance = -1;
    assert_int_equal(verify(&r), WH_OK);
}

static void the_time_of_slack_and_stripe_is_tolerated_to_the_second(void **state) {
    struct request r = stripe_of(NULL);

    (void)state;
    each_time(&slack, 1531420618);
    each_time(&r, NOW_SECONDS);
}

static void parts_of_a_header_that_do_not_fit_are_refused(void **state) {
    static const char *const stripes[] = { "",
                                           ",",
                                           "t=1700000000",
                                           "t=1700000000,t=1700000000,v1=" TRUTO_HEX,
                                           "v1=" TRUTO_HEX,
                                           "t=,v1=" TRUTO_HEX,
                                           "t=-1,v1=" TRUTO_HEX,
                                           "t",
                                           "t=1700000000,v1=xx",
                                           "t=1700000000,v0=" TRUTO_HEX,
                                           "t=1700000000000000,v1=" TRUTO_HEX };
    static const char *const trutos[] = {
        "v=" TRUTO_HEX,
        "format=sha1,v=" TRUTO_HEX,
        "format=sha256,v=",
        "format=sha256,v=" TRUTO_HEX ",v=" TRUTO_HEX,
        "format=sha256,format=sha256,v=" TRUTO_HEX,
        "format=SHA256,v=" TRUTO_HEX,
        "format=sha256,v=g326aa30098297ff1ccb73bd0f59d903607b2ee3a8a8c5dad55dc7a219328fe9"
    };
    struct request stripe = stripe_of(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof stripes / sizeof stripes[0]; i++) {
        assert_int_equal(verify_with(&stripe, "Stripe-Signature", stripes[i]), WH_ESIG_FORMAT);
    }
    for (size_t i = 0; i < sizeof trutos / sizeof trutos[0]; i++) {
        assert_int_equal(verify_with(&truto, "X-Truto-Signature", trutos[i]), WH_ESIG_FORMAT);
    }
    assert_int_equal(verify_with(&slack, "X-Slack-Request-Timestamp", "now"), WH_ESIG_FORMAT);
    assert_int_equal(verify_with(&slack, "X-Slack-Request-Timestamp", NULL), WH_ESIG_HEADER);
    assert_string_equal(wh_last_error(), "header x-slack-request-timestamp: missing");
    assert_int_equal(verify_with(&github, "X-Hub-Signature-256", "sha1=" TRUTO_HEX), WH_ESIG_FORMAT);
}

static void an_item_that_cannot_be_read_is_passed_over(void **state) {
    static const char *const unread[] = { "v1=", "v1=xx", "v1", "x", "=", "v1=" TRUTO_HEX "00" };
    struct request r = stripe_of(NULL);
    char value[500], truto_value[200];

    (void)state;
    for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++) {
        snprintf(value, sizeof value, "%s,%s", unread[i], r.headers[0].value);
        assert_int_equal(verify_with(&r, "Stripe-Signature", value), WH_OK);
        snprintf(value, sizeof value, "%s,%s", r.headers[0].value, unread[i]);
        assert_int_equal(verify_with(&r, "Stripe-Signature", value), WH_OK);
    }
    snprintf(truto_value, sizeof truto_value, "x,%s,y", truto.headers[0].value);
    assert_int_equal(verify_with(&truto, "X-Truto-Signature", truto_value), WH_OK);
}

static void one_of_stripes_signatures_suffices_and_65_are_too_many(void **state) {
    static char value[65 * 70];
    struct request r = stripe_of(NULL);
    size_t size = (size_t)snprintf(value, sizeof value, "%s", r.headers[0].value);

    (void)state;
    for (int i = 1; i < 65; i++) {
        assert_int_equal(verify_with(&r, "Stripe-Signature", value), WH_OK);
        size += (size_t)snprintf(value + size, sizeof value - size, ",v1=" TRUTO_HEX);
    }
    assert_int_equal(verify_with(&r, "Stripe-Signature", value), WH_ESIG_FORMAT);
}

/* ---------------------------------------------------------------------- faults */

/* A program that speaks TLS reads this queue to learn how its own calls ended. */
static void nothing_is_left_in_the_queue_of_openssl(void **state) {
    a_changed_body_or_secret_is_a_mismatch(state);
    assert_int_equal(ERR_peek_error(), 0);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof unified_good / sizeof unified_good[0]; i++) {
        struct request r = unified_of(unified_good[i]);

        without_memory(&r);
        r.format = NULL;
        without_memory(&r);
    }
    all_simple(without_memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vendors_own_examples_verify),
        cmocka_unit_test(the_formats_without_an_example_verify_too),
        cmocka_unit_test(unified_is_signed_over_data_and_nonce),
        cmocka_unit_test(blanks_within_strings_of_unifieds_data_are_kept),
        cmocka_unit_test(a_body_that_is_not_unifieds_is_refused),
        cmocka_unit_test(a_changed_body_or_secret_is_a_mismatch),
        cmocka_unit_test(a_header_cut_short_is_a_format_error),
        cmocka_unit_test(blanks_around_a_value_are_no_part_of_it),
        cmocka_unit_test(an_item_that_cannot_be_read_is_passed_over),
        cmocka_unit_test(a_header_that_is_missing_twice_or_too_large_is_refused),
        cmocka_unit_test(the_format_is_told_by_the_headers_unless_they_are_of_two),
        cmocka_unit_test(standard_is_as_ever),
        cmocka_unit_test(one_of_several_secrets_suffices_and_a_broken_one_is_told),
        cmocka_unit_test(the_time_of_slack_and_stripe_is_tolerated_to_the_second),
        cmocka_unit_test(parts_of_a_header_that_do_not_fit_are_refused),
        cmocka_unit_test(one_of_stripes_signatures_suffices_and_65_are_too_many),
        cmocka_unit_test(nothing_is_left_in_the_queue_of_openssl),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
