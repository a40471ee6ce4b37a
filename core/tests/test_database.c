/* Deliveries to a database, which a fake stands for: outcomes, order, batches, and that one that hangs costs others
 * nothing. Covers sinks/pool*.c, sinks/database_batch.c, engine/database.c and outside/destination*.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/database.h"
#include "engine_fixture.h"
#include "fake_destination.h"
#include "insides.h"
#include "sinks/pool.h"
#include "work/send.h"

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
    fake_hang(0);
    wh_close(engine);
    assert_int_equal(fake_db.opened, fake_db.closed);
    return 0;
}

#define URL "postgresql://u:s3cret@db.example/app"
static const char document[] = "{\"url\":\"" URL "\",\"events\":[\"crm_contact.*\"],\"retry\":[0,1000]}";

static char *deliveries(const char *state) {
    wh_query query = WH_QUERY_INIT;

    query.state = state;
    return DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
}

/* How many deliveries are in this state; the page is freed. */
static int count_of(const char *state) {
    char *page = deliveries(state);
    int count = 0;

    for (const char *at = page; (at = strstr(at, "\"event\":")) != NULL; at++) {
        count++;
    }
    wh_free(page);
    return count;
}

static void publish(int number) {
    char payload[64];

    snprintf(payload, sizeof payload, "{\"id\":\"%d\",\"n\":%d}", number % 10, number);
    fixture_publish(engine, "crm_contact.updated", payload, NULL);
}

static void publish_many(int count) {
    for (int i = 0; i < count; i++) {
        publish(i);
    }
}

/* ------------------------------------------------------------------------- objects */

static void a_type_is_what_an_event_is_about(void **state) {
    char type[WHI_OBJECT_TYPE_SIZE];
    int deleted;

    (void)state;
    whi_database_type("crm_contact.updated", type, &deleted);
    assert_string_equal(type, "crm_contact");
    assert_int_equal(deleted, 0);
    whi_database_type("crm_contact.deleted", type, &deleted);
    assert_string_equal(type, "crm_contact");
    assert_int_equal(deleted, 1);
    whi_database_type("a.b-c:deleted", type, &deleted);
    assert_string_equal(type, "a_b_c");
    assert_int_equal(deleted, 1);
    whi_database_type("deleted", type, &deleted);
    assert_string_equal(type, "deleted");
    assert_int_equal(deleted, 0);
}

static void an_object_is_a_row_with_its_event_s_number(void **state) {
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;

    (void)state;
    fixture_subscribe(engine, document, NULL);
    event.type = "crm_contact.deleted";
    event.source = "conn_1";
    event.payload = "{\"id\":\"a\",\"n\":1.10}";
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, &receipt), WH_OK);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
    assert_string_equal(fake_db.rows[0].type, "crm_contact");
    assert_string_equal(fake_db.rows[0].connection, "conn_1");
    assert_string_equal(fake_db.rows[0].bytes, "{\"id\":\"a\",\"n\":1.10}");
    assert_int_equal(fake_db.rows[0].deleted, 1);
    assert_true(fake_db.rows[0].version > 0);
    assert_int_equal(count_of("delivered"), 1);
    assert_string_equal(fake_db.url, URL);
}

static void a_list_is_a_row_for_each(void **state) {
    (void)state;
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "crm_contact.created", "[{\"id\":1},{\"id\":\"b\",\"tags\":[1,{}]}]", NULL);
    fixture_publish(engine, "crm_contact.created", "[]", NULL);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 2);
    assert_string_equal(fake_db.rows[0].bytes, "{\"id\":1}");
    assert_string_equal(fake_db.rows[1].bytes, "{\"id\":\"b\",\"tags\":[1,{}]}");
    assert_int_equal(count_of("delivered"), 2);
}

static void fields_are_kept_as_for_http(void **state) {
    (void)state;
    fixture_subscribe(engine, "{\"url\":\"" URL "\",\"fields\":\"id,name\"}", NULL);
    fixture_publish(engine, "crm_contact.created", "{\"id\":1,\"name\":\"Ann\",\"secret\":2}", NULL);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
    assert_string_equal(fake_db.rows[0].bytes, "{\"id\":1,\"name\":\"Ann\"}");
}

