/* Certificates of authorities, read once per process and file.
 *
 * Reading a system's bundle takes some 20 ms; libcurl would do it for every multi
 * handle, or, with its default settings, for every connection. */
#ifndef WHI_CERTIFICATE_H
#define WHI_CERTIFICATE_H

typedef struct whi_certificates whi_certificates;

/* 1 if libcurl's TLS is the OpenSSL that this library uses; else it must read the
 * certificates itself. */
int whi_certificates_usable(void);

/* The certificates of a PEM file, or the system's for NULL. Any thread. WH_EINVALID
 * names the file; WH_ETLS when the system has none. */
int whi_certificates_get(whi_certificates **out, const char *ca_file);
void whi_certificates_put(whi_certificates *trust);

/* 1 if there is a file in one of the folders, which have colons between them. */
int whi_certificates_in(const char *folders);

/* The file of authorities for a library that reads it by itself: ca_file, or the system's bundle for NULL. 0: there is
 * none that can be read, or its name is too long. */
#define WHI_BUNDLE_SIZE 4096
int whi_certificates_file(const char *ca_file, char out[WHI_BUNDLE_SIZE]);

/* Lets an SSL_CTX verify against them. */
void whi_certificates_attach(const whi_certificates *trust, void *ssl_context);

/* Whether the other side asks for a client's certificate, of which there is none: the library learns
 * it in the middle of the handshake, and what fails behind that is a pipe that breaks. */
typedef struct whi_asking {
    void (*asked)(void *payload);
    void (*released)(void *payload); /* once, when nobody can ask any more */
    void *payload;
} whi_asking;

/* Has an SSL_CTX tell. Without memory it tells nothing. */
void whi_certificates_listen(void *ssl_context, const whi_asking *asking);

#endif
