/* Shopify's webhooks: what is known of it is at wh_verify_as. Tests: test_verify_as. */
#include "systems/received.h"

static int check_shopify(const whi_check *check) {
    static const whi_check_simple format = { WHI_CHECK_NAME "x-shopify-hmac-sha256", "", "SHA256", WHI_CHECK_BASE64 };

    return whi_check_simple_body(check, &format);
}

const whi_format whi_format_shopify = {
    .name = "shopify",
    .header = "x-shopify-hmac-sha256",
    .check = check_shopify,
};