static void what_has_no_id_is_set_aside_with_a_sentence(void **state) {
    char *page;

    (void)state;
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "crm_contact.created", "{\"name\":\"Ann\"}", NULL);
    fixture_publish(engine, "crm_contact.created", "{\"id\":null}", NULL);
    fixture_publish(engine, "crm_contact.created", "[{\"id\":1},7]", NULL);
    fixture_publish(engine, "crm_contact.created", "7", NULL);
    fixture_publish(engine, "crm_contact.created", "{\"id\":1}", NULL);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
    assert_int_equal(count_of("held"), 4);
    assert_int_equal(count_of("delivered"), 1);
    page = deliveries("held");
    assert_has(page, "has no id");
    wh_free(page);
}

/* ------------------------------------------------------------------------- outcomes */

static int is_number(const whi_object *object, int number) {
    char part[32];

    snprintf(part, sizeof part, "\"n\":%d}", number);
    return memmem(object->bytes, object->size, part, strlen(part)) != NULL;
}

static void say(whi_object_result *result, int outcome, const char *state, const char *sentence) {
    result->outcome = outcome;
    snprintf(result->state, sizeof result->state, "%s", state);
    snprintf(result->sentence, sizeof result->sentence, "%s", sentence);
}

static void third_is_poison(const whi_object *object, whi_object_result *result) {
    if (is_number(object, 3)) {
        say(result, WHI_OBJECT_ALONE, "22P02", "no number is in 'abc'");
    }
}

static void all_again(const whi_object *object, whi_object_result *result) {
    (void)object;
    say(result, WHI_OBJECT_AGAIN, "", "the database is away");
}

static void all_owners(const whi_object *object, whi_object_result *result) {
    (void)object;
    say(result, WHI_OBJECT_OWNER, "42501", "GRANT CREATE ON SCHEMA public TO u");
}

static void one_that_cannot_be_written_is_held_and_the_rest_goes_on(void **state) {
    char *page, id[WH_ID_SIZE];

    (void)state;
    fake_db.judge = third_is_poison;
    fixture_subscribe(engine, document, id);
    publish_many(20);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 19);
    assert_int_equal(count_of("held"), 1);
    page = deliveries("held");
    assert_has(page, "22P02: no number is in 'abc'");
    wh_free(page);
    page = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(page, "\"health\":\"healthy\"");
    wh_free(page);

    fake_db.judge = NULL; /* the owner has mended it, and says so by a change */
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"mended\"}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 20);
    assert_int_equal(count_of("held"), 0);
    assert_int_equal(count_of("delivered"), 20);
}

static void what_is_away_is_tried_again_by_the_list(void **state) {
    char *page;

    (void)state;
    fake_db.judge = all_again;
    fixture_subscribe(engine, document, NULL);
    publish_many(20);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 0);
    assert_int_equal(count_of("waiting"), 20);
    page = deliveries("waiting");
    assert_has(page, "connect: the database is away");
    wh_free(page);
    fake_db.judge = NULL;
    fixture_time += 1200;
    fixture_run(engine);
    assert_int_equal(fake_db.count, 20);
    assert_int_equal(count_of("delivered"), 20);
}

static void what_is_away_is_asked_once_for_a_long_list(void **state) {
    char payload[8192], *page;
    size_t size = 0;

    (void)state;
    for (int i = 0; i < WHI_BATCH_OBJECTS + 100; i++) {
        size += (size_t)snprintf(payload + size, sizeof payload - size, "%c{\"id\":%d}", i == 0 ? '[' : ',', i);
    }
    snprintf(payload + size, sizeof payload - size, "]");
    fake_db.judge = all_again;
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "crm_contact.created", payload, NULL);
    fixture_run(engine);
    assert_int_equal(fake_db.writes, 1);
    page = deliveries("waiting");
    assert_has(page, "connect: the database is away (and 599 more of its objects)");
    wh_free(page);
    fake_db.judge = NULL;
    fixture_time += 1200;
    fixture_run(engine);
    assert_int_equal(fake_db.count, WHI_BATCH_OBJECTS + 100);
}

