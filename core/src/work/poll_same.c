/* Tests: test_engine_poll_same. */
#include "work/poll_same.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pure/poll.h"

#define KEY 32           /* bytes of Poly1305's */
#define DIGEST 16        /* and of what it makes */
#define PAGES 10000      /* of one list */
#define PAGES_ALL 131072 /* of all lists of the process: 8 MB */

typedef struct page {
    unsigned char digest[DIGEST];
    uint64_t sum;
    int64_t newest; /* ms */
    uint32_t objects, large, skipped;
} page;

typedef struct pages {
    page *list;
    size_t count, room;
} pages;

struct whi_poll_same {
    atomic_int refs;
    unsigned char key[KEY], salt[WH_POLL_SALT];
    uint64_t seed;
    int64_t turn; /* of the row, when it was written last */
    int64_t payload_bytes, json_depth;
    pages former, now;
    int is_whole; /* former is of a whole reading, and nothing was written since */
    int is_on;    /* this reading is kept */
    uint64_t known, met;
};

static atomic_size_t kept_all;

/* ------------------------------------------------------------------------ its life */

whi_poll_same *whi_poll_same_new(wh_engine *engine) {
    whi_poll_same *self = whi_calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    atomic_init(&self->refs, 1);
    if (whi_clock_random(engine->clock, self->key, sizeof self->key) != WH_OK ||
        whi_clock_random(engine->clock, &self->seed, sizeof self->seed) != WH_OK) {
        whi_poll_same_unref(self);
        return NULL;
    }
    return self;
}

void whi_poll_same_ref(whi_poll_same *self) {
    atomic_fetch_add(&self->refs, 1);
}

static void empty(pages *self) {
    atomic_fetch_sub(&kept_all, self->room);
    whi_free(self->list);
    *self = (pages){ 0 };
}

void whi_poll_same_unref(whi_poll_same *self) {
    if (self == NULL || atomic_fetch_sub(&self->refs, 1) > 1) {
        return;
    }
    empty(&self->former);
    empty(&self->now);
    whi_wipe(self->key, sizeof self->key);
    whi_free(self);
}

/* -------------------------------------------------------------------------- a reading */

static int is_of(const whi_poll_same *self, const whi_poll_target *target) {
    return self->turn == target->row.turn && memcmp(self->salt, target->salt, sizeof self->salt) == 0;
}

static uint64_t sum_of(const pages *self) {
    uint64_t sum = 0;

    for (size_t i = 0; i < self->count; i++) {
        sum += self->list[i].sum;
    }
    return sum;
}

int whi_poll_same_begin(whi_poll_same *self, const whi_poll_target *target, const wh_limits *limits, int again) {
    int compares;

    if (self == NULL) {
        return 0;
    }
    compares = !again && self->is_whole && self->former.count > 0 && is_of(self, target) &&
               self->payload_bytes == limits->payload_bytes && self->json_depth == limits->json_depth;
    memcpy(self->salt, target->salt, sizeof self->salt);
    self->payload_bytes = limits->payload_bytes;
    self->json_depth = limits->json_depth;
    self->is_whole = 0;
    self->is_on = 1;
    self->now.count = 0;
    self->met = 0;
    self->known = compares ? sum_of(&self->former) : 0;
    return compares;
}

void whi_poll_same_forget(whi_poll_same *self) {
    if (self != NULL) {
        self->is_on = self->is_whole = 0;
    }
}

int whi_poll_same_goes_on(whi_poll_same *self, const whi_poll_target *target) {
    if (self != NULL && !is_of(self, target)) {
        self->is_on = self->is_whole = 0;
    }
    return self != NULL && self->is_on;
}

void whi_poll_same_wrote(whi_poll_same *self, const whi_poll_target *target) {
    if (self != NULL) {
        self->turn = target->row.turn;
    }
}

/* ---------------------------------------------------------------------------- a page */

static int digest(whi_poll_same *self, const char *items, size_t size, unsigned char out[DIGEST]) {
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    EVP_MAC_CTX *context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    size_t made = 0;
    int done = context != NULL && EVP_MAC_init(context, self->key, sizeof self->key, NULL) == 1 &&
               EVP_MAC_update(context, (const unsigned char *)items, size) == 1 &&
               EVP_MAC_final(context, out, &made, DIGEST) == 1 && made == DIGEST;

    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    return done;
}

