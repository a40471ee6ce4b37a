/* A subscription that is sent to two places: requests, and rows in a database that a fake stands for. Covers
 * calls/twin.c and calls/deliveries.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ident.h"
#include "calls/twin.h"
#include "engine_fixture.h"
#include "fake_destination.h"
#include "fault.h"
#include "insides.h"

static wh_engine *engine;

static int begin(void **state) {
    fixture_setup(state);
    fake_reset();
    engine = fixture_open(":memory:", NULL);
    engine->destinations = &fake_destinations;
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    assert_int_equal(fake_db.opened, fake_db.closed);
    return 0;
}

#define URL "postgresql://u:s3cret@db.example/app"
#define MASKED "postgresql://u:***@db.example/app"
#define HOOK "https://e.com/"
#define ALSO "\"also\":{\"url\":\"" URL "\",\"database\":{\"prefix\":\"p_\"}}"
static const char document[] =
    "{\"url\":\"" HOOK "\"," ALSO ",\"events\":[\"crm_contact.*\"],\"retry\":[0,1000],\"tenant\":\"a\"}";

static char id[WH_ID_SIZE], twin[WH_ID_SIZE];

static char *read_document(const char *of) {
    return DOCUMENT(wh_subscription(engine, of, &fixture_handed, &fixture_size));
}

static void subscribe(const char *text) {
    int64_t number = fixture_subscribe(engine, text, id), other = whi_twin_of(engine, number);

    twin[0] = '\0';
    if (other != 0) {
        whi_ident_format("sub_", other, twin);
    }
}

static void update(const char *change) {
    if (wh_subscription_update(engine, id, change, WH_ZSTR) != WH_OK) {
        fail_msg("%s: %s", change, wh_last_error());
    }
}

static void shows(const char *part) {
    char *text = read_document(id);

    assert_has(text, part);
    wh_free(text);
}

static void shows_no(const char *part) {
    char *text = read_document(id);

    assert_null(strstr(text, part));
    wh_free(text);
}

static void publish(int number) {
    wh_event event = WH_EVENT_INIT;
    char payload[64];

    snprintf(payload, sizeof payload, "{\"id\":\"%d\",\"n\":%d}", number, number);
    event.type = "crm_contact.updated";
    event.tenant = "a";
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

static int times(const char *text, const char *part) {
    int count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* How many deliveries of a subscription (NULL: of all) are in this state. */
static int count_of(const char *subscription, const char *state) {
    wh_query query = WH_QUERY_INIT;
    char *page;
    int count;

    query.subscription = subscription;
    query.state = state;
    page = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    count = times(page, "\"event\":");
    wh_free(page);
    return count;
}

static int count_subscriptions(void) {
    char *page = DOCUMENT(wh_subscriptions(engine, NULL, &fixture_handed, &fixture_size));
    int count = times(page, "\"updated_at\":");

    wh_free(page);
    return count;
}

static void say_away(const whi_object *object, whi_object_result *result) {
    (void)object;
    result->outcome = WHI_OBJECT_AGAIN;
    snprintf(result->sentence, sizeof result->sentence, "the database is away");
}

/* ------------------------------------------------------------------------- two lanes */

static void one_event_is_a_request_and_a_row(void **state) {
    (void)state;
    subscribe(document);
    publish(1);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].url, HOOK);
    assert_int_equal(fake_db.count, 1);
    assert_string_equal(fake_db.rows[0].bytes, "{\"id\":\"1\",\"n\":1}");
    assert_string_equal(fake_db.prefix, "p_");
    assert_string_equal(fake_db.url, URL);
    assert_int_equal(count_of(id, "delivered"), 2);
    assert_int_equal(count_of(twin, "delivered"), 1);
}

static void it_is_shown_as_one(void **state) {
    char part[160];

    (void)state;
    subscribe(document);
    assert_int_equal(count_subscriptions(), 1);
    snprintf(part, sizeof part, "\"also\":{\"id\":\"%s\",\"url\":\"" MASKED "\",\"database\":{\"schema\":null,", twin);
    shows(part);
    shows("\"url\":\"" HOOK "\"");
    shows_no("s3cret");
    shows_no("\"twin\"");
    snprintf(part, sizeof part, "\"twin_of\":\"%s\"", id);
    memcpy(id, twin, sizeof id); /* by its id it is shown alone */
    shows(part);
    shows_no("s3cret");
    shows_no("\"also\"");
}

