/* Tests: test_engine_input. */
#include "life/open.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "engine/accept.h"
#include "engine/budget.h"
#include "engine/database.h"
#include "engine/gate.h"
#include "engine/handover.h"
#include "engine/inbox.h"
#include "engine/lag.h"
#include "engine/lease.h"
#include "engine/memory.h"
#include "engine/position.h"
#include "engine/promise.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "engine/source.h"
#include "engine/source_kept.h"
#include "engine/tenant_rate.h"
#include "engine/underway.h"
#include "engine/writer.h"
#include "engine/written.h"
#include "life/ending.h"
#include "life/run.h"
#include "outside/capacity.h"
#include "outside/key_file.h"
#include "outside/store_sqlite.h"
#include "systems/access.h"
#include "work/poll.h"
#include "work/turn.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define DAY (INT64_C(86400) * SECOND)

const char *wh_version(void) {
    return WH_VERSION;
}

/* ----------------------------------------------------------------------- options */

static int check_time(int64_t value, const char *name) {
    return value >= 0
               ? WH_OK
               : whi_fail_field(WH_EINVALID, name, "expected 0 or more milliseconds, found %lld", (long long)value);
}

static int fill_time(int64_t *value, int64_t normal, const char *name) {
    int code = check_time(*value, name);

    *value = *value != 0 ? *value : normal;
    return code;
}

static int take_times(whi_options *own, const wh_options *given) {
    int code;

    own->connect_timeout = given->connect_timeout;
    own->timeout = given->timeout;
    own->retain = given->retain;
    own->retain_failed = given->retain_failed;
    own->disable_after = given->disable_after;
    code = fill_time(&own->connect_timeout, 5 * SECOND, "connect_timeout");
    code = code == WH_OK ? fill_time(&own->timeout, 15 * SECOND, "timeout") : code;
    code = code == WH_OK ? check_time(own->retain, "retain") : code;
    code = code == WH_OK ? check_time(own->retain_failed, "retain_failed") : code;
    return code == WH_OK ? fill_time(&own->disable_after, 5 * DAY, "disable_after") : code;
}

static int take_texts(whi_options *own, const wh_options *given) {
    const char *agent = given->user_agent != NULL ? given->user_agent : "webhook/" WH_VERSION;

    for (const char *at = agent; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 127) {
            return whi_fail_field(WH_EINVALID, "user_agent", "expected no control character");
        }
    }
    own->user_agent = whi_strdup(agent, WH_ZSTR);
    own->ca_file = whi_strdup(given->ca_file, WH_ZSTR);
    own->key_file = whi_strdup(given->key_file, WH_ZSTR);
    return own->user_agent == NULL || (given->ca_file != NULL && own->ca_file == NULL) ||
                   (given->key_file != NULL && own->key_file == NULL)
               ? whi_fail_memory()
               : WH_OK;
}

static int take_parts(wh_engine *engine, const wh_options *given) {
    int code = WH_OK;

    if (given->clock != NULL) {
        code = whi_struct_take_part(&engine->own_clock, sizeof engine->own_clock, given->clock, "sizeof(wh_clock)",
                                    "clock");
        engine->clock = &engine->own_clock;
    }
    if (code == WH_OK && given->rules != NULL) {
        code = whi_rules_take(&engine->rules, given->rules);
        engine->options.rules = &engine->rules;
    }
    return code;
}

static int take_level(whi_options *own, const wh_options *given) {
    own->log_level = given->log_level != 0 ? (int)given->log_level : WH_LOG_INFO;
    return given->log_level == 0 || (given->log_level >= WH_LOG_ERROR && given->log_level <= WH_LOG_DEBUG)
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "log_level", "expected WH_LOG_ERROR to WH_LOG_DEBUG, found %lld",
                                (long long)given->log_level);
}

/* What is used where nobody says: the whole suite can be run with the other. */
#ifndef WHI_TRANSPORT_USUAL
#define WHI_TRANSPORT_USUAL "auto"
#endif

