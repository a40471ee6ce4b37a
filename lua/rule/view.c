/* The lazy view: `payload` and its parts as values that read like tables.
 *
 * A part is a light userdata: 1 (so that it is never NULL, which is null), the
 * document (8 bits), the node (28 bits) and the run's generation (27 bits). The
 * generation makes a position of a former run an error, not a wrong answer. */
#include <string.h>

#include "base/mem.h"
#include "rule_state.h"

#define NODE_BITS 28
#define GENERATION_MASK (((uint64_t)1 << 27) - 1)
#define NUMBERS_KEPT 4096 /* capacity of the table that outlives a run */
#define HELD_PER_NODE sizeof(whi_json_node)

static void push_position(lua_State *L, unsigned document, uint32_t node) {
    uint64_t generation = whi_rule_of(L)->runtime->generation & GENERATION_MASK;
    uint64_t bits = (generation << 37) | ((uint64_t)node << 9) | ((uint64_t)document << 1) | 1;

    lua_pushlightuserdata(L, (void *)(uintptr_t)bits);
}

void whi_rule_push_view(lua_State *L, unsigned document, uint32_t node) {
    push_position(L, document, node);
}

int whi_rule_is_null(lua_State *L, int index) {
    return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

/* The position in these bits; raises if it is of another run. */
static inline void read_position(lua_State *L, const whi_rule_runtime *runtime, uint64_t bits, unsigned *document,
                                 uint32_t *node) {
    *document = (bits >> 1) & 0xff;
    *node = (uint32_t)(bits >> 9) & (((uint32_t)1 << NODE_BITS) - 1);
    if ((bits >> 37) != (runtime->generation & GENERATION_MASK) ||
        (*document < WHI_RULE_EVENT && (*document >= runtime->document_count || runtime->documents[*document] == NULL ||
                                        *node >= runtime->documents[*document]->count))) {
        luaL_error(L, "a part of another run's payload is not usable");
    }
}

int whi_rule_to_view(lua_State *L, int index, unsigned *document, uint32_t *node) {
    uint64_t bits = lua_islightuserdata(L, index) ? (uintptr_t)lua_touserdata(L, index) : 0;

    if (bits == 0) {
        return 0;
    }
    read_position(L, whi_rule_of(L)->runtime, bits, document, node);
    return 1;
}

const whi_json *whi_rule_check_part(lua_State *L, int index, uint32_t *node) {
    unsigned document;

    if (whi_rule_is_null(L, index)) {
        lua_pushfstring(L, "argument %d: a part of the payload was expected, not null", index);
        whi_rule_misused_null(L, lua_tostring(L, -1));
    }
    if (!whi_rule_to_view(L, index, &document, node) || document >= WHI_RULE_EVENT) {
        luaL_error(L, "argument %d: a part of the payload was expected, not %s", index, whi_rule_type(L, index));
        return NULL;
    }
    return whi_rule_of(L)->runtime->documents[document];
}

/* ------------------------------------------------------------------- numbers */

static uint64_t bits_of(double number) {
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* The seed is the runtime's own, so that nobody can write a payload of numbers that collide. */
static size_t number_home(const whi_rule_runtime *runtime, uint64_t bits) {
    bits = (bits ^ runtime->number_seed) * UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 32) * (runtime->number_seed | 1);
    return (size_t)(bits >> 32) & (runtime->number_capacity - 1);
}

static whi_rule_number *number_slot(whi_rule_runtime *runtime, uint64_t bits) {
    size_t at = number_home(runtime, bits);

    while (runtime->numbers[at].generation == runtime->generation && runtime->numbers[at].bits != bits) {
        at = (at + 1) & (runtime->number_capacity - 1);
    }
    return &runtime->numbers[at];
}

/* Twice the room; entries of this run move over. */
static int grow_numbers(whi_rule_runtime *runtime) {
    whi_rule_number *old = runtime->numbers;
    size_t old_capacity = runtime->number_capacity;
    size_t capacity = old_capacity ? old_capacity * 2 : 64;
    whi_rule_number *fresh = whi_calloc(capacity, sizeof *fresh);

    if (fresh == NULL) {
        return WH_ENOMEM;
    }
    runtime->numbers = fresh;
    runtime->number_capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].generation == runtime->generation) {
            *number_slot(runtime, old[i].bits) = old[i];
        }
    }
    whi_free(old);
    return WH_OK;
}

