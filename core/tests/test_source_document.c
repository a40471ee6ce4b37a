#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pure/source_document.h"
#include "webhook_source.h"

#define BEGIN "{\"object_type\":\"contact\",\"url\":\"https://api.example.com/contacts\""

static const char everything[] =
    "{\"object_type\":\"crm_contact\",\"name\":\"n\",\"url\":\"https://{connection}.example.com/"
    "c\",\"method\":\"POST\","
    "\"query\":{\"since\":\"{changed_since}\",\"status\":\"{filters.status}\"},\"headers\":{\"X-Page\":\"{page}\"},"
    "\"body\":{\"first\":\"{limit}\",\"list\":[\"a\\u0062\"]},"
    "\"auth\":{\"type\":\"oauth2\",\"token_url\":\"https://id.example.com/"
    "t\",\"client_id\":\"i\",\"client_secret\":\"s\","
    "\"scope\":\"x\",\"audience\":\"y\",\"credentials_in\":\"body\"},"
    "\"items\":\"data.items\",\"id\":\"key\",\"updated_at\":\"u\",\"created_at\":\"c\",\"deleted\":{\"path\":\"st\","
    "\"is\":\"gone\"},"
    "\"state\":\"sync\",\"time\":\"seconds\",\"paging\":{\"by\":\"cursor\",\"next\":\"next\",\"more\":\"more\"},"
    "\"limit\":200,"
    "\"most\":{\"pages\":5,\"bytes\":1000,\"seconds\":60,\"page_bytes\":500,\"request_seconds\":7},"
    "\"hosts\":[\"other.example.com\"],\"can\":[\"all\",\"changes\",\"deleted\"],\"filters\":[\"status\"],"
    "\"full_every\":1000,\"etag\":\"first_page\",\"fields\":\"a,b(c)\",\"map\":{\"x\":\"y.z\"},\"raw\":true}";

static void a_document_is_read(void **state) {
    whi_source_document document;

    (void)state;
    assert_int_equal(whi_source_document_read(&document, everything, sizeof everything - 1), WH_OK);
    assert_string_equal(document.object_type, "crm_contact");
    assert_string_equal(document.query.list[1].value, "{filters.status}");
    assert_string_equal(document.headers.list[0].name, "X-Page");
    assert_int_equal(document.auth.type, WHI_SOURCE_OAUTH2);
    assert_int_equal(document.auth.in_body, 1);
    assert_string_equal(document.deleted, "st");
    assert_true(document.deleted_is != WHI_JSON_NONE);
    assert_int_equal(document.time, WHI_SOURCE_SECONDS);
    assert_int_equal(document.paging.by, WHI_SOURCE_CURSOR);
    assert_int_equal(document.most.request_seconds, 7);
    assert_string_equal(document.hosts.list[0], "other.example.com");
    assert_null(document.hosts.list[1]);
    assert_int_equal(document.can, WH_SOURCE_ALL | WH_SOURCE_CHANGES | WH_SOURCE_DELETED);
    assert_int_equal(document.etag, WHI_SOURCE_ETAG_FIRST);
    assert_int_equal(document.raw, 1);
    assert_non_null(document.projection);
    whi_source_document_free(&document);
}

static void what_is_not_said_has_a_default(void **state) {
    whi_source_document document;
    const char *text = BEGIN ",\"query\":{\"since\":\"{changed_since}\"},\"name\":null}";

    (void)state;
    assert_int_equal(whi_source_document_read(&document, text, strlen(text)), WH_OK);
    assert_string_equal(document.method, "GET");
    assert_string_equal(document.id, "id");
    assert_string_equal(document.items, "");
    assert_null(document.name);
    assert_int_equal(document.can, WH_SOURCE_ALL | WH_SOURCE_CHANGES);
    assert_int_equal(document.full_every, 86400000);
    assert_int_equal(document.limit, 100);
    whi_source_document_free(&document);
}

