/* Queues and exchanges of a real RabbitMQ, read by another connection. */
#include "queue_kit.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include "certificates.h"

static int made;

/* A channel of the administrator's; NULL: the server is not there. */
static amqp_connection_state_t channel_at(int port) {
    static const struct timeval patience = { 240, 0 }; /* on a busy machine the library's own 12 s may be over */
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *way = amqp_tcp_socket_new(connection);
    int is_open =
        amqp_set_handshake_timeout(connection, &patience) == AMQP_STATUS_OK &&
        amqp_socket_open(way, "127.0.0.1", port) == AMQP_STATUS_OK &&
        amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "writer", KIT_PASSWORD).reply_type ==
            AMQP_RESPONSE_NORMAL;

    if (is_open) {
        amqp_channel_open(connection, 1);
        is_open = amqp_get_rpc_reply(connection).reply_type == AMQP_RESPONSE_NORMAL;
    }
    if (!is_open) {
        amqp_destroy_connection(connection);
    }
    return is_open ? connection : NULL;
}

static amqp_connection_state_t channel(void) {
    amqp_connection_state_t connection = channel_at(database_server_port(kit_server));

    assert_non_null(connection);
    return connection;
}

static int is_ready(int port) {
    amqp_connection_state_t connection = channel_at(port);

    if (connection != NULL) {
        amqp_destroy_connection(connection);
    }
    return connection != NULL;
}

static void kit_start(void) {
    database_server_start(kit_server);
}

static void finish(amqp_connection_state_t connection) {
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);

    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(connection);
}

static void make_queue(const char *name, amqp_table_t options) {
    amqp_connection_state_t connection = channel();

    amqp_queue_declare(connection, 1, amqp_cstring_bytes(name), 0, 1, 0, 0, options);
    finish(connection);
}

static void drop_queue(const char *name) {
    amqp_connection_state_t connection = channel();

    amqp_queue_delete(connection, 1, amqp_cstring_bytes(name), 0, 0);
    finish(connection);
}

static void make_exchange(const char *name, const char *kind) {
    amqp_connection_state_t connection = channel();

    amqp_exchange_declare(connection, 1, amqp_cstring_bytes(name), amqp_cstring_bytes(kind), 0, 1, 0, 0,
                          amqp_empty_table);
    finish(connection);
}

static void bind_queue(const char *queue, const char *exchange, const char *key) {
    amqp_connection_state_t connection = channel();

    amqp_queue_bind(connection, 1, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
                    amqp_empty_table);
    finish(connection);
}

static void ctl(const char *command, const char *a, const char *b, const char *c, const char *d) {
    const char *words[] = {
        "/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", "-n", "webhook@localhost", command, a, b, c, d, NULL
    };

    assert_int_equal(database_server_run(kit_server, (char *const *)(uintptr_t)words), 0);
}

/* Messages are confirmed when they are; that there is a queue is written some seconds later. */
static void kit_keep(void) {
    ctl("eval", "mnesia:dump_log().", NULL, NULL, NULL);
}

static void kit_make(char url[512], int port) {
    char name[32];

    snprintf(name, sizeof name, "q%d", made++);
    make_queue(name, amqp_empty_table);
    snprintf(url, 512, "amqp://writer:" KIT_PASSWORD "@127.0.0.1:%d/?queue=%s", port, name);
}

/* The next message of a queue, taken out; 0: there is none. */
static int take(amqp_connection_state_t connection, const char *name, amqp_message_t *out) {
    amqp_rpc_reply_t reply = amqp_basic_get(connection, 1, amqp_cstring_bytes(name), 1);

    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    if (reply.reply.id != AMQP_BASIC_GET_OK_METHOD) {
        return 0;
    }
    assert_int_equal(amqp_read_message(connection, 1, out, 0).reply_type, AMQP_RESPONSE_NORMAL);
    return 1;
}

static char *bodies_of(const char *name) {
    amqp_connection_state_t connection = channel();
    char *text = calloc(1, 65536);
    amqp_message_t message;
    size_t size = 0;

    while (take(connection, name, &message)) {
        size += (size_t)snprintf(text + size, 65536 - size, "%.*s ", (int)message.body.len, (char *)message.body.bytes);
        amqp_destroy_message(&message);
    }
    amqp_destroy_connection(connection);
    return text;
}

