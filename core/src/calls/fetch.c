/* Fetching: a subscription whose deliveries wait until somebody comes for them. They are rows that wait as those of a
 * pause that holds, so order, quota, lists, standing and explain are theirs; here they are read, and acknowledged.
 *
 * A cursor names what was given, each with the turn of its row, and nothing is written when it is given: so it needs no
 * time-out, and what came between two pages is in none of them by mistake. A row whose turn is another has been
 * replayed since, and waits anew. Tests: test_fetch. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/context.h"
#include "engine/row_copy.h"
#include "engine/version.h"
#include "engine/wrap.h"
#include "engine/writer.h"
#include "pure/delivery.h"
#include "systems/form.h"
#include "systems/header.h"

#define ITEMS 100
#define ITEMS_MOST 250
#define PAGE_BYTES ((size_t)4 << 20)  /* of bodies, beyond which a page ends */
#define WAIT_MOST 60000               /* ms */
#define LOOK_US INT64_C(50000)        /* between two looks at the store while it waits: an index entry each */
#define LONG_LOOK_US INT64_C(1000000) /* the same where a look goes by many that have no bytes */
#define PASSED_MOST 10000             /* of those, in one look */
#define FULL 1                        /* no code of an error: the page has what it may have */
#define NUMBER_BYTES 10               /* of a number of 64 bits, seven in each */
#define CURSOR_BYTES ((size_t)ITEMS_MOST * 2 * NUMBER_BYTES)

typedef struct given {
    int64_t event, turn;
} given;

typedef struct fetch {
    whi_job job;
    wh_engine *engine;
    const whi_subscription *subscription;
    given list[ITEMS_MOST];
    size_t count, limit, bytes;
    size_t passed;       /* rows that have no bytes to be given, at the last look */
    whi_row_copy *found; /* of acknowledging */
    size_t found_count;
    wh_backend_attempt attempts[ITEMS_MOST];
    whi_answer looked;
    whi_form *form;
    whi_buf *out;
    whi_buf lines; /* of the item that is written */
} fetch;

/* --------------------------------------------------------------------------- cursors */

static void put_number(whi_buf *out, uint64_t number) {
    while (number >= 0x80) {
        whi_buf_char(out, (char)(number | 0x80));
        number >>= 7;
    }
    whi_buf_char(out, (char)number);
}

static int get_number(const uint8_t **at, const uint8_t *end, uint64_t *out) {
    int shift = 0;

    *out = 0;
    while (*at < end && shift < 64) {
        uint8_t byte = *(*at)++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return 1;
        }
        shift += 7;
    }
    return 0;
}

/* Base64's letters as a URL takes them (RFC 4648 5); its end is a full stop in place of "=". */
static void translate(char *text, const char *from, const char *to) {
    for (; *text != '\0'; text++) {
        const char *found = strchr(from, *text);
        *text = found != NULL ? to[found - from] : *text;
    }
}

static int write_cursor(fetch *self) {
    char *text;
    whi_buf bytes;
    int code;

    whi_buf_init(&bytes, CURSOR_BYTES);
    for (size_t i = 0; i < self->count; i++) {
        int64_t step = self->list[i].event - (i > 0 ? self->list[i - 1].event : 0);
        put_number(&bytes, (uint64_t)step << 1 ^ (step < 0 ? UINT64_MAX : 0));
        put_number(&bytes, (uint64_t)self->list[i].turn);
    }
    code = whi_buf_status(&bytes);
    text = code == WH_OK ? whi_alloc(WHI_BASE64_SIZE(bytes.size) + 1) : NULL;
    if (text != NULL) {
        whi_base64_encode(bytes.data, bytes.size, text);
        translate(text, "+/=", "-_.");
        whi_json_write_name(self->out, "cursor");
        whi_json_write_string(self->out, text, strlen(text));
    }
    code = code == WH_OK && text == NULL ? whi_fail_memory() : code;
    whi_free(text);
    whi_buf_free(&bytes);
    return code;
}

static int read_given(fetch *self, const uint8_t *at, const uint8_t *end) {
    int64_t event = 0;

    while (at < end && self->count < ITEMS_MOST) {
        uint64_t step, turn;
        if (!get_number(&at, end, &step) || !get_number(&at, end, &turn)) {
            return 0;
        }
        event = (int64_t)((uint64_t)event + (step >> 1 ^ (0 - (step & 1))));
        self->list[self->count++] = (given){ event, (int64_t)turn };
    }
    return at == end && self->count > 0;
}

