#include "poll_kit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

poll_script poll_said;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t seen_sent;

void poll_reset(void) {
    for (size_t i = 0; i < poll_said.count; i++) {
        free(poll_said.objects[i]);
    }
    memset(&poll_said, 0, sizeof poll_said);
    seen_sent = 0;
}

/* -------------------------------------------------------------------- the objects */

static long long id_of(const char *object) {
    return strncmp(object, "{\"id\":", 6) == 0 ? strtoll(object + 6, NULL, 10) : -1;
}

void poll_text(const char *json) {
    pthread_mutex_lock(&lock);
    assert_true(poll_said.count < POLL_OBJECTS);
    poll_said.objects[poll_said.count++] = strdup(json);
    pthread_mutex_unlock(&lock);
}

void poll_take(int id) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < poll_said.count; i++) {
        if (id_of(poll_said.objects[i]) == id) {
            free(poll_said.objects[i]);
            memmove(&poll_said.objects[i], &poll_said.objects[i + 1],
                    (--poll_said.count - i) * sizeof poll_said.objects[0]);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

void poll_put(int id, const char *text) {
    char object[400];

    snprintf(object, sizeof object, "{\"id\":%d,\"name\":\"%s\"}", id, text);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < poll_said.count; i++) {
        if (id_of(poll_said.objects[i]) == id) {
            free(poll_said.objects[i]);
            poll_said.objects[i] = strdup(object);
            pthread_mutex_unlock(&lock);
            return;
        }
    }
    pthread_mutex_unlock(&lock);
    poll_text(object);
}

void poll_many(int first, int last) {
    for (int i = first; i <= last; i++) {
        poll_put(i, "x");
    }
}

/* --------------------------------------------------------------------- the source */

static void note(const wh_source_query *query) {
    atomic_fetch_add(&poll_said.asked, 1);
    poll_said.changed_since = query->changed_since;
    snprintf(poll_said.filters, sizeof poll_said.filters, "%s", query->filters != NULL ? query->filters : "");
    snprintf(poll_said.fields, sizeof poll_said.fields, "%s", query->fields != NULL ? query->fields : "");
    snprintf(poll_said.state, sizeof poll_said.state, "%s", query->state != NULL ? query->state : "");
    snprintf(poll_said.last_page, sizeof poll_said.last_page, "%s", query->page != NULL ? query->page : "");
    snprintf(poll_said.connection, sizeof poll_said.connection, "%s", query->connection);
}

static char *items_of(size_t from, size_t to) {
    size_t room = 3, used = 1;
    char *items;

    for (size_t i = from; i < to; i++) {
        room += strlen(poll_said.objects[i]) + 1;
    }
    items = malloc(room);
    items[0] = '[';
    for (size_t i = from; i < to; i++) {
        used += (size_t)snprintf(items + used, room - used, "%s%s", i > from ? "," : "", poll_said.objects[i]);
    }
    memcpy(items + used, "]", 2);
    return items;
}

static void answer_usually(const wh_source_query *query, wh_source_call *call) {
    size_t from = query->page != NULL ? (size_t)strtoul(query->page, NULL, 10) : 0;
    size_t size = poll_said.page != 0 ? poll_said.page : POLL_OBJECTS, to = from + size;
    wh_source_page page = { .size = sizeof page, .retry_after = -1 };
    char next[32], *items;

    from = from < poll_said.count ? from : poll_said.count;
    to = to < poll_said.count ? to : poll_said.count;
    snprintf(next, sizeof next, "%zu", to);
    items = items_of(from, to);
    page.items = items;
    page.items_size = WH_ZSTR;
    page.next = to < poll_said.count ? next : NULL;
    call->answer(call, &page);
    free(items);
}

static void list(void *payload, const wh_source_query *query, wh_source_call *call) {
    wh_source_page page = { .size = sizeof page, .retry_after = -1 };

    (void)payload;
    pthread_mutex_lock(&lock);
    note(query);
    if (poll_said.answer != NULL && poll_said.answer(query, &page)) {
        pthread_mutex_unlock(&lock);
        call->answer(call, &page);
        return;
    }
    if (!atomic_load(&poll_said.hang)) {
        answer_usually(query, call);
        pthread_mutex_unlock(&lock);
        return;
    }
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&poll_said.out, 1);
    while (atomic_load(&poll_said.cut) == 0) {
        const struct timespec pause = { 0, 1000000 };
        nanosleep(&pause, NULL);
    }
    page.code = WH_ECLOSED;
    call->answer(call, &page);
}

static void cut(void *payload) {
    (void)payload;
    atomic_fetch_add(&poll_said.cut, 1);
}

wh_source poll_source(unsigned can) {
    return (wh_source){ .size = sizeof(wh_source), .can = can, .list = list, .cut = cut };
}

/* ------------------------------------------------------------------ the engine's side */

int64_t poll_subscribe(wh_engine *engine, const char *name, const char *events, const char *more, char *id) {
    char document[1000];

    snprintf(document, sizeof document,
             "{\"url\":\"https://example.com/%s\",\"events\":%s,\"source\":\"con\",\"profile\":\"unified\","
             "\"retry\":[0,60000,60000,60000],"
             "\"poll\":{\"type\":\"crm_contact\",\"interval\":3600000%s}}",
             name, events, more);
    return fixture_subscribe(engine, document, id);
}

static const char *type_of(const sent *request) {
    static char type[40];
    const char *at = strstr(request->body, "\"events\""), *kind = strstr(request->body, "\"type\":\"");

    (void)at;
    while (kind != NULL && strstr(kind + 1, "\"type\":\"") != NULL) {
        kind = strstr(kind + 1, "\"type\":\"");
    }
    snprintf(type, sizeof type, "%.*s", kind != NULL ? (int)strcspn(kind + 8, "\"") : 0, kind != NULL ? kind + 8 : "");
    return type;
}

const char *poll_sent(const char *name) {
    static char text[65536];
    char url[100];
    size_t used = 0;

    snprintf(url, sizeof url, "https://example.com/%s", name);
    text[0] = '\0';
    for (size_t i = 0; i < fixture_sent_count; i++) {
        sent *request = &fixture_sent[i];
        const char *data = strstr(request->body, "\"data\":"), *end = strstr(request->body, ",\"webhook\":");
        if (strcmp(request->url, url) == 0 && data != NULL && end != NULL) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s %.*s;", type_of(request),
                                     (int)(end - data - 7), data + 7);
            request->url[0] = '\0'; /* told once */
        }
    }
    return text;
}

void poll_later(wh_engine *engine) {
    atomic_fetch_add(&fixture_time, 61 * POLL_MINUTE);
    fixture_run(engine);
}

const char *poll_document(wh_engine *engine, const char *id) {
    static char text[20000];
    char *document;
    size_t size;

    assert_int_equal(wh_subscription(engine, id, &document, &size), WH_OK);
    snprintf(text, sizeof text, "%s", document);
    wh_free(document);
    return text;
}

const char *poll_run_text(wh_engine *engine, const char *id) {
    static char text[500];
    const char *runs = strstr(poll_document(engine, id), "\"runs\":[\""), *first;
    size_t size;

    assert_non_null(runs);
    first = strchr(runs + 9, ' ') + 1;
    size = strcspn(first, "\"");
    snprintf(text, sizeof text, "%.*s", (int)size, first);
    first = strstr(text, "ms");
    if (first != NULL) { /* "… 12ms rest" */
        char *from = (char *)(uintptr_t)first;
        while (from > text && from[-1] != ' ') {
            from--;
        }
        memmove(from, first + 2, strlen(first + 2) + 1);
    }
    return text;
}