static void what_its_owner_has_to_do_is_told_until_the_list_ends(void **state) {
    char *page;

    (void)state;
    fake_db.judge = all_owners;
    fixture_subscribe(engine, document, NULL);
    publish_many(2);
    fixture_run(engine);
    fixture_time += 1200;
    fixture_run(engine);
    assert_int_equal(count_of("exhausted"), 2);
    page = deliveries("exhausted");
    assert_has(page, "status: 42501: GRANT CREATE ON SCHEMA public TO u");
    wh_free(page);
}

static void second_of_a_list_is_poison(const whi_object *object, whi_object_result *result) {
    if (object->bytes[6] != '1') {
        say(result, WHI_OBJECT_ALONE, "1406", "too long");
    }
}

static void of_a_list_the_rest_is_written(void **state) {
    char *page;

    (void)state;
    fake_db.judge = second_of_a_list_is_poison;
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "crm_contact.created", "[{\"id\":1},{\"id\":2},{\"id\":3}]", NULL);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
    page = deliveries("held");
    assert_has(page, "1406: too long (and 1 more of its objects)");
    wh_free(page);
}

static void what_cannot_be_opened_is_its_owner_s(void **state) {
    char *page;

    (void)state;
    fixture_subscribe(engine, document, NULL);
    fake_db.refuses = "there is no such parameter";
    publish(1);
    fixture_run(engine);
    page = deliveries("waiting");
    assert_has(page, "invalid: url: there is no such parameter");
    wh_free(page);
    fake_db.refuses = NULL;
    fixture_time += 1200;
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
}

/* -------------------------------------------------------------------- order, batches */

static void rows_come_in_order(void **state) {
    int64_t last = 0;

    (void)state;
    fixture_subscribe(engine, document, NULL);
    publish_many(2000);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 2000);
    for (size_t i = 0; i < fake_db.count; i++) {
        assert_true(fake_db.rows[i].version > last);
        last = fake_db.rows[i].version;
    }
    assert_true(fake_db.largest <= WHI_BATCH_OBJECTS);
    assert_int_equal(fake_db.opened - fake_db.checks, 1);
}

static void lanes_to_one_database_share_a_connection(void **state) {
    (void)state;
    fixture_subscribe(engine, document, NULL);
    fixture_subscribe(engine, "{\"url\":\"" URL "\",\"events\":[\"hris_employee.*\"]}", NULL);
    fixture_subscribe(engine, "{\"url\":\"" URL "\",\"database\":{\"prefix\":\"x_\",\"removes\":true}}", NULL);
    publish(1);
    fixture_publish(engine, "hris_employee.created", "{\"id\":1}", NULL);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 4);
    assert_int_equal(fake_db.opened - fake_db.checks, 2); /* with another prefix it is another */
}

static void a_new_password_is_a_new_connection(void **state) {
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, document, id);
    publish(1);
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"url\":\"postgresql://u:n3w@db.example/app\"}", WH_ZSTR),
                     WH_OK);
    assert_int_equal(fake_db.checks, 2);
    publish(2);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 2);
    assert_int_equal(fake_db.opened - fake_db.checks, 2);
    assert_string_equal(fake_db.url, "postgresql://u:n3w@db.example/app");
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "postgresql://u:***@db.example/app");
    wh_free(text);
}

/* ---------------------------------------------------------------------- one that hangs */

static void wait_for(int (*is_so)(void)) {
    int64_t end_us = whi_monotonic_us() + 60000000;

    while (!is_so()) {
        assert_true(whi_monotonic_us() < end_us);
        assert_true(wh_step(engine) >= 0);
    }
}

static int one_hangs(void) {
    return fake_waiting() > 0;
}

static int twenty_wait(void) {
    return engine->workers[0]->in_flight == 21;
}

static void what_comes_meanwhile_is_one_batch(void **state) {
    (void)state;
    fixture_subscribe(engine, document, NULL);
    publish_many(60); /* each that arrives lets one more be there at once */
    fixture_run(engine);
    fake_hang(1);
    publish(1);
    wait_for(one_hangs);
    fake_db.writes = 0;
    publish_many(20);
    wait_for(twenty_wait);
    fake_hang(0);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 81);
    assert_int_equal(fake_db.writes, 1);
}

#define OTHERS 100

static int others_are_served(void) {
    return fixture_count() == OTHERS * 5;
}

