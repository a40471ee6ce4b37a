/* Tests: test_engine_log. */
#include "engine/handover.h"

#include "engine/inbox.h"
#include "engine/position.h"
#include "engine/registry.h"

whi_inbox *whi_hand_over_to(wh_engine *engine) {
    unsigned workers = (unsigned)atomic_load(&engine->worker_count);

    return engine->inboxes[whi_registry_may_have_order(engine->registry)
                               ? 0
                               : (unsigned)atomic_fetch_add(&engine->next_worker, 1) % workers];
}

/* The position's lock comes before the inbox's. */
int whi_hand_over(wh_engine *engine, whi_inbox *to, whi_event *event, int64_t before, int64_t owner) {
    whi_position *position = engine->position;
    int taken;

    whi_event_ref(event); /* an inbox that is shut drops it, which takes the lock */
    pthread_mutex_lock(&position->lock);
    taken =
        (owner == 0 || owner == position->owner) && whi_position_hand(position, &event->mark, event->number, before);
    if (taken) {
        event->owner = position->owner;
        whi_inbox_give_event(to, event);
    }
    pthread_mutex_unlock(&position->lock);
    if (!taken) {
        whi_event_unref(engine, event);
    }
    whi_event_unref(engine, event);
    return taken;
}

void whi_hand_over_later(wh_engine *engine) {
    atomic_store(&engine->more_events, 1);
    whi_inbox_wake(engine->inboxes[0]);
}
