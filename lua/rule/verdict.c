/* What a rule returned, read and checked: nothing of it may run script code, so
 * all access is raw. */
#include <math.h>
#include <string.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "rule_state.h"
#include "systems/header.h"

#define KEY_MAXIMUM 256
#define DELAY_MAXIMUM ((int64_t)30 * 24 * 3600 * 1000) /* 30 days */
#define HEADERS_MAXIMUM 50                             /* as a subscription's own */
#define HEADER_VALUE_MAXIMUM 4096

/* ------------------------------------------------------------------- headers */

/* What a subscription may not set, a rule may not set either. Both are checked texts. */
static int is_reserved(const char *name, const char *value) {
    char *line = NULL;
    int code = whi_header_line(name, value, &line);

    whi_free(line);
    return code != WH_OK && code != WH_ENOMEM;
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

/* A header's name and its value, which is on top of the stack. */
static void check_header(lua_State *L, const whi_rule_member *name, const whi_rule_path *headers) {
    const whi_rule_path here = { headers, name->name, name->size, 0 };
    const char *value;
    size_t size;

    if (!is_token(name->name, name->size)) {
        whi_rule_refuse(L, headers, "a header's name may have letters, digits and !#$%%&'*+-.^_`|~ only, up to 128");
    }
    if (lua_type(L, -1) != LUA_TSTRING) {
        whi_rule_refuse(L, &here, "must be a text, not %s", whi_rule_kind(L, -1));
    }
    value = lua_tolstring(L, -1, &size);
    if (size > HEADER_VALUE_MAXIMUM || !is_visible(value, size)) {
        whi_rule_refuse(L, &here, "must be up to %d visible ASCII letters, blanks and tabs", HEADER_VALUE_MAXIMUM);
    }
    if (is_reserved(name->name, value)) {
        whi_rule_refuse(L, &here, "this header is the engine's own");
    }
}

/* Names differ when their case does, but not on the wire. */
static void check_twins(lua_State *L, const whi_rule_member *names, size_t count, const whi_rule_path *headers) {
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (whi_ascii_same(names[i].name, names[j].name)) {
                whi_rule_refuse(L, headers, "%s and %s are one header", names[j].name, names[i].name);
            }
        }
    }
}

static void read_headers(lua_State *L, const whi_rule_path *path, wh_rule_verdict *out) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    int table = lua_gettop(L);
    const whi_rule_member *names;
    size_t count;

    if (lua_type(L, table) != LUA_TTABLE) {
        whi_rule_refuse(L, path, "must be a table of texts, not %s", whi_rule_kind(L, table));
    }
    if (whi_rule_mark_of(L, table) == WHI_RULE_LIBRARY) {
        whi_rule_refuse(L, path, "must be a table of texts, not a library");
    }
    count = whi_rule_collect_names(L, table, path, NULL, 0);
    if (count == 0) {
        return;
    }
    runtime->member_count -= count;
    names = runtime->members + runtime->member_count;
    if (count > HEADERS_MAXIMUM) {
        whi_rule_refuse(L, path, "%zu headers, at most %d are allowed", count, HEADERS_MAXIMUM);
    }
    for (size_t i = 0; i < count; i++) {
        lua_pushvalue(L, names[i].slot);
        lua_rawget(L, table);
        check_header(L, &names[i], path);
        lua_pop(L, 1);
    }
    check_twins(L, names, count, path);
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
        whi_rule_refuse(L, path, "must be a text or an integer, not %s", whi_rule_kind(L, -1));
    }
    lua_pushvalue(L, -1);
    text = lua_tolstring(L, -1, &size);
    if (size == 0 || size > KEY_MAXIMUM || has_control(text, size) || !whi_utf8_check(text, size)) {
        whi_rule_refuse(L, path, "must have 1 to %d bytes of UTF-8 without control characters", KEY_MAXIMUM);
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

/* A name may have zeros in it. */
static int is_option(const whi_rule_path *path, const char *name) {
    return path->size == strlen(name) && memcmp(path->name, name, path->size) == 0;
}

/* One option by its name; its value is on top of the stack. */
static void read_option(lua_State *L, const whi_rule_path *path, wh_rule_verdict *out) {
    if (is_option(path, "key")) {
        read_key(L, path, out);
    } else if (is_option(path, "headers")) {
        read_headers(L, path, out);
    } else if (is_option(path, "delay")) {
        read_delay(L, path, out);
    } else {
        whi_rule_refuse(L, path, "is not known: key, headers and delay are");
    }
}

static void read_options(lua_State *L, wh_rule_verdict *out) {
    static const whi_rule_path options = { NULL, "options", 7, 0 };
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    size_t count;
    int top;

    if (lua_type(L, 2) != LUA_TTABLE) {
        whi_rule_refuse(L, NULL, "the second value must be a table with key, headers or delay, not %s",
                        whi_rule_kind(L, 2));
    }
    if (whi_rule_mark_of(L, 2) == WHI_RULE_LIBRARY) {
        whi_rule_refuse(L, NULL, "the second value must be a table with key, headers or delay, not a library");
    }
    count = whi_rule_collect_names(L, 2, &options, NULL, 0);
    top = lua_gettop(L);
    for (size_t i = 0; i < count; i++) {
        whi_rule_member name = runtime->members[i];
        whi_rule_path here = { &options, name.name, name.size, 0 };
        lua_pushvalue(L, name.slot);
        lua_rawget(L, 2);
        read_option(L, &here, out);
        lua_settop(L, top);
    }
    runtime->member_count = 0;
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

/* A payload that is no container is a plain value in Lua: what equals it is the payload. */
static int is_payload(lua_State *L) {
    int type = lua_type(L, 1), same;

    if (type != LUA_TSTRING && type != LUA_TNUMBER && !whi_rule_is_null(L, 1)) {
        return 0;
    }
    whi_rule_push_node(L, WHI_RULE_PAYLOAD, 0);
    same = lua_rawequal(L, 1, -1);
    lua_pop(L, 1);
    return same;
}

static void read_first(lua_State *L, wh_rule_verdict *out) {
    if (is_payload(L)) {
        out->action = WH_RULE_PASS;
        return;
    }
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
}

void whi_rule_read_verdict(lua_State *L, wh_rule_verdict *out) {
    int count = lua_gettop(L);

    whi_rule_of(L)->bad_result = 1; /* whatever is raised from here on is about the result */
    if (count > 2) {
        whi_rule_refuse(L, NULL, "a rule returns at most two values, not %d", count);
    }
    luaL_checkstack(L, 8, NULL);
    read_first(L, out);
    if (count == 2 && !lua_isnil(L, 2)) {
        read_options(L, out);
    }
}
