/* Streams of NATS JetStream. A message is a request whose answer is the stream's: it has it, or why not; where nobody
 * takes the subject the server says that itself.
 *
 * The protocol is spoken by us: it is a dozen words of text, and the client in C lets the server name other servers
 * that it goes to, keeps as much in memory as the server says, and waits where nobody can cut. Tests: test_queue_nats.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "outside/broker.h"
#include "outside/channel.h"
#include "pure/nats.h"
#include "webhook.h"

#define MESSAGES_AHEAD ((size_t)256 << 10) /* bytes that wait to be sent; more are written when they have gone */
#define PONGS_AHEAD 1000
#define HEARD_MAXIMUM (WHI_NATS_LINE_MAXIMUM + WHI_NATS_MESSAGE_MAXIMUM + 16384)
#define SAID_MAXIMUM ((size_t)256 << 20)
#define HEADERS_MAXIMUM ((size_t)1 << 20)
#define INBOX_BYTES 12 /* of chance: nobody guesses where answers are waited for */
#define INBOX_SIZE (8 + 2 * INBOX_BYTES + 2)

typedef struct nats {
    whi_queue base;
    whi_channel channel;
    whi_buf heard, said, headers; /* what was not read yet; what waits to be sent; of the message that is written */
    size_t sent;                  /* of said */
    int pongs;                    /* in it */
    whi_json scratch;
    int64_t max_payload;
    char inbox[INBOX_SIZE]; /* "_INBOX.0123….": behind it the number of what is answered */
    uint64_t number;        /* of the last message */
} nats;

static nats *nats_of(whi_queue *queue) {
    return (nats *)queue;
}

/* It may have the password. */
static void wipe_said(nats *self) {
    if (self->said.data != NULL) {
        whi_wipe(self->said.data, self->said.capacity);
    }
}

static void rest(whi_queue *queue) {
    nats *self = nats_of(queue);

    wipe_said(self);
    whi_channel_close(&self->channel);
    whi_buf_free(&self->heard);
    whi_buf_free(&self->said);
    whi_buf_free(&self->headers);
    whi_json_free(&self->scratch);
    memset(&self->scratch, 0, sizeof self->scratch);
    self->sent = 0;
    self->pongs = 0;
    self->number = 0;
}

/* ------------------------------------------------------------------------- a talk
 * What is said and heard until all that is waited for has come. */

typedef struct talk {
    nats *self;
    const char *doing;
    int64_t until;
    size_t left;                                                /* answers that are waited for */
    void (*hear)(struct talk *talk, const whi_nats_said *said); /* what is no PING */
    int (*write_more)(struct talk *talk);                       /* 0: there is no more. NULL: nothing */
    void *payload;
    whi_object_result stop; /* why it ended early; WHI_OBJECT_WRITTEN: it did not */
} talk;

static void stop_with(talk *t, int outcome, const char *why) {
    whi_queue_tell(&t->self->base, &t->stop, outcome, "", "%s: %s", t->doing, why);
}

static int has_more(const nats *self) {
    return self->sent < self->said.size;
}

static void write_some(talk *t) {
    while (t->write_more != NULL && t->self->said.size < MESSAGES_AHEAD) {
        if (!t->write_more(t)) {
            t->write_more = NULL;
        }
    }
    if (whi_buf_status(&t->self->said) != WH_OK) {
        stop_with(t, WHI_OBJECT_AGAIN, wh_last_error());
    }
}

/* 1: something has gone. */
static int send_once(nats *self) {
    ssize_t sent = has_more(self)
                       ? whi_channel_send(&self->channel, self->said.data + self->sent, self->said.size - self->sent)
                       : 0;

    if (sent <= 0) {
        return 0; /* what failed shows when it is read */
    }
    self->sent += (size_t)sent;
    if (!has_more(self)) {
        whi_buf_clear(&self->said);
        self->sent = 0;
        self->pongs = 0;
    }
    return 1;
}

static void send_some(talk *t) {
    do {
        write_some(t);
    } while (t->stop.outcome == WHI_OBJECT_WRITTEN && send_once(t->self));
}

