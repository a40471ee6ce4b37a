/* Making the n-th allocation fail, in whichever thread. */
#ifndef FAULT_H
#define FAULT_H

#include <stdatomic.h>

#include "base/mem.h"

static atomic_long fault_left;

static int fault_strike(void) {
    return atomic_fetch_sub(&fault_left, 1) == 0;
}

/* The allocation after n others fails. */
static inline void fault_set(long n) {
    atomic_store(&fault_left, n);
    whi_mem_fault = fault_strike;
}

/* 1 if it has failed. */
static inline int fault_clear(void) {
    whi_mem_fault = NULL;
    return atomic_load(&fault_left) < 0;
}

#endif
