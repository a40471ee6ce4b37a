/* Lists of subscriptions, each of which is asked whether the system shows it: of another system's it
 * says so before anything is written. With a condition each is written as the client would see it, and
 * compared. Tests: test_api_truto. */
#include "faces/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "calls/sources.h"
#include "pure/url.h"

#define STRIDE 256 /* taken from the registry at a time */

int whi_search_scope(whi_call *call, whi_search *search) {
    int code = whi_scope_tenant(call, &search->tenant);

    return code == WH_OK ? whi_scope_all(call, &search->all) : code;
}

int whi_search_add(whi_search *search, const char *field, int op, const char *value, int fold) {
    if (value == NULL) {
        return WH_OK;
    }
    if (search->condition_count == WHI_CONDITIONS) {
        return whi_fail_field(WH_EINVALID, "query", "expected at most %d conditions", WHI_CONDITIONS);
    }
    search->conditions[search->condition_count++] = (whi_condition){ field, value, op, fold };
    return WH_OK;
}

/* Each of the list, or the one; what is no URL stays as it is, and finds nothing. */
static void normalise(const char *value, int is_list, whi_buf *out) {
    char text[WHI_URL_SIZE];
    whi_url url;

    for (;;) {
        size_t size = is_list ? strcspn(value, ",") : strlen(value);
        int fits = size < sizeof text;
        memcpy(text, value, fits ? size : 0);
        text[fits ? size : 0] = '\0';
        if (fits && whi_url_parse(&url, text) == WH_OK) {
            whi_buf_text(out, url.text);
        } else {
            whi_buf_add(out, value, size);
        }
        if (value[size] == '\0') {
            return;
        }
        whi_buf_char(out, ',');
        value += size + 1;
    }
}

int whi_search_add_url(whi_call *call, whi_search *search, const char *field, int op, const char *value) {
    const char *kept = NULL;
    whi_buf urls;
    int code;

    if (op > WHI_NIN) { /* an order is one of texts, whole URLs or not */
        return whi_search_add(search, field, op, value, 0);
    }
    whi_buf_init(&urls, SIZE_MAX / 4);
    normalise(value, op == WHI_IN || op == WHI_NIN, &urls);
    code = whi_buf_status(&urls);
    if (code == WH_OK) {
        kept = whi_call_keep(call, urls.data, urls.size);
        code = kept != NULL ? WH_OK : whi_fail_memory();
    }
    whi_buf_free(&urls);
    return code == WH_OK ? whi_search_add(search, field, op, kept, 0) : code;
}

void whi_search_free(whi_search *search) {
    for (size_t i = 0; i < search->count; i++) {
        whi_registration_unref(search->found[i]);
    }
    whi_free(search->found);
    search->found = NULL;
    search->count = 0;
}

/* ---------------------------------------------------------------------- conditions */

/* An object as it is on the wire. */
typedef struct object {
    const whi_subscription *subscription;
    whi_buf text;
    whi_json json;
} object;

static int is_time(const char *field) {
    size_t size = strlen(field);

    return size > 3 && strcmp(field + size - 3, "_at") == 0;
}

/* The time of a field. Where seconds are shown, "not before" is told of the millisecond that it
 * was, and "not after" of what was shown: both as who reads the object expects. */
static int time_of(const object *self, const whi_condition *condition, uint32_t node, int64_t *out) {
    const whi_subscription *s = self->subscription;
    int from = condition->op == WHI_GT || condition->op == WHI_GTE;
    char text[32];
    size_t size;
    const char *span = whi_json_span(&self->json, node, &size);

    if (from && (strcmp(condition->field, "created_at") == 0 || strcmp(condition->field, "updated_at") == 0)) {
        *out = condition->field[0] == 'c' ? s->created_at : s->updated_at;
        return WH_OK;
    }
    if (size < 3 || size - 2 >= sizeof text) {
        return WH_EINVALID;
    }
    memcpy(text, span + 1, size - 2);
    text[size - 2] = '\0';
    return whi_time_parse(text, out);
}

static int same(const object *self, const whi_condition *condition, uint32_t node, const char *value, size_t size) {
    const whi_json_node *found = &self->json.nodes[node];
    const char *text = self->json.text + found->start;
    char digits[24];
    int64_t number;

    switch (found->type) {
    case WHI_JSON_TRUE:
        return (size == 4 && whi_ascii_same_part(value, "true", 4)) || (size == 1 && *value == '1');
    case WHI_JSON_FALSE:
        return (size == 5 && whi_ascii_same_part(value, "false", 5)) || (size == 1 && *value == '0');
    case WHI_JSON_STRING:
        return whi_json_string_is(&self->json, node, value, size) ||
               (condition->fold && found->end - found->start == size + 2 && whi_ascii_same_part(text + 1, value, size));
    case WHI_JSON_NUMBER:
        if (size >= sizeof digits || !whi_json_int(&self->json, node, &number)) {
            return 0;
        }
        memcpy(digits, value, size);
        digits[size] = '\0';
        return size > 0 && strspn(digits, "0123456789") == size && strtoll(digits, NULL, 10) == number;
    default:
        return 0;
    }
}

