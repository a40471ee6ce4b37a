/* bench_sign - what a signature costs: our signer, which also joins the parts and writes
 * base64, against a bare SHA-256 over the same bytes (the floor: an HMAC hashes them too)
 * and against OpenSSL's one-shot HMAC(). CPU time, measured in turn within each round;
 * medians of the rounds. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "pure/sign.h"
#include "webhook.h"

#define ROUNDS 9
#define ROUND_NS 30e6 /* of one measurement */
#define ID "msg_06a3ntgpx0r01"
#define STAMP INT64_C(1790000000)
#define HEAD_SIZE 64

enum { FLOOR, ONE_SHOT, OURS, WAYS };

static const unsigned char key[24] = { 1, 2, 3 };
static char body[10240], joined[sizeof body + HEAD_SIZE];
static size_t body_size, joined_size;
static EVP_MD *sha256;
static EVP_MD_CTX *digest;
static whi_signer *signer;
static whi_buf signature;

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_sign: %s: %s\n", what, wh_last_error());
        exit(1);
    }
}

static void once(int way) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size;

    switch (way) {
    case FLOOR:
        need(EVP_DigestInit_ex2(digest, sha256, NULL) && EVP_DigestUpdate(digest, joined, joined_size) &&
                 EVP_DigestFinal_ex(digest, out, &size),
             "digest");
        break;
    case ONE_SHOT:
        need(HMAC(EVP_sha256(), key, sizeof key, (unsigned char *)joined, joined_size, out, &size) != NULL, "HMAC");
        break;
    default:
        whi_buf_clear(&signature);
        need(whi_signer_sign(signer, ID, STAMP, body, body_size, &signature) == WH_OK, "sign");
    }
}

static double cpu_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(int way) {
    double start = cpu_ns(), spent;
    long count = 0;

    do {
        for (int i = 0; i < 200; i++) {
            once(way);
        }
        count += 200;
        spent = cpu_ns() - start;
    } while (spent < ROUND_NS);
    return spent / (double)count;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

static void bench_size(size_t size) {
    double ns[WAYS][ROUNDS], to_floor[ROUNDS], to_one_shot[ROUNDS];

    body_size = size;
    joined_size = (size_t)snprintf(joined, HEAD_SIZE, "%s.%lld.", ID, (long long)STAMP);
    memcpy(joined + joined_size, body, size);
    joined_size += size;
    for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
        int at = round < 0 ? 0 : round;

        for (int way = 0; way < WAYS; way++) {
            ns[way][at] = measure(way);
        }
        to_floor[at] = ns[OURS][at] / ns[FLOOR][at];
        to_one_shot[at] = ns[OURS][at] / ns[ONE_SHOT][at];
    }
    printf("%6zu B  ours %6.0f ns  bare SHA-256 %6.0f ns  one-shot HMAC %6.0f ns  ours/SHA-256 %.2f  ours/HMAC %.2f\n",
           size, median(ns[OURS]), median(ns[FLOOR]), median(ns[ONE_SHOT]), median(to_floor), median(to_one_shot));
}

int main(void) {
    memset(body, 'x', sizeof body);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest = EVP_MD_CTX_new();
    need(sha256 != NULL && digest != NULL, "OpenSSL");
    need(whi_signer_new(&signer, "whsec_AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAA") == WH_OK, "secret");
    whi_buf_init(&signature, 1024);
    bench_size(256);
    bench_size(1024);
    bench_size(10240);
    whi_buf_free(&signature);
    whi_signer_free(signer);
    EVP_MD_CTX_free(digest);
    EVP_MD_free(sha256);
    return 0;
}
