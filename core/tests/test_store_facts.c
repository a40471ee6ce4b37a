/* Facts in a list: their order, their answers, and whose they are. */
#include "store_places.h"

static whi_fact *added(whi_store *store, enum wh_backend_fact_kind kind, whi_answer *to) {
    whi_fact *fact = NULL;

    OK(whi_store_add(store, kind, to, &fact));
    return fact;
}

static void list_event(whi_store *store, int64_t number, const char *id, whi_answer *to) {
    whi_event_row row = { .number = number, .id = id, .type = "order.paid", .tenant = "acme" };

    row.time = row.accepted_at = NOW;
    row.payload = "{\"id\":7}";
    row.payload_size = 8;
    added(store, WH_FACT_EVENT, to)->of.event = row;
}

static void list_delivery(whi_store *store, whi_delivery_row row, int64_t turn, int64_t holder, whi_answer *to) {
    row.turn = turn;
    row.holder = holder;
    added(store, WH_FACT_DELIVERY, to)->of.delivery = row;
}

static void list_attempt(whi_store *store, int64_t event, int64_t subscription, whi_answer *to) {
    whi_attempt_row row = { .event = event, .subscription = subscription, .n = 1, .at = NOW, .status = 200 };

    added(store, WH_FACT_ATTEMPT, to)->of.attempt = row;
}

static int attempts_of(whi_store *store, int64_t event, int64_t subscription) {
    seen all = { 0 };

    OK(V(store)->attempt_list(store, event, subscription, see_attempt, &all));
    return all.count;
}

static int state_of(whi_store *store, int64_t event, int64_t subscription) {
    seen all = { 0 };

    return V(store)->delivery_get(store, event, subscription, see_delivery, &all) == WH_OK ? all.last.state : 0;
}

static void in_order(whi_store *store) {
    int64_t event = number_at(NOW, 1);
    whi_answer first, second, delivery_there, attempt_there, other;

    OK(whi_store_begin(store));
    list_event(store, event, "k", &first);
    list_event(store, event + 1, "k", &second);
    list_delivery(store, delivery(event, 5, WHI_DELIVERED, 0), WHI_TURN_ABSENT, 0, &delivery_there);
    list_attempt(store, event, 5, &attempt_there);
    list_attempt(store, event, 6, &other);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(first.done, 1);
    assert_int_equal(first.number, event);
    assert_int_equal(second.done, 0); /* of its own list, too */
    assert_int_equal(delivery_there.done, 1);
    assert_int_equal(attempt_there.done, 1);
    assert_int_equal(other.done, 0);
    assert_true(is_there(store, event));
    assert_false(is_there(store, event + 1));
    assert_int_equal(attempts_of(store, event, 5), 1);
    assert_int_equal(attempts_of(store, event, 6), 0);
}

static void each_fact_sees_those_before_it(void **state) {
    (void)state;
    on_store(in_order);
}

static void asked_between(whi_store *store) {
    int64_t event = number_at(NOW, 1), owner;
    whi_answer early, late = { .number = 7 };
    seen all = { 0 };

    OK(whi_store_begin(store));
    list_event(store, event, NULL, &early);
    list_delivery(store, delivery(event, 5, WHI_HELD, 0), WHI_TURN_ABSENT, 0, NULL);
    OK(whi_store_delivery_now(store, event, 5, see_delivery, &all)); /* does what waits first */
    assert_int_equal(all.last.state, WHI_HELD);
    assert_int_equal(early.done, 1);
    added(store, WH_FACT_WORKER_ADD, &late);
    assert_int_equal(late.number, 7); /* not done yet */
    OK(whi_store_worker_add(store, 0, &owner));
    assert_true(late.number > 0 && owner > late.number);
    OK(whi_store_commit(store, NULL));
}

static void who_asks_sees_what_was_added_before(void **state) {
    (void)state;
    on_store(asked_between);
}

static void changed_nothing(whi_store *store) {
    int64_t event = number_at(NOW, 1);
    whi_answer gone, conflict, there;
    whi_subscription_row row = { .version = 1, .tenant = "", .status = 1, .document = "{}", .document_size = 2 };

    OK(whi_store_begin(store));
    OK(whi_store_subscription_put(store, &row));
    added(store, WH_FACT_SUBSCRIPTION_REMOVE, &gone)->of.owner = row.id + 77;
    added(store, WH_FACT_SUBSCRIPTION, &conflict)->of.subscription = row; /* its version is there */
    list_event(store, event, NULL, &there);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(gone.code, WH_ENOTFOUND);
    assert_int_equal(conflict.code, WH_ECONFLICT);
    assert_int_equal(there.code, WH_OK);
    assert_true(is_there(store, event));
}

static void what_changes_nothing_stops_no_list(void **state) {
    (void)state;
    on_store(changed_nothing);
}

