/* Streams of a real nats-server, made and read by the client in C, which is another one than ours. */
#include "queue_kit.h"

#include <nats/nats.h>

#include "certificates.h"

static int made;

/* ------------------------------------------------------------------ the administrator */

typedef struct desk {
    natsConnection *connection;
    jsCtx *streams;
} desk;

static const char *login = "admin:admin@127.0.0.1";
static const char *trusted; /* whom the server's certificate is by; NULL: there is none */

static int open_desk(desk *out, int port) {
    natsOptions *options;
    char url[64];
    int is_open;

    memset(out, 0, sizeof *out);
    snprintf(url, sizeof url, "nats://%s:%d", login, port);
    natsOptions_Create(&options);
    natsOptions_SetURL(options, url);
    if (trusted != NULL) {
        natsOptions_SetSecure(options, true);
        natsOptions_LoadCATrustedCertificates(options, trusted);
    }
    natsOptions_SetAllowReconnect(options, false);
    is_open = natsConnection_Connect(&out->connection, options) == NATS_OK &&
              natsConnection_JetStream(&out->streams, out->connection, NULL) == NATS_OK;
    natsOptions_Destroy(options);
    return is_open;
}

static void close_desk(desk *open) {
    jsCtx_Destroy(open->streams);
    natsConnection_Destroy(open->connection);
}

static void must_open(desk *out) {
    assert_true(open_desk(out, database_server_port(kit_server)));
}

static int is_ready(int port) {
    desk open;
    jsStreamInfo *info = NULL;
    jsErrCode why = 0;
    int ready = open_desk(&open, port);

    /* Before JetStream is there, nobody answers. */
    ready = ready && js_GetStreamInfo(&info, open.streams, "none", NULL, &why) == NATS_NOT_FOUND;
    close_desk(&open);
    return ready;
}

static void make_stream_of(jsStreamConfig *config, const char *name, const char *subject) {
    desk open;
    jsErrCode why = 0;

    must_open(&open);
    config->Name = name;
    config->Subjects = &subject;
    config->SubjectsLen = 1;
    if (js_AddStream(NULL, open.streams, config, NULL, &why) != NATS_OK) {
        fail_msg("stream %s: %d", name, (int)why);
    }
    close_desk(&open);
}

static void make_stream(const char *name, const char *subject) {
    jsStreamConfig config;

    jsStreamConfig_Init(&config);
    make_stream_of(&config, name, subject);
}

static void drop_stream(const char *name) {
    desk open;

    must_open(&open);
    assert_int_equal(js_DeleteStream(open.streams, name, NULL, NULL), NATS_OK);
    close_desk(&open);
}

static void kit_keep(void) {
    /* a process that is killed leaves to the system what it has written */
}

static void kit_start(void) {
    database_server_start(kit_server);
}

static int is_secure; /* of URLs */

static void url_of(char url[512], int port, const char *subject) {
    snprintf(url, 512, "%s://writer:" KIT_PASSWORD "@127.0.0.1:%d/%s", is_secure ? "tls" : "nats", port, subject);
}

static void kit_make(char url[512], int port) {
    char name[24], subject[24];

    snprintf(name, sizeof name, "S%d", made);
    snprintf(subject, sizeof subject, "s.%d", made++);
    make_stream(name, subject);
    url_of(url, port, subject);
}

/* A message of the stream by its number; NULL: there is none. */
static natsMsg *message_at(const char *stream, uint64_t number) {
    natsMsg *message = NULL;
    jsErrCode why = 0;
    desk open;

    must_open(&open);
    if (js_GetMsg(&message, open.streams, stream, number, NULL, &why) != NATS_OK) {
        message = NULL;
    }
    close_desk(&open);
    return message;
}

