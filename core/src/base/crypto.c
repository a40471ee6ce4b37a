/* Tests: test_exit. */
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <pthread.h>

/* Which handler is registered is decided by the first initialisation alone. */
static void begin_crypto(void) {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

void whi_crypto_begin(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, begin_crypto);
}
