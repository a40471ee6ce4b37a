#ifndef CRASH_FORGE_H
#define CRASH_FORGE_H

/* Adds to journal, log and store one of each thing that must not be, when a campaign is
 * over: the judge has to notice all of them. */
void forge(void);

#endif
