/* Publishing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"
#include "base/error.h"
#include "codec.h"
#include "engine.h"

#define ROOT_SIZE 64 /* of "events[n]: " and a name */

/* The payload at index as text, which belongs to what stands at index or to the string
 * that this pushes (always one value). Returns a code. */
static int take_payload(lua_State *L, int index, const whl_engine *self, const char *root, whl_box *box,
                        wh_event *out) {
    int code;

    out->payload = whl_raw_text(L, index, &out->payload_size);
    if (out->payload != NULL) {
        lua_pushnil(L);
        return WH_OK;
    }
    whi_buf_clear(&box->buf);
    code = whl_write(L, index, root, self->depth, &box->buf);
    if (code == WH_OK) {
        out->payload = lua_pushlstring(L, box->buf.data, box->buf.size);
        out->payload_size = box->buf.size;
    }
    return code;
}

/* The member of a table, which stays on the stack unless it is nil. owner stands in front
 * of its name in errors: "" or "events[3]: ". */
static int take_text(lua_State *L, int table, const char *owner, const char *name, const char **out) {
    char shown[ROOT_SIZE];

    snprintf(shown, sizeof shown, "%s%s", owner, name);
    luaL_checkstack(L, 4, name);
    lua_pushstring(L, name);
    return lua_rawget(L, table) == LUA_TNIL ? 0 : whl_text(L, lua_gettop(L), shown, out);
}

static void take_time(lua_State *L, int table, const char *owner, wh_event *out) {
    char shown[ROOT_SIZE];

    lua_pushliteral(L, "time");
    if (lua_rawget(L, table) != LUA_TNIL) {
        snprintf(shown, sizeof shown, "%stime", owner);
        out->time = whl_integer(L, lua_gettop(L), shown);
    }
    lua_pop(L, 1);
}

/* The members that both ways of publishing have; their texts stay on the stack. */
static int take_members(lua_State *L, int table, const char *owner, wh_event *out) {
    int failed = take_text(L, table, owner, "id", &out->id);

    failed = failed ? failed : take_text(L, table, owner, "tenant", &out->tenant);
    failed = failed ? failed : take_text(L, table, owner, "source", &out->source);
    failed = failed ? failed : take_text(L, table, owner, "key", &out->key);
    if (!failed) {
        take_time(L, table, owner, out);
    }
    return failed;
}

static void need_payload(lua_State *L, int index, const char *owner) {
    if (lua_isnoneornil(L, index)) {
        luaL_error(L, "%spayload: expected a value, found nil (webhook.null is JSON's null)", owner);
    }
}

/* The function that options name, on the stack; 0 if there is none. */
static int take_async(lua_State *L, int options) {
    luaL_checkstack(L, 4, "async");
    lua_pushliteral(L, "async");
    if (lua_isnil(L, options) || lua_rawget(L, options) == LUA_TNIL) {
        return 0;
    }
    if (!lua_isfunction(L, -1)) {
        whl_wrong(L, lua_gettop(L), "async", "a function");
    }
    return lua_gettop(L);
}

/* The arguments of publish; its texts stay on the stack. 0, or what whl_fail returned. */
static int take_arguments(lua_State *L, wh_event *out) {
    static const char *const names[] = { "id", "tenant", "source", "key", "time", "async", NULL };
    int failed = whl_text(L, 2, "type", &out->type);

    if (failed) {
        return failed;
    }
    need_payload(L, 3, "");
    if (!lua_isnil(L, 4)) {
        whl_check_names(L, 4, "options", names);
        failed = take_members(L, 4, "", out);
    }
    return failed;
}

