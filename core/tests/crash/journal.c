#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 320
#define LINES 8 /* at most, at once */

int journal_open(void) {
    int fd = -1;

    if (here.retain == 0) {
        fd = open(here.journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            die(here.journal);
        }
    }
    return fd;
}

void journal_write(int fd, const entry *lines, size_t count) {
    char text[LINES * LINE_SIZE];
    size_t size = 0;

    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < count && i < LINES; i++) {
        const entry *line = &lines[i];
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "%c %c %s %s %s %d %d %" PRId64 " %" PRId64 " %" PRIx64 "\n", line->kind, line->origin,
                                 line->id, line->key[0] != '\0' ? line->key : "-", line->writer, line->type, line->drop,
                                 line->begin, line->end, line->hash);
    }
    if (write(fd, text, size) != (ssize_t)size) {
        die(here.journal);
    }
}

static int parse(const char *text, entry *line) {
    return sscanf(text, "%c %c %71s %31s %31s %d %d %" SCNd64 " %" SCNd64 " %" SCNx64, &line->kind, &line->origin,
                  line->id, line->key, line->writer, &line->type, &line->drop, &line->begin, &line->end,
                  &line->hash) == 10;
}

void journal_read(void (*each)(const entry *line, void *payload), void *payload) {
    FILE *file = fopen(here.journal, "r");
    char text[LINE_SIZE * 2];
    entry line;

    if (file == NULL) {
        die(here.journal);
    }
    while (fgets(text, sizeof text, file) != NULL) {
        if (!parse(text, &line)) {
            errno = EINVAL;
            die(text);
        }
        each(&line, payload);
    }
    fclose(file);
}
