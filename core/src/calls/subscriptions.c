/* Subscriptions seen from outside: documents in, documents out, a version for every
 * change. A change is checked whole before anything is written. Tests: test_engine. */
#include "calls/subscriptions.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/sources.h"
#include "calls/standing.h"
#include "calls/twin.h"
#include "calls/workspace.h"
#include "engine/context.h"
#include "engine/decide.h"
#include "engine/inbox.h"
#include "engine/look.h"
#include "engine/notice.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "engine/version.h"
#include "engine/writer.h"
#include "pure/health.h"
#include "pure/sign.h"
#include "systems/subscription_make.h"
#include "systems/subscription_write.h"

#include <stdio.h>
#include <string.h>

static int missing(const char *what) {
    return whi_fail_field(WH_EINVALID, what, "expected one, found NULL");
}

static int number_of(const char *id, int64_t *out) {
    if (id == NULL) {
        return missing("id");
    }
    return whi_ident_parse("sub_", id, out) == WH_OK ? WH_OK
                                                     : whi_fail_field(WH_ENOTFOUND, "id", "no such subscription");
}

/* ----------------------------------------------------------------------- checking */

static int compile(wh_engine *engine, const char *tenant, const char *source, wh_rule_error *error) {
    const wh_rule_engine *rules = engine->options.rules;
    void *rule = NULL;
    int code = WH_OK;

    if (!engine->check_open) {
        code = rules->open(&engine->check_rules, &engine->options.limits, rules->payload);
        engine->check_open = code == WH_OK;
    }
    if (code == WH_OK) {
        code = rules->compile(engine->check_rules, tenant, source, strlen(source), &rule, error);
    }
    if (code == WH_OK) {
        rules->release(engine->check_rules, rule);
    }
    return code;
}

/* Compiles it to see that it can be, and reviews the rule if it is another one than before. A response rule that says
 * nothing does no harm. */
static int check_rule(wh_engine *engine, const whi_subscription *s, const char *field, const char *before) {
    int is_response = strcmp(field, "response_rule") == 0;
    const char *source = is_response ? s->response_rule : s->rule;
    const wh_rule_engine *rules = engine->options.rules;
    wh_rule_error error = { 0 };
    int code;

    if (source == NULL) {
        return WH_OK;
    }
    if (rules == NULL) {
        return whi_fail_field(WH_ERULE_ENGINE, field, "this engine was opened without a rule engine");
    }
    pthread_mutex_lock(&engine->check_lock);
    code = compile(engine, s->tenant, source, &error);
    if (code == WH_OK && !is_response) {
        code = whi_rule_review(rules, engine->check_rules, s, before, &error);
    }
    pthread_mutex_unlock(&engine->check_lock);
    return code == WH_OK ? WH_OK : whi_fail_rule_of(field, code, &error);
}

/* One such as the system gives. */
static int draw_secret(wh_engine *engine, const whi_subscription *s, char out[WH_SECRET_SIZE]) {
    const whi_system *system = s->system;

    if (system->asks & WHI_SECRET_OF_TENANT) {
        return whi_workspace_secret(engine, s->tenant, out);
    }
    return system->draw_secret != NULL ? system->draw_secret(engine->clock, out) : wh_secret(out);
}

static int make_secret(wh_engine *engine, whi_subscription *s) {
    char secret[WH_SECRET_SIZE];
    int code;

    if (s->secret_count > 0 || s->system->asks & WHI_MAY_GO_UNSIGNED) {
        return WH_OK;
    }
    code = draw_secret(engine, s, secret);
    if (code != WH_OK) {
        return code;
    }
    s->secrets = whi_calloc(1, sizeof *s->secrets);
    if (s->secrets != NULL) {
        s->secrets[0] = whi_strdup(secret, WH_ZSTR);
        s->secret_count = s->secrets[0] != NULL;
    }
    whi_wipe(secret, sizeof secret);
    return s->secret_count > 0 ? WH_OK : whi_fail_memory();
}

static int apply_checked(wh_engine *engine, whi_subscription *s, const char *document, size_t size) {
    int64_t most = whi_setting_known(engine, WHI_SUBSCRIPTION_BYTES);
    char *before;
    int code;

    if (document == NULL) {
        return missing("document");
    }
    size = size == WH_ZSTR ? strlen(document) : size;
    if (size > (size_t)most) {
        return whi_fail_size("document", size, (long long)most);
    }
    before = whi_strdup(s->rule, s->rule_size);
    if (s->rule != NULL && before == NULL) {
        return whi_fail_memory();
    }
    code = whi_subscription_apply(s, document, size, (size_t)engine->options.limits.rule_source_bytes, 0);
    code = code == WH_OK ? whi_subscription_check(s) : code;
    code = code == WH_OK ? check_rule(engine, s, "rule", before) : code;
    code = code == WH_OK ? check_rule(engine, s, "response_rule", NULL) : code;
    whi_free(before);
    return code;
}

