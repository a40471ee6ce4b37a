/* The two sides of a store: who writes, who reads, and what the one sees of the other. */
#include "store_places.h"

#include <pthread.h>

static void changes_tells_of_others_and_not_of_own_commits(void **state) {
    whi_store *a = opened_here(), *b;
    int64_t before, after;

    (void)state;
    if (!a->ability.shared) {
        whi_store_close(a);
        return;
    }
    b = opened_here();
    OK(V(a)->changes(a, &before));
    OK(whi_store_begin(a));
    OK(add_event(a, number_at(NOW, 1), NULL, NULL));
    OK(whi_store_commit(a, NULL));
    OK(V(a)->changes(a, &after));
    assert_int_equal(after, before);
    OK(whi_store_begin(b));
    OK(add_event(b, number_at(NOW, 2), NULL, NULL));
    OK(whi_store_commit(b, NULL));
    OK(V(a)->changes(a, &after));
    assert_int_not_equal(after, before);
    whi_store_close(a);
    whi_store_close(b);
}

/* One that is nobody else's may show its own thread what is not committed. */
static void committed_only(whi_store *store) {
    int64_t event = number_at(NOW, 1);

    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    assert_true(!store->ability.shared || !is_there(store, event));
    whi_store_rollback(store);
    assert_false(is_there(store, event));
    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    OK(whi_store_commit(store, NULL));
    assert_true(is_there(store, event));
}

static void a_reader_sees_what_is_committed_and_nothing_else(void **state) {
    (void)state;
    on_store(committed_only);
}

static void *read_a_lot(void *payload) {
    whi_store *store = payload;
    int64_t count = 0;

    for (int i = 0; i < 300; i++) {
        whi_store_query query = { .limit = 5 };
        whi_store_place place;
        seen all = { 0 };
        int64_t changes;

        if (V(store)->event_list(store, &query, see_event, &all, &place) != WH_OK ||
            V(store)->changes(store, &changes) != WH_OK) {
            return payload;
        }
        count += all.count;
    }
    return count >= 0 ? NULL : payload;
}

static void threads_read(whi_store *store) {
    pthread_t threads[3];
    void *failed;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_a_lot, store), 0);
    }
    for (int i = 0; i < 60; i++) {
        OK(whi_store_begin(store));
        OK(add_event(store, number_at(NOW, i), NULL, NULL));
        OK(whi_store_commit(store, NULL));
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void threads_read_while_one_writes(void **state) {
    (void)state;
    on_store(threads_read);
}

static void outside(whi_store *store) {
    assert_int_equal(add_event(store, 1, NULL, NULL), WH_ESTORE);
    OK(whi_store_begin(store));
    OK(whi_store_commit(store, NULL));
    assert_false(is_there(store, 1));
}

static void a_write_outside_of_a_transaction_is_refused(void **state) {
    (void)state;
    on_store(outside);
}

/* Of which nothing is left when it is rolled back, with what waited in the list. */
static void undone(whi_store *store) {
    whi_fact *fact;
    whi_answer answer = { .number = 7 };
    int64_t event = number_at(NOW, 1);

    OK(whi_store_begin(store));
    OK(add_event(store, event, "k", NULL));
    OK(whi_store_add(store, WH_FACT_WORKER_ADD, &answer, &fact));
    whi_store_rollback(store);
    assert_int_equal(answer.number, 7);
    assert_false(is_there(store, event));
    OK(whi_store_begin(store));
    OK(add_event(store, event, "k", NULL));
    OK(whi_store_commit(store, NULL));
    assert_true(is_there(store, event));
}

static void a_roll_back_leaves_nothing(void **state) {
    (void)state;
    on_store(undone);
}

static void heard(whi_store *store) {
    int fd = -7;

    OK(V(store)->listen(store, &fd));
    assert_true(store->ability.wakes ? fd >= 0 : fd == -1);
    assert_true(store->ability.wakes || store->ability.look_us > 0);
}

static void who_listens_gets_a_descriptor_or_a_time_to_look(void **state) {
    (void)state;
    on_store(heard);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(changes_tells_of_others_and_not_of_own_commits, clear),
        cmocka_unit_test_teardown(a_reader_sees_what_is_committed_and_nothing_else, clear),
        cmocka_unit_test_teardown(threads_read_while_one_writes, clear),
        cmocka_unit_test_teardown(a_write_outside_of_a_transaction_is_refused, clear),
        cmocka_unit_test_teardown(a_roll_back_leaves_nothing, clear),
        cmocka_unit_test_teardown(who_listens_gets_a_descriptor_or_a_time_to_look, clear),
    };

    return RUN_IN_PLACES(tests);
}
