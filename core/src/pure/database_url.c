#include "pure/database_url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "webhook.h"

static const struct {
    const char *word;
    int scheme;
} schemes[] = {
    { "sqlite", WHI_DATABASE_SQLITE },     { "postgresql", WHI_DATABASE_POSTGRES }, { "mysql", WHI_DATABASE_MARIADB },
    { "postgres", WHI_DATABASE_POSTGRES }, { "mariadb", WHI_DATABASE_MARIADB },
};

static const uint16_t ports[] = { 0, 5432, 3306 };

static int fail(const char *what) {
    return whi_fail_field(WH_EINVALID, "url", "%s", what);
}

int whi_database_scheme_of(const char *text) {
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i].word);

        if (whi_ascii_same_part(text, schemes[i].word, size) && (text[size] == ':' || text[size] == '\0')) {
            return schemes[i].scheme;
        }
    }
    return -1;
}

const char *whi_database_scheme_name(int scheme) {
    return schemes[scheme].word;
}

/* ------------------------------------------------------------------- letters */

/* The letter at *text, which moves behind it; -1 for a broken %XX. */
static int next_letter(const char **text, const char *end) {
    int high, low;

    if (**text != '%') {
        return (unsigned char)*(*text)++;
    }
    if (end - *text < 3) {
        return -1;
    }
    high = whi_hex_digit((*text)[1]);
    low = whi_hex_digit((*text)[2]);
    *text += 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A part, percent-decoded. what: its name for the sentence. */
static int read_part(char *out, size_t room, const char *text, size_t size, const char *what) {
    const char *end = text + size;
    size_t used = 0;

    while (text < end) {
        int letter = next_letter(&text, end);

        if (letter < 0x20 || letter == 0x7f) {
            return whi_fail_field(WH_EINVALID, "url", "the %s has %s", what,
                                  letter < 0 ? "a \"%\" without two hexadecimal digits" : "a control character");
        }
        if (used + 1 >= room) {
            return whi_fail_field(WH_EINVALID, "url", "the %s is longer than %zu bytes", what, room - 1);
        }
        out[used++] = (char)letter;
    }
    out[used] = '\0';
    return whi_utf8_check(out, used) ? WH_OK : whi_fail_field(WH_EINVALID, "url", "the %s is not UTF-8", what);
}

/* ---------------------------------------------------------------------- host */

static int read_port(whi_database_url *out, const char *text, size_t size) {
    unsigned long port = 0;

    for (size_t i = 0; i < size; i++) {
        if (!whi_ascii_is_digit(text[i]) || port > 65535) {
            return fail("the port is not a number from 1 to 65535");
        }
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    if (size > 0 && (port == 0 || port > 65535)) {
        return fail("the port is not a number from 1 to 65535");
    }
    out->port = size > 0 ? (uint16_t)port : ports[out->scheme];
    return WH_OK;
}

static int is_of_host(char letter) {
    return whi_ascii_is_letter(letter) || whi_ascii_is_digit(letter) || letter == '-' || letter == '.' || letter == '_';
}

static int copy_host(whi_database_url *out, const char *text, size_t size) {
    if (size == 0) {
        return fail("no host: a socket of this machine cannot be reached");
    }
    if (size >= sizeof out->host) {
        return fail("the host is longer than 255 letters");
    }
    for (size_t i = 0; i < size; i++) {
        out->host[i] = whi_ascii_lower(text[i]);
    }
    out->host[size] = '\0';
    return WH_OK;
}

static int read_v6(whi_database_url *out, const char *text, size_t size) {
    const char *end = memchr(text, ']', size);
    unsigned char bytes[sizeof(struct in6_addr)];
    size_t left;
    int code;

    if (end == NULL) {
        return fail("the host is not an IPv6 address in brackets");
    }
    code = copy_host(out, text + 1, (size_t)(end - text) - 1);
    if (code != WH_OK) {
        return code;
    }
    if (inet_pton(AF_INET6, out->host, bytes) != 1) {
        return fail("the host is not an IPv6 address in brackets");
    }
    left = size - (size_t)(end + 1 - text);
    if (left > 0 && end[1] != ':') {
        return fail("found something between the host and its port");
    }
    return read_port(out, end + 2, left > 0 ? left - 1 : 0);
}

static int read_host(whi_database_url *out, const char *text, size_t size) {
    size_t host = 0;
    int code;

    if (size > 0 && text[0] == '[') {
        return read_v6(out, text, size);
    }
    if (memchr(text, ',', size) != NULL) {
        return fail("several hosts, where one is allowed");
    }
    while (host < size && is_of_host(text[host])) {
        host++;
    }
    if (host < size && text[host] != ':') {
        return fail("the host has a letter that no name has: expected letters, digits, '-', '_' and '.'");
    }
    code = copy_host(out, text, host);
    return code == WH_OK ? read_port(out, text + host + 1, host < size ? size - host - 1 : 0) : code;
}

/* ------------------------------------------------------------------- options */

static int read_tls(whi_database_url *out, const char *value) {
    static const char *const modes[] = { "", "disable", "require", "verify-ca", "verify-full" };

    for (int i = WHI_TLS_NONE; i <= WHI_TLS_VERIFY_FULL; i++) {
        if (strcmp(value, modes[i]) == 0) {
            out->tls = i;
            return WH_OK;
        }
    }
    return fail("sslmode: expected \"disable\", \"require\", \"verify-ca\" or \"verify-full\"");
}

/* Known to clients, and refused: said by its name, which is no secret then. */
static int refuse_option(const char *name) {
    static const char *const known[] = { "service",     "servicefile", "passfile",     "sslkey",       "sslcert",
                                         "sslrootcert", "sslcrl",      "sslcrldir",    "sslpassword",  "host",
                                         "hostaddr",    "port",        "options",      "krbsrvname",   "gsslib",
                                         "socket",      "unix_socket", "local_infile", "init_command", "plugin_dir" };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (whi_ascii_same(name, known[i])) {
            return whi_fail_field(WH_EINVALID, "url", "the option \"%s\" is not allowed", known[i]);
        }
    }
    return fail("found an option that is not allowed: there are sslmode and application_name");
}

static int read_option(whi_database_url *out, const char *text, size_t size) {
    const char *sign = memchr(text, '=', size);
    size_t before = sign != NULL ? (size_t)(sign - text) : size;
    char name[64], value[64];
    int code = read_part(name, sizeof name, text, before, "name of an option");

    if (code == WH_OK && sign != NULL) {
        code = read_part(value, sizeof value, sign + 1, size - before - 1, "value of an option");
    } else {
        value[0] = '\0';
    }
    if (code != WH_OK) {
        return code;
    }
    if (strcmp(name, "sslmode") == 0) {
        return read_tls(out, value);
    }
    if (strcmp(name, "application_name") == 0) {
        memcpy(out->application, value, sizeof value);
        return WH_OK;
    }
    return refuse_option(name);
}

static int read_options(whi_database_url *out, const char *text) {
    while (*text != '\0') {
        size_t size = strcspn(text, "&");
        int code = size > 0 ? read_option(out, text, size) : WH_OK;

        if (code != WH_OK) {
            return code;
        }
        text += size + (text[size] == '&');
    }
    return WH_OK;
}

/* ----------------------------------------------------------------------- all */

/* "user:password": the password may hold colons. */
static int read_user(whi_database_url *out, const char *text, size_t size) {
    const char *colon = memchr(text, ':', size);
    size_t user = colon != NULL ? (size_t)(colon - text) : size;
    int code = read_part(out->user, sizeof out->user, text, user, "user");

    if (code != WH_OK || colon == NULL) {
        return code;
    }
    out->has_password = 1;
    return read_part(out->password, sizeof out->password, colon + 1, size - user - 1, "password");
}

static int read_server(whi_database_url *out, const char *rest) {
    size_t authority, user = 0, path;
    int code = WH_OK;

    if (strncmp(rest, "//", 2) != 0) {
        return fail("expected \"//\" and a host behind the scheme");
    }
    rest += 2;
    authority = strcspn(rest, "/?#");
    for (size_t i = 0; i < authority; i++) {
        user = rest[i] == '@' ? i + 1 : user;
    }
    if (user > 0) {
        code = read_user(out, rest, user - 1);
    }
    code = code == WH_OK ? read_host(out, rest + user, authority - user) : code;
    rest += authority;
    path = *rest == '/' ? strcspn(rest, "?#") : 0;
    if (code == WH_OK && path > 1) {
        code = read_part(out->database, sizeof out->database, rest + 1, path - 1, "database");
    }
    rest += path;
    if (code == WH_OK && *rest == '#') {
        return fail("found a \"#\"; in a password it is written in hexadecimal");
    }
    return code == WH_OK && *rest == '?' ? read_options(out, rest + 1) : code;
}

static int read_file(whi_database_url *out, const char *rest) {
    int code;

    if (strncmp(rest, "//", 2) == 0) {
        rest += 2;
    }
    if (*rest != '/') {
        return fail("expected an absolute path, as in \"sqlite:/var/lib/objects.db\"");
    }
    if (rest[strcspn(rest, "?#")] != '\0') {
        return fail("found an option, and a file has none; in a path \"?\" and \"#\" are written in hexadecimal");
    }
    code = read_part(out->path, sizeof out->path, rest, strlen(rest), "path");
    return code;
}

static int parse(whi_database_url *out, const char *text) {
    const char *rest = strchr(text, ':');

    out->scheme = whi_database_scheme_of(text);
    if (out->scheme < 0 || rest == NULL) {
        return fail("expected \"postgresql://\", \"mysql://\" or \"sqlite:\"");
    }
    return out->scheme == WHI_DATABASE_SQLITE ? read_file(out, rest + 1) : read_server(out, rest + 1);
}

int whi_database_url_parse(whi_database_url *out, const char *text) {
    int code;

    memset(out, 0, sizeof *out);
    if (text == NULL || strnlen(text, WHI_DATABASE_URL_MAXIMUM + 1) > WHI_DATABASE_URL_MAXIMUM) {
        return fail(text == NULL ? "missing" : "longer than 4096 bytes");
    }
    code = parse(out, text);
    if (code != WH_OK) {
        whi_wipe(out, sizeof *out);
    }
    return code;
}
