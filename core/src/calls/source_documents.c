/* Documents of HTTP sources: keeping them, showing them without what is secret, trying them. Tests: test_sources. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/past.h"
#include "calls/source_preview.h"
#include "engine/inbox.h"
#include "engine/looking.h"
#include "engine/registry.h"
#include "engine/source_document.h"
#include "engine/source_kept.h"
#include "engine/writer.h"
#include "pure/json.h"
#include "pure/source_connection.h"
#include "pure/source_mask.h"

#define QUERY_DEPTH 3
#define DOCUMENT_BYTES ((size_t)1 << 20)

static void free_secret(whi_buf *buf) {
    if (buf->capacity > 0) {
        whi_wipe(buf->data, buf->capacity);
    }
    whi_buf_free(buf);
}

static int check_out(wh_engine *engine, char **out) {
    int code = whi_engine_check(engine);

    if (code == WH_OK && out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected one, found NULL");
    }
    if (code == WH_OK) {
        *out = NULL;
    }
    return code;
}

static int fail_unknown(void) {
    return whi_fail_field(WH_ENOTFOUND, "object_type", "there is no source of this type");
}

/* ------------------------------------------------------------------------- writing */

typedef struct change {
    whi_job job;
    const char *document; /* as it was given, with masks; NULL: it goes */
    size_t size;
    const whi_buf *expected; /* NULL, or what has to be kept when it is written */
    whi_buf whole;
    whi_source_row row;
    int filled;
} change;

static int take_former(const whi_source_row *row, void *payload) {
    change *self = payload;

    self->filled = 1;
    if (self->expected != NULL && (row->document_size != self->expected->size ||
                                   memcmp(row->document, self->expected->data, row->document_size) != 0)) {
        return whi_fail(WH_ECONFLICT, "somebody else changed it meanwhile");
    }
    return whi_source_unmask(self->document, self->size, row->document, row->document_size, &self->whole);
}

/* What a mask stands for is read in the same transaction, so nobody's newer secret is lost. */
static int run_put(change *self, whi_store *store) {
    int code;

    self->filled = 0;
    free_secret(&self->whole);
    whi_buf_reserve(&self->whole, self->size + 1);
    code = whi_store_source_now(store, self->row.object_type, take_former, self);
    if (code == WH_OK && !self->filled && self->expected != NULL) {
        code = fail_unknown();
    } else if (code == WH_OK && !self->filled) {
        code = whi_source_unmask(self->document, self->size, NULL, 0, &self->whole);
    }
    self->row.document = self->whole.data;
    self->row.document_size = self->whole.size;
    return code == WH_OK ? whi_store_source(store, &self->row) : code;
}

static int run_change(whi_job *job, whi_store *store) {
    change *self = (change *)job;
    int code = self->document != NULL ? run_put(self, store) : whi_store_source(store, &self->row);

    return code == WH_OK ? whi_sources_changed(store) : code;
}

/* The change stands; what fails behind it is made up for later. */
static int make_change(wh_engine *engine, change *self) {
    int code;

    self->job.rows = 3;
    self->job.run = run_change;
    code = whi_writer_run(engine->writer, &self->job);
    if (code == WH_OK) {
        (void)whi_sources_look(engine);
        whi_inbox_wake(engine->inboxes[0]);
    }
    return code;
}

static int keep(wh_engine *engine, const char *document, size_t size, const whi_buf *expected) {
    char object_type[WH_ID_SIZE];
    change self = { .document = document, .size = size, .expected = expected };
    int code = whi_source_check(engine, document, size, object_type);

    self.row.object_type = object_type;
    self.row.updated_at = whi_now(engine);
    whi_buf_init(&self.whole, DOCUMENT_BYTES);
    code = code == WH_OK ? make_change(engine, &self) : code;
    free_secret(&self.whole);
    return code;
}

int wh_source_put(wh_engine *engine, const char *document, size_t size) {
    int code = whi_engine_check(engine);

    if (code == WH_OK && document == NULL) {
        code = whi_fail_field(WH_EINVALID, "document", "expected one, found NULL");
    }
    return code == WH_OK ? keep(engine, document, size == WH_ZSTR ? strlen(document) : size, NULL) : code;
}

int wh_source_delete(wh_engine *engine, const char *object_type) {
    change self = { .row = { .object_type = object_type } };
    int code = whi_engine_check(engine);

    if (code == WH_OK && object_type == NULL) {
        code = whi_fail_field(WH_EINVALID, "object_type", "expected one, found NULL");
    }
    return code == WH_OK ? make_change(engine, &self) : code;
}

/* --------------------------------------------------------------------- connections */

static int copy_document(const whi_source_row *row, void *payload) {
    whi_buf *out = payload;

    whi_buf_reserve(out, row->document_size + 1); /* so that no copy stays behind */
    whi_buf_add(out, row->document, row->document_size);
    return whi_buf_status(out);
}

