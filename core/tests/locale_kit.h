/* A locale with a decimal comma, for tests of what must not mind it. */
#ifndef LOCALE_KIT_H
#define LOCALE_KIT_H

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The system's, or one that we have made from its sources. */
static inline void speak_german(void) {
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8" };
    static char folder[] = "/tmp/webhook-locale-XXXXXX";
    char line[200];

    for (size_t i = 0; i < 4; i++) {
        if (setlocale(LC_NUMERIC, names[i]) != NULL) {
            return;
        }
    }
    assert_non_null(mkdtemp(folder));
    snprintf(line, sizeof line, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8", folder);
    assert_int_equal(system(line), 0);
    setenv("LOCPATH", folder, 1);
    assert_non_null(setlocale(LC_NUMERIC, "de_DE.UTF-8"));
    snprintf(line, sizeof line, "rm -r %s", folder);
    assert_int_equal(system(line), 0);
}

#endif
