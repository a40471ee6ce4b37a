/* What is due, as who sends reads it: with what he knows already. */
#include "store_places.h"

#define SUB 5

/* Who reads: what he has, how often he was asked, and what he was given. */
typedef struct reader {
    int64_t known[8], next;
    int known_count, asked, gone; /* gone: how many without their event */
    char key[8];
    seen given;
    void (*meanwhile)(void);
} reader;

static int knows(int64_t event, void *payload) {
    reader *self = payload;

    self->asked++;
    for (int i = 0; i < self->known_count; i++) {
        if (self->known[i] == event) {
            return 1;
        }
    }
    return 0;
}

static int take(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    reader *self = payload;

    if (self->meanwhile != NULL) {
        self->meanwhile();
    }
    if (event == NULL) {
        self->gone++;
        snprintf(self->key, sizeof self->key, "%s", row->key != NULL ? row->key : "-");
        return 0;
    }
    return see_delivery(row, event, &self->given);
}

static int try_read(whi_store *store, reader *self, int limit) {
    whi_store_waiting asked = { SUB, NOW, limit, knows, take, self };

    self->asked = self->gone = self->given.count = 0;
    return V(store)->waiting(store, &asked, &self->next);
}

static void read_due(whi_store *store, reader *self, int limit) {
    OK(try_read(store, self, limit));
}

/* As many events, each with a delivery that is due so much later than the one before. */
static int64_t fill(whi_store *store, int count, int64_t first_due, int64_t step) {
    int64_t event = number_at(NOW, 1);

    OK(whi_store_begin(store));
    for (int i = 0; i < count; i++) {
        OK(add_event(store, event + i, NULL, NULL));
        put(store, event + i, SUB, WHI_WAITING, first_due + i * step);
        put(store, event + i, SUB + 1, WHI_WAITING, NOW - 1000);
    }
    OK(whi_store_commit(store, NULL));
    return event;
}

static void longest_first(whi_store *store) {
    int64_t event = fill(store, 6, NOW + 2, -1); /* the last four are due */
    reader self = { 0 };

    read_due(store, &self, 3);
    assert_int_equal(self.given.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(self.given.events[i], event + 5 - i);
        assert_int_equal(self.given.dues[i], NOW - 3 + i);
        assert_int_equal(self.given.subscriptions[i], SUB);
    }
    assert_int_equal(self.next, NOW); /* there was no room for it */
    read_due(store, &self, 4);
    assert_int_equal(self.given.count, 4);
    assert_int_equal(self.next, NOW + 1);
    read_due(store, &self, 9);
    assert_int_equal(self.given.count, 4);
    assert_int_equal(self.next, NOW + 1); /* it is not due */
    read_due(store, &self, 0);
    assert_int_equal(self.given.count, 0);
    assert_int_equal(self.next, NOW - 3);
}

static void what_is_due_is_given_longest_first_and_as_often_as_one_asks(void **state) {
    (void)state;
    on_store(longest_first);
}

static void of_the_same_time(whi_store *store) {
    int64_t event = fill(store, 4, NOW, 0);
    reader self = { .known = { event + 1 }, .known_count = 1 };

    read_due(store, &self, 9);
    assert_int_equal(self.given.count, 3);
    assert_int_equal(self.given.events[0], event);
    assert_int_equal(self.given.events[1], event + 2);
    assert_int_equal(self.given.events[2], event + 3);
    assert_true(self.next == INT64_MAX);
}

static void of_the_same_time_it_is_given_in_the_order_of_events(void **state) {
    (void)state;
    on_store(of_the_same_time);
}

