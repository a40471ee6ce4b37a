#include "pure/poll_order.h"

int whi_poll_is_before(const whi_poll_place *a, const whi_poll_place *b) {
    if (a->readers != b->readers) {
        return a->readers < b->readers;
    }
    if (a->served != b->served) {
        return a->served < b->served;
    }
    return a->due != b->due ? a->due < b->due : a->read < b->read;
}

size_t whi_poll_share(size_t readers, size_t tenants, size_t active) {
    size_t share = tenants > 1 ? readers / (active + 1) : readers;

    return share > 0 ? share : 1;
}