static void where_one_place_is_down_the_other_goes_on(void **state) {
    (void)state;
    fixture_script.status = 500;
    subscribe(document);
    publish(1);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
    assert_int_equal(count_of(id, "waiting"), 1);
    assert_int_equal(count_of(twin, "delivered"), 1);

    fixture_script.status = 200;
    fake_db.judge = say_away;
    fixture_time += 1200;
    publish(2);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
    assert_int_equal(count_of(twin, "waiting"), 1);
    assert_int_equal(count_of(id, "delivered"), 3); /* two requests, and the first row */
    fake_db.judge = NULL;
    fixture_time += 1200;
    fixture_run(engine);
    assert_int_equal(count_of(id, "delivered"), 4);
}

static void each_place_has_an_order_of_its_own(void **state) {
    (void)state;
    fake_db.judge = say_away;
    subscribe("{\"url\":\"" HOOK "\"," ALSO ",\"tenant\":\"a\",\"order\":\"fifo\",\"retry\":[0,1000]}");
    publish(1);
    publish(2);
    publish(3);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3); /* behind no row that waits */
    assert_int_equal(fake_db.count, 0);
    fake_db.judge = NULL;
    fixture_time += 1200;
    fixture_run(engine);
    assert_int_equal(fake_db.count, 3);
    for (size_t i = 1; i < 3; i++) {
        assert_true(fake_db.rows[i - 1].version < fake_db.rows[i].version);
    }
}

static void explain_tells_of_both(void **state) {
    char event[WH_ID_SIZE], part[2 * WH_ID_SIZE + 64], *text;

    (void)state;
    subscribe("{\"url\":\"" HOOK "\"," ALSO ",\"retry\":[0]}");
    fixture_publish(engine, "crm_contact.updated", "{\"id\":1}", event);
    fixture_run(engine);
    text = DOCUMENT(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size));
    assert_int_equal(times(text, "\"outcome\":\"delivered\""), 2);
    snprintf(part, sizeof part, "\"subscription\":\"%s\",\"twin_of\":\"%s\"", twin, id);
    assert_has(text, part);
    wh_free(text);
    text = DOCUMENT(wh_explain(engine, event, NULL, NULL, &fixture_handed, &fixture_size));
    assert_int_equal(times(text, "\"outcome\":\"delivered\""), 2);
    wh_free(text);
}

/* -------------------------------------------------------------------------- changing */