static void one_that_hangs_costs_others_nothing(void **state) {
    char text[128];

    (void)state;
    fixture_subscribe(engine, document, NULL);
    for (int i = 0; i < OTHERS; i++) {
        snprintf(text, sizeof text, "{\"url\":\"http://127.0.0.1:9/%d\",\"events\":[\"order.*\"]}", i);
        fixture_subscribe(engine, text, NULL);
    }
    fake_hang(1);
    publish_many(1000);
    wait_for(one_hangs);
    for (int i = 0; i < 5; i++) {
        fixture_publish(engine, "order.paid", "{}", NULL);
    }
    wait_for(others_are_served);
    assert_int_equal(fake_count(), 0);
    assert_int_equal(engine->workers[0]->slots.used[WHI_SLOT_UNKNOWN], 0);
    fake_hang(0);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1000);
}

static int many_hang(void) {
    return fake_waiting() == WHI_POOL_THREADS * 3 / 4;
}

static int quick_one_writes(void) {
    return fake_count() == 2;
}

/* Of unknown ones three quarters of the threads at most. */
static void many_that_hang_leave_threads_to_those_that_answer(void **state) {
    char text[160];

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"postgresql://quick/a\",\"events\":[\"quick.*\"]}", NULL);
    fixture_publish(engine, "quick.created", "{\"id\":1}", NULL);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 1);
    for (int i = 0; i < WHI_POOL_THREADS * 2; i++) {
        snprintf(text, sizeof text, "{\"url\":\"postgresql://db%d/a\",\"events\":[\"crm_contact.*\"]}", i);
        fixture_subscribe(engine, text, NULL);
    }
    fake_hang(1);
    publish(1);
    wait_for(many_hang);
    fake_hang(2);
    fixture_publish(engine, "quick.created", "{\"id\":1}", NULL);
    wait_for(quick_one_writes);
    assert_int_equal(fake_waiting(), WHI_POOL_THREADS * 3 / 4);
}

#define LEFT 20

static int has_its_share(void) {
    return engine->workers[0]->in_flight >= LEFT / 2;
}

static int quick_one_writes_again(void) {
    return fake_count() == 62;
}

/* Others have taken all but a few of the deliveries that may be on their way to databases. */
static void one_that_hangs_leaves_some_of_the_last_to_others(void **state) {
    int *used = &engine->workers[0]->slots.used[WHI_SLOT_BATCH];

    (void)state;
    fixture_subscribe(engine, document, NULL);
    fixture_subscribe(engine, "{\"url\":\"postgresql://quick/a\",\"events\":[\"quick.*\"]}", NULL);
    publish_many(60); /* each that arrives lets one more be there at once */
    fixture_publish(engine, "quick.created", "{\"id\":1}", NULL);
    fixture_run(engine);
    *used += WHI_SLOTS_BATCHED - LEFT;
    fake_hang(1);
    publish(1);
    wait_for(one_hangs);
    fake_hang(2);
    publish_many(60);
    wait_for(has_its_share);
    assert_true(wh_step(engine) >= 0);
    fixture_publish(engine, "quick.created", "{\"id\":2}", NULL);
    wait_for(quick_one_writes_again);
    assert_true(*used < WHI_SLOTS_BATCHED);
    *used -= WHI_SLOTS_BATCHED - LEFT;
    fake_hang(0);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 123);
}

static int all_threads_hang(void) {
    return fake_waiting() == WHI_POOL_THREADS;
}

static int last_one_writes(void) {
    return fake_count() == WHI_POOL_THREADS + 2;
}

/* As many quick ones as there are threads, which begin to hang at once. */
static void quick_ones_that_begin_to_hang_leave_threads_to_the_others(void **state) {
    whi_sink *sink = engine->workers[0]->sinks[WHI_SINK_POOL].sink;
    char text[160];

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"postgresql://quick/a\",\"events\":[\"quick.*\"]}", NULL);
    for (int i = 0; i < WHI_POOL_THREADS; i++) {
        snprintf(text, sizeof text, "{\"url\":\"postgresql://db%d/a\",\"events\":[\"crm_contact.*\"]}", i);
        fixture_subscribe(engine, text, NULL);
    }
    fixture_publish(engine, "quick.created", "{\"id\":1}", NULL);
    publish(1);
    fixture_run(engine);
    assert_int_equal(fake_db.count, WHI_POOL_THREADS + 1);
    fake_hang(1);
    publish(2);
    wait_for(all_threads_hang);
    fake_hang(2);
    sink->slow_us = 0; /* they hang for long enough */
    fixture_publish(engine, "quick.created", "{\"id\":2}", NULL);
    wait_for(last_one_writes);
    assert_int_equal(fake_waiting(), WHI_POOL_THREADS);
    fake_hang(0);
    fixture_run(engine);
    assert_int_equal(fake_db.count, WHI_POOL_THREADS * 2 + 2);
    assert_int_equal(sink->held, 0);
}