static char *bodies_of(const char *stream) {
    char *text = calloc(1, 65536);
    jsStreamInfo *info = NULL;
    size_t size = 0;
    desk open;

    must_open(&open);
    assert_int_equal(js_GetStreamInfo(&info, open.streams, stream, NULL, NULL), NATS_OK);
    for (uint64_t i = info->State.FirstSeq; i <= info->State.LastSeq && info->State.Msgs > 0; i++) {
        natsMsg *message = NULL;

        assert_int_equal(js_GetMsg(&message, open.streams, stream, i, NULL, NULL), NATS_OK);
        size += (size_t)snprintf(text + size, 65536 - size, "%.*s ", natsMsg_GetDataLength(message),
                                 natsMsg_GetData(message));
        natsMsg_Destroy(message);
    }
    jsStreamInfo_Destroy(info);
    close_desk(&open);
    return text;
}

static char *kit_bodies(const char *url) {
    char name[24];

    snprintf(name, sizeof name, "S%s", strstr(url, "/s.") + 3);
    return bodies_of(name);
}

static void check_stream(const char *name, const char *expected) {
    char *found = bodies_of(name);

    assert_string_equal(found, expected);
    free(found);
}

static whi_queue *open_subject(const char *subject) {
    char url[512];

    url_of(url, database_server_port(kit_server), subject);
    return open_queue(url);
}

/* ------------------------------------------------------------------ messages */

static void check_header(natsMsg *message, const char *name, const char *expected) {
    const char *value = NULL;

    assert_int_equal(natsMsgHeader_Get(message, name, &value), NATS_OK);
    assert_string_equal(value, expected);
}

static void a_message_has_id_type_key_and_headers(void **state) {
    char url[512], bytes[] = { 'a', 0, 'b' };
    whi_message message = message_of("");
    whi_queue *queue;
    natsMsg *got;

    (void)state;
    make_stream("HEADERS", "s.headers");
    url_of(url, database_server_port(kit_server), "s.headers");
    queue = open_queue(url);
    message.key = "c7%\r\nX-Forged: 1";
    message.body = bytes;
    message.size = 3;
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    got = message_at("HEADERS", 1);
    assert_non_null(got);
    check_header(got, "Nats-Msg-Id", "m1.sub_1");
    check_header(got, "webhook-type", "order.created");
    check_header(got, "webhook-key", "c7%25%0D%0AX-Forged: 1");
    check_header(got, "content-type", "application/json");
    check_header(got, "webhook-id", "m1");
    check_header(got, "x-env", "a, b");
    assert_int_equal(natsMsg_GetDataLength(got), 3);
    assert_memory_equal(natsMsg_GetData(got), bytes, 3);
    natsMsg_Destroy(got);
    whi_queue_close(queue);
}

static void what_is_sent_again_is_there_once(void **state) {
    whi_message message = message_of("a");
    char url[512];
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    message.id = "again.sub_1";
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    whi_queue_rest(queue);
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    check_bodies(url, "a ");
    whi_queue_close(queue);
}

static void without_a_subject_it_is_the_key_or_the_type(void **state) {
    whi_message messages[5];
    whi_object_result results[5];
    whi_queue *queue = open_subject("");
    static const char *const keys[] = { NULL, "s.sub.c7", "s.sub.*", "a b", "s.sub.c8" };

    (void)state;
    make_stream("SUBJECTS", "s.sub.>");
    for (int i = 0; i < 5; i++) {
        messages[i] = message_of("a");
        messages[i].type = "s.sub.type";
        messages[i].key = keys[i];
    }
    name_messages(messages, 5);
    whi_queue_write(queue, messages, 5, results);
    check_result(&results[0], WHI_OBJECT_WRITTEN);
    check_result(&results[1], WHI_OBJECT_WRITTEN);
    check_result(&results[2], WHI_OBJECT_ALONE);
    check_result(&results[3], WHI_OBJECT_ALONE);
    check_result(&results[4], WHI_OBJECT_WRITTEN);
    assert_has(results[2].sentence, "no subject");
    check_stream("SUBJECTS", "a a a ");
    check_look(queue, WHI_OBJECT_WRITTEN, "");
    whi_queue_close(queue);
}

