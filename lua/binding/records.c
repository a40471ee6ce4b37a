/* Subscriptions, and looking back. Members of a record that are null are absent. */
#include <string.h>

#include "base/error.h"
#include "codec.h"
#include "engine.h"

typedef int get_fn(wh_engine *engine, const char *id, char **out, size_t *size);
typedef int list_fn(wh_engine *engine, const wh_query *query, char **out, size_t *size);

int whl_push_document(lua_State *L, int code, whl_box *box, int bare) {
    code = code == WH_OK ? whl_read(L, box, box->text, box->size, bare) : code;
    whl_box_empty(box);
    return code == WH_OK ? 1 : whl_fail(L, code);
}

static int done(lua_State *L, int code) {
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int get(lua_State *L, get_fn *function) {
    wh_engine *engine = whl_engine_open(L);
    const char *id;
    int failed = whl_text(L, 2, "id", &id);
    whl_box *box;

    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    return whl_push_document(L, function(engine, id, &box->text, &box->size), box, WHL_BARE_RECORD);
}

/* ------------------------------------------------------------------ subscriptions */

static int secrets(lua_State *L) {
    return get(L, wh_subscription_secrets);
}

/* Pushes the subscription's document with its secrets. */
static int push_whole(lua_State *L, wh_engine *engine, const char *id) {
    whl_box *box = whl_box_new(L);
    int found = whl_push_document(L, wh_subscription(engine, id, &box->text, &box->size), box, WHL_BARE_RECORD);

    if (found != 1) {
        return found;
    }
    found = whl_push_document(L, wh_subscription_secrets(engine, id, &box->text, &box->size), box, WHL_BARE_RECORD);
    if (found != 1) {
        return found;
    }
    lua_getfield(L, -1, "secrets");
    lua_setfield(L, -3, "secrets");
    lua_getfield(L, -1, "public_keys");
    lua_setfield(L, -3, "public_keys");
    lua_pop(L, 1);
    return 1;
}

/* Whether name is a list of a subscription: an empty table there is an empty list,
 * although it would be an object elsewhere. */
static int is_list(const char *name) {
    return strcmp(name, "events") == 0 || strcmp(name, "secrets") == 0 || strcmp(name, "retry") == 0;
}

/* Puts a marked table in the place of the empty one on top of the stack. */
static void mark_empty(lua_State *L) {
    int top = lua_gettop(L);

    if (!lua_istable(L, top) || lua_getmetatable(L, top)) {
        lua_settop(L, top);
        return;
    }
    lua_pushnil(L);
    if (lua_next(L, top) == 0) {
        lua_newtable(L);
        luaL_setmetatable(L, "webhook.array");
        lua_replace(L, top);
    }
    lua_settop(L, top);
}

/* A copy, since the caller's table stays as it is. */
void whl_push_subscription(lua_State *L, int index) {
    size_t size;
    int copy;

    if (whl_raw_text(L, index, &size) != NULL) {
        lua_pushvalue(L, index);
        return;
    }
    if (!lua_istable(L, index)) {
        whl_wrong(L, index, "subscription", "a table");
    }
    lua_newtable(L);
    luaL_setmetatable(L, "webhook.object");
    copy = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (lua_type(L, copy + 1) == LUA_TSTRING && is_list(lua_tostring(L, copy + 1))) {
            mark_empty(L);
        }
        lua_pushvalue(L, copy + 1);
        lua_insert(L, copy + 2);
        lua_rawset(L, copy);
    }
}

/* With what is stored: from when on. */
typedef struct since {
    wh_query query;
    int given, dry_run;
    int64_t count;
} since;

static int take_since(lua_State *L, int options, since *out) {
    static const char *const names[] = { "since", "event", "dry_run", NULL };
    int failed;

    out->given = !lua_isnoneornil(L, options);
    if (!out->given) {
        return 0;
    }
    whl_check_names(L, options, "subscribe", names);
    lua_pushliteral(L, "dry_run");
    out->dry_run = lua_rawget(L, options) != LUA_TNIL && whl_boolean(L, lua_gettop(L), "dry_run");
    lua_pop(L, 1);
    failed = whl_field_time(L, options, "since", &out->query.since);
    return failed ? failed : whl_field_text(L, options, "event", &out->query.event);
}

static int subscribe_box(wh_engine *engine, const whl_box *box, since *from, char *id) {
    return from->given
               ? wh_subscribe_since(engine, box->buf.data, box->buf.size, &from->query, from->dry_run, id, &from->count)
               : wh_subscribe(engine, box->buf.data, box->buf.size, id);
}

static int subscribe(lua_State *L) {
    whl_engine *self = whl_engine_self(L);
    since from = { .query = WH_QUERY_INIT };
    char id[WH_ID_SIZE];
    whl_box *box;
    int failed, code, pushed;

    lua_settop(L, 3);
    failed = take_since(L, 3, &from);
    if (failed) {
        return failed;
    }
    whl_push_subscription(L, 2);
    box = whl_box_new(L);
    code = whl_write_document(L, -2, &box->buf);
    code = code == WH_OK ? subscribe_box(self->engine, box, &from, id) : code;
    whl_box_empty(box);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    pushed = from.dry_run ? 0 : push_whole(L, self->engine, id);
    if (from.given && pushed <= 1) {
        lua_pushinteger(L, (lua_Integer)from.count);
        pushed++;
    }
    return pushed;
}

