/* Where the suite of all stores runs: the one file of it that knows what stores there are.
 *
 *     test_store            in every place
 *     test_store file       in this one
 *
 * Another back end is another place: a name to open, a way to make it empty, and a program other than
 * ours that writes there. */
#ifndef STORE_PLACES_H
#define STORE_PLACES_H

#include "store_file_kit.h"

typedef struct store_place {
    const char *word; /* on the command line */
    const char *name; /* for whi_store_open */
    int (*clear)(void **state);
    void (*execute)(const char *sql); /* as another program does; NULL: there can be none */
} store_place;

static const store_place *place_now;

/* The statements are those that every database knows. */
KIT static int other_program(const char *sql) {
    if (place_now->execute == NULL) {
        return 0;
    }
    place_now->execute(sql);
    return 1;
}

KIT static int clear(void **state) {
    return place_now->clear(state);
}

KIT static int nothing_to_clear(void **state) {
    (void)state;
    return 0;
}

typedef void (*body_fn)(whi_store *store);

KIT static whi_store *opened_here(void) {
    return opened(place_now->name);
}

KIT static void on_store(body_fn body) {
    whi_store *store = opened_here();

    body(store);
    whi_store_close(store);
}

KIT static int run_places(int argc, char **argv, const struct CMUnitTest *tests, size_t count) {
    const store_place places[] = {
        { "memory", ":memory:", nothing_to_clear, NULL },
        { "file", path, scrub, execute },
    };
    int failed = 0, ran = 0;

    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    in_folder();
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        place_now = &places[i];
        if (argc < 2 || strcmp(argv[1], place_now->word) == 0) {
            print_message("-- %s\n", place_now->word);
            failed += _cmocka_run_group_tests(place_now->word, tests, count, NULL, NULL);
            ran++;
        }
    }
    rmdir(folder);
    return failed > 0 || ran == 0;
}

#define RUN_IN_PLACES(tests) run_places(argc, argv, tests, sizeof tests / sizeof tests[0])

#endif
