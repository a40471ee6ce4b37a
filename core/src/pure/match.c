#include "pure/match.h"

#include <openssl/rand.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define TYPE_MAXIMUM 128
#define ID_MAXIMUM 64
#define OWN_PREFIX "webhook."
#define OWN_PREFIX_SIZE 8

/* One pattern of one subscription. The list it came from tells whether an earlier
 * pattern of the same subscription wants the event as well. */
typedef struct entry {
    void *value;
    const char *const *patterns; /* the subscription's, borrowed */
    uint32_t index;              /* this one among them */
} entry;

/* All entries under one text of one tenant. A prefix's text ends with its separator
 * and a star, so it is never the text of an exact type. */
typedef struct bucket {
    char *key; /* tenant, zero byte, text */
    size_t key_size;
    uint64_t hash;
    entry *entries;
    uint32_t count, capacity;
} bucket;

struct whi_match {
    uint64_t seed; /* by chance, so that nobody can choose colliding texts */
    bucket **slots;
    size_t count, capacity;
};

static const char *const everything[] = { "*" };

/* ------------------------------------------------------------------------- checking */

static int is_word(const char *text, size_t size, const char *also) {
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr(also, c) == NULL)) {
            return 0;
        }
    }
    return 1;
}

static int check_word(const char *text, size_t least, size_t most, const char *also) {
    size_t size = text != NULL ? strnlen(text, most + 1) : most + 1;

    return size >= least && size <= most && is_word(text, size, also) ? WH_OK : WH_EINVALID;
}

int whi_type_check(const char *type) {
    return check_word(type, 1, TYPE_MAXIMUM, "._:-/");
}

int whi_tenant_check(const char *tenant) {
    return check_word(tenant, 0, ID_MAXIMUM, "._:-");
}

int whi_id_check(const char *id) {
    return check_word(id, 1, ID_MAXIMUM, "._:-");
}

int whi_pattern_check(const char *pattern) {
    size_t size = pattern != NULL ? strnlen(pattern, TYPE_MAXIMUM + 2) : 0;

    if (size == 1 && pattern[0] == '*') {
        return WH_OK;
    }
    if (size > 2 && size <= TYPE_MAXIMUM && pattern[size - 1] == '*') {
        char separator = pattern[size - 2];
        return (separator == '.' || separator == ':') && is_word(pattern, size - 1, "._:-/") ? WH_OK : WH_EINVALID;
    }
    return whi_type_check(pattern);
}

/* ---------------------------------------------------------------------------- table */

/* FNV-1a over the tenant, a zero byte and the text, from a seed, with a last mix. */
static uint64_t hash_of(const whi_match *match, const char *tenant, size_t tenant_size, const char *text, size_t size) {
    uint64_t hash = match->seed;

    for (size_t i = 0; i < tenant_size; i++) {
        hash = (hash ^ (unsigned char)tenant[i]) * UINT64_C(1099511628211);
    }
    hash *= UINT64_C(1099511628211);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    }
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static int is_key(const bucket *found, const char *tenant, size_t tenant_size, const char *text, size_t size) {
    return found->key_size == tenant_size + 1 + size && memcmp(found->key, tenant, tenant_size + 1) == 0 &&
           memcmp(found->key + tenant_size + 1, text, size) == 0;
}

/* Where the key is, or would be. */
static size_t slot_of(const whi_match *match, uint64_t hash, const char *tenant, size_t tenant_size, const char *text,
                      size_t size) {
    size_t mask = match->capacity - 1, at = (size_t)hash & mask;

    while (match->slots[at] != NULL &&
           (match->slots[at]->hash != hash || !is_key(match->slots[at], tenant, tenant_size, text, size))) {
        at = (at + 1) & mask;
    }
    return at;
}