static int read_cursor(fetch *self, const char *cursor) {
    uint8_t bytes[CURSOR_BYTES];
    char text[WHI_BASE64_SIZE(CURSOR_BYTES) + 1];
    size_t size = strnlen(cursor, sizeof text), read = 0;

    if (size < sizeof text) {
        memcpy(text, cursor, size + 1);
        translate(text, "-_.", "+/=");
        if (whi_base64_decode(text, size, bytes, sizeof bytes, &read) == WH_OK &&
            read_given(self, bytes, bytes + read)) {
            return WH_OK;
        }
    }
    return whi_fail_field(WH_EINVALID, "cursor", "expected that of an answer");
}

/* --------------------------------------------------------------------- acknowledging */

static int deliver(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    fetch *self = payload;
    whi_delivery_row changed = *row;
    wh_backend_attempt *attempt = &self->attempts[self->found_count];
    int code;

    (void)event;
    if (row->state != WHI_WAITING || row->turn != self->list[self->count].turn) {
        return WH_OK;
    }
    code = whi_delivery_next(row->state, WHI_CLAIM, &changed.state);
    code = code == WH_OK ? whi_delivery_next(changed.state, WHI_SUCCEED, &changed.state) : code;
    changed.updated_at = whi_now(self->engine);
    changed.due = 0;
    changed.attempts++;
    changed.tries++;
    *attempt = (wh_backend_attempt){
        .event = row->event, .subscription = row->subscription, .n = changed.attempts, .at = changed.updated_at
    };
    changed.attempt = attempt;
    return code == WH_OK ? whi_row_copy_take(&self->found[self->found_count++], &changed) : code;
}

/* Each by itself: its callback has to know which of the list it is. */
static int look_at(fetch *self, whi_store *store, size_t index) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_DELIVERY_NOW, &self->looked, &fact);

    self->count = index;
    if (code == WH_OK) {
        fact->of.look.event = self->list[index].event;
        fact->of.look.subscription = self->subscription->id;
        fact->of.look.each_delivery = deliver;
        fact->of.look.payload = self;
        code = whi_store_flush(store);
    }
    return code;
}

static void drop_found(fetch *self) {
    for (size_t i = 0; i < self->found_count; i++) {
        whi_row_copy_free(&self->found[i]);
    }
    self->found_count = 0;
}

static int run_deliver(whi_job *job, whi_store *store) {
    fetch *self = (fetch *)job;
    size_t count = self->limit;
    int code = WH_OK;

    drop_found(self);
    for (size_t i = 0; code == WH_OK && i < count; i++) {
        code = look_at(self, store, i);
    }
    for (size_t i = 0; code == WH_OK && i < self->found_count; i++) {
        code = whi_row_copy_write(store, &self->found[i]);
    }
    return code;
}

static int acknowledge(fetch *self, const char *cursor) {
    size_t limit = self->limit;
    int code = read_cursor(self, cursor);

    if (code != WH_OK) {
        return code;
    }
    self->limit = self->count;
    self->job.run = run_deliver;
    self->job.rows = (int)self->count * 2;
    self->found = whi_calloc(self->count, sizeof *self->found);
    code = self->found != NULL ? whi_writer_run(self->engine->writer, &self->job) : whi_fail_memory();
    if (code == WH_OK) {
        atomic_fetch_add_explicit(&self->engine->count.delivered, (int64_t)self->found_count, memory_order_relaxed);
    }
    drop_found(self);
    whi_free(self->found);
    self->count = 0;
    self->limit = limit;
    return code;
}

/* --------------------------------------------------------------------------- giving */

static void add_line(fetch *self, const char *name, const char *value) {
    whi_buf_format(&self->lines, "%s: %s", name, value);
    whi_buf_char(&self->lines, '\0');
}

static int add_standard(fetch *self, const whi_form_message *message) {
    const whi_subscription *s = self->subscription;
    char stamp[24], *signatures = NULL;
    int code = wh_sign((const char *const *)s->secrets, s->secret_count, message->id, message->timestamp, message->body,
                       message->size, &signatures);

    if (code == WH_OK) {
        snprintf(stamp, sizeof stamp, "%lld", (long long)message->timestamp);
        add_line(self, "webhook-timestamp", stamp);
        add_line(self, "webhook-signature", signatures);
    }
    wh_free(signatures);
    return code;
}