static void take_error(talk *t, const whi_nats_said *said) {
    char text[200];

    snprintf(text, sizeof text, "%.*s", (int)(said->size < 160 ? said->size : 160), said->text);
    if (strstr(text, "Timeout") == NULL &&
        (strstr(text, "Authorization") != NULL || strstr(text, "Authentication") != NULL)) {
        whi_queue_tell(&t->self->base, &t->stop, WHI_OBJECT_OWNER, "nats",
                       "%s: the user, the password or the token is refused; give the URL anew with the present one",
                       text);
    } else if (strstr(text, "Permissions Violation for Subscription") != NULL) {
        whi_queue_tell(&t->self->base, &t->stop, WHI_OBJECT_OWNER, "nats",
                       "%.120s; answers are waited for there: allow the user to subscribe to \"_INBOX.>\"", text);
    } else {
        whi_queue_tell(&t->self->base, &t->stop, WHI_OBJECT_AGAIN, "nats", "%s", text);
    }
}

/* A server that says more than it is answered is not waited for. */
static void take_ping(talk *t) {
    if (++t->self->pongs > PONGS_AHEAD) {
        stop_with(t, WHI_OBJECT_AGAIN, "the server talks and does not listen");
    } else {
        whi_buf_text(&t->self->said, "PONG\r\n");
    }
}

static void take_heard(talk *t) {
    nats *self = t->self;
    size_t taken = 0;
    whi_nats_said said = { .kind = WHI_NATS_OK };

    while (t->left > 0 && t->stop.outcome == WHI_OBJECT_WRITTEN && said.kind != WHI_NATS_MORE &&
           taken < self->heard.size) {
        whi_nats_read(self->heard.data + taken, self->heard.size - taken, &said);
        taken += said.taken;
        if (said.kind == WHI_NATS_WRONG) {
            stop_with(t, WHI_OBJECT_AGAIN, "what answers there is not NATS");
        } else if (said.kind == WHI_NATS_PING) {
            take_ping(t);
        } else if (said.kind != WHI_NATS_MORE) {
            t->hear(t, &said);
        }
    }
    if (taken > 0) {
        memmove(self->heard.data, self->heard.data + taken, self->heard.size - taken);
        self->heard.size -= taken;
    }
}

/* 1: something has come. */
static int receive_some(talk *t) {
    nats *self = t->self;
    char *room = whi_buf_reserve(&self->heard, 16384);
    ssize_t size = room != NULL ? whi_channel_receive(&self->channel, room, 16384) : -1;

    if (size > 0) {
        self->heard.size += (size_t)size;
        take_heard(t);
    } else if (size < 0) {
        stop_with(t, WHI_OBJECT_AGAIN, "the connection was lost before the server answered");
    }
    return size > 0;
}

/* Who talks without an end is not listened to for longer than who says nothing. */
static enum whi_reach_end end_of(const talk *t, int has_come) {
    const nats *self = t->self;

    if (!has_come) {
        return whi_channel_wait(&self->channel, has_more(self), t->until);
    }
    return atomic_load(&self->base.is_cut) ? WHI_REACH_CUT
                                           : (whi_monotonic_us() < t->until ? WHI_REACH_READY : WHI_REACH_LATE);
}

/* A connection whose talk was ended early is in no state that is known. */
static void run_talk(talk *t) {
    take_heard(t);
    while (t->left > 0 && t->stop.outcome == WHI_OBJECT_WRITTEN) {
        int has_come;

        send_some(t);
        has_come = t->stop.outcome == WHI_OBJECT_WRITTEN && receive_some(t);
        if (t->left > 0 && t->stop.outcome == WHI_OBJECT_WRITTEN) {
            enum whi_reach_end end = end_of(t, has_come);
            if (end != WHI_REACH_READY) {
                whi_reach_tell(end, t->doing, &t->stop);
            }
        }
    }
    if (t->stop.outcome != WHI_OBJECT_WRITTEN) {
        rest(&t->self->base);
    }
}

