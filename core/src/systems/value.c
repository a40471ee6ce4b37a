/* Tests: test_subscription. */
#include "systems/value.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "pure/subscription.h"

_Static_assert(WHI_JSON_ARRAY == WHI_JSON_STRING + 1 && WHI_JSON_OBJECT == WHI_JSON_ARRAY + 1,
               "a text, a list and an object are the last types");

#define SHOWN 64
static const char *shown(const char *text, char out[SHOWN]) {
    return whi_text_shown(text, out, SHOWN);
}

int whi_value_is(const whi_values *self, uint32_t node, int type) {
    return (int)self->json->nodes[node].type == type;
}

int whi_value_is_null(const whi_values *self, uint32_t node) {
    return whi_value_is(self, node, WHI_JSON_NULL);
}

int whi_value_refuse(const whi_values *self, uint32_t node, const char *field, const char *expected) {
    static const char *const names[] = {
        [WHI_JSON_STRING] = "a text", [WHI_JSON_ARRAY] = "a list", [WHI_JSON_OBJECT] = "an object"
    };
    int type = (int)self->json->nodes[node].type;
    size_t size;
    const char *text = whi_json_span(self->json, node, &size);

    if (type >= WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, field, "expected %s, found %s", expected, names[type]);
    }
    return whi_fail_field(WH_EINVALID, field, "expected %s, found %.*s", expected, size < 40 ? (int)size : 40, text);
}

int whi_value_text(whi_values *self, uint32_t node, const char *field, size_t most, const char **out) {
    size_t size;
    int code;

    if (!whi_value_is(self, node, WHI_JSON_STRING)) {
        return whi_value_refuse(self, node, field, "a text");
    }
    *out = whi_json_string(self->json, node, &self->scratch, &size);
    if (*out == NULL) {
        return whi_fail_memory();
    }
    if (memchr(*out, '\0', size) != NULL) {
        return whi_fail_field(WH_EINVALID, field, "expected no zero byte");
    }
    if (size > most) {
        return whi_fail_size(field, size, most);
    }
    if (*out != self->scratch.data) { /* borrowed from the document, not terminated */
        whi_buf_clear(&self->scratch);
        whi_buf_add(&self->scratch, *out, size);
        code = whi_buf_status(&self->scratch);
        *out = self->scratch.data;
        return code;
    }
    return WH_OK;
}

int whi_value_keep(char **place, const char *text, size_t size) {
    char *copy = whi_strdup(text, size);

    if (text != NULL && copy == NULL) {
        return whi_fail_memory();
    }
    whi_free(*place);
    *place = copy;
    return WH_OK;
}

int whi_value_optional_text(whi_values *self, uint32_t node, const char *field, size_t most, char **place) {
    const char *text = NULL;
    int code = whi_value_is_null(self, node) ? WH_OK : whi_value_text(self, node, field, most, &text);

    if (code != WH_OK) {
        return code;
    }
    return whi_value_keep(place, text != NULL && text[0] != '\0' ? text : NULL, WH_ZSTR);
}

int whi_value_integer(const whi_values *self, uint32_t node, const char *field, int64_t least, int64_t most,
                      int64_t *out) {
    char expected[80];

    if (whi_value_is(self, node, WHI_JSON_NUMBER) && whi_json_int(self->json, node, out) && *out >= least &&
        *out <= most) {
        return WH_OK;
    }
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)least, (long long)most);
    return whi_value_refuse(self, node, field, expected);
}

int whi_value_flag(const whi_values *self, uint32_t node, const char *field, int *out) {
    if (!whi_value_is(self, node, WHI_JSON_TRUE) && !whi_value_is(self, node, WHI_JSON_FALSE) &&
        !whi_value_is_null(self, node)) {
        return whi_value_refuse(self, node, field, "true or false");
    }
    *out = whi_value_is(self, node, WHI_JSON_TRUE);
    return WH_OK;
}

int whi_value_count(const whi_values *self, uint32_t node, const char *field, size_t least, size_t most,
                    const char *what) {
    uint32_t count = self->json->nodes[node].count;

    return count >= least && count <= most ? WH_OK
                                           : whi_fail_field(WH_EINVALID, field, "expected %zu to %zu %s, found %u",
                                                            least, most, what, (unsigned)count);
}

int whi_value_texts(whi_values *self, uint32_t node, const char *field, size_t least, size_t most,
                    int (*check)(const char *text), char ***place, size_t *count) {
    const whi_json_node *nodes = self->json->nodes;
    uint32_t items = nodes[node].count, at = node + 1;
    char **texts;
    int code = WH_OK;

    *place = NULL;
    *count = 0;
    if (whi_value_is_null(self, node)) {
        return WH_OK;
    }
    if (!whi_value_is(self, node, WHI_JSON_ARRAY)) {
        return whi_value_refuse(self, node, field, "a list of texts");
    }
    code = whi_value_count(self, node, field, least, most, "texts");
    if (code != WH_OK) {
        return code;
    }
    texts = items > 0 ? whi_calloc(items, sizeof(char *)) : NULL;
    if (items > 0 && texts == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t i = 0; i < items && code == WH_OK; i++, at = nodes[at].next) {
        const char *text = NULL;
        code = whi_value_text(self, at, NULL, SIZE_MAX, &text);
        code = code == WH_OK ? check(text) : code;
        code = code == WH_OK || code == WH_ENOMEM ? code : whi_fail_within_item(code, field, i);
        code = code == WH_OK ? whi_value_keep(&texts[i], text, WH_ZSTR) : code;
    }
    if (code != WH_OK) {
        whi_subscription_free_texts(texts, items);
        return code;
    }
    *place = texts;
    *count = items;
    return WH_OK;
}

int whi_value_name(whi_values *self, uint32_t node, const char *field, const char *const *names, int *out) {
    const char *text = names[0];
    char found[SHOWN], expected[80] = "";
    size_t size = 0;
    int code = whi_value_is_null(self, node) ? WH_OK : whi_value_text(self, node, field, SIZE_MAX, &text);

    for (int i = 0; names[i] != NULL && code == WH_OK; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return WH_OK;
        }
        if (names[i][0] != '\0' && size < sizeof expected) {
            const char *between = size == 0 ? "" : names[i + 1] != NULL ? ", " : " or ";
            size += (size_t)snprintf(expected + size, sizeof expected - size, "%s\"%s\"", between, names[i]);
        }
    }
    return code != WH_OK
               ? code
               : whi_fail_field(WH_EINVALID, field, "expected %s, found \"%s\"", expected, shown(text, found));
}
