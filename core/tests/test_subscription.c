#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fault.h"
#include "pure/path.h"
#include "systems/subscription_make.h"
#include "systems/subscription_write.h"
#include "webhook.h"

#define RULE_MAXIMUM 65536
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET_2 "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

static const char everything[] =
    "{\"url\":\"https://example.com/h?a=b\",\"events\":[\"order.*\",\"a\",\"*\",\"webhook.x\"],\"tenant\":\"t-1\","
    "\"name\":\"n \\u00e4\\ud83d\\ude00 \\\"q\\\" \\\\\",\"rule\":\"return true -- \\t\\n\\u0001\","
    "\"fields\":\"id, a.b,c(d,e)\",\"filters\":{\"a.b\":\"DE\",\"n\":[1,null]},\"on_rule_error\":\"send\","
    "\"headers\":{\"X-Env\":\"te:st;\",\"X-Empty\":\"\",\"User-Agent\":\"me\"},"
    "\"metadata\":{\"k\": [1.10, {}],\"big\":9007199254740993},\"paused\":true,"
    "\"secrets\":[\"" SECRET "\",\"" SECRET_2 "\"],\"retry\":[0,5000,2592000000],\"timeout\":1000,"
    "\"concurrency\":7,\"rate\":{\"count\":100,\"per\":60,\"burst\":5},\"insecure\":true,\"http2\":true,\"source\":"
    "\"shop/1\",\"order\":\"latest\",\"single_use\":true,"
    "\"expires_at\":1790000000000,\"profile\":\"standard\",\"encoding\":\"hex\",\"data\":\"exact\","
    "\"details\":{\"a\":[1.10]},\"poll\":{\"type\":\"crm_contact\",\"interval\":60000,\"limit\":50,\"history\":true}}";

static whi_subscription *fresh(void) {
    whi_subscription *s;

    assert_int_equal(whi_subscription_new(&s), WH_OK);
    return s;
}

static int apply(whi_subscription *s, const char *document) {
    return whi_subscription_apply(s, document, strlen(document), RULE_MAXIMUM, 0);
}

static void must_apply(whi_subscription *s, const char *document) {
    if (apply(s, document) != WH_OK) {
        fail_msg("%s: %s", document, wh_last_error());
    }
}

static char *written(const whi_subscription *s, int secrets) {
    whi_buf out;
    char *text;
    size_t size;

    whi_buf_init(&out, SIZE_MAX / 4);
    whi_subscription_write(s, secrets, &out);
    assert_int_equal(whi_buf_take(&out, &text, &size), WH_OK);
    assert_int_equal(whi_json_check(text, size, 64), WH_OK);
    return text;
}

#define KNOWN                                                                                                          \
    ", expected one of: url, database, also, events, tenant, name, rule, response_rule, fields, filters, "             \
    "on_rule_error, headers, "                                                                                         \
    "auth, tls, proxy, content_type, compress, signature, metadata, paused, "                                          \
    "secrets, retry, retry_on, jitter, retry_budget, timeout, timeouts, concurrency, rate, breaker, insecure, http2, " \
    "source, order, "                                                                                                  \
    "single_use, expires_at, profile, "                                                                                \
    "encoding, data, details, poll"

/* A document's failure; the subscription may be half changed and must still be freed. */
static void refuses(const char *document, int code, const char *sentence) {
    whi_subscription *s = fresh();
    int given = apply(s, document);

    if (given != code) {
        fail_msg("%.200s: %s instead of %s", document, wh_error_name(given), wh_error_name(code));
    }
    if (strcmp(wh_last_error(), sentence) != 0) {
        fail_msg("%.200s: \"%s\" instead of \"%s\"", document, wh_last_error(), sentence);
    }
    whi_subscription_free(s);
}

/* ----------------------------------------------------------------------- reading */

static void a_fresh_one_has_the_defaults(void **state) {
    whi_subscription *s = fresh();
    char *text = written(s, 1);

    (void)state;
    assert_string_equal(
        text, "{\"id\":\"sub_0000000000000\",\"url\":null,\"events\":[],\"tenant\":\"\",\"name\":null,"
              "\"rule\":null,\"response_rule\":null,\"fields\":null,\"filters\":null,\"on_rule_error\":\"hold\","
              "\"headers\":{},"
              "\"auth\":null,\"tls\":null,\"proxy\":null,\"content_type\":null,\"compress\":null,\"signature\":null,"
              "\"metadata\":null,\"paused\":false,\"secrets\":[],\"retry\":null,\"timeout\":null,"
              "\"concurrency\":64,\"rate\":null,\"insecure\":false,\"http2\":false,\"source\":null,\"order\":\"none\","
              "\"single_use\":false,\"expires_at\":null,\"profile\":\"standard\",\"encoding\":null,"
              "\"data\":null,\"details\":null,\"poll\":null,\"version\":0,\"disabled\":null,"
              "\"created_at\":null,\"updated_at\":null}");
    assert_int_equal(whi_subscription_check(s), WH_EINVALID);
    assert_string_equal(wh_last_error(), "url: expected one, found none");
    wh_free(text);
    whi_subscription_free(s);
    whi_subscription_free(NULL);
}

