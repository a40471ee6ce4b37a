/* Topics of Kafka by librdkafka, as an idempotent producer: each message has a report of what became of it.
 *
 * The library has threads of its own, one for itself and one for each broker of the cluster, and goes to all brokers
 * that the cluster names: their names are looked up and their addresses judged here, in callbacks on those threads.
 * What it has to report it writes to a pipe, so that waiting is ours, and ends with its time or with a cut. A client
 * whose messages were not all reported is given up with them: what it does later would be out of order. Tests:
 * test_queue_kafka. */
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/mem.h"
#include "outside/broker.h"
#include "outside/certificate.h"

#define NAME_SIZE 256
#define THREADS_MAXIMUM 256 /* of the library, for one topic */
#define PROPAGATION_MS 2000 /* that a topic which is not there may be about to be; within an attempt it is told */
#define LOOK_SLICE_MS 250   /* a look waits where nobody can wake it: so long at first, and not longer than the next */
#define LOOK_SLICE_MAXIMUM_MS 1000

struct flight;

typedef struct kafka {
    whi_queue base;
    rd_kafka_t *client;         /* NULL: none */
    int told[2];                /* a pipe: something is to be heard; with client */
    atomic_int threads, leaves; /* leaves: what its threads look up ends */
    pthread_mutex_t naming;     /* one name after the other; with client */
    whi_reach *looks;           /* under the queue's lock: what waits for a name; NULL: nothing */
    whi_object_result why;      /* what was last heard to be wrong */
    struct flight *flight;      /* NULL: nothing is on its way */
} kafka;

static kafka *kafka_of(whi_queue *queue) {
    return (kafka *)queue;
}

/* Under the queue's lock. */
static void cut(whi_queue *queue) {
    kafka *self = kafka_of(queue);

    atomic_store(&self->leaves, 1);
    if (self->looks != NULL) {
        whi_reach_wake(self->looks);
    }
}

