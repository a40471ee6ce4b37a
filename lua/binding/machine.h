/* What `webhook doctor` asks the system. */
#ifndef WHL_MACHINE_H
#define WHL_MACHINE_H

#include "binding.h"

int whl_file_facts(lua_State *L);    /* file_facts(path): {mode, bytes}, or nil and a sentence */
int whl_store_version(lua_State *L); /* store_version(path): that of its tables, which are left as they are, 0: it has
                                        none, nil: they cannot be read; and that which opening it would make of it */
int whl_disk_facts(lua_State *L);    /* disk_facts(path): {free, bytes} of its file system, for who is not root */
int whl_file_limit(lua_State *L);    /* how many files this process may have open; the largest integer: any number */
int whl_resolve(lua_State *L);       /* resolve(name): a list of addresses, or nil and a sentence. Waits */

#endif