/* --------------------------------------------------------------------- connecting */

static void hear_info(talk *t, const whi_nats_said *said) {
    nats *self = t->self;
    whi_nats_info *info = t->payload;

    if (said->kind == WHI_NATS_ERROR) {
        take_error(t, said);
    } else if (said->kind != WHI_NATS_INFO ||
               whi_nats_info_read(info, &self->scratch, said->text, said->size) != WH_OK) {
        stop_with(t, WHI_OBJECT_AGAIN, "what answers there is not NATS");
    } else if (!info->has_headers) {
        stop_with(t, WHI_OBJECT_OWNER, "the server knows no headers: JetStream is there from NATS 2.2 on");
    } else {
        self->max_payload = info->max_payload;
        t->left = 0;
    }
}

/* What came in the clear behind the greeting is not believed: anybody on the way may have said it. */
static void secure(nats *self, const whi_nats_info *info, int64_t until, whi_object_result *result) {
    const whi_queue *queue = &self->base;

    if (!queue->url.is_tls && info->wants_tls) {
        whi_queue_tell(queue, result, WHI_OBJECT_OWNER, "", "the server wants TLS: write \"tls://\"");
    } else if (queue->url.is_tls && !info->has_tls) {
        whi_queue_tell(queue, result, WHI_OBJECT_OWNER, "", "the server has no TLS, and nothing is sent without it");
    } else if (queue->url.is_tls && self->heard.size > 0) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "TLS: something came before it began");
    } else if (queue->url.is_tls) {
        whi_channel_secure(&self->channel, queue->url.host, queue->ca_file, queue->insecure, until, result);
    }
}

static void add_member(whi_buf *out, const char *name, const char *value) {
    whi_buf_format(out, ",\"%s\":", name);
    whi_json_write_string(out, value, strlen(value));
}

/* Own messages are not echoed, those of the server for other servers' sake are not followed. */
static void add_greeting(nats *self) {
    const whi_queue_url *url = &self->base.url;
    whi_buf *out = &self->said;

    whi_buf_format(out,
                   "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"version\":\"" WH_VERSION
                   "\",\"protocol\":1,\"echo\":false,\"headers\":true,\"no_responders\":true,\"name\":\"webhook\","
                   "\"tls_required\":%s",
                   url->is_tls ? "true" : "false");
    if (url->user[0] != '\0') {
        add_member(out, "user", url->user);
        add_member(out, "pass", url->password);
    } else if (url->has_password) {
        add_member(out, "auth_token", url->password);
    }
    whi_buf_format(out, "}\r\nSUB %s* 1\r\nPING\r\n", self->inbox);
}

static void hear_greeting(talk *t, const whi_nats_said *said) {
    if (said->kind == WHI_NATS_ERROR) {
        take_error(t, said);
    } else if (said->kind == WHI_NATS_PONG) {
        t->left = 0;
    }
}

static int make_inbox(nats *self) {
    unsigned char bytes[INBOX_BYTES];
    char hex[WHI_HEX_SIZE(INBOX_BYTES)];

    if (whi_clock_random(NULL, bytes, sizeof bytes) != WH_OK) {
        return 0;
    }
    whi_hex_write(bytes, sizeof bytes, hex);
    snprintf(self->inbox, sizeof self->inbox, "_INBOX.%s.", hex);
    return 1;
}

static void greet(nats *self, int64_t until, whi_object_result *result) {
    whi_nats_info info = { 0 };
    talk t = { .self = self, .doing = "connecting", .until = until, .left = 1, .hear = hear_info, .payload = &info };

    run_talk(&t);
    *result = t.stop;
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        secure(self, &info, until, result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        t = (talk){ .self = self, .doing = "logging in", .until = until, .left = 1, .hear = hear_greeting };
        add_greeting(self);
        run_talk(&t);
        *result = t.stop;
    }
    wipe_said(self);
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        rest(&self->base);
    }
}

