/* How receivers answer, as it is kept: by whom, and what is left of it. */
#include "store_places.h"

#include "pure/health.h"

#define DAY INT64_C(86400000)

static int64_t worker, subscription;

static void begin(whi_store *store) {
    int64_t position;
    int taken;

    OK(whi_store_begin(store));
    OK(add_worker(store, &worker));
    OK(whi_store_partition_take(store, worker, WH_PARTITIONS, &position, &taken));
    subscription = subscribe(store, "", 1, "{}");
    OK(whi_store_commit(store, NULL));
}

/* What is told of it; -1: the row stays as it was. */
static int64_t see(whi_store *store, whi_sight sight, whi_health_row *became) {
    whi_fact fact = { .kind = WH_FACT_HEALTH };
    whi_answer answer = { 0 };

    sight.disable_after = 5 * DAY;
    sight.became = became;
    fact.of.sight = sight;
    OK(whi_store_begin(store));
    OK(whi_store_write(store, &fact, &answer));
    OK(whi_store_commit(store, NULL));
    return answer.done ? answer.number : -1;
}

static int64_t see_one(whi_store *store, int what, int64_t at) {
    return see(store,
               (whi_sight){ .subscription = subscription,
                            .holder = worker,
                            .what = what,
                            .at = at,
                            .steady = at,
                            .error = what == WHI_SAW_FAILURE || what == WHI_SAW_EXHAUSTED ? "no" : NULL },
               NULL);
}

typedef struct rows {
    int count;
    whi_health_row row[8];
    char error[64];
} rows;

static int see_row(const whi_health_row *row, void *payload) {
    rows *all = payload;

    all->row[all->count++] = *row;
    snprintf(all->error, sizeof all->error, "%s", row->error != NULL ? row->error : "-");
    return WH_OK;
}

static rows got(whi_store *store) {
    rows all = { 0 };

    OK(V(store)->health_get(store, subscription, see_row, &all));
    return all;
}

static void kept(whi_store *store) {
    whi_health_row became = { 0 };
    rows all;

    begin(store);
    assert_int_equal(got(store).count, 0);
    assert_int_equal(see_one(store, WHI_SAW_SUCCESS, NOW), -1);
    assert_int_equal(see_one(store, WHI_SAW_FAILURE, NOW + 1), WHI_NO_NEWS);
    assert_int_equal(see_one(store, WHI_SAW_FAILURE, NOW + 2), WHI_NO_NEWS);
    assert_int_equal(see_one(store, WHI_SAW_EXHAUSTED, NOW + 9), WHI_NEWS_FAILING);
    all = got(store);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.row[0].state, WHI_FAILING);
    assert_int_equal(all.row[0].since, NOW + 1);
    assert_int_equal(all.row[0].failed_at, NOW + 9);
    assert_int_equal(all.row[0].failures, 3);
    assert_int_equal(all.row[0].exhausted, 1);
    assert_int_equal(all.row[0].lasted, 8);
    assert_int_equal(all.row[0].success_at, 0);
    assert_string_equal(all.error, "no");
    assert_int_equal(
        see(store,
            (whi_sight){
                .subscription = subscription, .holder = worker, .what = WHI_SAW_SUCCESS, .at = NOW + 20, .keep = 1 },
            &became),
        WHI_NEWS_RECOVERED);
    assert_int_equal(became.failures, 3);
    assert_int_equal(became.since, NOW + 1);
    all = got(store);
    assert_int_equal(all.row[0].state, WHI_HEALTHY);
    assert_int_equal(all.row[0].success_at, NOW + 20);
    assert_int_equal(all.row[0].failed_at, NOW + 9);
    assert_string_equal(all.error, "no");
}

static void a_row_is_there_while_its_receiver_fails(void **state) {
    (void)state;
    on_store(kept);
}

