# webhook.core: the core, the rule engine and the HTTP server in one module that exports nothing but its
# opener and is never linked to liblua, since the interpreter brings its own.
file(GLOB binding_sources CONFIGURE_DEPENDS lua/binding/*.c)
if(TARGET webhook_http_objects)
  list(FILTER binding_sources EXCLUDE REGEX "/serve_none.c$")
  set(server_objects $<TARGET_OBJECTS:webhook_http_objects>)
  set(server_libraries webhook_dep::http)
else()
  list(FILTER binding_sources EXCLUDE REGEX "/serve.c$")
endif()
file(GLOB lua_sources CONFIGURE_DEPENDS lua/webhook/*.lua)
file(GLOB command_sources CONFIGURE_DEPENDS lua/webhook/command/*.lua)

add_library(webhook_lua MODULE ${binding_sources} $<TARGET_OBJECTS:webhook_objects> $<TARGET_OBJECTS:webhook_rule_objects>
            ${server_objects})
target_include_directories(webhook_lua PRIVATE lua/rule core/include core/src
                           $<TARGET_PROPERTY:webhook_dep::lua,INTERFACE_INCLUDE_DIRECTORIES>)
target_link_libraries(webhook_lua PRIVATE ${core_libraries} ${server_libraries} m)
set_target_properties(webhook_lua PROPERTIES PREFIX "" OUTPUT_NAME core
                      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lua/webhook)
webhook_export_only(webhook_lua luaopen_webhook_core)
if(APPLE)
  target_link_options(webhook_lua PRIVATE -undefined dynamic_lookup)
else()
  # Lua unloads modules while threads of theirs may still end: nodelete.
  target_link_options(webhook_lua PRIVATE -Wl,-z,nodelete -Wl,--exclude-libs,ALL)
endif()

# The build tree can be used as it is: LUA_PATH and LUA_CPATH point to ${build}/lua.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/lua/webhook)
foreach(file ${lua_sources} ${command_sources})
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR}/lua/webhook ${file})
  get_filename_component(folder ${name} DIRECTORY)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/lua/webhook/${folder})
  file(CREATE_LINK ${file} ${PROJECT_BINARY_DIR}/lua/webhook/${name} SYMBOLIC)
endforeach()

set(WEBHOOK_LUA_SHARE ${CMAKE_INSTALL_DATAROOTDIR}/lua/${WEBHOOK_LUA_VERSION} CACHE STRING "Where Lua files go")
set(WEBHOOK_LUA_LIB lib/lua/${WEBHOOK_LUA_VERSION} CACHE STRING "Where Lua's C modules go")
install(TARGETS webhook_lua LIBRARY DESTINATION ${WEBHOOK_LUA_LIB}/webhook)
install(DIRECTORY lua/webhook DESTINATION ${WEBHOOK_LUA_SHARE} FILES_MATCHING PATTERN "*.lua")
option(WEBHOOK_INSTALL_COMMAND "Install the command" ON)
if(WEBHOOK_INSTALL_COMMAND)
  # Its first line names the interpreter as this system does: lua5.4, lua-5.4, lua54 or lua.
  string(REPLACE "." "" digits ${WEBHOOK_LUA_VERSION})
  find_program(WEBHOOK_LUA_PROGRAM NAMES lua${WEBHOOK_LUA_VERSION} lua-${WEBHOOK_LUA_VERSION} lua${digits} lua)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS lua/bin/webhook)
  file(READ lua/bin/webhook command)
  if(WEBHOOK_LUA_PROGRAM)
    get_filename_component(interpreter ${WEBHOOK_LUA_PROGRAM} NAME)
    string(REPLACE "#!/usr/bin/env lua5.4\n" "#!/usr/bin/env ${interpreter}\n" command "${command}")
  endif()
  file(WRITE ${PROJECT_BINARY_DIR}/bin/webhook "${command}")
  install(PROGRAMS ${PROJECT_BINARY_DIR}/bin/webhook DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
