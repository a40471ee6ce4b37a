# libwebhook, the rule engine and the HTTP server, each static and shared, and their installation for C.
option(WEBHOOK_INSTALL_C "Build and install the C libraries with headers and package files" ON)
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS core/src/*.c)
list(FILTER core_sources EXCLUDE REGEX "/core/src/http/")

# The document of the API's routes is a file that one can read, and part of the library.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS core/src/faces/openapi.json)
file(READ core/src/faces/openapi.json openapi HEX)
string(LENGTH "${openapi}" openapi_size)
math(EXPR openapi_size "${openapi_size} / 2")
string(REGEX REPLACE "(..)" "0x\\1," openapi "${openapi}")
string(REGEX REPLACE "(................................................................................)" "\\1\n"
       openapi "${openapi}")
file(CONFIGURE OUTPUT openapi.c @ONLY CONTENT
     "#include \"faces/api.h\"\n\nconst char whi_openapi[] = {\n@openapi@0 };\nconst size_t whi_openapi_size = @openapi_size@;\n")
list(APPEND core_sources ${PROJECT_BINARY_DIR}/openapi.c)

# So are the files of the page in the browser, in one table.
file(GLOB page_files CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/core/src/faces/page core/src/faces/page/*)
set(page_type.html "text/html; charset=utf-8")
set(page_type.css "text/css; charset=utf-8")
set(page_type.js "text/javascript; charset=utf-8")
set(page_type.svg "image/svg+xml")
set(page_texts "")
set(page_table "")
foreach(name ${page_files})
  set(file ${PROJECT_SOURCE_DIR}/core/src/faces/page/${name})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} bytes HEX)
  file(SHA256 ${file} mark)
  string(SUBSTRING ${mark} 0 32 mark)
  string(LENGTH "${bytes}" size)
  math(EXPR size "${size} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(................................................................................)" "\\1\n"
         bytes "${bytes}")
  get_filename_component(ending ${name} LAST_EXT)
  string(MAKE_C_IDENTIFIER ${name} identifier)
  string(APPEND page_texts "static const char ${identifier}[] = {\n${bytes}0 };\n\n")
  string(APPEND page_table "    { \"${name}\", \"${page_type${ending}}\", \"\\\"${mark}\\\"\", ${identifier}, ${size} },\n")
endforeach()
file(CONFIGURE OUTPUT page.c @ONLY CONTENT
     "#include \"faces/api.h\"\n\n@page_texts@const whi_page_file whi_page_files[] = {\n@page_table@    { 0 },\n};\n")
list(APPEND core_sources ${PROJECT_BINARY_DIR}/page.c)

set(core_libraries webhook_dep::curl webhook_dep::ssl webhook_dep::sqlite webhook_dep::zlib Threads::Threads)

# Databases and queues that are delivered to: what there is no client for is left out, and said at run time.
foreach(database postgres mariadb redis rabbitmq kafka)
  set(webhook_${database}_built OFF)
  if(TARGET webhook_dep::${database})
    set(webhook_${database}_built ON)
    list(APPEND core_libraries webhook_dep::${database})
    string(TOUPPER ${database} word)
    set_property(SOURCE core/src/outside/destination.c core/src/outside/queue.c APPEND PROPERTY COMPILE_DEFINITIONS WEBHOOK_HAS_${word})
  else()
    list(FILTER core_sources EXCLUDE REGEX "/(destination_${database}|${database}_session|queue_${database}).c$")
  endif()
endforeach()

# Compiled once, for the static and the shared library and the Lua module.
add_library(webhook_objects OBJECT ${core_sources})
target_include_directories(webhook_objects PUBLIC core/include core/src)
target_link_libraries(webhook_objects PUBLIC ${core_libraries})

add_library(webhook_static STATIC $<TARGET_OBJECTS:webhook_objects>)
add_library(webhook_shared SHARED $<TARGET_OBJECTS:webhook_objects>)
target_link_libraries(webhook_static PUBLIC ${core_libraries})
target_link_libraries(webhook_shared PRIVATE ${core_libraries})
set_target_properties(webhook_static PROPERTIES OUTPUT_NAME webhook EXPORT_NAME webhook_static)
set_target_properties(webhook_shared PROPERTIES OUTPUT_NAME webhook EXPORT_NAME webhook)
set(static_libraries webhook_static)
set(shared_libraries webhook_shared)
set(headers core/include/webhook.h core/include/webhook_api.h core/include/webhook_explain.h core/include/webhook_sign.h core/include/webhook_backend.h core/include/webhook_source.h core/include/webhook_store.h)
set(packages webhook)

if(WEBHOOK_LUA)
  file(GLOB rule_sources CONFIGURE_DEPENDS lua/rule/*.c)
  add_library(webhook_rule_objects OBJECT ${rule_sources})
  target_include_directories(webhook_rule_objects PUBLIC lua/rule core/include core/src)
  target_link_libraries(webhook_rule_objects PUBLIC webhook_dep::lua webhook_dep::ssl)

  # libwebhook.so hides what rules need of it (the JSON scanner), so the shared one carries a
  # copy, and hides that in turn: a second wh_last_error would be asked instead of the first.
  add_library(webhook_rule STATIC $<TARGET_OBJECTS:webhook_rule_objects>)
  add_library(webhook_rule_shared SHARED $<TARGET_OBJECTS:webhook_rule_objects>)
  target_link_libraries(webhook_rule PUBLIC webhook_static webhook_dep::lua m)
  target_link_libraries(webhook_rule_shared INTERFACE webhook_shared
                        PRIVATE $<BUILD_INTERFACE:$<TARGET_FILE:webhook_static>> webhook_dep::lua webhook_dep::ssl m)
  add_dependencies(webhook_rule_shared webhook_static)
  webhook_export_only(webhook_rule_shared wh_rule_lua)
  set_target_properties(webhook_rule PROPERTIES OUTPUT_NAME webhook_rule EXPORT_NAME rule_static)
  set_target_properties(webhook_rule_shared PROPERTIES OUTPUT_NAME webhook_rule EXPORT_NAME rule)
  list(APPEND static_libraries webhook_rule)
  list(APPEND shared_libraries webhook_rule_shared)
  list(APPEND headers lua/rule/webhook_rule.h)
  list(APPEND packages webhook_rule)
endif()

set(webhook_http_built OFF)
if(TARGET webhook_dep::http)
  set(webhook_http_built ON)
  file(GLOB http_sources CONFIGURE_DEPENDS core/src/http/*.c)
  add_library(webhook_http_objects OBJECT ${http_sources})
  target_include_directories(webhook_http_objects PUBLIC core/include core/src)
  target_link_libraries(webhook_http_objects PUBLIC webhook_dep::http Threads::Threads)

  # Of what libwebhook.so hides it uses memory, conditions and sockets; it has its own copy of those.
  add_library(webhook_http STATIC $<TARGET_OBJECTS:webhook_http_objects>)
  target_link_libraries(webhook_http PUBLIC webhook_static webhook_dep::http)
  set_target_properties(webhook_http PROPERTIES OUTPUT_NAME webhook_http EXPORT_NAME http_static)
  list(APPEND static_libraries webhook_http)
  add_library(webhook_http_shared SHARED $<TARGET_OBJECTS:webhook_http_objects> core/src/base/condition.c
              core/src/base/mem.c core/src/base/socket.c)
  target_include_directories(webhook_http_shared PRIVATE core/src)
  target_link_libraries(webhook_http_shared PUBLIC webhook_shared PRIVATE webhook_dep::http webhook_dep::ssl Threads::Threads)
  webhook_export_only(webhook_http_shared "wh_http_*")
  set_target_properties(webhook_http_shared PROPERTIES OUTPUT_NAME webhook_http EXPORT_NAME http)
  list(APPEND shared_libraries webhook_http_shared)
  list(APPEND headers core/include/webhook_http.h)
  list(APPEND packages webhook_http)
endif()

set(libraries ${static_libraries} ${shared_libraries})
# Moves when a program that was built before would not run any more; see webhook.h. Not with a version.
set(WEBHOOK_SONAME 1)
set_target_properties(${shared_libraries} PROPERTIES SOVERSION ${WEBHOOK_SONAME} VERSION ${WEBHOOK_SONAME}.${PROJECT_VERSION})
foreach(library ${shared_libraries})
  if(NOT APPLE AND NOT WEBHOOK_SANITIZE)
    target_link_options(${library} PRIVATE -Wl,--no-undefined)
  endif()
endforeach()
foreach(library ${libraries})
  target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/core/include>
                             $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lua/rule>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

if(NOT WEBHOOK_INSTALL_C)
  set_target_properties(${libraries} PROPERTIES EXCLUDE_FROM_ALL ON)
  return()
endif()

install(TARGETS ${libraries} EXPORT webhook
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/webhook)
configure_package_config_file(core/cmake/webhook-config.cmake.in ${PROJECT_BINARY_DIR}/webhook-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/webhook-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT webhook NAMESPACE webhook:: DESTINATION ${package_dir} FILE webhook-targets.cmake)
install(FILES ${PROJECT_BINARY_DIR}/webhook-config.cmake ${PROJECT_BINARY_DIR}/webhook-config-version.cmake
        core/cmake/Dependencies.cmake core/cmake/Lua.cmake DESTINATION ${package_dir})

# The .pc files find their prefix from where they lie, so an installation can be moved. What
# the static libraries need is named flatly: as Requires.private, `pkg-config --static` would
# ask for all that libcurl itself is made of, which Debian does not install with it.
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix ${pc_dir} ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH pc_libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH pc_includedir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
set(webhook_flags -lcurl -lssl -lcrypto -lsqlite3 -lz)
if(webhook_curl_FOUND AND webhook_ssl_FOUND AND webhook_sqlite_FOUND AND webhook_zlib_FOUND)
  set(webhook_flags ${webhook_curl_LDFLAGS} ${webhook_ssl_LDFLAGS} ${webhook_sqlite_LDFLAGS} ${webhook_zlib_LDFLAGS})
endif()
set(webhook_postgres_flag -lpq)
set(webhook_mariadb_flag -lmariadb)
set(webhook_redis_flag -lhiredis)
set(webhook_rabbitmq_flag -lrabbitmq)
set(webhook_kafka_flag -lrdkafka)
foreach(database postgres mariadb redis rabbitmq kafka)
  if(webhook_${database}_built AND webhook_${database}_FOUND)
    list(APPEND webhook_flags ${webhook_${database}_LDFLAGS})
  elseif(webhook_${database}_built)
    list(APPEND webhook_flags ${webhook_${database}_flag})
  endif()
endforeach()
list(APPEND webhook_flags -lm) # of SQLite, where that is an archive, too
foreach(library ${CMAKE_DL_LIBS})
  list(APPEND webhook_flags -l${library})
endforeach()
list(JOIN webhook_flags " " pc_libraries)
list(JOIN webhook_lua_flags " " pc_lua_libraries)
set(pc_http_libraries -lmicrohttpd)
if(webhook_http_FOUND)
  list(JOIN webhook_http_LDFLAGS " " pc_http_libraries)
endif()
foreach(package ${packages})
  configure_file(core/cmake/${package}.pc.in ${PROJECT_BINARY_DIR}/${package}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
