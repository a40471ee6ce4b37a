/* Truto's routes: /webhook. Lists are newest first, with cursors in both directions. */
#include "faces/api_truto.h"
#include "calls/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "systems/truto.h"

#define LIMIT_DEFAULT 100 /* none is documented */

/* --------------------------------------------------------------------------- lists */

static int read_operator(const char *name, size_t size, int *out) {
    static const char *const names[] = {
        [WHI_EQ] = "eq", [WHI_NE] = "ne",   [WHI_IN] = "in", [WHI_NIN] = "nin",
        [WHI_GT] = "gt", [WHI_GTE] = "gte", [WHI_LT] = "lt", [WHI_LTE] = "lte",
    };
    _Static_assert(sizeof names / sizeof names[0] == WHI_LTE + 1, "a name for each operator");

    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0) {
            *out = i;
            return WH_OK;
        }
    }
    return WH_EINVALID;
}

static int check_value(const whi_parameter *parameter, const char *field, int op) {
    size_t size = strlen(field);
    int64_t time;

    return size > 3 && strcmp(field + size - 3, "_at") == 0 && op != WHI_IN && op != WHI_NIN
               ? whi_time_read(parameter->name, parameter->value, &time)
               : WH_OK;
}

static int fail_filter(const whi_parameter *parameter, const char *reason) {
    char field[41];

    snprintf(field, sizeof field, "%.40s", parameter->name);
    return whi_fail_field(WH_EINVALID, field, "%s", reason);
}

/* How much of a name stands before "[]" or "[0]", by which clients write the items of a list. */
static size_t size_of_list(const char *name) {
    size_t end = strlen(name), at = end > 0 && name[end - 1] == ']' ? end - 1 : 0;

    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') {
        at--;
    }
    return at > 1 && name[at - 1] == '[' ? at - 1 : end;
}

static int is_of_list(const whi_parameter *parameter, const char *name, size_t size) {
    return strncmp(parameter->name, name, size) == 0 && size_of_list(parameter->name) == size &&
           parameter->name[size] == '[';
}

/* All the items of the list that the parameter at index begins, with commas; NULL: it does not begin one. */
static int join(whi_call *call, size_t index, size_t size, const char **out) {
    const char *name = call->parameters[index].name;
    whi_buf text;
    int code;

    *out = NULL;
    whi_buf_init(&text, SIZE_MAX / 4);
    for (size_t i = 0; i < call->parameter_count; i++) {
        if (!is_of_list(&call->parameters[i], name, size)) {
            continue;
        }
        if (i < index) {
            return WH_OK;
        }
        whi_buf_text(&text, i > index ? "," : "");
        whi_buf_text(&text, call->parameters[i].value);
    }
    code = whi_buf_status(&text);
    if (code == WH_OK) {
        *out = whi_call_keep(call, text.data, text.size);
        code = *out != NULL ? WH_OK : whi_fail_memory();
    }
    whi_buf_free(&text);
    return code;
}

/* What stands behind a field's name: nothing, or "[op]". A list without an operator is one of "in". */
static int read_condition(const char *name, size_t field, size_t size, int is_list, int *op) {
    *op = is_list ? WHI_IN : WHI_EQ;
    if (field < size && (name[size - 1] != ']' || read_operator(name + field + 1, size - field - 2, op) != WH_OK)) {
        return WH_EINVALID;
    }
    return !is_list || *op == WHI_IN || *op == WHI_NIN ? WH_OK : WH_EINVALID;
}

/* A tenant's name is taken for its UUID, which is what objects have. */
static int as_environments(whi_call *call, const char **value) {
    char item[WH_ID_SIZE + 1], environment[WHI_UUID_SIZE];
    const char *at = *value;
    whi_buf text;
    int code = WH_OK;

    whi_buf_init(&text, SIZE_MAX / 4);
    for (;;) {
        size_t size = strcspn(at, ",");
        snprintf(item, sizeof item, "%.*s", (int)(size < WH_ID_SIZE ? size : WH_ID_SIZE), at);
        code = code == WH_OK ? whi_truto_environment(item, environment) : code;
        whi_buf_text(&text, code == WH_OK ? environment : "");
        if (at[size] == '\0') {
            break;
        }
        whi_buf_char(&text, ',');
        at += size + 1;
    }
    code = code == WH_OK ? whi_buf_status(&text) : code;
    if (code == WH_OK) {
        *value = whi_call_keep(call, text.data, text.size);
        code = *value != NULL ? WH_OK : whi_fail_memory();
    }
    whi_buf_free(&text);
    return code;
}

