/* Reading a subscription's document: one function a field, and one table of them. Tests: test_subscription. */
#include "systems/subscription_read.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "pure/filter.h"
#include "pure/match.h"
#include "pure/projection.h"
#include "systems/form.h"
#include "systems/header.h"
#include "systems/rate_document.h"
#include "systems/registry.h"
#include "systems/subscription_access.h"
#include "systems/subscription_control.h"
#include "systems/subscription_poll.h"
#include "systems/subscription_sink.h"
#include "systems/value.h"

#define NAME_MAXIMUM 256
#define CONTENT_TYPE_MAXIMUM 256
#define FIELDS_MAXIMUM 8192
#define TIMEOUT_MINIMUM 100
#define TIMEOUT_MAXIMUM 300000
#define DEPTH_MAXIMUM 64
#define TIME_BYTES 40 /* of a time as text, with the most digits and a zone */

static const char *const encoding_names[] = { "", "hex", "base64", NULL };
_Static_assert(sizeof encoding_names / sizeof encoding_names[0] == WHI_ENCODING_BASE64 + 2, "a name for each encoding");
static const char *const data_names[] = { "", "exact", NULL };
_Static_assert(sizeof data_names / sizeof data_names[0] == WHI_DATA_EXACT + 2, "a name for each kind of data");

/* A document being applied. */
typedef struct apply {
    whi_values from;
    whi_subscription *subscription;
    size_t rule_maximum;
    int stored;     /* 1: the store's own document */
    int no_secrets; /* 1: the document gives an empty list of them */
    int new_auth;   /* 1: it gives auth without masks */
} apply;

#define SHOWN 64
static const char *shown(const char *text, char out[SHOWN]) {
    return whi_text_shown(text, out, SHOWN);
}

/* Puts the field in front of another module's sentence, which may hold the text raw. */
static int fail_field(int code, const char *field) {
    char sentence[WHI_ERROR_SIZE];

    return whi_fail_field(code, field, "%s",
                          whi_text_shown(wh_last_error(), sentence, WHI_ERROR_SIZE - strlen(field) - 2));
}

static int any_text(const char *text) {
    (void)text;
    return WH_OK;
}

/* ------------------------------------------------------------------- the fields */

static int set_tenant(apply *self, uint32_t node) {
    const char *text = "";
    int code =
        whi_value_is_null(&self->from, node) ? WH_OK : whi_value_text(&self->from, node, "tenant", SIZE_MAX, &text);

    code = code == WH_OK ? whi_tenant_check(text) : code;
    return code == WH_OK ? whi_value_keep(&self->subscription->tenant, text, WH_ZSTR) : code;
}

static int set_name(apply *self, uint32_t node) {
    return whi_value_optional_text(&self->from, node, "name", NAME_MAXIMUM, &self->subscription->name);
}

/* What is stored was read when it was given, and is read again where it is sent to. */
static int set_url(apply *self, uint32_t node) {
    const char *text = NULL;
    int code = whi_value_is_null(&self->from, node) ? WH_OK : whi_value_text(&self->from, node, "url", SIZE_MAX, &text);

    if (code != WH_OK || text == NULL) { /* of none whi_subscription_check tells */
        return code == WH_OK ? whi_value_keep(&self->subscription->url, NULL, 0) : code;
    }
    return whi_subscription_take_url(self->subscription, text, self->stored);
}

static int set_database(apply *self, uint32_t node) {
    return whi_subscription_take_database(self->subscription, self->from.json, node);
}

/* Its members are taken in apply_document, before those that may say the same of the subscription itself, or behind. */
static int set_also(apply *self, uint32_t node) {
    (void)self;
    (void)node;
    return WH_OK;
}

static int set_number_of(apply *self, uint32_t node, const char *field, int64_t *out) {
    const char *text = NULL;
    int code = whi_value_text(&self->from, node, field, WH_ID_SIZE, &text);

    return code == WH_OK && whi_ident_parse("sub_", text, out) != WH_OK
               ? whi_fail_field(WH_EINVALID, field, "expected an id like \"sub_…\"")
               : code;
}

static int set_twin(apply *self, uint32_t node) {
    return set_number_of(self, node, "twin", &self->subscription->twin);
}

