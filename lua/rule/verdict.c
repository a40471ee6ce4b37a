/* What a rule returned, read and checked: nothing of it may run script code, so
 * all access is raw. */
#include <math.h>
#include <string.h>

#include "rule_state.h"

#define KEY_MAXIMUM 256
#define DELAY_MAXIMUM ((int64_t)30 * 24 * 3600 * 1000) /* 30 days */
#define HEADERS_MAXIMUM 50                             /* as a subscription's own */
#define HEADER_VALUE_MAXIMUM 4096

/* ------------------------------------------------------------------- headers */

static int equals_folded(const char *a, const char *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char letter = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] + 32) : a[i];
        if (letter != b[i]) {
            return 0;
        }
    }
    return 1;
}

/* Headers that say how the request is framed or who signed it; the same as in a
 * subscription's `headers`. */
static int is_reserved(const char *name, size_t size) {
    static const char *const words[] = {
        "host", "content-length", "content-type", "transfer-encoding", "expect",          "connection",
        "te",   "trailer",        "upgrade",      "keep-alive",        "proxy-connection"
    };
    static const char *const starts[] = { "webhook-", "svix-" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (size == strlen(words[i]) && equals_folded(name, words[i], size)) {
            return 1;
        }
    }
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (size >= strlen(starts[i]) && equals_folded(name, starts[i], strlen(starts[i]))) {
            return 1;
        }
    }
    return 0;
}

/* token of RFC 9110, 5.6.2 */
static int is_token(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return 0;
        }
    }
    return size > 0 && size <= 128;
}

static int has_control(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f) {
            return 1;
        }
    }
    return 0;
}

static int is_visible(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\t') {
            return 0;
        }
    }
    return 1;
}

/* The header on top of the stack (name below value). */
static void check_header(lua_State *L, const whi_rule_path *headers) {
    whi_rule_path here = { headers, NULL, 0, 0 };
    const char *value;
    size_t size;

    if (lua_type(L, -2) != LUA_TSTRING) {
        whi_rule_refuse(L, headers, "a header's name must be a text, not %s", whi_rule_type(L, -2));
    }
    here.name = lua_tolstring(L, -2, &here.size);
    if (!is_token(here.name, here.size)) {
        whi_rule_refuse(L, headers, "a header's name may have letters, digits and !#$%%&'*+-.^_`|~ only, up to 128");
    }
    if (is_reserved(here.name, here.size)) {
        whi_rule_refuse(L, &here, "this header is the engine's own");
    }
    if (lua_type(L, -1) != LUA_TSTRING) {
        whi_rule_refuse(L, &here, "must be a text, not %s", whi_rule_type(L, -1));
    }
    value = lua_tolstring(L, -1, &size);
    if (size > HEADER_VALUE_MAXIMUM || !is_visible(value, size)) {
        whi_rule_refuse(L, &here, "must be up to %d visible ASCII letters, blanks and tabs", HEADER_VALUE_MAXIMUM);
    }
}

static void read_headers(lua_State *L, const whi_rule_path *path, wh_rule_verdict *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    int table = lua_gettop(L), count = 0;

    if (lua_type(L, table) != LUA_TTABLE) {
        whi_rule_refuse(L, path, "must be a table of texts, not %s", whi_rule_type(L, table));
    }
    lua_pushnil(L);
    while (lua_next(L, table)) {
        check_header(L, path);
        if (++count > HEADERS_MAXIMUM) {
            whi_rule_refuse(L, path, "more than %d headers", HEADERS_MAXIMUM);
        }
        lua_pop(L, 1);
    }
    if (count == 0) {
        return;
    }
    whi_buf_clear(&runtime->headers);
    whi_rule_write(L, table, path, 2, &runtime->headers);
    whi_rule_check_buffer(L, &runtime->headers);
    out->headers = runtime->headers.data;
    out->headers_size = runtime->headers.size;
}

/* ---------------------------------------------------------------- key, delay */

