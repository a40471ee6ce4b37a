/* Tests: test_subscription_control. */
#include "systems/subscription_control.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/match.h"
#include "pure/retry.h"

#define TIMEOUT_MOST 300000 /* ms */
#define PERCENT_MOST 100

/* ----------------------------------------------------------------------- lists of delays */

static int read_delays(const whi_values *from, uint32_t node, const char *field, int64_t **out, size_t *out_count) {
    uint32_t count = from->json->nodes[node].count, at = node + 1;
    int64_t *list;
    int code = whi_value_count(from, node, field, 1, WHI_RETRY_MAXIMUM, "integers");

    if (code != WH_OK) {
        return code;
    }
    list = whi_calloc(count, sizeof *list);
    if (list == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t i = 0; i < count; i++, at = from->json->nodes[at].next) {
        code = whi_value_integer(from, at, NULL, 0, WHI_RETRY_DELAY_MAXIMUM, &list[i]);
        if (code != WH_OK) {
            whi_free(list);
            return whi_fail_within_item(code, field, i);
        }
    }
    whi_free(*out);
    *out = list;
    *out_count = count;
    return WH_OK;
}

static int check_pattern(const char *text) {
    return whi_pattern_check(text) == WH_OK
               ? WH_OK
               : whi_fail(WH_EINVALID, "expected a type, \"*\", \"prefix.*\" or \"prefix:*\"");
}

static int list_delays(whi_values *from, uint32_t node, whi_retry_list *list) {
    if (!whi_value_is(from, node, WHI_JSON_ARRAY)) {
        return whi_value_refuse(from, node, "retry.delays", "a list of integers (milliseconds)");
    }
    return read_delays(from, node, "retry.delays", &list->delays, &list->delay_count);
}

static int list_member(whi_values *from, uint32_t name, whi_retry_list *list) {
    const whi_json *json = from->json;

    if (whi_value_is_null(from, name + 1)) {
        return WH_OK;
    }
    if (whi_json_string_is(json, name, "events", 6)) {
        whi_subscription_free_texts(list->events, list->event_count);
        list->event_count = 0;
        return whi_value_texts(from, name + 1, "retry.events", 1, WHI_SUBSCRIPTION_EVENTS, check_pattern, &list->events,
                               &list->event_count);
    }
    if (whi_json_string_is(json, name, "delays", 6)) {
        return list_delays(from, name + 1, list);
    }
    return whi_json_string_is(json, name, "within", 6)
               ? whi_value_integer(from, name + 1, "retry.within", 1, WHI_RETRY_WITHIN_SECONDS, &list->within)
               : whi_fail_field(WH_EINVALID, "retry", "unknown member, expected events, delays and within");
}

static int read_list(whi_values *from, uint32_t node, whi_retry_list *list) {
    int code = WH_OK;

    if (!whi_value_is(from, node, WHI_JSON_OBJECT)) {
        return whi_value_refuse(from, node, "retry", "an object of events, delays and within, as the first");
    }
    for (uint32_t at = whi_json_first(from->json, node); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(from->json, node, at)) {
        code = list_member(from, at, list);
    }
    if (code == WH_OK && list->delays == NULL && list->within == 0) {
        code = whi_fail_field(WH_EINVALID, "retry", "expected delays or within in each list, found neither");
    }
    return code;
}

static int read_lists(whi_subscription *s, whi_values *from, uint32_t node) {
    uint32_t count = from->json->nodes[node].count, at = node + 1;
    whi_retry_list *lists;
    int code = whi_value_count(from, node, "retry", 1, WHI_RETRY_LISTS, "lists");

    if (code != WH_OK) {
        return code;
    }
    lists = whi_calloc(count, sizeof *lists);
    if (lists == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t i = 0; i < count && code == WH_OK; i++, at = from->json->nodes[at].next) {
        code = read_list(from, at, &lists[i]);
    }
    if (code != WH_OK) {
        whi_retry_lists_free(lists, count);
        return code;
    }
    whi_retry_lists_free(s->retrying.lists, s->retrying.list_count);
    s->retrying.lists = lists;
    s->retrying.list_count = count;
    return WH_OK;
}

static void forget_delays(whi_subscription *s) {
    whi_free(s->retry);
    s->retry = NULL;
    s->retry_count = 0;
}

static void forget_lists(whi_subscription *s) {
    whi_retry_lists_free(s->retrying.lists, s->retrying.list_count);
    s->retrying.lists = NULL;
    s->retrying.list_count = 0;
}

