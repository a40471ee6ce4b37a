/* Queues and exchanges of RabbitMQ by librabbitmq: each message is confirmed by the server (publisher confirms), and
 * comes back where no queue takes it. The library's waits end with the times that it is told, those for sending with
 * the kernel's (TCP_USER_TIMEOUT), and all of them where the socket is shut down. Tests: test_queue_rabbitmq. */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/broker.h"
#include "outside/certificate.h"

#define CHANNEL 1
#define LOOK_CHANNEL 2 /* of a look, which ends it where something is refused */
#define FRAME_BYTES 131072
#define NAME_SIZE 256

typedef struct rabbitmq {
    whi_queue base;
    amqp_connection_state_t connection; /* NULL: none */
    uint64_t tag;                       /* of the last message that was sent */
} rabbitmq;

static rabbitmq *rabbitmq_of(whi_queue *queue) {
    return (rabbitmq *)queue;
}

/* Without a good-bye, which would be waited for. */
static void rest(whi_queue *queue) {
    rabbitmq *self = rabbitmq_of(queue);

    whi_queue_show(queue, -1);
    if (self->connection != NULL) {
        amqp_destroy_connection(self->connection);
        self->connection = NULL;
    }
    self->tag = 0;
}

static struct timeval time_until(int64_t until) {
    int64_t left = until - whi_monotonic_us();
    struct timeval time;

    left = left > 0 ? left : 0;
    time.tv_sec = (time_t)(left / 1000000);
    time.tv_usec = (suseconds_t)(left % 1000000);
    return time;
}

/* -------------------------------------------------------------------- refusals */

static int is_too_large(int code, const char *text) {
    return code == AMQP_PRECONDITION_FAILED && strstr(text, "size") != NULL;
}

/* What is in no row is the server's trouble, which may pass. */
static const struct {
    int code;
    const char *advice;
} of_owners[] = {
    { AMQP_ACCESS_REFUSED,
      "; grant it with: rabbitmqctl set_permissions -p <vhost> <user> '' <exchange, or amq.default> ''" },
    { AMQP_NOT_FOUND, "; make it at the server, or name one that is there" },
    { AMQP_NOT_ALLOWED, "; is the virtual host there, and may the user use it?" },
    { AMQP_PRECONDITION_FAILED, "" },
    { AMQP_COMMAND_INVALID, "" },
    { AMQP_NOT_IMPLEMENTED, "" },
};

static void tell_code(rabbitmq *self, int code, amqp_bytes_t text, whi_object_result *result) {
    const char *advice = "";
    char state[8], words[160];
    int outcome = WHI_OBJECT_AGAIN;

    snprintf(state, sizeof state, "%d", code % 10000);
    snprintf(words, sizeof words, "%.*s", (int)(text.len < 150 ? text.len : 150), (const char *)text.bytes);
    for (size_t i = 0; i < sizeof of_owners / sizeof of_owners[0]; i++) {
        if (of_owners[i].code == code) {
            outcome = WHI_OBJECT_OWNER;
            advice = of_owners[i].advice;
        }
    }
    outcome = is_too_large(code, words) ? WHI_OBJECT_ALONE : outcome;
    whi_queue_tell(&self->base, result, outcome, state, "%s%s", words, advice);
}

static void tell_close(rabbitmq *self, const amqp_method_t *method, whi_object_result *result) {
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = method->decoded;
        tell_code(self, close->reply_code, close->reply_text, result);
    } else if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = method->decoded;
        tell_code(self, close->reply_code, close->reply_text, result);
    } else {
        whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "", "the server says what was not asked");
    }
}

static void tell_status(rabbitmq *self, int status, const char *doing, whi_object_result *result) {
    if (atomic_load(&self->base.is_cut)) {
        whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "", "%s: cut", doing);
    } else if (status == AMQP_STATUS_TIMEOUT) {
        whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "", "%s: no answer in time", doing);
    } else {
        whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "", "%s: %s", doing, amqp_error_string2(status));
    }
}

/* 1: it was done. Else the result says why not, and the connection is in no state that is known. */
static int take_reply(rabbitmq *self, amqp_rpc_reply_t reply, const char *doing, whi_object_result *result) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        return 1;
    }
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
        tell_close(self, &reply.reply, result);
    } else {
        tell_status(self, reply.library_error, doing, result);
    }
    rest(&self->base);
    return 0;
}

/* ------------------------------------------------------------------- connecting */

static int is_literal(const char *host) {
    return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0';
}