static char *kit_bodies(const char *url) {
    return bodies_of(strstr(url, "queue=") + 6);
}

static void check_queue(const char *name, const char *expected) {
    char *found = bodies_of(name);

    assert_string_equal(found, expected);
    free(found);
}

static void url_of(char url[512], const char *rest) {
    snprintf(url, 512, "amqp://writer:" KIT_PASSWORD "@127.0.0.1:%d/%s", database_server_port(kit_server), rest);
}

/* ------------------------------------------------------------------ the tests */

static void check_text(amqp_bytes_t found, const char *expected) {
    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.bytes, expected, found.len);
}

static void check_header(const amqp_message_t *message, const char *name, const char *expected) {
    const amqp_table_t *table = &message->properties.headers;

    for (int i = 0; i < table->num_entries; i++) {
        if (table->entries[i].key.len == strlen(name) && memcmp(table->entries[i].key.bytes, name, strlen(name)) == 0) {
            check_text(table->entries[i].value.value.bytes, expected);
            return;
        }
    }
    fail_msg("no header %s", name);
}

static void a_message_has_id_type_key_and_headers(void **state) {
    amqp_connection_state_t connection = channel();
    char url[512], bytes[] = { 'a', 0, 'b' };
    whi_message message = message_of("");
    amqp_message_t got;
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    message.key = "c7";
    message.body = bytes;
    message.size = 3;
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    assert_true(take(connection, strstr(url, "queue=") + 6, &got));
    check_text(got.properties.message_id, "m1.sub_1");
    check_text(got.properties.type, "order.created");
    check_text(got.properties.content_type, "application/json");
    assert_int_equal(got.properties.delivery_mode, 2);
    assert_int_equal(got.properties.timestamp, 1700000000);
    check_header(&got, "webhook-id", "m1");
    check_header(&got, "webhook-key", "c7");
    check_header(&got, "x-env", "a, b");
    assert_int_equal(got.body.len, 3);
    assert_memory_equal(got.body.bytes, bytes, 3);
    amqp_destroy_message(&got);
    amqp_destroy_connection(connection);
    whi_queue_close(queue);
}

static void an_exchange_gets_types_as_routing_keys(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    make_exchange("events", "topic");
    make_queue("orders", amqp_empty_table);
    url_of(url, "?exchange=events");
    queue = open_queue(url);
    put(queue, "nobody", WHI_OBJECT_OWNER); /* nothing is bound, and it would be lost */
    bind_queue("orders", "events", "order.*");
    put(queue, "a", WHI_OBJECT_WRITTEN);
    check_queue("orders", "a ");
    whi_queue_close(queue);
    url_of(url, "?exchange=events&routing_key=else&mandatory=false");
    queue = open_queue(url);
    put(queue, "b", WHI_OBJECT_WRITTEN);
    check_queue("orders", "");
    whi_queue_close(queue);
}

static void check_missing(const char *rest, const char *word) {
    char url[512];
    whi_queue *queue;

    url_of(url, rest);
    queue = open_queue(url);
    put(queue, "a", WHI_OBJECT_OWNER);
    check_look(queue, WHI_OBJECT_OWNER, word);
    whi_queue_close(queue);
}

static void what_is_not_there_is_named(void **state) {
    (void)state;
    check_missing("?queue=nowhere", "nowhere");
    check_missing("?exchange=nowhere", "nowhere");
    check_missing("nowhere?queue=a", "virtual host");
}

static void a_queue_that_goes_is_its_owners_to_make(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    put(queue, "a", WHI_OBJECT_WRITTEN);
    drop_queue(strstr(url, "queue=") + 6);
    put(queue, "b", WHI_OBJECT_OWNER);
    make_queue(strstr(url, "queue=") + 6, amqp_empty_table);
    put(queue, "b", WHI_OBJECT_WRITTEN);
    check_bodies(url, "b ");
    whi_queue_close(queue);
}

