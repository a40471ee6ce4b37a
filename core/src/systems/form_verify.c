/* Verifying by a form: each header is read as its text has it, and what was signed is put together again.
 * Tests: test_form. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "pure/sign.h"
#include "systems/form.h"

#define VALUE_BYTES 512 /* of an id, a type */

/* What the headers say. */
typedef struct reading {
    const whi_form *form;
    const char *header; /* that is read, for sentences */
    char id[VALUE_BYTES], type[VALUE_BYTES], stamp[WHI_STAMP_DIGITS + 1];
    size_t count;
    uint8_t list[WHI_CHECK_SIGNATURES][WHI_FORM_DIGEST];
} reading;

static int fail_format(const reading *self) {
    return whi_fail(WH_ESIG_FORMAT, "header %s: not as the signature's form has it", self->header);
}

/* Bytes up to the literal behind it, or all. */
static size_t extent(const whi_form_text *text, size_t at, const char *value, size_t size) {
    const whi_form_part *next = at + 1 < text->count ? &text->parts[at + 1] : NULL;

    if (next == NULL || next->what != WHI_FORM_LITERAL) {
        return size;
    }
    for (size_t i = 0; i + next->size <= size; i++) {
        if (memcmp(value + i, next->text, next->size) == 0) {
            return i;
        }
    }
    return size;
}

static int keep(const reading *self, char *place, size_t room, const char *value, size_t size) {
    if (size == 0 || size >= room || (place[0] != '\0' && (strlen(place) != size || memcmp(place, value, size) != 0))) {
        return fail_format(self);
    }
    memcpy(place, value, size);
    place[size] = '\0';
    return WH_OK;
}

static int decode(reading *self, const char *value, size_t size) {
    const whi_form *form = self->form;
    uint8_t *out = self->list[self->count];
    size_t bytes = 0;
    int done = form->base64 ? size == WHI_BASE64_SIZE(form->digest_size) &&
                                  whi_base64_decode(value, size, out, WHI_FORM_DIGEST, &bytes) == WH_OK &&
                                  bytes == form->digest_size
                            : size == 2 * form->digest_size && whi_hex_read(value, form->digest_size, out);

    self->count += done != 0;
    return done;
}

/* One of several: what another scheme has made is passed over. */
static void take_each(reading *self, const char *value, size_t size) {
    const whi_form_text *each = &self->form->each;
    size_t before = 0, behind = 0;
    const whi_form_part *first = &each->parts[0], *last = &each->parts[each->count - 1];

    before = first->what == WHI_FORM_LITERAL ? first->size : 0;
    behind = each->count > 1 && last->what == WHI_FORM_LITERAL ? last->size : 0;
    if (size < before + behind || memcmp(value, first->text != NULL ? first->text : "", before) != 0 ||
        memcmp(value + size - behind, behind > 0 ? last->text : "", behind) != 0) {
        return;
    }
    (void)decode(self, value + before, size - before - behind);
}

static int take_all(reading *self, const char *value, size_t size) {
    const char *between = self->form->between;
    size_t length = strlen(between);

    while (size > 0 && self->count < WHI_CHECK_SIGNATURES) {
        size_t one = 0;
        while (one < size && (one + length > size || memcmp(value + one, between, length) != 0)) {
            one++;
        }
        take_each(self, value, one);
        one += one < size ? length : 0;
        value += one;
        size -= one;
    }
    return size == 0 && self->count > 0 ? WH_OK : fail_format(self);
}

static int take_part(reading *self, const whi_form_part *part, const char *value, size_t size) {
    switch (part->what) {
    case WHI_FORM_ID:
        return keep(self, self->id, sizeof self->id, value, size);
    case WHI_FORM_TYPE:
        return keep(self, self->type, sizeof self->type, value, size);
    case WHI_FORM_TIMESTAMP:
        return keep(self, self->stamp, sizeof self->stamp, value, size);
    case WHI_FORM_SIGNATURE:
        return decode(self, value, size) ? WH_OK : fail_format(self);
    default:
        return take_all(self, value, size);
    }
}