static int apply(wh_engine *engine, whi_subscription *s, const char *document, size_t size) {
    int code = apply_checked(engine, s, document, size);

    return code == WH_OK && !whi_subscription_is_database(s) ? make_secret(engine, s) : code;
}

int whi_subscription_candidate(wh_engine *engine, const char *document, size_t size, whi_registration **out) {
    whi_subscription *made;
    int code = whi_subscription_new(&made);

    *out = NULL;
    if (code != WH_OK) {
        return code;
    }
    code = apply_checked(engine, made, document, size);
    code = code == WH_OK ? whi_source_check_connection(engine, NULL, made) : code;
    if (code != WH_OK) {
        whi_subscription_free(made);
        return code;
    }
    return whi_registration_of(out, made);
}

/* ------------------------------------------------------------------------ writing */

typedef struct change {
    whi_job job;
    wh_engine *engine;
    whi_subscription *subscription;
    whi_version next;        /* of the subscription, where it is written alone */
    whi_subscription *twin;  /* NULL: it has none from now on */
    whi_registration *known; /* the twin as it was, or NULL */
    whi_pair pair;           /* both, where there is a twin, or was */
    int64_t remove;          /* a subscription's number, or 0 */
    int64_t remove_twin;     /* and its twin's, found in the transaction */
    int unread;              /* 1: without the key that it is encrypted by: whether it has one is not known */
    int more;                /* waits for it than was cancelled with it */
    int resumes;             /* 1: its owner wants it to go on */
    int taken;               /* somebody takes a notice of that */
    whi_answer judged, twin_judged;
    whi_health_row became;
} change;

static int has_pair(const change *self) {
    return self->twin != NULL || self->known != NULL;
}

static const char recovered[] = "webhook.subscription.recovered";

static int tell_resumed(change *self, whi_store *store, const whi_subscription *about) {
    return whi_notice_add(
        self->engine, store,
        &(whi_notice){ .about = about, .type = recovered, .reason = "resumed", .health = &self->became });
}

/* What was held against its receiver is forgotten. */
static int resume_one(change *self, whi_store *store, const whi_subscription *about, whi_answer *judged) {
    whi_fact fact = { .kind = WH_FACT_HEALTH };
    int code;

    fact.of.sight = (whi_sight){
        .subscription = about->id, .what = WHI_SAW_RESUMED, .at = whi_now(self->engine), .became = &self->became
    };
    code = whi_store_write(store, &fact, judged);
    return code == WH_OK && judged->number == WHI_NEWS_RECOVERED && self->taken ? tell_resumed(self, store, about)
                                                                                : code;
}

static int resume(change *self, whi_store *store) {
    int code = resume_one(self, store, self->subscription, &self->judged);

    return code == WH_OK && self->twin != NULL ? resume_one(self, store, self->twin, &self->twin_judged) : code;
}

static void log_resumed(const change *self, const whi_subscription *about, const whi_answer *judged) {
    char id[WH_ID_SIZE];

    if (judged->number != WHI_NEWS_RECOVERED) {
        return;
    }
    whi_ident_format("sub_", about->id, id);
    atomic_fetch_add_explicit(&self->engine->count.news[WHI_NEWS_RECOVERED - 1], 1, memory_order_relaxed);
    whi_log_fields(
        &self->engine->log, WH_LOG_INFO, "subscription has recovered",
        (wh_log_field[]){ { "subscription", id, 0 }, { "tenant", about->tenant, 0 }, { "reason", "resumed", 0 } }, 3);
}

static int take_twin(const whi_subscription_row *row, void *payload) {
    change *self = payload;
    whi_registration *now;
    int code = whi_registration_new(&now, row);

    self->remove_twin = code == WH_OK ? now->subscription->twin : 0;
    whi_registration_unref(now);
    return code;
}