static void a_queue_that_is_full_is_tried_again(void **state) {
    amqp_table_entry_t entries[2];
    amqp_table_t options = { 2, entries };
    whi_message messages[3] = { message_of("a"), message_of("b"), message_of("c") };
    whi_object_result results[3];
    char url[512];
    whi_queue *queue;

    (void)state;
    entries[0].key = amqp_cstring_bytes("x-max-length");
    entries[0].value.kind = AMQP_FIELD_KIND_I32;
    entries[0].value.value.i32 = 1;
    entries[1].key = amqp_cstring_bytes("x-overflow");
    entries[1].value.kind = AMQP_FIELD_KIND_UTF8;
    entries[1].value.value.bytes = amqp_cstring_bytes("reject-publish");
    make_queue("full", options);
    url_of(url, "?queue=full");
    queue = open_queue(url);
    whi_queue_write(queue, messages, 3, results);
    check_result(&results[0], WHI_OBJECT_WRITTEN);
    check_result(&results[2], WHI_OBJECT_AGAIN);
    assert_has(results[2].sentence, "full");
    check_queue("full", "a ");
    put(queue, "c", WHI_OBJECT_WRITTEN);
    whi_queue_close(queue);
}

static void one_that_is_too_large_is_set_aside_alone(void **state) {
    static char large[100001];
    whi_message messages[4];
    whi_object_result results[4];
    char url[512], *found;
    whi_queue *queue;

    (void)state;
    memset(large, 'x', sizeof large - 1);
    queue = fresh_queue(url);
    messages[0] = message_of("a");
    messages[1] = message_of(large);
    messages[2] = message_of("b");
    messages[3] = message_of("c");
    whi_queue_write(queue, messages, 4, results);
    check_result(&results[0], WHI_OBJECT_WRITTEN);
    check_result(&results[1], WHI_OBJECT_ALONE);
    check_result(&results[2], WHI_OBJECT_WRITTEN);
    check_result(&results[3], WHI_OBJECT_WRITTEN);
    found = kit_bodies(url);
    assert_has(found, "a ");
    assert_has(found, "b c ");
    free(found);
    put(queue, large, WHI_OBJECT_ALONE);
    whi_queue_close(queue);
}

static void rights_and_passwords_are_asked_for_anew(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    make_queue("desk", amqp_empty_table);
    ctl("add_user", "clerk", KIT_PASSWORD, NULL, NULL);
    ctl("set_permissions", "clerk", "", "none", "");
    snprintf(url, sizeof url, "amqp://clerk:" KIT_PASSWORD "@127.0.0.1:%d/?queue=desk",
             database_server_port(kit_server));
    queue = open_queue(url);
    check_look(queue, WHI_OBJECT_OWNER, "set_permissions");
    put(queue, "a", WHI_OBJECT_OWNER);
    ctl("set_permissions", "clerk", "", "amq.default", "");
    check_look(queue, WHI_OBJECT_WRITTEN, "");
    put(queue, "a", WHI_OBJECT_WRITTEN);
    ctl("change_password", "clerk", "other", NULL, NULL);
    whi_queue_rest(queue);
    put(queue, "b", WHI_OBJECT_OWNER);
    ctl("change_password", "clerk", KIT_PASSWORD, NULL, NULL);
    put(queue, "b", WHI_OBJECT_WRITTEN);
    check_queue("desk", "a b ");
    whi_queue_close(queue);
}

/* ------------------------------------------------------------------ over TLS */

static int tls_port;
static char authority[256], stranger[256];

static void put_secure(const char *host, const char *ca_file, int insecure, int outcome) {
    char url[512];
    whi_queue_options options = { .url = url, .policy = kit_policy, .ca_file = ca_file, .insecure = insecure };
    whi_message message = message_of("a");
    whi_object_result result;
    whi_queue *queue;

    snprintf(url, sizeof url, "amqps://writer:" KIT_PASSWORD "@%s:%d/?queue=secure", host, tls_port);
    options.connect_timeout = options.publish_timeout = 60000;
    assert_int_equal(whi_queue_open(&queue, &options), WH_OK);
    whi_queue_write(queue, &message, 1, &result);
    check_result(&result, outcome);
    if (outcome != WHI_OBJECT_WRITTEN) {
        assert_has(result.sentence, "TLS");
    }
    whi_queue_close(queue);
}

