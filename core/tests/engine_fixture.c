#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "work/worker.h"

#define FILES 128

script fixture_script;
sent *fixture_sent;
size_t fixture_sent_count;
_Atomic int64_t fixture_time;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t read_time(void *payload) {
    (void)payload;
    return atomic_load(&fixture_time);
}

wh_clock fixture_clock = { sizeof fixture_clock, read_time, NULL, NULL };

/* -------------------------------------------------------------------- transport */

typedef struct opened {
    whi_request *request;
    int64_t at;
} opened;

struct whi_transport {
    whi_poller *poller;
    opened *open;
    size_t count, capacity;
};

static int open_transport(whi_transport **out, const whi_transport_options *options) {
    *out = calloc(1, sizeof **out);
    (*out)->poller = options->poller;
    return WH_OK;
}

static void close_transport(whi_transport *transport) {
    free(transport->open);
    free(transport);
}

static void remember(const whi_request *request) {
    sent *made;

    pthread_mutex_lock(&lock);
    if ((fixture_sent_count & (fixture_sent_count - 1)) == 0) { /* none, or it is full: twice as many */
        fixture_sent = realloc(fixture_sent, (fixture_sent_count + 1) * 2 * sizeof *fixture_sent);
    }
    made = &fixture_sent[fixture_sent_count++];
    memset(made, 0, sizeof *made);
    made->url = strdup(request->url);
    made->body = malloc(request->body_size + 1);
    memcpy(made->body, request->body, request->body_size);
    made->body[request->body_size] = '\0';
    made->body_size = request->body_size;
    made->line_count = request->line_count;
    for (size_t i = 0; i < request->line_count; i++) {
        made->lines[i] = strdup(request->lines[i]);
    }
    made->at = atomic_load(&fixture_time);
    pthread_mutex_unlock(&lock);
}

static void keep_open(whi_transport *transport, const opened *one) {
    if (transport->count == transport->capacity) {
        transport->capacity = transport->capacity ? transport->capacity * 2 : 16;
        transport->open = realloc(transport->open, transport->capacity * sizeof *transport->open);
    }
    transport->open[transport->count++] = *one;
}

static int send_request(whi_transport *transport, whi_request *request) {
    remember(request);
    keep_open(transport, &(opened){ request, atomic_load(&fixture_time) });
    return WH_OK;
}

static void ready(whi_transport *transport, const whi_ready *list, int count) {
    (void)transport;
    (void)list;
    (void)count;
}

static void answer(whi_request *request) {
    request->status = fixture_script.error ? 0 : fixture_script.status;
    request->error = fixture_script.error;
    request->duration_us = 1500;
    snprintf(request->retry_after, sizeof request->retry_after, "%s",
             fixture_script.retry_after ? fixture_script.retry_after : "");
    request->response = (char *)fixture_script.response;
    request->response_size = fixture_script.response ? strlen(fixture_script.response) : 0;
    if (fixture_script.answer != NULL) {
        fixture_script.answer(request, fixture_script.payload);
    }
}

static int hangs(const whi_request *request) {
    return fixture_script.hangs != NULL && fixture_script.hangs(request);
}

static void time_out(whi_request *request) {
    request->status = 0;
    request->error = WH_ETIMEOUT;
    request->duration_us = request->timeout * 1000;
    request->response_size = 0;
}

static void answer_or_keep(whi_transport *transport, const opened *one) {
    if (!hangs(one->request)) {
        answer(one->request);
    } else if (atomic_load(&fixture_time) - one->at < one->request->timeout) {
        keep_open(transport, one);
        return;
    } else {
        time_out(one->request);
    }
    one->request->done(one->request, one->request->payload);
}

static void tick(whi_transport *transport) {
    opened *list = transport->open;
    size_t count = transport->count;

    if (fixture_script.hang) {
        return;
    }
    transport->open = NULL;
    transport->count = transport->capacity = 0;
    for (size_t i = 0; i < count; i++) {
        answer_or_keep(transport, &list[i]);
    }
    free(list);
}

static int timeout(const whi_transport *transport) {
    size_t hanging = 0;

    for (size_t i = 0; i < transport->count; i++) {
        hanging += hangs(transport->open[i].request);
    }
    return transport->count > hanging && !fixture_script.hang ? 0 : -1;
}

static void end_cut(whi_request *request, const char *message) {
    request->status = 0;
    request->error = WH_ECLOSED;
    request->response_size = 0;
    snprintf(request->message, sizeof request->message, "%s", message);
    request->done(request, request->payload);
}

static void cut(whi_transport *transport, const whi_request *only, const char *message) {
    opened *list = transport->open;
    size_t count = transport->count;

    transport->open = NULL;
    transport->count = transport->capacity = 0;
    for (size_t i = 0; i < count; i++) {
        if (only == NULL || list[i].request == only) {
            end_cut(list[i].request, message);
        } else {
            keep_open(transport, &list[i]);
        }
    }
    free(list);
}

const whi_transport_vtable fixture_transport = { open_transport, close_transport, send_request, ready,
                                                 tick,           timeout,         cut };

