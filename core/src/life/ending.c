/* Tests: test_exit. */
#include "life/ending.h"

#include "engine/inbox.h"
#include "engine/lease.h"
#include "engine/source.h"
#include "engine/writer.h"

/* Sources are cut. A thread that waits for descriptors is woken; it finds by itself that the process ends. One
 * that is being started or stopped is left to the call that does it. */
static void wake_all(void *payload) {
    wh_engine *engine = payload;

    whi_sources_cut(engine->sources);
    if (pthread_mutex_trylock(&engine->work_lock) != 0) {
        return;
    }
    for (int i = 0; i < (atomic_load(&engine->stepping) ? 1 : WHI_WORKERS); i++) {
        if (engine->inboxes[i] != NULL) {
            whi_inbox_wake(engine->inboxes[i]);
        }
    }
    pthread_mutex_unlock(&engine->work_lock);
}

void whi_ending_begin(wh_engine *engine) {
    engine->halt.ask = wake_all;
    engine->halt.payload = engine;
    whi_halt_add(&engine->halt);
}

/* A host may close in a handler of its own, after OpenSSL's has run: what OpenSSL made must not
 * be touched then, and is left to the system with all the rest. */
int whi_ending_end(wh_engine *engine) {
    if (whi_engine_check(engine) != WH_OK) {
        return 1; /* file, connections and threads are the parent's: even closing would touch them */
    }
    if (!whi_halting()) {
        whi_halt_remove(&engine->halt);
        return 0;
    }
    if (engine->writer != NULL) {
        whi_lease_end(engine->lease);
        whi_writer_stop(engine->writer);
    }
    return 1;
}
