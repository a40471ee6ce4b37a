/* Tests: test_sources_polled. */
#include "calls/source_preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/past.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "pure/poll.h"
#include "pure/poll_page.h"

#define TIME_MOST INT64_C(60000)      /* ms from which on no further page is asked for: somebody waits */
#define SHOWN 100                     /* changes that are shown, of all that are counted */
#define SHOWN_BYTES ((size_t)4 << 20) /* and their bytes, about */
#define MET_MOST ((size_t)1 << 20)    /* objects; of a list with more nothing is told of what has vanished */
#define UNSEEN_ROWS 500               /* that are looked at in one go */
#define TEXT_MOST ((size_t)32 << 20)

typedef struct preview {
    wh_source_call call; /* first */
    wh_engine *engine;
    const wh_source *source;
    whi_registration *asker;
    wh_backend_poll row; /* without texts but state */
    unsigned char salt[WH_POLL_SALT];
    char *state, *page;
    int first, full, last;
    int wants[WHI_POLL_CHANGES]; /* 1: its subscription takes events of this change */
    uint64_t *met;               /* hashes of ids */
    size_t met_count, met_room;
    int64_t pages, objects, skipped, counts[WHI_POLL_CHANGES], known;
    int64_t gone;      /* of the deleted: missing from a complete list */
    int is_suspicious; /* so many that nothing is told of them */
    int is_cut_short;  /* more is not read: what is shown is enough */
    int64_t began;     /* ms */
    const atomic_int *stop;
    size_t shown, hidden; /* of what it is sent */
    whi_buf list;
    int code; /* of the reading; WH_OK, or with what has failed as the last error */
    int failed_code;
    char error[WHI_ERROR_SIZE];
} preview;

/* --------------------------------------------------------------------------- its row */

static int take_row(const wh_backend_poll *row, void *payload) {
    preview *self = payload;

    self->row = *row;
    memcpy(self->salt, row->salt, sizeof self->salt);
    self->state = row->state != NULL ? whi_strdup(row->state, WH_ZSTR) : NULL;
    return row->state == NULL || self->state != NULL ? WH_OK : whi_fail_memory();
}

/* What is read is what the next reading reads. */
static int read_row(preview *self) {
    const whi_store_vtable *v = self->engine->store->vtable;
    int64_t now = whi_now(self->engine);
    int code = v->poll_get != NULL ? v->poll_get(self->engine->store, self->asker->hears, take_row, self)
                                   : whi_fail(WH_EINVALID, "this back end keeps no polls");

    code = code == WH_ENOTFOUND ? WH_OK : code;
    self->first = self->row.checked_at == 0;
    self->full = self->first || !(self->source->can & WH_SOURCE_CHANGES) ||
                 self->row.checked_at > now + WHI_POLL_PUT_BACK ||
                 (self->row.suspicious && (self->row.asked & WH_POLL_CONFIRM) != 0) ||
                 (self->source->full_every > 0 && now - self->row.full_at >= self->source->full_every);
    return code;
}

/* ------------------------------------------------------------------------- what is met */

