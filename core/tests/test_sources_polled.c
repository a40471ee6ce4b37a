/* What a document of the store describes is polled, by every process of the store. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/source.h"
#include "fake_rules.h"
#include "life_kit.h"
#include "poll_kit.h"
#include "receiver.h"

#define ALL "[\"crm_contact.*\"]"

static receiver *api;
static wh_engine *engine;
static char warned[2000];
static int warnings;

static void note(int level, const char *line, void *payload) {
    (void)payload;
    if (level <= WH_LOG_WARNING) {
        warnings++;
        snprintf(warned, sizeof warned, "%s", line);
    }
}

static wh_engine *opened(const char *file, const char *keys, const wh_rule_engine *rules) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;

    options.allow = allow;
    options.allow_count = 1;
    options.key_file = keys;
    options.rules = rules;
    options.log = note;
    return fixture_open(file, &options);
}

static int begin(void **state) {
    poll_reset();
    fixture_setup(state);
    warnings = 0;
    warned[0] = '\0';
    api = receiver_new(NULL, NULL);
    engine = opened(":memory:", NULL, NULL);
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    receiver_free(api);
    poll_reset();
    return 0;
}

/* What the API lists at a path. */
static void say(const char *path, const char *list) {
    receiver_set(
        api, path,
        (receiver_answer){ .headers = "Content-Type: application/json\r\n", .body = list, .body_size = strlen(list) });
}

static size_t asked(const char *path) {
    size_t count = 0;

    for (size_t i = 0; i < receiver_count(api); i++) {
        count += strcmp(receiver_get(api, i)->path, path) == 0;
    }
    return count;
}

