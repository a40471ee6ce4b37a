/* The engine object: opening, working, closing. */
#include "engine.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"
#include "base/error.h"
#include "source.h"

#define POLLABLE "webhook.pollable"
#define GRACE 10000  /* ms, of stop() */
#define RUN_WAIT 100 /* ms between two looks whether all is done */

/* --------------------------------------------------------------------------- self */

static whl_engine *engine_at(lua_State *L, int index) {
    whl_engine *self = luaL_testudata(L, index, WHL_ENGINE);

    if (self == NULL) {
        whl_wrong(L, index, "self", "a webhook.engine");
        return NULL; /* not reached, nor below: Lua's errors do not return */
    }
    if (self->engine == NULL) {
        luaL_error(L, "the engine is closed");
    }
    return self;
}

whl_engine *whl_engine_self(lua_State *L) {
    return engine_at(L, 1);
}

wh_engine *whl_engine_open(lua_State *L) {
    return engine_at(L, 1)->engine;
}

/* ---------------------------------------------------------------------------- log */

/* The record's fields into the table on top. */
static void push_fields(lua_State *L, const whl_log_line *line, size_t at) {
    while (at < line->size) {
        const char *name = line->text + at, *value = name + strlen(name) + 2;

        lua_pushstring(L, name);
        if (value[-1] == 'n') {
            lua_pushinteger(L, strtoll(value, NULL, 10));
        } else {
            lua_pushstring(L, value);
        }
        lua_rawset(L, -3);
        at = (size_t)(value + strlen(value) + 1 - line->text);
    }
}

/* {message, time, and what the line is about}. */
static void push_record(lua_State *L, const whl_log_line *line) {
    size_t at = strlen(line->text) + 1;

    lua_createtable(L, 0, 8);
    if (at < line->size) {
        lua_pushstring(L, line->text + at);
        lua_setfield(L, -2, "message");
        push_fields(L, line, at + strlen(line->text + at) + 1);
    }
    lua_pushinteger(L, line->time);
    lua_setfield(L, -2, "time");
}

static void call_log(lua_State *L, int function, const whl_log_line *line) {
    static const char *const names[] = { "error", "warning", "info", "debug" };
    _Static_assert(WH_LOG_ERROR == 1 && WH_LOG_DEBUG == 4, "the names are by level");
    int level = line->level;

    luaL_checkstack(L, 10, "log");
    lua_pushvalue(L, function);
    lua_pushstring(L, names[level < WH_LOG_ERROR ? 0 : level > WH_LOG_DEBUG ? 3 : level - 1]);
    lua_pushstring(L, line->text);
    push_record(L, line);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
        lua_warning(L, "webhook: the log function failed: ", 1);
        lua_warning(L, luaL_tolstring(L, -1, NULL), 0);
        lua_pop(L, 2);
    }
}

/* Hands the queued lines over. The function may close the engine: the queue stays
 * until the object is collected, and the object is on the stack. */
static void drain_log(lua_State *L, int index) {
    whl_engine *self = lua_touserdata(L, index);
    whl_log_line line;

    if (self->log == NULL) {
        return;
    }
    lua_getiuservalue(L, index, WHL_ENGINE_LOG);
    while (whl_log_take(self->log, &line)) {
        call_log(L, lua_gettop(L), &line);
    }
    lua_pop(L, 1);
}

/* Ends a method that works: hands over the log and what was published, then tells of the
 * failure, whose sentence their own calls might replace. */
static int end_work(lua_State *L, int code) {
    int failed = code < 0 ? whl_fail(L, code) : 0;

    drain_log(L, 1);
    whl_async_drain(L);
    (void)whl_source_drain(L);
    return failed;
}

/* -------------------------------------------------------------------- open, close */

int whl_open(lua_State *L) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    const char *store;
    whl_engine *self;
    int failed, code;

    lua_settop(L, 2);
    failed = whl_text(L, 1, "store", &store);
    if (failed) {
        return failed;
    }
    self = lua_newuserdatauv(L, sizeof *self, 3);
    memset(self, 0, sizeof *self);
    luaL_setmetatable(L, WHL_ENGINE);
    failed = whl_options(L, 2, 3, &options, &limits);
    if (failed) {
        return failed;
    }
    self->depth = limits.json_depth > 0 && limits.json_depth <= 1000 ? (int)limits.json_depth : 64;
    code = wh_open(&self->engine, store, &options);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_settop(L, 3);
    return 1;
}

static void close_engine(whl_engine *self) {
    wh_engine *engine = self->engine;

    whl_servers_stop(self);
    whl_api_close(self);
    self->engine = NULL;
    wh_close(engine);
    whl_source_release(self);
    whl_clock_release(self->clock);
    self->clock = NULL;
}

static int engine_close(lua_State *L) {
    whl_engine *self = luaL_checkudata(L, 1, WHL_ENGINE);

    if (self->busy) {
        return luaL_error(L, "the engine is at work below: it cannot be closed by a progress function");
    }
    close_engine(self);
    drain_log(L, 1);
    whl_async_drain(L);
    lua_pushboolean(L, 1);
    return 1;
}

static int engine_gc(lua_State *L) {
    whl_engine *self = luaL_checkudata(L, 1, WHL_ENGINE);

    if (self->busy) { /* os.exit out of a progress function: the process ends, C does not go on */
        return 0;
    }
    close_engine(self);
    whl_log_free(self->log);
    self->log = NULL;
    return 0;
}

static int engine_tostring(lua_State *L) {
    const whl_engine *self = luaL_checkudata(L, 1, WHL_ENGINE);

    if (self->engine == NULL) {
        lua_pushliteral(L, WHL_ENGINE " (closed)");
    } else {
        lua_pushfstring(L, WHL_ENGINE " (%p)", (const void *)self);
    }
    return 1;
}

