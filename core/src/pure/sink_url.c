#include "pure/sink_url.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "webhook.h"

static const struct {
    const char *name;
    enum whi_url_kind kind;
} schemes[] = {
    { "postgresql", WHI_URL_DATABASE }, { "postgres", WHI_URL_DATABASE }, { "mysql", WHI_URL_DATABASE },
    { "mariadb", WHI_URL_DATABASE },    { "sqlite", WHI_URL_DATABASE },   { "mssql", WHI_URL_ABSENT },
    { "sqlserver", WHI_URL_ABSENT },    { "mongodb", WHI_URL_ABSENT },    { "mongodb+srv", WHI_URL_ABSENT },
    { "snowflake", WHI_URL_ABSENT },    { "amqp", WHI_URL_QUEUE },        { "amqps", WHI_URL_QUEUE },
    { "redis", WHI_URL_QUEUE },         { "rediss", WHI_URL_QUEUE },      { "nats", WHI_URL_QUEUE },
    { "tls", WHI_URL_QUEUE },           { "nats+tls", WHI_URL_QUEUE },    { "kafka", WHI_URL_QUEUE },
    { "kafka+ssl", WHI_URL_QUEUE },
};

enum whi_url_kind whi_url_kind_of(const char *text, char scheme[WHI_SCHEME_SIZE]) {
    size_t size = strcspn(text, ":");

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && text[size] == ':'; i++) {
        if (strlen(schemes[i].name) == size && whi_ascii_same_part(text, schemes[i].name, size)) {
            if (scheme != NULL) {
                snprintf(scheme, WHI_SCHEME_SIZE, "%s", schemes[i].name);
            }
            return schemes[i].kind;
        }
    }
    if (scheme != NULL) {
        scheme[0] = '\0';
    }
    return WHI_URL_HTTP;
}

/* ------------------------------------------------------------------------ reading */

static int check_letters(const char *text) {
    if (strnlen(text, WHI_URL_SIZE) == WHI_URL_SIZE) {
        return whi_fail_field(WH_EINVALID, "url", "longer than %d bytes", WHI_URL_SIZE - 1);
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte <= ' ' || byte == 0x7f || byte == '#' || byte == '\\') {
            return whi_fail_field(WH_EINVALID, "url", "found a blank, control character, \"#\" or \"\\\" at byte %zu",
                                  i + 1);
        }
    }
    return WH_OK;
}

static int is_secret_name(const char *name, size_t size) {
    static const char *const words[] = { "pass", "pwd", "secret", "token", "%" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        for (size_t at = 0; at + length <= size; at++) {
            if (whi_ascii_same_part(name + at, words[i], length)) {
                return 1;
            }
        }
    }
    return 0;
}

/* What stands behind '?' is shown to whoever may see the subscription. */
static int check_query(const char *at) {
    while (*at != '\0') {
        size_t size = strcspn(at, "&");
        size_t name = strcspn(at, "=&");

        if (is_secret_name(at, name)) {
            return whi_fail_field(WH_EINVALID, "url",
                                  "a parameter that may be a secret: a password stands as user:password@host");
        }
        at += size + (at[size] == '&');
    }
    return WH_OK;
}

/* Of "sqlite:///path" and "sqlite:/path", the latter. Without "%": what is decoded later may lead out of the folder
 * that it was found in. */
static int read_file(whi_sink_url *out, const char *rest) {
    rest += strncmp(rest, "///", 3) == 0 ? 2 : 0;
    if (rest[0] != '/' || rest[1] == '/' || rest[1] == '\0' || strpbrk(rest, "?%") != NULL) {
        return whi_fail_field(WH_EINVALID, "url", "expected \"sqlite:/\" and the rest of an absolute path");
    }
    snprintf(out->text, sizeof out->text, "%s:%s", out->scheme, rest);
    return WH_OK;
}

/* The last byte '@' of the authority ends the user info: a password may have one. */
static const char *host_of(const char *authority, size_t size) {
    for (size_t i = size; i > 0; i--) {
        if (authority[i - 1] == '@') {
            return authority + i;
        }
    }
    return authority;
}

