/* Requests that may take seconds: how many of them run at once. Tests: test_api_strangers. */
#include "faces/api.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* So that they leave most of a server's threads, and of the processors, to what is quick, and
 * one tenant leaves room for another. */
#define OF_ALL 8
#define OF_TENANT 4

struct whi_turns {
    pthread_mutex_t lock;
    whi_call *running; /* in no order */
};

int whi_turns_new(whi_turns **out) {
    *out = whi_calloc(1, sizeof **out);
    if (*out == NULL) {
        return whi_fail_memory();
    }
    pthread_mutex_init(&(*out)->lock, NULL);
    return WH_OK;
}

void whi_turns_free(whi_turns *turns) {
    if (turns != NULL) {
        pthread_mutex_destroy(&turns->lock);
        whi_free(turns);
    }
}

/* Operators are as one tenant among the others. */
static int is_of_same(const whi_call *one, const whi_call *two) {
    return one->all == two->all && strcmp(one->tenant, two->tenant) == 0;
}

/* The lock is held. */
static int has_room(const whi_turns *turns, const whi_call *call) {
    int all = 0, same = 0;

    for (const whi_call *other = turns->running; other != NULL; other = other->running_next) {
        all++;
        same += is_of_same(other, call);
    }
    return all < OF_ALL && same < OF_TENANT;
}

int whi_turn_take(whi_call *call) {
    whi_turns *turns = call->api->turns;
    int room;

    pthread_mutex_lock(&turns->lock);
    room = has_room(turns, call);
    if (room) {
        call->running_next = turns->running;
        turns->running = call;
    }
    pthread_mutex_unlock(&turns->lock);
    if (room) {
        return WH_OK;
    }
    whi_call_header_text(call, "Retry-After", "1");
    return whi_refuse(call, 429, NULL, "too many requests of this kind are under way; try again when one has ended");
}

void whi_turn_leave(whi_call *call) {
    whi_turns *turns = call->api->turns;
    whi_call **link = &turns->running;

    pthread_mutex_lock(&turns->lock);
    while (*link != call) {
        link = &(*link)->running_next;
    }
    *link = call->running_next;
    pthread_mutex_unlock(&turns->lock);
}
