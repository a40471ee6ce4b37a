/* The rule engine: runtimes, rules, runs. What rules may do: lua/docs/rules.md. */
#include "webhook_rule.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "rule_state.h"

#define CHUNK "=rule"
#define PREFIX "rule:"
#define LINE_MAXIMUM 100000000 /* with another digit still a line's */
#define SOURCE_STEP 256        /* bytes compiled between two looks at the clock */
#define GARBAGE_MAXIMUM 65536  /* bytes of a state's garbage that wait for the collector */
#define BUFFER_KEPT 65536      /* capacity of a buffer that is kept for the next run */

/* ----------------------------------------------------------------- sentences */

/* Copies a message on one line: control characters become blanks, what is no UTF-8
 * or does not fit is left out. */
static void copy_sentence(char *out, const char *text, size_t size) {
    size_t used = 0;

    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t length = c < 0x80 ? 1 : whi_utf8_length((const unsigned char *)text + i, size - i);
        if (length == 0) {
            i++;
            continue;
        }
        if (used + length >= WH_RULE_ERROR_SIZE) {
            break;
        }
        memcpy(out + used, text + i, length);
        if (length == 1 && (c < 0x20 || c == 0x7f)) {
            out[used] = ' ';
        }
        used += length;
        i += length;
    }
    out[used] = '\0';
}

/* Lua tells the line within its message alone: "rule:3: text". Returns how many bytes that takes. */
static size_t take_line(const char *text, size_t size, int64_t *line) {
    size_t at = strlen(PREFIX);

    *line = 0;
    if (size <= at || memcmp(text, PREFIX, at) != 0) {
        return 0;
    }
    for (; at < size && whi_ascii_is_digit(text[at]); at++) {
        *line = *line < LINE_MAXIMUM ? *line * 10 + (text[at] - '0') : *line;
    }
    if (*line == 0 || at >= size || text[at] != ':') {
        *line = 0;
        return 0;
    }
    return at + 1 < size && text[at + 1] == ' ' ? at + 2 : at + 1;
}

static void message_error(wh_rule_error *out, const char *text, size_t size) {
    size_t used = take_line(text, size, &out->line);

    copy_sentence(out->text, text + used, size - used);
}

/* That of a run or compilation that was stopped. */
static void stop_error(const whi_rule *rule, int code, wh_rule_error *out) {
    const wh_limits *limits = &rule->runtime->limits;

    out->line = code != WH_ENOMEM && rule->stop_line > 0 ? rule->stop_line : 0;
    if (code == WH_ERULE_TIME) {
        snprintf(out->text, sizeof out->text, "stopped after %lld ms of CPU time", (long long)limits->rule_cpu_ms);
    } else if (code == WH_ERULE_MEMORY) {
        snprintf(out->text, sizeof out->text, "stopped: it needs more than %lld bytes of memory",
                 (long long)limits->rule_memory_bytes);
    } else {
        snprintf(out->text, sizeof out->text, "out of memory");
    }
}

/* -------------------------------------------------------------------- runtime */

static void init_buffers(whi_rule_runtime *runtime) {
    size_t maximum = (size_t)runtime->limits.payload_bytes;

    whi_buf_init(&runtime->body, maximum);
    whi_buf_init(&runtime->headers, (size_t)1 << 20);
    whi_buf_init(&runtime->key, 4096);
    whi_buf_init(&runtime->scratch, maximum);
    whi_buf_init(&runtime->shuffle, maximum);
    for (size_t i = 0; i < WHI_RULE_DOCS; i++) {
        whi_buf_init(&runtime->made[i].text, maximum);
    }
}

static int runtime_open(void **out, const wh_limits *limits, void *payload) {
    whi_rule_runtime *runtime = whi_calloc(1, sizeof *runtime);
    int code;

    (void)payload;
    *out = NULL;
    if (runtime == NULL) {
        return whi_fail_memory();
    }
    whi_sized_read(&runtime->limits, sizeof runtime->limits, limits);
#define WH_X(name, value, what)                                                                                        \
    if (runtime->limits.name <= 0) {                                                                                   \
        runtime->limits.name = value;                                                                                  \
    }
    WH_LIMITS(WH_X)
#undef WH_X
    runtime->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (runtime->locale == (locale_t)0) {
        whi_free(runtime);
        return whi_fail_memory();
    }
    code = whi_clock_random(NULL, &runtime->number_seed, sizeof runtime->number_seed);
    if (code != WH_OK) {
        freelocale(runtime->locale);
        whi_free(runtime);
        return code;
    }
    init_buffers(runtime);
    *out = runtime;
    return WH_OK;
}

