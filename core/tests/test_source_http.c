#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "fake_rules.h"
#include "fault.h"
#include "source_kit.h"

static int64_t clock_now;

static int64_t tell_time(void *payload) {
    (void)payload;
    return clock_now;
}

/* Each test has a time of its own. */
static int begin(void **state) {
    (void)state;
    clock_now = INT64_C(1764500100000); /* 2025-11-30T10:55:00Z */
    return 0;
}

static const wh_clock fake_clock = { sizeof fake_clock, tell_time, NULL, NULL };

static wh_source made(const char *document) {
    static wh_limits limits = WH_LIMITS_INIT;
    whi_source_options options = { source_kit_policy(), "webhook-test", NULL, &fake_clock, &fake_rules, &limits };
    const char *text = source_kit_text(document);
    wh_source out;
    int code = whi_source_http_make(&out, text, strlen(text), &options);

    if (code != WH_OK) {
        print_error("%s\n", wh_last_error());
    }
    assert_int_equal(code, WH_OK);
    return out;
}

static wh_source_query asking(void) {
    return (wh_source_query){
        .size = sizeof(wh_source_query), .tenant = "", .connection = "octo", .object_type = "thing", .limit = 3
    };
}

static void end(wh_source *source, source_page *page) {
    source_kit_free(page);
    source->free(source->payload);
}

/* The document reads these ids in so many pages. */
static void check_reading(const char *document, const char *ids, int pages) {
    wh_source source = made(document);
    source_page page;
    char found[1000];
    int count = source_kit_read(&source, asking(), found, sizeof found, &page);

    assert_string_equal(page.error, "");
    assert_string_equal(found, ids);
    assert_int_equal(count, pages);
    end(&source, &page);
}

/* ------------------------------------------------------------------------- shapes */

#define GITHUB                                                                                                         \
    "{\"object_type\":\"issue\",\"url\":\"@/"                                                                          \
    "github\",\"query\":{\"per_page\":\"{limit}\",\"since\":\"{changed_since}\"},"                                     \
    "\"headers\":{\"X-Connection\":\"{connection}\"},\"updated_at\":\"updated_at\",\"paging\":{\"by\":\"link\"},"      \
    "\"etag\":\"first_page\"}"

static void a_link_header_leads_on(void **state) {
    (void)state;
    check_reading(GITHUB,
                  "9007199254740993 9007199254740994 9007199254740995 9007199254740996 9007199254740997 "
                  "9007199254740998 9007199254740999",
                  3);
    check_reading(
        "{\"object_type\":\"product\",\"url\":\"@/shopify\",\"query\":{\"limit\":\"{limit}\"},\"items\":\"products\","
        "\"auth\":{\"type\":\"header\",\"name\":\"X-Shopify-Access-Token\",\"value\":\"shpat_1\"},"
        "\"paging\":{\"by\":\"link\"}}",
        "0 1 2 3 4 5 6", 3);
}

static void a_cursor_leads_on(void **state) {
    (void)state;
    check_reading(
        "{\"object_type\":\"customer\",\"url\":\"@/stripe\",\"query\":{\"limit\":\"{limit}\","
        "\"starting_after\":\"{page}\",\"created[gte]\":\"{changed_since}\"},\"time\":\"seconds\","
        "\"auth\":{\"type\":\"bearer\",\"token\":\"sk_test_1\"},\"items\":\"data\",\"created_at\":\"created\","
        "\"paging\":{\"by\":\"cursor\",\"last\":\"id\",\"more\":\"has_more\"}}",
        "\"cus_0\" \"cus_1\" \"cus_2\" \"cus_3\" \"cus_4\" \"cus_5\" \"cus_6\"", 3);
    check_reading(
        "{\"object_type\":\"contact\",\"url\":\"@/hubspot\",\"query\":{\"limit\":\"{limit}\",\"after\":\"{page}\"},"
        "\"items\":\"results\",\"deleted\":\"archived\",\"paging\":{\"by\":\"cursor\",\"next\":\"paging.next.after\"}}",
        "\"100\" \"101\" \"102\" \"103\" \"104\" \"105\" \"106\"", 3);
    check_reading(
        "{\"object_type\":\"order\",\"url\":\"@/graphql\",\"graphql\":{\"query\":\"query($first:Int,$after:String)"
        "{orders(first:$first,after:$after){edges{node{id total}}}}\",\"variables\":{\"first\":\"{limit}\","
        "\"after\":\"{page}\"}},\"items\":\"data.orders.edges.node\",\"paging\":{\"by\":\"cursor\","
        "\"next\":\"data.orders.pageInfo.endCursor\",\"more\":\"data.orders.pageInfo.hasNextPage\"}}",
        "\"gid://0\" \"gid://1\" \"gid://2\" \"gid://3\" \"gid://4\" \"gid://5\" \"gid://6\"", 3);
}