/* The library is given an address that was judged; the name belongs into the greeting all the same, and its socket is
 * to be known while it shakes hands. */
static void on_handshake(const SSL *ssl, int where, int result) {
    whi_queue *queue = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0);

    (void)result;
    if ((where & SSL_CB_HANDSHAKE_START) != 0 && queue != NULL) {
        whi_queue_show(queue, SSL_get_fd(ssl));
        if (!is_literal(queue->url.host)) {
            SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, queue->url.host);
        }
    }
}

static int expect_host(SSL_CTX *context, const char *host) {
    X509_VERIFY_PARAM *wanted = SSL_CTX_get0_param(context);

    return is_literal(host) ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host)
                            : X509_VERIFY_PARAM_set1_host(wanted, host, 0);
}

static amqp_socket_t *secure_socket(rabbitmq *self, whi_object_result *result) {
    const whi_queue *queue = &self->base;
    amqp_socket_t *socket = amqp_ssl_socket_new(self->connection);
    char file[WHI_BUNDLE_SIZE];
    SSL_CTX *context = socket != NULL ? amqp_ssl_socket_get_context(socket) : NULL;

    if (context == NULL) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "TLS: no memory");
        return NULL;
    }
    amqp_ssl_socket_set_verify_peer(socket, !queue->insecure);
    amqp_ssl_socket_set_verify_hostname(socket, 0); /* it would look for the address */
    SSL_CTX_set_ex_data(context, 0, self);
    SSL_CTX_set_info_callback(context, on_handshake);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK ||
        (!queue->insecure &&
         (!whi_certificates_file(queue->ca_file, file) || amqp_ssl_socket_set_cacert(socket, file) != AMQP_STATUS_OK ||
          expect_host(context, queue->url.host) != 1))) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "",
                       "TLS: there are no certificates of authorities to verify by");
        return NULL;
    }
    return socket;
}

/* The library's way to an address cannot be cut, so it is only sent to one that has just answered: who does not is
 * waited for here. */
static int answers(rabbitmq *self, const whi_address *address, int64_t until, whi_object_result *result) {
    whi_addresses one = { .count = 1 };
    int fd;

    one.list[0] = *address;
    fd = whi_reach_dial(&self->base.reach, &one, self->base.url.port, until, result);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void open_secure(rabbitmq *self, const whi_addresses *addresses, int64_t until, whi_object_result *result) {
    amqp_socket_t *socket = secure_socket(self, result);
    int status = AMQP_STATUS_SOCKET_ERROR;

    for (size_t i = 0; i < addresses->count && socket != NULL && status != AMQP_STATUS_OK; i++) {
        struct timeval time;
        char text[64];

        if (answers(self, &addresses->list[i], until, result)) {
            time = time_until(until);
            whi_reach_text(&addresses->list[i], text, sizeof text);
            status = amqp_socket_open_noblock(socket, text, self->base.url.port, &time);
        }
    }
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        return; /* none has answered */
    }
    if (socket != NULL && status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED) {
        whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "",
                       "TLS: the certificate is not good, or not the host's");
    } else if (socket != NULL && status != AMQP_STATUS_OK) {
        tell_status(self, status, "connecting over TLS", result);
    }
}

static void open_plain(rabbitmq *self, whi_object_result *result) {
    amqp_socket_t *socket;
    int fd = whi_queue_dial(&self->base, result);

    if (fd < 0) {
        return;
    }
    whi_queue_show(&self->base, fd);
    socket = amqp_tcp_socket_new(self->connection);
    if (socket == NULL) {
        close(fd);
        whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "", "no memory");
    } else {
        amqp_tcp_socket_set_sockfd(socket, fd);
    }
}

static void open_socket(rabbitmq *self, int64_t until, whi_object_result *result) {
    whi_queue *queue = &self->base;
    whi_addresses addresses;

    if (!queue->url.is_tls) {
        open_plain(self, result);
        return;
    }
    whi_reach_look(&queue->reach, queue->policy, queue->url.host, until, &addresses, result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        open_secure(self, &addresses, until, result);
    }
}

