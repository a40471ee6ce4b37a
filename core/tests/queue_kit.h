/* What must hold for queues of every kind. A test of one kind says where its server is, and how to read what has
 * arrived by another way than ours. */
#ifndef QUEUE_KIT_H
#define QUEUE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "database_server.h"
#include "engine/memory.h"
#include "engine_fixture.h"
#include "outside/queue.h"
#include "proxy.h"
#include "pure/address.h"

#define KIT_UNUSED __attribute__((unused))
#define KIT_PASSWORD "s3cret"

static database_server *kit_server;
static whi_policy *kit_policy;

/* The URL of a fresh queue at this port, made if it has to be, with a user whose password is KIT_PASSWORD. */
static void kit_make(char url[512], int port);

/* The bodies that have arrived there, in their order, with a blank behind each; the caller's to free. */
static char *kit_bodies(const char *url);

/* What was made at the server is on its disk. */
static void kit_keep(void);

/* Waits until the server takes connections again. */
static void kit_start(void);

KIT_UNUSED static whi_queue *open_within(const char *url, int64_t connect, int64_t publish) {
    whi_queue_options options = {
        .url = url, .connect_timeout = connect, .publish_timeout = publish, .policy = kit_policy
    };
    whi_queue *queue;

    if (whi_queue_open(&queue, &options) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    return queue;
}

KIT_UNUSED static whi_queue *open_queue(const char *url) {
    return open_within(url, 60000, 60000);
}

KIT_UNUSED static whi_message message_of(const char *body) {
    static const char *const lines[] = { "Content-Type: application/json", "webhook-id: m1", "X-Env: a, b" };
    whi_message message = { .id = "m1.sub_1", .type = "order.created", .lines = lines, .line_count = 3 };

    message.body = body;
    message.size = strlen(body);
    message.sent_at = 1700000000123;
    return message;
}

KIT_UNUSED static void check_result(const whi_object_result *result, int outcome) {
    if (result->outcome != outcome) {
        fail_msg("outcome %d, expected %d: [%s] %s", result->outcome, outcome, result->state, result->sentence);
    }
    assert_int_equal(result->sentence[0] == '\0', outcome == WHI_OBJECT_WRITTEN);
    assert_null(strstr(result->sentence, KIT_PASSWORD));
}

KIT_UNUSED static void put_message(whi_queue *queue, const whi_message *message, int outcome) {
    whi_object_result result;

    whi_queue_write(queue, message, 1, &result);
    check_result(&result, outcome);
}

/* Ids of their own, as deliveries have: a queue may know one that it has. */
KIT_UNUSED static void name_messages(whi_message *messages, size_t count) {
    static char names[1000][32];
    static unsigned next;

    for (size_t i = 0; i < count; i++) {
        char *name = names[next % 1000];
        snprintf(name, sizeof names[0], "m%u.sub_1", next++);
        messages[i].id = name;
    }
}

KIT_UNUSED static void put(whi_queue *queue, const char *body, int outcome) {
    whi_message message = message_of(body);

    name_messages(&message, 1);
    put_message(queue, &message, outcome);
}

/* A fresh queue at the server, opened; its URL. */
KIT_UNUSED static whi_queue *fresh_queue(char url[512]) {
    kit_make(url, database_server_port(kit_server));
    return open_queue(url);
}

KIT_UNUSED static void check_look(whi_queue *queue, int outcome, const char *word) {
    whi_object_result result;

    whi_queue_check(queue, &result);
    check_result(&result, outcome);
    assert_has(result.sentence, word);
}

KIT_UNUSED static void check_bodies(const char *url, const char *expected) {
    char *found = kit_bodies(url);

    assert_string_equal(found, expected);
    free(found);
}

/* ------------------------------------------------------------------ a server that is none */

static int kit_listener;
static const char *kit_lie;
static const char *kit_greeting = ""; /* of a protocol whose servers speak first */

static int listen_free(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    kit_listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(kit_listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(kit_listener, 8), 0);
    assert_int_equal(getsockname(kit_listener, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static int greet_one(void) {
    int fd = accept(kit_listener, NULL, NULL);

    (void)!send(fd, kit_greeting, strlen(kit_greeting), MSG_NOSIGNAL);
    return fd;
}

/* Takes a connection, hears its first bytes, and says what is not so; then waits for its end. */
static void *lie(void *payload) {
    int fd = greet_one();
    char bytes[4096];

    (void)payload;
    (void)!recv(fd, bytes, sizeof bytes, 0);
    (void)!send(fd, kit_lie, strlen(kit_lie), MSG_NOSIGNAL);
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {}
    close(fd);
    return NULL;
}

static void *cut_when_heard(void *payload) {
    int fd = greet_one();
    char byte;

    (void)!recv(fd, &byte, 1, 0);
    whi_queue_cut(payload);
    while (recv(fd, &byte, 1, 0) > 0) {}
    close(fd);
    return NULL;
}

static void url_of_liar(char url[512]) {
    kit_make(url, listen_free());
}

/* What comes of a message that is sent to who says this; each wait has so many ms. */
KIT_UNUSED static whi_object_result ask_liar(const char *text, int64_t ms) {
    whi_message message = message_of("a");
    whi_object_result result;
    pthread_t thread;
    whi_queue *queue;
    char url[512];

    kit_lie = text;
    url_of_liar(url);
    queue = open_within(url, ms, ms);
    assert_int_equal(pthread_create(&thread, NULL, lie, NULL), 0);
    whi_queue_write(queue, &message, 1, &result);
    whi_queue_close(queue);
    pthread_join(thread, NULL);
    close(kit_listener);
    return result;
}

static void put_once(whi_queue *queue) {
    put(queue, "a", WHI_OBJECT_AGAIN);
}

static void look_once(whi_queue *queue) {
    whi_object_result result;

    whi_queue_check(queue, &result);
    check_result(&result, WHI_OBJECT_AGAIN);
}

/* Cut while it waits for who never answers, it ends, and not by its time. */
KIT_UNUSED static void check_cut(void (*ask)(whi_queue *queue)) {
    pthread_t thread;
    whi_queue *queue;
    char url[512];

    url_of_liar(url);
    queue = open_within(url, 3600000, 3600000);
    assert_int_equal(pthread_create(&thread, NULL, cut_when_heard, queue), 0);
    ask(queue);
    whi_queue_close(queue);
    pthread_join(thread, NULL);
    close(kit_listener);
}

/* ------------------------------------------------------------------ the tests */

static void messages_arrive_in_their_order(void **state) {
    whi_message messages[500];
    whi_object_result results[500];
    char url[512], bodies[500][24], expected[8192] = "";
    whi_queue *queue;
    size_t size = 0;

    (void)state;
    queue = fresh_queue(url);
    for (int i = 0; i < 500; i++) {
        snprintf(bodies[i], sizeof bodies[i], "{\"n\":%d}", i);
        messages[i] = message_of(bodies[i]);
        size += (size_t)snprintf(expected + size, sizeof expected - size, "%s ", bodies[i]);
    }
    name_messages(messages, 500);
    whi_queue_write(queue, messages, 500, results);
    for (int i = 0; i < 500; i++) {
        check_result(&results[i], WHI_OBJECT_WRITTEN);
    }
    check_bodies(url, expected);
    whi_queue_close(queue);
}

static void a_look_writes_nothing(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    check_look(queue, WHI_OBJECT_WRITTEN, "");
    check_bodies(url, "");
    put(queue, "a", WHI_OBJECT_WRITTEN);
    check_bodies(url, "a ");
    whi_queue_close(queue);
}

static void another_password_is_its_owners_to_mend(void **state) {
    char url[512], *at;
    whi_queue *queue;

    (void)state;
    kit_make(url, database_server_port(kit_server));
    at = strstr(url, KIT_PASSWORD);
    at[0] = 'x';
    queue = open_queue(url);
    put(queue, "a", WHI_OBJECT_OWNER);
    check_look(queue, WHI_OBJECT_OWNER, "password");
    whi_queue_close(queue);
}

static void what_lies_or_says_nothing_is_tried_again(void **state) {
    static const char *const lies[] = { "HTTP/1.1 400 Bad Request\r\n\r\n", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xff\xff",
                                        "$2000000000\r\nabc\r\n", "*3\r\n+a\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        whi_object_result result = ask_liar(lies[i], 200);
        check_result(&result, WHI_OBJECT_AGAIN);
    }
    check_cut(put_once);
}

static void a_look_is_cut_as_a_message_is(void **state) {
    (void)state;
    check_cut(look_once);
}

static void a_server_that_is_killed_has_what_it_confirmed(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    put(queue, "a", WHI_OBJECT_WRITTEN);
    kit_keep();
    database_server_stop(kit_server);
    put(queue, "b", WHI_OBJECT_AGAIN);
    put(queue, "b", WHI_OBJECT_AGAIN);
    kit_start();
    put(queue, "b", WHI_OBJECT_WRITTEN);
    check_bodies(url, "a b ");
    whi_queue_close(queue);
}

/* Nobody is asked, and nothing is said of what is there. */
static void an_address_that_is_not_allowed_is_not_reached(void **state) {
    whi_policy *allowed = kit_policy;
    char url[512];
    whi_queue *queue;

    (void)state;
    kit_make(url, database_server_port(kit_server));
    assert_int_equal(whi_policy_new(&kit_policy, NULL, 0), WH_OK);
    queue = open_queue(url);
    put(queue, "a", WHI_OBJECT_AGAIN);
    check_look(queue, WHI_OBJECT_AGAIN, "no address that may be reached");
    whi_queue_close(queue);
    whi_policy_free(kit_policy);
    kit_policy = allowed;
    check_bodies(url, "");
}

/* A way to the queue that breaks at the word, and its URL. */
static proxy *way_to(char url[512], const char *direct) {
    proxy *way = proxy_new(database_server_port(kit_server), "THE-WORD", 0);
    char *found;

    snprintf(url, 512, "%s", direct);
    found = strstr(url, "127.0.0.1:");
    snprintf(found, 512 - (size_t)(found - url), "127.0.0.1:%d%s", proxy_port(way),
             strchr(strstr(direct, "127.0.0.1:"), '/'));
    return way;
}

static proxy *(*kit_way)(char url[512], const char *direct) = way_to;

/* The server has it, and nobody heard: it may come twice, and is never lost. */
static void what_was_not_confirmed_is_sent_again(void **state) {
    char url[512], direct[512], *found;
    whi_queue *queue;
    proxy *way;

    (void)state;
    kit_make(direct, database_server_port(kit_server));
    way = kit_way(url, direct);
    queue = open_queue(url);
    put(queue, "first", WHI_OBJECT_WRITTEN);
    put(queue, "THE-WORD", WHI_OBJECT_AGAIN);
    proxy_wait(way);
    put(queue, "THE-WORD", WHI_OBJECT_WRITTEN);
    found = kit_bodies(direct);
    assert_int_equal(strncmp(found, "first THE-WORD ", 15), 0);
    free(found);
    whi_queue_close(queue);
    proxy_free(way);
}

static void a_server_that_hangs_ends_by_the_time(void **state) {
    whi_message message = message_of("a");
    whi_object_result result;
    char url[512], *found;
    whi_queue *queue;

    (void)state;
    kit_make(url, database_server_port(kit_server));
    queue = open_within(url, 60000, 1000);
    do { /* a machine that is busy takes its time */
        whi_queue_write(queue, &message, 1, &result);
    } while (result.outcome != WHI_OBJECT_WRITTEN);
    database_server_pause(kit_server, 1);
    put(queue, "b", WHI_OBJECT_AGAIN);
    database_server_pause(kit_server, 0);
    whi_queue_close(queue);
    queue = open_queue(url);
    put(queue, "b", WHI_OBJECT_WRITTEN);
    found = kit_bodies(url);
    assert_non_null(strstr(found, "a b "));
    free(found);
    whi_queue_close(queue);
}

/* --------------------------------------------------------------- with an engine */

static wh_engine *kit_open(void) {
    wh_options options = WH_OPTIONS_INIT;
    static const char *const allow[] = { "127.0.0.1" };
    wh_engine *engine;

    fixture_reset();
    options.allow = allow;
    options.allow_count = 1;
    options.connect_timeout = 60000; /* a machine that is busy takes its time */
    engine = fixture_open(":memory:", &options);
    return engine;
}

static void subscribe(wh_engine *engine, const char *url, char *id) {
    char document[700];

    snprintf(document, sizeof document,
             "{\"url\":\"%s\",\"events\":[\"order.*\"],\"timeout\":60000,\"database\":{\"check\":false}}", url);
    fixture_subscribe(engine, document, id);
}

static void an_engine_delivers_and_shows_no_password(void **state) {
    wh_engine *engine = kit_open();
    char url[512], id[WH_ID_SIZE], *text;

    (void)state;
    kit_make(url, database_server_port(kit_server));
    subscribe(engine, url, id);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_null(strstr(text, KIT_PASSWORD));
    assert_has(text, ":***@");
    wh_free(text);
    fixture_publish(engine, "order.created", "{\"n\":1}", NULL);
    fixture_publish(engine, "order.created", "{\"n\":2}", NULL);
    fixture_run(engine);
    check_bodies(url, "{\"n\":1} {\"n\":2} ");
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"delivered\"");
    assert_null(strstr(text, KIT_PASSWORD));
    wh_free(text);
    wh_close(engine);
}

static void an_engine_looks_before_it_subscribes(void **state) {
    wh_engine *engine = kit_open();
    char url[512], document[700];

    (void)state;
    kit_make(url, database_server_port(kit_server));
    strstr(url, KIT_PASSWORD)[0] = 'x';
    snprintf(document, sizeof document, "{\"url\":\"%s\"}", url);
    do { /* a look has five seconds, which a busy machine may need */
        assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, NULL), WH_EINVALID);
    } while (strstr(wh_last_error(), "no answer in time") != NULL);
    assert_string_equal(wh_last_error_field(), "url");
    assert_has(wh_last_error(), "password");
    assert_null(strstr(wh_last_error(), "x3cret"));
    snprintf(document, sizeof document, "{\"url\":\"%s\",\"database\":{\"check\":false}}", url);
    assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, NULL), WH_OK);
    wh_close(engine);
}

