/* Topics of a real broker of Kafka, made and read by another client of the library's. */
#include "queue_kit.h"

#include <librdkafka/rdkafka.h>
#include <poll.h>

#include "certificates.h"

static int made;

/* Ports: of the administrator; of users, who are named by "writer" and the password, with SCRAM, over TLS; one whose
 * broker says that it is where nobody may go; one behind a way that breaks. The server's own is of users with PLAIN. */
static int desk_port, scram_port, secure_port, away_port, far_port;
static proxy *way;
static char authority[256], stranger[256];

/* ------------------------------------------------------------------ the administrator */

static rd_kafka_t *open_desk(rd_kafka_type_t type) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char servers[64], text[256];
    rd_kafka_t *desk;

    snprintf(servers, sizeof servers, "127.0.0.1:%d", desk_port);
    rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text);
    rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text);
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_conf_set(conf, "group.id", "desk", text, sizeof text);
        rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof text);
        rd_kafka_conf_set(conf, "check.crcs", "true", text, sizeof text);
    }
    desk = rd_kafka_new(type, conf, text, sizeof text);
    assert_non_null(desk);
    return desk;
}

static int leader_of(rd_kafka_t *desk, const char *name) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(desk, name, NULL);
    const rd_kafka_metadata_t *found = NULL;
    int leader = -1;

    if (rd_kafka_metadata(desk, 0, topic, &found, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        leader =
            found->topic_cnt == 1 && found->topics[0].partition_cnt > 0 ? found->topics[0].partitions[0].leader : -1;
        rd_kafka_metadata_destroy(found);
    }
    rd_kafka_topic_destroy(topic);
    return leader;
}

static void check_topics(rd_kafka_event_t *event) {
    const rd_kafka_topic_result_t **topics = NULL;
    size_t count = 0;

    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT) {
        topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETETOPICS_RESULT) {
        topics = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    }
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rd_kafka_err2name(rd_kafka_topic_result_error(topics[i])), "NO_ERROR");
    }
}

/* The answer to what was asked for; its error is the test's, and that of the topic. */
static void finish(rd_kafka_queue_t *answers) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 60000);

    assert_non_null(event);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail_msg("%s", rd_kafka_event_error_string(event));
    }
    check_topics(event);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
}

/* Asks until it is so, and leaves the machine to the broker in between. */
static void await_leader(rd_kafka_t *desk, const char *name, int is_there) {
    while ((leader_of(desk, name) >= 0) != is_there) {
        (void)poll(NULL, 0, 20);
    }
}

static void make_topic(const char *name, int partitions, const char *option, const char *value) {
    rd_kafka_t *desk = open_desk(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(desk);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, NULL, 0);

    if (option != NULL) {
        rd_kafka_NewTopic_set_config(topic, option, value);
    }
    rd_kafka_CreateTopics(desk, &topic, 1, NULL, answers);
    finish(answers);
    await_leader(desk, name, 1);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(desk);
}

static void drop_topic(const char *name) {
    rd_kafka_t *desk = open_desk(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(desk);
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);

    rd_kafka_DeleteTopics(desk, &topic, 1, NULL, answers);
    finish(answers);
    await_leader(desk, name, 0);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_destroy(desk);
}