static int subscription(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *id;
    int64_t version;
    whl_box *box;
    int failed;

    if (lua_isnoneornil(L, 3)) {
        return get(L, wh_subscription);
    }
    failed = whl_text(L, 2, "id", &id);
    if (failed) {
        return failed;
    }
    version = whl_integer(L, 3, "version");
    box = whl_box_new(L);
    return whl_push_document(L, wh_subscription_version(engine, id, version, &box->text, &box->size), box,
                             WHL_BARE_RECORD);
}

static int update(lua_State *L) {
    whl_engine *self = whl_engine_self(L);
    const char *id;
    int failed = whl_text(L, 2, "id", &id), code;
    whl_box *box;

    if (failed) {
        return failed;
    }
    whl_push_subscription(L, 3);
    box = whl_box_new(L);
    code = whl_write_document(L, -2, &box->buf);
    code = code == WH_OK ? wh_subscription_update(self->engine, id, box->buf.data, box->buf.size) : code;
    whl_box_empty(box);
    return code == WH_OK ? get(L, wh_subscription) : whl_fail(L, code);
}

static int set_paused(lua_State *L, const char *document) {
    wh_engine *engine = whl_engine_open(L);
    const char *id;
    int failed = whl_text(L, 2, "id", &id);

    return failed ? failed : done(L, wh_subscription_update(engine, id, document, WH_ZSTR));
}

static int pause_subscription(lua_State *L) {
    static const char *const words[] = { "true", "hold", "drop", NULL };
    static const char *const documents[] = { "{\"paused\":true}", "{\"paused\":\"hold\"}", "{\"paused\":\"drop\"}" };

    return set_paused(L, documents[luaL_checkoption(L, 3, "true", words)]);
}

static int resume_subscription(lua_State *L) {
    return set_paused(L, "{\"paused\":false}");
}

static int delete_subscription(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *id;
    int failed = whl_text(L, 2, "id", &id);

    return failed ? failed : done(L, wh_subscription_delete(engine, id));
}

/* ------------------------------------------------------------------------ records */

static int event(lua_State *L) {
    return get(L, wh_event_get);
}

/* The payload's own bytes, of the event's document in the box: its last member, with what blanks it has around
 * it, from the colon to the closing brace. */
static int push_payload(lua_State *L, whl_box *box) {
    int code = whi_json_scan(&box->json, box->text, box->size, WHL_DECODE_DEPTH);
    uint32_t at = code == WH_OK ? whi_json_member(&box->json, 0, "payload", 7) : WHI_JSON_NONE;
    const char *text;
    size_t size;

    if (at == WHI_JSON_NONE) {
        return whl_fail(L, code != WH_OK ? code : whi_fail(WH_EINTERNAL, "an event without a payload"));
    }
    text = whi_json_span(&box->json, at, &size);
    while (text[-1] != ':') {
        text--;
    }
    lua_pushlstring(L, text, (size_t)(box->text + box->size - 1 - text));
    whl_box_empty(box);
    return 1;
}

static int payload(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *id;
    int failed = whl_text(L, 2, "id", &id), code;
    whl_box *box;

    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    code = wh_event_get(engine, id, &box->text, &box->size);
    return code == WH_OK ? push_payload(L, box) : whl_fail(L, code);
}

static int delivery(lua_State *L) {
    return get(L, wh_delivery);
}

static int body(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *id;
    int failed = whl_text(L, 2, "id", &id), code;
    whl_box *box;

    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    code = wh_delivery_body(engine, id, &box->text, &box->size);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushlstring(L, box->text, box->size);
    whl_box_empty(box);
    return 1;
}

/* -------------------------------------------------------------------------- lists */

int whl_query(lua_State *L, int index, wh_query *out) {
    static const char *const names[] = { "tenant", "subscription", "event",  "type", "state", "since",
                                         "until",  "limit",        "cursor", "own",  NULL };
    int failed;

    if (lua_isnoneornil(L, index)) {
        return 0;
    }
    whl_check_names(L, index, "query", names);
    failed = whl_field_text(L, index, "tenant", &out->tenant);
    failed = failed ? failed : whl_field_text(L, index, "subscription", &out->subscription);
    failed = failed ? failed : whl_field_text(L, index, "event", &out->event);
    failed = failed ? failed : whl_field_text(L, index, "type", &out->type);
    failed = failed ? failed : whl_field_text(L, index, "state", &out->state);
    failed = failed ? failed : whl_field_text(L, index, "cursor", &out->cursor);
    failed = failed ? failed : whl_field_time(L, index, "since", &out->since);
    failed = failed ? failed : whl_field_time(L, index, "until", &out->until);
    if (!failed) {
        whl_field_integer(L, index, "limit", &out->limit);
        out->own = whl_field_flag(L, index, "own");
    }
    return failed;
}

