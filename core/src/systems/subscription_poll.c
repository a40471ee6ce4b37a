/* Tests: test_subscription. */
#include "systems/subscription_poll.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/match.h"

#define TYPE_MOST 100 /* letters: with the longest of ".created", ".updated" and ".deleted" it is a type */
#define LIMIT_MOST 10000

typedef struct given {
    char *type;
    int64_t interval, limit;
    int history;
} given;

static int take_type(given *self, const whi_json *json, uint32_t node) {
    size_t size = 0;
    const char *text = whi_json_span(json, node, &size);

    if (json->nodes[node].type == WHI_JSON_STRING && size > 2 && size <= TYPE_MOST + 2) {
        whi_free(self->type);
        self->type = whi_strdup(text + 1, size - 2);
        if (self->type == NULL) {
            return whi_fail_memory();
        }
    }
    return self->type != NULL && whi_type_check(self->type) == WH_OK
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "poll.type", "expected 1 to %d of A-Z a-z 0-9 . _ : - /", TYPE_MOST);
}

static int take_number(const whi_json *json, uint32_t node, const char *name, int64_t least, int64_t most,
                       int64_t *out) {
    int64_t number;

    if (json->nodes[node].type != WHI_JSON_NUMBER || !whi_json_whole(json, node, &number) || number < least ||
        number > most) {
        return whi_fail_field(WH_EINVALID, name, "expected a whole number of %lld to %lld", (long long)least,
                              (long long)most);
    }
    *out = number;
    return WH_OK;
}

static int take_history(given *self, const whi_json *json, uint32_t node) {
    self->history = json->nodes[node].type == WHI_JSON_TRUE;
    return self->history || json->nodes[node].type == WHI_JSON_FALSE
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "poll.history", "expected true or false");
}

static int take_member(given *self, const whi_json *json, uint32_t name) {
    if (json->nodes[name + 1].type == WHI_JSON_NULL) {
        return WH_OK;
    }
    if (whi_json_string_is(json, name, "type", 4)) {
        return take_type(self, json, name + 1);
    }
    if (whi_json_string_is(json, name, "interval", 8)) {
        return take_number(json, name + 1, "poll.interval", WHI_POLL_INTERVAL_LEAST, WHI_POLL_INTERVAL_MOST,
                           &self->interval);
    }
    if (whi_json_string_is(json, name, "limit", 5)) {
        return take_number(json, name + 1, "poll.limit", 1, LIMIT_MOST, &self->limit);
    }
    return whi_json_string_is(json, name, "history", 7)
               ? take_history(self, json, name + 1)
               : whi_fail_field(WH_EINVALID, "poll", "expected the members type, interval, limit and history alone");
}

static int take_members(given *self, const whi_json *json, uint32_t node) {
    int code = WH_OK;

    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "poll", "expected an object or null");
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        code = take_member(self, json, at);
    }
    if (code == WH_OK && self->type == NULL) {
        code = whi_fail_field(WH_EINVALID, "poll.type", "expected the type of the objects, found none");
    }
    return code;
}

static void forget(whi_subscription *s) {
    whi_free(s->poll_type);
    s->poll_type = NULL;
    s->poll_interval = s->poll_limit = 0;
    s->poll_history = 0;
}

/* What is written back as it was read changes nothing: a history that has begun, or ended, stays so. */
static int put(whi_subscription *s, given *self) {
    int polled = s->poll_type != NULL;

    if (polled && strcmp(s->poll_type, self->type) != 0) {
        return whi_fail_field(WH_EINVALID, "poll.type", "expected \"%s\": the type stays", s->poll_type);
    }
    if (!polled) {
        s->poll_type = self->type;
        self->type = NULL;
        s->poll_history = self->history;
    }
    s->poll_interval = self->interval;
    s->poll_limit = self->limit;
    return WH_OK;
}

int whi_subscription_poll(whi_subscription *s, const whi_json *json, uint32_t node) {
    given self = { .interval = WHI_POLL_INTERVAL };
    int code;

    if (json->nodes[node].type == WHI_JSON_NULL) {
        forget(s);
        return WH_OK;
    }
    code = take_members(&self, json, node);
    code = code == WH_OK ? put(s, &self) : code;
    whi_free(self.type);
    return code;
}