static void put(wh_engine *to, const char *path, const char *more) {
    char document[600];

    snprintf(document, sizeof document, "{\"object_type\":\"crm_contact\",\"url\":\"%s\"%s}", receiver_url(api, path),
             more);
    if (wh_source_put(to, document, WH_ZSTR) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
}

static void a_document_is_polled(void **state) {
    (void)state;
    say("/list", "[{\"id\":1,\"name\":\"Ann\"}]");
    put(engine, "/list", "");
    poll_subscribe(engine, "a", ALL, "", NULL);
    fixture_run(engine);
    assert_int_equal(asked("/list"), 1);
    assert_int_equal(fixture_sent_count, 0);
    say("/list", "[{\"id\":1,\"name\":\"Anna\"},{\"id\":2,\"name\":\"Ben\"}]");
    poll_later(engine);
    assert_has(poll_sent("a"), "[{\"id\":2,\"name\":\"Ben\"}]");
    assert_int_equal(fixture_sent_count, 2);
}

static void a_next_page_at_a_private_address_is_not_asked_for(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    say("/list", "{\"data\":[{\"id\":1}],\"next\":\"http://10.0.0.1/list\"}");
    put(engine, "/list", ",\"items\":\"data\",\"paging\":{\"by\":\"url\",\"next\":\"next\"}");
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_string_equal(
        poll_run_text(engine, id),
        "failed pages=0 objects=0 sent=0  read: paging: the next page is at 10.0.0.1, which is not in the "
        "document's hosts");
}

static void unifieds_webhooks_are_virtual_where_there_is_a_document(void **state) {
    const char *const wanted = "{\"connection_id\":\"con\",\"object_type\":\"crm_contact\",\"event\":\"created\","
                               "\"hook_url\":\"https://example.com/u\"}";
    const char *const answers[] = { "\"webhook_type\":\"native\"", "\"webhook_type\":\"virtual\"" };
    const wh_header headers[] = { { "Content-Type", "application/json" } };
    const char *file = fixture_file();
    wh_engine *served = opened(file, NULL, NULL), *other = opened(file, NULL, NULL);
    wh_api *routes;

    (void)state;
    assert_int_equal(wh_api_open(&routes, served, NULL), WH_OK);
    for (int i = 0; i < 2; i++) {
        wh_api_request request = WH_API_REQUEST_INIT;
        wh_api_response response = WH_API_RESPONSE_INIT;
        request.method = "POST";
        request.path = "/unified/webhook";
        request.tenant = "t";
        request.headers = headers;
        request.header_count = 1;
        request.body = wanted;
        request.body_size = strlen(wanted);
        assert_int_equal(wh_api_handle(routes, &request, &response), 200);
        assert_has(response.body, answers[i]);
        wh_free(response.body);
        put(other, "/list", ""); /* served has no worker that hears of it */
    }
    say("/list", "[]");
    fixture_run(other);
    say("/list", "[{\"id\":2,\"name\":\"Ben\"}]");
    poll_later(other);
    assert_has(poll_sent("u"), "VIRTUAL [{\"id\":2,\"name\":\"Ben\"}]");
    wh_api_close(routes);
    wh_close(served);
    wh_close(other);
}

static void check_preview(const char *subscription, const char *words) {
    char *text = NULL, query[200];

    snprintf(query, sizeof query, "{\"subscription\":\"%s\"}", subscription);
    if (wh_source_test(engine, "crm_contact", query, WH_ZSTR, &text, NULL) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    assert_has(text, words);
    wh_free(text);
}

static void what_the_next_reading_would_send_is_shown_and_not_sent(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    say("/list", "[{\"id\":1,\"name\":\"Ann\"},{\"id\":2},{\"id\":3}]");
    put(engine, "/list", "");
    poll_subscribe(engine, "a", ALL, "", id);
    check_preview(id, "\"first\":true,\"suspicious\":false,\"held\":0,\"complete\":true,\"pages\":1,\"objects\":3");
    fixture_run(engine);
    check_preview(id, "\"created\":0,\"updated\":0,\"deleted\":0,\"would_send\":[],\"more\":false");
    say("/list", "[{\"id\":1,\"name\":\"Anna\"},{\"id\":3},{\"id\":\"four\"}]");
    for (int i = 0; i < 2; i++) { /* it is not remembered, either */
        check_preview(id, "\"would_send\":[{\"type\":\"crm_contact.updated\",\"object\":{\"id\":1,\"name\":\"Anna\"}},"
                          "{\"type\":\"crm_contact.created\",\"object\":{\"id\":\"four\"}},"
                          "{\"type\":\"crm_contact.deleted\",\"object\":{\"id\":2}}],\"more\":false");
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    poll_later(engine);
    assert_int_equal(fixture_sent_count, 3);
    check_preview(id, "\"would_send\":[]");
}

/* As the reading does: what changed since a time that is yet to come would be nothing. */
static void a_preview_reads_all_when_the_clock_was_put_back(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    say("/list", "[{\"id\":1}]");
    put(engine, "/list", ",\"query\":{\"since\":\"{changed_since}\"}");
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    atomic_fetch_sub(&fixture_time, 24 * 60 * POLL_MINUTE);
    say("/list", "[{\"id\":2}]");
    check_preview(id, "\"ok\":true");
    check_preview(id, "\"created\":1,\"updated\":0,\"deleted\":1");
}

static void a_preview_shows_what_its_subscription_gets(void **state) {
    char all[WH_ID_SIZE], some[WH_ID_SIZE];

    (void)state;
    say("/list", "[{\"id\":1,\"name\":\"Ann\"},{\"id\":2}]");
    put(engine, "/list", "");
    poll_subscribe(engine, "a", ALL, "", all);
    poll_subscribe(engine, "b", "[\"crm_contact.updated\"]", "", some);
    fixture_run(engine);
    say("/list", "[{\"id\":1,\"name\":\"Anna\"},{\"id\":3}]");
    check_preview(some, "\"created\":1,\"updated\":1,\"deleted\":1,\"would_send\":[{\"type\":\"crm_contact.updated\","
                        "\"object\":{\"id\":1,\"name\":\"Anna\"}}],\"more\":false");
    say("/list", "[]");
    check_preview(some, "\"deleted\":2,\"would_send\":[],\"more\":false");
    check_preview(all, "\"deleted\":2,\"would_send\":[{\"type\":\"crm_contact.deleted\",\"object\":{\"id\":1}},"
                       "{\"type\":\"crm_contact.deleted\",\"object\":{\"id\":2}}],\"more\":false");
}

static void what_a_suspicious_reading_holds_is_not_shown_as_sent(void **state) {
    static char list[8000];
    char id[WH_ID_SIZE];
    size_t used = 1;

    (void)state;
    list[0] = '[';
    for (int i = 0; i < 200; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s{\"id\":%d}", i > 0 ? "," : "", i);
    }
    snprintf(list + used, sizeof list - used, "]");
    say("/list", list);
    put(engine, "/list", "");
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    say("/list", "[{\"id\":1},{\"id\":\"new\"}]");
    check_preview(id, "\"suspicious\":true,\"held\":199,\"complete\":true,\"pages\":1,\"objects\":2,\"skipped\":0,"
                      "\"created\":1,\"updated\":0,\"deleted\":199,\"would_send\":[{\"type\":\"crm_contact.created\","
                      "\"object\":{\"id\":\"new\"}}],\"more\":false");
    poll_later(engine);
    assert_string_equal(poll_sent("a"), "VIRTUAL [{\"id\":\"new\"}];");
}

static void a_preview_of_what_is_too_deep_shows_what_is_sent(void **state) {
    char id[WH_ID_SIZE], list[300];

    (void)state;
    say("/list", "[{\"id\":1}]");
    put(engine, "/list", "");
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    snprintf(list, sizeof list, "[{\"id\":1,\"deleted\":true,\"d\":%070d%070d}]", 0, 0);
    memset(strstr(list, "\"d\":") + 4, '[', 70);
    memset(strstr(list, "\"d\":") + 74, ']', 70);
    say("/list", list);
    check_preview(id, "\"would_send\":[{\"type\":\"crm_contact.deleted\",\"object\":{\"id\":1,\"deleted\":true}}]");
}

/* Pages without an end: each is a second later, and has so many new objects. */
static atomic_int endless_new, endless_page;

static void list_without_end(const received *request, receiver_answer *answer, void *payload) {
    static char body[8000];
    int page = atomic_fetch_add(&endless_page, 1);
    size_t used = (size_t)snprintf(body, sizeof body, "{\"next\":%d,\"items\":[", page + 1);

    (void)request;
    (void)payload;
    atomic_fetch_add(&fixture_time, 1000);
    for (int i = 0; i < atomic_load(&endless_new); i++) {
        used += (size_t)snprintf(body + used, sizeof body - used, "%s{\"id\":\"%d-%d\"}", i > 0 ? "," : "", page, i);
    }
    snprintf(body + used, sizeof body - used, "]}");
    answer->body = body;
    answer->body_size = strlen(body);
}

static void a_preview_ends_when_there_is_enough_to_show(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    say("/list", "{\"items\":[{\"id\":1}]}");
    put(engine, "/list", ",\"items\":\"items\"");
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    receiver_free(api);
    api = receiver_new(list_without_end, NULL);
    put(engine, "/",
        ",\"items\":\"items\",\"query\":{\"p\":\"{page}\"},\"paging\":{\"by\":\"cursor\",\"next\":\"next\"}");
    atomic_store(&endless_page, 0);
    atomic_store(&endless_new, 60);
    check_preview(id, "\"ok\":true,\"code\":null,\"error\":null,\"first\":false,\"suspicious\":false,\"held\":0,"
                      "\"complete\":false,\"pages\":2,\"objects\":120,\"skipped\":0,\"created\":120,");
    assert_int_equal(endless_page, 2);
    atomic_store(&endless_page, 0);
    atomic_store(&endless_new, 0);
    check_preview(id, "{\"ok\":false,\"code\":\"timeout\",\"error\":\"the list is not at its end after 60 s\"");
    assert_int_equal(endless_page, 60);
}

/* Three that nobody answers, of two tenants; then the engine stops. */
static atomic_int held_out, held_free;

static void hold(const received *request, receiver_answer *answer, void *payload) {
    (void)request;
    (void)payload;
    atomic_fetch_add(&held_out, 1);
    while (atomic_load(&held_free) == 0) {
        usleep(1000);
    }
    answer->body = "[]";
    answer->body_size = 2;
}

static void *ask_for(void *tenant) {
    char query[60], *text = NULL;
    int closed;

    snprintf(query, sizeof query, "{\"tenant\":\"%s\"}", (const char *)tenant);
    closed = wh_source_test(engine, "crm_contact", query, WH_ZSTR, &text, NULL) == WH_OK && text != NULL &&
             strstr(text, "\"code\":\"closed\"") != NULL;
    wh_free(text);
    return closed ? tenant : NULL;
}

static void few_are_tried_at_once_and_end_with_the_engine(void **state) {
    static char acme[] = "acme", bolt[] = "bolt";
    pthread_t threads[3];
    char *text = NULL;

    (void)state;
    receiver_free(api);
    api = receiver_new(hold, NULL);
    atomic_store(&held_out, 0);
    atomic_store(&held_free, 0);
    put(engine, "/", "");
    assert_int_equal(wh_start(engine, 1), WH_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for, acme), 0);
    }
    while (atomic_load(&held_out) < 2) {
        usleep(1000);
    }
    assert_int_equal(wh_source_test(engine, "crm_contact", "{\"tenant\":\"acme\"}", WH_ZSTR, &text, NULL), WH_EBUSY);
    assert_int_equal(pthread_create(&threads[2], NULL, ask_for, bolt), 0);
    while (atomic_load(&held_out) < 3) {
        usleep(1000);
    }
    assert_int_equal(wh_source_test(engine, "crm_contact", "{\"tenant\":\"cart\"}", WH_ZSTR, &text, NULL), WH_EBUSY);
    assert_has(wh_last_error(), "too many sources and receivers");
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    for (int i = 0; i < 3; i++) {
        void *closed;
        pthread_join(threads[i], &closed);
        assert_non_null(closed);
    }
    atomic_store(&held_free, 1);
}

static void a_preview_says_what_fails(void **state) {
    char id[WH_ID_SIZE], query[200], *text = NULL;

    (void)state;
    put(engine, "/list", "");
    poll_subscribe(engine, "a", ALL, "", id);
    receiver_set(api, "/list", (receiver_answer){ .status = 503 });
    check_preview(id, "{\"ok\":false,\"code\":\"status\",\"error\":\"answered 503\"");
    say("/list", "[7]");
    check_preview(id, "\"ok\":false");
    assert_int_equal(wh_source_test(engine, "crm_contact", "{\"subscription\":\"sub_x\"}", WH_ZSTR, &text, NULL),
                     WH_ENOTFOUND);
    assert_int_equal(
        wh_source_test(engine, "crm_contact", "{\"subscription\":\"sub_x\",\"tenant\":\"t\"}", WH_ZSTR, &text, NULL),
        WH_EINVALID);
    assert_has(wh_last_error(), "subscription: expected alone");
    assert_int_equal(wh_subscribe(engine, "{\"url\":\"https://example.com/\"}", WH_ZSTR, id), WH_OK);
    snprintf(query, sizeof query, "{\"subscription\":\"%s\"}", id);
    assert_int_equal(wh_source_test(engine, "crm_contact", query, WH_ZSTR, &text, NULL), WH_ECONFLICT);
}

/* Until it has heard of what the other has committed. */
static void run_until_asked(wh_engine *of, const char *path, size_t count) {
    for (int i = 0; i < 3000 && asked(path) < count; i++) {
        fixture_run(of);
        usleep(1000);
    }
    assert_int_equal(asked(path), count);
    fixture_run(of);
}

static void what_another_engine_puts_changes_and_deletes_holds(void **state) {
    const char *file = fixture_file();
    wh_engine *own = opened(file, NULL, NULL), *other = opened(file, NULL, NULL);
    char id[WH_ID_SIZE];

    (void)state;
    say("/one", "[{\"id\":1,\"name\":\"a\"}]");
    say("/two", "[{\"id\":1,\"name\":\"b\"}]");
    poll_subscribe(own, "a", ALL, "", id);
    fixture_run(own);
    put(other, "/one", "");
    run_until_asked(own, "/one", 1);
    put(other, "/two", "");
    assert_int_equal(wh_poll_now(other, id, 0), WH_OK);
    run_until_asked(own, "/two", 1);
    assert_int_equal(asked("/one"), 1);
    assert_has(poll_sent("a"), "[{\"id\":1,\"name\":\"b\"}]");
    assert_int_equal(wh_source_delete(other, "crm_contact"), WH_OK);
    for (int i = 0; i < 3000 && own->sources->count > 0; i++) {
        usleep(1000);
        assert_true(wh_step(own) >= 0);
    }
    poll_later(own);
    assert_int_equal(receiver_count(api), 2);
    wh_close(own);
    wh_close(other);
}

static void one_that_is_opened_later_polls_without_a_put_of_its_own(void **state) {
    const char *file = fixture_file();
    wh_engine *other = opened(file, NULL, NULL);

    (void)state;
    say("/list", "[]");
    put(other, "/list", "");
    poll_subscribe(other, "a", ALL, "", NULL);
    wh_close(other);
    other = opened(file, NULL, NULL);
    fixture_run(other);
    assert_int_equal(asked("/list"), 1);
    wh_close(other);
}

static void they_are_polled_again_after_a_stop(void **state) {
    const char *file = fixture_file();
    wh_engine *own = opened(file, NULL, NULL);
    char id[WH_ID_SIZE];

    (void)state;
    say("/list", "[]");
    put(own, "/list", "");
    poll_subscribe(own, "a", ALL, "", id);
    assert_int_equal(wh_start(own, 1), WH_OK);
    life_wait_idle(own);
    assert_int_equal(wh_stop(own, 0), WH_OK);
    say("/list", "[{\"id\":1}]");
    poll_later(own);
    assert_has(poll_run_text(own, id), "ok pages=1 objects=1 sent=1 ");
    assert_int_equal(wh_start(own, 1), WH_OK);
    assert_int_equal(wh_stop(own, 0), WH_OK);
    wh_close(own);
}

static void the_hosts_own_is_read_where_there_are_two(void **state) {
    wh_source source = poll_source(WH_SOURCE_ALL);

    (void)state;
    say("/list", "[]");
    put(engine, "/list", "");
    assert_int_equal(wh_source_remove(engine, "crm_contact"), WH_ENOTFOUND);
    assert_int_equal(wh_source_add(engine, "crm_contact", &source), WH_OK);
    assert_has(warned, "source crm_contact: the program's own is read");
    assert_int_equal(warnings, 1);
    put(engine, "/list", ",\"name\":\"other\"");
    assert_int_equal(warnings, 1);
    poll_subscribe(engine, "a", ALL, "", NULL);
    fixture_run(engine);
    assert_int_equal(poll_said.asked, 1);
    assert_int_equal(asked("/list"), 0);
    assert_int_equal(wh_source_delete(engine, "crm_contact"), WH_OK);
    poll_later(engine);
    assert_int_equal(poll_said.asked, 2);
    put(engine, "/list", "");
    assert_int_equal(wh_source_remove(engine, "crm_contact"), WH_OK);
    poll_later(engine);
    assert_int_equal(poll_said.asked, 2);
    assert_int_equal(asked("/list"), 1);
}

static void one_whose_rule_nobody_runs_is_left_out(void **state) {
    const char *file = fixture_file();
    wh_engine *with = opened(file, NULL, &fake_rules), *without = opened(file, NULL, NULL);

    (void)state;
    say("/list", "[]");
    put(with, "/list", ",\"rule\":\"pass\"");
    poll_subscribe(without, "a", ALL, "", NULL);
    wh_close(without);
    warnings = 0;
    without = opened(file, NULL, NULL);
    assert_int_equal(warnings, 1);
    assert_has(warned, "source crm_contact: its document is left out");
    fixture_run(without);
    poll_later(without);
    assert_int_equal(asked("/list"), 0);
    assert_int_equal(warnings, 1);
    fixture_run(with);
    assert_int_equal(asked("/list"), 1);
    wh_close(with);
    wh_close(without);
}

static void write_keys(const char *name, const char *text) {
    FILE *stream = fopen(name, "w");

    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

/* The other one has a key that came later. */
static void one_whose_key_is_not_here_hides_no_other(void **state) {
    static const char first[] = "one AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    static const char second[] = "two ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n";
    const char *file = fixture_file(), *keys = fixture_file();
    char *text = NULL, both[200];
    wh_engine *own, *other;

    (void)state;
    write_keys(keys, first);
    own = opened(file, keys, NULL);
    snprintf(both, sizeof both, "%s%s", second, first);
    write_keys(keys, both);
    other = opened(file, keys, NULL);
    put(other, "/sealed", "");
    warnings = 0; /* of the file that others can read */
    assert_int_equal(wh_source_put(own, "{\"object_type\":\"a\",\"url\":\"https://example.com/\"}", WH_ZSTR), WH_OK);
    assert_int_equal(own->sources->count, 1);
    assert_int_equal(warnings, 1);
    assert_has(warned, "source crm_contact: its document is left out");
    assert_int_equal(wh_source_list(own, &text, NULL), WH_EKEY);
    assert_null(text);
    assert_int_equal(wh_source_delete(own, "a"), WH_OK);
    assert_int_equal(own->sources->count, 0);
    assert_int_equal(warnings, 1);
    assert_int_equal(wh_source_delete(own, "crm_contact"), WH_OK);
    put(own, "/list", "");
    assert_int_equal(own->sources->count, 1);
    wh_close(own);
    wh_close(other);
}

/* ----------------------------------------------------------------- whose connections */

#define CONNECTIONS                                                                                                    \
    ",\"connections\":{\"a-crm\":{\"tenant\":\"acme\",\"auth\":{\"type\":\"bearer\",\"token\":\"one\"},"               \
    "\"variables\":{\"account\":\"17\"}},\"b-crm\":{\"tenant\":\"bolt\",\"variables\":{\"account\":\"18\"}}}"

static int subscribe(wh_engine *to, const char *tenant, const char *connection, const char *more, char *id) {
    char document[600];

    snprintf(document, sizeof document,
             "{\"url\":\"https://example.com/%s\",\"events\":" ALL
             ",\"tenant\":\"%s\",\"source\":\"%s\",\"profile\":\"unified\"%s}",
             tenant, tenant, connection, more);
    return wh_subscribe(to, document, WH_ZSTR, id);
}

#define POLLS ",\"poll\":{\"type\":\"crm_contact\",\"interval\":3600000}"

static void check_refused(int code, const char *connection) {
    char words[200];

    snprintf(words, sizeof words,
             "source: expected a connection of this tenant at the source of crm_contact: \"%s\" is none", connection);
    assert_int_equal(code, WH_EINVALID);
    assert_string_equal(wh_last_error(), words);
    assert_string_equal(wh_last_error_field(), "source");
}

static void another_tenants_connection_cannot_be_named(void **state) {
    char id[WH_ID_SIZE], plain[WH_ID_SIZE];

    (void)state;
    say("/17", "[]");
    put(engine, "/{variables.account}", CONNECTIONS);
    check_refused(subscribe(engine, "acme", "b-crm", POLLS, id), "b-crm");
    check_refused(subscribe(engine, "acme", "c-crm", POLLS, id), "c-crm");
    assert_int_equal(subscribe(engine, "acme", "a-crm", POLLS, id), WH_OK);
    check_refused(wh_subscription_update(engine, id, "{\"source\":\"b-crm\"}", WH_ZSTR), "b-crm");
    check_refused(wh_subscription_update(engine, id, "{\"source\":null}", WH_ZSTR), "");
    assert_int_equal(subscribe(engine, "acme", "b-crm", "", plain), WH_OK);
    check_refused(wh_subscription_update(engine, plain, "{\"poll\":{\"type\":\"crm_contact\"}}", WH_ZSTR), "b-crm");
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"n\"}", WH_ZSTR), WH_OK);
}

