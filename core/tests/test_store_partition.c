/* The log as the store keeps it: events in the order of commits, who decides them, and how far that has come. */
#include "store_places.h"

static int64_t e(int i) {
    return number_at(NOW, i);
}

static whi_fact *added(whi_store *store, enum wh_backend_fact_kind kind, whi_answer *to) {
    whi_fact *fact = NULL;

    OK(whi_store_add(store, kind, to, &fact));
    return fact;
}

/* Of which the store is to give the number. */
static void list_event(whi_store *store, const char *id, int alone, whi_answer *to) {
    whi_event_row row = { .id = id, .type = "order.paid", .tenant = "acme", .time = NOW, .accepted_at = NOW };

    row.payload = "{\"id\":7}";
    row.payload_size = 8;
    row.alone = alone;
    added(store, WH_FACT_EVENT, to)->of.event = row;
}

static void add_events(whi_store *store, int first, int last) {
    OK(whi_store_begin(store));
    for (int i = first; i <= last; i++) {
        OK(add_event(store, e(i), NULL, NULL));
    }
    OK(whi_store_commit(store, NULL));
}

/* ------------------------------------------------------------ numbers, and what was before */

static void numbers(whi_store *store) {
    whi_answer first, second, known, third;

    OK(whi_store_begin(store));
    list_event(store, "a", 0, &first);
    list_event(store, NULL, 0, &second);
    list_event(store, "a", 0, &known);
    list_event(store, NULL, 0, &third);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(first.before, 0);
    assert_int_equal(second.before, first.number);
    assert_int_equal(known.done, 0);
    assert_int_equal(third.before, second.number);
    assert_true(first.number > 0 && second.number > first.number && third.number > second.number);
    OK(whi_store_begin(store));
    list_event(store, NULL, 0, &first);
    whi_store_rollback(store);
    OK(whi_store_begin(store));
    list_event(store, NULL, 0, &second);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(second.before, third.number); /* of what was rolled back nothing is known */
}

static void an_event_tells_its_number_and_that_of_the_one_before(void **state) {
    (void)state;
    on_store(numbers);
}

/* Whoever has the event before an alone one in hand sees that he may not go on, or that he may. */
static void before_alone(whi_store *store) {
    whi_answer first, alone, third;

    OK(whi_store_begin(store));
    list_event(store, NULL, 0, &first);
    list_event(store, NULL, 1, &alone);
    list_event(store, NULL, 0, &third);
    OK(whi_store_commit(store, NULL));
    assert_true(alone.number > first.number && third.number > alone.number);
    assert_true(third.before >= first.number && third.before < third.number);
}

static void so_does_one_behind_an_event_that_is_nobodys(void **state) {
    (void)state;
    on_store(before_alone);
}

static int accept_row(whi_event_row *row, void *payload) {
    (void)payload;
    row->accepted_at = row->time = NOW;
    return WH_OK;
}