static const struct {
    const char *name;
    const whi_transport_vtable *vtable;
} transports[] = { { "auto", &whi_transport_auto }, { "libcurl", &whi_transport_curl } };

static int take_transport(wh_engine *engine, const char *name) {
    char found[32];

    if (engine->transport != NULL) {
        return WH_OK; /* a test's */
    }
    name = name != NULL ? name : WHI_TRANSPORT_USUAL;
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        if (strcmp(name, transports[i].name) == 0) {
            engine->transport = transports[i].vtable;
            return WH_OK;
        }
    }
    return whi_fail_field(WH_EINVALID, "transport", "expected \"auto\" or \"libcurl\", found \"%s\"",
                          whi_text_shown(name, found, sizeof found));
}

static int take_proxy(whi_options *own, const char *given) {
    whi_buf object;
    whi_peer *peer = NULL;
    int code;

    if (given == NULL) {
        return WH_OK;
    }
    whi_buf_init(&object, SIZE_MAX / 4);
    whi_buf_reserve(&object, strlen(given) * 6 + 16);
    if (given[0] == '{') {
        whi_buf_text(&object, given);
    } else {
        whi_buf_text(&object, "{\"url\":");
        whi_json_write_string(&object, given, strlen(given));
        whi_buf_char(&object, '}');
    }
    code = whi_buf_take(&object, &own->proxy, NULL);
    code = code == WH_OK ? whi_access_peer(&peer, NULL, own->proxy) : code;
    whi_peer_unref(peer);
    return code;
}

static int take_options(wh_engine *engine, const wh_options *options) {
    static const wh_options defaults = WH_OPTIONS_INIT;
    whi_options *own = &engine->options;
    wh_options given;
    int code = wh_struct_take(&given, sizeof given, options != NULL ? options : &defaults, "WH_OPTIONS_INIT");

    if (code != WH_OK) {
        return code;
    }
    if (given.durability != WH_FULL && given.durability != WH_NORMAL) {
        return whi_fail_field(WH_EINVALID, "durability", "expected WH_FULL or WH_NORMAL, found %d", given.durability);
    }
    own->durability = given.durability;
    own->log = given.log;
    own->log_payload = given.log_payload;
    own->log_record = given.log_record;
    code = take_level(own, &given);
    code = code == WH_OK ? take_transport(engine, given.transport) : code;
    code = code == WH_OK ? whi_limits_take(&own->limits, given.limits) : code;
    code = code == WH_OK ? take_times(own, &given) : code;
    code = code == WH_OK ? take_parts(engine, &given) : code;
    own->file_count = given.file_count;
    code = code == WH_OK ? whi_database_folders(&own->files, given.files, given.file_count) : code;
    code = code == WH_OK ? take_proxy(own, given.proxy) : code;
    code = code == WH_OK ? whi_policy_new(&engine->policy, given.allow, given.allow_count) : code;
    return code == WH_OK ? take_texts(own, &given) : code;
}

/* --------------------------------------------------------------------- open, close */

static void init_locks(wh_engine *engine) {
    pthread_mutex_init(&engine->trouble_lock, NULL);
    pthread_mutex_init(&engine->rates_lock, NULL);
    pthread_mutex_init(&engine->idle_lock, NULL);
    pthread_mutex_init(&engine->promise_lock, NULL);
    engine->promises_end = &engine->promises;
    pthread_mutex_init(&engine->work_lock, NULL);
    pthread_mutex_init(&engine->looking_lock, NULL);
    pthread_mutex_init(&engine->subscription_lock, NULL);
    pthread_mutex_init(&engine->check_lock, NULL);
}

static int make_position(wh_engine *engine) {
    engine->position = whi_alloc(sizeof *engine->position);
    if (engine->position == NULL) {
        return whi_fail_memory();
    }
    whi_position_init(engine->position);
    return WH_OK;
}

static int make_underway(wh_engine *engine) {
    engine->underway = whi_alloc(sizeof *engine->underway);
    if (engine->underway == NULL) {
        return whi_fail_memory();
    }
    whi_underway_init(engine->underway);
    return WH_OK;
}

