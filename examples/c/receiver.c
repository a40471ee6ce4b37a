/* receiver - a program that takes webhooks and believes only those that are signed.
 *
 *   receiver SECRET COUNT
 *
 * Prints its port, takes COUNT requests on 127.0.0.1, one connection each time, and
 * prints each body with the verdict of wh_verify. A real server brings its own HTTP;
 * what matters here is that wh_verify gets the headers and the raw body. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strcasestr */
#endif
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <webhook.h>

#define REQUEST_MAXIMUM 65536
#define HEADERS_MAXIMUM 64

/* Splits the head into headers in place; returns how many. */
static size_t split(char *head, wh_header *headers) {
    size_t count = 0;
    char *line = strstr(head, "\r\n");

    while (line != NULL && count < HEADERS_MAXIMUM) {
        char *colon;
        *line = '\0';
        line += 2;
        colon = strchr(line, ':');
        if (colon == NULL) {
            break;
        }
        *colon = '\0';
        headers[count].name = line;
        headers[count++].value = colon + 1 + strspn(colon + 1, " ");
        line = strstr(colon + 1, "\r\n");
    }
    return count;
}

static size_t body_size(const char *head) {
    const char *at = strcasestr(head, "\r\nContent-Length:");

    return at != NULL ? strtoul(at + 17, NULL, 10) : 0;
}

static void take(int fd, const char *secret) {
    static char request[REQUEST_MAXIMUM + 1];
    const char *const secrets[] = { secret };
    wh_header headers[HEADERS_MAXIMUM];
    const char *answer;
    size_t have = 0, size = 0, count;
    char *body = NULL;
    int code;

    while (body == NULL || have < (size_t)(body - request) + size) {
        ssize_t got = have < REQUEST_MAXIMUM ? recv(fd, request + have, REQUEST_MAXIMUM - have, 0) : -1;
        if (got <= 0) {
            return;
        }
        have += (size_t)got;
        request[have] = '\0';
        if (body == NULL && (body = strstr(request, "\r\n\r\n")) != NULL) {
            size = body_size(request);
            body[2] = '\0';
            body += 4;
        }
    }
    count = split(request, headers);
    code = wh_verify(secrets, 1, headers, count, body, size, 0, 0);
    printf("%s %.*s\n", code == WH_OK ? "verified" : wh_last_error(), (int)size, body);
    fflush(stdout);
    answer = code == WH_OK ? "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
                           : "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    send(fd, answer, strlen(answer), MSG_NOSIGNAL);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = { 0 };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 3) {
        fprintf(stderr, "usage: %s SECRET COUNT\n", argv[0]);
        return 2;
    }
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        perror("receiver");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (long left = strtol(argv[2], NULL, 10); left > 0; left--) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            take(fd, argv[1]);
            close(fd);
        }
    }
    return 0;
}
