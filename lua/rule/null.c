/* What was null, for the sentences of errors. Null is one value wherever it was read, and Lua tells a C
 * function no names of its operands; but which fields this run has read as null is known, and the one
 * that is misused is among the last of them. */
#include <stdio.h>
#include <string.h>

#include "rule_state.h"

#define NAME_SHOWN 64 /* bytes */
#define PATH_SHOWN 160

void whi_rule_note_null(whi_rule_runtime *runtime, unsigned document, uint32_t node) {
    whi_rule_place *nulls = runtime->nulls;
    size_t at = 0;

    while (at < runtime->null_count && (nulls[at].document != document || nulls[at].node != node)) {
        at++;
    }
    if (at == WHI_RULE_NULLS) {
        at = 0;
    }
    if (at == runtime->null_count) {
        runtime->null_count++;
    }
    memmove(nulls + at, nulls + at + 1, (runtime->null_count - at - 1) * sizeof *nulls);
    nulls[runtime->null_count - 1] = (whi_rule_place){ document, node };
}

/* -------------------------------------------------------------------- its path */

typedef struct path {
    lua_State *L;
    const whi_json *json;
    char text[PATH_SHOWN];
    size_t used;
} path;

static void add(path *self, const char *text, size_t size) {
    size_t left = sizeof self->text - self->used;

    size = size < left ? size : left;
    memcpy(self->text + self->used, text, size);
    self->used += size;
}

static void add_name(path *self, uint32_t name) {
    size_t size;
    const char *text = whi_json_string(self->json, name, &whi_rule_of(self->L)->runtime->shuffle, &size);

    if (text == NULL) {
        whi_rule_stop(self->L, WH_ENOMEM);
    }
    if (self->used > 0) {
        add(self, ".", 1);
    }
    add(self, text, size < NAME_SHOWN ? size : NAME_SHOWN);
}

static void add_index(path *self, uint32_t index) {
    char text[16];

    add(self, text, (size_t)snprintf(text, sizeof text, "[%u]", (unsigned)index));
}

/* The child of at in which the node is; what leads there is added to the path. */
static uint32_t go_down(path *self, uint32_t at, uint32_t node) {
    int is_object = self->json->nodes[at].type == WHI_JSON_OBJECT;
    uint32_t index = 1, child = at + 1, value = child + (uint32_t)is_object;

    while (self->json->nodes[value].next <= node) {
        child = self->json->nodes[value].next;
        value = child + (uint32_t)is_object;
        index++;
        whi_rule_charge(self->L, 1);
    }
    if (is_object) {
        add_name(self, child);
    } else {
        add_index(self, index);
    }
    return value;
}

static void push_path(lua_State *L, const whi_rule_place *place) {
    static const char *const roots[] = { [WHI_RULE_PAYLOAD] = "payload", [WHI_RULE_META] = "subscription.meta" };
    path self = { .L = L, .json = whi_rule_of(L)->runtime->documents[place->document] };
    const char *root = place->document < WHI_RULE_MADE ? roots[place->document] : "";

    add(&self, root, strlen(root));
    for (uint32_t at = 0; at != place->node;) {
        at = go_down(&self, at, place->node);
    }
    lua_pushlstring(L, self.text, self.used);
    if (root[0] == '\0') {
        lua_pushliteral(L, " of a made part");
        lua_concat(L, 2);
    }
}

/* ---------------------------------------------------------------- the sentence */

void whi_rule_push_nulls(lua_State *L, const char *before, const char *behind) {
    whi_rule_runtime *runtime = whi_rule_of(L)->runtime;
    size_t count = runtime->null_count;

    if (count == 0) {
        lua_pushliteral(L, "");
        return;
    }
    luaL_checkstack(L, 2 * WHI_RULE_NULLS + 4, NULL);
    lua_pushstring(L, before);
    for (size_t i = 0; i < count; i++) {
        push_path(L, &runtime->nulls[i]);
        lua_pushstring(L, i + 1 == count ? (count == 1 ? " is null" : " are null") : i + 2 == count ? " and " : ", ");
    }
    lua_pushstring(L, behind);
    lua_concat(L, 2 * (int)count + 2);
}

int whi_rule_misused_null(lua_State *L, const char *sentence) {
    whi_rule_push_nulls(L, " (", ")");
    return luaL_error(L, "%s%s", sentence, lua_tostring(L, -1));
}

int whi_rule_wrong_type(lua_State *L, int index, const char *expected) {
    const char *kind = whi_rule_kind(L, index); /* asked first: what is pushed may come to stand there */

    if (whi_rule_is_null(L, index)) {
        whi_rule_push_nulls(L, ": ", "");
    } else {
        lua_pushliteral(L, "");
    }
    lua_pushfstring(L, "%s expected, got %s%s", expected, kind, lua_tostring(L, -1));
    return luaL_argerror(L, index, lua_tostring(L, -1));
}

void whi_rule_check_type(lua_State *L, int index, int type) {
    if (lua_type(L, index) != type) {
        whi_rule_wrong_type(L, index, lua_typename(L, type));
    }
}
