/* What a page says, and to whom it is told. Tests: test_engine_poll. */
#include "work/poll_running.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/poll.h"

/* ------------------------------------------------------------------------ a page */

static int remembered(whi_poll_running *self, const whi_poll_target *target, const whi_poll_page *page,
                      const whi_poll_object *object, whi_poll_memory *out) {
    whi_store *store = self->engine->store;
    wh_backend_seen seen = { .seen = target->row.seen };
    int code;

    seen.id = whi_poll_page_id(page, object);
    seen.id_size = object->id_size;
    code = store->vtable->seen_get(store, &seen, &out->known);
    out->content = seen.content;
    out->scan = seen.scan;
    return code;
}

/* Of a history all that is there is told, once. */
static enum whi_poll_verdict judge(const whi_poll_target *target, const whi_poll_memory *memory,
                                   const whi_poll_object *object) {
    whi_poll_sight sight = { object->deleted, object->wanted, object->large, object->content };
    enum whi_poll_verdict verdict = whi_poll_judge(memory, &sight, target->first && !target->is_history,
                                                   target->row.full == WHI_POLL_MARKS ? target->row.scan : 0);

    return target->is_history && verdict == WHI_POLL_DELETED ? WHI_POLL_FORGET : verdict;
}

static int change_of(const whi_poll_target *target, enum whi_poll_verdict verdict) {
    if (target->is_history) {
        return target->wants[WHI_POLL_IS_CREATED] || !target->wants[WHI_POLL_IS_UPDATED] ? WHI_POLL_IS_CREATED
                                                                                         : WHI_POLL_IS_UPDATED;
    }
    return verdict == WHI_POLL_CREATED   ? WHI_POLL_IS_CREATED
           : verdict == WHI_POLL_UPDATED ? WHI_POLL_IS_UPDATED
                                         : WHI_POLL_IS_DELETED;
}

typedef struct verdict {
    enum whi_poll_verdict what;
    int64_t content; /* to be remembered */
} verdict;

static void tell(whi_poll_running *self, whi_poll_target *target, int change, const char *text, size_t size) {
    whi_poll_commit_tell(&self->commit, target, change, target->is_history ? WHI_POLL_PART : WHI_POLL_CHANGE, text,
                         size);
}

/* That it is deleted can be told also of what is too large: by its id. */
static int tell_deleted(whi_poll_running *self, whi_poll_target *target, const whi_poll_page *page,
                        const whi_poll_object *object) {
    whi_buf text;
    int code;

    whi_buf_init(&text, 4 * WHI_POLL_ID_SIZE + 64);
    whi_buf_text(&text, "{\"id\":");
    whi_poll_id_write(whi_poll_page_id(page, object), object->id_size, &text);
    whi_buf_text(&text, ",\"deleted\":true}");
    code = whi_buf_status(&text);
    if (code == WH_OK) {
        tell(self, target, WHI_POLL_IS_DELETED, text.data, text.size);
    }
    whi_buf_free(&text);
    return code;
}

/* What nobody wants is remembered all the same. */
static int act(whi_poll_running *self, whi_poll_target *target, const whi_poll_page *page,
               const whi_poll_object *object, const verdict *found) {
    int forgets = found->what == WHI_POLL_FORGET || found->what == WHI_POLL_DELETED, code = WH_OK;
    int change = change_of(target, found->what);
    size_t size;
    const char *text = whi_json_span(&page->json, object->node, &size);

    if (found->what >= WHI_POLL_CREATED && target->wants[change]) {
        if (object->large) {
            code = tell_deleted(self, target, page, object);
        } else {
            tell(self, target, change, text, size);
        }
    }
    whi_poll_commit_note(&self->commit, target, whi_poll_page_id(page, object), object->id_size, found->content,
                         forgets ? -1 : target->row.scan);
    return code;
}

static void note_same(whi_poll_running *self, const whi_poll_target *target, const whi_poll_page *page,
                      const whi_poll_object *object, enum whi_poll_verdict what) {
    if (target == &self->own) {
        whi_poll_same_object(self->job->same, whi_poll_page_id(page, object), object->id_size, (int)what,
                             object->wanted && !object->deleted);
    }
}

