/* The utf8 library of a rule.
 *
 * Our own: Lua's walks over megabytes in one call, and its answers changed between
 * versions (5.5's offset gives two values, early 5.4's codes lets broken texts pass).
 * The language is that of Lua 5.4.6's manual, 6.5. */
#include "rule_state.h"

#define CODE_MAXIMUM UINT32_C(0x7fffffff)
#define UNICODE_MAXIMUM UINT32_C(0x10ffff)

static int is_continuation(const char *s) {
    return ((unsigned char)*s & 0xc0) == 0x80;
}

/* How many bytes the first one announces; 0 if it begins no character. */
static size_t announced(unsigned char first) {
    static const unsigned char bounds[] = { 0x80, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc, 0xfe };

    if (first < 0x80) {
        return 1;
    }
    for (size_t size = 1; size < sizeof bounds; size++) {
        if (first < bounds[size]) {
            return size == 1 ? 0 : size;
        }
    }
    return 0;
}

/* Reads the character at s, before end. NULL if it is none; strict knows surrogates and
 * what is beyond Unicode as none. */
static const char *decode(const char *s, const char *end, int strict, uint32_t *code) {
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000 };
    unsigned char first = (unsigned char)*s;
    size_t size = announced(first);

    if (size == 0 || size > (size_t)(end - s)) {
        return NULL;
    }
    *code = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (!is_continuation(s + i)) {
            return NULL;
        }
        *code = *code << 6 | ((unsigned char)s[i] & 0x3f);
    }
    if (*code < smallest[size]) {
        return NULL;
    }
    if (strict && (*code > UNICODE_MAXIMUM || (*code >= 0xd800 && *code <= 0xdfff))) {
        return NULL;
    }
    return s + size;
}

/* A position from 1, negative from the end; 0 if before the start. */
static lua_Integer place(lua_Integer i, size_t size) {
    if (i >= 0) {
        return i;
    }
    return i < -(lua_Integer)size ? 0 : (lua_Integer)size + i + 1;
}

static int utf8_len(lua_State *L) {
    size_t size;
    const char *text = whi_rule_check_text(L, 1, &size), *s, *last;
    lua_Integer from = place(whi_rule_opt_integer(L, 2, 1), size);
    lua_Integer to = place(whi_rule_opt_integer(L, 3, -1), size), count = 0;
    int strict = !lua_toboolean(L, 4);
    uint32_t code;

    luaL_argcheck(L, from >= 1 && from - 1 <= (lua_Integer)size, 2, "initial position out of bounds");
    luaL_argcheck(L, to <= (lua_Integer)size, 3, "final position out of bounds");
    last = text + to;
    for (s = text + from - 1; s < last; count++) {
        const char *next = decode(s, text + size, strict, &code);
        whi_rule_charge(L, 1);
        if (next == NULL) {
            lua_pushnil(L);
            lua_pushinteger(L, s - text + 1);
            return 2;
        }
        s = next;
    }
    lua_pushinteger(L, count);
    return 1;
}

static int utf8_codepoint(lua_State *L) {
    size_t size;
    const char *text = whi_rule_check_text(L, 1, &size), *s, *last;
    lua_Integer from = place(whi_rule_opt_integer(L, 2, 1), size);
    lua_Integer to = place(whi_rule_opt_integer(L, 3, from), size);
    int strict = !lua_toboolean(L, 4), count = 0;

    luaL_argcheck(L, from >= 1, 2, "out of bounds");
    luaL_argcheck(L, to <= (lua_Integer)size, 3, "out of bounds");
    if (from > to) {
        return 0;
    }
    if (to - from >= WHI_RULE_RESULTS || !lua_checkstack(L, (int)(to - from) + 2)) {
        return luaL_error(L, "string slice too long");
    }
    last = text + to;
    for (s = text + from - 1; s < last; count++) {
        uint32_t code;
        whi_rule_charge(L, 2);
        s = decode(s, text + size, strict, &code);
        if (s == NULL) {
            return luaL_error(L, "invalid UTF-8 code");
        }
        lua_pushinteger(L, code);
    }
    return count;
}

