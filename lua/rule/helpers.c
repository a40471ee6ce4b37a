/* What rule writers need and can hardly write safely themselves. lua/docs/rules.md has
 * the manual of each. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/hex.h"
#include "pure/hmac.h"
#include "pure/path.h"
#include "pure/projection.h"
#include "rule_state.h"

#define PATHS_MAXIMUM 32
#define COMPARISONS_MAXIMUM ((size_t)4000000)
#define HASH_SIZE 32 /* of HMAC-SHA256 */
/* Goes before the text, its zero byte too. What is signed and sent begins otherwise, so
 * no rule can have the secret make a signature of a message. */
#define HASH_PREFIX "hash"
#define MASK_SHOWN 4 /* characters at the end that mask leaves */
#define MASK_LONG 8  /* texts up to this are masked whole */

static const whi_rule_path *const ROOT = NULL;

/* A table that is written as an array even when it is empty; or as an object. */
static int mark(lua_State *L, int place) {
    if (lua_type(L, 1) == LUA_TLIGHTUSERDATA) {
        lua_settop(L, 1); /* a part of the payload is what it is */
        return 1;
    }
    whi_rule_plain_table(L, 1);
    lua_settop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, place);
    lua_setmetatable(L, 1);
    return 1;
}

static int helper_array(lua_State *L) {
    return mark(L, WHI_RULE_AT_ARRAY);
}

static int helper_object(lua_State *L) {
    return mark(L, WHI_RULE_AT_OBJECT);
}

/* The type's pattern language: exact, "*", "prefix.*", "prefix:*". */
static int helper_matches(lua_State *L) {
    size_t size, pattern_size;
    const char *type = whi_rule_check_text(L, 1, &size), *pattern = whi_rule_check_text(L, 2, &pattern_size);
    int result;

    whi_rule_charge(L, 2 + pattern_size / 16);
    if (pattern_size == 1 && *pattern == '*') {
        result = 1;
    } else if (pattern_size >= 2 && pattern[pattern_size - 1] == '*' &&
               strchr(".:", pattern[pattern_size - 2]) != NULL && pattern[pattern_size - 2] != '\0') {
        result = size >= pattern_size - 1 && memcmp(type, pattern, pattern_size - 1) == 0;
    } else {
        result = size == pattern_size && memcmp(type, pattern, size) == 0;
    }
    lua_pushboolean(L, result);
    return 1;
}

/* ---------------------------------------------------------------------- hash */

#define HASH_STEP 4096 /* bytes between two charges: about 10 us */
#define HASH_UNITS 400 /* of work before the first byte */

/* The runtime's context, keyed once a run. NULL: OpenSSL could not do it. */
static EVP_MAC_CTX *keyed_mac(whi_rule_runtime *runtime) {
    const wh_rule_input *input = runtime->input;

    if (runtime->mac != NULL) {
        return EVP_MAC_init(runtime->mac, NULL, 0, NULL) ? runtime->mac : NULL;
    }
    runtime->mac = whi_hmac_new("SHA256", input->hash_key, input->hash_key_size);
    return runtime->mac;
}

/* The context belongs to the runtime, so a run that ends in the middle leaks nothing. */
static int hash_text(lua_State *L, EVP_MAC_CTX *mac, const char *text, size_t size, unsigned char *out) {
    size_t done;

    if (!EVP_MAC_update(mac, (const unsigned char *)HASH_PREFIX, sizeof HASH_PREFIX)) {
        return 0;
    }
    for (size_t at = 0; at < size; at += HASH_STEP) {
        size_t part = size - at < HASH_STEP ? size - at : HASH_STEP;
        whi_rule_charge(L, part / 2);
        if (!EVP_MAC_update(mac, (const unsigned char *)text + at, part)) {
            return 0;
        }
    }
    return EVP_MAC_final(mac, out, &done, HASH_SIZE) && done == HASH_SIZE;
}

static int helper_hash(lua_State *L) {
    const wh_rule_input *input = whi_rule_of(L)->runtime->input;
    unsigned char sum[HASH_SIZE];
    char text[WHI_HEX_SIZE(HASH_SIZE)];
    const char *what;
    EVP_MAC_CTX *mac;
    size_t size;

    if (whi_rule_is_null(L, 1)) {
        return whi_rule_misused_null(L, "hash: a text was expected, not null");
    }
    if (lua_type(L, 1) != LUA_TSTRING) {
        return luaL_error(L, "hash: a text was expected, not %s", lua_isnone(L, 1) ? "nothing" : whi_rule_type(L, 1));
    }
    if (input->hash_key == NULL) {
        return luaL_error(L, "hash: the subscription has no secret to key it by");
    }
    what = lua_tolstring(L, 1, &size);
    whi_rule_charge(L, HASH_UNITS);
    mac = keyed_mac(whi_rule_of(L)->runtime);
    if (mac == NULL || !hash_text(L, mac, what, size, sum)) {
        ERR_clear_error();
        return whi_rule_stop(L, WH_ENOMEM); /* what else OpenSSL may lack */
    }
    whi_hex_write(sum, HASH_SIZE, text);
    lua_pushstring(L, text);
    return 1;
}

