/* Lua's patterns, with every step charged to the run's time.
 *
 * The language is that of Lua 5.4's string library (its manual, 6.4.1), letter by
 * letter in the C locale, so that a rule means the same on every machine. */
#include <string.h>

#include "rule_state.h"

#define CAPTURES 32
#define NESTING 200
#define ESCAPE '%'
#define SPECIALS "^$*+?.([%-"

enum { UNFINISHED = -1, POSITION = -2 };

typedef struct matcher {
    const char *source, *source_end, *pattern_end;
    lua_State *L;
    int nesting;
    int level; /* captures, finished or not */
    struct {
        const char *start;
        ptrdiff_t size;
    } captures[CAPTURES];
} matcher;

static const char *match(matcher *m, const char *s, const char *p);

/* ------------------------------------------------------------------ classes */

static int is_between(int c, int low, int high) {
    return c >= low && c <= high;
}

static int is_letter(int c) {
    return is_between(c | 32, 'a', 'z') && c < 128;
}

static int in_class(int c, int class) {
    int result;

    switch (class | 32) {
    case 'a':
        result = is_letter(c);
        break;
    case 'c':
        result = c < 32 || c == 127;
        break;
    case 'd':
        result = is_between(c, '0', '9');
        break;
    case 'g':
        result = is_between(c, 33, 126);
        break;
    case 'l':
        result = is_between(c, 'a', 'z');
        break;
    case 'p':
        result = is_between(c, 33, 126) && !is_letter(c) && !is_between(c, '0', '9');
        break;
    case 's':
        result = c == ' ' || is_between(c, 9, 13);
        break;
    case 'u':
        result = is_between(c, 'A', 'Z');
        break;
    case 'w':
        result = is_letter(c) || is_between(c, '0', '9');
        break;
    case 'x':
        result = is_between(c, '0', '9') || is_between(c | 32, 'a', 'f');
        break;
    default:
        return class == c;
    }
    if (!is_letter(class)) {
        return class == c;
    }
    return is_between(class, 'A', 'Z') ? !result : result;
}

/* The end of the single-character class that begins at p. */
static const char *class_end(matcher *m, const char *p) {
    if (*p++ == ESCAPE) {
        if (p == m->pattern_end) {
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        }
        return p + 1;
    }
    if (p[-1] != '[') {
        return p;
    }
    if (p < m->pattern_end && *p == '^') {
        p++;
    }
    do {
        if (p == m->pattern_end) {
            luaL_error(m->L, "malformed pattern (missing ']')");
        }
        if (*p++ == ESCAPE) {
            if (p == m->pattern_end) {
                luaL_error(m->L, "malformed pattern (missing ']')");
            }
            p++;
        }
    } while (p == m->pattern_end || *p != ']');
    return p + 1;
}

/* set is at '[', end at its ']'. */
static int in_set(int c, const char *set, const char *end) {
    int sign = 1;

    if (set[1] == '^') {
        sign = 0;
        set++;
    }
    while (++set < end) {
        if (*set == ESCAPE) {
            set++;
            if (in_class(c, (unsigned char)*set)) {
                return sign;
            }
        } else if (set[1] == '-' && set + 2 < end) {
            set += 2;
            if (is_between(c, (unsigned char)set[-2], (unsigned char)*set)) {
                return sign;
            }
        } else if ((unsigned char)*set == c) {
            return sign;
        }
    }
    return !sign;
}

static int single(matcher *m, const char *s, const char *p, const char *end) {
    int c;

    whi_rule_charge(m->L, 1 + (size_t)(end - p) / 8);
    if (s >= m->source_end) {
        return 0;
    }
    c = (unsigned char)*s;
    switch (*p) {
    case '.':
        return 1;
    case ESCAPE:
        return in_class(c, (unsigned char)p[1]);
    case '[':
        return in_set(c, p, end - 1);
    default:
        return (unsigned char)*p == c;
    }
}

/* ----------------------------------------------------------------- matching */

static const char *match_balance(matcher *m, const char *s, const char *p) {
    int depth = 1;
    char open, close;

    if (p + 1 >= m->pattern_end) {
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    }
    if (s >= m->source_end || *s != *p) {
        return NULL;
    }
    open = p[0];
    close = p[1];
    while (++s < m->source_end) {
        whi_rule_charge(m->L, 1);
        if (*s == close) {
            if (--depth == 0) {
                return s + 1;
            }
        } else if (*s == open) {
            depth++;
        }
    }
    return NULL;
}

