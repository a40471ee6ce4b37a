/* The log and its partitions, as two engines share them: who decides what, what changes hands, in which
 * order it arrives. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"
#include "log_sql.h"

#define MANY 64 /* subscriptions: some in each half of the partitions */
#define ROUNDS 2000

static void turn_both(wh_engine *one, wh_engine *two) {
    fixture_turn(one);
    fixture_turn(two);
    usleep(200);
}

/* A heartbeat, now. */
static void beat(wh_engine *engine, wh_engine *other) {
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
    for (int i = 0; i < ROUNDS && (i == 0 || atomic_load(&engine->lease->next_beat) == 0); i++) {
        turn_both(engine, other);
    }
}

/* Beats alone, as if so much time had passed since the one before. */
static void beat_alone(wh_engine *engine, int64_t us) {
    engine->lease->seen_us -= us;
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
    for (int i = 0; i < ROUNDS && atomic_load(&engine->lease->next_beat) == 0; i++) {
        fixture_turn(engine);
        usleep(200);
    }
}

static int partitions_of(wh_engine *engine) {
    return atomic_load(&engine->position->count) - atomic_load(&engine->position->leaving);
}

/* Both are turned, and beat, until each has its half. */
static void share(wh_engine *one, wh_engine *two) {
    for (int i = 0; i < 20 && (partitions_of(one) != WH_PARTITIONS / 2 || partitions_of(two) != WH_PARTITIONS / 2);
         i++) {
        beat(one, two);
        beat(two, one);
    }
    assert_int_equal(partitions_of(one), WH_PARTITIONS / 2);
    assert_int_equal(partitions_of(two), WH_PARTITIONS / 2);
}

static void turn_until_sent(wh_engine *one, wh_engine *two, size_t count) {
    for (int i = 0; i < ROUNDS && fixture_sent_count < count; i++) {
        whi_hand_over_later(one); /* as the look would, ten times a second */
        whi_hand_over_later(two);
        turn_both(one, two);
    }
    assert_int_equal(fixture_sent_count, count);
}

static void subscribe_many(wh_engine *engine, const char *more) {
    char document[200];

    for (int i = 0; i < MANY; i++) {
        snprintf(document, sizeof document, "{\"url\":\"https://example.com/%d\"%s}", i, more);
        fixture_subscribe(engine, document, NULL);
    }
}

static wh_engine *one, *two;
static const char *both_on;

static void open_both(const char *more) {
    both_on = fixture_file();
    one = fixture_open(both_on, NULL);
    two = fixture_open(both_on, NULL);
    subscribe_many(one, more);
    share(one, two);
}

static void close_both(void) {
    wh_close(one);
    wh_close(two);
}

/* -------------------------------------------------------------------------------- shares */

static void each_of_two_decides_its_half(void **state) {
    (void)state;
    open_both("");
    for (int i = 0; i < 4; i++) {
        fixture_publish(i % 2 ? one : two, "a", "1", NULL);
    }
    turn_until_sent(one, two, 4 * MANY);
    for (int i = 0; i < 50; i++) {
        turn_both(one, two);
    }
    assert_int_equal(fixture_sent_count, 4 * MANY); /* each once */
    assert_true(atomic_load(&one->count.attempts) > MANY);
    assert_true(atomic_load(&two->count.attempts) > MANY);
    close_both();
}

static void who_is_left_alone_has_all_of_them(void **state) {
    (void)state;
    open_both("");
    fixture_publish(two, "a", "1", NULL);
    wh_close(two); /* with what it has not decided */
    two = NULL;
    for (int i = 0; i < ROUNDS && fixture_sent_count < MANY; i++) {
        whi_hand_over_later(one);
        beat_alone(one, 0);
    }
    assert_int_equal(fixture_sent_count, MANY);
    assert_int_equal(partitions_of(one), WH_PARTITIONS);
    close_both();
}

static void who_takes_a_row_away_takes_its_partitions_at_once(void **state) {
    (void)state;
    open_both("");
    atomic_store(&two->lease->next_beat, INT64_MAX);
    whi_writer_nudge(two->writer);
    for (int i = 0; i < 10 && life_sql(both_on, "SELECT count(*) FROM webhook_workers") == 2; i++) {
        beat_alone(one, 2000000);
    }
    assert_int_equal(life_sql(both_on, "SELECT count(*) FROM webhook_workers"), 1);
    assert_int_equal(partitions_of(one), WH_PARTITIONS);
    close_both();
}

static void for_who_was_not_seen_to_beat_nothing_leaves(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    two = NULL;
    for (int i = 0; i < ROUNDS && partitions_of(one) < WH_PARTITIONS; i++) {
        fixture_turn(one);
    }
    life_sql(file, "INSERT INTO webhook_workers (beat, share, position) VALUES (0, 1, 9223372036854775807)");
    for (int i = 0; i < 4; i++) {
        beat_alone(one, 0); /* in quick succession, as behind a sweep that has more to do */
    }
    assert_int_equal(partitions_of(one), WH_PARTITIONS);
    close_both();
}

