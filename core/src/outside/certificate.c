/* Tests: test_transport_tls. */
#include "outside/certificate.h"

#include "base/error.h"
#include "base/mem.h"
#include "outside/scarce.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct whi_certificates {
    struct whi_certificates *next;
    char *ca_file; /* NULL: the system's */
    X509_STORE *store;
    int refs;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static whi_certificates *all; /* under the lock */

int whi_certificates_usable(void) {
    char ours[32];
    const char *theirs = curl_version_info(CURLVERSION_NOW)->ssl_version;

    snprintf(ours, sizeof ours, "OpenSSL/%u.", OPENSSL_version_major());
    return theirs != NULL && strncmp(theirs, ours, strlen(ours)) == 0;
}

static const char *readable(const char *file) {
    return file != NULL && access(file, R_OK) == 0 ? file : NULL;
}

#if LIBCURL_VERSION_NUM >= 0x075400
static const char *curl_bundle(CURL *easy) {
    char *file = NULL;

    return curl_easy_getinfo(easy, CURLINFO_CAINFO, &file) == CURLE_OK ? file : NULL;
}
#else
static const char *curl_bundle(CURL *easy) {
    (void)easy;
    return NULL;
}
#endif

/* 1 if one of the folders, with colons between, has a file. OpenSSL takes a folder that is not there,
 * and then trusts nobody. */
int whi_certificates_in(const char *folders) {
    char one[PATH_MAX];

    for (size_t size; *folders != '\0'; folders += size + (folders[size] == ':')) {
        struct dirent *entry;
        int found = 0;
        DIR *folder;
        size = strcspn(folders, ":");
        snprintf(one, sizeof one, "%.*s", (int)(size < sizeof one ? size : sizeof one - 1), folders);
        folder = opendir(one);
        while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
            found = entry->d_name[0] != '.';
        }
        if (folder != NULL) {
            closedir(folder);
        }
        if (found) {
            return 1;
        }
    }
    return 0;
}

static int load_folders(X509_STORE *store) {
    const char *folders = getenv(X509_get_default_cert_dir_env());

    folders = folders != NULL ? folders : X509_get_default_cert_dir();
    return whi_certificates_in(folders) && X509_STORE_set_default_paths(store);
}

static int copy_name(char out[WHI_BUNDLE_SIZE], const char *file) {
    return file != NULL && snprintf(out, WHI_BUNDLE_SIZE, "%s", file) < WHI_BUNDLE_SIZE;
}

/* Where the system keeps its bundle: what the user set for OpenSSL, what libcurl was
 * built with, what OpenSSL was built with, in this order. */
int whi_certificates_file(const char *ca_file, char out[WHI_BUNDLE_SIZE]) {
    CURL *easy;
    const char *file = readable(getenv(X509_get_default_cert_file_env()));
    int found;

    if (ca_file != NULL) {
        return copy_name(out, readable(ca_file));
    }
    easy = curl_easy_init();
    if (file == NULL && easy != NULL) {
        file = readable(curl_bundle(easy));
    }
    if (file == NULL) {
        file = readable(X509_get_default_cert_file());
    }
    found = copy_name(out, file);
    curl_easy_cleanup(easy);
    return found;
}

static int load_system(X509_STORE *store) {
    char file[WHI_BUNDLE_SIZE];

    return whi_certificates_file(NULL, file) ? X509_STORE_load_file(store, file) : load_folders(store);
}

/* 1 if OpenSSL's queue of errors, which is emptied, says that a file could not be opened for
 * want of descriptors or memory. */
static int was_scarce(void) {
    unsigned long error;
    int scarce = 0;

    while ((error = ERR_get_error()) != 0) {
        scarce |= ERR_SYSTEM_ERROR(error) ? whi_scarce_errno((int)ERR_GET_REASON(error))
                                          : ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    }
    return scarce || whi_scarce_descriptors();
}

static int ca_file_refused(const char *file) {
    struct stat about;

    if (stat(file, &about) == 0 && S_ISDIR(about.st_mode)) {
        return whi_fail_field(WH_EINVALID, "ca_file", "'%s' is a directory, a file is expected", file);
    }
    return access(file, R_OK) != 0
               ? whi_fail_field(WH_EINVALID, "ca_file", "'%s': %s", file, strerror(errno))
               : whi_fail_field(WH_EINVALID, "ca_file", "'%s' cannot be read as PEM certificates", file);
}

