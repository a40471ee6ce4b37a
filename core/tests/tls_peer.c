#include "tls_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificates.h"

#define HEAD_MAXIMUM 65536

struct tls_peer {
    SSL_CTX *context;
    pthread_t thread;
    pthread_mutex_t lock;
    int listener, port, fd; /* fd: of the connection that is open, -1 for none */
    int ending;
    const char *answer;
    size_t record;
    enum tls_peer_end end;
    size_t connections, requests, bytes;
};

static SSL_CTX *context_of(const char *name, int version) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char file[80];

    assert_non_null(context);
    snprintf(file, sizeof file, "%s.pem", name);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(context, certificates_file(file)), 1);
    snprintf(file, sizeof file, "%s.key", name);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, certificates_file(file), SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    return context;
}

/* The head up to its empty line, and as much of a body as it says. 0 at the end of the stream. */
static int read_request(tls_peer *peer, SSL *ssl) {
    static const char name[] = "Content-Length: ";
    char head[HEAD_MAXIMUM], *end = NULL, *length;
    size_t size = 0, body;
    int got;

    while (end == NULL) {
        got = size < sizeof head - 1 ? SSL_read(ssl, head + size, (int)(sizeof head - 1 - size)) : 0;
        if (got <= 0) {
            return 0;
        }
        size += (size_t)got;
        head[size] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    length = strstr(head, name);
    body = length != NULL ? strtoul(length + sizeof name - 1, NULL, 10) : 0;
    for (size_t have = size - (size_t)(end + 4 - head); have < body; have += (size_t)got) {
        got = SSL_read(ssl, head, sizeof head);
        if (got <= 0) {
            return 0;
        }
    }
    pthread_mutex_lock(&peer->lock);
    peer->requests++;
    peer->bytes += body;
    pthread_mutex_unlock(&peer->lock);
    return 1;
}

static int write_records(SSL *ssl, const char *bytes, size_t record) {
    size_t left = strlen(bytes);

    while (left > 0) {
        size_t size = left < record ? left : record;
        if (SSL_write(ssl, bytes, (int)size) <= 0) {
            return 0;
        }
        bytes += size;
        left -= size;
    }
    return 1;
}

static int converse(tls_peer *peer, SSL *ssl) {
    const char *answer;
    size_t record;
    enum tls_peer_end end;

    if (!read_request(peer, ssl)) {
        return 0;
    }
    pthread_mutex_lock(&peer->lock);
    answer = peer->answer;
    record = peer->record;
    end = peer->end;
    pthread_mutex_unlock(&peer->lock);
    if (!write_records(ssl, answer, record)) {
        return 0;
    }
    if (end == TLS_PEER_NOTIFIES) {
        SSL_shutdown(ssl);
    }
    return end == TLS_PEER_KEEPS;
}

/* 0 when there is no next one. */
static int set_open(tls_peer *peer, int fd) {
    int goes_on;

    pthread_mutex_lock(&peer->lock);
    peer->fd = fd;
    goes_on = !peer->ending;
    pthread_mutex_unlock(&peer->lock);
    return goes_on;
}

static void serve(tls_peer *peer, int fd) {
    SSL *ssl = SSL_new(peer->context);
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        pthread_mutex_lock(&peer->lock);
        peer->connections++;
        pthread_mutex_unlock(&peer->lock);
        while (converse(peer, ssl)) {}
    }
    SSL_free(ssl);
}

/* OpenSSL's own sockets know nothing of a pipe that breaks; the sender under test must, so it is this thread alone
 * that does not mind. */
static void *loop(void *payload) {
    tls_peer *peer = payload;
    sigset_t pipes;
    int fd;

    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, NULL);
    while ((fd = accept(peer->listener, NULL, NULL)) >= 0) {
        if (set_open(peer, fd)) {
            serve(peer, fd);
        }
        set_open(peer, -1);
        close(fd);
    }
    return NULL;
}

tls_peer *tls_peer_new(const char *name, int version) {
    tls_peer *peer = calloc(1, sizeof *peer);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    assert_non_null(peer);
    pthread_mutex_init(&peer->lock, NULL);
    peer->fd = -1;
    tls_peer_set(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 16384, TLS_PEER_KEEPS);
    peer->context = context_of(name, version);
    peer->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(peer->listener, 16), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
    peer->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&peer->thread, NULL, loop, peer), 0);
    return peer;
}

void tls_peer_free(tls_peer *peer) {
    pthread_mutex_lock(&peer->lock);
    peer->ending = 1;
    if (peer->fd >= 0) {
        shutdown(peer->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&peer->lock);
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->listener);
    SSL_CTX_free(peer->context);
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}

int tls_peer_port(const tls_peer *peer) {
    return peer->port;
}

void tls_peer_set(tls_peer *peer, const char *answer, size_t record, enum tls_peer_end end) {
    pthread_mutex_lock(&peer->lock);
    peer->answer = answer;
    peer->record = record;
    peer->end = end;
    pthread_mutex_unlock(&peer->lock);
}

static size_t read_number(tls_peer *peer, const size_t *number) {
    size_t value;

    pthread_mutex_lock(&peer->lock);
    value = *number;
    pthread_mutex_unlock(&peer->lock);
    return value;
}

size_t tls_peer_connections(tls_peer *peer) {
    return read_number(peer, &peer->connections);
}

size_t tls_peer_requests(tls_peer *peer) {
    return read_number(peer, &peer->requests);
}

size_t tls_peer_bytes(tls_peer *peer) {
    return read_number(peer, &peer->bytes);
}
