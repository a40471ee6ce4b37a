#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "outside/resolve.h"
#include "outside/transport_curl.h"
#include "receiver.h"
#include "wire.h"

/* ------------------------------------------------------- a resolver of the test's */

static atomic_int asked;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static int gate_open, inside;

static void set_gate(int open) {
    pthread_mutex_lock(&gate);
    gate_open = open;
    pthread_cond_broadcast(&gate_changed);
    pthread_mutex_unlock(&gate);
}

static void wait_inside(int count) {
    pthread_mutex_lock(&gate);
    while (inside != count) {
        pthread_cond_wait(&gate_changed, &gate);
    }
    pthread_mutex_unlock(&gate);
}

static void pass_gate(void) {
    pthread_mutex_lock(&gate);
    inside++;
    pthread_cond_broadcast(&gate_changed);
    while (!gate_open) {
        pthread_cond_wait(&gate_changed, &gate);
    }
    inside--;
    pthread_cond_broadcast(&gate_changed);
    pthread_mutex_unlock(&gate);
}

static void add(whi_address *list, size_t *count, const char *text) {
    whi_address *address = &list[(*count)++];

    memset(address, 0, sizeof *address);
    if (strchr(text, ':') != NULL) {
        address->v6.sin6_family = AF_INET6;
        inet_pton(AF_INET6, text, &address->v6.sin6_addr);
    } else {
        address->v4.sin_family = AF_INET;
        inet_pton(AF_INET, text, &address->v4.sin_addr);
    }
}

static int lookup(const char *host, whi_address *list, size_t *count) {
    atomic_fetch_add(&asked, 1);
    *count = 0;
    if (strncmp(host, "hang", 4) == 0) {
        pass_gate();
    }
    if (strcmp(host, "none.test") == 0) {
        return EAI_NONAME;
    }
    if (strcmp(host, "mixed.test") == 0) {
        add(list, count, "10.0.0.1");
        add(list, count, "fe80::1");
    }
    if (strcmp(host, "private.test") == 0) {
        add(list, count, "192.168.7.7");
        return 0;
    }
    add(list, count, strcmp(host, "moving.test") == 0 && atomic_load(&asked) > 1 ? "127.0.0.2" : "127.0.0.1");
    return 0;
}

typedef struct fixture {
    wire w;
    receiver *r;
} fixture;

static struct whi_resolve_settings before;

static int setup(void **state) {
    static fixture f;

    wire_init(&f.w);
    f.r = receiver_new(NULL, NULL);
    atomic_store(&asked, 0);
    set_gate(0);
    before = whi_resolve_settings;
    whi_resolve_settings.lookup = lookup;
    wire_open(&f.w, NULL, 0);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    if (f->w.transport != NULL) {
        wire_close(&f->w);
    }
    set_gate(1);
    wait_inside(0);
    receiver_free(f->r);
    whi_resolve_settings = before;
    return 0;
}

static const char *url_of(fixture *f, const char *host) {
    static char url[4][128];
    static int next;
    char *out = url[next++ % 4];

    snprintf(out, sizeof url[0], "http://%s:%d/", host, receiver_port(f->r));
    return out;
}

/* ------------------------------------------------------------------------ tests */

