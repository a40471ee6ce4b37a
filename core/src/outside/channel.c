/* Tests: test_queue_nats. */
#include "outside/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/socket.h"
#include "outside/certificate.h"
#include "outside/dialect.h"

void whi_channel_open(whi_channel *channel, const whi_reach *reach, int fd) {
    memset(channel, 0, sizeof *channel);
    channel->reach = reach;
    channel->fd = fd;
    channel->is_open = 1;
}

void whi_channel_close(whi_channel *channel) {
    SSL_free(channel->tls);
    SSL_CTX_free(channel->context);
    if (channel->is_open) {
        close(channel->fd);
    }
    memset(channel, 0, sizeof *channel);
}

/* ----------------------------------------------------------------------- a socket
 * OpenSSL's own way to a socket sends a signal where the other side has closed, which would end the program. */

static int is_for_now(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int bio_write(BIO *bio, const char *bytes, int size) {
    const whi_channel *channel = BIO_get_data(bio);
    ssize_t sent = whi_socket_send(channel->fd, bytes, (size_t)size);

    BIO_clear_retry_flags(bio);
    if (sent < 0 && is_for_now()) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static int bio_read(BIO *bio, char *out, int room) {
    const whi_channel *channel = BIO_get_data(bio);
    ssize_t size = recv(channel->fd, out, (size_t)room, MSG_DONTWAIT);

    BIO_clear_retry_flags(bio);
    if (size < 0 && is_for_now()) {
        BIO_set_retry_read(bio);
    }
    return (int)size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Kept for the process. */
static void make_method(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "webhook channel");
    if (method != NULL) {
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
}

static int attach(whi_channel *channel) {
    BIO *bio;

    (void)pthread_once(&once, make_method);
    bio = method != NULL ? BIO_new(method) : NULL;
    if (bio == NULL) {
        return 0;
    }
    BIO_set_data(bio, channel);
    BIO_set_init(bio, 1);
    SSL_set_bio(channel->tls, bio, bio);
    return 1;
}

/* ---------------------------------------------------------------------------- TLS */

static int is_literal(const char *host) {
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static int expect_host(SSL *tls, const char *host) {
    return is_literal(host) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host)
                            : SSL_set1_host(tls, host) && SSL_set_tlsext_host_name(tls, host);
}

static int make_context(whi_channel *channel, const char *ca_file, int insecure) {
    SSL_CTX *context = channel->context = SSL_CTX_new(TLS_client_method());
    whi_certificates *trust;

    if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) {
        return whi_fail_memory();
    }
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (insecure) {
        return WH_OK;
    }
    if (whi_certificates_get(&trust, ca_file) != WH_OK) {
        return whi_fail(WH_ETLS, "there are no certificates of authorities to verify by");
    }
    whi_certificates_attach(trust, context); /* which has its own hold on them */
    whi_certificates_put(trust);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return WH_OK;
}

static int make_tls(whi_channel *channel, const char *host, const char *ca_file, int insecure) {
    int code = make_context(channel, ca_file, insecure);

    if (code != WH_OK) {
        return code;
    }
    channel->tls = SSL_new(channel->context);
    return channel->tls != NULL && expect_host(channel->tls, host) && attach(channel) ? WH_OK : whi_fail_memory();
}

/* What a call of OpenSSL's came to, which was not done: 0 for now, -1 for good. */
static ssize_t look(whi_channel *channel, int done) {
    int why = SSL_get_error(channel->tls, done);

    channel->wants_write = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void tell_refusal(const whi_channel *channel, whi_object_result *result) {
    long verified = SSL_get_verify_result(channel->tls);

    whi_result_set(result, WHI_OBJECT_AGAIN,
                   verified != X509_V_OK ? "TLS: the certificate is not good, or not the host's"
                                         : "TLS: the server has ended the handshake");
}

static void shake_hands(whi_channel *channel, int64_t until, whi_object_result *result) {
    int done;

    ERR_clear_error();
    while ((done = SSL_connect(channel->tls)) != 1) {
        enum whi_reach_end end;

        if (look(channel, done) < 0) {
            tell_refusal(channel, result);
            return;
        }
        end = whi_channel_wait(channel, 0, until);
        if (end != WHI_REACH_READY) {
            whi_reach_tell(end, "connecting over TLS", result);
            return;
        }
        ERR_clear_error();
    }
    channel->wants_write = 0;
}

void whi_channel_secure(whi_channel *channel, const char *host, const char *ca_file, int insecure, int64_t until,
                        whi_object_result *result) {
    char sentence[160];

    if (make_tls(channel, host, ca_file, insecure) != WH_OK) {
        snprintf(sentence, sizeof sentence, "TLS: %s", wh_last_error());
        whi_result_set(result, WHI_OBJECT_AGAIN, sentence);
        return;
    }
    shake_hands(channel, until, result);
}

/* ------------------------------------------------------------------------- moving */

ssize_t whi_channel_receive(whi_channel *channel, void *out, size_t room) {
    ssize_t size;

    if (channel->tls != NULL) {
        ERR_clear_error();
        size = SSL_read(channel->tls, out, (int)room);
        return size > 0 ? size : look(channel, (int)size);
    }
    size = recv(channel->fd, out, room, MSG_DONTWAIT);
    return size > 0 ? size : size < 0 && is_for_now() ? 0 : -1;
}

ssize_t whi_channel_send(whi_channel *channel, const void *bytes, size_t size) {
    ssize_t sent;

    if (channel->tls != NULL) {
        ERR_clear_error();
        sent = SSL_write(channel->tls, bytes, (int)(size < 65536 ? size : 65536));
        return sent > 0 ? sent : look(channel, (int)sent);
    }
    sent = whi_socket_send(channel->fd, bytes, size);
    return sent >= 0 ? sent : is_for_now() ? 0 : -1;
}

enum whi_reach_end whi_channel_wait(const whi_channel *channel, int has_more, int64_t until) {
    int what = WHI_READ | (has_more || channel->wants_write ? WHI_WRITE : 0);

    if (channel->tls != NULL && SSL_pending(channel->tls) > 0) {
        return WHI_REACH_READY;
    }
    return whi_reach_wait(channel->reach, channel->fd, what, until, NULL);
}
