/* Polling and what sources, disks and deaths do to it: each with its outcome, and a line in runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "life_kit.h"
#include "outside/store_sqlite.h"
#include "poll_kit.h"

#define ALL "[\"crm_contact.*\"]"

static wh_engine *engine;
static char id[WH_ID_SIZE];

static wh_engine *opened_with(const char *file, unsigned can) {
    wh_source source = poll_source(can);
    wh_engine *made = fixture_open(file, NULL);

    assert_int_equal(wh_source_add(made, "crm_contact", &source), WH_OK);
    return made;
}

static int begin(void **state) {
    poll_reset();
    fixture_setup(state);
    engine = opened_with(":memory:", WH_SOURCE_ALL | WH_SOURCE_DELETED);
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    poll_reset();
    return 0;
}

/* Ten objects are known, and the poll is at rest. */
static void known(int count) {
    poll_many(1, count);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_has(poll_run_text(engine, id), "ok ");
}

/* ------------------------------------------------------------------ it fails, or waits */

static int is_down(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->code = WH_ESTATUS;
    page->error = "answered\n503";
    return 1;
}

static int asked_after(int64_t minutes) {
    int before = atomic_load(&poll_said.asked);

    atomic_fetch_add(&fixture_time, minutes * POLL_MINUTE);
    fixture_run(engine);
    return atomic_load(&poll_said.asked) - before;
}

static void a_source_that_is_down_is_asked_after_ever_longer_waits(void **state) {
    (void)state;
    known(1);
    poll_said.answer = is_down;
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "failed pages=0 objects=0 sent=0  read: answered 503");
    assert_int_equal(asked_after(1), 1);
    assert_int_equal(asked_after(1), 0);
    assert_int_equal(asked_after(1), 1);
    assert_int_equal(asked_after(2), 0);
    assert_int_equal(asked_after(1), 1);
    poll_said.answer = NULL;
    poll_put(2, "x");
    assert_int_equal(asked_after(5), 1);
    assert_has(poll_sent("a"), "VIRTUAL [{\"id\":2");
    assert_has(poll_document(engine, id), "\"failures\":0,\"healthy\":true");
}

static void after_twenty_failures_in_a_row_it_is_not_healthy(void **state) {
    (void)state;
    known(1);
    poll_said.answer = is_down;
    for (int i = 0; i < 20; i++) {
        atomic_fetch_add(&fixture_time, 11000 * POLL_MINUTE);
        fixture_run(engine);
    }
    assert_has(poll_document(engine, id), "\"failures\":20,\"healthy\":true");
    atomic_fetch_add(&fixture_time, 11000 * POLL_MINUTE);
    fixture_run(engine);
    assert_has(poll_document(engine, id), "\"failures\":21,\"healthy\":false");
}

static int says_wait(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->code = WH_ESTATUS;
    page->error = "answered 429";
    page->retry_after = 30000;
    return 1;
}

static void who_is_told_to_wait_waits_and_has_not_failed(void **state) {
    (void)state;
    known(1);
    poll_said.answer = says_wait;
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "waits pages=0 objects=0 sent=0  read: answered 429");
    assert_has(poll_document(engine, id), "\"failures\":0,");
    poll_said.answer = NULL;
    poll_put(2, "x");
    assert_int_equal(asked_after(0), 0);
    atomic_fetch_add(&fixture_time, 30000);
    assert_int_equal(asked_after(0), 1);
    assert_has(poll_sent("a"), "VIRTUAL [{\"id\":2");
}

static int says_wait_a_moment(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->code = WH_ESTATUS;
    page->error = "answered 503";
    page->retry_after = 0;
    return 1;
}

