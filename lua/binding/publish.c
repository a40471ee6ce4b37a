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
static int take_payload(lua_State *L, int index, const whl_engine *self, whl_box *box, wh_event *out) {
    int code;

    out->payload = whl_raw_text(L, index, &out->payload_size);
    if (out->payload != NULL) {
        lua_pushnil(L);
        return WH_OK;
    }
    whi_buf_clear(&box->buf);
    code = whl_write_payload(L, index, self->depth, &box->buf);
    if (code == WH_OK) {
        out->payload = lua_pushlstring(L, box->buf.data, box->buf.size);
        out->payload_size = box->buf.size;
    }
    return code;
}

/* The member of a table, which stays on the stack unless it is nil. owner stands in front
 * of its name where it is raised: "" or "events[3]: ". Returns a code. */
static int take_text(lua_State *L, int table, const char *owner, const char *name, const char **out) {
    char shown[ROOT_SIZE];
    size_t size;

    snprintf(shown, sizeof shown, "%s%s", owner, name);
    luaL_checkstack(L, 4, name);
    lua_pushstring(L, name);
    if (lua_rawget(L, table) == LUA_TNIL) {
        return WH_OK;
    }
    *out = whl_bytes(L, lua_gettop(L), shown, &size);
    return whl_text_check(*out, size, name);
}

static int take_time(lua_State *L, int table, const char *owner, wh_event *out) {
    char shown[ROOT_SIZE];
    int code = WH_OK;

    lua_pushliteral(L, "time");
    if (lua_rawget(L, table) != LUA_TNIL) {
        snprintf(shown, sizeof shown, "%stime", owner);
        code = whl_time(L, lua_gettop(L), shown, "time", &out->time);
    }
    lua_pop(L, 1);
    return code;
}

/* The members that both ways of publishing have; their texts stay on the stack. Returns a code. */
static int take_members(lua_State *L, int table, const char *owner, wh_event *out) {
    int code = take_text(L, table, owner, "id", &out->id);

    code = code == WH_OK ? take_text(L, table, owner, "tenant", &out->tenant) : code;
    code = code == WH_OK ? take_text(L, table, owner, "source", &out->source) : code;
    code = code == WH_OK ? take_text(L, table, owner, "key", &out->key) : code;
    return code == WH_OK ? take_time(L, table, owner, out) : code;
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
    int failed = whl_text(L, 2, "type", &out->type), code = WH_OK;

    if (failed) {
        return failed;
    }
    need_payload(L, 3, "");
    if (!lua_isnil(L, 4)) {
        whl_check_names(L, 4, "options", names);
        code = take_members(L, 4, "", out);
    }
    return code == WH_OK ? 0 : whl_fail(L, code);
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
    code = take_payload(L, 3, self, box, &event);
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

/* The library counts from 0 and says "event 0: …", Lua from 1. */
static int fail_batch(lua_State *L, int code) {
    const whi_error *error = whi_error_last();
    int count = whl_fail(L, code);

    if (error->index >= 0) {
        lua_pushfstring(L, "events[%I]: %s%s%s", (LUAI_UACINT)(error->index + 1), error->field,
                        error->field[0] != '\0' ? ": " : "", error->sentence + error->reason);
        lua_replace(L, -count);
    }
    return count;
}

/* The event at the top of the stack. Its texts are kept in the table at keep. */
static int take_event(lua_State *L, const whl_engine *self, int keep, whl_box *box, lua_Integer n, wh_event *out) {
    static const char *const names[] = { "type", "payload", "id", "tenant", "source", "key", "time", NULL };
    int table = lua_gettop(L), code;
    char root[ROOT_SIZE];

    snprintf(root, sizeof root, "events[%lld]", (long long)n);
    whl_check_names(L, table, root, names);
    snprintf(root, sizeof root, "events[%lld]: ", (long long)n);
    lua_pushliteral(L, "payload");
    lua_rawget(L, table);
    need_payload(L, table + 1, root);
    code = take_text(L, table, root, "type", &out->type);
    code = code == WH_OK ? take_members(L, table, root, out) : code;
    code = code == WH_OK ? take_payload(L, table + 1, self, box, out) : code;
    if (code != WH_OK) {
        return fail_batch(L, whi_fail_within_event(code, (size_t)n - 1));
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
