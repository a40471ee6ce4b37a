/* Tests: test_receiver_auth. */
#include "pure/gzip.h"

#include <limits.h>
#include <zlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "webhook.h"

#define GZIP_WINDOW (15 + 16) /* the largest window, and a head of gzip's: zlib.h at deflateInit2 */
#define MEMORY_LEVEL 8        /* zlib's own default */

static voidpf take(voidpf payload, uInt items, uInt size) {
    (void)payload;
    return whi_calloc(items, size);
}

static void give(voidpf payload, voidpf memory) {
    (void)payload;
    whi_free(memory);
}

int whi_gzip(const void *bytes, size_t size, whi_buf *out) {
    z_stream stream = { .zalloc = take, .zfree = give };
    size_t most;
    int code = WH_OK;

    if (size > UINT_MAX / 2) {
        return whi_fail_size("body", size, (long long)(UINT_MAX / 2));
    }
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return whi_fail_memory();
    }
    most = deflateBound(&stream, (uLong)size);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)whi_buf_reserve(out, most);
    stream.avail_out = (uInt)most;
    if (stream.next_out == NULL) {
        code = whi_buf_status(out);
    } else if (deflate(&stream, Z_FINISH) != Z_STREAM_END) { /* the bound holds for one call: zlib.h */
        code = whi_fail(WH_EINTERNAL, "zlib does not end");
    } else {
        out->size += stream.total_out;
        out->data[out->size] = '\0';
    }
    deflateEnd(&stream);
    return code;
}
