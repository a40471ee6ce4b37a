#include "pure/poll_page.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "pure/canonical.h"
#include "pure/hmac.h"
#include "pure/json_prune.h"

/* ------------------------------------------------------------------------ ids */

#define UUID_SIZE 36
#define HEX_LEAST 16 /* letters from which on it is worth the while */
#define HEX_MOST 128

static int nibble(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int is_dash(size_t i) {
    return i == 8 || i == 13 || i == 18 || i == 23;
}

/* Lower-case digits, in pairs; of a uuid with its dashes. */
static int pack_hex(whi_poll_id *out, const char *text, size_t size, int uuid) {
    int high = -1;

    out->size = 1;
    for (size_t i = 0; i < size; i++) {
        int value = nibble(text[i]);
        if (uuid && is_dash(i)) {
            if (text[i] != '-') {
                return 0;
            }
            continue;
        }
        if (value < 0) {
            return 0;
        }
        if (high < 0) {
            high = value;
        } else {
            out->bytes[out->size++] = (unsigned char)(high << 4 | value);
            high = -1;
        }
    }
    out->bytes[0] = uuid ? 'u' : 'h';
    return high < 0;
}

static void pack_plain(whi_poll_id *out, char letter, const char *text, size_t size) {
    out->bytes[0] = (unsigned char)letter;
    memcpy(out->bytes + 1, text, size);
    out->size = size + 1;
}

static void pack_text(whi_poll_id *out, const char *text, size_t size) {
    if (size == UUID_SIZE && pack_hex(out, text, size, 1)) {
        return;
    }
    if (size >= HEX_LEAST && size <= HEX_MOST && pack_hex(out, text, size, 0)) {
        return;
    }
    pack_plain(out, 't', text, size);
}

static int pack_string(whi_poll_id *out, const whi_json *json, uint32_t node) {
    whi_buf scratch;
    size_t size;
    const char *text;
    int code = WH_OK;

    whi_buf_init(&scratch, WHI_JSON_MAXIMUM);
    text = whi_json_string(json, node, &scratch, &size);
    if (text == NULL) {
        code = whi_fail_memory();
    } else if (size == 0 || size > WHI_POLL_ID_TEXT) {
        code = WH_EINVALID;
    } else {
        pack_text(out, text, size);
    }
    whi_buf_free(&scratch);
    return code;
}

int whi_poll_id_pack(whi_poll_id *out, const whi_json *json, uint32_t node) {
    size_t size;
    const char *text;

    if (json->nodes[node].type == WHI_JSON_STRING) {
        return pack_string(out, json, node);
    }
    text = whi_json_span(json, node, &size);
    if (json->nodes[node].type != WHI_JSON_NUMBER || size > WHI_POLL_ID_TEXT) {
        return WH_EINVALID;
    }
    pack_plain(out, 'n', text, size);
    return WH_OK;
}

static void write_hex(const unsigned char *bytes, size_t size, int uuid, whi_buf *out) {
    char digits[3];

    whi_buf_char(out, '"');
    for (size_t i = 0; i < size; i++) {
        whi_buf_text(out, uuid && (i == 4 || i == 6 || i == 8 || i == 10) ? "-" : "");
        whi_hex_write(bytes + i, 1, digits);
        whi_buf_add(out, digits, 2);
    }
    whi_buf_char(out, '"');
}

void whi_poll_id_write(const unsigned char *id, size_t size, whi_buf *out) {
    if (id[0] == 'n') {
        whi_buf_add(out, id + 1, size - 1);
    } else if (id[0] == 't') {
        whi_json_write_string(out, (const char *)id + 1, size - 1);
    } else {
        write_hex(id + 1, size - 1, id[0] == 'u', out);
    }
}

/* -------------------------------------------------------------------- objects */

typedef struct hashing {
    EVP_MAC_CTX *context;
    whi_buf text;
} hashing;

static int hash_object(hashing *self, const whi_poll_reader *reader, const whi_json *json, whi_poll_object *object) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t size = 0;
    int code;

    whi_buf_clear(&self->text);
    code = whi_canonical(json, object->node, reader->without, &self->text);
    if (code != WH_OK) {
        return code;
    }
    if (EVP_MAC_init(self->context, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(self->context, (const unsigned char *)self->text.data, self->text.size) != 1 ||
        EVP_MAC_final(self->context, digest, &size, sizeof digest) != 1) {
        return whi_fail(WH_EINTERNAL, "OpenSSL hashes nothing");
    }
    object->content = 0;
    for (int i = 0; i < 6; i++) {
        object->content = object->content << 8 | digest[i];
    }
    object->content >>= 1;
    return WH_OK;
}

/* A text, or ms; seconds, which are below all times of ms that are told here, become ms. */
static int64_t time_of(const whi_json *json, uint32_t node) {
    char text[64];
    size_t size;
    const char *at;
    int64_t time = 0;

    if (node == WHI_JSON_NONE) {
        return 0;
    }
    at = whi_json_span(json, node, &size);
    if (json->nodes[node].type == WHI_JSON_NUMBER) {
        return !whi_json_int(json, node, &time) || time < 0 ? 0 : time < WHI_TIME_LEAST ? time * 1000 : time;
    }
    if (json->nodes[node].type != WHI_JSON_STRING || size < 2 || size - 2 >= sizeof text) {
        return 0;
    }
    memcpy(text, at + 1, size - 2);
    text[size - 2] = '\0';
    return whi_time_parse(text, &time) == WH_OK && time > 0 ? time : 0;
}

static int is_wanted(const whi_poll_reader *reader, const whi_json *json, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);
    whi_json alone = { 0 };
    int wanted = 1, code;

    if (reader->filter == NULL) {
        return 1;
    }
    code = whi_json_scan(&alone, text, size, WHI_JSON_DEPTH_MAXIMUM);
    wanted = code == WH_OK ? whi_filter_match(reader->filter, &alone, NULL) : code;
    whi_json_free(&alone);
    return wanted;
}