static const char *match_most(matcher *m, const char *s, const char *p, const char *end) {
    ptrdiff_t count = 0;

    while (single(m, s + count, p, end)) {
        count++;
    }
    for (; count >= 0; count--) {
        const char *found = match(m, s + count, end + 1);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static const char *match_least(matcher *m, const char *s, const char *p, const char *end) {
    for (;;) {
        const char *found = match(m, s, end + 1);
        if (found != NULL) {
            return found;
        }
        if (!single(m, s, p, end)) {
            return NULL;
        }
        s++;
    }
}

static const char *begin_capture(matcher *m, const char *s, const char *p, int what) {
    const char *found;

    if (m->level >= CAPTURES) {
        luaL_error(m->L, "too many captures");
    }
    m->captures[m->level].start = s;
    m->captures[m->level].size = what;
    m->level++;
    found = match(m, s, p);
    if (found == NULL) {
        m->level--;
    }
    return found;
}

static const char *end_capture(matcher *m, const char *s, const char *p) {
    int level = m->level - 1;
    const char *found;

    while (level >= 0 && m->captures[level].size != UNFINISHED) {
        level--;
    }
    if (level < 0) {
        luaL_error(m->L, "invalid pattern capture");
    }
    m->captures[level].size = s - m->captures[level].start;
    found = match(m, s, p);
    if (found == NULL) {
        m->captures[level].size = UNFINISHED;
    }
    return found;
}

static const char *match_again(matcher *m, const char *s, int digit) {
    int level = digit - '1';
    size_t size;

    if (level < 0 || level >= m->level || m->captures[level].size == UNFINISHED) {
        luaL_error(m->L, "invalid capture index %%%d", level + 1);
    }
    size = (size_t)m->captures[level].size; /* that of a position is too large for any text */
    whi_rule_charge(m->L, 1 + (size <= (size_t)(m->source_end - s) ? size / 8 : 0));
    if (size > (size_t)(m->source_end - s) || memcmp(m->captures[level].start, s, size) != 0) {
        return NULL;
    }
    return s + size;
}

static const char *match_frontier(matcher *m, const char *s, const char *p, const char **end) {
    int before, now;

    if (p >= m->pattern_end || *p != '[') {
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    }
    *end = class_end(m, p);
    before = s == m->source ? '\0' : (unsigned char)s[-1];
    now = s == m->source_end ? '\0' : (unsigned char)*s;
    whi_rule_charge(m->L, 1 + (size_t)(*end - p) / 4);
    return !in_set(before, p, *end - 1) && in_set(now, p, *end - 1) ? s : NULL;
}

/* One item with its suffix. 1: go on at *s, *p; 0: *result is the answer. */
static int match_item(matcher *m, const char **s, const char **p, const char **result) {
    const char *end = class_end(m, *p);
    char suffix = end < m->pattern_end ? *end : '\0';

    if (!single(m, *s, *p, end)) {
        *result = NULL;
        *p = end + 1;
        return suffix == '*' || suffix == '?' || suffix == '-';
    }
    switch (suffix) {
    case '?':
        *result = match(m, *s + 1, end + 1);
        *p = end + 1;
        return *result == NULL;
    case '+':
        *result = match_most(m, *s + 1, *p, end);
        return 0;
    case '*':
        *result = match_most(m, *s, *p, end);
        return 0;
    case '-':
        *result = match_least(m, *s, *p, end);
        return 0;
    default:
        (*s)++;
        *p = end;
        return 1;
    }
}

/* %b, %f, %1: as match_item. */
static int match_special(matcher *m, const char **s, const char **p, const char **result) {
    const char *end;

    switch ((*p)[1]) {
    case 'b':
        *s = match_balance(m, *s, *p + 2);
        *p += 4;
        break;
    case 'f':
        *s = match_frontier(m, *s, *p + 2, &end);
        *p = end;
        break;
    default:
        *s = match_again(m, *s, (unsigned char)(*p)[1]);
        *p += 2;
    }
    *result = NULL;
    return *s != NULL;
}

static int is_special(const matcher *m, const char *p) {
    char next;

    if (*p != ESCAPE || p + 1 >= m->pattern_end) {
        return 0;
    }
    next = p[1];
    return next == 'b' || next == 'f' || is_between(next, '0', '9');
}

static const char *match_from(matcher *m, const char *s, const char *p) {
    const char *result = NULL;

    while (p != m->pattern_end) {
        int more;
        if (*p == '(') {
            return p + 1 < m->pattern_end && p[1] == ')' ? begin_capture(m, s, p + 2, POSITION)
                                                         : begin_capture(m, s, p + 1, UNFINISHED);
        }
        if (*p == ')') {
            return end_capture(m, s, p + 1);
        }
        if (*p == '$' && p + 1 == m->pattern_end) {
            return s == m->source_end ? s : NULL;
        }
        whi_rule_charge(m->L, 1);
        more = is_special(m, p) ? match_special(m, &s, &p, &result) : match_item(m, &s, &p, &result);
        if (!more) {
            return result;
        }
    }
    return s;
}

static const char *match(matcher *m, const char *s, const char *p) {
    const char *result;

    if (m->nesting-- == 0) {
        luaL_error(m->L, "pattern too complex");
    }
    result = match_from(m, s, p);
    m->nesting++;
    return result;
}

/* ----------------------------------------------------------------- captures */

static void push_capture(matcher *m, int index, const char *start, const char *end) {
    if (index >= m->level) {
        if (index != 0) {
            luaL_error(m->L, "invalid capture index %%%d", index + 1);
        }
        lua_pushlstring(m->L, start, (size_t)(end - start));
        return;
    }
    if (m->captures[index].size == UNFINISHED) {
        luaL_error(m->L, "unfinished capture");
    }
    if (m->captures[index].size == POSITION) {
        lua_pushinteger(m->L, m->captures[index].start - m->source + 1);
        return;
    }
    lua_pushlstring(m->L, m->captures[index].start, (size_t)m->captures[index].size);
}

/* All captures; without any the whole match, if start is given. */
static int push_captures(matcher *m, const char *start, const char *end) {
    int count = m->level == 0 && start != NULL ? 1 : m->level;

    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; i++) {
        push_capture(m, i, start, end);
    }
    return count;
}

static void prepare(matcher *m, lua_State *L, const char *source, size_t size, const char *pattern_end) {
    m->L = L;
    m->source = source;
    m->source_end = source + size;
    m->pattern_end = pattern_end;
    m->nesting = NESTING;
    m->level = 0;
}

static const char *match_at(matcher *m, const char *s, const char *p) {
    whi_rule_charge(m->L, 1);
    m->level = 0;
    m->nesting = NESTING;
    return match(m, s, p);
}

/* ----------------------------------------------------------------- functions */

/* A plain search that can be stopped. */
static const char *search(lua_State *L, const char *text, size_t size, const char *what, size_t what_size) {
    const char *end = text + size;

    if (what_size == 0) {
        return text;
    }
    while ((size_t)(end - text) >= what_size) {
        size_t room = (size_t)(end - text) - what_size + 1;
        size_t part = room < 4096 ? room : 4096;
        const char *found = memchr(text, what[0], part);
        whi_rule_charge(L, 1 + (found ? (size_t)(found - text) : part) / 32);
        if (found == NULL) {
            text += part;
            continue;
        }
        whi_rule_charge(L, what_size / 32);
        if (memcmp(found, what, what_size) == 0) {
            return found;
        }
        text = found + 1;
    }
    return NULL;
}

static int has_specials(const char *pattern, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (pattern[i] != '\0' && strchr(SPECIALS, pattern[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* Where argument 3 has the search begin, from 0; larger than size if behind the end. */
static size_t first_place(lua_State *L, size_t size) {
    lua_Integer init = whi_rule_opt_integer(L, 3, 1);

    if (init > 0) {
        return (lua_Unsigned)init - 1 > size ? size + 1 : (size_t)init - 1;
    }
    if (init == 0 || init < -(lua_Integer)size) {
        return 0;
    }
    return size - (size_t)-init;
}

static int find_or_match(lua_State *L, int find) {
    size_t size, pattern_size, at;
    const char *text = whi_rule_check_text(L, 1, &size), *pattern = whi_rule_check_text(L, 2, &pattern_size);
    const char *s, *end;
    matcher m;
    int anchored;

    at = first_place(L, size);
    if (at > size) {
        lua_pushnil(L);
        return 1;
    }
    whi_rule_charge(L, 10 + pattern_size / 4);
    if (find && (lua_toboolean(L, 4) || !has_specials(pattern, pattern_size))) {
        s = search(L, text + at, size - at, pattern, pattern_size);
        if (s == NULL) {
            lua_pushnil(L);
            return 1;
        }
        lua_pushinteger(L, s - text + 1);
        lua_pushinteger(L, s - text + (lua_Integer)pattern_size);
        return 2;
    }
    anchored = pattern_size > 0 && *pattern == '^';
    prepare(&m, L, text, size, pattern + pattern_size);
    for (s = text + at; s <= m.source_end; s++) {
        end = match_at(&m, s, pattern + anchored);
        if (end != NULL && find) {
            lua_pushinteger(L, s - text + 1);
            lua_pushinteger(L, end - text);
            return push_captures(&m, NULL, NULL) + 2;
        }
        if (end != NULL) {
            return push_captures(&m, s, end);
        }
        if (anchored) {
            break;
        }
    }
    lua_pushnil(L);
    return 1;
}

int whi_rule_find(lua_State *L) {
    return find_or_match(L, 1);
}

int whi_rule_match(lua_State *L) {
    return find_or_match(L, 0);
}

/* Upvalues: text, pattern, where to go on (from 0), end of the last match (-1: none). */
static int gmatch_step(lua_State *L) {
    size_t size, pattern_size;
    const char *text = lua_tolstring(L, lua_upvalueindex(1), &size);
    const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_size);
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(3)), last = lua_tointeger(L, lua_upvalueindex(4));
    matcher m;

    prepare(&m, L, text, size, pattern + pattern_size);
    for (; at <= (lua_Integer)size; at++) {
        const char *end = match_at(&m, text + at, pattern);
        if (end != NULL && end - text != last) {
            lua_pushinteger(L, end - text);
            lua_copy(L, -1, lua_upvalueindex(3));
            lua_replace(L, lua_upvalueindex(4));
            return push_captures(&m, text + at, end);
        }
    }
    lua_pushinteger(L, (lua_Integer)size + 1);
    lua_replace(L, lua_upvalueindex(3));
    return 0;
}

int whi_rule_gmatch(lua_State *L) {
    size_t size, pattern_size;

    whi_rule_check_text(L, 1, &size);
    whi_rule_check_text(L, 2, &pattern_size);
    size = first_place(L, size);
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)size);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, gmatch_step, 4);
    return 1;
}