static void a_change_is_one_of_both(void **state) {
    (void)state;
    subscribe(document);
    update("{\"filters\":{\"n\":2},\"name\":\"both\"}");
    publish(1);
    publish(2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(fake_db.count, 1);
    shows("\"url\":\"" MASKED "\",\"database\":{\"schema\":null,\"prefix\":\"p_\"");
    update("{\"paused\":true}");
    publish(2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(fake_db.count, 1);
}

static void what_was_read_may_be_written_back(void **state) {
    char *text;

    (void)state;
    subscribe(document);
    text = read_document(id);
    assert_int_equal(fake_db.checks, 1);
    update(text);
    wh_free(text);
    assert_int_equal(fake_db.checks, 1); /* it is the same database */
    publish(1);
    fixture_run(engine);
    assert_string_equal(fake_db.url, URL);
    assert_string_equal(fake_db.prefix, "p_");
    assert_int_equal(fake_db.count, 1);
}

static void a_place_may_come_and_go(void **state) {
    (void)state;
    subscribe("{\"url\":\"" HOOK "\",\"tenant\":\"a\",\"retry\":[0,1000]}");
    assert_string_equal(twin, "");
    publish(1);
    fixture_run(engine);
    update("{" ALSO "}");
    shows("\"url\":\"" MASKED "\"");
    fake_db.judge = say_away;
    publish(2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(count_of(id, "waiting"), 1);
    update("{\"also\":null}");
    shows_no("\"also\"");
    assert_int_equal(count_of(NULL, "waiting"), 0); /* cancelled with it */
    assert_int_equal(count_of(NULL, "cancelled"), 1);
    publish(3);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_int_equal(fake_db.count, 0);
    assert_int_equal(count_subscriptions(), 1);
}

/* The password is kept for its URL, in whichever of the places that stands. */
static void the_places_may_be_exchanged_by_what_is_shown(void **state) {
    (void)state;
    subscribe("{\"url\":\"" URL "\",\"database\":{\"prefix\":\"p_\"},\"tenant\":\"a\"}");
    update("{\"url\":\"" HOOK "\",\"database\":null,\"also\":{\"url\":\"" MASKED
           "\",\"database\":{\"prefix\":\"p_\"}}}");
    publish(1);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(fake_db.count, 1);
    assert_string_equal(fake_db.url, URL);
    update("{\"also\":null,\"url\":\"" MASKED "\",\"database\":{\"prefix\":\"q_\"}}");
    shows_no("\"also\"");
    publish(2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(fake_db.count, 2);
    assert_string_equal(fake_db.url, URL);
    assert_string_equal(fake_db.prefix, "q_");
}

static void both_go_together(void **state) {
    (void)state;
    subscribe(document);
    fixture_script.status = 500;
    fake_db.judge = say_away;
    publish(1);
    fixture_run(engine);
    assert_int_equal(count_of(id, "waiting"), 2);
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    assert_int_equal(count_of(NULL, "cancelled"), 2);
    assert_int_equal(wh_subscription(engine, id, &fixture_handed, &fixture_size), WH_ENOTFOUND);
    assert_int_equal(wh_subscription(engine, twin, &fixture_handed, &fixture_size), WH_ENOTFOUND);
    assert_int_equal(whi_registry_count(engine->registry), 0);
}

static void a_twin_is_not_changed_alone(void **state) {
    char sentence[128];

    (void)state;
    subscribe(document);
    snprintf(sentence, sizeof sentence, "id: it is what %s says of \"also\": change that one", id);
    assert_int_equal(wh_subscription_update(engine, twin, "{\"name\":\"x\"}", WH_ZSTR), WH_EINVALID);
    assert_string_equal(wh_last_error(), sentence);
    assert_int_equal(wh_subscription_delete(engine, twin), WH_EINVALID);
    assert_string_equal(wh_last_error(), sentence);
    assert_int_equal(whi_registry_count(engine->registry), 2);
}

static void what_cannot_be_is_refused(void **state) {
    static const char *const rows[][2] = {
        { "{\"url\":\"" HOOK "\",\"also\":7}", "also: expected an object" },
        { "{\"url\":\"" HOOK "\",\"also\":{}}", "also.url: expected one, found none" },
        { "{\"url\":\"" HOOK "\",\"also\":{\"url\":7}}", "also.url: expected that of a database or a queue" },
        { "{\"url\":\"" HOOK "\",\"also\":{\"url\":\"" HOOK "\"}}",
          "also.url: expected that of a database or a queue" },
        { "{\"url\":\"" HOOK "\",\"also\":{\"url\":\"poll:\"}}", "also.url: expected that of a database or a queue" },
        { "{\"url\":\"" HOOK "\",\"also\":{\"url\":\"" MASKED "\"}}",
          "also.url: expected the password: it is kept for the URL alone that it was given with" },
        { "{\"url\":\"" HOOK "\",\"also\":{\"url\":\"" URL "\",\"events\":[]}}",
          "also: expected url and database, found another" },
        { "{\"url\":\"" HOOK "\",\"also\":{\"url\":\"" URL "\",\"database\":{\"schema\":7}}}",
          "also.database.schema: expected at most 63 of A-Z a-z 0-9 _" },
        { "{\"url\":\"" HOOK "\",\"also\":{\"url\":\"redis://h/0?stream=s\",\"database\":{\"prefix\":\"p\"}}}",
          "also.database: expected none, since the url is no database's" },
        { "{\"url\":\"" HOOK "\"," ALSO ",\"single_use\":true}",
          "also: expected none of a subscription for one event (single_use)" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(wh_subscribe(engine, rows[i][0], WH_ZSTR, NULL), WH_EINVALID);
        assert_string_equal(wh_last_error(), rows[i][1]);
    }
    fake_db.checked.outcome = WHI_OBJECT_OWNER;
    snprintf(fake_db.checked.sentence, sizeof fake_db.checked.sentence, "GRANT CREATE");
    assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "GRANT CREATE");
    assert_has(wh_last_error_field(), "also");
    assert_int_equal(whi_registry_count(engine->registry), 0);
}

/* Of the store's room it takes two. */
static void a_twin_is_one_more_of_the_store_s(void **state) {
    (void)state;
    assert_int_equal(wh_settings_set(engine, "{\"subscriptions\":1}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, NULL), WH_ELIMIT);
    subscribe("{\"url\":\"" HOOK "\"}");
    assert_int_equal(wh_subscription_update(engine, id, "{" ALSO "}", WH_ZSTR), WH_ELIMIT);
    assert_int_equal(wh_settings_set(engine, "{\"subscriptions\":2}", WH_ZSTR), WH_OK);
    update("{" ALSO "}");
    update("{\"name\":\"no more than before\"}");
}

/* Whatever fails, there are both or neither. */
static void without_memory_there_are_both_or_neither(void **state) {
    long n = 0;
    int code, tries = 0;

    (void)state;
    do {
        fault_set(n);
        code = wh_subscribe(engine, document, WH_ZSTR, id);
        if (!fault_clear()) {
            break;
        }
        assert_int_equal(whi_registry_sync(engine->registry), WH_OK);
        assert_int_equal(whi_registry_count(engine->registry), code == WH_OK ? 2 : 0);
        if (code == WH_OK) {
            assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
        }
        n += 1 + n / 16;
    } while (++tries < 1000);
    assert_true(tries > 10 && tries < 1000);
    assert_int_equal(whi_registry_count(engine->registry), 2);
}

/* ----------------------------------------------------------------------------- health */

static void a_place_that_is_switched_off_leaves_the_other(void **state) {
    (void)state;
    wh_close(engine);
    wh_options options = WH_OPTIONS_INIT;
    options.disable_after = 8000;
    engine = fixture_open(":memory:", &options);
    engine->destinations = &fake_destinations;
    fake_db.judge = say_away;
    subscribe("{\"url\":\"" HOOK "\"," ALSO
              ",\"tenant\":\"a\",\"retry\":[0,1000,1000,1000,1000,1000,1000,1000,1000,1000,1000]}");
    publish(1);
    for (int i = 0; i < 10; i++) {
        fixture_run(engine);
        fixture_time += 1200;
    }
    shows("\"disabled\":\"failing\",\"health\":\"disabled\"");
    update("{\"name\":\"renamed\"}"); /* the engine's own reason is no matter of the document's */
    shows("\"disabled\":\"failing\",\"health\":\"disabled\"");
    fake_db.judge = NULL;
    publish(2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(fake_db.count, 0);
    update("{\"paused\":false}");
    shows("\"disabled\":null,\"health\":\"healthy\"");
    publish(3);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_true(fake_db.count > 0);
}

/* --------------------------------------------------------------------- by its queries */

static void what_was_given_up_is_replayed_of_both(void **state) {
    wh_query query = WH_QUERY_INIT;
    int64_t count;

    (void)state;
    fixture_script.status = 500;
    fake_db.judge = say_away;
    subscribe("{\"url\":\"" HOOK "\"," ALSO ",\"tenant\":\"a\",\"retry\":[0]}");
    publish(1);
    fixture_run(engine);
    assert_int_equal(count_of(id, "exhausted"), 2);
    query.subscription = id;
    assert_int_equal(wh_replay_count(engine, &query, &count), WH_OK);
    assert_int_equal(count, 2);
    fixture_script.status = 200;
    fake_db.judge = NULL;
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 2);
    fixture_run(engine);
    assert_int_equal(count_of(id, "delivered"), 2);
}

static void what_waits_is_cancelled_of_both(void **state) {
    wh_query query = WH_QUERY_INIT;
    int64_t count;

    (void)state;
    fixture_script.status = 500;
    fake_db.judge = say_away;
    subscribe(document);
    publish(1);
    fixture_run(engine);
    query.subscription = id;
    assert_int_equal(wh_cancel(engine, &query, 1, &count), WH_OK);
    assert_int_equal(count, 2);
    assert_int_equal(wh_cancel(engine, &query, 0, &count), WH_OK);
    assert_int_equal(count, 2);
    assert_int_equal(count_of(id, "cancelled"), 2);
}

static void what_was_missed_is_made_for_both(void **state) {
    int64_t count;

    (void)state;
    subscribe(document);
    update("{\"paused\":true}");
    publish(1);
    publish(2);
    fixture_run(engine);
    update("{\"paused\":false}");
    assert_int_equal(wh_replay_missed(engine, id, NULL, 1, &count), WH_OK);
    assert_int_equal(count, 4);
    assert_int_equal(wh_replay_missed(engine, id, NULL, 0, &count), WH_OK);
    assert_int_equal(count, 4);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(fake_db.count, 2);
}

static void what_is_stored_is_sent_to_both(void **state) {
    static const char ordered[] =
        "{\"url\":\"" HOOK "\"," ALSO ",\"events\":[\"crm_contact.*\"],\"tenant\":\"a\",\"order\":\"fifo\"}";
    wh_query query = WH_QUERY_INIT;
    int64_t count;

    (void)state;
    publish(1);
    publish(2);
    fixture_run(engine);
    query.since = fixture_time;
    assert_int_equal(wh_subscribe_since(engine, ordered, WH_ZSTR, &query, 1, NULL, &count), WH_OK);
    assert_int_equal(count, 4);
    assert_int_equal(wh_subscribe_since(engine, ordered, WH_ZSTR, &query, 0, id, &count), WH_OK);
    assert_int_equal(count, 4);
    publish(3);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_int_equal(fake_db.count, 3);
}

/* The rows of a page, each of which is older than the one before. */
static int check_page(const char *page, char last[2 * WH_ID_SIZE]) {
    int rows = 0;

    for (const char *at = page; (at = strstr(at, "{\"id\":\"")) != NULL; at += 7, rows++) {
        char key[2 * WH_ID_SIZE];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(at + 7, "\""), at + 7);
        assert_true(strcmp(key, last) < 0);
        memcpy(last, key, sizeof key);
    }
    return rows;
}

/* How many the pages have. */
static int walk(wh_query *query) {
    char cursor[2 * WH_ID_SIZE] = "", last[2 * WH_ID_SIZE] = "~";
    int count = 0;

    query->subscription = id;
    query->cursor = NULL;
    do {
        char *page = DOCUMENT(wh_deliveries(engine, query, &fixture_handed, &fixture_size));
        const char *next = strstr(page, "\"next\":\"");
        int rows = check_page(page, last);
        assert_true(rows > 0 && rows <= query->limit);
        snprintf(cursor, sizeof cursor, "%.*s", next != NULL ? (int)strcspn(next + 8, "\"") : 0,
                 next != NULL ? next + 8 : "");
        wh_free(page);
        query->cursor = cursor;
        count += rows;
    } while (cursor[0] != '\0');
    return count;
}

/* Newest first, each once, whatever the pages are. */
static void a_list_of_both_goes_on_page_by_page(void **state) {
    enum { EVENTS = 20 };
    wh_query query = WH_QUERY_INIT;

    (void)state;
    subscribe("{\"url\":\"" HOOK "\",\"events\":[\"crm_contact.*\"],\"tenant\":\"a\"}");
    for (int i = 0; i < 2 * EVENTS; i++) {
        if (i == EVENTS) { /* of the newer half there are two each */
            fixture_run(engine);
            update("{" ALSO "}");
        }
        publish(i);
    }
    fixture_run(engine);
    for (query.limit = 1; query.limit < 50; query.limit += 6) {
        assert_int_equal(walk(&query), EVENTS + 2 * EVENTS);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_event_is_a_request_and_a_row),
        TEST(it_is_shown_as_one),
        TEST(where_one_place_is_down_the_other_goes_on),
        TEST(each_place_has_an_order_of_its_own),
        TEST(explain_tells_of_both),
        TEST(a_change_is_one_of_both),
        TEST(what_was_read_may_be_written_back),
        TEST(a_place_may_come_and_go),
        TEST(the_places_may_be_exchanged_by_what_is_shown),
        TEST(both_go_together),
        TEST(a_twin_is_not_changed_alone),
        TEST(what_cannot_be_is_refused),
        TEST(a_twin_is_one_more_of_the_store_s),
        TEST(without_memory_there_are_both_or_neither),
        TEST(a_place_that_is_switched_off_leaves_the_other),
        TEST(what_was_given_up_is_replayed_of_both),
        TEST(what_waits_is_cancelled_of_both),
        TEST(what_was_missed_is_made_for_both),
        TEST(what_is_stored_is_sent_to_both),
        TEST(a_list_of_both_goes_on_page_by_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
