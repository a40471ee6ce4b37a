#include "outside/refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

/* As this process may, now. */
static int may(const char *name, int mode) {
    return faccessat(AT_FDCWD, name, mode, AT_EACCESS) == 0;
}

static int file_refused(const char *name) {
    if (errno == EROFS) {
        return whi_fail(WH_ESTORE, "store '%s': its file system is mounted to be read only", name);
    }
    return may(name, R_OK)
               ? whi_fail(WH_ESTORE, "store '%s': the file can only be read, write permission is expected", name)
               : whi_fail(WH_ESTORE, "store '%s': the file may not be read and written here: %s", name,
                          strerror(errno));
}

static int folder_refused(const char *name, const char *folder, int exists) {
    if (errno == EROFS) {
        return whi_fail(WH_ESTORE, "store '%s': its file system is mounted to be read only", name);
    }
    return whi_fail(WH_ESTORE, "store '%s': the directory '%s' may not be written here, and %s: %s", name, folder,
                    exists ? "-wal and -shm are made beside the file" : "the file is to be made in it",
                    strerror(errno));
}

static int judge(const char *name, const char *folder, int number) {
    struct stat about;
    int exists = stat(name, &about) == 0;

    if (exists && S_ISDIR(about.st_mode)) {
        return whi_fail(WH_ESTORE, "store '%s': is a directory, a file is expected", name);
    }
    if (stat(folder, &about) != 0) {
        return whi_fail(WH_ESTORE, "store '%s': the directory '%s': %s", name, folder, strerror(errno));
    }
    if (exists && !may(name, R_OK | W_OK)) {
        return file_refused(name);
    }
    if (!may(folder, W_OK | X_OK)) {
        return folder_refused(name, folder, exists);
    }
    return whi_fail(WH_ESTORE, "store '%s': cannot be opened or created, or its -wal and -shm beside it: %s", name,
                    strerror(number));
}

int whi_refusal(const char *name, int number) {
    const char *slash = strrchr(name, '/');
    char *folder =
        slash == NULL ? whi_strdup(".", WH_ZSTR) : whi_strdup(name, (size_t)(slash - name) + (slash == name));
    int code = folder != NULL ? judge(name, folder, number) : whi_fail_memory();

    whi_free(folder);
    return code;
}