static void who_is_told_to_wait_a_moment_again_and_again_has_failed(void **state) {
    (void)state;
    known(1);
    poll_said.answer = says_wait_a_moment;
    poll_later(engine);
    atomic_fetch_add(&fixture_time, 1000);
    assert_int_equal(asked_after(0), 1);
    assert_has(poll_document(engine, id), "\"failures\":0,");
    atomic_fetch_add(&fixture_time, 1000);
    assert_int_equal(asked_after(0), 1);
    assert_has(poll_document(engine, id), "\"failures\":1,");
    atomic_fetch_add(&fixture_time, 1000);
    assert_int_equal(asked_after(0), 0);
    assert_int_equal(asked_after(1), 1);
    assert_has(poll_document(engine, id), "\"failures\":2,");
    assert_int_equal(asked_after(1), 0);
}

static int refuses_for_an_hour(const wh_source_query *query, wh_source_page *page) {
    (void)says_wait_a_moment(query, page);
    page->is_refused = 1;
    page->retry_after = 60 * POLL_MINUTE;
    return 1;
}

static void who_may_not_read_has_failed_also_where_it_is_told_to_wait(void **state) {
    (void)state;
    known(1);
    poll_said.answer = refuses_for_an_hour;
    poll_later(engine);
    assert_has(poll_document(engine, id), "\"failures\":1,\"healthy\":false");
    assert_int_equal(asked_after(59), 0);
    assert_int_equal(asked_after(1), 1);
}

static int expires_at_20(const wh_source_query *query, wh_source_page *page) {
    if (query->page == NULL || strcmp(query->page, "20") != 0) {
        return 0;
    }
    page->code = WH_ESTATUS;
    page->is_refused = 1;
    page->error = "the token ran out";
    return 1;
}

static void a_token_that_runs_out_in_the_middle_goes_on_at_its_page(void **state) {
    (void)state;
    poll_said.page = 10;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    poll_many(1, 35);
    poll_said.answer = expires_at_20;
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "failed pages=2 objects=20 sent=20  refresh: the token ran out");
    assert_has(poll_document(engine, id), "\"healthy\":false");
    poll_said.answer = NULL;
    assert_int_equal(asked_after(1), 2);
    assert_string_equal(poll_run_text(engine, id), "ok pages=4 objects=35 sent=35 ");
    assert_has(poll_document(engine, id), "\"healthy\":true");
    assert_int_equal(fixture_sent_count, 4);
}

/* ---------------------------------------------------------------------- it says nonsense */

static const char *nonsense;

static int says_nonsense(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->items = nonsense;
    page->items_size = WH_ZSTR;
    return 1;
}

static void what_is_no_page_changes_nothing(void **state) {
    static const char *const pages[] = { "[{\"id\":1}", "{\"id\":1}", "null", "" };

    (void)state;
    known(3);
    poll_said.answer = says_nonsense;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        nonsense = pages[i];
        assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
        fixture_run(engine);
        assert_has(poll_run_text(engine, id), "failed pages=0 objects=0 sent=0  read: ");
    }
    poll_said.answer = NULL;
    assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=3 sent=0 ");
    assert_int_equal(fixture_sent_count, 0);
}

static int says_unchanged(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->is_unchanged = 1;
    return 1;
}

static void unchanged_is_no_answer_to_who_asks_for_all(void **state) {
    (void)state;
    known(3);
    poll_said.answer = says_unchanged;
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id),
                        "failed pages=0 objects=0 sent=0  read: unchanged, where all was asked for");
    assert_int_equal(fixture_sent_count, 0);
    poll_said.answer = NULL;
    poll_take(2);
    assert_int_equal(asked_after(1), 1);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2}];");
}

static void objects_without_an_id_and_numbers_beyond_all_doubles(void **state) {
    (void)state;
    known(1);
    poll_text("{\"name\":\"nobody\"}");
    poll_text("{\"id\":null}");
    poll_text("{\"id\":9007199254740993,\"n\":1}");
    poll_text("{\"id\":9007199254740992,\"n\":1}");
    poll_later(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=3 sent=2 skipped=2 ");
    assert_string_equal(poll_sent("a"),
                        "VIRTUAL [{\"id\":9007199254740993,\"n\":1},{\"id\":9007199254740992,\"n\":1}];");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "");
}

