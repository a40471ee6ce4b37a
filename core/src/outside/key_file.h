/* The file with an operator's keys, read. */
#ifndef WHI_KEY_FILE_H
#define WHI_KEY_FILE_H

#include "pure/seal.h"

/* Its keys, for whi_key_file_free. *shared 1: others than its owner may read or write it. WH_EINVALID of the field
 * "key_file" says what is wrong with it, and nothing of what stands in it. */
int whi_key_file_read(whi_keyring **out, const char *path, int *shared);

/* Wipes them. NULL is fine. */
void whi_key_file_free(whi_keyring *keys);

#endif
