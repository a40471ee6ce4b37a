/* What the files of webhook.core share.
 *
 * Errors. A call that is wrong as written (an argument of the wrong type, an unknown
 * option) raises. What depends on data or on the world returns nil, a sentence, the
 * code's name and the parts of the error.
 *
 * Memory. Lua leaves a function by longjmp, also for want of memory, so nothing of the
 * C heap may hang on a local variable while Lua is called: it lives in a box. */
#ifndef WHL_BINDING_H
#define WHL_BINDING_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/json.h"
#include "webhook_backend.h"

#if LUA_VERSION_NUM < 504
#error "webhook.core needs Lua 5.4 or newer"
#endif

/* Functions of the module, each for one name in it; see module.c. */
int whl_open(lua_State *L);
int whl_clock_new(lua_State *L);
int whl_encode(lua_State *L);
int whl_decode(lua_State *L);
int whl_array(lua_State *L);
int whl_object(lua_State *L);
int whl_raw(lua_State *L);
int whl_sign(lua_State *L);
int whl_verify(lua_State *L);
int whl_secret(lua_State *L);
int whl_keypair(lua_State *L);
int whl_store_key(lua_State *L);
int whl_features(lua_State *L);
int whl_rule_check(lua_State *L);
int whl_rule_try(lua_State *L);

/* Make the metatables; each leaves the stack as it was. */
void whl_support_types(lua_State *L);
void whl_codec_types(lua_State *L);
void whl_clock_types(lua_State *L);
void whl_engine_types(lua_State *L);
void whl_serve_types(lua_State *L);

/* ----------------------------------------------------------------------- failures */

/* Pushes nil, the thread's last sentence, the code's name and the parts of the error, as
 * webhook.failure in webhook/init.lua; returns 4. */
int whl_fail(lua_State *L, int code);

/* Raises "name: expected a string, found nil" for the value at index. */
int whl_wrong(lua_State *L, int index, const char *name, const char *expected);

/* ---------------------------------------------------------------------- arguments */

/* These take the value at index. Text without a zero byte, since it goes on as a C
 * string: 0, or what whl_fail returned, for the caller to return. The others raise. */
int whl_text(lua_State *L, int index, const char *name, const char **out);
/* The check alone: a code. */
int whl_text_check(const char *text, size_t size, const char *name);
const char *whl_bytes(lua_State *L, int index, const char *name, size_t *size);
int64_t whl_integer(lua_State *L, int index, const char *name);
int whl_boolean(lua_State *L, int index, const char *name);
/* 1: the table's member is true; 0: false or none. Raises where it is neither. */
int whl_field_flag(lua_State *L, int table, const char *name);

/* Raises unless the value at index is a table whose keys are all among names, which
 * ends with NULL; owner says in the error whose names they are. */
void whl_check_names(lua_State *L, int index, const char *owner, const char *const *names);

/* Members of a table, without metamethods; nil leaves out alone. The text's value is
 * left on the stack, as its owner. */
int whl_field_text(lua_State *L, int table, const char *name, const char **out);
void whl_field_integer(lua_State *L, int table, const char *name, int64_t *out);

/* A time: ms since 1970, or a text as whi_time_read reads it. 0, or what whl_fail returned. */
int whl_field_time(lua_State *L, int table, const char *name, int64_t *out);
/* The value at index alone; shown is its name where one is raised. A code. */
int whl_time(lua_State *L, int index, const char *shown, const char *name, int64_t *out);

/* A list of texts, or one text: an array that lives as long as the userdata that this
 * leaves on the stack. 0, or what whl_fail returned. */
int whl_texts(lua_State *L, int index, const char *name, const char *const **out, size_t *count);

/* -------------------------------------------------------------------------- boxes */

typedef struct whl_box {
    char *text; /* for wh_free */
    size_t size;
    whi_json json;
    whi_buf buf;
} whl_box;

/* An empty one on the stack; the collector frees what is in it. */
whl_box *whl_box_new(lua_State *L);
void whl_box_empty(whl_box *box);

#endif