/* More facts than a list has at first, and than it keeps. */
static void many(whi_store *store) {
    enum { MANY = 3000 };
    int64_t first = number_at(NOW, 1);
    whi_answer *answers = calloc(MANY, sizeof *answers);
    whi_store_query query = { .limit = 1 };
    whi_store_place place;
    seen all = { 0 };

    assert_non_null(answers);
    OK(whi_store_begin(store));
    for (int i = 0; i < MANY; i++) {
        list_event(store, i % 2 ? 0 : first + i, NULL, &answers[i]);
    }
    OK(whi_store_commit(store, NULL));
    for (int i = 1; i < MANY; i++) {
        assert_true(answers[i].done && answers[i].number > answers[i - 1].number);
    }
    OK(V(store)->event_list(store, &query, see_event, &all, &place));
    assert_int_equal(all.events[0], answers[MANY - 1].number);
    free(answers);
}

static void a_list_is_as_long_as_it_has_to_be(void **state) {
    (void)state;
    on_store(many);
}

static void short_lists(whi_store *store) {
    int64_t first = number_at(NOW, 1);
    whi_answer answers[7] = { { 0 } };

    store->ability.facts = 3;
    OK(whi_store_begin(store));
    for (int i = 0; i < 7; i++) {
        list_event(store, first + i, NULL, &answers[i]);
    }
    assert_int_equal(answers[2].done, 1); /* those before the fourth had to go */
    assert_int_equal(answers[5].done, 1);
    assert_int_equal(answers[6].done, 0);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(answers[6].done, 1);
    for (int i = 0; i < 7; i++) {
        assert_true(is_there(store, first + i));
    }
}

static void a_list_is_no_longer_than_the_store_takes(void **state) {
    (void)state;
    on_store(short_lists);
}

/* ------------------------------------------------------------------------ the lease */

typedef struct two {
    int64_t here, gone; /* workers; only the first has its row */
} two;

static two workers(whi_store *store) {
    two both;

    OK(whi_store_worker_add(store, 0, &both.here));
    OK(whi_store_worker_add(store, 0, &both.gone));
    OK(whi_store_worker_remove(store, both.gone));
    return both;
}

static void recorded(whi_store *store) {
    int64_t event = number_at(NOW, 1);
    whi_answer yes, no, attempt;
    two w;

    OK(whi_store_begin(store));
    w = workers(store);
    OK(add_event(store, event, NULL, NULL));
    list_delivery(store, delivery(event, 5, WHI_DELIVERED, 0), WHI_TURN_ABSENT, w.here, &yes);
    list_delivery(store, delivery(event, 6, WHI_DELIVERED, 0), WHI_TURN_ABSENT, w.gone, &no);
    list_delivery(store, delivery(event, 5, WHI_WAITING, NOW), 0, w.gone, NULL);
    list_attempt(store, event, 5, &attempt);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(yes.done, 1);
    assert_int_equal(no.done, 0);
    assert_int_equal(state_of(store, event, 5), WHI_DELIVERED);
    assert_int_equal(state_of(store, event, 6), 0);
    assert_int_equal(attempt.done, 1); /* that it was made stays true */
}

static void a_delivery_of_a_holder_without_a_row_is_not_written(void **state) {
    (void)state;
    on_store(recorded);
}

static void taken_by(whi_store *store) {
    int64_t event = number_at(NOW, 1);
    whi_answer none, moved, some;
    whi_fact *fact;
    two w;

    OK(whi_store_begin(store));
    w = workers(store);
    OK(add_event(store, event, NULL, NULL));
    fact = added(store, WH_FACT_PARTITION_TAKE, &none);
    fact->of.take.owner = w.gone;
    fact->of.take.limit = 5;
    fact = added(store, WH_FACT_POSITION, &moved);
    fact->of.position.owner = w.gone;
    fact->of.position.position = event;
    fact = added(store, WH_FACT_PARTITION_TAKE, &some);
    fact->of.take.owner = w.here;
    fact->of.take.limit = 5;
    OK(whi_store_commit(store, NULL));
    assert_int_equal(none.done, 0);
    assert_true(none.number == INT64_MAX);
    assert_int_equal(none.count, 0);
    assert_int_equal(moved.done, 0);
    assert_int_equal(some.done, 1);
    assert_int_equal(some.count, 5);
}

static void who_has_no_row_takes_nothing(void **state) {
    (void)state;
    on_store(taken_by);
}

/* ----------------------------------------------------------------------- the outbox */

static int no_blanks(whi_event_row *row, void *payload) {
    (void)payload;
    row->accepted_at = NOW;
    row->time = row->time != 0 ? row->time : NOW;
    if (strchr(row->type, ' ') != NULL) {
        whi_fail(WH_EINVALID, "type: no blank is allowed");
        return WH_OUTBOX_REFUSED;
    }
    return WH_OK;
}