static void counted_pages_lead_on(void **state) {
    (void)state;
    check_reading("{\"object_type\":\"a\",\"url\":\"@/"
                  "offset?limit={limit}\",\"query\":{\"offset\":\"{page}\"},\"items\":\"records\","
                  "\"id\":\"key\",\"paging\":{\"by\":\"offset\",\"total\":\"total\"}}",
                  "0 1 2 3 4 5 6", 3);
    check_reading("{\"object_type\":\"a\",\"url\":\"@/pages\",\"query\":{\"page\":\"{page}\"},\"updated_at\":\"ms\","
                  "\"time\":\"milliseconds\",\"paging\":{\"by\":\"page\"}}",
                  "0 1 2 3 4 5 6", 5);
    check_reading("{\"object_type\":\"a\",\"url\":\"@/odata\",\"items\":\"value\",\"paging\":{\"by\":\"url\","
                  "\"next\":\"\\u0040odata\\\\.nextLink\"}}",
                  "0 1 2 3 4 5 6", 3);
}

static void objects_are_made_as_the_document_says(void **state) {
    wh_source source = made(
        "{\"object_type\":\"contact\",\"url\":\"@/hubspot\",\"query\":{\"limit\":\"{limit}\",\"after\":\"{page}\"},"
        "\"items\":\"results\",\"deleted\":\"archived\",\"updated_at\":\"updatedAt\","
        "\"map\":{\"name\":\"properties.firstname\"},"
        "\"paging\":{\"by\":\"cursor\",\"next\":\"paging.next.after\"}}");
    wh_source_query query = asking();
    source_page page;

    (void)state;
    source_kit_list(&source, &query, &page);
    assert_non_null(strstr(page.items, "{\"id\":\"102\",\"updated_at\":\"2025-11-30T10:02:00.123Z\",\"deleted\":true,"
                                       "\"name\":\"Name 2\"}]"));
    assert_int_equal(source.can, WH_SOURCE_ALL | WH_SOURCE_DELETED);
    end(&source, &page);
}

static void a_rule_makes_objects(void **state) {
    wh_source source = made("{\"object_type\":\"a\",\"url\":\"@/pages?page=1\",\"rule\":\"project {\\\"x\\\":1}\"}");
    wh_source_query query = asking();
    source_page page;

    (void)state;
    source_kit_list(&source, &query, &page);
    assert_string_equal(page.items, "[{\"id\":0,\"x\":1},{\"id\":1,\"x\":1}]");
    end(&source, &page);
    source = made("{\"object_type\":\"a\",\"url\":\"@/pages?page=1\",\"rule\":\"fail\"}");
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.code, WH_ERULE_RUNTIME);
    assert_string_equal(page.error, "rule: line 3: no");
    end(&source, &page);
}

static void changes_are_asked_for(void **state) {
    wh_source source = made(GITHUB);
    wh_source_query query = asking();
    source_page page;
    char ids[1000];

    (void)state;
    assert_int_equal(source.can, WH_SOURCE_ALL | WH_SOURCE_CHANGES);
    query.changed_since = INT64_C(1764500000000);
    query.limit = 1000; /* more than the document's, which is 100 then */
    assert_int_equal(source_kit_read(&source, query, ids, sizeof ids, &page), 1);
    assert_true(source_kit_seen("/github?per_page=100%26since=2025-11-30T10%253A53%253A20.000Z") >= 1);
    end(&source, &page);
}