static void who_takes_its_time_is_not_among_those_that_hang(void **state) {
    (void)state;
    assert_int_equal(whi_pool_judge(0, 1, WHI_POOL_SLOW_US), WHI_POOL_QUICK);
    assert_int_equal(whi_pool_judge(0, 500, WHI_POOL_SLOW_US * 5), WHI_POOL_QUICK);
    assert_int_equal(whi_pool_judge(0, 1, WHI_POOL_SLOW_US * 5), WHI_POOL_UNKNOWN);
    assert_int_equal(whi_pool_judge(0, 500, WHI_POOL_SLOW_US * 60), WHI_POOL_UNKNOWN);
    assert_int_equal(whi_pool_judge(1, 500, 1), WHI_POOL_SLOW);
}

static int is_cut(void) {
    return fake_db.cuts > 0;
}

/* A pause beyond the lease: another may have the work by now. */
static void what_is_cut_goes_again(void **state) {
    (void)state;
    fixture_subscribe(engine, document, NULL);
    fake_hang(1);
    publish_many(3);
    wait_for(one_hangs);
    whi_send_cut(engine->workers[0], "cut off");
    assert_true(is_cut());
    fake_hang(0);
    fixture_run(engine);
    assert_int_equal(fake_db.count, 3);
    assert_int_equal(count_of("delivered"), 3);
}

static void what_is_under_way_at_the_end_is_there_afterwards(void **state) {
    const char *file = fixture_file();

    (void)state;
    wh_close(engine);
    engine = fixture_open(file, NULL);
    engine->destinations = &fake_destinations;
    fixture_subscribe(engine, document, NULL);
    fake_hang(1);
    publish_many(3);
    wait_for(one_hangs);
    wh_close(engine);
    assert_int_equal(fake_db.count, 0);
    fake_hang(0);
    engine = fixture_open(file, NULL);
    engine->destinations = &fake_destinations;
    fixture_run(engine);
    assert_int_equal(fake_db.count, 3);
}

/* -------------------------------------------------------------------- subscribing */

static int subscribe(const char *text) {
    char id[WH_ID_SIZE];

    return wh_subscribe(engine, text, WH_ZSTR, id);
}

static void what_is_not_built_is_refused_by_name(void **state) {
    (void)state;
    assert_int_equal(subscribe("{\"url\":\"mariadb://u@h/a\"}"), WH_EINVALID);
    assert_has(wh_last_error(), "mariadb is not built");
    assert_int_equal(subscribe("{\"url\":\"mariadb://u@h/a\",\"database\":{\"check\":false}}"), WH_EINVALID);
    assert_int_equal(subscribe("{\"url\":\"snowflake://u@h/a\"}"), WH_EINVALID);
    assert_has(wh_last_error(), "snowflake");
}

static void who_subscribes_learns_what_is_missing(void **state) {
    (void)state;
    say(&fake_db.checked, WHI_OBJECT_OWNER, "42501", "GRANT CREATE ON SCHEMA crm TO u");
    assert_int_equal(subscribe(document), WH_EINVALID);
    assert_string_equal(wh_last_error(), "url: 42501: GRANT CREATE ON SCHEMA crm TO u");
    assert_string_equal(fake_db.asked, "crm_contact");
    say(&fake_db.checked, WHI_OBJECT_AGAIN, "", "no answer in 5 s");
    assert_int_equal(subscribe("{\"url\":\"" URL "\",\"events\":[\"*\"]}"), WH_EINVALID);
    assert_has(wh_last_error(), "no answer in 5 s; with database.check false");
    assert_string_equal(fake_db.asked, "object");
    assert_int_equal(subscribe("{\"url\":\"" URL "\",\"database\":{\"check\":false,\"schema\":\"crm\"}}"), WH_OK);
    assert_int_equal(fake_db.checks, 2);
}