/* The document is checked as a whole, outside of the transaction, which sees that it is still the same one. */
static int set_once(wh_engine *engine, const char *object_type, const char *id, const char *text, size_t size) {
    whi_buf former, whole;
    int code;

    whi_buf_init(&former, DOCUMENT_BYTES);
    whi_buf_init(&whole, 2 * DOCUMENT_BYTES);
    code = whi_store_source_list(engine->store, object_type, copy_document, &former);
    if (code == WH_OK && former.size == 0) {
        code = fail_unknown();
    }
    if (code == WH_OK) {
        whi_buf_reserve(&whole, former.size + size + strlen(id) * 6 + 64);
        code = whi_source_connection_set(former.data, former.size, id, text, size, &whole);
    }
    code = code == WH_OK ? keep(engine, whole.data, whole.size, &former) : code;
    free_secret(&former);
    free_secret(&whole);
    return code;
}

static int set_connection(wh_engine *engine, const char *object_type, const char *id, const char *text, size_t size) {
    int code = whi_engine_check(engine);

    if (code == WH_OK && object_type == NULL) {
        code = whi_fail_field(WH_EINVALID, "object_type", "expected one, found NULL");
    }
    if (code == WH_OK && (id == NULL || id[0] == '\0')) {
        code = whi_fail_field(WH_EINVALID, "connection", "expected a name that is not empty");
    }
    if (code != WH_OK) {
        return code;
    }
    do { /* whoever was faster has changed another one, or this one before */
        code = set_once(engine, object_type, id, text, size);
    } while (code == WH_ECONFLICT);
    return code;
}

int wh_source_connection_put(wh_engine *engine, const char *object_type, const char *connection, const char *document,
                             size_t size) {
    return document != NULL
               ? set_connection(engine, object_type, connection, document, size == WH_ZSTR ? strlen(document) : size)
               : whi_fail_field(WH_EINVALID, "document", "expected one, found NULL");
}

int wh_source_connection_delete(wh_engine *engine, const char *object_type, const char *connection) {
    return set_connection(engine, object_type, connection, NULL, 0);
}

/* ------------------------------------------------------------------------- reading */

typedef struct listing {
    whi_buf out;
    int count;
    char unread[WH_ID_SIZE]; /* the first that cannot be read; "": none */
} listing;

static void write_time(whi_buf *out, const char *name, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    whi_tell_text(out, name, text);
}

static int write_row(const whi_source_row *row, void *payload) {
    listing *self = payload;
    whi_buf *out = &self->out;
    int code;

    if (row->document == NULL) {
        snprintf(self->unread, sizeof self->unread, "%s", row->object_type);
        return WH_EKEY;
    }
    whi_buf_text(out, self->count++ > 0 ? ",{" : "{");
    whi_tell_text(out, "object_type", row->object_type);
    whi_json_write_name(out, "document");
    code = whi_source_mask(row->document, row->document_size, out);
    write_time(out, "created_at", row->created_at);
    write_time(out, "updated_at", row->updated_at);
    whi_buf_char(out, '}');
    return code == WH_OK ? whi_buf_status(out) : code;
}

static int hand_over(listing *self, int code, char **out, size_t *size) {
    if (code != WH_OK) {
        whi_buf_free(&self->out);
        return code;
    }
    return whi_buf_take(&self->out, out, size);
}

int wh_source_list(wh_engine *engine, char **out, size_t *size) {
    listing self = { .count = 0 };
    int code = check_out(engine, out);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&self.out, SIZE_MAX / 4);
    whi_buf_text(&self.out, "{\"items\":[");
    code = whi_store_source_list(engine->store, NULL, write_row, &self);
    if (self.unread[0] != '\0') { /* who asks for one alone is told what is wrong with it */
        code = whi_store_source_list(engine->store, self.unread, write_row, &self);
    }
    whi_buf_text(&self.out, "]}");
    return hand_over(&self, code, out, size);
}

int wh_source_get(wh_engine *engine, const char *object_type, char **out, size_t *size) {
    listing self = { .count = 0 };
    int code = check_out(engine, out);

    if (code == WH_OK && object_type == NULL) {
        code = whi_fail_field(WH_EINVALID, "object_type", "expected one, found NULL");
    }
    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&self.out, SIZE_MAX / 4);
    code = whi_store_source_list(engine->store, object_type, write_row, &self);
    code = code == WH_OK && self.count == 0 ? fail_unknown() : code;
    return hand_over(&self, code, out, size);
}

/* -------------------------------------------------------------------------- trying */

