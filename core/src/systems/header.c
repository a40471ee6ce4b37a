/* Tests: test_subscription. */
#include "systems/header.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"
#include "systems/list.h"

/* RFC 9110 5.6.2 */
static int is_token_of(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && strchr("!#$%&'*+-.^_`|~", c) == NULL) {
            return 0;
        }
    }
    return size > 0;
}

static int is_token(const char *text) {
    return is_token_of(text, strlen(text));
}

int whi_header_is_media_type(const char *text) {
    size_t type = strcspn(text, "/"), subtype = text[type] == '/' ? strcspn(text + type + 1, " \t;") : 0;
    const char *rest = text + type + 1 + subtype;

    if (subtype == 0 || !is_token_of(text, type) || !is_token_of(text + type + 1, subtype)) {
        return 0;
    }
    rest += strspn(rest, " \t");
    for (const char *at = rest; *at != '\0'; at++) {
        if ((*at < ' ' || *at > '~') && *at != '\t') {
            return 0;
        }
    }
    return *rest == '\0' || *rest == ';';
}

int whi_header_same_name(const char *a, const char *b) {
    size_t size = strcspn(a, ":;");

    return size == strcspn(b, ":;") && whi_ascii_same_part(a, b, size);
}

/* Those that the systems sign in; NULL for those that sign in none of their own. */
static const char *const signing[] = {
#define WHI_X(name, header) header,
    WHI_SYSTEMS(WHI_X)
#undef WHI_X
};

static const char *const ours[] = {
    "host",    "content-length", "content-type", "transfer-encoding", "expect",     "te",
    "trailer", "upgrade",        "keep-alive",   "proxy-connection",  "connection",
};

static int is_among(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL && whi_ascii_same(name, names[i])) {
            return 1;
        }
    }
    return 0;
}

int whi_header_may_sign(const char *name) {
    return strlen(name) <= WHI_HEADER_NAME_MAXIMUM && is_token(name) &&
           !is_among(ours, sizeof ours / sizeof ours[0], name) && !whi_ascii_same(name, "content-encoding") &&
           !whi_ascii_same(name, "authorization");
}

static int is_reserved(const char *name) {
    return is_among(ours, sizeof ours / sizeof ours[0], name) ||
           is_among(signing, sizeof signing / sizeof signing[0], name) || whi_ascii_same_part(name, "webhook-", 8) ||
           whi_ascii_same_part(name, "svix-", 5);
}

static int fail_header(const char *name, const char *reason) {
    char field[WHI_HEADER_NAME_MAXIMUM + 16];

    snprintf(field, sizeof field, "headers.%s", name);
    return whi_fail_field(WH_EINVALID, field, "%s", reason);
}

static int check_name(const char *name) {
    char found[64];

    if (strlen(name) > WHI_HEADER_NAME_MAXIMUM) {
        return whi_fail_field(WH_ELIMIT, "headers", "a name of %zu bytes is longer than the limit of %d", strlen(name),
                              WHI_HEADER_NAME_MAXIMUM);
    }
    if (!is_token(name)) {
        return whi_fail_field(WH_EINVALID, "headers", "expected names of letters, digits and - _, found \"%s\"",
                              whi_text_shown(name, found, sizeof found));
    }
    return is_reserved(name) ? fail_header(name, "reserved") : WH_OK;
}

static int check_value(const char *name, const char *value) {
    char reason[80];

    for (; *value != '\0'; value++) {
        if ((*value < ' ' || *value > '~') && *value != '\t') {
            snprintf(reason, sizeof reason, "expected visible ASCII, blanks and tabs, found byte 0x%02x",
                     (unsigned)(unsigned char)*value);
            return fail_header(name, reason);
        }
    }
    return WH_OK;
}

/* RFC 9110 5.5: blanks around a value are no part of it. */
static const char *trim(const char *value, size_t *size) {
    value += strspn(value, " \t");
    for (*size = strlen(value); *size > 0 && strchr(" \t", value[*size - 1]) != NULL; --*size) {}
    return value;
}

int whi_header_line(const char *name, const char *value, char **out) {
    whi_buf line;
    size_t size;
    int code = check_name(name);

    code = code == WH_OK ? check_value(name, value) : code;
    if (code != WH_OK) {
        return code;
    }
    value = trim(value, &size);
    whi_buf_init(&line, WHI_HEADER_BYTES * 2);
    whi_buf_text(&line, name);
    whi_buf_text(&line, size > 0 ? ": " : ";");
    whi_buf_add(&line, value, size);
    return whi_buf_take(&line, out, NULL);
}
