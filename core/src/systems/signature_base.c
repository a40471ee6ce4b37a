/* Tests: test_verify_rfc9421. */
#include "systems/signature_base.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"

#define URL_MAXIMUM 8192
#define METHOD_MAXIMUM 32
#define SCHEME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."

/* A run of text that belongs to somebody else. */
struct span {
    const char *text; /* NULL: not known */
    size_t size;
};

struct target {
    struct span whole, scheme, authority, path, query; /* the query with its "?" */
};

static struct span span(const char *text, size_t size) {
    return (struct span){ text, size };
}

static int is_visible(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return 0;
        }
    }
    return 1;
}

/* ------------------------------------------------------------------------- URL */

static void target_origin(struct target *out, const char *text, size_t size) {
    const char *query = memchr(text, '?', size);
    size_t path = query != NULL ? (size_t)(query - text) : size;

    out->path = path > 0 ? span(text, path) : span("/", 1);
    out->query = query != NULL ? span(query, size - path) : span("?", 1);
}

static int target_read(struct target *out, const char *url) {
    size_t size = url != NULL ? strcspn(url, "#") : 0, scheme, authority;
    const char *at = url;

    memset(out, 0, sizeof *out);
    if (url == NULL) {
        return WH_OK;
    }
    if (size == 0 || size > URL_MAXIMUM || !is_visible(url, size)) {
        return whi_fail_field(WH_EINVALID, "url", "expected 1 to %d visible letters of ASCII", URL_MAXIMUM);
    }
    if (*url == '/') {
        target_origin(out, url, size);
        return WH_OK;
    }
    scheme = strspn(at, SCHEME_LETTERS);
    if (scheme == 0 || strncmp(at + scheme, "://", 3) != 0) {
        return whi_fail_field(WH_EINVALID, "url", "expected \"https://…\", or a path");
    }
    out->whole = span(url, size);
    out->scheme = span(url, scheme);
    at += scheme + 3;
    authority = strcspn(at, "/?#");
    out->authority = span(at, authority);
    target_origin(out, at + authority, size - scheme - 3 - authority);
    return WH_OK;
}

static void add_lower(whi_buf *out, struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.text[i];

        whi_buf_char(out, c >= 'A' && c <= 'Z' ? (char)(c | 32) : c);
    }
}

static int scheme_is(const struct target *target, const char *name) {
    return target->scheme.text != NULL && target->scheme.size == strlen(name) &&
           whi_ascii_same_part(target->scheme.text, name, target->scheme.size);
}

static int ends_with(struct span text, const char *end) {
    size_t size = strlen(end);

    return text.size >= size && memcmp(text.text + text.size - size, end, size) == 0;
}

/* Host and port, without a user and without the scheme's own port. */
static struct span authority_of(const struct target *target, struct span text) {
    const char *user = memchr(text.text, '@', text.size);
    const char *port = scheme_is(target, "https") ? ":443" : scheme_is(target, "http") ? ":80" : ":";

    if (user != NULL) {
        text = span(user + 1, text.size - (size_t)(user + 1 - text.text));
    }
    if (ends_with(text, port)) {
        text.size -= strlen(port);
    }
    return text;
}

/* ------------------------------------------------------------------ components */

static int is_text(const char *value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((value[i] < ' ' && value[i] != '\t') || value[i] > '~') {
            return 0;
        }
    }
    return 1;
}

/* A header that came several times has its values joined, as section 2.1 wants it. */
static int add_header(const whi_check *check, const whi_sf_item *name, whi_buf *out) {
    int found = 0;

    for (size_t i = 0; i < check->header_count; i++) {
        const wh_header *header = &check->headers[i];
        whi_value value;

        if (header->name == NULL || header->value == NULL || strlen(header->name) != name->size ||
            !whi_ascii_same_part(header->name, name->text, name->size)) {
            continue;
        }
        value = whi_value_of(header->value);
        if (!is_text(value.text, value.size)) {
            return whi_fail(WH_ESIG_FORMAT, "header %.*s: expected ASCII without control characters", (int)name->size,
                            name->text);
        }
        whi_buf_text(out, found ? ", " : "");
        whi_buf_add(out, value.text, value.size);
        found = 1;
    }
    return found ? WH_OK
                 : whi_fail(WH_ESIG_HEADER, "header %.*s: missing, and covered by the signature", (int)name->size,
                            name->text);
}

static int add_method(const whi_check *check, whi_buf *out) {
    const char *method = check->options->method != NULL ? check->options->method : "POST";
    size_t size = strnlen(method, METHOD_MAXIMUM + 1);

    if (size == 0 || size > METHOD_MAXIMUM || !is_visible(method, size)) {
        return whi_fail_field(WH_EINVALID, "method", "expected 1 to %d visible letters of ASCII", METHOD_MAXIMUM);
    }
    whi_buf_add(out, method, size);
    return WH_OK;
}

static int fail_url(const whi_sf_item *name, const char *expected) {
    return whi_fail(WH_ESIG_FORMAT, "header signature-input: covers %.*s, which needs %s", (int)name->size, name->text,
                    expected);
}