static void runtime_close(void *handle) {
    whi_rule_runtime *runtime = handle;

    if (runtime == NULL) {
        return;
    }
    for (size_t i = 0; i < WHI_RULE_DOCS; i++) {
        whi_buf_free(&runtime->made[i].text);
        whi_json_free(&runtime->made[i].json);
    }
    whi_json_free(&runtime->meta);
    whi_free(runtime->numbers);
    whi_free(runtime->members);
    whi_buf_free(&runtime->body);
    whi_buf_free(&runtime->headers);
    whi_buf_free(&runtime->key);
    whi_buf_free(&runtime->scratch);
    whi_buf_free(&runtime->shuffle);
    freelocale(runtime->locale);
    whi_free(runtime);
}

/* -------------------------------------------------------------------- compiling */

/* Where the compiler is in the source. */
typedef struct reading {
    const whi_rule *rule;
    size_t at;
} reading;

/* A piece of the source. The compiler runs no hook, and there are sources that take it
 * long (many names, many labels), so the clock is read here. */
static const char *read_source(lua_State *L, void *payload, size_t *size) {
    reading *self = payload;
    size_t left = self->rule->source_size - self->at;
    const char *piece = self->rule->source + self->at;

    whi_rule_look(L);
    *size = left < SOURCE_STEP ? left : SOURCE_STEP;
    self->at += *size;
    return *size > 0 ? piece : NULL;
}

static int open_state(lua_State *L) {
    whi_rule *rule = whi_rule_of(L);
    reading source = { rule, whi_rule_source_start(rule->source, rule->source_size) };

    whi_rule_open_libraries(L);
    rule->limit = rule->used + (size_t)rule->runtime->limits.rule_memory_bytes;
    if (lua_load(L, read_source, &source, CHUNK, "t") != LUA_OK) {
        return lua_error(L);
    }
    lua_rawseti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_FUNCTION);
    return 0;
}

static lua_State *new_state(whi_rule *rule) {
#if LUA_VERSION_NUM >= 505
    return lua_newstate(whi_rule_allocate, rule, luaL_makeseed(NULL));
#else
    return lua_newstate(whi_rule_allocate, rule);
#endif
}

static void close_state(whi_rule *rule) {
    if (rule->L != NULL) {
        rule->running = 0;
        lua_close(rule->L);
        rule->L = NULL;
    }
}

/* Code and sentence of a protected call that failed. The error value is on top. */
static int explain(whi_rule *rule, int status, int otherwise, wh_rule_error *error) {
    size_t size;
    int code = rule->stop != 0 ? rule->stop : otherwise;

    if (rule->stop == 0 && status == LUA_ERRMEM) {
        code = rule->starved ? WH_ENOMEM : WH_ERULE_MEMORY;
    } else if (rule->stop == 0 && rule->bad_result) {
        code = WH_ERULE_RESULT;
    }
    if (code == WH_ERULE_TIME || code == WH_ERULE_MEMORY || code == WH_ENOMEM) {
        stop_error(rule, code, error);
    } else if (lua_type(rule->L, -1) == LUA_TSTRING) {
        const char *text = lua_tolstring(rule->L, -1, &size);
        message_error(error, text, size);
    } else {
        error->line = 0;
        snprintf(error->text, sizeof error->text, "the rule raised an error that is no text: %s",
                 whi_rule_type(rule->L, -1));
    }
    return code;
}

