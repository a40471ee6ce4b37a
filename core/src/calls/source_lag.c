/* Tests: test_source_lag. */
#include "calls/source_lag.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "calls/sources.h"
#include "engine/registry.h"
#include "pure/json.h"

typedef struct source {
    const whi_subscription *example; /* whose tenant, object type and connection it is */
    size_t first, count;             /* its subscriptions, among those that were found */
    int64_t lag, failures, held, pages, checked_at;
    int healthy, refused, suspicious;
} source;

typedef struct sources {
    wh_engine *engine;
    int64_t now;
    whi_registration *found[WHI_SOURCES_LOOKED];
    source list[WHI_SOURCES_LOOKED];
    size_t found_count, count, told;
} sources;

/* --------------------------------------------------------------------- finding them */

/* The registry is locked, and waits for nobody: the store is asked behind. */
static int take(whi_registration *registration, void *payload) {
    sources *self = payload;

    if (whi_subscription_is_enabled(registration->subscription) && self->found_count < WHI_SOURCES_LOOKED) {
        atomic_fetch_add(&registration->refs, 1);
        self->found[self->found_count++] = registration;
    }
    return WH_OK;
}

static const char *connection_of(const whi_subscription *s) {
    return s->source != NULL ? s->source : "";
}

static int compare_sources(const whi_subscription *a, const whi_subscription *b) {
    int order = strcmp(a->tenant, b->tenant);

    order = order != 0 ? order : strcmp(a->poll_type, b->poll_type);
    return order != 0 ? order : strcmp(connection_of(a), connection_of(b));
}

