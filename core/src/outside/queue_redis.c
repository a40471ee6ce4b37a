/* Streams of Redis. hiredis writes commands and reads replies; their bytes are moved here, so that each wait ends with
 * its time or with a cut. Tests: test_queue_redis. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/socket.h"
#include "outside/broker.h"

#define COMMANDS_MAXIMUM ((size_t)256 << 20)
#define REPLY_BYTES ((size_t)4096) /* of one reply, far more than those that are asked for */
#define NAME_SIZE 256
#define BEFORE_OWN "header-"
#define WORDS (9 + 2 * (WHI_MESSAGE_LINES + 4))

typedef struct redis {
    whi_queue base;
    int fd; /* with reader */
    redisReader *reader;
    redisReplyObjectFunctions functions; /* the reader's */
} redis;

static redis *redis_of(whi_queue *queue) {
    return (redis *)queue;
}

static void rest(whi_queue *queue) {
    redis *self = redis_of(queue);

    if (self->reader != NULL) {
        redisReaderFree(self->reader);
        close(self->fd);
        self->reader = NULL;
    }
}

/* ------------------------------------------------------------------- refusals */

typedef struct refusal {
    const char *begins;
    int outcome;
    const char *advice;
} refusal;

#define GRANT "; grant it with: ACL SETUSER <user> +xadd +xlen ~<stream>"

/* What is not here is the server's trouble, which may pass: OOM, LOADING, READONLY, MISCONF, BUSY, CLUSTERDOWN. */
static const refusal refusals[] = {
    { "NOAUTH", WHI_OBJECT_OWNER, "; the URL needs a user and a password" },
    { "WRONGPASS", WHI_OBJECT_OWNER, "; give the URL anew with the present password" },
    { "NOPERM", WHI_OBJECT_OWNER, GRANT },
    { "WRONGTYPE", WHI_OBJECT_OWNER, "; there is something of this name that is no stream" },
    { "MOVED", WHI_OBJECT_OWNER, "; this is a cluster: name the server that has the stream" },
    { "ERR invalid password", WHI_OBJECT_OWNER, "; give the URL anew with the present password" },
    { "ERR AUTH", WHI_OBJECT_OWNER, "; the server has no password: leave it out" },
    { "ERR DB index", WHI_OBJECT_OWNER, "" },
    { "ERR unknown command", WHI_OBJECT_OWNER, "; streams are there from Redis 5 on" },
    { "ERR Protocol error", WHI_OBJECT_ALONE, "; it is larger than the server takes (proto-max-bulk-len)" },
    { "ERR Elements are too large", WHI_OBJECT_ALONE, "" },
};

static void tell_refusal(redis *self, const char *text, whi_object_result *result) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (strncmp(text, refusals[i].begins, strlen(refusals[i].begins)) == 0) {
            whi_queue_tell(&self->base, result, refusals[i].outcome, "redis", "%.160s%s", text, refusals[i].advice);
            return;
        }
    }
    whi_queue_tell(&self->base, result, WHI_OBJECT_AGAIN, "redis", "%.200s", text);
}

/* ----------------------------------------------------------------- moving bytes */

/* Commands on their way, and the replies to them, each of which take gets. */
typedef struct exchange {
    redis *self;
    whi_buf commands;
    size_t sent, count, replied, received;
    int64_t until;
    void (*take)(struct exchange *exchange, const redisReply *reply);
    void *payload;
    whi_object_result stop; /* why it ended early; WHI_OBJECT_WRITTEN: it did not */
} exchange;

static void stop_with(exchange *x, const char *why) {
    whi_queue_tell(&x->self->base, &x->stop, WHI_OBJECT_AGAIN, "", "%s", why);
}

static void send_some(exchange *x) {
    ssize_t sent = whi_socket_send(x->self->fd, x->commands.data + x->sent, x->commands.size - x->sent);

    x->sent += sent > 0 ? (size_t)sent : 0; /* what failed shows when it is read */
}

static void take_replies(exchange *x) {
    while (x->stop.outcome == WHI_OBJECT_WRITTEN) {
        void *reply = NULL;

        if (redisReaderGetReply(x->self->reader, &reply) != REDIS_OK) {
            stop_with(x, "what answers there is not Redis");
        }
        if (reply == NULL) {
            return;
        }
        if (x->replied < x->count) {
            x->take(x, reply);
            x->replied++;
        } else {
            stop_with(x, "the server answers what was not asked");
        }
        freeReplyObject(reply);
    }
}

static void receive_some(exchange *x) {
    char bytes[16384];
    ssize_t size = recv(x->self->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (size == 0) {
        stop_with(x, "the server has closed the connection before it answered");
        return;
    }
    if (size < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            stop_with(x, "the connection was lost before the server answered");
        }
        return;
    }
    x->received += (size_t)size;
    if (x->received > (x->count + 1) * REPLY_BYTES ||
        redisReaderFeed(x->self->reader, bytes, (size_t)size) != REDIS_OK) {
        stop_with(x, "what answers there is not Redis");
        return;
    }
    take_replies(x);
}

