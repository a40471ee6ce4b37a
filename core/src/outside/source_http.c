#include "outside/source_http.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/source_ask.h"
#include "outside/source_grant.h"
#include "pure/json_prune.h"
#include "pure/link.h"
#include "pure/source_connection.h"
#include "pure/source_page.h"

#define FILTERS_DEPTH 2
#define TOKEN_BYTES ((size_t)1 << 20)

typedef struct source {
    whi_source_document document;
    whi_source_options options;
    whi_source_client *client;
    whi_source_grant *grants; /* of each connection with a login of its own, and behind them of the document's */
} source;

/* One page. */
typedef struct page {
    source *of;
    const wh_source_query *query;
    const whi_source_connection *connection; /* NULL: the document has none */
    const whi_source_auth *auth;
    whi_source_values values;
    whi_json filters;
    whi_source_progress progress;
    whi_source_state state;
    whi_source_asked asked;
    whi_source_request request;
    whi_source_found found;
    whi_buf next, done; /* what is handed back: for the next page, and for the next reading */
    int conditional;    /* 1: If-None-Match was sent */
    int refused, is_unchanged;
    int64_t retry_after;
    void *rules; /* a runtime */
    void *rule;
} page;

static int64_t now(const source *self) {
    return whi_clock_now(self->options.clock);
}

/* --------------------------------------------------------------------------- rules */

static int open_rule(const whi_source_document *document, const whi_source_options *options, void **runtime,
                     void **rule) {
    wh_rule_error error = { 0, "" };
    int code;

    *runtime = *rule = NULL;
    if (document->rule == NULL) {
        return WH_OK;
    }
    if (options->rules == NULL) {
        return whi_fail_field(WH_ERULE_ENGINE, "rule", "%s", wh_error_text(WH_ERULE_ENGINE));
    }
    code = options->rules->open(runtime, options->limits, options->rules->payload);
    if (code != WH_OK) {
        return code;
    }
    code =
        options->rules->compile(*runtime, document->object_type, document->rule, strlen(document->rule), rule, &error);
    if (code != WH_OK) {
        *rule = NULL;
        return whi_fail_rule(code, &error);
    }
    return WH_OK;
}

static void close_rule(const whi_source_options *options, void *runtime, void *rule) {
    if (rule != NULL) {
        options->rules->release(runtime, rule);
    }
    if (runtime != NULL) {
        options->rules->close(runtime);
    }
}

static int run_rule(page *self, const whi_json *item, wh_rule_verdict *verdict) {
    const source *of = self->of;
    wh_rule_input input = { .size = sizeof input,
                            .payload = item,
                            .event_id = "",
                            .event_type = of->document.object_type,
                            .event_tenant = self->query->tenant != NULL ? self->query->tenant : "",
                            .event_time = now(of),
                            .subscription_id = "",
                            .subscription_name = of->document.name != NULL ? of->document.name : "",
                            .event_source = self->query->connection != NULL ? self->query->connection : "",
                            .event_key = "" };
    int code;

    memset(verdict, 0, sizeof *verdict);
    verdict->size = sizeof *verdict;
    code = of->options.rules->run(self->rules, self->rule, &input, verdict);
    return code == WH_OK ? code : whi_fail_rule(code, &verdict->error);
}

static int make(void *payload, const char *item, size_t size, whi_buf *out, int *dropped) {
    page *self = payload;
    wh_rule_verdict verdict;
    whi_json json = { 0 };
    int code = whi_json_scan(&json, item, size, WHI_JSON_DEPTH_MAXIMUM);

    code = code == WH_OK ? run_rule(self, &json, &verdict) : code;
    if (code == WH_OK && verdict.action == WH_RULE_PROJECT) {
        whi_buf_add(out, verdict.body, verdict.body_size);
    } else if (code == WH_OK && verdict.action == WH_RULE_PASS) {
        whi_buf_add(out, item, size);
    } else {
        *dropped = code == WH_OK;
    }
    whi_json_free(&json);
    return code;
}

/* ------------------------------------------------------------------------- budgets */

