/* TLS and HTTP/2, against a real nginx. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "certificates.h"
#include "nginx.h"
#include "outside/certificate.h"
#include "outside/transport_curl.h"
#include "receiver.h"
#include "strict_tls.h"
#include "tls_peer.h"
#include "wire.h"

static nginx *good, *own, *wrong, *two, *brief;
static wire w;

static int start_all(void **state) {
    (void)state;
    certificates_make("authority", "DNS:authority.test", NULL);
    certificates_make("good", "DNS:localhost,IP:127.0.0.1", "authority");
    certificates_make("own", "DNS:localhost,IP:127.0.0.1", NULL);
    certificates_make("wrong", "DNS:other.example", "authority");
    good = nginx_new("good", 0, 1000);
    own = nginx_new("own", 0, 1000);
    wrong = nginx_new("wrong", 0, 1000);
    two = nginx_new("good", 1, 1000);
    brief = nginx_new("good", 0, 1);
    return 0;
}

static int stop_all(void **state) {
    (void)state;
    nginx_free(good);
    nginx_free(own);
    nginx_free(wrong);
    nginx_free(two);
    nginx_free(brief);
    return 0;
}

static int setup(void **state) {
    (void)state;
    wire_init(&w);
    wire_open(&w, certificates_file("authority.pem"), 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    wire_close(&w);
    return 0;
}

static void to(const nginx *n, const char *host, sending *s, int insecure, int http2) {
    char url[128];

    snprintf(url, sizeof url, "https://%s:%d/hook", host, nginx_port(n));
    wire_fill(&w, s, url);
    s->request.insecure = insecure;
    s->request.http2 = http2;
    if (wire_send(s) != WH_OK) {
        fail_msg("not sent: %s", wh_last_error());
    }
    wire_run(&w, w.done_count + 1);
}

static void a_certificate_of_the_named_authority_is_accepted(void **state) {
    sending s;

    (void)state;
    to(good, "127.0.0.1", &s, 0, 0);
    assert_string_equal(s.request.message, "");
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 200);
    to(good, "localhost", &s, 0, 0);
    assert_int_equal(s.request.status, 200);
}

static void a_certificate_of_nobody_is_refused(void **state) {
    sending s;

    (void)state;
    to(own, "localhost", &s, 0, 0);
    assert_int_equal(s.request.error, WH_ETLS);
    assert_int_equal(s.request.status, 0);
    assert_non_null(strstr(s.request.message, "certificate"));
}

static void a_certificate_for_another_host_is_refused(void **state) {
    sending s;

    (void)state;
    to(wrong, "localhost", &s, 0, 0);
    assert_int_equal(s.request.error, WH_ETLS);
    assert_non_null(strstr(s.request.message, "localhost"));
    to(wrong, "127.0.0.1", &s, 0, 0);
    assert_int_equal(s.request.error, WH_ETLS);
}

static void the_named_authority_replaces_the_systems(void **state) {
    sending s;

    (void)state;
    wire_close(&w);
    wire_init(&w);
    wire_open(&w, NULL, 0);
    to(good, "localhost", &s, 0, 0);
    assert_int_equal(s.request.error, WH_ETLS);
}

static void an_insecure_request_accepts_any_certificate(void **state) {
    sending s;

    (void)state;
    to(own, "localhost", &s, 1, 0);
    assert_int_equal(s.request.status, 200);
    to(wrong, "localhost", &s, 1, 0);
    assert_int_equal(s.request.status, 200);
}

static void an_insecure_connection_serves_no_secure_request(void **state) {
    sending s;

    (void)state;
    to(own, "localhost", &s, 1, 0);
    assert_int_equal(s.request.status, 200);
    to(own, "localhost", &s, 0, 0);
    assert_int_equal(s.request.error, WH_ETLS);
    to(own, "localhost", &s, 1, 0);
    assert_int_equal(s.request.status, 200);
    assert_string_equal(strrchr(s.response, ' ') - 2, " 2 .");
}

/* Several, since who ends first, the other side's alert or our request, is a matter of luck. */
static void assert_asked(int version, int needed) {
    strict_tls *server = strict_tls_new("good", version, needed);
    char url[128];
    sending s;

    snprintf(url, sizeof url, "https://localhost:%d/hook", strict_tls_port(server));
    for (int i = 0; i < 10; i++) {
        wire_exchange(&w, &s, url);
        assert_int_equal(s.request.status, 0);
        assert_int_equal(s.request.error, WH_ETLS);
        if (strstr(s.request.message, "the receiver asked for a client certificate, and there is none to show") ==
            NULL) {
            fail_msg("not told: %s", s.request.message);
        }
    }
    strict_tls_free(server);
}