static list_fn *list_of(const char *kind) {
    if (strcmp(kind, "subscriptions") == 0) {
        return wh_subscriptions;
    }
    if (strcmp(kind, "events") == 0) {
        return wh_events;
    }
    return strcmp(kind, "deliveries") == 0 ? wh_deliveries : NULL;
}

static int page_of_attempts(lua_State *L, wh_engine *engine) {
    const char *id;
    int failed = whl_text(L, 3, "delivery", &id);
    whl_box *box;

    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    return whl_push_document(L, wh_attempts(engine, id, &box->text, &box->size), box, WHL_BARE_PAGE);
}

static int page(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    wh_query query = WH_QUERY_INIT;
    const char *kind;
    list_fn *list;
    whl_box *box;
    int failed;

    lua_settop(L, 3);
    kind = whl_bytes(L, 2, "kind", NULL);
    if (strcmp(kind, "attempts") == 0) {
        return page_of_attempts(L, engine);
    }
    list = list_of(kind);
    if (list == NULL) {
        return luaL_error(L, "kind: expected subscriptions, events, deliveries or attempts, found %s", kind);
    }
    failed = whl_query(L, 3, &query);
    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    return whl_push_document(L, list(engine, &query, &box->text, &box->size), box, WHL_BARE_PAGE);
}

static int replay(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;
    const char *id;
    int failed, code;

    if (lua_type(L, 2) == LUA_TSTRING) {
        failed = whl_text(L, 2, "delivery", &id);
        return failed ? failed : done(L, wh_replay(engine, id));
    }
    if (!lua_istable(L, 2)) {
        return whl_wrong(L, 2, "delivery", "an id or a query");
    }
    failed = whl_query(L, 2, &query);
    if (failed) {
        return failed;
    }
    code = wh_replay_query(engine, &query, &count);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushinteger(L, count);
    return 1;
}

static int cancel(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;
    int failed, code, dry_run;

    lua_settop(L, 3);
    if (!lua_istable(L, 2)) {
        return whl_wrong(L, 2, "query", "a table");
    }
    dry_run = !lua_isnil(L, 3) && whl_boolean(L, 3, "dry_run");
    failed = whl_query(L, 2, &query);
    if (failed) {
        return failed;
    }
    code = wh_cancel(engine, &query, dry_run, &count);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushinteger(L, count);
    return 1;
}

static int take_missed(lua_State *L, int options, wh_query *query, int *dry_run) {
    static const char *const names[] = { "since", "until", "event", "type", "dry_run", "own", NULL };
    int failed;

    if (lua_isnoneornil(L, options)) {
        return 0;
    }
    whl_check_names(L, options, "replay_missed", names);
    *dry_run = whl_field_flag(L, options, "dry_run");
    query->own = whl_field_flag(L, options, "own");
    failed = whl_field_time(L, options, "since", &query->since);
    failed = failed ? failed : whl_field_time(L, options, "until", &query->until);
    failed = failed ? failed : whl_field_text(L, options, "event", &query->event);
    return failed ? failed : whl_field_text(L, options, "type", &query->type);
}

static int replay_missed(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;
    const char *id;
    int dry_run = 0, failed, code;

    lua_settop(L, 3);
    failed = whl_text(L, 2, "subscription", &id);
    failed = failed ? failed : take_missed(L, 3, &query, &dry_run);
    if (failed) {
        return failed;
    }
    code = wh_replay_missed(engine, id, &query, dry_run, &count);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushinteger(L, count);
    return 1;
}

static int take_fetch(lua_State *L, int options, const char **cursor, int64_t *limit, int64_t *wait) {
    static const char *const names[] = { "cursor", "limit", "wait", NULL };

    if (lua_isnoneornil(L, options)) {
        return 0;
    }
    whl_check_names(L, options, "fetch", names);
    whl_field_integer(L, options, "limit", limit);
    whl_field_integer(L, options, "wait", wait);
    return whl_field_text(L, options, "cursor", cursor);
}

static int fetch(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    const char *id, *cursor = NULL;
    int64_t limit = 0, wait = 0;
    whl_box *box;
    int failed;

    lua_settop(L, 3);
    failed = whl_text(L, 2, "subscription", &id);
    failed = failed ? failed : take_fetch(L, 3, &cursor, &limit, &wait);
    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    return whl_push_document(L, wh_fetch(engine, id, cursor, limit, wait, &box->text, &box->size), box, WHL_BARE_PAGE);
}

const luaL_Reg whl_record_methods[] = {
    { "subscribe", subscribe },
    { "subscription", subscription },
    { "update", update },
    { "pause", pause_subscription },
    { "resume", resume_subscription },
    { "delete", delete_subscription },
    { "secrets", secrets },
    { "event", event },
    { "payload", payload },
    { "delivery", delivery },
    { "body", body },
    { "page", page },
    { "replay", replay },
    { "replay_missed", replay_missed },
    { "fetch", fetch },
    { "cancel", cancel },
    { NULL, NULL },
};