static int same_text(const whi_json *json, uint32_t node, const whi_json *other, uint32_t other_node) {
    size_t size, other_size;
    const char *text = whi_json_span(json, node, &size);
    const char *other_text = whi_json_span(other, other_node, &other_size);

    return size == other_size && memcmp(text, other_text, size) == 0;
}

/* Remembers which text a double came from, so that 1.10 or a number of 30 digits is
 * sent on as it came. Without memory it is not remembered. */
static void remember(lua_State *L, double number, unsigned document, uint32_t node) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    whi_rule_number *slot;

    if (runtime->number_count * 4 >= runtime->number_capacity * 3) {
        whi_rule_hold(L, (runtime->number_capacity ? runtime->number_capacity : 64) * sizeof *runtime->numbers);
        if (grow_numbers(runtime) != WH_OK) {
            return;
        }
    }
    slot = number_slot(runtime, bits_of(number));
    if (slot->generation == runtime->generation) {
        slot->ambiguous |=
            !same_text(runtime->documents[document], node, runtime->documents[slot->document], slot->node);
        return;
    }
    runtime->number_count++;
    *slot = (whi_rule_number){ bits_of(number), runtime->generation, node, (uint8_t)document, 0 };
}

int whi_rule_number_text(whi_rule_runtime *runtime, double number, const char **text, size_t *size) {
    whi_rule_number *slot;

    if (runtime->number_count == 0) {
        return 0;
    }
    slot = number_slot(runtime, bits_of(number));
    if (slot->generation != runtime->generation) {
        return 0;
    }
    *text = whi_json_span(runtime->documents[slot->document], slot->node, size);
    return slot->ambiguous ? -1 : 1;
}

static void push_number(lua_State *L, const whi_json *json, unsigned document, uint32_t node) {
    const whi_json_node *at = &json->nodes[node];
    int64_t integer;
    double number;

    if (whi_json_int(json, node, &integer)) {
        lua_pushinteger(L, integer);
        return;
    }
    whi_rule_charge(L, (at->end - at->start) / 4);
    number = whi_json_double(json, node);
    remember(L, number, document, node);
    lua_pushnumber(L, number);
}

/* ------------------------------------------------------------------- reading */

static void push_string(lua_State *L, const whi_json *json, uint32_t node) {
    const whi_json_node *at = &json->nodes[node];
    size_t size = at->end - at->start - 2;

    if (at->count == 0) {
        lua_pushlstring(L, json->text + at->start + 1, size);
        return;
    }
    whi_rule_charge(L, size);
    const char *text = whi_json_string(json, node, &whi_rule_of(L)->runtime->scratch, &size);
    if (text == NULL) {
        whi_rule_stop(L, WH_ENOMEM);
    }
    lua_pushlstring(L, text, size);
}

void whi_rule_push_node(lua_State *L, unsigned document, uint32_t node) {
    const whi_json *json = whi_rule_of(L)->runtime->documents[document];

    switch (json->nodes[node].type) {
    case WHI_JSON_NULL:
        whi_rule_note_null(whi_rule_of(L)->runtime, document, node);
        lua_pushlightuserdata(L, NULL);
        break;
    case WHI_JSON_FALSE:
    case WHI_JSON_TRUE:
        lua_pushboolean(L, json->nodes[node].type == WHI_JSON_TRUE);
        break;
    case WHI_JSON_NUMBER:
        push_number(L, json, document, node);
        break;
    case WHI_JSON_STRING:
        push_string(L, json, node);
        break;
    default:
        push_position(L, document, node);
    }
}

/* Walks on from the item found last where that saves steps. */
static uint32_t find_item(lua_State *L, unsigned document, uint32_t array, uint32_t index) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    const whi_json *json = runtime->documents[document];
    uint32_t at = array + 1, steps = index;

    if (runtime->cursor_document == document && runtime->cursor_array == array && runtime->cursor_index <= index) {
        at = runtime->cursor_node;
        steps = index - runtime->cursor_index;
    }
    for (uint32_t i = 0; i < steps; i++) {
        at = json->nodes[at].next;
        if (i % 256 == 255) {
            whi_rule_charge(L, 256);
        }
    }
    runtime->cursor_document = document;
    runtime->cursor_array = array;
    runtime->cursor_index = index;
    runtime->cursor_node = at;
    return at;
}