static void each_connection_is_asked_for_with_its_own_login(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    say("/17", "[{\"id\":1}]");
    say("/18", "[{\"id\":2}]");
    put(engine, "/{variables.account}", CONNECTIONS);
    assert_int_equal(subscribe(engine, "acme", "a-crm", POLLS, id), WH_OK);
    assert_int_equal(subscribe(engine, "bolt", "b-crm", POLLS, id), WH_OK);
    fixture_run(engine);
    assert_int_equal(asked("/17"), 1);
    assert_int_equal(asked("/18"), 1);
    for (size_t i = 0; i < receiver_count(api); i++) {
        const char *login = receiver_header(receiver_get(api, i), "authorization");
        if (strcmp(receiver_get(api, i)->path, "/17") == 0) {
            assert_string_equal(login, "Bearer one");
        } else {
            assert_null(login);
        }
    }
}

/* What was seen stays, and so do the other connections. */
static void a_login_is_changed_without_a_loss(void **state) {
    char id[WH_ID_SIZE], *text = NULL;

    (void)state;
    say("/17", "[{\"id\":1}]");
    put(engine, "/{variables.account}", CONNECTIONS);
    assert_int_equal(subscribe(engine, "acme", "a-crm", POLLS, id), WH_OK);
    fixture_run(engine);
    assert_int_equal(wh_source_connection_put(engine, "crm_contact", "a-crm",
                                              "{\"tenant\":\"acme\",\"auth\":{\"type\":\"bearer\",\"token\":\"two\"},"
                                              "\"variables\":{\"account\":\"17\"}}",
                                              WH_ZSTR),
                     WH_OK);
    say("/17", "[{\"id\":1},{\"id\":3}]");
    poll_later(engine);
    assert_string_equal(receiver_header(receiver_get(api, receiver_count(api) - 1), "authorization"), "Bearer two");
    assert_has(poll_sent("acme"), "[{\"id\":3}]");
    assert_int_equal(fixture_sent_count, 1);
    assert_int_equal(wh_source_get(engine, "crm_contact", &text, NULL), WH_OK);
    assert_has(text, "\"b-crm\":{\"tenant\":\"bolt\"");
    assert_has(text, "\"token\":\"********\"");
    wh_free(text);
}

