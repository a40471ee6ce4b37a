/* Tests: test_receiver_access. */
#include "systems/subscription_access.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/source_mask.h"
#include "pure/url.h"
#include "systems/access.h"

#define DEPTH 8

const char *const whi_access_names[WHI_ACCESSES] = { "auth", "tls", "proxy" };

static char **place_of(whi_subscription *s, enum whi_access which) {
    return which == WHI_ACCESS_AUTH ? &s->auth : which == WHI_ACCESS_TLS ? &s->tls : &s->proxy;
}

/* ------------------------------------------------------------------------ masks */

/* Names of secrets in all three; below "headers" everything is one. */
static int is_secret(const whi_json *json, uint32_t name) {
    static const char *const names[] = { "password", "token", "client_secret", "key" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (whi_json_string_is(json, name, names[i], strlen(names[i]))) {
            return 1;
        }
    }
    return 0;
}

static int is_mask(const whi_json *json, uint32_t node) {
    return json->nodes[node].type == WHI_JSON_STRING &&
           whi_json_string_is(json, node, WHI_SOURCE_MASK, sizeof WHI_SOURCE_MASK - 1);
}

int whi_access_is_masked(const whi_json *json, uint32_t node) {
    for (uint32_t at = node; at < json->nodes[node].next; at++) {
        if (is_mask(json, at)) {
            return 1;
        }
    }
    return 0;
}

static void write_span(const whi_json *json, uint32_t node, whi_buf *out) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    whi_buf_add(out, text, size);
}

static void write_masked(const whi_json *json, uint32_t object, int all, whi_buf *out) {
    whi_buf_char(out, '{');
    for (uint32_t at = whi_json_first(json, object); at != WHI_JSON_NONE; at = whi_json_next_name(json, object, at)) {
        int type = (int)json->nodes[at + 1].type;

        whi_buf_text(out, at == whi_json_first(json, object) ? "" : ",");
        write_span(json, at, out);
        whi_buf_char(out, ':');
        if (type == WHI_JSON_OBJECT) {
            write_masked(json, at + 1, 1, out);
        } else if (type != WHI_JSON_NULL && (all || is_secret(json, at))) {
            whi_buf_text(out, "\"" WHI_SOURCE_MASK "\"");
        } else {
            write_span(json, at + 1, out);
        }
    }
    whi_buf_char(out, '}');
}

void whi_access_write_masked(const char *text, whi_buf *out) {
    whi_json json = { 0 };

    if (whi_json_scan(&json, text, strlen(text), DEPTH) == WH_OK) {
        write_masked(&json, 0, 0, out);
    } else {
        out->failed = WH_ENOMEM; /* it was read when it was taken */
    }
    whi_json_free(&json);
}

/* An object that is written anew with what was there in the place of its masks. */
typedef struct merging {
    const char *name;
    const whi_json *given, *former;
    whi_buf *out;
} merging;

static uint32_t former_of(const merging *self, uint32_t object, uint32_t name) {
    const whi_json *former = self->former;

    if (object == WHI_JSON_NONE || former->nodes[object].type != WHI_JSON_OBJECT) {
        return WHI_JSON_NONE;
    }
    for (uint32_t at = whi_json_first(former, object); at != WHI_JSON_NONE;
         at = whi_json_next_name(former, object, at)) {
        if (whi_json_equal(former, at, self->given, name)) {
            return at + 1;
        }
    }
    return WHI_JSON_NONE;
}

static int merge(const merging *self, uint32_t object, uint32_t kept) {
    const whi_json *given = self->given;
    int code = WH_OK;

    whi_buf_char(self->out, '{');
    for (uint32_t at = whi_json_first(given, object); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(given, object, at)) {
        uint32_t was = former_of(self, kept, at);

        whi_buf_text(self->out, at == whi_json_first(given, object) ? "" : ",");
        write_span(given, at, self->out);
        whi_buf_char(self->out, ':');
        if (given->nodes[at + 1].type == WHI_JSON_OBJECT) {
            code = merge(self, at + 1, was);
        } else if (!is_mask(given, at + 1)) {
            write_span(given, at + 1, self->out);
        } else if (was != WHI_JSON_NONE) {
            write_span(self->former, was, self->out);
        } else {
            code = whi_fail_field(WH_EINVALID, self->name, "a mask stands where no secret is kept here");
        }
    }
    whi_buf_char(self->out, '}');
    return code;
}

