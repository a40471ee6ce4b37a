#include "sinks/http.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "pure/delivery.h"
#include "pure/retry.h"
#include "sinks/http_grant.h"
#include "systems/header.h"
#include "systems/system.h"

/* -------------------------------------------------------------------------- the pool */

static void put_in(whi_http_request **list, whi_http_request *self) {
    self->next = *list;
    self->link = list;
    if (self->next != NULL) {
        self->next->link = &self->next;
    }
    *list = self;
}

static void take_out(whi_http_request *self) {
    *self->link = self->next;
    if (self->next != NULL) {
        self->next->link = self->link;
    }
}

static whi_http_request *request_new(whi_sink *sink) {
    whi_http_request *self = whi_http_request_new(sink->engine);

    if (self != NULL) {
        self->sink = sink;
    }
    return self;
}

static whi_http_request *take_request(whi_sink *sink) {
    whi_http_request *self = sink->idle;

    if (self != NULL) {
        take_out(self);
    } else {
        self = request_new(sink);
    }
    if (self != NULL) {
        put_in(&sink->under_way, self);
    }
    return self;
}

static void give_request(whi_http_request *self) {
    self->parcel = NULL;
    whi_http_let_go(self);
    take_out(self);
    put_in(&self->sink->idle, self);
}

static void free_all(whi_http_request *list) {
    while (list != NULL) {
        whi_http_request *next = list->next;
        whi_http_request_free(list);
        list = next;
    }
}

/* ------------------------------------------------------------------ what an answer means */

/* Want of something here, or of the store: no word about the receiver. */
static int is_here(int error) {
    switch (error) {
    case WH_ERESOURCE:
    case WH_ENOMEM:
    case WH_ESTORE:
    case WH_EFULL:
    case WH_ELOCKED:
    case WH_ECORRUPT:
    case WH_EMOVED:
    case WH_EKEY:
        return 1;
    default:
        return 0;
    }
}

#define UNLIKE "the data are not as JSON.stringify writes them: a receiver in JavaScript cannot verify this one"

/* Behind the sentence, if there is one: it may be the reason, and there is none to see at the receiver's. */
static void add_unlike(char out[WHI_SENTENCE]) {
    size_t size = strlen(out);

    snprintf(out + size, WHI_SENTENCE - size, "%s" UNLIKE, size > 0 ? "; " : "");
}

/* Whoever may subscribe could look around in our network: which names are there, and of what kind their addresses
 * are. So all of it is one code and one sentence, and the log has the reason. */
static void hide_network(wh_engine *engine, const whi_delivery *delivery, whi_request *request) {
    char id[WH_ID_SIZE];

    if (request->error != WH_EADDRESS && request->error != WH_ERESOLVE) {
        return;
    }
    whi_ident_format("sub_", delivery->registration->subscription->id, id);
    whi_log(&engine->log, WH_LOG_WARNING, "%s cannot be delivered to: %s: %s", id, wh_error_name(request->error),
            request->message);
    request->error = WH_EADDRESS;
    snprintf(request->message, sizeof request->message, "the host has no address that may be reached");
}

static void write_sentence(const whi_request *request, int code, char out[WHI_SENTENCE]) {
    if (request->error != WH_OK && request->message[0] != '\0') {
        snprintf(out, WHI_SENTENCE, "%s: %s", wh_error_name(code), request->message);
    } else if (request->status != 0) {
        snprintf(out, WHI_SENTENCE, "%s: answered %d", wh_error_name(code), request->status);
    } else {
        snprintf(out, WHI_SENTENCE, "%s", wh_error_name(code));
    }
}

static void judge(wh_engine *engine, whi_parcel *parcel, whi_request *request, int unlike) {
    const whi_delivery *delivery = parcel->delivery;
    const whi_system *system = delivery->registration->subscription->system;
    whi_response response;

    hide_network(engine, delivery, request);
    response = (whi_response){ delivery->event->type, request->error, request->status };
    parcel->outcome = whi_system_outcome(system, &response, &parcel->code, &parcel->aborts);
    parcel->answers = parcel->aborts || (request->error == WH_OK && request->status >= 200 && request->status < 300);
    parcel->overloaded =
        !parcel->aborts && (request->error != WH_OK || request->status == 429 || request->status == 503);
    if (parcel->outcome == WHI_OUTCOME_SUCCESS) {
        parcel->sentence[0] = '\0';
    } else {
        parcel->retry_after = whi_retry_after(request->retry_after, whi_now(engine));
        write_sentence(request, parcel->code, parcel->sentence);
    }
    if (unlike) {
        add_unlike(parcel->sentence);
    }
}

static void put_back(whi_parcel *parcel, const whi_request *request) {
    parcel->outcome = WHI_OUTCOME_NONE;
    parcel->code = request->error;
    snprintf(parcel->sentence, WHI_SENTENCE, "%s", request->message);
}

