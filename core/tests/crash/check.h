/* The judge: the publishers' journal against the receiver's log and the store. */
#ifndef CRASH_CHECK_H
#define CRASH_CHECK_H

#include "campaign.h"
#include "journal.h"

/* What is known of an event. */
typedef struct known {
    entry line;            /* kind 0: accepted, but its publisher was killed before it wrote that down */
    uint16_t got[ROUTES];  /* answered with success */
    uint16_t came[ROUTES]; /* all requests */
    uint64_t body[ROUTES]; /* hash of the first one's */
    int64_t at[ROUTES];    /* us: the first success */
} known;

/* Prints what it found; 0 if all that must hold holds. strict: order, too. forged: 0 if all
 * that forge.c did is found. */
int check(const campaign_tally *tally, int strict, int forged);

#endif