static void tls_is_verified_by_name_and_authority(void **state) {
    (void)state;
    make_queue("secure", amqp_empty_table);
    put_secure("localhost", authority, 0, WHI_OBJECT_WRITTEN);
    put_secure("localhost", stranger, 0, WHI_OBJECT_AGAIN);
    put_secure("127.0.0.1", authority, 0, WHI_OBJECT_AGAIN); /* the certificate is localhost's */
    put_secure("localhost", stranger, 1, WHI_OBJECT_WRITTEN);
    check_queue("secure", "a a ");
}

/* 1: somebody asks this port for a connection and has no answer yet. */
static int is_asked(int port) {
    char line[512], word[32];
    FILE *file = fopen("/proc/net/tcp", "r");
    int found = 0;

    assert_non_null(file);
    snprintf(word, sizeof word, "0100007F:%04X 02 ", (unsigned)port);
    while (fgets(line, sizeof line, file) != NULL) {
        found |= strstr(line, word) != NULL;
    }
    fclose(file);
    return found;
}

static void *put_for_ever(void *payload) {
    put(payload, "a", WHI_OBJECT_AGAIN);
    return NULL;
}

/* Its line is full, so the machine answers nobody. */
static void a_way_over_tls_is_cut_while_nobody_answers(void **state) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int port = listen_free(), filling = socket(AF_INET, SOCK_STREAM, 0);
    whi_queue_options options = { .policy = kit_policy, .insecure = 1 };
    pthread_t thread;
    whi_queue *queue;
    char url[512];

    (void)state;
    assert_int_equal(listen(kit_listener, 0), 0);
    address.sin_port = htons((uint16_t)port);
    assert_int_equal(connect(filling, (struct sockaddr *)&address, sizeof address), 0);
    snprintf(url, sizeof url, "amqps://127.0.0.1:%d/?queue=a", port);
    options.url = url;
    options.connect_timeout = options.publish_timeout = 3600000;
    assert_int_equal(whi_queue_open(&queue, &options), WH_OK);
    assert_int_equal(pthread_create(&thread, NULL, put_for_ever, queue), 0);
    while (!is_asked(port)) {}
    whi_queue_cut(queue);
    pthread_join(thread, NULL);
    whi_queue_close(queue);
    close(filling);
    close(kit_listener);
}

static void set_tls(void) {
    char line[256];

    tls_port = database_server_spare_port();
    certificates_make("authority", "DNS:authority", NULL);
    certificates_make("stranger", "DNS:stranger", NULL);
    certificates_make("server", "DNS:localhost", "authority");
    snprintf(authority, sizeof authority, "%s", certificates_file("authority.pem"));
    snprintf(stranger, sizeof stranger, "%s", certificates_file("stranger.pem"));
    snprintf(line, sizeof line, "listeners.ssl.1 = 127.0.0.1:%d\nssl_options.verify = verify_none", tls_port);
    database_server_set(kit_server, line);
    snprintf(line, sizeof line, "ssl_options.certfile = %s",
             database_server_file(kit_server, certificates_file("server.pem"), "server.pem"));
    database_server_set(kit_server, line);
    snprintf(line, sizeof line, "ssl_options.keyfile = %s",
             database_server_file(kit_server, certificates_file("server.key"), "server.key"));
    database_server_set(kit_server, line);
}

static int begin(void **state) {
    (void)state;
    kit_server = database_server_rabbitmq(is_ready);
    set_tls();
    database_server_set(kit_server, "handshake_timeout = 240000\nssl_handshake_timeout = 240000");
    database_server_set(kit_server, "default_user = writer\ndefault_pass = " KIT_PASSWORD "\nmax_message_size = 65536");
    database_server_start(kit_server);
    return kit_begin();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TESTS,
        cmocka_unit_test(a_message_has_id_type_key_and_headers),
        cmocka_unit_test(an_exchange_gets_types_as_routing_keys),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(a_queue_that_goes_is_its_owners_to_make),
        cmocka_unit_test(a_queue_that_is_full_is_tried_again),
        cmocka_unit_test(one_that_is_too_large_is_set_aside_alone),
        cmocka_unit_test(rights_and_passwords_are_asked_for_anew),
        cmocka_unit_test(tls_is_verified_by_name_and_authority),
        cmocka_unit_test(a_way_over_tls_is_cut_while_nobody_answers),
    };

    return cmocka_run_group_tests(tests, begin, kit_end);
}
