/* Formats that are only received: other senders' webhooks, for wh_verify_as. */
#ifndef WHI_RECEIVED_H
#define WHI_RECEIVED_H

#include "systems/check.h"

extern const whi_format whi_format_github, whi_format_stripe, whi_format_slack, whi_format_shopify, whi_format_rfc9421;

#endif
