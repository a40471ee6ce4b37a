/* Why an event went where it went, what a changed subscription would have done, and rules
 * on their own. */
#include <string.h>

#include "base/error.h"
#include "codec.h"
#include "engine.h"
#include "webhook_rule.h"

/* ------------------------------------------------------------------------ explain */

/* The item of the page on top of the stack, in its place. */
static int only_item(lua_State *L) {
    lua_getfield(L, -1, "items");
    lua_rawgeti(L, -1, 1);
    if (lua_isnil(L, -1)) {
        return whl_fail(L, whi_fail(WH_EINTERNAL, "an explanation without an item"));
    }
    return 1;
}

static int explain(lua_State *L) {
    wh_engine *engine = whl_engine_open(L);
    wh_query query = WH_QUERY_INIT;
    const char *event, *subscription = NULL;
    whl_box *box;
    int failed;

    lua_settop(L, 4);
    failed = whl_text(L, 2, "event", &event);
    if (!failed && !lua_isnil(L, 3)) {
        failed = whl_text(L, 3, "subscription", &subscription);
    }
    failed = failed ? failed : whl_query(L, 4, &query);
    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    failed = whl_push_document(L, wh_explain(engine, event, subscription, &query, &box->text, &box->size), box,
                               WHL_BARE_PAGE);
    return failed == 1 && subscription != NULL ? only_item(L) : failed;
}

/* ----------------------------------------------------------------------- backtest */

typedef struct watcher {
    lua_State *L;
    int function; /* stack index */
    int failed;   /* its error is on top of the stack */
} watcher;

/* Between C's frames, so it may not raise: what the function raises waits on the stack. */
static int report(int64_t done, int64_t total, void *payload) {
    watcher *w = payload;
    int stop;

    if (w->failed) {
        return 1;
    }
    lua_pushvalue(w->L, w->function);
    lua_pushinteger(w->L, done);
    lua_pushinteger(w->L, total);
    if (lua_pcall(w->L, 2, 1, 0) != LUA_OK) {
        w->failed = 1;
        return 1;
    }
    stop = lua_toboolean(w->L, -1);
    lua_pop(w->L, 1);
    return stop;
}

/* Pushes the candidate: `document`, or the fields of one that stand among the options; nil
 * if there are none. */
static void push_candidate(lua_State *L, int options) {
    static const char *const names[] = { "rule", "fields", "filters", "events", "metadata" };
    int any = 0;

    luaL_checkstack(L, 6, "options");
    lua_pushliteral(L, "document");
    if (lua_rawget(L, options) != LUA_TNIL) {
        whl_push_subscription(L, lua_gettop(L));
        return;
    }
    lua_newtable(L);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_pushstring(L, names[i]);
        lua_pushvalue(L, -1);
        any += lua_rawget(L, options) != LUA_TNIL;
        lua_rawset(L, -3);
    }
    if (any) {
        whl_push_subscription(L, lua_gettop(L));
    } else {
        lua_pushnil(L);
    }
}

/* The candidate's JSON goes into the box. */
static int take_candidate(lua_State *L, int options, whl_box *box, wh_backtest *out) {
    int code = WH_OK;

    push_candidate(L, options);
    if (!lua_isnil(L, -1)) {
        code = whl_write_document(L, lua_gettop(L), &box->buf);
        out->document = box->buf.data;
        out->document_size = box->buf.size;
    }
    return code == WH_OK ? 0 : whl_fail(L, code);
}

static int take_progress(lua_State *L, int options, watcher *w, wh_backtest *out) {
    lua_pushliteral(L, "progress");
    if (lua_rawget(L, options) == LUA_TNIL) {
        return 0;
    }
    w->function = lua_gettop(L);
    if (!lua_isfunction(L, w->function)) {
        return whl_wrong(L, w->function, "progress", "a function");
    }
    out->progress = report;
    out->payload = w;
    return 0;
}

static int take_backtest(lua_State *L, int options, whl_box *box, watcher *w, wh_backtest *out) {
    static const char *const names[] = { "subscription", "document", "rule", "fields", "filters",
                                         "events",       "metadata", "last", "since",  "until",
                                         "shown",        "progress", "own",  NULL };
    int failed;

    whl_check_names(L, options, "backtest", names);
    whl_field_integer(L, options, "last", &out->last);
    whl_field_integer(L, options, "shown", &out->shown);
    out->own = whl_field_flag(L, options, "own");
    failed = whl_field_time(L, options, "since", &out->since);
    failed = failed ? failed : whl_field_time(L, options, "until", &out->until);
    failed = failed ? failed : whl_field_text(L, options, "subscription", &out->subscription);
    failed = failed ? failed : take_candidate(L, options, box, out);
    return failed ? failed : take_progress(L, options, w, out);
}

