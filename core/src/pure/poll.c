#include "pure/poll.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "pure/canonical.h"
#include "pure/health.h"
#include "pure/json.h"
#include "pure/match.h"

#define MINUTE INT64_C(60000)
#define OVERLAP (5 * MINUTE)
#define SCANS 120
#define LEAST_NUMBER (INT64_C(1) << 62) /* subscriptions are below 2^53 */

/* ------------------------------------------------------------------- who it is for */

static void take(EVP_MD_CTX *context, const char *text) {
    text = text != NULL ? text : "";
    (void)EVP_DigestUpdate(context, text, strlen(text) + 1);
}

static int64_t hash_of(EVP_MD_CTX *context, const whi_subscription *s, const char *filters) {
    unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
    uint64_t number = 0;

    (void)EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    take(context, s->tenant);
    take(context, s->source);
    take(context, s->poll_type);
    take(context, filters);
    take(context, s->fields);
    (void)EVP_DigestFinal_ex(context, digest, NULL);
    for (int i = 0; i < 8; i++) {
        number = number << 8 | digest[i];
    }
    return (int64_t)(number & (uint64_t)(LEAST_NUMBER - 1)) | LEAST_NUMBER;
}

/* However they are written, filters that say the same are the same. */
static int write_filters(const whi_subscription *s, whi_buf *out) {
    whi_json json = { 0 };
    int code = whi_json_scan(&json, s->filters, strlen(s->filters), WHI_JSON_DEPTH_MAXIMUM);

    code = code == WH_OK ? whi_canonical(&json, 0, NULL, out) : code;
    whi_json_free(&json);
    return code;
}

int whi_poll_number(const whi_subscription *s, int64_t *out) {
    EVP_MD_CTX *context = s->poll_type != NULL ? EVP_MD_CTX_new() : NULL;
    whi_buf filters;
    int code;

    *out = 0;
    if (context == NULL) {
        return s->poll_type == NULL ? WH_OK : whi_fail_memory();
    }
    whi_buf_init(&filters, SIZE_MAX / 4);
    code = s->filters != NULL ? write_filters(s, &filters) : WH_OK;
    if (code == WH_OK) {
        *out = hash_of(context, s, filters.data);
    }
    whi_buf_free(&filters);
    EVP_MD_CTX_free(context);
    return code;
}

static const char kinds[] = "-cpl"; /* by enum whi_poll_kind */

#define PREFIX "poll_"
#define KIND_AT (sizeof PREFIX - 1 + WHI_IDENT_DIGITS)

void whi_poll_event_id(int64_t address, int kind, int64_t sequence, char out[WH_ID_SIZE]) {
    char letter[2] = { kinds[kind], '\0' };

    whi_ident_format(PREFIX, address, out);
    whi_ident_format(letter, sequence, out + KIND_AT);
}

int whi_poll_event_kind(const char *id, int64_t *address) {
    char head[WH_ID_SIZE], letter[2] = { '\0', '\0' };
    const char *kind = NULL;
    int64_t number, sequence;

    if (strlen(id) != KIND_AT + 1 + WHI_IDENT_DIGITS) {
        return WHI_POLL_NONE;
    }
    memcpy(head, id, KIND_AT);
    head[KIND_AT] = '\0';
    letter[0] = id[KIND_AT];
    kind = strchr(kinds + 1, letter[0]);
    if (kind == NULL || whi_ident_parse(PREFIX, head, &number) != WH_OK ||
        whi_ident_parse(letter, id + KIND_AT, &sequence) != WH_OK) {
        return WHI_POLL_NONE;
    }
    if (address != NULL) {
        *address = number;
    }
    return (int)(kind - kinds);
}

int whi_poll_is_for(const char *id, int64_t subscription, int64_t poll) {
    int64_t address;

    if (whi_poll_event_kind(id, &address) == WHI_POLL_NONE) {
        return poll == 0;
    }
    return poll != 0 && (address == poll || address == subscription);
}

const char *const whi_poll_change_names[WHI_POLL_CHANGES] = { "created", "updated", "deleted" };

static int found(void *value, void *payload) {
    (void)value;
    *(int *)payload = 1;
    return 0;
}

static int ask_patterns(const whi_match *patterns, const char *object_type, int wants[WHI_POLL_CHANGES]) {
    int code = WH_OK;

    for (int i = 0; i < WHI_POLL_CHANGES && code == WH_OK; i++) {
        char type[160];
        snprintf(type, sizeof type, "%s.%s", object_type, whi_poll_change_names[i]);
        code = whi_match_find(patterns, "", type, found, &wants[i]);
    }
    return code;
}

int whi_poll_wants(const whi_subscription *s, int wants[WHI_POLL_CHANGES]) {
    whi_match *patterns;
    int code = whi_match_new(&patterns);

    code = code == WH_OK
               ? whi_match_add(patterns, "", (const char *const *)s->events, s->event_count, (void *)(uintptr_t)s)
               : code;
    code = code == WH_OK ? ask_patterns(patterns, s->poll_type, wants) : code;
    whi_match_free(patterns);
    return code;
}

/* ------------------------------------------------------------------------ when */

int64_t whi_poll_next(int64_t now, int64_t interval, int64_t number) {
    int64_t phase = number % interval;

    return now - ((now - phase) % interval + interval) % interval + interval;
}

