/* Memory: one door for all allocation, so that a test can make the n-th one fail. */
#ifndef WHI_MEM_H
#define WHI_MEM_H

#include <stddef.h>

/* As malloc, calloc, realloc, free; NULL when there is none (no sentence is set:
 * the caller returns whi_fail_memory()). A size of 0 gives a pointer that can be freed. */
void *whi_alloc(size_t size);
void *whi_calloc(size_t count, size_t size);
void *whi_realloc(void *memory, size_t size);
void whi_free(void *memory);

/* A copy of size bytes with a zero byte behind them; WH_ZSTR as the size takes
 * the text's own length. NULL for NULL. */
char *whi_strdup(const char *text, size_t size);

/* Overwrites before it frees: for secrets. */
void whi_wipe(void *memory, size_t size);
void whi_free_secret(void *memory, size_t size);

/* Tests only: called before every allocation; a non-zero answer makes it fail.
 * Set while no other thread allocates. */
extern int (*whi_mem_fault)(void);

#endif