/* The engine may not go away while it looks at events, whatever the function does. */
static int backtest(lua_State *L) {
    whl_engine *self = whl_engine_self(L);
    wh_backtest options = WH_BACKTEST_INIT;
    watcher w = { L, 0, 0 };
    whl_box *candidate, *answer;
    int failed, code;

    lua_settop(L, 2);
    candidate = whl_box_new(L);
    answer = whl_box_new(L);
    failed = take_backtest(L, 2, candidate, &w, &options);
    if (failed) {
        return failed;
    }
    luaL_checkstack(L, LUA_MINSTACK, "progress");
    self->busy++;
    code = wh_backtest_run(self->engine, &options, &answer->text, &answer->size);
    self->busy--;
    whl_box_empty(candidate);
    if (w.failed) {
        whl_box_empty(answer);
        return lua_error(L);
    }
    return whl_push_document(L, code, answer, WHL_BARE_PAGE);
}

/* -------------------------------------------------------------------------- rules */

/* Pushes the document that is tried: the source of a rule stands for one. */
static void push_tried(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TSTRING) {
        whl_push_subscription(L, index);
        return;
    }
    lua_newtable(L);
    lua_pushvalue(L, index);
    lua_setfield(L, -2, "rule");
}

/* Runs what stands at 1 on the event, or with NULL compiles it; the answer goes into the
 * box. */
static int try_rule(lua_State *L, const wh_event *event, const wh_limits *limits, whl_box *box) {
    int code;

    push_tried(L, 1);
    code = whl_write_document(L, lua_gettop(L), &box->buf);
    if (code != WH_OK) {
        return code;
    }
    return wh_rule_try(wh_rule_lua(), limits, box->buf.data, box->buf.size, event, &box->text, &box->size);
}

int whl_rule_check(lua_State *L) {
    wh_limits limits = WH_LIMITS_INIT;
    whl_box *box;
    int code;

    lua_settop(L, 1);
    box = whl_box_new(L);
    code = try_rule(L, NULL, &limits, box);
    whl_box_empty(box);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* The event's members; its texts stay on the stack. */
static int take_event(lua_State *L, int options, wh_event *out, wh_limits *limits) {
    static const char *const names[] = { "id", "type", "tenant", "source", "key", "time", "limits", NULL };
    int failed;

    whl_check_names(L, options, "options", names);
    failed = whl_field_time(L, options, "time", &out->time);
    failed = failed ? failed : whl_field_text(L, options, "id", &out->id);
    failed = failed ? failed : whl_field_text(L, options, "type", &out->type);
    failed = failed ? failed : whl_field_text(L, options, "tenant", &out->tenant);
    failed = failed ? failed : whl_field_text(L, options, "source", &out->source);
    failed = failed ? failed : whl_field_text(L, options, "key", &out->key);
    if (!failed) {
        whl_limits(L, options, limits);
    }
    return failed;
}

/* The payload at index; its text stays on the stack. */
static int take_payload(lua_State *L, int index, whl_box *box, wh_event *out) {
    int code;

    if (lua_isnil(L, index)) {
        return luaL_error(L, "payload: expected a value, found nil (webhook.null is JSON's null)");
    }
    out->payload = whl_raw_text(L, index, &out->payload_size);
    if (out->payload != NULL) {
        return 0;
    }
    code = whl_write_payload(L, index, WHL_DECODE_DEPTH, &box->buf);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    out->payload = lua_pushlstring(L, box->buf.data, box->buf.size);
    out->payload_size = box->buf.size;
    whl_box_empty(box);
    return 0;
}

/* The answer's body is its text, as hooks:body() gives it. */
static int push_result(lua_State *L, whl_box *box) {
    int code = whi_json_scan(&box->json, box->text, box->size, WHL_DECODE_DEPTH), found;
    uint32_t at = code == WH_OK ? whi_json_member(&box->json, 0, "body", 4) : WHI_JSON_NONE;
    const char *text = NULL;
    size_t size = 0;

    if (at != WHI_JSON_NONE && box->json.nodes[at].type != WHI_JSON_NULL) {
        text = whi_json_span(&box->json, at, &size);
    }
    lua_pushlstring(L, text == NULL ? "" : text, size);
    found = whl_push_document(L, code, box, WHL_BARE_RECORD);
    if (found == 1 && text != NULL) {
        lua_pushvalue(L, -2);
        lua_setfield(L, -2, "body");
    }
    return found;
}

int whl_rule_try(lua_State *L) {
    wh_event event = WH_EVENT_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    whl_box *box;
    int failed = 0, code;

    lua_settop(L, 3);
    event.type = "test";
    if (!lua_isnil(L, 3)) {
        failed = take_event(L, 3, &event, &limits);
    }
    if (failed) {
        return failed;
    }
    box = whl_box_new(L);
    failed = take_payload(L, 2, box, &event);
    if (failed) {
        return failed;
    }
    code = try_rule(L, &event, &limits, box);
    return code == WH_OK ? push_result(L, box) : whl_fail(L, code);
}

const luaL_Reg whl_explain_methods[] = {
    { "explain", explain },
    { "backtest", backtest },
    { NULL, NULL },
};
