#include "source.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "webhook_source.h"

#define CALL "webhook.source_call"

/* A question. Its texts are copies: the engine's are good until it is answered, which may be while Lua looks. */
typedef struct question {
    struct question *next;
    struct whl_sources *home;
    wh_source_call *call; /* NULL: answered */
    char *texts[7];
    int64_t changed_since, limit;
} question;

enum { TENANT, CONNECTION, OBJECT_TYPE, FILTERS, FIELDS, STATE, PAGE };

static const char *const text_names[] = { "tenant", "connection", "object_type", "filters", "fields", "state", "page" };

/* Of an engine, and of each of its sources: whichever goes last frees it. */
struct whl_sources {
    pthread_mutex_t lock;
    wh_engine *engine;
    question *waiting, **end; /* not begun yet */
    question *out;            /* begun */
    int refs, closed;
};

/* A source's payload: whom it is for stands in C, since it is asked on any thread. Lists of texts, NULL at the end. */
typedef struct listed {
    struct whl_sources *home;
    char **tenants;     /* NULL: all */
    char **connections; /* each with its tenant behind it; NULL: any */
} listed;

/* ------------------------------------------------------------------- any thread */

static void free_question(question *self) {
    for (size_t i = 0; i < sizeof self->texts / sizeof self->texts[0]; i++) {
        whi_free(self->texts[i]);
    }
    whi_free(self);
}

static void unref(struct whl_sources *self) {
    int left;

    pthread_mutex_lock(&self->lock);
    left = --self->refs;
    pthread_mutex_unlock(&self->lock);
    if (left == 0) {
        pthread_mutex_destroy(&self->lock);
        whi_free(self);
    }
}

static void answer(wh_source_call *call, const wh_source_page *page) {
    if (call != NULL) {
        call->answer(call, page);
    }
}

static void refuse(wh_source_call *call, int code, const char *error) {
    wh_source_page page = { .size = sizeof page, .code = code, .error = error, .retry_after = -1 };

    answer(call, &page);
}

static question *copy_query(const wh_source_query *query) {
    const char *const texts[] = { query->tenant, query->connection, query->object_type, query->filters,
                                  query->fields, query->state,      query->page };
    question *made = whi_calloc(1, sizeof *made);

    for (size_t i = 0; made != NULL && i < sizeof texts / sizeof texts[0]; i++) {
        made->texts[i] = texts[i] != NULL ? whi_strdup(texts[i], WH_ZSTR) : NULL;
        if (texts[i] != NULL && made->texts[i] == NULL) {
            free_question(made);
            return NULL;
        }
    }
    if (made != NULL) {
        made->changed_since = query->changed_since;
        made->limit = query->limit;
    }
    return made;
}

static void list(void *payload, const wh_source_query *query, wh_source_call *call) {
    struct whl_sources *self = ((listed *)payload)->home;
    question *made = copy_query(query);
    int closed;

    if (made == NULL) {
        refuse(call, WH_ENOMEM, "out of memory");
        return;
    }
    made->call = call;
    made->home = self;
    pthread_mutex_lock(&self->lock);
    closed = self->closed;
    if (!closed) {
        *self->end = made;
        self->end = &made->next;
        wh_source_wake(self->engine);
    }
    pthread_mutex_unlock(&self->lock);
    if (closed) {
        free_question(made);
        refuse(call, WH_ECLOSED, "the engine is closed");
    }
}

/* What waits goes; what was begun is Lua's, whose answer counts no more. */
static void cut(void *payload) {
    struct whl_sources *self = ((listed *)payload)->home;
    question *waiting;

    pthread_mutex_lock(&self->lock);
    waiting = self->waiting;
    self->waiting = NULL;
    self->end = &self->waiting;
    pthread_mutex_unlock(&self->lock);
    while (waiting != NULL) {
        question *next = waiting->next;
        refuse(waiting->call, WH_ECLOSED, "the engine stops");
        free_question(waiting);
        waiting = next;
    }
    for (;;) {
        wh_source_call *call = NULL;
        pthread_mutex_lock(&self->lock);
        for (question *at = self->out; at != NULL && call == NULL; at = at->next) {
            call = at->call;
            at->call = NULL;
        }
        pthread_mutex_unlock(&self->lock);
        if (call == NULL) {
            break;
        }
        refuse(call, WH_ECLOSED, "the engine stops");
    }
}

