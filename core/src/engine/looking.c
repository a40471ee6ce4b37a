/* Tests: test_database. */
#include "engine/looking.h"

#include <string.h>

#include "base/error.h"
#include "engine/database.h"
#include "engine/queue.h"

#define CHECKS_OF_ALL 3 /* at once: they must leave one of the HTTP server's threads for what is slow to others */
#define CHECKS_OF_TENANT 2

/* A check that is under way. */
struct whi_looking {
    struct whi_looking *next;
    const char *tenant;
};

/* Somebody's server says how long a check takes: nobody may have them all wait for it. */
static int begin_looking(wh_engine *engine, struct whi_looking *self) {
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

static void end_looking(wh_engine *engine, const struct whi_looking *self) {
    struct whi_looking **link = &engine->looking;

    pthread_mutex_lock(&engine->looking_lock);
    while (*link != self) {
        link = &(*link)->next;
    }
    *link = self->next;
    pthread_mutex_unlock(&engine->looking_lock);
}

static int refuse(const whi_object_result *result) {
    const char *later =
        result->outcome == WHI_OBJECT_AGAIN ? "; with database.check false it is not looked at now" : "";

    return whi_fail_field(WH_EINVALID, "url", "%s%s%s%s", result->state, result->state[0] != '\0' ? ": " : "",
                          result->sentence, later);
}

static int look_at(wh_engine *engine, const whi_subscription *s) {
    whi_object_result result = { .outcome = WHI_OBJECT_WRITTEN };
    int code =
        whi_subscription_is_queue(s) ? whi_queue_look(engine, s, &result) : whi_database_look(engine, s, &result);

    return code == WH_OK && result.outcome != WHI_OBJECT_WRITTEN ? refuse(&result) : code;
}

int whi_look(wh_engine *engine, const whi_subscription *s) {
    struct whi_looking self = { NULL, s->tenant };
    int code;

    if (!whi_subscription_is_waited_for(s)) {
        return WH_OK;
    }
    if (s->unchecked) {
        return look_at(engine, s);
    }
    code = begin_looking(engine, &self);
    if (code != WH_OK) {
        return code;
    }
    code = look_at(engine, s);
    end_looking(engine, &self);
    return code;
}
