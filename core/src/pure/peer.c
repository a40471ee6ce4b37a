/* Tests: test_receiver_access. */
#include "pure/peer.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/secret.h"
#include "pure/url.h"
#include "webhook.h"

whi_peer *whi_peer_new(void) {
    whi_peer *peer = whi_calloc(1, sizeof *peer);

    if (peer != NULL) {
        peer->refs = 1;
    }
    return peer;
}

whi_peer *whi_peer_ref(whi_peer *peer) {
    if (peer != NULL) {
        peer->refs++;
    }
    return peer;
}

void whi_peer_unref(whi_peer *peer) {
    if (peer == NULL || --peer->refs > 0) {
        return;
    }
    char *const texts[] = { peer->certificate, peer->key,        peer->authorities,   peer->pins,
                            peer->proxy,       peer->proxy_user, peer->proxy_password };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        whi_free_secret(texts[i], texts[i] != NULL ? strlen(texts[i]) : 0);
    }
    whi_free(peer);
}

int whi_peer_same(const whi_peer *a, const whi_peer *b) {
    return a == b || (a != NULL && b != NULL && memcmp(a->mark, b->mark, WHI_PEER_MARK) == 0);
}

/* Each with its zero byte, and one more for one that is not there, so that no two of them give the same bytes. */
int whi_peer_finish(whi_peer *peer) {
    const char *const texts[] = { peer->certificate, peer->key,        peer->authorities,   peer->pins,
                                  peer->proxy,       peer->proxy_user, peer->proxy_password };
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned size = 0;
    int done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; done && i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i] != NULL ? texts[i] : "\1";
        done = EVP_DigestUpdate(digest, text, strlen(text) + 1) == 1;
    }
    done = done && EVP_DigestFinal_ex(digest, peer->mark, &size) == 1 && size == WHI_PEER_MARK;
    EVP_MD_CTX_free(digest);
    return done ? WH_OK : whi_fail_crypto("digest what a connection is made with");
}

/* ---------------------------------------------------------------------------- PEM */

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *out, int size, int writes, void *payload) {
    (void)out;
    (void)size;
    (void)writes;
    (void)payload;
    return -1;
}

static X509 *read_certificate(BIO *from) {
    return PEM_read_bio_X509(from, NULL, no_passphrase, NULL);
}

static EVP_PKEY *read_key(const char *text) {
    BIO *from = BIO_new_mem_buf(text, -1);
    EVP_PKEY *key = from != NULL ? PEM_read_bio_PrivateKey(from, NULL, no_passphrase, NULL) : NULL;

    BIO_free(from);
    return key;
}

static X509 *first_certificate(const char *text) {
    BIO *from = BIO_new_mem_buf(text, -1);
    X509 *certificate = from != NULL ? read_certificate(from) : NULL;

    BIO_free(from);
    return certificate;
}

int whi_peer_check_pair(const char *certificate_text, const char *key_text) {
    X509 *certificate = first_certificate(certificate_text);
    EVP_PKEY *key = certificate != NULL ? read_key(key_text) : NULL;
    int code = WH_OK;

    if (certificate == NULL) {
        code = whi_fail_field(WH_EINVALID, "tls.certificate", "expected a certificate as PEM");
    } else if (key == NULL) {
        code = whi_fail_field(WH_EINVALID, "tls.key", "expected a private key as PEM, without a passphrase");
    } else if (X509_check_private_key(certificate, key) != 1) {
        code = whi_fail_field(WH_EINVALID, "tls.key", "expected the certificate's own, found another one");
    }
    EVP_PKEY_free(key);
    X509_free(certificate);
    ERR_clear_error();
    return code;
}

int whi_peer_check_authorities(const char *text) {
    X509 *certificate = first_certificate(text);
    int found = certificate != NULL;

    X509_free(certificate);
    ERR_clear_error();
    return found ? WH_OK : whi_fail_field(WH_EINVALID, "tls.ca", "expected certificates as PEM");
}

/* --------------------------------------------------------------------------- texts */

#define PIN_NAME "sha256//"
#define PIN_LETTERS WHI_BASE64_SIZE(32)

static int is_pin(const char *text, size_t size) {
    uint8_t bytes[33];
    size_t count = 0;

    return size == sizeof PIN_NAME - 1 + PIN_LETTERS && memcmp(text, PIN_NAME, sizeof PIN_NAME - 1) == 0 &&
           whi_base64_decode(text + sizeof PIN_NAME - 1, PIN_LETTERS, bytes, sizeof bytes, &count) == WH_OK &&
           count == 32;
}

int whi_peer_check_pins(const char *text) {
    for (size_t size;; text += size + 1) {
        size = strcspn(text, ";");
        if (!is_pin(text, size)) {
            return whi_fail_field(WH_EINVALID, "tls.pin",
                                  "expected \"sha256//\" and 44 letters of base64, several with ; between them");
        }
        if (text[size] == '\0') {
            return WH_OK;
        }
    }
}

/* The URL that our own reader of URLs would take, with http for a scheme it does not know. */
static size_t scheme_of(const char *text) {
    static const char *const schemes[] = { "http://", "https://", "socks5://", "socks5h://" };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i]);
        if (strncmp(text, schemes[i], size) == 0) {
            return size;
        }
    }
    return 0;
}

int whi_peer_proxy(const char *text, const char *field, char *host, uint16_t *port) {
    char plain[WHI_URL_SIZE + 8];
    size_t scheme = scheme_of(text), size = strlen(text);
    const char *colon = strrchr(text + scheme, ':');
    whi_url url;

    if (scheme == 0 || size >= WHI_URL_SIZE || strpbrk(text + scheme, "/?#@") != NULL || colon == NULL ||
        colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")] != '\0') {
        return whi_fail_field(WH_EINVALID, field,
                              "expected http://, https:// or socks5://, a host, \":\" and a port, and nothing else");
    }
    snprintf(plain, sizeof plain, "http://%s", text + scheme);
    if (whi_url_parse(&url, plain) != WH_OK) {
        return whi_fail_renamed(WH_EINVALID, field);
    }
    if (host != NULL) {
        snprintf(host, WHI_URL_SIZE, "%s", url.host);
        *port = url.port;
    }
    return WH_OK;
}