/* FNV-1a, begun with the row's salt, so that nobody chooses ids that are taken for each other. */
static uint64_t hash_of(const preview *self, const void *id, size_t size) {
    const unsigned char *bytes = id;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < sizeof self->salt; i++) {
        hash = (hash ^ self->salt[i]) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int meet(preview *self, const void *id, size_t size) {
    if (self->met_count == self->met_room && self->met_room < MET_MOST) {
        size_t room = self->met_room > 0 ? self->met_room * 2 : 1024;
        uint64_t *grown = whi_realloc(self->met, room * sizeof *grown);

        if (grown == NULL) {
            return whi_fail_memory();
        }
        self->met = grown;
        self->met_room = room;
    }
    if (self->met_count < self->met_room) {
        self->met[self->met_count] = hash_of(self, id, size);
    }
    self->met_count++;
    return WH_OK;
}

static int by_number(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

    return (one > two) - (one < two);
}

static int is_met(const preview *self, const void *id, size_t size) {
    uint64_t hash = hash_of(self, id, size);

    return self->met_count > 0 && bsearch(&hash, self->met, self->met_count, sizeof hash, by_number) != NULL;
}

/* ---------------------------------------------------------------------- what is changed */

static void show(preview *self, int change, const char *object, size_t size) {
    whi_buf *list = &self->list;

    self->counts[change]++;
    if (!self->wants[change]) {
        return;
    }
    if (self->shown == SHOWN || list->size + size > SHOWN_BYTES) {
        self->hidden++;
        return;
    }
    whi_buf_format(list, "%s{\"type\":\"%s.%s\",\"object\":", self->shown++ > 0 ? "," : "",
                   self->asker->subscription->poll_type, whi_poll_change_names[change]);
    whi_buf_add(list, object, size);
    whi_buf_char(list, '}');
}

/* What a history finds is told under whichever of the two names is wanted. */
static int change_of(const preview *self, enum whi_poll_verdict verdict) {
    const int *wants = self->wants;
    int is_history = self->first && self->asker->subscription->poll_history;

    return is_history && !wants[WHI_POLL_IS_CREATED] && wants[WHI_POLL_IS_UPDATED] ? WHI_POLL_IS_UPDATED
                                                                                   : (int)verdict - WHI_POLL_CREATED;
}

/* As a reading tells it: of what is too large for a payload, and deleted, the id. */
static int tell(preview *self, const whi_poll_page *page, const whi_poll_object *object, int change) {
    size_t size;
    const char *text = whi_json_span(&page->json, object->node, &size);
    whi_buf brief;
    int code;

    if (!object->large) {
        show(self, change, text, size);
        return WH_OK;
    }
    whi_buf_init(&brief, 4 * WHI_POLL_ID_SIZE + 64);
    whi_buf_text(&brief, "{\"id\":");
    whi_poll_id_write(whi_poll_page_id(page, object), object->id_size, &brief);
    whi_buf_text(&brief, ",\"deleted\":true}");
    code = whi_buf_status(&brief);
    if (code == WH_OK) {
        show(self, change, brief.data, brief.size);
    }
    whi_buf_free(&brief);
    return code;
}

static int judge(preview *self, const whi_poll_page *page, const whi_poll_object *object) {
    whi_store *store = self->engine->store;
    whi_poll_sight sight = { object->deleted, object->wanted, object->large, object->content };
    wh_backend_seen seen = { .seen = self->row.seen };
    whi_poll_memory memory = { 0 };
    enum whi_poll_verdict verdict;
    int code;

    seen.id = whi_poll_page_id(page, object);
    seen.id_size = object->id_size;
    code = store->vtable->seen_get(store, &seen, &memory.known);
    code = code == WH_OK ? meet(self, seen.id, seen.id_size) : code;
    memory.content = seen.content;
    memory.scan = seen.scan;
    verdict = whi_poll_judge(&memory, &sight, self->first && !self->asker->subscription->poll_history, 0);
    if (code == WH_OK && verdict >= WHI_POLL_CREATED) {
        code = tell(self, page, object, change_of(self, verdict));
    }
    return code;
}

static int judge_all(preview *self, const whi_poll_page *page) {
    int code = WH_OK;

    self->objects += (int64_t)page->count;
    self->skipped += (int64_t)page->skipped;
    for (size_t i = 0; i < page->count && code == WH_OK; i++) {
        if (!page->list[i].former) {
            code = judge(self, page, &page->list[i]);
        }
    }
    return code;
}

static int take_items(preview *self, const wh_source_page *given) {
    wh_limits limits;
    whi_poll_page page = { 0 };
    whi_poll_reader reader = { self->salt, self->source->without, self->asker->filter, 0, 0 };
    int code;

    whi_setting_limits(self->engine, &limits);
    reader.object_bytes = (size_t)limits.payload_bytes - 2;
    reader.depth = (int)limits.json_depth - 1;
    code = whi_poll_page_read(&page, &reader, given->items != NULL ? given->items : "[]",
                              given->items != NULL ? given->items_size : 2);
    code = code == WH_OK ? judge_all(self, &page) : code;
    whi_poll_page_free(&page);
    return code;
}

/* ------------------------------------------------------------------------- its reading */

static int take_next(preview *self, const char *next) {
    char *copy = next != NULL ? whi_strdup(next, WH_ZSTR) : NULL;
    int is_circle = next != NULL && self->page != NULL && strcmp(next, self->page) == 0;

    whi_free(self->page);
    self->page = copy;
    self->last = next == NULL;
    if (next != NULL && copy == NULL) {
        return whi_fail_memory();
    }
    return is_circle ? whi_fail(WH_EINVALID, "the same page comes again: the list is a circle") : WH_OK;
}

/* Within the source's call. What the API failed with is no error of this call. */
static void take_answer(wh_source_call *call, const wh_source_page *given) {
    preview *self = (preview *)call;

    self->last = 1;
    if (given->code != WH_OK) {
        self->failed_code = given->code;
        snprintf(self->error, sizeof self->error, "%s", given->error != NULL ? given->error : "");
        return;
    }
    self->pages++;
    if (!given->is_unchanged) {
        self->code = take_items(self, given);
        self->code = self->code == WH_OK ? take_next(self, given->next) : self->code;
    } else {
        self->full = 0; /* nothing was listed, so nothing is missing */
    }
}

/* Once there is more than is shown, the rest would be counted alone; and a list may take as long as it likes. */
static int may_go_on(preview *self) {
    if (self->hidden > 0) {
        self->is_cut_short = 1;
    } else if (atomic_load(self->stop)) {
        self->is_cut_short = 1;
        self->failed_code = WH_ECLOSED;
        snprintf(self->error, sizeof self->error, "the engine stops");
    } else if (whi_now(self->engine) - self->began >= TIME_MOST) {
        self->is_cut_short = 1;
        self->failed_code = WH_ETIMEOUT;
        snprintf(self->error, sizeof self->error, "the list is not at its end after 60 s");
    }
    return !self->is_cut_short;
}

static void read_pages(preview *self) {
    const whi_subscription *s = self->asker->subscription;
    wh_source_query query = { .size = sizeof query,
                              .tenant = s->tenant,
                              .connection = s->source != NULL ? s->source : "",
                              .object_type = s->poll_type,
                              .filters = s->filters,
                              .fields = s->fields,
                              .limit = s->poll_limit > 0 ? s->poll_limit : 1000 };

    if (!self->full) {
        query.changed_since = whi_poll_since(self->row.checked_at, self->row.newest);
        query.state = self->state;
    }
    while (!self->last && self->code == WH_OK && may_go_on(self)) {
        query.page = self->page;
        self->source->list(self->source->payload, &query, &self->call);
    }
}

/* -------------------------------------------------------------------- what has vanished */

typedef struct unseen {
    preview *self;
    size_t count;
    unsigned char after[WHI_POLL_ID_SIZE];
    size_t after_size;
} unseen;

static int look(const wh_backend_seen *row, void *payload) {
    unseen *it = payload;
    whi_buf object;
    int code = WH_OK;

    it->count++;
    it->self->known++;
    it->after_size = row->id_size < sizeof it->after ? row->id_size : sizeof it->after;
    memcpy(it->after, row->id, it->after_size);
    if (!is_met(it->self, row->id, row->id_size)) {
        whi_buf_init(&object, 4 * WHI_POLL_ID_SIZE + 64);
        whi_buf_text(&object, "{\"id\":");
        whi_poll_id_write(row->id, row->id_size, &object);
        whi_buf_char(&object, '}');
        code = whi_buf_status(&object);
        if (code == WH_OK) {
            it->self->gone++;
            show(it->self, WHI_POLL_IS_DELETED, object.data, object.size);
        }
        whi_buf_free(&object);
    }
    return code;
}

/* No mark is 0, so all that is remembered is listed. */
static int look_at_all(preview *self) {
    whi_store *store = self->engine->store;
    unseen it = { .self = self, .count = UNSEEN_ROWS };
    int code = WH_OK;

    if (self->met_count > 0) {
        qsort(self->met, self->met_count, sizeof *self->met, by_number);
    }
    while (code == WH_OK && it.count == UNSEEN_ROWS) {
        wh_backend_unseen asked = { .seen = self->row.seen,
                                    .after = it.after_size > 0 ? it.after : NULL,
                                    .after_size = it.after_size,
                                    .limit = UNSEEN_ROWS };
        it.count = 0;
        code = store->vtable->unseen_list(store, &asked, look, &it);
    }
    return code;
}

/* What a suspicious reading holds back is counted, and not among what it would send. */
static int find_vanished(preview *self) {
    size_t size = self->list.size, shown = self->shown, hidden = self->hidden;
    int code = look_at_all(self);

    self->is_suspicious = whi_poll_is_suspicious(self->gone, self->known) && (self->row.asked & WH_POLL_CONFIRM) == 0;
    if (code == WH_OK && self->is_suspicious) {
        self->list.size = size;
        self->shown = shown;
        self->hidden = hidden;
    }
    return code;
}

static int is_complete(const preview *self) {
    return self->failed_code == WH_OK && !self->is_cut_short && self->full && !self->first &&
           self->source->can & WH_SOURCE_ALL && self->met_count <= MET_MOST;
}

/* ------------------------------------------------------------------------- the answer */

static int write(const preview *self, int64_t began, whi_buf *out) {
    whi_buf_char(out, '{');
    whi_tell_flag(out, "ok", self->failed_code == WH_OK);
    whi_tell_text(out, "code", self->failed_code == WH_OK ? NULL : wh_error_name(self->failed_code));
    whi_tell_text(out, "error", self->failed_code == WH_OK ? NULL : self->error);
    whi_tell_flag(out, "first", self->first);
    whi_tell_flag(out, "suspicious", self->is_suspicious);
    whi_tell_int(out, "held", self->is_suspicious ? self->gone : 0);
    whi_tell_flag(out, "complete", self->failed_code == WH_OK && !self->is_cut_short);
    whi_tell_int(out, "pages", self->pages);
    whi_tell_int(out, "objects", self->objects);
    whi_tell_int(out, "skipped", self->skipped);
    for (int i = 0; i < WHI_POLL_CHANGES; i++) {
        whi_tell_int(out, whi_poll_change_names[i], self->counts[i]);
    }
    whi_json_write_name(out, "would_send");
    whi_buf_char(out, '[');
    whi_buf_add(out, self->list.data != NULL ? self->list.data : "", self->list.size);
    whi_buf_char(out, ']');
    whi_tell_flag(out, "more", self->hidden > 0);
    whi_tell_int(out, "duration_ms", (whi_monotonic_us() - began) / 1000);
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

static int find(wh_engine *engine, const char *object_type, const char *id, whi_registration **out) {
    int64_t number;
    int code = whi_registry_sync(engine->registry);

    *out = NULL;
    if (code != WH_OK) {
        return code;
    }
    *out = whi_ident_parse("sub_", id, &number) == WH_OK ? whi_registry_get(engine->registry, number) : NULL;
    if (*out == NULL) {
        return whi_fail_field(WH_ENOTFOUND, "subscription", "no such subscription");
    }
    return (*out)->poll != 0 && strcmp((*out)->subscription->poll_type, object_type) == 0
               ? WH_OK
               : whi_fail_field(WH_ECONFLICT, "subscription", "it does not poll objects of this type");
}

static int run(preview *self) {
    int code = whi_poll_wants(self->asker->subscription, self->wants);

    code = code == WH_OK ? read_row(self) : code;
    if (code == WH_OK) {
        read_pages(self);
        code = self->code;
    }
    code = code == WH_OK ? whi_buf_status(&self->list) : code;
    return code == WH_OK && is_complete(self) ? find_vanished(self) : code;
}

int whi_source_preview(wh_engine *engine, const wh_source *source, const char *object_type, const char *subscription,
                       const atomic_int *stop, whi_buf *out) {
    preview self = {
        .call = { take_answer }, .engine = engine, .source = source, .began = whi_now(engine), .stop = stop
    };
    int64_t began = whi_monotonic_us();
    int code = find(engine, object_type, subscription, &self.asker);

    whi_buf_init(&self.list, TEXT_MOST);
    code = code == WH_OK ? run(&self) : code;
    code = code == WH_OK ? write(&self, began, out) : code;
    whi_buf_free(&self.list);
    whi_free(self.state);
    whi_free(self.page);
    whi_free(self.met);
    whi_registration_unref(self.asker);
    return code;
}