static void what_is_wrong_is_named(void **state) {
    static const char *const rows[][2] = {
        { "[]", "document: expected an object, found []" },
        { "{", "document" },
        { "{\"url\":\"https://a/\"}", "object_type: expected 1 to 64 of A-Z a-z 0-9 . _ -" },
        { "{\"object_type\":\"a b\",\"url\":\"https://a/\"}", "object_type" },
        { "{\"object_type\":\"a\"}", "url: expected one, found none" },
        { BEGIN ",\"x\":1}", "document: unknown member \"x\", expected object_type, name, url" },
        { BEGIN ",\"items\":1}", "items: expected a text, found 1" },
        { BEGIN ",\"items\":\"$.a\"}", "items: expected names with dots between" },
        { BEGIN ",\"time\":\"days\"}", "time: expected one of iso, seconds, milliseconds, found \"days\"" },
        { BEGIN ",\"auth\":{\"type\":\"bearer\"}}", "auth.token: expected one, found none" },
        { BEGIN ",\"auth\":{\"type\":\"bearer\",\"token\":17}}", "auth.token: expected a text" },
        { BEGIN ",\"auth\":{\"type\":\"bearer\",\"token\":\"a\\nb\"}}", "auth.token: has a control character" },
        { BEGIN ",\"auth\":{\"typ\":\"bearer\"}}", "auth: unknown member \"typ\", expected type, token" },
        { BEGIN
          ",\"auth\":{\"type\":\"oauth2\",\"token_url\":\"ftp://a\",\"client_id\":\"a\",\"client_secret\":\"b\"}}",
          "auth.token_url" },
        { BEGIN ",\"auth\":{\"type\":\"header\",\"name\":\"Host\",\"value\":\"b\"}}",
          "auth.name: is set by the library" },
        { BEGIN ",\"query\":{\"a\":\"{pages}\"}}", "query.a: {pages} is unknown" },
        { BEGIN ",\"query\":{\"a\":1}}", "query.a: expected a text" },
        { BEGIN ",\"headers\":{\"a b\":\"c\"}}", "headers.a b: expected the name of a header" },
        { BEGIN ",\"headers\":{\"a\":\"b\\r\\nc\"}}", "headers.a: has a control character" },
        { BEGIN ",\"headers\":{\"authorization\":\"a\"},\"auth\":{\"type\":\"bearer\",\"token\":\"b\"}}",
          "headers.authorization: is set by auth" },
        { BEGIN ",\"body\":{\"a\":[\"{nothing}\"]}}", "body: {nothing} is unknown" },
        { BEGIN ",\"method\":\"GET\",\"body\":{}}", "method: expected POST, since there is a body" },
        { BEGIN ",\"method\":\"PUT\"}", "method: expected GET or POST, found \"PUT\"" },
        { BEGIN ",\"body\":{},\"graphql\":{\"query\":\"{a}\"}}", "body: expected either a body or graphql" },
        { BEGIN ",\"graphql\":{}}", "graphql.query: expected a text, found none" },
        { BEGIN ",\"graphql\":{\"query\":\"{a}\",\"variables\":[]}}", "graphql.variables: expected an object" },
        { BEGIN ",\"paging\":{\"by\":\"cursor\"}}", "paging.next: expected where the cursor stands" },
        { BEGIN ",\"paging\":{\"by\":\"page\"}}", "paging.by: expected {page} in url, query, headers or body" },
        { BEGIN ",\"query\":{\"p\":\"{page}\"}}", "paging.by: expected cursor, offset or page, since {page} is used" },
        { BEGIN ",\"query\":{\"p\":\"{page}\"},\"paging\":{\"by\":\"cursor\",\"last\":\"id\"}}", "paging.more" },
        { BEGIN ",\"paging\":{\"by\":\"url\"}}", "paging.next" },
        { BEGIN ",\"can\":[\"changes\"]}", "can: expected {changed_since} or {state} in the request for changes" },
        { BEGIN ",\"can\":[\"all\",\"deleted\"]}", "can: expected the member deleted" },
        { BEGIN ",\"can\":[]}", "can: expected a list of all, changes and deleted" },
        { BEGIN ",\"query\":{\"s\":\"{state}\"}}", "state: expected where {state} comes from, found none" },
        { BEGIN ",\"limit\":0}", "limit: expected 1 to 100000, found 0" },
        { BEGIN ",\"most\":{\"pages\":\"many\"}}", "most.pages: expected 1 to 1000000, found \"many\"" },
        { BEGIN ",\"fields\":\"a,(\"}", "fields: at position" },
        { BEGIN ",\"fields\":\"a\",\"rule\":\"r\"}", "rule: expected either a rule, or fields and map" },
        { BEGIN ",\"map\":{\"id\":\"x\"}}", "map.id: is said by the document's member of this name" },
        { BEGIN ",\"raw\":1}", "raw: expected true or false, found 1" },
        { BEGIN ",\"name\":\"a\\u0000b\"}", "name: expected a text without a zero byte" },
        { "{\"object_type\":\"a\",\"url\":\"ftp://a/\"}", "url" },
        { "{\"object_type\":\"a\",\"url\":\"https://u:p@a/\"}", "url" },
        { "{\"object_type\":\"a\",\"url\":\"https://{connection}/\"}", "url: expected a dot and more of the host" },
        { "{\"object_type\":\"a\",\"url\":\"https://a/#b\"}", "url: expected none of the fragment" },
        { "{\"object_type\":\"a\",\"url\":\"https://a/\",\"filters\":[\"a\"],\"query\":{\"b\":\"{filters.b}\"}}",
          "query.b: {filters.b} is none of the document's filters" },
        { "{\"object_type\":\"a\",\"url\":\"https://a/\",\"filters\":[\"a\"],\"required\":[\"a\",\"b\"]}",
          "required: expected names that are in filters, found \"b\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_source_document document;
        int code = whi_source_document_read(&document, rows[i][0], strlen(rows[i][0]));

        assert_true(code == WH_EINVALID || code == WH_EJSON);
        assert_memory_equal(wh_last_error(), rows[i][1], strlen(rows[i][1]));
        assert_memory_equal(rows[i][1], wh_last_error_field(), strlen(wh_last_error_field()));
        assert_true(wh_last_error_field()[0] != '\0');
        whi_source_document_free(&document);
    }
}

static void no_sentence_has_a_secret(void **state) {
    static const char *const rows[] = {
        BEGIN ",\"auth\":{\"type\":\"bearer\",\"token\":[\"hush\"]}}",
        BEGIN ",\"auth\":[\"hush\"]}",
        BEGIN ",\"headers\":{\"a\":{\"hush\":1}}}",
        BEGIN ",\"query\":{\"api_key\":[\"hush\"]}}",
        BEGIN ",\"headers\":{\"a\":\"hush\\u0001\"}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_source_document document;

        assert_int_equal(whi_source_document_read(&document, rows[i], strlen(rows[i])), WH_EINVALID);
        assert_null(strstr(wh_last_error(), "hush"));
        whi_source_document_free(&document);
    }
}

static void each_allocation_may_fail(void **state) {
    int failed = 1;

    (void)state;
    for (long n = 0; failed; n++) {
        whi_source_document document;
        int code;

        fault_set(n);
        code = whi_source_document_read(&document, everything, sizeof everything - 1);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        whi_source_document_free(&document);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read),       cmocka_unit_test(what_is_not_said_has_a_default),
        cmocka_unit_test(what_is_wrong_is_named),   cmocka_unit_test(no_sentence_has_a_secret),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("source_document", tests, NULL, NULL);
}