static void an_object_on_two_pages_is_told_once(void **state) {
    (void)state;
    poll_said.page = 2;
    known(4);
    poll_text("{\"id\":\"b\"}");
    poll_text("{\"id\":\"b\"}");
    poll_text("{\"id\":\"b\"}");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":\"b\"}];");
}

static int goes_round(const wh_source_query *query, wh_source_page *page) {
    page->items = "[{\"id\":1}]";
    page->items_size = WH_ZSTR;
    page->next = query->page == NULL || strcmp(query->page, "c") == 0 ? "a" : query->page[0] == 'a' ? "b" : "c";
    return 1;
}

static void a_circle_of_pages_is_left(void **state) {
    (void)state;
    poll_said.answer = goes_round;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_has(poll_run_text(engine, id), "failed ");
    assert_has(poll_run_text(engine, id), "read: the same page comes again: the list is a circle");
    assert_true(poll_said.asked < 20);
}

static int never_ends(const wh_source_query *query, wh_source_page *page) {
    static char next[32];

    snprintf(next, sizeof next, "%d", query->page != NULL ? (int)strtol(query->page, NULL, 10) + 1 : 1);
    page->items = "[]";
    page->items_size = 2;
    page->next = next;
    return 1;
}

static void a_list_without_an_end_is_left(void **state) {
    (void)state;
    poll_said.answer = never_ends;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_has(poll_run_text(engine, id), "read: 1000 pages in a row have nothing new: the list has no end");
}

static char *huge;

static int is_huge(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->items = huge;
    page->items_size = (size_t)9 << 20;
    return 1;
}

static void a_page_that_is_too_large_is_refused(void **state) {
    (void)state;
    known(1);
    huge = malloc((size_t)9 << 20);
    memset(huge, ' ', (size_t)9 << 20);
    poll_said.answer = is_huge;
    poll_later(engine);
    assert_has(poll_run_text(engine, id), "failed pages=0 objects=0 sent=0  read: the page is larger than 8 MiB");
    free(huge);
}

/* --------------------------------------------------------------------------- deletions */

static int shrinks(const wh_source_query *query, wh_source_page *page) {
    (void)page;
    if (query->page != NULL && strcmp(query->page, "10") == 0 && poll_said.count == 30) {
        free(poll_said.objects[0]); /* all others move up by one: the 11th is on no page of this reading */
        memmove(&poll_said.objects[0], &poll_said.objects[1], --poll_said.count * sizeof poll_said.objects[0]);
    }
    return 0;
}

static void a_list_that_shrinks_while_it_is_read_loses_nobody(void **state) {
    (void)state;
    poll_said.page = 10;
    known(30);
    poll_said.answer = shrinks;
    poll_later(engine);
    assert_int_equal(fixture_sent_count, 0); /* the 1st was met, too */
    poll_said.answer = NULL;
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1}];");
}

static int is_empty_once(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->items = "[]";
    page->items_size = 2;
    poll_said.answer = NULL;
    return 1;
}

static void an_empty_page_alone_deletes_nothing(void **state) {
    (void)state;
    known(3);
    poll_said.answer = is_empty_once;
    poll_take(2);
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":2}];");
    poll_take(1);
    poll_take(3);
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1},{\"id\":3}];");
}

static void what_says_that_it_is_deleted_is(void **state) {
    (void)state;
    known(2);
    poll_take(1);
    poll_text("{\"id\":1,\"deleted\":true}");
    poll_text("{\"id\":77,\"deleted\":true}");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"deleted\":true}];");
}

