/* Tests: test_source_ask, test_source_http. */
#include "outside/source_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/retry.h"
#include "pure/url.h"

#define REQUEST_BYTES ((size_t)1 << 20) /* of a URL, of a body */
#define URL_BYTES 16384                 /* cursors of some APIs are long */

/* ------------------------------------------------------------------------ judging */

static int is_allowed(const whi_source_document *document, const whi_url *from, const whi_url *to) {
    if (from->https && !to->https) {
        return 0;
    }
    if (strcmp(from->host, to->host) == 0 && from->port == to->port) {
        return 1;
    }
    for (size_t i = 0; i < document->hosts.count; i++) {
        if (whi_ascii_same(document->hosts.list[i], to->host)) {
            return 1;
        }
    }
    return 0;
}

/* The origin alone: what is behind a question mark may be longer than a receiver's URL. */
static int read_origin(const char *field, const char *text, whi_url *out) {
    char origin[WHI_URL_SIZE];
    size_t size = strcspn(text, "?#");
    int code;

    snprintf(origin, sizeof origin, "%.*s", size < sizeof origin ? (int)size : (int)sizeof origin - 1, text);
    code = whi_url_parse(out, origin);
    return code == WH_OK ? code : whi_fail_renamed(code, field);
}

static int judge(const whi_source_document *document, const char *base, const char *url) {
    whi_url from, to;
    int code = read_origin("url", base, &from);

    code = code == WH_OK ? read_origin("paging", url, &to) : code;
    if (code == WH_OK && !is_allowed(document, &from, &to)) {
        return whi_fail_field(WH_EADDRESS, "paging",
                              "the next page is at %.80s, which is not in the document's hosts%s", to.host,
                              from.https && !to.https ? ", and not https" : "");
    }
    return code;
}

/* ------------------------------------------------------------------------- request */

static int add_line(whi_source_asked *out, const char *line) {
    struct curl_slist *grown = curl_slist_append(out->lines, line);

    if (grown == NULL) {
        return whi_fail_memory();
    }
    out->lines = grown;
    return WH_OK;
}

int whi_source_ask_line(whi_source_asked *asked, const char *name, const char *value) {
    whi_buf line;
    int code;

    whi_buf_init(&line, REQUEST_BYTES);
    whi_buf_text(&line, name);
    whi_buf_text(&line, value[0] != '\0' ? ": " : ";"); /* libcurl's form of a header without a value */
    whi_buf_text(&line, value);
    code = whi_buf_status(&line);
    code = code == WH_OK ? add_line(asked, line.data) : code;
    if (line.capacity > 0) {
        whi_wipe(line.data, line.capacity);
    }
    whi_buf_free(&line);
    return code;
}

static int has_line(const whi_source_pairs *headers, const char *name) {
    for (size_t i = 0; i < headers->count; i++) {
        if (whi_ascii_same(headers->list[i].name, name)) {
            return 1;
        }
    }
    return 0;
}

static int fill_header(whi_source_asked *out, const whi_source_pair *pair, const whi_source_values *values) {
    char field[96];
    whi_buf value;
    int missing, code;

    snprintf(field, sizeof field, "headers.%.60s", pair->name);
    whi_buf_init(&value, REQUEST_BYTES);
    code = whi_source_fill(&value, field, pair->value, WHI_SOURCE_IN_HEADER, values, &missing);
    if (code == WH_OK && !missing) {
        code = whi_source_ask_line(out, pair->name, value.size > 0 ? value.data : "");
    }
    whi_buf_free(&value);
    return code;
}

static int fill_headers(whi_source_asked *out, const whi_source_document *document, const whi_source_values *values) {
    const whi_source_pairs *headers = &document->headers;
    int code = add_line(out, "Expect:"); /* no waiting for a 100 */

    for (size_t i = 0; code == WH_OK && i < headers->count; i++) {
        code = fill_header(out, &headers->list[i], values);
    }
    if (code == WH_OK && !has_line(headers, "accept")) {
        code = add_line(out, "Accept: application/json");
    }
    if (code == WH_OK && !has_line(headers, "content-type")) {
        code = add_line(out, out->body.size > 0 ? "Content-Type: application/json" : "Content-Type:");
    }
    return code;
}

