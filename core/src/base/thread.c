/* Tests: test_engine_fair. */
#include "base/thread.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* sched(7): a thread has a nice value of its own. Its process's is kept as it is, so this adds to that. */
void whi_thread_comes_after(int nicer) {
    id_t self = (id_t)syscall(SYS_gettid);

    (void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + nicer);
}
#else
void whi_thread_comes_after(int nicer) {
    (void)nicer;
}
#endif