/* It has requests under way, which are answered when its partitions are to leave. */
static void what_is_under_way_keeps_a_partition_from_leaving(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    subscribe_many(one, "");
    fixture_run(one);
    atomic_store(&fixture_script.hang, 1);
    fixture_publish(one, "a", "1", NULL);
    for (int i = 0; i < ROUNDS && fixture_sent_count < MANY; i++) {
        fixture_turn(one);
    }
    two = fixture_open(file, NULL);
    for (int i = 0; i < 4; i++) {
        beat(one, two);
        beat(two, one);
    }
    assert_true(atomic_load(&one->position->leaving) > 0);
    assert_true(life_sql(file, "SELECT count(*) FROM webhook_partitions WHERE owner = 2") < WH_PARTITIONS / 2);
    assert_int_equal(fixture_sent_count, MANY); /* nobody else has sent it */
    wh_close(one);                              /* cut off: it is not recorded, and two sends it once more */
    atomic_store(&fixture_script.hang, 0);
    one = NULL;
    for (int i = 0; i < ROUNDS && fixture_sent_count < 2 * MANY; i++) {
        whi_hand_over_later(two);
        beat_alone(two, 0);
    }
    assert_int_equal(fixture_sent_count, 2 * MANY);
    close_both();
}

static void a_run_takes_nothing_from_who_stays(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    subscribe_many(one, "");
    for (int i = 0; i < ROUNDS && partitions_of(one) < WH_PARTITIONS; i++) {
        fixture_turn(one);
    }
    two = fixture_open(file, NULL);
    assert_int_equal(wh_run(two), WH_OK); /* nothing is to be done */
    assert_int_equal(partitions_of(one), WH_PARTITIONS);
    assert_int_equal(partitions_of(two), 0);
    close_both();
}

static void after_a_run_others_need_not_wait(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    two = fixture_open(file, NULL);
    subscribe_many(one, "");
    fixture_publish(one, "a", "1", NULL);
    fixture_run(one);
    life_wait_sql(file, LOG_OWNED, 0);
    fixture_publish(one, "a", "2", NULL);
    fixture_run(two);
    assert_int_equal(fixture_sent_count, 2 * MANY);
    close_both();
}

/* The other way round nobody moves a position, and nothing is forgotten. */
static void what_was_published_while_nobody_worked_is_decided(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    subscribe_many(one, "");
    for (int i = 0; i < 3; i++) {
        fixture_publish(one, "a", "1", NULL);
    }
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 3);
    two = fixture_open(file, NULL);
    assert_int_equal(wh_idle(two), 0);
    fixture_run(two);
    assert_int_equal(fixture_sent_count, 3 * MANY);
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    close_both();
}

/* Nothing is wanted, so nothing is written but the position. */
static void a_position_passes_what_nobody_wants(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    two = NULL;
    fixture_publish(one, "a", "1", NULL);
    fixture_run(one);
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    assert_int_equal(wh_idle(one), 1);
    close_both();
}

/* ------------------------------------------------------------------------ at any moment */

#define PUBLISHERS 2
#define EACH 150
#define COMINGS 12

static void *publish_some(void *payload) {
    for (int i = 0; i < EACH; i++) {
        life_publish(payload, "a", i % 2 ? "k" : NULL, "1");
        usleep(2000);
    }
    return NULL;
}

static void hurry(wh_engine *engine) {
    atomic_store(&engine->lease->next_beat, 0);
    whi_writer_nudge(engine->writer);
}

/* Beats, one upon the other, while a third comes, works and goes. */
static void come_and_go(const char *file, int i) {
    wh_engine *three = fixture_open(file, NULL);

    assert_int_equal(wh_start(three, 1 + (unsigned)i % 2), WH_OK);
    for (int k = 0; k < 20; k++) {
        hurry(i % 3 == 0 ? three : one);
        usleep(1000);
        hurry(two);
        hurry(three);
        usleep(1000);
    }
    assert_int_equal(wh_stop(three, 10000), WH_OK);
    wh_close(three);
}

static int is_all_decided(void) {
    for (int i = 0; i < 300 && life_sql(both_on, LOG_UNDECIDED) > 0; i++) {
        hurry(one);
        hurry(two);
        usleep(20000);
    }
    return life_sql(both_on, LOG_UNDECIDED) == 0;
}

static void what_changes_hands_at_any_moment_is_decided_once(void **state) {
    pthread_t threads[PUBLISHERS];

    (void)state;
    open_both(",\"order\":\"key\"");
    assert_int_equal(wh_start(one, 2), WH_OK);
    assert_int_equal(wh_start(two, 2), WH_OK);
    for (int i = 0; i < PUBLISHERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, publish_some, i == 0 ? one : two), 0);
    }
    for (int i = 0; i < COMINGS; i++) {
        come_and_go(both_on, i);
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(is_all_decided());
    life_wait_idle(one);
    assert_int_equal(life_sql(both_on, "SELECT count(*) FROM webhook_deliveries WHERE state <> 3"), 0);
    assert_int_equal(life_sql(both_on, "SELECT count(*) FROM webhook_deliveries"), PUBLISHERS * EACH * MANY);
    assert_int_equal(fixture_count(), PUBLISHERS * EACH * MANY);
    close_both();
}

