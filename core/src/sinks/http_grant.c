/* Tests: test_receiver_auth. */
#include "sinks/http_grant.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/source_ask.h"
#include "outside/source_grant.h"
#include "pure/source_token.h"

#define ANSWER_BYTES 65536
#define TIMEOUT_MS 30000
#define LEAST_CONNECTIONS 16

struct whi_grant {
    struct whi_grant *next, **link;
    whi_sink *sink;
    int refs;
    uint64_t hash;
    char *auth;
    whi_login login;
    char *line; /* "Authorization: Bearer …"; NULL: none yet */
    int64_t renew_at;
    unsigned count; /* tokens that came so far */
    whi_http_request *waiting, **waiting_end;
    int asking; /* 1: the request below is under way */
    whi_request request;
    whi_source_asked asked;
};

/* ------------------------------------------------------------------ making, finding */

static void forget_token(whi_grant *grant) {
    whi_free_secret(grant->line, grant->line != NULL ? strlen(grant->line) : 0);
    grant->line = NULL;
}

/* A lane may have one for longer than the sink is there. */
static void leave_list(whi_grant *grant) {
    if (grant->link == NULL) {
        return;
    }
    *grant->link = grant->next;
    if (grant->next != NULL) {
        grant->next->link = grant->link;
    }
    grant->link = NULL;
}

whi_grant *whi_grant_ref(whi_grant *grant) {
    grant->refs++;
    return grant;
}

void whi_grant_unref(whi_grant *grant) {
    if (grant == NULL || --grant->refs > 0) {
        return;
    }
    leave_list(grant);
    forget_token(grant);
    whi_login_free(&grant->login);
    whi_free_secret(grant->auth, grant->auth != NULL ? strlen(grant->auth) : 0);
    whi_free(grant);
}

static whi_grant *find(const whi_sink *sink, const char *auth, uint64_t hash) {
    whi_grant *grant = sink->grants;

    while (grant != NULL && (grant->hash != hash || strcmp(grant->auth, auth) != 0)) {
        grant = grant->next;
    }
    return grant;
}

int whi_grant_of(whi_sink *sink, const char *auth, whi_login *login, whi_grant **out) {
    uint64_t hash = whi_source_hash(auth, strlen(auth));
    whi_grant *grant = find(sink, auth, hash);

    if (grant != NULL) {
        *out = whi_grant_ref(grant);
        return WH_OK;
    }
    grant = whi_calloc(1, sizeof *grant);
    if (grant == NULL || (grant->auth = whi_strdup(auth, WH_ZSTR)) == NULL) {
        whi_free(grant);
        return whi_fail_memory();
    }
    grant->refs = 1;
    grant->sink = sink;
    grant->hash = hash;
    grant->login = *login;
    *login = (whi_login){ 0 };
    grant->waiting_end = &grant->waiting;
    grant->link = &sink->grants;
    grant->next = sink->grants;
    if (grant->next != NULL) {
        grant->next->link = &grant->next;
    }
    sink->grants = grant;
    *out = grant;
    return WH_OK;
}

/* ------------------------------------------------------------------- what has waited */

/* What its attempt has left of its time. */
static int64_t time_left(const whi_http_request *self) {
    return self->timeout - (whi_monotonic_us() - self->begun) / 1000;
}

static void fail_late(whi_http_request *self) {
    whi_http_fail(self, WH_ETIMEOUT, "no token within the time of an attempt (auth.token_url)");
}

static void leave(whi_http_request *self) {
    whi_grant *grant = self->grant;
    int64_t left = time_left(self);
    int code = WH_OK;

    if (left <= 0) {
        fail_late(self);
        return;
    }
    whi_buf_clear(&self->login);
    whi_buf_text(&self->login, grant->line);
    code = whi_buf_status(&self->login);
    self->request.lines[self->token_at] = self->login.data;
    self->request.timeout = left;
    self->token = grant->count;
    code = code == WH_OK ? grant->sink->engine->transport->send(grant->sink->transport, &self->request) : code;
    if (code != WH_OK) {
        whi_http_fail(self, code, wh_last_error());
    }
}

/* ms from now until the first of those that wait has no time left; -1: nobody waits. */
static int64_t first_end(const whi_sink *sink) {
    int64_t first = -1;

    for (const whi_grant *grant = sink->grants; grant != NULL; grant = grant->next) {
        for (const whi_http_request *one = grant->waiting; one != NULL; one = one->waiting_next) {
            int64_t left = time_left(one) > 0 ? time_left(one) : 0;
            first = first < 0 || left < first ? left : first;
        }
    }
    return first;
}

