#include "clock.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/mem.h"

#define CLOCK "webhook.clock"

struct whl_clock {
    wh_clock face;
    _Atomic int64_t now;
    atomic_int holders;
};

static int64_t read_now(void *payload) {
    whl_clock *clock = payload;

    return atomic_load(&clock->now);
}

static whl_clock *make(int64_t now) {
    whl_clock *clock = whi_calloc(1, sizeof *clock);

    if (clock != NULL) {
        clock->face.size = sizeof clock->face;
        clock->face.now = read_now;
        clock->face.payload = clock;
        atomic_init(&clock->now, now);
        atomic_init(&clock->holders, 1);
    }
    return clock;
}

void whl_clock_release(whl_clock *clock) {
    if (clock != NULL && atomic_fetch_sub(&clock->holders, 1) == 1) {
        whi_free(clock);
    }
}

const wh_clock *whl_clock_face(const whl_clock *clock) {
    return &clock->face;
}

static whl_clock *clock_of(lua_State *L, int index, const char *name) {
    whl_clock **self = luaL_testudata(L, index, CLOCK);

    if (self == NULL || *self == NULL) {
        whl_wrong(L, index, name, "a webhook.clock");
        return NULL;
    }
    return *self;
}

whl_clock *whl_clock_hold(lua_State *L, int index) {
    whl_clock *clock = clock_of(L, index, "clock");

    atomic_fetch_add(&clock->holders, 1);
    return clock;
}

int whl_clock_new(lua_State *L) {
    int64_t now = whl_integer(L, 1, "ms");
    whl_clock **self = lua_newuserdatauv(L, sizeof *self, 0);

    *self = NULL;
    luaL_setmetatable(L, CLOCK);
    *self = make(now);
    return *self != NULL ? 1 : whl_fail(L, whi_fail_memory());
}

static int clock_gc(lua_State *L) {
    whl_clock **self = luaL_checkudata(L, 1, CLOCK);

    whl_clock_release(*self);
    *self = NULL;
    return 0;
}

static int clock_now(lua_State *L) {
    lua_pushinteger(L, atomic_load(&clock_of(L, 1, "self")->now));
    return 1;
}

static int clock_set(lua_State *L) {
    whl_clock *clock = clock_of(L, 1, "self");

    atomic_store(&clock->now, whl_integer(L, 2, "ms"));
    return clock_now(L);
}

static int clock_advance(lua_State *L) {
    whl_clock *clock = clock_of(L, 1, "self");

    atomic_fetch_add(&clock->now, whl_integer(L, 2, "ms"));
    return clock_now(L);
}

static int clock_tostring(lua_State *L) {
    lua_pushfstring(L, CLOCK " (%I)", (LUAI_UACINT)atomic_load(&clock_of(L, 1, "self")->now));
    return 1;
}

void whl_clock_types(lua_State *L) {
    static const luaL_Reg methods[] = {
        { "now", clock_now },
        { "set", clock_set },
        { "advance", clock_advance },
        { NULL, NULL },
    };

    luaL_newmetatable(L, CLOCK);
    lua_pushcfunction(L, clock_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, clock_tostring);
    lua_setfield(L, -2, "__tostring");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
