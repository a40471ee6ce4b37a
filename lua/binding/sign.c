/* Signatures: of Standard Webhooks, and of other senders; secrets. */
#include "binding.h"

#include <string.h>

#include "base/ascii.h"
#include "base/mem.h"

int whl_sign(lua_State *L) {
    const char *const *secrets;
    size_t count, size;
    const char *id, *body;
    int64_t timestamp;
    whl_box *box;
    int failed, code;

    failed = whl_text(L, 2, "id", &id);
    if (failed) {
        return failed;
    }
    timestamp = whl_integer(L, 3, "timestamp");
    body = whl_bytes(L, 4, "body", &size);
    failed = whl_texts(L, 1, "secrets", &secrets, &count);
    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    code = wh_sign(secrets, count, id, timestamp, body, size, &box->text);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushstring(L, box->text);
    whl_box_empty(box);
    return 1;
}

/* Servers give a header that came several times as a list of its values: each is a header. */
static size_t count_headers(lua_State *L, int table) {
    size_t count = 0;

    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        count += lua_istable(L, -1) ? (size_t)lua_rawlen(L, -1) : 1;
        lua_pop(L, 1);
    }
    return count;
}

/* Other headers may hold what they like. With a format named, every text may be one that the
 * format reads. */
static int is_wanted(lua_State *L, const char *name, int value, int every) {
    return every ? lua_type(L, value) == LUA_TSTRING
                 : whi_ascii_same_part(name, "webhook-", 8) || whi_ascii_same_part(name, "svix-", 5);
}

/* The value on top of the stack, under the name at that index; the texts belong to the table of
 * headers, or to a list in it. */
static int take_value(lua_State *L, int name, int every, wh_header *list, size_t *count) {
    wh_header *out = &list[*count];
    int failed;

    if (!is_wanted(L, lua_tostring(L, name), lua_gettop(L), every)) {
        return 0;
    }
    failed = whl_text(L, name, "headers", &out->name);
    failed = failed ? failed : whl_text(L, lua_gettop(L), out->name, &out->value);
    *count += failed == 0;
    return failed;
}

/* The pair on top of the stack. */
static int take_header(lua_State *L, int every, wh_header *list, size_t *count) {
    int top = lua_gettop(L), failed = 0;

    if (lua_type(L, top - 1) != LUA_TSTRING) {
        return luaL_error(L, "headers: expected names as keys, found %s", luaL_typename(L, top - 1));
    }
    if (!lua_istable(L, top)) {
        return take_value(L, top - 1, every, list, count);
    }
    for (lua_Integer i = 1, last = (lua_Integer)lua_rawlen(L, top); i <= last && !failed; i++) {
        lua_settop(L, top);
        lua_rawgeti(L, top, i);
        failed = take_value(L, top - 1, every, list, count);
    }
    if (!failed) {
        lua_settop(L, top);
    }
    return failed;
}

/* Pushes the userdata that holds them. */
static int take_headers(lua_State *L, int table, int every, const wh_header **out, size_t *count) {
    size_t room = count_headers(L, table);
    wh_header *list = lua_newuserdatauv(L, (room + 1) * sizeof *list, 0);

    *count = 0;
    *out = list;
    lua_pushnil(L);
    while (lua_next(L, table) != 0 && *count <= room) {
        int failed = take_header(L, every, list, count);
        if (failed) {
            return failed;
        }
        lua_pop(L, 1);
    }
    return 0;
}

/* Without a format it is "standard"; "auto" is to be told, which in C is NULL. */
static int take_verify_options(lua_State *L, int index, wh_verify_options *out) {
    static const char *const names[] = { "tolerance", "now", "format", "method", "url", "signature", NULL };
    int failed;

    if (lua_isnoneornil(L, index)) {
        return 0;
    }
    whl_check_names(L, index, "options", names);
    whl_field_integer(L, index, "tolerance", &out->tolerance);
    whl_field_integer(L, index, "now", &out->now);
    failed = whl_field_text(L, index, "format", &out->format);
    failed = failed ? failed : whl_field_text(L, index, "method", &out->method);
    failed = failed ? failed : whl_field_text(L, index, "signature", &out->signature);
    return failed ? failed : whl_field_text(L, index, "url", &out->url);
}

/* Behind true and the format: the number of an ordered request, nil where there is none that can be read. */
static int push_verified(lua_State *L, const char *found, const wh_header *headers, size_t count) {
    int64_t number;

    lua_pushboolean(L, 1);
    lua_pushstring(L, found);
    if (wh_sequence(headers, count, &number) == WH_OK) {
        lua_pushinteger(L, number);
    } else {
        lua_pushnil(L);
    }
    return 3;
}

int whl_verify(lua_State *L) {
    wh_verify_options options = WH_VERIFY_INIT;
    const char *const *secrets;
    const wh_header *headers;
    size_t secret_count, header_count, size;
    const char *body, *found;
    int failed, code, every;

    lua_settop(L, 4);
    if (!lua_istable(L, 1)) {
        return whl_wrong(L, 1, "headers", "a table of names and values");
    }
    body = whl_bytes(L, 2, "body", &size);
    failed = take_verify_options(L, 4, &options);
    every = options.format != NULL || options.signature != NULL;
    failed = failed ? failed : whl_texts(L, 3, "secrets", &secrets, &secret_count);
    failed = failed ? failed : take_headers(L, 1, every, &headers, &header_count);
    if (failed) {
        return failed;
    }
    if (!every) {
        options.format = "standard";
    } else if (options.format != NULL && strcmp(options.format, "auto") == 0) {
        options.format = NULL;
    }
    code = wh_verify_as(&options, secrets, secret_count, headers, header_count, body, size, &found);
    return code == WH_OK ? push_verified(L, found, headers, header_count) : whl_fail(L, code);
}

int whl_secret(lua_State *L) {
    char secret[WH_SECRET_SIZE];
    int code = wh_secret(secret);

    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushstring(L, secret);
    whi_wipe(secret, sizeof secret);
    return 1;
}

int whl_keypair(lua_State *L) {
    char secret[WH_SECRET_SIZE], public_key[WH_SECRET_SIZE];
    int code = wh_secret_pair(secret, public_key);

    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushstring(L, secret);
    whi_wipe(secret, sizeof secret);
    lua_pushstring(L, public_key);
    return 2;
}