static int has_tenant(char *const *tenants, const char *tenant) {
    while (*tenants != NULL && strcmp(*tenants, tenant) != 0) {
        tenants++;
    }
    return *tenants != NULL;
}

static int allows(void *payload, const char *tenant, const char *connection) {
    const listed *self = payload;
    char *const *at = self->connections;

    if (self->tenants != NULL && tenant[0] != '\0' && !has_tenant(self->tenants, tenant)) {
        return 0;
    }
    while (at != NULL && at[0] != NULL && strcmp(at[0], connection) != 0) {
        at += 2;
    }
    return at == NULL || (at[0] != NULL && strcmp(at[1], tenant) == 0);
}

static void free_texts(char **texts) {
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) {
        whi_free(texts[i]);
    }
    whi_free(texts);
}

static void release(void *payload) {
    listed *self = payload;

    unref(self->home);
    free_texts(self->tenants);
    free_texts(self->connections);
    whi_free(self);
}

/* ------------------------------------------------------------------- the host's thread */

int whl_source_waits(whl_engine *self) {
    int waits = 0;

    if (self->sources != NULL) {
        pthread_mutex_lock(&self->sources->lock);
        waits = self->sources->waiting != NULL;
        pthread_mutex_unlock(&self->sources->lock);
    }
    return waits;
}

int whl_source_out(whl_engine *self) {
    int count = 0;

    if (self->sources != NULL) {
        pthread_mutex_lock(&self->sources->lock);
        for (question *at = self->sources->out; at != NULL; at = at->next) {
            count += at->call != NULL;
        }
        pthread_mutex_unlock(&self->sources->lock);
    }
    return count;
}

void whl_source_release(whl_engine *self) {
    if (self->sources != NULL) {
        pthread_mutex_lock(&self->sources->lock);
        self->sources->closed = 1;
        pthread_mutex_unlock(&self->sources->lock);
        unref(self->sources);
        self->sources = NULL;
    }
}

static struct whl_sources *sources_of(lua_State *L, whl_engine *self) {
    if (self->sources == NULL) {
        self->sources = whi_calloc(1, sizeof *self->sources);
        if (self->sources == NULL) {
            luaL_error(L, "out of memory");
            return NULL;
        }
        pthread_mutex_init(&self->sources->lock, NULL);
        self->sources->engine = self->engine;
        self->sources->end = &self->sources->waiting;
        self->sources->refs = 1;
    }
    return self->sources;
}

/* The question's userdata, which has it until it is answered or collected. */
static question **push_call(lua_State *L) {
    question **call = lua_newuserdatauv(L, sizeof *call, 0);

    *call = NULL;
    luaL_setmetatable(L, CALL);
    return call;
}

static question *take_waiting(struct whl_sources *self) {
    question *taken;

    pthread_mutex_lock(&self->lock);
    taken = self->waiting;
    if (taken != NULL) {
        self->waiting = taken->next;
        self->end = self->waiting != NULL ? self->end : &self->waiting;
        taken->next = self->out;
        self->out = taken;
        self->refs++;
    }
    pthread_mutex_unlock(&self->lock);
    return taken;
}

/* Out of the list of those that are out: its call, NULL where it was cut. */
static wh_source_call *finish(question *self) {
    struct whl_sources *home = self->home;
    question **place = &home->out;
    wh_source_call *call;

    pthread_mutex_lock(&home->lock);
    while (*place != self) {
        place = &(*place)->next;
    }
    *place = self->next;
    call = self->call;
    pthread_mutex_unlock(&home->lock);
    free_question(self);
    unref(home);
    return call;
}

static void push_query(lua_State *L, const question *asked) {
    lua_createtable(L, 0, 9);
    for (size_t i = 0; i < sizeof text_names / sizeof text_names[0]; i++) {
        if (asked->texts[i] != NULL) {
            lua_pushstring(L, asked->texts[i]);
            lua_setfield(L, -2, text_names[i]);
        }
    }
    if (asked->changed_since != 0) {
        lua_pushinteger(L, asked->changed_since);
        lua_setfield(L, -2, "changed_since");
    }
    lua_pushinteger(L, asked->limit);
    lua_setfield(L, -2, "limit");
}

