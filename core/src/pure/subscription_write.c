/* Writing a subscription's document, and copying one by writing and reading it. */
#include "pure/subscription.h"

#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/mem.h"

/* ------------------------------------------------------------------- writing */

static void write_text(whi_buf *out, const char *name, const char *text) {
    whi_json_write_name(out, name);
    if (text == NULL) {
        whi_buf_text(out, "null");
    } else {
        whi_json_write_string(out, text, strlen(text));
    }
}

static void write_raw(whi_buf *out, const char *name, const char *json) {
    whi_json_write_name(out, name);
    whi_buf_text(out, json != NULL ? json : "null");
}

static void write_time(whi_buf *out, const char *name, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    write_text(out, name, ms ? text : NULL);
}

static void write_texts(whi_buf *out, const char *name, char *const *texts, size_t count) {
    whi_json_write_name(out, name);
    whi_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        whi_buf_text(out, i > 0 ? "," : "");
        whi_json_write_string(out, texts[i], strlen(texts[i]));
    }
    whi_buf_char(out, ']');
}

static void write_headers(whi_buf *out, const whi_subscription *s) {
    whi_json_write_name(out, "headers");
    whi_buf_char(out, '{');
    for (size_t i = 0; i < s->header_count; i++) {
        size_t name = strcspn(s->headers[i], ":;");
        const char *value = s->headers[i] + name + (s->headers[i][name] == ':' ? 2 : 1);
        whi_buf_text(out, i > 0 ? "," : "");
        whi_json_write_string(out, s->headers[i], name);
        whi_buf_char(out, ':');
        whi_json_write_string(out, value, strlen(value));
    }
    whi_buf_char(out, '}');
}

static void write_retry(whi_buf *out, const whi_subscription *s) {
    whi_json_write_name(out, "retry");
    if (s->retry == NULL) {
        whi_buf_text(out, "null");
        return;
    }
    whi_buf_char(out, '[');
    for (size_t i = 0; i < s->retry_count; i++) {
        whi_buf_text(out, i > 0 ? "," : "");
        whi_buf_int(out, s->retry[i]);
    }
    whi_buf_char(out, ']');
}

static void write_int(whi_buf *out, const char *name, int64_t number) {
    whi_json_write_name(out, name);
    whi_buf_int(out, number);
}

static void write_flag(whi_buf *out, const char *name, int flag) {
    write_raw(out, name, flag ? "true" : "false");
}

void whi_subscription_write(const whi_subscription *s, int secrets, whi_buf *out) {
    char id[WH_ID_SIZE];

    whi_ident_format("sub_", s->id, id);
    whi_buf_char(out, '{');
    write_text(out, "id", id);
    write_text(out, "url", s->url);
    write_texts(out, "events", s->events, s->event_count);
    write_text(out, "tenant", s->tenant);
    write_text(out, "name", s->name);
    write_text(out, "rule", s->rule);
    write_text(out, "fields", s->fields);
    write_raw(out, "filters", s->filters);
    write_text(out, "on_rule_error", whi_rule_failure_names[s->on_rule_error]);
    write_headers(out, s);
    write_raw(out, "metadata", s->metadata);
    write_flag(out, "paused", s->paused);
    if (secrets) {
        write_texts(out, "secrets", s->secrets, s->secret_count);
    }
    write_retry(out, s);
    if (s->timeout != 0) {
        write_int(out, "timeout", s->timeout);
    } else {
        write_raw(out, "timeout", NULL);
    }
    write_int(out, "concurrency", s->concurrency);
    write_flag(out, "insecure", s->insecure);
    write_flag(out, "http2", s->http2);
    write_text(out, "source", s->source);
    write_text(out, "order", whi_order_names[s->order]);
    write_flag(out, "single_use", s->single_use);
    write_time(out, "expires_at", s->expires_at);
    write_text(out, "profile", whi_profile_names[s->profile]);
    write_text(out, "encoding", s->encoding == WHI_ENCODING_HEX ? "hex" : s->encoding ? "base64" : NULL);
    write_raw(out, "details", s->details);
    write_int(out, "version", s->version);
    write_text(out, "disabled", s->disabled);
    write_time(out, "created_at", s->created_at);
    write_time(out, "updated_at", s->updated_at);
    whi_buf_char(out, '}');
}

/* ------------------------------------------------------------------- copying */

/* At least the bytes up to the end of the secrets: a letter becomes at most six. */
static size_t written_size(const whi_subscription *s) {
    size_t size = 1024 + s->rule_size * 6;
    const char *const texts[] = {
        s->tenant, s->name, s->url, s->fields, s->filters, s->metadata, s->details, s->source
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size += texts[i] != NULL ? strlen(texts[i]) * 6 : 0;
    }
    for (size_t i = 0; i < s->event_count; i++) {
        size += strlen(s->events[i]) + 3;
    }
    for (size_t i = 0; i < s->header_count; i++) {
        size += strlen(s->headers[i]) * 6 + 6;
    }
    for (size_t i = 0; i < s->secret_count; i++) {
        size += strlen(s->secrets[i]) + 3;
    }
    return size + s->retry_count * 24;
}

int whi_subscription_copy(whi_subscription **out, const whi_subscription *from) {
    whi_buf document;
    int code = whi_subscription_new(out);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&document, SIZE_MAX / 4);
    whi_buf_reserve(&document, written_size(from)); /* growing would leave secrets in freed memory */
    whi_subscription_write(from, 1, &document);
    code = whi_buf_status(&document);
    if (code == WH_OK) {
        code = whi_subscription_apply(*out, document.data, document.size, SIZE_MAX, 1);
    }
    whi_wipe(document.data, document.capacity);
    whi_buf_free(&document);
    if (code != WH_OK) {
        whi_subscription_free(*out);
        *out = NULL;
        return code;
    }
    (*out)->id = from->id;
    (*out)->version = from->version;
    return WH_OK;
}
