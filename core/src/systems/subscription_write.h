/* Writing a subscription's document. */
#ifndef WHI_SUBSCRIPTION_WRITE_H
#define WHI_SUBSCRIPTION_WRITE_H

#include "pure/subscription.h"

enum {
    WHI_WRITE_SECRETS = 1,     /* them too */
    WHI_WRITE_BRIEF = 2,       /* for the store: what is at its default is left out */
    WHI_WRITE_OPEN = 4,        /* without its end: the caller has more members */
    WHI_WRITE_CREDENTIALS = 8, /* for the store: a database's password too, and
                                  auth, tls and proxy without masks */
};

/* Writes the document. id and times as text. Fields at their default are written where a reader
 * would ask for them: name, rule, fields, filters, metadata, retry, timeout and disabled as null;
 * the others with their value. */
void whi_subscription_write(const whi_subscription *subscription, int flags, whi_buf *out);

/* At least the bytes up to the end of the secrets: with so much room the text does not grow,
 * which would leave them in freed memory. */
size_t whi_subscription_written_size(const whi_subscription *subscription);

#endif