static int index_array(lua_State *L, const whi_json *json, unsigned document, uint32_t node) {
    lua_Integer index;
    int integral;

    index = lua_tointegerx(L, 2, &integral);
    if (lua_type(L, 2) != LUA_TNUMBER || !integral || index < 1 || index > (lua_Integer)json->nodes[node].count) {
        lua_pushnil(L);
        return 1;
    }
    whi_rule_push_node(L, document, find_item(L, document, node, (uint32_t)index - 1));
    return 1;
}

static int index_object(lua_State *L, const whi_json *json, unsigned document, uint32_t node) {
    const char *name;
    size_t size;
    uint32_t found;

    if (lua_type(L, 2) != LUA_TSTRING) {
        lua_pushnil(L);
        return 1;
    }
    name = lua_tolstring(L, 2, &size);
    whi_rule_charge(L, 4 + json->nodes[node].count + size);
    found = whi_json_member(json, node, name, size);
    if (found == WHI_JSON_NONE) {
        lua_pushnil(L);
    } else {
        whi_rule_push_node(L, document, found);
    }
    return 1;
}

static int is_word(const char *name, size_t size, const char *word) {
    return size == strlen(word) && memcmp(name, word, size) == 0;
}

/* A text of the host, nil for none. */
static int push_optional(lua_State *L, const char *text) {
    if (text == NULL || text[0] == '\0') {
        lua_pushnil(L);
    } else {
        lua_pushstring(L, text);
    }
    return 1;
}

static int index_event(lua_State *L, const char *name, size_t size) {
    const wh_rule_input *input = whi_rule_of(L)->runtime->input;

    if (is_word(name, size, "id")) {
        lua_pushstring(L, input->event_id);
    } else if (is_word(name, size, "type")) {
        lua_pushstring(L, input->event_type);
    } else if (is_word(name, size, "tenant")) {
        lua_pushstring(L, input->event_tenant);
    } else if (is_word(name, size, "time")) {
        lua_pushinteger(L, input->event_time);
    } else if (is_word(name, size, "source")) {
        return push_optional(L, input->event_source);
    } else if (is_word(name, size, "key")) {
        return push_optional(L, input->event_key);
    } else {
        return luaL_error(L, "event has no field '%s': id, type, tenant, time, source and key are there", name);
    }
    return 1;
}

/* Scanned when a rule asks for it, once a run. */
static int push_meta(lua_State *L) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    const wh_rule_input *input = runtime->input;
    const char *text = input->subscription_meta;
    size_t size = input->subscription_meta_size;

    if (!runtime->meta_ready) {
        if (text == NULL) {
            text = "{}";
            size = 2;
        }
        int code = whi_json_scan(&runtime->meta, text, size, (int)runtime->limits.json_depth);
        if (code == WH_ENOMEM) {
            return whi_rule_stop(L, WH_ENOMEM);
        }
        if (code != WH_OK) {
            return luaL_error(L, "subscription.meta cannot be read");
        }
        runtime->meta_ready = 1;
        runtime->documents[WHI_RULE_META] = &runtime->meta;
    }
    whi_rule_push_node(L, WHI_RULE_META, 0);
    return 1;
}

static int index_subscription(lua_State *L, const char *name, size_t size) {
    const wh_rule_input *input = whi_rule_of(L)->runtime->input;

    if (is_word(name, size, "id")) {
        lua_pushstring(L, input->subscription_id);
    } else if (is_word(name, size, "name")) {
        lua_pushstring(L, input->subscription_name);
    } else if (is_word(name, size, "meta")) {
        return push_meta(L);
    } else {
        return luaL_error(L, "subscription has no field '%s': id, name and meta are there", name);
    }
    return 1;
}

static int index_null(lua_State *L) {
    whi_rule_push_text(L, 2);
    lua_pushfstring(L, "null has no field '%s': compare with null first", lua_tostring(L, -1));
    return whi_rule_misused_null(L, lua_tostring(L, -1));
}

