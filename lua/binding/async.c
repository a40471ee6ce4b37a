#include "async.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* A userdata whose user value is the function. The library's pointer to it is the key under which
 * the engine's table holds it. */
struct whl_async {
    struct whl_async *next; /* of those that are told */
    whl_engine *owner;
    int code;
    wh_receipt receipt;
    char error[WHI_ERROR_SIZE];
};

/* ------------------------------------------------------------------------- what waits */

/* The table of an engine's. */
static void push_table(lua_State *L, int engine) {
    if (lua_getiuservalue(L, engine, WHL_ENGINE_ASYNC) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, engine, WHL_ENGINE_ASYNC);
    }
}

/* Takes what is at the top of the stack into the table. While something waits, the engine is kept
 * alive by the registry. Counts when nothing can fail any more. */
static void add(lua_State *L, whl_engine *self, struct whl_async *made) {
    int at = lua_gettop(L);

    push_table(L, 1);
    lua_pushvalue(L, at);
    lua_rawsetp(L, -2, made);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, self);
    lua_settop(L, at);
    self->waiting++;
}

/* Puts the userdata on the stack, and out of the table. Allocates nothing: the keys are there. */
static void take(lua_State *L, whl_engine *self, struct whl_async *made) {
    lua_getiuservalue(L, 1, WHL_ENGINE_ASYNC);
    lua_rawgetp(L, -1, made);
    lua_pushnil(L);
    lua_rawsetp(L, -3, made);
    lua_remove(L, -2);
    self->waiting--;
    if (self->waiting == 0) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, self);
    }
}

/* -------------------------------------------------------------------------- publishing */

static void note(int code, const char *error, const wh_receipt *receipt, void *payload) {
    struct whl_async *made = payload;
    whl_engine *self = made->owner;

    made->code = code;
    snprintf(made->error, sizeof made->error, "%s", error != NULL ? error : "");
    if (receipt != NULL) {
        made->receipt = *receipt;
    }
    made->next = NULL;
    if (self->told_first == NULL) {
        self->told_first = made;
    } else {
        self->told_last->next = made;
    }
    self->told_last = made;
}

int whl_publish_async(lua_State *L, whl_engine *self, const wh_event *event, int function) {
    struct whl_async *made = lua_newuserdatauv(L, sizeof *made, 1);
    int code;

    memset(made, 0, sizeof *made);
    made->owner = self;
    lua_pushvalue(L, function);
    lua_setiuservalue(L, -2, 1);
    add(L, self, made);
    code = wh_publish_async(self->engine, event, note, made);
    if (code != WH_OK) {
        take(L, self, made);
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* ----------------------------------------------------------------------------- telling */

/* The userdata is at 1. In a protected call, since building the arguments may want memory. */
static int call(lua_State *L) {
    const struct whl_async *made = lua_touserdata(L, 1);

    lua_getiuservalue(L, 1, 1);
    if (made->code != WH_OK) {
        lua_pushnil(L);
        lua_pushstring(L, made->error);
        lua_pushstring(L, wh_error_name(made->code));
        lua_call(L, 3, 0);
        return 0;
    }
    lua_createtable(L, 0, 2);
    lua_pushstring(L, made->receipt.id);
    lua_setfield(L, -2, "id");
    lua_pushboolean(L, made->receipt.duplicate);
    lua_setfield(L, -2, "duplicate");
    lua_call(L, 1, 0);
    return 0;
}

/* The error at the top is kept in the slot if it is the first, else told and forgotten. */
static void keep(lua_State *L, int slot, int *failed) {
    if (!*failed) {
        lua_replace(L, slot);
        *failed = 1;
        return;
    }
    lua_warning(L, "webhook: an async function failed: ", 1);
    lua_warning(L, luaL_tolstring(L, -1, NULL), 0);
    lua_pop(L, 2);
}

void whl_async_drain(lua_State *L) {
    whl_engine *self = lua_touserdata(L, 1);
    int slot, failed = 0;

    if (self->told_first == NULL) {
        return;
    }
    luaL_checkstack(L, 8, "async");
    lua_pushnil(L);
    slot = lua_gettop(L);
    while (self->told_first != NULL) {
        struct whl_async *made = self->told_first;
        self->told_first = made->next;
        lua_pushcfunction(L, call);
        take(L, self, made);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            keep(L, slot, &failed);
        }
    }
    if (failed) {
        lua_settop(L, slot);
        lua_error(L);
    }
    lua_pop(L, 1);
}
