#include "certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES 64

static char folder[] = "/tmp/webhook-test-XXXXXX";
static char *files[FILES];
static int file_count;

static void die(const char *what) {
    fprintf(stderr, "certificates: %s\n", what);
    abort();
}

static void remove_all(void) {
    for (int i = 0; i < file_count; i++) {
        remove(files[i]); /* nginx makes a folder of one */
        free(files[i]);
    }
    rmdir(folder);
}

const char *certificates_file(const char *name) {
    char path[256];

    if (file_count == 0) {
        if (mkdtemp(folder) == NULL || atexit(remove_all) != 0) {
            die("no folder");
        }
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int i = 0; i < file_count; i++) {
        if (strcmp(files[i], path) == 0) {
            return files[i];
        }
    }
    if (file_count == FILES || (files[file_count] = strdup(path)) == NULL) {
        die("too many files");
    }
    return files[file_count++];
}

static FILE *open_file(const char *name, const char *ending, const char *mode) {
    char whole[128];
    FILE *file;

    snprintf(whole, sizeof whole, "%s%s", name, ending);
    file = fopen(certificates_file(whole), mode);
    if (file == NULL) {
        die(whole);
    }
    return file;
}

static void add_extension(X509 *certificate, X509 *issuer, int id, const char *value) {
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1) {
        die(value);
    }
    X509_EXTENSION_free(extension);
}

static void read_issuer(const char *name, X509 **certificate, EVP_PKEY **key) {
    FILE *file = open_file(name, ".pem", "r");

    *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    file = open_file(name, ".key", "r");
    *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (*certificate == NULL || *key == NULL) {
        die("the issuer cannot be read");
    }
}

static void write_both(const char *name, X509 *certificate, EVP_PKEY *key) {
    FILE *file = open_file(name, ".pem", "w");

    PEM_write_X509(file, certificate);
    fclose(file);
    file = open_file(name, ".key", "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

void certificates_make(const char *name, const char *names, const char *issuer) {
    static int serial = 1;
    EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = key;
    X509 *certificate = X509_new(), *issuer_certificate = certificate;
    X509_NAME *subject = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    if (issuer != NULL) {
        read_issuer(issuer, &issuer_certificate, &issuer_key);
    }
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer_certificate));
    add_extension(certificate, issuer_certificate, NID_basic_constraints,
                  issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(certificate, issuer_certificate, NID_subject_alt_name, names);
    if (X509_sign(certificate, issuer_key, EVP_sha256()) == 0) {
        die("not signed");
    }
    write_both(name, certificate, key);
    if (issuer != NULL) {
        X509_free(issuer_certificate);
        EVP_PKEY_free(issuer_key);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
}