/* What nests deeper may have been cut, so that it is not what the source has, whatever a payload may have. */
static uint32_t depth_of(const whi_poll_reader *reader) {
    return (uint32_t)(reader->depth < WHI_JSON_WHOLE_DEPTH ? reader->depth : WHI_JSON_WHOLE_DEPTH);
}

static int take_object(whi_poll_page *page, const whi_poll_reader *reader, hashing *hash, uint32_t node) {
    const whi_json *json = &page->json;
    whi_poll_object *object = &page->list[page->count];
    uint32_t id = whi_json_member(json, node, "id", 2), deleted = whi_json_member(json, node, "deleted", 7);
    whi_poll_id packed;
    size_t size;
    int code;

    (void)whi_json_span(json, node, &size);
    code = id != WHI_JSON_NONE ? whi_poll_id_pack(&packed, json, id) : WH_EINVALID;
    if (code == WH_EINVALID) {
        page->skipped++;
        return WH_OK;
    }
    *object = (whi_poll_object){ .node = node, .id_at = page->ids.size, .id_size = packed.size };
    if (code == WH_OK) {
        whi_buf_add(&page->ids, packed.bytes, packed.size);
        code = whi_buf_status(&page->ids);
    }
    object->deleted = deleted != WHI_JSON_NONE && json->nodes[deleted].type == WHI_JSON_TRUE;
    object->large = size > reader->object_bytes || whi_json_is_deeper(json, node, depth_of(reader));
    object->updated_at = time_of(json, whi_json_member(json, node, "updated_at", 10));
    object->wanted = code == WH_OK ? is_wanted(reader, json, node) : code;
    code = object->wanted < 0 ? object->wanted : code;
    code = code == WH_OK ? hash_object(hash, reader, json, object) : code;
    page->count += code == WH_OK;
    page->large += code == WH_OK && object->large;
    return code;
}

/* ------------------------------------------------------------------ the page */

const unsigned char *whi_poll_page_id(const whi_poll_page *page, const whi_poll_object *object) {
    return (const unsigned char *)page->ids.data + object->id_at;
}

typedef struct place {
    const unsigned char *id;
    size_t size, at;
} place;

static int compare(const void *a, const void *b) {
    const place *one = a, *other = b;
    int order;

    if (one->size != other->size) {
        return one->size < other->size ? -1 : 1;
    }
    order = memcmp(one->id, other->id, one->size);
    return order != 0 ? order : one->at < other->at ? -1 : 1;
}

static int find_former(whi_poll_page *page) {
    place *places = whi_alloc((page->count + 1) * sizeof *places);

    if (places == NULL) {
        return whi_fail_memory();
    }
    for (size_t i = 0; i < page->count; i++) {
        places[i] = (place){ whi_poll_page_id(page, &page->list[i]), page->list[i].id_size, i };
    }
    qsort(places, page->count, sizeof *places, compare);
    for (size_t i = 1; i < page->count; i++) {
        if (places[i].size == places[i - 1].size && memcmp(places[i].id, places[i - 1].id, places[i].size) == 0) {
            page->list[places[i - 1].at].former = 1;
        }
    }
    whi_free(places);
    return WH_OK;
}

static int take_objects(whi_poll_page *page, const whi_poll_reader *reader, hashing *hash) {
    uint32_t end = page->json.nodes[0].next;
    int code = WH_OK;

    for (uint32_t at = whi_json_first(&page->json, 0); code == WH_OK && at != WHI_JSON_NONE && at < end;
         at = page->json.nodes[at].next) {
        code = take_object(page, reader, hash, at);
    }
    return code == WH_OK ? find_former(page) : code;
}

static int scan(whi_poll_page *page, const char *items, size_t size) {
    int code;

    if (size > WHI_POLL_PAGE_BYTES) {
        return whi_fail(WH_ELIMIT, "a page of %zu bytes, expected at most %zu", size, WHI_POLL_PAGE_BYTES);
    }
    code = whi_json_scan_pruned(&page->json, items, size, &page->pruned);
    if (code != WH_OK) {
        return code;
    }
    if (page->json.nodes[0].type != WHI_JSON_ARRAY) {
        return whi_fail(WH_EINVALID, "a page that is no list of objects");
    }
    return page->json.nodes[0].count <= WHI_POLL_OBJECTS
               ? WH_OK
               : whi_fail(WH_EINVALID, "a page of %u objects, expected at most %d", page->json.nodes[0].count,
                          WHI_POLL_OBJECTS);
}

int whi_poll_page_read(whi_poll_page *page, const whi_poll_reader *reader, const char *items, size_t size) {
    hashing hash = { NULL, { 0 } };
    int code;

    whi_buf_init(&page->pruned, SIZE_MAX / 4);
    code = scan(page, items, size);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&page->ids, SIZE_MAX / 4);
    whi_buf_init(&hash.text, SIZE_MAX / 4);
    page->list = whi_alloc((page->json.nodes[0].count + (size_t)1) * sizeof *page->list);
    hash.context = whi_hmac_new("SHA256", reader->salt, WHI_POLL_SALT);
    code = page->list != NULL && hash.context != NULL ? take_objects(page, reader, &hash) : whi_fail_memory();
    EVP_MAC_CTX_free(hash.context);
    whi_buf_free(&hash.text);
    return code;
}

void whi_poll_page_free(whi_poll_page *page) {
    whi_json_free(&page->json);
    whi_buf_free(&page->pruned);
    whi_buf_free(&page->ids);
    whi_free(page->list);
    *page = (whi_poll_page){ 0 };
}
