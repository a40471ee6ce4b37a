#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "systems/form.h"

static whi_form *form;

static int end(void **state) {
    (void)state;
    whi_form_free(form);
    form = NULL;
    return 0;
}

static void read_form(const char *json) {
    whi_form_free(form);
    if (whi_form_read(&form, json, strlen(json)) != WH_OK) {
        fail_msg("%s: %s", json, wh_last_error());
    }
}

/* The line of this name, of what is signed. */
static const char *line_of(const whi_form_message *message, char *const *secrets, size_t count, const char *name) {
    static char found[1024];
    whi_buf lines;
    size_t at = 0;

    whi_buf_init(&lines, 65536);
    assert_int_equal(whi_form_sign(form, message, secrets, count, &lines), WH_OK);
    found[0] = '\0';
    while (at < lines.size) {
        if (strncmp(lines.data + at, name, strlen(name)) == 0) {
            snprintf(found, sizeof found, "%s", lines.data + at);
        }
        at += strlen(lines.data + at) + 1;
    }
    whi_buf_free(&lines);
    return found;
}

/* docs.github.com, "Validating webhook deliveries": its own example. */
static void github_signs_as_it_has_published(void **state) {
    static char *const secrets[] = { "It's a Secret to Everybody" };
    const whi_form_message message = { "evt_1", "push", NULL, 1, "Hello, World!", 13 };

    (void)state;
    read_form("\"github\"");
    assert_string_equal(line_of(&message, secrets, 1, "X-Hub-Signature-256"),
                        "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    assert_string_equal(line_of(&message, secrets, 1, "X-GitHub-Event"), "X-GitHub-Event: push");
    assert_string_equal(line_of(&message, secrets, 1, "X-GitHub-Delivery"), "X-GitHub-Delivery: evt_1");
}

/* docs.slack.dev, "Verifying requests from Slack": its own example. */
static void slack_signs_as_it_has_published(void **state) {
    static const char body[] =
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        "channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
        "96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    static char *const secrets[] = { "8f742231b10e8888abcd99yyyzzz85a5" };
    const whi_form_message message = { "evt_1", "command", NULL, 1531420618, body, sizeof body - 1 };

    (void)state;
    read_form("\"slack\"");
    assert_string_equal(line_of(&message, secrets, 1, "X-Slack-Signature"),
                        "X-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    assert_string_equal(line_of(&message, secrets, 1, "X-Slack-Request-Timestamp"),
                        "X-Slack-Request-Timestamp: 1531420618");
}

/* Svix's form is Standard Webhooks under other names, which wh_sign has an implementation of its own for. */
static void svix_signs_as_the_standard_does(void **state) {
    static char *const secrets[] = { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };
    const whi_form_message message = { "msg_p5jXN8AQM9LWM0D4loKWxJek", "x", NULL, 1614265330, "{}", 2 };
    char *expected, line[256];

    (void)state;
    assert_int_equal(wh_sign((const char *const *)secrets, 1, message.id, message.timestamp, "{}", 2, &expected),
                     WH_OK);
    snprintf(line, sizeof line, "svix-signature: %s", expected);
    wh_free(expected);
    read_form("\"svix\"");
    assert_string_equal(line_of(&message, secrets, 1, "svix-signature"), line);
}

/* RFC 4231 4.3 and RFC 2202 3: "what do ya want for nothing?" with the key "Jefe". */
static void digests_and_encodings_are_those_of_the_rfcs(void **state) {
    static char *const secrets[] = { "Jefe" };
    const whi_form_message message = { "i", "t", NULL, 1, "what do ya want for nothing?", 28 };

    (void)state;
    read_form("{\"digest\":\"sha1\",\"signed\":\"{body}\",\"headers\":{\"X-S\":\"{signature}\"}}");
    assert_string_equal(line_of(&message, secrets, 1, "X-S"), "X-S: effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    read_form("{\"digest\":\"sha512\",\"signed\":\"{body}\",\"headers\":{\"X-S\":\"{signature}\"}}");
    assert_string_equal(line_of(&message, secrets, 1, "X-S"),
                        "X-S: 164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    read_form("{\"encoding\":\"base64\",\"signed\":\"{body}\",\"headers\":{\"X-S\":\"{signature}\"}}");
    assert_string_equal(line_of(&message, secrets, 1, "X-S"), "X-S: W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

/* -------------------------------------------------------------------------- verifying */

static int verify_with(const char *json, const whi_form_message *message, char *const *signing, size_t count,
                       const char *secret, int64_t tolerance) {
    const char *secrets[] = { secret };
    wh_verify_options options = WH_VERIFY_INIT;
    wh_header headers[WHI_FORM_HEADERS];
    char copy[4096];
    whi_buf lines;
    size_t at = 0, found = 0;

    read_form(json);
    whi_buf_init(&lines, sizeof copy);
    assert_int_equal(whi_form_sign(form, message, signing, count, &lines), WH_OK);
    memcpy(copy, lines.data, lines.size);
    for (; at < lines.size; at += strlen(lines.data + at) + 1) {
        char *colon = strchr(copy + at, ':');
        *colon = '\0';
        headers[found++] = (wh_header){ copy + at, colon + 2 };
    }
    whi_buf_free(&lines);
    options.signature = json;
    options.tolerance = tolerance;
    options.now = (message->timestamp + 10) * 1000;
    options.url = message->url;
    return wh_verify_as(&options, secrets, 1, headers, found, message->body, message->size, NULL);
}

static void what_a_form_signs_it_verifies(void **state) {
    static char *const two[] = { "first", "second" };
    static const char *const forms[] = {
        "\"github\"",
        "\"shopify\"",
        "\"slack\"",
        "{\"signed\":\"{url}{body}\",\"encoding\":\"base64\",\"headers\":{\"X-Square\":\"{signature}\"}}",
        "{\"digest\":\"sha512\",\"signed\":\"{type}|{id}|{body}\",\"headers\":{\"X-A\":\"{type};{id}\","
        "\"X-B\":\"<{signature}>\"}}",
    };
    whi_form_message message = { "evt_1", "order.paid", "https://a.example/h", 1700000000, "{\"n\":1}", 7 };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        assert_int_equal(verify_with(forms[i], &message, two, 2, "first", 0), WH_OK);
        assert_int_equal(verify_with(forms[i], &message, two, 2, "second", 0), WH_ESIG_MISMATCH);
    }
    assert_int_equal(verify_with("\"stripe\"", &message, two, 2, "first", 0), WH_OK);
    assert_int_equal(verify_with("\"stripe\"", &message, two, 2, "second", 0), WH_OK);
    assert_int_equal(verify_with("\"stripe\"", &message, two, 2, "third", 0), WH_ESIG_MISMATCH);
    assert_int_equal(verify_with("\"stripe\"", &message, two, 2, "first", 5), WH_ESIG_OLD);
    assert_int_equal(verify_with("\"github\"", &message, two, 2, "first", 5), WH_OK); /* it has no time */
}

static int verify_line(const char *json, const char *name, const char *value) {
    static const char *const secrets[] = { "hush" };
    const wh_header header = { name, value };
    wh_verify_options options = WH_VERIFY_INIT;

    options.signature = json;
    options.tolerance = -1;
    return wh_verify_as(&options, secrets, 1, &header, 1, "{}", 2, NULL);
}

static void headers_that_are_not_of_the_form_are_refused(void **state) {
    (void)state;
    assert_int_equal(verify_line("\"stripe\"", "X-Other", "x"), WH_ESIG_HEADER);
    assert_int_equal(verify_line("\"stripe\"", "Stripe-Signature", ""), WH_ESIG_FORMAT);
    assert_int_equal(verify_line("\"stripe\"", "Stripe-Signature", "t=1"), WH_ESIG_FORMAT);
    assert_int_equal(verify_line("\"stripe\"", "Stripe-Signature", "t=x,v1=00"), WH_ESIG_FORMAT);
    assert_int_equal(verify_line("\"stripe\"", "Stripe-Signature", "t=1,v0=00"), WH_ESIG_FORMAT);
    assert_int_equal(verify_line("\"github\"", "X-Hub-Signature-256", "sha1=00"), WH_ESIG_FORMAT);
    assert_int_equal(verify_line("\"github\"", "X-Hub-Signature-256", "sha256=zz"), WH_ESIG_FORMAT);
}

static void refused(const char *json, const char *field) {
    whi_form *made = NULL;

    if (whi_form_read(&made, json, strlen(json)) == WH_OK) {
        whi_form_free(made);
        fail_msg("%s was taken", json);
    }
    assert_null(made);
    assert_string_equal(wh_last_error_field(), field);
}

#define ONE "\"headers\":{\"X-S\":\"{signature}\"}"

static void what_is_no_form_is_refused_by_name(void **state) {
    (void)state;
    refused("\"acme\"", "signature");
    refused("[]", "signature");
    refused("{}", "signature.signed");
    refused("{\"signed\":\"{body}\"}", "signature.headers");
    refused("{\"signed\":\"{id}\"," ONE "}", "signature.signed");
    refused("{\"signed\":\"{body}{body}\"," ONE "}", "signature.signed");
    refused("{\"signed\":\"{body}{password}\"," ONE "}", "signature.signed");
    refused("{\"signed\":\"{body\"," ONE "}", "signature.signed");
    refused("{\"signed\":\"{body}\",\"headers\":{\"X-S\":\"x\"}}", "signature.headers");
    refused("{\"signed\":\"{body}\",\"headers\":{\"X-S\":\"{body}\"}}", "signature.headers.X-S");
    refused("{\"signed\":\"{body}\",\"headers\":{\"Host\":\"{signature}\"}}", "signature.headers");
    refused("{\"signed\":\"{body}\",\"headers\":{\"X:S\":\"{signature}\"}}", "signature.headers");
    refused("{\"signed\":\"{body}\",\"headers\":{\"X-S\":\"{signature}\",\"x-s\":\"1\"}}", "signature.headers");
    refused("{\"signed\":\"{body}\",\"headers\":{\"X-S\":\"a\\r\\nX-T: {signature}\"}}", "signature.headers.X-S");
    refused("{\"signed\":\"{body}\",\"digest\":\"md5\"," ONE "}", "signature.digest");
    refused("{\"signed\":\"{body}\",\"between\":\",\"," ONE "}", "signature.between");
    refused("{\"signed\":\"{body}\",\"headers\":{\"X-S\":\"{signatures}\"}}", "signature.between");
    refused("{\"signed\":\"{body}\",\"between\":\",\",\"headers\":{\"X-S\":\"{signatures}\"}}", "signature.each");
    refused("{\"signed\":\"{body}\",\"code\":\"x\"," ONE "}", "signature");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(github_signs_as_it_has_published, end),
        cmocka_unit_test_teardown(slack_signs_as_it_has_published, end),
        cmocka_unit_test_teardown(svix_signs_as_the_standard_does, end),
        cmocka_unit_test_teardown(digests_and_encodings_are_those_of_the_rfcs, end),
        cmocka_unit_test_teardown(what_a_form_signs_it_verifies, end),
        cmocka_unit_test_teardown(headers_that_are_not_of_the_form_are_refused, end),
        cmocka_unit_test_teardown(what_is_no_form_is_refused_by_name, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
