/* Tests: test_keys. */
#include "outside/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#define FILE_MAXIMUM 16384 /* bytes: 32 keys, and many words about them */

static int fail_number(const char *path, int number) {
    return whi_fail_field(WH_EINVALID, "key_file", "'%s' cannot be read: %s", path, strerror(number));
}

/* Up to the end, or to one byte more than there may be. */
static int read_all(int fd, const char *path, char *text, size_t *size) {
    ssize_t got = 1;

    *size = 0;
    while (got > 0 && *size < FILE_MAXIMUM + 1) {
        got = read(fd, text + *size, FILE_MAXIMUM + 1 - *size);
        if (got < 0 && errno == EINTR) {
            got = 1;
        } else if (got > 0) {
            *size += (size_t)got;
        }
    }
    if (got < 0) {
        return fail_number(path, errno);
    }
    return *size <= FILE_MAXIMUM ? WH_OK : whi_fail_field(WH_EINVALID, "key_file", "more than %d bytes", FILE_MAXIMUM);
}

static int read_keys(int fd, const char *path, whi_keyring *keys) {
    char text[FILE_MAXIMUM + 1];
    size_t size;
    int code = read_all(fd, path, text, &size);

    code = code == WH_OK ? whi_keyring_read(keys, text, size) : code;
    whi_wipe(text, sizeof text);
    return code;
}

int whi_key_file_read(whi_keyring **out, const char *path, int *shared) {
    whi_keyring *keys = whi_calloc(1, sizeof *keys);
    struct stat found;
    int fd, code;

    *out = NULL;
    *shared = 0;
    if (keys == NULL) {
        return whi_fail_memory();
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        code = fail_number(path, errno);
    } else {
        *shared = fstat(fd, &found) == 0 && (found.st_mode & (S_IRWXG | S_IRWXO)) != 0;
        code = read_keys(fd, path, keys);
        close(fd);
    }
    if (code != WH_OK) {
        whi_key_file_free(keys);
        return code;
    }
    *out = keys;
    return WH_OK;
}

void whi_key_file_free(whi_keyring *keys) {
    if (keys != NULL) {
        whi_free_secret(keys, sizeof *keys);
    }
}
