/* Tests: test_publish_async. */
#include "engine/promise.h"

#include "base/mem.h"

void whi_promise_count(wh_engine *engine) {
    atomic_fetch_add(&engine->promises_kept, 1);
}

void whi_promise_queue(wh_engine *engine, whi_promise *promise) {
    pthread_mutex_lock(&engine->promise_lock);
    *engine->promises_end = promise;
    engine->promises_end = &promise->next;
    pthread_mutex_unlock(&engine->promise_lock);
}

int whi_promise_tell(wh_engine *engine) {
    whi_promise *list, *next;
    int count = 0;

    pthread_mutex_lock(&engine->promise_lock);
    list = engine->promises;
    engine->promises = NULL;
    engine->promises_end = &engine->promises;
    pthread_mutex_unlock(&engine->promise_lock);
    for (; list != NULL; list = next) {
        int ok = list->code == WH_OK;
        next = list->next;
        atomic_fetch_sub(&engine->promises_kept, 1);
        list->done(list->code, ok ? NULL : list->error, ok ? &list->receipt : NULL, list->payload);
        whi_free(list);
        count++;
    }
    return count;
}