static int add_filter(whi_call *call, whi_search *search, const whi_parameter *parameter, const char *field, int op) {
    int code = check_value(parameter, field, op), is_environment = strcmp(field, "environment_id") == 0;
    const char *value = parameter->value;

    if (code == WH_OK && strcmp(field, "target_url") == 0) {
        return whi_search_add_url(call, search, field, op, value);
    }
    code = code == WH_OK && is_environment ? as_environments(call, &value) : code;
    return code == WH_OK ? whi_search_add(search, field, op, value, is_environment || strcmp(field, "id") == 0) : code;
}

/* "field=value", "field[op]=value", or a list: "field[in][]=value" and "field[in][0]=value", each once or
 * more. What is none of these is left to those who know it. */
static int read_filter(whi_call *call, whi_search *search, size_t index) {
    static const char *const fields[] = { "id",         "is_active",  "target_url", "environment_id",
                                          "created_at", "updated_at", "event_types" };
    whi_parameter parameter = call->parameters[index];
    size_t field = strcspn(parameter.name, "["), end = strlen(parameter.name), size = size_of_list(parameter.name);
    int op, code = WH_OK;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strlen(fields[i]) != field || memcmp(fields[i], parameter.name, field) != 0) {
            continue;
        }
        if (read_condition(parameter.name, field, size, size < end, &op) != WH_OK) {
            return fail_filter(&parameter, "expected one of [eq] [ne] [in] [nin] [gt] [gte] [lt] [lte]");
        }
        code = size < end ? join(call, index, size, &parameter.value) : WH_OK;
        return code == WH_OK && parameter.value != NULL ? add_filter(call, search, &parameter, fields[i], op) : code;
    }
    return field == end ? WH_OK : fail_filter(&parameter, "no such field to filter by");
}

/* The cursor tells its direction itself, so that it may come under either name. */
static int read_cursor(whi_call *call, whi_search *search) {
    const char *text = whi_call_parameter(call, "next_cursor");

    text = text != NULL && text[0] != '\0' ? text : whi_call_parameter(call, "prev_cursor");
    search->page.descending = 1;
    if (text == NULL || text[0] == '\0' || strcmp(text, "null") == 0) {
        return WH_OK;
    }
    if (whi_ident_parse("nxt_", text, &search->page.from) == WH_OK) {
        return WH_OK;
    }
    search->page.descending = 0;
    return whi_ident_parse("prv_", text, &search->page.from) == WH_OK
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "next_cursor", "expected one that a list has given");
}

static int read_search(whi_call *call, whi_search *search) {
    int64_t limit;
    int active, code = whi_search_scope(call, search);

    code = code == WH_OK ? whi_call_flag(call, "is_active", &active) : code;
    code = code == WH_OK
               ? whi_call_limit(call, whi_insight_options(call->engine)->limits.page_items, LIMIT_DEFAULT, &limit)
               : code;
    code = code == WH_OK ? read_cursor(call, search) : code;
    for (size_t i = 0; code == WH_OK && i < call->parameter_count; i++) {
        if (call->parameters[i].value[0] != '\0') {
            code = read_filter(call, search, i);
        }
    }
    search->page.limit = code == WH_OK ? (size_t)limit : 0;
    return code;
}

/* 1 in out if something that fits lies beyond this id. */
static int has_more(whi_call *call, const whi_search *search, int64_t from, int descending, int *out) {
    whi_search further = *search;
    int code;

    further.page = (whi_page){ from, descending, 0, 1 };
    further.found = NULL;
    further.count = further.capacity = further.total = 0;
    code = whi_search_run(call, &further);
    *out = further.count > 0;
    whi_search_free(&further);
    return code;
}

static int write_cursor(whi_call *call, const whi_search *search, const char *name, const char *prefix, int64_t from,
                        int descending) {
    char cursor[WH_ID_SIZE];
    int more = 0, code = from > 0 ? has_more(call, search, from, descending, &more) : WH_OK;

    whi_ident_format(prefix, from, cursor);
    whi_out_text(call, name, code == WH_OK && more ? cursor : NULL);
    return code;
}

/* A page that was walked upwards is shown downwards, as all. */
static void turn(whi_search *search) {
    for (size_t i = 0; i < search->count / 2; i++) {
        whi_registration *one = search->found[i];
        search->found[i] = search->found[search->count - 1 - i];
        search->found[search->count - 1 - i] = one;
    }
}

/* The ids at both ends of the page. An empty one lies just beyond its cursor, so that its own
 * cursors lead back; 0: beyond it is nothing. */
