/* Slack's requests: what is known of it is at wh_verify_as. Tests: test_verify_as. */
#include "systems/received.h"

#include <string.h>

#include "base/error.h"

#define SLACK_STAMP "x-slack-request-timestamp"

static int check_slack(const whi_check *check) {
    static const whi_check_simple format = { WHI_CHECK_NAME "x-slack-signature", "v0=", "SHA256", WHI_CHECK_HEX };
    whi_check_list list;
    whi_value stamp;
    int64_t seconds = 0;
    int code = whi_check_simple_read(check, &format, &list);

    if (code == WH_OK) {
        code = whi_check_header(check, SLACK_STAMP, &stamp);
    }
    if (code == WH_OK) {
        code = whi_stamp_read(WHI_CHECK_NAME SLACK_STAMP, stamp.text, stamp.size, &seconds);
    }
    if (code == WH_OK) {
        code = whi_stamp_check(WHI_CHECK_NAME SLACK_STAMP, seconds, check->options->tolerance, check->options->now);
    }
    if (code != WH_OK) {
        return code;
    }
    whi_check_part parts[] = { { "v0:", 3 }, { stamp.text, stamp.size }, { ":", 1 }, { check->body, check->size } };

    return whi_check_match(check, &list, parts, 4);
}

const whi_format whi_format_slack = {
    .name = "slack",
    .header = "x-slack-signature",
    .check = check_slack,
};
