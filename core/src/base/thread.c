/* Tests: test_engine_fair. */
#include "base/thread.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICER 5 /* a third of what the others get: sched(7), each step is a quarter more or less */

/* sched(7): a thread has a nice value of its own. Its process's is kept as it is, so this adds to that. */
void whi_thread_comes_after(void) {
    id_t self = (id_t)syscall(SYS_gettid);

    (void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICER);
}
#else
void whi_thread_comes_after(void) {
}
#endif