static void a_token_of_changes_is_carried_on(void **state) {
    wh_source source =
        made("{\"object_type\":\"a\",\"url\":\"@/delta\",\"query\":{\"token\":\"{state}\",\"page\":\"{page}\"},"
             "\"items\":\"items\",\"state\":\"nextSyncToken\",\"deleted\":{\"path\":\"status\",\"is\":\"cancelled\"},"
             "\"paging\":{\"by\":\"cursor\",\"next\":\"nextPageToken\"}}");
    wh_source_query query = asking();
    source_page page;
    char ids[100], kept[1000];

    (void)state;
    assert_int_equal(source_kit_read(&source, query, ids, sizeof ids, &page), 2);
    assert_string_equal(ids, "1 2");
    assert_string_equal(page.state, "{\"s\":\"s0\"}");
    snprintf(kept, sizeof kept, "%s", page.state);
    source_kit_free(&page);
    query.state = kept;
    assert_int_equal(source_kit_read(&source, query, ids, sizeof ids, &page), 1);
    assert_string_equal(page.items, "[{\"id\":2,\"deleted\":true,\"status\":\"cancelled\"}]");
    assert_string_equal(page.state, "{\"s\":\"ss0\"}");
    source_kit_free(&page);
    query.state = "{\"s\":\"forgotten\"}"; /* 410: everything is read once more */
    assert_int_equal(source_kit_read(&source, query, ids, sizeof ids, &page), 2);
    assert_string_equal(ids, "1 2");
    assert_string_equal(page.state, "{\"s\":\"s0\"}");
    end(&source, &page);
}

static void what_has_not_changed_is_not_read(void **state) {
    wh_source source = made(GITHUB);
    wh_source_query query = asking();
    source_page page;
    char ids[1000], kept[1000];

    (void)state;
    assert_int_equal(source_kit_read(&source, query, ids, sizeof ids, &page), 3);
    assert_non_null(page.state);
    snprintf(kept, sizeof kept, "%s", page.state);
    source_kit_free(&page);
    query.state = kept;
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.is_unchanged, 1);
    assert_null(page.next);
    assert_string_equal(page.state, kept);
    source_kit_free(&page);
    query.limit = 2; /* another request: the tag is none of its */
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.is_unchanged, 0);
    assert_non_null(page.next);
    end(&source, &page);
}

/* -------------------------------------------------------------------------- logins */

static void a_key_goes_into_the_query(void **state) {
    wh_source source = made("{\"object_type\":\"a\",\"url\":\"@/key\",\"query\":{\"status\":\"{filters.status}\"},"
                            "\"filters\":[\"status\"],\"headers\":{\"X-Extra\":\"{tenant}\"},"
                            "\"auth\":{\"type\":\"query\",\"name\":\"api key\",\"value\":\"k&1\"}}");
    wh_source_query query = asking();
    source_page page;

    (void)state;
    assert_string_equal(source.filters[0], "status");
    assert_null(source.filters[1]);
    query.tenant = "t";
    query.filters = "{\"status\":\"a&b=c\",\"other\":\"x\"}";
    source_kit_list(&source, &query, &page);
    assert_string_equal(page.error, "");
    assert_non_null(strstr(page.items, "\"t\""));
    assert_non_null(strstr(page.items, "a&b=c"));
    end(&source, &page);
}

static void a_wrong_key_is_told_as_such(void **state) {
    wh_source source = made("{\"object_type\":\"a\",\"url\":\"@/stripe?limit=1\",\"items\":\"data\","
                            "\"auth\":{\"type\":\"bearer\",\"token\":\"hush\"}}");
    wh_source_query query = asking();
    source_page page;

    (void)state;
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.code, WH_ESTATUS);
    assert_int_equal(page.is_refused, 1);
    assert_string_equal(page.error, "answered 401");
    end(&source, &page);
}

#define GUARDED(secret)                                                                                                \
    "{\"object_type\":\"a\",\"url\":\"@/"                                                                              \
    "guarded\",\"query\":{\"offset\":\"{page}\"},\"items\":\"d\",\"paging\":{\"by\":\"offset\","                       \
    "\"total\":\"total\"},\"auth\":{\"type\":\"oauth2\",\"token_url\":\"@/token\",\"client_id\":\"a "                  \
    "b\",\"client_secret\":\"" secret "\",\"scope\":\"read\"}}"

