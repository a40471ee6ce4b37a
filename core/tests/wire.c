#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/accept.h"

void wire_init(wire *w) {
    const char *name = getenv("WEBHOOK_TEST_TRANSPORT");

    memset(w, 0, sizeof *w);
    w->vtable = name != NULL && strcmp(name, "libcurl") == 0 ? &whi_transport_curl : &whi_transport_auto;
    assert_int_equal(whi_limits_take(&w->limits, NULL), WH_OK);
}

void wire_open(wire *w, const char *ca_file, int strict) {
    static const char *const loopback[] = { "127.0.0.0/8", "::1" };
    whi_transport_options options = { &w->limits, NULL, "webhook/test", ca_file, NULL, w->kept_ms };

    assert_int_equal(whi_policy_new(&w->policy, loopback, strict ? 0 : 2), WH_OK);
    assert_int_equal(whi_poller_new(&w->poller), WH_OK);
    options.policy = w->policy;
    options.poller = w->poller;
    if (w->vtable->open(&w->transport, &options) != WH_OK) {
        fail_msg("the transport does not open: %s", wh_last_error());
    }
}

void wire_close(wire *w) {
    w->vtable->close(w->transport);
    whi_poller_free(w->poller);
    whi_policy_free(w->policy);
}

static void on_done(whi_request *request, void *payload) {
    sending *s = payload;
    size_t size = request->response_size < sizeof s->response ? request->response_size : sizeof s->response - 1;

    if (size > 0) {
        memcpy(s->response, request->response, size);
    }
    s->response[size] = '\0';
    s->done++;
    s->wire->done_count++;
}

void wire_fill(wire *w, sending *s, const char *url) {
    memset(s, 0, sizeof *s);
    s->wire = w;
    s->request.url = url;
    s->request.lines[0] = "Content-Type: application/json";
    s->request.line_count = 1;
    s->request.body = "{}";
    s->request.body_size = 2;
    s->request.lane = 1;
    s->request.connect_timeout = 10000;
    s->request.timeout = 10000;
    s->request.done = on_done;
    s->request.payload = s;
}

int wire_send(sending *s) {
    return s->wire->vtable->send(s->wire->transport, &s->request);
}

void wire_post(wire *w, sending *s, const char *url) {
    wire_fill(w, s, url);
    if (wire_send(s) != WH_OK) {
        fail_msg("%s is not sent: %s", url, wh_last_error());
    }
    assert_int_equal(s->done, 0);
}

void wire_turn(wire *w, int ms) {
    whi_ready ready[64];
    int wait = w->vtable->timeout(w->transport);
    int count = whi_poller_wait(w->poller, ready, 64, wait < 0 || wait > ms ? ms : wait);

    assert_true(count >= 0);
    w->vtable->ready(w->transport, ready, count);
    w->vtable->tick(w->transport);
}

void wire_run(wire *w, int count) {
    int64_t end = whi_monotonic_us() + 20000000;

    while (w->done_count < count) {
        if (whi_monotonic_us() > end) {
            fail_msg("%d of %d requests ended", w->done_count, count);
        }
        wire_turn(w, 1000);
    }
}

void wire_exchange(wire *w, sending *s, const char *url) {
    int before = w->done_count;

    wire_post(w, s, url);
    wire_run(w, before + 1);
}