static void note_cut(whi_parcel *parcel, const whi_request *request) {
    parcel->outcome = WHI_OUTCOME_CUT;
    parcel->code = request->error;
    write_sentence(request, parcel->code, parcel->sentence);
}

static void done(whi_request *request, void *payload) {
    whi_http_request *self = payload;
    whi_parcel *parcel = self->parcel;

    if (whi_grant_again(self)) {
        return;
    }
    parcel->status = request->status;
    parcel->duration_us = request->duration_us;
    parcel->answer = request->response;
    parcel->answer_size = request->response_size;
    if (is_here(request->error)) {
        put_back(parcel, request);
    } else if (request->error == WH_ECLOSED) {
        note_cut(parcel, request);
    } else {
        judge(self->sink->engine, parcel, request, self->unlike);
    }
    give_request(self);
    parcel->done(parcel, parcel->payload);
}

/* ------------------------------------------------------------------------- the sink */

static int http_open(whi_sink **out, wh_engine *engine, whi_poller *poller) {
    whi_transport_options options = { &engine->options.limits, engine->policy, engine->options.user_agent,
                                      engine->options.ca_file, poller,         0 };
    whi_sink *sink = whi_calloc(1, sizeof *sink);
    int code;

    *out = NULL;
    if (sink == NULL) {
        return whi_fail_memory();
    }
    sink->engine = engine;
    sink->poller = poller;
    code = whi_access_peer(&sink->way, NULL, engine->options.proxy);
    code = code == WH_OK ? engine->transport->open(&sink->transport, &options) : code;
    if (code != WH_OK) {
        whi_peer_unref(sink->way);
        whi_free(sink);
        return code;
    }
    *out = sink;
    return WH_OK;
}

static void http_close(whi_sink *sink) {
    if (sink == NULL) {
        return;
    }
    sink->engine->transport->close(sink->transport);
    whi_grants_close(sink);
    free_all(sink->under_way);
    free_all(sink->idle);
    whi_peer_unref(sink->way);
    whi_free(sink);
}

static void fail_parcel(whi_parcel *parcel) {
    whi_request request = { .error = WH_ENOMEM };

    snprintf(request.message, sizeof request.message, "no memory for a request");
    parcel->status = 0;
    put_back(parcel, &request);
    parcel->done(parcel, parcel->payload);
}

static void submit_one(whi_sink *sink, whi_parcel *parcel) {
    whi_http_request *self = take_request(sink);
    int code;

    if (self == NULL) {
        fail_parcel(parcel);
        return;
    }
    self->parcel = parcel;
    self->kept = parcel->kept;
    code = whi_http_fill(self);
    self->request.done = done;
    self->request.payload = self;
    if (code == WH_OK && self->grant != NULL) {
        whi_grant_send(self);
        return;
    }
    code = code == WH_OK ? sink->engine->transport->send(sink->transport, &self->request) : code;
    if (code != WH_OK) {
        whi_http_fail(self, code, wh_last_error());
    }
}

static void http_submit(whi_sink *sink, whi_parcel *const *parcels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        submit_one(sink, parcels[i]);
    }
}

static void http_ready(whi_sink *sink, const whi_ready *ready, int count) {
    sink->engine->transport->ready(sink->transport, ready, count);
    whi_grants_ready(sink, ready, count);
}

static void http_tick(whi_sink *sink) {
    sink->engine->transport->tick(sink->transport);
    whi_grants_tick(sink);
}

static int http_timeout(const whi_sink *sink) {
    int own = sink->engine->transport->timeout(sink->transport), tokens = whi_grants_timeout(sink);

    return own < 0 || (tokens >= 0 && tokens < own) ? tokens : own;
}

static void cut_all(whi_sink *sink, const char *sentence) {
    sink->engine->transport->cut(sink->transport, NULL, sentence);
    whi_grants_cut(sink, sentence);
}

static void http_cut(whi_sink *sink, const whi_parcel *only, const char *sentence) {
    whi_http_request *self = sink->under_way;

    if (only == NULL) {
        cut_all(sink, sentence);
        return;
    }
    while (self != NULL && self->parcel != only) {
        self = self->next;
    }
    if (self != NULL && self->grant != NULL && whi_grant_withdraw(self)) {
        whi_http_fail(self, WH_ECLOSED, sentence);
    } else if (self != NULL) {
        sink->engine->transport->cut(sink->transport, &self->request, sentence);
    }
}

const whi_sink_vtable whi_sink_http = {
    .open = http_open,
    .close = http_close,
    .submit = http_submit,
    .ready = http_ready,
    .tick = http_tick,
    .timeout = http_timeout,
    .forget = whi_http_forget,
    .cut = http_cut,
};
