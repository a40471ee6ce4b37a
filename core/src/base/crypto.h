/* The beginning of OpenSSL: before anything else initialises it, it is told that it has nothing to do
 * at the end of the process (see base/halt.h for why). */
#ifndef WHI_CRYPTO_H
#define WHI_CRYPTO_H

/* Called wherever we may be the first to use it. Any thread, any number of times. */
void whi_crypto_begin(void);

#endif
