/* Peers of a transport: certificates, authorities and pins of one receiver, and a proxy on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "certificates.h"
#include "nginx.h"
#include "pure/peer.h"
#include "wire.h"

static nginx *asking, *own;
static wire w;

static char *text_of(const char *name) {
    char text[8192];
    FILE *file = fopen(certificates_file(name), "r");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

    assert_true(size > 0);
    fclose(file);
    return whi_strdup(text, size);
}

static int start_all(void **state) {
    (void)state;
    certificates_make("authority", "DNS:authority.test", NULL);
    certificates_make("good", "DNS:localhost,IP:127.0.0.1", "authority");
    certificates_make("own", "DNS:localhost,IP:127.0.0.1", NULL);
    certificates_make("anna", "DNS:anna.test", "authority");
    certificates_make("berta", "DNS:berta.test", "authority");
    asking = nginx_new_asking("good", "authority");
    own = nginx_new("own", 0, 1000);
    return 0;
}

static int stop_all(void **state) {
    (void)state;
    nginx_free(asking);
    nginx_free(own);
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

static whi_peer *client(const char *name) {
    char file[64];
    whi_peer *peer = whi_peer_new();

    assert_non_null(peer);
    snprintf(file, sizeof file, "%s.pem", name);
    peer->certificate = text_of(file);
    snprintf(file, sizeof file, "%s.key", name);
    peer->key = text_of(file);
    assert_int_equal(whi_peer_finish(peer), WH_OK);
    return peer;
}

static void to(const nginx *n, whi_peer *peer, int64_t lane, sending *s) {
    char url[128];

    snprintf(url, sizeof url, "https://127.0.0.1:%d/hook", nginx_port(n));
    wire_fill(&w, s, url);
    s->request.peer = peer;
    s->request.lane = lane;
    assert_int_equal(wire_send(s), WH_OK);
    wire_run(&w, w.done_count + 1);
}

static void as(const nginx *n, whi_peer *peer, int64_t lane, const char *subject) {
    sending s;
    char expected[64];

    to(n, peer, lane, &s);
    assert_int_equal(s.request.error, WH_OK);
    snprintf(expected, sizeof expected, " CN=%s", subject);
    if (strstr(s.response, expected) == NULL) {
        fail_msg("expected%s, found %s", expected, s.response);
    }
}

/* In turns, so that a connection which serves another one would be at hand. */
static void each_receiver_sees_the_certificate_that_is_meant_for_it(void **state) {
    whi_peer *anna = client("anna"), *berta = client("berta");

    (void)state;
    for (int i = 0; i < 3; i++) {
        as(asking, anna, 1, "anna");
        as(asking, berta, 2, "berta");
    }
    whi_peer_unref(anna);
    whi_peer_unref(berta);
}

static void a_lane_whose_certificate_changes_leaves_its_connections(void **state) {
    whi_peer *anna = client("anna"), *berta = client("berta");

    (void)state;
    as(asking, anna, 1, "anna");
    as(asking, berta, 1, "berta");
    as(asking, anna, 1, "anna");
    whi_peer_unref(anna);
    whi_peer_unref(berta);
}

static void who_has_no_certificate_gets_nothing_of_another_ones_connection(void **state) {
    whi_peer *anna = client("anna");
    sending s;

    (void)state;
    as(asking, anna, 1, "anna");
    to(asking, NULL, 1, &s);
    assert_null(strstr(s.response, "CN="));
    to(asking, NULL, 2, &s);
    assert_null(strstr(s.response, "CN="));
    whi_peer_unref(anna);
}

static void a_connection_with_a_certificate_is_used_again(void **state) {
    whi_peer *anna = client("anna");
    sending s;

    (void)state;
    as(asking, anna, 1, "anna");
    to(asking, anna, 1, &s);
    assert_int_equal(s.request.error, WH_OK);
    assert_non_null(strstr(s.response, " 2 . ")); /* the second request of its connection */
    whi_peer_unref(anna);
}

static void own_authorities_are_trusted_and_no_others(void **state) {
    whi_peer *peer = whi_peer_new();
    sending s;

    (void)state;
    to(own, NULL, 1, &s);
    assert_int_equal(s.request.error, WH_ETLS);
    peer->authorities = text_of("own.pem");
    assert_int_equal(whi_peer_finish(peer), WH_OK);
    to(own, peer, 1, &s);
    assert_int_equal(s.request.error, WH_OK);
    to(asking, peer, 2, &s); /* of the engine's own authority */
    assert_int_equal(s.request.error, WH_ETLS);
    whi_peer_unref(peer);
}

/* "sha256//" and the digest of the public key as DER, RFC 7469 2.4. */
static char *pin_of(const char *name) {
    FILE *file = fopen(certificates_file(name), "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    unsigned char digest[32], *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    char text[64] = "sha256//";

    fclose(file);
    assert_true(size > 0);
    assert_int_equal(EVP_Digest(der, (size_t)size, digest, NULL, EVP_sha256(), NULL), 1);
    whi_base64_encode(digest, sizeof digest, text + strlen(text));
    OPENSSL_free(der);
    X509_free(certificate);
    return whi_strdup(text, WH_ZSTR);
}

static void a_pinned_key_is_the_only_one_that_is_taken(void **state) {
    whi_peer *right = whi_peer_new(), *wrong = whi_peer_new();
    sending s;

    (void)state;
    right->authorities = text_of("own.pem");
    right->pins = pin_of("own.pem");
    wrong->authorities = text_of("own.pem");
    wrong->pins = pin_of("good.pem");
    assert_int_equal(whi_peer_finish(right), WH_OK);
    assert_int_equal(whi_peer_finish(wrong), WH_OK);
    to(own, right, 1, &s);
    assert_int_equal(s.request.error, WH_OK);
    to(own, wrong, 1, &s);
    assert_int_equal(s.request.error, WH_ETLS);
    to(own, wrong, 2, &s);
    assert_int_equal(s.request.error, WH_ETLS);
    to(own, right, 2, &s);
    assert_int_equal(s.request.error, WH_OK);
    whi_peer_unref(right);
    whi_peer_unref(wrong);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_receiver_sees_the_certificate_that_is_meant_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lane_whose_certificate_changes_leaves_its_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_no_certificate_gets_nothing_of_another_ones_connection, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_connection_with_a_certificate_is_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(own_authorities_are_trusted_and_no_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pinned_key_is_the_only_one_that_is_taken, setup, teardown),
    };

    return cmocka_run_group_tests(tests, start_all, stop_all);
}
