#include "strict_tls.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificates.h"

struct strict_tls {
    SSL_CTX *context;
    pthread_t thread;
    int listener, port;
};

static SSL_CTX *context_of(const char *name, int version, int needed) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char file[80];

    assert_non_null(context);
    snprintf(file, sizeof file, "%s.pem", name);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(context, certificates_file(file)), 1);
    snprintf(file, sizeof file, "%s.key", name);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, certificates_file(file), SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (needed ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* who comes again is asked again */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return context;
}

static void serve(const strict_tls *self, int fd) {
    SSL *ssl = SSL_new(self->context);
    char bytes[4096];

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        SSL_read(ssl, bytes, sizeof bytes);
    }
    SSL_free(ssl);
    close(fd);
}

static void *loop(void *payload) {
    strict_tls *self = payload;
    int fd;

    while ((fd = accept(self->listener, NULL, NULL)) >= 0) {
        serve(self, fd);
    }
    return NULL;
}

strict_tls *strict_tls_new(const char *name, int version, int needed) {
    strict_tls *self = calloc(1, sizeof *self);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    assert_non_null(self);
    self->context = context_of(name, version, needed);
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(self->listener, 16), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &size), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, loop, self), 0);
    return self;
}

void strict_tls_free(strict_tls *self) {
    shutdown(self->listener, SHUT_RDWR);
    pthread_join(self->thread, NULL);
    close(self->listener);
    SSL_CTX_free(self->context);
    free(self);
}

int strict_tls_port(const strict_tls *self) {
    return self->port;
}
