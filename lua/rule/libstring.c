/* The string library of a rule, but for patterns (pattern.c).
 *
 * Our own, because the stock one runs for seconds in one call, depends on the
 * locale, and prints addresses. Letters are those of ASCII. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rule_state.h"

#define TEXT_MAXIMUM ((size_t)1 << 30) /* far above any memory limit, below overflow */

/* ------------------------------------------------------- a text that grows */

void whi_rule_text_init(lua_State *L, whi_rule_text *text) {
    text->L = L;
    text->data = text->first;
    text->size = 0;
    text->capacity = sizeof text->first;
    lua_pushnil(L);
    text->slot = lua_gettop(L);
}

static void text_grow(whi_rule_text *text, size_t more) {
    size_t capacity = text->capacity;
    char *data;

    while (capacity - text->size < more) {
        capacity *= 2; /* the memory limit is far below where this could run over */
    }
    luaL_checkstack(text->L, 1, NULL);
    data = lua_newuserdatauv(text->L, capacity, 0);
    memcpy(data, text->data, text->size);
    lua_replace(text->L, text->slot);
    text->data = data;
    text->capacity = capacity;
}

void whi_rule_text_add(whi_rule_text *text, const char *bytes, size_t size) {
    whi_rule_charge(text->L, 1 + size / 32);
    if (text->capacity - text->size < size) {
        text_grow(text, size);
    }
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
}

void whi_rule_text_char(whi_rule_text *text, char byte) {
    if (text->size == text->capacity) {
        text_grow(text, 1);
    }
    text->data[text->size++] = byte;
}

void whi_rule_text_value(whi_rule_text *text) {
    size_t size;
    const char *bytes;

    if (lua_type(text->L, -1) == LUA_TNUMBER) {
        whi_rule_push_text(text->L, -1);
        lua_replace(text->L, -2);
    }
    bytes = lua_tolstring(text->L, -1, &size);

    if (text->capacity - text->size < size) {
        text_grow(text, size);
    }
    whi_rule_text_add(text, bytes, size);
    lua_pop(text->L, 1);
}

void whi_rule_text_push(whi_rule_text *text) {
    lua_pushlstring(text->L, text->data, text->size);
}

/* ------------------------------------------------------------------- library */

/* Index i of a text of size bytes, from 1, negative from the end; 0 if before the start. */
static size_t start_place(lua_Integer i, size_t size) {
    if (i > 0) {
        return (lua_Unsigned)i > size ? size + 1 : (size_t)i;
    }
    if (i == 0 || i < -(lua_Integer)size) {
        return 1;
    }
    return size + (size_t)(i + 1);
}

static size_t end_place(lua_Integer i, size_t size) {
    if (i > (lua_Integer)size) {
        return size;
    }
    if (i >= 0) {
        return (size_t)i;
    }
    return i < -(lua_Integer)size ? 0 : size + (size_t)(i + 1);
}

