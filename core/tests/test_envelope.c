#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "systems/envelope.h"
#include "systems/list.h"
#include "systems/object.h"
#include "systems/registry.h"
#include "systems/subscription_make.h"
#include "webhook.h"

#define RULE_MAXIMUM 65536
#define TIME INT64_C(1469540830377)

static whi_buf body, text;

static int setup(void **state) {
    (void)state;
    whi_buf_init(&body, 1 << 20);
    whi_buf_init(&text, 1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    whi_buf_free(&body);
    whi_buf_free(&text);
    return 0;
}

static whi_subscription *make(const char *document) {
    whi_subscription *s;

    assert_int_equal(whi_subscription_new(&s), WH_OK);
    if (whi_subscription_apply(s, document, strlen(document), RULE_MAXIMUM, 0) != WH_OK) {
        fail_msg("%s: %s", document, wh_last_error());
    }
    s->id = 3749003;
    s->created_at = s->updated_at = TIME;
    return s;
}

static whi_envelope envelope_of(const whi_subscription *s, const char *type, const char *data) {
    whi_envelope envelope = { s, s, NULL, "evt-1", type, TIME, data, strlen(data), NULL };

    return envelope;
}

static const char *body_of(const whi_envelope *envelope) {
    whi_buf_clear(&body);
    assert_int_equal(whi_envelope_body(envelope, &body), WH_OK);
    assert_int_equal(whi_json_check(body.data, body.size, 100), WH_OK);
    return body.data;
}

/* The only header line over these bytes, or NULL. */
static const char *line_over(const whi_envelope *envelope, const char *bytes) {
    const char *lines[WHI_ENVELOPE_LINES] = { NULL };
    size_t count;

    whi_buf_clear(&text);
    whi_buf_add(&text, "before", 7); /* somebody else's, which stays */
    assert_int_equal(whi_envelope_headers(envelope, bytes, strlen(bytes), &text, lines, &count), WH_OK);
    assert_string_equal(text.data, "before");
    assert_true(count <= 1);
    return count == 1 ? lines[0] : NULL;
}

/* A text member of the body, without escapes. */
static void member_is(const char *name, const char *value) {
    whi_json json = { 0 };
    uint32_t node;

    assert_int_equal(whi_json_scan(&json, body.data, body.size, 100), WH_OK);
    node = whi_json_member(&json, 0, name, strlen(name));
    if (value == NULL) {
        assert_int_equal(node, WHI_JSON_NONE);
    } else if (node == WHI_JSON_NONE || !whi_json_string_is(&json, node, value, strlen(value))) {
        fail_msg("%s: %s is not %s", body.data, name, value);
    }
    whi_json_free(&json);
}

/* ------------------------------------------------------------------- standard */

static void standard_has_no_envelope(void **state) {
    whi_subscription *s = make("{\"url\":\"http://e.com/\"}");
    whi_envelope envelope = envelope_of(s, "a", " {\"a\": 1.10} ");

    (void)state;
    assert_string_equal(body_of(&envelope), " {\"a\": 1.10} ");
    assert_null(line_over(&envelope, body.data));
    whi_subscription_free(s);
}

/* ------------------------------------------------------------------- callfire */

#define CALLFIRE                                                                                                       \
    "{\"url\":\"http://e.com/\",\"profile\":\"callfire\",\"name\":\"Test "                                             \
    "Webhook\",\"events\":[\"OutboundCall.Finished\"]"

static void callfire_sends_the_envelope_of_its_samples(void **state) {
    whi_subscription *s = make(CALLFIRE ",\"secrets\":[]}");
    whi_envelope envelope = envelope_of(s, "OutboundCall.Finished", " {\"id\":7420017300281076000, \"state\":1.0}\n");

    (void)state;
    assert_string_equal(body_of(&envelope),
                        "{\"timestamp\":1469540830377,\"webhookId\":3749003,\"webhookName\":\"Test Webhook\","
                        "\"resourceType\":\"OutboundCall\",\"events\":[{\"timestamp\":1469540830377,"
                        "\"webhookId\":3749003,\"resourceType\":\"OutboundCall\",\"eventType\":\"Finished\","
                        "\"resource\":{\"id\":7420017300281076000, \"state\":1.0}}]}");
    assert_null(line_over(&envelope, body.data)); /* no secret, no signature */
    whi_subscription_free(s);
}

static void callfire_masks_the_whole_body(void **state) {
    whi_subscription *s = make(CALLFIRE ",\"secrets\":[]}");
    whi_envelope envelope = envelope_of(s, "OutboundCall.Finished", "{\"id\":7420017300281076000,\"state\":1}");
    static const char list[] = "webhookId,events(eventType,resource(id))";
    whi_projection *fields;

    (void)state;
    assert_int_equal(whi_projection_parse(&fields, list, strlen(list)), WH_OK);
    envelope.fields = fields;
    assert_string_equal(body_of(&envelope), "{\"webhookId\":3749003,\"events\":[{\"eventType\":\"Finished\","
                                            "\"resource\":{\"id\":7420017300281076000}}]}");
    whi_projection_free(fields);
    whi_subscription_free(s);
}

static void callfire_signs_as_its_official_vector(void **state) {
    whi_subscription *s = make(CALLFIRE ",\"secrets\":[\"mysecrets\"],\"encoding\":\"hex\"}");
    whi_envelope envelope = envelope_of(s, "a", "1");

    (void)state;
    assert_string_equal(line_over(&envelope, "{\"name\":\"test webhook\", \"callback\":\"sms:callfire\"}"),
                        "X-CallFire-Signature: v14pF7d5C1+CHNIEWlg+sw9v0Xg=");
    assert_non_null(strstr(body_of(&envelope), "\"resourceType\":\"a\",\"eventType\":\"\",\"resource\":1}"));
    whi_subscription_free(s);
}

/* ------------------------------------------------------------------- truto */

#define TRUTO                                                                                                          \
    "{\"url\":\"http://e.com/\",\"profile\":\"truto\",\"tenant\":\"env-1\","                                           \
    "\"secrets\":[\"d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff\"]"
#define TRUTO_VECTOR "{\"id\":\"e1\",\"event\":\"test\",\"payload\":{\"foo\":\"bar\"}}"

static void truto_sends_its_envelope(void **state) {
    whi_subscription *s = make(TRUTO "}");
    whi_envelope envelope = envelope_of(s, "integrated_account:active", "{\"a\" : [1.10]}");

    (void)state;
    assert_string_equal(
        body_of(&envelope),
        "{\"id\":\"evt-1\",\"event\":\"integrated_account:active\",\"payload\":{\"a\" : [1.10]},"
        "\"environment_id\":\"cc60e23d-5bdf-5e70-a0d9-96abf0764438\",\"created_at\":\"2016-07-26T13:47:10.377Z\","
        "\"webhook_id\":\"77656268-6f6f-4000-8000-00000039348b\"}");
    whi_subscription_free(s);
}

static void truto_signs_in_either_encoding(void **state) {
    whi_subscription *s = make(TRUTO "}"), *hex = make(TRUTO ",\"encoding\":\"hex\"}");
    whi_envelope envelope = envelope_of(s, "a", "1");

    (void)state;
    assert_string_equal(line_over(&envelope, TRUTO_VECTOR),
                        "X-Truto-Signature: format=sha256,v=syaqMAmCl/8cy3O9D1nZA2B7LuOoqMXa1V3Hohkyj+k=");
    envelope.now = hex;
    assert_string_equal(line_over(&envelope, TRUTO_VECTOR),
                        "X-Truto-Signature: format=sha256,v="
                        "b326aa30098297ff1ccb73bd0f59d903607b2ee3a8a8c5dad55dc7a219328fe9");
    whi_subscription_free(s);
    whi_subscription_free(hex);
}

static void truto_orders_sync_jobs_by_run(void **state) {
    static const struct {
        const whi_system *system;
        const char *type, *payload, *key;
    } rows[] = {
        { &whi_system_truto, "sync_job_run:record", "{\"sync_job_run_id\":\"r\\u0031\",\"id\":2}", "r1" },
        { &whi_system_truto, "sync_job_run:record", "{\"meta\":{\"sync_job_run_id\":7420017300281076001},\"id\":2}",
          "7420017300281076001" },
        { &whi_system_truto, "sync_job_run:started", "{\"meta\":{},\"id\":\"x\"}", "x" },
        { &whi_system_truto, "sync_job_run:started", "{\"id\":{}}", "" },
        { &whi_system_truto, "sync_job_run:started", "[1]", "" },
        { &whi_system_truto, "sync_job_run:started", "{\"id\":\"\"}", "" },
        { &whi_system_truto, "sync_job_run:started", "{\"id\":\"a\\u0000\"}", "" },
        { &whi_system_truto, "record:created", "{\"id\":\"x\"}", "" },
        { &whi_system_unified, "sync_job_run:started", "{\"id\":\"x\"}", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_json json = { 0 };
        assert_int_equal(whi_json_scan(&json, rows[i].payload, strlen(rows[i].payload), 10), WH_OK);
        whi_buf_clear(&text);
        assert_int_equal(whi_system_order_key(rows[i].system, rows[i].type, &json, &text), WH_OK);
        assert_string_equal(text.size > 0 ? text.data : "", rows[i].key);
        whi_json_free(&json);
    }
}

/* ------------------------------------------------------------------- unified */

#define UNIFIED                                                                                                        \
    "{\"url\":\"http://e.com/\",\"profile\":\"unified\",\"tenant\":\"w\",\"source\":\"c\","                            \
    "\"events\":[\"crm_contact.updated\"],\"details\":{\"external_xref\":\"u\\\"1\",\"interval\":5,"                   \
    "\"db_url\":\"postgres://u:hidden@h/d\"}"

/* By Python's hmac: the first 32 digits of SHA-256 over "nonce", a zero byte and
 * "evt-1.sub_000000003jd4b" with the key "workspace-secret", and the digests over the data and these. */
#define NONCE "d7290d4699f78d3b68c0648bde24d33a"
#define SIG256 "16d5df8e5cab9a65bdd87c2b540dc103bd358eb0c91cefd8a8cfb3c2047ab3b9"
#define SIG "8d901d85913f3b6d146e0552c79a86f827e58041"
#define SIG256_BASE64 "FtXfjlyrmmW92HwrVA3BA701jrDJHO/YqM+zwgR6s7k="

static void unified_signs_the_bytes_of_data_and_the_nonce(void **state) {
    whi_subscription *s = make(UNIFIED ",\"secrets\":[\"workspace-secret\",\"other\"]}");
    whi_subscription *now = make(UNIFIED ",\"secrets\":[\"workspace-secret\"],\"encoding\":\"base64\"}");
    whi_envelope envelope = envelope_of(s, "crm_contact.updated", " {\"id\": \"1\"} ");

    (void)state;
    s->data = WHI_DATA_EXACT;
    assert_memory_equal(body_of(&envelope), "{\"data\":[{\"id\": \"1\"}],\"webhook\":{\"id\":\"sub_", 40);
    member_is("nonce", NONCE);
    member_is("sig256", SIG256);
    member_is("sig", SIG);
    member_is("type", "NATIVE");
    member_is("external_xref", "u\"1");
    assert_null(strstr(body.data, "workspace-secret"));
    assert_null(line_over(&envelope, body.data));
    envelope.now = now;
    body_of(&envelope);
    member_is("nonce", NONCE);
    member_is("sig256", SIG256_BASE64);
    whi_subscription_free(s);
    whi_subscription_free(now);
}

static void digests_are_those_of_openssl(void **state) {
    static const struct {
        const char *digest;
        int encoding;
        const char *value;
    } rows[] = {
        { "SHA256", WHI_ENCODING_HEX, "5669ff753c5cac595816f5623859677b5e016b0d78d0564b10cc5f13810ea04f" },
        { "SHA256", WHI_ENCODING_BASE64, "Vmn/dTxcrFlYFvViOFlne14Baw140FZLEMxfE4EOoE8=" },
        { "SHA1", WHI_ENCODING_HEX, "e5f61797a747f21df9a2de1bd917d89c5193ec64" },
        { "SHA1", WHI_ENCODING_BASE64, "5fYXl6dH8h35ot4b2RfYnFGT7GQ=" },
    };
    whi_signed data = { "[{\"id\":\"1\"}]", 12 }, nonce = { "abc123", 6 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf_clear(&text);
        assert_int_equal(whi_envelope_sign(rows[i].digest, "workspace-secret", rows[i].encoding, data, nonce, &text),
                         WH_OK);
        assert_string_equal(text.data, rows[i].value);
    }
}

static void unified_sends_a_list_as_it_is(void **state) {
    whi_subscription *s = make(UNIFIED ",\"secrets\":[\"workspace-secret\"],\"data\":\"exact\"}");
    whi_envelope envelope = envelope_of(s, "crm_contact.updated", "\n[{\"id\": 7420017300281076001},2 ]\n");
    char *first;

    (void)state;
    first = whi_strdup(body_of(&envelope), WH_ZSTR);
    assert_memory_equal(first, "{\"data\":[{\"id\": 7420017300281076001},2 ],\"webhook\":{", 52);
    assert_string_equal(body_of(&envelope), first); /* each attempt has the same bytes */
    envelope.event_id = "evt-2";
    assert_string_not_equal(body_of(&envelope), first);
    whi_free(first);
    whi_subscription_free(s);
}

/* What a receiver in JavaScript writes to verify. Where it would write something else, the bytes stay and that is
 * told. */
static void unified_writes_data_as_javascript_does(void **state) {
    static const struct {
        const char *data, *sent;
        int unlike;
    } rows[] = {
        { " { \"n\": 1.10, \"u\":\"\\u00eb\\/\" } ", "[{\"n\":1.1,\"u\":\"\xc3\xab/\"}]", 0 },
        { "[ 1e2 ,\n-0, {} ]", "[100,0,{}]", 0 },
        { "[]", "[]", 0 },
        { "{\"id\": 9007199254740993}", "[{\"id\": 9007199254740993}]", 1 },
        { "[1e400 ]", "[1e400 ]", 1 },
        { "{\"a\":1, \"7\":2}", "[{\"a\":1, \"7\":2}]", 1 },
        { "{\"a\":1, \"a\":2}", "[{\"a\":1, \"a\":2}]", 1 },
    };
    whi_subscription *s = make(UNIFIED ",\"secrets\":[\"workspace-secret\"]}");
    char wanted[128];
    int unlike;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_envelope envelope = envelope_of(s, "crm_contact.updated", rows[i].data);
        envelope.unlike = &unlike;
        unlike = 7;
        snprintf(wanted, sizeof wanted, "{\"data\":%s,\"webhook\":{", rows[i].sent);
        assert_memory_equal(body_of(&envelope), wanted, strlen(wanted));
        assert_int_equal(unlike, rows[i].unlike);
    }
    whi_subscription_free(s);
}

static void unified_carries_the_webhook_as_its_profile_has_it(void **state) {
    whi_subscription *s = make(UNIFIED "}");
    whi_envelope envelope = envelope_of(s, "crm_contact.updated", "[]");

    (void)state;
    whi_buf_clear(&text);
    assert_int_equal(whi_object_write(&whi_system_unified, s, NULL, WHI_OBJECT_SENT, &text), WH_OK);
    assert_non_null(strstr(body_of(&envelope), text.data));
    assert_null(strstr(body.data, "hidden")); /* a password is not for the receiver */
    member_is("sig256", NULL);                /* without a secret */
    member_is("sig", NULL);
    whi_subscription_free(s);
}

/* ------------------------------------------------------------------- all of them */

static void odd_payloads_stand_in_each_envelope_byte_for_byte(void **state) {
    static const char *const payloads[] = {
        "5",
        "-0",
        "1E400",
        "1.10",
        "12345678901234567890123",
        "\"text\"",
        "\"\"",
        "null",
        "true",
        "{}",
        "[]",
        "[[]]",
        "{ \"b\" : 1,\n\"a\":[ ] }",
        "[1,{\"id\":7420017300281076000},null]",
        "{\"\\u00e9\":\"\u00e9\\ud83d\\ude00\\u2028\\/\",\"\":\"\\ud800\"}",
        "{\"a\":1,\"a\":2}",
    };
    static const struct {
        const char *document, *before, *after;
    } rows[] = {
        { "{\"url\":\"http://e.com\",\"profile\":\"unified\",\"tenant\":\"w\",\"data\":\"exact\"}",
          "{\"data\":", ",\"webhook\":{" },
        { "{\"url\":\"http://e.com\",\"profile\":\"truto\",\"tenant\":\"e\"}",
          ",\"payload\":", ",\"environment_id\":\"c85ffb05-3652-56e2-ba2a-9df9e85f8c1b\"" },
        { "{\"url\":\"http://e.com\",\"profile\":\"callfire\"}", ",\"eventType\":\"updated\",\"resource\":", "}]}" },
    };
    char wanted[256], blanks[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_subscription *s = make(rows[i].document);
        for (size_t j = 0; j < sizeof payloads / sizeof payloads[0]; j++) {
            int wrapped = i == 0 && payloads[j][0] != '[';
            whi_envelope envelope;
            snprintf(blanks, sizeof blanks, " \r\n\t%s\n ", payloads[j]);
            envelope = envelope_of(s, "crm_contact.updated", blanks);
            snprintf(wanted, sizeof wanted, "%s%s%s%s%s", rows[i].before, wrapped ? "[" : "", payloads[j],
                     wrapped ? "]" : "", rows[i].after);
            if (strstr(body_of(&envelope), wanted) == NULL) {
                fail_msg("%s: no %s", body.data, wanted);
            }
        }
        whi_subscription_free(s);
    }
}

/* ------------------------------------------------------------------- memory */

static int all_of_it(const whi_envelope *envelope) {
    const char *lines[WHI_ENVELOPE_LINES];
    whi_json json = { 0 };
    size_t count;
    int code;

    whi_buf_free(&body);
    whi_buf_free(&text);
    whi_buf_init(&body, 1 << 20);
    whi_buf_init(&text, 1 << 20);
    code = whi_envelope_body(envelope, &body);
    code = code == WH_OK ? whi_envelope_headers(envelope, body.data, body.size, &text, lines, &count) : code;
    code = code == WH_OK ? whi_json_scan(&json, envelope->data, envelope->data_size, 9) : code;
    code = code == WH_OK ? whi_system_order_key(envelope->made_by->system, envelope->event_type, &json, &text) : code;
    whi_json_free(&json);
    return code;
}

static void without_memory_nothing_leaks(void **state) {
    static const char *const documents[] = { UNIFIED ",\"secrets\":[\"s\"]}", TRUTO "}",
                                             CALLFIRE ",\"secrets\":[\"s\"]}" };
    whi_projection *fields;

    (void)state;
    assert_int_equal(whi_projection_parse(&fields, "events", 6), WH_OK);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        whi_subscription *s = make(documents[i]);
        whi_envelope envelope = envelope_of(s, "sync_job_run:record", "{\"id\":\"\\u0031\"}");
        int code, failed = 1;
        envelope.fields = fields;
        for (long n = 0; failed; n++) {
            fault_set(n);
            code = all_of_it(&envelope);
            failed = fault_clear();
            assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        }
        whi_subscription_free(s);
    }
    whi_projection_free(fields);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_has_no_envelope),
        cmocka_unit_test(callfire_sends_the_envelope_of_its_samples),
        cmocka_unit_test(callfire_masks_the_whole_body),
        cmocka_unit_test(callfire_signs_as_its_official_vector),
        cmocka_unit_test(truto_sends_its_envelope),
        cmocka_unit_test(truto_signs_in_either_encoding),
        cmocka_unit_test(truto_orders_sync_jobs_by_run),
        cmocka_unit_test(unified_signs_the_bytes_of_data_and_the_nonce),
        cmocka_unit_test(digests_are_those_of_openssl),
        cmocka_unit_test(unified_sends_a_list_as_it_is),
        cmocka_unit_test(unified_writes_data_as_javascript_does),
        cmocka_unit_test(unified_carries_the_webhook_as_its_profile_has_it),
        cmocka_unit_test(odd_payloads_stand_in_each_envelope_byte_for_byte),
        cmocka_unit_test(without_memory_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
