/* A fifth system that nobody has: its description. It asks for what none of the four asks for
 * together: an envelope that is masked whole and signed with the time, by the tenant's secret;
 * ids that are numbers beside times that are texts; an order of its own; and errors of a shape
 * of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pure/delivery.h"
#include "pure/sign.h"
#include "samples.h"
#include "systems/envelope.h"
#include "systems/list.h"
#include "systems/standard_verify.h"
#include "systems/wire.h"

/* ------------------------------------------------------------------- the object */

static const char *const colours[] = { "red", "green", NULL };

static const whi_wire_field fields[] = {
    { "number", WHI_WIRE_MS, WHI_AT_ID, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "url", WHI_WIRE_TEXT, WHI_AT_URL, WHI_WIRE_REQUIRED, NULL, NULL, NULL, 0, 0 },
    { "kinds", WHI_WIRE_TEXTS, WHI_AT_EVENTS, 0, NULL, NULL, NULL, 0, 0 },
    { "mask", WHI_WIRE_TEXT, WHI_AT_FIELDS, 0, NULL, NULL, NULL, 0, 0 },
    { "label", WHI_WIRE_TEXT, WHI_AT_NAME, 0, NULL, "\"unnamed\"", NULL, 0, 0 },
    { "colour", WHI_WIRE_TEXT, WHI_AT_DETAILS, 0, colours, NULL, NULL, 0, 0 },
    { "weight", WHI_WIRE_NUMBER, WHI_AT_DETAILS, 0, NULL, NULL, NULL, 3, 0 },
    { "off", WHI_WIRE_FLAG, WHI_AT_PAUSED, 0, NULL, NULL, NULL, 0, 0 },
    { "made", WHI_WIRE_TEXT, WHI_AT_CREATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
};

/* The number and a digit that checks it: a 7 behind. */
static void ident(int64_t number, char *out) {
    snprintf(out, WH_ID_SIZE, "%" PRIu64 "7", (uint64_t)number);
}

static int ident_parse(const char *text, int64_t *number) {
    char again[WH_ID_SIZE], *end;
    size_t size = strlen(text);

    if (size < 2 || size >= WH_ID_SIZE) {
        return WH_EINVALID;
    }
    memcpy(again, text, size - 1);
    again[size - 1] = '\0';
    *number = strtoll(again, &end, 10);
    if (*number <= 0 || *end != '\0') {
        return WH_EINVALID;
    }
    ident(*number, again);
    return strcmp(again, text) == 0 ? WH_OK : WH_EINVALID;
}

/* ------------------------------------------------------------------- what is sent */

static int write_whole(const whi_envelope *envelope, whi_buf *out) {
    size_t size;
    const char *data = whi_envelope_data(envelope, &size);

    whi_buf_char(out, '{');
    whi_wire_text(out, "kind", envelope->event_type);
    whi_json_write_name(out, "item");
    whi_buf_add(out, data, size);
    whi_wire_text(out, "label", envelope->made_by->name);
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

static int write_body(const whi_envelope *envelope, whi_buf *out) {
    whi_json json = { 0 };
    whi_buf whole;
    int code;

    if (envelope->fields == NULL) {
        return write_whole(envelope, out);
    }
    whi_buf_init(&whole, SIZE_MAX / 4);
    code = write_whole(envelope, &whole);
    code = code == WH_OK ? whi_json_scan(&json, whole.data, whole.size, 1003) : code;
    code = code == WH_OK ? whi_projection_write(envelope->fields, &json, 0, out) : code;
    whi_json_free(&json);
    whi_buf_free(&whole);
    return code == WH_OK ? whi_buf_status(out) : code;
}

/* 409: it has this one already. 404 refuses all of an account. */
static int outcome(const whi_response *response, int *code, int *abort) {
    int outcome = whi_delivery_outcome(response->error, response->status, code);

    *abort = response->error == WH_OK && response->status == 404;
    return response->error == WH_OK && (response->status == 409 || *abort) ? WHI_OUTCOME_SUCCESS : outcome;
}

static int is_ordered(const char *event_type) {
    return strncmp(event_type, "account:", 8) == 0;
}

static int order_key(const whi_json *payload, whi_buf *out) {
    uint32_t node = whi_json_member(payload, 0, "account", 7);
    size_t size;
    const char *text;

    if (node != WHI_JSON_NONE && payload->nodes[node].type == WHI_JSON_NUMBER) {
        text = whi_json_span(payload, node, &size);
        whi_buf_add(out, text, size < WHI_ORDER_KEY_MAXIMUM ? size : 0);
    }
    return whi_buf_status(out);
}

static int check_secret(const char *text) {
    return whi_secret_check(text, 0);
}

/* Its lines are those of another system: it is verified only where somebody says that it is it. */
static const whi_format format = { .name = "fifth", .check = whi_check_timed };

/* ------------------------------------------------------------------- the API */

static void refuse(const whi_refusal *refusal, whi_buf *out) {
    whi_json_write_name(out, "fault");
    whi_buf_char(out, '{');
    whi_json_write_name(out, "of");
    whi_buf_int(out, refusal->status);
    whi_wire_text(out, "why", refusal->message);
    whi_buf_char(out, '}');
}

static const whi_route routes[] = {
    { "GET", "/fifth/hooks", 0, "list" },           { "POST", "/fifth/hooks", WHI_ROUTE_BODY, "make" },
    { "GET", "/fifth/hooks/{id}", 0, "get" },       { "PUT", "/fifth/hooks/{id}", WHI_ROUTE_BODY, "change" },
    { "DELETE", "/fifth/hooks/{id}", 0, "remove" }, { NULL, NULL, 0, NULL },
};

static const int64_t retry[] = { 0, 500, 90000 };

const whi_system whi_system_fifth = {
    .name = "fifth",
    .asks = WHI_SIGNS_WITH_TIME | WHI_MASKS_ENVELOPE | WHI_SECRET_OF_TENANT | WHI_ID_IS_NUMBER,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .time = WHI_TIME_SECONDS,
    .ident = ident,
    .ident_parse = ident_parse,
    .routes = routes,
    .prefix = "beta",
    .challenge = "Digest",
    .refuse = refuse,
    .retry = retry,
    .retry_count = sizeof retry / sizeof retry[0],
    .agent = "User-Agent: fifth/5",
    .body = write_body,
    .outcome = outcome,
    .is_ordered = is_ordered,
    .order_key = order_key,
    .check_secret = check_secret,
    .format = &format,
};

/* ------------------------------------------------------------------- for the tests */

const sample sample_fifth = {
    .all =
        "{\"number\":17,\"url\":\"https://example.com/h\",\"kinds\":[\"account:opened\"],"
        "\"mask\":\"kind,item(id)\",\"label\":\"n\",\"colour\":\"green\",\"weight\":3.5,\"off\":true,\"made\":\"x\"}",
    .least = "\"url\":\"https://example.com/h\"",
    .type = "item.sold",
    .ordered = "account:opened",
    .mask = "item",
    .roots = { "/fifth", "/beta" },
    .error = { "fault.why" },
    .status = "fault.of",
};