static void taken(whi_store *store) {
    seen all = { 0 };
    int64_t number, upto;
    int count;

    if (!other_program(
            "INSERT INTO webhook_outbox (id, type, payload) VALUES ('a', 'order.paid', '{\"id\":1}'),"
            " (NULL, 'bad type', '{}'), ('a', 'order.paid', '{\"id\":2}'), (NULL, 'order.paid', '{\"id\":3}')")) {
        return;
    }
    OK(whi_store_begin(store));
    OK(whi_store_outbox_take(store, 3, no_blanks, NULL, &count));
    assert_int_equal(count, 3);
    OK(whi_store_outbox_take(store, 3, no_blanks, NULL, &count));
    assert_int_equal(count, 1);
    OK(whi_store_outbox_take(store, 3, no_blanks, NULL, &count));
    assert_int_equal(count, 0);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->event_log(store, 0, 9, NULL, see_event, &all, &upto));
    assert_int_equal(all.count, 2); /* one is refused, one is known */
    assert_true(all.events[1] > all.events[0]);
    assert_string_equal(all.text, "{\"id\":3}");
    OK(V(store)->event_number(store, "a", NULL, &number));
    assert_int_equal(number, all.events[0]);
}

static void rows_of_the_outbox_become_events_in_their_order_or_are_put_aside(void **state) {
    (void)state;
    on_store(taken);
}

typedef struct told {
    char text[600];
} told;

/* "id/tenant/source/key/time", of each. */
static int tell(whi_event_row *row, void *payload) {
    told *all = payload;
    size_t used = strlen(all->text);

    snprintf(all->text + used, sizeof all->text - used, "%s%s/%s/%s/%s/%lld", used > 0 ? " " : "",
             row->id != NULL ? row->id : "(null)", row->tenant, row->source, row->key, (long long)row->time);
    row->accepted_at = row->time = NOW;
    return WH_OK;
}

/* Its first column is left out, as by all who insert there. */
static void optional(whi_store *store) {
    told all = { "" };
    seen events = { 0 };
    int64_t upto;
    int count;

    if (!other_program("INSERT INTO webhook_outbox (id, type, tenant, time, payload, source, key) VALUES"
                       " (NULL, 'order.paid', NULL, NULL, '{}', NULL, NULL), ('', 'order.paid', '', '', '{}', '', ''),"
                       " ('', 'order.paid', 'acme', 7, '{}', 's', 'k')") ||
        !other_program("INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', '{}')")) {
        return;
    }
    OK(whi_store_begin(store));
    OK(whi_store_outbox_take(store, 9, tell, &all, &count));
    OK(whi_store_commit(store, NULL));
    assert_string_equal(all.text, "(null)////0 (null)////0 (null)/acme/s/k/7 (null)////0");
    OK(V(store)->event_log(store, 0, 9, NULL, see_event, &events, &upto));
    assert_int_equal(events.count, 4); /* an empty id is nobody's, and no duplicate */
    assert_string_equal(events.id, "(null)");
}

static void in_the_outbox_null_and_empty_are_absent(void **state) {
    (void)state;
    on_store(optional);
}

static int64_t put_setting(whi_store *store, const char *name, int64_t value, int replace) {
    int64_t now = -1;

    OK(whi_store_begin(store));
    OK(whi_store_setting_put(store, name, value, replace, &now));
    OK(whi_store_commit(store, NULL));
    return now;
}

static void settings(whi_store *store) {
    int64_t found = -1;

    OK(V(store)->setting(store, "retain", &found));
    assert_int_equal(found, 0);
    assert_int_equal(put_setting(store, "retain", 0, 0), 0);
    assert_int_equal(put_setting(store, "retain", 5, 0), 5);
    assert_int_equal(put_setting(store, "retain", 6, 0), 5); /* the first stays */
    assert_int_equal(put_setting(store, "retain", 0, 0), 5);
    assert_int_equal(put_setting(store, "other", 9, 1), 9);
    OK(V(store)->setting(store, "retain", &found));
    assert_int_equal(found, 5);
    assert_int_equal(put_setting(store, "retain", INT64_MAX, 1), INT64_MAX);
    OK(V(store)->setting(store, "retain", &found));
    assert_true(found == INT64_MAX);
    assert_int_equal(put_setting(store, "retain", 0, 1), 0);
    OK(V(store)->setting(store, "retain", &found));
    assert_int_equal(found, 0);
    OK(V(store)->setting(store, "other", &found));
    assert_int_equal(found, 9);
}

static void a_setting_stays_unless_it_is_replaced(void **state) {
    (void)state;
    on_store(settings);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_fact_sees_those_before_it, clear),
        cmocka_unit_test_teardown(who_asks_sees_what_was_added_before, clear),
        cmocka_unit_test_teardown(what_changes_nothing_stops_no_list, clear),
        cmocka_unit_test_teardown(a_list_is_as_long_as_it_has_to_be, clear),
        cmocka_unit_test_teardown(a_list_is_no_longer_than_the_store_takes, clear),
        cmocka_unit_test_teardown(a_delivery_of_a_holder_without_a_row_is_not_written, clear),
        cmocka_unit_test_teardown(who_has_no_row_takes_nothing, clear),
        cmocka_unit_test_teardown(rows_of_the_outbox_become_events_in_their_order_or_are_put_aside, clear),
        cmocka_unit_test_teardown(in_the_outbox_null_and_empty_are_absent, clear),
        cmocka_unit_test_teardown(a_setting_stays_unless_it_is_replaced, clear),
    };

    return RUN_IN_PLACES(tests);
}