/* From here on the topic is another user's alone. */
static void give_topic(const char *name) {
    rd_kafka_t *desk = open_desk(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(desk);
    rd_kafka_AclBinding_t *rule =
        rd_kafka_AclBinding_new(RD_KAFKA_RESOURCE_TOPIC, name, RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:else", "*",
                                RD_KAFKA_ACL_OPERATION_WRITE, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, NULL, 0);

    rd_kafka_CreateAcls(desk, &rule, 1, NULL, answers);
    finish(answers);
    rd_kafka_AclBinding_destroy(rule);
    rd_kafka_destroy(desk);
}

static int is_ready(int port) {
    rd_kafka_t *desk = open_desk(RD_KAFKA_PRODUCER);
    const rd_kafka_metadata_t *found = NULL;
    int ready = rd_kafka_metadata(desk, 1, NULL, &found, 1000) == RD_KAFKA_RESP_ERR_NO_ERROR && found->broker_cnt == 1;

    (void)port;
    if (found != NULL) {
        rd_kafka_metadata_destroy(found);
    }
    rd_kafka_destroy(desk);
    return ready;
}

static void kit_keep(void) {
    /* a process that is killed leaves to the system what it has written */
}

static void kit_start(void) {
    database_server_start(kit_server);
}

static void kit_make(char url[512], int port) {
    char name[32];

    snprintf(name, sizeof name, "t%d", made++);
    make_topic(name, 1, NULL, NULL);
    snprintf(url, 512, "kafka://writer:" KIT_PASSWORD "@127.0.0.1:%d/%s", port, name);
}

/* ------------------------------------------------------------------ reading */

/* All that is in a partition, one call each. */
static void read_all(const char *name, int partition, void (*take)(const rd_kafka_message_t *message, void *payload),
                     void *payload) {
    rd_kafka_t *desk = open_desk(RD_KAFKA_CONSUMER);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int at_end = 0;

    rd_kafka_topic_partition_list_add(list, name, partition)->offset = 0;
    assert_int_equal(rd_kafka_assign(desk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    while (!at_end) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(desk, 60000);

        assert_non_null(message);
        at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            take(message, payload);
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(desk);
}

static void add_body(const rd_kafka_message_t *message, void *payload) {
    char *text = payload;
    size_t size = strlen(text);

    snprintf(text + size, 65536 - size, "%.*s ", (int)message->len, (const char *)message->payload);
}

static char *bodies_of(const char *name) {
    char *text = calloc(1, 65536);

    read_all(name, 0, add_body, text);
    return text;
}

static char *kit_bodies(const char *url) {
    return bodies_of(strrchr(url, '/') + 1);
}

static void check_topic(const char *name, const char *expected) {
    char *found = bodies_of(name);

    assert_string_equal(found, expected);
    free(found);
}

static whi_queue *open_topic_within(const char *name, int64_t publish) {
    char url[512];

    snprintf(url, sizeof url, "kafka://writer:" KIT_PASSWORD "@127.0.0.1:%d/%s", database_server_port(kit_server),
             name);
    return open_within(url, 60000, publish);
}

static whi_queue *open_topic(const char *name) {
    return open_topic_within(name, 60000);
}

/* ------------------------------------------------------------------ messages */

static void check_header(const rd_kafka_headers_t *headers, const char *name, const char *expected) {
    const void *value;
    size_t size;

    assert_int_equal(rd_kafka_header_get_last(headers, name, &value, &size), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(value, expected, size);
}

static void check_message(const rd_kafka_message_t *message, void *payload) {
    static const char bytes[] = { 'a', 0, 'b' };
    rd_kafka_headers_t *headers = NULL;

    ++*(int *)payload;
    assert_int_equal(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
    check_header(headers, "webhook-message-id", "m1.sub_1");
    check_header(headers, "webhook-type", "order.created");
    check_header(headers, "content-type", "application/json");
    check_header(headers, "webhook-id", "m1");
    check_header(headers, "x-env", "a, b");
    assert_int_equal(message->key_len, 2);
    assert_memory_equal(message->key, "c7", 2);
    assert_int_equal(rd_kafka_message_timestamp(message, NULL), 1700000000123);
    assert_int_equal(message->len, 3);
    assert_memory_equal(message->payload, bytes, 3);
}

static void a_message_has_id_type_key_and_headers(void **state) {
    char bytes[] = { 'a', 0, 'b' };
    whi_message message = message_of("");
    whi_queue *queue;
    int count = 0;

    (void)state;
    make_topic("headers", 1, NULL, NULL);
    queue = open_topic("headers?compression=lz4");
    message.key = "c7";
    message.body = bytes;
    message.size = 3;
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    read_all("headers", 0, check_message, &count);
    assert_int_equal(count, 1);
    whi_queue_close(queue);
}

static void count_key(const rd_kafka_message_t *message, void *payload) {
    int *counts = payload;

    counts[((const char *)message->key)[1] - '0']++;
}

/* Each key has its partition, where its messages stand in their order. */
static void the_key_says_which_partition(void **state) {
    whi_message messages[40];
    whi_object_result results[40];
    char keys[10][4];
    whi_queue *queue;
    int used = 0;

    (void)state;
    make_topic("keys", 4, NULL, NULL);
    queue = open_topic("keys");
    for (int i = 0; i < 40; i++) {
        snprintf(keys[i % 10], sizeof keys[0], "k%d", i % 10);
        messages[i] = message_of("a");
        messages[i].key = keys[i % 10];
    }
    whi_queue_write(queue, messages, 40, results);
    check_result(&results[39], WHI_OBJECT_WRITTEN);
    for (int partition = 0; partition < 4; partition++) {
        int counts[10] = { 0 }, all = 0;

        read_all("keys", partition, count_key, counts);
        for (int i = 0; i < 10; i++) {
            assert_true(counts[i] == 0 || counts[i] == 4);
            all += counts[i];
        }
        used += all > 0;
    }
    assert_true(used > 1);
    whi_queue_close(queue);
}

/* ------------------------------------------------------------------ refusals */

/* As often as it takes. */
static void put_at_last(whi_queue *queue, int outcome) {
    whi_message message = message_of("a");
    whi_object_result result;

    do {
        whi_queue_write(queue, &message, 1, &result);
    } while (result.outcome == WHI_OBJECT_AGAIN);
    check_result(&result, outcome);
}

static void a_topic_that_is_missing_is_its_owners_to_make(void **state) {
    whi_queue *queue = open_topic("nowhere");

    (void)state;
    put(queue, "a", WHI_OBJECT_OWNER);
    check_look(queue, WHI_OBJECT_OWNER, "--create --topic nowhere");
    make_topic("nowhere", 1, NULL, NULL);
    check_look(queue, WHI_OBJECT_WRITTEN, "");
    put(queue, "a", WHI_OBJECT_WRITTEN);
    check_topic("nowhere", "a ");
    whi_queue_close(queue);
}

/* The library may lose what was on its way to a topic that goes: then the attempt ends by its time alone. */
static void a_topic_that_goes_is_its_owners_to_make_again(void **state) {
    whi_queue *queue = open_topic_within("going", 10000);

    (void)state;
    make_topic("going", 1, NULL, NULL);
    put_at_last(queue, WHI_OBJECT_WRITTEN);
    drop_topic("going");
    put_at_last(queue, WHI_OBJECT_OWNER);
    whi_queue_close(queue);
}

/* The library waits 2 s for a topic that somebody may be making. */
static void attempts_of_less_than_two_seconds_find_that_a_topic_is_missing(void **state) {
    whi_queue *queue = open_topic_within("never", 1900);

    (void)state;
    put_at_last(queue, WHI_OBJECT_OWNER);
    whi_queue_close(queue);
}

static void rights_that_are_missing_are_named(void **state) {
    whi_queue *queue = open_topic("private");

    (void)state;
    make_topic("private", 1, NULL, NULL);
    put(queue, "a", WHI_OBJECT_WRITTEN);
    give_topic("private");
    put(queue, "b", WHI_OBJECT_OWNER);
    check_look(queue, WHI_OBJECT_OWNER, "kafka-acls.sh");
    check_topic("private", "a ");
    whi_queue_close(queue);
}

static void one_that_is_too_large_is_set_aside_alone(void **state) {
    static char large[100001];
    whi_message messages[4];
    whi_object_result results[4];
    whi_queue *queue;
    char *found;

    (void)state;
    memset(large, 'x', sizeof large - 1);
    make_topic("small", 1, "max.message.bytes", "65536");
    queue = open_topic("small");
    messages[0] = message_of("a");
    messages[1] = message_of(large);
    messages[2] = message_of("b");
    messages[3] = message_of("c");
    name_messages(messages, 4);
    whi_queue_write(queue, messages, 4, results);
    check_result(&results[0], WHI_OBJECT_WRITTEN);
    check_result(&results[1], WHI_OBJECT_ALONE);
    check_result(&results[2], WHI_OBJECT_WRITTEN);
    check_result(&results[3], WHI_OBJECT_WRITTEN);
    found = bodies_of("small");
    assert_has(found, "a ");
    assert_has(found, "b ");
    assert_has(found, "c ");
    free(found);
    whi_queue_close(queue);
}

/* It names itself by an address that is not allowed, as whoever has a cluster may have it do. */
static void a_broker_that_is_named_is_judged_too(void **state) {
    whi_message message = message_of("a");
    whi_object_result result;
    char url[512];
    whi_queue *queue;

    (void)state;
    make_topic("away", 1, NULL, NULL);
    snprintf(url, sizeof url, "kafka://127.0.0.1:%d/away", away_port);
    queue = open_within(url, 60000, 2000);
    whi_queue_write(queue, &message, 1, &result);
    check_result(&result, WHI_OBJECT_AGAIN);
    assert_has(result.sentence, "no address that may be reached");
    check_topic("away", "");
    whi_queue_close(queue);
}

/* ------------------------------------------------------------------ SCRAM and TLS */

static void put_at(const char *start, int port, const char *rest, const char *ca_file, int insecure, int outcome) {
    char url[512];
    whi_queue_options options = { .url = url, .policy = kit_policy, .ca_file = ca_file, .insecure = insecure };
    whi_message message = message_of("a");
    whi_object_result result;
    whi_queue *queue;

    snprintf(url, sizeof url, "%s:%d/%s", start, port, rest);
    options.connect_timeout = options.publish_timeout = 60000;
    assert_int_equal(whi_queue_open(&queue, &options), WH_OK);
    whi_queue_write(queue, &message, 1, &result);
    check_result(&result, outcome);
    whi_queue_close(queue);
}

/* With a library before 2.6.1 the broker, which is of Kafka 4, takes no proof: then that is what is said. */
static void the_password_may_be_proved_and_not_said(void **state) {
    int can = rd_kafka_version() >= 0x020601ff;

    (void)state;
    make_topic("proof", 1, NULL, NULL);
    put_at("kafka://writer:" KIT_PASSWORD "@127.0.0.1", scram_port, "proof?sasl=scram-sha-512", NULL, 0,
           can ? WHI_OBJECT_WRITTEN : WHI_OBJECT_OWNER);
    put_at("kafka://writer:x" KIT_PASSWORD "@127.0.0.1", scram_port, "proof?sasl=scram-sha-512", NULL, 0,
           WHI_OBJECT_OWNER);
    put_at("kafka://writer:" KIT_PASSWORD "@127.0.0.1", scram_port, "proof?sasl=plain", NULL, 0, WHI_OBJECT_OWNER);
    check_topic("proof", can ? "a " : "");
}

static void tls_is_verified_by_name_and_authority(void **state) {
    static const char start[] = "kafka+ssl://writer:" KIT_PASSWORD "@localhost";

    (void)state;
    make_topic("secure", 1, NULL, NULL);
    put_at(start, secure_port, "secure", authority, 0, WHI_OBJECT_WRITTEN);
    put_at(start, secure_port, "secure", stranger, 0, WHI_OBJECT_AGAIN);
    put_at("kafka+ssl://writer:" KIT_PASSWORD "@127.0.0.1", secure_port, "secure", authority, 0, WHI_OBJECT_AGAIN);
    put_at(start, secure_port, "secure", stranger, 1, WHI_OBJECT_WRITTEN);
    check_topic("secure", "a a ");
}

static void urls_that_are_wrong_say_what_is(void **state) {
    whi_queue_options options = { .url = "kafka://u:s3cret@h/a?ssl.key.location=b" };
    whi_queue *queue;

    (void)state;
    assert_int_equal(whi_queue_open(&queue, &options), WH_EINVALID);
    assert_has(wh_last_error(), "not allowed");
    assert_int_equal(whi_queue_has("kafka"), 1);
    assert_int_equal(whi_queue_has("kafka+ssl"), 1);
    assert_int_equal(whi_queue_has("nats"), 1);
    assert_int_equal(whi_queue_has("tls"), 1);
}

/* ------------------------------------------------------------------ its server */

/* The broker names the way's port as its own, so the way was there before it. */
static proxy *way_of_broker(char url[512], const char *direct) {
    snprintf(url, 512, "kafka://127.0.0.1:%d/%s", proxy_port(way), strrchr(direct, '/') + 1);
    return way;
}

static void set_listeners(void) {
    char line[2048];

    snprintf(line, sizeof line,
             "listeners=PLAIN://127.0.0.1:%d,DESK://127.0.0.1:%d,SCRAM://127.0.0.1:%d,SECURE://127.0.0.1:%d,"
             "AWAY://127.0.0.1:%d,FAR://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d",
             database_server_port(kit_server), desk_port, scram_port, secure_port, away_port, far_port,
             database_server_controller_port(kit_server));
    database_server_set(kit_server, line);
    snprintf(line, sizeof line,
             "advertised.listeners=PLAIN://127.0.0.1:%d,DESK://127.0.0.1:%d,SCRAM://127.0.0.1:%d,"
             "SECURE://localhost:%d,AWAY://10.1.2.3:9092,FAR://127.0.0.1:%d",
             database_server_port(kit_server), desk_port, scram_port, secure_port, proxy_port(way));
    database_server_set(kit_server, line);
    database_server_set(kit_server,
                        "listener.security.protocol.map=PLAIN:SASL_PLAINTEXT,DESK:PLAINTEXT,SCRAM:SASL_PLAINTEXT,"
                        "SECURE:SASL_SSL,AWAY:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
                        "inter.broker.listener.name=DESK\n"
                        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
                        "super.users=User:ANONYMOUS\nallow.everyone.if.no.acl.found=true");
}

#define PLAIN_LOGIN "org.apache.kafka.common.security.plain.PlainLoginModule required user_writer=\"" KIT_PASSWORD "\";"

static void set_logins(void) {
    database_server_set(kit_server, "listener.name.plain.sasl.enabled.mechanisms=PLAIN\n"
                                    "listener.name.plain.plain.sasl.jaas.config=" PLAIN_LOGIN "\n"
                                    "listener.name.secure.sasl.enabled.mechanisms=PLAIN\n"
                                    "listener.name.secure.plain.sasl.jaas.config=" PLAIN_LOGIN "\n"
                                    "listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512\n"
                                    "listener.name.scram.scram-sha-512.sasl.jaas.config="
                                    "org.apache.kafka.common.security.scram.ScramLoginModule required;");
}

/* The key and the certificate in one file. */
static void set_tls(void) {
    char line[512], text[8192];
    const char *names[] = { "server.key", "server.pem" };
    size_t size = 0;
    FILE *file;

    certificates_make("authority", "DNS:authority", NULL);
    certificates_make("stranger", "DNS:stranger", NULL);
    certificates_make("server", "DNS:localhost", "authority");
    snprintf(authority, sizeof authority, "%s", certificates_file("authority.pem"));
    snprintf(stranger, sizeof stranger, "%s", certificates_file("stranger.pem"));
    for (int i = 0; i < 2; i++) {
        file = fopen(certificates_file(names[i]), "r");
        assert_non_null(file);
        size += fread(text + size, 1, sizeof text - size, file);
        fclose(file);
    }
    file = fopen(certificates_file("both.pem"), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
    snprintf(line, sizeof line,
             "listener.name.secure.ssl.keystore.type=PEM\nlistener.name.secure.ssl.keystore.location=%s",
             database_server_file(kit_server, certificates_file("both.pem"), "both.pem"));
    database_server_set(kit_server, line);
}

static int begin(void **state) {
    static const char *const words[] = { "format",
                                         "-t",
                                         "AAAAAAAAAAAAAAAAAAAAAA",
                                         "-c",
                                         "kafka.properties",
                                         "--add-scram",
                                         "SCRAM-SHA-512=[name=writer,password=" KIT_PASSWORD "]",
                                         NULL };

    (void)state;
    kit_server = database_server_kafka(is_ready);
    desk_port = database_server_spare_port();
    scram_port = database_server_spare_port();
    secure_port = database_server_spare_port();
    away_port = database_server_spare_port();
    far_port = database_server_spare_port();
    way = proxy_new(far_port, "THE-WORD", 0);
    kit_way = way_of_broker;
    set_listeners();
    set_logins();
    set_tls();
    database_server_format(kit_server, words);
    database_server_start(kit_server);
    return kit_begin();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TESTS,
        cmocka_unit_test(a_message_has_id_type_key_and_headers),
        cmocka_unit_test(the_key_says_which_partition),
        cmocka_unit_test(a_topic_that_is_missing_is_its_owners_to_make),
        cmocka_unit_test(a_topic_that_goes_is_its_owners_to_make_again),
        cmocka_unit_test(attempts_of_less_than_two_seconds_find_that_a_topic_is_missing),
        cmocka_unit_test(rights_that_are_missing_are_named),
        cmocka_unit_test(one_that_is_too_large_is_set_aside_alone),
        cmocka_unit_test(a_broker_that_is_named_is_judged_too),
        cmocka_unit_test(the_password_may_be_proved_and_not_said),
        cmocka_unit_test(tls_is_verified_by_name_and_authority),
        cmocka_unit_test(urls_that_are_wrong_say_what_is),
    };

    return cmocka_run_group_tests(tests, begin, kit_end);
}