static void the_system_knows_localhost(void **state) {
    fixture *f = *state;
    sending s;

    whi_resolve_settings = before;
    wire_exchange(&f->w, &s, url_of(f, "localhost"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 200);
    assert_non_null(strstr(receiver_header(receiver_get(f->r, 0), "Host"), "localhost:"));
}

static void what_the_look_up_said_is_what_is_used(void **state) {
    fixture *f = *state;
    sending s;

    wire_exchange(&f->w, &s, url_of(f, "no-such-name.test"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 200);
    assert_non_null(strstr(receiver_header(receiver_get(f->r, 0), "Host"), "no-such-name.test:"));
}

/* As libcurl writes a name when it looks for its address. */
static void names_in_any_spelling_are_found(void **state) {
    static const char *const hosts[] = { "no-such-name.test.", "NO-Such-Name.TEST", "a_b.test", "xn--bcher-kva.test" };
    fixture *f = *state;
    sending s;

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        wire_exchange(&f->w, &s, url_of(f, hosts[i]));
        assert_string_equal(s.request.message, "");
        assert_int_equal(s.request.status, 200);
    }
}

static void one_look_up_serves_all_that_wait_and_those_that_follow(void **state) {
    fixture *f = *state;
    static sending s[50];

    for (int i = 0; i < 50; i++) {
        wire_fill(&f->w, &s[i], url_of(f, "hang.test"));
        s[i].request.lane = i;
        assert_int_equal(wire_send(&s[i]), WH_OK);
    }
    wait_inside(1);
    set_gate(1);
    wire_run(&f->w, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(s[i].request.status, 200);
        wire_exchange(&f->w, &s[i], url_of(f, "hang.test"));
        assert_int_equal(s[i].request.status, 200);
    }
    assert_int_equal(atomic_load(&asked), 1);
}

static void a_name_without_an_address_is_told_and_remembered(void **state) {
    fixture *f = *state;
    sending s;

    for (int i = 0; i < 5; i++) {
        wire_exchange(&f->w, &s, url_of(f, "none.test"));
        assert_int_equal(s.request.error, WH_ERESOLVE);
        assert_non_null(strstr(s.request.message, "none.test: "));
    }
    assert_int_equal(atomic_load(&asked), 1);
}

static void addresses_that_are_refused_are_left_out(void **state) {
    fixture *f = *state;
    sending s;

    wire_exchange(&f->w, &s, url_of(f, "mixed.test"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 200);
    wire_exchange(&f->w, &s, url_of(f, "private.test"));
    assert_int_equal(s.request.error, WH_EADDRESS);
    assert_non_null(strstr(s.request.message, "private.test is refused: private"));
    assert_null(strstr(s.request.message, "192.168"));
}

static void a_look_up_that_hangs_ends_by_the_connect_timeout(void **state) {
    fixture *f = *state;
    sending s, other;

    wire_fill(&f->w, &s, url_of(f, "hang.test"));
    s.request.connect_timeout = 100;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_exchange(&f->w, &other, url_of(f, "good.test"));
    assert_int_equal(other.request.status, 200);
    wire_run(&f->w, 2);
    assert_int_equal(s.request.error, WH_ETIMEOUT);
    assert_non_null(strstr(s.request.message, "connect timeout"));
}

static void waiting_for_a_look_up_counts_as_time(void **state) {
    fixture *f = *state;
    sending s;

    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_HANG });
    wire_fill(&f->w, &s, url_of(f, "hang.test"));
    s.request.timeout = 400;
    assert_int_equal(wire_send(&s), WH_OK);
    wait_inside(1);
    for (int64_t end = whi_monotonic_us() + 200000; whi_monotonic_us() < end;) {
        wire_turn(&f->w, 50);
    }
    set_gate(1);
    wire_run(&f->w, 1);
    assert_int_equal(s.request.error, WH_ETIMEOUT);
    assert_in_range(s.request.duration_us, 390000, 590000);
}

static void closing_waits_for_no_look_up(void **state) {
    fixture *f = *state;
    static sending s[40];
    char host[32];
    int64_t start;

    for (int i = 0; i < 40; i++) {
        snprintf(host, sizeof host, "hang%d.test", i);
        wire_post(&f->w, &s[i], url_of(f, host));
    }
    wait_inside(WHI_RESOLVE_THREADS);
    start = whi_monotonic_us();
    wire_close(&f->w);
    f->w.transport = NULL;
    assert_true(whi_monotonic_us() - start < 1000000);
    assert_int_equal(f->w.done_count, 0);
}

static void ask_slow_hosts(fixture *f, sending *s, int count) {
    for (int i = 0; i < count; i++) {
        char host[32];
        snprintf(host, sizeof host, "hang%d.test", i);
        wire_post(&f->w, &s[i], url_of(f, host));
    }
}

static void hosts_that_were_slow_leave_threads_for_others(void **state) {
    fixture *f = *state;
    static sending slow[2 * WHI_RESOLVE_THREADS];
    sending s;

    whi_resolve_settings.slow = -1;
    whi_resolve_settings.keep = 0;
    set_gate(1);
    ask_slow_hosts(f, slow, 2 * WHI_RESOLVE_THREADS);
    wire_run(&f->w, 2 * WHI_RESOLVE_THREADS);
    set_gate(0);
    ask_slow_hosts(f, slow, 2 * WHI_RESOLVE_THREADS);
    wait_inside(WHI_RESOLVE_THREADS / 2);
    wire_exchange(&f->w, &s, url_of(f, "new.test"));
    assert_int_equal(s.request.status, 200);
    assert_int_equal(f->w.done_count, 2 * WHI_RESOLVE_THREADS + 1);
    set_gate(1);
    wire_run(&f->w, 4 * WHI_RESOLVE_THREADS + 1);
}

static size_t pins(const whi_transport *transport) {
    size_t count = 0;

    for (const whi_pin *pin = transport->shards[0]->pins; pin != NULL; pin = pin->next) {
        count++;
    }
    return count;
}