static int compare_numbers(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* Those of a source together, and of these those of a poll, the oldest first, behind those that have a history. */
static int by_source(const void *a, const void *b) {
    const whi_registration *one = *(whi_registration *const *)a, *two = *(whi_registration *const *)b;
    int order = compare_sources(one->subscription, two->subscription);

    order = order != 0 ? order : two->subscription->poll_history - one->subscription->poll_history;
    order = order != 0 ? order : compare_numbers(one->poll, two->poll);
    return order != 0 ? order : compare_numbers(one->subscription->id, two->subscription->id);
}

/* ------------------------------------------------------------------------ how they do */

/* What has never been read is late since the oldest of its subscriptions was made. */
static int64_t lag_of(const sources *self, const whi_subscription *oldest, int64_t checked_at, int64_t interval) {
    int64_t since = checked_at != 0 ? checked_at : oldest->created_at;
    int64_t late = self->now - since - interval;

    return late > 0 ? late / 1000 : 0;
}

/* A history is read once, as fast as its receiver takes it: it is late only where it fails. */
static int is_in_time(const whi_subscription *s, const whi_poll_standing *standing) {
    return s->poll_history && (standing->checked_at != 0 || standing->failures == 0);
}

static void add_standing(source *one, const whi_poll_standing *standing, int64_t lag) {
    one->lag = lag > one->lag ? lag : one->lag;
    one->failures = standing->failures > one->failures ? standing->failures : one->failures;
    one->held += standing->held;
    one->healthy = one->healthy && standing->healthy;
    one->refused |= standing->refused;
    one->suspicious |= standing->suspicious;
    if (standing->checked_at != 0 && (one->checked_at == 0 || standing->checked_at < one->checked_at)) {
        one->checked_at = standing->checked_at;
    }
}

/* Those from `first` on that have one reading, at the interval of the most eager: how many, and that. */
static size_t readers_from(const sources *self, size_t first, int64_t *interval) {
    const whi_registration *one = self->found[first];
    size_t end = first + 1;

    *interval = one->subscription->poll_interval;
    while (!one->subscription->poll_history && end < self->found_count && self->found[end]->poll == one->poll &&
           !self->found[end]->subscription->poll_history) {
        int64_t own = self->found[end++]->subscription->poll_interval;
        *interval = own < *interval ? own : *interval;
    }
    return end - first;
}

static int read_reading(sources *self, source *one, size_t first, size_t *count) {
    const whi_subscription *s = self->found[first]->subscription;
    whi_poll_standing standing = { 0 };
    int64_t interval;
    int code;

    whi_buf_init(&standing.runs, SIZE_MAX / 4);
    *count = readers_from(self, first, &interval);
    code = whi_poll_standing_read(self->engine, s, &standing);
    if (code == WH_OK) {
        add_standing(one, &standing, is_in_time(s, &standing) ? 0 : lag_of(self, s, standing.checked_at, interval));
    }
    whi_buf_free(&standing.runs);
    return code;
}

static int read_source(sources *self, size_t first, source *out) {
    const whi_subscription *s = self->found[first]->subscription;
    size_t count;
    int code = WH_OK;

    *out = (source){ .example = s, .first = first, .healthy = 1 };
    for (size_t i = first; i < self->found_count && code == WH_OK; i += count) {
        if (compare_sources(s, self->found[i]->subscription) != 0) {
            break;
        }
        code = read_reading(self, out, i, &count);
        out->count += count;
    }
    return code;
}

static int by_trouble(const void *a, const void *b) {
    const source *one = a, *two = b;
    int order = one->healthy - two->healthy;

    order = order != 0 ? order : compare_numbers(two->lag, one->lag);
    order = order != 0 ? order : compare_numbers(two->failures, one->failures);
    return order != 0 ? order : compare_numbers((int64_t)one->first, (int64_t)two->first);
}

/* What a reading has found waits as a delivery, a page each. */
static int count_pages(sources *self) {
    whi_store *store = self->engine->store;
    size_t counted = 0;
    int code = WH_OK;

    for (size_t i = 0; i < self->told && code == WH_OK; i++) {
        source *one = &self->list[i];
        for (size_t k = 0; k < one->count && counted < WHI_SOURCES_COUNTED && code == WH_OK; k++, counted++) {
            int64_t id = self->found[one->first + k]->subscription->id, pages = 0, oldest;
            code = store->vtable->waiting_count(store, id, WHI_SOURCES_MOST, &pages, &oldest);
            one->pages += pages;
        }
    }
    return code;
}

static int read_all(wh_engine *engine, sources **out) {
    sources *self = *out = whi_calloc(1, sizeof *self);
    int code;

    if (self == NULL) {
        return whi_fail_memory();
    }
    self->engine = engine;
    self->now = whi_now(engine);
    code = whi_registry_polls(engine->registry, take, self);
    qsort(self->found, self->found_count, sizeof(whi_registration *), by_source);
    for (size_t i = 0; i < self->found_count && code == WH_OK; i += self->list[self->count++].count) {
        code = read_source(self, i, &self->list[self->count]);
    }
    qsort(self->list, self->count, sizeof self->list[0], by_trouble);
    self->told = self->count < WHI_SOURCES_TOLD ? self->count : WHI_SOURCES_TOLD;
    return code == WH_OK ? count_pages(self) : code;
}

static void drop(sources *self) {
    for (size_t i = 0; self != NULL && i < self->found_count; i++) {
        whi_registration_unref(self->found[i]);
    }
    whi_free(self);
}

/* ---------------------------------------------------------------------------- telling */

/* What is told of each, in statistics and in metrics. */
static const struct {
    const char *name, *metric, *help;
} figures[] = {
    { "lag_seconds", "lag_seconds", "How late its objects are read, after its interval." },
    { "failures", "failures", "Readings that failed, in a row." },
    { "pages_waiting", "pages_waiting", "What was read of it and waits for its receivers." },
    { "objects_held", "objects_held", "Objects that vanished at once and wait to be believed." },
    { "subscriptions", "subscriptions", "Subscriptions that it is read for." },
};

#define FIGURES (sizeof figures / sizeof figures[0])

static void read_figures(const source *one, int64_t out[FIGURES]) {
    out[0] = one->lag;
    out[1] = one->failures;
    out[2] = one->pages;
    out[3] = one->held;
    out[4] = (int64_t)one->count;
}

static void tell_text(whi_buf *out, const char *name, const char *text) {
    whi_json_write_name(out, name);
    whi_json_write_string(out, text, strlen(text));
}

static void tell_flag(whi_buf *out, const char *name, int is) {
    whi_json_write_name(out, name);
    whi_buf_text(out, is ? "true" : "false");
}

static void tell_one(const source *one, whi_buf *out) {
    int64_t found[FIGURES];
    char time[WHI_TIME_SIZE];

    read_figures(one, found);
    tell_text(out, "tenant", one->example->tenant);
    tell_text(out, "object_type", one->example->poll_type);
    tell_text(out, "connection", connection_of(one->example));
    tell_flag(out, "healthy", one->healthy);
    tell_flag(out, "suspicious", one->suspicious);
    tell_flag(out, "refused", one->refused);
    for (size_t i = 0; i < FIGURES; i++) {
        whi_json_write_name(out, figures[i].name);
        whi_buf_int(out, found[i]);
    }
    if (one->checked_at != 0) {
        whi_time_text(one->checked_at, time);
        tell_text(out, "checked_at", time);
    } else {
        whi_json_write_name(out, "checked_at");
        whi_buf_text(out, "null");
    }
}

int whi_source_lags_tell(wh_engine *engine, whi_buf *out) {
    sources *self;
    int code = read_all(engine, &self);

    whi_json_write_name(out, "sources");
    whi_buf_char(out, '[');
    for (size_t i = 0; code == WH_OK && i < self->told; i++) {
        whi_buf_text(out, i > 0 ? ",{" : "{");
        tell_one(&self->list[i], out);
        whi_buf_char(out, '}');
    }
    whi_buf_char(out, ']');
    drop(self);
    return code;
}

/* None of the three has a sign that Prometheus writes otherwise. */
static void measure_one(const source *one, const char *metric, int64_t value, whi_buf *out) {
    const whi_subscription *s = one->example;

    whi_buf_format(out, "webhook_source_%s{tenant=\"%s\",object_type=\"%s\",connection=\"%s\"} %lld\n", metric,
                   s->tenant, s->poll_type, connection_of(s), (long long)value);
}

static void begin_metric(const char *metric, const char *help, whi_buf *out) {
    whi_buf_format(out, "# HELP webhook_source_%s %s\n# TYPE webhook_source_%s gauge\n", metric, help, metric);
}

static void measure(const sources *self, whi_buf *out) {
    for (size_t k = 0; k < FIGURES; k++) {
        begin_metric(figures[k].metric, figures[k].help, out);
        for (size_t i = 0; i < self->told; i++) {
            int64_t found[FIGURES];
            read_figures(&self->list[i], found);
            measure_one(&self->list[i], figures[k].metric, found[k], out);
        }
    }
    begin_metric("suspicious", "1: so much vanished at once that it is not believed.", out);
    for (size_t i = 0; i < self->told; i++) {
        measure_one(&self->list[i], "suspicious", self->list[i].suspicious, out);
    }
}

int whi_source_lags_measure(wh_engine *engine, whi_buf *out) {
    sources *self;
    int code = read_all(engine, &self);

    if (code == WH_OK && self->told > 0) {
        measure(self, out);
    }
    drop(self);
    return code;
}
