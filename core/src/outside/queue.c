/* Tests: test_queue_redis, test_queue_rabbitmq, test_queue_nats, test_queue_kafka. */
#include "outside/queue.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/broker.h"

#define CONNECT_MS 10000
#define PUBLISH_MS 15000

/* -------------------------------------------------------------------- brokers */

#ifdef WEBHOOK_HAS_REDIS
#define REDIS &whi_broker_redis
#else
#define REDIS NULL
#endif
#ifdef WEBHOOK_HAS_RABBITMQ
#define RABBITMQ &whi_broker_rabbitmq
#else
#define RABBITMQ NULL
#endif
#ifdef WEBHOOK_HAS_KAFKA
#define KAFKA &whi_broker_kafka
#else
#define KAFKA NULL
#endif

/* NATS needs no library but that for TLS. */
static const whi_broker *const brokers[WHI_QUEUE_SCHEMES] = {
    [WHI_QUEUE_REDIS] = REDIS,
    [WHI_QUEUE_RABBITMQ] = RABBITMQ,
    [WHI_QUEUE_NATS] = &whi_broker_nats,
    [WHI_QUEUE_KAFKA] = KAFKA,
};

int whi_queue_has(const char *scheme) {
    int is_tls, known = scheme != NULL ? whi_queue_scheme_of(scheme, &is_tls) : -1;

    return known < 0 ? -1 : brokers[known] != NULL && (!is_tls || brokers[known]->has_tls);
}

/* -------------------------------------------------------------- open and close */

static int take_options(whi_queue *queue, const whi_queue_options *options) {
    queue->connect_timeout = options->connect_timeout > 0 ? options->connect_timeout : CONNECT_MS;
    queue->publish_timeout = options->publish_timeout > 0 ? options->publish_timeout : PUBLISH_MS;
    queue->check_timeout = options->check_timeout;
    queue->policy = options->policy;
    queue->insecure = options->insecure;
    queue->ca_file = whi_strdup(options->ca_file, WH_ZSTR);
    return options->ca_file != NULL && queue->ca_file == NULL ? whi_fail_memory() : WH_OK;
}

static int make_queue(whi_queue **out, const whi_queue_url *url, const whi_queue_options *options) {
    const whi_broker *broker = brokers[url->scheme];
    whi_queue *queue;
    int code;

    if (broker == NULL || (url->is_tls && !broker->has_tls)) {
        return whi_fail_field(WH_EINVALID, "url", "this library was built without a client for %s%s",
                              whi_queue_scheme_name(url->scheme), broker != NULL ? " over TLS" : "");
    }
    queue = whi_calloc(1, broker->size);
    if (queue == NULL) {
        return whi_fail_memory();
    }
    queue->broker = broker;
    queue->url = *url;
    queue->shown = -1;
    pthread_mutex_init(&queue->lock, NULL);
    code = whi_reach_init(&queue->reach, &queue->is_cut);
    code = code == WH_OK ? take_options(queue, options) : code;
    if (code != WH_OK) {
        whi_queue_close(queue);
        return code;
    }
    *out = queue;
    return WH_OK;
}

int whi_queue_open(whi_queue **out, const whi_queue_options *options) {
    whi_queue_url url;
    int code = whi_queue_url_parse(&url, options->url);

    *out = NULL;
    if (code == WH_OK) {
        code = make_queue(out, &url, options);
        whi_wipe(&url, sizeof url);
    }
    return code;
}

void whi_queue_close(whi_queue *queue) {
    if (queue == NULL) {
        return;
    }
    queue->broker->rest(queue);
    whi_reach_free(&queue->reach);
    pthread_mutex_destroy(&queue->lock);
    whi_wipe(&queue->url, sizeof queue->url);
    whi_free(queue->ca_file);
    whi_free(queue);
}

void whi_queue_rest(whi_queue *queue) {
    queue->broker->rest(queue);
    atomic_store(&queue->is_cut, 0);
}