/* A list has what one of its items is. */
static int is(const object *self, const whi_condition *condition, uint32_t node, const char *value, size_t size) {
    const whi_json_node *nodes = self->json.nodes;
    int64_t wanted, found;
    char text[40];

    if (nodes[node].type == WHI_JSON_ARRAY) {
        for (uint32_t at = node + 1; at < nodes[node].next; at = nodes[at].next) {
            if (same(self, condition, at, value, size)) {
                return 1;
            }
        }
        return 0;
    }
    if (is_time(condition->field) && size < sizeof text) {
        memcpy(text, value, size);
        text[size] = '\0';
        return whi_time_parse(text, &wanted) == WH_OK && time_of(self, condition, node, &found) == WH_OK &&
               wanted == found;
    }
    return same(self, condition, node, value, size);
}

static int is_among(const object *self, const whi_condition *condition, uint32_t node) {
    const char *value = condition->value;

    for (;;) {
        size_t size = strcspn(value, ",");
        if (is(self, condition, node, value, size)) {
            return 1;
        }
        if (value[size] == '\0') {
            return 0;
        }
        value += size + 1;
    }
}

static int order_of(const object *self, const whi_condition *condition, uint32_t node, int *out) {
    int64_t wanted, found;

    if (is_time(condition->field)) {
        if (whi_time_parse(condition->value, &wanted) != WH_OK || time_of(self, condition, node, &found) != WH_OK) {
            return WH_EINVALID;
        }
        *out = (found > wanted) - (found < wanted);
        return WH_OK;
    }
    if (self->json.nodes[node].type != WHI_JSON_STRING) {
        return WH_EINVALID;
    }
    *out = whi_json_string_order(&self->json, node, condition->value, strlen(condition->value));
    return WH_OK;
}

static int holds(const object *self, const whi_condition *condition) {
    uint32_t node = whi_json_member(&self->json, 0, condition->field, strlen(condition->field));
    int order;

    if (node == WHI_JSON_NONE || self->json.nodes[node].type == WHI_JSON_NULL) {
        return condition->op == WHI_NE || condition->op == WHI_NIN;
    }
    switch (condition->op) {
    case WHI_EQ:
    case WHI_NE:
        return is(self, condition, node, condition->value, strlen(condition->value)) == (condition->op == WHI_EQ);
    case WHI_IN:
    case WHI_NIN:
        return is_among(self, condition, node) == (condition->op == WHI_IN);
    default:
        break;
    }
    if (order_of(self, condition, node, &order) != WH_OK) {
        return 0;
    }
    return condition->op == WHI_GT    ? order > 0
           : condition->op == WHI_GTE ? order >= 0
           : condition->op == WHI_LT  ? order < 0
                                      : order <= 0;
}

/* Of one that polls its source is to be well, too. */
static int read_facts(wh_engine *engine, const whi_subscription *s, whi_poll_standing *poll, whi_facts *facts) {
    int code = whi_insight_is_hopeful(engine, s->id, &facts->healthy);

    if (code != WH_OK || s->poll_type == NULL) {
        return code;
    }
    code = whi_poll_standing_read(engine, s, poll);
    whi_buf_char(&poll->runs, '\0');
    code = code == WH_OK ? whi_buf_status(&poll->runs) : code;
    facts->healthy &= poll->healthy;
    facts->checked_at = poll->checked_at;
    facts->runs = code == WH_OK && poll->runs.size > 1 ? poll->runs.data : NULL;
    return code;
}

/* One that is sent to two places is well while both are. */
static int read_twin(wh_engine *engine, const whi_subscription *twin, whi_facts *facts) {
    int hopeful = 1, code = whi_insight_is_hopeful(engine, twin->id, &hopeful);

    facts->also = twin;
    facts->healthy &= hopeful && twin->disabled == NULL;
    return code;
}

static int write_object(wh_engine *engine, const whi_system *system, const whi_registration *registration, int flags,
                        whi_buf *out) {
    whi_facts facts = { .healthy = 1 };
    whi_poll_standing poll = { .healthy = 1 };
    whi_registration *twin;
    int code;

    if (system->fields == NULL) {
        return whi_insight_document(engine, registration, flags & WHI_OBJECT_SECRET, out);
    }
    twin = whi_insight_subscription(engine, registration->subscription->twin);
    whi_buf_init(&poll.runs, SIZE_MAX / 4);
    code = whi_object_has_health(system) ? read_facts(engine, registration->subscription, &poll, &facts) : WH_OK;
    if (code == WH_OK && twin != NULL) {
        code = read_twin(engine, twin->subscription, &facts);
    }
    code = code == WH_OK ? whi_object_write(system, registration->subscription, &facts, flags, out) : code;
    whi_registration_unref(twin);
    whi_buf_free(&poll.runs);
    return code;
}

