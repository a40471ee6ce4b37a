/* Tests: test_engine_input. */
#include "engine/outbox.h"

#include "base/clock.h"
#include "base/error.h"
#include "engine/accept.h"
#include "engine/setting.h"

#define ROUNDS 16
#define NEVER (-1) /* no count of changes */

/* SQLite keeps in any column what it is given: a time may be a text, or what its own functions make. */
static int check(wh_engine *engine, whi_event_row *row) {
    wh_event event = { sizeof event, row->id,           row->type,   row->tenant, 0,
                       row->payload, row->payload_size, row->source, row->key };
    wh_limits limits;

    row->time = 0;
    if (row->time_text[0] != '\0' && whi_time_read("time", row->time_text, &row->time) != WH_OK) {
        return WH_EINVALID;
    }
    event.time = row->time;
    whi_setting_limits(engine, &limits);
    return whi_accept_given(row->id) == WH_OK ? whi_accept_check(&limits, &event) : WH_EINVALID;
}

/* A row that a program wrote: as good as its text. */
static int judge(whi_event_row *row, void *payload) {
    wh_engine *engine = payload;
    int code = check(engine, row);

    if (code == WH_ENOMEM) {
        return code;
    }
    if (code != WH_OK) {
        whi_log(&engine->log, WH_LOG_WARNING, "a row of the outbox is refused: %s", wh_last_error());
        return WH_OUTBOX_REFUSED;
    }
    row->accepted_at = whi_now(engine);
    row->time = row->time != 0 ? row->time : row->accepted_at;
    return WH_OK;
}

int whi_outbox_take(wh_engine *engine, whi_store *store, whi_answer *answer) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_OUTBOX, answer, &fact);

    if (code == WH_OK) {
        fact->of.outbox.limit = WHI_OUTBOX_ROWS;
        fact->of.outbox.judge = judge;
        fact->of.outbox.payload = engine;
        atomic_store(&engine->appended, 1);
    }
    return code;
}

/* *rest: 1: there may be more of them. */
static int empty(wh_engine *engine, whi_store *store, int *rest) {
    whi_answer answer = { .number = WHI_OUTBOX_ROWS };
    int code = WH_OK;

    for (int i = 0; i < ROUNDS && code == WH_OK && answer.number == WHI_OUTBOX_ROWS; i++) {
        answer.number = 0;
        code = whi_outbox_take(engine, store, &answer);
        code = code == WH_OK ? whi_store_flush(store) : code;
    }
    *rest = answer.number == WHI_OUTBOX_ROWS;
    return code;
}

int whi_outbox_precede(wh_engine *engine, whi_store *store, int64_t *changes) {
    int rest = 0, code = store->vtable->changes(store, changes);

    if (code == WH_OK && *changes != atomic_load(&engine->outbox_seen)) {
        code = empty(engine, store, &rest);
    }
    *changes = rest ? NEVER : *changes;
    return code;
}
