/* Tests: test_unmerged. */
#include "work/unmerged.h"

#define MB 1048576

static void tell(whi_worker *worker, int64_t bytes) {
    whi_log(&worker->engine->log, WH_LOG_WARNING,
            "the store's write-ahead log has %lld MB that cannot be merged into its file: somebody has been reading it "
            "for long, a backup or a program with a query that it did not end; until that ends the log grows with all "
            "that is written, and reading gets slower",
            (long long)(bytes / MB));
}

/* It is told again when it was much less in between. */
void whi_unmerged_look(whi_worker *worker) {
    whi_store *store = worker->engine->store;
    whi_store_figures figures;

    if (store->vtable->figures == NULL || store->vtable->figures(store, 0, 0, &figures) != WH_OK) {
        return;
    }
    if (figures.log_bytes >= WHI_UNMERGED_MUCH) {
        worker->unmerged_looks++;
        if (worker->unmerged_looks == 2) {
            tell(worker, figures.log_bytes);
        }
    } else if (worker->unmerged_looks < 2 || figures.log_bytes < WHI_UNMERGED_MUCH / 2) {
        worker->unmerged_looks = 0;
    }
}
