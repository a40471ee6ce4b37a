/* Threads: what the system may be told of them. */
#ifndef WHI_THREAD_H
#define WHI_THREAD_H

/* Where there is less CPU than is wanted, the calling thread gets less of it than the others of its process; with
 * nothing to compete with it is as fast. Linux alone has such a thing for a thread; elsewhere nothing happens. */
void whi_thread_comes_after(void);

#endif
