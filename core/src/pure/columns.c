#include "pure/columns.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/hex.h"
#include "base/utf8.h"

#define HASH_BYTES 5 /* 40 bits: fields of one table are few */
#define HASH_LETTERS (2 * HASH_BYTES)
#define ROOM 255 /* bytes of a name where the rules say less */
#define POWER_MAXIMUM 1000000000

static const char *const words[] = { "text", "boolean", "integer", "decimal", "json", "time", "other" };

const char *whi_column_word(int kind) {
    return words[kind];
}

/* --------------------------------------------------------------------- names */

/* A name as it grows. */
struct name {
    char *out;
    size_t size, letters;      /* so far */
    size_t most, letters_most; /* without what comes behind */
    int is_changed;
};

/* 1 if there was room. */
static int add(struct name *name, const char *letter, size_t size) {
    if (name->size + size > name->most || name->letters + 1 > name->letters_most) {
        name->is_changed = 1;
        return 0;
    }
    memcpy(name->out + name->size, letter, size);
    name->size += size;
    name->letters++;
    return 1;
}

/* Bytes of the letter at text that a name can hold; 0 for one that it cannot. */
static size_t letter_of(const whi_column_rules *rules, const char *text, size_t left) {
    const unsigned char *s = (const unsigned char *)text;
    size_t length = s[0] < 0x80 ? 1 : whi_utf8_length(s, left);

    if (s[0] < 0x20 || s[0] == 0x7f || (length == 4 && rules->is_basic)) {
        return 0;
    }
    return length;
}

static void add_all(struct name *name, const whi_column_rules *rules, const char *text, size_t size) {
    size_t i = 0, length;

    while (i < size) {
        length = letter_of(rules, text + i, size - i);
        if (!(length > 0 ? add(name, text + i, length) : add(name, "_", 1))) {
            return;
        }
        name->is_changed |= length == 0;
        i += length > 0 ? length : 1;
    }
}

static size_t least(size_t a, size_t b) {
    return a != 0 && a < b ? a : b;
}

static void begin(struct name *name, const whi_column_rules *rules, char *out, size_t behind) {
    memset(name, 0, sizeof *name);
    name->out = out;
    name->most = least(rules->bytes, ROOM) - behind;
    name->letters_most = least(rules->letters, ROOM) - behind;
}

static void write_hash(char out[WHI_HEX_SIZE(HASH_BYTES)], const char *text, size_t size) {
    unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };

    whi_crypto_begin();
    (void)EVP_Digest(text, size, digest, NULL, EVP_sha256(), NULL); /* without memory: a name all the same */
    whi_hex_write(digest, HASH_BYTES, out);
}

static void finish(struct name *name, const whi_column_rules *rules, const char *word, const char *hash) {
    if (rules->is_basic && name->size > 0 && name->out[name->size - 1] == ' ') {
        name->out[name->size - 1] = '_';
        name->is_changed = 1;
    }
    snprintf(name->out + name->size, WHI_COLUMN_SIZE - name->size, "%s%s%s%s", word != NULL ? "_" : "",
             word != NULL ? word : "", hash != NULL ? "_" : "", hash != NULL ? hash : "");
}

/* begins: NULL, or what the name has to begin with for being nobody else's. */
static void make(char out[WHI_COLUMN_SIZE], const whi_column_rules *rules, const char *begins, const char *text,
                 size_t size, const char *word, int apart) {
    size_t behind = word != NULL ? 1 + strlen(word) : 0;
    char hash[WHI_HEX_SIZE(HASH_BYTES)];
    struct name name;

    begin(&name, rules, out, behind);
    add_all(&name, rules, text, size);
    finish(&name, rules, word, NULL);
    if (!name.is_changed && begins == NULL && size > 0 && !apart) {
        return;
    }
    write_hash(hash, text, size);
    begin(&name, rules, out, behind + 1 + HASH_LETTERS);
    add_all(&name, rules, begins != NULL ? begins : "", begins != NULL ? strlen(begins) : 0);
    add_all(&name, rules, text, size);
    finish(&name, rules, word, hash);
}

/* Whose a name is, is asked of the one that comes out: what was changed on the way may have become somebody else's. */

void whi_column_name(char out[WHI_COLUMN_SIZE], const whi_column_rules *rules, const char *text, size_t size,
                     const char *word, int apart) {
    make(out, rules, NULL, text, size, word, apart);
    if (out[0] == '_') {
        make(out, rules, "field", text, size, word, apart);
    }
}

int whi_column_is_same(const whi_column_rules *rules, const char *a, const char *b) {
    return rules->folds ? whi_ascii_same(a, b) : strcmp(a, b) == 0;
}

/* 1 for a name that the database keeps for itself. */
static int is_system(const whi_column_rules *rules, const char *name) {
    return rules->system != NULL && whi_ascii_same_part(name, rules->system, strlen(rules->system));
}

