/* Tests: test_underway. */
#include "engine/underway.h"

#include <string.h>

#include "base/error.h"

typedef struct row_key {
    int64_t event, subscription;
} row_key;

typedef struct order_key {
    int64_t subscription;
    const char *text;
} order_key;

static uint32_t hash_of_row(int64_t event, int64_t subscription) {
    return whi_table_spread((uint64_t)event * 31 + (uint64_t)subscription);
}

static uint32_t hash_row(const void *entry) {
    const whi_way *way = entry;

    return hash_of_row(way->event, way->subscription);
}

static int is_row(const void *entry, const void *key) {
    const whi_way *way = entry;
    const row_key *one = key;

    return way->event == one->event && way->subscription == one->subscription;
}

static const whi_table_kind row_kind = { hash_row, is_row };

static uint32_t hash_of_key(int64_t subscription, const char *text) {
    return whi_table_spread_text((uint64_t)subscription, text);
}

static uint32_t hash_key(const void *entry) {
    const whi_way *way = entry;

    return hash_of_key(way->subscription, way->key);
}

static int is_key(const void *entry, const void *key) {
    const whi_way *way = entry;
    const order_key *one = key;

    return way->subscription == one->subscription && strcmp(way->key, one->text) == 0;
}

static const whi_table_kind key_kind = { hash_key, is_key };

void whi_underway_init(whi_underway *underway) {
    *underway = (whi_underway){ 0 };
    pthread_mutex_init(&underway->lock, NULL);
}

void whi_underway_end(whi_underway *underway) {
    whi_table_free(&underway->rows);
    whi_table_free(&underway->keys);
    pthread_mutex_destroy(&underway->lock);
}

int whi_underway_add(whi_underway *underway, whi_way *way) {
    int code;

    pthread_mutex_lock(&underway->lock);
    code = whi_table_reserve(&underway->rows, &row_kind);
    if (code == WH_OK) {
        whi_table_put(&underway->rows, &row_kind, way);
        way->fetched = 1;
    }
    pthread_mutex_unlock(&underway->lock);
    return code;
}

int whi_underway_has(whi_underway *underway, int64_t event, int64_t subscription) {
    row_key key = { event, subscription };
    int has;

    pthread_mutex_lock(&underway->lock);
    has = whi_table_get(&underway->rows, &row_kind, hash_of_row(event, subscription), &key) != NULL;
    pthread_mutex_unlock(&underway->lock);
    return has;
}

/* The lock is held. */
static const whi_way *first_begun(const whi_underway *underway, int64_t subscription, const char *text) {
    order_key key = { subscription, text };

    return whi_table_get(&underway->keys, &key_kind, hash_of_key(subscription, text), &key);
}

int whi_underway_begin(whi_underway *underway, whi_way *way, const char *key) {
    int begins;

    pthread_mutex_lock(&underway->lock);
    begins = first_begun(underway, way->subscription, key) == NULL;
    if (begins && whi_table_reserve(&underway->keys, &key_kind) != WH_OK) {
        begins = WH_ENOMEM;
    }
    if (begins == 1) {
        way->key = key;
        way->begun = 1;
        whi_table_put(&underway->keys, &key_kind, way);
    }
    pthread_mutex_unlock(&underway->lock);
    return begins;
}

void whi_underway_told(whi_underway *underway, whi_way *way) {
    pthread_mutex_lock(&underway->lock);
    way->told = 1;
    pthread_mutex_unlock(&underway->lock);
}

int64_t whi_underway_of(whi_underway *underway, int64_t subscription, const char *key) {
    const whi_way *way;
    int64_t event;

    pthread_mutex_lock(&underway->lock);
    way = first_begun(underway, subscription, key);
    event = way != NULL && !way->told ? way->event : 0;
    pthread_mutex_unlock(&underway->lock);
    return event;
}

void whi_underway_leave(whi_underway *underway, whi_way *way) {
    row_key row = { way->event, way->subscription };
    order_key key = { way->subscription, way->key };

    if (!way->fetched && !way->begun) {
        return;
    }
    pthread_mutex_lock(&underway->lock);
    if (way->fetched) {
        (void)whi_table_take(&underway->rows, &row_kind, hash_row(way), &row);
    }
    if (way->begun) {
        (void)whi_table_take(&underway->keys, &key_kind, hash_key(way), &key);
    }
    pthread_mutex_unlock(&underway->lock);
    way->fetched = way->begun = 0;
}