static int take_password(whi_sink_url *out, const char *from, size_t size) {
    if (size >= sizeof out->password) {
        return whi_fail_field(WH_EINVALID, "url", "the password is longer than %zu bytes", sizeof out->password - 1);
    }
    out->is_masked = size == strlen(WHI_PASSWORD_MASK) && memcmp(from, WHI_PASSWORD_MASK, size) == 0;
    if (!out->is_masked) {
        memcpy(out->password, from, size);
        out->password[size] = '\0';
    }
    return WH_OK;
}

/* A '/' in a password ends the authority: what follows would stand there for all to see. */
static int check_path(const char *path) {
    return strchr(path, '@') == NULL
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "url",
                                "found \"@\" behind the host; in a password \"/\" and \"?\" are percent-encoded");
}

static int read_server(whi_sink_url *out, const char *rest) {
    const char *authority = rest + 2, *host, *colon;
    size_t size = strncmp(rest, "//", 2) == 0 ? strcspn(authority, "/?") : 0;
    size_t query = strcspn(rest, "?"), user;
    int written, code = check_query(rest + query + (rest[query] == '?'));

    code = code == WH_OK ? check_path(rest + (size > 0 ? size + 2 : 0)) : code;
    if (code != WH_OK) {
        return code;
    }
    host = size > 0 ? host_of(authority, size) : authority;
    if (size == 0 || host == authority + size || *host == ':') {
        return whi_fail_field(WH_EINVALID, "url", "no host: expected \"%s://user:password@host/database\"",
                              out->scheme);
    }
    colon = memchr(authority, ':', (size_t)(host - authority));
    user = (size_t)((colon != NULL ? colon : host) - authority);
    code = colon != NULL ? take_password(out, colon + 1, (size_t)(host - colon) - 2) : WH_OK;
    written = snprintf(out->text, sizeof out->text, "%s://%.*s%s%s", out->scheme, (int)user, authority,
                       colon == NULL                                ? ""
                       : out->is_masked || out->password[0] != '\0' ? ":" WHI_PASSWORD_MASK "@"
                                                                    : "@",
                       host);
    return code == WH_OK && (size_t)written >= sizeof out->text
               ? whi_fail_field(WH_EINVALID, "url", "longer than %d bytes", WHI_URL_SIZE - 1)
               : code;
}

int whi_sink_url_parse(whi_sink_url *out, const char *text) {
    enum whi_url_kind kind;
    int code = check_letters(text);

    memset(out, 0, sizeof *out);
    if (code != WH_OK) {
        return code;
    }
    kind = whi_url_kind_of(text, out->scheme);
    if (kind != WHI_URL_DATABASE && kind != WHI_URL_QUEUE) {
        return whi_fail_field(WH_EINVALID, "url", "expected a database's URL, \"postgresql://…\" or \"sqlite:/…\"");
    }
    text += strlen(out->scheme) + 1;
    return strcmp(out->scheme, "sqlite") == 0 ? read_file(out, text) : read_server(out, text);
}

/* ----------------------------------------------------------------------- using it */

int whi_sink_url_join(const char *masked, const char *password, char out[WHI_URL_SIZE + WHI_PASSWORD_SIZE]) {
    static const char mask[] = ":" WHI_PASSWORD_MASK "@";
    const char *authority = strstr(masked, "://"), *at = NULL;
    size_t size = authority != NULL ? strcspn(authority + 3, "/?") : 0;

    for (size_t i = 0; i + sizeof mask - 1 <= size; i++) {
        if (memcmp(authority + 3 + i, mask, sizeof mask - 1) == 0) {
            at = authority + 3 + i;
            break;
        }
    }
    if ((at != NULL) != (password != NULL)) {
        return whi_fail_field(WH_EINVALID, "url", "the password is missing; give the URL anew, with it");
    }
    if (at == NULL) {
        snprintf(out, WHI_URL_SIZE + WHI_PASSWORD_SIZE, "%s", masked);
    } else {
        snprintf(out, WHI_URL_SIZE + WHI_PASSWORD_SIZE, "%.*s:%s%s", (int)(at - masked), masked, password,
                 at + sizeof mask - 2);
    }
    return WH_OK;
}

const char *whi_sink_url_file(const char *masked) {
    return strncmp(masked, "sqlite:", 7) == 0 ? masked + 7 : NULL;
}