static void a_client_certificate_that_is_asked_for_is_named(void **state) {
    (void)state;
    assert_asked(TLS1_3_VERSION, 1);
    assert_asked(TLS1_2_VERSION, 1);
    assert_asked(TLS1_3_VERSION, 0);
}

static void one_that_is_not_asked_for_is_not(void **state) {
    receiver_answer answer = { .fault = RECEIVER_CLOSE };
    receiver *plain = receiver_new(NULL, NULL);
    sending s;

    (void)state;
    receiver_set(plain, "/", answer);
    wire_exchange(&w, &s, receiver_url(plain, "/"));
    assert_int_equal(s.request.error, WH_EIO);
    assert_null(strstr(s.request.message, "certificate"));
    receiver_free(plain);
}

static void plain_http_at_a_tls_port_and_the_reverse_are_errors(void **state) {
    receiver *plain = receiver_new(NULL, NULL);
    char url[128];
    sending s;

    (void)state;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", receiver_port(plain));
    wire_fill(&w, &s, url);
    s.request.timeout = 500;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_run(&w, 1);
    assert_true(s.request.error == WH_ETLS || s.request.error == WH_ETIMEOUT);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", nginx_port(good));
    wire_exchange(&w, &s, url);
    assert_int_equal(s.request.status, 400);
    receiver_free(plain);
}

static void http2_is_spoken_when_it_is_asked_for(void **state) {
    sending s;

    (void)state;
    to(two, "localhost", &s, 0, 1);
    assert_memory_equal(s.response, "HTTP/2.0 ", 9);
    to(two, "localhost", &s, 0, 0);
    assert_memory_equal(s.response, "HTTP/1.1 ", 9);
    to(two, "localhost", &s, 0, 1);
    assert_memory_equal(s.response, "HTTP/2.0 ", 9);
    to(good, "localhost", &s, 0, 1);
    assert_memory_equal(s.response, "HTTP/1.1 ", 9);
}

/* nginx answers before it has read the body and resets the stream, so no body here. */
static void many_requests_share_one_http2_connection(void **state) {
    enum { REQUESTS = 40 };
    static sending s[REQUESTS];
    char url[128];

    (void)state;
    snprintf(url, sizeof url, "https://localhost:%d/hook", nginx_port(two));
    for (int i = 0; i < REQUESTS; i++) {
        wire_fill(&w, &s[i], url);
        s[i].request.http2 = 1;
        s[i].request.body_size = 0;
        assert_int_equal(wire_send(&s[i]), WH_OK);
    }
    wire_run(&w, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(s[i].request.status, 200);
    }
    assert_int_equal(w.transport->socket_count, 1);
}

static void a_session_is_resumed_by_the_next_connection(void **state) {
    sending s;

    (void)state;
    to(brief, "localhost", &s, 0, 0);
    assert_string_equal(strrchr(s.response, ' '), " .");
    to(brief, "localhost", &s, 0, 0);
    assert_string_equal(strrchr(s.response, ' '), " r");
}

static void a_session_is_resumed_across_lanes_of_one_host(void **state) {
    sending s;

    (void)state;
    for (int64_t lane = 1; lane <= 3; lane++) {
        char url[64];
        snprintf(url, sizeof url, "https://localhost:%d/hook", nginx_port(brief));
        wire_fill(&w, &s, url);
        s.request.lane = lane;
        s.request.body_size = 0;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&w, w.done_count + 1);
        assert_int_equal(s.request.status, 200);
        assert_string_equal(strrchr(s.response, ' '), lane == 1 ? " ." : " r");
    }
}