static int utf8_char(lua_State *L) {
    int count = lua_gettop(L);
    whi_rule_text text;

    whi_rule_text_init(L, &text);
    for (int i = 1; i <= count; i++) {
        lua_Integer code = whi_rule_check_integer(L, i);
        char bytes[6];
        size_t size = 1;
        luaL_argcheck(L, code >= 0 && code <= (lua_Integer)CODE_MAXIMUM, i, "value out of range");
        if (code < 0x80) {
            bytes[5] = (char)code;
        } else {
            uint32_t rest = (uint32_t)code, room = 0x3f; /* what the first byte holds */
            do {
                bytes[6 - size++] = (char)(0x80 | (rest & 0x3f));
                rest >>= 6;
                room >>= 1;
            } while (rest > room);
            bytes[6 - size] = (char)((~room << 1) | rest);
        }
        whi_rule_text_add(&text, bytes + 6 - size, size);
    }
    whi_rule_text_push(&text);
    return 1;
}

/* Walks count characters from at, either way. What is left of count, 0 if all were there. */
static lua_Integer walk(lua_State *L, const char *text, size_t size, lua_Integer count, size_t *at) {
    while (count < 0 && *at > 0) {
        do {
            whi_rule_charge(L, 1);
            --*at;
        } while (*at > 0 && is_continuation(text + *at));
        count++;
    }
    while (count > 0 && *at < size) {
        do {
            whi_rule_charge(L, 1);
            ++*at;
        } while (*at < size && is_continuation(text + *at));
        count--;
    }
    return count;
}

static int utf8_offset(lua_State *L) {
    size_t size, at;
    const char *text = whi_rule_check_text(L, 1, &size);
    lua_Integer count = whi_rule_check_integer(L, 2);
    lua_Integer from = place(whi_rule_opt_integer(L, 3, count > 0 ? 1 : (lua_Integer)size + 1), size);

    luaL_argcheck(L, from >= 1 && from - 1 <= (lua_Integer)size, 3, "position out of bounds");
    at = (size_t)from - 1;
    if (count == 0) {
        while (at > 0 && at < size && is_continuation(text + at)) {
            whi_rule_charge(L, 1);
            at--;
        }
    } else if (at < size && is_continuation(text + at)) {
        return luaL_error(L, "initial position is a continuation byte");
    } else {
        count = walk(L, text, size, count > 0 ? count - 1 : count, &at);
    }
    if (count == 0) {
        lua_pushinteger(L, (lua_Integer)at + 1);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

/* The character behind the one at position argument 2. */
static int step(lua_State *L, int strict) {
    size_t size, at;
    const char *text = whi_rule_check_text(L, 1, &size), *next;
    lua_Unsigned last = (lua_Unsigned)whi_rule_check_integer(L, 2);
    uint32_t code;

    at = last < size ? (size_t)last : size;
    while (at < size && is_continuation(text + at)) {
        whi_rule_charge(L, 1);
        at++;
    }
    if (at >= size) {
        return 0;
    }
    next = decode(text + at, text + size, strict, &code);
    if (next == NULL || (next < text + size && is_continuation(next))) {
        return luaL_error(L, "invalid UTF-8 code");
    }
    lua_pushinteger(L, (lua_Integer)at + 1);
    lua_pushinteger(L, code);
    return 2;
}

static int step_strict(lua_State *L) {
    return step(L, 1);
}

static int step_lax(lua_State *L) {
    return step(L, 0);
}

static int utf8_codes(lua_State *L) {
    size_t size;
    const char *text = whi_rule_check_text(L, 1, &size);

    luaL_argcheck(L, size == 0 || !is_continuation(text), 1, "invalid UTF-8 code");
    lua_pushcfunction(L, lua_toboolean(L, 2) ? step_lax : step_strict);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

/* Kept: texts of payloads are UTF-8, and cutting one needs to know where letters end. */
static const luaL_Reg functions[] = {
    { "char", utf8_char },           /* makes a letter */
    { "codepoint", utf8_codepoint }, /* reads letters */
    { "codes", utf8_codes },         /* loops over letters */
    { "len", utf8_len },             /* counts letters */
    { "offset", utf8_offset },       /* where the n-th letter begins */
    { NULL, NULL },
};

void whi_rule_push_utf8(lua_State *L) {
    lua_createtable(L, 0, 6);
    luaL_setfuncs(L, functions, 0);
    lua_pushlstring(L, "[\0-\x7f\xc2-\xfd][\x80-\xbf]*", 14);
    lua_setfield(L, -2, "charpattern"); /* a pattern that matches one letter */
}