static void from_outbox(whi_store *store) {
    whi_answer first, last;
    seen all = { 0 };
    int64_t upto;
    int count;

    if (!other_program("INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', '{}')")) {
        return;
    }
    OK(whi_store_begin(store));
    list_event(store, NULL, 0, &first);
    OK(whi_store_outbox_take(store, 5, accept_row, NULL, &count));
    list_event(store, NULL, 0, &last);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(count, 1);
    OK(V(store)->event_log(store, 0, 5, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.events[0], first.number);
    assert_int_equal(last.before, all.events[1]);
}

static void rows_of_the_outbox_stand_in_the_same_log(void **state) {
    (void)state;
    on_store(from_outbox);
}

/* ---------------------------------------------------------------------- reading the log */

/* The numbers from this one on are those that were read. */
static int64_t read_on(whi_store *store, int64_t after, int limit, int first, int count) {
    seen all = { 0 };
    int64_t upto = -7;

    OK(V(store)->event_log(store, after, limit, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(all.events[i], e(first + i));
    }
    return upto;
}

static void pages(whi_store *store) {
    seen all = { 0 };
    int64_t upto;

    assert_int_equal(read_on(store, 0, 4, 0, 0), 0);
    add_events(store, 1, 10);
    assert_int_equal(read_on(store, 0, 4, 1, 4), e(4));
    assert_int_equal(read_on(store, e(4), 4, 5, 4), e(8));
    assert_int_equal(read_on(store, e(8), 4, 9, 2), e(10));
    assert_int_equal(read_on(store, e(6), 4, 7, 4), e(10)); /* which is all, and it cannot know */
    assert_int_equal(read_on(store, e(10), 4, 0, 0), e(10));
    assert_int_equal(read_on(store, e(3) - 1, 1, 3, 1), e(3));
    all.stop_after = 2;
    assert_int_equal(V(store)->event_log(store, 0, 9, NULL, see_event, &all, &upto), 1);
    assert_int_equal(all.count, 2);
    assert_true(upto <= e(2));
    assert_string_equal(all.text, "{\"id\":7}");
}

static void the_log_is_read_in_pages(void **state) {
    (void)state;
    on_store(pages);
}

static void holes(whi_store *store) {
    char sql[200];

    add_events(store, 1, 6);
    snprintf(sql, sizeof sql, "DELETE FROM webhook_events WHERE number IN (%lld, %lld)", (long long)e(1),
             (long long)e(6));
    if (!other_program(sql)) {
        return;
    }
    assert_int_equal(read_on(store, 0, 2, 2, 2), e(3));
    assert_int_equal(read_on(store, e(3), 9, 4, 2), e(5));
    assert_int_equal(read_on(store, e(6), 9, 0, 0), e(6)); /* it does not go back */
    snprintf(sql, sizeof sql, "DELETE FROM webhook_events");
    assert_true(other_program(sql));
    assert_int_equal(read_on(store, e(2), 9, 0, 0), e(2));
}

static void events_that_a_hand_deleted_are_passed(void **state) {
    (void)state;
    on_store(holes);
}

static void alone(whi_store *store) {
    whi_answer first, test, last, end;
    whi_store_query query = { .limit = 9 };
    whi_store_place place;
    seen all = { 0 }, listed = { 0 };
    int64_t upto;

    OK(whi_store_begin(store));
    list_event(store, NULL, 0, &first);
    list_event(store, NULL, 1, &test);
    list_event(store, NULL, 0, &last);
    list_event(store, NULL, 1, &end);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->event_log(store, 0, 9, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.events[0], first.number);
    assert_int_equal(all.events[1], last.number);
    assert_int_equal(upto, end.number);
    OK(V(store)->event_get(store, test.number, see_event, &all));
    assert_int_equal(all.event.pending, 0);
    OK(V(store)->event_list(store, &query, see_event, &listed, &place));
    assert_int_equal(listed.count, 4); /* whoever lists sees it */
}

static void an_event_that_is_nobodys_is_not_in_the_log(void **state) {
    (void)state;
    on_store(alone);
}

/* ---------------------------------------------------------------------------- partitions */

typedef struct bag {
    whi_partition_row partitions[WH_PARTITIONS];
    whi_worker_row workers[8];
    int partition_count, worker_count;
} bag;

static int see_partition(const whi_partition_row *row, void *payload) {
    bag *all = payload;

    assert_true(all->partition_count < WH_PARTITIONS);
    all->partitions[all->partition_count++] = *row;
    return 0;
}

static int see_worker(const whi_worker_row *row, void *payload) {
    bag *all = payload;

    all->workers[all->worker_count++] = *row;
    return 0;
}

static const bag *look(whi_store *store) {
    static bag all;

    memset(&all, 0, sizeof all);
    OK(whi_store_partition_list(store, see_partition, &all));
    OK(whi_store_worker_list(store, see_worker, &all));
    assert_int_equal(all.partition_count, WH_PARTITIONS);
    for (int i = 0; i < WH_PARTITIONS; i++) {
        assert_int_equal(all.partitions[i].id, i);
    }
    return &all;
}

static int64_t position_of(whi_store *store, int64_t owner) {
    const bag *all = look(store);

    for (int i = 0; i < all->worker_count; i++) {
        if (all->workers[i].owner == owner) {
            return all->workers[i].position;
        }
    }
    return -1;
}

static int count_of(whi_store *store, int64_t owner) {
    const bag *all = look(store);
    int count = 0;

    for (int i = 0; i < WH_PARTITIONS; i++) {
        count += all->partitions[i].owner == owner;
    }
    return count;
}

/* The first of this worker's. */
static int one_of(whi_store *store, int64_t owner) {
    const bag *all = look(store);
    int id = 0;

    while (id < WH_PARTITIONS && all->partitions[id].owner != owner) {
        id++;
    }
    assert_true(id < WH_PARTITIONS);
    return id;
}

/* What of a list was done. */
static int moved(whi_store *store, int64_t owner, int64_t position) {
    whi_answer answer = { 0 };
    whi_fact *fact = added(store, WH_FACT_POSITION, &answer);

    fact->of.position.owner = owner;
    fact->of.position.position = position;
    OK(whi_store_flush(store));
    return answer.done;
}

static int given(whi_store *store, int64_t owner, int partition, int64_t position) {
    whi_answer answer = { 0 };
    whi_fact *fact = added(store, WH_FACT_PARTITION_GIVE, &answer);

    fact->of.give.owner = owner;
    fact->of.give.partition = partition;
    fact->of.give.position = position;
    OK(whi_store_flush(store));
    return answer.done;
}

static int taken(whi_store *store, int64_t owner, int limit, int64_t least) {
    int64_t position = -7;
    int count = -7;

    OK(whi_store_partition_take(store, owner, limit, &position, &count));
    assert_true(position == least);
    return count;
}

static void takes(whi_store *store) {
    int64_t a, b, c;

    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    OK(add_worker(store, &b));
    OK(add_worker(store, &c));
    assert_int_equal(count_of(store, a), 0);
    assert_true(position_of(store, a) == INT64_MAX);
    assert_int_equal(taken(store, a, 100, 0), 100);
    assert_int_equal(position_of(store, a), 0);
    assert_int_equal(taken(store, b, WH_PARTITIONS, 0), WH_PARTITIONS - 100);
    assert_int_equal(taken(store, c, WH_PARTITIONS, INT64_MAX), 0);
    assert_true(position_of(store, c) == INT64_MAX);
    assert_int_equal(taken(store, a, 0, INT64_MAX), 0);
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    assert_int_equal(count_of(store, a), 100);
    assert_int_equal(count_of(store, b), WH_PARTITIONS - 100);
    assert_int_equal(count_of(store, c), 0);
    whi_store_rollback(store);
}

static void a_partition_is_taken_by_one_worker(void **state) {
    (void)state;
    on_store(takes);
}

static void goes_back(whi_store *store) {
    int64_t a, b;

    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    OK(add_worker(store, &b));
    assert_int_equal(taken(store, a, WH_PARTITIONS, 0), WH_PARTITIONS);
    assert_int_equal(given(store, a, 3, 100), 1);
    assert_int_equal(taken(store, b, 9, 100), 1);
    assert_int_equal(position_of(store, b), 100); /* it had none */
    assert_int_equal(moved(store, b, 120), 1);
    assert_int_equal(given(store, a, 7, 50), 1);
    assert_int_equal(given(store, a, 9, 30), 1);
    assert_int_equal(taken(store, b, 9, 30), 2);
    assert_int_equal(position_of(store, b), 30);
    assert_int_equal(given(store, a, 11, 200), 1);
    assert_int_equal(taken(store, b, 9, 200), 1);
    assert_int_equal(position_of(store, b), 30); /* what comes from ahead takes nobody along */
    assert_int_equal(count_of(store, b), 4);
    OK(whi_store_commit(store, NULL));
}

static void who_takes_a_partition_goes_back_to_its_position(void **state) {
    (void)state;
    on_store(goes_back);
}

static void gives(whi_store *store) {
    int64_t a, b;
    int one, other;

    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    OK(add_worker(store, &b));
    assert_int_equal(taken(store, a, WH_PARTITIONS - 1, 0), WH_PARTITIONS - 1);
    assert_int_equal(taken(store, b, 1, 0), 1);
    assert_int_equal(moved(store, a, 80), 1);
    one = one_of(store, a);
    assert_int_equal(given(store, a, one, 60), 1);
    assert_int_equal(given(store, a, one, 90), 0); /* once */
    other = one_of(store, a);
    assert_int_equal(given(store, b, other, 90), 0); /* it is not b's */
    assert_int_equal(given(store, a, WH_PARTITIONS, 90), 0);
    assert_int_equal(look(store)->partitions[one].position, 60);
    assert_int_equal(one_of(store, a), other);
    assert_int_equal(count_of(store, a), WH_PARTITIONS - 2);
    assert_int_equal(position_of(store, a), 80);
    assert_int_equal(given(store, a, -1, 75), 1);
    assert_true(position_of(store, a) == INT64_MAX);
    assert_int_equal(count_of(store, a), 0);
    assert_int_equal(count_of(store, b), 1);
    assert_int_equal(look(store)->partitions[one].position, 60);
    assert_int_equal(look(store)->partitions[other].position, 75);
    assert_int_equal(given(store, a, -1, 99), 0); /* it has none */
    OK(whi_store_commit(store, NULL));
}

static void a_partition_is_given_back_where_its_worker_says(void **state) {
    (void)state;
    on_store(gives);
}

static void gives_last(whi_store *store) {
    int64_t a;

    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    assert_int_equal(taken(store, a, 2, 0), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(position_of(store, a), 0);
        assert_int_equal(given(store, a, one_of(store, a), 5), 1);
    }
    assert_true(position_of(store, a) == INT64_MAX);
    assert_int_equal(moved(store, a, 7), 0); /* nobody would move it on, and all would wait for it */
    assert_true(position_of(store, a) == INT64_MAX);
    OK(whi_store_commit(store, NULL));
}

static void who_has_no_partition_has_no_position(void **state) {
    (void)state;
    on_store(gives_last);
}

static void removes(whi_store *store) {
    int64_t a, b;

    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    OK(add_worker(store, &b));
    assert_int_equal(taken(store, a, 200, 0), 200);
    assert_int_equal(taken(store, b, 56, 0), 56);
    assert_int_equal(moved(store, a, 40), 1);
    assert_int_equal(moved(store, b, 90), 1);
    OK(whi_store_worker_remove(store, a));
    OK(whi_store_worker_remove(store, a)); /* it is not there: nothing happens */
    assert_int_equal(position_of(store, a), -1);
    assert_int_equal(position_of(store, b), 90);
    assert_int_equal(taken(store, b, WH_PARTITIONS, 40), 200);
    assert_int_equal(position_of(store, b), 40);
    OK(whi_store_commit(store, NULL));
}

static void with_the_row_its_partitions_go_at_its_position(void **state) {
    (void)state;
    on_store(removes);
}

static void moves(whi_store *store) {
    int64_t a, b;

    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    OK(add_worker(store, &b));
    assert_int_equal(taken(store, a, 5, 0), 5);
    assert_int_equal(moved(store, a, 10), 1);
    assert_int_equal(moved(store, a, 20), 1);
    assert_int_equal(position_of(store, a), 20);
    assert_true(position_of(store, b) == INT64_MAX);
    OK(whi_store_worker_remove(store, a));
    assert_int_equal(moved(store, a, 30), 0);
    assert_int_equal(moved(store, a + 77, 30), 0);
    assert_int_equal(position_of(store, a), -1);
    OK(whi_store_commit(store, NULL));
}

static void a_position_moves_while_its_worker_has_its_row(void **state) {
    (void)state;
    on_store(moves);
}

static void remove_by_hand(int64_t owner) {
    char sql[100];

    snprintf(sql, sizeof sql, "DELETE FROM webhook_workers WHERE id = %lld", (long long)owner);
    assert_true(other_program(sql));
}

/* Its partitions are where they were when it took them: what it did since is done again. */
static void by_hand(whi_store *store) {
    int64_t a, b;

    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    assert_int_equal(taken(store, a, WH_PARTITIONS, 0), WH_PARTITIONS);
    assert_int_equal(given(store, a, -1, 15), 1);
    OK(add_worker(store, &b));
    assert_int_equal(taken(store, b, WH_PARTITIONS, 15), WH_PARTITIONS);
    assert_int_equal(moved(store, b, 60), 1);
    OK(whi_store_commit(store, NULL));
    if (place_now->execute == NULL) {
        return;
    }
    remove_by_hand(b);
    OK(whi_store_begin(store));
    assert_int_equal(given(store, b, 4, 60), 0); /* it is nobody's, wherever b believed to be */
    assert_int_equal(given(store, b, -1, 60), 0);
    OK(whi_store_worker_remove(store, b));
    assert_int_equal(taken(store, a, WH_PARTITIONS, 15), WH_PARTITIONS);
    assert_int_equal(position_of(store, a), 15);
    OK(whi_store_commit(store, NULL));
}

static void of_a_row_that_a_hand_deleted_the_partitions_are_nobodys(void **state) {
    (void)state;
    on_store(by_hand);
}

/* ---------------------------------------------------------------- how far the log is done */

static int is_work(whi_store *store) {
    whi_store_work work = { 0 };

    OK(V(store)->work(store, &work));
    return work.events;
}

static int is_pending(whi_store *store, int64_t number) {
    seen all = { 0 };

    OK(V(store)->event_get(store, number, see_event, &all));
    return all.event.pending;
}

static void beyond(whi_store *store) {
    int64_t a, b;

    assert_int_equal(is_work(store), 0);
    add_events(store, 1, 2);
    assert_int_equal(is_work(store), 1); /* nobody has decided it */
    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    OK(add_worker(store, &b));
    assert_int_equal(taken(store, a, WH_PARTITIONS, 0), WH_PARTITIONS);
    assert_int_equal(moved(store, a, e(1)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(is_work(store), 1);
    assert_int_equal(is_pending(store, e(1)), 0);
    assert_int_equal(is_pending(store, e(2)), 1);
    OK(whi_store_begin(store));
    assert_int_equal(moved(store, a, e(2)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(is_work(store), 0); /* b has no partition, and holds nothing up */
    OK(whi_store_begin(store));
    assert_int_equal(given(store, a, 200, e(1)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(is_work(store), 1);
    OK(whi_store_begin(store));
    assert_int_equal(taken(store, b, 1, e(1)), 1);
    assert_int_equal(moved(store, b, e(2)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(is_work(store), 0);
    add_events(store, 3, 3);
    assert_int_equal(is_work(store), 1);
}

static void there_is_work_beyond_the_least_position(void **state) {
    (void)state;
    on_store(beyond);
}

static int purged(whi_store *store) {
    int64_t after = 0;
    int count, total = 0;

    OK(whi_store_begin(store));
    do {
        OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 2, &after, &count));
        total += count;
    } while (after != 0);
    OK(whi_store_commit(store, NULL));
    return total;
}

static void purges(whi_store *store) {
    int64_t a, b;

    add_events(store, 1, 5);
    assert_int_equal(purged(store), 0); /* who publishes and nobody works loses nothing */
    OK(whi_store_begin(store));
    OK(add_worker(store, &a));
    OK(add_worker(store, &b));
    assert_int_equal(taken(store, a, 255, 0), 255);
    assert_int_equal(moved(store, a, e(4)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(purged(store), 0); /* one partition is nobody's */
    OK(whi_store_begin(store));
    assert_int_equal(taken(store, b, 1, 0), 1);
    assert_int_equal(moved(store, b, e(2)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(purged(store), 2);
    assert_false(is_there(store, e(2)));
    assert_true(is_there(store, e(3)));
    OK(whi_store_begin(store));
    assert_int_equal(given(store, b, -1, e(3)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(purged(store), 1);
    OK(whi_store_begin(store));
    assert_int_equal(taken(store, a, 1, e(3)), 1);
    assert_int_equal(moved(store, a, e(5)), 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(purged(store), 1);
    assert_true(is_there(store, e(5))); /* the last one stays: numbers go on from it */
}

static void nothing_is_purged_beyond_the_least_position(void **state) {
    (void)state;
    on_store(purges);
}

/* ------------------------------------------------------------------- several that have it open */

static void two_handles_share_the_log_and_its_partitions(void **state) {
    whi_store *a = opened_here(), *b;
    int64_t first, second;

    (void)state;
    if (!a->ability.shared) {
        whi_store_close(a);
        return;
    }
    b = opened_here();
    OK(whi_store_begin(a));
    OK(add_worker(a, &first));
    assert_int_equal(taken(a, first, 10, 0), 10);
    OK(whi_store_commit(a, NULL));
    OK(whi_store_begin(b));
    OK(add_worker(b, &second));
    assert_int_equal(taken(b, second, WH_PARTITIONS, 0), WH_PARTITIONS - 10);
    OK(whi_store_commit(b, NULL));
    add_events(a, 1, 3);
    assert_int_equal(read_on(b, 0, 9, 1, 3), e(3));
    OK(whi_store_begin(b));
    assert_int_equal(moved(b, second, e(3)), 1);
    assert_int_equal(moved(b, first, e(2)), 1);
    OK(whi_store_commit(b, NULL));
    OK(whi_store_begin(a));
    assert_int_equal(position_of(a, second), e(3));
    OK(whi_store_worker_remove(a, second));
    OK(whi_store_commit(a, NULL));
    OK(whi_store_begin(b));
    assert_int_equal(moved(b, second, e(3) + 1), 0);
    assert_int_equal(taken(b, first, WH_PARTITIONS, e(3)), WH_PARTITIONS - 10);
    assert_int_equal(position_of(b, first), e(2));
    OK(whi_store_commit(b, NULL));
    whi_store_close(a);
    whi_store_close(b);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_event_tells_its_number_and_that_of_the_one_before, clear),
        cmocka_unit_test_teardown(so_does_one_behind_an_event_that_is_nobodys, clear),
        cmocka_unit_test_teardown(rows_of_the_outbox_stand_in_the_same_log, clear),
        cmocka_unit_test_teardown(the_log_is_read_in_pages, clear),
        cmocka_unit_test_teardown(events_that_a_hand_deleted_are_passed, clear),
        cmocka_unit_test_teardown(an_event_that_is_nobodys_is_not_in_the_log, clear),
        cmocka_unit_test_teardown(a_partition_is_taken_by_one_worker, clear),
        cmocka_unit_test_teardown(who_takes_a_partition_goes_back_to_its_position, clear),
        cmocka_unit_test_teardown(a_partition_is_given_back_where_its_worker_says, clear),
        cmocka_unit_test_teardown(who_has_no_partition_has_no_position, clear),
        cmocka_unit_test_teardown(with_the_row_its_partitions_go_at_its_position, clear),
        cmocka_unit_test_teardown(a_position_moves_while_its_worker_has_its_row, clear),
        cmocka_unit_test_teardown(of_a_row_that_a_hand_deleted_the_partitions_are_nobodys, clear),
        cmocka_unit_test_teardown(there_is_work_beyond_the_least_position, clear),
        cmocka_unit_test_teardown(nothing_is_purged_beyond_the_least_position, clear),
        cmocka_unit_test_teardown(two_handles_share_the_log_and_its_partitions, clear),
    };

    return RUN_IN_PLACES(tests);
}