/* ----------------------------------------------------- what is answered, and how it ends */

#define HEAD "HTTP/1.1 200 OK\r\n"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void ask(const tls_peer *peer, sending *s) {
    char url[64];

    snprintf(url, sizeof url, "https://localhost:%d/hook", tls_peer_port(peer));
    wire_exchange(&w, s, url);
}

static void a_connection_with_tls_is_used_again(void **state) {
    static const size_t records[] = { 16384, 7, 1 };
    sending s;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tls_peer *peer = tls_peer_new("good", versions[i]);
        for (size_t j = 0; j < 3; j++) {
            tls_peer_set(peer, HEAD "Content-Length: 5\r\n\r\nhello", records[j], TLS_PEER_KEEPS);
            ask(peer, &s);
            assert_int_equal(s.request.status, 200);
            assert_string_equal(s.response, "hello");
        }
        assert_int_equal(tls_peer_connections(peer), 1);
        assert_int_equal(tls_peer_requests(peer), 3);
        tls_peer_free(peer);
    }
}

static void a_large_body_goes_through_tls(void **state) {
    size_t size = 5 * 1024 * 1024;
    char *body = calloc(1, size), url[64];
    sending s;

    (void)state;
    assert_non_null(body);
    for (size_t i = 0; i < 2; i++) {
        tls_peer *peer = tls_peer_new("good", versions[i]);
        snprintf(url, sizeof url, "https://localhost:%d/hook", tls_peer_port(peer));
        wire_fill(&w, &s, url);
        s.request.body = body;
        s.request.body_size = size;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&w, w.done_count + 1);
        assert_int_equal(s.request.status, 200);
        assert_int_equal(tls_peer_bytes(peer), size);
        tls_peer_free(peer);
    }
    free(body);
}

/* With or without close_notify: what was said stands, and the next request has a connection of its own. */
static void an_answer_counts_however_tls_ends_behind_it(void **state) {
    static const char *const answers[] = { HEAD "Content-Length: 5\r\n\r\nhello", HEAD "\r\nhello",
                                           HEAD "Content-Length: 9\r\n\r\nhello" };
    static const enum tls_peer_end ends[] = { TLS_PEER_NOTIFIES, TLS_PEER_BREAKS };
    sending s;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tls_peer *peer = tls_peer_new("good", versions[i]);
        for (size_t j = 0; j < 6; j++) {
            tls_peer_set(peer, answers[j / 2], 16384, ends[j % 2]);
            ask(peer, &s);
            assert_int_equal(s.request.error, WH_OK);
            assert_int_equal(s.request.status, 200);
            assert_int_equal(tls_peer_requests(peer), j + 1);
        }
        assert_int_equal(tls_peer_connections(peer), 6);
        tls_peer_free(peer);
    }
}

static void no_answer_is_an_io_error_however_tls_ends(void **state) {
    static const char *const answers[] = { "", "HTTP/1.1 200 O" };
    static const enum tls_peer_end ends[] = { TLS_PEER_NOTIFIES, TLS_PEER_BREAKS };
    sending s;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tls_peer *peer = tls_peer_new("good", versions[i]);
        for (size_t j = 0; j < 4; j++) {
            tls_peer_set(peer, answers[j / 2], 16384, ends[j % 2]);
            ask(peer, &s);
            assert_int_equal(s.request.error, WH_EIO);
            assert_int_equal(s.request.status, 0);
            assert_true(strlen(s.request.message) > 10);
            assert_int_equal(tls_peer_requests(peer), j + 1);
        }
        tls_peer_free(peer);
    }
}

/* The one that was used before has ended without a byte of an answer: once more, and once only. */
static void a_used_connection_with_tls_that_breaks_is_replaced(void **state) {
    sending s;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tls_peer *peer = tls_peer_new("good", versions[i]);
        ask(peer, &s);
        tls_peer_set(peer, "", 16384, TLS_PEER_BREAKS);
        ask(peer, &s);
        assert_int_equal(s.request.error, WH_EIO);
        assert_int_equal(tls_peer_requests(peer), 3);
        assert_int_equal(tls_peer_connections(peer), 2);
        tls_peer_free(peer);
    }
}

