/* Our own: documents as webhook.h describes them, and Standard Webhooks on the wire. */
#include "base/ident.h"
#include "pure/profile_table.h"
#include "pure/retry.h"
#include "webhook.h"

static void ident(int64_t number, char *out) {
    whi_ident_format("sub_", number, out);
}

static int ident_parse(const char *text, int64_t *number) {
    return whi_ident_parse("sub_", text, number);
}

/* The list of retry.c, which has ten. */
const whi_profile whi_profile_standard = {
    .retry = whi_retry_standard,
    .retry_count = 10,
    .time = WHI_TIME_MS,
    .ident = ident,
    .ident_parse = ident_parse,
};
