/* A template, a zero byte, a value: whatever the value is, it stays in its place. In a query it adds none of the
 * letters that mean something there, in a header no line end, in a body the JSON keeps its shape, in a URL its host. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/source_template.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void fill(const char *template, const whi_source_values *values, enum whi_source_place place,
                 const char *without) {
    whi_buf out;
    int missing;

    whi_buf_init(&out, (size_t)1 << 24);
    if (whi_source_fill(&out, "f", template, place, values, &missing) == WH_OK && out.size > 0) {
        must(strlen(out.data) == out.size && strpbrk(out.data, without) == NULL);
    }
    whi_buf_free(&out);
}

static void fill_url(const char *template, const whi_source_values *values) {
    const char *path = strstr(template, "://"), *found;
    whi_buf out;

    whi_buf_init(&out, (size_t)1 << 24);
    if (path != NULL && strstr(template, "{{") == NULL && whi_source_host_check(template) == WH_OK &&
        whi_source_fill_url(&out, template, values) == WH_OK) {
        found = strstr(out.data, "://");
        must(found != NULL);
        path += 3 + strcspn(path + 3, "/?#");
        found += 3 + strcspn(found + 3, "/?#");
        must(*path == *found); /* the host ends where the template's does */
    }
    whi_buf_free(&out);
}

static void fill_json(const char *template, size_t size, const whi_source_values *values) {
    whi_json json = { 0 }, filled = { 0 };
    whi_buf out;

    whi_buf_init(&out, (size_t)1 << 24);
    if (whi_json_scan(&json, template, size, 100) == WH_OK && whi_source_fill_json(&out, &json, 0, values) == WH_OK) {
        must(whi_json_scan(&filled, out.data, out.size, 100) == WH_OK);
        must(filled.count == json.count);
    }
    whi_buf_free(&out);
    whi_json_free(&filled);
    whi_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) : size;
    char *text = malloc(size + 2);
    whi_source_values values = { .limit = 5, .changed_since = 1764500000123, .object_type = "o" };

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    values.page = values.connection = values.tenant = text + length + (end != NULL);
    values.page_is_number = 0;
    text[length] = '\0';
    fill(text, &values, WHI_SOURCE_IN_QUERY, "&=#?/ \r\n\"<>");
    if (strpbrk(text, "\r\n") == NULL) {
        fill(text, &values, WHI_SOURCE_IN_HEADER, "\r\n");
    }
    fill_url(text, &values);
    fill_json(text, length, &values);
    free(text);
    return 0;
}
