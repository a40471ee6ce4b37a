/* What a receiver gets beside the data: logins, tokens of OAuth2, its content type, packed bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "receiver.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static char logged[65536];

static void keep_line(int level, const char *line, void *payload) {
    (void)level;
    (void)payload;
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", line);
}

static wh_engine *open_real(void) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    logged[0] = '\0';
    options.allow = allow;
    options.allow_count = 1;
    options.timeout = 10000;
    options.log = keep_line;
    options.log_level = WH_LOG_DEBUG;
    options.transport = getenv("WEBHOOK_TEST_TRANSPORT");
    if (wh_open(&engine, fixture_file(), &options) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    return engine;
}

static void subscribe(wh_engine *engine, receiver *to, const char *more, char *id) {
    char document[1200];

    snprintf(document, sizeof document, "{\"url\":\"%s\",\"secrets\":[\"" SECRET "\"],\"retry\":[0],%s}",
             receiver_url(to, "/hook"), more);
    fixture_subscribe(engine, document, id);
}

static const received *send_one(const char *more, receiver *to) {
    wh_engine *engine = open_real();

    subscribe(engine, to, more, NULL);
    fixture_publish(engine, "order.paid", "{\"n\":1}", NULL);
    fixture_run(engine);
    wh_close(engine);
    assert_int_equal(receiver_count(to), 1);
    return receiver_get(to, 0);
}

static void a_basic_login_is_sent(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    const received *got;

    (void)state;
    got = send_one("\"auth\":{\"type\":\"basic\",\"username\":\"Aladdin\",\"password\":\"open sesame\"}", to);
    /* the example of RFC 7617 2 */
    assert_string_equal(receiver_header(got, "Authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    receiver_free(to);
}

static void a_bearer_token_is_sent_whatever_headers_say(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    const received *got;

    (void)state;
    got = send_one("\"headers\":{\"authorization\":\"other\"},\"auth\":{\"type\":\"bearer\",\"token\":\"t0k3n\"}", to);
    assert_string_equal(receiver_header(got, "Authorization"), "Bearer t0k3n");
    assert_null(strstr(got->head, "other"));
    receiver_free(to);
}

static void secret_headers_are_sent(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    const received *got;

    (void)state;
    got = send_one("\"auth\":{\"type\":\"headers\",\"headers\":{\"X-Api-Key\":\"k3y\",\"X-Other\":\"o\"}}", to);
    assert_string_equal(receiver_header(got, "X-Api-Key"), "k3y");
    assert_string_equal(receiver_header(got, "X-Other"), "o");
    receiver_free(to);
}

static void a_content_type_takes_the_place_of_ours(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    const received *got;

    (void)state;
    got = send_one("\"content_type\":\"application/vnd.shop+json\"", to);
    assert_string_equal(receiver_header(got, "Content-Type"), "application/vnd.shop+json");
    receiver_free(to);
}

/* -------------------------------------------------------------------------- packing */

static char *unpacked(const received *got, size_t *size) {
    char *out = malloc(4 * 1048576);
    z_stream stream = { 0 };

    assert_non_null(out);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (Bytef *)got->body;
    stream.avail_in = (uInt)got->body_size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = 4 * 1048576;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    *size = stream.total_out;
    inflateEnd(&stream);
    return out;
}

static int verify(const received *request, const char *body, size_t size) {
    static const char *const names[] = { "webhook-id", "webhook-timestamp", "webhook-signature" };
    const char *const secrets[] = { SECRET };
    wh_header headers[3];
    char values[3][512];

    for (int i = 0; i < 3; i++) {
        snprintf(values[i], sizeof values[i], "%s", receiver_header(request, names[i]));
        headers[i] = (wh_header){ names[i], values[i] };
    }
    return wh_verify(secrets, 1, headers, 3, body, size, 0, 0);
}

static char *long_payload(size_t letters) {
    char *text = malloc(letters + 32);

    assert_non_null(text);
    snprintf(text, letters + 32, "{\"a\":\"%0*d\"}", (int)letters, 0);
    return text;
}

static void a_long_body_is_packed_and_signed_as_it_is_unpacked(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_real();
    char *payload = long_payload(5000), *body;
    const received *got;
    size_t size;

    (void)state;
    subscribe(engine, to, "\"compress\":\"gzip\"", NULL);
    fixture_publish(engine, "order.paid", payload, NULL);
    fixture_run(engine);
    got = receiver_get(to, 0);
    assert_string_equal(receiver_header(got, "Content-Encoding"), "gzip");
    assert_true(got->body_size < 500);
    body = unpacked(got, &size);
    assert_int_equal(size, strlen(payload));
    assert_memory_equal(body, payload, size);
    assert_int_equal(verify(got, body, size), WH_OK);
    assert_int_equal(verify(got, got->body, got->body_size), WH_ESIG_MISMATCH);
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    got = receiver_get(to, 1);
    assert_null(receiver_header(got, "Content-Encoding"));
    assert_string_equal(got->body, "{}");
    wh_close(engine);
    free(body);
    free(payload);
    receiver_free(to);
}

/* libcurl would ask for a 100 first, and wait a second for it. */
static void a_body_of_more_than_a_megabyte_leaves_without_asking(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    char *payload = long_payload(1500000);
    wh_engine *engine = open_real();
    const received *got;

    (void)state;
    assert_int_equal(wh_settings_set(engine, "{\"payload_bytes\":3000000}", WH_ZSTR), WH_OK);
    subscribe(engine, to, "\"name\":\"large\"", NULL);
    fixture_publish(engine, "order.paid", payload, NULL);
    fixture_run(engine);
    got = receiver_get(to, 0);
    assert_int_equal(got->body_size, strlen(payload));
    assert_null(receiver_header(got, "Expect"));
    wh_close(engine);
    free(payload);
    receiver_free(to);
}

/* --------------------------------------------------------------------------- OAuth2 */

/* An endpoint of tokens, and a receiver that takes the last of them alone. */
typedef struct office {
    atomic_int tokens; /* given out */
    atomic_int least;  /* the first that is taken */
    char answers[8][64];
} office;

static void serve(const received *request, receiver_answer *answer, void *payload) {
    office *self = payload;
    const char *login = receiver_header(request, "Authorization");

    if (strcmp(request->path, "/token") == 0) {
        int number = atomic_fetch_add(&self->tokens, 1) + 1;
        snprintf(self->answers[number % 8], sizeof self->answers[0], "{\"access_token\":\"t%d\",\"expires_in\":3600}",
                 number);
        answer->body = self->answers[number % 8];
        answer->body_size = strlen(answer->body);
    } else {
        int number = login != NULL ? (int)strtol(login + strlen("Bearer t"), NULL, 10) : 0;
        answer->status = number >= atomic_load(&self->least) && number > 0 ? 200 : 401;
    }
}

static void subscribe_oauth2(wh_engine *engine, receiver *to, char *id) {
    char more[600];

    snprintf(more, sizeof more,
             "\"auth\":{\"type\":\"oauth2\",\"token_url\":\"%s\",\"client_id\":\"shop\",\"client_secret\":\"s3cr3t\","
             "\"scope\":\"hooks\"}",
             receiver_url(to, "/token"));
    subscribe(engine, to, more, id);
}

static void a_token_is_asked_for_once_and_kept(void **state) {
    office self = { 0 };
    receiver *to = receiver_new(serve, &self);
    wh_engine *engine = open_real();
    const received *first;

    (void)state;
    subscribe_oauth2(engine, to, NULL);
    for (int i = 0; i < 5; i++) {
        fixture_publish(engine, "order.paid", "{\"n\":1}", NULL);
    }
    fixture_run(engine);
    assert_int_equal(receiver_count(to), 6);
    first = receiver_get(to, 0);
    assert_string_equal(first->path, "/token");
    assert_string_equal(first->body, "grant_type=client_credentials&scope=hooks");
    assert_string_equal(receiver_header(first, "Authorization"), "Basic c2hvcDpzM2NyM3Q="); /* shop:s3cr3t */
    assert_string_equal(receiver_header(receiver_get(to, 5), "Authorization"), "Bearer t1");
    wh_close(engine);
    assert_null(strstr(logged, "s3cr3t"));
    assert_null(strstr(logged, "Bearer"));
    receiver_free(to);
}

static void a_token_that_is_refused_is_renewed_once_in_the_same_attempt(void **state) {
    office self = { 0 };
    receiver *to = receiver_new(serve, &self);
    wh_engine *engine = open_real();
    char *page;

    (void)state;
    subscribe_oauth2(engine, to, NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    atomic_store(&self.least, 2);
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(atomic_load(&self.tokens), 2);
    assert_int_equal(receiver_count(to), 5);
    assert_string_equal(receiver_header(receiver_get(to, 4), "Authorization"), "Bearer t2");
    atomic_store(&self.least, 100);
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(atomic_load(&self.tokens), 3); /* and not once more for that attempt */
    assert_int_equal(receiver_count(to), 8);
    page = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(page, "\"attempts\":1");
    assert_has(page, "answered 401");
    assert_null(strstr(page, "Bearer"));
    wh_free(page);
    wh_close(engine);
    receiver_free(to);
}

static void refuse(const received *request, receiver_answer *answer, void *payload) {
    (void)payload;
    answer->status = strcmp(request->path, "/token") == 0 ? 400 : 200;
    answer->body = "{\"error\":\"invalid_client\"}";
    answer->body_size = strlen(answer->body);
}

static void without_a_token_the_attempt_fails_and_says_why(void **state) {
    receiver *to = receiver_new(refuse, NULL);
    wh_engine *engine = open_real();
    char *page;

    (void)state;
    subscribe_oauth2(engine, to, NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(receiver_count(to), 1);
    page = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(page, "auth.token_url: answered 400");
    assert_null(strstr(page, "s3cr3t"));
    wh_free(page);
    wh_close(engine);
    receiver_free(to);
}

static void hang(const received *request, receiver_answer *answer, void *payload) {
    (void)request;
    (void)payload;
    answer->fault = RECEIVER_HANG;
}

/* Endpoints of tokens that take what they are asked, and do not answer, below /slow. */
static void serve_some(const received *request, receiver_answer *answer, void *payload) {
    if (strncmp(request->path, "/slow", 5) == 0) {
        answer->fault = RECEIVER_HANG;
    } else {
        serve(request, answer, payload);
    }
}

#define SILENT 20

static void endpoints_that_do_not_answer_keep_nobody_else_from_a_token(void **state) {
    office self = { 0 };
    receiver *to = receiver_new(serve_some, &self);
    wh_engine *engine = open_real();
    int64_t end_us = whi_monotonic_us() + 20000000; /* they are waited for as long as 30 s */
    char more[600];

    (void)state;
    for (int i = 0; i < SILENT; i++) {
        snprintf(more, sizeof more,
                 "\"events\":[\"slow\"],\"auth\":{\"type\":\"oauth2\",\"token_url\":\"%s\",\"client_id\":\"c%d\","
                 "\"client_secret\":\"s\"}",
                 receiver_url(to, "/slow"), i);
        subscribe(engine, to, more, NULL);
    }
    fixture_publish(engine, "slow", "{}", NULL);
    while (receiver_count(to) < SILENT && whi_monotonic_us() < end_us) {
        assert_true(wh_step(engine) >= 0);
    }
    subscribe_oauth2(engine, to, NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    while (atomic_load(&self.tokens) == 0 && whi_monotonic_us() < end_us) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(atomic_load(&self.tokens), 1);
    wh_close(engine);
    receiver_free(to);
}

/* The endpoint is asked for up to 30 s, and the attempt has a tenth of a second. */
static void who_waits_for_a_token_waits_as_long_as_its_attempt_may_take(void **state) {
    receiver *to = receiver_new(hang, NULL);
    wh_engine *engine = open_real();
    int64_t begun_us = whi_monotonic_us(), end_us = begun_us + 20000000;
    char more[600], id[WH_ID_SIZE], *page = NULL;
    size_t size;
    int failed = 0;

    (void)state;
    snprintf(more, sizeof more,
             "\"timeout\":100,\"auth\":{\"type\":\"oauth2\",\"token_url\":\"%s\","
             "\"client_id\":\"shop\",\"client_secret\":\"s\"}",
             receiver_url(to, "/token"));
    subscribe(engine, to, more, id);
    fixture_publish(engine, "order.paid", "{}", NULL);
    while (!failed && whi_monotonic_us() < end_us) {
        wh_query query = WH_QUERY_INIT;

        query.subscription = id;
        query.state = "exhausted";
        assert_true(wh_step(engine) >= 0);
        assert_int_equal(wh_deliveries(engine, &query, &page, &size), WH_OK);
        failed = strstr(page, "no token within the time of an attempt") != NULL;
        wh_free(page);
    }
    assert_true(failed);
    assert_true(whi_monotonic_us() - begun_us >= 100000);
    wh_close(engine);
    receiver_free(to);
}

static void an_engine_that_is_closed_while_it_waits_for_a_token_leaks_nothing(void **state) {
    receiver *to = receiver_new(hang, NULL);
    wh_engine *engine = open_real();

    (void)state;
    subscribe_oauth2(engine, to, NULL);
    fixture_publish(engine, "order.paid", "{}", NULL);
    while (receiver_count(to) == 0) {
        assert_true(wh_step(engine) >= 0);
    }
    wh_close(engine);
    receiver_free(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_basic_login_is_sent, fixture_setup),
        cmocka_unit_test_setup(a_bearer_token_is_sent_whatever_headers_say, fixture_setup),
        cmocka_unit_test_setup(secret_headers_are_sent, fixture_setup),
        cmocka_unit_test_setup(a_content_type_takes_the_place_of_ours, fixture_setup),
        cmocka_unit_test_setup(a_long_body_is_packed_and_signed_as_it_is_unpacked, fixture_setup),
        cmocka_unit_test_setup(a_body_of_more_than_a_megabyte_leaves_without_asking, fixture_setup),
        cmocka_unit_test_setup(a_token_is_asked_for_once_and_kept, fixture_setup),
        cmocka_unit_test_setup(a_token_that_is_refused_is_renewed_once_in_the_same_attempt, fixture_setup),
        cmocka_unit_test_setup(without_a_token_the_attempt_fails_and_says_why, fixture_setup),
        cmocka_unit_test_setup(endpoints_that_do_not_answer_keep_nobody_else_from_a_token, fixture_setup),
        cmocka_unit_test_setup(who_waits_for_a_token_waits_as_long_as_its_attempt_may_take, fixture_setup),
        cmocka_unit_test_setup(an_engine_that_is_closed_while_it_waits_for_a_token_leaks_nothing, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
