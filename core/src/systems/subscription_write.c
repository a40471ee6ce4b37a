/* Tests: test_subscription. */
#include "systems/subscription_write.h"

#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/mem.h"
#include "systems/list.h"
#include "systems/rate_document.h"
#include "systems/subscription_access.h"
#include "systems/subscription_control.h"
#include "systems/subscription_sink.h"
#include "systems/system.h"

typedef struct writing {
    whi_buf *out;
    int brief; /* 1: what is at its default is left out */
} writing;

static void write_text(const writing *self, const char *name, const char *text) {
    if (text != NULL) {
        whi_json_write_name(self->out, name);
        whi_json_write_string(self->out, text, strlen(text));
    } else if (!self->brief) {
        whi_json_write_name(self->out, name);
        whi_buf_text(self->out, "null");
    }
}

static void write_raw(const writing *self, const char *name, const char *json) {
    if (json != NULL || !self->brief) {
        whi_json_write_name(self->out, name);
        whi_buf_text(self->out, json != NULL ? json : "null");
    }
}

static void write_time(const writing *self, const char *name, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    write_text(self, name, ms ? text : NULL);
}

static void write_texts(const writing *self, const char *name, char *const *texts, size_t count) {
    if (count == 0 && self->brief) {
        return;
    }
    whi_json_write_name(self->out, name);
    whi_buf_char(self->out, '[');
    for (size_t i = 0; i < count; i++) {
        whi_buf_text(self->out, i > 0 ? "," : "");
        whi_json_write_string(self->out, texts[i], strlen(texts[i]));
    }
    whi_buf_char(self->out, ']');
}

static void write_headers(const writing *self, const whi_subscription *s) {
    if (s->header_count == 0 && self->brief) {
        return;
    }
    whi_json_write_name(self->out, "headers");
    whi_buf_char(self->out, '{');
    for (size_t i = 0; i < s->header_count; i++) {
        size_t name = strcspn(s->headers[i], ":;");
        const char *value = s->headers[i] + name + (s->headers[i][name] == ':' ? 2 : 1);
        whi_buf_text(self->out, i > 0 ? "," : "");
        whi_json_write_string(self->out, s->headers[i], name);
        whi_buf_char(self->out, ':');
        whi_json_write_string(self->out, value, strlen(value));
    }
    whi_buf_char(self->out, '}');
}

static void write_access(const writing *self, int flags, const char *name, const char *object) {
    if (object == NULL || flags & WHI_WRITE_CREDENTIALS) {
        write_raw(self, name, object);
        return;
    }
    whi_json_write_name(self->out, name);
    whi_access_write_masked(object, self->out);
}

/* How the receiver is reached, and what it gets beside the data. */
static void write_reach(const writing *self, const whi_subscription *s, int flags) {
    write_access(self, flags, whi_access_names[WHI_ACCESS_AUTH], s->auth);
    write_access(self, flags, whi_access_names[WHI_ACCESS_TLS], s->tls);
    write_access(self, flags, whi_access_names[WHI_ACCESS_PROXY], s->proxy);
    write_text(self, "content_type", s->content_type);
    write_text(self, "compress", s->compress == WHI_COMPRESS_NONE ? NULL : whi_compress_names[s->compress]);
    write_raw(self, "signature", s->signature);
}

static void write_int(const writing *self, const char *name, int64_t number, int64_t normal) {
    if (number != normal || !self->brief) {
        whi_json_write_name(self->out, name);
        whi_buf_int(self->out, number);
    }
}

static void write_rate(const writing *self, const whi_rate *rate) {
    if (rate->count == 0) {
        write_raw(self, "rate", NULL);
        return;
    }
    whi_json_write_name(self->out, "rate");
    whi_rate_write(rate, self->out);
}

static void write_flag(const writing *self, const char *name, int flag) {
    write_raw(self, name, flag ? "true" : self->brief ? NULL : "false");
}

/* One of a list of names, of which the first is the default. */
static void write_choice(const writing *self, const char *name, const char *const *names, int choice) {
    write_text(self, name, choice == 0 && self->brief ? NULL : names[choice]);
}

static void write_poll(const writing *self, const whi_subscription *s) {
    const writing inner = { self->out, 1 };

    if (s->poll_type == NULL) {
        write_raw(self, "poll", NULL);
        return;
    }
    whi_json_write_name(self->out, "poll");
    whi_buf_char(self->out, '{');
    write_text(&inner, "type", s->poll_type);
    write_int(&inner, "interval", s->poll_interval, 0);
    write_int(&inner, "limit", s->poll_limit, 0);
    write_flag(&inner, "history", s->poll_history);
    whi_buf_char(self->out, '}');
}