void whi_queue_cut(whi_queue *queue) {
    atomic_store(&queue->is_cut, 1);
    whi_reach_wake(&queue->reach);
    pthread_mutex_lock(&queue->lock);
    if (queue->shown >= 0) {
        (void)shutdown(queue->shown, SHUT_RDWR);
    }
    if (queue->broker->cut != NULL) {
        queue->broker->cut(queue);
    }
    pthread_mutex_unlock(&queue->lock);
}

void whi_queue_show(whi_queue *queue, int fd) {
    int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

    pthread_mutex_lock(&queue->lock);
    if (queue->shown >= 0) {
        close(queue->shown);
    }
    queue->shown = copy;
    if (copy >= 0 && atomic_load(&queue->is_cut)) {
        (void)shutdown(copy, SHUT_RDWR);
    }
    pthread_mutex_unlock(&queue->lock);
}

/* --------------------------------------------------------------------- telling */

int64_t whi_queue_until(const whi_queue *queue, int64_t ms) {
    int64_t until = whi_monotonic_us() + ms * 1000;

    return queue->until != 0 && queue->until < until ? queue->until : until;
}

static void make_plain(char *text) {
    for (; *text != '\0'; text++) {
        *text = (unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f ? '?' : *text;
    }
}

void whi_queue_tell(const whi_queue *queue, whi_object_result *result, int outcome, const char *state,
                    const char *format, ...) {
    va_list arguments;

    result->outcome = outcome;
    snprintf(result->state, sizeof result->state, "%s", state);
    va_start(arguments, format);
    vsnprintf(result->sentence, sizeof result->sentence, format, arguments);
    va_end(arguments);
    make_plain(result->sentence);
    if (queue->url.password[0] != '\0' && strstr(result->sentence, queue->url.password) != NULL) {
        snprintf(result->sentence, sizeof result->sentence, "what the server said has the password in it");
    }
}

/* ---------------------------------------------------------------------- sending */

static void fill(whi_object_result *results, size_t count, const whi_object_result *result) {
    for (size_t i = 0; i < count; i++) {
        results[i] = *result;
    }
}

/* Connects, where nobody has asked to leave. */
static void connect_to(whi_queue *queue, whi_object_result *result) {
    memset(result, 0, sizeof *result);
    if (atomic_load(&queue->is_cut)) {
        whi_queue_tell(queue, result, WHI_OBJECT_AGAIN, "", "cut before the queue was asked");
    } else {
        queue->broker->connect(queue, result);
    }
}

void whi_queue_write(whi_queue *queue, const whi_message *messages, size_t count, whi_object_result *results) {
    whi_object_result result;

    connect_to(queue, &result);
    if (result.outcome == WHI_OBJECT_WRITTEN) {
        whi_queue_tell(queue, &result, WHI_OBJECT_AGAIN, "", "the queue has not confirmed it");
        fill(results, count, &result);
        queue->broker->send(queue, messages, count, results);
    } else {
        fill(results, count, &result);
    }
    atomic_store(&queue->is_cut, 0);
}

void whi_queue_check(whi_queue *queue, whi_object_result *result) {
    queue->until = queue->check_timeout > 0 ? whi_monotonic_us() + queue->check_timeout * 1000 : 0;
    connect_to(queue, result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        queue->broker->check(queue, result);
    }
    queue->until = 0;
    atomic_store(&queue->is_cut, 0);
}

int whi_queue_dial(whi_queue *queue, whi_object_result *result) {
    int64_t until = whi_queue_until(queue, queue->connect_timeout);
    whi_addresses addresses;

    whi_reach_look(&queue->reach, queue->policy, queue->url.host, until, &addresses, result);
    return result->outcome == WHI_OBJECT_WRITTEN
               ? whi_reach_dial(&queue->reach, &addresses, queue->url.port, until, result)
               : -1;
}