static void one_that_hangs_costs_others_nothing(void **state) {
    wh_engine *engine = kit_open();
    char url[512], *text;

    (void)state;
    kit_make(url, database_server_port(kit_server));
    subscribe(engine, url, NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"events\":[\"order.*\"]}", NULL);
    database_server_pause(kit_server, 1);
    for (int i = 0; i < 20; i++) {
        fixture_publish(engine, "order.created", "{}", NULL);
    }
    while (fixture_count() < 20) {
        fixture_turn(engine);
    }
    database_server_pause(kit_server, 0);
    fixture_run(engine);
    text = kit_bodies(url);
    assert_true(strlen(text) >= 20 * 3);
    free(text);
    wh_close(engine);
}

/* An envelope makes a text of its own of each payload, which waits for the queue: a tenant has it in its share. */
static void what_is_wrapped_for_a_queue_is_counted_in_memory(void **state) {
    static char payload[20000];
    wh_engine *engine = kit_open();
    char url[512], document[700];

    (void)state;
    kit_make(url, database_server_port(kit_server));
    snprintf(document, sizeof document,
             "{\"url\":\"%s\",\"profile\":\"truto\",\"timeout\":60000,\"database\":{\"check\":false}}", url);
    fixture_subscribe(engine, document, NULL);
    memset(payload, '1', sizeof payload - 1);
    database_server_pause(kit_server, 1);
    fixture_publish(engine, "order.created", payload, NULL);
    while (atomic_load(&engine->flights_open) == 0) {
        fixture_turn(engine);
    }
    assert_true(whi_memory_used(engine->memory, WHI_POT_BODIES) > (long long)sizeof payload);
    database_server_pause(kit_server, 0);
    fixture_run(engine);
    assert_int_equal(whi_memory_used(engine->memory, WHI_POT_BODIES), 0);
    wh_close(engine);
}