static void many_that_vanish_at_once_are_told_when_somebody_says_so(void **state) {
    (void)state;
    known(300);
    for (int i = 1; i <= 150; i++) {
        poll_take(i);
    }
    poll_later(engine);
    assert_int_equal(fixture_sent_count, 0);
    assert_string_equal(poll_run_text(engine, id), "suspicious pages=1 objects=150 sent=0 gone=150 ");
    assert_has(poll_document(engine, id), "\"healthy\":false,\"suspicious\":true");
    assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    assert_int_equal(wh_poll_now(engine, id, 1), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=150 sent=150 gone=150 ");
    assert_has(poll_document(engine, id), "\"healthy\":true,\"suspicious\":false");
    assert_has(poll_sent("a"), "VIRTUAL [{\"id\":1},{\"id\":10}");
}

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static int is_half_then(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    (void)page;
    for (int i = 1; atomic_load(&poll_said.asked) == 2 && i <= 150; i++) {
        free(poll_said.objects[i - 1]);
    }
    if (atomic_load(&poll_said.asked) == 2) {
        poll_said.count -= 150;
        memmove(&poll_said.objects[0], &poll_said.objects[150], poll_said.count * sizeof poll_said.objects[0]);
    }
    return 0;
}

static void what_vanishes_before_a_history_joins_is_told_to_it_when_somebody_says_so(void **state) {
    (void)state;
    wh_close(engine);
    engine = opened_with(":memory:", WH_SOURCE_ALL | WH_SOURCE_CHANGES);
    poll_many(1, 300);
    poll_said.answer = is_half_then;
    poll_subscribe(engine, "a", ALL, ",\"history\":true", id);
    fixture_run(engine);
    assert_int_equal(poll_said.asked, 2);
    assert_has(poll_document(engine, id), "\"healthy\":false,\"suspicious\":true");
    (void)poll_sent("a");
    assert_int_equal(wh_poll_now(engine, id, 1), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=150 sent=150 gone=150 ");
    assert_int_equal(count_of(poll_sent("a"), "{\"id\":"), 150);
    poll_put(301, "x");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":301,\"name\":\"x\"}];");
}

static void a_reading_that_broke_off_deletes_nothing(void **state) {
    (void)state;
    poll_said.page = 10;
    known(35);
    poll_said.answer = expires_at_20;
    poll_take(1);
    poll_later(engine);
    assert_int_equal(fixture_sent_count, 0);
    poll_said.answer = NULL;
    assert_true(asked_after(1) > 0);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1}];");
}

/* ------------------------------------------------------------------------------ clocks */

static void changes_are_asked_for_by_whichever_clock_is_behind(void **state) {
    int64_t day = 24 * 60 * POLL_MINUTE, checked;
    char object[100];

    (void)state;
    wh_close(engine);
    engine = opened_with(":memory:", WH_SOURCE_CHANGES);
    snprintf(object, sizeof object, "{\"id\":1,\"updated_at\":%lld}", (long long)(fixture_time - day));
    poll_text(object);
    checked = fixture_time;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_int_equal(poll_said.changed_since, 0);
    poll_later(engine);
    assert_true(poll_said.changed_since == checked - day - 5 * POLL_MINUTE);
    assert_int_equal(fixture_sent_count, 0); /* it says the same */
    snprintf(object, sizeof object, "{\"id\":2,\"updated_at\":%lld}", (long long)(fixture_time + 3650 * day));
    poll_text(object);
    checked = fixture_time + 61 * POLL_MINUTE;
    poll_later(engine);
    poll_later(engine);
    assert_true(poll_said.changed_since == checked - 5 * POLL_MINUTE);
    assert_has(poll_sent("a"), "VIRTUAL [{\"id\":2");
}

static int keeps_a_token(const wh_source_query *query, wh_source_page *page) {
    page->items = "[]";
    page->items_size = 2;
    page->state = "token-1";
    page->is_unchanged = query->state != NULL;
    return 1;
}