/* Makes the state and compiles the source into it. */
static int build(whi_rule *rule, wh_rule_error *error) {
    int status, code;

    rule->used = rule->outside = 0;
    rule->limit = SIZE_MAX;
    rule->stop = rule->starved = 0;
    rule->L = new_state(rule);
    if (rule->L == NULL) {
        stop_error(rule, WH_ENOMEM, error);
        return WH_ENOMEM;
    }
    *(whi_rule **)lua_getextraspace(rule->L) = rule;
    lua_gc(rule->L, LUA_GCSTOP);
    whi_rule_limits_begin(rule);
    lua_pushcfunction(rule->L, open_state);
    status = lua_pcall(rule->L, 0, 0, 0);
    rule->running = 0;
    if (status != LUA_OK) {
        code = explain(rule, status, WH_ERULE_SYNTAX, error);
        close_state(rule);
        return code;
    }
    lua_gc(rule->L, LUA_GCCOLLECT);
    rule->base = rule->used;
    rule->limit = rule->base + (size_t)rule->runtime->limits.rule_memory_bytes;
    return WH_OK;
}

static void rule_release(void *runtime, void *handle) {
    whi_rule *rule = handle;

    (void)runtime;
    if (rule != NULL) {
        close_state(rule);
        whi_free(rule->source);
        whi_free(rule);
    }
}

/* By its byte order mark. */
static int is_utf_16(const char *source, size_t size) {
    return size >= 2 && (memcmp(source, "\xff\xfe", 2) == 0 || memcmp(source, "\xfe\xff", 2) == 0);
}

static int rule_compile(void *runtime_handle, const char *owner, const char *source, size_t size, void **out,
                        wh_rule_error *error) {
    whi_rule_runtime *runtime = runtime_handle;
    whi_rule *rule;
    locale_t host;
    int code;

    (void)owner; /* rules share nothing at all */
    *out = NULL;
    error->line = 0;
    error->text[0] = '\0';
    size = size == WH_ZSTR ? strlen(source) : size;
    if (size > (size_t)runtime->limits.rule_source_bytes) {
        snprintf(error->text, sizeof error->text, "the source has %zu bytes, at most %lld are allowed", size,
                 (long long)runtime->limits.rule_source_bytes);
        return whi_fail_rule(WH_ELIMIT, error);
    }
    if (is_utf_16(source, size)) {
        snprintf(error->text, sizeof error->text, "the source is UTF-16, and rules are UTF-8");
        return whi_fail_rule(WH_ERULE_SYNTAX, error);
    }
    rule = whi_calloc(1, sizeof *rule);
    if (rule == NULL || (rule->source = whi_strdup(source, size)) == NULL) {
        rule_release(runtime, rule);
        snprintf(error->text, sizeof error->text, "out of memory");
        return whi_fail_memory();
    }
    rule->runtime = runtime;
    rule->source_size = size;
    host = uselocale(runtime->locale);
    code = build(rule, error);
    uselocale(host);
    if (code != WH_OK) {
        rule_release(runtime, rule);
        return whi_fail_rule(code, error);
    }
    *out = rule;
    return WH_OK;
}

/* --------------------------------------------------------------------- running */

static void begin_run(whi_rule_runtime *runtime, const wh_rule_input *input) {
    runtime->input = input;
    runtime->generation++;
    if (runtime->generation == 0) { /* entries of 2^32 runs ago would count again */
        runtime->generation = 1;
        if (runtime->numbers != NULL) {
            memset(runtime->numbers, 0, runtime->number_capacity * sizeof *runtime->numbers);
        }
    }
    runtime->documents[WHI_RULE_PAYLOAD] = input->payload;
    runtime->documents[WHI_RULE_META] = NULL;
    runtime->document_count = WHI_RULE_MADE;
    runtime->meta_ready = 0;
    runtime->cursor_document = UINT32_MAX;
    runtime->number_count = 0;
    runtime->member_count = 0;
    runtime->null_count = 0;
}

static void drop_large(whi_buf *buf) {
    if (buf->capacity > BUFFER_KEPT) {
        size_t maximum = buf->maximum;
        whi_buf_free(buf);
        whi_buf_init(buf, maximum);
    }
}

/* Gives back what was unusually large. */
static void end_run(whi_rule_runtime *runtime) {
    /* One behind the last may be what was made but could not be read. */
    for (size_t i = WHI_RULE_MADE; i <= runtime->document_count && i < WHI_RULE_DOCS; i++) {
        drop_large(&runtime->made[i].text);
        whi_json_free(&runtime->made[i].json);
    }
    drop_large(&runtime->scratch);
    drop_large(&runtime->shuffle);
    if (runtime->number_capacity > 4096) {
        whi_free(runtime->numbers);
        runtime->numbers = NULL;
        runtime->number_capacity = 0;
    }
    if (runtime->member_capacity > 4096) {
        whi_free(runtime->members);
        runtime->members = NULL;
        runtime->member_capacity = 0;
    }
    EVP_MAC_CTX_free(runtime->mac); /* which wipes the key */
    runtime->mac = NULL;
    runtime->input = NULL;
}

