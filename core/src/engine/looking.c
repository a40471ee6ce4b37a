/* Tests: test_looking, test_database. */
#include "engine/looking.h"

#include <string.h>

#include "base/error.h"

#define CHECKS_OF_ALL 3 /* at once: they must leave one of the HTTP server's threads for what is slow to others */
#define CHECKS_OF_TENANT 2

/* Somebody's server says how long a check takes: nobody may have them all wait for it. */
int whi_looking_begin(wh_engine *engine, struct whi_looking *self) {
    int all = 0, same = 0, has_room;

    pthread_mutex_lock(&engine->looking_lock);
    for (const struct whi_looking *other = engine->looking; other != NULL; other = other->next) {
        all++;
        same += strcmp(other->tenant, self->tenant) == 0;
    }
    has_room = all < CHECKS_OF_ALL && same < CHECKS_OF_TENANT;
    if (has_room) {
        self->next = engine->looking;
        engine->looking = self;
    }
    pthread_mutex_unlock(&engine->looking_lock);
    return has_room
               ? WH_OK
               : whi_fail_field(WH_EBUSY, "url",
                                "too many databases and queues are being looked at; try again when one has answered");
}

void whi_looking_end(wh_engine *engine, const struct whi_looking *self) {
    struct whi_looking **link = &engine->looking;

    pthread_mutex_lock(&engine->looking_lock);
    while (*link != self) {
        link = &(*link)->next;
    }
    *link = self->next;
    pthread_mutex_unlock(&engine->looking_lock);
}

void whi_looking_show(wh_engine *engine, struct whi_looking *self, void *receiver,
                      void (*cut)(wh_engine *engine, void *receiver)) {
    pthread_mutex_lock(&engine->looking_lock);
    self->receiver = receiver;
    self->cut = cut;
    if (receiver != NULL && self->is_cut) {
        cut(engine, receiver);
    }
    pthread_mutex_unlock(&engine->looking_lock);
}

void whi_looking_cut(wh_engine *engine) {
    pthread_mutex_lock(&engine->looking_lock);
    for (struct whi_looking *one = engine->looking; one != NULL; one = one->next) {
        one->is_cut = 1;
        if (one->receiver != NULL) {
            one->cut(engine, one->receiver);
        }
    }
    pthread_mutex_unlock(&engine->looking_lock);
}
