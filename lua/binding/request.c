/* Tests: spec/listen_spec.lua. */
#include "request.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "outside/easy.h"

#define BODY_MAXIMUM 33554432 /* of an answer: a page of deliveries, each of 1 MiB, escaped, may be as large */
#define HEADERS_MAXIMUM 200
#define CONNECT_SECONDS 10

typedef struct answer {
    char *body;
    size_t size, capacity;
    int is_full;
    struct curl_slist *lines; /* of its headers */
    int count;
} answer;

/* ------------------------------------------------------------------- what comes back */

static size_t take_body(char *data, size_t one, size_t count, void *payload) {
    answer *to = payload;
    size_t size = one * count;

    if (size > BODY_MAXIMUM - to->size) {
        to->is_full = 1;
        return 0;
    }
    if (size > to->capacity - to->size) {
        size_t capacity = (to->size + size) * 2;
        char *body = realloc(to->body, capacity);
        if (body == NULL) {
            return 0;
        }
        to->body = body;
        to->capacity = capacity;
    }
    memcpy(to->body + to->size, data, size);
    to->size += size;
    return size;
}

/* An answer of 1xx before the last one has lines, too: each status line begins anew. */
static size_t take_header(char *data, size_t one, size_t count, void *payload) {
    answer *to = payload;
    size_t size = one * count, length = size;
    struct curl_slist *lines;
    char *line;

    while (length > 0 && (data[length - 1] == '\n' || data[length - 1] == '\r')) {
        length--;
    }
    if (length >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        curl_slist_free_all(to->lines);
        to->lines = NULL;
        to->count = 0;
        return size;
    }
    if (length == 0 || to->count == HEADERS_MAXIMUM) {
        return size;
    }
    line = strndup(data, length);
    lines = line != NULL ? curl_slist_append(to->lines, line) : NULL;
    free(line);
    if (lines == NULL) {
        return 0;
    }
    to->lines = lines;
    to->count++;
    return size;
}

static void push_header(lua_State *L, const char *line) {
    const char *colon = strchr(line, ':'), *value = colon;
    char name[128];
    size_t size = colon != NULL ? (size_t)(colon - line) : 0;

    if (size == 0 || size >= sizeof name) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        name[i] = (char)whi_ascii_lower((unsigned char)line[i]);
    }
    name[size] = '\0';
    value += 1 + strspn(colon + 1, " \t");
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static void push_answer(lua_State *L, CURL *easy, const answer *from) {
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    lua_pushlstring(L, from->body != NULL ? from->body : "", from->size);
    lua_setfield(L, -2, "body");
    lua_createtable(L, 0, from->count);
    for (struct curl_slist *each = from->lines; each != NULL; each = each->next) {
        push_header(L, each->data);
    }
    lua_setfield(L, -2, "headers");
}

/* --------------------------------------------------------------------- what is asked */

/* Lua's errors jump: what has to be freed is a userdata's. */
typedef struct exchange {
    CURL *easy;
    struct curl_slist *headers;
    answer got;
    char error[CURL_ERROR_SIZE];
} exchange;

static int end_exchange(lua_State *L) {
    exchange *self = lua_touserdata(L, 1);

    curl_easy_cleanup(self->easy);
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->got.lines);
    free(self->got.body);
    memset(self, 0, sizeof *self);
    return 0;
}

static exchange *new_exchange(lua_State *L) {
    exchange *self = lua_newuserdatauv(L, sizeof *self, 0);

    memset(self, 0, sizeof *self);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, end_exchange);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    self->easy = curl_easy_init();
    if (self->easy == NULL) {
        luaL_error(L, "not enough memory");
    }
    return self;
}

static const char *text_of(lua_State *L, const char *name, const char *otherwise, size_t *size) {
    const char *text;

    lua_getfield(L, 1, name);
    text = luaL_optlstring(L, -1, otherwise, size); /* stays alive in the table */
    lua_pop(L, 1);
    return text;
}

static void add_headers(lua_State *L, exchange *self) {
    if (lua_getfield(L, 1, "headers") == LUA_TTABLE) {
        for (lua_Integer i = 1; lua_geti(L, -1, i) == LUA_TSTRING; i++) {
            struct curl_slist *more = curl_slist_append(self->headers, lua_tostring(L, -1));
            if (more == NULL) {
                luaL_error(L, "not enough memory");
            }
            self->headers = more;
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int is_set(CURLcode code) {
    return code == CURLE_OK;
}

/* Each on its own line: an option that libcurl refuses is told. */
static CURLcode prepare(lua_State *L, exchange *self) {
    size_t size = 0;
    const char *method = text_of(L, "method", "GET", NULL), *url = text_of(L, "url", "", NULL);
    const char *body = text_of(L, "body", NULL, &size);
    CURL *easy = self->easy;
    CURLcode code = whi_easy_confine(easy);
    lua_Number timeout;

    lua_getfield(L, 1, "timeout");
    timeout = luaL_optnumber(L, -1, 30);
    lua_pop(L, 1);
    add_headers(L, self);
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_URL, url) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_HTTPHEADER, self->headers) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(timeout * 1000)) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->error) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_WRITEDATA, &self->got) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) : code;
    code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_HEADERDATA, &self->got) : code;
    if (is_set(code) && strcmp(method, "HEAD") == 0) {
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    if (is_set(code) && body != NULL) {
        code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
        code = is_set(code) ? curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) : code;
    }
    return code;
}

static int fail(lua_State *L, const exchange *self, CURLcode code) {
    const char *why = self->error[0] != '\0' ? self->error : curl_easy_strerror(code);

    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", text_of(L, "url", "", NULL),
                    self->got.is_full ? "the answer has more than 32 MiB" : why);
    lua_pushstring(L, code == CURLE_OPERATION_TIMEDOUT ? "timeout" : "connect");
    return 3;
}

int whl_request(lua_State *L) {
    exchange *self;
    CURLcode code;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    self = new_exchange(L);
    code = prepare(L, self);
    code = code == CURLE_OK ? curl_easy_perform(self->easy) : code;
    if (code != CURLE_OK) {
        return fail(L, self, code);
    }
    push_answer(L, self->easy, &self->got);
    return 1;
}
