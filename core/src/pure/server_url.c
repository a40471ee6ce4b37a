/* Tests: test_database_url, test_queue_url. */
#include "pure/server_url.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "webhook.h"

static int fail(const char *what) {
    return whi_fail_field(WH_EINVALID, "url", "%s", what);
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

int whi_server_url_part(char *out, size_t room, const char *text, size_t size, const char *what) {
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

static int read_port(whi_server_url *out, const char *text, size_t size) {
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
    out->port = size > 0 ? (uint16_t)port : 0;
    return WH_OK;
}

static int is_of_host(char letter) {
    return whi_ascii_is_letter(letter) || whi_ascii_is_digit(letter) || letter == '-' || letter == '.' || letter == '_';
}

static int copy_host(whi_server_url *out, const char *text, size_t size) {
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

static int read_v6(whi_server_url *out, const char *text, size_t size) {
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

static int read_host(whi_server_url *out, const char *text, size_t size) {
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

static int take_option(const char *text, size_t size, int (*take)(void *payload, const char *name, const char *value),
                       void *payload) {
    const char *sign = memchr(text, '=', size);
    size_t before = sign != NULL ? (size_t)(sign - text) : size;
    char name[64], value[WHI_OPTION_SIZE] = "";
    int code = whi_server_url_part(name, sizeof name, text, before, "name of an option");

    if (code == WH_OK && sign != NULL) {
        code = whi_server_url_part(value, sizeof value, sign + 1, size - before - 1, "value of an option");
    }
    return code == WH_OK ? take(payload, name, value) : code;
}

int whi_server_url_options(const char *query, int (*take)(void *payload, const char *name, const char *value),
                           void *payload) {
    while (*query != '\0') {
        size_t size = strcspn(query, "&");
        int code = size > 0 ? take_option(query, size, take, payload) : WH_OK;

        if (code != WH_OK) {
            return code;
        }
        query += size + (query[size] == '&');
    }
    return WH_OK;
}

/* ----------------------------------------------------------------------- all */

/* "user:password": the password may hold colons. */
static int read_user(whi_server_url *out, const char *text, size_t size) {
    const char *colon = memchr(text, ':', size);
    size_t user = colon != NULL ? (size_t)(colon - text) : size;
    int code = whi_server_url_part(out->user, sizeof out->user, text, user, "user");

    if (code != WH_OK || colon == NULL) {
        return code;
    }
    out->has_password = 1;
    return whi_server_url_part(out->password, sizeof out->password, colon + 1, size - user - 1, "password");
}

static int read_all(whi_server_url *out, const char *rest) {
    size_t authority, user = 0;
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
    rest += *rest == '/';
    out->path = rest;
    out->path_size = rest[-1] == '/' ? strcspn(rest, "?#") : 0;
    rest += out->path_size;
    out->query = *rest == '?' ? rest + 1 : "";
    return code == WH_OK && *rest == '#' ? fail("found a \"#\"; in a password it is written in hexadecimal") : code;
}

int whi_server_url_read(whi_server_url *out, const char *rest) {
    int code;

    memset(out, 0, sizeof *out);
    code = read_all(out, rest);
    if (code != WH_OK) {
        whi_wipe(out, sizeof *out);
    }
    return code;
}
