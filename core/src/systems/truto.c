/* Truto: the webhook object of its API reference. The secret is made by the engine. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "pure/delivery.h"
#include "pure/secret.h"
#include "systems/check.h"
#include "systems/envelope.h"
#include "systems/list.h"
#include "systems/truto.h"
#include "systems/wire.h"
#include "webhook.h"

#define RUN "sync_job_run:"
#define HEADER "x-truto-signature"

/* ------------------------------------------------------------------- UUIDs */

static const size_t groups[] = { 4, 2, 2, 2, 6 }; /* bytes */

static void write_uuid(const unsigned char bytes[16], char out[WHI_UUID_SIZE]) {
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; bytes += groups[i++]) {
        whi_hex_write(bytes, groups[i], out);
        out += 2 * groups[i];
        *out++ = '-';
    }
    out[-1] = '\0';
}

int whi_truto_is_uuid(const char *text) {
    size_t i = 0;

    for (; text[i] != '\0' && i < WHI_UUID_SIZE - 1; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-' : whi_hex_digit(text[i]) < 0) {
            return 0;
        }
    }
    return i == WHI_UUID_SIZE - 1 && text[i] == '\0';
}

/* By name, RFC 9562 5.5: SHA-1 over a namespace of ours and the name. */
static int derive(const char *name, char out[WHI_UUID_SIZE]) {
    static const unsigned char space[] = { 0x77, 0x65, 0x62, 0x68, 0x6f, 0x6f, 0x4b, 0x00,
                                           0x80, 0x00, 0x74, 0x72, 0x75, 0x74, 0x6f, 0x00 };
    unsigned char text[sizeof space + WH_ID_SIZE], digest[EVP_MAX_MD_SIZE];
    size_t size = strlen(name) < WH_ID_SIZE ? strlen(name) : WH_ID_SIZE;

    memcpy(text, space, sizeof space);
    memcpy(text + sizeof space, name, size);
    if (EVP_Digest(text, sizeof space + size, digest, NULL, EVP_sha1(), NULL) != 1) {
        return whi_fail_crypto("compute a digest");
    }
    digest[6] = (unsigned char)(0x50 | (digest[6] & 0x0f));
    digest[8] = (unsigned char)(0x80 | (digest[8] & 0x3f));
    write_uuid(digest, out);
    return WH_OK;
}

int whi_truto_environment(const char *tenant, char out[WHI_UUID_SIZE]) {
    if (!whi_truto_is_uuid(tenant)) {
        return derive(tenant, out);
    }
    memcpy(out, tenant, WHI_UUID_SIZE);
    return WH_OK;
}

/* ------------------------------------------------------------------- the object */

static void write_environment(whi_writing *self, const whi_wire_field *field) {
    char environment[WHI_UUID_SIZE];

    if (whi_truto_environment(self->subscription->tenant, environment) == WH_OK) {
        whi_wire_text(self->out, field->name, environment);
    } else {
        self->out->failed = self->out->failed ? self->out->failed : WH_ENOMEM;
    }
}