static void every_field_is_read(void **state) {
    whi_subscription *s = fresh();

    (void)state;
    must_apply(s, everything);
    assert_int_equal(whi_subscription_check(s), WH_OK);
    assert_string_equal(s->url, "https://example.com/h?a=b");
    assert_int_equal(s->event_count, 4);
    assert_string_equal(s->events[0], "order.*");
    assert_string_equal(s->events[3], "webhook.x");
    assert_string_equal(s->tenant, "t-1");
    assert_string_equal(s->name, "n \xc3\xa4\xf0\x9f\x98\x80 \"q\" \\");
    assert_string_equal(s->rule, "return true -- \t\n\x01");
    assert_int_equal(s->rule_size, strlen(s->rule));
    assert_string_equal(s->fields, "id, a.b,c(d,e)");
    assert_string_equal(s->filters, "{\"a.b\":\"DE\",\"n\":[1,null]}");
    assert_int_equal(s->on_rule_error, WHI_SEND);
    assert_int_equal(s->header_count, 3);
    assert_string_equal(s->headers[0], "X-Env: te:st;");
    assert_string_equal(s->headers[1], "X-Empty;");
    assert_string_equal(s->headers[2], "User-Agent: me");
    assert_string_equal(s->metadata, "{\"k\": [1.10, {}],\"big\":9007199254740993}");
    assert_int_equal(s->secret_count, 2);
    assert_string_equal(s->secrets[0], SECRET);
    assert_string_equal(s->secrets[1], SECRET_2);
    assert_int_equal(s->retry_count, 3);
    assert_int_equal(s->retry[2], INT64_C(2592000000));
    assert_int_equal(s->timeout, 1000);
    assert_int_equal(s->concurrency, 7);
    assert_true(whi_rate_same(&s->rate, &(whi_rate){ 100, 60000, 5 }));
    assert_true(s->paused && s->insecure && s->http2);
    whi_subscription_free(s);
}

static void null_takes_a_field_back_to_its_default(void **state) {
    static const char *const names[] = { "events",   "tenant",     "name",       "rule",     "fields",        "filters",
                                         "headers",  "paused",     "secrets",    "retry",    "on_rule_error", "timeout",
                                         "metadata", "url",        "http2",      "insecure", "concurrency",   "source",
                                         "order",    "single_use", "expires_at", "profile",  "encoding",      "data",
                                         "details",  "poll",       "rate" };
    whi_subscription *s = fresh(), *plain = fresh();
    char document[64], *after, *before = written(plain, 1);

    (void)state;
    must_apply(s, everything);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(document, sizeof document, "{\"%s\":null}", names[i]);
        must_apply(s, document);
    }
    after = written(s, 1);
    assert_string_equal(after, before);
    wh_free(after);
    wh_free(before);
    whi_subscription_free(s);
    whi_subscription_free(plain);
}

static void an_update_touches_only_what_it_names(void **state) {
    whi_subscription *s = fresh();

    (void)state;
    must_apply(s, everything);
    must_apply(s, "{\"paused\":false,\"events\":[\"x\"]}");
    assert_int_equal(s->paused, 0);
    assert_int_equal(s->event_count, 1);
    assert_string_equal(s->tenant, "t-1");
    assert_int_equal(s->secret_count, 2);
    must_apply(s, "{}");
    assert_int_equal(s->timeout, 1000);
    whi_subscription_free(s);
}

static void empty_texts_and_objects_count_as_absent(void **state) {
    whi_subscription *s = fresh();

    (void)state;
    must_apply(s, everything);
    must_apply(s, "{\"name\":\"\",\"rule\":\"\",\"fields\":\" \",\"filters\":{},\"metadata\":{ },\"events\":[],"
                  "\"headers\":{},\"tenant\":\"\"}");
    assert_null(s->name);
    assert_null(s->rule);
    assert_int_equal(s->rule_size, 0);
    assert_null(s->fields);
    assert_null(s->filters);
    assert_null(s->metadata);
    assert_int_equal(s->event_count, 0);
    assert_int_equal(s->header_count, 0);
    assert_string_equal(s->tenant, "");
    whi_subscription_free(s);
}