/* The replacement text of gsub: %0 to %9 and %%. */
static void add_text(matcher *m, whi_rule_text *buffer, const char *start, const char *end) {
    size_t size;
    const char *text = lua_tolstring(m->L, 3, &size), *stop = text + size;

    whi_rule_charge(m->L, 1 + size / 4);
    for (; text < stop; text++) {
        if (*text != ESCAPE) {
            whi_rule_text_char(buffer, *text);
            continue;
        }
        text++;
        if (text < stop && *text == ESCAPE) {
            whi_rule_text_char(buffer, ESCAPE);
        } else if (text < stop && *text == '0') {
            whi_rule_text_add(buffer, start, (size_t)(end - start));
        } else if (text < stop && is_between(*text, '1', '9')) {
            push_capture(m, *text - '1', start, end);
            whi_rule_text_value(buffer);
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
        whi_rule_charge(m->L, 4);
    }
}

/* 1 if the match was replaced by something else than itself. */
static int add_replacement(matcher *m, whi_rule_text *buffer, const char *start, const char *end) {
    lua_State *L = m->L;

    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, start, end), 1);
        break;
    case LUA_TTABLE:
    case LUA_TLIGHTUSERDATA:
        push_capture(m, 0, start, end);
        lua_gettable(L, 3);
        break;
    default:
        add_text(m, buffer, start, end);
        return 1;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        whi_rule_text_add(buffer, start, (size_t)(end - start));
        return 0;
    }
    if (!lua_isstring(L, -1)) {
        return luaL_error(L, "invalid replacement value (a %s)", whi_rule_type(L, -1));
    }
    whi_rule_text_value(buffer);
    return 1;
}