/* Without waiting for messages: those that are left have no report any more. */
static void rest(whi_queue *queue) {
    kafka *self = kafka_of(queue);

    if (self->client == NULL) {
        return;
    }
    pthread_mutex_lock(&queue->lock);
    cut(queue);
    pthread_mutex_unlock(&queue->lock);
    self->flight = NULL;
    rd_kafka_purge(self->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy_flags(self->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    self->client = NULL;
    pthread_mutex_destroy(&self->naming);
    close(self->told[0]);
    close(self->told[1]);
}

/* -------------------------------------------------------------------- refusals */

/* What is in no row is the cluster's trouble, which may pass. */
static const struct {
    rd_kafka_resp_err_t code;
    int outcome;
    const char *sentence;
} refusals[] = {
    { RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WHI_OBJECT_ALONE, "it is larger than the topic takes (max.message.bytes)" },
    { RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, WHI_OBJECT_ALONE, "it is larger than the topic takes (max.message.bytes)" },
    { RD_KAFKA_RESP_ERR_INVALID_RECORD, WHI_OBJECT_ALONE, "the topic does not take it; a compacted one wants a key" },
    { RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, WHI_OBJECT_OWNER, "" },
    { RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, WHI_OBJECT_OWNER, "" },
    { RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, WHI_OBJECT_OWNER, "" },
    { RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, WHI_OBJECT_OWNER, "the cluster takes no topic of this name" },
    { RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WHI_OBJECT_OWNER,
      "the user may not write to the topic; grant it with: kafka-acls.sh --add --producer --allow-principal "
      "User:<user> --topic <topic>" },
    { RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, WHI_OBJECT_OWNER,
      "the user may not write idempotently; grant it with: kafka-acls.sh --add --operation IdempotentWrite --cluster "
      "--allow-principal User:<user>" },
    { RD_KAFKA_RESP_ERR__AUTHENTICATION, WHI_OBJECT_OWNER,
      "the user or the password is refused, or the way of asking for it (option sasl); give the URL anew with the "
      "present password" },
    { RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, WHI_OBJECT_OWNER,
      "the user or the password is refused; give the URL anew with the present password" },
    { RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, WHI_OBJECT_OWNER,
      "the cluster asks for a password in another way: say sasl=plain, scram-sha-256 or scram-sha-512" },
    { RD_KAFKA_RESP_ERR__SSL, WHI_OBJECT_AGAIN, "TLS: the certificate is not good, or not the host's" },
    { RD_KAFKA_RESP_ERR__TRANSPORT, WHI_OBJECT_AGAIN,
      "nobody listens there, it is not Kafka, or the connection was lost" },
    { RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, WHI_OBJECT_AGAIN, "no broker of the cluster can be reached" },
    { RD_KAFKA_RESP_ERR__TIMED_OUT, WHI_OBJECT_AGAIN, "no answer in time" },
    { RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, WHI_OBJECT_AGAIN, "no answer in time" },
};

static const char *state_of(rd_kafka_resp_err_t code, char out[8]) {
    snprintf(out, 8, "%d", code > 0 && code < 10000 ? (int)code : 0);
    return code > 0 ? out : "";
}

/* Before 2.6.1 the library says its own part of the nonce twice, which brokers from 4.0 on do not take
 * (https://github.com/confluentinc/librdkafka/pull/4895). */
#define SCRAM_MENDED 0x020601ff
#define SCRAM_ADVICE                                                                                                   \
    "; with SCRAM a broker of Kafka 4 takes it from librdkafka 2.6.1 on, and this one is older: over TLS, sasl=plain"

static int is_scram_broken(const kafka *self, rd_kafka_resp_err_t code) {
    const char *mechanism = self->base.url.mechanism;

    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION && rd_kafka_version() < SCRAM_MENDED && mechanism != NULL &&
           strncmp(mechanism, "SCRAM", 5) == 0;
}

static void tell(const kafka *self, rd_kafka_resp_err_t code, whi_object_result *result) {
    char state[8];
    const char *sentence = rd_kafka_err2str(code);
    int outcome = WHI_OBJECT_AGAIN;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (refusals[i].code == code) {
            outcome = refusals[i].outcome;
            sentence = refusals[i].sentence;
        }
    }
    if (sentence[0] != '\0') {
        whi_queue_tell(&self->base, result, outcome, state_of(code, state), "%s%s", sentence,
                       is_scram_broken(self, code) ? SCRAM_ADVICE : "");
    } else {
        whi_queue_tell(&self->base, result, outcome, state_of(code, state),
                       "there is no such topic; make it: kafka-topics.sh --create --topic %.249s", self->base.url.name);
    }
}

/* ---------------------------------------------------------------- names, addresses
 * On the library's threads. */

static struct addrinfo *free_found(struct addrinfo *found) {
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;
        free(found);
        found = next;
    }
    return NULL;
}

/* One piece, with its address behind it. */
static struct addrinfo *make_found(const whi_address *address, uint16_t port) {
    struct addrinfo *found = calloc(1, sizeof *found + sizeof(whi_address));
    whi_address *copy = (whi_address *)(found + 1);

    if (found == NULL) {
        return NULL;
    }
    *copy = *address;
    if (address->any.sa_family == AF_INET6) {
        copy->v6.sin6_port = htons(port);
    } else {
        copy->v4.sin_port = htons(port);
    }
    found->ai_family = address->any.sa_family;
    found->ai_socktype = SOCK_STREAM;
    found->ai_protocol = IPPROTO_TCP;
    found->ai_addr = &copy->any;
    found->ai_addrlen = address->any.sa_family == AF_INET6 ? sizeof copy->v6 : sizeof copy->v4;
    return found;
}

static int list_found(const whi_addresses *addresses, uint16_t port, struct addrinfo **out) {
    struct addrinfo **end = out;

    *out = NULL;
    for (size_t i = 0; i < addresses->count; i++) {
        *end = make_found(&addresses->list[i], port);
        if (*end == NULL) {
            *out = free_found(*out);
            return EAI_MEMORY;
        }
        end = &(*end)->ai_next;
    }
    return addresses->count > 0 ? 0 : EAI_FAIL;
}

static void show(kafka *self, whi_reach *looks) {
    pthread_mutex_lock(&self->base.lock);
    self->looks = looks;
    pthread_mutex_unlock(&self->base.lock);
}

