/* Tests: test_seal. */
#include "pure/seal_document.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "pure/json.h"

#define PLACE_SIZE 96

const char *const whi_secret_members[WHI_SECRET_MEMBERS] = {
    "secrets", "headers", "credentials", "auth", "tls", "proxy"
};

typedef struct member {
    const char *name, *value; /* NULL: not there */
    size_t size;
    int is_text; /* 1: the value is what stands between quotes */
} member;

/* Those that are there, in the order of the list; and the walk that made them. */
typedef struct walk {
    const char *text;
    size_t size;
    member members[WHI_SECRET_MEMBERS];
} walk;

static void note(walk *self, const whi_json *json, uint32_t name) {
    const whi_json_node *value = &json->nodes[name + 1];

    for (int i = 0; i < WHI_SECRET_MEMBERS; i++) {
        if (whi_json_string_is(json, name, whi_secret_members[i], strlen(whi_secret_members[i]))) {
            int is_text = value->type == WHI_JSON_STRING;

            self->members[i] = (member){ whi_secret_members[i], self->text + value->start + is_text,
                                         value->end - value->start - 2 * (size_t)is_text, is_text };
        }
    }
}

static int walk_document(walk *self, const char *text, size_t size) {
    whi_json json = { 0 };
    int code = whi_json_scan(&json, text, size, WHI_JSON_DEPTH_MAXIMUM);

    *self = (walk){ .text = text, .size = size };
    if (code == WH_OK) {
        for (uint32_t at = whi_json_first(&json, 0); at != WHI_JSON_NONE; at = whi_json_next_name(&json, 0, at)) {
            note(self, &json, at);
        }
    }
    whi_json_free(&json);
    return code;
}

/* The first of those that begin at this byte or behind it. */
static const member *next_member(const walk *self, const char *at) {
    const member *next = NULL;

    for (int i = 0; i < WHI_SECRET_MEMBERS; i++) {
        const member *one = &self->members[i];

        if (one->value != NULL && one->value >= at && (next == NULL || one->value < next->value)) {
            next = one;
        }
    }
    return next;
}

/* The byte behind it, and behind its quote. */
static const char *end_of(const member *one) {
    return one->value + one->size + one->is_text;
}

static void write_place(const whi_seal_place *place, const char *name, char out[PLACE_SIZE]) {
    snprintf(out, PLACE_SIZE, "subscription %lld version %lld %s", (long long)place->subscription,
             (long long)place->version, name);
}

int whi_seal_document(const whi_seal_key *key, const whi_seal_place *place,
                      const uint8_t nonces[WHI_SECRET_MEMBERS][WHI_SEAL_NONCE], const char *text, size_t size,
                      whi_buf *out) {
    const char *at = text;
    char where[PLACE_SIZE];
    walk self;
    int code = walk_document(&self, text, size);

    for (const member *one; code == WH_OK && (one = next_member(&self, at)) != NULL; at = one->value + one->size) {
        if (one->is_text) { /* neither is one: nobody could tell it from a sealed one afterwards */
            return whi_fail_field(WH_EINTERNAL, one->name, "expected a list or an object in the document");
        }
        write_place(place, one->name, where);
        whi_buf_add(out, at, (size_t)(one->value - at));
        whi_buf_char(out, '"');
        code = whi_seal(key, where, nonces[one - self.members], one->value, one->size, out);
        whi_buf_char(out, '"');
    }
    if (code != WH_OK) {
        return code;
    }
    whi_buf_add(out, at, (size_t)(text + size - at));
    return whi_buf_status(out);
}

int whi_unseal_document(const whi_keyring *keys, const whi_seal_place *place, const char *text, size_t size,
                        whi_buf *out) {
    const char *at = text;
    char where[PLACE_SIZE];
    walk self;
    int code = walk_document(&self, text, size);

    whi_buf_reserve(out, size + 1); /* what is opened is shorter: nothing grows, and no copy stays behind */
    for (const member *one; code == WH_OK && (one = next_member(&self, at)) != NULL; at = end_of(one)) {
        whi_buf_add(out, at, (size_t)(one->value - one->is_text - at));
        write_place(place, one->name, where);
        if (one->is_text) {
            code = whi_unseal(keys, where, one->value, one->size, out);
        } else {
            whi_buf_add(out, one->value, one->size);
        }
    }
    if (code != WH_OK) {
        return code;
    }
    whi_buf_add(out, at, (size_t)(text + size - at));
    return whi_buf_status(out);
}

int whi_seal_document_may(const char *text, size_t size) {
    static const char mark[] = "\"seal:";
    const char *end = text + size, *at = text;

    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        if ((size_t)(end - at) >= sizeof mark - 1 && memcmp(at, mark, sizeof mark - 1) == 0) {
            return 1;
        }
        at++;
    }
    return 0;
}

static int is_by(const whi_seal_key *key, const member *one) {
    const char *id;
    size_t size;

    return one->is_text && whi_seal_is(one->value, one->size, &id, &size) && strlen(key->id) == size &&
           memcmp(key->id, id, size) == 0;
}

int whi_seal_document_is_by(const whi_seal_key *key, const char *text, size_t size, int *out) {
    walk self;
    int code = walk_document(&self, text, size);

    *out = code == WH_OK;
    for (int i = 0; i < WHI_SECRET_MEMBERS; i++) {
        if (code == WH_OK && self.members[i].value != NULL && !is_by(key, &self.members[i])) {
            *out = 0;
        }
    }
    return code;
}
