/* Explain: why an event did, or did not, go to a subscription.
 *
 * Nothing is logged for it. The event, the versions of the subscription and the delivery
 * are in the store, and rules are deterministic: what was decided then is decided again. */
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/cursor.h"
#include "calls/past.h"
#include "calls/query.h"
#include "engine/budget.h"
#include "engine/context.h"
#include "engine/decide.h"
#include "engine/registry.h"
#include "engine/version.h"
#include "pure/delivery.h"
#include "pure/json.h"
#include "pure/poll.h"

#include <string.h>

#define FOUND_MAXIMUM 1024       /* bytes told of what a filter found */
#define FILTERS_DEPTH 16         /* as whi_filter_parse allows */
#define PAGE_US INT64_C(2000000) /* for the rules of one page */
#define ANSWER_MAXIMUM ((size_t)1 << 28)

typedef struct explaining {
    wh_engine *engine;
    whi_past *event;
    whi_decider decider;
    whi_buf out;
    int count;
} explaining;

/* One subscription that is asked about. */
typedef struct asked {
    int64_t id;
    whi_registration *present; /* NULL: deleted */
    whi_registration *decided; /* the version that did, or does; NULL: not kept, and deleted */
    int instead;               /* 1: decided is the present one because the right one is not kept */
    int later;                 /* 1: because it was made after the event */
    int delivered;             /* 1: there is a delivery, in what follows */
    int64_t version;
    int state, attempts, status;
    int64_t due; /* of a delivery that waits */
    char *error;
    const char *outcome;
    int judged; /* 1: filters, rule and fields were asked, decision has their answer */
    whi_decision decision;
} asked;

/* --------------------------------------------------------------- what is stored */

static int take_event(const whi_event_row *row, void *payload) {
    explaining *self = payload;

    return whi_past_new(&self->event, row);
}

static int read_event(explaining *self, const char *id) {
    whi_store *store = self->engine->store;
    int64_t number = 0;
    int code = store->vtable->event_number(store, id, NULL, &number);

    code = code == WH_OK ? store->vtable->event_get(store, number, take_event, self) : code;
    if (code == WH_ENOTFOUND) {
        return whi_fail_field(code, "event", "no such event");
    }
    return code == WH_OK ? whi_decider_scan(&self->decider, self->event->payload, self->event->payload_size) : code;
}

static int take_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    asked *one = payload;

    (void)event;
    one->delivered = 1;
    one->version = row->version;
    one->state = row->state;
    one->due = row->due;
    one->attempts = row->attempts;
    one->status = row->status;
    one->error = row->error != NULL ? whi_strdup(row->error, WH_ZSTR) : NULL;
    return row->error == NULL || one->error != NULL ? WH_OK : whi_fail_memory();
}

static int read_delivery(explaining *self, asked *one) {
    whi_store *store = self->engine->store;
    int code = store->vtable->delivery_get(store, self->event->number, one->id, take_delivery, one);

    return code == WH_ENOTFOUND ? WH_OK : code;
}

static whi_registration *another(whi_registration *registration) {
    if (registration != NULL) {
        atomic_fetch_add(&registration->refs, 1);
    }
    return registration;
}

/* The version with this number, or the present one in its stead. */
static int take_version(explaining *self, asked *one, int64_t version) {
    int code = WH_OK;

    if (one->present != NULL && one->present->subscription->version == version) {
        one->decided = another(one->present);
        return WH_OK;
    }
    code = whi_version_at(self->engine->store, one->id, version, &one->decided);
    if (code == WH_ENOTFOUND) {
        one->decided = another(one->present);
        one->instead = one->present != NULL;
        return WH_OK;
    }
    return code;
}

/* Of one whose first version says nothing of its beginning (it is older than such numbers are) the clocks
 * tell, as well as they can. */
static int came_later(const explaining *self, const whi_registration *first) {
    return first->since >= self->event->number ||
           (first->since == 0 && !self->event->pending && first->subscription->created_at > self->event->accepted_at);
}