int whi_subscription_take_retry(whi_subscription *s, whi_values *from, uint32_t node) {
    int code;

    if (whi_value_is_null(from, node)) {
        forget_delays(s);
        forget_lists(s);
        return WH_OK;
    }
    if (!whi_value_is(from, node, WHI_JSON_ARRAY)) {
        return whi_value_refuse(from, node, "retry", "a list of integers (milliseconds)");
    }
    if (from->json->nodes[node].count > 0 && whi_value_is(from, node + 1, WHI_JSON_OBJECT)) {
        code = read_lists(s, from, node);
        if (code == WH_OK) {
            forget_delays(s);
        }
        return code;
    }
    code = read_delays(from, node, "retry", &s->retry, &s->retry_count);
    if (code == WH_OK) {
        forget_lists(s);
    }
    return code;
}

static void put_delays(const int64_t *delays, size_t count, whi_buf *out) {
    whi_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        whi_buf_text(out, i > 0 ? "," : "");
        whi_buf_int(out, delays[i]);
    }
    whi_buf_char(out, ']');
}

static void put_events(const whi_retry_list *list, whi_buf *out) {
    whi_json_write_name(out, "events");
    whi_buf_char(out, '[');
    for (size_t i = 0; i < list->event_count; i++) {
        whi_buf_text(out, i > 0 ? "," : "");
        whi_json_write_string(out, list->events[i], strlen(list->events[i]));
    }
    whi_buf_char(out, ']');
}

static void put_list(const whi_retry_list *list, whi_buf *out) {
    whi_buf_char(out, '{');
    if (list->event_count > 0) {
        put_events(list, out);
    }
    if (list->delays != NULL) {
        whi_json_write_name(out, "delays");
        put_delays(list->delays, list->delay_count, out);
    }
    if (list->within > 0) {
        whi_json_write_name(out, "within");
        whi_buf_int(out, list->within);
    }
    whi_buf_char(out, '}');
}

void whi_subscription_put_retry(const whi_subscription *s, int brief, whi_buf *out) {
    if (s->retry == NULL && s->retrying.lists == NULL && brief) {
        return;
    }
    whi_json_write_name(out, "retry");
    if (s->retry != NULL) {
        put_delays(s->retry, s->retry_count, out);
        return;
    }
    if (s->retrying.lists == NULL) {
        whi_buf_text(out, "null");
        return;
    }
    whi_buf_char(out, '[');
    for (size_t i = 0; i < s->retrying.list_count; i++) {
        whi_buf_text(out, i > 0 ? "," : "");
        put_list(&s->retrying.lists[i], out);
    }
    whi_buf_char(out, ']');
}

/* ------------------------------------------------------------------- what is tried again */

#define CLASS_FIRST (WHI_RETRY_STATUS_LEAST / 100)
#define CLASS_LAST (WHI_RETRY_STATUS_MOST / 100)

static int refuse_class(const whi_values *from, uint32_t node) {
    return whi_value_refuse(
        from, node, NULL,
        "\"network\", \"timeout\", \"3xx\", \"4xx\", \"5xx\" or a status from 300 to 599, such as 429");
}

static int add_class(const whi_values *from, uint32_t node, whi_retry_on *on) {
    char name[] = "0xx";

    if (whi_json_string_is(from->json, node, "network", 7)) {
        on->network = 1;
        return WH_OK;
    }
    if (whi_json_string_is(from->json, node, "timeout", 7)) {
        on->timeout = 1;
        return WH_OK;
    }
    for (int class = CLASS_FIRST; class <= CLASS_LAST; class ++) {
        name[0] = (char)('0' + class);
        if (whi_json_string_is(from->json, node, name, 3)) {
            for (int status = class * 100; status < class * 100 + 100; status++) {
                whi_retry_on_add(on, status);
            }
            return WH_OK;
        }
    }
    return refuse_class(from, node);
}

static int add_item(const whi_values *from, uint32_t node, whi_retry_on *on) {
    int64_t status;

    if (whi_value_is(from, node, WHI_JSON_STRING)) {
        return add_class(from, node, on);
    }
    if (!whi_value_is(from, node, WHI_JSON_NUMBER) || !whi_json_int(from->json, node, &status) ||
        status < WHI_RETRY_STATUS_LEAST || status > WHI_RETRY_STATUS_MOST) {
        return refuse_class(from, node);
    }
    whi_retry_on_add(on, (int)status);
    return WH_OK;
}

int whi_subscription_take_retry_on(whi_subscription *s, whi_values *from, uint32_t node) {
    whi_retry_on on = { 0 };
    uint32_t at = node + 1;
    int code = WH_OK;

    if (!whi_value_is_null(from, node)) {
        if (!whi_value_is(from, node, WHI_JSON_ARRAY)) {
            return whi_value_refuse(from, node, "retry_on", "a list of classes and statuses");
        }
        on.given = 1;
        for (uint32_t i = 0; i < from->json->nodes[node].count && code == WH_OK; i++, at = from->json->nodes[at].next) {
            code = add_item(from, at, &on);
            code = code == WH_OK ? code : whi_fail_within_item(code, "retry_on", i);
        }
    }
    if (code == WH_OK) {
        s->retrying.on = on;
    }
    return code;
}

