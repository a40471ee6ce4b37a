/* News from other processes, where the store tells and where one has to look. */
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine_fixture.h"
#include "work/upkeep.h"

#define URL "\"url\":\"https://example.com/hook\""

#define HOUR_US INT64_C(3600000000)
#define PATIENCE_US INT64_C(20000000)

/* A store that tells: what is written into one end of a pipe. */
static whi_store_vtable telling;
static const whi_store_vtable *sound;
static int ends[2];
static int asked;         /* times: listen */
static atomic_int looked; /* times: changes, which the writer asks for as well */
static int blind;         /* so many looks more see nothing new */
static int64_t seen;

static int listen_at_pipe(whi_store *store, int *fd) {
    char byte;

    (void)store;
    while (read(ends[0], &byte, 1) == 1) {}
    asked++;
    *fd = ends[0];
    return WH_OK;
}

static int changes_late(whi_store *store, int64_t *out) {
    int64_t now;
    int code = sound->changes(store, &now);

    looked++;
    if (blind > 0) {
        blind--;
    } else if (code == WH_OK) {
        seen = now;
    }
    *out = seen;
    return code;
}

/* The store tells nothing from now on, and what it told is forgotten. */
static void deafen(wh_engine *engine) {
    whi_worker *worker = engine->workers[0];

    if (worker->store_fd >= 0) {
        assert_int_equal(whi_poller_watch(worker->poller, worker->store_fd, WHI_READ, 0), WH_OK);
    }
    worker->store_fd = -1;
    worker->store_watch = 0;
    engine->store->ability.wakes = 0;
    if (whi_entry_is_set(&worker->look_again)) {
        whi_heap_leave(&worker->timetable.by_machine, &worker->look_again.item);
    }
}

/* A run gives the partitions back when it has ended for a while, which on a busy machine is soon, and who takes them
 * again reads the log; a step keeps them. */
static void hold_all(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    do {
        assert_true(wh_step(engine) >= 0 && whi_monotonic_us() < end);
    } while (atomic_load(&engine->position->count) < WH_PARTITIONS || atomic_load(&engine->lease->beating));
    assert_true(wh_step(engine) >= 0); /* which looks for what waits in them */
}

/* An engine that would look by itself in an hour. */
static wh_engine *listener(const char *file) {
    wh_engine *engine = fixture_open(file, NULL);

    deafen(engine);
    fixture_subscribe(engine, "{" URL "}", NULL);
    engine->store->ability.look_us = HOUR_US;
    fixture_run(engine);
    hold_all(engine);
    return engine;
}

/* No beat, which is a commit, comes in between. */
static void hold_beat(wh_engine *engine) {
    int64_t far = whi_monotonic_us() + HOUR_US;

    atomic_store(&engine->lease->next_beat, far);
    atomic_store(&engine->lease->until, far);
}

/* The pipe tells it, in this way. */
static void give_pipe(wh_engine *engine, int wakes) {
    whi_worker *worker = engine->workers[0];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    sound = engine->store->vtable;
    assert_int_equal(sound->changes(engine->store, &seen), WH_OK);
    telling = *sound;
    telling.listen = listen_at_pipe;
    telling.changes = changes_late;
    engine->store->vtable = &telling;
    engine->store->ability.wakes = wakes;
    whi_upkeep_listen(worker);
    hold_beat(engine);
    worker->heard_changes = worker->seen_changes;
    worker->writer_turns = whi_writer_turns(engine->writer);
    asked = 0;
    looked = 0;
    blind = 0;
}

static void tell(void) {
    assert_int_equal(write(ends[1], "x", 1), 1);
}

static void take_pipe(wh_engine *engine) {
    engine->store->vtable = sound;
    wh_close(engine);
    close(ends[0]);
    close(ends[1]);
}

static void publish_elsewhere(const char *file) {
    wh_engine *other = fixture_open(file, NULL);

    fixture_publish(other, "a", "1", NULL);
    wh_close(other);
}