static int publish(lua_State *L) {
    wh_event event = WH_EVENT_INIT;
    whl_engine *self = whl_engine_self(L);
    wh_receipt receipt;
    whl_box *box;
    int failed, code, function;

    lua_settop(L, 4);
    failed = take_arguments(L, &event);
    if (failed) {
        return failed;
    }
    function = take_async(L, 4);
    box = whl_box_new(L);
    code = take_payload(L, 3, self, "payload", box, &event);
    whl_box_empty(box);
    if (code == WH_OK && function) {
        return whl_publish_async(L, self, &event, function);
    }
    code = code == WH_OK ? wh_publish(self->engine, &event, &receipt) : code;
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushstring(L, receipt.id);
    lua_pushboolean(L, receipt.duplicate);
    return 2;
}

/* -------------------------------------------------------------------------- batch */

/* The event at the top of the stack. Its texts are kept in the table at keep. */
static int take_event(lua_State *L, const whl_engine *self, int keep, whl_box *box, lua_Integer n, wh_event *out) {
    static const char *const names[] = { "type", "payload", "id", "tenant", "source", "key", "time", NULL };
    int table = lua_gettop(L), failed, code;
    char root[ROOT_SIZE];

    snprintf(root, sizeof root, "events[%lld]", (long long)n);
    whl_check_names(L, table, root, names);
    snprintf(root, sizeof root, "events[%lld]: ", (long long)n);
    lua_pushliteral(L, "payload");
    lua_rawget(L, table);
    need_payload(L, table + 1, root);
    failed = take_text(L, table, root, "type", &out->type);
    failed = failed ? failed : take_members(L, table, root, out);
    if (failed) {
        return failed;
    }
    snprintf(root, sizeof root, "events[%lld]: payload", (long long)n);
    code = take_payload(L, table + 1, self, root, box, out);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    while (lua_gettop(L) > table) {
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
        } else {
            lua_rawseti(L, keep, (lua_Integer)lua_rawlen(L, keep) + 1);
        }
    }
    return 0;
}

/* The library counts from 0 ("event 0: …"), Lua from 1. */
static int fail_batch(lua_State *L, int code) {
    const char *sentence = wh_last_error();
    char *rest;
    long long n;

    if (strncmp(sentence, "event ", 6) != 0) {
        return whl_fail(L, code);
    }
    n = strtoll(sentence + 6, &rest, 10);
    if (strncmp(rest, ": ", 2) != 0) {
        return whl_fail(L, code);
    }
    lua_pushnil(L);
    lua_pushfstring(L, "events[%I]%s", (LUAI_UACINT)(n + 1), rest);
    lua_pushstring(L, wh_error_name(code));
    return 3;
}

static int push_receipts(lua_State *L, const wh_receipt *receipts, size_t count) {
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_createtable(L, 0, 2);
        lua_pushstring(L, receipts[i].id);
        lua_setfield(L, -2, "id");
        lua_pushboolean(L, receipts[i].duplicate);
        lua_setfield(L, -2, "duplicate");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int publish_batch(lua_State *L) {
    static const wh_event fresh = WH_EVENT_INIT;
    whl_engine *self = whl_engine_self(L);
    wh_receipt *receipts;
    wh_event *events;
    whl_box *box;
    size_t count;
    int code;

    lua_settop(L, 2);
    if (!lua_istable(L, 2)) {
        return whl_wrong(L, 2, "events", "a list of tables");
    }
    count = lua_rawlen(L, 2);
    lua_newtable(L); /* 3: keeps the texts */
    box = whl_box_new(L);
    events = lua_newuserdatauv(L, (count + 1) * sizeof *events, 0);
    receipts = lua_newuserdatauv(L, (count + 1) * sizeof *receipts, 0);
    for (size_t i = 0; i < count; i++) {
        int failed;
        events[i] = fresh;
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        failed = take_event(L, self, 3, box, (lua_Integer)i + 1, &events[i]);
        if (failed) {
            return failed;
        }
        lua_pop(L, 1);
    }
    whl_box_empty(box);
    code = wh_publish_batch(self->engine, events, count, receipts);
    return code == WH_OK ? push_receipts(L, receipts, count) : fail_batch(L, code);
}

const luaL_Reg whl_publish_methods[] = {
    { "publish", publish },
    { "publish_batch", publish_batch },
    { NULL, NULL },
};