static void connect_nats(whi_queue *queue, whi_object_result *result) {
    nats *self = nats_of(queue);
    int64_t until = whi_queue_until(queue, queue->connect_timeout);
    int fd;

    if (self->channel.is_open) {
        return;
    }
    fd = whi_queue_dial(queue, result);
    if (fd < 0) {
        return;
    }
    whi_channel_open(&self->channel, &queue->reach, fd);
    whi_buf_init(&self->heard, HEARD_MAXIMUM);
    whi_buf_init(&self->said, SAID_MAXIMUM);
    whi_buf_init(&self->headers, HEADERS_MAXIMUM);
    if (!make_inbox(self)) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "no chance to be had from the system");
        rest(queue);
        return;
    }
    greet(self, until, result);
}

/* ---------------------------------------------------------------------- a message */

/* A value ends with its line, so what would end it is written as in a URL. */
static void add_value(whi_buf *out, const char *value) {
    for (; *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;

        if (byte < ' ' || byte == 0x7f || byte == '%') {
            whi_buf_format(out, "%%%02X", byte);
        } else {
            whi_buf_char(out, *value);
        }
    }
}

static void add_header(whi_buf *out, const char *name, const char *value) {
    whi_buf_format(out, "%s: ", name);
    add_value(out, value);
    whi_buf_text(out, "\r\n");
}

/* "Name: value", its name in the one spelling that a consumer asks for: names are told apart by it. */
static void add_line(whi_buf *out, const char *line) {
    size_t size = strcspn(line, ":");

    for (size_t i = 0; i < size; i++) {
        whi_buf_char(out, whi_ascii_lower(line[i]));
    }
    whi_buf_text(out, line + size);
    whi_buf_text(out, "\r\n");
}

static void add_headers(whi_buf *out, const whi_message *message) {
    whi_buf_text(out, "NATS/1.0\r\n");
    add_header(out, "Nats-Msg-Id", message->id);
    add_header(out, "webhook-type", message->type);
    if (message->key != NULL) {
        add_header(out, "webhook-key", message->key);
    }
    for (size_t i = 0; i < message->line_count && i < WHI_MESSAGE_LINES; i++) {
        add_line(out, message->lines[i]);
    }
    whi_buf_text(out, "\r\n");
}

static const char *subject_of(const nats *self, const whi_message *message) {
    const char *named = self->base.url.name;

    return named[0] != '\0' ? named : message->key != NULL ? message->key : message->type;
}

static void add_publish(nats *self, const char *subject, const char *body, size_t size) {
    whi_buf *out = &self->said;

    whi_buf_format(out, "HPUB %s %s%llu %zu %zu\r\n", subject, self->inbox, (unsigned long long)++self->number,
                   self->headers.size, self->headers.size + size);
    whi_buf_add(out, self->headers.data, self->headers.size);
    if (size > 0) {
        whi_buf_add(out, body, size);
    }
    whi_buf_text(out, "\r\n");
}

/* ------------------------------------------------------------------------ sending */

typedef struct flight {
    const whi_message *messages;
    whi_object_result *results;
    char *settled; /* of each: 1 */
    size_t count, next;
    uint64_t first; /* number */
} flight;

static void settle(talk *t, flight *f, size_t index) {
    t->left -= !f->settled[index];
    f->settled[index] = 1;
}

/* What is wrong with a message itself, known before it is sent. */
static const char *fault_of(const nats *self, const whi_message *message) {
    if (!whi_nats_subject_is_good(subject_of(self, message))) {
        return "its key, or its event's type, is no subject: expected names with dots between and no wildcard";
    }
    if (whi_buf_status(&self->headers) != WH_OK ||
        (self->max_payload > 0 && self->headers.size + message->size > (uint64_t)self->max_payload)) {
        return "it is larger than the server takes (max_payload)";
    }
    return NULL;
}

static int write_next(talk *t) {
    nats *self = t->self;
    flight *f = t->payload;
    const whi_message *message = &f->messages[f->next];
    const char *fault;

    if (f->next == f->count) {
        return 0;
    }
    whi_buf_clear(&self->headers);
    add_headers(&self->headers, message);
    fault = fault_of(self, message);
    if (fault != NULL) {
        whi_queue_tell(&self->base, &f->results[f->next], WHI_OBJECT_ALONE, "nats", "%s", fault);
        settle(t, f, f->next);
        self->number++;
    } else {
        add_publish(self, subject_of(self, message), message->body, message->size);
    }
    f->next++;
    return 1;
}

