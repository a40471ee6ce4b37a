/* Tests: test_systems. */
#include "systems/registry.h"

#include "systems/list.h"
#include "systems/received.h"

static const whi_system *const systems[] = {
#define WHI_X(name, header) &whi_system_##name,
    WHI_SYSTEMS(WHI_X)
#undef WHI_X
};

const char *const whi_system_names[] = {
#define WHI_X(name, header) #name,
    WHI_SYSTEMS(WHI_X)
#undef WHI_X
        NULL,
};

static const whi_format *const received[] = {
    &whi_format_github, &whi_format_stripe, &whi_format_slack, &whi_format_shopify, &whi_format_rfc9421,
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const whi_system *whi_system_at(size_t index) {
    return index < COUNT(systems) ? systems[index] : NULL;
}

const whi_system *whi_system_default(void) {
    return systems[0];
}

const whi_format *whi_format_at(size_t index) {
    if (index < COUNT(systems)) {
        return systems[index]->format;
    }
    return index - COUNT(systems) < COUNT(received) ? received[index - COUNT(systems)] : NULL;
}