/* Somebody may have given it a twin a moment ago. */
static int run_removal(change *self, whi_store *store) {
    int code = self->unread ? WH_OK : whi_store_subscription_now(store, self->remove, take_twin, self);

    code = code == WH_OK ? whi_version_remove(self->engine, store, self->remove, &self->more) : code;
    if (code == WH_OK && self->remove_twin != 0) {
        code = whi_version_remove(self->engine, store, self->remove_twin, &self->pair.more);
        code = code == WH_ENOTFOUND ? WH_OK : code;
    }
    return code;
}

/* A twin is one more. */
static int check_room(const change *self, whi_store *store) {
    int64_t count = 0, most = 0;
    int more = (self->pair.id == 0) + (self->twin != NULL && self->known == NULL);
    int code = more > 0 ? whi_setting_now(store, WHI_SUBSCRIPTIONS, &most) : WH_OK;

    code = code == WH_OK && more > 0 ? whi_store_subscription_count(store, &count) : code;
    return code != WH_OK || count + more <= most
               ? code
               : whi_fail(WH_ELIMIT, "the store has as many subscriptions as it may have");
}

static int put_change(change *self, whi_store *store) {
    if (has_pair(self)) {
        return whi_pair_write(self->engine, store, &self->pair);
    }
    self->next.row.id = self->subscription->id;
    return whi_store_subscription_put(store, &self->next.row);
}

static int run_change(whi_job *job, whi_store *store) {
    change *self = (change *)job;
    int code;

    if (self->remove != 0) {
        return run_removal(self, store);
    }
    code = check_room(self, store);
    self->judged = self->twin_judged = (whi_answer){ 0 };
    if (code == WH_OK && self->resumes) {
        code = whi_notice_ask(self->engine, store, self->subscription->tenant, recovered, &self->taken);
    }
    code = code == WH_OK ? put_change(self, store) : code;
    return code == WH_OK && self->resumes ? resume(self, store) : code;
}

/* Who makes some cannot tell from their ids how many others make. */
static int draw_least(wh_engine *engine, int64_t *least) {
    unsigned chance = 0;
    int code = whi_clock_random(engine->clock, &chance, sizeof chance);

    *least = whi_ident_least(whi_now(engine), chance);
    return code;
}

static int prepare_change(change *self) {
    whi_subscription *s = self->subscription;
    int code = has_pair(self) ? WH_OK : whi_version_write(&self->next, self->engine, s);

    self->pair.first = s;
    self->pair.twin = self->twin;
    self->pair.id = s->id;
    self->pair.version = s->version;
    if (self->known != NULL) {
        self->pair.twin_id = self->known->subscription->id;
        self->pair.twin_version = self->known->subscription->version;
    }
    if (code == WH_OK && (s->id == 0 || (self->twin != NULL && self->known == NULL))) {
        code = draw_least(self->engine, &self->pair.least);
    }
    self->next.row.least = self->pair.least;
    return code;
}

static int commit_change(change *self) {
    whi_subscription *s = self->subscription;
    int code = s != NULL ? prepare_change(self) : WH_OK;

    if (code != WH_OK) {
        return code;
    }
    self->job.rows = has_pair(self) || self->remove != 0 ? 9 : 3;
    self->job.run = run_change;
    code = whi_writer_run(self->engine->writer, &self->job);
    if (code == WH_OK && s != NULL) {
        s->id = has_pair(self) ? s->id : self->next.row.id;
        log_resumed(self, s, &self->judged);
        log_resumed(self, self->twin, &self->twin_judged);
    }
    if (code == WH_OK) {
        whi_registry_sync(self->engine->registry); /* the change stands; what fails here is made up for later */
    }
    return code;
}

static void drop_change(change *self) {
    whi_version_free(&self->next);
    whi_subscription_free(self->subscription);
    whi_subscription_free(self->twin);
    whi_registration_unref(self->known);
}

static const whi_subscription *twin_before(const change *self) {
    return self->known != NULL ? self->known->subscription : NULL;
}

/* One that runs, and has an order. */
static int is_to_hold(const whi_subscription *s) {
    return s->paused == WHI_RUNS && (s->order != WHI_ORDER_NONE || s->system->is_ordered != NULL);
}

static int look_beside(wh_engine *engine, const whi_subscription *twin) {
    int code = whi_look(engine, twin);

    return code == WH_EINVALID ? whi_fail_within_field(code, "also") : code;
}

