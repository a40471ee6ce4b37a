#include "pure/queue_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/nats.h"
#include "webhook.h"

#define MAXLEN_MAXIMUM INT64_C(1000000000000)
#define TOPIC_MAXIMUM 249 /* as Kafka's own Topic.MAX_NAME_LENGTH */

/* The first of each kind is its name, in the order of enum whi_queue_scheme. */
static const struct {
    const char *word;
    int scheme, is_tls;
    uint16_t port;
} schemes[] = {
    { "redis", WHI_QUEUE_REDIS, 0, 6379 },     { "amqp", WHI_QUEUE_RABBITMQ, 0, 5672 },
    { "nats", WHI_QUEUE_NATS, 0, 4222 },       { "kafka", WHI_QUEUE_KAFKA, 0, 9092 },
    { "rediss", WHI_QUEUE_REDIS, 1, 6379 },    { "amqps", WHI_QUEUE_RABBITMQ, 1, 5671 },
    { "tls", WHI_QUEUE_NATS, 1, 4222 },        { "nats+tls", WHI_QUEUE_NATS, 1, 4222 },
    { "kafka+ssl", WHI_QUEUE_KAFKA, 1, 9093 },
};

#define SCHEMES (sizeof schemes / sizeof schemes[0])

static int fail(const char *what) {
    return whi_fail_field(WH_EINVALID, "url", "%s", what);
}

static size_t row_of(const char *text) {
    size_t row = 0;

    while (row < SCHEMES) {
        size_t size = strlen(schemes[row].word);
        if (whi_ascii_same_part(text, schemes[row].word, size) && (text[size] == ':' || text[size] == '\0')) {
            return row;
        }
        row++;
    }
    return row;
}

int whi_queue_scheme_of(const char *text, int *is_tls) {
    size_t row = row_of(text);

    if (row == SCHEMES) {
        return -1;
    }
    if (is_tls != NULL) {
        *is_tls = schemes[row].is_tls;
    }
    return schemes[row].scheme;
}

const char *whi_queue_scheme_name(int scheme) {
    return schemes[scheme].word;
}

/* -------------------------------------------------------------------- options */

static int is_digits(const char *text) {
    size_t size = 0;

    while (whi_ascii_is_digit(text[size])) {
        size++;
    }
    return size > 0 && size <= 18 && text[size] == '\0';
}

static int take_maxlen(whi_queue_url *out, const char *value) {
    out->maximum = is_digits(value) ? strtoll(value, NULL, 10) : 0;
    return out->maximum > 0 && out->maximum <= MAXLEN_MAXIMUM
               ? WH_OK
               : fail("maxlen: expected how many entries the stream keeps, from 1 on");
}

static int take_mandatory(whi_queue_url *out, const char *value) {
    out->is_optional = strcmp(value, "false") == 0;
    return out->is_optional || strcmp(value, "true") == 0 ? WH_OK : fail("mandatory: expected \"true\" or \"false\"");
}

static int take_text(char out[WHI_OPTION_SIZE], const char *value) {
    if (value[0] == '\0') {
        return fail("found an option without a value");
    }
    memcpy(out, value, strlen(value) + 1);
    return WH_OK;
}

static int take_of_redis(void *payload, const char *name, const char *value) {
    whi_queue_url *out = payload;

    if (strcmp(name, "stream") == 0) {
        return take_text(out->name, value);
    }
    return strcmp(name, "maxlen") == 0 ? take_maxlen(out, value)
                                       : fail("found an option that is not allowed: there are stream and maxlen");
}

static int take_of_rabbitmq(void *payload, const char *name, const char *value) {
    whi_queue_url *out = payload;

    if (strcmp(name, "queue") == 0) {
        return take_text(out->name, value);
    }
    if (strcmp(name, "exchange") == 0) {
        return take_text(out->exchange, value);
    }
    if (strcmp(name, "routing_key") == 0) {
        return take_text(out->key, value);
    }
    return strcmp(name, "mandatory") == 0
               ? take_mandatory(out, value)
               : fail("found an option that is not allowed: there are queue, exchange, routing_key and mandatory");
}

/* Keys and credentials of NATS stand in files, which are the machine's and nobody's to name from outside. */
static int take_of_nats(void *payload, const char *name, const char *value) {
    (void)payload;
    (void)name;
    (void)value;
    return fail("found an option, and there are none: a user, a password or a token stands in front of the host");
}

typedef struct choice {
    const char *value, *means;
} choice;

static const choice mechanisms[] = {
    { "plain", "PLAIN" }, { "scram-sha-256", "SCRAM-SHA-256" }, { "scram-sha-512", "SCRAM-SHA-512" }, { NULL, NULL }
};
static const choice compressions[] = { { "none", "none" }, { "gzip", "gzip" }, { "snappy", "snappy" },
                                       { "lz4", "lz4" },   { "zstd", "zstd" }, { NULL, NULL } };

static int choose(const char **out, const choice *choices, const char *value, const char *otherwise) {
    for (; choices->value != NULL; choices++) {
        if (strcmp(choices->value, value) == 0) {
            *out = choices->means;
            return WH_OK;
        }
    }
    return fail(otherwise);
}

