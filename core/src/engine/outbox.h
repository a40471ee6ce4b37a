/* The outbox: rows that other programs have written in transactions of their own become events. */
#ifndef WHI_OUTBOX_H
#define WHI_OUTBOX_H

#include "engine/context.h"

#define WHI_OUTBOX_ROWS 256

/* In a transaction: moves at most WHI_OUTBOX_ROWS of them into the log, when the list of facts is done.
 * What cannot be an event is put aside, and logged. answer: NULL, or where it is told how many there
 * were. */
int whi_outbox_take(wh_engine *engine, whi_store *store, whi_answer *answer);

/* In a transaction, before an event is added: if another process has committed since that was last asked,
 * all of them, within the size that a transaction may have: what was committed before comes before.
 * *changes: for outbox_seen, when it is committed. */
int whi_outbox_precede(wh_engine *engine, whi_store *store, int64_t *changes);

#endif