/* A secret goes where it went: another one who gets it, or another way, is none that a mask may be kept for. */
static int leads_elsewhere(const merging *self) {
    static const char *const names[] = { "type", "token_url", "url", "username", "client_id", "certificate" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t now = whi_json_member(self->given, 0, names[i], strlen(names[i]));
        uint32_t was = whi_json_member(self->former, 0, names[i], strlen(names[i]));

        if ((now == WHI_JSON_NONE) != (was == WHI_JSON_NONE) ||
            (now != WHI_JSON_NONE && !whi_json_equal(self->given, now, self->former, was))) {
            return 1;
        }
    }
    return 0;
}

static int unmask(const char *name, const char *given_text, size_t size, const char *former_text, whi_buf *out) {
    whi_json given = { 0 }, former = { 0 };
    merging self = { name, &given, &former, out };
    int code = whi_json_scan(&given, given_text, size, DEPTH);

    code = code == WH_OK ? whi_json_scan(&former, former_text, strlen(former_text), DEPTH) : code;
    if (code == WH_OK && leads_elsewhere(&self)) {
        code = whi_fail_field(WH_EINVALID, name,
                              "expected the secrets themselves: they are kept for what they were given with alone");
    }
    code = code == WH_OK ? merge(&self, 0, 0) : code;
    whi_json_free(&given);
    whi_json_free(&former);
    return code;
}

/* ------------------------------------------------------------------------ taking */

static int judge(enum whi_access which, const char *text) {
    whi_peer *peer = NULL;
    whi_login login;
    int code;

    if (which == WHI_ACCESS_AUTH) {
        code = whi_login_read(&login, text);
        whi_login_free(&login);
        return code;
    }
    code = whi_access_peer(&peer, which == WHI_ACCESS_TLS ? text : NULL, which == WHI_ACCESS_PROXY ? text : NULL);
    whi_peer_unref(peer);
    return code;
}

static void put(char **place, char *text) {
    whi_free_secret(*place, *place != NULL ? strlen(*place) : 0);
    *place = text;
}

int whi_subscription_take_access(whi_subscription *s, enum whi_access which, const whi_values *from, uint32_t node,
                                 int stored) {
    const char *name = whi_access_names[which];
    char **place = place_of(s, which), *text = NULL;
    whi_buf merged;
    size_t size;
    const char *span = whi_json_span(from->json, node, &size);
    int code = WH_OK;

    if (whi_value_is_null(from, node)) {
        put(place, NULL);
        return WH_OK;
    }
    if (!whi_value_is(from, node, WHI_JSON_OBJECT)) {
        return whi_value_refuse(from, node, name, "an object");
    }
    whi_buf_init(&merged, SIZE_MAX / 4);
    whi_buf_reserve(&merged, size + (*place != NULL ? strlen(*place) : 0) + 16);
    if (!stored && whi_access_is_masked(from->json, node)) {
        code = unmask(name, span, size, *place != NULL ? *place : "{}", &merged);
    } else {
        whi_buf_add(&merged, span, size);
    }
    code = code == WH_OK ? whi_buf_take(&merged, &text, NULL) : code;
    whi_wipe(merged.data, merged.capacity);
    whi_buf_free(&merged);
    code = code == WH_OK && !stored ? judge(which, text) : code;
    if (code != WH_OK) {
        whi_free_secret(text, text != NULL ? strlen(text) : 0);
        return code;
    }
    put(place, text);
    return WH_OK;
}

static int is_other_host(const char *now, const char *before) {
    whi_url a, b;

    if (now == NULL || before == NULL || strcmp(now, before) == 0) {
        return 0;
    }
    return whi_url_parse(&a, now) != WH_OK || whi_url_parse(&b, before) != WH_OK || a.https != b.https ||
           a.port != b.port || strcmp(a.host, b.host) != 0;
}

static uint32_t member_of(const whi_json *json, const char *name) {
    uint32_t node = json->nodes != NULL ? whi_json_member(json, 0, name, strlen(name)) : WHI_JSON_NONE;

    return node != WHI_JSON_NONE && json->nodes[node].type == WHI_JSON_NULL ? WHI_JSON_NONE : node;
}