/* The position stands before an event whose receiver hangs; the one behind it was decided before the
 * subscription was made. */
static void who_was_made_after_an_event_was_decided_does_not_get_it(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    fixture_subscribe(one, "{\"url\":\"https://example.com/slow\",\"events\":[\"slow\"]}", NULL);
    atomic_store(&fixture_script.hang, 1);
    fixture_publish(one, "slow", "1", NULL);
    fixture_publish(one, "fast", "2", NULL);
    for (int i = 0; i < ROUNDS && (fixture_sent_count < 1 || one->position->undecided.count > 1); i++) {
        fixture_turn(one);
        usleep(200);
    }
    assert_int_equal(one->position->undecided.count, 1);
    atomic_fetch_add(&fixture_time, 1000);
    fixture_subscribe(one, "{\"url\":\"https://example.com/fast\",\"events\":[\"fast\"]}", NULL);
    wh_close(one);
    atomic_store(&fixture_script.hang, 0);
    one = NULL;
    two = fixture_open(file, NULL);
    fixture_run(two);
    assert_int_equal(fixture_sent_count, 2); /* the slow one twice */
    close_both();
}

/* --------------------------------------------------------------------------------- order */

static void write_row(const char *file, int i) {
    char sql[200];

    snprintf(sql, sizeof sql, "INSERT INTO webhook_outbox (type, payload, key) VALUES ('a', '%d', 'k')", i);
    life_sql(file, sql);
}

/* One after the other, by one engine, the other, and a program; and they come so. */
static void what_three_have_published_arrives_in_its_order(void **state) {
    int last[MANY] = { 0 };

    (void)state;
    open_both(",\"order\":\"key\"");
    for (int i = 1; i <= 30; i++) {
        wh_event event = WH_EVENT_INIT;
        char payload[20];
        snprintf(payload, sizeof payload, "%d", i);
        event.type = "a";
        event.payload = payload;
        event.payload_size = WH_ZSTR;
        event.key = "k";
        if (i % 3 == 0) {
            write_row(both_on, i);
        } else {
            assert_int_equal(wh_publish(i % 3 == 1 ? one : two, &event, NULL), WH_OK);
        }
        if (i % 7 == 0) {
            turn_both(one, two);
        }
    }
    for (int i = 0; i < 20; i++) {
        atomic_store(&one->more_rows, 1);
        turn_both(one, two);
    }
    turn_until_sent(one, two, 30 * MANY);
    for (size_t i = 0; i < fixture_sent_count; i++) {
        int lane = (int)strtol(strrchr(fixture_sent[i].url, '/') + 1, NULL, 10);
        int number = (int)strtol(fixture_sent[i].body, NULL, 10);
        assert_int_equal(number, last[lane] + 1);
        last[lane] = number;
    }
    close_both();
}

/* The first event behind another process's change, which it is handed over before: the change is not read yet. */
static void behind_a_change_that_may_be_an_order_one_worker_has_them_all(void **state) {
    (void)state;
    open_both("");
    fixture_subscribe(two, "{\"url\":\"https://example.com/0\",\"order\":\"key\"}", NULL);
    assert_int_equal(whi_registry_expect(one->registry), WH_OK); /* as it is published */
    atomic_store(&one->worker_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(whi_hand_over_to(one), one->inboxes[0]);
    }
    atomic_store(&one->worker_count, 1);
    close_both();
}

/* More of them than one transaction takes: what is published next goes behind the rest, too. */
static void what_a_program_wrote_before_comes_before(void **state) {
    const char *file = fixture_file();

    (void)state;
    one = fixture_open(file, NULL);
    two = NULL;
    fixture_publish(one, "a", "1", NULL);
    life_sql(file, "INSERT INTO webhook_outbox (type, payload) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL"
                   " SELECT i + 1 FROM n WHERE i < 5000) SELECT 'a', '1' FROM n");
    fixture_publish(one, "a", "1", NULL);
    fixture_publish(one, "a", "1", NULL);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_outbox"), 0);
    close_both();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(each_of_two_decides_its_half),
        TEST(who_is_left_alone_has_all_of_them),
        TEST(who_takes_a_row_away_takes_its_partitions_at_once),
        TEST(for_who_was_not_seen_to_beat_nothing_leaves),
        TEST(what_is_under_way_keeps_a_partition_from_leaving),
        TEST(a_run_takes_nothing_from_who_stays),
        TEST(after_a_run_others_need_not_wait),
        TEST(what_was_published_while_nobody_worked_is_decided),
        TEST(a_position_passes_what_nobody_wants),
        TEST(what_changes_hands_at_any_moment_is_decided_once),
        TEST(who_was_made_after_an_event_was_decided_does_not_get_it),
        TEST(what_three_have_published_arrives_in_its_order),
        TEST(behind_a_change_that_may_be_an_order_one_worker_has_them_all),
        TEST(what_a_program_wrote_before_comes_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
