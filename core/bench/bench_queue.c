/* What sending messages to a queue costs: ours against the bare client with the same fields and bytes.
 *
 *   bench_queue redis|rabbitmq PORT [BATCH [ROUNDS]]
 *
 * core/bench/run starts the servers (spec/queues/run.sh). Each round sends a batch and has all of it confirmed, by one
 * connection. Bare: a pipeline of hiredis, or librabbitmq with publisher confirms that waits for the last one. In
 * turns, and wall time is compared: both wait for the same server. */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "outside/queue.h"
#include "pure/address.h"

#define BODY_SIZE 512
#define LINES 4

static const char *const lines[LINES] = { "Content-Type: application/json", "webhook-id: msg_0123456789abc",
                                          "webhook-timestamp: 1700000000",
                                          "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=" };
static int batch = 500, rounds = 40;
static const char *body;
static whi_message *messages;
static whi_object_result *results;

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

/* ------------------------------------------------------------------------- ours */

static void make_messages(void) {
    messages = calloc((size_t)batch, sizeof *messages);
    results = calloc((size_t)batch, sizeof *results);
    need(messages != NULL && results != NULL, "memory");
    for (int i = 0; i < batch; i++) {
        messages[i] = (whi_message){ .id = "m", .type = "order.created", .lines = lines, .line_count = LINES };
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

static whi_queue *open_ours(int is_redis, int port, whi_policy *policy) {
    char url[256];
    whi_queue_options options = { .url = url, .policy = policy };
    whi_queue *queue;

    if (is_redis) {
        snprintf(url, sizeof url, "redis://127.0.0.1:%d/0?stream=ours", port);
    } else {
        snprintf(url, sizeof url, "amqp://writer:pass%%25%%2Fword@127.0.0.1:%d/?queue=ours", port);
    }
    bench_check(whi_queue_open(&queue, &options), "open");
    return queue;
}

int main(int argc, char **argv) {
    static double ours[1000], bare[1000];
    int is_redis = argc > 1 && strcmp(argv[1], "redis") == 0, port = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    double a, b;
    whi_policy *policy;
    whi_queue *queue;

    need(port > 0, "expected redis or rabbitmq, and a port");
    batch = argc > 3 ? (int)strtol(argv[3], NULL, 10) : batch;
    rounds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : rounds;
    need(batch > 0 && rounds > 0 && rounds <= 1000, "batch and rounds from 1 on");
    body = bench_payload(BODY_SIZE);
    make_messages();
    bench_check(whi_policy_new(&policy, (const char *const[]){ "127.0.0.1" }, 1), "policy");
    if (is_redis) {
        open_redis(port);
    } else {
        open_rabbitmq(port);
    }
    queue = open_ours(is_redis, port, policy);
    run_ours(queue);
    for (int i = 0; i < rounds; i++) {
        bare[i] = is_redis ? run_redis() : run_rabbitmq();
        ours[i] = run_ours(queue);
    }
    a = bench_median(ours, rounds);
    b = bench_median(bare, rounds);
    printf("%s, %d messages of %d bytes in a batch: ours %.0f/s, bare %.0f/s, ratio %.2f\n", argv[1], batch, BODY_SIZE,
           batch / a, batch / b, b / a);
    whi_queue_close(queue);
    whi_policy_free(policy);
    return 0;
}
