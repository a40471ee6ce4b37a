/* What shares a transaction, and what does not. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/writer.h"
#include "engine_fixture.h"
#include "life_kit.h"

#define MIB (1 << 20)

/* A store that keeps nothing, and counts. */
static int transactions;

static int begin(whi_store *store) {
    (void)store;
    transactions++;
    return WH_OK;
}

static int commit(whi_store *store, whi_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    (void)store;
    (void)facts;
    (void)count;
    *outcome = WH_COMMITTED;
    return WH_OK;
}

static void rollback(whi_store *store) {
    (void)store;
}

static const whi_store_vtable counting = { .begin = begin, .commit = commit, .rollback = rollback };
static whi_store store = { .vtable = &counting };

/* A job that remembers the transaction that it was in. */
typedef struct numbered {
    whi_job job;
    int at, told;
} numbered;

static int run(whi_job *job, whi_store *in) {
    (void)in;
    ((numbered *)job)->at = transactions;
    return WH_OK;
}

static void done(whi_job *job, int code, const char *sentence) {
    (void)sentence;
    assert_int_equal(code, WH_OK);
    ((numbered *)job)->told++;
}

/* Queues all of them and runs what is queued. */
static void run_jobs(numbered *jobs, int count) {
    whi_writer *writer;

    transactions = 0;
    assert_int_equal(whi_writer_new(&writer, &store, NULL, NULL), WH_OK);
    for (int i = 0; i < count; i++) {
        jobs[i].job.run = run;
        jobs[i].job.done = done;
        jobs[i].job.rows = 2;
        whi_writer_submit(writer, &jobs[i].job);
    }
    whi_writer_drain(writer);
    whi_writer_free(writer);
    for (int i = 0; i < count; i++) {
        assert_int_equal(jobs[i].told, 1);
    }
}

static void small_jobs_share_a_transaction(void **state) {
    numbered jobs[100] = { 0 };

    (void)state;
    run_jobs(jobs, 100);
    assert_int_equal(transactions, 1);
}

static void a_large_job_shares_with_none_of_a_hundred_others(void **state) {
    numbered jobs[101] = { 0 };

    (void)state;
    jobs[50].job.bytes = 9 * MIB;
    for (int i = 0; i < 101; i++) {
        jobs[i].job.bytes += 1000;
    }
    run_jobs(jobs, 101);
    assert_int_equal(transactions, 3);
    assert_int_equal(jobs[49].at, 1);
    assert_int_equal(jobs[50].at, 2);
    assert_int_equal(jobs[51].at, 3);
    assert_int_equal(jobs[100].at, 3);
}

static void a_transaction_has_no_more_than_so_many_bytes(void **state) {
    numbered jobs[32] = { 0 };

    (void)state;
    for (int i = 0; i < 32; i++) {
        jobs[i].job.bytes = MIB;
    }
    run_jobs(jobs, 32);
    assert_int_equal(transactions, 32 * MIB / WHI_WRITER_BYTES);
    assert_int_equal(jobs[7].at, 1);
    assert_int_equal(jobs[8].at, 2);
}

static void the_rows_are_counted_too(void **state) {
    static numbered jobs[WHI_WRITER_ROWS];

    (void)state;
    memset(jobs, 0, sizeof jobs);
    run_jobs(jobs, WHI_WRITER_ROWS);
    assert_int_equal(transactions, 2);
}

static void prepare(numbered *job) {
    *job = (numbered){ .job = { .run = run, .done = done, .rows = 2 } };
}

/* At the latest, whether or not its time was over before. */
static void what_rides_is_done_with_the_next_job(void **state) {
    numbered rider, other;
    whi_writer *writer;

    (void)state;
    prepare(&rider);
    prepare(&other);
    rider.job.rides = 1;
    transactions = 0;
    assert_int_equal(whi_writer_new(&writer, &store, NULL, NULL), WH_OK);
    assert_int_equal(whi_writer_start(writer), WH_OK);
    whi_writer_submit(writer, &rider.job);
    assert_int_equal(whi_writer_run(writer, &other.job), WH_OK);
    whi_writer_free(writer);
    assert_int_equal(rider.told, 1);
    assert_true(rider.at > 0 && rider.at <= other.at);
}

