/* The soak: does anything grow over hours?
 *
 * Two servers and a worker live through it, paused now and then, beside others that are
 * killed, too. Events are kept for a minute only, so that purging keeps the file as it is.
 * Each second the residents' memory and descriptors are noted, and the sizes of the store
 * and of its WAL. Of each minute the least counts, which bursts are not in; what comes after
 * the warm-up (a third of the time, a quarter of an hour at most) is fitted by a straight
 * line. It fails where that rises steadily (quarter by quarter, not in one step, as a pool
 * does after a burst) by more than
 *
 *                  an hour     and in all
 *   memory         4 MiB       8 MiB        of one process
 *   descriptors    4           32
 *   store          8 MiB       8 MiB
 *   WAL            16 MiB      64 MiB       it keeps the size of the longest time without a checkpoint
 *
 * The second column is what caches and connections may still take in short runs; in two
 * hours the first one decides, or comes close: 8 MiB are then 4.6 MiB an hour, which at 150
 * events a second is 9 bytes an event.
 *
 * STORE.samples has them as text, a line a second: the time, store, WAL, and memory and
 * descriptors of each resident in the order of the table at the end.
 *
 * With a leaker among them, a process that loses memory, descriptors and rows on purpose,
 * the run is right if all three are noticed, and nothing of anybody else: a check of the
 * check, for a short run. */
#ifndef CRASH_SOAK_H
#define CRASH_SOAK_H

/* Returns 0 if all is flat (leak: if exactly the leaker was found out). */
int soak(double minutes, int leak, unsigned seed);

#endif
