#include "pure/match.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/table.h"

#define TYPE_MAXIMUM 128
#define ID_MAXIMUM 64
/* The engine's own types, and those of them that come once for each delivery: a pattern is as long as that. */
#define OWN_PREFIX "webhook."
#define EACH_PREFIX "webhook.delivery."

/* The values under one text of one tenant. A prefix's text keeps its star, so it is
 * never the text of an exact type. Most buckets have one value, which needs no list;
 * the list of the others is a hash set, so that one of 100,000 leaves at once. */
typedef struct bucket {
    whi_table values; /* capacity 0: none, or one, which stands where the slots would be */
    uint32_t hash;
    uint16_t tenant_size, text_size;
    char key[]; /* tenant and text */
} bucket;

struct whi_match {
    uint64_t seed; /* by chance, so that nobody can choose colliding texts */
    whi_table buckets;
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
    return check_word(tenant, 0, ID_MAXIMUM, "._:-") == WH_OK
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "tenant", "expected at most %d of A-Z a-z 0-9 . _ : -", ID_MAXIMUM);
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

int whi_pattern_takes(const char *pattern, const char *type) {
    size_t size = strlen(pattern);

    return pattern[size - 1] == '*' ? strncmp(pattern, type, size - 1) == 0 : strcmp(pattern, type) == 0;
}

/* ---------------------------------------------------------------------- one bucket */

static uint32_t hash_value(const void *value) {
    return whi_table_spread((uint64_t)(uintptr_t)value);
}

static int is_value(const void *value, const void *key) {
    return value == key;
}

static const whi_table_kind value_kind = { hash_value, is_value };

static void *only(const bucket *in) {
    return in->values.slots;
}

static int has(const bucket *in, const void *value) {
    return in->values.capacity == 0 ? in->values.count > 0 && only(in) == value
                                    : whi_table_get(&in->values, &value_kind, hash_value(value), value) != NULL;
}

/* The one that was alone becomes the first of a table. */
static int make_many(bucket *in) {
    whi_table many = { 0 };

    if (whi_table_reserve(&many, &value_kind) != WH_OK) {
        return WH_ENOMEM;
    }
    whi_table_put(&many, &value_kind, only(in));
    in->values = many;
    return WH_OK;
}

static int put(bucket *in, void *value) {
    if (in->values.count == 0 && in->values.capacity == 0) {
        in->values.slots = value;
        in->values.count = 1;
        return WH_OK;
    }
    if (has(in, value)) {
        return WH_OK;
    }
    if ((in->values.capacity == 0 && make_many(in) != WH_OK) || whi_table_reserve(&in->values, &value_kind) != WH_OK) {
        return WH_ENOMEM;
    }
    whi_table_put(&in->values, &value_kind, value);
    return WH_OK;
}

static void take(bucket *in, const void *value) {
    if (!has(in, value)) {
        return;
    }
    if (in->values.capacity == 0) {
        in->values.count = 0;
        return;
    }
    whi_table_take(&in->values, &value_kind, hash_value(value), value);
    if (in->values.capacity > 8 && in->values.count < in->values.capacity / 8) {
        (void)whi_table_resize(&in->values, &value_kind, in->values.capacity / 2); /* finding walks all: keep it full */
    }
}

/* ---------------------------------------------------------------------------- table */

static uint32_t last_mix(uint64_t hash) {
    return whi_table_spread(hash ^ hash >> 32);
}

static uint64_t hash_tenant(const whi_match *match, const char *tenant, size_t size) {
    return whi_hash_byte(whi_hash(match->seed, tenant, size), '\0');
}

static label label_of(const whi_match *match, const char *tenant, const char *text) {
    label made = { tenant, text, strlen(tenant), strlen(text), 0, 0 };

    made.hash = last_mix(whi_hash(hash_tenant(match, tenant, made.tenant_size), text, made.size));
    return made;
}

static uint32_t hash_bucket(const void *entry) {
    return ((const bucket *)entry)->hash;
}

static int is_under(const void *entry, const void *key) {
    const bucket *in = entry;
    const label *at = key;
    const char *text = in->key + at->tenant_size;

    return in->hash == at->hash && in->tenant_size == at->tenant_size && in->text_size == at->size + (size_t)at->star &&
           memcmp(in->key, at->tenant, at->tenant_size) == 0 && memcmp(text, at->text, at->size) == 0 &&
           (!at->star || text[at->size] == '*');
}

