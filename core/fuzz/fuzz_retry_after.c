/* A receiver's Retry-After: 8 bytes of the time now, then the header. Whatever it says,
 * the wait stays within the limits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/retry.h"
#include "pure/retry_policy.h"
#include "systems/list.h"
#include "systems/system.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t now, after, delay;
    char *text;

    if (size < 8) {
        return 0;
    }
    memcpy(&now, data, 8);
    text = malloc(size - 8 + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 8, size - 8);
    text[size - 8] = '\0';
    after = whi_retry_after(text, now);
    delay = whi_retry_delay(whi_system_standard.retry, whi_system_standard.retry_count, 1, after, WHI_JITTER_PERCENT,
                            (uint32_t)now);
    if (after < 0 || after > WHI_RETRY_AFTER_MAXIMUM || delay < 5000 || delay < after ||
        delay > WHI_RETRY_AFTER_MAXIMUM / 10 * 11) {
        abort();
    }
    free(text);
    return 0;
}