int whi_rule_gsub(lua_State *L) {
    size_t size, pattern_size, replacement_size;
    const char *text = whi_rule_check_text(L, 1, &size), *pattern = whi_rule_check_text(L, 2, &pattern_size);
    const char *s = text, *last = NULL, *end;
    int kind = lua_type(L, 3), anchored = pattern_size > 0 && *pattern == '^', changed = 0;
    lua_Integer maximum = whi_rule_opt_integer(L, 4, (lua_Integer)size + 1), count = 0;
    whi_rule_text buffer;
    matcher m;

    if (kind != LUA_TNUMBER && kind != LUA_TSTRING && kind != LUA_TFUNCTION && kind != LUA_TTABLE &&
        kind != LUA_TLIGHTUSERDATA) {
        return luaL_error(L, "bad argument #3 to 'gsub' (text, function or table expected, got %s)",
                          whi_rule_type(L, 3));
    }
    if (kind == LUA_TNUMBER) {
        whi_rule_check_text(L, 3, &replacement_size); /* in its place, for add_text */
    }
    whi_rule_charge(L, 10 + pattern_size / 4);
    prepare(&m, L, text, size, pattern + pattern_size);
    whi_rule_text_init(L, &buffer);
    while (count < maximum) {
        end = match_at(&m, s, pattern + anchored);
        if (end != NULL && end != last) {
            count++;
            changed = add_replacement(&m, &buffer, s, end) | changed;
            s = last = end;
        } else if (s < m.source_end) {
            whi_rule_text_char(&buffer, *s++);
        } else {
            break;
        }
        if (anchored) {
            break;
        }
    }
    if (changed) {
        whi_rule_text_add(&buffer, s, (size_t)(m.source_end - s));
        whi_rule_text_push(&buffer);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, count);
    return 2;
}