static int grow(whi_match *match) {
    size_t capacity = match->capacity ? match->capacity * 2 : 64;
    bucket **slots = whi_calloc(capacity, sizeof(bucket *));

    if (slots == NULL) {
        return whi_fail_memory();
    }
    for (size_t i = 0; i < match->capacity; i++) {
        size_t at;
        if (match->slots[i] == NULL) {
            continue;
        }
        at = (size_t)match->slots[i]->hash & (capacity - 1);
        while (slots[at] != NULL) {
            at = (at + 1) & (capacity - 1);
        }
        slots[at] = match->slots[i];
    }
    whi_free(match->slots);
    match->slots = slots;
    match->capacity = capacity;
    return WH_OK;
}

static bucket *new_bucket(uint64_t hash, const char *tenant, size_t tenant_size, const char *text, size_t size) {
    bucket *made = whi_calloc(1, sizeof *made);

    if (made == NULL) {
        return NULL;
    }
    made->key_size = tenant_size + 1 + size;
    made->key = whi_alloc(made->key_size);
    if (made->key == NULL) {
        whi_free(made);
        return NULL;
    }
    memcpy(made->key, tenant, tenant_size + 1);
    memcpy(made->key + tenant_size + 1, text, size);
    made->hash = hash;
    return made;
}

static void free_bucket(bucket *old) {
    whi_free(old->key);
    whi_free(old->entries);
    whi_free(old);
}

/* Takes a bucket out and moves those behind it up, so that probing still finds them. */
static void drop_bucket(whi_match *match, size_t gap) {
    size_t mask = match->capacity - 1;

    free_bucket(match->slots[gap]);
    match->slots[gap] = NULL;
    match->count--;
    for (size_t at = (gap + 1) & mask; match->slots[at] != NULL; at = (at + 1) & mask) {
        bucket *moved = match->slots[at];
        size_t to = (size_t)moved->hash & mask;
        match->slots[at] = NULL;
        while (match->slots[to] != NULL) {
            to = (to + 1) & mask;
        }
        match->slots[to] = moved;
    }
}

int whi_match_new(whi_match **out) {
    whi_match *match = whi_calloc(1, sizeof *match);

    *out = match;
    if (match == NULL) {
        return whi_fail_memory();
    }
    if (RAND_bytes((unsigned char *)&match->seed, sizeof match->seed) != 1 || grow(match) != WH_OK) {
        whi_match_free(match);
        *out = NULL;
        return whi_fail_memory();
    }
    return WH_OK;
}

void whi_match_free(whi_match *match) {
    if (match == NULL) {
        return;
    }
    for (size_t i = 0; i < match->capacity; i++) {
        if (match->slots[i] != NULL) {
            free_bucket(match->slots[i]);
        }
    }
    whi_free(match->slots);
    whi_free(match);
}

/* --------------------------------------------------------------------------- changes */

static int room_for_entry(bucket *in) {
    uint32_t capacity = in->capacity ? in->capacity * 2 : 1;
    entry *entries;

    if (in->count < in->capacity) {
        return WH_OK;
    }
    entries = whi_realloc(in->entries, capacity * sizeof *entries);
    if (entries == NULL) {
        return whi_fail_memory();
    }
    in->entries = entries;
    in->capacity = capacity;
    return WH_OK;
}

static int add_one(whi_match *match, const char *tenant, const char *const *patterns, uint32_t index, void *value) {
    const char *text = patterns[index];
    size_t tenant_size = strlen(tenant), size = strlen(text), at;
    uint64_t hash = hash_of(match, tenant, tenant_size, text, size);
    bucket *in;

    if (match->count + 1 > match->capacity / 4 * 3 && grow(match) != WH_OK) {
        return WH_ENOMEM;
    }
    at = slot_of(match, hash, tenant, tenant_size, text, size);
    if (match->slots[at] == NULL) {
        match->slots[at] = new_bucket(hash, tenant, tenant_size, text, size);
        if (match->slots[at] == NULL) {
            return whi_fail_memory();
        }
        match->count++;
    }
    in = match->slots[at];
    if (room_for_entry(in) != WH_OK) {
        if (in->count == 0) {
            drop_bucket(match, at);
        }
        return WH_ENOMEM;
    }
    in->entries[in->count++] = (entry){ value, patterns, index };
    return WH_OK;
}