static int set_twin_of(apply *self, uint32_t node) {
    return set_number_of(self, node, "twin_of", &self->subscription->twin_of);
}

static int set_credentials(apply *self, uint32_t node) {
    return whi_subscription_take_credentials(self->subscription, self->from.json, node);
}

static int set_auth(apply *self, uint32_t node) {
    self->new_auth = !whi_access_is_masked(self->from.json, node);
    return whi_subscription_take_access(self->subscription, WHI_ACCESS_AUTH, &self->from, node, self->stored);
}

static int set_tls(apply *self, uint32_t node) {
    return whi_subscription_take_access(self->subscription, WHI_ACCESS_TLS, &self->from, node, self->stored);
}

static int set_proxy(apply *self, uint32_t node) {
    return whi_subscription_take_access(self->subscription, WHI_ACCESS_PROXY, &self->from, node, self->stored);
}

static int set_signature(apply *self, uint32_t node) {
    const char *text;
    size_t size;
    whi_form *form = NULL;
    int code = WH_OK;

    if (whi_value_is_null(&self->from, node)) {
        return whi_value_keep(&self->subscription->signature, NULL, 0);
    }
    text = whi_json_span(self->from.json, node, &size);
    code = self->stored ? WH_OK : whi_form_read(&form, text, size);
    whi_form_free(form);
    return code == WH_OK ? whi_value_keep(&self->subscription->signature, text, size) : code;
}

static int set_compress(apply *self, uint32_t node) {
    return whi_value_name(&self->from, node, "compress", whi_compress_names, &self->subscription->compress);
}

static int set_content_type(apply *self, uint32_t node) {
    char **place = &self->subscription->content_type;
    int code = whi_value_optional_text(&self->from, node, "content_type", CONTENT_TYPE_MAXIMUM, place);

    return code != WH_OK || *place == NULL || whi_header_is_media_type(*place)
               ? code
               : whi_fail_field(WH_EINVALID, "content_type", "expected one like \"application/json; charset=utf-8\"");
}

static int check_event(const char *text) {
    char found[SHOWN];

    return whi_pattern_check(text) == WH_OK
               ? WH_OK
               : whi_fail(WH_EINVALID, "expected a type, \"*\", \"prefix.*\" or \"prefix:*\", found \"%s\"",
                          shown(text, found));
}

static int set_events(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    size_t count;
    char **texts;
    int code = whi_value_texts(&self->from, node, "events", 0, WHI_SUBSCRIPTION_EVENTS, check_event, &texts, &count);

    if (code == WH_OK) {
        whi_subscription_free_texts(s->events, s->event_count);
        s->events = texts;
        s->event_count = count;
    }
    return code;
}

static int set_rule(apply *self, uint32_t node) {
    int code = whi_value_optional_text(&self->from, node, "rule", self->rule_maximum, &self->subscription->rule);

    self->subscription->rule_size = self->subscription->rule != NULL ? strlen(self->subscription->rule) : 0;
    return code;
}

static int set_fields(apply *self, uint32_t node) {
    char **place = &self->subscription->fields;
    whi_projection *fields = NULL;
    int code = whi_value_optional_text(&self->from, node, "fields", FIELDS_MAXIMUM, place);

    if (code == WH_OK && *place != NULL) {
        code = self->stored ? WH_OK : whi_projection_review(*place, strlen(*place));
        code = code == WH_OK ? whi_projection_parse(&fields, *place, strlen(*place)) : code;
        code = code == WH_OK ? WH_OK : fail_field(code, "fields");
        if (code == WH_OK && fields == NULL) { /* blanks only */
            code = whi_value_keep(place, NULL, 0);
        }
        whi_projection_free(fields);
    }
    return code;
}

/* An object, kept as its own bytes; null and {} are none. */
static int set_object(apply *self, uint32_t node, const char *field, char **place) {
    const char *text;
    size_t size;

    if (whi_value_is_null(&self->from, node) ||
        (whi_value_is(&self->from, node, WHI_JSON_OBJECT) && self->from.json->nodes[node].count == 0)) {
        return whi_value_keep(place, NULL, 0);
    }
    if (!whi_value_is(&self->from, node, WHI_JSON_OBJECT)) {
        return whi_value_refuse(&self->from, node, field, "an object");
    }
    text = whi_json_span(self->from.json, node, &size);
    return whi_value_keep(place, text, size);
}