static void a_url_is_kept_as_it_will_be_used(void **state) {
    whi_subscription *s = fresh();

    (void)state;
    must_apply(s, "{\"url\":\"HTTP://Example.com:80#x\"}");
    assert_string_equal(s->url, "http://example.com/");
    whi_subscription_free(s);
}

static void what_the_engine_writes_is_ignored_on_input_and_read_from_the_store(void **state) {
    static const char document[] =
        "{\"id\":\"sub_0000000000007\",\"version\":3,\"disabled\":\"gone\","
        "\"created_at\":\"2026-11-21T10:00:00.001Z\",\"updated_at\":\"2026-11-21T10:00:00Z\"}";
    whi_subscription *s = fresh();

    (void)state;
    must_apply(s, document);
    assert_int_equal(s->id + s->version + s->created_at + s->updated_at, 0);
    assert_null(s->disabled);
    must_apply(s, "{\"id\":1,\"version\":\"x\",\"disabled\":[],\"created_at\":{},\"updated_at\":false}");
    assert_int_equal(whi_subscription_apply(s, document, strlen(document), 0, 1), WH_OK);
    assert_int_equal(s->id, 7);
    assert_int_equal(s->version, 3);
    assert_string_equal(s->disabled, "gone");
    assert_int_equal(s->created_at, INT64_C(1795255200001));
    assert_int_equal(s->updated_at, INT64_C(1795255200000));
    whi_subscription_free(s);
}

/* ------------------------------------------------------------------------ refusals */

