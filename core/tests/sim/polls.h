/* polls.h - a source that is polled, and what must come of it. Its objects change, come and go, also while it is read;
 * it is slow, fails, says nonsense, and is empty by mistake once. The log of events is compared in the end with what
 * the objects were:
 *
 *   what the first reading has met is not told as created, and nothing is told twice in the same state
 *   what is told of an object comes in the order in which it was so: two who read at once would mix it
 *   what is told as deleted was not there once, after what was told of it before: not merely on no page
 *   in the end the last state of each object has been told, and all that was told was delivered
 */
#ifndef SIM_POLLS_H
#define SIM_POLLS_H

#include "sim.h"

void polls_begin(void);
void polls_add(wh_engine *engine); /* the source, to an engine that was opened */
void polls_subscribe(wh_engine *engine);
void polls_await_first(void);
void polls_operate(sim_process *process); /* something changes, and mostly a reading is wished for */

/* When all is well again: a last reading is wished for, and over. */
int polls_wish(wh_engine *engine);
int polls_rest(void);
void polls_end(void); /* judges */

#endif
