#include "pure/profile.h"

#include <string.h>

#include "base/error.h"
#include "pure/delivery.h"
#include "pure/profile_table.h"

static const whi_profile *const profiles[WHI_PROFILES] = {
    [WHI_STANDARD] = &whi_profile_standard,
    [WHI_UNIFIED] = &whi_profile_unified,
    [WHI_TRUTO] = &whi_profile_truto,
    [WHI_CALLFIRE] = &whi_profile_callfire,
};

const whi_profile *whi_profile_get(int id) {
    return id >= 0 && id < WHI_PROFILES ? profiles[id] : NULL;
}

const int64_t *whi_profile_retry(int id, size_t *count) {
    *count = profiles[id]->retry_count;
    return profiles[id]->retry;
}

const char *whi_profile_agent(int id) {
    return profiles[id]->agent;
}

/* Truto asks the receiver whether the run may go on: 400 is an answer, and "no". So it is not
 * tried again, and nothing is wrong with the subscription. */
int whi_profile_outcome(int id, const char *event_type, int error, int status, int *code, int *abort) {
    int outcome = whi_delivery_outcome(error, status, code);

    *abort = 0;
    if (id == WHI_TRUTO && error == WH_OK && status == 400 && strcmp(event_type, "sync_job_run:started") == 0) {
        *abort = 1;
        return WHI_OUTCOME_SUCCESS;
    }
    if (outcome == WHI_OUTCOME_SUCCESS && profiles[id]->only_200 && status != 200) {
        *code = WH_ESTATUS;
        return WHI_OUTCOME_RETRY;
    }
    return outcome;
}

void whi_profile_ident(int id, int64_t number, char *out) {
    profiles[id]->ident(number, out);
}

int whi_profile_ident_parse(int id, const char *text, int64_t *number) {
    return text != NULL && profiles[id]->ident_parse(text, number) == WH_OK
               ? WH_OK
               : whi_fail(WH_ENOTFOUND, "id: there is no webhook with this one");
}

size_t whi_type_split(const char *type) {
    size_t at = strlen(type);

    if (at > 0 && strchr(".:", type[at - 1]) != NULL) {
        return 0;
    }
    while (at > 0 && type[at] != '.' && type[at] != ':') {
        at--;
    }
    return at;
}
