#include "sim.h"
int sim_check_self(void) { return 0; }