static int has_class(const whi_retry_on *on, int class) {
    int all = 1;

    for (int status = class * 100; status < class * 100 + 100; status++) {
        all &= whi_retry_on_has(on, status);
    }
    return all;
}

static void put_statuses(const whi_retry_on *on, int class, int *count, whi_buf *out) {
    if (has_class(on, class)) {
        whi_buf_format(out, "%s\"%dxx\"", (*count)++ > 0 ? "," : "", class);
        return;
    }
    for (int status = class * 100; status < class * 100 + 100; status++) {
        if (whi_retry_on_has(on, status)) {
            whi_buf_format(out, "%s%d", (*count)++ > 0 ? "," : "", status);
        }
    }
}

void whi_subscription_put_retry_on(const whi_subscription *s, whi_buf *out) {
    const whi_retry_on *on = &s->retrying.on;
    int count = on->network + on->timeout;

    if (!on->given) {
        return;
    }
    whi_json_write_name(out, "retry_on");
    whi_buf_format(out, "[%s%s%s", on->network ? "\"network\"" : "", count == 2 ? "," : "",
                   on->timeout ? "\"timeout\"" : "");
    for (int class = CLASS_FIRST; class <= CLASS_LAST; class ++) {
        put_statuses(on, class, &count, out);
    }
    whi_buf_char(out, ']');
}

/* --------------------------------------------------------------------------- numbers */

int whi_subscription_take_jitter(whi_subscription *s, whi_values *from, uint32_t node) {
    int64_t percent = WHI_JITTER_PERCENT;
    int code =
        whi_value_is_null(from, node) ? WH_OK : whi_value_integer(from, node, "jitter", 0, PERCENT_MOST, &percent);

    s->retrying.jitter = (int)percent;
    return code;
}

void whi_subscription_put_jitter(const whi_subscription *s, whi_buf *out) {
    if (s->retrying.jitter != WHI_JITTER_PERCENT) {
        whi_json_write_name(out, "jitter");
        whi_buf_int(out, s->retrying.jitter);
    }
}

int whi_subscription_take_retry_budget(whi_subscription *s, whi_values *from, uint32_t node) {
    int64_t percent = 0;
    int code = whi_value_is_null(from, node)
                   ? WH_OK
                   : whi_value_integer(from, node, "retry_budget", 1, WHI_RETRY_BUDGET_PERCENT, &percent);

    s->retrying.budget = (int)percent;
    return code;
}

void whi_subscription_put_retry_budget(const whi_subscription *s, whi_buf *out) {
    if (s->retrying.budget != 0) {
        whi_json_write_name(out, "retry_budget");
        whi_buf_int(out, s->retrying.budget);
    }
}

static int timeouts_member(const whi_values *from, uint32_t name, whi_timeouts *timeouts) {
    if (whi_value_is_null(from, name + 1)) {
        return WH_OK;
    }
    if (whi_json_string_is(from->json, name, "connect", 7)) {
        return whi_value_integer(from, name + 1, "timeouts.connect", 1, TIMEOUT_MOST, &timeouts->connect);
    }
    return whi_json_string_is(from->json, name, "answer", 6)
               ? whi_value_integer(from, name + 1, "timeouts.answer", 1, TIMEOUT_MOST, &timeouts->answer)
               : whi_fail_field(WH_EINVALID, "timeouts", "unknown member, expected connect and answer");
}

int whi_subscription_take_timeouts(whi_subscription *s, whi_values *from, uint32_t node) {
    whi_timeouts timeouts = { 0 };
    int code = WH_OK;

    if (!whi_value_is_null(from, node)) {
        if (!whi_value_is(from, node, WHI_JSON_OBJECT)) {
            return whi_value_refuse(from, node, "timeouts", "an object of connect and answer (milliseconds)");
        }
        for (uint32_t at = whi_json_first(from->json, node); at != WHI_JSON_NONE && code == WH_OK;
             at = whi_json_next_name(from->json, node, at)) {
            code = timeouts_member(from, at, &timeouts);
        }
    }
    if (code == WH_OK) {
        s->timeouts = timeouts;
    }
    return code;
}

