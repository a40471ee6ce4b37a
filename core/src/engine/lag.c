/* Tests: test_lag, test_engine_fair. */
#include "engine/lag.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

static uint32_t hash_lag(const void *entry) {
    return whi_table_spread((uint64_t)((const whi_lag *)entry)->subscription);
}

static int is_lag(const void *entry, const void *key) {
    return ((const whi_lag *)entry)->subscription == *(const int64_t *)key;
}

static const whi_table_kind lag_kind = { hash_lag, is_lag };

void whi_lags_init(whi_lags *lags) {
    *lags = (whi_lags){ 0 };
    pthread_mutex_init(&lags->lock, NULL);
}

static void drop_events(wh_engine *engine, whi_event **list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        whi_event_unref(engine, list[i]);
    }
}

/* What was held is as undecided as before. */
void whi_lag_free(wh_engine *engine, whi_lag *lag) {
    drop_events(engine, lag->held, lag->held_count);
    drop_events(engine, lag->page, (size_t)lag->page_count);
    whi_free(lag->held);
    whi_free(lag->numbers);
    whi_free(lag);
}

void whi_lags_end(whi_lags *lags, wh_engine *engine) {
    for (uint32_t i = 0; i < lags->all.capacity; i++) {
        if (lags->all.slots[i] != NULL) {
            whi_lag_free(engine, lags->all.slots[i]);
        }
    }
    whi_table_free(&lags->all);
    while (lags->gone != NULL) {
        whi_lag *next = lags->gone->next;
        whi_lag_free(engine, lags->gone);
        lags->gone = next;
    }
    pthread_mutex_destroy(&lags->lock);
}

/* The lock is held, from here to the next line. */
static whi_lag *find(const whi_lags *lags, int64_t subscription) {
    return whi_table_get(&lags->all, &lag_kind, whi_table_spread((uint64_t)subscription), &subscription);
}

static int grow(void **list, size_t count, size_t *capacity, size_t size) {
    size_t wider = *capacity ? *capacity * 2 : 8;
    void *more;

    if (count < *capacity) {
        return WH_OK;
    }
    more = whi_realloc(*list, wider * size);
    if (more == NULL) {
        return whi_fail_memory();
    }
    *list = more;
    *capacity = wider;
    return WH_OK;
}

static int hold(whi_lag *lag, whi_event *event) {
    int code = grow((void **)&lag->held, lag->held_count, &lag->held_capacity, sizeof(whi_event *));

    if (code == WH_OK) {
        whi_event_ref(event);
        atomic_fetch_add(&event->unwritten, 1);
        lag->held[lag->held_count++] = event;
    }
    return code;
}

/* While it has no row, nobody knows yet up to where the workers decide it: all are kept. */
static int keep(whi_lag *lag, whi_event *event) {
    int code;

    if (event->number > lag->until) {
        return 0;
    }
    if (!lag->fresh || (lag->written >= 0 && event->number > lag->from)) {
        return 1;
    }
    code = grow((void **)&lag->numbers, lag->count, &lag->capacity, sizeof(int64_t));
    code = code == WH_OK && lag->written < 0 ? hold(lag, event) : code;
    if (code != WH_OK) {
        return code;
    }
    lag->numbers[lag->count++] = event->number;
    return 1;
}

static int put(whi_lags *lags, whi_lag *lag) {
    int code = whi_table_reserve(&lags->all, &lag_kind);

    if (code == WH_OK) {
        whi_table_put(&lags->all, &lag_kind, lag);
        atomic_fetch_add(&lags->count, 1);
        atomic_store(&lags->news, 1);
    }
    return code;
}

static void take_out(whi_lags *lags, whi_lag *lag) {
    (void)whi_table_take(&lags->all, &lag_kind, hash_lag(lag), &lag->subscription);
    atomic_fetch_sub(&lags->count, 1);
    atomic_store(&lags->news, 1);
    lag->gone = 1;
    lag->next = lags->gone;
    lags->gone = lag;
}

/* ------------------------------------------------------------------------ any thread */

int whi_lags_meet(whi_lags *lags, whi_event *event, int64_t subscription) {
    whi_lag *lag;
    int met = 0;

    if (atomic_load(&lags->count) == 0) {
        return 0;
    }
    pthread_mutex_lock(&lags->lock);
    lag = find(lags, subscription);
    if (lag != NULL) {
        met = keep(lag, event);
    }
    pthread_mutex_unlock(&lags->lock);
    return met;
}

int whi_lag_new(whi_lag **out, int64_t subscription, int64_t position) {
    whi_lag *lag = whi_calloc(1, sizeof *lag);

    *out = lag;
    if (lag == NULL) {
        return whi_fail_memory();
    }
    lag->subscription = subscription;
    lag->written = position;
    lag->from = lag->at = position;
    lag->until = INT64_MAX;
    return WH_OK;
}

int whi_lags_begin(whi_lags *lags, whi_event *event, int64_t subscription, int64_t least_us) {
    whi_lag *lag;
    int code = WH_OK;

    pthread_mutex_lock(&lags->lock);
    lag = find(lags, subscription);
    if (lag == NULL) {
        code = whi_lag_new(&lag, subscription, -1);
        if (code == WH_OK) {
            lag->fresh = 1;
            lag->least_us = least_us > 0 ? whi_monotonic_us() + least_us : 0;
            code = put(lags, lag);
        }
        if (code != WH_OK) {
            whi_free(lag);
        }
    }
    code = code == WH_OK ? keep(lag, event) : code;
    pthread_mutex_unlock(&lags->lock);
    return code;
}