static int look_up(kafka *self, const char *host, whi_addresses *out) {
    whi_object_result result = { .outcome = WHI_OBJECT_WRITTEN };
    whi_reach reach;

    memset(out, 0, sizeof *out);
    if (whi_reach_init(&reach, &self->leaves) != WH_OK) {
        return EAI_AGAIN;
    }
    show(self, &reach);
    whi_reach_look(&reach, self->base.policy, host, whi_monotonic_us() + self->base.connect_timeout * 1000, out,
                   &result);
    show(self, NULL);
    whi_reach_free(&reach);
    return result.outcome == WHI_OBJECT_WRITTEN ? 0 : EAI_FAIL;
}

/* As getaddrinfo, and as freeaddrinfo where nothing is asked. */
static int on_resolve(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out,
                      void *opaque) {
    kafka *self = opaque;
    whi_addresses addresses;
    int code;

    (void)hints;
    if (host == NULL) {
        *out = free_found(*out);
        return 0;
    }
    pthread_mutex_lock(&self->naming);
    code = atomic_load(&self->leaves) ? EAI_AGAIN : look_up(self, host, &addresses);
    pthread_mutex_unlock(&self->naming);
    return code == 0 ? list_found(&addresses, (uint16_t)strtoul(port, NULL, 10), out) : code;
}

/* Whatever the library came by: an address that is not allowed is not connected to. The library watches what is under
 * way. */
static int on_connect(int fd, const struct sockaddr *address, int size, const char *broker, void *opaque) {
    const kafka *self = opaque;

    (void)broker;
    if (!whi_policy_allows(self->base.policy, address, NULL)) {
        return EACCES;
    }
    return connect(fd, address, (socklen_t)size) == 0 || errno == EINPROGRESS ? 0 : errno;
}

/* ------------------------------------------------------------------------- threads */

static rd_kafka_resp_err_t on_thread(rd_kafka_t *client, rd_kafka_thread_type_t type, const char *name, void *opaque) {
    kafka *self = opaque;

    (void)client;
    (void)type;
    (void)name;
    if (atomic_fetch_add(&self->threads, 1) == THREADS_MAXIMUM) {
        (void)!write(self->told[1], "1", 1);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *opaque, char *text,
                                  size_t room) {
    (void)conf;
    (void)text;
    (void)room;
    return rd_kafka_interceptor_add_on_thread_start(client, "webhook", on_thread, opaque);
}

/* ------------------------------------------------------------------------ a flight */

/* Messages on their way. */
typedef struct flight {
    size_t left;
    int has_large;          /* one was too large, and with it its whole batch */
    whi_object_result stop; /* why it ended; WHI_OBJECT_WRITTEN: it has not */
} flight;

/* The reports of one that was given up are nobody's. */
static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    kafka *self = opaque;
    whi_object_result *result = message->_private;

    (void)client;
    if (self->flight == NULL) {
        return;
    }
    self->flight->left--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        memset(result, 0, sizeof *result);
    } else if (message->err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT && self->why.outcome != WHI_OBJECT_WRITTEN) {
        *result = self->why;
    } else {
        tell(self, message->err, result);
    }
    self->flight->has_large |= result->outcome == WHI_OBJECT_ALONE;
}

static int ends_all(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM;
}

/* The library tries again whatever it meets, so it is ended where that is vain. With one broker that cannot be reached
 * others may be; where none is, the last one says why. */
static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    kafka *self = opaque;
    char text[8];
    int is_fatal = code == RD_KAFKA_RESP_ERR__FATAL;

    (void)reason;
    code = is_fatal ? rd_kafka_fatal_error(client, text, sizeof text) : code;
    if (code == RD_KAFKA_RESP_ERR__RESOLVE) {
        whi_queue_tell(&self->base, &self->why, WHI_OBJECT_AGAIN, "",
                       "a broker's host has no address that may be reached; an operator allows more with \"allow\"");
    } else if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || self->why.outcome == WHI_OBJECT_WRITTEN) {
        tell(self, code, &self->why);
    }
    if (self->flight != NULL && (is_fatal || ends_all(code) || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)) {
        self->flight->stop = self->why;
    }
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