/* Objects of a kind come together, so that a page makes at most three events of its size. */
static int take_target(whi_poll_running *self, whi_poll_target *target, const whi_poll_page *page, verdict *verdicts) {
    int code = WH_OK;

    for (size_t i = 0; i < page->count && code == WH_OK; i++) {
        whi_poll_memory memory = { 0 };
        verdicts[i] = (verdict){ WHI_POLL_SAME, page->list[i].content };
        if (!page->list[i].former) {
            code = remembered(self, target, page, &page->list[i], &memory);
            verdicts[i].what = judge(target, &memory, &page->list[i]);
            if (verdicts[i].what == WHI_POLL_MARK) {
                verdicts[i].content = memory.content;
            }
            note_same(self, target, page, &page->list[i], verdicts[i].what);
        }
    }
    for (int what = WHI_POLL_MARK; what <= WHI_POLL_DELETED; what++) {
        for (size_t i = 0; i < page->count && code == WH_OK; i++) {
            if ((int)verdicts[i].what == what) {
                code = act(self, target, page, &page->list[i], &verdicts[i]);
            }
        }
    }
    return code;
}

static int is_new(const verdict *verdicts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (verdicts[i].what != WHI_POLL_SAME) {
            return 1;
        }
    }
    return 0;
}

/* Each row has a key of its own. */
int whi_poll_items(whi_poll_running *self, const whi_poll_target *target, const whi_poll_answer *answer,
                   whi_poll_page *page) {
    whi_poll_reader reader = { target->salt, self->job->source->own.without, self->filter,
                               (size_t)self->limits.payload_bytes - 2, (int)self->limits.json_depth - 1 };
    int code = whi_poll_page_read(page, &reader, answer->items != NULL ? answer->items : "[]",
                                  answer->items != NULL ? answer->items_size : 2);

    return code;
}

static int take_one(whi_poll_running *self, whi_poll_target *target, const whi_poll_page *page, int *news) {
    verdict *verdicts = whi_alloc((page->count + 1) * sizeof *verdicts);
    int code = verdicts != NULL ? take_target(self, target, page, verdicts) : whi_fail_memory();

    *news |= code == WH_OK && is_new(verdicts, page->count);
    whi_free(verdicts);
    return code;
}

/* The own one's page was read already. */
int whi_poll_take(whi_poll_running *self, const whi_poll_answer *answer, const whi_poll_page *page) {
    int news = 0, code = take_one(self, &self->own, page, &news);

    for (size_t i = 1; i < self->count && code == WH_OK; i++) {
        whi_poll_page again = { 0 };
        code = whi_poll_items(self, self->targets[i], answer, &again);
        code = code == WH_OK ? take_one(self, self->targets[i], &again, &news) : code;
        whi_poll_page_free(&again);
    }
    news |= self->compares && whi_poll_same_expects_more(self->job->same);
    self->barren = news ? 0 : self->barren + 1;
    return code;
}

void whi_poll_count_page(whi_poll_running *self, const whi_poll_page *page) {
    wh_backend_poll *row = &self->own.row;

    row->pages++;
    row->objects += (int64_t)(page->count - page->large);
    row->large += (int64_t)page->large;
    row->skipped += (int64_t)page->skipped;
    row->tries = 0;
    for (size_t i = 0; i < page->count; i++) {
        row->newest = page->list[i].updated_at > row->newest ? page->list[i].updated_at : row->newest;
    }
}

/* The last of what a history tells says that it is the last, if it tells nothing else. */
void whi_poll_tell_last(whi_poll_running *self) {
    whi_poll_commit *commit = &self->commit;

    if (commit->event_count > 0) {
        commit->events[commit->event_count - 1].kind = WHI_POLL_LAST;
    } else {
        int change = self->own.wants[WHI_POLL_IS_CREATED]   ? WHI_POLL_IS_CREATED
                     : self->own.wants[WHI_POLL_IS_UPDATED] ? WHI_POLL_IS_UPDATED
                                                            : WHI_POLL_IS_DELETED;
        whi_poll_commit_tell_none(commit, &self->own, change, WHI_POLL_LAST);
    }
}
