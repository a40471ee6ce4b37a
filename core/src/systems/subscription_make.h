/* Making subscriptions: fresh ones, and copies. */
#ifndef WHI_SUBSCRIPTION_MAKE_H
#define WHI_SUBSCRIPTION_MAKE_H

#include "systems/subscription_read.h"

/* A fresh one with the defaults. Freed with whi_subscription_free. */
int whi_subscription_new(whi_subscription **out);

/* By writing and reading it. */
int whi_subscription_copy(whi_subscription **out, const whi_subscription *from);

#endif
