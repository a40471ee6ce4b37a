/* Accepting events for loops that must not wait. */
#include "base/error.h"
#include "engine/engine.h"

#include <stdatomic.h>

/* The caller's own mistakes, which no commit is needed to see. */
static int is_told_at_once(int code) {
    return code == WH_EINVALID || code == WH_EJSON || code == WH_ELIMIT || code == WH_ENOMEM || code == WH_ECLOSED;
}

/* For now it waits all the same. */
int wh_publish_async(wh_engine *engine, const wh_event *event, wh_published_fn done, void *payload) {
    wh_receipt receipt;
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (done == NULL) {
        return whi_fail(WH_EINVALID, "done: expected one, found NULL");
    }
    if (atomic_load(&engine->started)) {
        return whi_fail(WH_EBUSY, "the threads of wh_start do the work: wh_publish is for them");
    }
    code = wh_publish(engine, event, &receipt);
    if (is_told_at_once(code)) {
        return code;
    }
    done(code, code == WH_OK ? NULL : wh_last_error(), code == WH_OK ? &receipt : NULL, payload);
    return WH_OK;
}