typedef struct trial {
    wh_source_call call; /* first */
    wh_engine *engine;
    wh_source source;
    atomic_int is_cut;
    int found;
    whi_json asked; /* without nodes: nothing was asked */
    char *texts[6]; /* of its members */
    int others;     /* members beside subscription */
    whi_buf filters, out;
    wh_source_query query;
    int64_t began; /* us */
    int code;
} trial;

enum { TENANT, CONNECTION, FIELDS, STATE, PAGE, SUBSCRIPTION };
static const char *const text_names[] = { "tenant", "connection", "fields", "state", "page", "subscription" };
#define TEXTS (sizeof text_names / sizeof text_names[0])

static int take_text(trial *self, size_t which, uint32_t node) {
    whi_buf scratch;
    const char *text;
    size_t size;

    if (self->asked.nodes[node].type != WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, text_names[which], "expected a text");
    }
    whi_buf_init(&scratch, DOCUMENT_BYTES);
    text = whi_json_string(&self->asked, node, &scratch, &size);
    whi_free(self->texts[which]);
    self->texts[which] = text != NULL ? whi_strdup(text, size) : NULL;
    whi_buf_free(&scratch);
    return self->texts[which] != NULL ? WH_OK : whi_fail_memory();
}

static int take_changed(trial *self, uint32_t node) {
    const whi_json *json = &self->asked;
    whi_buf scratch;
    const char *text;
    size_t size;
    int code;

    if (json->nodes[node].type == WHI_JSON_NUMBER && whi_json_int(json, node, &self->query.changed_since)) {
        return whi_time_check("changed_since", self->query.changed_since);
    }
    if (json->nodes[node].type != WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, "changed_since", "expected a time as text, or ms");
    }
    whi_buf_init(&scratch, DOCUMENT_BYTES);
    text = whi_json_string(json, node, &scratch, &size);
    if (text != NULL && text != scratch.data) {
        whi_buf_add(&scratch, text, size);
        text = scratch.data;
    }
    code = text != NULL && whi_buf_status(&scratch) == WH_OK
               ? whi_time_read("changed_since", text, &self->query.changed_since)
               : whi_fail_memory();
    whi_buf_free(&scratch);
    return code;
}

static int take_filters(trial *self, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(&self->asked, node, &size);

    if (self->asked.nodes[node].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "filters", "expected an object of texts");
    }
    whi_buf_clear(&self->filters);
    whi_buf_add(&self->filters, text, size);
    return whi_buf_status(&self->filters);
}

static int is(const trial *self, uint32_t name, const char *word) {
    return whi_json_string_is(&self->asked, name, word, strlen(word));
}

static int take_member(trial *self, uint32_t name) {
    size_t size;
    const char *text = whi_json_span(&self->asked, name, &size);

    if (self->asked.nodes[name + 1].type == WHI_JSON_NULL) {
        return WH_OK;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        if (is(self, name, text_names[i])) {
            self->others += i != SUBSCRIPTION;
            return take_text(self, i, name + 1);
        }
    }
    self->others++;
    if (is(self, name, "changed_since")) {
        return take_changed(self, name + 1);
    }
    if (is(self, name, "filters")) {
        return take_filters(self, name + 1);
    }
    if (is(self, name, "limit")) {
        return self->asked.nodes[name + 1].type == WHI_JSON_NUMBER &&
                       whi_json_int(&self->asked, name + 1, &self->query.limit) && self->query.limit > 0
                   ? WH_OK
                   : whi_fail_field(WH_EINVALID, "limit", "expected a number of 1 or more");
    }
    return whi_fail_field(WH_EINVALID, "query",
                          "unknown member %.*s, expected tenant, connection, fields, state, page, changed_since, "
                          "filters, limit or subscription",
                          size < 40 ? (int)size : 40, text);
}

static int read_query(trial *self, const char *query, size_t size) {
    const whi_json *json = &self->asked;
    int code;

    if (query == NULL) {
        return WH_OK;
    }
    code = whi_json_scan(&self->asked, query, size == WH_ZSTR ? strlen(query) : size, QUERY_DEPTH);
    if (code != WH_OK) {
        return whi_fail_within_field(code, "query");
    }
    if (json->nodes[0].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "query", "expected an object");
    }
    for (uint32_t at = whi_json_first(json, 0); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, 0, at)) {
        code = take_member(self, at);
    }
    if (code == WH_OK && self->texts[SUBSCRIPTION] != NULL && self->others > 0) {
        return whi_fail_field(WH_EINVALID, "subscription", "expected alone: it says what is asked for");
    }
    return code;
}

