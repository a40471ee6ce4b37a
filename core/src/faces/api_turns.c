/* Requests that may take seconds: how many of them run at once. Tests: test_api_strangers. */
#include "faces/api.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

struct whi_turns {
    pthread_mutex_t lock;
    int of_all, of_tenant;
    whi_call *running; /* in no order */
};

int whi_turns_new(whi_turns **out, int of_all, int of_tenant) {
    *out = whi_calloc(1, sizeof **out);
    if (*out == NULL) {
        return whi_fail_memory();
    }
    pthread_mutex_init(&(*out)->lock, NULL);
    (*out)->of_all = of_all;
    (*out)->of_tenant = of_tenant;
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
    return all < turns->of_all && same < turns->of_tenant;
}

int whi_turns_running(whi_turns *turns) {
    int count = 0;

    pthread_mutex_lock(&turns->lock);
    for (const whi_call *each = turns->running; each != NULL; each = each->running_next) {
        count++;
    }
    pthread_mutex_unlock(&turns->lock);
    return count;
}

int whi_turn_enter(whi_turns *turns, whi_call *call) {
    int room;

    pthread_mutex_lock(&turns->lock);
    room = has_room(turns, call);
    if (room) {
        call->running_next = turns->running;
        turns->running = call;
    }
    pthread_mutex_unlock(&turns->lock);
    return room;
}

int whi_turn_take(whi_call *call) {
    if (whi_turn_enter(call->api->turns, call)) {
        return WH_OK;
    }
    whi_call_header_text(call, "Retry-After", "1");
    return whi_refuse(call, 429, NULL, "too many requests of this kind are under way; try again when one has ended");
}

void whi_turn_leave(whi_turns *turns, whi_call *call) {
    whi_call **link = &turns->running;

    pthread_mutex_lock(&turns->lock);
    while (*link != call) {
        link = &(*link)->running_next;
    }
    *link = call->running_next;
    pthread_mutex_unlock(&turns->lock);
}