/* ------------------------------------------------------------------ refusals */

static void a_stream_that_is_missing_is_its_owners_to_make(void **state) {
    whi_queue *queue = open_subject("s.nowhere");

    (void)state;
    put(queue, "a", WHI_OBJECT_OWNER);
    check_look(queue, WHI_OBJECT_OWNER, "nats stream add <name> --subjects \"s.nowhere\"");
    make_stream("NOWHERE", "s.nowhere");
    check_look(queue, WHI_OBJECT_WRITTEN, "");
    put(queue, "a", WHI_OBJECT_WRITTEN);
    drop_stream("NOWHERE");
    put(queue, "b", WHI_OBJECT_OWNER);
    make_stream("NOWHERE", "s.nowhere");
    put(queue, "b", WHI_OBJECT_WRITTEN);
    check_stream("NOWHERE", "b ");
    whi_queue_close(queue);
}

static void rights_that_are_missing_are_named(void **state) {
    whi_queue *queue = open_subject("private");
    whi_message messages[3];
    whi_object_result results[3];

    (void)state;
    make_stream("PRIVATE", "private");
    check_look(queue, WHI_OBJECT_OWNER, "publish: \"private\"");
    put(queue, "a", WHI_OBJECT_OWNER);
    whi_queue_close(queue);
    make_stream("OPEN", "s.open");
    queue = open_subject("");
    for (int i = 0; i < 3; i++) {
        messages[i] = message_of("a");
        messages[i].key = i == 1 ? "private" : "s.open";
    }
    name_messages(messages, 3);
    whi_queue_write(queue, messages, 3, results);
    check_result(&results[0], WHI_OBJECT_WRITTEN);
    check_result(&results[1], WHI_OBJECT_OWNER);
    check_result(&results[2], WHI_OBJECT_WRITTEN);
    check_stream("PRIVATE", "");
    whi_queue_close(queue);
}

static void a_stream_that_is_full_is_tried_again(void **state) {
    whi_queue *queue = open_subject("s.full");
    jsStreamConfig config;

    (void)state;
    jsStreamConfig_Init(&config);
    config.MaxMsgs = 1;
    config.Discard = js_DiscardNew;
    make_stream_of(&config, "FULL", "s.full");
    put(queue, "a", WHI_OBJECT_WRITTEN);
    put(queue, "b", WHI_OBJECT_AGAIN);
    check_stream("FULL", "a ");
    whi_queue_close(queue);
}

/* One by the stream's own limit, one by the server's, which would end the connection for it. */
static void one_that_is_too_large_is_set_aside_alone(void **state) {
    char *large = calloc(1, (1 << 20) + 1), small[4097] = "";
    whi_queue *queue = open_subject("s.small");
    whi_message messages[4];
    whi_object_result results[4];
    jsStreamConfig config;

    (void)state;
    jsStreamConfig_Init(&config);
    config.MaxMsgSize = 2048;
    make_stream_of(&config, "SMALL", "s.small");
    memset(large, 'x', 1 << 20);
    memset(small, 'x', 4096);
    messages[0] = message_of("a");
    messages[1] = message_of(large);
    messages[2] = message_of(small);
    messages[3] = message_of("b");
    name_messages(messages, 4);
    whi_queue_write(queue, messages, 4, results);
    check_result(&results[0], WHI_OBJECT_WRITTEN);
    check_result(&results[1], WHI_OBJECT_ALONE);
    check_result(&results[2], WHI_OBJECT_ALONE);
    check_result(&results[3], WHI_OBJECT_WRITTEN);
    assert_has(results[1].sentence, "max_payload");
    check_stream("SMALL", "a b ");
    whi_queue_close(queue);
    free(large);
}