static void what_rides_is_done_though_nothing_comes(void **state) {
    numbered rider;
    whi_writer *writer;

    (void)state;
    prepare(&rider);
    rider.job.rides = 1;
    assert_int_equal(whi_writer_new(&writer, &store, NULL, NULL), WH_OK);
    whi_writer_submit(writer, &rider.job); /* there is no thread that could wait */
    whi_writer_drain(writer);
    assert_int_equal(rider.told, 1);
    assert_int_equal(whi_writer_start(writer), WH_OK);
    whi_writer_submit(writer, &rider.job);
    whi_writer_stop(writer);
    assert_int_equal(rider.told, 2);
    whi_writer_free(writer);
}

/* One that brings something that rides while it is run, and so after its transaction was filled. */
typedef struct bringing {
    numbered base; /* first */
    whi_writer *writer;
    whi_job *brought;
} bringing;

static atomic_int brought_told;

static int bring(whi_job *job, whi_store *in) {
    bringing *self = (bringing *)job;

    whi_writer_submit(self->writer, self->brought);
    return run(job, in);
}

static void count_brought(whi_job *job, int code, const char *sentence) {
    (void)job;
    (void)sentence;
    assert_int_equal(code, WH_OK);
    atomic_fetch_add(&brought_told, 1);
}

/* The writer's thread waits for whatever comes, without an end, while the caller's leads. */
static void what_rides_is_done_though_it_came_while_another_thread_led(void **state) {
    numbered rider;
    bringing other = { .brought = &rider.job };
    int64_t end = whi_monotonic_us() + 30000000;

    (void)state;
    assert_int_equal(whi_writer_new(&other.writer, &store, NULL, NULL), WH_OK);
    assert_int_equal(whi_writer_start(other.writer), WH_OK);
    for (int round = 1; round <= 20; round++) {
        prepare(&rider);
        rider.job.rides = 1;
        rider.job.done = count_brought;
        prepare(&other.base);
        other.base.job.run = bring;
        assert_int_equal(whi_writer_run(other.writer, &other.base.job), WH_OK);
        while (atomic_load(&brought_told) < round) {
            assert_true(whi_monotonic_us() < end);
            sched_yield();
        }
    }
    whi_writer_free(other.writer);
}

/* ------------------------------------------------------------- commits of which nothing is known */

static enum wh_backend_commit becomes; /* in the end */
static int looks, looks_needed, commits_unknown, rolled_back;

/* In front of the C library's: the writer's pauses take no time. */
__attribute__((visibility("default"))) int nanosleep(const struct timespec *time, struct timespec *left) {
    (void)time;
    (void)left;
    return 0;
}

static int commit_unknown(whi_store *in, whi_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    (void)in;
    (void)facts;
    (void)count;
    *outcome = commits_unknown-- > 0 ? WH_COMMIT_UNKNOWN : WH_COMMITTED;
    return *outcome == WH_COMMITTED ? WH_OK : whi_fail(WH_ESTORE, "the connection broke");
}

static int told_before; /* jobs that were told while nothing was known */

static numbered asked[2];

static void look(whi_store *in, enum wh_backend_commit *outcome) {
    (void)in;
    told_before += asked[0].told + asked[1].told;
    *outcome = ++looks < looks_needed ? WH_COMMIT_UNKNOWN : becomes;
}

static void count_rollback(whi_store *in) {
    (void)in;
    rolled_back++;
}

static const whi_store_vtable breaking = {
    .begin = begin, .commit = commit_unknown, .settle = look, .rollback = count_rollback
};
static whi_store broken = { .vtable = &breaking };
static int codes[2];
static char sentence_told[WHI_ERROR_SIZE];

static void keep_code(whi_job *job, int code, const char *sentence) {
    numbered *self = (numbered *)job;

    self->told++;
    codes[self - asked] = code;
    memcpy(sentence_told, sentence, strlen(sentence) + 1);
}

