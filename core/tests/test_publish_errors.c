/* What wh_publish says when the store does not take an event: the code and a sentence that names the
 * file and what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/error.h"
#include "engine_fixture.h"
#include "life_kit.h"
#include "outside/store_sqlite.h"

static wh_engine *engine;
static const char *file;

static int setup(void **state) {
    (void)state;
    fixture_reset();
    file = fixture_file();
    engine = fixture_open(file, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    wh_close(engine);
    engine = NULL;
    return 0;
}

/* Each way to publish says the same. */
static int told_code;
static char told_sentence[WHI_ERROR_SIZE];

static void tell(int code, const char *error, const wh_receipt *receipt, void *payload) {
    (void)receipt;
    (void)payload;
    told_code = code;
    snprintf(told_sentence, sizeof told_sentence, "%s", error != NULL ? error : "");
}

static wh_event an_event(void) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.payload = "{}";
    event.payload_size = 2;
    return event;
}

static void assert_says(const char *sentence, const char *words) {
    assert_has(sentence, file);
    assert_has(sentence, words);
}

static void assert_promise_fails(int code, const char *words) {
    wh_event event = an_event();

    told_code = WH_OK;
    assert_int_equal(wh_publish_async(engine, &event, tell, NULL), WH_OK);
    for (int i = 0; i < 2000 && told_code == WH_OK; i++) {
        wh_step(engine);
        usleep(1000);
    }
    assert_int_equal(told_code, code);
    assert_says(told_sentence, words);
}

static void assert_publishing_fails(int code, const char *words) {
    wh_event event = an_event();

    assert_int_equal(wh_publish(engine, &event, NULL), code);
    assert_says(wh_last_error(), words);
    assert_int_equal(wh_publish_batch(engine, &event, 1, NULL), code);
    assert_says(wh_last_error(), words);
    assert_promise_fails(code, words);
}

static void assert_publishing_works(void) {
    wh_event event = an_event();

    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* The time that it waits is made short. */
static void a_store_that_another_program_locks_is_locked(void **state) {
    sqlite3 *other = life_lock(file);

    (void)state;
    sqlite3_busy_timeout(whi_sqlite_of(engine->store)->writer.db, 20);
    assert_publishing_fails(WH_ELOCKED, "another process holds the lock");
    life_unlock(other);
    assert_publishing_works();
}

static void a_store_whose_file_was_moved_is_moved(void **state) {
    char beside[64];

    (void)state;
    assert_publishing_works();
    snprintf(beside, sizeof beside, "%s-beside", file);
    assert_int_equal(rename(file, beside), 0);
    assert_publishing_fails(WH_EMOVED, "moved");
    assert_int_equal(rename(beside, file), 0);
    assert_publishing_works();
}

static void a_store_that_lacks_a_table_is_corrupt(void **state) {
    (void)state;
    assert_publishing_works();
    life_sql(file, "DROP TABLE webhook_events");
    assert_publishing_fails(WH_ECORRUPT, "webhook_events");
}

static int begin_full(whi_store *store) {
    return whi_fail(WH_EFULL, "store '%s': beginning: the disk is full", whi_sqlite_of(store)->name);
}

static void a_disk_that_is_full_is_full(void **state) {
    const whi_store_vtable *sound = engine->store->vtable;
    whi_store_vtable full = *sound;

    (void)state;
    full.begin = begin_full;
    engine->store->vtable = &full;
    assert_publishing_fails(WH_EFULL, "full");
    whi_writer_stop(engine->writer);
    engine->store->vtable = sound;
    assert_publishing_works();
}

/* The header, which is the manual, says each of them. */
static void the_manual_lists_what_publishing_fails_with(void **state) {
    static const char *const names[] = { "closed", "full", "locked", "moved", "corrupt", "store" };
    static char text[65536];
    FILE *header = fopen(WEBHOOK_TEST_DATA "/../../include/webhook.h", "r");
    char *from, *to;

    (void)state;
    assert_non_null(header);
    text[fread(text, 1, sizeof text - 1, header)] = '\0';
    fclose(header);
    from = strstr(text, "/* Accepts an event: durable");
    assert_non_null(from);
    to = strstr(from, "WH_API int wh_publish(");
    assert_non_null(to);
    *to = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_has(from, names[i]);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_store_that_another_program_locks_is_locked),
        TEST(a_store_whose_file_was_moved_is_moved),
        TEST(a_store_that_lacks_a_table_is_corrupt),
        TEST(a_disk_that_is_full_is_full),
        cmocka_unit_test(the_manual_lists_what_publishing_fails_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