/* More than is written ahead at once. */
static void large_batches_are_sent_in_parts(void **state) {
    static char body[65537];
    whi_message messages[40];
    whi_object_result results[40];
    whi_queue *queue;
    jsStreamInfo *info = NULL;
    char url[512];
    desk open;

    (void)state;
    queue = fresh_queue(url);
    memset(body, 'y', sizeof body - 1);
    for (int i = 0; i < 40; i++) {
        messages[i] = message_of(body);
    }
    name_messages(messages, 40);
    whi_queue_write(queue, messages, 40, results);
    for (int i = 0; i < 40; i++) {
        check_result(&results[i], WHI_OBJECT_WRITTEN);
    }
    must_open(&open);
    url[0] = 'S';
    snprintf(url + 1, sizeof url - 1, "%d", made - 1);
    assert_int_equal(js_GetStreamInfo(&info, open.streams, url, NULL, NULL), NATS_OK);
    assert_int_equal(info->State.Msgs, 40);
    jsStreamInfo_Destroy(info);
    close_desk(&open);
    whi_queue_close(queue);
}

/* ------------------------------------------------------------------ tokens and TLS */

static char authority[256], stranger[256];

static void put_secure(const char *start, const char *ca_file, int insecure, int outcome, const char *word) {
    char url[512];
    whi_queue_options options = { .url = url, .policy = kit_policy, .ca_file = ca_file, .insecure = insecure };
    whi_message message = message_of("a");
    whi_object_result result;
    whi_queue *queue;

    snprintf(url, sizeof url, "%s:%d/secure", start, database_server_port(kit_server));
    options.connect_timeout = options.publish_timeout = 60000;
    assert_int_equal(whi_queue_open(&queue, &options), WH_OK);
    name_messages(&message, 1);
    whi_queue_write(queue, &message, 1, &result);
    check_result(&result, outcome);
    assert_has(result.sentence, word);
    whi_queue_close(queue);
}

static void set_tls(void) {
    char line[400], file[200];

    certificates_make("authority", "DNS:authority", NULL);
    certificates_make("stranger", "DNS:stranger", NULL);
    certificates_make("server", "DNS:localhost", "authority");
    snprintf(authority, sizeof authority, "%s", certificates_file("authority.pem"));
    snprintf(stranger, sizeof stranger, "%s", certificates_file("stranger.pem"));
    snprintf(file, sizeof file, "%s", database_server_file(kit_server, certificates_file("server.pem"), "server.pem"));
    snprintf(line, sizeof line, "tls { cert_file: \"%s\", key_file: \"%s\", timeout: 240 }", file,
             database_server_file(kit_server, certificates_file("server.key"), "server.key"));
    database_server_set(kit_server, line);
    database_server_set(kit_server, "authorization { token: \"" KIT_PASSWORD "\", timeout: 240 }");
}

static void tls_is_verified_and_a_token_stands_where_a_password_does(void **state) {
    database_server *other = kit_server;

    (void)state;
    kit_server = database_server_nats(is_ready);
    set_tls();
    login = KIT_PASSWORD "@localhost";
    trusted = authority;
    database_server_start(kit_server);
    make_stream("SECURE", "secure");
    put_secure("tls://:" KIT_PASSWORD "@localhost", authority, 0, WHI_OBJECT_WRITTEN, "");
    put_secure("nats+tls://:" KIT_PASSWORD "@localhost", authority, 0, WHI_OBJECT_WRITTEN, "");
    put_secure("tls://:" KIT_PASSWORD "@localhost", stranger, 0, WHI_OBJECT_AGAIN, "TLS");
    put_secure("tls://:" KIT_PASSWORD "@127.0.0.1", authority, 0, WHI_OBJECT_AGAIN, "TLS"); /* it is localhost's */
    put_secure("tls://:" KIT_PASSWORD "@localhost", stranger, 1, WHI_OBJECT_WRITTEN, "");
    put_secure("tls://:x" KIT_PASSWORD "@localhost", authority, 0, WHI_OBJECT_OWNER, "token");
    put_secure("nats://:" KIT_PASSWORD "@localhost", authority, 0, WHI_OBJECT_OWNER, "wants TLS");
    check_stream("SECURE", "a a a ");
    database_server_free(kit_server);
    kit_server = other;
    login = "admin:admin@127.0.0.1";
    trusted = NULL;
}