static int string_len(lua_State *L) {
    size_t size;

    whi_rule_check_text(L, 1, &size);
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

static int string_sub(lua_State *L) {
    size_t size, from, to;
    const char *text = whi_rule_check_text(L, 1, &size);

    from = start_place(whi_rule_check_integer(L, 2), size);
    to = end_place(whi_rule_opt_integer(L, 3, -1), size);
    if (from > to) {
        lua_pushliteral(L, "");
        return 1;
    }
    whi_rule_charge(L, 1 + (to - from) / 32);
    lua_pushlstring(L, text + from - 1, to - from + 1);
    return 1;
}

static int string_byte(lua_State *L) {
    size_t size, from, to;
    const char *text = whi_rule_check_text(L, 1, &size);
    lua_Integer first = whi_rule_opt_integer(L, 2, 1);

    from = start_place(first, size);
    to = end_place(whi_rule_opt_integer(L, 3, first), size);
    if (from > to) {
        return 0;
    }
    if (to - from >= WHI_RULE_RESULTS) {
        return luaL_error(L, "string slice too long");
    }
    whi_rule_charge(L, 1 + to - from);
    luaL_checkstack(L, (int)(to - from + 1), "string slice too long");
    for (size_t i = from; i <= to; i++) {
        lua_pushinteger(L, (unsigned char)text[i - 1]);
    }
    return (int)(to - from + 1);
}

static int string_char(lua_State *L) {
    int count = lua_gettop(L);
    char *text = lua_newuserdatauv(L, (size_t)count, 0);

    whi_rule_charge(L, (size_t)count);
    for (int i = 1; i <= count; i++) {
        lua_Integer code = whi_rule_check_integer(L, i);
        luaL_argcheck(L, code >= 0 && code <= 255, i, "value out of range");
        text[i - 1] = (char)code;
    }
    lua_pushlstring(L, text, (size_t)count);
    return 1;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static int each_byte(lua_State *L, char (*change)(char)) {
    size_t size;
    const char *text = whi_rule_check_text(L, 1, &size);
    char *out = lua_newuserdatauv(L, size, 0);

    whi_rule_charge(L, 1 + size / 4);
    for (size_t i = 0; i < size; i++) {
        out[i] = change(text[i]);
    }
    lua_pushlstring(L, out, size);
    return 1;
}

static int string_lower(lua_State *L) {
    return each_byte(L, lower);
}

static int string_upper(lua_State *L) {
    return each_byte(L, upper);
}

static int string_reverse(lua_State *L) {
    size_t size;
    const char *text = whi_rule_check_text(L, 1, &size);
    char *out = lua_newuserdatauv(L, size, 0);

    whi_rule_charge(L, 1 + size / 4);
    for (size_t i = 0; i < size; i++) {
        out[i] = text[size - 1 - i];
    }
    lua_pushlstring(L, out, size);
    return 1;
}

static int string_rep(lua_State *L) {
    size_t size, gap, total;
    const char *text = whi_rule_check_text(L, 1, &size), *between;
    lua_Integer count = whi_rule_check_integer(L, 2);
    char *result, *out;

    between = whi_rule_opt_text(L, 3, &gap);
    if (count <= 0 || size + gap == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)count > TEXT_MAXIMUM / (size + gap)) {
        whi_rule_hold(L, TEXT_MAXIMUM); /* the memory limit's own error, or the next one */
        return luaL_error(L, "resulting string too large");
    }
    total = size * (size_t)count + gap * ((size_t)count - 1);
    result = out = lua_newuserdatauv(L, total, 0);
    for (lua_Integer i = 0; i < count; i++) {
        whi_rule_charge(L, 1 + (size + gap) / 16);
        memcpy(out, text, size);
        out += size;
        if (i < count - 1) {
            memcpy(out, between, gap);
            out += gap;
        }
    }
    lua_pushlstring(L, result, total);
    return 1;
}

/* -------------------------------------------------------------------- format */

#define SPEC_SIZE 32

typedef struct spec {
    char text[SPEC_SIZE]; /* "%-5.2" and room for "ll" and the letter */
    size_t size;
    int precision; /* -1: none */
} spec;

static const char *read_digits(const char *p, const char *end, int *value) {
    *value = 0;
    for (int i = 0; i < 2 && p < end && *p >= '0' && *p <= '9'; i++) {
        *value = *value * 10 + (*p++ - '0');
    }
    return p;
}

/* Reads flags, width and precision behind '%'. p ends at the letter. */
static const char *read_spec(lua_State *L, const char *p, const char *end, spec *out) {
    const char *start = p;
    int width;

    while (p < end && *p != '\0' && strchr("-+ #0", *p) != NULL) {
        p++;
    }
    p = read_digits(p, end, &width);
    out->precision = -1;
    if (p < end && *p == '.') {
        p = read_digits(p + 1, end, &out->precision);
    }
    if (p >= end || p - start > 20 || (*p >= '0' && *p <= '9')) {
        luaL_error(L, "invalid conversion '%%%s' to 'format'", p - start > 20 ? "..." : start);
    }
    out->text[0] = '%';
    memcpy(out->text + 1, start, (size_t)(p - start));
    out->size = (size_t)(p - start) + 1;
    return p;
}

static void finish_spec(spec *out, const char *letters) {
    size_t size = strlen(letters);

    memcpy(out->text + out->size, letters, size + 1);
}

static void format_integer(lua_State *L, whi_rule_text *buffer, int argument, spec *s, char letter) {
    char letters[4] = { 'l', 'l', letter, '\0' };
    char text[256]; /* two digits of width or precision at most */
    int size;

    finish_spec(s, letters);
    size = snprintf(text, sizeof text, s->text, (long long)whi_rule_check_integer(L, argument));
    whi_rule_text_add(buffer, text, size > 0 ? (size_t)size : 0);
}

static void format_double(lua_State *L, whi_rule_text *buffer, int argument, spec *s, char letter) {
    char letters[2] = { letter, '\0' };
    char text[512]; /* %.99f of 1e308 */
    double number = whi_rule_check_number(L, argument);
    int size;

    finish_spec(s, letters);
    size = snprintf(text, sizeof text, s->text, isnan(number) ? (double)NAN : number);
    whi_rule_text_add(buffer, text, size > 0 ? (size_t)size : 0);
}

static void format_text(lua_State *L, whi_rule_text *buffer, int argument, spec *s) {
    const char *text;
    size_t size;
    char padded[256];
    int written;

    whi_rule_push_text(L, argument);
    text = lua_tolstring(L, -1, &size);
    whi_rule_charge(L, size / 32);
    if (s->size == 1 || (s->precision < 0 && size >= 100)) {
        whi_rule_text_value(buffer);
        return;
    }
    luaL_argcheck(L, memchr(text, '\0', size) == NULL, argument, "string contains zeros");
    finish_spec(s, "s");
    written = snprintf(padded, sizeof padded, s->text, text);
    lua_pop(L, 1); /* it stays in its argument or is copied by now */
    whi_rule_text_add(buffer, padded, written > 0 ? (size_t)written : 0);
}

/* Flags that C leaves undefined for a conversion are refused, as Lua does. */
static void check_flags(lua_State *L, const spec *s, char letter, const char *allowed) {
    for (size_t i = 1; i < s->size && strchr("-+ #0", s->text[i]) != NULL; i++) {
        if (strchr(allowed, s->text[i]) == NULL) {
            luaL_error(L, "invalid conversion '%%%c%c' to 'format'", s->text[i], letter);
        }
    }
}

static void format_one(lua_State *L, whi_rule_text *buffer, int argument, spec *s, char letter) {
    switch (letter) {
    case 'd':
    case 'i':
        check_flags(L, s, letter, "-+0 ");
        format_integer(L, buffer, argument, s, letter);
        break;
    case 'o':
    case 'x':
    case 'X':
        check_flags(L, s, letter, "-#0");
        format_integer(L, buffer, argument, s, letter);
        break;
    case 'c':
        if (s->size > 1) {
            luaL_error(L, "invalid conversion to 'format': %%c has no width");
        }
        whi_rule_text_char(buffer, (char)(unsigned char)whi_rule_check_integer(L, argument));
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
        format_double(L, buffer, argument, s, letter);
        break;
    case 's':
        check_flags(L, s, letter, "-");
        format_text(L, buffer, argument, s);
        break;
    default:
        luaL_error(L, "invalid conversion '%%%c' to 'format' (c, d, e, f, g, i, o, s, x and %%%% are there)",
                   letter >= 32 && letter < 127 ? letter : '?');
    }
}

static int string_format(lua_State *L) {
    size_t size;
    const char *p = whi_rule_check_text(L, 1, &size), *end = p + size;
    int argument = 1, top = lua_gettop(L);
    whi_rule_text buffer;
    spec s;

    whi_rule_text_init(L, &buffer);
    for (; p < end; p++) {
        whi_rule_charge(L, 1);
        if (*p != '%') {
            whi_rule_text_char(&buffer, *p);
            continue;
        }
        if (p + 1 < end && p[1] == '%') {
            whi_rule_text_char(&buffer, *++p);
            continue;
        }
        if (++argument > top) {
            return luaL_argerror(L, argument, "no value");
        }
        p = read_spec(L, p + 1, end, &s);
        whi_rule_charge(L, 20);
        format_one(L, &buffer, argument, &s, *p);
    }
    whi_rule_text_push(&buffer);
    return 1;
}

/* clang-format off */
const luaL_Reg whi_rule_string_functions[] = {
    { "byte", string_byte },       /* the numbers of letters */
    { "char", string_char },       /* letters of numbers */
    { "find", whi_rule_find },     /* patterns: what rules filter by; every step is charged */
    { "format", string_format },   /* numbers of two decimals, ids with zeros; no %p, %a, %q */
    { "gmatch", whi_rule_gmatch }, /* patterns, in a loop */
    { "gsub", whi_rule_gsub },     /* patterns, replaced */
    { "len", string_len },         /* the size, as # gives it */
    { "lower", string_lower },     /* comparison without case, of ASCII */
    { "match", whi_rule_match },   /* patterns: parts of a text */
    { "rep", string_rep },         /* padding; its size is checked first */
    { "reverse", string_reverse }, /* searching from the end */
    { "sub", string_sub },         /* parts of a text */
    { "upper", string_upper },     /* as lower */
    { NULL, NULL },
};
/* clang-format on */
