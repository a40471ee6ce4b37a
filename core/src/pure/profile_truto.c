/* Truto: the webhook object of its API reference. The secret is made by the engine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pure/profile_table.h"
#include "webhook.h"

static const whi_wire_field fields[] = {
    { "id", WHI_WIRE_TEXT, WHI_AT_ID, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0 },
    { "target_url", WHI_WIRE_TEXT, WHI_AT_URL, WHI_WIRE_REQUIRED, NULL, NULL, NULL, 0 },
    { "is_active", WHI_WIRE_FLAG, WHI_AT_ACTIVE, 0, NULL, NULL, NULL, 0 },
    { "event_types", WHI_WIRE_TEXTS, WHI_AT_EVENTS, 0, NULL, NULL, NULL, 0 },
    { "environment_id", WHI_WIRE_TEXT, WHI_AT_TENANT, WHI_WIRE_READ_ONLY | WHI_WIRE_CHECKED, NULL, "\"\"", NULL, 0 },
    { "created_at", WHI_WIRE_TEXT, WHI_AT_CREATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0 },
    { "updated_at", WHI_WIRE_TEXT, WHI_AT_UPDATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0 },
    { "secret", WHI_WIRE_TEXT, WHI_AT_SECRET, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0 },
};

/* Truto's guide: three retries, exponential, none more than 10 s. The steps are ours. */
static const int64_t retry[] = { 0, 1000, 2000, 4000 };

/* A UUID that holds the number: its upper 3 bits behind the version, the others at the end.
 * The version says 4, which every check of a UUID takes; 8 would be the honest one. */
#define PREFIX "77656268-6f6f-4"

static void ident(int64_t number, char *out) {
    uint64_t bits = (uint64_t)number;

    snprintf(out, WH_ID_SIZE, PREFIX "%03x-8%03x-%012" PRIx64, (unsigned)(bits >> 60), (unsigned)(bits >> 48 & 0xfff),
             bits & UINT64_C(0xffffffffffff));
}

static int digit(char letter) {
    static const char digits[] = "0123456789abcdef";
    const char *found = letter != '\0' ? strchr(digits, letter | (letter >= 'A' ? 0x20 : 0)) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* Reads all digits from the version's neighbour on, and compares with what they would be written as. */
static int ident_parse(const char *text, int64_t *number) {
    char again[WH_ID_SIZE];
    uint64_t bits = 0;

    if (strlen(text) != 36) {
        return WH_EINVALID;
    }
    for (size_t i = sizeof PREFIX - 1; i < 36; i++) {
        if (i != 18 && i != 19 && i != 23) { /* dashes and the variant */
            bits = bits << 4 | (uint64_t)(digit(text[i]) & 15);
        }
    }
    *number = (int64_t)(bits & INT64_MAX);
    ident(*number, again);
    for (size_t i = 0; i < 36; i++) {
        if (text[i] != again[i] && (digit(text[i]) < 0 || digit(text[i]) != digit(again[i]))) {
            return WH_EINVALID;
        }
    }
    return WH_OK;
}

const whi_profile whi_profile_truto = {
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .retry = retry,
    .retry_count = sizeof retry / sizeof retry[0],
    .agent = "User-Agent: truto",
    .time = WHI_TIME_MS,
    .only_200 = 1,
    .ident = ident,
    .ident_parse = ident_parse,
};