static void connections_come_and_go(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    say("/19", "[]");
    assert_int_equal(wh_source_connection_put(engine, "crm_contact", "c", "{}", WH_ZSTR), WH_ENOTFOUND);
    put(engine, "/{variables.account}", ",\"connections\":{}");
    check_refused(subscribe(engine, "cart", "c", POLLS, id), "c");
    assert_int_equal(wh_source_connection_put(engine, "crm_contact", "c", "{\"tenant\":\"cart\"}", WH_ZSTR),
                     WH_EINVALID);
    assert_int_equal(wh_source_connection_put(engine, "crm_contact", "c",
                                              "{\"tenant\":\"cart\",\"variables\":{\"account\":\"19\"}}", WH_ZSTR),
                     WH_OK);
    assert_int_equal(subscribe(engine, "cart", "c", POLLS, id), WH_OK);
    fixture_run(engine);
    assert_has(poll_run_text(engine, id), "ok ");
    assert_int_equal(wh_source_connection_delete(engine, "crm_contact", "c"), WH_OK);
    assert_int_equal(wh_source_connection_delete(engine, "crm_contact", "c"), WH_ENOTFOUND);
    poll_later(engine);
    assert_int_equal(asked("/19"), 1);
    assert_has(poll_run_text(engine, id), "failed pages=0 objects=0 sent=0  refresh: source: expected a connection of "
                                          "this tenant at the source of crm_contact");
    assert_has(poll_document(engine, id), "\"healthy\":false");
}

