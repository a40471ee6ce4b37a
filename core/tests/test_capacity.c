/* The defaults that follow the machine: outside/capacity.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "outside/capacity.h"

#define PLENTY INT64_MAX
#define GIB (INT64_C(1) << 30)

static void files_bound_them(void **state) {
    (void)state;
    assert_int_equal(whi_capacity_connections(256, PLENTY), 192);
    assert_int_equal(whi_capacity_connections(1024, PLENTY), 768);
    assert_int_equal(whi_capacity_connections(20000, PLENTY), 15000);
    assert_int_equal(whi_capacity_connections(1048576, PLENTY), 16384);
    assert_int_equal(whi_capacity_connections(PLENTY, PLENTY), 16384);
    assert_int_equal(whi_capacity_connections(3, PLENTY), 16);
}

static void memory_bounds_them(void **state) {
    (void)state;
    assert_int_equal(whi_capacity_connections(PLENTY, GIB / 4), 512);
    assert_int_equal(whi_capacity_connections(PLENTY, GIB), 2048);
    assert_int_equal(whi_capacity_connections(1024, GIB), 768);
    assert_int_equal(whi_capacity_connections(PLENTY, 1), 16);
}

static void half_of_them_are_under_way_or_a_thousand(void **state) {
    (void)state;
    assert_int_equal(whi_capacity_in_flight(15000), 7500);
    assert_int_equal(whi_capacity_in_flight(2048), 1024);
    assert_int_equal(whi_capacity_in_flight(1500), 1024);
    assert_int_equal(whi_capacity_in_flight(192), 192);
}

static wh_engine *open_with(int64_t in_flight, int64_t connections) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;

    limits.in_flight = in_flight;
    limits.connections = connections;
    options.limits = &limits;
    return fixture_open(":memory:", &options);
}

static void assert_limits(wh_engine *engine, int64_t in_flight, int64_t connections) {
    assert_int_equal(engine->options.limits.in_flight, in_flight);
    assert_int_equal(engine->options.limits.connections, connections);
    wh_close(engine);
}

/* When it is opened: the limit may be raised before that. */
static void an_engine_follows_the_limit_of_its_process(void **state) {
    struct rlimit before, now;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = 200;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    assert_limits(open_with(0, 0), 150, 150);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void what_is_said_holds(void **state) {
    (void)state;
    assert_limits(open_with(7, 9), 7, 9);
    assert_limits(open_with(0, 100), 100, 100);
    assert_limits(open_with(0, 4000), 2000, 4000);
    assert_limits(open_with(3, 0), 3, whi_capacity_here());
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(files_bound_them),
        TEST(memory_bounds_them),
        TEST(half_of_them_are_under_way_or_a_thousand),
        TEST(an_engine_follows_the_limit_of_its_process),
        TEST(what_is_said_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