int whi_subscribe(wh_engine *engine, const char *document, size_t size, int *holds, char *id) {
    change self = { .engine = engine };
    int code = whi_engine_check(engine);

    if (code != WH_OK) {
        return code;
    }
    code = whi_subscription_new(&self.subscription);
    code = code == WH_OK ? apply(engine, self.subscription, document, size) : code;
    if (code == WH_OK && holds != NULL) {
        *holds = is_to_hold(self.subscription);
        self.subscription->paused = *holds ? WHI_PAUSE_HOLDS : self.subscription->paused;
    }
    code = code == WH_OK ? whi_twin_make(&self.twin, self.subscription, NULL) : code;
    code = code == WH_OK ? whi_source_check_connection(engine, NULL, self.subscription) : code;
    code = code == WH_OK ? whi_look(engine, self.subscription) : code;
    code = code == WH_OK && self.twin != NULL ? look_beside(engine, self.twin) : code;
    code = code == WH_OK ? commit_change(&self) : code; /* a new one is in nobody's way: commits are shared */
    if (code == WH_OK && id != NULL) {
        whi_ident_format("sub_", self.subscription->id, id);
    }
    drop_change(&self);
    return code;
}

int wh_subscribe(wh_engine *engine, const char *document, size_t size, char *id) {
    return whi_subscribe(engine, document, size, NULL, id);
}

/* ------------------------------------------------------------------------ reading */

/* A former version has no standing: that is the present one's. */
static int write_document(wh_engine *engine, const whi_subscription *s, int64_t version, char **out, size_t *size) {
    whi_buf buf;
    int code = WH_OK;

    whi_buf_init(&buf, SIZE_MAX / 4);
    if (version != 0) {
        whi_subscription_write(s, 0, &buf);
    } else {
        code = whi_standing_write(engine, s, 0, WHI_STANDING_ONE, &buf);
    }
    if (code != WH_OK) {
        whi_buf_free(&buf);
        return code;
    }
    return whi_buf_take(&buf, out, size);
}

int wh_subscription_version(wh_engine *engine, const char *id, int64_t version, char **out, size_t *size) {
    whi_registration *registration = NULL;
    int64_t number;
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (out == NULL) {
        return missing("out");
    }
    *out = NULL;
    if (version < 0) {
        return whi_fail_field(WH_EINVALID, "version", "expected 1 or more, found %lld", (long long)version);
    }
    code = number_of(id, &number);
    code = code == WH_OK ? whi_version_at(engine->store, number, version, &registration) : code;
    if (code == WH_OK) {
        code = write_document(engine, registration->subscription, version, out, size);
    }
    whi_registration_unref(registration);
    return code;
}

int wh_subscription(wh_engine *engine, const char *id, char **out, size_t *size) {
    return wh_subscription_version(engine, id, 0, out, size);
}

static int write_secrets(const whi_subscription *s, whi_buf *out) {
    char key[WH_SECRET_SIZE];
    int keys = 0, code = WH_OK;

    whi_buf_text(out, "{\"secrets\":[");
    for (size_t i = 0; i < s->secret_count; i++) {
        whi_buf_text(out, i ? "," : "");
        whi_json_write_string(out, s->secrets[i], strlen(s->secrets[i]));
    }
    whi_buf_text(out, "],\"public_keys\":[");
    for (size_t i = 0; i < s->secret_count && code == WH_OK; i++) {
        if (strncmp(s->secrets[i], "whsk_", 5) == 0) {
            code = whi_secret_public(s->secrets[i], key);
            whi_buf_text(out, keys++ ? "," : "");
            whi_json_write_string(out, key, strlen(key));
        }
    }
    whi_buf_text(out, "]}");
    return code;
}

int wh_subscription_secrets(wh_engine *engine, const char *id, char **out, size_t *size) {
    whi_registration *registration = NULL;
    int64_t number;
    whi_buf buf;
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (out == NULL) {
        return missing("out");
    }
    *out = NULL;
    whi_buf_init(&buf, 65536);
    code = number_of(id, &number);
    code = code == WH_OK ? whi_version_at(engine->store, number, 0, &registration) : code;
    code = code == WH_OK ? write_secrets(registration->subscription, &buf) : code;
    whi_registration_unref(registration);
    if (code != WH_OK) {
        whi_buf_free(&buf);
        return code;
    }
    return whi_buf_take(&buf, out, size);
}

/* ---------------------------------------------------------------------- cancelling */

typedef struct cancel {
    whi_job job;
    int64_t subscription, now;
    int count;
} cancel;

static int run_cancel(whi_job *job, whi_store *store) {
    cancel *self = (cancel *)job;

    return whi_store_delivery_cancel(store, self->subscription, self->now, WHI_CANCEL_ROWS, &self->count);
}