static void a_token_is_got_kept_and_renewed(void **state) {
    wh_source source = made(GUARDED("s:1"));
    int before = source_kit_seen("/token");
    source_page page;
    char ids[100];

    (void)state;
    assert_int_equal(source_kit_read(&source, asking(), ids, sizeof ids, &page), 4);
    assert_string_equal(page.error, "");
    assert_string_equal(ids, "0 1 2 3 4 5 6");
    assert_int_equal(source_kit_seen("/token") - before, 2); /* at first, and when it ended in the middle */
    source_kit_free(&page);
    clock_now += 3400000; /* good for an hour, less a minute */
    assert_int_equal(source_kit_read(&source, asking(), ids, sizeof ids, &page), 4);
    assert_int_equal(source_kit_seen("/token") - before, 2);
    source_kit_free(&page);
    clock_now += 150000;
    assert_int_equal(source_kit_read(&source, asking(), ids, sizeof ids, &page), 4);
    assert_int_equal(source_kit_seen("/token") - before, 3);
    end(&source, &page);
}

static void a_client_that_is_refused_is_told_as_such(void **state) {
    wh_source source = made(GUARDED("hush"));
    wh_source_query query = asking();
    source_page page;

    (void)state;
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.code, WH_ESTATUS);
    assert_int_equal(page.is_refused, 1);
    assert_string_equal(page.error, "auth.token_url: answered 401");
    end(&source, &page);
}

/* -------------------------------------------------------------------------- faults */

static void check_fault(const char *document, int code, const char *error, int64_t retry_after, int refused) {
    wh_source source = made(document);
    source_page page;
    char ids[4000];

    source_kit_read(&source, asking(), ids, sizeof ids, &page);
    assert_int_equal(page.code, code);
    if (strncmp(page.error, error, strlen(error)) != 0) {
        assert_string_equal(page.error, error);
    }
    assert_int_equal(page.retry_after, retry_after);
    assert_int_equal(page.is_refused, refused);
    assert_null(page.items);
    assert_null(page.next);
    end(&source, &page);
}

#define LIST(path) "{\"object_type\":\"a\",\"url\":\"@/" path "\""

static void what_the_api_answers_is_told(void **state) {
    (void)state;
    check_fault(LIST("status?code=500") "}", WH_ESTATUS, "answered 500", -1, 0);
    check_fault(LIST("status?code=429&Retry-After=7") "}", WH_ESTATUS, "answered 429", 7000, 0);
    check_fault(LIST("status?code=503&Retry-After=Sun,%2030%20Nov%202025%2010:55:30%20GMT") "}", WH_ESTATUS,
                "answered 503", 30000, 0);
    check_fault(LIST("status?code=429&X-RateLimit-Reset=1764500160") "}", WH_ESTATUS, "answered 429", 60000, 0);
    check_fault(LIST("status?code=429&RateLimit-Reset=9") "}", WH_ESTATUS, "answered 429", 9000, 0);
    check_fault(LIST("status?code=403&X-RateLimit-Remaining=0&X-RateLimit-Reset=1764500160") "}", WH_ESTATUS,
                "answered 403", 60000, 0);
    check_fault(LIST("status?code=403&X-RateLimit-Remaining=5&X-RateLimit-Reset=1764500160") "}", WH_ESTATUS,
                "answered 403", -1, 1);
    check_fault(LIST("status?code=304") "}", WH_ESTATUS, "answered 304", -1, 0); /* nobody had asked for it */
    check_fault(LIST("status?code=429&Retry-After=soon") "}", WH_ESTATUS, "answered 429", -1, 0);
    check_fault(LIST("status?code=429&Retry-After=0") "}", WH_ESTATUS, "answered 429", 0, 0);
    check_fault(LIST("status?code=429&Retry-After=9999999") "}", WH_ESTATUS, "answered 429", 86400000, 0);
    check_fault(LIST("status?code=410") "}", WH_EGONE, "answered 410", -1, 0);
    check_fault(LIST("nowhere") "}", WH_ESTATUS, "answered 404", -1, 0);
    check_fault(LIST("redirect") "}", WH_EREDIRECT, "answered 302, a redirect, which is not followed", -1, 0);
    check_fault(LIST("broken") "}", WH_EJSON, "the answer: at byte 11: expected a value", -1, 0);
    check_fault(LIST("status?code=204") "}", WH_ESTATUS, "answered 204, which is no list", -1, 0);
    check_fault(LIST("status?code=200&Link=%3Cbroken") ",\"paging\":{\"by\":\"link\"}}", WH_EINVALID,
                "paging: the Link header cannot be read", -1, 0);
    check_fault(LIST("status?code=200") ",\"items\":\"d\"}", WH_EINVALID,
                "items: expected a list at \"d\", found nothing", -1, 0);
    assert_int_equal(source_kit_seen("/pages?page=1%26"), 0);
}