int whi_lags_reserve(whi_lags *lags, uint32_t count) {
    uint32_t capacity = 64;
    int code = WH_OK;

    pthread_mutex_lock(&lags->lock);
    while (capacity / 4 * 3 < lags->all.count + count + WHI_WORKERS && capacity <= UINT32_MAX / 2) {
        capacity *= 2;
    }
    if (capacity > lags->all.capacity) {
        code = whi_table_resize(&lags->all, &lag_kind, capacity);
    }
    pthread_mutex_unlock(&lags->lock);
    return code;
}

void whi_lags_load(whi_lags *lags, wh_engine *engine, whi_lag *lag) {
    whi_lag *former;
    int code;

    pthread_mutex_lock(&lags->lock);
    former = find(lags, lag->subscription);
    if (former != NULL) {
        take_out(lags, former);
    }
    code = put(lags, lag);
    pthread_mutex_unlock(&lags->lock);
    if (code != WH_OK) {
        whi_lag_free(engine, lag);
    }
}

void whi_lags_drop(whi_lags *lags, const whi_position *position, int all) {
    if (atomic_load(&lags->count) == 0) {
        return;
    }
    pthread_mutex_lock(&lags->lock);
    for (uint32_t i = 0; i < lags->all.capacity; i++) {
        whi_lag *lag = lags->all.slots[i];
        if (lag != NULL && (all || !whi_position_is_ours(position, lag->subscription))) {
            take_out(lags, lag);
            i--; /* the table has closed the gap: another one may stand here now */
        }
    }
    pthread_mutex_unlock(&lags->lock);
}

/* ------------------------------------------------------------------- the first worker */

void whi_lags_each(whi_lags *lags, void (*each)(whi_lag *lag, void *payload), void *payload) {
    pthread_mutex_lock(&lags->lock);
    for (uint32_t i = 0; i < lags->all.capacity; i++) {
        if (lags->all.slots[i] != NULL) {
            each(lags->all.slots[i], payload);
        }
    }
    pthread_mutex_unlock(&lags->lock);
}

whi_lag *whi_lags_take_gone(whi_lags *lags) {
    whi_lag *gone;

    pthread_mutex_lock(&lags->lock);
    gone = lags->gone;
    lags->gone = NULL;
    pthread_mutex_unlock(&lags->lock);
    return gone;
}

size_t whi_lags_written(whi_lags *lags, whi_lag *lag, int64_t position, int64_t from, whi_event ***held) {
    size_t count, kept = 0;

    pthread_mutex_lock(&lags->lock);
    lag->written = position;
    lag->from = lag->at = from;
    for (size_t i = 0; i < lag->count; i++) {
        if (lag->numbers[i] <= from) { /* the others are read in the log */
            lag->numbers[kept++] = lag->numbers[i];
        }
    }
    lag->count = kept;
    *held = lag->held;
    count = lag->held_count;
    lag->held = NULL;
    lag->held_count = lag->held_capacity = 0;
    pthread_mutex_unlock(&lags->lock);
    return count;
}

static int compare(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

size_t whi_lags_numbers(whi_lags *lags, const whi_lag *lag, int64_t *out, size_t most) {
    size_t count;

    pthread_mutex_lock(&lags->lock);
    if (out != NULL && lag->count > 1) {
        qsort(lag->numbers, lag->count, sizeof *lag->numbers, compare);
    }
    count = lag->count < most ? lag->count : most;
    if (out != NULL && count > 0) {
        memcpy(out, lag->numbers, count * sizeof *out);
    }
    pthread_mutex_unlock(&lags->lock);
    return count;
}

void whi_lags_forget(whi_lags *lags, whi_lag *lag, const int64_t *numbers, size_t count) {
    size_t kept = 0;

    pthread_mutex_lock(&lags->lock);
    for (size_t i = 0; i < lag->count; i++) {
        if (bsearch(&lag->numbers[i], numbers, count, sizeof *numbers, compare) == NULL) {
            lag->numbers[kept++] = lag->numbers[i];
        }
    }
    lag->count = kept;
    pthread_mutex_unlock(&lags->lock);
}

/* Under the position's lock nothing more is handed over. What is read again has been handed over before, and is
 * decided for none that was there. */
int whi_lags_stop(whi_lags *lags, whi_position *position, whi_lag *lag) {
    int stops;

    pthread_mutex_lock(&position->lock);
    pthread_mutex_lock(&lags->lock);
    stops = !lag->gone && lag->count == 0 && lag->at >= position->read && lag->at >= position->high;
    if (stops) {
        lag->until = lag->at;
    }
    pthread_mutex_unlock(&lags->lock);
    pthread_mutex_unlock(&position->lock);
    return stops;
}

void whi_lags_remove(whi_lags *lags, whi_lag *lag) {
    pthread_mutex_lock(&lags->lock);
    if (!lag->gone) {
        take_out(lags, lag);
    }
    pthread_mutex_unlock(&lags->lock);
}