static void known(whi_store *store) {
    int64_t event = fill(store, 6, NOW - 3, 1); /* the first four are due */
    reader self = { .known = { event, event + 2, event + 4 }, .known_count = 3 };

    read_due(store, &self, 1);
    assert_int_equal(self.given.count, 1);
    assert_int_equal(self.given.events[0], event + 1);
    assert_int_equal(self.next, NOW); /* of event + 3 */
    read_due(store, &self, 2);
    assert_int_equal(self.given.count, 2);
    assert_int_equal(self.given.events[1], event + 3);
    assert_int_equal(self.next, NOW + 2); /* of event + 5 */
    self = (reader){ .known = { event, event + 1, event + 2, event + 3, event + 4, event + 5 }, .known_count = 6 };
    read_due(store, &self, 2);
    assert_int_equal(self.given.count, 0);
    assert_true(self.next == INT64_MAX);
}

static void what_one_has_is_not_given_and_takes_no_room(void **state) {
    (void)state;
    on_store(known);
}

static void little(whi_store *store) {
    reader self = { 0 };

    (void)fill(store, 3000, NOW - 3000, 1);
    read_due(store, &self, 10);
    assert_int_equal(self.given.count, 10);
    assert_int_equal(self.asked, 11);
}

static void of_many_that_wait_no_more_are_looked_at_than_are_wanted(void **state) {
    (void)state;
    on_store(little);
}

static void one_key(whi_store *store) {
    int64_t event = number_at(NOW, 1);
    whi_delivery_row row;
    reader self = { .known = { event }, .known_count = 1 };

    OK(whi_store_begin(store));
    for (int i = 0; i < 3000; i++) {
        row = delivery(event + i, SUB, WHI_WAITING, NOW);
        row.key = "";
        OK(add_event(store, event + i, NULL, NULL));
        OK(write_row(store, &row));
    }
    OK(whi_store_commit(store, NULL));
    read_due(store, &self, 10);
    assert_int_equal(self.given.count, 0);
    assert_int_equal(self.asked, 1); /* none that waits behind it */
    assert_true(self.next == INT64_MAX);
}

static void a_long_queue_of_one_key_costs_nothing(void **state) {
    (void)state;
    on_store(one_key);
}

static void none(whi_store *store) {
    reader self = { .next = 7 };

    read_due(store, &self, 10);
    assert_int_equal(self.given.count, 0);
    assert_true(self.next == INT64_MAX);
}

static void where_nothing_waits_there_is_no_next(void **state) {
    (void)state;
    on_store(none);
}

static void with_bytes(whi_store *store) {
    int64_t event = fill(store, 1, NOW, 0);
    whi_delivery_row row = delivery(event, SUB, WHI_WAITING, NOW);
    reader self = { 0 };

    read_due(store, &self, 9);
    assert_string_equal(self.given.text, "{\"id\":7}");
    assert_string_equal(self.given.body, "(null)");
    assert_int_equal(self.given.last.turn, 0);
    row.body = "";
    row.headers = "{}";
    row.tries = 2;
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
    read_due(store, &self, 9);
    assert_string_equal(self.given.text, "(null)");
    assert_string_equal(self.given.body, "");
    assert_int_equal(self.given.last.turn, 1);
    assert_int_equal(self.given.last.tries, 2);
    assert_int_equal(self.given.last.version, 3);
    assert_int_equal(self.given.event.accepted_at, NOW);
}

static void a_row_is_given_with_what_is_sent(void **state) {
    (void)state;
    on_store(with_bytes);
}

static void stopped(whi_store *store) {
    reader self = { .given.stop_after = 1 };

    (void)fill(store, 3, NOW, 0);
    assert_int_equal(try_read(store, &self, 9), 1);
    assert_int_equal(self.given.count, 1);
}

static void who_has_enough_stops_it(void **state) {
    (void)state;
    on_store(stopped);
}

static void another_changes_all(void) {
    (void)other_program("UPDATE webhook_deliveries SET tries = tries + 1, state = 6");
}

static void one_moment(whi_store *store) {
    reader self = { .meanwhile = another_changes_all };

    (void)fill(store, 3, NOW, 0);
    read_due(store, &self, 9);
    assert_int_equal(self.given.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(self.given.states[i], WHI_WAITING);
    }
    assert_int_equal(self.given.last.tries, 0);
}