static void *subscribe_aside(void *payload) {
    (void)payload;
    assert_int_equal(subscribe(document), WH_OK);
    return NULL;
}

static int two_hang(void) {
    return fake_waiting() == 2;
}

static void a_tenant_has_few_databases_looked_at_at_once(void **state) {
    pthread_t threads[2];

    (void)state;
    fake_hang(1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, subscribe_aside, NULL), 0);
    }
    wait_for(two_hang);
    fake_hang(2);
    assert_int_equal(subscribe(document), WH_EBUSY);
    assert_int_equal(subscribe("{\"url\":\"" URL "\",\"tenant\":\"other\"}"), WH_OK);
    fake_hang(0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(subscribe(document), WH_OK);
}

static void a_stop_ends_what_is_being_looked_at(void **state) {
    pthread_t thread;

    (void)state;
    assert_int_equal(wh_start(engine, 1), WH_OK);
    fake_hang(1);
    assert_int_equal(pthread_create(&thread, NULL, subscribe_aside, NULL), 0);
    while (!one_hangs()) {}
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    pthread_join(thread, NULL);
    assert_int_equal(fake_db.cuts, 1);
    fake_hang(0);
}

static void what_there_is_can_be_asked_and_tried(void **state) {
    char *text = DOCUMENT(wh_features(&fixture_handed, &fixture_size));

    (void)state;
    assert_has(text, "\"version\":\"" WH_VERSION "\"");
    assert_has(text, "\"sinks\":[\"http\",\"https\",");
    assert_has(text, "\"sqlite\"");
    wh_free(text);
    assert_int_equal(wh_features(NULL, NULL), WH_EINVALID);
    assert_int_equal(wh_sink_test(engine, document, WH_ZSTR), WH_OK);
    assert_string_equal(fake_db.asked, "crm_contact");
    say(&fake_db.checked, WHI_OBJECT_OWNER, "28P01", "the password is another one");
    assert_int_equal(wh_sink_test(engine, document, WH_ZSTR), WH_EINVALID);
    assert_has(wh_last_error(), "28P01: the password is another one");
    assert_int_equal(wh_sink_test(engine, "{\"url\":\"https://e.com/\"}", WH_ZSTR), WH_EINVALID);
    assert_int_equal(wh_sink_test(engine, "{}", WH_ZSTR), WH_EINVALID);
    assert_int_equal(wh_sink_test(engine, NULL, 0), WH_EINVALID);
    assert_int_equal(count_of(NULL), 0);
}

static void a_change_of_the_database_alone_is_looked_at(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, document, id);
    assert_int_equal(fake_db.checks, 1);
    say(&fake_db.checked, WHI_OBJECT_OWNER, "", "no");
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"a\"}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_subscription_update(engine, id, "{\"url\":\"postgresql://u:***@db.example/app\"}", WH_ZSTR),
                     WH_OK);
    assert_int_equal(fake_db.checks, 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"database\":{\"schema\":\"b\"}}", WH_ZSTR), WH_EINVALID);
    assert_int_equal(wh_subscription_update(engine, id, "{\"database\":{\"schema\":\"b\",\"check\":false}}", WH_ZSTR),
                     WH_OK);
    assert_int_equal(fake_db.checks, 2);
}

