/* A log that says a line once and then how often it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "engine_fixture.h"

#define THREADS 4
#define ROUNDS 10000

static char said[32][WHI_LOG_SIZE];
static int levels[32], count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_line(int level, const char *line, void *payload) {
    (void)payload;
    pthread_mutex_lock(&lock);
    if (count < 32) {
        levels[count] = level;
        snprintf(said[count++], sizeof said[0], "%s", line);
    }
    pthread_mutex_unlock(&lock);
}

static wh_engine *open_one(void) {
    wh_options options = WH_OPTIONS_INIT;

    count = 0;
    options.log = on_line;
    return fixture_open(":memory:", &options);
}

static void a_line_that_comes_again_is_counted_and_told_at_the_end(void **state) {
    wh_engine *engine = open_one();

    (void)state;
    for (int i = 0; i < 100; i++) {
        whi_log(&engine->log, WH_LOG_ERROR, "no heartbeat now: %s", "locked");
    }
    assert_int_equal(count, 1);
    whi_log(&engine->log, WH_LOG_WARNING, "another");
    assert_int_equal(count, 2);
    wh_close(engine);
    assert_int_equal(count, 3);
    assert_string_equal(said[0], "no heartbeat now: locked");
    assert_string_equal(said[1], "another");
    assert_string_equal(said[2], "99 more times: no heartbeat now: locked");
    assert_int_equal(levels[2], WH_LOG_ERROR);
}

static void lines_that_take_turns_are_counted_each(void **state) {
    wh_engine *engine = open_one();

    (void)state;
    for (int i = 0; i < 30; i++) {
        whi_log(&engine->log, WH_LOG_ERROR, "part %d cannot write", i % 3);
    }
    assert_int_equal(count, 3);
    wh_close(engine);
    assert_int_equal(count, 6);
    assert_string_equal(said[5], "9 more times: part 2 cannot write");
}

static void the_same_words_of_another_level_are_another_line(void **state) {
    wh_engine *engine = open_one();

    (void)state;
    whi_log(&engine->log, WH_LOG_ERROR, "words");
    whi_log(&engine->log, WH_LOG_WARNING, "words");
    assert_int_equal(count, 2);
    wh_close(engine);
    assert_int_equal(count, 2);
}

/* ---- the memory alone, with a clock of its own */

static void after_a_minute_it_is_told_and_given_again(void **state) {
    static whi_log_memory memory;
    char line[WHI_LOG_SIZE];
    int level;

    (void)state;
    whi_log_begin(&memory);
    assert_true(whi_log_is_new(&memory, 1, "a", 1000));
    assert_false(whi_log_is_new(&memory, 1, "a", 1000 + WHI_LOG_US - 1));
    assert_false(whi_log_told(&memory, 1000 + WHI_LOG_US - 1, &level, line));
    assert_true(whi_log_told(&memory, 1000 + WHI_LOG_US, &level, line));
    assert_string_equal(line, "1 more time: a");
    assert_false(whi_log_told(&memory, 1000 + WHI_LOG_US, &level, line));
    assert_true(whi_log_is_new(&memory, 1, "a", 1000 + WHI_LOG_US));
    whi_log_end(&memory);
}

static void more_kinds_than_are_remembered_are_all_given(void **state) {
    static whi_log_memory memory;
    char line[WHI_LOG_SIZE], text[24];
    int level, told = 0;

    (void)state;
    whi_log_begin(&memory);
    for (int i = 0; i < WHI_LOG_LINES; i++) {
        snprintf(text, sizeof text, "repeats %d", i);
        assert_true(whi_log_is_new(&memory, 1, text, i));
        assert_false(whi_log_is_new(&memory, 1, text, i));
    }
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "new %d", i);
        assert_true(whi_log_is_new(&memory, 1, text, 100));
    }
    while (whi_log_told(&memory, INT64_MAX, &level, line)) {
        told++;
    }
    assert_int_equal(told, WHI_LOG_LINES);
    whi_log_end(&memory);
}

static void the_longest_line_is_cut(void **state) {
    static whi_log_memory memory;
    char line[WHI_LOG_SIZE], text[WHI_LOG_SIZE];
    int level;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    whi_log_begin(&memory);
    assert_true(whi_log_is_new(&memory, 1, text, 0));
    assert_false(whi_log_is_new(&memory, 1, text, 0));
    assert_true(whi_log_told(&memory, INT64_MAX, &level, line));
    assert_int_equal(strlen(line), sizeof line - 1);
    whi_log_end(&memory);
}

static void *repeat(void *payload) {
    wh_engine *engine = payload;

    for (int i = 0; i < ROUNDS; i++) {
        whi_log(&engine->log, WH_LOG_ERROR, "all the same");
    }
    return NULL;
}