static void a_new_connection_reads_no_file_of_certificates(void **state) {
    int watch = inotify_init1(IN_NONBLOCK);
    char events[4096];
    sending s;

    (void)state;
    assert_true(watch >= 0);
    assert_true(inotify_add_watch(watch, certificates_file("authority.pem"), IN_OPEN) >= 0);
    inotify_add_watch(watch, "/etc/ssl/certs", IN_OPEN);
    for (int i = 0; i < 5; i++) {
        to(brief, "localhost", &s, 0, 0);
        assert_int_equal(s.request.status, 200);
    }
    assert_int_equal(read(watch, events, sizeof events), -1);
    close(watch);
}

static void a_file_of_authorities_that_is_not_one_is_refused_at_opening(void **state) {
    static const char *const names[][2] = { { "/nonexistent/ca.pem", "No such file" },
                                            { "/dev/null", "cannot be read as PEM certificates" },
                                            { "/tmp", "is a directory, a file is expected" } };
    whi_transport_options options = { &w.limits, w.policy, "", NULL, w.poller, 0 };
    whi_transport *transport;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        options.ca_file = names[i][0];
        assert_int_equal(w.vtable->open(&transport, &options), WH_EINVALID);
        assert_non_null(strstr(wh_last_error(), names[i][0]));
        assert_non_null(strstr(wh_last_error(), names[i][1]));
        assert_null(transport);
    }
}

static void a_folder_without_certificates_is_none(void **state) {
    char folder[] = "/tmp/webhook-certificates-XXXXXX", list[200], file[100];
    FILE *made;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(whi_certificates_in(folder), 0);
    assert_int_equal(whi_certificates_in("/nonexistent:"), 0);
    assert_int_equal(whi_certificates_in(""), 0);
    snprintf(file, sizeof file, "%s/1.0", folder);
    made = fopen(file, "w");
    assert_non_null(made);
    fclose(made);
    snprintf(list, sizeof list, "/nonexistent:%s", folder);
    assert_int_equal(whi_certificates_in(list), 1);
    assert_int_equal(whi_certificates_in(folder), 1);
    unlink(file);
    rmdir(folder);
}

static void the_authorities_are_read_once(void **state) {
    whi_certificates *one, *other;

    (void)state;
    assert_true(whi_certificates_usable());
    assert_int_equal(whi_certificates_get(&one, certificates_file("authority.pem")), WH_OK);
    assert_int_equal(whi_certificates_get(&other, certificates_file("authority.pem")), WH_OK);
    assert_ptr_equal(one, other);
    whi_certificates_put(one);
    whi_certificates_put(other);
    whi_certificates_put(NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_of_the_named_authority_is_accepted),
        TEST(a_certificate_of_nobody_is_refused),
        TEST(a_certificate_for_another_host_is_refused),
        TEST(the_named_authority_replaces_the_systems),
        TEST(an_insecure_request_accepts_any_certificate),
        TEST(an_insecure_connection_serves_no_secure_request),
        TEST(a_client_certificate_that_is_asked_for_is_named),
        TEST(one_that_is_not_asked_for_is_not),
        TEST(plain_http_at_a_tls_port_and_the_reverse_are_errors),
        TEST(http2_is_spoken_when_it_is_asked_for),
        TEST(many_requests_share_one_http2_connection),
        TEST(a_session_is_resumed_by_the_next_connection),
        TEST(a_session_is_resumed_across_lanes_of_one_host),
        TEST(a_connection_with_tls_is_used_again),
        TEST(a_large_body_goes_through_tls),
        TEST(an_answer_counts_however_tls_ends_behind_it),
        TEST(no_answer_is_an_io_error_however_tls_ends),
        TEST(a_used_connection_with_tls_that_breaks_is_replaced),
        TEST(a_new_connection_reads_no_file_of_certificates),
        TEST(a_file_of_authorities_that_is_not_one_is_refused_at_opening),
        TEST(a_folder_without_certificates_is_none),
        TEST(the_authorities_are_read_once),
    };
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
