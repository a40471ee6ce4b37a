#include "pure/match.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#define TYPE_MAXIMUM 128
#define ID_MAXIMUM 64
#define OWN_PREFIX "webhook."
#define OWN_PREFIX_SIZE 8

/* The values under one text of one tenant. A prefix's text keeps its star, so it is
 * never the text of an exact type. Most buckets have one value, which needs no list;
 * the list of the others is a hash set, so that one of 100,000 leaves at once. */
typedef struct bucket {
    union {
        void *one;
        void **many; /* open addressing, NULL: free */
    } values;
    uint32_t count, capacity; /* capacity 0: one */
    uint32_t hash;
    uint16_t tenant_size, text_size;
    char key[]; /* tenant and text */
} bucket;

struct whi_match {
    uint64_t seed; /* by chance, so that nobody can choose colliding texts */
    bucket **slots;
    size_t count, capacity;
};

/* A text under which something may stand: `size` bytes, and a star if it is a prefix
 * that was cut out of a longer text. */
typedef struct label {
    const char *tenant, *text;
    size_t tenant_size, size;
    int star;
    uint32_t hash;
} label;

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

/* ---------------------------------------------------------------------- one bucket */

static size_t place_of(void *const *many, uint32_t capacity, const void *value) {
    size_t mask = capacity - 1, at = (size_t)((uint64_t)(uintptr_t)value * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

    while (many[at] != NULL && many[at] != value) {
        at = (at + 1) & mask;
    }
    return at;
}

static int has(const bucket *in, const void *value) {
    return in->capacity == 0 ? in->count > 0 && in->values.one == value
                             : in->values.many[place_of(in->values.many, in->capacity, value)] != NULL;
}

static int resize(bucket *in, uint32_t capacity) {
    void **many = whi_calloc(capacity, sizeof(void *));

    if (many == NULL) {
        return whi_fail_memory();
    }
    if (in->capacity == 0) {
        many[place_of(many, capacity, in->values.one)] = in->values.one;
    }
    for (uint32_t i = 0; i < in->capacity; i++) {
        if (in->values.many[i] != NULL) {
            many[place_of(many, capacity, in->values.many[i])] = in->values.many[i];
        }
    }
    if (in->capacity > 0) {
        whi_free(in->values.many);
    }
    in->values.many = many;
    in->capacity = capacity;
    return WH_OK;
}

static int put(bucket *in, void *value) {
    if (in->count == 0 && in->capacity == 0) {
        in->values.one = value;
        in->count = 1;
        return WH_OK;
    }
    if (has(in, value)) {
        return WH_OK;
    }
    if (in->count + 1 > in->capacity / 4 * 3 && resize(in, in->capacity ? in->capacity * 2 : 4) != WH_OK) {
        return WH_ENOMEM;
    }
    in->values.many[place_of(in->values.many, in->capacity, value)] = value;
    in->count++;
    return WH_OK;
}

/* The values behind the gap move up, so that probing still finds them. */
static void close_gap(bucket *in, size_t gap) {
    void **many = in->values.many;
    size_t mask = in->capacity - 1;

    many[gap] = NULL;
    for (size_t at = (gap + 1) & mask; many[at] != NULL; at = (at + 1) & mask) {
        void *moved = many[at];
        many[at] = NULL;
        many[place_of(many, in->capacity, moved)] = moved;
    }
}

static void take(bucket *in, const void *value) {
    if (!has(in, value)) {
        return;
    }
    in->count--;
    if (in->capacity > 0) {
        close_gap(in, place_of(in->values.many, in->capacity, value));
    }
    if (in->capacity > 8 && in->count < in->capacity / 8) {
        (void)resize(in, in->capacity / 2); /* finding walks the list: keep it full */
    }
}

/* ---------------------------------------------------------------------------- table */

/* FNV-1a, 64 bits, from a seed: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t step(uint64_t hash, char byte) {
    return (hash ^ (unsigned char)byte) * UINT64_C(1099511628211);
}

/* FNV's low bits depend on the low bits of the text alone. */
static uint32_t last_mix(uint64_t hash) {
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

static uint64_t hash_tenant(const whi_match *match, const char *tenant, size_t size) {
    uint64_t hash = match->seed;

    for (size_t i = 0; i < size; i++) {
        hash = step(hash, tenant[i]);
    }
    return step(hash, '\0');
}

static label label_of(const whi_match *match, const char *tenant, const char *text) {
    label made = { tenant, text, strlen(tenant), strlen(text), 0, 0 };
    uint64_t hash = hash_tenant(match, tenant, made.tenant_size);

    for (size_t i = 0; i < made.size; i++) {
        hash = step(hash, text[i]);
    }
    made.hash = last_mix(hash);
    return made;
}

static int is_under(const bucket *in, const label *at) {
    const char *text = in->key + at->tenant_size;

    return in->hash == at->hash && in->tenant_size == at->tenant_size && in->text_size == at->size + (size_t)at->star &&
           memcmp(in->key, at->tenant, at->tenant_size) == 0 && memcmp(text, at->text, at->size) == 0 &&
           (!at->star || text[at->size] == '*');
}

/* Where the bucket is, or would be. */
static size_t slot_of(const whi_match *match, const label *of) {
    size_t mask = match->capacity - 1, at = of->hash & mask;

    while (match->slots[at] != NULL && !is_under(match->slots[at], of)) {
        at = (at + 1) & mask;
    }
    return at;
}

static void insert(bucket **slots, size_t capacity, bucket *in) {
    size_t at = in->hash & (capacity - 1);

    while (slots[at] != NULL) {
        at = (at + 1) & (capacity - 1);
    }
    slots[at] = in;
}

static int grow(whi_match *match) {
    size_t capacity = match->capacity ? match->capacity * 2 : 64;
    bucket **slots = whi_calloc(capacity, sizeof(bucket *));

    if (slots == NULL) {
        return whi_fail_memory();
    }
    for (size_t i = 0; i < match->capacity; i++) {
        if (match->slots[i] != NULL) {
            insert(slots, capacity, match->slots[i]);
        }
    }
    whi_free(match->slots);
    match->slots = slots;
    match->capacity = capacity;
    return WH_OK;
}

static bucket *new_bucket(const label *of) {
    bucket *made = whi_alloc(sizeof *made + of->tenant_size + of->size);

    if (made == NULL) {
        return NULL;
    }
    memset(made, 0, sizeof *made);
    made->hash = of->hash;
    made->tenant_size = (uint16_t)of->tenant_size;
    made->text_size = (uint16_t)of->size;
    memcpy(made->key, of->tenant, of->tenant_size);
    memcpy(made->key + of->tenant_size, of->text, of->size);
    return made;
}

static void free_bucket(bucket *old) {
    if (old->capacity > 0) {
        whi_free(old->values.many);
    }
    whi_free(old);
}

/* Those behind the gap move up here as well. */
static void drop_bucket(whi_match *match, size_t gap) {
    size_t mask = match->capacity - 1;

    free_bucket(match->slots[gap]);
    match->slots[gap] = NULL;
    match->count--;
    for (size_t at = (gap + 1) & mask; match->slots[at] != NULL; at = (at + 1) & mask) {
        bucket *moved = match->slots[at];
        match->slots[at] = NULL;
        insert(match->slots, match->capacity, moved);
    }
}

int whi_match_new(whi_match **out) {
    whi_match *match = whi_calloc(1, sizeof *match);
    int code;

    *out = NULL;
    if (match == NULL) {
        return whi_fail_memory();
    }
    code = whi_clock_random(NULL, &match->seed, sizeof match->seed);
    code = code == WH_OK ? grow(match) : code;
    if (code != WH_OK) {
        whi_match_free(match);
        return code;
    }
    *out = match;
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

/* ---------------------------------------------------------------------------- finding */

static int is_own(const char *type, size_t size) {
    return size >= OWN_PREFIX_SIZE && memcmp(type, OWN_PREFIX, OWN_PREFIX_SIZE) == 0;
}

/* "*", one prefix per letter, the exact type. */
#define PATH_MAXIMUM (TYPE_MAXIMUM + 2)

static size_t add_to_path(const whi_match *match, const label *of, const bucket **path, size_t count) {
    const bucket *in = match->slots[slot_of(match, of)];

    if (in != NULL) {
        path[count++] = in;
    }
    return count;
}

/* The buckets of "*" and of all prefixes that a type (or a prefix without its star)
 * begins with, and with exact that of the whole text. */
static size_t path_of(const whi_match *match, const char *tenant, const char *text, size_t size, int exact,
                      const bucket **path) {
    label at = { tenant, text, strlen(tenant), 0, 1, 0 };
    uint64_t hash = hash_tenant(match, tenant, at.tenant_size);
    size_t count = 0;

    if (!is_own(text, size)) {
        at.hash = last_mix(step(hash, '*'));
        count = add_to_path(match, &at, path, count);
    }
    for (size_t i = 0; i < size; i++) {
        hash = step(hash, text[i]);
        if (text[i] == '.' || text[i] == ':') {
            at.size = i + 1;
            at.hash = last_mix(step(hash, '*'));
            count = add_to_path(match, &at, path, count);
        }
    }
    if (exact) {
        at = (label){ tenant, text, at.tenant_size, size, 0, last_mix(hash) };
        count = add_to_path(match, &at, path, count);
    }
    return count;
}

int whi_match_find(const whi_match *match, const char *tenant, const char *type,
                   int (*found)(void *value, void *payload), void *payload) {
    const bucket *path[PATH_MAXIMUM];
    size_t count = 0;
    int result = 0;

    if (whi_type_check(type) == WH_OK) { /* "order.*" would be found as a pattern's own text */
        count = path_of(match, tenant, type, strlen(type), 1, path);
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        if (path[i]->capacity == 0) {
            result = found(path[i]->values.one, payload);
        }
        for (uint32_t k = 0; k < path[i]->capacity && result == 0; k++) {
            result = path[i]->values.many[k] != NULL ? found(path[i]->values.many[k], payload) : 0;
        }
    }
    return result;
}

/* --------------------------------------------------------------------------- changes */

static int add_one(whi_match *match, const char *tenant, const char *pattern, void *value) {
    label under = label_of(match, tenant, pattern);
    size_t at;

    if (match->count + 1 > match->capacity / 4 * 3 && grow(match) != WH_OK) {
        return WH_ENOMEM;
    }
    at = slot_of(match, &under);
    if (match->slots[at] == NULL) {
        match->slots[at] = new_bucket(&under);
        if (match->slots[at] == NULL) {
            return whi_fail_memory();
        }
        match->count++;
    }
    return put(match->slots[at], value);
}

static void remove_one(whi_match *match, const char *tenant, const char *pattern, const void *value) {
    label under = label_of(match, tenant, pattern);
    size_t at = slot_of(match, &under);

    if (match->slots[at] == NULL) {
        return;
    }
    take(match->slots[at], value);
    if (match->slots[at]->count == 0) {
        drop_bucket(match, at);
    }
}

/* 1 if the value stands under a broader pattern too. */
static int is_covered(const whi_match *match, const char *tenant, const char *pattern, const void *value) {
    const bucket *path[PATH_MAXIMUM], *own;
    label under = label_of(match, tenant, pattern);
    size_t size = under.size - (pattern[under.size - 1] == '*'), count;

    own = match->slots[slot_of(match, &under)];
    count = path_of(match, tenant, pattern, size, 0, path);
    for (size_t i = 0; i < count; i++) {
        if (path[i] != own && has(path[i], value)) {
            return 1;
        }
    }
    return 0;
}

static int check_all(const char *tenant, const char *const *patterns, size_t count) {
    if (whi_tenant_check(tenant) != WH_OK) {
        return whi_fail_field(WH_EINVALID, "tenant", "expected at most 64 of A-Z a-z 0-9 . _ : -");
    }
    for (size_t i = 0; i < count; i++) {
        if (whi_pattern_check(patterns[i]) != WH_OK) {
            return whi_fail_item(WH_EINVALID, "events", i, "expected a type, \"*\", \"prefix.*\" or \"prefix:*\"");
        }
    }
    return WH_OK;
}

/* Of two patterns, one takes in the other or no type matches both. So a value that
 * stays only under its broadest ones is found once for each event, and finding needs
 * no memory of what it found. */
int whi_match_add(whi_match *match, const char *tenant, const char *const *patterns, size_t count, void *value) {
    int code = check_all(tenant, patterns, count);

    if (code != WH_OK) {
        return code;
    }
    patterns = count > 0 ? patterns : everything;
    count = count > 0 ? count : 1;
    for (size_t i = 0; i < count && code == WH_OK; i++) {
        code = add_one(match, tenant, patterns[i], value);
    }
    if (code != WH_OK) {
        whi_match_remove(match, tenant, patterns, count, value);
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_covered(match, tenant, patterns[i], value)) {
            remove_one(match, tenant, patterns[i], value);
        }
    }
    return WH_OK;
}

void whi_match_remove(whi_match *match, const char *tenant, const char *const *patterns, size_t count, void *value) {
    patterns = count > 0 ? patterns : everything;
    count = count > 0 ? count : 1;
    for (size_t i = 0; i < count; i++) {
        remove_one(match, tenant, patterns[i], value);
    }
}
