#include "nginx.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "certificates.h"

struct nginx {
    pid_t pid;
    int port;
};

static void die(const char *what) {
    perror(what);
    abort();
}

/* nginx takes over a listening socket that the variable NGINX names, as it does when
 * it is upgraded: so no port has to be guessed, and who connects early waits. */
static int listen_free(int *port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 511) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("nginx: listen");
    }
    *port = ntohs(address.sin_port);
    return fd;
}

/* Started by root, nginx gives the folders that it is told of to its own user, and it
 * removes its pid file whatever that is: so every path is in the test's own folder. */
static const char *write_config(const char *certificate, const char *authority, int port, int http2, int requests) {
    char name[128], client[320] = "", pem[256], key[256], pid[256], bodies[256];
    const char *path;
    FILE *file;

    snprintf(name, sizeof name, "%s.pem", certificate);
    snprintf(pem, sizeof pem, "%s", certificates_file(name));
    if (authority != NULL) {
        snprintf(name, sizeof name, "%s.pem", authority);
        snprintf(client, sizeof client, "ssl_verify_client on; ssl_client_certificate %s;", certificates_file(name));
    }
    snprintf(name, sizeof name, "%s.key", certificate);
    snprintf(key, sizeof key, "%s", certificates_file(name));
    snprintf(name, sizeof name, "nginx-%d.pid", port);
    snprintf(pid, sizeof pid, "%s", certificates_file(name));
    snprintf(name, sizeof name, "nginx-%d.bodies", port);
    snprintf(bodies, sizeof bodies, "%s", certificates_file(name));
    snprintf(name, sizeof name, "nginx-%d.conf", port);
    path = certificates_file(name);
    file = fopen(path, "w");
    if (file == NULL) {
        die("nginx: configuration");
    }
    fprintf(file,
            "daemon off; worker_processes 1; error_log stderr crit; pid %s;\n"
            "events { worker_connections 512; }\n"
            "http {\n"
            "  access_log off; keepalive_requests %d;\n"
            "  client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;\n"
            "  uwsgi_temp_path %s; scgi_temp_path %s;\n"
            "  ssl_session_cache builtin:1000;\n"
            "  server {\n"
            "    listen 127.0.0.1:%d ssl%s; ssl_certificate %s; ssl_certificate_key %s;%s\n"
            "    location / {\n"
            "      return 200 \"$server_protocol $connection $connection_requests $ssl_session_reused%s\";\n"
            "    }\n"
            "  }\n"
            "}\n",
            pid, requests, bodies, bodies, bodies, bodies, bodies, port, http2 ? " http2" : "", pem, key, client,
            authority != NULL ? " $ssl_client_s_dn" : "");
    fclose(file);
    return path;
}

/* A test that dies takes its nginx along. */
#ifdef __linux__
static void die_with_parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}
#else
static void die_with_parent(void) {
}
#endif

static void run(const char *config, const char *log, int fd) {
    char inherited[32];

    snprintf(inherited, sizeof inherited, "%d;", fd);
    die_with_parent();
    setenv("NGINX", inherited, 1);
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin", 1);
    execlp("nginx", "nginx", "-c", config, "-e", log, (char *)NULL);
    die("nginx is needed for this test and does not start");
}

static nginx *start(const char *certificate, const char *authority, int http2, int requests) {
    nginx *n = calloc(1, sizeof *n);
    int fd;
    const char *config, *log;
    char name[64];

    if (n == NULL) {
        die("nginx: memory");
    }
    fd = listen_free(&n->port);
    config = write_config(certificate, authority, n->port, http2, requests);
    snprintf(name, sizeof name, "nginx-%d.log", n->port);
    log = certificates_file(name);
    n->pid = fork();
    if (n->pid < 0) {
        die("nginx: fork");
    }
    if (n->pid == 0) {
        run(config, log, fd);
    }
    close(fd);
    return n;
}

nginx *nginx_new(const char *certificate, int http2, int requests) {
    return start(certificate, NULL, http2, requests);
}

nginx *nginx_new_asking(const char *certificate, const char *authority) {
    return start(certificate, authority, 0, 1000);
}

int nginx_port(const nginx *n) {
    return n->port;
}

void nginx_free(nginx *n) {
    kill(n->pid, SIGTERM);
    waitpid(n->pid, NULL, 0);
    free(n);
}
