#include "pure/queue_url.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "webhook.h"

#define MAXLEN_MAXIMUM INT64_C(1000000000000)

static const struct {
    const char *word;
    int scheme, is_tls;
    uint16_t port;
} schemes[] = {
    { "redis", WHI_QUEUE_REDIS, 0, 6379 },
    { "amqp", WHI_QUEUE_RABBITMQ, 0, 5672 },
    { "rediss", WHI_QUEUE_REDIS, 1, 6379 },
    { "amqps", WHI_QUEUE_RABBITMQ, 1, 5671 },
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

/* ------------------------------------------------------------------------ all */

static int check_redis(const whi_queue_url *url) {
    if (url->space[0] != '\0' && (!is_digits(url->space) || strlen(url->space) > 5)) {
        return fail("expected the number of a database behind the host: \"redis://host/0?stream=name\"");
    }
    return url->name[0] != '\0' ? WH_OK : fail("no stream: expected \"redis://host/0?stream=name\"");
}

static int check_rabbitmq(const whi_queue_url *url) {
    if ((url->name[0] != '\0') == (url->exchange[0] != '\0')) {
        return fail("expected either a queue or an exchange: \"amqp://host/vhost?queue=name\"");
    }
    return url->name[0] != '\0' && (url->key[0] != '\0' || url->is_optional)
               ? fail("routing_key and mandatory=false are for an exchange; a queue is its own")
               : WH_OK;
}

static int take_server(whi_queue_url *out, const whi_server_url *server, size_t row) {
    int code = whi_server_url_part(out->space, sizeof out->space, server->path, server->path_size, "path");

    memcpy(out->host, server->host, sizeof out->host);
    memcpy(out->user, server->user, sizeof out->user);
    memcpy(out->password, server->password, sizeof out->password);
    out->has_password = server->has_password;
    out->port = server->port != 0 ? server->port : schemes[row].port;
    if (code != WH_OK) {
        return code;
    }
    if (out->scheme == WHI_QUEUE_REDIS) {
        code = whi_server_url_options(server->query, take_of_redis, out);
        return code == WH_OK ? check_redis(out) : code;
    }
    if (out->space[0] == '\0') {
        memcpy(out->space, "/", 2);
    }
    code = whi_server_url_options(server->query, take_of_rabbitmq, out);
    return code == WH_OK ? check_rabbitmq(out) : code;
}

static int parse(whi_queue_url *out, const char *text) {
    size_t row = row_of(text);
    const char *rest = strchr(text, ':');
    whi_server_url server;
    int code;

    if (row == SCHEMES || rest == NULL) {
        return fail("expected a queue's URL, \"amqp://…\" or \"redis://…\"");
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