static int add_parameter(whi_buf *url, const whi_source_pair *pair, const whi_source_values *values) {
    char field[96];
    size_t before = url->size;
    int missing, code;

    snprintf(field, sizeof field, "query.%.60s", pair->name);
    whi_buf_char(url, strchr(url->data != NULL ? url->data : "", '?') != NULL ? '&' : '?');
    whi_source_percent(url, pair->name, strlen(pair->name));
    whi_buf_char(url, '=');
    code = whi_source_fill(url, field, pair->value, WHI_SOURCE_IN_QUERY, values, &missing);
    if (code == WH_OK && missing) {
        url->size = before;
        url->data[before] = '\0';
    }
    return code;
}

static int add_parameters(whi_buf *url, const whi_source_document *document, const whi_source_values *values) {
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < document->query.count; i++) {
        code = add_parameter(url, &document->query.list[i], values);
    }
    return code == WH_OK ? whi_buf_status(url) : code;
}

static int fill_body(whi_buf *out, const whi_source_document *document, const whi_source_values *values) {
    int code = WH_OK;

    if (document->graphql == NULL) {
        return document->body != WHI_JSON_NONE ? whi_source_fill_json(out, &document->json, document->body, values)
                                               : WH_OK;
    }
    whi_buf_text(out, "{\"query\":");
    whi_json_write_string(out, document->graphql, strlen(document->graphql));
    if (document->body != WHI_JSON_NONE) {
        whi_buf_text(out, ",\"variables\":");
        code = whi_source_fill_json(out, &document->json, document->body, values);
    }
    whi_buf_char(out, '}');
    return code == WH_OK ? whi_buf_status(out) : code;
}

/* What was filled in may have made it another URL than the document's: the whole is read once more. */
static int check_url(const char *url) {
    char origin[WHI_URL_SIZE];
    size_t size = strcspn(url, "?");
    whi_url parsed;

    if (strlen(url) > URL_BYTES) {
        return whi_fail_size("url", strlen(url), URL_BYTES);
    }
    for (const char *at = url; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return whi_fail_field(WH_EINVALID, "url", "has a blank or a control character");
        }
    }
    snprintf(origin, sizeof origin, "%.*s", size < sizeof origin ? (int)size : (int)sizeof origin - 1, url);
    return whi_url_parse(&parsed, size < sizeof origin ? origin : url);
}

static int hash_all(whi_source_asked *out) {
    whi_buf all;
    int code;

    whi_buf_init(&all, REQUEST_BYTES * 4);
    whi_buf_add(&all, out->url.data, out->url.size);
    for (const struct curl_slist *line = out->lines; line != NULL; line = line->next) {
        whi_buf_char(&all, '\n');
        whi_buf_text(&all, line->data);
    }
    whi_buf_char(&all, '\n');
    whi_buf_add(&all, out->body.size > 0 ? out->body.data : "", out->body.size);
    code = whi_buf_status(&all);
    out->hash = code == WH_OK ? whi_source_hash(all.data, all.size) : 0;
    whi_buf_free(&all);
    return code;
}

static void init(whi_source_asked *out) {
    *out = (whi_source_asked){ .lines = NULL };
    whi_buf_init(&out->base, REQUEST_BYTES);
    whi_buf_init(&out->url, REQUEST_BYTES);
    whi_buf_init(&out->body, REQUEST_BYTES);
}

int whi_source_ask(whi_source_asked *out, const whi_source_document *document, const whi_source_values *values,
                   const char *url) {
    int code;

    init(out);
    code = whi_source_fill_url(&out->base, document->url, values);
    whi_buf_text(&out->url, url != NULL ? url : out->base.data != NULL ? out->base.data : "");
    code = code == WH_OK ? whi_buf_status(&out->url) : code;
    if (code == WH_OK) {
        code = url != NULL ? judge(document, out->base.data, url) : add_parameters(&out->url, document, values);
    }
    code = code == WH_OK ? check_url(out->url.data) : code;
    code = code == WH_OK ? fill_body(&out->body, document, values) : code;
    code = code == WH_OK ? fill_headers(out, document, values) : code;
    return code == WH_OK ? hash_all(out) : code;
}

