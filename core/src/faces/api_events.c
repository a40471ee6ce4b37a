/* Our own routes for events: /v1/events. A payload is taken from the request, and given back,
 * byte for byte. Tests: test_api_standard. */
#include "faces/api.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* ---------------------------------------------------------------------- publishing */

static const char *const members[] = { "type", "payload", "id", "source", "key", "time", "tenant", NULL };

static int check_type(const char *type) {
    return type == NULL || strncmp(type, "webhook.", 8) != 0
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "type", "those that begin with \"webhook.\" are the engine's own");
}

/* An operator's events are of the tenant that they name; all others are of their publisher's. */
static int read_tenant(whi_call *call, uint32_t object, wh_event *event) {
    const char *named;
    int code = whi_body_text(call, object, "tenant", &named);

    named = named != NULL ? named : whi_call_parameter(call, "tenant");
    event->tenant = call->all ? named : call->tenant;
    return code;
}

static int read_event(whi_call *call, uint32_t object, wh_event *event) {
    uint32_t payload;
    int code = whi_body_only(call, object, members);

    code = code == WH_OK ? whi_body_text(call, object, "type", &event->type) : code;
    code = code == WH_OK ? whi_body_text(call, object, "id", &event->id) : code;
    code = code == WH_OK ? whi_body_text(call, object, "source", &event->source) : code;
    code = code == WH_OK ? whi_body_text(call, object, "key", &event->key) : code;
    code = code == WH_OK ? whi_body_time(call, object, "time", &event->time) : code;
    code = code == WH_OK ? read_tenant(call, object, event) : code;
    code = code == WH_OK ? check_type(event->type) : code;
    if (code != WH_OK) {
        return code;
    }
    payload = whi_json_member(&call->body, object, "payload", 7); /* null is a payload too */
    if (payload == WHI_JSON_NONE) {
        return whi_fail_field(WH_EINVALID, "payload", "expected JSON, found nothing");
    }
    event->payload = whi_json_span(&call->body, payload, &event->payload_size);
    return WH_OK;
}

static const char key_name[] = "Idempotency-Key";

/* The text of a structured field's string (RFC 8941 3.3.3), which draft-ietf-httpapi-idempotency-key-header
 * has: in quotes, perhaps with parameters behind it, which mean nothing here. NULL if it is none. */
static const char *unquote(whi_call *call, const char *value) {
    char text[WH_ID_SIZE * 2];
    size_t size = 0;

    for (value++; *value != '"'; value++) {
        if (*value == '\\' && *++value != '"' && *value != '\\') {
            return NULL;
        }
        if (*value < ' ' || *value > '~' || size == sizeof text) {
            return NULL;
        }
        text[size++] = *value;
    }
    value += 1 + strspn(value + 1, " ");
    return *value == '\0' || *value == ';' ? whi_call_keep(call, text, size) : NULL;
}

static int read_idempotency_key(whi_call *call, wh_event *event, int *is_header) {
    int count;
    const char *key = whi_call_header(call, key_name, &count);

    *is_header = key != NULL;
    if (count > 1) {
        return whi_fail_field(WH_EINVALID, key_name, "found twice, expected once");
    }
    if (key != NULL && key[0] == '"') {
        key = unquote(call, key);
        if (key == NULL) {
            return whi_fail_field(WH_EINVALID, key_name, "expected a text, or one in quotes with \\\" and \\\\ in it");
        }
    }
    if (key != NULL && event->id != NULL && strcmp(key, event->id) != 0) {
        return whi_fail_field(WH_EINVALID, "id", "expected the same as in the header Idempotency-Key");
    }
    event->id = key != NULL ? key : event->id;
    return WH_OK;
}

static void write_receipt(whi_call *call, const wh_receipt *receipt) {
    whi_buf_char(&call->out, '{');
    whi_out_text(call, "id", receipt->id);
    whi_json_write_name(&call->out, "duplicate");
    whi_buf_text(&call->out, receipt->duplicate ? "true}" : "false}");
}

int whi_serve_event_publish(whi_call *call) {
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;
    int is_header = 0, code = read_event(call, 0, &event);

    code = code == WH_OK ? read_idempotency_key(call, &event, &is_header) : code;
    code = code == WH_OK ? whi_call_set_aside(call) : code;
    code = code == WH_OK ? wh_publish(call->engine, &event, &receipt) : code;
    if (code == WH_EINVALID && is_header && strcmp(wh_last_error_field(), "id") == 0) {
        whi_fail_renamed(code, key_name);
    }
    if (code == WH_OK) {
        call->status = receipt.duplicate ? 200 : 201;
        whi_call_header_text(call, "Location", "/v1/events/%s", receipt.id);
        write_receipt(call, &receipt);
    }
    return code;
}

