/* Tests: test_source_document. */
#include "pure/source_auth.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "pure/url.h"

static const char *const login_words[] = { "none", "bearer", "basic", "header", "query", "oauth2", NULL };
static const char *const place_words[] = { "header", "body", NULL };

#define AUTH(member) offsetof(whi_source_auth, member)
static const whi_source_member auth_members[] = {
    { "type", whi_source_read_word, AUTH(type), 0, 0, login_words },
    { "token", whi_source_read_filled, AUTH(token), 0, 0, NULL },
    { "username", whi_source_read_filled, AUTH(username), 0, 0, NULL },
    { "password", whi_source_read_text, AUTH(password), 0, 0, NULL },
    { "name", whi_source_read_filled, AUTH(name), 0, 0, NULL },
    { "value", whi_source_read_filled, AUTH(value), 0, 0, NULL },
    { "token_url", whi_source_read_filled, AUTH(token_url), 0, 0, NULL },
    { "client_id", whi_source_read_filled, AUTH(client_id), 0, 0, NULL },
    { "client_secret", whi_source_read_filled, AUTH(client_secret), 0, 0, NULL },
    { "scope", whi_source_read_filled, AUTH(scope), 0, 0, NULL },
    { "audience", whi_source_read_filled, AUTH(audience), 0, 0, NULL },
    { "credentials_in", whi_source_read_word, AUTH(in_body), 0, 0, place_words },
    { NULL, NULL, 0, 0, 0, NULL },
};

int whi_source_read_auth(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    (void)which;
    return whi_source_read_object(self, node, auth_members, to);
}

/* ------------------------------------------------------------------------ checking */

/* A token of RFC 9110. */
static int check_name(const char *field, const char *name) {
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++) {
        if (!whi_ascii_is_letter(name[i]) && !whi_ascii_is_digit(name[i]) &&
            strchr("!#$%&'*+-.^_`|~", name[i]) == NULL) {
            size = 0;
        }
    }
    return size > 0 ? WH_OK : whi_fail_field(WH_EINVALID, field, "expected the name of a header");
}

/* What the request says of itself, and what would make two requests of one. */
int whi_source_header_check(const char *field, const whi_source_pair *pair) {
    static const char *const ours[] = { "host",         "content-length", "transfer-encoding",
                                        "connection",   "expect",         "upgrade",
                                        "te",           "trailer",        "accept-encoding",
                                        "if-none-match" };
    int code = check_name(field, pair->name);

    for (size_t i = 0; code == WH_OK && i < sizeof ours / sizeof ours[0]; i++) {
        if (whi_ascii_same(pair->name, ours[i])) {
            return whi_fail_field(WH_EINVALID, field, "is set by the library");
        }
    }
    for (const char *at = pair->value; code == WH_OK && *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return whi_fail_field(WH_EINVALID, field, "has a control character");
        }
    }
    return code;
}

static int fail(const char *place, const char *member, const char *sentence) {
    char name[WHI_SOURCE_FIELD_SIZE];

    snprintf(name, sizeof name, "%s.%s", place, member);
    return whi_fail_field(WH_EINVALID, name, "%s", sentence);
}

static int check_secret(const char *place, const char *member, const char *value) {
    if (value == NULL) {
        return fail(place, member, "expected one, found none");
    }
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7f) {
            return fail(place, member, "has a control character");
        }
    }
    return WH_OK;
}

/* Two of a kind would be no login that anybody meant. */
static int check_authorization(const whi_source_document *document, int type) {
    for (size_t i = 0; i < document->headers.count; i++) {
        const char *name = document->headers.list[i].name;

        if ((type == WHI_SOURCE_BEARER || type == WHI_SOURCE_BASIC || type == WHI_SOURCE_OAUTH2) &&
            whi_ascii_same(name, "authorization")) {
            return whi_fail_field(WH_EINVALID, "headers.authorization", "is set by auth");
        }
    }
    return WH_OK;
}

static int check_needs(const char *place, const whi_source_auth *auth) {
    const struct {
        int type;
        const char *name, *value;
    } needs[] = {
        { WHI_SOURCE_BEARER, "token", auth->token },
        { WHI_SOURCE_BASIC, "username", auth->username },
        { WHI_SOURCE_BASIC, "password", auth->password },
        { WHI_SOURCE_HEADER, "name", auth->name },
        { WHI_SOURCE_HEADER, "value", auth->value },
        { WHI_SOURCE_PARAMETER, "name", auth->name },
        { WHI_SOURCE_PARAMETER, "value", auth->value },
        { WHI_SOURCE_OAUTH2, "token_url", auth->token_url },
        { WHI_SOURCE_OAUTH2, "client_id", auth->client_id },
        { WHI_SOURCE_OAUTH2, "client_secret", auth->client_secret },
    };
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < sizeof needs / sizeof needs[0]; i++) {
        code = needs[i].type == auth->type ? check_secret(place, needs[i].name, needs[i].value) : WH_OK;
    }
    return code;
}

int whi_source_auth_check(const char *place, const whi_source_document *document, const whi_source_auth *auth) {
    whi_source_pair header = { "x", "" };
    char field[WHI_SOURCE_FIELD_SIZE];
    whi_url url;
    int code = check_needs(place, auth);

    if (code == WH_OK && auth->type == WHI_SOURCE_HEADER) {
        snprintf(field, sizeof field, "%s.name", place);
        header.name = auth->name;
        code = whi_source_header_check(field, &header);
    }
    if (code == WH_OK && auth->type == WHI_SOURCE_OAUTH2) {
        snprintf(field, sizeof field, "%s.token_url", place);
        code = whi_url_parse(&url, auth->token_url);
        code = code == WH_OK ? code : whi_fail_renamed(code, field);
    }
    return code == WH_OK ? check_authorization(document, auth->type) : code;
}