static int add_lines(fetch *self, const whi_form_message *message, const char *rule_headers) {
    const whi_subscription *s = self->subscription;
    int code;

    whi_buf_clear(&self->lines);
    add_line(self, "Content-Type", s->content_type != NULL ? s->content_type : "application/json");
    add_line(self, "webhook-id", message->id);
    code = self->form != NULL ? whi_form_sign(self->form, message, s->secrets, s->secret_count, &self->lines)
                              : add_standard(self, message);
    code = code == WH_OK && rule_headers != NULL ? whi_wrap_rule_headers(rule_headers, &self->lines) : code;
    for (size_t i = 0; i < s->header_count; i++) {
        whi_buf_add(&self->lines, s->headers[i], strlen(s->headers[i]) + 1);
    }
    return code == WH_OK ? whi_buf_status(&self->lines) : code;
}

static int is_before(const fetch *self, const char *line) {
    for (size_t at = 0; self->lines.data + at < line; at += strlen(self->lines.data + at) + 1) {
        if (whi_header_same_name(self->lines.data + at, line)) {
            return 1;
        }
    }
    return 0;
}

/* "Name: value", or "Name;" without one; the first of a name counts, as it does where they are sent. */
static void write_headers(fetch *self) {
    const char *between = "";

    whi_json_write_name(self->out, "headers");
    whi_buf_char(self->out, '{');
    for (size_t at = 0; at < self->lines.size; at += strlen(self->lines.data + at) + 1) {
        const char *line = self->lines.data + at;
        size_t name = strcspn(line, ":;");
        const char *value = line[name] == ':' ? line + name + 1 + strspn(line + name + 1, " ") : "";

        if (is_before(self, line)) {
            continue;
        }
        whi_buf_text(self->out, between);
        whi_json_write_string(self->out, line, name);
        whi_buf_char(self->out, ':');
        whi_json_write_string(self->out, value, strlen(value));
        between = ",";
    }
    whi_buf_char(self->out, '}');
}

static void write_item(fetch *self, const whi_form_message *message, const whi_delivery_row *row) {
    char delivery[WH_ID_SIZE];

    whi_ident_delivery(row->event, row->subscription, delivery);
    whi_buf_text(self->out, self->count > 0 ? ",{" : "{");
    whi_json_write_name(self->out, "event");
    whi_json_write_string(self->out, message->id, strlen(message->id));
    whi_json_write_name(self->out, "delivery");
    whi_json_write_string(self->out, delivery, strlen(delivery));
    whi_json_write_name(self->out, "type");
    whi_json_write_string(self->out, message->type, strlen(message->type));
    write_headers(self);
    whi_json_write_name(self->out, "body");
    whi_json_write_string(self->out, message->body, message->size);
    whi_buf_char(self->out, '}');
}

/* 1: what waits behind it is the next page's. */
static int is_full(const fetch *self) {
    return self->count == self->limit || self->bytes > PAGE_BYTES || self->passed == PASSED_MOST;
}

/* What has no room in this page is the first of the next one. What a rule held before this was fetched from has no
 * bytes that may be given: the event's own are more than the rule lets through. */
static int give(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    fetch *self = payload;
    char id[WH_ID_SIZE];
    whi_form_message message = { .id = id, .url = self->subscription->url };
    int code;

    if (event == NULL || row->version == 0) {
        self->passed++;
        return is_full(self) ? FULL : WH_OK;
    }
    whi_ident_format("msg_", row->event, id);
    message.id = event->id != NULL ? event->id : id;
    message.type = event->type;
    message.timestamp = whi_now(self->engine) / 1000;
    message.body = row->body != NULL ? row->body : event->payload;
    message.size = row->body != NULL ? row->body_size : event->payload_size;
    code = add_lines(self, &message, row->headers);
    if (code == WH_OK) {
        write_item(self, &message, row);
        self->bytes += message.size;
        self->list[self->count++] = (given){ row->event, row->turn };
    }
    return code == WH_OK && is_full(self) ? FULL : code;
}

static int nobody(int64_t event, void *payload) {
    (void)event;
    (void)payload;
    return 0;
}

