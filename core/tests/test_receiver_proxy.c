/* Leaving by a proxy: real ones, tinyproxy for HTTP and microsocks for SOCKS5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

#include <cmocka.h>

#include "certificates.h"
#include "engine_fixture.h"
#include "nginx.h"
#include "receiver.h"

/* ------------------------------------------------------------------------- a proxy */

typedef struct server {
    pid_t pid;
    int port;
} server;

/* A port that was free a moment ago: neither takes a socket from us. */
static int free_port(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int answers(int port) {
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return connected;
}

/* A test that dies takes it along. */
static void die_with_parent(void) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
}

static server start(const char *program, char *const *arguments, int port) {
    server made = { fork(), port };

    assert_true(made.pid >= 0);
    if (made.pid == 0) {
        die_with_parent();
        if (freopen("/dev/null", "w", stdout) != NULL && freopen("/dev/null", "w", stderr) != NULL) {
            execvp(program, arguments);
        }
        _exit(127);
    }
    while (!answers(port)) {
        if (waitpid(made.pid, NULL, WNOHANG) != 0) {
            fail_msg("%s is needed for this test and does not start", program);
        }
        usleep(5000);
    }
    return made;
}

static server start_http(const char *login) {
    int port = free_port();
    char name[64];
    const char *path;
    FILE *file;

    snprintf(name, sizeof name, "tinyproxy-%d.conf", port);
    path = certificates_file(name);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "Port %d\nListen 127.0.0.1\nTimeout 60\nMaxClients 100\nLogLevel Critical\n%s", port, login);
    fclose(file);
    return start("tinyproxy", (char *[]){ "tinyproxy", "-d", "-c", (char *)path, NULL }, port);
}

static server start_socks(void) {
    int port = free_port();
    char digits[16];

    snprintf(digits, sizeof digits, "%d", port);
    return start("microsocks",
                 (char *[]){ "microsocks", "-i", "127.0.0.1", "-p", digits, "-u", "anna", "-P", "s3cr3t", NULL }, port);
}

static void stop(server which) {
    kill(which.pid, SIGTERM);
    waitpid(which.pid, NULL, 0);
}

/* ----------------------------------------------------------------------- an engine */

/* allow NULL: the loopback is refused. */
static wh_engine *open_real(const char *proxy, const char *allow) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    options.allow = &allow;
    options.allow_count = allow != NULL;
    options.timeout = 10000;
    options.proxy = proxy;
    options.ca_file = certificates_file("authority.pem");
    options.transport = getenv("WEBHOOK_TEST_TRANSPORT");
    if (wh_open(&engine, fixture_file(), &options) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    return engine;
}

static const char *url_of(const server *which, const char *scheme) {
    static char url[64];

    snprintf(url, sizeof url, "%s://127.0.0.1:%d", scheme, which->port);
    return url;
}

static void subscribe(wh_engine *engine, const char *url, const char *more) {
    char document[800];

    snprintf(document, sizeof document, "{\"url\":\"%s\",\"retry\":[0]%s}", url, more);
    fixture_subscribe(engine, document, NULL);
}

/* What became of one event. */
static char *outcome(wh_engine *engine) {
    fixture_publish(engine, "order.paid", "{\"n\":1}", NULL);
    fixture_run(engine);
    return DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
}

static int setup(void **state) {
    certificates_make("authority", "DNS:authority.test", NULL);
    certificates_make("good", "DNS:localhost,IP:127.0.0.1", "authority");
    return fixture_setup(state);
}

/* tinyproxy adds a line of its own, by which the receiver knows it. */
static void all_deliveries_leave_by_the_engines_proxy(void **state) {
    server way = start_http("");
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_real(url_of(&way, "http"), "127.0.0.1");
    char *page;

    (void)state;
    subscribe(engine, receiver_url(to, "/hook"), "");
    page = outcome(engine);
    assert_has(page, "\"delivered\"");
    assert_int_equal(receiver_count(to), 1);
    assert_has(receiver_header(receiver_get(to, 0), "Via"), "tinyproxy");
    assert_string_equal(receiver_get(to, 0)->body, "{\"n\":1}");
    wh_free(page);
    wh_close(engine);
    receiver_free(to);
    stop(way);
}

static void a_proxy_of_a_subscription_is_logged_in_to(void **state) {
    server way = start_http("BasicAuth anna s3cr3t\n");
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_real(NULL, "127.0.0.1");
    char more[200], *page;

    (void)state;
    snprintf(more, sizeof more, ",\"proxy\":{\"url\":\"%s\",\"username\":\"anna\",\"password\":\"s3cr3t\"}",
             url_of(&way, "http"));
    subscribe(engine, receiver_url(to, "/hook"), more);
    page = outcome(engine);
    assert_has(page, "\"delivered\"");
    assert_null(receiver_header(receiver_get(to, 0), "Proxy-Authorization"));
    assert_has(receiver_header(receiver_get(to, 0), "Via"), "tinyproxy");
    wh_free(page);
    wh_close(engine);
    receiver_free(to);
    stop(way);
}

