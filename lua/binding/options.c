/* The options of webhook.open. */
#include <string.h>

#include "base/error.h"
#include "engine.h"
#include "webhook_rule.h"

static const char *const names[] = {
    "durability", "limits",  "allow", "connect_timeout", "timeout", "retain",    "retain_failed", "disable_after",
    "user_agent", "ca_file", "log",   "clock",           "rules",   "log_level", "key_file",      "transport",
    "files",      "proxy",   NULL,
};

static const char *const limit_names[] = {
#define WH_X(name, value, what) #name,
    WH_LIMITS(WH_X)
#undef WH_X
        NULL,
};

/* Pushes it. */
static int push_option(lua_State *L, int table, const char *name) {
    luaL_checkstack(L, 4, name);
    lua_pushstring(L, name);
    return lua_rawget(L, table);
}

static int take_durability(lua_State *L, int table, wh_options *out) {
    const char *text = "full";
    int failed = whl_field_text(L, table, "durability", &text);

    if (failed) {
        return failed;
    }
    if (strcmp(text, "full") != 0 && strcmp(text, "normal") != 0) {
        return luaL_error(L, "durability: expected \"full\" or \"normal\", found \"%s\"", text);
    }
    out->durability = strcmp(text, "full") == 0 ? WH_FULL : WH_NORMAL;
    return 0;
}

void whl_limits(lua_State *L, int table, wh_limits *out) {
    int limits;

    if (push_option(L, table, "limits") == LUA_TNIL) {
        return;
    }
    limits = lua_gettop(L);
    whl_check_names(L, limits, "limits", limit_names);
#define WH_X(name, value, what) whl_field_integer(L, limits, #name, &out->name);
    WH_LIMITS(WH_X)
#undef WH_X
}

static void take_times(lua_State *L, int table, wh_options *out) {
    whl_field_integer(L, table, "connect_timeout", &out->connect_timeout);
    whl_field_integer(L, table, "timeout", &out->timeout);
    whl_field_integer(L, table, "retain", &out->retain);
    whl_field_integer(L, table, "retain_failed", &out->retain_failed);
    whl_field_integer(L, table, "disable_after", &out->disable_after);
}

static int take_texts(lua_State *L, int table, wh_options *out) {
    int failed = whl_field_text(L, table, "user_agent", &out->user_agent);

    failed = failed ? failed : whl_field_text(L, table, "ca_file", &out->ca_file);
    failed = failed ? failed : whl_field_text(L, table, "key_file", &out->key_file);
    failed = failed ? failed : whl_field_text(L, table, "transport", &out->transport);
    failed = failed ? failed : whl_field_text(L, table, "proxy", &out->proxy);
    if (!failed && push_option(L, table, "allow") != LUA_TNIL) {
        failed = whl_texts(L, lua_gettop(L), "allow", &out->allow, &out->allow_count);
    }
    if (!failed && push_option(L, table, "files") != LUA_TNIL) {
        failed = whl_texts(L, lua_gettop(L), "files", &out->files, &out->file_count);
    }
    return failed;
}

static void take_rules(lua_State *L, int table, wh_options *out) {
    int wanted = push_option(L, table, "rules") == LUA_TNIL || whl_boolean(L, lua_gettop(L), "rules");

    out->rules = wanted ? wh_rule_lua() : NULL;
    lua_pop(L, 1);
}

static void take_clock(lua_State *L, int table, whl_engine *self, wh_options *out) {
    if (push_option(L, table, "clock") != LUA_TNIL) {
        self->clock = whl_clock_hold(L, lua_gettop(L));
        out->clock = whl_clock_face(self->clock);
    }
    lua_pop(L, 1);
}

static int take_level(lua_State *L, int table, wh_options *out) {
    static const char *const levels[] = { "error", "warning", "info", "debug" };
    const char *text = NULL;
    int failed = whl_field_text(L, table, "log_level", &text);

    for (int i = 0; !failed && text != NULL && i < 4; i++) {
        if (strcmp(text, levels[i]) == 0) {
            out->log_level = WH_LOG_ERROR + i;
        }
    }
    if (!failed && text != NULL && out->log_level == 0) {
        return luaL_error(L, "log_level: expected \"error\", \"warning\", \"info\" or \"debug\", found \"%s\"", text);
    }
    return failed;
}

static int take_log(lua_State *L, int table, int self_index, wh_options *out) {
    whl_engine *self = lua_touserdata(L, self_index);
    int failed = take_level(L, table, out);

    if (failed) {
        return failed;
    }
    if (push_option(L, table, "log") == LUA_TNIL) {
        return 0;
    }
    if (!lua_isfunction(L, -1)) {
        return whl_wrong(L, lua_gettop(L), "log", "a function");
    }
    lua_setiuservalue(L, self_index, WHL_ENGINE_LOG);
    self->log = whl_log_new();
    if (self->log == NULL) {
        return whl_fail(L, whi_fail_memory());
    }
    out->log_record = whl_log_add;
    out->log_payload = self->log;
    return 0;
}

int whl_options(lua_State *L, int index, int self_index, wh_options *out, wh_limits *limits) {
    whl_engine *self = lua_touserdata(L, self_index);
    int failed;

    if (lua_isnil(L, index)) {
        out->rules = wh_rule_lua();
        return 0;
    }
    whl_check_names(L, index, "options", names);
    failed = take_durability(L, index, out);
    failed = failed ? failed : take_texts(L, index, out);
    if (failed) {
        return failed;
    }
    whl_limits(L, index, limits);
    out->limits = limits;
    take_times(L, index, out);
    take_rules(L, index, out);
    take_clock(L, index, self, out);
    return take_log(L, index, self_index, out);
}