static int take_value(reading *self, const whi_form_text *text, const char *value, size_t size) {
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < text->count; i++) {
        const whi_form_part *part = &text->parts[i];
        size_t used = part->what == WHI_FORM_LITERAL ? part->size : extent(text, i, value, size);

        if (used > size || (part->what == WHI_FORM_LITERAL && memcmp(value, part->text, used) != 0)) {
            return fail_format(self);
        }
        code = part->what == WHI_FORM_LITERAL ? WH_OK : take_part(self, part, value, used);
        value += used;
        size -= used;
    }
    return code == WH_OK && size > 0 ? fail_format(self) : code;
}

/* 1: without it nothing can be verified. */
static int matters(const whi_form *form, const whi_form_text *text) {
    for (size_t i = 0; i < text->count; i++) {
        enum whi_form_what what = text->parts[i].what;
        if (what == WHI_FORM_SIGNATURE || what == WHI_FORM_SIGNATURES) {
            return 1;
        }
        for (size_t k = 0; what != WHI_FORM_LITERAL && k < form->signed_text.count; k++) {
            if (form->signed_text.parts[k].what == what) {
                return 1;
            }
        }
    }
    return 0;
}

static int read_headers(reading *self, const whi_check *check) {
    const whi_form *form = self->form;
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < form->header_count; i++) {
        whi_value value;
        if (!matters(form, &form->values[i])) {
            continue;
        }
        self->header = form->names[i];
        code = whi_check_header(check, form->names[i], &value);
        code = code == WH_OK ? take_value(self, &form->values[i], value.text, value.size) : code;
    }
    return code;
}

static int match(const reading *self, const whi_check *check, const whi_form_message *message) {
    uint8_t bytes[WHI_FORM_DIGEST];
    int matched = 0, code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < check->secret_count; i++) {
        code = check->secrets[i] != NULL ? whi_form_digest(self->form, message, check->secrets[i], bytes)
                                         : whi_fail_field(WH_ESECRET, "secret", "expected a text, found none");
        for (size_t k = 0; code == WH_OK && k < self->count; k++) {
            matched |= whi_equal(self->list[k], bytes, self->form->digest_size);
        }
        code = code == WH_OK ? WH_OK : whi_fail_renamed_item(code, "secrets", i);
    }
    whi_wipe(bytes, sizeof bytes);
    if (code != WH_OK) {
        return code;
    }
    return matched ? WH_OK
                   : whi_fail(WH_ESIG_MISMATCH, "none of %zu signatures fits one of %zu secrets", self->count,
                              check->secret_count);
}

/* 1: part of what is signed. */
static int is_signed(const whi_form *form, enum whi_form_what what) {
    for (size_t i = 0; i < form->signed_text.count; i++) {
        if (form->signed_text.parts[i].what == what) {
            return 1;
        }
    }
    return 0;
}

int whi_form_verify(const whi_form *form, const whi_check *check) {
    reading self = { .form = form };
    whi_form_message message = { .id = self.id, .type = self.type, .body = check->body, .size = check->size };
    int code = read_headers(&self, check);

    if (code == WH_OK && self.stamp[0] != '\0') {
        code = whi_stamp_read("timestamp", self.stamp, strlen(self.stamp), &message.timestamp);
    }
    if (code == WH_OK && is_signed(form, WHI_FORM_TIMESTAMP)) {
        code = self.stamp[0] != '\0'
                   ? whi_stamp_check("timestamp", message.timestamp, check->options->tolerance, check->options->now)
                   : whi_fail(WH_ESIG_HEADER, "timestamp: none of the headers has it");
    }
    if (code == WH_OK && is_signed(form, WHI_FORM_ID)) {
        code = whi_signed_id_check(self.id) == WH_OK
                   ? WH_OK
                   : whi_fail(WH_ESIG_FORMAT, "the id is missing, or one that nobody signs"); /* pure/sign.h says why */
    }
    if (code == WH_OK && is_signed(form, WHI_FORM_URL) && check->options->url == NULL) {
        code = whi_fail_field(WH_EINVALID, "url", "expected the URL that the request came to: it is signed");
    }
    message.url = check->options->url;
    return code == WH_OK ? match(&self, check, &message) : code;
}