/* --------------------------------------------------------------------------- work */

static int done(lua_State *L, int code) {
    int failed = end_work(L, code);

    if (failed) {
        return failed;
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int engine_step(lua_State *L) {
    int count = wh_step(whl_engine_open(L));
    int failed = end_work(L, count);

    if (failed) {
        return failed;
    }
    lua_pushinteger(L, count);
    return 1;
}

/* As wh_run, where questions to sources come back to this thread. What waits for the host's loop (a coroutine that has
 * yielded) is not waited for. */
static int run_with_sources(lua_State *L, whl_engine *self) {
    int code, idle = 0;

    while (!idle) {
        struct pollfd ready = { .events = POLLIN };
        code = wh_step(self->engine);
        if (code < 0) {
            return code;
        }
        if (whl_source_drain(L) > 0 || code > 0) {
            continue;
        }
        idle = wh_idle(self->engine);
        ready.fd = wh_fd(self->engine);
        if (!idle && poll(&ready, 1, RUN_WAIT) == 0 && whl_source_out(self) > 0 && !whl_source_waits(self)) {
            return WH_OK;
        }
    }
    return idle < 0 ? idle : WH_OK;
}

static int engine_run(lua_State *L) {
    whl_engine *self = whl_engine_self(L);

    return done(L, self->sources == NULL ? wh_run(self->engine) : run_with_sources(L, self));
}

static int engine_start(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    int64_t threads = lua_isnoneornil(L, 2) ? 1 : whl_integer(L, 2, "threads");

    return done(L, wh_start(engine, threads < 0 || threads > 1000000 ? 1000000 : (unsigned)threads));
}

static int engine_stop(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);

    return done(L, wh_stop(engine, lua_isnoneornil(L, 2) ? GRACE : whl_integer(L, 2, "grace")));
}

static int engine_idle(lua_State *L) {
    int idle = wh_idle(whl_engine_open(L));
    int failed = end_work(L, idle);

    if (failed) {
        return failed;
    }
    lua_pushboolean(L, idle);
    return 1;
}

/* -------------------------------------------------------------------- event loops */

static int push_descriptor(lua_State *L, wh_engine *engine) {
    int fd = wh_fd(engine);

    if (fd < 0) {
        return whl_fail(L, fd);
    }
    lua_pushinteger(L, fd);
    return 1;
}

static int engine_fd(lua_State *L) {
    return push_descriptor(L, whl_engine_open(L));
}

static int engine_deadline(lua_State *L) {
    int ms = wh_timeout(whl_engine_open(L));

    if (ms < 0) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, ms);
    }
    return 1;
}

static int push_seconds(lua_State *L, wh_engine *engine) {
    int ms = wh_timeout(engine);

    if (ms < 0) {
        lua_pushnil(L);
    } else {
        lua_pushnumber(L, ms / 1000.0);
    }
    return 1;
}

static int engine_timeout(lua_State *L) {
    return push_seconds(L, whl_engine_open(L));
}

/* What cqueues polls: an object of its own, since the engine's events() is the list of
 * events. Its user value is the engine. */
static int engine_pollable(lua_State *L) {
    whl_engine_open(L);
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, POLLABLE);
    return 1;
}

static wh_engine *polled(lua_State *L) {
    if (luaL_testudata(L, 1, POLLABLE) == NULL) {
        whl_wrong(L, 1, "self", "a webhook.pollable");
    }
    lua_getiuservalue(L, 1, 1);
    return engine_at(L, lua_gettop(L))->engine;
}

static int pollable_pollfd(lua_State *L) {
    return push_descriptor(L, polled(L));
}

static int pollable_events(lua_State *L) {
    polled(L);
    lua_pushliteral(L, "r");
    return 1;
}

static int pollable_timeout(lua_State *L) {
    return push_seconds(L, polled(L));
}

/* ------------------------------------------------------------------------- types */

static const luaL_Reg engine_methods[] = {
    { "close", engine_close },     { "step", engine_step },         { "run", engine_run },
    { "start", engine_start },     { "stop", engine_stop },         { "idle", engine_idle },
    { "fd", engine_fd },           { "pollfd", engine_fd },         { "deadline", engine_deadline },
    { "timeout", engine_timeout }, { "pollable", engine_pollable }, { NULL, NULL },
};

static const luaL_Reg engine_meta[] = {
    { "__gc", engine_gc },
    { "__close", engine_close },
    { "__tostring", engine_tostring },
    { NULL, NULL },
};

static const luaL_Reg pollable_methods[] = {
    { "pollfd", pollable_pollfd },
    { "events", pollable_events },
    { "timeout", pollable_timeout },
    { NULL, NULL },
};

void whl_engine_types(lua_State *L) {
    luaL_newmetatable(L, WHL_ENGINE);
    luaL_setfuncs(L, engine_meta, 0);
    luaL_newlib(L, engine_methods);
    luaL_setfuncs(L, whl_publish_methods, 0);
    luaL_setfuncs(L, whl_record_methods, 0);
    luaL_setfuncs(L, whl_explain_methods, 0);
    luaL_setfuncs(L, whl_token_methods, 0);
    luaL_setfuncs(L, whl_source_methods, 0);
    luaL_setfuncs(L, whl_api_methods, 0);
    luaL_setfuncs(L, whl_source_document_methods, 0);
    lua_setfield(L, -2, "__index");
    luaL_newmetatable(L, POLLABLE);
    luaL_newlib(L, pollable_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}