static void https_goes_through_it_as_a_tunnel(void **state) {
    server way = start_http("");
    nginx *to = nginx_new("good", 0, 1000);
    wh_engine *engine = open_real(url_of(&way, "http"), "127.0.0.1");
    char url[64], *page;

    (void)state;
    snprintf(url, sizeof url, "https://localhost:%d/hook", nginx_port(to));
    subscribe(engine, url, "");
    page = outcome(engine);
    assert_has(page, "\"delivered\"");
    wh_free(page);
    wh_close(engine);
    nginx_free(to);
    stop(way);
}

/* A tunnel that one subscription's login has opened carries nobody else's deliveries: who has the wrong password is
 * refused, though the tunnel leads to the same place. */
static void a_tunnel_is_its_logins_alone(void **state) {
    server way = start_http("BasicAuth anna s3cr3t\n");
    nginx *to = nginx_new("good", 0, 1000);
    wh_engine *engine = open_real(NULL, "127.0.0.1");
    static const char *const passwords[] = { "s3cr3t", "wrong" };
    wh_query query = WH_QUERY_INIT;
    char url[64], more[200], *page;

    (void)state;
    snprintf(url, sizeof url, "https://localhost:%d/hook", nginx_port(to));
    for (int i = 0; i < 2; i++) {
        snprintf(more, sizeof more,
                 ",\"events\":[\"%c\"],\"proxy\":{\"url\":\"%s\",\"username\":\"anna\",\"password\":\"%s\"}", 'a' + i,
                 url_of(&way, "http"), passwords[i]);
        subscribe(engine, url, more);
    }
    for (int i = 0; i < 2; i++) {
        fixture_publish(engine, "a", "{}", NULL);
        fixture_run(engine);
        fixture_publish(engine, "b", "{}", NULL);
        fixture_run(engine);
    }
    query.state = "delivered";
    page = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    assert_has(page, "\"type\":\"a\"");
    assert_null(strstr(page, "\"type\":\"b\""));
    wh_free(page);
    wh_close(engine);
    nginx_free(to);
    stop(way);
}

static void names_are_for_a_socks_proxy_to_resolve(void **state) {
    server way = start_socks();
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_real(NULL, "127.0.0.1");
    char url[64], more[200], *page;

    (void)state;
    snprintf(url, sizeof url, "http://localhost:%d/hook", receiver_port(to));
    snprintf(more, sizeof more, ",\"proxy\":{\"url\":\"%s\",\"username\":\"anna\",\"password\":\"s3cr3t\"}",
             url_of(&way, "socks5"));
    subscribe(engine, url, more);
    page = outcome(engine);
    assert_has(page, "\"delivered\"");
    assert_int_equal(receiver_count(to), 1);
    wh_free(page);
    wh_close(engine);
    receiver_free(to);
    stop(way);
}

static void the_address_policy_judges_the_proxy(void **state) {
    receiver *to = receiver_new(NULL, NULL); /* in the place of a proxy: nobody comes */
    char proxy[64], *page;
    wh_engine *engine;

    (void)state;
    snprintf(proxy, sizeof proxy, "http://localhost:%d", receiver_port(to));
    engine = open_real(proxy, NULL);
    subscribe(engine, "http://example.com/hook", "");
    page = outcome(engine);
    assert_has(page, "\"exhausted\"");
    assert_has(page, "address");
    assert_int_equal(receiver_connections(to), 0);
    wh_free(page);
    wh_close(engine);
    receiver_free(to);
}

static void a_wrong_proxy_is_refused_at_once(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    (void)state;
    options.proxy = "http://anna:s3cr3t@127.0.0.1:1";
    assert_int_equal(wh_open(&engine, ":memory:", &options), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "proxy.url");
    assert_null(strstr(wh_last_error(), "s3cr3t"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_deliveries_leave_by_the_engines_proxy, setup),
        cmocka_unit_test_setup(a_proxy_of_a_subscription_is_logged_in_to, setup),
        cmocka_unit_test_setup(https_goes_through_it_as_a_tunnel, setup),
        cmocka_unit_test_setup(a_tunnel_is_its_logins_alone, setup),
        cmocka_unit_test_setup(names_are_for_a_socks_proxy_to_resolve, setup),
        cmocka_unit_test_setup(the_address_policy_judges_the_proxy, setup),
        cmocka_unit_test_setup(a_wrong_proxy_is_refused_at_once, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