static void find_ends(const whi_search *search, int64_t *newest, int64_t *oldest) {
    const whi_page *page = &search->page;

    if (search->count > 0) {
        *newest = search->found[0]->subscription->id;
        *oldest = search->found[search->count - 1]->subscription->id;
        return;
    }
    *newest = page->descending && page->from > 1 ? page->from - 1 : 0;
    *oldest = page->descending ? 0 : page->from < INT64_MAX ? page->from + 1 : page->from;
}

static int write_page(whi_call *call, whi_search *search) {
    int64_t newest, oldest;
    int code;

    if (!search->page.descending) {
        turn(search);
    }
    find_ends(search, &newest, &oldest);
    whi_buf_text(&call->out, "{\"result\":[");
    code = whi_out_objects(call, search);
    whi_buf_char(&call->out, ']');
    code = code == WH_OK ? write_cursor(call, search, "next_cursor", "nxt_", oldest, 1) : code;
    code = code == WH_OK ? write_cursor(call, search, "prev_cursor", "prv_", newest, 0) : code;
    whi_buf_char(&call->out, '}');
    return code;
}

static int serve_list(whi_call *call) {
    whi_search search = { .system = call->system };
    int code = read_search(call, &search);

    code = code == WH_OK ? whi_search_run(call, &search) : code;
    code = code == WH_OK ? write_page(call, &search) : code;
    whi_search_free(&search);
    return code;
}

/* ------------------------------------------------------------------------- one webhook */

/* Whether a success is 200 or 201 is not documented; 200 is what its other calls answer. The
 * environment is the token's; who has several names it. */
static int serve_make(whi_call *call) {
    const char *tenant = whi_call_parameter(call, "tenant"), *environment;
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_body_text(call, 0, "environment_id", &environment);

    if (code == WH_OK && tenant == NULL && environment != NULL && call->all) {
        code = whi_truto_tenant(call, environment, &tenant);
    }
    code = code == WH_OK ? whi_make(call, tenant, NULL, id, &made) : code;
    return code == WH_OK ? whi_answer_object(call, made, id, WHI_OBJECT_SECRET) : code;
}

static int serve_remove(whi_call *call) {
    char id[WH_ID_SIZE];
    int code = whi_remove(call, id);

    if (code == WH_OK) {
        whi_call_fall_back(call, id);
    }
    return code;
}

/* ------------------------------------------------------------------------------ test */

#define TEST_PAYLOAD "{\"foo\":\"bar\"}"
#define TEST_PATIENCE 5000 /* ms beyond the attempt's own time-out */

/* The target's failure is the gateway's to tell: 502, or 504 when it, or the attempt, was late. */
static int send_test(whi_call *call, const whi_registration *registration, const char *type) {
    int64_t timeout = registration->subscription->timeout;
    char error[256] = "";
    int status, code;

    if (!whi_subscription_may_send(registration->subscription)) {
        return whi_fail_field(WH_ECONFLICT, "id", "this webhook is not active");
    }
    timeout = (timeout > 0 ? timeout : whi_insight_options(call->engine)->timeout) + TEST_PATIENCE;
    code = whi_engine_test(call->engine, registration->subscription->id, type, TEST_PAYLOAD, strlen(TEST_PAYLOAD),
                           timeout, &status, error, sizeof error);
    if (code == WH_OK) {
        whi_buf_text(&call->out, "{\"success\":true}");
        return WH_OK;
    }
    if (status > 0) {
        return whi_refuse(call, 502, NULL, "the target answered %d", status);
    }
    if (code == WH_ETIMEOUT) {
        return whi_refuse(call, 504, NULL, "the target gave no answer in time");
    }
    return wh_error_group(code)[0] == 'n' ? whi_refuse(call, 502, NULL, "the target was not reached: %s", error) : code;
}

static int serve_test(whi_call *call) {
    static const char *const names[] = { "id", "event_type", NULL };
    const char *id, *type;
    whi_registration *found = NULL;
    int code = whi_body_only(call, 0, names);

    code = code == WH_OK ? whi_body_text(call, 0, "id", &id) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "event_type", &type) : code;
    if (code == WH_OK && id == NULL) {
        code = whi_fail_field(WH_EINVALID, "id", "expected a webhook's, found nothing");
    }
    code = code == WH_OK ? whi_scope_subscription(call, id, &found) : code;
    code = code == WH_OK ? send_test(call, found, type != NULL ? type : "test") : code;
    whi_registration_unref(found);
    return code;
}

const whi_handler whi_handlers_truto[] = {
    { "list", serve_list },     { "make", serve_make }, { "get", whi_serve_get },       { "change", whi_serve_change },
    { "remove", serve_remove }, { "test", serve_test }, { "log", whi_serve_truto_log }, { NULL, NULL },
};
