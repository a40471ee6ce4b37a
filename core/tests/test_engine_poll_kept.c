/* What is remembered of a poll: when it goes, when it stays, and what somebody has said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "life_kit.h"
#include "poll_kit.h"

#define ALL "[\"crm_contact.*\"]"
#define DAY (24 * 60 * POLL_MINUTE)
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "//////////////////////////////////////////8="

static char id[WH_ID_SIZE];

static wh_engine *opened_with_keys(const char *file, const char *keys) {
    wh_source source = poll_source(WH_SOURCE_ALL | WH_SOURCE_CHANGES);
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *made;

    options.key_file = keys;
    made = fixture_open(file, &options);
    source.full_every = DAY;
    assert_int_equal(wh_source_add(made, "crm_contact", &source), WH_OK);
    return made;
}

static wh_engine *opened(const char *file) {
    return opened_with_keys(file, NULL);
}

static int begin(void **state) {
    poll_reset();
    return fixture_setup(state);
}

static int end(void **state) {
    (void)state;
    poll_reset();
    return 0;
}

static int64_t remembered(const char *file) {
    return life_sql(file, "SELECT count(*) FROM webhook_seen");
}

static void subscribe_for(wh_engine *engine, const char *tenant, const char *source) {
    char document[300];

    snprintf(document, sizeof document,
             "{\"url\":\"https://example.com/%s\",\"tenant\":\"%s\",\"source\":\"%s\","
             "\"secrets\":[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"],\"poll\":{\"type\":\"crm_contact\"}}",
             tenant, tenant, source);
    fixture_subscribe(engine, document, NULL);
}

/* ------------------------------------------------------------------------ it goes */

/* Some of 3,000 objects are forgotten, and then something goes wrong. */
static wh_engine *half_forgotten(const char *file) {
    wh_engine *engine = opened(file);

    poll_many(1, 3000);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_int_equal(remembered(file), 3000);
    (void)life_sql(file, "CREATE TRIGGER stop BEFORE DELETE ON webhook_seen WHEN old.id = CAST('n999' AS BLOB)"
                         " BEGIN SELECT RAISE(ABORT, 'stop'); END");
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    fixture_run(engine);
    assert_int_equal(remembered(file), 1000);
    (void)life_sql(file, "DROP TRIGGER stop");
    return engine;
}

static void who_subscribes_again_while_it_goes_begins_with_nothing(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = half_forgotten(file);

    (void)state;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "");
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=3000 sent=0 ");
    assert_int_equal(remembered(file), 3000);
    poll_put(3001, "x");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":3001,\"name\":\"x\"}];");
    wh_close(engine);
}

static void who_comes_after_a_death_forgets_the_rest(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = half_forgotten(file);

    (void)state;
    wh_close(engine);
    engine = opened(file);
    subscribe_for(engine, "two", "b");
    fixture_run(engine);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_poll"), 1);
    assert_int_equal(remembered(file), 3000);
    wh_close(engine);
}

/* Not even a source is there any more. */
static void where_nobody_polls_any_more_the_rest_goes_too(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = half_forgotten(file);

    (void)state;
    wh_close(engine);
    engine = fixture_open(file, NULL);
    fixture_run(engine);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_poll"), 0);
    assert_int_equal(remembered(file), 0);
    wh_close(engine);
}

/* ---------------------------------------------------------------------- it stays */

static const char *key_file(const char *text) {
    const char *name = fixture_file();
    FILE *file = fopen(name, "wb");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(name, 0600), 0);
    return name;
}

/* The process that lacks the key does not know whose the row is. */
static void what_belongs_to_one_that_cannot_be_read_here_stays(void **state) {
    const char *file = fixture_file();
    wh_engine *old = opened_with_keys(file, key_file("k1 " KEY)), *new;

    (void)state;
    poll_many(1, 7);
    subscribe_for(old, "one", "a");
    fixture_run(old);
    new = opened_with_keys(file, key_file("k2 " OTHER "\nk1 " KEY));
    subscribe_for(new, "two", "b");
    fixture_run(new);
    assert_int_equal(remembered(file), 14);
    wh_close(new);
    fixture_run(old);
    subscribe_for(old, "one", "c");
    fixture_run(old);
    assert_int_equal(remembered(file), 21);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_poll"), 3);
    wh_close(old);
}