/* Flags as libcurl sets them on a store of its own. */
static int load(whi_certificates *trust) {
    int loaded;

    trust->store = X509_STORE_new();
    if (trust->store == NULL) {
        return whi_fail_memory();
    }
    X509_STORE_set_flags(trust->store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    loaded = trust->ca_file != NULL ? X509_STORE_load_file(trust->store, trust->ca_file) : load_system(trust->store);
    if (loaded == 1) {
        ERR_clear_error();
        return WH_OK;
    }
    if (was_scarce()) {
        return whi_fail(WH_ERESOURCE, "the certificates cannot be read now: no descriptor or no memory is left");
    }
    return trust->ca_file != NULL ? ca_file_refused(trust->ca_file)
                                  : whi_fail(WH_ETLS, "this system has no certificates of authorities (the package is "
                                                      "mostly called ca-certificates); the option ca_file or "
                                                      "$SSL_CERT_FILE names others");
}

static void free_trust(whi_certificates *trust) {
    X509_STORE_free(trust->store);
    whi_free(trust->ca_file);
    whi_free(trust);
}

static int make(whi_certificates **out, const char *ca_file) {
    whi_certificates *trust = whi_calloc(1, sizeof *trust);
    int code;

    if (trust == NULL) {
        return whi_fail_memory();
    }
    trust->refs = 1;
    trust->ca_file = whi_strdup(ca_file, WH_ZSTR);
    code = ca_file != NULL && trust->ca_file == NULL ? whi_fail_memory() : load(trust);
    if (code != WH_OK) {
        free_trust(trust);
        return code;
    }
    *out = trust;
    return WH_OK;
}

static int same(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int whi_certificates_get(whi_certificates **out, const char *ca_file) {
    int code = WH_OK;

    pthread_mutex_lock(&lock);
    for (*out = all; *out != NULL && !same((*out)->ca_file, ca_file); *out = (*out)->next) {}
    if (*out != NULL) {
        (*out)->refs++;
    } else {
        code = make(out, ca_file);
        if (code == WH_OK) {
            (*out)->next = all;
            all = *out;
        }
    }
    pthread_mutex_unlock(&lock);
    return code;
}

void whi_certificates_put(whi_certificates *trust) {
    whi_certificates **link;

    if (trust == NULL) {
        return;
    }
    pthread_mutex_lock(&lock);
    if (--trust->refs == 0) {
        for (link = &all; *link != trust; link = &(*link)->next) {}
        *link = trust->next;
        free_trust(trust);
    }
    pthread_mutex_unlock(&lock);
}

void whi_certificates_attach(const whi_certificates *trust, void *ssl_context) {
    SSL_CTX_set1_cert_store(ssl_context, trust->store);
}

/* ------------------------------------------------------------------------- asking */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int place; /* of a whi_asking in an SSL_CTX */

static void release(void *parent, void *data, CRYPTO_EX_DATA *all_data, int index, long argument, void *pointer) {
    whi_asking *asking = data;

    (void)parent;
    (void)all_data;
    (void)index;
    (void)argument;
    (void)pointer;
    if (asking != NULL) {
        asking->released(asking->payload);
        whi_free(asking);
    }
}

static void take_place(void) {
    place = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, release);
}

/* 0: there is no certificate, and the handshake goes on. */
static int on_asked(SSL *ssl, X509 **certificate, EVP_PKEY **key) {
    const whi_asking *asking = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place);

    (void)certificate;
    (void)key;
    if (asking != NULL) {
        asking->asked(asking->payload);
    }
    return 0;
}

void whi_certificates_listen(void *ssl_context, const whi_asking *asking) {
    whi_asking *kept = whi_alloc(sizeof *kept);

    pthread_once(&once, take_place);
    if (kept != NULL) {
        *kept = *asking;
    }
    if (kept == NULL || place < 0 || !SSL_CTX_set_ex_data(ssl_context, place, kept)) {
        whi_free(kept);
        asking->released(asking->payload);
        return;
    }
    SSL_CTX_set_client_cert_cb(ssl_context, on_asked);
}