void whi_column_table(char out[WHI_COLUMN_SIZE], const whi_column_rules *rules, const char *prefix, const char *type) {
    char whole[1024];
    int size = snprintf(whole, sizeof whole, "%s%s", prefix != NULL ? prefix : "", type);
    size_t used = size < (int)sizeof whole ? (size_t)size : sizeof whole - 1;

    make(out, rules, used == 0 ? "table_" : NULL, whole, used, NULL, 0);
    if (is_system(rules, out)) {
        make(out, rules, "table_", whole, used, NULL, 0);
    }
}

/* --------------------------------------------------------------------- kinds */

/* The power of ten behind a number's digits: "e-5" is -5. Beyond reason it stays at the maximum. */
static int64_t read_power(const char *text, const char *end) {
    int is_negative = text < end && *text == '-';
    int64_t power = 0;

    for (text += text < end && (*text == '-' || *text == '+'); text < end; text++) {
        power = power < POWER_MAXIMUM ? power * 10 + (*text - '0') : POWER_MAXIMUM;
    }
    return is_negative ? -power : power;
}

/* Where the first and the last digit stand that is not 0: of 0.05e1 both are at -1 + 1, where 0 is the digit
 * before the point. 0 if all are 0. */
struct digits {
    int64_t first, last;
    int is_nothing;
};

static void count_digits(struct digits *out, const char *text, size_t size) {
    const char *end = text + size, *power = text, *point = NULL;
    int64_t place, shift;

    while (power < end && *power != 'e' && *power != 'E') {
        point = *power == '.' ? power : point;
        power++;
    }
    shift = power < end ? read_power(power + 1, end) : 0;
    place = (point != NULL ? point : power) - text - 1;
    out->is_nothing = 1;
    for (const char *at = text; at < power; at++) {
        if (*at == '.') {
            continue;
        }
        if (*at != '0' && *at != '-') {
            out->first = out->is_nothing ? place + shift : out->first;
            out->last = place + shift;
            out->is_nothing = 0;
        }
        place--;
    }
}

static int number_kind(const whi_column_rules *rules, const whi_json *json, uint32_t node) {
    struct digits digits;
    int64_t number;
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    if (whi_json_int(json, node, &number)) {
        return WHI_COLUMN_INTEGER;
    }
    count_digits(&digits, text, size);
    return digits.is_nothing || (digits.first < rules->whole && -digits.last <= rules->fraction) ? WHI_COLUMN_DECIMAL
                                                                                                 : WHI_COLUMN_TEXT;
}

/* Escaped is the only way in which JSON has it. */
static int holds_zero(const whi_json *json, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] == '\\') {
            if (size - i > 6 && memcmp(text + i, "\\u0000", 6) == 0) {
                return 1;
            }
            i++;
        }
    }
    return 0;
}

int whi_column_kind_of(const whi_column_rules *rules, const whi_json *json, uint32_t node) {
    switch (json->nodes[node].type) {
    case WHI_JSON_FALSE:
    case WHI_JSON_TRUE:
        return WHI_COLUMN_BOOLEAN;
    case WHI_JSON_NUMBER:
        return number_kind(rules, json, node);
    case WHI_JSON_STRING:
        return !rules->has_zero && holds_zero(json, node) ? WHI_COLUMN_JSON : WHI_COLUMN_TEXT;
    case WHI_JSON_ARRAY:
    case WHI_JSON_OBJECT:
        return WHI_COLUMN_JSON;
    default:
        return WHI_COLUMN_NONE;
    }
}

int whi_column_takes(int column, int value) {
    return column == value || column == WHI_COLUMN_OTHER ||
           (column == WHI_COLUMN_DECIMAL && value == WHI_COLUMN_INTEGER) ||
           (column == WHI_COLUMN_TEXT && value == WHI_COLUMN_TIME);
}

/* --------------------------------------------------------------------- times */

int whi_column_may_be_time(const char *field, size_t size) {
    return size > 3 && memcmp(field + size - 3, "_at", 3) == 0;
}

/* 1 if the text has the form: 0 stands for a digit. */
static int has_form(const char *text, const char *form) {
    for (; *form != '\0'; form++, text++) {
        if (*form == '0' ? !whi_ascii_is_digit(*text) : *text != *form) {
            return 0;
        }
    }
    return 1;
}

static int has_offset(const char *text) {
    return (text[0] == 'Z' && text[1] == '\0') ||
           ((text[0] == '+' || text[0] == '-') && has_form(text + 1, "00:00") && text[6] == '\0');
}

int whi_column_time(const char *text, size_t size, int64_t *out) {
    char copy[48];
    const char *at = copy + 19;

    if (size >= sizeof copy || size < 20) {
        return 0;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (!has_form(copy, "0000-00-00T00:00:00") || memcmp(copy, "0000", 4) == 0) {
        return 0;
    }
    if (at[0] == '.' && whi_ascii_is_digit(at[1])) {
        at += 1 + strspn(at + 1, "0123456789");
    }
    return strlen(copy) == size && has_offset(at) && whi_time_parse(copy, out) == 0 && *out <= WHI_TIME_MOST;
}