/* ------------------------------------------------------------------ who lies */

static void what_a_liar_says_is_not_kept(void **state) {
    static const char *const lies[] = {
        "MSG a 1 2000000000\r\n",
        "HMSG a 1 9 3\r\nabc\r\n",
        "MSG a 1 999999999999999999999\r\n",
        "-ERR 'what' ever\r\n",
        "\r\n",
        "PING\n",
        "MSG _INBOX.x 1 3\r\nabcdef\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        whi_object_result result = ask_liar(lies[i], 60000);
        check_result(&result, WHI_OBJECT_AGAIN);
    }
}

static void check_greeting(const char *greeting, int outcome, const char *word) {
    const char *before = kit_greeting;
    whi_object_result result;

    kit_greeting = greeting;
    result = ask_liar("", 60000);
    check_result(&result, outcome);
    assert_has(result.sentence, word);
    kit_greeting = before;
}

static void check_secure_greeting(const char *greeting, int outcome, const char *word) {
    is_secure = 1;
    check_greeting(greeting, outcome, word);
    is_secure = 0;
}

static void a_server_that_cannot_is_told_from_one_that_is_none(void **state) {
    (void)state;
    check_greeting("INFO {\"headers\":true,\"tls_required\":true}\r\n", WHI_OBJECT_OWNER, "wants TLS");
    check_greeting("INFO {\"headers\":false}\r\n", WHI_OBJECT_OWNER, "no headers");
    check_secure_greeting("INFO {\"headers\":true}\r\n", WHI_OBJECT_OWNER, "has no TLS");
    check_secure_greeting("INFO {\"headers\":true,\"tls_available\":true}\r\n+OK\r\n", WHI_OBJECT_AGAIN,
                          "before it began");
    check_greeting("INFO []\r\n", WHI_OBJECT_AGAIN, "not NATS");
    check_greeting("HTTP/1.1 400 Bad Request\r\n\r\n", WHI_OBJECT_AGAIN, "not NATS");
}

static int begin(void **state) {
    (void)state;
    kit_greeting = "INFO {\"headers\":true,\"max_payload\":1048576}\r\n";
    kit_server = database_server_nats(is_ready);
    database_server_set(kit_server, "authorization { timeout: 240, users = [\n"
                                    "  { user: admin, password: admin }\n"
                                    "  { user: writer, password: " KIT_PASSWORD ", permissions: {\n"
                                    "      publish: [\"s.>\", \"order.*\"], subscribe: \"_INBOX.>\" } }\n] }");
    database_server_start(kit_server);
    return kit_begin();
}

static int end(void **state) {
    int code = kit_end(state);

    nats_Close();
    return code;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TESTS,
        cmocka_unit_test(a_message_has_id_type_key_and_headers),
        cmocka_unit_test(what_is_sent_again_is_there_once),
        cmocka_unit_test(without_a_subject_it_is_the_key_or_the_type),
        cmocka_unit_test(a_stream_that_is_missing_is_its_owners_to_make),
        cmocka_unit_test(rights_that_are_missing_are_named),
        cmocka_unit_test(a_stream_that_is_full_is_tried_again),
        cmocka_unit_test(one_that_is_too_large_is_set_aside_alone),
        cmocka_unit_test(large_batches_are_sent_in_parts),
        cmocka_unit_test(tls_is_verified_and_a_token_stands_where_a_password_does),
        cmocka_unit_test(what_a_liar_says_is_not_kept),
        cmocka_unit_test(a_server_that_cannot_is_told_from_one_that_is_none),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