static int begin(lua_State *L) {
    question **call = lua_touserdata(L, 2);

    push_query(L, *call);
    lua_call(L, 2, 0);
    return 0;
}

/* The function of a type is in the engine's table; it begins a coroutine, and comes back at once. */
static void begin_one(lua_State *L, whl_engine *self) {
    question **call = push_call(L);

    *call = take_waiting(self->sources);
    if (*call == NULL) {
        lua_pop(L, 1);
        return;
    }
    lua_pushcfunction(L, begin);
    lua_getiuservalue(L, 1, WHL_ENGINE_SOURCES);
    lua_getfield(L, -1, (*call)->texts[OBJECT_TYPE]);
    lua_remove(L, -2);
    lua_pushvalue(L, -3); /* begin(function, call) */
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_warning(L, "webhook: a source failed: ", 1);
        lua_warning(L, luaL_tolstring(L, -1, NULL), 0);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

int whl_source_drain(lua_State *L) {
    whl_engine *self = lua_touserdata(L, 1);
    int count = 0;

    luaL_checkstack(L, 8, "source");
    while (self->sources != NULL && whl_source_waits(self)) {
        begin_one(L, self);
        count++;
    }
    return count;
}

/* ------------------------------------------------------------------------- answering */

static question **call_at(lua_State *L) {
    return luaL_checkudata(L, 1, CALL);
}

/* answer(call, items: text or nil for unchanged, next, state) */
static int call_answer(lua_State *L) {
    question **self = call_at(L);
    wh_source_page page = { .size = sizeof page, .retry_after = -1 };
    question *asked = *self;

    page.items = luaL_optlstring(L, 2, NULL, &page.items_size);
    page.next = luaL_optstring(L, 3, NULL);
    page.state = luaL_optstring(L, 4, NULL);
    page.is_unchanged = page.items == NULL;
    *self = NULL;
    if (asked != NULL) {
        answer(finish(asked), &page);
    }
    return 0;
}

/* fail(call, sentence, retry_after: ms or nil, refused) */
static int call_fail(lua_State *L) {
    question **self = call_at(L);
    wh_source_page page = { .size = sizeof page, .code = WH_EIO };
    question *asked = *self;

    page.error = luaL_checkstring(L, 2);
    page.retry_after = luaL_optinteger(L, 3, -1);
    page.is_refused = lua_toboolean(L, 4);
    *self = NULL;
    if (asked != NULL) {
        answer(finish(asked), &page);
    }
    return 0;
}

/* A coroutine that nobody will resume. */
static int call_gc(lua_State *L) {
    question **self = call_at(L), *asked = *self;

    *self = NULL;
    if (asked != NULL) {
        refuse(finish(asked), WH_EIO, "the function never came back: its coroutine was given up");
    }
    return 0;
}

/* ------------------------------------------------------------------------ adding one */

static unsigned can_of(lua_State *L, int table) {
    static const struct {
        const char *name;
        unsigned bit;
    } abilities[] = { { "all", WH_SOURCE_ALL }, { "changes", WH_SOURCE_CHANGES }, { "deleted", WH_SOURCE_DELETED } };
    unsigned can = 0;

    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++) {
        can |= whl_field_flag(L, table, abilities[i].name) ? abilities[i].bit : 0;
    }
    return can;
}

/* The list in this member of the table at 3, NULL at the end; what it points to stays on the stack. */
static const char *const *names_of(lua_State *L, const char *member) {
    const char *const *names = NULL, **ended;
    size_t count = 0;

    lua_getfield(L, 3, member);
    if (!lua_isnil(L, -1) && whl_texts(L, lua_gettop(L), member, &names, &count) != 0) {
        luaL_error(L, "%s: expected a list of texts without zero bytes", member);
    }
    ended = lua_newuserdatauv(L, (count + 1) * sizeof *ended, 0);
    for (size_t i = 0; i < count; i++) {
        ended[i] = names[i];
    }
    ended[count] = NULL;
    return ended;
}