/* A server that takes nothing more ends the connection, which else would wait for ever for what it sends. */
static void bound_sending(rabbitmq *self) {
#ifdef TCP_USER_TIMEOUT
    unsigned ms = (unsigned)(self->base.publish_timeout < 3600000 ? self->base.publish_timeout : 3600000);

    (void)setsockopt(amqp_get_sockfd(self->connection), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
#else
    (void)self;
#endif
}

static void tell_login(rabbitmq *self, amqp_rpc_reply_t reply, whi_object_result *result) {
    const amqp_connection_close_t *close = reply.reply.decoded;

    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD &&
        close->reply_code == AMQP_ACCESS_REFUSED) {
        whi_queue_tell(&self->base, result, WHI_OBJECT_OWNER, "403",
                       "the user or the password is refused; give the URL anew with the present password");
        rest(&self->base);
        return;
    }
    (void)take_reply(self, reply, "logging in", result);
}

static void log_in(rabbitmq *self, int64_t until, whi_object_result *result) {
    const whi_queue_url *url = &self->base.url;
    struct timeval login = time_until(until), calls = login;
    amqp_rpc_reply_t reply;

    (void)amqp_set_handshake_timeout(self->connection, &login);
    (void)amqp_set_rpc_timeout(self->connection, &calls);
    reply = amqp_login(self->connection, url->space, 0, FRAME_BYTES, 0, AMQP_SASL_METHOD_PLAIN,
                       url->user[0] != '\0' ? url->user : "guest", url->has_password ? url->password : "guest");
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        tell_login(self, reply, result);
        return;
    }
    amqp_channel_open(self->connection, CHANNEL);
    if (!take_reply(self, amqp_get_rpc_reply(self->connection), "opening a channel", result)) {
        return;
    }
    amqp_confirm_select(self->connection, CHANNEL);
    (void)take_reply(self, amqp_get_rpc_reply(self->connection), "asking for confirmations", result);
}

static void connect_rabbitmq(whi_queue *queue, whi_object_result *result) {
    rabbitmq *self = rabbitmq_of(queue);
    int64_t until = whi_queue_until(queue, queue->connect_timeout);

    if (self->connection != NULL) {
        return;
    }
    self->connection = amqp_new_connection();
    if (self->connection == NULL) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "no memory");
        return;
    }
    open_socket(self, until, result);
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        rest(queue);
        return;
    }
    bound_sending(self);
    log_in(self, until, result);
}

/* ---------------------------------------------------------------------- a message */

typedef struct headers {
    amqp_table_entry_t entries[WHI_MESSAGE_LINES + 1];
    char names[WHI_MESSAGE_LINES][NAME_SIZE];
    int count;
} headers;

static void add_header(headers *out, const char *name, const char *value) {
    amqp_table_entry_t *entry = &out->entries[out->count++];

    entry->key = amqp_cstring_bytes(name);
    entry->value.kind = AMQP_FIELD_KIND_UTF8;
    entry->value.value.bytes = amqp_cstring_bytes(value);
}

/* The type of its content, which has a property of its own; or NULL. */
static const char *add_line(headers *out, size_t index, const char *line) {
    size_t size = strcspn(line, ":"), length = size < NAME_SIZE ? size : NAME_SIZE - 1;
    const char *value = line + size + (line[size] == ':');

    value += *value == ' ';
    for (size_t i = 0; i < length; i++) {
        out->names[index][i] = whi_ascii_lower(line[i]);
    }
    out->names[index][length] = '\0';
    if (strcmp(out->names[index], "content-type") == 0) {
        return value;
    }
    add_header(out, out->names[index], value);
    return NULL;
}

static void fill_properties(amqp_basic_properties_t *out, headers *scratch, const whi_message *message) {
    memset(out, 0, sizeof *out);
    scratch->count = 0;
    for (size_t i = 0; i < message->line_count && i < WHI_MESSAGE_LINES; i++) {
        const char *content = add_line(scratch, i, message->lines[i]);
        out->content_type = content != NULL ? amqp_cstring_bytes(content) : out->content_type;
    }
    if (message->key != NULL) {
        add_header(scratch, "webhook-key", message->key);
    }
    out->_flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG;
    out->headers.num_entries = scratch->count;
    out->headers.entries = scratch->entries;
    out->delivery_mode = AMQP_DELIVERY_PERSISTENT;
    out->message_id = amqp_cstring_bytes(message->id);
    out->type = amqp_cstring_bytes(message->type);
    out->timestamp = (uint64_t)(message->sent_at / 1000);
}