static int set_filters(apply *self, uint32_t node) {
    char **place = &self->subscription->filters;
    whi_filter *filter = NULL;
    int code = set_object(self, node, "filters", place);

    if (code == WH_OK && *place != NULL) {
        code = whi_filter_parse(&filter, *place, strlen(*place));
        code = code == WH_OK && !self->stored ? whi_filter_review(filter) : code;
        code = code == WH_OK ? WH_OK : fail_field(code, "filters");
        whi_filter_free(filter);
    }
    return code;
}

static int set_metadata(apply *self, uint32_t node) {
    return set_object(self, node, "metadata", &self->subscription->metadata);
}

static int set_on_rule_error(apply *self, uint32_t node) {
    return whi_value_name(&self->from, node, "on_rule_error", whi_rule_failure_names,
                          &self->subscription->on_rule_error);
}

static int set_profile(apply *self, uint32_t node) {
    int index = 0, code = whi_value_name(&self->from, node, "profile", whi_system_names, &index);

    self->subscription->system = whi_system_at((size_t)index);
    return code;
}

static int set_order(apply *self, uint32_t node) {
    return whi_value_name(&self->from, node, "order", whi_order_names, &self->subscription->order);
}

static int set_encoding(apply *self, uint32_t node) {
    return whi_value_name(&self->from, node, "encoding", encoding_names, &self->subscription->encoding);
}

static int set_data(apply *self, uint32_t node) {
    return whi_value_name(&self->from, node, "data", data_names, &self->subscription->data);
}

static int set_source(apply *self, uint32_t node) {
    char **place = &self->subscription->source;
    int code = whi_value_optional_text(&self->from, node, "source", SIZE_MAX, place);

    return code != WH_OK || *place == NULL || whi_type_check(*place) == WH_OK
               ? code
               : whi_fail_field(WH_EINVALID, "source", "expected 1 to 128 of A-Z a-z 0-9 . _ : - /");
}

static int set_details(apply *self, uint32_t node) {
    return set_object(self, node, "details", &self->subscription->details);
}

/* The name is copied, since the value is read over it. */
static int read_header(apply *self, uint32_t node, char **out) {
    char name[WHI_HEADER_NAME_MAXIMUM + 1], label[WHI_HEADER_NAME_MAXIMUM + 16];
    const char *text = NULL;
    int code = whi_value_text(&self->from, node, "headers", WHI_HEADER_NAME_MAXIMUM, &text);

    if (code != WH_OK) {
        return code;
    }
    snprintf(name, sizeof name, "%s", text);
    snprintf(label, sizeof label, "headers.%s", name);
    code = whi_value_text(&self->from, node + 1, label, WHI_HEADER_BYTES, &text);
    return code == WH_OK ? whi_header_line(name, text, out) : code;
}

static int is_repeated(char *const *lines, size_t count, const char *line) {
    size_t name = strcspn(line, ":;");

    for (size_t i = 0; i < count; i++) {
        if (strcspn(lines[i], ":;") == name && whi_ascii_same_part(lines[i], line, name)) {
            return 1;
        }
    }
    return 0;
}

static int read_headers(apply *self, uint32_t node, char **lines, size_t *count) {
    char label[WHI_HEADER_NAME_MAXIMUM + 16];
    const char *line;
    size_t bytes = 0;
    int code = WH_OK;

    for (uint32_t at = whi_json_first(self->from.json, node); at != WHI_JSON_NONE;
         at = whi_json_next_name(self->from.json, node, at)) {
        code = read_header(self, at, &lines[*count]);
        if (code != WH_OK) {
            return code;
        }
        line = lines[(*count)++];
        bytes += strlen(line);
        if (is_repeated(lines, *count - 1, line)) {
            snprintf(label, sizeof label, "headers.%.*s", (int)strcspn(line, ":;"), line);
            return whi_fail_field(WH_EINVALID, label, "given twice");
        }
    }
    return bytes <= WHI_HEADER_BYTES ? code : whi_fail_size("headers", bytes, WHI_HEADER_BYTES);
}

