/* Quotas: what a tenant may have stored, in events and in bytes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "life_kit.h"

#define DAY INT64_C(86400000)

static int publish(wh_engine *engine, const char *tenant, const char *id, const char *payload, wh_receipt *receipt) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.tenant = tenant;
    event.id = id;
    event.payload = payload;
    event.payload_size = strlen(payload);
    return wh_publish(engine, &event, receipt);
}

static void set(wh_engine *engine, const char *tenant, const char *document) {
    assert_int_equal(wh_tenant_set(engine, tenant, document, WH_ZSTR), WH_OK);
}

static void set_all(wh_engine *engine, const char *document) {
    assert_int_equal(wh_settings_set(engine, document, WH_ZSTR), WH_OK);
}

static void assert_tenant(wh_engine *engine, const char *tenant, const char *expected) {
    char *found = DOCUMENT(wh_tenant(engine, tenant, &fixture_handed, &fixture_size));

    assert_string_equal(found, expected);
    wh_free(found);
}

static void assert_refused(int code, const char *words) {
    assert_int_equal(code, WH_EQUOTA);
    assert_string_equal(wh_last_error_field(), "tenant");
    assert_has(wh_last_error(), words);
}

static void who_has_no_quota_may_store_all(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    assert_tenant(engine, "acme",
                  "{\"tenant\":\"acme\",\"events\":0,\"bytes\":0,\"quota_events\":null,\"quota_bytes\":null,"
                  "\"cpu_ms\":null,\"rate\":null}");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(publish(engine, "acme", NULL, "[1,2]", NULL), WH_OK);
    }
    assert_tenant(engine, "acme",
                  "{\"tenant\":\"acme\",\"events\":20,\"bytes\":100,\"quota_events\":null,\"quota_bytes\":null,"
                  "\"cpu_ms\":null,\"rate\":null}");
    wh_close(engine);
}

static void an_event_too_many_is_refused_with_which_quota_and_what_is_stored(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    set(engine, "acme", "{\"quota_events\":2}");
    assert_int_equal(publish(engine, "acme", NULL, "1", NULL), WH_OK);
    assert_int_equal(publish(engine, "acme", NULL, "1", NULL), WH_OK);
    assert_refused(publish(engine, "acme", NULL, "1", NULL),
                   "acme has 2 events stored, and 1 more are beyond its quota_events of 2");
    assert_string_equal(wh_error_name(WH_EQUOTA), "quota");
    assert_string_equal(wh_error_group(WH_EQUOTA), "limit");
    assert_int_equal(publish(engine, "other", NULL, "1", NULL), WH_OK);
    assert_int_equal(publish(engine, NULL, NULL, "1", NULL), WH_OK);
    set(engine, "acme", "{\"quota_events\":null,\"quota_bytes\":10}");
    assert_int_equal(publish(engine, "acme", NULL, "\"123456\"", NULL), WH_OK); /* 10 now */
    assert_refused(publish(engine, "acme", NULL, "12", NULL),
                   "acme has 10 bytes stored, and 2 more are beyond its quota_bytes of 10");
    wh_close(engine);
}

static void what_holds_for_all_holds_for_those_without_their_own(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    set_all(engine, "{\"tenant_quota_events\":1}");
    set(engine, "large", "{\"quota_events\":3}");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(publish(engine, "large", NULL, "1", NULL), WH_OK);
        assert_int_equal(publish(engine, NULL, NULL, "1", NULL), WH_OK);
    }
    assert_int_equal(publish(engine, "small", NULL, "1", NULL), WH_OK);
    assert_refused(publish(engine, "large", NULL, "1", NULL), "quota_events of 3");
    assert_refused(publish(engine, "small", NULL, "1", NULL), "quota_events of 1");
    set(engine, "large", "{\"quota_events\":null}");
    assert_refused(publish(engine, "large", NULL, "1", NULL), "quota_events of 1");
    set_all(engine, "{\"tenant_quota_events\":null}");
    assert_int_equal(publish(engine, "small", NULL, "1", NULL), WH_OK);
    wh_close(engine);
}

static void a_duplicate_is_one_also_where_there_is_no_room(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_receipt receipt;

    (void)state;
    set(engine, "acme", "{\"quota_events\":1}");
    assert_int_equal(publish(engine, "acme", "k1", "1", &receipt), WH_OK);
    assert_int_equal(receipt.duplicate, 0);
    assert_int_equal(publish(engine, "acme", "k1", "1", &receipt), WH_OK);
    assert_int_equal(receipt.duplicate, 1);
    assert_refused(publish(engine, "acme", "k2", "1", NULL), "quota_events");
    wh_close(engine);
}