static int publish(rabbitmq *self, amqp_channel_t channel, headers *scratch, const whi_message *message) {
    const whi_queue_url *url = &self->base.url;
    const char *key = url->name[0] != '\0' ? url->name : url->key[0] != '\0' ? url->key : message->type;
    amqp_basic_properties_t properties;
    amqp_bytes_t body = { message->size, (void *)(uintptr_t)message->body };

    fill_properties(&properties, scratch, message);
    return amqp_basic_publish(self->connection, channel, amqp_cstring_bytes(url->exchange), amqp_cstring_bytes(key),
                              !url->is_optional, 0, &properties, body);
}

/* ------------------------------------------------------------------ confirmations */

/* Messages on their way. */
typedef struct flight {
    rabbitmq *self;
    const whi_message *messages;
    whi_object_result *results;
    char *settled; /* of each: 1 */
    size_t count, left;
    uint64_t first; /* tag */
    int64_t until;
    whi_object_result stop; /* why it ended; WHI_OBJECT_WRITTEN: it has not */
} flight;

static void settle(flight *f, size_t index, int is_confirmed) {
    whi_object_result *result = &f->results[index];

    if (f->settled[index]) {
        return;
    }
    f->settled[index] = 1;
    f->left--;
    if (result->outcome == WHI_OBJECT_OWNER) {
        return; /* it had come back */
    }
    if (is_confirmed) {
        memset(result, 0, sizeof *result);
    } else {
        whi_queue_tell(&f->self->base, result, WHI_OBJECT_AGAIN, "nack",
                       "the server refuses it for now: a queue is full");
    }
}

static void settle_tags(flight *f, uint64_t tag, int multiple, int is_confirmed) {
    size_t last = (size_t)(tag - f->first);

    if (tag < f->first || last >= f->count) {
        return;
    }
    for (size_t i = multiple ? 0 : last; i <= last; i++) {
        settle(f, i, is_confirmed);
    }
}

/* It says which one only in what follows: the message itself. */
static void take_back(flight *f, amqp_bytes_t id) {
    for (size_t i = 0; i < f->count; i++) {
        if (strlen(f->messages[i].id) == id.len && memcmp(f->messages[i].id, id.bytes, id.len) == 0) {
            whi_queue_tell(&f->self->base, &f->results[i], WHI_OBJECT_OWNER, "312",
                           "no queue takes it: make the queue or bind one, or say mandatory=false of an exchange");
        }
    }
}

static void take_method(flight *f, const amqp_method_t *method) {
    if (method->id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = method->decoded;
        settle_tags(f, ack->delivery_tag, ack->multiple, 1);
    } else if (method->id == AMQP_BASIC_NACK_METHOD) {
        const amqp_basic_nack_t *nack = method->decoded;
        settle_tags(f, nack->delivery_tag, nack->multiple, 0);
    } else if (method->id != AMQP_BASIC_RETURN_METHOD) {
        tell_close(f->self, method, &f->stop);
    }
}

static void take_frame(flight *f, const amqp_frame_t *frame) {
    if (frame->frame_type == AMQP_FRAME_METHOD) {
        take_method(f, &frame->payload.method);
    } else if (frame->frame_type == AMQP_FRAME_HEADER) {
        const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
        take_back(f, properties->message_id);
    }
    amqp_maybe_release_buffers(f->self->connection);
}

static void await(flight *f) {
    while (f->left > 0 && f->stop.outcome == WHI_OBJECT_WRITTEN) {
        struct timeval time = time_until(f->until);
        amqp_frame_t frame;
        int status = AMQP_STATUS_TIMEOUT;

        if (whi_monotonic_us() < f->until) { /* who talks without an end is not listened to for longer */
            status = amqp_simple_wait_frame_noblock(f->self->connection, &frame, &time);
        }
        if (status == AMQP_STATUS_OK) {
            take_frame(f, &frame);
        } else {
            tell_status(f->self, status, "waiting for confirmations", &f->stop);
        }
    }
}

static void publish_all(flight *f) {
    headers *scratch = whi_alloc(sizeof *scratch);

    if (scratch == NULL) {
        whi_queue_tell(&f->self->base, &f->stop, WHI_OBJECT_AGAIN, "", "no memory");
        return;
    }
    f->first = f->self->tag + 1;
    for (size_t i = 0; i < f->count && f->stop.outcome == WHI_OBJECT_WRITTEN; i++) {
        int status = publish(f->self, CHANNEL, scratch, &f->messages[i]);

        f->self->tag++;
        if (status != AMQP_STATUS_OK) {
            tell_status(f->self, status, "sending", &f->stop);
        }
    }
    whi_free(scratch);
}

