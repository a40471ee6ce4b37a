file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS core/src/*.c)
file(GLOB json_sources CONFIGURE_DEPENDS core/src/pure/json_*.c core/src/base/buf.c core/src/base/mem.c
     core/src/base/error.c core/src/base/utf8.c core/src/pure/fields.c)
set(core_libraries dep::curl dep::ssl dep::crypto dep::sqlite Threads::Threads)

# Compiled once, for the static and the shared library.
add_library(webhook_objects OBJECT ${core_sources})
target_include_directories(webhook_objects PUBLIC core/include core/src)
target_link_libraries(webhook_objects PUBLIC ${core_libraries})

add_library(webhook_static STATIC $<TARGET_OBJECTS:webhook_objects>)
add_library(webhook_shared SHARED $<TARGET_OBJECTS:webhook_objects>)
set(libraries webhook_static webhook_shared)
if(NOT APPLE AND NOT WEBHOOK_SANITIZE)
  target_link_options(webhook_shared PRIVATE -Wl,--no-undefined)
endif()
set_target_properties(webhook_shared PROPERTIES OUTPUT_NAME webhook SOVERSION 0 VERSION ${PROJECT_VERSION}
                      EXPORT_NAME webhook)
set_target_properties(webhook_static PROPERTIES OUTPUT_NAME webhook EXPORT_NAME webhook_static)
foreach(library ${libraries})
  target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/core/include>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
target_link_libraries(webhook_shared PRIVATE ${core_libraries})
target_link_libraries(webhook_static PUBLIC ${core_libraries})

if(WEBHOOK_LUA)
  file(GLOB rule_sources CONFIGURE_DEPENDS lua/rule/*.c)
  add_library(webhook_rule_objects OBJECT ${rule_sources})
  target_include_directories(webhook_rule_objects PUBLIC lua/rule core/include core/src)
  target_link_libraries(webhook_rule_objects PUBLIC dep::lua dep::crypto)

  # For C programs. The shared one carries the JSON scanner itself: libwebhook hides its own.
  add_library(webhook_rule STATIC $<TARGET_OBJECTS:webhook_rule_objects>)
  add_library(webhook_rule_shared SHARED $<TARGET_OBJECTS:webhook_rule_objects> ${json_sources})
  target_include_directories(webhook_rule_shared PRIVATE core/src)
  if(NOT APPLE AND NOT WEBHOOK_SANITIZE)
    target_link_options(webhook_rule_shared PRIVATE -Wl,--no-undefined)
  endif()
  set_target_properties(webhook_rule_shared PROPERTIES OUTPUT_NAME webhook_rule SOVERSION 0 VERSION ${PROJECT_VERSION}
                        EXPORT_NAME rule)
  set_target_properties(webhook_rule PROPERTIES OUTPUT_NAME webhook_rule EXPORT_NAME rule_static)
  foreach(library webhook_rule webhook_rule_shared)
    target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lua/rule>
                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    list(APPEND libraries ${library})
  endforeach()
  target_link_libraries(webhook_rule PUBLIC webhook_static dep::lua m)
  target_link_libraries(webhook_rule_shared PUBLIC webhook_shared PRIVATE dep::lua dep::crypto m)
endif()

# ------------------------------------------------------------------ installation for C
option(WEBHOOK_INSTALL_C "Install the C libraries, headers and package files" ON)
if(WEBHOOK_INSTALL_C)
  install(TARGETS ${libraries} EXPORT webhook
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES core/include/webhook.h core/include/webhook_backend.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  if(WEBHOOK_LUA)
    install(FILES lua/rule/webhook_rule.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  endif()

  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/webhook)
  include(CMakePackageConfigHelpers)
  install(EXPORT webhook NAMESPACE webhook:: DESTINATION ${package_dir} FILE webhook-targets.cmake)
  configure_package_config_file(core/cmake/webhook-config.cmake.in ${PROJECT_BINARY_DIR}/webhook-config.cmake
                                INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/webhook-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/webhook-config.cmake ${PROJECT_BINARY_DIR}/webhook-config-version.cmake
          core/cmake/Dependencies.cmake DESTINATION ${package_dir})

  set(pc_lua ${WEBHOOK_LUA_VERSION})
  foreach(file webhook webhook_rule)
    if(WEBHOOK_LUA OR file STREQUAL "webhook")
      configure_file(core/cmake/${file}.pc.in ${PROJECT_BINARY_DIR}/${file}.pc @ONLY)
      install(FILES ${PROJECT_BINARY_DIR}/${file}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    endif()
  endforeach()
endif()