static int is_other_member(const whi_json *now, const whi_json *before, const char *name) {
    uint32_t a = member_of(now, name), b = member_of(before, name);

    return a == WHI_JSON_NONE || b == WHI_JSON_NONE ? a != b : !whi_json_equal(now, a, before, b);
}

/* A proxy that is not the former one, whoever it takes for whom. None is nobody who would see it. */
static int judge_proxy(const whi_json *now, const whi_json *before) {
    return now->nodes != NULL && is_other_member(now, before, "url")
               ? whi_fail_field(WH_EINVALID, "proxy",
                                "is another one than before: expected auth beside it, with its secrets")
               : WH_OK;
}

/* Whom to trust: a pin that comes trusts fewer than before. */
static int judge_trust(const whi_json *now, const whi_json *before) {
    const char *field = is_other_member(now, before, "ca")                                                 ? "tls.ca"
                        : member_of(before, "pin") != WHI_JSON_NONE && is_other_member(now, before, "pin") ? "tls.pin"
                                                                                                           : NULL;

    return field != NULL ? whi_fail_field(WH_EINVALID, field,
                                          "trusts others than before: expected auth beside it, with its secrets")
                         : WH_OK;
}

/* Either may be NULL, and has no members then. */
static int compare(const char *now, const char *before, int (*check)(const whi_json *now, const whi_json *before)) {
    whi_json a = { 0 }, b = { 0 };
    int code;

    if (now == before || (now != NULL && before != NULL && strcmp(now, before) == 0)) {
        return WH_OK;
    }
    code = now != NULL ? whi_json_scan(&a, now, strlen(now), DEPTH) : WH_OK;
    code = code == WH_OK && before != NULL ? whi_json_scan(&b, before, strlen(before), DEPTH) : code;
    code = code == WH_OK ? check(&a, &b) : code;
    whi_json_free(&a);
    whi_json_free(&b);
    return code;
}

int whi_access_before_take(whi_access_before *out, const whi_subscription *s) {
    *out = (whi_access_before){ whi_strdup(s->url, WH_ZSTR), whi_strdup(s->proxy, WH_ZSTR), whi_strdup(s->tls, WH_ZSTR),
                                s->insecure };
    return (s->url != NULL && out->url == NULL) || (s->proxy != NULL && out->proxy == NULL) ||
                   (s->tls != NULL && out->tls == NULL)
               ? whi_fail_memory()
               : WH_OK;
}

static void free_text(char *text) {
    whi_free_secret(text, text != NULL ? strlen(text) : 0);
}

void whi_access_before_free(whi_access_before *before) {
    whi_free(before->url);
    free_text(before->proxy);
    free_text(before->tls);
    *before = (whi_access_before){ 0 };
}

static int check_trust(const whi_subscription *s, const whi_access_before *before) {
    if (before->insecure) {
        return WH_OK; /* anybody was trusted */
    }
    if (s->insecure) {
        return whi_fail_field(
            WH_EINVALID, "insecure",
            "trusts whoever answers, as it did not before: expected auth beside it, with its secrets");
    }
    return compare(s->tls, before->tls, judge_trust);
}

static int keeps_password(const whi_subscription *place) {
    return place != NULL && whi_subscription_is_queue(place) && place->password != NULL && !place->is_password_said;
}

/* Whom a database's login goes to says its URL, which keeps no password that was given with another. */
static int check_passwords(const whi_subscription *s, const whi_access_before *before) {
    const char *field = keeps_password(s) ? "url" : keeps_password(s->also) ? "also.url" : NULL;

    return before->insecure || !s->insecure || field == NULL
               ? WH_OK
               : whi_fail_field(
                     WH_EINVALID, "insecure",
                     "trusts whoever answers, as it did not before: expected %s beside it, with its password", field);
}

static int check_auth(const whi_subscription *s, const whi_access_before *before) {
    int code;

    if (is_other_host(s->url, before->url)) {
        return whi_fail_field(WH_EINVALID, "url",
                              "leads to another host than before: expected auth beside it, with its secrets");
    }
    code = compare(s->proxy, before->proxy, judge_proxy);
    return code == WH_OK ? check_trust(s, before) : code;
}

int whi_subscription_check_access(const whi_subscription *s, const whi_access_before *before, int auth_is_new) {
    int code = check_passwords(s, before);

    return code == WH_OK && s->auth != NULL && !auth_is_new ? check_auth(s, before) : code;
}