/* What the server has closed the connection for stands behind what it has confirmed. */
static void hear_out(flight *f) {
    whi_object_result sending = f->stop;

    memset(&f->stop, 0, sizeof f->stop);
    await(f);
    if (f->stop.outcome != WHI_OBJECT_WRITTEN && f->stop.state[0] == '\0') {
        f->stop = sending;
    }
}

/* A connection that is refused something is closed by both sides. */
static void run(flight *f) {
    publish_all(f);
    if (f->stop.outcome != WHI_OBJECT_WRITTEN) {
        hear_out(f);
    } else {
        await(f);
    }
    if (f->stop.outcome != WHI_OBJECT_WRITTEN) {
        rest(&f->self->base);
    }
    for (size_t i = 0; i < f->count; i++) {
        if (!f->settled[i] && f->results[i].outcome != WHI_OBJECT_OWNER) {
            f->results[i] = f->stop;
        }
    }
}

/* The server names no message in its refusal, so each that is not confirmed goes alone. */
static void send_singly(flight *f) {
    whi_object_result result = { .outcome = WHI_OBJECT_WRITTEN };

    for (size_t i = 0; i < f->count; i++) {
        flight one = { .self = f->self, .messages = f->messages + i, .results = f->results + i, .count = 1, .left = 1 };

        if (f->settled[i]) {
            continue;
        }
        if (result.outcome == WHI_OBJECT_WRITTEN) {
            connect_rabbitmq(&f->self->base, &result);
        }
        if (result.outcome != WHI_OBJECT_WRITTEN) {
            f->results[i] = result;
            continue;
        }
        one.settled = f->settled + i;
        one.until = f->until;
        run(&one);
    }
}

static void send_all(whi_queue *queue, const whi_message *messages, size_t count, whi_object_result *results) {
    flight f = { .self = rabbitmq_of(queue), .messages = messages, .results = results, .count = count, .left = count };

    f.until = whi_queue_until(queue, queue->publish_timeout);
    f.settled = whi_calloc(count, 1);
    if (f.settled == NULL) {
        return; /* they are to go again */
    }
    run(&f);
    if (f.stop.outcome == WHI_OBJECT_ALONE && count > 1) {
        send_singly(&f);
    }
    whi_free(f.settled);
}

/* ---------------------------------------------------------------------- checking */

static int look_for_queue(rabbitmq *self, whi_object_result *result) {
    const whi_queue_url *url = &self->base.url;

    if (url->name[0] == '\0') {
        return 1;
    }
    amqp_queue_declare(self->connection, LOOK_CHANNEL, amqp_cstring_bytes(url->name), 1, 0, 0, 0, amqp_empty_table);
    return take_reply(self, amqp_get_rpc_reply(self->connection), "asking for the queue", result);
}

/* Rights are asked for by a message that is taken back: it is part of a transaction that never comes about. */
static void look_for_rights(rabbitmq *self, whi_object_result *result) {
    whi_message message = { .id = "look", .type = "look", .body = "" };
    headers *scratch = whi_calloc(1, sizeof *scratch);
    int status = AMQP_STATUS_NO_MEMORY;

    amqp_tx_select(self->connection, LOOK_CHANNEL);
    if (scratch != NULL && take_reply(self, amqp_get_rpc_reply(self->connection), "asking for rights", result)) {
        status = publish(self, LOOK_CHANNEL, scratch, &message);
    }
    whi_free(scratch);
    if (self->connection == NULL) {
        return;
    }
    if (status != AMQP_STATUS_OK) {
        tell_status(self, status, "asking for rights", result);
        return;
    }
    amqp_tx_rollback(self->connection, LOOK_CHANNEL);
    (void)take_reply(self, amqp_get_rpc_reply(self->connection), "asking for rights", result);
}

static void check(whi_queue *queue, whi_object_result *result) {
    rabbitmq *self = rabbitmq_of(queue);
    struct timeval time = time_until(whi_queue_until(queue, queue->publish_timeout));

    (void)amqp_set_rpc_timeout(self->connection, &time);
    amqp_channel_open(self->connection, LOOK_CHANNEL);
    if (take_reply(self, amqp_get_rpc_reply(self->connection), "opening a channel", result) &&
        look_for_queue(self, result)) {
        look_for_rights(self, result);
    }
    rest(queue);
}

const whi_broker whi_broker_rabbitmq = {
    .has_tls = 1,
    .size = sizeof(rabbitmq),
    .connect = connect_rabbitmq,
    .send = send_all,
    .check = check,
    .rest = rest,
};