/* NULL: there is no room, and what there is helps nobody. */
static page *add(whi_poll_same *self) {
    pages *now = &self->now;
    size_t room = now->room > 0 ? now->room * 2 : 16;
    page *list = now->list;

    if (now->count == now->room) {
        list = now->count < PAGES && atomic_load(&kept_all) + room <= PAGES_ALL
                   ? whi_realloc(now->list, room * sizeof *list)
                   : NULL;
        if (list == NULL) {
            return NULL;
        }
        atomic_fetch_add(&kept_all, room - now->room);
        now->list = list;
        now->room = room;
    }
    return &list[now->count++];
}

static void count(const page *one, wh_backend_poll *row) {
    row->pages++;
    row->objects += one->objects;
    row->large += one->large;
    row->skipped += one->skipped;
    row->tries = 0;
    row->newest = one->newest > row->newest ? one->newest : row->newest;
}

enum whi_poll_sameness whi_poll_same_page(whi_poll_same *self, int compares, const char *items, size_t size,
                                          wh_backend_poll *row) {
    page *made = self != NULL && self->is_on ? add(self) : NULL;
    size_t place = made != NULL ? self->now.count - 1 : 0;
    const page *former = made != NULL && place < self->former.count ? &self->former.list[place] : NULL;

    if (made == NULL || !digest(self, items, size, made->digest)) {
        if (self != NULL) {
            self->is_on = 0;
        }
        return compares && place == 0 ? WHI_POLL_UNLIKE : WHI_POLL_OTHER;
    }
    if (compares && former != NULL && memcmp(former->digest, made->digest, DIGEST) == 0) {
        *made = *former;
        self->met += made->sum;
        count(made, row);
        return WHI_POLL_ALIKE;
    }
    made->sum = 0;
    return compares && place == 0 ? WHI_POLL_UNLIKE : WHI_POLL_OTHER;
}

int whi_poll_same_expects_more(const whi_poll_same *self) {
    return self != NULL && self->is_on && self->now.count <= self->former.count;
}

/* FNV's sums of names that differ in one letter may be alike, so its bits are mixed, as in Appleby's MurmurHash3. */
static uint64_t hash_of(const whi_poll_same *self, const unsigned char *id, size_t size) {
    uint64_t hash = whi_hash(self->seed, id, size);

    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

void whi_poll_same_object(whi_poll_same *self, const unsigned char *id, size_t size, int verdict, int is_there) {
    uint64_t hash;

    if (self == NULL || !self->is_on) {
        return;
    }
    hash = hash_of(self, id, size);
    if (is_there) {
        self->now.list[self->now.count - 1].sum += hash;
        self->met += hash;
    }
    self->known += verdict == WHI_POLL_CREATED                                 ? hash
                   : verdict == WHI_POLL_DELETED || verdict == WHI_POLL_FORGET ? 0 - hash
                                                                               : 0;
}

void whi_poll_same_counted(whi_poll_same *self, const whi_poll_page *read) {
    page *made = self != NULL && self->is_on ? &self->now.list[self->now.count - 1] : NULL;

    if (made == NULL) {
        return;
    }
    made->objects = (uint32_t)(read->count - read->large);
    made->large = (uint32_t)read->large;
    made->skipped = (uint32_t)read->skipped;
    made->newest = 0;
    for (size_t i = 0; i < read->count; i++) {
        made->newest = read->list[i].updated_at > made->newest ? read->list[i].updated_at : made->newest;
    }
}

/* --------------------------------------------------------------------------- its end */

int whi_poll_same_is_whole(const whi_poll_same *self) {
    return self != NULL && self->is_on && self->met == self->known;
}

void whi_poll_same_end(whi_poll_same *self) {
    pages former;

    if (self == NULL || !self->is_on) {
        return;
    }
    former = self->former;
    self->former = self->now;
    self->now = former;
    self->is_whole = 1;
    self->is_on = 0;
}