static void a_sources_own_token_is_given_back(void **state) {
    (void)state;
    wh_close(engine);
    engine = opened_with(":memory:", WH_SOURCE_CHANGES);
    poll_said.answer = keeps_a_token;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_string_equal(poll_said.state, "");
    poll_later(engine);
    assert_string_equal(poll_said.state, "token-1");
    assert_string_equal(poll_run_text(engine, id), "ok pages=0 objects=0 sent=0 ");
}

/* --------------------------------------------------------------------- deaths and disks */

/* The writer's thread beats meanwhile. */
static void limit_pages(const char *pragma) {
    whi_sqlite_side *side = &whi_sqlite_of(engine->store)->writer;

    pthread_mutex_lock(&side->lock);
    assert_int_equal(sqlite3_exec(side->db, pragma, NULL, NULL, NULL), SQLITE_OK);
    pthread_mutex_unlock(&side->lock);
}

static void a_disk_that_is_full_loses_nothing(void **state) {
    const char *file = fixture_file();

    (void)state;
    wh_close(engine);
    engine = opened_with(file, WH_SOURCE_ALL);
    known(3);
    poll_put(4, "x");
    limit_pages("PRAGMA max_page_count = 1");
    for (int i = 10; i < 1500; i++) {
        poll_put(i, "a name that is long enough to need some pages more than there are in the file by now");
    }
    atomic_fetch_add(&fixture_time, 61 * POLL_MINUTE);
    (void)wh_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    limit_pages("PRAGMA max_page_count = 1000000");
    assert_true(asked_after(1) > 0);
    assert_has(poll_sent("a"), "{\"id\":4,\"name\":\"x\"}");
    assert_has(poll_document(engine, id), "dispatch: store ");
}

static int stops_at_20(const wh_source_query *query, wh_source_page *page) {
    (void)page;
    if (query->page != NULL && strcmp(query->page, "20") == 0) {
        pause();
    }
    return 0;
}

/* The child: reads two pages, and is killed while it waits for the third. */
static void read_until_killed(const char *file) {
    wh_engine *own = opened_with(file, WH_SOURCE_ALL);

    poll_many(1, 35);
    poll_said.answer = stops_at_20;
    atomic_fetch_add(&fixture_time, 61 * POLL_MINUTE);
    (void)wh_run(own);
    _exit(1);
}

static void a_death_in_the_middle_neither_loses_nor_doubles(void **state) {
    const char *file = fixture_file();
    pid_t child;

    (void)state;
    wh_close(engine);
    poll_said.page = 10;
    engine = opened_with(file, WH_SOURCE_ALL);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    wh_close(engine);
    child = fork();
    if (child == 0) {
        read_until_killed(file);
    }
    life_wait_sql(file, "SELECT page FROM webhook_poll", 20);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)life_sql(file, "DELETE FROM webhook_workers"); /* as the beats of others would have it, some seconds later */
    poll_many(1, 35);
    engine = opened_with(file, WH_SOURCE_ALL);
    poll_later(engine);
    assert_int_equal(poll_said.asked, 1 + 2); /* the pages that were missing */
    assert_string_equal(poll_run_text(engine, id), "ok pages=4 objects=35 sent=35 ");
    assert_int_equal(life_sql(file, "SELECT sum(json_array_length(payload)) FROM webhook_events"), 35);
    assert_int_equal(life_sql(file, "SELECT count(DISTINCT json_extract(o.value, '$.id')) FROM webhook_events e,"
                                    " json_each(e.payload) o"),
                     35);
}

static void a_source_that_hangs_holds_up_nobody_and_ends_with_the_engine(void **state) {
    wh_source source = poll_source(WH_SOURCE_ALL);

    (void)state;
    assert_int_equal(wh_source_add(engine, "crm_deal", &source), WH_OK);
    atomic_store(&poll_said.hang, 1);
    poll_subscribe(engine, "a", ALL, "", id);
    assert_int_equal(wh_start(engine, 1), WH_OK);
    for (int i = 0; i < 30000 && atomic_load(&poll_said.out) == 0; i++) {
        const struct timespec pause = { 0, 1000000 };
        nanosleep(&pause, NULL);
    }
    assert_true(atomic_load(&poll_said.out) > 0);
    atomic_store(&poll_said.hang, 0);
    poll_put(1, "x");
    fixture_subscribe(engine,
                      "{\"url\":\"https://example.com/d\",\"profile\":\"unified\",\"poll\":{\"type\":\"crm_deal\","
                      "\"history\":true}}",
                      NULL);
    life_wait_sent(1);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    assert_true(poll_said.cut > 0);
}

