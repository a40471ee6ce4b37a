/* Tests: test_engine_health. */
#include "engine/notice.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "pure/json.h"

#define PAYLOAD_MAXIMUM 16384

static void text_member(whi_buf *out, const char *name, const char *text) {
    if (text != NULL) {
        whi_json_write_name(out, name);
        whi_json_write_string(out, text, strlen(text));
    }
}

static void number_member(whi_buf *out, const char *name, int64_t number) {
    whi_json_write_name(out, name);
    whi_buf_int(out, number);
}

static void write_health(whi_buf *out, const whi_health_row *health) {
    char text[WHI_TIME_SIZE];

    whi_time_text(health->since, text);
    text_member(out, "failing_since", health->since != 0 ? text : NULL);
    number_member(out, "failures", health->failures);
    number_member(out, "exhausted", health->exhausted);
}

static void write_source(whi_buf *out, const whi_notice *notice) {
    const wh_backend_poll *row = notice->poll;
    char text[WHI_TIME_SIZE];

    text_member(out, "object_type", notice->about->poll_type);
    text_member(out, "connection", notice->about->source != NULL ? notice->about->source : "");
    number_member(out, "failures", row->failures);
    number_member(out, "objects_held", row->suspicious ? row->gone : 0);
    whi_time_text(row->checked_at, text);
    text_member(out, "checked_at", row->checked_at != 0 ? text : NULL);
}

static void write_subscription(whi_buf *out, const whi_notice *notice) {
    char id[WH_ID_SIZE];

    whi_ident_format("sub_", notice->about->id, id);
    text_member(out, "subscription", id);
    if (notice->about->twin_of != 0) {
        whi_ident_format("sub_", notice->about->twin_of, id);
        text_member(out, "twin_of", id);
    }
    text_member(out, "url", notice->about->url);
    text_member(out, "event", notice->event);
}

static int write_payload(whi_buf *out, const whi_notice *notice) {
    whi_buf_char(out, '{');
    if (notice->poll != NULL) {
        write_source(out, notice);
    } else {
        write_subscription(out, notice);
    }
    text_member(out, "reason", notice->reason);
    if (notice->health != NULL) {
        write_health(out, notice->health);
    }
    text_member(out, "error", notice->error);
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

int whi_notice_add(wh_engine *engine, whi_store *store, const whi_notice *notice) {
    whi_event_row row = { .type = notice->type, .tenant = notice->about->tenant };
    whi_buf payload;
    int duplicate, code;

    whi_buf_init(&payload, PAYLOAD_MAXIMUM);
    code = write_payload(&payload, notice);
    row.accepted_at = row.time = whi_now(engine);
    row.payload = payload.data;
    row.payload_size = payload.size;
    code = code == WH_OK ? whi_store_event_add(store, &row, &duplicate) : code;
    whi_buf_free(&payload);
    atomic_store(&engine->appended, 1);
    return code;
}

int whi_notice_ask(wh_engine *engine, whi_store *store, const char *tenant, const char *type, int *out) {
    int64_t last = 0;
    int code = whi_store_subscription_last(store, &last);

    *out = code == WH_OK && whi_registry_takes(engine->registry, tenant, type, last);
    return code;
}

int whi_notice_write(wh_engine *engine, whi_store *store, const whi_notice *notice) {
    int taken, code = whi_notice_ask(engine, store, notice->about->tenant, notice->type, &taken);

    return code == WH_OK && taken ? whi_notice_add(engine, store, notice) : code;
}

int whi_notice_is(const char *type) {
    return strncmp(type, WHI_NOTICE_PREFIX, sizeof WHI_NOTICE_PREFIX - 1) == 0;
}
