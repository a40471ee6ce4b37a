/* Tests: test_source_document. */
#include "pure/source_reader.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/source_path.h"

int whi_source_wrong(const whi_source_reader *self, uint32_t node, const char *expected) {
    size_t size;
    const char *text = whi_json_span(&self->out->json, node, &size);

    if (strncmp(self->field, "auth", 4) == 0 || strncmp(self->field, "headers", 7) == 0 ||
        strncmp(self->field, "connections", 11) == 0 || strncmp(self->field, "query", 5) == 0) {
        return whi_fail_field(WH_EINVALID, self->field, "expected %s", expected); /* what is found may be a secret */
    }
    return whi_fail_field(WH_EINVALID, self->field, "expected %s, found %.*s", expected, size < 40 ? (int)size : 40,
                          text);
}

static int own(whi_source_reader *self, char *text) {
    whi_source_document *out = self->out;

    if (text != NULL && out->owned_count == out->owned_room) {
        size_t room = out->owned_room ? out->owned_room * 2 : 32;
        char **grown = whi_realloc(out->owned, room * sizeof *grown);

        if (grown == NULL) {
            whi_free_secret(text, strlen(text));
            return whi_fail_memory();
        }
        out->owned = grown;
        out->owned_room = room;
    }
    if (text == NULL) {
        return whi_fail_memory();
    }
    out->owned[out->owned_count++] = text;
    return WH_OK;
}

/* A string's or name's content, kept. */
int whi_source_take_text(whi_source_reader *self, uint32_t node, const char **to) {
    whi_buf scratch;
    size_t size;
    const char *text;
    char *copy;
    int code;

    whi_buf_init(&scratch, WHI_SOURCE_BYTES);
    text = whi_json_string(&self->out->json, node, &scratch, &size);
    copy = text != NULL ? whi_strdup(text, size) : NULL;
    code = own(self, copy);
    if (scratch.capacity > 0) {
        whi_wipe(scratch.data, scratch.capacity);
    }
    whi_buf_free(&scratch);
    *to = code == WH_OK ? copy : NULL;
    return code == WH_OK && strlen(copy) != size ? whi_source_wrong(self, node, "a text without a zero byte") : code;
}

static int is_text(const whi_source_reader *self, uint32_t node) {
    return self->out->json.nodes[node].type == WHI_JSON_STRING;
}

int whi_source_read_text(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    (void)which;
    return is_text(self, node) ? whi_source_take_text(self, node, to) : whi_source_wrong(self, node, "a text");
}

int whi_source_read_filled(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    const char **text = to;
    int code = whi_source_read_text(self, node, which, to);

    return code == WH_OK && **text == '\0' ? whi_source_wrong(self, node, "a text that is not empty") : code;
}

int whi_source_read_path(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    const char **text = to;
    int code = whi_source_read_text(self, node, which, to);

    return code == WH_OK ? whi_source_path_check(self->field, *text) : code;
}

int whi_source_read_number(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    char expected[80];
    int64_t *number = to;

    if (self->out->json.nodes[node].type != WHI_JSON_NUMBER || !whi_json_whole(&self->out->json, node, number) ||
        *number < which->least || *number > which->most) {
        snprintf(expected, sizeof expected, "%lld to %lld", (long long)which->least, (long long)which->most);
        return whi_source_wrong(self, node, expected);
    }
    return WH_OK;
}

int whi_source_read_flag(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    int type = self->out->json.nodes[node].type;

    (void)which;
    *(int *)to = type == WHI_JSON_TRUE;
    return type == WHI_JSON_TRUE || type == WHI_JSON_FALSE ? WH_OK : whi_source_wrong(self, node, "true or false");
}

