/* What the files of the rule engine share. The manual of rules is lua/docs/rules.md.
 *
 * Every rule has a lua_State of its own: nothing can be shared between rules, the
 * memory limit is exact, and a state that hit a limit is thrown away without
 * touching another. A state with its libraries takes about 15 KB. */
#ifndef WHI_RULE_STATE_H
#define WHI_RULE_STATE_H

#include <lauxlib.h>
#include <locale.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __APPLE__
#include <xlocale.h> /* locale_t, which POSIX has in locale.h */
#endif

#include "base/buf.h"
#include "pure/json.h"
#include "webhook_backend.h"

#if LUA_VERSION_NUM < 504
#error "the rule engine needs Lua 5.4 or later"
#endif

/* A part of the payload is a light userdata that holds a position, so it costs no
 * allocation and two reads of one part compare equal. See view.c for the bits. */
_Static_assert(sizeof(void *) == 8, "a position needs 64 bits");

/* Documents that a run can look into: the payload, the subscription's metadata, and
 * what its helpers made. */
enum { WHI_RULE_PAYLOAD = 0, WHI_RULE_META, WHI_RULE_MADE, WHI_RULE_DOCS = 64 };

/* Positions that are no document: `event` and `subscription`. */
enum { WHI_RULE_EVENT = 254, WHI_RULE_SUBSCRIPTION = 255 };

/* Places in the registry of a rule's state. */
enum {
    WHI_RULE_AT_FUNCTION = LUA_RIDX_LAST + 2, /* the compiled rule; Lua keeps what is below */
    WHI_RULE_AT_ENV_META,                     /* metatable of a run's globals */
    WHI_RULE_AT_GLOBALS,                      /* what that metatable shows */
    WHI_RULE_AT_STOP,                         /* the error value of a stopped run, made beforehand */
    WHI_RULE_AT_ARRAY,                        /* metatable that marks an array */
    WHI_RULE_AT_OBJECT,                       /* metatable that marks an object */
};

/* A text that a helper made, with its tape. */
typedef struct whi_rule_made {
    whi_buf text;
    whi_json json;
} whi_rule_made;

/* A double that came out of a document: its text is used where it is sent on. */
typedef struct whi_rule_number {
    uint64_t bits;
    uint32_t generation;
    uint32_t node;
    uint8_t document;
    uint8_t ambiguous; /* several texts have this value */
} whi_rule_number;

/* A value of a document. */
typedef struct whi_rule_place {
    unsigned document;
    uint32_t node;
} whi_rule_place;

#define WHI_RULE_NULLS 3 /* that are remembered */

/* A name of a table that is being written, and where on the stack it is. */
typedef struct whi_rule_member {
    const char *name;
    size_t size;
    uint64_t first; /* its first eight bytes as a number that is smaller where they come before; zeros behind its end */
    int slot;
} whi_rule_member;

typedef struct whi_rule_runtime {
    wh_limits limits;
    locale_t locale; /* "C": the thread's while a rule is compiled or run */
    /* The run under way. */
    const wh_rule_input *input;
    uint32_t generation; /* counts runs; a position of another run is refused */
    const whi_json *documents[WHI_RULE_DOCS];
    size_t document_count;
    whi_rule_made made[WHI_RULE_DOCS];
    whi_json meta;
    int meta_ready;
    /* Where the last item of an array was found, so that a loop over it is linear. */
    uint32_t cursor_document, cursor_array, cursor_index, cursor_node;
    whi_rule_number *numbers; /* hash table, a power of two */
    size_t number_capacity, number_count;
    uint64_t number_seed;
    whi_rule_place nulls[WHI_RULE_NULLS]; /* read last, each once */
    size_t null_count;
    whi_rule_member *members; /* a stack of them while objects are written */
    size_t member_count, member_capacity;
    EVP_MAC_CTX *mac; /* of hash, keyed for this run; NULL until then */
    whi_buf body, headers, key, scratch, shuffle;
} whi_rule_runtime;

