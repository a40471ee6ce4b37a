#include "source_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "outside/source_fetch.h"
#include "pure/json.h"

static int port, keeps_it = -1; /* its stdin: it ends when this is closed */

static void start(void) {
    int in[2], out[2];
    FILE *said;

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    if (fork() == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int fd = 3; fd < 64; fd++) {
            close(fd);
        }
        execlp("python3", "python3", WEBHOOK_TEST_DATA "/../sources/apis.py", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    keeps_it = in[1];
    said = fdopen(out[0], "r");
    assert_non_null(said);
    assert_int_equal(fscanf(said, "%d", &port), 1);
    fclose(said);
}

int source_kit_port(void) {
    if (keeps_it < 0) {
        start();
    }
    return port;
}

const whi_policy *source_kit_policy(void) {
    static whi_policy *policy;
    static const char *const allow[] = { "127.0.0.1" };

    if (policy == NULL) {
        assert_int_equal(whi_policy_new(&policy, allow, 1), WH_OK);
    }
    return policy;
}

const char *source_kit_text(const char *text) {
    static char out[8192];
    size_t used = 0;

    for (; *text != '\0'; text++) {
        assert_true(used + 64 < sizeof out);
        if (*text == '@') {
            used += (size_t)snprintf(out + used, 64, "http://127.0.0.1:%d", source_kit_port());
        } else {
            out[used++] = *text;
        }
    }
    out[used] = '\0';
    return out;
}

/* --------------------------------------------------------------------------- pages */

static char *copy(const char *text) {
    return text != NULL ? strdup(text) : NULL;
}

static void take(wh_source_call *call, const wh_source_page *page) {
    source_page *out = (source_page *)call;

    assert_int_equal(page->size, sizeof *page);
    out->answers++;
    out->code = page->code;
    out->is_refused = page->is_refused;
    out->is_unchanged = page->is_unchanged;
    out->retry_after = page->retry_after;
    snprintf(out->error, sizeof out->error, "%s", page->error != NULL ? page->error : "");
    out->items = page->items != NULL ? strndup(page->items, page->items_size) : NULL;
    out->next = copy(page->next);
    out->state = copy(page->state);
}

void source_kit_list(const wh_source *source, const wh_source_query *query, source_page *out) {
    *out = (source_page){ .call = { take } };
    source->list(source->payload, query, &out->call);
    assert_int_equal(out->answers, 1);
}

void source_kit_free(source_page *page) {
    free(page->items);
    free(page->next);
    free(page->state);
    page->items = page->next = page->state = NULL;
}

static void add_ids(const char *items, char *ids, size_t room) {
    whi_json json = { 0 };

    assert_int_equal(whi_json_scan(&json, items, strlen(items), 100), WH_OK);
    for (uint32_t at = 1; at < json.nodes[0].next; at = json.nodes[at].next) {
        uint32_t id = whi_json_member(&json, at, "id", 2);
        size_t size, used = strlen(ids);
        const char *text = whi_json_span(&json, id, &size);

        snprintf(ids + used, room - used, "%s%.*s", used > 0 ? " " : "", (int)size, text);
    }
    whi_json_free(&json);
}

int source_kit_read(const wh_source *source, wh_source_query query, char *ids, size_t room, source_page *out) {
    char page[4096];
    int pages = 0;

    ids[0] = '\0';
    for (;;) {
        source_kit_list(source, &query, out);
        pages++;
        if (out->code == WH_OK) {
            add_ids(out->items, ids, room);
        }
        if (out->code != WH_OK || out->next == NULL) {
            return pages;
        }
        snprintf(page, sizeof page, "%s", out->next);
        query.page = page;
        source_kit_free(out);
    }
}

int source_kit_seen(const char *path) {
    whi_source_client *client;
    whi_source_request request = { .method = "GET", .timeout = 10000, .maximum = 10000 };
    char url[256];
    int count = -1;

    snprintf(url, sizeof url, "http://127.0.0.1:%d/seen?path=%s", source_kit_port(), path);
    request.url = url;
    assert_int_equal(whi_source_client_new(&client, source_kit_policy(), NULL, NULL), WH_OK);
    assert_int_equal(whi_source_fetch(client, &request), WH_OK);
    assert_int_equal(sscanf(request.answer.data, "{\"count\": %d", &count), 1);
    whi_source_answer_free(&request);
    whi_source_client_free(client);
    return count;
}