static void threads_lose_no_count(void **state) {
    wh_engine *engine = open_one();
    pthread_t threads[THREADS];
    char expected[64];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, repeat, engine), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    wh_close(engine);
    assert_int_equal(count, 2);
    snprintf(expected, sizeof expected, "%d more times: all the same", THREADS * ROUNDS - 1);
    assert_string_equal(said[1], expected);
}

/* ------------------------------------------------------------------------- its parts */

static void on_record(const wh_log_record *record, void *payload) {
    assert_int_equal(record->size, sizeof *record);
    assert_ptr_equal(payload, &count);
    assert_int_equal(record->time, atomic_load(&fixture_time));
    levels[count] = (int)record->level;
    snprintf(said[count], sizeof said[0], "%s|%s|%d", record->message, record->line, (int)record->field_count);
    count += count < 31;
}

static wh_engine *open_with_records(int64_t level) {
    wh_options options = WH_OPTIONS_INIT;

    count = 0;
    options.log = on_line; /* is not called then */
    options.log_record = on_record;
    options.log_payload = &count;
    options.log_level = level;
    return fixture_open(":memory:", &options);
}

static void a_record_has_the_words_and_the_fields(void **state) {
    const wh_log_field fields[] = {
        { "subscription", "sub_1", 0 },
        { "failures", NULL, -3 },
        { "error", "it \"said\" \\ and\nleft", 0 },
        { "tenant", "", 0 },
        { "reason", "a=b", 0 },
    };
    wh_engine *engine = open_with_records(0);

    (void)state;
    whi_log_fields(&engine->log, WH_LOG_WARNING, "it fails", fields, 5);
    whi_log(&engine->log, WH_LOG_INFO, "plain %d", 7);
    assert_string_equal(said[0], "it fails|it fails subscription=sub_1 failures=-3 "
                                 "error=\"it \\\"said\\\" \\\\ and left\" tenant=\"\" reason=\"a=b\"|5");
    assert_string_equal(said[1], "plain 7|plain 7|0");
    whi_log(&engine->log, WH_LOG_DEBUG, "unheard");
    assert_int_equal(count, 2);
    wh_close(engine);
}

static void a_line_is_cut_where_its_room_ends(void **state) {
    const wh_log_field field = { "error", "0123456789 0123456789", 0 };
    char line[16];

    (void)state;
    whi_log_line_write(line, sizeof line, "no", &field, 1);
    assert_string_equal(line, "no error=\"01234");
}

static void what_is_beyond_the_level_is_not_said(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = open_with_records(WH_LOG_ERROR);

    (void)state;
    whi_log(&engine->log, WH_LOG_WARNING, "unheard");
    whi_log(&engine->log, WH_LOG_ERROR, "heard");
    assert_int_equal(count, 1);
    assert_int_equal(levels[0], WH_LOG_ERROR);
    wh_close(engine);
    options.log_level = WH_LOG_DEBUG + 1;
    assert_int_equal(wh_open(&engine, ":memory:", &options), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "log_level");
}

/* Each, also those that say the same. */
static void each_attempt_is_told_to_who_asks_for_all(void **state) {
    wh_engine *engine = open_with_records(WH_LOG_DEBUG);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/hook\"}", NULL);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    fixture_script.status = 500;
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(count, 2);
    assert_memory_equal(said[0], "attempt succeeded|", 18);
    assert_has(said[0], "type=a attempt=1 state=delivered status=200 duration_us=");
    assert_memory_equal(said[1], "attempt failed|", 15);
    assert_has(said[1], "state=waiting status=500");
    assert_has(said[1], "code=status error=\"status: answered 500\"|10");
    assert_int_equal(levels[1], WH_LOG_DEBUG);
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_that_comes_again_is_counted_and_told_at_the_end, fixture_setup),
        cmocka_unit_test_setup(lines_that_take_turns_are_counted_each, fixture_setup),
        cmocka_unit_test_setup(the_same_words_of_another_level_are_another_line, fixture_setup),
        cmocka_unit_test(after_a_minute_it_is_told_and_given_again),
        cmocka_unit_test(more_kinds_than_are_remembered_are_all_given),
        cmocka_unit_test(the_longest_line_is_cut),
        cmocka_unit_test_setup(threads_lose_no_count, fixture_setup),
        cmocka_unit_test_setup(a_record_has_the_words_and_the_fields, fixture_setup),
        cmocka_unit_test_setup(a_line_is_cut_where_its_room_ends, fixture_setup),
        cmocka_unit_test_setup(what_is_beyond_the_level_is_not_said, fixture_setup),
        cmocka_unit_test_setup(each_attempt_is_told_to_who_asks_for_all, fixture_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