static char **copy_texts(const char *const *texts, size_t count) {
    char **copies = whi_calloc(count + 1, sizeof *copies);

    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = whi_strdup(texts[i], WH_ZSTR);
        if (copies[i] == NULL) {
            free_texts(copies);
            return NULL;
        }
    }
    return copies;
}

static int has_field(lua_State *L, const char *member) {
    int is = lua_getfield(L, 3, member) != LUA_TNIL;

    lua_pop(L, 1);
    return is;
}

static int copy_list(char ***out, const char *const *names, int is_there) {
    size_t count = 0;

    while (names[count] != NULL) {
        count++;
    }
    *out = is_there ? copy_texts(names, count) : NULL;
    return !is_there || *out != NULL;
}

/* NULL: no memory. What Lua may raise comes before anything is copied. */
static listed *make_listed(lua_State *L, struct whl_sources *sources) {
    const char *const *tenants = names_of(L, "tenants"), *const *connections = names_of(L, "connections");
    int some = has_field(L, "tenants"), whose = has_field(L, "connections");
    listed *made = whi_calloc(1, sizeof *made);

    if (made == NULL) {
        return NULL;
    }
    made->home = sources;
    pthread_mutex_lock(&sources->lock);
    sources->refs++;
    pthread_mutex_unlock(&sources->lock);
    if (!copy_list(&made->tenants, tenants, some) || !copy_list(&made->connections, connections, whose)) {
        release(made);
        return NULL;
    }
    return made;
}

/* add_source(engine, type, { all, changes, deleted, filters, required, without, full_every, tenants, connections },
 * function(call, query)): connections is a list, each with its tenant behind it. */
static int engine_add_source(lua_State *L) {
    whl_engine *self = whl_engine_self(L);
    wh_source source = { .size = sizeof source, .list = list, .cut = cut, .free = release, .allows = allows };
    const char *type;
    int code, failed = whl_text(L, 2, "object_type", &type);

    if (failed) {
        return failed;
    }
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TFUNCTION);
    source.can = can_of(L, 3);
    source.filters = names_of(L, "filters");
    source.required = names_of(L, "required");
    source.without = names_of(L, "without");
    whl_field_integer(L, 3, "full_every", &source.full_every);
    if (lua_getiuservalue(L, 1, WHL_ENGINE_SOURCES) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, WHL_ENGINE_SOURCES);
    }
    source.payload = make_listed(L, sources_of(L, self));
    if (source.payload == NULL) {
        return luaL_error(L, "out of memory");
    }
    code = wh_source_add(self->engine, type, &source);
    if (code != WH_OK) {
        release(source.payload);
        return whl_fail(L, code);
    }
    lua_getiuservalue(L, 1, WHL_ENGINE_SOURCES);
    lua_pushvalue(L, 4);
    lua_setfield(L, -2, type); /* of this thread alone: nothing is drained before */
    lua_pushboolean(L, 1);
    return 1;
}

static int engine_remove_source(lua_State *L) {
    whl_engine *self = whl_engine_self(L);
    const char *type;
    int failed = whl_text(L, 2, "object_type", &type), code;

    if (failed) {
        return failed;
    }
    code = wh_source_remove(self->engine, type);
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int engine_poll(lua_State *L) {
    whl_engine *self = whl_engine_self(L);
    const char *id;
    int failed = whl_text(L, 2, "subscription", &id), code;

    if (failed) {
        return failed;
    }
    code = wh_poll_now(self->engine, id, !lua_isnoneornil(L, 3) && whl_boolean(L, 3, "confirm"));
    if (code != WH_OK) {
        return whl_fail(L, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

const luaL_Reg whl_source_methods[] = {
    { "add_source", engine_add_source },
    { "remove_source", engine_remove_source },
    { "poll", engine_poll },
    { NULL, NULL },
};

static const luaL_Reg call_methods[] = { { "answer", call_answer }, { "fail", call_fail }, { NULL, NULL } };

void whl_source_types(lua_State *L) {
    luaL_newmetatable(L, CALL);
    lua_pushcfunction(L, call_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, call_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