void whi_source_asked_free(whi_source_asked *asked) {
    for (struct curl_slist *line = asked->lines; line != NULL; line = line->next) {
        whi_wipe(line->data, strlen(line->data));
    }
    curl_slist_free_all(asked->lines);
    if (asked->url.capacity > 0) {
        whi_wipe(asked->url.data, asked->url.capacity);
    }
    if (asked->body.capacity > 0) {
        whi_wipe(asked->body.data, asked->body.capacity);
    }
    whi_buf_free(&asked->base);
    whi_buf_free(&asked->url);
    whi_buf_free(&asked->body);
    asked->lines = NULL;
}

/* --------------------------------------------------------------------------- login */

static int add_authorization(whi_source_asked *asked, const char *scheme, const char *text) {
    whi_buf value;
    int code;

    whi_buf_init(&value, REQUEST_BYTES);
    whi_buf_reserve(&value, strlen(scheme) + strlen(text) + 2); /* so that no copy stays behind */
    whi_buf_text(&value, scheme);
    whi_buf_text(&value, text);
    code = whi_buf_status(&value);
    code = code == WH_OK ? whi_source_ask_line(asked, "Authorization", value.data) : code;
    if (value.capacity > 0) {
        whi_wipe(value.data, value.capacity);
    }
    whi_buf_free(&value);
    return code;
}

static int add_basic(whi_source_asked *asked, const char *name, const char *password) {
    size_t size = strlen(name) + strlen(password) + 1;
    char *plain = whi_alloc(size + 1), *letters = whi_alloc(WHI_BASE64_SIZE(size) + 1);
    int code = WH_ENOMEM;

    if (plain != NULL && letters != NULL) {
        snprintf(plain, size + 1, "%s:%s", name, password);
        whi_base64_encode(plain, size, letters);
        code = add_authorization(asked, "Basic ", letters);
        whi_wipe(plain, size);
        whi_wipe(letters, WHI_BASE64_SIZE(size));
    }
    whi_free(plain);
    whi_free(letters);
    return code == WH_ENOMEM ? whi_fail_memory() : code;
}

/* 1 if a URL has the parameter: a next page's link may bring it along. */
static int has_parameter(const char *url, const char *name, size_t size) {
    const char *at = strchr(url, '?');

    for (; at != NULL; at = strchr(at, '&')) {
        at++;
        if (strncmp(at, name, size) == 0 && at[size] == '=') {
            return 1;
        }
    }
    return 0;
}

static int add_key(whi_source_asked *asked, const char *name, const char *value) {
    whi_buf encoded;
    int code;

    whi_buf_init(&encoded, REQUEST_BYTES);
    whi_source_percent(&encoded, name, strlen(name));
    code = whi_buf_status(&encoded);
    if (code == WH_OK && !has_parameter(asked->url.data, encoded.data, encoded.size)) {
        whi_buf_char(&asked->url, strchr(asked->url.data, '?') != NULL ? '&' : '?');
        whi_buf_add(&asked->url, encoded.data, encoded.size);
        whi_buf_char(&asked->url, '=');
        whi_source_percent(&asked->url, value, strlen(value));
        code = whi_buf_status(&asked->url);
    }
    whi_buf_free(&encoded);
    return code;
}

int whi_source_ask_login(whi_source_asked *asked, const whi_source_auth *auth, const char *token) {
    switch (auth->type) {
    case WHI_SOURCE_BEARER:
        return add_authorization(asked, "Bearer ", auth->token);
    case WHI_SOURCE_BASIC:
        return add_basic(asked, auth->username, auth->password);
    case WHI_SOURCE_HEADER:
        return whi_source_ask_line(asked, auth->name, auth->value);
    case WHI_SOURCE_PARAMETER:
        return add_key(asked, auth->name, auth->value);
    case WHI_SOURCE_OAUTH2:
        return add_authorization(asked, "Bearer ", token);
    default:
        return WH_OK;
    }
}

static void add_form(whi_buf *out, const char *name, const char *value) {
    if (value != NULL) {
        whi_buf_char(out, '&');
        whi_buf_text(out, name);
        whi_buf_char(out, '=');
        whi_source_percent(out, value, strlen(value));
    }
}