static void files_are_written_where_the_option_lets_them(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    char folder[] = "/tmp/webhook-folder-XXXXXX", text[160], link[64];
    const char *folders[] = { folder };

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(subscribe("{\"url\":\"sqlite:/tmp/a.db\"}"), WH_EINVALID);
    wh_close(engine);
    options.files = folders;
    options.file_count = 1;
    engine = fixture_open(":memory:", &options);
    engine->destinations = &fake_destinations;
    snprintf(text, sizeof text, "{\"url\":\"sqlite:%s/a.db\"}", folder);
    assert_int_equal(subscribe(text), WH_OK);
    snprintf(text, sizeof text, "{\"url\":\"sqlite:%s/../a.db\"}", folder);
    assert_int_equal(subscribe(text), WH_EINVALID);
    snprintf(text, sizeof text, "{\"url\":\"sqlite:%sa.db\"}", folder);
    assert_int_equal(subscribe(text), WH_EINVALID);
    snprintf(link, sizeof link, "%s/out", folder);
    assert_int_equal(symlink("/tmp", link), 0);
    snprintf(text, sizeof text, "{\"url\":\"sqlite:%s/a.db\"}", link);
    assert_int_equal(subscribe(text), WH_EINVALID);
    assert_has(wh_last_error(), "option files");
    unlink(link);
    rmdir(folder);
    options.files = (const char *const[]){ "relative" };
    assert_int_equal(wh_open(&(wh_engine *){ NULL }, ":memory:", &options), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "files");
}

/* ------------------------------------------------------------------------ the password */

static void shows_no_password(char *text) {
    assert_null(strstr(text, "s3cret"));
    wh_free(text);
}

static void a_password_is_shown_nowhere(void **state) {
    char id[WH_ID_SIZE], *page;
    wh_query query = WH_QUERY_INIT;

    (void)state;
    fake_db.judge = all_owners;
    fixture_subscribe(engine, document, id);
    publish(1);
    fixture_run(engine);
    shows_no_password(DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size)));
    shows_no_password(DOCUMENT(wh_subscription_version(engine, id, 1, &fixture_handed, &fixture_size)));
    shows_no_password(DOCUMENT(wh_subscription_secrets(engine, id, &fixture_handed, &fixture_size)));
    shows_no_password(DOCUMENT(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size)));
    shows_no_password(DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size)));
    page = deliveries(NULL);
    assert_has(page, id);
    shows_no_password(page);
}

static void what_was_written_is_counted(void **state) {
    char *text;

    (void)state;
    fake_db.judge = third_is_poison;
    fixture_subscribe(engine, document, NULL);
    publish_many(20);
    fixture_time += 1500;
    fixture_run(engine);
    text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));
    assert_has(text, "\"databases\":[{\"url\":\"postgresql://u:***@db.example/app\",\"rows\":19,\"set_aside\":1,");
    assert_has(text, "\"connections\":1,\"busy\":0,\"lag_ms\":1500,");
    assert_null(strstr(text, "\"rows_per_second\":0}"));
    wh_free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_type_is_what_an_event_is_about),
        TEST(an_object_is_a_row_with_its_event_s_number),
        TEST(a_list_is_a_row_for_each),
        TEST(fields_are_kept_as_for_http),
        TEST(what_has_no_id_is_set_aside_with_a_sentence),
        TEST(one_that_cannot_be_written_is_held_and_the_rest_goes_on),
        TEST(what_is_away_is_tried_again_by_the_list),
        TEST(what_is_away_is_asked_once_for_a_long_list),
        TEST(what_its_owner_has_to_do_is_told_until_the_list_ends),
        TEST(of_a_list_the_rest_is_written),
        TEST(what_cannot_be_opened_is_its_owner_s),
        TEST(rows_come_in_order),
        TEST(what_comes_meanwhile_is_one_batch),
        TEST(lanes_to_one_database_share_a_connection),
        TEST(a_new_password_is_a_new_connection),
        TEST(one_that_hangs_costs_others_nothing),
        TEST(many_that_hang_leave_threads_to_those_that_answer),
        TEST(one_that_hangs_leaves_some_of_the_last_to_others),
        TEST(quick_ones_that_begin_to_hang_leave_threads_to_the_others),
        cmocka_unit_test(who_takes_its_time_is_not_among_those_that_hang),
        TEST(what_is_cut_goes_again),
        TEST(what_is_under_way_at_the_end_is_there_afterwards),
        TEST(what_is_not_built_is_refused_by_name),
        TEST(who_subscribes_learns_what_is_missing),
        TEST(a_tenant_has_few_databases_looked_at_at_once),
        TEST(a_stop_ends_what_is_being_looked_at),
        TEST(what_there_is_can_be_asked_and_tried),
        TEST(a_change_of_the_database_alone_is_looked_at),
        TEST(files_are_written_where_the_option_lets_them),
        TEST(a_password_is_shown_nowhere),
        TEST(what_was_written_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