static const whi_wire_field fields[] = {
    { "id", WHI_WIRE_TEXT, WHI_AT_ID, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "target_url", WHI_WIRE_TEXT, WHI_AT_URL, WHI_WIRE_REQUIRED, NULL, NULL, NULL, 0, 0 },
    { "is_active", WHI_WIRE_FLAG, WHI_AT_ACTIVE, 0, NULL, NULL, NULL, 0, 0 },
    { "event_types", WHI_WIRE_TEXTS, WHI_AT_EVENTS, 0, NULL, NULL, NULL, 0, 0 },
    { "environment_id", WHI_WIRE_TEXT, WHI_AT_TENANT, WHI_WIRE_READ_ONLY | WHI_WIRE_CHECKED, NULL, NULL,
      write_environment, 0, 0 },
    { "created_at", WHI_WIRE_TEXT, WHI_AT_CREATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "updated_at", WHI_WIRE_TEXT, WHI_AT_UPDATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "secret", WHI_WIRE_TEXT, WHI_AT_SECRET, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
};

/* Truto's guide: three retries, exponential, none more than 10 s. The steps are ours. */
static const int64_t retry[] = { 0, 1000, 2000, 4000 };

/* A UUID that holds the number: its upper 3 bits behind the version, the others at the end.
 * The version says 4, which every check of a UUID takes; 8 would be the honest one. */
#define PREFIX "77656268-6f6f-4"

static void ident(int64_t number, char *out) {
    uint64_t bits = (uint64_t)number;

    snprintf(out, WH_ID_SIZE, PREFIX "%03x-8%03x-%012" PRIx64, (unsigned)(bits >> 60), (unsigned)(bits >> 48 & 0xfff),
             bits & UINT64_C(0xffffffffffff));
}

/* Reads all digits from the version's neighbour on, and compares with what they would be written as. */
static int ident_parse(const char *text, int64_t *number) {
    char again[WH_ID_SIZE];
    uint64_t bits = 0;

    if (strlen(text) != 36) {
        return WH_EINVALID;
    }
    for (size_t i = sizeof PREFIX - 1; i < 36; i++) {
        if (i != 18 && i != 19 && i != 23) { /* dashes and the variant */
            bits = bits << 4 | (uint64_t)(whi_hex_digit(text[i]) & 15);
        }
    }
    *number = (int64_t)(bits & INT64_MAX);
    ident(*number, again);
    for (size_t i = 0; i < 36; i++) {
        if (text[i] != again[i] && (whi_hex_digit(text[i]) < 0 || whi_hex_digit(text[i]) != whi_hex_digit(again[i]))) {
            return WH_EINVALID;
        }
    }
    return WH_OK;
}

/* ------------------------------------------------------------------- what is sent */

/* {"id","event","payload","environment_id","created_at","webhook_id"} */
static int write_body(const whi_envelope *envelope, whi_buf *out) {
    char id[WH_ID_SIZE], time[WHI_TIME_SIZE], environment[WHI_UUID_SIZE] = "";
    size_t size;
    const char *data = whi_envelope_data(envelope, &size);
    int code = whi_truto_environment(envelope->made_by->tenant, environment);

    ident(envelope->made_by->id, id);
    whi_time_text(envelope->event_time, time);
    whi_buf_char(out, '{');
    whi_wire_text(out, "id", envelope->event_id);
    whi_wire_text(out, "event", envelope->event_type);
    whi_json_write_name(out, "payload");
    whi_buf_add(out, data, size);
    whi_wire_text(out, "environment_id", environment);
    whi_wire_text(out, "created_at", time);
    whi_wire_text(out, "webhook_id", id);
    whi_buf_char(out, '}');
    return code == WH_OK ? whi_buf_status(out) : code;
}

/* The vendor's text says hex, a receiver in production reads base64: base64 unless the
 * subscription says otherwise. */
static int sign(const whi_envelope *envelope, const void *body, size_t size, whi_buf *out) {
    int encoding = envelope->now->encoding;

    whi_buf_text(out, "X-Truto-Signature: format=sha256,v=");
    return whi_envelope_sign("SHA256", whi_envelope_secret(envelope), encoding, (whi_signed){ body, size },
                             (whi_signed){ "", 0 }, out);
}

/* The receiver is asked whether the run may go on: 400 is an answer, and "no". So it is not tried
 * again, and nothing is wrong with the subscription. Otherwise success is 200 alone. */
static int outcome(const whi_response *response, int *code, int *abort) {
    int outcome = whi_delivery_outcome(response->error, response->status, code);

    if (response->error == WH_OK && response->status == 400 && strcmp(response->event_type, RUN "started") == 0) {
        *abort = 1;
        return WHI_OUTCOME_SUCCESS;
    }
    if (outcome == WHI_OUTCOME_SUCCESS && response->status != 200) {
        *code = WH_ESTATUS;
        return WHI_OUTCOME_RETRY;
    }
    return outcome;
}

/* A UUID of chance: RFC 9562 5.4. */
static int draw_secret(const wh_clock *clock, char out[WH_SECRET_SIZE]) {
    unsigned char bytes[16];
    int code = whi_clock_random(clock, bytes, sizeof bytes);

    if (code != WH_OK) {
        return code;
    }
    bytes[6] = (unsigned char)(0x40 | (bytes[6] & 0x0f));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
    write_uuid(bytes, out);
    whi_wipe(bytes, sizeof bytes);
    return WH_OK;
}

/* ------------------------------------------------------------------- order */

/* By run. */
static int is_ordered(const char *event_type) {
    return strncmp(event_type, RUN, strlen(RUN)) == 0;
}

/* Where the run is named: the first of these that is there. */
static uint32_t run_find(const whi_json *payload) {
    uint32_t meta = whi_json_member(payload, 0, "meta", 4);
    uint32_t node = whi_json_member(payload, 0, "sync_job_run_id", 15);

    if (node == WHI_JSON_NONE && meta != WHI_JSON_NONE) {
        node = whi_json_member(payload, meta, "sync_job_run_id", 15);
    }
    return node != WHI_JSON_NONE ? node : whi_json_member(payload, 0, "id", 2);
}

static int run_write(const whi_json *payload, uint32_t node, whi_buf *out) {
    whi_buf scratch;
    const char *text;
    size_t size;
    int code = WH_OK;

    whi_buf_init(&scratch, SIZE_MAX / 4);
    text = payload->nodes[node].type == WHI_JSON_NUMBER ? whi_json_span(payload, node, &size)
                                                        : whi_json_string(payload, node, &scratch, &size);
    if (text == NULL) {
        code = whi_fail_memory();
    } else if (size > 0 && size <= WHI_ORDER_KEY_MAXIMUM && memchr(text, '\0', size) == NULL) {
        whi_buf_add(out, text, size);
        code = whi_buf_status(out);
    }
    whi_buf_free(&scratch);
    return code;
}

static int order_key(const whi_json *payload, whi_buf *out) {
    uint32_t node = run_find(payload);

    if (node == WHI_JSON_NONE ||
        (payload->nodes[node].type != WHI_JSON_STRING && payload->nodes[node].type != WHI_JSON_NUMBER)) {
        return WH_OK;
    }
    return run_write(payload, node, out);
}

/* ------------------------------------------------------------------- verifying */

static int read_header(const char *value, whi_check_pair *format, whi_check_pair *signature) {
    whi_check_pair pair;

    while (whi_check_pair_next(&value, &pair)) {
        int code = whi_check_pair_is(&pair, "format") ? whi_check_pair_once(HEADER, &pair, format)
                   : whi_check_pair_is(&pair, "v")    ? whi_check_pair_once(HEADER, &pair, signature)
                                                      : WH_OK;
        if (code != WH_OK) {
            return code;
        }
    }
    if (format->name == NULL || signature->name == NULL) {
        return whi_fail(WH_ESIG_FORMAT, WHI_CHECK_NAME HEADER ": no %s, expected \"format=sha256,v=…\"",
                        format->name == NULL ? "format" : "v");
    }
    return WH_OK;
}

/* Hex or base64: the vendor's pages and the code of its customers do not agree. */
static int check_header(const whi_check *check) {
    whi_check_pair format = { NULL, NULL, 0, 0 }, signature = format;
    whi_check_part part = { check->body, check->size };
    whi_check_list list;
    whi_value value;
    int code = whi_check_header(check, HEADER, &value);

    whi_check_list_init(&list, WHI_CHECK_NAME HEADER, "SHA256");
    if (code == WH_OK) {
        code = read_header(value.text, &format, &signature);
    }
    if (code == WH_OK && (format.value_size != 6 || memcmp(format.value, "sha256", 6) != 0)) {
        code = whi_fail(WH_ESIG_FORMAT, WHI_CHECK_NAME HEADER ": another format, expected \"format=sha256\"");
    }
    if (code == WH_OK) {
        code = whi_check_list_add(&list, signature.value, signature.value_size, WHI_CHECK_HEX | WHI_CHECK_BASE64);
    }
    return code == WH_OK ? whi_check_match(check, &list, &part, 1) : code;
}

static const whi_format format = {
    .name = "truto",
    .header = HEADER,
    .check = check_header,
};

/* ------------------------------------------------------------------- the API */

static void refuse(const whi_refusal *refusal, whi_buf *out) {
    whi_json_write_name(out, "statusCode");
    whi_buf_int(out, refusal->status);
    whi_wire_text(out, "error", refusal->reason);
    whi_wire_text(out, "message", refusal->message);
}

static const whi_route routes[] = {
    { "GET", "/webhook", 0, "list" },
    { "POST", "/webhook", WHI_ROUTE_BODY | WHI_ROUTE_ASIDE, "make" },
    { "POST", "/webhook/test", WHI_ROUTE_BODY | WHI_ROUTE_SLOW, "test" },
    { "GET", "/webhook/{id}", 0, "get" },
    { "PATCH", "/webhook/{id}", WHI_ROUTE_BODY | WHI_ROUTE_ASIDE, "change" },
    { "DELETE", "/webhook/{id}", 0, "remove" },
    { "GET", "/log", 0, "log" },
    { NULL, NULL, 0, NULL },
};

const whi_system whi_system_truto = {
    .name = "truto",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .time = WHI_TIME_MS,
    .ident = ident,
    .ident_parse = ident_parse,
    .routes = routes,
    .challenge = "Bearer",
    .refuse = refuse,
    .retry = retry,
    .retry_count = sizeof retry / sizeof retry[0],
    .agent = "User-Agent: truto",
    .body = write_body,
    .sign = sign,
    .outcome = outcome,
    .is_ordered = is_ordered,
    .order_key = order_key,
    .draw_secret = draw_secret,
    .format = &format,
};