/* Protected. Argument: the verdict. */
static int call_rule(lua_State *L) {
    wh_rule_verdict *out = lua_touserdata(L, 1);
    const char *name = whi_rule_of(L)->runtime->input->payload_name;

    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_FUNCTION);
    lua_createtable(L, 0, 4);
    whi_rule_push_node(L, WHI_RULE_PAYLOAD, 0);
    lua_setfield(L, -2, name != NULL ? name : "payload");
    whi_rule_push_view(L, WHI_RULE_EVENT, 0);
    lua_setfield(L, -2, "event");
    whi_rule_push_view(L, WHI_RULE_SUBSCRIPTION, 0);
    lua_setfield(L, -2, "subscription");
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_ENV_META);
    lua_setmetatable(L, -2);
    lua_setupvalue(L, -2, 1); /* _ENV, the one upvalue of a chunk */
    lua_call(L, 0, LUA_MULTRET);
    whi_rule_read_verdict(L, out);
    return 0;
}

/* The globals of the run go; a state full of garbage is swept. */
static void tidy(whi_rule *rule) {
    lua_State *L = rule->L;

    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_FUNCTION);
    lua_pushnil(L);
    lua_setupvalue(L, -2, 1);
    lua_settop(L, 0);
    if (rule->used > rule->base + GARBAGE_MAXIMUM) {
        lua_gc(L, LUA_GCCOLLECT);
    }
}

static int run_once(whi_rule_runtime *runtime, whi_rule *rule, const wh_rule_input *given, wh_rule_verdict *out) {
    int status, code = WH_OK;
    wh_rule_input input;

    out->action = WH_RULE_DROP;
    out->body = out->key = out->headers = NULL;
    out->body_size = out->headers_size = 0;
    out->delay = out->cpu_us = out->memory = 0;
    out->error.line = 0;
    out->error.text[0] = '\0';
    if (rule->L == NULL && (code = build(rule, &out->error)) != WH_OK) {
        return code;
    }
    whi_sized_read(&input, sizeof input, given);
    begin_run(runtime, &input);
    rule->slice_us = input.cpu_us;
    whi_rule_limits_begin(rule);
    lua_pushcfunction(rule->L, call_rule);
    lua_pushlightuserdata(rule->L, out);
    status = lua_pcall(rule->L, 1, 0, 0);
    out->cpu_us = whi_rule_limits_end(rule);
    out->memory = (int64_t)(rule->peak - rule->start);
    if (status != LUA_OK) {
        code = explain(rule, status, WH_ERULE_RUNTIME, &out->error);
        out->action = WH_RULE_DROP;
        out->body = out->key = out->headers = NULL;
        out->body_size = out->headers_size = 0;
        out->delay = 0;
    }
    if (rule->stop != 0 || status == LUA_ERRMEM) {
        close_state(rule);
    } else {
        tidy(rule);
    }
    end_run(runtime);
    return code;
}

/* In the locale "C": Lua compares texts by LC_COLLATE, and reads and writes numbers by
 * LC_NUMERIC, and a rule means the same wherever it runs. */
static int rule_run(void *runtime_handle, void *handle, const wh_rule_input *input, wh_rule_verdict *out) {
    whi_rule_runtime *runtime = runtime_handle;
    locale_t host = uselocale(runtime->locale);
    int code = run_once(runtime, handle, input, out);

    uselocale(host);
    return code;
}

static size_t rule_bytes(void *runtime, const void *handle) {
    const whi_rule *rule = handle;

    (void)runtime;
    return sizeof *rule + rule->source_size + (rule->L != NULL ? rule->used : 0);
}

const wh_rule_engine *wh_rule_lua(void) {
    static const wh_rule_engine engine = {
        sizeof engine, runtime_open, runtime_close,         rule_compile, rule_release,
        rule_run,      NULL,         whi_rule_check_source, rule_bytes,
    };

    return &engine;
}