static int set_headers(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    size_t most = self->from.json->nodes[node].count, count = 0;
    char **lines = NULL;
    int code = WH_OK;

    if (!whi_value_is_null(&self->from, node) && !whi_value_is(&self->from, node, WHI_JSON_OBJECT)) {
        return whi_value_refuse(&self->from, node, "headers", "an object of names and texts");
    }
    code = whi_value_count(&self->from, node, "headers", 0, WHI_SUBSCRIPTION_HEADERS, "members");
    if (code == WH_OK && most > 0) {
        lines = whi_calloc(most, sizeof(char *));
        code = lines != NULL ? read_headers(self, node, lines, &count) : whi_fail_memory();
    }
    if (code != WH_OK) {
        whi_subscription_free_texts(lines, lines != NULL ? most : 0);
        return code;
    }
    whi_subscription_free_texts(s->headers, s->header_count);
    s->headers = lines;
    s->header_count = count;
    return WH_OK;
}

/* Without any only systems that may go unsigned send. */
static int set_secrets(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    size_t count;
    char **texts;
    size_t least = self->from.json->nodes[node].count == 0 ? 0 : 1; /* none is judged when the system is known */
    int code = whi_value_texts(&self->from, node, "secrets", least, WHI_SUBSCRIPTION_SECRETS, any_text, &texts, &count);

    if (code != WH_OK) {
        return code;
    }
    whi_subscription_free_texts(s->secrets, s->secret_count);
    s->secrets = texts;
    s->secret_count = count;
    self->no_secrets = count == 0 && !whi_value_is_null(&self->from, node);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(texts[i], texts[k]) == 0) {
                return whi_fail_item(WH_EINVALID, "secrets", i, "given twice");
            }
        }
    }
    return WH_OK;
}

static int set_retry(apply *self, uint32_t node) {
    return whi_subscription_take_retry(self->subscription, &self->from, node);
}

static int set_retry_on(apply *self, uint32_t node) {
    return whi_subscription_take_retry_on(self->subscription, &self->from, node);
}

static int set_jitter(apply *self, uint32_t node) {
    return whi_subscription_take_jitter(self->subscription, &self->from, node);
}

static int set_retry_budget(apply *self, uint32_t node) {
    return whi_subscription_take_retry_budget(self->subscription, &self->from, node);
}

static int set_breaker(apply *self, uint32_t node) {
    return whi_subscription_take_breaker(self->subscription, &self->from, node);
}

static int set_timeouts(apply *self, uint32_t node) {
    return whi_subscription_take_timeouts(self->subscription, &self->from, node);
}

static int set_timeout(apply *self, uint32_t node) {
    self->subscription->timeout = 0;
    return whi_value_is_null(&self->from, node) ? WH_OK
                                                : whi_value_integer(&self->from, node, "timeout", TIMEOUT_MINIMUM,
                                                                    TIMEOUT_MAXIMUM, &self->subscription->timeout);
}

static int set_concurrency(apply *self, uint32_t node) {
    int64_t number = WHI_CONCURRENCY_DEFAULT;
    int code = whi_value_is_null(&self->from, node)
                   ? WH_OK
                   : whi_value_integer(&self->from, node, "concurrency", 1, WHI_CONCURRENCY_MAXIMUM, &number);

    self->subscription->concurrency = (int)number;
    return code;
}

static int set_rate(apply *self, uint32_t node) {
    return whi_rate_read(&self->from, node, &self->subscription->rate);
}

/* A client that knows true and false alone, and writes back what it read, must not make a pause that holds one that
 * drops. */
static int set_paused(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    int is_true = whi_value_is(&self->from, node, WHI_JSON_TRUE);

    s->is_paused_said = 1;
    if (is_true || whi_value_is(&self->from, node, WHI_JSON_FALSE) || whi_value_is_null(&self->from, node)) {
        s->paused = !is_true ? WHI_RUNS : s->paused == WHI_PAUSE_HOLDS ? WHI_PAUSE_HOLDS : WHI_PAUSE_DROPS;
    } else if (whi_json_string_is(self->from.json, node, "hold", 4)) {
        s->paused = WHI_PAUSE_HOLDS;
    } else if (whi_json_string_is(self->from.json, node, "drop", 4)) {
        s->paused = WHI_PAUSE_DROPS;
    } else {
        return whi_value_refuse(&self->from, node, "paused", "true, false, \"hold\" or \"drop\"");
    }
    return WH_OK;
}

