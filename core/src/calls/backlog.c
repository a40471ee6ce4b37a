/* Tests: test_backlog. */
#include "calls/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/registry.h"
#include "pure/json.h"

typedef struct backlog {
    const char *url;         /* of one of the registrations, without its password */
    int64_t waiting, oldest; /* the smallest number of an event among them */
} backlog;

typedef struct backlogs {
    wh_engine *engine;
    whi_registration *found[WHI_BACKLOG_LOOKED];
    size_t found_count, count;
    backlog list[WHI_BACKLOG_TOLD];
} backlogs;

/* The registry is locked, and waits for nobody: the store is asked behind. */
static int take(whi_registration *registration, void *payload) {
    backlogs *self = payload;

    if (whi_subscription_is_waited_for(registration->subscription) && self->found_count < WHI_BACKLOG_LOOKED) {
        atomic_fetch_add(&registration->refs, 1);
        self->found[self->found_count++] = registration;
    }
    return WH_OK;
}

static backlog *of_url(backlogs *self, const char *url) {
    size_t i = 0;

    while (i < self->count && strcmp(self->list[i].url, url) != 0) {
        i++;
    }
    if (i == self->count && i < WHI_BACKLOG_TOLD) {
        self->list[self->count++] = (backlog){ .url = url };
    }
    return i < WHI_BACKLOG_TOLD ? &self->list[i] : NULL;
}

static int count_one(backlogs *self, const whi_subscription *s) {
    whi_store *store = self->engine->store;
    int64_t count, oldest;
    int code = store->vtable->waiting_count(store, s->id, WHI_BACKLOG_MOST, &count, &oldest);
    backlog *one = code == WH_OK && count > 0 ? of_url(self, s->url) : NULL;

    if (one != NULL) {
        one->waiting += count;
        one->oldest = one->oldest == 0 || oldest < one->oldest ? oldest : one->oldest;
    }
    return code;
}

static int by_oldest(const void *a, const void *b) {
    const backlog *one = a, *two = b;

    return (one->oldest > two->oldest) - (one->oldest < two->oldest);
}

static int read_all(wh_engine *engine, backlogs **out) {
    backlogs *self = *out = whi_calloc(1, sizeof *self);
    int code;

    if (self == NULL) {
        return whi_fail_memory();
    }
    self->engine = engine;
    code = whi_registry_walk(engine->registry, take, self);
    for (size_t i = 0; i < self->found_count && code == WH_OK; i++) {
        code = count_one(self, self->found[i]->subscription);
    }
    qsort(self->list, self->count, sizeof self->list[0], by_oldest);
    return code;
}

static void drop(backlogs *self) {
    for (size_t i = 0; self != NULL && i < self->found_count; i++) {
        whi_registration_unref(self->found[i]);
    }
    whi_free(self);
}

static int64_t lag_of(const backlogs *self, const backlog *one) {
    int64_t ms = whi_now(self->engine) - whi_ident_time(one->oldest);

    return ms > 0 ? ms / 1000 : 0;
}

int whi_backlogs_tell(wh_engine *engine, whi_buf *out) {
    backlogs *self;
    int code = read_all(engine, &self);
    char time[WHI_TIME_SIZE];

    whi_json_write_name(out, "backlogs");
    whi_buf_char(out, '[');
    for (size_t i = 0; code == WH_OK && i < self->count; i++) {
        const backlog *one = &self->list[i];
        whi_buf_text(out, i > 0 ? ",{" : "{");
        whi_json_write_name(out, "url");
        whi_json_write_string(out, one->url, strlen(one->url));
        whi_json_write_name(out, "waiting");
        whi_buf_int(out, one->waiting);
        whi_time_text(whi_ident_time(one->oldest), time);
        whi_json_write_name(out, "oldest_waiting_at");
        whi_json_write_string(out, time, strlen(time));
        whi_json_write_name(out, "lag_seconds");
        whi_buf_int(out, lag_of(self, one));
        whi_buf_char(out, '}');
    }
    whi_buf_char(out, ']');
    drop(self);
    return code;
}

static void measure(const backlogs *self, const char *name, const char *help, int is_lag, whi_buf *out) {
    whi_buf_format(out, "# HELP webhook_backlog_%s %s\n# TYPE webhook_backlog_%s gauge\n", name, help, name);
    for (size_t i = 0; i < self->count; i++) {
        const backlog *one = &self->list[i];
        whi_buf_format(out, "webhook_backlog_%s{url=", name);
        whi_json_write_string(out, one->url, strlen(one->url));
        whi_buf_format(out, "} %lld\n", (long long)(is_lag ? lag_of(self, one) : one->waiting));
    }
}

int whi_backlogs_measure(wh_engine *engine, whi_buf *out) {
    backlogs *self;
    int code = read_all(engine, &self);

    if (code == WH_OK && self->count > 0) {
        measure(self, "deliveries", "Deliveries that wait for a database or a queue.", 0, out);
        measure(self, "lag_seconds", "Since the oldest of them was accepted.", 1, out);
    }
    drop(self);
    return code;
}
