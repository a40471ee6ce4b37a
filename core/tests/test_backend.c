/* A store and a rule engine from outside: nothing is included here but what is published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "webhook_backend.h"

/* ------------------------------------------------- a store that keeps events, and no more */

#define ROOM 8

typedef struct kept {
    int64_t number;
    char payload[32];
} kept;

typedef struct keeper {
    wh_backend_store base; /* first */
    char name[64];
    int64_t last;
    kept events[ROOM], pending[ROOM]; /* committed; of the transaction */
    int count, pending_count;
} keeper;

static int lists, unknowns; /* lists with events that were written; commits to come of which nothing is known */
static keeper *opened;

static const wh_backend_store_vtable keeping;

static int k_open(wh_backend_store **out, const char *name, const wh_backend_options *options) {
    opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    (void)options;
    opened->base.vtable = &keeping;
    opened->base.ability.look_us = 100000;
    memcpy(opened->name, name, strlen(name) + 1);
    *out = &opened->base;
    return WH_OK;
}

static void k_close(wh_backend_store *store) {
    free(store);
    opened = NULL;
}

static int k_reader(wh_backend_store *store, wh_backend_store **out) {
    *out = store;
    return WH_OK;
}

static int k_listen(wh_backend_store *store, int *fd) {
    (void)store;
    *fd = -1;
    return WH_OK;
}

static int k_begin(wh_backend_store *store) {
    ((keeper *)store)->pending_count = 0;
    return WH_OK;
}

static int keep_event(keeper *self, wh_backend_fact *fact) {
    const wh_backend_event *row = &fact->of.event;
    int at = self->pending_count;

    if (at == ROOM) {
        return wh_fail(WH_EFULL, "keeper: no room");
    }
    fact->answer.before = self->last;
    self->last = wh_backend_number_after(self->last, row->accepted_at);
    self->pending[at].number = self->last;
    memcpy(self->pending[at].payload, row->payload, row->payload_size);
    self->pending[at].payload[row->payload_size] = '\0';
    self->pending_count++;
    fact->answer.done = 1;
    fact->answer.number = self->last;
    return WH_OK;
}

/* Nobody else writes here, so its outbox is empty. */
static int keep(keeper *self, wh_backend_fact *fact) {
    if (fact->kind == WH_FACT_OUTBOX) {
        fact->answer.number = 0;
        return WH_OK;
    }
    return fact->kind == WH_FACT_EVENT ? keep_event(self, fact) : wh_fail(WH_ESTORE, "keeper: keeps events alone");
}

static int k_write(wh_backend_store *store, wh_backend_fact *facts, size_t count) {
    lists += count > 0 && facts[count - 1].kind == WH_FACT_EVENT;
    for (size_t i = 0; i < count; i++) {
        int code = keep((keeper *)store, &facts[i]);

        if (code != WH_OK) {
            return code;
        }
    }
    return WH_OK;
}

static void take_in(keeper *self) {
    for (int i = 0; i < self->pending_count && self->count < ROOM; i++) {
        self->events[self->count++] = self->pending[i];
    }
}

static int k_commit(wh_backend_store *store, wh_backend_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    int code = k_write(store, facts, count);

    *outcome = WH_NOT_COMMITTED;
    if (code != WH_OK) {
        return code;
    }
    take_in((keeper *)store);
    *outcome = unknowns > 0 ? WH_COMMIT_UNKNOWN : WH_COMMITTED;
    return unknowns-- > 0 ? wh_fail(WH_ESTORE, "keeper: the connection broke") : WH_OK;
}

static void k_settle(wh_backend_store *store, enum wh_backend_commit *outcome) {
    (void)store;
    *outcome = WH_COMMITTED; /* it was only the answer that was lost */
}

static void k_rollback(wh_backend_store *store) {
    ((keeper *)store)->pending_count = 0;
}

static int k_changes(wh_backend_store *store, int64_t *out) {
    (void)store;
    *out = 1;
    return WH_OK;
}

static int k_subscriptions(wh_backend_store *store, int64_t *after, wh_backend_subscription_fn each, void *payload) {
    (void)store;
    (void)after;
    (void)each;
    (void)payload;
    return WH_OK;
}