typedef struct whi_rule {
    whi_rule_runtime *runtime;
    char *source; /* to compile it again after a limit error */
    size_t source_size;
    lua_State *L; /* NULL after a limit error */
    /* Memory, in bytes. */
    size_t used;    /* by the state */
    size_t start;   /* used when the run began */
    size_t base;    /* used by the state at rest */
    size_t outside; /* held for the run outside of the state */
    size_t peak;    /* highest of used and outside together */
    size_t limit;   /* what they may reach */
    size_t largest; /* block of the run */
    int starved;    /* the system had none */
    /* Time. */
    int running;
    int stop;                                 /* 0, WH_ERULE_TIME, WH_ERULE_MEMORY or WH_ENOMEM: ends the run */
    int stop_line;                            /* where, 0 if unknown */
    int counted;                              /* the CPU clock was read: cpu_start stands */
    uint32_t units;                           /* work since the last look at a clock */
    int64_t wall_start, wall_last, cpu_start; /* ns */
    int64_t slice_us;                         /* 0, or when to stop although more is allowed */
    int bad_result;                           /* the error comes from the check of the result */
} whi_rule;

static inline whi_rule *whi_rule_of(lua_State *L) {
    return *(whi_rule **)lua_getextraspace(L);
}

/* ---- limits.c */

/* lua_Alloc over a whi_rule. */
void *whi_rule_allocate(void *payload, void *block, size_t old_size, size_t new_size);

void whi_rule_limits_begin(whi_rule *rule);
int64_t whi_rule_limits_end(whi_rule *rule); /* µs of CPU time */

/* Looks at the clocks, and raises if the run is over. */
void whi_rule_look(lua_State *L);

/* Raises the error of a stopped run. */
int whi_rule_stopped(lua_State *L);

/* Accounts for work inside a library function: about 5 ns a unit. Raises when the
 * time is up, so a loop that calls it needs no other bound. */
#define WHI_RULE_UNITS 2000
static inline void whi_rule_charge(lua_State *L, size_t units) {
    whi_rule *rule = whi_rule_of(L);

    rule->units += units < WHI_RULE_UNITS ? (uint32_t)units : WHI_RULE_UNITS;
    if (rule->units >= WHI_RULE_UNITS) {
        whi_rule_look(L);
    }
}

/* Accounts for a walk over a table, which may have as many empty places as the largest
 * block of the run has room for. */
static inline void whi_rule_charge_walk(lua_State *L) {
    whi_rule_charge(L, 2 + whi_rule_of(L)->largest / 256);
}

/* Bytes that may still be taken; garbage goes where wanted ones would not fit otherwise. */
size_t whi_rule_room(lua_State *L, size_t wanted);

/* Accounts for size bytes held outside of Lua until the end of the run. */
void whi_rule_hold(lua_State *L, size_t size);

/* Ends the run with this code, and raises. */
int whi_rule_stop(lua_State *L, int code);

/* ---- libstring.c: a text that grows, in memory of the state, so that it counts and
 * goes away with an error. Needs one place on the stack. */
typedef struct whi_rule_text {
    lua_State *L;
    char *data;
    size_t size, capacity;
    int slot;
    char first[512];
} whi_rule_text;

void whi_rule_text_init(lua_State *L, whi_rule_text *text);
void whi_rule_text_add(whi_rule_text *text, const char *bytes, size_t size);
void whi_rule_text_char(whi_rule_text *text, char byte);
void whi_rule_text_value(whi_rule_text *text); /* the text or number on top, popped */
void whi_rule_text_push(whi_rule_text *text);

/* ---- check.c */

/* Where the rule begins in its source: as in a file that Lua loads, behind a byte order mark, and
 * at the end of a first line that begins with '#'. */
size_t whi_rule_source_start(const char *source, size_t size);

/* check of wh_rule_engine. */
int whi_rule_check_source(void *runtime, const char *source, size_t size, wh_rule_error *error);

/* ---- null.c */

/* A null was read here. */
void whi_rule_note_null(whi_rule_runtime *runtime, unsigned document, uint32_t node);

/* Pushes "payload.a and payload.b are null" of what was read as null last, between the other two
 * texts; "" where nothing was. */
void whi_rule_push_nulls(lua_State *L, const char *before, const char *behind);
int whi_rule_misused_null(lua_State *L, const char *sentence); /* raises */

/* As luaL_typeerror and luaL_checktype, which know neither null nor parts. */
int whi_rule_wrong_type(lua_State *L, int index, const char *expected);
void whi_rule_check_type(lua_State *L, int index, int type);

/* ---- libs.c */

