/* wh_verify_as: which format a request has, and whether it holds. Tests: test_verify_as. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "pure/secret.h"
#include "systems/form.h"
#include "systems/registry.h"
#include "webhook.h"

static int has_header(const whi_check *check, const char *name) {
    whi_value value = { NULL, 0 };

    /* Twice is there too: that is for the format to refuse. */
    return name != NULL &&
           (whi_header_find(check->headers, check->header_count, "", name, &value) != WH_OK || value.text != NULL);
}

static int is_told(const whi_check *check, const whi_format *format) {
    return has_header(check, format->header) || has_header(check, format->other);
}

/* Two senders' headers on one request: what one signed must not pass for the other's. */
static int fail_ambiguous(const whi_format *a, const whi_format *b) {
    return whi_fail_field(WH_ESIG_FORMAT, "headers",
                          "those of \"%s\" and of \"%s\", expected one format, or to be told which", a->name, b->name);
}

static int detect_body(const whi_check *check, const whi_format **out) {
    const whi_format *format;

    for (size_t i = 0; (format = whi_format_at(i)) != NULL; i++) {
        int is = format->is_in_body != NULL ? format->is_in_body(check) : 0;
        if (is != 0) {
            *out = format;
            return is < 0 ? is : WH_OK;
        }
    }
    return whi_fail_field(WH_ESIG_HEADER, "headers", "no signature of a known format, and none in the body");
}

static int detect(const whi_check *check, const whi_format **out) {
    const whi_format *format, *found = NULL;

    for (size_t i = 0; (format = whi_format_at(i)) != NULL; i++) {
        if (!is_told(check, format)) {
            continue;
        }
        if (found != NULL) {
            return fail_ambiguous(found, format);
        }
        found = format;
    }
    *out = found;
    return found != NULL ? WH_OK : detect_body(check, out);
}

static int by_name(const char *name, const whi_format **out) {
    char expected[256] = "";
    size_t size = 0;

    for (size_t i = 0; (*out = whi_format_at(i)) != NULL; i++) {
        const char *between = i == 0 ? "" : whi_format_at(i + 1) != NULL ? ", " : " or ";
        if (strcmp((*out)->name, name) == 0) {
            return WH_OK;
        }
        if (size < sizeof expected) {
            size += (size_t)snprintf(expected + size, sizeof expected - size, "%s%s", between, (*out)->name);
        }
    }
    return whi_fail_field(WH_EINVALID, "format", "found \"%.40s\", expected %s", name, expected);
}

static int input_check(whi_check *check) {
    int code = whi_message_check(check->secrets, check->secret_count, check->body, &check->size);

    if (code == WH_OK && check->headers == NULL && check->header_count > 0) {
        code = whi_fail_field(WH_EINVALID, "headers", "no array, but a count of %zu", check->header_count);
    }
    check->body = check->body != NULL ? check->body : "";
    return code;
}

static int check_form(const whi_check *check, const char **found) {
    const char *text = check->options->signature;
    whi_form *form = NULL;
    int code = whi_form_read(&form, text, strlen(text));

    if (code == WH_OK && found != NULL) {
        *found = "form";
    }
    code = code == WH_OK ? whi_form_verify(form, check) : code;
    whi_form_free(form);
    return code;
}

int wh_verify_as(const wh_verify_options *options, const char *const *secrets, size_t secret_count,
                 const wh_header *headers, size_t header_count, const void *body, size_t size, const char **found) {
    static const wh_verify_options defaults = WH_VERIFY_INIT;
    wh_verify_options taken;
    whi_check check = { &taken, secrets, secret_count, headers, header_count, body, size };
    const whi_format *format = NULL;
    int code = wh_struct_take(&taken, sizeof taken, options != NULL ? options : &defaults, "WH_VERIFY_INIT");

    code = code == WH_OK ? input_check(&check) : code;

    if (found != NULL) {
        *found = NULL;
    }
    if (code == WH_OK && check.options->signature != NULL) {
        return check_form(&check, found);
    }
    if (code == WH_OK) {
        code = check.options->format != NULL ? by_name(check.options->format, &format) : detect(&check, &format);
    }
    if (code != WH_OK) {
        return code;
    }
    if (found != NULL) {
        *found = format->name;
    }
    return format->check(&check);
}
