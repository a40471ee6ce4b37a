/* Who may use the HTTP API, the secrets of tenants, and the settings and keys of the store. */
#include "base/mem.h"
#include "codec.h"
#include "engine.h"

/* The argument at index, which may be absent. */
static int optional_text(lua_State *L, int index, const char *name, const char **out) {
    return lua_isnoneornil(L, index) ? 0 : whl_text(L, index, name, out);
}

static int add_token(lua_State *L) {
    static const char *const names[] = { "tenant", "name", "expires_in", NULL };
    wh_engine *engine = whl_engine_open(L);
    const char *tenant = NULL, *name = NULL;
    char token[WH_SECRET_SIZE];
    int64_t expires_in = 0;
    int failed, code;

    whl_check_names(L, 2, "options", names);
    failed = whl_field_text(L, 2, "tenant", &tenant);
    failed = failed ? failed : whl_field_text(L, 2, "name", &name);
    if (failed) {
        return failed;
    }
    whl_field_integer(L, 2, "expires_in", &expires_in);
    code = wh_token_add_for(engine, tenant, name, expires_in, token);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushstring(L, token);
    return 1;
}

static int tokens(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *tenant = NULL;
    int failed = optional_text(L, 2, "tenant", &tenant);
    whl_box *box;

    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    failed = whl_push_document(L, wh_tokens(engine, tenant, &box->text, &box->size), box, WHL_BARE_PAGE);
    if (failed == 1) {
        lua_getfield(L, -1, "items");
    }
    return failed;
}

static int revoke_token(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *id;
    int failed = whl_text(L, 2, "id", &id), code;

    if (failed) {
        return failed;
    }
    code = wh_token_revoke(engine, id);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int tenant_secret(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *tenant, *secret = NULL;
    char made[WH_SECRET_SIZE];
    int failed = whl_text(L, 2, "tenant", &tenant), code;

    failed = failed ? failed : optional_text(L, 3, "secret", &secret);
    if (failed) {
        return failed;
    }
    code = wh_tenant_secret(engine, tenant, secret, made);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushstring(L, made);
    return 1;
}

/* Those of the table at 2, if there is one. */
static int set_settings(lua_State *L, wh_engine *engine) {
    static const char *const names[] = {
#define WH_X(constant, name) #name,
        WH_SETTINGS(WH_X)
#undef WH_X
            NULL
    };
    whl_box *box;
    int code;

    if (lua_isnoneornil(L, 2)) {
        return WH_OK;
    }
    whl_check_names(L, 2, "changes", names);
    box = whl_box_new(L);
    code = whl_write_document(L, 2, &box->buf);
    code = code == WH_OK ? wh_settings_set(engine, box->buf.data, box->buf.size) : code;
    whl_box_empty(box);
    return code;
}

/* Those of the table at 3, if there is one. */
static int set_tenant(lua_State *L, wh_engine *engine, const char *name) {
    static const char *const names[] = {
#define WH_X(constant, name) #name,
        WH_ALLOWANCES(WH_X)
#undef WH_X
            "rate",
        NULL
    };
    whl_box *box;
    int code;

    if (lua_isnoneornil(L, 3)) {
        return WH_OK;
    }
    whl_check_names(L, 3, "changes", names);
    box = whl_box_new(L);
    code = whl_write_document(L, 3, &box->buf);
    code = code == WH_OK ? wh_tenant_set(engine, name, box->buf.data, box->buf.size) : code;
    whl_box_empty(box);
    return code;
}

static int tenant(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *name;
    int failed = whl_text(L, 2, "tenant", &name), code;
    whl_box *box;

    if (failed) {
        return failed;
    }
    code = set_tenant(L, engine, name);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    box = whl_box_new(L);
    return whl_push_document(L, wh_tenant(engine, name, &box->text, &box->size), box, WHL_BARE_RECORD);
}

static int stats(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    whl_box *box = whl_box_new(L);

    return whl_push_document(L, wh_stats(engine, &box->text, &box->size), box, WHL_BARE_RECORD);
}

static int settings(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    int code = set_settings(L, engine);
    whl_box *box;

    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    box = whl_box_new(L);
    return whl_push_document(L, wh_settings(engine, &box->text, &box->size), box, WHL_BARE_RECORD);
}

static int test_sink(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    whl_box *box;
    int code;

    whl_push_subscription(L, 2);
    box = whl_box_new(L);
    code = whl_write_document(L, -2, &box->buf);
    code = code == WH_OK ? wh_sink_test(engine, box->buf.data, box->buf.size) : code;
    whl_box_empty(box);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

int whl_features(lua_State *L) {
    whl_box *box = whl_box_new(L);

    return whl_push_document(L, wh_features(&box->text, &box->size), box, WHL_BARE_RECORD);
}

static int rotate_key(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    int64_t count;
    int code = wh_rotate_key(engine, &count);

    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushinteger(L, (lua_Integer)count);
    return 1;
}

int whl_store_key(lua_State *L) {
    char line[WH_SECRET_SIZE];
    const char *id = NULL;
    int failed = optional_text(L, 1, "id", &id);
    int code = failed ? WH_OK : wh_store_key(id, line);

    if (failed) {
        return failed;
    }
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushstring(L, line);
    whi_wipe(line, sizeof line);
    return 1;
}

const luaL_Reg whl_token_methods[] = {
    { "add_token", add_token },
    { "tokens", tokens },
    { "revoke_token", revoke_token },
    { "tenant_secret", tenant_secret },
    { "settings", settings },
    { "stats", stats },
    { "tenant", tenant },
    { "rotate_key", rotate_key },
    { "test_sink", test_sink },
    { NULL, NULL },
};