void whi_subscription_put_timeouts(const whi_subscription *s, whi_buf *out) {
    const whi_timeouts *timeouts = &s->timeouts;

    if (timeouts->connect == 0 && timeouts->answer == 0) {
        return;
    }
    whi_json_write_name(out, "timeouts");
    whi_buf_char(out, '{');
    if (timeouts->connect != 0) {
        whi_json_write_name(out, "connect");
        whi_buf_int(out, timeouts->connect);
    }
    if (timeouts->answer != 0) {
        whi_json_write_name(out, "answer");
        whi_buf_int(out, timeouts->answer);
    }
    whi_buf_char(out, '}');
}

/* --------------------------------------------------------------------------- breaker */

enum { FAILURES, LEAST, WINDOW, PAUSE, LONGEST, BREAKER_MEMBERS };

static const struct {
    const char *name, *field;
    int64_t most, normal;
} breaker_members[BREAKER_MEMBERS] = {
    { "failures", "breaker.failures", PERCENT_MOST, 50 },
    { "least", "breaker.least", 10000, 10 },
    { "window", "breaker.window", 86400, 60 },
    { "pause", "breaker.pause", 3600, 10 },
    { "longest", "breaker.longest", 86400, 600 },
};

static int breaker_member(const whi_values *from, uint32_t name, int64_t values[BREAKER_MEMBERS]) {
    for (int i = 0; i < BREAKER_MEMBERS; i++) {
        const char *word = breaker_members[i].name;
        if (whi_json_string_is(from->json, name, word, strlen(word))) {
            return whi_value_is_null(from, name + 1) ? WH_OK
                                                     : whi_value_integer(from, name + 1, breaker_members[i].field, 1,
                                                                         breaker_members[i].most, &values[i]);
        }
    }
    return whi_fail_field(WH_EINVALID, "breaker",
                          "unknown member, expected failures, least, window, pause and longest");
}

static int read_breaker(const whi_values *from, uint32_t node, int64_t values[BREAKER_MEMBERS]) {
    int code = WH_OK;

    if (!whi_value_is(from, node, WHI_JSON_OBJECT)) {
        return whi_value_refuse(from, node, "breaker", "an object of failures, least, window, pause and longest");
    }
    for (uint32_t at = whi_json_first(from->json, node); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(from->json, node, at)) {
        code = breaker_member(from, at, values);
    }
    if (code == WH_OK && values[LONGEST] == 0) {
        int64_t normal = breaker_members[LONGEST].normal;
        values[LONGEST] = normal > values[PAUSE] ? normal : values[PAUSE];
    }
    if (code == WH_OK && values[LONGEST] < values[PAUSE]) {
        code = whi_fail_field(WH_EINVALID, "breaker.longest", "expected at least the pause, %lld, found %lld",
                              (long long)values[PAUSE], (long long)values[LONGEST]);
    }
    return code;
}

int whi_subscription_take_breaker(whi_subscription *s, whi_values *from, uint32_t node) {
    int64_t values[BREAKER_MEMBERS];
    int code = WH_OK;

    for (int i = 0; i < BREAKER_MEMBERS; i++) {
        values[i] = i == LONGEST ? 0 : breaker_members[i].normal;
    }
    if (whi_value_is_null(from, node)) {
        s->breaker = (whi_breaker_rule){ 0 };
        return WH_OK;
    }
    code = read_breaker(from, node, values);
    if (code == WH_OK) {
        s->breaker = (whi_breaker_rule){ (int)values[FAILURES], (int)values[LEAST], values[WINDOW] * 1000,
                                         values[PAUSE] * 1000, values[LONGEST] * 1000 };
    }
    return code;
}

void whi_subscription_put_breaker(const whi_subscription *s, whi_buf *out) {
    const whi_breaker_rule *rule = &s->breaker;
    const int64_t values[BREAKER_MEMBERS] = { rule->failures, rule->least, rule->window / 1000, rule->pause / 1000,
                                              rule->longest / 1000 };

    if (rule->failures == 0) {
        return;
    }
    whi_json_write_name(out, "breaker");
    whi_buf_char(out, '{');
    for (int i = 0; i < BREAKER_MEMBERS; i++) {
        whi_json_write_name(out, breaker_members[i].name);
        whi_buf_int(out, values[i]);
    }
    whi_buf_char(out, '}');
}

/* ------------------------------------------------------------------------------- size */

#define NUMBER_BYTES 24
#define LIST_BYTES 128
#define ELSE_BYTES (4096) /* each status by itself, and the rest */

size_t whi_subscription_control_size(const whi_subscription *s) {
    size_t size = ELSE_BYTES + s->retry_count * NUMBER_BYTES;

    for (size_t i = 0; i < s->retrying.list_count; i++) {
        const whi_retry_list *list = &s->retrying.lists[i];
        size += LIST_BYTES + list->delay_count * NUMBER_BYTES;
        for (size_t k = 0; k < list->event_count; k++) {
            size += strlen(list->events[k]) + 3;
        }
    }
    return size;
}
