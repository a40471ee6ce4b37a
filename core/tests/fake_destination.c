#include "fake_destination.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "webhook.h"

fake_database fake_db;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiting;

struct whi_destination {
    int cut;
};

void fake_reset(void) {
    memset(&fake_db, 0, sizeof fake_db);
}

size_t fake_count(void) {
    size_t count;

    pthread_mutex_lock(&lock);
    count = fake_db.count;
    pthread_mutex_unlock(&lock);
    return count;
}

int fake_waiting(void) {
    int count;

    pthread_mutex_lock(&lock);
    count = waiting;
    pthread_mutex_unlock(&lock);
    return count;
}

void fake_hang(int hangs) {
    pthread_mutex_lock(&lock);
    fake_db.hangs = hangs;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void copy(char *out, size_t room, const char *text) {
    snprintf(out, room, "%s", text != NULL ? text : "");
}

static int fake_open(whi_destination **out, const whi_destination_options *options) {
    pthread_mutex_lock(&lock);
    copy(fake_db.url, sizeof fake_db.url, options->url);
    copy(fake_db.schema, sizeof fake_db.schema, options->schema);
    copy(fake_db.prefix, sizeof fake_db.prefix, options->prefix);
    fake_db.create = options->create;
    fake_db.removes = options->removes;
    fake_db.opened += fake_db.refuses == NULL;
    pthread_mutex_unlock(&lock);
    if (fake_db.refuses != NULL) {
        return whi_fail_field(WH_EINVALID, "url", "%s", fake_db.refuses);
    }
    *out = calloc(1, sizeof **out);
    return WH_OK;
}

/* The newest is kept. */
static void keep(const whi_object *object) {
    fake_row *row = &fake_db.rows[fake_db.count < FAKE_ROWS ? fake_db.count++ : FAKE_ROWS - 1];

    copy(row->connection, sizeof row->connection, object->connection);
    copy(row->type, sizeof row->type, object->type);
    snprintf(row->bytes, sizeof row->bytes, "%.*s", (int)object->size, object->bytes);
    row->version = object->version;
    row->deleted = object->deleted;
}

static void hang(whi_destination *destination) {
    if (fake_db.hangs != 1) {
        return;
    }
    waiting++;
    while (fake_db.hangs && !destination->cut) {
        pthread_cond_wait(&changed, &lock);
    }
    waiting--;
}

static int fake_write(whi_destination *destination, const whi_object *objects, size_t count,
                      whi_object_result *results) {
    pthread_mutex_lock(&lock);
    fake_db.writes++;
    fake_db.largest = count > fake_db.largest ? count : fake_db.largest;
    hang(destination);
    for (size_t i = 0; i < count; i++) {
        results[i] = (whi_object_result){ .outcome = destination->cut ? WHI_OBJECT_AGAIN : WHI_OBJECT_WRITTEN };
        if (fake_db.judge != NULL && !destination->cut) {
            fake_db.judge(&objects[i], &results[i]);
        }
        if (results[i].outcome == WHI_OBJECT_WRITTEN) {
            keep(&objects[i]);
        }
    }
    destination->cut = 0;
    pthread_mutex_unlock(&lock);
    return WH_OK;
}

static void fake_check(whi_destination *destination, const char *type, whi_object_result *result) {
    pthread_mutex_lock(&lock);
    fake_db.checks++;
    copy(fake_db.asked, sizeof fake_db.asked, type);
    hang(destination);
    *result = fake_db.checked;
    pthread_mutex_unlock(&lock);
}

static void fake_cut(whi_destination *destination) {
    pthread_mutex_lock(&lock);
    fake_db.cuts++;
    destination->cut = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void fake_rest(whi_destination *destination) {
    (void)destination;
    pthread_mutex_lock(&lock);
    fake_db.rests++;
    pthread_mutex_unlock(&lock);
}

static void fake_close(whi_destination *destination) {
    pthread_mutex_lock(&lock);
    fake_db.closed++;
    pthread_mutex_unlock(&lock);
    free(destination);
}

static int fake_has(const char *scheme) {
    return strcmp(scheme, "mariadb") != 0;
}

const whi_destinations fake_destinations = { fake_open, fake_write, fake_check, fake_cut,
                                             fake_rest, fake_close, fake_has };