static void two_engines_read_once(void **state) {
    const char *file = fixture_file();
    wh_engine *other;

    (void)state;
    wh_close(engine);
    engine = opened_with(file, WH_SOURCE_ALL);
    other = opened_with(file, WH_SOURCE_ALL);
    poll_subscribe(engine, "a", ALL, "", id);
    assert_int_equal(wh_start(engine, 1), WH_OK);
    assert_int_equal(wh_start(other, 1), WH_OK);
    life_wait_sql(file, "SELECT count(*) FROM webhook_poll WHERE checked_at > 0", 1);
    poll_put(1, "x");
    assert_int_equal(wh_poll_now(other, id, 0), WH_OK);
    life_wait_sent(1);
    life_wait_idle(engine);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_events"), 1);
    wh_close(other);
}

static int is_down_at_10(const wh_source_query *query, wh_source_page *page) {
    return query->page != NULL ? is_down(query, page) : 0;
}

/* The one that has read it lives on, and has the source no more. */
static void where_one_has_lost_the_source_another_reads(void **state) {
    const char *file = fixture_file();
    wh_engine *other;

    (void)state;
    wh_close(engine);
    engine = opened_with(file, WH_SOURCE_ALL);
    known(1);
    assert_int_equal(wh_source_remove(engine, "crm_contact"), WH_OK);
    other = opened_with(file, WH_SOURCE_ALL);
    poll_put(1, "y");
    poll_later(other);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":1,\"name\":\"y\"}];");
    wh_close(other);
}

/* The reading that goes on has read its first pages before the wish. */
static void a_wish_before_a_reading_goes_on_is_for_one_behind_it(void **state) {
    (void)state;
    poll_said.page = 10;
    known(25);
    poll_said.answer = is_down_at_10;
    poll_later(engine);
    poll_said.answer = NULL;
    poll_put(5, "y");
    assert_int_equal(wh_poll_now(engine, id, 0), WH_OK);
    fixture_run(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":5,\"name\":\"y\"}];");
}

static void where_one_has_failed_another_goes_on(void **state) {
    const char *file = fixture_file();
    wh_engine *other;

    (void)state;
    wh_close(engine);
    engine = opened_with(file, WH_SOURCE_ALL);
    poll_said.page = 10;
    poll_many(1, 25);
    poll_subscribe(engine, "a", ALL, "", id);
    poll_said.answer = is_down_at_10;
    fixture_run(engine);
    assert_int_equal(life_sql(file, "SELECT phase FROM webhook_poll"), 1);
    poll_said.answer = NULL;
    assert_int_equal(wh_source_remove(engine, "crm_contact"), WH_OK);
    other = opened_with(file, WH_SOURCE_ALL);
    atomic_fetch_add(&fixture_time, 5 * POLL_MINUTE);
    for (int i = 0; i < 3000 && life_sql(file, "SELECT phase FROM webhook_poll") == 1; i++) {
        wh_step(other);
    }
    assert_int_equal(life_sql(file, "SELECT phase FROM webhook_poll"), 0);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_seen"), 25);
    wh_close(other);
}

static atomic_int asking, cuts;

/* Misses the first cut, as who has just begun to ask may. */
static void ask_late(void *payload, const wh_source_query *query, wh_source_call *call) {
    wh_source_page page = { .size = sizeof page, .retry_after = -1, .code = WH_ECLOSED };
    const struct timespec pause = { 0, 1000000 };

    (void)payload;
    (void)query;
    atomic_store(&asking, 1);
    while (atomic_load(&cuts) < 2) {
        nanosleep(&pause, NULL);
    }
    call->answer(call, &page);
}