int64_t whi_poll_backoff(int64_t failures) {
    int64_t before = 1, wait = 1;

    for (int64_t i = 1; i < failures && i < WHI_POLL_FAILURES; i++) {
        int64_t next = before + wait;
        before = wait;
        wait = next;
    }
    return wait * MINUTE;
}

int64_t whi_poll_since(int64_t checked_at, int64_t newest) {
    int64_t since = newest != 0 && newest < checked_at ? newest : checked_at;

    return since > OVERLAP ? since - OVERLAP : 0;
}

/* ------------------------------------------------------------------------ how it is doing */

enum whi_poll_state whi_poll_state(int64_t failures, int64_t refused, int64_t suspicious) {
    if (refused || failures >= WHI_HEALTH_REPEATED) {
        return WHI_POLL_FAILING;
    }
    return suspicious ? WHI_POLL_SUSPICIOUS : WHI_POLL_WELL;
}

const char *whi_poll_news(enum whi_poll_state from, enum whi_poll_state to) {
    static const char *const news[WHI_POLL_STATES] = {
        [WHI_POLL_WELL] = "webhook.source.recovered",
        [WHI_POLL_FAILING] = "webhook.source.failing",
        [WHI_POLL_SUSPICIOUS] = "webhook.source.suspicious",
    };

    return from != to ? news[to] : NULL;
}

/* ------------------------------------------------------------------------ what */

static enum whi_poll_verdict judge_known(const whi_poll_memory *memory, const whi_poll_sight *sight, int first,
                                         int64_t scan) {
    if (sight->content != memory->content) {
        return first ? WHI_POLL_KEEP : WHI_POLL_UPDATED;
    }
    return scan != 0 && memory->scan != scan ? WHI_POLL_MARK : WHI_POLL_SAME;
}

static enum whi_poll_verdict judge_large(const whi_poll_memory *memory, int64_t scan) {
    return memory->known && scan != 0 && memory->scan != scan ? WHI_POLL_MARK : WHI_POLL_SAME;
}

enum whi_poll_verdict whi_poll_judge(const whi_poll_memory *memory, const whi_poll_sight *sight, int first,
                                     int64_t scan) {
    if (sight->deleted || !sight->wanted) {
        return !memory->known ? WHI_POLL_SAME : sight->deleted && !first ? WHI_POLL_DELETED : WHI_POLL_FORGET;
    }
    if (sight->large && !first) {
        return judge_large(memory, scan);
    }
    if (!memory->known) {
        return first ? WHI_POLL_KEEP : WHI_POLL_CREATED;
    }
    return judge_known(memory, sight, first, scan);
}

int whi_poll_is_suspicious(int64_t gone, int64_t all) {
    return gone > 100 && gone > all / 10 * 3;
}

int64_t whi_poll_scan_after(int64_t scan) {
    return scan >= SCANS ? 1 : scan + 1;
}

/* ------------------------------------------------------------------------ runs */

static void second_text(int64_t ms, char out[WHI_TIME_SIZE]) {
    whi_time_text(ms, out);
    memcpy(out + 19, "Z", 2); /* "2026-11-27T05:19:37" */
}

void whi_poll_run_text(const whi_poll_run *run, char out[WHI_POLL_RUN_SIZE]) {
    static const char *const stages[] = { "refresh", "read", "dispatch", "process" };
    char at[WHI_TIME_SIZE];
    whi_buf text;

    second_text(run->at, at);
    whi_buf_init(&text, WHI_POLL_RUN_SIZE * 4);
    whi_buf_format(&text, "%s %s pages=%lld objects=%lld sent=%lld", at, run->outcome, (long long)run->pages,
                   (long long)run->objects, (long long)run->sent);
    if (run->gone > 0) {
        whi_buf_format(&text, " gone=%lld", (long long)run->gone);
    }
    if (run->skipped > 0) {
        whi_buf_format(&text, " skipped=%lld", (long long)run->skipped);
    }
    if (run->large > 0) {
        whi_buf_format(&text, " large=%lld", (long long)run->large);
    }
    whi_buf_format(&text, " %lldms", (long long)run->took);
    if (run->error != NULL) {
        whi_buf_format(&text, " %s: %s", stages[run->stage], run->error);
    }
    snprintf(out, WHI_POLL_RUN_SIZE, "%s", text.data != NULL ? text.data : "");
    whi_buf_free(&text);
}

static void add_former(const whi_json *json, whi_buf *out) {
    int count = 1;

    for (uint32_t at = whi_json_first(json, 0);
         at != WHI_JSON_NONE && at < json->nodes[0].next && count < WHI_POLL_RUNS; at = json->nodes[at].next) {
        size_t size;
        const char *text = whi_json_span(json, at, &size);
        whi_buf_char(out, ',');
        whi_buf_add(out, text, size);
        count++;
    }
}

int whi_poll_runs_add(const char *runs, const char *text, whi_buf *out) {
    whi_json json = { 0 };
    int code = runs != NULL ? whi_json_scan(&json, runs, strlen(runs), 2) : WH_OK;

    whi_buf_char(out, '[');
    whi_json_write_string(out, text, strlen(text));
    if (code == WH_OK && json.count > 0 && json.nodes[0].type == WHI_JSON_ARRAY) {
        add_former(&json, out);
    }
    whi_buf_char(out, ']');
    whi_json_free(&json);
    return code == WH_ENOMEM ? code : whi_buf_status(out);
}