static void cancel_rest(wh_engine *engine, int64_t id) {
    cancel self = { { 0 }, id, whi_now(engine), 0 };
    int code;

    self.job.rows = WHI_CANCEL_ROWS;
    self.job.run = run_cancel;
    do {
        self.count = 0;
        code = whi_writer_run(engine->writer, &self.job);
    } while (code == WH_OK && self.count == WHI_CANCEL_ROWS);
    if (code != WH_OK) {
        whi_log(&engine->log, WH_LOG_ERROR, "not all that waits for a removed subscription is cancelled: %s",
                wh_last_error());
    }
}

/* ------------------------------------------------------------------------ changing */

/* The present version, and a copy of it to be changed. */
static int read_copy(wh_engine *engine, int64_t number, whi_registration **present, whi_subscription **out) {
    int code = whi_version_at(engine->store, number, 0, present);

    return code == WH_OK ? whi_subscription_copy(out, (*present)->subscription) : code;
}

static int is_other(const char *a, const char *b) {
    return (a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0);
}

/* What was set aside may go by now: the rule that failed on it was mended, or of a database or a queue the owner has
 * changed something. */
static int may_release(const whi_subscription *before, const whi_subscription *now) {
    return whi_subscription_is_waited_for(now) || (before->rule != NULL && is_other(before->rule, now->rule));
}

/* The change stands: what cannot be tried now stays held, to be replayed. */
static void release_held(wh_engine *engine, const char *id, const whi_subscription *before,
                         const whi_subscription *now) {
    wh_query query = WH_QUERY_INIT;

    if (!may_release(before, now)) {
        return;
    }
    query.subscription = id;
    query.state = "held";
    if (wh_replay_query(engine, &query, NULL) != WH_OK) {
        whi_log(&engine->log, WH_LOG_ERROR, "%s: not all that was held back is released: %s", id, wh_last_error());
    }
}

/* What waits for it, and a workspace's secret, are not for others. */
static int check_tenant(const whi_subscription *s, const char *tenant) {
    return strcmp(s->tenant, tenant) == 0
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "tenant", "a subscription stays with its tenant; make another");
}

/* Switched off because something was wrong. One that has had its event is not, as long as it is
 * for one: who writes back what was read before the event came must not get a second. */
static int is_used(const whi_subscription *s) {
    return s->disabled != NULL && s->single_use && strcmp(s->disabled, "used") == 0;
}

static int can_be_mended(const whi_subscription *s) {
    return s->disabled != NULL && !is_used(s);
}

/* The present version, to be changed, if it is still this one; 0: any. */
static int read_version(wh_engine *engine, int64_t number, int64_t version, whi_registration **present,
                        whi_subscription **out) {
    int code = read_copy(engine, number, present, out);

    return code == WH_OK && version != 0 && (*out)->version != version
               ? whi_fail_field(WH_ECONFLICT, "id", "somebody else changed it meanwhile")
               : code;
}

static int is_another_receiver(const whi_subscription *before, const whi_subscription *now) {
    static const whi_database_settings normal = { 0 };
    const whi_database_settings *a = before->database != NULL ? before->database : &normal;
    const whi_database_settings *b = now->database != NULL ? now->database : &normal;

    return is_other(before->url, now->url) || is_other(before->password, now->password) ||
           strcmp(a->schema, b->schema) != 0 || strcmp(a->prefix, b->prefix) != 0 || a->create != b->create ||
           a->removes != b->removes || before->insecure != now->insecure;
}

static int is_to_be_asked(const whi_subscription *before, const whi_subscription *now) {
    return whi_subscription_is_waited_for(now) && (before == NULL || is_another_receiver(before, now));
}

/* Others may change subscriptions while a receiver is asked, or documents of sources are read; the commit tells whether
 * somebody changed this one. */
static int check_others(const change *self, const whi_subscription *before) {
    wh_engine *engine = self->engine;
    const whi_subscription *now = self->subscription, *twin = self->twin;
    int asks = is_to_be_asked(before, now), asks_twin = twin != NULL && is_to_be_asked(twin_before(self), twin), code;

    if (!asks && !asks_twin && now->poll_type == NULL) {
        return WH_OK;
    }
    pthread_mutex_unlock(&engine->subscription_lock);
    code = whi_source_check_connection(engine, before, now);
    code = code == WH_OK && asks ? whi_look(engine, now) : code;
    code = code == WH_OK && asks_twin ? look_beside(engine, twin) : code;
    pthread_mutex_lock(&engine->subscription_lock);
    return code;
}