static int read_page(fetch *self) {
    const whi_store_waiting asked = { .subscription = self->subscription->id,
                                      .now = whi_now(self->engine),
                                      .limit = INT_MAX, /* what has no bytes counts for nothing: it ends when full */
                                      .known = nobody,
                                      .each = give,
                                      .payload = self };
    whi_store *store = self->engine->store;
    int64_t next;
    int code;

    self->passed = 0;
    whi_buf_text(self->out, "{\"items\":[");
    code = store->vtable->waiting(store, &asked, &next);
    code = code == FULL ? WH_OK : code;
    whi_buf_char(self->out, ']');
    if (code == WH_OK && self->count > 0) {
        code = write_cursor(self);
    } else if (code == WH_OK) {
        whi_buf_text(self->out, ",\"cursor\":null");
    }
    whi_buf_char(self->out, '}');
    return code == WH_OK ? whi_buf_status(self->out) : code;
}

/* A condition that nobody signals: what comes may be another process's, so the store is asked in any case. */
static void pause_until(int64_t until_us) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never;

    whi_condition_init(&never);
    pthread_mutex_lock(&lock);
    while (whi_condition_wait(&never, &lock, until_us) == 0) {}
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&never);
    pthread_mutex_destroy(&lock);
}

/* Looked for as it is given: what waits for its own time is nothing to give, and what is answered at once would be
 * asked for at once. */
static int read_until(fetch *self, int64_t wait) {
    int64_t now = whi_monotonic_us(), until = now + wait * 1000;
    int code = read_page(self);

    while (code == WH_OK && self->count == 0 && (now = whi_monotonic_us()) < until) {
        int64_t pause = self->passed > ITEMS_MOST ? LONG_LOOK_US : LOOK_US;
        pause_until(now + pause < until ? now + pause : until);
        whi_buf_clear(self->out);
        code = whi_engine_check(self->engine);
        code = code == WH_OK ? read_page(self) : code;
    }
    return code;
}

static int fetch_all(fetch *self, const char *cursor, int64_t wait) {
    const whi_subscription *s = self->subscription;
    int code = s->signature != NULL ? whi_form_read(&self->form, s->signature, strlen(s->signature)) : WH_OK;

    code = code == WH_OK && cursor != NULL ? acknowledge(self, cursor) : code;
    return code == WH_OK ? read_until(self, wait) : code;
}

static int check_numbers(int64_t limit, int64_t wait) {
    if (limit < 0 || limit > ITEMS_MOST) {
        return whi_fail_field(WH_EINVALID, "limit", "expected 1 to %d, found %lld", ITEMS_MOST, (long long)limit);
    }
    return wait >= 0 && wait <= WAIT_MOST
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "wait", "expected at most %d ms, found %lld", WAIT_MOST, (long long)wait);
}

static int fetch_of(wh_engine *engine, const whi_registration *registration, const char *cursor, int64_t limit,
                    int64_t wait, whi_buf *out) {
    fetch *self;
    int code;

    if (!whi_subscription_is_fetched(registration->subscription)) {
        return whi_fail_field(WH_ECONFLICT, "subscription", "expected one with the url \"" WHI_FETCHED_URL "\"");
    }
    self = whi_calloc(1, sizeof *self);
    if (self == NULL) {
        return whi_fail_memory();
    }
    self->engine = engine;
    self->subscription = registration->subscription;
    self->limit = limit > 0 ? (size_t)limit : ITEMS;
    self->out = out;
    whi_buf_init(&self->lines, SIZE_MAX / 4);
    code = fetch_all(self, cursor, wait);
    whi_form_free(self->form);
    whi_buf_free(&self->lines);
    whi_free(self);
    return code;
}

int wh_fetch(wh_engine *engine, const char *subscription, const char *cursor, int64_t limit, int64_t wait, char **out,
             size_t *size) {
    whi_registration *registration = NULL;
    int64_t number = 0;
    whi_buf buf;
    int code = whi_engine_check(engine);

    if (code == WH_OK && (out == NULL || subscription == NULL)) {
        return whi_fail_field(WH_EINVALID, out == NULL ? "out" : "subscription", "expected one, found NULL");
    }
    code = code == WH_OK ? check_numbers(limit, wait) : code;
    if (code != WH_OK) {
        return code;
    }
    *out = NULL;
    if (whi_ident_parse("sub_", subscription, &number) != WH_OK) {
        return whi_fail_field(WH_ENOTFOUND, "subscription", "no such subscription");
    }
    whi_buf_init(&buf, SIZE_MAX / 4);
    code = whi_version_at(engine->store, number, 0, &registration);
    code = code == WH_OK ? fetch_of(engine, registration, cursor, limit, wait, &buf) : code;
    whi_registration_unref(registration);
    if (code != WH_OK) {
        whi_buf_free(&buf);
        return code;
    }
    return whi_buf_take(&buf, out, size);
}