static void hosts_that_are_not_used_are_taken_out_of_libcurl(void **state) {
    fixture *f = *state;
    whi_shard *shard;
    sending s, hung;

    wire_close(&f->w);
    wire_init(&f->w);
    f->w.vtable = &whi_transport_curl;
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, url_of(f, "a.test"));
    shard = f->w.transport->shards[0];
    assert_true(shard->pins->loaded);
    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_HANG });
    wire_post(&f->w, &hung, url_of(f, "a.test"));
    wire_turn(&f->w, 0);
    assert_int_equal(receiver_wait(f->r, 2), 0);
    receiver_set(f->r, "/", (receiver_answer){ 0 });
    wire_exchange(&f->w, &s, url_of(f, "b.test"));
    assert_int_equal(pins(f->w.transport), 2); /* what is under way keeps its own */
    assert_null(shard->drops);
    wire_exchange(&f->w, &s, url_of(f, "c.test"));
    assert_int_equal(pins(f->w.transport), 2);
    assert_null(shard->drops); /* told with the request to c.test */
    assert_int_equal(f->w.done_count, 3);
}

static void an_address_that_changed_is_used(void **state) {
    fixture *f = *state;
    sending s;

    whi_resolve_settings.keep = 0;
    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_CLOSE_AFTER });
    wire_exchange(&f->w, &s, url_of(f, "moving.test"));
    assert_int_equal(s.request.status, 200);
    wire_exchange(&f->w, &s, url_of(f, "moving.test"));
    assert_int_equal(s.request.error, WH_ECONNECT); /* nobody listens there */
    assert_non_null(strstr(f->w.transport->shards[0]->pins->node.data, ":127.0.0.2"));
    assert_int_equal(atomic_load(&asked), 2);
}

/* libcurl resolves names that it has no address for; it must never come to that. */
static void libcurl_never_resolves_by_itself(void **state) {
    fixture *f = *state;
    sending s;

    for (int i = 0; i < 200; i++) {
        char host[32];
        receiver_set(f->r, "/", (receiver_answer){ .fault = i % 3 ? RECEIVER_CLOSE_AFTER : RECEIVER_GOOD });
        snprintf(host, sizeof host, "n%d.invalid", i % 5);
        wire_fill(&f->w, &s, url_of(f, host));
        s.request.lane = i % 3;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, i + 1);
        assert_int_equal(s.request.error, WH_OK);
    }
}

static void forget(whi_waiter *waiter, const whi_addresses *addresses) {
    (void)addresses;
    waiter->ready = NULL;
}

static void the_cache_is_bounded(void **state) {
    fixture *f = *state;
    whi_resolver *resolver = f->w.transport->resolver;
    const whi_addresses *addresses;

    for (int i = 0; i < WHI_RESOLVE_HOSTS + 1000; i++) {
        whi_waiter waiter = { .ready = forget };
        whi_ready ready[4];
        char host[32];
        snprintf(host, sizeof host, "n%d.test", i);
        assert_int_equal(whi_resolver_ask(resolver, host, &waiter, &addresses), WH_OK);
        assert_null(addresses);
        while (waiter.ready != NULL) {
            assert_int_equal(whi_poller_wait(f->w.poller, ready, 4, 10000), 0);
            whi_resolver_collect(resolver);
        }
        assert_true(whi_resolver_count(resolver) <= WHI_RESOLVE_HOSTS);
    }
}

static void the_queue_is_bounded(void **state) {
    fixture *f = *state;
    static sending s[WHI_RESOLVE_QUEUE + WHI_RESOLVE_THREADS + 1];
    char host[32];
    int count = 0;

    ask_slow_hosts(f, s, WHI_RESOLVE_THREADS);
    wait_inside(WHI_RESOLVE_THREADS);
    for (; count < WHI_RESOLVE_QUEUE; count++) {
        snprintf(host, sizeof host, "hangs%d.test", count);
        wire_post(&f->w, &s[WHI_RESOLVE_THREADS + count], url_of(f, host));
    }
    wire_fill(&f->w, &s[WHI_RESOLVE_THREADS + count], url_of(f, "hangs.test"));
    assert_int_equal(wire_send(&s[WHI_RESOLVE_THREADS + count]), WH_ERESOURCE);
    set_gate(1);
    wire_run(&f->w, WHI_RESOLVE_QUEUE + WHI_RESOLVE_THREADS);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_system_knows_localhost),
        TEST(what_the_look_up_said_is_what_is_used),
        TEST(names_in_any_spelling_are_found),
        TEST(one_look_up_serves_all_that_wait_and_those_that_follow),
        TEST(a_name_without_an_address_is_told_and_remembered),
        TEST(addresses_that_are_refused_are_left_out),
        TEST(a_look_up_that_hangs_ends_by_the_connect_timeout),
        TEST(waiting_for_a_look_up_counts_as_time),
        TEST(closing_waits_for_no_look_up),
        TEST(hosts_that_were_slow_leave_threads_for_others),
        TEST(hosts_that_are_not_used_are_taken_out_of_libcurl),
        TEST(an_address_that_changed_is_used),
        TEST(libcurl_never_resolves_by_itself),
        TEST(the_cache_is_bounded),
        TEST(the_queue_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
