/* GitHub's webhooks: what is known of it is at wh_verify_as. Tests: test_verify_as. */
#include "systems/received.h"

static int check_github(const whi_check *check) {
    static const whi_check_simple format = { WHI_CHECK_NAME "x-hub-signature-256", "sha256=", "SHA256", WHI_CHECK_HEX };

    return whi_check_simple_body(check, &format);
}

const whi_format whi_format_github = {
    .name = "github",
    .header = "x-hub-signature-256",
    .check = check_github,
};