static void a_wrong_type_is_named_with_what_was_found(void **state) {
    static const char *const rows[][2] = {
        { "{\"url\":1}", "url: expected a text, found 1" },
        { "{\"events\":\"a\"}", "events: expected a list of texts, found a text" },
        { "{\"events\":[\"a\",null]}", "events[1]: expected a text, found null" },
        { "{\"tenant\":[]}", "tenant: expected a text, found a list" },
        { "{\"name\":{}}", "name: expected a text, found an object" },
        { "{\"rule\":true}", "rule: expected a text, found true" },
        { "{\"fields\":[]}", "fields: expected a text, found a list" },
        { "{\"filters\":[]}", "filters: expected an object, found a list" },
        { "{\"fields\":\"*\"}", "fields: at position 1: found \"*\": " WHI_PATH_ADVICE },
        { "{\"fields\":\"id,items[0].sku\"}", "fields: at position 4: found \"items[0]\": " WHI_PATH_ADVICE },
        { "{\"fields\":\"a b\"}",
          "fields: at position 2: expected ',', found a blank; one in a name has a backslash in "
          "front: \"\\ \"" },
        { "{\"filters\":{\"items[0].sku\":1}}", "filters: \"items[0].sku\": " WHI_PATH_ADVICE },
        { "{\"filters\":{\"$.id\":1}}", "filters: \"$.id\": " WHI_PATH_ADVICE },
        { "{\"on_rule_error\":0}", "on_rule_error: expected a text, found 0" },
        { "{\"headers\":[]}", "headers: expected an object of names and texts, found a list" },
        { "{\"headers\":{\"X\":1}}", "headers.X: expected a text, found 1" },
        { "{\"metadata\":\"x\"}", "metadata: expected an object, found a text" },
        { "{\"paused\":\"yes\"}", "paused: expected true, false, \"hold\" or \"drop\", found a text" },
        { "{\"secrets\":\"x\"}", "secrets: expected a list of texts, found a text" },
        { "{\"secrets\":[1]}", "secrets[0]: expected a text, found 1" },
        { "{\"retry\":5}", "retry: expected a list of integers (milliseconds), found 5" },
        { "{\"retry\":[0,\"x\"]}", "retry[1]: expected an integer from 0 to 2592000000, found a text" },
        { "{\"timeout\":\"1000\"}", "timeout: expected an integer from 100 to 300000, found a text" },
        { "{\"concurrency\":[]}", "concurrency: expected an integer from 1 to 1000, found a list" },
        { "{\"insecure\":0}", "insecure: expected true or false, found 0" },
        { "{\"http2\":1}", "http2: expected true or false, found 1" },
        { "{\"order\":\"lifo\"}", "order: expected \"none\", \"fifo\", \"key\" or \"latest\", found \"lifo\"" },
        { "{\"data\":\"raw\"}", "data: expected \"exact\", found \"raw\"" },
        { "{\"profile\":1}", "profile: expected a text, found 1" },
        { "{\"source\":\"a b\"}", "source: expected 1 to 128 of A-Z a-z 0-9 . _ : - /" },
        { "{\"single_use\":\"yes\"}", "single_use: expected true or false, found a text" },
        { "{\"expires_at\":1795000000}",
          "expires_at: expected milliseconds since 1970, found 1795000000, which looks like seconds: 1795000000000" },
        { "{\"expires_at\":\"soon\"}", "expires_at: expected a time like 2026-11-21T10:00:00.000Z, or "
                                       "milliseconds since 1970, found \"soon\"" },
        { "{\"details\":[]}", "details: expected an object, found a list" },
        { "{\"profile\":\"truto\",\"secrets\":[]}", "secrets: expected 1 to 10 texts, found 0" },
        { "[]", "document: expected an object" },
        { "null", "document: expected an object" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refuses(rows[i][0], WH_EINVALID, rows[i][1]);
    }
}

static void what_is_stored_is_read_as_it_was_meant_then(void **state) {
    static const char document[] = "{\"fields\":\"*,a b\",\"filters\":{\"items[0].sku\":1}}";
    whi_subscription *s = NULL;

    (void)state;
    assert_int_equal(whi_subscription_new(&s), WH_OK);
    assert_int_equal(whi_subscription_apply(s, document, strlen(document), RULE_MAXIMUM, 1), WH_OK);
    assert_string_equal(s->fields, "*,a b");
    whi_subscription_free(s);
}

static void a_number_must_be_a_whole_one_within_its_bounds(void **state) {
    static const char *const good[] = { "{\"timeout\":100}", "{\"timeout\":300000}",   "{\"concurrency\":1}",
                                        "{\"retry\":[0]}",   "{\"concurrency\":1000}", "{\"retry\":[2592000000]}" };
    static const char *const bad[][2] = {
        { "{\"timeout\":99}", "timeout: expected an integer from 100 to 300000, found 99" },
        { "{\"timeout\":300001}", "timeout: expected an integer from 100 to 300000, found 300001" },
        { "{\"timeout\":1e3}", "timeout: expected an integer from 100 to 300000, found 1e3" },
        { "{\"timeout\":1000.0}", "timeout: expected an integer from 100 to 300000, found 1000.0" },
        { "{\"concurrency\":0}", "concurrency: expected an integer from 1 to 1000, found 0" },
        { "{\"concurrency\":1001}", "concurrency: expected an integer from 1 to 1000, found 1001" },
        { "{\"concurrency\":99999999999999999999}",
          "concurrency: expected an integer from 1 to 1000, found 99999999999999999999" },
        { "{\"retry\":[]}", "retry: expected 1 to 100 integers, found 0" },
        { "{\"retry\":[-1]}", "retry[0]: expected an integer from 0 to 2592000000, found -1" },
        { "{\"retry\":[0,2592000001]}", "retry[1]: expected an integer from 0 to 2592000000, found 2592000001" },
        { "{\"retry\":[1.5]}", "retry[0]: expected an integer from 0 to 2592000000, found 1.5" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        whi_subscription *s = fresh();
        must_apply(s, good[i]);
        whi_subscription_free(s);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses(bad[i][0], WH_EINVALID, bad[i][1]);
    }
}

static void a_wrong_value_is_named(void **state) {
    static const char *const rows[][2] = {
        { "{\"events\":[\"a\",\"b*\"]}",
          "events[1]: expected a type, \"*\", \"prefix.*\" or \"prefix:*\", found \"b*\"" },
        { "{\"events\":[\"a\\nb\"]}",
          "events[0]: expected a type, \"*\", \"prefix.*\" or \"prefix:*\", found \"a?b\"" },
        { "{\"tenant\":\"a b\"}", "tenant: expected at most 64 of A-Z a-z 0-9 . _ : -" },
        { "{\"on_rule_error\":\"stop\"}", "on_rule_error: expected \"hold\", \"skip\" or \"send\", found \"stop\"" },
        { "{\"secrets\":[]}", "secrets: expected 1 to 10 texts, found 0" },
        { "{\"secrets\":[\"" SECRET "\",\"" SECRET "\"]}", "secrets[1]: given twice" },
    };
    static const char *const starts[][2] = {
        { "{\"url\":\"ftp://example.com/\"}", "url: " },
        { "{\"url\":\"\"}", "url: " },
        { "{\"url\":\"https://user:pw@example.com/\"}", "url: " },
        { "{\"fields\":\"a(b\"}", "fields: " },
        { "{\"filters\":{\"a\":{}}}", "filters: " },
        { "{\"filters\":{\"\":1}}", "filters: " },
        { "{\"filters\":{\"a\\nb\":{}}}", "filters: a?b: " },
        { "{\"secrets\":[\"" SECRET "\",\"whsec_?\"]}", "secrets[1]: " },
        { "{\"secrets\":[\"whpk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\"]}", "secrets[0]: " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refuses(rows[i][0], WH_EINVALID, rows[i][1]);
    }
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        whi_subscription *s = fresh();
        assert_int_not_equal(apply(s, starts[i][0]), WH_OK);
        if (strncmp(wh_last_error(), starts[i][1], strlen(starts[i][1])) != 0) {
            fail_msg("%s: %s", starts[i][0], wh_last_error());
        }
        assert_null(strstr(wh_last_error(), "AQID"));
        whi_subscription_free(s);
    }
}

static void an_unknown_field_is_refused_and_the_near_one_named(void **state) {
    static const char *const rows[][2] = {
        { "{\"colour\":1}", "colour: unknown field" KNOWN },
        { "{\"\":1}", ": unknown field" KNOWN },
        { "{\"URL\":1}", "URL: unknown field" KNOWN },
        { "{\"urls\":1}", "urls: unknown field, did you mean \"url\"?" },
        { "{\"event\":1}", "event: unknown field, did you mean \"events\"?" },
        { "{\"onrule_error\":1}", "onrule_error: unknown field, did you mean \"on_rule_error\"?" },
        { "{\"tenent\":1}", "tenent: unknown field, did you mean \"tenant\"?" },
        { "{\"a\\nb\":1}", "a?b: unknown field" KNOWN },
        { "{\"url\":\"http://a/\",\"u\\u0072l\":\"http://b/\"}", "url: given twice" },
        { "{\"id\":1,\"id\":2}", "id: given twice" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refuses(rows[i][0], WH_EINVALID, rows[i][1]);
    }
}

static void a_long_text_in_a_sentence_ends_at_a_whole_letter(void **state) {
    char document[256] = "{\"";

    (void)state;
    for (int i = 0; i < 40; i++) {
        memcpy(document + 2 + 2 * i, "\xc3\xa4", 2);
    }
    memcpy(document + 82, "\":1}", 5);
    whi_subscription *s = fresh();
    assert_int_equal(apply(s, document), WH_EINVALID);
    assert_int_equal(strspn(wh_last_error(), "\xc3\xa4"), 62);
    assert_string_equal(wh_last_error() + 62, ": unknown field" KNOWN);
    whi_subscription_free(s);
}

static void a_zero_byte_is_refused_in_every_text(void **state) {
    static const char *const rows[] = {
        "{\"url\":\"http://a/\\u0000\"}",
        "{\"events\":[\"a\\u0000\"]}",
        "{\"tenant\":\"\\u0000\"}",
        "{\"name\":\"a\\u0000\"}",
        "{\"rule\":\"\\u0000\"}",
        "{\"fields\":\"a\\u0000\"}",
        "{\"on_rule_error\":\"hold\\u0000\"}",
        "{\"headers\":{\"X\":\"\\u0000\"}}",
        "{\"headers\":{\"X\\u0000\":\"\"}}",
        "{\"secrets\":[\"" SECRET "\\u0000\"]}",
        "{\"url\\u0000\":\"http://a/\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_subscription *s = fresh();
        assert_int_equal(apply(s, rows[i]), WH_EINVALID);
        assert_non_null(strstr(wh_last_error(), ": expected no zero byte"));
        whi_subscription_free(s);
    }
}

static void what_is_not_json_is_refused_as_such(void **state) {
    static const char *const rows[] = { "", "{", "{}x", "{\"url\":}", "{'url':1}", "{\"name\":\"\xff\"}" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_subscription *s = fresh();
        assert_int_equal(apply(s, rows[i]), WH_EJSON);
        whi_subscription_free(s);
    }
}

/* ------------------------------------------------------------------------- headers */

static void reserved_headers_are_refused_in_any_case(void **state) {
    static const char *const names[] = {
        "Host",       "content-length",   "CONTENT-TYPE",    "Transfer-Encoding", "connection", "TE",
        "Trailer",    "Upgrade",          "Expect",          "Webhook-Id",        "webhook-",   "SVIX-signature",
        "Keep-Alive", "Proxy-Connection", "Webhook-Sequence"
    };
    char document[100], sentence[100];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(document, sizeof document, "{\"headers\":{\"%s\":\"x\"}}", names[i]);
        snprintf(sentence, sizeof sentence, "headers.%s: reserved", names[i]);
        refuses(document, WH_EINVALID, sentence);
    }
}

/* A line end in either would let a document write headers of its own. */
static void a_header_is_a_token_and_visible_letters(void **state) {
    static const char *const rows[][2] = {
        { "{\"headers\":{\"\":\"\"}}", "found \"\"" },
        { "{\"headers\":{\"a b\":\"\"}}", "found \"a b\"" },
        { "{\"headers\":{\"a:\":\"\"}}", "found \"a:\"" },
        { "{\"headers\":{\"a;\":\"\"}}", "found \"a;\"" },
        { "{\"headers\":{\"a\\r\\nb\":\"\"}}", "found \"a\?\?b\"" },
        { "{\"headers\":{\"\\u00e4\":\"\"}}", "found \"\xc3\xa4\"" },
        { "{\"headers\":{\"X\":\"a\\r\\nHost: b\"}}",
          "headers.X: expected visible ASCII, blanks and tabs, found byte 0x0d" },
        { "{\"headers\":{\"X\":\"a\\nb\"}}", "headers.X: expected visible ASCII, blanks and tabs, found byte 0x0a" },
        { "{\"headers\":{\"X\":\"\\u007f\"}}", "headers.X: expected visible ASCII, blanks and tabs, found byte 0x7f" },
        { "{\"headers\":{\"X\":\"\\u00e4\"}}", "headers.X: expected visible ASCII, blanks and tabs, found byte 0xc3" },
        { "{\"headers\":{\"X\":\"a\",\"x\":\"b\"}}", "headers.x: given twice" },
        { "{\"headers\":{\"X\":\"\",\"X\":\"b\"}}", "headers.X: given twice" },
    };
    whi_subscription *s = fresh();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(apply(s, rows[i][0]), WH_EINVALID);
        if (strstr(wh_last_error(), rows[i][1]) == NULL) {
            fail_msg("%s: %s", rows[i][0], wh_last_error());
        }
    }
    must_apply(s, "{\"headers\":{\"!#$%&'*+-.^_`|~09azAZ\":\"~ !\\tx\"}}");
    assert_string_equal(s->headers[0], "!#$%&'*+-.^_`|~09azAZ: ~ !\tx");
    whi_subscription_free(s);
}

/* libcurl drops a header whose value is only blanks. */
static void blanks_around_a_value_are_no_part_of_it(void **state) {
    whi_subscription *s = fresh();

    (void)state;
    must_apply(s, "{\"headers\":{\"A\":\" x y\\t\",\"B\":\" \\t \",\"C\":\"\"}}");
    assert_string_equal(s->headers[0], "A: x y");
    assert_string_equal(s->headers[1], "B;");
    assert_string_equal(s->headers[2], "C;");
    whi_subscription_free(s);
}

/* -------------------------------------------------------------------------- limits */

/* `before`, then count times `item`, parted by commas, a %d in it counting, then `after`. */
static char *repeat(const char *before, size_t count, const char *item, const char *after) {
    whi_buf out;
    char *text;

    whi_buf_init(&out, SIZE_MAX / 4);
    whi_buf_text(&out, before);
    for (size_t i = 0; i < count; i++) {
        char number[24];
        const char *place = strchr(item, '%');
        snprintf(number, sizeof number, "%zu", i);
        whi_buf_text(&out, i > 0 && strlen(item) > 1 ? "," : "");
        whi_buf_add(&out, item, place != NULL ? (size_t)(place - item) : strlen(item));
        if (place != NULL) {
            whi_buf_text(&out, number);
            whi_buf_text(&out, place + 1);
        }
    }
    whi_buf_text(&out, after);
    assert_int_equal(whi_buf_take(&out, &text, NULL), WH_OK);
    return text;
}

static void every_limit_can_be_reached_and_not_passed(void **state) {
    static const struct {
        const char *before, *item, *after;
        size_t most;
        int code;
        const char *sentence;
    } rows[] = {
        { "{\"name\":\"", "n", "\"}", 256, WH_ELIMIT, "name: 257 bytes are more than the limit of 256" },
        { "{\"rule\":\"", "-", "\"}", RULE_MAXIMUM, WH_ELIMIT, "rule: 65537 bytes are more than the limit of 65536" },
        { "{\"tenant\":\"", "t", "\"}", 64, WH_EINVALID, "tenant: expected at most 64 of A-Z a-z 0-9 . _ : -" },
        { "{\"events\":[", "\"a.%\"", "]}", 1000, WH_EINVALID, "events: expected 0 to 1000 texts, found 1001" },
        { "{\"retry\":[", "5%", "]}", 100, WH_EINVALID, "retry: expected 1 to 100 integers, found 101" },
        { "{\"headers\":{", "\"X-%\":\"v\"", "}}", 50, WH_EINVALID, "headers: expected 0 to 50 members, found 51" },
        { "{\"headers\":{\"", "n", "\":\"\"}}", 128, WH_ELIMIT, "headers: 129 bytes are more than the limit of 128" },
        { "{\"headers\":{\"X\":\"", "v", "\"}}", 16381, WH_ELIMIT,
          "headers: 16385 bytes are more than the limit of 16384" },
        { "{\"secrets\":[", "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS%\"", "]}", 10, WH_EINVALID,
          "secrets: expected 1 to 10 texts, found 11" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_subscription *s = fresh();
        char *good = repeat(rows[i].before, rows[i].most, rows[i].item, rows[i].after);
        char *bad = repeat(rows[i].before, rows[i].most + 1, rows[i].item, rows[i].after);
        must_apply(s, good);
        refuses(bad, rows[i].code, rows[i].sentence);
        wh_free(good);
        wh_free(bad);
        whi_subscription_free(s);
    }
}

/* ------------------------------------------------------------------------- writing */

static void secrets_are_written_only_when_asked_for(void **state) {
    whi_subscription *s = fresh();
    char *with, *without;

    (void)state;
    must_apply(s, everything);
    with = written(s, 1);
    without = written(s, 0);
    assert_non_null(strstr(with, SECRET));
    assert_null(strstr(without, "whs"));
    assert_null(strstr(without, "secrets"));
    wh_free(with);
    wh_free(without);
    whi_subscription_free(s);
}

/* Written, read back as the store does, written again: the same bytes. And so a copy. */
static void comes_back(const whi_subscription *s) {
    whi_subscription *again = fresh(), *copy;
    char *first = written(s, 1), *second, *third;

    if (whi_subscription_apply(again, first, strlen(first), RULE_MAXIMUM, 1) != WH_OK) {
        fail_msg("%s: %s", first, wh_last_error());
    }
    second = written(again, 1);
    assert_string_equal(second, first);
    assert_int_equal(again->id, s->id);
    assert_int_equal(again->version, s->version);
    assert_int_equal(again->rule_size, s->rule_size);
    assert_int_equal(whi_subscription_copy(&copy, s), WH_OK);
    third = written(copy, 1);
    assert_string_equal(third, first);
    wh_free(first);
    wh_free(second);
    wh_free(third);
    whi_subscription_free(again);
    whi_subscription_free(copy);
}

static void what_was_written_reads_back_the_same(void **state) {
    whi_subscription *s = fresh();

    (void)state;
    comes_back(s);
    must_apply(s, everything);
    s->id = INT64_MAX;
    s->version = INT64_MAX;
    s->created_at = INT64_C(1795255200001);
    s->updated_at = 1;
    s->disabled = whi_strdup("failing", WH_ZSTR);
    comes_back(s);
    whi_subscription_free(s);
}

static uint32_t chance = 7;

static uint32_t draw(uint32_t below) {
    chance = chance * 1664525u + 1013904223u; /* Numerical Recipes */
    return (chance >> 8) % below;
}

static void draw_document(whi_buf *out) {
    static const char *const parts[] = {
        "\"url\":\"https://example.com/\"",
        "\"url\":\"http://127.0.0.1:8080/a%20b?c\"",
        "\"events\":[\"a\",\"b.*\"]",
        "\"events\":[]",
        "\"events\":null",
        "\"tenant\":\"t:1\"",
        "\"tenant\":null",
        "\"name\":\"\\ud800\"",
        "\"name\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u007f\"",
        "\"name\":\"\"",
        "\"rule\":\"return {a=1}\\n\"",
        "\"rule\":null",
        "\"rule\":\"\\u2028\"",
        "\"fields\":\"a.b, c(d)\"",
        "\"fields\":\"\"",
        "\"fields\":\"a\\\\,b\"",
        "\"filters\":{\"a\" : [true,null,\"\\u0041\"]}",
        "\"filters\":{}",
        "\"filters\":null",
        "\"on_rule_error\":\"skip\"",
        "\"on_rule_error\":null",
        "\"on_rule_error\":\"hold\"",
        "\"headers\":{\"A\":\"\",\"B\":\" b \",\"C\":\":;\\\"\\\\\"}",
        "\"headers\":null",
        "\"metadata\":{\"\\ud800\":\"\\u0000\", \"x\":1e400,\"x\":-0}",
        "\"metadata\":{}",
        "\"paused\":true",
        "\"paused\":null",
        "\"insecure\":true",
        "\"http2\":false",
        "\"secrets\":[\"" SECRET "\"]",
        "\"secrets\":null",
        "\"secrets\":[\"" SECRET_2 "\",\"" SECRET "\"]",
        "\"retry\":[0]",
        "\"retry\":[0,1,2,3]",
        "\"retry\":null",
        "\"timeout\":100",
        "\"timeout\":null",
        "\"concurrency\":1000",
        "\"concurrency\":null",
        "\"on_rule_error\":\"send\"",
        "\"source\":\"a/b:c\"",
        "\"source\":null",
        "\"order\":\"fifo\"",
        "\"order\":\"key\"",
        "\"order\":\"latest\"",
        "\"order\":null",
        "\"single_use\":true",
        "\"single_use\":null",
        "\"expires_at\":100000000000",
        "\"expires_at\":253402300799999",
        "\"expires_at\":\"2024-02-29 23:59:60.123456789+00:30\"",
        "\"expires_at\":null",
        "\"profile\":\"unified\"",
        "\"profile\":\"truto\"",
        "\"profile\":\"callfire\"",
        "\"profile\":null",
        "\"encoding\":\"hex\"",
        "\"encoding\":\"base64\"",
        "\"encoding\":null",
        "\"data\":\"exact\"",
        "\"data\":null",
        "\"details\":{\"\\ud800\":[1.10,{}], \"\":null,\"n\":12345678901234567890}",
        "\"details\":{}",
        "\"details\":null",
    };
    const size_t count = sizeof parts / sizeof parts[0];
    const char *used[9];
    size_t given = 0;

    whi_buf_clear(out);
    whi_buf_char(out, '{');
    for (uint32_t left = draw(9); left > 0; left--) {
        const char *part = parts[draw((uint32_t)count)];
        size_t name = strcspn(part, ":"), i = 0;
        while (i < given && (strcspn(used[i], ":") != name || strncmp(used[i], part, name) != 0)) {
            i++;
        }
        if (i == given) {
            whi_buf_text(out, given > 0 ? "," : "");
            whi_buf_text(out, part);
            used[given++] = part;
        }
    }
    whi_buf_char(out, '}');
}

static void whatever_was_applied_reads_back_the_same(void **state) {
    whi_subscription *s = fresh();
    whi_buf document;

    (void)state;
    whi_buf_init(&document, 10000);
    for (int i = 0; i < 3000; i++) {
        draw_document(&document);
        must_apply(s, document.data);
        s->id = draw(1000000);
        s->version = draw(1000);
        s->created_at = INT64_C(1000000) * draw(16000000);
        comes_back(s);
    }
    whi_buf_free(&document);
    whi_subscription_free(s);
}

/* ------------------------------------------------------------------------ failures */

/* New, apply, write and copy with the n-th allocation failing, for every n. */
static void no_memory_is_told_and_leaks_nothing(void **state) {
    int struck = 1;

    (void)state;
    for (long n = 0; struck; n++) {
        whi_subscription *s = NULL, *copy = NULL;
        whi_buf out;
        int code;

        whi_buf_init(&out, SIZE_MAX / 4);
        fault_set(n);
        code = whi_subscription_new(&s);
        code = code == WH_OK ? apply(s, everything) : code;
        code = code == WH_OK ? apply(s, everything) : code; /* over what is there */
        code = code == WH_OK ? whi_subscription_copy(&copy, s) : code;
        if (code == WH_OK) {
            whi_subscription_write(copy, 1, &out);
            code = whi_buf_status(&out);
        }
        struck = fault_clear();
        assert_true(code == WH_OK || code == WH_ENOMEM);
        assert_true(code == WH_OK || struck);
        whi_buf_free(&out);
        whi_subscription_free(s);
        whi_subscription_free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_one_has_the_defaults),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(null_takes_a_field_back_to_its_default),
        cmocka_unit_test(an_update_touches_only_what_it_names),
        cmocka_unit_test(empty_texts_and_objects_count_as_absent),
        cmocka_unit_test(a_url_is_kept_as_it_will_be_used),
        cmocka_unit_test(what_the_engine_writes_is_ignored_on_input_and_read_from_the_store),
        cmocka_unit_test(a_wrong_type_is_named_with_what_was_found),
        cmocka_unit_test(what_is_stored_is_read_as_it_was_meant_then),
        cmocka_unit_test(a_number_must_be_a_whole_one_within_its_bounds),
        cmocka_unit_test(a_wrong_value_is_named),
        cmocka_unit_test(an_unknown_field_is_refused_and_the_near_one_named),
        cmocka_unit_test(a_long_text_in_a_sentence_ends_at_a_whole_letter),
        cmocka_unit_test(a_zero_byte_is_refused_in_every_text),
        cmocka_unit_test(what_is_not_json_is_refused_as_such),
        cmocka_unit_test(reserved_headers_are_refused_in_any_case),
        cmocka_unit_test(a_header_is_a_token_and_visible_letters),
        cmocka_unit_test(blanks_around_a_value_are_no_part_of_it),
        cmocka_unit_test(every_limit_can_be_reached_and_not_passed),
        cmocka_unit_test(secrets_are_written_only_when_asked_for),
        cmocka_unit_test(what_was_written_reads_back_the_same),
        cmocka_unit_test(whatever_was_applied_reads_back_the_same),
        cmocka_unit_test(no_memory_is_told_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