static void too_much_is_cut_off(void **state) {
#define SMALL "\"most\":{\"page_bytes\":100000}}"
    static const char large[] = "127.0.0.1:";

    (void)state;
    check_fault(LIST("huge") "," SMALL, WH_ELIMIT, large, -1, 0);
    check_fault(LIST("endless") "," SMALL, WH_ELIMIT, large, -1, 0);
    check_fault(LIST("bomb") "," SMALL, WH_ELIMIT, large, -1, 0);
    check_fault(LIST("head") "}", WH_ELIMIT, large, -1, 0);
    check_reading(LIST("zipped") "}", "1", 1);
}

#define FOREVER(path, most)                                                                                            \
    LIST(path)                                                                                                         \
    ",\"query\":{\"at\":\"{page}\"},\"items\":\"items\",\"paging\":{\"by\":\"cursor\",\"next\":\"next\"},"             \
    "\"most\":" most "}"

static void a_reading_that_does_not_end_is_ended(void **state) {
    (void)state;
    check_fault(FOREVER("circle", "{}"), WH_ESTATUS, "paging: the pages run in a circle", -1, 0);
    check_fault(FOREVER("forever", "{\"pages\":5}"), WH_ELIMIT, "most.pages: there are more than 5 pages", -1, 0);
    check_fault(FOREVER("forever", "{\"bytes\":100}"), WH_ELIMIT, "", -1, 0);
}

static void a_reading_that_takes_too_long_is_ended(void **state) {
    wh_source source = made(FOREVER("forever", "{\"seconds\":10}"));
    wh_source_query query = asking();
    source_page page;
    char next[1000];

    (void)state;
    source_kit_list(&source, &query, &page);
    snprintf(next, sizeof next, "%s", page.next);
    source_kit_free(&page);
    query.page = next;
    clock_now += 10000;
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.code, WH_ELIMIT);
    assert_string_equal(page.error, "most.seconds: it took more than 10 seconds");
    source_kit_free(&page);
    query.page = "17";
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.code, WH_EINVALID);
    end(&source, &page);
}

static void an_api_that_does_not_answer_is_given_up(void **state) {
    (void)state;
    check_fault(LIST("hang") ",\"most\":{\"request_seconds\":1}}", WH_ETIMEOUT, "127.0.0.1:", -1, 0);
    check_fault("{\"object_type\":\"a\",\"url\":\"http://127.0.0.1:1/\"}", WH_ECONNECT, "127.0.0.1:1: ", -1, 0);
}