/* Fills a fresh state: globals, libraries, metatables. Called in protected mode. */
void whi_rule_open_libraries(lua_State *L);
const char *whi_rule_type(lua_State *L, int index);
const char *whi_rule_kind(lua_State *L, int index); /* as type, but tells a table from a part */
void whi_rule_push_text(lua_State *L, int index);
/* The text of an argument; a number becomes its text, as tostring gives it. */
const char *whi_rule_check_text(lua_State *L, int index, size_t *size);
const char *whi_rule_opt_text(lua_State *L, int index, size_t *size); /* "" if absent */
void whi_rule_plain_table(lua_State *L, int index);                   /* raises unless the rule may change it */

extern const luaL_Reg whi_rule_string_functions[];
extern const luaL_Reg whi_rule_table_functions[];
extern const luaL_Reg whi_rule_helper_functions[];

/* ---- libmath.c, libutf8.c: each pushes a library; integers of arguments, which a text
 * is not, however it reads */
void whi_rule_push_math(lua_State *L);
void whi_rule_push_utf8(lua_State *L);
double whi_rule_check_number(lua_State *L, int index);
lua_Integer whi_rule_check_integer(lua_State *L, int index);
lua_Integer whi_rule_opt_integer(lua_State *L, int index, lua_Integer otherwise);

/* Values that one call may give: enough for any list, and it takes well under 1 ms. */
#define WHI_RULE_RESULTS 100000

/* ---- keys.c */
int whi_rule_pairs(lua_State *L);
int whi_rule_next(lua_State *L);

/* ---- pattern.c: find, match, gmatch, gsub */
int whi_rule_find(lua_State *L);
int whi_rule_match(lua_State *L);
int whi_rule_gmatch(lua_State *L);
int whi_rule_gsub(lua_State *L);

/* ---- view.c */

void whi_rule_view_metatable(lua_State *L); /* sets that of all light userdata */
void whi_rule_push_view(lua_State *L, unsigned document, uint32_t node);
/* Pushes the value of a node: a Lua value for a scalar, a view for a container. */
void whi_rule_push_node(lua_State *L, unsigned document, uint32_t node);
int whi_rule_is_null(lua_State *L, int index);

/* What stands at index: 1 and the position for a view of this run; raises if it is
 * of another run; 0 if it is no light userdata or null. */
int whi_rule_to_view(lua_State *L, int index, unsigned *document, uint32_t *node);

/* The document and node of an argument that must be a part of a document. */
const whi_json *whi_rule_check_part(lua_State *L, int index, uint32_t *node);

/* Makes a document of runtime->scratch and pushes the view of its root. */
void whi_rule_push_made(lua_State *L);

/* The text that a double had in a document. 1 if found, 0 if not, -1 if there were
 * several. */
int whi_rule_number_text(whi_rule_runtime *runtime, double number, const char **text, size_t *size);

/* ---- write.c */

/* Of tables in a result, below Lua's own limit of nested C calls. */
#define WHI_RULE_DEPTH 180

/* Where a value stands in the result, for error sentences. */
typedef struct whi_rule_path {
    const struct whi_rule_path *parent;
    const char *name; /* NULL: an index */
    size_t size;
    lua_Integer index;
} whi_rule_path;

/* WHI_RULE_AT_ARRAY or _OBJECT for a table that is marked so, 0 for a plain one. */
#define WHI_RULE_LIBRARY (-1)
int whi_rule_mark_of(lua_State *L, int table);
int whi_rule_refuse(lua_State *L, const whi_rule_path *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void whi_rule_write(lua_State *L, int index, const whi_rule_path *path, int depth, whi_buf *out);
void whi_rule_write_merged(lua_State *L, int index, const whi_json *json, uint32_t node, const whi_rule_path *path,
                           int depth, whi_buf *out);

/* Puts the names of a table, but for those that json's object at node has (json may be
 * NULL), on the stack and, sorted, at the end of runtime->members. How many there are.
 * Raises if a key is no text. */
size_t whi_rule_collect_names(lua_State *L, int table, const whi_rule_path *path, const whi_json *json, uint32_t node);
void whi_rule_check_buffer(lua_State *L, const whi_buf *buf);

/* ---- verdict.c: reads what the rule returned, from stack index 1 on */
void whi_rule_read_verdict(lua_State *L, wh_rule_verdict *out);

#endif