/* RFC 6749 2.3.1 has both percent-encoded in the header. */
static int add_client(whi_source_asked *out, const whi_source_auth *auth) {
    whi_buf id, secret;
    int code;

    whi_buf_init(&id, REQUEST_BYTES);
    whi_buf_init(&secret, REQUEST_BYTES);
    whi_source_percent(&id, auth->client_id, strlen(auth->client_id));
    whi_source_percent(&secret, auth->client_secret, strlen(auth->client_secret));
    code = whi_buf_status(&id);
    code = code == WH_OK ? whi_buf_status(&secret) : code;
    code = code == WH_OK ? add_basic(out, id.data, secret.data) : code;
    if (secret.capacity > 0) {
        whi_wipe(secret.data, secret.capacity);
    }
    whi_buf_free(&id);
    whi_buf_free(&secret);
    return code;
}

int whi_source_ask_token(whi_source_asked *out, const whi_source_auth *auth) {
    int code;

    init(out);
    whi_buf_text(&out->url, auth->token_url);
    whi_buf_text(&out->body, "grant_type=client_credentials");
    add_form(&out->body, "scope", auth->scope);
    add_form(&out->body, "audience", auth->audience);
    if (auth->in_body) {
        add_form(&out->body, "client_id", auth->client_id);
        add_form(&out->body, "client_secret", auth->client_secret);
    }
    code = whi_buf_status(&out->url);
    code = code == WH_OK ? whi_buf_status(&out->body) : code;
    code = code == WH_OK ? add_line(out, "Content-Type: application/x-www-form-urlencoded") : code;
    code = code == WH_OK ? add_line(out, "Accept: application/json") : code;
    return code == WH_OK && !auth->in_body ? add_client(out, auth) : code;
}

/* ---------------------------------------------------------------------------- next */

static int resolve(whi_buf *out, const char *from, const char *link) {
    CURLU *url = curl_url();
    char *whole = NULL;
    int code = WH_OK;

    if (url == NULL) {
        return whi_fail_memory();
    }
    if (curl_url_set(url, CURLUPART_URL, from, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_URL, link, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_URL, &whole, 0) != CURLUE_OK) {
        code = whi_fail_field(WH_EINVALID, "paging", "the next page's link is no URL");
    } else {
        whi_buf_text(out, whole);
        code = whi_buf_status(out);
    }
    curl_free(whole);
    curl_url_cleanup(url);
    return code;
}

int whi_source_next_url(whi_buf *out, const whi_source_document *document, const whi_source_asked *from,
                        const char *link) {
    int code = resolve(out, from->url.data, link);

    if (code == WH_OK && check_url(out->data) != WH_OK) {
        return whi_fail_renamed(WH_EINVALID, "paging");
    }
    return code == WH_OK ? judge(document, from->base.data, out->data) : code;
}

/* ---------------------------------------------------------------------- rate limits */

/* Until when, in whatever form an API has it: seconds from now, or since 1970, or ms. */
static int64_t until(const char *text, int64_t now) {
    char *end;
    long long number = strtoll(text, &end, 10);
    int64_t ms;

    if (end == text || number < 0) {
        return -1;
    }
    if (number > INT64_C(100000000000)) {
        ms = number - now;
    } else if (number > INT64_C(100000000)) {
        ms = number * 1000 - now;
    } else {
        ms = number * 1000;
    }
    return ms < 0 ? 0 : ms < WHI_RETRY_AFTER_MAXIMUM ? ms : WHI_RETRY_AFTER_MAXIMUM;
}

int64_t whi_source_retry_after(const whi_source_request *answer, int64_t now) {
    if (answer->retry_after[0] != '\0') {
        int64_t ms = whi_retry_after(answer->retry_after, now);

        if (ms == 0 && strcmp(answer->retry_after, "0") != 0) {
            return -1; /* it cannot be read, or is over */
        }
        return ms < WHI_RETRY_AFTER_MAXIMUM ? ms : WHI_RETRY_AFTER_MAXIMUM;
    }
    if (answer->reset[0] != '\0' && (answer->status == 429 || strcmp(answer->remaining, "0") == 0)) {
        return until(answer->reset, now);
    }
    return -1;
}