/* A connection whose exchange was ended early is in no state that is known. */
static void run_exchange(exchange *x, const char *doing) {
    redis *self = x->self;

    while (x->replied < x->count && x->stop.outcome == WHI_OBJECT_WRITTEN) {
        int ready = 0, what = WHI_READ | (x->sent < x->commands.size ? WHI_WRITE : 0);
        enum whi_reach_end end = whi_reach_wait(&self->base.reach, self->fd, what, x->until, &ready);

        if (end != WHI_REACH_READY) {
            whi_reach_tell(end, doing, &x->stop);
            break;
        }
        if (ready & WHI_READ) {
            receive_some(x);
        }
        if ((ready & WHI_WRITE) && x->sent < x->commands.size) {
            send_some(x);
        }
    }
    if (x->stop.outcome != WHI_OBJECT_WRITTEN) {
        rest(&self->base);
    }
}

static void begin(exchange *x, redis *self, int64_t ms, void (*take)(exchange *, const redisReply *)) {
    memset(x, 0, sizeof *x);
    x->self = self;
    x->take = take;
    x->until = whi_queue_until(&self->base, ms);
    whi_buf_init(&x->commands, COMMANDS_MAXIMUM);
}

static void add_command(exchange *x, size_t count, const char **words, const size_t *sizes) {
    char *text = NULL;
    int size = redisFormatCommandArgv(&text, (int)count, words, sizes);

    if (size < 0) {
        whi_fail_memory();
        stop_with(x, wh_last_error());
    } else {
        whi_buf_add(&x->commands, text, (size_t)size);
        if (whi_buf_status(&x->commands) != WH_OK) {
            stop_with(x, wh_last_error());
        }
    }
    x->count++;
    if (size > 0) {
        whi_wipe(text, (size_t)size); /* it may have the password */
    }
    redisFreeCommand(text);
}

/* ------------------------------------------------------------------- connecting */

/* The first refusal is that of all. */
static void take_ok(exchange *x, const redisReply *reply) {
    whi_object_result *result = x->payload;

    if (reply->type == REDIS_REPLY_ERROR && result->outcome == WHI_OBJECT_WRITTEN) {
        tell_refusal(x->self, reply->str, result);
    }
}

static void add_greeting(exchange *x) {
    const whi_queue_url *url = &x->self->base.url;
    const char *auth[] = { "AUTH", url->user, url->password }, *select[] = { "SELECT", url->space };
    const char *bare[] = { "AUTH", url->password }, *ping[] = { "PING" };

    if (url->user[0] != '\0') {
        add_command(x, 3, auth, NULL);
    } else if (url->has_password) {
        add_command(x, 2, bare, NULL);
    }
    if (url->space[0] != '\0' && strcmp(url->space, "0") != 0) {
        add_command(x, 2, select, NULL);
    }
    if (x->count == 0) {
        add_command(x, 1, ping, NULL); /* what does not answer is found out before something is sent */
    }
}

static void greet(redis *self, whi_object_result *result) {
    exchange x;

    begin(&x, self, self->base.connect_timeout, take_ok);
    x.payload = result;
    add_greeting(&x);
    run_exchange(&x, "connecting");
    if (x.stop.outcome != WHI_OBJECT_WRITTEN) {
        *result = x.stop;
    } else if (result->outcome != WHI_OBJECT_WRITTEN) {
        rest(&self->base);
    }
    whi_wipe(x.commands.data, x.commands.capacity);
    whi_buf_free(&x.commands);
}

#if HIREDIS_MAJOR >= 1
typedef size_t item_count;
#else
typedef int item_count;
#endif

/* No reply that is asked for is a list, and a list has its memory by the number that the server says, before an item
 * has come. */
static void *refuse_list(const redisReadTask *task, item_count count) {
    (void)task;
    (void)count;
    return NULL;
}

/* NULL: no memory. */
static redisReader *make_reader(redis *self) {
    redisReader *reader = redisReaderCreate();

    if (reader != NULL) {
        self->functions = *reader->fn;
        self->functions.createArray = refuse_list;
        reader->fn = &self->functions;
    }
    return reader;
}

static void connect_redis(whi_queue *queue, whi_object_result *result) {
    redis *self = redis_of(queue);

    if (self->reader != NULL) {
        return;
    }
    self->fd = whi_queue_dial(queue, result);
    if (self->fd < 0) {
        return;
    }
    self->reader = make_reader(self);
    if (self->reader == NULL) {
        close(self->fd);
        whi_fail_memory();
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "%s", wh_last_error());
        return;
    }
    greet(self, result);
}

/* ---------------------------------------------------------------------- sending */