static void a_test_asks_for_a_connection_of_its_tenant(void **state) {
    char *text = NULL;

    (void)state;
    say("/17", "[{\"id\":1}]");
    put(engine, "/{variables.account}", CONNECTIONS);
    assert_int_equal(
        wh_source_test(engine, "crm_contact", "{\"tenant\":\"acme\",\"connection\":\"a-crm\"}", WH_ZSTR, &text, NULL),
        WH_OK);
    assert_has(text, "\"ok\":true");
    wh_free(text);
    assert_int_equal(
        wh_source_test(engine, "crm_contact", "{\"tenant\":\"bolt\",\"connection\":\"a-crm\"}", WH_ZSTR, &text, NULL),
        WH_OK);
    assert_has(text, "\"ok\":false,\"code\":\"invalid\"");
    assert_has(text, "\"refused\":true");
    wh_free(text);
}

static int acme_alone(void *payload, const char *tenant, const char *connection) {
    (void)payload;
    (void)connection;
    return strcmp(tenant, "acme") == 0;
}

/* Whatever the document makes of its items; {"id":2} nests 3,000 levels. */
static void an_item_that_nests_beyond_all_bounds_hides_no_other(void **state) {
    static const char *const documents[] = { ",\"items\":\"d\"", ",\"items\":\"d\",\"rule\":\"pass\"" };
    static char list[7000];
    int head = snprintf(list, sizeof list, "{\"d\":[{\"id\":1,\"n\":1},{\"id\":2,\"deep\":");
    char id[WH_ID_SIZE];

    (void)state;
    memset(list + head, '[', 3000);
    memset(list + head + 3000, ']', 3000);
    snprintf(list + head + 6000, 100, "},{\"id\":3}]}");
    wh_close(engine);
    engine = opened(":memory:", NULL, &fake_rules);
    for (int i = 0; i < 2; i++) {
        say("/list", "{\"d\":[{\"id\":1},{\"id\":2},{\"id\":3}]}");
        put(engine, "/list", documents[i]);
        poll_subscribe(engine, i == 0 ? "a" : "b", ALL, i == 0 ? "" : ",\"limit\":7", id);
        fixture_run(engine);
        say("/list", list);
        poll_later(engine);
        assert_string_equal(poll_run_text(engine, id), "ok pages=1 objects=2 sent=1 large=1 ");
        assert_has(poll_sent(i == 0 ? "a" : "b"), "[{\"id\":1,\"n\":1}]");
        assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
        fixture_run(engine);
    }
}

