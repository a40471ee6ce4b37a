/* The gate of calls that look back over much: engine/gate.h. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/gate.h"
#include "webhook.h"

#define CALLS 8

static whi_gate gate;
static int order[CALLS * 2], entered; /* by one at a time, behind the gate */

typedef struct one {
    whi_gate_call call;
    int number;
    int64_t us; /* that it uses each time */
    int again;  /* so often it goes on */
    pthread_t thread;
} one;

static int waits(const one *self) {
    int result;

    pthread_mutex_lock(&gate.lock);
    result = self->call.waits;
    pthread_mutex_unlock(&gate.lock);
    return result;
}

static void *pass(void *payload) {
    one *self = payload;

    whi_gate_enter(&self->call);
    order[entered++] = self->number;
    for (int i = 0; i < self->again; i++) {
        whi_gate_again(&self->call, self->us);
        order[entered++] = self->number;
    }
    whi_gate_leave(&self->call, self->us);
    return NULL;
}

static void open_call(one *self, const char *tenant, int number, int64_t us) {
    *self = (one){ .number = number, .us = us };
    assert_int_equal(whi_gate_open(&gate, &self->call, tenant), WH_OK);
}

/* It stands at the gate, behind those before it. */
static void line_up(one *self) {
    assert_int_equal(pthread_create(&self->thread, NULL, pass, self), 0);
    while (!waits(self)) {
        usleep(100);
    }
}

static void finish(one *self) {
    pthread_join(self->thread, NULL);
    whi_gate_close(&self->call);
}

static int setup(void **state) {
    (void)state;
    entered = 0;
    whi_gate_init(&gate, 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_null(gate.lines);
    assert_int_equal(gate.room, 1);
    whi_gate_end(&gate);
    return 0;
}

static void who_finds_no_room_waits_until_one_leaves(void **state) {
    one first, second;

    (void)state;
    open_call(&first, "a", 1, 0);
    open_call(&second, "a", 2, 0);
    whi_gate_enter(&first.call);
    line_up(&second);
    assert_int_equal(entered, 0);
    whi_gate_leave(&first.call, 0);
    whi_gate_close(&first.call);
    finish(&second);
    assert_int_equal(entered, 1);
}

/* Three calls of one tenant were there before one of another's, which goes when the first has used its share. */
static void tenants_take_turns_however_many_calls_they_have(void **state) {
    one holder, calls[4];

    (void)state;
    open_call(&holder, "holder", 9, 0);
    whi_gate_enter(&holder.call);
    for (int i = 0; i < 4; i++) {
        open_call(&calls[i], i < 3 ? "many" : "one", i, 5000);
        line_up(&calls[i]);
    }
    whi_gate_leave(&holder.call, 0);
    for (int i = 0; i < 4; i++) {
        finish(&calls[i]);
    }
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 3);
    assert_int_equal(order[2], 1);
    assert_int_equal(order[3], 2);
    whi_gate_close(&holder.call);
}

/* Who used ten times as much lets the other pass ten times: it competes again with what it owes. */
static void who_goes_on_pays_for_what_it_has_used(void **state) {
    one holder, costly, cheap;
    int before = 0;

    (void)state;
    open_call(&holder, "holder", 9, 0);
    whi_gate_enter(&holder.call);
    open_call(&costly, "costly", 1, 20000);
    costly.again = 1;
    open_call(&cheap, "cheap", 2, 2000);
    cheap.again = 12;
    line_up(&costly);
    line_up(&cheap);
    whi_gate_leave(&holder.call, 0);
    finish(&costly);
    finish(&cheap);
    assert_int_equal(order[0], 1);
    while (order[1 + before] == 2) {
        before++;
    }
    assert_in_range(before, 9, 11);
    assert_int_equal(entered, 15);
    whi_gate_close(&holder.call);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_finds_no_room_waits_until_one_leaves),
        TEST(tenants_take_turns_however_many_calls_they_have),
        TEST(who_goes_on_pays_for_what_it_has_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
