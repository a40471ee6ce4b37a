/* Verifying what is signed with its time, in the lines "webhook-…". */
#ifndef WHI_STANDARD_VERIFY_H
#define WHI_STANDARD_VERIFY_H

#include "systems/check.h"

/* wh_verify, for formats. */
int whi_check_timed(const whi_check *check);

#endif
