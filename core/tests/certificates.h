/* Certificates for tests, made when they are needed, in a folder that is removed at exit. */
#ifndef CERTIFICATES_H
#define CERTIFICATES_H

/* A name of a file in the folder. Valid until exit. */
const char *certificates_file(const char *name);

/* Writes "<name>.pem" and "<name>.key" for a server with these names ("DNS:localhost,
 * IP:127.0.0.1"), signed by "<issuer>.pem", or by itself when issuer is NULL and then
 * also an authority. Valid for a day. */
void certificates_make(const char *name, const char *names, const char *issuer);

#endif
