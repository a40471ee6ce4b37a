/* receiver - a program that takes webhooks and believes only those that are signed.
 *
 *   receiver SECRET COUNT      SECRET - : the first line of the standard input, which no list of processes shows
 *
 * Prints its port, takes COUNT requests with a body on 127.0.0.1, and prints each body with the verdict of wh_verify.
 * The HTTP is libmicrohttpd's: chunks, Expect, HEAD and many connections are its. What matters here is that wh_verify
 * gets the headers and the raw body. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <webhook.h>

#define BODY_MAXIMUM 1048576
#define HEADERS_MAXIMUM 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long left;
static const char *secret;

typedef struct request {
    char *body;
    size_t size;
    int too_large;
    wh_header headers[HEADERS_MAXIMUM];
    size_t header_count;
} request;

static enum MHD_Result note_header(void *payload, enum MHD_ValueKind kind, const char *name, const char *value) {
    request *self = payload;

    (void)kind;
    if (self->header_count == HEADERS_MAXIMUM) {
        return MHD_NO;
    }
    self->headers[self->header_count++] = (wh_header){ name, value != NULL ? value : "" };
    return MHD_YES;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status) {
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = response != NULL ? MHD_queue_response(connection, status, response) : MHD_NO;

    if (response != NULL) {
        MHD_destroy_response(response);
    }
    return result;
}

static unsigned judge(struct MHD_Connection *connection, request *self) {
    int code;

    if (self->too_large) {
        return MHD_HTTP_CONTENT_TOO_LARGE;
    }
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, self);
    code = wh_verify(&secret, 1, self->headers, self->header_count, self->body, self->size, 0, 0);
    pthread_mutex_lock(&lock);
    printf("%s %.*s\n", code == WH_OK ? "verified" : wh_last_error(), (int)self->size,
           self->body != NULL ? self->body : "");
    fflush(stdout);
    pthread_mutex_unlock(&lock);
    return code == WH_OK ? MHD_HTTP_NO_CONTENT : MHD_HTTP_UNAUTHORIZED;
}

static void keep(request *self, const char *data, size_t size) {
    char *body = self->too_large || size > BODY_MAXIMUM - self->size ? NULL : realloc(self->body, self->size + size);

    if (body == NULL) {
        self->too_large = 1;
        return;
    }
    memcpy(body + self->size, data, size);
    self->body = body;
    self->size += size;
}

/* Called once for the head, for each part of the body, and once at its end. */
static enum MHD_Result serve(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *data, size_t *size, void **context) {
    (void)cls;
    (void)url;
    (void)version;
    if (*context == NULL) {
        *context = calloc(1, sizeof(request));
        return *context != NULL ? MHD_YES : MHD_NO;
    }
    if (*size > 0) {
        keep(*context, data, *size);
        *size = 0;
        return MHD_YES;
    }
    return answer(connection,
                  strcmp(method, "POST") == 0 ? judge(connection, *context) : (unsigned)MHD_HTTP_METHOD_NOT_ALLOWED);
}

/* The answer has left. */
static void end(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode why) {
    request *self = *context;

    (void)cls;
    (void)connection;
    (void)why;
    if (self != NULL) {
        pthread_mutex_lock(&lock);
        left -= self->size > 0;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
        free(self->body);
        free(self);
    }
}

static const char *read_secret(const char *word) {
    static char line[WH_SECRET_SIZE];

    if (strcmp(word, "-") != 0) {
        return word;
    }
    if (fgets(line, sizeof line, stdin) == NULL) {
        line[0] = '\0';
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = { 0 };
    struct MHD_Daemon *daemon;

    if (argc != 3) {
        fprintf(stderr, "usage: %s SECRET|- COUNT\n", argv[0]);
        return 2;
    }
    secret = read_secret(argv[1]);
    left = strtol(argv[2], NULL, 10);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, serve, NULL, MHD_OPTION_SOCK_ADDR,
                              (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED, end, NULL,
                              MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf(stderr, "receiver: the server does not start\n");
        return 1;
    }
    printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    pthread_mutex_lock(&lock);
    while (left > 0) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    MHD_stop_daemon(daemon);
    return 0;
}