static void a_batch_is_taken_in_or_refused_as_a_whole(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event events[3];

    (void)state;
    set(engine, "acme", "{\"quota_events\":1}");
    for (int i = 0; i < 3; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "a";
        events[i].tenant = i == 1 ? "other" : "acme";
        events[i].payload = "1";
        events[i].payload_size = 1;
    }
    assert_refused(wh_publish_batch(engine, events, 3, NULL), "0 events stored, and 2 more");
    assert_int_equal(wh_publish_batch(engine, events, 2, NULL), WH_OK);
    assert_tenant(engine, "other",
                  "{\"tenant\":\"other\",\"events\":1,\"bytes\":1,\"quota_events\":null,\"quota_bytes\":null,"
                  "\"cpu_ms\":null,\"rate\":null}");
    wh_close(engine);
}

/* Events of the tenant acme, of one byte each. */
static int publish_ids(wh_engine *engine, const char *const *ids, size_t count, wh_receipt *receipts) {
    wh_event events[4];

    for (size_t i = 0; i < count; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "a";
        events[i].tenant = "acme";
        events[i].id = ids[i];
        events[i].payload = "1";
        events[i].payload_size = 1;
    }
    return wh_publish_batch(engine, events, count, receipts);
}

static void an_id_that_stands_twice_in_a_batch_takes_room_once(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_receipt receipts[4];

    (void)state;
    set(engine, "acme", "{\"quota_events\":2}");
    assert_int_equal(publish_ids(engine, (const char *[]){ "x", "y", "x", "y" }, 4, receipts), WH_OK);
    assert_int_equal(receipts[0].duplicate + receipts[1].duplicate, 0);
    assert_int_equal(receipts[2].duplicate + receipts[3].duplicate, 2);
    assert_int_equal(publish_ids(engine, (const char *[]){ "x", "x", "x" }, 3, receipts), WH_OK);
    assert_refused(publish_ids(engine, (const char *[]){ "x", "x", "z" }, 3, receipts),
                   "acme has 2 events stored, and 1 more are beyond its quota_events of 2");
    assert_refused(publish_ids(engine, (const char *[]){ NULL, "z", "z" }, 3, receipts),
                   "acme has 2 events stored, and 2 more are beyond its quota_events of 2");
    wh_close(engine);
}

static void tell(int code, const char *error, const wh_receipt *receipt, void *payload) {
    (void)receipt;
    *(int *)payload = code;
    if (code != WH_OK) {
        assert_has(error, "quota_events of 1");
    }
}

static void who_does_not_wait_is_refused_as_well(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event event = WH_EVENT_INIT;
    int told = -1, second = -1, code;

    (void)state;
    set(engine, "acme", "{\"quota_events\":1}");
    event.type = "a";
    event.tenant = "acme";
    event.payload = "1";
    event.payload_size = 1;
    assert_int_equal(wh_publish_async(engine, &event, tell, &told), WH_OK);
    code = wh_publish_async(engine, &event, tell, &second); /* the first may be on its way still */
    fixture_run(engine);
    assert_int_equal(told, WH_OK);
    assert_int_equal(code != WH_OK ? code : second, WH_EQUOTA);
    assert_refused(wh_publish_async(engine, &event, tell, &told), "quota_events of 1");
    wh_close(engine);
}

/* What retention takes away makes room again. */
static void room_comes_back_with_retention(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"tenant\":\"acme\",\"rule\":null}", NULL);
    set(engine, "acme", "{\"quota_events\":2}");
    assert_int_equal(publish(engine, "acme", NULL, "1", NULL), WH_OK);
    assert_int_equal(publish(engine, "acme", NULL, "1", NULL), WH_OK);
    assert_int_equal(publish(engine, NULL, NULL, "1", NULL), WH_OK); /* the last one always stays */
    assert_refused(publish(engine, "acme", NULL, "1", NULL), "2 events stored");
    fixture_run(engine);
    for (int i = 0; i < 9; i++) {
        atomic_fetch_add(&fixture_time, DAY);
        fixture_run(engine);
    }
    assert_tenant(engine, "acme",
                  "{\"tenant\":\"acme\",\"events\":0,\"bytes\":0,\"quota_events\":2,\"quota_bytes\":null,"
                  "\"cpu_ms\":null,\"rate\":null}");
    assert_int_equal(publish(engine, "acme", NULL, "1", NULL), WH_OK);
    wh_close(engine);
}

/* Each of many that publish at once gets room once: no more are taken in than there is room for. */
typedef struct publisher {
    wh_engine *engine;
    int taken, refused, other;
} publisher;

static void *publish_many(void *payload) {
    publisher *self = payload;

    for (int i = 0; i < 40; i++) {
        int code = publish(self->engine, "acme", NULL, "1", NULL);
        self->taken += code == WH_OK;
        self->refused += code == WH_EQUOTA;
        self->other += publish(self->engine, "other", NULL, "1", NULL) == WH_OK;
    }
    return NULL;
}