static int make_sources(wh_engine *engine) {
    engine->sources = whi_sources_new();
    return engine->sources != NULL ? WH_OK : whi_fail_memory();
}

static int make_lags(wh_engine *engine) {
    engine->lags = whi_alloc(sizeof *engine->lags);
    if (engine->lags == NULL) {
        return whi_fail_memory();
    }
    whi_lags_init(engine->lags);
    return WH_OK;
}

static int make_memory(wh_engine *engine) {
    engine->memory = whi_alloc(sizeof *engine->memory);
    if (engine->memory == NULL) {
        return whi_fail_memory();
    }
    whi_memory_init(engine->memory, engine->options.limits.memory_bytes);
    return WH_OK;
}

static int make_tenant_rates(wh_engine *engine) {
    engine->tenant_rates = whi_alloc(sizeof *engine->tenant_rates);
    if (engine->tenant_rates == NULL) {
        return whi_fail_memory();
    }
    whi_tenant_rates_init(engine->tenant_rates);
    return WH_OK;
}

static int make_budgets(wh_engine *engine) {
    engine->budgets = whi_alloc(sizeof *engine->budgets);
    if (engine->budgets == NULL) {
        return whi_fail_memory();
    }
    whi_budgets_init(engine->budgets);
    return WH_OK;
}

static int make_gate(wh_engine *engine) {
    int cores = whi_capacity_cores();

    engine->gate = whi_alloc(sizeof *engine->gate);
    if (engine->gate == NULL) {
        return whi_fail_memory();
    }
    whi_gate_init(engine->gate, cores > 1 ? cores / 2 : 1);
    return WH_OK;
}

static int make_writings(wh_engine *engine) {
    engine->writings = whi_alloc(sizeof *engine->writings);
    if (engine->writings == NULL) {
        return whi_fail_memory();
    }
    whi_writings_init(engine->writings);
    return WH_OK;
}

/* Who gets an event that was committed after a change of subscriptions finds it; whoever was told nothing of
 * what a commit added to the log reads it. */
static void committed(void *payload) {
    whi_lease *lease = payload;

    atomic_fetch_add(&lease->engine->commits, 1);
    if (whi_store_has_changed(lease->engine->store)) {
        whi_registry_doubt(lease->engine->registry);
    }
    if (atomic_load_explicit(&lease->engine->appended, memory_order_relaxed) &&
        atomic_exchange(&lease->engine->appended, 0)) {
        whi_hand_over_later(lease->engine);
    }
}

static int make_lease(wh_engine *engine) {
    engine->lease = whi_alloc(sizeof *engine->lease);
    if (engine->lease == NULL) {
        return whi_fail_memory();
    }
    whi_lease_init(engine->lease, engine);
    return WH_OK;
}

/* The limits that were said, and 0. They have been looked at before. */
static wh_limits said_limits(const wh_options *options) {
    static const wh_limits none = WH_LIMITS_INIT;
    wh_options given;
    wh_limits limits = none;

    if (options != NULL && wh_struct_take(&given, sizeof given, options, "WH_OPTIONS_INIT") == WH_OK &&
        given.limits != NULL) {
        (void)wh_struct_take(&limits, sizeof limits, given.limits, "WH_LIMITS_INIT");
    }
    return limits;
}

/* Of what was not said the store's word holds. */
static int offer_settings(wh_engine *engine, const wh_options *options) {
    const wh_limits limits = said_limits(options);
    int64_t said[WHI_SETTINGS] = { [WHI_RETAIN] = engine->options.retain,
                                   [WHI_RETAIN_FAILED] = engine->options.retain_failed,
                                   [WHI_PAYLOAD_BYTES] = limits.payload_bytes,
                                   [WHI_SUBSCRIPTION_BYTES] = limits.subscription_bytes,
                                   [WHI_SUBSCRIPTIONS] = limits.subscriptions };
    int code = WH_OK;

    for (int i = 0; code == WH_OK && i < WHI_SETTINGS; i++) {
        code = said[i] != 0 ? whi_setting_offer(engine, i, said[i]) : WH_OK;
    }
    code = code == WH_OK ? whi_setting_look(engine) : code;
    if (code == WH_OK) {
        whi_setting_limits(engine, &engine->options.limits);
    }
    return code;
}