static void write_number_of(const writing *self, const char *name, int64_t number) {
    char id[WH_ID_SIZE];

    if (number != 0) {
        whi_ident_format("sub_", number, id);
        write_text(self, name, id);
    }
}

void whi_subscription_write(const whi_subscription *s, int flags, whi_buf *out) {
    static const char *const encodings[] = { NULL, "hex", "base64" };
    _Static_assert(sizeof encodings / sizeof encodings[0] == WHI_ENCODING_BASE64 + 1, "a name for each encoding");
    writing self = { out, flags & WHI_WRITE_BRIEF };
    char id[WH_ID_SIZE];

    whi_ident_format("sub_", s->id, id);
    whi_buf_char(out, '{');
    write_text(&self, "id", id);
    write_text(&self, "url", s->url);
    if (s->database != NULL) {
        whi_json_write_name(out, "database");
        whi_subscription_put_database(s->database, self.brief, out);
    }
    write_texts(&self, "events", s->events, s->event_count);
    write_text(&self, "tenant", s->tenant);
    write_text(&self, "name", s->name);
    write_text(&self, "rule", s->rule);
    write_text(&self, "response_rule", s->response_rule);
    write_text(&self, "fields", s->fields);
    write_raw(&self, "filters", s->filters);
    write_choice(&self, "on_rule_error", whi_rule_failure_names, s->on_rule_error);
    write_headers(&self, s);
    write_reach(&self, s, flags);
    write_raw(&self, "metadata", s->metadata);
    if (s->paused == WHI_PAUSE_HOLDS) {
        write_text(&self, "paused", "hold");
    } else {
        write_flag(&self, "paused", s->paused);
    }
    if (flags & WHI_WRITE_SECRETS) {
        write_texts(&self, "secrets", s->secrets, s->secret_count);
    }
    if (flags & WHI_WRITE_CREDENTIALS && s->password != NULL) {
        write_texts(&self, "credentials", &s->password, 1);
    }
    if (flags & WHI_WRITE_CREDENTIALS) {
        write_number_of(&self, "twin", s->twin);
    }
    write_number_of(&self, "twin_of", s->twin_of);
    whi_subscription_put_retry(s, self.brief, out);
    whi_subscription_put_retry_on(s, out);
    whi_subscription_put_jitter(s, out);
    whi_subscription_put_retry_budget(s, out);
    if (s->timeout != 0) {
        write_int(&self, "timeout", s->timeout, 0);
    } else {
        write_raw(&self, "timeout", NULL);
    }
    whi_subscription_put_timeouts(s, out);
    write_int(&self, "concurrency", s->concurrency, WHI_CONCURRENCY_DEFAULT);
    write_rate(&self, &s->rate);
    whi_subscription_put_breaker(s, out);
    write_flag(&self, "insecure", s->insecure);
    write_flag(&self, "http2", s->http2);
    write_text(&self, "source", s->source);
    write_choice(&self, "order", whi_order_names, s->order);
    write_flag(&self, "single_use", s->single_use);
    write_time(&self, "expires_at", s->expires_at);
    write_text(&self, "profile", self.brief && s->system == &whi_system_standard ? NULL : s->system->name);
    write_text(&self, "encoding", encodings[s->encoding]);
    write_text(&self, "data", s->data == WHI_DATA_EXACT ? "exact" : NULL);
    write_raw(&self, "details", s->details);
    write_poll(&self, s);
    write_int(&self, "version", s->version, 0);
    write_text(&self, "disabled", s->disabled);
    write_time(&self, "created_at", s->created_at);
    write_time(&self, "updated_at", s->updated_at);
    if (!(flags & WHI_WRITE_OPEN)) {
        whi_buf_char(out, '}');
    }
}

/* A letter becomes at most six. */
size_t whi_subscription_written_size(const whi_subscription *s) {
    size_t size = 1024 + s->rule_size * 6;
    const char *const texts[] = { s->tenant,   s->name,         s->url,       s->password,     s->fields, s->filters,
                                  s->metadata, s->details,      s->source,    s->poll_type,    s->auth,   s->tls,
                                  s->proxy,    s->content_type, s->signature, s->response_rule };

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
    return size + whi_subscription_control_size(s);
}