static void note_end(whi_sink *sink) {
    int64_t first = first_end(sink);

    sink->token_end_us = first >= 0 ? whi_monotonic_us() + first * 1000 : 0;
}

/* Those without time left leave the line of their grant for this one. */
static void take_late(whi_grant *grant, whi_http_request ***end) {
    whi_http_request **place = &grant->waiting;

    while (*place != NULL) {
        whi_http_request *one = *place;
        if (time_left(one) > 0) {
            place = &one->waiting_next;
            continue;
        }
        *place = one->waiting_next;
        one->waiting_next = NULL;
        **end = one;
        *end = &one->waiting_next;
    }
    grant->waiting_end = place;
}

/* The token is asked for further on: the others wait for it, and the next attempt. Who is told may come back, so all of
 * them are out of their lines by then. */
static void end_late(whi_sink *sink) {
    whi_http_request *late = NULL, **end = &late;

    for (whi_grant *grant = sink->grants; grant != NULL; grant = grant->next) {
        take_late(grant, &end);
    }
    note_end(sink);
    while (late != NULL) {
        whi_http_request *next = late->waiting_next;
        fail_late(late);
        late = next;
    }
}

/* The line is taken whole: who leaves may come back into it. */
static void end_waiting(whi_grant *grant, int code, const char *sentence) {
    whi_http_request *self = grant->waiting;

    grant->waiting = NULL;
    grant->waiting_end = &grant->waiting;
    whi_grant_ref(grant); /* the last of them may be the last to have it */
    while (self != NULL) {
        whi_http_request *next = self->waiting_next;
        if (code == WH_OK) {
            leave(self);
        } else {
            whi_http_fail(self, code, sentence);
        }
        self = next;
    }
    whi_grant_unref(grant);
}

/* --------------------------------------------------------------------------- asking */

static int take_token(whi_grant *grant, const whi_request *request) {
    char *token = NULL;
    int64_t life = 0;
    whi_buf line;
    int code = whi_source_grant_read(request->response, request->response_size, &token, &life);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&line, SIZE_MAX / 4);
    whi_buf_reserve(&line, strlen(token) + 32);
    whi_buf_text(&line, "Authorization: Bearer ");
    whi_buf_text(&line, token);
    whi_free_secret(token, strlen(token));
    forget_token(grant);
    code = whi_buf_take(&line, &grant->line, NULL);
    grant->renew_at = whi_now(grant->sink->engine) + life;
    grant->count += code == WH_OK;
    return code;
}

static void on_answer(whi_request *request, void *payload) {
    whi_grant *grant = payload;
    char sentence[WHI_SENTENCE];
    int code = request->error;

    grant->asking = 0;
    if (code == WH_OK && request->status == 200) {
        code = take_token(grant, request);
        snprintf(sentence, sizeof sentence, "%s", code != WH_OK ? wh_last_error() : "");
    } else if (code == WH_OK) {
        code = WH_ESTATUS;
        snprintf(sentence, sizeof sentence, "auth.token_url: answered %d", request->status);
    } else {
        snprintf(sentence, sizeof sentence, "%s%s", code == WH_ECLOSED ? "" : "auth.token_url: ", request->message);
    }
    whi_source_asked_free(&grant->asked);
    end_waiting(grant, code, sentence);
    whi_grant_unref(grant);
}

/* As many at once as there may be requests that wait for one: what does not answer keeps nobody else from a token. */
static int open_transport(whi_sink *sink) {
    wh_engine *engine = sink->engine;
    int64_t most = engine->options.limits.in_flight;
    whi_transport_options options = { &sink->token_limits,     engine->policy, engine->options.user_agent,
                                      engine->options.ca_file, sink->poller,   0 };

    if (sink->tokens != NULL) {
        return WH_OK;
    }
    sink->token_limits = engine->options.limits;
    sink->token_limits.connections = most > LEAST_CONNECTIONS ? most : LEAST_CONNECTIONS;
    sink->token_limits.response_kept_bytes = sink->token_limits.response_read_bytes = ANSWER_BYTES;
    return engine->transport->open(&sink->tokens, &options);
}

static void fill(whi_grant *grant, const whi_http_request *first) {
    whi_request *request = &grant->request;

    *request = (whi_request){ .url = grant->asked.url.data,
                              .body = grant->asked.body.data,
                              .body_size = grant->asked.body.size,
                              .lane = (int64_t)(grant->hash >> 1),
                              .connect_timeout = first->request.connect_timeout,
                              .timeout = TIMEOUT_MS,
                              .done = on_answer,
                              .payload = grant };
    for (const struct curl_slist *line = grant->asked.lines; line != NULL; line = line->next) {
        request->lines[request->line_count++] = line->data;
    }
}