static void count_cut(void *payload) {
    (void)payload;
    atomic_fetch_add(&cuts, 1);
}

static void who_misses_a_cut_gets_the_next(void **state) {
    wh_source source = { .size = sizeof source, .can = WH_SOURCE_ALL, .list = ask_late, .cut = count_cut };

    (void)state;
    atomic_store(&asking, 0);
    atomic_store(&cuts, 0);
    assert_int_equal(wh_source_add(engine, "crm_deal", &source), WH_OK);
    fixture_subscribe(
        engine, "{\"url\":\"https://example.com/d\",\"profile\":\"unified\",\"poll\":{\"type\":\"crm_deal\"}}", NULL);
    assert_int_equal(wh_start(engine, 1), WH_OK);
    for (int i = 0; i < 30000 && atomic_load(&asking) == 0; i++) {
        const struct timespec pause = { 0, 1000000 };
        nanosleep(&pause, NULL);
    }
    assert_int_equal(atomic_load(&asking), 1);
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    assert_true(atomic_load(&cuts) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_that_is_down_is_asked_after_ever_longer_waits, begin, end),
        cmocka_unit_test_setup_teardown(after_twenty_failures_in_a_row_it_is_not_healthy, begin, end),
        cmocka_unit_test_setup_teardown(who_is_told_to_wait_waits_and_has_not_failed, begin, end),
        cmocka_unit_test_setup_teardown(who_is_told_to_wait_a_moment_again_and_again_has_failed, begin, end),
        cmocka_unit_test_setup_teardown(who_may_not_read_has_failed_also_where_it_is_told_to_wait, begin, end),
        cmocka_unit_test_setup_teardown(a_token_that_runs_out_in_the_middle_goes_on_at_its_page, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_page_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(unchanged_is_no_answer_to_who_asks_for_all, begin, end),
        cmocka_unit_test_setup_teardown(objects_without_an_id_and_numbers_beyond_all_doubles, begin, end),
        cmocka_unit_test_setup_teardown(an_object_on_two_pages_is_told_once, begin, end),
        cmocka_unit_test_setup_teardown(a_circle_of_pages_is_left, begin, end),
        cmocka_unit_test_setup_teardown(a_list_without_an_end_is_left, begin, end),
        cmocka_unit_test_setup_teardown(a_page_that_is_too_large_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_list_that_shrinks_while_it_is_read_loses_nobody, begin, end),
        cmocka_unit_test_setup_teardown(an_empty_page_alone_deletes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_says_that_it_is_deleted_is, begin, end),
        cmocka_unit_test_setup_teardown(many_that_vanish_at_once_are_told_when_somebody_says_so, begin, end),
        cmocka_unit_test_setup_teardown(what_vanishes_before_a_history_joins_is_told_to_it_when_somebody_says_so, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_reading_that_broke_off_deletes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(changes_are_asked_for_by_whichever_clock_is_behind, begin, end),
        cmocka_unit_test_setup_teardown(a_sources_own_token_is_given_back, begin, end),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full_loses_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_death_in_the_middle_neither_loses_nor_doubles, begin, end),
        cmocka_unit_test_setup_teardown(a_source_that_hangs_holds_up_nobody_and_ends_with_the_engine, begin, end),
        cmocka_unit_test_setup_teardown(two_engines_read_once, begin, end),
        cmocka_unit_test_setup_teardown(where_one_has_lost_the_source_another_reads, begin, end),
        cmocka_unit_test_setup_teardown(a_wish_before_a_reading_goes_on_is_for_one_behind_it, begin, end),
        cmocka_unit_test_setup_teardown(where_one_has_failed_another_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(who_misses_a_cut_gets_the_next, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