int wh_subscription_update(wh_engine *engine, const char *id, const char *document, size_t size) {
    return whi_subscription_update(engine, id, 0, document, size);
}

static void enable(whi_subscription *s) {
    if (can_be_mended(s)) {
        whi_free(s->disabled);
        s->disabled = NULL;
    }
}

/* What its owner says of its going on. */
static void resume_named(change *self) {
    whi_subscription *s = self->subscription;
    int runs = s->is_paused_said && s->paused == WHI_RUNS;

    self->resumes = runs && !is_used(s);
    if (runs) {
        enable(s);
    }
    if (runs && self->twin != NULL) {
        enable(self->twin);
    }
}

static int change_present(change *self, const whi_subscription *before, const char *document, size_t size) {
    wh_engine *engine = self->engine;
    int code;

    self->subscription->is_paused_said = 0;
    code = apply(engine, self->subscription, document, size);
    code = code == WH_OK ? check_tenant(self->subscription, before->tenant) : code;
    code = code == WH_OK ? whi_twin_make(&self->twin, self->subscription, twin_before(self)) : code;
    if (code == WH_OK) {
        resume_named(self);
    }
    code = code == WH_OK ? check_others(self, before) : code;
    return code == WH_OK ? commit_change(self) : code;
}

/* The rest of what waited for a twin that is no more, or what may go to it by now. */
static void follow_twin(change *self) {
    char id[WH_ID_SIZE];

    if (self->twin == NULL) {
        if (self->pair.more) {
            cancel_rest(self->engine, self->pair.twin_id);
        }
        return;
    }
    whi_inbox_give_due(self->engine, self->twin->id, whi_now(self->engine));
    if (self->known != NULL) {
        whi_ident_format("sub_", self->twin->id, id);
        release_held(self->engine, id, self->known->subscription, self->twin);
    }
}

static void follow_change(change *self, const char *id, const whi_subscription *before) {
    whi_inbox_give_due(self->engine, self->subscription->id, whi_now(self->engine));
    release_held(self->engine, id, before, self->subscription);
    follow_twin(self);
}

static int update(wh_engine *engine, const char *id, int64_t version, const char *document, size_t size) {
    change self = { .engine = engine };
    whi_registration *present = NULL;
    int64_t number;
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    code = number_of(id, &number);
    if (code != WH_OK) {
        return code;
    }
    pthread_mutex_lock(&engine->subscription_lock);
    code = read_version(engine, number, version, &present, &self.subscription);
    code = code == WH_OK ? whi_twin_check(self.subscription) : code;
    code = code == WH_OK ? whi_twin_read(engine, self.subscription, &self.known) : code;
    code = code == WH_OK ? change_present(&self, present->subscription, document, size) : code;
    pthread_mutex_unlock(&engine->subscription_lock);
    if (code == WH_OK) {
        follow_change(&self, id, present->subscription);
    }
    whi_registration_unref(present);
    drop_change(&self);
    return code;
}

int whi_subscription_update(wh_engine *engine, const char *id, int64_t version, const char *document, size_t size) {
    int code;

    do { /* of whatever version: another process that was faster is no reason to refuse it */
        code = update(engine, id, version, document, size);
    } while (code == WH_ECONFLICT && version == 0);
    return code;
}

/* ----------------------------------------------------------------------- removing */

static int check_removal(change *self) {
    whi_registration *now = NULL;
    int code = whi_version_at(self->engine->store, self->remove, 0, &now);

    self->unread = code == WH_EKEY;
    code = code == WH_OK ? whi_twin_check(now->subscription) : code;
    whi_registration_unref(now);
    return self->unread ? WH_OK : code;
}

int wh_subscription_delete(wh_engine *engine, const char *id) {
    change self = { .engine = engine };
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    code = number_of(id, &self.remove);
    if (code != WH_OK) {
        return code;
    }
    pthread_mutex_lock(&engine->subscription_lock);
    code = check_removal(&self);
    code = code == WH_OK ? commit_change(&self) : code;
    pthread_mutex_unlock(&engine->subscription_lock);
    if (code == WH_ENOTFOUND) {
        return whi_fail_field(code, "id", "no such subscription");
    }
    if (code == WH_OK && self.more) {
        cancel_rest(engine, self.remove);
    }
    if (code == WH_OK && self.pair.more) {
        cancel_rest(engine, self.remove_twin);
    }
    return code;
}