/* ---------------------------------------------------------------------- connecting */

/* Names and meanings: librdkafka's CONFIGURATION.md. */
static const struct {
    const char *name, *value;
} always[] = {
    { "client.id", "webhook" },
    { "enable.idempotence", "true" }, /* acks=all, and retries that keep the order */
    { "linger.ms", "1" },
    { "batch.size", "131072" },           /* a topic takes some 1 MB by default: so they fit where less is taken, too */
    { "message.max.bytes", "100000000" }, /* the topic says how much it takes */
    { "receive.message.max.bytes", "65536" }, /* what a cluster may say at once, and with it how many brokers it has */
    { "partitioner", "murmur2_random" },      /* as Java's clients do */
    { "enable.random.seed", "false" },        /* the program's */
    { "reconnect.backoff.max.ms", "1000" },
};

static int set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char text[8]; /* it may repeat the value */

    return rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK;
}

static int set_number(rd_kafka_conf_t *conf, const char *name, int64_t value, int64_t least, int64_t most) {
    char text[24];

    value = value < least ? least : value > most ? most : value;
    snprintf(text, sizeof text, "%lld", (long long)value);
    return set(conf, name, text);
}

static int set_security(const kafka *self, rd_kafka_conf_t *conf) {
    const whi_queue *queue = &self->base;
    const whi_queue_url *url = &queue->url;
    char file[WHI_BUNDLE_SIZE];
    int good = set(conf, "security.protocol",
                   url->is_tls ? url->mechanism != NULL ? "sasl_ssl" : "ssl"
                               : (url->mechanism != NULL ? "sasl_plaintext" : "plaintext"));

    if (url->mechanism != NULL) {
        good = good && set(conf, "sasl.mechanisms", url->mechanism) && set(conf, "sasl.username", url->user) &&
               set(conf, "sasl.password", url->password);
    }
    if (url->is_tls && queue->insecure) {
        good = good && set(conf, "enable.ssl.certificate.verification", "false") &&
               set(conf, "ssl.endpoint.identification.algorithm", "none");
    } else if (url->is_tls) {
        good = good && whi_certificates_file(queue->ca_file, file) && set(conf, "ssl.ca.location", file) &&
               set(conf, "ssl.endpoint.identification.algorithm", "https");
    }
    return good;
}

static int set_all(kafka *self, rd_kafka_conf_t *conf) {
    const whi_queue *queue = &self->base;
    char servers[300];
    int good = set_security(self, conf);

    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        good = good && set(conf, always[i].name, always[i].value);
    }
    snprintf(servers, sizeof servers, strchr(queue->url.host, ':') != NULL ? "[%s]:%d" : "%s:%d", queue->url.host,
             queue->url.port);
    good = good && set(conf, "bootstrap.servers", servers) &&
           set_number(conf, "message.timeout.ms", queue->publish_timeout, 10, INT32_MAX) &&
           set_number(conf, "socket.timeout.ms", queue->publish_timeout, 10, 300000) &&
           set_number(conf, "request.timeout.ms", queue->publish_timeout, 10, 900000) &&
           set_number(conf, "topic.metadata.propagation.max.ms", queue->publish_timeout / 2, 1, PROPAGATION_MS) &&
           set_number(conf, "socket.connection.setup.timeout.ms", queue->connect_timeout, 1000, INT32_MAX) &&
           (queue->url.compression == NULL || set(conf, "compression.codec", queue->url.compression));
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_resolve_cb(conf, on_resolve);
    rd_kafka_conf_set_connect_cb(conf, on_connect);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    return good && rd_kafka_conf_interceptor_add_on_new(conf, "webhook", on_new, self) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *make_client(kafka *self) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *client = NULL;
    char text[8];

    if (conf != NULL && set_all(self, conf)) {
        client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    }
    if (client == NULL && conf != NULL) {
        rd_kafka_conf_destroy(conf);
    }
    return client;
}

