/* Tests: test_capacity. */
#include "outside/capacity.h"

#ifdef __linux__
#include <sched.h>
#endif
#include <sys/resource.h>
#include <unistd.h>

#define LEAST 16
#define MOST 16384
#define BYTES_EACH 65536
#define AT_ONCE 1024

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t whi_capacity_connections(int64_t files, int64_t memory) {
    int64_t most = smaller(smaller(files - files / 4, memory / 8 / BYTES_EACH), MOST);

    return most > LEAST ? most : LEAST;
}

static int64_t files_here(void) {
    struct rlimit limit;
    int known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;

    return known && limit.rlim_cur <= INT64_MAX ? (int64_t)limit.rlim_cur : INT64_MAX;
}

static int64_t memory_here(void) {
    int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    return pages > 0 && size > 0 ? pages * size : INT64_MAX;
}

int64_t whi_capacity_here(void) {
    return whi_capacity_connections(files_here(), memory_here());
}

int64_t whi_capacity_in_flight(int64_t connections) {
    return connections / 2 > AT_ONCE ? connections / 2 : smaller(connections, AT_ONCE);
}

#ifdef __linux__
/* Those that a container or taskset(1) leaves to it. */
static long cores_here(void) {
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
}
#else
static long cores_here(void) {
    return sysconf(_SC_NPROCESSORS_ONLN);
}
#endif

int whi_capacity_cores(void) {
    long cores = cores_here();

    return cores > 0 ? (int)cores : 1;
}
