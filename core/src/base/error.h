/* Errors: a code for the program, a sentence for the human.
 *
 * A function that fails says why at the place where it knows most, with
 * whi_fail, and returns the code; its callers pass the code on. The sentence is
 * in a fixed buffer of the thread, so the path of an error allocates nothing.
 * Never put a secret into it. */
#ifndef WHI_ERROR_H
#define WHI_ERROR_H

#include <stddef.h>

#include "webhook.h"

#define WHI_ERROR_SIZE 512

/* Remembers the sentence for wh_last_error and returns code. */
int whi_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts words in front of the sentence: whi_fail_within(code, "event %zu", i)
 * makes "event 3: type: …". Returns code. */
int whi_fail_within(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* whi_fail(WH_ENOMEM, …) with the usual words. */
int whi_fail_memory(void);

/* Forgets the sentence of this thread. */
void whi_error_clear(void);

#endif
