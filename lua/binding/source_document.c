/* HTTP sources: documents that say where objects are read. */
#include "base/mem.h"
#include "codec.h"
#include "engine.h"
#include "webhook_source.h"

/* Secrets stand in the box's text: it is wiped before the collector may take its time. */
static void empty(whl_box *box) {
    if (box->buf.capacity > 0) {
        whi_wipe(box->buf.data, box->buf.capacity);
    }
    whl_box_empty(box);
}

static int put_source(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    whl_box *box;
    size_t size;
    int code;

    if (!lua_istable(L, 2) && whl_raw_text(L, 2, &size) == NULL) {
        return whl_wrong(L, 2, "document", "a table");
    }
    box = whl_box_new(L);
    code = whl_write_document(L, 2, &box->buf);
    code = code == WH_OK ? wh_source_put(engine, box->buf.data, box->buf.size) : code;
    empty(box);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int source(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *object_type;
    int failed = whl_text(L, 2, "object_type", &object_type);
    whl_box *box;

    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    return whl_push_document(L, wh_source_get(engine, object_type, &box->text, &box->size), box, WHL_BARE_RECORD);
}

static int sources(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    whl_box *box = whl_box_new(L);
    int pushed = whl_push_document(L, wh_source_list(engine, &box->text, &box->size), box, WHL_BARE_PAGE);

    if (pushed == 1) {
        lua_getfield(L, -1, "items");
    }
    return pushed;
}

static int delete_source(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *object_type;
    int failed = whl_text(L, 2, "object_type", &object_type), code;

    if (failed) {
        return failed;
    }
    code = wh_source_delete(engine, object_type);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* put_connection(engine, object_type, connection, document: a table, or nil to take it away) */
static int put_connection(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *object_type, *connection;
    int failed = whl_text(L, 2, "object_type", &object_type), code;
    size_t size;
    whl_box *box;

    failed = failed ? failed : whl_text(L, 3, "connection", &connection);
    if (failed) {
        return failed;
    }
    lua_settop(L, 4);
    if (!lua_isnil(L, 4) && !lua_istable(L, 4) && whl_raw_text(L, 4, &size) == NULL) {
        return whl_wrong(L, 4, "document", "a table or nil");
    }
    box = whl_box_new(L);
    if (lua_isnil(L, 4)) {
        code = wh_source_connection_delete(engine, object_type, connection);
    } else {
        code = whl_write_document(L, 4, &box->buf);
        code = code == WH_OK ? wh_source_connection_put(engine, object_type, connection, box->buf.data, box->buf.size)
                             : code;
    }
    empty(box);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int test_source(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *object_type, *query = NULL;
    int failed = whl_text(L, 2, "object_type", &object_type), code = WH_OK;
    whl_box *asked, *box;

    if (failed) {
        return failed;
    }
    lua_settop(L, 3);
    asked = whl_box_new(L);
    if (!lua_isnil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        code = whl_write(L, 3, "query", WHL_ENCODE_DEPTH, &asked->buf);
        query = asked->buf.data;
    }
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    box = whl_box_new(L);
    code = wh_source_test(engine, object_type, query, asked->buf.size, &box->text, &box->size);
    return whl_push_document(L, code, box, WHL_BARE_RECORD);
}

const luaL_Reg whl_source_document_methods[] = {
    { "put_source", put_source },
    { "source_document", source },
    { "sources", sources },
    { "delete_source", delete_source },
    { "test_source", test_source },
    { "put_connection", put_connection },
    { NULL, NULL },
};