#define KIT_TESTS                                                                                                      \
    cmocka_unit_test(messages_arrive_in_their_order), cmocka_unit_test(a_look_writes_nothing),                         \
        cmocka_unit_test(an_address_that_is_not_allowed_is_not_reached),                                               \
        cmocka_unit_test(another_password_is_its_owners_to_mend),                                                      \
        cmocka_unit_test(what_lies_or_says_nothing_is_tried_again), cmocka_unit_test(a_look_is_cut_as_a_message_is),   \
        cmocka_unit_test(a_server_that_is_killed_has_what_it_confirmed),                                               \
        cmocka_unit_test(what_was_not_confirmed_is_sent_again),                                                        \
        cmocka_unit_test(a_server_that_hangs_ends_by_the_time),                                                        \
        cmocka_unit_test(an_engine_delivers_and_shows_no_password),                                                    \
        cmocka_unit_test(an_engine_looks_before_it_subscribes), cmocka_unit_test(one_that_hangs_costs_others_nothing), \
        cmocka_unit_test(what_is_wrapped_for_a_queue_is_counted_in_memory)

KIT_UNUSED static int kit_begin(void) {
    return whi_policy_new(&kit_policy, (const char *const[]){ "127.0.0.1" }, 1);
}

KIT_UNUSED static int kit_end(void **state) {
    (void)state;
    database_server_free(kit_server);
    whi_policy_free(kit_policy);
    return 0;
}

#endif