static int make_pipe(int told[2]) {
    if (pipe(told) != 0) {
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(told[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(told[i], F_SETFL, O_NONBLOCK);
    }
    return 1;
}

static void listen_to(kafka *self) {
    rd_kafka_queue_t *main_queue = rd_kafka_queue_get_main(self->client);

    rd_kafka_queue_io_event_enable(main_queue, self->told[1], "1", 1);
    rd_kafka_queue_destroy(main_queue);
}

/* The library connects by itself when there is something to send. */
static void connect_kafka(whi_queue *queue, whi_object_result *result) {
    kafka *self = kafka_of(queue);

    atomic_store(&self->leaves, 0);
    memset(&self->why, 0, sizeof self->why);
    if (self->client != NULL) {
        return;
    }
    if (!make_pipe(self->told)) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "no more files can be opened here");
        return;
    }
    pthread_mutex_init(&self->naming, NULL);
    atomic_store(&self->threads, 0);
    self->client = make_client(self);
    if (self->client == NULL) {
        pthread_mutex_destroy(&self->naming);
        close(self->told[0]);
        close(self->told[1]);
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "",
                       "the client of Kafka does not start: no memory, no threads, or no certificates of authorities");
        return;
    }
    listen_to(self);
}

/* -------------------------------------------------------------------------- waiting */

static void hear(kafka *self) {
    char bytes[256];

    while (read(self->told[0], bytes, sizeof bytes) > 0) {}
    (void)rd_kafka_poll(self->client, 0);
}

static void end_with(kafka *self, flight *f, enum whi_reach_end end, const char *doing) {
    if (end == WHI_REACH_LATE && self->why.outcome != WHI_OBJECT_WRITTEN) {
        f->stop = self->why;
    } else {
        whi_reach_tell(end, doing, &f->stop);
    }
}

static void check_threads(kafka *self, flight *f) {
    if (atomic_load(&self->threads) > THREADS_MAXIMUM && f->stop.outcome == WHI_OBJECT_WRITTEN) {
        whi_queue_tell(&self->base, &f->stop, WHI_OBJECT_AGAIN, "", "the cluster names more than %d brokers",
                       THREADS_MAXIMUM);
    }
}

/* A client with messages on their way is given up with them. */
static void await(kafka *self, flight *f, int64_t until) {
    self->flight = f;
    while (f->left > 0 && f->stop.outcome == WHI_OBJECT_WRITTEN) {
        enum whi_reach_end end = whi_reach_wait(&self->base.reach, self->told[0], WHI_READ, until, NULL);

        hear(self);
        check_threads(self, f);
        if (end != WHI_REACH_READY && f->left > 0 && f->stop.outcome == WHI_OBJECT_WRITTEN) {
            end_with(self, f, end, "waiting for the topic");
        }
    }
    self->flight = NULL;
    if (f->stop.outcome != WHI_OBJECT_WRITTEN) {
        rest(&self->base);
    }
}

/* ------------------------------------------------------------------------ a message */

/* "Name: value", its name in the one spelling that a consumer asks for. */
static rd_kafka_resp_err_t add_line(rd_kafka_headers_t *out, const char *line) {
    size_t size = strcspn(line, ":"), length = size < NAME_SIZE ? size : NAME_SIZE - 1;
    const char *value = line + size + (line[size] == ':');
    char name[NAME_SIZE];

    for (size_t i = 0; i < length; i++) {
        name[i] = whi_ascii_lower(line[i]);
    }
    value += *value == ' ';
    return rd_kafka_header_add(out, name, (ssize_t)length, value, (ssize_t)strlen(value));
}

/* The library's, once it has taken the message. */
static rd_kafka_headers_t *headers_of(const whi_message *message) {
    rd_kafka_headers_t *out = rd_kafka_headers_new(message->line_count + 2);

    if (out == NULL) {
        return NULL;
    }
    rd_kafka_header_add(out, "webhook-message-id", -1, message->id, -1);
    rd_kafka_header_add(out, "webhook-type", -1, message->type, -1);
    for (size_t i = 0; i < message->line_count && i < WHI_MESSAGE_LINES; i++) {
        add_line(out, message->lines[i]);
    }
    return out;
}