typedef struct words {
    const char *texts[WORDS];
    size_t sizes[WORDS], count;
    char names[WHI_MESSAGE_LINES][NAME_SIZE];
} words;

static void add_word(words *out, const char *text, size_t size) {
    out->texts[out->count] = text;
    out->sizes[out->count++] = size;
}

static void add_pair(words *out, const char *name, const char *value) {
    add_word(out, name, strlen(name));
    add_word(out, value, strlen(value));
}

/* The fields of an entry that are no header's. */
static const char *const own[] = { "id", "type", "key", "body" };

/* 1: a header of this name, "header-" before it or not, would be taken for a field of ours, or for one of another name
 * that was made of it. */
static int is_own(const char *name, size_t size) {
    static const char before[] = BEFORE_OWN;
    size_t length = sizeof before - 1;

    while (size > length && whi_ascii_same_part(name, before, length)) {
        name += length;
        size -= length;
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strlen(own[i]) == size && whi_ascii_same_part(name, own[i], size)) {
            return 1;
        }
    }
    return 0;
}

/* "Name: value" as the fields that a consumer asks for by one spelling. */
static void add_line(words *out, size_t index, const char *line) {
    size_t size = strcspn(line, ":"), length = is_own(line, size) ? sizeof BEFORE_OWN - 1 : 0;
    const char *value = line + size + (line[size] == ':');
    char *name = out->names[index];

    memcpy(name, BEFORE_OWN, length);
    for (size_t i = 0; i < size && length < NAME_SIZE; i++) {
        name[length++] = whi_ascii_lower(line[i]);
    }
    value += *value == ' ';
    add_word(out, name, length);
    add_word(out, value, strlen(value));
}

static void add_begin(words *out, const whi_queue_url *url, const char *maximum) {
    out->count = 0;
    add_pair(out, "XADD", url->name);
    if (url->maximum > 0) {
        add_pair(out, "MAXLEN", "~");
        add_word(out, maximum, strlen(maximum));
    }
    add_word(out, "*", 1);
}

static void add_message(exchange *x, words *scratch, const whi_message *message) {
    char maximum[24];

    snprintf(maximum, sizeof maximum, "%lld", (long long)x->self->base.url.maximum);
    add_begin(scratch, &x->self->base.url, maximum);
    add_pair(scratch, "id", message->id);
    add_pair(scratch, "type", message->type);
    if (message->key != NULL) {
        add_pair(scratch, "key", message->key);
    }
    for (size_t i = 0; i < message->line_count && i < WHI_MESSAGE_LINES; i++) {
        add_line(scratch, i, message->lines[i]);
    }
    add_word(scratch, "body", 4);
    add_word(scratch, message->body != NULL ? message->body : "", message->size);
    add_command(x, scratch->count, scratch->texts, scratch->sizes);
}

static void take_added(exchange *x, const redisReply *reply) {
    whi_object_result *results = x->payload, *result = &results[x->replied];

    if (reply->type == REDIS_REPLY_ERROR) {
        tell_refusal(x->self, reply->str, result);
    } else {
        memset(result, 0, sizeof *result);
    }
}

static void send_all(whi_queue *queue, const whi_message *messages, size_t count, whi_object_result *results) {
    words *scratch = whi_alloc(sizeof *scratch);
    exchange x;

    begin(&x, redis_of(queue), queue->publish_timeout, take_added);
    x.payload = results;
    if (scratch == NULL) {
        whi_fail_memory();
        stop_with(&x, wh_last_error());
    }
    for (size_t i = 0; i < count && x.stop.outcome == WHI_OBJECT_WRITTEN; i++) {
        add_message(&x, scratch, &messages[i]);
    }
    run_exchange(&x, "waiting for the stream");
    for (size_t i = x.replied; i < count; i++) {
        results[i] = x.stop;
    }
    whi_free(scratch);
    whi_buf_free(&x.commands);
}

/* --------------------------------------------------------------------- checking */

/* An entry with an id that none can have: rights and memory are looked at before it, and nothing is written. */
static void take_checked(exchange *x, const redisReply *reply) {
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "ERR The ID specified", 20) != 0) {
        take_ok(x, reply);
    }
}

static void check(whi_queue *queue, whi_object_result *result) {
    const char *name = queue->url.name;
    const char *add[] = { "XADD", name, "0-0", "id", "" }, *length[] = { "XLEN", name };
    exchange x;

    begin(&x, redis_of(queue), queue->publish_timeout, take_checked);
    x.payload = result;
    add_command(&x, 5, add, NULL);
    add_command(&x, 2, length, NULL);
    run_exchange(&x, "asking for the stream");
    if (x.stop.outcome != WHI_OBJECT_WRITTEN) {
        *result = x.stop;
    }
    whi_buf_free(&x.commands);
}

const whi_broker whi_broker_redis = {
    .size = sizeof(redis),
    .connect = connect_redis,
    .send = send_all,
    .check = check,
    .rest = rest,
};