static const whi_table_kind bucket_kind = { hash_bucket, is_under };

static bucket *bucket_of(const whi_match *match, const label *of) {
    return whi_table_get(&match->buckets, &bucket_kind, of->hash, of);
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
    if (old->values.capacity > 0) {
        whi_table_free(&old->values);
    }
    whi_free(old);
}

int whi_match_new(whi_match **out) {
    whi_match *match = whi_calloc(1, sizeof *match);
    int code;

    *out = NULL;
    if (match == NULL) {
        return whi_fail_memory();
    }
    code = whi_clock_random(NULL, &match->seed, sizeof match->seed);
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
    for (uint32_t i = 0; i < match->buckets.capacity; i++) {
        if (match->buckets.slots[i] != NULL) {
            free_bucket(match->buckets.slots[i]);
        }
    }
    whi_table_free(&match->buckets);
    whi_free(match);
}

/* ---------------------------------------------------------------------------- finding */

static int begins_with(const char *text, size_t size, const char *prefix, size_t prefix_size) {
    return size >= prefix_size && memcmp(text, prefix, prefix_size) == 0;
}

/* How long a prefix must be to be one of this type. */
static size_t least_of(const char *type, size_t size) {
    return begins_with(type, size, EACH_PREFIX, sizeof EACH_PREFIX - 1) ? sizeof EACH_PREFIX - 1
           : begins_with(type, size, OWN_PREFIX, sizeof OWN_PREFIX - 1) ? sizeof OWN_PREFIX - 1
                                                                        : 0;
}

/* "*", one prefix per letter, the exact type. */
#define PATH_MAXIMUM (TYPE_MAXIMUM + 2)

static size_t add_to_path(const whi_match *match, const label *of, const bucket **path, size_t count) {
    const bucket *in = bucket_of(match, of);

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
    size_t count = 0, least = least_of(text, size);

    if (least == 0) {
        at.hash = last_mix(whi_hash_byte(hash, '*'));
        count = add_to_path(match, &at, path, count);
    }
    for (size_t i = 0; i < size; i++) {
        hash = whi_hash_byte(hash, text[i]);
        if ((text[i] == '.' || text[i] == ':') && i + 1 >= least) {
            at.size = i + 1;
            at.hash = last_mix(whi_hash_byte(hash, '*'));
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
        const whi_table *values = &path[i]->values;
        if (values->capacity == 0) {
            result = found(only(path[i]), payload);
        }
        for (uint32_t k = 0; k < values->capacity && result == 0; k++) {
            result = values->slots[k] != NULL ? found(values->slots[k], payload) : 0;
        }
    }
    return result;
}

/* --------------------------------------------------------------------------- changes */

static int add_one(whi_match *match, const char *tenant, const char *pattern, void *value) {
    label under = label_of(match, tenant, pattern);
    bucket *in = bucket_of(match, &under);

    if (in != NULL) {
        return put(in, value);
    }
    if (whi_table_reserve(&match->buckets, &bucket_kind) != WH_OK) {
        return WH_ENOMEM;
    }
    in = new_bucket(&under);
    if (in == NULL) {
        return whi_fail_memory();
    }
    whi_table_put(&match->buckets, &bucket_kind, in);
    return put(in, value);
}

static void remove_one(whi_match *match, const char *tenant, const char *pattern, const void *value) {
    label under = label_of(match, tenant, pattern);
    bucket *in = bucket_of(match, &under);

    if (in == NULL) {
        return;
    }
    take(in, value);
    if (in->values.count == 0) {
        whi_table_take(&match->buckets, &bucket_kind, under.hash, &under);
        free_bucket(in);
    }
}

/* 1 if the value stands under a broader pattern too. */
static int is_covered(const whi_match *match, const char *tenant, const char *pattern, const void *value) {
    const bucket *path[PATH_MAXIMUM], *own;
    label under = label_of(match, tenant, pattern);
    size_t size = under.size - (pattern[under.size - 1] == '*'), count;

    own = bucket_of(match, &under);
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
        return WH_EINVALID;
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
