/* Tests: test_database. */
#include "outside/destinations.h"

const whi_destinations whi_destinations_built = {
    .open = whi_destination_open,
    .write = whi_destination_write,
    .check = whi_destination_check,
    .cut = whi_destination_cut,
    .rest = whi_destination_rest,
    .close = whi_destination_close,
    .has = whi_destination_has,
};
