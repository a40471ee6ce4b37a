/* Making the n-th allocation fail. One thread only. */
#ifndef FAULT_H
#define FAULT_H

#include "base/mem.h"

static long fault_left;

static int fault_strike(void) {
    return fault_left-- == 0;
}

/* The allocation after n others fails. */
static inline void fault_set(long n) {
    fault_left = n;
    whi_mem_fault = fault_strike;
}

/* 1 if it has failed. */
static inline int fault_clear(void) {
    whi_mem_fault = NULL;
    return fault_left < 0;
}

#endif