static rd_kafka_resp_err_t produce(kafka *self, const whi_message *message, whi_object_result *result) {
    rd_kafka_headers_t *headers = headers_of(message);
    size_t key_size = message->key != NULL ? strlen(message->key) : 0;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        self->client, RD_KAFKA_V_TOPIC(self->base.url.name),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), /* it may be given up in the middle of sending */
        RD_KAFKA_V_KEY(message->key, key_size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)(message->body != NULL ? message->body : ""), message->size),
        RD_KAFKA_V_TIMESTAMP(message->sent_at), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(result), RD_KAFKA_V_END);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && headers != NULL) {
        rd_kafka_headers_destroy(headers);
    }
    return code;
}

static void produce_all(kafka *self, flight *f, const whi_message *messages, size_t count, whi_object_result *results) {
    f->left = 0;
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = produce(self, &messages[i], &results[i]);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            f->left++;
        } else {
            tell(self, code, &results[i]);
        }
    }
}

static int is_open_still(const whi_object_result *result, const char *sentence) {
    return result->outcome == WHI_OBJECT_AGAIN && strcmp(result->sentence, sentence) == 0;
}

/* A topic refuses a whole batch for its size, which names no message: each of them goes alone. */
static void send_singly(kafka *self, const whi_message *messages, size_t count, whi_object_result *results,
                        int64_t until) {
    for (size_t i = 0; i < count; i++) {
        flight f = { 0 };

        if (results[i].outcome != WHI_OBJECT_ALONE || self->client == NULL) {
            continue;
        }
        produce_all(self, &f, messages + i, 1, results + i);
        await(self, &f, until);
        results[i] = f.stop.outcome != WHI_OBJECT_WRITTEN ? f.stop : results[i];
    }
}

static void send_all(whi_queue *queue, const whi_message *messages, size_t count, whi_object_result *results) {
    kafka *self = kafka_of(queue);
    int64_t until = whi_queue_until(queue, queue->publish_timeout);
    const whi_object_result open = results[0];
    flight f = { 0 };

    produce_all(self, &f, messages, count, results);
    await(self, &f, until);
    for (size_t i = 0; i < count; i++) {
        if (f.stop.outcome != WHI_OBJECT_WRITTEN && is_open_still(&results[i], open.sentence)) {
            results[i] = f.stop;
        }
    }
    if (f.has_large && count > 1) {
        send_singly(self, messages, count, results, until);
    }
}

/* ------------------------------------------------------------------------- checking */

static rd_kafka_resp_err_t ask(kafka *self, rd_kafka_topic_t *topic, int ms) {
    const rd_kafka_metadata_t *found = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(self->client, 0, topic, &found, ms);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = found->topic_cnt == 1 ? found->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(found);
    }
    return code;
}

static int is_silence(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

static void look_for(kafka *self, rd_kafka_topic_t *topic, int64_t until, whi_object_result *result) {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    flight f = { .left = 1 };
    int slice = LOOK_SLICE_MS;

    self->flight = &f;
    while (is_silence(code) && f.stop.outcome == WHI_OBJECT_WRITTEN) {
        int64_t left = (until - whi_monotonic_us()) / 1000;

        if (left <= 0 || atomic_load(&self->base.is_cut)) {
            end_with(self, &f, left <= 0 ? WHI_REACH_LATE : WHI_REACH_CUT, "asking for the topic");
        } else {
            code = ask(self, topic, left < slice ? (int)left : slice);
            slice = slice < LOOK_SLICE_MAXIMUM_MS ? slice * 2 : slice;
            hear(self);
            check_threads(self, &f);
        }
    }
    self->flight = NULL;
    if (f.stop.outcome != WHI_OBJECT_WRITTEN) {
        *result = f.stop;
    } else if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tell(self, code, result);
    }
}

static void check(whi_queue *queue, whi_object_result *result) {
    kafka *self = kafka_of(queue);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(self->client, queue->url.name, NULL);

    if (topic == NULL) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "no memory");
        return;
    }
    look_for(self, topic, whi_queue_until(queue, queue->publish_timeout), result);
    rd_kafka_topic_destroy(topic);
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        rest(queue);
    }
}

const whi_broker whi_broker_kafka = {
    .has_tls = 1,
    .size = sizeof(kafka),
    .connect = connect_kafka,
    .send = send_all,
    .check = check,
    .rest = rest,
    .cut = cut,
};