static int k_setting(wh_backend_store *store, const char *name, int64_t *out) {
    (void)store;
    (void)name;
    *out = 0;
    return WH_OK;
}

static const wh_backend_store_vtable keeping = {
    .size = sizeof(wh_backend_store_vtable),
    .version = WH_STORE_VERSION,
    .open = k_open,
    .close = k_close,
    .reader = k_reader,
    .listen = k_listen,
    .begin = k_begin,
    .write = k_write,
    .commit = k_commit,
    .settle = k_settle,
    .rollback = k_rollback,
    .setting = k_setting,
    .changes = k_changes,
    .subscription_changes = k_subscriptions,
};

/* ---------------------------------------- rules that are the name of a member, which is sent */

static int r_open(void **out, const wh_limits *limits, void *payload) {
    (void)limits;
    (void)payload;
    *out = NULL;
    return WH_OK;
}

static void r_close(void *runtime) {
    (void)runtime;
}

static int r_compile(void *runtime, const char *owner, const char *source, size_t size, void **out,
                     wh_rule_error *error) {
    char *name = calloc(1, size + 1);

    (void)runtime;
    (void)owner;
    *out = name;
    error->text[0] = '\0';
    if (name == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    memcpy(name, source, size);
    return WH_OK;
}

static void r_release(void *runtime, void *rule) {
    (void)runtime;
    free(rule);
}

/* The value behind this name among the root's members, NULL for none: by the layout alone. */
static const wh_json_node *member(const wh_json *json, const char *name) {
    const wh_json_node *root = &json->nodes[0];

    for (uint32_t at = 1; root->type == WH_JSON_OBJECT && at < root->next; at = json->nodes[at + 1].next) {
        const wh_json_node *node = &json->nodes[at];
        if (node->end - node->start == strlen(name) + 2 &&
            memcmp(json->text + node->start + 1, name, strlen(name)) == 0) {
            return node + 1;
        }
    }
    return NULL;
}

static int r_run(void *runtime, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    const wh_json_node *value = member(input->payload, rule);

    (void)runtime;
    out->action = WH_RULE_DROP;
    if (value != NULL) {
        out->action = WH_RULE_PROJECT;
        out->body = input->payload->text + value->start;
        out->body_size = value->end - value->start;
    }
    return WH_OK;
}

static const wh_rule_engine rules = {
    .size = sizeof rules, .open = r_open, .close = r_close, .compile = r_compile, .release = r_release, .run = r_run
};

/* ------------------------------------------------------------------------------- tests */

static wh_event event_of(const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "order.paid";
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    return event;
}

static void a_store_from_outside_takes_a_batch_in_one_list(void **state) {
    wh_event events[3] = { event_of("1"), event_of("2"), event_of("3") };
    wh_receipt receipts[3];
    wh_engine *engine;
    int64_t number;

    (void)state;
    assert_int_equal(wh_open(&engine, "keep:orders", NULL), WH_OK);
    assert_string_equal(opened->name, "orders");
    lists = 0;
    assert_int_equal(wh_publish_batch(engine, events, 3, receipts), WH_OK);
    assert_int_equal(lists, 1);
    assert_int_equal(opened->count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(opened->events[i].payload, events[i].payload);
        assert_int_equal(wh_backend_number_of(receipts[i].id, &number), WH_OK);
        assert_int_equal(number, opened->events[i].number);
    }
    wh_close(engine);
    assert_null(opened);
}

static void what_was_committed_although_its_answer_was_lost_is_accepted_once(void **state) {
    wh_event event = event_of("1");
    wh_receipt receipt;
    wh_engine *engine;
    int64_t number;

    (void)state;
    assert_int_equal(wh_open(&engine, "keep:", NULL), WH_OK);
    unknowns = 1;
    assert_int_equal(wh_publish(engine, &event, &receipt), WH_OK);
    unknowns = 0;
    assert_int_equal(opened->count, 1);
    assert_int_equal(wh_backend_number_of(receipt.id, &number), WH_OK);
    assert_int_equal(number, opened->events[0].number);
    wh_close(engine);
}

/* Nobody believes that his secrets are encrypted where they are not. */
static void a_back_end_that_encrypts_nothing_is_refused_to_who_has_keys(void **state) {
    static const char line[] = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    char name[] = "/tmp/webhook-keys-XXXXXX";
    int fd = mkstemp(name);
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    (void)state;
    assert_int_equal(write(fd, line, strlen(line)), strlen(line));
    close(fd);
    options.key_file = name;
    assert_int_equal(wh_open(&engine, "keep:", &options), WH_EINVALID);
    unlink(name);
    assert_string_equal(wh_last_error_field(), "key_file");
    assert_null(opened);
}

static char scheme[] = "keep:";

static void a_scheme_has_one_back_end(void **state) {
    wh_backend_store_vtable newer = keeping, larger = keeping;

    (void)state;
    newer.version = WH_STORE_VERSION + 1;
    larger.size += sizeof(void *);
    assert_int_equal(wh_backend_register("other:", &larger), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "vtable");
    assert_int_equal(wh_backend_register("keep:", &keeping), WH_ECONFLICT);
    assert_int_equal(wh_backend_register("sqlite:", &keeping), WH_ECONFLICT);
    assert_string_equal(wh_last_error_field(), "scheme");
    assert_int_equal(wh_backend_register("other:", &newer), WH_EINVALID);
    assert_int_equal(wh_backend_register("other", &keeping), WH_EINVALID);
    assert_int_equal(wh_backend_register("a/b:", &keeping), WH_EINVALID);
    assert_int_equal(wh_backend_register(NULL, &keeping), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "scheme");
    assert_int_equal(wh_backend_register("other:", NULL), WH_EINVALID);
    assert_int_equal(wh_backend_register("a-word-that-is-longer-than-thirty:", &keeping), WH_EINVALID);
    memset(scheme, 'x', sizeof scheme - 1); /* it was a copy that was kept */
    assert_int_equal(wh_backend_register("keep:", &keeping), WH_ECONFLICT);
}

static void the_order_of_a_key_can_be_asked_from_outside(void **state) {
    wh_backend_first first = { 1, 4, INT64_MAX };

    (void)state;
    assert_int_equal(wh_backend_order_next(WH_STATE_DELIVERED, 0, &first), WH_NEXT_TURN);
    first.due = 1;
    assert_int_equal(wh_backend_order_place(WH_STATE_WAITING, 0, &first), WH_PLACE_BEHIND);
    first.due = -1;
    assert_int_equal(wh_backend_order_place(WH_STATE_WAITING, 0, &first), WH_PLACE_ABORTED);
}

static void assert_tried(const char *payload, const char *part) {
    static const char document[] = "{\"url\":\"https://example.com/\",\"rule\":\"total\"}";
    wh_event event = event_of(payload);
    char *out = NULL;
    size_t size;

    assert_int_equal(wh_rule_try(&rules, NULL, document, WH_ZSTR, &event, &out, &size), WH_OK);
    if (strstr(out, part) == NULL) {
        fail_msg("%s is not in %s", part, out);
    }
    wh_free(out);
}

static void a_rule_engine_from_outside_reads_the_scanned_payload(void **state) {
    (void)state;
    assert_tried("{\"items\":[{\"total\":7},[1,2]],\"total\":[12.50, {\"a\":1}],\"x\":{}}",
                 "\"body\":[12.50, {\"a\":1}]");
    assert_tried("{\"items\":[{\"total\":7}]}", "\"drop\"");
    assert_tried("[\"total\",1]", "\"drop\"");
}

static int register_it(void **state) {
    (void)state;
    return wh_backend_register(scheme, &keeping);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_from_outside_takes_a_batch_in_one_list),
        cmocka_unit_test(what_was_committed_although_its_answer_was_lost_is_accepted_once),
        cmocka_unit_test(a_back_end_that_encrypts_nothing_is_refused_to_who_has_keys),
        cmocka_unit_test(a_scheme_has_one_back_end),
        cmocka_unit_test(the_order_of_a_key_can_be_asked_from_outside),
        cmocka_unit_test(a_rule_engine_from_outside_reads_the_scanned_payload),
    };

    return cmocka_run_group_tests(tests, register_it, NULL);
}
