/* Tests: test_engine_trouble. */
#include "engine/context.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"

int whi_engine_check(const wh_engine *engine) {
    if (engine == NULL) {
        return whi_fail_field(WH_EINVALID, "engine", "expected one, found NULL");
    }
    if (engine->generation != whi_fork_generation()) {
        return whi_fail(WH_ECLOSED,
                        "the engine is that of the process which this one was forked from: open one after the fork");
    }
    return WH_OK;
}

int whi_is_open(const wh_engine *engine) {
    return atomic_load(&engine->closed) ? whi_fail(WH_ECLOSED, "the engine is being closed") : WH_OK;
}

int64_t whi_now(const wh_engine *engine) {
    return whi_clock_now(engine->clock);
}

int64_t whi_steady(const wh_engine *engine) {
    return engine->clock != NULL ? whi_now(engine) : whi_monotonic_us() / 1000;
}

void whi_trouble(wh_engine *engine, int code, const char *sentence) {
    if (code != WH_ECORRUPT && code != WH_EMOVED && code != WH_EKEY) {
        return; /* time may mend it */
    }
    pthread_mutex_lock(&engine->trouble_lock);
    engine->trouble_code = code;
    snprintf(engine->trouble_sentence, sizeof engine->trouble_sentence, "%s", sentence);
    pthread_mutex_unlock(&engine->trouble_lock);
}

int whi_trouble_take(wh_engine *engine) {
    int code;

    pthread_mutex_lock(&engine->trouble_lock);
    code = engine->trouble_code;
    if (code != WH_OK) {
        whi_fail(code, "%s", engine->trouble_sentence);
        engine->trouble_code = WH_OK;
    }
    pthread_mutex_unlock(&engine->trouble_lock);
    return code;
}