/* Through the proxy of whoever asks first: a sink that has to leave by one has no other way. */
static int ask(whi_grant *grant, const whi_http_request *first) {
    whi_sink *sink = grant->sink;
    int code = open_transport(sink);

    code = code == WH_OK ? whi_source_ask_token(&grant->asked, &grant->login.grant) : code;
    if (code != WH_OK) {
        return code;
    }
    fill(grant, first);
    grant->request.peer = sink->way;
    code = sink->engine->transport->send(sink->tokens, &grant->request);
    if (code != WH_OK) {
        whi_source_asked_free(&grant->asked);
        return code;
    }
    grant->asking = 1;
    whi_grant_ref(grant);
    return WH_OK;
}

/* -------------------------------------------------------------------------- sending */

static void wait(whi_http_request *self) {
    whi_grant *grant = self->grant;
    int64_t end_us;
    int code = WH_OK;

    self->waiting_next = NULL;
    *grant->waiting_end = self;
    grant->waiting_end = &self->waiting_next;
    end_us = self->begun + self->timeout * 1000;
    if (grant->sink->token_end_us == 0 || end_us < grant->sink->token_end_us) {
        grant->sink->token_end_us = end_us;
    }
    if (!grant->asking) {
        code = ask(grant, self);
    }
    if (code != WH_OK) {
        char sentence[WHI_SENTENCE];
        snprintf(sentence, sizeof sentence, "%s", wh_last_error());
        end_waiting(grant, code, sentence);
    }
}

void whi_grant_send(whi_http_request *self) {
    whi_grant *grant = self->grant;

    self->timeout = self->request.timeout;
    self->begun = whi_monotonic_us();
    self->is_second = 0;
    self->token_at = self->request.line_count++;
    if (grant->line != NULL && whi_now(grant->sink->engine) < grant->renew_at) {
        leave(self);
    } else {
        wait(self);
    }
}

int whi_grant_again(whi_http_request *self) {
    whi_grant *grant = self->grant;

    if (grant == NULL || self->is_second || self->request.error != WH_OK || self->request.status != 401 ||
        time_left(self) <= 0) {
        return 0;
    }
    self->is_second = 1;
    if (self->token == grant->count) {
        forget_token(grant);
    }
    if (grant->line != NULL) {
        leave(self);
    } else {
        wait(self);
    }
    return 1;
}

/* ------------------------------------------------------------------------ the sink's */

void whi_grants_ready(whi_sink *sink, const whi_ready *ready, int count) {
    if (sink->tokens != NULL) {
        sink->engine->transport->ready(sink->tokens, ready, count);
    }
}

void whi_grants_tick(whi_sink *sink) {
    if (sink->tokens != NULL) {
        sink->engine->transport->tick(sink->tokens);
    }
    if (sink->token_end_us != 0 && whi_monotonic_us() >= sink->token_end_us) {
        end_late(sink);
    }
}

int whi_grants_timeout(const whi_sink *sink) {
    int own = sink->tokens != NULL ? sink->engine->transport->timeout(sink->tokens) : -1;
    int64_t left = (sink->token_end_us - whi_monotonic_us() + 999) / 1000;

    if (sink->token_end_us == 0) {
        return own;
    }
    left = left > 0 ? left : 0;
    return own < 0 || left < own ? (int)left : own;
}

/* Who waits for a token ends with the request for it. */
void whi_grants_cut(whi_sink *sink, const char *sentence) {
    if (sink->tokens != NULL) {
        sink->engine->transport->cut(sink->tokens, NULL, sentence);
    }
}

int whi_grant_withdraw(whi_http_request *self) {
    whi_grant *grant = self->grant;
    whi_http_request **place = &grant->waiting;

    while (*place != NULL && *place != self) {
        place = &(*place)->waiting_next;
    }
    if (*place == NULL) {
        return 0;
    }
    *place = self->waiting_next;
    if (self->waiting_next == NULL) {
        grant->waiting_end = place;
    }
    self->waiting_next = NULL;
    note_end(self->sink);
    return 1;
}

void whi_grants_close(whi_sink *sink) {
    if (sink->tokens != NULL) {
        sink->engine->transport->close(sink->tokens);
        sink->tokens = NULL;
    }
    for (whi_grant *grant = sink->grants, *next; grant != NULL; grant = next) {
        next = grant->next;
        leave_list(grant);
        if (grant->asking) {
            grant->asking = 0;
            whi_source_asked_free(&grant->asked);
            whi_grant_unref(grant);
        }
    }
}