static int set_insecure(apply *self, uint32_t node) {
    return whi_value_flag(&self->from, node, "insecure", &self->subscription->insecure);
}

static int set_http2(apply *self, uint32_t node) {
    return whi_value_flag(&self->from, node, "http2", &self->subscription->http2);
}

static int time_of(apply *self, uint32_t node, const char *field, int64_t *out) {
    const char *text = NULL;
    int code =
        whi_value_is_null(&self->from, node) ? WH_OK : whi_value_text(&self->from, node, field, TIME_BYTES, &text);

    *out = 0;
    return code == WH_OK && text != NULL && whi_time_parse(text, out) != WH_OK
               ? whi_fail_field(WH_EINVALID, field, "expected a time like 2026-11-21T10:00:00.000Z")
               : code;
}

static int set_single_use(apply *self, uint32_t node) {
    return whi_value_flag(&self->from, node, "single_use", &self->subscription->single_use);
}

static int set_expires_at(apply *self, uint32_t node) {
    static const char field[] = "expires_at";
    int64_t *out = &self->subscription->expires_at;
    const char *text;
    int code;

    *out = 0;
    if (whi_value_is_null(&self->from, node)) {
        return WH_OK;
    }
    if (whi_value_is(&self->from, node, WHI_JSON_NUMBER)) {
        code = whi_value_integer(&self->from, node, field, INT64_MIN, INT64_MAX, out);
        return code == WH_OK && !self->stored ? whi_time_check(field, *out) : code;
    }
    if (self->stored) { /* of a time when any was taken */
        return time_of(self, node, field, out);
    }
    code = whi_value_text(&self->from, node, field, TIME_BYTES, &text);
    return code == WH_OK ? whi_time_read(field, text, out) : code;
}

/* ------------------------------------------------ what only the engine writes */

static int set_disabled(apply *self, uint32_t node) {
    return whi_value_optional_text(&self->from, node, "disabled", NAME_MAXIMUM, &self->subscription->disabled);
}

static int set_created_at(apply *self, uint32_t node) {
    return time_of(self, node, "created_at", &self->subscription->created_at);
}

static int set_updated_at(apply *self, uint32_t node) {
    return time_of(self, node, "updated_at", &self->subscription->updated_at);
}

static int set_id(apply *self, uint32_t node) {
    const char *text = NULL;
    int code = whi_value_text(&self->from, node, "id", WH_ID_SIZE, &text);

    if (code == WH_OK && whi_ident_parse("sub_", text, &self->subscription->id) != WH_OK) {
        code = whi_fail_field(WH_EINVALID, "id", "expected \"sub_\" and %d letters and digits", WHI_IDENT_DIGITS);
    }
    return code;
}

static int set_version(apply *self, uint32_t node) {
    return whi_value_integer(&self->from, node, "version", 0, INT64_MAX, &self->subscription->version);
}

static int set_poll(apply *self, uint32_t node) {
    return whi_subscription_poll(self->subscription, self->from.json, node);
}

/* Of how it is going, which is written beside what is kept. */
static int pass_over(apply *self, uint32_t node) {
    (void)self;
    (void)node;
    return WH_OK;
}

/* ------------------------------------------------------------------- the table */

typedef struct field {
    const char *name;
    int (*set)(apply *self, uint32_t node);
    int stored; /* 1: written by the engine, read only from the store */
} field;