/* Two jobs in one commit that breaks, of which the store knows after so many looks. */
static void run_two(int needed, enum wh_backend_commit end) {
    whi_writer *writer;

    transactions = looks = told_before = rolled_back = 0;
    commits_unknown = 1;
    looks_needed = needed;
    becomes = end;
    memset(asked, 0, sizeof asked);
    assert_int_equal(whi_writer_new(&writer, &broken, NULL, NULL), WH_OK);
    for (int i = 0; i < 2; i++) {
        asked[i].job.run = run;
        asked[i].job.done = keep_code;
        whi_writer_submit(writer, &asked[i].job);
    }
    whi_writer_drain(writer);
    whi_writer_free(writer);
    assert_int_equal(told_before, 0);
    assert_int_equal(asked[0].told, 1);
    assert_int_equal(asked[1].told, 1);
}

static void what_is_found_to_be_committed_is_done(void **state) {
    (void)state;
    run_two(3, WH_COMMITTED);
    assert_int_equal(looks, 3);
    assert_int_equal(codes[0], WH_OK);
    assert_int_equal(codes[1], WH_OK);
    assert_int_equal(transactions, 1);
    assert_int_equal(rolled_back, 0);
}

static void what_is_found_not_to_be_is_run_again(void **state) {
    (void)state;
    run_two(3, WH_NOT_COMMITTED);
    assert_int_equal(rolled_back, 1);
    assert_int_equal(transactions, 3); /* each alone */
    assert_int_equal(codes[0], WH_OK);
    assert_int_equal(codes[1], WH_OK);
}

static void what_cannot_be_seen_for_long_fails_and_is_not_run_again(void **state) {
    (void)state;
    run_two(1000, WH_COMMITTED);
    assert_int_equal(transactions, 1);
    assert_int_equal(rolled_back, 1);
    assert_int_equal(codes[0], WH_ESTORE);
    assert_int_equal(codes[1], WH_ESTORE);
    assert_string_equal(sentence_told, "the connection broke (whether it was committed cannot be seen)");
}

/* ------------------------------------------------------------------- events say their bytes */

static whi_store_vtable commits;
static const whi_store_vtable *sound;
static atomic_int committed, told;

static int count_commit(whi_store *in, whi_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    atomic_fetch_add(&committed, 1);
    return sound->commit(in, facts, count, outcome);
}

static void tell(int code, const char *error, const wh_receipt *receipt, void *payload) {
    (void)error;
    (void)receipt;
    (void)payload;
    assert_int_equal(code, WH_OK);
    atomic_fetch_add(&told, 1);
}

static void promise(wh_engine *engine, const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "nobody.wants.it";
    event.payload = payload;
    event.payload_size = MIB;
    assert_int_equal(wh_publish_async(engine, &event, tell, NULL), WH_OK);
}

#define LARGE 32 /* of 1 MiB: no more than 8 in a commit */

/* They wait for another program's lock, all of them. */
static void large_events_are_committed_a_few_at_a_time(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);
    char *payload = malloc(MIB);
    sqlite3 *other = life_lock(file);

    (void)state;
    assert_non_null(payload);
    memset(payload, '1', MIB);
    sound = engine->store->vtable;
    commits = *sound;
    commits.commit = count_commit;
    engine->store->vtable = &commits;
    atomic_store(&committed, 0);
    for (int i = 0; i < LARGE; i++) {
        promise(engine, payload);
    }
    life_unlock(other);
    whi_writer_drain(engine->writer);
    assert_true(atomic_load(&committed) >= LARGE / 8);
    while (atomic_load(&told) < LARGE) {
        assert_true(wh_step(engine) >= 0);
    }
    wh_close(engine);
    free(payload);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(small_jobs_share_a_transaction),
        TEST(a_large_job_shares_with_none_of_a_hundred_others),
        TEST(a_transaction_has_no_more_than_so_many_bytes),
        TEST(the_rows_are_counted_too),
        TEST(what_rides_is_done_with_the_next_job),
        TEST(what_rides_is_done_though_nothing_comes),
        TEST(what_rides_is_done_though_it_came_while_another_thread_led),
        TEST(large_events_are_committed_a_few_at_a_time),
        TEST(what_is_found_to_be_committed_is_done),
        TEST(what_is_found_not_to_be_is_run_again),
        TEST(what_cannot_be_seen_for_long_fails_and_is_not_run_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