static int fits(wh_engine *engine, const whi_search *search, object *self, const whi_registration *registration,
                int *out) {
    int code;

    *out = search->all || whi_system_shows(search->system, registration->subscription);
    if (!*out || search->condition_count == 0) {
        return WH_OK;
    }
    whi_buf_clear(&self->text);
    self->subscription = registration->subscription;
    code = write_object(engine, search->system, registration, 0, &self->text);
    code = code == WH_OK ? whi_json_scan(&self->json, self->text.data, self->text.size, 128) : code;
    for (size_t i = 0; code == WH_OK && *out && i < search->condition_count; i++) {
        *out = holds(self, &search->conditions[i]);
    }
    return code;
}

/* -------------------------------------------------------------------------- walking */

static int keep(whi_search *search, whi_registration *registration) {
    if (search->count == search->capacity) {
        size_t capacity = search->capacity ? search->capacity * 2 : 64;
        whi_registration **more = whi_realloc(search->found, capacity * sizeof *more);
        if (more == NULL) {
            return whi_fail_memory();
        }
        search->found = more;
        search->capacity = capacity;
    }
    atomic_fetch_add(&registration->refs, 1);
    search->found[search->count++] = registration;
    return WH_OK;
}

/* One that fits: counted, passed over or kept. */
static int take(whi_search *search, whi_registration *registration) {
    size_t place = search->total++;

    if (search->sort_updated) {
        return keep(search, registration);
    }
    return place >= search->page.skip && search->count < search->page.limit ? keep(search, registration) : WH_OK;
}

static int is_full(const whi_search *search) {
    return search->count == search->page.limit && !search->counts && !search->sort_updated;
}

static int take_stride(wh_engine *engine, whi_search *search, object *self, whi_registration **some, size_t count) {
    int code = WH_OK, good;

    for (size_t i = 0; i < count; i++) {
        if (code == WH_OK && !is_full(search)) {
            code = fits(engine, search, self, some[i], &good);
            code = code == WH_OK && good ? take(search, some[i]) : code;
        }
        whi_registration_unref(some[i]);
    }
    return code;
}

static int walk(whi_call *call, whi_search *search) {
    whi_page page = { search->page.from, search->page.descending, 0, STRIDE };
    whi_registration *some[STRIDE];
    object self = { 0 };
    size_t count;
    int code;

    whi_buf_init(&self.text, SIZE_MAX / 4);
    do {
        code = whi_insight_page(call->engine, search->tenant, &page, some, &count, NULL);
        page.from = count > 0 ? some[count - 1]->subscription->id : 0;
        code = code == WH_OK ? take_stride(call->engine, search, &self, some, count) : code;
    } while (code == WH_OK && count == STRIDE && !is_full(search));
    whi_buf_free(&self.text);
    whi_json_free(&self.json);
    return code;
}

static int by_update(const void *a, const void *b) {
    const whi_subscription *one = (*(whi_registration *const *)a)->subscription;
    const whi_subscription *two = (*(whi_registration *const *)b)->subscription;

    if (one->updated_at != two->updated_at) {
        return one->updated_at < two->updated_at ? -1 : 1;
    }
    return (one->id > two->id) - (one->id < two->id);
}

/* All that were found become the page that was asked for. */
static void sort(whi_search *search) {
    size_t first = search->page.skip < search->count ? search->page.skip : search->count;
    size_t count = search->count - first < search->page.limit ? search->count - first : search->page.limit;

    if (search->count > 0) {
        qsort(search->found, search->count, sizeof *search->found, by_update);
    }
    for (size_t i = 0; search->page.descending && i < search->count / 2; i++) {
        whi_registration *one = search->found[i];
        search->found[i] = search->found[search->count - 1 - i];
        search->found[search->count - 1 - i] = one;
    }
    for (size_t i = 0; i < search->count; i++) {
        if (i < first || i >= first + count) {
            whi_registration_unref(search->found[i]);
        }
    }
    memmove(search->found, search->found + first, count * sizeof *search->found);
    search->count = count;
}

int whi_search_run(whi_call *call, whi_search *search) {
    int code = whi_insight_sync(call->engine);

    if (code != WH_OK) {
        return code;
    }
    code = walk(call, search);
    if (code == WH_OK && search->sort_updated && search->count > 0) {
        sort(search);
    }
    return code;
}

int whi_out_object(whi_call *call, const whi_registration *registration, int flags) {
    return write_object(call->engine, call->system, registration, flags, &call->out);
}

int whi_out_objects(whi_call *call, const whi_search *search) {
    int code = WH_OK;

    for (size_t i = 0; i < search->count && code == WH_OK; i++) {
        whi_buf_text(&call->out, i > 0 ? "," : "");
        code = whi_out_object(call, search->found[i], 0);
    }
    return code;
}
