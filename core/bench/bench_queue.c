/* What sending messages to a queue costs: ours against the bare client with the same fields and bytes.
 *
 *   bench_queue redis|rabbitmq|nats|kafka PORT [BATCH [ROUNDS]]
 *
 * core/bench/run starts the servers (spec/queues/run.sh). Each round sends a batch and has all of it confirmed, by one
 * connection. Bare: a pipeline of hiredis, or librabbitmq with publisher confirms that waits for the last one, the
 * client of NATS with asynchronous publishing, librdkafka as it is set here. In turns, and wall time is compared: both
 * wait for the same server. */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "outside/queue.h"
#include "pure/address.h"

#define BODY_SIZE 512
#define LINES 4
#define ID_SIZE 24

static const char *const lines[LINES] = { "Content-Type: application/json", "webhook-id: msg_0123456789abc",
                                          "webhook-timestamp: 1700000000",
                                          "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=" };
static int batch = 500, rounds = 40;
static const char *body;
static whi_message *messages;
static whi_object_result *results;
static char (*ids)[ID_SIZE];

/* Fresh ones: a stream of NATS leaves out what it knows. */
static void name_batch(void) {
    static unsigned long next;

    for (int i = 0; i < batch; i++) {
        snprintf(ids[i], ID_SIZE, "m%lu", next++);
    }
}

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_queue: %s\n", what);
        exit(1);
    }
}

/* ------------------------------------------------------------------------- bare */

static redisContext *redis;
static amqp_connection_state_t rabbitmq;
static uint64_t tag;

static void open_redis(int port) {
    redis = redisConnect("127.0.0.1", port);
    need(redis != NULL && redis->err == 0, "Redis does not answer");
}

static double run_redis(void) {
    const char *words[] = { "XADD",
                            "bare",
                            "*",
                            "id",
                            "m",
                            "type",
                            "order.created",
                            "content-type",
                            lines[0] + 14,
                            "webhook-id",
                            lines[1] + 12,
                            "webhook-timestamp",
                            lines[2] + 19,
                            "webhook-signature",
                            lines[3] + 19,
                            "body",
                            body };
    double begin = bench_now();

    for (int i = 0; i < batch; i++) {
        redisAppendCommandArgv(redis, sizeof words / sizeof words[0], words, NULL);
    }
    for (int i = 0; i < batch; i++) {
        redisReply *reply = NULL;
        need(redisGetReply(redis, (void **)&reply) == REDIS_OK && reply->type == REDIS_REPLY_STRING, "XADD");
        freeReplyObject(reply);
    }
    return bench_now() - begin;
}

static void open_rabbitmq(int port) {
    amqp_socket_t *way;

    rabbitmq = amqp_new_connection();
    way = amqp_tcp_socket_new(rabbitmq);
    need(amqp_socket_open(way, "127.0.0.1", port) == AMQP_STATUS_OK, "RabbitMQ does not answer");
    need(amqp_login(rabbitmq, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "writer", "pass%/word").reply_type ==
             AMQP_RESPONSE_NORMAL,
         "login");
    amqp_channel_open(rabbitmq, 1);
    amqp_confirm_select(rabbitmq, 1);
    amqp_queue_declare(rabbitmq, 1, amqp_cstring_bytes("bare"), 0, 1, 0, 0, amqp_empty_table);
    amqp_queue_declare(rabbitmq, 1, amqp_cstring_bytes("ours"), 0, 1, 0, 0, amqp_empty_table);
    need(amqp_get_rpc_reply(rabbitmq).reply_type == AMQP_RESPONSE_NORMAL, "queues");
}

/* All before it are confirmed, too, where their count is the batch's. */
static void wait_for_confirms(void) {
    for (uint64_t left = (uint64_t)batch, first = tag - (uint64_t)batch; left > 0;) {
        amqp_frame_t frame;
        const amqp_basic_ack_t *ack;

        need(amqp_simple_wait_frame(rabbitmq, &frame) == AMQP_STATUS_OK, "confirm");
        need(frame.payload.method.id == AMQP_BASIC_ACK_METHOD, "ack");
        ack = frame.payload.method.decoded;
        left -= ack->multiple ? ack->delivery_tag - first : 1;
        first = ack->multiple ? ack->delivery_tag : first + 1;
        amqp_maybe_release_buffers(rabbitmq);
    }
}