static void two_engines_on_one_file_give_no_room_twice(void **state) {
    const char *file = fixture_file();
    publisher publishers[4] = { 0 };
    pthread_t threads[4];
    int taken = 0, refused = 0, other = 0;

    (void)state;
    for (int i = 0; i < 4; i++) {
        publishers[i].engine = i < 2 ? fixture_open(file, NULL) : publishers[i - 2].engine;
    }
    set(publishers[0].engine, "acme", "{\"quota_events\":50}");
    assert_tenant(publishers[1].engine, "acme",
                  "{\"tenant\":\"acme\",\"events\":0,\"bytes\":0,\"quota_events\":50,\"quota_bytes\":null,"
                  "\"cpu_ms\":null,\"rate\":null}");
    set(publishers[1].engine, "acme", "{}"); /* it knows of it from now on */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, publish_many, &publishers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        taken += publishers[i].taken;
        refused += publishers[i].refused;
        other += publishers[i].other;
    }
    assert_int_equal(taken, 50);
    assert_int_equal(refused, 110);
    assert_int_equal(other, 160);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_events WHERE tenant = 'acme'"), 50);
    wh_close(publishers[0].engine);
    wh_close(publishers[1].engine);
}

/* It was committed, and nobody is there who could be told. */
static void a_row_of_the_outbox_is_taken_in_and_counted(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    set(engine, "acme", "{\"quota_events\":1}");
    life_sql(file, "INSERT INTO webhook_outbox (type, tenant, payload) VALUES ('a', 'acme', '1'), ('a', 'acme', '2')");
    fixture_run(engine);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_events"), 2);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_outbox_rejected"), 0);
    assert_refused(publish(engine, "acme", NULL, "1", NULL), "2 events stored");
    wh_close(engine);
}

static void refuse(wh_engine *engine, const char *tenant, const char *document, int code, const char *field) {
    assert_int_equal(wh_tenant_set(engine, tenant, document, WH_ZSTR), code);
    assert_string_equal(wh_last_error_field(), field);
}

static void a_wrong_change_changes_nothing(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);

    (void)state;
    refuse(engine, "acme", "{\"quota_events\":0}", WH_EINVALID, "quota_events");
    refuse(engine, "acme", "{\"quota_events\":7,\"quota_bytes\":\"7\"}", WH_EINVALID, "quota_bytes");
    refuse(engine, "acme", "{\"cpu_ms\":1000001}", WH_EINVALID, "cpu_ms");
    refuse(engine, "acme", "{\"quota\":1}", WH_EINVALID, "document");
    refuse(engine, "acme", "[]", WH_EINVALID, "document");
    refuse(engine, "acme", "{", WH_EJSON, "document");
    refuse(engine, "acme", NULL, WH_EINVALID, "document");
    refuse(engine, "", "{}", WH_EINVALID, "tenant");
    refuse(engine, NULL, "{}", WH_EINVALID, "tenant");
    refuse(engine, "a b\n", "{}", WH_EINVALID, "tenant");
    assert_int_equal(wh_tenant(engine, "acme", NULL, NULL), WH_EINVALID);
    assert_int_equal(wh_tenant(engine, NULL, &fixture_handed, NULL), WH_EINVALID);
    assert_tenant(engine, "acme",
                  "{\"tenant\":\"acme\",\"events\":0,\"bytes\":0,\"quota_events\":null,\"quota_bytes\":null,"
                  "\"cpu_ms\":null,\"rate\":null}");
    wh_close(engine);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_no_quota_may_store_all, fixture_setup, fixture_setup),
        cmocka_unit_test_setup_teardown(an_event_too_many_is_refused_with_which_quota_and_what_is_stored, fixture_setup,
                                        fixture_setup),
        cmocka_unit_test_setup_teardown(what_holds_for_all_holds_for_those_without_their_own, fixture_setup,
                                        fixture_setup),
        cmocka_unit_test_setup_teardown(a_duplicate_is_one_also_where_there_is_no_room, fixture_setup, fixture_setup),
        cmocka_unit_test_setup_teardown(a_batch_is_taken_in_or_refused_as_a_whole, fixture_setup, fixture_setup),
        cmocka_unit_test_setup_teardown(an_id_that_stands_twice_in_a_batch_takes_room_once, fixture_setup,
                                        fixture_setup),
        cmocka_unit_test_setup_teardown(who_does_not_wait_is_refused_as_well, fixture_setup, fixture_setup),
        cmocka_unit_test_setup_teardown(room_comes_back_with_retention, fixture_setup, fixture_setup),
        cmocka_unit_test_setup_teardown(two_engines_on_one_file_give_no_room_twice, fixture_setup, fixture_setup),
        cmocka_unit_test_setup_teardown(a_row_of_the_outbox_is_taken_in_and_counted, fixture_setup, fixture_setup),
        cmocka_unit_test_setup_teardown(a_wrong_change_changes_nothing, fixture_setup, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
