/* Tests: test_gate. */
#include "engine/gate.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define QUANTUM_US 100 /* little beside what a call uses each time: its place in the ring is worth one */

typedef struct whi_gate_line {
    whi_turn turn; /* first */
    struct whi_gate_line *next;
    whi_gate_call *first, **end; /* that wait */
    int open;                    /* calls of it */
    char tenant[];
} whi_gate_line;

void whi_gate_init(whi_gate *gate, int most) {
    *gate = (whi_gate){ .room = most };
    pthread_mutex_init(&gate->lock, NULL);
}

void whi_gate_end(whi_gate *gate) {
    pthread_mutex_destroy(&gate->lock);
}

/* ----------------------------------------------------------------- the lock is held */

static whi_gate_line *line_of(const whi_gate *gate, const char *tenant) {
    whi_gate_line *line = gate->lines;

    while (line != NULL && strcmp(line->tenant, tenant) != 0) {
        line = line->next;
    }
    return line;
}

static whi_gate_line *make(whi_gate *gate, const char *tenant) {
    size_t size = strlen(tenant) + 1;
    whi_gate_line *line = whi_calloc(1, sizeof *line + size);

    if (line != NULL) {
        memcpy(line->tenant, tenant, size);
        line->turn.credit = QUANTUM_US;
        line->end = &line->first;
        line->next = gate->lines;
        gate->lines = line;
    }
    return line;
}

static void forget(whi_gate *gate, whi_gate_line *line) {
    whi_gate_line **place = &gate->lines;

    while (*place != line) {
        place = &(*place)->next;
    }
    *place = line->next;
    whi_free(line);
}

static void stand(whi_gate_call *call) {
    whi_gate_line *line = call->line;

    call->waits = 1;
    call->behind = NULL;
    *line->end = call;
    line->end = &call->behind;
    whi_fair_join(&call->gate->fair, &line->turn);
}

static void let_in(whi_gate *gate) {
    whi_gate_line *line;

    while (gate->room > 0 && (line = (whi_gate_line *)whi_fair_next(&gate->fair, QUANTUM_US)) != NULL) {
        whi_gate_call *call = line->first;
        line->first = call->behind;
        if (line->first == NULL) {
            line->end = &line->first;
            whi_fair_leave(&gate->fair, &line->turn);
        }
        gate->room--;
        call->waits = 0;
        pthread_cond_signal(&call->passed);
    }
}

static void go_out(whi_gate_call *call, int64_t us) {
    call->gate->room++;
    call->line->turn.credit -= us;
}

static void wait(whi_gate_call *call) {
    while (call->waits) {
        pthread_cond_wait(&call->passed, &call->gate->lock);
    }
}

/* ----------------------------------------------------------------------------- calls */

int whi_gate_open(whi_gate *gate, whi_gate_call *call, const char *tenant) {
    whi_gate_line *line;

    pthread_mutex_lock(&gate->lock);
    line = line_of(gate, tenant);
    line = line != NULL ? line : make(gate, tenant);
    if (line != NULL) {
        line->open++;
    }
    pthread_mutex_unlock(&gate->lock);
    if (line == NULL) {
        return whi_fail_memory();
    }
    *call = (whi_gate_call){ .gate = gate, .line = line };
    pthread_cond_init(&call->passed, NULL);
    return WH_OK;
}

void whi_gate_close(whi_gate_call *call) {
    whi_gate *gate = call->gate;

    pthread_mutex_lock(&gate->lock);
    if (--call->line->open == 0) {
        forget(gate, call->line);
    }
    pthread_mutex_unlock(&gate->lock);
    pthread_cond_destroy(&call->passed);
}

void whi_gate_enter(whi_gate_call *call) {
    pthread_mutex_lock(&call->gate->lock);
    stand(call);
    let_in(call->gate);
    wait(call);
    pthread_mutex_unlock(&call->gate->lock);
}

void whi_gate_again(whi_gate_call *call, int64_t us) {
    pthread_mutex_lock(&call->gate->lock);
    go_out(call, us);
    stand(call);
    let_in(call->gate);
    wait(call);
    pthread_mutex_unlock(&call->gate->lock);
}

void whi_gate_leave(whi_gate_call *call, int64_t us) {
    pthread_mutex_lock(&call->gate->lock);
    go_out(call, us);
    let_in(call->gate);
    pthread_mutex_unlock(&call->gate->lock);
}