static double run_rabbitmq(void) {
    amqp_table_entry_t entries[3];
    amqp_basic_properties_t properties = { 0 };
    static const char *const names[] = { "webhook-id", "webhook-timestamp", "webhook-signature" };
    double begin = bench_now();

    for (int i = 0; i < 3; i++) {
        entries[i].key = amqp_cstring_bytes(names[i]);
        entries[i].value.kind = AMQP_FIELD_KIND_UTF8;
        entries[i].value.value.bytes = amqp_cstring_bytes(lines[i + 1] + strlen(names[i]) + 2);
    }
    properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                        AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG;
    properties.content_type = amqp_cstring_bytes("application/json");
    properties.headers = (amqp_table_t){ 3, entries };
    properties.delivery_mode = 2;
    properties.message_id = amqp_cstring_bytes("m");
    properties.type = amqp_cstring_bytes("order.created");
    for (int i = 0; i < batch; i++) {
        need(amqp_basic_publish(rabbitmq, 1, amqp_empty_bytes, amqp_cstring_bytes("bare"), 1, 0, &properties,
                                amqp_cstring_bytes(body)) == AMQP_STATUS_OK,
             "publish");
        tag++;
    }
    wait_for_confirms();
    return bench_now() - begin;
}

static jsCtx *streams;

static void open_nats(int port) {
    static natsConnection *connection;
    static const char *subjects[] = { "order.*", "bare" };
    jsStreamConfig config;
    char url[64];

    snprintf(url, sizeof url, "nats://reader:reader@127.0.0.1:%d", port);
    need(natsConnection_ConnectTo(&connection, url) == NATS_OK, "NATS does not answer");
    need(natsConnection_JetStream(&streams, connection, NULL) == NATS_OK, "JetStream");
    jsStreamConfig_Init(&config);
    config.Name = "BENCH";
    config.Subjects = subjects;
    config.SubjectsLen = 2;
    need(js_AddStream(NULL, streams, &config, NULL, NULL) == NATS_OK, "stream");
}

static const char *const header_names[] = { "content-type", "webhook-id", "webhook-timestamp", "webhook-signature" };

static double run_nats(void) {
    double begin = bench_now();
    jsPubOptions wait;

    for (int i = 0; i < batch; i++) {
        natsMsg *message;
        jsPubOptions options;

        jsPubOptions_Init(&options);
        options.MsgId = ids[i];
        need(natsMsg_Create(&message, "bare", NULL, body, (int)strlen(body)) == NATS_OK, "message");
        natsMsgHeader_Set(message, "webhook-type", "order.created");
        for (int j = 0; j < LINES; j++) {
            natsMsgHeader_Set(message, header_names[j], lines[j] + strlen(header_names[j]) + 2);
        }
        need(js_PublishMsgAsync(streams, &message, &options) == NATS_OK, "publish");
    }
    jsPubOptions_Init(&wait);
    wait.MaxWait = 60000;
    need(js_PublishAsyncComplete(streams, &wait) == NATS_OK, "acks");
    return bench_now() - begin;
}

static rd_kafka_t *producer;
static int reported;

static void count_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    (void)opaque;
    need(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(message->err));
    reported++;
}

static void make_topics(void) {
    rd_kafka_queue_t *answers = rd_kafka_queue_new(producer);
    rd_kafka_NewTopic_t *topics[] = { rd_kafka_NewTopic_new("bare", 1, 1, NULL, 0),
                                      rd_kafka_NewTopic_new("ours", 1, 1, NULL, 0) };

    rd_kafka_CreateTopics(producer, topics, 2, NULL, answers);
    rd_kafka_event_destroy(rd_kafka_queue_poll(answers, 60000));
    rd_kafka_queue_destroy(answers);
    rd_kafka_NewTopic_destroy_array(topics, 2);
}

static void open_kafka(int port) {
    static const char *const settings[][2] = { { "enable.idempotence", "true" },
                                               { "linger.ms", "1" },
                                               { "batch.size", "131072" } };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char servers[64], text[256];

    snprintf(servers, sizeof servers, "127.0.0.1:%d", port);
    rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, count_report);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    need(producer != NULL, text);
    make_topics();
}

