#ifndef CRASH_SOAK_H
#define CRASH_SOAK_H

/* Runs for so long; 0 if nothing grew (leak: if the leaker was found out, and nobody else). */
int soak(double minutes, int leak, unsigned seed);

#endif
