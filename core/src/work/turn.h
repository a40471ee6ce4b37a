/* One turn of a worker: all that can be done now. The same turn is the body of wh_step, of wh_run and
 * of the threads of wh_start. And the life of a worker, around its turns. */
#ifndef WHI_TURN_H
#define WHI_TURN_H

#include "work/worker.h"

int whi_worker_new(whi_worker **out, wh_engine *engine, int index);
void whi_worker_free(whi_worker *worker);

/* From now on things may be given to it. Fails without memory. */
int whi_worker_open(whi_worker *worker);

/* Cuts off what is under way, and gives it to the writer to be recorded, while the worker has its row still. Nobody
 * turns it. */
void whi_worker_cut(whi_worker *worker);

/* Cuts off what is under way and forgets all that it has, which the store has too. Its tasks have
 * been told; nobody turns it. */
void whi_worker_shut(whi_worker *worker);

/* One turn: waits at most timeout ms for something. Returns how many things it did. */
int whi_worker_step(whi_worker *worker, int timeout);

/* ms until the next turn has something to do, -1: unknown. */
int whi_worker_timeout(whi_worker *worker);

#endif