static void read_key(lua_State *L, const whi_rule_path *path, wh_rule_verdict *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    const char *text;
    size_t size;

    if (lua_type(L, -1) != LUA_TSTRING && !lua_isinteger(L, -1)) {
        whi_rule_refuse(L, path, "must be a text or an integer, not %s", whi_rule_type(L, -1));
    }
    lua_pushvalue(L, -1);
    text = lua_tolstring(L, -1, &size);
    if (size == 0 || size > KEY_MAXIMUM || has_control(text, size)) {
        whi_rule_refuse(L, path, "must have 1 to %d bytes without control characters", KEY_MAXIMUM);
    }
    whi_buf_clear(&runtime->key);
    whi_buf_add(&runtime->key, text, size);
    whi_rule_check_buffer(L, &runtime->key);
    out->key = runtime->key.data;
    lua_pop(L, 1);
}

static void read_delay(lua_State *L, const whi_rule_path *path, wh_rule_verdict *out) {
    int integral = 0;
    lua_Integer delay = 0;

    if (lua_type(L, -1) == LUA_TNUMBER) {
        delay = lua_tointegerx(L, -1, &integral);
    }
    if (!integral || delay < 0 || delay > DELAY_MAXIMUM) {
        whi_rule_refuse(L, path, "must be milliseconds, a whole number from 0 to %lld", (long long)DELAY_MAXIMUM);
    }
    out->delay = delay;
}

static void read_option(lua_State *L, wh_rule_verdict *out) {
    static const whi_rule_path options = { NULL, "options", 7, 0 };
    whi_rule_path here = { &options, NULL, 0, 0 };

    if (lua_type(L, -2) != LUA_TSTRING) {
        whi_rule_refuse(L, &options, "may have the names key, headers and delay, not a %s", whi_rule_type(L, -2));
    }
    here.name = lua_tolstring(L, -2, &here.size);
    if (strcmp(here.name, "key") == 0) {
        read_key(L, &here, out);
    } else if (strcmp(here.name, "headers") == 0) {
        read_headers(L, &here, out);
    } else if (strcmp(here.name, "delay") == 0) {
        read_delay(L, &here, out);
    } else {
        whi_rule_refuse(L, &here, "is not known: key, headers and delay are");
    }
}

static void read_options(lua_State *L, wh_rule_verdict *out) {
    if (lua_type(L, 2) != LUA_TTABLE) {
        whi_rule_refuse(L, NULL, "the second value must be a table with key, headers or delay, not %s",
                        whi_rule_type(L, 2));
    }
    lua_pushnil(L);
    while (lua_next(L, 2)) {
        read_option(L, out);
        lua_pop(L, 1);
    }
}

/* ---------------------------------------------------------------------- body */

static void read_body(lua_State *L, wh_rule_verdict *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    unsigned document;
    uint32_t node;

    if (lua_type(L, 1) == LUA_TLIGHTUSERDATA) {
        if (!whi_rule_to_view(L, 1, &document, &node)) {
            whi_rule_refuse(L, NULL, "a rule returns false, true, a table or a part of the payload, not null");
        }
        if (document == WHI_RULE_PAYLOAD && node == 0) {
            out->action = WH_RULE_PASS;
            return;
        }
    }
    whi_buf_clear(&runtime->body);
    whi_rule_write(L, 1, NULL, (int)runtime->limits.json_depth, &runtime->body);
    whi_rule_check_buffer(L, &runtime->body);
    out->action = WH_RULE_PROJECT;
    out->body = runtime->body.data;
    out->body_size = runtime->body.size;
}

void whi_rule_read_verdict(lua_State *L, wh_rule_verdict *out) {
    int count = lua_gettop(L);

    if (count > 2) {
        whi_rule_refuse(L, NULL, "a rule returns at most two values, not %d", count);
    }
    luaL_checkstack(L, 8, NULL);
    switch (lua_type(L, 1)) {
    case LUA_TNONE:
    case LUA_TNIL:
        out->action = WH_RULE_DROP;
        break;
    case LUA_TBOOLEAN:
        out->action = lua_toboolean(L, 1) ? WH_RULE_PASS : WH_RULE_DROP;
        break;
    case LUA_TTABLE:
    case LUA_TLIGHTUSERDATA:
        read_body(L, out);
        break;
    default:
        whi_rule_refuse(L, NULL, "a rule returns false, true, a table or a part of the payload, not %s",
                        whi_rule_type(L, 1));
    }
    if (count == 2 && !lua_isnil(L, 2)) {
        read_options(L, out);
    }
}
