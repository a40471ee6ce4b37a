#include "pure/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "webhook.h"

#define LABEL_MAXIMUM 63 /* RFC 1035 2.3.4, without the length bytes */
#define NAME_MAXIMUM 253

static int fail_long(void) {
    return whi_fail_field(WH_EINVALID, "url", "longer than %d bytes", WHI_URL_SIZE - 1);
}

/* The first character of the authority, or NULL if the text does not begin with
 * "http://" or "https://". libcurl would also take "http:/x" and "http:///x". */
static const char *authority_of(const char *text) {
    const char *at;

    if (whi_ascii_same_part(text, "http://", 7)) {
        at = text + 7;
    } else if (whi_ascii_same_part(text, "https://", 8)) {
        at = text + 8;
    } else {
        return NULL;
    }
    return *at != '/' ? at : NULL;
}

/* What libcurl lets pass and what it would tell less clearly. */
static int authority_check(const char *authority) {
    size_t size = strcspn(authority, "/?#");

    if (size == 0) {
        return whi_fail_field(WH_EINVALID, "url", "no host");
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)authority[i];

        if (byte == '@') {
            return whi_fail_field(WH_EINVALID, "url", "found user info before \"@\", which is not allowed");
        }
        if (byte == '\\') {
            return whi_fail_field(WH_EINVALID, "url", "found a backslash in the host");
        }
        if (byte >= 0x80) {
            return whi_fail_field(WH_EINVALID, "url", "the host is not ASCII; write its \"xn--\" form");
        }
    }
    return WH_OK;
}

static int text_check(const char *text) {
    size_t size = strnlen(text, WHI_URL_SIZE);
    const char *authority;

    if (size == WHI_URL_SIZE) {
        return fail_long();
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte < 0x20 || byte == 0x7f) {
            return whi_fail_field(WH_EINVALID, "url", "found the control character 0x%02x at byte %zu", byte, i + 1);
        }
        if (byte == ' ') {
            return whi_fail_field(WH_EINVALID, "url", "found a blank at byte %zu, expected \"%%20\"", i + 1);
        }
    }
    authority = authority_of(text);
    if (authority == NULL) {
        return whi_fail_field(WH_EINVALID, "url", "expected \"http://\" or \"https://\" and a host");
    }
    return authority_check(authority);
}

/* ---------------------------------------------------------------------- host */

static void to_lower(char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z') {
            text[i] = (char)(text[i] - 'A' + 'a');
        }
    }
}

static int fail_letter(char c) {
    return whi_fail_field(WH_EINVALID, "url", "the host holds '%c', expected letters, digits, '-', '_' and '.'", c);
}

static int label_check(const char *label, size_t size) {
    if (size == 0 || size > LABEL_MAXIMUM) {
        return whi_fail_field(WH_EINVALID, "url", "the host has a label of %zu letters, expected 1 to %d", size,
                              LABEL_MAXIMUM);
    }
    for (size_t i = 0; i < size; i++) {
        char c = label[i];

        if ((unsigned char)c >= 0x80) {
            return whi_fail_field(WH_EINVALID, "url", "the host is not ASCII; write its \"xn--\" form");
        }
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return fail_letter(c);
        }
    }
    return WH_OK;
}

/* 1 for "123", "0x7f", "0x": what ends so is meant as an IPv4 address (WHATWG URL,
 * "ends in a number"), and some resolver will read it as one. */
static int is_number(const char *label, size_t size) {
    const char *digits = "0123456789";

    if (size >= 2 && label[0] == '0' && label[1] == 'x') {
        label += 2;
        size -= 2;
        digits = "0123456789abcdef";
    }
    return strspn(label, digits) >= size;
}

static int name_check(const char *host) {
    size_t total = strlen(host), size;
    const char *label = host;
    int code;

    if (total > 0 && host[total - 1] == '.') {
        total--; /* the root's dot */
    }
    if (total == 0 || total > NAME_MAXIMUM) {
        return whi_fail_field(WH_EINVALID, "url", "the host has %zu letters, expected 1 to %d", total, NAME_MAXIMUM);
    }
    for (;;) {
        size = strcspn(label, ".");
        code = label_check(label, size);
        if (code != WH_OK) {
            return code;
        }
        if (label + size >= host + total) {
            break;
        }
        label += size + 1;
    }
    if (is_number(label, size)) {
        return whi_fail_field(WH_EINVALID, "url", "the host ends in a number, but is not an IPv4 address");
    }
    return WH_OK;
}

/* host: what libcurl found, with brackets around an IPv6 address. */
static int host_read(whi_url *out, const char *host) {
    size_t size = strlen(host);
    unsigned char bytes[sizeof(struct in6_addr)];

    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    }
    if (size >= sizeof out->host) {
        return whi_fail_field(WH_EINVALID, "url", "the host has %zu letters, expected 1 to %d", size, NAME_MAXIMUM);
    }
    memcpy(out->host, host, size);
    out->host[size] = '\0';
    to_lower(out->host, size);
    out->literal = inet_pton(AF_INET, out->host, bytes) == 1 || inet_pton(AF_INET6, out->host, bytes) == 1;
    return out->literal ? WH_OK : name_check(out->host);
}