static void tell_nobody(nats *self, const char *subject, whi_object_result *result) {
    whi_queue_tell(&self->base, result, WHI_OBJECT_OWNER, "503",
                   "no stream takes the subject; make one: nats stream add <name> --subjects \"%.120s\"", subject);
}

static void tell_answer(nats *self, const whi_nats_answer *answer, whi_object_result *result) {
    char state[12];
    int outcome = answer->code >= 500 ? WHI_OBJECT_AGAIN : WHI_OBJECT_OWNER;

    if (answer->err_code == WHI_NATS_TOO_LARGE || answer->err_code == WHI_NATS_HEADERS_TOO_LARGE) {
        outcome = WHI_OBJECT_ALONE;
    }
    snprintf(state, sizeof state, "%d", answer->err_code);
    whi_queue_tell(&self->base, result, outcome, state, "%s",
                   answer->description[0] != '\0' ? answer->description : "the stream refuses it");
}

/* Of a message that a stream has, or not. */
static void tell_result(nats *self, const whi_nats_said *said, const char *subject, whi_object_result *result) {
    whi_nats_answer answer;

    if (said->status == 503) {
        tell_nobody(self, subject, result);
    } else if (whi_nats_answer_read(&answer, &self->scratch, said->text, said->size) != WH_OK ||
               (!answer.has_stream && answer.code == 0)) {
        whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "", "who answers for the subject is no stream");
    } else if (answer.has_stream) {
        memset(result, 0, sizeof *result);
    } else {
        tell_answer(self, &answer, result);
    }
}

/* The number behind the inbox; 0: it is none of ours. */
static uint64_t number_of(const nats *self, const whi_nats_said *said) {
    size_t before = strlen(self->inbox);
    uint64_t number = 0;

    if (said->subject_size <= before || said->subject_size > before + 18 ||
        memcmp(said->subject, self->inbox, before) != 0) {
        return 0;
    }
    for (size_t i = before; i < said->subject_size; i++) {
        if (!whi_ascii_is_digit(said->subject[i])) {
            return 0;
        }
        number = number * 10 + (uint64_t)(said->subject[i] - '0');
    }
    return number;
}

static void hear_result(talk *t, const whi_nats_said *said) {
    flight *f = t->payload;
    uint64_t number = number_of(t->self, said);

    if (number >= f->first && number - f->first < f->next && !f->settled[number - f->first]) {
        size_t index = (size_t)(number - f->first);

        tell_result(t->self, said, subject_of(t->self, &f->messages[index]), &f->results[index]);
        settle(t, f, index);
    }
}

/* "Permissions Violation for Publish to "orders"": those with this subject get no answer. 1: it was that. */
static int is_forbidden(const whi_nats_said *said, const char *subject) {
    static const char begin[] = "Permissions Violation for Publish to \"";
    size_t before = sizeof begin - 1, size = strlen(subject);

    return said->size == before + size + 1 && memcmp(said->text, begin, before) == 0 &&
           memcmp(said->text + before, subject, size) == 0 && said->text[said->size - 1] == '"';
}

static void tell_forbidden(nats *self, const char *subject, whi_object_result *result) {
    whi_queue_tell(&self->base, result, WHI_OBJECT_OWNER, "nats",
                   "the user may not publish; allow it in the server's permissions: publish: \"%.120s\"", subject);
}

static int take_forbidden(talk *t, const whi_nats_said *said) {
    flight *f = t->payload;
    int is_ours = 0;

    for (size_t i = 0; i < f->next; i++) {
        const char *subject = subject_of(t->self, &f->messages[i]);

        if (!f->settled[i] && is_forbidden(said, subject)) {
            tell_forbidden(t->self, subject, &f->results[i]);
            settle(t, f, i);
            is_ours = 1;
        }
    }
    return is_ours;
}