static void resumed(whi_store *store) {
    begin(store);
    see_one(store, WHI_SAW_EXHAUSTED, NOW);
    assert_int_equal(see_one(store, WHI_SAW_RESUMED, NOW + 1), WHI_NO_NEWS);
    assert_int_equal(got(store).row[0].exhausted, 0);
    assert_string_equal(got(store).error, "no");
    assert_int_equal(see_one(store, WHI_SAW_GONE, NOW + 2), WHI_NEWS_DISABLED);
    assert_int_equal(see_one(store, WHI_SAW_SUCCESS, NOW + 3), WHI_NO_NEWS);
    assert_int_equal(see_one(store, WHI_SAW_RESUMED, NOW + 4), WHI_NEWS_RECOVERED);
    assert_int_equal(got(store).row[0].state, WHI_HEALTHY);
}

static void what_ended_begins_anew_when_it_is_resumed(void **state) {
    (void)state;
    on_store(resumed);
}

static void successes(whi_store *store) {
    whi_sight sight = { .what = WHI_SAW_SUCCESS, .keep = 1 };

    begin(store);
    sight.subscription = subscription;
    sight.at = NOW + 7;
    assert_int_equal(see(store, sight, NULL), -1);
    sight.at = NOW + 3; /* another one, that was slower */
    assert_int_equal(see(store, sight, NULL), -1);
    assert_int_equal(got(store).row[0].success_at, NOW + 7);
}

static void a_success_is_kept_where_it_is_to_be_and_the_latest_counts(void **state) {
    (void)state;
    on_store(successes);
}

static void refused(whi_store *store) {
    int64_t other;

    begin(store);
    assert_int_equal(
        see(store, (whi_sight){ .subscription = subscription, .holder = worker + 1, .what = WHI_SAW_EXHAUSTED }, NULL),
        -1);
    OK(whi_store_begin(store));
    other = subscribe(store, "", 1, "{}");
    OK(whi_store_commit(store, NULL));
    assert_int_equal(see(store, (whi_sight){ .subscription = other, .what = WHI_SAW_EXHAUSTED }, NULL),
                     WHI_NEWS_FAILING);
    assert_int_equal(see(store, (whi_sight){ .subscription = other + 1, .what = WHI_SAW_EXHAUSTED, .keep = 1 }, NULL),
                     -1);
    assert_int_equal(got(store).count, 0);
}

static void it_is_written_by_who_has_its_row_about_what_is_there(void **state) {
    (void)state;
    on_store(refused);
}

static void removed(whi_store *store) {
    begin(store);
    see_one(store, WHI_SAW_FAILURE, NOW);
    OK(whi_store_begin(store));
    OK(whi_store_subscription_remove(store, subscription, NOW));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(got(store).count, 0);
    assert_int_equal(see_one(store, WHI_SAW_EXHAUSTED, NOW + 1), -1);
    assert_int_equal(got(store).count, 0);
}

static void it_goes_with_its_subscription(void **state) {
    (void)state;
    on_store(removed);
}

static void listed(whi_store *store) {
    int64_t ids[3];
    rows all = { 0 };

    begin(store);
    OK(whi_store_begin(store));
    for (int i = 0; i < 3; i++) {
        ids[i] = subscribe(store, "", 1, "{}");
    }
    OK(whi_store_commit(store, NULL));
    for (int i = 0; i < 3; i++) {
        see(store, (whi_sight){ .subscription = ids[i], .what = WHI_SAW_FAILURE, .at = NOW, .error = "no" }, NULL);
    }
    OK(V(store)->health_list(store, 0, 2, see_row, &all));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.row[0].subscription, ids[2]);
    OK(V(store)->health_list(store, all.row[1].subscription, 2, see_row, &all));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.row[2].subscription, ids[0]);
    assert_int_equal(all.row[2].failures, 1);
}

static void those_that_fail_are_listed_without_a_look_at_the_others(void **state) {
    (void)state;
    on_store(listed);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_row_is_there_while_its_receiver_fails, clear),
        cmocka_unit_test_teardown(what_ended_begins_anew_when_it_is_resumed, clear),
        cmocka_unit_test_teardown(a_success_is_kept_where_it_is_to_be_and_the_latest_counts, clear),
        cmocka_unit_test_teardown(it_is_written_by_who_has_its_row_about_what_is_there, clear),
        cmocka_unit_test_teardown(it_goes_with_its_subscription, clear),
        cmocka_unit_test_teardown(those_that_fail_are_listed_without_a_look_at_the_others, clear),
    };

    return RUN_IN_PLACES(tests);
}