static void all_that_is_given_is_of_one_moment(void **state) {
    (void)state;
    on_store(one_moment);
}

/* ------------------------------------------------------------------- without its event */

static int drop(whi_store *store, int64_t event) {
    int done;

    OK(whi_store_begin(store));
    OK(whi_store_delivery_drop(store, event, SUB, &done));
    OK(whi_store_commit(store, NULL));
    return done;
}

static void without_event(whi_store *store) {
    reader self = { 0 };

    OK(whi_store_begin(store));
    for (int i = 1; i <= 3; i++) {
        whi_delivery_row row = delivery(i, SUB, WHI_WAITING, NOW);

        row.key = i < 3 ? "a" : NULL;
        OK(add_event(store, i, NULL, NULL));
        OK(write_row(store, &row));
    }
    OK(whi_store_commit(store, NULL));
    assert_int_equal(drop(store, 1), 0); /* its event is there */
    if (!other_program("DELETE FROM webhook_events WHERE number = 1")) {
        return;
    }
    read_due(store, &self, 9);
    assert_int_equal(self.gone, 1);
    assert_string_equal(self.key, "a");
    assert_int_equal(self.given.count, 1);
    assert_int_equal(self.given.events[0], 3);
    assert_int_equal(drop(store, 1), 1);
    assert_int_equal(drop(store, 1), 0);
    read_due(store, &self, 9);
    assert_int_equal(self.gone, 0);
    assert_int_equal(self.given.count, 2);
    assert_int_equal(self.given.events[0], 2); /* which waited behind it */
    assert_int_equal(turn_of(store, 2, SUB), 1);
}

static void one_whose_event_was_deleted_by_hand_is_told_of_and_its_turn_given_away(void **state) {
    (void)state;
    on_store(without_event);
}

static void behind_dropped(whi_store *store) {
    reader self = { 0 };

    OK(whi_store_begin(store));
    for (int i = 1; i <= 3; i++) {
        whi_delivery_row row = delivery(i, SUB, WHI_WAITING, NOW);

        row.key = "a";
        OK(add_event(store, i, NULL, NULL));
        OK(write_row(store, &row));
    }
    OK(whi_store_commit(store, NULL));
    if (!other_program("DELETE FROM webhook_events WHERE number = 2")) {
        return;
    }
    assert_int_equal(drop(store, 2), 1);
    read_due(store, &self, 9);
    assert_int_equal(self.given.count, 1); /* 3 has still one before it */
    assert_int_equal(self.given.events[0], 1);
    assert_int_equal(turn_of(store, 3, SUB), 0);
}

static void one_that_had_no_turn_gives_none_away(void **state) {
    (void)state;
    on_store(behind_dropped);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_due_is_given_longest_first_and_as_often_as_one_asks, clear),
        cmocka_unit_test_teardown(of_the_same_time_it_is_given_in_the_order_of_events, clear),
        cmocka_unit_test_teardown(what_one_has_is_not_given_and_takes_no_room, clear),
        cmocka_unit_test_teardown(of_many_that_wait_no_more_are_looked_at_than_are_wanted, clear),
        cmocka_unit_test_teardown(a_long_queue_of_one_key_costs_nothing, clear),
        cmocka_unit_test_teardown(where_nothing_waits_there_is_no_next, clear),
        cmocka_unit_test_teardown(a_row_is_given_with_what_is_sent, clear),
        cmocka_unit_test_teardown(who_has_enough_stops_it, clear),
        cmocka_unit_test_teardown(all_that_is_given_is_of_one_moment, clear),
        cmocka_unit_test_teardown(one_whose_event_was_deleted_by_hand_is_told_of_and_its_turn_given_away, clear),
        cmocka_unit_test_teardown(one_that_had_no_turn_gives_none_away, clear),
    };

    return RUN_IN_PLACES(tests);
}