static void no_page_leads_where_it_must_not(void **state) {
#define ELSEWHERE(to, more) LIST("elsewhere?to=" to) ",\"paging\":{\"by\":\"link\"}" more "}"
    (void)state;
    check_fault(ELSEWHERE("http://10.0.0.1/", ""), WH_EADDRESS,
                "paging: the next page is at 10.0.0.1, which is not in the document's hosts", -1, 0);
    check_fault(ELSEWHERE("http://127.0.0.2/", ",\"hosts\":[\"127.0.0.2\"]"), WH_EADDRESS,
                "127.0.0.2 is refused: loopback", -1, 0);
    check_fault(ELSEWHERE("http://localhost:1/", ",\"hosts\":[\"other.example.com\"]"), WH_EADDRESS,
                "paging: the next page is at localhost", -1, 0);
    check_fault(ELSEWHERE("file:///etc/passwd", ""), WH_EINVALID, "paging", -1, 0);
    check_fault(ELSEWHERE("//127.0.0.1/x", ""), WH_EADDRESS, "paging", -1, 0); /* another port */
    check_fault(ELSEWHERE("http://127.0.0.1%4010.0.0.1/", ""), WH_EINVALID, "paging", -1, 0);
    check_fault("{\"object_type\":\"a\",\"url\":\"http://127.0.0.2/\"}", WH_EADDRESS,
                "127.0.0.2 is refused: loopback; allow it with the option \"allow\"", -1, 0);
    check_fault("{\"object_type\":\"a\",\"url\":\"http://[::ffff:169.254.169.254]/\"}", WH_EADDRESS, "", -1, 0);
    check_fault("{\"object_type\":\"a\",\"url\":\"@/pages?page=1\",\"auth\":{\"type\":\"oauth2\",\"token_url\":"
                "\"http://10.0.0.1/\",\"client_id\":\"i\",\"client_secret\":\"s\"}}",
                WH_EADDRESS, "10.0.0.1 is refused: private", -1, 0);
}

/* A page that the engine kept leads nowhere else when the document has changed meanwhile. */
static void a_kept_page_is_judged_again(void **state) {
    wh_source source = made(LIST("pages") ",\"paging\":{\"by\":\"link\"}}");
    wh_source_query query = asking();
    source_page page;

    (void)state;
    query.page = "{\"n\":1,\"p\":\"http://other.example.com/x\"}";
    source_kit_list(&source, &query, &page);
    assert_int_equal(page.code, WH_EADDRESS);
    end(&source, &page);
}

static void *list_hanging(void *payload) {
    wh_source_query query = asking();
    source_page page;
    static int code;

    source_kit_list(payload, &query, &page);
    code = page.code;
    source_kit_free(&page);
    return &code;
}

static void cutting_ends_what_is_out(void **state) {
    wh_source source = made(LIST("hang?cut") ",\"most\":{\"request_seconds\":600}}");
    wh_source waits = made(LIST("await?path=/hang%3fcut") "}");
    wh_source_query query = asking();
    source_page page;
    pthread_t thread;
    void *code;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, list_hanging, &source), 0);
    source_kit_list(&waits, &query, &page);
    end(&waits, &page);
    source.cut(source.payload);
    assert_int_equal(pthread_join(thread, &code), 0);
    assert_int_equal(*(int *)code, WH_ECLOSED);
    source.free(source.payload);
}

/* An engine that was stopped may be started again. */
static void a_source_that_was_cut_reads_again(void **state) {
    wh_source source = made(GUARDED("s:1"));
    source_page page;
    char ids[100];

    (void)state;
    source.cut(source.payload);
    assert_int_equal(source_kit_read(&source, asking(), ids, sizeof ids, &page), 4);
    assert_string_equal(page.error, "");
    assert_string_equal(ids, "0 1 2 3 4 5 6");
    end(&source, &page);
}

#define THREADS 8

static void *read_all(void *payload) {
    static const char whole[] = "0 1 2 3 4 5 6";
    source_page page;
    char ids[100];
    int good;

    source_kit_read(payload, asking(), ids, sizeof ids, &page);
    good = page.code == WH_OK && strcmp(ids, whole) == 0;
    source_kit_free(&page);
    return good ? payload : NULL;
}

static void threads_share_a_source_and_its_token(void **state) {
    wh_source source = made(GUARDED("s:1"));
    int before = source_kit_seen("/token");
    pthread_t threads[THREADS];
    void *good;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &source), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_ptr_equal(good, &source);
    }
    assert_int_equal(source_kit_seen("/token") - before, 1);
    source.free(source.payload);
}

/* One page of a source that is made for it. */
static int list_once(const char *document, const char *state_text, source_page *page) {
    whi_source_options options = { source_kit_policy(), "webhook-test", NULL, &fake_clock, NULL, NULL };
    wh_source_query query = asking();
    wh_source out;
    int code = whi_source_http_make(&out, document, strlen(document), &options);

    if (code == WH_OK) {
        query.state = state_text;
        source_kit_list(&out, &query, page);
        code = page->code;
        out.free(out.payload);
    }
    return code;
}

