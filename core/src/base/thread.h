/* Threads: what the system may be told of them. */
#ifndef WHI_THREAD_H
#define WHI_THREAD_H

/* Where there is less CPU than is wanted, the calling thread gets less of it than the others of its process; with
 * nothing to compete with it is as fast. nicer is how much is added to its nice value: 5 is a third of what the others
 * get, 10 a tenth (sched(7): each step is a quarter more or less). Linux alone has such a thing for a thread; elsewhere
 * nothing happens. */
void whi_thread_comes_after(int nicer);

#endif
