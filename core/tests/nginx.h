/* A real nginx with TLS on a free port of 127.0.0.1, as a child process. Its answer's
 * body is "<protocol> <number of the connection> <requests on it> <r if the TLS session
 * was resumed, else .>". */
#ifndef NGINX_H
#define NGINX_H

typedef struct nginx nginx;

/* certificate: a name given to certificates_make. http2: whether it is offered.
 * requests: on one connection, then it is closed. Fails the test without nginx. */
nginx *nginx_new(const char *certificate, int http2, int requests);

/* Lets in who shows a certificate of the authority's, "<authority>.pem", alone; its subject ends the answer. */
nginx *nginx_new_asking(const char *certificate, const char *authority);
int nginx_port(const nginx *n);
void nginx_free(nginx *n);

#endif
