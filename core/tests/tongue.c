#include "tongue.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run(const char *line) {
    if (system(line) != 0) {
        fprintf(stderr, "tongue: failed: %s\n", line);
        abort();
    }
}

/* "de_DE.UTF-8": from the source de_DE. */
static void make(const char *name) {
    char folder[] = "/tmp/webhook-locale-XXXXXX", line[200];

    if (mkdtemp(folder) == NULL) {
        abort();
    }
    snprintf(line, sizeof line, "localedef -i %.*s -f UTF-8 %s/%s", (int)strcspn(name, "."), name, folder, name);
    run(line);
    setenv("LOCPATH", folder, 1);
    if (setlocale(LC_ALL, name) == NULL) {
        fprintf(stderr, "tongue: %s was made, and is not there\n", name);
        abort();
    }
    unsetenv("LOCPATH");
    snprintf(line, sizeof line, "rm -r %s", folder);
    run(line);
}

void tongue_speak(const char *name) {
    if (setlocale(LC_ALL, name) == NULL) {
        make(name);
    }
}

/* Before main, so that no program of tests has to know of it. */
__attribute__((constructor)) static void speak_what_is_asked(void) {
    const char *name = getenv("WEBHOOK_TEST_LOCALE");

    if (name != NULL) {
        tongue_speak(name);
    }
}