static void turn_until_sent(wh_engine *engine, size_t count) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    while (fixture_sent_count < count && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(fixture_sent_count, count);
}

/* Until no look is to be made before the regular one. */
static void turn_until_rest(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    do {
        assert_true(wh_step(engine) >= 0);
    } while (wh_timeout(engine) < 1000 && whi_monotonic_us() < end);
    assert_true(wh_timeout(engine) >= 1000);
}

static void turn_a_while(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 300000;

    while (fixture_sent_count == 0 && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
}

static void what_the_store_tells_is_heard_at_once(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = listener(file);

    (void)state;
    give_pipe(engine, 1);
    publish_elsewhere(file);
    turn_a_while(engine);
    assert_int_equal(fixture_sent_count, 0);
    tell();
    turn_until_sent(engine, 1);
    take_pipe(engine);
}

static void what_is_told_early_is_looked_for_until_it_is_there(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = listener(file);

    (void)state;
    give_pipe(engine, WH_WAKES_EARLY);
    publish_elsewhere(file);
    blind = 6;
    tell();
    turn_until_sent(engine, 1);
    take_pipe(engine);
}

static void a_wake_up_for_nothing_is_forgotten_soon(void **state) {
    wh_engine *engine = listener(fixture_file());

    (void)state;
    give_pipe(engine, WH_WAKES_EARLY);
    tell();
    turn_until_rest(engine);
    assert_true(looked > 2 && looked < 20);
    looked = 0;
    assert_true(wh_step(engine) >= 0);
    assert_int_equal(looked, 0);
    take_pipe(engine);
}

/* What this process commits wakes it too. */
static void own_commits_are_hardly_looked_after(void **state) {
    wh_engine *engine = listener(fixture_file());

    (void)state;
    give_pipe(engine, WH_WAKES_EARLY);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    looked = 0;
    tell();
    turn_until_rest(engine);
    assert_int_equal(looked, 2);
    looked = 0;
    tell();
    turn_until_rest(engine);
    assert_true(looked > 2);
    take_pipe(engine);
}

/* Who commits all the time wakes nobody each time, and is not forgotten. */
static void what_is_told_during_the_looks_is_seen_by_those_that_are_left(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = listener(file);

    (void)state;
    give_pipe(engine, WH_WAKES_EARLY);
    tell();
    assert_true(wh_step(engine) >= 0);
    assert_int_equal(asked, 1);
    publish_elsewhere(file);
    tell();
    blind = 6;
    assert_true(wh_step(engine) >= 0);
    assert_int_equal(asked, 1);
    turn_until_sent(engine, 1);
    take_pipe(engine);
}

/* A transaction that has told of itself and is not committed yet, until it may. */
static atomic_int may_commit, committed;

static int tell_and_wait(whi_job *job, whi_store *store) {
    (void)job;
    (void)store;
    tell();
    while (!atomic_load(&may_commit)) {
        usleep(100);
    }
    return WH_OK;
}

static void note_commit(whi_job *job, int code, const char *sentence) {
    (void)job;
    (void)sentence;
    atomic_store(&committed, code == WH_OK);
}

static void wait_until(const atomic_int *flag) {
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    while (!atomic_load(flag) && whi_monotonic_us() < end) {
        usleep(100);
    }
    assert_true(atomic_load(flag));
}

/* Our own commit wakes us before it is made: what is told behind it is not taken for a part of it. */
static void after_an_own_commit_others_are_told_apart_again(void **state) {
    wh_engine *engine = listener(fixture_file());
    whi_job job = { .run = tell_and_wait, .done = note_commit };
    int64_t end = whi_monotonic_us() + PATIENCE_US;

    (void)state;
    give_pipe(engine, WH_WAKES_EARLY);
    atomic_store(&may_commit, 0);
    atomic_store(&committed, 0);
    whi_writer_submit(engine->writer, &job);
    while (asked == 0 && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
    atomic_store(&may_commit, 1);
    wait_until(&committed);
    turn_until_rest(engine);
    looked = 0;
    tell();
    turn_until_rest(engine);
    assert_true(looked > 2);
    take_pipe(engine);
}

/* All lanes are asked for with the first; with those that follow at once, new events alone. */
static void changes_in_quick_succession_are_all_heard(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = listener(file);

    (void)state;
    give_pipe(engine, WH_WAKES_EARLY);
    for (size_t i = 1; i <= 3; i++) {
        atomic_store(&engine->workers[0]->inbox.rescan, 0);
        publish_elsewhere(file);
        tell();
        turn_until_sent(engine, i);
        turn_until_rest(engine);
    }
    assert_true(engine->workers[0]->seen_changes != engine->workers[0]->heard_changes);
    take_pipe(engine);
}

static int lanes_asked; /* times: lanes */

static int lanes_counted(whi_store *store, whi_lane_fn each, void *payload) {
    lanes_asked++;
    return sound->lanes(store, each, payload);
}

static void execute(const char *file, const char *sql) {
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The engine has nothing to do, knows of all that was committed, and its lanes are counted when they are asked for. */
static wh_engine *counting(const char *file) {
    wh_engine *engine = listener(file);

    give_pipe(engine, WH_WAKES_EARLY);
    telling.lanes = lanes_counted;
    engine->reader->vtable = &telling;
    tell();
    turn_until_rest(engine);
    lanes_asked = 0;
    engine->workers[0]->acted_us = INT64_MIN / 2; /* the next look is one in full */
    return engine;
}

static void turn_a_while_after_telling(wh_engine *engine) {
    tell();
    turn_until_rest(engine);
    assert_true(engine->workers[0]->acted_us > 0);
}

/* However many lanes there are. */
static void a_commit_of_an_application_is_not_looked_after_in_all_lanes(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = counting(file);

    (void)state;
    execute(file, "CREATE TABLE own (a)");
    turn_a_while_after_telling(engine);
    assert_int_equal(lanes_asked, 0);
    assert_int_equal(atomic_load(&engine->more_events), 0);
    assert_int_equal(atomic_load(&engine->more_rows), 0);
    engine->reader->vtable = sound;
    take_pipe(engine);
}

static void a_commit_that_is_for_others_lanes_is_looked_after(void **state) {
    const char *file = fixture_file();
    wh_query delivered = WH_QUERY_INIT;
    wh_engine *other, *engine;

    (void)state;
    engine = counting(file);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    tell();
    turn_until_rest(engine);
    lanes_asked = 0;
    engine->workers[0]->acted_us = INT64_MIN / 2;
    other = fixture_open(file, NULL);
    delivered.state = "delivered";
    assert_int_equal(wh_replay_query(other, &delivered, NULL), WH_OK);
    wh_close(other);
    turn_a_while_after_telling(engine);
    assert_int_equal(lanes_asked, 1);
    turn_until_sent(engine, 2);
    engine->reader->vtable = sound;
    take_pipe(engine);
}

static void a_store_that_ceased_to_tell_is_asked_again(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = listener(file);

    (void)state;
    give_pipe(engine, WH_WAKES_EARLY);
    engine->store->ability.look_us = 1000;
    whi_timetable_again(&engine->workers[0]->timetable, &engine->workers[0]->look, 0);
    assert_true(wh_step(engine) >= 0);
    assert_int_equal(asked, 0);
    publish_elsewhere(file);
    turn_until_sent(engine, 1);
    assert_int_equal(asked, 1);
    take_pipe(engine);
}

static int cannot_listen(whi_store *store, int *fd) {
    (void)store;
    *fd = -1;
    return whi_fail(WH_ERESOURCE, "no more of these");
}

static int warnings;

static void on_line(int level, const char *line, void *payload) {
    (void)payload;
    warnings += level == WH_LOG_WARNING && strstr(line, "no more of these") != NULL;
}

static void where_it_cannot_be_told_the_log_says_so_and_one_looks(void **state) {
    const char *file = fixture_file();
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    (void)state;
    options.log = on_line;
    engine = fixture_open(file, &options);
    fixture_subscribe(engine, "{" URL "}", NULL);
    fixture_run(engine);
    deafen(engine);
    sound = engine->store->vtable;
    telling = *sound;
    telling.listen = cannot_listen;
    engine->store->vtable = &telling;
    whi_upkeep_listen(engine->workers[0]);
    assert_int_equal(engine->workers[0]->store_fd, -1);
    assert_int_equal(warnings, 1);
    publish_elsewhere(file);
    turn_until_sent(engine, 1);
    engine->store->vtable = sound;
    wh_close(engine);
}

static void where_nothing_tells_the_store_says_how_often_to_look(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL), *other = fixture_open(file, NULL);

    (void)state;
    deafen(engine);
    fixture_subscribe(engine, "{" URL "}", NULL);
    engine->store->ability.look_us = 1000;
    fixture_run(engine);
    fixture_publish(other, "a", "1", NULL);
    turn_until_sent(engine, 1);
    wh_close(other);
    wh_close(engine);
}

/* 0 is no time to wait: the engine does not spin. */
static void a_store_that_names_no_time_is_looked_at_all_the_same(void **state) {
    wh_engine *engine = fixture_open(fixture_file(), NULL);

    (void)state;
    for (int wakes = 0; wakes <= 1; wakes++) {
        engine->store->ability.look_us = 0;
        engine->store->ability.wakes = wakes;
        whi_timetable_again(&engine->workers[0]->timetable, &engine->workers[0]->look, 0);
        fixture_run(engine);
        assert_true(wh_step(engine) >= 0);
        assert_true(wh_step(engine) >= 0);
        assert_true(wh_timeout(engine) > 0);
    }
    wh_close(engine);
}

static void what_is_due_by_the_engines_clock_is_waited_for(void **state) {
    wh_engine *engine = listener(fixture_file());
    whi_worker *worker = engine->workers[0];

    (void)state;
    assert_true(wh_step(engine) >= 0);
    whi_timetable_again(&worker->timetable, &worker->look, INT64_MAX);
    whi_timetable_at(&worker->timetable, &worker->purge, fixture_time + 100);
    assert_true(wh_timeout(engine) <= 100);
    wh_close(engine);
}

/* Whoever asks for events to be claimed may be another worker's thread, which wakes nobody. */
static void a_claim_that_was_asked_for_is_made_soon(void **state) {
    wh_engine *engine = listener(fixture_file());
    whi_worker *worker = engine->workers[0];

    (void)state;
    assert_true(wh_step(engine) >= 0);
    whi_timetable_again(&worker->timetable, &worker->look, INT64_MAX);
    atomic_store(&engine->more_events, 1);
    assert_true(wh_timeout(engine) <= 100);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(what_the_store_tells_is_heard_at_once),
        TEST(what_is_told_early_is_looked_for_until_it_is_there),
        TEST(a_wake_up_for_nothing_is_forgotten_soon),
        TEST(own_commits_are_hardly_looked_after),
        TEST(what_is_told_during_the_looks_is_seen_by_those_that_are_left),
        TEST(after_an_own_commit_others_are_told_apart_again),
        TEST(changes_in_quick_succession_are_all_heard),
        TEST(a_commit_of_an_application_is_not_looked_after_in_all_lanes),
        TEST(a_commit_that_is_for_others_lanes_is_looked_after),
        TEST(a_store_that_ceased_to_tell_is_asked_again),
        TEST(where_it_cannot_be_told_the_log_says_so_and_one_looks),
        TEST(where_nothing_tells_the_store_says_how_often_to_look),
        TEST(a_store_that_names_no_time_is_looked_at_all_the_same),
        TEST(what_is_due_by_the_engines_clock_is_waited_for),
        TEST(a_claim_that_was_asked_for_is_made_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
