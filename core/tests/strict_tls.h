/* A TLS server for tests that asks for a client's certificate, on a free port of the loopback. */
#ifndef STRICT_TLS_H
#define STRICT_TLS_H

typedef struct strict_tls strict_tls;

/* With "<name>.pem" and "<name>.key" of certificates.h. version: TLS1_2_VERSION or TLS1_3_VERSION.
 * needed: 1 ends who has none; 0 lets him in, reads his request, and closes without an answer. */
strict_tls *strict_tls_new(const char *name, int version, int needed);
void strict_tls_free(strict_tls *server);
int strict_tls_port(const strict_tls *server);

#endif