static int read_keys(wh_engine *engine) {
    const char *file = engine->options.key_file;
    int shared = 0, code = file != NULL ? whi_key_file_read(&engine->keyring, file, &shared) : WH_OK;

    if (shared) {
        whi_log(&engine->log, WH_LOG_WARNING, "key_file: '%s' can be read by others than its owner; chmod 600 mends it",
                file);
    }
    return code;
}

static int open_stores(wh_engine *engine, const char *name) {
    const whi_store_options options = { .durability = engine->options.durability, .keyring = engine->keyring };
    int code = whi_store_open(&engine->store, name, &options);

    if (code == WH_OK && engine->keyring != NULL && !engine->store->ability.seals) {
        return whi_fail_field(WH_EINVALID, "key_file", "this back end encrypts nothing");
    }
    return code == WH_OK ? engine->store->vtable->reader(engine->store, &engine->reader) : code;
}

static int open_parts(wh_engine *engine, const char *store, const wh_options *options,
                      const whi_transport_vtable *transport) {
    int code;

    engine->transport = transport;
    engine->destinations = &whi_destinations_built;
    code = take_options(engine, options);
    if (code != WH_OK) {
        return code;
    }
    atomic_init(&engine->worker_count, 1);
    whi_log_open(&engine->log, &engine->options, engine->clock);
    code = make_position(engine);
    code = code == WH_OK ? make_underway(engine) : code;
    code = code == WH_OK ? make_lags(engine) : code;
    code = code == WH_OK ? make_sources(engine) : code;
    code = code == WH_OK ? make_budgets(engine) : code;
    code = code == WH_OK ? make_tenant_rates(engine) : code;
    code = code == WH_OK ? make_gate(engine) : code;
    code = code == WH_OK ? make_memory(engine) : code;
    code = code == WH_OK ? make_writings(engine) : code;
    code = code == WH_OK ? make_lease(engine) : code;
    code = code == WH_OK ? read_keys(engine) : code;
    code = code == WH_OK ? open_stores(engine, store) : code;
    code = code == WH_OK ? whi_writer_new(&engine->writer, engine->store, whi_lease_pulse, engine->lease) : code;
    if (code == WH_OK) {
        whi_writer_on_doubt(engine->writer, whi_lease_doubt);
        whi_writer_on_commit(engine->writer, committed);
    }
    code = code == WH_OK ? offer_settings(engine, options) : code;
    code = code == WH_OK ? whi_registry_new(&engine->registry, engine->store, engine->reader) : code;
    if (code == WH_OK) {
        (void)whi_sources_look(engine); /* without them it can do all else */
    }
    code = code == WH_OK ? whi_worker_new(&engine->workers[0], engine, 0) : code;
    atomic_store(&engine->more_events, 1);
    atomic_store(&engine->more_rows, 1);
    atomic_store(&engine->outbox_seen, -1);
    return code;
}

int wh_open(wh_engine **out, const char *store, const wh_options *options) {
    return whi_open(out, store, options, NULL);
}

int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport) {
    wh_engine *engine;
    int code;

    if (out == NULL || store == NULL || store[0] == '\0') {
        return whi_fail_field(WH_EINVALID, out == NULL ? "out" : "store", "expected %s",
                              out == NULL ? "a place for the engine, found NULL" : "a file name or \":memory:\"");
    }
    *out = NULL;
    engine = whi_calloc(1, sizeof *engine);
    if (engine == NULL) {
        return whi_fail_memory();
    }
    engine->generation = whi_fork_generation();
    init_locks(engine);
    code = open_parts(engine, store, options, transport);
    if (code != WH_OK) {
        whi_error error = *whi_error_last();
        wh_close(engine);
        return whi_error_again(code, &error);
    }
    whi_ending_begin(engine);
    engine->opened_at = whi_now(engine);
    engine->former.us = engine->latest.us = whi_monotonic_us();
    *out = engine;
    return WH_OK;
}

