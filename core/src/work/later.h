/* What could not be done now (a full disk, a locked file, no memory) and is tried again in a second:
 * events whose fan-out failed, and tasks of the writer that change something for good. */
#ifndef WHI_LATER_H
#define WHI_LATER_H

#include <stdint.h>

#include "work/worker.h"

/* Takes the reference. Where there is an order, nothing overtakes it: see whi_later_waits. */
void whi_later_event(whi_worker *worker, whi_event *event);

void whi_later_task(whi_worker *worker, whi_task *task);

/* 1: there is, or may be, an order, and an event that is to be fanned out before those that came after it. */
int whi_later_waits(const whi_worker *worker);

/* Tries again: events go before those that are to be fanned out. */
void whi_later_again(whi_worker *worker, whi_entry *entry);

/* Tells the tasks that there is no other try, and drops the events. */
void whi_later_end(whi_worker *worker);

#endif
