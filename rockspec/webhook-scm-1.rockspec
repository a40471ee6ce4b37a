rockspec_format = "3.0"
package = "webhook"
version = "scm-1"
source = {
   url = "git+file://.",
}
description = {
   summary = "The webhook engine that programs embed",
   detailed = [[
      Subscriptions, events, Lua rules on every payload, signatures, delivery with retries,
      on one SQLite file, inside your program. Its tables are lua-cjson's, and lua-cjson's are
      its own.]],
   labels = { "webhook", "http", "queue", "sqlite" },
}
dependencies = {
   "lua >= 5.4, < 5.6",
   "lua-cjson >= 2.1.0", -- for an application's own JSON; what is signed, stored and sent never passes through it
}
-- What C needs is not listed as external_dependencies: LuaRocks looks for headers in include/
-- alone, and fails where a system keeps them elsewhere. CMake finds it, or names the packages.
build = {
   type = "cmake",
   variables = {
      CMAKE_BUILD_TYPE = "Release",
      CMAKE_C_FLAGS = "$(CFLAGS)",
      CMAKE_INSTALL_PREFIX = "$(PREFIX)",
      WEBHOOK_LUA_INCLUDE = "$(LUA_INCDIR)",
      WEBHOOK_LUA_LIB = "$(LIBDIR)",
      WEBHOOK_LUA_SHARE = "$(LUADIR)",
      WEBHOOK_DOC = "$(PREFIX)/doc",
      WEBHOOK_INSTALL_C = "OFF",
      WEBHOOK_INSTALL_COMMAND = "OFF",
   },
   install = {
      bin = { "lua/bin/webhook" },
   },
}
test = {
   type = "command",
   command = "spec/run --quick",
}
