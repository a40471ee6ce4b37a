/* Cancelling what waits for a subscription that is no more, a commit's worth after the other. */
#ifndef WHI_CANCEL_H
#define WHI_CANCEL_H

#include <stdint.h>

#include "work/worker.h"

/* Does not wait; what is left is cancelled when its lane is looked at again. */
void whi_cancel(whi_worker *worker, int64_t subscription);

/* A delivery whose event somebody deleted by hand goes. Does not wait. Fails without memory. */
int whi_cancel_without_event(whi_worker *worker, int64_t event, int64_t subscription);

#endif
