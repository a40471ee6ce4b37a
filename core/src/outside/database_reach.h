/* What a database says of the way to its server. */
#ifndef WHI_DATABASE_REACH_H
#define WHI_DATABASE_REACH_H

#include "outside/dialect.h"
#include "outside/reach.h"

/* The time in so many ms, in us, or the end of the check that is under way where that comes before. */
int64_t whi_reach_until(const whi_database *database, int64_t ms);

/* What TLS has to be like for this address. */
int whi_reach_tls(const whi_database *database, const whi_address *address);

#endif
