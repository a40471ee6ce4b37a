/* Columns of an object's fields. A name is one that the database takes, the same each time, and nobody else's; a value
 * is of a kind that its column takes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "pure/columns.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const whi_column_rules rules[] = {
    { .bytes = 63, .whole = 131072, .fraction = 16383 },
    { .letters = 64, .is_basic = 1, .folds = 1, .has_zero = 1, .whole = 35, .fraction = 30 },
    { .bytes = 200, .folds = 1, .has_zero = 1, .whole = INT64_MAX, .fraction = INT64_MAX, .system = "sqlite_" },
};

static void must(int good) {
    if (!good) {
        abort();
    }
}

static size_t letters_of(const char *name) {
    size_t letters = 0;

    for (; *name != '\0'; name++) {
        letters += ((unsigned char)*name & 0xc0) != 0x80;
    }
    return letters;
}

static void check_name(const whi_column_rules *rule, const char *name) {
    size_t size = strlen(name);

    must(size > 0 && size < WHI_COLUMN_SIZE && whi_utf8_check(name, size));
    must(rule->bytes == 0 || size <= rule->bytes);
    must(rule->letters == 0 || letters_of(name) <= rule->letters);
    for (size_t i = 0; i < size; i++) {
        must((unsigned char)name[i] >= 0x20 && name[i] != 0x7f && !(rule->is_basic && (unsigned char)name[i] >= 0xf0));
    }
    must(!rule->is_basic || name[size - 1] != ' ');
}

static void check_field(const whi_column_rules *rule, const char *text, size_t size) {
    char name[WHI_COLUMN_SIZE], again[WHI_COLUMN_SIZE], apart[WHI_COLUMN_SIZE];

    for (int kind = WHI_COLUMN_NONE; kind < WHI_COLUMN_KINDS; kind++) {
        const char *word = kind >= 0 ? whi_column_word(kind) : NULL;

        whi_column_name(name, rule, text, size, word, 0);
        whi_column_name(again, rule, text, size, word, 0);
        whi_column_name(apart, rule, text, size, word, 1);
        check_name(rule, name);
        check_name(rule, apart);
        must(name[0] != '_' && apart[0] != '_' && strcmp(name, again) == 0);
    }
}

static void check_table(const whi_column_rules *rule, const char *type) {
    char name[WHI_COLUMN_SIZE];

    whi_column_table(name, rule, "p_", type);
    check_name(rule, name);
    whi_column_table(name, rule, NULL, type);
    check_name(rule, name);
    must(rule->system == NULL || strncmp(name, rule->system, strlen(rule->system)) != 0);
}

static void check_values(const whi_column_rules *rule, const char *text, size_t size) {
    whi_json json = { 0 };

    if (whi_json_scan(&json, text, size, 64) == WH_OK) {
        for (uint32_t i = 0; i < json.nodes[0].next; i++) {
            int kind = whi_column_kind_of(rule, &json, i);

            must(kind >= WHI_COLUMN_NONE && kind < WHI_COLUMN_OTHER);
            must(kind == WHI_COLUMN_NONE || whi_column_takes(kind, kind));
        }
    }
    whi_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    int64_t ms;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        check_field(&rules[i], text, size);
        check_table(&rules[i], text);
        check_values(&rules[i], text, size);
    }
    if (whi_column_time(text, size, &ms)) {
        must(size >= 20 && text[10] == 'T');
    }
    free(text);
    return 0;
}