/* ------------------------------------------------------------------- libcurl */

/* libcurl has refused the host, and says of no letter that it was that. */
static int fail_host(const char *text) {
    const char *host = authority_of(text), *end = host + strcspn(host, "/?#:");

    for (; host < end; host++) {
        if ((unsigned char)*host < 0x80 && !whi_ascii_is_letter(*host) && !whi_ascii_is_digit(*host) &&
            strchr("-_.", *host) == NULL) {
            return fail_letter(*host);
        }
    }
    return whi_fail_field(WH_EINVALID, "url", "the host is none");
}

static int fail_curl(CURLUcode code) {
    switch (code) {
    case CURLUE_BAD_IPV6:
        return whi_fail_field(WH_EINVALID, "url", "the host is not an IPv6 address in brackets, like [2001:db8::1]");
    case CURLUE_OUT_OF_MEMORY:
        return whi_fail_memory();
    case CURLUE_NO_HOST:
        return whi_fail_field(WH_EINVALID, "url", "no host");
    case CURLUE_BAD_PORT_NUMBER:
        return whi_fail_field(WH_EINVALID, "url", "the port is not a number from 1 to 65535");
    default:
        return whi_fail_field(WH_EINVALID, "url", "it cannot be read as a URL (%s)", curl_url_strerror(code));
    }
}

static int host_get(whi_url *out, CURLU *parser) {
    char *part;
    CURLUcode found = curl_url_get(parser, CURLUPART_HOST, &part, 0);
    int code;

    if (found != CURLUE_OK) {
        return fail_curl(found);
    }
    code = host_read(out, part);
    curl_free(part);
    return code;
}

static int port_get(whi_url *out, CURLU *parser) {
    char *part;
    CURLUcode found = curl_url_get(parser, CURLUPART_PORT, &part, CURLU_DEFAULT_PORT);
    unsigned long port;

    if (found != CURLUE_OK) {
        return fail_curl(found);
    }
    port = strtoul(part, NULL, 10);
    curl_free(part);
    if (port < 1 || port > 65535) {
        return fail_curl(CURLUE_BAD_PORT_NUMBER);
    }
    out->port = (uint16_t)port;
    return WH_OK;
}

/* The parts that a delivery must not have; libcurl is asked, because it is what
 * would act on them. */
static int part_refuse(CURLU *parser, CURLUPart which, const char *name) {
    char *part;

    if (curl_url_get(parser, which, &part, 0) != CURLUE_OK) {
        return WH_OK;
    }
    curl_free(part);
    return whi_fail_field(WH_EINVALID, "url", "found %s, which is not allowed", name);
}

static int text_get(whi_url *out, CURLU *parser) {
    CURLUcode found = curl_url_set(parser, CURLUPART_FRAGMENT, NULL, 0);
    size_t size;
    char *text, *authority;

    if (found == CURLUE_OK) {
        found = curl_url_get(parser, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT);
    }
    if (found != CURLUE_OK) {
        return fail_curl(found);
    }
    size = strlen(text);
    if (size >= sizeof out->text) {
        curl_free(text);
        return fail_long();
    }
    memcpy(out->text, text, size + 1);
    curl_free(text);
    authority = out->text + (out->https ? 8 : 7);
    to_lower(authority, strcspn(authority, "/?#"));
    return WH_OK;
}

static int url_read(whi_url *out, CURLU *parser, const char *text) {
    /* URLENCODE: bytes above 0x7f in the path become %XX, as HTTP wants them */
    CURLUcode read = curl_url_set(parser, CURLUPART_URL, text, CURLU_URLENCODE);
    int code;

    if (read == CURLUE_BAD_HOSTNAME) {
        return fail_host(text);
    }
    if (read != CURLUE_OK) {
        return fail_curl(read);
    }
    out->https = text[4] != ':';
    code = host_get(out, parser);
    if (code == WH_OK) {
        code = port_get(out, parser);
    }
    if (code == WH_OK) {
        code = part_refuse(parser, CURLUPART_USER, "user info");
    }
    if (code == WH_OK) {
        code = part_refuse(parser, CURLUPART_PASSWORD, "a password");
    }
    if (code == WH_OK) {
        code = part_refuse(parser, CURLUPART_ZONEID, "a zone in an IPv6 address");
    }
    return code == WH_OK ? text_get(out, parser) : code;
}

int whi_url_parse(whi_url *out, const char *text) {
    CURLU *parser;
    int code;

    memset(out, 0, sizeof *out);
    if (text == NULL) {
        return whi_fail_field(WH_EINVALID, "url", "missing, expected \"http://\" or \"https://\" and a host");
    }
    code = text_check(text);
    if (code != WH_OK) {
        return code;
    }
    parser = curl_url();
    if (parser == NULL) {
        return whi_fail_memory();
    }
    code = url_read(out, parser, text);
    curl_url_cleanup(parser);
    if (code != WH_OK) {
        memset(out, 0, sizeof *out);
    }
    return code;
}
