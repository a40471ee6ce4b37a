/* Making bodies smaller: gzip (RFC 1952), by zlib. */
#ifndef WHI_GZIP_H
#define WHI_GZIP_H

#include "base/buf.h"

/* Appends the bytes compressed. WH_ENOMEM, WH_ELIMIT. */
int whi_gzip(const void *bytes, size_t size, whi_buf *out);

#endif