/* Within the call: what it points to is gone behind it. */
static void take_answer(wh_source_call *call, const wh_source_page *page) {
    trial *self = (trial *)call;
    whi_buf *out = &self->out;

    whi_buf_char(out, '{');
    whi_tell_flag(out, "ok", page->code == WH_OK);
    whi_tell_text(out, "code", page->code == WH_OK ? NULL : wh_error_name(page->code));
    whi_tell_text(out, "error", page->error);
    whi_tell_flag(out, "refused", page->is_refused);
    whi_json_write_name(out, "retry_after");
    whi_buf_format(out, page->retry_after >= 0 ? "%lld" : "null", (long long)page->retry_after);
    whi_tell_flag(out, "unchanged", page->is_unchanged);
    whi_json_write_name(out, "items");
    whi_buf_add(out, page->items != NULL ? page->items : "[]", page->items != NULL ? page->items_size : 2);
    whi_tell_text(out, "next", page->next);
    whi_tell_text(out, "state", page->state);
    whi_tell_int(out, "duration_ms", (whi_monotonic_us() - self->began) / 1000);
    whi_buf_char(out, '}');
    self->code = whi_buf_status(out);
}

static int make(const whi_source_row *row, void *payload) {
    trial *self = payload;

    self->found = 1;
    return whi_source_make(self->engine, row, &self->source);
}

static void list(trial *self, const char *object_type) {
    wh_source_query *query = &self->query;

    query->size = sizeof *query;
    query->object_type = object_type;
    query->tenant = self->texts[TENANT] != NULL ? self->texts[TENANT] : "";
    query->connection = self->texts[CONNECTION] != NULL ? self->texts[CONNECTION] : "";
    query->fields = self->texts[FIELDS];
    query->state = self->texts[STATE];
    query->page = self->texts[PAGE];
    query->filters = self->filters.size > 0 ? self->filters.data : NULL;
    self->call.answer = take_answer;
    self->began = whi_monotonic_us();
    self->source.list(self->source.payload, query, &self->call);
}

static void cut_trial(wh_engine *engine, void *payload) {
    trial *self = payload;

    (void)engine;
    atomic_store(&self->is_cut, 1);
    self->source.cut(self->source.payload);
}

static int try_it(trial *self, const char *object_type) {
    const char *subscription = self->texts[SUBSCRIPTION];

    if (subscription != NULL) {
        return whi_source_preview(self->engine, &self->source, object_type, subscription, &self->is_cut, &self->out);
    }
    list(self, object_type);
    return self->code;
}

static void free_trial(trial *self) {
    if (self->source.free != NULL) {
        self->source.free(self->source.payload);
    }
    for (size_t i = 0; i < TEXTS; i++) {
        whi_free(self->texts[i]);
    }
    whi_json_free(&self->asked);
    whi_buf_free(&self->filters);
    whi_buf_free(&self->out);
}

/* Whose tenant it is for; NULL: nobody's, or nobody is there. */
static whi_registration *asker_of(const trial *self) {
    const char *id = self->texts[SUBSCRIPTION];
    int64_t number;

    return id != NULL && whi_registry_sync(self->engine->registry) == WH_OK &&
                   whi_ident_parse("sub_", id, &number) == WH_OK
               ? whi_registry_get(self->engine->registry, number)
               : NULL;
}

/* Somebody's API says how long it takes: few at once, and cut where the engine stops. */
static int try_among_few(trial *self, const char *object_type) {
    whi_registration *asker = asker_of(self);
    struct whi_looking looking = { .tenant = asker != NULL                 ? asker->subscription->tenant
                                             : self->texts[TENANT] != NULL ? self->texts[TENANT]
                                                                           : "" };
    int code = whi_looking_begin(self->engine, &looking);

    if (code == WH_EBUSY) {
        whi_registration_unref(asker);
        return whi_fail_field(WH_EBUSY, "object_type",
                              "too many sources and receivers are being looked at; try again when one has answered");
    }
    whi_looking_show(self->engine, &looking, self, cut_trial);
    code = try_it(self, object_type);
    whi_looking_show(self->engine, &looking, NULL, NULL);
    whi_looking_end(self->engine, &looking);
    whi_registration_unref(asker);
    return code;
}

int wh_source_test(wh_engine *engine, const char *object_type, const char *query, size_t query_size, char **out,
                   size_t *size) {
    trial self = { .engine = engine };
    int code = check_out(engine, out);

    if (code == WH_OK && object_type == NULL) {
        code = whi_fail_field(WH_EINVALID, "object_type", "expected one, found NULL");
    }
    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&self.filters, DOCUMENT_BYTES);
    whi_buf_init(&self.out, SIZE_MAX / 4);
    code = read_query(&self, query, query_size);
    code = code == WH_OK ? whi_store_source_list(engine->store, object_type, make, &self) : code;
    code = code == WH_OK && !self.found ? fail_unknown() : code;
    code = code == WH_OK ? try_among_few(&self, object_type) : code;
    code = code == WH_OK ? whi_buf_take(&self.out, out, size) : code;
    free_trial(&self);
    return code;
}