int whi_source_read_word(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    char expected[160] = "one of";

    for (int i = 0; which->words[i] != NULL; i++) {
        size_t used = strlen(expected);

        if (is_text(self, node) &&
            whi_json_string_is(&self->out->json, node, which->words[i], strlen(which->words[i]))) {
            *(int *)to = i;
            return WH_OK;
        }
        snprintf(expected + used, sizeof expected - used, "%s %s", i > 0 ? "," : "", which->words[i]);
    }
    return whi_source_wrong(self, node, expected);
}

static int fail_member(const whi_source_reader *self, uint32_t name, const whi_source_member *table) {
    char expected[360] = "";
    size_t size, used;
    const char *text = whi_json_span(&self->out->json, name, &size);

    for (; table->name != NULL; table++) {
        used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s", used > 0 ? ", " : "", table->name);
    }
    return whi_fail_field(WH_EINVALID, self->field[0] != '\0' ? self->field : "document",
                          "unknown member %.*s, expected %s", size < 40 ? (int)size : 40, text, expected);
}

/* Appends a member's name to the field. Returns where it was. */
size_t whi_source_enter_field(whi_source_reader *self, const char *name) {
    size_t before = strlen(self->field);

    snprintf(self->field + before, sizeof self->field - before, "%s%.60s", before > 0 ? "." : "", name);
    return before;
}

static int read_member(whi_source_reader *self, uint32_t name, const whi_source_member *table, void *base) {
    for (const whi_source_member *one = table; one->name != NULL; one++) {
        if (whi_json_string_is(&self->out->json, name, one->name, strlen(one->name))) {
            size_t before = whi_source_enter_field(self, one->name);
            int code = self->out->json.nodes[name + 1].type == WHI_JSON_NULL
                           ? WH_OK
                           : one->read(self, name + 1, one, (char *)base + one->place);

            self->field[before] = code == WH_OK ? '\0' : self->field[before];
            return code;
        }
    }
    return fail_member(self, name, table);
}

int whi_source_read_object(whi_source_reader *self, uint32_t node, const whi_source_member *table, void *base) {
    const whi_json *json = &self->out->json;
    int code = WH_OK;

    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return whi_source_wrong(self, node, "an object");
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        code = read_member(self, at, table, base);
    }
    return code;
}

/* ------------------------------------------------------------------- pairs and lists */

static int read_pair(whi_source_reader *self, uint32_t name, whi_source_pairs *pairs) {
    whi_source_pair *pair = &pairs->list[pairs->count];
    size_t before;
    int code;

    if (pairs->count == WHI_SOURCE_PAIRS) {
        return whi_fail_field(WH_ELIMIT, self->field, "more than %d members", WHI_SOURCE_PAIRS);
    }
    code = whi_source_take_text(self, name, &pair->name);
    if (code != WH_OK) {
        return code;
    }
    before = whi_source_enter_field(self, pair->name);
    code = whi_source_read_filled(self, name + 1, NULL, &pair->value);
    pairs->count += code == WH_OK;
    self->field[before] = code == WH_OK ? '\0' : self->field[before];
    return code;
}

int whi_source_read_pairs(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    const whi_json *json = &self->out->json;
    int code = WH_OK;

    (void)which;
    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return whi_source_wrong(self, node, "an object of texts");
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        code = read_pair(self, at, to);
    }
    return code;
}

int whi_source_read_names(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    const whi_json *json = &self->out->json;
    whi_source_names *names = to;
    int code = WH_OK;

    (void)which;
    if (json->nodes[node].type != WHI_JSON_ARRAY) {
        return whi_source_wrong(self, node, "a list of texts");
    }
    for (uint32_t at = node + 1; code == WH_OK && at < json->nodes[node].next; at = json->nodes[at].next) {
        if (names->count == WHI_SOURCE_NAMES) {
            return whi_fail_field(WH_ELIMIT, self->field, "more than %d", WHI_SOURCE_NAMES);
        }
        code = whi_source_read_filled(self, at, NULL, &names->list[names->count]);
        names->count += code == WH_OK;
    }
    return code;
}
