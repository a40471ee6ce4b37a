/* Requests by their order key: what a process has under way of it, and what its receiver had last. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define KEYS (MODEL_KEYS + 1) /* "fifo" has one for all: the first */

/* The last request of a key that a process made. */
typedef struct begun {
    struct begun *next;
    const sim_process *process;
    int k, key, n;
    int64_t turn; /* of its row, as it left; -1: it waited no more */
} begun;

/* The last request of a key that its receiver took. */
typedef struct taken {
    int is_there, n, late;
    const sim_process *process;
} taken;

static begun *all_begun;
static taken all_taken[MODEL_SUBSCRIPTIONS][KEYS];

void keys_begin(void) {
    all_begun = NULL;
    memset(all_taken, 0, sizeof all_taken);
}

int keys_of(int n, int k) {
    switch (model_subscriptions[k]->order) {
    case MODEL_FIFO:
        return 0;
    case MODEL_KEY:
    case MODEL_LATEST:
        return model_events[n]->key != 0 ? model_events[n]->key : KEYS_NONE;
    default:
        return KEYS_NONE;
    }
}

static begun *begun_of(const sim_process *process, int k, int key) {
    for (begun *at = all_begun; at != NULL; at = at->next) {
        if (at->process == process && at->k == k && at->key == key) {
            return at;
        }
    }
    return NULL;
}

static begun *begun_new(const sim_process *process, int k, int key) {
    begun *made = sim_alloc(sizeof *made);

    *made = (begun){ all_begun, process, k, key, 0, -1 };
    all_begun = made;
    return made;
}

void keys_begins(const sim_process *process, int n, int k, int64_t subscription, int open) {
    int key = keys_of(n, k);
    begun *was;

    if (key == KEYS_NONE) {
        return;
    }
    if (open > 0) {
        sim_fail("key", "event %d is sent to %d while its process has another of its key under way", n, k);
    }
    was = begun_of(process, k, key);
    if (was != NULL && was->n != n && was->turn >= 0 && judge_turn(was->n, subscription) == was->turn) {
        sim_fail("key", "event %d is sent to %d before anything was recorded of event %d", n, k, was->n);
    }
    was = was != NULL ? was : begun_new(process, k, key);
    was->n = n;
    was->turn = judge_turn(n, subscription);
}

void keys_taken(const sim_process *process, int n, int k, int late) {
    int key = keys_of(n, k);

    if (key != KEYS_NONE) {
        all_taken[k][key] = (taken){ 1, n, late, process };
    }
}

/* An older one that somebody asked for comes when it comes. (What a failing rule held back does not come behind a newer
 * one, when the rule is mended.) */
static int is_wished(int n, int k) {
    const model_pair *pair = model_pair_of(n, k);

    return pair->extra > 0 || (pair->replays > 0 && pair->failures >= model_subscriptions[k]->retry_count);
}

int keys_last(int n, int k) {
    const taken *last = &all_taken[k][keys_of(n, k)];

    if (!last->is_there || is_wished(last->n, k) || (last->late && last->process->dead)) {
        return n;
    }
    return last->n;
}