static int take_of_kafka(void *payload, const char *name, const char *value) {
    whi_queue_url *out = payload;

    if (strcmp(name, "sasl") == 0) {
        return choose(&out->mechanism, mechanisms, value,
                      "sasl: expected \"plain\", \"scram-sha-256\" or \"scram-sha-512\"");
    }
    return strcmp(name, "compression") == 0
               ? choose(&out->compression, compressions, value,
                        "compression: expected \"none\", \"gzip\", \"snappy\", \"lz4\" or \"zstd\"")
               : fail("found an option that is not allowed: there are sasl and compression");
}

/* ------------------------------------------------------------------------ all */

static int check_redis(whi_queue_url *url) {
    if (url->space[0] != '\0' && (!is_digits(url->space) || strlen(url->space) > 5)) {
        return fail("expected the number of a database behind the host: \"redis://host/0?stream=name\"");
    }
    return url->name[0] != '\0' ? WH_OK : fail("no stream: expected \"redis://host/0?stream=name\"");
}

static int check_rabbitmq(whi_queue_url *url) {
    if ((url->name[0] != '\0') == (url->exchange[0] != '\0')) {
        return fail("expected either a queue or an exchange: \"amqp://host/vhost?queue=name\"");
    }
    return url->name[0] != '\0' && (url->key[0] != '\0' || url->is_optional)
               ? fail("routing_key and mandatory=false are for an exchange; a queue is its own")
               : WH_OK;
}

/* A word in front of the host is a token to other clients; here it would be shown as a user is. */
static int check_nats(whi_queue_url *url) {
    if (url->user[0] != '\0' && !url->has_password) {
        return fail("a user without a password; a token stands behind a colon: \"nats://:token@host/subject\"");
    }
    memcpy(url->name, url->space, sizeof url->name);
    return url->name[0] == '\0' || whi_nats_subject_is_good(url->name)
               ? WH_OK
               : fail("expected a subject behind the host, names with dots between and no wildcard: "
                      "\"nats://host/orders.created\"");
}

static int is_topic(const char *name) {
    size_t size = 0;

    while (whi_ascii_is_letter(name[size]) || whi_ascii_is_digit(name[size]) || name[size] == '.' ||
           name[size] == '_' || name[size] == '-') {
        size++;
    }
    return size > 0 && size <= TOPIC_MAXIMUM && name[size] == '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int check_kafka(whi_queue_url *url) {
    int has_user = url->user[0] != '\0';

    memcpy(url->name, url->space, sizeof url->name);
    if (!is_topic(url->name)) {
        return fail(
            "expected a topic behind the host, letters, digits, \".\", \"_\" and \"-\": \"kafka://host/orders\"");
    }
    if (has_user != url->has_password || (!has_user && url->mechanism != NULL)) {
        return fail("expected a user and a password: \"kafka://user:password@host/topic\"");
    }
    url->mechanism = has_user && url->mechanism == NULL ? mechanisms[0].means : url->mechanism;
    return WH_OK;
}

static const struct {
    const char *space; /* where the URL has no path */
    int (*take)(void *payload, const char *name, const char *value);
    int (*check)(whi_queue_url *url);
} kinds[WHI_QUEUE_SCHEMES] = {
    [WHI_QUEUE_REDIS] = { "", take_of_redis, check_redis },
    [WHI_QUEUE_RABBITMQ] = { "/", take_of_rabbitmq, check_rabbitmq },
    [WHI_QUEUE_NATS] = { "", take_of_nats, check_nats },
    [WHI_QUEUE_KAFKA] = { "", take_of_kafka, check_kafka },
};

static int take_server(whi_queue_url *out, const whi_server_url *server, size_t row) {
    int code = whi_server_url_part(out->space, sizeof out->space, server->path, server->path_size, "path");

    memcpy(out->host, server->host, sizeof out->host);
    memcpy(out->user, server->user, sizeof out->user);
    memcpy(out->password, server->password, sizeof out->password);
    out->has_password = server->has_password;
    out->port = server->port != 0 ? server->port : schemes[row].port;
    if (code == WH_OK && out->space[0] == '\0') {
        snprintf(out->space, sizeof out->space, "%s", kinds[out->scheme].space);
    }
    code = code == WH_OK ? whi_server_url_options(server->query, kinds[out->scheme].take, out) : code;
    return code == WH_OK ? kinds[out->scheme].check(out) : code;
}

static int parse(whi_queue_url *out, const char *text) {
    size_t row = row_of(text);
    const char *rest = strchr(text, ':');
    whi_server_url server;
    int code;

    if (row == SCHEMES || rest == NULL) {
        return fail("expected a queue's URL, \"amqp://…\", \"kafka://…\", \"nats://…\" or \"redis://…\"");
    }
    out->scheme = schemes[row].scheme;
    out->is_tls = schemes[row].is_tls;
    code = whi_server_url_read(&server, rest + 1);
    if (code == WH_OK) {
        code = take_server(out, &server, row);
        whi_wipe(&server, sizeof server);
    }
    return code;
}

int whi_queue_url_parse(whi_queue_url *out, const char *text) {
    int code;

    memset(out, 0, sizeof *out);
    if (strnlen(text, WHI_SERVER_URL_MAXIMUM + 1) > WHI_SERVER_URL_MAXIMUM) {
        return fail("longer than 4096 bytes");
    }
    code = parse(out, text);
    if (code != WH_OK) {
        whi_wipe(out, sizeof *out);
    }
    return code;
}