/* -------------------------------------------------------------- what somebody says of it */

static wh_engine *known(int count) {
    wh_engine *engine = opened(":memory:");

    poll_many(1, count);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    return engine;
}

static void take_many(int first, int last) {
    for (int i = first; i <= last; i++) {
        poll_take(i);
    }
}

static void run_after(wh_engine *engine, int64_t ms) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
}

static void what_is_to_be_believed_is_looked_at_once_more(void **state) {
    wh_engine *engine = known(300);

    (void)state;
    take_many(1, 150);
    run_after(engine, DAY + 61 * POLL_MINUTE);
    assert_string_equal(poll_run_text(engine, id), "suspicious pages=1 objects=150 sent=0 gone=150 ");
    assert_int_equal(wh_poll_now(engine, id, 1), WH_OK);
    fixture_run(engine);
    assert_int_equal(poll_said.changed_since, 0);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=150 sent=150 gone=150 ");
    wh_close(engine);
}

static void what_is_to_be_believed_is_kept_for_the_next_complete_reading(void **state) {
    wh_engine *engine = known(300);

    (void)state;
    take_many(1, 150);
    assert_int_equal(wh_poll_now(engine, id, 1), WH_OK);
    fixture_run(engine);
    assert_true(poll_said.changed_since > 0);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=150 sent=0 ");
    run_after(engine, 61 * POLL_MINUTE);
    assert_true(poll_said.changed_since > 0);
    run_after(engine, DAY);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=150 sent=150 gone=150 ");
    take_many(151, 299);
    run_after(engine, DAY + 61 * POLL_MINUTE); /* it was said once */
    assert_string_equal(poll_run_text(engine, id), "suspicious pages=1 objects=1 sent=0 gone=149 ");
    wh_close(engine);
}

static int is_down_at_20(const wh_source_query *query, wh_source_page *page) {
    page->code = query->page != NULL && strcmp(query->page, "20") == 0 ? WH_ESTATUS : WH_OK;
    return page->code != WH_OK;
}

/* It goes on at its page, and what has changed on the pages before is found by one more reading. */
static void a_wish_for_a_reading_that_broke_off_is_for_the_next_one_too(void **state) {
    wh_engine *engine = known(0);

    (void)state;
    poll_said.page = 10;
    poll_many(1, 25);
    poll_said.answer = is_down_at_20;
    run_after(engine, 61 * POLL_MINUTE);
    (void)poll_sent("a");
    poll_said.answer = NULL;
    poll_put(1, "other");
    assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
    fixture_run(engine);
    assert_has(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"other\"}];");
    assert_string_equal(poll_said.last_page, "20");
    wh_close(engine);
}

static void a_wish_that_fails_is_not_repeated_at_once(void **state) {
    wh_engine *engine = known(0);

    (void)state;
    poll_said.page = 10;
    poll_many(1, 25);
    poll_said.answer = is_down_at_20;
    run_after(engine, 61 * POLL_MINUTE);
    assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
    fixture_run(engine);
    assert_int_equal(poll_said.asked, 1 + 3 + 1);
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_subscribes_again_while_it_goes_begins_with_nothing, begin, end),
        cmocka_unit_test_setup_teardown(who_comes_after_a_death_forgets_the_rest, begin, end),
        cmocka_unit_test_setup_teardown(where_nobody_polls_any_more_the_rest_goes_too, begin, end),
        cmocka_unit_test_setup_teardown(what_belongs_to_one_that_cannot_be_read_here_stays, begin, end),
        cmocka_unit_test_setup_teardown(what_is_to_be_believed_is_looked_at_once_more, begin, end),
        cmocka_unit_test_setup_teardown(what_is_to_be_believed_is_kept_for_the_next_complete_reading, begin, end),
        cmocka_unit_test_setup_teardown(a_wish_for_a_reading_that_broke_off_is_for_the_next_one_too, begin, end),
        cmocka_unit_test_setup_teardown(a_wish_that_fails_is_not_repeated_at_once, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
