/* Handing events over to workers, in the order of the log.
 *
 * An event that this process has published is handed over from memory if it is the next one that is
 * to be read; if another process's lies before it, or memory is short, it is read from the log like
 * theirs (work/reading.c). Both ways meet here, under the position's lock, so that none goes past
 * another. */
#ifndef WHI_HANDOVER_H
#define WHI_HANDOVER_H

#include "engine/event.h"

/* Whose turn it is to fan out what comes next. Where order counts, one worker has them all. */
struct whi_inbox *whi_hand_over_to(wh_engine *engine);

/* Takes the reference. before: the number of the event before it in the log; owner: for whom the log was
 * read, 0: for whoever has it. 0: it was not taken, the log has it. */
int whi_hand_over(wh_engine *engine, struct whi_inbox *to, whi_event *event, int64_t before, int64_t owner);

/* There are, or may be, events that nobody has handed over: they are read from the log. Any thread. */
void whi_hand_over_later(wh_engine *engine);

#endif
