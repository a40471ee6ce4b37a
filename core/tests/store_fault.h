/* A store of which some kinds of facts fail as often as told. */
#ifndef STORE_FAULT_H
#define STORE_FAULT_H

#include "base/error.h"
#include "engine/context.h"

#define FACT(kind) (UINT64_C(1) << (kind)) /* there are fewer than 64 */

_Static_assert(WH_FACT_KINDS <= 64, "a bit for each kind");

static whi_store_vtable failing;
static const whi_store_vtable *sound;
static struct store_failure {
    uint64_t kinds; /* FACT(…) of each */
    int code, left; /* how often */
    const char *sentence;
} failure;

static size_t first_that_fails(const whi_fact *facts, size_t count) {
    size_t i = 0;

    while (i < count && (failure.left <= 0 || !(failure.kinds & FACT(facts[i].kind)))) {
        i++;
    }
    return i;
}

static int write_or_fail(whi_store *store, whi_fact *facts, size_t count) {
    size_t at = first_that_fails(facts, count);
    int code = sound->write(store, facts, at);

    if (code != WH_OK || at == count) {
        return code;
    }
    failure.left--;
    code = whi_fail(failure.code, "%s", failure.sentence);
    if (code != WH_ECONFLICT) {
        return code;
    }
    facts[at].answer.code = code; /* it has changed nothing: the list goes on */
    return at + 1 < count ? write_or_fail(store, facts + at + 1, count - at - 1) : WH_OK;
}

static int commit_or_fail(whi_store *store, whi_fact *facts, size_t count, enum wh_backend_commit *outcome) {
    int code = write_or_fail(store, facts, count);

    *outcome = WH_NOT_COMMITTED;
    return code == WH_OK ? sound->commit(store, NULL, 0, outcome) : code;
}

/* From now on; other functions of failing may be replaced, too. */
static void fail_facts(wh_engine *engine, uint64_t kinds, int code, int times) {
    sound = engine->store->vtable;
    failing = *sound;
    failing.write = write_or_fail;
    failing.commit = commit_or_fail;
    failure = (struct store_failure){ kinds, code, times,
                                      code == WH_ECONFLICT ? "changed by another process" : "the disk is full" };
    engine->store->vtable = &failing;
}

#endif