static int read_batch(whi_call *call, wh_event *events, uint32_t list) {
    uint32_t at = list + 1, end = call->body.nodes[list].next;
    int code = WH_OK;

    for (size_t i = 0; at < end && code == WH_OK; i++, at = call->body.nodes[at].next) {
        events[i] = (wh_event)WH_EVENT_INIT;
        code = call->body.nodes[at].type == WHI_JSON_OBJECT ? read_event(call, at, &events[i])
                                                            : whi_fail(WH_EINVALID, "expected an object");
        code = code == WH_OK ? code : whi_fail_within_event(code, i);
    }
    return code;
}

static void write_receipts(whi_call *call, const wh_receipt *receipts, size_t count) {
    size_t fresh = 0;

    whi_buf_text(&call->out, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        whi_buf_text(&call->out, i > 0 ? "," : "");
        write_receipt(call, &receipts[i]);
        fresh += !receipts[i].duplicate;
    }
    whi_buf_text(&call->out, "]}");
    call->status = fresh > 0 ? 201 : 200;
}

static int publish_batch(whi_call *call, uint32_t list, size_t count) {
    wh_event *events = whi_calloc(count + 1, sizeof *events);
    wh_receipt *receipts = whi_calloc(count + 1, sizeof *receipts);
    int code = events != NULL && receipts != NULL ? read_batch(call, events, list) : whi_fail_memory();

    if (code == WH_OK) {
        whi_buf_reserve(&call->out, (count + 1) * (WH_ID_SIZE + 32)); /* before anything is changed */
        code = whi_buf_status(&call->out);
    }
    code = code == WH_OK ? wh_publish_batch(call->engine, events, count, receipts) : code;
    if (code == WH_OK) {
        write_receipts(call, receipts, count);
    }
    whi_free(events);
    whi_free(receipts);
    return code;
}

int whi_serve_event_batch(whi_call *call) {
    static const char *const names[] = { "events", NULL };
    int64_t most = whi_insight_options(call->engine)->limits.batch_events;
    uint32_t list = whi_body_member(call, 0, "events");
    int code = whi_body_only(call, 0, names);

    if (code != WH_OK) {
        return code;
    }
    if (list == WHI_JSON_NONE || call->body.nodes[list].type != WHI_JSON_ARRAY) {
        return whi_fail_field(WH_EINVALID, "events", "expected a list");
    }
    if (call->body.nodes[list].count > most) {
        return whi_refuse(call, 413, "events", "%u are more than the limit of %lld", call->body.nodes[list].count,
                          (long long)most);
    }
    return publish_batch(call, list, call->body.nodes[list].count);
}

/* -------------------------------------------------------------------- looking back */

int whi_serve_event_list(whi_call *call) {
    static const char *const names[] = { "limit", "cursor", "type", "since", "until", "tenant", "own", NULL };
    wh_query query = WH_QUERY_INIT;
    char *text = NULL;
    size_t size = 0;
    int code = whi_scope_page(call, names, &query);

    code = code == WH_OK ? whi_scope_own(call, &query) : code;
    query.type = whi_call_word(call, "type");
    code = code == WH_OK ? wh_events(call->engine, &query, &text, &size) : code;
    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_event_get(whi_call *call) {
    char *text = NULL;
    size_t size = 0;
    int64_t number;
    char name[WH_ID_SIZE];
    int code = whi_scope_event(call, call->id, NULL, &number, name);

    code = code == WH_OK ? wh_event_get(call->engine, name, &text, &size) : code;
    return whi_call_hand_over(call, code, text, size);
}

static int copy_payload(const whi_event_row *row, void *payload) {
    whi_call *call = payload;

    whi_buf_add(&call->out, row->payload, row->payload_size);
    return whi_buf_status(&call->out);
}

int whi_serve_event_payload(whi_call *call) {
    whi_store *store = whi_insight_store(call->engine);
    int64_t number;
    char name[WH_ID_SIZE];
    int code = whi_scope_event(call, call->id, NULL, &number, name);

    return code == WH_OK ? store->vtable->event_get(store, number, copy_payload, call) : code;
}
