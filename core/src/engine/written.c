/* Tests: test_database. */
#include "engine/written.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pure/json.h"

#define TOLD 100
#define RATES_US INT64_C(10000000)

static uint32_t hash_written(const void *entry) {
    return ((const whi_written *)entry)->hash;
}

static int is_written(const void *entry, const void *key) {
    return strcmp(((const whi_written *)entry)->url, key) == 0;
}

static const whi_table_kind written_kind = { hash_written, is_written };

void whi_writings_init(whi_writings *writings) {
    *writings = (whi_writings){ .first = NULL };
    writings->end = &writings->first;
    pthread_mutex_init(&writings->lock, NULL);
}

static void free_one(whi_written *written) {
    whi_free(written->url);
    whi_free(written);
}

void whi_writings_end(whi_writings *writings) {
    while (writings->first != NULL) {
        whi_written *next = writings->first->next;
        free_one(writings->first);
        writings->first = next;
    }
    whi_table_free(&writings->all);
    pthread_mutex_destroy(&writings->lock);
}

static whi_written *make(const char *url) {
    whi_written *made = whi_calloc(1, sizeof *made);

    if (made == NULL) {
        return NULL;
    }
    made->url = whi_strdup(url, WH_ZSTR);
    made->former_us = made->latest_us = whi_monotonic_us();
    if (made->url == NULL) {
        whi_free(made);
        return NULL;
    }
    return made;
}

/* The lock is held. */
static whi_written *add(whi_writings *writings, const char *url, uint32_t hash) {
    whi_written *made = whi_table_reserve(&writings->all, &written_kind) == WH_OK ? make(url) : NULL;

    if (made == NULL) {
        return NULL;
    }
    made->hash = hash;
    made->link = writings->end;
    *writings->end = made;
    writings->end = &made->next;
    whi_table_put(&writings->all, &written_kind, made);
    return made;
}

/* The lock is held. */
static void take_out(whi_writings *writings, whi_written *written) {
    whi_table_take(&writings->all, &written_kind, written->hash, written->url);
    *written->link = written->next;
    if (written->next != NULL) {
        written->next->link = written->link;
    } else {
        writings->end = written->link;
    }
    free_one(written);
}

whi_written *whi_written_join(wh_engine *engine, const char *url) {
    whi_writings *writings = engine->writings;
    uint32_t hash = whi_table_spread(whi_hash(WHI_HASH_BEGIN, url, strlen(url)));
    whi_written *found;

    pthread_mutex_lock(&writings->lock);
    found = whi_table_get(&writings->all, &written_kind, hash, url);
    found = found != NULL ? found : add(writings, url, hash);
    if (found != NULL) {
        found->refs++;
    }
    pthread_mutex_unlock(&writings->lock);
    return found;
}

void whi_written_leave(wh_engine *engine, whi_written *written) {
    if (written == NULL) {
        return;
    }
    pthread_mutex_lock(&engine->writings->lock);
    if (--written->refs == 0) {
        take_out(engine->writings, written);
    }
    pthread_mutex_unlock(&engine->writings->lock);
}

static double rate_of(whi_written *self, long long rows) {
    int64_t now_us = whi_monotonic_us();

    if (now_us - self->latest_us >= RATES_US) {
        self->former = self->latest;
        self->former_us = self->latest_us;
        self->latest = rows;
        self->latest_us = now_us;
    }
    return now_us > self->former_us ? (double)(rows - self->former) * 1e6 / (double)(now_us - self->former_us) : 0;
}

/* What is told of each, in statistics and in metrics. */
static const struct {
    const char *name, *metric, *type, *help;
} figures[] = {
    { "rows", "rows_total", "counter", "Rows written, or found to be newer." },
    { "set_aside", "set_aside_total", "counter", "Objects that could not be written." },
    { "batches", "batches_total", "counter", "Batches written." },
    { "connections", "connections", "gauge", "Pools, each with one connection at most." },
    { "busy", "busy", "gauge", "Batches under way." },
    { "lag_ms", "lag_milliseconds", "gauge", "From acceptance to the row, of the oldest in the last batch." },
};

#define FIGURES (sizeof figures / sizeof figures[0])

static void read_figures(whi_written *self, long long out[FIGURES]) {
    out[0] = atomic_load(&self->rows);
    out[1] = atomic_load(&self->set_aside);
    out[2] = atomic_load(&self->batches);
    out[3] = self->refs;
    out[4] = atomic_load(&self->busy);
    out[5] = atomic_load(&self->lag_ms);
}

static void tell_one(whi_written *self, whi_buf *out) {
    long long found[FIGURES];

    read_figures(self, found);
    whi_buf_char(out, '{');
    whi_json_write_name(out, "url");
    whi_json_write_string(out, self->url, strlen(self->url));
    for (size_t i = 0; i < FIGURES; i++) {
        whi_json_write_name(out, figures[i].name);
        whi_buf_int(out, found[i]);
    }
    whi_json_write_name(out, "rows_per_second");
    whi_json_write_double(out, rate_of(self, found[0]));
    whi_buf_char(out, '}');
}

/* A URL has no sign that JSON writes otherwise than Prometheus does. */
static void measure_one(const wh_engine *engine, size_t figure, whi_buf *out) {
    const char *name = figures[figure].metric;
    long long found[FIGURES];
    int count = 0;

    whi_buf_format(out, "# HELP webhook_database_%s %s\n# TYPE webhook_database_%s %s\n", name, figures[figure].help,
                   name, figures[figure].type);
    for (whi_written *one = engine->writings->first; one != NULL && count < TOLD; one = one->next, count++) {
        read_figures(one, found);
        whi_buf_format(out, "webhook_database_%s{url=", name);
        whi_json_write_string(out, one->url, strlen(one->url));
        whi_buf_format(out, "} %lld\n", found[figure]);
    }
}

void whi_written_measure(wh_engine *engine, whi_buf *out) {
    pthread_mutex_lock(&engine->writings->lock);
    for (size_t i = 0; engine->writings->first != NULL && i < FIGURES; i++) {
        measure_one(engine, i, out);
    }
    pthread_mutex_unlock(&engine->writings->lock);
}

void whi_written_tell(wh_engine *engine, whi_buf *out) {
    int count = 0;

    whi_json_write_name(out, "databases");
    whi_buf_char(out, '[');
    pthread_mutex_lock(&engine->writings->lock);
    for (whi_written *one = engine->writings->first; one != NULL && count < TOLD; one = one->next) {
        whi_buf_text(out, count++ > 0 ? "," : "");
        tell_one(one, out);
    }
    pthread_mutex_unlock(&engine->writings->lock);
    whi_buf_char(out, ']');
}