static double run_kafka(void) {
    double begin = bench_now();

    reported = 0;
    for (int i = 0; i < batch; i++) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(LINES + 2);

        rd_kafka_header_add(headers, "webhook-message-id", -1, ids[i], -1);
        rd_kafka_header_add(headers, "webhook-type", -1, "order.created", -1);
        for (int j = 0; j < LINES; j++) {
            rd_kafka_header_add(headers, header_names[j], -1, lines[j] + strlen(header_names[j]) + 2, -1);
        }
        need(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("bare"), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                               RD_KAFKA_V_VALUE((void *)(uintptr_t)body, strlen(body)), RD_KAFKA_V_HEADERS(headers),
                               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR,
             "produce");
    }
    while (reported < batch) {
        rd_kafka_poll(producer, 1000);
    }
    return bench_now() - begin;
}

static const struct kind {
    const char *name, *url;
    void (*open)(int port);
    double (*run)(void);
} kinds[] = {
    { "redis", "redis://127.0.0.1:%d/0?stream=ours", open_redis, run_redis },
    { "rabbitmq", "amqp://writer:pass%25%2Fword@127.0.0.1:%d/?queue=ours", open_rabbitmq, run_rabbitmq },
    { "nats", "nats://writer:pass%25%2Fword@127.0.0.1:%d/order.created", open_nats, run_nats },
    { "kafka", "kafka://127.0.0.1:%d/ours", open_kafka, run_kafka },
};

/* ------------------------------------------------------------------------- ours */

static void make_messages(void) {
    messages = calloc((size_t)batch, sizeof *messages);
    results = calloc((size_t)batch, sizeof *results);
    ids = calloc((size_t)batch, sizeof *ids);
    need(messages != NULL && results != NULL && ids != NULL, "memory");
    for (int i = 0; i < batch; i++) {
        messages[i] = (whi_message){ .id = ids[i], .type = "order.created", .lines = lines, .line_count = LINES };
        messages[i].body = body;
        messages[i].size = strlen(body);
    }
}

static double run_ours(whi_queue *queue) {
    double begin = bench_now();

    whi_queue_write(queue, messages, (size_t)batch, results);
    for (int i = 0; i < batch; i++) {
        need(results[i].outcome == WHI_OBJECT_WRITTEN, results[i].sentence);
    }
    return bench_now() - begin;
}

static const char *url_at(const struct kind *kind, int port) {
    static char url[256];
    const char *place = strstr(kind->url, "%d");

    snprintf(url, sizeof url, "%.*s%d%s", (int)(place - kind->url), kind->url, port, place + 2);
    return url;
}

static whi_queue *open_ours(const struct kind *kind, int port, whi_policy *policy) {
    whi_queue_options options = { .url = url_at(kind, port), .policy = policy };
    whi_queue *queue;

    bench_check(whi_queue_open(&queue, &options), "open");
    return queue;
}

static const struct kind *kind_of(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    need(0, "expected redis, rabbitmq, nats or kafka, and a port");
    return NULL;
}

static void compare(const struct kind *kind, whi_queue *queue) {
    static double ours[1000], bare[1000];
    double a, b;

    name_batch();
    run_ours(queue);
    name_batch();
    kind->run();
    for (int i = 0; i < rounds; i++) {
        name_batch();
        bare[i] = kind->run();
        name_batch();
        ours[i] = run_ours(queue);
    }
    a = bench_median(ours, rounds);
    b = bench_median(bare, rounds);
    printf("%s, %d messages of %d bytes in a batch: ours %.0f/s, bare %.0f/s, ratio %.2f\n", kind->name, batch,
           BODY_SIZE, batch / a, batch / b, b / a);
}

int main(int argc, char **argv) {
    const struct kind *kind = kind_of(argc > 1 ? argv[1] : "");
    int port = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    whi_policy *policy;
    whi_queue *queue;

    need(port > 0, "expected a port");
    batch = argc > 3 ? (int)strtol(argv[3], NULL, 10) : batch;
    rounds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : rounds;
    need(batch > 0 && rounds > 0 && rounds <= 1000, "batch and rounds from 1 on");
    body = bench_payload(BODY_SIZE);
    make_messages();
    bench_check(whi_policy_new(&policy, (const char *const[]){ "127.0.0.1" }, 1), "policy");
    kind->open(port);
    queue = open_ours(kind, port, policy);
    compare(kind, queue);
    whi_queue_close(queue);
    whi_policy_free(policy);
    return 0;
}