/* Called for what has the metatable, light userdata, alone: a rule reaches neither of them. */
static int view_index(lua_State *L) {
    const whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    uint64_t bits = (uintptr_t)lua_touserdata(L, 1);
    const whi_json *json;
    unsigned document;
    uint32_t node;

    if (bits == 0) {
        return index_null(L);
    }
    read_position(L, runtime, bits, &document, &node);
    if (document >= WHI_RULE_EVENT) {
        size_t size = 1;
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &size) : "?";
        return document == WHI_RULE_EVENT ? index_event(L, name, size) : index_subscription(L, name, size);
    }
    json = runtime->documents[document];
    return json->nodes[node].type == WHI_JSON_ARRAY ? index_array(L, json, document, node)
                                                    : index_object(L, json, document, node);
}

static int view_newindex(lua_State *L) {
    unsigned document;
    uint32_t node;

    if (!whi_rule_to_view(L, 1, &document, &node)) {
        return whi_rule_misused_null(L, "null cannot be changed");
    }
    if (document >= WHI_RULE_EVENT) {
        return luaL_error(L, "event and subscription cannot be changed");
    }
    return luaL_error(L, "the payload cannot be changed: return a new table that names its parts, "
                         "or merge(payload, { ... }), or without(payload, \"...\")");
}

static int view_len(lua_State *L) {
    unsigned document = 0;
    uint32_t node = 0;

    if (whi_rule_is_null(L, 1)) {
        return whi_rule_misused_null(L, "null has no length: compare with null first");
    }
    whi_rule_to_view(L, 1, &document, &node);
    if (document >= WHI_RULE_EVENT) {
        return luaL_error(L, "event and subscription have no length");
    }
    lua_pushinteger(L, whi_rule_of(L)->runtime->documents[document]->nodes[node].count);
    return 1;
}

/* Arithmetic, order, joining, calling. */
static int view_misuse(lua_State *L) {
    int index = lua_islightuserdata(L, 1) ? 1 : 2;

    if (whi_rule_is_null(L, index)) {
        return whi_rule_misused_null(L, "this operation is not for null");
    }
    return luaL_error(L, "this operation is not for a part of the payload");
}

void whi_rule_view_metatable(lua_State *L) {
    static const char *const misuse[] = { "__add", "__sub",  "__mul",    "__div", "__mod",  "__pow",
                                          "__unm", "__idiv", "__band",   "__bor", "__bxor", "__bnot",
                                          "__shl", "__shr",  "__concat", "__lt",  "__le",   "__call" };

    lua_pushlightuserdata(L, NULL);
    lua_createtable(L, 0, 24);
    lua_pushcfunction(L, view_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, view_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, view_len);
    lua_setfield(L, -2, "__len");
    lua_pushliteral(L, "null or a part of the payload");
    lua_setfield(L, -2, "__name");
    for (size_t i = 0; i < sizeof misuse / sizeof misuse[0]; i++) {
        lua_pushcfunction(L, view_misuse);
        lua_setfield(L, -2, misuse[i]);
    }
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

/* ------------------------------------------------------------ made documents */

/* Nodes that the memory limit leaves room for: at least one, 0 would be any number. */
static uint32_t nodes_left(lua_State *L, size_t size) {
    size_t left = whi_rule_room(L, (size / 2 + 1) * HELD_PER_NODE) / HELD_PER_NODE;

    return left == 0 ? 1 : left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

void whi_rule_push_made(lua_State *L) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    unsigned document = (unsigned)runtime->document_count;
    whi_rule_made *made;
    whi_buf swap;
    int code;

    if (document == WHI_RULE_DOCS) {
        luaL_error(L, "only, without and merge may be called %d times in a run", WHI_RULE_DOCS - WHI_RULE_MADE);
    }
    made = &runtime->made[document];
    swap = made->text;
    made->text = runtime->scratch;
    runtime->scratch = swap;
    whi_rule_hold(L, made->text.size);
    made->json.maximum = nodes_left(L, made->text.size);
    code = whi_json_scan(&made->json, made->text.data, made->text.size, (int)runtime->limits.json_depth);
    if (code == WH_ENOMEM) {
        whi_rule_stop(L, WH_ENOMEM);
    }
    if (code == WH_ELIMIT && made->json.capacity >= made->json.maximum) {
        whi_rule_stop(L, WH_ERULE_MEMORY);
    }
    if (code != WH_OK) {
        luaL_error(L, "what was made is no JSON within the limits: %s", wh_last_error());
    }
    runtime->documents[document] = &made->json;
    runtime->document_count++;
    whi_rule_hold(L, made->json.count * HELD_PER_NODE);
    whi_rule_push_node(L, document, 0);
}
