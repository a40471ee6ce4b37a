/* Forks: a child has a copy of the memory and none of the threads. What belongs to the
 * parent (the store's file, connections, engines) must be left alone there; what has noted the
 * generation in which it was made can tell. */
#ifndef WHI_FORK_H
#define WHI_FORK_H

/* A number of this process: another one in a child from its first moment on. Any thread. */
unsigned whi_fork_generation(void);

#endif