/* ---------------------------------------------------------------------- mask */

static int is_continuation(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

static int helper_mask(lua_State *L) {
    size_t size, characters = 0, hidden;
    const char *text = whi_rule_check_text(L, 1, &size);
    whi_rule_text out;

    whi_rule_charge(L, 2 + size);
    for (size_t i = 0; i < size; i++) {
        characters += !is_continuation(text[i]);
    }
    hidden = characters > MASK_LONG ? characters - MASK_SHOWN : characters;
    whi_rule_text_init(L, &out);
    for (size_t i = 0, at = 0; i < size; i++) {
        at += !is_continuation(text[i]);
        if (at > hidden) {
            whi_rule_text_char(&out, text[i]);
        } else if (!is_continuation(text[i])) {
            whi_rule_text_char(&out, '*');
        }
    }
    whi_rule_text_push(&out);
    return 1;
}

/* ---------------------------------------------------------------------- only */

/* Nothing between parse and free may raise. */
static int project(lua_State *L, const char *list, size_t size, const whi_json *json, uint32_t node, whi_buf *out) {
    whi_projection *fields = NULL;
    int code = whi_projection_review(list, size);

    code = code == WH_OK ? whi_projection_parse(&fields, list, size) : code;
    if (code == WH_OK && fields == NULL) {
        return luaL_error(L, "only: name at least one member");
    }
    if (code == WH_OK) {
        code = whi_projection_write(fields, json, node, out);
        whi_projection_free(fields);
    }
    if (code == WH_ENOMEM) {
        return whi_rule_stop(L, WH_ENOMEM);
    }
    if (code != WH_OK) {
        return luaL_error(L, "only: %s", wh_last_error());
    }
    return 0;
}

/* Projecting compares each member with each name in one call that nothing can stop, so
 * their product is bounded: about 8 ms. */
static void check_work(lua_State *L, const whi_rule_text *list, uint32_t nodes) {
    size_t names = 1;

    for (size_t i = 0; i < list->size; i++) {
        names += strchr(",.()", list->data[i]) != NULL;
    }
    whi_rule_charge(L, list->size);
    if (names * nodes > COMPARISONS_MAXIMUM) {
        luaL_error(L, "only: %d names in %d values are too much work: take a smaller part", (int)names, (int)nodes);
    }
    whi_rule_charge(L, names * nodes / 4);
}

static int helper_only(lua_State *L) {
    uint32_t node;
    const whi_json *json = whi_rule_check_part(L, 1, &node);
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    int top = lua_gettop(L);
    whi_rule_text list;
    const char *text;
    size_t size;

    whi_rule_text_init(L, &list);
    for (int i = 2; i <= top; i++) {
        whi_rule_check_type(L, i, LUA_TSTRING);
        if (i > 2) {
            whi_rule_text_char(&list, ',');
        }
        text = lua_tolstring(L, i, &size);
        whi_rule_text_add(&list, text, size);
    }
    check_work(L, &list, json->nodes[node].next - node);
    whi_rule_charge(L, (json->nodes[node].end - json->nodes[node].start) / 16);
    whi_buf_clear(&runtime->scratch);
    project(L, list.data, list.size, json, node, &runtime->scratch);
    whi_rule_check_buffer(L, &runtime->scratch);
    whi_rule_push_made(L);
    return 1;
}

/* ------------------------------------------------------------------- without */

typedef struct removal {
    const char *paths[PATHS_MAXIMUM]; /* what is left of each */
    size_t sizes[PATHS_MAXIMUM];
    int count;
} removal;

static void write_without(lua_State *L, const whi_json *json, uint32_t node, const removal *paths, whi_buf *out);

/* Which paths go on below a member of this name; 1 if one ends there. */
static int enter(const removal *paths, const char *name, size_t size, removal *below) {
    below->count = 0;
    for (int i = 0; i < paths->count; i++) {
        const char *path = paths->paths[i];
        size_t length = paths->sizes[i];
        if (length < size || memcmp(path, name, size) != 0) {
            continue;
        }
        if (length == size) {
            return 1;
        }
        if (path[size] == '.') {
            below->paths[below->count] = path + size + 1;
            below->sizes[below->count++] = length - size - 1;
        }
    }
    return 0;
}

static void object_without(lua_State *L, const whi_json *json, uint32_t node, const removal *paths, whi_buf *out) {
    uint32_t name = whi_json_first(json, node);
    int written = 0;
    removal below;

    whi_buf_char(out, '{');
    for (uint32_t i = 0; i < json->nodes[node].count; i++, name = json->nodes[name + 1].next) {
        size_t size, span_size;
        const char *text = whi_json_string(json, name, &whi_rule_of(L)->runtime->shuffle, &size), *span;
        if (text == NULL) {
            whi_rule_stop(L, WH_ENOMEM);
        }
        whi_rule_charge(L, 4 + size / 16 + (size_t)paths->count * (2 + size / 16));
        if (enter(paths, text, size, &below)) {
            continue;
        }
        if (written++) {
            whi_buf_char(out, ',');
        }
        span = whi_json_span(json, name, &span_size);
        whi_buf_add(out, span, span_size);
        whi_buf_char(out, ':');
        write_without(L, json, name + 1, &below, out);
    }
    whi_buf_char(out, '}');
}

static void array_without(lua_State *L, const whi_json *json, uint32_t node, const removal *paths, whi_buf *out) {
    uint32_t item = whi_json_first(json, node);

    whi_buf_char(out, '[');
    for (uint32_t i = 0; i < json->nodes[node].count; i++, item = json->nodes[item].next) {
        whi_rule_charge(L, 4);
        if (i > 0) {
            whi_buf_char(out, ',');
        }
        write_without(L, json, item, paths, out);
    }
    whi_buf_char(out, ']');
}

static void write_without(lua_State *L, const whi_json *json, uint32_t node, const removal *paths, whi_buf *out) {
    size_t size;
    const char *text;

    if (paths->count > 0 && json->nodes[node].type == WHI_JSON_OBJECT) {
        object_without(L, json, node, paths, out);
    } else if (paths->count > 0 && json->nodes[node].type == WHI_JSON_ARRAY) {
        array_without(L, json, node, paths, out);
    } else {
        text = whi_json_span(json, node, &size);
        whi_rule_charge(L, 1 + size / 32);
        whi_buf_add(out, text, size);
    }
}

/* A path that finds nothing would leave in what was to be taken out. */
static void check_path(lua_State *L, const char *path, size_t size) {
    whi_rule_charge(L, 2 + size / 8);
    if (whi_path_is_misread(path, size)) {
        luaL_error(L, "without: found \"%s\": " WHI_PATH_ADVICE, path);
    }
}

static int helper_without(lua_State *L) {
    uint32_t node;
    const whi_json *json = whi_rule_check_part(L, 1, &node);
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    removal paths = { { NULL }, { 0 }, 0 };
    int top = lua_gettop(L);

    luaL_argcheck(L, top - 1 <= PATHS_MAXIMUM, PATHS_MAXIMUM + 2, "too many paths");
    for (int i = 2; i <= top; i++) {
        paths.paths[paths.count] = whi_rule_check_text(L, i, &paths.sizes[paths.count]);
        check_path(L, paths.paths[paths.count], paths.sizes[paths.count]);
        paths.count++;
    }
    whi_buf_clear(&runtime->scratch);
    write_without(L, json, node, &paths, &runtime->scratch);
    whi_rule_check_buffer(L, &runtime->scratch);
    whi_rule_push_made(L);
    return 1;
}

/* --------------------------------------------------------------------- merge */

static int helper_merge(lua_State *L) {
    uint32_t node;
    const whi_json *json = whi_rule_check_part(L, 1, &node);
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;

    int depth = (int)runtime->limits.json_depth;

    whi_rule_check_type(L, 2, LUA_TTABLE);
    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return luaL_error(L, "merge: the first value must be an object of the payload");
    }
    if (whi_rule_mark_of(L, 2) == WHI_RULE_LIBRARY) {
        return luaL_error(L, "merge: a library is no JSON value");
    }
    if (lua_rawlen(L, 2) > 0 || whi_rule_mark_of(L, 2) == WHI_RULE_AT_ARRAY) {
        return luaL_error(L, "merge: the second value must be a table of names, not of items");
    }
    whi_buf_clear(&runtime->scratch);
    whi_rule_write_merged(L, 2, json, node, ROOT, depth < WHI_RULE_DEPTH ? depth : WHI_RULE_DEPTH, &runtime->scratch);
    whi_rule_check_buffer(L, &runtime->scratch);
    whi_rule_push_made(L);
    return 1;
}

const luaL_Reg whi_rule_helper_functions[] = {
    { "array", helper_array },     /* tells [] from {} */
    { "object", helper_object },   /* the same */
    { "only", helper_only },       /* keeps members, byte for byte */
    { "without", helper_without }, /* leaves members out, the rest byte for byte */
    { "merge", helper_merge },     /* changes members, the rest byte for byte */
    { "mask", helper_mask },       /* hides all but the end of a text */
    { "hash", helper_hash },       /* keyed by the secret, which the rule never sees */
    { "matches", helper_matches }, /* the pattern language of event types */
    { NULL, NULL },
};