static void take_info(nats *self, const whi_nats_said *said) {
    whi_nats_info info;

    if (whi_nats_info_read(&info, &self->scratch, said->text, said->size) == WH_OK) {
        self->max_payload = info.max_payload;
    }
}

static void hear_flight(talk *t, const whi_nats_said *said) {
    if (said->kind == WHI_NATS_MESSAGE) {
        hear_result(t, said);
    } else if (said->kind == WHI_NATS_INFO) {
        take_info(t->self, said);
    } else if (said->kind == WHI_NATS_ERROR && !take_forbidden(t, said)) {
        take_error(t, said);
    }
}

static void send_all(whi_queue *queue, const whi_message *messages, size_t count, whi_object_result *results) {
    nats *self = nats_of(queue);
    flight f = { .messages = messages, .results = results, .count = count, .first = self->number + 1 };
    talk t = { .self = self, .doing = "waiting for the stream", .left = count, .hear = hear_flight, .payload = &f };

    f.settled = whi_calloc(count, 1);
    if (f.settled == NULL) {
        return; /* they are to go again */
    }
    t.until = whi_queue_until(queue, queue->publish_timeout);
    t.write_more = write_next;
    run_talk(&t);
    for (size_t i = 0; i < count; i++) {
        if (!f.settled[i]) {
            results[i] = t.stop;
        }
    }
    whi_free(f.settled);
}

/* ----------------------------------------------------------------------- checking
 * A message for a stream of another name than there is: rights and stream are looked at before it is refused. Where the
 * subject is known with the message alone, it is asked whether there is JetStream at all. */

typedef struct looking {
    const char *subject;
    int is_named;
    whi_object_result *result;
} looking;

static void hear_look(talk *t, const whi_nats_said *said) {
    looking *look = t->payload;
    nats *self = t->self;
    whi_nats_answer answer;

    if (said->kind == WHI_NATS_ERROR && is_forbidden(said, look->subject)) {
        if (look->is_named) {
            tell_forbidden(self, look->subject, look->result);
        }
        t->left = 0;
    } else if (said->kind == WHI_NATS_ERROR) {
        take_error(t, said);
    } else if (said->kind == WHI_NATS_MESSAGE && number_of(self, said) == self->number) {
        t->left = 0;
        if (said->status == 503 && !look->is_named) {
            whi_queue_tell(&self->base, look->result, WHI_OBJECT_OWNER, "503",
                           "there is no JetStream; the server has it with: nats-server -js");
        } else if (said->status == 503) {
            tell_nobody(self, look->subject, look->result);
        } else if (whi_nats_answer_read(&answer, &self->scratch, said->text, said->size) == WH_OK && answer.code != 0 &&
                   answer.err_code != WHI_NATS_OTHER_STREAM) {
            tell_answer(self, &answer, look->result);
        }
    }
}

static void check(whi_queue *queue, whi_object_result *result) {
    nats *self = nats_of(queue);
    looking look = { .subject = queue->url.name, .is_named = queue->url.name[0] != '\0', .result = result };
    talk t = { .self = self, .doing = "asking for the stream", .left = 1, .hear = hear_look, .payload = &look };

    t.until = whi_queue_until(queue, queue->publish_timeout);
    whi_buf_clear(&self->headers);
    if (look.is_named) {
        whi_buf_format(&self->headers, "NATS/1.0\r\nNats-Expected-Stream: look-%.24s\r\n\r\n", self->inbox + 7);
    } else {
        look.subject = "$JS.API.INFO";
        whi_buf_text(&self->headers, "NATS/1.0\r\n\r\n");
    }
    add_publish(self, look.subject, "", 0);
    run_talk(&t);
    if (t.stop.outcome != WHI_OBJECT_WRITTEN) {
        *result = t.stop;
    }
}

const whi_broker whi_broker_nats = {
    .has_tls = 1,
    .size = sizeof(nats),
    .connect = connect_nats,
    .send = send_all,
    .check = check,
    .rest = rest,
};