static void a_programs_own_source_says_who_may(void **state) {
    wh_source source = poll_source(WH_SOURCE_ALL);
    char id[WH_ID_SIZE];

    (void)state;
    source.allows = acme_alone;
    assert_int_equal(subscribe(engine, "bolt", "con", POLLS, id), WH_OK); /* nobody knows yet */
    assert_int_equal(wh_source_add(engine, "crm_contact", &source), WH_OK);
    check_refused(subscribe(engine, "bolt", "con", POLLS, NULL), "con");
    assert_int_equal(subscribe(engine, "acme", "con", POLLS, NULL), WH_OK);
    fixture_run(engine);
    assert_int_equal(atomic_load(&poll_said.asked), 1);
    assert_has(poll_run_text(engine, id), "refresh: source: expected a connection of this tenant");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_tenants_connection_cannot_be_named, begin, end),
        cmocka_unit_test_setup_teardown(each_connection_is_asked_for_with_its_own_login, begin, end),
        cmocka_unit_test_setup_teardown(a_login_is_changed_without_a_loss, begin, end),
        cmocka_unit_test_setup_teardown(connections_come_and_go, begin, end),
        cmocka_unit_test_setup_teardown(a_test_asks_for_a_connection_of_its_tenant, begin, end),
        cmocka_unit_test_setup_teardown(a_programs_own_source_says_who_may, begin, end),
        cmocka_unit_test_setup_teardown(what_a_suspicious_reading_holds_is_not_shown_as_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_preview_of_what_is_too_deep_shows_what_is_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_preview_ends_when_there_is_enough_to_show, begin, end),
        cmocka_unit_test_setup_teardown(few_are_tried_at_once_and_end_with_the_engine, begin, end),
        cmocka_unit_test_setup_teardown(an_item_that_nests_beyond_all_bounds_hides_no_other, begin, end),
        cmocka_unit_test_setup_teardown(a_document_is_polled, begin, end),
        cmocka_unit_test_setup_teardown(what_the_next_reading_would_send_is_shown_and_not_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_preview_reads_all_when_the_clock_was_put_back, begin, end),
        cmocka_unit_test_setup_teardown(a_preview_shows_what_its_subscription_gets, begin, end),
        cmocka_unit_test_setup_teardown(a_preview_says_what_fails, begin, end),
        cmocka_unit_test_setup_teardown(unifieds_webhooks_are_virtual_where_there_is_a_document, begin, end),
        cmocka_unit_test_setup_teardown(what_another_engine_puts_changes_and_deletes_holds, begin, end),
        cmocka_unit_test_setup_teardown(one_that_is_opened_later_polls_without_a_put_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(they_are_polled_again_after_a_stop, begin, end),
        cmocka_unit_test_setup_teardown(the_hosts_own_is_read_where_there_are_two, begin, end),
        cmocka_unit_test_setup_teardown(one_whose_rule_nobody_runs_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(one_whose_key_is_not_here_hides_no_other, begin, end),
        cmocka_unit_test_setup_teardown(a_next_page_at_a_private_address_is_not_asked_for, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