static const field fields[] = {
    { "id", set_id, 1 },
    { "url", set_url, 0 },
    { "database", set_database, 0 },
    { "also", set_also, 0 },
    { "events", set_events, 0 },
    { "tenant", set_tenant, 0 },
    { "name", set_name, 0 },
    { "rule", set_rule, 0 },
    { "fields", set_fields, 0 },
    { "filters", set_filters, 0 },
    { "on_rule_error", set_on_rule_error, 0 },
    { "headers", set_headers, 0 },
    { "auth", set_auth, 0 },
    { "tls", set_tls, 0 },
    { "proxy", set_proxy, 0 },
    { "content_type", set_content_type, 0 },
    { "compress", set_compress, 0 },
    { "signature", set_signature, 0 },
    { "metadata", set_metadata, 0 },
    { "paused", set_paused, 0 },
    { "secrets", set_secrets, 0 },
    { "retry", set_retry, 0 },
    { "retry_on", set_retry_on, 0 },
    { "jitter", set_jitter, 0 },
    { "retry_budget", set_retry_budget, 0 },
    { "timeout", set_timeout, 0 },
    { "timeouts", set_timeouts, 0 },
    { "concurrency", set_concurrency, 0 },
    { "rate", set_rate, 0 },
    { "breaker", set_breaker, 0 },
    { "insecure", set_insecure, 0 },
    { "http2", set_http2, 0 },
    { "source", set_source, 0 },
    { "order", set_order, 0 },
    { "single_use", set_single_use, 0 },
    { "expires_at", set_expires_at, 0 },
    { "profile", set_profile, 0 },
    { "encoding", set_encoding, 0 },
    { "data", set_data, 0 },
    { "details", set_details, 0 },
    { "poll", set_poll, 0 },
    { "credentials", set_credentials, 1 },
    { "twin", set_twin, 1 },
    { "twin_of", set_twin_of, 1 },
    { "version", set_version, 1 },
    { "disabled", set_disabled, 1 },
    { "created_at", set_created_at, 1 },
    { "updated_at", set_updated_at, 1 },
    { "health", pass_over, 1 },
    { "failing_since", pass_over, 1 },
    { "last_success_at", pass_over, 1 },
    { "last_failure_at", pass_over, 1 },
    { "last_error", pass_over, 1 },
    { "probe_at", pass_over, 1 },
    { "waiting", pass_over, 1 },
    { "oldest_waiting_at", pass_over, 1 },
    { "polled", pass_over, 1 },
};

#define FIELDS (sizeof fields / sizeof fields[0])
_Static_assert(FIELDS <= 64, "a bit for each");

/* Those that the engine writes itself are none that one may write. */
static void list_fields(char *out, size_t room) {
    size_t used = 0;

    for (size_t i = 0; i < FIELDS && used < room; i++) {
        if (!fields[i].stored) {
            used += (size_t)snprintf(out + used, room - used, "%s%s", used == 0 ? "" : ", ", fields[i].name);
        }
    }
}

static int unknown(const char *name) {
    char found[SHOWN], known[WHI_ERROR_SIZE] = "";

    for (size_t i = 0; i < FIELDS; i++) {
        if (whi_text_is_near(name, fields[i].name)) {
            return whi_fail_field(WH_EINVALID, shown(name, found), "unknown field, did you mean \"%s\"?",
                                  fields[i].name);
        }
    }
    list_fields(known, sizeof known);
    return whi_fail_field(WH_EINVALID, shown(name, found), "unknown field, expected one of: %s", known);
}

static int check_form_secrets(const whi_subscription *s) {
    whi_form *form = NULL;
    int code = WH_OK;

    if (!(s->system->asks & WHI_SIGNS_WITH_TIME)) {
        return whi_fail_field(WH_EINVALID, "signature", "expected none: its profile signs in its own way");
    }
    code = whi_form_read(&form, s->signature, strlen(s->signature));
    for (size_t i = 0; i < s->secret_count && code == WH_OK; i++) {
        code = whi_form_check_secret(form, s->secrets[i]);
        code = code == WH_OK ? WH_OK : whi_fail_renamed_item(code, "secrets", i);
    }
    whi_form_free(form);
    return code;
}