/* A reading that is cut off by these is no complete one, so nothing is taken for deleted. */
static int check_budget(page *self) {
    const whi_source_most *most = &self->of->document.most;
    whi_source_progress *progress = &self->progress;

    if (progress->started_at == 0) {
        progress->started_at = now(self->of);
    }
    if (progress->pages >= most->pages) {
        return whi_fail_field(WH_ELIMIT, "most.pages", "there are more than %lld pages", (long long)most->pages);
    }
    if (progress->bytes >= most->bytes) {
        return whi_fail_field(WH_ELIMIT, "most.bytes", "there are more than %lld bytes", (long long)most->bytes);
    }
    if (now(self->of) - progress->started_at >= most->seconds * 1000) {
        return whi_fail_field(WH_ELIMIT, "most.seconds", "it took more than %lld seconds", (long long)most->seconds);
    }
    return WH_OK;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void set_bounds(page *self) {
    const whi_source_most *most = &self->of->document.most;
    int64_t left = most->seconds * 1000 - (now(self->of) - self->progress.started_at);

    self->request.timeout = least(left, most->request_seconds * 1000);
    self->request.maximum = (size_t)least(most->page_bytes, most->bytes - self->progress.bytes);
}

/* -------------------------------------------------------------------------- asking */

static int is_by_url(const whi_source_document *document) {
    return document->paging.by == WHI_SOURCE_LINK || document->paging.by == WHI_SOURCE_URL;
}

static int is_counted(const whi_source_document *document) {
    return document->paging.by == WHI_SOURCE_OFFSET || document->paging.by == WHI_SOURCE_NUMBER;
}

/* Counted pages have a number from the first one on. */
static int begin_counting(page *self) {
    const whi_source_pages *pages = &self->of->document.paging;
    char text[24];

    if (self->progress.page != NULL || !is_counted(&self->of->document)) {
        return WH_OK;
    }
    snprintf(text, sizeof text, "%lld", (long long)(pages->first >= 0 ? pages->first : pages->by == WHI_SOURCE_NUMBER));
    self->progress.page = whi_strdup(text, WH_ZSTR);
    return self->progress.page != NULL ? WH_OK : whi_fail_memory();
}

static int take_filters(page *self) {
    const char *filters = self->query->filters;
    int code = WH_OK;

    if (filters != NULL) {
        code = whi_json_scan(&self->filters, filters, strlen(filters), FILTERS_DEPTH);
        self->values.filters = &self->filters;
    }
    return code == WH_OK ? code : whi_fail_within_field(code, "filters");
}

static const char *text_or_empty(const char *text) {
    return text != NULL ? text : "";
}

/* Asked with each page, whoever asks: a document may say otherwise than when somebody subscribed. */
static int take_connection(page *self) {
    const whi_source_document *document = &self->of->document;
    const char *tenant = text_or_empty(self->query->tenant), *name = text_or_empty(self->query->connection);

    if (!whi_source_may(document, tenant, name)) {
        self->refused = 1;
        return whi_source_fail_connection(document->object_type, tenant, name);
    }
    self->connection = whi_source_connection_find(document, name);
    self->auth = self->connection != NULL && self->connection->has_auth ? &self->connection->auth : &document->auth;
    if (self->connection != NULL && self->connection->variables != WHI_JSON_NONE) {
        self->values.variables = &document->json;
        self->values.variables_at = self->connection->variables;
    }
    return WH_OK;
}

static whi_source_grant *grant_of(const page *self) {
    const whi_source_document *document = &self->of->document;
    size_t place =
        self->auth == &document->auth ? document->connection_count : (size_t)(self->connection - document->connections);

    return &self->of->grants[place];
}

static void take_values(page *self) {
    const whi_source_document *document = &self->of->document;
    const wh_source_query *query = self->query;

    self->values.tenant = query->tenant;
    self->values.connection = query->connection;
    self->values.object_type = query->object_type;
    self->values.fields = query->fields;
    self->values.page = is_by_url(document) ? NULL : self->progress.page;
    self->values.page_is_number = is_counted(document);
    self->values.state = self->progress.afresh ? NULL : self->state.token;
    self->values.changed_since = query->changed_since;
    self->values.limit = query->limit > 0 ? least(query->limit, document->limit) : document->limit;
    self->values.time = (enum whi_source_time)document->time;
}

static int ask(page *self) {
    const whi_source_document *document = &self->of->document;
    const char *url = is_by_url(document) ? self->progress.page : NULL;
    int is_first = self->progress.pages == 0, code;

    whi_source_asked_free(&self->asked);
    code = whi_source_ask(&self->asked, document, &self->values, url);
    if (code == WH_OK && is_first) {
        self->progress.request = self->asked.hash;
    }
    self->conditional = is_first && document->etag != WHI_SOURCE_ETAG_NEVER && self->state.etag != NULL &&
                        self->state.request == self->asked.hash;
    if (code == WH_OK && self->conditional) {
        code = whi_source_ask_line(&self->asked, "If-None-Match", self->state.etag);
    }
    return code;
}

/* With a login. spent: as of whi_source_grant_take. */
static int send_once(page *self, unsigned spent, unsigned *count) {
    source *of = self->of;
    char *token = NULL;
    int code = ask(self);

    if (code == WH_OK && self->auth->type == WHI_SOURCE_OAUTH2) {
        code = whi_source_grant_take(grant_of(self), of->client, self->request.cuts, self->auth, of->options.clock,
                                     spent, &token, count, &self->refused, &self->retry_after);
    }
    code = code == WH_OK ? whi_source_ask_login(&self->asked, self->auth, token) : code;
    if (token != NULL) {
        whi_free_secret(token, strlen(token));
    }
    if (code != WH_OK) {
        return code;
    }
    whi_source_answer_free(&self->request);
    set_bounds(self);
    self->request.url = self->asked.url.data;
    self->request.method = of->document.method;
    self->request.lines = self->asked.lines;
    self->request.body = self->asked.body.data;
    self->request.body_size = self->asked.body.size;
    return whi_source_fetch(of->client, &self->request);
}

/* A token that ran out in the middle gets one more try with another; a state that the API has forgotten (410) one
 * without it, which reads everything. */
static int send_all(page *self) {
    unsigned count = 0;
    int code = send_once(self, 0, &count);

    if (code == WH_OK && self->request.status == 401 && self->auth->type == WHI_SOURCE_OAUTH2) {
        code = send_once(self, count, &count);
    }
    if (code == WH_OK && self->request.status == 410 && self->state.token != NULL && self->progress.pages == 0) {
        self->values.state = NULL;
        self->progress.afresh = 1;
        code = send_once(self, 0, &count);
    }
    return code;
}

/* --------------------------------------------------------------------------- answer */

static int judge_status(page *self) {
    int status = self->request.status;

    self->is_unchanged = status == 304 && self->conditional;
    if ((status >= 200 && status < 300) || self->is_unchanged) {
        return WH_OK;
    }
    self->retry_after = whi_source_retry_after(&self->request, now(self->of));
    if (status >= 300 && status < 400 && status != 304) {
        return whi_fail(WH_EREDIRECT, "answered %d, a redirect, which is not followed", status);
    }
    self->refused = status == 401 || (status == 403 && self->retry_after < 0);
    return whi_fail(status == 410 ? WH_EGONE : WH_ESTATUS, "answered %d", status);
}

/* *link stays NULL where there is none. */
static int find_link(const page *self, whi_buf *out, const char **link) {
    int found = 0, code;

    if (self->of->document.paging.by == WHI_SOURCE_LINK && self->request.link.size > 0) {
        found = whi_link_find(self->request.link.data, "next", out);
    }
    code = self->request.link.failed != 0 ? self->request.link.failed : whi_buf_status(out);
    if (found < 0) {
        return whi_fail_field(WH_EINVALID, "paging", "the Link header cannot be read");
    }
    *link = found ? out->size > 0 ? out->data : "" : NULL;
    return code;
}

static int read_page(page *self, const char *text, size_t size) {
    whi_source_place_of_page place = { self->progress.pages, self->progress.items, NULL };
    whi_source_maker maker = { make, self };
    whi_json json = { 0 };
    whi_buf link, pruned;
    int code;

    whi_buf_init(&pruned, size + TOKEN_BYTES);
    code = whi_json_scan_pruned(&json, text, size, &pruned);
    if (code == WH_EJSON) {
        code = whi_fail_within(code, "the answer");
    }
    whi_buf_init(&link, WHI_SOURCE_HEAD);
    code = code == WH_OK ? find_link(self, &link, &place.link) : code;
    code = code == WH_OK ? whi_source_page_read(&self->found, &self->of->document, &json, &place, &maker) : code;
    whi_buf_free(&link);
    whi_json_free(&json);
    whi_buf_free(&pruned);
    return code;
}

static int keep_etag(page *self) {
    int etag = self->of->document.etag;

    if (self->progress.pages != 1 || self->request.etag[0] == '\0' || etag == WHI_SOURCE_ETAG_NEVER ||
        (etag == WHI_SOURCE_ETAG_ONE_PAGE && self->found.has_next)) {
        return WH_OK;
    }
    self->progress.etag = whi_strdup(self->request.etag, WH_ZSTR);
    return self->progress.etag != NULL ? WH_OK : whi_fail_memory();
}

/* The text that leads to the next page: a whole URL, or what the page said. */
static int give_next(page *self, whi_buf *next) {
    if (is_by_url(&self->of->document)) {
        return whi_source_next_url(next, &self->of->document, &self->asked,
                                   self->found.next.size > 0 ? self->found.next.data : "");
    }
    whi_buf_text(next, self->found.next.data);
    return whi_buf_status(next);
}

static int go_on(page *self) {
    whi_buf next;
    int code;

    whi_buf_init(&next, TOKEN_BYTES);
    code = give_next(self, &next);
    if (code == WH_OK && whi_source_progress_turns(&self->progress, next.data)) {
        code = whi_fail_field(WH_ESTATUS, "paging", "the pages run in a circle: the next one was there before");
    }
    if (code == WH_OK) {
        whi_free(self->progress.page);
        self->progress.page = whi_strdup(next.data, next.size);
        code =
            self->progress.page != NULL ? whi_source_progress_write(&self->progress, &self->next) : whi_fail_memory();
    }
    whi_buf_free(&next);
    return code;
}

static int end(page *self) {
    whi_source_state state = { self->found.has_state ? self->found.state.data : NULL, self->progress.etag,
                               self->progress.request };

    return state.token != NULL || state.etag != NULL ? whi_source_state_write(&state, &self->done) : WH_OK;
}

static int take_answer(page *self) {
    int is_empty = self->request.status == 204, code = judge_status(self);

    if (code != WH_OK || self->is_unchanged) {
        return code;
    }
    if (is_empty && self->progress.pages == 0) {
        return whi_fail(WH_ESTATUS, "answered 204, which is no list");
    }
    if (is_empty) { /* no body at all: behind the last page */
        whi_buf_init(&self->found.items, 8);
        whi_buf_text(&self->found.items, "[]");
        code = whi_buf_status(&self->found.items);
    } else {
        code =
            read_page(self, self->request.answer.size > 0 ? self->request.answer.data : "", self->request.answer.size);
    }
    self->progress.pages++;
    self->progress.items += (int64_t)self->found.count;
    self->progress.bytes += (int64_t)self->request.answer.size;
    code = code == WH_OK ? keep_etag(self) : code;
    if (code != WH_OK) {
        return code;
    }
    return self->found.has_next ? go_on(self) : end(self);
}

/* -------------------------------------------------------------------------- listing */

static int read_query(page *self) {
    int code = take_connection(self);

    code = code == WH_OK ? whi_source_progress_read(&self->progress, self->query->page) : code;
    code = code == WH_OK ? whi_source_state_read(&self->state, self->query->state) : code;
    code = code == WH_OK ? take_filters(self) : code;
    code = code == WH_OK ? begin_counting(self) : code;
    if (code == WH_OK) {
        take_values(self);
        code = check_budget(self);
    }
    return code == WH_OK ? open_rule(&self->of->document, &self->of->options, &self->rules, &self->rule) : code;
}

static void free_page(page *self) {
    close_rule(&self->of->options, self->rules, self->rule);
    whi_source_progress_free(&self->progress);
    whi_source_state_free(&self->state);
    whi_source_asked_free(&self->asked);
    whi_source_answer_free(&self->request);
    whi_source_found_free(&self->found);
    whi_json_free(&self->filters);
    whi_buf_free(&self->next);
    whi_buf_free(&self->done);
}

static void give_answer(page *self, int code, wh_source_call *call) {
    wh_source_page answer = { .size = sizeof answer, .code = code, .retry_after = self->retry_after };
    char sentence[WHI_ERROR_SIZE];

    if (code != WH_OK) {
        snprintf(sentence, sizeof sentence, "%s", whi_error_last()->sentence);
        answer.error = sentence;
        answer.is_refused = self->refused;
    } else if (self->is_unchanged) {
        answer.is_unchanged = 1;
        answer.items = "[]";
        answer.items_size = 2;
        answer.state = self->query->state;
    } else {
        answer.items = self->found.items.data;
        answer.items_size = self->found.items.size;
        answer.next = self->next.size > 0 ? self->next.data : NULL;
        answer.state = self->done.size > 0 ? self->done.data : NULL;
    }
    call->answer(call, &answer);
}

static void list(void *payload, const wh_source_query *query, wh_source_call *call) {
    page self = { .of = payload, .query = query, .retry_after = -1 };
    int code;

    self.request.cuts = whi_source_client_cuts(self.of->client);
    whi_buf_init(&self.next, TOKEN_BYTES);
    whi_buf_init(&self.done, TOKEN_BYTES);
    code = read_query(&self);
    code = code == WH_OK ? send_all(&self) : code;
    code = code == WH_OK ? take_answer(&self) : code;
    give_answer(&self, code, call);
    free_page(&self);
}

/* --------------------------------------------------------------------------- source */

static void cut(void *payload) {
    source *self = payload;

    whi_source_client_cut(self->client);
}

static int allows(void *payload, const char *tenant, const char *connection) {
    const source *self = payload;

    return whi_source_may(&self->document, tenant, connection);
}

static void free_source(void *payload) {
    source *self = payload;

    whi_source_client_free(self->client);
    for (size_t i = 0; self->grants != NULL && i <= self->document.connection_count; i++) {
        whi_source_grant_free(&self->grants[i]);
    }
    whi_free(self->grants);
    whi_source_document_free(&self->document);
    whi_free(self);
}

static int check_rule(const whi_source_document *document, const whi_source_options *options) {
    wh_rule_error error = { 0, "" };
    void *runtime, *rule;
    int code = open_rule(document, options, &runtime, &rule);

    if (code == WH_OK && document->rule != NULL && options->rules->check != NULL) {
        code = options->rules->check(runtime, document->rule, strlen(document->rule), &error);
        code = code == WH_OK ? code : whi_fail_rule(code, &error);
    }
    close_rule(options, runtime, rule);
    return code;
}

int whi_source_http_check(const char *document, size_t size, const whi_source_options *options, char *object_type) {
    whi_source_document read;
    int code = whi_source_document_read(&read, document, size);

    code = code == WH_OK ? check_rule(&read, options) : code;
    if (code == WH_OK && object_type != NULL) {
        snprintf(object_type, WH_ID_SIZE, "%s", read.object_type);
    }
    whi_source_document_free(&read);
    return code;
}

static int make_grants(source *self) {
    size_t count = self->document.connection_count + 1, made = 0;
    whi_source_grant *grants = whi_calloc(count, sizeof *grants);
    int code = grants != NULL ? WH_OK : whi_fail_memory();

    while (code == WH_OK && made < count) {
        code = whi_source_grant_init(&grants[made]);
        made += code == WH_OK;
    }
    if (code == WH_OK) {
        self->grants = grants;
        return WH_OK;
    }
    while (made > 0) {
        whi_source_grant_free(&grants[--made]);
    }
    whi_free(grants);
    return code;
}

static int new_source(source **out, const char *document, size_t size, const whi_source_options *options) {
    source *self = whi_calloc(1, sizeof *self);
    int code;

    if (self == NULL) {
        return whi_fail_memory();
    }
    self->options = *options;
    code = whi_source_document_read(&self->document, document, size);
    code = code == WH_OK ? make_grants(self) : code;
    code = code == WH_OK ? check_rule(&self->document, options) : code;
    code = code == WH_OK ? whi_source_client_new(&self->client, options->policy, options->user_agent, options->ca_file)
                         : code;
    if (code != WH_OK) {
        free_source(self);
        return code;
    }
    self->options.user_agent = self->options.ca_file = NULL; /* the client has copies */
    *out = self;
    return WH_OK;
}

int whi_source_http_make(wh_source *out, const char *document, size_t size, const whi_source_options *options) {
    source *self = NULL;
    int code = new_source(&self, document, size, options);

    if (code != WH_OK) {
        return code;
    }
    *out = (wh_source){ .size = sizeof *out,
                        .can = self->document.can,
                        .filters = self->document.filters.count > 0 ? self->document.filters.list : NULL,
                        .required = self->document.required.count > 0 ? self->document.required.list : NULL,
                        .full_every = self->document.full_every,
                        .list = list,
                        .cut = cut,
                        .free = free_source,
                        .payload = self,
                        .allows = allows };
    return WH_OK;
}