/* The first version goes after all events before its end. */
static int look_whether_later(const explaining *self, asked *one) {
    whi_registration *first;
    int code = whi_version_at(self->engine->store, one->id, 1, &first);

    if (code == WH_OK) {
        one->later = came_later(self, first);
        whi_registration_unref(first);
    }
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static int take_version_then(explaining *self, asked *one) {
    int code = whi_version_then(self->engine->store, one->id, self->event->number, &one->decided);

    if (code != WH_OK && code != WH_ENOTFOUND) {
        return code;
    }
    code = one->decided == NULL || one->decided->since == 0 ? look_whether_later(self, one) : WH_OK;
    if (code == WH_OK && one->decided == NULL) {
        one->decided = another(one->present);
        one->instead = !one->later;
    }
    return code;
}

/* What was held and released (its delivery has version 0) is decided by the present version. */
static int read_versions(explaining *self, asked *one) {
    int code = whi_version_at(self->engine->store, one->id, 0, &one->present);

    if (code != WH_OK && code != WH_ENOTFOUND) {
        return code;
    }
    if (one->delivered && one->version != 0) {
        return take_version(self, one, one->version);
    }
    if (one->present == NULL) {
        return one->delivered ? WH_OK : whi_fail_field(WH_ENOTFOUND, "subscription", "no such subscription");
    }
    if (one->delivered) {
        one->decided = another(one->present);
        return WH_OK;
    }
    return take_version_then(self, one);
}

/* --------------------------------------------------------------------- judging */

/* The switches that counted, or will. */
static const whi_subscription *switches_of(const explaining *self, const asked *one) {
    return self->event->pending && one->present != NULL ? one->present->subscription : one->decided->subscription;
}

/* What fan-out's index and the switches say before the payload is looked at; NULL: nothing. */
static int turned_away(const explaining *self, const asked *one, const char **outcome) {
    const whi_subscription *s = one->decided->subscription, *switches = switches_of(self, one);
    const whi_past *event = self->event;
    whi_match *patterns;
    int fits, code = whi_past_patterns(&patterns, one->decided);

    code = code == WH_OK ? whi_past_fits(patterns, event->type, &fits) : code;
    whi_match_free(patterns);
    if (code != WH_OK) {
        return code;
    }
    *outcome = one->later                                                                ? "later"
               : strcmp(s->tenant, event->tenant) != 0                                   ? "tenant"
               : s->source != NULL && strcmp(s->source, event->source) != 0              ? "source"
               : !whi_poll_is_for(event->id, s->id, one->decided->hears)                 ? "poll"
               : !fits                                                                   ? "type"
               : switches->paused == WHI_PAUSE_DROPS                                     ? "paused"
               : switches->disabled != NULL                                              ? "disabled"
               : switches->expires_at != 0 && event->accepted_at >= switches->expires_at ? "expired"
                                                                                         : NULL;
    return WH_OK;
}

static int judge(explaining *self, asked *one) {
    int code = whi_past_decide(&self->decider, self->event, one->decided, &one->decision);

    one->judged = code == WH_OK;
    return code;
}

static int wants(const asked *one) {
    return one->judged && whi_past_goes(one->decided, &one->decision);
}

/* The one event of a single_use subscription was another one. */
static int is_used_up(const asked *one) {
    const whi_subscription *now = one->present != NULL ? one->present->subscription : NULL;

    return one->decided->subscription->single_use && now != NULL && now->disabled != NULL &&
           strcmp(now->disabled, "used") == 0;
}

static const char *outcome_of(const explaining *self, const asked *one) {
    if (one->delivered) {
        return whi_delivery_name(one->state);
    }
    if (wants(one)) {
        return self->event->pending ? "pending" : is_used_up(one) ? "disabled" : "missed";
    }
    switch (one->decision.verdict) {
    case WHI_FILTERED:
        return "filtered";
    case WHI_DROP:
        return "dropped";
    default:
        return "failed";
    }
}

static int find_out(explaining *self, asked *one) {
    int code = read_delivery(self, one);

    code = code == WH_OK ? read_versions(self, one) : code;
    if (code == WH_OK && !one->delivered) {
        code = turned_away(self, one, &one->outcome);
    }
    if (code == WH_OK && one->outcome == NULL) {
        code = one->decided != NULL ? judge(self, one) : WH_OK;
        one->outcome = outcome_of(self, one);
    }
    return code;
}

/* --------------------------------------------------------------------- telling */

/* What stands at a filter's path: the value; of arrays on the way a list of what their items
 * have there. */
typedef struct finding {
    const whi_json *json;
    whi_buf out;
    int is_list;
    int count;
} finding;

static void find_value(finding *self, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(self->json, node, &size);

    whi_buf_text(&self->out, self->count++ > 0 ? "," : "");
    whi_buf_add(&self->out, text, size < FOUND_MAXIMUM + 4 ? size : FOUND_MAXIMUM + 4);
}

static void find_path(finding *self, uint32_t node, const char *path) {
    const char *dot = strchr(path, '.');
    size_t size = dot != NULL ? (size_t)(dot - path) : strlen(path);
    uint32_t end = self->json->nodes[node].next;

    if (self->json->nodes[node].type != WHI_JSON_ARRAY) {
        node = whi_json_member(self->json, node, path, size);
        if (node != WHI_JSON_NONE && dot == NULL) {
            find_value(self, node);
        } else if (node != WHI_JSON_NONE) {
            find_path(self, node, dot + 1);
        }
        return;
    }
    self->is_list = 1;
    for (uint32_t at = node + 1; at < end && self->out.size <= FOUND_MAXIMUM; at = self->json->nodes[at].next) {
        find_path(self, at, path);
    }
}

/* Too long to be told: its beginning, as a text. */
static void tell_beginning(whi_buf *out, const whi_buf *text) {
    char begin[FOUND_MAXIMUM + 4];
    size_t kept = FOUND_MAXIMUM;

    while (kept > 0 && ((unsigned char)text->data[kept] & 0xc0) == 0x80) {
        kept--;
    }
    memcpy(begin, text->data, kept);
    memcpy(begin + kept, "\xe2\x80\xa6", 3); /* an ellipsis */
    whi_json_write_string(out, begin, kept + 3);
}

static int tell_found(const whi_json *payload, const char *path, whi_buf *out) {
    finding self = { .json = payload };
    int code;

    whi_buf_init(&self.out, (size_t)FOUND_MAXIMUM * 4);
    find_path(&self, 0, path);
    code = whi_buf_status(&self.out);
    whi_json_write_name(out, "found");
    if (code == WH_OK && self.out.size > FOUND_MAXIMUM) {
        tell_beginning(out, &self.out);
    } else if (code == WH_OK) {
        whi_buf_text(out, self.is_list ? "[" : self.count == 0 ? "null" : "");
        whi_buf_add(out, self.out.data, self.out.size);
        whi_buf_text(out, self.is_list ? "]" : "");
    }
    whi_buf_free(&self.out);
    return code;
}

static int tell_expected(const char *filters, const char *path, whi_buf *out) {
    whi_json json = { 0 };
    int code = whi_json_scan(&json, filters, strlen(filters), FILTERS_DEPTH);
    uint32_t node = code == WH_OK ? whi_json_member(&json, 0, path, strlen(path)) : WHI_JSON_NONE;
    const char *text = "null";
    size_t size = 4;

    if (node != WHI_JSON_NONE) {
        text = whi_json_span(&json, node, &size);
    }
    whi_json_write_name(out, "expected");
    whi_buf_add(out, text, size);
    whi_json_free(&json);
    return code;
}

static int tell_filter(explaining *self, const asked *one) {
    const char *path = one->decision.path;
    int code;

    whi_tell_text(&self->out, "path", path);
    code = tell_expected(one->decided->subscription->filters, path, &self->out);
    return code == WH_OK ? tell_found(&self->decider.json, path, &self->out) : code;
}

/* What it waits for though it is due, as far as it is this process that sends it; NULL: its turn. */
static const char *waits_for(const explaining *self, const asked *one) {
    whi_registration *now = whi_registry_get(self->engine->registry, one->id);
    int64_t time = whi_now(self->engine);
    int64_t rated = now != NULL ? atomic_load(&now->rated_until) : 0,
            tenant = now != NULL ? atomic_load(&now->tenant_until) : 0,
            probe = now != NULL ? atomic_load(&now->probe_at) : 0,
            pause = now != NULL ? atomic_load(&now->rests_until) : 0;

    whi_registration_unref(now);
    if (one->state != WHI_WAITING || one->due > time) {
        return NULL;
    }
    return probe > time    ? "breaker"
           : pause > time  ? "response_rule"
           : rated > time  ? "rate"
           : tenant > time ? "tenant_rate"
                           : NULL;
}

static void tell_delivery(explaining *self, const asked *one) {
    const char *what = waits_for(self, one);
    char id[WH_ID_SIZE];

    whi_ident_delivery(self->event->number, one->id, id);
    whi_tell_text(&self->out, "delivery", id);
    whi_tell_int(&self->out, "attempts", one->attempts);
    if (one->status != 0) {
        whi_tell_int(&self->out, "status", one->status);
    } else {
        whi_tell_text(&self->out, "status", NULL);
    }
    whi_tell_text(&self->out, "error", one->error);
    if (what != NULL) {
        whi_tell_text(&self->out, "waits_for", what);
    }
}

static int tell_cost(explaining *self, const asked *one) {
    const whi_decision *decision = &one->decision;
    size_t size;
    int code = WH_OK;

    if (one->decided->subscription->rule != NULL && decision->verdict != WHI_FILTERED) {
        whi_tell_int(&self->out, "cpu_us", decision->cpu_us);
        whi_tell_int(&self->out, "memory", decision->memory);
    }
    if (wants(one)) {
        code = whi_past_size(one->decided, self->event, decision, &size);
        whi_tell_int(&self->out, "bytes", code == WH_OK ? (int64_t)size : 0);
    }
    return code;
}

static int tell_judgement(explaining *self, const asked *one) {
    int code = WH_OK;

    if (one->decision.verdict == WHI_FILTERED && !one->delivered) {
        code = tell_filter(self, one);
    } else if (one->decision.verdict == WHI_FAILED) {
        whi_tell_failure(&self->out, one->decision.code, &one->decision.error);
    }
    return code == WH_OK ? tell_cost(self, one) : code;
}

/* What its switches said. */
static void tell_reason(explaining *self, const asked *one) {
    const whi_subscription *s = switches_of(self, one);
    char time[WHI_TIME_SIZE];

    if (strcmp(one->outcome, "disabled") == 0) {
        whi_tell_text(&self->out, "reason", s->disabled != NULL ? s->disabled : "used");
    } else if (strcmp(one->outcome, "expired") == 0) {
        whi_time_text(s->expires_at, time);
        whi_tell_text(&self->out, "expires_at", time);
    }
}

/* By its own purse, or by what the process wrote that is to decide it. */
static int tell_budget(explaining *self, const asked *one) {
    whi_store *store = self->engine->store;
    int waits = whi_budget_is_spent(self->engine, self->event->tenant), code = WH_OK;

    if (strcmp(one->outcome, "pending") != 0 || !whi_decide_looks_inside(one->decided)) {
        return WH_OK;
    }
    if (!waits) {
        code = store->vtable->lag_waits(store, one->id, &waits);
    }
    if (waits) {
        whi_tell_text(&self->out, "reason", "waits for the tenant's budget");
    }
    return code;
}

/* Whose deliveries these are besides. */
static void tell_twin(explaining *self, const asked *one) {
    const whi_registration *known = one->present != NULL ? one->present : one->decided;
    char id[WH_ID_SIZE];

    if (known != NULL && known->subscription->twin_of != 0) {
        whi_ident_format("sub_", known->subscription->twin_of, id);
        whi_tell_text(&self->out, "twin_of", id);
    }
}

static int tell(explaining *self, const asked *one) {
    char id[WH_ID_SIZE];
    int code = WH_OK;

    whi_ident_format("sub_", one->id, id);
    whi_buf_text(&self->out, self->count++ > 0 ? ",{" : "{");
    whi_tell_text(&self->out, "subscription", id);
    tell_twin(self, one);
    whi_tell_text(&self->out, "outcome", one->outcome);
    whi_tell_int(&self->out, "version", one->decided != NULL ? one->decided->subscription->version : one->version);
    whi_tell_flag(&self->out, "present", one->instead);
    if (one->delivered) {
        tell_delivery(self, one);
    }
    if (one->decided != NULL) {
        tell_reason(self, one);
        code = tell_budget(self, one);
    }
    if (code == WH_OK && one->judged) {
        code = tell_judgement(self, one);
    }
    whi_buf_char(&self->out, '}');
    return code == WH_OK ? whi_buf_status(&self->out) : code;
}

static int explain_one(explaining *self, int64_t id, int64_t *twin) {
    asked one = { .id = id };
    int code = find_out(self, &one);

    code = code == WH_OK ? tell(self, &one) : code;
    *twin = one.present != NULL ? one.present->subscription->twin : 0;
    whi_decision_free(&one.decision);
    whi_registration_unref(one.decided);
    whi_registration_unref(one.present);
    whi_free(one.error);
    return code;
}

/* ----------------------------------------------------------------------- the page */

typedef struct page {
    int64_t *ids;
    int64_t count;
} page;

static int take_id(const whi_subscription_row *row, void *payload) {
    page *self = payload;

    self->ids[self->count++] = row->id;
    return WH_OK;
}

/* One that is deleted meanwhile is left out. Where rules take long the page ends before its last. */
static int explain_ids(explaining *self, const page *ids, whi_store_place *place) {
    int64_t until = whi_monotonic_us() + PAGE_US;
    int64_t twin;
    int code = WH_OK;

    for (int64_t i = 0; i < ids->count && code == WH_OK; i++) {
        if (i > 0 && whi_monotonic_us() > until) {
            *place = (whi_store_place){ .subscription = ids->ids[i - 1], .more = 1 };
            break;
        }
        code = explain_one(self, ids->ids[i], &twin); /* which is one of the list itself */
        code = code == WH_ENOTFOUND ? WH_OK : code;
    }
    return code;
}

static int explain_all(explaining *self, const wh_query *query, whi_store_query *rows, whi_store_place *place) {
    whi_store *store = self->engine->store;
    page ids = { NULL, 0 };
    int code;

    code = whi_cursor_read(query, "sub_", &rows->before_subscription);
    if (code != WH_OK) {
        return code;
    }
    ids.ids = whi_alloc((size_t)rows->limit * sizeof *ids.ids);
    if (ids.ids == NULL) {
        return whi_fail_memory();
    }
    rows->tenant = self->event->tenant;
    code = store->vtable->subscription_list(store, rows, take_id, &ids, place);
    code = code == WH_OK ? explain_ids(self, &ids, place) : code;
    whi_free(ids.ids);
    return code;
}

static int explain(explaining *self, const char *subscription, const wh_query *query, whi_store_query *rows,
                   whi_store_place *place) {
    int64_t id, twin, none;
    int code;

    whi_tell_text(&self->out, "event", self->event->id);
    whi_buf_text(&self->out, ",\"items\":[");
    if (subscription == NULL) {
        return explain_all(self, query, rows, place);
    }
    if (whi_ident_parse("sub_", subscription, &id) != WH_OK) {
        return whi_fail_field(WH_ENOTFOUND, "subscription", "no such subscription");
    }
    code = explain_one(self, id, &twin);
    return code == WH_OK && twin != 0 ? explain_one(self, twin, &none) : code;
}

static int limits_of(wh_engine *engine, const wh_query *query, whi_store_query *rows) {
    wh_query used = WH_QUERY_INIT;

    used.limit = query->limit;
    return whi_query_read(engine, &used, rows);
}

int wh_explain(wh_engine *engine, const char *event, const char *subscription, const wh_query *given, char **out,
               size_t *size) {
    explaining self = { .engine = engine };
    whi_store_query rows;
    wh_query query;
    whi_store_place place = { 0 };
    char next[WH_ID_SIZE];
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (event == NULL || out == NULL) {
        return whi_fail_field(WH_EINVALID, event == NULL ? "event" : "out", "expected one, found NULL");
    }
    *out = NULL;
    code = whi_query_take(&query, given);
    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&self.out, ANSWER_MAXIMUM);
    whi_buf_char(&self.out, '{');
    whi_decider_init(&self.decider, engine->options.rules, &engine->options.limits);
    code = limits_of(engine, &query, &rows);
    code = code == WH_OK ? read_event(&self, event) : code;
    code = code == WH_OK ? explain(&self, subscription, &query, &rows, &place) : code;
    whi_decider_close(&self.decider);
    whi_free(self.event);
    if (code != WH_OK) {
        whi_buf_free(&self.out);
        return code;
    }
    whi_ident_format("sub_", place.subscription, next);
    whi_buf_char(&self.out, ']');
    whi_tell_text(&self.out, "next", place.more ? next : NULL);
    whi_buf_char(&self.out, '}');
    return whi_buf_take(&self.out, out, size);
}