/* What the system wants of the secrets, or the form of signatures, whichever of them came first. */
static int check_secrets(const apply *self) {
    const whi_subscription *s = self->subscription;
    int code = WH_OK;

    if (self->no_secrets && !(s->system->asks & WHI_MAY_GO_UNSIGNED)) {
        return whi_fail_field(WH_EINVALID, "secrets", "expected 1 to %d texts, found 0", WHI_SUBSCRIPTION_SECRETS);
    }
    if (whi_subscription_is_fetched(s) && !(s->system->asks & WHI_SIGNS_WITH_TIME)) {
        return whi_fail_field(WH_EINVALID, "profile", "expected \"%s\" of one that is fetched",
                              whi_system_default()->name);
    }
    if (s->signature != NULL) {
        return check_form_secrets(s);
    }
    for (size_t i = 0; i < s->secret_count && code == WH_OK; i++) {
        code = whi_system_check_secret(s->system, s->secrets[i]);
        code = code == WH_OK ? WH_OK : whi_fail_renamed_item(code, "secrets", i);
    }
    return code;
}

static int apply_members(apply *self) {
    uint64_t given = 0;

    for (uint32_t at = whi_json_first(self->from.json, 0); at != WHI_JSON_NONE;
         at = whi_json_next_name(self->from.json, 0, at)) {
        const char *name = NULL;
        size_t i = 0;
        int code = whi_value_text(&self->from, at, NULL, SIZE_MAX, &name);
        if (code != WH_OK) {
            return code == WH_ENOMEM ? code : whi_fail_within(code, "a field's name");
        }
        while (i < FIELDS && (name[0] != fields[i].name[0] || strcmp(name, fields[i].name) != 0)) {
            i++;
        }
        if (i == FIELDS) {
            return unknown(name);
        }
        if (given >> i & 1) {
            return whi_fail_field(WH_EINVALID, fields[i].name, "given twice");
        }
        given |= (uint64_t)1 << i;
        code = self->stored || !fields[i].stored ? fields[i].set(self, at + 1) : WH_OK;
        if (code != WH_OK) {
            return code;
        }
    }
    return self->stored ? WH_OK : check_secrets(self);
}

/* Each of the two places may take over what was written to by the other, with its password: before what was there is
 * gone. */
static int apply_places(apply *self) {
    const whi_json *json = self->from.json;
    uint32_t also = self->stored ? WHI_JSON_NONE : whi_json_member(json, 0, "also", 4);
    int is_first = also != WHI_JSON_NONE && json->nodes[also].type != WHI_JSON_NULL;
    int code = is_first ? whi_subscription_take_also(self->subscription, json, also) : WH_OK;

    code = code == WH_OK ? apply_members(self) : code;
    return code == WH_OK && also != WHI_JSON_NONE && !is_first
               ? whi_subscription_take_also(self->subscription, json, also)
               : code;
}

/* Its members may come in any order, so what it had before is kept aside. */
static int apply_document(apply *self) {
    whi_subscription *s = self->subscription;
    whi_access_before before;
    int code = whi_access_before_take(&before, s);

    s->is_password_said = 0;
    if (s->also != NULL) {
        s->also->is_password_said = 0;
    }
    code = code == WH_OK ? apply_places(self) : code;
    if (code == WH_OK && !self->stored) {
        code = whi_subscription_check_access(s, &before, self->new_auth);
    }
    whi_access_before_free(&before);
    return code;
}

int whi_document_scan(whi_json *json, const char *document, size_t size, int depth) {
    int code = whi_json_scan(json, document, size, depth);

    if (code != WH_OK) {
        return code == WH_ENOMEM ? code : whi_fail_within_field(code, "document");
    }
    return json->nodes[0].type == WHI_JSON_OBJECT ? WH_OK
                                                  : whi_fail_field(WH_EINVALID, "document", "expected an object");
}

int whi_subscription_apply(whi_subscription *subscription, const char *document, size_t size, size_t rule_maximum,
                           int stored) {
    whi_json json = { 0 };
    apply self = { { &json, { 0 } }, subscription, rule_maximum, stored, 0, 0 };
    int code = whi_document_scan(&json, document, size, DEPTH_MAXIMUM);

    whi_buf_init(&self.from.scratch, SIZE_MAX / 4);
    whi_buf_reserve(&self.from.scratch, size); /* growing would leave secrets in freed memory */
    code = code == WH_OK ? whi_buf_status(&self.from.scratch) : code;
    code = code == WH_OK ? apply_document(&self) : code;
    whi_wipe(self.from.scratch.data, self.from.scratch.capacity); /* secrets went through it */
    whi_buf_free(&self.from.scratch);
    whi_json_free(&json);
    return code;
}