/* Behind the last commit the workers have nothing that the store does not have. */
static void end_work(wh_engine *engine) {
    atomic_store(&engine->closed, 1);
    if (atomic_load(&engine->started)) {
        wh_stop(engine, 0);
    }
    whi_polls_end(engine);
    if (engine->writer != NULL) {
        whi_cut_workers(engine);
        whi_lease_end(engine->lease);
        whi_writer_stop(engine->writer);
        whi_writer_drain(engine->writer);
        whi_promise_tell(engine);
    }
    for (int i = 0; i < WHI_WORKERS; i++) {
        if (engine->workers[i] != NULL) {
            whi_worker_shut(engine->workers[i]);
        }
    }
    for (int i = 0; i < WHI_WORKERS; i++) {
        engine->inboxes[i] = NULL;
        whi_worker_free(engine->workers[i]);
        engine->workers[i] = NULL;
    }
}

static void close_store(wh_engine *engine) {
    if (engine->reader != NULL && engine->reader != engine->store) {
        whi_store_close(engine->reader);
    }
    if (engine->store != NULL) {
        whi_store_close(engine->store);
    }
}

void wh_close(wh_engine *engine) {
    if (engine == NULL || whi_ending_end(engine)) {
        return;
    }
    end_work(engine);
    whi_writer_free(engine->writer);
    if (engine->check_open) {
        engine->options.rules->close(engine->check_rules);
    }
    whi_registry_free(engine->registry);
    close_store(engine);
    whi_key_file_free(engine->keyring);
    if (engine->lease != NULL) {
        whi_lease_free(engine->lease);
        whi_free(engine->lease);
    }
    if (engine->lags != NULL) {
        whi_lags_end(engine->lags, engine);
        whi_free(engine->lags);
    }
    if (engine->sources != NULL) {
        whi_sources_kept_end(engine->sources);
        whi_sources_end(engine->sources);
    }
    if (engine->tenant_rates != NULL) {
        whi_tenant_rates_end(engine->tenant_rates);
        whi_free(engine->tenant_rates);
    }
    if (engine->budgets != NULL) {
        whi_budgets_end(engine->budgets);
        whi_free(engine->budgets);
    }
    if (engine->gate != NULL) {
        whi_gate_end(engine->gate);
        whi_free(engine->gate);
    }
    if (engine->memory != NULL) {
        whi_memory_end(engine->memory);
        whi_free(engine->memory);
    }
    if (engine->writings != NULL) {
        whi_writings_end(engine->writings);
        whi_free(engine->writings);
    }
    if (engine->underway != NULL) {
        whi_underway_end(engine->underway);
        whi_free(engine->underway);
    }
    if (engine->position != NULL) {
        whi_position_end(engine->position);
        whi_free(engine->position);
    }
    whi_log_close(&engine->log);
    whi_policy_free(engine->policy);
    whi_free(engine->options.user_agent);
    whi_free(engine->options.ca_file);
    whi_free(engine->options.key_file);
    whi_free_secret(engine->options.proxy, engine->options.proxy != NULL ? strlen(engine->options.proxy) : 0);
    whi_database_folders_free(engine->options.files, engine->options.file_count);
    pthread_mutex_destroy(&engine->trouble_lock);
    pthread_mutex_destroy(&engine->rates_lock);
    pthread_mutex_destroy(&engine->idle_lock);
    pthread_mutex_destroy(&engine->promise_lock);
    pthread_mutex_destroy(&engine->work_lock);
    pthread_mutex_destroy(&engine->looking_lock);
    pthread_mutex_destroy(&engine->subscription_lock);
    pthread_mutex_destroy(&engine->check_lock);
    whi_free(engine);
}
