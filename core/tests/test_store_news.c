/* What a commit tells other processes: that there may be something for subscriptions of theirs, that there are events,
 * or rows of the outbox; and of what one does for oneself nothing. */
#include "store_places.h"

static whi_store_news news_of(whi_store *store) {
    whi_store_news news;

    OK(V(store)->news(store, &news));
    return news;
}

/* How often others were told, by one commit with this in it. */
static int64_t told_by(whi_store *store, void (*act)(whi_store *store)) {
    int64_t before = news_of(store).told;

    OK(whi_store_begin(store));
    act(store);
    OK(whi_store_commit(store, NULL));
    return news_of(store).told - before;
}

static int64_t worker;

static void join(whi_store *store) {
    OK(add_worker(store, &worker));
}

static void beat(whi_store *store) {
    OK(whi_store_worker_beat(store, worker, 1));
}

static void publish(whi_store *store) {
    for (int i = 1; i <= 5; i++) {
        OK(add_event(store, number_at(NOW, i), NULL, NULL));
    }
}

static void put_row(whi_store *store, int i, int64_t holder, int64_t turn) {
    whi_delivery_row row = delivery(number_at(NOW, i), 5, WHI_WAITING, NOW);
    int done;

    row.holder = holder;
    row.turn = turn;
    OK(whi_store_delivery_put(store, &row, &done));
}

static void put_own(whi_store *store) {
    put_row(store, 1, worker, WHI_TURN_ABSENT);
}

static void put_somebodys(whi_store *store) {
    put_row(store, 2, 0, WHI_TURN_ABSENT);
    put_row(store, 3, 0, WHI_TURN_ABSENT);
}

static void put_in_vain(whi_store *store) {
    put_row(store, 2, 0, 77);
}

static void cancel_waiting(whi_store *store) {
    int count;

    OK(whi_store_delivery_cancel(store, 5, NOW, 100, &count));
}

static void add_subscription(whi_store *store) {
    (void)subscribe(store, "", 1, "{}");
}

static void remove_subscription(whi_store *store) {
    OK(whi_store_subscription_remove(store, 1, NOW));
}

static void purge(whi_store *store) {
    int64_t after = 0;
    int count;

    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 10, &after, &count));
}

/* The newest of a key that was delivered is sent again. */
static void put_delivered(whi_store *store) {
    whi_delivery_row row = delivery(number_at(NOW, 4), 5, WHI_DELIVERED, 0);
    int done;

    row.holder = worker;
    row.turn = WHI_TURN_ABSENT;
    row.key = "k";
    row.latest = 1;
    OK(whi_store_delivery_put(store, &row, &done));
    assert_int_equal(done, 1);
}

static void send_again(whi_store *store, int64_t unless) {
    whi_fact fact = { .kind = WH_FACT_DELIVERY_AGAIN };
    whi_answer answer = { 0 };

    fact.of.again.event = number_at(NOW, 1);
    fact.of.again.subscription = 5;
    fact.of.again.key = "k";
    fact.of.again.now = NOW;
    fact.of.again.unless = unless;
    OK(whi_store_write(store, &fact, &answer));
    assert_int_equal(answer.done, unless == 0);
}

static void send_again_late(whi_store *store) {
    send_again(store, 0);
}

static void send_again_in_time(whi_store *store) {
    send_again(store, worker);
}

static void telling(whi_store *store) {
    assert_int_equal(told_by(store, put_somebodys), 1); /* once for all of a commit */
    assert_int_equal(told_by(store, add_subscription), 1);
    assert_int_equal(told_by(store, remove_subscription), 1);
    assert_int_equal(told_by(store, cancel_waiting), 1);
    OK(whi_store_begin(store));
    join(store);
    put_delivered(store);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(told_by(store, send_again_late), 1);
}

static void what_is_done_for_others_is_told(void **state) {
    (void)state;
    on_store(telling);
}

static void quiet(whi_store *store) {
    assert_int_equal(told_by(store, join), 0);
    assert_int_equal(told_by(store, beat), 0);
    assert_int_equal(told_by(store, publish), 0);
    assert_int_equal(told_by(store, put_own), 0);
    assert_int_equal(told_by(store, put_in_vain), 0);
    assert_int_equal(told_by(store, put_delivered), 0);
    assert_int_equal(told_by(store, send_again_in_time), 0);
    assert_int_equal(told_by(store, purge), 0);
    assert_int_equal(told_by(store, cancel_waiting), 1);
    assert_int_equal(told_by(store, cancel_waiting), 0); /* there is nothing left */
}

static void what_a_worker_does_for_itself_is_not(void **state) {
    (void)state;
    on_store(quiet);
}

static void rolled_back(whi_store *store) {
    int64_t before = news_of(store).told;

    OK(whi_store_begin(store));
    put_somebodys(store);
    whi_store_rollback(store);
    assert_int_equal(news_of(store).told, before);
    assert_int_equal(told_by(store, put_somebodys), 1);
}

static void what_is_rolled_back_was_never_told(void **state) {
    (void)state;
    on_store(rolled_back);
}

static void last_of_log(whi_store *store) {
    assert_int_equal(news_of(store).last, 0);
    assert_int_equal(news_of(store).outbox, 0);
    (void)told_by(store, publish);
    assert_int_equal(news_of(store).last, number_at(NOW, 5));
}

static void the_last_event_is_told_of(void **state) {
    (void)state;
    on_store(last_of_log);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_done_for_others_is_told, clear),
        cmocka_unit_test_teardown(what_a_worker_does_for_itself_is_not, clear),
        cmocka_unit_test_teardown(what_is_rolled_back_was_never_told, clear),
        cmocka_unit_test_teardown(the_last_event_is_told_of, clear),
    };

    return RUN_IN_PLACES(tests);
}