/* ---------------------------------------------------------------------- helpers */

size_t fixture_count(void) {
    size_t count;

    pthread_mutex_lock(&lock);
    count = fixture_sent_count;
    pthread_mutex_unlock(&lock);
    return count;
}

void fixture_reset(void) {
    for (size_t i = 0; i < fixture_sent_count; i++) {
        free(fixture_sent[i].url);
        free(fixture_sent[i].body);
        for (size_t k = 0; k < fixture_sent[i].line_count; k++) {
            free(fixture_sent[i].lines[k]);
        }
    }
    free(fixture_sent);
    fixture_sent = NULL;
    fixture_sent_count = 0;
    memset(&fixture_script, 0, sizeof fixture_script);
    fixture_script.status = 200;
    atomic_store(&fixture_time, INT64_C(1795000000000));
}

/* The same tests run on a file. */
static const char *store_of(const char *store) {
    const char *wanted = getenv("WEBHOOK_TEST_STORE");

    return strcmp(store, ":memory:") == 0 && wanted != NULL && strcmp(wanted, "file") == 0 ? fixture_file() : store;
}

wh_engine *fixture_open(const char *store, const wh_options *options) {
    wh_options own = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    if (options != NULL) {
        own = *options;
    }
    own.clock = &fixture_clock;
    if (whi_open(&engine, store_of(store), &own, &fixture_transport) != WH_OK) {
        fail_msg("open: %s", wh_last_error());
    }
    return engine;
}

int64_t fixture_subscribe(wh_engine *engine, const char *document, char *id) {
    char made[WH_ID_SIZE];
    int64_t number;

    if (wh_subscribe(engine, document, WH_ZSTR, made) != WH_OK) {
        fail_msg("subscribe: %s", wh_last_error());
    }
    assert_int_equal(whi_ident_parse("sub_", made, &number), WH_OK);
    if (id != NULL) {
        memcpy(id, made, sizeof made);
    }
    return number;
}

void fixture_publish(wh_engine *engine, const char *type, const char *payload, char *id) {
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;

    event.type = type;
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    if (wh_publish(engine, &event, &receipt) != WH_OK) {
        fail_msg("publish: %s", wh_last_error());
    }
    if (id != NULL) {
        memcpy(id, receipt.id, sizeof receipt.id);
    }
}

/* The same tests run with threads of the engine's own. */
static int uses_threads(void) {
    const char *wanted = getenv("WEBHOOK_TEST_MODE");

    return wanted != NULL && strcmp(wanted, "threads") == 0;
}

static void run_threads(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 60000000;

    assert_int_equal(wh_start(engine, 2), WH_OK);
    while (wh_idle(engine) != 1) {
        assert_true(whi_monotonic_us() < end);
        usleep(1000);
    }
    assert_int_equal(wh_stop(engine, 5000), WH_OK);
}

void fixture_run(wh_engine *engine) {
    if (uses_threads()) {
        run_threads(engine);
    } else if (wh_run(engine) != WH_OK) {
        fail_msg("run: %s", wh_last_error());
    }
    assert_int_equal(atomic_load(&engine->count.forbidden), 0);
}

static void step(wh_engine *engine) {
    assert_true(wh_step(engine) >= 0);
    whi_writer_drain(engine->writer);
}

/* The machine's clock ends a turn too, wherever a busy one stands then: as many follow as take the events that it
 * left. */
void fixture_turn(wh_engine *engine) {
    const whi_worker *worker = engine->workers[0];

    step(engine);
    step(engine);
    for (int i = 0; i < 100 && !whi_shares_is_empty(&worker->shares) && worker->later == NULL; i++) {
        step(engine);
    }
}

const char *fixture_header(const sent *request, const char *name) {
    size_t size = strlen(name);

    for (size_t i = 0; i < request->line_count; i++) {
        if (strncasecmp(request->lines[i], name, size) == 0 && request->lines[i][size] == ':') {
            return request->lines[i] + size + 2;
        }
    }
    return NULL;
}

void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("expected %s in %s", part, text);
    }
}

char *fixture_text(int code, char **text, const size_t *size) {
    if (code != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    assert_int_equal(strlen(*text), *size);
    return *text;
}

char *fixture_handed;
size_t fixture_size;

static char files[FILES][32];
static int file_count;

static void remove_files(void) {
    for (int i = 0; i < file_count; i++) {
        char *end = files[i] + strlen(files[i]);
        unlink(files[i]);
        memcpy(end, "-wal", 5);
        unlink(files[i]);
        memcpy(end, "-shm", 5);
        unlink(files[i]);
    }
}

const char *fixture_file(void) {
    int fd;

    if (file_count == 0) {
        atexit(remove_files);
    }
    assert_true(file_count < FILES);
    memcpy(files[file_count], "/tmp/webhook-test-XXXXXX", 25);
    fd = mkstemp(files[file_count]);
    assert_true(fd >= 0);
    close(fd);
    return files[file_count++];
}

int fixture_setup(void **state) {
    (void)state;
    fixture_reset();
    return 0;
}