static int add_authority(const whi_check *check, const struct target *target, const whi_sf_item *name, whi_buf *out) {
    struct span authority = target->authority;
    whi_value host;

    if (authority.text == NULL) {
        int code = whi_header_find(check->headers, check->header_count, "", "host", &host);

        if (code != WH_OK) {
            return code;
        }
        if (host.text == NULL) {
            return fail_url(name, "the url or a header host");
        }
        authority = span(host.text, host.size);
        if (!is_visible(authority.text, authority.size)) {
            return whi_fail(WH_ESIG_FORMAT, "header host: expected visible ASCII");
        }
    }
    add_lower(out, authority_of(target, authority));
    return WH_OK;
}

static int name_is(const whi_sf_item *item, const char *name) {
    return item->size == strlen(name) && memcmp(item->text, name, item->size) == 0;
}

/* Those of the URL apart from the authority. */
static int add_target(const struct target *target, const whi_sf_item *name, whi_buf *out) {
    if (name_is(name, "@target-uri") || name_is(name, "@scheme")) {
        if (target->whole.text == NULL) {
            return fail_url(name, "the whole url");
        }
        if (name_is(name, "@scheme")) {
            add_lower(out, target->scheme);
        } else {
            whi_buf_add(out, target->whole.text, target->whole.size);
        }
        return WH_OK;
    }
    if (target->path.text == NULL) {
        return fail_url(name, "the url");
    }
    if (!name_is(name, "@query")) {
        whi_buf_add(out, target->path.text, target->path.size);
    }
    if (name_is(name, "@query") || (name_is(name, "@request-target") && target->query.size > 1)) {
        whi_buf_add(out, target->query.text, target->query.size);
    }
    return WH_OK;
}

static int add_derived(const whi_check *check, const struct target *target, const whi_sf_item *name, whi_buf *out) {
    static const char *const of_url[] = { "@target-uri", "@scheme", "@request-target", "@path", "@query" };

    if (name_is(name, "@method")) {
        return add_method(check, out);
    }
    if (name_is(name, "@authority")) {
        return add_authority(check, target, name, out);
    }
    for (size_t i = 0; i < sizeof of_url / sizeof of_url[0]; i++) {
        if (name_is(name, of_url[i])) {
            return add_target(target, name, out);
        }
    }
    return whi_fail(WH_ESIG_FORMAT, "header signature-input: component \"%.*s\" is not one that a request has",
                    (int)(name->size < 40 ? name->size : 40), name->text);
}

static int check_component(const whi_sf_member *input, size_t at) {
    const whi_sf_item *item = &input->items[at];
    int size = (int)(item->size < 40 ? item->size : 40);

    if (item->type != WHI_SF_STRING || item->size == 0) {
        return whi_fail(WH_ESIG_FORMAT, "header signature-input: expected the names of components as strings");
    }
    if (item->has_parameters) {
        return whi_fail(WH_ESIG_FORMAT, "header signature-input: parameters of \"%.*s\" are not supported", size,
                        item->text);
    }
    for (size_t i = 0; i < item->size; i++) {
        if (!is_visible(item->text + i, 1) || item->text[i] == '\\' || (item->text[i] >= 'A' && item->text[i] <= 'Z')) {
            return whi_fail(WH_ESIG_FORMAT, "header signature-input: \"%.*s\" is no name in lower case", size,
                            item->text);
        }
    }
    for (size_t i = 0; i < at; i++) {
        if (input->items[i].size == item->size && memcmp(input->items[i].text, item->text, item->size) == 0) {
            return whi_fail(WH_ESIG_FORMAT, "header signature-input: \"%.*s\" found twice, expected once", size,
                            item->text);
        }
    }
    return WH_OK;
}

static int add_line(const whi_check *check, const struct target *target, const whi_sf_item *name, whi_buf *out) {
    int code;

    whi_buf_char(out, '"');
    whi_buf_add(out, name->text, name->size);
    whi_buf_text(out, "\": ");
    code = name->text[0] == '@' ? add_derived(check, target, name, out) : add_header(check, name, out);
    whi_buf_char(out, '\n');
    return code;
}

int whi_signature_base(const whi_check *check, const whi_sf_member *input, whi_buf *out) {
    struct target target;
    int code = target_read(&target, check->options->url);

    for (size_t i = 0; i < input->item_count && code == WH_OK; i++) {
        code = check_component(input, i);
        code = code == WH_OK ? add_line(check, &target, &input->items[i], out) : code;
    }
    if (code != WH_OK) {
        return code;
    }
    whi_buf_text(out, "\"@signature-params\": ");
    whi_sf_write_list(out, input);
    code = whi_buf_status(out);
    return code == WH_ELIMIT ? whi_fail(WH_ESIG_FORMAT, "header signature-input: covers more than %d bytes",
                                        WHI_SIGNATURE_BASE_MAXIMUM)
                             : code;
}