static void remove_one(whi_match *match, const char *tenant, const char *text, uint32_t index, const void *value) {
    size_t tenant_size = strlen(tenant), size = strlen(text);
    size_t at = slot_of(match, hash_of(match, tenant, tenant_size, text, size), tenant, tenant_size, text, size);
    bucket *in = match->slots[at];

    for (uint32_t i = in != NULL ? in->count : 0; i > 0; i--) {
        if (in->entries[i - 1].value == value && in->entries[i - 1].index == index) {
            in->entries[i - 1] = in->entries[--in->count];
            break;
        }
    }
    if (in != NULL && in->count == 0) {
        drop_bucket(match, at);
    }
}

int whi_match_add(whi_match *match, const char *tenant, const char *const *patterns, size_t count, void *value) {
    int code;

    patterns = count > 0 ? patterns : everything;
    count = count > 0 ? count : 1;
    for (size_t i = 0; i < count; i++) {
        code = add_one(match, tenant, patterns, (uint32_t)i, value);
        if (code != WH_OK) {
            while (i-- > 0) {
                remove_one(match, tenant, patterns[i], (uint32_t)i, value);
            }
            return code;
        }
    }
    return WH_OK;
}

void whi_match_remove(whi_match *match, const char *tenant, const char *const *patterns, size_t count, void *value) {
    patterns = count > 0 ? patterns : everything;
    count = count > 0 ? count : 1;
    for (size_t i = 0; i < count; i++) {
        remove_one(match, tenant, patterns[i], (uint32_t)i, value);
    }
}

/* ---------------------------------------------------------------------------- finding */

static int is_own(const char *type) {
    return strncmp(type, OWN_PREFIX, OWN_PREFIX_SIZE) == 0;
}

static int wants(const char *pattern, const char *type) {
    size_t size = strlen(pattern);

    if (size == 1 && pattern[0] == '*') {
        return !is_own(type);
    }
    return pattern[size - 1] == '*' ? strncmp(pattern, type, size - 1) == 0 : strcmp(pattern, type) == 0;
}

/* 1 if an earlier pattern of the same subscription has found it. */
static int was_found(const entry *at, const char *type) {
    for (uint32_t i = 0; i < at->index; i++) {
        if (wants(at->patterns[i], type)) {
            return 1;
        }
    }
    return 0;
}

typedef struct search {
    const whi_match *match;
    const char *tenant, *type;
    size_t tenant_size;
    int (*found)(void *value, void *payload);
    void *payload;
} search;

static int look_under(const search *self, const char *text, size_t size) {
    const whi_match *match = self->match;
    uint64_t hash = hash_of(match, self->tenant, self->tenant_size, text, size);
    const bucket *in = match->slots[slot_of(match, hash, self->tenant, self->tenant_size, text, size)];
    int result = 0;

    for (uint32_t i = 0; in != NULL && i < in->count && result == 0; i++) {
        /* The same pattern may stand twice in one list. */
        if (!was_found(&in->entries[i], self->type)) {
            result = self->found(in->entries[i].value, self->payload);
        }
    }
    return result;
}

int whi_match_find(const whi_match *match, const char *tenant, const char *type,
                   int (*found)(void *value, void *payload), void *payload) {
    search self = { match, tenant, type, strlen(tenant), found, payload };
    char prefix[TYPE_MAXIMUM + 2];
    size_t size = strlen(type);
    int result = size <= TYPE_MAXIMUM ? look_under(&self, type, size) : 0;

    if (result == 0 && !is_own(type)) {
        result = look_under(&self, "*", 1);
    }
    for (size_t i = 0; i < size && size <= TYPE_MAXIMUM && result == 0; i++) {
        prefix[i] = type[i];
        if (type[i] == '.' || type[i] == ':') {
            prefix[i + 1] = '*';
            result = look_under(&self, prefix, i + 2);
        }
    }
    return result;
}