static void each_allocation_may_fail(void **state) {
    char document[2000];
    int failed = 1;

    (void)state;
    snprintf(document, sizeof document, "%s",
             source_kit_text("{\"object_type\":\"issue\",\"url\":\"@/github\",\"query\":{\"per_page\":\"{limit}\"},"
                             "\"headers\":{\"X-Connection\":\"{connection}\"},\"paging\":{\"by\":\"link\"},"
                             "\"auth\":{\"type\":\"oauth2\",\"token_url\":\"@/token\",\"client_id\":\"a b\","
                             "\"client_secret\":\"s:1\",\"scope\":\"read\"},\"fields\":\"title\",\"raw\":true,"
                             "\"etag\":\"first_page\"}"));
    for (long n = 0; failed; n++) {
        source_page page = { .next = NULL };
        int code;

        fault_set(n);
        code = list_once(document, "{\"e\":\"x\",\"r\":1}", &page);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        source_kit_free(&page);
    }
}

static void what_cannot_be_made_says_why(void **state) {
    static const char document[] = "{\"object_type\":\"a\",\"url\":\"https://a.io/\",\"rule\":\"what\"}";
    static wh_limits limits = WH_LIMITS_INIT;
    whi_source_options options = { NULL, NULL, NULL, NULL, NULL, &limits };
    char type[WH_ID_SIZE];
    wh_source out;

    (void)state;
    assert_int_equal(whi_source_http_make(&out, document, sizeof document - 1, &options), WH_ERULE_ENGINE);
    options.rules = &fake_rules;
    assert_int_equal(whi_source_http_make(&out, document, sizeof document - 1, &options), WH_ERULE_SYNTAX);
    assert_int_equal(wh_last_error_line(), 2);
    assert_int_equal(whi_source_http_make(&out, "{}", 2, &options), WH_EINVALID);
    assert_int_equal(whi_source_http_check("{\"object_type\":\"a\",\"url\":\"https://a.io/\"}", 41, &options, type),
                     WH_OK);
    assert_string_equal(type, "a");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_link_header_leads_on, begin),
        cmocka_unit_test_setup(a_cursor_leads_on, begin),
        cmocka_unit_test_setup(counted_pages_lead_on, begin),
        cmocka_unit_test_setup(objects_are_made_as_the_document_says, begin),
        cmocka_unit_test_setup(a_rule_makes_objects, begin),
        cmocka_unit_test_setup(changes_are_asked_for, begin),
        cmocka_unit_test_setup(a_token_of_changes_is_carried_on, begin),
        cmocka_unit_test_setup(what_has_not_changed_is_not_read, begin),
        cmocka_unit_test_setup(a_key_goes_into_the_query, begin),
        cmocka_unit_test_setup(a_wrong_key_is_told_as_such, begin),
        cmocka_unit_test_setup(a_token_is_got_kept_and_renewed, begin),
        cmocka_unit_test_setup(a_client_that_is_refused_is_told_as_such, begin),
        cmocka_unit_test_setup(what_the_api_answers_is_told, begin),
        cmocka_unit_test_setup(too_much_is_cut_off, begin),
        cmocka_unit_test_setup(a_reading_that_does_not_end_is_ended, begin),
        cmocka_unit_test_setup(a_reading_that_takes_too_long_is_ended, begin),
        cmocka_unit_test_setup(an_api_that_does_not_answer_is_given_up, begin),
        cmocka_unit_test_setup(no_page_leads_where_it_must_not, begin),
        cmocka_unit_test_setup(a_kept_page_is_judged_again, begin),
        cmocka_unit_test_setup(cutting_ends_what_is_out, begin),
        cmocka_unit_test_setup(a_source_that_was_cut_reads_again, begin),
        cmocka_unit_test_setup(threads_share_a_source_and_its_token, begin),
        cmocka_unit_test_setup(each_allocation_may_fail, begin),
        cmocka_unit_test_setup(what_cannot_be_made_says_why, begin),
    };
    return cmocka_run_group_tests_name("source_http", tests, NULL, NULL);
}
